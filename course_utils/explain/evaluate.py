"""How good a map is: whether it points at the object, and whether the network minds losing what it marks."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt
from scipy.stats import spearmanr

from ..evaluation import wilson_interval
from .inputs import checked_batch_size, checked_class_index, checked_images, checked_model, scores_of
from .maps import blurred, checked_maps, checked_masks


@dataclass(frozen=True)
class PointingGame:
    """How often the highest place of a map lies on the object. Made by `pointing_game`.

    Attributes
    ----------
    hits : ndarray of float64, shape (images,)
        1 where it does, 0 where it does not; between them where several places are the highest.
    rate : float
        Their mean.
    interval : tuple of float
        (low, high): 95 % confidence, by `course_utils.evaluation.wilson_interval`.
    """

    hits: np.ndarray
    rate: float
    interval: tuple


def pointing_game(heatmaps, masks, tolerance=0):
    """Whether the highest place of each map lies on the object.

    It asks only where a map points, not how well it covers the object. A point in the middle of the picture, which
    knows nothing, is the baseline to beat: objects are seldom at the edge.

    Parameters
    ----------
    heatmaps : array of float, shape (images, height, width)
        Or the result of an explanation, whose ``heatmap`` is taken.
    masks : array of bool or int, shape (images, height, width) or (images, height, width, 1)
        1 on the object, else 0.
    tolerance : float
        Pixels by which a point may miss the object, centre to centre: 0 to be exact, 15 in the source.

    Returns
    -------
    PointingGame

    Raises
    ------
    TypeError, ValueError
        Maps and masks do not fit together, hold something else, or a mask is empty.

    Notes
    -----
    Where several pixels share the highest value, the share of them that hit counts, which is what choosing one at
    random would score on average: a map that is the same everywhere scores the share of the picture that the object
    covers. Zhang et al. (2018), "Top-down neural attention by excitation backprop", section 4.1. Taught in chapter 12,
    Input masking.

    Examples
    --------
    >>> import numpy as np
    >>> masks = np.zeros((2, 4, 4), int)
    >>> masks[:, :2] = 1  # the upper half
    >>> heatmaps = np.zeros((2, 4, 4))
    >>> heatmaps[0, 1, 3] = heatmaps[1, 3, 3] = 1
    >>> pointing_game(heatmaps, masks).hits
    array([1., 0.])
    """
    heatmaps = checked_maps("heatmaps", heatmaps)
    masks = _objects(masks, heatmaps.shape)
    if not tolerance >= 0:
        raise ValueError(f"tolerance is {tolerance}; expected pixels, 0 or more.")
    near = np.stack([_grown(mask, tolerance) for mask in masks])
    highest = heatmaps == heatmaps.max(axis=(1, 2), keepdims=True)
    hits = (highest & near).sum(axis=(1, 2)) / highest.sum(axis=(1, 2))
    return PointingGame(hits, float(hits.mean()), wilson_interval(hits.sum(), len(hits)))


def energy_inside(heatmaps, masks):
    """The share of each map's sum that lies on the object.

    Parameters
    ----------
    heatmaps : array of float, shape (images, height, width)
        Without negative values. Or the result of an explanation, whose ``heatmap`` is taken.
    masks : array of bool or int, shape (images, height, width) or (images, height, width, 1)
        1 on the object, else 0.

    Returns
    -------
    ndarray of float64, shape (images,)
        1 where all of the map is on the object. A map that is the same everywhere has the share of the picture that the
        object covers, and so has a map of zeros, which says as little.

    Raises
    ------
    TypeError, ValueError
        Maps and masks do not fit together, hold something else, or a mask is empty.

    Notes
    -----
    Wang et al. (2020), "Score-CAM: Score-weighted visual explanations for convolutional neural networks", section 4.3,
    which has boxes for masks. Taught in chapter 12, Input masking.

    Examples
    --------
    >>> import numpy as np
    >>> masks = np.zeros((1, 4, 4), int)
    >>> masks[:, :1] = 1
    >>> energy_inside(np.ones((1, 4, 4)), masks)
    array([0.25])
    """
    heatmaps = checked_maps("heatmaps", heatmaps)
    masks = _objects(masks, heatmaps.shape)
    if (heatmaps < 0).any():
        raise ValueError(
            f"heatmaps goes down to {heatmaps.min():.3g}; a share of a sum needs values of 0 or more. Give "
            "heatmaps.clip(0), what speaks for the class, or abs(heatmaps)."
        )
    total = heatmaps.sum(axis=(1, 2))
    inside = (heatmaps * masks).sum(axis=(1, 2))
    return np.where(total > 0, inside / np.where(total > 0, total, 1), masks.mean(axis=(1, 2)))


@dataclass(frozen=True)
class Curve:
    """How the score of a class changes while pixels go or come, the highest of a map first.

    Made by `deletion` and `insertion`.

    Attributes
    ----------
    share : ndarray of float64, shape (steps + 1,)
        Of the pixels that have been changed, from 0 to 1.
    scores : ndarray of float64, shape (images, steps + 1)
        The model's output for the class.
    area : ndarray of float64, shape (images,)
        Under each curve, by trapezia: the mean score along the way.
    """

    share: np.ndarray
    scores: np.ndarray
    area: np.ndarray


def deletion(model, images, heatmaps, class_index=None, steps=20, fill=None, batch_size=32):
    """The score of a class while the pixels of an image are painted over, the highest of the map first.

    A map that shows what the network looks at makes the score fall at once: a small area is good. It is compared with
    that of another map of the same images, such as one of random numbers, never with 0.

    Parameters
    ----------
    model : keras.Model
        One input of images, one output of scores.
    images : array, shape (images, height, width, channels)
        In the range that the model expects.
    heatmaps : array of float, shape (images, height, width)
        Or the result of an explanation, whose ``heatmap`` is taken.
    class_index : int, array of int of shape (images,), or None
        None for the class that the model predicts for the whole image.
    steps : int
        Into how many parts the pixels are divided.
    fill : number or array, optional
        What they are painted with, in the unit of the images: a number, a colour, or images. None for the mean colour
        of each image.
    batch_size : int
        Images at a time; an image is seen ``steps + 1`` times.

    Returns
    -------
    Curve

    Raises
    ------
    TypeError, ValueError
        The model, the images, the class and the maps do not fit together.

    Notes
    -----
    Pixels of the same value go in the order of reading, row by row. Petsiuk et al. (2018), "RISE: Randomized input
    sampling for explanation of black-box models", deletion and insertion. Images with painted holes are none that the
    network was trained on, so that part of a fall may come from the holes. Taught in chapter 12, Input masking.

    Examples
    --------
    >>> import numpy as np
    >>> import keras
    >>> mean = keras.Sequential([keras.Input((2, 2, 1)), keras.layers.GlobalAveragePooling2D()])
    >>> image = np.array([[4.0, 0.0], [0.0, 8.0]]).reshape(1, 2, 2, 1)
    >>> curve = deletion(mean, image, image[..., 0], steps=4, fill=0)
    >>> curve.scores
    array([[3., 1., 0., 0., 0.]])
    >>> curve.area
    array([0.625])
    """
    return _curve(model, images, heatmaps, class_index, steps, fill, batch_size, inserted=False)


def insertion(model, images, heatmaps, class_index=None, steps=20, fill=None, batch_size=32):
    """The score of a class while the pixels of an image appear on a blurred copy, the highest of the map first.

    A map that shows what the network looks at makes the score rise at once: a large area is good.

    Parameters
    ----------
    model, images, heatmaps, class_index, steps, batch_size
        As for `deletion`.
    fill : number or array, optional
        What the pixels appear on, in the unit of the images: a number, a colour, or images. None for the images
        blurred by a Gaussian of 5 pixels standard deviation, or a 16th of the longer side where that is less.

    Returns
    -------
    Curve

    Raises
    ------
    TypeError, ValueError
        The model, the images, the class and the maps do not fit together.

    Notes
    -----
    Pixels of the same value come in the order of reading, row by row. Petsiuk et al. (2018), "RISE: Randomized input
    sampling for explanation of black-box models", deletion and insertion. Taught in chapter 12, Input masking.

    Examples
    --------
    >>> import numpy as np
    >>> import keras
    >>> mean = keras.Sequential([keras.Input((2, 2, 1)), keras.layers.GlobalAveragePooling2D()])
    >>> image = np.array([[4.0, 0.0], [0.0, 8.0]]).reshape(1, 2, 2, 1)
    >>> insertion(mean, image, image[..., 0], steps=4, fill=0).scores
    array([[0., 2., 3., 3., 3.]])
    """
    return _curve(model, images, heatmaps, class_index, steps, fill, batch_size, inserted=True)


def agreement(map_a, map_b):
    """Whether two maps of an image put its pixels in the same order: their rank correlation.

    Parameters
    ----------
    map_a, map_b : array of float, shape (images, height, width)
        Or results of explanations, whose ``heatmap`` is taken. Give ``abs(maps)`` where signs shall not count.

    Returns
    -------
    ndarray of float64, shape (images,)
        1 for the same order, 0 for none in common, -1 for the opposite one. NaN where a map is the same everywhere and
        has no order.

    Raises
    ------
    TypeError, ValueError
        The maps have other shapes or hold something else than finite numbers.

    Notes
    -----
    Spearman's correlation, with the mean rank for pixels of the same value. Two smooth maps with a bright middle agree
    without having anything to do with each other, so that a number needs one to be compared with, such as the
    agreement of the map with that of another image. Used by Adebayo et al. (2018), "Sanity checks for saliency maps",
    section 3. Taught in chapter 12, Input masking.

    Examples
    --------
    >>> import numpy as np
    >>> one = np.arange(6.0).reshape(1, 2, 3)
    >>> agreement(one, one**3), agreement(one, -one)
    (array([1.]), array([-1.]))
    """
    map_a = checked_maps("map_a", map_a)
    map_b = checked_maps("map_b", map_b, like=map_a.shape)
    return np.array([_rank_correlation(a.ravel(), b.ravel()) for a, b in zip(map_a, map_b, strict=True)])


def _rank_correlation(a, b):
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return np.nan
    return spearmanr(a, b).statistic


def _objects(masks, like):
    masks = checked_masks("masks", masks, like)
    empty = ~masks.any(axis=(1, 2))
    if empty.any():
        raise ValueError(
            f"mask {int(empty.argmax())} is empty: there is nothing for its map to find. Leave that image out."
        )
    return masks


def _grown(mask, reach):
    """A mask with all pixels whose centre is at most so far from the centre of one of it."""
    return distance_transform_edt(~mask) <= reach


def _curve(model, images, heatmaps, class_index, steps, fill, batch_size, inserted):
    model = checked_model(model)
    images = checked_images(model, images)
    heatmaps = checked_maps("heatmaps", heatmaps, like=images.shape[:3])
    batch_size = checked_batch_size(batch_size)
    class_index = checked_class_index(model, images, class_index)
    pixels = images.shape[1] * images.shape[2]
    if isinstance(steps, bool) or not isinstance(steps, (int, np.integer)) or not 1 <= steps <= pixels:
        raise ValueError(f"steps is {steps!r}; expected an integer from 1 to {pixels}, the pixels of an image.")
    other = _filling(images, fill, inserted)
    before, after = (other, images) if inserted else (images, other)

    counts = np.round(np.linspace(0, 1, steps + 1) * pixels).astype(int)
    scores = np.empty((len(images), steps + 1))
    for index, heatmap in enumerate(heatmaps):
        order = np.argsort(-heatmap, axis=None, kind="stable")
        place = np.empty(pixels, int)
        place[order] = np.arange(pixels)
        changed = place.reshape(heatmap.shape) < counts[:, None, None]
        series = np.where(changed[..., None], after[index], before[index])
        scores[index] = scores_of(model, series, batch_size)[:, class_index[index]]
    share = counts / pixels
    area = ((scores[:, 1:] + scores[:, :-1]) / 2 * np.diff(share)).sum(axis=1)
    return Curve(share, scores, area)


def _filling(images, fill, inserted):
    if fill is None and inserted:
        return blurred(images, min(5.0, max(images.shape[1:3]) / 16))
    if fill is None:
        return np.broadcast_to(images.mean(axis=(1, 2), keepdims=True), images.shape)
    fill = np.asarray(fill, "float32")
    try:
        return np.broadcast_to(fill, images.shape)
    except ValueError:
        raise ValueError(
            f"fill has shape {fill.shape}; expected a number, a colour of {images.shape[-1]} channels, or an array of "
            f"the shape of the images, {images.shape}."
        ) from None
