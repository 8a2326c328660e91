"""What a chapter promises stands once; whatever repeats it is written from there."""

import pytest
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course_utils.authoring import exercise_rules
from course_utils.authoring.chapters import ChapterError, derived_texts, read_chapters
from course_utils.authoring.exercises import exercise_of
from course_utils.authoring.files import read_notebook
from course_utils.authoring.formatting import write_notebook
from course_utils.authoring.project import format_files
from tests.book_site import toc_files

ENTRIES = """\
# A comment.
10_masks:
  title: Masks
  you will: mark pixels
  needs: nothing
02_lines:
  title: "Lines: a | b"
  you will: >-
    write a network
    by hand.
  needs: a pencil
a1_faults:
  title: Solutions that fail
  you will: find out why
  needs: CIFAR-10
"""
LIST = "# Home\n\n<!-- chapters: written -->\nold\n<!-- end of chapters -->\n\nThe rest.\n"


@pytest.fixture
def project(tmp_path):
    (tmp_path / "_config.yml").write_text("repository:\n  url: https://github.com/ada/course\n")
    for folder in ("book", "solutions", "exercises"):
        (tmp_path / folder).mkdir()
    (tmp_path / "book" / "chapters.yml").write_text(ENTRIES)
    for file in ("README.md", "book/index.md"):
        (tmp_path / file).write_text(LIST)
    return tmp_path


def texts(root):
    return {path.relative_to(root).as_posix(): text for path, text in derived_texts(root).items()}


def test_chapters_are_read_in_the_order_of_their_numbers_and_appendices_follow(project):
    assert [chapter.label for chapter in read_chapters(project).values()] == ["chapter 2", "chapter 10", "appendix A1"]


def test_the_table_of_contents_has_each_chapter_with_its_exercise_and_the_solutions_apart(project):
    assert toc_files(yaml.safe_load(texts(project)["_toc.yml"])) == [
        "book/index",
        "book/02_lines",
        "exercises/02_lines",
        "book/10_masks",
        "exercises/10_masks",
        "book/a1_faults",
        "exercises/a1_faults",
        "book/glossary",
        "book/bibliography",
        "book/api",
        "solutions/02_lines",
        "solutions/10_masks",
        "solutions/a1_faults",
    ]


def test_a_course_without_appendices_has_a_table_of_contents_too(project):
    (project / "book" / "chapters.yml").write_text(ENTRIES[: ENTRIES.index("a1_faults")])
    assert "book/glossary" in toc_files(yaml.safe_load(texts(project)["_toc.yml"]))


def test_the_lists_say_what_the_entry_says_and_the_text_around_them_stays(project):
    for file, link in [("README.md", "(book/02_lines.ipynb)"), ("book/index.md", "(02_lines.ipynb)")]:
        text = texts(project)[file]
        assert text.startswith("# Home\n\n<!-- chapters: written -->\n")
        assert text.endswith("<!-- end of chapters -->\n\nThe rest.\n")
        assert "old" not in text
        assert all(part in text for part in (link, "write a network by hand", "a pencil", "find out why", "CIFAR-10"))
    table = [line for line in texts(project)["README.md"].splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in table} == {5}


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ("07_x: {title: A, you will: b}", "07_x: look at 'needs'"),
        ("07_x: {title: 7, you will: b, needs: c}", "07_x: look at 'title'"),
        ("07_x: {title: A, you will: ' ', needs: c}", "07_x: look at 'you will'"),
        ("07_x: {title: A, you will: b, needs: c, data: d}", "07_x: look at 'data'"),
        ("07_x:", "look at 'title', 'you will', 'needs'"),
        ("augmentation: {title: A, you will: b, needs: c}", "'augmentation' is no NN_slug"),
        ("7: {title: A, you will: b, needs: c}", "7 is no NN_slug"),
        ("- 07_x", "holds a list"),
        ("07_x: {", "is not YAML"),
    ],
)
def test_a_wrong_entry_is_named(project, entries, said):
    (project / "book" / "chapters.yml").write_text(entries)
    with pytest.raises(ChapterError) as caught:
        read_chapters(project)
    assert str(caught.value).startswith("book/chapters.yml")
    assert said in str(caught.value)


def test_a_page_that_has_no_place_for_its_list_is_named(project):
    (project / "README.md").write_text("# Home\n")
    with pytest.raises(ChapterError, match=r"README\.md has no place for the list of chapters"):
        derived_texts(project)


def notebooks(project, slug, title):
    for folder in ("book", "solutions", "exercises"):
        cells = [new_markdown_cell(f"{title}\n\nThe text."), new_code_cell("1")]
        write_notebook(project / folder / f"{slug}.ipynb", new_notebook(cells=cells))


def first_cell(project, folder, slug):
    return read_notebook(project / folder / f"{slug}.ipynb").cells[0].source


def test_every_title_is_written_from_the_entry(project):
    notebooks(project, "02_lines", "# 02 Something else: solution")
    changed = {path.relative_to(project).as_posix() for path in format_files(root=project)}
    assert changed == {
        "_toc.yml", "README.md", "book/index.md",
        "book/02_lines.ipynb", "solutions/02_lines.ipynb", "exercises/02_lines.ipynb",
    }  # fmt: skip
    assert first_cell(project, "book", "02_lines") == "# 2. Lines: a | b\n\nThe text."
    assert first_cell(project, "solutions", "02_lines") == "# Solution 02: Lines: a | b\n\nThe text."
    assert first_cell(project, "exercises", "02_lines") == "# Exercise 02: Lines: a | b\n\nThe text."
    assert format_files(root=project, check=True) == []


@pytest.mark.parametrize("slug", ["02_lines", "a1_faults"])
def test_the_title_of_an_exercise_is_that_which_its_solution_makes(project, slug):
    notebooks(project, slug, "# Any")
    format_files(root=project)
    made = exercise_of(read_notebook(project / "solutions" / f"{slug}.ipynb")).cells[0].source
    assert made == first_cell(project, "exercises", slug)


@pytest.mark.parametrize("file", ["_toc.yml", "README.md", "book/index.md"])
def test_a_list_that_does_not_say_what_the_entries_say_is_found(project, file):
    format_files(root=project)
    entries = project / "book" / "chapters.yml"
    entries.write_text(entries.read_text() + "a2_more: {title: More, you will: see, needs: time}\n")
    assert project / file in format_files(root=project, check=True)
    assert "a2_more" not in (project / file).read_text()


def test_only_the_notebooks_that_are_named_are_written(project):
    notebooks(project, "02_lines", "# Any")
    path = project / "book" / "02_lines.ipynb"
    assert format_files([path], root=project) == [path]
    assert (project / "README.md").read_text() == LIST


def test_a_chapter_without_an_entry_and_an_entry_without_a_chapter_are_named(project):
    notebooks(project, "03_new", "# Any")
    found = {str(finding).split(". ")[0] for finding in exercise_rules.missing_files(project)}
    assert "book/chapters.yml: there is no entry 03_new" in found
    assert "book/10_masks.ipynb: this file is missing" in found
    assert not any("entry 10_masks" in line for line in found)
