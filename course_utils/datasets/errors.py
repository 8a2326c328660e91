"""What goes wrong when data are looked for, and how it is said."""

import sys
import warnings
from pathlib import Path

_PACKAGE = str(Path(__file__).parents[1])

REMEDIES = """What helps, in this order:
  1. Set COURSE_UTILS_MIRROR to a mirror: a folder with the file and a SHA256SUMS.
     On a connected machine, `course data mirror DIR` makes one.
  2. With a connection, run `course data fetch {name}`: it downloads the file into the cache.
  3. Use the stand-in, which needs no network: load("{name}", source="stand-in"), or COURSE_PROFILE=smoke for all."""


class DatasetUnavailable(OSError):
    """A data set was found nowhere. The message says where it was looked for, what was wrong there, and what helps.

    Parameters
    ----------
    name : str
        The data set.
    reasons : sequence of (place, reason) pairs
        Why each place that was asked did not have it.
    """

    def __init__(self, name, reasons=()):
        self.name = name
        self.reasons = tuple(reasons)
        super().__init__(name, self.reasons)

    def __str__(self):
        looked = "".join(f"\n  {place}: {reason}" for place, reason in self.reasons)
        return f"The data set {self.name!r} is not available. Looked in:{looked}\n" + REMEDIES.format(name=self.name)


class NotAtHand(Exception):
    """One place does not have the data; the next is asked."""


class Damaged(NotAtHand):
    """One place has the data, but not whole, not what was recorded, or not safe to read. The next is asked, loudly."""


def warn(message):
    """Warn at the line outside of course_utils that asked for data or weights, wherever inside the trouble is met."""
    frame, level = sys._getframe(1), 2
    while frame.f_back and (frame.f_code.co_filename.startswith(_PACKAGE) or "contextlib" in frame.f_code.co_filename):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, stacklevel=level)
