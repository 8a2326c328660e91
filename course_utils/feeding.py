"""What a way of feeding photographs to a network costs: time, and memory."""

import gc
import logging
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import keras

logging.getLogger("absl").setLevel(logging.ERROR)  # grain warns where there is no JAX, which it does not need

_STATM = Path("/proc/self/statm")  # Linux only
_PAGE = 4096


@dataclass(frozen=True)
class Feed:
    """What one way of feeding cost. Made by `measure`.

    Attributes
    ----------
    wait : float
        Seconds until the first batch arrived, whatever had to be read before.
    images_per_second : float
        From the first batch on.
    megabytes : float
        By how much the process grew at most; NaN where the system does not say (anywhere but on Linux).
    """

    wait: float
    images_per_second: float
    megabytes: float


def write_jpegs(dataset, folder, prefix=""):
    """Write the photographs of a data set as files, in a folder for each class.

    Parameters
    ----------
    dataset : Dataset
    folder : path
    prefix : str
        Begins each file's name, so that two data sets can share a folder.

    Returns
    -------
    list of Path
        One file an image, in the order of the data set; a file's class is the name of its folder.

    Notes
    -----
    Used in chapter 07, Augmentation, and by the projects of chapter 13.

    Examples
    --------
    >>> import tempfile
    >>> from course_utils import load
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = write_jpegs(load("cats_vs_dogs", examples=2, size=32, source="stand-in"), folder)
    >>> sorted(path.parent.name for path in paths), paths[0].name
    (['cat', 'dog'], '00000.jpg')
    """
    from PIL import Image

    paths = []
    for number, (image, label) in enumerate(zip(dataset.images, dataset.labels, strict=True)):
        path = Path(folder) / dataset.class_names[label] / f"{prefix}{number:05}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path, quality=90)
        paths.append(path)
    return paths


def with_tf_data(paths, labels, side, batch_size=32):
    """Photographs from files by TensorFlow's ``tf.data``, which feeds networks on any backend of Keras.

    Parameters
    ----------
    paths : sequence of path
        JPEG files.
    labels : array of number, shape (files,)
    side : int
        Height and width that the photographs get.
    batch_size : int

    Returns
    -------
    tf.data.Dataset
        Of batches ``(images, labels)``, read by as many threads as it finds useful; in another order each epoch.

    Raises
    ------
    ImportError
        TensorFlow is not installed.

    Notes
    -----
    Used in chapter 07, Augmentation.

    Examples
    --------
    >>> batches = with_tf_data(["a.jpg", "b.jpg", "c.jpg"], [0, 1, 0], side=96)  # doctest: +SKIP
    >>> len(batches)  # doctest: +SKIP
    1
    """
    import tensorflow as tf

    def read(path, label):
        pixels = tf.io.decode_jpeg(tf.io.read_file(path), channels=3)
        return tf.image.resize(pixels, (side, side)), label

    files = tf.data.Dataset.from_tensor_slices(([str(path) for path in paths], labels))
    files = files.shuffle(len(paths)).map(read, num_parallel_calls=tf.data.AUTOTUNE)
    return files.batch(batch_size).prefetch(tf.data.AUTOTUNE)


def measure(make, images, shape, epochs=2):
    """Time a way of feeding, and watch the memory, while a network that computes next to nothing is trained.

    Such a network is never the one that is waited for, so that what is measured is the feeding, with all that ``fit``
    does about it: threads, and batches that are prepared ahead.

    Parameters
    ----------
    make : callable
        ``make()`` returns what ``fit`` is given, as a dict: ``{"x": images, "y": labels, "batch_size": 32}`` or
        ``{"x": dataset}``. What it reads first counts as waiting, and what it holds as memory.
    images : int
        How many one epoch has.
    shape : tuple of int
        (height, width, channels) of the images.
    epochs : int

    Returns
    -------
    Feed

    Notes
    -----
    Used in chapter 07, Augmentation.

    Examples
    --------
    >>> import numpy as np
    >>> feed = measure(lambda: {"x": np.zeros((64, 8, 8, 3)), "y": np.zeros(64), "batch_size": 32}, 64, (8, 8, 3))
    >>> feed.images_per_second > 0
    True
    """
    model = keras.Sequential(
        [
            keras.Input(shape),
            keras.layers.Cropping2D(((0, shape[0] - 1), (0, shape[1] - 1))),  # looks at one pixel
            keras.layers.Flatten(),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("sgd", "binary_crossentropy")
    model.train_on_batch(keras.ops.zeros((1, *shape)), keras.ops.zeros((1, 1)))  # compiles, and allocates
    gc.collect()
    clock = _Clock()
    with _Memory() as memory:
        started = time.perf_counter()
        fed = make()
        model.fit(**fed, epochs=epochs, verbose=0, callbacks=[clock])
        ended = time.perf_counter()
    after_the_first = epochs * images * (1 - 1 / clock.batches)
    return Feed(clock.first - started, after_the_first / (ended - clock.first), memory.growth)


class _Clock(keras.callbacks.Callback):
    """Notes when the first batch was through, and how many batches there were."""

    first = None
    batches = 0

    def on_train_batch_end(self, batch, logs=None):
        if self.first is None:
            self.first = time.perf_counter()
        self.batches += 1


class _Memory:
    """Looks every few milliseconds at how much memory the process has, in a thread of its own."""

    def __enter__(self):
        self._ended = threading.Event()
        self._before = self._most = _resident()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self):
        while not self._ended.wait(0.005):
            self._most = max(self._most, _resident())

    def __exit__(self, *error):
        self._ended.set()
        self._thread.join()
        self.growth = (self._most - self._before) / 1e6


def _resident():
    """Bytes of memory that this process has; NaN where the system does not say."""
    if not _STATM.is_file():
        return float("nan")
    return int(_STATM.read_text(encoding="ascii").split()[1]) * _PAGE
