"""Chapter 08's experiments: cats and dogs learned from scratch from few images, and trained bases inside a model.

Every training from scratch makes equally many updates, whether it has twenty photographs or sixteen hundred: how much
the labels are worth is the question, and not how long one was patient.
"""

from functools import partial

import keras
import numpy as np
from keras import layers

from .. import models
from ..datasets import load
from ..models.vgg import MEANS_BGR
from .ch07_augmentation import FILTERS, GEOMETRY, adam, changes
from .declaring import Experiment

SIDE = 192  # pixels; no photograph is enlarged for it, and every second of them is what the small networks see
PER_CLASS = (10, 30, 100, 300, 800)
UPDATES, PIECES = 1_000, 10  # of a training from scratch; validated after each piece


def data():
    """Cats and dogs as the page divides them: training, validation and test photographs."""
    photographs = load("cats_vs_dogs", "train", size=SIDE)
    train, validation = photographs.holdout(fraction=504 / len(photographs), seed=0)
    return train, validation, load("cats_vs_dogs", "test", size=SIDE)


def picked(labels, seed, count):
    """Positions of so many examples of each class, others with each seed; with the same, fewer are a part of more."""
    order = np.random.default_rng(seed).permutation(len(labels))
    return np.sort(np.concatenate([order[labels[order] == label][:count] for label in np.unique(labels)]))


def draw(train, seed, count):
    """A data set of so many photographs of each class, others with each seed."""
    return train.subset(picked(train.labels, seed, count))


class Repeated(keras.utils.PyDataset):
    """A fixed number of full batches, however few images there are: all of them in turn, each time in another order."""

    def __init__(self, images, labels, batch_size, batches):
        super().__init__()
        self.images, self.labels, self.batch_size = images, labels, batch_size
        rounds = -(-batches * batch_size // len(labels))
        self._random, self._rounds, self._batches = np.random.default_rng(len(labels)), rounds, batches
        self.on_epoch_end()

    def __len__(self):
        return self._batches

    def __getitem__(self, index):
        chosen = self._order[index * self.batch_size : (index + 1) * self.batch_size]
        return self.images[chosen], self.labels[chosen]

    def on_epoch_end(self):
        self._order = np.concatenate([self._random.permutation(len(self.labels)) for _ in range(self._rounds)])


def from_scratch():
    """Chapter 07's network, for photographs of half the side."""
    smaller_and_changed = [layers.AveragePooling2D(2), *changes(GEOMETRY)]
    return models.small_convnet((SIDE, SIDE, 3), filters=FILTERS, augmentation=smaller_and_changed, dropout=0.5)


def on_vgg16(side=SIDE, divided=False, frozen=True, changed=GEOMETRY):
    """VGG16 inside a model, with one unit on its features; its weights come when it is trained.

    ``divided`` is the mistake of the page: pixels are divided by 255, and nothing else is done to them. So red and blue
    are exchanged and the means added first, because the base exchanges and subtracts them.
    """
    base = models.vgg16(weights=None, input_shape=(side, side, 3), pooling="avg")
    base.trainable = not frozen
    inputs = keras.Input((SIDE, SIDE, 3))
    x = layers.AveragePooling2D(SIDE // side)(inputs)
    for layer in changes(changed):
        x = layer(x)
    if divided:
        x = keras.ops.flip(layers.Rescaling(1 / 255)(x), axis=-1)
        x = layers.Rescaling(1, offset=list(reversed(MEANS_BGR)))(x)
    x = layers.Dense(1, activation="sigmoid", dtype="float32", name="predictions")(base(x))
    return keras.Model(inputs, x)


def for_all_updates(model, steps):
    """Adam for a training whose length is not that of its images."""
    adam(model, UPDATES)


SCRATCH = dict(epochs=PIECES, batch_size=32, batches=partial(Repeated, batches=UPDATES // PIECES))
FORGOTTEN = dict(images=1_000, choose=partial(draw, count=500), epochs=4, batch_size=16, weights="vgg16", seeds=1)
not_frozen = partial(on_vgg16, side=SIDE // 2, frozen=False, changed=())
gently = partial(adam, rate=5e-5)

EXPERIMENTS = {
    # What the labels are worth without a trained network.
    **{
        f"from scratch, {count}": Experiment(
            from_scratch,
            for_all_updates,
            images=2 * count,
            choose=partial(draw, count=count),
            **SCRATCH,
        )
        for count in PER_CLASS
    },
    # The frozen base inside the model, with augmentation, in small batches: the new layer has one unit, and a rate that
    # is large for a network is not large for it. Then once with the usual rate and half the time.
    "VGG16, end to end": Experiment(
        on_vgg16, partial(adam, rate=3e-3), images=2_500, epochs=2, batch_size=8, weights="vgg16", seeds=1
    ),
    "VGG16, end to end, smaller steps": Experiment(
        on_vgg16, partial(adam, rate=1e-3), images=2_500, epochs=1, batch_size=8, weights="vgg16", seeds=1
    ),
    # One wrong line, and the forgotten one that hides it; and the forgotten one alone.
    "VGG16, divided, not frozen": Experiment(partial(not_frozen, divided=True), gently, **FORGOTTEN),
    "VGG16, not frozen": Experiment(not_frozen, gently, **FORGOTTEN),
}
