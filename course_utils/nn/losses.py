"""Losses: one number that says how wrong a batch of outputs is, and its gradient."""

from dataclasses import dataclass

import numpy as np


class Loss:
    """What losses share: `backward` needs what `forward` keeps."""

    def __getattr__(self, name):  # only called where there is no such attribute
        raise AttributeError(f"{type(self).__name__} has no {name!r}. What backward needs exists after forward.")


@dataclass(eq=False)
class SoftmaxCrossEntropy(Loss):
    """Scores become probabilities (softmax); the loss is the mean of -log(probability of the right class).

    Notes
    -----
    Keras: ``SparseCategoricalCrossentropy(from_logits=True)``. Softmax and logarithm are computed as one, so that
    large scores do not overflow. Taught in chapter 04, A CNN library.

    Examples
    --------
    >>> loss = SoftmaxCrossEntropy()
    >>> scores = np.array([[0.0, 0.0], [0.0, 0.0]])
    >>> print(f"{loss.forward(scores, np.array([0, 1])):.4f} is log 2")
    0.6931 is log 2
    >>> loss.backward()
    array([[-0.25,  0.25],
           [ 0.25, -0.25]])
    """

    def forward(self, outputs, targets):
        """Mean loss of a batch.

        Parameters
        ----------
        outputs : ndarray
            Scores, (batch, classes).
        targets : ndarray of int
            Numbers of the right classes, (batch,), from 0.

        Returns
        -------
        float
            In nats.

        Raises
        ------
        TypeError
            The labels are not whole numbers.
        ValueError
            They are not one an example, or outside 0 to classes - 1.
        """
        self.labels = check_labels(targets, outputs)
        shifted = outputs - outputs.max(axis=1, keepdims=True)
        self.log_probabilities = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        return -float(self.log_probabilities[np.arange(len(outputs)), self.labels].mean())

    def backward(self):
        """Gradient by the scores: (probabilities - 1 at the right class) / batch."""
        gradient = np.exp(self.log_probabilities)
        gradient[np.arange(len(gradient)), self.labels] -= 1
        return gradient / len(gradient)


def check_labels(labels, outputs):
    """The labels as an array of ints, one for each row of ``outputs``."""
    labels = np.asarray(labels)
    count, classes = outputs.shape if outputs.ndim == 2 else (len(outputs), None)
    if classes is None:
        raise ValueError(
            f"the outputs have the shape {outputs.shape}; scores are (batch, classes). End with Linear(classes)."
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise TypeError(f"the labels are {labels.dtype}; they must be whole numbers: labels.astype('int64').")
    if labels.shape != (count,):
        remedy = "labels.argmax(axis=1)" if labels.shape == outputs.shape else "labels.reshape(-1)"
        raise ValueError(f"the labels have the shape {labels.shape}; expected ({count},), one an example: {remedy}?")
    if not count:
        raise ValueError("there are no examples, so there is no mean loss; give at least one.")
    if not 0 <= labels.min() <= labels.max() < classes:
        raise ValueError(
            f"the labels go from {labels.min()} to {labels.max()}; with {classes} outputs they must be from 0 to "
            f"{classes - 1}. Number the classes from 0, or give the last layer more outputs."
        )
    return labels


@dataclass(eq=False)
class MSE(Loss):
    """Mean squared error, over the batch and over the outputs.

    Notes
    -----
    Keras: ``MeanSquaredError()``. Taught in chapter 04, A CNN library.

    Examples
    --------
    >>> loss = MSE()
    >>> loss.forward(np.array([[1.0], [3.0]]), np.array([[1.0], [1.0]]))
    2.0
    >>> loss.backward().ravel()
    array([0., 2.])
    """

    def forward(self, outputs, targets):
        """Mean loss of a batch; ``targets`` must have the shape of ``outputs``, else ValueError."""
        targets = np.asarray(targets)
        if targets.shape != outputs.shape:  # NumPy would spread (batch, 1) and (batch,) to (batch, batch)
            raise ValueError(
                f"the targets have the shape {targets.shape} and the outputs {outputs.shape}; they must be the same. "
                "Use targets.reshape(-1, 1) where there is one output."
            )
        if not outputs.size:
            raise ValueError(f"the outputs have the shape {outputs.shape}; a mean needs at least one value.")
        self.error = outputs - targets.astype(outputs.dtype, copy=False)
        return float((self.error**2).mean())

    def backward(self):
        """Gradient by the outputs: 2 (outputs - targets) / number of outputs."""
        return self.error * (2 / self.error.size)
