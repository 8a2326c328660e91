"""A classifier of one's own images: `new_project` copies a script, and this is what that script calls.

The script (``template/classify.py``) is the reader's to change. What is here reads a folder with one folder a class,
says what is wrong with it, deals its images out, feeds them from files and writes the report. Taught in chapter 13, The
same networks in three frameworks.
"""

import importlib

# name -> module: looked up on first use, so that a folder can be read without loading Keras
_HOMES = {
    "Batches": "batches",
    "Folder": "folder",
    "FolderError": "folder",
    "new_project": "making",
    "read_folder": "folder",
    "write_report": "report",
}

__all__ = [*_HOMES]


def __getattr__(name):
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__():
    return sorted({*globals(), *__all__})
