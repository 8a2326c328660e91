"""The code of a cell, as Python reads it."""

import ast
import re

# %magic, !command, ?help. They are IPython's; Python's own parser must not see them.
_MAGIC = re.compile(r"^(\s*)(%%?|!|\?)\w?.*$")


def as_python(source):
    """Return the source with IPython's magic lines made harmless and every line where it was."""
    try:
        ast.parse(source)
    except SyntaxError:
        return "\n".join(_MAGIC.sub(r"\1pass", line) for line in source.split("\n"))
    return source


def parse(source):
    """Parse a cell.

    Returns
    -------
    ast.Module

    Raises
    ------
    SyntaxError
        The cell is not Python, magic lines aside.
    """
    return ast.parse(as_python(source))


def dotted_name(node):
    """Return ``"keras.layers.Conv2D"`` for such an expression, and ``""`` for anything but names and dots."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join(reversed([*parts, node.id]))
