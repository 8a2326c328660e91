"""Sphinx extension: each notebook's page says, below its title, which run its outputs come from.

`course execute` writes what it says, the receipt, into the notebook's metadata.
"""

import html
import json
from pathlib import Path

from docutils import nodes


def read_receipt(path):
    """The receipt in a notebook's metadata; None where the file is no notebook or was never executed."""
    path = Path(path)
    if path.suffix != ".ipynb":
        return None
    return json.loads(path.read_text(encoding="utf-8"))["metadata"].get("course", {}).get("receipt")


def duration(seconds):
    """Seconds as a reader says them: ``4.2 s``, ``21 min``, ``1 h 05 min``."""
    if seconds < 60:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def receipt_html(receipt):
    """One line that says at which scale and on what the page was run; the versions for whoever unfolds it."""
    escaped = {name: html.escape(str(value)) for name, value in receipt.items()}
    summary = (
        f"The outputs on this page come from a run at profile <strong>{escaped['profile']}</strong> "
        f"({escaped['device']}, {duration(receipt['seconds'])})."
    )
    if claims := receipt.get("claims"):
        checked = "1 statement of this page was" if claims == 1 else f"{claims} statements of this page were"
        summary += f" {checked} checked in this run."
    versions = ", ".join(html.escape(f"{name} {version}") for name, version in receipt["versions"].items())
    details = versions + (f"; backend {escaped['backend']}" if "backend" in receipt else "")
    return f'<details class="receipt"><summary>{summary}</summary><p>{details}</p></details>'


def add_receipt(app, doctree):
    receipt = read_receipt(app.env.doc2path(app.env.docname))
    title = next(doctree.findall(nodes.title), None)
    if receipt and title is not None:
        title.parent.insert(title.parent.index(title) + 1, nodes.raw("", receipt_html(receipt), format="html"))


def setup(app):
    app.connect("doctree-read", add_receipt)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
