"""Four runs of fine-tuning to diagnose, for chapter 09's exercise: a network that knows six digits learns four others.

The network is small and the images are those that come with scikit-learn, so that a run takes a second or two. What it
knew before is measured after every stage of a run, with the classifier that it had then: a base may change only as far
as that classifier still understands it. How the runs were made stands at the end; to read it is to skip the exercise.
"""

import functools

import numpy as np

OLD, NEW = tuple(range(6)), tuple(range(6, 10))  # digits that the network knows, and those that it is to learn
_NEW_IMAGES = 40  # to train on, ten of each


@functools.cache
def old_digits(split="test"):
    """Images of the digits from 0 to 5, float32 with pixels from 0 to 255, and their labels."""
    return _digits(split, OLD)


@functools.cache
def new_digits(split="train", first=0):
    """Images of the digits from 6 to 9, and labels from 0 to 3: 40 to train on, the `first` and those after, or a test.

    The check of a script begins at another place than the exercise.
    """
    images, labels = _digits(split, NEW)
    chosen = slice(first, first + _NEW_IMAGES if split == "train" else None)
    return images[chosen], labels[chosen]


def _digits(split, chosen):
    from ..datasets import load

    digits = load("mnist", split, source="stand-in")
    mine = np.isin(digits.labels, chosen)
    return digits.images[mine].astype("float32"), digits.labels[mine] - chosen[0]


def old_network():
    """The network that knows the digits from 0 to 5, in two parts.

    Returns
    -------
    keras.Model
        The base: images of 28 by 28 in, 32 features out. Three convolutions, each with batch normalisation.
    keras.Model
        Its classifier: features in, six probabilities out.
    """
    base, classifier = _untrained()
    for part, weights in zip((base, classifier), _trained_weights(), strict=True):
        part.set_weights(weights)
    return base, classifier


def _untrained():
    import keras
    from keras import layers

    base = keras.Sequential([keras.Input((28, 28, 1)), layers.Rescaling(1 / 255)], name="base")
    for filters in (12, 24, 32):
        base.add(layers.Conv2D(filters, 3, strides=2, use_bias=False))
        base.add(layers.BatchNormalization(momentum=0.9))
        base.add(layers.ReLU())
    base.add(layers.GlobalAveragePooling2D())
    classifier = keras.Sequential([keras.Input((32,)), layers.Dense(len(OLD), activation="softmax")], name="old")
    return base, classifier


@functools.cache
def _trained_weights():
    """What the two parts learn from about 860 images in ten epochs; the same each time."""
    import keras

    keras.utils.set_random_seed(0)
    base, classifier = _untrained()
    fit(keras.Sequential([base, classifier]), *old_digits("train"), rate=5e-3, epochs=10, batch_size=32)
    return base.get_weights(), classifier.get_weights()


def fit(model, images, labels, rate, epochs, batch_size=8):
    """Compile a model with Adam of this rate and train it; returns its accuracy in the last epoch of `fit`."""
    import keras

    from ..training import jit_for_short_training

    model.compile(
        keras.optimizers.Adam(rate),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=jit_for_short_training(),
    )
    history = model.fit(images, labels, batch_size=batch_size, epochs=epochs, verbose=0).history
    return float(history["accuracy"][-1]) if history else float("nan")


def accuracy(model, images, labels):
    """The share of images that the model, in use, names rightly."""
    from keras import ops

    return float((ops.convert_to_numpy(model(images, training=False)).argmax(axis=-1) == labels).mean())


def watch(script):
    """Run a script on the old network's base and the new digits, and print how it stands after each call of `fit`.

    Parameters
    ----------
    script : callable
        ``script(base, images, labels, fit)`` returns a model. ``fit(model, images, labels, rate, epochs,
        batch_size=8)`` compiles the model, with Adam of that rate, and trains it.

    Returns
    -------
    keras.Model
        The old classifier on the base as the script has left it.
    """
    import keras

    base, classifier = old_network()
    old = keras.Sequential([base, classifier])
    print("after        in fit   in use   unseen   old digits")

    def watched(model, images, labels, rate, epochs, batch_size=8):
        in_fit = fit(model, images, labels, rate, epochs, batch_size)
        in_use, unseen = accuracy(model, *new_digits()), accuracy(model, *new_digits("test"))
        known = accuracy(old, *old_digits())
        print(f"{epochs:2} epochs   {in_fit:9.2f}{in_use:9.2f}{unseen:9.2f}{known:13.2f}")

    keras.utils.set_random_seed(0)
    script(base, *new_digits(), watched)
    return old


# --- how the runs were made -------------------------------------------------------------------------------------------


def _script(*stages, normalising=False):
    """A script of stages, each (whether the base learns, rate, epochs, images in a batch)."""

    def script(base, images, labels, fit):
        import keras
        from keras import layers

        model = keras.Sequential([base, layers.Dense(len(NEW), activation="softmax")])
        for learns, *settings in stages:
            base.trainable = learns
            if learns and not normalising:
                for layer in base.layers:
                    layer.trainable = not isinstance(layer, layers.BatchNormalization)
            fit(model, images, labels, *settings)
        return model

    return script


_CLASSIFIER = (False, 1e-2, 20, 8)

RUNS = {
    "A": _script(_CLASSIFIER, (True, 1e-2, 10, 8)),
    "B": _script(_CLASSIFIER, (True, 1e-3, 10, 8)),
    "C": _script((True, 1e-3, 20, 8)),
    "D": _script(_CLASSIFIER, (True, 1e-3, 10, 1), normalising=True),
}
