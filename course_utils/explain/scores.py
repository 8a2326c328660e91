"""What the numbers are that a network puts out: logits, probabilities, or nothing that can be told from its layers.

It is told from the layers with which the network ends, never from the numbers: those of one image would then be read
otherwise beside another image. Only Keras' own layers are recognised, and of activations Keras' and the backend's.
"""

import math
import sys
from typing import NamedTuple

import keras
import numpy as np

from ..arithmetic.exact import as_written
from ..arithmetic.graph import walk

SOFTMAX = "softmax"
SIGMOID = "sigmoid"
LOGITS = "logits"
PROBABILITIES = "probabilities"
UNKNOWN = "unknown"

# Layers that compute scores of their own, and put them through their activation.
_WITHIN = (
    *("Dense", "EinsumDense", "Conv2D", "Conv2DTranspose", "DepthwiseConv2D", "SeparableConv2D"),
    *("Conv1D", "Conv1DTranspose", "DepthwiseConv1D", "SeparableConv1D"),
)
_HAND_ON = ("Dropout", "SpatialDropout2D", "Identity", "ActivityRegularization", "GaussianNoise", "GaussianDropout")
_SAME_PLACE = ("Reshape", "Flatten", "Permute")  # one image has one place: nothing is mixed
_MEANS = ("Average", "GlobalAveragePooling2D", "AveragePooling2D")
# What computes with logits gives logits: scores without bounds, of which the softmax is taken.
_OF_LOGITS = (
    *("Add", "Subtract", "Average", "Maximum", "Minimum", "Multiply", "Concatenate", "Rescaling", "Normalization"),
    *("BatchNormalization", "LayerNormalization", "ReLU", "LeakyReLU", "PReLU", "ELU", "Cropping2D", "ZeroPadding2D"),
    *("GlobalAveragePooling2D", "GlobalMaxPooling2D", "AveragePooling2D", "MaxPooling2D", "UpSampling2D"),
    *("TrueDivide", "Divide", "Negative", "Cast", "GetItem", "Mean", "Sum", "Squeeze", *_SAME_PLACE),
)
_UNBOUNDED = ("relu", "leaky_relu", "elu", "celu", "selu", "gelu", "silu", "mish", "softplus", "log_softmax")
# Nearer to 1, too few digits of 1 - p are left to tell what it comes from.
_SATURATED = 1e-5


class Ending(NamedTuple):
    """What the outputs of a network are.

    Attributes
    ----------
    kind : str
        ``"softmax"``: probabilities of classes that exclude one another, by a softmax that can be left out.
        ``"sigmoid"``: each output is a probability of its own, by a sigmoid that can be left out. ``"logits"``: scores
        without bounds. ``"probabilities"``: of classes that exclude one another, such as the mean of two softmaxes.
        ``"unknown"``: none of these can be told, as of a layer of one's own.
    layer : str
        Name and class of the layer that decides, for messages.
    """

    kind: str
    layer: str

    @property
    def squashed(self):
        """Whether a softmax or a sigmoid ends the network that can be left out."""
        return self.kind in (SOFTMAX, SIGMOID)


def ending(model):
    """What the outputs of a model are, from its layers.

    Parameters
    ----------
    model : keras.Model

    Returns
    -------
    Ending

    Notes
    -----
    Taught in chapter 12, Input masking.

    Examples
    --------
    >>> import keras
    >>> inputs = keras.Input((8, 8, 3))
    >>> x = keras.layers.Flatten()(inputs)
    >>> heads = [keras.layers.Dense(2, activation="softmax")(x) for _ in range(2)]
    >>> [ending(keras.Model(inputs, end)).kind for end in (heads[0], keras.layers.Average()(heads))]
    ['softmax', 'probabilities']
    """

    def visit(name, layer, signals, args, kwargs):
        outputs = len(keras.tree.flatten(layer.output))
        kind = _kind_after(layer, [signal.kind for signal in signals])
        if squashing(layer) == "passes on" and kind != UNKNOWN:
            return list(signals)
        return [Ending(kind, f"{name!r}, {_a(type(layer).__name__)}")] * outputs

    try:
        (found,) = walk(model, [Ending(LOGITS, "images")], visit)
    except (TypeError, ValueError):  # a layer that cannot describe itself, a model with a call of its own
        return Ending(UNKNOWN, f"{model.name!r}, {_a(type(model).__name__)}")
    return found


def _kind_after(layer, kinds):
    every = set(kinds)
    function = _function(getattr(layer, "activation", None))
    if _is(layer, *_WITHIN):
        return function or UNKNOWN
    if squashing(layer) == "itself":
        return _function(layer.activation) if _is(layer, "Activation") else type(layer).__name__.lower()
    if squashing(layer) == "passes on":
        return kinds[0]
    if every == {LOGITS} and (_is(layer, *_OF_LOGITS) or (_is(layer, "Activation") and function == LOGITS)):
        return LOGITS
    if every and every <= {SOFTMAX, PROBABILITIES} and _is(layer, *_MEANS):
        return PROBABILITIES
    return UNKNOWN


def squashing(layer):
    """What a layer at the end of a network has to do with softmax and sigmoid.

    ``"itself"``: it is one of them. ``"within"``: it computes scores and puts them through one, which
    `without_activation` leaves out. ``"passes on"``: it hands scores on, and the question goes to the layer before it.
    None: nothing, or it is no layer of Keras', so that it cannot be told.
    """
    function = _function(getattr(layer, "activation", None))
    if _is(layer, "Softmax", "Sigmoid"):
        return "itself" if _along_the_last(layer) else None
    if _is(layer, "Activation"):
        return "itself" if function in (SOFTMAX, SIGMOID) else "passes on" if _is_linear(layer.activation) else None
    if _is(layer, *_WITHIN):
        return "within" if function in (SOFTMAX, SIGMOID) else None
    if _is(layer, *_HAND_ON) or (_is(layer, *_SAME_PLACE) and _has_one_place(layer)):
        return "passes on"
    return None


def without_activation(layer):
    """A layer without its activation: a copy that shares its variables, so that it always has the same weights.

    This holds for weights that are not what ``kernel`` shows, too, as those of low rank (LoRA) and in int8.
    """
    return twin(layer, activation=keras.activations.linear)


def twin(layer, **others):
    """A layer with the same variables and everything else, but for some attributes.

    Keras has `copy.copy` save a layer and load it, so that the copy has variables of its own.
    """
    same = object.__new__(type(layer))
    vars(same).update(vars(layer), **others)
    return same


def checked_score(found, score):
    """Nothing, or an error where ``score="logit"`` cannot be told from how the network ends."""
    if score == "logit" and found.kind in (PROBABILITIES, UNKNOWN):
        raise ValueError(
            f'score="logit" is what comes before the softmax or the sigmoid of a network, but this one ends in '
            f'{found.layer}, of which that cannot be told. Take score="log_odds", which is computed from the '
            'probabilities, or let the model end in a layer of Keras with activation="softmax" or "sigmoid".'
        )


def class_scores(outputs, class_index, score, found):
    """Scores of one class of each image, from the outputs of a network.

    Parameters
    ----------
    outputs : array of float, shape (images, ..., classes)
        Of the network as it is for ``score="probability"``; else without its softmax or sigmoid, if it can be left out.
    class_index : array of int, shape (images,)
    score : {"probability", "logit", "log_odds"}
    found : Ending

    Returns
    -------
    ndarray of float64, shape (images, ...)

    Raises
    ------
    ValueError
        The score cannot be told, or is infinite: outputs that are no probabilities, or that are 0 or 1 in log odds.

    Examples
    --------
    >>> class_scores([[0.25, 0.75]], np.array([1]), "log_odds", Ending("probabilities", "mean")).round(4)
    array([1.0986])
    """
    checked_score(found, score)
    outputs = np.asarray(outputs, "float64")
    place = np.asarray(class_index).reshape(-1, *[1] * (outputs.ndim - 1))
    own = np.take_along_axis(outputs, place, axis=-1)[..., 0]
    single = outputs.shape[-1] == 1
    if score == "logit" or found.kind == SIGMOID or (found.kind == LOGITS and single):
        return own
    if found.kind == UNKNOWN and not (single and score == "probability"):
        _check_probabilities(outputs, found)
    if score == "probability":
        return _softmax(outputs, place) if found.kind == LOGITS else own
    others = np.where(np.arange(outputs.shape[-1]) == place, -np.inf, outputs)
    if found.kind in (SOFTMAX, LOGITS):
        return own - _log_sum_exp(others)
    rest = 1 - own if found.kind == UNKNOWN else others.clip(0, None).sum(axis=-1)  # digits near 1 are in the others
    with np.errstate(divide="ignore"):
        odds = np.log(own) - np.log(rest)
    finite = np.isfinite(odds).reshape(len(odds), -1).all(axis=1)
    if not finite.all():
        raise ValueError(
            f"the probability of the class rounds to 0 or 1 for image {int(finite.argmin())}, so that its log odds "
            f"are infinite. The network ends in {found.layer}: let it end in a layer of Keras with "
            'activation="softmax" or "sigmoid", which can be left out, or take score="probability".'
        )
    return odds


def lost(probabilities):
    """Where a gradient through probabilities has no digits left: they are 1, but for the last digits."""
    probabilities = np.asarray(probabilities, "float64")
    return (probabilities > 1 - _SATURATED) & (probabilities <= 1 + _SATURATED)


def _check_probabilities(outputs, found):
    wrong = ((outputs < -1e-6) | (outputs > 1 + 1e-6)).reshape(len(outputs), -1).any(axis=1)
    if wrong.any():
        image = int(wrong.argmax())
        raise ValueError(
            f"the network ends in {found.layer}, and its outputs for image {image} go from {outputs[image].min():.3g} "
            f"to {outputs[image].max():.3g}: no probabilities, and what else they are cannot be told. If they are "
            "logits, explain keras.Sequential([model, keras.layers.Softmax()])."
        )


def _softmax(outputs, place):
    own = np.take_along_axis(outputs, place, axis=-1)[..., 0]
    return np.exp(own - _log_sum_exp(outputs))


def _log_sum_exp(values):
    highest = values.max(axis=-1, keepdims=True)
    return highest[..., 0] + np.log(np.exp(values - highest).sum(axis=-1))


def _a(word):
    return f"an {word}" if word[:1].lower() in tuple("aeiou") else f"a {word}"


def _is(layer, *names):
    kind = type(layer)
    return kind.__name__ in names and kind.__module__.partition(".")[0] == "keras" and as_written(layer)


def _function(activation):
    """``"softmax"``, ``"sigmoid"``, ``"logits"`` where an activation leaves scores without bounds, or None."""
    if activation is None or _is_linear(activation):
        return LOGITS
    if _is(activation, "Softmax"):
        return SOFTMAX if _along_the_last(activation) else None
    for name in (SOFTMAX, SIGMOID):
        if any(activation is one for one in _known(name)):
            return name
    return LOGITS if any(activation is one for name in _UNBOUNDED for one in _known(name)) else None


def _known(name):
    """Keras' and the backends' functions of a name. All take the last axis where none is named."""
    tensorflow, jax, torch = (sys.modules.get(library) for library in ("tensorflow", "jax", "torch"))
    homes = keras.activations, keras.ops, getattr(tensorflow, "nn", None), getattr(jax, "nn", None), torch
    found = (getattr(home, name, None) for home in homes)
    return [one for one in found if one is not None]


def _is_linear(activation):
    return activation is keras.activations.linear


def _along_the_last(layer):
    """Whether a softmax goes along the last axis of its input."""
    axis = getattr(layer, "axis", -1)
    axis = axis[0] if isinstance(axis, (list, tuple)) and len(axis) == 1 else axis
    if axis == -1:
        return True
    try:
        return axis == len(layer.output.shape) - 1
    except AttributeError:  # it was never called by itself, but is the activation of another layer
        return False


def _has_one_place(layer):
    """Whether nothing but the channels of an image is longer than 1, and they come last, before and after."""
    shapes = layer.input.shape, layer.output.shape
    return all(None not in shape[1:] and math.prod(shape[1:]) == shape[-1] for shape in shapes)
