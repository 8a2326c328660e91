"""Stand-ins: images of the same shapes and types, and as many classes, that need no file and no network.

MNIST is stood in for by the digits of scikit-learn, the others by drawn images: class number k is the k-th of the drawn
shapes, under the name of the k-th real class, so that code which asks for a class by name runs on both. The pets are
drawn in the 37 classes of the published data set, whatever part of it a mirror may hold.
"""

import numpy as np

from . import drawn
from .selection import balanced_order, stratified_holdout

_MARGIN = 4  # MNIST's digits fill 20 of their 28 pixels
_SHIFT = 2  # pixels by which a digit is moved when it is shown again


def make(entry, split, examples=None, size=None, seed=0):
    """The fields of a `Dataset`: images, labels, class_names, source and for the pets masks and boxes.

    Any number of examples can be asked for. Drawn images are all different, and training and test images never share
    one. There are 1,437 digits to train on and 360 to test; beyond these, each is shown again, moved by up to two
    pixels either way.
    """
    count = entry.stand_in[split == "test"] if examples is None else examples
    if entry.name == "mnist":
        return _digits(entry, split, count, seed)
    return _drawn(entry, split, count, size or entry.shape[:2], seed)


def _digits(entry, split, count, seed):
    from PIL import Image
    from sklearn.datasets import load_digits

    small, labels = load_digits(return_X_y=True)
    train, test = stratified_holdout(labels, 360 / len(labels))
    mine = test if split == "test" else train
    order = mine[balanced_order(labels[mine], seed)]
    side = entry.shape[0]
    inner = side - 2 * _MARGIN
    grey = np.rint(small.reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
    images = np.zeros((count, *entry.shape), np.uint8)
    chosen = np.resize(order, count)  # again from the start where the digits run out
    moves = np.random.default_rng([seed, split == "test"]).integers(-_SHIFT, _SHIFT + 1, size=(count, 2))
    moves[: len(order)] = 0
    large = {}
    for image, digit, (down, across) in zip(images, chosen, moves, strict=True):
        if digit not in large:
            large[digit] = np.asarray(Image.fromarray(grey[digit]).resize((inner, inner), Image.Resampling.BICUBIC))
        top, left = _MARGIN + down, _MARGIN + across
        image[top : top + inner, left : left + inner, 0] = large[digit]
    return {
        "images": images,
        "labels": labels[chosen],
        "class_names": entry.class_names,
        "source": "stand-in (digits of scikit-learn)",
    }


def _drawn(entry, split, count, size, seed):
    # One number from two, so that no seed for training draws what some seed for testing draws.
    mixed = np.random.SeedSequence([seed, split == "test"]).generate_state(1, np.uint64)[0]
    drawing = drawn.draw(count, size, classes=len(entry.class_names), seed=int(mixed))
    fields = {
        "images": drawing.images,
        "labels": drawing.labels,
        "class_names": entry.class_names,
        "source": "stand-in (drawn images)",
    }
    if entry.masks:
        boxes = drawing.boxes.copy()
        boxes[1::2] = np.nan  # half of the real images have no box either, and code has to cope with that
        fields |= {"masks": drawn.trimaps(drawing.masks, max(1, round(min(size) / 56))), "boxes": boxes}
    return fields
