"""Store a refused run after all: a long run is not lost because one sentence was not true in it.

`execute` keeps a run in which a claim is false in ``build/refused``. A claim computes nothing that other cells use. So
once the page no longer claims what the run did not show, what the run left is what the page says, and nothing has to be
computed again.
"""

import ast

from .cell_code import parse
from .execution import REFUSED, Execution, Stopped
from .files import find_root, read_notebook, shown
from .formatting import format_notebook, write_notebook
from .receipts import receipt_of, run_is_untouched, write_receipt
from .records import claims_in, fill_alternative_texts


def take_up(paths):
    """Store the refused runs of notebooks that no longer claim what those runs did not show.

    Parameters
    ----------
    paths : list of pathlib.Path
        Notebooks of the project. Texts may have changed since the run, and claims may have gone.

    Returns
    -------
    list of Execution
        One for each notebook. Where the run is of other code, or did not show what is claimed now, the report says so,
        and the file is left as it was.
    """
    root = find_root()
    runs = []
    for path in paths:
        seconds, failure = 0.0, None
        try:
            seconds = _take_up(path, root)
        except Stopped as stopped:
            failure = f"{shown(path, root)}, {stopped}\nThe file is as it was."
        runs.append(Execution(path, seconds, failure))
    return runs


def _take_up(path, root):
    aside = root / REFUSED / path.resolve().parent.name / path.name
    again = "Run it with `course execute`."
    if not aside.is_file():
        raise Stopped(f"no run of it was refused: there is no {shown(aside, root)}. {again}")
    ran, notebook = read_notebook(aside), format_notebook(read_notebook(path))
    if not run_is_untouched(ran):
        raise Stopped(f"{shown(aside, root)} has changed since its run. {again}")
    before, now = _cells(ran), _cells(notebook)
    computing = [[cell for cell in cells if cell.code] for cells in (before, now)]
    if [cell.code for cell in computing[0]] != [cell.code for cell in computing[1]]:
        raise Stopped(f"more than claims has changed in its code since the refused run. {again}")
    records = {}  # of the claims that are true in the run, by what is claimed and on which condition
    for cell in before:
        records |= cell.true_claims()
    left = {id(new): old.outputs() for old, new in zip(*computing, strict=True)}
    if unshown := [f'cell {cell.cell.id}: "{text}"' for cell in now for text in cell.claims if text not in records]:
        raise Stopped("\n    ".join(["the refused run did not show what is claimed in", *unshown, again]))
    for cell in now:
        cell.cell.outputs = left.get(id(cell), []) + [records[claim] for claim in cell.claims]
    for count, cell in enumerate([cell for cell in notebook.cells if cell.cell_type == "code"], 1):
        cell.execution_count = count
    if unknown := fill_alternative_texts(notebook):
        raise Stopped("\n    ".join(f"cell {cell}: nothing is glued as {name!r}." for cell, name in unknown))
    receipt = receipt_of(ran)
    facts = {name: value for name, value in receipt.items() if name not in ("seconds", "claims", "code", "run")}
    write_receipt(notebook, facts, receipt["seconds"])
    write_notebook(path, notebook)
    aside.unlink()
    return receipt["seconds"]


class _Cell:
    """A code cell, its claims told from the code that computes: ``claims`` in Python's own writing, and ``code``."""

    def __init__(self, cell):
        tree = parse(cell.source)
        claims = [node for node in tree.body if _is_claim(node)]
        self.cell = cell
        self.claims = [ast.unparse(node) for node in claims]
        self.statements = [node.value.args[0].value for node in claims]
        self.code = "\n".join(ast.dump(node) for node in tree.body if not _is_claim(node))

    def true_claims(self):
        """The records of claims that were true, by the claim."""
        records = {
            claim.statement: output for output in self.cell.outputs for claim in claims_in([output]) if claim.holds
        }
        pairs = zip(self.claims, self.statements, strict=True)
        return {claim: records[statement] for claim, statement in pairs if statement in records}

    def outputs(self):
        """What the cell left besides the records of these claims, and besides the lines about false ones."""
        lines = {f'The page says "{statement}". This run does not show it.\n' for statement in self.statements}
        kept = []
        for output in self.cell.outputs:
            if {claim.statement for claim in claims_in([output])} & set(self.statements):
                continue
            if output.output_type == "stream":
                output.text = "".join(line for line in output.text.splitlines(keepends=True) if line not in lines)
                if not output.text:
                    continue
            kept.append(output)
        return kept


def _is_claim(node):
    call = node.value if isinstance(node, ast.Expr) else None
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "claim"


def _cells(notebook):
    return [
        _Cell(cell)
        for cell in notebook.cells
        if cell.cell_type == "code" and "setup" not in cell.metadata.get("tags", ()) and cell.source.strip()
    ]
