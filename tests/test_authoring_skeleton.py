"""What `course new` writes keeps to every rule, and cannot stay as it is."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from nbformat.v4 import new_markdown_cell

from course_utils.authoring import skeleton
from course_utils.authoring.chapters import read_chapters
from course_utils.authoring.files import read_notebook
from course_utils.authoring.formatting import write_notebook

ROOT = Path(__file__).parents[1]


def test_nothing_of_a_skeleton_is_left_in_the_course():
    assert not (found := list(skeleton.unfinished(ROOT))), "\n".join(map(str, found))


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A copy of the course with the skeletons of a chapter and of an appendix."""
    root = tmp_path_factory.mktemp("course")
    kept = ("book", "solutions", "exercises", "course_utils", "tests", "requirements", ".github", ".ci")
    for name in kept:
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in ROOT.iterdir():
        if path.is_file():
            shutil.copy(path, root)
    run(root, "-m", "course_utils.cli", "new", "77_toys")
    run(root, "-m", "course_utils.cli", "new", "a7_toys_too", "--title", "Toys: too")
    return root


def run(root, *arguments, fails=False):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("COURSE_", "PYTEST_"))}
    environment["PYTHONPATH"] = str(root)
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
def test_a_new_chapter_keeps_to_every_rule(course):
    run(course, "-m", "course_utils.cli", "format", "--check")
    run(course, "-m", "course_utils.cli", "exercises", "--check")
    for arguments in (["check"], ["format", "--check"]):
        run(course, "-m", "ruff", *arguments, "course_utils/checks", "tests/wrong_answers", "book/77_toys.ipynb")
    files = ["tests/test_notebooks.py", "tests/test_checks_proof.py"]
    # The tests about it, and those about all files.
    about = "77 or a7 or each_chapter or exercises_are"
    run(course, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", *files, "-k", about)


@pytest.mark.slow
def test_a_new_chapter_is_in_every_list_and_has_titles_of_one_form(course):
    for file in ("_toc.yml", "README.md", "book/index.md"):
        text = (course / file).read_text(encoding="utf-8")
        assert "77_toys" in text
        assert "a7_toys_too" in text
    titles = [
        read_notebook(course / folder / f"{slug}.ipynb").cells[0].source.splitlines()[0]
        for slug in ("77_toys", "a7_toys_too")
        for folder in ("book", "solutions", "exercises")
    ]
    assert titles == [
        "# 77. Toys", "# Solution 77: Toys", "# Exercise 77: Toys",
        "# A7. Toys: too", "# Solution A7: Toys: too", "# Exercise A7: Toys: too",
    ]  # fmt: skip
    assert list(read_chapters(course))[-3:] == ["77_toys", "a1_it_does_not_learn", "a7_toys_too"]


@pytest.mark.slow
def test_a_new_chapter_cannot_stay_as_it_is(course):
    """Every file that the author is given to write is named, and no longer once the skeleton's lines are gone."""
    found = {finding.notebook: finding.what for finding in skeleton.unfinished(course)}
    assert set(found) == {
        "book/chapters.yml, 77_toys", "book/77_toys.ipynb", "solutions/77_toys.ipynb",
        "course_utils/checks/ch77_toys.py", "tests/wrong_answers/ch77_toys.py",
        "book/chapters.yml, a7_toys_too", "book/a7_toys_too.ipynb", "solutions/a7_toys_too.ipynb",
        "course_utils/checks/a7_toys_too.py", "tests/wrong_answers/a7_toys_too.py",
    }  # fmt: skip
    assert "a line of the skeleton is left: 'do something that is still" in found["book/chapters.yml, 77_toys"]
    path = course / "book" / "77_toys.ipynb"
    notebook = read_notebook(path)
    notebook.cells = [new_markdown_cell("# 77. Toys\n\nToys are smaller than what they stand for.")]
    write_notebook(path, notebook)
    assert "book/77_toys.ipynb" not in {finding.notebook for finding in skeleton.unfinished(course)}


@pytest.fixture
def small(tmp_path):
    (tmp_path / "_config.yml").write_text("repository:\n  url: https://github.com/ada/course\n")
    for folder in ("book", "solutions", "exercises", "course_utils/checks", "tests/wrong_answers"):
        (tmp_path / folder).mkdir(parents=True)
    for file in ("README.md", "book/index.md"):
        (tmp_path / file).write_text("<!-- chapters: x -->\n<!-- end of chapters -->\n")
    (tmp_path / "book" / "chapters.yml").write_text("03_x:\n  title: X\n  you will: see\n  needs: time\n")
    return tmp_path


@pytest.mark.parametrize("slug", ["augmentation", "7_augmentation", "07_Augmentation", "07-a", "07_", "b1_x", "a12_x"])
def test_a_name_that_is_no_slug_is_refused(small, slug):
    with pytest.raises(ValueError, match="is no NN_slug: two digits"):
        skeleton.new_chapter(slug, root=small)


def test_a_number_that_is_taken_is_refused(small):
    with pytest.raises(ValueError, match="03 is the number of 03_x already"):
        skeleton.new_chapter("03_y", root=small)


def test_where_the_skeleton_does_not_run_nothing_is_written(small, monkeypatch):
    def files():
        return {path: path.read_bytes() for path in small.rglob("*") if path.is_file()}

    before = files()
    monkeypatch.setattr(
        "course_utils.authoring.execution.execute",
        lambda paths, profile, progress: [type("Run", (), {"failure": "no kernel"})() for _ in paths],
    )
    with pytest.raises(skeleton.CannotRun, match="nothing was written. no kernel"):
        skeleton.new_chapter("07_y", root=small)
    assert files() == before
