"""The checks of chapter 12, input masking."""

import contextlib
import functools
import math
from unittest import mock

import numpy as np

from . import strangers
from .comparing import describe, same
from .engine import Wrong, run
from .kinds import Mistake, call, function, is_callable, prediction, task, typed

# --- what a patch touches ---------------------------------------------------------------------------------------------


def _touched(first, last, size, layers, *, begins=None, ends=None, low=0, high=1, strides=True):
    """`begins` and `ends` give the first and the last window from (place, kernel size, stride)."""
    for kernel_size, stride in layers:
        stride = stride if strides else 1
        size = (size - kernel_size) // stride + 1
        first = (begins or (lambda place, k, s: -(-(place - k + 1) // s)))(first, kernel_size, stride)
        last = (ends or (lambda place, k, s: place // s))(last, kernel_size, stride)
        first = first if low is None else max(first, low)
        last = last if high is None else min(last, size - high)
    return first, last


def _out_of(first, last, size, layers):
    for kernel_size, stride in layers:
        size = (size - kernel_size) // stride + 1
    return size


function(
    "12.touched",
    "touched(first, last, size, layers)",
    cases=[
        call(10, 17, 32, [(3, 1), (3, 1), (2, 2)]),
        call(0, 7, 30, [(5, 2), (3, 1)]),
        call(23, 31, 32, [(5, 3), (3, 2)]),
        call(9, 9, 21, [(3, 2)]),
        call(3, 10, 28, [(4, 4), (3, 1), (2, 1)]),
        call(30, 45, 64, [(7, 2), (2, 2), (3, 1), (3, 2)]),
    ],
    right=_touched,
    mistakes=[
        Mistake(
            "beyond the end",
            {"high": None},
            "Your last place can lie beyond the end of the map. Where the windows come to an end before the columns "
            "do, the last window is the last place.",
        ),
        Mistake(
            "before the beginning",
            {"low": None},
            "Your first place can be negative. Windows begin at column 0.",
        ),
        Mistake(
            "limits forgotten",
            {"low": None, "high": None},
            "Your places can lie outside of the map, on either side. Only so many windows fit.",
        ),
        Mistake(
            "rounded down",
            {"begins": lambda place, k, s: (place - k + 1) // s},
            "Your first window can begin too early: one place before the first that reaches the patch. From which "
            "window on is the last column of the window in the patch?",
        ),
        Mistake(
            "kernel ignored",
            {"begins": lambda place, k, s: place // s},
            "The last place is right. The first is the window that begins in the patch, but windows that began before "
            "it reach into it with their last columns.",
        ),
        Mistake(
            "wholly inside",
            {"begins": lambda place, k, s: -(-place // s), "ends": lambda place, k, s: (place - k + 1) // s},
            "You count windows that lie in the patch with all their columns. One column is enough to change the sum.",
        ),
        Mistake(
            "about the middle",
            {"begins": lambda place, k, s: (place - k // 2) // s, "ends": lambda place, k, s: (place + k // 2) // s},
            "You let the patch grow by half a kernel to both sides, as with padding `same`. Without padding, place 0 "
            "is the window that begins at column 0.",
        ),
        Mistake(
            "stride ignored",
            {"strides": False},
            "You move every window by one column. Each layer has its own stride, the second number of its pair.",
        ),
        Mistake(
            "first layer only",
            lambda first, last, size, layers: _touched(first, last, size, layers[:1]),
            "That is the answer after the first layer. What changes in its map is the patch of the next one.",
        ),
        Mistake(
            "last layer only",
            lambda first, last, size, layers: _touched(first, last, size, layers[-1:]),
            "You start anew with every layer. What changes in one map is the patch of the next layer.",
        ),
        Mistake(
            "size of the image",
            lambda first, last, size, layers: functools.reduce(
                lambda ends, layer: _touched(*ends, size, [layer]), layers, (first, last)
            ),
            "You use the number of columns of the image in every layer. The maps get shorter.",
        ),
        Mistake(
            "how many",
            lambda *given: _touched(*given)[1] - _touched(*given)[0] + 1,
            "That is how many places change. The task asks for the first and the last of them.",
        ),
        Mistake(
            "one past the end",
            lambda *given: (_touched(*given)[0], _touched(*given)[1] + 1),
            "Your second number is the place after the last one that changes.",
        ),
        Mistake(
            "share",
            lambda *given: (_touched(*given)[1] - _touched(*given)[0] + 1) / _out_of(*given),
            "That is the share of the map. The task asks for the first and the last place.",
        ),
    ],
    nudges=(
        "One layer first. Window number n covers the columns from n * stride to n * stride + kernel_size - 1. Which n "
        "is the smallest that reaches the patch?",
        "The first window is the first whose last column is not left of the patch: a division that is rounded up. The "
        "last is the last whose first column is not right of it: rounded down. Then limit both to windows that exist.",
    ),
    why="All other places of the map are those of the clean picture and need not be computed. The package plans its "
    "windows with this arithmetic, rows and columns apart.",
)


# --- a map that knows nothing -----------------------------------------------------------------------------------------


def _by_chance(masks, tolerance, *, far="euclidean", strictly=False, spread=None):
    from scipy.spatial.distance import cdist

    masks = np.asarray(masks)
    every = np.argwhere(np.ones(masks.shape[1:]))
    shares = []
    for mask in masks:
        nearest = cdist(every, np.argwhere(mask), far).min(axis=1)
        shares.append(np.mean((nearest < tolerance) | (nearest == 0) if strictly else nearest <= tolerance))
    shares = np.array(shares)
    noise = math.sqrt(np.sum(shares * (1 - shares))) / len(shares)
    return float(shares.mean()), float(spread(shares) if spread else noise)


_AREAS = "(np.arange(4 * 7 * 10).reshape(4, 7, 10) % 70 < np.array([2, 9, 25, 60])[:, None, None]).astype(int)"
_SPOTS = "np.isin(np.arange(2 * 8 * 9).reshape(2, 8, 9), [30, 31, 72, 143]).astype(int)"

function(
    "12.by_chance",
    "by_chance(masks, tolerance)",
    cases=[
        call(typed(_AREAS), 0),
        call(typed(_SPOTS), 2),
        call(typed(_AREAS), 1),
        call(typed(_SPOTS), 1.5),
    ],
    right=_by_chance,
    mistakes=[
        Mistake(
            "tolerance ignored",
            lambda masks, tolerance: _by_chance(masks, 0),
            "Right for a tolerance of 0. With a larger one, a pixel beside the object counts as well.",
        ),
        Mistake(
            "a square",
            {"far": "chebyshev"},
            "You let the object grow by a square, so that its corners reach too far: a pixel that is 2 rows and 2 "
            "columns away is farther than 2.",
        ),
        Mistake(
            "a diamond",
            {"far": "cityblock"},
            "You add rows and columns to a distance. As the crow flies it is shorter.",
        ),
        Mistake(
            "strictly nearer",
            {"strictly": True},
            "A pixel that is just as far away as the tolerance allows counts, and yours leaves it out.",
        ),
        Mistake(
            "one share for all",
            {"spread": lambda p: math.sqrt(p.mean() * (1 - p.mean()) / len(p))},
            "The mean is right. The standard deviation treats all images as if their objects were equally large; a "
            "game that is nearly sure adds little noise. What does each image add?",
        ),
        Mistake(
            "spread of the areas",
            {"spread": lambda p: p.std() / math.sqrt(len(p))},
            "The mean is right. Your second number is about how the objects differ in size. The images are given; what "
            "is drawn at random is where a map points.",
        ),
        Mistake(
            "spread of the areas, not of a mean",
            [{"spread": lambda p: p.std()}, {"spread": lambda p: p.std(ddof=1)}],
            "The mean is right. Your second number says how the objects differ in size. The images are given; what is "
            "drawn at random is where a map points.",
        ),
        Mistake(
            "of one game",
            {"spread": lambda p: math.sqrt(np.mean(p * (1 - p)))},
            "The mean is right, and the standard deviation is that of one image. The score is the mean over many.",
        ),
        Mistake(
            "of the sum",
            {"spread": lambda p: math.sqrt(np.sum(p * (1 - p)))},
            "The mean is right, and the standard deviation is that of the number of hits. The score is their share.",
        ),
        Mistake(
            "variance",
            {"spread": lambda p: np.sum(p * (1 - p)) / len(p) ** 2},
            "The mean is right. Your second number is the variance, the square of what is asked for.",
        ),
        Mistake(
            "twice",
            {"spread": lambda p: 2 * math.sqrt(np.sum(p * (1 - p))) / len(p)},
            "The mean is right, and the second number is twice the standard deviation.",
        ),
        Mistake(
            "mean only",
            lambda masks, tolerance: _by_chance(masks, tolerance)[0],
            "That is the mean. The second number, by how much chance moves it, is missing.",
        ),
    ],
    nudges=(
        "A map of random numbers is highest at each pixel equally often. How likely does it hit in one image?",
        "One game is a coin that falls on hit with probability p; its variance is p times 1 - p. Variances of games "
        "add up. What happens to them when the sum is divided by the number of images?",
    ),
    why="A rate is a result only next to this one. With small objects a map that knows nothing scores little, and with "
    "pets that fill the picture a lot; and on few images it can score twice what it should.",
)


# --- two patches ------------------------------------------------------------------------------------------------------


def _hidden(image, boxes, fill, *, corners=False, exchanged=False):
    image = np.array(image, float)
    for top, left, height, width in boxes:
        if exchanged:
            top, left, height, width = left, top, width, height
        if corners:
            height, width = max(height - top, 0), max(width - left, 0)
        image[top : top + height, left : left + width] = fill
    return image


def _together(
    score, image, first, second, fill, *, combined=lambda whole, a, b, both: a + b - whole - both, black=False,
    around=False, **reading,
):  # fmt: skip
    boxes = [[], [first], [second], [first, second]]
    if around:
        top, left = (min(first[n], second[n]) for n in (0, 1))
        bottom, right = (max(one[n] + one[n + 2] for one in (first, second)) for n in (0, 1))
        boxes[3] = [(top, left, bottom - top, right - left)]
    copies = [_hidden(image, some, 0 if black else fill, **reading) for some in boxes]
    return float(combined(*np.asarray(score(np.stack(copies)), float)))


_PICTURE = "np.arange(6 * 9 * 2).reshape(6, 9, 2) ** 2 % 23 + 1.0"
_EITHER = "lambda images: np.maximum(images[:, 1, 2].sum(axis=1), images[:, 4, 6].sum(axis=1))"
_SQUARE = "lambda images: images.mean(axis=(1, 2, 3)) ** 2"
_ADDS = "lambda images: images.sum(axis=(1, 2, 3))"
_BOTH = "lambda images: np.minimum(images[:, 1, 2].sum(axis=1), images[:, 4, 6].sum(axis=1))"

function(
    "12.together",
    "together(score, image, first, second, fill)",
    cases=[
        call(typed(_EITHER), typed(_PICTURE), (0, 1, 3, 2), (3, 5, 2, 3), 0.5),
        call(typed(_BOTH), typed(_PICTURE), (0, 1, 3, 2), (3, 5, 2, 3), 0.5),
        call(typed(_SQUARE), typed(_PICTURE), (1, 0, 2, 4), (2, 3, 3, 5), 7.0),
        call(typed(_ADDS), typed(_PICTURE), (2, 1, 4, 6), (0, 0, 4, 3), 2.0),
    ],
    right=_together,
    tolerance=1e-4,
    mistakes=[
        Mistake(
            "sign",
            {"combined": lambda whole, a, b, both: whole + both - a - b},
            "Right up to its sign: the single falls are taken from the common one, and not the other way round.",
        ),
        Mistake(
            "the whole picture forgotten",
            {"combined": lambda whole, a, b, both: a + b - both},
            "You add and subtract scores and not falls, so that one score too many is left. What is a fall measured "
            "from?",
        ),
        Mistake(
            "common fall",
            {"combined": lambda whole, a, b, both: whole - both},
            "That is how far the score falls with both hidden. How much of it is more than the two falls by "
            "themselves?",
        ),
        Mistake(
            "sum of falls",
            {"combined": lambda whole, a, b, both: 2 * whole - a - b},
            "Those are the two single falls, added. They are to be taken from the common one.",
        ),
        Mistake(
            "one after the other",
            [
                {"combined": lambda whole, a, b, both: a - both},
                {"combined": lambda whole, a, b, both: b - both},
            ],
            "That is how far the score falls when one patch is hidden after the other. What would it have done alone?",
        ),
        Mistake(
            "larger of the falls",
            {"combined": lambda whole, a, b, both: whole - both - max(whole - a, whole - b)},
            "You compare with the larger of the two single falls. Compare with their sum.",
        ),
        Mistake(
            "mean of the falls",
            {"combined": lambda whole, a, b, both: whole - both - (2 * whole - a - b) / 2},
            "You take half of each single fall. Both count in full.",
        ),
        Mistake("black", {"black": True}, "You hide with 0. What is hidden gets the value `fill`."),
        Mistake(
            "corners",
            {"corners": True},
            "You read the last two numbers of a box as its lower right corner. They are its height and its width.",
        ),
        Mistake(
            "rows and columns exchanged",
            {"exchanged": True},
            "Your boxes are on their sides: a box is top, left, height, width. Rows come first.",
        ),
        Mistake(
            "all between",
            {"around": True},
            "For the two together you hide a box around both, and with it what lies between them.",
        ),
        Mistake(
            "ratio",
            {"combined": lambda whole, a, b, both: (whole - both) / ((whole - a) + (whole - b) or 1)},
            "You divide the common fall by the single ones. It is a difference.",
        ),
    ],
    nudges=(
        "Four pictures have to be scored. Which ones?",
        "Write down three falls, each measured from the score of the whole picture: with the first hidden, with the "
        "second, with both. Put the four copies into one array: `score` takes many images.",
    ),
    why="A map with one patch adds up what each place does alone. Where either of two places is enough, it shows "
    "nothing at both of them, and where both are needed it shows all of it twice. Neither can be seen in the map.",
)


# --- shown and hidden -------------------------------------------------------------------------------------------------


def _shown_and_hidden(score, image, masks, fill, *, black=False, inverted=False, gives=None, never=0.0):
    """`gives` makes the map from (scores, masks as floats of shape (masks, rows, columns))."""
    image, masks = np.asarray(image, float), np.asarray(masks, float)
    shown = (1 - masks if inverted else masks)[..., None]
    scores = np.asarray(score(shown * image + (1 - shown) * (0 if black else fill)), float)
    if gives:
        return gives(scores, masks)
    with np.errstate(all="ignore"):
        found = _mean(scores, masks) - _mean(scores, 1 - masks)
    return np.where(np.isfinite(found), found, never)


def _mean(scores, masks):
    return np.tensordot(scores, masks, 1) / masks.sum(axis=0)


def _quietly(make):
    def gives(scores, masks):
        with np.errstate(all="ignore"):
            return np.nan_to_num(make(scores, masks), nan=0.0)

    return gives


_HALF = "(np.random.default_rng(4).random((9, 4, 5)) < 0.5).astype(int)"
_NEVER = "(np.random.default_rng(6).random((6, 3, 4)) < [0.0, 0.5, 0.6, 1.0]).astype(int)"
_SCENE = "np.arange(4 * 5 * 3).reshape(4, 5, 3) ** 2 % 17 * 1.0"

function(
    "12.shown_and_hidden",
    "shown_and_hidden(score, image, masks, fill)",
    cases=[
        call(typed(_ADDS), typed(_SCENE), typed(_HALF), 3.0),
        call(
            typed("lambda images: images[:, 1, 1:3].max(axis=(1, 2)) ** 2"),
            typed(_SCENE),
            typed("(np.random.default_rng(5).random((12, 4, 5)) < 0.7).astype(int)"),
            0.5,
        ),
        call(typed(_ADDS), typed("np.arange(3 * 4 * 2).reshape(3, 4, 2) ** 2 % 7 * 1.0"), typed(_NEVER), 2.0),
    ],
    right=_shown_and_hidden,
    tolerance=1e-4,
    mistakes=[
        Mistake(
            "nan",
            {"never": np.nan},
            "Right, but for pixels that no mask hides, or that all do: there you divide 0 by 0. The task asks for 0.",
        ),
        Mistake(
            "shown only",
            {"gives": _quietly(_mean)},
            "Your map is the mean score with the pixel shown. That of a picture in which the pixel does not count is "
            "as high: what must be taken from it?",
        ),
        Mistake(
            "less the mean of all",
            {"gives": _quietly(lambda scores, masks: _mean(scores, masks) - scores.mean())},
            "You take off the mean of all scores, and half of those have the pixel in them. Take off the mean of the "
            "others.",
        ),
        Mistake(
            "one number of images for both",
            {"gives": lambda scores, masks: np.tensordot(scores, 2 * masks - 1, 1) / len(scores)},
            "You divide both sums by the number of all masks. Each mean has its own number of images, pixel by pixel.",
        ),
        Mistake(
            "sum",
            {"gives": lambda scores, masks: np.tensordot(scores, masks, 1)},
            "That is a sum of scores. The task asks for a difference of two means.",
        ),
        Mistake(
            "as published",
            {"gives": lambda scores, masks: np.tensordot(scores, masks, 1) / (len(masks) * masks.mean())},
            "You divide by how many pixels are shown on average, as RISE does. Pixels that chance has shown more often "
            "then stand out in the map, whatever the network says. Count pixel by pixel.",
        ),
        Mistake(
            "sign",
            lambda *given: -_shown_and_hidden(*given),
            "Right up to its sign: it is shown less hidden.",
        ),
        Mistake(
            "masks the other way round",
            {"inverted": True},
            "In your pictures, 1 in a mask hides the pixel. It is to show it.",
        ),
        Mistake(
            "black",
            {"black": True},
            "You multiply the picture by the mask, so that hidden pixels are 0. They are to have the value `fill`.",
        ),
        Mistake(
            "transposed",
            lambda *given: _shown_and_hidden(*given).T,
            "Rows and columns of your map are exchanged.",
        ),
    ],
    nudges=(
        "Make one picture for each mask and score them all. Then, for one pixel: which of these scores had it shown?",
        "`masks.sum(axis=0)` counts for every pixel how often it was shown. With `np.tensordot(scores, masks, 1)` the "
        "scores of those pictures are added up, without a loop. `1 - masks` does the same for the hidden ones.",
    ),
    why="It needs nothing but scores: the network may be anything that answers. Each pixel is judged in the company of "
    "many halves of the picture, where the moving patch always leaves all the rest.",
)


# --- integrated gradients ---------------------------------------------------------------------------------------------


def _integrated(
    slopes, image, baseline, steps, *, at=lambda steps: (np.arange(steps) + 0.5) / steps, weights=None, times=None,
    total=False, path=lambda a, image, baseline: baseline + a * (image - baseline),
):  # fmt: skip
    image, baseline = np.asarray(image, float), np.asarray(baseline, float)
    places = at(steps)
    found = np.asarray(slopes(np.stack([path(a, image, baseline) for a in places])), float)
    share = np.full(len(places), 1.0 if total else 1 / len(places)) if weights is None else weights(steps)
    return np.tensordot(share, found, 1) * (times or (lambda image, baseline: image - baseline))(image, baseline)


def _trapezoid(steps):
    weights = np.ones(steps + 1) / steps
    weights[[0, -1]] /= 2
    return weights


_CUBE = "lambda images: 3 * images**2"
_PRODUCT = "lambda images: images[:, ::-1] * images[:, :, ::-1] ** 2"
_IMAGE = "np.arange(4 * 6 * 1).reshape(4, 6, 1) % 7 - 2.0"
_BASELINE = "np.arange(4 * 6 * 1).reshape(4, 6, 1) % 5 * 0.5"
_IN_MIDDLES = "Your sum is one that leads to the same integral as `steps` grows"

function(
    "12.integrated_gradients",
    "integrated_gradients(slopes, image, baseline, steps)",
    cases=[
        call(typed(_CUBE), typed(_IMAGE), typed(_BASELINE), 4),
        call(typed(_PRODUCT), typed(_IMAGE), typed(_BASELINE), 7),
        call(typed(_PRODUCT), typed(_IMAGE), typed("np.zeros((4, 6, 1))"), 1),
        call(typed(_CUBE), typed("np.full((2, 3, 2), 5.0)"), typed("np.full((2, 3, 2), 4.0)"), 10),
    ],
    right=_integrated,
    tolerance=1e-4,
    mistakes=[
        Mistake(
            "left ends",
            {"at": lambda steps: np.arange(steps) / steps},
            f"{_IN_MIDDLES}, with the slope at the beginning of each piece. That is off by far more than the slope in "
            "its middle, which the task asks for.",
        ),
        Mistake(
            "right ends",
            {"at": lambda steps: (np.arange(steps) + 1) / steps},
            f"{_IN_MIDDLES}, with the slope at the end of each piece. That is off by far more than the slope in its "
            "middle, which the task asks for.",
        ),
        Mistake(
            "both ends",
            {"at": lambda steps: np.arange(steps + 1) / steps, "weights": _trapezoid},
            f"{_IN_MIDDLES}: the trapezoids. It is a good one; the task asks for the middles of the pieces, so that "
            "all answers agree.",
        ),
        Mistake(
            "ends included",
            {"at": lambda steps: np.linspace(0, 1, steps)},
            "Your places go from 0 to 1, both ends included. Then there is one piece fewer than places, and the ends "
            "count too much. Which places are in the middle of `steps` equal pieces?",
        ),
        Mistake(
            "one place more",
            {"at": lambda steps: np.linspace(0, 1, steps + 1)},
            "Your places go from 0 to 1, both ends included, and the ends count as much as the others. Take the middle "
            "of each piece.",
        ),
        Mistake(
            "not multiplied",
            {"times": lambda image, baseline: np.ones_like(image)},
            "That is the mean slope on the way. What each pixel contributes is its slope times how far the pixel went.",
        ),
        Mistake(
            "times the image",
            {"times": lambda image, baseline: image},
            "You multiply by the image. A pixel went from the baseline to the image; that is how far.",
        ),
        Mistake(
            "times the sign",
            {"times": lambda image, baseline: np.sign(image - baseline)},
            "You keep only the direction in which a pixel went. It counts how far, too.",
        ),
        Mistake(
            "path from 0",
            {"path": lambda a, image, baseline: a * image},
            "Your path begins at a black image. It begins at `baseline`.",
        ),
        Mistake(
            "path beyond",
            {"path": lambda a, image, baseline: baseline + a * image},
            "Your path does not end at the image: it adds the whole image to the baseline.",
        ),
        Mistake(
            "backwards",
            {"times": lambda image, baseline: baseline - image},
            "Right up to its sign: a pixel goes from the baseline to the image.",
        ),
        Mistake(
            "sum for mean",
            {"total": True},
            "Yours grows with `steps`. Each piece is a part of the way: the slopes are averaged.",
        ),
        Mistake(
            "absolute values",
            lambda *given: abs(_integrated(*given)),
            "You leave out the signs. Then the map does not add up to the difference of the two scores any more.",
        ),
        Mistake(
            "slope at the end",
            {"at": lambda steps: np.ones(1)},
            "You take the slope at the image only, times how far each pixel went. A network whose score is saturated "
            "has no slope there. Go along the way.",
        ),
        Mistake(
            "one number for a pixel",
            lambda *given: _integrated(*given).sum(axis=-1),
            "You add up the channels. The map is to have the shape of the image.",
        ),
    ],
    nudges=(
        "Cut the way from the baseline to the image into `steps` equal pieces. Where is the middle of the first one, "
        "as a share of the way? Of the last?",
        "With 4 steps the middles are at 1/8, 3/8, 5/8 and 7/8 of the way. Average the slopes there, and multiply by "
        "how far each pixel goes.",
    ),
    why="A sum that must come out is a test that costs two passes: where the map and the two scores disagree, there "
    "were too few steps, or something is wrong. Few maps offer one. What it says still depends on the baseline.",
)


# --- an attack in steps -----------------------------------------------------------------------------------------------


def _attack(
    slopes, images, epsilon, step, steps, *, direction=np.sign, ball="each", box="each", fresh=True, top=255,
):  # fmt: skip
    start = np.asarray(images, float)
    x = start.copy()
    for number in range(steps):
        x = x + step * direction(np.asarray(slopes(x if fresh else start), float))
        done = "each", *(["end"] if number == steps - 1 else [])
        if ball in done:
            x = np.clip(x, start - epsilon, start + epsilon)
        if box in done:
            x = np.clip(x, 0, top)
    return x


def _to_length_1(slopes):
    length = np.sqrt((slopes**2).sum(axis=(1, 2, 3), keepdims=True))
    return slopes / np.where(length > 0, length, 1)


_WAVE = "lambda images: np.sin(images / 3)"
_TOWARDS = "lambda images: 100.0 - images"
_PIXELS = "np.arange(2 * 3 * 5 * 1).reshape(2, 3, 5, 1) * 37.3 % 256"
_ENDS = "np.tile([0.0, 1.0, 2.5, 99.0, 102.0, 252.0, 254.0, 255.0], (2, 1, 1, 1)).reshape(2, 2, 4, 1)"

function(
    "12.attack",
    "attack(slopes, images, epsilon, step, steps)",
    cases=[
        call(typed(_WAVE), typed(_PIXELS), 4.0, 3.0, 5),
        call(typed(_TOWARDS), typed(_ENDS), 6.0, 2.5, 4),
        call(typed("lambda images: images - 100.0"), typed(_ENDS), 8.0, 1.5, 4),
        call(typed(_WAVE), typed(_PIXELS), 10.0, 4.0, 6),
    ],
    right=_attack,
    tolerance=1e-4,
    mistakes=[
        Mistake(
            "ball forgotten",
            {"ball": "never"},
            "Your pixels go farther than `epsilon` from where they began. After every step, bring them back.",
        ),
        Mistake(
            "ball at the end",
            {"ball": "end"},
            "You bring the pixels back only after the last step. Until then they have wandered where they must not be, "
            "and the slopes there are of no use.",
        ),
        Mistake(
            "range forgotten",
            {"box": "never"},
            "Some of your pixels are below 0 or above 255. No picture has such pixels.",
        ),
        Mistake(
            "both forgotten",
            {"ball": "never", "box": "never"},
            "Nothing limits your pixels: they go farther than `epsilon`, and below 0 or above 255.",
        ),
        Mistake(
            "range of another network",
            {"top": 1},
            "You cut the pixels off at 1. These images go from 0 to 255.",
        ),
        Mistake(
            "slope for sign",
            {"direction": lambda slopes: slopes},
            "You go along the slopes themselves. Each pixel moves by `step`, whatever the size of its slope.",
        ),
        Mistake(
            "length 1",
            {"direction": _to_length_1},
            "You give each image's slopes length 1, so that steep pixels move more. Here every pixel moves by `step`.",
        ),
        Mistake(
            "downhill",
            {"direction": lambda slopes: -np.sign(slopes)},
            "You go down the slope, which lowers the loss and makes the network surer. An attack goes up.",
        ),
        Mistake(
            "slopes of the beginning",
            {"fresh": False},
            "You take the slopes at the given images in every step. They are to be those of where the images are now.",
        ),
        Mistake(
            "one step",
            lambda slopes, images, epsilon, step, steps: _attack(slopes, images, epsilon, step, 1),
            "You take one step. There are `steps` of them.",
        ),
        Mistake(
            "steps of epsilon",
            lambda slopes, images, epsilon, step, steps: _attack(slopes, images, epsilon, epsilon, steps),
            "Each of your steps has the size `epsilon`. It is `step`; `epsilon` is how far they may lead in all.",
        ),
        Mistake(
            "one large step",
            lambda slopes, images, epsilon, step, steps: _attack(slopes, images, epsilon, epsilon, 1),
            "That is the chapter's single step of size `epsilon`. Here there are several smaller ones.",
        ),
        Mistake(
            "change only",
            lambda slopes, images, epsilon, step, steps: _attack(slopes, images, epsilon, step, steps) - images,
            "That is what was added to the images. The task asks for the images with it.",
        ),
    ],
    nudges=(
        "A loop. In each round: where do the slopes point now, one step that way, then back into what is allowed.",
        "Two limits hold after every step: no pixel is farther than `epsilon` from the given one, and none is outside "
        "0 to 255. `np.clip` takes arrays for its limits, too.",
    ),
    why="With steps, the attack can follow the slopes where they turn. How many pictures it turns is a lower bound of "
    "what is possible: a network that withstands it may fall to another attack.",
)


# --- random signs -----------------------------------------------------------------------------------------------------

prediction(
    "12.random_signs",
    right="hardly any",
    choices={
        "nearly all": "Then any change of that size would do, and the gradient would have nothing to say. Think of a "
        "photograph with a little noise in it: do networks fail at once?",
        "about half": "With random signs, half of the pixels go along the slope and half against it. What is left of "
        "the sum when a step up and a step down cancel?",
        "hardly any": "Of a sum of many steps with random signs hardly anything is left, and of steps that all go up, "
        "everything. It is not the size of the change that does it; it is its direction. Without this control, the "
        "attack would have shown only that changed pictures get other answers.",
    },
    nudges=(
        "To first order, the loss changes by the sum over pixels of slope times change. How large is that sum where "
        "the change is along the sign of each slope, and how large where its signs are drawn?",
        "With n pixels of about equal slopes, the first sum grows as n, the second as the root of n. Here n is more "
        "than 3,000.",
    ),
)


# --- a network of unknown training ------------------------------------------------------------------------------------

_OWN_IMAGES, _OWN_SEED = 150, 909
# Mirrored left and right, 0.97 and more of the answers turn; with pixels changed by an attack, 0.05 of the twin's.
_TURNED, _KEPT = 0.85, 0.9  # of the answers: with the change, and with the control
_SEEN = 0.1  # of the shapes, how many more the honest network may miss after the change than before
_AS_LARGE = 1 / 3  # the control's mean change of a pixel, as a share of the other's


@contextlib.contextmanager
def _no_network():
    """Within it, no Keras model answers, and no layer that has learned anything."""
    import keras

    def refuse(*args, **kwargs):
        raise Wrong(
            "asks a network",
            "Your function asks a network what to do. Then it would turn answers whatever the network has learned. "
            "What you do to an image must follow from the image and its mask.",
        )

    def watched(layer, *args, **kwargs):
        return refuse() if layer.weights else called(layer, *args, **kwargs)

    called = keras.Layer.__call__
    with (
        mock.patch.object(keras.Layer, "__call__", watched),
        mock.patch.multiple(keras.Model, predict=refuse, predict_on_batch=refuse),
    ):
        yield


@functools.cache
def _cases():
    """New images of the stranger's collection, labels, masks, and three networks with their answers to them."""
    images, labels, masks = strangers.collection(_OWN_IMAGES, _OWN_SEED)
    asked = strangers.stranger(), strangers.twin(), strangers.honest()
    return images, labels, masks, asked, [_answers(network, images) for network in asked]


def _answers(network, images):
    return strangers.outputs(network, images).argmax(axis=-1)


def _experiment_on(answer, images, masks):
    """What the student's function makes of images: two float arrays in their shape."""
    given = images.copy(), masks.copy()
    with _no_network():
        made = run(answer, *given, doing="`experiment(images, masks)`")
    if made is None:
        raise Wrong("no return", "Your function returns nothing. It ends with a `return` of two arrays of images.")
    if not isinstance(made, (tuple, list)) or len(made) != 2:
        raise Wrong("wrong type", f"Your function returns {describe(made)}. Two arrays were asked for.")
    if not (np.array_equal(given[0], images) and np.array_equal(given[1], masks)):
        raise Wrong(
            "input changed",
            "`experiment(images, masks)` changed the arrays that it was given. Work on a copy: `images.copy()`.",
        )
    found = []
    for name, part in zip(("changed", "control"), made, strict=True):
        try:
            array = np.asarray(part, float)
        except Exception:
            raise Wrong("wrong type", f"`{name}` is {describe(part)}; images were asked for.") from None
        if array.shape != images.shape:
            raise Wrong(
                "shape",
                f"`{name}` has shape {array.shape}; it is to be as many images as came in, {images.shape}.",
            )
        if not np.isfinite(array).all() or array.min() < 0 or array.max() > 255:
            raise Wrong(
                "range",
                f"The pixels of `{name}` go from {array.min():.4g} to {array.max():.4g}. Pictures go from 0 to 255.",
            )
        found.append(array)
    return found


def _same_alone(answer, images, masks, found):
    """An image is changed alone as in the company of others: what is done to it is not picked from among them."""
    again = _experiment_on(answer, images, masks)
    if not all(same(*pair, 1e-6) for pair in zip(again, found, strict=True)):
        raise Wrong("changes between calls", "Called again, your function gives other images. Draw nothing at random.")
    some = slice(3, 10)
    alone = _experiment_on(answer, images[some], masks[some])
    if not all(same(one, many[some], 1e-6) for one, many in zip(alone, found, strict=True)):
        raise Wrong(
            "depends on the others",
            "What your function makes of an image depends on which other images come with it. Then an image is "
            "replaced or compared, not changed. Make each from its own image and mask.",
        )


@task(
    "12.stranger",
    "the function `experiment(images, masks)`",
    mistakes=(
        "wrong type",
        "no return",
        "shape",
        "range",
        "input changed",
        "changes between calls",
        "depends on the others",
        "asks a network",
        "nothing changed",
        "control too small",
        "not turned",
        "this network only",
        "another shape",
        "control turns",
    ),
    nudges=(
        "Look at the first pictures of the collection, arrows in one row and hearts in another. By what else than "
        "their shape could somebody tell them apart who has never seen an arrow?",
        "The maps are denser on the object than beside it, so it goes by something about the object. Change one thing "
        "at a time (size, colour, brightness, direction, place) and ask the stranger. The control is the change that "
        "ought to be as harmful, and is not.",
    ),
    why="The map was not wrong: it is denser on the object than beside it, and the object is what counts. What about "
    "the object, it could not say. Two changes, of which only one turns the answer, say it, on pictures that nobody "
    "chose, and for a second network as well.",
)
def _stranger(answer):
    is_callable(answer, "experiment")
    images, labels, masks, networks, before = _cases()
    changed, control = found = _experiment_on(answer, images, masks)
    _same_alone(answer, images, masks, found)
    sizes = [float(abs(part - images).mean()) for part in found]
    if sizes[0] < 0.5:
        raise Wrong("nothing changed", "`changed` is as good as the images themselves.")
    turned, kept, seen = _shares(networks, before, labels, changed, control)
    told = (
        f"On {len(images)} new pictures, the change turns {turned[0]:.0%} of the stranger's answers and "
        f"{turned[1]:.0%} of its twin's; after it the honest network still sees the shape in {seen[1]:.0%}, before it "
        f"in {seen[0]:.0%}."
    )
    if turned[0] < _TURNED:
        raise Wrong(
            "not turned",
            f"{told} The task asks for {_TURNED:.0%}. Is it something else that the network goes by, or does the "
            "change spoil the object, or leave it half undone?",
        )
    if turned[1] < _TURNED:
        raise Wrong(
            "this network only",
            f"{told} The twin learned from the same pictures. What holds for the stranger alone is about its weights, "
            "as an attack is, and not about what it was given to learn.",
        )
    if seen[1] < seen[0] - _SEEN:
        raise Wrong(
            "another shape",
            f"{told} So the change spoils the shape, or puts another one in its place; no wonder that the answer "
            "turns. Leave the object as it is, in one piece.",
        )
    told += (
        f" The control turns {1 - kept[0]:.0%} of the stranger's answers and {1 - kept[1]:.0%} of its twin's, with a "
        f"mean change of {sizes[1]:.3g} grey levels beside {sizes[0]:.3g}."
    )
    if sizes[1] < _AS_LARGE * sizes[0]:
        raise Wrong(
            "control too small",
            f"{told} A control that hardly changes the pictures could not have turned an answer. It is to change them "
            "at least a third as much.",
        )
    if min(kept) < _KEPT:
        raise Wrong(
            "control turns",
            f"{told} At most {1 - _KEPT:.0%} may turn, else the control shows that any such change does it.",
        )
    return told


def _shares(networks, before, labels, changed, control):
    """Answers turned by the change and kept by the control, of stranger and twin; shapes seen before and after."""
    turned, kept = [], []
    for network, answers in zip(networks[:2], before, strict=False):
        turned.append(float((_answers(network, changed) != answers).mean()))
        kept.append(float((_answers(network, control) == answers).mean()))
    seen = [float((before[2] == labels).mean()), float((_answers(networks[2], changed) == labels).mean())]
    return turned, kept, seen
