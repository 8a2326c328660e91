"""Gradients of scores, taken by the backend that Keras uses."""

import contextlib

import keras
import numpy as np

from .inputs import checked_batch_size, checked_class_index, checked_images, checked_model
from .opened import Opened


def gradient(function, x):
    """The gradient of one number an example in what that example is computed from.

    Parameters
    ----------
    function : callable
        ``function(x)`` gives a tensor of shape (examples,) from a tensor of the shape of ``x``, with `keras.ops` and
        layers only, so that the backend can follow it. Each number has to depend on its own example alone.
    x : array of float, shape (examples, ...)

    Returns
    -------
    ndarray of float32, shape (examples, ...)
        Zero wherever the function does not depend on ``x``.

    Raises
    ------
    RuntimeError
        Keras runs on a backend that has no gradients.
    ValueError
        The function gives another shape than (examples,).

    Notes
    -----
    The gradient of the sum over the examples, of which each is a function of its own example only. Taught in chapter
    12, Input masking.

    Examples
    --------
    >>> import keras
    >>> import numpy as np
    >>> gradient(lambda x: keras.ops.sum(x**2, axis=1), np.array([[1.0, 2.0], [3.0, 4.0]], "float32"))
    array([[2., 4.],
           [6., 8.]], dtype=float32)
    """
    x = keras.ops.convert_to_tensor(x, dtype="float32")

    def total(x):
        scores = function(x)
        if tuple(scores.shape) != (x.shape[0],):
            raise ValueError(
                f"the function gave shape {tuple(scores.shape)} for {x.shape[0]} examples; expected one number an "
                f"example, shape ({x.shape[0]},)."
            )
        return keras.ops.sum(keras.ops.cast(scores, "float32"))

    return keras.ops.convert_to_numpy(_of_total(total, x)).astype("float32")


def _of_total(total, x):
    backend = keras.config.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(x)
            value = total(x)
        return tape.gradient(value, x, unconnected_gradients="zero")
    if backend == "jax":
        import jax

        return jax.grad(total)(x)
    if backend == "torch":
        import torch

        with torch.enable_grad():
            x = x.detach().requires_grad_(True)
            value = total(x)
            if not value.requires_grad:  # it does not depend on x, nor on any weight
                return torch.zeros_like(x)
            (slopes,) = torch.autograd.grad(value, x, allow_unused=True)
        return torch.zeros_like(x) if slopes is None else slopes
    raise RuntimeError(
        f"Keras runs on the backend {backend!r}, which has no gradients; expected tensorflow, jax or torch. Set "
        "KERAS_BACKEND before Keras is imported."
    )


def untracked():
    """A context in which the backend keeps nothing for gradients, so that long runs stay small."""
    if keras.config.backend() == "torch":
        import torch

        return torch.no_grad()
    return contextlib.nullcontext()  # TensorFlow keeps something under a tape only, JAX where it is asked to


def input_gradient(model, images, class_index=None, of="score", batch_size=32):
    """How much the score of a class, or the loss, changes with every number of an image.

    As an explanation, its absolute value, the largest of the channels of a pixel, is the saliency map: where small
    changes count. As an attack, a small step along the sign of the gradient of the loss makes an image that the
    network takes for something else.

    Parameters
    ----------
    model : keras.Model
        One input of images, one output of scores, made of layers (Sequential or functional). It is not changed.
    images : array, shape (images, height, width, channels)
        In the range that the model expects.
    class_index : int, array of int of shape (images,), or None
        The class of which it is the score; None for the class that the model predicts. For the loss, the right class.
    of : {"score", "loss"}
        The score is the logit: where the model ends in a softmax or a sigmoid, its input. The loss is the cross-entropy
        of all logits and the class.
    batch_size : int
        Images at a time.

    Returns
    -------
    ndarray of float32, shape (images, height, width, channels)
        Per unit of the images: 1/255 of the gradient per unit of images from 0 to 1 where they go from 0 to 255.

    Raises
    ------
    TypeError, ValueError
        The model, the images or the class do not fit together; the loss is asked of a network with a single score.

    Notes
    -----
    Simonyan et al. (2014), "Deep inside convolutional networks", section 3; Goodfellow et al. (2015), "Explaining and
    harnessing adversarial examples", equation in section 4. Layers act as they do in prediction: no dropout, no
    augmentation. Taught in chapter 12, Input masking.

    Examples
    --------
    >>> import keras
    >>> import numpy as np
    >>> model = keras.Sequential([keras.Input((2, 2, 1)), keras.layers.Flatten(), keras.layers.Dense(3)])
    >>> slopes = input_gradient(model, np.ones((1, 2, 2, 1)), class_index=1)
    >>> weights = keras.ops.convert_to_numpy(model.layers[-1].kernel)
    >>> bool(np.allclose(slopes.ravel(), weights[:, 1]))
    True
    """
    model = checked_model(model)
    images = checked_images(model, images)
    class_index = checked_class_index(model, images, class_index)
    batch_size = checked_batch_size(batch_size)
    if of not in ("score", "loss"):
        raise ValueError(f'of is {of!r}; expected "score" or "loss".')
    if of == "loss" and model.outputs[0].shape[1] == 1:
        raise ValueError(
            f'{model.name!r} has a single score. Take of="score": its gradient leads towards class 1, its negative '
            "towards class 0."
        )
    network = Opened(model)

    def slopes(start):
        batch, classes = images[start : start + batch_size], class_index[start : start + batch_size]

        def number(x):
            logits = network.run(x)[0]
            if of == "loss":
                logits = -keras.ops.log_softmax(keras.ops.cast(logits, "float32"))
            return of_class(logits, classes)

        return gradient(number, batch)

    return np.concatenate([slopes(start) for start in range(0, len(images), batch_size)])


def of_class(scores, class_index):
    """From scores, shape (images, classes), those of one class each, shape (images,), as a tensor."""
    chosen = np.arange(scores.shape[1]) == np.asarray(class_index)[:, None]
    return keras.ops.sum(keras.ops.where(chosen, keras.ops.cast(scores, "float32"), 0.0), axis=1)
