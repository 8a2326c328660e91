"""The cache: one file for each data set, recorded only once it is whole, compared with its record at each use.

A file's name contains its checksum and a small record says which file is in force. The file comes into place first, the
record second, each in one step, so that whatever interrupts a process, or whichever of two processes comes last, a
record names a whole file or the data count as absent.
"""

import contextlib
import json
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from . import manifest, places
from .errors import Damaged, NotAtHand
from .files import one_at_a_time, sha256, written_aside


@dataclass(frozen=True)
class Record:
    """What the cache knows of a file. ``made_from`` is the checksum of the mirror's file that it was made from."""

    file: str
    sha256: str
    bytes: int
    origin: str
    made_from: str | None = None


def record(entry):
    """The record of a data set and the path of its file, not yet compared; NotAtHand where there is none."""
    try:
        folder = places.cache_folder()
    except OSError as reason:
        raise NotAtHand(str(reason)) from None
    try:
        found = Record(**json.loads((folder / f"{entry.name}.json").read_text(encoding="utf-8")))
        path = folder / Path(found.file).name
        size = path.stat().st_size
    except (OSError, ValueError, TypeError):
        raise NotAtHand(f"{folder} holds no {entry.name}") from None
    if size != found.bytes:
        forget(entry, path)
        raise Damaged(f"{path} has {size} bytes and was written with {found.bytes}")
    return found, path


def whole_file(entry):
    """The record of a data set and the path of its file, compared with its checksum.

    Raises
    ------
    NotAtHand
        The cache does not hold the data set, or holds what an earlier state of the mirror in force had.
    Damaged
        The file is not what was written. It has been removed.
    """
    found, path = record(entry)
    if found.made_from and _mirror_moved_on(entry, found.made_from):
        raise NotAtHand(f"{path} was made from a file that the mirror no longer has")
    try:
        digest = sha256(path)
    except OSError as error:
        raise NotAtHand(f"{path} cannot be read: {error}") from error
    if digest != found.sha256:
        forget(entry, path)
        raise Damaged(f"{path} is not what was written there: its SHA-256 is {digest}, not {found.sha256}")
    return found, path


def _mirror_moved_on(entry, made_from):
    folder = places.mirror_folder()
    try:
        return folder is not None and manifest.read(folder).get(entry.file, made_from) != made_from
    except NotAtHand:
        return False


def forget(entry, path):
    """Remove a data set that cannot be used."""
    for doomed in (path.parent / f"{entry.name}.json", path):
        with contextlib.suppress(OSError):
            doomed.unlink()


def store(entry, make, origin, made_from=None):
    """Put a data set into the cache and return its path.

    Parameters
    ----------
    entry : Entry
    make : callable
        Called with a folder to work in; returns the path of the finished file in it. What it leaves there is kept for
        the next attempt if it raises, so that the first of two downloads is not lost with the second.
    origin : str
        ``"mirror"`` or ``"host"``.
    made_from : str, optional
        Checksum of the mirror's file.

    Raises
    ------
    OSError
        The cache cannot be written: read-only, full.
    """
    folder = places.cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with one_at_a_time(folder / f"{entry.name}.lock") as locked:
        with contextlib.suppress(NotAtHand):
            found, path = whole_file(entry)  # another process may have been faster
            if (found.origin, found.made_from) == (origin, made_from):
                return path
        workshop = folder / f"{entry.name}.partial"
        if not locked:  # another process may be at work, if it began today; nobody counts on finding what was left
            for left in folder.glob(f"{entry.name}.partial-*"):
                if left.stat().st_mtime < time.time() - 86_400:
                    shutil.rmtree(left, ignore_errors=True)
            workshop = Path(tempfile.mkdtemp(dir=folder, prefix=f"{entry.name}.partial-"))
        workshop.mkdir(exist_ok=True)
        finished = make(workshop)
        digest, size = sha256(finished), finished.stat().st_size
        path = folder / f"{entry.name}-{digest[:16]}{finished.suffix}"
        finished.replace(path)
        with written_aside(folder / f"{entry.name}.json") as file:
            file.write(json.dumps(asdict(Record(path.name, digest, size, origin, made_from)), indent=1).encode())
        shutil.rmtree(workshop, ignore_errors=True)
        for older in folder.glob(f"{entry.name}-*{finished.suffix}"):
            if older != path:
                with contextlib.suppress(OSError):
                    older.unlink()
        return path
