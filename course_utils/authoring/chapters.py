"""The chapters of the course: what each promises stands in ``book/chapters.yml``, and what repeats it is derived.

An entry has a title, what the reader will do, and what it needs. From it come the first line of the chapter, of its
solution and of its exercise, ``_toc.yml`` as a whole, and two lists: the table of ``README.md`` and the list of the
home page, each between a line ``<!-- chapters: ... -->`` and a line ``<!-- end of chapters -->``.
"""

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

import yaml

ENTRIES = "book/chapters.yml"
KEYS = ("title", "you will", "needs")
# An appendix counts like a chapter where its name begins with a letter and a digit.
SLUG = re.compile(r"(\d\d|a\d)_[a-z0-9]+(_[a-z0-9]+)*")

_LIST = re.compile(r"(<!-- chapters: [^\n]* -->\n).*?(<!-- end of chapters -->)", re.DOTALL)
_TOC = """\
# Written by `course format` from book/chapters.yml: the pages of the book, in reading order.
format: jb-book
root: book/index
parts:
  - caption: Chapters
    chapters:
{chapters}
  - caption: Appendices
    chapters:
{appendices}
      - file: book/glossary
      - file: book/bibliography
      - file: book/api
  - caption: Solutions, for instructors
    chapters:
{solutions}
"""


class ChapterError(ValueError):
    """``book/chapters.yml``, or a file that repeats it, is not written as it must be."""


@dataclass(frozen=True)
class Chapter:
    """What a chapter or an appendix promises, and how it is called in each place.

    Examples
    --------
    >>> chapter = Chapter("07_augmentation", "Augmentation", "see a network overfit later", "cats vs. dogs")
    >>> chapter.label, chapter.module, chapter.heading("book"), chapter.heading("solutions")
    ('chapter 7', 'ch07_augmentation', '# 7. Augmentation', '# Solution 07: Augmentation')
    """

    slug: str
    title: str
    you_will: str
    needs: str

    @property
    def is_appendix(self):
        return not self.slug[0].isdigit()

    @property
    def code(self):
        """The number as it stands in titles of exercises: ``07``, ``A1``."""
        return self.slug.partition("_")[0].upper()

    @property
    def number(self):
        """The number as a reader says it: ``7``, ``A1``."""
        return self.code.lstrip("0")

    @property
    def label(self):
        return f"{'appendix' if self.is_appendix else 'chapter'} {self.number}"

    @property
    def module(self):
        return module_of(self.slug)

    def heading(self, folder):
        """Return the first line of the chapter's notebook in ``book``, ``solutions`` or ``exercises``."""
        if folder == "book":
            return f"# {self.number}. {self.title}"
        return f"# {'Solution' if folder == 'solutions' else 'Exercise'} {self.code}: {self.title}"


def module_of(slug):
    """Return the name of a chapter's or an appendix's modules: ``ch03_cnn_math``, ``a1_it_does_not_learn``."""
    return f"ch{slug}" if slug[0].isdigit() else slug


def read_chapters(root):
    """Read ``book/chapters.yml``.

    Parameters
    ----------
    root : path-like
        The project's root.

    Returns
    -------
    dict of str to Chapter
        By slug, in reading order; empty where there is no such file.

    Raises
    ------
    ChapterError
        The file is not YAML, or an entry is not as the first lines of the file say.
    """
    path = Path(root) / ENTRIES
    if not path.exists():
        return {}
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise ChapterError(f"{ENTRIES} is not YAML: {error}") from error
    if not isinstance(entries, dict):
        raise ChapterError(f"{ENTRIES} holds a {type(entries).__name__}; it must hold one entry for each NN_slug.")
    return {slug: _chapter(slug, entries[slug]) for slug in sorted(entries, key=str)}


def _chapter(slug, entry):
    if not SLUG.fullmatch(str(slug)):
        raise ChapterError(f"{ENTRIES}: {slug!r} is no NN_slug, such as 07_augmentation or a1_it_does_not_learn.")
    given = entry if isinstance(entry, dict) else {}
    wrong = [key for key in KEYS if not isinstance(given.get(key), str) or not given[key].strip()]
    wrong += [key for key in given if key not in KEYS]
    if wrong:
        raise ChapterError(
            f"{ENTRIES}, {slug}: look at {', '.join(map(repr, wrong))}. An entry has {', '.join(map(repr, KEYS))}, "
            "each a text that is not empty, and nothing else."
        )
    return Chapter(slug, *(" ".join(given[key].split()).rstrip(".") for key in KEYS))


def derived_texts(root):
    """Return what the entries make of the files that repeat them.

    Parameters
    ----------
    root : path-like
        The project's root.

    Returns
    -------
    dict of pathlib.Path to str
        The whole text of each file; empty where the project has no ``book/chapters.yml``.

    Raises
    ------
    ChapterError
        An entry is wrong, or one of the files has no place for its list.
    """
    root = Path(root)
    chapters = list(read_chapters(root).values())
    if not chapters:
        return {}
    lists = {root / "README.md": _table(chapters), root / "book" / "index.md": _home_list(chapters)}
    return {root / "_toc.yml": _table_of_contents(chapters)} | {
        path: _with_list(path.read_text(encoding="utf-8"), text, path.relative_to(root).as_posix())
        for path, text in lists.items()
    }


def _table_of_contents(chapters):
    def page(chapter):
        return (
            f"      - file: book/{chapter.slug}\n        sections:\n"
            f"          - file: exercises/{chapter.slug}\n            title: Exercises"
        )

    return _TOC.format(
        chapters="\n".join(page(chapter) for chapter in chapters if not chapter.is_appendix),
        appendices="\n".join(page(chapter) for chapter in chapters if chapter.is_appendix),
        solutions="\n".join(f"      - file: solutions/{chapter.slug}" for chapter in chapters),
    )


def _table(chapters):
    def row(*cells):
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    rows = [row("chapter", "exercise", "you will", "needs"), row("---", "---", "---", "---")]
    for chapter in chapters:
        title = f"[{chapter.number}. {chapter.title}](book/{chapter.slug}.ipynb)"
        exercise = f"[exercise](exercises/{chapter.slug}.ipynb)"
        rows.append(row(title, exercise, chapter.you_will, chapter.needs))
    return "\n".join(rows)


def _home_list(chapters):
    def paragraph(first, text):
        return textwrap.fill(first + text, 118, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)

    return "\n\n".join(
        f"In [{chapter.label}, {chapter.title}]({chapter.slug}.ipynb), you will\n"
        + paragraph(": ", f"{chapter.you_will}.")
        + "\n\n"
        + paragraph("  ", f"*Needs* {chapter.needs}.")
        for chapter in chapters
    )


def _with_list(text, chapters, name):
    if not _LIST.search(text):
        raise ChapterError(
            f"{name} has no place for the list of chapters: a line <!-- chapters: ... --> and, below it, a line "
            "<!-- end of chapters -->."
        )
    return _LIST.sub(lambda found: f"{found[1]}\n{chapters}\n\n{found[2]}", text, count=1)
