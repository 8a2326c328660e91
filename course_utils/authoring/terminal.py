"""What only a terminal understands, taken out of texts for pages and reports."""

import re

_CODES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def without_colours(text):
    r"""Return a text without a terminal's codes for colours and the like.

    Examples
    --------
    >>> without_colours("\x1b[1mTypeError\x1b[0m: no")
    'TypeError: no'
    """
    return _CODES.sub("", text)
