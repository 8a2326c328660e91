"""What a notebook says where a cell needs an answer that is not there yet: one line that names the task.

Run from the top, an exercise of which nothing is answered would stop at the first cell that uses an answer, and
Jupyter would drop all cells after it. In IPython, such a cell instead says "This cell needs `guess`, which task
`02.random_labels` asks for.", and is no error: the cells after it run. Every other exception is shown as ever, and so
is everything where ``COURSE_STRICT=1``.

How it is known: before a cell runs, the names that it gives to `check` are noted, and the gaps in it. A cell needs an
answer if it stops and uses a name that is still ``...``, a name that a cell above would have made if it had not needed
an answer itself, or if a function with a gap was called or is one that the cell says it `needs`. A name that it makes
itself, without a gap, it does not need.
"""

import ast
import os
import traceback
from dataclasses import dataclass, field

from .engine import holds_ellipsis, is_gap, is_students, task_ids


def explain_unanswered():
    """From now on, in IPython, a cell that needs an answer says so. Does nothing outside IPython."""
    try:
        from IPython import get_ipython
    except ImportError:
        return
    shell = get_ipython()
    if shell is not None:
        Notebook(shell).watch()


def missing_name(name):
    """The sentence for a name that a cell with a check does not find."""
    return (
        f"There is no {name} yet. If another cell defines it, run that one first, and then this one again. If you "
        "mean a "
        f'text, put it in quotes: "{name}". If neither, is the name spelt as the task spells it?'
    )


@dataclass
class Notebook:
    """What the cells that were run so far ask for.

    Attributes
    ----------
    shell : IPython.core.interactiveshell.InteractiveShell
        Runs them.
    asked : dict
        The task that asks for a name, by name: those given to `check`, and those left as a gap beside it.
    lacking : dict
        Names that a cell did not come to make, because it needed an answer: that answer's name.
    gaps : set
        Names that were left as a gap when they were last made.
    """

    shell: object
    asked: dict = field(default_factory=dict)
    lacking: dict = field(default_factory=dict)
    gaps: set = field(default_factory=set)
    cell: ast.AST | None = None
    last_task: str | None = None
    unanswered: bool = False

    def watch(self):
        """Look at every cell before it runs, and at what stops it."""
        self.theirs = self.shell.CustomTB, self.shell.custom_exceptions  # Colab has a handler for some errors
        self.shell.events.register("pre_run_cell", self._before)
        self.shell.events.register("post_run_cell", self._after)
        self.shell.set_custom_exc((Exception,), self._stopped)
        self._read(self.shell.user_ns.get("In", [""])[-1])  # the cell that is running

    def _before(self, info):
        self._read(info.raw_cell)

    def _read(self, source):
        self.unanswered = False
        try:
            self.cell = ast.parse(self.shell.transform_cell(source))
        except Exception:  # IPython says what is wrong with it
            self.cell = None
            return
        gaps = _gaps(self.cell)
        self.gaps = self.gaps - _made(self.cell) | gaps
        checks = list(_checks(self.cell))
        for task_id, names in checks:
            self.asked |= dict.fromkeys(names, task_id)
        if gaps - self.asked.keys():
            task_id = checks[0][0] if checks else self._next_task()
            self.asked |= dict.fromkeys(gaps - self.asked.keys(), task_id)
        self.last_task = checks[-1][0] if checks else self.last_task

    def _next_task(self):
        """The task after the last one that was checked: the one to which a gap without a check belongs."""
        known = task_ids(self.last_task.split(".")[0]) if self.last_task else []
        return known[min(known.index(self.last_task) + 1, len(known) - 1)] if self.last_task in known else None

    def _after(self, result):
        if self.unanswered and result is not None:
            result.error_in_exec = None  # or Jupyter would drop the cells that wait

    def _stopped(self, shell, kind, error, trace, tb_offset=None):
        strict = os.environ.get("COURSE_STRICT", "").strip() == "1"
        sentence = None if strict or self.cell is None else self._unanswered(error)
        if sentence is not None:
            self.unanswered = True
            print(sentence)
            return
        handler, theirs = self.theirs
        if isinstance(error, theirs):
            handler(kind, error, trace, tb_offset)
            return
        if isinstance(error, NameError) and self._is_in_a_check(error):
            sentence = missing_name(error.name)
            error._render_traceback_ = lambda: [sentence]  # IPython asks an exception for its own rendering
        shell.showtraceback((kind, error, trace), tb_offset=tb_offset)

    def _is_in_a_check(self, error):
        """A cell with a check looks the name up itself; in a function of the student's, the line is worth showing."""
        inside = traceback.extract_tb(error.__traceback__)[-1].name
        return error.name and inside == "<module>" and self.cell is not None and any(_checks(self.cell))

    def _unanswered(self, error):
        """The sentence for a cell that needs an answer, or None where it stopped for another reason."""
        frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
        codes = [frame.f_code for frame in frames if is_students(frame.f_code.co_filename)]
        name = self._called_gap(codes) if is_gap(error) else None
        needed = _needs(self.cell)
        used = _used(self.cell).union(needed, *(code.co_names for code in codes[1:]))
        name = name or self._missing(used)
        if name is None and isinstance(error, NotImplementedError):  # of `needs`: a function that is a gap
            name = min(needed & self.gaps, default=None)
        if name is None and not is_gap(error):
            return None
        made = _made(self.cell) - self.shell.user_ns.keys()
        task_id = self.asked.get(name) or next((task_id for task_id, _ in _checks(self.cell)), self._next_task())
        asks = f"task `{task_id}`" if task_id else "a task above"
        if name is None:  # the cell itself is the gap
            self.asked |= dict.fromkeys(made, task_id)
            self.lacking |= zip(made, made, strict=True)
            self.gaps |= made
            return f"This cell is not answered yet: {asks}."
        self.lacking |= dict.fromkeys(made, name)
        if name in self.lacking and name not in self.gaps:
            return f"This cell needs `{name}`: run the cell that makes it first."
        return f"This cell needs `{name}`, which {asks} asks for."

    def _called_gap(self, codes):
        """The innermost of the functions and classes that a task asks for."""
        for code in reversed(codes):
            for name in code.co_qualname.split("."):
                if name in self.asked:
                    return name
        return None

    def _missing(self, used):
        """The first of these names that is missing: it, or the answer that it waits for, as long as that is a gap."""
        known = self.shell.user_ns
        for name in sorted(used, key=lambda name: (name not in self.asked, name)):
            if name in known and (known[name] is ... or holds_ellipsis(known[name])):
                return name
            if name not in known and name in self.lacking:
                return self.lacking[name] if self.lacking[name] in self.gaps else name
        return None


def _names(cell, context):
    return {part.id for part in ast.walk(cell) if isinstance(part, ast.Name) and isinstance(part.ctx, context)}


def _made(cell):
    """The names that a cell makes."""
    return set().union(*({part.name} if hasattr(part, "name") else _names(part, ast.Store) for part in cell.body))


def _used(cell):
    """The names that a cell uses, but for those that a statement before makes without a gap."""
    used, made, gaps = set(), set(), _gaps(cell)
    for part in cell.body:
        used |= _names(part, ast.Load) - made
        made |= _made(ast.Module([part], [])) - gaps
    return used


def _arguments(cell, function):
    """The arguments of each call of a function in a cell."""
    for part in ast.walk(cell):
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Name) and part.func.id == function and part.args:
            yield part.args


def _needs(cell):
    """The names that a cell says it needs."""
    return {name.value for names in _arguments(cell, "needs") for name in names if isinstance(name, ast.Constant)}


def _checks(cell):
    """The tasks that a cell checks: (id, names in the answer)."""
    for task_id, *answer in _arguments(cell, "check"):
        if isinstance(task_id, ast.Constant) and isinstance(task_id.value, str):
            names = [inner.id for value in answer for inner in ast.walk(value) if isinstance(inner, ast.Name)]
            yield task_id.value, names


def _gaps(cell):
    """The names that a cell leaves to be made: given the value ``...``, or functions and classes that say so."""

    def holds(part, wanted):
        return any(wanted(inner) for inner in ast.walk(part))

    gaps = set()
    for part in cell.body:
        if isinstance(part, (ast.FunctionDef, ast.ClassDef)):
            if holds(part, lambda inner: isinstance(inner, ast.Raise) and "NotImplementedError" in ast.dump(inner)):
                gaps.add(part.name)
        elif isinstance(part, (ast.Assign, ast.AnnAssign)) and holds(
            part, lambda inner: isinstance(inner, ast.Constant) and inner.value is ...
        ):
            gaps |= _names(part, ast.Store)
    return gaps
