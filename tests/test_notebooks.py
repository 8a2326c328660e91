"""Every notebook keeps to the rules; every rule notices a notebook that breaks it."""

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course_utils.authoring import exercise_rules, exercises, rules
from course_utils.authoring.files import notebook_paths
from course_utils.authoring.findings import Notebook
from course_utils.authoring.formatting import write_notebook
from course_utils.authoring.receipts import write_receipt
from course_utils.authoring.setup_cell import setup_source, with_setup_cell

ROOT = Path(__file__).parents[1]
PATHS = notebook_paths(ROOT)
EXERCISES = notebook_paths(ROOT, ["exercises"])


def name(path):
    return path.relative_to(ROOT).as_posix()


def listed(findings):
    return "\n".join(map(str, findings))


# ---------------------------------------------------------------------------------------------- the course's notebooks


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("path", PATHS, ids=name)
def test_the_notebook_keeps_to_the_rule(path, rule):
    assert not (found := list(rule(Notebook(path, ROOT)))), listed(found)


def test_each_chapter_has_its_exercise_solution_checks_and_wrong_answers():
    assert not (found := list(exercise_rules.missing_files(ROOT))), listed(found)


def test_exercises_are_what_their_solutions_make_and_tell_no_answer():
    assert not (problems := exercises.check(ROOT)), "\n".join(problems)


@pytest.mark.parametrize("path", EXERCISES, ids=name)
def test_tasks_and_checks_match(path):
    from course_utils.checks import task_ids

    found = list(exercise_rules.task_findings(Notebook(path, ROOT), task_ids(path.name[:2])))
    assert not found, listed(found)


# ------------------------------------------------------------------------------------ each rule, broken at least once

ALT = "Bars: accuracy of five models, rising from 0.43 for the dense network to 0.78 for Model 5."
PICTURE = new_output("display_data", {"image/png": "iVBORw0KGgo="})


def printed(text, stream="stdout"):
    return new_output("stream", name=stream, text=text)


def glued(name, value):
    prefix = "application/papermill.record/"
    scrapbook = {"name": name, "mime_prefix": prefix}
    return new_output("display_data", {f"{prefix}text/plain": repr(value)}, metadata={"scrapbook": scrapbook})


def notebook_of(*cells):
    """A notebook that keeps to every rule, apart from what these cells do."""
    made = new_notebook(cells=[new_markdown_cell("# Pooling", id="title"), *cells])
    with_setup_cell(made, setup_source(ROOT))
    for count, cell in enumerate([cell for cell in made.cells if cell.cell_type == "code"], 1):
        cell.execution_count = count
    write_receipt(made, {"profile": "smoke", "versions": {}}, 1)
    return made


def code(source="1", *outputs, id="code", **metadata):
    return new_code_cell(source, id=id, outputs=list(outputs), metadata=metadata)


def text(source="A sentence.", id="text"):
    return new_markdown_cell(source, id=id)


def without(attribute, *cells):
    made = notebook_of(*cells)
    made.metadata["course"].pop(attribute)
    return made


def changed_after_the_run():
    made = notebook_of(text(), code("a = 1"))
    made.cells[-1].source = "a = 2"
    return made


def counted(*counts):
    made = notebook_of(text(id="a"), code(id="one"), text(id="b"), code(id="two"))
    for cell, count in zip([cell for cell in made.cells if cell.cell_type == "code"], counts, strict=True):
        cell.execution_count = count
    return made


def with_setup(change):
    made = notebook_of(text(), code())
    change(made.cells)
    return made


BROKEN = {
    "canonical": [(notebook_of(text(), code()), "not in canonical form")],
    "readable_ids": [
        (notebook_of(text(id="0a1b2c3d"), code()), "random number"),
        (notebook_of(text(), code(id="3f2504e0-4f89-11d3-9a0c-0305e82c3301")), "random number"),
    ],
    "title_first": [
        (new_notebook(cells=[code(), text("# Late", id="late")]), "no title"),
        (notebook_of(text("# Another", id="another")), "a second title"),
    ],
    "setup_cell_current": [
        (with_setup(lambda cells: cells.pop(1)), "no setup cell"),
        (with_setup(lambda cells: cells.append(cells.pop(1))), "not stand after the title"),
        (with_setup(lambda cells: cells[1].update(source="!pip install x")), "not the current one"),
    ],
    "is_python": [(notebook_of(text(), code("def f(:\n    pass")), "line 1 is not Python")],
    "executed": [
        (counted(1, 2, None), "it was not run"),
        (counted(1, 3, 2), "from top to bottom"),
        (counted(1, 2, 4), "from top to bottom"),
        (without("receipt", text(), code()), "no receipt"),
        (changed_after_the_run(), "code has changed"),
    ],
    "pictures_described": [
        (notebook_of(text(), code("draw()", PICTURE)), "no alternative text"),
        (notebook_of(text(), code("draw()", PICTURE, mystnb={"image": {"alt": "Accuracies"}})), "only 'Accuracies'"),
        (notebook_of(text("Look: ![](picture.png)"), code()), "a picture in its text"),
        (notebook_of(text('Look: <img src="a.png" alt="">'), code()), "a picture in its text"),
    ],
    "backend_neutral": [
        (notebook_of(text(), code("import tensorflow as tf")), "imports tensorflow"),
        (notebook_of(text(), code("def f():\n    from torch.nn import Linear")), "imports torch.nn"),
        (notebook_of(text(), code("import numpy, jax.numpy")), "imports jax.numpy"),
    ],
    "no_progress_bars": [
        (notebook_of(text(), code("model.fit(x, y, verbose=1)")), "model.fit(verbose=1)"),
        (notebook_of(text(), code("build().predict(x, verbose='auto')")), "?.predict(verbose='auto')"),
        (notebook_of(text(), code("1", printed("49/49 ━━━━━━━━━━ 1s 12ms/step - loss: 1"))), "a progress bar"),
        (notebook_of(text(), code("1", printed("9/9 [=====>...]"))), "a progress bar"),
    ],
    "keras_3": [
        (notebook_of(text(), code("keras.optimizers.Adam(lr=0.1)")), "Adam(lr=...)"),
        (notebook_of(text(), code("keras.layers.Dense(1, input_shape=(3,))")), "Dense(input_shape=...)"),
        (notebook_of(text(), code("from keras.layers import Conv2D\nConv2D(1, 3, input_shape=(9, 9, 3))")), "Conv2D("),
        (notebook_of(text(), code("model.fit(x, y, early_stopping_rounds=3)")), "early_stopping_rounds"),
        (notebook_of(text(), code("model.save('model.h5')")), "an .h5 file"),
        (notebook_of(text(), code("keras.models.load_model('model.h5')")), "an .h5 file"),
        (notebook_of(text(), code("model.fit_generator(x)")), "fit_generator"),
    ],
    "text_between_code": [
        (notebook_of(text(), code(id="one"), code(id="two")), "between it and one"),
        (notebook_of(text(), code(id="one"), text("## Only a heading"), code(id="two")), "between it and one"),
    ],
    "cells_fit_a_screen": [(notebook_of(text(), code("x = 1\n" * 41)), "41 lines")],
    "nothing_private": [
        (notebook_of(text(), code("1", printed("saved in /home/ada/course/model.keras"))), "'/home/ada'"),
        (notebook_of(text(), code("1", printed("C:\\Users\\Ada\\model.keras"))), "Users"),
        (notebook_of(text(), code("1", new_output("display_data", {"text/html": "<p>/tmp/x1</p>"}))), "'/tmp/x1'"),
        (notebook_of(text(), code("1", printed("venv/site-packages/keras"))), "site-packages"),
        (notebook_of(text(), code("1", printed("<object at 0x7f3a5c0b1d90>"))), "memory address"),
    ],
    "no_noise": [
        (notebook_of(text(), code("1", printed("UserWarning: careful", "stderr"))), "UserWarning: careful"),
        (
            notebook_of(text(), code("1", new_output("error", ename="KeyError", evalue="'x'", traceback=["x"]))),
            "stopped with KeyError",
        ),
    ],
    "numbers_glued": [
        (notebook_of(text("It reaches {glue:text}`acuracy`."), code("1", glued("accuracy", "0.781"))), "'acuracy'"),
        (notebook_of(code("1", glued("accuracy", "0.781")), text("It reaches 0.781.")), "0.781 is typed"),
        (notebook_of(code("1", glued("accuracy", "78.1%")), text("It reaches 78.1%.")), "78.1% is typed"),
    ],
    "compared_outputs": [
        (notebook_of(text(), code("1", tags=["nbval-check-output"])), "shows nothing"),
        (notebook_of(text(), code("1", PICTURE, tags=["nbval-check-output"])), "shows a picture"),
    ],
}
CASES = [(rule, number) for rule in rules.RULES for number in range(len(BROKEN.get(rule.__name__, [None])))]


def judged(notebook, rule, folder, *, file="03_x.ipynb", canonical=True):
    path = folder / "book" / file
    path.parent.mkdir(exist_ok=True)
    if canonical:
        write_notebook(path, notebook)
    else:
        nbformat.write(notebook, path)
    (folder / "_config.yml").write_bytes((ROOT / "_config.yml").read_bytes())
    return list(rule(Notebook(path, folder)))


@pytest.mark.parametrize(("rule", "number"), CASES, ids=[f"{rule.__name__}-{number}" for rule, number in CASES])
def test_the_rule_notices_a_notebook_that_breaks_it(rule, number, tmp_path):
    notebook, what = BROKEN[rule.__name__][number]
    findings = judged(notebook, rule, tmp_path, canonical=False)
    assert any(what in finding.what for finding in findings), listed(findings) or "nothing was found"
    assert all(str(finding).startswith("book/03_x.ipynb") and finding.remedy.endswith(".") for finding in findings)


@pytest.fixture
def good():
    return notebook_of(
        text("## Sizes\n\nA pooling window of 2 halves the size.", id="sizes"),
        code(
            "import keras\n\nmodel = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.MaxPooling2D()])\n"
            "keras.applications.VGG16(weights=None, input_shape=(32, 32, 3))\n"
            "model.compile(keras.optimizers.Adam(learning_rate=0.1), 'mse')\nmodel.fit(x, y, verbose=2)\ndraw()",
            printed("loss 0.5, accuracy 0.75 (12/15 right), see https://keras.io/home/x\n"),
            PICTURE,
            mystnb={"image": {"alt": ALT}},
        ),
        text("It reaches {glue:text}`accuracy`, others 0.78 and 10.781.", id="glued"),
        code("(1, 2)", glued("accuracy", "0.781"), printed("(1, 2)"), id="compared", tags=["nbval-check-output"]),
        text("That is half of it: `model.fit(x, verbose=1)` would print.\n\n```python\n# a comment\n```", id="half"),
        code(
            "1 / 0",
            new_output("error", ename="ZeroDivisionError", evalue="division by zero", traceback=["line"]),
            id="meant",
            tags=["raises-exception"],
        ),
    )


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_the_rule_has_nothing_against_a_good_notebook(rule, good, tmp_path):
    assert judged(good, rule, tmp_path) == []


def test_frameworks_may_be_imported_on_the_pages_about_them(tmp_path):
    made = notebook_of(text(), code("import torch\noptimizer = torch.optim.SGD([], lr=0.1)"))
    assert judged(made, rules.backend_neutral, tmp_path, file="13_three_frameworks.ipynb") == []
    assert judged(made, rules.keras_3, tmp_path, file="13_three_frameworks.ipynb") == []


def test_an_exercise_that_was_run_is_noticed(tmp_path):
    path = tmp_path / "exercises" / "03_x.ipynb"
    path.parent.mkdir()
    write_notebook(path, notebook_of(text(), code()))
    found = [finding.what for finding in rules.executed(Notebook(path, tmp_path))]
    assert found == ["an exercise with a receipt", "an exercise that was run"]


# ------------------------------------------------------------------------------------------------------ between files


def test_a_missing_or_misnamed_file_of_a_chapter_is_named(tmp_path):
    for file in (
        "book/03_cnn_math.ipynb",
        "book/a1_appendix.ipynb",
        "book/appendix.ipynb",
        "solutions/03_cnn_math.ipynb",
        "exercises/03_cnn_maths.ipynb",
        "course_utils/checks/ch03_cnn_math.py",
        "course_utils/checks/a1_appendix.py",
        "course_utils/checks/engine.py",
    ):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    missing = {finding.notebook for finding in exercise_rules.missing_files(tmp_path)}
    assert "exercises/03_cnn_math.ipynb" in missing
    assert "tests/wrong_answers/ch03_cnn_math.py" in missing
    assert "solutions/03_cnn_maths.ipynb" in missing
    of_appendices = {file for file in missing if "appendix" in file}
    assert of_appendices == {
        "exercises/a1_appendix.ipynb", "solutions/a1_appendix.ipynb", "tests/wrong_answers/a1_appendix.py"
    }  # fmt: skip
    assert not any("engine" in file or file == "book/03_cnn_math.ipynb" for file in missing)


def tasks(source, registered, folder):
    made = notebook_of(text(), code(source))
    return [
        finding.what
        for finding in judged(made, lambda notebook: exercise_rules.task_findings(notebook, registered), folder)
    ]


def test_tasks_without_a_check_and_checks_without_a_task_are_named(tmp_path):
    both = ["03.size", "03.weights"]
    assert tasks('check("03.size", f)\ncourse_utils.check("03.weights", 1)', both, tmp_path) == []
    assert tasks('check("03.size", f)\nhint("03.weights")', both, tmp_path) == ["no task uses the check '03.weights'"]
    assert tasks('check("03.size", f)\ncheck("03.weigths", 1)', ["03.size"], tmp_path) == [
        "there is no check '03.weigths'"
    ]
    assert tasks("check(name, f)", [], tmp_path) == ["a task whose id is not written out"]
