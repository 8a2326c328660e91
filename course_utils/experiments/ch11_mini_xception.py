"""Chapter 11's experiments: each modern block alone on the network of chapter 07, all together, and where each fails.

The photographs and their division are those of chapter 07; so is the recipe of all that is compared with its network,
which is "without colours" there: geometry, and dropout behind the flattening.
"""

from functools import partial

import keras
from keras import layers

from ..datasets import load
from ..models import mini_xception, residual_network
from . import ch07_augmentation as ch07
from .declaring import Experiment

FILTERS = ch07.FILTERS
data = ch07.data


def large():
    """The photographs at 128 by 128 pixels; those to validate are among those to train on."""
    _, validation, test = ch07.data(128)
    return load("cats_vs_dogs", "train", size=128), validation, test


def small():
    """The photographs at 48 by 48 pixels."""
    return ch07.data(48)


def tiny():
    """The photographs at 32 by 32 pixels."""
    return ch07.data(32)


# -------------------------------------------------------------------------------------------- one block at a time


def convnet(separable=False, pooled=False, second=False, shortcut=False, normalized=True, behind=False):
    """The network of chapter 07 with geometry and dropout, and one thing changed.

    Parameters
    ----------
    separable : bool
        Every convolution but the first is separable.
    pooled : bool
        Global average pooling in place of the flattening.
    second, shortcut : bool
        Behind each convolution a second one of as many filters; and an addition of its input to its output.
    normalized, behind : bool
        Batch normalisation; and whether it stands behind the ReLU in place of before it.
    """
    images = x = keras.Input((ch07.SIDE, ch07.SIDE, 3))
    for change in ch07.changes(ch07.GEOMETRY):
        x = change(x)
    x = layers.Rescaling(1 / 255)(x)

    def activated(x):
        own = [layers.BatchNormalization(momentum=0.9), layers.ReLU()][not normalized :]
        for layer in reversed(own) if behind else own:
            x = layer(x)
        return x

    for number, width in enumerate(FILTERS):
        kind = layers.SeparableConv2D if separable and number else layers.Conv2D
        x = kind(width, 3)(x)
        if number < len(FILTERS) - 1:
            x = layers.MaxPooling2D()(x)
        if second:
            y = layers.Conv2D(width, 3, padding="same")(activated(x))
            x = layers.Add()([x, y]) if shortcut else y
        x = activated(x)
    x = (layers.GlobalAveragePooling2D if pooled else layers.Flatten)()(x)
    x = layers.Dropout(0.5)(x)
    return keras.Model(images, layers.Dense(1, activation="sigmoid", name="predictions")(x))


def together(**options):
    """The small Xception on the same photographs, with the same geometry and dropout."""
    return mini_xception((ch07.SIDE, ch07.SIDE, 3), augmentation=ch07.changes(ch07.GEOMETRY), **options)


# ------------------------------------------------------------------------------------------------- as far as it goes


def best():
    """The small Xception on photographs of 128 by 128 pixels."""
    return mini_xception((128, 128, 3), augmentation=ch07.changes(ch07.GEOMETRY))


def one_cycle(model, steps, rate=2e-3, decay=0.05, smoothing=0.1):
    """AdamW, its rate up for a tenth of the steps and down to zero along a cosine; labels smoothed."""
    warm = steps // 10
    schedule = keras.optimizers.schedules.CosineDecay(
        rate / 10, decay_steps=steps - warm, warmup_target=rate, warmup_steps=warm
    )
    model.compile(
        keras.optimizers.AdamW(schedule, weight_decay=decay),
        keras.losses.BinaryCrossentropy(label_smoothing=smoothing),
        metrics=["accuracy"],
    )


class HalfMixed(ch07.Mixed):
    """Batches of which about every other is changed by CutMix."""

    def __init__(self, images, labels, batch_size):
        super().__init__(images, labels, batch_size, "CutMix")

    def __getitem__(self, index):
        if self.random.random() < 0.5:
            return super().__getitem__(index)
        return self.batch(index)


# --------------------------------------------------------------------------------------------- the size of the batch


def normalised_by(kind, batch_size):
    """Four convolutions with pooling, each normalised over the batch, or over groups of channels of one image.

    Whatever the size of the batch, the running averages go back over as many images: 320.
    """
    make = {
        "batch": partial(layers.BatchNormalization, momentum=1 - batch_size / 320),
        "group": partial(layers.GroupNormalization, groups=8),
    }[kind]
    model = keras.Sequential([keras.Input((48, 48, 3)), layers.Rescaling(1 / 255)])
    for width in (16, 32, 64, 64):
        model.add(layers.Conv2D(width, 3, padding="same"))
        model.add(layers.MaxPooling2D())
        model.add(make())
        model.add(layers.ReLU())
    model.add(layers.GlobalAveragePooling2D())
    model.add(layers.Dense(1, activation="sigmoid"))
    return model


def adam_for(batch_size):
    """Adam whose rate grows with the root of the size of the batch: 0.001 for 32 images."""
    return partial(ch07.adam, rate=1e-3 * (batch_size / 32) ** 0.5)


# ------------------------------------------------------------------------------------------------------- experiments

DEPTHS = (8, 20, 44)
BATCHES = (2, 8, 32)
ALONE = dict(compile=ch07.adam, images=2500, epochs=20, batch_size=32, ask_twice=True, seeds=2)
DEPTH = dict(compile=ch07.adam, images=2500, epochs=12, batch_size=32, data=tiny, seeds=2)
BATCH = dict(images=2500, epochs=8, data=small, seeds=2)

EXPERIMENTS = {
    "mini-Xception": Experiment(
        best, one_cycle, images=3004, epochs=70, batch_size=32, data=large, batches=HalfMixed, ask_twice=True, seeds=1
    ),
    # The same stack at three depths, without and with shortcuts.
    **{
        f"{'residual' if residual else 'plain'}, {depth} layers": Experiment(
            partial(residual_network, depth=depth, filters=(8, 16, 32), residual=residual), **DEPTH
        )
        for depth in DEPTHS
        for residual in (False, True)
    },
    # One thing changed in the network of chapter 07.
    "no normalisation": Experiment(partial(convnet, normalized=False), **ALONE),
    "normalisation behind ReLU": Experiment(partial(convnet, behind=True), **ALONE),
    "separable": Experiment(partial(convnet, separable=True), **ALONE),
    "global average pooling": Experiment(partial(convnet, pooled=True), **ALONE),
    "second convolutions": Experiment(partial(convnet, second=True), **ALONE),
    "second convolutions, shortcuts": Experiment(partial(convnet, second=True, shortcut=True), **ALONE),
    # All of it, at the same size and for as long; and without one thing.
    "together": Experiment(together, **ALONE),
    "together, no shortcuts": Experiment(partial(together, residual=False), **ALONE | dict(seeds=1)),
    # Normalised over the batch, or over each image alone.
    **{
        f"{kind} normalisation, batches of {size}": Experiment(
            partial(normalised_by, kind, size), adam_for(size), batch_size=size, **BATCH
        )
        for size in BATCHES
        for kind in ("batch", "group")
    },
}
