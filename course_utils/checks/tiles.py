"""A network to be asked tile by tile, for chapter 10's exercise, and what a student's function makes of its answers.

The network notes what it is asked, and refuses what it may not be asked.
"""

import itertools

import numpy as np

from .comparing import type_fault
from .engine import Wrong, run

MISTAKES = (
    *("list for array", "empty tile", "too large", "no end", "no return", "shape", "input changed", "rounded"),
    *("other numbers", "left over", "wrong at the border", "seams", "other"),
)
MARGIN = 2  # pixels to each side that an output depends on
_MOST = 4000  # tiles that it answers


def _numbers(values):
    from keras import ops

    return np.asarray(ops.convert_to_numpy(values))


class Net:
    """Two 3x3 convolutions with biases and "same" padding, which notes what it is asked of an image."""

    def __init__(self, of=None, limit=None, seed=6):
        random = np.random.default_rng(seed)
        self.kernels = [random.normal(size=(3, 3, 3, 4)) / 4, random.normal(size=(3, 3, 4, 2)) / 4]
        self.biases = [random.normal(size=4) + 1, random.normal(size=2)]
        self.image, self.limit, self.asked, self.share = of, limit, 0, 0.0

    def __call__(self, image):
        image = np.asarray(_numbers(image), float)
        if image.ndim != 3 or image.shape[-1] != 3:
            raise Wrong(
                "wrong type",
                f"You gave `predict` something of shape {image.shape}. It takes one tile, of shape (rows, columns, 3), "
                "without an axis for the batch.",
            )
        if 0 in image.shape:
            raise Wrong(
                "empty tile",
                f"You gave `predict` a tile of shape {image.shape}, in which there is nothing. Where does its slice "
                "begin? `image[-2:7]` begins two rows before the end of the image, and not before its beginning.",
            )
        if self.limit and max(image.shape[:2]) > self.limit:
            raise Wrong(
                "too large",
                f"You gave `predict` a tile of {image.shape[0]} by {image.shape[1]} pixels where `tile` is "
                f"{self.limit}. The margin is part of the tile.",
            )
        self.asked += 1
        if self.image is not None and self.asked < 10:  # the largest share of a tile's numbers that are the image's
            self.share = max(self.share, np.isin(image, self.image).mean())
        if self.asked > _MOST:
            raise Wrong("no end", "Your function asks for tile after tile and does not come to an end.")
        first, second = zip(self.kernels, self.biases, strict=True)
        return self._layer(np.maximum(self._layer(image, *first), 0), *second)

    @staticmethod
    def _layer(values, kernel, bias):
        padded = np.pad(values, ((1, 1), (1, 1), (0, 0)))
        rows, columns = values.shape[:2]
        places = itertools.product(range(3), range(3))
        return bias + sum(padded[y : y + rows, x : x + columns] @ kernel[y, x] for y, x in places)


def judge(answer, image, tile):
    """Raise `Wrong` where the student's function does not give what the network gives for the whole image."""
    rows, columns = image.shape[:2]
    whole, given, net = Net()(image), image.copy(), Net(image, tile)
    doing = f"`predict_in_tiles(predict, image, {tile}, {MARGIN})` for an image of {rows} by {columns} pixels"
    result = run(answer, net, given, tile, MARGIN, doing=doing)
    if result is None:
        raise Wrong("no return", f"{doing} returns `None`.")
    if not np.array_equal(given, image):
        raise Wrong("input changed", f"{doing} changed the image.")
    if fault := type_fault(result, whole, f"{doing} returns"):
        raise Wrong(*fault)
    result = _numbers(result)
    if result.shape != whole.shape:
        raise Wrong(
            "shape",
            f"{doing} gives shape {result.shape}; {whole.shape} was expected, two classes for each pixel of the image.",
        )
    off = ~np.isclose(result, whole, rtol=1e-4, atol=1e-5).all(axis=-1)
    if off.any():
        where = f"{doing}: {off.sum()} of {off.size} pixels differ from those of the whole image"
        raise _difference(result, whole, off, net.share, tile, where)


def _difference(result, whole, off, share, tile, where):
    if result.dtype.kind != "f" or np.array_equal(result, np.trunc(whole)):
        return Wrong(
            "rounded",
            f"{where}. You collect the results in an array of whole numbers, which drops their fractions. With the "
            "`dtype` of the image an array is one as soon as the image has whole numbers.",
        )
    if np.allclose(result, whole, rtol=2e-3, atol=6e-3):
        return Wrong("rounded", f"{where}, all of them by little. Are they rounded, or kept as `float16`?")
    if share < 0.5:
        return Wrong(
            "other numbers",
            f"{where}. What you gave `predict` are not the numbers of the image. It takes the image as it is; if a "
            "network wants them divided by 255, that is a part of `predict`.",
        )
    never = off & ((result == 0).all(axis=-1) | np.isnan(result).any(axis=-1))
    row, column = np.argwhere(off)[0]
    where += f", the first in row {row}, column {column}."
    if never.any() and not (off & ~never).any():
        return Wrong(
            "left over",
            f"{where} They have no answer at all. What becomes of the rest where the blocks do not fit into the image "
            "evenly?",
        )
    edge = np.ones(off.shape, bool)
    edge[MARGIN:-MARGIN, MARGIN:-MARGIN] = False
    if not (off & ~edge).any() and min(off.shape) > tile:
        return Wrong(
            "wrong at the border",
            f"{where} All of them lie at the border of the image. Beyond it there is nothing: if you fill it up before "
            "the network does, its first layer makes something of the filling, and the second one takes that for a "
            "picture. Let the tile end where the image ends.",
        )
    if off.mean() < 0.9 and not never.any():
        return Wrong(
            "seams",
            f"{where} They lie in lines: pixels that had less than `margin` of their surroundings in the tile were "
            "kept, or had a share in a mean. Keep of each tile only what is right.",
        )
    return Wrong("other", f"{where} Does each piece of a prediction go back to the place where it came from?")
