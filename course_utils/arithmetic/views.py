"""What each unit of a network sees of the image, followed exactly through every kind of layer.

`receptive_fields` needs three numbers for a chain of convolutions. Up-sampling breaks that: of two neighbouring units,
one may see more than the other. But the pattern repeats, so an axis is described by one period of it.
"""

import functools
import math
from dataclasses import dataclass
from typing import NamedTuple

from .sizes import same_padding

_NOTHING = (math.inf, -math.inf)


@dataclass(frozen=True)
class Axis:
    """First and last pixel seen by each unit along one axis, for one period of units.

    Unit ``i + len(bounds)`` sees what unit ``i`` sees, moved on by ``advance`` pixels. Borders play no part: the axis
    goes on beyond them, as padding does.
    """

    advance: int = 1
    bounds: tuple = ((0, 0),)

    @property
    def size(self):
        """Most pixels that any unit sees."""
        return max(max(last - first + 1, 0) for first, last in self.bounds)

    def at(self, unit):
        """First and last pixel that a unit sees."""
        turns, phase = divmod(unit, len(self.bounds))
        first, last = self.bounds[phase]
        return first + turns * self.advance, last + turns * self.advance

    def _from(self, period, advance, sources):
        """The axis whose unit ``i`` sees what the units ``sources(i)`` of this axis see together."""
        bounds = []
        for unit in range(period):
            seen = [self.at(source) for source in sources(unit)] or [_NOTHING]
            bounds.append((min(first for first, _ in seen), max(last for _, last in seen)))
        return Axis(advance, tuple(bounds))

    def window(self, size, strides, dilation_rate=1, before=0):
        """After a convolution or a pooling with ``before`` cells of padding in front."""
        period = len(self.bounds) // math.gcd(len(self.bounds), strides)
        advance = self.advance * period * strides // len(self.bounds)
        return self._from(
            period, advance, lambda unit: [unit * strides + tap * dilation_rate - before for tap in range(size)]
        )

    def transposed(self, size, strides, dilation_rate=1, cropped=0):
        """After a transposed convolution that loses its first ``cropped`` cells to padding."""

        def sources(unit):
            reached = (unit + cropped - tap * dilation_rate for tap in range(size))
            return [cell // strides for cell in reached if cell % strides == 0]

        return self._from(len(self.bounds) * strides, self.advance, sources)

    def upsampled(self, factor, interpolation):
        """After repeating (or interpolating between) each cell ``factor`` times."""

        def nearest(unit):
            return [unit // factor]

        def bilinear(unit):  # centres of cells lie at halves, so unit u lies at (2u + 1 - factor) / (2 factor)
            cell, beyond = divmod(2 * unit + 1 - factor, 2 * factor)
            return [cell, cell + 1] if beyond else [cell]

        return self._from(len(self.bounds) * factor, self.advance, nearest if interpolation == "nearest" else bilinear)

    def moved(self, cells):
        """After cropping away the first cells (or, if negative, padding in front of them)."""
        return self._from(len(self.bounds), self.advance, lambda unit: [unit + cells])

    def merged(self, other):
        """Both together, unit by unit. None where they advance at different rates, so that no pattern repeats."""
        period = math.lcm(len(self.bounds), len(other.bounds))
        advance = self.advance * period // len(self.bounds)
        if advance * len(other.bounds) != other.advance * period:
            return None
        pairs = [(self.at(unit), other.at(unit)) for unit in range(period)]
        return Axis(advance, tuple((min(a[0], b[0]), max(a[1], b[1])) for a, b in pairs))


# A view is a tuple with an Axis for each axis of the image, or one of these two.
EVERYTHING = "everything"
UNKNOWN = "unknown"


class Signal(NamedTuple):
    """What flows along an edge of the network.

    Attributes
    ----------
    shape : tuple
        For one image, without the batch.
    view : tuple of Axis or str
        What its units see of the image.
    channels_first : bool
        Whether the channels are the first axis of ``shape`` instead of the last.
    pixels : tuple or None
        Size of the image that goes in; None where several of different size do.
    spec : keras.KerasTensor or None
        The symbolic tensor, with the batch.
    """

    shape: tuple
    view: object
    channels_first: bool = False
    pixels: tuple | None = None
    spec: object = None

    @property
    def places(self):
        """The axes of an image: all but the channels."""
        return self.shape[1:] if self.channels_first else self.shape[:-1]

    @property
    def channel_axis(self):
        """The axis of the channels, counted with the batch, as layers count."""
        return 1 if self.channels_first else len(self.shape)

    @property
    def flattened(self):
        """Whether places and channels stand in one row."""
        return isinstance(self.view, tuple) and len(self.places) != len(self.view)


# What a class may define and still compute what the class does that it derives from.
_COMPUTES_NOTHING = {
    *("__init__", "get_config", "from_config", "__module__", "__qualname__", "__doc__", "__annotations__"),
    *("__annotate__", "__annotate_func__", "__annotations_cache__", "__firstlineno__", "__static_attributes__"),
}


@functools.lru_cache(maxsize=1024)
def _kinds_of(cls):
    for place, base in enumerate(cls.__mro__):
        names = frozenset(each.__name__ for each in cls.__mro__[place:] if _of_keras(each.__module__))
        if _of_keras(base.__module__):
            return names
        own = vars(base).keys() - _COMPUTES_NOTHING
        if own & {"call", "__call__"} if "Model" in names else own:  # models may train and save as they like
            return frozenset()
    return frozenset()


def _of_keras(module):
    return str(module).partition(".")[0] == "keras"


def kinds(layer):
    """Names of the Keras classes that say what a layer computes, so that no framework is imported to compare them.

    Empty for a layer of one's own, whatever its name, and for one that derives from a layer of Keras and defines more
    than ``__init__``: what that computes is not known.
    """
    for method in ("call", "convolution_op"):  # may have been replaced in the class or in the object
        if not _of_keras(getattr(getattr(layer, method, None), "__module__", "keras")):
            return frozenset()
    return _kinds_of(type(layer))


def is_a(layer, *names):
    """Whether a layer computes what one of these classes of Keras does."""
    return not kinds(layer).isdisjoint(names)


CONVOLUTIONS = ("Conv1D", "Conv2D", "Conv3D")
DEPTHWISE = ("DepthwiseConv1D", "DepthwiseConv2D")
SEPARABLE = ("SeparableConv1D", "SeparableConv2D")
TRANSPOSED = ("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose")
POOLINGS = tuple(f"{kind}Pooling{rank}D" for kind in ("Max", "Average") for rank in (1, 2, 3))
UPSAMPLINGS = ("UpSampling1D", "UpSampling2D", "UpSampling3D")
CROPPINGS = ("Cropping1D", "Cropping2D", "Cropping3D")
PADDINGS = ("ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D")
GLOBAL_POOLINGS = tuple(f"Global{kind}Pooling{rank}D" for kind in ("Max", "Average") for rank in (1, 2, 3))
# Layers that take one axis for the channels and slide along the others.
OVER_PLACES = (
    *(*CONVOLUTIONS, *DEPTHWISE, *SEPARABLE, *TRANSPOSED, *POOLINGS, *GLOBAL_POOLINGS),
    *(*UPSAMPLINGS, *CROPPINGS, *PADDINGS),
)
_ATTENTIONS = ("Attention", "AdditiveAttention", "MultiHeadAttention", "GroupedQueryAttention")
_MIX_ALONG_AN_AXIS = ("LayerNormalization", "RMSNormalization", "UnitNormalization", "Softmax", "LogSoftmax")
_ORDER_ALONG_AN_AXIS = ("Concatenate", "Flip")
_REDUCTIONS = ("Mean", "Max", "Min", "Sum", "Amax", "Amin")
# Layers and operations whose output at a place depends on their inputs at that place only. Batch normalisation is one
# where it predicts (its statistics are constants then), and augmentation does nothing there.
IN_PLACE = {
    *("Activation", "ELU", "LeakyReLU", "PReLU", "ReLU", "Flatten", "Identity", "Masking", "ActivityRegularization"),
    *("BatchNormalization", "Normalization", "Rescaling", "Discretization", "LayerScale", "StochasticDepth"),
    *("AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise", "SpatialDropout1D", "SpatialDropout2D"),
    *("SpatialDropout3D", "Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract", "CustomScaleLayer"),
    *("RandomBrightness", "RandomContrast", "RandomFlip", "RandomRotation", "RandomTranslation", "RandomZoom"),
    *("RandomColorDegeneration", "RandomColorJitter", "RandomErasing", "RandomGaussianBlur", "RandomGrayscale"),
    *("RandomHue", "RandomPerspective", "RandomPosterization", "RandomSaturation", "RandomSharpness", "RandomShear"),
    *("Absolute", "Cast", "Clip", "Divide", "Exp", "Log", "Negative", "Power", "Rsqrt", "Sqrt", "Square", "TrueDivide"),
    *("Elu", "Gelu", "HardSigmoid", "HardSilu", "LeakyRelu", "Mish", "Relu", "Relu6", "Selu", "Sigmoid", "Silu"),
    *("Softplus", "Softsign", "Tanh"),
}
_MIX_CHANNELS = ("softmax", "log_softmax", "sparsemax", "glu")  # of Keras' activation functions, along the last axis


def spatial(shape, layer):
    """The axes of an image in a shape without the batch: all but the channels, which come last or first."""
    return shape[1:] if getattr(layer, "data_format", None) == "channels_first" else shape[:-1]


def channels(shape, layer):
    """The number of channels in a shape without the batch."""
    return shape[0] if getattr(layer, "data_format", None) == "channels_first" else shape[-1]


def _per_axis(value, count):
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * count


def _windows(layer, view, before_shape, after_shape):
    """The view through a convolution, a transposed convolution or a pooling."""
    count = len(view)
    sizes = _per_axis(layer.pool_size if is_a(layer, *POOLINGS) else layer.kernel_size, count)
    strides = _per_axis(layer.strides, count)
    dilations = _per_axis(getattr(layer, "dilation_rate", 1), count)
    axes = []
    for axis, size, stride, dilation, cells, cells_after in zip(
        view, sizes, strides, dilations, before_shape, after_shape, strict=True
    ):
        span = (size - 1) * dilation + 1
        if is_a(layer, *TRANSPOSED):
            cropped = max((cells - 1) * stride + span - cells_after, 0) // 2 if layer.padding == "same" else 0
            axes.append(axis.transposed(size, stride, dilation, cropped))
        else:
            before = {
                "same": same_padding(cells, size, stride, dilation)[0],
                "causal": span - 1,
            }.get(layer.padding, 0)
            axes.append(axis.window(size, stride, dilation, before))
    return tuple(axes)


def _ends(amounts, count):
    """Cells at the start of each axis, from the argument of a cropping or a padding layer."""
    return (
        tuple(entry[0] if isinstance(entry, (tuple, list)) else entry for entry in amounts)
        if count > 1
        else amounts[:1]
    )


def _merge(signals):
    """The view of several signals together, place by place."""
    first, *others = signals
    together = first.view
    if any(signal.view == UNKNOWN for signal in signals):
        return UNKNOWN
    for signal in others:
        # Else one is stretched over the other, or rows of values meet that stand for different places.
        if (signal.places, signal.channels_first) != (first.places, first.channels_first) or signal.flattened:
            return UNKNOWN
        if len(signal.view) != len(together):
            return UNKNOWN
        together = tuple(axis.merged(other) for axis, other in zip(together, signal.view, strict=True))
        if None in together:
            return UNKNOWN
    return together


def view_after(layer, inputs, shape, args=(), kwargs=None):
    """The view that the output of a layer has, from its input signals and the shape of its output for one image.

    A layer that is not known here gives `UNKNOWN`: a guess could be wrong in either direction. ``args`` and ``kwargs``
    are what else the layer was called with.
    """
    kwargs, first = kwargs or {}, inputs[0]
    if is_a(layer, "SpectralNormalization"):  # divides the weights by a number
        return view_after(layer.layer, inputs, shape, args, kwargs)
    if any(signal.view == EVERYTHING for signal in inputs):
        return EVERYTHING
    if _sees_all_it_is_given(layer, first, kwargs):
        return EVERYTHING
    view = _merge(inputs)
    if view == UNKNOWN:
        return UNKNOWN
    first = first._replace(view=view)
    after = _view_after(layer, first, first._replace(shape=shape), args, kwargs)
    return UNKNOWN if after == UNKNOWN else _after_activation(layer, first._replace(shape=shape, view=after))


def _other_format(layer, signal):
    """Whether a layer takes another axis for the channels than the model does."""
    channels_first = {"channels_first": True, "channels_last": False}.get(getattr(layer, "data_format", None))
    return channels_first is not None and channels_first != signal.channels_first


def _axes(layer, signal):
    """The axes of a layer's ``axis``, counted with the batch."""
    axis, rank = getattr(layer, "axis", -1), len(signal.shape) + 1
    axes = range(rank) if axis is None else axis if isinstance(axis, (tuple, list, range)) else (axis,)
    return {number % rank for number in axes}


def _sees_all_it_is_given(layer, signal, kwargs):
    """Whether each unit of the output sees all places of the input."""
    rank = len(signal.shape)
    if is_a(layer, *GLOBAL_POOLINGS):
        return not _other_format(layer, signal)
    if is_a(layer, "Dense"):
        return rank == 1
    if is_a(layer, "BatchNormalization"):  # statistics of the batch
        return kwargs.get("training") is True
    if is_a(layer, *_ATTENTIONS):
        causal = kwargs.get("use_causal_mask") or getattr(layer, "causal", False)
        return not causal and (rank == 2 or (rank > 2 and _attends_to_all(layer, rank)))
    if is_a(layer, "GroupNormalization"):
        by_channel = _axes(layer, signal) == {signal.channel_axis} and not signal.flattened
        return layer.groups == 1 or by_channel
    if is_a(layer, *_MIX_ALONG_AN_AXIS, *_REDUCTIONS):
        everything = set(range(1, rank + 1))
        needed = everything if signal.flattened else everything - {signal.channel_axis}
        return bool(needed) and _axes(layer, signal) >= needed
    return False


def _attends_to_all(layer, rank):
    """Whether an attention over more than one axis is over all of them."""
    axes = layer.get_config().get("attention_axes", ())
    return axes is None or set(axes) >= set(range(1, rank))


def _view_after(layer, before, after, args, kwargs):
    """The view after a layer with one input, or with several that see the same. ``after`` is its output."""
    view = before.view
    if is_a(layer, "Flatten"):
        return view
    if is_a(layer, *IN_PLACE):
        moves = kwargs.get("training") is True and type(layer).__name__.startswith("Random")
        reduces = is_a(layer, "Average") and hasattr(layer, "axis")  # the operation, not the layer
        counts = getattr(layer, "output_mode", "int") != "int"
        return UNKNOWN if moves or reduces or counts or after.places != before.places else view
    if before.flattened:
        return UNKNOWN
    if is_a(layer, *_MIX_ALONG_AN_AXIS, *_ORDER_ALONG_AN_AXIS, *_REDUCTIONS):
        kept = len(after.shape) == len(before.shape) and _axes(layer, before) == {before.channel_axis}
        return view if kept else UNKNOWN
    if is_a(layer, "Reshape"):
        return view if len(after.shape) == len(before.shape) and after.places == before.places else UNKNOWN
    if is_a(layer, "Dense"):
        return UNKNOWN if before.channels_first else view
    if is_a(layer, "GetItem"):
        return _sliced(before, after, *args[1:], **kwargs)
    if _other_format(layer, before) or len(after.places) != len(view):
        return UNKNOWN
    if is_a(layer, *CONVOLUTIONS, *DEPTHWISE, *SEPARABLE, *TRANSPOSED, *POOLINGS):
        return _windows(layer, view, before.places, after.places)
    if is_a(layer, *UPSAMPLINGS):
        interpolation = getattr(layer, "interpolation", "nearest")
        if interpolation not in ("nearest", "bilinear"):
            return UNKNOWN
        factors = _per_axis(layer.size, len(view))
        return tuple(axis.upsampled(factor, interpolation) for axis, factor in zip(view, factors, strict=True))
    if is_a(layer, *CROPPINGS):
        return tuple(axis.moved(n) for axis, n in zip(view, _ends(layer.cropping, len(view)), strict=True))
    if is_a(layer, *PADDINGS):
        return tuple(axis.moved(-n) for axis, n in zip(view, _ends(layer.padding, len(view)), strict=True))
    return UNKNOWN


def _sliced(before, after, key=None):
    """The view after ``x[key]`` where it takes cells of an image at equal distances, or some of the channels."""
    key = key if isinstance(key, tuple) else (key,)
    rank = len(before.shape) + 1
    dots = [entry is Ellipsis for entry in key]  # not `in`: an entry may be an array
    if any(dots):
        place = dots.index(True)
        key = (*key[:place], *[slice(None)] * (rank - len(key) + 1), *key[place + 1 :])
    key = (*key, *[slice(None)] * (rank - len(key)))
    if len(key) != rank or not all(isinstance(entry, slice) for entry in key) or key[0] != slice(None):
        return UNKNOWN
    key = [entry for number, entry in enumerate(key) if number not in (0, before.channel_axis)]
    axes = []
    for axis, entry, cells in zip(before.view, key, before.places, strict=True):
        first, _, step = entry.indices(cells)
        if step < 1:
            return UNKNOWN
        axes.append(axis.moved(first).window(1, step))
    return tuple(axes)


def _after_activation(layer, signal):
    """The view after the activation function of a layer: one of the user's own may mix places."""
    function = getattr(layer, "activation", None)
    if function is None or is_a(function, *IN_PLACE - {"Activation"}):
        return signal.view
    import keras

    name = getattr(function, "__name__", "")
    if not _of_keras(getattr(function, "__module__", "")) or not hasattr(keras.activations, name):
        return UNKNOWN
    if name in _MIX_CHANNELS and (signal.channels_first or signal.flattened):
        return UNKNOWN
    return signal.view
