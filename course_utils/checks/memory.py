"""What a fine-tuned small VGG still knows of the drawn textures that it was trained on, for chapter 09's exercise.

A classifier of ten textures is fitted once, on the features of the network as it comes with the course. It is then used
on the features of a network that has learned something else since: as long as it names as many textures rightly,
nothing was forgotten.
"""

import functools

import numpy as np

SIZE = 32  # pixels, of all images here
LAST = "block5_conv3"  # of a small VGG


@functools.cache
def _textures():
    """Images of ten textures, and a classifier of the features that the network began with."""
    from sklearn.linear_model import LogisticRegression

    from ..datasets.drawn import draw
    from ..models import pretrained_base
    from ..models.pretraining import CLASSES

    chosen = CLASSES[:: len(CLASSES) // 10][:10]
    known, unseen = (draw(count, SIZE, classes=chosen, seed=seed) for count, seed in ((400, 30), (300, 31)))
    base = pretrained_base("small_vgg", input_shape=(SIZE, SIZE, 3))
    classifier = LogisticRegression(max_iter=3000).fit(_features(base, known.images), known.labels)
    return unseen.images, unseen.labels, classifier


def _features(base, images):
    from keras import ops

    maps = ops.convert_to_numpy(base(np.asarray(images, "float32"), training=False))
    return maps if maps.ndim == 2 else maps.mean(axis=(1, 2))


def remembers(model):
    """The share of 300 images of textures that are still named rightly: a model on a small VGG, or the base itself.

    Raises
    ------
    ValueError
        There is no small VGG in the model.
    """
    images, labels, classifier = _textures()
    return float((classifier.predict(_features(base_in(model), images)) == labels).mean())


def base_in(model):
    """The small VGG in a model, up to its last maps; whether it is nested in it or its layers are in a row."""
    import keras

    for part in _with_models_in_it(model):
        layers = {layer.name: layer for layer in part.layers}
        if LAST in layers:
            return keras.Model(part.inputs[0], layers["block5_pool"].output)
    raise ValueError(f"There is no small VGG in the model {model.name!r}: none of its layers is called {LAST!r}.")


def _with_models_in_it(model):
    yield model
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from _with_models_in_it(layer)
