"""The checks of chapter 07, augmentation."""

import itertools
import math
import operator
import tempfile
from pathlib import Path

import numpy as np

from .comparing import describe
from .engine import Wrong, run
from .kinds import Mistake, call, function, letters, task, typed

# --- which changes keep the label -------------------------------------------------------------------------------------

_KEPT = "bdf"
_LOOK_AGAIN = {  # said of a letter that is missing or too much; none of them says which
    "a": "write a 2 and a 3, hold them before a mirror, and read what you see.",
    "b": "does a 4 stay a 4 when it is written a little to the left?",
    "c": "think of a sign with an arrow on it.",
    "d": "where is up in a photograph that was taken straight from above?",
    "e": "by what do you tell a ripe tomato from one that is not?",
    "f": "can you tell a cat from a dog in an old photograph?",
    "g": "what does a short screw look like from nearer by?",
    "h": "what does a 6 look like after half a turn?",
}


@task(
    "07.keeps_label",
    'a text of letters, such as `"ah"`',
    mistakes=(*(f"about {letter}" for letter in _LOOK_AGAIN), "not a choice", "wrong type"),
    nudges=(
        "Take one picture of each class in your mind, change it as far as the line allows, and name what you see.",
        "A change keeps the label where a person who sees only the changed picture gives the same answer. Ask also "
        "what the classes differ in: a change must not touch that.",
    ),
    why="Nothing in a network can tell that a change has spoilt the labels: it learns the wrong ones as willingly as "
    "the right ones. The choice of changes is what you know about the pictures, put into the training.",
)
def _keeps_label(answer):
    letters(answer, _KEPT, _LOOK_AGAIN)


# --- where overfitting begins -----------------------------------------------------------------------------------------


def _overfits_from(val_losses, patience, *, first=1, late=0, last=False, of=min):
    losses = list(val_losses)
    best = losses.index(of(losses))
    if last:
        best = len(losses) - 1 - losses[::-1].index(of(losses))
    return best + first if len(losses) - 1 - best >= patience + late else 0


def _while_watching(val_losses, patience):
    """The first epoch that is not beaten for `patience` epochs, whatever comes later."""
    for epoch in range(len(val_losses) - patience):
        if min(val_losses[epoch + 1 : epoch + 1 + patience]) >= val_losses[epoch]:
            return epoch + 1
    return 0


def _first_rise(val_losses, patience):
    return next((n for n in range(1, len(val_losses)) if val_losses[n] > val_losses[n - 1]), 0)


def _rises_in_a_row(val_losses, patience):
    """The first epoch after which the loss rises `patience` times, each time above the one before."""
    for epoch in range(len(val_losses) - patience):
        losses = val_losses[epoch : epoch + patience + 1]
        if all(one < other for one, other in itertools.pairwise(losses)):
            return epoch + 1
    return 0


function(
    "07.overfits_from",
    "overfits_from(val_losses, patience)",
    cases=[
        call([0.69, 0.62, 0.58, 0.6, 0.57, 0.61, 0.63, 0.66], 3),
        call([0.69, 0.6, 0.55, 0.52, 0.5, 0.53, 0.54], 3),
        call([0.7, 0.6, 0.62, 0.64, 0.63, 0.55, 0.58, 0.59, 0.61], 3),
        call([0.66, 0.61, 0.61, 0.64, 0.65], 2),
        call([0.65, 0.7, 0.8, 0.9], 1),
        call([0.6, 0.5, 0.5, 0.6], 2),
        call([0.6, 0.5, 0.55, 0.53, 0.56], 3),
        call([0.6, 0.5, 0.4, 0.41], 2),
        call([0.6, 0.55, 0.5], 2),
    ],
    right=_overfits_from,
    mistakes=[
        Mistake(
            "counted from 0",
            {"first": 0},
            "Yours is the place in the list, which counts from 0. The first epoch is number 1.",
        ),
        Mistake(
            "patience ignored",
            lambda val_losses, patience: _overfits_from(val_losses, 0),
            "You give the best epoch even if hardly any came after it. Unless `patience` epochs did, the loss might "
            "still have fallen further.",
        ),
        Mistake(
            "patience ignored, counted from 0",
            lambda val_losses, patience: _overfits_from(val_losses, 0, first=0),
            "That is where the lowest loss stands in the list. Epochs are counted from 1, and `patience` has a say "
            "too.",
        ),
        Mistake(
            "one epoch too many",
            {"late": 1},
            "You ask for more than `patience` epochs after the best one. As many as `patience` are enough.",
        ),
        Mistake(
            "one epoch too few",
            {"late": -1},
            "You are content with one epoch fewer than `patience` after the best one. The best one itself does not "
            "count.",
        ),
        Mistake(
            "the last of equals",
            {"last": True},
            "Where the lowest loss comes twice, you take the later epoch. From the first of them on nothing was "
            "gained.",
        ),
        Mistake(
            "while watching",
            _while_watching,
            "You stop at the first epoch that is not beaten for `patience` epochs. That is what `EarlyStopping` does, "
            "which cannot see what comes; here the whole training is known, and its lowest loss may come later.",
        ),
        Mistake(
            "rises in a row",
            _rises_in_a_row,
            "You look for `patience` rises, one after the other. It is enough that none of the later losses is as low; "
            "among themselves they may go up and down.",
        ),
        Mistake(
            "the first rise",
            _first_rise,
            "Yours is the epoch before the first rise. A validation loss goes up and down by chance; look for its "
            "lowest value.",
        ),
        Mistake(
            "the highest loss",
            {"of": max},
            "You look for the highest loss. Overfitting begins after the lowest one.",
        ),
        Mistake(
            "the lowest loss",
            lambda val_losses, patience: min(val_losses),
            "That is the loss itself. The task asks for the number of its epoch.",
        ),
        Mistake(
            "the end of the waiting",
            lambda val_losses, patience: (
                _overfits_from(val_losses, patience) and _overfits_from(val_losses, patience) + patience
            ),
            "Yours is the epoch in which the waiting is over, `patience` later than the best one.",
        ),
    ],
    nudges=(
        "Two questions, one after the other: in which epoch was the loss lowest, and how many epochs came after it?",
        "If the lowest of 8 losses is the fifth, three epochs came after it. With which `patience` is that enough?",
    ),
    why="One number for each training, found by a rule, can be compared between recipes and averaged over seeds. What "
    "one sees in a single curve is often chance.",
)


# --- random crops -----------------------------------------------------------------------------------------------------


def _crops(
    images, size, uniform, *, places=lambda side, size: side - size + 1, whole=np.floor, clip=False, order=(0, 1),
    corners=(0, 1), one=False, sides=(1, 2),
):  # fmt: skip
    crops = []
    for number, image in enumerate(images):
        drawn = uniform[0 if one else number]
        corner = [int(whole(drawn[order[axis]] * places(images.shape[sides[axis]], size))) for axis in (0, 1)]
        corner = [min(at, images.shape[sides[axis]] - size) for axis, at in enumerate(corner)] if clip else corner
        top, left = corner[corners[0]], corner[corners[1]]
        crops.append(image[top : top + size, left : left + size])
    return np.stack(crops)


_CROP_CASES = [
    (
        "np.arange(4 * 7 * 10 * 3).reshape(4, 7, 10, 3)",
        4,
        np.array([[0.99, 0.0], [0.0, 0.99], [0.55, 0.3], [0.8, 0.6]]),
    ),
    ("np.arange(3 * 5 * 8).reshape(3, 5, 8, 1)", 5, np.array([[0.1, 0.9], [0.9, 0.6], [0.5, 0.2]])),
    ("np.arange(5 * 6 * 6 * 2).reshape(5, 6, 6, 2)", 3, np.array([[k / 5, 1 - k / 5] for k in (0.5, 1, 2, 3, 4)])),
]

function(
    "07.crops",
    "random_crops(images, size, uniform)",
    cases=[
        call(typed(images), size, uniform).told(
            stopping="Where the numbers in `uniform` are small, your function is right. Crops that reach beyond the "
            "border come out smaller, and do not fit into one array with the others: where may the last one begin?",
            right_for=call(typed(images), size, np.full(uniform.shape, 0.01)),
        )
        for images, size, uniform in _CROP_CASES
    ],
    right=_crops,
    mistakes=[
        Mistake(
            "the last place never",
            {"places": lambda side, size: side - size},
            "Your crops never touch the lower and the right border: an image of 7 rows has room for a crop of 4 rows "
            "in one more place than you count. Put a crop of 4 on 7 rows and count.",
        ),
        Mistake(
            "pushed back",
            {"places": lambda side, size: side, "clip": True},
            "No crop of yours reaches beyond the border, but those that would are pushed back to it, and so the last "
            "place is taken far more often than the others. Spread the numbers over the places that there are.",
        ),
        Mistake(
            "rounded",
            [
                {"places": lambda side, size: side - size, "whole": np.round},
                {"places": lambda side, size: side - size + 1, "whole": np.round, "clip": True},
            ],
            "You round to the nearest place, so that the first and the last one do not get as large a share of the "
            "numbers as the others. Each place gets an equal share if you round down.",
        ),
        Mistake(
            "rounded up",
            {"places": lambda side, size: side - size, "whole": np.ceil},
            "You round up: only the number 0 itself leads to the first place.",
        ),
        Mistake(
            "one place for all",
            {"one": True},
            "All images are cropped at the same place, the first one's. Each has a row of `uniform` of its own.",
        ),
        Mistake(
            "rows and columns exchanged",
            [{"order": (1, 0)}],
            "You take the first number of a row of `uniform` for the left edge. It is for the top one.",
        ),
        Mistake(
            "height for width",
            [{"sides": (1, 1)}],
            "You count the places along the width with the height. These images are wider than they are high.",
        ),
        Mistake(
            "the middle",
            lambda images, size, uniform: _crops(images, size, np.full(uniform.shape, 0.5)),
            "All your crops are from the middle. Where they begin is what `uniform` decides.",
        ),
        Mistake(
            "always the corner",
            lambda images, size, uniform: images[:, :size, :size],
            "All your crops are from the upper left corner. Where they begin is what `uniform` decides.",
        ),
        Mistake(
            "channels",
            lambda images, size, uniform: _crops(images, size, uniform)[..., ::-1],
            "Your crops are at the right places, with their channels in another order.",
        ),
    ],
    nudges=(
        "On paper: an image of 5 columns, a crop of 3. In how many places can the crop lie?",
        "A number between 0 and 1, times the number of places, rounded down, is each place equally often. Do that for "
        "the rows and for the columns, image by image.",
    ),
    why="Off by one, and a border is never seen; rounded, and the corners are rare. No error shows it, and no accuracy "
    "tells you: only a case that you worked out yourself.",
)


# --- MixUp ------------------------------------------------------------------------------------------------------------


def _mixup(
    images, labels, classes, order, shares, *, of_images=None, of_labels=None, rows=None, kind=None,
    rest=lambda share, order: 1 - share,
):  # fmt: skip
    """`rows` makes the rows of labels from (rows, partners' rows, shares); `kind` the dtype of the images."""
    images, order, shares = np.asarray(images), np.asarray(order), np.asarray(shares, float)
    given = np.eye(classes)[np.asarray(labels)]
    a = (of_images or (lambda s: s))(shares)[:, None, None, None]
    b = (of_labels or (lambda s: s))(shares)[:, None]
    mixed = a * images + rest(a, order) * images[order]
    mixed = mixed if kind is None else mixed.astype(kind(images))
    return mixed, rows(given, given[order], b) if rows else b * given + rest(b, order) * given[order]


def _ordered_otherwise(change):
    return lambda images, labels, classes, order, shares: _mixup(images, labels, classes, change(order), shares)


def _one_after_another(images, labels, classes, order, shares):
    mixed, rows = np.array(images, float), np.eye(classes)[labels]
    for number, partner in enumerate(order):
        for values in (mixed, rows):
            values[number] += (1 - shares[number]) * (values[partner] - values[number])
    return mixed, rows


def _labels_as_numbers(images, labels, classes, order, shares):
    labels = np.asarray(labels)
    return _mixup(images, labels, classes, order, shares)[0], shares * labels + (1 - shares) * labels[order]


_FOUR = (
    typed("np.random.default_rng(3).random((4, 3, 5, 2))"), np.array([0, 2, 1, 2]), 3, np.array([2, 0, 3, 1]),
    np.array([0.9, 0.6, 0.25, 0.5]),
)  # fmt: skip
_SHARES_ALONG_PIXELS = (
    "With one image your function is right. `shares` has a number for each image, and NumPy lines it up with the last "
    "axis, the channels: give it axes of length 1 for rows, columns and channels."
)

function(
    "07.mixup",
    "mixup(images, labels, classes, order, shares)",
    cases=[
        call(*_FOUR).told(
            stopping=_SHARES_ALONG_PIXELS,
            right_for=call(typed("np.ones((1, 3, 5, 2))"), np.array([1]), 3, np.array([0]), np.array([0.9])),
        ),
        call(
            typed('np.array([10, 40, 90, 250, 7, 130, 61, 200], "uint8").reshape(2, 2, 2, 1)'),
            np.array([1, 0]),
            2,
            np.array([1, 0]),
            np.array([0.8, 0.35]),
        ),
        call(
            typed("np.random.default_rng(5).random((3, 3, 3, 3))"),
            np.array([3, 1, 0]),
            5,
            np.array([1, 2, 0]),
            np.array([0.7, 1.0, 0.15]),
        ),
    ],
    right=_mixup,
    mistakes=[
        Mistake(
            "labels not mixed",
            {"rows": lambda own, partner, share: own},
            "The images are mixed and the labels are not: an image that is three quarters cat is called cat entirely. "
            "Its row must say what was mixed, and in which shares.",
        ),
        Mistake(
            "the larger share's label",
            {"rows": lambda own, partner, share: np.where(share >= 0.5, own, partner)},
            "Each row of yours is the label of the larger part alone. The smaller part has its share of the row too.",
        ),
        Mistake(
            "half of each label",
            {"rows": lambda own, partner, share: (own + partner) / 2},
            "Your labels are half and half, whatever the images are. They are mixed in the same shares as the images.",
        ),
        Mistake("the partner's label", {"rows": lambda own, other, share: other}, "Each row is the partner's alone."),
        Mistake(
            "rows without shares",
            {"rows": lambda own, other, share: own + other},
            "Your rows have both labels in full. Each has its share, and a row adds up to 1.",
        ),
        Mistake(
            "the second share overwrites",
            {"rows": lambda own, partner, share: np.where(partner == 1, 1 - share, share * own)},
            "Where an image and its partner are of one class, its number must be 1: the second share is added to the "
            "first, and yours takes its place.",
        ),
        Mistake(
            "labels as numbers",
            _labels_as_numbers,
            "You mix the numbers of the classes. Half of class 0 and half of class 2 would be class 1, which is not in "
            "the picture at all. Make rows with a 1 at the class first, and mix those.",
        ),
        Mistake(
            "labels the other way round",
            {"of_labels": lambda share: 1 - share},
            "The images are right, and the shares of the labels are the wrong way round: an image's own label gets the "
            "share that its own pixels got.",
        ),
        Mistake(
            "shares the other way round",
            {"of_images": lambda share: 1 - share, "of_labels": lambda share: 1 - share},
            "`shares` says how much of the image itself is kept; the rest comes from its partner. Yours is the "
            "reverse.",
        ),
        Mistake(
            "images the other way round",
            {"of_images": lambda share: 1 - share},
            "The labels are right, and the shares of the images are the wrong way round.",
        ),
        Mistake("images not mixed", {"of_images": np.ones_like}, "The labels are mixed and the images are not."),
        Mistake(
            "shares do not add up",
            [{"rest": lambda share, order: 1}, {"rest": lambda share, order: share[order]}],
            "The two shares of a pair must add up to 1: the partner gets what the image leaves.",
        ),
        Mistake("already mixed", _one_after_another, "Some of your partners are mixed already. Mix what came in."),
        Mistake(
            "one share for all",
            {"of_images": lambda share: share * 0 + share[0], "of_labels": lambda share: share * 0 + share[0]},
            "All pairs are mixed in the first pair's shares. Each has its own.",
        ),
        Mistake(
            "partners reversed",
            _ordered_otherwise(lambda order: np.arange(len(order))[::-1]),
            "Your partners are the images in reverse order. Who is whose partner is what `order` says.",
        ),
        Mistake(
            "partner's partner",
            _ordered_otherwise(np.argsort),
            "You read `order` the wrong way: the partner of image 0 is image `order[0]`, and not the image that has 0 "
            "for its partner.",
        ),
        Mistake(
            "no partners",
            lambda images, labels, classes, order, shares: _mixup(images, labels, classes, range(len(images)), shares),
            "Your images and labels are those that came in, the labels as rows. Nothing is mixed with anything.",
        ),
        Mistake(
            "rounded",
            {"kind": lambda images: images.dtype},
            "In one of the cases the images are whole numbers (`uint8`), and you make the mixture whole numbers too. "
            "What lies between 10 and 11 is lost.",
        ),
    ],
    nudges=(
        "Write down one pair: 0.7 of a cat, class 0, and 0.3 of a dog, class 1. What are its pixels, and which two "
        "numbers describe it?",
        "`np.eye(classes)` has the row of every class. The same formula, with the same shares, mixes images and rows; "
        "only the shape of the shares differs.",
    ),
    why="Without mixed labels the network would be asked to be sure of something that is half a ghost. With them, what "
    "it says is to change evenly on the way from one image to another.",
)


# --- focal loss -------------------------------------------------------------------------------------------------------


def _focal_loss(
    labels, probabilities, gamma, *, weight=lambda right, gamma, p, y: (1 - right) ** gamma, clip=1e-7, log=np.log,
    of=lambda p, y: np.where(y == 1, p, 1 - p), mean=np.mean, sign=-1,
):  # fmt: skip
    with np.errstate(all="ignore"):
        y, p = np.asarray(labels), np.clip(np.asarray(probabilities, float), clip, 1 - clip)
        right = of(p, y)
        return sign * mean(weight(right, gamma, p, y) * log(right))


def _as_sum_of_two(labels, probabilities, gamma):
    with np.errstate(all="ignore"):
        y, p = np.asarray(labels), np.asarray(probabilities, float)
        return float(-np.mean(y * (1 - p) ** gamma * np.log(p) + (1 - y) * p**gamma * np.log(1 - p)))


_ANSWERED = np.array([1, 0, 1, 0, 1]), np.array([0.9, 0.2, 0.6, 0.7, 0.5])

function(
    "07.focal_loss",
    "focal_loss(labels, probabilities, gamma)",
    cases=[
        call(*_ANSWERED, 2.0),
        call(*_ANSWERED, 0.0),
        call(np.array([0, 0, 1]), np.array([0.05, 0.8, 0.35]), 0.5),
        call(np.array([1, 0, 1, 0]), np.array([1.0, 0.0, 0.0, 0.3]), 2.0),
    ],
    right=lambda *given, **changes: float(_focal_loss(*given, **changes)),
    mistakes=[
        Mistake(
            "gamma ignored",
            {"weight": lambda right, gamma, p, y: 1.0},
            "That is the cross-entropy: right for gamma 0, and the same for every other gamma.",
        ),
        Mistake(
            "probability of class 1",
            {"of": lambda p, y: p},
            "You take each probability as it is, which is that of class 1. For an image of class 0, how probable did "
            "the network think the right class?",
        ),
        Mistake(
            "class 1 only",
            lambda labels, probabilities, gamma: float(
                np.mean(labels * -((1 - probabilities) ** gamma) * np.log(np.clip(probabilities, 1e-7, 1)))
            ),
            "Images of class 0 add nothing to your loss. They have a right class too.",
        ),
        Mistake(
            "weights the sure",
            {"weight": lambda right, gamma, p, y: right**gamma},
            "Your weight is large where the answer was right and sure. Focal loss is to look at the others.",
        ),
        Mistake(
            "weights by class 1",
            {"weight": lambda right, gamma, p, y: (1 - p) ** gamma},
            "The logarithm is right, and the weight takes the probability of class 1 for every image. It too is about "
            "the right class.",
        ),
        Mistake(
            "gamma as a factor",
            {"weight": lambda right, gamma, p, y: gamma * (1 - right)},
            "You multiply by gamma. It is a power.",
        ),
        Mistake(
            "power of the whole",
            lambda labels, probabilities, gamma: _focal_loss(
                labels, probabilities, 0, mean=lambda losses: float(-np.mean((-losses) ** gamma))
            ),
            "You raise the loss of an image to the power. What is raised is the weight, 1 minus the probability.",
        ),
        Mistake(
            "sign",
            {"sign": 1},
            "Your loss is negative. Logarithms of probabilities are, and the loss is their negative.",
        ),
        Mistake(
            "not clipped",
            [_as_sum_of_two, {"clip": 0.0}],
            "Right as long as no probability is 0 or 1. The logarithm of 0 is minus infinity, and one image makes the "
            "whole loss infinite or `nan`: keep the probabilities within 1e-7 and 1 - 1e-7.",
        ),
        Mistake(
            "sum",
            {"mean": np.sum},
            "Yours grows with the number of images: it is the sum. The loss of a batch is the mean.",
        ),
        Mistake(
            "one for each",
            lambda *given: _focal_loss(*given, mean=lambda losses: losses),
            "Those are the losses of the images, one for each. Their mean is missing.",
        ),
        Mistake(
            "mean by weights",
            lambda labels, probabilities, gamma: float(
                _focal_loss(labels, probabilities, gamma)
                / _focal_loss(labels, probabilities, gamma, log=lambda right: 1.0, sign=1)
            ),
            "You divide by the sum of the weights. The mean is over the images: sure answers make the loss small.",
        ),
        Mistake(
            "other logarithm",
            [{"log": np.log10}, {"log": np.log2}],
            "Right up to a factor: losses take the natural logarithm, `np.log`.",
        ),
    ],
    nudges=(
        "First make one array: the probability that the network gave to the class that is right, image by image.",
        "For an image of class 0 that is 1 minus the given probability. Clip it, and the formula needs nothing else.",
    ),
    why="With gamma 2, an image that is answered right with 0.9 counts a hundredth of what it did. One whose label is "
    "wrong counts nearly in full: to focal loss, a wrong label looks like a hard example.",
)


# --- does it help? ----------------------------------------------------------------------------------------------------


def _gain(before, after, t, *, ddof=1, root=np.sqrt, of=np.array, middle=np.mean, spread=np.std, factor=1.0):
    differences = of(np.asarray(after) - np.asarray(before))
    return float(middle(differences)), float(factor * t * spread(differences, ddof=ddof) / root(len(differences)))


def _unpaired(spread, ddof):
    """The margin from what `spread` makes of the lists' own standard deviations."""
    return lambda before, after, t: (
        _gain(before, after, t)[0],
        float(t * spread(np.std(before, ddof=ddof), np.std(after, ddof=ddof)) / math.sqrt(len(before))),
    )


def _either_std(**changes):
    """A mistake of those who divide by n - 1, and of those who forget that too."""
    return [{"ddof": ddof, **changes} for ddof in (1, 0)]


function(
    "07.gain",
    "gain(before, after, t)",
    cases=[
        call(np.array([0.7, 0.72, 0.69]), np.array([0.74, 0.75, 0.75]), 4.303),
        call(np.array([0.6, 0.7, 0.8, 0.65, 0.75]), np.array([0.62, 0.73, 0.81, 0.69, 0.77]), 2.776),
        call(np.array([0.78, 0.8, 0.79, 0.77]), np.array([0.75, 0.79, 0.74, 0.77]), 3.182),
    ],
    right=_gain,
    mistakes=[
        Mistake("sign", _either_std(of=np.negative), "You take before minus after. What helps has a positive gain."),
        Mistake(
            "not paired",
            [_unpaired(of, ddof) for of in (math.hypot, lambda one, other: other, operator.sub) for ddof in (1, 0)],
            "You take the spread of the lists themselves. Seeds that are good for both recipes then count as noise: "
            "take the difference seed by seed first, and the spread of the differences.",
        ),
        Mistake(
            "divided by n",
            {"ddof": 0},
            "The margin is a little too small: NumPy's `std` divides by the number of values unless it is told to "
            "divide by one fewer (`ddof`).",
        ),
        Mistake("root forgotten", _either_std(root=float), "You divide by the number of seeds, and not by its root."),
        Mistake(
            "spread of one seed",
            _either_std(root=lambda count: 1.0),
            "Your margin is for a single training. That of the mean over several is smaller: by which factor?",
        ),
        Mistake(
            "one fewer twice",
            {"root": lambda n: math.sqrt(n - 1)},
            "The one fewer is for `s`. Divide it by the root of `n`.",
        ),
        Mistake("multiplied", _either_std(root=lambda n: n**-0.5), "More seeds make a smaller margin, not a larger."),
        Mistake("variance", _either_std(spread=np.var), "You take the variance; `s`, its root, is asked for."),
        Mistake("absolute", _either_std(of=np.abs), "You drop the signs. Losses count against the gain."),
        Mistake("median", _either_std(middle=np.median), "Your gain is the median. The task asks for the mean."),
        Mistake("sum", _either_std(middle=np.sum), "Your gain is the sum over the seeds. The task asks for the mean."),
        Mistake("exchanged", lambda *given: _gain(*given)[::-1], "Both numbers are right. The gain comes first."),
        Mistake(
            "t forgotten",
            lambda before, after, t: _gain(before, after, 1.0),
            "That is the standard error of the mean. `t` says how many of them the margin is.",
        ),
        Mistake("whole width", {"factor": 2.0}, "That is the width of the whole interval. The margin is half of it."),
        Mistake(
            "ends",
            lambda *given: (_gain(*given)[0] - _gain(*given)[1], _gain(*given)[0] + _gain(*given)[1]),
            "Those are the two ends of the interval. The task asks for its middle and its half width.",
        ),
        Mistake(
            "relative",
            lambda before, after, t: _gain(np.ones(len(before)), np.asarray(after) / before, t),
            "You divide by the accuracy before. The gain is a difference of accuracies.",
        ),
        Mistake(
            "logarithm of ratios",
            lambda before, after, t: _gain(np.log(before), np.log(after), t),
            "You compare logarithms. The gain is a difference of accuracies.",
        ),
    ],
    nudges=(
        "Begin with one array: what each seed gained.",
        "The mean of that array is the gain. Its standard deviation, with one fewer in the division, by the root of "
        "the number of seeds, is the noise of the mean.",
    ),
    why="Where the margin is larger than the gain, the same recipe could have come out below in another week. It does "
    "not say that the change is useless: it says that these seeds cannot tell.",
)


# --- photographs from disk --------------------------------------------------------------------------------------------

_SIDES = 6, 9
_FOLDERS = {"mole": 3, "ant": 4, "zebra": 2, "fox": 2, "owl": 2}  # a disk hardly lists five in the alphabet's order
_HOW_READ = "`keras.utils.img_to_array(keras.utils.load_img(path))` reads one."


def _write(folder, counts, seed):
    """Write images that no two others are like; by its bytes, the path and the label of each."""
    from PIL import Image

    random, names, known = np.random.default_rng(seed), sorted(counts), {}
    for name, count in counts.items():
        (folder / name).mkdir(exist_ok=True)
        for number in range(count):
            pixels = random.integers(0, 256, (*_SIDES, 3), dtype="uint8")
            path = folder / name / f"{number}.png"
            Image.fromarray(pixels).save(path)
            known[pixels.tobytes()] = path, names.index(name)
    return known


def _batch(stream, number, count):
    """A batch as arrays: images, which are whole numbers, and labels."""
    doing = f"Batch {number}"
    batch = run(stream.__getitem__, number, doing=doing)
    if batch is None:
        raise Wrong("no return", f"{doing} is `None`. Does `__getitem__` return something?")
    if not isinstance(batch, (tuple, list)) or len(batch) != 2:
        raise Wrong("wrong type", f"{doing} is {describe(batch)}. `fit` wants a tuple: images, labels.")
    if any(isinstance(part, (list, tuple)) for part in batch):
        raise Wrong("wrong type", f"{doing} has a list in it. `np.array` makes one array of images, or of labels.")
    images, labels = (_as_array(part) for part in batch)
    if images is None or labels is None or labels.dtype.kind not in "iuf":
        raise Wrong(
            "wrong type",
            f"{doing} must be two arrays of numbers, and is {describe(batch[0])} and "
            f"{describe(batch[1])}. A label is the number of its class.",
        )
    if images.shape[:1] != labels.shape[:1] or labels.size != len(labels):
        raise Wrong(
            "shape",
            f"{doing} has images of shape {images.shape} and labels of shape {labels.shape}. There is "
            "one number, its class, for each image.",
        )
    if images.shape[1:] != (*_SIDES, 3):
        raise Wrong(
            "shape",
            f"{doing} has images of shape {images.shape}; those in the folder have 6 rows, 9 columns and "
            f"3 channels, and the first axis counts them. {_HOW_READ}",
        )
    if len(images) != count:
        raise Wrong("batch size", f"{doing} has {len(images)} images, and should have {count}.")
    if images.max() <= 1:
        raise Wrong(
            "rescaled",
            f"Pixels go from {images.min():.3g} to {images.max():.3g} in your batches. The task leaves them as they "
            "are stored, from 0 to 255.",
        )
    return np.rint(images).astype("uint8"), labels.ravel()


def _as_array(part):
    try:
        import keras

        return np.asarray(keras.ops.convert_to_numpy(part))
    except Exception:
        return None


def _epoch(stream, known, before=None):
    """Go through the stream once: where each image comes from, in order, and the label that came with it."""
    total, met = len(known), []
    for number in range(-(-total // 4)):
        images, labels = _batch(stream, number, min(4, total - 4 * number))
        for image, label in zip(images, labels, strict=True):
            content = image.tobytes()
            if before and content in before and content not in known:
                raise Wrong(
                    "held in memory",
                    "The check wrote other pictures into the files after your object was made or had gone through "
                    "them, and your batches still show the old ones. Keep the paths, and read a file each time that "
                    "its batch is asked for.",
                )
            if content not in known:
                raise Wrong(
                    "other pixels",
                    f"A batch has an image that is in no file: turned, resized or changed in its colours. {_HOW_READ}",
                )
            met.append((*known[content], float(label)))
    seen = [path for path, _, _ in met]
    if len(set(seen)) < total:
        twice = total - len(set(seen))
        raise Wrong(
            "not each once",
            f"In one epoch, {twice} of {total} images {'does' if twice == 1 else 'do'} not come, and others come "
            "twice. Draw an order of all images once an epoch, not images for each batch.",
        )
    return met


def _labels_fit(met, names):
    if all(label == right for _, right, label in met):
        return
    given = {}
    for _, right, label in met:
        given.setdefault(right, set()).add(label)
    if all(len(labels) == 1 for labels in given.values()) and len({*map(tuple, given.values())}) == len(given):
        told = ", ".join(f"{names[right]} {min(labels):g}" for right, labels in sorted(given.items()))
        raise Wrong(
            "other numbers",
            f"Each folder has a number of its own, but not the one that the task gives it: {told}. Folders are counted "
            "from 0 in the order of the alphabet; a disk lists them in any order.",
        )
    raise Wrong(
        "labels out of step",
        "Images come with the labels of others. Whatever puts the images in another order must do the same to their "
        "labels: shuffle one list of pairs, or numbers that index both.",
    )


@task(
    "07.stream",
    "the class `Photographs`, a `keras.utils.PyDataset`",
    mistakes=(
        "wrong type",
        "no return",
        "last batch dropped",
        "empty batch",
        "one batch for each image",
        "number of batches",
        "shape",
        "batch size",
        "rescaled",
        "other pixels",
        "not each once",
        "held in memory",
        "other numbers",
        "labels out of step",
        "changes between calls",
        "folder by folder",
        "same order",
        "not repeatable",
        "seed ignored",
    ),
    nudges=(
        "What has to be known before the first batch? Paths and labels are a few bytes each, pictures are not.",
        "`sorted(Path(folder).iterdir())` gives the classes, `sorted(of_a_class.glob('*.png'))` its files. Keep one "
        "list of (path, number), and beside it an order, of which `on_epoch_end` draws a new one.",
    ),
    why="What is held is a path and a number for each photograph. The same class feeds a network with twenty thousand "
    "of them or with ten million.",
)
def _stream(answer):
    import keras

    if not isinstance(answer, type):
        raise Wrong(
            "wrong type",
            "This check wants the class itself, `Photographs` without parentheses after it, and got "
            f"{describe(answer)}.",
        )
    if not issubclass(answer, keras.utils.PyDataset):
        raise Wrong(
            "wrong type",
            f"`{answer.__name__}` is no `keras.utils.PyDataset`, and `fit` does not know what to do with it.",
        )
    with tempfile.TemporaryDirectory() as place:
        _streams(answer, Path(place))


def _streams(answer, place):
    folder, even = place / "photographs", place / "no rest"
    folder.mkdir()
    even.mkdir()
    names, old = sorted(_FOLDERS), _write(folder, _FOLDERS, seed=0)
    _write(even, dict.fromkeys(_FOLDERS, 4), seed=1)
    stream = _made(answer, folder, len(old))
    _made(answer, even, 20)
    _made(answer, even, 20, batch_size=10)
    known = _write(folder, _FOLDERS, seed=2)  # other pictures into the same files
    first = _epoch(stream, known, before=old)
    _labels_fit(first, names)
    again = _epoch(stream, known)
    if [path for path, _, _ in again] != [path for path, _, _ in first]:
        raise Wrong(
            "changes between calls",
            "The same batch, asked for twice in an epoch, has other images the second time. Keras may ask in any order "
            "and more than once: draw the order in `on_epoch_end` only.",
        )
    if [right for _, right, _ in first] == sorted(right for _, right, _ in first):
        raise Wrong(
            "folder by folder",
            "The first epoch goes through one folder after the other, so that a batch has one class only. Shuffle "
            "before the first epoch too.",
        )
    orders = [[path for path, _, _ in first]]
    for seed in (3, 4):
        new = _write(folder, _FOLDERS, seed=seed)
        run(stream.on_epoch_end, doing="`on_epoch_end()`")
        met = _epoch(stream, new, before=old | known)
        _labels_fit(met, names)
        known |= new
        orders.append([path for path, _, _ in met])
    if any(one == other for one, other in itertools.pairwise(orders)):
        raise Wrong(
            "same order",
            "After `on_epoch_end` the images come in the same order as before. A generator that is made anew with the "
            "same seed each time draws the same order each time.",
        )
    twin, other = _made(answer, folder, len(old)), _made(answer, folder, len(old), seed=8)
    for order in orders[:2]:
        if [path for path, _, _ in _epoch(twin, new)] != order:
            raise Wrong(
                "not repeatable",
                "Two objects with the same `seed` give different orders, in the first epoch or in the second. Draw "
                "them from `np.random.default_rng(seed)`, made once in `__init__`.",
            )
        run(twin.on_epoch_end, doing="`on_epoch_end()`")
    if [path for path, _, _ in _epoch(other, new)] == orders[0]:
        raise Wrong("seed ignored", "Two objects with different seeds give the same order: what is `seed` used for?")


def _made(answer, folder, images, batch_size=4, seed=7):
    """An object of the class for a folder of so many images, having said how many batches these are."""
    doing = f"`{answer.__name__}(folder, {batch_size}, seed={seed})`"
    stream = run(answer, str(folder), batch_size, seed=seed, doing=doing)
    said, batches = run(answer.__len__, stream, doing="`len(...)`"), -(-images // batch_size)
    if not isinstance(said, (int, np.integer)):
        raise Wrong("wrong type", f"`__len__` gives {describe(said)}. A number of batches is an int.")
    if said == batches:
        return stream
    name, sentence = {
        images // batch_size: ("last batch dropped", "The last batch is shorter, and must not be lost."),
        images // batch_size + 1: ("empty batch", "Where the images fill the last batch, no other one follows it."),
        images: ("one batch for each image", "That is how many images there are."),
    }.get(said, ("number of batches", "How many images come in each, and how many are left for the last?"))
    raise Wrong(name, f"For {images} images in batches of {batch_size} you say that there are {said}. {sentence}")


# --- an augmentation of one's own -------------------------------------------------------------------------------------

_CLASSES = ("arrow", "heart", "hourglass")
_LIGHTS = np.array([(1, 0.4, 0.4), (0.4, 1, 0.4), (0.4, 0.4, 1)])  # red, green and blue, as shares of each channel
_TRAINED, _TESTED, _EPOCHS = 600, 400, 20
# 1.00 of both was measured where hues go far enough, and 0.66 of the second where they stop short of the next light.
_BOUNDS = {"in its own light": 0.85, "in another's light": 0.85}


def _lit(count, seed, others):
    """Drawn images and their labels, each class in the light of its own place, or each image in another class's."""
    from ..datasets import drawn

    drawing = drawn.draw(count, 32, classes=_CLASSES, seed=seed, rotation=0, clutter=0.1)
    further = np.random.default_rng(seed).integers(1, 3, count) if others else 0
    lights = _LIGHTS[(drawing.labels + further) % 3]
    return (drawing.images * lights[:, None, None]).astype("float32"), drawing.labels


def _layers(answer):
    """The student's layers, as a list."""
    import keras

    if isinstance(answer, (list, tuple, keras.Layer)):
        raise Wrong(
            "wrong type",
            "This check wants the function itself, `own_augmentation` without parentheses behind it, and got "
            f"{describe(answer)}.",
        )
    made = run(answer)
    if made is None:
        raise Wrong("no return", "Your function returns nothing. It ends with `return [...]`.")
    if not isinstance(made, (list, tuple)):
        raise Wrong("wrong type", f"Your function returns {describe(made)}. It is to return a list, in brackets.")
    if not made:
        raise Wrong("nothing changed", "Your list is empty: the pictures are trained on as they are.")
    for layer in made:
        if not isinstance(layer, keras.Layer):
            raise Wrong(
                "wrong type",
                f"This check wants a list of Keras layers, and there is {describe(layer)} in it. Parentheses after its "
                "name make a layer, as in `layers.RandomFlip()`.",
            )
    return made


def _tried(made, images):
    """A few images through the layers, in training and in use: mistakes for which nothing need be trained."""
    from keras import ops

    def through(training):
        values = ops.convert_to_tensor(images)
        for layer in made:
            values = run(layer, values, training=training, doing=f"`{type(layer).__name__}`")
        return ops.convert_to_numpy(values)

    in_training, in_use = through(True), through(False)
    if in_training.shape != images.shape:
        raise Wrong(
            "shape",
            f"Images of shape {images.shape[1:]} come out as {in_training.shape[1:]}. The network wants them as large "
            "as they were.",
        )
    if not np.allclose(in_use, images, atol=0.01):
        raise Wrong(
            "changes in use",
            "Your layers change images when the network is used, too. Augmentation is for training: Keras' layers "
            "whose names begin with Random do nothing in use.",
        )
    if in_training.max() <= 1.5:
        raise Wrong(
            "value range",
            "In training your images come out with pixels from 0 to 1, and they go in with 0 to 255: nearly all of it "
            "is cut off. `value_range` says which numbers stand for black and white.",
        )
    if np.allclose(in_training, images, atol=0.01):
        raise Wrong("nothing changed", "In training the images come out as they went in: your layers change nothing.")


@task(
    "07.own_augmentation",
    "a function that returns a list of Keras layers",
    mistakes=("wrong type", "no return", "shape", "changes in use", "value range", "nothing changed", *_BOUNDS),
    nudges=(
        "What do the training pictures of one class have in common, besides the shape? Which layers of the chapter "
        "change just that?",
        "No light must be a sign of a class: each class has to be seen in all of them. From red to green it is a third "
        "of the way around the colour wheel. The number of `RandomHue` is a share of half the wheel, to either side.",
    ),
    why="A network learns whatever tells the classes apart in its training pictures. An augmentation is a way of "
    "saying what must not count.",
)
def _own_augmentation(answer):
    made = _layers(answer)
    images, labels = _lit(_TRAINED, 0, others=False)
    _tried(made, images[:64])
    reached = _reached(made, images, labels)
    said = ", ".join(f"{value:.0%} {name}" for name, value in reached.items())
    advice = {
        "in its own light": "It has not learned even those well enough. Too much of the pictures is lost in what you "
        "do to them, or pictures as they are do not come up in training any more.",
        "in another's light": "It still goes by the light. Look at what your layers make of the pictures: can you tell "
        "the room?",
    }
    for name, sentence in advice.items():
        if reached[name] < _BOUNDS[name]:
            raise Wrong(
                name,
                f"Of new pictures, the network gets right: {said}. The task asks for {_BOUNDS[name]:.0%} {name}. "
                f"{sentence}",
            )
    return f"Of new pictures, the network gets right: {said}."


def _reached(made, images, labels):
    """Accuracies of a small network that was trained with these layers in front of it."""
    import keras
    from keras import layers

    print(f"The check trains a small network on {len(images)} drawn pictures of its own ...", flush=True)
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input(images.shape[1:]), *made, layers.Rescaling(1 / 255)])
    for filters in (16, 32, 32):
        model.add(layers.Conv2D(filters, 3, padding="same", use_bias=False))
        model.add(layers.MaxPooling2D())
        model.add(layers.BatchNormalization(momentum=0.8))
        model.add(layers.ReLU())
    model.add(layers.GlobalAveragePooling2D())
    model.add(layers.Dense(len(_CLASSES), activation="softmax"))
    rate = keras.optimizers.schedules.CosineDecay(5e-3, decay_steps=_EPOCHS * -(-len(images) // 32))
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    model.fit(images, labels, batch_size=32, epochs=_EPOCHS, verbose=0)

    def accuracy(images, labels):
        return float((model.predict(images, batch_size=200, verbose=0).argmax(axis=-1) == labels).mean())

    own, another = _BOUNDS
    return {own: accuracy(*_lit(_TESTED, 1, others=False)), another: accuracy(*_lit(_TESTED, 2, others=True))}
