"""What scores are computed from, looked over before: numbers of classes, rows of probabilities, finite numbers."""

import math

import numpy as np


def array_of(name, values):
    """``values`` as an array, or an error that names the argument."""
    try:
        array = np.asarray(values)
    except Exception as error:  # rows of different length, or a tensor that NumPy cannot read: each has its own error
        raise ValueError(f"{name} cannot be read as an array: {error}. Give a NumPy array or lists of it.") from error
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} has dtype {array.dtype}; expected numbers.")
    return array


def finite(name, values):
    """``values`` as an array of float64, or an error where one of them is no finite number."""
    array = array_of(name, values).astype("float64")
    if not np.isfinite(array).all():
        place = tuple(int(index) for index in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(
            f"{name} holds {array[place]} at {place}; expected finite numbers. Find out where it comes from."
        )
    return array


def positive(name, value):
    """``value`` as a float, or an error where it is no finite number above 0."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 < number < math.inf:
        raise ValueError(f"{name} is {value!r}; it must be above 0, a single finite number.")
    return number


def class_numbers(labels, name="labels", classes=None):
    """Numbers of classes as an array of int64, or an error.

    ``classes`` is how many classes there are, where that is known.
    """
    array = array_of(name, labels)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ValueError(
            f"{name} has shape {array.shape} and dtype {array.dtype}; expected one integer an image, shape (images,). "
            "For probabilities or one-hot rows take .argmax(axis=1) first."
        )
    if not len(array):
        raise ValueError(f"{name} is empty; a score needs at least one image.")
    wrong = array < 0 if classes is None else (array < 0) | (array >= classes)
    if wrong.any():
        allowed = "from 0 on" if classes is None else f"from 0 to {classes - 1}"
        place = int(wrong.argmax())
        raise ValueError(
            f"class numbers must be {allowed}, but {array[place]} occurs in {name}, at {place}. Number the classes from"
            " 0, and leave out images without a class."
        )
    return array.astype("int64")


def class_pairs(labels, predictions, classes=None):
    """True and predicted classes of the same images, as two arrays of int64, or an error."""
    labels = class_numbers(labels, "labels", classes)
    predictions = class_numbers(predictions, "predictions", classes)
    if len(labels) != len(predictions):
        raise ValueError(f"{len(labels)} labels and {len(predictions)} predictions; expected as many of each.")
    return labels, predictions


def class_probabilities(probabilities):
    """Rows of probabilities as an array of float64, or an error where a row is none."""
    array = array_of("probabilities", probabilities).astype("float64")
    if array.ndim != 2 or not array.size:
        raise ValueError(
            f"probabilities has shape {array.shape}; expected (images, classes), a row for each label and at least one."
        )
    if not np.isfinite(array).all() or (array < 0).any():
        raise ValueError("probabilities has negative or non-finite values; give the network's softmax outputs.")
    off = np.abs(array.sum(axis=1) - 1)
    if off.max() > 0.01:
        row = int(off.argmax())
        raise ValueError(
            f"rows of probabilities do not sum to 1: row {row} sums to {array[row].sum():.3g}. Give the softmax of the "
            "scores, not the scores."
        )
    return array


def labelled_probabilities(labels, probabilities):
    """True classes, and rows of probabilities of the same images, or an error."""
    probabilities, labels = class_probabilities(probabilities), class_numbers(labels)
    if len(probabilities) != len(labels):
        raise ValueError(
            f"probabilities has shape {probabilities.shape}; expected ({len(labels)}, classes), a row for each label."
        )
    if labels.max() >= probabilities.shape[1]:
        raise ValueError(
            f"label {labels.max()} has no column among the {probabilities.shape[1]} of probabilities; labels go from 0 "
            f"to {probabilities.shape[1] - 1}."
        )
    return labels, probabilities
