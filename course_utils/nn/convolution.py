"""The layers that slide over an image: convolution and maximum pooling.

A convolution is a product of matrices: each row of the first is what the kernel sees at one place of an image, each
column of the second is one filter. Here the rows are gathered image by image, so that they stay in the processor's
cache between the gathering and the product.
"""

from dataclasses import dataclass

import numpy as np

from .layers import Layer, Parameter, initial_kernel, whole_number


def pair(name, value):
    """``value`` for both axes, as a tuple of two ints."""
    values = value if isinstance(value, (tuple, list)) else (value, value)
    if len(values) != 2:
        raise ValueError(f"{name} is {value!r}; it must be a whole number or two, (height, width).")
    return tuple(whole_number(name, one) for one in values)


def margins(size, window, stride, padding):
    """Cells that padding adds before and after an axis; "same" gives ceil(size / stride) places, as Keras does."""
    if padding == "same":
        total = max((-(-size // stride) - 1) * stride + window - size, 0)
        return total // 2, total - total // 2
    if padding != "valid":
        raise ValueError(f"padding is {padding!r}; it must be 'valid' (none) or 'same' (zeros around the image).")
    if window > size:
        raise ValueError(
            f"a window of {window} cells does not fit on an axis of {size}; use a smaller one, larger images, fewer "
            "poolings before it, or padding='same'."
        )
    return 0, 0


def pad(images, window, strides, padding, value=0):
    """The images with their margins, and the slices that cut these off again."""
    sizes = images.shape[1:3]
    before, after = zip(*map(margins, sizes, window, strides, (padding, padding)), strict=True)
    inside = (slice(None), *(slice(first, first + size) for first, size in zip(before, sizes, strict=True)))
    if not any(before + after):
        return images, inside
    shape = [size + first + last for size, first, last in zip(sizes, before, after, strict=True)]
    padded = np.full((len(images), *shape, images.shape[3]), value, dtype=images.dtype)
    padded[inside] = images
    return padded, inside


def windows_of(images, window, strides):
    """What a window sees at each place, as a view: (batch, places down, places across, height, width, channels)."""
    view = np.lib.stride_tricks.sliding_window_view(images, window, axis=(1, 2))
    return view[:, :: strides[0], :: strides[1]].transpose(0, 1, 2, 4, 5, 3)


def conv2d_forward(x, kernel, bias=None, strides=1, padding="valid"):
    """Convolve images with filters. As everywhere in deep learning, the filters are not turned over.

    Parameters
    ----------
    x : ndarray
        (batch, height, width, channels), float32 or float64.
    kernel : ndarray
        (height, width, channels, filters), of the same dtype.
    bias : ndarray or None
        (filters,), added at every place.
    strides : int or (int, int)
    padding : {"valid", "same"}

    Returns
    -------
    ndarray
        (batch, places down, places across, filters).

    Raises
    ------
    ValueError
        The shapes do not fit together, or the kernel is larger than the image.

    Notes
    -----
    Source: Chellapilla, Puri and Simard (2006), High performance convolutional neural networks for document
    processing, for convolution as a product of matrices. Taught in chapter 04, A CNN library.

    Examples
    --------
    >>> image = np.arange(9.0).reshape(1, 3, 3, 1)
    >>> conv2d_forward(image, np.ones((2, 2, 1, 1))).squeeze()
    array([[ 8., 12.],
           [20., 24.]])
    """
    strides, window = pair("strides", strides), _window(x, kernel)
    windows = windows_of(pad(x, window, strides, padding)[0], window, strides)
    places, filters = windows.shape[1:3], kernel.shape[-1]
    output = np.empty((len(x), *places, filters), dtype=x.dtype)
    columns = np.empty(windows.shape[1:], dtype=x.dtype)
    matrix = kernel.reshape(-1, filters)
    for seen, out in zip(windows, output, strict=True):
        columns[:] = seen
        np.matmul(columns.reshape(-1, len(matrix)), matrix, out=out.reshape(-1, filters))
    if bias is not None:
        output += bias
    return output


def conv2d_backward(gradient, x, kernel, strides=1, padding="valid", input_needed=True):
    """Gradients of the loss by the input, the kernel and the bias of `conv2d_forward`.

    Parameters
    ----------
    gradient : ndarray
        By the output, in its shape.
    x, kernel, strides, padding
        As they were given to `conv2d_forward`.
    input_needed : bool
        False saves a good third of the time where nobody asks for the gradient by the input: it is None then.

    Returns
    -------
    tuple of ndarray
        The gradients by ``x``, by ``kernel`` and by the bias.

    Notes
    -----
    What the kernel saw is gathered once more: to keep it would take as much memory as the kernel has cells, for every
    pixel. Taught in chapter 04, A CNN library.

    Examples
    --------
    >>> image = np.arange(9.0).reshape(1, 3, 3, 1)
    >>> by_image, by_kernel, by_bias = conv2d_backward(np.ones((1, 2, 2, 1)), image, np.ones((2, 2, 1, 1)))
    >>> by_image.squeeze()
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]])
    """
    strides, window = pair("strides", strides), _window(x, kernel)
    padded, inside = pad(x, window, strides, padding)
    windows = windows_of(padded, window, strides)
    columns = np.empty(windows.shape[1:], dtype=x.dtype)
    rows = columns.reshape(-1, kernel[..., 0].size)
    matrix = kernel.reshape(-1, kernel.shape[-1])
    by_matrix = np.zeros_like(matrix)
    by_padded = np.zeros_like(padded)
    for seen, out, image in zip(windows, gradient, by_padded, strict=True):
        out = out.reshape(-1, out.shape[-1])
        columns[:] = seen
        by_matrix += rows.T @ out
        if input_needed:
            np.matmul(out, matrix.T, out=rows)
            for place, target in each_offset(image, columns.shape[:2], window, strides):
                target += columns[:, :, place[0], place[1]]
    by_input = by_padded[inside] if input_needed else None
    return by_input, by_matrix.reshape(kernel.shape), gradient.sum(axis=(0, 1, 2))


def each_offset(image, places, window, strides):
    """For each cell of the window, its offset and a view of the cells of ``image`` that it meets, place by place."""
    for down in range(window[0]):
        for across in range(window[1]):
            rows = slice(down, down + places[0] * strides[0], strides[0])
            columns = slice(across, across + places[1] * strides[1], strides[1])
            yield (down, across), image[..., rows, columns, :][..., : places[0], : places[1], :]


def _window(x, kernel):
    if x.ndim != 4 or kernel.ndim != 4 or x.shape[3] != kernel.shape[2]:
        raise ValueError(
            f"images of shape {x.shape} and a kernel of shape {kernel.shape} do not fit: they must be (batch, height, "
            "width, channels) and (height, width, channels, filters) with the same number of channels."
        )
    return kernel.shape[:2]


@dataclass(eq=False)
class Conv2D(Layer):
    """Convolution of images with filters that are learned.

    Parameters
    ----------
    filters : int
        Number of filters, which are the channels of the output.
    kernel_size : int or (int, int)
        Height and width of a filter in pixels.
    strides : int or (int, int)
        Pixels from one place to the next.
    padding : {"valid", "same"}
        Nothing, or zeros around the image so that stride 1 keeps its size.
    kernel_initializer : str, float or callable
        As in `Linear`.

    Raises
    ------
    TypeError, ValueError
        A number is not a positive whole one, the padding is unknown, the input is no image, or the kernel is larger.

    Notes
    -----
    Computed by `conv2d_forward` and `conv2d_backward`. Taught in chapter 04, A CNN library.

    Examples
    --------
    >>> layer = Conv2D(32, 5, padding="same")
    >>> layer.build((32, 32, 3), np.random.default_rng(0))
    >>> layer.output_shape, layer.kernel.value.shape
    ((32, 32, 32), (5, 5, 3, 32))
    """

    filters: int
    kernel_size: object
    strides: object = 1
    padding: str = "valid"
    kernel_initializer: object = "glorot_uniform"

    def __post_init__(self):
        self.filters = whole_number("filters", self.filters)
        self.kernel_size, self.strides = pair("kernel_size", self.kernel_size), pair("strides", self.strides)

    def build(self, input_shape, rng):
        self.input_shape = tuple(input_shape)
        places = places_of(self, self.kernel_size)
        self.output_shape = (*places, self.filters)
        shape = (*self.kernel_size, input_shape[-1], self.filters)
        self.kernel = Parameter("kernel", initial_kernel(self.kernel_initializer, shape, rng))
        self.bias = Parameter("bias", np.zeros(self.filters, dtype="float32"))

    def forward(self, x, training=False):
        self._check(x)
        self.x = x
        return conv2d_forward(x, self.kernel.value, self.bias.value, self.strides, self.padding)

    def backward(self, gradient):
        by_input, self.kernel.gradient, self.bias.gradient = conv2d_backward(
            gradient, self.x, self.kernel.value, self.strides, self.padding, self.input_needed
        )
        return by_input

    def parameters(self):
        return [self.kernel, self.bias]


@dataclass(eq=False)
class MaxPool2D(Layer):
    """The largest value in each window, for each channel by itself.

    The gradient goes to where the largest value was; to the first of them, row by row, if there are several.

    Parameters
    ----------
    pool_size : int or (int, int)
        Height and width of the window in pixels.
    strides : int, (int, int) or None
        Pixels from one window to the next. None stands for ``pool_size``: windows side by side.
    padding : {"valid", "same"}
        Nothing, or cells around the image that are never the largest.

    Raises
    ------
    TypeError, ValueError
        A number is not a positive whole one, the padding is unknown, the input is no image, or the window is larger.

    Notes
    -----
    Taught in chapter 04, A CNN library.

    Examples
    --------
    >>> layer = MaxPool2D(2)
    >>> layer.build((2, 4, 1), np.random.default_rng(0))
    >>> layer.forward(np.arange(8.0).reshape(1, 2, 4, 1)).squeeze()
    array([5., 7.])
    """

    pool_size: object = 2
    strides: object = None
    padding: str = "valid"

    def __post_init__(self):
        self.pool_size = pair("pool_size", self.pool_size)
        self.strides = self.pool_size if self.strides is None else pair("strides", self.strides)

    def build(self, input_shape, rng):
        self.input_shape = tuple(input_shape)
        self.output_shape = (*places_of(self, self.pool_size), input_shape[-1])

    def forward(self, x, training=False):
        self._check(x)
        self.padded, self.inside = pad(x, self.pool_size, self.strides, self.padding, value=-np.inf)
        self.output = np.full((len(x), *self.output_shape), -np.inf, dtype=x.dtype)
        for _, seen in each_offset(self.padded, self.output_shape[:2], self.pool_size, self.strides):
            np.maximum(self.output, seen, out=self.output)
        return self.output

    def backward(self, gradient):
        by_padded = np.zeros_like(self.padded)
        waiting = gradient.copy()  # what has not reached its place yet
        places = self.output_shape[:2]
        sources = each_offset(self.padded, places, self.pool_size, self.strides)
        targets = each_offset(by_padded, places, self.pool_size, self.strides)
        for (_, seen), (_, target) in zip(sources, targets, strict=True):
            delivered = waiting * (seen == self.output)
            target += delivered
            waiting -= delivered
        return by_padded[self.inside]


def places_of(layer, window):
    """Places of a layer's window on its input, (down, across); an error if there are none."""
    name, shape = type(layer).__name__, layer.input_shape
    if len(shape) != 3:
        raise ValueError(f"{name} was given inputs of shape {shape}; it needs images, (height, width, channels).")
    places = []
    for size, cells, stride in zip(shape, window, layer.strides, strict=False):
        before, after = margins(size, cells, stride, layer.padding)
        places.append((before + size + after - cells) // stride + 1)
    return tuple(places)
