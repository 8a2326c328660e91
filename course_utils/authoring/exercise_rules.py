"""What holds between the files of a chapter: which there are, tasks and checks, and an exercise run unanswered.

Each function yields findings, as the rules about single notebooks in `course_utils.authoring.rules` do.
"""

import ast
import re
from pathlib import Path

from .cell_code import parse
from .chapters import ENTRIES, module_of, read_chapters
from .files import notebook_paths
from .findings import Finding


def missing_files(root):
    """Entry, chapter, exercise, solution, checks and wrong answers of one number have the same name, and all are there.

    An appendix counts like a chapter where its name begins with a letter and a digit, such as a1; its modules are named
    without the "ch" of a chapter's.

    Yields
    ------
    Finding
    """
    root = Path(root)
    places = {
        "book/{}.ipynb": [path.stem for path in notebook_paths(root, ["book"])],
        "exercises/{}.ipynb": [path.stem for path in notebook_paths(root, ["exercises"])],
        "solutions/{}.ipynb": [path.stem for path in notebook_paths(root, ["solutions"])],
        "course_utils/checks/{}.py": _stems(root / "course_utils" / "checks"),
        "tests/wrong_answers/{}.py": _stems(root / "tests" / "wrong_answers"),
    }
    entries = read_chapters(root)
    for slug in sorted(slug for slug in set(entries).union(*places.values()) if re.match(r"(\d\d|a\d)_", slug)):
        names = {place: place.format(module_of(slug) if place.endswith(".py") else slug) for place in places}
        if slug not in entries:
            yield Finding(ENTRIES, "", f"there is no entry {slug}", "Write it; the others show how.")
        for place, found in places.items():
            if slug not in found:
                there = next((names[other] for other, slugs in places.items() if slug in slugs), f"{slug} in {ENTRIES}")
                remedy = f"It belongs to {there}: write it, or give both the same NN_slug."
                yield Finding(names[place], "", "this file is missing", remedy)


def task_findings(notebook, registered):
    """Every task of an exercise has a check, and every check of its chapter has a task.

    Parameters
    ----------
    notebook : Notebook
        An exercise or a solution.
    registered : collection of str
        The ids that `course_utils.checks` has for the chapter.

    Yields
    ------
    Finding
    """
    used = {}
    for cell, node, name in notebook.calls():
        if name.rpartition(".")[2] not in ("check", "hint") or not node.args:
            continue
        if isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str):
            used.setdefault(node.args[0].value, []).append(name)
            if node.args[0].value not in registered:
                remedy = f"Declare it in course_utils/checks/{module_of(notebook.path.stem)}.py, or correct the id."
                yield notebook.finding(cell, f"there is no check {node.args[0].value!r}", remedy)
        else:
            yield notebook.finding(
                cell, "a task whose id is not written out", 'Write it as in check("03.task", answer).'
            )
    for task in registered:
        if not any(name.rpartition(".")[2] == "check" for name in used.get(task, ())):
            yield notebook.finding(None, f"no task uses the check {task!r}", "Write the task, or remove the check.")


def blank_findings(notebook, errors):
    """An unanswered exercise raises nothing but NotImplementedError.

    Parameters
    ----------
    notebook : Notebook
        An exercise.
    errors : list of `course_utils.authoring.execution.CellError`
        What its run raised.

    Yields
    ------
    Finding
    """
    cells = {cell.id: cell for cell in notebook.cells}
    gaps = {name for _, tree in notebook.trees for name in _names_of_gaps(tree)}
    for error in errors:
        if error.name == "NotImplementedError":
            continue
        if unknown := re.match(r"name '(\w+)' is not defined", error.message):
            names = [unknown[1]]
        else:
            loaded = {node.id for node in ast.walk(parse(cells[error.cell].source)) if isinstance(node, ast.Name)}
            names = sorted(loaded & gaps)
        call = f"needs({', '.join(map(repr, names)) or '...'})".replace("'", '"')
        yield notebook.finding(
            cells[error.cell],
            f"unanswered, it raises {error.name}: {error.message.splitlines()[0] if error.message else ''}",
            f"Begin the cell with {call}, in the solution, or put it into the cell that makes what it uses.",
        )


def _names_of_gaps(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and any(
            isinstance(part, ast.Constant) and part.value is ... for part in ast.walk(node.value)
        ):
            for target in node.targets:
                yield from (part.id for part in ast.walk(target) if isinstance(part, ast.Name))


def _stems(folder):
    """Slugs of the chapters and appendices that have a module in a folder."""
    stems = (path.stem for path in Path(folder).glob("*.py"))
    return [stem.removeprefix("ch") for stem in stems if re.match(r"(ch\d\d|a\d)_", stem)]
