"""A notebook as rules look at it, and what they find."""

import ast
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from .cell_code import dotted_name, parse
from .files import read_notebook, shown
from .setup_cell import is_setup_cell


@dataclass(frozen=True)
class Finding:
    """Something that a notebook should not do: where, what, and what to do about it."""

    notebook: str
    cell: str
    what: str
    remedy: str

    def __str__(self):
        place = f"{self.notebook}, cell {self.cell}" if self.cell else self.notebook
        return f"{place}: {self.what}. {self.remedy}"


@dataclass(frozen=True)
class Notebook:
    """A notebook file of the project, as rules see it."""

    path: Path
    root: Path

    @cached_property
    def content(self):
        return read_notebook(self.path)

    @property
    def folder(self):
        return self.path.resolve().parent.name

    @property
    def name(self):
        return shown(self.path.resolve(), self.root)

    @property
    def cells(self):
        return self.content.cells

    @property
    def code(self):
        """The code cells that an author wrote."""
        return [cell for cell in self.cells if cell.cell_type == "code" and not is_setup_cell(cell)]

    @cached_property
    def trees(self):
        """Pairs of a code cell and its syntax tree. A cell that is no Python is left to `is_python`."""
        pairs = []
        for cell in self.code:
            try:
                pairs.append((cell, parse(cell.source)))
            except SyntaxError:
                continue
        return pairs

    def calls(self):
        """Every call in the notebook: (cell, node, dotted name of what is called)."""
        for cell, tree in self.trees:
            for node in ast.walk(tree):
                if isinstance(node, ast.Call):
                    name = dotted_name(node.func)
                    if not name and isinstance(node.func, ast.Attribute):
                        name = f"?.{node.func.attr}"
                    yield cell, node, name

    def finding(self, cell, what, remedy):
        return Finding(self.name, cell.get("id", "?") if cell else "", what, remedy)
