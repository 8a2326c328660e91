"""What holds between the files of a chapter: which there are, tasks and checks, and an exercise run unanswered.

Each function yields findings, as the rules about single notebooks in `course_utils.authoring.rules` do.
"""

import ast
import re
from pathlib import Path

from .chapters import ENTRIES, module_of, read_chapters
from .files import notebook_paths
from .findings import Finding
from .terminal import without_colours


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


def blank_findings(notebook, blank, registered):
    """An unanswered exercise runs to its end: each task is not answered yet, or named where a cell needs its answer.

    Parameters
    ----------
    notebook : Notebook
        An exercise.
    blank : nbformat.NotebookNode
        What `course_utils.authoring.execution.run_blank` made of it.
    registered : collection of str
        The ids that `course_utils.checks` has for the chapter.

    Yields
    ------
    Finding
    """
    cells = {cell.id: cell for cell in notebook.cells}
    told = set()
    for cell in blank.cells:
        for output in cell.get("outputs", ()):
            if output.output_type == "error":
                message = without_colours(output.evalue).split("\n")[0]
                yield notebook.finding(
                    cells[cell.id],
                    f"unanswered, it raises {output.ename}: {message}",
                    "It must be seen that it needs an answer: begin it with needs(...) in the solution, and the names "
                    "of the answers that it uses.",
                )
            elif output.output_type == "stream":
                for line in re.findall(r"^This cell (?:needs|is not answered).*", output.text, re.MULTILINE):
                    named = set(re.findall(r"task `([^`]+)`", line)) & set(registered)
                    told |= named | set(re.findall(r"check\(\s*[\"']([^\"']+)", cell.source))  # not come to
                    if not named:
                        yield notebook.finding(cells[cell.id], f"no task in {line!r}", "Check its answer further up.")
            else:
                verdict = re.match(r"(Right|Not yet|Your code stopped|Not answered yet): (\S+)", _text(output))
                told |= {verdict[2]} if verdict else set()
                if verdict and verdict[1] != "Not answered yet":
                    yield notebook.finding(
                        cells[cell.id], f"unanswered, it is told {verdict[1]!r}", "Its check must see that it is a gap."
                    )
    for task in sorted(set(registered) - told):
        yield notebook.finding(None, f"unanswered, nothing is said of the task {task!r}", "Does its cell run?")


def _text(output):
    return "".join(output.get("data", {}).get("text/plain", ""))


def _stems(folder):
    """Slugs of the chapters and appendices that have a module in a folder."""
    stems = (path.stem for path in Path(folder).glob("*.py"))
    return [stem.removeprefix("ch") for stem in stems if re.match(r"(ch\d\d|a\d)_", stem)]
