"""Networks opened, gradients and Grad-CAM, against closed forms, finite differences, plain PyTorch and one another."""

import json

import keras
import numpy as np
import pytest
from keras import layers

from course_utils import explain, models
from course_utils.explain import grad_cam, gradient, input_gradient
from course_utils.explain.maps import resized
from course_utils.explain.opened import Opened, opened
from tests.backends import INSTALLED, output_on


def pictures(count=3, size=(12, 10, 3), seed=0):
    return np.random.default_rng(seed).uniform(0, 255, (count, *size)).astype("float32")


def numbers(tensor):
    return np.asarray(keras.ops.convert_to_numpy(tensor))


def pooled(activation="softmax"):
    """Convolution, global average pooling, one dense layer: the network of Zhou et al."""
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.Input((12, 10, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(5, 3, activation="relu", name="conv"),
            layers.GlobalAveragePooling2D(name="mean"),
            layers.Dense(4, activation=activation, name="dense"),
        ],
        name="pooled",
    )


def base():
    return keras.Sequential(
        [
            keras.Input((12, 10, 3)),
            layers.Conv2D(4, 3, padding="same", name="first"),
            layers.BatchNormalization(),
            layers.Activation("swish", name="bend"),
            layers.MaxPooling2D(name="pool"),
        ],
        name="base",
    )


def nested():
    """Augmentation, an operation, a frozen base in a model in the model, a shortcut past a layer, a dense head."""
    keras.utils.set_random_seed(2)
    inputs = keras.Input((12, 10, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1)(layers.RandomFlip()(inputs))
    inner = keras.Input((12, 10, 3))
    body = keras.Model(inner, base()(inner, training=False), name="body")
    body.trainable = False
    x = body(x * 1.5)
    x = layers.Add()([x, layers.Conv2D(4, 1, activation="tanh", name="second")(x)])
    x = layers.Dropout(0.5)(layers.Flatten()(x[:, 1:, ::2]))
    x = layers.Dense(3, activation="softmax", name="head")(x)
    return keras.Model(inputs, layers.Activation("linear", dtype="float32")(layers.Dropout(0.1)(x)), name="nested")


def shared():
    """One layer that is called twice."""
    keras.utils.set_random_seed(3)
    inputs = keras.Input((12, 10, 3))
    twice = layers.Conv2D(3, 3, padding="same", activation="softplus", name="twice")
    x = twice(twice(layers.Rescaling(1 / 255)(inputs)))
    return keras.Model(inputs, layers.Dense(2)(layers.GlobalMaxPooling2D()(x)), name="shared")


def with_constants():
    keras.utils.set_random_seed(4)
    inputs = keras.Input((12, 10, 3))
    x = (inputs - np.array([100.0, 110.0, 120.0], "float32")) / 58.0
    x = keras.ops.concatenate([x, keras.ops.relu(-x)], axis=-1)
    x = layers.SeparableConv2D(4, 3, depth_multiplier=2, name="separable")(x)
    x = layers.Conv2DTranspose(3, (2, 3), strides=2, name="transposed")(x)
    return keras.Model(inputs, layers.Dense(2, activation="sigmoid")(layers.Flatten()(x)), name="constants")


def half():
    keras.utils.set_random_seed(5)
    return keras.Sequential(
        [
            keras.Input((12, 10, 3)),
            layers.Rescaling(1 / 255, dtype="mixed_float16"),
            layers.Conv2D(4, 3, dtype="mixed_float16", activation="relu", name="conv"),
            layers.Flatten(),
            layers.Dense(2, activation="softmax", dtype="float32"),
        ],
        name="half",
    )


ZOO = {
    **{one.__name__: one for one in (pooled, nested, shared, with_constants, half)},
    "model_1": lambda: models.model_1((12, 10, 3), 4),
    "model_5": lambda: models.model_5((16, 16, 3), 4),
}

# The network opened


@pytest.mark.parametrize("name", ZOO)
def test_the_steps_compute_what_the_network_computes(name):
    model = ZOO[name]()
    images = pictures(size=model.input_shape[1:])
    scores, _ = Opened(model, logits=False).run(images)
    np.testing.assert_allclose(numbers(scores), model.predict(images, verbose=0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["pooled", "nested", "model_1"])
def test_the_scores_are_those_before_the_softmax_with_which_the_network_ends(name):
    model = ZOO[name]()
    images = pictures(size=model.input_shape[1:])
    logits = Opened(model).run(images)[0]
    assert not np.allclose(numbers(logits), model.predict(images, verbose=0), atol=1e-2)
    np.testing.assert_allclose(
        numbers(keras.ops.softmax(logits)), model.predict(images, verbose=0), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(
    ("end", "inverse"),
    [
        ([layers.Dense(2), layers.Softmax()], keras.ops.softmax),
        ([layers.Dense(2), layers.Activation("softmax")], keras.ops.softmax),
        ([layers.Dense(1, activation="sigmoid")], keras.ops.sigmoid),
        ([layers.Dense(2, activation="softmax", dtype="mixed_float16")], keras.ops.softmax),
        ([layers.Dense(2)], lambda x: x),
        ([layers.Dense(2, activation="relu")], lambda x: x),
        ([layers.Dense(3, activation="softmax"), layers.Dense(2)], lambda x: x),
    ],
)
def test_a_softmax_or_a_sigmoid_is_found_in_each_way_to_write_it_and_nothing_else_is_taken_for_one(end, inverse):
    model = keras.Sequential([keras.Input((12, 10, 3)), layers.Rescaling(1 / 255), layers.Flatten(), *end])
    images = pictures()
    logits = keras.ops.cast(Opened(model).run(images)[0], "float32")
    np.testing.assert_allclose(numbers(inverse(logits)), model.predict(images, verbose=0), rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("name", ["pooled", "nested"])
def test_a_network_is_left_as_it_is(name):
    model = ZOO[name]()
    images = pictures()
    before = model.to_json(), [weights.copy() for weights in model.get_weights()], model.predict(images, verbose=0)
    grad_cam(model, images)
    input_gradient(model, images)
    assert model.to_json() == before[0]
    for now, then in zip(model.get_weights(), before[1], strict=True):
        np.testing.assert_array_equal(now, then)
    np.testing.assert_array_equal(model.predict(images, verbose=0), before[2])


@pytest.mark.parametrize("name", ["nested", "shared", "with_constants"])
def test_a_network_that_is_run_to_a_layer_and_on_gives_its_scores(name):
    network = Opened(ZOO[name]())
    images = pictures()
    scores, _ = network.run(images)
    for step in network.maps():
        output, others = network.run_to(step, images)
        onward = numbers(network.run_from(step, output, others))
        np.testing.assert_allclose(onward, numbers(scores), rtol=1e-5, atol=1e-6)
        if step.name != network.maps()[0].name:
            assert not np.allclose(numbers(network.run_from(step, output * 0.0, others)), numbers(scores))


# Gradients


def test_the_gradient_of_a_polynomial_is_its_derivative():
    x = np.linspace(-2, 2, 12).reshape(3, 4).astype("float32")
    found = gradient(lambda x: keras.ops.sum(x**3 - 2 * x, axis=1), x)
    np.testing.assert_allclose(found, 3 * x**2 - 2, rtol=1e-5, atol=1e-5)


def test_what_a_function_does_not_depend_on_has_gradient_zero():
    weights = keras.Variable(np.ones(3, "float32"))
    for function in (lambda x: keras.ops.ones(len(x)), lambda x: keras.ops.ones(len(x)) * keras.ops.sum(weights)):
        np.testing.assert_array_equal(gradient(function, np.ones((2, 5))), np.zeros((2, 5)))


def test_a_function_has_one_number_for_each_example():
    with pytest.raises(ValueError, match=r"gave shape \(2, 5\) for 2 examples; .* shape \(2,\)"):
        gradient(lambda x: x, np.ones((2, 5)))


@pytest.mark.parametrize("of", ["score", "loss"])
@pytest.mark.parametrize("name", ["nested", "shared"])
def test_the_gradient_of_a_network_is_that_of_central_differences(name, of):
    model = ZOO[name]()
    images, classes = pictures(), np.array([0, 1, 1])
    found = input_gradient(model, images, classes, of=of)
    network, random = Opened(model), np.random.default_rng(3)

    def value(images):
        logits = numbers(network.run(images)[0]).astype("float64")
        chosen = logits[np.arange(3), classes]
        return chosen if of == "score" else np.log(np.exp(logits).sum(axis=1)) - chosen

    for _ in range(4):
        direction = random.normal(size=images.shape).astype("float32")
        slope = (value(images + 0.02 * direction) - value(images - 0.02 * direction)) / 0.04
        np.testing.assert_allclose((found * direction).sum(axis=(1, 2, 3)), slope, rtol=0.02, atol=2e-4)


def test_the_gradient_does_not_depend_on_the_batches():
    model, images = nested(), pictures(5)
    np.testing.assert_allclose(
        input_gradient(model, images, 1, batch_size=2), input_gradient(model, images, 1), rtol=1e-4, atol=1e-7
    )


def test_a_step_along_the_sign_of_the_gradient_of_the_loss_makes_the_network_less_sure():
    model, images = nested(), pictures()
    attacked = images + 4 * np.sign(input_gradient(model, images, of="loss"))
    predicted = model.predict(images, verbose=0)
    rows, classes = np.arange(3), predicted.argmax(axis=1)
    assert (model.predict(attacked, verbose=0)[rows, classes] < predicted[rows, classes]).all()


def test_a_loss_needs_scores_of_two_classes():
    model = keras.Sequential([keras.Input((12, 10, 3)), layers.Flatten(), layers.Dense(1)], name="single")
    with pytest.raises(ValueError, match="'single' has a single score. Take of=\"score\""):
        input_gradient(model, pictures(), of="loss")
    with pytest.raises(ValueError, match='of is \'cost\'; expected "score" or "loss"'):
        input_gradient(model, pictures(), of="cost")


# Precision, and networks whose gradients say nothing


def in_policy(policy, dtype="float32", own=False):
    """The same weights in another precision."""
    keras.utils.set_random_seed(1)
    inside = [layers.Conv2D(4, 3, dtype=policy), layers.BatchNormalization(dtype=policy)]
    model = keras.Sequential(
        [
            keras.Input((12, 10, 3), dtype=dtype),
            layers.Rescaling(1 / 255, dtype=policy),
            *([Inside(inside, dtype=policy)] if own else inside),
            layers.Activation("tanh", dtype=policy),
            layers.Conv2D(4, 3, dtype=policy, activation="tanh"),
            layers.GlobalAveragePooling2D(dtype=policy),
            layers.Dense(3, dtype=policy, activation="softmax"),
        ]
    )
    random = np.random.default_rng(0)
    model.set_weights([random.uniform(0.1, 0.4, one.shape) - 0.25 * (one.ndim > 1) for one in model.get_weights()])
    return model


class Inside(layers.Layer):
    """Layers in a layer of one's own."""

    def __init__(self, inside, **kwargs):
        super().__init__(**kwargs)
        self.inside = inside

    def build(self, shape):
        for layer in self.inside:
            layer.build(shape)
            shape = layer.compute_output_shape(shape)

    def call(self, x):
        for layer in self.inside:
            x = layer(x)
        return x


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize(
    ("policy", "tolerance"),
    [("mixed_float16", 1e-5), ("mixed_bfloat16", 1e-5), ("float16", 0.01), ("bfloat16", 0.1), ("float64", 1e-5)],
)
def test_gradients_are_those_of_float32_in_every_precision(policy, tolerance, own):
    images = pictures()
    tolerance = {"mixed_float16": 0.01, "mixed_bfloat16": 0.1}.get(policy, tolerance) if own else tolerance
    for call in (
        lambda model: input_gradient(model, images / 1.0, 1),
        lambda model: 1e-4 * grad_cam(model, images, 1, signed=True).raw,
    ):
        wanted, found = call(in_policy("float32", own=own)), call(in_policy(policy, own=own))
        assert np.linalg.norm(found - wanted) <= tolerance * np.linalg.norm(wanted)


@pytest.mark.parametrize("dtype", ["uint8", "int32", "float16", "float64"])
def test_gradients_are_the_same_for_images_of_every_type(dtype):
    images = pictures().astype("uint8")
    wanted = input_gradient(in_policy("float32"), images.astype("float32"), 1)
    for given in (images, images.astype("float16"), images.astype("float64")):
        np.testing.assert_allclose(input_gradient(in_policy("float32", dtype), given, 1), wanted, rtol=1e-4, atol=1e-9)


def test_slopes_too_small_for_half_precision_are_kept():
    small = 1e-4
    x = np.ones((2, 3), "float32")

    def product(x):
        half = keras.ops.cast(x, "float16")
        return keras.ops.sum(half * small * small, axis=1)

    np.testing.assert_allclose(gradient(product, x), small**2, rtol=1e-2)


def test_slopes_too_large_for_the_scale_are_computed_again():
    def product(x):
        return keras.ops.sum(keras.ops.cast(x, "float16") * 300.0, axis=1)

    np.testing.assert_allclose(gradient(product, np.ones((2, 3), "float32")), 300.0, rtol=1e-2)


class Averaged(layers.Layer):
    """The mean over augmented copies; augmentation does nothing where a network predicts, unless it is told to."""

    def __init__(self, **told):
        super().__init__()
        self.told, self.flip = told, layers.RandomFlip("horizontal")

    def call(self, x):
        return keras.ops.mean(keras.ops.stack([self.flip(x, **self.told) for _ in range(3)]), axis=0)


def averaging(*first):
    keras.utils.set_random_seed(2)
    rest = [layers.Conv2D(3, 3, name="conv"), layers.Flatten(), layers.Dense(2, activation="softmax")]
    return keras.Sequential([keras.Input((12, 10, 3)), *first, *rest], name="averaging")


def test_augmentation_within_a_layer_does_nothing_where_its_gradient_is_taken():
    images, plain = pictures(), averaging()
    for call in (input_gradient, lambda *given: grad_cam(*given, signed=True).raw):
        np.testing.assert_allclose(call(averaging(Averaged()), images, 1), call(plain, images, 1), rtol=1e-4)


class OverTheBatch(layers.Layer):
    def call(self, x):
        return x - keras.ops.mean(x, axis=0, keepdims=True) / 2


@pytest.mark.parametrize("layer", [lambda: Averaged(training=True), OverTheBatch], ids=["random", "over the batch"])
@pytest.mark.parametrize("call", [grad_cam, input_gradient, explain.activations])
def test_a_network_that_answers_otherwise_each_time_or_beside_others_is_refused(call, layer):
    with pytest.raises(ValueError, match="'averaging' gives the same image other scores when it is asked again"):
        call(averaging(layer()), pictures())


def test_a_network_of_nan_has_nothing_to_explain_whatever_is_asked():
    for place in (0, 1, -1):  # kernel and bias of the convolution, bias of the dense layer
        model = averaging()
        weights = model.get_weights()
        weights[place] = np.full_like(weights[place], np.nan)
        model.set_weights(weights)
        for call in (lambda m, x: grad_cam(m, x, 1), lambda m, x: input_gradient(m, x, 1)):
            with pytest.raises(ValueError, match="did its training fail"):
                call(model, pictures())
        with pytest.raises(ValueError, match=r"'(conv|dense\S*)' of 'averaging' puts out NaN or infinity for image 0"):
            explain.activations(model, pictures(), [model.layers[0], model.layers[-1]])


def test_a_score_that_does_not_depend_on_the_image_is_told():
    model = averaging()
    model.layers[-1].set_weights([np.zeros_like(one) for one in model.layers[-1].get_weights()])
    with pytest.warns(UserWarning, match="score of image 0 from 'averaging' does not depend on its pixels"):
        assert not input_gradient(model, pictures(), 1).any()
    with pytest.warns(UserWarning, match="does not depend on its layer 'conv'"):
        assert not grad_cam(model, pictures(), 1).raw.any()


# Grad-CAM


def two_towers():
    inputs = keras.Input((12, 10, 3))
    sides = [layers.Conv2D(2, size, name=f"side_{size}")(inputs) for size in (3, 5)]
    joined = layers.Concatenate()([layers.GlobalAveragePooling2D()(side) for side in sides])
    return keras.Model(inputs, layers.Dense(2)(joined), name="towers")


def test_of_two_last_maps_one_has_to_be_named():
    with pytest.raises(ValueError, match="'towers' has 2 layers with a feature map .*: side_3, side_5. Say which"):
        grad_cam(two_towers(), pictures())
    assert grad_cam(two_towers(), pictures(), layer="side_3").layer == "side_3"


def test_maps_with_their_channels_first_are_refused():
    inputs = keras.Input((12, 10, 3))
    x = layers.Permute((3, 1, 2))(inputs)
    x = layers.ZeroPadding2D(2, data_format="channels_first", name="first")(x)
    x = layers.Activation("tanh", name="bent")(x)
    model = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(x)))
    with pytest.raises(ValueError, match="'first' .* has its channels first, so that it cannot be told"):
        grad_cam(model, pictures(), layer="bent")


class Halved(layers.Conv2D):
    def convolution_op(self, inputs, kernel):
        return super().convolution_op(inputs, kernel / 2)


def test_kernels_that_a_derived_layer_may_not_use_are_not_shown():
    model = keras.Sequential([keras.Input((12, 10, 3)), Halved(2, 3, name="own"), layers.Flatten(), layers.Dense(2)])
    with pytest.raises(ValueError, match="'own' is a Halved, derived from a convolution .* other kernels"):
        explain.filters(model)


@pytest.mark.parametrize("activation", ["softmax", None])
@pytest.mark.parametrize("signed", [False, True])
def test_before_global_pooling_it_is_the_map_of_zhou_divided_by_the_number_of_places(activation, signed):
    model, images = pooled(activation), pictures(5)
    classes = np.array([0, 1, 2, 3, 1])
    cam = grad_cam(model, images, classes, signed=signed, batch_size=2)
    maps = numbers(model.layers[1](model.layers[0](images)))
    zhou = np.einsum("nhwc,cn->nhw", maps, model.layers[-1].get_weights()[0][:, classes]) / (10 * 8)
    np.testing.assert_allclose(cam.raw, zhou if signed else zhou.clip(0), rtol=1e-4, atol=1e-7)
    assert (cam.raw < 0).any() == signed
    assert cam.layer == "conv"
    np.testing.assert_array_equal(cam.class_index, classes)


def test_the_heatmap_is_the_raw_map_in_the_size_of_the_images():
    cam = grad_cam(pooled(), pictures())
    wanted = keras.ops.image.resize(cam.raw[..., None], (12, 10), interpolation="bilinear")
    np.testing.assert_allclose(cam.heatmap, numbers(wanted)[..., 0], rtol=1e-4, atol=1e-6)
    assert cam.heatmap.dtype == cam.raw.dtype == "float32"


@pytest.mark.parametrize("size", [(7, 9), (14, 3), (1, 1), (5, 4)])
def test_maps_are_resized_as_keras_resizes_them(size):
    maps = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32")
    wanted = keras.ops.image.resize(maps[..., None], size, interpolation="bilinear")
    if min(size) > 1:
        np.testing.assert_allclose(resized(maps, size), numbers(wanted)[..., 0], rtol=1e-4, atol=1e-5)
    assert resized(maps, size).shape == (2, *size)


def test_the_class_is_the_predicted_one_where_none_is_given():
    model, images = nested(), pictures(6)
    np.testing.assert_array_equal(grad_cam(model, images).class_index, model.predict(images, verbose=0).argmax(axis=1))


def test_a_probability_of_one_still_has_a_map():
    model, images = pooled(), pictures()
    kernel, bias = model.layers[-1].get_weights()
    before = grad_cam(model, images, 2, signed=True).raw
    model.layers[-1].set_weights([kernel, bias + np.array([0, 0, 200, 0], "float32")])
    assert model.predict(images, verbose=0)[:, 2].min() == 1
    np.testing.assert_allclose(grad_cam(model, images, 2, signed=True).raw, before, rtol=1e-5)
    assert before.any()


def test_a_network_that_was_kept_is_taken_apart_anew_where_more_than_weights_has_changed():
    model, images = pooled(), pictures()
    before = grad_cam(model, images, 1, signed=True).raw
    assert opened(model, in_float32=True) is opened(model, in_float32=True)
    model.layers[1].activation = keras.activations.tanh
    fresh = pooled()
    fresh.layers[1].activation = keras.activations.tanh
    fresh.set_weights(model.get_weights())
    after = grad_cam(model, images, 1, signed=True).raw
    assert not np.allclose(after, before)
    np.testing.assert_allclose(after, grad_cam(fresh, images, 1, signed=True).raw, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("pooled", "conv"),
        ("nested", "second"),
        ("shared", "twice (call 2)"),
        ("with_constants", "transposed"),
    ],
)
def test_layers_can_be_named_in_several_ways(name, layer):
    model = ZOO[name]()
    step = Opened(model).find(layer)
    assert step.name == layer
    if name == "nested":
        network = Opened(model)
        assert network.find("first").name == network.find("body/base/first").name == "body/base/first"
        assert network.find(model.get_layer("body").get_layer("base").layers[0]).name == "body/base/first"
        assert network.find("body").name == network.find("base").name == "body/base/bend"
        assert grad_cam(model, pictures(), layer="base").layer == "body/base/bend"


@pytest.mark.parametrize(
    ("name", "last"), [("pooled", "conv"), ("nested", "add"), ("model_1", "conv2d"), ("model_5", "activation")]
)
def test_the_last_map_is_what_a_layer_found_before_it_is_pooled_dropped_or_flattened(name, last):
    found = Opened(ZOO[name]()).find().name
    assert found.startswith(last)
    if name == "model_1":
        assert Opened(ZOO[name]()).find().shapes[0][1:3] == (3, 2)  # 12 x 10, twice halved: before the third pooling


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("conv2", r"'nested' has no layer 'conv2'. Layers with a feature map, from the last: get_item\S*, add"),
        ("secnod", r"no layer 'secnod'. Did you mean second\?"),
        ("head", r"the layer 'head' puts out shape \(None, 3\): no feature map, .* from the last: get_item"),
        (7, r"no layer 7"),
    ],
)
def test_a_layer_that_cannot_be_looked_at_is_answered_with_those_that_can(layer, message):
    with pytest.raises(ValueError, match=message):
        grad_cam(nested(), pictures(), layer=layer)


def test_a_layer_that_is_called_twice_has_to_be_told_apart():
    model = shared()
    with pytest.raises(ValueError, match=r"2 steps that are called 'twice'; say which: twice, twice \(call 2\)"):
        grad_cam(model, pictures(), layer=model.get_layer("twice"))
    first, second = (grad_cam(model, pictures(), 0, layer=name, signed=True) for name in ("twice", "twice (call 2)"))
    assert not np.allclose(first.raw, second.raw)


def test_a_network_without_maps_says_so():
    model = keras.Sequential([keras.Input((12, 10, 3)), layers.Flatten(), layers.Dense(2)], name="flat")
    with pytest.raises(ValueError, match="no layer of 'flat' puts out a feature map.*expected a network with conv"):
        grad_cam(model, pictures())


def test_what_does_not_fit_is_refused_by_every_explanation():
    for call in (grad_cam, input_gradient):
        with pytest.raises(ValueError, match=r"images \* 255"):
            call(pooled(), pictures() / 255)
        with pytest.raises(ValueError, match="expected 0 to 3"):
            call(pooled(), pictures(), 4)
        with pytest.raises(ValueError, match="batch_size is 0"):
            call(pooled(), pictures(), batch_size=0)


# Other backends, and another library

PROGRAM = """
import json, os, sys
import numpy as np
import keras
from tests.test_explain_cam import nested, pictures, with_constants
from course_utils import explain

made = {"nested": nested, "with_constants": with_constants}
result = {}
for name, build in made.items():
    model = build()
    random = np.random.default_rng(7)
    model.set_weights([random.uniform(0.1, 0.4, weights.shape) - 0.25 * (weights.ndim > 1)
                       for weights in model.get_weights()])
    images = pictures()
    result[name] = {
        "scores": model.predict(images, verbose=0).tolist(),
        "cam": explain.grad_cam(model, images, 1, signed=True).heatmap.tolist(),
        "inside": explain.grad_cam(model, images, 1, layer="first" if name == "nested" else "separable").raw.tolist(),
        "gradient": explain.input_gradient(model, images, 0).tolist(),
        "loss": explain.input_gradient(model, images, 0, of="loss").tolist(),
        "maps": [maps.tolist() for maps in explain.activations(model, images).values()],
        "filters": explain.filters(model).tolist(),
    }
print(json.dumps(result))
"""


@pytest.fixture(scope="module")
def results():
    return {backend: json.loads(output_on(backend, PROGRAM)[-1]) for backend in INSTALLED}


@pytest.mark.slow
@pytest.mark.skipif(len(INSTALLED) < 2, reason="only one backend is installed here")
def test_every_backend_gives_the_same_explanations(results):
    first, *others = INSTALLED
    for other in others:
        for name, wanted in results[first].items():
            for part, value in wanted.items():
                for one, two in zip(value, results[other][name][part], strict=True):
                    one, two = np.array(one), np.array(two)
                    np.testing.assert_allclose(two, one, rtol=2e-3, atol=1e-4 * np.abs(one).max(), err_msg=part)
                    assert one.any(), f"{name}, {part}: nothing to compare"


def test_it_is_the_map_of_captum_for_the_same_network_in_plain_pytorch():
    torch = pytest.importorskip("torch")
    captum = pytest.importorskip("captum.attr")
    keras.utils.set_random_seed(6)
    model = keras.Sequential(
        [
            keras.Input((12, 10, 3)),
            layers.Conv2D(4, 3, activation="relu", name="one"),
            layers.MaxPooling2D(name="pool"),
            layers.Conv2D(6, 3, activation="relu", name="two"),
            layers.Flatten(),
            layers.Dense(5, activation="softmax", name="dense"),
        ]
    )
    one, two = torch.nn.Conv2d(3, 4, 3), torch.nn.Conv2d(4, 6, 3)
    first, second = torch.nn.ReLU(), torch.nn.ReLU()
    dense = torch.nn.Linear(3 * 2 * 6, 5)
    plain = torch.nn.Sequential(one, first, torch.nn.MaxPool2d(2), two, second, torch.nn.Flatten(), dense)
    with torch.no_grad():
        for mine, layer in ((one, "one"), (two, "two")):
            kernel, bias = model.get_layer(layer).get_weights()
            mine.weight.copy_(torch.from_numpy(kernel.transpose(3, 2, 0, 1)))
            mine.bias.copy_(torch.from_numpy(bias))
        kernel, bias = model.get_layer("dense").get_weights()
        rows = kernel.reshape(3, 2, 6, 5).transpose(3, 2, 0, 1)  # PyTorch flattens channels first
        dense.weight.copy_(torch.from_numpy(rows.reshape(5, -1)))
        dense.bias.copy_(torch.from_numpy(bias))
    images, classes = pictures(4) / 255, [0, 3, 1, 4]
    given = torch.from_numpy(images.transpose(0, 3, 1, 2).copy())
    for layer, module in (("one", first), ("two", second)):
        wanted = captum.LayerGradCam(plain, module).attribute(given, torch.tensor(classes)).detach().numpy()[:, 0]
        cam = grad_cam(model, images, classes, layer=layer, signed=True)
        np.testing.assert_allclose(cam.raw, wanted, rtol=1e-3, atol=1e-6)
        assert np.abs(wanted).max() > 1e-3
    given.requires_grad_(True)
    wanted = captum.Saliency(plain).attribute(given, torch.tensor(classes), abs=False).numpy().transpose(0, 2, 3, 1)
    np.testing.assert_allclose(input_gradient(model, images, classes), wanted, rtol=1e-3, atol=1e-5)


def test_explanations_are_found_without_the_name_of_their_file():
    assert explain.cam.grad_cam is grad_cam
    with pytest.raises(AttributeError, match="has no attribute 'grad_cmm'; it has .*grad_cam"):
        _ = explain.grad_cmm
