"""The functions that a page defines, taken out of its cells."""

import ast
from pathlib import Path

import nbformat

BOOK = Path(__file__).parents[1] / "book"


def define_functions(page, names, scope):
    """Define a page's functions of these names within a scope, without running anything else of the page.

    Parameters
    ----------
    page : str
        The name of the notebook, without its ending.
    names : collection of str
    scope : dict
        What the functions use, by name; the functions are added to it.
    """
    for cell in nbformat.read(BOOK / f"{page}.ipynb", as_version=4).cells:
        if cell.cell_type == "code" and "%" not in cell.source.split("\n")[0] and "!pip" not in cell.source:
            for statement in ast.parse(cell.source).body:
                if isinstance(statement, ast.FunctionDef) and statement.name in names:
                    exec(ast.unparse(statement), scope)
