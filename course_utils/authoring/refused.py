"""Store a refused run after all: a long run is not lost because one sentence was not true in it.

`execute` keeps a run in which a claim is false in ``build/refused``. A claim computes nothing that other cells use. So
once the page no longer claims what the run did not show, what the run left is what the page says, and nothing has to be
computed again. The same is true of a value that was glued twice, equal both times: one of the two calls may go.
"""

import ast
import itertools

from .cell_code import parse
from .execution import REFUSED, Execution, Stopped
from .files import find_root, read_notebook, shown
from .formatting import format_notebook, write_notebook
from .receipts import receipt_of, run_is_untouched, write_receipt
from .records import claims_in, fill_alternative_texts, glued_name


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
    ran_by_id = {cell.cell.id: cell for cell in before if cell.code}
    now_by_id = {cell.cell.id: cell for cell in now}
    gone = {id: cell.no_longer_glued(now_by_id[id].code if id in now_by_id else []) for id, cell in ran_by_id.items()}
    same_cells = [cell.cell.id for cell in now if cell.code or cell.cell.id in gone] == [
        id for id in gone if id in now_by_id
    ]
    if not same_cells or None in gone.values() or not _glued_elsewhere(ran, itertools.chain(*gone.values())):
        raise Stopped(f"more than claims has changed in its code since the refused run. {again}")
    records = {}  # of the claims that are true in the run, by what is claimed and on which condition
    for cell in before:
        records |= cell.true_claims()
    left = {id: cell.outputs(gone[id]) for id, cell in ran_by_id.items()}
    if unshown := [f'cell {cell.cell.id}: "{text}"' for cell in now for text in cell.claims if text not in records]:
        raise Stopped("\n    ".join(["the refused run did not show what is claimed in", *unshown, again]))
    for cell in now:
        cell.cell.outputs = left.get(cell.cell.id, []) + [records[claim] for claim in cell.claims]
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
    """A code cell, its claims told from the code that computes.

    ``claims`` are in Python's own writing, ``code`` is a list of the other statements, and ``glued`` has the name that
    a statement glues, where that is written out.
    """

    def __init__(self, cell):
        tree = parse(cell.source)
        claims = [node for node in tree.body if _is_call(node, "claim")]
        self.cell = cell
        self.claims = [ast.unparse(node) for node in claims]
        self.statements = [node.value.args[0].value for node in claims]
        self.code = [ast.dump(node) for node in tree.body if node not in claims]
        self.glued = {ast.dump(node): node.value.args[0].value for node in tree.body if _is_call(node, "glue")}

    def no_longer_glued(self, code):
        """The names that are not glued any more in this code, and None if more of it has changed."""
        gone = [statement for statement in self.code if statement not in code]
        kept = [statement for statement in self.code if statement in code]
        if kept != code or not self.glued.keys() >= set(gone):
            return None
        return [self.glued[statement] for statement in gone]

    def true_claims(self):
        """The records of claims that were true, by the claim."""
        records = {
            claim.statement: output for output in self.cell.outputs for claim in claims_in([output]) if claim.holds
        }
        pairs = zip(self.claims, self.statements, strict=True)
        return {claim: records[statement] for claim, statement in pairs if statement in records}

    def outputs(self, gone=()):
        """What the cell left, without records of these claims, lines about false ones, and glued values ``gone``."""
        lines = {f'The page says "{statement}". This run does not show it.\n' for statement in self.statements}
        kept = []
        for output in self.cell.outputs:
            if {claim.statement for claim in claims_in([output])} & set(self.statements):
                continue
            if glued_name(output) in gone:
                continue
            if output.output_type == "stream":
                output.text = "".join(line for line in output.text.splitlines(keepends=True) if line not in lines)
                if not output.text:
                    continue
            kept.append(output)
        return kept


def _is_call(node, function):
    """Whether a statement is a call of this function whose first argument is written out."""
    call = node.value if isinstance(node, ast.Expr) else None
    named = isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == function
    return named and bool(call.args) and isinstance(call.args[0], ast.Constant)


def _glued_elsewhere(notebook, names):
    """Whether a run glued each of these names once more than it is named here, always as the same value."""
    names, outputs = list(names), [output for cell in notebook.cells for output in cell.get("outputs", ())]
    values = {name: [output.data for output in outputs if glued_name(output) == name] for name in names}
    return all(len(each) > names.count(name) and each.count(each[0]) == len(each) for name, each in values.items())


def _cells(notebook):
    return [
        _Cell(cell)
        for cell in notebook.cells
        if cell.cell_type == "code" and "setup" not in cell.metadata.get("tags", ()) and cell.source.strip()
    ]
