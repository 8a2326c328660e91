"""Programs and notebooks on each of Keras' backends, and pages that go on where one is missing."""

import math
import os
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell
from nbformat.v4 import new_code_cell, new_notebook, new_output

from course_utils import backends
from course_utils.authoring import on_backends
from course_utils.authoring.optional import _Page

ROOT = Path(__file__).parents[1]

# ---------------------------------------------------------------------------------------------- a program on a backend


@pytest.mark.slow
@pytest.mark.parametrize("name", backends.installed())
def test_a_program_runs_on_the_backend_that_was_asked_for(name):
    program = "import keras, sys; print(keras.ops.convert_to_numpy(keras.ops.sum(keras.ops.ones(3))), sys.argv[1])"
    assert backends.run_on(name, program, "given") == ["3.0 given"]


def test_a_backend_that_is_not_installed_is_named_as_python_would(monkeypatch):
    monkeypatch.setattr(backends, "installed", lambda: ("tensorflow",))
    with pytest.raises(ModuleNotFoundError, match="No module named 'jax'") as error:
        backends.run_on("jax", "")
    assert error.value.name == "jax"


def test_a_program_that_fails_says_what_it_wrote():
    name = backends.installed()[0]
    with pytest.raises(RuntimeError, match=r"(?s)failed on .*KeyError: 'lost'"):
        backends.run_on(name, "raise KeyError('lost')")


# --------------------------------------------------------------------------------------------------- a page without one


@pytest.fixture
def page(capsys):
    """A shell in which a page about a framework runs that nobody has; calling it runs a cell."""
    shell = InteractiveShell()
    _Page(shell, {"no_such_framework": "Nothing", "no_other": "Other"}).watch()

    def run(source):
        result = shell.run_cell(source)
        return result.success, capsys.readouterr().out

    return run


def test_a_cell_without_its_framework_is_left_out_and_no_error(page):
    success, said = page("import no_such_framework.nn as nn\nlayer = nn.Linear(1)")
    assert success
    assert "This cell needs Nothing, which is not installed here, and is left out." in said


def test_so_is_a_cell_that_needs_what_such_a_cell_would_have_made(page):
    page("from no_such_framework import nn\ndef make():\n    return nn\nx, y = make(), 1")
    for source in ("x + 1", "make()", "z = y", "nn.Linear"):
        success, said = page(source)
        assert success, source
        assert "needs Nothing" in said, source
    assert "needs Nothing" in page("z")[1]  # made by a cell that was left out itself


def test_every_other_error_stays_one(page):
    for source in ("import no_such_module_at_all", "never_made", "1 / 0", "import no_such_framework2"):
        success, said = page(source)
        assert not success, source
        assert "left out" not in said


def test_what_is_there_is_run(page):
    page("import no_other")
    page("a = 2")
    assert page("print(a)") == (True, "2\n")


# ------------------------------------------------------------------------------------------------ notebooks compared


def notebook(*cells):
    """Of (source, what it printed, tags...)."""
    made = new_notebook()
    for number, (source, printed, *tags) in enumerate(cells):
        output = new_output("stream", name="stdout", text=printed)
        made.cells.append(new_code_cell(source, id=f"cell{number}", outputs=[output], metadata={"tags": tags}))
    return made


@pytest.mark.parametrize(
    ("cell", "printed", "other", "expected"),
    [
        ("print(f(1))", "0.5", "0.25", 0.25),
        ("print(f(1))", "1,000", "990", 0.01),
        ("print(f(1))", "1e-3 and 2", "1e-3 and 2", 0.0),
        ("print(f(1))", "1 2", "1", math.inf),
        ("model.fit(x)", "0.5", "0.1", math.nan),
        ("print(time.perf_counter())", "3", "4", math.nan),
        ("print(f(1))", "took 3.2 s, 40 images/s", "took 9.9 s, 2 images/s", math.nan),
        ("print(f(1))", "no numbers", "no numbers", math.nan),
    ],
)
def test_only_what_depends_on_no_training_and_no_clock_is_compared(cell, printed, other, expected):
    found = on_backends.difference(notebook((cell, printed)), notebook((cell, other)))
    assert found == pytest.approx(expected, nan_ok=True)


def test_chance_is_followed_through_names_and_a_tag_overrules_it():
    cells = [("model = keras.Sequential([])", ""), ("def ask():\n    return model(1)", ""), ("print(ask())", "{}")]
    one, other = (notebook(*[(source, text.format(value)) for source, text in cells]) for value in (1, 2))
    assert math.isnan(on_backends.difference(one, other))
    tagged = [notebook(*cells[:2], ("print(ask())", text, "nbval-check-output")) for text in ("1", "2")]
    assert on_backends.difference(*tagged) == 1


def test_a_run_that_gave_no_notebook_is_compared_with_nothing():
    assert math.isnan(on_backends.difference(notebook(), None))


def test_each_notebook_is_run_on_each_backend_and_failures_are_named(monkeypatch, tmp_path):
    asked = []

    def run(command, cwd, env, **_):
        asked.append((env["KERAS_BACKEND"], command[-1].name))
        folder = Path(command[command.index("--keep") + 1], "book")
        folder.mkdir()
        nbformat.write(
            notebook(("print(1)", "1" if env["KERAS_BACKEND"] == "tensorflow" else "1.5")), folder / "a.ipynb"
        )
        bad = env["KERAS_BACKEND"] == "torch"
        report = "book/a.ipynb  3  1.0  failed\n    code cell 2: KeyError: 'x'\n" if bad else ""
        return type("Done", (), {"returncode": int(bad), "stdout": report})

    monkeypatch.setattr(on_backends, "_environment", lambda root, name, only: Path(sys.executable))
    monkeypatch.setattr(on_backends, "_starts", lambda python, name: "1.0")
    monkeypatch.setattr(on_backends.subprocess, "run", run)
    [row] = on_backends.run_on_backends([ROOT / "book" / "05_first_convnet.ipynb"], table=False, say=lambda line: None)
    assert asked == [(name, "05_first_convnet.ipynb") for name in backends.BACKENDS]
    assert row.failures == {"torch": "failed: code cell 2: KeyError: 'x'"}
    assert row.difference == {"jax": 0.5, "torch": 0.5}


def test_a_part_run_keeps_the_other_rows_of_the_table_and_their_days():
    versions = {"tensorflow": "2.21.0", "jax": "0.10.2"}

    def row(notebook, seconds, failures=()):
        return on_backends.Row(notebook, dict.fromkeys(versions, seconds), dict.fromkeys(failures, "failed"))

    whole = [row("book/05.ipynb", 9), row("book/a1.ipynb", 8, ["jax"]), row("solutions/05.ipynb", 7)]
    table = on_backends.as_table(whole, versions, "2026-01-01")
    part = [row("book/a1.ipynb", 6), row("book/06.ipynb", 5, ["jax"])]
    head, _, _, _, *lines = on_backends.as_table(part, versions, "2026-02-02", before=table).splitlines()
    assert head == "Run on 2026-01-01 at the smoke profile: TensorFlow 2.21.0, JAX 0.10.2; 7 of 8 runs passed."
    assert lines == [
        "| 05 | 9 s | 9 s | - |",
        "| 06 (2026-02-02) | 5 s | failed | - |",
        "| a1 (2026-02-02) | 6 s | 6 s | - |",
        "| 05, solution | 7 s | 7 s | - |",
    ]
    again = on_backends.as_table(part, versions, "2026-02-03", before="\n".join([head, "", "| a", "| -", *lines]))
    assert again.splitlines()[0] == head
    assert "| a1 (2026-02-03) | 6 s | 6 s | - |" in again
    assert "02-02" not in again
    with pytest.raises(ValueError, match="other versions.*JAX 0.10.2.*JAX 0.11.0"):
        on_backends.as_table(part, {**versions, "jax": "0.11.0"}, before=table)


def test_rows_of_other_versions_are_refused_before_anything_runs(monkeypatch, tmp_path):
    (tmp_path / "book").mkdir()
    before = on_backends.as_table([on_backends.Row("book/05.ipynb", {"jax": 1})], {"jax": "0.1"})
    (tmp_path / on_backends.TABLE).write_text(before, encoding="utf-8")
    monkeypatch.setattr(on_backends, "find_root", lambda: tmp_path)
    monkeypatch.setattr(on_backends, "_environment", lambda root, name, only: Path(sys.executable))
    monkeypatch.setattr(on_backends, "_starts", lambda python, name: "9.9")
    monkeypatch.setattr(on_backends, "_run", lambda *_: pytest.fail("it ran"))
    with pytest.raises(ValueError, match="JAX 0.1"):
        on_backends.run_on_backends([tmp_path / "book" / "05.ipynb"], say=lambda line: None)
    assert (tmp_path / on_backends.TABLE).read_text(encoding="utf-8") == before


def test_an_environment_sees_the_projects_packages_and_the_project_from_any_folder(monkeypatch, tmp_path):
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    elsewhere.mkdir()
    venv.create(project / ".venv-jax")
    (project / "only_here.py").write_text("", encoding="utf-8")
    (project / "jax.py").write_text("", encoding="utf-8")  # stands for the package, so that none is installed
    monkeypatch.setattr(on_backends, "installed", lambda: ())
    monkeypatch.delenv("PYTHONPATH", raising=False)
    python = on_backends._environment(project, "jax", only_at_hand=True)
    done = subprocess.run([python, "-c", "import numpy, only_here"], cwd=elsewhere, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_what_is_not_at_hand_is_left_out_and_said_so(monkeypatch):
    said = []
    monkeypatch.setattr(on_backends, "installed", lambda: ("tensorflow",))
    monkeypatch.setattr(on_backends, "find_root", lambda: Path("nowhere"))
    monkeypatch.setattr(on_backends, "_starts", lambda python, name: "1.0")
    assert on_backends.run_on_backends(["a.ipynb"], only_at_hand=True, say=said.append) == []
    assert said == ["JAX is not at hand, and left out.", "PyTorch is not at hand, and left out."]


def test_what_is_installed_is_what_the_extras_say():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert {name: extras[name] for name in ("jax", "torch")} == {
        name: [requirement] for name, requirement in on_backends.REQUIREMENTS.items()
    }


@pytest.mark.parametrize(
    ("asked", "flags"),
    [
        ({"KERAS_BACKEND": "jax", "COURSE_PROFILE": "smoke"}, "--xla_backend_optimization_level=0"),
        ({"KERAS_BACKEND": "jax", "COURSE_PROFILE": "smoke", "XLA_FLAGS": "--xla_cpu_foo"}, "--xla_cpu_foo"),
        ({"KERAS_BACKEND": "jax", "COURSE_PROFILE": "laptop"}, "None"),
        ({"KERAS_BACKEND": "tensorflow", "COURSE_PROFILE": "smoke"}, "None"),
    ],
)
def test_jax_compiles_without_optimising_at_smoke_unless_it_was_told_something_else(asked, flags):
    own = {name: value for name, value in os.environ.items() if name not in ("KERAS_BACKEND", "XLA_FLAGS")}
    code = "import os, course_utils; print(os.environ.get('XLA_FLAGS'))"
    command = [sys.executable, "-c", code]
    assert subprocess.check_output(command, env={**own, **asked}, cwd=ROOT, text=True).strip() == flags
