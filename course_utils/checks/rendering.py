"""How a verdict or a hint looks: plain text in a terminal, HTML in a notebook and in the built book.

The HTML carries its own styles, because no stylesheet of ours is loaded in Jupyter or Colab. Text takes the page's
colour, and only a border is coloured, so it reads in light and dark; the outcome stands in words.
"""

import html
import re
import textwrap
from dataclasses import dataclass

# Okabe and Ito's palette for the colour-blind; each has a contrast above 3 on white and on near-black.
_BLUE, _ORANGE, _GREY = "#0072b2", "#d55e00", "#767676"
_LOOK = {  # outcome: (heading, border)
    "right": ("Right", _BLUE),
    "wrong": ("Not yet", _ORANGE),
    "stopped": ("Your code stopped", _ORANGE),
    "blank": ("Not answered yet", _GREY),
    "hint": ("Hint", _GREY),
}
_WIDTH = 88


def _paragraphs(text):
    return [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]


def _as_html(text):
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text, quote=False))


@dataclass(frozen=True)
class Panel:
    """A headed text that shows itself as text or HTML.

    Attributes
    ----------
    task_id : str
        The task that it is about.
    outcome : str
        ``'right'``, ``'wrong'``, ``'stopped'`` (the student's code raised), ``'blank'`` or ``'hint'``.
    message : str
        Plain text; `` `code` `` is marked up, a blank line starts a paragraph.
    """

    task_id: str
    outcome: str
    message: str

    @property
    def heading(self):
        return _LOOK[self.outcome][0]

    def __repr__(self):
        indent = "    "
        lines = [f"{self.heading}: {self.task_id}"]
        for paragraph in _paragraphs(self.message):
            lines += textwrap.wrap(
                paragraph, _WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False
            )
        return "\n".join(lines)

    def _repr_html_(self):
        border = _LOOK[self.outcome][1]
        name = html.escape(self.task_id)
        style = (
            f"border-left: 0.3em solid {border}; padding: 0.4em 0.9em; margin: 0.4em 0; max-width: 46em; "
            "color: inherit; line-height: 1.5; white-space: normal"
        )
        body = "".join(f'<p style="margin: 0.3em 0 0">{_as_html(text)}</p>' for text in _paragraphs(self.message))
        return (
            f'<div role="group" aria-label="{self.heading}: task {name}" style="{style}">'
            f'<p style="margin: 0"><strong>{self.heading}</strong>: {name}</p>{body}</div>'
        )


def show(panel):
    """Display a panel in IPython, print it elsewhere."""
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        print(panel)
        return
    if get_ipython() is None:
        print(panel)
    else:
        display(panel)
