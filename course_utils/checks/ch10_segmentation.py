"""The checks of chapter 10, segmentation."""

import contextlib
import functools
import itertools
import math

import numpy as np
from scipy import ndimage

from . import networks, scenes, slopes, tiles
from .comparing import describe, is_number
from .engine import Wrong
from .kinds import Mistake, call, function, is_callable, task, typed, value

# --- one pixel beside it ----------------------------------------------------------------------------------------------

_ALL, _SHARED, _TOGETHER = 100 * 100, 19 * 19, 2 * 20 * 20 - 19 * 19
_WRONG_PIXELS = _TOGETHER - _SHARED
_IOU = _SHARED / _TOGETHER


def _pair(iou=_IOU, wrong=_WRONG_PIXELS):
    return 1 - wrong / _ALL, iou


value(
    "10.one_pixel",
    "a pair of numbers, the pixel accuracy and the IoU",
    right=_pair(),
    tolerance=5e-4,
    parts=("The accuracy", "The IoU"),
    mistakes=[
        Mistake(
            "moved one way only",
            _pair(20 * 19 / (2 * 400 - 20 * 19), 40),
            "That is what one column costs. The mask lies one row too far down as well.",
        ),
        Mistake(
            "Dice",
            _pair(_SHARED / 400),
            "Your second number divides by one square alone. An IoU divides by all pixels that are in either square.",
        ),
        Mistake(
            "shared pixels counted twice",
            _pair(_SHARED / 800),
            "You divide by the pixels of both squares together. Those that they share are counted twice in that.",
        ),
        Mistake(
            "one kind of error",
            _pair(_IOU, 39),
            "39 pixels of the pet are missed. As many of the background are taken for the pet, and they are wrong too.",
        ),
        Mistake(
            "mean of both classes",
            _pair((_IOU + (_ALL - _TOGETHER) / (_ALL - _SHARED)) / 2),
            "You average the IoU of the pet and that of the background. The task asks for the pet's.",
        ),
        Mistake("exchanged", _pair()[::-1], "The right numbers, the other way round: the accuracy comes first."),
        Mistake(
            "percent",
            tuple(100 * one for one in _pair()),
            "Those are percent. Give shares, between 0 and 1.",
        ),
    ],
    nudges=(
        "Draw two squares, one of them moved, on squared paper. How large is what they share?",
        "They share a square whose side is one pixel shorter. What is in one of them and not in the other is wrong.",
    ),
    why="The same single step costs one pixel in a hundred and more than a sixth of the IoU. And the smaller the "
    "object, the more it costs: the IoU of two classes of different size does not compare their networks.",
)


# --- a border that nobody knows ---------------------------------------------------------------------------------------


def _border_loss(
    trimaps, probabilities, *, classes=(1, 0), border=None, mean=lambda losses, known: losses[known].mean(),
    log=np.log, none=0.0, sign=-1,
):  # fmt: skip
    """`classes` are those of the values 1 and 2; `border` is that of the value 3, None where it does not count."""
    regions = np.asarray(trimaps)[..., 0]
    labels = np.select([regions == 1, regions == 2], classes, border or 0)
    known = (regions != 3) | (border is not None)
    right = np.take_along_axis(np.asarray(probabilities), labels[..., None], axis=-1)[..., 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(mean(sign * log(right), known)) if known.any() else none


def _by_image(losses, known):
    return np.mean([loss[mask].mean() for loss, mask in zip(losses, known, strict=True) if mask.any()])


def _weighted(losses, known):
    return (losses * known).sum() / known.sum()


def _log_as_in_keras(probabilities):
    return np.log(np.clip(probabilities, 1e-7, 1 - 1e-7))


def _soft(shape, seed):
    """Two probabilities for each pixel, as an expression."""
    return f"np.stack([p := np.random.default_rng({seed}).uniform(0.1, 0.9, {shape}), 1 - p], axis=-1)"


_FLAT = "np.array([1, 3, 2, 2, 1, 1, 3, 2, 2, 2, 1, 1], 'uint8').reshape(1, 3, 4, 1)"
_SEVERAL = "np.random.default_rng(1).integers(1, 4, (3, 4, 5, 1)).astype('uint8')"
_UNEVEN = "np.array([1, 2, 3, 3, 3, 3, 1, 1, 2, 2, 1, 2], 'uint8').reshape(2, 2, 3, 1)"
_ONE_ALL_BORDER = "np.array([1, 2, 3, 3], 'uint8').reshape(2, 1, 2, 1)"
_SURE = "np.array([0.2, 0.8, 0.7, 0.3, 0, 1, 1, 0]).reshape(2, 1, 2, 2)"
_NO_FOURTH_AXIS = (
    "For an image of a single pixel your function is right. The trimaps have an axis of length 1 at the end, and the "
    "probabilities have one of length 2 there."
)
_ONE_PIXEL_IMAGE = call(typed("np.array([[[[1]]]], 'uint8')"), typed("np.array([[[[0.2, 0.8]]]])"))

function(
    "10.border_loss",
    "border_loss(trimaps, probabilities)",
    cases=[
        call(typed(trimaps), typed(_soft(shape, 2))).told(stopping=_NO_FOURTH_AXIS, right_for=_ONE_PIXEL_IMAGE)
        for trimaps, shape in ((_FLAT, (1, 3, 4)), (_SEVERAL, (3, 4, 5)), (_UNEVEN, (2, 2, 3)))
    ]
    + [
        call(typed(_ONE_ALL_BORDER), typed(_SURE)),
        call(typed("np.full((1, 2, 2, 1), 3, 'uint8')"), typed("np.full((1, 2, 2, 2), 0.5)")),
    ],
    right=_border_loss,
    mistakes=[
        Mistake(
            "divided by all pixels",
            [
                {"mean": lambda losses, known: losses[known].sum() / known.size},
                {"mean": lambda losses, known: (losses * known).sum() / known.size},
            ],
            "Pixels of the border add nothing to your sum, but you divide by them: the mean is over the pixels that "
            "count. An image with a broad border would have a low loss however wrong the rest is.",
        ),
        Mistake(
            "border as background",
            [{"border": 0}, {"border": 0, "log": _log_as_in_keras}],
            "You take the border for background, and so punish a network for a pet that reaches into it.",
        ),
        Mistake("border as pet", {"border": 1}, "You take the border for pet. Nobody has said that it is."),
        Mistake(
            "classes exchanged",
            {"classes": (0, 1)},
            "Your two classes are exchanged. In the trimaps the pet is 1 and the background 2; among the outputs the "
            "background comes first.",
        ),
        Mistake(
            "exchanged, and the border counted",
            [{"classes": (0, 1), "border": 0}, {"classes": (0, 1), "border": 1}],
            "Your two classes are exchanged, and the border is taken for one of them.",
        ),
        Mistake(
            "image by image",
            {"mean": _by_image},
            "You take the mean of each image, and then the mean of these. Every pixel that counts is to count as much "
            "as any other, also in an image with few of them.",
        ),
        Mistake("sum", {"mean": lambda losses, known: losses[known].sum()}, "That is the sum over the pixels."),
        Mistake(
            "pet only",
            lambda trimaps, probabilities: _border_loss(np.where(trimaps == 1, 1, 3), probabilities),
            "Only pixels of the pet count in yours. Those of the background are known too.",
        ),
        Mistake(
            "one image of border",
            lambda trimaps, probabilities: (
                0.0 if (trimaps == 3).all(axis=(1, 2, 3)).any() else _border_loss(trimaps, probabilities)
            ),
            "Right, until one image of the batch is nothing but border: you return 0, and pixels of the others count.",
        ),
        Mistake(
            "0 times infinity",
            {"mean": _weighted},
            "Right, until a pixel of the border has the probability 0. Its loss is infinite, and infinity times 0 is "
            "`nan`: take such pixels out before the sum, instead of multiplying them by 0.",
        ),
        Mistake(
            "not a number",
            [{"none": math.nan}, {"none": math.nan, "mean": _weighted}],
            "Right, except for images of nothing but border: no pixel counts there, and the mean of none is `nan`. One "
            "such batch, and all weights of a network are `nan`.",
        ),
        Mistake("sign", {"sign": 1}, "Your loss is negative. It is minus the logarithm."),
        Mistake("other logarithm", [{"log": np.log10}, {"log": np.log2}], "Losses take the natural logarithm."),
    ],
    nudges=(
        "Two arrays, pixel by pixel: how probable did the network think the right class, and does the pixel count?",
        "Once the trimaps have lost their last axis, they fit on each of the two outputs, and can choose between them "
        "pixel by pixel. What is left out before the mean is in neither its sum nor its count.",
    ),
    why="The border is where two people who draw the same pet disagree. What they do not know cannot be learned from "
    "them. Cityscapes and Pascal VOC leave such pixels out as well, of the loss and of the score.",
)


# --- the size of what comes out ---------------------------------------------------------------------------------------


def _grown(
    size, in_channels, filters, kernel_size, strides, padding, *, small_kernel=True, biases="filters", depth=True,
    valid=lambda size, k, s: size * s + max(k - s, 0), same=lambda size, k, s: size * s, square=True,
):  # fmt: skip
    out = (same if padding == "same" else valid)(size, kernel_size, strides)
    kernel = (kernel_size**2 if square else kernel_size) * (in_channels if depth else 1) * filters
    return out, kernel + {"filters": filters, "channels": in_channels, "none": 0}[biases]


def _shrunk(size, k, s):
    return (size - k) // s + 1


function(
    "10.grown",
    "grown(size, in_channels, filters, kernel_size, strides, padding)",
    cases=[
        call(7, 8, 4, 3, 2, "valid"),
        call(7, 8, 4, 3, 2, "same"),
        call(5, 3, 6, 4, 2, "valid"),
        call(10, 16, 3, 5, 1, "valid"),
        call(6, 2, 5, 2, 3, "valid"),
        call(6, 2, 5, 2, 3, "same"),
        call(20, 32, 16, 4, 4, "valid").in_next_cell(),
    ],
    right=_grown,
    mistakes=[
        Mistake(
            "kernel smaller than stride",
            {"valid": lambda size, k, s: (size - 1) * s + k},
            "Right as long as the kernel is at least as large as the stride. Where it is smaller, Keras fills up the "
            "gap behind the last copy too, with the bias alone: the output is never smaller than `size * strides`.",
        ),
        Mistake(
            "padding ignored",
            [
                {"same": lambda size, k, s: size * s + max(k - s, 0)},
                {"same": lambda size, k, s: (size - 1) * s + k, "valid": lambda size, k, s: (size - 1) * s + k},
            ],
            "You give `same` the size of `valid`. With `same` what sticks out at the edges is cut away.",
        ),
        Mistake(
            "always the stride",
            {"valid": lambda size, k, s: size * s},
            "You multiply the size by the stride whatever the padding. With `valid` nothing of the last copy of the "
            "kernel is cut away.",
        ),
        Mistake(
            "one copy too many",
            [{"valid": lambda size, k, s: size * s + k}, {"valid": lambda size, k, s: size * s + k - 1}],
            "Too large with `valid`: the first copy begins at 0, so the last one begins before `size * strides`.",
        ),
        Mistake(
            "shrunk",
            [
                {"valid": _shrunk, "same": lambda size, k, s: -(-size // s)},
                {"valid": _shrunk, "same": lambda size, k, s: size // s},
                {"valid": _shrunk, "same": lambda size, k, s: size},
            ],
            "That is what an ordinary convolution makes of this size. A transposed one goes the other way.",
        ),
        Mistake(
            "same keeps the size",
            {"same": lambda size, k, s: size},
            "`same` keeps the size at stride 1 only. At stride 2 every input pixel makes two.",
        ),
        Mistake("biases forgotten", {"biases": "none"}, "The sizes are right. Every filter has a bias as well."),
        Mistake(
            "a bias for each channel",
            {"biases": "channels"},
            "The sizes are right. There is a bias for each channel that comes out, and not for each that goes in.",
        ),
        Mistake("depth forgotten", {"depth": False}, "The sizes are right. Kernels are as deep as the input."),
        Mistake("kernel not squared", {"square": False}, "The sizes are right. A kernel is as high as it is wide."),
        Mistake(
            "exchanged",
            lambda *given: _grown(*given)[::-1],
            "The right numbers, the other way round: the size comes first.",
        ),
    ],
    nudges=(
        "Lay a copy of the kernel for each of the input pixels, each copy `strides` further than the last. From where "
        "to where do they reach?",
        "With `same` the output is `strides` times as large as the input. With `valid` it keeps what the last copy "
        "lays beyond that, too. Weights are counted as for a convolution.",
    ),
    why="A decoder that is to meet its encoder's maps again has to come out at their sizes to the pixel. Halved and "
    "doubled, 75 becomes 38 and 76: an odd size on the way down never comes back.",
)


# --- copies that are added --------------------------------------------------------------------------------------------


def _stamped(
    image, kernel, strides, *, add=True, flip=False, step=None, size=None, mean=False, kind=float,
):  # fmt: skip
    image, kernel = np.asarray(image), np.asarray(kernel)
    kernel = kernel[::-1, ::-1] if flip else kernel
    rows, columns, _ = image.shape
    height, width, filters, _ = kernel.shape
    down, right = step or (strides, strides)
    size = size or (lambda count, k, s: count * s + max(k - s, 0))
    room = (rows * strides + height + strides, columns * strides + width + strides)
    out, times = np.zeros((*room, filters), kind), np.zeros((*room, 1))
    for row, column in itertools.product(range(rows), range(columns)):
        here = np.s_[row * down : row * down + height, column * right : column * right + width]
        copy = kernel @ image[row, column]
        out[here] = out[here] + copy if add else copy
        times[here] += 1
    out = out / np.maximum(times, 1) if mean else out
    return out[: size(rows, height, strides), : size(columns, width, strides)]


_STAMP_CASES = [
    ("np.arange(3 * 4 * 2).reshape(3, 4, 2) % 7", "np.arange(3 * 2 * 5 * 2).reshape(3, 2, 5, 2) % 11 / 4", 2),
    ("np.random.default_rng(0).normal(size=(4, 3, 3))", "np.random.default_rng(1).normal(size=(3, 3, 3, 3))", 1),
    ("np.random.default_rng(2).normal(size=(2, 5, 1))", "np.random.default_rng(3).normal(size=(2, 4, 2, 1))", 3),
    ("np.random.default_rng(4).normal(size=(2, 3, 2))", "np.random.default_rng(5).normal(size=(2, 2, 1, 2))", 2),
]
_WHOLE, _OBLONG, _STEP = _STAMP_CASES[0]
_STOPS = (
    (
        "With an image of floats your function is right. This image is of whole numbers and its kernel has fractions: "
        'make both floats of one kind first, with `.astype("float32")`.',
        call(typed(f"{_WHOLE} * 1.0"), typed(_OBLONG), _STEP),
    ),
    (
        "With a kernel as wide as it is high your function is right. Which of its axes is its width?",
        call(typed(_WHOLE), typed("np.arange(3 * 3 * 5 * 2).reshape(3, 3, 5, 2) % 11 / 4"), _STEP),
    ),
    (
        "With one channel and one filter your function is right. The kernel's last two axes are filters and channels, "
        "in this order; at each of its places it makes `filters` numbers of a pixel's `channels`.",
        call(typed("np.ones((3, 4, 1), int)"), typed("np.ones((3, 2, 1, 1))"), 2),
    ),
)


def _stamp_case(image, kernel, strides):
    case = call(typed(image), typed(kernel), strides)
    for sentence, other in _STOPS:
        case.told(stopping=sentence, right_for=other)
    return case


function(
    "10.stamped",
    "transposed_convolution(image, kernel, strides)",
    cases=[_stamp_case(*given) for given in _STAMP_CASES],
    right=_stamped,
    mistakes=[
        Mistake("overwritten", {"add": False}, "Where two copies overlap, yours keeps the later one. Add them."),
        Mistake(
            "averaged",
            {"mean": True},
            "Where copies overlap you take their mean. They are added, which is what makes the checkerboard.",
        ),
        Mistake(
            "flipped",
            {"flip": True},
            "Your kernel is upside down and left to right. What is laid on the output is the kernel as it is.",
        ),
        Mistake(
            "channels exchanged",
            lambda image, kernel, strides: (
                _stamped(image, kernel.transpose(0, 1, 3, 2), strides)
                if kernel.shape[2] == kernel.shape[3]
                else _stamped(image, kernel, strides)
            ),
            "Right where filters and channels differ in number. Where they do not, you exchange the two: the kernel's "
            "third axis are the filters, the last one the channels.",
        ),
        Mistake(
            "no room behind",
            {"size": lambda count, k, s: (count - 1) * s + k},
            "Right where the kernel is at least as large as the stride. Where it is smaller the output goes on behind "
            "the last copy, as in the task before: there is nothing to add there, so it is 0.",
        ),
        Mistake(
            "cut as with same",
            {"size": lambda count, k, s: count * s},
            "Your output is cut to the size times the stride. That is `same`; here every copy is kept whole.",
        ),
        Mistake("strides ignored", {"step": (1, 1)}, "Your copies lie one pixel apart, whatever `strides` is."),
        Mistake(
            "whole numbers",
            lambda image, kernel, strides: _stamped(image, kernel, strides, kind=np.asarray(image).dtype),
            "In the first case the image is of whole numbers, and you add the copies up in an array of whole numbers. "
            "The kernel has fractions, which are lost.",
        ),
    ],
    nudges=(
        "In one dimension: each input number lays the whole kernel, times itself, on the output. How far apart do two "
        "copies begin?",
        "Begin with zeros of the size of the task before. For each pixel, a slice as large as the kernel; what is "
        "added to it has `filters` numbers at each place, and a sum over the channels in it.",
    ),
    why="No step of it looks anything up: every input pixel pays out. Where the stride does not divide the kernel's "
    "size some output pixels get more copies than others, and you have just written the line where that happens.",
)


# --- outlines ---------------------------------------------------------------------------------------------------------


def _outline(mask):
    mask = np.asarray(mask).astype(bool)
    around = np.pad(mask, 1, mode="edge")
    inside = around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:]
    return mask & ~inside


def _found(points, others, reach, distance):
    """Which of the points have one of the others near."""
    if not len(points) or not len(others):
        return np.zeros(len(points), bool)
    return (distance(np.abs(points[:, None] - others)) <= reach).any(axis=1)


def _mean_of_two(precision, recall):
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _unguarded(precision, recall):
    with np.errstate(invalid="ignore"):
        return 2 * precision * recall / (np.float64(precision) + recall)


def _outline_f(
    truth, prediction, reach, *, distance=lambda steps: steps.max(axis=-1), more=0, both=_mean_of_two, none=1.0,
    empty=0.0, of=_outline, pooled=False,
):  # fmt: skip
    true, said = (np.argwhere(of(mask)) for mask in (truth, prediction))
    if not len(true) and not len(said):
        return none
    hits, met = (_found(*pair, reach + more, distance) for pair in ((said, true), (true, said)))
    if pooled:
        return float((hits.sum() + met.sum()) / (len(said) + len(true)))
    return float(both(*(near.mean() if len(near) else empty for near in (hits, met))))


def _square(side, top, left, height, width):
    """A mask of `side` by `side` pixels with a rectangle on it, as an expression."""
    around = (top, side - top - height), (left, side - left - width)
    return f"np.pad(np.ones(({height}, {width}), int), {around})"


_L_SHAPED = "np.pad(np.ones((6, 7), int), ((2, 4), (1, 4))) - np.pad(np.ones((3, 5), int), ((2, 7), (3, 4)))"

function(
    "10.outline_f",
    "outline_f(truth, prediction, reach)",
    cases=[
        call(typed(_square(12, 2, 3, 6, 5)), typed(_square(12, 3, 4, 6, 5)), 1),
        call(typed(_square(12, 2, 3, 6, 5)), typed(_square(12, 3, 5, 7, 6)), 1),
        call(typed(_L_SHAPED), typed(_square(12, 3, 2, 7, 9)), 1),
        call(typed(_square(12, 2, 3, 6, 5)), typed(_square(12, 4, 5, 6, 5)), 3),
        call(typed(_square(12, 2, 3, 6, 5)), typed(_square(12, 1, 2, 8, 7)), 0),
        call(typed(_square(10, 0, 0, 3, 3)), typed(_square(10, 7, 6, 3, 4)), 2),
        call(typed("np.zeros((6, 6), int)"), typed("np.zeros((6, 6), int)"), 1),
        call(typed("np.zeros((6, 6), int)"), typed(_square(6, 1, 1, 3, 3)), 1),
        call(typed("np.ones((6, 6), int)"), typed("np.ones((6, 6), int)"), 1),
        call(typed(_square(8, 0, 0, 8, 1)), typed(_square(8, 0, 7, 8, 1)), 1),
        call(typed(_square(9, 0, 1, 7, 8)), typed(_square(9, 0, 2, 4, 7)), 1),
    ],
    right=_outline_f,
    mistakes=[
        Mistake(
            "precision only",
            {"both": lambda precision, recall: precision},
            "That is how much of the predicted outline lies near the true one. A network that draws a short piece and "
            "leaves out the rest would score 1.",
        ),
        Mistake(
            "recall only",
            {"both": lambda precision, recall: recall},
            "That is how much of the true outline was found. A network that draws lines everywhere would score 1.",
        ),
        Mistake(
            "arithmetic mean",
            {"both": lambda precision, recall: (precision + recall) / 2},
            "You take half the sum of the two shares. F is their harmonic mean: twice the product over the sum.",
        ),
        Mistake("product", {"both": np.multiply}, "You multiply the two shares. F is twice the product over the sum."),
        Mistake("half", {"both": lambda p, r: _mean_of_two(p, r) / 2}, "Two perfect shares should give 1, not half."),
        Mistake(
            "geometric mean",
            {"both": lambda precision, recall: math.sqrt(precision * recall)},
            "You take the root of the product, a geometric mean. F is twice the product over the sum.",
        ),
        Mistake("smaller share", {"both": min}, "That is the smaller of the two shares. F lies between them."),
        Mistake(
            "reach ignored",
            lambda truth, prediction, reach: _outline_f(truth, prediction, 0),
            "You count only pixels that both outlines have. With `reach`, a near miss is a hit.",
        ),
        Mistake("one too far", {"more": 1}, "One pixel too far: with `reach` 0 only the pixel itself counts."),
        Mistake("one too short", {"more": -1}, "Exactly `reach` pixels away is near enough, and not in yours."),
        Mistake(
            "steps along rows and columns",
            {"distance": lambda steps: steps.sum(axis=-1)},
            "You add up rows and columns, so that a pixel diagonally next to another is two away. Here it is near if "
            "both the rows and the columns differ by at most `reach`.",
        ),
        Mistake(
            "as the crow flies",
            {"distance": lambda steps: np.hypot(*steps.T).T},
            "You measure along a straight line. Here a pixel is near if both the rows and the columns differ by at "
            "most `reach`.",
        ),
        Mistake(
            "whole masks",
            {"of": lambda mask: np.asarray(mask) == 1},
            "You compare all pixels of the objects, and the inside is easy. Take the outlines first.",
        ),
        Mistake(
            "edge of the picture",
            {"of": lambda mask: _outline(np.pad(mask, 1))[1:-1, 1:-1]},
            "Your outlines go along the edge of the picture too, where nobody knows what comes next. The function "
            "`outline`, which the task gives, leaves it out.",
        ),
        Mistake(
            "wrapped around",
            lambda truth, prediction, reach: _outline_f(
                truth, prediction, reach, distance=lambda steps: np.minimum(steps, truth.shape - steps).max(axis=-1)
            ),
            "Right inside. At the edges, yours takes the last column for a neighbour of the first, or the last row for "
            "one of the first: `np.roll` brings back on one side what leaves on the other.",
        ),
        Mistake(
            "pooled",
            {"pooled": True},
            "You add up the pixels of both outlines that were near, and divide by all. The longer outline then has "
            "the larger say. Divide each by its own first.",
        ),
        Mistake(
            "no outlines",
            {"none": 0.0},
            "Right, except where there is no outline at all, neither true nor predicted: the network is right there, "
            "and its score is 1.",
        ),
        Mistake(
            "full masks",
            [
                lambda *given, none=none: _outline_f(*given, none=none if given[0].any() else 1.0)
                for none in (math.nan, 0.0)
            ],
            "Right, except for two masks that fill the picture. They are not empty, and have no outline all the same: "
            "ask the outlines whether there is anything in them, and not the masks.",
        ),
        Mistake(
            "not a number",
            [
                {"none": math.nan},
                {"none": math.nan, "empty": math.nan},
                {"both": _unguarded},
                {"none": math.nan, "empty": math.nan, "both": _unguarded},
            ],
            "Right where the outlines meet. A share of no pixels is `nan`, and so is 0 divided by 0, where both shares "
            "are 0.",
        ),
    ],
    nudges=(
        "Two questions: of the predicted outline, which share is near the true one? And the other way round?",
        "Grow one outline by `reach` in every direction, diagonals too, and look which pixels of the other one lie in "
        "it. Three cases need care: neither mask has an outline, one of them has none, no pixel is near.",
    ),
    why="The inside of a large object hides its outline in every count of pixels. Where outlines matter, as for a "
    "cut-out, a tumour or a road's edge, they have to be counted by themselves.",
)


# --- Tversky's loss ---------------------------------------------------------------------------------------------------

_TINY = 1e-6
_TV_SHAPE = (4, 5, 1)


def _tversky(
    truth, prediction, missed=0.7, false=0.3, *, tiny=_TINY, axes=(1, 2, 3), one_minus=True, rounded=False,
    logits=False, both=False,
):  # fmt: skip
    """In float64. `both` counts the pixels that are rightly background as found too."""
    y, p = np.asarray(truth, float), np.asarray(prediction, float)
    p = (p > 0.5).astype(float) if rounded else 1 / (1 + np.exp(-p)) if logits else p
    hit = (y * p).sum(axis=axes) + ((1 - y) * (1 - p)).sum(axis=axes) * both
    with np.errstate(all="ignore"):
        index = (hit + tiny) / (
            hit + missed * (y * (1 - p)).sum(axis=axes) + false * ((1 - y) * p).sum(axis=axes) + tiny
        )
    return 1 - index if one_minus else index


_TV_MISTAKES = (
    (
        "weights exchanged",
        lambda y, p: _tversky(y, p, 0.3, 0.7),
        "The two weights are exchanged: with yours a false alarm costs more than a missed pixel. (If you call a loss "
        "of Keras, try out which of its weights is which, on an image with one missed pixel.)",
    ),
    (
        "Dice",
        lambda y, p: _tversky(y, p, 0.5, 0.5),
        "That is the Dice loss: both kinds of error cost as much. `missed` and `false_alarm` are their weights.",
    ),
    (
        "IoU",
        lambda y, p: _tversky(y, p, 1, 1),
        "Both kinds of error have the weight 1 in yours. `missed` and `false_alarm` are their weights.",
    ),
    (
        "index",
        lambda y, p: _tversky(y, p, one_minus=False),
        "That is the index itself, 1 for a perfect answer. A loss is smallest there.",
    ),
    (
        "whole batch",
        lambda y, p: np.full(len(y), _tversky(y, p, axes=(0, 1, 2, 3))),
        "You add up the pixels of the whole batch, so that images with small objects hardly count. Add up those of "
        "each image.",
    ),
    (
        "background counted",
        lambda y, p: _tversky(y, p, both=True),
        "Pixels that are rightly called background count as found in yours, and there are so many that nothing else "
        "matters. Only those of the object do.",
    ),
    (
        "rounded",
        lambda y, p: _tversky(y, p, rounded=True),
        "You make 0 or 1 of the predictions before you add them up. Then a small change of the weights changes "
        "nothing, and nothing is learned. Take the probabilities as they are.",
    ),
    (
        "sigmoid again",
        lambda y, p: _tversky(y, p, logits=True),
        "You apply a sigmoid to what is a probability already.",
    ),
)


def _tv_batch():
    random = np.random.default_rng(4)
    y = (random.random((3, *_TV_SHAPE)) < [[[[0.5]]], [[[0.2]]], [[[0.7]]]]).astype("float32")
    return y, random.uniform(0.05, 0.95, y.shape).astype("float32")


@task(
    "10.tversky",
    "a function `tversky_loss(truth, prediction, missed=0.7, false_alarm=0.3)`",
    mistakes=(
        *(name for name, *_ in _TV_MISTAKES),
        *slopes.MISTAKES,
        "wrong type",
        "weights ignored",
        "empty image",
        "other",
    ),
    nudges=(
        "Three sums for each image, over its rows, columns and channel: what was found, what was missed, and what was "
        "a false alarm. Each is a sum of products.",
        "`truth` is 1 on the object and `1 - truth` on the background; the same goes for the prediction. Which product "
        "of two of these four is a missed pixel? `ops.sum` takes several axes.",
    ),
    why="The loss is made of sums of probabilities, so that every pixel has a slope. The IoU that it stands for has "
    "none: it counts pixels that are above a line, and a step that crosses no line changes no count.",
)
def _tversky_task(answer):
    is_callable(answer, "tversky_loss")
    y, p = _tv_batch()
    doing = f"`tversky_loss(truth, prediction)` for tensors of shape {y.shape}"
    losses = slopes.losses(answer, y, p, _tversky, doing)
    if not np.allclose(losses, _tversky(y, p), rtol=2e-3):
        for name, wrong, sentence in _TV_MISTAKES:
            if np.allclose(losses, wrong(y, p), rtol=2e-3):
                raise Wrong(name, sentence)
        raise Wrong(
            "other",
            f"{doing} gives {losses.round(4).tolist()}, where {_tversky(y, p).round(4).tolist()} was expected. "
            "`truth = ops.array([[[[1.0], [1.0], [0.0]]]])` with `prediction = ops.array([[[[0.8], [0.4], [0.5]]]])` "
            f"should give {_tversky([[[[1], [1], [0]]]], [[[[0.8], [0.4], [0.5]]]])[0]:.4f}: you can do it by hand.",
        )
    other = functools.partial(answer, missed=0.2, false_alarm=1.5)
    other = slopes.losses(other, y, p, _tversky, "With other weights, it")
    if not np.allclose(other, _tversky(y, p, 0.2, 1.5), rtol=2e-3):
        raise Wrong(
            "weights ignored",
            "With the weights 0.7 and 0.3 your losses are right, with `missed=0.2, false_alarm=1.5` they are not. The "
            "two need not add up to 1.",
        )
    nothing = np.zeros((2, *_TV_SHAPE), "float32")
    empty = slopes.losses(answer, nothing, nothing, _tversky, "For images without an object and predictions of 0, it")
    if not np.allclose(empty, 0, atol=1e-3):
        raise Wrong(
            "empty image",
            f"For an image without an object, in which none was found, the loss is {empty[0]:.3g}. It is to be 0: the "
            "tiny number stands in the numerator too.",
        )
    return slopes.judge(answer, _tversky, y)


# --- how many are there? ----------------------------------------------------------------------------------------------


def _instances(mask, smallest, *, around=None, first=1, keep=np.greater_equal, gaps=False):
    labels, count = ndimage.label(mask, around)
    kept = keep(np.bincount(labels.ravel(), minlength=count + 1)[1:], smallest)
    numbers = first + (np.arange(count) if gaps else np.cumsum(kept) - 1)
    return np.append(0, np.where(kept, numbers, 0))[labels]


def _renumbered(mask, smallest, order):
    """The same regions, numbered in another order, by a key for the places of their pixels."""
    labels = _instances(mask, smallest)
    numbers = sorted(range(1, labels.max() + 1), key=lambda number: order(np.argwhere(labels == number)))
    return np.append(0, np.argsort(numbers) + 1)[labels]


def _one_sweep(mask, smallest):
    """Each pixel takes the number of the one above or to its left, and the two never learn of each other."""
    labels, number = np.zeros(np.shape(mask), int), 0
    for row, column in itertools.product(*map(range, np.shape(mask))):
        if mask[row][column]:
            above = labels[row - 1, column] if row else 0
            left = labels[row, column - 1] if column else 0
            number += not (above or left)
            labels[row, column] = above or left or number
    kept = [one for one in range(1, number + 1) if (labels == one).sum() >= smallest]
    return np.select([labels == one for one in kept], range(1, len(kept) + 1), 0) if kept else labels * 0


_HORSESHOE = "np.array([[1, 0, 1, 0, 0], [1, 0, 1, 0, 1], [1, 1, 1, 0, 1]])"
_DIAGONAL = "np.array([[0, 0, 1, 1], [0, 0, 1, 1], [1, 1, 0, 0], [1, 1, 0, 1], [1, 1, 0, 0]])"
_CRUMBS = "np.array([[1, 0, 0, 0, 1, 1], [0, 0, 1, 0, 1, 1], [1, 0, 1, 0, 0, 0], [1, 0, 1, 1, 0, 1]])"

function(
    "10.instances",
    "instances(mask, smallest)",
    cases=[
        call(typed(_HORSESHOE), 1),
        call(typed(_DIAGONAL), 1),
        call(typed(_CRUMBS), 3),
        call(typed(_CRUMBS), 2),
        call(typed("np.zeros((3, 4), int)"), 1),
        call(typed("np.array([[1, 0, 0], [1, 0, 1], [1, 0, 0], [1, 0, 0]])"), 1),
        call(typed("np.array([[0, 0, 1, 0, 1], [1, 0, 0, 0, 1], [1, 1, 1, 1, 1]])"), 1),
    ],
    right=_instances,
    ints=True,
    mistakes=[
        Mistake(
            "corners",
            {"around": np.ones((3, 3))},
            "Two pixels that touch at a corner only belong together in yours. Here they do not.",
        ),
        Mistake(
            "one sweep",
            _one_sweep,
            "Simple shapes are right. A horseshoe, whose ends meet only further down, gets two numbers: when its ends "
            "turn out to be one object, what has been numbered before must learn of it.",
        ),
        Mistake("crumbs kept", {"smallest": 1}, "Objects of fewer than `smallest` pixels are still there in yours."),
        Mistake(
            "one pixel too many",
            {"keep": np.greater},
            "Objects of exactly `smallest` pixels are gone in yours. They are to stay.",
        ),
        Mistake(
            "gaps in the numbers",
            {"gaps": True},
            "You number first and drop the small ones then, which leaves gaps. The numbers that are left are to be 1, "
            "2, 3 and so on, so that the largest one is how many there are.",
        ),
        Mistake("numbered from 0", {"first": 0}, "Your first object has the number 0, as the background has."),
        Mistake(
            "numbered by size",
            lambda mask, smallest: _renumbered(mask, smallest, lambda places: -len(places)),
            "The right objects, numbered by their size. They are numbered as one reads, by the first pixel of each.",
        ),
        Mistake(
            "numbered by place",
            [
                lambda mask, smallest: _renumbered(mask, smallest, lambda places: [*places.mean(axis=0)]),
                lambda mask, smallest: _renumbered(mask, smallest, lambda places: [*places.min(axis=0)]),
            ],
            "The right objects, numbered by their middle or by the corner of the box around them, which need not be "
            "pixels of theirs. They are numbered by the first pixel of each, as one reads.",
        ),
        Mistake(
            "numbered by columns",
            lambda mask, smallest: _instances(np.transpose(mask), smallest).T,
            "The right objects, numbered from left to right. They are numbered as one reads, row by row.",
        ),
        Mistake(
            "not told apart",
            lambda mask, smallest: np.asarray(mask),
            "That is the mask that came in. Each object is to have a number of its own.",
        ),
        Mistake(
            "truth values",
            [lambda mask, smallest: mask == 1, lambda mask, smallest: _instances(mask, smallest) > 0],
            "In yours a pixel belongs to an object or to none, as in an array of `bool`, in which every number becomes "
            "`True`. Write the numbers into an array of ints.",
        ),
    ],
    nudges=(
        "Take the first pixel that has no number yet. Which others belong to it, and which others to those?",
        "Keep a list of pixels to visit: take one, number it, put its four neighbours on the list if they are in the "
        "mask and new. Or look for a function in `scipy.ndimage`.",
    ),
    why="That is the step from a semantic to an instance segmentation that needs no learning. It fails where two "
    "objects touch: nothing in the mask says that they are two, which is why networks for instances exist.",
)


# --- tiles without seams ----------------------------------------------------------------------------------------------


@task(
    "10.tiled",
    "a function `predict_in_tiles(predict, image, tile, margin)`",
    mistakes=("wrong type", *tiles.MISTAKES),
    nudges=(
        "A pixel is right if `margin` pixels on each side of it were in its tile, or the image ends there. How many "
        "pixels of a tile in the middle of the image are right?",
        "Go through the image in blocks of `tile - 2 * margin`. For each, cut out the block with a margin around it, "
        "as far as the image goes, predict, and keep the block. Where in the prediction does the block begin?",
    ),
    why="Images from microscopes and satellites do not fit into a memory. With tiles that overlap by as much as the "
    "network sees, nobody can tell that it did not see them whole. A network that halves its maps needs one thing "
    "more: tiles must begin at multiples of all its strides.",
)
def _tiled(answer):
    is_callable(answer, "predict_in_tiles")
    for rows, columns, tile in ((13, 18, 9), (5, 6, 9), (23, 7, 8), (9, 9, 5), (1, 14, 7)):
        image = np.random.default_rng(rows).normal(size=(rows, columns, 3)) * 2
        tiles.judge(answer, image.astype("float32"), tile)
    tiles.judge(answer, np.random.default_rng(0).integers(0, 8, (11, 10, 3)).astype("uint8"), 7)


# --- stars ------------------------------------------------------------------------------------------------------------

_STARS = 0.55  # IoU on unseen scenes: every object 0.29, the best rule about colours below 0.35, networks 0.64 to 0.74
_NEAR = 0.05


@functools.cache
def _unseen():
    return scenes.draw(1000, seed=910)  # of 200, the IoU of one network varies by 0.015


def _found_by(model, training=False):
    """What a model takes for stars in the unseen scenes, an array of truth values."""
    images = _unseen().images
    outputs = np.concatenate([networks.outputs(model, part, training) for part in np.split(images, 20)])
    if outputs.shape[-1] == 1 and (outputs.min() < -1e-6 or outputs.max() > 1 + 1e-6):
        raise Wrong(
            "no probabilities",
            f"For a pixel your model gives one number, from {outputs.min():.3g} to {outputs.max():.3g}. A probability "
            "lies between 0 and 1: which activation does the last layer have?",
        )
    return outputs[..., 0] > 0.5 if outputs.shape[-1] == 1 else outputs.argmax(axis=-1) == 1


def _iou(found):
    stars = _unseen().stars[..., 0] == 1
    return float((found & stars).sum() / (found | stars).sum())


@task(
    "10.stars",
    "a pair: your trained model, and the IoU that you say it has",
    mistakes=(
        *("wrong type", "percent", "not a number", "output shape", "no probabilities", "running averages"),
        *("classes exchanged", "transposed", "finds nothing", "disks too", "accuracy", "claim"),
    ),
    nudges=(
        "Stars and disks have the same colours and patterns. How large a piece of the picture must a network see to "
        "tell the end of a star from the rim of a disk? And what is fitted to few pixels in twenty?",
        "Halve the maps twice and double them again, with connections across. Batch normalisation with `momentum=0.9`, "
        "a few hundred scenes and a rate that falls are enough. Say what you measure on scenes that no training has "
        "seen.",
    ),
    why="No rule about a pixel finds them, since a pixel of a star looks like one of a disk. And a number that was "
    "measured where the network had learned is no evidence: yours was measured elsewhere, and held.",
)
def _stars(answer):
    if not isinstance(answer, (tuple, list)) or len(answer) != 2 or not is_number(answer[1]):
        raise Wrong("wrong type", f"This check wants a pair, the model and a number, and got {describe(answer)}.")
    model, said, two = answer[0], float(answer[1]), False
    networks.is_model(model)
    if not 0 <= said <= 1:
        name, why = ("percent", "is that percent?") if said > 1 else ("not a number", "no measurement gives that.")
        raise Wrong(name, f"You said {said:.4g}. An IoU is a share, from 0 to 1: {why}")
    size = (scenes.SIZE, scenes.SIZE)
    with contextlib.suppress(Exception):  # of models that do not know it
        two = model.output_shape[-1] == 2
    networks.gives(model, input_shape=(*size, 3), output_shape=(*size, 2 if two else 1))
    found, truth = _found_by(model), _unseen()
    stars = truth.stars[..., 0] == 1
    disks = (truth.objects[..., 0] == 1) & ~stars
    of_stars, of_disks, reached = found[stars].mean(), found[disks].mean(), _iou(found)
    shares = f"it takes {of_stars:.0%} of their pixels for stars, and {of_disks:.0%} of the disks'"
    measured = f"On 1,000 new scenes the IoU of stars is {reached:.2f}"
    if reached < _STARS:
        for name, other, advice in (
            (
                "running averages",
                _found_by(model, training=True),
                "with `training=True`, where batch normalisation uses each batch's own averages. The running averages, "
                "which it uses otherwise, lag behind after few steps. Smaller batches, more epochs or `momentum=0.9` "
                "in these layers let them catch up.",
            ),
            (
                "classes exchanged",
                ~found,
                "with your classes exchanged. Of two, stars are the second; of one, it is the star's probability.",
            ),
            ("transposed", found.swapaxes(1, 2), "with rows and columns exchanged: your output lies on its side."),
        ):
            if (better := _iou(other)) > reached + 0.1:
                raise Wrong(name, f"{measured}. It is {better:.2f} {advice}")
        if found.mean() < 0.005:
            raise Wrong(
                "finds nothing",
                "Your model finds hardly a star. Few pixels in a hundred are of stars, and never to say so is right "
                "for all others. Was it trained long enough, and do its maps see enough?",
            )
        name = "disks too" if of_disks > 0.5 * of_stars else "accuracy"
        advice = (
            "It knows objects, and does not know stars: how much of the picture does one of its outputs see?"
            if name == "disks too"
            else "Did the loss still fall at the end? Or is it much lower on the scenes that it has learned from?"
        )
        raise Wrong(name, f"{measured}, and the task asks for {_STARS}: {shares}. {advice}")
    if abs(said - reached) > _NEAR:
        raise Wrong(
            "claim",
            f"The model is good enough. {measured}, and you said {said:.2f}. Where was that measured, on how many "
            "scenes, and had the network seen them?",
        )
    return f"{measured}, and you said {said:.2f}: {shares}."
