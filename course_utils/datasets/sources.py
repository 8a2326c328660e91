"""Where data come from, in order: the cache, the mirror, the public host."""

import contextlib
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import cache, files, manifest, originals, places, readers, registry
from .errors import Damaged, DatasetUnavailable, NotAtHand, warn

PLACES = ("cache", "mirror", "host")


def _try_each(entry, source, attempt):
    """What ``attempt`` makes of the first place that has the data; DatasetUnavailable with every reason if none has."""
    reasons = []
    for place in PLACES if source is None else (source,):
        try:
            return attempt(place)
        except NotAtHand as reason:
            if isinstance(reason, Damaged):
                warn(f"{entry.name}: {reason}. It is not used.")
            reasons.append((place, str(reason)))
    raise DatasetUnavailable(entry.name, reasons)


def read(entry, source, progress, reader):
    """What ``reader`` makes of the file of a data set, and where the file came from."""

    def attempt(place):
        with _OPENERS[place](entry, progress) as (path, origin):
            return reader(path), origin

    return _try_each(entry, source, attempt)


@contextlib.contextmanager
def at_hand(entry, progress):
    """A context with a readable file of the data set, wherever it comes from: its path and its origin."""
    with contextlib.ExitStack() as stack:

        def attempt(place):
            path, origin = stack.enter_context(_OPENERS[place](entry, progress))
            readers.check(entry, path)
            return path, origin

        yield _try_each(entry, None, attempt)


def _mirror_file(entry):
    folder = places.mirror_folder()
    if folder is None:
        raise NotAtHand("COURSE_UTILS_MIRROR is not set")
    return manifest.check(folder, entry.file)


@contextlib.contextmanager
def _open_cache(entry, progress):
    found, path = cache.find(entry)
    yield path, f"cache (from {'a mirror' if found.origin == 'mirror' else 'the host'})"


@contextlib.contextmanager
def _open_mirror(entry, progress):
    path = _mirror_file(entry)
    if not entry.photographs and _is_compressed(path) and not _cached_from_host(entry):
        # Ten seconds for CIFAR-10, each time: worth a copy that is read in a fraction of one.
        try:
            path = _copy_to_cache(entry, path)
        except OSError as error:
            _warn_about_cache(error, f"{entry.name} will be decompressed again next time")
    yield path, "mirror"


@contextlib.contextmanager
def _open_host(entry, progress):
    with contextlib.ExitStack() as stack:
        try:
            path = _download_to_cache(entry, progress)
        except OSError as error:
            _warn_about_cache(error, f"{entry.name} is downloaded for this time only")
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            try:
                path = originals.fetch(entry, folder, progress)
            except OSError as also:
                raise NotAtHand(f"neither the cache nor {folder} can be written: {also}") from also
        yield path, "host"


_OPENERS = {"cache": _open_cache, "mirror": _open_mirror, "host": _open_host}


def _warn_about_cache(error, consequence):
    warn(
        f"The cache {places.cache_folder()} cannot be written ({error.strerror or error}): {consequence}. "
        "Make room or set COURSE_UTILS_CACHE to another folder."
    )


def _cached_from_host(entry):
    """Whether a copy of the mirror's file would push a download out of the cache."""
    with contextlib.suppress(NotAtHand):
        return cache.record(entry)[0].origin == "host"
    return False


def _is_compressed(path):
    try:
        with zipfile.ZipFile(path) as archive:
            return any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist())
    except zipfile.BadZipFile as error:
        raise Damaged(f"{path} is not a whole npz: {error}") from error


def _copy_to_cache(entry, path):
    """The mirror's file in the cache, arrays without compression."""

    def make(folder):
        copy = folder / entry.file
        copy.touch()  # where the cache cannot be written, that is known before ten seconds of decompression
        if entry.photographs:
            files.copy(path, copy)
        else:
            with readers.open_arrays(path) as arrays:
                content = {name: arrays[name] for name in arrays}
            np.savez(copy, **content)
        readers.check(entry, copy)
        return copy

    return cache.store(entry, make, "mirror", made_from=manifest.read(path.parent)[path.name])


def _download_to_cache(entry, progress):
    def make(folder):
        path = originals.fetch(entry, folder, progress)
        readers.check(entry, path)
        return path

    return cache.store(entry, make, "host")


def fetch(name, *, source=None, progress=True):
    """Put a data set into the cache: what ``course data fetch`` does.

    Parameters
    ----------
    name : str
        ``"mnist"``, ``"cifar10"``, ``"cats_vs_dogs"`` or ``"oxford_pets"``.
    source : {None, "mirror", "host"}
        None: nothing is done where the cache has it already; else from the mirror, then from the public host.
        Named: from there, in place of what the cache has from elsewhere.
    progress : bool
        Show a bar on stderr while downloading.

    Returns
    -------
    pathlib.Path
        The file in the cache: an npz or a zip in the format of a mirror.

    Raises
    ------
    DatasetUnavailable
        It is neither in the mirror nor to be had from the host.
    OSError
        The cache cannot be written.
    ValueError
        No data set has that name, or there is no such source.

    Notes
    -----
    Explained on the home page of the book, under Offline.

    Examples
    --------
    >>> fetch("mnist")  # doctest: +SKIP
    PosixPath('/home/ada/.cache/course_utils/mnist-731c5ac602752760.npz')
    """
    entry = registry.find(name)
    if source not in (None, "mirror", "host"):
        raise ValueError(f"fetch: source is {source!r}; it must be None, 'mirror' or 'host'.")

    def attempt(place):
        if place == "cache":
            return cache.find(entry)[1]
        return _copy_to_cache(entry, _mirror_file(entry)) if place == "mirror" else _download_to_cache(entry, progress)

    try:
        return _try_each(entry, source, attempt)
    except DatasetUnavailable:
        raise
    except OSError as error:
        raise OSError(
            error.errno,
            f"The cache cannot be written ({error.strerror or error}). "
            "Make room or set COURSE_UTILS_CACHE to another folder",
            str(places.cache_folder()),
        ) from error


@dataclass(frozen=True)
class DatasetStatus:
    """What is at hand of a data set: sizes in bytes, None where it is not there. Nothing was downloaded or hashed."""

    name: str
    title: str
    cache: int | None
    cache_origin: str | None
    mirror: int | None
    download: int

    @property
    def at_hand(self):
        """Whether `load` can do without a download."""
        return self.cache is not None or self.mirror is not None


def status():
    """What is at hand of every data set: what ``course data list`` shows.

    Returns
    -------
    list of DatasetStatus
        ``name``, ``title``; ``cache`` and ``mirror``, the sizes in bytes of what is there or None; ``cache_origin``,
        ``"mirror"`` or ``"host"``; ``download``, the bytes that the host would send; ``at_hand``.

    Examples
    --------
    >>> [row.name for row in status()]
    ['mnist', 'cifar10', 'cats_vs_dogs', 'oxford_pets']
    """
    folder = places.mirror_folder()
    rows = []
    for entry in registry.DATASETS.values():
        cached = origin = mirrored = None
        with contextlib.suppress(NotAtHand):
            found, _ = cache.record(entry)
            cached, origin = found.bytes, found.origin
        with contextlib.suppress(NotAtHand, OSError):
            if folder is not None and entry.file in manifest.read(folder):
                mirrored = (folder / entry.file).stat().st_size
        rows.append(DatasetStatus(entry.name, entry.title, cached, origin, mirrored, entry.download_bytes))
    return rows
