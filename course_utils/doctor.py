"""Find the programs that the course uses beside Python."""

import shutil

_CHROMIUM = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


def chromium():
    """Path of an installed Chromium, which the browser tests drive; None where there is none.

    Examples
    --------
    >>> chromium()  # doctest: +SKIP
    '/usr/bin/chromium'
    """
    return next(filter(None, map(shutil.which, _CHROMIUM)), None)
