"""The checks of chapter 05, a first convolutional network."""

import numpy as np

from . import networks
from .engine import Wrong
from .kinds import Mistake, call, function, prediction, task, typed, value

# --- shapes and parameters of one chain of layers ---------------------------------------------------------------------


def _has(position, *shapes):
    """Whether the shape at this position is one of these."""
    return lambda answer: len(answer) == 6 and tuple(int(n) for n in answer[position]) in shapes


def _six(condition):
    """Whether there are six shapes, and this is true of them."""
    return lambda answer: len(answer) == 6 and condition(answer)


_SIX = [f"`{letter}`" for letter in "abcdef"]
_SHAPES = [(28, 19, 16), (14, 9, 16), (14, 9, 24), (7, 5, 32), (1120,), (10,)]
value(
    "05.shapes",
    "a list of six shapes, each a tuple",
    right=_SHAPES,
    parts=_SIX,
    mistakes=[
        Mistake("from the end", _SHAPES[::-1], "The shapes are right, and stand from `f` to `a`. Begin with `a`."),
        Mistake(
            "with the batch",
            _six(lambda shapes: len(shapes[0]) == 4 and not isinstance(shapes[0], str)),
            "Give the shapes of one image, without the axis of the batch.",
        ),
        Mistake(
            "number for a shape",
            _six(lambda shapes: not all(hasattr(shape, "__len__") for shape in shapes)),
            "A shape is a tuple even where it holds one number only: `(10,)`, with the comma.",
        ),
        Mistake(
            "halves not floored",
            _six(lambda shapes: any(n != int(n) for shape in shapes for n in shape)),
            "Sizes are whole numbers. A pooling of 2 over 19 columns: how many whole windows fit?",
        ),
        Mistake(
            "one place too few",
            _has(0, (27, 18, 16)),
            "How many places has a window of 3 in a row of 3? `size - kernel` says none; there is one.",
        ),
        Mistake(
            "channels left out",
            _six(lambda shapes: any(len(shape) == 2 for shape in shapes[:4])),
            "The first four shapes have three numbers each: height, width and the number of feature maps.",
        ),
        Mistake("channels first", _has(0, (16, 28, 19)), "Keras' order is height, width, channels."),
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
            "Height and width of the first shape are right. How many feature maps do 16 filters make?",
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
            "With same padding every pixel is covered. In steps of 2 over 9 columns: how many windows does that take?",
        ),
        Mistake("flattened without channels", _has(4, (35,)), "`Flatten` keeps every number, those of all channels."),
        Mistake(
            "not flattened", _has(4, (35, 32), (7, 5, 32)), "`Flatten` makes one row of all numbers, with one axis."
        ),
    ],
    nudges=(
        "Go layer by layer, height and width each on its own; the channels are the number of filters.",
        "Draw a row of 21 pixels and mark where a window of 3 can begin. Which layers may reach over the edge of "
        "their input, and which leave out what does not fill a window?",
    ),
    why="Whoever can do this in the head finds most errors of shape before Keras does. A square image, such as those "
    "of MNIST, would have hidden some of the mistakes that can be made here.",
)

_WEIGHTS = [160, 0, 9_624, 6_944, 0, 11_210]


def _each_one_of(others):
    """Whether there are six counts, and each is right or this one."""
    return _six(lambda counts: all(map(lambda count, *known: count in known, counts, _WEIGHTS, others)))


value(
    "05.parameters",
    "a list of six whole numbers",
    right=_WEIGHTS,
    parts=_SIX,
    mistakes=[
        Mistake(
            "biases forgotten",
            _each_one_of([144, 0, 9_600, 6_912, 0, 11_200]),
            "The weights are right. Each filter and each unit also adds a number of its own, the bias.",
        ),
        Mistake(
            "depth forgotten",
            _six(lambda counts: counts[2] in (624, 600) or counts[3] in (320, 288)),
            "A filter has a kernel for each feature map that comes in, not one for all of them together.",
        ),
        Mistake(
            "one bias a layer",
            _each_one_of([145, 0, 9_601, 6_913, 0, 11_201]),
            "You count one bias for a whole layer; each filter and each unit has one.",
        ),
        Mistake(
            "a bias for each input",
            _each_one_of([160, 0, 9_984, 7_680, 0, 12_320]),
            "A filter or a unit adds up all that comes in, and then its bias: one, however many inputs there are.",
        ),
        Mistake(
            "stride counted",
            _six(lambda counts: counts[3] in (6_944 // 2, 6_944 // 4, 6_912 // 2 + 32, 6_912 // 4 + 32)),
            "A stride skips places. The filter that is laid on them has as many weights as ever.",
        ),
        Mistake(
            "other sizes before the dense layer",
            _six(lambda counts: counts[5] in (360, 7_690, 8_970, 12_810)),
            "How many numbers come into the dense layer? `e` of task 1 says it.",
        ),
        Mistake(
            "times the places",
            _six(lambda counts: counts[0] in (160 * 28 * 19, 144 * 28 * 19, 144 * 28 * 19 + 16)),
            "A filter uses the same weights at every place, so the size of the image does not count.",
        ),
        Mistake(
            "pooling has weights",
            _six(lambda counts: counts[1] > 0 or counts[4] > 0),
            "Pooling and flattening have nothing to learn.",
        ),
        Mistake(
            "the sum",
            27_938,
            "That is their sum, and it is right. The task asks for the six numbers, so that each can be looked at.",
        ),
    ],
    nudges=(
        "Take one filter first. Over how many numbers of its input does it reach at one place, all channels counted?",
        "Each filter and each unit has its own weights and one number more. What comes in is what task 1 says; a layer "
        "that only picks or reorders numbers learns nothing.",
    ),
    why="The dense layer has the most, though it is the plainest: nothing in it is shared between places.",
)


# --- building ---------------------------------------------------------------------------------------------------------

_SHAPE = (28, 28, 1)
_CLOSE = 0.02  # of probabilities that are far from equal: the most that products rounded to 16 bits may differ


def _relu(x, wanted=True):
    from keras import ops

    return ops.relu(x) if wanted else x


def _convolution(x, pair, strides=1, padding="valid"):
    from keras import ops

    return ops.conv(x, pair[0], strides, padding, data_format="channels_last") + pair[1]


def _pool(x, size, average=False):
    from keras import ops

    return (ops.average_pool if average else ops.max_pool)(x, size, size, "valid", data_format="channels_last")


def _ten(x, pair, before=None, twice=False):
    """Probabilities from feature maps."""
    from keras import ops

    x = ops.matmul(ops.reshape(x, (len(x), -1)), pair[0]) + pair[1]
    x = ops.softmax(ops.relu(x) if before == "relu" else x)
    return ops.softmax(x) if twice else x


def _halved(x, pair, way, relu, average):
    """One of the two paths: halved by a pooling after the convolution, one before it, or a stride."""
    if way == "pool first":
        return _relu(_convolution(_pool(x, 2, average), pair, padding="same"), relu)
    x = _relu(_convolution(x, pair, 2 if way == "stride" else 1, "same"), relu)
    return _pool(x, 2, average) if way == "pool" else x


def _paths(
    x, pairs, *, coarse_first=False, fine="pool", coarse="stride", relus=(1, 1, 1), strides=1, average=False, **last
):
    """The network of task 3, or one with a mistake in it, computed with these weights."""
    from keras import ops

    small, large, third, dense = pairs
    paths = [_halved(x, small, fine, relus[0], average), _halved(x, large, coarse, relus[1], average)]
    x = _relu(_convolution(ops.concatenate(paths[::-1] if coarse_first else paths, axis=-1), third, strides), relus[2])
    return _ten(x if strides == 2 else _pool(x, 2, average), dense, **last)


_RELUS = [dict(relus=relus) for relus in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0))]
_FOR_BOTH = [
    (
        "no activation",
        _RELUS,
        "The sizes and weights are right, but not every convolution is followed by a ReLU. Without something between "
        "them that is not linear, two convolutions do no more than one.",
    ),
    (
        "softmax twice",
        [dict(twice=True), dict(twice=True, before="relu")],
        "The outputs go through a softmax twice, which leaves ten probabilities that are nearly equal. Once is enough.",
    ),
    (
        "relu before softmax",
        [dict(before="relu")],
        "The ten outputs go through a ReLU before the softmax. The description has one after every convolution only.",
    ),
    ("average pooling", [dict(average=True)], "Your pooling takes means; the description asks for max pooling."),
]
_IN_PATHS = [
    *_FOR_BOTH,
    (
        "exchanged",
        [dict(fine="stride", coarse="pool")],
        "The two paths are exchanged: it is the 7x7 convolution that has the stride, and the 3x3 one that is pooled.",
    ),
    (
        "pooling for stride",
        [dict(coarse="pool"), dict(coarse="pool first")],
        "The path of 7x7 is halved by a pooling. The description has a stride there, which skips every other place.",
    ),
    (
        "stride for pooling",
        [dict(fine="stride"), dict(strides=2), dict(fine="stride", strides=2)],
        "Where the description has a max pooling, after the 3x3 of the first path or at the end, yours has a stride.",
    ),
    (
        "pooled first",
        [dict(fine="pool first")],
        "In the path of 3x3 the pooling stands before the convolution; the description has it after.",
    ),
]


def _pairs(model):
    """Kernel and bias of each layer with weights, in order, as arrays; a kernel without a bias has None."""
    pairs = []
    for weight in map(np.asarray, model.get_weights()):
        if weight.ndim > 1:
            pairs.append([weight, None])
        elif pairs:
            pairs[-1][1] = weight
    return pairs


def _filled(model, shapes):
    """Give the model new weights, and return those of the layers with these shapes: (kernel, bias) of each.

    Weights of the check's own show what biases do, and leave no network that is right because all its weights are 0.
    """
    rng = np.random.default_rng(1)
    weights = model.get_weights()
    scales = [np.sqrt(2 * weight.shape[-1] / weight.size) if weight.ndim > 1 else 0.3 for weight in weights]
    model.set_weights([rng.normal(0, scale, weight.shape) for scale, weight in zip(scales, weights, strict=True)])
    pairs = []
    for shape in shapes:
        found = [pair for pair in _pairs(model) if pair[0].size == np.prod(shape) and pair[1] is not None]
        if len(found) != 1 or len(found[0][1]) != shape[-1]:
            raise Wrong("parameters", "The number of weights is right, but they are shared out among other layers.")
        pairs.append([found[0][0].reshape(shape), found[0][1]])
    return pairs


def _rescaled(pairs, factor=3):
    """Weights that make the same outputs but for rounding: maps `factor` times as strong, read by as much less."""
    maps = [[kernel * (factor if kernel.shape[2] == 1 else 1), bias * factor] for kernel, bias in pairs[:-1]]
    return [*maps, [pairs[-1][0] / factor, pairs[-1][1]]]


def _computes(model, shapes, network, mistakes, orders=({},)):
    """The model gives what the described network gives with the same weights, however it is written."""
    import keras

    images = np.random.default_rng(0).normal(size=(32, *_SHAPE)) * np.geomspace(1, 30, 32)[:, None, None, None]
    images = images.astype("float32")  # faint ones and strong ones: some mistakes show on one kind only
    with networks.restored(model):
        pairs = _filled(model, shapes)
        given = networks.outputs(model, images)
        training = keras.ops.convert_to_numpy(model(images, training=True))

    def computed(pairs, changes):
        inputs, weights = keras.tree.map_structure(lambda a: keras.ops.cast(a, model.compute_dtype), [images, pairs])
        results = [network(inputs, weights, **changes, **order) for order in orders]
        return [keras.ops.convert_to_numpy(keras.ops.cast(result, "float32")) for result in results]

    rounding = np.abs(np.subtract(computed(pairs, {}), computed(_rescaled(pairs), {}))).max()
    close = np.clip(10 * rounding, 1e-3, _CLOSE)

    def distance(changes):
        return min(np.abs(given - result).max() for result in computed(pairs, changes))

    if not distance({}) <= close:
        found = [(min(map(distance, changed)), name, text) for name, changed, text in mistakes]
        nearest, name, text = min(found, key=lambda entry: entry[0])
        if nearest <= close:
            raise Wrong(name, text)
        raise Wrong(
            "other outputs",
            "The number of weights is right, but the model gives other outputs than the described network with the "
            "same weights. Compare it with the description line by line: what is computed, in which order, from what?",
        )
    if not np.allclose(given, training, atol=close):
        raise Wrong(
            "dropout",
            "The model computes something else while it trains, as a `Dropout` does. The description has no such "
            "layer.",
        )


_ANY_MODEL = ("other outputs", "dropout", "parameters", "no probabilities", "input shape", "output shape")
_ANY_MODEL += ("no return", "wrong type")
_PATHS_SHAPES = ((3, 3, 1, 16), (7, 7, 1, 16), (3, 3, 32, 32), (1_152, 10))


_STOPS = {  # what Keras says: what the check adds
    "matching shapes": "Maps that are put side by side need the same height and width: 14 x 14, for both paths. "
    "Which of yours does not?",
    "positional argument": "If it is `Concatenate` that stopped: it is called on one argument, a list of the results.",
}


@task(
    "05.two_paths",
    "a function that returns a Keras model",
    mistakes=(
        "added",
        "in a row",
        "wrong axis",
        "one path only",
        *(name for name, _, _ in _IN_PATHS),
        *_ANY_MODEL,
    ),
    nudges=(
        "Give the results of the two paths two names. Both begin with a layer that is called on `inputs`.",
        "Only maps of one height and width can be put side by side. Work out what each path makes of 28 x 28, the "
        "padding and the stride counted, before you join the two.",
    ),
    why="A chain cannot do this: `keras.Sequential` has no place for two layers with the same input. Inception, ResNet "
    "and U-Net are all made of such branches.",
)
def _two_paths(answer):
    try:
        model = networks.built(answer)
    except Wrong as wrong:
        told = next((sentence for sign, sentence in _STOPS.items() if sign in wrong.hint), "")
        raise Wrong(wrong.mistake, f"{wrong.hint} {told}".strip(), wrong.outcome) from wrong
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
            **dict.fromkeys((20_938, 21_578), ("one path only", "One path goes on twice, and the other is lost.")),
            25_898: "The last convolution is valid: it keeps to windows inside the maps. Yours seems to be padded.",
            10_538: "One number of each map reaches the ten outputs, as after a mean. `Flatten` lets all of them pass.",
            21_354: "The filters of the second path seem to be 5x5; the description has 7x7.",
            31_914: "Your paths seem to have 32 filters each. Each has 16, and 32 maps go on from the two of them.",
            18_218: "5 x 5 places reach the dense layer, and should be 6 x 6: first the convolution, then the pooling.",
            56_298: "12 x 12 places reach the dense layer, and should be 6 x 6: the last pooling is missing.",
        },
    )
    networks.probabilities(model, input_shape=_SHAPE)
    _computes(model, _PATHS_SHAPES, _paths, _IN_PATHS, orders=({}, dict(coarse_first=True)))


# --- the loss ---------------------------------------------------------------------------------------------------------


def _integers(labels):
    return labels.argmax(axis=1) if labels.ndim == 2 else labels


def _right_ones(labels, probabilities):
    return probabilities[np.arange(len(labels)), _integers(labels)]


def _cross_entropy(labels, probabilities, *, least=0, added=0, of=lambda right: -np.log(right), mean=np.mean):
    """The loss, with switches for the mistakes."""
    return mean(of(np.maximum(_right_ones(labels, probabilities), least) + added))


def _binary(labels, probabilities):
    """The terms of the other loss, which has one for each class."""
    rows = np.eye(probabilities.shape[1])[_integers(labels)]
    return -np.log(np.where(rows == 1, probabilities, 1 - probabilities))


_FIVE = np.array(
    [[0.1, 0.2, 0.3, 0.4], [0.7, 0.1, 0.15, 0.05], [0.25, 0.3, 0.4, 0.05], [0.05, 0.05, 0.6, 0.3], [0.2, 0.5, 0.2, 0.1]]
)
_SEVEN = np.array([[1, 2, 7], [3, 3, 4], [5, 3, 2], [2, 6, 2], [8, 1, 1], [4, 1, 5], [3, 2, 5]]) / 10
_ONE = np.array([[0.05, 0.1, 0.05, 0.1, 0.15, 0.05, 0.1, 0.2, 0.1, 0.1]])
_TWO = np.array([[0.2, 0.8], [0.5, 0.5]])
_ONE_HOT = dict(
    stopping="These labels are one-hot; integers are possible already.", right_for=call(np.array([1, 0]), _TWO)
)
_INTEGERS = dict(
    stopping="These labels are integers; one-hot ones are possible already.", right_for=call(np.eye(2)[[1, 0]], _TWO)
)
function(
    "05.cross_entropy",
    "cross_entropy(labels, probabilities)",
    cases=[
        call(np.array([3, 0, 0, 2, 1]), _FIVE).told(**_INTEGERS),
        call(np.eye(4)[[3, 0, 0, 2, 1]], _FIVE).told(**_ONE_HOT),
        call(np.eye(3, dtype=int)[[2, 2, 0, 1, 0, 2, 1]], _SEVEN).told(**_ONE_HOT),
        call(np.array([7]), _ONE),
        call(np.array([1, 0, 0, 1]), _SEVEN[:4]),
        call(np.array([2, 0]), np.array([[0.6, 0.35, 0.05], [0.5, 0.25, 0.25]])),
        # What tells the two kinds apart where their sizes do not: as many images as classes, one image.
        call(np.array([2, 0, 1]), _SEVEN[3:6]),
        call(np.eye(3)[[1, 0, 1]], _SEVEN[1:4]).told(**_ONE_HOT),
        call(np.eye(10)[[7]], _ONE).told(**_ONE_HOT),
        call(np.array([2, 0, 1, 1], "int32"), _SEVEN[2:6].astype("float32")),  # as `load` and `predict` give them
        # One image in a thousand is wrong and sure of it. A bound of 1e-4 shows here, one of 1e-6 does not.
        call(
            typed("np.zeros(1000, dtype=int)"), typed("np.repeat([[0.3, 0.7], [0.00008, 0.99992]], [999, 1], axis=0)")
        ),
        call(np.array([1, 0]), np.array([[1e-9, 0.6, 0.4], [0.5, 0.5, 1e-9]])),  # a bound, if there is one, is a copy's
    ],
    right=_cross_entropy,
    mistakes=[
        Mistake("sign", {"of": np.log}, "The logarithm of a probability is negative; a loss is never below 0."),
        Mistake(
            "summed",
            {"mean": np.sum},
            "You add up the losses of the images. Their mean does not depend on how many there are.",
        ),
        Mistake(
            "mean over the classes too",
            [
                lambda labels, table: _cross_entropy(labels, table) / table.shape[1],
                lambda labels, table: _cross_entropy(labels, table) / (table.shape[1] if labels.ndim == 2 else 1),
            ],
            "You take the mean over all entries of the table, the zeros of the one-hot labels among them. One loss an "
            "image, then the mean over the images.",
        ),
        Mistake(
            "clipped",
            [
                *({"least": least} for least in (0.1, 0.05, 0.01, 0.005, 0.002, 0.001, 1e-4)),
                *({"added": least} for least in (0.1, 0.05, 0.01, 0.005, 0.002, 0.001, 1e-4, 1e-5)),
            ],
            "Your probabilities are kept from falling below a bound that is far too high: a network that is sure and "
            "wrong pays too little. Guard against 0 with a bound such as 1e-7, or not at all.",
        ),
        Mistake(
            "every image with every label",
            lambda labels, table: -np.log(table[:, _integers(labels)]).mean(),
            "`probabilities[:, labels]` takes, for every image, the labels of all the others too. Each row needs its "
            "own label's column.",
        ),
        Mistake(
            "not averaged",
            {"mean": np.asarray},
            "Those are the losses of the images. What is missing is their mean, one number.",
        ),
        Mistake(
            "no logarithm",
            [{"of": lambda right: 1 - right}, {"of": np.negative}, {"of": np.asarray}],
            "You have found the probabilities of the right classes. The loss takes their logarithm.",
        ),
        Mistake(
            "logarithm of the mean",
            lambda labels, table: -np.log(_right_ones(labels, table).mean()),
            "You take the mean first and its logarithm afterwards. Each image has a loss of its own.",
        ),
        Mistake(
            "other base",
            [{"of": lambda right: -np.log2(right)}, {"of": lambda right: -np.log10(right)}],
            "Yours takes logarithms to the base 2 or 10; Keras takes natural ones, `np.log`.",
        ),
        Mistake(
            "the answer instead of the label",
            lambda labels, table: -np.log(table.max(axis=1)).mean(),
            "You take the largest probability of each row, whatever the label says: a network that is sure and wrong "
            "would have no loss.",
        ),
        Mistake(
            "a softmax more",
            lambda labels, table: _cross_entropy(labels, np.exp(table) / np.exp(table).sum(axis=1, keepdims=True)),
            "You apply a softmax to numbers that are probabilities already. The loss takes them as they are.",
        ),
        Mistake(
            "a loss for each class",
            [lambda *args: _binary(*args).sum(axis=1).mean(), lambda *args: _binary(*args).mean()],
            "You add something for the wrong classes too, as the binary cross-entropy does. This loss asks for the "
            "right class's probability alone.",
        ),
    ],
    nudges=(
        "One-hot labels have two axes. Where is the 1 in each row?",
        "Once the labels are integers: each row of `probabilities` gives one number. An array can be indexed with two "
        "arrays at once, one of rows and one of columns.",
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
        "both. On TensorFlow, Keras notices, warns, and leaves out the second one.",
        "pixels were not divided by 255": "Undivided pixels make the first loss large, and it can fall to any value "
        "afterwards.",
    },
    nudges=(
        "Which loss would a network have here that is certain and right about every image?",
        "A loss of 1.461 is a probability of 0.232. What keeps the number that the loss sees so far below the 1 that "
        "the network may be sure of?",
    ),
)


# --- reading predictions ----------------------------------------------------------------------------------------------


def _counts(labels, probabilities):
    classes = probabilities.shape[1]
    matrix = np.zeros((classes, classes), int)
    np.add.at(matrix, (labels, probabilities.argmax(axis=1)), 1)
    return matrix


def _top_confusion(labels, probabilities, *, mistakes=True, by=lambda matrix: matrix, counted=lambda matrix: matrix):
    """The pair of the largest number, with switches for the mistakes: ``by`` ranks the pairs, ``counted`` counts."""
    matrix = _counts(labels, probabilities)
    matrix = counted(matrix * (1 - np.eye(len(matrix), dtype=int)) if mistakes else matrix)
    label, answer = np.unravel_index(by(matrix).argmax(), matrix.shape)
    return int(label), int(answer), int(matrix[label, answer])


def _share(labels, probabilities):
    rows = np.maximum(np.bincount(labels, minlength=probabilities.shape[1]), 1)
    return _top_confusion(labels, probabilities, by=lambda matrix: matrix / rows[:, None])


def _both_ways(matrix):
    return matrix + matrix.T


def _sorted(*args):
    label, answer, times = _top_confusion(*args, counted=_both_ways)
    return min(label, answer), max(label, answer), times


def _in_its_direction(labels, probabilities):
    a, b, times = _top_confusion(labels, probabilities, counted=_both_ways)
    matrix = _counts(labels, probabilities)
    return (a, b, times) if matrix[a, b] >= matrix[b, a] else (b, a, times)


def _ranked(rows, columns):
    """Pairs ranked by how often their label is misread, by how often their answer is wrong, and then by the pair."""
    return lambda m: m + 1e6 * (m > 0) * (rows * m.sum(axis=1, keepdims=True) + columns * m.sum(axis=0))


def _case(matrix, seed):
    """Labels and probabilities with this confusion matrix, in random order; hardly any probability is above 0.5."""
    labels, answers = np.indices(np.shape(matrix)).reshape(2, -1).repeat(np.ravel(matrix), axis=1)
    order = np.random.default_rng(seed).permutation(len(labels))
    others = [1.5, 1.4, 1.6, 1.7][: len(matrix)]  # unequal, so that the least probable class is one
    rows = f"np.eye({len(matrix)})[{answers[order].tolist()}]"
    return call(labels[order], typed(f"({rows} + {others}) / {round(1 + sum(others), 1)}"))


function(
    "05.top_confusion",
    "top_confusion(labels, probabilities)",
    cases=[
        _case([[9, 1, 2], [0, 5, 0], [4, 1, 8]], 0),
        _case([[6, 4, 1, 1], [4, 9, 0, 0], [0, 0, 7, 5], [0, 3, 0, 3]], 1),
        _case([[2, 0, 3], [1, 2, 0], [0, 0, 0]], 2),
        _case([[9, 5, 1], [2, 8, 0], [0, 3, 0]], 3),
        # The kinds of array that `load` and `predict` give, ten classes, and more repeats than 8 bits can count.
        call(
            typed('np.repeat([7, 4, 9, 2, 5], [320, 150, 290, 40, 60]).astype("int32")'),
            typed(
                '(np.eye(10)[np.repeat([7, 9, 4, 9, 7, 5], [10, 310, 150, 285, 45, 60])] / 2 + 0.05).astype("float32")'
            ),
        ).in_next_cell(),
    ],
    right=_top_confusion,
    mistakes=[
        Mistake(
            "right answers counted",
            {"mistakes": False},
            "Your pair is a digit that is read as itself. Only mistakes count.",
        ),
        Mistake(
            "exchanged",
            lambda *args: (lambda label, answer, times: (answer, label, times))(*_top_confusion(*args)),
            "Label and answer are exchanged: the label comes first.",
        ),
        Mistake(
            "either way",
            [_in_its_direction, _sorted],
            "You add up both directions, 4 read as 9 and 9 read as 4. They are different mistakes here.",
        ),
        Mistake(
            "share of the label",
            _share,
            "Your pair is the one with the largest share of its label's images. The task asks which mistake was made "
            "most often, and a rare label has few images.",
        ),
        Mistake(
            "counted once",
            {"counted": lambda matrix: np.minimum(matrix, 1)},
            "Every pair counts once in yours, however often it occurs. With arrays as indices, `+= 1` adds one to "
            "each place only once; `np.add.at` or a loop counts repeats.",
        ),
        Mistake(
            "counted in 8 bits",
            {"counted": lambda matrix: matrix.astype("uint8")},
            "Your counts begin again at 0 after 255: the array that holds them has 8 bits a number.",
        ),
        Mistake(
            "without the count",
            lambda *args: _top_confusion(*args)[:2],
            "The pair is right. How often it occurs is asked for too.",
        ),
        Mistake(
            "nested",
            lambda *args: (_top_confusion(*args)[:2], _top_confusion(*args)[2]),
            "The pair stands in a tuple of its own. Three ints side by side are asked for: label, answer, times.",
        ),
        Mistake(
            "least probable",
            lambda labels, probabilities: _top_confusion(labels, -probabilities),
            "You take the least probable digit as the answer.",
        ),
        Mistake(
            "label and answer apart",
            [{"by": _ranked(1, 0)}, {"by": _ranked(0, 1)}],
            "You look for the label that is misread most often, or for the answer that is wrong most often, and only "
            "then for the other. The most frequent pair may be neither's.",
        ),
    ],
    nudges=(
        "First the answers, one an image; then only the images on which answer and label differ.",
        "Count the pairs in a table with a row for each label and a column for each answer, or with a `Counter`.",
    ),
    why="It is the first thing to look at after an accuracy: mistakes are seldom spread evenly, and the pair in front "
    "often says what a network does not see.",
)


# --- reading predictions: what may be answered alone ------------------------------------------------------------------


def _surest(labels, probabilities):
    return probabilities.max(axis=1)


def _margin(labels, probabilities):
    return np.diff(np.sort(probabilities, axis=1))[:, -1]


def _minus_entropy(labels, probabilities):
    return (probabilities * np.log(probabilities + 1e-9)).sum(axis=1)


def _longest(answered, allowed):
    return answered[allowed].max(initial=0)


def _answered(
    labels, probabilities, errors, *, rank=_surest, falling=True, strict=False, of_all=False, first=False, last=_longest
):
    """How many of the surest answers may be given, and the wrong ones along them, with switches for the mistakes."""
    order = np.argsort(rank(labels, probabilities), kind="stable")
    wrong = (probabilities.argmax(axis=1) != labels)[order[::-1] if falling else order].cumsum()
    answered = np.arange(1, len(labels) + 1)
    bound = errors * (len(labels) if of_all else answered)
    allowed = wrong < bound if strict else wrong <= bound
    allowed = allowed.cumprod().astype(bool) if first else allowed
    return int(last(answered, allowed)), wrong


def _answered_share(labels, probabilities, errors, **switches):
    count, _ = _answered(labels, probabilities, errors, **switches)
    return count / len(labels)


def _least_sure(labels, probabilities, errors):
    """The largest probability of the least sure image that is answered."""
    count, _ = _answered(labels, probabilities, errors)
    return float(np.sort(_surest(labels, probabilities))[::-1][count - 1]) if count else 1.0


def _labels_unsorted(labels, probabilities, errors):
    """As if the first label belonged to the surest image."""
    ranks = np.argsort(np.argsort(-_surest(labels, probabilities), kind="stable"))
    return _answered_share(labels[ranks], probabilities, errors)


def _right_share(labels, probabilities, errors):
    count, wrong = _answered(labels, probabilities, errors)
    return (count - wrong[count - 1]) / len(labels) if count else 0.0


def _by_rank(pattern, errors, seed, dtypes=("int64", "float64")):
    """Images in random order, of which the n-th surest is answered wrong where the pattern has a 1 at n."""
    rng = np.random.default_rng(seed)
    labels, rows = [], []
    for top, wrong in zip(np.linspace(0.96, 0.42, len(pattern)).round(2), pattern, strict=True):
        answer, second, third = rng.permutation(3)
        row = np.zeros(3)
        row[answer], row[second] = top, 0.7 * (1 - top)
        row[third] = 1 - row.sum()
        rows.append(row.round(3))
        labels.append(second if wrong == "1" else answer)
    order = rng.permutation(len(pattern))
    return call(
        typed(f'np.array({np.array(labels)[order].tolist()}, "{dtypes[0]}")'),
        typed(f'np.array({np.array(rows)[order].tolist()}, "{dtypes[1]}")'),
        errors,
    )


function(
    "05.answered_share",
    "answered_share(labels, probabilities, errors)",
    cases=[
        _by_rank("00100110", 0.25, 0),
        _by_rank("00011", 0.25, 1),
        _by_rank("00100", 0.0, 2),
        _by_rank("10000000", 0.125, 3),
        _by_rank("111", 0.25, 4).told(
            stopping="Not even the surest may be answered here: the share is 0.", right_for=_by_rank("000", 0.25, 4)
        ),
        _by_rank("000000", 0.0, 5),
        _by_rank("0110001011", 0.375, 6, ("int32", "float32")),
        # As `load` and `predict` give them: ten classes, and so few errors allowed as the notebook asks for.
        call(
            typed('np.arange(990, dtype="int32") % 10'),
            typed(
                "(np.eye(10)[(np.arange(990) + np.isin(np.arange(990), [299, 899])) % 10] "
                '* np.linspace(0.9, 0.3, 990)[:, None] + np.linspace(0.01, 0.07, 990)[:, None]).astype("float32")'
            ),
            0.002,
        ).in_next_cell(),
        # Of the second, the two best are closest and the entropy is least; its largest probability is the second.
        call(np.array([0, 2, 2]), np.array([[0.64, 0.18, 0.18], [0.01, 0.6, 0.39], [0.23, 0.22, 0.55]]), 0.0),
    ],
    right=_answered_share,
    mistakes=[
        Mistake(
            "stopped too early",
            {"first": True},
            "You stop where too large a share is wrong for the first time. Further on, right answers can bring the "
            "share down again, and more images may be answered.",
        ),
        Mistake(
            "share of all images",
            {"of_all": True},
            "You compare the wrong answers with all images. The bound is for the images that are answered.",
        ),
        Mistake(
            "bound left out",
            {"strict": True},
            "At most `errors` may be wrong: a share that is exactly `errors` is allowed.",
        ),
        Mistake(
            "least sure first",
            {"falling": False},
            "You answer the images first of which the network is least sure. `argsort` begins with the smallest.",
        ),
        Mistake(
            "in the given order",
            {"rank": lambda labels, probabilities: -np.arange(len(labels))},
            "You take the images in the order in which they are given. Those of which it is surest come first.",
        ),
        Mistake(
            "ranked by the label",
            {"rank": lambda labels, probabilities: probabilities[np.arange(len(labels)), labels]},
            "You rank the images by the probability of the right class. Whoever uses the network does not know it: how "
            "sure it is, its largest probability says.",
        ),
        Mistake(
            "another measure",
            [{"rank": _margin}, {"rank": _minus_entropy}],
            "You rank the images by another measure of how sure the network is, such as the margin between its two "
            "best answers. The task ranks them by the largest probability.",
        ),
        Mistake(
            "labels left unsorted",
            _labels_unsorted,
            "You put the answers in order, the surest first, and compare them with labels that are in the old order.",
        ),
        Mistake(
            "counted from 0",
            {"last": lambda *args: max(_longest(*args) - 1, 0)},
            "Yours is one image too few: the place of the last that may be answered, counted from 0. How many images "
            "are there up to that place?",
        ),
        Mistake(
            "counts that are allowed",
            {"last": lambda answered, allowed: allowed.sum()},
            "You count for how many n the first n may be answered. Of these n, the largest is asked for.",
        ),
        Mistake(
            "probabilities believed",
            [
                lambda labels, table, errors: float((table.max(axis=1) >= 1 - errors).mean()),
                lambda labels, table, errors: float((table.max(axis=1) > 1 - errors).mean()),
            ],
            "You answer what has a probability of at least `1 - errors`, as if the network were right that often. In "
            "the chapter it was nearly certain of answers that were wrong: count them, the labels say which.",
        ),
        Mistake(
            "number for a share",
            [
                lambda labels, table, errors: _answered(labels, table, errors)[0],
                lambda labels, table, errors: float(_answered(labels, table, errors)[0]),
            ],
            "That is how many images may be answered. The task asks for their share of all images.",
        ),
        Mistake(
            "share that is left",
            lambda *args: 1 - _answered_share(*args),
            "That is the share of images that people have to read. The task asks for the others.",
        ),
        Mistake(
            "right answers only",
            _right_share,
            "You count the right ones among the answers. The wrong ones are answered too, unnoticed.",
        ),
        Mistake(
            "probability for a share",
            _least_sure,
            "That is the smallest probability with which an image is answered. The task asks for the share of images "
            "that reach it.",
        ),
    ],
    nudges=(
        "Put the images in order, the surest first. How many of the first n are answered wrong, for each n?",
        "`argsort` gives an order and `cumsum` counts along it. Of all n with few enough wrong, which do you want?",
    ),
    why="So are networks used where mistakes are dear: they answer what they are sure of, and people read the rest. "
    "Such a bound holds for images like those on which it was set, and has to be checked on others.",
)


# --- training ---------------------------------------------------------------------------------------------------------

MOST_PARAMETERS = 5_000


def _test_digits():
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
        "Count where the weights are before you train. Few filters, and small maps before `Flatten`: each value that "
        "is flattened costs ten weights.",
        "If the accuracy stays near 0.1, the training is at fault and not the size. Does the loss fit labels that are "
        "integers? Is the learning rate one that worked in the chapter? If the accuracy only rises slowly, smaller "
        "batches give more steps an epoch.",
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
        model, *_test_digits(), full=0.97, laptop=0.97, smoke=0.75, what="accuracy on the test digits"
    )
    return f"{reached:.1%} of the test digits right with {model.count_params():,} parameters."
