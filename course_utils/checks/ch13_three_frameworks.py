"""The checks of chapter 13, the same networks in three frameworks."""

import math

import numpy as np

from . import mending, ports
from .engine import Wrong, run
from .kinds import Mistake, call, function, is_callable, letters, prediction, task, typed, value

# --- no error, and another network ------------------------------------------------------------------------------------

_SILENT = "bdfh"
_LOOK_AGAIN = {  # said of a letter that is missing or too much; none of them says which
    "a": "write down both shapes, `Linear`'s too, and compare them.",
    "b": "write down both shapes, and then what stands in a row of each.",
    "c": "PyTorch's kernel begins with the channels that go out. Compare both shapes.",
    "d": "PyTorch's kernel begins with the channels that go out. Compare both shapes, and then what "
    "the first axis counts.",
    "e": "what do both frameworks multiply by, and under which name?",
    "f": "`.T` turns the order of all axes round. Which of PyTorch's axes counts the kernel's rows then?",
    "g": "do both frameworks keep the same thing here, and do they add the same to it?",
    "h": "put ten names with numbers into the order of the alphabet.",
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
    letters(answer, _SILENT, _LOOK_AGAIN)


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
            ],
            "A depthwise kernel is treated like that of a common convolution. PyTorch's has another shape: one channel "
            "goes in, and its first axis counts all that come out.",
        ),
        Mistake(
            "not merged",
            {"apart": False},
            "Nearly: the axes of the depthwise kernel stand in the right order. Its first two, channel and multiplier, "
            "are one in PyTorch, and the second has the length 1.",
        ),
        Mistake(
            "depthwise reshaped",
            lambda kind, kernel: (_by_shape if kind == "depthwise" else _for_torch)(kind, kernel),
            "The depthwise kernel has the right shape and its numbers in the wrong order. `reshape` moves nothing: it "
            "cuts the row of numbers anew. Which axes must come first before it may cut?",
        ),
        Mistake(
            "reshaped",
            [_by_shape]
            + [
                lambda kind, kernel, kinds=kinds: (_by_shape if kind in kinds else _for_torch)(kind, kernel)
                for kinds in (["conv"], ["transposed"], ["conv", "transposed"])
            ],
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
                {"depthwise": (2, 3, 1, 0)},
                {"transposed": (3, 2, 1, 0)},
                lambda kind, kernel: np.reshape(
                    _for_torch(kind, kernel, depthwise=(2, 3, 1, 0)), _for_torch(kind, kernel).shape
                ),
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
    why="A separable convolution is a depthwise and then a common convolution, so with these four you can carry nearly "
    "every network for images.",
)


# --- how far it slips -------------------------------------------------------------------------------------------------


def _shift(
    size, layers, *, jump=lambda strides, _: math.prod(strides[:-1]), front=math.floor, up=math.ceil, sign=1,
    shrinks=True, least=0, needed=None, in_all=False, counted=slice(None),
):  # fmt: skip
    shifts, image = [], size
    for number, (kernel_size, strides) in enumerate(layers, start=1):
        out = up(size / strides)
        total = max(needed(kernel_size, strides) if needed else (out - 1) * strides + kernel_size - size, least)
        slip = 2 * (kernel_size // 2) - total if in_all else kernel_size // 2 - front(total / 2)
        shifts.append(slip * jump([step for _, step in layers[:number]], image / size))
        size = out if shrinks else size
    return sign * sum(shifts[counted])


_RESNET = "[(7, 2), (3, 2), (3, 2), (3, 2), (3, 2)]"

function(
    "13.shift",
    "shift(size, layers)",
    cases=[
        call(16, [(3, 2)]),
        call(17, [(3, 2)]),
        call(16, [(5, 2)]),
        call(32, [(3, 2), (3, 2)]),
        call(5, [(3, 2), (3, 2), (3, 2)]),
        call(30, [(3, 2), (5, 2), (3, 1)]),
        call(20, [(7, 3), (3, 2)]),
        call(10, [(1, 5), (3, 2)]),
        call(9, [(3, 3)]),
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
            "padding of the kernel alone",
            [{"needed": lambda *_: 0}, {"needed": lambda size, step: size - step}],
            "Your padding of Keras is the same for every number of pixels. In the formula it depends on that number "
            "and on the stride: work it out for 16 pixels, and for 17.",
        ),
        Mistake(
            "nothing slips",
            {"needed": lambda size, _: size - 1},
            "You return 0 for every network. What has Keras in front, by the formula, with 16 pixels, and with 17?",
        ),
        Mistake(
            "layers backwards",
            lambda size, layers: _shift(size, layers[::-1]),
            "You go through the layers from the last to the first. The image comes to the first of the list.",
        ),
        Mistake(
            "padding in all",
            {"in_all": True},
            "You compare all the padding of one framework with all of the other. Where a window begins depends only on "
            "what stands in front.",
        ),
        Mistake(
            "steps not counted",
            {"jump": lambda *_: 1},
            "You add the pixels of the maps, each as one. A pixel of a map behind a layer of stride 2 is two pixels of "
            "the image.",
        ),
        Mistake(
            "own stride counted",
            {"jump": lambda strides, _: math.prod(strides)},
            "You multiply by the strides up to this layer, its own among them. It moves over the map that is put "
            "into it: how many pixels of the image is one of that map?",
        ),
        Mistake(
            "strides not multiplied",
            [
                {"jump": lambda strides, _: 2 ** (len(strides) - 1)},
                {"jump": lambda strides, _: strides[-1] ** (len(strides) - 1)},
                {"jump": lambda strides, _: [1, *strides][-2]},
            ],
            "How many pixels of the image one of a map is comes out wrong where layers have unlike strides, or more "
            "than two have one. All layers before this one count, each with its own stride.",
        ),
        Mistake(
            "by sizes",
            [{"jump": lambda _, ratio: round(ratio)}, {"jump": lambda _, ratio: int(ratio)}],
            "You divide the image's size by the map's. Sizes are rounded up, so that is not how far a window moves: "
            "5 pixels and a stride of 2 give a map of 3.",
        ),
        Mistake("first layer only", {"counted": slice(1)}, "You return what the first layer adds. And the others?"),
        Mistake(
            "last layer only",
            {"counted": slice(-1, None)},
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
            [{"least": -99}, {"least": -99, "front": int}, {"least": -99, "front": lambda half: int(abs(half))}],
            "Where the stride is larger than the kernel, your padding of Keras becomes negative. It never takes away "
            "pixels.",
        ),
        Mistake(
            "kernel of 3",
            lambda size, layers: _shift(size, [(3, strides) for _, strides in layers]),
            "You take every kernel for one of 3. What does Keras put in for a kernel of 1?",
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


_BEST = math.log1p(math.exp(-1)), math.log(2)


def _near(*numbers):
    return lambda given: np.allclose(given, numbers, atol=2e-3)


def _with(*, share):
    """Both losses right and this share."""
    return lambda given: _near(*_BEST)(given[:2]) and abs(given[2] - share) < 0.01


def _of_fewer_digits(given):
    ways = [(right, round(right, 2), round(right, 1)) for right in _BEST]
    fits = [np.isclose(one, way, rtol=0, atol=(4e-4, 1e-9, 1e-9)) for one, way in zip(given, ways, strict=False)]
    return np.any(fits, axis=1).all() and not (fits[0][0] and fits[1][0])


value(
    "13.sigmoid_twice",
    "a tuple of three numbers",
    right=(*_BEST, 1.0),
    tolerance=4e-4,  # 0.313 is right, 0.312 and 0.314 are not
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
            (*_BEST[::-1], 1.0),
            "The two losses are exchanged. For a photograph of class 1 the network can do no better than to put out 1, "
            "and for one of class 0, 0.",
        ),
        Mistake(
            "like cross_entropy",
            lambda given: np.allclose(given[:2], 1.461, atol=0.01),
            "That is the chapter's number, of a softmax and ten classes. Here are a sigmoid and two: work it out anew "
            "from the two formulas.",
        ),
        Mistake(
            "the worst for class 0",
            (_BEST[0], math.log1p(math.e), 1.0),
            "For class 0 that is what an output of 1 costs, the best one for class 1. Which output is the best for "
            "class 0?",
        ),
        Mistake(
            "both alike",
            lambda given: abs(given[0] - given[1]) < 1e-3 and given[0] > 0.1,
            "The two losses are not the same: for the second sigmoid, 1 is a logit above zero, and 0 is not a logit "
            "below zero.",
        ),
        Mistake(
            "half of them",
            _with(share=0.5),
            "The two losses are right. The program asks whether the sigmoid of a probability is above one half. For "
            "which probabilities is it?",
        ),
        Mistake(
            "none of them",
            _with(share=0),
            "The two losses are right. Put a probability of 0.1 into the sigmoid: is the result above one half?",
        ),
        Mistake(
            "percent",
            _with(share=100),
            "The two losses are right. The share is asked for as a number from 0 to 1, not in percent.",
        ),
        Mistake(
            "sign of the logarithm",
            [-loss for loss in _BEST] + [1.0],
            "A loss is not below 0. The logarithm of a probability is; both formulas have a minus in front of it.",
        ),
        Mistake(
            "fewer digits",
            _of_fewer_digits,
            "As far as their digits go, the losses are right. Three digits are asked for.",
        ),
        Mistake(
            "another logarithm",
            lambda given: any(_near(*np.divide(_BEST, math.log(base)))(given[:2]) for base in (2, 10)),
            "Your logarithm has the base 2 or 10. The losses have the natural one, `np.log`.",
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
        "Draw the sigmoid, and on it the stretch that the network's outputs can reach. Which of its ends is the best "
        "for each class, and which probability is left for class 0 there?",
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
        "about a third as far": "A third is about the root of a tenth, and a root of the rate does come in. A swing "
        "has a width and a time: to which of them does the root belong? Compute a few steps by hand at both rates.",
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
    weight, slopes, rate, weight_decay, decoupled, *, first=1, corrected=True, kept=False, from_start=(), after=False,
    exchanged=False, in_squares=True, betas=(0.9, 0.999), returned=lambda weights: weights[-1],
    seen=lambda slope, decay, decoupled: slope if decoupled else slope + decay,
    taken=lambda decay, rate, decoupled: rate * decay if decoupled else 0,
    below=lambda square, size: np.sqrt(square / size) + 1e-8,
):  # fmt: skip
    weights, decoupled = [np.array(weight, dtype=float)], decoupled != exchanged
    mean = square = np.zeros_like(weights[0])
    for step, slope in enumerate(np.array(slopes, dtype=float), start=first):
        weight = weights[-1]
        decay = weight_decay * (weights[0] if decoupled in from_start else weight)
        whole = seen(slope, decay, decoupled)
        mean = betas[0] * mean + (1 - betas[0]) * whole
        square = betas[1] * square + (1 - betas[1]) * (whole if in_squares else slope) ** 2
        sizes = [1 - beta**step for beta in betas] if corrected else (1, 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            left = weight - rate * (mean / sizes[0]) / below(square, sizes[1])
            mean, square = (mean / sizes[0], square / sizes[1]) if kept else (mean, square)
        weights.append(left - taken(weight_decay * left if after else decay, rate, decoupled))
    return returned(weights)


_SLOPES = "np.random.default_rng(13).normal(size=(6, 3))"

function(
    "13.decay",
    "adam(weight, slopes, rate, weight_decay, decoupled)",
    cases=[
        call(np.array([1.0, -2.0, 0.5]), typed(_SLOPES), 0.1, 0.0, True),
        call(np.array([1.0, -2.0, 0.5]), typed(_SLOPES), 0.1, 0.3, True),
        call(np.array([1.0, -2.0, 0.5]), typed(_SLOPES), 0.1, 0.3, False),
        call(np.array([2.0, -1.0]), np.array([[0.3, 0.2]]), 0.05, 0.1, False),
        call(np.array([1.0, -2.0]), np.array([[2e-8, 0.0], [-1e-8, 3e-8]]), 0.1, 0.0, True),
        call(np.array([1.0]), np.zeros((100, 1)), 0.01, 0.1, True).in_next_cell(),
        call(np.array([1.0]), np.zeros((100, 1)), 0.01, 0.1, False).in_next_cell(),
    ],
    right=_adam,
    mistakes=[
        Mistake(
            "weights after every step",
            [{"returned": lambda weights: np.array(weights[1:])}, {"returned": np.array}],
            "You return the weights after every step. Asked for are those after the last one, with the shape of "
            "`weight`.",
        ),
        Mistake(
            "first step only",
            lambda weight, slopes, *rest: _adam(weight, slopes[:1], *rest),
            "You return after the first step. Does the `return` stand inside the loop?",
        ),
        Mistake(
            "betas exchanged", {"betas": (0.999, 0.9)}, "0.9 and 0.999 are exchanged. Which belongs to the squares?"
        ),
        Mistake(
            "exchanged",
            {"exchanged": True},
            "The two ways are exchanged. Decoupled means that Adam's averages never see the decay.",
        ),
        Mistake(
            "decay without rate",
            {"taken": lambda decay, rate, decoupled: decay if decoupled else 0},
            "Decoupled, you take the share `weight_decay` off the weight. It is `rate` times that.",
        ),
        Mistake(
            "decay put on",
            [
                {"taken": lambda decay, rate, decoupled: -rate * decay if decoupled else 0},
                {"seen": lambda slope, decay, decoupled: slope if decoupled else slope - decay},
            ],
            "In one of the two ways your decay makes weights grow. Which sign does it have in each?",
        ),
        Mistake(
            "rate in the slope",
            lambda weight, slopes, rate, decay, way: _adam(weight, slopes, rate, decay if way else rate * decay, way),
            "Not decoupled, you put the rate into the slope. It comes once, with the step.",
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
            "twice",
            [
                {"seen": lambda slope, decay, _: slope + decay},
                {"seen": lambda slope, decay, _: slope + decay, "taken": lambda decay, rate, _: rate * decay},
            ],
            "Where it is decoupled you decay twice: on the weight, and in the slope as well.",
        ),
        Mistake(
            "taken off in both ways",
            {"taken": lambda decay, rate, _: rate * decay},
            "Where it is not decoupled you decay twice: in the slope, and on the weight as well.",
        ),
        Mistake(
            "no decay", {"weight_decay": 0.0}, "That is Adam without any decay. Where does `weight_decay` come in?"
        ),
        Mistake(
            "no decay where decoupled",
            {"taken": lambda *_: 0},
            "Decoupled, your weights do not decay. What does a step take off besides Adam's own?",
        ),
        Mistake(
            "no decay in the slope",
            {"seen": lambda slope, *_: slope},
            "Not decoupled, your weights do not decay. What does Adam see there, besides the slope of the loss?",
        ),
        Mistake(
            "not in the squares",
            {"in_squares": False},
            "Where it is not decoupled, the decay belongs to the slope in both averages, that of the squares too.",
        ),
        Mistake(
            "not corrected",
            {"corrected": False},
            "Your averages begin at zero and are used as they are. What are they divided by, in step t?",
        ),
        Mistake(
            "corrected averages kept",
            {"kept": True},
            "You go on from the corrected averages. The correction is for this step alone: the next one begins from "
            "the averages as they were before it.",
        ),
        Mistake(
            "steps counted from 2",
            {"first": 2},
            "Your first step is corrected as if it were the second. In the first one, t is 1.",
        ),
        Mistake(
            "steps counted from 0",
            {"first": 0},
            "Your result is `nan`: with t = 0 both corrections divide by 0. Which number has the first step?",
        ),
        Mistake(
            "start decays",
            [{"from_start": ways} for ways in ((True, False), (True,), (False,))],
            "The decay is always a share of the weight at the beginning. It is a share of what the weight is now.",
        ),
        Mistake(
            "decay afterwards",
            {"after": True},
            "Decoupled, you decay what the step has left. The formula takes the share of the weight before the step.",
        ),
        Mistake(
            "epsilon under the root",
            {"below": lambda square, size: np.sqrt(square / size + 1e-8)},
            "Your epsilon stands under the root, where it is as much as 0.0001 outside. Slopes of 0.00000001 show it.",
        ),
        Mistake(
            "epsilon before the correction",
            [{"below": lambda square, size, by=by: (np.sqrt(square) + by) / np.sqrt(size)} for by in (1e-8, 1e-7)],
            "Your epsilon is added before the average is corrected, as in Keras. Here it comes afterwards. Slopes of "
            "0.00000001 show it.",
        ),
        Mistake(
            "another epsilon",
            [{"below": lambda square, size, by=by: np.sqrt(square / size) + by} for by in (0, 1e-7, 1e-6)],
            "Your epsilon, what is added to the root, is not the formula's. Slopes of 0.00000001 and of 0 show it.",
        ),
    ],
    nudges=(
        "Write Adam without decay first: two averages that begin at zero, each divided by its correction. What the "
        "averages see, and what the step has besides, `decoupled` decides.",
        "Two things in the formula depend on `decoupled`, and nothing else does. Begin each step with these two, from "
        "the weight as it is before the step.",
    ),
    why="Adam divides by the size of what it averages. A decay that goes through the averages is divided by itself "
    "where no other slope is, and then its strength does not matter at all; beside large slopes it vanishes.",
)


# --- where two networks part ------------------------------------------------------------------------------------------


def _largest(one, other=None):
    return np.abs(one).max()


def _same_shape(one, other):
    return one.shape == other.shape


def _first_apart(
    ours, theirs, tolerance, *, moved=lambda other, one: other.transpose(0, 2, 3, 1), fits=_same_shape,
    gap=lambda one, other: np.abs(one - other).max(), scale=_largest, within=lambda gap, limit: gap <= limit,
    of_all=False, names=list, by_place=False, missing="apart", pick="first",
):  # fmt: skip
    found = {}
    theirs = dict(zip(ours, theirs.values(), strict=False)) if by_place else theirs
    for name in names(ours):
        if name not in theirs:
            if missing == "apart":
                found[name] = math.inf
            continue
        one, other = np.asarray(ours[name], float), np.asarray(theirs[name], float)
        other = moved(other, one) if other.ndim == 4 else other
        if not fits(one, other):
            found[name] = math.inf
            continue
        with np.errstate(invalid="ignore", divide="ignore"):
            size = max(map(_largest, ours.values())) if of_all else scale(one, other)
            difference = gap(one, other)
            if not within(difference, tolerance * size):
                found[name] = difference / size
    if not found:
        return ""
    return {"first": next(iter(found)), "last": list(found)[-1], "worst": max(found, key=found.get)}[pick]


def _broadcast(one, other):
    try:
        return np.abs(one - other).max()
    except ValueError:
        return math.inf


def _by_allclose(one, other):
    return np.where(np.isclose(one, other, rtol=0), 0.0, np.abs(one - other) / np.abs(other)).max()


def _both_nan_agree(one, other):
    return np.abs(np.where(np.isnan(one) & np.isnan(other), 0.0, one - other)).max()


def _layers(**arrays):
    """Two dicts of layers as text, from one text for each layer, or a pair."""
    pairs = {name: each if isinstance(each, tuple) else (each, each) for name, each in arrays.items()}
    return [
        typed("{" + ", ".join(f'"{name}": {pair[side]}' for name, pair in pairs.items() if pair[side]) + "}")
        for side in (0, 1)
    ]


def _one_layer(ours, theirs, tolerance=1e-3):
    """The call with one layer, and one behind it that is apart."""
    return call(*_layers(layer=(ours, theirs), rest=("np.array([[9.0]])", "np.array([[0.0]])")), tolerance)


_MAPS = "np.arange(96.0).reshape(2, 4, 4, 3)", "np.arange(96.0).reshape(2, 4, 4, 3).transpose(0, 3, 1, 2)"
_CUBE = "np.arange(64.0).reshape(1, 4, 4, 4)", "np.arange(64.0).reshape(1, 4, 4, 4).transpose(0, 3, 1, 2)"
_SMALL = "np.array([[0.01, 0.02]])", "np.array([[0.01, 0.0205]])"
_LARGE = "np.array([[1000.0, 2000.0]])", "np.array([[1001.5, 2001.5]])"
_ONES = "np.ones((1, 4, 4, 3))", "np.ones((1, 3, 4, 4))"

function(
    "13.first_apart",
    "first_apart(ours, theirs, tolerance)",
    cases=[
        _one_layer("np.zeros((1, 3))", "np.array([[0.0, 0.5, 0.0]])"),
        _one_layer("np.array([[0.0, 8.0]])", "np.array([[1e-7, 8.0]])", 1e-4),
        _one_layer("np.array([[0.0, 0.0], [0.0, 8.0]])", "np.array([[0.0, 0.0], [0.0, 8.0007]])", 1e-4),
        _one_layer("np.ones((1, 50))", "np.r_[np.ones(49), 1.005][None]"),
        _one_layer("np.array([[3.0, 1.0]])", "np.array([[1.0, 3.0]])"),
        _one_layer("np.array([[-1000.0, 1.0]])", "np.array([[-1000.05, 1.0]])", 1e-4),
        _one_layer("np.full((1, 3), 5.0)", "np.full((1, 3), 5.001)"),
        _one_layer("np.array([[1.0]])", "np.array([[1.8]])", 0.5),
        _one_layer("np.array([[1.0, 2.0]])", "np.array([[1.0, np.nan]])"),
        _one_layer("np.array([[1.0, np.nan]])", "np.array([[1.0, 2.0]])"),
        _one_layer("np.array([[1.0, np.nan]])", "np.array([[1.0, np.nan]])"),
        _one_layer("np.arange(64.0).reshape(1, 4, 4, 4)", "np.arange(64.0).reshape(1, 4, 4, 4)"),
        _one_layer("np.ones((2, 3))", "np.ones((1, 3))"),
        _one_layer("np.ones((1, 6))", "np.ones((2, 3))").told(
            stopping="Ours has the shape (1, 6) and theirs (2, 3). Can such layers agree?",
            right_for=_one_layer("np.ones((1, 6))", "np.ones((1, 6))"),
        ),
        call(*_layers(conv=_MAPS, norm=_CUBE, dense="np.array([[1.0, 2.0]])"), 1e-4),
        call(*_layers(conv=_ONES, norm=_LARGE, average=_SMALL), 1e-3),
        call(*_layers(zeros="np.zeros((1, 3))", b=_LARGE, a=_SMALL, c=_LARGE), 1e-5),
        call(*_layers(conv=_MAPS, norm=("np.ones((1, 3))", ""), dense=_SMALL), 1e-3),
        call(*_layers(conv=_MAPS, dense=("np.ones((1, 3))", "")), 1e-3),
    ],
    right=_first_apart,
    mistakes=[
        Mistake(
            "not a share",
            {"scale": lambda *_: 1.0},
            "You compare the difference itself with `tolerance`. It is a share of the largest number that *our* layer "
            "gives: a tenth is nothing beside 2,000, and much beside 0.02.",
        ),
        Mistake(
            "another size",
            [
                {"scale": lambda one, _, size=size: size(np.abs(one))}
                for size in (np.mean, np.median, lambda one: np.sqrt((one**2).mean()), lambda one: one[0].max())
            ]
            + [{"scale": lambda one, _: max(1, _largest(one))}],
            "You measure by another size than our layer's largest number: by a mean, by one image, or by 1 where all "
            "are smaller. Take the largest of all places in all images, sign aside, however small it is.",
        ),
        Mistake(
            "share of the whole network",
            {"of_all": True},
            "You take the largest number of all layers. Each layer is measured by its own largest.",
        ),
        Mistake(
            "share of theirs",
            [{"scale": lambda one, other: _largest(other)}, {"scale": lambda *both: max(map(_largest, both))}],
            "You measure by the largest number of their layer, or of both. It is ours that says what is right.",
        ),
        Mistake(
            "largest with its sign",
            {"scale": lambda one, other: one.max()},
            "Your largest number of a layer has its sign. Of -1000 and 1, the largest is 1000, sign aside.",
        ),
        Mistake(
            "from lowest to highest",
            {"scale": lambda one, other: np.ptp(one)},
            "You measure by the distance from a layer's lowest to its highest number. Where all are 5, that is 0.",
        ),
        Mistake(
            "each number by itself",
            [
                {"gap": lambda one, other: (np.abs(one - other) / np.abs(one)).max(), "scale": lambda *_: 1.0},
                {"gap": _by_allclose, "scale": lambda *_: 1.0},
                {"gap": lambda *both: _by_allclose(*both[::-1]), "scale": lambda *_: 1.0},
            ],
            "You divide each difference by the number that it belongs to. Near zero, rounding alone is then a large "
            "share. Divide the largest difference of a layer by the largest number of the layer.",
        ),
        Mistake(
            "largest numbers only",
            [
                {"gap": lambda one, other: abs(_largest(one) - _largest(other))},
                {"gap": lambda one, other: abs(one.max() - other.max())},
                {"gap": lambda one, other: one.max() - other.max()},
            ],
            "You compare the largest number of one with the largest of the other, which may lie elsewhere. Compare "
            "them place by place.",
        ),
        Mistake(
            "sign of the difference",
            [{"gap": lambda one, other: (one - other).max()}, {"gap": lambda one, other: (other - one).max()}],
            "Your differences have signs, so one of -1000 counts as small. How far apart two numbers are has none.",
        ),
        Mistake(
            "places taken together",
            [
                {"gap": lambda one, other: np.abs(one - other).mean()},
                {"gap": lambda one, other: np.linalg.norm(one - other), "scale": lambda one, _: np.linalg.norm(one)},
                {"gap": lambda one, other: np.linalg.norm(one - other)},
                {"gap": lambda one, other: np.abs(one - other).sum()},
            ],
            "You let all places of a layer count together, in a mean, a sum or a length. Among many places one that is "
            "wrong drowns, or what is nearly right adds up: take the largest difference.",
        ),
        Mistake(
            "not a number",
            [
                {
                    "within": lambda gap, limit: not gap > limit,
                    "fits": lambda one, other, asked=asked: (
                        _same_shape(one, other) and not np.isnan(asked(one, other)).any()
                    ),
                }
                for asked in (lambda *_: 0.0, lambda one, _: one, lambda _, other: other)
            ],
            "What is not a number is never larger than a tolerance, and never smaller: every comparison with it is "
            "false. So ask whether a layer agrees, and not whether it differs. It may be ours that has it, or theirs.",
        ),
        Mistake(
            "not a number on both sides",
            {"gap": _both_nan_agree, "within": lambda gap, limit: gap <= limit or (gap == 0 and math.isnan(limit))},
            "Where both have `nan` at one place, you take them for equal. The task does not: what is not a number says "
            "nothing about the layer.",
        ),
        Mistake(
            "zeros",
            [
                {"gap": lambda one, other: np.abs(one - other).max() / _largest(one), "scale": lambda *_: 1.0},
                {"within": lambda gap, limit: gap < limit},
            ],
            "A layer that is all zeros in both agrees, and yours does not. Do you divide 0 by 0, or ask for less than "
            "`tolerance` where the task says at most?",
        ),
        Mistake(
            "not the first",
            [{"pick": "last"}, {"pick": "worst"}],
            "That is the last layer that is apart, or the worst. The mistake lies at the first; what follows inherits "
            "it and may make it larger.",
        ),
        Mistake(
            "alphabet",
            {"names": sorted},
            "Your layers come in the order of the alphabet. A dict keeps the order in which it was made, that of the "
            "network.",
        ),
        Mistake(
            "channels not moved",
            {"moved": lambda other, _: other},
            "Maps are compared as they come. Ours have their channels last, theirs have them first: in theirs the axes "
            "must be moved.",
        ),
        Mistake(
            "moved where shapes differ",
            {"moved": lambda other, one: other if one.shape == other.shape else other.transpose(0, 2, 3, 1)},
            "You move their channels only where the shapes differ. A cube of numbers has the right shape before, too.",
        ),
        Mistake(
            "channels moved the wrong way",
            [
                {"moved": lambda other, _: other.transpose(0, 3, 1, 2)},
                {"moved": lambda other, _: other.transpose(0, 3, 2, 1)},
                {"moved": lambda other, _: other.T},
            ],
            "You move the axes of their maps, but not as they must be. Which axes of theirs are rows, columns and "
            "channels, and in which order do ours have them?",
        ),
        Mistake(
            "missing layer passed over",
            {"missing": "passed"},
            "A layer that theirs lacks is passed over. Nobody has shown that it agrees, so it counts as apart.",
        ),
        Mistake(
            "paired by place",
            {"by_place": True, "missing": "passed"},
            "You pair the layers by place and not by name, and `zip` ends with the shorter of the two. What if theirs "
            "lacks the last one?",
        ),
        Mistake(
            "other shape passed over",
            {"fits": lambda *_: True, "gap": lambda *both: _broadcast(*both) if _same_shape(*both) else 0.0},
            "A layer that has another shape in theirs is passed over. It does not agree.",
        ),
        Mistake(
            "shapes not compared",
            [
                {"fits": lambda *_: True, "gap": _broadcast},
                {
                    "fits": lambda one, other: one.size == other.size,
                    "gap": lambda *both: _broadcast(*map(np.ravel, both)),
                },
            ],
            "Layers agree for you whose shapes do not: NumPy repeats the row of (1, 3) to fit (2, 3), and 2 rows of 3 "
            "are as many numbers as 1 row of 6. Is it the same shape?",
        ),
    ],
    nudges=(
        "Go through `ours.items()` in order. What must all be true of a layer so that it agrees? Return the first for "
        "which one of them is not.",
        "Ask the questions in such an order that each can be asked once those before it are answered with yes. Think "
        "of a layer of zeros before you divide, and of `nan` before you choose between two comparisons.",
    ),
    why="This is how every port is debugged, in any framework: the first layer that differs has the mistake, or the "
    "one before it that you did not look at.",
)


# --- a port mended ----------------------------------------------------------------------------------------------------

_NEARLY = 5e-3  # of the largest logit; what is forgotten leaves at least 2e-2 of it


def _mended_state(answer, seed):
    """What `mend` makes of a network's state, as arrays, and what the program gives with it."""
    _, state, images = mending.pair(seed)
    given = {name: array.copy() for name, array in state.items()}
    arrays = dict(given)
    mended = run(answer, given, doing="`mend(state)`")
    if mended is None:
        raise Wrong("no return", "`mend(state)` returns `None`. It ends with `return` and the mended state.")
    if not _same_states(given, state):
        if mended is not given and all(given.get(name) is array for name, array in arrays.items()):
            raise Wrong(
                "arrays changed",
                "`mend` works on a copy of the dict, and that still holds the same arrays: what you change in them is "
                "changed in the state that it was given. `x = x + 1` makes a new array, `x += 1` does not.",
            )
        raise Wrong(
            "input changed",
            "`mend` changes the state that it was given. Called twice, it would mend twice: begin with a copy of it.",
        )
    try:
        return ports.arrays_of(mended), ports.program(mended, images)
    except (ValueError, TypeError) as error:
        raise Wrong("refused", f"The program cannot compute with the mended state. {error}") from error


@task(
    "13.mended",
    "a function `mend(state)` that returns the mended state",
    mistakes=(
        *mending.PARTS,
        "zeros behind",
        "places",
        "several",
        "nearly",
        "nothing mended",
        "one network only",
        "refused",
        "input changed",
        "arrays changed",
        "no return",
        "other",
    ),
    nudges=(
        "Ask `first_apart` first, and look at the numbers of that layer in both. Mend what you find, and ask again. "
        "The layer `pixels` will stay apart: nothing in the state is read there.",
        "What is done to pixels can be undone in the layer behind. Write down what that layer computes of one pixel of "
        "the network's, then the same of the program's: which arrays make the two equal? What comes later, the tasks "
        "and the chapter have met before.",
    ),
    why="A network that was exported cannot be changed, only fed. A product and a sum in front of a convolution "
    "without padding can be put into its weights, and so can much else; equal numbers, on images that you did not "
    "look at, are the evidence.",
)
def _mended(answer):
    is_callable(answer, "mend")
    results = {seed: _mended_state(answer, seed) for seed in (1, 2)}
    states = [mended for mended, _ in results.values()]
    if all(_same_states(mended, mending.pair(seed)[1]) for seed, (mended, _) in results.items()):
        raise Wrong(
            "nothing mended", "`mend` returns the state as it was given. Where are network and program first apart?"
        )
    logits = {seed: given["logits"] for seed, (_, given) in results.items()}
    shares = [mending.share(mending.pair(seed)[0]["logits"], given) for seed, given in logits.items()]
    largest = float(np.max(shares))  # unlike `max`, it does not pass over what is not a number
    if largest <= mending.SAME:
        return f"On two networks and on unseen images, logits are apart by {largest:.0e} of the largest or less."
    if _same_states(*states):
        raise Wrong(
            "one network only",
            "`mend` returns the same arrays for two networks of different weights. It must compute them from the state "
            "that it is given.",
        )
    ours, given = mending.pair(1)[0], results[1][1]
    size, wanted = given["depthwise"].shape[2:], ours["depthwise"].shape[1:3]
    if size != wanted:
        raise Wrong(
            "places",
            f"`depthwise` has {size[0]} by {size[1]} places with your kernel, and the network's {wanted[0]} by "
            f"{wanted[1]}. The program pads by one pixel, whatever the kernel: how large may it be?",
        )
    apart = f"The logits are apart by {largest:.0e} of the largest."
    lacking = mending.lacking(logits)
    if lacking:
        rest = f" That is the first of {len(lacking)} things that are left." if len(lacking) > 1 else ""
        if lacking == ("start",) and states[0]["depthwise.weight"].shape[2] > 3:
            raise Wrong(
                "zeros behind",
                f"{apart} Your kernel has grown, and its windows begin where they began: the numbers that count still "
                "stand in its first rows and columns.",
            )
        raise Wrong(lacking[0] if len(lacking) == 1 else "several", f"{apart} {mending.PARTS[lacking[0]]}{rest}")
    if largest < _NEARLY:
        raise Wrong(
            "nearly",
            f"{apart} That is less than any of the things to mend leaves, and more than rounding in 32 bits. Is a "
            "number rounded, typed with too few digits, or not quite the right one?",
        )
    seed = 1 + int(np.argmax(shares))
    ours, given = mending.pair(seed)[0], results[seed][1]
    layers = {name: mending.share(ours[name], given[name]) for name in ports.LAYERS[1:]}
    layer = next(name for name in layers if not layers[name] <= mending.SAME)
    raise Wrong(
        "other", f"{apart} The first layer behind the pixels that is apart is `{layer}`, by {layers[layer]:.0e}."
    )


def _same_states(one, other):
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)
