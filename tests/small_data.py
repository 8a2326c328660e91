"""Small data sets in the formats of the published archives, and a server on this machine that sends them badly."""

import contextlib
import dataclasses
import hashlib
import http.server
import io
import pickle
import struct
import tarfile
import threading
import typing
import zipfile

import numpy as np
from PIL import Image

from course_utils.datasets import registry

BREEDS = ("Abyssinian", "beagle")


def random_images(count, *shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), np.uint8)


def mnist(path, train=40, test=20):
    """mnist.npz with pixels, at random; returns its arrays."""
    arrays = {
        "x_train": random_images(train, 28, 28),
        "y_train": np.arange(train, dtype=np.uint8) % 10,
        "x_test": random_images(test, 28, 28, seed=1),
        "y_test": np.arange(test, dtype=np.uint8) % 10,
    }
    np.savez_compressed(path, **arrays)
    return arrays


class _Python2Pickler(pickle._Pickler):
    """Writes strings as Python 2 did, whose pickles CIFAR-10's archive contains."""

    dispatch: typing.ClassVar = dict(pickle._Pickler.dispatch)

    def save_string(self, value):
        data = value if isinstance(value, bytes) else value.encode()
        self.write(pickle.BINSTRING + struct.pack("<i", len(data)) + data)
        self.memoize(value)

    dispatch[bytes] = dispatch[str] = save_string


def python2_pickle(value):
    stream = io.BytesIO()
    _Python2Pickler(stream, protocol=2).dump(value)
    return stream.getvalue()


def write_tar(path, files, extra=()):
    """A .tar.gz of ``{name: content}`` and of any TarInfo without content."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for member in extra:
            archive.addfile(member)
    return path


def cifar10(path, each=10, extra=()):
    """cifar-10-python.tar.gz with ``each`` images in each of its six batches; returns the arrays it must become."""
    files, arrays = {"cifar-10-batches-py/readme.html": b"text"}, {}
    images, labels = random_images(6 * each, 32, 32, 3), np.arange(6 * each) % 10
    for n, name in enumerate([*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]):
        part = slice(n * each, (n + 1) * each)
        rows = images[part].transpose(0, 3, 1, 2).reshape(each, 3072)  # the planes of an image one after the other
        content = {b"data": rows, b"labels": labels[part].tolist(), b"batch_label": name.encode()}
        files[f"cifar-10-batches-py/{name}"] = python2_pickle(content)
    write_tar(path, files, extra)
    cut = 5 * each
    arrays["x_train"], arrays["y_train"] = images[:cut], labels[:cut]
    arrays["x_test"], arrays["y_test"] = images[cut:], labels[cut:]
    return arrays


def encoded(array, kind):
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, kind)
    return stream.getvalue()


def photograph(number, height=40, width=60):
    """A JPEG of one colour that says which it is, and that colour."""
    colour = np.array([number * 5 % 256, 255 - number * 3 % 256, 60], np.uint8)
    return encoded(np.broadcast_to(colour, (height, width, 3)).copy(), "JPEG")


def cats_and_dogs_files(each=20, broken=()):
    """Microsoft's archive as ``{name: content}``, with what else is in it; names in ``broken`` are no JPEGs."""
    files = {"readme[1].txt": b"text", "PetImages/Cat/Thumbs.db": b"thumbs"}
    for offset, kind in enumerate(("Cat", "Dog")):
        for n in range(each):
            content = photograph(n + 20 * offset)
            key = f"{kind}/{n}.jpg"
            files[f"PetImages/{key}"] = content[: len(content) // 2] if key in broken else content
    return files


def write_zip(path, files, extra=()):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
        for member, content in extra:
            archive.writestr(member, content)
    return path


def pets(images, annotations, each=16, extra=()):
    """The two archives of the pets, each image with a bright rectangle of which mask and box are the truth."""
    pictures, notes = {"images/._x.mat": b"mac", "images/x.mat": b"matlab"}, {"annotations/README": b"text"}
    random = np.random.default_rng(0)
    for breed in BREEDS:
        for n in range(each):
            height, width = random.integers(50, 90, 2)
            top, left = random.integers(2, 15, 2)
            bottom, right = top + random.integers(10, 30), left + random.integers(10, 30)
            image, mask = np.full((height, width, 3), 30, np.uint8), np.full((height, width), 2, np.uint8)
            image[top:bottom, left:right] = 220
            mask[top:bottom, left:right] = 1
            name = f"{breed}_{n}"
            pictures[f"images/{name}.jpg"] = encoded(image, "JPEG")
            notes[f"annotations/trimaps/{name}.png"] = encoded(mask, "PNG")
            notes[f"annotations/trimaps/._{name}.png"] = b"mac"
            if n % 2:
                box = f"<xmin>{left}</xmin><ymin>{top}</ymin><xmax>{right}</xmax><ymax>{bottom}</ymax>"
                notes[f"annotations/xmls/{name}.xml"] = (
                    f"<annotation><object><bndbox>{box}</bndbox></object></annotation>".encode()
                )
    write_tar(images, pictures)
    write_tar(annotations, notes, extra)


def publish(monkeypatch, name, url, folder):
    """Let the registry say that the originals of a data set, by their own names in ``folder``, are published at url."""
    entry = registry.DATASETS[name]
    originals = tuple(
        registry.Original(f"{url}/{original.file}", len(content), hashlib.sha256(content).hexdigest())
        for original in entry.originals
        for content in [(folder / original.file).read_bytes()]
    )
    monkeypatch.setitem(registry.DATASETS, name, dataclasses.replace(entry, originals=originals))


class Server:
    """Sends the files of a folder over HTTP. ``faults`` says, request by request, what goes wrong with a file."""

    def __init__(self, folder):
        self.folder, self.faults, self.requests, self.stalled = folder, [], [], threading.Event()
        self.release, self.sent = threading.Event(), 0
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                server.answer(self)

            def log_message(self, *_):
                pass

        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def answer(self, handler):
        self.requests.append(handler.path)
        fault = self.faults.pop(0) if self.faults else None
        path = self.folder / handler.path.lstrip("/")
        if fault == "missing" or not path.exists():
            handler.send_error(404)
            return
        content = path.read_bytes()
        if fault == "endless":
            self.send_endlessly(handler, content)
            return
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        if fault == "cut":
            content = content[: len(content) // 2]  # and the connection is closed
        elif fault == "changed":
            content = content[:-1] + bytes([content[-1] ^ 1])
        elif fault in ("stall", "slow"):
            handler.wfile.write(content[: len(content) // 2])
            handler.wfile.flush()
            self.stalled.set()
            self.release.wait(30 if fault == "stall" else 0.5)
            content = content[len(content) // 2 :]
        with contextlib.suppress(OSError):  # whoever asked may be gone
            handler.wfile.write(content)

    def send_endlessly(self, handler, content):
        """Send the content again and again until whoever asked hangs up; at most 64 MiB."""
        handler.send_response(200)
        handler.end_headers()
        with contextlib.suppress(OSError):
            while self.sent < 1 << 26:
                handler.wfile.write(content)
                self.sent += len(content)

    def close(self):
        self.release.set()
        self._http.shutdown()
        self._http.server_close()
