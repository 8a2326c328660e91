"""The skeleton of a chapter: what `course new` writes, and what of it is still there.

It is a chapter like any other, with one example of everything, so every rule holds from the first minute and every
later failure is about what an author wrote. It says of itself what is an example and what is to be written; as long as
such a line is left, `unfinished` finds it, and a test fails.
"""

import re
from pathlib import Path

import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from .chapters import ENTRIES, SLUG, Chapter, read_chapters
from .exercises import generate_all
from .files import find_root, notebook_paths, read_notebook, write_text
from .findings import Finding
from .formatting import write_notebook
from .project import format_files

# NN stands for the number, LABEL for "chapter 7"; a line %% begins a text cell, a line %%code a code cell.
_CHAPTER = """\
%%
# Title

**To write: the puzzle.** Something that can be seen and is not explained yet, and a prediction that the reader
commits to before reading on.
%%code
import numpy as np

from course_utils import glue

image = np.arange(12).reshape(3, 4)  # an example: a cell does one thing and shows its result
glue("pixels", str(image.size))
image.shape
%%
**To write: what has just been seen.** An example of a number that comes from the run: the image above has
{glue:text}`pixels` pixels in one channel.

**To write: the rest.** The formula that explains it, the code, an experiment that tries to break the formula, and what
is still open.
"""
_SOLUTION = """\
%%
# Solution

**To write: what the tasks are about.** Five or more, rising from recall to invention, of things that LABEL has not
printed. The one below is an example.
%%code
import numpy as np

from course_utils import check, hint
%%
## 1. An example

Images have the axes image, row, column, channel. Complete `mirrored`, which exchanges left and right.
%%code
def mirrored(images):
    \"\"\"Return the images of an example task, left and right exchanged.\"\"\"
    ### BEGIN SOLUTION: which axis is the width?
    return np.flip(images, axis=2)
    ### END SOLUTION


check("NN.example", mirrored)
"""
_CHECKS = '''\
"""The checks of LABEL."""

from .kinds import Mistake, call, function, typed

function(
    "NN.example",
    "mirrored(images)",
    cases=[call(typed("np.arange(2 * 3 * 4 * 3).reshape(2, 3, 4, 3)"))],
    right=lambda images: images[:, :, ::-1],
    mistakes=[
        Mistake("upside down", lambda images: images[:, ::-1], "That is top and bottom. Which axis counts columns?"),
        Mistake("colours", lambda images: images[..., ::-1], "That is the order of red, green and blue."),
        Mistake("order", lambda images: images[::-1], "That is the order of the images; each one is as it was."),
    ],
    nudges=("An image has as many columns as its width.", "The first axis counts images, the second one rows."),
    why="An example of what a right answer is told: why it matters.",
)
'''
_WRONG_ANSWERS = '''\
"""Answers to LABEL, as students write them."""

import numpy as np

WRONG = {
    "NN.example": [
        (np.flipud, "order"),
        (lambda images: np.flip(images, axis=1), "upside down"),
        (lambda images: np.flip(images, axis=-1), "colours"),
    ],
}
RIGHT = {"NN.example": [lambda images: np.stack([np.fliplr(image) for image in images])]}
'''
_YOU_WILL = "do something that is still to be written"
_NEEDS = "data and time that are still to be written"


class CannotRun(RuntimeError):
    """A notebook that was just written does not run on this machine."""


def new_chapter(slug, title=None, root=None, *, progress=True):
    """Write the skeleton of a chapter or an appendix, run it, and bring it into every list.

    Parameters
    ----------
    slug : str
        Its number and its name, such as ``"07_augmentation"`` or ``"a2_tensors"``.
    title : str, optional
        By default the words of the slug.
    root : path-like, optional
        The project's root; found from the working directory if not given.
    progress : bool
        A line for each cell that is run, on the standard error.

    Returns
    -------
    list of pathlib.Path
        The files of the skeleton.

    Raises
    ------
    ValueError
        The slug is none, or there is something of that number already.
    CannotRun
        The skeleton cannot be run on this machine. Nothing was written.
    """
    from .execution import execute  # before anything is written: it needs packages that not everybody has

    root = Path(root) if root else find_root()
    chapter = _chapter(slug, title, root)
    files = _files(chapter)
    entries = root / ENTRIES
    before = entries.read_text(encoding="utf-8")
    try:
        write_text(entries, _with_entry(before, chapter))
        for name, text in files.items():
            path = root / name
            write_notebook(path, _notebook(text)) if path.suffix == ".ipynb" else write_text(path, text)
        notebooks = [root / name for name in files if name.endswith(".ipynb")]
        format_files(notebooks, root=root)
        for run in execute(notebooks, "laptop", progress=progress):
            if run.failure:
                raise CannotRun(f"The skeleton cannot be run, so nothing was written. {run.failure}")
        generate_all(root, [root / "solutions" / f"{slug}.ipynb"])
        format_files(root=root)
    except BaseException:
        write_text(entries, before)
        for name in (*files, f"exercises/{slug}.ipynb"):
            (root / name).unlink(missing_ok=True)
        raise
    return [root / name for name in (*files, f"exercises/{slug}.ipynb")]


def unfinished(root):
    """Find lines of the skeleton that still stand in a chapter.

    Parameters
    ----------
    root : path-like
        The project's root.

    Yields
    ------
    Finding
        One for each file that has some, with the first of them.
    """
    root = Path(root)
    for chapter in read_chapters(root).values():
        if _YOU_WILL in chapter.you_will or _NEEDS in chapter.needs:
            yield _finding(f"{ENTRIES}, {chapter.slug}", [_YOU_WILL if _YOU_WILL in chapter.you_will else _NEEDS])
        for name, text in _files(chapter).items():
            path = root / name
            if path.exists() and (left := [line for line in _own_lines(text) if line in _lines(path)]):
                yield _finding(name, left)


def _finding(name, lines):
    more = f", and {len(lines) - 1} more" if len(lines) > 1 else ""
    return Finding(name, "", f"a line of the skeleton is left: {lines[0]!r}{more}", "Write the chapter in its place.")


def _own_lines(text):
    """The lines that say of themselves what they are; of the others, an author may write the same."""
    return [line.strip() for line in text.splitlines() if re.search(r"To write:|\b[Ee]xample\b", line)]


def _lines(path):
    if path.suffix == ".ipynb":
        sources = [cell.source for cell in read_notebook(path).cells]
    else:
        sources = [path.read_text(encoding="utf-8")]
    return {line.strip() for source in sources for line in source.splitlines()}


def _chapter(slug, title, root):
    if not SLUG.fullmatch(slug):
        raise ValueError(
            f"{slug!r} is no NN_slug: two digits, or for an appendix the letter a and a digit, then words in small "
            "letters, such as 07_augmentation or a2_tensors."
        )
    number, _, words = slug.partition("_")
    there = {*read_chapters(root), *(path.stem for path in notebook_paths(root))}
    if taken := sorted(other for other in there if other.partition("_")[0] == number):
        raise ValueError(f"{number} is the number of {taken[0]} already. Choose another one, or remove its files.")
    title = title or words.replace("_", " ").capitalize()
    return Chapter(slug, title, _YOU_WILL, _NEEDS)


def _files(chapter):
    """What the author is given to write: the texts of the files, by their names."""
    texts = {
        f"book/{chapter.slug}.ipynb": _CHAPTER,
        f"solutions/{chapter.slug}.ipynb": _SOLUTION,
        f"course_utils/checks/{chapter.module}.py": _CHECKS,
        f"tests/wrong_answers/{chapter.module}.py": _WRONG_ANSWERS,
    }
    number = chapter.slug.partition("_")[0]
    return {name: text.replace("LABEL", chapter.label).replace("NN.", f"{number}.") for name, text in texts.items()}


def _notebook(text):
    cells = []
    for kind, source in re.findall(r"^%%(code)?\n(.*?)(?=^%%|\Z)", text, re.MULTILINE | re.DOTALL):
        cells.append(new_code_cell(source.strip()) if kind else new_markdown_cell(source.strip()))
    return new_notebook(cells=cells)


def _with_entry(text, chapter):
    """The entries with one more, before the first that comes later."""
    fields = {"title": chapter.title, "you will": chapter.you_will, "needs": chapter.needs}
    entry = yaml.safe_dump({chapter.slug: fields}, sort_keys=False, allow_unicode=True, width=116)
    later = (found.start() for found in re.finditer(r"^(\w+):", text, re.MULTILINE) if found[1] > chapter.slug)
    at = next(later, len(text))
    return text[:at] + entry + text[at:]
