"""The network of chapter 07: five convolutions that learn cats from dogs from a few thousand photographs."""

import keras
from keras import layers

from .ends import as_layers, output_layer


def small_convnet(
    input_shape=(180, 180, 3),
    classes=2,
    filters=(32, 64, 128, 256, 256),
    augmentation=(),
    dropout=0.0,
    normalized=True,
    between=None,
):
    """Five 3x3 convolutions with pooling between them, flattened: 993,985 parameters for cats and dogs.

    Parameters
    ----------
    input_shape : tuple of int
        (height, width, channels), at least 78 by 78 with five convolutions.
    classes : int
        For two, the output is one probability, of class 1 (loss ``"binary_crossentropy"``); for more, one a class
        (``"sparse_categorical_crossentropy"``).
    filters : sequence of int
        Of each convolution.
    augmentation : keras layer or sequence of them
        Changes images while the network trains, such as ``keras.layers.RandomFlip("horizontal")``. They see pixels from
        0 to 255.
    dropout : float
        Share of the flattened features that is dropped while the network trains.
    normalized : bool
        Batch normalisation between pooling and ReLU. Behind the convolution, where there are four times as many
        numbers, it would cost several times as much.
    between : callable, optional
        ``between()`` returns a new layer to stand behind each ReLU but the last, such as one of dropout.

    Returns
    -------
    keras.Model
        Uncompiled. It takes images as they are stored, uint8 or float from 0 to 255.

    Raises
    ------
    ValueError
        Images too small for the convolutions, or an argument that cannot be.

    Notes
    -----
    Chollet (2021), Deep Learning with Python, section 8.2, without its batch normalisation. Dropout stands behind the
    flattening, not behind convolutions, where neighbours hold almost the same number as one that is dropped. Taught in
    chapter 07, Augmentation.

    Examples
    --------
    >>> small_convnet().count_params()
    993985
    >>> small_convnet(normalized=False).count_params()
    991041
    >>> small_convnet((96, 96, 3), classes=10, dropout=0.5).output_shape
    (None, 10)
    """
    smallest = 3
    for _ in filters[1:]:
        smallest = 2 * smallest + 2
    sides = tuple(input_shape)[:2]
    if len(input_shape) != 3 or any(not isinstance(side, int) or side < smallest for side in sides):
        raise ValueError(
            f"small_convnet: input_shape is {tuple(input_shape)!r}; it must be (height, width, channels), at least "
            f"{smallest} by {smallest} with {len(filters)} convolutions. Load larger images, or give fewer filters."
        )
    model = keras.Sequential([keras.Input(input_shape)], name="small_convnet")
    for layer in as_layers(augmentation, "small_convnet: augmentation"):
        model.add(layer)
    model.add(layers.Rescaling(1 / 255))
    for number, width in enumerate(filters):
        last = number == len(filters) - 1
        model.add(layers.Conv2D(width, 3))
        if not last:
            model.add(layers.MaxPooling2D())
        if normalized:
            model.add(layers.BatchNormalization(momentum=0.9))
        model.add(layers.ReLU())
        if between and not last:
            model.add(between())
    model.add(layers.Flatten())
    if dropout:
        model.add(layers.Dropout(dropout))
    model.add(output_layer(classes))
    return model
