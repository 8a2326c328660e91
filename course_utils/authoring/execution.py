"""Run notebooks in this environment: to store their outputs, or to see what an unanswered exercise does."""

import asyncio
import collections
import contextlib
import json
import os
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

from ..budget import requested_profile
from .exercises import exercise_of
from .files import find_root, notebook_paths, read_notebook, shown
from .formatting import format_notebook, write_notebook
from .receipts import write_receipt
from .records import claims_in, fill_alternative_texts
from .terminal import without_colours

# Seconds that one cell may take. Only there to end a notebook that hangs; the budget is kept by the notebook.
CELL_SECONDS = {"smoke": 600, "laptop": 2 * 3600, "full": 6 * 3600}
# Characters that the outputs of one cell may have. The largest notebook of the course has fewer in all its cells.
LARGEST_OUTPUT = 2_000_000
# Runs that are not stored, seen from the project's root. `make book` removes _build; this it leaves.
REFUSED = Path("build", "refused")

_PROBE = """\
import json
from course_utils.authoring.receipts import run_facts
print(json.dumps(run_facts()))"""


@dataclass(frozen=True)
class Execution:
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
        Seconds that one cell may take; by default 10 minutes at profile smoke, 2 hours at laptop, else 6 hours.

    Returns
    -------
    list of Execution
        One for each notebook. Where a cell fails, its file is left as it was, the report names the notebook, the cell
        and the error, and the next notebook follows. Where the run goes through and a claim of the text is false in it,
        the file is left as it was too; what ran is kept in the folder ``build/refused``.
    """
    root = find_root()
    timeout = timeout or CELL_SECONDS[profile or requested_profile() or "full"]
    runs = []
    for path in [Path(path) for path in paths] if paths else notebook_paths(root, ["book", "solutions"]):
        start = time.perf_counter()
        failure = None
        say = _printer(progress)
        say(f"{shown(path, root)}\n")
        try:
            _execute(path, root, profile, say, timeout)
        except Stopped as stopped:
            failure = f"{shown(path, root)}, {stopped}\nThe file is as it was."
            say(f"{failure}\n")
        runs.append(Execution(path, time.perf_counter() - start, failure))
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


class Stopped(Exception):
    """The notebook is not stored; the text says which cell, or what of the whole run, is the reason."""


def _execute(path, root, profile, say, timeout):
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
    unknown = fill_alternative_texts(notebook)
    write_receipt(notebook, json.loads(printed.strip().splitlines()[-1]), seconds)
    if faults := _faults(notebook, unknown):
        aside = root / REFUSED / path.resolve().parent.name / path.name
        aside.parent.mkdir(parents=True, exist_ok=True)
        write_notebook(aside, notebook)
        raise Stopped(
            "\n    ".join(faults)
            + f"\nThe run is kept in {shown(aside, root)}."
            + "\nOnce what it does not show is gone from the page, `course execute --refused` stores it."
        )
    write_notebook(path, notebook)


def _faults(notebook, unknown):
    """Lines that say which statements of the text the run does not bear out; none where it may be stored."""
    claims = [(cell, claim) for cell in notebook.cells for claim in claims_in(cell.get("outputs", ()))]
    false = [f'cell {cell.id}: "{claim.statement}"' for cell, claim in claims if not claim.holds]
    faults = [f"cell {cell}: nothing is glued as {name!r}, which its alternative text uses." for cell, name in unknown]
    if false:
        head = f"{len(false)} of {len(claims)} claims are false in this run:"
        faults = [head, *false, "Rewrite the sentence and its claim, or find out what went wrong.", *faults]
    return faults


def _run_cell(client, cell, index):
    try:
        client.execute_cell(cell, index)
    except nbclient.exceptions.CellExecutionError as error:
        client.raise_if_too_large(cell)
        name, value = error.ename, without_colours(error.evalue)
        trace = without_colours(error.traceback).strip().splitlines()
        raise Stopped(f"cell {cell.id}: {name}: {value}\n" + "\n".join(f"    {line}" for line in trace[-25:])) from None
    except nbclient.exceptions.CellTimeoutError:
        raise Stopped(f"cell {cell.id}: not done after {client.timeout} s") from None
    except nbclient.exceptions.DeadKernelError:
        client.raise_if_too_large(cell)
        raise Stopped(f"cell {cell.id}: the kernel died; most often there is not enough memory") from None
    client.raise_if_too_large(cell)
    cell.outputs = _joined_streams(cell.outputs)


def _joined_streams(outputs):
    """Put the pieces in which a stream came where its first piece stands. When they come is chance."""
    pieces, joined = {}, []
    for output in outputs:
        if output.output_type == "stream":
            pieces.setdefault(output.name, []).append(output.text)
            if len(pieces[output.name]) > 1:
                continue
        joined.append(output)
    for output in joined:
        if output.output_type == "stream":
            output.text = "".join(pieces[output.name])
    return joined


_ASK_AGAIN = 5  # seconds


class _Client(nbclient.NotebookClient):
    """Runs cells, and interrupts one whose outputs grow beyond `LARGEST_OUTPUT`."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.sizes = collections.Counter()
        self.ending = None

    def output(self, outs, msg, display_id, cell_index):
        content = msg["content"]
        self.sizes[cell_index] += len(content.get("text", "")) + sum(
            map(len, map(str, content.get("data", {}).values()))
        )
        if self.sizes[cell_index] <= LARGEST_OUTPUT:
            return super().output(outs, msg, display_id, cell_index)
        if not self.ending:
            self.ending = asyncio.ensure_future(self._end())
        return None

    async def _end(self):
        """Interrupt the kernel. Code that swallows that is asked again; a kernel that then gives no answer is ended."""
        for _ in range(3):
            await self.km.interrupt_kernel()
            await asyncio.sleep(_ASK_AGAIN)
        await self.km.provisioner.kill()

    def clear_output(self, outs, msg, cell_index):
        self.sizes[cell_index] = 0
        return super().clear_output(outs, msg, cell_index)

    def raise_if_too_large(self, cell):
        if self.ending:
            self.ending.cancel()
            raise Stopped(
                f"cell {cell.id}: its outputs have more than {LARGEST_OUTPUT:,} characters. "
                "Print less, or show a smaller picture."
            )


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
    client = _Client(
        notebook,
        km=AsyncKernelManager(kernel_name="python3", kernel_spec_manager=_ThisPython()),
        timeout=timeout,
        startup_timeout=300,
        iopub_timeout=60,  # for outputs that are still on their way when the cell is done; nbclient would drop them
        raise_on_iopub_timeout=True,
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
