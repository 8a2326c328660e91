"""What every explanation asks of its model, images and class before it begins, and its words when they do not fit."""

import contextlib

import keras
import numpy as np

from ..arithmetic.exact import exact_kind, is_exactly
from ..arithmetic.graph import walk
from ..arithmetic.keras2 import refuse_keras_2
from ..arithmetic.views import is_a
from .compiled import predictor

# Layers that hand on the values of an image as they are, at most moved, cut or framed: what comes after them is still
# in the range of the images. Augmentation does nothing where a network predicts.
_SAME_RANGE = (
    *("InputLayer", "Identity", "ActivityRegularization", "ZeroPadding2D", "Cropping2D", "CenterCrop", "Resizing"),
    *("Dropout", "SpatialDropout2D", "GaussianNoise", "GaussianDropout", "Reshape", "Permute"),
)  # fmt: skip
# The exceptions among the layers that augment images.
_CHANGES_RANGE = ("AutoContrast", "ContrastLimitedAdaptiveHistogramEqualization", "Equalization", "Solarization")


def checked_model(model):
    """A model that can be explained, or an error that says why it cannot.

    Parameters
    ----------
    model : keras.Model
        Functional or Sequential and built, with one input of shape (batch, height, width, channels) and one output of
        shape (batch, classes).

    Returns
    -------
    keras.Model
        The same object.

    Raises
    ------
    TypeError
        It is no Keras model, or one of Keras 2, or one that computes in its own ``call`` method and has no inputs to be
        seen.
    ValueError
        It has not been built, has several inputs or outputs, or they have other ranks, or takes channels first.

    Notes
    -----
    Taught in chapter 12, Input masking.

    Examples
    --------
    >>> import keras
    >>> model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])
    >>> checked_model(model) is model
    True
    """
    refuse_keras_2(model)
    if not isinstance(model, keras.Model):
        library = type(model).__module__.partition(".")[0]
        what = "a class; call it first" if isinstance(model, type) else f"{_a(type(model).__name__)}"
        raise TypeError(
            f"model is {what}; expected a Keras model that takes images and gives one score a class. It comes "
            f"from {library}."
        )
    if not isinstance(model, keras.Sequential) and getattr(model, "inputs", None) is None:
        raise TypeError(
            f"{model.name!r} is {_a(type(model).__name__)} that computes in its own call method, so that its input is "
            "not known. Wrap it: inputs = keras.Input((height, width, channels)); keras.Model(inputs, model(inputs))."
        )
    if not model.built:
        raise ValueError(
            f"{model.name!r} has not been built: it has no weights yet. Begin it with keras.Input((height, width, "
            "channels)), or call it on images once."
        )
    inputs, outputs = model.inputs, model.outputs
    if len(inputs) != 1:
        raise ValueError(
            f"{model.name!r} has {len(inputs)} inputs; expected one, the images. Hold the others fixed in a model "
            "around it that has images as its only input."
        )
    if len(inputs[0].shape) != 4:
        raise ValueError(
            f"{model.name!r} takes arrays of shape {tuple(inputs[0].shape)}; expected images, (batch, height, width, "
            "channels)."
        )
    if is_a(model, "Functional") and isinstance(model.output, (dict, list, tuple)):
        raise ValueError(
            f"{model.name!r} has {len(outputs)} outputs in a {type(model.output).__name__}; expected one array of "
            "scores. Choose one: keras.Model(model.inputs, model.outputs[0])."
        )
    if len(outputs[0].shape) != 2 or outputs[0].shape[1] is None:
        raise ValueError(
            f"{model.name!r} puts out arrays of shape {tuple(outputs[0].shape)}; expected one score a class, (batch, "
            "classes)."
            + (" Has its top been left out? Add pooling and a dense layer." if len(outputs[0].shape) == 4 else "")
        )
    if any(getattr(layer, "data_format", None) == "channels_first" for layer in _met_by_pixels(model)[1]):
        raise ValueError(
            f"{model.name!r} takes images with their channels first; explanations have them last, (batch, height, "
            "width, channels). Wrap it: inputs = keras.Input((height, width, channels)); keras.Model(inputs, "
            "model(keras.layers.Permute((3, 1, 2))(inputs)))."
        )
    return model


def checked_images(model, images):
    """Images as float32 in the shape and the range that a model expects, or an error that says what does not fit.

    Whether the range fits is read off the model itself: the first layer that computes with the pixels says in what
    units they are, if it is a Rescaling, a Normalization, a BatchNormalization, or a division, multiplication or
    subtraction of constants. A unit is the step of the pixels that becomes 1, and the zero is the pixel that becomes
    0. Where the unit or the zero is 10 or more, such as 255, or a mean of 117, the pixels are meant from 0 to 255, and
    images of type float that stay between -1 and 1 are an error (integers may be dark). Where the unit is at most 0.6
    and the zero within 1, such as a mean of 0.45 with a deviation of 0.2, the pixels are meant from 0 to 1, and images
    above 8 are an error. Of any other beginning, such as a convolution, nothing is supposed.

    Parameters
    ----------
    model : keras.Model
        One that `checked_model` lets through.
    images : array, shape (images, height, width, channels)
        Of any real type, as the model expects them.

    Returns
    -------
    ndarray of float32, shape (images, height, width, channels)
        Contiguous; the given array itself where it is that already.

    Raises
    ------
    TypeError
        They are not numbers.
    ValueError
        There are none, they have another shape, hold NaN or infinity, or are in another range than the model expects.

    Notes
    -----
    Taught in chapter 12, Input masking.

    Examples
    --------
    >>> import keras
    >>> import numpy as np
    >>> model = keras.Sequential(
    ...     [keras.Input((8, 8, 3)), keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), keras.layers.Dense(2)]
    ... )
    >>> checked_images(model, np.full((1, 8, 8, 3), 128, "uint8")).dtype
    dtype('float32')
    """
    given = _as_array(images)
    expected = tuple(model.inputs[0].shape[1:])
    text = f"(images, {', '.join('any' if side is None else str(side) for side in expected)})"
    if given.ndim == 3:
        missing = "images[..., None]" if expected[-1] == 1 and given.shape[-1] != 1 else "images[None]"
        raise ValueError(
            f"images has shape {given.shape}, three axes; {model.name!r} expects {text}. Add the fourth: {missing}."
        )
    if given.ndim != 4:
        raise ValueError(f"images has shape {given.shape}; {model.name!r} expects {text}.")
    if not len(given):
        raise ValueError(f"images has shape {given.shape}: there is no image in it. Give at least one.")
    if any(side not in (None, own) for side, own in zip(expected, given.shape[1:], strict=True)) or 0 in given.shape:
        raise ValueError(
            f"images has shape {given.shape}; {model.name!r} expects {text}. {_towards(given.shape, expected)}"
        )
    made = np.ascontiguousarray(given, dtype="float32")
    finite = np.isfinite(made).all(axis=(1, 2, 3))
    if not finite.all():
        raise ValueError(f"image {int(finite.argmin())} holds NaN or infinity; expected numbers in every pixel.")
    _check_range(model, given, made)
    return made


def checked_class_index(model, images, class_index):
    """The class to explain of each image, as an array of integers.

    Parameters
    ----------
    model : keras.Model
    images : ndarray of float32, shape (images, height, width, channels)
        From `checked_images`.
    class_index : int, array of int of shape (images,), or None
        One class for all images, or one for each. None stands for the class of the highest score of each image.

    Returns
    -------
    ndarray of int64, shape (images,)

    Raises
    ------
    TypeError
        It holds something else than integers; True and 1.0 are none.
    ValueError
        There are not as many as images, or the model has no such class.

    Notes
    -----
    A network with a single sigmoid unit has one score, number 0, which speaks for its second class. Taught in
    chapter 12, Input masking.

    Examples
    --------
    >>> import keras
    >>> import numpy as np
    >>> model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(5)])
    >>> checked_class_index(model, np.zeros((2, 8, 8, 3), "float32"), 4)
    array([4, 4])
    """
    classes = model.outputs[0].shape[1]
    if class_index is None:
        return scores_of(model, images).argmax(axis=1)
    index = np.asarray(class_index)
    if index.dtype.kind not in "iu":
        shown = repr(class_index) if index.ndim == 0 else f"an array of {index.dtype}"
        if index.dtype.kind == "U":
            hint = " Give the number of the class: class_names.index(name)."
        elif index.dtype.kind == "f" and index.ndim == 2:
            hint = " For rows of scores give their .argmax(axis=1)."
        else:
            hint = ""
        raise TypeError(
            f"class_index is {shown}; expected an integer from 0 to {classes - 1}, one for each image, or None for "
            f"the class that the model predicts.{hint}"
        )
    if index.ndim > 1 or (index.ndim == 1 and len(index) != len(images)):
        raise ValueError(
            f"class_index has shape {index.shape}; expected one integer for all, or one for each of the {len(images)} "
            f"images, shape ({len(images)},)."
        )
    outside = index[(index < 0) | (index >= classes)] if index.ndim else index if not 0 <= index < classes else ()
    if np.size(outside):
        first = int(np.ravel(outside)[0])
        raise ValueError(
            f"class_index holds {first}, but {model.name!r} has {classes} "
            + ("scores" if classes > 1 else "score")
            + f": expected 0 to {classes - 1}."
            + (
                " Its one score speaks for class 1; what speaks for class 0 is the same map with its sign changed."
                if classes == 1 and first == 1
                else ""
            )
        )
    return np.broadcast_to(index, len(images)).astype("int64")


def scores_of(model, images, batch_size=32):
    """What a model says of images where it predicts: its output as it is, batch by batch.

    Its layers are called as they are now: what `predict` has compiled would not see an activation that was exchanged.

    Parameters
    ----------
    model : keras.Model
    images : array of float, shape (images, height, width, channels)
    batch_size : int

    Returns
    -------
    ndarray of float, shape (images, classes)

    Raises
    ------
    ValueError
        The output of an image is not finite, as after a training that went astray.

    Notes
    -----
    Taught in chapter 12, Input masking.

    Examples
    --------
    >>> import keras
    >>> import numpy as np
    >>> model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(5)])
    >>> scores_of(model, np.zeros((2, 8, 8, 3), "float32")).shape
    (2, 5)
    """
    batch_size = checked_batch_size(batch_size)
    run = predictor(model)
    with untracked():
        batches = [images[start : start + batch_size] for start in range(0, len(images), batch_size)]
        scores = np.concatenate([as_float(run(keras.ops.convert_to_tensor(batch))) for batch in batches])
    finite = np.isfinite(scores).all(axis=1)
    if not finite.all():
        raise ValueError(
            f"the scores of image {int(finite.argmin())} from {model.name!r} are NaN or infinite, so that there is "
            "nothing to explain. Look at the model's weights: did its training fail?"
        )
    return scores


def as_float(tensor):
    """A tensor as a NumPy array, of half precision as float32."""
    half = keras.backend.standardize_dtype(tensor.dtype) in ("float16", "bfloat16")
    return keras.ops.convert_to_numpy(keras.ops.cast(tensor, "float32") if half else tensor)


def untracked():
    """A context in which the backend keeps nothing for gradients, so that long runs stay small."""
    if keras.config.backend() == "torch":
        import torch

        return torch.no_grad()
    return contextlib.nullcontext()  # TensorFlow keeps something under a tape only, JAX where it is asked to


def checked_batch_size(batch_size):
    if isinstance(batch_size, bool) or not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
        raise ValueError(f"batch_size is {batch_size!r}; expected an integer of at least 1.")
    return int(batch_size)


def _a(word):
    return f"an {word}" if word[:1].lower() in tuple("aeiou") else f"a {word}"


def _as_array(images):
    if not hasattr(images, "__array__") and hasattr(images, "images"):  # a Dataset or a Drawing
        raise TypeError(f"images is {_a(type(images).__name__)}; expected its array. Give its .images.")
    try:
        given = images if isinstance(images, np.ndarray) else np.asarray(images)
    except (TypeError, ValueError, RuntimeError):  # images of several sizes, or a tensor that is not in memory
        if not keras.ops.is_tensor(images):
            raise ValueError(
                "images is no regular array; expected (images, height, width, channels), all of one size. Resize them."
            ) from None
        given = keras.ops.convert_to_numpy(images)
    if given.dtype.kind not in "biuf" and given.dtype.name != "bfloat16":
        raise TypeError(
            f"images is an array of {given.dtype}; expected numbers, shape (images, height, width, channels)."
        )
    return given


def _towards(shape, expected):
    """What to do about images of a wrong shape."""
    channels = expected[-1]
    if shape[1] == channels != shape[3]:
        return "Are the channels first? Give images.transpose(0, 2, 3, 1)."
    if channels is not None and shape[3] != channels:
        if (shape[3], channels) == (1, 3):
            return "Repeat the grey channel: np.repeat(images, 3, axis=-1)."
        if (shape[3], channels) == (3, 1):
            return "Make them grey: images.mean(axis=-1, keepdims=True)."
        if (shape[3], channels) == (4, 3):
            return "Leave out the fourth channel, which is opacity: images[..., :3]."
        return f"Give images with {channels} channels."
    return "Resize them with keras.ops.image.resize."


def _check_range(model, given, made):
    found = _first_arithmetic(model)
    if found is None:
        return
    name, zero, unit = found
    low, high = made.min(axis=(1, 2, 3)), made.max(axis=(1, 2, 3))
    size = np.maximum(high, -low)
    scaled = (size > 0) & (size <= 1)  # of each image, whatever the others are
    if (unit >= 10 or zero >= 10) and given.dtype.kind not in "biu" and scaled.any():
        image = int(scaled.argmax())
        raise ValueError(
            f"image {image} holds values from {low[image]:.3g} to {high[image]:.3g}, but {model.name!r} scales pixels "
            f"itself, in its layer {name!r}, and expects them from 0 to 255. Give "
            + ("images * 255." if low[image] >= 0 else "images as they are stored, before any scaling.")
        )
    if unit <= 0.6 and zero <= 1 and high.max() > 8:
        raise ValueError(
            f"images holds values up to {high.max():.3g}, but the layer {name!r} of {model.name!r} is made for pixels "
            "from 0 to 1. Give images / 255."
        )


def _first_arithmetic(model):
    """(name, zero, unit) of the first layer that computes with pixels, or None where that says nothing of their range.

    Where the images go several ways, all have to begin with such a layer.
    """
    found = [(name, _zero_and_unit(layer, args)) for name, layer, args in _met_by_pixels(model)[0]]
    if not found or any(zero_and_unit is None for _, zero_and_unit in found):
        return None
    return found[0][0], *found[0][1]


def _met_by_pixels(model):
    """Which layers pixels meet first.

    Returns
    -------
    list of (name, layer, arguments)
        Those that the pixels come to past layers that hand them on as they are.
    list of layers
        These and those that hand on, as long as the axes of the images are in their order.
    """
    first, in_order = [], []

    def visit(name, layer, signals, args, kwargs):
        outputs = len(keras.tree.flatten(layer.output))
        if "pixels" in signals:
            in_order.append(layer)
        elif "moved pixels" not in signals:
            return ["other"] * outputs
        if not _hands_pixels_on(layer):
            first.append((name, layer, args))
            return ["other"] * outputs
        return ["moved pixels" if is_exactly(layer, "Permute", "Reshape") else signals[0]] * outputs

    try:
        walk(model, ["pixels"], visit)
    except (TypeError, ValueError):  # a layer that cannot describe itself: it predicts all the same
        return [], []
    return first, in_order


def _hands_pixels_on(layer):
    kind = exact_kind(layer)
    augments = kind and is_a(layer, "BaseImagePreprocessingLayer")
    return kind not in _CHANGES_RANGE and (kind in _SAME_RANGE or augments)


def _zero_and_unit(layer, args):
    """The pixel that becomes 0 and the step of pixels that becomes 1: the largest of all channels, without signs."""
    if is_exactly(layer, "Rescaling"):
        scale, offset = np.asarray(layer.scale, "float64"), np.asarray(layer.offset, "float64")
        if (scale == 0).any():
            return None
        zero, unit = -offset / scale, 1 / scale
    elif is_exactly(layer, "Normalization"):
        if getattr(layer, "invert", False) or getattr(layer, "mean", None) is None:
            return None
        zero, unit = _numbers(layer.mean), np.sqrt(_numbers(layer.variance))
    elif is_exactly(layer, "BatchNormalization"):
        zero, unit = _numbers(layer.moving_mean), np.sqrt(_numbers(layer.moving_variance))
    elif is_exactly(layer, "TrueDivide", "Divide", "Multiply", "Subtract") and not hasattr(layer, "trainable"):
        constants = [_constant(value) for value in args[1:]]
        if len(constants) != 1 or constants[0] is None or not constants[0].all():
            return None
        (constant,) = constants
        zero, unit = {"Subtract": (constant, 1), "Multiply": (0, 1 / constant)}.get(type(layer).__name__, (0, constant))
    else:
        return None
    return float(np.abs(zero).max()), float(np.abs(unit).max())


def _constant(value):
    """A number or an array as an array; None for what the network computes."""
    if isinstance(value, (int, float, list, np.ndarray)) or keras.ops.is_tensor(value):
        return _numbers(value)
    return None


def _numbers(tensor):
    return np.asarray(keras.ops.convert_to_numpy(tensor), "float64")
