"""Scores of a class for each pixel: overlap and Dice of every class, over all images together."""

import numpy as np

from ..arithmetic.sizes import whole_number
from .given import array_of


def class_iou(labels, predictions, classes):
    """Intersection over union of each class, over the pixels of all images together.

    Parameters
    ----------
    labels, predictions : array of int, shape (images, height, width) or any other, the same for both
        Numbers of classes, from 0.
    classes : int
        How many there are.

    Returns
    -------
    ndarray of float64, shape (classes,)
        Between 0 and 1. NaN for a class that is neither in the labels nor in the predictions; 0 for one that is only
        in one of them.

    Raises
    ------
    ValueError
        Labels or predictions are no whole numbers from 0 to ``classes - 1``, such as trimaps that count from 1, or have
        other shapes.

    Notes
    -----
    What `keras.metrics.IoU` and `keras.metrics.MeanIoU` count, class by class. Everingham et al. (2015), section 5.3.
    Taught in chapter 10, Segmentation.

    Examples
    --------
    >>> class_iou([[0, 0, 1, 1]], [[0, 1, 1, 1]], classes=3).round(3)
    array([0.5  , 0.667,   nan])
    """
    shared, true, found = _counted(labels, predictions, classes)
    together = true + found - shared
    return np.divide(shared, together, out=np.full(len(shared), np.nan), where=together > 0)


def mean_iou(labels, predictions, classes):
    """Mean of `class_iou` over the classes that are there, in the labels or in the predictions.

    Parameters
    ----------
    labels, predictions : array of int, shape (images, height, width) or any other, the same for both
    classes : int

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    ValueError
        As for `class_iou`; or there are no pixels.

    Notes
    -----
    The same as `keras.metrics.MeanIoU`, which leaves out absent classes too. Taught in chapter 10, Segmentation.

    Examples
    --------
    >>> round(mean_iou([[0, 0, 1, 1]], [[0, 1, 1, 1]], classes=3), 3)
    0.583
    """
    ious = class_iou(labels, predictions, classes)
    if np.isnan(ious).all():
        raise ValueError("there are no pixels; a mean IoU needs at least one.")
    return float(np.nanmean(ious))


def class_dice(labels, predictions, classes):
    """Dice of each class, over the pixels of all images together: twice what is shared, divided by both areas.

    Parameters
    ----------
    labels, predictions : array of int, shape (images, height, width) or any other, the same for both
    classes : int

    Returns
    -------
    ndarray of float64, shape (classes,)
        Between 0 and 1; NaN for a class that is neither in the labels nor in the predictions. From an IoU of J it is
        2J / (1 + J), and it is the F1 score of the class's pixels.

    Raises
    ------
    ValueError
        As for `class_iou`.

    Notes
    -----
    Dice (1945), "Measures of the amount of ecologic association between species". Taught in chapter 10, Segmentation.

    Examples
    --------
    >>> class_dice([[0, 0, 1, 1]], [[0, 1, 1, 1]], classes=3).round(3)
    array([0.667, 0.8  ,   nan])
    """
    shared, true, found = _counted(labels, predictions, classes)
    return np.divide(2 * shared, true + found, out=np.full(len(shared), np.nan), where=true + found > 0)


def _counted(labels, predictions, classes):
    """Pixels of each class that are right, that are of the class, and that were given to it."""
    classes = whole_number("classes", classes, at_least=2)
    labels, predictions = _numbers("labels", labels, classes), _numbers("predictions", predictions, classes)
    if labels.shape != predictions.shape:
        raise ValueError(
            f"labels have shape {labels.shape} and predictions {predictions.shape}; expected the same for both. "
            "Of masks (images, height, width, 1) take [..., 0]; of probabilities take .argmax(axis=-1)."
        )
    right = labels[labels == predictions]
    return tuple(np.bincount(each.ravel(), minlength=classes) for each in (right, labels, predictions))


def _numbers(name, values, classes):
    array = array_of(name, values)
    if array.dtype.kind not in "iu" or array.ndim < 1:
        raise ValueError(
            f"{name} have dtype {array.dtype}; expected whole numbers of classes. Of probabilities take "
            ".argmax(axis=-1)."
        )
    if array.size and not 0 <= array.min() <= array.max() < classes:
        raise ValueError(
            f"{name} go from {array.min()} to {array.max()}; expected 0 to {classes - 1} with {classes} classes. "
            "Trimaps of the pets count from 1: subtract 1."
        )
    return array
