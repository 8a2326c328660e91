"""The canonical form of a notebook: what makes a diff show what an author changed, and nothing else.

Format 4.5; keys sorted, one space of indentation, one newline at the end. Cell ids are kept once they are readable;
random ones, as editors and converters make them, and missing ones are named after the heading above the cell. Metadata
that no part of the course uses goes, and so does what changes from run to run without meaning: timings, the pieces in
which a stream arrived, lines that a progress display wrote over.
"""

import copy
import re
import unicodedata

import nbformat

from .files import find_root, notebook_paths, read_notebook, write_text

NOTEBOOK_METADATA = ("course", "kernelspec", "language_info", "mystnb")
CELL_METADATA = ("course", "mystnb", "tags")
SETUP_ID = "setup"

_KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
# Which lexer colours the code is all that a reader of the file needs to know of the language; the version is in the
# receipt.
_LANGUAGE = {"file_extension": ".py", "mimetype": "text/x-python", "name": "python", "pygments_lexer": "ipython3"}

_VALID_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_RANDOM_ID = re.compile(r"[0-9a-f]{8}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}")
# What TensorFlow 2.21 logs while it starts, with times and process ids; no variable of its environment prevents it
# (https://github.com/tensorflow/tensorflow/pull/102212).
_STARTUP_LOG = re.compile(
    r"^(WARNING: All log messages before absl::InitializeLog|[IWE]0000 00:00:\d).*\n?", re.MULTILINE
)
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*\s*$", re.MULTILINE)


def format_notebook(notebook):
    """Return the canonical form of a notebook.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        Is not changed.

    Returns
    -------
    nbformat.NotebookNode
        Formatted again, it stays as it is.

    Raises
    ------
    nbformat.ValidationError
        What was given is not a notebook of format 4.

    Examples
    --------
    >>> from nbformat.v4 import new_markdown_cell, new_notebook
    >>> notebook = new_notebook(cells=[new_markdown_cell("# Pooling"), new_markdown_cell("Halves the size.")])
    >>> [cell.id for cell in format_notebook(notebook).cells]
    ['title', 'pooling']
    """
    cells = [_cell(cell) for cell in notebook.cells if _source(cell)]
    _name_cells(cells)
    metadata = {key: copy.deepcopy(notebook.metadata[key]) for key in NOTEBOOK_METADATA if key in notebook.metadata}
    metadata |= {"kernelspec": dict(_KERNEL), "language_info": dict(_LANGUAGE)}
    formatted = nbformat.from_dict({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})
    nbformat.validate(formatted)
    return formatted


def notebook_text(notebook):
    """Return the text of the file that holds this notebook in canonical form."""
    return nbformat.writes(format_notebook(notebook)).rstrip("\n") + "\n"


def is_canonical(path):
    """Say whether a notebook file is in canonical form, to the byte."""
    return path.read_bytes() == notebook_text(read_notebook(path)).encode()


def write_notebook(path, notebook):
    """Write a notebook in canonical form, as a whole or not at all."""
    write_text(path, notebook_text(notebook))


def format_files(paths=None, *, check=False, root=None):
    """Bring notebooks into canonical form and their setup cells up to date.

    Parameters
    ----------
    paths : list of path-like, optional
        All notebooks of the project if not given.
    check : bool
        Change nothing.
    root : path-like, optional
        The project's root; found from the working directory if not given.

    Returns
    -------
    list of pathlib.Path
        What was changed, or with ``check`` would be.
    """
    from pathlib import Path

    from .setup_cell import setup_source, with_setup_cell

    root = Path(root) if root else find_root()
    source = setup_source(root)
    changed = []
    for path in map(Path, paths) if paths else notebook_paths(root):
        text = notebook_text(with_setup_cell(read_notebook(path), source))
        if text.encode() != path.read_bytes():
            changed.append(path)
            if not check:
                write_text(path, text)
    return changed


def _source(cell):
    source = cell.source if isinstance(cell.source, str) else "".join(cell.source)
    lines = source.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    blank = [not line.strip() for line in lines]
    if all(blank):
        return ""
    return "\n".join(lines[blank.index(False) : len(lines) - blank[::-1].index(False)]).rstrip()


def _cell(cell):
    metadata = {key: copy.deepcopy(cell.metadata[key]) for key in CELL_METADATA if cell.metadata.get(key)}
    if "tags" in metadata:
        metadata["tags"] = sorted(set(metadata["tags"]))
    formatted = {"cell_type": cell.cell_type, "id": cell.get("id", ""), "metadata": metadata, "source": _source(cell)}
    if cell.cell_type == "code":
        formatted["execution_count"] = cell.get("execution_count")
        formatted["outputs"] = _outputs(cell)
    elif cell.get("attachments"):
        formatted["attachments"] = copy.deepcopy(cell.attachments)
    return formatted


def _outputs(cell):
    outputs = _joined(_output(output, cell) for output in cell.get("outputs", ()))
    for output in outputs:
        if output["output_type"] == "stream":
            text = _as_on_a_terminal(output["text"])
            output["text"] = _STARTUP_LOG.sub("", text) if output["name"] == "stderr" else text
    return _joined(outputs)  # a stream that became empty may have stood between two others


def _output(output, cell):
    kind = output.output_type
    if kind == "stream":
        text = output.text if isinstance(output.text, str) else "".join(output.text)
        return {"output_type": kind, "name": output.name, "text": text}
    if kind not in ("display_data", "execute_result"):
        return copy.deepcopy(output)
    data = {mime: _data(mime, value) for mime, value in copy.deepcopy(output.data).items()}
    kept = {"output_type": kind, "data": data}
    kept["metadata"] = {key: value for key, value in output.get("metadata", {}).items() if key in {"scrapbook", *data}}
    if kind == "execute_result":
        kept["execution_count"] = cell.get("execution_count")
    return kept


def _joined(outputs):
    """Join the neighbours of one stream, and drop empty ones."""
    joined = []
    for output in outputs:
        if output["output_type"] == "stream":
            if not output["text"]:
                continue
            if joined and joined[-1]["output_type"] == "stream" and joined[-1]["name"] == output["name"]:
                joined[-1]["text"] += output["text"]
                continue
        joined.append(output)
    return joined


def _data(mime, value):
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        value = "".join(value)
    if isinstance(value, str) and mime.startswith("image/") and mime != "image/svg+xml":
        return "".join(value.split())  # base64, with or without line ends
    return value


def _as_on_a_terminal(text):
    """Drop what a carriage return lets the next characters write over."""
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join(line.rstrip("\r").rsplit("\r", 1)[-1] for line in lines)


def _name_cells(cells):
    taken = set()
    for cell in cells:
        given = cell["id"]
        if not _VALID_ID.fullmatch(given) or _RANDOM_ID.fullmatch(given) or given in taken:
            cell["id"] = ""
        taken.add(given)
    taken = {cell["id"] for cell in cells}
    section = "cell"
    for cell in cells:
        if cell["cell_type"] == "markdown" and (heading := _HEADING.search(cell["source"])):
            section = _slug(heading[1]) or "cell"
        if not cell["id"]:
            stem = "title" if cell is cells[0] else section
            candidates = (stem if number == 1 else f"{stem}-{number}" for number in range(1, len(cells) + 2))
            cell["id"] = next(name for name in candidates if name not in taken)
            taken.add(cell["id"])


def _slug(heading):
    """Return a heading's words as an id: small ASCII letters and digits, at most 40 of them, its number left out."""
    heading = re.sub(r"^[\d.\s]+(?=\w)", "", heading)
    plain = unicodedata.normalize("NFKD", re.sub(r"\{[^}]*\}|\$[^$]*\$|\([^)]*\)", " ", heading))
    slug = ""
    for word in re.findall(r"[a-z0-9]+", plain.encode("ascii", "ignore").decode().lower()):
        if len(slug) + 1 + len(word) > 40:
            break
        slug = f"{slug}-{word}" if slug else word
    return f"about-{slug}" if _RANDOM_ID.fullmatch(slug) or slug == SETUP_ID else slug
