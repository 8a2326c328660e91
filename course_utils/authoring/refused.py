"""Store a refused run after all: a long run is not lost because one sentence was not true in it.

`execute` keeps a run in which a claim is false in ``build/refused``. A claim computes nothing that other cells use. So
once the page no longer claims what the run did not show, what the run left is what the page says, and nothing has to be
computed again. The same is true of a value that was glued twice, equal both times: one of the two calls may go.
"""

import ast
from collections import defaultdict

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
    twice = _glued_twice(ran)
    before, now = _cells(ran, twice), _cells(notebook, twice)
    computing = [[cell for cell in cells if cell.code] for cells in (before, now)]
    if [cell.code for cell in computing[0]] != [cell.code for cell in computing[1]]:
        raise Stopped(f"more than claims has changed in its code since the refused run. {again}")
    records = {}  # of the claims that are true in the run, by what is claimed and on which condition
    for cell in before:
        records |= cell.true_claims()
    left = {id(new): old.outputs(old.glued - new.glued) for old, new in zip(*computing, strict=True)}
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
    """A code cell, its claims told from the code that computes: ``claims`` in Python's own writing, and ``code``.

    What is glued here and elsewhere, the names ``twice``, is no part of ``code`` either, but ``glued``.
    """

    def __init__(self, cell, twice=()):
        tree = parse(cell.source)
        claims = [node for node in tree.body if _is_call(node, "claim")]
        names = {id(node): ast.literal_eval(node.value.args[0]) for node in tree.body if _is_call(node, "glue")}
        self.glued = set(names.values()) & set(twice)
        self.cell = cell
        self.claims = [ast.unparse(node) for node in claims]
        self.statements = [node.value.args[0].value for node in claims]
        free = [node for node in tree.body if node in claims or names.get(id(node)) in self.glued]
        self.code = "\n".join(ast.dump(node) for node in tree.body if node not in free)

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
            if _name_of(output) in gone:
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


def _name_of(output):
    """The name as which an output was glued."""
    return output.get("metadata", {}).get("scrapbook", {}).get("name")


def _glued_twice(notebook):
    """The names that a run glued more than once, always as the same value."""
    values = defaultdict(list)
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if _name_of(output):
                values[_name_of(output)].append(output.data)
    return {name for name, each in values.items() if len(each) > 1 and all(data == each[0] for data in each)}


def _cells(notebook, twice):
    return [
        _Cell(cell, twice)
        for cell in notebook.cells
        if cell.cell_type == "code" and "setup" not in cell.metadata.get("tags", ()) and cell.source.strip()
    ]
