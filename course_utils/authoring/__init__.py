"""Notebooks as source files: their canonical form, receipts, execution, exercises and rules.

Two functions are for the notebooks themselves and load nothing: `glue` and `needs`. The rest is for authors and is
imported by its module, such as ``course_utils.authoring.exercises``; it needs nbformat and nbclient.
"""

from .in_notebook import glue, needs

__all__ = ["glue", "needs"]
