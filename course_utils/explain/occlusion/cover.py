"""Covering parts of images, and making maps of what that does to the score of a class."""

from dataclasses import dataclass, field

import numpy as np
from scipy.ndimage import gaussian_filter

from ...arithmetic.changes import as_axes, positions
from ..inputs import checked_batch_size, checked_class_index, checked_images, checked_model
from ..scores import checked_score, class_scores, ending
from .networks import occluded

SCORES = ("probability", "logit", "log_odds")
FILLS = ("mean", "blur", "noise")
METHODS = ("auto", "windows", "plain")


@dataclass(frozen=True)
class OcclusionMap:
    """What covering parts of images does to the score of a class. Made by `occlusion_map`.

    Attributes
    ----------
    heatmap : ndarray of float32, shape (images, height, width)
        How far the score falls, for each pixel the mean over all positions of the patch that cover it. Negative where
        the score rises. Near a corner that is one position, inside many, so that single extremes survive at the border:
        which position costs the score most, ``scores`` says.
    scores : ndarray of float32, shape (images, rows, columns)
        The score with the patch at each position: rows and columns from the top left, the patch wholly inside.
    baseline : ndarray of float32, shape (images,)
        The score of the whole image.
    class_index : ndarray of int64, shape (images,)
    method : str
        ``"windows"`` or ``"plain"``, as it was computed.
    whole_from : str
        The first layer from which on whole maps were computed, and why; empty where it was windows to the end.
    """

    heatmap: np.ndarray = field(repr=False)
    scores: np.ndarray = field(repr=False)
    baseline: np.ndarray
    class_index: np.ndarray
    method: str
    whole_from: str


def occlusion_map(
    model,
    images,
    class_index=None,
    patch=32,
    stride=16,
    fill=0.0,
    score="probability",
    method="auto",
    batch_size=32,
    seed=0,
    progress=False,
):
    """Cover a patch of each image, position after position, and keep the score of a class.

    The result is exact however it is computed. Covering a patch changes only those cells of a feature map whose
    receptive fields meet it. So the clean image goes through the network once, its maps are kept, and for each position
    only a window of each map is computed again, until the network itself mixes the whole image: where it flattens,
    averages over all places, or has a dense layer.

    Parameters
    ----------
    model : keras.Model
        One input of images, one output of scores; Sequential or functional, models inside it included. It is not
        changed. Layers act as they do in prediction.
    images : array, shape (images, height, width, channels)
        In the range that the model expects.
    class_index : int, array of int of shape (images,), or None
        Whose score it is; None for the class that the model predicts for the whole image.
    patch, stride : int or (int, int)
        Size of the patch and distance between two positions, in pixels: rows, columns.
    fill : float, sequence of float, {"mean", "blur", "noise"} or array
        What the patch shows: a number or a colour in the units of the images (0 is black, for a network that takes 0 to
        255); the mean colour of the image; the image itself, blurred with a Gaussian whose standard deviation is half
        the patch; normal noise with the mean and the deviation of the image's channels; or an array in the shape of an
        image or of all images, of which the patch shows its part.
    score : {"probability", "logit", "log_odds"}
        The model's output as it is (softmax of it, where the model gives logits of several classes); what comes before
        its softmax or sigmoid; or the logarithm of p / (1 - p), which keeps falling where a probability close to 1
        hardly moves.
    method : {"auto", "windows", "plain"}
        Windows as above; plain, every covered image through the whole network; or the faster one: windows where they
        save more time than it takes to compile them, reckoned from multiply-adds for the first images of a model, and
        from the seconds that its plain passes took for the next ones.
    batch_size : int
        Whole images at a time. It bounds the memory: no more numbers are held at once than the maps of this many
        images. Windows are smaller, and up to twice as many go together.
    seed : int
        Of the noise.
    progress : bool
        Show a bar on stderr.

    Returns
    -------
    OcclusionMap
        ``heatmap``, ``scores``, ``baseline``, ``class_index``, ``method``, ``whole_from``.

    Raises
    ------
    TypeError, ValueError
        The model, the images, the class or the patch do not fit together, the score cannot be told from how the network
        ends, or windows that were asked for do not give what the model gives; each message says what was expected.

    Notes
    -----
    The first image of a model takes longer, since its windows are planned and compiled; what was compiled is kept for
    its next images, as long as the model's layers stay as they are. Windows are cut through Keras' own layers only.
    What a layer of one's own changes is not known, so that from there on whole maps are computed; and all that was
    computed is compared with what the model itself gives for each image and two of its positions.

    Pixels that no position covers (at the right and the lower border, where the stride does not come out even, or
    between patches that are smaller than the stride) take the value of the nearest covered ones.

    Zeiler and Fergus (2014), Visualizing and understanding convolutional networks, section 4.2; windows: Nakandala,
    Kumar and Papakonstantinou (2019), Incremental and approximate inference for faster occlusion-based deep CNN
    explanations, SIGMOD. Taught in chapter 12, Input masking.

    Examples
    --------
    A network that looks at one corner only:

    >>> import keras
    >>> import numpy as np
    >>> model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(1)])
    >>> weights = np.zeros((8, 8))
    >>> weights[:4, :4] = 1 / 16
    >>> model.layers[-1].set_weights([weights.reshape(64, 1), np.zeros(1)])
    >>> found = occlusion_map(model, np.ones((1, 8, 8, 1)), 0, patch=4, stride=4)
    >>> found.baseline, found.scores[0]
    (array([1.], dtype=float32), array([[0., 1.],
           [1., 1.]], dtype=float32))
    """
    model = checked_model(model)
    images = checked_images(model, images)
    class_index = checked_class_index(model, images, class_index)
    batch_size = checked_batch_size(batch_size)
    patch, stride = as_axes("patch", patch), as_axes("stride", stride)
    for name, options, given in (("score", SCORES, score), ("method", METHODS, method)):
        if given not in options:
            raise ValueError(f"{name} is {given!r}; expected {', '.join(map(repr, options))}.")
    size = images.shape[1:3]
    if patch[0] > size[0] or patch[1] > size[1]:
        raise ValueError(
            f"patch is {patch[0]}x{patch[1]} pixels and larger than the images, {size[0]}x{size[1]}; make it smaller."
        )
    filled = _filled(images, fill, patch, seed)

    starts = [positions(cells, side, step) for cells, side, step in zip(size, patch, stride, strict=True)]
    ends = ending(model)
    checked_score(ends, score)
    left_out = ends.kind if score != "probability" and ends.squashed else None
    found = occluded(model, images, filled, patch, stride, batch_size, left_out, method, progress)
    outputs = np.concatenate([found.clean[:, None], found.covered], axis=1).astype("float64")
    finite = np.isfinite(outputs).all(axis=(1, 2))
    if not finite.all():
        raise ValueError(
            f"the scores of image {int(finite.argmin())} from {model.name!r} are NaN or infinite, so that there is "
            "nothing to explain. Look at the model's weights: did its training fail?"
        )
    every = class_scores(outputs, class_index, score, ends)
    baseline, scores = every[:, 0], every[:, 1:].reshape(len(images), *map(len, starts))
    heatmap = _spread(baseline[:, None, None] - scores, starts, patch, size)
    as_floats = (values.astype("float32") for values in (heatmap, scores, baseline))
    return OcclusionMap(*as_floats, class_index, found.method, found.whole_from)


# ----------------------------------------------------------------------------------------------- what a patch shows


def _filled(images, fill, patch, seed):
    """What the patch shows of each image, wherever it lies: an array in the shape of the images."""
    if isinstance(fill, str):
        if fill == "mean":
            return np.broadcast_to(images.mean(axis=(1, 2), keepdims=True), images.shape)
        if fill == "noise":
            noise = np.random.default_rng(seed).standard_normal(images.shape)
            mean, deviation = images.mean(axis=(1, 2), keepdims=True), images.std(axis=(1, 2), keepdims=True)
            return (mean + deviation * noise).astype("float32")
        if fill == "blur":
            deviations = (0, *(side / 2 for side in patch), 0)
            return gaussian_filter(images, deviations, mode="nearest", truncate=3)
        raise ValueError(f"fill is {fill!r}; expected a number, a colour, an array, or {', '.join(map(repr, FILLS))}.")
    given = np.asarray(fill)
    if given.dtype.kind not in "biuf":
        raise TypeError(f"fill is an array of {given.dtype}; expected numbers in the units of the images.")
    if not np.isfinite(given).all():
        raise ValueError("fill holds NaN or infinity; expected numbers in the units of the images.")
    if given.shape not in ((), (1,), images.shape[3:], images.shape[1:], images.shape):
        raise ValueError(
            f"fill has shape {given.shape}; expected a number, a colour of {images.shape[3]} channels, or an array of "
            f"shape {images.shape[1:]} or {images.shape}."
        )
    return np.broadcast_to(given.astype("float32"), images.shape)


# ---------------------------------------------------------------------------------------------- scores and heatmaps


def _spread(drops, starts, patch, size):
    """From a number for each position one for each pixel: the mean over the positions that cover it."""
    weights = []
    for first, side, cells in zip(starts, patch, size, strict=True):
        pixel = np.arange(cells)
        covers = (pixel >= first[:, None]) & (pixel < first[:, None] + side)
        covered = np.flatnonzero(covers.any(axis=0))
        nearest = covered[np.abs(pixel[:, None] - covered).argmin(axis=1)]
        covers = covers[:, nearest]
        weights.append(covers / covers.sum(axis=0))
    return weights[0].T @ drops @ weights[1]
