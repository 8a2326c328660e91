"""The checks of chapter 13, the same networks in three frameworks."""

import functools
import itertools
import math

import numpy as np

from . import ports
from .comparing import describe
from .engine import Wrong, run
from .kinds import Mistake, call, function, is_callable, prediction, task, typed, value

# --- no error, and another network ------------------------------------------------------------------------------------

_SILENT = "bdfh"
_LOOK_AGAIN = {  # said of a letter that is missing or too much; none of them says which
    "a": "Look again at (a): write down both shapes, `Linear`'s too, and compare them.",
    "b": "Look again at (b): write down both shapes, and then what stands in a row of each.",
    "c": "Look again at (c): PyTorch's kernel begins with the channels that go out. Compare both shapes.",
    "d": "Look again at (d): PyTorch's kernel begins with the channels that go out. Compare both shapes, and then what "
    "the first axis counts.",
    "e": "Look again at (e): what do both frameworks multiply by, and under which name?",
    "f": "Look again at (f): `.T` turns the order of all axes round. Which of PyTorch's axes counts the kernel's rows "
    "then?",
    "g": "Look again at (g): do both frameworks keep the same thing here, and do they add the same to it?",
    "h": "Look again at (h): put ten names with numbers into the order of the alphabet.",
}


@task(
    "13.silent",
    'a text of letters, such as `"ah"`',
    mistakes=(*(f"about {letter}" for letter in _LOOK_AGAIN), "not a choice", "wrong type"),
    nudges=(
        "Two questions for each line. Do the shapes fit? If so, does every number stand where PyTorch looks for it?",
        "A shape tells axes of different lengths apart, and nothing else. So look for axes of one length, and for "
        "layers of one shape.",
    ),
    why="A shape is a weak witness: the more alike the layers of a network are, the less it says. What remains is to "
    "compare what the layers put out.",
)
def _silent(answer):
    if not isinstance(answer, (str, list, tuple, set, frozenset)):
        raise Wrong("wrong type", f"This check wants the letters as a text, and got {describe(answer)}.")
    letters = {str(letter).strip(" ()").casefold() for letter in answer} - {"", ",", ";", "."}
    strange = sorted(letters - _LOOK_AGAIN.keys())
    if strange or not letters:
        raise Wrong("not a choice", f"The lines have the letters a to h; got {describe(answer)}.")
    for letter in sorted(letters ^ set(_SILENT)):
        raise Wrong(f"about {letter}", _LOOK_AGAIN[letter])


# --- kernels of four kinds --------------------------------------------------------------------------------------------

_KINDS = ("dense", "conv", "depthwise", "transposed")


def _for_torch(kind, kernel, *, dense=(1, 0), conv=(3, 2, 0, 1), depthwise=(2, 3, 0, 1), transposed=None, apart=True):
    axes = {"dense": dense, "conv": conv, "depthwise": depthwise, "transposed": transposed or (3, 2, 0, 1)}[kind]
    turned = np.transpose(kernel, axes)
    if kind == "depthwise":
        turned = turned.reshape(-1, 1, *turned.shape[2:]) if apart else turned
    return turned


def _flipped(kind, kernel):
    return _for_torch(kind, kernel[::-1, ::-1] if kind == "transposed" else kernel)


def _by_shape(kind, kernel):
    """The right shapes, with the numbers in the order in which they came."""
    return np.reshape(kernel, _for_torch(kind, kernel).shape)


def _numbers(*shape):
    return typed(f"np.random.default_rng(13).random({shape})")


function(
    "13.kernels",
    "for_torch(kind, kernel)",
    cases=[
        call("dense", _numbers(4, 3)),
        call("conv", _numbers(2, 3, 4, 5)),
        call("depthwise", _numbers(2, 3, 5, 1)),
        call("depthwise", _numbers(3, 2, 4, 2)),
        call("transposed", _numbers(2, 3, 4, 5)),
        call("dense", _numbers(3, 3)),
        call("conv", _numbers(3, 3, 2, 2)),
        call("transposed", _numbers(3, 3, 2, 2)),
        call("depthwise", _numbers(2, 2, 3, 3)),
    ],
    right=_for_torch,
    mistakes=[
        Mistake(
            "outputs of a channel apart",
            {"depthwise": (3, 2, 0, 1)},
            "Nearly: of the depthwise kernel you have the first output of every channel, then the second of every "
            "channel. In both frameworks the outputs of one channel stand next to each other.",
        ),
        Mistake(
            "depthwise as a convolution",
            [
                {"depthwise": (3, 2, 0, 1), "apart": False},
                lambda kind, kernel: np.transpose(kernel, (1, 0) if kind == "dense" else (3, 2, 0, 1)),
                lambda kind, kernel: np.transpose(
                    kernel, {"dense": (1, 0), "depthwise": (2, 3, 0, 1)}.get(kind, (3, 2, 0, 1))
                ),
            ],
            "A depthwise kernel is treated like that of a common convolution. PyTorch's has another shape: one channel "
            "goes in, and its first axis counts all that come out.",
        ),
        Mistake(
            "depthwise reshaped",
            lambda kind, kernel: (_by_shape if kind == "depthwise" else _for_torch)(kind, kernel),
            "The depthwise kernel has the right shape and its numbers in the wrong order. `reshape` moves nothing: it "
            "cuts the row of numbers anew. Which axes must come first before it may cut?",
        ),
        Mistake(
            "reshaped",
            _by_shape,
            "The shapes are right, the numbers in the wrong order: `reshape` cuts the same row of numbers anew. What "
            "exchanges axes?",
        ),
        Mistake(
            "channels of transposed kernels",
            {"transposed": (2, 3, 0, 1)},
            "For a transposed convolution PyTorch wants the channels that go in first. Which axis of Keras' kernel "
            "counts them?",
        ),
        Mistake(
            "transposed kernels turned over",
            _flipped,
            "You turn kernels of transposed convolutions upside down. Keras and PyTorch both lay them on as they are.",
        ),
        Mistake(
            "rows and columns",
            [
                {"conv": (3, 2, 1, 0)},
                {"conv": (3, 2, 1, 0), "transposed": (3, 2, 1, 0)},
                {"conv": (3, 2, 1, 0), "transposed": (3, 2, 1, 0), "depthwise": (2, 3, 1, 0)},
                {"conv": (3, 2, 1, 0), "transposed": (3, 2, 1, 0), "depthwise": (3, 2, 1, 0)},
                lambda kind, kernel: np.transpose(kernel),
            ],
            "Rows and columns of the kernel change places. On square kernels no shape tells; every edge that it finds "
            "would lie the other way.",
        ),
        Mistake(
            "channels of convolutions",
            [{"conv": (2, 3, 0, 1)}, {"conv": (2, 3, 0, 1), "transposed": (2, 3, 0, 1)}],
            "For a convolution PyTorch wants the channels that come out first. Which axis of Keras' kernel counts "
            "them?",
        ),
        Mistake(
            "dense as it is", {"dense": (0, 1)}, "A dense kernel stays as it is. The table wants its axes exchanged."
        ),
    ],
    nudges=(
        "Write under each of PyTorch's axes the number of the axis of Keras that it comes from. `np.transpose` takes "
        "these numbers.",
        "Only the depthwise kernel takes two steps: first the axes, so that channel and multiplier stand side by side "
        "in front; then the two become one.",
    ),
    why="A separable convolution is the second followed by the first kind of convolution, so with these four you can "
    "carry nearly every network for images.",
)


# --- how far it slips -------------------------------------------------------------------------------------------------


def _shift(size, layers, *, ahead="all", front=math.floor, up=math.ceil, sign=1, shrinks=True, least=0):
    shift, jump = 0, 1
    for kernel_size, strides in layers:
        out = up(size / strides)
        total = max((out - 1) * strides + kernel_size - size, least)
        before = front(total / 2)
        slip = kernel_size // 2 - before
        if ahead == "own":
            jump *= strides
        shift = shift + slip * (1 if ahead == "none" else jump) if ahead != "last" else slip * jump
        if ahead in ("all", "last"):
            jump *= strides
        size = out if shrinks else size
    return sign * shift


_RESNET = "[(7, 2), (3, 2), (3, 2), (3, 2), (3, 2)]"

function(
    "13.shift",
    "shift(size, layers)",
    cases=[
        call(16, [(3, 2)]),
        call(17, [(3, 2)]),
        call(16, [(5, 2)]),
        call(32, [(3, 1), (3, 2)]),
        call(32, [(3, 2), (3, 2)]),
        call(30, [(3, 2), (5, 2), (3, 1)]),
        call(20, [(7, 3), (3, 2)]),
        call(10, [(1, 2), (3, 4)]),
        call(224, typed(_RESNET)).in_next_cell(),
        call(225, typed(_RESNET)).in_next_cell(),
    ],
    right=_shift,
    ints=True,
    mistakes=[
        Mistake(
            "sign",
            {"sign": -1},
            "The right distances with the wrong sign: Keras' windows lie further down, so it is positive.",
        ),
        Mistake(
            "steps not counted",
            {"ahead": "none"},
            "You add the pixels of the maps, each as one. A pixel of a map behind a layer of stride 2 is two pixels of "
            "the image.",
        ),
        Mistake(
            "own stride counted",
            {"ahead": "own"},
            "You multiply by the strides up to this layer, its own among them. It moves over the map that is put "
            "into it: how many pixels of the image is one of that map?",
        ),
        Mistake(
            "last layer only",
            {"ahead": "last"},
            "You return what the last layer adds. What the layers before it did stays.",
        ),
        Mistake(
            "size kept",
            {"shrinks": False},
            "Every layer is computed for the size of the image. Behind a layer of stride 2 the map has half of it, and "
            "whether that is even matters.",
        ),
        Mistake(
            "size rounded down",
            {"up": math.floor},
            "With the padding `same`, a map of 17 pixels and stride 2 gives 9, not 8: sizes are rounded up.",
        ),
        Mistake(
            "larger part in front",
            {"front": math.ceil},
            "Where the padding is an odd number of pixels, Keras puts the larger part behind, not in front.",
        ),
        Mistake(
            "all in front",
            {"front": lambda half: int(2 * half)},
            "You count all of Keras' padding as if it stood in front. It is shared between front and back.",
        ),
        Mistake(
            "less than nothing",
            {"least": -99},
            "Where the stride is larger than the kernel, your padding of Keras becomes negative. It never takes away "
            "pixels.",
        ),
    ],
    nudges=(
        "For one layer: where does the first window of each framework begin, counted from the edge of the map?",
        "Go through the layers with two numbers besides the sum: how large the map is that comes next, and how many "
        "pixels of the image one of its pixels is.",
    ),
    why="Networks that were first trained in PyTorch, ResNet among them, therefore pad by hand in Keras, and then "
    "convolve without padding. At 225 pixels nobody would have noticed.",
)


# --- a sigmoid twice --------------------------------------------------------------------------------------------------


def _near(*numbers):
    return lambda given: np.allclose(given, numbers, atol=2e-3)


value(
    "13.sigmoid_twice",
    "a tuple of three numbers",
    right=(math.log1p(math.exp(-1)), math.log(2), 1.0),
    tolerance=2e-3,
    parts=("The lowest loss for class 1", "The lowest loss for class 0", "The share"),
    mistakes=[
        Mistake(
            "the loss is not applied to probabilities",
            lambda given: np.allclose(given[:2], 0, atol=2e-3),
            "That would be so if the loss took what it is given for a probability. This one takes it for a logit, and "
            "applies a sigmoid of its own. What is the sigmoid of 1?",
        ),
        Mistake(
            "classes exchanged",
            (math.log(2), math.log1p(math.exp(-1)), 1.0),
            "The two losses are exchanged. For a photograph of class 1 the network can do no better than to put out 1, "
            "and for one of class 0, 0.",
        ),
        Mistake(
            "like cross_entropy",
            lambda given: np.allclose(given[:2], 1.461, atol=0.01) or abs(given[1] - math.log1p(math.e)) < 2e-3,
            "For class 0 the network's output would have to be as low as it can go. A sigmoid goes down to 0, not to "
            "minus 1.",
        ),
        Mistake(
            "both alike",
            lambda given: abs(given[0] - given[1]) < 1e-3 and given[0] > 0.1,
            "The two losses are not the same: for the second sigmoid, 1 is a logit above zero, and 0 is not a logit "
            "far below zero.",
        ),
        Mistake(
            "half of them",
            lambda given: _near(math.log1p(math.exp(-1)), math.log(2))(given[:2]) and abs(given[2] - 0.5) < 0.01,
            "The two losses are right. The program asks whether the sigmoid of a probability is above one half. For "
            "which probabilities is it?",
        ),
        Mistake(
            "none of them",
            lambda given: _near(math.log1p(math.exp(-1)), math.log(2))(given[:2]) and given[2] == 0,
            "The two losses are right. Put a probability of 0.1 into the sigmoid: is the result above one half?",
        ),
        Mistake(
            "probabilities",
            lambda given: _near(1 / (1 + math.exp(-1)), 0.5)(given[:2]),
            "Those are the probabilities that come out of the second sigmoid. The loss is minus the logarithm of the "
            "one that the right class gets.",
        ),
    ],
    nudges=(
        "Between which two numbers does the network's output lie? The loss takes that for a logit.",
        "The second sigmoid turns outputs from 0 to 1 into probabilities of class 1 from 0.5 to 0.731. Take the best "
        "end for each class, and for class 0 the probability that is left.",
    ),
    why="On as many photographs of one class as of the other the loss stops at 0.503, and whoever forgets that it may "
    "go to 0 takes that for slow learning. The training still sorts the photographs, so a threshold on the first "
    "sigmoid would work; with the second one every photograph is called class 1.",
)


# --- a pendulum -------------------------------------------------------------------------------------------------------

prediction(
    "13.pendulum",
    right="about as far",
    choices={
        "it comes to rest": "With `zero_grad` it would. Without it, the sum of all slopes so far is not zero where the "
        "valley is, so it goes through and up the other side. Nothing takes anything away from that sum but slopes of "
        "the other side.",
        "a tenth as far": "A smaller rate makes smaller steps, but there are more of them before the slope turns, and "
        "the sum of slopes grows with each.",
        "about a third as far": "A third, the root of a tenth, does come in: not in how far it swings, but in how "
        "fast.",
        "about as far": "The sum of slopes acts as a speed that nothing slows down: this is a pendulum without "
        "friction. The rate decides how long a swing takes, about three times as long here, and not how wide it is.",
    },
    nudges=(
        "The weight passes the bottom of the valley. What is the slope there, and what is the sum of all slopes "
        "so far?",
        "The sum only begins to shrink on the other side. How far up does it go before all that was gathered on this "
        "side is used up?",
    ),
)


# --- two meanings of weight decay -------------------------------------------------------------------------------------


def _adam(
    weight, slopes, rate, weight_decay, decoupled, *, corrected=True, first=1, with_rate=True, by="now", both=False,
    exchanged=False, after=False,
):  # fmt: skip
    weight = start = np.array(weight, dtype=float)
    decoupled = decoupled != exchanged
    mean, square = np.zeros_like(weight), np.zeros_like(weight)
    for step, slope in enumerate(slopes, start=first):
        decay = weight_decay * (start if by == "start" else weight)
        whole = np.array(slope, dtype=float)
        if not decoupled or both:
            whole = whole + decay
        mean = 0.9 * mean + 0.1 * whole
        square = 0.999 * square + 0.001 * whole**2
        sizes = (1 - 0.9**step, 1 - 0.999**step) if corrected else (1, 1)
        move = rate * (mean / sizes[0]) / (np.sqrt(square / sizes[1]) + 1e-8)
        if after and decoupled:
            weight = weight - move
            weight = weight - rate * weight_decay * weight
            continue
        weight = weight - move - (decay * (rate if with_rate else 1) if decoupled or both else 0)
    return weight


def _only_in_numerator(weight, slopes, rate, weight_decay, decoupled):
    """The decay goes into the mean of slopes and not into the mean of squares."""
    weight = np.array(weight, dtype=float)
    mean, square = np.zeros_like(weight), np.zeros_like(weight)
    for step, slope in enumerate(slopes, start=1):
        whole = slope if decoupled else slope + weight_decay * weight
        mean = 0.9 * mean + 0.1 * whole
        square = 0.999 * square + 0.001 * np.asarray(slope) ** 2
        move = rate * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
        weight = weight - move - (rate * weight_decay * weight if decoupled else 0)
    return weight


_SLOPES = "np.random.default_rng(13).normal(size=(6, 3))"

function(
    "13.decay",
    "adam(weight, slopes, rate, weight_decay, decoupled)",
    cases=[
        call(np.array([1.0, -2.0, 0.5]), typed(_SLOPES), 0.1, 0.0, True),
        call(np.array([1.0, -2.0, 0.5]), typed(_SLOPES), 0.1, 0.3, True),
        call(np.array([1.0, -2.0, 0.5]), typed(_SLOPES), 0.1, 0.3, False),
        call(np.array([2.0, -1.0]), np.array([[0.3, 0.2]]), 0.05, 0.1, False),
        call(np.array([1.0]), np.zeros((100, 1)), 0.01, 0.1, True).in_next_cell(),
        call(np.array([1.0]), np.zeros((100, 1)), 0.01, 0.1, False).in_next_cell(),
    ],
    right=_adam,
    mistakes=[
        Mistake(
            "exchanged",
            {"exchanged": True},
            "The two ways are exchanged. Decoupled means that Adam's averages never see the decay.",
        ),
        Mistake(
            "decay without rate",
            {"with_rate": False},
            "Decoupled, you take the share `weight_decay` off the weight. It is `rate` times that.",
        ),
        Mistake(
            "always decoupled", {"decoupled": True}, "Your function takes the decoupled way whatever `decoupled` says."
        ),
        Mistake(
            "never decoupled",
            {"decoupled": False},
            "Your function adds the decay to the slope whatever `decoupled` says.",
        ),
        Mistake(
            "twice", {"both": True}, "Where it is decoupled you decay twice: on the weight, and in the slope as well."
        ),
        Mistake(
            "no decay", {"weight_decay": 0.0}, "That is Adam without any decay. Where does `weight_decay` come in?"
        ),
        Mistake(
            "not in the squares",
            _only_in_numerator,
            "Where it is not decoupled, the decay belongs to the slope in both averages, that of the squares too.",
        ),
        Mistake(
            "not corrected",
            {"corrected": False},
            "Your averages begin at zero and are used as they are. What are they divided by, in step t?",
        ),
        Mistake(
            "steps counted from 2",
            {"first": 2},
            "Your first step is corrected as if it were the second. In the first one, t is 1.",
        ),
        Mistake(
            "start decays",
            {"by": "start"},
            "The decay is always a share of the weight at the beginning. It is a share of what the weight is now.",
        ),
        Mistake(
            "decay afterwards",
            {"after": True},
            "Decoupled, you decay what the step has left. The formula takes the share of the weight before the step.",
        ),
    ],
    nudges=(
        "Write Adam without decay first: two averages that begin at zero, each divided by its correction. What the "
        "averages see, and what the step has besides, `decoupled` decides.",
        "Not decoupled: the slope that both averages see is slope plus `weight_decay` times weight, and the last term "
        "of the step is left out. Decoupled: the averages see the bare slope.",
    ),
    why="Adam divides by the size of what it averages. A decay that goes through the averages is divided by itself "
    "where no other slope is, and then its strength does not matter at all; beside large slopes it vanishes.",
)


# --- where two networks part ------------------------------------------------------------------------------------------


def _first_apart(
    ours, theirs, tolerance, *, axes=(0, 2, 3, 1), share="layer", of=np.max, names=list, pick="first",
    missing="apart",
):  # fmt: skip
    found = {}
    largest = max((float(np.abs(each).max()) for each in ours.values()), default=0)
    for name in names(ours):
        if name not in theirs:
            if missing == "apart":
                found[name] = math.inf
            continue
        one, other = np.asarray(ours[name], float), np.asarray(theirs[name], float)
        other = other.transpose(axes) if other.ndim == 4 else other
        if one.shape != other.shape:
            found[name] = math.inf
            continue
        scale = {"layer": np.abs(one).max(), "all": largest, "none": 1.0}.get(share)
        with np.errstate(invalid="ignore", divide="ignore"):
            gap = np.abs(one - other)
            gap = of(gap / np.abs(one) if share == "each" else gap)
            apart = not gap <= tolerance * (1 if share == "each" else scale)
        if apart:
            found[name] = gap / scale if scale else gap
    if not found:
        return ""
    return {"first": next(iter(found)), "last": list(found)[-1], "worst": max(found, key=found.get)}[pick]


def _first_apart_by_share(ours, theirs, tolerance):
    """Divides, so that nothing is found where a network's layer is all zeros or has what is not a number."""
    for name, one in ours.items():
        other = theirs.get(name)
        if other is None:
            return name
        other = other.transpose(0, 2, 3, 1) if other.ndim == 4 else other
        if one.shape != other.shape:
            return name
        with np.errstate(invalid="ignore", divide="ignore"):
            if np.abs(one - other).max() / np.abs(one).max() > tolerance:
                return name
    return ""


def _layers(**arrays):
    """Two dicts of layers as text, from one text for each layer, or a pair."""
    pairs = {name: each if isinstance(each, tuple) else (each, each) for name, each in arrays.items()}
    return [
        typed("{" + ", ".join(f'"{name}": {pair[side]}' for name, pair in pairs.items() if pair[side]) + "}")
        for side in (0, 1)
    ]


_MAPS = "np.arange(96.0).reshape(2, 4, 4, 3)", "np.arange(96.0).reshape(2, 4, 4, 3).transpose(0, 3, 1, 2)"
_CUBE = "np.arange(64.0).reshape(1, 4, 4, 4)", "np.arange(64.0).reshape(1, 4, 4, 4).transpose(0, 3, 1, 2)"
_SMALL = "np.array([[0.01, 0.02]])", "np.array([[0.01, 0.021]])"
_LARGE = "np.array([[1000.0, 2000.0]])", "np.array([[1000.0, 2000.1]])"

function(
    "13.first_apart",
    "first_apart(ours, theirs, tolerance)",
    cases=[
        call(*_layers(conv=_MAPS, norm=_CUBE, dense="np.array([[1.0, 2.0]])"), 1e-4),
        call(*_layers(conv=_MAPS, norm=_SMALL, dense=("np.array([[1.0]])", "np.array([[9.0]])")), 1e-3),
        call(*_layers(conv=("np.ones((1, 4, 4, 3))", "np.ones((1, 3, 4, 4))"), norm=_LARGE, average=_SMALL), 1e-3),
        call(*_layers(zeros="np.zeros((1, 3))", b=_LARGE, a=_SMALL, c=_LARGE), 1e-5),
        call(*_layers(sure=("np.array([[0.0, 8.0]])", "np.array([[1e-7, 8.0]])"), rest=_SMALL), 1e-4),
        call(*_layers(many=("np.ones((1, 50))", "np.r_[np.ones(49), 1.01][None]"), rest=_SMALL), 1e-3),
        call(*_layers(dense=("np.array([[1.0, 2.0]])", "np.array([[1.0, np.nan]])"), logits=_SMALL), 1e-3),
        call(*_layers(conv=_MAPS, relu=("np.zeros((1, 3))", "np.array([[0.0, 0.5, 0.0]])"), logits=_SMALL), 1e-3),
        call(*_layers(conv=_MAPS, norm=("np.ones((1, 3))", ""), dense=_SMALL), 1e-3),
        call(*_layers(conv=("np.ones((1, 4, 4, 3))", "np.ones((1, 3, 5, 5))"), dense=_SMALL), 1e-3),
    ],
    right=_first_apart,
    mistakes=[
        Mistake(
            "not a share",
            {"share": "none"},
            "You compare the difference itself with `tolerance`. It is a share of the largest number that *our* layer "
            "gives: a tenth is nothing beside 2,000, and much beside 0.02.",
        ),
        Mistake(
            "share of the whole network",
            {"share": "all"},
            "You take the largest number of all layers. Each layer is measured by its own largest.",
        ),
        Mistake(
            "each number by itself",
            {"share": "each"},
            "You divide each difference by the number that it belongs to. Near zero, rounding alone is then a large "
            "share. Divide the largest difference of a layer by the largest number of the layer.",
        ),
        Mistake(
            "mean difference",
            {"of": np.mean},
            "You take the mean difference. One place that is wrong drowns in many that are right: take the largest.",
        ),
        Mistake(
            "not a number",
            _first_apart_by_share,
            "What is not a number is never larger than a tolerance, and never smaller: every comparison with it is "
            "false. So ask whether a layer agrees, and not whether it differs.",
        ),
        Mistake(
            "last one",
            {"pick": "last"},
            "That is the last layer that is apart. The mistake lies at the first; what follows inherits it.",
        ),
        Mistake(
            "worst one",
            {"pick": "worst"},
            "That is the layer that is furthest apart. The mistake lies at the first; what follows may make it larger.",
        ),
        Mistake(
            "alphabet",
            {"names": sorted},
            "Your layers come in the order of the alphabet. A dict keeps the order in which it was made, that of the "
            "network.",
        ),
        Mistake(
            "channels not moved",
            {"axes": (0, 1, 2, 3)},
            "Maps are compared as they come. Ours have their channels last, theirs have them first: in theirs the axes "
            "must be moved. (A cube of numbers has the right shape before, too.)",
        ),
        Mistake(
            "rows and columns exchanged",
            {"axes": (0, 3, 2, 1)},
            "You exchange the axes of their maps so that channels are last, but rows and columns change places.",
        ),
        Mistake(
            "missing layer passed over",
            {"missing": "passed"},
            "A layer that theirs lacks is passed over. Nobody has shown that it agrees, so it counts as apart.",
        ),
    ],
    nudges=(
        "Go through `ours.items()` in order. What must all be true of a layer so that it agrees? Return the first for "
        "which one of them is not.",
        "Is it there? Has it, with its channels moved, the same shape? Is the largest difference at most `tolerance` "
        "times our largest number? A product needs no division by zero.",
    ),
    why="This is how every port is debugged, in any framework: the first layer that differs has the mistake, or the "
    "one before it that you did not look at.",
)


# --- a port mended ----------------------------------------------------------------------------------------------------

_SAME = 1e-4  # of the largest logit; right answers come to 1e-6, what lacks the smallest of the parts to 2e-2
_PARTS = {  # what there is to mend, and what is said where it is not
    "colours": "The first convolution does not see the colours that the network sees. Look at `pixels` of both for a "
    "picture that is mostly red.",
    "range": "The program's pixels have another range than the network's, and each number of the first kernel meets "
    "one that is too small.",
    "offset": "The program's pixels begin at another number than the network's. Whatever is added to all pixels "
    "reaches the next layer as one number for each filter.",
    "offset of another kernel": "What you take off the first bias fits another kernel than the network's: is the "
    "kernel that you add up the one that came with the state, or one that you have changed already?",
    "epsilon": "Batch normalisation is not that of the network. What does each framework add to the variance?",
    "start": "The convolution with stride 2 looks at other places. By how many pixels does `shift` say that it slips? "
    "Zeros may be written into a kernel, too.",
}


def _mended_but(state, lacking):
    """The state, mended but for some of the parts."""
    state = dict(state)
    kernel, added = state["conv.weight"], state["conv.weight"].sum(axis=(1, 2, 3))
    if "offset" not in lacking:
        state["conv.bias"] = state["conv.bias"] - added * (2 if "offset of another kernel" in lacking else 1)
    if "colours" not in lacking:
        kernel = kernel[:, ::-1]
    state["conv.weight"] = kernel if "range" in lacking else 2 * kernel
    if "epsilon" not in lacking:
        state["norm.running_var"] = state["norm.running_var"] + np.float32(1e-3 - 1e-5)
    if "start" not in lacking:
        state["depthwise.weight"] = np.pad(state["depthwise.weight"], ((0, 0), (0, 0), (1, 0), (1, 0)))
    return state


@functools.cache
def _pair(seed):
    """A network's layers for hidden images, its state, and the images."""
    from ..datasets.drawn import draw

    images = draw(6, ports.SIZE, seed=1300 + seed).images
    model = ports.network(seed)
    return ports.activations(model, images), ports.state_of(model), images


@functools.cache
def _logits_lacking(seed):
    """By what is not mended, fewest first: the logits."""
    _, state, images = _pair(seed)
    subsets = [lacking for count in range(1, 6) for lacking in itertools.combinations(_PARTS, count)]
    subsets = [lacking for lacking in subsets if not {"offset", "offset of another kernel"} <= set(lacking)]
    return {lacking: ports.program(_mended_but(state, lacking), images)["logits"] for lacking in subsets}


def _share(one, other):
    other = other.transpose(0, 2, 3, 1) if other.ndim == 4 else other
    return float(np.abs(one - other).max() / np.abs(one).max()) if one.shape == other.shape else math.inf


def _mended_state(answer, seed):
    _, state, images = _pair(seed)
    given = {name: array.copy() for name, array in state.items()}
    mended = run(answer, given, doing="`mend(state)`")
    if mended is None:
        raise Wrong("no return", "`mend(state)` returns `None`. It ends with `return` and the mended state.")
    if given.keys() != state.keys() or not all(np.array_equal(given[name], state[name]) for name in state):
        raise Wrong(
            "input changed",
            "`mend` changes the state that it was given. Called twice, it would mend twice: begin with a copy of it.",
        )
    try:
        return mended, ports.program(mended, images)
    except (ValueError, TypeError) as error:
        raise Wrong("refused", f"The program cannot compute with the mended state. {error}") from error


@task(
    "13.mended",
    "a function `mend(state)` that returns the mended state",
    mistakes=(
        *_PARTS,
        "several",
        "nothing mended",
        "one network only",
        "refused",
        "input changed",
        "no return",
        "other",
    ),
    nudges=(
        "Ask `first_apart` first, and look at the numbers of that layer in both. Mend what you find, and ask again. "
        "The layer `pixels` will stay apart: nothing in the state is read there.",
        "What is done to pixels can be undone in the next layer. A kernel times a number, a bias less a number, "
        "kernels in another order, a variance with something added, a kernel with zeros beside it: each of these is a "
        "change of arrays alone.",
    ),
    why="A network that was exported cannot be changed, only fed. A product and a sum in front of a convolution "
    "without padding can be put into its weights, and so can much else; equal numbers, on images that you did not "
    "look at, are the evidence.",
)
def _mended(answer):
    is_callable(answer, "mend")
    results = {seed: _mended_state(answer, seed) for seed in (1, 2)}
    if all(_same_states(mended, _pair(seed)[1]) for seed, (mended, _) in results.items()):
        raise Wrong(
            "nothing mended", "`mend` returns the state as it was given. Where are network and program first apart?"
        )
    shares = [_share(_pair(seed)[0]["logits"], given["logits"]) for seed, (_, given) in results.items()]
    if max(shares) <= _SAME:
        worst = f"{max(shares):.0e}"
        return f"On two networks and on unseen images, logits are apart by {worst} of the largest or less."
    states = [mended for mended, _ in results.values()]
    if _same_states(*states):
        raise Wrong(
            "one network only",
            "`mend` returns the same arrays for two networks of different weights. It must compute them from the state "
            "that it is given.",
        )
    lacking = [_lacking(seed, given["logits"]) for seed, (_, given) in results.items()]
    if lacking[0] and lacking[0] == lacking[1]:
        first = lacking[0][0]
        rest = f" That is the first of {len(lacking[0])} things that are left." if len(lacking[0]) > 1 else ""
        name = first if len(lacking[0]) == 1 else "several"
        raise Wrong(name, f"The logits are apart by {max(shares):.0e} of the largest. {_PARTS[first]}{rest}")
    ours, given = _pair(1)[0], results[1][1]
    apart = {name: _share(ours[name], given[name]) for name in ports.LAYERS[1:]}
    layer = next(name for name in apart if not apart[name] <= _SAME)
    raise Wrong(
        "other",
        f"The logits are apart by {max(shares):.0e} of the largest. The first layer behind the pixels that is apart is "
        f"`{layer}`, by {apart[layer]:.0e}.",
    )


def _same_states(one, other):
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


def _lacking(seed, logits):
    """What is not mended, if it is nothing but some of the parts."""
    close = (
        what for what, wanted in _logits_lacking(seed).items() if np.allclose(logits, wanted, rtol=1e-4, atol=1e-4)
    )
    return next(close, ())
