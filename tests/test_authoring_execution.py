"""Notebooks are run in this environment; a failure leaves the file alone."""

import json
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course_utils.authoring.execution import execute, run_blank
from course_utils.authoring.files import read_notebook
from course_utils.authoring.formatting import is_canonical
from course_utils.authoring.receipts import receipt_is_fresh, receipt_of

DRAW = """\
import matplotlib.pyplot as plt
_, axes = plt.subplots(figsize=(1, 1))"""
LOOK = """\
import os, sys
from pathlib import Path
print(sys.executable, Path.cwd().name, os.environ["COURSE_PROFILE"], os.environ["COURSE_STRICT"])"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "_config.yml").write_text("repository:\n  url: https://github.com/OWNER/course\n")
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
