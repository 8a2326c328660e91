"""Arguments that functions of this package share, checked: errors say what was given and what was expected."""

from numbers import Real
from operator import index
from typing import SupportsIndex


def whole(function, name, value, least=0, otherwise=""):
    """A whole number of at least ``least``.

    Parameters
    ----------
    function, name : str
        Of the function and its argument, for the message.
    value : int or NumPy's integers
    least : int
    otherwise : str
        What else the argument may be, which the caller has dealt with, such as ``", or None for all"``.

    Raises
    ------
    TypeError
        It is no whole number: 2.5, 2.0, True, "2" and None are none.
    ValueError
        It is less than ``least``.

    Examples
    --------
    >>> whole("load", "seed", -1)
    Traceback (most recent call last):
    ...
    ValueError: load: seed is -1; it must be at least 0.
    """
    given = f"{function}: {name} is {value!r}; it must be"
    if isinstance(value, bool) or not isinstance(value, SupportsIndex):
        raise TypeError(f"{given} a whole number from {least}{otherwise}.")
    if index(value) < least:
        raise ValueError(f"{given} at least {least}{otherwise}.")
    return index(value)


def number(function, name, value, least, most):
    """A number from ``least`` to ``most``; TypeError where it is none, ValueError where it lies outside or is NaN.

    Examples
    --------
    >>> number("draw", "clutter", 1.5, 0, 1)
    Traceback (most recent call last):
    ...
    ValueError: draw: clutter is 1.5; give a number from 0 to 1.
    """
    expected = f"{function}: {name} is {value!r}; give a number from {least} to {most}."
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(expected)
    if not least <= value <= most:
        raise ValueError(expected)
    return value


def height_and_width(function, size, least=1):
    """Two numbers of pixels from one or two; TypeError and ValueError as of `whole`.

    Examples
    --------
    >>> height_and_width("draw", 32), height_and_width("draw", (32, 48))
    ((32, 32), (32, 48))
    """
    sides = tuple(size) if isinstance(size, (tuple, list)) else (size, size)
    given = f"{function}: size is {size!r};"
    if len(sides) != 2:
        raise ValueError(f"{given} give a number of pixels or (height, width).")
    try:
        return tuple(whole(function, "size", side, least) for side in sides)
    except TypeError:
        raise TypeError(f"{given} give a whole number of pixels or (height, width).") from None
    except ValueError:
        raise ValueError(f"{given} no side may be below {least} pixels.") from None
