"""The checks of chapter 12, input masking."""

import functools
import math

import numpy as np

from . import controlled, strangers
from .comparing import same
from .engine import Wrong
from .kinds import Mistake, call, function, is_callable, prediction, task, typed

# --- what a patch touches ---------------------------------------------------------------------------------------------


def _touched(first, last, size, layers, *, begins=None, ends=None, length=None, low=0, high=1, strides=True):
    """`begins` and `ends` give the first and the last window from (place, kernel size, stride), `length` how many."""
    for kernel_size, stride in layers:
        stride = stride if strides else 1
        size = (length or (lambda size, k, s: (size - k) // s + 1))(size, kernel_size, stride)
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
        call(9, 9, 21, [(3, 2)]).told(
            stopping="Here the patch is one column, its first and its last: `last` is part of it.",
            right_for=call(8, 9, 21, [(3, 2)]),
        ),
        call(3, 10, 28, [(4, 4), (3, 1), (2, 1)]),
        call(30, 45, 64, [(7, 2), (2, 2), (3, 1), (3, 2)]),
        call(24, 25, 28, [(4, 1), (5, 2)]),
        call(1, 29, 39, [(2, 1)]),
        call(0, 31, 32, [(3, 1)]),
    ],
    right=_touched,
    mistakes=[
        Mistake(
            "beyond the end",
            [{"high": None}, {"high": 0}],
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
            "length rounded up",
            {"length": lambda size, k, s: -(-(size - k) // s) + 1},
            "Your maps can be one place too long. A window that would reach beyond the end is left out: round down.",
        ),
        Mistake(
            "kernel ignored in the length",
            {"length": lambda size, k, s: size // s},
            "Your maps can be too long: you divide the columns by the stride, as with padding `same`. The first window "
            "alone takes as many columns as the kernel has. How many steps are left for the others?",
        ),
        Mistake(
            "first window not counted",
            {"length": lambda size, k, s: (size - k) // s},
            "Your maps are one place too short: the window stands at a place before its first step.",
        ),
        Mistake("exchanged", lambda *given: _touched(*given)[::-1], "The right places, the last one first."),
        Mistake(
            "stride for kernel",
            lambda first, last, size, layers: _touched(first, last, size, [layer[::-1] for layer in layers]),
            "You take the stride for the kernel size. A pair of `layers` has the kernel size first.",
        ),
        Mistake(
            "how many",
            [
                lambda *given: _touched(*given)[1] - _touched(*given)[0] + 1,
                lambda *given: (_touched(*given)[1] - _touched(*given)[0] + 1) / _out_of(*given),
            ],
            "That is how many places change, or their share. The task asks for the first and the last of them.",
        ),
        Mistake(
            "one past the end",
            lambda *given: (_touched(*given)[0], _touched(*given)[1] + 1),
            "Your second number is the place after the last one that changes.",
        ),
        Mistake(
            "one farther in each layer",
            [{"ends": lambda place, k, s: place // s + 1, "high": high} for high in (0, 1, None)],
            "You go on with the place after the last one, from layer to layer. The last place is part of the patch.",
        ),
        Mistake(
            "last column left out",
            [
                lambda first, last, *given: _touched(first, last - 1, *given),
                lambda first, last, *given: tuple(np.add(_touched(first, last - 1, *given), (0, 1)).tolist()),
                {"ends": lambda place, k, s: (place - 1) // s},
            ],
            "You take the last place for the one after the patch, as in `range`. It is part of it, in every layer.",
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


def _by_chance(masks, tolerance, *, far="euclidean", spread=None):
    from scipy.spatial.distance import cdist

    masks = np.asarray(masks)
    every = np.argwhere(np.ones(masks.shape[1:]))
    shares = []
    for mask in masks:
        shares.append(np.mean(cdist(every, np.argwhere(mask), far).min(axis=1) <= tolerance))
    shares = np.array(shares)
    noise = math.sqrt(np.sum(shares * (1 - shares))) / len(shares)
    return float(shares.mean()), float(spread(shares, noise) if spread else noise)


def _noise(name, hint, *spreads):
    """A mistake in the second number only, made of the images' chances and the right number."""
    return Mistake(name, [{"spread": spread} for spread in spreads], f"The mean is right. {hint}")


_AREAS = "(np.arange(4 * 7 * 10).reshape(4, 7, 10) % 70 < np.array([2, 9, 25, 60])[:, None, None]).astype(int)"
_SPOTS = "np.isin(np.arange(2 * 8 * 9).reshape(2, 8, 9), [30, 31, 72, 143]).astype(int)"

function(
    "12.by_chance",
    "by_chance(masks, tolerance)",
    cases=[
        call(typed(_AREAS), 0),
        call(typed(_SPOTS), 3),
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
            [lambda masks, far, least=least: _by_chance(masks, max(np.nextafter(far, -1), least)) for least in (0, -1)],
            "A pixel that is just as far away as the tolerance allows counts, and yours leaves it out.",
        ),
        Mistake(
            "tolerance made whole",
            [lambda masks, tolerance, whole=whole: _by_chance(masks, whole(tolerance)) for whole in (int, math.ceil)],
            "The tolerance need not be a whole number. With 1.5, a pixel one row and one column away is near enough, "
            "and one two rows away is not.",
        ),
        Mistake(
            "squares",
            {"far": "sqeuclidean"},
            "You compare squares of distances with the tolerance itself. Take the root, or compare with its square.",
        ),
        Mistake(
            "away from the background",
            lambda masks, tolerance: _by_chance(1 - np.asarray(masks), tolerance),
            "You measure how far a pixel is from the background. It is to be the distance from the object.",
        ),
        _noise(
            "one share for all",
            "The standard deviation treats all images as if their objects were equally large; a game that is nearly "
            "sure adds little noise. What does each image add?",
            lambda p, s: math.sqrt(p.mean() * (1 - p.mean()) / len(p)),
        ),
        _noise(
            "spread of the areas",
            "Your second number says how the objects differ in size. The images are given; what is drawn at random is "
            "where a map points.",
            *(lambda p, s: p.std() / math.sqrt(len(p)), lambda p, s: p.std(ddof=1) / math.sqrt(len(p))),
            *(lambda p, s: p.std(), lambda p, s: p.std(ddof=1)),
        ),
        _noise(
            "deviations added",
            "You average the standard deviations of the games. Luck in one makes up for bad luck in another: it is the "
            "variances that add up.",
            *(lambda p, s: np.sqrt(p * (1 - p)).mean(), lambda p, s: np.sqrt(p * (1 - p) / len(p)).mean()),
        ),
        _noise(
            "one image fewer",
            "You divide by one image fewer than there are, as where a variance is estimated. Here it is known.",
            *(lambda p, s: s * len(p) / (len(p) - 1), lambda p, s: s * math.sqrt(len(p) / (len(p) - 1))),
        ),
        _noise("of one game", "Your second number is that of one game, not of a mean.", lambda p, s: s * len(p) ** 0.5),
        _noise(
            "of the sum", "Your second number is that of the count of hits, not of a share.", lambda p, s: s * len(p)
        ),
        _noise("variance", "Your second number is the variance, the square of what is asked for.", lambda p, s: s**2),
        _noise("twice", "The second number is twice the standard deviation.", lambda p, s: 2 * s),
        Mistake(
            "exchanged", lambda *given: _by_chance(*given)[::-1], "Both are right. The expected score comes first."
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


_WHOLE_FILL = (
    "In one of the cases the image is of whole numbers (`uint8`), as the drawn pictures are, and what you write into a "
    "copy of it becomes whole: a `fill` of 100.5 turns into 100. Make floats of the image first."
)


def _hidden(image, boxes, fill, *, corners=False, order=(0, 1, 2, 3), kind=float, more=0):
    image = np.array(image, kind)
    for box in boxes:
        top, left, height, width = (box[number] for number in order)
        if corners:
            height, width = max(height - top, 0), max(width - left, 0)
        height, width = height + more, width + more
        image[top : top + height, left : left + width] = fill
    return image


def _together(
    score, image, first, second, fill, *, combined=lambda a, b, both, whole: both - a - b, black=False,
    around=False, **reading,
):  # fmt: skip
    boxes = [[], [first], [second], [first, second]]
    if around:
        top, left = (min(first[n], second[n]) for n in (0, 1))
        bottom, right = (max(one[n] + one[n + 2] for one in (first, second)) for n in (0, 1))
        boxes[3] = [(top, left, bottom - top, right - left)]
    copies = [_hidden(image, some, 0 if black else fill, **reading) for some in boxes]
    whole, *scores = np.asarray(score(np.stack(copies)), float)
    return float(combined(*(whole - score for score in scores), whole))


def _reckoned(name, hint, *ways):
    """A mistake in what is made of the three falls and the score of the whole picture."""
    return Mistake(name, [{"combined": way} for way in ways], hint)


_PICTURE = "np.arange(6 * 9 * 2).reshape(6, 9, 2) ** 2 % 23 + 1.0"
# Scores of arrays and of tensors, which have no methods of NumPy's.
_EITHER = "lambda images: np.max([np.asarray(images)[:, r, c].sum(axis=1) for r, c in ((1, 2), (4, 6))], axis=0)"
_BOTH = _EITHER.replace("max", "min")
_SQUARE = "lambda images: np.asarray(images).mean(axis=(1, 2, 3)) ** 2"
_ADDS = "lambda images: np.asarray(images).sum(axis=(1, 2, 3))"
_ONE_OR_MANY = "lambda images: np.asarray(images).sum(axis=(-3, -2, -1))"
_NO_BATCH = "`score` takes many images at once. Of a single one make an array of one, `image[None]`."

function(
    "12.together",
    "together(score, image, first, second, fill)",
    cases=[
        call(typed(_EITHER), typed(_PICTURE), (0, 1, 3, 2), (3, 5, 2, 3), 0.5).told(
            stopping=_NO_BATCH, right_for=call(typed(_ONE_OR_MANY), typed(_PICTURE), (0, 1, 3, 2), (3, 5, 2, 3), 0.5)
        ),
        call(typed(_BOTH), typed(_PICTURE), (0, 1, 3, 2), (3, 5, 2, 3), 0.5),
        call(typed(_SQUARE), typed(_PICTURE), (1, 0, 2, 4), (2, 3, 3, 5), 7.0),
        call(typed(_ADDS), typed(_PICTURE), (2, 1, 4, 6), (0, 0, 4, 3), 2.0),
        call(typed(_SQUARE), typed(f"({_PICTURE}).astype('uint8')"), (1, 0, 2, 4), (2, 3, 3, 5), 100.5),
    ],
    right=_together,
    tolerance=1e-4,
    mistakes=[
        _reckoned(
            "sign",
            "Right up to its sign: the single falls are taken from the common one, and not the other way round.",
            lambda a, b, both, _: a + b - both,
        ),
        _reckoned(
            "the whole picture forgotten",
            "You add and subtract scores and not falls, so that one score too many is left. What is a fall measured "
            "from?",
            *(lambda a, b, both, whole: whole + both - a - b, lambda a, b, both, whole: a + b - both - whole),
        ),
        _reckoned(
            "common fall",
            "That is how far the score falls with both hidden. How much of it is more than the two falls by "
            "themselves?",
            lambda a, b, both, _: both,
        ),
        _reckoned(
            "sum of falls",
            "Those are the two single falls, added. They are to be taken from the common one.",
            lambda a, b, both, _: a + b,
        ),
        _reckoned(
            "one after the other",
            "That is how far the score falls when one patch is hidden after the other. What would it have done alone?",
            *(lambda a, b, both, _: both - a, lambda a, b, both, _: both - b),
        ),
        _reckoned(
            "the first stays hidden",
            "You hide the second box in the picture in which the first is hidden already, and so never alone. Begin "
            "with a new copy.",
            lambda a, b, both, _: -a,
        ),
        _reckoned(
            "larger of the falls",
            "You compare with the larger of the two single falls. Compare with their sum.",
            lambda a, b, both, _: both - max(a, b),
        ),
        _reckoned(
            "mean of the falls",
            "You take half of each single fall. Both count in full.",
            lambda a, b, both, _: both - (a + b) / 2,
        ),
        _reckoned(
            "without sign",
            "You leave out a sign, or cut off at 0. Where both places are needed the result is negative, and a score "
            "that rises has a negative fall.",
            *(lambda a, b, both, _: abs(both - a - b), lambda a, b, both, _: max(both - a - b, 0)),
            lambda a, b, both, _: abs(both) - abs(a) - abs(b),
            lambda a, b, both, _: max(both, 0) - max(a, 0) - max(b, 0),
        ),
        _reckoned(
            "ratio",
            "You divide. Falls are differences of scores, and so is what is asked for.",
            *(lambda a, b, both, _: both / (a + b or 1), lambda a, b, both, whole: (both - a - b) / whole),
        ),
        Mistake("black", {"black": True}, "You hide with 0. What is hidden gets the value `fill`."),
        Mistake("fill made whole", {"kind": None}, _WHOLE_FILL),
        Mistake(
            "corners",
            {"corners": True},
            "You read the last two numbers of a box as its lower right corner. They are its height and its width.",
        ),
        Mistake(
            "one row and column off",
            [{"more": 1}, {"more": -1}],
            "Your boxes have one row and one column too many or too few. A slice leaves out the place that it ends at.",
        ),
        Mistake(
            "rows and columns exchanged",
            {"order": (1, 0, 3, 2)},
            "Your boxes are on their sides: a box is top, left, height, width. Rows come first.",
        ),
        Mistake(
            "height and width exchanged",
            {"order": (0, 1, 3, 2)},
            "Your boxes begin where they should, but their last two numbers are exchanged: the height comes first.",
        ),
        Mistake(
            "all between",
            {"around": True},
            "For the two together you hide a box around both, and with it what lies between them.",
        ),
    ],
    nudges=(
        "An example: the score is 5 as it is, 3 without the first, 4 without the second, and 1 without both. By how "
        "much did it fall each time? What is to come out?",
        "Write down three falls, each measured from the score of the whole picture: with the first hidden, with the "
        "second, with both. Put the four copies into one array: `score` takes many images.",
    ),
    why="A map with one patch adds up what each place does alone. Where either of two places is enough, it shows "
    "nothing at both of them, and where both are needed it shows all of it twice. Neither can be seen in the map.",
)


# --- shown and hidden -------------------------------------------------------------------------------------------------


def _shown_and_hidden(score, image, masks, fill, *, black=False, inverted=False, gives=None, never=0.0, kind=float):
    """`gives` makes the map from (scores, masks as floats of shape (masks, rows, columns))."""
    image, masks = np.asarray(image, kind), np.asarray(masks, float)
    shown = (1 - masks if inverted else masks)[..., None]
    copies = shown * image + (1 - shown) * (0 if black else fill)
    scores = np.asarray(score(copies.astype(image.dtype)), float)
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


def _zero_for_no_mean(at):
    """A mean of no scores is taken for 0; the map is 0 where `at` of the masks is not true."""

    def gives(scores, masks):
        shown, hidden = (np.tensordot(scores, x, 1) / np.maximum(x.sum(axis=0), 1) for x in (masks, 1 - masks))
        return np.where(at(masks), shown - hidden, 0)

    return gives


_HALF = "(np.random.default_rng(4).random((9, 4, 5)) < 0.5).astype(int)"
_NEVER = "(np.random.default_rng(6).random((6, 3, 4)) < [0.0, 0.5, 0.6, 1.0]).astype(int)"
_SCENE = "np.arange(4 * 5 * 3).reshape(4, 5, 3) ** 2 % 17 * 1.0"

function(
    "12.shown_and_hidden",
    "shown_and_hidden(score, image, masks, fill)",
    cases=[
        call(typed(_ADDS), typed(_SCENE), typed(_HALF), 3.0).told(
            stopping=_NO_BATCH, right_for=call(typed(_ONE_OR_MANY), typed(_SCENE), typed(_HALF), 3.0)
        ),
        call(
            typed("lambda images: np.asarray(images)[:, 1, 1:3].max(axis=(1, 2)) ** 2"),
            typed(_SCENE),
            typed("(np.random.default_rng(5).random((12, 4, 5)) < 0.7).astype(int)"),
            0.5,
        ),
        call(typed(_ADDS), typed("np.arange(3 * 4 * 2).reshape(3, 4, 2) ** 2 % 7 * 1.0"), typed(_NEVER), 2.0),
        call(typed(_SQUARE), typed(f"({_SCENE}).astype('uint8')"), typed(_HALF), 100.5),
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
            "no mean for 0",
            [
                {"gives": _zero_for_no_mean(lambda masks: True)},
                {"gives": _zero_for_no_mean(lambda masks: masks.any(axis=0))},
                {"gives": _zero_for_no_mean(lambda masks: ~masks.all(axis=0))},
            ],
            "Right, but for pixels that are hidden in all pictures, or in none. There one of the two means has no "
            "scores, and you take it for 0, so that the other one is left. The task asks for 0 in both cases.",
        ),
        Mistake(
            "shown only",
            [
                {"gives": _quietly(_mean)},
                {"gives": _quietly(lambda scores, masks: np.where(masks.all(axis=0), 0, _mean(scores, masks)))},
            ],
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
            [{"gives": lambda s, masks, n=n: np.tensordot(n * s, 2 * masks - 1, 1) / len(s)} for n in (1, 2)],
            "You divide both sums by the number of all masks, or by half of it. Each mean has its own number of "
            "images, pixel by pixel.",
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
        Mistake("fill made whole", {"kind": None}, _WHOLE_FILL),
        Mistake(
            "transposed",
            lambda *given: _shown_and_hidden(*given).T,
            "Rows and columns of your map are exchanged.",
        ),
    ],
    nudges=(
        "An example: four masks, scores 5, 1, 4 and 2, and a pixel that the first and the third mask show. Which "
        "number belongs into the map at this pixel?",
        "`masks.sum(axis=0)` counts for every pixel how often it was shown. With `np.tensordot(scores, masks, 1)` the "
        "scores of those pictures are added up, without a loop. `1 - masks` does the same for the hidden ones.",
    ),
    why="It needs nothing but scores: the network may be anything that answers. Each pixel is judged in the company of "
    "many halves of the picture, where the moving patch always leaves all the rest.",
)


# --- integrated gradients ---------------------------------------------------------------------------------------------


def _integrated(
    slopes, image, baseline, steps, *, at=lambda steps: (np.arange(steps) + 0.5) / steps, weights=None, times=None,
    total=False, path=lambda a, image, baseline: baseline + a * (image - baseline), kind=float,
):  # fmt: skip
    image, baseline = np.asarray(image, kind), np.asarray(baseline, kind)
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
_ONES = "lambda images: np.ones(np.shape(images), 'float32')"
_WRAPS = (
    "In one of the cases the images are of whole numbers (`uint8`), as the drawn pictures are. Those have no sign and "
    "end at 255: 10 - 20 is 246 with them, and 250 + 8 is 2. Make floats of the images first."
)


def _in_bytes_too(*mistakes):
    """Each mistake also as made by somebody who computes with whole numbers where they are given, and that alone."""
    for mistake in mistakes:
        ways = mistake.wrong if isinstance(mistake.wrong, list) else [mistake.wrong]
        in_bytes = [{**way, "kind": None} for way in ways if isinstance(way, dict)]
        yield Mistake(mistake.name, [*ways, *in_bytes], mistake.hint)
    yield Mistake("whole numbers wrap around", {"kind": None}, _WRAPS)


_IN_MIDDLES = "Your sum is one that leads to the same integral as `steps` grows"

function(
    "12.integrated_gradients",
    "integrated_gradients(slopes, image, baseline, steps)",
    cases=[
        call(typed(_CUBE), typed(_IMAGE), typed(_BASELINE), 4),
        call(typed(_PRODUCT), typed(_IMAGE), typed(_BASELINE), 7),
        call(typed(_PRODUCT), typed(_IMAGE), typed("np.zeros((4, 6, 1))"), 1),
        call(typed(_CUBE), typed("np.full((2, 3, 2), 5.0)"), typed("np.full((2, 3, 2), 4.0)"), 10),
        call(typed(_ONES), np.full((1, 1, 1), 10, "uint8"), np.full((1, 1, 1), 20, "uint8"), 2),
    ],
    right=_integrated,
    tolerance=1e-4,
    mistakes=_in_bytes_too(
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
            [
                {"path": lambda a, image, baseline: a * image},
                {"path": lambda a, image, baseline: a * image, "times": lambda image, baseline: image},
                {"path": lambda a, image, baseline: a * (image - baseline)},
            ],
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
            [
                lambda *given: abs(_integrated(*given)),
                {"times": lambda image, baseline: abs(image - baseline)},
                lambda slopes, *given: np.sign(np.subtract(*given[:2], dtype=float)) * abs(_integrated(slopes, *given)),
            ],
            "You leave out the signs. Then the map does not add up to the difference of the two scores any more.",
        ),
        Mistake(
            "slope at the end",
            [
                {"at": lambda steps: np.ones(1)},
                {"at": lambda steps: np.ones(1), "times": lambda image, baseline: image},
                {"at": lambda steps: np.zeros(1)},
            ],
            "You take the slope at one end of the way only. Where a score is saturated, it has none. Go along the way.",
        ),
        Mistake(
            "one number for a pixel",
            lambda *given: _integrated(*given).sum(axis=-1),
            "You add up the channels. The map is to have the shape of the image.",
        ),
    ),
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
    slopes, images, epsilon, step, steps, *, direction=np.sign, ball="each", box="each", fresh=True, further=True,
    top=255, kind=float,
):  # fmt: skip
    start = np.asarray(images, kind)
    x = start.copy()
    for number in range(steps):
        x = (x if further else start) + step * direction(np.asarray(slopes(x if fresh else start), float))
        done = "each", *(["end"] if number == steps - 1 else [])
        if ball in done:
            x = np.clip(x, start - epsilon, start + epsilon)
        if box in done:
            x = np.clip(x, 0, top)
    return x


def _moved(name, hint, *ways):
    """A mistake in `epsilon`, `step` or `steps`, which `ways` make of the right ones."""
    wrong = [lambda slopes, images, *given, way=way: _attack(slopes, images, *way(*given)) for way in ways]
    return Mistake(name, wrong, hint)


def _to_length_1(slopes):
    length = np.sqrt((slopes**2).sum(axis=(1, 2, 3), keepdims=True))
    return slopes / np.where(length > 0, length, 1)


_WAVE = "lambda images: np.sin(images / 3)"
_TOWARDS = "lambda images: 100.0 - images"
_PIXELS = "np.arange(2 * 3 * 5 * 1).reshape(2, 3, 5, 1) * 37.3 % 256"
_COLORS = "np.arange(1 * 2 * 3 * 3).reshape(1, 2, 3, 3) * 53.7 % 200 + 25"
_ENDS = "np.tile([0.0, 1.0, 2.5, 99.0, 102.0, 252.0, 254.0, 255.0], (2, 1, 1, 1)).reshape(2, 2, 4, 1)"

function(
    "12.attack",
    "attack(slopes, images, epsilon, step, steps)",
    cases=[
        call(typed(_WAVE), typed(_PIXELS), 4.0, 3.0, 5),
        call(typed(_TOWARDS), typed(_ENDS), 6.0, 2.5, 4),
        call(typed("lambda images: images - 100.0"), typed(_ENDS), 8.0, 1.5, 4),
        call(typed(_WAVE), typed(_PIXELS), 10.0, 4.0, 6),
        call(typed("lambda images: (images - 100) * np.float32([1, 0, -2])"), typed(_COLORS), 5.0, 2.0, 3),
        call(typed("lambda images: 255.1 - images"), typed(_ENDS), 6.0, 2.5, 4),
        call(typed(_ONES), np.full((1, 1, 1, 1), 250, "uint8"), 8, 2, 4).told(
            stopping=_WRAPS, right_for=call(typed(_ONES), np.full((1, 1, 1, 1), 250.0), 8, 2, 4)
        ),
    ],
    right=_attack,
    tolerance=1e-4,
    mistakes=_in_bytes_too(
        Mistake(
            "ball forgotten",
            [{"ball": "never"}, {"ball": "never", "box": "end"}],
            "Your pixels go farther than `epsilon` from where they began. After every step, bring them back.",
        ),
        Mistake(
            "ball at the end",
            [{"ball": "end"}, {"ball": "end", "box": "end"}],
            "You bring the pixels back only after the last step. Until then they have wandered where they must not be, "
            "and the slopes there are of no use.",
        ),
        Mistake(
            "range forgotten",
            {"box": "never"},
            "Some of your pixels are below 0 or above 255. No picture has such pixels.",
        ),
        Mistake(
            "range at the end",
            {"box": "end"},
            "You cut off at 0 and 255 only after the last step. Until then the network is asked about pixels that no "
            "picture has, and their slopes may point elsewhere.",
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
            "slope 0 moves",
            [
                {"direction": lambda slopes: np.where(slopes > 0, 1, -1)},
                {"direction": lambda slopes: np.where(slopes >= 0, 1, -1)},
            ],
            "Pixels whose slope is 0 move too, all in one direction. They are to stay: there are three cases, not two.",
        ),
        Mistake(
            "one direction for all channels",
            [
                {"direction": lambda slopes: np.sign(slopes.sum(axis=-1, keepdims=True))},
                {"direction": lambda slopes: np.sign(slopes[..., :1])},
            ],
            "You move all channels of a place in one direction. Each value has a slope of its own.",
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
            "from the beginning",
            {"further": False},
            "You add each step to the given images, so that nothing adds up. Each goes on from where the last one led.",
        ),
        _moved("one step", "You take one step. There are `steps` of them.", lambda e, step, steps: (e, step, 1)),
        _moved(
            "number of steps",
            "You take one step too many or too few. A loop over `range(steps)` has `steps` rounds.",
            *(lambda e, step, steps: (e, step, steps + 1), lambda e, step, steps: (e, step, steps - 1)),
        ),
        _moved(
            "steps of epsilon",
            "You make the size of a step out of `epsilon`, which is how far they may lead in all. It is given: `step`.",
            *(lambda e, step, steps: (e, e, steps), lambda e, step, steps: (e, e / steps, steps)),
        ),
        _moved(
            "one large step",
            "That is the chapter's single step of size `epsilon`. Here there are several smaller ones.",
            lambda e, step, steps: (e, e, 1),
        ),
        Mistake(
            "change only",
            lambda slopes, images, epsilon, step, steps: _attack(slopes, images, epsilon, step, steps) - images,
            "That is what was added to the images. The task asks for the images with it.",
        ),
    ),
    nudges=(
        "An example: `epsilon` is 8, `step` is 5, and all slopes are positive. Where is a pixel of 100 after the first "
        "and after the second round? And one of 252?",
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


@functools.cache
def _cases():
    """New images of the stranger's collection, labels, masks, and three networks with their answers to them."""
    images, labels, masks = strangers.collection(_OWN_IMAGES, _OWN_SEED)
    asked = strangers.stranger(), strangers.twin(), strangers.honest()
    return images, labels, masks, asked, [_answers(network, images) for network in asked]


def _answers(network, images):
    return strangers.outputs(network, images).argmax(axis=-1)


@task(
    "12.stranger",
    "the function `experiment(images, masks)`",
    mistakes=(
        *controlled.MISTAKES,
        *("nothing changed", "exchanged", "upside down", "not turned"),
        *("this network only", "another shape", "control too small", "control turns"),
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
    "chose, and for a second network as well, if the two differ in nothing else. That, this check cannot tell.",
)
def _stranger(answer):
    is_callable(answer, "experiment")
    images, labels, masks, networks, before = _cases()
    changed, control = found = controlled.experiment_on(answer, images, masks)
    sizes = [float(abs(part - images).mean()) for part in found]
    if sizes[0] < 0.5:
        raise Wrong("nothing changed", "`changed` is as good as the images themselves.")
    turned, kept, seen = _shares(networks, before, labels, changed, control)
    told = (
        f"On {len(images)} new pictures, the change turns {turned[0]:.0%} of the stranger's answers and "
        f"{turned[1]:.0%} of its twin's; after it the honest network still sees the shape in {seen[1]:.0%}, before it "
        f"in {seen[0]:.0%}."
    )
    if turned[0] < _TURNED and max(kept) <= 1 - _TURNED:
        raise Wrong(
            "exchanged",
            f"Your control turns nearly all: {1 - kept[0]:.0%} of the stranger's answers and {1 - kept[1]:.0%} of its "
            f"twin's. Your change turns {turned[0]:.0%} and {turned[1]:.0%}. So what the network goes by is what you "
            "did in the control, which is to leave the answers alone. The first of the two sets is the one that turns.",
        )
    if turned[0] < _TURNED and same(changed, images[:, ::-1], 1e-6):
        raise Wrong("upside down", f"{told} You turn each image upside down. Was that meant? {controlled.AXES}")
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
            f"{told} At most {1 - _KEPT:.0%} may turn, else the control shows that any such change does it. Does "
            "yours push objects out of the picture?",
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
