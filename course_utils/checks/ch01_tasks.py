"""The checks of chapter 01, what computer vision is asked to do.

The references are written here once more, apart from `course_utils.evaluation`: a mistake there must not become a wrong
verdict.
"""

import numpy as np

from .engine import Wrong, run
from .kinds import Mistake, call, function, is_callable, prediction, task

prediction(
    "01.which_task",
    right="segmentation",
    choices={
        "classification": "It would say *that* there are weeds in the picture, or which ones. An area is a number of "
        "pixels: which of the four answers has one value for each?",
        "detection": "It would put boxes around patches of weed. The area of a box is not the area of what is in it: a "
        "thin diagonal strip fills a small part of its box.",
        "segmentation": "It says for each pixel whether it is weed. Count those pixels, multiply by the ground that "
        "one of them covers, and you have square metres. Agriculture-Vision asks for just that.",
        "generation": "It would make new pictures of fields. The question is about the pictures that are there.",
    },
    nudges=(
        "What is the answer made of: one word, a few numbers, or something as large as the picture?",
        "Think of a thin strip of weeds that runs diagonally through the picture. Which answer gets its area right?",
    ),
)


# ---------------------------------------------------------------------------------------------------- shapes of answers


def _shape(task, count, height, width, classes, *, swapped=False, first=False, hard=False):
    rows, columns = (width, height) if swapped else (height, width)
    if task == "classification":
        return (count,) if hard else (count, classes)
    if task == "several objects":
        return (count, classes)
    if task == "box":
        return (count, 4)
    depth = classes if task == "segmentation" else 3
    return (count, depth, rows, columns) if first else (count, rows, columns, depth)


def _answer(name, shape):
    """The right shapes, but for one task."""
    return lambda task, *rest: shape(*rest) if task == name else _shape(task, *rest)


def _ten_classes(task, count, height, width, classes):
    return _shape(task, count, height, width, 10)


_TASKS = ("classification", "several objects", "box", "segmentation", "generation")
function(
    "01.output_shape",
    "output_shape(task, count, height, width, classes)",
    cases=[call(name, 8, 48, 64, 10) for name in _TASKS] + [call(name, 1, 100, 33, 21) for name in _TASKS],
    right=_shape,
    mistakes=[
        Mistake(
            "width first",
            lambda *args: _shape(*args, swapped=True),
            "The shapes have the right length, but width stands before height. Arrays go by rows first: how many rows "
            "has an image?",
        ),
        Mistake(
            "channels first",
            lambda *args: _shape(*args, first=True),
            "You put the channels before height and width, as PyTorch does. Here, and in Keras, they stand last.",
        ),
        Mistake(
            "label for probabilities",
            lambda *args: _shape(*args, hard=True),
            "You give one number an image for classification: that is the label, which is read off afterwards. What "
            "does the network itself give, before the most probable class is taken?",
        ),
        Mistake(
            "no batch",
            lambda *args: _shape(*args)[1:],
            "That is the answer for one image. The images come `count` at a time, and so do the answers.",
        ),
        Mistake(
            "no classes in the mask",
            [
                lambda task, *rest: _shape(task, *rest)[:3] if task == "segmentation" else _shape(task, *rest),
                lambda task, *rest: (*_shape(task, *rest)[:3], 1) if task == "segmentation" else _shape(task, *rest),
            ],
            "For segmentation you give one number a pixel, which is enough for object or background. Here each pixel "
            "has a probability for each of `classes` classes.",
        ),
        Mistake(
            "colours in the mask",
            lambda task, *rest: (*_shape(task, *rest)[:3], 3) if task == "segmentation" else _shape(task, *rest),
            "For segmentation you give three numbers a pixel. A mask has no colours: what is said about each pixel?",
        ),
        Mistake(
            "classes in the picture",
            lambda task, *rest: (*_shape(task, *rest)[:3], rest[3]) if task == "generation" else _shape(task, *rest),
            "A generated picture is a picture: each of its pixels has red, green and blue, however many classes there "
            "are.",
        ),
        Mistake(
            "two for several",
            lambda task, *rest: (rest[0], 2) if task == "several objects" else _shape(task, *rest),
            "Nobody says that there are two objects. For each class the answer says whether it is there: how many "
            "numbers is that?",
        ),
        Mistake(
            "class in the box",
            _answer("box", lambda count, height, width, classes: (count, 4 + classes)),
            "For a box you give its class as well. That is what a detector answers; this task asks for the box alone.",
        ),
        Mistake(
            "a box for each class",
            _answer("box", lambda count, height, width, classes: (count, classes, 4)),
            "You give a box for each class. There is one object here, and one box.",
        ),
        Mistake(
            "grey pictures",
            [
                _answer("generation", lambda count, height, width, classes: (count, height, width)),
                _answer("generation", lambda count, height, width, classes: (count, height, width, 1)),
            ],
            "You generate one number a pixel. The new images are in colour, as the old ones are.",
        ),
        Mistake(
            "number of classes fixed",
            _ten_classes,
            "You have the number of classes of one example in your function. It is an argument.",
        ),
    ],
    nudges=(
        "How many numbers are needed for one image? Then put `count` before them.",
        "The table of chapter 1 has a row for each task. A box has 4 numbers; a picture of any kind has height, width "
        "and something for each pixel.",
    ),
    why="Most errors in the first hour with a new task are wrong shapes. Saying them before running anything is the "
    "cheapest test there is.",
)


# ------------------------------------------------------------------------------------------------------------ IoU, Dice


def _box_parts(a, b, *, clip=True, extra=0):
    sides = [min(a[k + 2], b[k + 2]) - max(a[k], b[k]) + extra for k in (0, 1)]
    if clip:
        sides = [max(side, 0) for side in sides]
    areas = [(box[2] - box[0] + extra) * (box[3] - box[1] + extra) for box in (a, b)]
    return sides[0] * sides[1], *areas


def _box_iou(a, b, **kwargs):
    shared, first, second = _box_parts(a, b, **kwargs)
    return shared / (first + second - shared)


def _from_sizes(a, b):
    return _box_iou(*((x, y, x + width, y + height) for x, y, width, height in (a, b)))


def _of_parts(formula):
    return lambda a, b: formula(*_box_parts(a, b))


def _over_the_hull(a, b):
    width, height = (max(a[side + 2], b[side + 2]) - min(a[side], b[side]) for side in (0, 1))
    return _of_parts(lambda shared, a, b: shared)(a, b) / (width * height)


function(
    "01.box_iou",
    "box_iou(a, b)",
    cases=[
        call((2, 3, 12, 9), (5, 1, 14, 6)),
        call((0, 0, 10, 4), (0, 0, 10, 4)),
        call((0, 0, 20, 10), (4, 2, 9, 8)),
        call((4, 2, 9, 8), (0, 0, 20, 10)),
        call((0, 0, 4, 4), (10, 1, 14, 3)),
        call((0, 0, 4, 4), (6, 7, 9, 12)),
        call((10, 1, 14, 3), (0, 0, 4, 4)),
        call((0, 0, 4, 4), (0, 6, 4, 9)),
        call((0, 6, 4, 9), (0, 0, 4, 4)),
        call((0, 0, 4, 6), (4, 0, 9, 6)),
        call((1.5, 2.0, 4.25, 6.5), (3.0, 0.5, 7.0, 3.75)),
    ],
    right=_box_iou,
    mistakes=[
        Mistake(
            "negative sides",
            [
                lambda a, b: _box_iou(a, b, clip=False),
                lambda a, b: 0.0 if b[0] > a[2] or b[1] > a[3] else _box_iou(a, b, clip=False),
                lambda a, b: 0.0 if b[0] > a[2] else _box_iou(a, b, clip=False),
                lambda a, b: 0.0 if a[2] < b[0] or b[2] < a[0] else _box_iou(a, b, clip=False),
                lambda a, b: 0.0 if a[3] < b[1] or b[3] < a[1] else _box_iou(a, b, clip=False),
            ],
            "Boxes that overlap come out right. For some boxes that lie apart, left or right of, above or below each "
            "other, a side of your overlap is negative: nobody shares less than nothing, and two negative sides even "
            "make a positive area.",
        ),
        Mistake(
            "shared area counted twice",
            _of_parts(lambda shared, a, b: shared / (a + b)),
            "The two areas together count what is shared twice, so that a box with itself gives one half. What must be "
            "taken off?",
        ),
        Mistake(
            "dice",
            _of_parts(lambda shared, a, b: 2 * shared / (a + b)),
            "That is Dice, twice the shared area over the sum of both. It is close to IoU, and larger wherever the "
            "boxes differ. IoU divides by the area that they cover together.",
        ),
        Mistake(
            "over the first box",
            [
                _of_parts(lambda shared, a, b: shared / a),
                _of_parts(lambda shared, a, b: shared / b),
                _of_parts(lambda shared, a, b: shared / min(a, b)),
                _of_parts(lambda shared, a, b: shared / max(a, b)),
            ],
            "You divide by the area of one box. Then a box as large as the picture, or a tiny one, looks perfect: "
            "divide by what both cover together.",
        ),
        Mistake(
            "one pixel more",
            lambda a, b: _box_iou(a, b, extra=1),
            "You add 1 to each side, as early tools did, whose x1 was the last pixel of the box. Here x1 is the edge "
            "behind it, so that x1 - x0 is the width.",
        ),
        Mistake(
            "sizes for corners",
            _from_sizes,
            "You read a box as x, y, width, height, as COCO stores it. Here it is x0, y0, x1, y1.",
        ),
        Mistake(
            "not divided",
            _of_parts(lambda shared, a, b: shared),
            "That is the area which both share. Divide it by the area that they cover together.",
        ),
        Mistake(
            "the box around both",
            _over_the_hull,
            "You divide by the box around both, corners included which neither covers. Their union is smaller: both "
            "areas, and what they share counted once.",
        ),
    ],
    nudges=(
        "Where does the overlap of two boxes begin, and where does it end? Do x first, then y.",
        "The overlap begins at the larger of the two x0 and ends at the smaller of the two x1. If it ends before it "
        "begins, its side is 0.",
    ),
    why="This number decides whether a detector found something: in PASCAL VOC above 0.5, in COCO at ten thresholds "
    "from 0.5 to 0.95.",
)


def _dice(truth, prediction, *, empty=1.0, twice=2, smooth=0):
    truth, prediction = truth.astype(bool), prediction.astype(bool)
    shared = (truth & prediction).sum(axis=(1, 2)).astype(float)
    total = truth.sum(axis=(1, 2)) + prediction.sum(axis=(1, 2)).astype(float)
    result = np.full(len(truth), float(empty))
    if smooth:
        return (twice * shared + smooth) / (total + smooth)
    return np.divide(twice * shared, total, out=result, where=total > 0)


def _mask_iou(truth, prediction):
    half = _dice(truth, prediction)
    return half / (2 - half)


def _halves():
    random = np.random.default_rng(1)
    truth = (random.random((5, 6, 9)) < 0.4).astype("uint8")
    prediction = (random.random((5, 6, 9)) < 0.5).astype("uint8")
    prediction[1] = 0  # missed
    truth[2] = 0  # false alarm
    truth[3] = prediction[3] = 0  # nothing there, nothing found
    return truth, prediction


_TRUTH, _PREDICTION = _halves()
_LARGE = np.ones((2, 20, 30), "uint8")  # more pixels than a uint8 can count
_LARGE_HALF = _LARGE * (np.arange(30) < 15).astype("uint8")
function(
    "01.dice",
    "dice(truth, prediction)",
    cases=[
        call(_TRUTH, _PREDICTION).told(shown="`dice(truth, prediction)` for five masks of 6x9"),
        call(_TRUTH[:1], _TRUTH[:1]).told(shown="`dice(truth, truth)`"),
        call(_LARGE, _LARGE_HALF).told(shown="`dice(all_ones, left_half)`"),
    ],
    right=_dice,
    mistakes=[
        Mistake(
            "nan for two empty masks",
            lambda truth, prediction: _dice(truth, prediction, empty=np.nan),
            "Where both masks are empty you divide 0 by 0 and get `nan`, which spoils every mean. Nothing was there "
            "and nothing was found: what does that deserve?",
        ),
        Mistake(
            "0 for two empty masks",
            lambda truth, prediction: _dice(truth, prediction, empty=0.0),
            "Where both masks are empty you give 0, the mark for finding nothing of what is there. But nothing was "
            "there: a program that says so is right.",
        ),
        Mistake(
            "iou",
            _mask_iou,
            "That is IoU: the shared pixels over those in either mask. Dice divides twice the shared pixels by the sum "
            "of both masks.",
        ),
        Mistake(
            "half",
            [
                lambda truth, prediction: _dice(truth, prediction, twice=1),
                lambda truth, prediction: _dice(truth, prediction, twice=1, empty=0.0),
                lambda truth, prediction: _dice(truth, prediction, twice=1, empty=np.nan),
            ],
            "A mask compared with itself gets 0.5. The sum below counts the shared pixels twice: so must what stands "
            "above it.",
        ),
        Mistake(
            "smoothed",
            [
                lambda truth, prediction: _dice(truth, prediction, smooth=1),
                lambda truth, prediction: _dice(truth, prediction, smooth=1e-3),
            ],
            "You add a small number above and below. As a loss that is usual; as a score it gives a mark to a "
            "program that found nothing. Treat the empty masks on their own.",
        ),
        Mistake(
            "one number for all",
            [
                lambda truth, prediction: float(_dice(truth, prediction).mean()),
                lambda truth, prediction: 2.0 * (truth & prediction).sum() / (truth.sum() + prediction.sum()),
            ],
            "You return one number for all images. The task asks for one each: sum over rows and columns, not over "
            "the images.",
        ),
        Mistake(
            "pixels right",
            lambda truth, prediction: (truth == prediction).mean(axis=(1, 2)),
            "That is the share of pixels that are right, background included. Dice looks at the object only.",
        ),
    ],
    nudges=(
        "Which pixels are 1 in both masks? Sum them image by image, with `axis=(1, 2)`.",
        "Twice the shared pixels, divided by the pixels of the one plus those of the other. Divide only where that sum "
        "is above 0.",
    ),
    why="Dice and IoU rank single masks alike, since each can be computed from the other: IoU = Dice / (2 - Dice). "
    "Their means over many images need not agree. And how empty masks count can decide a medical competition, where "
    "most slices hold no tumour.",
)


# ------------------------------------------------------------------------------------------------------------ smooth L1


def _smooth_l1(truth, prediction, beta=1.0, *, below=None, above=None, reduce=lambda cost: cost.mean(axis=1)):
    error = np.abs(prediction - truth)
    below = below or (lambda d, beta: d**2 / (2 * beta))
    above = above or (lambda d, beta: d - beta / 2)
    return reduce(np.where(error < beta, below(error, beta), above(error, beta)))


def _signed(truth, prediction, beta=1.0):
    error = prediction - truth
    return np.where(error < beta, error**2 / (2 * beta), error - beta / 2).mean(axis=1)


def _variant(**kwargs):
    return lambda truth, prediction, beta=1.0: _smooth_l1(truth, prediction, beta, **kwargs)


_BOXES = np.array([[4.0, 5.0, 14.0, 21.0], [0.0, 0.0, 30.0, 8.0], [10.0, 3.0, 20.0, 9.0]])
_OFF = np.array([[0.25, -0.5, 3.0, -4.0], [1.0, -1.0, 2.0, -2.0], [0.0, 0.75, -1.5, 6.0]])
function(
    "01.smooth_l1",
    "smooth_l1(truth, prediction, beta=1.0)",
    cases=[
        call(_BOXES, _BOXES + _OFF).told(shown="`smooth_l1(truth, prediction)` for three boxes"),
        call(_BOXES, _BOXES + _OFF, beta=2.0).told(shown="`smooth_l1(truth, prediction, beta=2.0)`"),
        call(_BOXES[:2], _BOXES[:2] - _OFF[:2], beta=0.5).told(shown="`smooth_l1(truth, prediction, beta=0.5)`"),
    ],
    right=_smooth_l1,
    mistakes=[
        Mistake(
            "sign",
            _signed,
            "Large errors to the left or upwards cost far too much in your loss. `error < beta` is true for all "
            "negative errors: which part of them matters?",
        ),
        Mistake(
            "jump at the kink",
            _variant(above=lambda d, beta: d),
            "Beyond `beta` you take the whole error. At the kink the parabola stands at beta / 2 and your line at "
            "beta: the loss jumps. Shift the line so that they meet.",
        ),
        Mistake(
            "beta ignored",
            lambda truth, prediction, beta=1.0: _smooth_l1(truth, prediction, 1.0),
            "That is right for `beta=1` and stays the same for any other. The kink lies at `beta`.",
        ),
        Mistake(
            "kink only",
            [
                _variant(below=lambda d, beta: d**2 / 2, above=lambda d, beta: d - 0.5),
                _variant(below=lambda d, beta: d**2 / 2),
                _variant(above=lambda d, beta: d - 0.5),
            ],
            "The kink moves with `beta`, but your parabola and your line do not both follow, so they no longer meet "
            "there. Write down both values and both slopes at an error of `beta`.",
        ),
        Mistake(
            "huber",
            _variant(below=lambda d, beta: d**2 / 2, above=lambda d, beta: beta * (d - beta / 2)),
            "That is the Huber loss, Keras' `Huber(delta)`: `beta` times this one. Smooth L1 keeps a slope of 1 on its "
            "line, whatever `beta` is.",
        ),
        Mistake(
            "no half",
            _variant(below=lambda d, beta: d**2 / beta, above=lambda d, beta: d - beta / 2),
            "Your parabola is twice too steep: at `beta` it stands at beta, and the line at beta / 2.",
        ),
        Mistake(
            "sum",
            _variant(reduce=lambda cost: cost.sum(axis=1)),
            "You add the four values of a box. The task asks for their mean.",
        ),
        Mistake(
            "one number for all",
            [
                _variant(reduce=lambda cost: float(cost.mean())),
                _variant(reduce=lambda cost: cost.mean(axis=0)),
            ],
            "The task asks for one number a box: a mean over its four values, not over the boxes.",
        ),
        Mistake(
            "l1",
            lambda truth, prediction, beta=1.0: np.abs(prediction - truth).mean(axis=1),
            "That is plain L1, straight everywhere. Below `beta` a parabola takes its place.",
        ),
        Mistake(
            "branches exchanged",
            _variant(below=lambda d, beta: d - beta / 2, above=lambda d, beta: d**2 / (2 * beta)),
            "The two formulas are right, and in each other's place: the parabola is for small errors.",
        ),
        Mistake(
            "times beta",
            _variant(below=lambda d, beta: d**2 / 2 * beta),
            "`error**2 / 2 * beta` multiplies by beta, from left to right. Put the divisor in brackets.",
        ),
        Mistake(
            "the largest only",
            _variant(reduce=lambda cost: cost.max(axis=1)),
            "You take the largest of the four values of a box. The task asks for their mean.",
        ),
        Mistake(
            "mse",
            lambda truth, prediction, beta=1.0: ((prediction - truth) ** 2).mean(axis=1),
            "That is the mean squared error, a parabola everywhere: one edge that is 6 pixels off costs 36. Beyond "
            "`beta` a line takes its place.",
        ),
    ],
    nudges=(
        "Take the absolute error first. Then two formulas, and `np.where` to choose between them.",
        "Below beta: the square, divided by twice beta. From beta on: the error, less half of beta. At beta both "
        "give half of beta.",
    ),
    why="Near 0 its slope goes to 0, so steps become finer as a box becomes right; far away its slope is 1, so a label "
    "that is wrong by 100 pixels pulls no harder than one that is wrong by 2.",
)


# -------------------------------------------------------------------------------------------------------------- corners


def _window_mean(x, reach):
    padded = np.pad(x, ((0, 0), (reach, reach), (reach, reach)))
    side = 2 * reach + 1
    total = np.zeros(x.shape)
    for row in range(side):
        for column in range(side):
            total += padded[:, row : row + x.shape[1], column : column + x.shape[2]]
    return total / side**2


def _harris(right, down, reach=1, k=0.05, *, mean=_window_mean, order="after", trace=2, minus=True, cross=2):
    products = (right * right, down * down, right * down)
    if order == "before":
        r, d = mean(right, reach), mean(down, reach)
        xx, yy, xy = r * r, d * d, r * d
    elif order == "never":
        xx, yy, xy = products
    else:
        xx, yy, xy = (mean(each, reach) for each in products)
    determinant = xx * yy - xy**cross
    if trace == "of squares":
        return determinant - k * (xx**2 + yy**2)
    return determinant - k * (xx + yy) ** trace if minus else determinant + k * (xx + yy) ** trace


def _slopes():
    image = np.zeros((2, 12, 15))
    image[0, 4:9, 5:] = 1.0  # two corners
    image[1] = np.random.default_rng(2).random((12, 15))
    down, right = np.gradient(image, axis=(1, 2))
    return right, down


_RIGHT, _DOWN = _slopes()
function(
    "01.corners",
    "corner_response(right, down, reach=1, k=0.05)",
    cases=[
        call(_RIGHT, _DOWN).told(shown="`corner_response(right, down)` for two pictures of 12x15"),
        call(_RIGHT, _DOWN, reach=2, k=0.1).told(shown="`corner_response(right, down, reach=2, k=0.1)`"),
    ],
    right=_harris,
    mistakes=[
        Mistake(
            "no window",
            lambda right, down, reach=1, k=0.05: _harris(right, down, reach, k, order="never"),
            "Without a mean over a window, the first two terms cancel at each pixel, and nowhere is your response "
            "above 0. One pixel cannot know whether it lies on an edge or on a corner.",
        ),
        Mistake(
            "mean before the product",
            lambda right, down, reach=1, k=0.05: _harris(right, down, reach, k, order="before"),
            "You average the slopes and multiply then. The mean of a product is not the product of the means: here "
            "the order is the whole point. Multiply first.",
        ),
        Mistake(
            "plus",
            lambda right, down, reach=1, k=0.05: _harris(right, down, reach, k, minus=False),
            "You add the last term. It is taken off, so that strong edges, where one mean is large and the other is "
            "not, become negative.",
        ),
        Mistake(
            "sum not squared",
            lambda right, down, reach=1, k=0.05: _harris(right, down, reach, k, trace=1),
            "The sum in the last term is squared in the formula: the first two terms are of the fourth power in the "
            "slopes, and so must the third be.",
        ),
        Mistake(
            "sum of squares",
            lambda right, down, reach=1, k=0.05: _harris(right, down, reach, k, trace="of squares"),
            "In the last term the sum is squared: (a + b)**2. You add the squares, a**2 + b**2.",
        ),
        Mistake(
            "edges cut off",
            lambda right, down, reach=1, k=0.05: _harris(right, down, reach, k).clip(0),
            "You cut off what is negative. The response of an edge is negative, and the task asks for it.",
        ),
        Mistake(
            "mixed mean not squared",
            lambda right, down, reach=1, k=0.05: _harris(right, down, reach, k, cross=1),
            "The mean of the product of both slopes is squared in the formula. Yours is not.",
        ),
        Mistake(
            "k ignored",
            [
                lambda right, down, reach=1, k=0.05: _harris(right, down, reach, 0.05),
                lambda right, down, reach=1, k=0.05: _harris(right, down, reach, 0.0),
            ],
            "Your response does not change with `k`, the weight of the last term.",
        ),
        Mistake(
            "reach ignored",
            lambda right, down, reach=1, k=0.05: _harris(right, down, 1, k),
            "Your response does not change with `reach`. Hand it on to `window_mean`.",
        ),
    ],
    nudges=(
        "There are three means over the window: of right times right, of down times down, and of right times down.",
        "With the three means in hand, the formula of chapter 1 is one line: the product of the first two, less the "
        "square of the third, less k times the square of the sum of the first two.",
    ),
    why="The first two terms are the determinant of a 2x2 matrix, the sum is its trace. Both its eigenvalues are large "
    "at a corner, one along an edge, none on plain ground: that is what the formula asks without computing them.",
)


# ------------------------------------------------------------------------------------------------------ sliding windows


def _reddest(crops):
    """A classifier for the cases: nothing, red or green, by the mean colour of the crop."""
    crops = np.asarray(crops, float)
    if crops.ndim != 4 or crops.shape[-1] != 3:
        raise ValueError(f"classify was given crops of shape {crops.shape}; it takes (crops, side, side, 3).")
    red, green, blue = crops.mean(axis=(1, 2)).T / 255
    nothing = 1.5 - 1.8 * np.maximum(red, green)  # surer of an empty place than of any object
    scores = np.stack([nothing, red - 0.3 * blue, 0.9 * green], axis=1)
    return np.exp(4 * scores) / np.exp(4 * scores).sum(axis=1, keepdims=True)


def _windows(image, window, strides, *, last=True):
    height, width = image.shape[:2]
    stop = 1 if last else 0
    return [
        (row, column)
        for row in range(0, height - window + stop, strides)
        for column in range(0, width - window + stop, strides)
    ]


def _find(image, classify, window, strides, *, last=True, order="xy", nothing=False, pick=np.argmax, corner="box"):
    places = _windows(image, window, strides, last=last)
    crops = np.stack([image[row : row + window, column : column + window] for row, column in places])
    probabilities = classify(crops)
    kinds = probabilities if nothing else probabilities[:, 1:]
    best, label = np.unravel_index(pick(kinds), kinds.shape)
    row, column = places[best]
    x, y = (column, row) if order == "xy" else (row, column)
    size = (x + window, y + window) if corner == "box" else (window, window)
    return int(label) + (not nothing), (x, y, *size)


def _first_hit(image, classify, window, strides):
    for row, column in _windows(image, window, strides):
        crop = image[row : row + window, column : column + window]
        probabilities = classify(crop[None])[0]
        if probabilities.argmax() > 0:
            return int(probabilities.argmax()), (column, row, column + window, row + window)
    return 0, (0, 0, window, window)


def _scene(height, width, *spots):
    image = np.full((height, width, 3), 40, "uint8")
    for row, column, side, colour in spots:
        image[row : row + side, column : column + side] = colour
    return image


def _striped(crops):
    """Nothing, upright stripes or level stripes: a classifier that notices crops which are turned over."""
    crops = np.asarray(crops, float).mean(axis=3) / 255
    upright, level = (np.abs(np.diff(crops, axis=axis)).mean(axis=(1, 2)) for axis in (2, 1))
    scores = np.stack([np.full(len(crops), 0.2), upright - 0.5 * level, level - 0.5 * upright], axis=1)
    return np.exp(4 * scores) / np.exp(4 * scores).sum(axis=1, keepdims=True)


def _stripes():
    image = np.full((33, 50, 3), 40, "uint8")
    image[8:22, 12:26:2] = 220  # upright, wholly within a window at stride 4
    image[16:30:2, 32:44] = 160  # level and fainter
    return image


def _undecided(crops):
    """Nothing is always the surest, and least sure where two objects share what is left."""
    crops = np.asarray(crops, float)
    red, green, blue = crops.mean(axis=(1, 2)).T / 255
    object_, both = 0.35 * red, 0.3 * np.minimum(green, blue)
    kinds = np.stack([object_ + 0.01, both + 0.005, both + 0.004], axis=1)
    return np.concatenate([1 - kinds.sum(axis=1, keepdims=True), kinds], axis=1)


def _least_nothing(image, classify, window, strides):
    places = _windows(image, window, strides)
    crops = np.stack([image[row : row + window, column : column + window] for row, column in places])
    probabilities = classify(crops)
    best = probabilities[:, 0].argmin()
    row, column = places[best]
    return int(probabilities[best, 1:].argmax()) + 1, (column, row, column + window, row + window)


def _flush(image, classify, window, strides):
    """Also looks at windows flush with the far edges, off the grid."""
    height, width = image.shape[:2]
    places = [
        (row, column)
        for row in sorted({*range(0, height - window + 1, strides), height - window})
        for column in sorted({*range(0, width - window + 1, strides), width - window})
    ]
    kinds = classify(np.stack([image[row : row + window, column : column + window] for row, column in places]))[:, 1:]
    best, label = np.unravel_index(kinds.argmax(), kinds.shape)
    row, column = places[best]
    return int(label) + 1, (column, row, column + window, row + window)


def _turned(image, classify, window, strides):
    return _find(image, lambda crops: classify(crops.transpose(0, 2, 1, 3)), window, strides)


_RED, _GREEN, _PALE, _CYAN = (250, 30, 30), (30, 240, 30), (150, 60, 60), (0, 200, 200)
function(
    "01.slide",
    "find(image, classify, window, strides)",
    cases=[
        call(_scene(40, 64, (9, 45, 16, _RED), (20, 4, 16, _PALE)), _reddest, 16, 4),
        call(_scene(64, 40, (48, 24, 16, _GREEN), (0, 0, 16, _PALE)), _reddest, 16, 8),
        call(_scene(30, 50, (10, 30, 10, _RED), (0, 0, 10, _PALE)), _reddest, 10, 5),
        call(_scene(24, 36, (12, 24, 12, _GREEN), (0, 12, 12, _PALE)), _reddest, 12, 12),
        call(_stripes(), _striped, 14, 4),
        call(_scene(31, 50, (8, 8, 14, _RED), (17, 36, 14, _CYAN)), _undecided, 14, 4),
        call(_scene(32, 50, (18, 36, 14, _RED), (0, 0, 14, _PALE)), _reddest, 14, 4),
    ],
    right=_find,
    mistakes=[
        Mistake(
            "x and y exchanged",
            lambda *args: _find(*args, order="yx"),
            "The window is right, its box is not: x is the column and y the row, and a box begins with x.",
        ),
        Mistake(
            "last window missed",
            lambda *args: _find(*args, last=False),
            "Objects in the last row or column of windows are missed. A window of 16 fits into 64 pixels at 48 too: "
            "where does `range` stop?",
        ),
        Mistake(
            "finds nothing",
            lambda *args: _find(*args, nothing=True),
            "You take the most certain answer of all, and that is class 0, nothing, where the picture is empty. The "
            "task asks for the most certain *object*.",
        ),
        Mistake(
            "first hit",
            _first_hit,
            "You stop at the first window that holds an object. Another may hold more of it, or another object: the "
            "most probable one is asked for.",
        ),
        Mistake(
            "least nothing",
            _least_nothing,
            "You take the window that is least sure of nothing, and then its best class. What is left over may be "
            "shared by several classes there, while another window has one larger entry: compare single entries.",
        ),
        Mistake(
            "off the grid",
            _flush,
            "You add windows at the far edges, beside the grid. Windows begin at the upper left corner and move by "
            "`strides`; what is left over at the end stays unseen.",
        ),
        Mistake(
            "crops turned over",
            _turned,
            "Your crops are turned over: rows and columns have changed places. The axes of `sliding_window_view` come "
            "in an order of their own; what does `classify` take?",
        ),
        Mistake(
            "size for corner",
            lambda *args: _find(*args, corner="size"),
            "Your box is x, y, width, height. Boxes on this page are x0, y0, x1, y1.",
        ),
        Mistake(
            "label one too small",
            lambda *args: (_find(*args)[0] - 1, _find(*args)[1]),
            "The box is right, the label is one too small: you cut off class 0 before you looked for the largest, and "
            "the remaining classes count from 1.",
        ),
        Mistake(
            "stride ignored",
            lambda image, classify, window, strides: _find(image, classify, window, 1),
            "You try every pixel. `strides` says how far the window moves from one place to the next.",
        ),
    ],
    nudges=(
        "First list the places (row, column) of all windows, then cut out the crops and stack them, then call "
        "`classify` once.",
        "`classify` gives (windows, classes). Leave out column 0, find the largest entry and its window; that "
        "window's row and column make the box.",
    ),
    why="That is how faces and pedestrians were found for a decade. Count the calls: at several sizes and small "
    "strides a picture has tens of thousands of windows, nearly all of them empty.",
)


# ------------------------------------------------------------------------------------------------------------- features

MOST_FEATURES = 128
_BOUND = 0.7


@task(
    "01.features",
    "a function `describe(images)`",
    mistakes=("shape", "too many", "not finite", "depends on the other images", "accuracy"),
    nudges=(
        "What tells a star from a disk whatever their colours? Where does brightness change, and in which direction?",
        "Where in the picture do the slopes lie, and how steep are they? A faint outline should count as much as a "
        "strong one: what could each image's numbers be divided by?",
    ),
    why="This was the daily work of the field until about 2012: a person thinks of numbers, a linear classifier weighs "
    "them. The features of a small network reach more than 0.9 on these images, and nobody had to think of them.",
)
def features(describe):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from course_utils.datasets.drawn import draw

    is_callable(describe, "describe")
    train, test = draw(1500, 32, seed=101), draw(600, 32, seed=102)
    described = []
    for drawing in (train, test):
        before = drawing.images.copy()
        result = np.asarray(run(describe, drawing.images, doing="`describe(images)`"))
        if not np.array_equal(before, drawing.images):
            raise Wrong("input changed", "Your function changed the images that it was given: work on a copy.")
        if result.ndim != 2 or len(result) != len(drawing):
            raise Wrong(
                "shape",
                f"For {len(drawing):,} images your function gives shape {result.shape}; expected ({len(drawing)}, "
                "numbers), a row for each image. `.reshape(len(images), -1)` makes rows.",
            )
        if result.shape[1] > MOST_FEATURES:
            raise Wrong(
                "too many",
                f"{result.shape[1]:,} numbers an image; at most {MOST_FEATURES} are allowed. The pixels themselves "
                "would be 3,072.",
            )
        if result.dtype.kind not in "iufb" or not np.isfinite(result.astype(float)).all():
            raise Wrong(
                "not finite",
                "Some of your numbers are infinite, `nan`, or no numbers. Is something divided by a sum that is 0 in "
                "some image?",
            )
        described.append(result.astype(float))
    alone = np.asarray(run(describe, test.images[:3], doing="`describe(images[:3])`"), float)
    if alone.shape != described[1][:3].shape or not np.allclose(alone, described[1][:3], rtol=1e-4, atol=1e-5):
        raise Wrong(
            "depends on the other images",
            "Three images described on their own get other numbers than among many. Each image must be described by "
            "itself: is there a mean or maximum over all images?",
        )
    linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.05, tol=0.01, max_iter=1000))
    linear.fit(described[0], train.labels)
    accuracy = linear.score(described[1], test.labels)
    if accuracy < _BOUND:
        raise Wrong(
            "accuracy",
            f"With your numbers a linear classifier is right on {accuracy:.3f} of 600 new images; the task asks for "
            f"{_BOUND}. Guessing reaches 0.1.",
        )
    numbers = described[0].shape[1]
    return f"With {numbers} numbers an image, the linear classifier is right on {accuracy:.3f} of new images."
