"""Run the notebooks at smoke on each of Keras' backends, and write the table that chapter 13 shows.

Each backend but TensorFlow gets an environment of its own, ``.venv-jax`` and ``.venv-torch``: everything that the
project's environment has, by a file that adds its folder to the path, and one package more. So the other versions are
those of the lock, which neither JAX nor PyTorch is in.
"""

import ast
import datetime
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
from dataclasses import dataclass, field
from pathlib import Path

from ..backends import BACKENDS, TITLES, installed
from .files import find_root, notebook_paths, read_notebook, shown, write_text
from .rules import FRAMEWORK_PAGES

TABLE = Path("book/backends.inc")
REQUIREMENTS = {"jax": "jax>=0.4.35", "torch": "torch>=2.4"}  # as the extras of pyproject.toml
_SECONDS = 1800  # a notebook that takes longer at smoke has not finished

# What makes a printed number depend on chance or on the clock: calls and modules, by the last part of their names.
_CHANCE = {
    "Model", "Sequential", "clone_model", "dense_network", "evaluate", "fit", "measure", "model_1", "model_2",
    "model_3", "model_4", "model_5", "patients", "perf_counter", "random", "set_random_seed", "small_convnet",
    "strangers", "time", "train", "train_on_batch", "training", "with_classifier",
}  # fmt: skip
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?(?!\w|\.\d)(?! ?(?:s|ms|min|MB|images/s)\b)")


@dataclass
class Row:
    """A notebook on the backends: what it took, what failed, and how far its fixed results are apart.

    ``difference`` is the largest one from the first backend's, as a share of numbers above 1; NaN where nothing was
    compared.
    """

    notebook: str
    seconds: dict = field(default_factory=dict)
    failures: dict = field(default_factory=dict)
    difference: dict = field(default_factory=dict)


def run_on_backends(paths=(), *, only_at_hand=False, table=True, say=print):
    """Run notebooks at smoke on TensorFlow, JAX and PyTorch.

    Parameters
    ----------
    paths : sequence of path-like
        By default every chapter and solution that is not about one framework.
    only_at_hand : bool
        Make no environment and install nothing: a backend whose package is not there is left out, and said so.
    table : bool
        Write ``book/backends.inc``. If ``paths`` are given, the rows of other notebooks stay.
    say : callable
        Is given a line about each run.

    Returns
    -------
    list of Row

    Raises
    ------
    RuntimeError
        A backend cannot be installed, or Keras does not start on it.
    ValueError
        Rows would join a table of other versions; nothing was run.
    """
    root = find_root()
    before = (root / TABLE).read_text(encoding="utf-8") if table and paths and (root / TABLE).exists() else ""
    paths = [Path(path) for path in paths] or [
        path for path in notebook_paths(root, ("book", "solutions")) if not path.name.startswith(FRAMEWORK_PAGES)
    ]
    pythons, versions = {}, {}
    for name in BACKENDS:
        python = _environment(root, name, only_at_hand)
        if python is None:
            say(f"{TITLES[name]} is not at hand, and left out.")
            continue
        versions[name] = _starts(python, name)
        pythons[name] = python
    if only_at_hand and len(pythons) < 2:
        return []  # the one that is left has its own run
    if before:
        _read_table(before, versions)  # refused now, better than after an hour of runs
    rows = []
    for path in paths:
        row, executed = Row(shown(path)), {}
        for name, python in pythons.items():
            executed[name] = _run(root, path, name, python, row)
            verdict = row.failures.get(name, "passed")
            say(f"{row.notebook} on {TITLES[name]}: {verdict}, {row.seconds[name]:.0f} s")
        for name in list(executed)[1:]:
            row.difference[name] = difference(executed[next(iter(executed))], executed[name])
        rows.append(row)
    if table:
        write_text(root / TABLE, as_table(rows, versions, before=before))
    return rows


def _environment(root, name, only_at_hand):
    """The Python that has a backend; it is made where it may be."""
    if name in installed():
        return Path(sys.executable)
    folder = root / f".venv-{name}"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists() and only_at_hand:
        return None
    if not python.exists():
        venv.create(folder, with_pip=True)
    site = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    )
    # The project by itself: of a folder that is added so, Python reads no such file, by which the project is installed.
    added = f"{sysconfig.get_path('purelib')}\n{root}\n"
    Path(site.stdout.strip(), "course.pth").write_text(added, encoding="utf-8")
    if subprocess.run([python, "-c", f"import {name}"], capture_output=True, check=False).returncode:
        if only_at_hand:
            return None
        command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", REQUIREMENTS[name]]
        if subprocess.run(command, check=False).returncode:
            raise RuntimeError(f"{REQUIREMENTS[name]} could not be installed into {folder}; pip says why above.")
    return python


def _starts(python, name):
    """The version of a backend, once Keras has started on it and has chosen a profile where none is asked for."""
    code = (
        f"import course_utils, keras, {name}; print(keras.config.backend(), course_utils.profile(), {name}.__version__)"
    )
    environment = {**os.environ, "KERAS_BACKEND": name, "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment.pop("COURSE_PROFILE", None)
    done = subprocess.run([python, "-c", code], env=environment, capture_output=True, text=True, check=False)
    if done.returncode or done.stdout.split()[0] != name:
        raise RuntimeError(f"Keras does not start on {TITLES[name]}:\n{done.stdout}{done.stderr[-2000:]}")
    return done.stdout.split()[-1].partition("+")[0]


def _run(root, path, name, python, row):
    """Validate a notebook at smoke; the executed one, or None."""
    environment = {**os.environ, "KERAS_BACKEND": name}
    if name == "jax":  # what it compiles is kept beside its environment: a second run takes two thirds of the time
        environment |= {
            "JAX_COMPILATION_CACHE_DIR": str(python.parents[1] / "compiled"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        }
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        command = [
            python,
            "-m",
            "course_utils.cli",
            "validate",
            "--profile",
            "smoke",
            "--quiet",
            "--keep",
            folder,
            path,
        ]
        try:
            done = subprocess.run(
                command, cwd=root, env=environment, capture_output=True, text=True, check=False, timeout=_SECONDS
            )
        except subprocess.TimeoutExpired:
            row.failures[name] = f"not done after {_SECONDS} s"
            done = None
        row.seconds[name] = time.monotonic() - started
        if done is not None and done.returncode:
            row.failures[name] = _failure(done.stdout)
        kept = list(Path(folder).rglob("*.ipynb"))
        return read_notebook(kept[0]) if kept else None


def _failure(output):
    """The line of the report that says what failed."""
    lines = [line.strip() for line in output.splitlines() if line.startswith("    code cell")]
    return f"failed: {lines[0]}" if lines else "failed"


# ----------------------------------------------------------------------------------------------------- what is compared


def difference(one, other):
    """The largest difference of two runs of a notebook, in what depends neither on a training nor on a clock.

    Compared are the cells tagged ``nbval-check-output``, and numbers that other cells print if nothing they use comes
    from a training, from new weights, from chance or from a clock.

    Parameters
    ----------
    one, other : nbformat.NotebookNode or None

    Returns
    -------
    float
        As a share of numbers above 1; infinity where one printed other words or another count of numbers, NaN where
        nothing was compared.
    """
    if one is None or other is None:
        return float("nan")
    largest = float("nan")
    fixed = _fixed_cells(one)
    for first, second in zip(one.cells, other.cells, strict=True):
        if first.get("id") not in fixed:
            continue
        ours, theirs = _numbers(first), _numbers(second)
        if not ours and not theirs:
            continue
        apart = [abs(a - b) / max(1.0, abs(a)) for a, b in zip(ours, theirs, strict=False)]
        found = max(apart, default=0.0) if len(ours) == len(theirs) else float("inf")
        largest = found if largest != largest else max(largest, found)
    return largest


def _fixed_cells(notebook):
    """Ids of the cells whose numbers are the same at every run."""
    tainted, fixed = set(), set()
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        tagged = "nbval-check-output" in cell.metadata.get("tags", ())
        try:
            tree = ast.parse(cell.source)
        except SyntaxError:
            continue
        used = {part.id for part in ast.walk(tree) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)}
        called = {part.attr for part in ast.walk(tree) if isinstance(part, ast.Attribute)} | used
        if called & _CHANCE or used & tainted:
            tainted |= {part.id for part in ast.walk(tree) if isinstance(part, ast.Name) and not _loads(part)}
            tainted |= {part.name for part in ast.walk(tree) if isinstance(part, (ast.FunctionDef, ast.ClassDef))}
            if not tagged:
                continue
        fixed.add(cell.get("id"))
    return fixed


def _loads(name):
    return isinstance(name.ctx, ast.Load)


def _numbers(cell):
    texts = []
    for output in cell.get("outputs", ()):
        if output.output_type == "stream" and output.get("name") == "stdout":
            texts.append(output.text)
        elif "data" in output and not any(kind.startswith("application/papermill") for kind in output.data):
            texts.append(output.data.get("text/plain", ""))
    lines = [line for text in texts for line in text.splitlines() if not line.startswith("<Figure")]
    return [float(found.replace(",", "")) for line in lines for found in _NUMBER.findall(line)]


# ---------------------------------------------------------------------------------------------------------- the table


def as_table(rows, versions, day=None, before=""):
    """What chapter 13 includes: a row a notebook, in MyST's Markdown.

    Parameters
    ----------
    rows : sequence of Row
    versions : dict of str to str
        By backend.
    day : str, optional
        By default today.
    before : str
        An earlier table: its day and its rows stay. New rows of another day have theirs behind the notebook's name.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        The earlier table is of other backends or versions.

    Examples
    --------
    >>> row = Row("book/05.ipynb", {"tensorflow": 9.6, "jax": 12.2}, {"jax": "failed"}, {"jax": 2e-7})
    >>> print(as_table([row], {"tensorflow": "2.21.0", "jax": "0.10.2"}, "2026-11-30"))
    Run on 2026-11-30 at the smoke profile: TensorFlow 2.21.0, JAX 0.10.2; 1 of 2 runs passed.
    <BLANKLINE>
    | notebook | TensorFlow | JAX | largest difference |
    | --- | --- | --- | --- |
    | 05 | 10 s | failed | 2e-07 |
    <BLANKLINE>
    """
    day = day or datetime.date.today().isoformat()
    first_day, lines = _read_table(before, versions) if before else (day, {})
    for row in rows:
        cells = ["failed" if name in row.failures else f"{row.seconds[name]:.0f} s" for name in versions]
        apart = [value for value in row.difference.values() if value == value]
        cells.append(f"{max(apart):.0e}" if apart and max(apart) > 0 else "0" if apart else "-")
        title = _title(row.notebook)
        shown_title = title if day == first_day else f"{title} ({day})"
        lines[title] = f"| {shown_title} | " + " | ".join(cells) + " |"
    runs = len(lines) * len(versions)
    passed = runs - sum(line.count("| failed ") for line in lines.values())
    names = " | ".join(TITLES[name] for name in versions)
    head = [
        f"Run on {first_day} at the smoke profile: {_listed(versions)}; {passed} of {runs} runs passed.",
        "",
        f"| notebook | {names} | largest difference |",
        "| --- " * (len(versions) + 2) + "|",
    ]
    return "\n".join([*head, *(lines[title] for title in sorted(lines, key=_place))]) + "\n"


_SOLUTION = ", solution"


def _read_table(table, versions):
    """The day of an earlier table and its rows by their titles; a ValueError if they are of other versions."""
    found = re.match(r"Run on (\S+) at the smoke profile: (.*?);", table)
    day, of = found.groups() if found else (None, "none that can be read")
    if of != _listed(versions):
        raise ValueError(
            f"{TABLE} is of other versions, {of}, and these runs are of {_listed(versions)}. Run all notebooks (make "
            "backends), or write no table (--no-table)."
        )
    lines = [line for line in table.splitlines() if line.startswith("| ")][2:]
    return day, {re.match(r"\| (.*?)(?: \(\S+\))? \|", line).group(1): line for line in lines}


def _listed(versions):
    return ", ".join(f"{TITLES[name]} {version}" for name, version in versions.items())


def _title(notebook):
    folder, _, name = notebook.rpartition("/")
    return name.removesuffix(".ipynb") + (_SOLUTION if folder.endswith("solutions") else "")


def _place(title):
    """Chapters in their order, then solutions."""
    return title.endswith(_SOLUTION), title
