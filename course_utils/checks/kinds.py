"""The ways to declare a task: a function, a value, a prediction, an estimate, or a judge of its own.

The package's docstring shows each of them.
"""

import ast
import contextlib
import copy
import functools
import inspect
import linecache
import sys
from collections.abc import Iterator, MappingView
from dataclasses import dataclass

from .comparing import arithmetic_slip, describe, difference, is_number, same, type_fault, typed, written
from .engine import Task, Wrong, run

__all__ = ["Mistake", "call", "estimate", "function", "letters", "prediction", "task", "typed", "value"]


@dataclass(frozen=True)
class Mistake:
    """A mistake that students make: its name, how to recognise it, and what to say.

    `wrong` is, for a function, an implementation with that mistake, which is called with all arguments of the task's
    signature by position; or a dict of the arguments with which the reference makes the mistake, be they the task's or
    switches of its own; or a list of several of these. For a value it is the value that the mistake leads to, or a
    predicate of the answer; the hint may then be a function of the answer too.
    """

    name: str
    wrong: object
    hint: object


class call:  # noqa: N801 - reads like the call that it stands for
    """Arguments of one case: ``call(7, 3, strides=2)``. What is too long to be printed is given as `typed`."""

    def __init__(self, *args, **kwargs):
        self.given = args, kwargs
        self.args = tuple(_value(arg) for arg in args)
        self.kwargs = {key: _value(arg) for key, arg in kwargs.items()}
        self.sentences, self.next_use = [], False

    def told(self, *, stopping, right_for=None):
        """The same call with what is said about it. Of several sentences, the first that fits is said.

        Parameters
        ----------
        stopping : str
            A sentence for whoever's function stops or returns None here, and is right for the call `right_for`.
        right_for : call
            Differs from this one only in what the sentence names, and so shows that this is the cause.
        """
        if right_for is None:
            raise ValueError(f"`stopping` needs `right_for`, a call that shows that {stopping!r} is the cause.")
        self.sentences.append((stopping, right_for))
        return self

    def in_next_cell(self):
        """The same call, known as one that the notebook itself makes next."""
        self.next_use = True
        return self

    def typed(self, name, parameters):
        """The call of a function of this name, as it is typed, and what its long arguments are: "" or a paragraph."""
        args, kwargs = self.given
        given = [("", parameter, arg) for parameter, arg in zip(parameters, args, strict=False)]
        given += [(f"{key}=", key, arg) for key, arg in kwargs.items()]
        texts = [written(arg) for _, _, arg in given]
        apart = sum(map(len, texts)) > 70 and {n for n, text in enumerate(texts) if len(text) > 30}
        parts = [key + (parameter if apart and n in apart else texts[n]) for n, (key, parameter, _) in enumerate(given)]
        sentence = f"`{name}({', '.join(parts)})`{', which this notebook asks for next,' * self.next_use}"
        long = " and ".join(f"`{given[n][1]} = {texts[n]}`" for n in sorted(apart or ()))
        return sentence, f"\n\nHere {long}." if long else ""

    def of(self, function, parameters=None):
        """Call a function with copies of the arguments; by position and with the defaults of `parameters`, if given."""
        args, kwargs = copy.deepcopy((self.args, self.kwargs))
        if parameters is None:
            return function(*args, **kwargs)
        bound = parameters.bind(*args, **kwargs)
        bound.apply_defaults()
        return function(*bound.args)


def _value(argument):
    return argument.value if isinstance(argument, typed) else argument


def _parameters(signature):
    """The signature that a task gives as text: ``"pool_size(size, window, strides=2)"``."""
    return inspect.signature(eval(f"lambda {signature[signature.index('(') + 1 : -1]}: None"))


def _implementations(mistake, right, parameters):
    """A mistake's wrong implementations, each to be called by position."""

    def changed(changes):
        def implementation(*args):
            given = dict(zip(parameters.parameters, args, strict=True))
            switches = {name: value for name, value in changes.items() if name not in given}
            return right(*(changes.get(name, value) for name, value in given.items()), **switches)

        return implementation

    several = mistake.wrong if isinstance(mistake.wrong, list) else [mistake.wrong]
    return [changed(wrong) if isinstance(wrong, dict) else wrong for wrong in several]


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


def letters(answer, right, look_again):
    """Judge a choice of lines that was given by their letters: ``"bdf"``, ``["b", "d", "f"]``, ``"(b), (d), (f)"``.

    Case, order, spaces and punctuation do not matter, nor does a letter that is given twice.

    Parameters
    ----------
    answer : object
        The student's.
    right : str
        The letters to be given.
    look_again : dict of str
        By letter, for all lines from a on: what is said of one that is missing or too much, after "Look again at (a):".

    Raises
    ------
    Wrong
        ``'about b'`` of the first such letter; ``'wrong type'``; ``'not a choice'``, where there are no such lines.
    """
    if not isinstance(answer, (str, list, tuple, set, frozenset)):
        raise Wrong("wrong type", f"This check wants the letters as a text, and got {describe(answer)}.")
    given = {str(letter).strip(" ()\t\n").casefold() for letter in answer} - {"", ",", ";", "."}
    if not given or given - look_again.keys():
        raise Wrong("not a choice", f"The lines have the letters a to {max(look_again)}; got {describe(answer)}.")
    for letter in sorted(given ^ set(right)):
        raise Wrong(f"about {letter}", f"Look again at ({letter}): {look_again[letter]}")


def is_callable(answer, name):
    """The answer is the student's function `name` and not what it returns, or a model. Mistake: ``wrong type``."""
    keras = sys.modules.get("keras")  # a model can be called too
    if not callable(answer) or isinstance(answer, (type, *([keras.Model] if keras else []))):
        raise Wrong(
            "wrong type",
            f"This check wants the function itself, `{name}` without parentheses after it, and got {describe(answer)}.",
        )


def _wants_function(answer, name):
    is_callable(answer, name)
    if _from_package(answer):
        raise Wrong(
            "package's own",
            "That is the package's own function, or little more than a call of it. It is there to compare with; here, "
            f"write `{name}` yourself.",
        )


_PASSING_ON = {"int", "float", "str", "tuple", "list", "print"}  # what a result goes through without being computed
_COMPUTING = (ast.BinOp, ast.UnaryOp, ast.AugAssign, ast.Compare, ast.BoolOp, ast.For, ast.While, ast.comprehension)
_COMPUTING += (ast.Lambda, ast.FunctionDef)


def _is_ours(thing):
    package = __name__.split(".")[0]
    name = thing.__name__ if inspect.ismodule(thing) else getattr(thing, "__module__", None)
    return isinstance(name, str) and name.split(".")[0] == package


def _from_package(answer):
    """Whether a function is the package's, or does nothing but call it.

    A function that computes something, be it next to a call of the package's, is the student's own: an assertion or a
    size from `arithmetic` in it does no harm, and what it returns is judged. So is one whose source is not at hand.
    """
    while isinstance(answer, functools.partial):
        answer = answer.func
    if _is_ours(answer):
        return True
    source = _source(answer)
    if source is None:
        return False
    body = source.body if isinstance(source.body, list) else [source.body]
    parts = [part for statement in body for part in ast.walk(statement)]
    if any(isinstance(part, _COMPUTING) and any(isinstance(at, ast.Name) for at in ast.walk(part)) for part in parts):
        return False
    scope = inspect.getclosurevars(answer)
    known = {**scope.globals, **scope.nonlocals}
    code = answer.__code__
    imported = [part.module or "" for part in parts if isinstance(part, ast.ImportFrom)]
    imported += [alias.name for part in parts if isinstance(part, ast.Import) for alias in part.names]
    drawing = [part for part in parts if isinstance(part, ast.Call) and "default_rng" in ast.dump(part.func)]
    aside = {inner for part in drawing for inner in ast.walk(part)}  # a layer is built with a generator
    used = {part.id for part in parts if isinstance(part, ast.Name) and part not in aside}
    used -= {*code.co_varnames, *code.co_cellvars}
    found = [_is_ours(known.get(name)) for name in used - _PASSING_ON]
    found += [name.split(".")[0] == __name__.split(".")[0] for name in imported]
    return bool(found) and all(found)


def _source(function):
    """The part of its file or cell that defines a function, parsed; None where it cannot be told."""
    code = getattr(function, "__code__", None)
    if code is None:
        return None
    # SystemError: now and then Python loses count of its own depth in a parser (python/cpython issue 106905).
    with contextlib.suppress(SyntaxError, ValueError, SystemError):
        tree = ast.parse("".join(linecache.getlines(code.co_filename)))
        found = [
            part
            for part in ast.walk(tree)
            if isinstance(part, (ast.FunctionDef, ast.Lambda))
            and min([part.lineno, *(mark.lineno for mark in getattr(part, "decorator_list", ()))])
            == code.co_firstlineno
            and getattr(part, "name", "<lambda>") == code.co_name
            and [arg.arg for arg in (*part.args.posonlyargs, *part.args.args)]
            == [*code.co_varnames[: code.co_argcount]]
        ]
        if len(found) == 1:
            return found[0]
    return None


def _results(answer, name, cases, wanted, parameters):
    """What the student's function returns for each case, having made sure that it is a function of its arguments."""
    try:
        signature = inspect.signature(answer)
    except (TypeError, ValueError):  # some callables written in C have none
        signature = None
    results = []
    for case in cases:
        shown, long = case.typed(name, list(parameters.parameters))
        try:
            results.append(_result(answer, case, cases, shown, signature, wanted))
        except Wrong as wrong:
            if not wrong.hint.startswith(shown):
                raise
            raise Wrong(wrong.mistake, wrong.hint + long, wrong.outcome) from wrong
    return results


def _result(answer, case, cases, shown, signature, wanted):
    if signature is not None:
        try:
            signature.bind(*case.args, **case.kwargs)
        except TypeError as error:
            raise Wrong(
                "signature",
                f"{shown} must be possible; your function takes `{signature}` ({error}). "
                "Keep the arguments that the task gives it.",
            ) from None
    args, kwargs = copy.deepcopy((case.args, case.kwargs))
    try:
        result = run(answer, *args, doing=shown, **kwargs)
    except Wrong as wrong:
        if wrong.outcome == "blank" and any(map(functools.partial(_is_answered, answer), cases)):
            raise Wrong("blank", f"{shown} is not answered yet; other calls are.", "blank") from wrong
        if wrong.outcome == "stopped" and (told := _sentence(answer, case, wanted)):
            raise Wrong(wrong.mistake, f"{wrong.hint} {told}", wrong.outcome) from wrong
        raise
    if result is None:
        why = _sentence(answer, case, wanted) or "Is there a `return` on every way through the function?"
        raise Wrong("no return", f"{shown} returns `None`. {why}")
    if isinstance(result, (Iterator, MappingView)):
        is_view = isinstance(result, MappingView)
        how = "shows what is in a dict" if is_view else "computes its values one at a time, when it is asked"
        raise Wrong(
            "wrong type",
            f"{shown} gives a {type(result).__name__}, which {how}. "
            "Collect the values, for instance with `list(...)`, and return what you collected.",
        )
    if not same((args, kwargs), (case.args, case.kwargs), 0.0):
        before, after = (*case.args, *case.kwargs.values()), (*args, *kwargs.values())
        instead = "write the results to a new array"
        if any(isinstance(old, list) and len(old) != len(new) for old, new in zip(before, after, strict=True)):
            instead = "take nothing out: `reversed(...)` goes through a list backwards and leaves it as it is"
        raise Wrong(
            "input changed",
            f"{shown} changed the values that it was given. Whoever calls it may need them again: work on a copy, "
            f"or {instead}.",
        )
    kept = copy.deepcopy(result)
    args, kwargs = copy.deepcopy((case.args, case.kwargs))
    again = run(answer, *args, doing=shown, **kwargs)
    # What differs from its own copy, as most objects do, would do so without being kept or drawn.
    if same(kept, result, 0.0) and not same(again, kept, 1e-9):
        raise Wrong(
            "changes between calls",
            f"{shown} gives another result when it is called again. Something is kept between calls (a list "
            "outside the function, a default that is changed) or drawn at random.",
        )
    return kept


def _sentence(answer, case, wanted):
    """What is told of whoever's function stops or returns None in this case; "" where nothing fits."""
    return next((sentence for sentence, other in case.sentences if _is_right(answer, other, wanted)), "")


def _is_answered(answer, case):
    try:
        return case.of(answer) is not Ellipsis
    except NotImplementedError:
        return False
    except Exception:  # it stops, but there is something that does
        return True


def _is_right(answer, case, wanted):
    with contextlib.suppress(Exception):
        return same(case.of(answer), wanted(case))
    return False


def function(task_id, signature, *, cases, right, nudges, why, mistakes=(), tolerance=1e-5, apart=False, ints=False):
    """Declare a task that asks for a function.

    Parameters
    ----------
    task_id : str
        ``"NN.name"``.
    signature : str
        As the task gives it: ``"pool_size(size, window, strides=1)"``. Whatever the cases leave out of it, `right` and
        the wrong implementations are given by its defaults, and all by position.
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
    apart : bool
        The cases are questions of their own, of which several may be mistaken, each in another way. A mistake then
        counts as found where its wrong implementation is wrong, and no message gives the right result away.
    ints : bool
        The result is an array of ints, or several, used as such, for instance as indices: floats are not right.
    """
    name, parameters = signature.split("(")[0], _parameters(signature)
    wrong = [(mistake, of) for mistake in mistakes for of in _implementations(mistake, right, parameters)]

    def wanted_for(case):
        return case.of(right, parameters)

    def judge(answer):
        _wants_function(answer, name)
        results = _results(answer, name, cases, wanted_for, parameters)
        wanted = [wanted_for(case) for case in cases]
        good = [same(result, want, tolerance) for result, want in zip(results, wanted, strict=True)]
        faults = [type_fault(result, want, ints=ints) for result, want in zip(results, wanted, strict=True)]
        if all(good) and not any(faults):
            return
        faulty = [number for number, fault in enumerate(faults) if fault]
        fault = None
        if faulty:
            number = min(faulty, key=lambda number: faults[number][0] != "in millions")  # small counts show it less
            shown, long = cases[number].typed(name, list(parameters.parameters))
            mistake, sentence = type_fault(results[number], wanted[number], f"{shown} returns", ints=ints)
            fault = mistake, sentence + long
        if not all(good):
            for mistake, of in wrong:
                made = (case.of(of, parameters) for case in cases)
                telling = (
                    (result, expected)
                    for result, expected, want in zip(results, made, wanted, strict=True)
                    if not (apart and same(expected, want, tolerance))
                )
                if all(same(*pair, tolerance) for pair in telling):
                    raise Wrong(mistake.name, mistake.hint)
            if fault and fault[0] == "wrong type":
                raise Wrong(*fault)
            if len(results) > 1 and all(same(result, results[0], tolerance) for result in results):
                raise Wrong(
                    "constant",
                    f"`{name}` gives {describe(results[0])} in each of the {len(results)} cases that were tried, where "
                    "results differ. Is it computed from all arguments?",
                )
            slip = arithmetic_slip(results, wanted, tolerance)
            if slip:
                raise Wrong(*slip)
        if fault and not (apart and fault[0] == "shape"):
            raise Wrong(*fault)
        first = good.index(False)
        mistake, clause = difference(results[first], wanted[first])
        score = f" ({sum(good)} of {len(good)} cases are right.)" if any(good) else ""
        shown, long = cases[first].typed(name, list(parameters.parameters))
        if apart:
            mistake, clause = "other", f"{describe(results[first])}, which is not it."
            score += f' `hint("{task_id}")` has a nudge.'
        raise Wrong(mistake, f"{shown} gives {clause}{score}{long}")

    names = tuple(mistake.name for mistake in mistakes)
    examples = tuple((mistake.name, _answering(of, parameters), mistake.hint) for mistake, of in wrong)
    Task(task_id, f"a function `{signature}`", judge, tuple(nudges), why, names, examples, tuple(cases), parameters)


def _answering(implementation, parameters):
    """A wrong implementation as the function of a student, who takes what is typed."""

    def answer(*args, **kwargs):
        return call(*args, **kwargs).of(implementation, parameters)

    answer.__module__ = "__main__"  # not one of the package's, which `_from_package` would refuse
    return answer


def value(task_id, asks, *, right, nudges, why, mistakes=(), tolerance=1e-5, parts=(), keys=()):
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
    parts : sequence of str
        What the parts of a list are called, where a student may be told which of them is not right.
    keys : sequence of str
        What they are called in a dict, where one is taken for the list.
    """

    def judge(answer):
        if keys and isinstance(answer, dict) and answer.keys() == set(keys):
            answer = [answer[key] for key in keys]
        if is_number(right) and getattr(answer, "shape", None) == (1,):
            answer = answer[0]  # a number all the same; a loss of one example comes like this
        if same(answer, right, tolerance):
            return
        if isinstance(right, (list, tuple)) and isinstance(answer, (str, bytes, dict, set, frozenset)):
            raise Wrong(
                "wrong type",
                f"This check wants {asks}, in the order of the task, and got a {type(answer).__name__}, "
                f"{describe(answer)}.",
            )
        for mistake in mistakes:
            if _recognised(mistake.wrong, answer, tolerance):
                raise Wrong(mistake.name, mistake.hint(answer) if callable(mistake.hint) else mistake.hint)
        if callable(answer):
            raise Wrong(
                "wrong type", f"This check wants {asks}, and got {describe(answer)}. Call it, and pass the result."
            )
        fault = None if is_number(answer) and is_number(right) else type_fault(answer, right)
        if fault and fault[0] in ("float for int", "in millions"):  # whole floats are ints here, others are not it
            fault = None
        if parts and (fault is None or fault[0] != "wrong type") and len(answer) == len(parts):
            pairs = zip(parts, answer, right, strict=True)
            bad = [(part, given) for part, given, wanted in pairs if not same(given, wanted, tolerance)]
            score = f" ({len(parts) - len(bad)} of {len(parts)} are right.)" if len(bad) < len(parts) else ""
            raise Wrong("other", f"{bad[0][0]} is not right: you give {describe(bad[0][1])}.{score}")
        if fault and fault[0] == "shape":
            raise Wrong(*fault)
        if fault:
            raise Wrong("wrong type", f"This check wants {asks}, and got {describe(answer)}.")
        score = ""
        if isinstance(right, (list, tuple)) and len(right) > 1:  # as long as the answer, which has no fault
            good = sum(same(given, wanted, tolerance) for given, wanted in zip(answer, right, strict=True))
            score = f" ({good} of {len(right)} {'is' if good == 1 else 'are'} right.)"
        given = describe(answer)
        raise Wrong("other", f'{given[0].upper()}{given[1:]} is not it.{score} `hint("{task_id}")` has a nudge.')

    names = tuple(mistake.name for mistake in mistakes)
    examples = tuple((one.name, one.wrong, one.hint) for one in mistakes if not callable(one.wrong))
    Task(task_id, asks, judge, tuple(nudges), why, names, examples)


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
    examples = tuple((choice, choice, choices[choice]) for choice in wrong)
    Task(task_id, f"one of {listed}", judge, tuple(nudges), choices[right], wrong, examples)


def _choice(answer):
    """A choice without what does not tell it from the others: case, spaces, underscores, full stop, "the ... layer"."""
    if not isinstance(answer, (str, bool)) and not is_number(answer):
        return None
    words = str(answer).casefold().replace("_", " ").rstrip(" .").split()
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

    examples = ("too low", low - 1, too_low), ("too high", high + 1, too_high)
    Task(task_id, f"{asks}, a number", judge, tuple(nudges), why, ("too low", "too high"), examples)
