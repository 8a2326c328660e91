"""Notebooks are run in this environment; a failure leaves the file alone."""

import json
import shutil
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course_utils.authoring.execution import execute, run_blank
from course_utils.authoring.files import read_notebook
from course_utils.authoring.formatting import is_canonical
from course_utils.authoring.receipts import receipt_is_fresh, receipt_of, run_is_untouched
from course_utils.authoring.records import claims_in, glued_in
from course_utils.authoring.refused import take_up
from course_utils.cli import main

CONFIG = "repository:\n  url: https://github.com/OWNER/course\n"
DRAW = """\
import matplotlib.pyplot as plt
_, axes = plt.subplots(figsize=(1, 1))"""
LOOK = """\
import os, sys
from pathlib import Path
print(sys.executable, Path.cwd().name, os.environ["COURSE_PROFILE"], os.environ["COURSE_STRICT"])"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "_config.yml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    # Another environment's kernel, which answers to the name that stands in every notebook.
    spec = tmp_path / "jupyter" / "kernels" / "python3"
    spec.mkdir(parents=True)
    argv = ["/bin/false", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "Other", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.setenv("COURSE_STRICT", "0")
    return tmp_path


def write(root, name, *sources):
    path = root / name
    path.parent.mkdir(exist_ok=True)
    cells = [new_markdown_cell("# A notebook"), *map(new_code_cell, sources)]
    nbformat.write(new_notebook(cells=cells), path)
    return path


def test_a_run_stores_outputs_counts_and_a_fresh_receipt(project, capfd):
    path = write(project, "solutions/99_x.ipynb", LOOK, DRAW, "[1, 2]")
    (run,) = execute(profile="smoke")
    assert run.failure is None
    assert is_canonical(path)
    notebook = read_notebook(path)
    code = notebook.cells[1:]
    assert [cell.execution_count for cell in code] == [1, 2, 3]
    assert code[0].outputs[0].text == f"{sys.executable} solutions smoke 1\n"
    assert "image/png" in code[1].outputs[0].data
    assert code[2].outputs[0].data == {"text/plain": "[1, 2]"}
    receipt = receipt_of(notebook)
    assert receipt_is_fresh(notebook)
    assert receipt["profile"] == "smoke"
    assert "backend" not in receipt
    progress = capfd.readouterr().err
    assert "solutions/99_x.ipynb" in progress
    assert "3/3 a-notebook-3" in progress


def test_a_failure_is_reported_with_notebook_cell_and_error_and_the_next_notebook_runs(project, capfd):
    bad = write(project, "book/98_bad.ipynb", "x = 1", "print('before')\n1 / 0", "x = 2")
    good = write(project, "book/99_good.ipynb", "1 + 1")
    before = bad.read_bytes()
    failed, passed = execute([bad, good], profile="smoke", progress=False)
    assert failed.failure.startswith("book/98_bad.ipynb, cell a-notebook-2: ZeroDivisionError: division by zero")
    assert "1 / 0" in failed.failure
    assert "\x1b" not in failed.failure
    assert bad.read_bytes() == before
    assert sorted(bad.parent.iterdir()) == [bad, good]
    assert passed.failure is None
    assert capfd.readouterr().err == ""


@pytest.mark.slow
def test_a_kernel_that_dies_and_a_cell_that_takes_too_long_are_reported(project):
    died = write(project, "book/97_died.ipynb", "import os\nos._exit(1)")
    slow = write(project, "book/98_slow.ipynb", "import time\ntime.sleep(60)")
    runs = execute([died, slow], profile="smoke", progress=False, timeout=5)
    assert "cell a-notebook: the kernel died" in runs[0].failure
    assert "cell a-notebook: not done after 5 s" in runs[1].failure


TEXT = """\
from course_utils import claim, glue
glue("accuracy", 0.5, ".2f")
claim("the wide network wins", True)"""


def test_a_run_fills_alternative_texts_and_counts_claims(project):
    path = write(project, "book/99_x.ipynb", TEXT, DRAW)
    notebook = read_notebook(path)
    notebook.cells[2].metadata["course"] = {"alt": "A curve that ends at {accuracy}, below {this}."}
    notebook.cells[2].metadata["mystnb"] = {"image": {"alt": "of an older run", "width": "50%"}}
    nbformat.write(notebook, path)
    before = path.read_bytes()
    (run,) = execute([path], profile="smoke", progress=False)
    assert "cell a-notebook-2: nothing is glued as 'this', which its alternative text uses" in run.failure
    assert path.read_bytes() == before

    notebook.cells[2].metadata["course"] = {"alt": "A curve that ends at {accuracy}."}
    nbformat.write(notebook, path)
    (run,) = execute([path], profile="smoke", progress=False)
    assert run.failure is None
    stored = read_notebook(path)
    assert stored.cells[2].metadata["mystnb"] == {"image": {"alt": "A curve that ends at 0.50.", "width": "50%"}}
    assert receipt_of(stored)["claims"] == 1
    assert run_is_untouched(stored)
    assert is_canonical(path)


def test_a_run_with_false_claims_is_kept_aside_and_every_false_one_is_named(project, capfd):
    false = "claim('depth gained', 1 > 2)\nclaim('all learned', False)"
    path = write(project, "book/99_x.ipynb", TEXT, false, "print('still run')")
    before = path.read_bytes()
    with pytest.raises(SystemExit, match="1"):
        main(["execute", str(path), "--profile", "smoke"])
    assert path.read_bytes() == before
    said = [line.strip() for line in capfd.readouterr().err.splitlines()]
    start = said.index("book/99_x.ipynb, 2 of 3 claims are false in this run:")
    assert said[start + 1 : start + 3] == ['cell a-notebook-2: "depth gained"', 'cell a-notebook-2: "all learned"']
    assert "The run is kept in build/refused/book/99_x.ipynb." in said
    kept = read_notebook(project / "build" / "refused" / "book" / "99_x.ipynb")
    assert kept.cells[3].outputs[0].text == "still run\n"


def test_one_long_line_is_stored_in_a_time_that_grows_as_the_line(project):
    path = write(project, "book/99_x.ipynb", "print('a' * 1_900_000)")
    (run,) = execute([path], profile="smoke", progress=False)
    assert run.failure is None
    assert read_notebook(path).cells[1].outputs[0].text == "a" * 1_900_000 + "\n"
    assert run.seconds < 120  # with the square of its length, more than an hour


def indented(code):
    return code.replace("\n", "\n    ")


def test_a_cell_that_does_not_stop_printing_is_stopped(project, monkeypatch):
    monkeypatch.setattr("course_utils.authoring.execution._ASK_AGAIN", 1)
    endless = "import itertools\nfor number in itertools.count():\n    print(number, 'x' * 1000)"
    deaf = f"try:\n    {indented(endless)}\nexcept KeyboardInterrupt:\n    {indented(endless)}"
    image = "from IPython.display import display\ndisplay({'image/png': 'A' * 3_000_000}, raw=True)"
    silent = "import time\nprint('x' * 3_000_000)\nwhile True:\n    try:\n        time.sleep(60)\n"
    silent += "    except BaseException:\n        pass"
    cases = [[endless], [deaf], [image, "1"], [silent]]
    paths = [write(project, f"book/9{n}_x.ipynb", *cells) for n, cells in enumerate(cases)]
    before = [path.read_bytes() for path in paths]
    for run in execute(paths, profile="smoke", progress=False):
        assert "cell a-notebook: its outputs have more than 2,000,000 characters" in run.failure
    assert [path.read_bytes() for path in paths] == before


def test_the_pieces_of_a_stream_are_one_output(project):
    pieces = "import sys\nfrom course_utils import glue\nprint('a', flush=True)\nglue('x', 1)\nprint('b')"
    path = write(project, "book/99_x.ipynb", pieces)
    execute([path], profile="smoke", progress=False)
    streams = [output.text for output in read_notebook(path).cells[1].outputs if output.output_type == "stream"]
    assert streams == ["a\nb\n"]


def test_a_blank_run_goes_to_the_end_and_stops_where_jupyter_would(project):
    cells = [
        "from course_utils import check, needs",
        'model = 1  # SOLUTION: x\ncheck("03.design", model)',
        "def build():\n    ### BEGIN SOLUTION\n    return 1\n    ### END SOLUTION",
        "trained = build()",
        "needs('model')\nmodel + 1",
        "trained + 1",
        "import os\nprint(os.environ['COURSE_PROFILE'], os.environ.get('COURSE_STRICT'))",
        "1 / 0",
        "print('not reached')",
    ]
    path = write(project, "solutions/99_x.ipynb", *cells)
    before = path.read_bytes()
    shown = [cell.outputs for cell in run_blank(path).cells if cell.cell_type == "code"]
    assert [outputs[0].get("text") for outputs in shown[3:7]] == [
        "This cell needs `build`, which task `03.design` asks for.\n",
        "This cell needs `model`, which task `03.design` asks for.\n",
        "This cell needs `build`, which task `03.design` asks for.\n",
        "smoke None\n",
    ]
    assert shown[7][0].ename == "ZeroDivisionError"
    assert shown[8] == []
    assert path.read_bytes() == before
    assert not (project / "exercises").exists()


@pytest.fixture(scope="module")
def run_once(tmp_path_factory):
    """A project in which the run of a notebook was refused: one claim of three is false in it."""
    root = tmp_path_factory.mktemp("refused")
    (root / "_config.yml").write_text(CONFIG)
    source = "from course_utils import claim, glue\nimport random\nglue('drawn', random.random())\nprint('two lines')\n"
    source += "claim('width gained', 2 > 1)\nclaim('depth gained', 1 > 2)"
    source += "\nglue('twice', 7)"
    path = write(root, "book/99_x.ipynb", source, "claim('both learned', 1 < 2)\nglue('twice', 5 + 2)", "[1, 2]")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        (run,) = execute([path], profile="smoke", progress=False)
    assert "course execute --refused" in run.failure
    return root


@pytest.fixture
def refused(project, run_once):
    """That notebook, and its run, in a project of the test's own."""
    shutil.copytree(run_once, project, dirs_exist_ok=True)
    return project / "book" / "99_x.ipynb"


def without(path, *lines, add=""):
    """Change a notebook's code as an author does."""
    notebook = read_notebook(path)
    for cell in notebook.cells:
        cell.source = "\n".join(line for line in cell.source.splitlines() if line not in lines)
    notebook.cells[1].source += add
    nbformat.write(notebook, path)


def test_a_refused_run_is_stored_once_its_false_claims_are_gone(project, refused):
    aside = project / "build" / "refused" / "book" / "99_x.ipynb"
    ran = read_notebook(aside)
    without(refused, "claim('depth gained', 1 > 2)", add="\n\n")
    with pytest.raises(SystemExit, match="0"):
        main(["execute", "--refused", str(refused)])
    stored = read_notebook(refused)
    assert receipt_is_fresh(stored)
    assert run_is_untouched(stored)
    assert receipt_of(stored) == receipt_of(ran) | {"claims": 2} | {
        name: receipt_of(stored)[name] for name in ("code", "run")
    }
    assert glued_in(stored) == glued_in(ran)  # a number drawn at random: nothing was run again
    assert [claim.statement for cell in stored.cells[1:] for claim in claims_in(cell.outputs)] == [
        "width gained",
        "both learned",
    ]
    assert [output.text for output in stored.cells[1].outputs if output.output_type == "stream"] == ["two lines\n"]
    assert stored.cells[3].outputs == ran.cells[3].outputs
    assert is_canonical(refused)
    assert not aside.exists()


def test_one_of_two_calls_that_glued_the_same_value_may_go(project, refused):
    without(refused, "claim('depth gained', 1 > 2)", "glue('twice', 5 + 2)")
    (run,) = take_up([refused])
    assert run.failure is None
    stored = read_notebook(refused)
    names = [output.get("metadata", {}).get("scrapbook", {}).get("name") for output in stored.cells[2].outputs]
    assert "twice" not in names
    assert glued_in(stored)["twice"] == "7"


@pytest.mark.parametrize(
    ("gone", "add", "why"),
    [
        ((), "", "did not show what is claimed"),
        (("claim('depth gained', 1 > 2)",), "\nclaim('a new one', True)", "did not show what is claimed"),
        (("claim('depth gained', 1 > 2)",), "\nclaim('width gained', 3 > 1)", "did not show what is claimed"),
        (("claim('depth gained', 1 > 2)",), "\nx = 1", "more than claims has changed"),
        (("claim('depth gained', 1 > 2)", "[1, 2]"), "", "more than claims has changed"),
        (("claim('depth gained', 1 > 2)", "glue('drawn', random.random())"), "", "more than claims has changed"),
        (
            ("claim('depth gained', 1 > 2)", "glue('twice', 7)", "glue('twice', 5 + 2)"),
            "",
            "more than claims has changed",
        ),
        (("claim('depth gained', 1 > 2)", "glue('twice', 7)"), "\nglue('twice', 8)", "more than claims has changed"),
    ],
    ids=[
        "still false",
        "not in the run",
        "on another condition",
        "code added",
        "a cell gone",
        "glued once",
        "both glues",
        "another value",
    ],
)
def test_a_refused_run_is_not_stored_for_what_it_did_not_show(project, refused, gone, add, why):
    without(refused, *gone, add=add)
    before = refused.read_bytes()
    (run,) = take_up([refused])
    assert why in run.failure
    assert refused.read_bytes() == before
    assert (project / "build" / "refused" / "book" / "99_x.ipynb").is_file()


def test_a_refused_run_that_was_touched_is_not_stored(project, refused):
    aside = project / "build" / "refused" / "book" / "99_x.ipynb"
    aside.write_text(aside.read_text().replace("two lines", "two better lines"))
    without(refused, "claim('depth gained', 1 > 2)")
    assert "has changed since its run" in take_up([refused])[0].failure
    aside.unlink()
    assert "no run of it was refused" in take_up([refused])[0].failure
