"""What a run left in a notebook's outputs for its text: glued values, claims, and what fills the alternative texts.

`course_utils.authoring.in_notebook` writes these records in the kernel. An alternative text with values of the run is
a template in the metadata of the figure's cell, ``course.alt``; the run fills ``mystnb.image.alt`` from it::

    {"course": {"alt": "Two curves; the accuracy of the dense network ends at {dense_accuracy}."}}
"""

import ast
import re
from dataclasses import dataclass

from .in_notebook import PREFIX

_NAME = re.compile(r"\{([a-z][a-z0-9_]*)\}")


@dataclass(frozen=True)
class Claim:
    """A statement of the text, and whether it was true in the run that it was recorded in."""

    statement: str
    holds: bool


def claims_in(outputs):
    """Return the claims among the outputs of a cell.

    Parameters
    ----------
    outputs : list of nbformat.NotebookNode
        Of any type; what is no claim is passed over.

    Returns
    -------
    list of Claim
        In the order of the calls.
    """
    found = (output.get("metadata", {}).get("scrapbook", {}).get("claim") for output in outputs)
    return [Claim(record["statement"], record["holds"]) for record in found if record]


def glued_name(output):
    """Return the name as which an output was glued, and None where it is no glued value."""
    record = output.get("metadata", {}).get("scrapbook", {})
    return None if "claim" in record else record.get("name")


def glued_in(notebook):
    """Return what a notebook's run glued.

    Parameters
    ----------
    notebook : nbformat.NotebookNode

    Returns
    -------
    dict of str to str
        The texts by their names, as the page shows them.
    """
    glued = {}
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if name := glued_name(output):
                glued[name] = ast.literal_eval(output.data[PREFIX + "text/plain"])
    return glued


def alt_template(cell):
    """Return the template of a cell's alternative text, or None where the author wrote the text itself, or nothing."""
    return cell.metadata.get("course", {}).get("alt")


def alternative_text(cell):
    """Return the alternative text of a cell's pictures as the page has it; an empty text where there is none."""
    return cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")


def filled(template, glued):
    """Put glued values into a template.

    Parameters
    ----------
    template : str
        ``{name}`` stands for a glued value. Other braces stand for themselves.
    glued : dict of str to str
        As from `glued_in`.

    Returns
    -------
    text : str
        A name that nothing is glued as stays as it is.
    unknown : list of str
        Those names.

    Examples
    --------
    >>> filled("It ends at {accuracy}, the loss at {loss}.", {"accuracy": "0.781"})
    ('It ends at 0.781, the loss at {loss}.', ['loss'])
    """
    unknown = [name for name in _NAME.findall(template) if name not in glued]
    return _NAME.sub(lambda name: glued.get(name[1], name[0]), template), unknown


def names_in(template):
    """Return the names of the glued values that a template uses."""
    return set(_NAME.findall(template))


def fill_alternative_texts(notebook):
    """Fill every template of a notebook from what its run glued.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        Just executed. Its alternative texts are changed.

    Returns
    -------
    list of (str, str)
        The cell and the name, for each name that nothing was glued as.
    """
    glued, unknown = glued_in(notebook), []
    for cell in notebook.cells:
        if cell.cell_type == "code" and (template := alt_template(cell)):
            text, missing = filled(template, glued)
            mystnb = cell.metadata.setdefault("mystnb", {})
            mystnb["image"] = {**mystnb.get("image", {}), "alt": text}
            unknown += [(cell.id, name) for name in missing]
    return unknown
