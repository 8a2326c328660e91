"""The table of a whole network: what each layer of a Keras model outputs, costs, keeps and sees."""

import html
import math
from dataclasses import dataclass, field
from typing import NamedTuple

from .graph import is_nested, walk
from .keras2 import refuse_keras_2
from .sizes import conv_multiply_adds, whole_number
from .views import (
    CONVOLUTIONS,
    DEPTHWISE,
    EVERYTHING,
    OVER_PLACES,
    SEPARABLE,
    TRANSPOSED,
    UNKNOWN,
    Axis,
    Signal,
    channels,
    is_a,
    kinds,
    spatial,
    view_after,
)

_MEBIBYTE = 2**20
_FLOAT32_BYTES = 4
# Output the very values they are given, perhaps in another shape: nothing new to keep.
_RELABEL = ("Flatten", "Reshape", "Identity", "ActivityRegularization", "Squeeze", "ExpandDims", "InputLayer")
# Have no weights and yet compute more than a few operations a value, or what somebody else wrote.
_NOT_COUNTED = (
    *("Attention", "AdditiveAttention", "DotProductAttention", "Conv", "ConvTranspose", "DepthwiseConv"),
    *("SeparableConv", "Correlate", "GaussianBlur", "SobelEdges", "SSIM"),
    *("Dot", "Einsum", "Inner", "Kron", "Matmul", "Outer", "Tensordot", "Vdot", "Cross", "Corrcoef", "CDist", "Vander"),
    *("Cholesky", "CholeskyInverse", "Det", "Eig", "Eigh", "Inv", "JVP", "Logdet", "Lstsq", "LuFactor", "MatrixRank"),
    *("Norm", "Pinv", "Qr", "Slogdet", "Solve", "SolveTriangular", "SVD", "CTCDecode", "CTCLoss"),
    *("FFT", "FFT2", "IFFT2", "IRFFT", "ISTFT", "RFFT", "STFT", "STFTSpectrogram", "MelSpectrogram"),
    *("AssociativeScan", "Cond", "ForiLoop", "Map", "Scan", "Switch", "VectorizedMap", "WhileLoop"),
    *("ElasticTransform", "Function", "Lambda", "Model", "Pipeline", "RNN", "StackedRNNCells", "Wrapper"),
    *("FlaxLayer", "JaxLayer", "TFSMLayer", "TorchModuleWrapper"),
)
# Have weights and yet no sums of products, but a scale and a shift for each value (an embedding looks up).
_SCALE = (
    *("BatchNormalization", "GroupNormalization", "LayerNormalization", "RMSNormalization", "Normalization"),
    *("LayerScale", "PReLU", "Embedding"),
)


class Row(NamedTuple):
    """One call of one layer.

    Attributes
    ----------
    name : str
        Name of the layer; in a model within the model, ``model/layer``.
    kind : str
        Its class. A layer that is called again says so, and has no new parameters.
    output_shape : tuple
        For one image, without the batch; a tuple of shapes where there are several outputs.
    parameters : int
        Weights, trainable or not.
    multiply_adds : int or None
        For one image; None where it is not known how to count.
    activations : int or None
        New values for one image; None where their number depends on the image.
    receptive_field : tuple of int or None
        Pixels along each axis of the input that a unit sees; None where that is not known. It can exceed the image.
    sees_all : bool
        Whether each unit sees all that the layers before let through, as after global pooling.
    """

    name: str
    kind: str
    output_shape: tuple
    parameters: int
    multiply_adds: int | None
    activations: int | None
    receptive_field: tuple | None
    sees_all: bool = False


def _shape_text(shape):
    if shape and isinstance(shape[0], tuple):
        return ", ".join(_shape_text(part) for part in shape)
    return " x ".join("?" if size is None else str(size) for size in shape) or "1"


def _number_text(number):
    return "?" if number is None else f"{number:,}"


def _memory_text(values):
    """The memory of so many float32 values, in the unit that suits."""
    size = values * _FLOAT32_BYTES
    return f"{size / 1024:,.1f} KiB" if size < _MEBIBYTE else f"{size / _MEBIBYTE:,.1f} MiB"


@dataclass(frozen=True)
class Summary:
    """What `summarize` found: one `Row` for each call of a layer, and the totals. Prints as an aligned table."""

    name: str
    rows: tuple = field(repr=False)

    @property
    def parameters(self):
        """Weights of the model; a layer that is used twice counts once."""
        return sum(row.parameters for row in self.rows)

    @property
    def multiply_adds(self):
        """Multiply-adds for one image, over the layers for which they are known (see ``not_counted``)."""
        return sum(row.multiply_adds or 0 for row in self.rows)

    @property
    def activations(self):
        """Values that training keeps for one image."""
        return sum(row.activations or 0 for row in self.rows)

    @property
    def activations_mib(self):
        """The memory of these values in float32, in MiB (2**20 bytes)."""
        return self.activations * _FLOAT32_BYTES / _MEBIBYTE

    @property
    def not_counted(self):
        """Names of the layers whose multiply-adds are not known, so that the total is too small."""
        return tuple(row.name for row in self.rows if row.multiply_adds is None)

    def __getitem__(self, name):
        """The (first) row of a layer, by name."""
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(f"{self.name!r} has no layer {name!r}; it has {', '.join(row.name for row in self.rows)}")

    _HEADINGS = ("layer", "kind", "output", "parameters", "multiply-adds", "activations", "sees")

    def _cells(self):
        """The table as text: a tuple for each row, and the totals."""
        body = []
        for row in self.rows:
            sees = "all" if row.sees_all else "?" if row.receptive_field is None else _shape_text(row.receptive_field)
            numbers = map(_number_text, (row.parameters, row.multiply_adds, row.activations))
            body.append((row.name, row.kind, _shape_text(row.output_shape), *numbers, sees))
        least = ">= " if self.not_counted else ""  # in ASCII, which every terminal, pipe and file takes
        total = ("total", "", "", f"{self.parameters:,}", f"{least}{self.multiply_adds:,}", f"{self.activations:,}", "")
        return body, total

    def _notes(self):
        weights, activations = _memory_text(self.parameters), _memory_text(self.activations)
        notes = [f"Counted for one image. In float32, the weights take {weights} and the activations {activations}."]
        if self.not_counted:
            notes.append(f"Multiply-adds are not known for: {', '.join(self.not_counted)}.")
        return notes

    def __str__(self):
        body, total = self._cells()
        widths = [max(map(len, column)) for column in zip(self._HEADINGS, *body, total, strict=True)]

        def line(cells):
            parts = [
                cell.ljust(width) if number < 2 else cell.rjust(width)
                for number, (cell, width) in enumerate(zip(cells, widths, strict=True))
            ]
            return "  ".join(parts).rstrip()

        rule = "-" * len(line(["x" * width for width in widths]))
        return "\n".join([self.name, line(self._HEADINGS), rule, *map(line, body), rule, line(total), *self._notes()])

    def _repr_html_(self):
        body, total = self._cells()

        def line(cells, heading=False, weight="normal"):
            tag, scope = ("th", "col") if heading else ("td", "row")
            parts = []
            for number, cell in enumerate(cells):
                name = heading or number == 0
                style = f"text-align:{'left' if number < 2 else 'right'};padding:0.2em 0.5em;white-space:nowrap"
                opening = f'th scope="{scope}"' if name else tag
                if not heading:
                    style += f";font-weight:{weight}"
                text = html.escape(cell).replace(" x ", "&nbsp;&#215;&nbsp;")
                parts.append(f'<{opening} style="{style}">{text}</{"th" if name else tag}>')
            return f"<tr>{''.join(parts)}</tr>"

        name, notes = html.escape(self.name), html.escape(" ".join(self._notes()))
        # A wide table scrolls in its own box; a box that scrolls must be reachable by keyboard and have a name.
        return (
            f'<div><div role="region" tabindex="0" aria-label="{name}, table" style="overflow-x:auto">'
            f'<table class="dataframe" style="font-size:0.85em"><caption style="text-align:left">{name}</caption>'
            f"<thead>{line(self._HEADINGS, heading=True)}</thead>"
            f"<tbody>{''.join(map(line, body))}</tbody>"
            f"<tfoot>{line(total, weight='bold')}</tfoot></table></div>"
            f'<p style="font-size:0.85em">{notes}</p></div>'
        )


def _weights(layer):
    return layer.weights if hasattr(layer, "count_params") else ()  # an operation may have weights of another kind


def count_multiply_adds(layer, inputs, shape):
    """Multiply-adds of one call for one image, or None where they are not known.

    Only what a layer of Keras itself computes is known: one that derives from it and computes in its own way is not.
    """
    before = inputs[0].shape
    if is_a(layer, "SpectralNormalization"):
        return count_multiply_adds(layer.layer, inputs, shape)
    if is_a(layer, "TimeDistributed"):
        step = [one._replace(shape=one.shape[1:]) for one in inputs]
        adds = count_multiply_adds(layer.layer, step, shape[1:])
        return None if adds is None or shape[0] is None else shape[0] * adds
    if is_a(layer, *_SCALE):
        return 0
    sums = is_a(layer, *CONVOLUTIONS, *DEPTHWISE, *SEPARABLE, *TRANSPOSED, "Dense")
    if not sums:
        return 0 if kinds(layer) and not _weights(layer) and not is_a(layer, *_NOT_COUNTED) else None
    if None in (*before, *shape) or getattr(layer, "lora_enabled", False):
        return None
    if is_a(layer, "Dense"):
        return math.prod(shape) * before[-1]
    kernel, depth = layer.kernel_size, channels(before, layer)
    if is_a(layer, *CONVOLUTIONS):
        return conv_multiply_adds(spatial(shape, layer), kernel, depth, layer.filters, layer.groups)
    if is_a(layer, *TRANSPOSED):  # every value that goes in meets every weight once
        return conv_multiply_adds(spatial(before, layer), kernel, depth, layer.filters)
    places, spread = spatial(shape, layer), depth * layer.depth_multiplier
    adds = conv_multiply_adds(places, kernel, depth, spread, groups=depth)
    if is_a(layer, *SEPARABLE):
        adds += conv_multiply_adds(places, (1,) * len(places), spread, layer.filters)
    return adds


def _relabels(layer):
    if is_a(layer, "Activation"):
        return getattr(layer.activation, "__name__", "") == "linear"
    return is_a(layer, *_RELABEL)


def check_model(model, asked_by):
    """An error where a model cannot be walked through, in the name of the function that was asked to."""
    refuse_keras_2(model)
    if not is_nested(model):
        import keras

        if isinstance(model, keras.Model):
            raise TypeError(
                f"{model.name!r} is a {type(model).__name__} that computes in its own call method, so its layers cannot"
                " be listed. Build it as keras.Model(inputs, outputs) or keras.Sequential, or give a model inside it."
            )
        raise TypeError(
            f"{asked_by} was given {type(model).__name__}; it needs a Keras model, built with keras.Sequential or "
            "keras.Model(inputs, outputs). Put a single layer into keras.Sequential([keras.Input(...), layer])."
        )
    if not model.layers:
        raise ValueError(
            f"{model.name!r} has no layers, so there is nothing to count. Add some: {model.name}.add(...)."
        )
    if not model.built or not getattr(model, "inputs", None):
        raise ValueError(
            f"{model.name!r} is not built: without the shape of its input its layers have no weights. Start it with "
            "keras.Input(shape=(height, width, channels)), or call model.build((None, height, width, channels))."
        )


def input_shapes(model, input_shape):
    """Shapes of the inputs without the batch, None in none of them."""
    shapes = [tuple(tensor.shape[1:]) for tensor in model.inputs]
    if input_shape is not None:
        if len(shapes) != 1:
            raise ValueError(f"{model.name!r} has {len(shapes)} inputs; input_shape can be given for a model with one.")
        given = tuple(input_shape) if isinstance(input_shape, (tuple, list)) else (input_shape,)
        given = tuple(whole_number("a number of input_shape", size, 1) for size in given)
        if len(given) != len(shapes[0]) or any(map(lambda size, one: size not in (None, one), shapes[0], given)):
            raise ValueError(
                f"input_shape is {given}; {model.name!r} takes {shapes[0]}, without the batch, where None is any size."
            )
        shapes = [given]
    for shape in shapes:
        if None in shape:
            raise ValueError(
                f"{model.name!r} takes images of any size: its input has shape {shape}. Choose one: "
                "summarize(model, input_shape=(height, width, channels))."
            )
    return shapes


def _is_channels_first(model):
    """Where the channels of a model's image are: where its first layer that slides over places looks for them."""
    import keras

    for layer in _layers(model):
        if is_a(layer, *OVER_PLACES) and hasattr(layer, "data_format"):
            return layer.data_format == "channels_first"
    return keras.config.image_data_format() == "channels_first"


def _layers(model):
    for layer in model.layers:
        yield from _layers(layer) if is_nested(layer) else (layer,)


def _shape_for_one(spec):
    """A shape without the batch, where there is one."""
    return tuple(spec.shape[1:] if spec.shape and spec.shape[0] is None else spec.shape)


def summarize(model, input_shape=None):
    """Count what each layer of a model outputs, costs, keeps and sees.

    Parameters
    ----------
    model : keras.Model
        Built, Sequential or functional. Models inside it are opened, branches followed, shared layers counted once.
    input_shape : tuple of int, optional
        For one image, without the batch; for a model that takes images of any size.

    Returns
    -------
    Summary
        ``rows``, the totals ``parameters``, ``multiply_adds``, ``activations``, ``activations_mib``; an aligned table
        in a terminal, an HTML table in a notebook.

    Raises
    ------
    TypeError
        Not a Keras model, or one that computes in its own ``call`` method.
    ValueError
        The model is not built, or the size of its input is not known.

    Notes
    -----
    *Multiply-adds* are those of convolutions, transposed convolutions and dense layers, also inside `TimeDistributed`
    and `SpectralNormalization`. Biases, activation functions, pooling and normalisation take a few operations a value
    and are left out, as is usual. Other layers with weights, and layers that compute in their own way even where they
    derive from one of these, are not counted but named.

    *Activations* are the values that exist for one image: the input, and each layer's output. An activation function
    that a layer applies itself is part of its output; a separate one counts again. Layers that hand on the values that
    they are given (Flatten, Reshape, a nested Input) add none. Training keeps these values for the backward pass;
    gradients, workspaces and what a framework saves by computing in place are not in this number. VGG16 has 15,237,608.

    *Sees* is the receptive field: from the first to the last pixel, gaps of dilated kernels included, where no border
    is in the way. Where branches meet, it reaches from the first pixel of any branch to the last of any. Batch
    normalisation is taken as in prediction, where its statistics are constants.

    Taught in chapter 03, CNN mathematics.

    Examples
    --------
    >>> import keras
    >>> from keras import layers
    >>> model = keras.Sequential([
    ...     keras.Input((28, 28, 1)),
    ...     layers.Conv2D(8, 3, activation="relu", name="conv"),
    ...     layers.MaxPooling2D(name="pool"),
    ...     layers.Flatten(name="flatten"),
    ...     layers.Dense(10, name="dense"),
    ... ], name="small")
    >>> print(summarize(model))
    small
    layer    kind               output  parameters  multiply-adds  activations   sees
    ---------------------------------------------------------------------------------
    input    Input         28 x 28 x 1           0              0          784  1 x 1
    conv     Conv2D        26 x 26 x 8          80         48,672        5,408  3 x 3
    pool     MaxPooling2D  13 x 13 x 8           0              0        1,352  4 x 4
    flatten  Flatten              1352           0              0            0  4 x 4
    dense    Dense                  10      13,530         13,520           10    all
    ---------------------------------------------------------------------------------
    total                               13,610         62,192        7,554
    Counted for one image. In float32, the weights take 53.2 KiB and the activations 29.5 KiB.
    """
    import keras

    check_model(model, "summarize")
    shapes = input_shapes(model, input_shape)
    channels_first = _is_channels_first(model)
    rows, called, weighed = [], set(), set()

    def new_weights(owner):
        """The number of weights that no row before has."""
        new = {id(weight): weight for weight in _weights(owner) if id(weight) not in weighed}
        weighed.update(new)
        return sum(math.prod(weight.shape) for weight in new.values())

    def add(name, kind, signals, parameters, multiply_adds, activations):
        view, outputs = signals[0].view, tuple(signal.shape for signal in signals)
        field = None if view == UNKNOWN else signals[0].pixels
        if isinstance(view, tuple):
            field = tuple(axis.size for axis in view)
        shape = outputs[0] if len(outputs) == 1 else outputs
        rows.append(Row(name, kind, shape, parameters, multiply_adds, activations, field, view == EVERYTHING))

    def visit(name, layer, inputs, args, kwargs):
        kind = type(layer).__name__
        try:
            specs = keras.tree.flatten(layer.compute_output_spec(*args, **kwargs))
        except Exception as error:
            taken = ", ".join(_shape_text(signal.shape) for signal in inputs)
            raise ValueError(f"{name!r} ({kind}) cannot be computed from {taken}: {error}") from error
        outputs = [_shape_for_one(spec) for spec in specs]
        adds = count_multiply_adds(layer, inputs, outputs[0])
        by_image = all(one.shape and one.shape[0] is None for one in (*(signal.spec for signal in inputs), *specs))
        if not by_image and adds:  # images are mixed, or counted as something else
            adds = None
        pixels = {signal.pixels for signal in inputs}
        pixels = pixels.pop() if len(pixels) == 1 else None
        signals = []
        for shape, spec in zip(outputs, specs, strict=True):
            view = view_after(layer, inputs, shape, args, kwargs) if by_image else UNKNOWN
            signals.append(Signal(shape, view, channels_first, pixels, spec))
        again = " (again)" if id(layer) in called else ""
        called.add(id(layer))
        kept = (
            0 if _relabels(layer) else None if any(None in shape for shape in outputs) else sum(map(math.prod, outputs))
        )
        add(name, kind + again, signals, new_weights(layer), adds, kept)
        return signals

    inputs = []
    for tensor, shape in zip(model.inputs, shapes, strict=True):
        spec = keras.KerasTensor((None, *shape), dtype=tensor.dtype, name="image")
        signal = Signal(shape, (), channels_first, spec=spec)
        inputs.append(signal._replace(view=tuple(Axis() for _ in signal.places), pixels=signal.places))
        add(tensor.name if len(shapes) > 1 else "input", "Input", inputs[-1:], 0, 0, math.prod(shape))
    walk(model, inputs, visit, lambda signal: signal.spec)
    uncalled = new_weights(model)
    if uncalled:
        rows.append(Row("(not called)", "", (), uncalled, 0, 0, None))
    return Summary(model.name, tuple(rows))
