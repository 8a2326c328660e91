"""Run notebooks in this environment: to store their outputs, or to see what an unanswered exercise does."""

import contextlib
import json
import os
import re
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import nbclient
import nbformat
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager

from .exercises import exercise_of
from .files import find_root, notebook_paths, read_notebook, shown
from .formatting import format_notebook, write_notebook
from .receipts import write_receipt

_PROBE = """\
import json
from course_utils.authoring.receipts import run_facts
print(json.dumps(run_facts()))"""
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass(frozen=True)
class Run:
    """How the execution of one notebook went; ``failure`` is a report, or None."""

    path: Path
    seconds: float
    failure: str | None = None


def execute(paths=None, profile=None, *, progress=True, timeout=None):
    """Run notebooks from top to bottom and store what they show, with a receipt.

    Parameters
    ----------
    paths : list of path-like, optional
        Every chapter and solution of the project if not given.
    profile : str, optional
        ``'smoke'``, ``'laptop'`` or ``'full'``; by default what ``COURSE_PROFILE`` says, else what the machine is.
    progress : bool
        A line for each cell, on the standard error.
    timeout : float, optional
        Seconds that one cell may take; no limit if not given.

    Returns
    -------
    list of Run
        One for each notebook. Where a cell fails, its file is left as it was, the report names the notebook, the cell
        and the error, and the next notebook follows.
    """
    root = find_root()
    runs = []
    for path in [Path(path) for path in paths] if paths else notebook_paths(root, ["book", "solutions"]):
        start = time.perf_counter()
        failure = None
        say = _printer(progress)
        say(f"{shown(path, root)}\n")
        try:
            _execute(path, profile, say, timeout)
        except _Stopped as stopped:
            failure = f"{shown(path, root)}, {stopped}\nThe file is as it was."
            say(f"{failure}\n")
        runs.append(Run(path, time.perf_counter() - start, failure))
    return runs


def run_blank(path, *, profile="smoke", timeout=600):
    """Run an exercise with nothing filled in, as *Run All* does.

    Parameters
    ----------
    path : path-like
        An exercise, or a solution, whose exercise is then made on the way. No file is written.
    profile : str
        The profile to run at.
    timeout : float
        Seconds that one cell may take.

    Returns
    -------
    nbformat.NotebookNode
        The exercise with what its cells showed. Where one fails, it is the last that ran, as in Jupyter.
    """
    path = Path(path)
    notebook = read_notebook(path)
    if path.resolve().parent.name == "solutions":
        notebook = exercise_of(notebook, path.name)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    with (
        _kernel(notebook, path.parent, profile, timeout, strict=False) as client,
        contextlib.suppress(nbclient.exceptions.CellExecutionError),
    ):
        for index, cell in enumerate(notebook.cells):
            client.execute_cell(cell, index)
    return notebook


class _Stopped(Exception):
    """A cell failed; the text says which and why."""


def _execute(path, profile, say, timeout):
    notebook = format_notebook(read_notebook(path))  # the ids that the report names are those of the file to be
    code = [index for index, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    for index in code:
        notebook.cells[index].outputs, notebook.cells[index].execution_count = [], None
    with _kernel(notebook, path.parent, profile, timeout, strict=True) as client:
        start = time.perf_counter()
        for number, index in enumerate(code, 1):
            cell = notebook.cells[index]
            say(f"  {number:3}/{len(code)} {cell.id} ")
            begun = time.perf_counter()
            _run_cell(client, cell, index)
            say(f"{time.perf_counter() - begun:.1f} s\n")
        seconds = time.perf_counter() - start
        probe = nbformat.v4.new_code_cell(_PROBE)
        notebook.cells.append(probe)  # nbclient finds the cell that it runs in its notebook
        _run_cell(client, probe, len(notebook.cells) - 1)
        notebook.cells.pop()
    printed = "".join(output.text for output in probe.outputs if output.get("name") == "stdout")
    write_receipt(notebook, json.loads(printed.strip().splitlines()[-1]), seconds)
    write_notebook(path, notebook)


def _run_cell(client, cell, index):
    try:
        client.execute_cell(cell, index)
    except nbclient.exceptions.CellExecutionError as error:
        name, value = error.ename, _ANSI.sub("", error.evalue)
        trace = _ANSI.sub("", error.traceback).strip().splitlines()
        raise _Stopped(
            f"cell {cell.id}: {name}: {value}\n" + "\n".join(f"    {line}" for line in trace[-25:])
        ) from None
    except nbclient.exceptions.CellTimeoutError:
        raise _Stopped(f"cell {cell.id}: not done after {client.timeout} s") from None
    except nbclient.exceptions.DeadKernelError:
        raise _Stopped(f"cell {cell.id}: the kernel died; most often there is not enough memory") from None


class _ThisPython(KernelSpecManager):
    """Finds one kernel: this interpreter. An installed ``python3`` kernel may be another environment's."""

    def get_kernel_spec(self, kernel_name):
        # Errors only: the kernel would warn that it talks to this machine unencrypted.
        return KernelSpec(**get_kernel_dict(["--Application.log_level=40"]))


@contextlib.contextmanager
def _kernel(notebook, folder, profile, timeout, *, strict, **options):
    """Start a kernel in which nothing of this user's set-up shows, and end it in any case."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment.pop("MPLBACKEND", None)  # or figures would not come out as outputs
    environment.pop("COURSE_STRICT", None)
    if strict:
        environment["COURSE_STRICT"] = "1"
    if profile:
        environment["COURSE_PROFILE"] = profile
    package = Path(__file__).parents[2]
    if "site-packages" not in package.parts:  # the same course_utils here and there
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(package), environment.get("PYTHONPATH")]))
    client = nbclient.NotebookClient(
        notebook,
        km=AsyncKernelManager(kernel_name="python3", kernel_spec_manager=_ThisPython()),
        timeout=timeout,
        startup_timeout=300,
        coalesce_streams=True,
        resources={"metadata": {"path": str(Path(folder).resolve())}},
        **options,
    )
    with tempfile.TemporaryDirectory() as home:
        environment["IPYTHONDIR"] = home  # start-up files of the user's own do not run
        with client.setup_kernel(env=environment, cleanup_kc=True):
            yield client


def _printer(progress):
    def say(text):
        if progress:
            sys.stderr.write(text)
            sys.stderr.flush()

    return say
