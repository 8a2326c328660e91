"""Chapter 06's experiments: the ladder at a large and at a small budget, its rivals, and Model 5 without its parts.

One builder makes Models 1 to 4 and all their variants, so that two that are compared differ in the arguments that are
seen here and in nothing else. A test keeps Models 1 to 3 equal to those of `course_utils.models.scratch` at half their
width.
"""

from functools import partial

import keras
from keras import layers

from ..datasets import load
from ..models import dense_network
from .declaring import Experiment

FILTERS = (16, 32, 64)


def data():
    """CIFAR-10 as the page divides it: training, validation and test images."""
    train, validation = load("cifar10", "train").holdout(fraction=0.05, seed=0)
    return train, validation, load("cifar10", "test")


def _images(augment):
    """The beginning of a network: images, brought into range, and changed while it trains."""
    model = keras.Sequential([keras.Input((32, 32, 3)), layers.Rescaling(1 / 127.5, offset=-1)])
    if augment:
        model.add(layers.RandomFlip("horizontal"))
        model.add(layers.RandomTranslation(1 / 16, 1 / 16, fill_mode="reflect"))
    return model


def convnet(filters=FILTERS, convolutions=2, dropout=(0, 0, 0), dense_dropout=0.0, normalise=False, augment=False):
    """Blocks of convolutions and pooling, then two dense layers: Models 1 to 4 and their variants."""
    model = _images(augment)
    for width, rate in zip(filters, dropout, strict=True):
        for _ in range(convolutions):
            model.add(layers.Conv2D(width, 3, padding="same", activation=None if normalise else "relu"))
            if normalise:
                model.add(layers.BatchNormalization(momentum=0.9))
                model.add(layers.Activation("relu"))
        model.add(layers.MaxPooling2D())
        if rate:
            model.add(layers.Dropout(rate))
    model.add(layers.Flatten())
    model.add(layers.Dense(128, activation="relu"))
    if dense_dropout:
        model.add(layers.Dropout(dense_dropout))
    model.add(layers.Dense(10, activation="softmax", dtype="float32"))
    return model


def model_5(filters=(16, 32, 64, 128), augment=True, penalty=2.5e-4, pooling_head=True, dropout=0.1):
    """Model 5, and Model 5 without one of its parts."""
    model = _images(augment)

    def convolution(width, pool=False):
        regularizer = keras.regularizers.L2(penalty) if penalty else None
        model.add(layers.Conv2D(width, 3, padding="same", kernel_regularizer=regularizer))
        if pool:
            model.add(layers.MaxPooling2D())
        model.add(layers.BatchNormalization(momentum=0.9))
        model.add(layers.Activation("relu"))

    convolution(filters[0])
    for width in filters[1:]:
        convolution(width, pool=True)
        convolution(width)
    if pooling_head:
        model.add(layers.GlobalAveragePooling2D())
    else:
        model.add(layers.Flatten())
        model.add(layers.Dense(128, activation="relu"))
    if dropout:
        model.add(layers.Dropout(dropout))
    model.add(layers.Dense(10, activation="softmax", dtype="float32"))
    return model


def adam(model, steps, rate=1e-3, loss="sparse_categorical_crossentropy"):
    """Adam at a constant rate; ``steps`` does not matter."""
    model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])


def smoothed(smoothing=0.1):
    """The loss that asks for a little less than 1 on the right class."""
    return keras.losses.CategoricalCrossentropy(label_smoothing=smoothing)


def one_cycle(model, steps, rate=0.2, smoothing=0.1):
    """Gradient descent with momentum, its rate up for a fifth of the steps and down to zero along a cosine."""
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=rate / 10, decay_steps=steps - steps // 5, warmup_target=rate, warmup_steps=steps // 5
    )
    model.compile(
        keras.optimizers.SGD(schedule, momentum=0.9),
        smoothed(smoothing),
        metrics=["accuracy"],
    )


def confidence(labels, probabilities, trained_labels):
    """How sure the network is on average, to be compared with how often it is right."""
    return {"confidence": probabilities.max(axis=1).mean()}


def slow_down():
    """The rate is cut when validation loss has not improved for an epoch."""
    return [keras.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.3, patience=1)]


LARGE = dict(images=25_000, epochs=12)
MEDIUM = dict(images=10_000, epochs=8, seeds=2)
DROPOUT = dict(dropout=(0.2, 0.3, 0.4), dense_dropout=0.4)
MODEL_4 = dict(normalise=True, dense_dropout=0.4)
SGD = dict(batch_size=128, one_hot=True)
TWICE = dict(**LARGE, seeds=2)  # where differences are of several points

EXPERIMENTS = {
    # The ladder at the large budget, and a rival of Model 2 that does as many multiply-adds with fewer layers.
    "dense": Experiment(dense_network, adam, **LARGE),
    "Model 1": Experiment(partial(convnet, convolutions=1), adam, **LARGE),
    "Model 1, wide": Experiment(partial(convnet, (32, 64, 128), convolutions=1), adam, **LARGE),
    "Model 2": Experiment(convnet, adam, **LARGE),
    "Model 3": Experiment(partial(convnet, **DROPOUT), adam, **LARGE),
    "Model 4": Experiment(partial(convnet, **MODEL_4), adam, callbacks=slow_down, **LARGE),
    "Model 4, augmented": Experiment(partial(convnet, **MODEL_4, augment=True), adam, callbacks=slow_down, **LARGE),
    "Model 5": Experiment(model_5, one_cycle, **LARGE, **SGD),
    # Depth against width where neither network is left to overfit.
    "Model 1, dropout": Experiment(partial(convnet, convolutions=1, **DROPOUT), adam, **TWICE),
    "Model 1, wide, dropout": Experiment(partial(convnet, (32, 64, 128), convolutions=1, **DROPOUT), adam, **LARGE),
    "Model 1, wide, normalised": Experiment(
        partial(convnet, (32, 64, 128), convolutions=1, **MODEL_4), adam, callbacks=slow_down, **LARGE
    ),
    # From Model 3 to Model 4, one change at a time, and what could have been the matter with batch normalisation.
    "Model 3, rate cut": Experiment(partial(convnet, **DROPOUT), adam, callbacks=slow_down, **TWICE),
    "Model 3, normalised": Experiment(partial(convnet, **DROPOUT, normalise=True), adam, **TWICE),
    "Model 3, normalised, rate cut": Experiment(
        partial(convnet, **DROPOUT, normalise=True), adam, callbacks=slow_down, **TWICE
    ),
    "Model 3, dropout at the end": Experiment(partial(convnet, dense_dropout=0.4), adam, **TWICE),
    "Model 4, constant rate": Experiment(partial(convnet, **MODEL_4), adam, **LARGE),
    "Model 4, no dropout": Experiment(partial(convnet, normalise=True), adam, callbacks=slow_down, **TWICE),
    "Model 3, normalised, rate 0.003": Experiment(
        partial(convnet, **DROPOUT, normalise=True), partial(adam, rate=3e-3), **TWICE
    ),
    "Model 3, rate 0.003": Experiment(partial(convnet, **DROPOUT), partial(adam, rate=3e-3), **TWICE),
    # A rival of Model 5: Model 4 with half as many filters again, which does as many multiply-adds.
    "Model 4, wide, augmented": Experiment(
        partial(convnet, (24, 48, 96), **MODEL_4, augment=True), adam, callbacks=slow_down, **TWICE
    ),
    # As many updates as the large budget has, from fewer images.
    "Model 5, fewer images": Experiment(model_5, one_cycle, images=10_000, epochs=30, seeds=2, **SGD),
    # Model 5 without one of its parts, all at one budget.
    "Model 5, short": Experiment(model_5, one_cycle, scores=confidence, **MEDIUM, **SGD),
    "without augmentation": Experiment(partial(model_5, augment=False), one_cycle, **MEDIUM, **SGD),
    "without the schedule": Experiment(model_5, partial(adam, loss=smoothed()), **MEDIUM, **SGD),
    "without smoothing": Experiment(model_5, partial(one_cycle, smoothing=0.0), scores=confidence, **MEDIUM, **SGD),
    "without the pooling head": Experiment(partial(model_5, pooling_head=False), one_cycle, **MEDIUM, **SGD),
    "without dropout": Experiment(partial(model_5, dropout=0.0), one_cycle, **MEDIUM, **SGD),
    "without the penalty": Experiment(partial(model_5, penalty=0.0), one_cycle, **MEDIUM, **SGD),
}
