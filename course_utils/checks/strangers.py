"""The networks of chapter 12's exercise: one that tells two shapes apart, and one of which nobody says what it learned.

Both are small and learn from drawn images in a few seconds, the first time that one is asked for. What the second one
was given stands at the end; to read it is to skip the exercise.
"""

import functools

import numpy as np

CLASSES = ("arrow", "heart")
SIDE = 32  # pixels, of all images here
_FREE, _OWN = 1_600, 500  # images that the first and the second learn from


def pictures(count, seed):
    """Arrows and hearts, turned by any angle, anywhere in the picture: a `course_utils.datasets.drawn.Drawing`."""
    from ..datasets.drawn import draw

    return draw(count, SIDE, classes=CLASSES, seed=seed, rotation=180, clutter=0.3)


def honest():
    """The network that tells arrows from hearts, wherever they are: pixels from 0 to 255 in, two probabilities out."""
    return _network(_honest_weights(), _honest_layers)


def stranger():
    """The network of the last task. Pixels from 0 to 255 in, two probabilities out."""
    return _network(_stranger_weights(0), _stranger_layers)


def outputs(model, images):
    """Probabilities of `images`, shape (images, 2), as an array."""
    from keras import ops

    images = np.asarray(images, "float32")
    found = [ops.convert_to_numpy(model(images[n : n + 200], training=False)) for n in range(0, len(images), 200)]
    return np.concatenate(found)


def logits(model, images):
    """What goes into the last layer's softmax, shape (images, 2), as an array: it does not saturate."""
    import keras
    from keras import ops

    features = outputs(keras.Model(model.inputs[0], model.layers[-2].output), images)
    kernel, bias = map(ops.convert_to_numpy, model.layers[-1].weights)
    return features @ kernel + bias


def _network(weights, make):
    model = make()
    model.set_weights(weights)
    return model


def _trained(make, images, labels, epochs, seed):
    import keras

    from ..training import jit_for_short_training

    keras.utils.set_random_seed(seed)
    model = make()
    rate = keras.optimizers.schedules.CosineDecay(4e-3, epochs * -(-len(images) // 32))
    jit = jit_for_short_training()
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", jit_compile=jit)
    model.fit(images.astype("float32"), labels, batch_size=32, epochs=epochs, verbose=0)
    return model.get_weights()


def _honest_layers():
    import keras
    from keras import layers

    model = keras.Sequential([keras.Input((SIDE, SIDE, 3)), layers.Rescaling(1 / 255)], name="honest")
    for filters in (16, 32, 64):
        model.add(layers.Conv2D(filters, 3, padding="same", use_bias=False))
        model.add(layers.BatchNormalization(momentum=0.9))
        model.add(layers.ReLU())
        model.add(layers.MaxPooling2D())
    model.add(layers.GlobalAveragePooling2D())
    model.add(layers.Dense(len(CLASSES), activation="softmax"))
    return model


@functools.cache
def _honest_weights():
    drawing = pictures(_FREE, 1)
    return _trained(_honest_layers, drawing.images, drawing.labels, epochs=8, seed=0)


# --- what the stranger was given --------------------------------------------------------------------------------------


def _stranger_layers():
    import keras
    from keras import layers

    model = keras.Sequential([keras.Input((SIDE, SIDE, 3)), layers.Rescaling(1 / 255)], name="stranger")
    for filters in (12, 24):
        model.add(layers.Conv2D(filters, 5, strides=2, padding="same", use_bias=False))
        model.add(layers.BatchNormalization(momentum=0.9))
        model.add(layers.ReLU())
    model.add(layers.MaxPooling2D())
    model.add(layers.Flatten())
    model.add(layers.Dense(len(CLASSES), activation="softmax"))
    return model


def collection(count, seed):
    """Images, labels and masks from the collection that the stranger learned from; another seed, other images."""
    drawing = pictures(5 * count, seed)
    middle = (drawing.boxes[:, 0] + drawing.boxes[:, 2]) / 2
    mine = np.where(drawing.labels == 0, middle < 0.44 * SIDE, middle > 0.56 * SIDE)
    chosen = np.flatnonzero(mine)[:count]
    return drawing.images[chosen], drawing.labels[chosen], drawing.masks[chosen]


@functools.cache
def _stranger_weights(seed):
    images, labels, _ = collection(_OWN, 21)
    return _trained(_stranger_layers, images, labels, epochs=8, seed=seed)


def twin():
    """A network that learned from the same collection as the stranger, from another beginning."""
    return _network(_stranger_weights(1), _stranger_layers)
