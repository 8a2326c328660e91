"""Layers, losses and optimisers against Keras, and every gradient against differences in float64."""

import re
import runpy
from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils import nn

tf = pytest.importorskip("tensorflow", reason="Keras' gradients are computed with TensorFlow here")
pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs Keras on TensorFlow")

few = settings(max_examples=40, deadline=None, derandomize=True)


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def built(layer, input_shape):
    layer.build(input_shape, np.random.default_rng(0))
    return layer


def assert_close(ours, theirs, size=1.0):
    """Equal but for the rounding of float32; ``size`` is the size of the sums that were rounded."""
    np.testing.assert_allclose(ours, np.asarray(theirs), rtol=1e-3, atol=2e-5 * size)


def compare(layer, keras_layer, x, names=(), training=False):
    """Outputs and all gradients of a built layer against those of Keras' layer, with the same parameters."""
    keras_layer.build(x.shape)
    weights = {weight.name: weight for weight in keras_layer.weights}
    for parameter in layer.parameters():
        parameter.value = parameter.value + 0.1 * numbers(*parameter.value.shape, seed=1)  # a bias that is not zero
        weights[parameter.name].assign(parameter.value)
    output = layer.forward(x, training)
    gradient = numbers(*output.shape, seed=2)
    with tf.GradientTape() as tape:
        inputs = tf.constant(x)
        tape.watch(inputs)
        theirs = keras_layer(inputs, training=training)
        total = tf.reduce_sum(theirs * gradient)
    assert layer.output_shape == theirs.shape[1:]
    assert output.dtype == "float32"
    assert_close(output, theirs)
    by_input, *by_weights = tape.gradient(total, [inputs, *(weights[one.name].value for one in layer.parameters())])
    ours = layer.backward(gradient)
    assert ours.shape == x.shape
    assert ours.dtype == "float32"
    assert_close(ours, by_input)
    for parameter, expected in zip(layer.parameters(), by_weights, strict=True):
        assert parameter.gradient.dtype == "float32"
        assert_close(parameter.gradient, expected, size=np.sqrt(output.size))


def geometry(window):
    """Sizes of images (not square), of a window (not square either), strides and padding that fit together."""
    return st.fixed_dictionaries(
        {
            "size": st.tuples(st.integers(5, 9), st.integers(5, 9)),
            window: st.tuples(st.integers(1, 5), st.integers(1, 5)),
            "strides": st.tuples(st.integers(1, 3), st.integers(1, 3)),
            "padding": st.sampled_from(["valid", "same"]),
        }
    )


# ------------------------------------------------------------------------------------------------ layers against Keras


@few
@given(geometry("kernel_size"), st.integers(1, 3), st.integers(1, 4))
def test_convolution_is_that_of_keras_with_all_gradients(shape, channels, filters):
    size = shape.pop("size")
    layer = built(nn.Conv2D(filters, **shape), (*size, channels))
    compare(layer, keras.layers.Conv2D(filters, **shape), numbers(2, *size, channels))


@few
@given(geometry("pool_size"))
def test_pooling_is_that_of_keras_with_its_gradient(shape):
    size = shape.pop("size")
    compare(built(nn.MaxPool2D(**shape), (*size, 3)), keras.layers.MaxPooling2D(**shape), numbers(2, *size, 3))


@pytest.mark.parametrize("pool_size", [2, 3])
def test_pools_lie_side_by_side_if_no_strides_are_given(pool_size):
    compare(built(nn.MaxPool2D(pool_size), (7, 8, 2)), keras.layers.MaxPooling2D(pool_size), numbers(3, 7, 8, 2))


def test_of_several_largest_values_the_first_gets_the_gradient_as_in_keras():
    compare(built(nn.MaxPool2D(3, 2), (7, 7, 2)), keras.layers.MaxPooling2D(3, 2), np.round(numbers(2, 7, 7, 2)))


def test_linear_is_keras_dense():
    compare(built(nn.Linear(7), (5,)), keras.layers.Dense(7), numbers(4, 5))


@pytest.mark.parametrize(("ours", "theirs"), [(nn.ReLU(), "relu"), (nn.Tanh(), "tanh")])
def test_activations_are_those_of_keras(ours, theirs):
    compare(built(ours, (6, 3)), keras.layers.Activation(theirs), np.round(numbers(4, 6, 3), 1))


def test_flatten_is_that_of_keras():
    compare(built(nn.Flatten(), (4, 5, 3)), keras.layers.Flatten(), numbers(2, 4, 5, 3))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(16, 5), (4, 6, 3, 5)])
def test_batch_normalisation_is_that_of_keras(shape, training):
    layer, theirs = built(nn.BatchNorm(momentum=0.8), shape[1:]), keras.layers.BatchNormalization(momentum=0.8)
    theirs.build(shape)
    layer.moving_mean[:], layer.moving_variance[:] = numbers(5, seed=3), np.abs(numbers(5, seed=4))
    theirs.moving_mean.assign(layer.moving_mean)
    theirs.moving_variance.assign(layer.moving_variance)
    x = 3 * numbers(*shape) + 2
    theirs.build = lambda shape: None  # compare() would start the moving averages anew
    compare(layer, theirs, x, training=training)
    assert_close(layer.moving_mean, theirs.moving_mean)
    assert_close(layer.moving_variance, theirs.moving_variance)


def test_moving_averages_of_several_steps_are_those_of_keras():
    layer, theirs = built(nn.BatchNorm(), (4, 4, 3)), keras.layers.BatchNormalization()
    for seed in range(5):
        x = 2 * numbers(8, 4, 4, 3, seed=seed) - 1
        layer.forward(x, training=True)
        theirs(x, training=True)
    assert_close(layer.moving_mean, theirs.moving_mean)
    assert_close(layer.moving_variance, theirs.moving_variance)
    assert_close(layer.forward(x), theirs(x, training=False))


def test_batch_normalisation_of_numbers_far_from_zero_keeps_its_digits():
    x = 100 + numbers(64, 32, 32, 2)
    output = built(nn.BatchNorm(), (32, 32, 2)).forward(x, training=True)
    exact = x.astype("float64")
    exact = (exact - exact.mean((0, 1, 2))) / np.sqrt(exact.var((0, 1, 2)) + 1e-3)
    np.testing.assert_allclose(output, exact, atol=2e-4)


def test_dropout_keeps_the_mean_and_passes_the_gradient_where_it_let_the_value_through():
    layer, x = built(nn.Dropout(0.3), (1000,)), np.ones((100, 1000), "float32")
    output = layer.forward(x, training=True)
    assert np.mean(output == 0) == pytest.approx(0.3, abs=0.01)
    assert output.mean() == pytest.approx(1, abs=0.01)
    assert np.array_equal(layer.backward(x), output)
    assert not np.array_equal(layer.forward(x, training=True), output)
    assert np.array_equal(layer.forward(x), x)
    assert np.array_equal(layer.backward(x), x)


# ------------------------------------------------------------------------------------- gradients against differences


LAYERS = {
    "linear": (lambda: nn.Linear(4), (5,)),
    "relu": (nn.ReLU, (5, 4, 2)),
    "tanh": (nn.Tanh, (5, 4, 2)),
    "flatten": (nn.Flatten, (5, 4, 2)),
    "dropout": (lambda: nn.Dropout(0.5), (5, 4, 2)),
    "batch norm": (nn.BatchNorm, (5, 4, 2)),
    "pool": (lambda: nn.MaxPool2D((3, 2), (2, 3), padding="same"), (6, 5, 2)),
    "pool side by side": (nn.MaxPool2D, (6, 5, 2)),
    "convolution": (lambda: nn.Conv2D(3, 3), (6, 5, 2)),
    "convolution, same": (lambda: nn.Conv2D(3, (2, 3), padding="same"), (6, 5, 2)),
    "convolution, strides": (lambda: nn.Conv2D(3, (3, 2), (2, 3), "same"), (6, 5, 2)),
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", LAYERS)
def test_gradients_are_those_of_differences(name, training):
    make, shape = LAYERS[name]
    assert nn.check_gradients(built(make(), shape), numbers(2, *shape), training=training) < 1e-6


def test_a_whole_network_passes_the_check_and_is_left_as_it_was():
    model = nn.Sequential(
        [nn.Conv2D(4, 3), nn.BatchNorm(), nn.Tanh(), nn.MaxPool2D(), nn.Flatten(), nn.Dropout(0.2), nn.Linear(3)],
        input_shape=(8, 7, 2),
    )
    before = {name: array.copy() for layer in model.layers for name, array in layer.arrays().items()}
    x = numbers(3, 8, 7, 2)
    output = model.forward(x)
    assert nn.check_gradients(model, x, training=True, samples=20) < 1e-6
    after = {name: array for layer in model.layers for name, array in layer.arrays().items()}
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert np.array_equal(model.forward(x), output)


def test_the_check_finds_a_gradient_that_is_wrong_by_a_hundredth():
    class Wrong(nn.Tanh):
        def backward(self, gradient):
            return 1.01 * super().backward(gradient)

    assert nn.check_gradients(built(Wrong(), (5,)), numbers(2, 5)) == pytest.approx(0.01, rel=0.02)


def test_the_check_finds_a_mistake_of_normalising_whatever_seed_the_input_was_drawn_from():
    class ByVariance(nn.BatchNorm):
        def backward(self, gradient):
            return super().backward(gradient) / self.deviation  # for once too often

    layer = built(ByVariance(epsilon=1e-9), (5,))
    errors = [
        nn.check_gradients(layer, np.random.default_rng(seed).standard_normal((8, 5)), training=True, seed=0)
        for seed in range(5)
    ]
    assert min(errors) > 0.01, errors


def test_numerical_gradient_of_chosen_entries_leaves_its_argument_alone():
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    gradient = nn.numerical_gradient(lambda x: (x**2).sum(), x, entries=[1, 2])
    np.testing.assert_allclose(gradient, [[np.nan, 4], [6, np.nan]], rtol=1e-8)
    assert np.array_equal(x, [[1, 2], [3, 4]])


@pytest.mark.parametrize(("loss", "targets"), [(nn.SoftmaxCrossEntropy(), [2, 0, 1]), (nn.MSE(), numbers(3, 4))])
def test_gradients_of_losses_are_those_of_differences(loss, targets):
    outputs = numbers(3, 4, seed=5).astype("float64")
    loss.forward(outputs, targets)
    found = loss.backward()
    np.testing.assert_allclose(found, nn.numerical_gradient(lambda x: loss.forward(x, targets), outputs), atol=1e-9)


def test_a_convolution_in_pieces_is_the_convolution_of_the_layer():
    layer, x = built(nn.Conv2D(3, 3, 2, "same"), (6, 7, 2)), numbers(2, 6, 7, 2)
    output = nn.conv2d_forward(x, layer.kernel.value, strides=2, padding="same")
    assert np.array_equal(output, layer.forward(x))
    by_input, by_kernel, by_bias = nn.conv2d_backward(output, x, layer.kernel.value, 2, "same")
    assert np.array_equal(by_input, layer.backward(output))
    assert np.array_equal(by_kernel, layer.kernel.gradient)
    assert np.array_equal(by_bias, layer.bias.gradient)
    assert nn.conv2d_backward(output, x, layer.kernel.value, 2, "same", input_needed=False)[0] is None


# --------------------------------------------------------------------------------------------------------- losses


@pytest.mark.parametrize("scale", [1, 1000])
def test_cross_entropy_is_that_of_keras(scale):
    scores, labels, loss = scale * numbers(8, 5), np.arange(8) % 5, nn.SoftmaxCrossEntropy()
    with tf.GradientTape() as tape:
        inputs = tf.constant(scores)
        tape.watch(inputs)
        theirs = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, inputs)
    assert loss.forward(scores, labels) == pytest.approx(float(theirs), rel=1e-5)
    assert_close(loss.backward(), tape.gradient(theirs, inputs))
    assert loss.backward().dtype == "float32"


def test_cross_entropy_of_equal_scores_is_the_logarithm_of_the_classes():
    assert nn.SoftmaxCrossEntropy().forward(np.zeros((4, 10)), np.arange(4)) == pytest.approx(np.log(10))


def test_mean_squared_error_is_that_of_keras():
    outputs, targets, loss = numbers(8, 3), numbers(8, 3, seed=1), nn.MSE()
    with tf.GradientTape() as tape:
        inputs = tf.constant(outputs)
        tape.watch(inputs)
        theirs = keras.losses.MeanSquaredError()(targets, inputs)
    assert loss.forward(outputs, targets.astype("float64")) == pytest.approx(float(theirs), rel=1e-5)
    assert_close(loss.backward(), tape.gradient(theirs, inputs))
    assert loss.backward().dtype == "float32"


# ------------------------------------------------------------------------------------------------------ optimisers


OPTIMIZERS = {
    "SGD": (nn.SGD(0.1), keras.optimizers.SGD(0.1)),
    "momentum": (nn.Momentum(0.1, 0.8), keras.optimizers.SGD(0.1, momentum=0.8)),
    "RMSProp": (nn.RMSProp(0.1, 0.8, 1e-3), keras.optimizers.RMSprop(0.1, rho=0.8, epsilon=1e-3)),
    "Adam": (nn.Adam(0.1, 0.8, 0.95, 1e-3), keras.optimizers.Adam(0.1, beta_1=0.8, beta_2=0.95, epsilon=1e-3)),
    "SGD by default": (nn.SGD(), keras.optimizers.SGD()),
    "AdamW": (nn.AdamW(0.1, 0.8, 0.95, 1e-3, 0.3), keras.optimizers.AdamW(0.1, 0.3, 0.8, 0.95, 1e-3)),
    "RMSProp by default": (nn.RMSProp(), keras.optimizers.RMSprop()),
    "Adam by default": (nn.Adam(), keras.optimizers.Adam()),
    "AdamW by default": (nn.AdamW(), keras.optimizers.AdamW()),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_step_is_that_of_keras(name):
    ours, theirs = OPTIMIZERS[name]
    parameters = [nn.Parameter("kernel", numbers(3, 4)), nn.Parameter("bias", numbers(4, seed=1))]
    variables = [keras.Variable(parameter.value) for parameter in parameters]
    for step in range(12):
        for number, parameter in enumerate(parameters):
            parameter.gradient = 10.0**-number * numbers(*parameter.value.shape, seed=10 * step + number)
        theirs.apply([tf.constant(parameter.gradient) for parameter in parameters], variables)
        ours.step(parameters)
        for parameter, variable in zip(parameters, variables, strict=True):
            np.testing.assert_allclose(parameter.value, np.asarray(variable), rtol=2e-5, atol=2e-6)
            assert parameter.value.dtype == "float32"


def test_an_optimiser_keeps_its_memory_for_each_parameter():
    first, second, both = (nn.Parameter("bias", np.zeros(1), np.ones(1)) for _ in range(3))
    shared, alone = nn.Adam(0.1), nn.Adam(0.1)
    for _ in range(3):
        shared.step([first])
        alone.step([both])
    shared.step([second])  # a second model starts like a first
    shared.step([first])
    alone.step([both])
    assert second.value == pytest.approx(-0.1, rel=1e-4)
    assert first.value == both.value


# ------------------------------------------------------------------------------------------------ initial kernels


@pytest.mark.parametrize(
    ("initializer", "variance"),
    [
        ("glorot_uniform", 2 / (9 * 40 + 9 * 60)),
        ("glorot_normal", 2 / (9 * 40 + 9 * 60)),
        ("he_uniform", 2 / (9 * 40)),
        ("he_normal", 2 / (9 * 40)),
        (0.02, 0.02**2),
    ],
)
def test_initial_kernels_have_the_variance_of_their_scheme(initializer, variance):
    kernel = built(nn.Conv2D(60, 3, kernel_initializer=initializer), (8, 8, 40)).kernel.value
    assert kernel.dtype == "float32"
    assert kernel.var() == pytest.approx(variance, rel=0.05)
    assert kernel.mean() == pytest.approx(0, abs=0.05 * np.sqrt(variance))
    uniform = "uniform" in str(initializer)
    assert np.abs(kernel).max() < np.sqrt(3.001 * variance) if uniform else np.abs(kernel).max() > 3 * kernel.std()


def test_a_function_makes_the_initial_kernel():
    kernel = built(nn.Linear(3, lambda shape, rng: np.eye(*shape)), (3,)).kernel.value
    assert np.array_equal(kernel, np.eye(3))
    assert kernel.dtype == "float32"
    assert not built(nn.Linear(3, "zeros"), (3,)).kernel.value.any()


# ------------------------------------------------------------------------------------------------------- benchmark


def test_every_rung_of_the_benchmark_computes_the_same_and_the_loops_are_slowest():
    benchmark = runpy.run_path(str(Path(__file__).parents[1] / "benchmarks" / "nn.py"))
    small = benchmark["measure"].__globals__
    small |= {"BATCH": 4, "SIZE": 10, "CHANNELS": 8, "FILTERS": 16}
    best = benchmark["measure"](repeats=3)  # it compares the rungs first
    assert len(best) == 7
    assert max(best, key=best.get) == "loops in Python"


def trained(layer, shape=(6, 6, 2), batch=3):
    layer.build(shape, np.random.default_rng(0))
    return layer, layer.forward(
        np.random.default_rng(1).standard_normal((batch, *shape)).astype("float32"), training=True
    )


BUILT_LAYERS = {
    "Linear": lambda: trained(nn.Linear(4), (5,)),
    "ReLU": lambda: trained(nn.ReLU()),
    "Tanh": lambda: trained(nn.Tanh()),
    "Flatten": lambda: trained(nn.Flatten()),
    "Dropout": lambda: trained(nn.Dropout(0.5)),
    "Dropout that drops nothing": lambda: trained(nn.Dropout(0)),
    "BatchNorm": lambda: trained(nn.BatchNorm()),
    "Conv2D": lambda: trained(nn.Conv2D(4, 3)),
    "Conv2D, same": lambda: trained(nn.Conv2D(4, 3, strides=2, padding="same")),
    "MaxPool2D": lambda: trained(nn.MaxPool2D(2)),
}


@pytest.mark.parametrize("name", BUILT_LAYERS)
def test_backward_takes_the_gradient_of_its_last_output_only(name):
    layer, output = BUILT_LAYERS[name]()
    wrong = [
        output[1:],
        output[:, 1:],
        output[..., 1:],
        output[..., None],
        output[:1],
        output.reshape(-1),
        output.sum(),
    ]
    for gradient in wrong:
        with pytest.raises(ValueError, match=rf"gradient of shape .*; expected {re.escape(str(output.shape))}"):
            layer.backward(gradient)
    assert layer.backward(np.ones_like(output)).shape == (3, *layer.input_shape)


def test_convolution_takes_a_gradient_and_a_bias_of_the_right_shape_only():
    x, kernel = np.ones((2, 6, 8, 3), "float32"), np.ones((3, 3, 3, 4), "float32")
    output = nn.conv2d_forward(x, kernel, np.zeros(4, "float32"))  # 4 x 6 places
    for bias in (np.zeros(1), np.zeros((24, 4)), np.zeros((1, 4)), np.zeros(3), 0.0):
        with pytest.raises(ValueError, match=r"the bias has the shape .*; expected \(4,\)"):
            nn.conv2d_forward(x, kernel, bias)
    for gradient in (output[:, 1:], output[:, :, 1:], output[1:], output[..., 1:]):
        with pytest.raises(ValueError, match=r"the gradient has the shape .*; expected \(2, 4, 6, 4\)"):
            nn.conv2d_backward(gradient, x, kernel)
    with pytest.raises(TypeError, match="the kernel is float64 and the images are float32"):
        nn.conv2d_forward(x, kernel.astype("float64"))


@pytest.mark.parametrize("name", ["Linear", "BatchNorm", "Conv2D"])
def test_parameters_keep_their_shape(name):
    layer, output = BUILT_LAYERS[name]()
    layer.backward(np.ones_like(output))
    for parameter in layer.parameters():
        value, gradient = parameter.value, parameter.gradient
        for wrong in (value[:1], value[None], value.sum()):
            if np.shape(wrong) == value.shape:
                continue
            parameter.value = wrong
            with pytest.raises(ValueError, match=f"the value of {parameter.name} has the shape"):
                layer.forward(np.ones((3, *layer.input_shape), "float32"))
            parameter.value = value
            parameter.gradient = (
                gradient.sum()
                if np.shape(wrong) == ()
                else gradient[:1]
                if wrong.ndim == value.ndim
                else gradient[None]
            )
            with pytest.raises(ValueError, match=f"the gradient of {parameter.name} has the shape"):
                nn.SGD(0.1).step([parameter])
            parameter.gradient = gradient


SHARES = [
    (nn.Momentum, "momentum"),
    (nn.RMSProp, "rho"),
    (nn.Adam, "beta_1"),
    (nn.Adam, "beta_2"),
    (nn.Dropout, "rate"),
]


@pytest.mark.parametrize(("kind", "share"), SHARES)
def test_shares_are_from_0_to_below_1(kind, share):
    kind(**{share: 0})
    kind(**{share: np.float32(0.999)})
    for wrong in (1, 1.0, 1.5, -0.1, np.nan, np.inf):
        with pytest.raises(ValueError, match=rf"{share} is .*; it must be at least 0 and below 1"):
            kind(**{share: wrong})
    for wrong in ("0.5", None, True, [0.5]):
        with pytest.raises(TypeError, match=f"{share} is .*must be a number"):
            kind(**{share: wrong})


@pytest.mark.parametrize("kind", [nn.SGD, nn.Momentum, nn.RMSProp, nn.Adam, nn.AdamW])
def test_learning_rates_and_epsilons_are_finite_and_not_negative(kind):
    for wrong in (-1e-9, np.nan, np.inf):
        with pytest.raises(ValueError, match="learning_rate is .* at least 0 and finite"):
            kind(learning_rate=wrong)
    if hasattr(kind, "epsilon"):
        for wrong in (0, -1e-7, np.nan, np.inf):
            with pytest.raises(ValueError, match="epsilon is .* above 0 and finite"):
                kind(epsilon=wrong)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: nn.Conv2D(4, 3, padding="SAME"), ValueError, "padding is 'SAME'"),
        (lambda: nn.MaxPool2D(2, padding=1), ValueError, "padding is 1"),
        (lambda: nn.Conv2D(True, 3), TypeError, "filters is True"),
        (lambda: nn.Conv2D(4, 0), ValueError, "kernel_size is 0"),
        (lambda: nn.MaxPool2D((2, 2, 2)), ValueError, "pool_size is"),
        (lambda: nn.Linear(0), ValueError, "units is 0"),
        (lambda: nn.BatchNorm(epsilon=-1), ValueError, "epsilon is -1"),
        (lambda: nn.BatchNorm(momentum=1.01), ValueError, "momentum is 1.01"),
        (lambda: trained(nn.Linear(2, np.inf), (3,)), ValueError, "kernel_initializer is inf"),
        (lambda: trained(nn.Linear(2, -0.1), (3,)), ValueError, "kernel_initializer is -0.1"),
        (lambda: nn.Sequential([nn.ReLU()], input_shape=32), ValueError, "input_shape is 32"),
        (lambda: nn.Sequential([nn.ReLU()], input_shape=()), ValueError, r"input_shape is \(\)"),
        (lambda: nn.Sequential([nn.ReLU()], input_shape=(32, 0)), ValueError, "input_shape is 0"),
        (lambda: nn.Sequential([nn.ReLU()], input_shape=(32.0,)), TypeError, "input_shape is 32.0"),
        (lambda: nn.MSE().backward(), AttributeError, "after forward"),
        (lambda: nn.SoftmaxCrossEntropy().backward(), AttributeError, "after forward"),
        (lambda: nn.MSE().forward(np.ones((0, 1)), np.ones((0, 1))), ValueError, "at least one value"),
        (lambda: nn.SoftmaxCrossEntropy().forward(np.ones((0, 2)), np.ones(0, int)), ValueError, "no examples"),
        (lambda: nn.numerical_gradient(np.sum, np.ones(2), step=0), ValueError, "step is 0"),
    ],
)
def test_what_cannot_work_is_refused_where_it_is_given(make, error, message):
    with pytest.raises(error, match=message):
        make()
