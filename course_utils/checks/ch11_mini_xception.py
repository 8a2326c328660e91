"""The checks of chapter 11, modern blocks."""

import contextlib
import functools
import inspect
import itertools
import math

import numpy as np

from . import networks
from .comparing import describe
from .engine import Wrong, run
from .kinds import Mistake, call, function, is_callable, letters, prediction, task, typed

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


def _path_shares(blocks, gain, *, count=math.comb, carries=lambda gain, k, n: gain**k, parts_of=np.sum, reverse=False):
    carried = np.array([count(blocks, k) * carries(gain, k, blocks) for k in range(blocks + 1)], float)
    return (carried[::-1] if reverse else carried) / parts_of(carried)


function(
    "11.path_shares",
    "path_shares(blocks, gain)",
    cases=[call(3, 0.5), call(1, 0.1), call(20, 0.25).in_next_cell(), call(6, 1.0), call(4, 2.0)],
    right=_path_shares,
    mistakes=[
        Mistake("how many", {"gain": 1.0}, "Those are shares of the *number* of ways. A long way also carries less."),
        Mistake("one way each", {"count": lambda n, k: 1}, "You take one way of each length. How many are there?"),
        Mistake(
            "not shared",
            [{"parts_of": parts} for parts in (lambda c: 1.0, np.max, lambda c: 2.0 ** (len(c) - 1))],
            "Your parts do not add up to 1. What came through k branches is to be a share of all that arrives.",
        ),
        Mistake(
            "a probability",
            {"carries": lambda gain, k, n: gain**k * (1 - gain) ** (n - k), "parts_of": lambda carried: 1.0},
            "You let a way past a branch carry 1 less the gain. The shortcut hands everything on: its factor is 1.",
        ),
        Mistake("in order", {"count": math.perm}, "You count a choice in every order. A network has one order."),
        Mistake("from the other end", {"reverse": True}, "Yours begins with the way through all. Place 0 is for none."),
        Mistake(
            "added up",
            lambda blocks, gain: np.cumsum(_path_shares(blocks, gain)),
            "Each of yours is the share of all ways up to that length. The share of just that length is asked for.",
        ),
        Mistake(
            "through none left out",
            lambda blocks, gain: _path_shares(blocks, gain)[1:],
            "Place 0, for the way past all, is missing.",
        ),
    ],
    nudges=(
        "On paper, with two blocks: which four ways are there, and what does each carry?",
        "Two factors for each length: how many ways there are, which the module `math` can count, and what one of them "
        "still carries. What turns parts into shares?",
    ),
    why="A residual network is many networks at once, most of them far shallower than it is. That is why one can take "
    "a block out of a trained one and lose little, which a plain network does not survive.",
)


# --- what a bottleneck costs ------------------------------------------------------------------------------------------


def _bottleneck_cost(
    size, channels, width, out_channels, strides=1, *, at=("in", "out", "out", "out"), window=9, area=2, times=1,
    shortcut=lambda strides, channels, out: strides != 1 or channels != out, rounded=math.ceil, middle_reads=None,
    once=lambda size, strides: 0, bias=0,
):  # fmt: skip
    """`at`: at which places each of the four convolutions is computed, those of the input or of the output, say."""
    places = {"in": size**area, "out": rounded(size / strides) ** area, "once": once(size, strides), "one": 1}
    middle = window * (middle_reads(channels, width) if middle_reads else width)
    each = [(channels, width), (middle, width), (width, out_channels), (channels, out_channels)]
    each = each[: 4 if shortcut(strides, channels, out_channels) else 3]
    return times * sum(places[where] * (read + bias) * given for where, (read, given) in zip(at, each, strict=False))


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
            {"at": ("out",) * 4},
            "You let the first convolution take the stride, and so compute it at fewer places. Here the second does.",
        ),
        Mistake(
            "stride in the last",
            {"at": ("in", "in", "out", "out")},
            "You compute the 3x3 convolution at all places of its input. It takes the stride: what comes out?",
        ),
        Mistake(
            "last at full size",
            [{"at": ("in", "out", "in", last)} for last in ("in", "out")],
            "You compute the last 1x1 convolution at the places of the input. It reads what the 3x3 convolution gives.",
        ),
        Mistake("stride ignored", [{"at": ("in",) * 4}, {"strides": 1}], "After the stride there are fewer places."),
        Mistake(
            "stride once",
            [
                {"at": ("in", *["once"] * 3), "once": once}
                for once in (lambda n, s: n * n // s, lambda n, s: n * n / s, lambda n, s: n * math.ceil(n / s))
            ],
            "You divide the number of places by the stride once. It skips rows, and it skips columns as well.",
        ),
        Mistake("no shortcut", {"shortcut": lambda *_: False}, "The shortcut has a convolution where shapes differ."),
        Mistake("always a shortcut", {"shortcut": lambda *_: True}, "Where the shape stays, it needs none."),
        Mistake(
            "only for both", {"shortcut": lambda s, c, out: s != 1 and c != out}, "One of the two changes is enough."
        ),
        Mistake(
            "only for channels", {"shortcut": lambda s, c, out: c != out}, "What if only the stride changes the shape?"
        ),
        Mistake("only for strides", {"shortcut": lambda s, c, out: s != 1}, "What if only the channels change?"),
        Mistake(
            "shortcut without stride", {"at": ("in", "out", "out", "in")}, "The shortcut takes the stride as well."
        ),
        Mistake(
            "window not squared", {"window": 3}, "You count 3 weights for a pair of channels. A 3x3 kernel has more."
        ),
        Mistake(
            "middle reads the input",
            {"middle_reads": lambda channels, width: channels},
            "Your 3x3 convolution reads the block's input. It comes after the first one, and reads what that gives.",
        ),
        Mistake(
            "rounded down", {"rounded": math.floor}, "Same padding, a stride of 2: how many of 9 places are visited?"
        ),
        Mistake("a row", {"area": 1}, "You count the places along one side. A map has as many rows as columns."),
        Mistake("weights", {"at": ("one",) * 4}, "That is the number of weights. Each is used at every place."),
        Mistake("biases", {"bias": 1}, "You count biases too. They are added and not multiplied: no multiply-adds."),
        Mistake(
            "counted twice", {"times": 2}, "You count two for each pair. A product and its sum are one multiply-add."
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
    with_mean=True, shift_first=False,
):  # fmt: skip
    """`apart` puts into a group the channels that lie `groups` apart, and not neighbours."""
    x = np.asarray(x, float)
    channels = x.shape[-1]
    split = (channels // groups, groups) if apart else (groups, channels // groups)
    grouped = x.reshape(*x.shape[:-1], *split)
    mean, variance = grouped.mean(axis=over, keepdims=True), grouped.var(axis=over, keepdims=True, ddof=ddof)
    spread = root(variance) + epsilon if outside else root(variance + epsilon)
    with np.errstate(invalid="ignore"):  # 0 by 0, without epsilon
        normal = ((grouped - mean if with_mean else grouped) / spread).reshape(x.shape)
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
            "over the groups", {"over": (1, 2, 3)}, "You average over the groups, and not over the channels of a group."
        ),
        Mistake(
            "each channel alone", {"over": (1, 2)}, "You take every channel alone. A group shares mean and variance."
        ),
        Mistake("all channels together", {"groups": 1}, "You take all channels together, whatever `groups` says."),
        Mistake(
            "each place alone", {"over": (4,)}, "You take every place alone. Rows and columns are averaged over too."
        ),
        Mistake(
            "batch normalisation", {"over": (0, 1, 2)}, "That is batch normalisation: a channel alone, over all images."
        ),
        Mistake("divided by n - 1", {"ddof": 1}, "Your variance divides by one fewer than there are values."),
        Mistake("no root", {"root": lambda variance: variance}, "You divide by the variance, and not by its root."),
        Mistake("epsilon outside", {"outside": True}, "You add `epsilon` to the root. It is added to the variance."),
        Mistake(
            "epsilon forgotten",
            [{"epsilon": 0.0}, {"epsilon": 1e-3}],
            "The argument `epsilon` is not used. It is added to the variance, which may be 0, as in a map of one grey.",
        ),
        Mistake("mean left in", {"with_mean": False}, "You divide and do not subtract the mean."),
        Mistake("not scaled", {"gamma": 1.0}, "`gamma` is not used: after the division, every channel has a factor."),
        Mistake("not shifted", {"beta": 0.0}, "`beta` is not used: it is added at the end."),
        Mistake(
            "exchanged",
            lambda x, groups, gamma, beta, epsilon: _group_norm(x, groups, beta, gamma, epsilon),
            "You have exchanged the two: `gamma` is the factor, and `beta` is added.",
        ),
        Mistake("shifted first", {"shift_first": True}, "You multiply `beta` by `gamma` too. It is added at the end."),
    ],
    nudges=(
        "Give the channels two axes instead of one: the group, and the place in it. Which axes are then averaged over?",
        "`reshape` makes the two axes, and brings the shape of `x` back before `gamma` and `beta`, which are one for "
        "each channel. With `keepdims=True`, a mean fits what it was taken from.",
    ),
    why="Nothing of another image is in the result, in training as in use. So there are no averages to keep, no two "
    "modes, and no smallest batch.",
)


# --- batch normalisation folded away ----------------------------------------------------------------------------------

_FOLDS = "bceh"
_LOOK = {
    "a": "between the two stands a ReLU, which cuts off at 0. Can a sum be moved past it?",
    "b": "in use, batch normalisation is a factor and a sum for each channel. What is a convolution followed by those?",
    "c": "each filter reads one channel and gives one. Can it be multiplied by that channel's factor?",
    "d": "what does the convolution see beyond the border, and what would it have to see there once a sum has been "
    "moved behind it?",
    "e": "factor and sum come first here. Every place that the kernel covers is inside the image.",
    "f": "a factor may be negative. Which is the largest value of a window then?",
    "g": "who else reads what the convolution gives, and what would they get after folding?",
    "h": "the sum comes after the normalisation. Does it matter to the convolution what is done with its result?",
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
    letters(answer, _FOLDS, _LOOK)


def _fold(
    kernel, bias, gamma, beta, mean, variance, epsilon=1e-3, *, root=np.sqrt, outside=False, kept=None,
    to=lambda b, s, t, m: (b - m) * s + t,
):  # fmt: skip
    """`to` makes the bias of bias, factor, beta and mean; `kept` is what stays as it was: "kernel" or "bias"."""
    scale = gamma / (root(variance) + epsilon if outside else root(np.asarray(variance) + epsilon))
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
        Mistake("mean forgotten", {"to": lambda b, s, t, m: b * s + t}, "Right kernel. The mean is missing."),
        Mistake(
            "mean not scaled", {"to": lambda b, s, t, m: b * s - m + t}, "Right kernel. The mean gets the factor too."
        ),
        Mistake("bias not scaled", {"to": lambda b, s, t, m: b - m * s + t}, "Right kernel. The old bias gets it too."),
        Mistake("nothing scaled", {"to": lambda b, s, t, m: b - m + t}, "Right kernel. Bias and mean get the factor."),
        Mistake("old bias dropped", {"to": lambda b, s, t, m: t - m * s}, "Right kernel. The old bias is missing."),
        Mistake("beta forgotten", {"to": lambda b, s, t, m: (b - m) * s}, "Right kernel. `beta` is missing."),
        Mistake("beta scaled", {"to": lambda b, s, t, m: (b - m + t) * s}, "Right kernel. `beta` gets no factor."),
        Mistake("mean added", {"to": lambda b, s, t, m: (b + m) * s + t}, "Right kernel. Is the mean added?"),
        Mistake("kernel as it was", {"kept": "kernel"}, "The bias is right. The factor reaches the kernel as well."),
        Mistake("bias as it was", {"kept": "bias"}, "The kernel is right, and the bias is the old one."),
        Mistake("no root", {"root": lambda v: v}, "You divide by the variance, and not by its root."),
        Mistake("multiplied", {"root": lambda v: 1 / np.sqrt(v)}, "You multiply by the root, and do not divide by it."),
        Mistake("epsilon outside", {"outside": True}, "You add `epsilon` to the root. It is added to the variance."),
        Mistake(
            "epsilon forgotten",
            [{"epsilon": 0.0}, {"epsilon": 1e-3}],
            "Nearly: the argument `epsilon` is added to the variance, as in the layer. The outputs are to be equal.",
        ),
        Mistake("gamma forgotten", {"gamma": 1.0}, "`gamma` is not used: it belongs to the factor too."),
        Mistake("exchanged", lambda *given: _fold(*given)[::-1], "The right two, exchanged: the kernel comes first."),
    ],
    nudges=(
        "Write down what the normalisation makes of `k * x + bias`, and sort it: what is multiplied by x, what is not?",
        "The factor of a channel is gamma divided by the root of variance plus epsilon. All that x meets gets it; the "
        "rest is the new bias.",
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
    x, kernels, norms, strides, *, first=_relu, second=_relu, last=_as_it_is, after=_as_it_is, early=(), shortcut=True,
    stride_at=1,
):  # fmt: skip
    """The block in NumPy; in the places `early`, the activation comes first; `after` follows the sum."""

    def stage(place, values, activation):
        gamma, beta, mean, variance, epsilon = norms[place]
        values = activation(values) if place in early else values
        values = (values - mean) / np.sqrt(variance + epsilon) * gamma + beta
        return values if place in early else activation(values)

    expand, depthwise, project = kernels
    steps = [strides if place == stride_at else 1 for place in range(3)]
    y = stage(0, (x @ expand)[:, :: steps[0], :: steps[0]], first)
    y = stage(1, _depthwise(y, depthwise, steps[1]), second)
    y = stage(2, (y @ project)[:, :: steps[2], :: steps[2]], last)
    return after(x + y if shortcut and x.shape == y.shape else y)


def _like(name):
    """An activation of Keras, of arrays."""

    def activation(x):
        from keras import activations, ops

        return ops.convert_to_numpy(activations.get(name)(ops.convert_to_tensor(x)))

    return activation


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
        [{"early": places} for places in ((0, 1), (0,), (1,))]
        + [{"early": (0, 1, 2), "last": _relu}, {"early": (0, 1), "after": _relu}],
        "A ReLU comes before its normalisation. Here each convolution is followed by its normalisation, and only then "
        "by the ReLU.",
    ),
    "no activation": (
        [{"first": _as_it_is, "second": _as_it_is}, {"first": _as_it_is}, {"second": _as_it_is}],
        "A ReLU is missing: one belongs after the first normalisation and one after the second.",
    ),
    "stride elsewhere": (
        [{"stride_at": 0}, {"stride_at": 2}],
        "The shape is right, but it is not the depthwise convolution that takes the stride. Where a 1x1 convolution "
        "does, three of four values are thrown away unseen.",
    ),
    "another activation": (
        [
            {"first": _like(name), "second": _like(name)}
            for name in ("gelu", "silu", "elu", "selu", "leaky_relu", "hard_silu", "softplus", "tanh", "sigmoid")
        ],
        "The activations of your block are not ReLU. Others may serve as well or better; the list asks for ReLU.",
    ),
}


def _one_block(answer, filters, strides, doing):
    """The student's block as a model, from maps of 6 x 7 with 4 channels."""
    import keras

    x = keras.Input((6, 7, _CHANNELS))
    try:
        inspect.signature(answer).bind(x, _EXPANSION, filters, strides)
    except TypeError as error:
        takes = f"your function takes `{inspect.signature(answer)}` ({error})"
        raise Wrong("signature", f"{doing} must be possible; {takes}. Keep the arguments of the task.") from None
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


def _parts_of(model, filters):
    """The variables of the three convolutions, and the three normalisations."""
    from keras import layers

    norms = [layer for layer in networks.with_layers(model) if isinstance(layer, layers.BatchNormalization)]
    normal = {id(weight) for norm in norms for weight in norm.weights}
    weights = [weight for weight in model.weights if id(weight) not in normal]
    kernels = [weight for weight in weights if len(weight.shape) > 1]
    shapes = [tuple(weight.shape) for weight in kernels]
    if len(kernels) > 3 and (_CHANNELS, filters) in {shape[-2:] for shape in shapes}:
        raise Wrong(
            "projected shortcut",
            "You have a convolution in the shortcut. Here there is a shortcut only where input and result have the "
            "same shape, and elsewhere none.",
        )
    if len(norms) != 3:
        raise Wrong(
            "normalisations",
            f"Batch normalisations in your block: {len(norms)}. It has three convolutions, each followed by one.",
        )
    if any(math.prod(shape) == 9 * _WIDE * _WIDE for shape in shapes):
        raise Wrong(
            "not depthwise",
            "Your middle convolution reads all channels for each of its filters. A depthwise one filters each channel "
            "alone, and has a tenth of these weights.",
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
    return [group[0] for group in found], norms


def _values(weights):
    from keras import ops

    return [np.array(ops.convert_to_numpy(weight), dtype=float) for weight in weights]


def _given_weights(kernels, norms, random):
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
        *("no return", "wrong type", "signature", "output shape", "normalisations", "not depthwise"),
        *("projected shortcut", "other kernels", "biases", *_MISBUILT, "other"),
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
        kernels, numbers = _given_weights(*_parts_of(model, filters), random)
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
        *("no return", "wrong type", "output shape", "normalisation", "too few convolutions", "other kernels"),
        *("filters fixed", "frozen", "activation after the sum", "not the identity", "never leaves", "linear"),
        *("nothing between", "both at zero", "slope at zero", "always negative", "stuck"),
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
    model, kernels = _begun(keras, answer, _FILTERS)
    try:
        _begun(keras, answer, 6)
    except Wrong as wrong:
        raise Wrong(
            "filters fixed",
            f"Right for {_FILTERS} channels, and not for 6: `x.shape[-1]` says how many filters there must be.",
        ) from wrong
    random = np.random.default_rng(0)
    images = random.normal(size=(8, 7, 7, _FILTERS)).astype("float32")
    before = networks.outputs(model, images)
    if not np.allclose(before, images, atol=1e-5):
        if np.allclose(before, _relu(images), atol=1e-5):
            raise Wrong(
                "activation after the sum",
                "At the beginning your block gives what came in, without the negative values: a ReLU follows the sum.",
            )
        far = float(np.abs(before - images).mean() / np.abs(images).mean())
        raise Wrong(
            "not the identity",
            f"At the beginning, what comes out differs from what came in by {far:.2g} of its size on average. It is to "
            "be the same.",
        )
    _learns(keras, model, kernels, images, random)
    if np.allclose(networks.outputs(model, images), images, atol=1e-5):
        raise Wrong(
            "never leaves",
            "The kernels move, and the result is still `x`: nothing that the branch learns is in the sum. Is it "
            "subtracted again?",
        )
    drawn = [random.normal(size=kernel.shape) / math.sqrt(9 * _FILTERS) for kernel in kernels]
    for bias in [weight for weight in model.weights if weight.name == "bias"]:
        bias.assign(np.zeros(bias.shape))

    def branch(*factors, images=images):
        for kernel, numbers, factor in zip(kernels, drawn, factors, strict=True):
            kernel.assign(numbers * factor)
        return networks.outputs(model, images) - images

    usual = branch(1, 1)
    near = 1e-4 * np.abs(usual).max()
    if np.allclose(branch(-3, -1 / 3), usual, atol=near):  # what one makes larger, the other makes smaller
        if np.allclose(branch(1, 1, images=-3 * images), -3 * usual, atol=3 * near):
            raise Wrong(
                "linear",
                "There is nothing in your branch that is not linear, so that two convolutions can do no more than one. "
                "Where does a ReLU go?",
            )
        raise Wrong(
            "nothing between",
            "One convolution follows the other, with nothing between them that is not linear: the two can do no more "
            "than one. Your activation stands before or after both.",
        )


def _begun(keras, answer, filters):
    """A student's block as a model, for maps of so many channels, and its two kernels."""
    x, doing = keras.Input((7, 7, filters)), f"`starting_block(x)` of {filters} channels"
    y = run(answer, x, doing=doing)
    if y is None:
        raise Wrong("no return", f"{doing} returns `None`. The function ends with a `return`.")
    if not isinstance(y, keras.KerasTensor):
        raise Wrong("wrong type", f"{doing} gives {describe(y)}; the task asks for the block's result, a tensor.")
    if tuple(y.shape) != tuple(x.shape):
        raise Wrong("output shape", f"{doing} makes {tuple(y.shape[1:])} of {tuple(x.shape[1:])}. The shape stays.")
    model = keras.Model(x, y)
    if any("Normalization" in type(part).__name__ for part in networks.with_layers(model)):
        raise Wrong("normalisation", "There is a normalisation in your block. This one has to do without.")
    kernels = [weight for weight in model.weights if len(weight.shape) in (2, 4) and math.prod(weight.shape) > filters]
    if len(kernels) < 2:
        raise Wrong(
            "too few convolutions",
            f"Your block has {'one convolution' if kernels else 'no convolution'}. Two of 3x3 are asked for.",
        )
    shapes, wanted = [tuple(kernel.shape) for kernel in kernels], (3, 3, filters, filters)
    if shapes != [wanted, wanted]:
        raise Wrong(
            "other kernels",
            f"The kernels of your block have the shapes {', '.join(map(str, shapes))}. Two are asked for, both "
            f"{wanted}: 3x3, from {filters} channels to {filters}.",
        )
    trained = {id(weight) for weight in model.trainable_weights}
    if frozen := sum(id(kernel) not in trained for kernel in kernels):
        raise Wrong(
            "frozen",
            f"{'One of your two convolutions is' if frozen == 1 else 'Your two convolutions are'} frozen "
            "(`trainable=False`): no training moves it. Both are to learn.",
        )
    return model, kernels


_STUCK = {  # what a weight is changed to, and what was the matter if all kernels move then
    "both at zero": (
        lambda value, is_kernel, random: value - 0.01 * (not is_kernel and not value.any()),
        "Two parts of your branch begin at zero, and one is multiplied by the other. Each has the other as a factor in "
        "its gradient, so neither moves. Only one of them may begin at zero.",
    ),
    "slope at zero": (
        lambda value, is_kernel, random: random.normal(size=value.shape) * 0.1 if is_kernel else value,
        "What begins at zero is followed by a ReLU, whose slope there is 0: no gradient gets past it.",
    ),
    "always negative": (
        lambda value, is_kernel, random: value if is_kernel else np.maximum(value, 0),
        "A bias is so negative that the ReLU after it gives 0 for every input, and there its slope is 0 too.",
    ),
}


def _learns(keras, model, kernels, images, random):
    """A few steps move every kernel; if not, find out what has to be changed at the beginning so that they do."""
    start, targets = _values(model.weights), random.normal(size=images.shape).astype("float32")
    of_kernels = [any(weight is kernel for kernel in kernels) for weight in model.weights]

    def unmoved(change=lambda value, is_kernel, random: value):
        for weight, value, is_kernel in zip(model.weights, start, of_kernels, strict=True):
            weight.assign(change(value, is_kernel, random))
        begun = _values(kernels)
        model.compile(keras.optimizers.Adam(0.02), "mse")
        with contextlib.suppress(ValueError):  # no gradient for any weight
            model.fit(images, targets, batch_size=4, epochs=3, verbose=0)
        return sum(np.allclose(new, old, atol=1e-7) for new, old in zip(_values(kernels), begun, strict=True))

    if not (still := unmoved()):
        return
    said = f"After six steps of training, {'one kernel has' if still == 1 else 'both kernels have'} not moved. "
    both = not any(value.any() for value, is_kernel in zip(start, of_kernels, strict=True) if is_kernel)
    for name, (change, hint) in _STUCK.items():
        if (both and name == "both at zero") or not unmoved(change):
            raise Wrong(name, said + hint)
    raise Wrong("stuck", f"{said}Something between kernel and result lets no gradient back.")


# --- an idea and its evidence -----------------------------------------------------------------------------------------

_SEEDS, _IMAGES, _EPOCHS, _BATCH = range(5), 500, 4, 25
_STEPS = _EPOCHS * _IMAGES // _BATCH
_MOST, _WITHIN, _LEARNED = 30_000, 0.05, 0.25
_T = 2.776  # Student's t for five pairs, at 0.95
_CLEAR = 0.05  # without any effect, all five pairs are better, by however little, in one case of 32


@functools.cache
def _digits(split):
    from ..datasets import load

    digits = load("mnist", split, source="stand-in", examples=_IMAGES if split == "train" else None)
    return digits.images, digits.labels


def _trainer(build, name):
    """A function that trains, with a seed, what `build` makes, and answers unseen digits; compiled once."""
    import keras

    model = None

    def train(seed, epochs=_EPOCHS):
        nonlocal model
        keras.utils.set_random_seed(seed)
        fresh = run(build, doing=f"`{name}()`")
        if model is None:
            model = fresh
            rate = keras.optimizers.schedules.CosineDecay(2e-3, decay_steps=_STEPS)
            model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
        else:
            model.set_weights(fresh.get_weights())
            for variable in model.optimizer.variables:
                variable.assign(np.zeros(variable.shape, variable.dtype))
        model.fit(*_digits("train"), batch_size=_BATCH, epochs=epochs, verbose=0)
        return networks.outputs(model, _digits("test")[0])

    return train


def _lagging(model):
    """What is said of a network whose normalisations have not caught up after these steps; "" of others."""
    parts = [part for part in networks.with_layers(model) if type(part).__name__ == "BatchNormalization"]
    momentum = max((part.momentum for part in parts), default=0)
    return (momentum > 0.95) * (
        f" It has a `BatchNormalization` with a momentum of {momentum:g}. In training it goes by the batch, in use by "
        f"averages: after {_STEPS} steps, {momentum**_STEPS:.0%} of those is still what they began with. Try "
        "`momentum=0.9`."
    )


@task(
    "11.evidence",
    "a pair of functions, each of which builds a Keras model",
    mistakes=(
        *("wrong type", "no return", "input shape", "output shape", "no probabilities", "parameters"),
        *("not comparable", "the same network", "learned nothing", "averages behind", "worse", "noise"),
    ),
    nudges=(
        "Which one change of the chapter helps most where training is as short as here? Count the parameters of both "
        "networks first.",
        "Four epochs are few: what makes the first steps count gains most. If the gain is lost in the noise, take a "
        "network in which the change has more to do, such as a deeper one.",
    ),
    why="Two networks, the same number of parameters, the same images, steps and seeds, and a gain that is larger than "
    "luck: that is what a sentence such as `it helps` rests on. And it holds for these digits and this budget.",
)
def _evidence(answer):
    if not isinstance(answer, (list, tuple)) or len(answer) != 2:
        raise Wrong("wrong type", f"This check wants two functions, `(without, with_it)`, and got {describe(answer)}.")
    names, models = ("without", "with_it"), []
    for name, build in zip(names, answer, strict=True):
        is_callable(build, name)
    for name, build in zip(names, answer, strict=True):
        model = run(build, doing=f"`{name}()`")
        if model is None:
            raise Wrong("no return", f"`{name}()` returns nothing. It ends with `return keras.Model(...)`.")
        try:
            networks.is_model(model)
            networks.gives(model, input_shape=(28, 28, 1), output_shape=(10,))
            networks.probabilities(model, input_shape=(28, 28, 1))
            networks.parameters(model, at_most=_MOST)
        except Wrong as wrong:
            raise Wrong(wrong.mistake, f"What `{name}()` builds: {wrong.hint}", wrong.outcome) from wrong
        models.append(model)
    counts = [model.count_params() for model in models]
    if abs(counts[1] - counts[0]) > _WITHIN * max(counts):
        raise Wrong(
            "not comparable",
            f"`without()` has {counts[0]:,} parameters and `with_it()` {counts[1]:,}. If one of them is larger by more "
            f"than {_WITHIN:.0%}, nobody knows whether the idea helped or the size: change the filters of one.",
        )
    trainers = [_trainer(build, name) for name, build in zip(names, answer, strict=True)]
    shapes = [[tuple(weight.shape) for weight in model.weights] for model in models]
    if shapes[0] == shapes[1] and np.allclose(*(train(0, epochs=1) for train in trainers), rtol=0, atol=1e-6):
        raise Wrong(
            "the same network",
            "After an epoch with the same seed, the two networks answer exactly the same: they are the same one, or "
            "differ in something that has no effect. Which change is in `with_it` alone?",
        )
    print(f"The check trains each network {len(_SEEDS)} times on {_IMAGES} digits ...", flush=True)
    right = _digits("test")[1]
    before, after = [
        np.array([float((train(seed).argmax(axis=-1) == right).mean()) for seed in _SEEDS]) for train in trainers
    ]
    gains = after - before
    mean, margin, least = float(gains.mean()), float(_T * gains.std(ddof=1) / math.sqrt(len(gains))), float(gains.min())
    said = (
        f"Without: {', '.join(f'{value:.3f}' for value in before)}. With: "
        f"{', '.join(f'{value:.3f}' for value in after)}. The gain is {mean:+.3f}, give or take {margin:.3f}."
    )
    for name, values, model in zip(names, (before, after), models, strict=True):
        lagging, at = _lagging(model), f"{said} `{name}()` stands near chance: {values.mean():.2f} on average."
        if lagging and (values.mean() < _LEARNED or (name == "with_it" and mean < 0)):
            raise Wrong("averages behind", f"{said} The matter is with `{name}()`.{lagging}")
        if values.mean() < _LEARNED and name == "without":
            more = (
                f"Compare with one that is at work, {_LEARNED} or more: beside this one, whatever one takes looks good."
            )
            raise Wrong("learned nothing", f"{at} {more}")
        if values.mean() < _LEARNED:
            raise Wrong(
                "learned nothing", f"{at} In so few steps, it learns nothing. What does your idea do to the first ones?"
            )
    if mean < 0:
        raise Wrong("worse", f"{said} That is evidence too, of the opposite. Where would your idea have more to do?")
    if mean <= margin and least < _CLEAR:
        raise Wrong(
            "noise",
            f"{said} The margin is larger, and not every pair is better by {_CLEAR} or more (the least gain is "
            f"{least:+.3f}): with these seeds, nobody can tell it from luck.",
        )
    if mean <= margin:
        said += f" The seeds differ much, and yet each of the five gains is {least:.3f} or more: luck hardly does that."
    return said
