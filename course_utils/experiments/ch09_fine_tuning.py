"""Chapter 09's experiments: what of a trained base learns, how fast, in which order, and what that does to the rest.

All begin in the same way: a base with trained weights, and a classifier on it that is trained first, on the base's
features, unless the experiment's name says otherwise. Images have 96 pixels a side, so that a training takes a minute.
"""

from dataclasses import replace
from functools import cache, partial

import keras
import numpy as np
from keras import layers
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from .. import evaluation, models
from ..datasets import load
from .declaring import Experiment

SIDE = 96
LITE0 = "efficientnet_lite0"
#: Where the last block begins: what learns if "the last block" does.
LAST_BLOCK = {
    LITE0: "block6a_expand_conv",
    "efficientnet_lite1": "block6a_expand_conv",
    "efficientnet_lite2": "block6a_expand_conv",
    "vgg16": "block5_conv1",
}
RATES = (1e-5, 1e-4, 3e-4, 1e-3, 1e-2)
CATS, DOGS = range(281, 286), range(151, 269)  # the places of ImageNet's classes of them


@cache
def data():
    """Cats and dogs: 2,500 photographs to train on, 504 to validate, and the test images."""
    train, validation = load("cats_vs_dogs", "train", size=SIDE).holdout(fraction=504 / 3004, seed=0)
    return train, validation, load("cats_vs_dogs", "test", size=SIDE)


def cifar10():
    """All of CIFAR-10, a twentieth of the training images to validate on."""
    train, validation = load("cifar10", "train").holdout(fraction=0.05, seed=0)
    return train, validation, load("cifar10", "test")


def some_of_cifar10():
    """A little of CIFAR-10, for bases that take long."""
    train, validation = load("cifar10", "train", examples=1_500).holdout(fraction=1 / 3, seed=0)
    return train, validation, load("cifar10", "test", examples=1_000)


# ------------------------------------------------------------------------------------------------------------ networks


def untrained(base):
    """A base as `course_utils.models.pretrained_base` gives it, before its weights."""
    options = dict(include_top=False, weights=None, input_shape=(SIDE, SIDE, 3), pooling="avg")
    if base == "vgg16":
        return models.vgg16(**options)
    return models.efficientnet_lite(base.removeprefix("efficientnet_"), **options)


def classifier(base=LITE0, learns="all", normalisation=False, classes=2, images=None, augmentation=None):
    """A new classifier on a base of which all learns, the last block, or none.

    With ``normalisation``, the base's batch normalisation learns and takes new averages; else it stays as it came.
    """
    model = models.with_classifier(
        untrained(base),
        classes,
        head=layers.Dropout(0.2),
        augmentation=layers.RandomFlip("horizontal") if augmentation else (),
        input_shape=images,
        trainable=True,
    )
    if learns == "none":
        model.get_layer(base).trainable = False
    elif not normalisation:
        models.unfreeze(model, from_layer=LAST_BLOCK[base] if learns == "last block" else None)
    return model


def head_first(model, images, labels, base=LITE0, count=None, epochs=10, rate=1e-3):
    """Train the layers behind the base alone, on what the base makes of the first ``count`` images."""
    behind = model.layers[model.layers.index(model.get_layer(base)) + 1 :]
    features = keras.Model(model.inputs, behind[0].input).predict(images[:count], batch_size=50, verbose=0)
    head = keras.Sequential([keras.Input(features.shape[1:]), *behind])
    head.compile(keras.optimizers.Adam(rate), model.loss)
    head.fit(features, labels[:count], batch_size=32, epochs=epochs, verbose=0)


def adam(model, steps, rate=1e-4):
    """Adam at a constant rate; ``steps`` does not matter."""
    two = model.output_shape[-1] == 1
    loss = "binary_crossentropy" if two else "sparse_categorical_crossentropy"
    model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])


def descent(model, steps, rate):
    """Gradient descent at a constant rate, without momentum."""
    model.compile(keras.optimizers.SGD(rate), "binary_crossentropy", metrics=["accuracy"])


def adamw(model, steps, rate=1e-3):
    """AdamW, its rate up for a tenth of the steps and down to zero along a cosine."""
    up = steps // 10
    schedule = keras.optimizers.schedules.CosineDecay(0.0, steps - up, warmup_target=rate, warmup_steps=up)
    model.compile(
        keras.optimizers.AdamW(schedule, weight_decay=1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )


# --------------------------------------------------------------------------------------- what is asked after a training


@cache
def _asked():
    """What a base is asked that it was not fine-tuned for: images of CIFAR-10, enlarged, and photographs of pets."""
    small = load("cifar10", "train", examples=1_500)
    enlarged = keras.ops.image.resize(small.images.astype("float32"), (SIDE, SIDE))
    pets = load("oxford_pets", "test", size=SIDE)
    are_cats = np.array([name[0].isupper() for name in pets.class_names])[pets.labels]
    return keras.ops.convert_to_numpy(enlarged), small.labels, pets.images, are_cats


@cache
def _old_classifier():
    """What stood on Lite0 when it came: a layer for the 1,000 classes of ImageNet. And its answers on CIFAR-10."""
    whole = models.efficientnet_lite("lite0", input_shape=(SIDE, SIDE, 3))
    kernel, bias = whole.get_layer("predictions").get_weights()
    return kernel, bias, whole.predict(_asked()[0][1_000:], batch_size=50, verbose=0).argmax(axis=1)


def memory(base):
    """What a fine-tuned Lite0 of 96 pixels still knows.

    Returns
    -------
    dict of float
        ``probe``, the accuracy on 500 images of CIFAR-10 of a logistic regression on the base's features of 1,000
        others. Of the old classifier, put back on the base: ``same``, on how many of these 500 it gives the answer that
        it gave before, ``cats`` and ``dogs``, the share of the pets' cats and dogs that it calls some cat and some dog.
    """
    images, labels, pets, are_cats = _asked()
    kernel, bias, before = _old_classifier()
    found, of_pets = (models.features(base, each, batch_size=50) for each in (images, pets))
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)).fit(found[:1_000], labels[:1_000])
    called = (of_pets @ kernel + bias).argmax(axis=1)
    return {
        "probe": probe.score(found[1_000:], labels[1_000:]),
        "same": np.mean((found[1_000:] @ kernel + bias).argmax(axis=1) == before),
        "cats": np.mean(np.isin(called[are_cats], CATS)),
        "dogs": np.mean(np.isin(called[~are_cats], DOGS)),
    }


class AtTheEnd(keras.callbacks.Callback):
    """Adds to the history what ``ask`` returns of the model after the last epoch, a dict of float."""

    def __init__(self, ask):
        super().__init__()
        self.ask, self.asks = ask, ask.__name__  # a function is no setting that a fingerprint sees; its name is

    def on_epoch_end(self, epoch, logs=None):
        if epoch + 1 == self.params["epochs"]:
            logs.update(self.ask(self.model))


def memory_of(model):
    return memory(model.get_layer(LITE0))


def remembers():
    return [AtTheEnd(memory_of)]


def normalising(base):
    """The base's layers of batch normalisation."""
    return [layer for layer in base.layers if isinstance(layer, layers.BatchNormalization)]


def renew_averages(base, images, batch_size=32):
    """Replace the averages of batch normalisation by those over these images; nothing else changes."""
    own = [(layer, layer.momentum) for layer in normalising(base)]
    for number, start in enumerate(range(0, len(images), batch_size)):
        for layer, _ in own:
            layer.momentum = number / (number + 1)  # so that every batch counts as much as every other
        base(images[start : start + batch_size].astype("float32"), training=True)
    for layer, momentum in own:
        layer.momentum = momentum


def in_two_modes(model):
    """Accuracy on 500 training images and on the validation images: in use, with a batch's statistics, mended.

    The training images are those that an experiment on 500 images or more has learned from.
    """
    train, validation, _ = data()
    train = train.subset(np.random.default_rng(0).permutation(len(train))[:500])
    base = model.get_layer(LITE0)
    dense = model.layers[-1]
    kept = base.get_weights()

    def accuracy(part, training):
        right = []
        for start in range(0, len(part), 32):
            found = base(part.images[start : start + 32].astype("float32"), training=training)
            answers = keras.ops.convert_to_numpy(dense(found))[:, 0] > 0.5
            right.append(answers == part.labels[start : start + 32])
        return np.concatenate(right).mean()

    found = {"seen_in_use": accuracy(train, False), "unseen_in_use": accuracy(validation, False)}
    found |= {"seen_by_batch": accuracy(train, True), "unseen_by_batch": accuracy(validation, True)}
    base.set_weights(kept)  # to call it with training=True has moved the averages
    renew_averages(base, train.images)
    found |= {"seen_mended": accuracy(train, False), "unseen_mended": accuracy(validation, False)}
    base.set_weights(kept)
    return found


def two_modes():
    return [AtTheEnd(in_two_modes)]


def f1_by_class(labels, probabilities, trained_labels):
    """The F1 score of each class of CIFAR-10, by its number."""
    matrix = evaluation.confusion(labels, probabilities.argmax(axis=1), classes=10)
    true = np.diag(matrix)
    return {f"f1 {label}": 2 * true[label] / (matrix[label].sum() + matrix[:, label].sum()) for label in range(10)}


# --------------------------------------------------------------------------------------------------------- experiments


def on_cats(learns="all", rate=1e-4, first=head_first, normalisation=False, compile=adam, **options):
    """An experiment on cats and dogs with Lite0."""
    options = dict(images=1_000, epochs=3, batch_size=32, seeds=2) | options
    return Experiment(
        partial(classifier, learns=learns, normalisation=normalisation),
        partial(compile, rate=rate),
        weights=LITE0,
        first=first,
        **options,
    )


def of_base(base, rate, seeds=1, **on_cifar10):
    """An experiment with another base, all of which learns."""
    classes, images = (10, (32, 32, 3)) if on_cifar10 else (2, None)
    return Experiment(
        partial(classifier, base, classes=classes, images=images),
        partial(adam, rate=rate),
        weights=base,
        first=partial(head_first, base=base),
        **(dict(images=1_000, epochs=3, batch_size=32, seeds=seeds) | on_cifar10),
    )


ON_CIFAR10 = dict(data=some_of_cifar10)
BATCH = dict(images=500, epochs=2)
# VGG16 has no batch normalisation to keep its numbers in range: a tenth of the rate, as its users do.
BASES = {LITE0: 1e-4, "efficientnet_lite1": 1e-4, "efficientnet_lite2": 1e-4, "vgg16": 1e-5}

EXPERIMENTS = {
    # All of CIFAR-10, once through the recipe of `benchmarks/transfer.py`; and the same with the base frozen.
    **{
        name: Experiment(
            partial(classifier, learns=learns, classes=10, images=(32, 32, 3), augmentation=True, normalisation=True),
            adamw,
            images=47_500,
            epochs=2,
            weights=LITE0,
            first=partial(head_first, count=2_000, epochs=5, rate=3e-3),
            data=cifar10,
            scores=f1_by_class,
            seeds=1,
        )
        for name, learns in (("CIFAR-10", "all"), ("CIFAR-10, frozen", "none"))
    },
    # What learns, at which rate.
    **{
        f"{learns}, rate {rate:g}": on_cats(learns, rate, callbacks=remembers)
        for learns in ("all", "last block", "none")
        for rate in RATES
    },
    # The classifier still random when the base begins to learn.
    **{f"all at once, rate {rate:g}": on_cats("all", rate, None, callbacks=remembers) for rate in RATES[:3]},
    # The same with plain gradient descent, where a large gradient is a large step.
    **{
        f"plain descent, {order}, rate {rate:g}": on_cats("all", rate, first, compile=descent, callbacks=remembers)
        for order, first in (("classifier first", head_first), ("all at once", None))
        for rate in (0.001, 0.01)
    },
    # Batch normalisation learns too, and takes new averages.
    **{
        f"normalisation learns, rate {rate:g}": on_cats("all", rate, normalisation=True, callbacks=two_modes)
        for rate in (1e-4, 1e-3)
    },
    **{
        f"normalisation learns, batch of {size}": on_cats(
            normalisation=True, callbacks=two_modes, **(BATCH | dict(batch_size=size))
        )
        for size in (1, 2, 4, 16)
    },
    **{f"normalisation frozen, batch of {size}": on_cats(**(BATCH | dict(batch_size=size))) for size in (1, 16)},
    # Other bases, all of which learn.
    **{f"{base} on cats and dogs": of_base(base, rate) for base, rate in BASES.items() if base != LITE0},
    **{f"{base} on CIFAR-10": of_base(base, rate, **ON_CIFAR10) for base, rate in BASES.items()},
}

# Two trainings of these contradicted each other.
AGAIN = [f"{order}, rate {rate:g}" for order in ("all", "all at once") for rate in RATES[1:3]]
AGAIN += [f"plain descent, {order}, rate 0.01" for order in ("classifier first", "all at once")]
EXPERIMENTS |= {name: replace(EXPERIMENTS[name], seeds=4) for name in AGAIN}
