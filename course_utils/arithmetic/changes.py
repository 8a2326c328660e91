"""How far a change spreads: which cells of each map of a network can differ once a patch of the image is covered.

A convolution passes a change on to the cells whose kernels reach it, a normalisation keeps it in place, a dense layer
spreads it to everything. `trace` follows that through a Keras model for all positions of a patch at once, each axis by
itself, since a rectangle stays a rectangle. `occlusion_bound` adds up what it is worth.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from .exact import exact_kind, written_by_keras
from .graph import walk
from .sizes import same_padding, whole_number
from .summary import check_model, count_multiply_adds, input_shapes
from .views import (
    CONVOLUTIONS,
    DEPTHWISE,
    IN_PLACE,
    POOLINGS,
    SEPARABLE,
    TRANSPOSED,
    Signal,
)


class Span(NamedTuple):
    """Along one axis, the cells that can differ: from ``first`` to before ``stop``, for each position of the patch."""

    first: np.ndarray
    stop: np.ndarray

    @property
    def sizes(self):
        return self.stop - self.first


class Taps(NamedTuple):
    """Which cells of its input a cell of a layer's output reads along one axis: output i those from
    ``i * strides - before`` on, ``size`` of them, ``dilation_rate`` apart.

    ``spacing`` is for transposed convolutions, which read an input whose cells were moved apart, zeros between them.
    """

    size: int
    strides: int = 1
    dilation_rate: int = 1
    before: int = 0
    spacing: int = 1

    @property
    def span(self):
        """Cells from the first that is read to the last."""
        return (self.size - 1) * self.dilation_rate + 1

    def after(self, cells):
        """The outputs, ``cells`` of them, that a change reaches: a function of the span of the change."""

        def reached(change):
            first = change.first * self.spacing + self.before - self.span
            stop = (change.stop - 1) * self.spacing + 1 + self.before
            first = np.clip(first // self.strides + 1, 0, cells)
            stop = np.clip(-(-stop // self.strides), 0, cells)
            return _without_empty(change, first, stop)

        return reached


class Moved(NamedTuple):
    """A layer that hands each cell on, ``factor`` times in a row, and puts ``cells`` new ones before them."""

    factor: int = 1
    cells: int = 0

    def after(self, cells):
        """The outputs that a change reaches, as for `Taps`."""

        def reached(change):
            moved = [edge * self.factor + self.cells for edge in change]
            return _without_empty(change, *moved)

        return reached


def _without_empty(before, first, stop):
    """Where nothing differed nothing does, and no span ends before it begins."""
    nothing = (before.stop <= before.first) | (stop <= first)
    return Span(np.where(nothing, 0, first), np.where(nothing, 0, stop))


# How a layer passes a change on: a (Taps, Taps) or (Moved, Moved) for rows and columns, or one of these.
IN_PLACE_ONLY = "in place"
EVERYWHERE = "everywhere"

# What layers do whose output at a place depends on the channels of that place only, where `axis` says so.
_CHANNELWISE = ("LayerNormalization", "RMSNormalization", "UnitNormalization", "Softmax", "LogSoftmax", "Flip")
_IN_PLACE = IN_PLACE - {"Masking"}  # what a mask does to the layers after it is not followed
_SUMS_UP = ("GlobalAveragePooling2D", "GlobalMaxPooling2D", "Mean", "Max")
_KNOWN_GLOBAL = (*_SUMS_UP, "Flatten", "Reshape", "Dense", "Permute", "Identity", "InputLayer")
# Functions of `keras.ops` that act on each number, or along the channels. All of `keras.activations` do.
_ACTIVATIONS = (
    *("celu", "elu", "gelu", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh", "leaky_relu", "log_sigmoid"),
    *("log_softmax", "relu", "relu6", "selu", "sigmoid", "silu", "soft_shrink", "softmax", "softplus", "softsign"),
    *("sparse_plus", "swish", "tanh", "tanh_shrink"),
)


def spread(layer, inputs, shape):
    """How a layer passes a change on, and whether that is known or only the safe guess.

    Known are layers and operations of Keras itself. One that derives from them, whose methods were replaced, or whose
    activation is not Keras' computes what it likes.

    Parameters
    ----------
    layer : keras.Layer or keras.Operation
    inputs : list of tuple
        Shapes of its inputs, without the batch.
    shape : tuple
        Shape of its output, without the batch.

    Returns
    -------
    tuple
        How (rows, columns), `IN_PLACE_ONLY` or `EVERYWHERE`; and a bool: False where the layer is not known.
    """
    kind = exact_kind(layer)
    if any(len(one) != 3 for one in (*inputs, shape)):
        return EVERYWHERE, kind in _KNOWN_GLOBAL or kind in _IN_PLACE or all(len(one) < 3 for one in inputs)
    if getattr(layer, "data_format", "channels_last") == "channels_first":
        return EVERYWHERE, kind in _SUMS_UP
    if not _stays_in_place(getattr(layer, "activation", None), shape):
        return EVERYWHERE, False
    if kind in (*CONVOLUTIONS, *DEPTHWISE, *SEPARABLE, *TRANSPOSED, *POOLINGS):
        return tuple(_taps(layer, kind, axis, inputs[0][axis], shape[axis]) for axis in (0, 1)), True
    if kind == "ZeroPadding2D":
        return tuple(Moved(cells=before) for before, _ in layer.padding), True
    if kind == "Cropping2D":
        return tuple(Taps(1, before=-before) for before, _ in layer.cropping), True
    if kind == "UpSampling2D" and layer.interpolation == "nearest":
        return tuple(Moved(factor=factor) for factor in layer.size), True
    if any(one[:2] != shape[:2] for one in inputs):  # one is stretched over the other, as a gate over its map
        return EVERYWHERE, kind in _SUMS_UP or kind in _IN_PLACE
    if kind in (*_CHANNELWISE, "Concatenate"):
        axes = getattr(layer, "axis", -1)
        axes = set(axes if isinstance(axes, (tuple, list)) else (axes,))
        return (IN_PLACE_ONLY, True) if axes <= {-1, 3} else (EVERYWHERE, False)
    if kind == "PReLU":
        return (IN_PLACE_ONLY, True) if {1, 2} <= set(layer.shared_axes or ()) else (EVERYWHERE, False)
    if kind in ("BatchNormalization", "Normalization"):
        axes = layer.axis if isinstance(layer.axis, (tuple, list)) else (layer.axis,)
        return (IN_PLACE_ONLY, True) if set(axes) <= {-1, 3} else (EVERYWHERE, False)
    if kind == "Dense" or (kind in _IN_PLACE and not any(map(_has_places, _settings(layer)))):
        return IN_PLACE_ONLY, True
    return EVERYWHERE, kind in _SUMS_UP


def _stays_in_place(activation, shape):
    """Whether an activation leaves each place to itself; None and layers may be one too."""
    if activation is None:
        return True
    if hasattr(activation, "call"):
        return spread(activation, [shape], shape) == (IN_PLACE_ONLY, True)
    module, name = getattr(activation, "__module__", None) or "", getattr(activation, "__name__", "")
    if module.startswith("keras.src.activations."):
        return written_by_keras(activation)
    return module.startswith("keras.src.ops.") and name in _ACTIVATIONS and written_by_keras(activation)


def _settings(layer):
    """What a layer was given, such as the ``scale`` of a Rescaling."""
    return [value for name, value in vars(layer).items() if not name.startswith("_")]


def _has_places(value):
    """Whether a constant has a value of its own for each place."""
    try:
        return np.prod(np.shape(value)[-3:-1]) > 1
    except (TypeError, ValueError):  # a list of something else than numbers
        return False


def _taps(layer, kind, axis, cells, cells_after):
    def of(value):
        return value[axis] if isinstance(value, (tuple, list)) else value

    size = of(layer.pool_size if kind in POOLINGS else layer.kernel_size)
    strides, dilation_rate = of(layer.strides), of(getattr(layer, "dilation_rate", 1))
    span = (size - 1) * dilation_rate + 1
    if kind in TRANSPOSED:
        cropped = max((cells - 1) * strides + span - cells_after, 0) // 2 if layer.padding == "same" else 0
        return Taps(size, 1, dilation_rate, span - 1 - cropped, spacing=strides)
    before = same_padding(cells, size, strides, dilation_rate)[0] if layer.padding == "same" else 0
    return Taps(size, strides, dilation_rate, before)


@dataclass(frozen=True, eq=False)
class Call:
    """One call of one layer, and what a covered patch changes in its output.

    Attributes
    ----------
    name : str
        Name of the layer; in a model within the model, ``model/layer``. The image itself is the first, ``input``.
    layer : keras.Layer, keras.Operation or None
        None for the image.
    inputs : tuple of int
        Where its inputs stand in the list of calls.
    args, kwargs
        What it is called with, a `Slot` in place of each tensor.
    shape : tuple
        Of its output, without the batch.
    how : tuple or str
        What `spread` says; for the image `IN_PLACE_ONLY`.
    known : bool
        Whether the layer is known to `spread`.
    kind : str
        The name of Keras' class where the layer is known and is exactly that; empty otherwise.
    rows, columns : Span or None
        The cells that can differ; None where all of them can.
    multiply_adds : int
        For the whole map.
    """

    name: str
    layer: object
    inputs: tuple
    args: list = field(repr=False)
    kwargs: dict = field(repr=False)
    shape: tuple
    how: object
    known: bool
    kind: str
    rows: Span | None
    columns: Span | None
    multiply_adds: int

    @property
    def everywhere(self):
        """Whether all cells can differ."""
        return self.rows is None

    @property
    def cells_changed(self):
        """Places that can differ, added up over all positions of the patch."""
        return self.rows.sizes.sum() * self.columns.sizes.sum()

    @property
    def cells(self):
        """Places of the map, or 1 where the output is not a map."""
        return self.shape[0] * self.shape[1] if len(self.shape) == 3 else 1


class Slot(NamedTuple):
    """Stands for a tensor in the arguments of a call: the output of the call with this number."""

    call: int


class _Value(NamedTuple):
    """What flows along an edge while a model is traced."""

    call: int
    shape: tuple


def positions(cells, patch, stride):
    """First cells of a patch along an axis, the patch wholly inside: 0, stride, 2 * stride ...

    Examples
    --------
    >>> positions(8, 4, 2)
    array([0, 2, 4])
    """
    return np.arange(0, cells - patch + 1, stride)


def trace(model, patch, stride, input_shape=None):
    """Follow a covered patch through a model.

    Parameters
    ----------
    model : keras.Sequential or functional keras.Model
        Built, with one input, images (height, width, channels). Models inside it are opened.
    patch, stride : (int, int)
        Rows and columns, in pixels.
    input_shape : tuple of int, optional
        For a model that takes images of any size.

    Returns
    -------
    list of Call
        In the order in which the model computes, the image first. The last one is the model's output.

    Raises
    ------
    TypeError, ValueError
        As `course_utils.arithmetic.summarize` does, or the model has several inputs or outputs, or a layer with
        several.
    """
    import keras

    check_model(model, "trace")
    shapes = input_shapes(model, input_shape)
    if len(shapes) != 1 or len(shapes[0]) != 3:
        raise ValueError(
            f"{model.name!r} has inputs of shape {', '.join(map(str, shapes))}; expected one input, images (height, "
            "width, channels)."
        )
    shape = shapes[0]
    for axis in (0, 1):
        if patch[axis] > shape[axis]:
            raise ValueError(f"the patch of {patch} pixels is larger than the image of {shape[:2]}; make it smaller.")
    first = [positions(shape[axis], patch[axis], stride[axis]) for axis in (0, 1)]
    spans = [Span(start, start + patch[axis]) for axis, start in enumerate(first)]
    calls = [Call("input", None, (), [], {}, shape, IN_PLACE_ONLY, True, "", *spans, 0)]

    dtypes = [model.inputs[0].dtype]

    def tensor(slot):
        return keras.KerasTensor((None, *calls[slot.call].shape), dtype=dtypes[slot.call], name="map")

    def visit(name, layer, values, args, kwargs):
        filled = fill_slots((args, kwargs), tensor)
        outputs = keras.tree.flatten(layer.compute_output_spec(*filled[0], **filled[1]))
        if len(outputs) != 1:
            raise ValueError(f"layer {name!r} has {len(outputs)} outputs; expected one.")
        shape = tuple(outputs[0].shape[1:])
        inputs = [calls[value.call] for value in values]
        how, known = spread(layer, [call.shape for call in inputs], shape)
        if any(map(_has_places, keras.tree.flatten((args, kwargs)))):
            how = EVERYWHERE
        kind = exact_kind(layer) if known else ""
        if kind in POOLINGS and "int" in dtypes[values[0].call]:  # their padding is no number of that type
            how, known, kind = EVERYWHERE, False, ""
        dtypes.append(outputs[0].dtype)
        rows = columns = None
        if how != EVERYWHERE and not any(call.everywhere for call in inputs):
            rows, columns = (_after(inputs, how, axis, shape) for axis in (0, 1))
        adds = count_multiply_adds(layer, [Signal(call.shape, None) for call in inputs], shape) or 0
        numbers = tuple(value.call for value in values)
        calls.append(Call(name, layer, numbers, args, kwargs, shape, how, known, kind, rows, columns, adds))
        return [_Value(len(calls) - 1, shape)]

    outputs = walk(model, [_Value(0, shape)], visit, lambda value: Slot(value.call))
    if len(outputs) != 1:
        raise ValueError(f"{model.name!r} has {len(outputs)} outputs; expected one.")
    return calls[: outputs[0].call + 1]


def fill_slots(arguments, value):
    """The arguments of a call with ``value(slot)`` in the place of each `Slot`."""
    if isinstance(arguments, Slot):
        return value(arguments)
    if isinstance(arguments, dict):
        return {key: fill_slots(entry, value) for key, entry in arguments.items()}
    if isinstance(arguments, (list, tuple)):
        return type(arguments)(fill_slots(entry, value) for entry in arguments)
    return arguments


def _after(inputs, how, axis, shape):
    """The span of an output along one axis, from those of the inputs."""
    spans = [(call.rows, call.columns)[axis] for call in inputs]
    if how != IN_PLACE_ONLY:
        return how[axis].after(shape[axis])(spans[0])
    together = spans[0]
    for span in spans[1:]:
        together = union(together, span)
    return together


def union(one, other):
    """The smallest span that holds both, for each position."""
    first, stop = np.minimum(one.first, other.first), np.maximum(one.stop, other.stop)
    first = np.where(one.sizes == 0, other.first, np.where(other.sizes == 0, one.first, first))
    stop = np.where(one.sizes == 0, other.stop, np.where(other.sizes == 0, one.stop, stop))
    return Span(first, stop)


def as_axes(name, value):
    """(rows, columns) from an int that stands for both, or from a pair."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(values) != 2:
        raise ValueError(f"{name} is {value!r}; it must be a number of pixels, or (rows, columns).")
    return tuple(whole_number(name, entry, 1) for entry in values)


def occlusion_bound(model, patch=32, stride=16, input_shape=None):
    """How many times fewer multiply-adds an occlusion map takes if only what a patch can change is computed again.

    Parameters
    ----------
    model : keras.Model
        Sequential or functional, built, with one input, images (height, width, channels).
    patch, stride : int or (int, int)
        Size of the patch and distance between two of its positions, in pixels.
    input_shape : tuple of int, optional
        (height, width, channels), for a model that takes images of any size.

    Returns
    -------
    float
        Multiply-adds of one whole pass for each position, divided by those of one whole pass and the windows of all
        positions, each as small as it can be. 1 stands for nothing to gain.

    Raises
    ------
    TypeError, ValueError
        As `summarize`, or the patch does not fit, or the model has another input than one image.

    Notes
    -----
    What a computer gains can be less (cutting windows out takes time) or more (small windows stay in its cache).

    Source of the idea: Nakandala, Kumar and Papakonstantinou (2019), Incremental and approximate inference for faster
    occlusion-based deep CNN explanations, SIGMOD, section 3. Taught in chapter 12, Input masking.

    Examples
    --------
    >>> import keras
    >>> from keras import layers
    >>> model = keras.Sequential([
    ...     keras.Input((64, 64, 3)), layers.Conv2D(8, 3, padding="same"), layers.Conv2D(8, 3, padding="same"),
    ...     layers.GlobalAveragePooling2D(), layers.Dense(2),
    ... ])
    >>> round(occlusion_bound(model, patch=8, stride=8), 1)  # 64 positions, two convolutions
    22.0
    """
    calls = trace(model, as_axes("patch", patch), as_axes("stride", stride), input_shape)
    count = len(calls[0].rows.first) * len(calls[0].columns.first)
    whole = sum(call.multiply_adds for call in calls)
    windows = sum(
        call.multiply_adds
        * (count if call.everywhere else call.rows.sizes.sum() * call.columns.sizes.sum() / call.cells)
        for call in calls
    )
    return float(count * whole / (whole + windows)) if whole else 1.0
