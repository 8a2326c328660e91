"""Computing what a plan says: one clean pass that keeps its maps, then batches of windows for batches of positions.

Works on every backend through `keras.ops`. The clean pass and the windows run the same lines (`_Network.layer`), once
on whole maps and once on windows, so there is one description of what each layer computes.
"""

from functools import partial

import keras
import numpy as np
from keras import ops

from ...arithmetic.changes import fill_slots
from ...arithmetic.views import CONVOLUTIONS, DEPTHWISE, POOLINGS, SEPARABLE, TRANSPOSED
from ..compiled import compiled
from ..scores import squashing, without_activation

_WITH_KERNELS = (*CONVOLUTIONS, *DEPTHWISE, *SEPARABLE, *TRANSPOSED)


class Network:
    """A network ready for one size of image, patch and stride.

    Parameters
    ----------
    plan : Plan
    model : keras.Model
        It is not kept. The values of its variables are read anew for each image.
    logits : bool
        Leave out the softmax or the sigmoid at the end.
    """

    def __init__(self, plan, model, logits=False):
        self.parts, self._steps = plan.parts, plan.parts[0].steps  # the same layers in all parts
        self._dtype = model.inputs[0].dtype
        self._unsquashed = _end(self._steps) if logits else None
        every = [step for part in plan.parts for step in part.steps]
        self._tables = list({cut.table: cut for step in every for cut in step.cuts if cut}.values())
        self._number = {cut.table: number for number, cut in enumerate(self._tables)}
        folded = {step.folded_into for step in self._steps}
        cut = {number for part in plan.parts for number, step in enumerate(part.steps) if any(step.cuts)}
        self._apart = {n for n in folded | cut if n is not None and self._steps[n].call.kind in _WITH_KERNELS}
        self._averaged = sorted({step.call.inputs[0] for step in every if _adds_to_mean(step)})
        variables = model.variables
        self.clean = compiled(self._clean, variables)
        self.outputs = [compiled(partial(self._outputs, part.steps), variables) for part in plan.parts]
        self.whole = compiled(lambda images: self._values(images)[-1], variables)

    def _clean(self, image, filled):
        """Everything that the windows need of an image, and the network's output for it.

        Parameters
        ----------
        image, filled : tensors, shape (1, height, width, channels)
            The image, and what the patch shows wherever it lies.

        Returns
        -------
        tuple
            The state that `outputs` takes, and the output, shape (1, classes).
        """
        weights = [self._weights(number) for number in range(len(self._steps))]
        values = self._values(image, weights)
        tables = [_table(values[cut.call], cut) for cut in self._tables]
        means = [ops.mean(ops.cast(values[number], "float32"), axis=(1, 2)) for number in self._averaged]
        filled = ops.cast(ops.reshape(filled, (-1, filled.shape[-1])), self._dtype)
        return (tables, weights, means, filled), values[-1]

    def _values(self, images, weights=None):
        """The outputs of all steps for whole images; with the weights of the windows, or as the model computes."""
        images, values = ops.cast(images, self._dtype), []
        for number, step in enumerate(self._steps):
            inputs = [values[index] for index in step.call.inputs]
            values.append(self.layer(number, step, inputs, weights) if step.call.layer else images)
        return values

    def _outputs(self, steps, state, rows, columns):
        """The network's outputs with the patch at positions (rows, columns), which count along the axes of a part.

        Parameters
        ----------
        steps : tuple of Step
            Of the part.
        state : what `clean` returned
        rows, columns : int32 tensors, shape (positions,)

        Returns
        -------
        tensor, shape (positions, classes)
        """
        tables, weights, means, filled = state
        means, values = dict(zip(self._averaged, means, strict=True)), []
        for number, step in enumerate(steps):
            if step.call.layer is None:
                values.append(_crop(filled, step, rows, columns))
                continue
            inputs = []
            for index, cut in zip(step.call.inputs, step.cuts, strict=True):
                value = values[index]
                if cut is not None:
                    table = tables[self._number[cut.table]]
                    if _adds_to_mean(step):
                        value = value - ops.take(table, _clean_indices(cut, rows, columns), axis=0)
                    else:
                        value = _gather(table, value, cut, rows, columns)
                inputs.append(value)
            if _adds_to_mean(step):
                (averaged,) = step.call.inputs
                cells = np.prod(steps[averaged].call.shape[:2])
                value = means[averaged] + ops.sum(ops.cast(inputs[0], "float32"), axis=(1, 2)) / float(cells)
                value = ops.cast(ops.reshape(value, (-1, *step.call.shape)), step.call.layer.compute_dtype)
            else:
                value = self.layer(number, step, inputs, weights, at=(rows, columns))
            values.append(value)
        return values[-1]

    # ------------------------------------------------------------------------------------------ what a layer computes

    def layer(self, number, step, inputs, weights=None, at=None):
        """Output of a step's layer: for whole maps, or for windows ``at`` positions, with the padding in them."""
        cut = step.cuts[0] if step.cuts and at is not None else None
        kind, layer = step.call.kind, step.call.layer
        moved = kind == "ZeroPadding2D" and at is not None and not step.complete
        if (weights and step.folded_into is not None) or moved or (cut is not None and kind == "Cropping2D"):
            return inputs[0]  # its work is done in the kernel, or by where the windows lie
        if number == self._unsquashed:
            if squashing(layer) == "itself":
                return inputs[0]
            layer = without_activation(layer)
        if weights and number in self._apart:
            return _convolve(layer, kind, inputs[0], *weights[number], cut)
        if cut is not None and kind in POOLINGS:
            return _pool(layer, kind, inputs[0], cut, at)
        slots = dict(zip(step.call.inputs, inputs, strict=False))
        args, kwargs = fill_slots((step.call.args, step.call.kwargs), lambda slot: slots[slot.call])
        if isinstance(layer, keras.Layer):  # Keras hands it to the layers inside, and not to one that does not know it
            kwargs = {**kwargs, "training": False}
        return layer(*args, **kwargs)

    def _weights(self, number):
        """Kernels and bias of a convolution, the batch normalisation after it multiplied into them."""
        if number not in self._apart:
            return []
        kind, layer = self._steps[number].call.kind, self._steps[number].call.layer
        if kind in SEPARABLE:
            kernels = [layer.depthwise_kernel, layer.pointwise_kernel]
        else:
            kernels = [layer.kernel]
        kernels = [ops.cast(kernel, layer.compute_dtype) for kernel in kernels]
        bias = ops.cast(layer.bias, layer.compute_dtype) if layer.use_bias else None
        for step in self._steps:
            if step.folded_into == number:
                kernels[-1], bias = _folded(kind, kernels[-1], bias, step.call.layer)
        return [kernels, bias]


def _end(steps):
    """The step whose softmax or sigmoid ends the network, or None."""
    number = len(steps) - 1
    while steps[number].call.layer and squashing(steps[number].call.layer) == "passes on":
        (number,) = steps[number].call.inputs
    return number if squashing(steps[number].call.layer) in ("itself", "within") else None


def _adds_to_mean(step):
    return bool(step.cuts) and step.cuts[0] is not None and step.call.kind == "GlobalAveragePooling2D"


def _folded(kind, kernel, bias, normalisation):
    """Kernel and bias that give what convolution and normalisation give together."""
    scale = ops.rsqrt(normalisation.moving_variance + normalisation.epsilon)
    if normalisation.scale:
        scale = scale * normalisation.gamma
    shift = -normalisation.moving_mean if bias is None else bias - normalisation.moving_mean
    shift = shift * scale
    if normalisation.center:
        shift = shift + normalisation.beta
    by_channel = ops.reshape(scale, kernel.shape[2:]) if kind in DEPTHWISE else scale
    return kernel * by_channel, shift


def _convolve(layer, kind, x, kernels, bias, cut):
    kernels = list(kernels)
    x = ops.cast(x, layer.compute_dtype)
    strides, padding, dilation = layer.strides, layer.padding, layer.dilation_rate
    if kind in TRANSPOSED:
        if cut is None:
            x = ops.conv_transpose(
                x, kernels[0], strides, padding, output_padding=layer.output_padding, dilation_rate=dilation
            )
        else:  # cells apart, zeros between them: a convolution with the kernel turned round
            turned = ops.transpose(ops.flip(kernels[0], axis=(0, 1)), (0, 1, 3, 2))
            x = ops.conv(x, turned, 1, "valid", dilation_rate=dilation)
    else:
        if cut is not None:
            padding = "valid"
            if kernels[0].shape[:2] == (1, 1):  # only the cells under the strides were read
                strides = 1
        if kind in (*DEPTHWISE, *SEPARABLE):
            x = ops.depthwise_conv(x, kernels.pop(0), strides, padding, dilation_rate=dilation)
            strides, padding, dilation = 1, "valid", 1
        if kernels:
            x = ops.conv(x, kernels[0], strides, padding, dilation_rate=dilation)
    if bias is not None:
        x = ops.add(x, ops.reshape(bias, (1, 1, 1, -1)))
    return x if layer.activation is None else layer.activation(x)


def _pool(layer, kind, x, cut, at):
    x = ops.cast(x, layer.compute_dtype)
    pool = ops.max_pool if kind == "MaxPooling2D" else ops.average_pool
    strides = 1 if tuple(layer.pool_size) == (1, 1) else layer.strides
    x = pool(x, layer.pool_size, strides, "valid")
    if (
        kind == "AveragePooling2D" and layer.padding == "same"
    ):  # a mean over the cells that are there, not over the padding
        rows, columns = (
            ops.take(_filled_share(reading, size, stride), index, axis=0)
            for reading, size, stride, index in zip(
                (cut.rows, cut.columns), layer.pool_size, layer.strides, at, strict=True
            )
        )
        share = rows[:, :, None, None] * columns[:, None, :, None]
        x = ops.cast(ops.cast(x, "float32") / share, layer.compute_dtype)
    return x


def _filled_share(reading, size, stride):
    """The share of each pooling window that is not padding, a row for each position."""
    inside = (reading.clean >= reading.before) & (reading.clean < reading.table - reading.after)
    windows = np.lib.stride_tricks.sliding_window_view(inside, size, axis=1)[:, ::stride]
    return windows.mean(axis=-1).astype("float32")


# --------------------------------------------------------------------------------------------------------- windows


def _table(value, cut):
    """The clean map of a call, spaced and padded as a cut wants it, as rows of channels."""
    for axis, reading in ((1, cut.rows), (2, cut.columns)):
        if reading.spacing > 1:
            value = _spaced(value, axis, reading.spacing)
    padding = ((0, 0), (cut.rows.before, cut.rows.after), (cut.columns.before, cut.columns.after), (0, 0))
    if any(map(any, padding)):
        value = ops.pad(value, padding, constant_values=cut.value)
    return ops.reshape(value, (-1, value.shape[-1]))


def _spaced(value, axis, spacing):
    """The cells of one axis moved apart, zeros between them."""
    shape = list(value.shape)
    between = ops.expand_dims(value, axis + 1)
    padding = [(0, 0)] * (len(shape) + 1)
    padding[axis + 1] = (0, spacing - 1)
    shape[axis] *= spacing
    value = ops.reshape(ops.pad(between, padding), shape)
    return ops.take(value, np.arange(shape[axis] - spacing + 1), axis=axis)


def _clean_indices(cut, rows, columns):
    """Where the cells that are read lie in the clean table, shape (positions, height, width)."""
    down = ops.take(cut.rows.clean.astype("int32") * cut.columns.table, rows, axis=0)
    across = ops.take(cut.columns.clean.astype("int32"), columns, axis=0)
    return down[:, :, None] + across[:, None, :]


def _gather(table, windows, cut, rows, columns):
    """What a layer reads: the cells of the windows where they reach, of the clean map elsewhere."""
    count, height, width, channels = windows.shape
    down = np.maximum(cut.rows.window * width, cut.rows.window.min()).astype("int32")
    down = ops.take(down, rows, axis=0)
    across = ops.take(cut.columns.window.astype("int32"), columns, axis=0)
    first = np.arange(count, dtype="int32")[:, None] * (height * width) + table.shape[0]
    in_windows = (down + first)[:, :, None] + across[:, None, :]
    # The windows stand after the clean map, so of two places the later one is in a window, if one is.
    places = ops.maximum(in_windows, _clean_indices(cut, rows, columns))
    return ops.take(ops.concatenate([table, ops.reshape(windows, (-1, channels))]), places, axis=0)


def _crop(filled, step, rows, columns):
    """What the patch shows at its positions."""
    down, across = (
        ops.take((axis.origins[:, None] + np.arange(axis.size)).astype("int32"), index, axis=0)
        for axis, index in zip(step.placement, (rows, columns), strict=True)
    )
    return ops.take(filled, down[:, :, None] * step.placement[1].cells + across[:, None, :], axis=0)
