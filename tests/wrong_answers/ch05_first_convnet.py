"""Answers to chapter 05, as students write them: apart from the references of the checks, on purpose."""

import collections
import functools

import numpy as np

from . import made

# --- 05.shapes, 05.parameters -----------------------------------------------------------------------------------------

SHAPES = [(28, 19, 16), (14, 9, 16), (14, 9, 24), (7, 5, 32), (1120,), (10,)]


def shapes(**changed):
    """The right shapes with others at some places: ``shapes(at_1=(14, 10, 16))``."""
    return [changed.get(f"at_{place}", shape) for place, shape in enumerate(SHAPES)]


# --- 05.described, 05.two_paths ---------------------------------------------------------------------------------------


def described(
    first="same", third="valid", strides=2, pool=True, convolutions=2, activation="relu", last="softmax", side=28,
    classes=10, filters=24,
):  # fmt: skip
    """The described network as a chain, or one with a mistake in it."""
    import keras
    from keras import layers

    model = keras.Sequential([keras.Input((side, side, 1))])
    for _ in range(convolutions):
        model.add(layers.Conv2D(filters, (3, 3), padding=first, activation=activation))
    model.add(layers.Conv2D(32, 5, strides, padding=third, activation=activation))
    if pool:
        model.add(layers.MaxPooling2D())
    model.add(layers.Flatten())
    model.add(layers.Dense(classes, activation=last))
    return model


def with_relu_layers():
    import keras
    from keras import layers

    inputs = x = keras.Input((28, 28, 1))
    for filters, size, strides, padding in ((24, 3, 1, "same"), (24, 3, 1, "same"), (32, 5, 2, "valid")):
        x = layers.ReLU()(layers.Conv2D(filters, size, strides=strides, padding=padding)(x))
    x = layers.Flatten()(layers.MaxPool2D()(x))
    return keras.Model(inputs, layers.Softmax()(layers.Dense(10)(x)))


def two_paths(join="concatenate", axis=-1, activation="relu", last="softmax", wide=16, side=28, classes=10):
    import keras
    from keras import layers

    inputs = keras.Input((side, side, 1))
    a = layers.Conv2D(16, 3, padding="same", activation=activation)(inputs)
    a = layers.MaxPooling2D()(a)
    start = a if join == "row" else inputs
    b = layers.Conv2D(wide, 7, 2, padding="same", activation=activation)(start)
    joined = {
        "concatenate": lambda: layers.Concatenate(axis=axis)([a, b]),
        "add": lambda: layers.Add()([a, b]),
        "row": lambda: b,
    }[join]()
    x = layers.Conv2D(32, 3, activation=activation)(joined)
    x = layers.Flatten()(layers.MaxPooling2D()(x))
    return keras.Model(inputs, layers.Dense(classes, activation=last)(x))


def two_paths_with_ops():
    import keras
    from keras import layers, ops

    image = keras.Input((28, 28, 1))
    coarse = layers.Activation("relu")(layers.Conv2D(16, 7, strides=2, padding="same")(image))
    fine = layers.MaxPooling2D()(layers.Activation("relu")(layers.Conv2D(16, 3, padding="same")(image)))
    x = layers.Conv2D(32, 3, activation=keras.activations.relu)(ops.concatenate([coarse, fine], axis=3))
    x = layers.Reshape((-1,))(layers.MaxPooling2D(2)(x))
    return keras.Model(image, layers.Dense(10, "softmax")(x))


def chain_of(*, relu=None, flat=None, pool=None, strides=2, before=None, dropout=0, twice=False, again=False):
    """The described network with its parts exchanged for others that may compute the same."""
    import keras
    from keras import layers

    relu = relu or layers.ReLU()
    inputs = x = keras.Input((28, 28, 1))
    x = before(x) if before else x
    second = layers.Conv2D(24, 3, padding="same")
    x = relu(second(relu(layers.Conv2D(24, 3, padding="same")(x))))
    x = relu(second(x)) if again else x
    x = relu(layers.Conv2D(32, 5, strides=strides)(x))
    x = (pool or layers.MaxPooling2D(2))(x)
    x = layers.Dropout(dropout)(x) if dropout else x
    x = (flat or layers.Flatten())(x)
    x = layers.Dense(10, activation="softmax")(x)
    return keras.Model(inputs, layers.Softmax()(x) if twice else x)


def with_ops():
    import keras

    return chain_of(relu=keras.ops.relu)


def with_maximum():
    import keras

    return chain_of(relu=lambda x: keras.ops.maximum(x, 0))


def with_lambda():
    import keras

    return chain_of(relu=keras.layers.Lambda(lambda x: keras.ops.relu(x)))


def with_a_block():
    import keras
    from keras import layers

    block = keras.Sequential([layers.Conv2D(24, 3, padding="same", activation=layers.ReLU()) for _ in range(2)])
    inputs = keras.Input((28, 28, 1))
    x = layers.Conv2D(32, 5, strides=2, activation=lambda t: keras.ops.relu(t))(block(inputs))
    x = layers.Conv2D(10, 6)(layers.MaxPooling2D()(x))
    return keras.Model(inputs, layers.Softmax()(layers.Flatten()(x)))


def subclassed():
    import keras
    from keras import layers, ops

    class Described(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(10, activation="softmax")
            self.convolutions = [
                layers.Conv2D(24, 3, padding="same"),
                layers.Conv2D(24, 3, padding="same"),
                layers.Conv2D(32, 5, strides=2),
            ]

        def call(self, x):
            for convolution in self.convolutions:
                x = ops.relu(convolution(x))
            return self.dense(ops.reshape(ops.max_pool(x, 2), (-1, 1152)))

    return Described()


def relu_then_softmax():
    import keras
    from keras import layers

    model = described(last="relu")
    return keras.Sequential([model, layers.Softmax()])


def every_other(x):
    return x[:, ::2, ::2]


def upside_down(x):
    return x[:, ::-1]


def twice_pooled(x):
    from keras import layers

    return layers.MaxPooling2D(2)(layers.MaxPooling2D(2)(x))


def average_pooled(x):
    from keras import layers

    return layers.AveragePooling2D(2)(x)


def divided(x):
    from keras import layers

    return layers.Rescaling(1 / 255)(x)


def branches(fine="CP", coarse="S", end="CP", average=False, dropout=0, one_relu=False):
    """Two paths, each written as letters: C convolution, S convolution with a stride of 2, P pooling."""
    import keras
    from keras import layers

    pooling = layers.AveragePooling2D if average else layers.MaxPooling2D

    def path(letters, filters, size, padding, relu=None):
        return keras.Sequential(
            [
                pooling(2)
                if letter == "P"
                else layers.Conv2D(filters, size, 2 if letter == "S" else 1, padding, activation=relu)
                for letter in letters
            ]
        )

    inputs = keras.Input((28, 28, 1))
    relu = None if one_relu else "relu"
    x = layers.Concatenate()([path(fine, 16, 3, "same", relu)(inputs), path(coarse, 16, 7, "same", relu)(inputs)])
    x = keras.ops.relu(x) if one_relu else x
    x = path(end, 32, 3, "valid", "relu")(x)
    x = layers.Dropout(dropout)(x) if dropout else x
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(layers.Flatten()(x)))


def softmax_again():
    import keras

    return keras.Sequential([two_paths(), keras.layers.Softmax()])


def relu_before_softmax():
    import keras

    return keras.Sequential([two_paths(last="relu"), keras.layers.Softmax()])


def one_path_turned():
    """One path is upside down."""
    import keras
    from keras import layers

    inputs = keras.Input((28, 28, 1))
    a = layers.MaxPooling2D()(layers.Conv2D(16, 3, padding="same", activation="relu")(inputs))
    b = layers.Conv2D(16, 7, 2, padding="same", activation="relu")(inputs)
    x = layers.Conv2D(32, 3, activation="relu")(layers.Concatenate()([a, b[:, ::-1]]))
    return keras.Model(inputs, layers.Dense(10, "softmax")(layers.Flatten()(layers.MaxPooling2D()(x))))


def nothing_returned():
    """The return is forgotten."""
    described()


def made_of(build, **mistake):
    return made(lambda: build(**mistake))


# --- 05.cross_entropy -------------------------------------------------------------------------------------------------


def picked(labels, probabilities):
    rows = labels if labels.ndim == 2 else np.eye(probabilities.shape[1])[labels]
    return (rows * probabilities).sum(axis=1)


def entropy_for_integers(labels, probabilities):
    return float(-np.log([row[label] for row, label in zip(probabilities, labels, strict=True)]).mean())


def entropy_of_table(labels, probabilities):
    rows = labels if labels.ndim == 2 else np.eye(probabilities.shape[1])[labels]
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(-(rows * np.log(probabilities)).mean())


def entropy_of_table_for_one_hot(labels, probabilities):
    if labels.ndim == 1:
        return float(-np.log(probabilities[range(len(labels)), labels]).mean())
    with np.errstate(divide="ignore", invalid="ignore"):
        return float((-labels * np.log(probabilities)).mean())


def entropy_with_one_hot(labels, probabilities, least=0.0):
    if labels.ndim == 1:
        labels = np.eye(probabilities.shape[1])[labels]
    with np.errstate(divide="ignore", invalid="ignore"):
        return -(labels * np.log(np.maximum(probabilities, least))).sum() / len(labels)


def entropy_with_guard(labels, probabilities):
    return entropy_with_one_hot(labels, probabilities, 1e-7)


def entropy_told_by_values(labels, probabilities):
    """Takes whatever holds only 0 and 1 for one-hot."""
    rows = labels if labels.max() <= 1 else np.eye(probabilities.shape[1])[labels]
    with np.errstate(divide="ignore"):
        return float(-np.log((rows.T * probabilities.T).sum(axis=0)).mean())


def entropy_of_every_label(labels, probabilities):
    labels = labels if labels.ndim == 1 else labels.argmax(axis=1)
    with np.errstate(divide="ignore"):
        return float(-np.log(probabilities[:, labels]).mean())


def entropy_of_keras(labels, probabilities):
    import keras

    loss = keras.losses.SparseCategoricalCrossentropy()
    return float(loss(labels if labels.ndim == 1 else np.argmax(labels, -1), probabilities))


# --- 05.top_confusion -------------------------------------------------------------------------------------------------


def counted(labels, probabilities):
    answers = np.argmax(probabilities, axis=1)
    return collections.Counter((int(a), int(b)) for a, b in zip(labels, answers, strict=True) if a != b)


def by_counter(labels, probabilities):
    ((label, answer), times) = counted(labels, probabilities).most_common(1)[0]
    return label, answer, times


def right_ones_too(labels, probabilities):
    pairs = collections.Counter(zip(labels.tolist(), probabilities.argmax(axis=1).tolist(), strict=True))
    ((label, answer), times) = pairs.most_common(1)[0]
    return label, answer, times


def answer_first(labels, probabilities):
    label, answer, times = by_counter(labels, probabilities)
    return answer, label, times


def as_sets(labels, probabilities):
    both = collections.Counter()
    for (a, b), times in counted(labels, probabilities).items():
        both[min(a, b), max(a, b)] += times
    ((a, b), times) = both.most_common(1)[0]
    return a, b, times


def by_share(labels, probabilities):
    pairs = counted(labels, probabilities)
    label, answer = max(sorted(pairs), key=lambda pair: pairs[pair] / (labels == pair[0]).sum())
    return label, answer, pairs[label, answer]


def added_once(labels, probabilities):
    classes = probabilities.shape[1]
    table = np.zeros((classes, classes), int)
    table[labels, probabilities.argmax(axis=1)] += 1
    np.fill_diagonal(table, 0)
    label, answer = divmod(int(table.argmax()), classes)
    return label, answer, int(table[label, answer])


def least_probable(labels, probabilities):
    return by_counter(labels, 1 - probabilities)


# --- 05.small_network -------------------------------------------------------------------------------------------------


def small(filters=(8, 12, 16), last="softmax", classes=10):
    import keras
    from keras import layers

    inputs = x = keras.Input((28, 28, 1))
    for number, width in enumerate(filters):
        x = layers.Conv2D(width, 3, activation="relu")(x)
        x = layers.MaxPooling2D()(x) if number < 2 else x
    return keras.Model(inputs, layers.Dense(classes, activation=last)(layers.Flatten()(x)))


def strided():
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(8, 5, strides=2, activation="relu"),
            layers.Conv2D(12, 3, strides=2, activation="relu"),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )


@functools.cache
def trained(build):
    """Trained on the stand-in at profile smoke, in a few seconds."""
    import keras

    from course_utils import load

    keras.utils.set_random_seed(0)
    data = load("mnist", "train", examples=1_437, source="stand-in")
    model = build()
    model.compile(keras.optimizers.Adam(5e-3), "sparse_categorical_crossentropy")
    model.fit(data.images.astype("float32") / 255, data.labels, batch_size=64, epochs=8, verbose=0)
    return model


def layer():
    import keras

    return keras.layers.Dense(10)


WRONG = {
    "05.shapes": [
        ([(None, *shape) for shape in SHAPES], "with the batch"),
        (shapes(at_0=(16, 28, 19)), "channels first"),
        (shapes(at_0=(19, 28, 16), at_1=(9, 14, 16)), "height and width exchanged"),
        (
            [(30, 21, 16), (15, 10, 16), (15, 10, 24), (8, 5, 32), (1280,), (10,)],
            "valid keeps the size",
        ),
        (shapes(at_0=(28, 19, 1)), "channels of the input"),
        (shapes(at_1=(14, 10, 16), at_2=(14, 10, 24)), "pooling rounded up"),
        (shapes(at_2=(10, 5, 24), at_3=(5, 3, 32), at_4=(480,)), "same padding ignored"),
        (shapes(at_3=(14, 9, 32), at_4=(4032,)), "stride ignored"),
        (shapes(at_3=(7, 4, 32), at_4=(896,)), "stride rounded down"),
        (shapes(at_4=(35,)), "flattened without channels"),
        (shapes(at_1=(14, 9.5, 16)), "halves not floored"),
        (
            [(27, 18, 16), (13, 9, 16), (13, 9, 24), (7, 5, 32), (1120,), (10,)],
            "one place too few",
        ),
        ([(28, 19), (14, 9), (14, 9), (7, 5), (35,), (10,)], "channels left out"),
        (shapes(at_4=1120, at_5=10), "number for a shape"),
        (shapes(at_4=(1121,)), "other"),
        (SHAPES[:5], "shape"),
        ("28 x 19 x 16", "wrong type"),
    ],
    "05.parameters": [
        ([9 * 16, 0, 25 * 16 * 24, 9 * 24 * 32, 0, 11_200], "biases forgotten"),
        ([160, 0, 25 * 24 + 24, 9 * 32 + 32, 0, 11_210], "depth forgotten"),
        ([9 * 16 + 1, 0, 25 * 16 * 24 + 1, 9 * 24 * 32 + 1, 0, 11_201], "one bias a layer"),
        ([160 * 28 * 19, 0, 9_624 * 14 * 9, 6_944 * 7 * 5, 0, 11_210], "times the places"),
        ([160, 4, 9_624, 6_944, 0, 11_210], "pooling has weights"),
        (160 + 9_624 + 6_944 + 11_210, "the sum"),
        ([160, 0, 9_624, 6_944, 0, 11_211], "other"),
        ([160, 9_624, 6_944, 11_210], "shape"),
    ],
    "05.described": [
        (made_of(described, first="valid"), "valid padding"),
        (made_of(described, third="same"), "same everywhere"),
        (made_of(described, strides=1), "not halved"),
        (made_of(described, pool=False), "not halved"),
        (made_of(described, convolutions=1), "a convolution is missing"),
        (made_of(described, activation=None), "no activation"),
        (made_of(described, filters=32), "parameters"),
        (made_of(described, last=None), "no probabilities"),
        (made_of(described, side=32), "input shape"),
        (made_of(described, classes=1, last="sigmoid"), "output shape"),
        (made_of(chain_of, twice=True), "softmax twice"),
        (made(relu_then_softmax), "relu before softmax"),
        (made_of(chain_of, strides=1, pool=twice_pooled), "pooling for stride"),
        (made_of(chain_of, pool=average_pooled), "average pooling"),
        (made_of(chain_of, pool=every_other), "pooling for stride"),
        (made_of(chain_of, before=upside_down), "other outputs"),
        (made_of(chain_of, again=True), "used again"),
        (made_of(chain_of, dropout=0.5), "dropout"),
        (made_of(chain_of, before=divided), "rescaled"),
        (functools.partial(described, first="valid"), "valid padding"),
        (nothing_returned, "no return"),
        (layer, "wrong type"),
        (made(layer), "wrong type"),
    ],
    "05.two_paths": [
        (made_of(two_paths, join="add"), "added"),
        (made_of(two_paths, join="row"), "in a row"),
        (made_of(two_paths, axis=1), "wrong axis"),
        (made_of(two_paths, axis=2), "wrong axis"),
        (made_of(two_paths, wide=32), "parameters"),
        (made_of(two_paths, activation=None), "no activation"),
        (made_of(two_paths, last=None), "no probabilities"),
        (made_of(two_paths, side=32), "input shape"),
        (made_of(two_paths, classes=2), "output shape"),
        (made_of(branches, fine="S", coarse="CP"), "exchanged"),
        (made_of(branches, coarse="CP"), "pooling for stride"),
        (made_of(branches, fine="S"), "stride for pooling"),
        (made_of(branches, end="S"), "stride for pooling"),
        (made_of(branches, fine="PC"), "pooled first"),
        (made_of(branches, average=True), "average pooling"),
        (made_of(branches, dropout=0.5), "dropout"),
        (made_of(branches, end="C"), "parameters"),
        (made(softmax_again), "softmax twice"),
        (made(relu_before_softmax), "relu before softmax"),
        (made(one_path_turned), "other outputs"),
        (functools.partial(two_paths, join="add"), "added"),
        (nothing_returned, "no return"),
        (made(layer), "wrong type"),
    ],
    "05.cross_entropy": [
        (lambda labels, probabilities: float(np.log(picked(labels, probabilities)).mean()), "sign"),
        (lambda labels, probabilities: float(-np.log(picked(labels, probabilities)).sum()), "summed"),
        (entropy_of_table, "mean over the classes too"),
        (entropy_of_table_for_one_hot, "mean over the classes too"),
        (lambda labels, probabilities: -np.log(picked(labels, probabilities)), "not averaged"),
        (lambda labels, probabilities: float(1 - picked(labels, probabilities).mean()), "no logarithm"),
        (lambda labels, probabilities: float(-np.log(picked(labels, probabilities).mean())), "logarithm of the mean"),
        (lambda labels, probabilities: float(-np.log2(picked(labels, probabilities)).mean()), "other base"),
        (lambda labels, probabilities: float(-np.log10(picked(labels, probabilities)).mean()), "other base"),
        (
            lambda labels, probabilities: float(-np.log(np.max(probabilities, axis=1)).mean()),
            "the answer instead of the label",
        ),
        (entropy_with_one_hot, "zero times infinity"),
        (lambda labels, probabilities: entropy_with_one_hot(labels, probabilities, 1e-2), "clipped"),
        (entropy_of_every_label, "every image with every label"),
        (entropy_told_by_values, "other"),
        (entropy_for_integers, "stopped"),
        (lambda labels, probabilities: 1.0, "constant"),
        (lambda labels, probabilities: float(-np.log(np.median(picked(labels, probabilities)))), "other"),
    ],
    "05.stuck_loss": [
        ("labels are one-hot", "labels are one-hot"),
        ("learning rate too large", "learning rate too large"),
        ("pixels were not divided by 255", "pixels were not divided by 255"),
        ("overfitting", "not a choice"),
    ],
    "05.top_confusion": [
        (right_ones_too, "right answers counted"),
        (answer_first, "exchanged"),
        (as_sets, "either way"),
        (by_share, "share of the label"),
        (added_once, "counted once"),
        (lambda labels, probabilities: by_counter(labels, probabilities)[:2], "without the count"),
        (least_probable, "least probable"),
        (lambda labels, probabilities: (0, 1, 4), "constant"),
        (lambda labels, probabilities: (*by_counter(labels, probabilities)[:2], len(labels)), "other"),
    ],
    "05.small_network": [
        (made_of(small), "accuracy"),
        (made_of(small, filters=(32, 64, 128)), "parameters"),
        (made_of(small, last=None), "no probabilities"),
        (made_of(small, classes=9), "output shape"),
        (made_of(described, side=32, filters=2), "input shape"),
        (small, "wrong type"),
    ],
}

RIGHT = {
    "05.shapes": [tuple(SHAPES), [list(shape) for shape in SHAPES]],
    "05.parameters": [(160, 0, 9_624, 6_944, 0, 11_210), np.array([160, 0, 9_624, 6_944, 0, 11_210])],
    "05.described": [
        described,
        made_of(described),
        made(with_relu_layers),
        made_of(chain_of),
        made(with_ops),
        made(with_maximum),
        made(with_lambda),
        made(with_a_block),
        made(subclassed),
    ],
    "05.two_paths": [
        two_paths,
        made_of(two_paths),
        made(two_paths_with_ops),
        made_of(branches),
        made_of(branches, one_relu=True),
    ],
    "05.cross_entropy": [entropy_with_guard, entropy_of_keras],
    "05.stuck_loss": ["Softmax applied twice"],
    "05.top_confusion": [by_counter],
    "05.small_network": [made(lambda: trained(small)), made(lambda: trained(strided))],
}
