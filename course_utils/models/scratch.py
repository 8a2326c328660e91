"""The ladder of chapter 06: a dense network and five convolutional ones for small images, one change a step.

Every function returns a new, uncompiled Keras model that takes images as they are stored, uint8 or float from 0 to
255, shape (batch, height, width, channels), and gives one probability a class. Which of them is better depends on how
many images it learns from and for how long: the chapter measures each at two budgets. It shows this code and argues for
each step; a test keeps the two the same.
"""

import keras
from keras import layers


def dense_network(input_shape=(32, 32, 3), classes=10):
    """Two dense layers on the pixels in a row: 1,578,506 weights for CIFAR-10.

    Parameters
    ----------
    input_shape : tuple of int
        (height, width, channels).
    classes : int

    Returns
    -------
    keras.Model

    Notes
    -----
    Taught in chapter 06, CNNs from scratch.

    Examples
    --------
    >>> dense_network().count_params()
    1578506
    """
    return keras.Sequential(
        [
            keras.Input(input_shape),
            layers.Rescaling(1 / 127.5, offset=-1),
            layers.Flatten(),
            layers.Dense(512, activation="relu"),
            layers.Dense(classes, activation="softmax", dtype="float32"),
        ],
        name="dense_network",
    )


def model_1(input_shape=(32, 32, 3), classes=10, filters=(16, 32, 64)):
    """One convolution and one pooling a block: 156,074 weights for CIFAR-10.

    Parameters
    ----------
    input_shape : tuple of int
        (height, width, channels).
    classes : int
    filters : sequence of int
        Filters of each block.

    Returns
    -------
    keras.Model

    Notes
    -----
    Taught in chapter 06, CNNs from scratch.

    Examples
    --------
    >>> model_1().count_params()
    156074
    """
    model = keras.Sequential([keras.Input(input_shape), layers.Rescaling(1 / 127.5, offset=-1)], name="model_1")
    for width in filters:
        model.add(layers.Conv2D(width, 3, padding="same", activation="relu"))
        model.add(layers.MaxPooling2D())
    model.add(layers.Flatten())
    model.add(layers.Dense(128, activation="relu"))
    model.add(layers.Dense(classes, activation="softmax", dtype="float32"))
    return model


def model_2(input_shape=(32, 32, 3), classes=10, filters=(16, 32, 64)):
    """Two convolutions a block: 204,570 weights for CIFAR-10.

    Parameters
    ----------
    input_shape : tuple of int
        (height, width, channels).
    classes : int
    filters : sequence of int
        Filters of both convolutions of each block.

    Returns
    -------
    keras.Model

    Notes
    -----
    Taught in chapter 06, CNNs from scratch.

    Examples
    --------
    >>> model_2().count_params()
    204570
    """
    model = keras.Sequential([keras.Input(input_shape), layers.Rescaling(1 / 127.5, offset=-1)], name="model_2")
    for width in filters:
        model.add(layers.Conv2D(width, 3, padding="same", activation="relu"))
        model.add(layers.Conv2D(width, 3, padding="same", activation="relu"))
        model.add(layers.MaxPooling2D())
    model.add(layers.Flatten())
    model.add(layers.Dense(128, activation="relu"))
    model.add(layers.Dense(classes, activation="softmax", dtype="float32"))
    return model


def model_3(input_shape=(32, 32, 3), classes=10, filters=(16, 32, 64)):
    """Model 2 with dropout after every block: as many weights.

    Parameters
    ----------
    input_shape : tuple of int
        (height, width, channels).
    classes : int
    filters : sequence of int
        Filters of both convolutions of each block.

    Returns
    -------
    keras.Model

    Notes
    -----
    Srivastava et al. (2014). Taught in chapter 06, CNNs from scratch.

    Examples
    --------
    >>> model_3().count_params()
    204570
    """
    model = keras.Sequential([keras.Input(input_shape), layers.Rescaling(1 / 127.5, offset=-1)], name="model_3")
    for width, rate in zip(filters, (0.2, 0.3, 0.4), strict=True):
        model.add(layers.Conv2D(width, 3, padding="same", activation="relu"))
        model.add(layers.Conv2D(width, 3, padding="same", activation="relu"))
        model.add(layers.MaxPooling2D())
        model.add(layers.Dropout(rate))
    model.add(layers.Flatten())
    model.add(layers.Dense(128, activation="relu"))
    model.add(layers.Dropout(0.4))
    model.add(layers.Dense(classes, activation="softmax", dtype="float32"))
    return model


def model_4(input_shape=(32, 32, 3), classes=10, filters=(16, 32, 64)):
    """Model 2 with batch normalisation after every convolution, and dropout only before the last layer.

    Parameters
    ----------
    input_shape : tuple of int
        (height, width, channels).
    classes : int
    filters : sequence of int
        Filters of both convolutions of each block.

    Returns
    -------
    keras.Model

    Notes
    -----
    Ioffe and Szegedy (2015). Taught in chapter 06, CNNs from scratch, which measures what dropout before a batch
    normalisation costs.

    Examples
    --------
    >>> model_4().count_params() - model_3().count_params()
    896
    """
    model = keras.Sequential([keras.Input(input_shape), layers.Rescaling(1 / 127.5, offset=-1)], name="model_4")
    for width in filters:
        for _ in range(2):
            model.add(layers.Conv2D(width, 3, padding="same"))
            model.add(layers.BatchNormalization(momentum=0.9))
            model.add(layers.Activation("relu"))
        model.add(layers.MaxPooling2D())
    model.add(layers.Flatten())
    model.add(layers.Dense(128, activation="relu"))
    model.add(layers.Dropout(0.4))
    model.add(layers.Dense(classes, activation="softmax", dtype="float32"))
    return model


def model_5(input_shape=(32, 32, 3), classes=10, filters=(16, 32, 64, 128), dropout=0.1, penalty=2.5e-4):
    """Seven convolutions, a penalty on every kernel, no hidden dense layer: 294,346 weights for CIFAR-10.

    Every image is mirrored and shifted at random while it trains; every kernel pays a penalty for its size; pooling
    comes before normalisation, so that there is a quarter as much to normalise; the last maps are averaged.

    Parameters
    ----------
    input_shape : tuple of int
        (height, width, channels).
    classes : int
    filters : sequence of int
        Filters of the first convolution, then of both convolutions of each block.
    dropout : float
        Share of the averaged features that is dropped.
    penalty : float
        Factor of the sum of squared weights in the loss.

    Returns
    -------
    keras.Model

    Notes
    -----
    Global average pooling: Lin et al. (2014). Taught in chapter 06, CNNs from scratch; with twice as many filters, (32,
    64, 128, 256), it is the network that passes 0.90 there.

    Examples
    --------
    >>> model_5().count_params()
    294346
    >>> model_5(filters=(32, 64, 128, 256)).count_params()
    1169290
    """
    model = keras.Sequential(
        [
            keras.Input(input_shape),
            layers.Rescaling(1 / 127.5, offset=-1),
            layers.RandomFlip("horizontal"),
            layers.RandomTranslation(1 / 16, 1 / 16, fill_mode="reflect"),
        ],
        name="model_5",
    )

    def convolution(width, pool=False):
        regularizer = keras.regularizers.L2(penalty)
        model.add(layers.Conv2D(width, 3, padding="same", kernel_regularizer=regularizer))
        if pool:
            model.add(layers.MaxPooling2D())
        model.add(layers.BatchNormalization(momentum=0.9))
        model.add(layers.Activation("relu"))

    convolution(filters[0])
    for width in filters[1:]:
        convolution(width, pool=True)
        convolution(width)
    model.add(layers.GlobalAveragePooling2D())
    model.add(layers.Dropout(dropout))
    model.add(layers.Dense(classes, activation="softmax", dtype="float32"))
    return model
