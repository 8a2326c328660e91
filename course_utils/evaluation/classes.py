"""Scores of predicted classes: accuracy, F1, reports and confusions."""

import numpy as np

from ..arithmetic.sizes import whole_number
from .given import array_of, class_pairs


def accuracy(labels, predictions):
    """Share of images whose predicted class is the true one.

    Parameters
    ----------
    labels, predictions : array of int, shape (images,)

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    ValueError
        Labels or predictions are no integers from 0 on, one an image, as many of each; or there are none.

    Notes
    -----
    Taught in chapter 06, CNNs from scratch.

    Examples
    --------
    >>> accuracy([0, 1, 1, 2], [0, 1, 2, 2])
    0.75
    """
    labels, predictions = class_pairs(labels, predictions)
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

    Raises
    ------
    ValueError
        Labels or predictions are no integers from 0 on, one an image, as many of each; or there are none.

    Notes
    -----
    Taught in chapter 06, CNNs from scratch.

    Examples
    --------
    >>> round(macro_f1([0, 0, 1, 1], [0, 0, 1, 0]), 3)
    0.733
    """
    from sklearn.metrics import f1_score

    labels, predictions = class_pairs(labels, predictions)
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

    Raises
    ------
    ValueError
        As for `accuracy`; or a class has no name, or two have the same.

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

    names = [class_names] if isinstance(class_names, str) else list(class_names)
    if len(set(names)) < len(names):
        raise ValueError(f"class_names has a name twice: {names}; expected another one for each class.")
    labels, predictions = class_pairs(labels, predictions, classes=len(names))
    columns = precision_recall_fscore_support(labels, predictions, labels=range(len(names)), zero_division=0)
    report = pandas.DataFrame(dict(zip(("precision", "recall", "F1", "support"), columns, strict=True)), index=names)
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

    Raises
    ------
    ValueError
        As for `accuracy`; or a label or prediction is not below ``classes``.

    Notes
    -----
    Taught in chapter 06, CNNs from scratch.

    Examples
    --------
    >>> confusion([0, 0, 1], [0, 1, 1], classes=2)
    array([[1, 1],
           [0, 1]])
    """
    classes = whole_number("classes", classes, at_least=1)
    labels, predictions = class_pairs(labels, predictions, classes)
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

    Raises
    ------
    ValueError
        The matrix is not square, holds no counts, or has no mistakes.

    Notes
    -----
    Taught in chapter 06, CNNs from scratch.

    Examples
    --------
    >>> most_confused([[5, 0, 1], [0, 5, 2], [0, 4, 5]])
    (2, 1)
    """
    matrix = array_of("matrix", matrix)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or len(matrix) < 2:
        raise ValueError(f"matrix has shape {matrix.shape}; expected a square one of two classes or more.")
    if not (matrix >= 0).all() or not (matrix == matrix.round()).all():
        raise ValueError("matrix holds other values than counts; expected whole numbers from 0 on, as confusion gives.")
    both = np.triu(matrix + matrix.T, k=1)
    if not both.any():
        raise ValueError("matrix has no mistakes, so no two classes are confused; ask only where accuracy is below 1.")
    a, b = (int(i) for i in np.unravel_index(both.argmax(), both.shape))
    return (a, b) if matrix[a, b] >= matrix[b, a] else (b, a)
