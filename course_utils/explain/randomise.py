"""Whether a map depends on what a network has learned at all: its layers forget one after the other."""

import random
from dataclasses import dataclass

import keras
import numpy as np

from .evaluate import agreement
from .inputs import checked_images, checked_model
from .maps import checked_maps
from .opened import Opened


@dataclass(frozen=True)
class Randomisation:
    """How maps change while a network forgets, layer by layer. Made by `randomisation`.

    Attributes
    ----------
    layers : tuple of str
        After which layers a map was made, from the top of the network down. All above each have forgotten too.
    agreement : ndarray of float64, shape (layers, images)
        Rank correlation with the map of the trained network; NaN where a map is the same everywhere.
    heatmaps : ndarray of float64, shape (layers + 1, images, height, width)
        The map of the trained network, then one for each of the layers.
    """

    layers: tuple
    agreement: np.ndarray
    heatmaps: np.ndarray


def randomisation(model, explain, images, layers=None, seed=0):
    """Give the layers of a network new random weights, from the top down, and see whether its maps notice.

    A map that stays the same when the network has forgotten what it learned shows the picture, not the network.

    Parameters
    ----------
    model : keras.Model
        One input of images, one output of scores, made of layers (Sequential or functional). It is not changed: a copy
        forgets.
    explain : callable
        ``explain(model, images)`` gives maps, shape (images, height, width), or a result with a ``heatmap``. Let it ask
        for a fixed class, since a network that forgets predicts another one.
    images : array, shape (images, height, width, channels)
        In the range that the model expects.
    layers : sequence of str, optional
        After which layers to make a map; those between them forget all the same. None for every layer with weights.
        Names are those of `course_utils.explain.grad_cam`.
    seed : int
        Another seed, other weights.

    Returns
    -------
    Randomisation

    Raises
    ------
    TypeError, ValueError
        The model and the images do not fit together, there is no such layer, it has no weights, or ``explain`` gives
        something else than maps.

    Notes
    -----
    Adebayo et al. (2018), "Sanity checks for saliency maps", section 3, cascading randomisation. The new weights are
    those with which the layer was built anew by Keras, by its own initialisers; a seed that one was given is left out,
    since it would bring back the weights from before the training. Taught in chapter 12, Input masking.

    Examples
    --------
    >>> import keras
    >>> import numpy as np
    >>> model = keras.Sequential([
    ...     keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3, name="conv"), keras.layers.GlobalAveragePooling2D(),
    ...     keras.layers.Dense(2, name="dense"),
    ... ])
    >>> images = np.random.default_rng(0).normal(size=(1, 8, 8, 3))
    >>> edges = randomisation(model, lambda model, images: abs(images).sum(axis=-1), images)  # looks at no network
    >>> edges.layers, edges.agreement.round(6).tolist()
    (('dense', 'conv'), [[1.0], [1.0]])
    """
    model = checked_model(model)
    images = checked_images(model, images)
    if not callable(explain):
        raise TypeError(
            f"explain is {explain!r}; expected a function of a model and images, such as lambda model, images: "
            "grad_cam(model, images, class_index=3)."
        )
    copy, fresh = _copy(model), _copy(model, seed)
    copy.set_weights(model.get_weights())
    network = Opened(copy, logits=False)
    pairs = {}  # a layer that is called twice forgets once
    for step, anew in zip(network.steps, Opened(fresh, logits=False).steps, strict=True):
        if getattr(step.layer, "weights", ()):
            pairs.setdefault(id(step.layer), (step.name, step.layer, anew.layer))
    stops = _stops(network, layers, [name for name, _, _ in pairs.values()])

    heatmaps, named = [_maps(explain, copy, images)], []
    for name, layer, anew in reversed(pairs.values()):
        if len(named) == len(stops):
            break
        layer.set_weights(anew.get_weights())
        if name in stops:
            heatmaps.append(_maps(explain, copy, images))
            named.append(name)
    agreements = np.array([agreement(heatmaps[0], one) for one in heatmaps[1:]])
    return Randomisation(tuple(named), agreements, np.stack(heatmaps))


def _copy(model, seed=None):
    """The same architecture with new weights; with a seed, the same ones each time."""

    def anew(layer):
        config = layer.get_config()
        return type(layer).from_config(config if seed is None else _without_seeds(config))

    # An initialiser without a seed takes one from Python's random numbers, which are left as they were. They are not
    # begun as `keras.utils.set_random_seed` begins them: a model that was built after it with the same seed would be
    # given the weights from before its training.
    state = random.getstate()
    try:
        if seed is not None:
            random.seed(f"to forget, {seed}")
        return keras.models.clone_model(model, clone_function=anew)
    finally:
        random.setstate(state)


def _without_seeds(config):
    if isinstance(config, dict):
        return {key: None if key == "seed" else _without_seeds(value) for key, value in config.items()}
    if isinstance(config, (list, tuple)):
        return type(config)(_without_seeds(value) for value in config)
    return config


def _stops(network, layers, with_weights):
    if layers is None:
        return set(with_weights)
    wanted = [layers] if isinstance(layers, str) else layers
    stops = {network.find(layer, a_map=False).name for layer in wanted}
    without = sorted(stops - set(with_weights))
    if without or not stops:
        given = f"the layer {without[0]!r} has no weights that it could forget" if without else "layers is empty"
        raise ValueError(f"{given}; layers with weights are, from the last: {', '.join(with_weights[:-7:-1])}.")
    return stops


def _maps(explain, model, images):
    return checked_maps("what explain gave", explain(model, images), like=images.shape[:3])
