"""Occlusion maps of networks with layers of one's own, and of networks that change: as the model itself has it."""

import gc
from unittest import mock

import keras
import numpy as np
import pytest
from keras import layers, ops
from occlusion_truth import BOUND, compiled_as, scores_one_by_one, uncompiled

from course_utils.arithmetic.exact import exact_kind
from course_utils.explain import occlusion_map
from course_utils.explain.occlusion import networks, windows

SIZE, PATCH, STRIDE = (16, 14), (4, 4), (4, 5)


class Centred(layers.Conv2D):
    def convolution_op(self, inputs, kernel):
        return super().convolution_op(inputs, 2 * (kernel - ops.mean(kernel, axis=(0, 1, 2), keepdims=True)))


class ReflectingConv(layers.Conv2D):
    def call(self, x):
        return super().call(ops.pad(x, [[0, 0], [2, 2], [2, 2], [0, 0]], mode="reflect"))

    def compute_output_shape(self, shape):
        return shape[0], shape[1] + 2, shape[2] + 2, self.filters


class Reflecting(layers.ZeroPadding2D):
    def call(self, x):
        (top, bottom), (left, right) = self.padding
        return ops.pad(x, [[0, 0], [top, bottom], [left, right], [0, 0]], mode="reflect")


class HalfPooling(layers.MaxPooling2D):
    def call(self, x):
        return 0.5 * super().call(x)


class OfThisImage(layers.BatchNormalization):
    def call(self, x, training=None, mask=None):
        return x - ops.mean(x, axis=(1, 2), keepdims=True)


class Merged(layers.Add):
    def call(self, inputs):
        return inputs[0] + ops.flip(inputs[1], axis=1)


class RootMean(layers.GlobalAveragePooling2D):
    def call(self, x):
        return ops.sqrt(ops.mean(x * x, axis=(1, 2)))


class Turned(keras.Model):
    """A functional model with a call of its own."""

    def call(self, x, training=None):
        return super().call(ops.flip(x, axis=1), training=training)


def own(name, function):
    """A layer with any name of a class."""
    return type(name, (layers.Layer,), {"call": lambda self, x: function(x)})()


def deviation(x):
    return x / (1e-3 + ops.std(x, axis=(1, 2), keepdims=True))


def exchanged_method(x):
    layer = layers.MaxPooling2D(2)
    before = layer.call
    layer.call = lambda x: before(x) + ops.mean(x, axis=(1, 2), keepdims=True)
    return layer(x)


def exchanged_convolution(x):
    layer = layers.Conv2D(3, 3)
    layer.convolution_op = lambda x, kernel: ops.conv(ops.flip(x, axis=1), kernel)
    return layer(x)


def turned_within(x):
    inputs = keras.Input(x.shape[1:])
    return Turned(inputs, layers.Conv2D(3, 3, padding="same", activation="relu")(inputs))(x)


def by_place(x):
    return np.random.default_rng(1).normal(size=(*x.shape[1:3], 1)).astype("float32")


MIDDLES = {
    "convolution_op": Centred(4, 3),
    "reflecting convolution": ReflectingConv(4, 3),
    "reflecting padding": Reflecting(2),
    "pooling": HalfPooling(2),
    "normalisation": OfThisImage(),
    "normalisation of a convolution": lambda x: OfThisImage()(layers.Conv2D(4, 3)(x)),
    "convolution before a normalisation": lambda x: layers.BatchNormalization()(Centred(4, 3)(x)),
    "merging": lambda x: Merged()([x, layers.Conv2D(x.shape[-1], 3, padding="same")(x)]),
    "a name of keras.applications": own("LayerScale", lambda x: x * ops.mean(x, axis=(1, 2), keepdims=True)),
    "a name of Keras": own("Dropout", lambda x: ops.roll(x, 2, axis=1)),
    "activation of a convolution": layers.Conv2D(4, 3, activation=deviation),
    "activation of a dense layer": layers.Dense(4, activation=lambda x: ops.softmax(x, axis=1)),
    "a layer as activation": layers.Conv2D(4, 3, activation=layers.Softmax(axis=1)),
    "Activation": layers.Activation(deviation),
    "a method of this layer": exchanged_method,
    "convolution_op of this layer": exchanged_convolution,
    "a model with a call": turned_within,
    "a constant for each place": lambda x: layers.Rescaling(by_place(x))(x),
    "channels first": lambda x: layers.Permute((2, 3, 1))(
        layers.GlobalAveragePooling2D(data_format="channels_first", keepdims=True)(layers.Permute((3, 1, 2))(x)) * 2.0
        + layers.Permute((3, 1, 2))(x)
    ),
}


def network(middle, end=None, kind=keras.Model):
    """A network with a layer in its middle, and random weights."""
    inputs = keras.Input((*SIZE, 3))
    x = layers.Conv2D(4, 3, padding="same")(middle(layers.Conv2D(4, 3, activation="relu")(inputs)))
    model = kind(inputs, end(x) if end else layers.Dense(3)(layers.GlobalAveragePooling2D()(x)))
    random = np.random.default_rng(2)
    for weight in model.weights:
        if "kernel" in weight.path:
            weight.assign(random.normal(0, 1.3, weight.shape) / np.sqrt(np.prod(weight.shape[:-1])))
    return model


def agrees(model, methods=("windows", "auto", "plain"), score="logit"):
    """All methods with the loop over single images; what they found."""
    image, fill = np.random.default_rng(0).normal(size=(2, *SIZE, 3)).astype("float32")
    truth = scores_one_by_one(model, image, fill, PATCH, STRIDE)[..., 1]
    baseline = ops.convert_to_numpy(model(image[None], training=False))[0, 1]
    found = {}
    for method in methods:
        found[method] = one = occlusion_map(model, image[None], 1, PATCH, STRIDE, fill, score, method)
        bound = BOUND * np.ptp(truth) + 1e-6 * np.abs(truth).max()
        assert np.abs(one.scores[0] - truth).max() < bound, (method, one.whole_from)
        assert abs(one.baseline[0] - baseline) < bound
    return found


@pytest.fixture(autouse=True)
def _windows_cost_nothing():
    with mock.patch.object(networks, "_cost", return_value=0.0):
        yield


@pytest.fixture
def _not_compiled():
    with compiled_as(uncompiled):
        yield


@pytest.fixture
def _trusting():
    """Nothing is compared with the model itself: what is right then is so by itself."""
    with mock.patch.object(networks, "_agree", return_value=True):
        yield


# ------------------------------------------------------------------------------------------------ layers of one's own


@pytest.mark.usefixtures("_not_compiled", "_trusting")
@pytest.mark.parametrize("name", MIDDLES)
def test_a_layer_that_is_not_keras_own_runs_as_it_is(name):
    agrees(network(MIDDLES[name]))


@pytest.mark.usefixtures("_not_compiled", "_trusting")
@pytest.mark.parametrize("kind", [layers.MaxPooling2D, layers.BatchNormalization, layers.Conv2D])
def test_a_method_that_was_replaced_on_a_class_of_keras_is_noticed(kind):
    model = network({"Conv2D": layers.Conv2D(4, 3)}.get(kind.__name__) or kind())
    before = kind.call

    def call(self, x, *args, **kwargs):
        return before(self, ops.flip(x, axis=1), *args, **kwargs)

    with mock.patch.object(kind, "call", call):
        agrees(model)
    agrees(model)


@pytest.mark.usefixtures("_not_compiled")
def test_a_model_with_a_call_of_its_own_is_explained_by_whole_passes():
    end = lambda x: layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling2D()(x))  # noqa: E731
    for found in agrees(network(layers.ReLU(), end, Turned), score="probability").values():
        assert found.method == "plain"


@pytest.mark.usefixtures("_not_compiled")
@pytest.mark.parametrize("activation", [layers.LeakyReLU(0.3), ops.tanh, keras.activations.silu, "softmax"])
def test_windows_pass_through_activations_of_keras(activation):
    assert agrees(network(layers.Conv2D(4, 3, activation=activation)))["windows"].whole_from == ""


@pytest.mark.usefixtures("_not_compiled")
def test_an_average_that_keeps_its_axes_is_known():
    end = lambda x: layers.Flatten()(layers.Conv2D(3, 1)(layers.GlobalAveragePooling2D(keepdims=True)(x)))  # noqa: E731
    assert "not known" not in agrees(network(layers.ReLU(), end))["windows"].whole_from


# --------------------------------------------------------------------------------------------------- the last word


@pytest.mark.usefixtures("_not_compiled")
def test_windows_that_give_something_else_than_the_model_are_not_taken():
    model = network(layers.MaxPooling2D(2))
    pooled = windows._pool
    with mock.patch.object(windows, "_pool", lambda *args: 1.1 * pooled(*args)):
        found = agrees(model, methods=("auto", "auto", "plain"))["auto"]
        assert found.method == "plain"
        assert "do not give what the network gives" in found.whole_from
        with pytest.raises(ValueError, match='Give method="plain"'):
            agrees(model, methods=("windows",))


def test_what_a_layer_reads_from_outside_may_change():
    factor = [1.0]
    model = network(own("Scaled", lambda x: factor[0] * ops.tanh(x)))
    for factor[0] in (1.0, 0.2):
        agrees(model)


# ---------------------------------------------------------------------------------------------- models that change


def _activation(model):
    model.layers[2].activation = keras.activations.tanh


def _own_activation(model):
    model.layers[2].activation = lambda x: ops.sin(3 * x)


def _attribute(model):
    model.layers[3].max_value = 0.3


def _strides(model):
    model.layers[2].dilation_rate = (2, 2)


def _padding(model):
    model.layers[2].padding = "valid"


def _policy(model):
    model.layers[3].negative_slope = 0.5


CHANGES = (_activation, _own_activation, _attribute, _policy, _padding, _strides)


@pytest.mark.usefixtures("_trusting")
@pytest.mark.parametrize("method", ["windows", "plain"])
def test_a_layer_that_was_changed_after_the_first_map_is_noticed(method):
    def middle(x):
        return layers.ReLU()(layers.Conv2D(4, 3, padding="same")(x))

    model = network(middle)
    before = agrees(model, (method,))[method]
    for change in CHANGES[:4]:
        change(model)
        after = agrees(model, (method,))[method]
        assert np.abs(after.scores - before.scores).max() > 1e-3
        before = after


def test_what_was_compiled_is_kept_while_nothing_changes():
    model = network(layers.ReLU())
    agrees(model, ("windows",))
    with mock.patch.object(networks, "make_plan") as planned:
        model.predict(np.zeros((1, *SIZE, 3)), verbose=0)
        model.trainable = False
        keras.Model(model.input, model.layers[1].output)
        model.set_weights([0.5 * weight for weight in model.get_weights()])
        agrees(model, ("windows", "auto"))
    assert not planned.called


def test_of_a_model_that_is_gone_nothing_is_kept():
    networks._kept.clear()
    model = network(layers.ReLU())
    agrees(model, ("windows", "plain"))
    assert len(networks._kept) == 1
    del model
    gc.collect()
    assert not networks._kept


# --------------------------------------------------------------------------------------------------- kinds of numbers


@pytest.mark.usefixtures("_not_compiled")
@pytest.mark.parametrize(("policy", "bound"), [("mixed_float16", 0.02), ("mixed_bfloat16", 0.15)])
def test_mixed_precision_gives_what_float32_gives_within_its_own(policy, bound):
    def build():
        inputs = keras.Input((*SIZE, 3))
        x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(6, 3)(inputs)))
        x = layers.AveragePooling2D(2, padding="same")(layers.MaxPooling2D(2, strides=1, padding="same")(x))
        return keras.Model(inputs, layers.Dense(3, dtype="float32")(layers.GlobalAveragePooling2D()(x)))

    single = build()
    keras.config.set_dtype_policy(policy)
    try:
        half = build()
    finally:
        keras.config.set_dtype_policy("float32")
    half.set_weights(single.get_weights())
    image, fill = np.random.default_rng(0).normal(size=(2, *SIZE, 3)).astype("float32")
    truth = occlusion_map(single, image[None], 1, PATCH, STRIDE, fill, "logit", "plain").scores
    for method in ("windows", "plain"):
        found = occlusion_map(half, image[None], 1, PATCH, STRIDE, fill, "logit", method)
        assert found.method == method
        assert np.abs(found.scores - truth).max() < bound * np.abs(truth).max()


@pytest.mark.usefixtures("_not_compiled")
def test_a_model_of_whole_numbers_sees_a_patch_in_whole_numbers():
    inputs = keras.Input((*SIZE, 3), dtype="uint8")
    x = layers.MaxPooling2D(2, strides=1)(layers.Rescaling(1 / 255)(inputs))
    model = keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(x))))
    image = np.random.default_rng(0).integers(0, 256, (*SIZE, 3)).astype("float32")
    truth = scores_one_by_one(model, image, np.full_like(image, 90), PATCH, STRIDE)[..., 1]
    for method in ("windows", "plain"):
        found = occlusion_map(model, image[None].astype("uint8"), 1, PATCH, STRIDE, 90.7, "logit", method)
        assert found.method == method
        assert np.abs(found.scores[0] - truth).max() < BOUND * np.ptp(truth)


@pytest.mark.usefixtures("_not_compiled")
def test_a_network_that_failed_in_training_is_refused():
    model = network(layers.ReLU())
    model.layers[1].kernel.assign(np.full(model.layers[1].kernel.shape, np.nan))
    for method in ("windows", "auto", "plain"):
        with pytest.raises(ValueError, match="NaN"):
            occlusion_map(model, np.zeros((1, *SIZE, 3)), 0, PATCH, STRIDE, method=method)


# ----------------------------------------------------------------------------------------------------------- exact


def test_only_a_class_of_keras_as_keras_wrote_it_is_exact():
    layer = layers.Conv2D(3, 3)
    assert exact_kind(layer) == "Conv2D"
    assert exact_kind(Centred(3, 3)) == ""
    assert exact_kind(own("Conv2D", lambda x: x)) == ""
    layer.convolution_op = lambda x, kernel: x
    assert exact_kind(layer) == ""
    assert exact_kind(None) == ""
