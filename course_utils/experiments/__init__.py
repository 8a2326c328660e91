"""Trainings that take hours: declared once, run in pieces, kept as records that the pages read.

A page whose figures need ten networks, three seeds and two budgets would keep a reader's laptop busy for a night. So
its experiments are declared in a module of this package, ``course train`` runs those that are still missing, one after
the other, and each training becomes a line of a file beside the module: its scores, its curves, how long it took, on
what machine and when. The page reads the file; whoever doubts it deletes it and runs the command.

A record carries a fingerprint of what was trained: architecture, optimiser, loss, data and length. A test compares it
with what the module declares today, so that no page shows the results of a network that has changed since.
"""

import importlib
from pathlib import Path

from .records import Record, read

CHAPTERS = tuple(sorted(path.stem.removeprefix("ch") for path in Path(__file__).parent.glob("ch*.py")))

__all__ = ["CHAPTERS", "Record", "declared", "read"]


def declared(chapter):
    """The module that declares a chapter's experiments: ``EXPERIMENTS`` by name, and their ``data()``. Imports Keras.

    Parameters
    ----------
    chapter : str
        Such as ``"06_scratch_cnns"``.

    Returns
    -------
    module

    Raises
    ------
    ValueError
        The chapter has no experiments.

    Examples
    --------
    >>> "Model 1" in declared("06_scratch_cnns").EXPERIMENTS
    True
    """
    if chapter not in CHAPTERS:
        raise ValueError(f"no experiments of {chapter!r}; there are some of {', '.join(CHAPTERS)}.")
    return importlib.import_module(f".ch{chapter}", __name__)
