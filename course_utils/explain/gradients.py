"""Gradients of scores, taken by the backend that Keras uses."""

import warnings

import keras
import numpy as np

from .inputs import as_float, checked_batch_size, checked_class_index, checked_images, checked_model, untracked
from .opened import opened
from .scores import PROBABILITIES, SIGMOID, UNKNOWN, lost

# In float16 a number below 6e-8 is 0, and the slopes of pixels are often smaller. So they are computed of the score
# times this, which is divided by again in float32; in steps of a 16th where an example overflows.
_SCALE = 2.0**15


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
    The gradient of the sum over the examples, of which each is a function of its own example only. What is computed in
    half precision on the way is scaled (Micikevicius et al. (2018), "Mixed precision training", section 3.2), so that
    small slopes do not become 0. Taught in chapter 12, Input masking.

    Examples
    --------
    >>> import keras
    >>> import numpy as np
    >>> gradient(lambda x: keras.ops.sum(x**2, axis=1), np.array([[1.0, 2.0], [3.0, 4.0]], "float32"))
    array([[2., 4.],
           [6., 8.]], dtype=float32)
    """
    return with_gradient(function)(x)[1]


def with_gradient(function, compiled=lambda function: function):
    """A function that gives the numbers of another, shape (examples,), and their `gradient`, both as float32.

    Parameters
    ----------
    function : callable
        As `gradient` takes it; whatever it gets beside ``x`` are tensors that are held fixed, or dicts of them.
    compiled : callable
        JAX runs the gradient as this makes it: `Opened.compile_on_jax` where the function is about a network.
    """
    scaled = _scaled(function, compiled)

    def scores_and_gradient(x, *others):
        x = keras.ops.convert_to_tensor(x, dtype="float32")
        scale = np.full(x.shape[0], _SCALE, "float32")
        while True:
            scores, slopes = (keras.ops.convert_to_numpy(found) for found in scaled(x, scale, *others))
            overflown = ~np.isfinite(slopes).reshape(len(slopes), -1).all(axis=1) & (scale > 1)
            if not overflown.any():
                break
            scale[overflown] = (scale[overflown] / 16).clip(1)
        return scores, slopes.astype("float32") / scale.reshape(-1, *[1] * (slopes.ndim - 1))

    return scores_and_gradient


def _scaled(function, compiled):
    """A function that gives what another one gives, and its gradient times a scale for each example."""

    def total(x, scale, *others):
        scores = function(x, *others)
        if tuple(scores.shape) != (x.shape[0],):
            raise ValueError(
                f"the function gave shape {tuple(scores.shape)} for {x.shape[0]} examples; expected one number an "
                f"example, shape ({x.shape[0]},)."
            )
        scores = keras.ops.cast(scores, "float32")
        return keras.ops.sum(scores * keras.ops.convert_to_tensor(scale)), scores

    def on_tensorflow(x, *others):
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(x)
            value, scores = total(x, *others)
        return scores, tape.gradient(value, x, unconnected_gradients="zero")

    def on_torch(x, *others):
        import torch

        with torch.enable_grad():
            x = x.detach().requires_grad_(True)
            value, scores = total(x, *others)
            slopes = None
            if value.requires_grad:  # else it does not depend on x, nor on any weight
                (slopes,) = torch.autograd.grad(value, x, allow_unused=True)
        return scores, torch.zeros_like(x) if slopes is None else slopes

    backend = keras.config.backend()
    if backend == "tensorflow":
        return on_tensorflow
    if backend == "torch":
        return on_torch
    if backend == "jax":
        import jax

        both = compiled(jax.grad(total, has_aux=True))
        return lambda *given: both(*given)[::-1]
    raise RuntimeError(
        f"Keras runs on the backend {backend!r}, which has no gradients; expected tensorflow, jax or torch. Set "
        "KERAS_BACKEND before Keras is imported."
    )


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
        The score is the logit: where the model ends in a softmax or a sigmoid, its input; of any other end, such as a
        layer of one's own, its output (`course_utils.explain.scores.ending` says which is recognised). The loss is the
        cross-entropy of all logits and the class; of several sigmoids, that of the class's own.
    batch_size : int
        Images at a time.

    Returns
    -------
    ndarray of float32, shape (images, height, width, channels)
        Per unit of the images: 1/255 of the gradient per unit of images from 0 to 1 where they go from 0 to 255.

    Raises
    ------
    TypeError, ValueError
        The model, the images or the class do not fit together; the loss is asked of a network with a single score, or
        of one whose outputs may be logits or probabilities; a probability so near to 1 that its gradient has no digits
        left; NaN on the way; a network that is random where it predicts, or mixes the images of a batch.

    Warns
    -----
    UserWarning
        The score of an image does not depend on its pixels, so that its gradient is 0 everywhere.

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
    network = opened(model, in_float32=True)
    kind = network.ending.kind
    if of == "loss" and kind == UNKNOWN:
        raise ValueError(
            f"{model.name!r} ends in {network.ending.layer}, of which it cannot be told whether it gives logits or "
            'probabilities, and so no loss. Let it end in a layer of Keras, such as Dense(10, activation="softmax").'
        )
    check_repeatable(network, images)

    def number(x, classes):
        outputs = network.run(x)[0]
        return of_class(outputs, classes) if of == "score" else _loss(outputs, classes, kind)

    numbers_and_gradient = network.made_once(("slopes", of), lambda: with_gradient(number, network.compile_on_jax))

    def slopes(start):
        part = slice(start, start + batch_size)
        scores, found = numbers_and_gradient(images[part], class_index[part])
        check_slopes(scores if of == "score" else np.exp(-scores), found, network, start, "its pixels")
        return found

    return np.concatenate([slopes(start) for start in range(0, len(images), batch_size)])


def of_class(scores, class_index):
    """From scores, shape (images, classes), those of one class each, shape (images,), as a tensor."""
    chosen = keras.ops.arange(scores.shape[1]) == keras.ops.cast(class_index, "int32")[:, None]
    return keras.ops.sum(keras.ops.where(chosen, keras.ops.cast(scores, "float32"), 0.0), axis=1)


def _loss(outputs, class_index, kind):
    """The cross-entropy of the outputs and a class, by what they are: logits or probabilities."""
    outputs = keras.ops.cast(outputs, "float32")
    if kind == SIGMOID:
        return keras.ops.softplus(-of_class(outputs, class_index))
    logarithms = keras.ops.log(outputs) if kind == PROBABILITIES else keras.ops.log_softmax(outputs)
    return -of_class(logarithms, class_index)


def check_slopes(scores, slopes, network, first, what):
    """Nothing, or a sentence where gradients say nothing: an error where they are wrong, a warning where they are 0.

    Parameters
    ----------
    scores : ndarray, shape (images,)
        Of the class of each image.
    slopes : ndarray, shape (images, ...)
        Their gradients.
    network : Opened
    first : int
        Which image the first of them is.
    what : str
        In what the gradients are, for the sentence.
    """
    rows = slopes.reshape(len(slopes), -1)
    broken = ~(np.isfinite(rows).all(axis=1) & np.isfinite(scores))
    if broken.any():
        raise ValueError(
            f"the score of image {first + int(broken.argmax())} from {network.name!r}, or its gradient, is NaN or "
            "infinite, so that there is nothing to explain. Look at the model's weights: did its training fail?"
        )
    told = network.ending.kind not in (PROBABILITIES, UNKNOWN)
    gone = ~rows.any(axis=1)
    if not told and (gone | lost(scores)).any():
        image = first + int((gone | lost(scores)).argmax())
        raise ValueError(
            f"the score of image {image} from {network.name!r} is {scores[image - first]:.7g}, and its gradient is "
            "lost to rounding, as that of a probability of 1 is. What comes before the end of the network cannot be "
            f"told: it is {network.ending.layer}. Let it end in a layer of Keras with "
            'activation="softmax" or "sigmoid", or leave the end out.'
        )
    if gone.any():
        warnings.warn(
            f"the score of image {first + int(gone.argmax())} from {network.name!r} does not depend on {what}, as far "
            "as gradients can tell: they are all 0. Units that are cut off (ReLU), rounding and whole numbers have "
            "such gradients.",
            stacklevel=3,
        )


def check_repeatable(network, images):
    """Nothing, or an error where a network gives an image another score each time, or beside another image.

    Parameters
    ----------
    network : Opened
    images : ndarray, shape (images, height, width, channels)
        Of the first it is asked, beside itself and beside another.
    """
    other = images[1:2] if len(images) > 1 else images[:1, ::-1, ::-1]
    # Two draws may be the same by chance, nine hardly; Keras' own layers draw nothing where they predict.
    times = 1 if network.is_exact else 8
    with untracked():  # two batches of one size, for which the network is compiled once
        alone, beside = (
            as_float(network.run(np.concatenate([*[images[:1]] * times, last]))[0])[:times]
            for last in (images[:1], other)
        )
    alone = alone[:1]
    beside = beside[[abs(beside - alone).max(axis=1).argmax()]]
    half = any(getattr(step.layer, "compute_dtype", "") in ("float16", "bfloat16") for step in network.steps)
    if abs(alone - beside).max() > (0.1 if half else 1e-3) * max(abs(alone).max(), 0.01):
        raise ValueError(
            f"{network.name!r} gives the same image other scores when it is asked again beside another image, "
            f"{alone[0, 0]:.4g} and then {beside[0, 0]:.4g}, also where it predicts. Look for a layer that draws "
            "random numbers or takes means over the batch whatever `training` says, and leave it out."
        )
