"""Files that are whole or not there: checksums, writing aside and moving into place, one writer at a time."""

import contextlib
import errno
import hashlib
import os
import shutil
import stat
import tempfile
from pathlib import Path

_ASIDE = ".course_utils.part"  # what `written_aside` has not finished; no other program's files end like this


def open_regular(path):
    """Open a file for reading; OSError where there is none or it is something else, such as a pipe, which could hang.

    Examples
    --------
    >>> open_regular(".")
    Traceback (most recent call last):
    ...
    IsADirectoryError: [Errno 21] it is a folder, not a file: '.'
    """
    path = Path(path)
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        kinds = {stat.S_IFDIR: "folder", stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket"}
        number = errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL
        raise OSError(number, f"it is a {kinds.get(stat.S_IFMT(mode), 'device')}, not a file", str(path))
    return path.open("rb")


def sha256(path):
    """Hexadecimal SHA-256 of a file's content."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def written_aside(path):
    """A new file to write to, in the same folder; moved to ``path`` in one step at the end, removed after an error.

    A process that is killed leaves its file behind. Whoever writes into the folder next removes it.
    """
    path = Path(path)
    _sweep(path.parent)
    file, aside = _new_aside(path)
    try:
        with file:
            yield file
        Path(aside).chmod(0o644)  # mkstemp makes files that only their owner can read; a mirror is for others
        Path(aside).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(aside).unlink()
        raise


def _new_aside(path):
    """A file beside ``path``, and its path. Being locked tells other processes' `_sweep` that its writer is alive."""
    while True:
        handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=_ASIDE)
        file = os.fdopen(handle, "wb")
        _lock(file, wait=True)
        if Path(aside).exists():  # and was not swept away before it could be locked
            return file, aside
        file.close()


def _sweep(folder):
    """Remove what killed processes have left of `written_aside`: files that no writer holds locked."""
    for left in folder.glob(f".*{_ASIDE}"):
        with contextlib.suppress(OSError):
            with open_regular(left) as file:
                if _lock(file, wait=False):
                    left.unlink()
            if os.name == "nt":  # which has no such locks, and does not remove what a process has open
                left.unlink()


def copy(source, path):
    """Copy a file so that ``path`` is the whole of it or is not touched."""
    with open_regular(source) as original, written_aside(path) as file:
        shutil.copyfileobj(original, file, 1 << 20)


def _lock(file, wait):
    """Lock an open file or folder until it is closed or the process ends, however it ends; whether that could be done.

    Not on Windows, not on some network file systems, and without ``wait`` not where another process has locked it.
    """
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except (ImportError, OSError):
        return False
    return True


@contextlib.contextmanager
def one_at_a_time(path):
    """Hold the lock file at ``path``, or the folder there; gives whether it could be locked.

    Where nothing can be locked, work goes on: the lock saves two processes the same download, and keeps two that add
    to a mirror at the same moment from forgetting each other's file.
    """
    path = Path(path)
    if not path.is_dir():
        with path.open("ab") as file:
            yield _lock(file, wait=True)
        return
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:  # Windows opens no folders
        yield False
        return
    try:
        yield _lock(handle, wait=True)
    finally:
        os.close(handle)
