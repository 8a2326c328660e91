"""Compare an answer with the right one as a kind teacher would, and describe values in a sentence."""

import numbers
import re
from decimal import Decimal
from fractions import Fraction

import numpy as np


def _array(value):
    """`value` as a NumPy array of numbers, or None where it is not one."""
    if hasattr(value, "detach"):  # a PyTorch tensor may hold a gradient or live on another device
        value = value.detach().cpu()
    try:
        array = np.asarray(value)
        if array.dtype.kind == "O" and any(isinstance(part, (Fraction, Decimal)) for part in array.flat):
            array = array.astype(float)
    except Exception:  # ragged lists, and whatever objects with an __array__ of their own may raise
        return None
    return array if array.dtype.kind in "iuf" else None


def is_number(value):
    """Whether `value` is one number: of Python, NumPy or a backend. True and False are not."""
    array = None if isinstance(value, (str, bytes, bool, list, tuple, dict)) else _array(value)
    return array is not None and array.shape == ()


def same(answer, right, tolerance=1e-5):
    """Whether an answer has the right value, whatever its type.

    Integers must agree exactly, floats to `tolerance` (relative, and absolute near 0), texts up to case, spaces, a full
    stop at the end and American spelling. A tuple or list is equal to any sequence of the same values; an array to any
    nested sequence of the same shape. 0 and 1 stand for False and True.
    """
    if isinstance(right, str):
        return isinstance(answer, str) and _words(answer) == _words(right)
    if isinstance(right, (bool, np.bool_)):
        return _is_truth_value(answer) and bool(answer) == bool(right)
    if isinstance(right, dict):
        return (
            isinstance(answer, dict)
            and answer.keys() == right.keys()
            and all(same(answer[key], right[key], tolerance) for key in right)
        )
    if isinstance(right, (tuple, list)):
        if isinstance(answer, (str, bytes, dict, set)) or not hasattr(answer, "__len__"):
            return False
        return len(answer) == len(right) and all(same(a, r, tolerance) for a, r in zip(answer, right, strict=True))
    given, wanted = _array(answer), _array(right)
    if wanted is None:
        return bool(np.array_equal(answer, right))  # of arrays of truth values too
    if given is None or isinstance(answer, (bool, np.bool_)) or given.shape != wanted.shape:
        return False
    if wanted.dtype.kind in "iu":
        return bool(np.array_equal(given, wanted))
    return bool(np.allclose(given, wanted, rtol=tolerance, atol=tolerance, equal_nan=True))


def _words(text):
    return " ".join(text.split()).casefold().rstrip(" .").replace("ization", "isation")


def _is_truth_value(answer):
    return isinstance(answer, (bool, np.bool_)) or (is_number(answer) and float(answer) in (0, 1))


def type_fault(answer, right, subject="The result is", *, ints=False):
    """What is wrong with the type of a result whose value may be right: (mistake, sentence), or None.

    ``subject`` begins the sentence: what it is that gave this result. With ``ints``, arrays must be of ints.
    """
    if isinstance(right, (bool, np.bool_)):
        if not _is_truth_value(answer):
            return "wrong type", f"{subject} {describe(answer)}; True or False was expected."
    elif isinstance(right, numbers.Integral):
        if isinstance(answer, (bool, np.bool_)) or not is_number(answer):
            return "wrong type", f"{subject} {describe(answer)}; an int was expected."
        if _array(answer).dtype.kind == "f":
            if right >= 1000 and abs(float(answer) * 1e6 - right) <= 0.01 * right:
                return "in millions", (
                    f"{subject} {describe(answer)}, in millions. Give the whole count, an int, not millions."
                )
            return "float for int", (
                f"{subject} {describe(answer)}, a float. Sizes, counts and places are ints: 5 rows, not 5.0. "
                "`//` between ints stays an int. `/` never does, nor do `np.floor`, `np.ceil` and `np.prod` of an "
                "empty list; `int(...)` makes an int of a float."
            )
    elif isinstance(right, numbers.Real):
        if isinstance(answer, (bool, np.bool_)) or not is_number(answer):
            return "wrong type", f"{subject} {describe(answer)}; a number was expected."
    elif isinstance(right, np.ndarray):
        if isinstance(answer, (list, tuple)):
            return "list for array", (
                f"{subject} a {type(answer).__name__}; a NumPy array was expected, which has a shape and can be "
                "computed with as a whole. `np.array(...)` makes one."
            )
        if _array(answer) is None or not hasattr(answer, "shape"):
            return "wrong type", f"{subject} {describe(answer)}; a NumPy array of numbers was expected."
        if ints and _array(answer).dtype.kind == "f":
            return "float for int", f"{subject} an array of floats; an array of ints was asked for, to be used as such."
    elif isinstance(right, (tuple, list)):
        if isinstance(answer, (str, bytes, dict, set)) or not hasattr(answer, "__len__"):
            count = "one value, " if is_number(answer) else ""
            asked = f"{_kind(right)} of {'one value' if len(right) == 1 else f'{len(right)} values'}"
            return "wrong type", f"{subject} {count}{describe(answer)}; {asked} was expected."
        shapes = [np.shape(part) for part in right]
        if hasattr(answer, "shape") and any(shapes) and [np.shape(part) for part in answer] != shapes:
            return (
                "shape",
                f"{subject} one array, of shape {answer.shape}; {len(right)} were asked for, in {_kind(right)}.",
            )
        if len(answer) != len(right):
            count = "one value" if len(answer) == 1 else f"{len(answer)} values"
            asked = "one was" if len(right) == 1 else f"{len(right)} were"
            return "shape", f"{subject} {describe(answer)}: {count}, and {asked} asked for."
        for given, wanted in zip(answer, right, strict=False):
            fault = type_fault(given, wanted, f"{subject} {_kind(answer)} with", ints=ints)
            if fault:
                return fault
    elif not isinstance(answer, type(right)):
        return "wrong type", f"{subject} {describe(answer)}; {_kind(right)} was expected."
    return None


def _kind(value):
    word = {"str": "text", "NoneType": "None"}.get(type(value).__name__, type(value).__name__)
    return word if word in ("text", "None") else f"{'an' if word[0] in 'aeiou' else 'a'} {word}"


def quoted(text):
    """Text as code: between backticks, of which it has none itself."""
    return f"`{text.replace('`', chr(39))}`"


def describe(value, longest=60):
    """A value in a few words, for a sentence; in full where that takes no more than `longest` characters."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        if value.shape != () and np.size(value) > 9:
            return f"an array of shape {tuple(value.shape)}"
        array = np.asarray(value)
        return f"`{_plain(array.tolist(), digits=12 if array.dtype.itemsize > 4 else 7)}`"
    if callable(value):
        name = getattr(value, "__name__", None)
        return f"the {'class' if isinstance(value, type) else 'function'} `{name}`" if name else _kind(value)
    text = repr(_plain(value, digits=12))
    if len(text) > longest:
        return f"{_kind(value)} of length {len(value)}" if hasattr(value, "__len__") else _kind(value)
    return quoted(text)


def _plain(value, digits=None):
    """NumPy's numbers in a tuple or list as Python's: `np.int64(3)` would stand for 3 in a sentence.

    With `digits`, floats are rounded to so many: 0.1 for 0.09999999999999998.
    """
    if type(value) in (tuple, list):
        return type(value)(_plain(part, digits) for part in value)
    if isinstance(value, np.generic):
        digits = digits and (7 if value.dtype.itemsize <= 4 else digits)
        value = value.item()
    return float(f"{value:.{digits}g}") if digits and isinstance(value, float) else value


class typed:  # noqa: N801 - stands in the place of the value
    """An argument of a case, given as the Python that makes it: ``typed("np.arange(12).reshape(3, 4) ** 2 % 7")``.

    What is too long to be printed is shown so, and a student can paste it. `names` are other names in it than ``np``:
    of the exercise's, or of what it imports.
    """

    def __init__(self, expression, **names):
        self.expression, self.names = expression, names
        self.value = eval(expression, {"np": np, **names})


def written(value):
    """A value as Python that makes it again, dtype included. A large array not given as `typed` is only named."""
    if isinstance(value, typed):
        return value.expression
    if isinstance(value, np.ndarray):
        return _written_array(value)
    if type(value) in (list, tuple):
        parts = ", ".join(map(written, value))
        return f"[{parts}]" if type(value) is list else f"({parts}{',' * (len(value) == 1)})"
    if type(value) is dict:
        return f"{{{', '.join(f'{written(key)}: {written(part)}' for key, part in value.items())}}}"
    if callable(value):
        return getattr(value, "__name__", repr(value))
    return repr(_plain(value))


def _written_array(array):
    dtype = "" if array.dtype in (float, bool) else f', dtype="{array.dtype}"'
    constant = array.flat[0] if array.size else 0
    if array.size == 0 or (array.size > 4 and (array == constant).all()):
        shape = array.shape if array.ndim > 1 else array.size
        name = {0: "zeros", 1: "ones"}.get(constant) if array.dtype != bool else None
        return f"np.{name}({shape}{dtype})" if name else f"np.full({shape}, {written(constant)}{dtype})"
    if array.size > 60:
        return f"an array of shape {array.shape}"
    text = re.sub(r"\b(nan|inf)\b", r"np.\1", str(array.tolist()))
    return f"np.array({text}{dtype if np.array(array.tolist()).dtype != array.dtype else ''})"


def difference(answer, right):
    """Where an answer of the right type differs from the right value: (mistake, clause after 'It gives ...')."""
    if isinstance(right, (tuple, list, dict)) and not describe(right).startswith("`"):  # too long to be shown whole
        return _difference_of_parts(answer, right)
    given, wanted = _array(answer), _array(right)
    if isinstance(right, (tuple, list)) and given is not None and given.shape == wanted.shape:
        answer, given = (list if isinstance(right, list) else tuple)(given.tolist()), None  # shown like the right one
    if given is None or wanted is None or wanted.ndim == 0:
        return "other", f"{describe(answer)}, and should give {describe(right)}."
    if given.shape != wanted.shape:
        return "shape", f"something of shape {given.shape}, and should give shape {wanted.shape}."
    if wanted.size <= 9:
        return "other", f"{describe(given)}, and should give {describe(wanted)}."
    place = np.unravel_index(np.argmax(~np.isclose(given, wanted, rtol=1e-5, atol=1e-5)), wanted.shape)
    index = ", ".join(str(int(i)) for i in place)
    return "other", f"`{given[place]:.6g}` at `[{index}]`, and should give `{wanted[place]:.6g}` there."


def _difference_of_parts(answer, right):
    """The first part of a tuple or dict that differs, and how; the parts are as many, or the keys the same."""
    if isinstance(right, dict):
        if not isinstance(answer, dict) or answer.keys() != right.keys():
            return "other", f"{describe(answer)}, and should give a dict with the keys {', '.join(map(repr, right))}."
        parts = [(f"at the key {key!r}", answer[key], right[key]) for key in right]
    else:
        parts = [(f"as part {i} of {len(right)}", *pair) for i, pair in enumerate(zip(answer, right, strict=True), 1)]
    for where, given, wanted in parts:
        if not same(given, wanted):
            mistake, clause = difference(given, wanted)
            return mistake, f"{where} {clause}"
    return "other", f"{describe(answer)}, and should give {describe(right)}."


_SLIPS = (
    (
        "percent",
        lambda right: 100 * right,
        "All results are a hundred times too large: percent, where a fraction is asked for.",
    ),
    (
        "whole division",
        np.floor,
        "All results are the right ones rounded down to whole numbers. What makes whole numbers of them: a `//`, an "
        "`int(...)`, a comparison, or an array of ints that they are written into?",
    ),
)


def arithmetic_slip(results, wanted, tolerance):
    """A slip that turns every right result into the one that was found: (mistake, sentence), or None."""
    right = [_array(want) for want in wanted]
    if any(want is None for want in right):
        return None
    for mistake, slip, sentence in _SLIPS:
        if all(same(result, slip(want), tolerance) for result, want in zip(results, right, strict=True)):
            return mistake, sentence
    return None
