"""Receipts: stored outputs are never stale."""

import subprocess
import sys

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course_utils.authoring.receipts import code_hash, receipt_is_fresh, run_facts, write_receipt
from course_utils.authoring.setup_cell import with_setup_cell


@pytest.fixture
def notebook():
    made = new_notebook(cells=[new_markdown_cell("# Title"), new_code_cell("a = 1"), new_code_cell("b = 2")])
    with_setup_cell(made, "import sys")
    write_receipt(made, {"profile": "smoke", "versions": {}}, 1.26)
    return made


def test_a_receipt_is_fresh_until_code_changes(notebook):
    assert receipt_is_fresh(notebook)
    notebook.cells[2].source = "a = 2"
    assert not receipt_is_fresh(notebook)


def test_the_order_of_cells_counts(notebook):
    notebook.cells[2], notebook.cells[3] = notebook.cells[3], notebook.cells[2]
    assert not receipt_is_fresh(notebook)


def test_where_one_cell_ends_counts():
    apart = new_notebook(cells=[new_code_cell("a = 1"), new_code_cell("b = 2")])
    together = new_notebook(cells=[new_code_cell("a = 1\nb = 2")])
    assert code_hash(apart) != code_hash(together)


@pytest.mark.parametrize(
    ("before", "after"),
    [("f(1,  2)", "f(\n    1,\n    2,\n)"), ("a = 1", "a = 1  # one"), ("a = 'x'", 'a = "x"')],
)
def test_layout_and_comments_do_not_count(before, after):
    assert code_hash(new_notebook(cells=[new_code_cell(before)])) == code_hash(
        new_notebook(cells=[new_code_cell(after)])
    )


@pytest.mark.parametrize(
    ("before", "after"), [("a = 1", "a = 1.0"), ("%time f(1)", "%time f(2)"), ("a = [1, 2]", "a = [2, 1]")]
)
def test_every_other_change_of_code_counts(before, after):
    assert code_hash(new_notebook(cells=[new_code_cell(before)])) != code_hash(
        new_notebook(cells=[new_code_cell(after)])
    )


def test_text_tags_outputs_and_the_repositorys_address_do_not_count(notebook):
    notebook.cells[0].source = "# Another title"
    notebook.cells[2].metadata["tags"] = ["keep-output"]
    notebook.cells[2].outputs = [{"output_type": "stream", "name": "stdout", "text": "1"}]
    with_setup_cell(notebook, "import sys  # another address")
    notebook.cells.append(new_code_cell("  "))
    assert receipt_is_fresh(notebook)


def test_a_notebook_that_was_never_run_is_not_fresh():
    assert not receipt_is_fresh(new_notebook(cells=[new_code_cell("a = 1")]))


def test_a_receipt_keeps_other_metadata_of_the_course(notebook):
    notebook.metadata["course"]["other"] = 1
    write_receipt(notebook, {"profile": "smoke", "versions": {}}, 75.4)
    assert notebook.metadata["course"]["other"] == 1
    assert notebook.metadata["course"]["receipt"]["seconds"] == 75


def test_the_facts_do_not_load_keras_and_name_it_where_it_is_loaded():
    facts = run_facts()
    assert facts["profile"] == "smoke"
    assert facts["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))
    code = (
        "import sys; from course_utils.authoring.receipts import run_facts; facts = run_facts(); "
        "assert 'keras' not in sys.modules and 'backend' not in facts and 'cores' in facts['device'], facts"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
def test_the_facts_name_the_backend_and_its_version():
    keras = pytest.importorskip("keras")
    facts = run_facts()
    assert facts["backend"] == keras.backend.backend()
    assert facts["versions"][facts["backend"]] == __import__(facts["backend"]).__version__
    assert facts["versions"]["keras"] == keras.__version__
