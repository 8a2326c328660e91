"""How far to believe a network's probabilities: calibration, and temperatures that mend it."""

from dataclasses import dataclass

import numpy as np

from ..arithmetic.sizes import whole_number
from .given import class_probabilities, labelled_probabilities, positive


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

    Raises
    ------
    ValueError
        Labels are no integers that number the columns, or the rows are no probabilities, or there
        are none; or bins is no whole number.

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
    labels, probabilities = labelled_probabilities(labels, probabilities)
    bins = whole_number("bins", bins, at_least=1)
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

    Raises
    ------
    ValueError
        The rows are no probabilities, or the temperature is not above 0.

    Notes
    -----
    The logarithm of a softmax is the scores but for a constant, which the second softmax removes. Taught in chapter
    06, CNNs from scratch.

    Examples
    --------
    >>> soften([[0.9, 0.1]], temperature=2.0).round(2)
    array([[0.75, 0.25]])
    """
    return _softened(class_probabilities(probabilities), positive("temperature", temperature))


def _softened(probabilities, temperature):
    from scipy.special import softmax

    return softmax(np.log(np.clip(probabilities, 1e-12, None)) / temperature, axis=1)


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

    Raises
    ------
    ValueError
        Labels are no integers that number the columns, or the rows are no probabilities, or there are none.

    Notes
    -----
    Guo et al. (2017), section 4.2. A search along the logarithm of the temperature finds it, since the cross-entropy
    has one minimum in ``1 / temperature``. Taught in chapter 06, CNNs from scratch.

    Examples
    --------
    >>> labels = [0, 0, 0, 1]  # a network that says 0.99 and is right three times in four
    >>> round(fit_temperature(labels, [[0.99, 0.01]] * 4), 1)
    4.2
    """
    from scipy.optimize import minimize_scalar

    labels, probabilities = labelled_probabilities(labels, probabilities)
    rows = np.arange(len(labels))

    def cross_entropy(log_temperature):
        return -np.log(_softened(probabilities, np.exp(log_temperature))[rows, labels] + 1e-300).mean()

    found = minimize_scalar(cross_entropy, bounds=np.log([0.05, 20.0]), method="bounded", options={"xatol": 1e-8})
    return float(np.exp(found.x))
