"""How good predictions are: reports, confusions and calibration over plain arrays.

Nothing here knows about networks. Labels are integers from 0, probabilities have one row an image and one column a
class, and every function says so when it is given something else.
"""

from dataclasses import dataclass

import numpy as np


def _labels(labels, name="labels"):
    array = np.asarray(labels)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ValueError(
            f"{name} has shape {array.shape} and dtype {array.dtype}; expected one integer an image, shape (images,). "
            "For probabilities or one-hot rows take .argmax(axis=1) first."
        )
    return array


def _pair(labels, predictions):
    labels, predictions = _labels(labels), _labels(predictions, "predictions")
    if len(labels) != len(predictions):
        raise ValueError(f"{len(labels)} labels and {len(predictions)} predictions; expected as many of each.")
    if not len(labels):
        raise ValueError("no labels were given; a score needs at least one image.")
    return labels, predictions


def _probabilities(labels, probabilities):
    labels, probabilities = _labels(labels), np.asarray(probabilities, dtype="float64")
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


def accuracy(labels, predictions):
    """Share of images whose predicted class is the true one.

    Parameters
    ----------
    labels, predictions : array of int, shape (images,)

    Returns
    -------
    float
        Between 0 and 1.

    Notes
    -----
    Taught in chapter 06, CNNs from scratch.

    Examples
    --------
    >>> accuracy([0, 1, 1, 2], [0, 1, 2, 2])
    0.75
    """
    labels, predictions = _pair(labels, predictions)
    return float((labels == predictions).mean())


def macro_f1(labels, predictions):
    """Mean over the classes of the F1 score, the harmonic mean of precision and recall.

    Every class counts the same, however many images it has. A class that is never predicted scores 0.

    Parameters
    ----------
    labels, predictions : array of int, shape (images,)

    Returns
    -------
    float
        Between 0 and 1.

    Notes
    -----
    Taught in chapter 06, CNNs from scratch.

    Examples
    --------
    >>> round(macro_f1([0, 0, 1, 1], [0, 0, 1, 0]), 3)
    0.733
    """
    from sklearn.metrics import f1_score

    labels, predictions = _pair(labels, predictions)
    return float(f1_score(labels, predictions, average="macro", zero_division=0))


def per_class_report(labels, predictions, class_names):
    """Precision, recall, F1 and support of every class.

    Parameters
    ----------
    labels, predictions : array of int, shape (images,)
    class_names : sequence of str
        Name of class 0, 1, ...

    Returns
    -------
    pandas.DataFrame
        A row a class and a last row ``macro mean``; columns precision, recall, F1 (0 to 1) and support (images).

    Notes
    -----
    Taught in chapter 06, CNNs from scratch.

    Examples
    --------
    >>> report = per_class_report([0, 0, 1, 1], [0, 0, 1, 0], ["cat", "dog"])
    >>> float(report.loc["dog", "recall"])
    0.5
    """
    import pandas
    from sklearn.metrics import precision_recall_fscore_support

    labels, predictions = _pair(labels, predictions)
    classes = range(len(class_names))
    columns = precision_recall_fscore_support(labels, predictions, labels=classes, zero_division=0)
    report = pandas.DataFrame(
        dict(zip(("precision", "recall", "F1", "support"), columns, strict=True)), index=list(class_names)
    )
    report.loc["macro mean"] = [*report[["precision", "recall", "F1"]].mean(), len(labels)]
    return report.astype({"support": int})


def confusion(labels, predictions, classes):
    """Confusion matrix: how many images of each true class (row) were given each predicted class (column).

    Parameters
    ----------
    labels, predictions : array of int, shape (images,)
    classes : int
        Number of classes.

    Returns
    -------
    ndarray of int64, shape (classes, classes)

    Notes
    -----
    Taught in chapter 06, CNNs from scratch.

    Examples
    --------
    >>> confusion([0, 0, 1], [0, 1, 1], classes=2)
    array([[1, 1],
           [0, 1]])
    """
    labels, predictions = _pair(labels, predictions)
    largest = max(labels.max(), predictions.max())
    if largest >= classes or min(labels.min(), predictions.min()) < 0:
        raise ValueError(f"class numbers must be from 0 to {classes - 1}, but {largest} occurs.")
    matrix = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(matrix, (labels, predictions), 1)
    return matrix


def most_confused(matrix):
    """The two classes that are taken for each other most often, in either direction.

    Parameters
    ----------
    matrix : array of int, shape (classes, classes)
        From `confusion`.

    Returns
    -------
    tuple of int
        ``(a, b)``: images of a that are called b are at least as many as images of b that are called a.

    Notes
    -----
    Taught in chapter 06, CNNs from scratch.

    Examples
    --------
    >>> most_confused([[5, 0, 1], [0, 5, 2], [0, 4, 5]])
    (2, 1)
    """
    matrix = np.asarray(matrix)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or len(matrix) < 2:
        raise ValueError(f"matrix has shape {matrix.shape}; expected a square one of two classes or more.")
    both = np.triu(matrix + matrix.T, k=1)
    a, b = (int(i) for i in np.unravel_index(both.argmax(), both.shape))
    return (a, b) if matrix[a, b] >= matrix[b, a] else (b, a)


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
