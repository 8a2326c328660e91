"""The checks of chapter 11, modern blocks."""

import functools
import itertools
import math

import numpy as np

from . import networks
from .comparing import describe
from .engine import Wrong, run
from .kinds import Mistake, call, function, is_callable, prediction, task, typed

# --- many short ways --------------------------------------------------------------------------------------------------

prediction(
    "11.paths",
    right="about 4",
    choices={
        "none of them": "One way goes past all branches, and it is the strongest of all: it loses nothing. But it is a "
        "single one. How many ways go through exactly one branch?",
        "about 4": "There are few ways through hardly any branch, and those through many are weak. The two meet at a "
        "length where there are many already and not yet too weak.",
        "about 10": "That is the length of most ways. Each of them has lost to a quarter ten times, which leaves a "
        "millionth.",
        "all 20": "That is the way of a plain network, and it is a single one here. A quarter, twenty times, leaves a "
        "millionth of a millionth.",
    },
    nudges=(
        "Two things count: how many ways there are of a length, and how much each of them still carries.",
        "There are 20 ways through one branch, each with a quarter: together 5. And through two, through three?",
    ),
)


def _path_shares(blocks, gain, *, count=math.comb, carries=lambda gain, k, n: gain**k, shared=True, reverse=False):
    carried = np.array([count(blocks, k) * carries(gain, k, blocks) for k in range(blocks + 1)], float)
    carried = carried[::-1] if reverse else carried
    return carried / carried.sum() if shared else carried


function(
    "11.path_shares",
    "path_shares(blocks, gain)",
    cases=[call(3, 0.5), call(1, 0.1), call(20, 0.25).in_next_cell(), call(6, 1.0), call(4, 2.0)],
    right=_path_shares,
    mistakes=[
        Mistake(
            "how many",
            {"gain": 1.0},
            "Those are the shares of the *number* of ways. A way through many branches carries less than a short one.",
        ),
        Mistake(
            "one way each",
            {"count": lambda n, k: 1},
            "You take one way of each length. In how many ways can k branches be chosen?",
        ),
        Mistake(
            "not shared",
            {"shared": False},
            "Those are the parts themselves. Divided by their sum, they become shares and add up to 1.",
        ),
        Mistake(
            "a probability",
            {"carries": lambda gain, k, n: gain**k * (1 - gain) ** (n - k), "shared": False},
            "You let a way past a branch carry 1 less the gain. The shortcut hands everything on: its factor is 1.",
        ),
        Mistake(
            "in order",
            {"count": math.perm},
            "You count a choice of branches once for every order in which it can be made. The order in a network is "
            "given.",
        ),
        Mistake(
            "from the other end",
            {"reverse": True},
            "Your list begins with the way through all branches. Place 0 is for the one through none.",
        ),
        Mistake(
            "added up",
            lambda blocks, gain: np.cumsum(_path_shares(blocks, gain)),
            "Each of yours is the share of all ways up to that length. The share of just that length is asked for.",
        ),
        Mistake(
            "through none left out",
            lambda blocks, gain: _path_shares(blocks, gain)[1:],
            "The way past all branches is one too: there are `blocks + 1` lengths.",
        ),
    ],
    nudges=(
        "On paper, with two blocks: which four ways are there, and what does each carry?",
        "`math.comb` counts the choices of k branches among all. Each such way carries the gain to the power of k. "
        "Then divide by the sum.",
    ),
    why="A residual network is many networks at once, most of them far shallower than it is. That is why one can take "
    "a block out of a trained one and lose little, which a plain network does not survive.",
)


# --- what a bottleneck costs ------------------------------------------------------------------------------------------


def _bottleneck_cost(
    size, channels, width, out_channels, strides=1, *, first_at="before", middle_at="after", last_at="after",
    shortcut_at="after", shortcut=lambda strides, channels, out: strides != 1 or channels != out, window=9,
    rounded=math.ceil, of=None, area=2, times=1,
):  # fmt: skip
    """`of` is how many channels the middle convolution reads; the places are counted before or after the stride."""
    places = {"before": size**area, "after": rounded(size / strides) ** area, "nowhere": 1}
    cost = places[first_at] * channels * width
    cost += places[middle_at] * window * (of or (lambda channels, width: width))(channels, width) * width
    cost += places[last_at] * width * out_channels
    if shortcut(strides, channels, out_channels):
        cost += places[shortcut_at] * channels * out_channels
    return times * cost


function(
    "11.bottleneck_cost",
    "bottleneck_cost(size, channels, width, out_channels, strides=1)",
    cases=[
        call(56, 256, 64, 256).in_next_cell(),
        call(56, 64, 64, 256),
        call(56, 256, 128, 512, strides=2),
        call(7, 8, 4, 8, strides=2),
        call(9, 6, 5, 10, strides=2),
    ],
    right=_bottleneck_cost,
    mistakes=[
        Mistake(
            "stride in the first",
            {"first_at": "after"},
            "You let the first convolution take the stride, so that it is computed at fewer places. In this task the "
            "second one does.",
        ),
        Mistake(
            "stride in the last",
            {"middle_at": "before"},
            "You compute the 3x3 convolution at all places of its input. It takes the stride: how many values does it "
            "give?",
        ),
        Mistake(
            "stride ignored",
            [
                lambda size, channels, width, out_channels, strides: _bottleneck_cost(
                    size, channels, width, out_channels, shortcut=lambda *_: strides != 1 or channels != out_channels
                ),
                {"strides": 1},
            ],
            "You count every convolution at all places of the input. After the stride there are fewer.",
        ),
        Mistake(
            "no shortcut",
            {"shortcut": lambda *_: False},
            "You count the three convolutions. Where the input cannot be added as it is, the shortcut has a "
            "convolution too.",
        ),
        Mistake(
            "always a shortcut",
            {"shortcut": lambda *_: True},
            "You count a convolution in every shortcut. Where input and result have the same shape, there is none.",
        ),
        Mistake(
            "only for channels",
            {"shortcut": lambda strides, channels, out: channels != out},
            "You count the convolution of the shortcut where the number of channels changes. What if only the stride "
            "makes the shapes differ?",
        ),
        Mistake(
            "only for strides",
            {"shortcut": lambda strides, channels, out: strides != 1},
            "You count the convolution of the shortcut where there is a stride. What if only the channels differ?",
        ),
        Mistake(
            "shortcut without stride",
            {"shortcut_at": "before"},
            "You compute the shortcut at all places of the input. It must give as many places as the result has.",
        ),
        Mistake(
            "window not squared",
            {"window": 3},
            "You count 3 weights for each pair of channels in the middle. A 3x3 kernel has more.",
        ),
        Mistake(
            "middle reads the input",
            {"of": lambda channels, width: channels},
            "Your 3x3 convolution reads the block's input. It comes after the first one, and reads what that gives.",
        ),
        Mistake(
            "rounded down",
            {"rounded": math.floor},
            "Right where the stride divides the size. With same padding, 9 places and a stride of 2, how many are "
            "visited?",
        ),
        Mistake(
            "a row",
            {"area": 1},
            "You count the places along one side. A map has as many rows as columns.",
        ),
        Mistake(
            "weights",
            dict.fromkeys(("first_at", "middle_at", "last_at", "shortcut_at"), "nowhere"),
            "That is the number of weights. Each is used once at every place of the result.",
        ),
        Mistake(
            "counted twice",
            {"times": 2},
            "You count a multiplication and an addition as two. Here the pair is one multiply-add.",
        ),
    ],
    nudges=(
        "Count one convolution at a time: places of its result, times channels that it reads, times channels that it "
        "gives, times the weights of its window.",
        "Only the first convolution works at the size of the input. The fourth, in the shortcut, is there where input "
        "and result differ in channels or in places.",
    ),
    why="A number of multiply-adds belongs to a definition. Both 3.8 and 4.1 billion are said of ResNet-50, and both "
    "are right: what changed is the place of three strides.",
)


# --- groups of channels -----------------------------------------------------------------------------------------------


def _group_norm(
    x, groups, gamma, beta, epsilon=1e-3, *, over=(1, 2, 4), apart=False, ddof=0, root=np.sqrt, outside=False,
    with_mean=True, scaled=True, shifted=True, shift_first=False,
):  # fmt: skip
    """`apart` puts into a group the channels that lie `groups` apart, and not neighbours."""
    x = np.asarray(x, float)
    channels = x.shape[-1]
    split = (channels // groups, groups) if apart else (groups, channels // groups)
    grouped = x.reshape(*x.shape[:-1], *split)
    mean, variance = grouped.mean(axis=over, keepdims=True), grouped.var(axis=over, keepdims=True, ddof=ddof)
    spread = root(variance) + epsilon if outside else root(variance + epsilon)
    normal = ((grouped - mean if with_mean else grouped) / spread).reshape(x.shape)
    gamma, beta = gamma if scaled else 1.0, beta if shifted else 0.0
    return (normal + beta) * gamma if shift_first else normal * gamma + beta


def _affine(channels):
    return np.linspace(0.5, 2, channels), np.linspace(-1, 1.5, channels)


_DRAWN = "np.random.default_rng({}).normal({}, {}, {})"

function(
    "11.group_norm",
    "group_norm(x, groups, gamma, beta, epsilon=1e-3)",
    cases=[
        call(typed(_DRAWN.format(0, 1, 0.2, (3, 4, 5, 6))), 2, *_affine(6)),
        call(typed(_DRAWN.format(1, -2, 3, (2, 3, 3, 8))), 4, *_affine(8), epsilon=1e-5),
        call(typed(_DRAWN.format(2, 0, 0.1, (1, 2, 6, 3))), 1, *_affine(3), epsilon=0.01),
        call(typed("np.full((2, 3, 2, 4), 5.0)"), 2, *_affine(4)),
    ],
    right=_group_norm,
    tolerance=1e-4,
    mistakes=[
        Mistake(
            "over the batch",
            {"over": (0, 1, 2, 4)},
            "Your mean and variance are taken over all images of the batch. Each image has its own, or the result "
            "would depend on the company that it is in.",
        ),
        Mistake(
            "channels far apart",
            {"apart": True, "over": (1, 2, 3)},
            "Your groups are made of channels that lie apart: with 6 channels in 2 groups, 0, 2 and 4 go together. A "
            "group is neighbours, 0, 1 and 2. It is the order of the new axes in `reshape`.",
        ),
        Mistake(
            "each channel alone",
            {"over": (1, 2)},
            "You normalise every channel alone. Channels of a group share a mean and a variance.",
        ),
        Mistake(
            "all channels together",
            {"groups": 1},
            "You normalise all channels of an image together, whatever `groups` says.",
        ),
        Mistake(
            "each place alone",
            {"over": (4,)},
            "You normalise every place alone, over the channels of its group. Rows and columns are averaged over too.",
        ),
        Mistake(
            "batch normalisation",
            {"over": (0, 1, 2)},
            "That is batch normalisation: each channel alone, over all images.",
        ),
        Mistake(
            "divided by n - 1",
            lambda x, groups, gamma, beta, epsilon: _group_norm(x, groups, gamma, beta, epsilon, ddof=1),
            "Your variance divides by one fewer than there are values. Normalisation divides by how many there are.",
        ),
        Mistake(
            "no root",
            {"root": lambda variance: variance},
            "You divide by the variance. It is the root of it, plus `epsilon` under the root.",
        ),
        Mistake(
            "epsilon outside",
            {"outside": True},
            "You add `epsilon` to the root. It is added to the variance, before the root is taken.",
        ),
        Mistake(
            "mean left in",
            {"with_mean": False},
            "You divide and do not subtract the mean.",
        ),
        Mistake(
            "not scaled", {"scaled": False}, "`gamma` is not used: after the division, every channel has a factor."
        ),
        Mistake("not shifted", {"shifted": False}, "`beta` is not used: it is added at the end."),
        Mistake(
            "shifted first",
            {"shift_first": True},
            "You add `beta` first and multiply it by `gamma` too. First the factor, then what is added.",
        ),
    ],
    nudges=(
        "Give the channels two axes instead of one: the group, and the place in it. Which axes are then averaged over?",
        "`x.reshape(images, rows, columns, groups, -1)` makes them. Keep the averaged axes (`keepdims=True`), and go "
        "back to the shape of `x` before gamma and beta, which are one for each channel.",
    ),
    why="Nothing of another image is in the result, in training as in use. So there are no averages to keep, no two "
    "modes, and no smallest batch.",
)


# --- batch normalisation folded away ----------------------------------------------------------------------------------

_FOLDS = "bceh"
_LOOK = {
    "a": "Look again at (a): between the two stands a ReLU, which cuts off at 0. Can a sum be moved past it?",
    "b": "Look again at (b): in use, batch normalisation is a factor and a sum for each channel. What is a convolution "
    "followed by those?",
    "c": "Look again at (c): each filter reads one channel and gives one. Does anything keep you from multiplying it "
    "by that channel's factor?",
    "d": "Look again at (d): what does the convolution see beyond the border, and what would it have to see there once "
    "a sum has been moved behind it?",
    "e": "Look again at (e): factor and sum come first here. Every place that the kernel covers is inside the image.",
    "f": "Look again at (f): a factor may be negative. Which is the largest value of a window then?",
    "g": "Look again at (g): who else reads what the convolution gives, and what would they get after folding?",
    "h": "Look again at (h): the sum comes after the normalisation. Does it matter to the convolution what is done "
    "with its result?",
}


@task(
    "11.foldable",
    'a text of letters, such as `"ah"`',
    mistakes=(*(f"about {letter}" for letter in _LOOK), "not a choice", "wrong type"),
    nudges=(
        "In use, batch normalisation is `a * x + b` for each channel. Write the layers as formulas, and ask whether "
        "one convolution with other weights gives the same.",
        "A factor and a sum pass through whatever is linear and sees nothing else. What is not linear, who else is "
        "reading, and what does the border hold?",
    ),
    why="Where it works, the layer costs nothing in use. Where it stands after a ReLU or before zeros, it stays: that "
    "is a price of blocks that normalise first.",
)
def _foldable(answer):
    if not isinstance(answer, (str, list, tuple, set, frozenset)):
        raise Wrong("wrong type", f"This check wants the letters as a text, and got {describe(answer)}.")
    letters = {str(letter).strip(" ()").casefold() for letter in answer} - {"", ",", ";", "."}
    if not letters or letters - _LOOK.keys():
        raise Wrong("not a choice", f"The lines have the letters a to h; got {describe(answer)}.")
    for letter in sorted(letters ^ set(_FOLDS)):
        raise Wrong(f"about {letter}", _LOOK[letter])


def _fold(
    kernel, bias, gamma, beta, mean, variance, epsilon=1e-3, *, root=np.sqrt, small=True, kept=None,
    to=lambda bias, scale, beta, mean: (bias - mean) * scale + beta,
):  # fmt: skip
    """`kept` is what stays as it was: "kernel" or "bias"."""
    scale = gamma / root(np.asarray(variance) + (epsilon if small else 0.0))
    new_bias = bias if kept == "bias" else to(bias, scale, beta, mean)
    return (kernel if kept == "kernel" else kernel * scale), new_bias


def _folding(seed, shape, **last):
    random, filters = np.random.default_rng(seed), shape[-1]
    kernel = typed(f"np.random.default_rng({seed}).normal(size={shape})")
    pairs = [random.normal(size=filters), random.uniform(0.5, 2, filters), *random.normal(size=(2, filters))]
    return call(kernel, *(part.round(2) for part in pairs), random.uniform(0.01, 0.5, filters).round(3), **last)


_SQUARE = call(
    typed("np.random.default_rng(9).normal(size=(3, 3, 1, 2))"), *(np.array([v, v]) for v in (0.5, 2.0, 1.0, 0.3, 0.2))
)

function(
    "11.fold",
    "fold(kernel, bias, gamma, beta, mean, variance, epsilon=1e-3)",
    cases=[
        _folding(0, (3, 3, 2, 4)).told(
            stopping="Where all filters have the same numbers, your function is right. The last axis of a kernel "
            "counts the filters, and each of them has its own factor.",
            right_for=_SQUARE,
        ),
        _folding(1, (1, 1, 3, 3), epsilon=0.01),
        _folding(2, (5, 3, 1, 2), epsilon=1e-5),
    ],
    right=_fold,
    mistakes=[
        Mistake(
            "mean forgotten",
            {"to": lambda bias, scale, beta, mean: bias * scale + beta},
            "The kernel is right. Of the bias, what the normalisation subtracts is missing.",
        ),
        Mistake(
            "mean not scaled",
            {"to": lambda bias, scale, beta, mean: bias * scale - mean + beta},
            "The kernel is right. The mean is subtracted before the factor comes, and so gets the factor too.",
        ),
        Mistake(
            "bias not scaled",
            {"to": lambda bias, scale, beta, mean: bias - mean * scale + beta},
            "The kernel is right. The old bias goes through the normalisation as well, and gets the factor.",
        ),
        Mistake(
            "old bias dropped",
            {"to": lambda bias, scale, beta, mean: beta - mean * scale},
            "Right for a convolution without a bias. This one has one, and it goes through the normalisation too.",
        ),
        Mistake(
            "beta forgotten",
            {"to": lambda bias, scale, beta, mean: (bias - mean) * scale},
            "The kernel is right. What the normalisation adds at the end is missing in the bias.",
        ),
        Mistake(
            "beta scaled",
            {"to": lambda bias, scale, beta, mean: (bias - mean + beta) * scale},
            "The kernel is right. `beta` is added last, and no factor comes after it.",
        ),
        Mistake(
            "mean added",
            {"to": lambda bias, scale, beta, mean: (bias + mean) * scale + beta},
            "The kernel is right. Is the mean added or subtracted?",
        ),
        Mistake(
            "kernel as it was",
            {"kept": "kernel"},
            "The bias is right, and the kernel is the old one. The factor reaches every value that it computes.",
        ),
        Mistake(
            "bias as it was",
            {"kept": "bias"},
            "The kernel is right, and the bias is the old one.",
        ),
        Mistake(
            "no root",
            {"root": lambda variance: variance},
            "You divide by the variance. The normalisation divides by its root.",
        ),
        Mistake(
            "epsilon forgotten",
            {"small": False},
            "Nearly: `epsilon` is added to the variance, here as in the layer. The outputs are to be equal.",
        ),
        Mistake(
            "gamma forgotten",
            lambda kernel, bias, gamma, beta, mean, variance, epsilon: _fold(
                kernel, bias, 1.0, beta, mean, variance, epsilon
            ),
            "You divide by the root of the variance and leave it at that. `gamma` belongs to the factor too.",
        ),
        Mistake(
            "exchanged",
            lambda *given: _fold(*given)[::-1],
            "The right two arrays, exchanged: first the kernel, then the bias.",
        ),
    ],
    nudges=(
        "Write down what the normalisation makes of `k * x + bias`, and sort it: what is multiplied by x, what is not?",
        "The factor of a channel is gamma by the root of variance plus epsilon. All that x meets gets it; the rest is "
        "the new bias.",
    ),
    why="This is what happens to a network before it is put to use on a phone. In training the layer has to stay: "
    "there mean and variance are those of the batch, and no weights can stand for them.",
)


# --- an inverted residual ---------------------------------------------------------------------------------------------

_CHANNELS, _EXPANSION, _WIDE = 4, 3, 12
_BLOCKS = [  # filters, strides, what is tried
    (4, 1, "`inverted_residual(x, expansion=3, filters=4)` of 4 channels"),
    (5, 1, "`inverted_residual(x, expansion=3, filters=5)` of 4 channels"),
    (4, 2, "`inverted_residual(x, expansion=3, filters=4, strides=2)` of 4 channels"),
]


def _relu(x):
    return np.maximum(x, 0)


def _as_it_is(x):
    return x


def _depthwise(x, kernel, strides):
    """Filter each channel with its own kernel, with same padding as Keras has it; kernel (3, 3, channels)."""
    out = [-(-side // strides) for side in x.shape[1:3]]
    pads = [max((n - 1) * strides + 3 - side, 0) for n, side in zip(out, x.shape[1:3], strict=True)]
    x = np.pad(x, [(0, 0), *((pad // 2, pad - pad // 2) for pad in pads), (0, 0)])
    return sum(
        x[:, i : i + (out[0] - 1) * strides + 1 : strides, j : j + (out[1] - 1) * strides + 1 : strides] * kernel[i, j]
        for i in range(3)
        for j in range(3)
    )


def _inverted(
    x, kernels, norms, strides, *, first=_relu, second=_relu, last=_as_it_is, after=_as_it_is, early=False,
    shortcut=True, stride_at="middle",
):  # fmt: skip
    """The block in NumPy; `early` has activations before the normalisations, `after` one behind the sum."""

    def stage(values, norm, activation):
        gamma, beta, mean, variance, epsilon = norm
        values = activation(values) if early else values
        values = (values - mean) / np.sqrt(variance + epsilon) * gamma + beta
        return values if early else activation(values)

    expand, depthwise, project = kernels
    steps = {place: strides if place == stride_at else 1 for place in ("first", "middle", "last")}
    y = stage((x @ expand)[:, :: steps["first"], :: steps["first"]], norms[0], first)
    y = stage(_depthwise(y, depthwise, steps["middle"]), norms[1], second)
    y = stage((y @ project)[:, :: steps["last"], :: steps["last"]], norms[2], last)
    return after(x + y if shortcut and x.shape == y.shape else y)


_MISBUILT = {
    "no shortcut": (
        {"shortcut": False},
        "Your block does not add its input, though input and result have the same shape here.",
    ),
    "activation after the projection": (
        {"last": _relu},
        "You have a ReLU after the last convolution. The narrow result stays linear: a ReLU would cut off half of what "
        "few channels hold.",
    ),
    "activation after the sum": (
        {"after": _relu},
        "You have a ReLU after the sum. The sum is the block's result, so that a network of such blocks has a way that "
        "no ReLU cuts.",
    ),
    "activation before normalisation": (
        {"early": True},
        "Your ReLU comes before the normalisation. Here each convolution is followed by its normalisation, and only "
        "then by the ReLU.",
    ),
    "no activation": (
        [{"first": _as_it_is, "second": _as_it_is}, {"first": _as_it_is}, {"second": _as_it_is}],
        "A ReLU is missing: one belongs after the first normalisation and one after the second.",
    ),
    "stride elsewhere": (
        [{"stride_at": "first"}, {"stride_at": "last"}],
        "The shape is right, but it is not the depthwise convolution that takes the stride. Where a 1x1 convolution "
        "does, three of four values are thrown away unseen.",
    ),
}


def _one_block(answer, filters, strides, doing):
    """The student's block as a model, from maps of 6 x 7 with 4 channels."""
    import keras

    x = keras.Input((6, 7, _CHANNELS))
    try:
        y = run(answer, x, _EXPANSION, filters, strides, doing=doing)
    except Wrong as wrong:
        if wrong.outcome == "stopped" and (filters, strides) != (_CHANNELS, 1):
            more = " Input and result differ in shape here: is there anything to add?"
            raise Wrong(wrong.mistake, wrong.hint + more, wrong.outcome) from wrong
        raise
    if y is None:
        raise Wrong("no return", f"{doing} returns `None`. The function ends with a `return`.")
    if not isinstance(y, keras.KerasTensor):
        raise Wrong("wrong type", f"{doing} gives {describe(y)}; the task asks for the block's result, a tensor.")
    wanted = (-(-6 // strides), -(-7 // strides), filters)
    if tuple(y.shape[1:]) != wanted:
        raise Wrong(
            "output shape",
            f"{doing} makes {tuple(y.shape[1:])} of maps of 6 x 7, and should make {wanted}. Which convolution gives "
            "`filters` channels, and which takes the stride, with same padding?",
        )
    return keras.Model(x, y)


def _norms_of(model, wanted=3):
    from keras import layers

    norms = [layer for layer in networks.with_layers(model) if isinstance(layer, layers.BatchNormalization)]
    if len(norms) != wanted:
        raise Wrong(
            "normalisations",
            f"Your block has {len(norms)} batch normalisations. It has three convolutions, each followed by one.",
        )
    return norms


def _kernels_of(model, norms, filters):
    """The variables of the three convolutions."""
    normal = {id(weight) for norm in norms for weight in norm.weights}
    weights = [weight for weight in model.weights if id(weight) not in normal]
    kernels = [weight for weight in weights if len(weight.shape) > 1]
    shapes = [tuple(weight.shape) for weight in kernels]
    if any(math.prod(shape) == 9 * _WIDE * _WIDE for shape in shapes):
        raise Wrong(
            "not depthwise",
            "Your middle convolution reads all channels for each of its filters. A depthwise one filters each channel "
            "alone, and has a tenth of these weights.",
        )
    if len(kernels) > 3 and (_CHANNELS, filters) in {shape[-2:] for shape in shapes}:
        raise Wrong(
            "projected shortcut",
            "You have a convolution in the shortcut. Here there is a shortcut only where input and result have the "
            "same shape, and elsewhere none.",
        )
    found = [
        [w for w in kernels if tuple(w.shape)[-2:] == shape and math.prod(w.shape) == math.prod(shape)]
        for shape in ((_CHANNELS, _WIDE), (_WIDE, filters))
    ]
    found.insert(1, [w for w in kernels if tuple(w.shape) in ((3, 3, _WIDE, 1), (3, 3, 1, _WIDE))])
    if len(kernels) != 3 or [len(group) for group in found] != [1, 1, 1]:
        said = ", ".join(map(str, shapes)) or "none"
        raise Wrong(
            "other kernels",
            f"The kernels of your block have the shapes {said}. Three are asked for: 1x1 from {_CHANNELS} to {_WIDE} "
            f"channels, depthwise 3x3 on these {_WIDE}, and 1x1 from {_WIDE} to {filters}.",
        )
    if len(weights) > len(kernels):
        raise Wrong(
            "biases",
            "Your convolutions have biases. The normalisation after each subtracts them again: leave them out.",
        )
    return [group[0] for group in found]


def _values(weights):
    from keras import ops

    return [np.array(ops.convert_to_numpy(weight), dtype=float) for weight in weights]


def _given_weights(model, kernels, norms, random):
    """Put random numbers into a block; return its kernels and its normalisations as arrays."""
    for kernel in kernels:
        kernel.assign(random.normal(size=kernel.shape) / math.sqrt(math.prod(kernel.shape[:-1])))
    for norm in norms:
        for name, low, high in (("gamma", 0.5, 1.2), ("moving_variance", 0.2, 0.9)):
            if (weight := getattr(norm, name, None)) is not None:
                weight.assign(random.uniform(low, high, weight.shape))
        for name in ("beta", "moving_mean"):
            if (weight := getattr(norm, name, None)) is not None:
                weight.assign(random.normal(size=weight.shape) * 0.3)

    def array(weight, otherwise):
        return otherwise if weight is None else _values([weight])[0]

    shapes = ((_CHANNELS, _WIDE), (3, 3, _WIDE), (_WIDE, -1))
    numbers = [kernel.reshape(shape) for kernel, shape in zip(_values(kernels), shapes, strict=True)]
    return numbers, [
        (array(n.gamma, 1), array(n.beta, 0), array(n.moving_mean, 0), array(n.moving_variance, 1), n.epsilon)
        for n in norms
    ]


@task(
    "11.inverted_residual",
    "a function `inverted_residual(x, expansion, filters, strides=1)` of a Keras tensor",
    mistakes=(
        "no return",
        "wrong type",
        "output shape",
        "normalisations",
        "not depthwise",
        "projected shortcut",
        "other kernels",
        "biases",
        *_MISBUILT,
        "other",
    ),
    nudges=(
        "Three convolutions in a row: wide, then each channel alone, then narrow. What follows the first two does not "
        "follow the third.",
        "The number of channels of `x` is `x.shape[-1]`. At the end, ask whether the result has the shape of `x`: only "
        "then is there something to add.",
    ),
    why="An ordinary residual block hands wide maps from block to block and is narrow inside. This one is the reverse: "
    "what has to be kept in memory from block to block is small, and the wide part is cheap because it is depthwise.",
)
def _inverted_residual(answer):
    networks.not_keras_2(answer)
    is_callable(answer, "inverted_residual")
    random = np.random.default_rng(0)
    for filters, strides, doing in _BLOCKS:
        model = _one_block(answer, filters, strides, doing)
        norms = _norms_of(model)
        kernels, numbers = _given_weights(model, _kernels_of(model, norms, filters), norms, random)
        x = random.normal(size=(2, 6, 7, _CHANNELS)).astype("float32")
        given = networks.outputs(model, x)
        orders = [
            order
            for order in itertools.permutations(numbers)
            if [np.size(norm[2]) for norm in order] == [_WIDE, _WIDE, filters]
        ]
        if not orders:
            raise Wrong(
                "normalisations",
                "Your normalisations do not follow the three convolutions: one is of as many channels as each gives.",
            )

        def fits(changes, x=x, kernels=kernels, orders=orders, strides=strides, given=given):
            wanted = [_inverted(x, kernels, order, strides, **changes) for order in orders]
            return any(one.shape == given.shape and np.allclose(one, given, atol=1e-3) for one in wanted)

        if fits({}):
            continue
        for name, (changes, hint) in _MISBUILT.items():
            if any(fits(change) for change in (changes if isinstance(changes, list) else [changes])):
                raise Wrong(name, hint)
        raise Wrong(
            "other",
            f"{doing} has the right layers, and with random weights in them it gives other numbers than the task's "
            "block. Go through the list once more: in which order do they follow each other, and what is added?",
        )


# --- a block that begins as nothing -----------------------------------------------------------------------------------

_FILTERS = 16


@task(
    "11.starting_block",
    "a function `starting_block(x)` of a Keras tensor",
    mistakes=(
        "no return",
        "wrong type",
        "output shape",
        "normalisation",
        "too few convolutions",
        "activation after the sum",
        "not the identity",
        "linear",
        "stuck",
    ),
    nudges=(
        "The result is `x` plus what the branch gives. What must the branch give at the beginning, and which of its "
        "parts can see to it?",
        "Not all of the branch may begin at zero, or no weight of it is told where to go. `kernel_initializer` says "
        "how a kernel begins.",
    ),
    why="However many such blocks stand behind each other, the network begins as if they were not there, and its "
    "gradient reaches the first layer whole. Then each block grows into whatever is of use.",
)
def _starting_block(answer):
    import keras

    networks.not_keras_2(answer)
    is_callable(answer, "starting_block")
    keras.utils.set_random_seed(0)
    x, doing = keras.Input((7, 7, _FILTERS)), f"`starting_block(x)` of {_FILTERS} channels"
    y = run(answer, x, doing=doing)
    if y is None:
        raise Wrong("no return", f"{doing} returns `None`. The function ends with a `return`.")
    if not isinstance(y, keras.KerasTensor):
        raise Wrong("wrong type", f"{doing} gives {describe(y)}; the task asks for the block's result, a tensor.")
    if tuple(y.shape) != tuple(x.shape):
        raise Wrong("output shape", f"{doing} makes {tuple(y.shape[1:])} of {tuple(x.shape[1:])}. The shape stays.")
    model = keras.Model(x, y)
    parts = networks.with_layers(model)
    if any("Normalization" in type(part).__name__ for part in parts):
        raise Wrong("normalisation", "There is a normalisation in your block. This one has to do without.")
    wide = [weight for weight in model.trainable_weights if len(weight.shape) == 4 and math.prod(weight.shape[:2]) > 1]
    if len(wide) < 2:
        raise Wrong(
            "too few convolutions",
            f"Your block has {len(wide)} convolutions of more than one pixel. Two of 3x3 are asked for.",
        )
    random = np.random.default_rng(0)
    images = random.normal(size=(8, 7, 7, _FILTERS)).astype("float32")
    before = networks.outputs(model, images)
    if not np.allclose(before, images, atol=1e-5):
        if np.allclose(before, _relu(images), atol=1e-5):
            raise Wrong(
                "activation after the sum",
                "At the beginning your block gives what came in, but for the negative values: a ReLU comes after the "
                "sum.",
            )
        far = float(np.abs(before - images).mean() / np.abs(images).mean())
        raise Wrong(
            "not the identity",
            f"At the beginning, what comes out differs from what came in by {far:.2g} of its size on average. It is to "
            "be the same.",
        )
    _learns(keras, model, images, random)
    both, none = networks.outputs(model, np.concatenate([images, -images])), networks.outputs(model, images * 0)
    one, other = np.split(both, 2)
    if np.allclose(one + other, 2 * none, atol=1e-4 * np.abs(one).max()):
        raise Wrong(
            "linear",
            "There is nothing between your convolutions that is not linear, so that the two can do no more than one. "
            "Where does a ReLU go?",
        )


def _learns(keras, model, images, random):
    """A few steps move every kernel; `stuck` if not."""
    weights = [weight for weight in model.trainable_weights if len(weight.shape) > 1]
    before = _values(weights)
    model.compile(keras.optimizers.Adam(0.02), "mse")
    model.fit(images, random.normal(size=images.shape).astype("float32"), batch_size=4, epochs=3, verbose=0)
    still = [new for new, old in zip(_values(weights), before, strict=True) if np.allclose(new, old, atol=1e-7)]
    if still:
        raise Wrong(
            "stuck",
            f"After six steps of training, {len(still)} of {len(weights)} kernels of your block are where they began: "
            "no gradient reaches them. A product of two things that are both zero stays zero if one of them is moved "
            "a little.",
        )


# --- an idea and its evidence -----------------------------------------------------------------------------------------

_SEEDS, _IMAGES, _EPOCHS, _BATCH = range(5), 500, 4, 25
_MOST, _WITHIN, _LEARNED = 30_000, 0.05, 0.25
_T = 2.776  # Student's t for five pairs, at 0.95


@functools.cache
def _digits(split):
    from ..datasets import load

    digits = load("mnist", split, source="stand-in", examples=_IMAGES if split == "train" else None)
    return digits.images, digits.labels


def _accuracies(build, names):
    """Accuracies of the network that a function builds, trained with each seed; compiled once."""
    import keras

    images, labels = _digits("train")
    unseen, right = _digits("test")
    model, accuracies = None, []
    for seed in _SEEDS:
        keras.utils.set_random_seed(seed)
        fresh = run(build, doing=f"`{names}()`")
        if model is None:
            model = fresh
            rate = keras.optimizers.schedules.CosineDecay(2e-3, decay_steps=_EPOCHS * -(-len(images) // _BATCH))
            model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
        else:
            model.set_weights(fresh.get_weights())
            for variable in model.optimizer.variables:
                variable.assign(np.zeros(variable.shape, variable.dtype))
        model.fit(images, labels, batch_size=_BATCH, epochs=_EPOCHS, verbose=0)
        accuracies.append(float((networks.outputs(model, unseen).argmax(axis=-1) == right).mean()))
    return np.array(accuracies)


@task(
    "11.evidence",
    "a pair of functions, each of which builds a Keras model",
    mistakes=(
        "wrong type",
        "no return",
        "input shape",
        "output shape",
        "no probabilities",
        "parameters",
        "not comparable",
        "the same network",
        "learned nothing",
        "worse",
        "noise",
    ),
    nudges=(
        "Which one change of the chapter helps most where training is as short as here? Count the parameters of both "
        "networks first.",
        "Four epochs are few: what makes the first steps count gains most. If the gain is lost in the noise, take a "
        "network in which the change has more to do, such as a deeper one.",
    ),
    why="Two networks, the same number of parameters, the same images, steps and seeds, and a gain that is larger than "
    "its margin: that is what a sentence such as `it helps` rests on. And it holds for these digits and this budget.",
)
def _evidence(answer):
    if not isinstance(answer, (list, tuple)) or len(answer) != 2:
        raise Wrong("wrong type", f"This check wants two functions, `(without, with_it)`, and got {describe(answer)}.")
    for build in answer:
        is_callable(build, "without")
    names, counts, shapes = ("without", "with_it"), [], []
    for name, build in zip(names, answer, strict=True):
        model = run(build, doing=f"`{name}()`")
        if model is None:
            raise Wrong("no return", f"`{name}()` returns nothing. It ends with `return keras.Model(...)`.")
        networks.is_model(model)
        networks.gives(model, input_shape=(28, 28, 1), output_shape=(10,))
        networks.probabilities(model, input_shape=(28, 28, 1))
        networks.parameters(model, at_most=_MOST)
        counts.append(model.count_params())
        shapes.append([tuple(weight.shape) for weight in model.weights])
    if abs(counts[1] - counts[0]) > _WITHIN * max(counts):
        raise Wrong(
            "not comparable",
            f"The two networks have {counts[0]:,} and {counts[1]:,} parameters. If one of them is larger by more than "
            f"{_WITHIN:.0%}, nobody knows whether the idea helped or the size: change the filters of one.",
        )
    print(f"The check trains each network {len(_SEEDS)} times on {_IMAGES} digits ...", flush=True)
    before, after = (_accuracies(build, name) for name, build in zip(names, answer, strict=True))
    gains = after - before
    mean, margin = float(gains.mean()), float(_T * gains.std(ddof=1) / math.sqrt(len(gains)))
    said = (
        f"Without: {', '.join(f'{value:.3f}' for value in before)}. With: "
        f"{', '.join(f'{value:.3f}' for value in after)}. The gain is {mean:+.3f}, give or take {margin:.3f}."
    )
    if shapes[0] == shapes[1] and np.allclose(before, after):
        raise Wrong("the same network", f"{said} The two networks are the same one.")
    if min(before.mean(), after.mean()) < _LEARNED:
        raise Wrong(
            "learned nothing",
            f"{said} One of the two has hardly learned anything, and whatever one sets beside it looks good. Compare "
            "with a network that is at work.",
        )
    if mean < 0:
        raise Wrong("worse", f"{said} That is evidence too, of the opposite. Where would your idea have more to do?")
    if mean <= margin:
        raise Wrong("noise", f"{said} The margin is larger: with these seeds, nobody can tell it from luck.")
    return said
