"""Prove the results of notebooks: run them again with nbval and report what each one reached.

This module is a pytest plugin. The root ``conftest.py`` loads it, so that a plain ``pytest --nbval-lax solutions/``
gives the same verdicts as `validate`, which ``course validate`` and ``make validate`` call. To nbval it adds

- the environment of the course: the running Python as kernel, one profile for all notebooks, checks that raise;
- the rest of a notebook is skipped after its first failing cell, since what follows fails only as a consequence;
- a cell that was never run fails: nbval would compare it with nothing, and pass;
- a report by notebook: seconds, expectations with their values, sentences of the page that this run does not show, and
  what failed in words.

A false claim is reported and fails nothing, at the profile of the stored run as at another one: what a result must
reach is said by `course_utils.expect`, with bounds that hold for every seed. A claim describes the run that the page
shows, and `course execute` keeps the two together.
"""

import copy
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ..budget import requested_profile
from .terminal import without_colours

FOLDERS = ("book", "solutions")  # not the exercises with their gaps

_NBVAL_CELL_SECONDS = 2000  # what nbval takes where nobody asked

# The line that `course_utils.expect` prints.
_EXPECTATION = re.compile(r"^.+: \S+, expected at (?:least|most) \S+ at profile \w+$", re.MULTILINE)


def validate(paths=(), *, profile=None, workers=1, keep=None, quiet=False):
    """Run notebooks again and prove what they claim.

    Parameters
    ----------
    paths : sequence of str or Path
        Notebooks or folders of them; none means all chapters and solutions.
    profile : {'smoke', 'laptop', 'full'}, optional
        By default what ``COURSE_PROFILE`` says or, unset, what the machine can do.
    workers : int
        Notebooks run at the same time. More than one is for a CPU and profile smoke: trainings that share a machine
        take longer, and seconds are among the results.
    keep : str or Path, optional
        A folder for the executed notebooks, failed ones too.
    quiet : bool
        Leave out the traceback of what failed; the table at the end still says what it was.

    Returns
    -------
    int
        pytest's exit code: 0 where every cell passed.

    Raises
    ------
    FileNotFoundError
        A path does not exist, there is no notebook at all, or this is no clone of the repository.

    Notes
    -----
    Explained in CONTRIBUTING.md, and for instructors on the home page of the book.

    Examples
    --------
    >>> validate(["solutions/03_cnn_math.ipynb"], profile="smoke")  # doctest: +SKIP
    0
    """
    from .files import find_root, notebook_paths, shown

    paths = [Path(path) for path in paths]
    for path in paths:
        if not path.exists():
            known = ", ".join(shown(one) for one in notebook_paths(find_root(), FOLDERS)) or "none yet"
            raise FileNotFoundError(f"There is no notebook {path}. There are: {known}.")
    root = find_root(paths[0] if paths else ".")
    paths = paths or notebook_paths(root, FOLDERS)
    if not paths:
        raise FileNotFoundError(f"There are no notebooks in {' or '.join(FOLDERS)} of {root}.")

    # A process of its own: the kernels get its environment, and pytest does not run twice in one.
    command = [sys.executable, "-m", "pytest", "-c", str(root / "pyproject.toml"), "-p", __name__, "--nbval-lax", "-q"]
    command += ["--tb=no"] if quiet else []
    command += ["-n", str(workers)] if workers > 1 else ["-p", "no:xdist"]
    command += [f"--nbval-keep={Path(keep).absolute()}"] if keep else []
    environment = dict(os.environ, COURSE_PROFILE=profile) if profile else None
    return subprocess.run([*command, *map(str, paths)], env=environment, check=False).returncode


# ---------------------------------------------------------------------------------------------- hooks of the plugin


def pytest_addoption(parser):
    """Add the one option that nbval lacks."""
    group = parser.getgroup("nbval")
    group.addoption("--nbval-keep", metavar="DIR", help="Write the executed notebooks into this folder.")


def pytest_configure(config):
    """Give nbval the environment of the course. The kernels inherit the variables."""
    # Workers share the cores, whatever they run. With a thread for each core in each of them, the threads of a NumPy
    # product wait for one another: chapter 02 then takes several times as long. NumPy reads the variable when it is
    # imported, which is later.
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers > 1:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))
    option = config.option
    if not _validating(config):
        return
    os.environ["COURSE_STRICT"] = "1"
    os.environ.pop("MPLBACKEND", None)  # figures are outputs of their cells
    try:  # decided once, not by each notebook for itself
        os.environ["COURSE_PROFILE"] = requested_profile() or _automatic_profile()
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None
    if not option.nbval_kernel_name:
        option.nbval_current_env = True
    if option.nbval_cell_timeout == _NBVAL_CELL_SECONDS:
        from .execution import CELL_SECONDS  # here, since this module is loaded by every run of pytest

        option.nbval_cell_timeout = CELL_SECONDS[os.environ["COURSE_PROFILE"]]
    if getattr(option, "dist", "no") != "no":
        option.dist = "loadfile"  # the cells of a notebook share a kernel, so one worker runs them all
        option.loadscopereorder = False  # not those with most cells first, but those that took longest: see below


def pytest_report_header(config):
    """Say at the top what is being proved."""
    if _validating(config):
        return f"notebooks: profile {os.environ['COURSE_PROFILE']}, checks raise, kernel {sys.executable}"
    return None


def pytest_collection_modifyitems(config, items):
    """Cells have nbval's limit of time; the one for tests would end a training. The longest notebooks come first."""
    if hasattr(config, "workerinput"):  # or one worker would be left with them when the others are done
        items.sort(key=lambda item: -_stored_seconds(item.parent.nb) if _is_cell(item) else 0.0)
    for item in filter(_is_cell, items):
        item.add_marker(pytest.mark.timeout(0))


def pytest_runtest_setup(item):
    """Skip what comes after a failed cell."""
    failed = getattr(item.parent, "first_failed_cell", None)
    if failed is not None:
        pytest.skip(f"after {failed}, which failed")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item):
    """Fail a cell that was never run: nbval would run it, compare it with nothing, and let it pass."""
    if not _is_cell(item) or item.options["skip"] or item.cell.execution_count is not None:
        return
    if item.cell.source.strip() and "setup" not in item.cell.metadata.get("tags", ()):  # that one is generated
        raise NeverRun(f"this cell was never run, so nothing is claimed. First: course execute {_path(item)}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Put what the summary needs into the report, in a form that survives the way from an xdist worker."""
    report = yield
    if not _is_cell(item):
        return report
    facts = {"notebook": str(_path(item)), "cell": call.when == "call" and not report.skipped}
    if call.when == "call":
        facts["expectations"] = _expectations(item)
        facts["not shown"] = [f"{_where(item)}: {statement}" for statement in _false_claims(item)]
    if report.failed:
        item.parent.first_failed_cell = f"code cell {item.cell_num + 1}"
        failure = f"{_where(item)}: {_reason(item, call.excinfo.value)}"
        facts["failures"] = [failure]
        report.longrepr = f"{_path(item)}, {failure}\n\n{_details(item, call.excinfo.value)}"
    report.user_properties.append(("notebook", facts))
    return report


def pytest_runtest_teardown(item, nextitem):
    """Write the executed notebook after its last cell, if that was asked for."""
    folder = _is_cell(item) and item.config.option.nbval_keep
    if not folder or (nextitem is not None and nextitem.parent is item.parent):
        return
    import nbformat

    executed = copy.deepcopy(item.parent.nb)
    outputs = {id(cell.cell): cell.test_outputs for cell in item.session.items if cell.parent is item.parent}
    for original, cell in zip(item.parent.nb.cells, executed.cells, strict=True):
        if cell.cell_type == "code":
            cell.outputs = [_storable(output) for output in outputs.get(id(original)) or []]
    target = Path(folder) / item.path.parent.name / item.path.name  # solutions/03_cnn_math.ipynb
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(executed, target)


def pytest_terminal_summary(terminalreporter, config):
    """Print one line for each notebook: cells, seconds, verdict; below it what it reached and what failed."""
    if not _validating(config):
        return
    table = {}
    lists = ("expectations", "not shown", "failures")
    for report in [report for reports in terminalreporter.stats.values() for report in reports]:
        for facts in (value for name, value in getattr(report, "user_properties", ()) if name == "notebook"):
            row = table.setdefault(facts["notebook"], {"cells": 0, "seconds": 0.0} | {name: [] for name in lists})
            row["cells"] += facts["cell"]
            row["seconds"] += report.duration
            for name in lists:
                row[name] += facts.get(name, ())
    if not table:
        return
    terminalreporter.section(f"notebooks at profile {os.environ['COURSE_PROFILE']}")
    width = max(map(len, table))
    terminalreporter.line(f"{'notebook':{width}}  cells  seconds  verdict")
    for name, row in sorted(table.items()):
        verdict, colour = ("failed", "red") if row["failures"] else ("passed", "green")
        terminalreporter.write(f"{name:{width}}  {row['cells']:5d}  {row['seconds']:7.1f}  ")
        terminalreporter.line(verdict, **{colour: True})
        for line in row["expectations"]:
            terminalreporter.line(f"    reached: {line}")
        for line in row["not shown"]:
            terminalreporter.line(f"    the page says, and this run does not show: {line}", yellow=True)
        for line in row["failures"]:
            terminalreporter.line(f"    {line}", red=True)


# ------------------------------------------------------------------------------------------------------ their parts


class NeverRun(Exception):
    """A cell without execution count: it has no output that could be proved."""


def _validating(config):
    return bool(getattr(config.option, "nbval", False) or getattr(config.option, "nbval_lax", False))


def _automatic_profile():
    """The profile of this machine, found in a process of its own: a framework would hold on to the GPU."""
    code = "import course_utils; print(course_utils.profile())"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if found.returncode:
        raise pytest.UsageError(
            "could not find out the profile of this machine. Set COURSE_PROFILE to smoke, laptop or full.\n"
            + found.stderr
        )
    return found.stdout.split()[-1]


def _is_cell(item):
    return hasattr(item, "cell_num")  # nbval's class, which is only there where nbval is


def _stored_seconds(notebook):
    """What the stored run took; 0 where none is stored."""
    from .receipts import receipt_of

    return float((receipt_of(notebook) or {}).get("seconds", 0))


def _path(item):
    """The notebook's path as one would type it."""
    here = item.config.invocation_params.dir
    return item.path.relative_to(here) if item.path.is_relative_to(here) else item.path


def _where(item):
    """Which cell, as a person finds it: its number among the code cells and the heading above it."""
    heading = None
    for cell in item.parent.nb.cells:
        if cell is item.cell:
            break
        if cell.cell_type == "markdown":
            found = re.findall(r"^#+ +(.+)$", cell.source, re.MULTILINE)
            heading = found[-1] if found else heading
    return f"code cell {item.cell_num + 1}" + (f" (under {heading!r})" if heading else "")


def _reason(item, error):
    """What went wrong in one line, such as ``ExpectationFailed: test accuracy: 0.2, expected at least 0.3 ...``."""
    for output in item.test_outputs or ():
        if output.output_type == "error":
            return _one_line(f"{output.ename}: {output.evalue}")
    if str(error) == "Cell outputs differ":
        return "its output is not the stored one: " + _one_line(error.inner_traceback)
    return _one_line(str(error))


def _one_line(text, limit=600):
    text = " ".join(without_colours(text).split())
    return text if len(text) <= limit else text[:limit] + " ..."


def _details(item, error):
    """The cell's code and the kernel's traceback."""
    traceback = getattr(error, "inner_traceback", None) or ""
    if item.config.option.color == "no" or not sys.stdout.isatty():
        traceback = without_colours(traceback)
    return item.cell.source.rstrip() + "\n" + (f"\n{traceback.strip()}\n" if traceback else "")


def _expectations(item):
    """The lines that `expect` printed in this cell."""
    texts = [output.text for output in item.test_outputs or () if output.output_type == "stream"]
    return [line for text in texts for line in _EXPECTATION.findall(text)]


def _false_claims(item):
    """The statements of the page that were false in this cell."""
    from .records import claims_in

    return [claim.statement for claim in claims_in(item.test_outputs or ()) if not claim.holds]


def _storable(output):
    """An output as nbval keeps it, as the notebook format wants it."""
    output = copy.deepcopy(output)
    if output.output_type == "execute_result":
        output.setdefault("execution_count", None)
    return output
