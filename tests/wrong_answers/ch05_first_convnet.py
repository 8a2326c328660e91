"""Answers to chapter 05, as students write them: apart from the references of the checks, on purpose."""

import collections
import functools
import importlib

import numpy as np

from . import made

# --- 05.shapes, 05.parameters -----------------------------------------------------------------------------------------

SHAPES = [(28, 19, 16), (14, 9, 16), (14, 9, 24), (7, 5, 32), (1120,), (10,)]


def shapes(**changed):
    """The right shapes with others at some places: ``shapes(at_1=(14, 10, 16))``."""
    return [changed.get(f"at_{place}", shape) for place, shape in enumerate(SHAPES)]


def weights(**changed):
    """The right numbers of weights with others at some places."""
    return [changed.get(f"at_{place}", count) for place, count in enumerate([160, 0, 9_624, 6_944, 0, 11_210])]


# --- 05.two_paths -----------------------------------------------------------------------------------------------------


def keras():
    """Keras, imported when an answer is made."""
    return importlib.import_module("keras")


def as_it_is(x):
    return x


def in_training(changed):
    """A layer of the student's own that does something else while the network trains."""

    def layer(x):
        class Own(keras().Layer):
            def call(self, x, training=None):
                return changed(x) if training else x

        return Own()(x)

    return layer


def paths(
    fine="CP", coarse="S", end="CP", *, average=False, dropout=0, relu="relu", late_relu=False, axis=-1, added=False,
    turn=as_it_is, filters=16, coarse_filters=None, coarse_size=7, padding="same", last_padding="valid",
    in_a_row=False, twice=False, inputs=1, side=28, classes=10, last="softmax", softmax_again=False, flat="Flatten",
    join=None, initializer="he_normal",
):  # fmt: skip
    """Two paths, each written as letters: C convolution, S convolution with a stride of 2, P pooling."""
    layers = keras().layers

    def path(x, letters, filters, size, padding, relu=relu):
        for letter in letters:
            if letter == "P":
                x = (layers.AveragePooling2D if average else layers.MaxPooling2D)(2)(x)
            else:
                strides = 2 if letter == "S" else 1
                options = dict(padding=padding, activation=relu, kernel_initializer=initializer)
                x = layers.Conv2D(filters, size, strides, **options)(x)
        return x

    images = [keras().Input((side, side, 1)) for _ in range(inputs)]
    early = None if late_relu else relu
    a = path(images[0], fine, filters, 3, "same", early)
    b = turn(path(a if in_a_row else images[-1], coarse, coarse_filters or filters, coarse_size, padding, early))
    join = join or (layers.Add() if added else layers.Concatenate(axis=axis))
    x = b if in_a_row else join([a, a if twice else b])
    x = path(keras().ops.relu(x) if late_relu else x, end, 32, 3, last_padding)
    x = getattr(layers, flat)()(layers.Dropout(dropout)(x))
    x = layers.Dense(classes, activation=last, kernel_initializer=initializer)(x)
    return keras().Model(images, layers.Softmax()(x) if softmax_again else x)


def two_paths_subclassed():
    from keras import Model, layers, ops

    class TwoPaths(Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(10, activation="softmax")
            self.fine = layers.Conv2D(16, 3, padding="same")
            self.coarse = layers.Conv2D(16, 7, strides=2, padding="same")
            self.third = layers.Conv2D(32, 3)

        def call(self, x):
            x = ops.concatenate([ops.max_pool(ops.relu(self.fine(x)), 2), ops.relu(self.coarse(x))], axis=-1)
            return self.dense(ops.reshape(ops.max_pool(ops.relu(self.third(x)), 2), (-1, 1152)))

    return TwoPaths()


def two_paths_with_ops():
    from keras import Input, Model, activations, layers, ops

    image = Input((28, 28, 1))
    coarse = layers.Activation("relu")(layers.Conv2D(16, 7, strides=2, padding="same")(image))
    fine = layers.MaxPooling2D()(layers.Activation("relu")(layers.Conv2D(16, 3, padding="same")(image)))
    x = layers.Conv2D(32, 3, activation=activations.relu)(ops.concatenate([coarse, fine], axis=3))
    x = layers.Reshape((-1,))(layers.MaxPooling2D(2)(x))
    return Model(image, layers.Dense(10, "softmax")(x))


def nothing_returned():
    """The return is forgotten."""
    paths()


def layer():
    return keras().layers.Dense(10)


def made_of(build, **parts):
    return made(lambda: build(**parts))


# --- 05.cross_entropy -------------------------------------------------------------------------------------------------


def entropy(is_one_hot=lambda labels, probabilities: labels.ndim == 2, guard=as_it_is):
    """The loss as many write it, as a sum over a table, with what tells one-hot labels and what guards against 0."""

    def cross_entropy(labels, probabilities):
        if not is_one_hot(labels, probabilities):
            labels = np.eye(probabilities.shape[1])[labels]
        return -(labels * np.log(guard(probabilities))).sum() / len(labels)

    return cross_entropy


def entropy_for_integers(labels, probabilities):
    return float(-np.log([row[label] for row, label in zip(probabilities, labels, strict=True)]).mean())


def entropy_for_one_hot(labels, probabilities):
    return -np.sum(labels * np.log(probabilities)) / len(labels)


def entropy_of_table(labels, probabilities):
    rows = labels if labels.ndim == 2 else np.eye(probabilities.shape[1])[labels]
    return float(-(rows * np.log(probabilities)).mean())


def entropy_into_integers(labels, probabilities):
    rows = labels if labels.ndim == 2 else np.eye(probabilities.shape[1], dtype=int)[labels]
    losses = np.zeros_like(rows)
    losses[rows == 1] = -np.log(probabilities[rows == 1])
    return losses.sum() / len(rows)


def entropy_into_its_input(labels, probabilities):
    probabilities += 1e-7
    return entropy()(labels, probabilities)


def entropy_in_a_loop(labels, probabilities):
    total = 0
    for label, row in zip(labels, probabilities, strict=True):
        total -= np.log(row[label] if np.ndim(label) == 0 else row[list(label).index(1)])
    return total / len(labels)


def entropy_of_keras(labels, probabilities):
    loss = keras().losses.SparseCategoricalCrossentropy()
    return float(loss(labels if labels.ndim == 1 else np.argmax(labels, -1), probabilities))


# --- 05.top_confusion -------------------------------------------------------------------------------------------------


def pairs_of(labels, answers):
    return collections.Counter((int(a), int(b)) for a, b in zip(labels, answers, strict=True) if a != b)


def by_counter(labels, probabilities, answers=None):
    answers = probabilities.argmax(axis=1) if answers is None else answers
    ((label, answer), times) = pairs_of(labels, answers).most_common(1)[0]
    return label, answer, times


def by_unique(labels, probabilities):
    pairs = np.stack([labels, np.argmax(probabilities, -1)], axis=1)
    found, times = np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0, return_counts=True)
    return [*found[times.argmax()], times.max()]


def right_ones_too(labels, probabilities):
    pairs = collections.Counter(zip(labels.tolist(), probabilities.argmax(axis=1).tolist(), strict=True))
    ((label, answer), times) = pairs.most_common(1)[0]
    return label, answer, times


def as_sets(labels, probabilities):
    both = collections.Counter()
    for (a, b), times in pairs_of(labels, probabilities.argmax(axis=1)).items():
        both[min(a, b), max(a, b)] += times
    ((a, b), times) = both.most_common(1)[0]
    return a, b, times


def each_apart(labels, probabilities):
    answers = probabilities.argmax(axis=1)
    wrong = labels != answers
    label, answer = (int(np.bincount(values[wrong]).argmax()) for values in (labels, answers))
    return label, answer, int(((labels == label) & (answers == answer)).sum())


def into_a_table(dtype=int, classes=lambda labels: 10, at_once=False):
    """Counts in a table that a loop, or one line without repeats, fills."""

    def top_confusion(labels, probabilities):
        answers = probabilities.argmax(axis=1)
        table = np.zeros((classes(labels), classes(labels)), dtype)
        if at_once:
            table[labels, answers] += 1
        else:
            for place in zip(labels, answers, strict=True):
                table[place] += 1
        np.fill_diagonal(table, 0)
        label, answer = divmod(int(table.argmax()), len(table))
        return label, answer, table[label, answer]

    return top_confusion


# --- 05.answered_share ------------------------------------------------------------------------------------------------


def share_by_cumsum(rank=lambda labels, probabilities: -probabilities.max(axis=1)):
    def answered_share(labels, probabilities, errors):
        order = np.argsort(rank(labels, probabilities))
        wrong = np.cumsum((np.argmax(probabilities, axis=-1) != labels)[order])
        shares = wrong / np.arange(1, len(labels) + 1)
        allowed = 1 + np.flatnonzero(shares <= errors)
        return allowed[-1] / len(labels) if len(allowed) else 0.0

    return answered_share


def share_in_a_loop(labels, probabilities, errors):
    rows = sorted(zip(probabilities.tolist(), labels.tolist(), strict=True), key=lambda pair: max(pair[0]))[::-1]
    best = wrong = 0
    for count, (row, label) in enumerate(rows, 1):
        wrong += row.index(max(row)) != label
        if wrong / count <= errors:
            best = count
    return best / len(rows)


def share_by_threshold(labels, probabilities, errors):
    answers, sure = probabilities.argmax(axis=1), probabilities.max(axis=1)
    best = 0.0
    for threshold in sure:
        kept = sure >= threshold
        if (answers[kept] != labels[kept]).mean() <= errors:
            best = max(best, kept.mean())
    return best


def share_until_too_many(labels, probabilities, errors):
    order = probabilities.max(axis=1).argsort()[::-1]
    wrong = 0
    for count, image in enumerate(order, 1):
        wrong += probabilities[image].argmax() != labels[image]
        if wrong / count > errors:
            return (count - 1) / len(labels)
    return 1.0


def share_of_few_mistakes(labels, probabilities, errors):
    order = probabilities.max(axis=1).argsort()[::-1]
    wrong = np.cumsum((probabilities.argmax(axis=1) != labels)[order])
    return float((wrong <= errors * len(labels)).mean())


def share_as_flatnonzero_counts(count):
    def answered_share(labels, probabilities, errors):
        order = np.argsort(-probabilities.max(axis=1))
        wrong = np.cumsum(probabilities.argmax(axis=1)[order] != labels[order])
        places = np.flatnonzero(wrong / np.arange(1, len(labels) + 1) <= errors)
        return count(places) / len(labels) if len(places) or count(range(1)) else 0.0

    return answered_share


def share_of_labels_in_the_old_order(labels, probabilities, errors):
    answers = probabilities.argmax(axis=1)[np.argsort(-probabilities.max(axis=1))]
    shares = np.cumsum(answers != labels) / np.arange(1, len(labels) + 1)
    return max((n for n, share in enumerate(shares, 1) if share <= errors), default=0) / len(labels)


def share_above_one_minus_errors(labels, probabilities, errors):
    return float((probabilities.max(axis=1) >= 1 - errors).mean())


# --- 05.small_network -------------------------------------------------------------------------------------------------


def small(filters=(8, 12, 16), last="softmax", classes=10, side=28):
    import keras
    from keras import layers

    inputs = x = keras.Input((side, side, 1))
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
    model.fit(data.images.astype("float32") / 255, data.labels, batch_size=64, epochs=4, verbose=0)
    return model


SLIPS_THAT_COUNT = (  # what the number of parameters tells
    dict(last_padding="same"),
    dict(flat="GlobalAveragePooling2D"),
    dict(coarse_size=5),
    dict(filters=32),
    dict(end="PC"),
)

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
        (shapes(at_4=(35, 32)), "not flattened"),
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
        ([144, 0, 9_600, 6_912, 0, 11_200], "biases forgotten"),
        (weights(at_5=11_200), "biases forgotten"),
        (weights(at_0=145, at_2=9_601, at_3=6_913, at_5=11_201), "one bias a layer"),
        (weights(at_5=12_320), "a bias for each input"),
        (weights(at_2=25 * 16 * 24 + 16 * 24), "a bias for each input"),
        (weights(at_3=3_488), "stride counted"),
        (weights(at_5=(7 * 4 * 32 + 1) * 10), "other sizes before the dense layer"),
        (weights(at_2=9 * 16 * 24 + 24), "other"),
        ([str(count) for count in weights()], "wrong type"),
        ([160, 0, 25 * 24 + 24, 9 * 32 + 32, 0, 11_210], "depth forgotten"),
        ([160 * 28 * 19, 0, 9_624 * 14 * 9, 6_944 * 7 * 5, 0, 11_210], "times the places"),
        ([160, 4, 9_624, 6_944, 0, 11_210], "pooling has weights"),
        ([160, 0, 9_624, 6_944, 0, 11_211], "other"),
        ([160, 9_624, 6_944, 11_210], "shape"),
    ],
    "05.two_paths": [
        (made_of(paths, added=True), "added"),
        (made_of(paths, in_a_row=True), "in a row"),
        (made_of(paths, axis=1), "wrong axis"),
        (made_of(paths, axis=2), "wrong axis"),
        (made_of(paths, coarse_filters=32), "parameters"),
        *((made_of(paths, **changed), "parameters") for changed in SLIPS_THAT_COUNT),
        (made_of(paths, twice=True), "one path only"),
        (made_of(paths, inputs=2), "input shape"),
        (functools.partial(paths, padding="valid"), "stopped"),
        (functools.partial(paths, join=lambda pair: keras().layers.Concatenate()(*pair)), "stopped"),
        (made_of(paths, relu=None), "no activation"),
        (made_of(paths, last=None), "no probabilities"),
        (made_of(paths, side=32), "input shape"),
        (made_of(paths, classes=2), "output shape"),
        (made_of(paths, fine="S", coarse="CP"), "exchanged"),
        (made_of(paths, coarse="CP"), "pooling for stride"),
        (made_of(paths, fine="S"), "stride for pooling"),
        (made_of(paths, end="S"), "stride for pooling"),
        (made_of(paths, fine="PC"), "pooled first"),
        (made_of(paths, average=True), "average pooling"),
        (made_of(paths, dropout=0.5), "dropout"),
        (made_of(paths, turn=in_training(lambda x: 1.01 * x)), "dropout"),
        (made_of(paths, turn=lambda x: keras().layers.GaussianNoise(0.01)(x)), "dropout"),
        (made_of(paths, relu=None, initializer="zeros"), "no activation"),
        (made_of(paths, relu=lambda x: keras().ops.relu6(x)), "other outputs"),
        (made_of(paths, end="C"), "parameters"),
        (made_of(paths, softmax_again=True), "softmax twice"),
        (made_of(paths, last="relu", softmax_again=True), "relu before softmax"),
        (made_of(paths, turn=lambda x: x[:, ::-1]), "other outputs"),
        (made_of(paths, relu="leaky_relu"), "other outputs"),
        (functools.partial(paths, added=True), "added"),
        (nothing_returned, "no return"),
        (made(layer), "wrong type"),
    ],
    "05.cross_entropy": [
        (entropy_of_table, "mean over the classes too"),
        (entropy(guard=lambda p: np.maximum(p, 1e-3)), "clipped"),
        (entropy(guard=lambda p: p + 1e-3), "clipped"),
        (entropy(lambda labels, _: labels.max() <= 1), "stopped"),
        (entropy(lambda labels, p: labels.shape[-1] == p.shape[-1]), "other"),
        (entropy(lambda labels, _: labels.dtype.kind == "f"), "stopped"),
        (entropy_for_integers, "stopped"),
        (lambda labels, p: entropy()(labels.squeeze(), p), "stopped"),
        (entropy_into_integers, "other"),
        (entropy_into_its_input, "input changed"),
        (entropy(guard=lambda p: np.clip(p, 1e-7, 1, out=p)), "input changed"),
        (entropy(guard=lambda p: np.exp(p) / np.exp(p).sum(axis=-1)[:, None]), "a softmax more"),
        (entropy_for_one_hot, "stopped"),
        (lambda labels, probabilities: 1.0, "constant"),
    ],
    "05.stuck_loss": [("overfitting", "not a choice")],
    "05.top_confusion": [
        (right_ones_too, "right answers counted"),
        (as_sets, "either way"),
        (into_a_table(at_once=True), "counted once"),
        (into_a_table("uint8"), "counted in 8 bits"),
        (into_a_table(float), "float for int"),
        (into_a_table(classes=lambda labels: labels.max() + 1), "stopped"),
        (lambda labels, p: by_counter(labels, p, (p > 0.5).argmax(axis=1)), "other"),
        (each_apart, "label and answer apart"),
        (lambda labels, p: pairs_of(labels, p.argmax(axis=1)).most_common(1)[0], "nested"),
        (lambda labels, p: (*by_counter(labels, p)[:2], len(labels)), "other"),
        (lambda labels, probabilities: (0, 1, 4), "constant"),
    ],
    "05.answered_share": [
        (share_until_too_many, "stopped too early"),
        (share_of_few_mistakes, "share of all images"),
        (share_by_cumsum(rank=lambda labels, p: np.arange(len(p))), "in the given order"),
        (share_by_cumsum(rank=lambda labels, p: p.max(axis=1)), "least sure first"),
        (share_by_cumsum(rank=lambda labels, p: -p[np.arange(len(p)), labels]), "ranked by the label"),
        (lambda labels, p, errors: int(len(labels) * share_in_a_loop(labels, p, errors)), "number for a share"),
        (lambda labels, p, errors: 1 - share_in_a_loop(labels, p, errors), "share that is left"),
        (share_above_one_minus_errors, "probabilities believed"),
        (share_by_cumsum(rank=lambda labels, p: np.subtract(*np.sort(p)[:, -2:].T)), "another measure"),
        (share_by_cumsum(rank=lambda labels, p: -(p * np.log(p)).sum(axis=1)), "another measure"),
        (share_as_flatnonzero_counts(max), "counted from 0"),
        (share_as_flatnonzero_counts(len), "counts that are allowed"),
        (share_as_flatnonzero_counts(lambda places: places[-1] + 1), "stopped"),
        (share_of_labels_in_the_old_order, "labels left unsorted"),
        (lambda labels, p, errors: 1.0, "constant"),
    ],
    "05.small_network": [
        (made_of(small), "accuracy"),
        (made_of(small, filters=(32, 64, 128)), "parameters"),
        (made_of(small, last=None), "no probabilities"),
        (made_of(small, classes=9), "output shape"),
        (made_of(small, side=32), "input shape"),
        (small, "wrong type"),
    ],
}

RIGHT = {
    "05.shapes": [tuple(SHAPES), [list(shape) for shape in SHAPES]],
    "05.parameters": [(160, 0, 9_624, 6_944, 0, 11_210), np.array([160, 0, 9_624, 6_944, 0, 11_210])],
    "05.two_paths": [
        paths,
        made_of(paths),
        made_of(paths, initializer="zeros", dropout=0),
        made_of(paths, relu=lambda x: keras().ops.maximum(x, 0)),
        made_of(paths, last=None, softmax_again=True),
        made(two_paths_with_ops),
        made(two_paths_subclassed),
        made_of(paths, late_relu=True),
    ],
    "05.cross_entropy": [
        entropy(),
        entropy(guard=lambda p: p + 1e-7),
        entropy(guard=lambda p: p + 1e-6),
        entropy(guard=lambda p: np.clip(p, 1e-7, 1 - 1e-7)),
        entropy(lambda labels, p: labels.shape == p.shape),
        entropy_in_a_loop,
        entropy_of_keras,
    ],
    "05.stuck_loss": ["Softmax applied twice"],
    "05.top_confusion": [by_counter, by_unique, into_a_table()],
    "05.answered_share": [share_by_cumsum(), share_in_a_loop, share_by_threshold],
    "05.small_network": [made(lambda: trained(small)), made(lambda: trained(strided))],
}
