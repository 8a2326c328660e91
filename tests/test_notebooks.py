"""Every notebook keeps to the rules; every rule notices a notebook that breaks it."""

import base64
import copy
import io
import json
import time
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from course_utils.authoring import exercise_rules, exercises, rules
from course_utils.authoring.files import notebook_paths
from course_utils.authoring.findings import Notebook
from course_utils.authoring.formatting import write_notebook
from course_utils.authoring.private import private_things
from course_utils.authoring.receipts import code_hash, receipt_is_fresh, receipt_of, run_hash, write_receipt
from course_utils.authoring.setup_cell import setup_source, with_setup_cell
from course_utils.budget import PROFILES

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

ALT = "Bars: accuracy of five models, rising steadily from the dense network to Model 5."


def picture(*size, colours=((0, 0, 0), (255, 0, 0))):
    """The output of a cell that draws: the left half in one colour, the right half in another."""
    drawn = Image.new("RGB", size or (64, 48), colours[0])
    drawn.paste(colours[-1], (drawn.width // 2, 0, drawn.width, drawn.height))
    drawn.save(stored := io.BytesIO(), "PNG")
    return new_output("display_data", {"image/png": base64.b64encode(stored.getvalue()).decode()})


PICTURE = picture()


def printed(text, stream="stdout"):
    return new_output("stream", name=stream, text=text)


def glued(name, value):
    prefix = "application/papermill.record/"
    scrapbook = {"name": name, "mime_prefix": prefix}
    return new_output("display_data", {f"{prefix}text/plain": repr(value)}, metadata={"scrapbook": scrapbook})


def claimed(statement, holds=True):
    output = glued(f"claim: {statement}", statement)
    output.metadata["scrapbook"]["claim"] = {"statement": statement, "holds": holds}
    return output


def claiming(condition, statement="Width wins", sentence="Here *width\nwins*.", **recorded):
    """A notebook with a sentence and a claim."""
    return notebook_of(text(sentence), code(f"claim({statement!r}, {condition})", claimed(statement, **recorded)))


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
        (
            notebook_of(text(), code("1", printed("accuracy: 0.7, expected at least 0.6 at profile full\n"))),
            "its receipt says profile smoke, its outputs say full",
        ),
        (
            notebook_of(text(), code("1", printed("Profile laptop: Keras sees no accelerator.\n"))),
            "its receipt says profile smoke, its outputs say laptop",
        ),
    ],
    "pictures_described": [
        (notebook_of(text(), code("draw()", PICTURE)), "no alternative text"),
        (notebook_of(text(), code("draw()", PICTURE, mystnb={"image": {"alt": "Accuracies"}})), "only 'Accuracies'"),
        (
            notebook_of(
                text(),
                code("draw()", PICTURE, id="one", mystnb={"image": {"alt": ALT}}),
                code("draw()", PICTURE, id="two", mystnb={"image": {"alt": ALT}}),
            ),
            "its alternative text is that of cell one",
        ),
        (notebook_of(text("Look: ![](picture.png)"), code()), "a picture in its text"),
        (notebook_of(text('Look: <img src="a.png" alt="">'), code()), "a picture in its text"),
    ],
    "pictures_show_something": [
        (notebook_of(text(), code("draw()", picture(1, 1))), "has 1 x 1 pixels"),
        (notebook_of(text(), code("draw()", picture(64, 64, colours=[(9, 9, 9)]))), "has one colour"),
        (notebook_of(text(), code("draw()", new_output("display_data", {"image/png": "iVBORw0KGgo="}))), "be read"),
    ],
    "backend_neutral": [
        (notebook_of(text(), code("import tensorflow as tf")), "imports tensorflow"),
        (notebook_of(text(), code("def f():\n    from torch.nn import Linear")), "imports torch.nn"),
        (notebook_of(text(), code("import numpy, jax.numpy")), "imports jax.numpy"),
        (notebook_of(text(), code("tf = __import__('tensorflow')")), "imports tensorflow"),
        (notebook_of(text(), code("importlib.import_module('torch.nn')")), "imports torch.nn"),
        (notebook_of(text(), code("exec('import jax')")), "imports jax"),
        (notebook_of(text(), code("sys.modules['tensorflow'].constant(1)")), "imports tensorflow"),
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
        (notebook_of(text(), code("1", printed("saved in /home/ada/course/model.keras"))), "'/home/ada/course/"),
        (notebook_of(text(), code("1", new_output("display_data", {"text/html": "<p>/tmp/x1</p>"}))), "'/tmp/x1'"),
        (notebook_of(text(), code("open('/data/cats.zip')")), "its code names an absolute path, '/data/cats.zip'"),
        (notebook_of(text(), code("f'~/course/{name}'")), "its code names a path below a home folder"),
        (notebook_of(text(), code("1", printed("<object at 0x7f3a5c0b1d90>"))), "memory address"),
    ],
    "no_noise": [
        (notebook_of(text(), code("1", printed("UserWarning: careful", "stderr"))), "UserWarning: careful"),
        (
            notebook_of(text(), code("1", new_output("error", ename="KeyError", evalue="'x'", traceback=["x"]))),
            "stopped with KeyError",
        ),
        (
            notebook_of(
                text("It refuses."),
                code(
                    "1",
                    new_output("error", ename="NameError", evalue="'x'", traceback=["x"]),
                    tags=["raises-exception"],
                ),
            ),
            "stopped with NameError, of which the text says nothing",
        ),
        (notebook_of(text(), code("1", tags=["raises-exception"])), "it raises none"),
    ],
    "numbers_glued": [
        (notebook_of(text("It reaches {glue:text}`acuracy`."), code("1", glued("accuracy", "0.781"))), "'acuracy'"),
        (notebook_of(code("1", glued("accuracy", "0.781")), text("It reaches 0.781.")), "0.781 is typed"),
        (notebook_of(code("1", glued("accuracy", "78.1%")), text("It reaches 78.1%.")), "78.1% is typed"),
    ],
    "results_not_typed": [
        (
            notebook_of(text("Model 1 stood near 0.61 after six."), code()),
            "0.61 is typed into its text: 'Model 1 stood",
        ),
        (
            notebook_of(text(), code("draw()", PICTURE, mystnb={"image": {"alt": ALT + " It is 0.43 at first."}})),
            "0.43 is typed into its alternative text: 'It is 0.43",
        ),
    ],
    "glued_values_used": [
        (
            notebook_of(text("It has 512 units."), code("glue('units', 512)", glued("units", "512"))),
            "'units' is glued, and no text of the page uses it",
        ),
    ],
    "alternative_texts_filled": [
        (notebook_of(text(), code("draw()", PICTURE, course={"alt": "Ends at {loss}."})), "uses 'loss', which nothing"),
        (
            notebook_of(
                text(),
                code(
                    "draw()",
                    glued("loss", "0.5"),
                    PICTURE,
                    course={"alt": "Ends at {loss}."},
                    mystnb={"image": {"alt": ALT}},
                ),
            ),
            "is not what its template, course.alt, gives",
        ),
    ],
    "claims_stand_in_the_text": [
        (claiming("a > b", sentence="Depth wins."), "claims 'Width wins', which no text of the page says"),
        (claiming("True"), "is true whatever the run gives"),
        (claiming("not a > b"), "is true whatever the run gives"),
        (claiming("not (a > b).any()"), "is true whatever the run gives"),
        (claiming("a > b", holds=False), "is false in the stored run"),
        (notebook_of(text("Width wins."), code("claim('Width wins', a > b)")), "is not recorded"),
        (notebook_of(text("Width wins."), code("claim(f'{best} wins', a > b)")), "is not written out"),
        (notebook_of(text("Width wins."), code("for s in x: claim(s, a > b)")), "is not written out"),
        (
            notebook_of(text("A wins."), code("claim('A wins', a > b)\nclaim('A wins', c)", claimed("A wins"))),
            "claimed twice",
        ),
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
        text("It reaches {glue:text}`accuracy`, others $0.78$ and $10.781$.", id="glued"),
        code("(1, 2)", glued("accuracy", "0.781"), printed("(1, 2)"), id="compared", tags=["nbval-check-output"]),
        text(
            "That is half of it, more than {glue:text}`accuracy` of [all](x.md): a ZeroDivisionError. "
            "`model.fit(x, verbose=1)` would print.\n\n```python\n# a comment\n```",
            id="half",
        ),
        code(
            "claim('Half of it, more than {accuracy} of `all`.', 0.5 <= half and not missing)\n"
            "print(f'{n}/epoch')\ndraw()",
            claimed("Half of it, more than {accuracy} of `all`."),
            picture(80, 80),
            id="claimed",
            course={"alt": "A curve that ends at {accuracy}, far above the dashed line of chance."},
            mystnb={"image": {"alt": "A curve that ends at 0.781, far above the dashed line of chance."}},
        ),
        text("Then it stops.", id="stops"),
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


def cell_of(notebook, id):
    return next(cell for cell in notebook.cells if cell.id == id)


def exchanged(notebook, one, other, key):
    one, other = cell_of(notebook, one), cell_of(notebook, other)
    one[key], other[key] = other[key], one[key]


def changed(notebook, id, **values):
    cell_of(notebook, id).update(values)


def rewritten(notebook, id, old, new):
    """Replace a text wherever it stands in a cell, as with an editor."""
    cell = cell_of(notebook, id)
    changed = json.loads(json.dumps(cell).replace(json.dumps(old)[1:-1], json.dumps(new)[1:-1]))
    assert changed != cell
    cell.update(nbformat.from_dict(changed))


def hashed_again(notebook, **facts):
    """The receipt as somebody makes it who only knows the hash of the code."""
    receipt_of(notebook).update(facts | {"code": code_hash(notebook)})


STOPPED = new_output("error", ename="ZeroDivisionError", evalue="", traceback=["x"])
BY_HAND = {
    "outputs cleared": lambda made: changed(made, "code", outputs=[]),
    "all outputs and counts cleared": lambda made: [
        cell.update(outputs=[], execution_count=None) for cell in made.cells if cell.cell_type == "code"
    ],
    "an output edited": lambda made: rewritten(made, "code", "loss 0.5", "loss 0.4"),
    "an output added": lambda made: cell_of(made, "compared").outputs.append(printed("(1, 2)\n")),
    "outputs of two cells exchanged": lambda made: exchanged(made, "code", "claimed", "outputs"),
    "a picture of one pixel": lambda made: changed(made, "code", outputs=[picture(1, 1)]),
    "another picture": lambda made: changed(made, "code", outputs=[picture(99, 99)]),
    "a glued value edited": lambda made: rewritten(made, "compared", "0.781", "0.999"),
    "a false claim made true": lambda made: rewritten(made, "claimed", "holds", "held"),
    "another figure's alternative text": lambda made: exchanged(made, "code", "claimed", "metadata"),
    "an alternative text edited": lambda made: rewritten(made, "claimed", "ends at 0.781", "ends at 0.999"),
    "template and alternative text edited": lambda made: rewritten(made, "claimed", "far above", "just below"),
    "a receipt of another machine": lambda made: receipt_of(made).update(device="NVIDIA H200"),
    "a receipt of another profile": lambda made: receipt_of(made).update(profile="full"),
    "a receipt of another version": lambda made: receipt_of(made).update(versions={"keras": "9.0"}),
    "code changed": lambda made: changed(made, "compared", source="(1, 3)"),
    "code changed, its hash computed again": lambda made: (
        changed(made, "compared", source="(1, 3)"), hashed_again(made)
    ),
    "an error stored as if it were meant": lambda made: (
        changed(made, "code", outputs=[STOPPED], metadata={"tags": ["raises-exception"]}), hashed_again(made)
    ),
    "cells exchanged": lambda made: (
        made.cells.insert(3, made.cells.pop(5)), hashed_again(made)
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", BY_HAND)
def test_a_stored_run_that_was_changed_by_hand_is_noticed(way, good, tmp_path):
    made = copy.deepcopy(good)
    BY_HAND[way](made)
    found = [finding.what for finding in judged(made, rules.executed, tmp_path)]
    assert found, "nothing was found"


def test_prose_tags_and_the_authors_own_alternative_texts_need_no_new_run(good, tmp_path):
    cell_of(good, "half").source += " More about it."
    cell_of(good, "code").metadata = {"mystnb": {"image": {"alt": ALT + " Well."}}, "tags": ["keep-output"]}
    good.cells.append(text("An afterthought.", id="more"))
    assert judged(good, rules.executed, tmp_path) == []


def test_a_run_is_of_its_own_profiles_numbers():
    written = "run = budget(a=1, laptop=dict(b=2), smoke=dict(b=3))"

    def fresh(source, profile):
        made = notebook_of(code(written))
        write_receipt(made, {"profile": profile, "versions": {}}, 1)
        made.cells[-1].source = source
        return receipt_is_fresh(made)

    of_smoke, of_laptop = written.replace("b=3", "b=4, c=5"), written.replace("b=2", "b=4")
    assert [fresh(of_smoke, each) for each in PROFILES] == [False, True, True]
    assert [fresh(of_laptop, each) for each in PROFILES] == [True, False, True]
    for profile in PROFILES:
        assert not fresh(written.replace("a=1", "a=2"), profile)
        assert not fresh(of_smoke.replace("budget", "dict"), profile)


def test_the_hash_of_a_run_is_that_of_the_file_however_it_is_laid_out(good, tmp_path):
    path = tmp_path / "x.ipynb"
    write_notebook(path, good)
    assert run_hash(nbformat.read(path, as_version=4)) == run_hash(good) == receipt_of(good)["run"]
    path.write_text(json.dumps(json.loads(path.read_text()), indent=4, sort_keys=False))
    assert run_hash(nbformat.read(path, as_version=4)) == run_hash(good)


PRIVATE = r"""
an absolute path | /data | /data/cats | /kaggle/input | /Volumes/disk | /home/ada | /content/x.h5 | "/mnt/x" | (/srv/x)
a path below a home folder | ~/.keras/models | ~ada/x
a path with a drive | D:\cats | c:/Users/Ada | E:\
a path of a network | \\server\share | file:///x
a path into Python's packages | lib/site-packages/keras | dist-packages
an address of mail or of an account | ada@example.org | ada@gpu01 | first.last@mail.co.uk
a host | http://localhost:8888 | 127.0.0.1 | 10.0.3.17:80 | gpu7.internal | macbook.local | DESKTOP-4F2K1AB
a host | https://ada:x@host.org | http://gpu01:8080/
a key or a token | hf_abcdefghijklmnopqrst | ghp_0123456789abcdefghij | AKIAABCDEFGHIJKLMNOP | api_key=0123456789
a key or a token | sk-abcdefghijklmnopqrstuv | eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.x
"""
PRIVATE = [(line.split(" | ")[0], text) for line in PRIVATE.strip().splitlines() for text in line.split(" | ")[1:]]


@pytest.mark.parametrize(("family", "shown"), PRIVATE, ids=[shown for _, shown in PRIVATE])
def test_private_things_are_found_by_their_family(family, shown):
    assert family in dict(private_things(f"saved to {shown} today"))
    assert family in dict(private_things(shown))


@pytest.mark.parametrize(
    "shown",
    [
        "12/15 right, 80 km/h, 3 images/s and/or 1 / 0, x /y, a/b/c.png, data/cats, ./model.keras, ../shared",
        "see https://keras.io/api/layers, https://www.cs.toronto.edu/~kriz/cifar.html and doi.org/10.1000/x",
        "<td>1</td><br/></p>", "Keras 3.15.1 on TensorFlow 2.21.0", "about ~3 and ~0.5/2", "ratio 3:1, x[1:/2]",
        "A @ B", "loss: 0.5", "tokens: 17", "(None, 32, 32, 3)", "{'a': 1}", "$\\frac{a}{b}$", "2024-01-01T10:00:00",
    ],
)  # fmt: skip
def test_fractions_units_addresses_and_tags_are_not_private(shown):
    assert list(private_things(shown)) == []


def test_the_name_of_this_machine_is_private(monkeypatch):
    monkeypatch.setattr("platform.node", lambda: "adas-tower")
    assert list(private_things("trained on adas-tower.")) == [("the name of this machine", "adas-tower")]
    assert list(private_things("trained on adas-towers.")) == []
    monkeypatch.setattr("platform.node", lambda: "laptop")
    assert list(private_things("at profile laptop")) == []


@pytest.mark.parametrize("line", ["a", "a.", "a-", "/a", "1/1 ", "~", "@", "eyJa-", "a:\\", "\\\\a", "://", "token "])
def test_rules_about_outputs_take_no_longer_than_a_long_line_is_long(line, tmp_path):
    made = notebook_of(text(), code("1", printed(line * (300_000 // len(line)))))
    path = tmp_path / "x.ipynb"
    write_notebook(path, made)
    start = time.perf_counter()
    for rule in (rules.nothing_private, rules.no_progress_bars, rules.executed, rules.no_noise):
        list(rule(Notebook(path, tmp_path)))
    assert time.perf_counter() - start < 5


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


@pytest.mark.parametrize("written", ["$0.781$", "`0.781`"])
def test_a_setting_that_equals_a_result_is_written_as_a_formula_or_as_code(written, tmp_path):
    made = notebook_of(code("1", glued("accuracy", "0.781")), text(f"Take a rate of {written}."))
    path = tmp_path / "book" / "99_x.ipynb"
    path.parent.mkdir()
    write_notebook(path, made)
    assert not list(rules.numbers_glued(Notebook(path, ROOT)))
