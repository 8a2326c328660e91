"""What `course format` writes: notebooks in canonical form, and what they and other files repeat of two sources.

``_config.yml`` has the address, which stands in the setup cells; ``book/chapters.yml`` has what each chapter promises,
which stands in titles, in the table of contents, in ``README.md`` and on the home page.
"""

from pathlib import Path

from .chapters import derived_texts, read_chapters
from .files import find_root, notebook_paths, read_notebook, write_text
from .formatting import notebook_text
from .setup_cell import setup_source, with_setup_cell


def format_files(paths=None, *, check=False, root=None):
    """Bring notebooks into canonical form, their titles and setup cells up to date, and the lists of chapters too.

    Parameters
    ----------
    paths : list of path-like, optional
        Notebooks; if not given, all of the project's, and the files that list them.
    check : bool
        Change nothing.
    root : path-like, optional
        The project's root; found from the working directory if not given.

    Returns
    -------
    list of pathlib.Path
        What was changed, or with ``check`` would be.

    Raises
    ------
    ValueError
        An address, an entry, a notebook or a file with a list is not as it must be.
    """
    root = Path(root) if root else find_root()
    chapters = read_chapters(root)
    texts = {} if paths else derived_texts(root)
    for path in map(Path, paths or notebook_paths(root)):
        notebook = with_setup_cell(read_notebook(path), setup_source(root, path))
        texts[path] = notebook_text(_titled(notebook, path, chapters.get(path.stem)))
    changed = [path for path, text in texts.items() if not path.exists() or path.read_bytes() != text.encode()]
    if not check:
        for path in changed:
            write_text(path, texts[path])
    return changed


def _titled(notebook, path, chapter):
    """The notebook with the first line that its chapter's entry says; one without an entry, or a title, as it is."""
    first = notebook.cells[0] if notebook.cells else None
    if chapter and first.cell_type == "markdown" and first.source.startswith("# "):
        first.source = "\n".join([chapter.heading(path.resolve().parent.name), *first.source.split("\n")[1:]])
    return notebook
