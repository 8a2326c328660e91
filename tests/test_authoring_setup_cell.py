"""The setup cell's text and place; tests/test_setup_cell.py runs it."""

import importlib.util
import sys
import types

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course_utils.authoring.files import read_notebook
from course_utils.authoring.formatting import write_notebook
from course_utils.authoring.receipts import receipt_is_fresh, write_receipt
from course_utils.authoring.setup_cell import (
    address_is_set,
    repository,
    setup_source,
    sync_setup_cells,
    with_setup_cell,
)


@pytest.fixture
def project(tmp_path):
    def configure(url="https://github.com/OWNER/computer-vision-course", branch="main"):
        (tmp_path / "_config.yml").write_text(f"repository:\n  url: {url}\n  branch: {branch}\n")
        return tmp_path

    configure.root = configure()
    return configure


def test_the_address_stands_in_the_cell_once_and_nothing_else_depends_on_it(project):
    source = setup_source(project.root)
    assert source.count("git+https://github.com/OWNER/computer-vision-course@main") == 1
    other = setup_source(project("https://github.com/someone/a-copy.git/", "spring"))
    assert other == source.replace("OWNER/computer-vision-course@main", "someone/a-copy@spring")


def test_the_cell_is_short():
    from course_utils.authoring.setup_cell import _TEMPLATE

    assert len(_TEMPLATE.splitlines()) <= 10
    assert max(map(len, _TEMPLATE.splitlines())) <= 120


def test_the_owner_is_known_once_it_is_filled_in(project):
    assert not address_is_set(project.root)
    assert address_is_set(project("https://github.com/someone/computer-vision-course"))


@pytest.mark.parametrize("url", ["", "github.com/x/y", "git@github.com:x/y.git", "https://x.org/$(rm)", "'https://x'"])
def test_an_address_that_pip_could_not_use_is_refused(project, url):
    with pytest.raises(ValueError, match=r"repository\.url is"):
        repository(project(url))


def test_the_cell_goes_after_the_title_and_old_ones_go():
    cells = [
        new_markdown_cell("# T"),
        new_code_cell("1"),
        new_code_cell("old", metadata={"tags": ["setup"]}, execution_count=3),
        new_code_cell("older", id="setup"),
    ]
    notebook = with_setup_cell(new_notebook(cells=cells), "new")
    assert [cell.source for cell in notebook.cells] == ["# T", "new", "1"]
    assert notebook.cells[1].id == "setup"
    assert notebook.cells[1].metadata["tags"] == ["remove-cell", "setup"]
    assert notebook.cells[1].execution_count == 3


def test_one_line_changed_and_one_command_bring_the_address_everywhere_and_receipts_stay_fresh(project):
    path = project.root / "book" / "01_x.ipynb"
    path.parent.mkdir()
    notebook = new_notebook(cells=[new_markdown_cell("# T"), new_code_cell("a = 1", execution_count=2)])
    write_receipt(notebook, {"profile": "smoke"}, 1)
    write_notebook(path, notebook)
    sync_setup_cells([path], project.root)
    root = project("https://github.com/someone/a-copy")
    assert sync_setup_cells([path], root) == [path]
    assert "github.com/someone/a-copy@main" in read_notebook(path).cells[1].source
    assert receipt_is_fresh(read_notebook(path))
    assert sync_setup_cells([path], root) == []


@pytest.mark.parametrize(("colab", "installed", "commands"), [(False, False, 0), (True, True, 0), (True, False, 2)])
def test_the_cell_acts_in_colab_only_and_there_once(project, capfd, monkeypatch, colab, installed, commands):
    interactiveshell = pytest.importorskip("IPython.core.interactiveshell")
    ran = []
    shell = interactiveshell.InteractiveShell.instance()
    monkeypatch.setattr(shell, "system", ran.append)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object() if installed else None)
    monkeypatch.delitem(sys.modules, "google.colab", raising=False)
    if colab:
        monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    assert shell.run_cell(setup_source(project.root)).success
    assert len(ran) == commands
    assert capfd.readouterr() == ("", "")
