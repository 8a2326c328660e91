"""Notebooks as source files: their canonical form, receipts, execution, exercises and rules.

Four functions are for the notebooks themselves and load nothing: `claim`, `glue`, `needs` and `optional`. The rest is
for authors and is imported by its module, such as ``course_utils.authoring.exercises``; it needs nbformat and nbclient.
"""

from .in_notebook import claim, glue, needs
from .optional import optional

__all__ = ["claim", "glue", "needs", "optional"]
