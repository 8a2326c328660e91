"""What a layer is, and the layers that are no convolution."""

import math
import numbers
import operator
from dataclasses import dataclass

import numpy as np


@dataclass(eq=False)
class Parameter:
    """An array that training changes.

    Attributes
    ----------
    name : str
        ``"kernel"``, ``"bias"``, ``"gamma"`` or ``"beta"``.
    value : ndarray
        Float32, unless you put something else there.
    gradient : ndarray or None
        Of the loss by ``value``, in its shape; `Layer.backward` fills it.
    shape : tuple of int
        That of the first ``value``, which every later one must have too.

    Notes
    -----
    Taught in chapter 04, A CNN library.

    Examples
    --------
    >>> Parameter("bias", np.zeros(3, "float32")).value.shape
    (3,)
    """

    name: str
    value: np.ndarray
    gradient: np.ndarray | None = None

    def __post_init__(self):
        self.shape = np.shape(self.value)

    def check(self):
        """A ValueError where the value, or the gradient, does not have the shape: NumPy would spread it in silence."""
        for name, array in (("value", self.value), ("gradient", self.gradient)):
            if array is not None and np.shape(array) != self.shape:
                raise ValueError(f"the {name} of {self.name} has the shape {np.shape(array)}; expected {self.shape}.")


class Layer:
    """What every layer answers. Derive from it to write one of your own; `forward` and `backward` are enough.

    Attributes
    ----------
    input_shape, output_shape : tuple of int
        Of one example, without the batch; known once the layer is built.
    input_needed : bool
        Whether `backward` has to give the gradient by the input. The first layer of a network in training need not.

    Notes
    -----
    Taught in chapter 04, A CNN library.

    Examples
    --------
    >>> from course_utils.nn import Sequential
    >>> class Double(Layer):
    ...     def forward(self, x, training=False):
    ...         return 2 * x
    ...     def backward(self, gradient):
    ...         return 2 * gradient
    >>> Sequential([Double()], input_shape=(3,)).predict(np.ones((1, 3)))
    array([[2., 2., 2.]], dtype=float32)
    """

    input_needed = True

    def build(self, input_shape, rng):
        """Learn the shape of the input, and make the parameters with the ``numpy.random.Generator`` ``rng``."""
        self.input_shape = self.output_shape = tuple(input_shape)

    def forward(self, x, training=False):
        """Output of the layer for a batch. Keeps what `backward` needs."""
        raise NotImplementedError(f"{type(self).__name__} has no forward(self, x, training=False); write one.")

    def backward(self, gradient):
        """From the gradient of the loss by the last output, that by the input; fills `Parameter.gradient`."""
        raise NotImplementedError(f"{type(self).__name__} has no backward(self, gradient); write one.")

    def parameters(self):
        """The parameters that training changes, as a list of `Parameter`."""
        return []

    def arrays(self):
        """Everything that a file has to keep, by name: the parameters, and what else the layer has learned."""
        return {parameter.name: parameter.value for parameter in self.parameters()}

    def __getattr__(self, name):  # only called where there is no such attribute
        raise AttributeError(
            f"{type(self).__name__} has no {name!r}. Shapes and parameters exist once the layer is built "
            "(Sequential does it, or layer.build(input_shape, rng)), and what backward needs after forward."
        )

    def _check(self, x):
        if x.shape[1:] != self.input_shape:
            raise ValueError(
                f"{type(self).__name__} was given an array of shape {x.shape}; it was built for "
                f"{('batch', *self.input_shape)}."
            )
        for parameter in self.parameters():
            parameter.check()
        self.batch = len(x)

    def _check_gradient(self, gradient, shape=None):
        expected = (self.batch, *self.output_shape) if shape is None else shape
        if np.shape(gradient) != expected:
            raise ValueError(
                f"{type(self).__name__} was given a gradient of shape {np.shape(gradient)}; expected {expected}, the "
                "shape of its last output."
            )


def whole_number(name, value, at_least=1):
    """``value`` as an int, or an error that names the argument."""
    try:
        number = operator.index(value)
        if isinstance(value, bool):
            raise TypeError
    except TypeError:
        raise TypeError(f"{name} is {value!r} ({type(value).__name__}); it must be a whole number.") from None
    if number < at_least:
        raise ValueError(f"{name} is {number}; it must be at least {at_least}.")
    return number


def check_number(name, value, low, high=math.inf, low_too=True):
    """An error where ``value`` is not a number from ``low`` to below ``high``."""
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise TypeError(f"{name} is {value!r} ({type(value).__name__}); it must be a number.")
    if not (low < value < high or (low_too and value == low)):
        start = f"at least {low}" if low_too else f"above {low}"
        raise ValueError(
            f"{name} is {value!r}; it must be {start} and {f'below {high}' if high < math.inf else 'finite'}."
        )


def initial_kernel(initializer, shape, rng):
    """A kernel to start from: float32, (..., inputs, outputs).

    Glorot's and He's variances keep the size of the signal from layer to layer, for tanh and for ReLU. Unlike in
    Keras, the tails of the normal ones are not cut off.

    Examples
    --------
    >>> kernel = initial_kernel("he_normal", (3, 3, 32, 64), np.random.default_rng(0))
    >>> print(f"{kernel.std():.3f} is about {math.sqrt(2 / (3 * 3 * 32)):.3f}")
    0.083 is about 0.083
    """
    fan_in, fan_out = math.prod(shape[:-1]), math.prod(shape[:-2]) * shape[-1]
    variances = {"glorot": 2 / (fan_in + fan_out), "he": 2 / fan_in}
    if callable(initializer):
        kernel = np.asarray(initializer(shape, rng), dtype="float32")
        if kernel.shape != shape:
            raise ValueError(f"kernel_initializer returned the shape {kernel.shape}; it was asked for {shape}.")
        return kernel
    if isinstance(initializer, numbers.Real) and not isinstance(initializer, bool):
        check_number("kernel_initializer", initializer, 0)
        return initializer * rng.standard_normal(shape, dtype="float32")
    if initializer == "zeros":
        return np.zeros(shape, dtype="float32")
    scheme, _, distribution = str(initializer).partition("_")
    if scheme in variances and distribution == "normal":
        return math.sqrt(variances[scheme]) * rng.standard_normal(shape, dtype="float32")
    if scheme in variances and distribution == "uniform":
        limit = math.sqrt(3 * variances[scheme])  # the variance of a uniform distribution is limit² / 3
        return limit * (2 * rng.random(shape, dtype="float32") - 1)
    raise ValueError(
        f"kernel_initializer is {initializer!r}; it must be 'glorot_uniform', 'glorot_normal', 'he_uniform', "
        "'he_normal', 'zeros', a standard deviation such as 0.01, or a function(shape, rng) that returns the kernel."
    )


@dataclass(eq=False)
class Linear(Layer):
    """Each output is a weighted sum of all inputs, and a bias: ``x @ kernel + bias``. Keras calls it Dense.

    Parameters
    ----------
    units : int
        Number of outputs.
    kernel_initializer : str, float or callable
        ``"glorot_uniform"``, ``"glorot_normal"``, ``"he_uniform"``, ``"he_normal"``, ``"zeros"``, the standard
        deviation of a normal distribution, or a function(shape, rng). The bias starts at zero.

    Raises
    ------
    TypeError, ValueError
        ``units`` is no positive whole number; the input is not one row an example; the initialiser is unknown.

    Notes
    -----
    Source: Glorot and Bengio (2010), Understanding the difficulty of training deep feedforward neural networks;
    He et al. (2015), Delving deep into rectifiers. Taught in chapter 04, A CNN library.

    Examples
    --------
    >>> layer = Linear(10)
    >>> layer.build((256,), np.random.default_rng(0))
    >>> layer.forward(np.ones((64, 256), "float32")).shape
    (64, 10)
    """

    units: int
    kernel_initializer: object = "glorot_uniform"

    def __post_init__(self):
        self.units = whole_number("units", self.units)

    def build(self, input_shape, rng):
        if len(input_shape) != 1:
            raise ValueError(
                f"Linear was given inputs of shape {tuple(input_shape)}; it needs (features,). Flatten() first."
            )
        self.input_shape, self.output_shape = tuple(input_shape), (self.units,)
        self.kernel = Parameter("kernel", initial_kernel(self.kernel_initializer, (*input_shape, self.units), rng))
        self.bias = Parameter("bias", np.zeros(self.units, dtype="float32"))

    def forward(self, x, training=False):
        self._check(x)
        self.x = x
        return x @ self.kernel.value + self.bias.value

    def backward(self, gradient):
        self._check_gradient(gradient)
        self.kernel.gradient = self.x.T @ gradient
        self.bias.gradient = gradient.sum(axis=0)
        return gradient @ self.kernel.value.T if self.input_needed else None

    def parameters(self):
        return [self.kernel, self.bias]


@dataclass(eq=False)
class ReLU(Layer):
    """``max(0, x)``. At zero, where there is no slope, the gradient is taken to be zero, as in Keras.

    Notes
    -----
    Taught in chapter 04, A CNN library.

    Examples
    --------
    >>> ReLU().forward(np.array([-1.0, 2.0]))
    array([0., 2.])
    """

    def forward(self, x, training=False):
        self.output = np.maximum(x, 0)
        return self.output

    def backward(self, gradient):
        self._check_gradient(gradient, self.output.shape)
        return gradient * (self.output > 0)


@dataclass(eq=False)
class Tanh(Layer):
    """The hyperbolic tangent, between -1 and 1.

    Notes
    -----
    Taught in chapter 04, A CNN library.

    Examples
    --------
    >>> Tanh().forward(np.array([0.0, 100.0]))
    array([0., 1.])
    """

    def forward(self, x, training=False):
        self.output = np.tanh(x)
        return self.output

    def backward(self, gradient):
        self._check_gradient(gradient, self.output.shape)
        return gradient * (1 - self.output**2)


@dataclass(eq=False)
class Flatten(Layer):
    """Each example becomes one row: (batch, height, width, channels) to (batch, height * width * channels).

    Notes
    -----
    Taught in chapter 04, A CNN library.

    Examples
    --------
    >>> layer = Flatten()
    >>> layer.build((8, 8, 32), np.random.default_rng(0))
    >>> layer.output_shape
    (2048,)
    """

    def build(self, input_shape, rng):
        self.input_shape, self.output_shape = tuple(input_shape), (math.prod(input_shape),)

    def forward(self, x, training=False):
        self._check(x)
        return x.reshape(len(x), *self.output_shape)

    def backward(self, gradient):
        self._check_gradient(gradient)
        return gradient.reshape(len(gradient), *self.input_shape)


@dataclass(eq=False)
class Dropout(Layer):
    """In training, each value becomes zero with the probability ``rate``, and the others grow by 1 / (1 - rate).

    Parameters
    ----------
    rate : float
        From 0 to below 1.

    Raises
    ------
    ValueError
        ``rate`` is outside this range.

    Notes
    -----
    Source: Srivastava et al. (2014), Dropout: a simple way to prevent neural networks from overfitting, section 10 for
    the scaling in training. Taught in chapter 04, A CNN library.

    Examples
    --------
    >>> layer = Dropout(0.25)
    >>> layer.build((4,), np.random.default_rng(0))
    >>> np.unique(layer.forward(np.ones((1, 4), "float32")))
    array([1.], dtype=float32)
    >>> np.unique(layer.forward(np.ones((100, 4), "float32"), training=True))
    array([0.       , 1.3333334], dtype=float32)
    """

    rate: float

    def __post_init__(self):
        check_number("rate", self.rate, 0, 1)

    def build(self, input_shape, rng):
        super().build(input_shape, rng)
        self.rng = rng

    def forward(self, x, training=False):
        self._check(x)
        self.scale = None
        if not training or self.rate == 0:
            return x
        kept = self.rng.random(x.shape, dtype="float32") >= self.rate
        self.scale = kept.astype(x.dtype) / (1 - self.rate)
        return x * self.scale

    def backward(self, gradient):
        self._check_gradient(gradient)
        return gradient if self.scale is None else gradient * self.scale


@dataclass(eq=False)
class BatchNorm(Layer):
    """Bring each channel to mean 0 and variance 1, then to a scale (``gamma``) and a shift (``beta``) that are learned.

    In training mean and variance are those of the batch, over all axes but the last; else they are the moving averages
    that training collected: ``moving = momentum * moving + (1 - momentum) * batch``.

    Parameters
    ----------
    momentum : float
        Share of the old moving average that a step keeps.
    epsilon : float
        Added to the variance, so that a channel that never changes is not divided by zero. At least 0.

    Raises
    ------
    TypeError, ValueError
        ``momentum`` or ``epsilon`` is no number in its range.

    Notes
    -----
    Source: Ioffe and Szegedy (2015), Batch normalization, algorithm 1; the gradient is theirs, simplified.
    Taught in chapter 04, A CNN library.

    Examples
    --------
    >>> layer = BatchNorm()
    >>> layer.build((1,), np.random.default_rng(0))
    >>> layer.forward(np.array([[1.0], [3.0]], "float32"), training=True).round(2).ravel()
    array([-1.,  1.], dtype=float32)
    """

    momentum: float = 0.99
    epsilon: float = 1e-3

    def __post_init__(self):
        if self.momentum != 1:  # which keeps the moving averages as they are
            check_number("momentum", self.momentum, 0, 1)
        check_number("epsilon", self.epsilon, 0)

    def build(self, input_shape, rng):
        super().build(input_shape, rng)
        channels = input_shape[-1]
        self.gamma = Parameter("gamma", np.ones(channels, dtype="float32"))
        self.beta = Parameter("beta", np.zeros(channels, dtype="float32"))
        self.moving_mean = np.zeros(channels, dtype="float32")
        self.moving_variance = np.ones(channels, dtype="float32")

    def forward(self, x, training=False):
        self._check(x)
        self.of_batch = training
        mean, variance = self.moving_mean, self.moving_variance
        if training:
            mean = channel_sums(x) / (x.size // x.shape[-1])
            centered = x - mean
            variance = channel_sums(centered * centered) / (x.size // x.shape[-1])
            self.moving_mean[:] = self.momentum * self.moving_mean + (1 - self.momentum) * mean
            self.moving_variance[:] = self.momentum * self.moving_variance + (1 - self.momentum) * variance
        self.deviation = np.sqrt(variance + self.epsilon)
        self.normalized = (x - mean) / self.deviation
        return self.gamma.value * self.normalized + self.beta.value

    def backward(self, gradient):
        self._check_gradient(gradient)
        self.gamma.gradient = channel_sums(gradient * self.normalized)
        self.beta.gradient = channel_sums(gradient)
        scale = self.gamma.value / self.deviation
        if not self.of_batch:
            return gradient * scale
        # The batch's mean and variance depend on the input too: what would only move them is taken out.
        count = gradient.size // gradient.shape[-1]
        return scale * (gradient - self.beta.gradient / count - self.normalized * (self.gamma.gradient / count))

    def parameters(self):
        return [self.gamma, self.beta]

    def arrays(self):
        return {**super().arrays(), "moving_mean": self.moving_mean, "moving_variance": self.moving_variance}


def channel_sums(x):
    """Sums over all axes but the last. A product with ones is the fastest way, and rounds less than adding in turn.

    Examples
    --------
    >>> channel_sums(np.ones((2, 5, 5, 3)))
    array([50., 50., 50.])
    """
    rows = x.reshape(-1, x.shape[-1])
    return np.ones(len(rows), dtype=x.dtype) @ rows
