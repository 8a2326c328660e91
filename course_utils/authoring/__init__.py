"""Notebooks as source files: their canonical form, receipts, execution, exercises and rules.

Three functions are for the notebooks themselves and load nothing: `claim`, `glue` and `needs`. The rest is for authors
and is imported by its module, such as ``course_utils.authoring.exercises``; it needs nbformat and nbclient.
"""

from .in_notebook import claim, glue, needs

__all__ = ["claim", "glue", "needs"]
