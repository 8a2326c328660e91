"""The checks of chapter 06, convolutional networks from scratch."""

import math

import numpy as np

from . import networks
from .engine import Wrong
from .kinds import Mistake, call, function, prediction, task, value

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


def _dropout(values, rate, uniform):
    return np.where(uniform >= rate, values / (1 - rate), 0.0)


_random = np.random.default_rng(6)
function(
    "06.dropout",
    "dropout(values, rate, uniform)",
    cases=[
        call(_random.normal(size=(3, 4)), 0.2, _random.random((3, 4))),
        call(_random.normal(size=(2, 3, 5)), 0.75, _random.random((2, 3, 5))),
        call(np.ones((4, 6)), 0.4, _random.random((4, 6))),
    ],
    right=_dropout,
    mistakes=[
        Mistake(
            "not scaled",
            lambda values, rate, uniform: np.where(uniform >= rate, values, 0.0),
            "The right values are dropped, and the rest is left as it was: the layer after it would see smaller sums "
            "while training than later. What makes up for that?",
        ),
        Mistake(
            "scaled down",
            lambda values, rate, uniform: np.where(uniform >= rate, values * (1 - rate), 0.0),
            "You make the kept values smaller. A share of the sum is missing already: they must grow to make up for "
            "it.",
        ),
        Mistake(
            "scaled by the rate",
            lambda values, rate, uniform: np.where(uniform >= rate, values / rate, 0.0),
            "You divide by the share that is dropped. Of how large a share does the sum consist now?",
        ),
        Mistake(
            "keeps what it should drop",
            [
                lambda values, rate, uniform: np.where(uniform < rate, values / (1 - rate), 0.0),
                lambda values, rate, uniform: np.where(uniform < rate, values / rate, 0.0),
                lambda values, rate, uniform: np.where(uniform < rate, values, 0.0),
            ],
            "`rate` is the share that is dropped, as in Keras; yours is the share that stays.",
        ),
        Mistake(
            "kept only",
            lambda values, rate, uniform: values[uniform >= rate] / (1 - rate),
            "Your result has only the kept values. The next layer needs the same shape: dropped ones are 0.",
        ),
    ],
    nudges=(
        "Which entries of `uniform` are below `rate`, and how many of them do you expect?",
        "Dropped entries become 0; the others are divided by the share that is kept, so that the expected sum stays.",
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
            "empty class",
            [
                lambda matrix: _macro_f1(matrix) if (matrix.sum(axis=0) > 0).all() else float("nan"),
                lambda matrix: float(np.mean([f for f in _f1(*_per_class(matrix)) if f > 0])),
            ],
            "In one of the cases a class is never predicted, in another it does not occur at all: something is 0 "
            "divided by 0. Count the F1 of such a class as 0.",
        ),
    ],
    nudges=(
        "Precision divides the diagonal by the sums of the columns, recall by the sums of the rows.",
        "For each class, F1 is `2 * precision * recall / (precision + recall)`, and 0 where that divides by 0.",
    ),
    why="A network that ignores a rare class can have a fine accuracy. Macro F1 falls by that class's whole share.",
)


def _reduced_rates(losses, rate, factor, patience, compare_with="best", reset=True, late=0, early=False):
    rates, best, waited = [], math.inf, 0
    for loss in losses:
        rates.append(rate)
        if loss < best:
            best, waited = loss, 0
        else:
            waited += 1
            if waited >= patience + late:
                rate *= factor
                waited = 0 if reset else waited
                if early:
                    rates[-1] = rate
        if compare_with == "previous":
            best = loss
    return rates


function(
    "06.plateau",
    "plateau_rates(losses, rate, factor, patience)",
    cases=[
        call([1.0, 0.8, 0.9, 0.7, 0.71, 0.72, 0.73, 0.74], 0.1, 0.5, 2),
        call([2.0, 1.0, 1.5, 1.4, 1.3, 1.2, 1.1, 0.9, 0.95], 0.01, 0.1, 1),
        call([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5], 1.0, 0.3, 3),
        call([3.0, 2.0, 1.0], 0.2, 0.5, 1),
    ],
    right=_reduced_rates,
    mistakes=[
        Mistake(
            "compared with the previous epoch",
            lambda *arguments: _reduced_rates(*arguments, compare_with="previous"),
            "You compare each loss with the one before it. A loss can fall for epochs and still be worse than the "
            "best one so far.",
        ),
        Mistake(
            "waiting never starts again",
            lambda *arguments: _reduced_rates(*arguments, reset=False),
            "After a cut the waiting goes on from where it was, so the next epoch cuts again. Give each rate its "
            "`patience` epochs.",
        ),
        Mistake(
            "one epoch too late",
            lambda *arguments: _reduced_rates(*arguments, late=1),
            "You cut one epoch too late: after `patience` epochs without a new best, not after one more.",
        ),
        Mistake(
            "one epoch too early",
            lambda *arguments: _reduced_rates(*arguments, early=True),
            "Your list has the new rate in the epoch whose loss led to the cut. That epoch was trained at the old "
            "one; the next is the first at the new.",
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


def _softmax(scores, axis=-1):
    weights = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return weights / weights.sum(axis=axis, keepdims=True)


function(
    "06.soften",
    "soften(scores, temperature)",
    cases=[
        call(np.array([[2.0, 1.0, -1.0], [0.5, 0.0, 3.0]]), 2.0),
        call(np.array([[1.0, 4.0, 2.0, 0.0]]), 0.5),
        call(np.array([[0.1, -0.3], [5.0, 1.0], [-2.0, 2.0]]), 3.0),
        call(np.array([[4000.0, 3990.0, 0.0], [-4000.0, -4001.0, -4002.0]]), 4.0),
    ],
    right=lambda scores, temperature: _softmax(scores / temperature),
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
            lambda scores, temperature: _softmax(scores),
            "That is the softmax at a temperature of 1, whatever the temperature: it is not used, or it cancels out "
            "again. Differences between scores must shrink.",
        ),
        Mistake(
            "wrong axis",
            lambda scores, temperature: _softmax(scores / temperature, axis=0),
            "Your columns sum to 1. Each row is one image, and its probabilities sum to 1.",
        ),
        Mistake(
            "sum of everything",
            lambda scores, temperature: np.exp(scores / temperature) / np.exp(scores / temperature).sum(),
            "All your numbers together sum to 1. Each row is one image, and its probabilities sum to 1.",
        ),
        Mistake(
            "not a number",
            lambda scores, temperature: _overflowing(scores / temperature),
            "The exponential of 250 still is a number, that of 1000 is not: the last case gives `nan` or 0 / 0. "
            "Subtract each row's largest score before the exponential; the result stays the same.",
        ),
        Mistake(
            "only scores",
            lambda scores, temperature: scores / temperature,
            "Those are the divided scores. The softmax is still to come.",
        ),
    ],
    nudges=(
        "What happens to the differences between scores when all are divided by 2? And then in the softmax?",
        "Divide the scores, subtract each row's maximum, take `np.exp`, divide each row by its sum.",
    ),
    why="One number, found on validation images, repairs most of a network's overconfidence and changes no answer.",
)


def _overflowing(scores):
    with np.errstate(all="ignore"):
        return np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)


_SHAPE = (32, 32, 3)
_WITHOUT_BIASES = 612_074


@task(
    "06.second_network",
    "a function that returns a Keras model",
    mistakes=(
        "parameters",
        "valid padding",
        "no batch normalisation",
        "a pooling is missing",
        "filters",
        "no dropout",
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
                    "valid padding",
                    "Your feature maps shrink at every convolution. Which padding keeps them at 32 x 32?",
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
    images = np.random.default_rng(0).random((4, *_SHAPE)).astype("float32")
    passes = [np.asarray(_as_numpy(model(images, training=True))) for _ in range(2)]
    if np.allclose(*passes, atol=1e-7):
        raise Wrong(
            "no dropout", "Twice the same images while training, and twice the same output: nothing is dropped."
        )


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
    mistakes=("accuracy", "wrong type", "output shape"),
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
    # at laptop 0.64 was measured, with single epochs down to 0.49: batch normalisation's averages lag behind
    reached = networks.scores(model, *_unseen(), full=0.86, laptop=0.45, smoke=0.15)
    return f"It is right on {reached:.1%} of test images that it has not seen."


@task(
    "06.your_own",
    "your trained model",
    mistakes=("accuracy", "parameters", "wrong type", "output shape"),
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
    reached = networks.scores(model, *_unseen(), full=0.86, laptop=0.55, smoke=0.15)
    return f"{reached:.1%} of unseen images right with {model.count_params():,} parameters."
