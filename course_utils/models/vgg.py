"""VGG16, layer by layer, with Keras' names, so that weights that Keras wrote fit it; and an eighth as wide."""

from functools import partial

import keras
from keras import layers

from . import weights as trained
from .shapes import is_image_shape

# Means of red, green and blue over ImageNet, which the authors subtract. Their network sees blue first.
MEANS_BGR = (103.939, 116.779, 123.68)


def vgg16(
    include_top=False,
    weights="imagenet",
    input_shape=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name="vgg16",
):
    """VGG16: thirteen 3x3 convolutions in five blocks, each block half as large and up to 512 filters wide.

    Parameters
    ----------
    include_top : bool
        With the three dense layers, 123,642,856 of the 138,357,544 weights; or up to the last feature maps.
    weights : str, path or None
        ``"imagenet"``: trained, wherever `course_utils.models.weights.find` finds them; that says which they are, too.
        None: a new network. A path: weights that Keras saved.
    input_shape : (int, int, 3), optional
        (height, width, channels); by default 224 by 224. Without the top, any size from 32 pixels, also
        ``(None, None, 3)``; with the trained top, 224 by 224.
    pooling : {None, "avg", "max"}
        Without the top: feature maps, or their mean or maximum, 512 numbers an image.
    classes : int
        Of a new top; 1,000 with trained weights.
    classifier_activation : str or None
        ``"softmax"`` for probabilities, None for logits.
    name : str

    Returns
    -------
    keras.Model
        Functional, uncompiled. It takes images as they are stored, uint8 or float from 0 to 255, RGB, NHWC: its first
        layers exchange red and blue and subtract the means.

    Raises
    ------
    WeightsUnavailable
        The trained weights are found nowhere; the message says what to do.
    ValueError
        An argument that cannot be, or weights that are not VGG16's.

    Notes
    -----
    Simonyan and Zisserman (2015), configuration D. Taught in chapter 08, Feature extraction.

    Examples
    --------
    >>> vgg16(weights=None, input_shape=(180, 180, 3)).output_shape
    (None, 5, 5, 512)
    >>> vgg16(weights=None).count_params()
    14714688
    """
    _check_pooling("vgg16", pooling)
    trained_top = include_top and isinstance(weights, str) and weights == "imagenet"
    if trained_top and classes != 1000:
        raise ValueError(
            f"vgg16: classes is {classes}, but the trained top has 1,000. For classes of your own, take "
            "include_top=False and put a classifier on it."
        )
    input_shape = _input_shape("vgg16", input_shape or (224, 224, 3), include_top, trained_top)
    file = trained.chosen(weights, "vgg16" if include_top else "vgg16_notop")  # before anything is built
    first = trained.first_values(file)
    dense = partial(layers.Dense, kernel_initializer=first)

    inputs = keras.Input(input_shape)
    x = _blocks(inputs, first)
    if include_top:
        x = layers.Flatten(name="flatten")(x)
        x = dense(4096, activation="relu", name="fc1")(x)
        x = dense(4096, activation="relu", name="fc2")(x)
        x = dense(classes, activation=classifier_activation, dtype="float32", name="predictions")(x)
    else:
        x = _pooled(x, pooling)

    model = keras.Model(inputs, x, name=name)
    if file is None:
        return model
    trained.load_keras(model, file)
    return trained.keep_initializers(model)


def small_vgg(weights="textures", input_shape=None, pooling=None, name="small_vgg"):
    """VGG16 without its top, an eighth as wide: 230,568 weights, which come with the course.

    It was trained on drawn textures (`course_utils.models.pretraining`) and stands in for VGG16 where images are drawn,
    so that transfer can be seen to help even there: from 200 drawn images a logistic regression on its features tells
    two shapes that it has never seen apart in 0.98 of 500 others, the same network trained from scratch in 0.77
    (``benchmarks/small_vgg.py``). Of photographs it knows nothing.

    Parameters
    ----------
    weights : str, path or None
        ``"textures"``: trained. None: a new network. A path: weights that Keras saved.
    input_shape : (int, int, 3), optional
        (height, width, channels); by default the 64 by 64 pixels that it was trained at. Any size from 32 pixels, also
        ``(None, None, 3)``.
    pooling : {None, "avg", "max"}
        Feature maps, or their mean or maximum, 64 numbers an image.
    name : str

    Returns
    -------
    keras.Model
        Functional, uncompiled. It takes images as they are stored, uint8 or float from 0 to 255, RGB, NHWC. Layers have
        the names of VGG16's.

    Raises
    ------
    WeightsUnavailable
        The file of the weights is damaged or gone; the message says what to do.
    ValueError
        An argument that cannot be, or weights that are not this network's.

    Notes
    -----
    Thirteen layers without batch normalisation begin as He et al. (2015) say, or training from scratch would not start.
    Used from chapter 08, Feature extraction, on, at the smoke profile.

    Examples
    --------
    >>> base = small_vgg(pooling="avg")
    >>> base.count_params(), base.output_shape
    (230568, (None, 64))
    """
    _check_pooling("small_vgg", pooling)
    input_shape = _input_shape("small_vgg", input_shape or (64, 64, 3))
    file = trained.chosen(weights, "small_vgg", pretrained="textures")
    inputs = keras.Input(input_shape)
    x = _blocks(inputs, trained.first_values(file, "he_normal"), narrower=8, scale=1 / 64)
    model = keras.Model(inputs, _pooled(x, pooling), name=name)
    if file is None:
        return model
    trained.load_keras(model, file)
    return trained.keep_initializers(model, "he_normal")


def _blocks(images, first, narrower=1, scale=1.0):
    """Preprocessing, then the five blocks, each with this part of VGG16's filters."""

    def conv(filters, name):
        return layers.Conv2D(
            filters // narrower, 3, activation="relu", padding="same", kernel_initializer=first, name=name
        )

    x = keras.ops.flip(images, axis=-1)
    x = layers.Rescaling(scale, offset=[-scale * mean for mean in MEANS_BGR], name="minus_means")(x)

    x = conv(64, name="block1_conv1")(x)
    x = conv(64, name="block1_conv2")(x)
    x = layers.MaxPooling2D(2, name="block1_pool")(x)

    x = conv(128, name="block2_conv1")(x)
    x = conv(128, name="block2_conv2")(x)
    x = layers.MaxPooling2D(2, name="block2_pool")(x)

    x = conv(256, name="block3_conv1")(x)
    x = conv(256, name="block3_conv2")(x)
    x = conv(256, name="block3_conv3")(x)
    x = layers.MaxPooling2D(2, name="block3_pool")(x)

    x = conv(512, name="block4_conv1")(x)
    x = conv(512, name="block4_conv2")(x)
    x = conv(512, name="block4_conv3")(x)
    x = layers.MaxPooling2D(2, name="block4_pool")(x)

    x = conv(512, name="block5_conv1")(x)
    x = conv(512, name="block5_conv2")(x)
    x = conv(512, name="block5_conv3")(x)
    return layers.MaxPooling2D(2, name="block5_pool")(x)


def _pooled(x, pooling):
    if pooling == "avg":
        return layers.GlobalAveragePooling2D(name="avg_pool")(x)
    if pooling == "max":
        return layers.GlobalMaxPooling2D(name="max_pool")(x)
    return x


def _check_pooling(network, pooling):
    if pooling not in (None, "avg", "max"):
        raise ValueError(f"{network}: pooling is {pooling!r}; it must be None, 'avg' or 'max'.")


def _input_shape(network, shape, include_top=False, trained_top=False):
    if not is_image_shape(shape) or shape[2] != 3:
        raise ValueError(
            f"{network}: input_shape is {shape!r}; it must be (height, width, 3), at least 32 by 32. Of grey images, "
            "repeat the channel: numpy.repeat(images, 3, axis=-1)."
        )
    shape = tuple(shape)
    if (include_top and None in shape) or (trained_top and shape[:2] != (224, 224)):
        raise ValueError(
            f"vgg16: input_shape is {shape}, but the dense layers of the top see a fixed number of feature maps: "
            f"{'224 by 224 pixels with trained weights' if trained_top else 'height and width must be numbers'}."
        )
    return shape
