"""Scores of predicted classes: accuracy, F1, reports and confusions."""

import numpy as np


def class_numbers(labels, name="labels"):
    array = np.asarray(labels)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ValueError(
            f"{name} has shape {array.shape} and dtype {array.dtype}; expected one integer an image, shape (images,). "
            "For probabilities or one-hot rows take .argmax(axis=1) first."
        )
    return array


def _pair(labels, predictions):
    labels, predictions = class_numbers(labels), class_numbers(predictions, "predictions")
    if len(labels) != len(predictions):
        raise ValueError(f"{len(labels)} labels and {len(predictions)} predictions; expected as many of each.")
    if not len(labels):
        raise ValueError("no labels were given; a score needs at least one image.")
    return labels, predictions


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
