"""What a notebook itself calls: `glue` a number into the prose, `claim` a sentence of it, say what a cell `needs`."""

import re
import sys

# MyST-NB, the notebook reader of Jupyter Book, takes outputs with this prefix off the page and into its {glue} roles.
# Jupyter and Colab do not know such a type, so they show nothing.
PREFIX = "application/papermill.record/"


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
    _record(name, text)
    if display:
        print(text)


def claim(statement, condition):
    """State a sentence of the text in code, with the condition that makes it true.

    A sentence that follows from a run, such as "width gained more than depth", may be false after the next one. As a
    claim it cannot stay so: ``course execute`` does not store a run in which a claim is false.

    Parameters
    ----------
    statement : str
        The sentence, or the part of it that the condition is about, word for word as the page has it. One line.
    condition : bool
        What makes it true, from values of this run. A NumPy boolean or a scalar boolean tensor too.

    Returns
    -------
    None
        Where the claim is true, a reader sees nothing. Where it is false, as may be at another profile than the
        page's, one line says which sentence this run does not show; the notebook goes on.

    Raises
    ------
    TypeError
        The condition is not one truth value: an array, a number, None, a function. Any of them would count as true.
    ValueError
        The statement is empty or longer than one line.

    Notes
    -----
    A comparison with NaN is false, so a claim about a run that diverged is false too; but ``not a > b`` is true of NaN:
    write ``a <= b``. The bound that a result must reach is `expect`'s business, not a claim. Explained on the page for
    authors, CONTRIBUTING.

    Examples
    --------
    >>> wide, deep = 0.71, 0.68
    >>> claim("width gained more than depth", wide > deep)
    >>> claim("depth gained more than width", deep > wide)
    The page says "depth gained more than width". This run does not show it.
    """
    if not isinstance(statement, str) or not statement.strip() or "\n" in statement:
        raise ValueError(
            f"claim: the statement {statement!r} must be a sentence of the page, on one line: "
            "'width gained more than depth'."
        )
    holds = _scalar(condition)
    if not isinstance(holds, bool):
        shape = getattr(condition, "shape", ())
        given = f"{type(condition).__name__}{f' of shape {tuple(shape)}' if shape else ''}"
        raise TypeError(
            f"claim({statement!r}, ...) takes True or False, and was given {given}. "
            "Compare two numbers of this run, as in wide > deep; of an array of comparisons say .all() or .any()."
        )
    _record(f"claim: {statement}", statement, claim={"statement": statement, "holds": holds})
    if not holds:
        print(f'The page says "{statement}". This run does not show it.')


def _record(name, text, **facts):
    """Leave a text in the outputs of the cell, where the book and `course execute` find it and no reader sees it."""
    if "IPython" not in sys.modules:
        return
    from IPython import get_ipython

    if get_ipython() is not None:
        from IPython.display import display

        # The text as a Python literal: the {glue:text} role evaluates what it finds, and would turn 0.900 into 0.9.
        scrapbook = {"name": name, "mime_prefix": PREFIX, **facts}
        display({PREFIX + "text/plain": repr(text)}, raw=True, metadata={"scrapbook": scrapbook})


def _scalar(value):
    """The number or truth value in a NumPy scalar or a scalar tensor of any backend; anything else as it is."""
    if isinstance(value, (str, int, float)) or getattr(value, "shape", None) != ():
        return value
    value = value if hasattr(value, "item") or not hasattr(value, "numpy") else value.numpy()
    return value.item() if hasattr(value, "item") else value


def _written(name, value, spec):
    scalar = _scalar(value)
    if not isinstance(scalar, (str, int, float)):
        raise TypeError(
            f"glue({name!r}, ...) takes one number or one text, and was given {type(value).__name__}. "
            "Glue the number that the text needs; a figure or a table stays where it is made."
        )
    value = scalar
    try:
        return format(value, spec)
    except ValueError as error:
        raise ValueError(f"glue({name!r}, {value!r}, {spec!r}): {error}. Try '.3f', '.1%' or ','.") from None


def _is_gap(value):
    """Whether a function still says "not answered yet". Python drops what stands behind a `return`, texts and all."""
    return "not answered yet" in getattr(getattr(value, "__code__", None), "co_consts", ())


def needs(*names):
    """Stop a cell here, with one clear sentence, while it lacks an answer from above.

    Parameters
    ----------
    *names : str
        Names that this cell uses, of variables or functions, which are not there until the tasks above are answered.

    Raises
    ------
    NotImplementedError
        One of them does not exist yet, is still ``...``, is None, as after a function without a ``return``, or is a
        function that is not answered yet.

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
    missing = [name for name in names if known.get(name) is None or known[name] is ... or _is_gap(known[name])]
    if missing:
        raise NotImplementedError(
            f"This cell needs {', '.join(missing)}: answer the task above, run its cell, then run this one."
        )
