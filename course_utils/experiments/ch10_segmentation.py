"""Chapter 10's experiments: skips, losses, changes of photograph and trimap, trained encoders, few photographs.

All but the last group see pets of 96 by 96 pixels, and two that are compared differ in the arguments that are seen here
and in nothing else. With fewer photographs there are more epochs; each experiment says how many of either.
"""

from functools import cache, partial

import keras
import numpy as np
from keras import layers
from scipy.ndimage import distance_transform_edt

from .. import evaluation, models
from ..datasets import load
from .batches import Shuffled
from .declaring import Experiment

SIDE, LARGE = 96, 192
FILTERS = (16, 32, 64, 128)
DECODER = (96, 64, 48, 32)
LITE0 = "efficientnet_lite0"
REGIONS = ("pet", "background", "outline")
#: Distance of a pixel from the nearest one of the outline, in pixels: from, and up to but without.
DISTANCES = ((0, 0.5), (0.5, 1.5), (1.5, 2.5), (2.5, 4.5), (4.5, 8.5), (8.5, 16.5), (16.5, 1000))


@cache
def data(side=SIDE):
    """The pets: 400 photographs to train, 28 to validate, 172 to test."""
    every = load("oxford_pets", "train", size=side)
    order = np.random.default_rng(0).permutation(len(every))
    return every.subset(order[:400]), every.subset(order[400:]), load("oxford_pets", "test", size=side)


def large():
    """The same, larger."""
    return data(LARGE)


# ------------------------------------------------------------------------------------------------------------ networks


def network(skips=False, upsampling="transposed"):
    return models.segmenter((SIDE, SIDE, 3), filters=FILTERS, skips=skips, upsampling=upsampling)


def untrained(base, side):
    """A base as `course_utils.models.pretrained_base` gives it, before its weights."""
    options = dict(include_top=False, weights=None, input_shape=(side, side, 3))
    if base == "vgg16":
        return models.vgg16(**options)
    return models.efficientnet_lite(base.removeprefix("efficientnet_"), **options)


def on_base(base=LITE0, learns=True, side=SIDE):
    """A decoder on a base whose batch normalisation keeps the averages that it came with."""
    model = models.segmenter((side, side, 3), filters=DECODER, base=untrained(base, side))
    if learns:
        let_learn(model.get_layer(base))
    else:
        model.get_layer(base).trainable = False
    return model


def on_new_base(base=LITE0, side=SIDE):
    """The same network with random weights, of which all learn; its averages are renewed as fast as the decoder's."""
    new = untrained(base, side)
    for layer in new.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = 0.9
    return models.segmenter((side, side, 3), filters=DECODER, base=new)


def let_learn(base):
    for layer in base.layers:
        layer.trainable = not isinstance(layer, layers.BatchNormalization)


def decoder_first(model, images, labels, base=LITE0, epochs=2):
    """Train what stands behind the base, for a few epochs, before the base learns too; then compile as before."""
    kept, loss = model.optimizer, model.loss
    model.get_layer(base).trainable = False
    model.compile(keras.optimizers.Adam(2e-3), loss)
    model.fit(images, labels, batch_size=16, epochs=epochs, verbose=0)
    model.get_layer(base).trainable = True
    let_learn(model.get_layer(base))
    model.compile(kept, loss, metrics=["sparse_categorical_accuracy"])


def adam(model, steps, rate=2e-3, loss="sparse_categorical_crossentropy"):
    """Adam, its rate falling to zero along a cosine."""
    schedule = keras.optimizers.schedules.CosineDecay(rate, decay_steps=steps)
    model.compile(keras.optimizers.Adam(schedule), loss, metrics=["sparse_categorical_accuracy"])


class Moved(Shuffled):
    """Batches in another order every epoch; photographs and trimaps are changed alike, or the photographs alone."""

    def __init__(self, images, labels, batch_size, geometry=True, together=True):
        self.together = together
        self.changes = [layers.RandomFlip("horizontal")]
        if geometry:
            self.changes += [layers.RandomRotation(0.04), layers.RandomZoom((-0.25, 0.1))]
        super().__init__(images, labels, batch_size)  # draws the order, from the same seed as the changes above

    def __getitem__(self, index):
        images, labels = self.batch(index)
        changed = {"images": images, "segmentation_masks": labels[..., None].astype("float32")}
        for change in self.changes:
            changed = change(changed, training=True)
        if self.together:
            labels = keras.ops.convert_to_numpy(changed["segmentation_masks"])[..., 0].astype("uint8")
        return changed["images"], labels


# -------------------------------------------------------------------------------------------------------------- scores


def by_region(labels, probabilities, trained_labels):
    """IoU of each region and its mean; of pet and background where nobody drew outline; and where the errors sit.

    ``wrong 3`` is the share of the pixels at the third distance of `DISTANCES` that are wrong, ``errors 3`` the share
    of all errors that lie there.
    """
    guess = probabilities.argmax(axis=-1)
    found = dict(zip(REGIONS, evaluation.class_iou(labels, guess, 3), strict=True))
    found["mean"] = evaluation.mean_iou(labels, guess, 3)
    found["pet and background"] = (found["pet"] + found["background"]) / 2
    drawn = labels != 2
    two = probabilities[..., :2].argmax(axis=-1)
    found["without outline"] = evaluation.mean_iou(labels[drawn], two[drawn], 2)
    away = np.stack([distance_transform_edt(each != 2) for each in labels])
    wrong = guess != labels
    for number, (low, high) in enumerate(DISTANCES):
        there = (away >= low) & (away < high)
        found[f"wrong {number}"] = wrong[there].mean() if there.any() else 0.0
        found[f"errors {number}"] = wrong[there].sum() / max(wrong.sum(), 1)
    return found


# --------------------------------------------------------------------------------------------------------- experiments

SCRATCH = dict(compile=adam, images=400, epochs=20, batch_size=16, pixels=True, scores=by_region)
TWICE = SCRATCH | dict(seeds=2)
FEW = {100: 50, 25: 100}  # photographs, and epochs
TRAINED = SCRATCH | dict(compile=partial(adam, rate=5e-4), weights=LITE0, first=decoder_first, epochs=10)

EXPERIMENTS = {
    # A trained encoder, and the networks from scratch with and without skips.
    "Lite0": Experiment(on_base, **TRAINED),
    "encoder-decoder": Experiment(network, **SCRATCH),
    "U-Net": Experiment(partial(network, skips=True), **SCRATCH),
    "U-Net, bilinear": Experiment(partial(network, skips=True, upsampling="bilinear"), **TWICE),
    # Other losses.
    "U-Net, Dice": Experiment(
        partial(network, skips=True), **TWICE | dict(compile=partial(adam, loss=models.PixelLoss()))
    ),
    "U-Net, both": Experiment(
        partial(network, skips=True), **TWICE | dict(compile=partial(adam, loss=models.PixelLoss(crossentropy=1.0)))
    ),
    # Photographs and trimaps moved: together, and the photographs alone.
    "U-Net, moved": Experiment(partial(network, skips=True), batches=Moved, **TWICE),
    "U-Net, flipped together": Experiment(
        partial(network, skips=True), batches=partial(Moved, geometry=False), **TWICE
    ),
    "U-Net, flipped apart": Experiment(
        partial(network, skips=True), batches=partial(Moved, geometry=False, together=False), **TWICE
    ),
    # The encoder frozen, for as many epochs as the one that learns; and the same network with no trained weights.
    "Lite0, frozen": Experiment(partial(on_base, learns=False), **TWICE | dict(weights=LITE0, epochs=12)),
    "Lite0, from scratch": Experiment(on_new_base, **TWICE),
    # Fewer photographs.
    **{
        f"U-Net, {images} photographs": Experiment(
            partial(network, skips=True), **TWICE | dict(images=images, epochs=epochs)
        )
        for images, epochs in FEW.items()
    },
    **{
        f"Lite0, {images} photographs": Experiment(
            on_base,
            **TRAINED
            | dict(images=images, epochs=epochs // 2, seeds=2, first=partial(decoder_first, epochs=epochs // 10)),
        )
        for images, epochs in FEW.items()
    },
    # VGG16, frozen; it takes many times as long for a photograph.
    "VGG16, frozen": Experiment(partial(on_base, "vgg16", learns=False), **TWICE | dict(weights="vgg16", epochs=12)),
    # The goal: larger photographs, moved, both losses, and asked twice.
    "Lite0, larger": Experiment(
        partial(on_base, side=LARGE),
        batches=Moved,
        data=large,
        ask_twice=True,
        **TRAINED | dict(compile=partial(adam, rate=5e-4, loss=models.PixelLoss(crossentropy=1.0)), epochs=12, seeds=2),
    ),
}
