"""How far to believe a network's probabilities: calibration, and temperatures that mend it."""

from dataclasses import dataclass

import numpy as np

from .classes import class_numbers


def _probabilities(labels, probabilities):
    labels, probabilities = class_numbers(labels), np.asarray(probabilities, dtype="float64")
    if probabilities.ndim != 2 or len(probabilities) != len(labels):
        raise ValueError(
            f"probabilities has shape {probabilities.shape}; expected ({len(labels)}, classes), a row for each label."
        )
    if not np.isfinite(probabilities).all() or (probabilities < 0).any():
        raise ValueError("probabilities has negative or non-finite values; give the network's softmax outputs.")
    if np.abs(probabilities.sum(axis=1) - 1).max() > 0.01:
        raise ValueError("rows of probabilities do not sum to 1; give the softmax of the scores, not the scores.")
    if labels.max() >= probabilities.shape[1]:
        raise ValueError(f"label {labels.max()} has no column among the {probabilities.shape[1]} of probabilities.")
    return labels, probabilities


@dataclass(frozen=True)
class Calibration:
    """How often a network is right against how sure it is, in bins of confidence. Made by `calibration`.

    Attributes
    ----------
    confidence, accuracy : ndarray of float, shape (bins,)
        Mean confidence and share of right answers in each bin; NaN where the bin is empty.
    count : ndarray of int, shape (bins,)
        Images in each bin.
    error : float
        Expected calibration error: the mean of ``|confidence - accuracy|`` over images.
    """

    confidence: np.ndarray
    accuracy: np.ndarray
    count: np.ndarray
    error: float


def calibration(labels, probabilities, bins=15):
    """Compare confidence, the largest probability of each row, with the share of right answers.

    Parameters
    ----------
    labels : array of int, shape (images,)
    probabilities : array of float, shape (images, classes)
        Rows that sum to 1.
    bins : int
        Number of equally wide bins of confidence between 0 and 1.

    Returns
    -------
    Calibration

    Notes
    -----
    Guo et al. (2017), "On calibration of modern neural networks", equations 2 and 3. Taught in chapter 06, CNNs from
    scratch.

    Examples
    --------
    >>> sure_and_half_right = calibration([0, 1], [[0.99, 0.01], [0.99, 0.01]])
    >>> round(sure_and_half_right.error, 2)
    0.49
    """
    labels, probabilities = _probabilities(labels, probabilities)
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    bin_of = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)  # bin k holds (k/bins, (k+1)/bins]
    count = np.bincount(bin_of, minlength=bins)
    with np.errstate(invalid="ignore"):
        mean_confidence = np.bincount(bin_of, confidence, bins) / count
        mean_right = np.bincount(bin_of, right, bins) / count
    error = np.nansum(np.abs(mean_confidence - mean_right) * count) / len(labels)
    return Calibration(mean_confidence, mean_right, count, float(error))


def soften(probabilities, temperature):
    """Divide the scores behind these probabilities by a temperature and take the softmax again.

    Above 1 it makes a network less sure, below 1 surer; the predicted class stays the same.

    Parameters
    ----------
    probabilities : array of float, shape (images, classes)
    temperature : float
        Above 0.

    Returns
    -------
    ndarray of float64, shape (images, classes)

    Notes
    -----
    The logarithm of a softmax is the scores but for a constant, which the second softmax removes. Taught in chapter
    06, CNNs from scratch.

    Examples
    --------
    >>> soften([[0.9, 0.1]], temperature=2.0).round(2)
    array([[0.75, 0.25]])
    """
    if not temperature > 0:
        raise ValueError(f"temperature is {temperature}; it must be above 0.")
    scores = np.log(np.clip(np.asarray(probabilities, dtype="float64"), 1e-12, None)) / temperature
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def fit_temperature(labels, probabilities):
    """The temperature at which these probabilities explain the labels best (smallest cross-entropy).

    Parameters
    ----------
    labels : array of int, shape (images,)
        Of images that the network was not trained on.
    probabilities : array of float, shape (images, classes)

    Returns
    -------
    float
        Between 0.05 and 20.

    Notes
    -----
    Guo et al. (2017), section 4.2. Golden-section search on the logarithm of the temperature: the cross-entropy has
    one minimum in ``1 / temperature``. Taught in chapter 06, CNNs from scratch.

    Examples
    --------
    >>> labels = [0, 0, 0, 1]  # a network that says 0.99 and is right three times in four
    >>> round(fit_temperature(labels, [[0.99, 0.01]] * 4), 1)
    4.2
    """
    labels, probabilities = _probabilities(labels, probabilities)
    rows = np.arange(len(labels))

    def cross_entropy(log_temperature):
        return -np.log(soften(probabilities, np.exp(log_temperature))[rows, labels] + 1e-300).mean()

    low, high = np.log(0.05), np.log(20.0)
    ratio = (np.sqrt(5) - 1) / 2
    for _ in range(60):  # each step keeps 0.618 of the interval: 60 leave less than 1e-11
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if cross_entropy(left) < cross_entropy(right):
            high = right
        else:
            low = left
    return float(np.exp((low + high) / 2))
