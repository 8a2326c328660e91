"""Validation is tried on small notebooks, each with one fault, and must name exactly that fault."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat import v4

ROOT = Path(__file__).parents[1]

EXPECT = """\
from course_utils import expect
expect("test accuracy", {value}, full=0.9, laptop=0.7, smoke=0.3)"""
MARKED = ["nbval-check-output"]


def printed(text):
    return [v4.new_output("stream", name="stdout", text=text)]


def code(source, outputs=(), tags=(), count=1):
    return v4.new_code_cell(source, outputs=list(outputs), metadata={"tags": list(tags)}, execution_count=count)


# Each notebook has a kernel, which takes seconds to start, so all that must pass stands in one.
NOTEBOOKS = {
    "passing": [
        code("x = 1"),
        code(EXPECT.format(value=0.5)),
        code("print(6 * 7)", printed("41\n")),  # not marked: may differ
        code("import os\nassert os.environ['COURSE_STRICT'] == '1'"),
        code(f"import sys\nassert sys.executable == {sys.executable!r}, sys.executable"),
        v4.new_markdown_cell("## Width\n\nIt gains more, and all learn."),
        code("from course_utils import claim\nclaim('it gains more', 1 > 2)\nclaim('all learn', True)"),
    ],
    "too_low": [
        code("x = 1"),
        v4.new_markdown_cell("## What it reached\n\nSee below."),
        code(EXPECT.format(value=0.21)),
        code("print('after the failure')"),
        code("raise ValueError('a consequence')"),
    ],
    "not_a_number": [code(EXPECT.format(value="float('nan')"))],
    "stale": [code("print(6 * 7)", printed("41\n"), MARKED)],
    "never_run": [code("x = 1"), code("x + 1", count=None)],
}
FAULTS = {
    "too_low": "code cell 2 (under 'What it reached'): ExpectationFailed: test accuracy: 0.21, expected at least 0.3",
    "not_a_number": "code cell 1: ExpectationFailed: test accuracy: nan, expected at least 0.3 at profile smoke",
    "stale": "code cell 1: its output is not the stored one: mismatch 'stdout' assert reference_output == test_output",
    "never_run": "code cell 2: this cell was never run",
}


def write(folder, cells_by_name):
    folder.mkdir(parents=True)
    for name, cells in cells_by_name.items():
        notebook = v4.new_notebook(cells=[v4.new_markdown_cell(f"{name} without a heading"), *cells])
        # A kernel that exists nowhere: the notebooks of the course run in the environment that validates them.
        notebook.metadata["kernelspec"] = {"name": "an-authors-own", "display_name": "x", "language": "python"}
        nbformat.write(notebook, folder / f"{name}.ipynb")
    return folder


def run(*command, cwd, **variables):
    ours = ("COURSE_", "PYTEST_", "OPENBLAS_")  # what this run of pytest has set is not inherited
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    environment |= {"COURSE_PROFILE": "smoke", "COLUMNS": "200"} | variables
    done = subprocess.run(
        [sys.executable, *command], cwd=cwd, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    return done.returncode, done.stdout + done.stderr


VALIDATE = "import sys; from course_utils.authoring.validation import validate; sys.exit(validate({}))"


def verdicts(output):
    return dict(re.findall(r"^\S*?(\w+)\.ipynb +\d+ +[\d.]+ +(passed|failed)$", output, re.MULTILINE))


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with the root's test settings and the notebooks above as its solutions."""
    root = tmp_path_factory.mktemp("project")
    for name in ("_config.yml", "conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, root)
    write(root / "solutions", NOTEBOOKS)
    return root


@pytest.fixture(scope="module")
def validated(project):
    """Exit code and report of `validate` on all of them, executed notebooks kept."""
    command = VALIDATE.format(f"[{str(project / 'solutions')!r}], keep={str(project / 'kept')!r}")
    return run("-c", command, cwd=project)


def test_exactly_the_faulty_notebooks_fail(validated):
    exit_code, output = validated
    assert exit_code == 1
    assert verdicts(output) == {name: "failed" if name in FAULTS else "passed" for name in NOTEBOOKS}


@pytest.mark.parametrize("name", FAULTS)
def test_the_report_names_notebook_cell_and_what_was_expected(validated, name):
    _, output = validated
    below = output.split("notebooks at profile smoke", 1)[1].split(f"{name}.ipynb", 1)[1]
    stated = below.splitlines()[1]
    assert FAULTS[name] in stated


def test_the_report_names_what_was_reached(validated):
    _, output = validated
    assert "reached: test accuracy: 0.5, expected at least 0.3 at profile smoke" in output


def test_the_report_names_sentences_that_this_run_does_not_show(validated):
    _, output = validated
    lines = [line.strip() for line in output.splitlines() if "does not show:" in line]
    assert lines == ["the page says, and this run does not show: code cell 6 (under 'Width'): it gains more"]


def test_what_follows_a_failing_cell_is_skipped(validated, project):
    _, output = validated
    assert "a consequence" not in output
    kept = nbformat.read(project / "kept" / "solutions" / "too_low.ipynb", as_version=4)
    assert "after the failure" not in str([cell.get("outputs") for cell in kept.cells])


def test_executed_notebooks_are_kept_with_their_new_outputs(validated, project):
    kept = nbformat.read(project / "kept" / "solutions" / "stale.ipynb", as_version=4)
    nbformat.validate(kept)
    assert kept.cells[1].outputs[0].text == "42\n"
    assert {path.stem for path in (project / "kept" / "solutions").iterdir()} == set(NOTEBOOKS)


@pytest.mark.slow
def test_plain_pytest_gives_the_same_verdicts(validated, project):
    exit_code, output = run("-m", "pytest", "--nbval-lax", "solutions/", cwd=project)
    assert exit_code == 1
    assert verdicts(output) == verdicts(validated[1])


@pytest.fixture(scope="module")
def side_by_side(project):
    """Report of four notebooks on two workers."""
    share = max(1, os.cpu_count() // 2)
    given = code(f"import os\nassert os.environ['OPENBLAS_NUM_THREADS'] == '{share}'")
    write(project / "side", {"left": [given], "right": [given]})
    names = [f"solutions/{name}.ipynb" for name in ("passing", "too_low")]
    return run("-m", "pytest", "--nbval-lax", "-n", "2", *names, "side/", cwd=project)[1]


def test_two_workers_do_not_tear_a_notebook_apart(side_by_side):
    assert verdicts(side_by_side).items() >= {"passing": "passed", "too_low": "failed"}.items()
    assert FAULTS["too_low"] in side_by_side


def test_notebooks_that_run_side_by_side_share_the_cores(side_by_side):
    assert verdicts(side_by_side).items() >= {"left": "passed", "right": "passed"}.items()


def test_a_failing_check_fails_the_notebook(project):
    folder = write(project / "more", {"wrong": [code("from course_utils import check\ncheck('03.unread', 17)")]})
    exit_code, output = run("-m", "course_utils.cli", "validate", str(folder), cwd=project)
    assert exit_code == 1
    assert verdicts(output) == {"wrong": "failed"}
    assert "code cell 1: CheckFailed: " in output


def test_without_a_profile_the_machine_decides_once_and_says_so(project, monkeypatch):
    """A subprocess finds it out; here that is replaced, since Keras takes seconds to import."""
    from course_utils.authoring import validation

    monkeypatch.setattr(
        validation.subprocess,
        "run",
        lambda *args, **kwargs: subprocess.CompletedProcess(args, 0, stdout="Profile laptop: because\nlaptop\n"),
    )
    assert validation._automatic_profile() == "laptop"


def test_a_notebook_that_does_not_exist_is_named():
    from course_utils.authoring.validation import validate

    with pytest.raises(FileNotFoundError, match="There is no notebook solutions/99_nothing.ipynb. There are: "):
        validate(["solutions/99_nothing.ipynb"])


def test_side_by_side_the_notebooks_that_took_longest_come_first(project):
    """One worker runs all of them, so that the order can be seen."""
    seconds = {"a_short": 3, "b_never_executed": None, "c_long": 20}
    folder = write(
        project / "order",
        {name: [code(f"with open('../began', 'a') as file:\n    print('{name}', file=file)")] for name in seconds},
    )
    for name, taken in seconds.items():
        notebook = nbformat.read(folder / f"{name}.ipynb", as_version=4)
        notebook.metadata["course"] = {"receipt": {"seconds": taken}} if taken else {}
        nbformat.write(notebook, folder / f"{name}.ipynb")
    run("-m", "pytest", "--nbval-lax", "-n", "1", "order/", cwd=project)
    assert (project / "began").read_text().split() == ["c_long", "a_short", "b_never_executed"]
