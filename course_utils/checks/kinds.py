"""The ways to declare a task: a function, a value, a prediction, an estimate, or a judge of its own.

The package's docstring shows each of them.
"""

import contextlib
import copy
import dis
import functools
import inspect
from dataclasses import dataclass

from .comparing import arithmetic_slip, describe, describe_call, difference, is_number, same, type_fault
from .engine import Task, Wrong, run

__all__ = ["Mistake", "call", "estimate", "function", "prediction", "task", "value"]


@dataclass(frozen=True)
class Mistake:
    """A mistake that students make: its name, how to recognise it, and what to say.

    `wrong` is, for a function, an implementation with that mistake, or a list of several; for a value, the value it
    leads to, or a predicate of the answer.
    """

    name: str
    wrong: object
    hint: str


@dataclass(frozen=True)
class call:  # noqa: N801 - reads like the call that it stands for
    """Arguments of one case: ``call(7, 3, strides=2)``.

    `shown` says how a student repeats the call, where its arguments are too large to be printed. `stopping` is told
    where the student's function stops in this case with an IndexError or ValueError, which seldom names its cause.
    """

    args: tuple
    kwargs: dict
    shown: str
    stopping: str

    def __init__(self, *args, **kwargs):
        self._set(args, kwargs, "", "")

    def _set(self, *values):
        for name, value in zip(("args", "kwargs", "shown", "stopping"), values, strict=True):
            object.__setattr__(self, name, value)
        return self

    def told(self, *, shown="", stopping=""):
        """The same call with these texts."""
        return call()._set(self.args, self.kwargs, shown, stopping)

    def typed(self, name):
        """The call of a function of this name, as it would be typed."""
        return self.shown or describe_call(name, self.args, self.kwargs)

    def of(self, function):
        """Call a function with copies of the arguments."""
        args, kwargs = copy.deepcopy((self.args, self.kwargs))
        return function(*args, **kwargs)


def task(task_id, asks, *, nudges, why, mistakes=()):
    """Decorator: declare a task by its judge, which takes the answer and raises `Wrong` where it is not right.

    Parameters
    ----------
    task_id : str
        ``"NN.name"``.
    asks : str
        What the task wants, to complete "This check wants ...".
    nudges : tuple of str
        A nudge and a stronger one.
    why : str
        Why it matters, told to a right answer.
    mistakes : tuple of str
        The names of the mistakes that the judge raises.
    """

    def declare(judge):
        Task(task_id, asks, judge, tuple(nudges), why, tuple(mistakes))
        return judge

    return declare


def is_callable(answer, name):
    """The answer is the student's function `name` and not what it returns. Mistake: ``wrong type``."""
    if not callable(answer):
        raise Wrong(
            "wrong type",
            f"This check wants the function itself, `{name}` without parentheses after it, and got {describe(answer)}.",
        )


def _wants_function(answer, signature):
    name = signature.split("(")[0]
    is_callable(answer, name)
    if _from_package(answer):
        raise Wrong(
            "package's own",
            "That is the package's own function, or little more than a call of it. It is there to compare with; here, "
            f"write `{name}` yourself.",
        )


_PASSING_ON = {"int", "float", "tuple", "list", "print"}  # what a result goes through without becoming another
_COMPUTING = ("BINARY_", "INPLACE_", "UNARY_", "COMPARE_", "CONTAINS_", "FOR_ITER", "JUMP", "POP_JUMP", "MAKE_FUNCTION")


def _from_package(answer):
    """Whether a function is the package's, or does nothing but call it.

    A function that computes something, be it next to a call of the package's, is the student's own: an assertion or a
    size from `arithmetic` in it does no harm, and what it returns is judged.
    """
    package = __name__.split(".")[0]

    def ours(thing):
        name = thing.__name__ if inspect.ismodule(thing) else getattr(thing, "__module__", None)
        return isinstance(name, str) and (name == package or name.startswith(package + "."))

    while isinstance(answer, functools.partial):
        answer = answer.func
    if ours(answer):
        return True
    code = getattr(answer, "__code__", None)
    if code is None:
        return False
    scope = dict(getattr(answer, "__globals__", {}))
    for name, cell in zip(code.co_freevars, answer.__closure__ or (), strict=True):
        with contextlib.suppress(ValueError):  # a name of the enclosing function that it never came to
            scope[name] = cell.cell_contents
    found = False
    for step in dis.get_instructions(code):
        if step.opname.startswith(_COMPUTING) and step.opname not in ("BINARY_SUBSCR", "BINARY_SLICE"):
            return False
        if step.opname == "IMPORT_NAME" and step.argval.split(".")[0] == package:
            found = True
        elif step.opname in ("LOAD_GLOBAL", "LOAD_DEREF") and step.argval not in _PASSING_ON:
            if not ours(scope.get(step.argval)):
                return False
            found = True
    return found


def _results(answer, name, cases):
    """What the student's function returns for each case, having made sure that it is a function of its arguments."""
    try:
        signature = inspect.signature(answer)
    except (TypeError, ValueError):  # some callables written in C have none
        signature = None
    results = []
    for case in cases:
        typed = case.typed(name)
        if signature is not None:
            try:
                signature.bind(*case.args, **case.kwargs)
            except TypeError as error:
                raise Wrong(
                    "signature",
                    f"{typed} must be possible; your function takes `{signature}` ({error}). "
                    "Keep the arguments that the task gives it.",
                ) from None
        args, kwargs = copy.deepcopy((case.args, case.kwargs))
        try:
            result = run(answer, *args, doing=typed, **kwargs)
        except Wrong as wrong:
            if wrong.outcome == "blank" and any(map(functools.partial(_is_answered, answer), cases)):
                raise Wrong("blank", f"{typed} is not answered yet; other calls are.", "blank") from wrong
            if case.stopping and isinstance(wrong.__cause__, (IndexError, ValueError)):
                raise Wrong(wrong.mistake, f"{wrong.hint} {case.stopping}", wrong.outcome) from wrong
            raise
        if result is None:
            raise Wrong("no return", f"{typed} returns `None`. Is there a `return` on every way through the function?")
        if not same((args, kwargs), (case.args, case.kwargs), 0.0):
            raise Wrong(
                "input changed",
                f"{typed} changed the values that it was given. Whoever calls it may need them again: work on a copy, "
                "or write the results to a new array.",
            )
        kept = copy.deepcopy(result)
        args, kwargs = copy.deepcopy((case.args, case.kwargs))
        if not same(run(answer, *args, doing=typed, **kwargs), kept, 1e-9):
            raise Wrong(
                "changes between calls",
                f"{typed} gives another result when it is called again. Something is kept between calls (a list "
                "outside the function, a default that is changed) or drawn at random.",
            )
        results.append(kept)
    return results


def _is_answered(answer, case):
    try:
        return case.of(answer) is not Ellipsis
    except NotImplementedError:
        return False
    except Exception:  # it stops, but there is something that does
        return True


def function(task_id, signature, *, cases, right, nudges, why, mistakes=(), tolerance=1e-5):
    """Declare a task that asks for a function.

    Parameters
    ----------
    task_id : str
        ``"NN.name"``.
    signature : str
        As the task gives it: ``"pool_size(size, window, strides)"``.
    cases : sequence of call
        Arguments that tell the mistakes apart.
    right : callable
        The check's own reference.
    nudges, why
        As for `task`.
    mistakes : sequence of Mistake
        Tried in order: the first whose wrong implementation gives the student's results on all cases.
    tolerance : float
        Of floats; ints must agree exactly.
    """
    name = signature.split("(")[0]

    def judge(answer):
        _wants_function(answer, signature)
        results = _results(answer, name, cases)
        wanted = [case.of(right) for case in cases]
        good = [same(result, want, tolerance) for result, want in zip(results, wanted, strict=True)]
        faults = [type_fault(result, want) for result, want in zip(results, wanted, strict=True)]
        if all(good) and not any(faults):
            return
        faults = sorted(filter(None, faults), key=lambda fault: fault[0] != "in millions")  # small counts show it less
        fault = faults[0] if faults else None
        if not all(good):
            _recognise(results)
            if fault and fault[0] == "wrong type":
                raise Wrong(*fault)
            if len(results) > 1 and all(same(result, results[0], tolerance) for result in results):
                raise Wrong(
                    "constant",
                    f"`{name}` gives {describe(results[0])} whatever it is asked. The result must be computed from the "
                    "arguments.",
                )
            slip = arithmetic_slip(results, wanted, tolerance)
            if slip:
                raise Wrong(*slip)
        if fault:
            raise Wrong(*fault)
        first = good.index(False)
        mistake, clause = difference(results[first], wanted[first])
        score = f" ({sum(good)} of {len(good)} cases are right.)" if any(good) else ""
        raise Wrong(mistake, f"{cases[first].typed(name)} gives {clause}{score}")

    def _recognise(results):
        for mistake in mistakes:
            for implementation in mistake.wrong if isinstance(mistake.wrong, list) else [mistake.wrong]:
                try:
                    wrong = [case.of(implementation) for case in cases]
                except Exception:  # it may fail where the student's does not: then theirs is another mistake
                    continue
                if all(same(result, expected, tolerance) for result, expected in zip(results, wrong, strict=True)):
                    raise Wrong(mistake.name, mistake.hint)

    names = tuple(mistake.name for mistake in mistakes)
    Task(task_id, f"a function `{signature}`", judge, tuple(nudges), why, names)


def value(task_id, asks, *, right, nudges, why, mistakes=(), tolerance=1e-5):
    """Declare a task that asks for a value: a number, a text, a sequence, a dict or an array.

    Parameters
    ----------
    task_id, asks, nudges, why
        As for `task`.
    right : object
        The right value. Ints must agree exactly, floats to `tolerance`; lists, tuples and arrays of the same values are
        the same, and an array of one number is that number.
    mistakes : sequence of Mistake
        Tried in order; `wrong` is a value or a predicate.
    tolerance : float
        Of floats, relative.
    """

    def judge(answer):
        if is_number(right) and getattr(answer, "shape", None) == (1,):
            answer = answer[0]  # a number all the same; a loss of one example comes like this
        if same(answer, right, tolerance):
            return
        for mistake in mistakes:
            if _recognised(mistake.wrong, answer, tolerance):
                raise Wrong(mistake.name, mistake.hint)
        if callable(answer):
            raise Wrong(
                "wrong type", f"This check wants {asks}, and got {describe(answer)}. Call it, and pass the result."
            )
        fault = None if is_number(answer) and is_number(right) else type_fault(answer, right)
        if fault and fault[0] == "shape":
            raise Wrong(*fault)
        if fault:
            raise Wrong("wrong type", f"This check wants {asks}, and got {describe(answer)}.")
        raise Wrong("other", f'{describe(answer)} is not it. `hint("{task_id}")` has a nudge.')

    Task(task_id, asks, judge, tuple(nudges), why, tuple(mistake.name for mistake in mistakes))


def _recognised(wrong, answer, tolerance):
    if not callable(wrong):
        return same(answer, wrong, tolerance)
    try:
        return bool(wrong(answer))
    except Exception:  # a predicate about numbers meets a text: not this mistake
        return False


def prediction(task_id, *, right, choices, nudges):
    """Declare a prediction: one of several choices, each with its own feedback.

    Parameters
    ----------
    task_id, nudges
        As for `task`.
    right : str
        The right choice.
    choices : dict
        Feedback by choice, for the right one too. The name of a wrong choice is the name of the mistake.
    """
    if right not in choices:
        raise ValueError(f"task {task_id}: the right choice {right!r} is not among {list(choices)}")
    listed = ", ".join(f'`"{choice}"`' for choice in choices)

    def judge(answer):
        for choice, feedback in choices.items():
            if _choice(answer) == _choice(choice):
                if choice == right:
                    return
                raise Wrong(choice, feedback)
        raise Wrong("not a choice", f"The choices are {listed}; got {describe(answer)}.")

    wrong = tuple(choice for choice in choices if choice != right)
    Task(task_id, f"one of {listed}", judge, tuple(nudges), choices[right], wrong)


def _choice(answer):
    """A choice without what does not tell it from the others: case, spaces, underscores, "the ... layer"."""
    if not isinstance(answer, str):
        return None
    words = answer.casefold().replace("_", " ").split()
    return [word for word in words if word not in ("the", "layer")] or words


def estimate(task_id, asks, *, low, high, too_low, too_high, nudges, why):
    """Declare a prediction of a number, right from `low` to `high`.

    Parameters
    ----------
    task_id, asks, nudges, why
        As for `task`.
    low, high : float
        Bounds, both included.
    too_low, too_high : str
        Feedback on the mistakes of these names.
    """

    def judge(answer):
        if not is_number(answer):
            raise Wrong("wrong type", f"This check wants {asks}, a number, and got {describe(answer)}.")
        if answer < low:
            raise Wrong("too low", too_low)
        if answer > high:
            raise Wrong("too high", too_high)
        if not low <= answer <= high:
            raise Wrong("other", f"{describe(answer)} is not a number to compare with.")

    Task(task_id, f"{asks}, a number", judge, tuple(nudges), why, ("too low", "too high"))
