"""What a notebook itself calls: `glue` a number into the prose, say what a cell `needs`."""

import re
import sys

# MyST-NB, the notebook reader of Jupyter Book, takes outputs with this prefix off the page and into its {glue} roles.
# Jupyter and Colab do not know such a type, so they show nothing.
_PREFIX = "application/papermill.record/"


def glue(name, value, spec="", *, display=False):
    """Keep a value of this run for the prose, so that no number in the text is typed.

    The page shows it where the text says ``{glue:text}`name```.

    Parameters
    ----------
    name : str
        Lower-case letters, digits and underscores. No other value of the notebook may have it.
    value : int, float or str
        NumPy scalars and scalar tensors too.
    spec : str, optional
        How to write the value: a format specification such as ``".3f"``, ``".1%"`` or ``","``.
    display : bool, optional
        Show the text below the cell as well.

    Returns
    -------
    None
        In a plain Python interpreter there is no page, and nothing else happens either.

    Raises
    ------
    ValueError
        The name or the specification is not usable.
    TypeError
        The value is a list, an array or something else that is not one number or one text.

    Notes
    -----
    Works without MyST-NB. Explained on the page for authors, CONTRIBUTING.

    Examples
    --------
    >>> glue("model5_accuracy", 0.9031, ".1%")
    >>> glue("vgg16_weights", 138_357_544, ",", display=True)
    138,357,544
    """
    if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ValueError(
            f"glue: the name {name!r} must be lower-case letters, digits and underscores: 'test_accuracy'."
        )
    text = _written(name, value, spec)
    # The text as a Python literal: the {glue:text} role evaluates what it finds, and would turn 0.900 into 0.9.
    bundle = {_PREFIX + "text/plain": repr(text)}
    if "IPython" in sys.modules:
        from IPython import get_ipython

        if get_ipython() is not None:
            from IPython.display import display as show

            show(bundle, raw=True, metadata={"scrapbook": {"name": name, "mime_prefix": _PREFIX}})
    if display:
        print(text)


def _written(name, value, spec):
    if not isinstance(value, (str, int, float)):
        if getattr(value, "shape", None) != ():
            raise TypeError(
                f"glue({name!r}, ...) takes one number or one text, and was given {type(value).__name__}. "
                "Glue the number that the text needs; a figure or a table stays where it is made."
            )
        value = value.numpy() if hasattr(value, "numpy") else value
        value = value.item()
    try:
        return format(value, spec)
    except ValueError as error:
        raise ValueError(f"glue({name!r}, {value!r}, {spec!r}): {error}. Try '.3f', '.1%' or ','.") from None


def needs(*names):
    """Stop a cell here, with one clear sentence, while it lacks an answer from above.

    Parameters
    ----------
    *names : str
        Names of variables that this cell uses, which are not there until the tasks above are answered.

    Raises
    ------
    NotImplementedError
        One of them does not exist yet, is still ``...``, or is None, as after a function without a ``return``.

    Notes
    -----
    A cell that uses the result of an unanswered task would stop with whatever error comes first, such as "'ellipsis'
    object has no attribute 'fit'". In a solution the call does nothing. Explained in
    `course_utils.authoring.exercises`.

    Examples
    --------
    >>> model = ...
    >>> needs("model")
    Traceback (most recent call last):
    ...
    NotImplementedError: This cell needs model: answer the task above, run its cell, then run this one.
    """
    scope = sys._getframe(1)
    known = {**scope.f_globals, **scope.f_locals}
    missing = [name for name in names if known.get(name) is None or known[name] is ...]
    if missing:
        raise NotImplementedError(
            f"This cell needs {', '.join(missing)}: answer the task above, run its cell, then run this one."
        )
