"""Answers to exercise 04: wrong ones with their mistakes, and right ones written otherwise."""

import numpy as np

from course_utils import load, nn

from . import made

# --- 04.max_pool ------------------------------------------------------------------------------------------------------


def pool_ties_shared(gradient, x, size, strides):
    by_x = np.zeros_like(x)
    for n, i, j, c in np.ndindex(gradient.shape):
        place = n, slice(i * strides, i * strides + size), slice(j * strides, j * strides + size), c
        largest = x[place] == x[place].max()
        by_x[place] += gradient[n, i, j, c] * largest / largest.sum()
    return by_x


def pool_side_by_side(gradient, x, size, strides):
    """Stops where a window of the given stride would reach further."""
    by_x = np.zeros_like(x)
    for n, i, j, c in np.ndindex(gradient.shape):
        row, column = divmod(x[n, i * size : (i + 1) * size, j * size : (j + 1) * size, c].argmax(), size)
        by_x[n, i * size + row, j * size + column, c] += gradient[n, i, j, c]
    return by_x


def pool_begun_at_zero(gradient, x, size, strides):
    """The classic search, which finds nothing where all are negative."""
    by_x = np.zeros_like(x)
    for n, i, j, c in np.ndindex(gradient.shape):
        best, row, column = 0, 0, 0
        for a, b in np.ndindex(size, size):
            if x[n, i * strides + a, j * strides + b, c] > best:
                best, row, column = x[n, i * strides + a, j * strides + b, c], a, b
        by_x[n, i * strides + row, j * strides + column, c] += gradient[n, i, j, c]
    return by_x


def pool_by_layer(gradient, x, size, strides):
    layer = nn.MaxPool2D(size, strides)
    layer.build(x.shape[1:], np.random.default_rng(0))
    layer.forward(x)
    return layer.backward(gradient)


def pool_in_place(gradient, x, size, strides):
    by_x = pool_right(gradient, x, size, strides)
    x[:] = by_x
    return x


def pool_right(gradient, x, size, strides):
    """Offset by offset, as in the library."""
    by_x, waiting = np.zeros_like(x), gradient.copy()
    down, across = gradient.shape[1:3]

    def seen(a, b):
        return slice(None), slice(a, a + down * strides, strides), slice(b, b + across * strides, strides)

    cut = [(a, b) for a in range(size) for b in range(size)]
    largest = np.max([x[seen(a, b)][:, :down, :across] for a, b in cut], axis=0)
    for a, b in cut:
        here = waiting * (x[seen(a, b)][:, :down, :across] == largest)
        by_x[seen(a, b)] += here
        waiting = waiting - here
    return by_x


def pool_by_library(gradient, x, size, strides):
    layer = nn.MaxPool2D(size, strides)
    layer.build(x.shape[1:], np.random.default_rng(0))
    assert layer.forward(x).shape == gradient.shape, "another number of windows"
    return layer.backward(gradient) + 0.0


# --- 04.depthwise -----------------------------------------------------------------------------------------------------


def depthwise_off_the_edge(gradient, x, kernel, strides):
    by_x = np.zeros_like(x)
    by_x[0, 99] = 1
    return by_x, kernel


def depthwise_half_overwritten(gradient, x, kernel, strides):
    """Collects at each input, and keeps one place's gradient by the weights."""
    by_x, by_kernel = np.zeros_like(x), np.zeros_like(kernel)
    height, width = kernel.shape[:2]
    for i, j in np.ndindex(gradient.shape[1:3]):
        window = slice(None), slice(i * strides, i * strides + height), slice(j * strides, j * strides + width)
        by_x[window] += gradient[:, i, j][:, None, None] * kernel
        by_kernel = (x[window] * gradient[:, i, j][:, None, None]).sum(axis=0)
    return by_x, by_kernel


def depthwise_of_turned_sizes(gradient, x, kernel, strides):
    by_x, by_kernel = np.zeros_like(x), np.zeros_like(kernel)
    width, height = kernel.shape[:2]
    for n, i, j in np.ndindex(gradient.shape[:3]):
        for a, b in np.ndindex(height, width):
            by_x[n, i * strides + a, j * strides + b] += gradient[n, i, j] * kernel[a, b]
            by_kernel[a, b] += gradient[n, i, j] * x[n, i * strides + a, j * strides + b]
    return by_x, by_kernel


def depthwise_one_for_all_channels(gradient, x, kernel, strides):
    """The gradients by the kernels of all channels are added up."""
    by_x, by_kernel = depthwise_by_numbers(gradient, x, kernel, strides)
    return by_x, by_kernel.sum(axis=2)


def depthwise_by_numbers(gradient, x, kernel, strides):
    """A number at a time."""
    by_x, by_kernel = np.zeros(x.shape), np.zeros(kernel.shape)
    for n, i, j, d in np.ndindex(gradient.shape):
        for a, b in np.ndindex(kernel.shape[:2]):
            by_x[n, i * strides + a, j * strides + b, d] += gradient[n, i, j, d] * kernel[a, b, d]
            by_kernel[a, b, d] += gradient[n, i, j, d] * x[n, i * strides + a, j * strides + b, d]
    return by_x, by_kernel


def depthwise_by_library(gradient, x, kernel, strides):
    """An ordinary convolution for each channel."""
    parts = [
        nn.conv2d_backward(gradient[..., d : d + 1], x[..., d : d + 1], kernel[..., d, None, None], strides)[:2]
        for d in range(x.shape[3])
    ]
    by_x, by_kernel = zip(*parts, strict=True)
    return [np.concatenate(by_x, axis=3), np.concatenate(by_kernel, axis=2)[..., 0]]


# --- 04.mended --------------------------------------------------------------------------------------------------------


class Average(nn.Layer):
    def forward(self, x, training=False):
        self.x = x
        return x.mean(axis=(1, 2))

    def backward(self, gradient):
        return np.ones_like(self.x) * gradient[:, None, None] / self.x[0, ..., 0].size


class SquareAverage(Average):
    def backward(self, gradient):
        return np.ones_like(self.x) * gradient[:, None, None] / self.x.shape[1] ** 2


class UndividedAverage(Average):
    def backward(self, gradient):
        return np.ones_like(self.x) * gradient[:, None, None]


class NarrowAverage(Average):
    def backward(self, gradient):
        return gradient[:, None, None] / self.x[0, ..., 0].size


class AverageInPlace(Average):
    def backward(self, gradient):
        gradient /= self.x[0, ..., 0].size
        return np.ones_like(self.x) * gradient[:, None, None]


class Swish(nn.Layer):
    def forward(self, x, training=False):
        self.x, self.gate = x, 1 / (1 + np.exp(-x))
        return x * self.gate

    def backward(self, gradient):
        return gradient * self.gate * (1 + self.x * (1 - self.gate))


class PlainAverage:
    """Not derived from Layer, and a loop."""

    def forward(self, x, training=False):
        self.shape = x.shape
        return x.sum(axis=(1, 2)) / (x.shape[1] * x.shape[2])

    def backward(self, gradient):
        by_x = np.empty(self.shape)
        for n, c in np.ndindex(gradient.shape):
            by_x[n, :, :, c] = gradient[n, c] / (self.shape[1] * self.shape[2])
        return by_x

    def parameters(self):
        return []


class AverageAlone:
    forward, backward = PlainAverage.forward, PlainAverage.backward


# --- 04.lion ----------------------------------------------------------------------------------------------------------


def lion(
    direction=lambda mixed, gradient: np.sign(mixed), remembered="own", early=False, sign=-1, swapped=False,
    key=lambda parameter: parameter, moves=True, shares=(None, None), rests=(None, None), rate=None, seen=None,
):  # fmt: skip
    """A class Lion; the arguments are what can be got wrong."""

    class Lion:
        def __init__(self, learning_rate=1e-4, beta_1=0.9, beta_2=0.99):
            self.rate, self.betas, self.memory = learning_rate, (beta_1, beta_2), {}
            if swapped:
                self.betas = self.betas[::-1]

        def step(self, parameters):
            first, second = (beta if own is None else own for own, beta in zip(shares, self.betas, strict=True))
            one, two = (1 - beta if own is None else own for own, beta in zip(rests, (first, second), strict=True))
            for parameter in parameters[:seen]:
                gradient, before = parameter.gradient, self.memory.get(key(parameter), 0)
                mixed = first * before + one * gradient
                after = mixed if remembered == "mixed" else second * before + two * gradient
                if early:
                    mixed = first * after + one * gradient
                self.memory[key(parameter)] = after
                value = parameter.value + sign * (rate or self.rate) * direction(mixed, gradient)
                if moves:
                    parameter.value = value

    return Lion


class LionOfOneAverage(lion()):
    """Momentum with a sign: the step looks at the memory itself."""

    def step(self, parameters):
        for parameter in parameters:
            before = self.memory.get(parameter, 0)
            self.memory[parameter] = self.betas[1] * before + (1 - self.betas[1]) * parameter.gradient
            parameter.value = parameter.value - self.rate * np.sign(self.memory[parameter])


class LionExchanged(lion()):
    def __init__(self, learning_rate=1e-4, beta_1=0.9, beta_2=0.99):
        super().__init__(learning_rate, 1 - beta_1, 1 - beta_2)


class LionOfBeta2(lion()):
    """The memory is in time; the share of the step is the other one: the same numbers as from one average."""

    def __init__(self, learning_rate=1e-4, beta_1=0.9, beta_2=0.99):
        super().__init__(learning_rate, beta_2, beta_2)


class LionThatScalesTheGradient(lion()):
    def step(self, parameters):
        super().step(parameters)
        for parameter in parameters:
            parameter.gradient *= 1 - self.betas[1]


class LionWithoutStart(lion()):
    def step(self, parameters):
        for parameter in parameters:
            self.memory[parameter] += parameter.gradient


class LionThatCounts(lion()):
    """Right in its first steps: now and then its memory is thrown away."""

    steps = 0

    def step(self, parameters):
        self.steps += 1
        if self.steps % 4 == 0:
            self.memory = {}
        super().step(parameters)


class LionInPlace:
    """In place, with a list for a memory, in the paper's other way of writing an average."""

    def __init__(self, learning_rate=1e-4, beta_1=0.9, beta_2=0.99):
        self.rate, self.beta_1, self.beta_2, self.memory = learning_rate, beta_1, beta_2, None

    def step(self, parameters):
        if self.memory is None:
            self.memory = [np.zeros_like(p.value) for p in parameters]
        for memory, p in zip(self.memory, parameters, strict=True):
            mixed = memory + (1 - self.beta_1) * (p.gradient - memory)
            p.value -= self.rate * ((mixed > 0).astype(p.value.dtype) - (mixed < 0))
            memory += (1 - self.beta_2) * (p.gradient - memory)


# --- 04.initial -------------------------------------------------------------------------------------------------------


def normal(variance):
    return lambda shape, rng: rng.normal(size=shape) * np.sqrt(variance(*shape))


def own_generator(shape, rng):
    return np.random.default_rng(0).normal(size=shape) * np.sqrt(2 / (1.25 * shape[0]))


def global_generator(shape, rng):
    return np.random.normal(size=shape) * np.sqrt(2 / (1.25 * shape[0]))  # noqa: NPY002


def rounded_to_nothing(shape, rng):
    return rng.normal(size=shape) * (2 // (1.25 * shape[0]))


def uniform_to_the_deviation(shape, rng):
    limit = np.sqrt(2 / (1.25 * shape[0]))
    return rng.uniform(-limit, limit, shape)


def uniform_rule(shape, rng):
    limit = np.sqrt(3 * 2 / (1.25 * shape[0]))
    return rng.uniform(-limit, limit, shape)


def orthogonal_rule(shape, rng):
    rows, columns = shape
    q, _ = np.linalg.qr(rng.normal(size=(max(shape), min(shape))))
    return (q if rows >= columns else q.T) * np.sqrt(2 / 1.25) * np.sqrt(max(1, columns / rows))


# --- 04.network -------------------------------------------------------------------------------------------------------


def network(layers, epochs=0, input_shape=(28, 28, 1), examples=500, rate=3e-3):
    model = nn.Sequential(layers, input_shape=input_shape)
    if epochs:
        digits = load("mnist", "train", examples=examples, progress=False)
        model.compile(optimizer=nn.Adam(rate), loss=nn.SoftmaxCrossEntropy())
        model.fit(digits.images.reshape(-1, 28, 28, 1) / np.float32(255), digits.labels, epochs=epochs, batch_size=32)
    return model


def small_layers():
    return [nn.Conv2D(6, 5, strides=2), nn.ReLU(), nn.MaxPool2D(2), nn.Flatten(), nn.Linear(10)]


@made
def network_untrained():
    return network(small_layers())


@made
def network_of_long_steps():
    return network(small_layers(), epochs=1, rate=1e30)


@made
def network_of_no_step():
    return network(small_layers(), epochs=1, rate=1e-6)


@made
def network_with_relu_at_the_end():
    return network([*small_layers(), nn.ReLU()], epochs=1, rate=1e-6)


@made
def network_without_convolution():
    return network([nn.MaxPool2D(2), nn.Flatten(), nn.Linear(10)], epochs=1)


@made
def network_large():
    return network([nn.Conv2D(8, 3), nn.Flatten(), nn.Linear(10)])


@made
def network_for_colour():
    return network(small_layers(), input_shape=(28, 28, 3))


@made
def network_trained():
    return network(small_layers(), epochs=8)


@made
def network_of_three():
    """With the examples and epochs of the exercise at profile smoke."""
    layers = [part for _ in range(3) for part in (nn.Conv2D(8, 3), nn.ReLU(), nn.MaxPool2D(2))]
    return network([*layers, nn.Flatten(), nn.Linear(10)], epochs=6, examples=1_000, rate=2e-3)


# --- 04.own_layer -----------------------------------------------------------------------------------------------------


class LeakyReLU(nn.Layer):
    def forward(self, x, training=False):
        self.slope = np.where(x > 0, 1.0, 0.1)
        return x * self.slope

    def backward(self, gradient):
        return gradient * self.slope


class WrongLeakyReLU(LeakyReLU):
    def backward(self, gradient):
        return gradient * (self.slope > 0.5)


class InFloat32(LeakyReLU):
    """The right values, in an array of another type."""

    def forward(self, x, training=False):
        y = np.zeros(x.shape, "float32")
        y[:] = super().forward(x)
        return y


class Renamed(nn.ReLU):
    pass


class Sign(nn.Layer):
    def forward(self, x, training=False):
        return np.sign(x)

    def backward(self, gradient):
        return np.zeros_like(gradient)


class Slope(nn.Layer):
    """One number is learned, as in PReLU."""

    start = np.array(0.25, "float32")

    def build(self, input_shape, rng):
        super().build(input_shape, rng)
        self.a = nn.Parameter("slope", self.start.copy())

    def forward(self, x, training=False):
        self.x = x
        return np.where(x > 0, x, self.a.value * x)

    def backward(self, gradient):
        self.a.gradient = float(np.sum(gradient * self.x * (self.x <= 0)))
        return np.where(self.x > 0, gradient, self.a.value * gradient)

    def parameters(self):
        return [self.a]


class SlopeOfNumber(Slope):
    start = np.float32(0.25)


class SlopeAlone(Slope):
    def parameters(self):
        return self.a


class SlopeOfArrays(Slope):
    def parameters(self):
        return [self.a.value]


class AveragePooling(nn.Layer):
    def build(self, input_shape, rng):
        height, width, depth = input_shape
        self.input_shape, self.output_shape = input_shape, (height // 2, width // 2, depth)

    def forward(self, x, training=False):
        return sum(x[:, a::2, b::2] for a, b in np.ndindex(2, 2)) / 4

    def backward(self, gradient):
        return gradient.repeat(2, axis=1).repeat(2, axis=2) / 4


class Residual(nn.Layer):
    def build(self, input_shape, rng):
        super().build(input_shape, rng)
        self.inner = nn.Sequential([nn.Conv2D(input_shape[-1], 3, padding="same"), nn.Tanh()], input_shape)

    def forward(self, x, training=False):
        return x + self.inner.forward(x, training)

    def backward(self, gradient):
        return gradient + self.inner.backward(gradient)

    def parameters(self):
        return self.inner.parameters()


class UnbuiltResidual(Residual):
    def build(self, input_shape, rng):
        nn.Layer.build(self, input_shape, rng)
        self.inner = nn.Conv2D(input_shape[-1], 3, padding="same")


class ForgetfulResidual(Residual):
    def backward(self, gradient):
        return self.inner.backward(gradient)


class Identity(nn.Layer):
    def forward(self, x, training=False):
        return x + 0

    def backward(self, gradient):
        return gradient


class Zeros(Identity):
    def forward(self, x, training=False):
        return np.zeros_like(x)

    def backward(self, gradient):
        return np.zeros_like(gradient)


class Scale(nn.Layer):
    def build(self, input_shape, rng):
        super().build(input_shape, rng)
        self.scale = nn.Parameter("scale", np.full(input_shape[-1], 2.0))

    def forward(self, x, training=False):
        self.x = x
        return x * self.scale.value

    def backward(self, gradient):
        self.scale.gradient = (gradient * self.x).sum(axis=(0, 1, 2))
        return gradient * self.scale.value

    def parameters(self):
        return [self.scale]


class ScaleWithoutGradient(Scale):
    def backward(self, gradient):
        return gradient * self.scale.value


class ScaleWithWrongGradient(Scale):
    def backward(self, gradient):
        self.scale.gradient = gradient.sum(axis=(0, 1, 2))
        return gradient * self.scale.value


class ScaleFromOne(Scale):
    """As gamma of batch normalisation: at its start the output is the input."""

    start = 1.0

    def build(self, input_shape, rng):
        super().build(input_shape, rng)
        self.scale.value = np.full(input_shape[-1], self.start, dtype="float32")


class ScaleFromZero(ScaleFromOne):
    start = 0.0


class ScaleForgotten(Scale):
    def parameters(self):
        return []


class ResidualForgotten(Residual):
    def parameters(self):
        return []


class Softmax(nn.Layer):
    """Over the channels: the same for inputs that differ by the same amount in all of them."""

    def forward(self, x, training=False):
        powers = np.exp(x - x.max(axis=-1, keepdims=True))
        self.share = powers / powers.sum(axis=-1, keepdims=True)
        return self.share

    def backward(self, gradient):
        return self.share * (gradient - (gradient * self.share).sum(axis=-1, keepdims=True))


class Dropping(nn.Layer):
    """Acts in training only."""

    def __init__(self):
        self.rng = np.random.default_rng(3)

    def forward(self, x, training=False):
        self.mask = (self.rng.random(x.shape) < 0.5) * 2.0 if training else np.ones(x.shape)
        return x * self.mask

    def backward(self, gradient):
        return gradient * self.mask


class DroppingForwardOnly(Dropping):
    def backward(self, gradient):
        return gradient + 0


class DroppingUnscaled(Dropping):
    """Right in prediction, where nothing is dropped; in training the gradient forgets the factor of 2."""

    def forward(self, x, training=False):
        return super().forward(x, training) + 0.1 * x

    def backward(self, gradient):
        return gradient * (self.mask > 0) + 0.1 * gradient


class ScaleOfDepth3(Scale):
    """Its gradient leaves out what comes after the third channel."""

    def backward(self, gradient):
        super().backward(gradient)
        self.scale.gradient[3:] = 0
        return gradient * self.scale.value


class ScaleWithoutShapes(Scale):
    def build(self, input_shape, rng):
        self.scale = nn.Parameter("scale", np.full(input_shape[-1], 2.0))


class ScaleInPlainClass:
    """Right, and no network can hold it: neither built nor asked for its parameters."""

    def forward(self, x, training=False):
        return 2 * x

    def backward(self, gradient):
        return 2 * gradient

    def parameters(self):
        return []


class InDoublePrecision(LeakyReLU):
    """Passes whatever is asked in float64; a network computes in float32."""

    def forward(self, x, training=False):
        if x.dtype != "float64":
            raise TypeError(f"got {x.dtype}")
        return super().forward(x, training)


class LeakyInPlace(LeakyReLU):
    def backward(self, gradient):
        gradient *= self.slope
        return gradient


class Logarithm(nn.Layer):
    def forward(self, x, training=False):
        self.x = x
        with np.errstate(invalid="ignore"):
            return np.log(x)

    def backward(self, gradient):
        return gradient / self.x


class AveragePoolingUnbuilt(AveragePooling):
    build = nn.Layer.build


class Flattening(Identity):
    def forward(self, x, training=False):
        return x.reshape(len(x), -1)


WRONG = {
    "04.steps": [
        ("1.9 Times", "1.9 times"),
        (10, "not a choice"),
    ],
    "04.max_pool": [
        (pool_ties_shared, "ties shared"),
        (pool_begun_at_zero, "search begins too high"),
        (pool_by_layer, "package's own"),
        (pool_side_by_side, "stopped"),
        (pool_in_place, "input changed"),
        (lambda gradient, x, size, strides: gradient, "shape"),
        (lambda gradient, x, size, strides: print(end=""), "no return"),
    ],
    "04.depthwise": [
        (depthwise_half_overwritten, "overwritten"),
        (depthwise_of_turned_sizes, "stopped"),
        (lambda gradient, x, kernel, strides: np.zeros_like(x), "shape"),
        (depthwise_off_the_edge, "stopped"),
        (depthwise_one_for_all_channels, "shape"),
    ],
    "04.mended": [
        (SquareAverage, "square images only"),
        (UndividedAverage(), "gradient"),
        (NarrowAverage, "shape"),
        (AverageInPlace, "gradient changed"),
        (Swish, "another layer"),
        (AverageAlone, "no layer"),
        ("Average", "wrong type"),
    ],
    "04.lion": [
        (lion(direction=lambda mixed, gradient: mixed), "no sign"),
        (lion(direction=lambda mixed, gradient: np.sign(gradient)), "sign of the gradient"),
        (lion(early=True), "memory before the step"),
        (LionOfOneAverage, "step by the memory"),
        (LionOfBeta2, "step by the memory"),
        (lion(shares=(1, None)), "old memory alone"),
        (LionExchanged, "shares exchanged"),
        (lion(rests=(1, None)), "share missing"),
        (lion(rests=(None, 1)), "share missing"),
        (lion(rate=1e-4), "numbers of its own"),
        (lion(shares=(0.9, 0.99)), "numbers of its own"),
        (lion(seen=1), "one parameter"),
        (LionThatScalesTheGradient, "gradient changed"),
        (LionWithoutStart, "stopped"),
        (LionThatCounts, "other"),
        (lion(remembered="mixed"), "memory keeps the mix"),
        (lion(swapped=True), "betas swapped"),
        (lion(key=np.shape), "memory shared"),
        (lion(sign=1), "uphill"),
        (lion(moves=False), "nothing moves"),
        (lion(direction=lambda mixed, gradient: np.where(mixed > 0, 1, -1)), "moves at 0"),
        (lion(direction=lambda mixed, gradient: np.where(mixed >= 0, 1, -1)), "moves at 0"),
        (lion(direction=lambda mixed, gradient: 0.5 * np.sign(mixed)), "other"),
        (nn.Adam, "wrong type"),
        (nn.SGD(), "wrong type"),
    ],
    "04.initial": [
        (lambda shape, rng: np.zeros(shape), "not random"),
        (lambda shape, rng: np.full(shape, 0.08), "not random"),
        (lambda shape, rng: rng.random(shape) / shape[0], "mean not zero"),
        (normal(lambda inputs, outputs: 2 / inputs), "He's own"),
        (normal(lambda inputs, outputs: 2 / (inputs + outputs)), "Glorot's"),
        (normal(lambda inputs, outputs: 2 * 1.25 / inputs), "multiplied"),
        (normal(lambda inputs, outputs: 2 / 1.5 / inputs), "not squared"),
        (normal(lambda inputs, outputs: 2 * (1 - 0.5**2) / inputs), "subtracted"),
        (normal(lambda inputs, outputs: (2 / (1.25 * inputs)) ** 2), "variance for deviation"),
        (uniform_to_the_deviation, "limits of the uniform"),
        (normal(lambda inputs, outputs: 0.5 / inputs), "fades"),
        (normal(lambda inputs, outputs: 2 / (inputs * (1 - 0.5**2))), "explodes"),
        (normal(lambda inputs, outputs: 2 / (1.25 * outputs)), "outputs counted"),
        (normal(lambda inputs, outputs: 2 / 1.25 / 300), "shape ignored"),
        (own_generator, "not random"),
        (rounded_to_nothing, "not random"),
        (global_generator, "not from rng"),
        (lambda shape, rng: rng.normal(size=shape[::-1])[:-1], "shape"),
        (0.08, "wrong type"),
    ],
    "04.network": [
        (network_untrained, "not trained"),
        (network_of_long_steps, "not finite"),
        (network_of_no_step, "accuracy"),
        (network_with_relu_at_the_end, "activation at the end"),
        (network_without_convolution, "no convolution"),
        (network_large, "parameters"),
        (network_for_colour, "input"),
        ("a network", "wrong type"),
    ],
    "04.own_layer": [
        (nn.Tanh(), "package's own"),
        (Renamed(), "package's own"),
        (Sign(), "no gradient"),
        (InFloat32(), "float32"),
        (AverageAlone(), "no layer"),
        (SlopeOfNumber(), "number for array"),
        (SlopeAlone(), "no list of parameters"),
        (SlopeOfArrays(), "no list of parameters"),
        (UnbuiltResidual(), "inner layer not built"),
        (Identity(), "does nothing"),
        (Zeros(), "constant"),
        (WrongLeakyReLU(), "gradient"),
        (ForgetfulResidual(), "gradient"),
        (ScaleWithWrongGradient(), "gradient"),
        (ScaleWithoutGradient(), "parameter without gradient"),
        (ScaleForgotten(), "parameter forgotten"),
        (ResidualForgotten(), "parameter forgotten"),
        (DroppingForwardOnly(), "gradient"),
        (DroppingUnscaled(), "gradient"),
        (ScaleOfDepth3(), "gradient"),
        (ScaleWithoutShapes(), "not built"),
        (ScaleInPlainClass(), "not built"),
        (InDoublePrecision(), "stopped"),
        (LeakyInPlace(), "gradient changed"),
        (Logarithm(), "not finite"),
        (AveragePoolingUnbuilt(), "output shape"),
        (Flattening(), "shape"),
        (np.tanh, "wrong type"),
    ],
}

RIGHT = {
    "04.steps": ["10 Times"],
    "04.max_pool": [pool_right, pool_by_library],
    "04.depthwise": [depthwise_by_numbers, depthwise_by_library],
    "04.mended": [Average, Average(), PlainAverage],
    "04.lion": [LionInPlace, lion()],
    "04.initial": [
        normal(lambda inputs, outputs: 2 / (1.25 * inputs)),
        uniform_rule,
        orthogonal_rule,
        normal(lambda inputs, outputs: 4 / (1.25 * (inputs + outputs))),
    ],
    "04.network": [network_trained, network_of_three],
    "04.own_layer": [
        LeakyReLU(),
        LeakyReLU,
        AveragePooling(),
        Residual(),
        Scale(),
        Slope(),
        ScaleFromOne(),
        ScaleFromZero(),
        Softmax(),
        Dropping(),
    ],
}
