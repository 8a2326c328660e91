"""The checks of chapter 01, what computer vision is asked to do.

The references are written here once more, apart from `course_utils.evaluation`: a mistake there must not become a wrong
verdict.
"""

import numpy as np

from .engine import Wrong, run
from .kinds import Mistake, call, function, is_callable, prediction, task, typed

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


def _shape(task, count, height, width, classes, *, first=False, hard=False, **otherwise):
    """The shape of an answer; `otherwise` has a function for a task whose answer is another one."""
    other = otherwise.get(task.replace(" ", "_"))
    if other:
        return other(count, height, width, classes)
    if task == "classification":
        return (count,) if hard else (count, classes)
    if task == "several objects":
        return (count, classes)
    if task == "box":
        return (count, 4)
    depth = classes if task == "segmentation" else 3
    return (count, depth, height, width) if first else (count, height, width, depth)


_TASKS = ("classification", "several objects", "box", "segmentation", "generation")
function(
    "01.output_shape",
    "output_shape(task, count, height, width, classes)",
    cases=[call(name, 8, 48, 64, 10) for name in _TASKS] + [call(name, 1, 100, 33, 21) for name in _TASKS],
    right=_shape,
    mistakes=[
        Mistake(
            "width first",
            lambda task, n, h, w, c: _shape(task, n, w, h, c),
            "The shapes have the right length, but width stands before height. Arrays go by rows first: how many rows "
            "has an image?",
        ),
        Mistake(
            "channels first",
            {"first": True},
            "You put the channels before height and width, as PyTorch does. Here, and in Keras, they stand last.",
        ),
        Mistake(
            "label for probabilities",
            {"hard": True},
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
            [{"segmentation": lambda n, h, w, c: (n, h, w)}, {"segmentation": lambda n, h, w, c: (n, h, w, 1)}],
            "For segmentation you give one number a pixel, which is enough for object or background. Here each pixel "
            "has a probability for each of `classes` classes.",
        ),
        Mistake(
            "colours in the mask",
            {"segmentation": lambda n, h, w, c: (n, h, w, 3)},
            "For segmentation you give three numbers a pixel. A mask has no colours: what is said about each pixel?",
        ),
        Mistake(
            "classes in the picture",
            {"generation": lambda n, h, w, c: (n, h, w, c)},
            "A generated picture is a picture: each of its pixels has red, green and blue, however many classes there "
            "are.",
        ),
        Mistake(
            "two for several",
            {"several_objects": lambda n, h, w, c: (n, 2)},
            "Nobody says that there are two objects. For each class the answer says whether it is there: how many "
            "numbers is that?",
        ),
        Mistake(
            "class in the box",
            {"box": lambda n, h, w, c: (n, 4 + c)},
            "For a box you give its class as well. That is what a detector answers; this task asks for the box alone.",
        ),
        Mistake(
            "a box for each class",
            {"box": lambda n, h, w, c: (n, c, 4)},
            "You give a box for each class. There is one object here, and one box.",
        ),
        Mistake(
            "grey pictures",
            [{"generation": lambda n, h, w, c: (n, h, w)}, {"generation": lambda n, h, w, c: (n, h, w, 1)}],
            "You generate one number a pixel. The new images are in colour, as the old ones are.",
        ),
        Mistake(
            "number of classes fixed",
            {"classes": 10},
            "You have the number of classes of one example in your function. It is an argument.",
        ),
    ],
    nudges=(
        "How many numbers are needed for one image? Then put `count` before them.",
        "Which of the five answers are as large as the picture, with something said about each pixel, and which are a "
        "few numbers for all of it? The table of chapter 1 has a row for each task.",
    ),
    why="Most errors in the first hour with a new task are wrong shapes. Saying them before running anything is the "
    "cheapest test there is.",
)


# ------------------------------------------------------------------------------------------------------------ IoU, Dice


def _box_iou(a, b, *, clip=True, extra=0, of=lambda shared, a, b, hull: shared / (a + b - shared)):
    sides = [min(a[k + 2], b[k + 2]) - max(a[k], b[k]) + extra for k in (0, 1)]
    if clip:
        sides = [max(side, 0) for side in sides]
    areas = [(box[2] - box[0] + extra) * (box[3] - box[1] + extra) for box in (a, b)]
    around = [max(a[k + 2], b[k + 2]) - min(a[k], b[k]) for k in (0, 1)]
    return of(sides[0] * sides[1], *areas, around[0] * around[1])


def _unless(apart):
    """Boxes that lie apart in some directions only are seen."""
    return lambda a, b: 0.0 if apart(a, b) else _box_iou(a, b, clip=False)


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
        call((0, 0, 16, 16), typed("(np.int64(5), 0, 16 + np.int64(5), 16)")).in_next_cell(),
        call(np.array([4.0, 4, 12, 12]), np.array([7.0, 4, 15, 12])).in_next_cell(),
    ],
    right=_box_iou,
    mistakes=[
        Mistake(
            "negative sides",
            [
                {"clip": False},
                _unless(lambda a, b: b[0] > a[2] or b[1] > a[3]),
                _unless(lambda a, b: b[0] > a[2]),
                _unless(lambda a, b: a[2] < b[0] or b[2] < a[0]),
                _unless(lambda a, b: a[3] < b[1] or b[3] < a[1]),
            ],
            "Boxes that overlap come out right. For some boxes that lie apart, left or right of, above or below each "
            "other, a side of your overlap is negative: nobody shares less than nothing, and two negative sides even "
            "make a positive area.",
        ),
        Mistake(
            "shared area counted twice",
            {"of": lambda shared, a, b, hull: shared / (a + b)},
            "The two areas together count what is shared twice, so that a box with itself gives one half. What must be "
            "taken off?",
        ),
        Mistake(
            "dice",
            {"of": lambda shared, a, b, hull: 2 * shared / (a + b)},
            "That is Dice, twice the shared area over the sum of both. It is close to IoU, and larger wherever the "
            "boxes differ. IoU divides by the area that they cover together.",
        ),
        Mistake(
            "over the first box",
            [
                {"of": lambda shared, a, b, hull: shared / a},
                {"of": lambda shared, a, b, hull: shared / b},
                {"of": lambda shared, a, b, hull: shared / min(a, b)},
                {"of": lambda shared, a, b, hull: shared / max(a, b)},
            ],
            "You divide by the area of one box. Then a box as large as the picture, or a tiny one, looks perfect: "
            "divide by what both cover together.",
        ),
        Mistake(
            "one pixel more",
            {"extra": 1},
            "You add 1 to each side, as early tools did, whose x1 was the last pixel of the box. Here x1 is the edge "
            "behind it, so that x1 - x0 is the width.",
        ),
        Mistake(
            "sizes for corners",
            lambda *boxes: _box_iou(*((x, y, x + width, y + height) for x, y, width, height in boxes)),
            "You read a box as x, y, width, height, as COCO stores it. Here it is x0, y0, x1, y1.",
        ),
        Mistake(
            "not divided",
            {"of": lambda shared, a, b, hull: shared},
            "That is the area which both share. Divide it by the area that they cover together.",
        ),
        Mistake(
            "the box around both",
            {"of": lambda shared, a, b, hull: shared / hull},
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


def _dice(truth, prediction, *, empty=1.0, twice=2, smooth=0, reduce=lambda each: each):
    truth, prediction = truth.astype(bool), prediction.astype(bool)
    shared = (truth & prediction).sum(axis=(1, 2)).astype(float)
    total = truth.sum(axis=(1, 2)) + prediction.sum(axis=(1, 2)).astype(float)
    result = np.full(len(truth), float(empty))
    if smooth:
        return (twice * shared + smooth) / (total + smooth)
    return reduce(np.divide(twice * shared, total, out=result, where=total > 0))


def _in_bytes(truth, prediction, *, sums=np.uint8):
    """The shared pixels are counted in the masks' own type, and those of each mask in the type `sums`."""
    shared = (truth & prediction).sum(axis=(1, 2), dtype="uint8").astype(float)
    total = sum(mask.sum(axis=(1, 2), dtype=sums).astype(float) for mask in (truth, prediction))
    return np.divide(2 * shared, total, out=np.ones(len(truth)), where=total > 0)


# Of five masks, one is missed, one a false alarm, and one empty and found to be so.
_TRUTH = "(np.random.default_rng(1).random((5, 6, 9)) < [[[0.4]], [[0.4]], [[0]], [[0]], [[0.4]]]).astype('uint8')"
_FOUND = "(np.random.default_rng(2).random((5, 6, 9)) < [[[0.5]], [[0]], [[0.5]], [[0]], [[0.5]]]).astype('uint8')"
_LEFT = "np.ones((2, 20, 30), 'uint8') * (np.arange(30) < 13)"
function(
    "01.dice",
    "dice(truth, prediction)",
    cases=[
        call(typed(_TRUTH), typed(_FOUND)),
        call(np.eye(6, 9, dtype="uint8")[None], np.eye(6, 9, dtype="uint8")[None]),
        call(np.ones((2, 20, 30), "uint8"), typed(_LEFT)),  # more pixels than a uint8 can count
    ],
    right=_dice,
    mistakes=[
        Mistake(
            "nan for two empty masks",
            {"empty": np.nan},
            "Where both masks are empty you divide 0 by 0 and get `nan`, which spoils every mean. Nothing was there "
            "and nothing was found: what does that deserve?",
        ),
        Mistake(
            "0 for two empty masks",
            {"empty": 0.0},
            "Where both masks are empty you give 0, the mark for finding nothing of what is there. But nothing was "
            "there: a program that says so is right.",
        ),
        Mistake(
            "iou",
            {"reduce": lambda each: each / (2 - each)},
            "That is IoU: the shared pixels over those in either mask. Dice divides twice the shared pixels by the sum "
            "of both masks.",
        ),
        Mistake(
            "half",
            [{"twice": 1}, {"twice": 1, "empty": 0.0}, {"twice": 1, "empty": np.nan}],
            "A mask compared with itself gets 0.5. The sum below counts the shared pixels twice: so must what stands "
            "above it.",
        ),
        Mistake(
            "smoothed",
            [{"smooth": 1}, {"smooth": 1e-3}],
            "You add a small number above and below. As a loss that is usual; as a score it gives a mark to a "
            "program that found nothing. Treat the empty masks on their own.",
        ),
        Mistake(
            "one number for all",
            [
                {"reduce": lambda each: float(each.mean())},
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
        Mistake(
            "counts wrap",
            [_in_bytes, lambda *masks: _in_bytes(*masks, sums=int)],
            "Small masks come out right, large ones do not: masks are uint8, and a sum that stays uint8 begins again "
            "at 0 after 255. In which type do you count?",
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


def _smooth_l1(
    truth,
    prediction,
    beta=1.0,
    *,
    below=lambda d, beta: d**2 / (2 * beta),
    above=lambda d, beta: d - beta / 2,
    size=np.abs,
    reduce=lambda cost: cost.mean(axis=1),
):
    error = size(prediction - truth)
    return reduce(np.where(error < beta, below(error, beta), above(error, beta)))


_BOXES = np.array([[4.0, 5.0, 14.0, 21.0], [0.0, 0.0, 30.0, 8.0], [10.0, 3.0, 20.0, 9.0]])
_OFF = np.array([[0.25, -0.5, 3.0, -4.0], [1.0, -1.0, 2.0, -2.0], [0.0, 0.75, -1.5, 6.0]])
function(
    "01.smooth_l1",
    "smooth_l1(truth, prediction, beta=1.0)",
    cases=[
        call(_BOXES, _BOXES + _OFF),
        call(_BOXES, _BOXES + _OFF, beta=2.0),
        call(_BOXES[:2], _BOXES[:2] - _OFF[:2], beta=0.5),
    ],
    right=_smooth_l1,
    mistakes=[
        Mistake(
            "sign",
            {"size": lambda d: d},
            "Large errors to the left or upwards cost far too much in your loss. `error < beta` is true for all "
            "negative errors: which part of them matters?",
        ),
        Mistake(
            "jump at the kink",
            {"above": lambda d, beta: d},
            "Beyond `beta` you take the whole error. At the kink the parabola stands at beta / 2 and your line at "
            "beta: the loss jumps. Shift the line so that they meet.",
        ),
        Mistake(
            "beta ignored",
            {"beta": 1.0},
            "That is right for `beta=1` and stays the same for any other. The kink lies at `beta`.",
        ),
        Mistake(
            "kink only",
            [
                {"below": lambda d, beta: d**2 / 2, "above": lambda d, beta: d - 0.5},
                {"below": lambda d, beta: d**2 / 2},
                {"above": lambda d, beta: d - 0.5},
            ],
            "The kink moves with `beta`, but your parabola and your line do not both follow, so they no longer meet "
            "there. Write down both values and both slopes at an error of `beta`.",
        ),
        Mistake(
            "huber",
            {"below": lambda d, beta: d**2 / 2, "above": lambda d, beta: beta * (d - beta / 2)},
            "That is the Huber loss, Keras' `Huber(delta)`: `beta` times this one. Smooth L1 keeps a slope of 1 on its "
            "line, whatever `beta` is.",
        ),
        Mistake(
            "no half",
            {"below": lambda d, beta: d**2 / beta},
            "Your parabola is twice too steep: at `beta` it stands at beta, and the line at beta / 2.",
        ),
        Mistake(
            "sum",
            {"reduce": lambda cost: cost.sum(axis=1)},
            "You add the four values of a box. The task asks for their mean.",
        ),
        Mistake(
            "one number for all",
            [{"reduce": lambda cost: float(cost.mean())}, {"reduce": lambda cost: cost.mean(axis=0)}],
            "The task asks for one number a box: a mean over its four values, not over the boxes.",
        ),
        Mistake(
            "l1",
            lambda truth, prediction, beta: np.abs(prediction - truth).mean(axis=1),
            "That is plain L1, straight everywhere. Below `beta` a parabola takes its place.",
        ),
        Mistake(
            "branches exchanged",
            {"below": lambda d, beta: d - beta / 2, "above": lambda d, beta: d**2 / (2 * beta)},
            "The two formulas are right, and in each other's place: the parabola is for small errors.",
        ),
        Mistake(
            "times beta",
            {"below": lambda d, beta: d**2 / 2 * beta},
            "`error**2 / 2 * beta` multiplies by beta, from left to right. Put the divisor in brackets.",
        ),
        Mistake(
            "the largest only",
            {"reduce": lambda cost: cost.max(axis=1)},
            "You take the largest of the four values of a box. The task asks for their mean.",
        ),
        Mistake(
            "mse",
            lambda truth, prediction, beta: ((prediction - truth) ** 2).mean(axis=1),
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


def _harris(right, down, reach=1, k=0.05, *, order="after", trace=lambda xx, yy: (xx + yy) ** 2, sign=-1, cross=2):
    if order == "before":
        right, down = _window_mean(right, reach), _window_mean(down, reach)
    xx, yy, xy = right * right, down * down, right * down
    if order == "after":
        xx, yy, xy = (_window_mean(each, reach) for each in (xx, yy, xy))
    return xx * yy - xy**cross + sign * k * trace(xx, yy)


_RIGHT, _DOWN = (typed(f"np.gradient(np.random.default_rng(2).random((2, 12, 15)), axis={axis})") for axis in (2, 1))
function(
    "01.corners",
    "corner_response(right, down, reach=1, k=0.05)",
    cases=[
        call(_RIGHT, _DOWN),
        call(_RIGHT, _DOWN, reach=2, k=0.1),
        call(_RIGHT, _DOWN, reach=2).in_next_cell(),
    ],
    right=_harris,
    mistakes=[
        Mistake(
            "no window",
            {"order": "never"},
            "Without a mean over a window, the first two terms cancel at each pixel, and nowhere is your response "
            "above 0. One pixel cannot know whether it lies on an edge or on a corner.",
        ),
        Mistake(
            "mean before the product",
            {"order": "before"},
            "You average the slopes and multiply then. The mean of a product is not the product of the means: here "
            "the order is the whole point. Multiply first.",
        ),
        Mistake(
            "plus",
            {"sign": 1},
            "You add the last term. It is taken off, so that strong edges, where one mean is large and the other is "
            "not, become negative.",
        ),
        Mistake(
            "sum not squared",
            {"trace": lambda xx, yy: xx + yy},
            "The sum in the last term is squared in the formula: the first two terms are of the fourth power in the "
            "slopes, and so must the third be.",
        ),
        Mistake(
            "sum of squares",
            {"trace": lambda xx, yy: xx**2 + yy**2},
            "In the last term the sum is squared: (a + b)**2. You add the squares, a**2 + b**2.",
        ),
        Mistake(
            "edges cut off",
            lambda *args: _harris(*args).clip(0),
            "You cut off what is negative. The response of an edge is negative, and the task asks for it.",
        ),
        Mistake(
            "mixed mean not squared",
            {"cross": 1},
            "The mean of the product of both slopes is squared in the formula. Yours is not.",
        ),
        Mistake(
            "k ignored",
            [{"k": 0.05}, {"k": 0.0}],
            "Your response does not change with `k`, the weight of the last term.",
        ),
        Mistake(
            "reach ignored",
            {"reach": 1},
            "Your response does not change with `reach`. Hand it on to `window_mean`.",
        ),
    ],
    nudges=(
        "In the formula of chapter 1, which three products of slopes stand between the brackets that mean a window?",
        "Name the three means as arrays before you write the formula. To see whether it is right, try a picture of one "
        "edge, where the response must be negative, and one of a corner.",
    ),
    why="The first two terms are the determinant of a 2x2 matrix, the sum is its trace. Both its eigenvalues are large "
    "at a corner, one along an edge, none on plain ground: that is what the formula asks without computing them.",
)


# ------------------------------------------------------------------------------------------------------ sliding windows


def _windows(image, window, strides, *, last=True):
    height, width = image.shape[:2]
    stop = 1 if last else 0
    return [
        (row, column)
        for row in range(0, height - window + stop, strides)
        for column in range(0, width - window + stop, strides)
    ]


def _largest(probabilities, first=1):
    """Window and label of the largest entry, from class `first` on."""
    best, label = np.unravel_index(probabilities[:, first:].argmax(), probabilities[:, first:].shape)
    return best, label + first


def _least_nothing(probabilities):
    best = probabilities[:, 0].argmin()
    return best, probabilities[best, 1:].argmax() + 1


def _first_hit(probabilities):
    labels = probabilities.argmax(axis=1)
    best = (labels > 0).argmax()
    return best, labels[best]


def _find(image, classify, window, strides, *, places=_windows, pick=_largest, crop=lambda crops: crops):
    places = places(image, window, strides)
    crops = [crop(image[None, row : row + window, column : column + window]) for row, column in places]
    best, label = pick(np.concatenate([classify(each) for each in crops]))
    row, column = places[best]
    return int(label), (column, row, column + window, row + window)


def _changed(change):
    """The right label and box, changed."""
    return lambda *args: change(*_find(*args))


def _flush(image, window, strides):
    """Also places flush with the far edges, off the grid."""
    rows, columns = ({*range(0, side - window + 1, strides), side - window} for side in image.shape[:2])
    return [(row, column) for row in sorted(rows) for column in sorted(columns)]


def _over_the_edge(image, window, strides):
    """Places of windows that stick out at the far edges too."""
    height, width = image.shape[:2]
    return [(row, column) for row in range(0, height, strides) for column in range(0, width, strides)]


def _image(seed, height, width, block=1):
    """A picture of blocks of random colours."""
    size = f"({height // block}, {width // block}, 3)"
    blocks = f".repeat({block}, 0).repeat({block}, 1)" if block > 1 else ""
    return typed(f"np.random.default_rng({seed}).integers(0, 256, {size}, 'uint8'){blocks}")


# Classifiers of nothing, red and green. The first goes by the mean colour of a crop. The second goes by one pixel near
# its corner, so that crops which are turned over or scaled are others. The third shares green between two classes.
_BY_MEAN = typed("lambda crops: crops.mean((1, 2)) / 255 @ [[-0.8, 0.8, 0], [-0.7, 0, 0.7], [0, 0, 0]] + [1, 0, 0]")
_BY_CORNER = typed("lambda crops: crops[:, 1, 4] / 255 @ [[-0.5, 0.5, 0], [-0.35, 0, 0.35], [0, 0, 0]] + [0.9, 0, 0.1]")
_SHARED = typed(
    "lambda crops: crops.mean((1, 2)) / 255 @ "
    "[[-0.35, 0.35, 0, 0], [-0.6, 0, 0.31, 0.29], [0, 0, 0, 0]] + [0.98, 0.01, 0.005, 0.005]"
)
function(
    "01.slide",
    "find(image, classify, window, strides)",
    cases=[
        call(_image(2, 40, 64, 4), _BY_MEAN, 16, 4),
        call(_image(34, 64, 40, 8), _BY_MEAN, 16, 8),
        call(_image(5, 30, 50, 5), _SHARED, 10, 5),
        call(_image(12, 33, 54, 3), _BY_MEAN, 14, 4),
        call(_image(14, 32, 53), _BY_CORNER, 14, 6),
    ],
    right=_find,
    mistakes=[
        Mistake(
            "x and y exchanged",
            _changed(lambda label, box: (label, tuple(box[k] for k in (1, 0, 3, 2)))),
            "The window is right, its box is not: x is the column and y the row, and a box begins with x.",
        ),
        Mistake(
            "last window missed",
            {"places": lambda *args: _windows(*args, last=False)},
            "Objects in the last row or column of windows are missed. A window of 16 fits into 64 pixels at 48 too: "
            "where does `range` stop?",
        ),
        Mistake(
            "finds nothing",
            {"pick": lambda probabilities: _largest(probabilities, first=0)},
            "You take the most certain answer of all, and that is class 0, nothing, where the picture is empty. The "
            "task asks for the most certain *object*.",
        ),
        Mistake(
            "first hit",
            {"pick": _first_hit},
            "You stop at the first window that holds an object. Another may hold more of it, or another object: the "
            "most probable one is asked for.",
        ),
        Mistake(
            "least nothing",
            {"pick": _least_nothing},
            "You take the window that is least sure of nothing, and then its best class. What is left over may be "
            "shared by several classes there, while another window has one larger entry: compare single entries.",
        ),
        Mistake(
            "off the grid",
            {"places": _flush},
            "You add windows at the far edges, beside the grid. Windows begin at the upper left corner and move by "
            "`strides`; what is left over at the end stays unseen.",
        ),
        Mistake(
            "crops turned over",
            {"crop": lambda crops: crops.transpose(0, 2, 1, 3)},
            "Your crops are turned over: rows and columns have changed places. The axes of `sliding_window_view` come "
            "in an order of their own; what does `classify` take?",
        ),
        Mistake(
            "crops mirrored",
            [{"crop": lambda crops: crops[:, :, ::-1]}, {"crop": lambda crops: crops[:, ::-1]}],
            "Your crops are mirrored. `classify` is to see each window as it stands in the picture.",
        ),
        Mistake(
            "crops scaled",
            {"crop": lambda crops: crops / 255},
            "`classify` gets other values than the picture has: yours are divided by 255. A classifier expects what it "
            "was trained on; hand on the pixels as they are.",
        ),
        Mistake(
            "over the edge",
            {"places": _over_the_edge},
            "Some of your windows stick out at the right or below, where a slice is cut short without a word. Only "
            "windows that lie wholly within the picture count.",
        ),
        Mistake(
            "size for corner",
            _changed(lambda label, box: (label, (*box[:2], box[2] - box[0], box[3] - box[1]))),
            "Your box is x, y, width, height. Boxes on this page are x0, y0, x1, y1.",
        ),
        Mistake(
            "label one too small",
            _changed(lambda label, box: (label - 1, box)),
            "The box is right, the label is one too small: you cut off class 0 before you looked for the largest, and "
            "the remaining classes count from 1.",
        ),
        Mistake(
            "stride ignored",
            {"strides": 1},
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
