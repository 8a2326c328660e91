"""Exercises made from solutions, and what they must not have in them."""

import json
from pathlib import Path

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course_utils.authoring import exercise_rules, exercises
from course_utils.authoring.exercises import exercise_of
from course_utils.authoring.files import notebook_paths, read_notebook
from course_utils.authoring.findings import Notebook
from course_utils.authoring.formatting import notebook_text, write_notebook
from course_utils.authoring.leaks import leaks
from course_utils.authoring.marks import SolutionError

CONFIG = "repository:\n  url: https://github.com/OWNER/computer-vision-course\n"
PICTURE = "iVBORw0KGgo="
ROOT = Path(__file__).parents[1]


def blank(source, **metadata):
    """The code of a cell in the exercise."""
    return exercise_of(new_notebook(cells=[new_code_cell(source, metadata=metadata)])).cells[0].source


FUNCTION = '''\
def output_size(size, kernel_size):
    """Return the number of places."""
    ### BEGIN SOLUTION: how far can it move?
    steps = size - kernel_size
    return steps + 1
    ### END SOLUTION


check("03.output_size", output_size)'''


def test_a_region_becomes_a_todo_that_raises_at_its_indentation():
    assert blank(FUNCTION) == (
        "def output_size(size, kernel_size):\n"
        '    """Return the number of places."""\n'
        "    # TODO: how far can it move?\n"
        '    raise NotImplementedError("not answered yet")\n'
        "\n\n"
        'check("03.output_size", output_size)'
    )


def test_the_blank_function_raises_only_when_called():
    scope = {"check": lambda *_: None}
    exec(blank(FUNCTION), scope)
    with pytest.raises(NotImplementedError, match="not answered yet"):
        scope["output_size"](5, 3)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("w = 3 * 3  # SOLUTION: weights", "w = ...  # TODO: weights"),
        ("w = 3 * 3  # SOLUTION", "w = ...  # TODO: your answer"),
        ("w: int = 9  # SOLUTION: weights", "w: int = ...  # TODO: weights"),
        ("a, b = 1, 2  # SOLUTION: two", "a, b = ..., ...  # TODO: two"),
        ("(a, b), c = (1, 2), 3  # SOLUTION: x", "(a, b), c = (..., ...), ...  # TODO: x"),
        ("a = b = 1  # SOLUTION: x", "a = b = ...  # TODO: x"),
        ("model = build(  # SOLUTION: x\n    1,\n)\nmodel", "model = ...  # TODO: x\nmodel"),
        ("model = build(\n    1,\n)  # SOLUTION: x\nmodel", "model = ...  # TODO: x\nmodel"),
        ("if True:\n    w = 9  # SOLUTION: x", "if True:\n    w = ...  # TODO: x"),
        ("%matplotlib inline\nw = 9  # SOLUTION: x", "%matplotlib inline\nw = ...  # TODO: x"),
        ("maß = 'ü'  # SOLUTION: größe", "maß = ...  # TODO: größe"),
    ],
)
def test_a_value_becomes_an_ellipsis(source, expected):
    assert blank(source) == expected


def test_a_cell_may_have_several_gaps():
    source = "a = 1  # SOLUTION: x\n### BEGIN SOLUTION\nb = 2\n### END SOLUTION\nc = 3  # SOLUTION: y\nd = 4"
    raising = '# TODO: your answer\nraise NotImplementedError("not answered yet")'
    assert blank(source) == f"a = ...  # TODO: x\n{raising}\nc = ...  # TODO: y\nd = 4"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("### BEGIN SOLUTION\na = 1", "line 1: BEGIN SOLUTION without an END"),
        ("a = 1\n### END SOLUTION", "line 2: END SOLUTION without a BEGIN"),
        ("### BEGIN SOLUTION\n### BEGIN SOLUTION\na = 1\n### END SOLUTION", "line 2: BEGIN SOLUTION inside the region"),
        ("### BEGIN SOLUTION\na = 1  # SOLUTION: x\n### END SOLUTION", "line 2: `# SOLUTION` inside the region"),
        ("### BEGIN SOLUTION\n# only a comment\n### END SOLUTION", "no code in this region"),
        ("if x:\n    ### BEGIN SOLUTION\n    a = 1\n### END SOLUTION", "must be indented like"),
        ("### BEGIN SOLUTION\nif x:\n### END SOLUTION\n    a = 1", "without its answers the cell is not Python"),
        ("a = 1  ### BEGIN SOLUTION\nb = 2\n### END SOLUTION", "a line of its own"),
        ("text = '''\n### BEGIN SOLUTION\n'''", "a mark inside a text"),
        ("## BEGIN SOLUTION\na = 1\n## END SOLUTION", "like a mark, but none"),
        ("### BEGIN SOLUTION x\na = 1\n### END SOLUTION", "like a mark, but none"),
        ("a = 1  #SOLUTION: x", "like a mark, but none"),
        ("a += 1  # SOLUTION: x", "one assignment"),
        ("print(1)  # SOLUTION: x", "one assignment"),
        ("a = 1; b = 2  # SOLUTION: x", "one assignment"),
        ("if x: a = 1  # SOLUTION: x", "one assignment"),
        ("# SOLUTION: x\na = 1", "one assignment"),
        ("a = build(\n    1,  # SOLUTION: x\n)", "one assignment"),
        ("a = (  # SOLUTION: x", "this is not Python"),
    ],
)
def test_a_wrong_mark_is_named_with_its_notebook_and_cell(source, message):
    notebook = new_notebook(cells=[new_markdown_cell("# T"), new_code_cell(source, id="the-task")])
    with pytest.raises(SolutionError) as caught:
        exercise_of(notebook, "solutions/03_x.ipynb")
    assert message in str(caught.value)
    assert str(caught.value).startswith("solutions/03_x.ipynb, cell the-task")


def test_a_mark_in_a_text_cell_is_refused():
    with pytest.raises(SolutionError, match="a mark in a text cell"):
        exercise_of(new_notebook(cells=[new_markdown_cell("```\n### BEGIN SOLUTION\n```")]))


@pytest.fixture
def solution():
    alt = {"image": {"alt": "A straight line from 0 to 1."}}
    shown = [
        new_output("stream", name="stdout", text="the answer is 10"),
        new_output("execute_result", {"image/png": PICTURE, "text/plain": "<Figure>"}, metadata={}, execution_count=3),
        new_output("display_data", {"text/html": "<b>the answer</b>"}),
    ]
    receipt = {"course": {"receipt": {"code": "0" * 16}}}
    return new_notebook(
        metadata=receipt,
        cells=[
            new_markdown_cell("# Solution: convolution\n\nSolution of all tasks."),
            new_code_cell(FUNCTION, outputs=[new_output("stream", name="stdout", text="right")], execution_count=2),
            new_markdown_cell("The formula counts steps.", metadata={"tags": ["solution"]}),
            new_code_cell("draw(output_size)", outputs=shown, execution_count=3, metadata={"mystnb": alt}),
            new_markdown_cell("The figure that it should produce:"),
            new_code_cell(
                "draw(output_size)\nplt.show()",
                outputs=shown,
                execution_count=4,
                metadata={"mystnb": alt, "tags": ["keep-output", "hide-input"]},
            ),
        ],
    )


def test_outputs_counts_receipts_and_solution_cells_go(solution):
    exercise = exercise_of(solution)
    assert "receipt" not in exercise.metadata["course"]
    assert all(cell.execution_count is None for cell in exercise.cells if cell.cell_type == "code")
    assert len(exercise.cells) == len(solution.cells) - 1
    assert exercise.cells[1].outputs == exercise.cells[2].outputs == []
    assert exercise.cells[2].metadata == {}


def test_a_kept_output_is_the_picture_and_its_description_only(solution):
    cell = exercise_of(solution).cells[-1]
    assert [(output.output_type, output.data, output.metadata) for output in cell.outputs] == [
        ("display_data", {"image/png": PICTURE}, {})
    ]
    assert cell.metadata["mystnb"]["image"]["alt"] == "A straight line from 0 to 1."
    assert cell.metadata["tags"] == ["hide-input"]


def test_the_title_says_exercise_and_the_rest_of_the_text_stays(solution):
    assert exercise_of(solution).cells[0].source == "# Exercise: convolution\n\nSolution of all tasks."


def test_the_solution_is_not_changed(solution):
    before = notebook_text(solution)
    exercise_of(solution)
    assert notebook_text(solution) == before


@pytest.fixture
def project(tmp_path, solution):
    (tmp_path / "_config.yml").write_text(CONFIG)
    (tmp_path / "solutions").mkdir()
    write_notebook(tmp_path / "solutions" / "03_x.ipynb", solution)
    return tmp_path


def test_generating_is_the_same_to_the_byte_whatever_ran_before(project):
    assert [path.name for path in exercises.generate_all(project)] == ["03_x.ipynb"]
    target = project / "exercises" / "03_x.ipynb"
    first = target.read_bytes()
    assert exercises.generate_all(project) == []
    source = project / "solutions" / "03_x.ipynb"
    again = read_notebook(source)
    for number, cell in enumerate(cell for cell in again.cells if cell.cell_type == "code"):
        cell.execution_count = 10 + number
    again.metadata["course"]["receipt"] = {"seconds": 99, "code": "f" * 16}
    write_notebook(source, again)
    assert exercises.generate(source).encode() == first


def test_the_gate_passes_what_was_generated(project):
    exercises.generate_all(project)
    assert exercises.check(project) == []


def edit(path, change):
    notebook = json.loads(path.read_text())
    change(notebook)
    path.write_text(json.dumps(notebook, indent=1, sort_keys=True) + "\n")


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda nb: nb["cells"][1]["source"].append("\n# more"), "the source of cell cell differs"),
        (lambda nb: nb["cells"].pop(1), "cell cell is missing"),
        (lambda nb: nb["cells"].append({**nb["cells"][1], "id": "new"}), "cell new is not in it"),
        (lambda nb: nb["cells"].reverse(), "another order"),
        (lambda nb: nb["cells"][1].update(execution_count=1), "the execution_count of cell cell differs"),
        (lambda nb: nb["metadata"].pop("course"), "its metadata"),
    ],
)
def test_the_gate_says_what_differs(project, change, where):
    source = project / "solutions" / "03_x.ipynb"
    edit(source, lambda nb: nb["cells"][1].update(id="cell"))
    exercises.generate_all(project)
    edit(project / "exercises" / "03_x.ipynb", change)
    (problem,) = exercises.check(project)
    assert problem.startswith("exercises/03_x.ipynb is not what its solution makes")
    assert where in problem
    assert "run `course exercises`" in problem


def test_the_gate_names_missing_and_orphaned_exercises_and_wrong_marks(project):
    assert exercises.check(project) == ["exercises/03_x.ipynb is missing. Run `course exercises`."]
    exercises.generate_all(project)
    (project / "solutions" / "03_x.ipynb").rename(project / "solutions" / "04_y.ipynb")
    problems = exercises.check(project)
    assert any("exercises/03_x.ipynb has no solution" in problem for problem in problems)
    broken = new_notebook(cells=[new_code_cell("### END SOLUTION", id="task")])
    write_notebook(project / "solutions" / "04_y.ipynb", broken)
    assert any("04_y.ipynb, cell task, line 1: END" in problem for problem in exercises.check(project))


def with_more(solution, *cells):
    return exercise_of(nbformat.from_dict({**solution, "cells": [*solution.cells, *cells]}))


def found_leaks(solution, *cells):
    return leaks(solution, notebook_text(with_more(solution, *cells)))


LONG = "def conv(x):\n    ### BEGIN SOLUTION\n    return padded_size(x) // stride_of(x) + 1\n    ### END SOLUTION"
LINE = "return padded_size(x) // stride_of(x) + 1"


@pytest.mark.parametrize(
    "cell",
    [
        new_markdown_cell(f"Hint: `{LINE}`"),
        new_code_cell("def conv2(x):\n        return padded_size(x)//stride_of(x)+1"),
        new_code_cell(f'"""For instance {LINE}."""'),
        new_code_cell(
            "draw()",
            metadata={"tags": ["keep-output"], "mystnb": {"image": {"alt": f"Code: {LINE}"}}},
            outputs=[new_output("display_data", {"image/png": PICTURE})],
        ),
    ],
    ids=["text", "code", "docstring", "alternative text"],
)
def test_a_line_of_the_solution_is_found_wherever_it_stands(cell):
    solution = new_notebook(cells=[new_code_cell(LONG)])
    assert found_leaks(solution) == []
    assert found_leaks(solution, cell) == [LINE]


def test_a_line_of_a_solution_cell_is_found():
    hidden = new_code_cell("size = input_size - kernel_size + 1", metadata={"tags": ["solution"]})
    solution = new_notebook(cells=[hidden])
    assert found_leaks(solution) == []
    assert found_leaks(solution, new_markdown_cell("size = input_size - kernel_size + 1")) != []


@pytest.mark.parametrize("written", ["138,357,544", "138357544", "138_357_544"])
def test_a_number_is_found_however_its_digits_are_grouped(written):
    solution = new_notebook(cells=[new_code_cell("weights = 138_357_544  # SOLUTION: count them")])
    assert found_leaks(solution) == []
    assert found_leaks(solution, new_markdown_cell(f"It has {written} weights.")) == ["138_357_544"]


def test_imports_comments_and_short_lines_are_no_leaks():
    given = "import numpy as np_for_everybody\n# a comment that is long enough\nreturn_ = x"
    solution = new_notebook(cells=[new_code_cell(f"### BEGIN SOLUTION\n{given}\n### END SOLUTION")])
    assert found_leaks(solution, new_code_cell(given)) == []


def test_the_choices_of_a_prediction_may_be_listed():
    solution = new_notebook(cells=[new_code_cell('most = "the first dense layer"  # SOLUTION: one of these')])
    assert found_leaks(solution, new_markdown_cell('"the first convolution" or "the first dense layer"?')) == []


def test_the_gate_reports_a_leak(project):
    source = project / "solutions" / "03_x.ipynb"
    cell = new_code_cell(LONG, id="conv").copy(), new_markdown_cell(LINE, id="told").copy()
    edit(source, lambda nb: nb["cells"].extend(cell))
    exercises.generate_all(project)
    assert exercises.check(project) == [f"exercises/03_x.ipynb gives the answer away: {LINE}"]


names = st.sampled_from(["alpha", "beta", "gamma"])
gaps = st.lists(st.tuples(names, st.integers(10**6, 10**9), st.booleans(), st.integers(0, 2)), min_size=1, max_size=6)


@given(gaps)
def test_no_answer_survives_and_what_is_given_does(lines):
    """Cells made of answers and given lines at any depth: the exercise parses, has every given line, and no answer."""
    source, answers, given_lines = [], [], []
    for number, (name, value, region, depth) in enumerate(lines):
        indent = "    " * depth
        source += [f"{'    ' * level}if given_{number}_{level}:" for level in range(depth)]
        if region:
            source += [f"{indent}### BEGIN SOLUTION", f"{indent}{name} = {value}", f"{indent}### END SOLUTION"]
        else:
            source.append(f"{indent}{name} = {value}  # SOLUTION: {name}")
        answers.append(str(value))
        given_lines += [line for line in source if "given" in line]
    result = blank("\n".join(source))
    compile(result, "exercise", "exec")
    assert not any(answer in result for answer in answers)
    assert "SOLUTION" not in result
    assert all(line in result for line in given_lines)


# ------------------------------------------------------------------------------------------------- run with nothing in


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=pytest.mark.xdist_group(f"proof-{path.name[:2]}"), id=path.name)
        for path in notebook_paths(ROOT, ["exercises"])
    ],
)
def test_an_unanswered_exercise_runs_to_its_end_and_names_the_task_wherever_an_answer_is_needed(path):
    from course_utils.authoring.execution import run_blank
    from course_utils.checks import task_ids

    found = exercise_rules.blank_findings(Notebook(path, ROOT), run_blank(path), task_ids(path.name[:2]))
    assert not (found := list(found)), "\n".join(map(str, found))


def test_what_a_blank_run_must_not_show_is_found(tmp_path):
    cells = [new_markdown_cell("# T"), *(new_code_cell(f"{name} = 1", id=name) for name in "abcde")]
    cells[-1].source = 'model = g()\ncheck("99.five", model)'  # is not come to, which is said
    made = new_notebook(cells=cells)
    write_notebook(tmp_path / "99_x.ipynb", made)
    shown = {
        "a": new_output("error", ename="TypeError", evalue="\x1b[1mno\x1b[0m len", traceback=[]),
        "b": new_output("stream", name="stdout", text="x\nThis cell needs `f`, which a task above asks for.\n"),
        "c": new_output("display_data", {"text/plain": "Right: 99.one\n    Well done."}),
        "d": new_output("display_data", {"text/plain": "Not answered yet: 99.two\n    Fill in the gap."}),
        "e": new_output("stream", name="stdout", text="This cell needs `g`, which task `99.three` asks for.\n"),
    }
    for cell in made.cells[1:]:
        cell.outputs = [shown[cell.id]]
    tasks = ["99.one", "99.two", "99.three", "99.four", "99.five"]
    found = list(exercise_rules.blank_findings(Notebook(tmp_path / "99_x.ipynb", tmp_path), made, tasks))
    assert [finding.cell for finding in found] == ["a", "b", "c", ""]
    assert "it raises TypeError: no len" in str(found[0])
    assert "99.four" in str(found[3])
