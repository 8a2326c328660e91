"""What is inside a network: the filters that it has learned, and the feature maps that they make of images."""

import math

import keras
import numpy as np

from ..arithmetic.exact import is_exactly
from ..arithmetic.views import is_a
from .gradients import check_repeatable
from .inputs import as_float, checked_batch_size, checked_images, checked_model, untracked
from .opened import Opened, opened

_LIMIT = 4 * 2**30  # bytes; what Colab and most laptops have to spare
_CONVOLUTIONS = ("Conv2D", "Conv2DTranspose", "DepthwiseConv2D", "SeparableConv2D")


def activations(model, images, layers=None, batch_size=32):
    """The outputs of layers for some images.

    Parameters
    ----------
    model : keras.Model
        One input of images, one output of scores, made of layers (Sequential or functional), models inside it
        included. It is not changed.
    images : array, shape (images, height, width, channels)
        In the range that the model expects.
    layers : str, keras.Layer, sequence of them, or None
        Any layers; None for all convolutions. Names are those of `course_utils.explain.grad_cam`.
    batch_size : int
        Images at a time. Of each batch only the outputs that were asked for are kept.

    Returns
    -------
    dict
        From the name of each layer, in the network's order, to an ndarray of float32: shape (images, height, width,
        channels) where it puts out feature maps. Those of one image, ``[0]``, are what
        `course_utils.plots.feature_map_grid` draws.

    Raises
    ------
    TypeError, ValueError
        The model and the images do not fit together, there is no such layer, or it puts out NaN; the network is random
        where it predicts, or mixes the images of a batch.
    MemoryError
        The result would take more than 4 GiB.

    Notes
    -----
    Layers act as they do in prediction. Taught in chapter 12, Input masking.

    Examples
    --------
    >>> import keras
    >>> import numpy as np
    >>> model = keras.Sequential([
    ...     keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3, name="conv"), keras.layers.MaxPooling2D(name="pool"),
    ...     keras.layers.Flatten(), keras.layers.Dense(2),
    ... ])
    >>> {name: maps.shape for name, maps in activations(model, np.ones((5, 8, 8, 3)), ["conv", "pool"]).items()}
    {'conv': (5, 6, 6, 4), 'pool': (5, 3, 3, 4)}
    """
    model = checked_model(model)
    images = checked_images(model, images)
    batch_size = checked_batch_size(batch_size)
    network = opened(model)
    if layers is None:
        steps = [step for step in network.maps() if is_a(step.layer, *_CONVOLUTIONS)] or [network.find()]
    else:
        wanted = layers if isinstance(layers, (list, tuple)) else [layers]
        if not wanted:
            raise ValueError("layers is empty; name at least one layer, or give None for all convolutions.")
        names = {network.find(layer, a_map=False).name for layer in wanted}
        steps = [step for step in network.steps if step.name in names]
    check_repeatable(network, images)
    found = {}
    for start in range(0, len(images), batch_size):
        part = slice(start, start + batch_size)
        with untracked():
            _, outputs = network.run(images[part], keep=steps)
        if not found:
            found = _room_for(outputs, [step.name for step in steps], len(images))
        for name, room in found.items():
            room[part] = as_float(outputs[name])
            finite = np.isfinite(room[part]).reshape(len(room[part]), -1).all(axis=1)
            if not finite.all():
                raise ValueError(
                    f"the layer {name!r} of {model.name!r} puts out NaN or infinity for image "
                    f"{start + int(finite.argmin())}. Look at the model's weights: did its training fail?"
                )
    return found


def _room_for(outputs, names, count):
    shapes = {name: (count, *outputs[name].shape[1:]) for name in names}
    size = 4 * sum(math.prod(shape) for shape in shapes.values())
    if size > _LIMIT:
        largest = max(shapes, key=lambda name: math.prod(shapes[name]))
        raise MemoryError(
            f"the outputs of {len(names)} layers for {count} images take {size / 2**30:.1f} GiB, that of {largest!r} "
            f"most of all, shape {shapes[largest]}; at most {_LIMIT / 2**30:.0f} GiB are allowed. Give fewer images, "
            "or name fewer layers."
        )
    return {name: np.empty(shape, "float32") for name, shape in shapes.items()}


def filters(model, layer=None):
    """The kernels of a convolution.

    Parameters
    ----------
    model : keras.Model
        Made of layers (Sequential or functional), models inside it included.
    layer : str, keras.Layer or None
        A Conv2D, Conv2DTranspose, DepthwiseConv2D or SeparableConv2D (of which the filters in space are given); None
        for the first of them, whose filters see colours. Names are those of `course_utils.explain.grad_cam`.

    Returns
    -------
    ndarray of float32, shape (height, width, depth, filters)
        In the order that `course_utils.plots.filter_grid` draws, which scales them for the picture. A filter of a
        depthwise convolution sees one channel: depth is 1, and they come channel by channel.

    Raises
    ------
    TypeError, ValueError
        There is no such layer, or it is no convolution, or one derived from Keras' that may compute with other kernels.

    Notes
    -----
    Taught in chapter 12, Input masking.

    Examples
    --------
    >>> import keras
    >>> model = keras.Sequential([
    ...     keras.Input((8, 8, 3)), keras.layers.Conv2D(4, (3, 5)), keras.layers.Flatten(), keras.layers.Dense(2)
    ... ])
    >>> filters(model).shape
    (3, 5, 3, 4)
    """
    network = Opened(checked_model(model))
    convolutions = [step for step in network.maps() if _is_convolution(step.layer)]
    if layer is not None:
        step = network.find(layer)
        if not _is_convolution(step.layer):
            names = ", ".join(one.name for one in convolutions[:6])
            raise ValueError(
                f"the layer {step.name!r} is a {type(step.layer).__name__}, which has no filters; the first "
                f"convolutions are: {names}."
            )
    elif not convolutions:
        raise ValueError(f"{model.name!r} has no convolution, so it has no filters.")
    else:
        step = convolutions[0]
    if not is_exactly(step.layer, *_CONVOLUTIONS):
        raise ValueError(
            f"the layer {step.name!r} is a {type(step.layer).__name__}, derived from a convolution of Keras' or "
            "changed: it may compute with other kernels than those that it stores. Ask it for them itself."
        )
    return _kernels(step.layer)


def _is_convolution(layer):
    """Whether a layer is a convolution of Keras', or derives from one, whatever it makes of that."""
    kinds = [base for base in type(layer).__mro__ if base.__module__.partition(".")[0] == "keras"]
    return any(kind.__name__ in _CONVOLUTIONS for kind in kinds)


def _kernels(layer):
    separate = is_a(layer, "DepthwiseConv2D", "SeparableConv2D")
    weights = getattr(layer, "depthwise_kernel", None) if is_a(layer, "SeparableConv2D") else layer.kernel
    kernels = keras.ops.convert_to_numpy(weights).astype("float32")
    if separate:  # (height, width, channels, filters of each channel)
        return kernels.reshape(*kernels.shape[:2], 1, -1)
    if is_a(layer, "Conv2DTranspose"):  # (height, width, filters, depth)
        return kernels.transpose(0, 1, 3, 2)
    return kernels
