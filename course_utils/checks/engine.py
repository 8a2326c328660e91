"""Run a check: find the task, judge the answer, turn whatever happens into a verdict."""

import contextlib
import importlib
import inspect
import os
import pkgutil
import re
import sys
import sysconfig
import traceback
import warnings
from dataclasses import dataclass, field
from pathlib import Path

from .comparing import describe, quoted
from .rendering import Panel, show

_HERE = str(Path(__file__).parent)
_PACKAGE = str(Path(__file__).parents[1])
_LIBRARIES = (sysconfig.get_paths()["stdlib"] + os.sep, _PACKAGE + os.sep, "<frozen")
_MISSING = object()

_tasks = {}  # by id
_hints_shown = {}  # by id: how many


class CheckFailed(AssertionError):
    """An answer is not right, and ``COURSE_STRICT=1`` asks for more than showing it."""

    def _render_traceback_(self):  # IPython shows this instead of the way through the engine
        return [f"CheckFailed: {self}"]


class Wrong(Exception):
    """Raised by a judge: the answer is not right.

    Parameters
    ----------
    mistake : str
        The name of the mistake, which the tests ask for.
    hint : str
        What the student reads: names the likely mistake, does not print the solution.
    outcome : str
        ``'wrong'``; ``'blank'`` or ``'stopped'`` where the engine says so.
    """

    def __init__(self, mistake, hint, outcome="wrong"):
        super().__init__(f"{mistake}: {hint}")
        self.mistake, self.hint, self.outcome = mistake, hint, outcome


@dataclass(frozen=True, repr=False)
class Verdict(Panel):
    """What `judge` found: a panel with the name of the mistake, None where the answer is right."""

    mistake: str | None = None

    @property
    def right(self):
        return self.outcome == "right"


@dataclass(frozen=True)
class Task:
    """One task of an exercise. Made by the functions of `kinds`; see the package's docstring."""

    id: str
    asks: str
    judge: callable = field(repr=False)
    nudges: tuple
    why: str
    mistakes: tuple = ()
    examples: tuple = field(default=(), repr=False)  # wrong answers that the declaration has: (mistake, answer, hint)
    cases: tuple = field(default=(), repr=False)  # the calls of a function, and the signature that the task gives it
    parameters: inspect.Signature | None = field(default=None, repr=False)

    def __post_init__(self):
        if len(self.nudges) != 2 or not all(isinstance(text, str) and text.strip() for text in self.nudges):
            raise ValueError(f"task {self.id}: nudges is a nudge and a stronger one, two texts; got {self.nudges!r}")
        if self.id in _tasks:
            raise ValueError(f"task {self.id} is declared twice")
        _tasks[self.id] = self


def chapter_modules():
    """The names of the modules with tasks, by chapter: ``{'03': 'ch03_cnn_math', ...}``; appendix a1 is one too."""
    found = (re.match(r"(?:ch([0-9a-z]+)|(a\d))_\w+$", module.name) for module in pkgutil.iter_modules([_HERE]))
    return {match[1] or match[2]: match[0] for match in found if match}


def _load_chapter(chapter):
    name = chapter_modules().get(chapter)
    if name:
        try:
            importlib.import_module(f"{__package__}.{name}")
        except BaseException:  # half a chapter must not be taken for a whole one when it is asked for again
            for task_id in [task_id for task_id in _tasks if task_id.split(".")[0] == chapter]:
                del _tasks[task_id]
            raise


def task_ids(chapter):
    """The ids of a chapter's tasks, in the order in which they are declared.

    Examples
    --------
    >>> task_ids("03")[0].split(".")[0]
    '03'
    """
    _load_chapter(chapter)
    return [task_id for task_id in _tasks if task_id.split(".")[0] == chapter]


def find(task_id):
    """The task with this id.

    Raises
    ------
    LookupError
        There is none; the message lists the ids of that chapter.
    """
    chapter = task_id.split(".")[0] if isinstance(task_id, str) else ""
    known = task_ids(chapter)
    if task_id in known:
        return _tasks[task_id]
    if known:
        raise LookupError(f"there is no task {task_id!r}; chapter {chapter} has {', '.join(known)}.")
    raise LookupError(
        f"there is no task {task_id!r}: a task is named by its chapter and its name, such as '03.unread'. "
        f"Chapters with tasks: {', '.join(sorted(chapter_modules())) or 'none'}."
    )


def is_students(filename):
    """Whether a file, or a cell, is the student's own: not the package's, Python's, or that of something installed."""
    installed = {"site-packages", "dist-packages"} & set(Path(filename).parts)  # the latter in Colab and on Debian
    return not installed and not filename.startswith(_LIBRARIES)


def _students_line(error, function=None):
    """The innermost line of the student's own code that an exception went through: (number, text, inside), or None.

    Where it is known which function was called, it is a line of that function's cell: one of another cell, such as a
    given function, has a number that says nothing there. ``inside`` is then the name of the function it stopped in.
    """
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if is_students(frame.filename)]
    if not frames:
        return None
    cell = getattr(getattr(inspect.unwrap(function), "__code__", None), "co_filename", None) if function else None
    last = next((frame for frame in reversed(frames) if frame.filename == cell), frames[-1])
    inside = frames[-1].name if frames[-1].filename != last.filename else None
    return last.lineno, (last.line or "").strip(), inside


def _said(error, longest=300):
    """The type and message of an exception on one line; long messages are cut.

    A terminal's colours are left out, and so is TensorFlow's list of calls in front of what went wrong in a graph.
    """
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    text = re.sub(r'^Graph execution error:.*\n *File "[^\n]*\n', "", text, flags=re.DOTALL)
    text = " ".join(text.split())
    if isinstance(error, KeyError) and len(text) > 60 and error.args:  # a key may be an object with arrays in it
        text = describe(error.args[0])
    text = text if len(text) <= longest else text[:longest].rsplit(" ", 1)[0] + " ..."
    return quoted(f"{type(error).__name__}: {text}" if text else type(error).__name__)


def _stopped(error, doing, function=None):
    """The verdict on an exception in the student's code."""
    number, line, inside = _students_line(error, function) or (None, "", None)
    inside = f" in `{inside}`, called" if line and inside else ""
    where = f"{inside} in line {number} of its cell: {quoted(line)}" if line else ""
    return Wrong("stopped", f"{doing} raised {_said(error)}{where}.", outcome="stopped")


def run(function, *args, doing=None, **kwargs):
    """Call the student's function, so that an exception in it has its sentence.

    Parameters
    ----------
    function : callable
        The student's.
    *args, **kwargs
        Its arguments.
    doing : str, optional
        What is being done, to open the sentence: ``"`conv(7, 3)`"``. By default, the function's name.

    Returns
    -------
    object
        What it returned.

    Raises
    ------
    Wrong
        ``'blank'`` where it raised NotImplementedError or returned ``...``; ``'stopped'`` where it raised another.

    Examples
    --------
    >>> run(max, 3, 5)
    5
    """
    try:
        result = function(*args, **kwargs)
    except Wrong:
        raise
    except (Exception, SystemExit) as error:
        if is_gap(error):
            raise _blank() from error
        raise _stopped(error, doing or f"`{getattr(function, '__name__', 'your function')}`", function) from error
    if result is Ellipsis:
        raise _blank()
    return result


def is_gap(error):
    """Whether an exception says that something is not answered yet: a NotImplementedError of the student's cells.

    A library raises one too, where a method that it calls is missing or misspelt.
    """
    if not isinstance(error, NotImplementedError):
        return False
    frames = traceback.extract_tb(error.__traceback__)
    raised = frames[-1] if frames else None
    return "not answered yet" in str(error) or (
        raised is not None and is_students(raised.filename) and "raise" in (raised.line or "raise")
    )


def _blank(part=False):
    text = "Part of it is still `...`." if part else "Fill in the gap, run its cell, then run this one again."
    return Wrong("blank", text, outcome="blank")


def holds_ellipsis(answer):
    values = answer.values() if isinstance(answer, dict) else answer if isinstance(answer, (list, tuple)) else ()
    return any(value is Ellipsis or holds_ellipsis(value) for value in values)


def _examine(task, answer):
    """Judge an answer: the text to add where it is right; raises `Wrong` where it is not."""
    if answer is _MISSING:
        raise Wrong("blank", f'`check("{task.id}", ...)` wants your answer after the task: {task.asks}.', "blank")
    if answer is Ellipsis or answer is None:
        raise _blank()
    if holds_ellipsis(answer):
        raise _blank(part=True)
    try:
        with _left_as_it_was(answer), _no_warnings_of_its_own():
            return task.judge(answer)
    except Wrong:
        raise
    except (Exception, SystemExit) as error:
        if is_gap(error):
            raise _blank() from error
        if _students_line(error):
            raise _stopped(error, "Your code") from error
        # Nothing of the student's is on the way: the judge met something that it did not foresee.
        raise Wrong(
            "unreadable",
            f"This check wants {task.asks}, and could not make sense of what it got ({_said(error)}).",
        ) from error


def _left_as_it_was(answer):
    """Within it, a judge may do what it likes with a Keras model that it was given."""
    if "keras" not in sys.modules:
        return contextlib.nullcontext()
    from .networks import restored

    return restored(answer)


@contextlib.contextmanager
def _no_warnings_of_its_own():
    """Within it, a warning is shown only if it is about the student's line."""
    with warnings.catch_warnings():
        show_warning = warnings.showwarning

        def students(message, category, filename, *where, **more):
            if is_students(filename):
                show_warning(message, category, filename, *where, **more)

        warnings.showwarning = students
        yield


def judge(task_id, answer=_MISSING):
    """Judge an answer and return the verdict, without showing it.

    Parameters
    ----------
    task_id : str
        Such as ``'03.unread'``.
    answer : object
        What the task asks for.

    Returns
    -------
    Verdict

    Raises
    ------
    LookupError
        There is no such task.

    Examples
    --------
    >>> judge("03.unread", ...).right
    False
    """
    task = find(task_id)
    try:
        remark = _examine(task, answer)
    except Wrong as wrong:
        return Verdict(task.id, wrong.outcome, wrong.hint, wrong.mistake)
    message = f"{remark}\n\n{task.why}" if isinstance(remark, str) else task.why
    return Verdict(task.id, "right", message)


def check(task_id, answer=_MISSING):
    """Check an answer and show the verdict: right and why it matters, or what the mistake probably is.

    Parameters
    ----------
    task_id : str
        The task, such as ``'03.unread'``.
    answer : object
        Your function, number, text, array or model: whatever the task asks for. It is not changed.

    Raises
    ------
    CheckFailed
        The answer is not right and ``COURSE_STRICT=1``; otherwise the verdict is shown, and that is all.
    LookupError
        There is no such task; the message lists those of the chapter.

    Notes
    -----
    Explained in the first task of chapter 03, CNN mathematics.

    Examples
    --------
    >>> check("03.unread", ...)  # doctest: +SKIP
    Not answered yet: 03.unread
        Fill in the gap, run its cell, then run this one again.
    """
    verdict = judge(task_id, answer)
    show(verdict)
    if not verdict.right and os.environ.get("COURSE_STRICT", "").strip() == "1":
        raise CheckFailed(f"{verdict.heading}: {task_id} ({verdict.mistake}). {verdict.message}")


def hint(task_id):
    """Show a nudge for a task; called again, a stronger one. The solution is never shown.

    Parameters
    ----------
    task_id : str
        The task, such as ``'03.unread'``.

    Raises
    ------
    LookupError
        There is no such task; the message lists those of the chapter.

    Examples
    --------
    >>> hint("03.unread")  # doctest: +SKIP
    A hint for 03.unread
        ...
    """
    task = find(task_id)
    tails = (
        f'(1 of 2. `hint("{task_id}")` again gives the stronger one.)',
        "(2 of 2.)",
        "(2 of 2 again: it is the last.)",
    )
    shown = min(_hints_shown.get(task_id, 0), 2)
    _hints_shown[task_id] = shown + 1
    show(Panel(task_id, "hint", f"{task.nudges[min(shown, 1)]}\n\n{tails[shown]}"))
