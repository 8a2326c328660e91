"""The checks of chapter 03, CNN mathematics.

The references are written here once more, apart from `course_utils.arithmetic`: a mistake there must not become a wrong
verdict. ``tests/test_checks_ch03.py`` compares them with Keras.
"""

import math

import numpy as np

from .engine import Wrong
from .kinds import Mistake, call, function, prediction, task, typed

prediction(
    "03.most_weights",
    right="first dense",
    choices={
        "first convolution": "It reads the whole image, but with one small kernel for all places: its weights are "
        "shared. 3 x 3 x 3 for each of 32 filters, and a bias each.",
        "second convolution": "Its depth is 32, so each filter has 3 x 3 x 32 weights: many more than before it, "
        "and still thousands. How many filters has the next convolution, and how deep is each of them?",
        "third convolution": "It has the most weights of the convolutions: 3 x 3 x 64 for each of 128 filters. Have "
        "you looked at the layers that are no convolutions?",
        "first dense": "It shares nothing: each of its 128 units has a weight of its own for each of the 8 x 8 x "
        "128 values that come out of the last pooling. Nearly all weights of the network are there, and it is why "
        "many networks average each feature map before they classify.",
        "last dense": "It shares nothing, true, but it reads only 128 values, and 10 units read them. A layer with "
        "many weights reads many values, or has many units or filters.",
    },
    nudges=(
        "A convolution's kernels are the same at every place. Which layers have weights that are used only once?",
        "For each dense layer, multiply the number of values that it reads by the number of units that read them.",
    ),
)


def _unread(size, kernel_size, strides=1, padding=0, dilation_rate=1, *, rounded=math.floor, more=0, where=None):
    """Pixels that no window reads, with switches for the mistakes; `where` says which cells are counted."""
    reach = dilation_rate * (kernel_size - 1)  # from the kernel's first weight to its last
    places = max(rounded((size + 2 * padding - 1 - reach) / strides) + 1 + more, 0)
    read = {place * strides + tap * dilation_rate - padding for place in range(places) for tap in range(kernel_size)}
    last = max(read, default=-1)
    cells = {"padded": range(-padding, size + padding), "end": range(last + 1, size), "between": range(min(last, size))}
    return sum(cell not in read for cell in cells.get(where, range(size)))


def _unread_of_starts(size, kernel_size, dilation_rate, starts):
    read = {start + tap * dilation_rate for start in starts for tap in range(kernel_size)}
    return sum(pixel not in read for pixel in range(size))


def _places(size, kernel_size, strides, padding, dilation_rate):
    return max((size + 2 * padding - dilation_rate * (kernel_size - 1) - 1) // strides + 1, 0)


def _readings(size, kernel_size, strides, padding, dilation_rate):
    """How often pixels are read in all; a pixel that two windows read counts twice."""
    starts = range(-padding, size + padding - dilation_rate * (kernel_size - 1), strides)
    return sum(0 <= start + tap * dilation_rate < size for start in starts for tap in range(kernel_size))


def _fits(size, kernel_size, strides, padding, dilation_rate):
    return dilation_rate * (kernel_size - 1) + 1 <= size + 2 * padding


function(
    "03.unread",
    "unread(size, kernel_size, strides=1, padding=0, dilation_rate=1)",
    cases=[
        call(7, 3),
        call(8, 3, strides=2),
        call(8, 2, strides=3),
        call(10, 3, strides=4),
        call(8, 3, strides=2, padding=1),
        call(8, 2, strides=3, padding=2),
        call(10, 4, strides=5, padding=2),
        call(9, 2, dilation_rate=2),
        call(12, 2, strides=4, dilation_rate=3),
        call(3, 5, padding=1),
        call(3, 5),
        call(4, 5, strides=2),
        call(7, 4, padding=1, dilation_rate=3),
        call(224, 11, strides=4).in_next_cell(),
        call(227, 11, strides=4).in_next_cell(),
        call(56, 1, strides=2).in_next_cell(),
    ],
    right=_unread,
    mistakes=[
        Mistake(
            "padding ignored",
            {"padding": 0},
            "Your windows stand as if there were no padding. With zeros before the row, the first window begins before "
            "pixel 0.",
        ),
        Mistake(
            "padding on one side",
            lambda n, k, s, p, d: _unread(n + p, k, s, 0, d, where="between") + _unread(n + p, k, s, 0, d, where="end"),
            "Your row grows by `padding` once. It is added at each end, on the left and on the right.",
        ),
        Mistake(
            "padding counted",
            {"where": "padded"},
            "You count cells of padding among what is never read. The task asks for pixels: a zero that nobody reads "
            "is no loss.",
        ),
        Mistake(
            "cells taken for pixels",
            lambda n, k, s, p, d: sum(
                cell not in {i * s + tap * d for i in range((n + 2 * p - 1 - d * (k - 1)) // s + 1) for tap in range(k)}
                for cell in range(n)
            ),
            "Your windows count cells of the padded row, and you look for them among the pixels. Behind `padding` "
            "zeros, which cell is pixel 0?",
        ),
        Mistake(
            "stride ignored",
            {"strides": 1},
            "Your windows move by one pixel. With `strides=2` the kernel takes only every second place.",
        ),
        Mistake(
            "dilation ignored",
            {"dilation_rate": 1},
            "That is right as long as the kernel is not dilated. With `dilation_rate=2` its weights lie two pixels "
            "apart.",
        ),
        Mistake(
            "gaps taken as read",
            lambda n, k, s, p, d: _unread(n, d * (k - 1) + 1, s, p),
            "You take everything from a window's first weight to its last as read. A dilated kernel jumps over the "
            "pixels in its gaps.",
        ),
        Mistake(
            "only the end",
            [
                lambda n, k, s, p, d: _unread(n, k, s, p, d, where="end"),
                lambda n, k, s, p, d: max((n + 2 * p - 1 - d * (k - 1)) % s - p, 0) if _fits(n, k, s, p, d) else n,
                lambda n, k, s, p, d: (n + 2 * p - 1 - d * (k - 1)) % s if _fits(n, k, s, p, d) else n,
                lambda n, k, s, p, d: (n + 2 * p - 1 - d * (k - 1)) % s,
                lambda n, k, s, p, d: (n + 2 * p - k) % s,
                lambda n, k, s, p, d: (n - k) % s,
            ],
            "You count what is left over at the end of the row. Where the stride is larger than the window, or the "
            "kernel has gaps, pixels can be left out in between as well; and what is left over may be padding.",
        ),
        Mistake(
            "only between",
            {"where": "between"},
            "You find the pixels that are left out between windows, and not those behind the last window.",
        ),
        Mistake(
            "a window missing",
            {"more": -1},
            "Your last window is missing. The kernel also stands where it starts: places are one more than steps.",
        ),
        Mistake(
            "a window too many",
            [{"rounded": math.ceil}, {"more": 1}],
            "One of your windows sticks out of the row. A step that would carry the kernel over the edge is not taken.",
        ),
        Mistake(
            "long kernel",
            lambda n, k, s, p, d: _unread(n, k, s, p, d) if _fits(n, k, s, p, d) else 0,
            "Right wherever the kernel fits. Where it is longer than the padded row it stands nowhere: how many pixels "
            "are read then?",
        ),
        Mistake(
            "rounded towards 0",
            {"rounded": int},
            "Right wherever the kernel fits. `int` rounds towards 0, so a kernel that is too long by less than a "
            "stride gets a place in your count. Where does it stand?",
        ),
        Mistake(
            "span too long",
            [
                lambda n, k, s, p, d: _unread_of_starts(n, k, d, range(-p, n + p - d * k, s)),
                lambda n, k, s, p, d: _unread_of_starts(n, k, d, range(-p, n + p - d * k + 1, s)),
            ],
            "Your last window is sometimes missing: you give each weight a gap behind it. How many gaps are there "
            "between the weights of a kernel of 3?",
        ),
        Mistake(
            "span too short",
            lambda n, k, s, p, d: _unread_of_starts(n, k, d, range(-p, n + p - d * (k - 1) + 1, s)),
            "Your last window sometimes sticks out of the row by one cell. A kernel of 3 spans 3 cells: two steps from "
            "its first weight to its last, and one cell more.",
        ),
        Mistake(
            "padding taken as read pixels",
            lambda n, k, s, p, d: n - len({i + t * d for i in range(-p, n + p - d * (k - 1), s) for t in range(k)}),
            "You subtract cells of padding along with the pixels that are read. Which of the cells that a window reads "
            "are pixels?",
        ),
        Mistake(
            "counted twice",
            [
                lambda n, k, s, p, d: n - _places(n, k, s, p, d) * k,
                lambda n, k, s, p, d: max(n - _places(n, k, s, p, d) * k, 0),
                lambda n, k, s, p, d: n - _readings(n, k, s, p, d),
                lambda n, k, s, p, d: max(n - _readings(n, k, s, p, d), 0),
            ],
            "You count a pixel once for each window that reads it. Windows overlap where the stride is smaller than "
            "the kernel.",
        ),
        Mistake(
            "read, not unread",
            lambda n, *rest: n - _unread(n, *rest),
            "That is how many pixels are read. The task asks for the others.",
        ),
    ],
    nudges=(
        "On paper, draw a row of 8 pixels and a kernel of 2 that moves in steps of 3. Which pixels does the window at "
        "each place read?",
        "Three steps: at how many places does the kernel stand; which pixels does it read at each of them (mind where "
        "the first window begins); which of all pixels are in none of these?",
    ),
    why="A layer overlooks pixels without a word. The next cell asks your function what the first layers of two famous "
    "networks overlook.",
)


def _same_total(size, kernel_size, strides=1, *, rounded=math.ceil, least=0):
    """Zeros in all: what the last window sticks out of the row, with switches for the mistakes."""
    return max((rounded(size / strides) - 1) * strides + kernel_size - size, least)


def _same_padding(*args, **switches):
    total = _same_total(*args, **switches)
    return total // 2, total - total // 2


function(
    "03.same_padding",
    "same_padding(size, kernel_size, strides=1)",
    cases=[
        call(7, 3),
        call(8, 5),
        call(8, 2),
        call(9, 4),
        call(7, 3, strides=2),
        call(8, 3, strides=2),
        call(224, 7, strides=2),
        call(10, 5, strides=3),
        call(6, 1, strides=2),
        call(10, 3, strides=5),
    ],
    right=_same_padding,
    mistakes=[
        Mistake(
            "extra one on the left",
            lambda *args: _same_padding(*args)[::-1],
            "The amounts are right, the sides are not: where the number of zeros is odd, Keras puts the extra one "
            "after the row, on the right.",
        ),
        Mistake(
            "half the kernel",
            lambda n, k, s: (k // 2, k // 2),
            "Half a kernel on each side is right for an odd kernel at a stride of 1. With an even kernel that makes "
            "the output one too long, and a stride changes how far the last window reaches.",
        ),
        Mistake(
            "stride ignored",
            {"strides": 1},
            "That is right at a stride of 1. With a larger one there are fewer windows: where does the last of them "
            "begin, and by how much does it overhang?",
        ),
        Mistake(
            "negative",
            {"least": -math.inf},
            "Some of your amounts are negative. Where the last window ends before the row does, nothing overhangs, "
            "and there is nothing to pad.",
        ),
        Mistake(
            "size kept at any stride",
            lambda n, k, s: _same_padding(n * s, k + n * s - n, s),
            "You pad until the output is as long as the input, at any stride. Keras promises that at a stride of 1 "
            "only; otherwise the output has `size / strides` places, rounded up.",
        ),
        Mistake(
            "output rounded down",
            {"rounded": math.floor},
            "You have one window too few where the stride does not divide the size: with same padding, the number of "
            "places is rounded up.",
        ),
        Mistake(
            "all after",
            lambda *args: (0, _same_total(*args)),
            "The whole amount is right, and all of it stands after the row. Only an odd zero does: the others are "
            "shared between the two sides.",
        ),
        Mistake(
            "stride divides the size",
            lambda n, k, s: (max(k - s, 0) // 2, max(k - s, 0) - max(k - s, 0) // 2),
            "Right where the stride divides the size. Elsewhere the last window begins nearer to the end of the row: "
            "where, for 7 pixels and a stride of 2?",
        ),
        Mistake(
            "total on both sides",
            lambda *args: (_same_total(*args),) * 2,
            "That is the whole amount, twice. It is shared between the two sides.",
        ),
        Mistake(
            "half pixels",
            lambda *args: (_same_total(*args) / 2,) * 2,
            "An odd number of zeros cannot be halved: one side gets one more than the other.",
        ),
        Mistake(
            "one too few",
            lambda *args: (_same_total(*args) // 2,) * 2,
            "Both sides get the same, also where the number of zeros is odd: there, one of yours is lost.",
        ),
        Mistake(
            "one number",
            _same_total,
            "That is the whole amount. The task asks for two numbers: how many zeros before the row, how many after "
            "it.",
        ),
    ],
    nudges=(
        "Begin at the other end: how many places must the output have, and where does the last window begin and end?",
        "Windows begin at 0, `strides`, 2 `strides`, and so on. By how much does the last of them stick out of the "
        "row? That many zeros are needed in all, before and after.",
    ),
    why="With an even kernel or a stride of 2 the padding can be lopsided, so the kernel's centre moves by half a "
    "pixel. PyTorch pads both sides alike where its padding is a number: weights carried from one framework to the "
    "other give slightly different outputs for this reason, until somebody counts the zeros.",
)


def _cost(output_size, kernel_size, in_channels, filters, groups=1, *, depth=(1, 1), bias=1):
    """Parameters and multiply-adds, with switches for the mistakes."""
    area = kernel_size[0] * kernel_size[1]
    stored, computed = (area * (in_channels // groups if counted else 1) * filters for counted in depth)
    return stored + bias * filters, computed * output_size[0] * output_size[1]


def _square(pair, side=0):
    return pair[side], pair[side]


function(
    "03.cost",
    "conv_cost(output_size, kernel_size, in_channels, filters, groups=1)",
    cases=[
        call((28, 28), (5, 5), 1, 6),
        call((10, 7), (3, 5), 4, 8),
        call((9, 12), (1, 1), 64, 32),
        call((1, 1), (7, 7), 512, 4096),
        call((10, 7), (3, 5), 12, 8, groups=4),
        call((6, 5), (3, 3), 16, 16, groups=16),
        call((32, 32), (3, 3), 32, 64, groups=32).in_next_cell(),
    ],
    right=_cost,
    mistakes=[
        Mistake(
            "depth forgotten",
            {"depth": (0, 0)},
            "Both numbers are as if the input had one channel. A kernel reaches through all channels of its input: the "
            "depth is forgotten.",
        ),
        Mistake(
            "depth forgotten in the parameters",
            {"depth": (0, 1)},
            "The multiply-adds are right. The parameters are as if the input had one channel: each filter has a "
            "weight for every channel too.",
        ),
        Mistake(
            "depth forgotten in the multiply-adds",
            {"depth": (1, 0)},
            "The parameters are right. The multiply-adds are as if the input had one channel.",
        ),
        Mistake(
            "bias forgotten",
            {"bias": 0},
            "The weights are all there. What does a layer add to the sum at each place, and how many of those does "
            "it have?",
        ),
        Mistake(
            "one bias",
            lambda *args: (_cost(*args, bias=0)[0] + 1, _cost(*args)[1]),
            "You count one bias for the whole layer. Each filter has its own.",
        ),
        Mistake(
            "bias per weight",
            lambda *args: (2 * _cost(*args, bias=0)[0], _cost(*args)[1]),
            "You count a bias for every weight. It is added once, to the finished sum.",
        ),
        Mistake(
            "bias per channel",
            lambda out, k, depth, filters, groups: _cost(out, k, depth, filters, groups, bias=depth),
            "You count a bias for every input channel of a filter. The channels are summed first, and the bias is "
            "added to that one sum.",
        ),
        Mistake(
            "bias per place",
            lambda out, *rest: _cost(out, *rest, bias=math.prod(out)),
            "You count a bias for every place of the output. Like the weights, it is shared by all places.",
        ),
        Mistake(
            "groups ignored",
            {"groups": 1},
            "That is right for one group. With `groups=4` each filter reads only a quarter of the channels.",
        ),
        Mistake(
            "groups in one number only",
            [
                lambda *args: (_cost(*args)[0], _cost(*args[:4])[1]),
                lambda *args: (_cost(*args[:4])[0], _cost(*args)[1]),
            ],
            "Only one of your numbers knows of `groups`. A filter that reads fewer channels has fewer weights, and "
            "makes fewer products with them.",
        ),
        Mistake(
            "multiplied by the groups",
            lambda *args: (_cost(*args[:4], bias=0)[0] * args[4] + args[3], _cost(*args[:4])[1] * args[4]),
            "You multiply by `groups`. Groups save: each filter reads only the channels of its own group.",
        ),
        Mistake(
            "one group",
            [
                lambda out, k, depth, filters, groups: _cost(out, k, depth // groups, filters // groups),
                lambda out, k, depth, filters, groups: (
                    _cost(out, k, depth // groups, filters // groups, bias=groups)[0],
                    _cost(out, k, depth // groups, filters // groups)[1],
                ),
            ],
            "You divide channels and filters by `groups`: that is the cost of one group. All groups together have all "
            "`filters`.",
        ),
        Mistake(
            "biases divided",
            lambda *args: (_cost(*args, bias=0)[0] + args[3] // args[4], _cost(*args)[1]),
            "The weights are right. The biases are not shared out among the groups: every filter has one.",
        ),
        Mistake(
            "filters forgotten",
            {"filters": 1},
            "That is the cost of one filter. The layer has `filters` of them.",
        ),
        Mistake(
            "filters forgotten in the multiply-adds",
            lambda out, k, depth, filters, groups: (
                _cost(out, k, depth, filters, groups)[0],
                _cost(out, k, depth, 1, groups)[1],
            ),
            "The parameters are right. The multiply-adds are those of one filter, at all its places.",
        ),
        Mistake(
            "taken as square",
            [
                lambda out, k, *rest: _cost(_square(out), _square(k), *rest),
                lambda out, k, *rest: _cost(out, _square(k), *rest),
                lambda out, k, *rest: _cost(_square(out), k, *rest),
            ],
            "Right for squares only: you use the height twice. Kernels and feature maps may be wider than high.",
        ),
        Mistake(
            "width used twice",
            [
                lambda out, k, *rest: _cost(_square(out, 1), _square(k, 1), *rest),
                lambda out, k, *rest: _cost(out, _square(k, 1), *rest),
                lambda out, k, *rest: _cost(_square(out, 1), k, *rest),
            ],
            "Right for squares only: you use the width twice. Pairs are (height, width), and the two may differ.",
        ),
        Mistake(
            "multiplications and additions apart",
            lambda *args: (_cost(*args)[0], 2 * _cost(*args)[1]),
            "The parameters are right, the multiply-adds are twice too many. A multiplication and the addition that "
            "follows it count as one. (Papers that count FLOPs count two: always ask which.)",
        ),
        Mistake(
            "one place",
            lambda *args: (_cost(*args)[0], _cost((1, 1), *args[1:])[1]),
            "The parameters are right. The multiply-adds are those of one place of the output; the kernel visits "
            "them all.",
        ),
        Mistake(
            "bias in the multiply-adds",
            lambda out, *rest: (_cost(out, *rest)[0], _cost(out, *rest)[0] * math.prod(out)),
            "The parameters are right, the multiply-adds slightly too many: adding the bias needs no "
            "multiplication, and by convention it is not counted.",
        ),
        Mistake(
            "parameters per place",
            lambda *args: (_cost(*args)[1] + args[3], _cost(*args)[1]),
            "The multiply-adds are right. Your parameters grow with the output, as if every place had weights of "
            "its own: a convolution shares one kernel among all of them.",
        ),
        Mistake(
            "swapped",
            lambda *args: _cost(*args)[::-1],
            "Both numbers are right and stand in the wrong order: parameters first.",
        ),
    ],
    nudges=(
        "Think of one filter first: how many weights does it have, and what is added at the end? Then of all "
        "filters, then of all places.",
        "A filter is a block as high and wide as the kernel and as deep as what it reads, with one bias. With groups "
        "it reads fewer channels. Stored once, it is used at every place of the output.",
    ),
    why="Stored once, used everywhere: that is why a layer can be cheap in memory and dear in time, or the reverse. "
    "Groups divide both, and the price is that no filter sees what the other groups see: networks for phones pay it, "
    "and mix the channels again with cheap 1x1 convolutions.",
)


def _convolve(image, kernels, strides=1):
    height, width = kernels.shape[:2]
    windows = np.lib.stride_tricks.sliding_window_view(image, (height, width), axis=(0, 1))[::strides, ::strides]
    return np.einsum("yxchw,hwcf->yxf", windows, kernels)


def _convolve_case(image_shape, kernels_shape, ending="", **strides):
    """Arrays that a student can type, and that no turn or mirror leaves as they are; `ending` divides the image."""
    image = f"np.arange({math.prod(image_shape)}).reshape{image_shape} ** 2 % 11{ending}"
    kernels = f"np.arange({math.prod(kernels_shape)}).reshape{kernels_shape} ** 2 % 13 / 4 - 1"
    return call(typed(image), typed(kernels), **strides)


_ONES = call(np.ones((6, 6, 2)), np.ones((3, 3, 2, 1)))
_CONVOLVE = [  # one channel, of ints; an oblong kernel; strides that fit and strides that do not; many channels
    _convolve_case((5, 6, 1), (3, 3, 1, 1)).told(
        stopping="This image has more columns than rows: have `i` and `j`, or height and width, changed places "
        "somewhere?",
        right_for=_ONES,
    ),
    _convolve_case((6, 8, 3), (2, 3, 3, 2), " / 2").told(
        stopping="These kernels are wider than high and there are two of them: is each axis used for what it is?",
        right_for=_ONES,
    ),
    _convolve_case((9, 6, 2), (3, 2, 2, 4), " / 2", strides=2),
    _convolve_case((8, 6, 2), (3, 3, 2, 2), " / 2", strides=2).told(
        stopping="Here the last step would carry the kernel over the edge. A step that does not fit is not taken: "
        "round down.",
        right_for=_convolve_case((9, 7, 2), (3, 3, 2, 2), strides=2),
    ),
    _convolve_case((10, 11, 5), (2, 3, 5, 2), " / 2", strides=3),
]


def _convolve_too_far(round_up, zeros):
    """A wrong convolution that takes a step which does not fit: over zeros, or with a row of zeros for its result."""

    def convolve(image, kernels, strides):
        places = [
            round_up((side - kernel) / strides) + 1
            for side, kernel in zip(image.shape[:2], kernels.shape[:2], strict=True)
        ]
        if zeros:
            return _convolve(np.pad(image, ((0, strides), (0, strides), (0, 0))), kernels, strides)[
                : places[0], : places[1]
            ]
        maps = np.zeros((*places, kernels.shape[3]))
        good = _convolve(image, kernels, strides)
        maps[: good.shape[0], : good.shape[1]] = good
        return maps

    return convolve


def _convolve_padded(padding):
    """A wrong convolution with padding: that of `padding(side, kernel, strides)`."""

    def convolve(image, kernels, strides):
        zeros = [padding(image.shape[axis], kernels.shape[axis], strides) for axis in (0, 1)]
        return _convolve(np.pad(image, (*zeros, (0, 0))), kernels, strides)

    return convolve


def _largest_product(image, kernels, strides):
    """A wrong convolution that takes the largest product of each window instead of their sum."""
    windows = np.lib.stride_tricks.sliding_window_view(image, kernels.shape[:2], axis=(0, 1))[::strides, ::strides]
    return np.einsum("yxchw,hwcf->yxchwf", windows, kernels).max(axis=(2, 3, 4))


def _one_map_everywhere(chosen):
    """A wrong convolution that writes the map of `chosen(kernels)` into every map."""

    def convolve(image, kernels, strides):
        return np.repeat(_convolve(image, chosen(kernels), strides), kernels.shape[3], axis=2)

    return convolve


function(
    "03.convolve",
    "convolve(image, kernels, strides=1)",
    cases=_CONVOLVE,
    right=_convolve,
    mistakes=[
        Mistake(
            "kernel flipped",
            [
                lambda image, kernels, strides: _convolve(image, kernels[::-1, ::-1], strides),
                lambda image, kernels, strides: _convolve(image, kernels[::-1, ::-1, ::-1], strides),
            ],
            "Your kernel is turned by 180 degrees before it is applied. Mathematics calls that a convolution; "
            "networks leave the turning away (cross-correlation), because a learned kernel can as well be learned "
            "turned.",
        ),
        Mistake(
            "one direction flipped",
            [
                lambda image, kernels, strides: _convolve(image, kernels[::-1], strides),
                lambda image, kernels, strides: _convolve(image, kernels[:, ::-1], strides),
            ],
            "Your kernel is mirrored: one of its directions runs backwards, the rows or the columns.",
        ),
        Mistake(
            "kernel transposed",
            lambda image, kernels, strides: _convolve(image, np.swapaxes(kernels, 0, 1), strides),
            "Rows and columns of your kernel have changed places. Its first axis is the height, as that of the image.",
        ),
        Mistake(
            "largest product",
            _largest_product,
            "You take the largest of the products, as max pooling does. A convolution is their sum.",
        ),
        Mistake(
            "stride ignored",
            {"strides": 1},
            "That is right at a stride of 1. With `strides=2` the kernel stands at every second row and column only.",
        ),
        Mistake(
            "stride only in the shape",
            lambda image, kernels, strides: _convolve(image, kernels)[
                : (image.shape[0] - kernels.shape[0]) // strides + 1,
                : (image.shape[1] - kernels.shape[1]) // strides + 1,
            ],
            "The shape is right, but your windows still move by one pixel: at output row 1, which image row does "
            "the window begin at when the stride is 2?",
        ),
        Mistake(
            "first channel only",
            lambda image, kernels, strides: _convolve(image[..., :1], kernels[:, :, :1], strides),
            "Only the first channel of the image is used. A filter has weights for every channel, and sums over them.",
        ),
        Mistake(
            "channels averaged",
            lambda image, kernels, strides: _convolve(image, kernels, strides) / image.shape[2],
            "Your values are too small by the number of channels: the channels are summed, not averaged.",
        ),
        Mistake(
            "window averaged",
            lambda image, kernels, strides: (
                _convolve(image, kernels, strides) / (image.shape[2] * kernels.shape[0] * kernels.shape[1])
            ),
            "You take the mean over the window. A convolution is the sum of the products.",
        ),
        Mistake(
            "channels kept apart",
            lambda image, kernels, strides: np.stack(
                [_convolve(image[..., [c]], kernels[:, :, [c]], strides) for c in range(image.shape[2])], axis=2
            ),
            "Your result still has an axis for the input's channels. A filter sums over them: one number for each "
            "place and filter.",
        ),
        Mistake(
            "filters summed",
            lambda image, kernels, strides: _convolve(image, kernels.sum(-1, keepdims=True), strides)[..., 0],
            "The filters are summed into one map. Each filter makes a map of its own, the last axis of the result.",
        ),
        Mistake(
            "filters first",
            lambda image, kernels, strides: np.moveaxis(_convolve(image, kernels, strides), -1, 0),
            "The values are right and the axes are not: yours are (filters, height, width), the order of PyTorch. "
            "Keras puts the channels last: (height, width, filters).",
        ),
        Mistake(
            "rows and columns swapped",
            lambda image, kernels, strides: np.swapaxes(_convolve(image, kernels, strides), 0, 1),
            "The values are right and the axes are not: rows and columns are swapped. The first axis is the height.",
        ),
        Mistake(
            "one row and column missing",
            lambda image, kernels, strides: _convolve(image[:-1, :-1], kernels, strides),
            "Your kernel stops one place before the end. Places are one more than steps.",
        ),
        Mistake(
            "one filter in every map",
            [
                _one_map_everywhere(lambda kernels: kernels[..., :1]),
                _one_map_everywhere(lambda kernels: kernels[..., -1:]),
                _one_map_everywhere(lambda kernels: kernels.sum(axis=3, keepdims=True)),
            ],
            "All your maps have the same values: those of one filter, or the sum over all of them. Map `f` is made "
            "with filter `f` alone, `kernels[..., f]`.",
        ),
        Mistake(
            "padding added",
            [
                _convolve_padded(lambda side, kernel, strides: (1, 1)),
                _convolve_padded(lambda side, kernel, strides: (kernel // 2, kernel // 2)),
                _convolve_padded(lambda side, kernel, strides: _same_padding(side, kernel, strides)),
                _convolve_padded(lambda side, kernel, strides: _same_padding(side, kernel)),
            ],
            "You pad the image, so there are more places than the task wants. Here there is no padding: the kernel "
            "stays inside the image.",
        ),
        Mistake(
            "a step that does not fit",
            [_convolve_too_far(round_up, zeros) for round_up in (math.ceil, round) for zeros in (True, False)],
            "Your maps are too large where the stride does not fit. A step that does not fit is not taken: the "
            "number of places is rounded down.",
        ),
        Mistake(
            "fractions lost",
            [
                lambda image, kernels, strides: _convolve(image, kernels, strides).astype(int),
                lambda image, kernels, strides: _convolve(image, kernels, strides).astype(image.dtype),
            ],
            "Your values lost their fractions: an array made as integers cuts off whatever is written into it. "
            "`np.zeros_like` of an image of integers makes such an array too.",
        ),
    ],
    nudges=(
        "Compute one number first: the output at row 0, column 0, for filter 0. Which part of the image, times "
        "what, summed over what?",
        "Two loops over the places of the output. At each, cut the window out of the image (it has the shape of one "
        "filter), multiply, and sum over height, width and channels, for each filter.",
    ),
    why="These few lines are what a Conv2D layer computes, apart from the bias. Everything else about it is speed: "
    "libraries do the same sums as one large matrix product.",
)


def _receptive_field(layers):
    size = step = 1
    for kernel_size, strides in layers:
        size += (kernel_size - 1) * step
        step *= strides
    return size


def _own_stride(layers):
    size = step = 1
    for kernel_size, strides in layers:
        step *= strides
        size += (kernel_size - 1) * step
    return size


def _pixels_used(layers):
    pixels = {0}
    for kernel_size, strides in reversed(layers):
        pixels = {pixel * strides + offset for pixel in pixels for offset in range(kernel_size)}
    return len(pixels)


def _a_step_for_each_neighbour(layers):
    field = 1
    for kernel_size, strides in reversed(layers):
        field = field * strides + kernel_size
    return field


def _from_the_front(layers):
    size = 1
    for kernel_size, strides in layers:
        size = (size - 1) * strides + kernel_size
    return size


function(
    "03.receptive_field",
    "receptive_field(layers)",
    cases=[
        call([(3, 1)]),
        call([(3, 1), (3, 1)]),
        call([(3, 2), (3, 1)]),
        call([(3, 1), (2, 2), (5, 1), (2, 2)]),
        call([(7, 2), (3, 2), (3, 1), (1, 2), (3, 1)]),
        call([(1, 2), (3, 1)]),
        call([(5, 3), (3, 2), (2, 4), (3, 1)]),
        call([]),
        call([(3, 2), (3, 1), (3, 1)]).in_next_cell(),
        call([(3, 1), (3, 1), (3, 2)]).in_next_cell(),
    ],
    right=_receptive_field,
    mistakes=[
        Mistake(
            "strides ignored",
            lambda layers: 1 + sum(k - 1 for k, _ in layers),
            "That is right as long as every stride is 1. After a stride of 2, neighbours in the feature map lie two "
            "pixels apart in the image, so a kernel spans more.",
        ),
        Mistake(
            "own stride counted",
            _own_stride,
            "A layer's own stride spreads its kernel in your sum. It moves the windows apart, but does not widen "
            "them: it counts for the layers after it only.",
        ),
        Mistake(
            "wrong direction",
            _from_the_front,
            "You go through the list in the wrong direction. Your step answers: how much of the layer before it do so "
            "many neighbours see? To use it, begin at the last layer.",
        ),
        Mistake(
            "a gap too many",
            _a_step_for_each_neighbour,
            "You count a step for each neighbour. Between 3 neighbours there are 2 steps; the last window ends where "
            "its kernel ends.",
        ),
        Mistake(
            "kernels added",
            lambda layers: sum(k for k, _ in layers),
            "Two 3x3 convolutions see 5 pixels, not 6: neighbouring windows overlap. What does each layer add?",
        ),
        Mistake(
            "kernels added with strides",
            lambda layers: sum(k * math.prod(s for _, s in layers[:i]) for i, (k, _) in enumerate(layers)),
            "Your steps are right, but each layer adds a whole kernel. Its windows overlap by all but one of their "
            "places: what is new?",
        ),
        Mistake(
            "kernels multiplied",
            lambda layers: math.prod(k for k, _ in layers),
            "Multiplying would be right if the windows did not overlap. Two 3x3 convolutions see 5 pixels, not 9.",
        ),
        Mistake(
            "forgot the pixel itself",
            lambda layers: _receptive_field(layers) - 1,
            "One too few: before any layer, a pixel sees itself.",
        ),
        Mistake(
            "strides added",
            lambda layers: (
                1 + sum((k - 1) * max(1, sum(s - 1 for _, s in layers[:i]) + 1) for i, (k, _) in enumerate(layers))
            ),
            "You add the strides up. Two strides of 2, one after the other, make a step of 4 pixels: they multiply.",
        ),
        Mistake(
            "pixels counted",
            _pixels_used,
            "You count the pixels that are read. The receptive field is a width: from the first of them to the last, "
            "with those between that nothing reads.",
        ),
        Mistake(
            "last layer only",
            lambda layers: layers[-1][0] if layers else 1,
            "That is what a value sees of the layer just before it. How much does each of those see in turn?",
        ),
    ],
    nudges=(
        "Take one value of the last layer and walk back. Of how many values of the layer before is it made? And "
        "each of those?",
        "Draw two neighbours behind a layer, and the windows before it that they come from: how far apart do the "
        "windows begin, and where does the second one end? Then three neighbours. Begin at the end of the list.",
    ),
    why="A network cannot recognise what does not fit into its receptive field: this number says whether an "
    "architecture can see a face or only an eye. And it is an upper bound: the pixels in its middle count far more "
    "than those at its rim.",
)


def _network(
    layers, input_shape, *, bias=1, dense_bias=None, depth=True, pool=2, round_up=False, valid=0, flat="all",
    grows=True, kept=None, norm=4, biased=False, averaged=True, read=None,
):  # fmt: skip
    """Parameters of a network, with switches for the mistakes."""
    height, width, channels = input_shape
    units, total = None, 0
    for number, (kind, *size) in enumerate(layers):
        if kind == "conv":
            normed = len(layers) > number + 1 and layers[number + 1][0] == "norm"
            total += 9 * (read or channels if depth else 1) * size[0] + bias * size[0] * (biased or not normed)
            channels = size[0] if grows else channels
            height, width = height - valid, width - valid
        elif kind == "pool":
            height, width = (-(-side // pool) if round_up else side // pool for side in (height, width))
        elif kind == "norm":
            total += norm * channels
        elif kind == "average":
            height, width = (1, 1) if averaged else (height, width)
        else:
            if units is None:
                units = {"all": height * width * channels, "map": height * width, "depth": channels}[flat]
            total += units * size[0] + (bias if dense_bias is None else dense_bias) * size[0]
            # What the next dense layer reads: these units, or what a mistake has kept of the map.
            kept_map = {None: 1, "size": height * width, "depth": 1, "map": height * width}[kept]
            units = kept_map * (channels if kept in ("depth", "map") else size[0])
    return total


_VGG16 = [
    *(("conv", 64), ("conv", 64), ("pool",)),
    *(("conv", 128), ("conv", 128), ("pool",)),
    *(("conv", 256), ("conv", 256), ("conv", 256), ("pool",)),
    *(("conv", 512), ("conv", 512), ("conv", 512), ("pool",)),
    *(("conv", 512), ("conv", 512), ("conv", 512), ("pool",)),
    *(("dense", 4096), ("dense", 4096), ("dense", 1000)),
]

function(
    "03.vgg16",
    "network_parameters(layers, input_shape)",
    cases=[
        call([("conv", 8), ("conv", 4)], (16, 16, 3)),
        call([("conv", 8), ("pool",), ("conv", 6), ("pool",), ("dense", 10)], (14, 22, 1)),
        call([("dense", 3), ("dense", 2)], (4, 6, 3)),
        call([("conv", 5), ("norm",), ("pool",), ("conv", 7), ("average",), ("dense", 4), ("dense", 3)], (9, 6, 2)),
        call(typed("vgg16", vgg16=_VGG16), (224, 224, 3)),
        call(typed("today[:2]", today=[("conv", 64), ("norm",)]), (224, 224, 3)).in_next_cell(),
    ],
    right=_network,
    mistakes=[
        Mistake(
            "normalisation ignored",
            {"norm": 0},
            "Your normalisation layers have no numbers. Two for each channel are trained, and two are kept for "
            "predicting.",
        ),
        Mistake(
            "averages not counted",
            {"norm": 2},
            "You count two numbers for each channel of a normalisation layer, the trained ones. It also keeps averages "
            "of the mean and of the variance, and Keras' count, which the task asks for, has them too.",
        ),
        Mistake(
            "bias before normalisation",
            {"biased": True},
            "Your convolutions keep their bias where a normalisation follows. It would be subtracted again with the "
            "mean, so the task leaves it out.",
        ),
        Mistake(
            "average ignored",
            {"averaged": False},
            'Your maps keep their size through `("average",)`. It makes one number of each map: how many does the '
            "next dense layer read?",
        ),
        Mistake(
            "biases forgotten",
            {"bias": 0},
            "All weights are there and no bias: one for each filter and one for each dense unit.",
        ),
        Mistake(
            "biases of the convolutions forgotten",
            {"bias": 0, "dense_bias": 1},
            "The biases of your dense layers are there. A convolution has one for each filter, unless a normalisation "
            "follows.",
        ),
        Mistake(
            "biases of the dense layers forgotten",
            {"dense_bias": 0},
            "The biases of your convolutions are there. A dense layer has one for each unit.",
        ),
        Mistake(
            "depth of 3 everywhere",
            {"read": 3},
            "Each of your convolutions reads 3 channels. The first one reads those of the image; how many maps does "
            "the next one read?",
        ),
        Mistake(
            "depth forgotten",
            {"depth": False},
            "Your convolutions are counted as if their input had one channel. Each reads all maps of the layer "
            "before it.",
        ),
        Mistake(
            "depth of the image",
            {"grows": False},
            "Your depth stays that of the image. After a convolution it is the number of its filters.",
        ),
        Mistake(
            "pooling ignored",
            {"pool": 1},
            "Your maps keep the size of the image, so the first dense layer reads far too many values. Each pooling "
            "halves height and width.",
        ),
        Mistake(
            "pooling rounds up",
            {"round_up": True},
            "A map of 7 rows has 3 after pooling, and 4 in your count: a window that does not fit is left out, so "
            "round down.",
        ),
        Mistake(
            "convolutions shrink",
            {"valid": 2},
            "Your convolutions lose a pixel at each edge. These are padded: they keep height and width.",
        ),
        Mistake(
            "channels not flattened",
            {"flat": "map"},
            "Your first dense layer reads height times width values. Flattening keeps every channel too.",
        ),
        Mistake(
            "map not flattened",
            {"flat": "depth"},
            "Your first dense layer reads one value for each channel, as after global average pooling. Here the "
            "whole map is flattened: every place of every channel.",
        ),
        Mistake(
            "flattened again",
            {"kept": "map"},
            "Each of your dense layers reads the flattened maps. Only the first one does: the next reads the units "
            "of the one before it.",
        ),
        Mistake(
            "map kept after a dense layer",
            {"kept": "size"},
            "Your second dense layer still multiplies by the height and width of the last map. After the first dense "
            "layer there is no map: the next reads its units.",
        ),
        Mistake(
            "depth kept after a dense layer",
            {"kept": "depth"},
            "Your second dense layer reads as many values as the last map has channels. It reads the units of the "
            "dense layer before it: keep account of them too.",
        ),
        Mistake(
            "only the dense layers",
            lambda layers, shape: _network(layers, shape) - _network([s for s in layers if s[0] != "dense"], shape),
            "The dense layers are right, and the convolutions are missing.",
        ),
        Mistake(
            "only the convolutions",
            lambda layers, shape: _network([s for s in layers if s[0] != "dense"], shape),
            "The convolutions are right, and the dense layers are missing.",
        ),
    ],
    nudges=(
        "Walk through the list and keep account of the shape: what does each kind of layer do to height, width and "
        "depth?",
        "A convolution costs what task 4 says and sets the depth; a pooling halves height and width, an average makes "
        "both 1; the first dense layer reads height x width x depth values, the next one as many as the first has "
        "units.",
    ),
    why="VGG16 has 138,357,544 parameters, and with normalisation and a global average in place of its two large dense "
    "layers a ninth of that. Hardly any network since has had dense layers like those.",
)

_INPUT, _OUTPUT = (96, 96, 3), (6, 6, 64)
# The first convolution reads 96x96x3 values at least once for each of 16 filters; four more work on 6x6 or larger.
_LEAST = 96 * 96 * 3 * 16 + 3 * (6 * 6 * 9 * 16 * 16) + 6 * 6 * 9 * 16 * 64
_RULES = {"receptive field": 48, "parameters": 40_000, "multiply-adds": 12_000_000, "convolutions": 5}


@task(
    "03.design",
    'a list of layers, each `("conv", kernel_size, filters, strides)` or `("pool", window, strides)`',
    mistakes=(
        "not a stack",
        "first layer",
        "pixels skipped",
        "pooling without a step",
        "window too large",
        "small convolution",
        "too few convolutions",
        "output size",
        "output depth",
        "receptive field",
        "parameters",
        "multiply-adds",
    ),
    nudges=(
        "From 96 to 6 is a factor of 16. Where in the stack you take which part of it decides what everything after it "
        "costs.",
        "A step taken in a convolution costs less than the same step taken in a pooling behind it. And a place that "
        "is gone early need not be computed again by any later layer.",
    ),
    why="There is no one right answer, and fewest multiply-adds is not best either: a network that steps too fast "
    "at the start has looked at each pixel only once. This bargain, detail against cost, is what designers of "
    "networks for phones make.",
)
def _design(stack):
    layers = _read_stack(stack)
    if layers[0][0] != "conv":
        raise Wrong(
            "first layer", "The first layer must be a convolution: whatever a pooling drops there, no filter has seen."
        )
    height, depth = _INPUT[0], _INPUT[2]
    parameters = multiply_adds = convolutions = 0
    for number, (kind, kernel_size, filters, strides) in enumerate(layers, 1):
        if strides > kernel_size:
            raise Wrong(
                "pixels skipped",
                f"Layer {number} steps by {strides} with a window of {kernel_size}: it never looks at some of its "
                "input.",
            )
        if kind == "pool" and strides == 1:
            raise Wrong(
                "pooling without a step",
                f"Layer {number} is a pooling that steps by 1. It makes no map smaller, and only lifts the receptive "
                "field, which costs nothing in this count: the task asks for 2 or more.",
            )
        if kernel_size > height:
            raise Wrong(
                "window too large",
                f"Layer {number} has a window of {kernel_size} on a map of {height}x{height}. What sticks out reads "
                "padding only, and no pixel more is seen.",
            )
        height = math.ceil(height / strides)
        if kind == "conv":
            if kernel_size < 3 or filters < 16:
                raise Wrong(
                    "small convolution",
                    f"Layer {number} is a convolution of {kernel_size}x{kernel_size} with {filters} filters; the "
                    "task asks for 3x3 or larger and 16 or more.",
                )
            convolutions += 1
            weights = kernel_size**2 * depth * filters
            parameters += weights + filters
            multiply_adds += weights * height**2
            depth = filters
    seen = _receptive_field([(kernel_size, strides) for _, kernel_size, _, strides in layers])
    if convolutions < _RULES["convolutions"]:
        raise Wrong("too few convolutions", f"Convolutions: {convolutions}; the task asks for at least 5.")
    if height != _OUTPUT[0]:
        raise Wrong(
            "output size",
            f"The output is {height}x{height}; the task asks for 6x6. Each layer divides the size by its stride, "
            "and rounds up.",
        )
    if depth != _OUTPUT[2]:
        raise Wrong(
            "output depth", f"The output has {depth} channels; the task asks for 64. The last convolution sets them."
        )
    if seen < _RULES["receptive field"]:
        raise Wrong("receptive field", f"One value of the output sees {seen} pixels; the task asks for 48 or more.")
    if parameters >= _RULES["parameters"]:
        raise Wrong("parameters", f"The stack has {parameters:,} parameters; the task asks for fewer than 40,000.")
    if multiply_adds > _RULES["multiply-adds"]:
        raise Wrong(
            "multiply-adds",
            f"Everything fits but the cost: {multiply_adds:,} multiply-adds, and the task allows 12 million. Which "
            "layer costs most, and at what size does it work?",
        )
    return (
        f"Output 6x6x64, receptive field {seen}, {parameters:,} parameters, and {multiply_adds:,} multiply-adds. "
        f"{_rating(multiply_adds)}"
    )


def _rating(multiply_adds):
    if multiply_adds > 6_000_000:
        least = f"It fits, and costs {multiply_adds / _LEAST:.0f} times the least that the rules allow"
        return f"{least}: at what size does your dearest layer work?"
    if multiply_adds > 2_000_000:
        return "A lean stack. The rules allow a little over 1 million: at what size does your dearest layer work?"
    if multiply_adds > _LEAST:
        return "A very lean one, near the least that the rules allow."
    return "That is the least that the rules allow: no stack is cheaper."


def _read_stack(stack):
    """The stack as (kind, window, filters or None, strides), or `Wrong`."""
    if not isinstance(stack, (list, tuple)) or not stack:
        raise Wrong("not a stack", 'A stack is a list of layers, such as `[("conv", 3, 16, 1), ("pool", 2, 2)]`.')
    layers = []
    for number, layer in enumerate(stack, 1):
        length = {"conv": 4, "pool": 3}.get(layer[0]) if isinstance(layer, (list, tuple)) and layer else None
        if length is None or len(layer) != length or not all(_is_count(size) for size in layer[1:]):
            raise Wrong(
                "not a stack",
                f'Layer {number} cannot be read. It must be `("conv", kernel_size, filters, strides)` or '
                '`("pool", window, strides)`, with whole numbers from 1 up.',
            )
        kind, window, *rest = layer
        layers.append((kind, window, rest[0] if kind == "conv" else None, rest[-1]))
    return layers


def _is_count(size):
    return isinstance(size, (int, np.integer)) and not isinstance(size, bool) and size >= 1
