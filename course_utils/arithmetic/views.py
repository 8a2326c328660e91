"""What each unit of a network sees of the image, followed exactly through every kind of layer.

`receptive_fields` needs three numbers for a chain of convolutions. Up-sampling breaks that: of two neighbouring units,
one may see more than the other. But the pattern repeats, so an axis is described by one period of it.
"""

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
    """What flows along an edge of the network: the shape for one image, and the view that its units have."""

    shape: tuple
    view: object


def is_a(layer, *names):
    """Whether a layer has one of these classes, or derives from one. By name, so that no framework is imported."""
    return any(base.__name__ in names for base in type(layer).__mro__)


CONVOLUTIONS = ("Conv1D", "Conv2D", "Conv3D")
DEPTHWISE = ("DepthwiseConv1D", "DepthwiseConv2D")
SEPARABLE = ("SeparableConv1D", "SeparableConv2D")
TRANSPOSED = ("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose")
POOLINGS = tuple(f"{kind}Pooling{rank}D" for kind in ("Max", "Average") for rank in (1, 2, 3))
_UPSAMPLINGS = ("UpSampling1D", "UpSampling2D", "UpSampling3D")
_CROPPINGS = ("Cropping1D", "Cropping2D", "Cropping3D")
_PADDINGS = ("ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D")
_GLOBAL = (
    *(f"Global{kind}Pooling{rank}D" for kind in ("Max", "Average") for rank in (1, 2, 3)),
    *("Attention", "AdditiveAttention", "MultiHeadAttention", "GroupQueryAttention", "GroupNormalization"),
)
_ALONG_AN_AXIS = (
    *("LayerNormalization", "RMSNormalization", "UnitNormalization", "Softmax", "LogSoftmax", "Concatenate", "Flip"),
)
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


def _merge(signals, layer):
    views = [signal.view for signal in signals]
    if any(view == UNKNOWN for view in views):
        return UNKNOWN
    if len({spatial(signal.shape, layer) for signal in signals}) > 1:
        return UNKNOWN  # one is stretched over the other
    together = views[0]
    for view in views[1:]:
        if len(view) != len(together):
            return UNKNOWN
        together = tuple(axis.merged(other) for axis, other in zip(together, view, strict=True))
        if None in together:
            return UNKNOWN
    return together


def view_after(layer, inputs, shape):
    """The view that the output of a layer has, from its input signals and the shape of its output.

    A layer that is not known here gives `UNKNOWN`: a guess could be wrong in either direction.
    """
    if any(signal.view == EVERYTHING for signal in inputs):
        return EVERYTHING
    first = inputs[0]
    if is_a(layer, *_GLOBAL) or (is_a(layer, "Dense", "EinsumDense") and len(first.shape) == 1):
        return EVERYTHING
    view = _merge(inputs, layer)
    if view == UNKNOWN:
        return UNKNOWN
    if is_a(layer, *CONVOLUTIONS, *DEPTHWISE, *SEPARABLE, *TRANSPOSED, *POOLINGS):
        return _windows(layer, view, spatial(first.shape, layer), spatial(shape, layer))
    if is_a(layer, *_UPSAMPLINGS):
        interpolation = getattr(layer, "interpolation", "nearest")
        if interpolation not in ("nearest", "bilinear"):
            return UNKNOWN
        factors = _per_axis(layer.size, len(view))
        return tuple(axis.upsampled(factor, interpolation) for axis, factor in zip(view, factors, strict=True))
    if is_a(layer, *_CROPPINGS):
        return tuple(axis.moved(n) for axis, n in zip(view, _ends(layer.cropping, len(view)), strict=True))
    if is_a(layer, *_PADDINGS):
        return tuple(axis.moved(-n) for axis, n in zip(view, _ends(layer.padding, len(view)), strict=True))
    if is_a(layer, *_ALONG_AN_AXIS, *_REDUCTIONS):
        return _along(layer, view, len(first.shape))
    if is_a(layer, "Reshape") and spatial(shape, layer) != spatial(first.shape, layer):
        return UNKNOWN
    if is_a(layer, "Dense", "Reshape") or IN_PLACE.intersection(base.__name__ for base in type(layer).__mro__):
        return view
    return UNKNOWN


def _along(layer, view, rank):
    """The view after a layer that normalises, reduces, joins or turns round along its ``axis``."""
    axis = getattr(layer, "axis", -1)
    axes = range(1, rank + 1) if axis is None else axis if isinstance(axis, (tuple, list, range)) else (axis,)
    axes = {number % (rank + 1) for number in axes}  # counted with the batch
    if axes == {rank}:
        return view
    mixes = not is_a(layer, "Concatenate", "Flip")
    return EVERYTHING if axes >= set(range(1, rank)) and mixes else UNKNOWN
