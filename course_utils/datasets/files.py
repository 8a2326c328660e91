"""Files that are whole or not there: checksums, writing aside and moving into place, one writer at a time."""

import contextlib
import hashlib
import os
import shutil
import tempfile
from pathlib import Path


def sha256(path):
    """Hexadecimal SHA-256 of a file's content."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def written_aside(path):
    """A new file to write to, in the same folder; moved to ``path`` in one step at the end, removed after an error."""
    path = Path(path)
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        Path(aside).chmod(0o644)  # mkstemp makes files that only their owner can read; a mirror is for others
        Path(aside).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(aside).unlink()
        raise


def copy(source, path):
    """Copy a file so that ``path`` is the whole of it or is not touched."""
    with Path(source).open("rb") as original, written_aside(path) as file:
        shutil.copyfileobj(original, file, 1 << 20)


@contextlib.contextmanager
def one_at_a_time(path):
    """Hold the lock file at ``path``; gives whether it could be locked.

    The system lets go of the lock when a process ends, however it ends. Where files cannot be locked, work goes on:
    the lock saves two processes the same download, and nothing is wrong without it.
    """
    with Path(path).open("ab") as file:
        try:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
            locked = True
        except (ImportError, OSError):  # Windows, and some network file systems
            locked = False
        yield locked
