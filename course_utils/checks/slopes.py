"""Whether a network can be trained with a student's loss, for chapter 10's exercise: its gradient, and its slopes.

The network has two weights, so that a step of training can be compared with central differences. Only Keras' public
interface is used, and so every backend is judged alike.
"""

import numpy as np

from .engine import Wrong

_WEIGHTS = np.array([0.8, -0.3])  # of the network, a kernel of one number and a bias


def _images(masks):
    return np.random.default_rng(5).normal(size=masks.shape).astype("float32")


def measured(loss, masks, step=1e-5):
    """The slopes of the mean loss along both weights by central differences, `loss` being one in float64."""

    def mean_loss(kernel, bias):
        return np.mean(loss(masks, 1 / (1 + np.exp(-(kernel * _images(masks).astype(float) + bias)))))

    return np.array(
        [(mean_loss(*(_WEIGHTS + way)) - mean_loss(*(_WEIGHTS - way))) / (2 * step) for way in step * np.eye(2)]
    )


def step(loss, masks):
    """How far a step of gradient descent at rate 1 moves both weights, which is minus the gradient.

    Parameters
    ----------
    loss : callable
        The student's, of truth and prediction.
    masks : ndarray
        float32, shape (images, rows, columns, 1): the truth.

    Raises
    ------
    Wrong
        ``stops in training``.
    """
    import keras

    inputs = keras.Input(masks.shape[1:])
    layer = keras.layers.Conv2D(1, 1, activation="sigmoid")
    model = keras.Model(inputs, layer(inputs))
    layer.set_weights([_WEIGHTS[0].reshape(1, 1, 1, 1), _WEIGHTS[1:]])
    model.compile(keras.optimizers.SGD(1.0), loss=lambda truth, prediction: loss(truth, prediction))
    try:
        model.train_on_batch(_images(masks), masks)
    except Exception as error:
        if "No gradients" in str(error) or "does not require grad" in str(error):
            return np.zeros(2)
        said = " ".join(str(error).split())[:160].replace("`", "'")
        raise Wrong(
            "stops in training",
            "On arrays your function is right, and in a training it stops: there Keras hands over tensors whose values "
            f"are not known yet. Everything has to be done by `keras.ops`. (`{type(error).__name__}: {said}`)",
        ) from error
    return np.array([float(np.ravel(weight)[0]) for weight in layer.get_weights()]) - _WEIGHTS
