"""Where the course's notebooks are, and how one is read and written."""

import os
import warnings
from pathlib import Path

import nbformat

# Folders of notebooks, seen from the project's root.
FOLDERS = ("book", "solutions", "exercises")


class NotebookError(ValueError):
    """A file is not a notebook, or not one of this course."""


def find_root(start="."):
    """Return the project's root: the first folder from here upwards that holds a ``_config.yml``.

    Parameters
    ----------
    start : path-like
        A file or folder of the project.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    FileNotFoundError
        There is none. The commands for authors work in a clone of the repository only.
    """
    start = Path(start).resolve()
    for folder in (start, *start.parents):
        if (folder / "_config.yml").is_file():
            return folder
    raise FileNotFoundError(
        f"No _config.yml in {start} or above it. This command works on the course's own files: "
        "run it inside a clone of the repository."
    )


def notebook_paths(root, folders=FOLDERS):
    """Return the notebooks of these folders, sorted, as paths below ``root``."""
    return [path for folder in folders for path in sorted((Path(root) / folder).glob("*.ipynb"))]


def shown(path, root=None):
    """Return a path as messages name it: relative to the root, or to where we are, if it is below."""
    path = Path(path)
    for base in filter(None, (root, Path.cwd())):
        if path.is_absolute() and path.is_relative_to(Path(base).resolve()):
            return path.relative_to(Path(base).resolve()).as_posix()
    return path.as_posix()


def read_notebook(path):
    """Read a notebook, converted to format 4 where it is older.

    Raises
    ------
    NotebookError
        The file does not hold a notebook.
    """
    try:
        with warnings.catch_warnings(category=UserWarning, action="ignore"):  # about ids, which formatting sees to
            return nbformat.reads(Path(path).read_text(encoding="utf-8"), as_version=4)
    except FileNotFoundError:
        raise
    except Exception as error:
        raise NotebookError(f"{shown(path)} is not a notebook that can be read: {error}") from error


def write_text(path, text):
    """Replace a file as a whole: who reads it meanwhile, or after a crash, sees the old text or the new one."""
    path = Path(path)
    aside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        aside.write_text(text, encoding="utf-8", newline="\n")
        if path.exists():
            aside.chmod(path.stat().st_mode)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
