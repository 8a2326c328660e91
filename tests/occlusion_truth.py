"""What an occlusion map must be: loops over single covered images, and networks whose scores are worth comparing."""

import contextlib
from unittest import mock

import keras
import numpy as np
from keras import layers

from course_utils.explain.occlusion import networks, windows

# Largest difference between windows and whole passes, as a share of the spread of the scores.
BOUND = 1e-4


def scores_one_by_one(model, image, fill, patch, stride, score=lambda outputs: outputs):
    """Cover one position, ask the model, go on to the next: shape (rows, columns, classes)."""
    rows = []
    for top in range(0, image.shape[0] - patch[0] + 1, stride[0]):
        rows.append([])
        for left in range(0, image.shape[1] - patch[1] + 1, stride[1]):
            inside = slice(top, top + patch[0]), slice(left, left + patch[1])
            covered = image.copy()
            covered[inside] = fill[inside]
            outputs = keras.ops.convert_to_numpy(model(covered[None], training=False))[0]
            rows[-1].append(score(outputs.astype("float64")))
    return np.array(rows)


def heatmap_one_by_one(drops, size, patch, stride):
    """For each pixel the mean over the positions that cover it, or cover the covered pixel that is nearest to it."""

    def nearest(pixel, side, step, count):
        covered = [cell for first in range(count) for cell in range(first * step, first * step + side)]
        return min(covered, key=lambda cell: (abs(cell - pixel), cell))

    def covering(pixel, side, step, count):
        return [first for first in range(count) if first * step <= pixel < first * step + side]

    heatmap = np.zeros(size)
    for row in range(size[0]):
        for column in range(size[1]):
            at = [
                covering(nearest(pixel, side, step, count), side, step, count)
                for pixel, side, step, count in zip((row, column), patch, stride, drops.shape, strict=True)
            ]
            heatmap[row, column] = np.mean([drops[one, two] for one in at[0] for two in at[1]])
    return heatmap


def lively(model, images, seed=0):
    """Random weights under which scores differ from image to image, as they do in a trained network."""
    random = np.random.default_rng(seed)
    found = [layer for layer in model._flatten_layers() if isinstance(layer, layers.BatchNormalization)]
    momentum = [layer.momentum for layer in found]
    for layer in found:
        layer.momentum = 0.0
        if layer.scale:
            layer.gamma.assign(random.uniform(0.8, 1.2, layer.gamma.shape))
        if layer.center:
            layer.beta.assign(random.normal(0, 0.2, layer.beta.shape))
    if found:
        model(images, training=True)
    for layer, value in zip(found, momentum, strict=True):
        layer.momentum = value
    return model


@contextlib.contextmanager
def compiled_as(replacement):
    """Within it, `replacement` stands in the place of `course_utils.explain.compiled.compiled`."""
    with mock.patch.object(networks, "compiled", replacement), mock.patch.object(windows, "compiled", replacement):
        yield


def uncompiled(function, variables):
    """For `compiled_as`: functions run as they are written."""
    return function
