"""The checks of chapter 10, segmentation."""

import contextlib
import functools
import itertools
import math

import numpy as np

from . import networks, scenes, slopes, tiles
from .comparing import describe, is_number
from .engine import Wrong, run
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
    return float(mean(sign * log(right), known)) if known.any() else none


def _by_image(losses, known):
    return np.mean([loss[mask].mean() for loss, mask in zip(losses, known, strict=True) if mask.any()])


def _soft(shape, seed):
    """Two probabilities for each pixel, as an expression."""
    return f"np.stack([p := np.random.default_rng({seed}).uniform(0.1, 0.9, {shape}), 1 - p], axis=-1)"


_FLAT = "np.array([1, 3, 2, 2, 1, 1, 3, 2, 2, 2, 1, 1], 'uint8').reshape(1, 3, 4, 1)"
_SEVERAL = "np.random.default_rng(1).integers(1, 4, (3, 4, 5, 1)).astype('uint8')"
_UNEVEN = "np.array([1, 2, 3, 3, 3, 3, 1, 1, 2, 2, 1, 2], 'uint8').reshape(2, 2, 3, 1)"
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
    + [call(typed("np.full((1, 2, 2, 1), 3, 'uint8')"), typed("np.full((1, 2, 2, 2), 0.5)"))],
    right=_border_loss,
    mistakes=[
        Mistake(
            "divided by all pixels",
            {"mean": lambda losses, known: (losses * known).sum() / known.size},
            "Pixels of the border add nothing to your sum, but you divide by them: the mean is over the pixels that "
            "count. An image with a broad border would have a low loss however wrong the rest is.",
        ),
        Mistake(
            "border as background",
            {"border": 0},
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
            "not a number",
            {"none": math.nan},
            "Right, except for images of nothing but border: no pixel counts there, and the mean of none is `nan`. One "
            "such batch, and all weights of a network are `nan`.",
        ),
        Mistake("sign", {"sign": 1}, "Your loss is negative. It is minus the logarithm."),
        Mistake("other logarithm", [{"log": np.log10}, {"log": np.log2}], "Losses take the natural logarithm."),
    ],
    nudges=(
        "Two arrays, pixel by pixel: how probable did the network think the right class, and does the pixel count?",
        "Drop the trimaps' last axis. `np.where` chooses between the two outputs; a comparison with 3 tells which "
        "pixels count, and with it you can index what you take the mean of.",
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
            "gap behind the last copy too, with the bias alone: each input pixel owns `strides` pixels of the output.",
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
        Mistake(
            "depth forgotten",
            {"depth": False},
            "The sizes are right. Each filter has a kernel for each of the channels that go in.",
        ),
        Mistake(
            "kernel not squared",
            {"square": False},
            "The sizes are right. A kernel is as high as it is wide: how many numbers are that?",
        ),
        Mistake(
            "exchanged",
            lambda *given: _grown(*given)[::-1],
            "The right numbers, the other way round: the size comes first.",
        ),
    ],
    nudges=(
        "Lay a copy of the kernel for each of the input pixels, each copy `strides` further than the last. From where "
        "to where do they reach?",
        "With `same` an input pixel makes `strides` output pixels, neither more nor less. With `valid` the last copy "
        "keeps what sticks out. Weights are counted as for a convolution.",
    ),
    why="A decoder that is to meet its encoder's maps again has to come out at their sizes to the pixel. Halved and "
    "doubled, 75 becomes 38 and 76: an odd size on the way down never comes back.",
)


# --- copies that are added --------------------------------------------------------------------------------------------


def _stamped(
    image, kernel, strides, *, add=True, flip=False, step=None, turned=False, size=None, mean=False, kind=float,
):  # fmt: skip
    image, kernel = np.asarray(image), np.asarray(kernel)
    kernel = kernel[::-1, ::-1] if flip else kernel.transpose(1, 0, 2, 3) if turned else kernel
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


def _without_rest(count, k, s):
    return (count - 1) * s + k


_STAMP_CASES = [
    ("np.arange(3 * 4 * 2).reshape(3, 4, 2) % 7", "np.arange(3 * 2 * 5 * 2).reshape(3, 2, 5, 2) % 11 / 4", 2),
    ("np.random.default_rng(0).normal(size=(4, 3, 3))", "np.random.default_rng(1).normal(size=(3, 3, 3, 3))", 1),
    ("np.random.default_rng(2).normal(size=(2, 5, 1))", "np.random.default_rng(3).normal(size=(2, 4, 2, 1))", 3),
]
_ONE_OF_EACH = call(typed("np.ones((3, 3, 1))"), typed("np.ones((2, 2, 1, 1))"), 2)
_CHANNELS = (
    "With one channel and one filter your function is right. The kernel's last two axes are filters and channels, in "
    "this order; at each of its places it makes `filters` numbers of a pixel's `channels`."
)

function(
    "10.stamped",
    "transposed_convolution(image, kernel, strides)",
    cases=[
        call(typed(image), typed(kernel), strides).told(stopping=_CHANNELS, right_for=_ONE_OF_EACH)
        for image, kernel, strides in _STAMP_CASES
    ],
    right=_stamped,
    mistakes=[
        Mistake(
            "overwritten",
            {"add": False},
            "Where two copies overlap, yours keeps the later one. They are to be added.",
        ),
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
            {"size": _without_rest},
            "Right where the kernel is at least as large as the stride. Where it is smaller the output goes on behind "
            "the last copy, as in the task before: there is nothing to add there, so it is 0.",
        ),
        Mistake(
            "cut as with same",
            {"size": lambda count, k, s: count * s},
            "Your output is cut to the size times the stride. That is `same`; here every copy is kept whole.",
        ),
        Mistake(
            "strides ignored",
            {"step": (1, 1)},
            "Your copies lie next to each other, one pixel apart. Each is to be `strides` further than the last.",
        ),
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
        Mistake(
            "product",
            {"both": lambda precision, recall: precision * recall},
            "You multiply the two shares. F is twice the product over the sum.",
        ),
        Mistake(
            "reach ignored",
            lambda truth, prediction, reach: _outline_f(truth, prediction, 0),
            "You count only pixels that both outlines have. With `reach`, a near miss is a hit.",
        ),
        Mistake(
            "one too far",
            {"more": 1},
            "Your outlines reach one pixel too far: with `reach` 0 only the pixel itself counts.",
        ),
        Mistake(
            "one too short",
            {"more": -1},
            "You ask for less than `reach`; exactly `reach` pixels away is near enough.",
        ),
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
            "not a number",
            [{"none": math.nan}, {"none": math.nan, "empty": math.nan}],
            "Right where there are outlines. Where there is none, you take a share of nothing, which is `nan`.",
        ),
    ],
    nudges=(
        "Two questions: of the predicted outline, which share is near the true one? And the other way round?",
        "Grow one outline by `reach` in every direction, diagonals too, and look which pixels of the other one lie in "
        "it. The four ways in which one of the counts is 0 need a line of their own.",
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


def _tv_losses(answer, y, p, doing):
    """The student's losses of a batch, as an array, one for each image."""
    from keras import ops

    losses = run(answer, ops.convert_to_tensor(y), ops.convert_to_tensor(p), doing=doing)
    if losses is None:
        raise Wrong("no return", f"{doing} returns `None`. Does your function end with `return`?")
    try:
        losses = np.asarray(ops.convert_to_numpy(losses), float)
    except Exception:
        raise Wrong("wrong type", f"{doing} is {describe(losses)}; a tensor was expected.") from None
    if losses.shape == () and np.allclose(losses, _tversky(y, p).mean(), rtol=1e-3):
        raise Wrong("mean", "That is the mean over the images. Return a loss for each; Keras takes the mean.")
    if losses.shape != (len(y),):
        raise Wrong(
            "shape",
            f"For {len(y)} images of shape {y.shape[1:]}, your losses have the shape {losses.shape}, and should have "
            f"{(len(y),)}: one for each image. Over which axes do you add up?",
        )
    return losses


@task(
    "10.tversky",
    "a function `tversky_loss(truth, prediction, missed=0.7, false_alarm=0.3)`",
    mistakes=(
        *(name for name, *_ in _TV_MISTAKES),
        "wrong type",
        "no return",
        "mean",
        "shape",
        "weights ignored",
        "empty image",
        "stops in training",
        "no gradient",
        "other gradient",
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
    losses = _tv_losses(answer, y, p, doing)
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
    other = _tv_losses(functools.partial(answer, missed=0.2, false_alarm=1.5), y, p, "With other weights, it")
    if not np.allclose(other, _tversky(y, p, 0.2, 1.5), rtol=2e-3):
        raise Wrong(
            "weights ignored",
            "With the weights 0.7 and 0.3 your losses are right, with `missed=0.2, false_alarm=1.5` they are not. The "
            "two need not add up to 1.",
        )
    nothing = np.zeros((2, *_TV_SHAPE), "float32")
    empty = _tv_losses(answer, nothing, nothing, "For images without an object and predictions of 0, it")
    if not np.allclose(empty, 0, atol=1e-3):
        raise Wrong(
            "empty image",
            f"For an image without an object, in which none was found, the loss is {empty[0]:.3g}. It is to be 0: the "
            "tiny number stands in the numerator too.",
        )
    moved, wanted = slopes.step(answer, y), -slopes.measured(_tversky, y)
    if np.allclose(moved, 0, atol=1e-6):
        raise Wrong(
            "no gradient",
            "The values are right, and no gradient comes through: a step of training changes no weight. Somewhere on "
            "the way the tensors become NumPy arrays, or are rounded.",
        )
    if not np.allclose(moved, wanted, rtol=0.02, atol=1e-4):
        raise Wrong(
            "other gradient",
            f"The values are right, and the gradient is not: a step moves two weights by {moved.round(4).tolist()}, "
            f"where the slopes of the loss ask for {wanted.round(4).tolist()}. A part of the way has no gradient.",
        )
    return f"Its gradient agrees with the slopes that were measured, {(-wanted).round(3).tolist()}."


# --- how many are there? ----------------------------------------------------------------------------------------------

_CROSS = ((-1, 0), (0, -1), (0, 1), (1, 0))
_RING = tuple(step for step in itertools.product((-1, 0, 1), repeat=2) if any(step))


def _instances(mask, smallest, *, neighbours=_CROSS, first=1, keep=lambda size, smallest: size >= smallest, gaps=False):
    mask = np.asarray(mask)
    seen, result, number = mask == 0, np.zeros(mask.shape, int), first
    for start in itertools.product(*map(range, mask.shape)):
        if seen[start]:
            continue
        part, waiting = [], [start]
        seen[start] = True
        while waiting:
            row, column = waiting.pop()
            part.append((row, column))
            for down, right in neighbours:
                at = row + down, column + right
                if 0 <= at[0] < mask.shape[0] and 0 <= at[1] < mask.shape[1] and not seen[at]:
                    seen[at] = True
                    waiting.append(at)
        kept = keep(len(part), smallest)
        if kept:
            result[tuple(np.transpose(part))] = number
        number += kept or gaps
    return result


def _renumbered(labels, order):
    """The same regions, numbered in another order: `order` sorts (number, pixels)."""
    numbers = sorted(range(1, labels.max() + 1), key=lambda number: order(number, labels == number))
    if not numbers:
        return labels
    return np.select([labels == number for number in numbers], range(1, len(numbers) + 1), 0)


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
    ],
    right=_instances,
    ints=True,
    mistakes=[
        Mistake(
            "corners",
            {"neighbours": _RING},
            "Two pixels that touch at a corner only belong together in yours. Here they do not.",
        ),
        Mistake(
            "one sweep",
            _one_sweep,
            "Simple shapes are right. A horseshoe, whose ends meet only further down, gets two numbers: when its ends "
            "turn out to be one object, what has been numbered before must learn of it.",
        ),
        Mistake(
            "crumbs kept",
            lambda mask, smallest: _instances(mask, 1),
            "Objects of fewer than `smallest` pixels are still there. They are to become background.",
        ),
        Mistake(
            "one pixel too many",
            {"keep": lambda size, smallest: size > smallest},
            "Objects of exactly `smallest` pixels are gone in yours. They are to stay.",
        ),
        Mistake(
            "gaps in the numbers",
            {"gaps": True},
            "You number first and drop the small ones then, which leaves gaps. The numbers that are left are to be 1, "
            "2, 3 and so on, so that the largest one is how many there are.",
        ),
        Mistake(
            "numbered from 0",
            {"first": 0},
            "Your first object has the number 0, as the background has.",
        ),
        Mistake(
            "numbered by size",
            lambda mask, smallest: _renumbered(_instances(mask, smallest), lambda number, one: -one.sum()),
            "The right objects, numbered by their size. They are numbered as one reads, by the first pixel of each.",
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
    mistakes=(
        "wrong type",
        "empty tile",
        "too large",
        "no end",
        "no return",
        "shape",
        "input changed",
        "rounded",
        "left over",
        "wrong at the border",
        "seams",
        "other",
    ),
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
    for rows, columns, tile in ((5, 6, 9), (13, 18, 9), (23, 7, 8), (9, 9, 5), (1, 14, 7)):
        image = np.random.default_rng(rows).normal(size=(rows, columns, 3)) * 2
        _one_tiling(answer, image, tile)


def _one_tiling(answer, image, tile):
    from keras import ops

    rows, columns = image.shape[:2]
    whole, given, net = tiles.Net()(image), image.copy(), tiles.Net(tile)
    doing = f"`predict_in_tiles(predict, image, {tile}, {tiles.MARGIN})` for an image of {rows} by {columns} pixels"
    result = run(answer, net, given, tile, tiles.MARGIN, doing=doing)
    if result is None:
        raise Wrong("no return", f"{doing} returns `None`.")
    if not np.array_equal(given, image):
        raise Wrong("input changed", f"{doing} changed the image.")
    try:
        result = np.asarray(ops.convert_to_numpy(result), float)
    except Exception:
        raise Wrong("wrong type", f"{doing} gives {describe(result)}; an array was expected.") from None
    if result.shape != whole.shape:
        raise Wrong(
            "shape",
            f"{doing} gives shape {result.shape}; {whole.shape} was expected, two classes for each pixel of the image.",
        )
    off = ~np.isclose(result, whole, rtol=1e-4, atol=1e-5).all(axis=-1)
    if not off.any():
        return
    if np.array_equal(result, np.trunc(whole)):
        raise Wrong("rounded", "You collect the results in an array of whole numbers, which drops their fractions.")
    never = off & ((result == 0).all(axis=-1) | np.isnan(result).any(axis=-1))
    if never.any() and not (off & ~never).any():
        row, column = np.argwhere(never)[0]
        raise Wrong(
            "left over",
            f"{doing} leaves {never.sum()} of {off.size} pixels without an answer, the first in row {row}, column "
            f"{column}. What becomes of the rest where the blocks do not fit into the image evenly?",
        )
    edge = np.ones((rows, columns), bool)
    edge[tiles.MARGIN : -tiles.MARGIN, tiles.MARGIN : -tiles.MARGIN] = False
    row, column = np.argwhere(off)[0]
    where = f"{doing}: {off.sum()} of {off.size} pixels differ from those of the whole image, the first in row {row}, "
    where += f"column {column}."
    if not (off & ~edge).any() and min(rows, columns) > 2 * tiles.MARGIN:
        raise Wrong(
            "wrong at the border",
            f"{where} All of them lie at the border of the image. Beyond it there is nothing: if you fill it up before "
            "the network does, its first layer makes something of the filling, and the second one takes that for a "
            "picture. Let the tile end where the image ends.",
        )
    if off.mean() < 0.9 and not never.any():
        raise Wrong(
            "seams",
            f"{where} They lie in lines: pixels that had less than `margin` of their surroundings in the tile were "
            "kept, or had a share in a mean. Keep of each tile only what is right.",
        )
    raise Wrong("other", f"{where} Does each piece of a prediction go back to the place where it came from?")


# --- stars ------------------------------------------------------------------------------------------------------------

_STARS = 0.55  # IoU on unseen scenes: every object 0.29, the best rule about colours below 0.35, networks 0.64 to 0.74
_NEAR = 0.05


@functools.cache
def _unseen():
    return scenes.draw(200, seed=910)


def _found_by(model):
    """What a model takes for stars in the unseen scenes, an array of truth values."""
    images = _unseen().images
    outputs = np.concatenate([networks.outputs(model, part) for part in np.split(images, 4)])
    if outputs.shape[-1] == 1 and (outputs.min() < -1e-6 or outputs.max() > 1 + 1e-6):
        raise Wrong(
            "no probabilities",
            f"For a pixel your model gives one number, from {outputs.min():.3g} to {outputs.max():.3g}. A probability "
            "lies between 0 and 1: which activation does the last layer have?",
        )
    return outputs[..., 0] > 0.5 if outputs.shape[-1] == 1 else outputs.argmax(axis=-1) == 1


@task(
    "10.stars",
    "a pair: your trained model, and the IoU that you say it has",
    mistakes=("wrong type", "output shape", "no probabilities", "finds nothing", "disks too", "accuracy", "claim"),
    nudges=(
        "Stars and disks have the same colours and patterns. How large a piece of the picture must a network see to "
        "tell the end of a star from the rim of a disk? And what is fitted to few pixels in twenty?",
        "Halve the maps twice and double them again, with connections across. Batch normalisation, a few hundred "
        "scenes and a rate that falls are enough. Say what you measure on scenes that no training has seen.",
    ),
    why="No rule about a pixel finds them, since a pixel of a star looks like one of a disk. And a number that was "
    "measured where the network had learned is no evidence: yours was measured elsewhere, and held.",
)
def _stars(answer):
    if not isinstance(answer, (tuple, list)) or len(answer) != 2 or not is_number(answer[1]):
        raise Wrong("wrong type", f"This check wants a pair, the model and a number, and got {describe(answer)}.")
    model, said, two = answer[0], float(answer[1]), False
    networks.is_model(model)
    size = (scenes.SIZE, scenes.SIZE)
    with contextlib.suppress(Exception):  # of models that do not know it
        two = model.output_shape[-1] == 2
    networks.gives(model, input_shape=(*size, 3), output_shape=(*size, 2 if two else 1))
    found, truth = _found_by(model), _unseen()
    stars = truth.stars[..., 0] == 1
    disks = (truth.objects[..., 0] == 1) & ~stars
    reached = float((found & stars).sum() / (found | stars).sum())
    shares = (
        f"it takes {found[stars].mean():.0%} of their pixels for stars, and {found[disks].mean():.0%} of the disks'"
    )
    measured = f"On 200 new scenes the IoU of stars is {reached:.2f}"
    if reached < _STARS:
        if found.mean() < 0.005:
            raise Wrong(
                "finds nothing",
                "Your model finds hardly a star. Few pixels in a hundred are of stars, and never to say so is right "
                "for all others. Was it trained long enough, and do its maps see enough?",
            )
        name = "disks too" if found[disks].mean() > 0.5 * found[stars].mean() else "accuracy"
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
