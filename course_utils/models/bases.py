"""Any trained network without its top, by name: the beginning of every transfer."""

from functools import partial

from . import weights as trained


def _vgg(function, **options):
    from . import vgg

    return getattr(vgg, function)(**options)


def _lite(variant, **options):
    from .efficientnet import efficientnet_lite

    return efficientnet_lite(variant, include_top=False, **options)


def _keras(function, name, size, rescaling=None, input_shape=None, pooling=None):
    """One of `keras.applications`, its preprocessing inside."""
    import keras

    found = trained.find(f"{name}_notop")
    # Keras loads the file itself, since it builds another network where it does not (EfficientNet has a layer more with
    # these weights). It looks for the file among its downloads only, so one of a mirror is put there.
    keras.utils.get_file(
        found.file.name,
        found.path.as_uri(),
        cache_subdir="models",
        file_hash=found.file.checksum.partition(":")[2],
    )
    inputs = keras.Input(input_shape or (size, size, 3))
    x = keras.layers.Rescaling(*rescaling, name="rescaling")(inputs) if rescaling else inputs
    base = getattr(keras.applications, function)(include_top=False, weights="imagenet", input_tensor=x, pooling=pooling)
    return keras.Model(inputs, base.output, name=name)


# x / 127.5 - 1, which keras.applications leaves to preprocess_input; EfficientNet has its own inside.
_TO_ONE = (1 / 127.5, -1.0)

_BUILDERS = {
    "vgg16": partial(_vgg, "vgg16"),
    "small_vgg": partial(_vgg, "small_vgg"),
    "efficientnet_lite0": partial(_lite, "lite0"),
    "efficientnet_lite1": partial(_lite, "lite1"),
    "efficientnet_lite2": partial(_lite, "lite2"),
    "efficientnetb0": partial(_keras, "EfficientNetB0", "efficientnetb0", 224),
    "efficientnetb2": partial(_keras, "EfficientNetB2", "efficientnetb2", 260),
    "efficientnetb4": partial(_keras, "EfficientNetB4", "efficientnetb4", 380),
    "inception_resnet_v2": partial(_keras, "InceptionResNetV2", "inception_resnet_v2", 299, _TO_ONE),
    "xception": partial(_keras, "Xception", "xception", 299, _TO_ONE),
}
#: Names of all bases that there are.
BASES = tuple(_BUILDERS)


def pretrained_base(name, input_shape=None, pooling="avg"):
    """A trained network without its top, by name.

    Parameters
    ----------
    name : str
        One of `BASES`: ``"vgg16"``, ``"efficientnet_lite0"``, ``"efficientnet_lite1"``, ``"efficientnet_lite2"``,
        ``"efficientnetb0"``, ``"efficientnetb2"``, ``"efficientnetb4"``, ``"inception_resnet_v2"``, ``"xception"``,
        trained on ImageNet; ``"small_vgg"``, trained on drawn textures.
    input_shape : (int, int, 3), optional
        (height, width, channels); by default the size that the network was trained at. Others work with the same
        weights.
    pooling : {"avg", "max", None}
        The mean or the maximum of each feature map, a vector an image; or the maps.

    Returns
    -------
    keras.Model
        Uncompiled. It takes images as they are stored, uint8 or float from 0 to 255, RGB, NHWC, whichever network it
        is: the preprocessing that it was trained with is part of it.

    Raises
    ------
    WeightsUnavailable
        Its weights are found nowhere. The message says where they were looked for, and what helps, in order. There is
        never an untrained network in their place.
    ValueError
        No base has that name, or an argument cannot be.

    Notes
    -----
    Where the weights come from: `course_utils.models.weights.find`. Used from chapter 08, Feature extraction, on;
    chapter 09, Fine-tuning, compares them.

    Examples
    --------
    >>> base = pretrained_base("small_vgg", input_shape=(96, 96, 3))
    >>> base.input_shape, base.output_shape
    ((None, 96, 96, 3), (None, 64))
    >>> pretrained_base("alexnet")
    Traceback (most recent call last):
    ...
    ValueError: There is no base 'alexnet'; there are vgg16, small_vgg, efficientnet_lite0, ...
    """
    if name not in BASES:
        raise ValueError(f"There is no base {name!r}; there are {', '.join(BASES)}.")
    return _BUILDERS[name](input_shape=input_shape, pooling=pooling)
