"""A student's loss, for chapter 10's exercise: what it returns, and whether a network can be trained with it.

The network has two weights, so that a step of training can be compared with central differences. Only Keras' public
interface is used, and so every backend is judged alike.
"""

import numpy as np

from .comparing import describe
from .engine import Wrong, run

MISTAKES = ("no return", "no such method", "mean", "shape", "stops in training", "no gradient", "other gradient")

_WEIGHTS = np.array([0.8, -0.3])  # of the network, a kernel of one number and a bias


def losses(answer, y, p, right, doing):
    """The student's losses of a batch, as an array, one for each image. `right` computes them in float64."""
    from keras import ops

    try:
        given = run(answer, ops.convert_to_tensor(y), ops.convert_to_tensor(p), doing=doing)
    except Wrong as wrong:
        if "has no attribute" not in wrong.hint:
            raise
        advice = (
            "Which methods a tensor has depends on what Keras runs on. Functions such as `ops.sum` take any tensor."
        )
        raise Wrong("no such method", f"{wrong.hint} {advice}", wrong.outcome) from wrong
    if given is None:
        raise Wrong("no return", f"{doing} returns `None`. Does your function end with `return`?")
    try:
        values = np.asarray(ops.convert_to_numpy(given), float)
    except Exception:
        raise Wrong("wrong type", f"{doing} is {describe(given)}; a tensor was expected.") from None
    if values.shape == () and np.allclose(values, right(y, p).mean(), rtol=1e-3):
        raise Wrong("mean", "That is the mean over the images. Return a loss for each; Keras takes the mean.")
    if values.shape != (len(y),):
        raise Wrong(
            "shape",
            f"For {len(y)} images of shape {y.shape[1:]}, your losses have the shape {values.shape}, and should have "
            f"{(len(y),)}: one for each image. Over which axes do you add up?",
        )
    return values


def judge(answer, right, masks):
    """Raise `Wrong` where a step of training with the student's loss does not go down the slopes of the right one."""
    moved, wanted = step(answer, masks), -measured(right, masks)
    if np.allclose(moved, 0, atol=1e-6):
        raise Wrong(
            "no gradient",
            "The values are right, and no gradient comes through: a step of training changes no weight. Somewhere on "
            "the way the tensors become NumPy arrays, or are rounded.",
        )
    if not np.allclose(moved, wanted, rtol=0.02, atol=1e-4):
        raise Wrong(
            "other gradient",
            f"The values are right, and the gradient is not: a step moves two weights by {moved.round(4).tolist()}, "
            f"where the slopes of the loss ask for {wanted.round(4).tolist()}. A part of the way has no gradient.",
        )
    return f"Its gradient agrees with the slopes that were measured, {(-wanted).round(3).tolist()}."


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
