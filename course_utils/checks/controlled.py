"""What a student's experiment makes of images, a changed set and a control, and the rules that keep it honest.

Each image is made from itself and its mask, without chance and without asking a network.
"""

import contextlib
from unittest import mock

import numpy as np

from .comparing import describe, same
from .engine import Wrong, run

MISTAKES = (
    *("wrong type", "no return", "stacked", "shape", "not a number", "range", "from 0 to 1", "input changed"),
    *("asks a network", "changes between calls"),
    *("order of the images", "depends on the place", "depends on the others"),
)
AXES = (
    "In an array of images, axis 0 counts the images, axis 1 their rows and axis 2 their columns. `np.flipud` turns "
    "axis 0 around and `np.fliplr` axis 1, as they would in a single picture."
)


def experiment_on(answer, images, masks):
    """What the student's `experiment(images, masks)` makes of images, having made sure that it keeps to the rules.

    Parameters
    ----------
    answer : callable
        The student's.
    images, masks : array, shape (images, rows, columns, channels) and (images, rows, columns, 1)
        More than ten images, of dtype uint8.

    Returns
    -------
    list of two float arrays, shape of `images`
        Changed, and control.

    Raises
    ------
    Wrong
        With one of `MISTAKES`.
    """
    found = _made(answer, images, masks)
    if not _agree(_made(answer, images, masks), found):
        raise Wrong("changes between calls", "Called again, your function gives other images. Draw nothing at random.")
    for name, part in zip(("changed", "control"), found, strict=True):
        if same(part, images[::-1], 1e-6):
            raise Wrong(
                "order of the images",
                f"`{name}` holds the images as they came in, in reverse order; none of them is changed. {AXES}",
            )
    some = slice(3, 10)
    if _agree(_made(answer, images[some], masks[some]), [part[some] for part in found]):
        return found
    company, covers = images // 2, masks[::-1].copy()
    company[some], covers[some] = images[some], masks[some]
    if _agree([part[some] for part in _made(answer, company, covers)], [part[some] for part in found]):
        raise Wrong(
            "depends on the place",
            "What your function makes of an image depends on its place in the array, or on how many images there are. "
            "Are random numbers drawn for all of them at once? Then each place has its own. Noise of the shape of one "
            "image, from a fixed seed, is the same for all.",
        )
    raise Wrong(
        "depends on the others",
        "What one image gets depends on which others come with it. Is there a mean, or a largest value, of all images "
        "together, where each has its own? Or is an image replaced by another, which is no change of it? Make each "
        "from its own image and mask.",
    )


def _agree(some, others):
    return all(same(*pair, 1e-6) for pair in zip(some, others, strict=True))


def _made(answer, images, masks):
    """Two float arrays in the shape of `images`, with pixels from 0 to 255."""
    given = images.copy(), masks.copy()
    with _no_network():
        made = run(answer, *given, doing="`experiment(images, masks)`")
    if made is None:
        raise Wrong("no return", "Your function returns nothing. It ends with a `return` of two arrays of images.")
    if getattr(made, "ndim", None) == images.ndim + 1:
        raise Wrong(
            "stacked",
            f"Your function returns one array, of shape {tuple(made.shape)}. Return the two sets of images apart, as a "
            "pair, without stacking them.",
        )
    if not isinstance(made, (tuple, list)) or len(made) != 2:
        raise Wrong("wrong type", f"Your function returns {describe(made)}. Two arrays were asked for.")
    if not (np.array_equal(given[0], images) and np.array_equal(given[1], masks)):
        raise Wrong(
            "input changed",
            "`experiment(images, masks)` changed the arrays that it was given. Work on a copy: `images.copy()`.",
        )
    return [_checked(name, part, images) for name, part in zip(("changed", "control"), made, strict=True)]


def _checked(name, part, images):
    try:
        array = np.asarray(part, float)
    except Exception:
        raise Wrong("wrong type", f"`{name}` is {describe(part)}; images were asked for.") from None
    if array.shape != images.shape:
        raise Wrong(
            "shape",
            f"`{name}` has shape {array.shape}; it is to be as many images as came in, {images.shape}.",
        )
    low, high = array.min(), array.max()
    if np.isnan(array).any():
        raise Wrong("not a number", f"`{name}` has pixels that are NaN, as 0 divided by 0 is, or a mean of no pixels.")
    if low < 0 or high > 255:
        raise Wrong("range", f"The pixels of `{name}` go from {low:.4g} to {high:.4g}. Pictures go from 0 to 255.")
    if 0 < high <= 1 < images.max():
        raise Wrong(
            "from 0 to 1",
            f"The pixels of `{name}` go from {low:.4g} to {high:.4g}, which for these networks is all but black: they "
            "take pixels from 0 to 255. Do not divide by 255.",
        )
    return array


@contextlib.contextmanager
def _no_network():
    """Within it, no Keras model answers, and no layer that has learned anything."""
    import keras

    from ..explain.opened import Opened

    def refuse(*args, **kwargs):
        raise Wrong(
            "asks a network",
            "Your function asks a network what to do. Then it would turn answers whatever the network has learned. "
            "What you do to an image must follow from the image and its mask.",
        )

    def watched(layer, *args, **kwargs):
        return refuse() if layer.weights else called(layer, *args, **kwargs)

    called = keras.Layer.__call__
    # `explain` opens a network first, and takes one whose call is watched for a student's own class.
    with (
        mock.patch.object(keras.Layer, "__call__", watched),
        mock.patch.multiple(keras.Model, predict=refuse, predict_on_batch=refuse),
        mock.patch.object(Opened, "__init__", refuse),
    ):
        yield
