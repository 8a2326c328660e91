"""What a classifier of ImageNet sees in images, in words."""

from dataclasses import dataclass
from functools import cache
from importlib import resources
from operator import index

import numpy as np

from .pixels import check_images

CLASSES = 1000
# Probabilities in half precision add up to one within a thousandth or so.
TOLERANCE = 0.01


@dataclass(frozen=True, repr=False)
class Prediction:
    """The likeliest classes of one image, the likeliest first.

    Attributes
    ----------
    names : tuple of str
    probabilities : tuple of float
    indices : tuple of int
        Of the classes: positions in the network's output.

    Examples
    --------
    >>> Prediction(("tabby", "tiger cat"), (0.62, 0.211), (281, 282))
    tabby 0.620, tiger cat 0.211
    """

    names: tuple
    probabilities: tuple
    indices: tuple

    def __repr__(self):
        return ", ".join(f"{name} {share:.3f}" for name, share in zip(self.names, self.probabilities, strict=True))


@cache
def imagenet_classes():
    """Names of ImageNet's 1,000 classes, in the order of a network's outputs.

    Returns
    -------
    tuple of str
        The first of each class' names in WordNet; where two classes would share one, it says which is meant: "crane
        (bird)" and "crane (machine)". Classes 151 to 268 are dogs, 281 to 285 cats that people keep.

    Notes
    -----
    Russakovsky et al. (2015). The order is that of WordNet's identifiers. Taught in chapter 09, Fine-tuning.

    Examples
    --------
    >>> names = imagenet_classes()
    >>> len(names), names[207], names.index("Egyptian cat")
    (1000, 'golden retriever', 285)
    """
    text = (resources.files(__package__) / "imagenet_classes.txt").read_text(encoding="utf-8")
    return tuple(line.partition(" ")[2] for line in text.splitlines())


def classify(model, images, top=5):
    """Name what a classifier of ImageNet sees.

    Parameters
    ----------
    model : keras.Model
        With 1,000 probabilities for output, such as `efficientnet_lite()`.
    images : array (N, height, width, 3)
        As they are stored, uint8 or float from 0 to 255, of the size that the model takes. They are not resized here:
        whether to stretch or to cut is for the caller to decide, and `load(name, size=224)` cuts.
    top : int
        How many classes of each image.

    Returns
    -------
    list of Prediction
        One an image: ``names``, ``probabilities`` and ``indices``.

    Raises
    ------
    ValueError
        The model has no 1,000 outputs, or they are not probabilities (logits, NaN); the images are of another shape
        or size, or, for a model that rescales pixels itself, not from 0 to 255.

    Notes
    -----
    A model that does not rescale, such as those of `keras.applications` without their `preprocess_input`, gets the
    images as they are; nobody can tell from outside what it expects. Taught in chapter 09, Fine-tuning.

    Examples
    --------
    >>> import numpy as np
    >>> from course_utils import models
    >>> model = models.efficientnet_lite("lite0")
    >>> grey = np.full((1, 224, 224, 3), 127, "uint8")
    >>> [seen] = classify(model, grey, top=3)
    >>> len(seen.names), seen.probabilities[0] >= seen.probabilities[1]
    (3, True)
    >>> classify(model, grey / 255)
    Traceback (most recent call last):
    ...
    ValueError: classify: the images are between 0.498 and 0.498 (image 0), but the model takes pixels as they ...
    """
    if not 1 <= index(top) <= CLASSES:
        raise ValueError(f"classify: top is {top}; it must be from 1 to {CLASSES:,}.")
    _check_model(model)
    images = np.asarray(images)
    check_images("classify", model, images)
    if not len(images):
        return []
    outputs = np.asarray(model.predict(images, verbose=0), "float64")
    _check_probabilities(outputs)
    names = imagenet_classes()
    likeliest = np.argsort(-outputs, axis=1, kind="stable")[:, :top]
    return [
        Prediction(tuple(names[place] for place in places), tuple(map(float, row[places])), tuple(map(int, places)))
        for row, places in zip(outputs, likeliest, strict=True)
    ]


def _check_model(model):
    inputs, outputs = (getattr(model, name, None) for name in ("input_shape", "output_shape"))
    if not (isinstance(inputs, tuple) and len(inputs) == 4 and outputs):
        raise ValueError(
            f"classify: model is a {type(model).__name__}; it must be a built Keras model with one input for images, "
            "such as efficientnet_lite()."
        )
    if not (isinstance(outputs, tuple) and len(outputs) == 2 and outputs[1] == CLASSES):
        raise ValueError(
            f"classify: the output of {model.name!r} has shape {outputs}; only a classifier of ImageNet, "
            f"(None, {CLASSES}), gives what the class names are for. Build it with include_top=True."
        )


def _check_probabilities(outputs):
    if not np.isfinite(outputs).all():
        raise ValueError("classify: the model gives NaN or infinity. Its weights are broken: load them again.")
    wrong = (outputs < -TOLERANCE).any(axis=1) | (np.abs(outputs.sum(axis=1) - 1) > TOLERANCE)
    if wrong.any():
        own = outputs[wrong.argmax()]
        raise ValueError(
            f"classify: the outputs of the model are no probabilities: of image {int(wrong.argmax())} they are between "
            f"{own.min():.3g} and {own.max():.3g}, and add up to {own.sum():.3g}. Logits? Build the "
            "model with classifier_activation='softmax', or put keras.layers.Softmax() behind it."
        )
