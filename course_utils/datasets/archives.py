"""Archives read in place: nothing is extracted, and no member may point out of the archive."""

import pickle
import re
import stat
import tarfile
import zipfile
import zlib

import numpy as np

from .errors import Damaged

LARGEST_MEMBER = 1 << 26
BROKEN = (OSError, EOFError, ValueError, zlib.error, tarfile.TarError, zipfile.BadZipFile, RuntimeError)


def _refuse_unsafe(archive, name, is_link):
    parts = re.split(r"[/\\]", name)
    if is_link:
        fault = "is a link"
    elif not parts[0] or re.match("[A-Za-z]:", name):
        fault = "has an absolute name"
    elif ".." in parts:
        fault = "points out of the archive"
    else:
        return
    raise Damaged(f"{archive} is not safe to read: its member {name!r} {fault}")


class ZipMembers:
    """The members of a zip, by name. May be read from several threads at once.

    Raises
    ------
    Damaged
        The archive is cut short or not a zip, or one of its members has an absolute name, a name with ``..``, or is a
        link.
    """

    def __init__(self, path):
        self.path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except BROKEN as error:
            raise Damaged(f"{path} is not a whole zip: {error}") from error
        self.names = []
        for member in self._zip.infolist():
            # orig_filename, because ZipInfo cleans the name it shows.
            _refuse_unsafe(path, member.orig_filename, stat.S_ISLNK(member.external_attr >> 16))
            if not member.is_dir():
                self.names.append(member.filename)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._zip.close()

    def read(self, name):
        size = self._zip.getinfo(name).file_size
        if size > LARGEST_MEMBER:
            raise ValueError(f"{name} has {size:,} bytes, more than any photograph")
        return self._zip.read(name)


def tar_files(path):
    """Name and content of each file in a tar, one after the other; Damaged for the reasons of `ZipMembers`."""
    try:
        with tarfile.open(path, "r:*") as archive:
            for member in archive:
                _refuse_unsafe(path, member.name, member.issym() or member.islnk())
                if member.isfile():
                    yield member.name, archive.extractfile(member).read()
    except BROKEN as error:
        raise Damaged(f"{path} is not a whole tar: {error}") from error


class _ArraysOnly(pickle.Unpickler):
    """Builds NumPy arrays and Python's own containers, and calls nothing else that a pickle may name."""

    def find_class(self, module, name):
        reconstruct = np.empty(0).__reduce__()[0]  # its module's name changed with NumPy 2
        allowed = {
            ("numpy.core.multiarray", "_reconstruct"): reconstruct,
            ("numpy._core.multiarray", "_reconstruct"): reconstruct,
            ("numpy", "ndarray"): np.ndarray,
            ("numpy", "dtype"): np.dtype,
        }
        if (module, name) not in allowed:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which is no part of an array")
        return allowed[module, name]


def unpickle_arrays(file):
    """Read a pickle of arrays, byte strings, numbers and containers of them; Damaged if it holds anything else."""
    try:
        return _ArraysOnly(file, encoding="bytes").load()
    except Exception as error:  # a pickle can make its reader raise anything
        raise Damaged(f"a pickle cannot be read: {error}") from error
