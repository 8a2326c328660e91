"""The checks of chapter 06, convolutional networks from scratch."""

import contextlib
import math
from unittest import mock

import numpy as np

from . import networks
from .engine import Wrong
from .kinds import Mistake, call, function, prediction, task, typed, value

value(
    "06.first_loss",
    "the loss of an untrained network, a number",
    right=math.log(10),
    tolerance=5e-3,
    mistakes=[
        Mistake("base ten", 1.0, "That is the logarithm to the base 10. Cross-entropy takes the natural logarithm."),
        Mistake("base two", math.log2(10), "That is in bits, to the base 2. Keras takes the natural logarithm."),
        Mistake(
            "probability",
            lambda n: abs(n - 0.1) < 1e-3,
            "That is the probability of the right class. The loss is its negative logarithm.",
        ),
        Mistake(
            "sign",
            -math.log(10),
            "The logarithm of a probability is negative, and the loss is its negative: a loss is never below 0.",
        ),
        Mistake("wrong share", 0.9, "That is how often guessing is wrong. The loss looks at the right class only."),
    ],
    nudges=(
        "Which probability does a network that knows nothing give to the right one of ten classes?",
        "Cross-entropy is minus the natural logarithm of the probability of the right class.",
    ),
    why="A first loss far from this one means a bug before training has begun: wrong number of classes, labels out of "
    "step, a missing softmax. It costs one look.",
)


def _dropout(values, rate, uniform, *, keeps=np.greater_equal, factor=lambda rate: 1 / (1 - rate)):
    return np.where(keeps(uniform, rate), values * factor(rate), 0.0)


_FACTORS = {"none": lambda rate: 1, "the share kept": lambda rate: 1 - rate, "the rate": lambda rate: 1 / rate}

function(
    "06.dropout",
    "dropout(values, rate, uniform)",
    cases=[
        *(
            call(typed(f"{drawn}.normal(size={shape})"), rate, typed(f"{drawn}.random({shape})"))
            for drawn, shape, rate in (
                ("np.random.default_rng(6)", (3, 4), 0.2),
                ("np.random.default_rng(7)", (2, 3, 5), 0.75),
            )
        ),
        call(np.ones((4, 6)), 0.4, typed("np.random.default_rng(8).random((4, 6))")),
        call(np.array([[2.0, -1.0, 4.0, 3.0]]), 0.25, np.array([[0.25, 0.1, 0.5, 0.25]])),
    ],
    right=_dropout,
    mistakes=[
        Mistake(
            "not scaled",
            {"factor": _FACTORS["none"]},
            "The right values are dropped, and the rest is left as it was: the layer after it would see smaller sums "
            "while training than later. What makes up for that?",
        ),
        Mistake(
            "scaled down",
            {"factor": _FACTORS["the share kept"]},
            "You make the kept values smaller. A share of the sum is missing already: they must grow to make up for "
            "it.",
        ),
        Mistake(
            "scaled by the rate",
            {"factor": _FACTORS["the rate"]},
            "You divide by the share that is dropped. Of how large a share does the sum consist now?",
        ),
        Mistake(
            "keeps what it should drop",
            [
                {"keeps": keeps, **factor}
                for keeps in (np.less, np.less_equal)
                for factor in ({}, {"factor": _FACTORS["none"]}, {"factor": _FACTORS["the rate"]})
            ],
            "`rate` is the share that is dropped, as in Keras; yours is the share that stays.",
        ),
        Mistake(
            "kept only",
            [
                lambda values, rate, uniform: values[uniform >= rate] / (1 - rate),
                lambda values, rate, uniform: values[uniform > rate] / (1 - rate),
            ],
            "Your result has only the kept values. The next layer needs the same shape: dropped ones are 0.",
        ),
        Mistake(
            "other entries",
            [{"keeps": lambda uniform, rate: uniform < 1 - rate}, {"keeps": lambda uniform, rate: uniform <= 1 - rate}],
            "You keep as many as you should, but other ones: what is dropped is where `uniform` is below `rate`.",
        ),
        Mistake(
            "scaled by this draw",
            [
                lambda values, rate, uniform: np.where(uniform >= rate, values / np.mean(uniform >= rate), 0.0),
                lambda values, rate, uniform: (
                    np.where(uniform >= rate, values, 0.0) * values.sum() / values[uniform >= rate].sum()
                ),
            ],
            "You scale by what this draw happened to leave. The factor follows from `rate` alone, so that the sum is "
            "right on average and each entry is scaled alike in every batch.",
        ),
        Mistake(
            "dropped at the rate itself",
            {"keeps": np.greater},
            "Right but for one thing: where `uniform` is `rate` itself, yours drops the entry. The task drops what is "
            "below.",
        ),
    ],
    nudges=(
        "Which entries of `uniform` are below `rate`, and how many of them do you expect?",
        "Ten entries are 1, and four of them are dropped. What is the sum then, and how large must each of the six be "
        "for it to be ten again?",
    ),
    why="Because the scaling is done while training, nothing at all happens in prediction: the layer can be left out.",
)


prediction(
    "06.gap",
    right="dropout is off in validation",
    choices={
        "validation images are easier": "Both were drawn by chance from the same 50,000 images: neither is easier.",
        "dropout is off in validation": "Training accuracy is measured on the thinned network, batch by batch, while "
        "it still changes; validation accuracy on the whole one, after the epoch. `model.evaluate` on the training "
        "images would give the training accuracy that can be compared.",
        "the network has seen validation images": "Only `fit`'s measurements touch them: no gradient comes from them.",
        "training data are shuffled": "Shuffling changes the order of the batches, not what is measured on them.",
    },
    nudges=(
        "Which layer does something else while training than in validation?",
        "Write down what happens to an activation in `Dropout(0.4)` in each of the two.",
    ),
)


def _per_class(matrix):
    right = np.diag(matrix).astype(float)
    called, true = matrix.sum(axis=0), matrix.sum(axis=1)
    precision = np.divide(right, called, out=np.zeros_like(right), where=called > 0)
    recall = np.divide(right, true, out=np.zeros_like(right), where=true > 0)
    return precision, recall


def _f1(precision, recall):
    both = precision + recall
    return np.divide(2 * precision * recall, both, out=np.zeros_like(both), where=both > 0)


def _macro_f1(matrix):
    return float(_f1(*_per_class(np.asarray(matrix))).mean())


function(
    "06.macro_f1",
    "macro_f1(matrix)",
    cases=[
        call(np.array([[8, 2], [4, 6]])),
        call(np.array([[50, 10, 0], [5, 20, 5], [0, 3, 7]])),
        call(np.array([[9, 1, 0], [6, 4, 0], [3, 2, 0]])),
        call(np.array([[90, 10], [1, 9]])),
        call(np.array([[3, 1, 0], [2, 4, 0], [0, 0, 0]])),
    ],
    right=_macro_f1,
    mistakes=[
        Mistake(
            "accuracy",
            lambda matrix: float(np.trace(matrix) / matrix.sum()),
            "That is the accuracy: a class with many images counts for more in it. F1 is computed class by class.",
        ),
        Mistake(
            "only precision",
            lambda matrix: float(_per_class(matrix)[0].mean()),
            "That is the mean precision. F1 also asks how many of a class's images were found.",
        ),
        Mistake(
            "only recall",
            lambda matrix: float(_per_class(matrix)[1].mean()),
            "That is the mean recall. F1 also asks how often the name of a class is right when it is given.",
        ),
        Mistake(
            "arithmetic mean",
            lambda matrix: float(np.mean(_per_class(matrix))),
            "You take the ordinary mean of precision and recall. F1 is their harmonic mean, which stays near the "
            "smaller of the two.",
        ),
        Mistake(
            "F1 of the means",
            lambda matrix: float(_f1(*(each.mean(keepdims=True) for each in _per_class(matrix)))[0]),
            "You average precision and recall first and combine the averages. Combine them in each class, then "
            "average.",
        ),
        Mistake(
            "weighted",
            lambda matrix: float(np.average(_f1(*_per_class(matrix)), weights=matrix.sum(axis=1))),
            "Your mean weighs each class by its images. In the macro mean every class counts the same.",
        ),
        Mistake(
            "one per class",
            lambda matrix: _f1(*_per_class(matrix)),
            "Those are the F1 scores of the classes. What is missing is their mean, one number.",
        ),
        Mistake(
            "per cent",
            lambda matrix: 100 * _macro_f1(matrix),
            "That is in per cent. Scores are given from 0 to 1.",
        ),
        Mistake(
            "whole numbers",
            [
                lambda matrix: float(np.mean(2 * np.diag(matrix) // np.maximum(matrix.sum(0) + matrix.sum(1), 1))),
                lambda matrix: float(_f1(*(each // 1 for each in _per_class(matrix))).mean()),
            ],
            "`//` leaves of each share only 0 or 1. Shares are divided with `/`.",
        ),
        Mistake(
            "intersection over union",
            lambda matrix: float(
                np.mean(np.diag(matrix) / np.maximum(matrix.sum(0) + matrix.sum(1) - np.diag(matrix), 1))
            ),
            "That is intersection over union: right ones by all that are or were called so. F1 is the harmonic mean of "
            "precision and recall, twice the right ones by the sum of the two counts.",
        ),
        Mistake(
            "empty class",
            [
                lambda matrix: _macro_f1(matrix) if (matrix.sum(axis=0) > 0).all() else float("nan"),
                lambda matrix: float(np.mean([f for f in _f1(*_per_class(matrix)) if f > 0])),
            ],
            "In one of the cases a class is never predicted, in another it does not occur at all: something is 0 "
            "divided by 0, which NumPy answers with `nan` and not with an error. Count the F1 of such a class as 0, "
            "and let it count.",
        ),
    ],
    nudges=(
        "Precision divides the diagonal by the sums of the columns, recall by the sums of the rows.",
        "For each class, F1 is `2 * precision * recall / (precision + recall)`, and 0 where that divides by 0.",
    ),
    why="A network that ignores a rare class can have a fine accuracy. Macro F1 falls by that class's whole share.",
)


def _reduced_rates(
    losses, rate, factor, patience, *, against="best", margin=0.0, ties=False, kept=True, reset=True, late=0,
    early=False, first=False, rewarded=True,
):  # fmt: skip
    rates, best, waited = [], losses[0] if first else math.inf, 0
    for loss in losses:
        rates.append(rate)
        if loss < best - margin or (ties and loss == best):
            best, waited = loss, 0 if rewarded else waited
        else:
            waited += 1
            if waited >= max(patience + late, 1):
                rate *= factor
                waited = 0 if reset else waited
                best = best if kept else loss
                if early:
                    rates[-1] = rate
        best = loss if against == "previous" else best
    return rates


function(
    "06.plateau",
    "plateau_rates(losses, rate, factor, patience)",
    cases=[
        call([1.0, 0.8, 0.9, 0.7, 0.71, 0.72, 0.73, 0.74], 0.1, 0.5, 2),
        call([2.0, 1.0, 1.5, 1.4, 1.3, 1.2, 1.1, 0.9, 0.95], 0.01, 0.1, 1),
        call([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5], 1.0, 0.3, 3),
        call([3.0, 2.0, 1.0], 0.2, 0.5, 1),
        call([0.5, 0.499999, 0.499998, 0.499997], 0.1, 0.5, 2),
        call([1.0, 1.2, 1.1, 1.05, 1.06, 1.07], 0.1, 0.5, 2),
    ],
    right=_reduced_rates,
    mistakes=[
        Mistake(
            "compared with the previous epoch",
            {"against": "previous"},
            "You compare each loss with the one before it. A loss can fall for epochs and still be worse than the "
            "best one so far.",
        ),
        Mistake(
            "best forgotten at a cut",
            {"kept": False},
            "With each cut yours forgets the best loss so far. Only the waiting starts again: a loss must still be "
            "better than the best of all epochs before.",
        ),
        Mistake(
            "an equal loss",
            {"ties": True},
            "A loss that equals the best one is no new best.",
        ),
        Mistake(
            "the first loss",
            {"first": True},
            "The first loss is a new best: nothing was before it. Yours counts it as an epoch without one.",
        ),
        Mistake(
            "a new best does not end the waiting",
            {"rewarded": False},
            "A new best must set the waiting back: `patience` epochs *in a row* without one lead to a cut.",
        ),
        Mistake(
            "too little patience",
            {"late": -1},
            "You cut one epoch too early: after `patience` epochs without a new best, not after one less.",
        ),
        Mistake(
            "divided by the factor",
            lambda losses, rate, factor, patience: _reduced_rates(losses, rate, 1 / factor, patience),
            "Your rate rises. It is multiplied by `factor`, which is below 1.",
        ),
        Mistake(
            "waiting never starts again",
            {"reset": False},
            "After a cut the waiting goes on from where it was, so the next epoch cuts again. Give each rate its "
            "`patience` epochs.",
        ),
        Mistake(
            "one epoch too late",
            {"late": 1},
            "You cut one epoch too late: after `patience` epochs without a new best, not after one more.",
        ),
        Mistake(
            "one epoch too early",
            {"early": True},
            "Your list has the new rate in the epoch whose loss led to the cut. That epoch was trained at the old "
            "one; the next is the first at the new.",
        ),
        Mistake(
            "a margin",
            {"margin": 1e-4},
            "A loss that is better by very little does not count for yours. Here the smallest improvement is a new "
            "best: there is no margin.",
        ),
        Mistake(
            "only the last rate",
            lambda *arguments: _reduced_rates(*arguments)[-1],
            "That is one rate. The task asks for a list: the rate of each epoch.",
        ),
    ],
    nudges=(
        "Keep three things from epoch to epoch: the rate, the best loss so far, and how many epochs it is old.",
        "Write down the rate first, then look at the loss: a new best sets the waiting to 0, anything else adds 1.",
    ),
    why="`keras.callbacks.ReduceLROnPlateau` does just that, but for a tolerance: a loss must be better by more than "
    "`min_delta`.",
)


def _softmax(scores, axis=-1, less=None):
    """Softmax of scores less their largest; with something else to subtract, it overflows like a student's."""
    less = scores.max(axis=axis, keepdims=True) if less is None else less
    with np.errstate(all="ignore"):
        weights = np.exp(scores - less)
        return weights / weights.sum(axis=axis, keepdims=True)


def _log_softmax(scores):
    above = scores - scores.max(axis=-1, keepdims=True)
    return above - np.log(np.exp(above).sum(axis=-1, keepdims=True))


def _soften(scores, temperature, *, less=None, axis=-1):
    return _softmax(scores / temperature, axis, less(scores / temperature) if less else None)


function(
    "06.soften",
    "soften(scores, temperature)",
    cases=[
        call(np.array([[2.0, 1.0, -1.0], [0.5, 0.0, 3.0]]), 2.0),
        call(np.array([[1.0, 4.0, 2.0, 0.0]]), 0.5),
        call(np.array([[0.1, -0.3], [5.0, 1.0], [-2.0, 2.0]]), 3.0),
        call(np.array([[4000.0, 3990.0, 0.0], [-4000.0, -4001.0, -4002.0]]), 4.0),
        call(np.array([[1e5, 99_999.0, 0.0, -1e5], [-1e5, -100_003.0, -100_001.0, -100_002.0]]), 2.0),
        call(np.array([[3000.0, 1000.0, 0.0], [-2000.0, -2500.0, -2200.0]]), 1000.0),
    ],
    right=_soften,
    mistakes=[
        Mistake(
            "multiplied",
            lambda scores, temperature: _softmax(scores * temperature),
            "A high temperature makes yours surer. It should melt the differences: divide by it.",
        ),
        Mistake(
            "divided after the softmax",
            lambda scores, temperature: _softmax(scores) / temperature,
            "You divide what the softmax has given, so that the rows no longer sum to 1. Divide the scores.",
        ),
        Mistake(
            "no temperature",
            {"temperature": 1},
            "That is the softmax at a temperature of 1, whatever the temperature: it is not used, or it cancels out "
            "again. Differences between scores must shrink.",
        ),
        Mistake(
            "wrong axis",
            {"axis": 0},
            "Your columns sum to 1. Each row is one image, and its probabilities sum to 1.",
        ),
        Mistake(
            "sum of everything",
            [
                lambda scores, temperature: _softmax(scores / temperature, axis=None, less=0),
                lambda scores, temperature: _softmax(scores / temperature, axis=None),
            ],
            "All your numbers together sum to 1. Each row is one image, and its probabilities sum to 1.",
        ),
        Mistake(
            "not a number",
            [
                {"less": lambda scaled: 0},
                {"less": lambda scaled: scaled.mean(axis=-1, keepdims=True)},
                {"less": lambda scaled: scaled.min(axis=-1, keepdims=True)},
                {"less": np.max},
            ],
            "The exponential of 250 still is a number, that of 1000 is not, and that of -1000 is 0: with large scores "
            "yours gives `nan`, or 0 / 0. What can be done to the scores of a row so that its softmax stays the same, "
            "and no exponential is too large?",
        ),
        Mistake(
            "softened too late",
            lambda scores, temperature: _raised(_softmax(scores), 1 / temperature),
            "You take the softmax first and soften its probabilities. Where scores are far apart, the small ones are 0 "
            "by then, and no temperature brings them back. Divide the scores.",
        ),
        Mistake(
            "logarithms",
            lambda scores, temperature: _log_softmax(scores / temperature),
            "Those are the logarithms of the probabilities. Take their exponentials.",
        ),
        Mistake(
            "sigmoid",
            lambda scores, temperature: 0.5 * (1 + np.tanh(scores / temperature / 2)),
            "A sigmoid treats each score by itself, and your rows do not sum to 1. The softmax compares the scores of "
            "a row.",
        ),
        Mistake(
            "softmax twice",
            lambda scores, temperature: _softmax(_softmax(scores / temperature)),
            "You take the softmax of a softmax, which makes the probabilities nearly equal. Once is enough.",
        ),
        Mistake(
            "only scores",
            lambda scores, temperature: scores / temperature,
            "Those are the divided scores. The softmax is still to come.",
        ),
    ],
    nudges=(
        "What happens to the differences between scores when all are divided by 2? And then in the softmax?",
        "A softmax stays the same when a number is added to all scores of a row. Which number keeps every exponential "
        "at 1 or below, and does each row need its own?",
    ),
    why="One number, found on validation images, repairs most of a network's overconfidence and changes no answer.",
)


def _raised(probabilities, power):
    powers = probabilities**power
    return powers / powers.sum(axis=-1, keepdims=True)


# --- a network from its description -----------------------------------------------------------------------------------

_SHAPE = (32, 32, 3)
_WITHOUT_BIASES = 612_074
_BLOCKS = ((32, 32), (64, 32), (128,))
_KERNELS = [(3, 3, 3, 32), (3, 3, 32, 32), (3, 3, 32, 64), (3, 3, 64, 32), (3, 3, 32, 128), (2_048, 256), (256, 10)]
_DROPPED = [(0.2, (16, 16, 32)), (0.2, (8, 8, 32)), (0.2, (4, 4, 128)), (0.45, (256,))]  # rate, and shape of an image's
_CLOSE = 0.02  # of probabilities that are far from equal: room for rounded products, less than any mistake makes


def _normalised(x, weights, training):
    """Batch normalisation, by what is kept of the batches or by this one."""
    from keras import ops

    mean, variance = weights["moving_mean"], weights["moving_variance"]
    if training:
        mean, variance = ops.mean(x, axis=(0, 1, 2)), ops.var(x, axis=(0, 1, 2))
    return (x - mean) / ops.sqrt(variance + 1e-3) * weights["gamma"] + weights["beta"]


def _pooled(x, way):
    from keras import ops

    if way in ("max", "average"):
        return (ops.max_pool if way == "max" else ops.average_pool)(x, 2, 2, "valid", data_format="channels_last")
    first = 1 if way == "stride" else 0  # a stride of 2 with same padding begins at the second place of an even size
    return x[:, first::2, first::2]


def _network(
    x, weights, *, relu_first=True, relus=(1,) * 6, pools=("max",) * 3, early_pool=False, change=None, twice=False,
    before=None, training=False,
):  # fmt: skip
    """The described network, without its dropout, or one with a mistake in it, computed with these weights."""
    from keras import ops

    rest, relus = iter(weights), iter(relus)
    x = np.ascontiguousarray(change(x)) if change else x
    for block, way in zip(_BLOCKS, pools, strict=True):
        for place, _ in enumerate(block, 1):
            layer, active, last = next(rest), next(relus), place == len(block)
            x = ops.conv(x, layer["kernel"], 1, "same", data_format="channels_last") + layer.get("bias", 0)
            x = ops.relu(x) if active and relu_first else x
            x = _pooled(x, way) if last and early_pool else x
            x = _normalised(x, layer, training)
            x = ops.relu(x) if active and not relu_first else x
        x = x if early_pool else _pooled(x, way)
    wide, ten = rest
    x = ops.matmul(ops.reshape(x, (len(x), -1)), wide["kernel"]) + wide["bias"]
    x = ops.matmul(ops.relu(x) if next(relus) else x, ten["kernel"]) + ten["bias"]
    x = ops.softmax(ops.relu(x) if before == "relu" else x)
    return ops.softmax(x) if twice else x


def _each_block(way):
    """Pooled in this way everywhere, or in one of the blocks."""
    return [dict(pools=(way,) * 3)] + [dict(pools=("max",) * i + (way,) + ("max",) * (2 - i)) for i in range(3)]


_NETWORK_MISTAKES = [
    (
        "no activation",
        [dict(relus=(0,) * 6), dict(relus=(0,) * 5 + (1,))] + [dict(relus=1 - np.eye(6)[i]) for i in range(6)],
        "The sizes and weights are right, but a ReLU is missing: every convolution has one, and so has the dense layer "
        "of 256, or it would do no more than the one after it.",
    ),
    (
        "average pooling",
        _each_block("average"),
        "A pooling of yours takes means; the described ones take the largest of 2 by 2.",
    ),
    (
        "stride for pooling",
        _each_block("stride") + _each_block("skip"),
        "The sizes are right, but a pooling is a stride of 2, which skips places and does not look for the largest.",
    ),
    (
        "pooled before normalising",
        [dict(early_pool=True)],
        "A pooling stands between a convolution and its batch normalisation. The description pools what is normalised.",
    ),
    (
        "softmax twice",
        [dict(twice=True)],
        "The outputs go through a softmax twice, which leaves ten probabilities that are nearly equal. Once is enough.",
    ),
    (
        "relu before softmax",
        [dict(before="relu"), dict(before="relu", twice=True)],
        "The ten outputs go through a ReLU before the softmax, so that none of them can be below 0.",
    ),
    (
        "rescaled",
        [dict(change=change) for change in (lambda x: x / 255, lambda x: 2 * x - 1, lambda x: x - 0.5)],
        "The images are scaled once more inside the model. They come with values from 0 to 1 already.",
    ),
    (
        "input rearranged",
        [
            dict(change=change)
            for change in (
                lambda x: x.swapaxes(1, 2),
                lambda x: x[:, ::-1],
                lambda x: x[:, :, ::-1],
                lambda x: x[..., ::-1],
            )
        ],
        "The images are turned or flipped, or their colours exchanged, before the first convolution.",
    ),
]


def _redrawn(model):
    """Give the model random weights, far from those that a network begins with, and return them layer by layer."""
    from keras import ops

    rng, layers = np.random.default_rng(0), []
    drawn = {
        "kernel": lambda shape: rng.normal(size=shape) * np.sqrt(2 / np.prod(shape[:-1])),
        "bias": lambda shape: 0.2 * rng.normal(size=shape),
        "gamma": lambda shape: rng.uniform(0.5, 1.5, shape) * rng.choice([-1, 1], shape),
        "beta": lambda shape: 0.5 * rng.normal(size=shape),
        "moving_mean": lambda shape: 0.5 * rng.normal(size=shape),
        "moving_variance": lambda shape: rng.uniform(0.5, 2, shape),
    }
    names = [weight.name for weight in model.weights]
    kernels = [tuple(weight.shape) for weight in model.weights if weight.name == "kernel"]
    if kernels != _KERNELS or set(names) - drawn.keys():
        text = "The number of weights is right, but they are shared out among other layers, or in another order."
        raise Wrong("parameters", text)
    for weight in model.weights:
        if weight.name == "kernel":
            layers.append({})
        value = ops.convert_to_tensor(drawn[weight.name](tuple(weight.shape)).astype("float32"))
        weight.assign(value)
        layers[-1][weight.name] = value
    return layers


@contextlib.contextmanager
def _nothing_dropped():
    """Within it, Keras' dropout drops nothing; the rates, and the shapes of what it was given, in a list."""
    import keras

    met = []

    def call(layer, inputs, training=False):
        if training and not layer.noise_shape:
            met.append((layer.rate, tuple(inputs.shape[1:])))
        return inputs

    with mock.patch.object(keras.layers.Dropout, "call", call):
        yield met


def _as_described(model):
    """The model computes what the described network computes with the same weights, however it is written."""
    weights = _redrawn(model)
    # Stronger and stronger images: a ReLU that is cut off, or lets a little through, shows on some of them only.
    images = np.random.default_rng(1).random((4, *_SHAPE)) * np.geomspace(1, 10, 4)[:, None, None, None]
    images = images.astype("float32")
    given = networks.outputs(model, images)

    def distance(**changes):
        return float(np.abs(given - _as_numpy(_network(images, weights, **changes))).max())

    orders = [
        dict(relu_first=first) for first in (True, False)
    ]  # normalised after the ReLU, or before: either is right
    order = next((order for order in orders if distance(**order) <= _CLOSE), None)
    if order is None:
        for name, changed, text in _NETWORK_MISTAKES:
            if any(distance(**changes, **order) <= _CLOSE for changes in changed for order in orders):
                raise Wrong(name, text)
        raise Wrong(
            "other outputs",
            "The number of weights is right, but the model gives other outputs than the described network with the "
            "same weights. Compare it with the description layer by layer: what is computed, and in which order?",
        )
    if np.allclose(*(_as_numpy(model(images, training=True)) for _ in range(2)), atol=1e-7):
        raise Wrong(
            "no dropout", "Twice the same images while training, and twice the same output: nothing is dropped."
        )
    with _nothing_dropped() as met:
        training = [_as_numpy(model(images, training=True))]
    if [(rate, (4, 4, 128) if shape == (2_048,) else shape) for rate, shape in met] != _DROPPED:
        found = ", ".join(f"{rate:g} of {'x'.join(map(str, shape))}" for rate, shape in met) or "no layer of the kind"
        raise Wrong(
            "other dropout",
            f"The description drops a fifth after each of the three poolings, and 0.45 after the dense layer. Your "
            f"`Dropout` layers drop, one after the other: {found}.",
        )
    with _nothing_dropped():  # again and again: a layer that flips by chance may leave four images as they are
        training += [_as_numpy(model(images, training=True)) for _ in range(4)]
    expected = _as_numpy(_network(images, weights, training=True, **order))
    if not all(np.allclose(each, expected, atol=2 * _CLOSE) for each in training):
        raise Wrong(
            "other while training",
            "While it trains, the model does something besides dropout that the description does not say, to the "
            "images or between the layers.",
        )


@task(
    "06.second_network",
    "a function that returns a Keras model",
    mistakes=(
        "parameters",
        "too few places left",
        "no batch normalisation",
        "a pooling is missing",
        "filters",
        *(name for name, _, _ in _NETWORK_MISTAKES),
        "other outputs",
        "no dropout",
        "other dropout",
        "other while training",
        "input shape",
        "output shape",
        "no probabilities",
        "no return",
        "wrong type",
    ),
    nudges=(
        "Go through the description from left to right; `model.summary()` shows what each line adds.",
        "Every convolution has `padding='same'` and is followed by batch normalisation: five of each. Three poolings "
        "leave 4 x 4 x 128 values to flatten.",
    ),
    why="Nine in ten of its parameters sit in the one dense layer: 2,048 values times 256 units.",
)
def _second_network(answer):
    model = networks.built(answer)
    networks.is_model(model)
    networks.gives(model, input_shape=_SHAPE, output_shape=(10,))
    if model.count_params() != _WITHOUT_BIASES:  # a bias before batch normalisation is redundant: either is right
        networks.parameters(
            model,
            612_362,
            mistakes={
                120_842: (
                    "too few places left",
                    "The dense layer of 256 reads 128 values, and should read 4 x 4 x 128. Do your maps shrink at "
                    "every convolution (which padding keeps them?), or does a pooling take more than 2 x 2, or all?",
                ),
                611_210: (
                    "no batch normalisation",
                    "The layers have the right sizes, but after each convolution something with four numbers a channel "
                    "is missing.",
                ),
                2_185_226: (
                    "a pooling is missing",
                    "The dense layer reads 8 x 8 x 128 values: there is one pooling too few before it.",
                ),
                667_818: (
                    "filters",
                    "The second block has 64 filters, then 32: it narrows. Yours has 64 twice.",
                ),
            },
        )
    networks.probabilities(model, input_shape=_SHAPE)
    _as_described(model)


def _as_numpy(tensor):
    import keras

    return keras.ops.convert_to_numpy(tensor)


def _unseen():
    """Test images from 0 to 1 and their labels, as many as the profile can afford."""
    from ..budget import profile
    from ..datasets import load

    test = load("cifar10", "test", examples=400 if profile() == "smoke" else 2_000)
    return test.images.astype("float32") / 255, test.labels


@task(
    "06.trained",
    "your trained model",
    mistakes=("accuracy", "no probabilities", "wrong type", "output shape"),
    nudges=(
        "Look at training and validation accuracy of the last epochs: do both still rise?",
        "The images go in as numbers from 0 to 1, `train_images`; the labels as integers, with the loss "
        "`sparse_categorical_crossentropy`.",
    ),
    why="A description of a few lines was enough to get the result again. Say as much of your own networks.",
)
def _trained(model):
    networks.is_model(model)
    networks.gives(model, input_shape=_SHAPE, output_shape=(10,))
    networks.probabilities(model, input_shape=_SHAPE)
    # at laptop 0.64 was measured, with single epochs down to 0.49: batch normalisation's averages lag behind
    reached = networks.scores(model, *_unseen(), full=0.86, laptop=0.45, smoke=0.15)
    return f"It is right on {reached:.1%} of test images that it has not seen."


@task(
    "06.your_own",
    "your trained model",
    mistakes=("accuracy", "parameters", "no probabilities", "wrong type", "output shape"),
    nudges=(
        "Where do the parameters of the network before sit? What could stand in that place instead?",
        "Replace flatten and the wide dense layer by `GlobalAveragePooling2D`; spend what is saved on filters.",
    ),
    why="Most of what a convolutional network knows is in its convolutions; the dense layer was only in the habit of "
    "being there.",
)
def _your_own(model):
    networks.is_model(model)
    networks.gives(model, input_shape=_SHAPE, output_shape=(10,))
    networks.parameters(model, at_most=150_000)
    networks.probabilities(model, input_shape=_SHAPE)
    reached = networks.scores(model, *_unseen(), full=0.86, laptop=0.55, smoke=0.15)
    return f"{reached:.1%} of unseen images right with {model.count_params():,} parameters."
