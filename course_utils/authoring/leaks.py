"""Answers that stand where a student could read them."""

import json
import re

from .formatting import format_notebook
from .marks import without_answers
from .setup_cell import is_setup_cell


def leaks(solution, text):
    """Look for the answers of a solution in a text, such as the file of its exercise or a page of the book.

    Parameters
    ----------
    solution : nbformat.NotebookNode
    text : str
        A notebook file, whose strings are searched, or any other text.

    Returns
    -------
    list of str
        Lines of code and values of the solution that stand in it, spaces aside. Lines too short to tell anything, such
        as ``return x``, imports and predictions (one of the choices that a task lists) do not count.
    """
    try:
        strings = list(_strings(json.loads(text)))
    except ValueError:
        strings = [text]
    haystack = [_squeezed(string) for string in strings]
    return [line for line in _answers(solution) if any(_squeezed(line) in string for string in haystack)]


def _answers(solution):
    """Lines of code that the exercise must not have, each once."""
    lines = {}
    for cell in format_notebook(solution).cells:
        if cell.cell_type != "code" or is_setup_cell(cell):
            continue
        removed = (
            cell.source.split("\n")
            if "solution" in cell.metadata.get("tags", [])
            else without_answers(cell.source, "")[1]
        )
        lines |= dict.fromkeys(line.strip() for line in removed if _tells_something(line.strip()))
    return list(lines)


def _tells_something(line):
    if re.match(r"(import|from)\s|#", line) or re.fullmatch(r"""(['"]).*\1""", line):
        return False  # a text is one of the choices that the task lists
    return len(_squeezed(line)) >= 20 or bool(re.fullmatch(r"\d{4,}", _squeezed(line)))


def _squeezed(text):
    """The text without spaces, and numbers without the marks that group their digits."""
    return re.sub(r"(?<=\d)[,_](?=\d{3})", "", re.sub(r"\s+", "", text))


def _strings(node):
    if isinstance(node, str):
        yield node
    elif isinstance(node, list):
        if node and all(isinstance(item, str) for item in node):
            yield "".join(node)  # a text that the format stores line by line
        else:
            for item in node:
                yield from _strings(item)
    elif isinstance(node, dict):
        for key, item in node.items():
            if not key.startswith("image/"):
                yield from _strings(item)
