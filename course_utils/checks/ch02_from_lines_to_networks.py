"""The checks of chapter 02, From lines to networks."""

import math

import numpy as np

from ..datasets.drawn import draw
from .comparing import describe
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


def _rounded_indexed(inside):
    return np.where(np.isfinite(inside), _rounded_shares(inside), 0)


def _zeros_elsewhere(values, accepted):
    return np.where(accepted, values, 0)  # nan * 0 is nan


def _several_plain(scores, accepted, pick=np.multiply, shares=np.true_divide):
    with np.errstate(all="ignore"):
        p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        right = pick(p, accepted)
        total = right.sum(axis=1, keepdims=True)
        return float(-np.log(total).mean()), (p - shares(right, total)) / len(scores)


def _plainly(prepared=lambda scores: scores):
    """`_several_plain` of prepared scores, in all ways to leave out what is not accepted."""

    def indexed(scores, accepted, pick):
        return _several_plain(scores, accepted, pick, lambda right, total: _zeros_elsewhere(right / total, accepted))

    picks = np.multiply, _zeros_elsewhere
    return [
        lambda scores, accepted, of=of, pick=pick: of(prepared(scores), accepted, pick)
        for of in (_several_plain, indexed)
        for pick in picks
    ]


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


def _several_filled(scores, accepted, filler):
    """A number stands in the place of the scores that are not accepted."""
    chosen = np.where(accepted, scores, filler)
    losses = [_exact_losses(np.asarray(s, dtype=float)) for s in (chosen, scores)]
    return float((losses[0] - losses[1]).mean()), (np.exp(_log_softmax(scores)) - np.exp(_log_softmax(chosen))) / len(
        scores
    )


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
        call(np.array([[-2000.0, -2001.0, 3.0]]), np.array([[True, True, False]])),
    ],
    right=_several,
    mistakes=[
        Mistake(
            "overflow",
            _plainly(),
            "Right for small scores, and `nan` for scores such as 800, whose exponential is larger than any float. "
            "Only differences between the scores of a row matter: which number could you subtract from all of its "
            "scores?",
        ),
        Mistake(
            "one maximum for all rows",
            _plainly(lambda scores: scores - scores.max()),
            "You subtract the largest score of the whole array. In a row whose scores are all far below that, every "
            "exponential is rounded to 0. Each row, and each of the two sums in it, has a largest score of its own.",
        ),
        Mistake(
            "scores clipped",
            [
                lambda scores, accepted, most=most: _several(np.clip(scores, -most, most), accepted)
                for most in (10, 20, 30, 50, 100, 200, 300, 500, 600, 700, 709)
            ],
            "Right for small scores. Large ones are clipped, and then 800 and 795 are the same. Which number could you "
            "subtract from all scores of a row without changing its probabilities?",
        ),
        Mistake(
            "not left out of the sum",
            [
                lambda scores, accepted, filler=filler: _several_filled(scores, accepted, filler)
                for filler in (0, -1, -10, -50, -99, -100, -500, -999, -1000)
            ],
            "You put a number in the place of each score that is not accepted, and it takes part in the sum: an "
            "accepted score may be smaller still. Which score has the exponential 0 beside whatever stands there?",
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
            [{"loss": _rounded_losses, "shares": shares} for shares in (None, _rounded_shares, _rounded_indexed)],
            "Infinite where the accepted classes are very improbable: their probabilities have been rounded to 0 "
            "before the logarithm was taken. The logarithm can be taken on paper first.",
        ),
        Mistake(
            "zero divided by zero",
            [{"shares": _rounded_shares}, {"shares": _rounded_indexed}],
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
            "shares of all classes",
            [{"shares": np.exp}, lambda scores, accepted: (_several(scores, accepted)[0], 0.0 * scores)],
            "The loss is right. In the gradient you subtract a softmax that is taken over all classes. The second sum "
            "runs over the accepted ones only, and so do the shares in it, which add up to 1.",
        ),
        Mistake(
            "shared equally",
            [{"shares": _equally}, {"shares": _best}],
            "The loss is right. In the gradient you share the 1 among the accepted classes without asking how probable "
            "they are. What is the derivative of the logarithm of a sum of exponentials?",
        ),
        Mistake(
            "logarithm forgotten",
            [
                {"loss": lambda inside: -np.exp(inside).sum(axis=1), "shares": shares}
                for shares in (None, _rounded_shares, _in_full)
            ],
            "Your loss is minus the probability. The loss of a row is minus its logarithm, which grows without end as "
            "the probability goes to 0.",
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


def _staged(w, x, b, y, *, two=2, slope=lambda a, h: 1 - h**2, product=1, product_of=None, penalty=0.2):
    a = w * x + b
    h = math.tanh(a)
    d_a = two * (h - y) * slope(a, h)
    by_w, by_x = product_of or (x, w)
    return product * d_a * by_w + penalty * w, d_a * by_x, d_a


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
                {"slope": lambda a, h: h * (1 - h)},  # the sigmoid's
                {"slope": lambda a, h: h**2},
            ],
            "The derivative of tanh is 1 minus the square of its *output*. Yours is another.",
        ),
        Mistake(
            "slope of the penalty",
            [
                *({"penalty": penalty} for penalty in (0.1, -0.2, -0.1, 2, 1, 0.4, 0.02, 0.01)),
                lambda w, x, b, y: _staged(w, x, b, y, penalty=0.2 / w),
                lambda w, x, b, y: _staged(w, x, b, y, penalty=0.1 / w),
                lambda w, x, b, y: _staged(w, x, b, y, penalty=0.1 * w),
                lambda w, x, b, y: _staged(w, x, b, y, penalty=0.2 * w),
            ],
            "What comes back through the product is right. What comes back to `w` through the penalty is not: what is "
            "the derivative of `0.1 * w**2`, and with which sign is it added?",
        ),
        Mistake(
            "product passed by",
            [
                lambda w, x, b, y, to_w=to_w, to_x=to_x: _staged(w, x, b, y, product_of=(to_w or x, to_x or w))
                for to_w, to_x in ((1, 1), (1, None), (None, 1))
            ],
            "What came to the product you hand back as it is, to `w` or `x` or both. Each gets it times the *other* "
            "one.",
        ),
        Mistake(
            "bias treated as a product",
            [lambda *given, by=by: (*_staged(*given)[:2], _staged(*given)[2] * given[by]) for by in (1, 2)],
            "The gradients by `w` and `x` are right. `b` enters a sum, not a product: what does a sum hand back?",
        ),
        Mistake(
            "penalty on the bias",
            [
                lambda w, x, b, y, of=of: (*_staged(w, x, b, y)[:2], _staged(w, x, b, y)[2] + 0.2 * of(w, b))
                for of in (lambda w, b: b, lambda w, b: w)
            ],
            "You give `b` a part of the penalty. In the figure, which values does an edge join to the penalty?",
        ),
        Mistake(
            "slope of the square",
            [
                lambda w, x, b, y, power=power: _staged(w, x, b, y, two=power * (math.tanh(w * x + b) - y))
                for power in (2, 1)
            ],
            "Where the error is squared, you multiply by its square. What is the derivative of a square?",
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


def _summed(values):
    """The places of each example added up."""
    return values.sum(axis=tuple(range(1, values.ndim - 1)))


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


_BIASES = (None, lambda x, w, d: d.sum(axis=0), lambda x, w, d: d.sum(axis=-2))
_ONE_ROW_EACH = call(_normal(1, 5, 3), _normal(2, 3, 4), _normal(3, 5, 4))
_FIVE_PLACES = call(_normal(10, 2, 5, 3), _normal(11, 3, 4), _normal(12, 2, 5, 4)).told(
    stopping="Where an example is one row, your function is right. Here each of 2 examples has 5 places, `.T` turns "
    "all three axes round, and `@` multiplies along the last two only. The same weights are used at every place: which "
    "axes of `x` and `d` are gone from the gradient of `w`?",
    right_for=_ONE_ROW_EACH,
)


function(
    "02.linear_backward",
    "linear_backward(x, w, d)",
    cases=[
        _ONE_ROW_EACH,
        _FIVE_PLACES,
        call(_normal(13, 2, 3, 4, 3), _normal(14, 3, 2), _normal(15, 2, 3, 4, 2)).told(
            stopping="With the places in a line, your function is right. Here they have rows and columns: three axes "
            "come before the inputs, and there may be any number.",
            right_for=_FIVE_PLACES,
        ),
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
                wrong
                for count in (len, lambda x: len(_rows(x)))
                for wrong in (
                    {
                        "by_w": lambda x, w, d, count=count: _by_w(x, d) / count(x),
                        "by_b": lambda x, w, d, count=count: _rows(d).sum(axis=0) / count(x),
                    },
                    lambda x, w, d, count=count: _linear_backward(x, w, d / count(x)),
                    {"by_w": lambda x, w, d, count=count: _by_w(x, d) / count(x)},
                )
            ],
            "You divide by the number of examples, or of places. If the loss is a mean, that division has been done "
            "where `d` was made; done again, the gradient is too small.",
        ),
        Mistake(
            "reshaped instead of transposed",
            {"by_w": lambda x, w, d: x.reshape(x.shape[-1], -1) @ _rows(d)},
            "The gradient of `w` has the right shape and the wrong numbers. A reshape to the shape of the transpose "
            "keeps the numbers in their order, so that inputs of different places get into one row.",
        ),
        Mistake(
            "summed before the product",
            {"by_w": lambda x, w, d: _summed(x).T @ _summed(d)},
            "Right where an example is one row. Where it has several places, you add them up before the product, and "
            "so multiply inputs of one place with gradients of another. Every place is a use of its own.",
        ),
        Mistake(
            "a gradient for each place",
            [
                {"by_w": lambda x, w, d: np.einsum("n...i,n...j->...ij", x, d), "by_b": lambda x, w, d: d.sum(axis=0)},
                {"by_b": lambda x, w, d: d.sum(axis=0)},
                *({"by_w": lambda x, w, d: np.swapaxes(x, -1, -2) @ d, "by_b": by_b} for by_b in _BIASES),
            ],
            "Right where an example is one row. Where it has several places, the layer has the same weights and biases "
            "at all of them, so their gradients are added over all places of all examples.",
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
            "places in a column",
            {"by_x": lambda x, w, d: _rows(d) @ w.T},
            "The gradients of `w` and `b` are right, and so are the numbers of that of `x`. It must have the shape of "
            "`x`, with its axes for examples and places.",
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
                for places in ((2, 0, 1), (2, 1, 0), (0, 2, 1), (1, 0, 2), (1, 2, 0))
            ],
            "All three are right, in another order than asked: of `w`, of `b`, of `x`.",
        ),
    ],
    nudges=(
        "Write down the shapes of `x`, `w` and `d`, and the shape that each result must have. Which axes are gone?",
        "With several places, every place of every example is one more use of the same weights. Put all places of all "
        "examples below each other, as the rows of one matrix; then the products of the chapter fit. The gradient by "
        "`x` has nothing to add up.",
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
            "slope written in",
            [{"negative_slope": slope} for slope in (0.01, 0.1, 0.2, 0.3)],
            "Your slope is always the same. Use `negative_slope`, as it is given.",
        ),
        Mistake(
            "sign of the slope",
            lambda d, a, negative_slope: d * np.where(a > 0, 1, -negative_slope),
            "Where `a` was negative your gradient has the wrong sign. There the output is `negative_slope * a`: does "
            "it grow or shrink when `a` grows?",
        ),
        Mistake(
            "slope without the gradient",
            [
                lambda d, a, negative_slope: np.where(a > 0, d, negative_slope),
                lambda d, a, negative_slope: np.where(a > 0, d, negative_slope * a),
            ],
            "Right where `a` was positive. Elsewhere `d` plays no part in what you return: the chain rule multiplies "
            "the slope with what comes back on either side.",
        ),
        Mistake(
            "compared with the slope",
            lambda d, a, negative_slope: d * np.where(a > negative_slope, 1, negative_slope),
            "You compare `a` with `negative_slope`. Where does the output have its bend?",
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
            [
                lambda d, a, negative_slope: (d * np.where(a > 0, 1, negative_slope)).astype(a.dtype),
                lambda d, a, negative_slope: d * np.where(a > 0, 1, negative_slope).astype(a.dtype),
            ],
            "Right where `a` holds floats. Where it holds ints, an array made like it (`zeros_like`, `ones_like`, a "
            "copy) holds ints too, and rounds all that is written into it, slopes too: what comes back has the type of "
            "`d`.",
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
    largest=True, still=(), after=False, summed=False, forward=lambda a: np.maximum(a, 0), mixed=False, loss=None,
):  # fmt: skip
    """Loss and new parameters, with switches for the mistakes."""
    a = x @ p["w1"] + p["b1"]
    h = forward(a)
    scores = h @ p["w2"] + p["b2"]
    losses = (loss or _losses)(scores, labels)
    d = np.exp(_log_softmax(scores)) if largest else _plain_softmax(scores)
    d[np.arange(len(labels)), labels] -= answers
    d = d / len(x) if mean else d
    new_w2 = p["w2"] + sign * rate * (a if mixed else h).T @ d
    d_a = gate(mask(a), d @ (new_w2 if late else p["w2"]).T)
    new = {
        "w1": p["w1"] + sign * rate * x.T @ d_a,
        "b1": p["b1"] + sign * rate * d_a.sum(axis=0),
        "w2": new_w2,
        "b2": p["b2"] + sign * rate * d.sum(axis=0),
    }
    if after:
        losses = _losses(np.maximum(x @ new["w1"] + new["b1"], 0) @ new["w2"] + new["b2"], labels)
    new |= {name: p[name] for name in still}
    return float(losses.sum() if summed else losses.mean()), new


def _losses(scores, labels):
    return -_log_softmax(scores)[np.arange(len(labels)), labels]


def _plain_softmax(scores):
    with np.errstate(all="ignore"):
        return np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)


def _losses_of(softmax, least=0.0, added=0.0):
    """The logarithm of a probability that was computed, and rounded, before."""

    def losses(scores, labels):
        with np.errstate(all="ignore"):
            return -np.log(np.maximum(softmax(scores)[np.arange(len(labels)), labels], least) + added)

    return losses


_rounded = _losses_of(lambda scores: np.exp(_log_softmax(scores)))


def _rounded_everywhere(scores, labels):
    """All logarithms times 0 or 1, which is `nan` where one of them is infinite."""
    return np.where(np.exp(_log_softmax(scores)).min(axis=1) > 0, _losses(scores, labels), np.nan)


_on_nan = (np.multiply, lambda on, d: np.where(on, d, 0))  # 0 times nan is nan


def _changes(p, x, labels, factor):
    """The loss, and in the place of new parameters the gradients times `factor`."""
    loss, new = _step(p, x, labels, 1)
    return loss, {name: (p[name] - new[name]) * factor for name in p}


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
        call(*_network(5)[:2], np.array([0, 2, 1, 0, 1, 2, 2]), 0.5).told(
            stopping="Here no example is of the last class. How many classes there are, the network itself tells: how "
            "many numbers has its last bias?",
            right_for=call(*_network(5)[:2], np.array([0, 2, 1, 0, 1, 2, 3]), 0.5),
        ),
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
            "sums",
            {"mean": False, "summed": True},
            "Your loss is the sum over the examples, and your gradient that of the sum: both are too large by the "
            "number of examples. Asked is the mean.",
        ),
        Mistake(
            "overflow",
            [
                {"largest": False, "gate": gate, "loss": loss}
                for gate in _on_nan
                for loss in (None, _losses_of(_plain_softmax))
            ],
            "Right for small scores. Large ones, as pixels from 0 to 255 make them, give `nan`: an exponential becomes "
            "larger than any float. `loss_and_gradient` of task 2 is safe from that. Where do you take a softmax "
            "without it?",
        ),
        Mistake(
            "logarithm of zero",
            [{"loss": _rounded}, {"loss": _rounded_everywhere}],
            "The new parameters are right. For large scores, as pixels from 0 to 255 make them, your loss is infinite "
            "or `nan`: a probability has been rounded to 0 before its logarithm was taken. `loss_and_gradient` of task "
            "2 is safe from that.",
        ),
        Mistake(
            "loss cut off",
            [{"loss": _losses_of(lambda scores: np.exp(_log_softmax(scores)), **how)} for how in _CUT],
            "The new parameters are right. For large scores your loss stops growing: a small number, added or put in "
            "as a floor, keeps the logarithm from becoming infinite. `loss_and_gradient` of task 2 does without.",
        ),
        Mistake(
            "sign of the loss",
            lambda *given: (-_step(*given)[0], _step(*given)[1]),
            "The new parameters are right. The loss has the wrong sign: it is larger the worse the answer.",
        ),
        Mistake(
            "one loss per example",
            lambda p, x, labels, rate: (
                _losses(np.maximum(x @ p["w1"] + p["b1"], 0) @ p["w2"] + p["b2"], labels),
                _step(p, x, labels, rate)[1],
            ),
            "The new parameters are right. You return a loss for each example; the task asks for their mean, a single "
            "number.",
        ),
        Mistake(
            "no step",
            {"rate": 0},
            "The loss is right. The parameters are those that you were given: return the new ones.",
        ),
        Mistake(
            "step instead of parameters",
            [
                lambda p, x, labels, rate: _changes(p, x, labels, 1),
                lambda p, x, labels, rate: _changes(p, x, labels, rate),
                lambda p, x, labels, rate: _changes(p, x, labels, -rate),
            ],
            "The loss is right. Your dict holds gradients, or what is subtracted; the task asks for the parameters "
            "after the step.",
        ),
        Mistake(
            "ReLU forgotten",
            [{"forward": lambda a: a, "mask": mask} for mask in (lambda a: a > 0, lambda a: 1)],
            "The loss is another from the start: on the way forward, what leaves the first layer goes through a ReLU.",
        ),
        Mistake(
            "input of the ReLU",
            {"mixed": True},
            "The first layer is right. What went into the second layer is the *output* of the ReLU; you take its input "
            "for the gradient of the second weights.",
        ),
        Mistake(
            "mask of the gradient",
            [
                {"gate": lambda on, d: d * (d > 0)},
                {"mask": lambda a: a, "gate": lambda a, d: a * (d > 0)},
            ],
            "The second layer is right. At the ReLU you look at the sign of the gradient. What decides is the sign of "
            "what went in: which argument of `relu_backward` is which?",
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
        "`d` for the scores comes from task 2, with one accepted name in each row. `linear_backward` with the hidden "
        "outputs gives the second layer and what comes back to them; `relu_backward`, with a slope of 0, takes it to "
        "the input of the ReLU; `linear_backward` with `x` gives the first layer.",
    ),
    why="Networks of a thousand layers are trained with this step. Only the graph is longer, and a program writes "
    "the backward half.",
)


class _Sample:
    """A two-layer network for `is_broken`, with faults to order."""

    def __init__(self, seed, classes, fault=None, hidden=12, inputs=8):
        rng = np.random.default_rng(seed)
        # sound: a first loss within 0.1 of guessing; broken: off by more than 1
        spread = {"large start": 30.0, "start": 0.5, "small start": 0.26}.get(fault, 0.02)
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
        if fault == "three weights":
            flat = gradients["w2"].reshape(-1)
            largest = np.abs(flat).argmax()
            flat[largest - 2 : largest + 3 : 2] *= 1.2
        if fault in ("too high", "too low"):
            sign = 1 if fault == "too high" else -1
            gradients = {name: g + sign * 0.2 * np.abs(g) for name, g in gradients.items()}
        if fault == "places":
            gradients = {name: g[..., ::-1].copy() for name, g in gradients.items()}
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
    "places": (
        "places missed",
        "You let a network pass whose gradients have the right numbers at the wrong places. Their sum and their mean "
        "are right, and so is what moving a whole array at once shows. Move one number at a time, and compare it with "
        "its own.",
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
    "too high": (
        "one direction missed",
        "You let a network pass whose gradients are all too high by a fifth of their size. A difference has a sign: "
        "one that is far below 0 is as bad as one that is far above.",
    ),
    "too low": (
        "one direction missed",
        "You let a network pass whose gradients are all too low by a fifth of their size. A difference has a sign: "
        "one that is far below 0 is as bad as one that is far above.",
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
    "three weights": (
        "numbers missed",
        "You let a network pass in which three weights of the second layer have a gradient that is a fifth too large, "
        "the largest number among them. Look at every number of every array.",
    ),
}


class _Straight(_Sample):
    """A network whose loss is a straight line in every number of `p`: any difference is its slope."""

    def __init__(self, classes, loss, slope):
        super().__init__(0, classes, hidden=2)
        self.start, self.loss, self.slope = {name: values.copy() for name, values in self.p.items()}, loss, slope

    def loss_and_gradients(self, x, labels):
        moved = sum((values - self.start[name]).sum() for name, values in self.p.items())
        gradients = {name: np.full_like(values, self.slope) for name, values in self.p.items()}
        return float(self.loss + self.slope * moved), gradients


@task(
    "02.is_broken",
    "a function `is_broken(network, x, labels)`",
    mistakes=(
        "sound network accused",
        "every network accused",
        "first loss too strict",
        "guessing costs something else",
        "comparison turned round",
        "classes counted in the labels",
        "ten classes only",
        "network changed",
        "input changed",
        "not True or False",
        *dict.fromkeys(name for name, _ in _FAULTS.values()),
    ),
    nudges=(
        "Two of the chapter's four tests are enough: the first loss, and central differences.",
        "Go through all numbers of all of `network.p`: a little more, a little less, the difference of the losses "
        "divided by the way, and put the number back. Then compare with the gradient. The classes can be counted in "
        "the last bias.",
    ),
    why="Keep this function. It takes seconds, and it finds faults that cost days: networks learn in spite of a wrong "
    "gradient, only worse. What it cannot find is a fault in the data.",
)
def _is_broken(is_broken):
    is_callable(is_broken, "is_broken")

    def broken(network, x, labels):
        given = [values.copy() for values in (x, labels)]
        before = {name: values.copy() for name, values in network.p.items()}
        answer = run(is_broken, network, x, labels, doing="`is_broken(network, x, labels)`")
        if not isinstance(answer, (bool, np.bool_)):
            raise Wrong("not True or False", f"`is_broken` must return True or False; it returned `{answer!r}`.")
        if any(not np.allclose(network.p[name], before[name], atol=1e-9) for name in before):
            raise Wrong(
                "network changed",
                "After your test the network has other weights than before. Put back each number that you have moved.",
            )
        if not all(map(np.array_equal, (x, labels), given)):
            raise Wrong("input changed", "After your test `x` or `labels` hold other values than before. Leave them.")
        return bool(answer)

    def examples(seed, named):
        """Twelve, which name so many of the classes: all of them where twelve can, and the last one always."""
        rng = np.random.default_rng(100 + seed)
        return rng.normal(size=(12, 8)), rng.permutation(np.append(np.arange(11) % named, named - 1))

    def sound(seed, classes, named=None):
        """Whether a sound network passes; if not, networks with a straight loss tell which of the two tests accuses."""
        network, (x, labels) = _Sample(seed, classes), examples(seed, named or classes)
        network.p["b1"][0] = -20 if classes == 40 else 0  # a unit that is off: gradients of 0 are right as well
        if not broken(network, x, labels):
            return
        loss, guessing = network.loss_and_gradients(x, labels)[0], math.log(classes)

        def by_slope(loss, labels=labels):
            return [broken(_Straight(classes, loss, slope), x, labels) for slope in (0.0, 0.1)]

        def accused(*given):  # by the test of the first loss: either test of the gradient may pass one of the slopes
            return all(by_slope(*given))

        at_first = f"You accuse a sound network with {classes} classes because of its first loss"
        if not accused(loss):
            flat, tilted = by_slope(loss)
            closer = (
                "Is the way 2h, and h not too short? And how close must two floats be?"
                if tilted
                else "Where both are 0, a relative difference is 0 divided by 0."
                if flat
                else "It is right where the loss is a straight line, and not on a curve. Is it taken to both sides, is "
                "the way h short enough, and is the gradient that of the network as it was?"
            )
            raise Wrong(
                "sound network accused",
                "You accuse a sound network: its first loss you let pass, and its gradient is right. Compare your "
                f"difference with the gradient, number by number. {closer}",
            )
        if not accused(guessing):
            raise Wrong(
                "first loss too strict",
                f"{at_first}: it is {loss:.2f}, and guessing costs {guessing:.2f}. How near must it be? One that "
                "starts badly is off by more than 1.",
            )
        if named and not accused(guessing, examples(seed, classes)[1]):
            raise Wrong(
                "classes counted in the labels",
                f"You accuse a sound network with ten classes when the labels at hand name only {named} of them. How "
                "many classes there are, the network itself tells: how many numbers has its last bias?",
            )
        passed = [tried / 20 for tried in range(-160, 160) if not accused(tried / 20)]
        if passed and passed[0] < guessing < passed[-1]:
            raise Wrong(
                "comparison turned round",
                f"{at_first}, {loss:.2f}. Guessing among {classes} costs {guessing:.2f}; you let pass a first loss of "
                f"{passed[0]:.1f} and one of {passed[-1]:.1f}. Is the comparison turned round?",
            )
        if passed and classes != 10:
            raise Wrong(
                "ten classes only",
                f"{at_first}; one with ten you let pass. What does guessing among {classes} cost?",
            )
        if passed:
            raise Wrong(
                "guessing costs something else",
                f"{at_first}: it is {loss:.2f}. Guessing among {classes} costs {guessing:.2f}; you let pass first "
                f"losses from {passed[0]:.1f} to {passed[-1]:.1f} only. What is the probability of the right class, "
                "and what is minus its logarithm?",
            )
        raise Wrong(
            "every network accused",
            "You accuse a sound network, and every other that was tried, whatever its first loss and with gradients "
            "that no difference can miss. So either test may be the reason, or what you do with their results. Let "
            "both print what they compare.",
        )

    for seed, classes, named in ((0, 10, None), (3, 10, None), (3, 10, 3), (1, 3, None), (2, 40, None)):
        sound(seed, classes, named)
    for seed, (fault, found) in enumerate(_FAULTS.items(), start=4):
        if not broken(_Sample(seed, 10, fault), *examples(seed, 10)):
            raise Wrong(*found)
    return f"Five sound networks passed, {len(_FAULTS)} broken ones were found."


_SHAPES = ["disk", "square", "triangle", "star"]
_LEAST = 0.80


@task(
    "02.your_own",
    "a function `classify(images)`",
    mistakes=(
        "accuracy",
        "below chance",
        "at chance",
        "one class only",
        "one template",
        "learned by heart",
        "one label an image",
        "not labels",
        "names for labels",
        "largest score for its place",
        "not alone",
    ),
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
    found = _labels(classify, drawing.images)
    accuracy = float((found == drawing.labels).mean())
    if accuracy < _LEAST:
        _too_few(classify, found, accuracy)
    alone = [_labels(classify, drawing.images[place : place + 1])[0] for place in range(20)]
    others = np.sum(alone != found[:20])
    if others > 5:
        raise Wrong(
            "not alone",
            f"It names {accuracy:.1%} of 600 new images, given all together. Given one by one, {others} of 20 get "
            "another label. Prepare them with the mean and the spread of the training images, which are the same for "
            "every image that comes.",
        )
    return f"It names {accuracy:.1%} of 600 images that it has never seen."


def _labels(classify, images):
    """What the student's function says of images, having made sure that these are labels."""
    given, count = images.copy(), f"{len(images)} image{'s' * (len(images) > 1)}"
    found = run(classify, given, doing=f"`classify(images)` with {count}")
    if found is None:
        raise Wrong("no return", "`classify` returns `None`. Does it end with a `return`?")
    if not np.array_equal(given, images):
        raise Wrong("input changed", "`classify` changed the images that it was given. Work on a copy of them.")
    found = np.asarray(found)
    if found.dtype.kind not in "iuf":
        raise Wrong(
            "names for labels",
            "Labels are whole numbers from 0 to 3, the places of the names in `shapes`; yours are such as "
            f"{describe(found.flat[0] if found.size else found)}.",
        )
    if found.shape != (len(images),):
        scores = " `argmax(axis=1)` makes labels of scores." if found.shape == (len(images), 4) else ""
        raise Wrong(
            "one label an image",
            f"For {count} your function returned something of shape {found.shape}; expected one label "
            f"for each image, an array of shape {(len(images),)}.{scores}",
        )
    if found.dtype.kind == "f" and not np.isin(found, range(4)).all():
        raise Wrong(
            "largest score for its place",
            f"Labels are whole numbers from 0 to 3; yours are fractions, from {found.min():.3g} to {found.max():.3g}. "
            "A label is the *place* of the largest score among the four, not that score.",
        )
    if found.dtype.kind == "f":
        raise Wrong("not labels", f"Labels are ints; yours are {found.dtype}. `.astype(int)` makes ints of floats.")
    if not np.isin(found, range(4)).all():
        raise Wrong(
            "not labels",
            f"Labels are whole numbers from 0 to 3; yours are from {found.min()} to {found.max()}. The disk is 0.",
        )
    return found


def _too_few(classify, found, accuracy):
    """Say why so few of the new images are named, from what is made of those of the exercise."""
    seen = draw(2000, 16, classes=_SHAPES, seed=1, rotation=10, clutter=0.3)
    known = float((_labels(classify, seen.images) == seen.labels).mean())
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
    if accuracy < 0.15:
        raise Wrong(
            "below chance",
            f"It names {accuracy:.1%} of new images; by lot it would be a quarter. So it knows the shapes, and says "
            "another: is it the place of the *largest* score, and are the labels those of `drawing`?",
        )
    if max(accuracy, known) < 0.32:
        raise Wrong(
            "at chance",
            f"It names {accuracy:.1%} of new images and {known:.1%} of `drawing`; by lot it would be a quarter. Has it "
            "been trained on the labels in their order? And does `classify` prepare images as the training did: with "
            "the same order of rows, columns and colours, the same mean, the same spread?",
        )
    if abs(known - accuracy) < 0.15 and 0.29 < accuracy < 0.45:
        raise Wrong(
            "one template",
            f"It names {accuracy:.1%} of new images, about what one template for each shape reaches. A template "
            "cannot stand for shapes that are darker and lighter than their ground: that takes a hidden layer.",
        )
    advice = (
        "It knows what it was trained on much better than new images: more drawn images, or smaller weights, help more "
        "than more steps."
        if known > 0.9
        else "It has not learned those that it was trained on either. Train longer or at another rate, and look at how "
        "the pixels are prepared: are they centred, and about as large as 1?"
    )
    raise Wrong(
        "accuracy",
        f"It names {accuracy:.1%} of 600 new images; {_LEAST:.0%} are asked for. Of `drawing` it names {known:.1%}. "
        f"{advice}",
    )
