"""Mirrors: folders with the files of data sets and a SHA256SUMS, for machines that reach no public host."""

from dataclasses import dataclass
from pathlib import Path

from . import files, manifest, places, registry, sources
from .errors import Damaged, NotAtHand


@dataclass(frozen=True)
class Written:
    """A file that `write` has put into a mirror, and where it came from, such as ``"cache (from the host)"``."""

    name: str
    path: Path
    bytes: int
    origin: str


@dataclass(frozen=True)
class Verdict:
    """What `verify` found of a file: ``"ok"``, ``"changed"``, ``"missing"`` or ``"unreadable"``."""

    file: str
    state: str

    @property
    def ok(self):
        return self.state == "ok"


def write(directory, names=None, *, progress=True):
    """Make a mirror, or add to one: what ``course data mirror DIR`` does.

    Parameters
    ----------
    directory : path
        Made where it does not exist. Other files that its SHA256SUMS lists stay.
    names : str or sequence of str, optional
        The data sets; all of them by default. Each is taken from where `course_utils.datasets.load` would take it.
    progress : bool
        Show a bar on stderr while downloading.

    Returns
    -------
    list of Written
        ``name``, ``path``, ``bytes``, ``origin``.

    Raises
    ------
    DatasetUnavailable
        One of the data sets is found nowhere. Those before it are in the mirror, and whole.
    OSError
        The directory cannot be written, or has a SHA256SUMS that cannot be read. That is left as it is.
    ValueError
        No data set has one of the names.

    Notes
    -----
    Explained on the home page of the book, under Offline.
    """
    names = registry.DATASETS if names is None else [names] if isinstance(names, str) else names
    entries = [registry.entry(name) for name in names]
    written = []
    for entry in entries:
        with sources.at_hand(entry, progress) as (path, origin):
            written.append(add(directory, entry.name, entry.file, path, origin))
    return written


def add(directory, name, file, path, origin):
    """Copy the file at ``path`` into a mirror as ``file`` and list it; what else the mirror lists stays.

    Returns
    -------
    Written

    Raises
    ------
    OSError
        The directory cannot be written, or has a SHA256SUMS that cannot be read. That is left as it is.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    target, digest = directory / file, files.sha256(path)
    with files.one_at_a_time(directory):
        try:
            manifest.read(directory)  # before gigabytes are copied
        except Damaged as damage:
            raise OSError(f"{damage}. Correct that first, so that nothing which the mirror lists is lost.") from damage
        except NotAtHand:
            pass  # it is a new mirror
        if not (target.exists() and target.samefile(path)):
            files.copy(path, target)
        if files.sha256(target) != digest:
            raise OSError(f"{target} is not what was written to it; the disk may be failing.")
        manifest.add(directory, file, digest)
    return Written(name, target, target.stat().st_size, origin)


def verify(directory=None):
    """Compare every file of a mirror with its SHA256SUMS: what ``course data verify`` does.

    Parameters
    ----------
    directory : path, optional
        The mirror that ``COURSE_UTILS_MIRROR`` names by default.

    Returns
    -------
    list of Verdict
        ``file``, ``state``, and ``ok``, in the order of the manifest.

    Raises
    ------
    FileNotFoundError
        There is no such folder, it has no readable SHA256SUMS, or no mirror is named.
    """
    folder = places.mirror_folder() if directory is None else Path(directory)
    if folder is None:
        raise FileNotFoundError("COURSE_UTILS_MIRROR is not set: set it, or say which folder to verify.")
    try:
        listed = manifest.read(folder)
    except NotAtHand as reason:
        raise FileNotFoundError(f"{reason}.") from reason
    return [Verdict(file, _state(folder / file, digest)) for file, digest in listed.items()]


def _state(path, digest):
    try:
        return "ok" if files.sha256(path) == digest else "changed"
    except FileNotFoundError:
        return "missing"
    except OSError:
        return "unreadable"


def locate(file):
    """Path of a file in the mirror in force, compared with its checksum; None where the mirror does not have it.

    For what is no data set, such as pretrained weights.

    Parameters
    ----------
    file : str
        Such as ``"vgg16_notop.weights.h5"``.

    Raises
    ------
    OSError
        The mirror lists the file, but it is missing or another.
    """
    folder = places.mirror_folder()
    if folder is None:
        return None
    try:
        return manifest.checked_path(folder, file)
    except Damaged as damage:
        raise OSError(str(damage)) from damage
    except NotAtHand:
        return None
