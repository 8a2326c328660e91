"""Networks that answer with a class for each pixel: down to small maps, and up again to the size of the image."""

from itertools import pairwise

import keras
from keras import layers

#: Where a trained base is tapped, from the largest maps to the smallest: the last maps before each halving. Of
#: EfficientNet-Lite, the narrow ones, behind the projection.
TAPS = {
    "efficientnet_lite0": ("block1a_project_bn", "block2b_add", "block3b_add", "block5c_add", "block7a_project_bn"),
    "efficientnet_lite1": ("block1a_project_bn", "block2c_add", "block3c_add", "block5d_add", "block7a_project_bn"),
    "efficientnet_lite2": ("block1a_project_bn", "block2c_add", "block3c_add", "block5d_add", "block7a_project_bn"),
    "vgg16": ("block1_conv2", "block2_conv2", "block3_conv3", "block4_conv3", "block5_conv3"),
    "small_vgg": ("block1_conv2", "block2_conv2", "block3_conv3", "block4_conv3", "block5_conv3"),
}


def segmenter(
    input_shape=(128, 128, 3),
    classes=3,
    filters=(32, 64, 128, 256),
    skips=False,
    upsampling="transposed",
    base=None,
    taps=None,
):
    """An encoder that halves the image step by step, and a decoder that doubles it as often: a class for each pixel.

    Parameters
    ----------
    input_shape : (int, int, 3)
        Height, width and channels. Height and width can be halved once for each of the filters, or each tap below full
        size.
    classes : int
        Two or more; the last layer is a softmax over them.
    filters : sequence of int
        Of the encoder's steps, each of which halves the maps; the decoder has the same ones backwards. With a base, of
        the decoder's steps, from the smallest maps to the largest.
    skips : bool
        Give each step of the decoder the encoder's maps of the same size too. With a base there always are.
    upsampling : {"transposed", "bilinear"}
        How the decoder doubles: a `Conv2DTranspose` of stride 2 and 3 by 3, or a bilinear enlargement in front of a
        convolution. With a base it is bilinear.
    base : keras.Model, optional
        A trained encoder without pooling, such as ``pretrained_base(name, input_shape, pooling=None)`` gives. It is one
        layer of the segmenter, by its own name, and learns unless you freeze it.
    taps : sequence of str, optional
        Names of the base's layers whose maps the decoder gets, from the largest maps to the smallest. By default those
        in `TAPS`.

    Returns
    -------
    keras.Model
        Uncompiled. It takes images as they are stored, uint8 or float from 0 to 255, and gives probabilities,
        ``(N, height, width, classes)``; loss ``"sparse_categorical_crossentropy"`` with labels
        ``(N, height, width)`` from 0.

    Raises
    ------
    ValueError
        An argument that cannot be, a size that does not come back after halving, or a base without such layers.

    Notes
    -----
    The networks without skips are those of Chollet (2021), Deep Learning with Python, section 9.2, with batch
    normalisation; with skips, Ronneberger et al. (2015). The decoder on a base has separable convolutions, as that of
    Chen et al. (2018), DeepLabv3+. Taught in chapter 10, Segmentation.

    Examples
    --------
    >>> segmenter((96, 96, 3)).output_shape
    (None, 96, 96, 3)
    >>> from course_utils import models
    >>> base = models.pretrained_base("small_vgg", (64, 64, 3), pooling=None)
    >>> segmenter((64, 64, 3), classes=2, filters=(32, 32, 16, 16), base=base).output_shape
    (None, 64, 64, 2)
    """
    _check(input_shape, classes, filters, upsampling)
    inputs = keras.Input(input_shape, name="images")
    if base is None:
        x = _scratch(inputs, filters, skips, upsampling)
    else:
        x = _on_base(inputs, filters, base, taps)
    outputs = layers.Conv2D(classes, 3, padding="same", activation="softmax", dtype="float32", name="classes")(x)
    name = f"segmenter_on_{base.name}" if base is not None else "unet" if skips else "segmenter"
    return keras.Model(inputs, outputs, name=name)


def unet(input_shape=(128, 128, 3), classes=3, filters=(32, 64, 128, 256), upsampling="transposed"):
    """A small U-Net: `segmenter` with skip connections, by the name under which it is known.

    Parameters
    ----------
    input_shape, classes, filters, upsampling
        As for `segmenter`.

    Returns
    -------
    keras.Model

    Notes
    -----
    Ronneberger et al. (2015), figure 1, with fewer filters, strided convolutions in the place of pooling, and zeros
    around the maps so that the answer is as large as the image. Taught in chapter 10, Segmentation.

    Examples
    --------
    >>> unet((64, 64, 3)).count_params() > segmenter((64, 64, 3)).count_params()
    True
    """
    return segmenter(input_shape, classes, filters, skips=True, upsampling=upsampling)


def tapped(base, taps=None):
    """The base as a model that gives the maps of several of its layers, from the largest to the smallest.

    Parameters
    ----------
    base : keras.Model
        Functional, without pooling.
    taps : sequence of str, optional
        Names of layers; by default those in `TAPS`.

    Returns
    -------
    keras.Model
        With the base's layers and its name: weights are shared, not copied.

    Raises
    ------
    ValueError
        There is no default for this base, or no layer of such a name; or maps that are not each smaller by a half than
        the ones before.

    Notes
    -----
    Taught in chapter 10, Segmentation.

    Examples
    --------
    >>> from course_utils import models
    >>> base = models.pretrained_base("small_vgg", (64, 64, 3), pooling=None)
    >>> [maps.shape[1] for maps in tapped(base).outputs]
    [64, 32, 16, 8, 4]
    """
    if taps is None and base.name not in TAPS:
        raise ValueError(
            f"tapped: there are no taps of {base.name!r} by default, only of {', '.join(TAPS)}. Name layers of it: "
            "taps=(...), from the largest maps to the smallest."
        )
    taps = tuple(TAPS[base.name] if taps is None else taps)
    names = {layer.name for layer in base.layers}
    unknown = [name for name in taps if name not in names]
    if unknown or not taps:
        raise ValueError(f"tapped: {base.name!r} has no layer {', '.join(unknown) or '()'}; its summary() lists them.")
    maps = [base.get_layer(name).output for name in taps]
    sizes = [tuple(each.shape[1:3]) if len(each.shape) == 4 else None for each in maps]
    halved = all(a and b and all(x == 2 * y for x, y in zip(a, b, strict=True)) for a, b in pairwise(sizes))
    if None in sizes or not halved:
        raise ValueError(
            f"tapped: the maps of {', '.join(taps)} have sizes {sizes}; expected each half as large as the one before. "
            "Take an input_shape that can be halved so often, such as multiples of 32, and taps from large to small."
        )
    return keras.Model(base.inputs, maps, name=base.name)


@keras.saving.register_keras_serializable("course_utils")
class PixelLoss(keras.losses.Loss):
    """Cross-entropy of each pixel, Dice of each class, or a sum of both, for labels that are numbers of classes.

    Parameters
    ----------
    dice : float
        Weight of the Dice loss: 1 minus Dice of each class over all pixels of the batch, averaged over the classes.
    crossentropy : float
        Weight of the mean cross-entropy of the pixels.

    Notes
    -----
    Milletari et al. (2016), V-Net, section 3, without the squares. `keras.losses.Dice` wants labels one-hot; this one
    makes them so. A class that no pixel of the batch has costs 1 minus 0 however well the others are found. Taught in
    chapter 10, Segmentation.

    Examples
    --------
    >>> import numpy as np
    >>> half = np.full((1, 2, 2, 2), 0.5, "float32")
    >>> float(PixelLoss()(np.array([[[0, 0], [1, 1]]]), half))
    0.5
    """

    def __init__(self, dice=1.0, crossentropy=0.0, name="pixel_loss", **options):
        super().__init__(name=name, **options)
        self.dice, self.crossentropy = dice, crossentropy

    def call(self, y_true, y_pred):
        labels = keras.ops.cast(y_true, "int32")
        one_hot = keras.ops.one_hot(labels, y_pred.shape[-1], dtype=y_pred.dtype)
        loss = self.dice * keras.ops.mean(keras.losses.dice(one_hot, y_pred, axis=(0, 1, 2)))
        if self.crossentropy:
            loss += self.crossentropy * keras.ops.mean(keras.losses.sparse_categorical_crossentropy(labels, y_pred))
        return loss

    def get_config(self):
        return {**super().get_config(), "dice": self.dice, "crossentropy": self.crossentropy}


def _scratch(inputs, filters, skips, upsampling):
    x = layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    before = []
    for width in filters:
        before.append(x)
        x = _convolution(x, width, strides=2)
        x = _convolution(x, width)
    for number, width in enumerate(reversed(filters)):
        x = _doubled(x, width, upsampling)
        if skips and number < len(filters) - 1:  # the last one would be the image itself
            x = layers.Concatenate()([x, before[-1 - number]])
        x = _convolution(x, width)
    return x


def _on_base(inputs, filters, base, taps):
    maps = tapped(base, taps)
    if tuple(maps.input_shape[1:]) != tuple(inputs.shape[1:]):
        raise ValueError(
            f"segmenter: the base takes images of {maps.input_shape[1:]}, not of {tuple(inputs.shape[1:])}; make it "
            "with that input_shape."
        )
    *larger, x = maps(inputs)
    larger = larger[::-1]
    if len(filters) < len(larger):
        raise ValueError(
            f"segmenter: filters has {len(filters)} numbers; the decoder on {len(larger) + 1} taps has "
            f"{len(larger)} steps, and one more for each doubling behind the largest maps."
        )
    for number, width in enumerate(filters):
        if number >= len(larger) and x.shape[1] == inputs.shape[1]:
            break
        x = layers.UpSampling2D(2, interpolation="bilinear")(x)
        if number < len(larger):
            x = layers.Concatenate()([x, larger[number]])
        x = _convolution(x, width, kind=layers.SeparableConv2D)
    while x.shape[1] < inputs.shape[1]:
        x = layers.UpSampling2D(2, interpolation="bilinear")(x)
    return x


def _convolution(x, filters, strides=1, kind=layers.Conv2D):
    x = kind(filters, 3, strides=strides, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    return layers.ReLU()(x)


def _doubled(x, filters, upsampling):
    if upsampling == "transposed":
        return _convolution(x, filters, strides=2, kind=layers.Conv2DTranspose)
    return layers.UpSampling2D(2, interpolation="bilinear")(x)


def _check(input_shape, classes, filters, upsampling):
    sides = tuple(input_shape)[:2]
    if len(input_shape) != 3 or any(not isinstance(side, int) or side < 1 for side in sides):
        raise ValueError(f"segmenter: input_shape is {input_shape!r}; it must be (height, width, channels).")
    if not isinstance(classes, int) or classes < 2:
        raise ValueError(f"segmenter: classes is {classes!r}; it must be 2 or more: background is a class too.")
    if not filters:
        raise ValueError("segmenter: filters is empty; give a number for each halving, such as (32, 64, 128).")
    if upsampling not in ("transposed", "bilinear"):
        raise ValueError(f"segmenter: upsampling is {upsampling!r}; it must be 'transposed' or 'bilinear'.")
    if any(side % 2 ** len(filters) for side in sides):
        raise ValueError(
            f"segmenter: {sides[0]} by {sides[1]} pixels cannot be halved {len(filters)} times; the answer would have "
            f"another size than the image. Take multiples of {2 ** len(filters)}, or fewer filters."
        )
