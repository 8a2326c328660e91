"""Chapter 07's experiments: each change of the photographs alone and left out, dropout, more of all, hard examples.

All train the package's `small_convnet` on photographs of 96 by 96 pixels, and two that are compared differ in the
arguments that are seen here and in nothing else.
"""

from dataclasses import replace
from functools import partial

import keras
import numpy as np
from keras import layers
from sklearn.metrics import roc_auc_score

from ..datasets import load
from ..models import small_convnet
from .batches import Shuffled
from .declaring import Experiment

SIDE, LARGER = 96, 144
FILTERS = (16, 32, 64, 128, 128)
MORE_FILTERS = (32, 64, 128, 256, 256)

# Keras 3.15 clips the saturation, which goes from 0 to 1, to what should be the range of the pixels. With the default,
# (0, 255), nothing is clipped, and at the strength used here a third of the photographs get pixels below 0, to -300.
SATURATION = partial(layers.RandomSaturation, value_range=(0, 1))

# Each change by name; of every one a new layer, since a layer belongs to one network.
CHANGES = {
    "flip": [partial(layers.RandomFlip, "horizontal")],
    "rotation": [partial(layers.RandomRotation, 0.1)],
    "zoom": [partial(layers.RandomZoom, 0.2)],
    "contrast": [partial(layers.RandomContrast, (0.3, 0.3))],
    "brightness": [partial(layers.RandomBrightness, 0.2)],
    "channels": [partial(layers.RandomHue, 0.1), partial(SATURATION, (0.3, 0.7))],
}
GEOMETRY = ("flip", "rotation", "zoom")
COLOURS = ("contrast", "brightness", "channels")

# Four times as far, where the scale allows it.
STRONG = [
    partial(layers.RandomFlip, "horizontal"),
    partial(layers.RandomRotation, 0.4),
    partial(layers.RandomZoom, 0.8),
    partial(layers.RandomContrast, (1.0, 1.0)),
    partial(layers.RandomBrightness, 0.8),
    partial(layers.RandomHue, 0.4),
    partial(SATURATION, (0.0, 1.0)),
]


def data(side=SIDE):
    """Cats vs. dogs as the page divides them: 2,500 photographs to train, 504 to validate, 996 to test."""
    every = load("cats_vs_dogs", "train", size=side)
    order = np.random.default_rng(0).permutation(len(every))
    return every.subset(order[:2500]), every.subset(order[2500:]), load("cats_vs_dogs", "test", size=side)


def larger():
    """The same photographs at 144 by 144 pixels."""
    return data(LARGER)


def all_photographs(train, seed):
    """Those to validate too: a training that leaves nothing to choose by."""
    return load("cats_vs_dogs", "train", size=SIDE)


def changes(names):
    """New layers for the changes of these names, in their order."""
    return [make() for name in names for make in CHANGES[name]]


def convnet(names=(), strong=False, side=SIDE, **options):
    """The network of the chapter with the changes of these names, or with all of them four times as strong."""
    augmentation = [make() for make in STRONG] if strong else changes(names)
    if "rand_augment" in options:
        augmentation.append(layers.RandAugment(factor=options.pop("rand_augment"), value_range=(0, 255)))
    return small_convnet((side, side, 3), augmentation=augmentation, **{"filters": FILTERS, **options})


def adam(model, steps, rate=1e-3, loss="binary_crossentropy"):
    """Adam, its rate falling to zero along a cosine."""
    schedule = keras.optimizers.schedules.CosineDecay(rate, decay_steps=steps)
    model.compile(keras.optimizers.Adam(schedule), loss, metrics=["accuracy"])


# Given one number, Keras draws the parameter of the beta distribution from 0 up to it, anew for each batch, so that
# most shares are near 0 or 1. Given twice 1, every share is as likely, as in the paper on CutMix.
MIXES = {
    "MixUp": partial(layers.MixUp, 0.2),
    "CutMix": partial(layers.CutMix, 1.0),
    "CutMix, any share": partial(layers.CutMix, (1.0, 1.0)),
}


class Mixed(Shuffled):
    """Batches in another order every epoch, each changed by a layer that mixes images and their labels."""

    def __init__(self, images, labels, batch_size, mix):
        self.mix = MIXES[mix]()  # before the order is drawn: each takes its own from the same seed
        super().__init__(images, np.asarray(labels, "float32")[:, None], batch_size)

    def __getitem__(self, index):
        images, labels = self.batch(index)
        mixed = self.mix({"images": images, "labels": labels}, training=True)
        return mixed["images"], mixed["labels"]


# ---------------------------------------------------------------------------------------------------- hard examples

FEW, MANY, WRONG = 240, 1200, 0.1  # cats, dogs, and the share of each whose labels are exchanged
TRUTH = np.repeat([0, 1], [FEW, MANY])


def imbalanced(train, seed, wrong=WRONG):
    """Five times as many dogs as cats, a share of the labels of both exchanged: the same ones for each seed."""
    chosen = np.concatenate([np.flatnonzero(train.labels == 0)[:FEW], np.flatnonzero(train.labels == 1)[:MANY]])
    random, labels = np.random.default_rng(0), TRUTH.copy()
    for label, own in enumerate(np.split(np.arange(len(TRUTH)), [FEW])):
        labels[random.choice(own, round(wrong * len(own)), replace=False)] = 1 - label
    return replace(train.subset(chosen), labels=labels)


def resampled(train, seed):
    """What is called a cat is drawn as often as there are dogs: 2,208 photographs, many of them several times."""
    hard = imbalanced(train, seed)
    cats, dogs = np.flatnonzero(hard.labels == 0), np.flatnonzero(hard.labels == 1)
    return hard.subset(np.concatenate([np.random.default_rng(seed).choice(cats, len(dogs)), dogs]))


def relabelled(train, seed, epochs=12, sure=0.8):
    """Three networks, each trained on two thirds, judge the third that they have not seen; where one is surer than
    ``sure`` of the other class, the label is changed."""
    hard = imbalanced(train, seed)
    labels = hard.labels.copy()
    for part in np.array_split(np.random.default_rng(seed).permutation(len(hard)), 3):
        rest = np.setdiff1d(np.arange(len(hard)), part)
        keras.utils.set_random_seed(seed)
        model = convnet(GEOMETRY, dropout=0.5)
        adam(model, epochs * -(-len(rest) // 32))
        model.fit(hard.images[rest], hard.labels[rest], batch_size=32, epochs=epochs, verbose=0)
        dog = model.predict(hard.images[part], verbose=0)[:, 0]
        labels[part] = np.where(dog > sure, 1, np.where(dog < 1 - sure, 0, labels[part]))
    return replace(hard, labels=labels)


def by_class(labels, probabilities, trained_labels):
    """Accuracy on cats and on dogs; with the line moved to where half are called cats; the area under the ROC curve;
    and the share of the labels it learned from that were wrong."""
    right = probabilities.argmax(axis=1) == labels
    found = {"cats": right[labels == 0].mean(), "dogs": right[labels == 1].mean()}
    dog = probabilities[:, 1]
    found["line moved"] = np.mean((dog > np.median(dog)) == labels)
    found["AUC"] = roc_auc_score(labels, dog)
    if len(trained_labels) == len(TRUTH):
        found["wrong labels"] = np.mean(trained_labels != TRUTH)
    return found


# ------------------------------------------------------------------------------------------------------ experiments

SHORT = dict(compile=adam, images=2500, epochs=20, batch_size=32, ask_twice=True)
TWICE = SHORT | dict(seeds=2)
LONG = SHORT | dict(epochs=60, seeds=1)
HARD = SHORT | dict(images=FEW + MANY, scores=by_class)
ALL = (*GEOMETRY, *COLOURS)
BEST = dict(names=GEOMETRY, dropout=0.5)


def _focal(model, steps):
    adam(model, steps, loss=keras.losses.BinaryFocalCrossentropy(gamma=2.0))


EXPERIMENTS = {
    "plain": Experiment(convnet, **SHORT),
    # One thing added.
    **{name: Experiment(partial(convnet, (name,)), **SHORT) for name in CHANGES},
    "dropout": Experiment(partial(convnet, dropout=0.5), **SHORT),
    "geometry": Experiment(partial(convnet, GEOMETRY), **SHORT),
    # All of it, and all but one thing.
    "everything": Experiment(partial(convnet, ALL, dropout=0.5), **SHORT),
    "without geometry": Experiment(partial(convnet, COLOURS, dropout=0.5), **SHORT),
    "without colours": Experiment(partial(convnet, **BEST), **SHORT),
    "without dropout": Experiment(partial(convnet, ALL), **SHORT),
    "without normalisation": Experiment(partial(convnet, ALL, dropout=0.5, normalized=False), **SHORT),
    # Too much of it.
    "everything, four times as strong": Experiment(partial(convnet, strong=True, dropout=0.5), **TWICE),
    # Dropout elsewhere.
    "dropout behind convolutions": Experiment(partial(convnet, between=partial(layers.Dropout, 0.2)), **TWICE),
    "spatial dropout": Experiment(partial(convnet, between=partial(layers.SpatialDropout2D, 0.2)), **TWICE),
    # What mixes two photographs, on geometry and dropout; what draws the changes at random, with flips, on dropout.
    "MixUp": Experiment(partial(convnet, **BEST), batches=partial(Mixed, mix="MixUp"), **TWICE),
    "CutMix": Experiment(partial(convnet, **BEST), batches=partial(Mixed, mix="CutMix"), **TWICE),
    "CutMix, any share": Experiment(partial(convnet, **BEST), batches=partial(Mixed, mix="CutMix, any share"), **TWICE),
    "RandAugment": Experiment(partial(convnet, ("flip",), dropout=0.5, rand_augment=0.3), **SHORT | dict(seeds=1)),
    # How far it goes: on geometry and dropout.
    "longer": Experiment(partial(convnet, **BEST), **LONG),
    "longer, more filters": Experiment(partial(convnet, **BEST, filters=MORE_FILTERS), **LONG),
    "longer, more filters, CutMix": Experiment(
        partial(convnet, **BEST, filters=MORE_FILTERS), batches=partial(Mixed, mix="CutMix"), **LONG
    ),
    "and all photographs": Experiment(
        partial(convnet, **BEST, filters=MORE_FILTERS),
        batches=partial(Mixed, mix="CutMix"),
        choose=all_photographs,
        **LONG | dict(images=3004),
    ),
    "plain, more filters": Experiment(partial(convnet, filters=MORE_FILTERS), **SHORT | dict(seeds=1)),
    "plain, more filters, all photographs": Experiment(
        partial(convnet, filters=MORE_FILTERS), choose=all_photographs, **SHORT | dict(images=3004, seeds=1)
    ),
    "plain, larger photographs": Experiment(partial(convnet, side=LARGER), data=larger, **TWICE),
    # Few cats, and labels that are wrong.
    "labels right": Experiment(partial(convnet, **BEST), choose=partial(imbalanced, wrong=0.0), **HARD),
    "labels wrong": Experiment(partial(convnet, **BEST), choose=imbalanced, **HARD),
    "focal loss": Experiment(partial(convnet, **BEST), choose=imbalanced, **HARD | dict(compile=_focal)),
    "resampling": Experiment(partial(convnet, **BEST), choose=resampled, **HARD | dict(images=2208, epochs=13)),
    "relabelling": Experiment(partial(convnet, **BEST), choose=relabelled, **HARD),
}
