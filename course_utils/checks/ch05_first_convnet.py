"""The checks of chapter 05, a first convolutional network."""

import numpy as np

from . import networks
from .engine import Wrong
from .kinds import Mistake, call, function, prediction, task, value

# --- shapes and parameters of one chain of layers ---------------------------------------------------------------------


def _has(position, *shapes):
    """Whether the shape at this position is one of these."""

    def recognised(answer):
        return len(answer) == 6 and tuple(int(n) for n in answer[position]) in shapes

    return recognised


def _with_batch(answer):
    return len(answer[0]) == 4


def _number_for_shape(answer):
    return len(answer) == 6 and not all(hasattr(shape, "__len__") for shape in answer)


value(
    "05.shapes",
    "a list of six shapes, each a tuple",
    right=[(28, 19, 16), (14, 9, 16), (14, 9, 24), (7, 5, 32), (1120,), (10,)],
    mistakes=[
        Mistake("with the batch", _with_batch, "Give the shapes of one image, without the axis of the batch."),
        Mistake(
            "number for a shape",
            _number_for_shape,
            "A shape is a tuple even where it holds one number only: `(10,)`, with the comma.",
        ),
        Mistake(
            "channels first",
            _has(0, (16, 28, 19)),
            "The numbers are right; Keras' order is height, width, channels.",
        ),
        Mistake(
            "height and width exchanged",
            _has(0, (19, 28, 16)),
            "An image of 30 rows and 21 columns: the height stands first.",
        ),
        Mistake(
            "valid keeps the size",
            _has(0, (30, 21, 16)),
            "Without `padding`, a convolution is valid: at how many places does a window of 3 fit in a row of 21?",
        ),
        Mistake(
            "channels of the input",
            _has(0, (28, 19, 1)),
            "The sizes are right. How many feature maps do 16 filters make?",
        ),
        Mistake(
            "pooling rounded up",
            _has(1, (14, 10, 16)),
            "A pooling of 2 over 19 columns: the last column does not fill a window, and no padding completes it.",
        ),
        Mistake(
            "same padding ignored",
            _has(2, (10, 5, 24)),
            "The second convolution has `padding='same'`: how large is its result at a stride of 1?",
        ),
        Mistake(
            "stride ignored",
            _has(3, (14, 9, 32), (12, 7, 32)),
            "The third convolution moves its window two pixels at a time.",
        ),
        Mistake(
            "stride rounded down",
            _has(3, (7, 4, 32), (6, 4, 32)),
            "With same padding every pixel is covered: the size divided by the stride is rounded *up*.",
        ),
        Mistake(
            "flattened without channels",
            _has(4, (35,)),
            "`Flatten` keeps every number, those of all channels.",
        ),
    ],
    nudges=(
        "Go layer by layer, height and width each on its own; the channels are the number of filters.",
        "Valid: size - kernel + 1. Pooling of 2: half, rounded down. Same: size / strides, rounded up.",
    ),
    why="Whoever can do this in the head finds most errors of shape before Keras does. A square image, such as those "
    "of MNIST, would have hidden some of the mistakes that can be made here.",
)

value(
    "05.parameters",
    "a list of six whole numbers",
    right=[160, 0, 9_624, 6_944, 0, 11_210],
    mistakes=[
        Mistake(
            "biases forgotten",
            [144, 0, 9_600, 6_912, 0, 11_200],
            "The weights are right. Each filter and each unit also adds a number of its own, the bias.",
        ),
        Mistake(
            "depth forgotten",
            lambda answer: len(answer) == 6 and (answer[2] in (624, 600) or answer[3] in (320, 288)),
            "A filter has a kernel for each feature map that comes in, not one for all of them together.",
        ),
        Mistake(
            "one bias a layer",
            [145, 0, 9_601, 6_913, 0, 11_201],
            "You count one bias for a whole layer; each filter and each unit has one.",
        ),
        Mistake(
            "times the places",
            lambda answer: len(answer) == 6 and answer[0] in (160 * 28 * 19, 144 * 28 * 19, 144 * 28 * 19 + 16),
            "A filter uses the same weights at every place, so the size of the image does not count.",
        ),
        Mistake(
            "pooling has weights",
            lambda answer: len(answer) == 6 and (answer[1] != 0 or answer[4] != 0),
            "Pooling and flattening have nothing to learn.",
        ),
        Mistake(
            "the sum",
            27_938,
            "That is their sum, and it is right. The task asks for the six numbers, so that each can be looked at.",
        ),
    ],
    nudges=(
        "For a convolution: height times width of the kernel, times channels that come in, times filters. And?",
        "The dense layer has a weight for each of the flattened numbers in each of its ten units, and ten biases.",
    ),
    why="The dense layer has the most, though it is the plainest: nothing in it is shared between places.",
)


# --- building ---------------------------------------------------------------------------------------------------------

_SHAPE = (28, 28, 1)


def _relus(model):
    """How many ReLUs the model has, as activations of layers or as layers of their own."""
    found = 0
    for layer in model.layers:
        activation = getattr(layer, "activation", None)
        found += type(layer).__name__ == "ReLU" or getattr(activation, "__name__", "") == "relu"
    return found


@task(
    "05.described",
    "a Keras model",
    mistakes=(
        "valid padding",
        "same everywhere",
        "not halved",
        "a convolution is missing",
        "no activation",
        "parameters",
        "no probabilities",
        "input shape",
        "output shape",
        "wrong type",
    ),
    nudges=(
        "Write one line a layer, `x = layers.Something(...)(x)`, and print `x.shape` after each.",
        "The sizes are 28, 28, 12, 6; then 6 * 6 * 32 numbers are flattened.",
    ),
    why="Three lines of text were enough to get the same network again, to the last weight.",
)
def _described(model):
    networks.is_model(model)
    networks.gives(model, input_shape=_SHAPE, output_shape=(10,))
    networks.parameters(
        model,
        36_210,
        mistakes={
            32_690: (
                "valid padding",
                "Your maps shrink from the start. Which padding keeps the first two at 28 x 28?",
            ),
            40_370: (
                "same everywhere",
                "The third convolution is valid: it keeps to windows inside the image. Yours seems to be padded too.",
            ),
            70_770: (
                "not halved",
                "12 x 12 places reach `Flatten`, and should be 6 x 6: a stride or the pooling is missing.",
            ),
            31_002: ("a convolution is missing", "There are two convolutions of 24 filters, one after the other."),
        },
    )
    networks.probabilities(model, input_shape=_SHAPE)
    if _relus(model) < 3:
        raise Wrong(
            "no activation",
            "The sizes and weights are right, but not every convolution is followed by a ReLU. Without something "
            "between them that is not linear, two convolutions do no more than one.",
        )


@task(
    "05.two_paths",
    "a Keras model",
    mistakes=(
        "added",
        "in a row",
        "wrong axis",
        "parameters",
        "no activation",
        "no probabilities",
        "input shape",
        "output shape",
        "wrong type",
    ),
    nudges=(
        "Give the results of the two paths two names. Both begin with a layer that is called on `inputs`.",
        "`layers.Concatenate()([a, b])` puts feature maps side by side, 16 and 16 make 32.",
    ),
    why="A chain cannot do this: `keras.Sequential` has no place for two layers with the same input. Inception, ResNet "
    "and U-Net are all made of such branches.",
)
def _two_paths(model):
    networks.is_model(model)
    networks.gives(model, input_shape=_SHAPE, output_shape=(10,))
    networks.parameters(
        model,
        21_738,
        mistakes={
            17_130: (
                "added",
                "The two paths seem to be added, so that 16 feature maps go on. Concatenated they are 32.",
            ),
            18_650: (
                "in a row",
                "The second path seems to begin where the first ends. Both read the image itself.",
            ),
            30_570: (
                "wrong axis",
                "The feature maps are joined along their height or width, into a longer picture. Join them along the "
                "channels.",
            ),
        },
    )
    networks.probabilities(model, input_shape=_SHAPE)
    if _relus(model) < 3:
        raise Wrong("no activation", "The sizes are right, but not every convolution is followed by a ReLU.")


# --- the loss ---------------------------------------------------------------------------------------------------------


def _right_ones(labels, probabilities):
    labels = np.asarray(labels)
    if labels.ndim == 2:
        labels = labels.argmax(axis=1)
    return np.asarray(probabilities)[np.arange(len(labels)), labels]


def _cross_entropy(labels, probabilities):
    return float(-np.log(_right_ones(labels, probabilities)).mean())


def _random_probabilities(images, classes, seed):
    weights = np.random.default_rng(seed).random((images, classes)) + 0.05
    return weights / weights.sum(axis=1, keepdims=True)


_STOPS = "Are these labels one-hot? Both kinds must be possible: `labels.ndim` tells them apart."
_five, _seven, _one = (_random_probabilities(*sizes) for sizes in ((5, 4, 0), (7, 3, 1), (1, 10, 2)))
function(
    "05.cross_entropy",
    "cross_entropy(labels, probabilities)",
    cases=[
        call(np.array([3, 0, 0, 2, 1]), _five),
        call(np.eye(4)[[3, 0, 0, 2, 1]], _five).told(stopping=_STOPS),
        call(np.eye(3, dtype=int)[[2, 2, 0, 1, 0, 2, 1]], _seven).told(stopping=_STOPS),
        call(np.array([7]), _one),
    ],
    right=_cross_entropy,
    mistakes=[
        Mistake(
            "sign",
            lambda labels, probabilities: -_cross_entropy(labels, probabilities),
            "The logarithm of a probability is negative; a loss is never below 0.",
        ),
        Mistake(
            "summed",
            lambda labels, probabilities: _cross_entropy(labels, probabilities) * len(labels),
            "You add up the losses of the images. Their mean does not depend on how many there are.",
        ),
        Mistake(
            "mean over the classes too",
            [
                lambda labels, probabilities: _cross_entropy(labels, probabilities) / probabilities.shape[1],
                lambda labels, probabilities: (
                    _cross_entropy(labels, probabilities) / (probabilities.shape[1] if labels.ndim == 2 else 1)
                ),
            ],
            "You take the mean over all entries of the table, the zeros of the one-hot labels among them. One loss an "
            "image, then the mean over the images.",
        ),
        Mistake(
            "not averaged",
            lambda labels, probabilities: -np.log(_right_ones(labels, probabilities)),
            "Those are the losses of the images. What is missing is their mean, one number.",
        ),
        Mistake(
            "no logarithm",
            [
                lambda labels, probabilities: float((1 - _right_ones(labels, probabilities)).mean()),
                lambda labels, probabilities: float(-_right_ones(labels, probabilities).mean()),
                lambda labels, probabilities: float(_right_ones(labels, probabilities).mean()),
            ],
            "You have found the probabilities of the right classes. The loss takes their logarithm.",
        ),
        Mistake(
            "logarithm of the mean",
            lambda labels, probabilities: float(-np.log(_right_ones(labels, probabilities).mean())),
            "You take the mean first and its logarithm afterwards. Each image has a loss of its own.",
        ),
        Mistake(
            "other base",
            [
                lambda labels, probabilities: _cross_entropy(labels, probabilities) / np.log(2),
                lambda labels, probabilities: _cross_entropy(labels, probabilities) / np.log(10),
            ],
            "Yours takes logarithms to the base 2 or 10; Keras takes natural ones, `np.log`.",
        ),
        Mistake(
            "the answer instead of the label",
            lambda labels, probabilities: float(-np.log(probabilities.max(axis=1)).mean()),
            "You take the largest probability of each row, whatever the label says: a network that is sure and wrong "
            "would have no loss.",
        ),
    ],
    nudges=(
        "One-hot labels have two axes. Where is the 1 in each row?",
        "With integers, `probabilities[np.arange(len(labels)), labels]` picks one number from each row.",
    ),
    why="The two losses of Keras differ in what they accept, not in what they compute.",
)

prediction(
    "05.stuck_loss",
    right="softmax applied twice",
    choices={
        "labels are one-hot": "One-hot labels with the sparse loss stop the training with an error about shapes; with "
        "the other loss they are right, and nothing keeps the loss from falling to 0.",
        "learning rate too large": "Then the accuracy would suffer too. And why should the loss stop just there?",
        "softmax applied twice": "A probability of 1 and nine of 0, put through another softmax, give e / (e + 9) = "
        "0.232, and -log 0.232 = 1.461. Either the last layer has a softmax or the loss has `from_logits=True`; never "
        "both. On TensorFlow, Keras notices and warns.",
        "pixels were not divided by 255": "Undivided pixels make the first loss large, and it can fall to any value "
        "afterwards.",
    },
    nudges=(
        "Which loss would a network have here that is certain and right about every image?",
        "Work out the softmax of 1, 0, 0, 0, 0, 0, 0, 0, 0, 0 and its loss.",
    ),
)


# --- reading predictions ----------------------------------------------------------------------------------------------


def _counts(labels, probabilities):
    classes = probabilities.shape[1]
    matrix = np.zeros((classes, classes), int)
    np.add.at(matrix, (np.asarray(labels), probabilities.argmax(axis=1)), 1)
    return matrix


def _largest(matrix):
    label, answer = np.unravel_index(matrix.argmax(), matrix.shape)
    return int(label), int(answer), int(matrix[label, answer])


def _without_diagonal(matrix):
    return matrix * (1 - np.eye(len(matrix), dtype=int))


def _top_confusion(labels, probabilities):
    return _largest(_without_diagonal(_counts(labels, probabilities)))


def _either_way(labels, probabilities):
    matrix = _without_diagonal(_counts(labels, probabilities))
    both = np.triu(matrix + matrix.T)
    a, b, times = _largest(both)
    return (a, b, times) if matrix[a, b] >= matrix[b, a] else (b, a, times)


def _case(matrix, seed):
    """Labels and probabilities with this confusion matrix, in random order."""
    rng = np.random.default_rng(seed)
    labels, answers = np.indices(matrix.shape).reshape(2, -1).repeat(np.ravel(matrix), axis=1)
    order = rng.permutation(len(labels))
    probabilities = rng.random((len(labels), len(matrix)))
    probabilities[np.arange(len(labels)), answers] += 1.5
    return call(labels[order], (probabilities / probabilities.sum(axis=1, keepdims=True))[order])


function(
    "05.top_confusion",
    "top_confusion(labels, probabilities)",
    cases=[
        _case(np.array([[9, 1, 2], [0, 5, 0], [4, 1, 8]]), 0),
        _case(np.array([[6, 4, 0, 1], [4, 9, 0, 0], [0, 0, 7, 5], [0, 2, 0, 3]]), 1),
        _case(np.array([[2, 0, 3], [1, 2, 0], [0, 0, 0]]), 2),
    ],
    right=_top_confusion,
    mistakes=[
        Mistake(
            "right answers counted",
            lambda labels, probabilities: _largest(_counts(labels, probabilities)),
            "Your pair is a digit that is read as itself. Only mistakes count.",
        ),
        Mistake(
            "exchanged",
            lambda labels, probabilities: (lambda a, b, n: (b, a, n))(*_top_confusion(labels, probabilities)),
            "Label and answer are exchanged: the label comes first.",
        ),
        Mistake(
            "either way",
            [
                _either_way,
                lambda labels, probabilities: (
                    tuple(sorted(_either_way(labels, probabilities)[:2])) + _either_way(labels, probabilities)[2:]
                ),
            ],
            "You add up both directions, 4 read as 9 and 9 read as 4. They are different mistakes here.",
        ),
        Mistake(
            "without the count",
            lambda labels, probabilities: _top_confusion(labels, probabilities)[:2],
            "The pair is right. How often it occurs is asked for too.",
        ),
        Mistake(
            "least probable",
            lambda labels, probabilities: _top_confusion(labels, -probabilities),
            "You take the least probable digit as the answer.",
        ),
    ],
    nudges=(
        "First the answers, one an image; then only the images on which answer and label differ.",
        "Count the pairs in a table with a row for each label and a column for each answer, or with a `Counter`.",
    ),
    why="It is the first thing to look at after an accuracy: mistakes are seldom spread evenly, and the pair in front "
    "often says what a network does not see.",
)


# --- training ---------------------------------------------------------------------------------------------------------

MOST_PARAMETERS = 5_000


def _unseen():
    """Test digits from 0 to 1 and their labels, as many as the profile can afford."""
    from ..budget import profile
    from ..datasets import load

    test = load("mnist", "test", examples=360 if profile() == "smoke" else 5_000)
    return test.images.astype("float32") / 255, test.labels


@task(
    "05.small_network",
    "your trained model",
    mistakes=("parameters", "accuracy", "no probabilities", "input shape", "output shape", "wrong type"),
    nudges=(
        "Count where the weights are before you train: in the convolutions, or in the dense layer after `Flatten`?",
        "Few filters, and small maps before `Flatten`: each value that is flattened costs ten weights.",
    ),
    why="A twentieth of the chapter's weights for a little of its accuracy. How much of a large network is needed is "
    "a question that is worth asking each time.",
)
def _small_network(model):
    networks.is_model(model)
    networks.gives(model, input_shape=_SHAPE, output_shape=(10,))
    networks.parameters(model, at_most=MOST_PARAMETERS)
    networks.probabilities(model, input_shape=_SHAPE)
    reached = networks.scores(
        model, *_unseen(), full=0.97, laptop=0.97, smoke=0.75, what="accuracy on digits that it has not seen"
    )
    return f"{reached:.1%} of unseen digits right with {model.count_params():,} parameters."
