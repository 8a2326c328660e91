"""The blocks of chapter 11, and what is built of them: a small Xception and a residual network of any depth."""

import keras
from keras import layers

from .ends import as_layers, output_layer


def _normalisation():
    return layers.BatchNormalization(momentum=0.9)


def _shape(x, function):
    """Rows, columns and channels of what a block is given."""
    shape = tuple(getattr(x, "shape", ()))
    if len(shape) != 4 or not isinstance(shape[-1], int):
        raise ValueError(
            f"{function}: x has the shape {shape}; it must be (batch, height, width, channels), the output of another "
            "layer or of keras.Input."
        )
    return shape[1:]


def _positive(function, **numbers):
    for name, value in numbers.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{function}: {name} is {value!r}; it must be a whole number from 1.")


def _shortcut(x, filters, strides, normalized=False):
    """The way past a block: untouched where the shapes allow it, else a projection, a convolution of 1 by 1."""
    if strides == 1 and x.shape[-1] == filters:
        return x
    x = layers.Conv2D(filters, 1, strides=strides, padding="same", use_bias=False)(x)
    return _normalisation()(x) if normalized else x


def residual_block(x, filters, strides=1, residual=True, normalized=True):
    """Two 3x3 convolutions whose result is added to their input: ReLU(F(x) + x).

    Parameters
    ----------
    x : keras tensor, shape (batch, height, width, channels)
    filters : int
        Of both convolutions.
    strides : int
        Of the first. Where it is not 1, or ``x`` has another number of channels, the shortcut is a *projection*, a
        convolution of 1 by 1 with the same stride.
    residual : bool
        Without it nothing is added: the plain stack of the same two convolutions.
    normalized : bool
        Batch normalisation behind each convolution, which then has no bias.

    Returns
    -------
    keras tensor, shape (batch, ceil(height / strides), ceil(width / strides), filters)

    Raises
    ------
    ValueError
        ``x`` is no stack of feature maps, or a number is not a whole number from 1.

    Notes
    -----
    He et al. (2016), Deep residual learning for image recognition, section 3. Taught in chapter 11, Modern blocks.

    Examples
    --------
    >>> x = keras.Input((32, 32, 16))
    >>> keras.Model(x, residual_block(x, 16)).count_params()
    4736
    >>> residual_block(x, 32, strides=2).shape
    (None, 16, 16, 32)
    """
    _shape(x, "residual_block")
    _positive("residual_block", filters=filters, strides=strides)
    y = x
    for number, stride in enumerate((strides, 1)):
        y = layers.Conv2D(
            filters, 3, strides=stride, padding="same", use_bias=not normalized, kernel_initializer="he_normal"
        )(y)
        if normalized:
            y = _normalisation()(y)
        if number == 0:
            y = layers.ReLU()(y)
    if residual:
        y = layers.Add()([y, _shortcut(x, filters, strides, normalized)])
    return layers.ReLU()(y)


def separable_block(x, filters, strides=2, residual=True, separable=True):
    """Twice batch normalisation, ReLU and a separable convolution; then pooling; added to a projection of the input.

    Parameters
    ----------
    x : keras tensor, shape (batch, height, width, channels)
        Not activated yet: the block begins with normalisation and ReLU.
    filters : int
        Of both convolutions.
    strides : int
        Of the pooling, maxima over 3 by 3, and of the shortcut; 1 for a block without pooling.
    residual : bool
        Without it nothing is added.
    separable : bool
        Without it both convolutions are ordinary ones.

    Returns
    -------
    keras tensor, shape (batch, ceil(height / strides), ceil(width / strides), filters)
        Not activated.

    Raises
    ------
    ValueError
        ``x`` is no stack of feature maps, or a number is not a whole number from 1.

    Notes
    -----
    Chollet (2017), Xception: deep learning with depthwise separable convolutions, figure 5, with normalisation and ReLU
    before each convolution (He et al. 2016, Identity mappings in deep residual networks). Taught in chapter 11, Modern
    blocks.

    Examples
    --------
    >>> x = keras.Input((48, 48, 32))
    >>> keras.Model(x, separable_block(x, 64)).count_params()
    9440
    >>> separable_block(x, 64).shape
    (None, 24, 24, 64)
    """
    _shape(x, "separable_block")
    _positive("separable_block", filters=filters, strides=strides)
    convolution = layers.SeparableConv2D if separable else layers.Conv2D
    y = x
    for _ in range(2):
        y = layers.ReLU()(_normalisation()(y))
        y = convolution(filters, 3, padding="same", use_bias=False)(y)
    if strides > 1:
        y = layers.MaxPooling2D(3, strides=strides, padding="same")(y)
    return layers.Add()([y, _shortcut(x, filters, strides)]) if residual else y


def _images(input_shape, augmentation, function, smallest):
    """The beginning of a network: its input, and that input changed while it trains and brought into range."""
    sides = tuple(input_shape)[:2]
    if len(input_shape) != 3 or any(not isinstance(side, int) or side < smallest for side in sides):
        raise ValueError(
            f"{function}: input_shape is {tuple(input_shape)!r}; it must be (height, width, channels), at least "
            f"{smallest} by {smallest} with these filters. Load larger images, or give fewer filters."
        )
    images = x = keras.Input(input_shape)
    for layer in as_layers(augmentation, f"{function}: augmentation"):
        x = layer(x)
    return images, layers.Rescaling(1 / 127.5, offset=-1)(x)


def mini_xception(
    input_shape=(128, 128, 3),
    classes=2,
    filters=(32, 32, 64, 128, 256, 512),
    augmentation=(),
    dropout=0.5,
    residual=True,
    separable=True,
):
    """A small Xception: one convolution, five separable blocks, global average pooling; 722,369 parameters.

    Parameters
    ----------
    input_shape : tuple of int
        (height, width, channels).
    classes : int
        For two, the output is one probability, of class 1 (loss ``"binary_crossentropy"``); for more, one a class
        (``"sparse_categorical_crossentropy"``).
    filters : sequence of int
        Of the first convolution, which has a stride of 2, then of each block, which halves height and width.
    augmentation : keras layer or sequence of them
        Changes images while the network trains; it sees pixels from 0 to 255.
    dropout : float
        Share of the averaged features that is dropped while the network trains.
    residual, separable : bool
        As in `separable_block`.

    Returns
    -------
    keras.Model
        Uncompiled. It takes images as they are stored, uint8 or float from 0 to 255.

    Raises
    ------
    ValueError
        Images too small for the blocks, or an argument that cannot be.

    Notes
    -----
    After Chollet (2021), Deep Learning with Python, section 9.3, with a stride in the first convolution. Taught in
    chapter 11, Modern blocks.

    Examples
    --------
    >>> mini_xception().count_params()
    722369
    >>> mini_xception((180, 180, 3), classes=10).output_shape
    (None, 10)
    """
    images, x = _images(input_shape, augmentation, "mini_xception", 2 ** len(filters))
    x = layers.Conv2D(filters[0], 3, strides=2, padding="same", use_bias=False)(x)
    for width in filters[1:]:
        x = separable_block(x, width, residual=residual, separable=separable)
    x = layers.ReLU()(_normalisation()(x))
    x = layers.GlobalAveragePooling2D()(x)
    if dropout:
        x = layers.Dropout(dropout)(x)
    return keras.Model(images, output_layer(classes)(x), name="mini_xception")


def residual_network(
    input_shape=(32, 32, 3), classes=2, depth=20, filters=(16, 32, 64), residual=True, normalized=True
):
    """A stack of residual blocks of any depth, or the same stack without shortcuts.

    Parameters
    ----------
    input_shape : tuple of int
        (height, width, channels).
    classes : int
        As in `mini_xception`.
    depth : int
        Layers with weights on the longest way: one convolution, as many blocks of two for each of ``filters``, and the
        last layer. With three widths 8, 14, 20 and so on.
    filters : sequence of int
        Of the first convolution and the first stage, then of each stage, which begins with a stride of 2.
    residual, normalized : bool
        As in `residual_block`.

    Returns
    -------
    keras.Model
        Uncompiled. It takes images as they are stored.

    Raises
    ------
    ValueError
        No whole number of blocks gives this depth, or an argument that cannot be.

    Notes
    -----
    He et al. (2016), section 4.2, with projections. Taught in chapter 11, Modern blocks.

    Examples
    --------
    >>> plain, residual = (residual_network(depth=44, residual=each) for each in (False, True))
    >>> residual.count_params() - plain.count_params()  # the two projections, with their normalisations
    2944
    """
    stage = 2 * len(filters)
    blocks, rest = divmod(depth - 2, stage)
    if blocks < 1 or rest:
        possible = ", ".join(str(2 + count * stage) for count in (1, 2, 3))
        raise ValueError(f"residual_network: depth is {depth!r}; with {len(filters)} widths it can be {possible}, ...")
    images, x = _images(input_shape, (), "residual_network", 2 ** (len(filters) - 1))
    x = layers.Conv2D(filters[0], 3, padding="same", use_bias=not normalized, kernel_initializer="he_normal")(x)
    if normalized:
        x = _normalisation()(x)
    x = layers.ReLU()(x)
    for number, width in enumerate(filters):
        for block in range(blocks):
            strides = 2 if number and not block else 1
            x = residual_block(x, width, strides, residual, normalized)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(images, output_layer(classes)(x), name=f"{'residual' if residual else 'plain'}_{depth}")
