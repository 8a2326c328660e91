"""The setup cell's text and place; tests/test_setup_cell.py runs it."""

import importlib.util
import sys
import types

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course_utils.authoring.files import read_notebook
from course_utils.authoring.formatting import write_notebook
from course_utils.authoring.project import format_files
from course_utils.authoring.receipts import receipt_is_fresh, write_receipt
from course_utils.authoring.setup_cell import address_is_set, repository, setup_source, with_setup_cell

NOT_FILLED_IN = "https://github.com/OWNER/computer-vision-course"
FILLED_IN = "https://github.com/ada/course"


@pytest.fixture
def project(tmp_path):
    def configure(url=FILLED_IN, branch="main", version="0.2.0.dev0"):
        (tmp_path / "_config.yml").write_text(f"repository:\n  url: {url}\n  branch: {branch}\n")
        (tmp_path / "course_utils").mkdir(exist_ok=True)
        (tmp_path / "course_utils" / "__init__.py").write_text(f'"""x"""\n\n__version__ = "{version}"  # y\n')
        return tmp_path

    configure.root = configure()
    return configure


@pytest.fixture
def notebook(project):
    def write(source, folder="book"):
        path = project.root / folder / "01_x.ipynb"
        path.parent.mkdir(exist_ok=True)
        write_notebook(path, new_notebook(cells=[new_markdown_cell("# T"), new_code_cell(source)]))
        return path

    return write


@pytest.fixture
def in_a_shell(monkeypatch):
    """Run the cell in IPython: (what became of it, the commands that it gave to the system)."""
    interactiveshell = pytest.importorskip("IPython.core.interactiveshell")
    shell = interactiveshell.InteractiveShell.instance()

    def run(source, *, colab, installed=False):
        commands = []
        monkeypatch.setattr(shell, "system", commands.append)
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: object() if installed else None)
        monkeypatch.delitem(sys.modules, "google.colab", raising=False)
        if colab:
            monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
        return shell.run_cell(source), commands

    return run


def test_the_address_stands_in_the_cell_once_and_nothing_else_depends_on_it(project):
    source = setup_source(project.root)
    assert source.count("git+https://github.com/ada/course@main") == 1
    other = setup_source(project("https://github.com/someone/a-copy.git/", "spring"))
    assert other == source.replace("ada/course@main", "someone/a-copy@spring")


@pytest.mark.parametrize("url", [NOT_FILLED_IN, FILLED_IN])
def test_the_cell_is_short(project, url):
    lines = setup_source(project(url)).splitlines()
    assert len(lines) <= 10
    assert max(map(len, lines)) <= 120


@pytest.mark.parametrize(
    "url", [NOT_FILLED_IN, f"{NOT_FILLED_IN}.git", "https://github.com/owner/x", "https://x.org/OWNER"]
)
def test_an_address_that_nobody_has_filled_in_is_known_as_such(project, url):
    assert not address_is_set(project(url))
    assert address_is_set(project("https://github.com/ownership/computer-vision-course"))


def test_nothing_is_installed_from_an_address_that_nobody_has_filled_in(project, in_a_shell):
    """OWNER is an account that anybody may have."""
    source = setup_source(project(NOT_FILLED_IN))
    assert "pip" not in source
    assert "OWNER" not in source
    result, commands = in_a_shell(source, colab=True)
    assert commands == []
    assert "Nothing was installed" in str(result.error_in_exec)
    assert "_config.yml" in str(result.error_in_exec)
    for elsewhere in ({"colab": False}, {"colab": True, "installed": True}):
        assert in_a_shell(source, **elsewhere)[0].success


@pytest.mark.parametrize(
    ("version", "revision"),
    [("0.2.0", "v0.2.0"), ("1.0", "v1.0"), ("0.2.0.dev0", "main"), ("0.2.0rc1", "main")],
)
def test_a_release_installs_its_tag_and_what_comes_before_it_the_branch(project, version, revision):
    assert f"/ada/course@{revision}" in setup_source(project(version=version))


@pytest.mark.parametrize(
    "source",
    [
        "model = models.efficientnet_lite()",
        "from course_utils.models import efficientnet_lite",
        "from course_utils.models import efficientnet_lite as build",
        "path = weights.find('efficientnet_lite2')",
        "%matplotlib inline\nmodels.efficientnet_lite('lite1')",
    ],
)
def test_a_notebook_that_names_a_trained_network_gets_its_package(project, notebook, source):
    assert '"course-utils[weights] @ ' in setup_source(project.root, notebook(source))


@pytest.mark.parametrize(
    "source",
    ["1", "model = models.model_5()", "# not efficientnet_lite()", "print('like efficientnet_lite0')", "def f(:"],
)
def test_a_notebook_that_names_none_does_not(project, notebook, source):
    assert '"course-utils @ ' in setup_source(project.root, notebook(source))


def test_every_network_whose_weights_are_a_package_is_known_by_its_name(project, notebook):
    from course_utils.models import weights

    packaged = {name for name, network in weights.NETWORKS.items() if network.packages}
    for name in weights.NETWORKS:
        source = setup_source(project.root, notebook(f"weights.find({name!r})"))
        assert ("[weights]" in source) == (name in packaged)


def test_an_exercise_gets_what_its_solution_needs(project, notebook):
    notebook("model = models.efficientnet_lite()  # SOLUTION: a trained network", "solutions")
    blank = notebook("model = ...  # TODO: a trained network", "exercises")
    assert "[weights]" in setup_source(project.root, blank)
    assert format_files(root=project.root)
    both = [
        read_notebook(project.root / folder / "01_x.ipynb").cells[1].source for folder in ("solutions", "exercises")
    ]
    assert both == [setup_source(project.root, blank)] * 2


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
    format_files([path], root=project(NOT_FILLED_IN))
    root = project("https://github.com/someone/a-copy")
    assert format_files([path], root=root) == [path]
    assert "github.com/someone/a-copy@main" in read_notebook(path).cells[1].source
    assert receipt_is_fresh(read_notebook(path))
    assert format_files([path], root=root) == []


@pytest.mark.parametrize(("colab", "installed", "commands"), [(False, False, 0), (True, True, 0), (True, False, 2)])
def test_the_cell_acts_in_colab_only_and_there_once(project, capfd, in_a_shell, colab, installed, commands):
    result, ran = in_a_shell(setup_source(project.root), colab=colab, installed=installed)
    assert result.success
    assert len(ran) == commands
    assert capfd.readouterr() == ("", "")
