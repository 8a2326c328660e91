"""Examine this machine for the course: what is there, and what to do about what is not."""

import contextlib
import importlib.util
import io
import os
import platform
import shutil
import sys
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from .packages import install_command

BACKENDS = {"tensorflow": ("tensorflow", "tensorflow-cpu"), "jax": ("jax",), "torch": ("torch",)}

_CHROMIUM = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


@dataclass
class Report:
    """What `examine` found: rows of (topic, finding), what to do in order, and whether the course cannot run at all.

    Examples
    --------
    >>> report = Report()
    >>> report.find("Python", "3.12.4")
    >>> report.advise("Install Chromium.")
    >>> print(report)
    Python    3.12.4
    <BLANKLINE>
    To do:
      1. Install Chromium.
    """

    rows: list = field(default_factory=list)
    advice: list = field(default_factory=list)
    broken: bool = False

    def find(self, topic, *findings):
        """Add findings, the topic shown once."""
        self.rows += [(topic if number == 0 else "", finding) for number, finding in enumerate(findings)]

    def advise(self, text, *, broken=False):
        """Add something to do; ``broken`` where nothing of the course runs before that."""
        self.advice.append(text)
        self.broken |= broken

    def __str__(self):
        lines = [f"{topic:9} {finding}" for topic, finding in self.rows]
        steps = [f"  {number}. {text}" for number, text in enumerate(self.advice, 1)]
        return "\n".join([*lines, "", *(["To do:", *steps] if steps else ["Nothing is missing."])])


def chromium():
    """Path of an installed Chromium, which the browser tests drive; None where there is none.

    Examples
    --------
    >>> path = chromium()
    >>> path is None or "chrom" in path
    True
    """
    return next(filter(None, map(shutil.which, _CHROMIUM)), None)


def examine():
    """Look at everything that the course uses. Takes some seconds, since Keras and its backend are imported.

    Returns
    -------
    Report
        Printed, it is what ``course doctor`` shows.

    Examples
    --------
    >>> print(examine())  # doctest: +SKIP
    Python    3.12.4 in /home/ada/course/.venv
    ...
    Nothing is missing.
    """
    report = Report()
    _python(report)
    if _backend(report):
        _profile(report)
    if _data(report):
        _networks(report)
    _tools(report)
    _address(report)
    return report


def _version(*distributions):
    for name in distributions:
        with contextlib.suppress(metadata.PackageNotFoundError):
            return f"{name} {metadata.version(name)}"
    return None


def _python(report):
    report.find("Python", f"{platform.python_version()} in {sys.prefix}")
    core = ["course-utils", "numpy", "keras", "matplotlib", "seaborn", "pandas", "pillow", "pooch", "scikit-learn"]
    report.find("Packages", ", ".join(_version(name) or f"{name} MISSING" for name in core))
    missing = [name for name in core if not _version(name)]
    if missing:
        report.advise(f"Install {', '.join(missing)}: {install_command(*missing)}", broken=True)


def _backend(report):
    """Import Keras on the chosen backend; say whether that worked."""
    from .budget import devices

    report.find("Backends", ", ".join(_version(*names) or f"no {name}" for name, names in BACKENDS.items()))
    installed = [name for name in BACKENDS if importlib.util.find_spec(name)]
    if not installed:
        report.advise(
            "Install a backend for Keras. Without a preference: "
            f"{install_command('tensorflow')} (with an NVIDIA GPU: 'tensorflow[and-cuda]')",
            broken=True,
        )
        return False
    _say("Asking Keras what it sees ...")
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            import keras
    except Exception as error:  # whatever it is, the report goes on and says so
        chosen = os.environ.get("KERAS_BACKEND") or "the one that ~/.keras/keras.json names, else tensorflow"
        report.find("Keras", f"cannot be imported: {_first_line(error)}")
        report.advise(
            f"Keras' backend is {chosen}; installed: {', '.join(installed)}. Set KERAS_BACKEND={installed[0]}.",
            broken=True,
        )
        return False
    backend = keras.config.backend()
    try:
        found = devices()
    except Exception as error:  # a driver that does not fit, for one
        report.find("Keras", f"{keras.__version__} on {backend}, whose devices cannot be told: {_first_line(error)}")
        report.advise(f"Let {backend} see a device: nothing can be computed before that.", broken=True)
        return False
    report.find("Keras", f"{keras.__version__} on {backend}, devices: {', '.join(found)}")
    if shutil.which("nvidia-smi") and all(device.lower().startswith("cpu") for device in found):
        report.advise(
            f"There is an NVIDIA driver, but {backend} does not see its GPU. "
            f"For TensorFlow: {install_command('tensorflow[and-cuda]')}"
        )
    return True


def _profile(report):
    from .budget import budget, requested_profile

    try:
        asked = requested_profile()
    except ValueError as error:
        report.find("Profile", str(error))
        report.advise("Set COURSE_PROFILE to smoke, laptop or full, or unset it.", broken=True)
        return
    if asked:
        report.find("Profile", f"{asked}, set by COURSE_PROFILE")
        return
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        budget()
    report.find("Profile", printed.getvalue().strip().removeprefix("Profile "))


def _data(report):
    """Which data sets are at hand; says whether the folders that the environment names can be looked into."""
    from .datasets import places, status

    try:
        rows, mirror = status(), places.mirror_folder()
    except ValueError as error:  # a folder that the environment names and that cannot be
        report.find("Data", str(error))
        report.advise("Correct or unset the variable; data and networks are looked for after that.")
        return False
    try:
        cache = places.cache_folder()
    except OSError as error:
        cache = f"none; {error}"
    findings = []
    for row in rows:
        where = [f"{place} ({size / 1e6:,.0f} MB)" for place in ("cache", "mirror") if (size := getattr(row, place))]
        findings.append(
            f"{row.name}: {' and '.join(where) or f'not at hand, {row.download / 1e6:,.0f} MB to download'}"
        )
    report.find("Data", *findings, f"cache: {cache}", f"mirror: {mirror or 'COURSE_UTILS_MIRROR not set'}")
    absent = [row.name for row in rows if not row.at_hand]
    if mirror is not None and not mirror.is_dir():
        report.advise(f"COURSE_UTILS_MIRROR names {mirror}, which is no folder. Correct or unset it.")
    if absent:
        report.advise(
            f"Fetch data before you need it: course data fetch {' '.join(absent)}. Offline: a mirror "
            "(`course data mirror` makes one), or COURSE_PROFILE=smoke, which draws its own."
        )
    return True


def _networks(report):
    """Which trained networks are at hand: files are looked for, nothing is imported or downloaded."""
    from .models import weights

    places = {"mirror": "mirror", "package": "installed", "download": "downloaded by Keras"}
    rows = weights.status()
    missing = [row for row in rows if row.place is None]
    packages = [name for row in missing for name in row.network.packages]
    to_download = [row for row in missing if row.download]
    report.find("Networks", *(f"{row.name}: {places.get(row.place) or _absent(row)}" for row in rows))
    if packages:
        report.advise(f"For trained networks without a data host: {install_command(*packages)}")
    if to_download:
        files = " or ".join(file.name for file in to_download[0].network.files)
        report.advise(
            f"Only for {', '.join(row.name for row in to_download)}: with a connection, Keras downloads the weights "
            f"when they are first asked for. Offline: a mirror whose SHA256SUMS lists the file, such as {files}."
        )


def _absent(row):
    if row.download:
        return f"not at hand, {row.download / 1e6:,.0f} MB for Keras to download"
    packages = " ".join(row.network.packages) or "course_utils, which must be installed again"
    return f"not at hand, {row.network.files[0].bytes / 1e6:,.0f} MB in {packages}"


def _tools(report):
    tools = {"nbval": "validate", "nbclient": "execute", "jupyter-book": "the book", "pytest": "the tests"}
    report.find("Tools", ", ".join(_version(name) or f"no {name}" for name in tools))
    missing = [f"{name} for {use}" for name, use in tools.items() if not _version(name)]
    if missing and _clone() is not None:
        report.advise(f"Only for authors and instructors: {', '.join(missing)}. `make install` brings them all.")
    browser = chromium()
    report.find("Chromium", browser or "none")
    if browser is None and _clone() is not None:
        report.advise("Only for the browser tests: install Chromium (Debian, Ubuntu: apt-get install chromium).")


def _address(report):
    """The repository's address, where this is a clone of it."""
    root = _clone()
    if root is None:
        return
    try:
        from .authoring.setup_cell import address_is_set, repository

        address, filled_in = repository(root)[0], address_is_set(root)
    except ImportError:
        return  # reading it needs the packages for authors, whose absence has its own line
    except ValueError as error:
        address, filled_in = str(error), False
    report.find("Address", address)
    if not filled_in:
        report.advise(
            "Only for whoever publishes a copy: fill in the repository's address (url, in _config.yml), "
            "then run `course format`. Until then the Colab buttons lead nowhere."
        )


def _clone():
    """Root of the clone that we are in; None where the package was installed by itself."""
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / "_config.yml").is_file()), None)


def _first_line(error):
    return f"{type(error).__name__}: {error}".splitlines()[0]


def _say(text):
    print(text, file=sys.stderr, flush=True)
