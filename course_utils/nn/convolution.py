"""The layers that slide over an image: convolution and maximum pooling.

A convolution is a product of matrices: each row of the first is what the kernel sees at one place, each column of the
second is one filter. To gather all that is seen copies each pixel once for each cell of the kernel. Here a strip is
gathered, what one row of the kernel sees; the next row of the kernel sees the same strip, one row of pixels further
down. So each pixel is copied only as often as the kernel is wide, and there is one product for each row of the kernel.
One image is done at a time, in the same small arrays, so that all of this stays in the processor's cache.
"""

from dataclasses import dataclass

import numpy as np

from .layers import Layer, Parameter, channel_sums, initial_kernel, whole_number


def pair(name, value):
    """``value`` for both axes, as a tuple of two ints."""
    values = value if isinstance(value, (tuple, list)) else (value, value)
    if len(values) != 2:
        raise ValueError(f"{name} is {value!r}; it must be a whole number or two, (height, width).")
    return tuple(whole_number(name, one) for one in values)


def check_padding(padding):
    """An error where padding is neither "valid" nor "same"."""
    if padding not in ("valid", "same"):
        raise ValueError(f"padding is {padding!r}; it must be 'valid' (none) or 'same' (zeros around the image).")


def margins(size, window, stride, padding):
    """Cells that padding adds before and after an axis; "same" gives ceil(size / stride) places, as Keras does."""
    if padding == "same":
        total = max((-(-size // stride) - 1) * stride + window - size, 0)
        return total // 2, total - total // 2
    check_padding(padding)
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


def cells(offset, places, stride):
    """Where one row or column of a window comes to lie, at each place of an axis."""
    return slice(offset, offset + places * stride, stride)


def strips_of(images, width, stride):
    """What one row of a window sees, as a view: (batch, rows of pixels, places across, width, channels)."""
    view = np.lib.stride_tricks.sliding_window_view(images, width, axis=2)
    return view[:, :, ::stride].transpose(0, 1, 2, 4, 3)


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
    TypeError
        The images are whole numbers.
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
    window, strides = window_of(x, kernel), pair("strides", strides)
    padded, _ = pad(x, window, strides, padding)
    strips = strips_of(padded, window[1], strides[1])
    filters = kernel.shape[3]
    if bias is not None and np.shape(bias) != (filters,):
        raise ValueError(f"the bias has the shape {np.shape(bias)}; expected ({filters},), one for each filter.")
    weights = kernel.reshape(window[0], -1, filters)
    down, across = (padded.shape[1] - window[0]) // strides[0] + 1, strips.shape[2]
    output = np.empty((len(x), down, across, filters), dtype=x.dtype)

    strip, product = np.empty(strips.shape[1:], dtype=x.dtype), np.empty((down * across, filters), dtype=x.dtype)
    for view, image in zip(strips, output, strict=True):
        strip[:] = view
        out = image.reshape(-1, filters)
        out[:] = 0 if bias is None else bias
        for row in range(window[0]):
            seen = strip[cells(row, down, strides[0])].reshape(len(out), -1)
            out += np.matmul(seen, weights[row], out=product)
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

    Raises
    ------
    TypeError, ValueError
        As for `conv2d_forward`; or the gradient does not have the shape of its output.

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
    window, strides = window_of(x, kernel), pair("strides", strides)
    padded, inside = pad(x, window, strides, padding)
    strips = strips_of(padded, window[1], strides[1])
    weights = kernel.reshape(window[0], -1, kernel.shape[3])
    turned = np.ascontiguousarray(weights.transpose(0, 2, 1))  # else every product would turn it anew
    down, across = (padded.shape[1] - window[0]) // strides[0] + 1, strips.shape[2]
    expected = (len(x), down, across, kernel.shape[3])
    if gradient.shape != expected:
        raise ValueError(f"the gradient has the shape {gradient.shape}; expected {expected}, that of the output.")
    by_padded, by_weights = np.zeros_like(padded), np.zeros_like(weights)
    strip = np.empty(strips.shape[1:], dtype=x.dtype)
    for view, of_image, image in zip(strips, gradient, by_padded, strict=True):
        out = of_image.reshape(down * across, -1)
        strip[:] = view
        for row in range(window[0]):
            seen = strip[cells(row, down, strides[0])].reshape(len(out), -1)
            by_weights[row] += seen.T @ out
        if input_needed:  # from each place back to the strips that it saw, and from the strips to the pixels
            strip[:] = 0
            for row in range(window[0]):
                target = strip[cells(row, down, strides[0])]
                target += (out @ turned[row]).reshape(target.shape)
            for column in range(window[1]):
                image[:, cells(column, across, strides[1])] += strip[:, :, column]
    return by_padded[inside] if input_needed else None, by_weights.reshape(kernel.shape), channel_sums(gradient)


def window_of(x, kernel):
    """Height and width of the kernel, or an error where it does not fit the images."""
    if x.ndim != 4 or kernel.ndim != 4 or x.shape[3] != kernel.shape[2]:
        raise ValueError(
            f"images of shape {x.shape} and a kernel of shape {kernel.shape} do not fit: they must be (batch, height, "
            "width, channels) and (height, width, channels, filters) with the same number of channels."
        )
    if not np.issubdtype(x.dtype, np.floating):
        raise TypeError(f"the images are {x.dtype}; convolve numbers with fractions: x.astype('float32').")
    if np.result_type(x, kernel) != x.dtype:
        raise TypeError(f"the kernel is {kernel.dtype} and the images are {x.dtype}; use kernel.astype(x.dtype).")
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
        check_padding(self.padding)

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
        self._check_gradient(gradient)
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
        check_padding(self.padding)

    def build(self, input_shape, rng):
        self.input_shape = tuple(input_shape)
        self.output_shape = (*places_of(self, self.pool_size), input_shape[-1])

    def forward(self, x, training=False):
        self._check(x)
        self.padded, self.inside = pad(x, self.pool_size, self.strides, self.padding, value=-np.inf)
        first, *others = self._cells()
        self.output = self.padded[first].copy()
        for cell in others:
            np.maximum(self.output, self.padded[cell], out=self.output)
        return self.output

    def backward(self, gradient):
        self._check_gradient(gradient)
        by_padded = np.zeros_like(self.padded)
        waiting = gradient.copy()  # what has not reached its place yet
        for cell in self._cells():
            delivered = waiting * (self.padded[cell] == self.output)
            by_padded[cell] += delivered
            waiting -= delivered
        return by_padded[self.inside]

    def _cells(self):
        """For each cell of the window, where it comes to lie, as slices of a batch."""
        down, across, _ = self.output_shape
        for row in range(self.pool_size[0]):
            for column in range(self.pool_size[1]):
                yield slice(None), cells(row, down, self.strides[0]), cells(column, across, self.strides[1])


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
