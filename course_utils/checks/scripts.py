"""Run a student's script that trains a network, and keep what happened in it.

A script is a function of images and labels that returns a trained Keras model. While it runs, `compile` and `fit` of
Keras' models are watched, so that a hint can say what was measured: which images reached `fit`, with which labels, and
how far the weights moved. A script with a training loop of its own is not watched, and is judged by its model alone.
"""

import contextlib
import io
import sys
from dataclasses import dataclass, field
from unittest import mock

import numpy as np

from . import networks
from .comparing import describe
from .engine import Wrong, run


@dataclass
class Training:
    """A script's run.

    Attributes
    ----------
    model : keras.Model
        What the script returned.
    compiled : keras.Model or None
        The model that was compiled last.
    fits : list of (ndarray, ndarray, ndarray)
        Images and labels that each call of `fit` was given, where both were arrays, and what each image counts in the
        loss, by `class_weight` and `sample_weight`.
    kernels : list of (keras.Variable, ndarray)
        The weights of the model that was fitted first, biases left out, and their values before.
    """

    model: object = None
    compiled: object = None
    fits: list = field(default_factory=list)
    kernels: list = field(default_factory=list)

    @property
    def steps(self):
        """By the number of a kernel, how far it has moved, as a share of its length before; zeros are left out."""
        from keras import ops

        lengths = [
            (np.linalg.norm(ops.convert_to_numpy(kernel) - before), np.linalg.norm(before))
            for kernel, before in self.kernels
        ]
        return {n: float(step / length) for n, (step, length) in enumerate(lengths, start=1) if length}

    @property
    def moved(self):
        """The largest of these steps; None if nobody saw one."""
        return max(self.steps.values(), default=None)

    @contextlib.contextmanager
    def watching(self, announced=None):
        """Within it, what Keras' models are told is kept here. With the first model, a line is printed."""
        import keras

        from ..training import build

        outside = sys.stdout  # a script's own lines may be swallowed

        def watched_compile(model, *args, **kwargs):
            if announced and self.compiled is None:
                print(announced, file=outside, flush=True)
            self.compiled = model
            return compile_(model, *args, **kwargs)

        def watched_fit(model, x=None, y=None, *args, **kwargs):
            if not self.kernels:
                self.kernels = [
                    (weight, np.array(keras.ops.convert_to_numpy(weight)))
                    for weight in model.trainable_variables
                    if len(weight.shape) > 1
                ]
            if isinstance(x, np.ndarray) and isinstance(y, np.ndarray) and len(x) == len(y):
                self.fits.append((x, np.ravel(y), _counts(np.ravel(y), **kwargs)))
            with contextlib.suppress(Exception):  # only to be quicker; what is wrong with the arguments, `fit` says
                build(model, y)
            return fit(model, x, y, *args, **kwargs)

        compile_, fit = keras.Model.compile, keras.Model.fit
        with mock.patch.multiple(keras.Model, compile=watched_compile, fit=watched_fit):
            yield


def is_script(script):
    """The answer is a function that trains, and not the model that it returns. Mistake: ``wrong type``."""
    import keras

    networks.not_keras_2(script)
    if isinstance(script, keras.Model):
        raise Wrong(
            "wrong type",
            "This is a model already. The check trains one itself, on images of its own: it wants the function, "
            "without parentheses after it.",
        )
    if not callable(script):
        raise Wrong(
            "wrong type",
            f"This check wants the function itself, without parentheses after it, and got {describe(script)}.",
        )


def trained(script, images, labels, classes):
    """Train the student's script, with no line of its own: a `Training` whose model gives a number for each class.

    Mistakes: ``wrong type``, ``no return``, ``input shape``, ``output shape``.
    """
    import keras

    is_script(script)
    keras.utils.set_random_seed(0)
    training = Training()
    try:
        announced = f"The check trains this network on {len(images)} images of its own ..."
        with training.watching(announced), contextlib.redirect_stdout(io.StringIO()):
            training.model = run(script, images.copy(), labels.copy())
    except Wrong as wrong:
        if wrong.outcome == "stopped":
            _units(training.compiled, classes)
        raise
    if training.model is None:
        raise Wrong("no return", "Your function trains and returns nothing. It ends with `return fit(...)`.")
    networks.not_keras_2(training.model)
    if not isinstance(training.model, keras.Model):
        raise Wrong(
            "wrong type",
            f"Your function returns something of the type `{type(training.model).__name__}`; a trained Keras model is "
            "expected. It ends with `return fit(...)`.",
        )
    networks.gives(training.model, input_shape=images.shape[1:], output_shape=(classes,))
    return training


def _units(model, classes):
    """A model with another number of outputs than there are classes stops in its loss, with a message about that."""
    shape = getattr(model, "output_shape", None)
    if isinstance(shape, tuple) and shape[1:] != (classes,):
        raise Wrong(
            "output shape",
            f"For one image your model gives numbers of shape {shape[1:]}; the labels go from 0 to {classes - 1}, and "
            f"the loss wants a probability for each of the {classes} classes.",
        )


def _counts(labels, class_weight=None, sample_weight=None, **others):
    """What each image counts in the loss; what Keras would refuse is left to Keras."""
    counts = np.ones(len(labels))
    if isinstance(class_weight, dict):
        counts = np.array([class_weight.get(label, 1.0) for label in labels.tolist()])
    given = None if sample_weight is None else np.ravel(sample_weight)
    return counts if given is None or len(given) != len(labels) else given


def reach_fit(training, images, labels):
    """What reached `fit` of the images that the script was given, each being known by its pixels.

    Returns
    -------
    share : float or None
        Of the pairs in `fit` whose image was given, those with its own label; None if there is no such image: pixels
        were changed on the way, or nobody saw `fit`.
    reached : int
        So many of the given images were met, with whatever label.
    rearranged : bool
        `fit` was given no such image, and images of the same pixels in another arrangement.
    """
    own = dict(zip(_keys(images), labels.tolist(), strict=True))
    pairs = [
        (key, label) for x, y, _ in training.fits for key, label in zip(_keys(x), y.tolist(), strict=True) if key in own
    ]
    if pairs:
        return float(np.mean([own[key] == label for key, label in pairs])), len({key for key, _ in pairs}), False
    rearranged = any(set(_keys(x, arranged=False)) & set(_keys(images, arranged=False)) for x, *_ in training.fits)
    return None, 0, rearranged


def _keys(images, arranged=True):
    pixels = np.asarray(images, "float32").reshape(len(images), -1)
    return [row.tobytes() for row in (pixels if arranged else np.sort(pixels, axis=1))]
