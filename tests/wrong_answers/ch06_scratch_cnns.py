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


def mean_precision(matrix):
    hits, false_alarms, _ = counts(matrix)
    return float(np.nan_to_num(hits / np.maximum(hits + false_alarms, 1e-9)).mean())


def mean_recall(matrix):
    hits, _, misses = counts(matrix)
    return float((hits / np.maximum(hits + misses, 1)).mean())


def f1_of_means(matrix):
    p, r = mean_precision(matrix), mean_recall(matrix)
    return 2 * p * r / (p + r)


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


def rates_of_keras(losses, rate, factor, patience):
    """What Keras' own callback does, driven by hand."""
    import keras

    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(rate), "mse")
    callback = keras.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=factor, patience=patience, min_delta=0)
    callback.set_model(model)
    callback.on_train_begin()
    rates = []
    for epoch, loss in enumerate(losses):
        rates.append(float(model.optimizer.learning_rate))
        callback.on_epoch_end(epoch, {"val_loss": loss})
    return rates


def rates_against_the_last(losses, rate, factor, patience):
    rates, since = [], 0
    for epoch, loss in enumerate(losses):
        rates.append(rate)
        since = 0 if epoch == 0 or loss < losses[epoch - 1] else since + 1
        if since == patience:
            rate, since = rate * factor, 0
    return rates


def rates_cut_every_epoch(losses, rate, factor, patience):
    rates, best, since = [], np.inf, 0
    for loss in losses:
        rates.append(rate)
        since = 0 if loss < best else since + 1
        best = min(best, loss)
        if since >= patience:
            rate *= factor
    return rates


def rates_after_patience(losses, rate, factor, patience):
    rates, best, since = [], np.inf, 0
    for loss in losses:
        rates.append(rate)
        since = 0 if loss < best else since + 1
        best = min(best, loss)
        if since > patience:
            rate, since = rate * factor, 0
    return rates


def rates_too_early(losses, rate, factor, patience):
    rates, best, since = [], np.inf, 0
    for loss in losses:
        since = 0 if loss < best else since + 1
        best = min(best, loss)
        if since == patience:
            rate, since = rate * factor, 0
        rates.append(rate)
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


def soften_plainly(scores, temperature):
    with np.errstate(all="ignore"):
        powers = np.exp(scores / temperature)
        return powers / powers.sum(axis=1)[:, None]


def soften_over_everything(scores, temperature):
    with np.errstate(all="ignore"):
        powers = np.exp(scores / temperature)
        return powers / np.sum(powers)


def soften_in_logarithms(scores, temperature):
    logarithms = scores / temperature
    largest = logarithms.max(axis=-1, keepdims=True)
    total = largest + np.log(np.sum(np.exp(logarithms - largest), axis=-1, keepdims=True))
    return np.exp(logarithms - total)


# --- 06.second_network, 06.trained, 06.your_own -----------------------------------------------------------------------


def network(
    blocks=((32, 32), (64, 32), (128,)), padding="same", normalise=True, drop=True, units=256, classes=10,
    activation="softmax", size=32, bias=True, pool_last=True,
):  # fmt: skip
    """The described network in the Functional API, or one with a mistake in it."""
    import keras
    from keras import layers

    inputs = x = keras.Input((size, size, 3))
    for number, block in enumerate(blocks):
        for filters in block:
            x = layers.Conv2D(filters, (3, 3), padding=padding, use_bias=bias)(x)
            x = layers.BatchNormalization()(x) if normalise else x
            x = layers.ReLU()(x)
        x = layers.MaxPool2D(2)(x) if pool_last or number < len(blocks) - 1 else x
        x = layers.Dropout(0.2)(x) if drop else x
    x = layers.Flatten()(x)
    x = layers.Dense(units, activation="relu")(x)
    x = layers.Dropout(0.45)(x) if drop else x
    return keras.Model(inputs, layers.Dense(classes, activation=activation)(x))


def variant(**mistake):
    return made(lambda: network(**mistake))


def small_network(filters=(16, 32, 64)):
    import keras
    from keras import layers

    model = keras.Sequential([keras.Input((32, 32, 3))])
    for width in filters:
        model.add(layers.Conv2D(width, 3, padding="same", use_bias=False))
        model.add(layers.MaxPooling2D())
        model.add(layers.BatchNormalization(momentum=0.8))
        model.add(layers.ReLU())
    model.add(layers.GlobalAveragePooling2D())
    model.add(layers.Dense(10, activation="softmax"))
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
        (math.log10(10), "base ten"),
        (np.log2(10), "base two"),
        (1 / 10, "probability"),
        (np.log(1 / 10), "sign"),
        (1 - 1 / 10, "wrong share"),
        (-math.log(0.9), "other"),
        (10, "other"),
        ("log 10", "wrong type"),
    ],
    "06.dropout": [
        (masked, "not scaled"),
        (lambda values, rate, uniform: values * (uniform >= rate), "not scaled"),
        (lambda values, rate, uniform: masked(values, rate, uniform) * (1 - rate), "scaled down"),
        (lambda values, rate, uniform: masked(values, rate, uniform) / rate, "scaled by the rate"),
        (lambda values, rate, uniform: values * (uniform < rate) / (1 - rate), "keeps what it should drop"),
        (lambda values, rate, uniform: values * (uniform < rate), "keeps what it should drop"),
        (lambda values, rate, uniform: values[uniform > rate] / (1 - rate), "kept only"),
        (dropout_in_place, "input changed"),
        (lambda values, rate, uniform: values, "other"),
        (
            lambda values, rate, uniform: masked(values, rate, np.random.default_rng().random(values.shape)),
            "changes between calls",
        ),
    ],
    "06.gap": [
        ("validation images are easier", "validation images are easier"),
        ("the network has seen validation images", "the network has seen validation images"),
        ("training data are shuffled", "training data are shuffled"),
        ("overfitting", "not a choice"),
    ],
    "06.macro_f1": [
        (lambda matrix: float(np.diag(matrix).sum() / matrix.sum()), "accuracy"),
        (mean_precision, "only precision"),
        (mean_recall, "only recall"),
        (lambda matrix: (mean_precision(matrix) + mean_recall(matrix)) / 2, "arithmetic mean"),
        (f1_of_means, "F1 of the means"),
        (lambda matrix: float(f1_of_each(matrix) @ matrix.sum(1) / matrix.sum()), "weighted"),
        (f1_of_each, "one per class"),
        (lambda matrix: 100 * float(f1_of_each(matrix).mean()), "per cent"),
        (f1_by_nan, "empty class"),
        (lambda matrix: float(np.nanmean(2 * np.diag(matrix) / (matrix.sum(0) + matrix.sum(1)))), "other"),
        (lambda matrix: 0.7, "constant"),
        (lambda matrix: float(f1_of_each(matrix).max()), "other"),
    ],
    "06.plateau": [
        (rates_against_the_last, "compared with the previous epoch"),
        (rates_cut_every_epoch, "waiting never starts again"),
        (rates_after_patience, "one epoch too late"),
        (rates_too_early, "one epoch too early"),
        (lambda *arguments: rates_right(*arguments)[-1], "only the last rate"),
        (lambda losses, rate, factor, patience: [rate for _ in losses], "other"),
    ],
    "06.soften": [
        (lambda scores, temperature: softmax(scores * temperature, 1), "multiplied"),
        (lambda scores, temperature: softmax(scores, 1) / temperature, "divided after the softmax"),
        (lambda scores, temperature: softmax(scores, 1), "no temperature"),
        (lambda scores, temperature: softmax(scores - temperature, 1), "no temperature"),
        (lambda scores, temperature: softmax(scores / temperature, 0), "wrong axis"),
        (soften_over_everything, "sum of everything"),
        (soften_plainly, "not a number"),
        (lambda scores, temperature: scores / temperature, "only scores"),
        (lambda scores, temperature: softmax(scores / temperature, 1).round(1), "other"),
    ],
    "06.second_network": [
        (variant(padding="valid"), "valid padding"),
        (variant(normalise=False), "no batch normalisation"),
        (variant(pool_last=False), "a pooling is missing"),
        (variant(blocks=((32, 32), (64, 64), (128,))), "filters"),
        (variant(units=128), "parameters"),
        (variant(drop=False), "no dropout"),
        (variant(size=28), "input shape"),
        (variant(classes=1, activation="sigmoid"), "output shape"),
        (variant(activation=None), "no probabilities"),
        (lambda: None, "no return"),
        (lambda: layer(), "wrong type"),
        (made(layer), "wrong type"),
    ],
    "06.trained": [
        (variant(), "accuracy"),
        (variant(classes=100), "output shape"),
        (network, "wrong type"),
        (0.88, "wrong type"),
    ],
    "06.your_own": [
        (made(small_network), "accuracy"),
        (variant(), "parameters"),
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
    "06.second_network": [network, variant(), variant(bias=False)],
    "06.trained": [made(trained_small_network)],
    "06.your_own": [made(trained_small_network)],
}
