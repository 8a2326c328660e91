"""What shows somebody's machine, account or network, and has no place on a page."""

import platform
import re

# The family each pattern is of, as a finding names it. A path stands where nothing precedes it that makes it a fraction
# (12/15), a unit (km/h), an address (https://...) or the end of a tag (</td>). No pattern can begin within what it has
# just passed over, or a long line would take the square of its length.
_FAMILIES = {
    "an absolute path": r"(?<![\w.:/<)}\]$\\~*^+-])/[A-Za-z_.][\w.@+-]+(?:/[\w.@+-]+)*(?![\w(]|\s?=)",
    "a path below a home folder": r"(?<![\w/])~(?:[A-Za-z_][\w.-]*)?/[\w.-]+",
    "a path with a drive": r"(?<![A-Za-z])[A-Za-z]:(?:\\|/(?!/))[\w.\\/-]*",
    "a path of a network": r"(?<!\\)\\\\[\w.$-]+\\[\w.$\\-]+|\bfile://\S+",
    "a path into Python's packages": r"\b(?:site|dist)-packages\b",
    "an address of mail or of an account": r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)*\b",
    "a host": r"\blocalhost\b|\b\d{1,3}(?:\.\d{1,3}){3}\b"
    r"|(?<![\w-])[\w-]+\.(?:local|lan|internal|localdomain|home|corp|intranet)\b"
    r"|\b(?:DESKTOP|LAPTOP|WIN)-[A-Z0-9]{6,}\b|://(?:[^\s/@]*@|[\w-]+(?::\d+)?(?:[/\s]|$))\S*",
    "a key or a token": r"\b(?:hf|gh[pousr]|github_pat|glpat|xox[abprs]|sk|pk)[_-][A-Za-z0-9_-]{16,}"
    r"|\bAKIA[0-9A-Z]{16}\b|\bAIza[\w-]{30,}|(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}\.|-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|(?i:\b(?:api[_-]?key|token|secret|password)\b[\"']?\s*[:=]\s*[\"']?[\w/+-]{8,})",
}
_PATTERNS = {family: re.compile(pattern) for family, pattern in _FAMILIES.items()}


def private_things(text):
    """Find what a text tells about the machine that it comes from.

    Parameters
    ----------
    text : str

    Yields
    ------
    family : str
        Such as "an absolute path".
    found : str
        The first of its family in the text.

    Examples
    --------
    >>> list(private_things("12/15 right at 80 km/h, see https://keras.io/api; saved in /data/ada/model.keras"))
    [('an absolute path', '/data/ada/model.keras')]
    """
    for family, pattern in _PATTERNS.items():
        if found := pattern.search(text):
            yield family, found[0]
    host = platform.node()  # a plain word, such as "laptop", may stand on any page
    if re.search(r"[\d.-]", host) and (found := re.search(rf"(?<![\w-]){re.escape(host)}(?![\w-])", text)):
        yield "the name of this machine", found[0]
