"""From the authors' published files to the one file of a data set that mirror and cache hold."""

import contextlib
import io
import logging
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from .archives import tar_files, unpickle_arrays
from .errors import Damaged, NotAtHand

ATTEMPTS = 3


def fetch(entry, folder, progress):
    """Download the published files of a data set into ``folder`` and make its one file there; returns its path.

    Raises
    ------
    NotAtHand
        The host cannot be reached, or does not send the files that were published.
    OSError
        ``folder`` cannot be written.
    """
    _sweep(folder, {original.file for original in entry.originals})
    downloads = [_download(original, folder, progress) for original in entry.originals]
    make = {"cifar10": _join_cifar_batches, "oxford_pets": _join_pet_archives}.get(entry.name)
    return make(folder / entry.file, *downloads) if make else downloads[0]


def _sweep(folder, keep):
    """Remove what an interrupted process left, but not downloads that were whole: pooch compares them again."""
    for path in folder.iterdir():
        if path.name not in keep:
            path.unlink()


def _download(original, folder, progress):
    import pooch
    import requests

    server = pooch.create(
        path=folder,
        base_url="",
        registry={original.file: f"sha256:{original.sha256}"},
        urls={original.file: original.url},
        retry_if_failed=ATTEMPTS - 1,
    )
    # Some servers declare a .tar.gz as compressed in transit, and requests would then hand over the tar.
    # A firewall that drops packets is noticed after five seconds, a host that stops sending after thirty.
    downloader = pooch.HTTPDownloader(
        progressbar=progress, chunk_size=1 << 18, timeout=(5, 30), headers={"Accept-Encoding": "identity"}
    )
    host = urlsplit(original.url).netloc
    try:
        with _quiet(pooch.get_logger()):
            return Path(server.fetch(original.file, downloader=_no_more_than(original, downloader)))
    except requests.exceptions.RequestException as error:  # first: it is an OSError too
        raise NotAtHand(f"{original.file} did not come from {host} in {ATTEMPTS} attempts: {_brief(error)}") from error
    except ValueError as error:
        raise Damaged(f"{host} sent another {original.file} than was published: {_brief(error)}") from error


def _no_more_than(original, downloader):
    """The downloader, stopped where a host sends more than was published; it might never end, and the disk does."""

    class Bounded(io.BufferedWriter):  # a raw file would take a part of a chunk where the disk is full, and say nothing
        def write(self, chunk):
            if self.tell() + len(chunk) > original.bytes:
                host = urlsplit(original.url).netloc
                raise Damaged(f"{host} sends more than the {original.bytes:,} bytes of {original.file}; it was stopped")
            return super().write(chunk)

    def download(url, output_file, pooch):
        with Bounded(io.FileIO(output_file, "w")) as file:
            downloader(url, file, pooch)

    return download


@contextlib.contextmanager
def _quiet(logger):
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def _brief(error):
    """The innermost cause of an error from requests, which wraps what says something two or three times."""
    while True:
        inner = getattr(error, "reason", None) or (error.args[0] if error.args else None)
        if not isinstance(inner, Exception):
            return f"{type(error).__name__}: {str(error)[:300]}"
        error = inner


def _join_cifar_batches(path, archive):
    """cifar-10-python.tar.gz, six pickles of (N, 3072) rows in planes, as one npz of images."""
    batches = {}
    for name, content in tar_files(archive):
        batch = name.rsplit("/", 1)[-1]
        if batch.startswith("data_batch_") or batch == "test_batch":
            read = unpickle_arrays(io.BytesIO(content))
            try:
                rows, labels = read[b"data"], np.array(read[b"labels"], np.uint8)
                if rows.dtype != np.uint8:
                    raise ValueError(f"data of type {rows.dtype}")
                images = rows.reshape(len(labels), 3, 32, 32).transpose(0, 2, 3, 1)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise Damaged(f"{archive}: {name} is not a CIFAR-10 batch: {error!r}") from error
            batches[batch] = images, labels
    train = [batches[name] for name in sorted(batches) if name != "test_batch"]
    if not train or "test_batch" not in batches:
        raise Damaged(f"{archive} holds {', '.join(sorted(batches)) or 'no batch'}, not training and test batches")
    x_train, y_train = (np.concatenate(parts) for parts in zip(*train, strict=True))
    x_test, y_test = batches["test_batch"]
    np.savez(path, x_train=x_train, y_train=y_train, x_test=np.ascontiguousarray(x_test), y_test=y_test)
    return path


def _join_pet_archives(path, *archives):
    """The images and the annotations in one zip, not compressed again: most of it is JPEG."""
    with zipfile.ZipFile(path, "w") as joined:
        for archive in archives:
            for name, content in tar_files(archive):
                joined.writestr(zipfile.ZipInfo(name), content)
    return path
