"""The checks of chapter 02, From lines to networks."""

import math
from functools import partial

import numpy as np

from ..datasets.drawn import draw
from .engine import Wrong, run
from .kinds import Mistake, call, function, is_callable, prediction, task, typed

prediction(
    "02.random_labels",
    right="nearly all of them",
    choices={
        "about a tenth": "That is what it will reach on images that it has not seen: there is nothing to find out "
        "about them. The question is about the 200 images that it is trained on, again and again.",
        "about half": "Why stop there? The loss has a slope as long as any image is wrong, and there are far more "
        "weights than images.",
        "nearly all of them": "With 150,000 weights and 200 images it can give each image its own label, whatever "
        "the labels are. So a high accuracy on training images says nothing about having understood anything. You "
        "will see it happen in task 6.",
    },
    nudges=(
        "How many weights has the network, and how many labels does it have to get right?",
        "Think of the test in which a network learns twenty images by heart. Does it matter what they show?",
    ),
)


def _log_softmax(scores, axis=1):
    shifted = scores - scores.max(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


def _nll(scores, labels):
    return float(-_log_softmax(scores)[np.arange(len(labels)), labels].mean())


def _several(scores, accepted, *, axis=1, loss=None, shares=None, mean=len):
    """Mean of -log(sum of the accepted probabilities), and its gradient; parts of it can be others.

    `loss` and `shares` are computed from the log-probabilities, with minus infinity where a class is not accepted.
    """
    log_p = _log_softmax(scores, axis)
    inside = np.where(accepted, log_p, -np.inf)
    losses = (loss or _exact_losses)(inside)
    return float(losses.sum() / mean(scores)), (np.exp(log_p) - (shares or _exact_shares)(inside)) / mean(scores)


def _exact_losses(inside):
    largest = inside.max(axis=1)
    return -largest - np.log(np.exp(inside - largest[:, None]).sum(axis=1))


def _exact_shares(inside):
    return np.exp(inside + _exact_losses(inside)[:, None])


def _rounded_losses(inside, least=0.0, added=0.0):
    with np.errstate(divide="ignore"):
        return -np.log(np.maximum(np.exp(inside).sum(axis=1), least) + added)


def _rounded_shares(inside, least=0.0, added=0.0):
    p = np.exp(inside)
    with np.errstate(invalid="ignore"):
        return p / (np.maximum(p.sum(axis=1, keepdims=True), least) + added)


def _several_plain(scores, accepted, pick=np.multiply):
    with np.errstate(all="ignore"):
        p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        right = pick(p, accepted)
        total = right.sum(axis=1, keepdims=True)
        return float(-np.log(total).mean()), (p - right / total) / len(scores)


def _in_full(inside):
    return np.isfinite(inside).astype(float)


def _equally(inside):
    return _in_full(inside) / _in_full(inside).sum(axis=1, keepdims=True)


def _best(inside):
    return (np.arange(inside.shape[1]) == inside.argmax(axis=1)[:, None]).astype(float)


def _logarithms(inside):
    return -np.where(np.isfinite(inside), inside, 0).sum(axis=1)


def _sum_of_logarithms(scores, accepted):
    p, count = np.exp(_log_softmax(scores)), accepted.sum(axis=1, keepdims=True)
    return _several(scores, accepted, loss=_logarithms)[0], (count * p - accepted) / len(scores)


def _turned(loss=1, gradient=1):
    def turned(scores, accepted):
        right = _several(scores, accepted)
        return loss * right[0], gradient * right[1]

    return turned


_FLOORS = (1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-15, 1e-16)
_CUT = [dict.fromkeys([how], least) for how in ("least", "added") for least in _FLOORS]


def _cut(how, shares):
    return {"loss": lambda inside: _rounded_losses(inside, **how), "shares": shares}


function(
    "02.several_names",
    "loss_and_gradient(scores, accepted)",
    cases=[
        call(
            np.array([[2.0, -1.0, 0.5], [0.0, 0.3, 0.0], [-3.0, 1.0, 4.0], [0.3, 2.2, -0.7]]),
            np.array([[True, False, False], [True, False, True], [True, True, False], [True, True, True]]),
        ),
        call(np.zeros((2, 10)), typed("np.arange(10) == [[3], [7]]")),
        call(
            np.array([[800.0, 795.0, 790.0], [-900.0, -890.0, -880.0]]),
            np.array([[False, True, True], [True, True, False]]),
        ),
        call(np.array([[0.0, 2000.0, 0.0]]), np.array([[True, False, True]])),
        call(np.array([[2, 0, 1], [0, 3, 1]]), np.array([[True, True, False], [False, False, True]])),
        call(np.zeros((1, 1000)), typed("np.arange(1000)[None] == 0")).in_next_cell(),
    ],
    right=_several,
    mistakes=[
        Mistake(
            "overflow",
            [
                _several_plain,
                partial(_several_plain, pick=lambda p, accepted: np.where(accepted, p, 0)),
            ],  # nan * 0 is nan
            "Right for small scores, and `nan` for scores such as 800, whose exponential is larger than any float. "
            "Only differences between the scores of a row matter: which number could you subtract from all of them?",
        ),
        Mistake(
            "loss cut off",
            [
                _cut(how, shares)
                for how in _CUT
                for shares in (
                    None,
                    _rounded_shares,
                    lambda inside, how=how: _rounded_shares(inside, **how),
                )
            ],
            "Right until the accepted probabilities are tiny: there a small number, added or put in as a floor, keeps "
            "the logarithm from becoming infinite, and also keeps the loss from growing as it should. The logarithm "
            "can be taken on paper first.",
        ),
        Mistake(
            "logarithm of zero",
            [{"loss": _rounded_losses, "shares": shares} for shares in (None, _rounded_shares)],
            "Infinite where the accepted classes are very improbable: their probabilities have been rounded to 0 "
            "before the logarithm was taken. The logarithm can be taken on paper first.",
        ),
        Mistake(
            "zero divided by zero",
            {"shares": _rounded_shares},
            "The loss is right, and so is the gradient for moderate scores. Where all accepted probabilities have been "
            "rounded to 0, their shares become 0 divided by 0. Take the shares among the accepted *scores*.",
        ),
        Mistake(
            "written into ints",
            [
                lambda scores, accepted: (
                    _several(scores, accepted)[0],
                    _several(scores, accepted)[1].astype(scores.dtype),
                ),
            ],
            "Right for scores that are floats. Where they are ints, an array made like them (`zeros_like`, a copy) "
            "holds ints too, and rounds all that is written into it. Compute new arrays, or ask for `dtype=float`.",
        ),
        Mistake(
            "mean of the logarithms",
            [
                {"loss": lambda inside: _logarithms(inside) / _in_full(inside).sum(axis=1), "shares": shares}
                for shares in (_equally, None, _in_full)
            ],
            "You average the logarithms of the accepted classes. The names are alternatives: the probability that one "
            "of them is right is a sum, and the logarithm comes after it.",
        ),
        Mistake(
            "sum of the logarithms",
            [
                _sum_of_logarithms,
                {"loss": _logarithms},
                {"loss": _logarithms, "shares": _in_full},
                {"loss": _logarithms, "shares": _equally},
            ],
            "You add a logarithm for each accepted class, as if all names had to be said. One of them is enough: add "
            "their probabilities, and take the logarithm of the sum.",
        ),
        Mistake(
            "likeliest name only",
            [{"loss": lambda inside: -inside.max(axis=1), "shares": shares} for shares in (_best, None)],
            "You count the most probable accepted class only. All accepted classes together are the right answer.",
        ),
        Mistake(
            "each in full",
            {"shares": _in_full},
            "The loss is right. In the gradient you subtract 1 for each accepted class, so that it pulls both names up "
            "to certainty at once. Each should rise by its share: what is the derivative of the logarithm of a sum?",
        ),
        Mistake(
            "shared equally",
            [{"shares": _equally}, {"shares": _best}],
            "The loss is right. In the gradient you share the 1 among the accepted classes without asking how probable "
            "they are. What is the derivative of the logarithm of a sum of exponentials?",
        ),
        Mistake(
            "both signs",
            _turned(loss=-1, gradient=-1),
            "All signs are turned round: the logarithm of a probability is negative, and a loss is larger the worse "
            "the answer.",
        ),
        Mistake(
            "sign of the loss",
            _turned(loss=-1),
            "The gradient is right. The loss has the wrong sign: the logarithm of a probability is negative, and a "
            "loss is larger the worse the answer.",
        ),
        Mistake(
            "sign of the gradient",
            _turned(gradient=-1),
            "The loss is right, and its gradient has the wrong sign: what was said, minus what should have been said.",
        ),
        Mistake(
            "1/N forgotten",
            lambda scores, accepted: (_several(scores, accepted)[0], _several(scores, accepted, mean=lambda _: 1)[1]),
            "The loss is a mean over the examples, and your gradient that of the sum.",
        ),
        Mistake(
            "sum instead of mean",
            [
                {"mean": lambda _: 1},
                lambda scores, accepted: (
                    _several(scores, accepted, mean=lambda _: 1)[0],
                    _several(scores, accepted)[1],
                ),
            ],
            "That is the sum over the examples. The loss is their mean, so that it does not grow with the batch.",
        ),
        Mistake(
            "wrong axis",
            [{"axis": 0}, {"axis": None}],
            "Your probabilities do not add up to 1 for each example. One row is one example: along which axis do its "
            "classes lie?",
        ),
        Mistake(
            "one per example",
            lambda scores, accepted: (
                _exact_losses(np.where(accepted, _log_softmax(scores), -np.inf)),
                _several(scores, accepted)[1],
            ),
            "One loss for each example. The task asks for their mean, a single number.",
        ),
        Mistake(
            "base 10",
            _turned(loss=1 / math.log(10)),
            "That is the logarithm to base 10. `np.log` is the natural one.",
        ),
        Mistake(
            "loss only",
            lambda scores, accepted: _several(scores, accepted)[0],
            "The loss is right. Return its gradient by the scores as well: `return loss, gradient`.",
        ),
        Mistake(
            "gradient only",
            lambda scores, accepted: _several(scores, accepted)[1],
            "The gradient is right. Return the loss before it: `return loss, gradient`.",
        ),
        Mistake(
            "order",
            lambda scores, accepted: _several(scores, accepted)[::-1],
            "Both are right, in another order than asked: first the loss, then its gradient.",
        ),
    ],
    nudges=(
        "Write the loss of one row on paper: the logarithm of a quotient of two sums is a difference of two "
        "logarithms. Then differentiate each; both have the same form.",
        "The derivative of `log(sum(exp(s)))` is the softmax of the scores that are in the sum. One sum runs over all "
        "classes, the other over the accepted ones. Subtract the largest score *of that sum* before you take "
        "exponentials.",
    ),
    why="With one accepted name in each row this is the loss of nearly every classifier, and your gradient is what was "
    "said minus what should have been said. Frameworks take the scores, `from_logits=True` in Keras, for the reason "
    "that you have just met: after a softmax it is too late.",
)


def _staged(w, x, b, y, *, two=2, slope=lambda a, h: 1 - h**2, product=1, penalty=0.2):
    a = w * x + b
    h = math.tanh(a)
    d_a = two * (h - y) * slope(a, h)
    return product * d_a * x + penalty * w, d_a * w, d_a


def _staged_bias_times_x(w, x, b, y):
    by_w, by_x, by_b = _staged(w, x, b, y)
    return by_w, by_x, by_b * x


def _staged_exchanged(w, x, b, y):
    _, _, d_a = _staged(w, x, b, y)
    return d_a * w + 0.2 * w, d_a * x, d_a


function(
    "02.staged",
    "gradients(w, x, b, y)",
    cases=[
        call(0.5, 2.0, -0.3, 1.0).in_next_cell(),
        call(-1.2, 0.7, 0.4, 0.2),
        call(0.8, -1.5, 0.9, -0.5),
    ],
    right=_staged,
    mistakes=[
        Mistake(
            "second use forgotten",
            {"penalty": 0},
            "The gradient of `w` has one part, and `w` is used twice: follow both edges that leave it.",
        ),
        Mistake(
            "first use overwritten",
            {"product": 0},
            "The gradient of `w` is only what comes back through the square of `w`. What comes back through the "
            "product belongs to it too: gradients that meet at a value are added.",
        ),
        Mistake(
            "tanh passed by",
            {"slope": lambda a, h: 1},
            "You go back past tanh as if it were not there. Multiply by its derivative.",
        ),
        Mistake(
            "derivative of tanh at the wrong place",
            [
                {"slope": lambda a, h: 1 - a**2},
                {"slope": lambda a, h: 1 - math.tanh(h) ** 2},
                {"slope": lambda a, h: 1 - h},
            ],
            "The derivative of tanh is 1 minus the square of its *output*. Yours is 1 minus something else.",
        ),
        Mistake(
            "slope of the penalty",
            [
                {"penalty": 0.1},
                {"penalty": -0.2},
                lambda w, x, b, y: _staged(w, x, b, y, penalty=0.2 / w),
                lambda w, x, b, y: _staged(w, x, b, y, penalty=0.1 / w),
            ],
            "What comes back through the product is right. What comes back to `w` through the penalty is not: what is "
            "the derivative of `0.1 * w**2`, and with which sign is it added?",
        ),
        Mistake(
            "bias treated as a product",
            _staged_bias_times_x,
            "The gradients by `w` and `x` are right. `b` enters a sum, not a product: what does a sum hand back?",
        ),
        Mistake(
            "factor 2",
            [{"two": 1}, {"two": 1, "penalty": 0.1}],
            "The derivative of a square has a factor of 2. Yours lacks it, at the error's square at least.",
        ),
        Mistake(
            "factors exchanged",
            _staged_exchanged,
            "At the product, `w` got the gradient times `w`, and `x` times `x`. Each input gets it times the *other* "
            "one.",
        ),
        Mistake(
            "order",
            [
                lambda *given, places=places: tuple(_staged(*given)[i] for i in places)
                for places in ((0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))
            ],
            "All three are right, in another order than asked: of `w`, of `x`, of `b`.",
        ),
        Mistake(
            "sign",
            {"two": -2, "penalty": -0.2},
            "All signs are turned round. The error is `h - y`, so that the gradient of `h` has the sign of the error.",
        ),
        Mistake(
            "sign of the error",
            {"two": -2},
            "What comes back through the penalty is right; all that comes back from the error has its sign turned "
            "round. The error is `h - y`: does it grow or shrink when `h` grows?",
        ),
    ],
    nudges=(
        "Write the forward pass with a name for each circle, then a line for each circle, from the last to the first.",
        "From the end: the sum passes the gradient 1 to both sides; a square multiplies by twice its input; tanh by 1 "
        "minus the square of its output; a product gives each input the other one. And `w` collects twice.",
    ),
    tolerance=1e-4,
    why="This is all that automatic differentiation does: remember the values on the way there, and multiply and add "
    "on the way back. Penalties on weights, weights that are shared, a network that is run twice: wherever a value is "
    "used again, its gradients add.",
)


def _rows(values):
    """An array's last axis as rows, one below the other."""
    return values.reshape(-1, values.shape[-1])


def _by_w(x, d):
    return _rows(x).T @ _rows(d)


def _linear_backward(x, w, d, *, sign=1, by_w=None, by_b=None, by_x=None):
    """The three gradients, any of which can be another."""
    right = _by_w(x, d), _rows(d).sum(axis=0), d @ w.T
    return tuple(
        sign * (one if other is None else other(x, w, d)) for one, other in zip(right, (by_w, by_b, by_x), strict=True)
    )


def _normal(seed, *shape):
    return typed(f"np.random.default_rng({seed}).normal(size={shape})")


function(
    "02.linear_backward",
    "linear_backward(x, w, d)",
    cases=[
        call(_normal(1, 5, 3), _normal(2, 3, 4), _normal(3, 5, 4)),
        call(_normal(10, 2, 5, 3), _normal(11, 3, 4), _normal(12, 2, 5, 4)),  # five places an image
        call(_normal(13, 2, 3, 4, 3), _normal(14, 3, 2), _normal(15, 2, 3, 4, 2)),  # three rows of four places
        call(_normal(4, 3, 3), _normal(5, 3, 3), _normal(6, 3, 3)),
        call(_normal(7, 1, 3), _normal(8, 3, 4), _normal(9, 1, 4)),
        call(np.array([[1, 0, 2], [0, 3, 1]]), np.array([[0.5], [-0.25], [2.0]]), np.array([[0.5], [1.5]])),
    ],
    right=_linear_backward,
    mistakes=[
        Mistake(
            "mean for the bias",
            {"by_b": lambda x, w, d: _rows(d).mean(axis=0)},
            "The gradient of the bias is a mean over the examples. Gradients add; whether the loss is a mean is "
            "already in `d`.",
        ),
        Mistake(
            "divided by N",
            [
                {"by_w": lambda x, w, d: _by_w(x, d) / len(x), "by_b": lambda x, w, d: _rows(d).sum(axis=0) / len(x)},
                lambda x, w, d: _linear_backward(x, w, d / len(x)),
                {"by_w": lambda x, w, d: _by_w(x, d) / len(x)},
            ],
            "You divide by the number of examples. If the loss is a mean, that division has been done where `d` was "
            "made; done again, the gradient is too small.",
        ),
        Mistake(
            "a gradient for each place",
            [
                {"by_w": lambda x, w, d: np.einsum("n...i,n...j->...ij", x, d), "by_b": lambda x, w, d: d.sum(axis=0)},
                {"by_b": lambda x, w, d: d.sum(axis=0)},
            ],
            "Right where an example is one row. Where it has several places, the layer has the same weights and biases "
            "at all of them, so their gradients are added over the places too.",
        ),
        Mistake(
            "bias summed over units",
            {"by_b": lambda x, w, d: d.sum(axis=-1)},
            "The gradient of the bias has one number for each example. There is one bias for each unit: sum over the "
            "other axis.",
        ),
        Mistake(
            "bias kept as a row",
            {"by_b": lambda x, w, d: _rows(d).sum(axis=0, keepdims=True)},
            "The gradient of the bias has two axes. The bias has the shape (units,), and its gradient has the same.",
        ),
        Mistake(
            "bias gradient missing",
            {"by_b": lambda x, w, d: d},
            "The gradient of the bias has the shape of `d`. The same bias is added for every example, and gradients "
            "that meet at one value are added.",
        ),
        Mistake(
            "weights transposed",
            {"by_w": lambda x, w, d: _by_w(x, d).T},
            "The gradient of `w` is transposed. It must have the shape of `w`, (inputs, units).",
        ),
        Mistake(
            "inputs transposed",
            {"by_x": lambda x, w, d: w @ _rows(d).T},
            "The gradient of `x` is transposed. It must have the shape of `x`, the inputs last.",
        ),
        Mistake(
            "one number for all biases",
            {"by_b": lambda x, w, d: d.sum()},
            "The gradient of the bias is one number. There is one bias for each unit: sum over the examples only.",
        ),
        Mistake(
            "bias of one example",
            [{"by_b": lambda x, w, d: _rows(d)[0]}, {"by_b": lambda x, w, d: _rows(d)[-1]}],
            "The gradient of the bias is that of a single example. The same bias is added for every example.",
        ),
        Mistake(
            "written into ints",
            {"by_x": lambda x, w, d: (d @ w.T).astype(x.dtype)},
            "Right where `x` holds floats. Where it holds ints, as images do, an array made like it (`zeros_like`, a "
            "copy) holds ints too, and rounds all that is written into it: the gradient by `x` is no int.",
        ),
        Mistake(
            "sign",
            {"sign": -1},
            "All signs are turned round. The step goes against the gradient, but that is the step's business: here the "
            "gradient itself is asked for.",
        ),
        Mistake(
            "order",
            [
                lambda *given, places=places: tuple(_linear_backward(*given)[i] for i in places)
                for places in ((2, 0, 1), (2, 1, 0), (0, 2, 1))
            ],
            "All three are right, in another order than asked: of `w`, of `b`, of `x`.",
        ),
    ],
    nudges=(
        "Write down the shapes of `x`, `w` and `d`, and the shape that each result must have. Which axes are gone?",
        "With several places, every place of every example is one more use of the same weights. So let "
        "`x.reshape(-1, x.shape[-1])` put all places of all examples below each other; then the products of the "
        "chapter fit. `d @ w.T` works as it is.",
    ),
    why="Every dense layer of every network is trained with this. A layer that is laid at every place of an image is "
    "a convolution with a kernel of 1x1; one with a larger kernel has windows for rows, and the same gradients.",
)

function(
    "02.relu_backward",
    "relu_backward(d, a, negative_slope)",
    cases=[
        call(_normal(1, 4, 5), _normal(2, 4, 5), 0.2),
        call(_normal(3, 2, 3, 4), _normal(4, 2, 3, 4), 0.0),
        call(np.array([[1.0, -2.0, 3.0, -4.0]]), np.array([[2.0, -1.0, -0.5, 0.25]]), 0.1),
        call(np.array([[0.5, -1.5, 0.25]]), np.array([[2, -1, 1]]), 0.5),
        call(np.array([[1.5, 0.0, -0.5]]), np.array([[3.0, 0.0, -1.0]]), 0.3),  # at 0 either slope may be taken
    ],
    right=lambda d, a, negative_slope: d * np.where(a > 0, 1, negative_slope),
    mistakes=[
        Mistake(
            "mask turned round",
            lambda d, a, negative_slope: d * np.where(a < 0, 1, negative_slope),
            "You let the whole gradient through where `a` was negative, and a part of it where `a` was positive.",
        ),
        Mistake(
            "slope left out",
            lambda d, a, negative_slope: d * (a > 0),
            "That is a plain ReLU: nothing comes back where `a` was negative. There the output of the leaky one is "
            "`negative_slope * a`, which changes with `a` as well.",
        ),
        Mistake(
            "slope everywhere",
            lambda d, a, negative_slope: d * negative_slope,
            "You multiply by `negative_slope` everywhere. Where `a` was positive the slope is 1.",
        ),
        Mistake(
            "mask of the gradient",
            lambda d, a, negative_slope: np.where(d > 0, d, negative_slope * d),
            "You reduce negative *gradients*. What decides is whether the input of the ReLU was positive; the gradient "
            "may have either sign.",
        ),
        Mistake(
            "both masks",
            lambda d, a, negative_slope: np.maximum(d, 0) * np.where(a > 0, 1, negative_slope),
            "Negative gradients come back too, from both sides of 0.",
        ),
        Mistake(
            "output instead of slope",
            [
                lambda d, a, negative_slope: d * np.where(a > 0, a, negative_slope * a),
                lambda d, a, negative_slope: d * a,
            ],
            "You multiply by the value of the unit. Its slope is wanted, and that is 1 wherever `a` is positive.",
        ),
        Mistake(
            "no mask",
            lambda d, a, negative_slope: d,
            "All of the gradient comes back. Where `a` was negative, a small change of it does less.",
        ),
        Mistake(
            "forward again",
            lambda d, a, negative_slope: np.where(a > 0, a, negative_slope * a),
            "That is the ReLU itself, the way forward; `d` plays no part in it. Asked is what comes back.",
        ),
        Mistake(
            "arguments exchanged",
            lambda d, a, negative_slope: a * np.where(d > 0, 1, negative_slope),
            "You treat the first argument as what went in, and the second as what comes back. It is the other way "
            "round: `relu_backward(d, a, negative_slope)`.",
        ),
        Mistake(
            "sign",
            lambda d, a, negative_slope: -d * np.where(a > 0, 1, negative_slope),
            "All signs are turned round. Where `a` was positive, the gradient comes back as it is.",
        ),
        Mistake(
            "mask only",
            lambda d, a, negative_slope: np.where(a > 0, 1.0, negative_slope),
            "That is the slope of the ReLU. The chain rule multiplies it with what comes back, `d`.",
        ),
        Mistake(
            "written into ints",
            lambda d, a, negative_slope: (d * np.where(a > 0, 1, negative_slope)).astype(a.dtype),
            "Right where `a` holds floats. Where it holds ints, an array made like it (`zeros_like`, a copy) holds "
            "ints too, and rounds all that is written into it: what comes back has the type of `d`.",
        ),
        Mistake(
            "divided by zero",
            lambda d, a, negative_slope: np.where(a == 0, np.nan, d * np.where(a > 0, 1, negative_slope)),
            "`nan` where `a` is exactly 0, right elsewhere: the slope of a ReLU needs no division. Compare `a` with 0.",
        ),
    ],
    nudges=(
        "Draw the output over `a`: a line on each side of 0. What is the slope of each?",
        "The slope is 1 or `negative_slope`. Multiply `d` by it, element by element.",
    ),
    why="With a slope of 0 what is off gets no gradient, and a unit that is off for every image never comes back: it "
    "is dead (chapter 4 counts them). A small negative slope keeps a way back open.",
)


def _step(
    p, x, labels, rate, *, sign=-1, mean=True, mask=lambda a: a > 0, gate=np.multiply, late=False, answers=1,
    largest=True, still=(), after=False, summed=False,
):  # fmt: skip
    """Loss and new parameters, with switches for the mistakes."""
    a = x @ p["w1"] + p["b1"]
    h = np.maximum(a, 0)
    scores = h @ p["w2"] + p["b2"]
    d = np.exp(_log_softmax(scores)) if largest else _plain_softmax(scores)
    d[np.arange(len(labels)), labels] -= answers
    d = d / len(x) if mean else d
    new_w2 = p["w2"] + sign * rate * h.T @ d
    d_a = gate(mask(a), d @ (new_w2 if late else p["w2"]).T)
    new = {
        "w1": p["w1"] + sign * rate * x.T @ d_a,
        "b1": p["b1"] + sign * rate * d_a.sum(axis=0),
        "w2": new_w2,
        "b2": p["b2"] + sign * rate * d.sum(axis=0),
    }
    if after:
        scores = np.maximum(x @ new["w1"] + new["b1"], 0) @ new["w2"] + new["b2"]
    new |= {name: p[name] for name in still}
    return _nll(scores, labels) * (len(x) if summed else 1), new


def _plain_softmax(scores):
    with np.errstate(all="ignore"):
        return np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)


def _network(seed, inputs=6, hidden=5, classes=4, examples=7, pixels=False):
    """Parameters, examples and labels, as arguments of a case. Pixels make scores in the thousands."""
    p = (
        f"(lambda rng: dict(w1=rng.normal(size=({inputs}, {hidden})), b1=rng.normal(size={hidden}), "
        f"w2=rng.normal(size=({hidden}, {classes})), b2=rng.normal(size={classes})))(np.random.default_rng({seed}))"
    )
    made = f"integers(0, 256, ({examples}, {inputs}))" if pixels else f"normal(size=({examples}, {inputs}))"
    labels = typed(f"np.random.default_rng({seed + 200}).integers(0, {classes}, {examples})")
    return typed(p), typed(f"np.random.default_rng({seed + 100}).{made}"), labels


function(
    "02.train_step",
    "train_step(p, x, labels, rate)",
    cases=[
        call(*_network(1), 0.5),
        call(*_network(2, 3, 8, 3, 10), 0.1),
        call(*_network(3, 4, 4, 4, 4), 1.0),
        call(*_network(4, inputs=20, pixels=True), 0.001),
    ],
    right=_step,
    mistakes=[
        Mistake(
            "uphill",
            {"sign": 1},
            "The step goes uphill, against what it should. Either the gradient is added, which points to where the "
            "loss grows; or the gradient of the scores has the wrong sign: it is what was said minus what should have "
            "been said.",
        ),
        Mistake(
            "1/N forgotten",
            {"mean": False},
            "The loss is a mean, and your gradient that of the sum: the step is too long by the number of examples.",
        ),
        Mistake(
            "overflow",
            [{"largest": False}, {"largest": False, "gate": lambda on, d: np.where(on, d, 0)}],  # 0 times nan is nan
            "Right for small scores. Large ones, as pixels from 0 to 255 make them, give `nan` as new weights: the "
            "loss is safe from that, and the softmax in your gradient is not. Which number could you subtract there?",
        ),
        Mistake(
            "ReLU passed by",
            {"mask": lambda a: 1},
            "The second layer is right. For the first one the gradient must come back through the ReLU, and yours goes "
            "past it.",
        ),
        Mistake(
            "mask turned round",
            {"mask": lambda a: a < 0},
            "The second layer is right. In the first, you let the gradient through where the unit was off.",
        ),
        Mistake(
            "changed before it was used",
            {"late": True},
            "The gradient of the first layer comes back through the *old* second weights. Yours have been changed "
            "already: compute all gradients, then take the step.",
        ),
        Mistake(
            "biases stand still",
            {"still": ("b1", "b2")},
            "The weights are right. The biases have gradients too.",
        ),
        Mistake(
            "first layer stands still",
            {"still": ("w1", "b1")},
            "Only the second layer has changed.",
        ),
        Mistake(
            "one array stands still",
            [{"still": (name,)} for name in ("w1", "b1", "w2", "b2")],
            "Three of the four arrays are right. One has not moved at all: compare each with what it was.",
        ),
        Mistake(
            "second layer stands still",
            {"still": ("w2", "b2")},
            "Only the first layer has changed.",
        ),
        Mistake(
            "answers left out",
            {"answers": 0},
            "The loss is right. The gradient by the scores is what was said *minus what should have been said*; yours "
            "has no answers in it.",
        ),
        Mistake(
            "summed loss",
            {"summed": True},
            "The new parameters are right. The loss is the sum over the examples; return their mean.",
        ),
        Mistake(
            "1/N twice",
            lambda p, x, labels, rate: _step(p, x, labels, rate / len(x)),
            "The step points the right way and is too short by the number of examples. The loss is a mean: divide by N "
            "once, where the gradient of the scores is made.",
        ),
        Mistake(
            "rate",
            [
                lambda p, x, labels, rate: _step(p, x, labels, rate**2),
                *({"rate": one} for one in (0.01, 0.1, 0.5, 1.0)),
            ],
            "The step points the right way and has not the right length. `rate` belongs in it once, as it was given.",
        ),
        Mistake(
            "loss after the step",
            {"after": True},
            "The new parameters are right. The loss is that after the step; the task asks for the loss that the "
            "gradient belongs to, before it.",
        ),
        Mistake(
            "order",
            lambda *given: _step(*given)[::-1],
            "Both are right, in another order than asked: first the loss, then the parameters.",
        ),
        Mistake(
            "parameters only",
            lambda *given: _step(*given)[1],
            "The new parameters are right. Return the loss as well: `return loss, new`.",
        ),
    ],
    nudges=(
        "Forward with a name for each stage; then the gradient of the scores; then tasks 4, 5 and 4 again.",
        "`d` for the scores is `(p - t) / N`. `linear_backward` with the hidden outputs gives the second layer and "
        "what comes back to them; `relu_backward`, with a slope of 0, takes it to the input of the ReLU; "
        "`linear_backward` with `x` gives the first layer.",
    ),
    why="Networks of a thousand layers are trained with this step. Only the graph is longer, and a program writes "
    "the backward half.",
)


class _Sample:
    """A two-layer network for `is_broken`, with faults to order."""

    def __init__(self, seed, classes, fault=None, hidden=12, inputs=8):
        rng = np.random.default_rng(seed)
        # sound: a first loss within 0.1 of guessing; broken: off by more than 1
        spread = {"large start": 30.0, "start": 0.5, "small start": 0.23}.get(fault, 0.02)
        self.p = {
            "w1": rng.normal(size=(inputs, hidden)),
            "b1": rng.normal(scale=0.1, size=hidden),
            "w2": spread * rng.normal(size=(hidden, classes)),
            "b2": np.zeros(classes),
        }
        self.fault = fault

    def loss_and_gradients(self, x, labels):
        p, fault = self.p, self.fault
        a = x @ p["w1"] + p["b1"]
        h = np.maximum(a, 0)
        scores = h @ p["w2"] + p["b2"]
        d = np.exp(_log_softmax(scores))
        d[np.arange(len(labels)), labels] -= 1
        d = d if fault == "1/N forgotten" else d / len(x)
        d_h = d @ p["w2"].T
        d_a = d_h if fault == "no mask" else d_h * (a > 0)
        gradients = {"w1": x.T @ d_a, "b1": d_a.sum(axis=0), "w2": h.T @ d, "b2": d.sum(axis=0)}
        if fault == "bias":
            gradients["b2"] = np.zeros_like(p["b2"])
        if fault == "weights":
            gradients["w1"][1:, 1:] *= 1.2
        if fault == "first bias":
            gradients["b1"] = d_a.mean(axis=0)
        if fault == "sign":
            gradients = {name: -gradient for name, gradient in gradients.items()}
        if fault == "low start":  # a mean over all scores: ten times too small, and its gradient too
            return _nll(scores, labels) / 10, {name: gradient / 10 for name, gradient in gradients.items()}
        return _nll(scores, labels), gradients


_FAULTS = {
    "large start": (
        "first loss missed",
        "You let a network pass whose first loss is many times that of guessing. What should a network say that knows "
        "nothing, and what does that cost?",
    ),
    "start": (
        "first loss barely missed",
        "You found a first loss a hundred times that of guessing, and let one pass that is three times that of "
        "guessing. To be off by more than 1 is a fault.",
    ),
    "sign": ("gradients missed", "You let a network pass whose gradients all have the wrong sign."),
    "1/N forgotten": (
        "scale missed",
        "You let a network pass whose gradients point the right way and are too long by the number of examples. A "
        "correlation, or a comparison of signs, does not see that: compare sizes too.",
    ),
    "no mask": (
        "mask missed",
        "You let a network pass that goes back past the ReLU. Its second layer is right and only some numbers of the "
        "first are wrong: look at the weights of every layer, and at more than one or two.",
    ),
    "weights": (
        "weights missed",
        "You let a network pass whose biases have the right gradients, and most of the weights of the first layer "
        "gradients a fifth too large. Look at the weights too, and not only at the first number; and measure a "
        "difference against the size of the gradient.",
    ),
    "bias": (
        "bias missed",
        "You let a network pass in which a bias has no gradient. Weights are not all there is in `network.p`.",
    ),
    "first bias": (
        "bias missed",
        "You let a network pass in which a bias has the mean of its gradients for their sum. Weights are not all there "
        "is in `network.p`.",
    ),
    "small start": (
        "first loss barely missed",
        "You found a first loss three times that of guessing, and let one pass that is half as much again. To be off "
        "by more than 1 is a fault.",
    ),
    "low start": (
        "low first loss missed",
        "You let a network pass whose first loss is a tenth of that of guessing. It has learned nothing yet, so it "
        "cannot know better: a first loss that is too low shows a fault as well.",
    ),
}


@task(
    "02.is_broken",
    "a function `is_broken(network, x, labels)`",
    mistakes=(
        "sound network accused",
        "first loss too strict",
        "classes counted in the labels",
        "ten classes only",
        "network changed",
        "not True or False",
        *dict.fromkeys(name for name, _ in _FAULTS.values()),
    ),
    nudges=(
        "Two of the chapter's four tests are enough: the first loss, and central differences.",
        "Go through all numbers of all of `network.p`: a little more, a little less, the difference of the losses "
        "divided by the way, and put the number back. Then compare with the gradient. The classes can be counted in "
        "the last bias.",
    ),
    why="Keep this function. It takes a second, and it finds faults that cost days: networks learn in spite of a wrong "
    "gradient, only worse. What it cannot find is a fault in the data.",
)
def _is_broken(is_broken):
    is_callable(is_broken, "is_broken")

    def verdict(seed, classes, fault=None, guessing=False, named=None):
        """Of one network. `guessing`: all its scores are 0. `named`: how many of the classes the labels name."""
        network = _Sample(seed, classes, fault)
        if guessing:
            network.p["w2"][:] = 0
        rng = np.random.default_rng(100 + seed)
        x, labels = rng.normal(size=(9, 8)), rng.integers(0, named or classes, 9)
        labels[0] = (named or classes) - 1
        before = {name: values.copy() for name, values in network.p.items()}
        loss, _ = network.loss_and_gradients(x, labels)
        answer = run(is_broken, network, x, labels, doing="`is_broken(network, x, labels)`")
        if not isinstance(answer, (bool, np.bool_)):
            raise Wrong("not True or False", f"`is_broken` must return True or False; it returned `{answer!r}`.")
        if any(not np.allclose(network.p[name], before[name], atol=1e-9) for name in before):
            raise Wrong(
                "network changed",
                "After your test the network has other weights than before. Put back each number that you have moved.",
            )
        return bool(answer), loss

    def accuse(seed, loss, named=None):
        if not verdict(seed, 10, guessing=True, named=named)[0]:
            raise Wrong(
                "first loss too strict",
                f"You accuse a sound network because of its first loss: it is {loss:.2f}, and guessing costs "
                f"{math.log(10):.2f}. How near must it be? One that starts badly is off by more than 1.",
            )
        if named:
            raise Wrong(
                "classes counted in the labels",
                "You accuse a sound network with ten classes when the labels at hand name only three of them. How many "
                "classes there are, the network itself tells: how many numbers has its last bias?",
            )
        raise Wrong(
            "sound network accused",
            "You accuse a sound network: its gradient is right. What slope does your central difference give for the "
            "largest number of that gradient? (Is the way 2h, and h neither too long nor too short? And how close must "
            "two floats be?)",
        )

    broken, loss = verdict(0, 10)
    if broken:
        accuse(0, loss)
    for seed, classes in ((1, 3), (2, 40)):
        if verdict(seed, classes)[0]:
            raise Wrong(
                "ten classes only",
                f"You accuse a sound network with {classes} classes; one with ten you let pass. What does guessing "
                f"among {classes} cost?",
            )
    broken, loss = verdict(3, 10)
    if broken:
        accuse(3, loss)
    broken, loss = verdict(3, 10, named=3)
    if broken:
        accuse(3, loss, named=3)
    for seed, (fault, found) in enumerate(_FAULTS.items(), start=4):
        if not verdict(seed, 10, fault)[0]:
            raise Wrong(*found)
    return f"Five sound networks passed, {len(_FAULTS)} broken ones were found."


_SHAPES = ["disk", "square", "triangle", "star"]
_LEAST = 0.80


@task(
    "02.your_own",
    "a function `classify(images)`",
    mistakes=("accuracy", "one class only", "one template", "learned by heart", "one label an image", "not labels"),
    nudges=(
        "What reaches 0.32 here, and why can one template for each shape not do more, if a disk may be darker or "
        "lighter than its ground?",
        "Two layers, your `train_step` in batches, and prepared pixels: subtract the mean, divide by the spread. Then "
        "more hidden units, more epochs, a rate ten times larger or smaller.",
    ),
    why="Rates, widths, penalties, more drawn images, another preparation of the pixels: there are many ways, and "
    "which one was worth it only a comparison tells, over several seeds.",
)
def _your_own(classify):
    is_callable(classify, "classify")
    drawing = draw(600, 16, classes=_SHAPES, seed=4711, rotation=10, clutter=0.3)
    found = np.asarray(run(classify, drawing.images.copy(), doing="`classify(images)`"))
    if found.shape != drawing.labels.shape:
        raise Wrong(
            "one label an image",
            f"For {len(drawing)} images your function returned something of shape {found.shape}; expected one label "
            "for each image. `argmax(axis=1)` makes labels of scores.",
        )
    if found.dtype.kind not in "iu" or not np.isin(found, range(4)).all():
        raise Wrong(
            "not labels",
            f"Labels are whole numbers from 0 to 3; yours are {found.dtype}, from {found.min()} to {found.max()}. "
            "`.astype(int)` makes ints of floats.",
        )
    accuracy = float((found == drawing.labels).mean())
    if accuracy < _LEAST:
        seen = draw(2000, 16, classes=_SHAPES, seed=1, rotation=10, clutter=0.3)
        known = float((np.asarray(run(classify, seen.images.copy())) == seen.labels).mean())
        if known > 0.97 and accuracy < 0.7:
            raise Wrong(
                "learned by heart",
                f"It names {known:.0%} of the training images and {accuracy:.0%} of new ones: learned by heart. "
                f"{_LEAST:.0%} are asked for.",
            )
        if len(set(found.tolist())) == 1:
            raise Wrong(
                "one class only",
                f"It calls every image a {_SHAPES[found[0]]}. Has it been trained, and are new images prepared as "
                "those of the training were?",
            )
        if abs(known - accuracy) < 0.15 and 0.29 < accuracy < 0.45:
            raise Wrong(
                "one template",
                f"It names {accuracy:.1%} of new images, about what one template for each shape reaches. A template "
                "cannot stand for shapes that are darker and lighter than their ground: that takes a hidden layer.",
            )
        raise Wrong("accuracy", f"It names {accuracy:.1%} of 600 new images; {_LEAST:.0%} are asked for.")
    return f"It names {accuracy:.1%} of 600 images that it has never seen."
