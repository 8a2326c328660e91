"""How well regions agree: boxes and masks against the true ones."""

import numpy as np

from .given import array_of, finite, positive


def box_iou(a, b):
    """Intersection over union of boxes, pair by pair.

    The area that two boxes share, divided by the area that they cover together: 1 for the same box, 0 for boxes that
    do not overlap, however far apart they are.

    Parameters
    ----------
    a, b : array of float, shape (boxes, 4)
        x0, y0, x1, y1 of each box, in pixels, as in `course_utils.datasets.drawn.Drawing.boxes`: x1 - x0 is the width.

    Returns
    -------
    ndarray of float64, shape (boxes,)
        Between 0 and 1. It is 0 for a pair of boxes that both have no area.

    Raises
    ------
    ValueError
        The arrays are not (boxes, 4), not equally long, or hold a box whose x1 is below its x0, or y1 below its y0.

    Notes
    -----
    Everingham et al. (2010), "The Pascal visual object classes (VOC) challenge", section 4.2. Taught in chapter 01,
    Tasks.

    Examples
    --------
    >>> box_iou([[0, 0, 2, 2], [0, 0, 2, 2]], [[1, 0, 3, 2], [5, 5, 6, 6]]).round(3)
    array([0.333, 0.   ])
    """
    a, b = checked_boxes("a", a), checked_boxes("b", b)
    if len(a) != len(b):
        raise ValueError(f"{len(a)} boxes in a and {len(b)} in b; expected as many, since they are compared in pairs.")
    sides = np.clip(np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2]), 0, None)
    shared = sides.prod(axis=1)
    together = (a[:, 2:] - a[:, :2]).prod(axis=1) + (b[:, 2:] - b[:, :2]).prod(axis=1) - shared
    return np.divide(shared, together, out=np.zeros(len(a)), where=together > 0)


def mask_iou(truth, prediction):
    """Intersection over union of masks: one value an image.

    The number of pixels that are 1 in both masks, divided by the number that are 1 in either.

    Parameters
    ----------
    truth, prediction : array of bool or int, shape (images, height, width) or (images, height, width, 1)
        1 on the object, else 0.

    Returns
    -------
    ndarray of float64, shape (images,)
        Between 0 and 1. Where both masks of an image are empty, it is 1: nothing was there, and nothing was found.

    Raises
    ------
    ValueError
        The arrays have other shapes or other values than 0 and 1, such as probabilities.

    Notes
    -----
    Taught in chapter 01, Tasks.

    Examples
    --------
    >>> truth = np.zeros((1, 4, 4), int)
    >>> truth[0, :2] = 1  # the upper half
    >>> mask_iou(truth, np.ones((1, 4, 4), int))
    array([0.5])
    """
    truth, prediction = _masks("truth", truth), _masks("prediction", prediction)
    if truth.shape != prediction.shape:
        raise ValueError(f"truth has shape {truth.shape} and prediction {prediction.shape}; expected the same shape.")
    shared = (truth & prediction).sum(axis=(1, 2))
    together = (truth | prediction).sum(axis=(1, 2))
    return np.divide(shared, together, out=np.ones(len(truth)), where=together > 0)


def smooth_l1(truth, prediction, beta=1.0):
    """Smooth L1 loss: a parabola for small errors, a straight line for large ones, averaged over each row.

    An error d costs d**2 / (2 * beta) up to beta, and \\|d\\| - beta / 2 beyond it, so that one box which is far off
    does not outweigh all the others.

    Parameters
    ----------
    truth, prediction : array of float, shape (rows, values)
        Such as boxes, shape (boxes, 4).
    beta : float
        Above 0: the error at which the parabola becomes a line, in the unit of the values.

    Returns
    -------
    ndarray of float64, shape (rows,)
        The mean over the values of each row.

    Raises
    ------
    ValueError
        The arrays have other shapes, or beta is not above 0.

    Notes
    -----
    Girshick (2015), "Fast R-CNN", equations 2 and 3, which has beta = 1 and adds the four values of a box instead of
    averaging them. Keras' ``Huber(delta)`` is delta times this loss with beta = delta. Taught in chapter 01, Tasks.

    Examples
    --------
    >>> smooth_l1([[0.0, 0.0], [0.0, 0.0]], [[0.5, 0.5], [3.0, -3.0]])
    array([0.125, 2.5  ])
    """
    truth, prediction = finite("truth", truth), finite("prediction", prediction)
    if truth.ndim != 2 or not truth.shape[1] or truth.shape != prediction.shape:
        raise ValueError(
            f"truth has shape {truth.shape} and prediction {prediction.shape}; expected (rows, values), the same for "
            "both, such as (boxes, 4)."
        )
    beta = positive("beta", beta)
    error = np.abs(truth - prediction)
    return np.where(error < beta, error**2 / (2 * beta), error - beta / 2).mean(axis=1)


def checked_boxes(name, boxes):
    """Boxes as an array of float64, or an error that names the first that is none."""
    boxes = finite(name, boxes)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(
            f"{name} has shape {boxes.shape}; expected (boxes, 4): x0, y0, x1, y1. For one box give [box]."
        )
    wrong = ~(boxes[:, :2] <= boxes[:, 2:]).all(axis=1)
    if wrong.any():
        first = int(wrong.argmax())
        raise ValueError(
            f"box {first} of {name} is {boxes[first].tolist()}; expected x0, y0, x1, y1 with x0 <= x1 and y0 <= y1. "
            "Is it x, y, width, height?"
        )
    return boxes


def _masks(name, masks):
    masks = array_of(name, masks)
    if masks.ndim == 4 and masks.shape[-1] == 1:
        masks = masks[..., 0]
    if masks.ndim != 3:
        raise ValueError(
            f"{name} has shape {masks.shape}; expected (images, height, width), or that with one channel at the end."
        )
    if not np.isin(masks, (0, 1)).all():
        raise ValueError(
            f"{name} holds other values than 0 and 1; for probabilities give {name} > 0.5, for numbers of classes "
            f"{name} == the class."
        )
    return masks.astype(bool)
