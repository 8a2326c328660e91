"""The built book: no warning, no dead link, nothing from other hosts, and no solution where students look for it."""

import ast
import importlib
import shutil
import sys

import nbformat
import pytest
import yaml
from docutils import nodes

from course_utils.authoring.leaks import leaks
from course_utils.authoring.receipts import receipt_of
from tests import book_site
from tests.book_site import ROOT

sys.path.append(str(ROOT / "book" / "_ext"))
from first_uses import link_first_uses
from receipts import duration, receipt_html

CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
NOTEBOOKS = book_site.notebooks()
CHAPTERS = [name for name in NOTEBOOKS if name.startswith("book/")]
PUBLIC_MODULES = (
    "arithmetic", "budget", "datasets", "datasets.drawn", "evaluation", "models", "nn", "plots", "training",
)  # fmt: skip


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    return book_site.built_once(tmp_path_factory)


@pytest.fixture(scope="module")
def small_book(tmp_path_factory):
    """Build a book of one page, with the settings of the real one."""

    def build(text):
        source = tmp_path_factory.mktemp("small_book")
        shutil.copy(ROOT / "_config.yml", source)
        for part in ("_ext", "_static", "references.bib"):
            whole = ROOT / "book" / part
            (shutil.copytree if whole.is_dir() else shutil.copy)(whole, source / "book" / part)
        (source / "_toc.yml").write_text("format: jb-book\nroot: book/index\n")
        (source / "book" / "index.md").write_text(text)
        return book_site.build(source, source / "out")

    (tmp_path_factory.getbasetemp() / "book").mkdir(exist_ok=True)
    return build


@pytest.fixture
def page(tmp_path):
    """A site of one page with the given body."""

    def site_of(body, name="book/index.html"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"<html><body><article>{body}</article></body></html>")
        return book_site.Build(tmp_path, 0, "")

    return site_of


# The build


def test_the_book_builds_without_a_warning_and_without_a_backend(site):
    assert site.status == 0, site.log
    assert "WARNING" not in site.log
    assert len(site.pages()) > len(NOTEBOOKS)


@pytest.mark.parametrize(
    "text",
    ["# Page\n\n[nowhere](no_such_page.md)\n", "# Page\n\n{cite:t}`nobody1900`\n"],
    ids=["link to no page", "unknown citation"],
)
def test_a_page_with_a_fault_stops_the_build(small_book, text):
    broken = small_book(text)
    assert broken.status != 0
    assert "WARNING" in broken.log


def test_the_first_address_of_the_site_leads_to_the_home_page(site):
    refresh = site.soup("index.html").find("meta", {"http-equiv": "Refresh"})["content"]
    assert (site.html / refresh.partition("url=")[2]).is_file()


# The table of contents


def test_the_table_of_contents_lists_existing_files_once():
    files = book_site.book_toc()
    assert len(files) == len(set(files))
    for file in files:
        assert (ROOT / f"{file}.md").is_file() or (ROOT / f"{file}.ipynb").is_file(), file


def test_every_notebook_and_every_page_is_in_the_table_of_contents():
    pages = [path.relative_to(ROOT).with_suffix("").as_posix() for path in (ROOT / "book").glob("*.md")]
    assert sorted(book_site.book_toc()) == sorted([*NOTEBOOKS, *pages])


def test_files_are_found_at_every_depth_of_a_table_of_contents():
    toc = {"root": "a", "parts": [{"caption": "x", "chapters": [{"file": "b", "sections": [{"file": "c"}]}]}]}
    assert book_site.toc_files(toc) == ["a", "b", "c"]


def test_a_chapter_comes_with_its_exercise_after_it_and_its_solution_in_another_part():
    files = book_site.book_toc()
    for chapter in CHAPTERS:
        slug = chapter.removeprefix("book/")
        assert files[files.index(chapter) + 1] == f"exercises/{slug}"
        assert files.index(f"solutions/{slug}") > max(files.index(name) for name in CHAPTERS)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_title_of_a_chapter_begins_with_the_number_of_its_file(site, chapter):
    (title,) = site.soup(f"{chapter}.html").select("article h1")
    number = chapter.removeprefix("book/").partition("_")[0].lstrip("0").upper()  # "3" or, of an appendix, "A1"
    assert title.get_text().startswith(f"{number}. ")


# Links


def test_every_link_inside_the_book_leads_somewhere(site):
    assert book_site.broken_links(site) == []


@pytest.mark.parametrize(
    "body",
    [
        '<a href="missing.html">x</a>',
        '<a href="#missing">x</a>',
        '<a href="index.html#missing">x</a>',
        '<img src="../_images/missing.png">',
        '<script src="missing.js"></script>',
    ],
)
def test_a_link_to_nowhere_is_found(page, body):
    assert len(book_site.broken_links(page(body))) == 1


def test_links_that_lead_somewhere_are_not_reported(page):
    body = '<p id="here"></p><a href="#here">a</a><a href="../book/index.html#here">b</a><a href="https://x.org/">c</a>'
    assert book_site.broken_links(page(body)) == []


# Other hosts


def test_nothing_is_loaded_from_other_hosts(site):
    assert book_site.foreign_resources(site) == []


@pytest.mark.parametrize(
    "body",
    [
        '<script src="https://cdn.example.org/mathjax.js"></script>',
        '<link rel="stylesheet" href="//fonts.example.org/css">',
        '<img src="http://example.org/a.png">',
    ],
)
def test_what_comes_from_another_host_is_found(page, body):
    assert len(book_site.foreign_resources(page(body))) == 1


def test_a_font_from_another_host_is_found_in_a_style_sheet(page):
    site = page("")
    (site.html / "a.css").write_text("@font-face { src: url('https://fonts.example.org/a.woff2') }")
    assert len(book_site.foreign_resources(site)) == 1


# Pictures


def test_every_picture_has_a_text(site):
    assert book_site.pictures_without_text(site) == []


@pytest.mark.parametrize(
    "body",
    ['<img src="a.png">', '<img src="a.png" alt=" ">', '<img src="a.png" alt="../_images/a.png">', "<canvas></canvas>"],
)
def test_a_picture_without_a_text_is_found(page, body):
    assert len(book_site.pictures_without_text(page(body))) == 1


# Colab


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_every_notebook_opens_in_colab_at_its_own_address(site, notebook):
    owner_and_name = CONFIG["repository"]["url"].removeprefix("https://github.com/")
    branch = CONFIG["repository"]["branch"]
    assert book_site.colab_links(site, f"{notebook}.html") == [
        f"https://colab.research.google.com/github/{owner_and_name}/blob/{branch}/{notebook}.ipynb"
    ]


def test_pages_that_are_no_notebook_have_no_colab_button(site):
    assert [page for page in site.pages() if book_site.colab_links(site, page)] == [
        f"{name}.html" for name in NOTEBOOKS
    ]


def test_a_colab_address_is_read_from_a_page(page):
    address = "https://colab.research.google.com/github/a/b/blob/main/book/c.ipynb"
    assert book_site.colab_links(page(f'<a href="{address}">Colab</a>'), "book/index.html") == [address]


# Solutions


@pytest.mark.parametrize("slug", [name.partition("/")[2] for name in NOTEBOOKS if name.startswith("exercises/")])
def test_what_students_are_sent_to_has_no_solution(site, slug):
    solution = nbformat.read(ROOT / "solutions" / f"{slug}.ipynb", as_version=4)
    page = site.soup(f"exercises/{slug}.html").find("article").get_text()
    assert leaks(solution, page) == []
    assert leaks(solution, (site.html / "_sources" / "exercises" / f"{slug}.ipynb").read_text(encoding="utf-8")) == []
    chapter = site.soup(f"book/{slug}.html").find("article").get_text()
    assert whole_answers(solution, chapter) == []


def whole_answers(solution, text):
    """The first line of each cell of a solution whose every line of code stands in a text.

    A chapter uses the layers and calls that its exercise asks for, so single lines may agree, and so may numbers.
    """
    found = []
    for cell in solution.cells:
        alone = nbformat.v4.new_notebook(cells=[cell])
        lines = [line for line in leaks(alone, cell.source) if not line.isdigit()]
        if lines and not set(lines) - set(leaks(alone, text)):
            found.append(lines[0])
    return found


def test_an_answer_in_a_chapter_is_found_and_a_line_in_common_is_not():
    answer = "places = math.ceil(size / strides)\ntotal = max(places * strides, 0)"
    source = f"### BEGIN SOLUTION\n{answer}\n### END SOLUTION"
    solution = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    assert whole_answers(solution, "places = math.ceil(size / strides)") == []
    assert whole_answers(solution, f"x = 1\n{answer}\ny = 2") == ["places = math.ceil(size / strides)"]


@pytest.mark.parametrize("slug", [name.partition("/")[2] for name in NOTEBOOKS if name.startswith("exercises/")])
def test_the_page_of_a_solution_would_be_found_out(site, slug):
    solution = nbformat.read(ROOT / "solutions" / f"{slug}.ipynb", as_version=4)
    assert leaks(solution, site.soup(f"solutions/{slug}.html").find("article").get_text())


# Receipts


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_a_page_says_which_run_its_outputs_come_from(site, notebook):
    receipt = receipt_of(nbformat.read(ROOT / f"{notebook}.ipynb", as_version=4))
    shown = site.soup(f"{notebook}.html").select("article details.receipt")
    if receipt is None:
        assert shown == []
    else:
        (line,) = shown
        assert f"profile {receipt['profile']}" in line.summary.get_text()
        assert receipt["versions"]["numpy"] in line.get_text()
        assert line.find_previous("h1") is not None


def test_a_receipt_is_shown_as_text_and_not_as_markup():
    shown = receipt_html({"profile": "<b>", "device": "a & b", "seconds": 3, "versions": {"numpy": "<2"}})
    assert "&lt;b&gt;" in shown
    assert "a &amp; b" in shown
    assert "&lt;2" in shown


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({}, "(CPU, 3 s).</summary>"),
        ({"claims": 1}, "1 statement of this page was checked in this run."),
        ({"claims": 14}, "14 statements of this page were checked in this run."),
    ],
)
def test_a_receipt_says_how_many_statements_were_checked(claims, said):
    shown = receipt_html({"profile": "full", "device": "CPU", "seconds": 3, "versions": {}} | claims)
    assert said in shown


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.31, "0.31 s"),
        (9.6, "9.6 s"),
        (42, "42 s"),
        (89, "1 min"),
        (1530, "26 min"),
        (3599, "1 h 00 min"),
        (7500, "2 h 05 min"),
    ],
)
def test_times_are_said_as_a_reader_says_them(seconds, said):
    assert duration(seconds) == said


# The glossary

WORDS = {"kernel": ("term-kernel", "A grid of weights."), "kernel size": ("term-size", "Its height and width.")}


def linked(*paragraph):
    """Markup of a page with one paragraph after the words of the glossary are linked."""
    page = nodes.Element("", nodes.title("", "The kernel"), nodes.paragraph("", "", *paragraph))
    link_first_uses(page, WORDS, "glossary.html")
    return [link.astext() for link in page.findall(nodes.reference) if "first-use" in link["classes"]]


def test_the_first_use_of_a_word_links_to_its_meaning():
    paragraph = nodes.paragraph("", "Two kernels, and one kernel more.")
    link_first_uses(nodes.Element("", paragraph), WORDS, "glossary.html")
    before, link, after = paragraph.children
    assert (before, link.astext(), after) == ("Two ", "kernels", ", and one kernel more.")
    assert (link["refuri"], link["reftitle"]) == ("glossary.html#term-kernel", "A grid of weights.")


def test_a_longer_word_of_the_glossary_is_found_before_a_shorter_one_in_it():
    assert linked(nodes.Text("A kernel size of 3.")) == ["kernel size"]


def test_code_headings_links_and_parts_of_words_are_left_alone():
    assert linked(nodes.literal("", "kernel"), nodes.Text(" kernelled re-kernel "), nodes.reference("", "kernel")) == []


def test_a_word_that_the_author_linked_is_not_linked_again():
    by_author = nodes.reference("", "kernel", refuri="glossary.html#term-kernel")
    assert linked(nodes.Text("A kernel is a "), by_author) == []


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_a_word_of_the_glossary_is_linked_once_on_a_page(site, notebook):
    addresses = [link["href"] for link in site.soup(f"{notebook}.html").select("article a.first-use")]
    assert addresses
    assert len(addresses) == len(set(addresses))


# The reference of the package


@pytest.mark.parametrize("module", PUBLIC_MODULES)
def test_every_public_name_is_in_the_reference(site, module):
    assert public_names(module) <= documented(site)


def documented(site):
    return {element["id"].rpartition(".")[2] for element in site.soup("book/api.html").select("dt[id]")}


def public_names(module):
    """What a module says is public, without the modules that a package has; a file without ``__all__`` is only read."""
    path = ROOT / "course_utils" / module.replace(".", "/")
    if path.is_dir():
        names = importlib.import_module(f"course_utils.{module}").__all__
        return {name for name in names if not (path / f"{name}.py").is_file()}
    tree = ast.parse(path.with_suffix(".py").read_text(encoding="utf-8"))
    definitions = [node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    return {name for name in definitions if not name.startswith("_")}


def test_the_names_at_the_top_of_the_package_are_in_the_reference(site):
    import course_utils

    names = {name for name in course_utils.__all__ if not name.startswith("_")}
    folder = ROOT / "course_utils"
    modules = {name for name in names if (folder / name).is_dir() or (folder / f"{name}.py").is_file()}
    assert names - modules <= documented(site)
