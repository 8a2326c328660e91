"""Answers to chapter 06, as students write them: apart from the references of the checks, on purpose."""

import functools
import math

import numpy as np

from . import made

# --- 06.dropout -------------------------------------------------------------------------------------------------------


def masked(values, rate, uniform):
    kept = values.copy()
    kept[uniform < rate] = 0
    return kept


def dropout_by_loop(values, rate, uniform):
    result = np.zeros_like(values)
    for place in np.ndindex(values.shape):
        if uniform[place] >= rate:
            result[place] = values[place] / (1.0 - rate)
    return result


def dropout_in_place(values, rate, uniform):
    values[uniform < rate] = 0
    values /= 1 - rate
    return values


# --- 06.macro_f1 ------------------------------------------------------------------------------------------------------


def counts(matrix):
    """True positives, false positives and false negatives of each class."""
    hits = np.array([matrix[i, i] for i in range(len(matrix))], dtype=float)
    return hits, matrix.sum(0) - hits, matrix.sum(1) - hits


def f1_of_each(matrix):
    hits, false_alarms, misses = counts(matrix)
    return 2 * hits / np.maximum(2 * hits + false_alarms + misses, 1)


def f1_by_nan(matrix):
    with np.errstate(all="ignore"):
        hits, false_alarms, misses = counts(matrix)
        p, r = hits / (hits + false_alarms), hits / (hits + misses)
        return float((2 * p * r / (p + r)).mean())


def macro_f1_from_sklearn(matrix):
    from sklearn.metrics import f1_score

    true, called = np.indices(matrix.shape)
    return float(
        f1_score(
            np.repeat(true.ravel(), matrix.ravel()), np.repeat(called.ravel(), matrix.ravel()), average="macro",
            labels=range(len(matrix)), zero_division=0,
        )
    )  # fmt: skip


# --- 06.plateau -------------------------------------------------------------------------------------------------------


def rates_of_keras(losses, rate, factor, patience, min_delta=0):
    """What Keras' own callback does, driven by hand."""
    import keras

    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(rate), "mse")
    callback = keras.callbacks.ReduceLROnPlateau("val_loss", factor, patience, min_delta=min_delta)
    callback.set_model(model)
    callback.on_train_begin()
    rates = []
    for epoch, loss in enumerate(losses):
        rates.append(float(model.optimizer.learning_rate))
        callback.on_epoch_end(epoch, {"val_loss": loss})
    return rates


def rates_right(losses, rate, factor, patience):
    """With positions in place of a counter."""
    rates, start = [rate], 0  # `start`: the epoch that the waiting counts from
    for epoch in range(len(losses) - 1):
        if losses[epoch] < min(losses[:epoch], default=math.inf):
            start = epoch
        if epoch - start == patience:
            rates.append(rates[-1] * factor)
            start = epoch
        else:
            rates.append(rates[-1])
    return rates


# --- 06.soften --------------------------------------------------------------------------------------------------------


def softmax(scores, axis):
    from scipy.special import softmax as of_scipy

    return of_scipy(scores, axis=axis)


def soften_in_long_numbers(scores, temperature):
    """Their exponentials reach further, and not far enough."""
    with np.errstate(all="ignore"):
        powers = np.exp(np.asarray(scores, "longdouble") / temperature)
        return (powers / powers.sum(axis=1, keepdims=True)).astype(float)


def soften_from_the_middle(scores, temperature):
    with np.errstate(all="ignore"):
        powers = np.exp((scores - np.median(scores, axis=1, keepdims=True)) / temperature)
        return powers / powers.sum(axis=1, keepdims=True)


def soften_probabilities(scores, temperature):
    powers = softmax(scores, 1) ** (1 / temperature)
    return powers / powers.sum(axis=1, keepdims=True)


def soften_in_logarithms(scores, temperature):
    logarithms = scores / temperature
    largest = logarithms.max(axis=-1, keepdims=True)
    total = largest + np.log(np.sum(np.exp(logarithms - largest), axis=-1, keepdims=True))
    return np.exp(logarithms - total)


# --- 06.second_network, 06.trained, 06.your_own -----------------------------------------------------------------------


def network(
    blocks=((32, 32), (64, 32), (128,)), padding="same", normalise=True, units=256, classes=10, activation="softmax",
    size=32, bias=True, pool_last=True, relu="ReLU", wide="relu", pool=None, rates=(0.2, 0.2, 0.2, 0.45),
    drop="Dropout", drop_first=False, pool_first=False, before=(), after=(),
):  # fmt: skip
    """The described network in the Functional API, or one with a mistake in it."""
    import keras
    from keras import layers

    def dropped(x, rate):
        return getattr(layers, drop)(rate)(x) if drop else x

    pooling, relu = pool or (lambda: layers.MaxPool2D(2)), getattr(layers, relu)
    inputs = x = keras.Input((size, size, 3))
    for make in before:
        x = make()(x)
    for number, block in enumerate(blocks):
        pools = pool_last or number < len(blocks) - 1
        for place, filters in enumerate(block, 1):
            x = layers.Conv2D(filters, (3, 3), padding=padding, use_bias=bias)(x)
            x = pooling()(x) if pool_first and place == len(block) else x
            x = layers.BatchNormalization()(x) if normalise else x
            x = relu()(x)
        x = dropped(x, rates[number]) if drop_first else x
        x = pooling()(x) if pools and not pool_first else x
        x = x if drop_first else dropped(x, rates[number])
    x = layers.Dense(units, activation=wide)(layers.Flatten()(x))
    x = layers.Dropout(rates[-1])(x) if drop else x
    x = layers.Dense(classes, activation=activation)(x)
    for make in after:
        x = make()(x)
    return keras.Model(inputs, x)


def variant(**mistake):
    return made(lambda: network(**mistake))


def layers_of(name, *args, **kwargs):
    """What makes a layer of Keras; Keras itself is imported then."""

    def make():
        import keras

        return getattr(keras.layers, name)(*args, **kwargs)

    return make


def one_after_another():
    """In blocks, each a Sequential; the last dropout after flattening."""
    import keras
    from keras import layers

    def block(*filters):
        parts = [
            part
            for number in filters
            for part in (layers.Conv2D(number, 3, padding="same", activation="relu"), layers.BatchNormalization())
        ]
        return keras.Sequential([*parts, layers.MaxPooling2D()])

    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            block(32, 32),
            layers.Dropout(0.2),
            block(64, 32),
            layers.Dropout(0.2),
            block(128),
            layers.Flatten(),
            layers.Dropout(0.2),
            layers.Dense(256, "relu"),
            layers.Dropout(0.45),
            layers.Dense(10),
            layers.Softmax(),
        ]
    )


def without_one_relu():
    """The fourth convolution has none."""
    import keras

    model = one_after_another()
    model.layers[2].layers[2].activation = keras.activations.linear
    return model


def small_network(filters=(16, 32, 64), last="softmax"):
    import keras
    from keras import layers

    model = keras.Sequential([keras.Input((32, 32, 3))])
    for width in filters:
        model.add(layers.Conv2D(width, 3, padding="same", use_bias=False))
        model.add(layers.MaxPooling2D())
        model.add(layers.BatchNormalization(momentum=0.8))
        model.add(layers.ReLU())
    model.add(layers.GlobalAveragePooling2D())
    model.add(layers.Dense(10, activation=last))
    return model


@functools.cache
def trained_small_network():
    """Trained on the stand-in at profile smoke, in a few seconds."""
    import keras

    from course_utils import load

    keras.utils.set_random_seed(0)
    train = load("cifar10", "train", examples=1_500, source="stand-in")
    model = small_network()
    model.compile(keras.optimizers.Adam(5e-3), "sparse_categorical_crossentropy")
    model.fit(train.images.astype("float32") / 255, train.labels, batch_size=50, epochs=8, verbose=0)
    return model


def layer():
    import keras

    return keras.layers.Dense(10)


WRONG = {
    "06.first_loss": [
        (1 / 10, "probability"),
        (-math.log(0.9), "other"),
        (10, "other"),
        ("log 10", "wrong type"),
    ],
    "06.dropout": [
        (masked, "not scaled"),
        (lambda values, rate, uniform: values * np.ceil(uniform - rate) / (1 - rate), "dropped at the rate itself"),
        (dropout_in_place, "input changed"),
        (lambda values, rate, uniform: values, "other"),
        (
            lambda values, rate, uniform: masked(values, rate, np.random.default_rng().random(values.shape)),
            "changes between calls",
        ),
    ],
    "06.gap": [
        ("overfitting", "not a choice"),
    ],
    "06.macro_f1": [
        (lambda matrix: float(f1_of_each(matrix) @ matrix.sum(1) / matrix.sum()), "weighted"),
        (f1_by_nan, "empty class"),
        (lambda matrix: float(np.nanmean(2 * np.diag(matrix) / (matrix.sum(0) + matrix.sum(1)))), "other"),
        (lambda matrix: 0.7, "constant"),
        (lambda matrix: float(f1_of_each(matrix).max()), "other"),
    ],
    "06.plateau": [
        (functools.partial(rates_of_keras, min_delta=1e-4), "a margin"),
        (functools.partial(rates_of_keras, min_delta=0.01), "a margin"),
        (lambda losses, rate, factor, patience: [rate for _ in losses], "other"),
        (lambda losses, rate, factor, patience: map(float, rates_right(losses, rate, factor, patience)), "wrong type"),
    ],
    "06.soften": [
        (lambda scores, temperature: softmax(scores - temperature, 1), "no temperature"),
        (soften_in_long_numbers, "other"),
        (soften_from_the_middle, "not a number"),
        (soften_probabilities, "softened too late"),
        (lambda scores, temperature: softmax(scores / temperature, 1).round(1), "other"),
    ],
    "06.second_network": [
        (variant(padding="valid"), "too few places left"),
        (variant(pool=layers_of("MaxPool2D", 3)), "too few places left"),
        (variant(normalise=False), "no batch normalisation"),
        (variant(pool_last=False), "a pooling is missing"),
        (variant(blocks=((32, 32), (64, 64), (128,))), "filters"),
        (variant(units=128), "parameters"),
        (variant(drop=None), "no dropout"),
        (variant(relu="Identity", wide=None), "no activation"),
        (variant(relu="Identity"), "no activation"),
        (variant(wide=None), "no activation"),
        (made(without_one_relu), "no activation"),
        (variant(pool=layers_of("AveragePooling2D", 2)), "average pooling"),
        (variant(pool=layers_of("MaxPool2D", 1, strides=2)), "stride for pooling"),
        (variant(pool_first=True), "pooled before normalising"),
        (variant(after=[layers_of("Softmax")]), "softmax twice"),
        (variant(activation="relu", after=[layers_of("Softmax")]), "relu before softmax"),
        (variant(before=[layers_of("Rescaling", 1 / 255)]), "rescaled"),
        (variant(before=[layers_of("Rescaling", 2, offset=-1)]), "rescaled"),
        (variant(before=[layers_of("Permute", (2, 1, 3))]), "input rearranged"),
        (variant(relu="LeakyReLU"), "other outputs"),
        (variant(rates=(0.2, 0.2, 0.2, 0.5)), "other dropout"),
        (variant(rates=(0.2, 0.3, 0.4, 0.45)), "other dropout"),
        (variant(drop="SpatialDropout2D"), "other dropout"),
        (variant(drop_first=True), "other dropout"),
        (variant(before=[layers_of("RandomFlip")]), "other while training"),
        (variant(size=28), "input shape"),
        (variant(classes=1, activation="sigmoid"), "output shape"),
        (variant(activation=None), "no probabilities"),
        (lambda: None, "no return"),
        (lambda: layer(), "wrong type"),
        (made(layer), "wrong type"),
    ],
    "06.trained": [
        (variant(), "accuracy"),
        (variant(activation=None), "no probabilities"),
        (variant(classes=100), "output shape"),
        (network, "wrong type"),
        (0.88, "wrong type"),
    ],
    "06.your_own": [
        (made(small_network), "accuracy"),
        (variant(), "parameters"),
        (made(functools.partial(small_network, last=None)), "no probabilities"),
        (made(lambda: network(blocks=((8,), (8,), (8,)), units=8, classes=2)), "output shape"),
        (network, "wrong type"),
    ],
}

RIGHT = {
    "06.first_loss": [-math.log(0.1), 2.3026, 2.303],
    "06.dropout": [dropout_by_loop, lambda values, rate, uniform: values * (uniform >= rate) / (1 - rate)],
    "06.gap": ["Dropout is off in validation"],
    "06.macro_f1": [lambda matrix: float(f1_of_each(matrix).mean()), macro_f1_from_sklearn],
    "06.plateau": [rates_right, rates_of_keras],
    "06.soften": [
        soften_in_logarithms,
        lambda scores, temperature: softmax(np.array(scores) / temperature, -1),
    ],
    "06.second_network": [network, variant(), variant(bias=False), made(one_after_another)],
    "06.trained": [made(trained_small_network)],
    "06.your_own": [made(trained_small_network)],
}
