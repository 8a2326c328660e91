"""What the outputs of a network are, told from its layers, and what is computed from that, beside closed forms."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from course_utils.explain import grad_cam, input_gradient, occlusion_map
from course_utils.explain.scores import ending, squashing, without_activation


class Doubled(layers.Dense):
    def call(self, x):
        return 2 * super().call(x)


class Squashed(layers.Layer):
    """A softmax of one's own."""

    def call(self, x):
        return ops.softmax(x)


def numbers(tensor):
    return np.asarray(ops.convert_to_numpy(tensor))


def pictures(count=2):
    return np.random.default_rng(0).normal(size=(count, 12, 10, 3)).astype("float32")


def backend_softmax():
    backend = keras.config.backend()
    if backend == "tensorflow":
        import tensorflow

        return tensorflow.nn.softmax
    if backend == "jax":
        import jax

        return jax.nn.softmax
    return ops.softmax


def mean_of_two(x):
    return layers.Average()([layers.Dense(3, activation="softmax")(x) for _ in range(2)])


ENDS = {
    "softmax": ("softmax", lambda x: layers.Dense(3, activation="softmax")(x)),
    "the backend's": ("softmax", lambda x: layers.Dense(3, activation=backend_softmax())(x)),
    "ops as activation": ("softmax", lambda x: layers.Dense(3, activation=ops.softmax)(x)),
    "a layer as activation": ("softmax", lambda x: layers.Dense(3, activation=layers.Softmax())(x)),
    "an operation": ("softmax", lambda x: ops.softmax(layers.Dense(3)(x))),
    "handed on": (
        "softmax",
        lambda x: layers.Activation("linear", dtype="float32")(
            layers.Reshape((3,))(layers.Softmax()(layers.Conv2D(3, 1)(layers.Reshape((1, 1, -1))(x))))
        ),
    ),
    "sigmoids": ("sigmoid", lambda x: layers.Dense(3, activation="sigmoid")(x)),
    "a sigmoid": ("sigmoid", lambda x: ops.sigmoid(layers.Dense(3)(x))),
    "logits": ("logits", lambda x: layers.Dense(3)(x)),
    "tempered": ("logits", lambda x: layers.Dense(3)(x) / 2.0),
    "log softmax": ("logits", lambda x: layers.Dense(3, activation="log_softmax")(x)),
    "mean of softmaxes": ("probabilities", mean_of_two),
    "over the batch": ("unknown", lambda x: ops.softmax(layers.Dense(3)(x), axis=0)),
    "places mixed": ("unknown", lambda x: layers.Flatten()(layers.Softmax()(layers.Reshape((-1, 4))(x)))),
    # Small weights, since it is 0 or 1 where others draw a number beyond 3.
    "hard sigmoid": ("unknown", lambda x: layers.Dense(3, "hard_sigmoid", kernel_initializer="random_uniform")(x)),
    "lambda": ("unknown", lambda x: layers.Lambda(lambda x: x)(layers.Dense(3, activation="softmax")(x))),
    "derived": ("unknown", lambda x: Doubled(3, activation="softmax")(x)),
    "own": ("unknown", lambda x: Squashed()(layers.Dense(3)(x))),
}


def ending_in(name):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((12, 10, 3))
    x = layers.Flatten()(layers.Conv2D(2, 3)(inputs))
    return keras.Model(inputs, ENDS[name][1](x), name="net")


@pytest.mark.parametrize("name", ENDS)
def test_what_the_outputs_are_is_told_from_the_layers(name):
    assert ending(ending_in(name)).kind == ENDS[name][0]


# "over the batch" is left out: its outputs belong to no image
PROBABLE = sorted(ENDS.keys() - {"logits", "tempered", "log softmax", "over the batch", "derived", "places mixed"})


@pytest.mark.parametrize("name", PROBABLE)
def test_log_odds_are_those_of_the_models_own_probability(name):
    model, images = ending_in(name), pictures()
    probability = model.predict(images, verbose=0)[:, 1].astype("float64")
    found = occlusion_map(model, images, 1, 6, 6, score="log_odds")
    np.testing.assert_allclose(found.baseline, np.log(probability / (1 - probability)), rtol=2e-3, atol=1e-3)


def test_log_odds_of_several_sigmoids_are_the_logits_of_the_unit():
    model = keras.Sequential([keras.Input((4, 4, 1)), layers.Flatten(), layers.Dense(3, activation="sigmoid")])
    model.layers[-1].set_weights([np.tile([[2.0, 3.0, -1.0]], (16, 1)) / 16, np.zeros(3)])
    images = np.ones((1, 4, 4, 1))
    for unit, logit in enumerate((2, 3, -1)):
        for score in ("log_odds", "logit"):
            assert occlusion_map(model, images, unit, 2, 2, score=score).baseline == pytest.approx(logit, abs=1e-5)


@pytest.mark.parametrize("name", ["mean of softmaxes", "own", "lambda", "derived"])
def test_a_logit_that_cannot_be_told_is_refused(name):
    with pytest.raises(ValueError, match='score="logit" .* this one ends in .*Take score="log_odds"'):
        occlusion_map(ending_in(name), pictures(), 1, 6, 6, score="logit")


def test_outputs_of_an_unknown_end_that_are_no_probabilities_are_not_taken_for_them():
    with pytest.raises(ValueError, match="ends in 'derived', a Derived|ends in .*Doubled.* no probabilities"):
        occlusion_map(ending_in("derived"), pictures(), 1, 6, 6)


def test_log_odds_of_a_probability_of_one_are_refused_where_it_cannot_be_undone():
    model = ending_in("own")
    kernel, bias = model.layers[-2].get_weights()
    model.layers[-2].set_weights([kernel, bias + np.array([0, 500, 0])])
    with pytest.raises(ValueError, match="rounds to 0 or 1 for image 0"):
        occlusion_map(model, pictures(), 1, 6, 6, score="log_odds")


def test_scores_of_an_image_are_the_same_beside_another():
    model = keras.Sequential([keras.Input((4, 4, 1)), layers.Flatten(), layers.Dense(2, use_bias=False)])
    model.layers[-1].set_weights([np.tile([[1 / 16, 0.5 / 16]], (16, 1))])
    image, other = np.full((1, 4, 4, 1), 0.8), np.full((1, 4, 4, 1), 50.0)
    alone, beside = (occlusion_map(model, one, 0, 2, 2) for one in (image, np.concatenate([image, other])))
    assert alone.baseline[0] == pytest.approx(1 / (1 + np.exp(-0.4)), abs=1e-5)
    np.testing.assert_allclose(beside.scores[0], alone.scores[0], atol=1e-5)


def changed(kind):
    constraint = None if kind == "low rank" else "unit_norm"
    layer = layers.Dense(3, activation="softmax", kernel_constraint=constraint)
    layer.build((None, 8))
    if kind == "low rank":
        layer.enable_lora(2)
        layer.lora_kernel_b.assign(np.random.default_rng(1).normal(size=(2, 3)))
    elif kind == "int8":
        layer.quantize("int8")
    return layer


@pytest.mark.parametrize("kind", ["plain", "low rank", "int8"])
def test_without_its_activation_a_layer_keeps_the_weights_that_it_computes_with(kind):
    layer = changed(kind)
    x = np.random.default_rng(0).normal(size=(5, 8)).astype("float32")
    bare = without_activation(layer)
    np.testing.assert_allclose(numbers(ops.softmax(bare(x))), numbers(layer(x)), atol=1e-6)
    assert squashing(layer) == "within"
    assert squashing(bare) is None
    if kind == "plain":
        layer.kernel.assign(np.ones((8, 3)))
        np.testing.assert_allclose(numbers(ops.softmax(bare(x))), np.full((5, 3), 1 / 3), atol=1e-6)


# Gradients of what ends otherwise


def saturated(activation):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((12, 10, 3)),
            layers.Conv2D(4, 3),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3),
            activation if isinstance(activation, layers.Layer) else layers.Activation(activation),
        ],
        name="sure",
    )
    kernel, bias = model.layers[2].get_weights()
    model.layers[2].set_weights([kernel, bias + np.array([0, 300, 0])])
    return model


def test_the_map_of_a_probability_of_one_does_not_vanish_in_silence():
    images = pictures()
    wanted = grad_cam(saturated("softmax"), images, 1, signed=True).raw
    assert abs(wanted).max() > 1e-3
    np.testing.assert_allclose(grad_cam(saturated(backend_softmax()), images, 1, signed=True).raw, wanted, rtol=1e-4)
    for explain in (grad_cam, input_gradient):
        with pytest.raises(ValueError, match="score of image 0 from 'sure' is 1, .* lost to rounding.*a Lambda"):
            explain(saturated(layers.Lambda(lambda x: ops.softmax(x))), images, 1)


@pytest.mark.parametrize(
    ("name", "loss"),
    [
        ("softmax", lambda p: -np.log(p)),
        ("mean of softmaxes", lambda p: -np.log(p)),
        ("sigmoids", lambda p: -np.log(p)),
        ("logits", lambda z: np.log(np.exp(z).sum(axis=1, keepdims=True)) - z),
    ],
)
def test_the_loss_is_that_of_what_the_outputs_are(name, loss):
    model, images = ending_in(name), pictures()
    found = input_gradient(model, images, 2, of="loss")
    direction = np.random.default_rng(3).normal(size=images.shape).astype("float32")
    high, low = (loss(model.predict(images + sign * direction, verbose=0))[:, 2] for sign in (5e-3, -5e-3))
    np.testing.assert_allclose((found * direction).sum(axis=(1, 2, 3)), (high - low) / 1e-2, rtol=0.03, atol=1e-3)


def test_the_loss_of_what_cannot_be_told_is_refused():
    with pytest.raises(ValueError, match=r"'net' ends in .*Squashed, of which it cannot be told .* and so no loss"):
        input_gradient(ending_in("own"), pictures(), 1, of="loss")
