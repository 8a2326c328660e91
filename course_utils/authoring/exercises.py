'''Exercises made from solutions: the same notebook with the answers taken out.

``solutions/NN_slug.ipynb`` is written by hand; ``exercises/NN_slug.ipynb`` is what `generate` makes of it, byte for
byte the same each time.

How to write a solution
-----------------------

**A function to complete.** Mark the lines that are the answer, at the indentation of the code around them. Text after
the colon is the nudge; leave it away where the docstring says all. ::

    def output_size(size, kernel_size):
        """Return the number of places where the kernel fits."""
        ### BEGIN SOLUTION: how far can the kernel move?
        return size - kernel_size + 1
        ### END SOLUTION

becomes ::

    def output_size(size, kernel_size):
        """Return the number of places where the kernel fits."""
        # TODO: how far can the kernel move?
        raise NotImplementedError("not answered yet")

**A value, or a prediction.** One assignment, of any length; the comment stands on its first or on its last line. ::

    weights = 5 * 5 * 3 * 16 + 16  # SOLUTION: weights of the layer
    model = keras.Sequential(  # SOLUTION: conv 32, pool, dense 10
        [...]
    )

becomes ::

    weights = ...  # TODO: weights of the layer
    model = ...  # TODO: conv 32, pool, dense 10

**An explanation of the answer.** A cell, of code or text, tagged ``solution``: the exercise does not have it. Marks are
for code cells; a text that gives the answer away is a cell of its own with that tag.

**The figure that the answer should produce.** Tag the cell ``keep-output``: the exercise keeps its pictures (and their
alternative text, which must not tell the answer), nothing else of its outputs.

**The title.** "Solution" in the first line of the notebook becomes "Exercise".

What a blank exercise may do
----------------------------

Run from top to bottom, it raises nothing but NotImplementedError. What follows from that:

1. A region stands inside a function where it can: the cell that defines it then always runs, and ``check`` gets a
   function that says "not answered yet". At the top level of a cell, use the one-assignment form; a region there stops
   the cell, and with it the ``check`` below.
2. ``check("03.task", answer)`` stands in the cell of the task, or in one of its own, and accepts ``...``.
3. A cell that is given, and uses an answer, says so in its first line: ``needs("model", "history")``, with the names
   as texts. It raises NotImplementedError while one of them does not exist or is ``...``, and does nothing in the
   solution. It is needed

   - where a name was given the value ``...``: ``model = ...  # TODO`` here, ``model.fit(...)`` below;
   - where a name is made in a cell that cannot finish: ``history = train(build_model())`` here,
     ``check("06.accuracy", history)`` in the next cell.

   It is not needed where the cell calls the student's *function*: the call itself raises NotImplementedError. So keep
   in one cell what hangs together: build, train, check.
4. No answer is used where it is not caught: not as a default argument, a decorator or a base class of a given cell.

`course_utils.authoring.execution.errors_when_blank` runs an exercise blank and says which cell breaks this.
'''

import json
import re
from pathlib import Path

from nbformat.v4 import new_output

from .files import find_root, notebook_paths, read_notebook, shown, write_text
from .formatting import format_notebook, notebook_text
from .leaks import leaks
from .marks import SolutionError, holds_mark, without_answers

_GONE_TAGS = {"keep-output", "nbval-check-output", "nbval-ignore-output", "nbval-skip"}


def exercise_of(solution, name="solution"):
    """Return the exercise that a solution is the answer to.

    Parameters
    ----------
    solution : nbformat.NotebookNode
        Is not changed.
    name : str
        How error messages call it.

    Returns
    -------
    nbformat.NotebookNode
        In canonical form, without receipt, counts and outputs but the pictures of cells tagged ``keep-output``.

    Raises
    ------
    SolutionError
        A mark is wrong. The message names the notebook, the cell and the line.

    Examples
    --------
    >>> from nbformat.v4 import new_code_cell, new_notebook
    >>> solution = new_notebook(cells=[new_code_cell("weights = 5 * 5 * 3 + 1  # SOLUTION: of one filter")])
    >>> print(exercise_of(solution).cells[0].source)
    weights = ...  # TODO: of one filter
    """
    exercise = format_notebook(solution)
    exercise.metadata["course"] = {"solution": name}
    cells = []
    for cell in exercise.cells:
        tags = cell.metadata.get("tags", [])
        if "solution" in tags:
            continue
        if cell.cell_type == "code":
            cell.source = without_answers(cell.source, f"{name}, cell {cell.id}")[0]
            cell.execution_count = None
            cell.outputs = _pictures(cell.outputs) if "keep-output" in tags else []
            cell.metadata.pop("course", None)  # a template is filled by the run, and the exercise has none
            if not cell.outputs:
                cell.metadata.pop("mystnb", None)  # the alternative text of a picture that is not there
        elif holds_mark(cell.source):
            raise SolutionError(
                f"{name}, cell {cell.id}: a mark in a text cell. Tag the cell `solution` if it tells the answer."
            )
        kept = [tag for tag in tags if tag not in _GONE_TAGS]
        cell.metadata.pop("tags", None)
        if kept:
            cell.metadata["tags"] = kept
        cells.append(cell)
    if cells and cells[0].cell_type == "markdown":
        title, *rest = cells[0].source.split("\n")
        cells[0].source = "\n".join([re.sub(r"\bSolutions?\b", "Exercise", title), *rest])
    exercise.cells = cells
    return format_notebook(exercise)


def generate(solution_path):
    """Return the text of the exercise file that belongs to a solution file."""
    path = Path(solution_path)
    return notebook_text(exercise_of(read_notebook(path), f"solutions/{path.name}"))


def generate_all(root=None, paths=None):
    """Write the exercise of each solution.

    Parameters
    ----------
    root : path-like, optional
        The project's root; found from the working directory if not given.
    paths : list of path-like, optional
        Solutions; all of them if not given.

    Returns
    -------
    list of pathlib.Path
        The exercises that were not up to date before.
    """
    root = Path(root) if root else find_root()
    texts = {
        root / "exercises" / Path(path).name: generate(path) for path in paths or notebook_paths(root, ["solutions"])
    }
    changed = [path for path, text in texts.items() if not path.exists() or path.read_bytes() != text.encode()]
    for path in changed:
        path.parent.mkdir(exist_ok=True)
        write_text(path, texts[path])
    return changed


def check(root=None):
    """Compare the exercises with what their solutions make, and look for answers in them.

    Returns
    -------
    list of str
        One line for each difference, saying where it is and what to do. Empty where all is well.
    """
    root = Path(root) if root else find_root()
    solutions = notebook_paths(root, ["solutions"])
    problems = []
    for path in solutions:
        target = root / "exercises" / path.name
        try:
            expected = generate(path)
        except SolutionError as error:
            problems.append(str(error))
            continue
        if not target.exists():
            problems.append(f"{shown(target, root)} is missing. Run `course exercises`.")
        elif target.read_bytes() != expected.encode():
            where = _first_difference(json.loads(expected), json.loads(target.read_text(encoding="utf-8")))
            problems.append(
                f"{shown(target, root)} is not what its solution makes: {where}. "
                f"Change solutions/{path.name}, never the exercise, and run `course exercises`."
            )
        problems += [
            f"{shown(target, root)} gives the answer away: {line}" for line in leaks(read_notebook(path), expected)
        ]
    for path in notebook_paths(root, ["exercises"]):
        if path.name not in {solution.name for solution in solutions}:
            problems.append(f"{shown(path, root)} has no solution. Write solutions/{path.name}, or remove it.")
    return problems


def _first_difference(expected, found):
    ids = [cell["id"] for cell in expected["cells"]], [cell.get("id") for cell in found.get("cells", [])]
    if missing := [cell for cell in ids[0] if cell not in ids[1]]:
        return f"cell {missing[0]} is missing"
    if extra := [cell for cell in ids[1] if cell not in ids[0]]:
        return f"cell {extra[0]} is not in it"
    if ids[0] != ids[1]:
        return "the cells have another order"
    for one, other in zip(expected["cells"], found["cells"], strict=True):
        for key in sorted({*one, *other}):
            if one.get(key) != other.get(key):
                return f"the {key} of cell {one['id']} differs"
    return "its metadata or its spacing differs"


def _pictures(outputs):
    kept = []
    for output in outputs:
        data = {mime: value for mime, value in output.get("data", {}).items() if mime in ("image/png", "image/jpeg")}
        if data:
            kept.append(new_output("display_data", data=data))
    return kept
