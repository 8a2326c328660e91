"""The judgements about Keras models: what each accepts, and what it says about the rest."""

import random

import numpy as np
import pytest

from course_utils.checks import Wrong, engine, judge, kinds, networks

keras = pytest.importorskip("keras")
layers = keras.layers


def network(*, units=3, activation="softmax", size=6, **options):
    return keras.Sequential(
        [keras.Input((size, size, 1)), layers.Flatten(), layers.Dense(units, activation=activation, **options)]
    )


@pytest.fixture(scope="module")
def stripes():
    """Two classes that a line tells apart: bright left halves and bright right halves."""
    labels = np.arange(64) % 2
    images = np.random.default_rng(0).normal(0, 0.1, (64, 6, 6, 1)).astype("float32")
    images[labels == 0, :, :3] += 1
    images[labels == 1, :, 3:] += 1
    return images, labels


def mistake(judgement, *args, **kwargs):
    with pytest.raises(Wrong) as caught:
        judgement(*args, **kwargs)
    return caught.value.mistake, caught.value.hint


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (layers.Dense(3), "This is a layer, Dense"),
        (layers.Dense, "This is a layer"),
        (keras.Input((2,)), "keras.Model(inputs, outputs)"),
        (network, "Call it"),
        (3, "got `3`"),
    ],
    ids=["layer", "class", "tensor", "function", "number"],
)
def test_what_is_not_a_model_is_told_what_it_is(answer, says):
    name, hint = mistake(networks.is_model, answer)
    assert name == "wrong type"
    assert says in hint


def test_a_sequential_a_functional_and_a_subclassed_model_are_models():
    class Own(keras.Model):
        pass

    inputs = keras.Input((2,))
    for model in (network(), keras.Model(inputs, layers.Dense(1)(inputs)), Own()):
        networks.is_model(model)


def test_shapes_are_looked_at_by_running_the_model():
    networks.gives(network(), input_shape=(6, 6, 1), output_shape=(3,))
    assert mistake(networks.gives, network(), input_shape=(6, 6, 1), output_shape=(4,))[0] == "output shape"
    name, hint = mistake(networks.gives, network(size=8), input_shape=(6, 6, 1), output_shape=(3,))
    assert name == "input shape"
    assert "(8, 8, 1)" in hint
    inputs = keras.Input((2,))
    two = keras.Model(inputs, [inputs, inputs])
    assert "2 outputs" in mistake(networks.gives, two, input_shape=(2,), output_shape=(2,))[1]
    two = keras.Model([inputs, keras.Input((2,))], inputs)
    assert "2 inputs" in mistake(networks.gives, two, input_shape=(2,), output_shape=(2,))[1]


def test_outputs_that_are_no_probabilities_are_found():
    networks.probabilities(network(), input_shape=(6, 6, 1))
    for activation in (None, "sigmoid", "tanh"):
        model = network(activation=activation)
        assert mistake(networks.probabilities, model, input_shape=(6, 6, 1))[0] == "no probabilities"


def test_a_count_that_is_known_has_its_own_hint():
    model = network()  # 36 * 3 weights and 3 biases
    networks.parameters(model, 111)
    networks.parameters(model, 111, mistakes={111: "never said about the right count"})
    networks.parameters(model, at_most=111)
    known = {108: ("no bias", "Biases!"), 222: "Twice!"}
    assert mistake(networks.parameters, network(use_bias=False), 111, mistakes=known) == ("no bias", "Biases!")
    assert mistake(networks.parameters, network(units=6), 111, mistakes=known) == ("parameters", "Twice!")
    name, hint = mistake(networks.parameters, network(units=4), 111, mistakes=known)
    assert name == "parameters"
    assert "37 more" in hint
    assert mistake(networks.parameters, model, at_most=110)[0] == "parameters"


def test_a_trial_training_leaves_the_model_as_it_was(stripes):
    model = network(units=2)
    before = model.get_weights()
    networks.trains(model, *stripes, learning_rate=0.05)
    assert all(np.array_equal(old, new) for old, new in zip(before, model.get_weights(), strict=True))
    assert not model.compiled


def state(model):
    variables = [*model.variables, *model.metrics_variables, *model.optimizer.variables]
    return [keras.ops.convert_to_numpy(variable).tolist() for variable in variables]


@pytest.fixture
def trained(stripes):
    model = keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            layers.RandomFlip("horizontal", seed=1),
            keras.Sequential([layers.Flatten(), layers.BatchNormalization()]),
            layers.Dropout(0.5, seed=2),
            layers.Dense(2, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(*stripes, epochs=1, verbose=0)
    return model


def ask(judgement, monkeypatch):
    """Have a task judged that does this to the model which it is given."""
    monkeypatch.setattr(engine, "_tasks", dict(engine._tasks))
    kinds.task("zz.model", "a model", nudges=("a", "b"), why="c")(judgement)


@pytest.mark.parametrize("packed", [lambda model: model, lambda model: {"model": [model]}], ids=["model", "in a dict"])
def test_a_check_leaves_a_model_as_it_was_whatever_is_done_with_it(trained, stripes, packed, monkeypatch):
    moved = []

    def judgement(answer):
        model = answer["model"][0] if isinstance(answer, dict) else answer
        before = state(model)
        model(stripes[0], training=True)  # moves averages and seeds
        moved.append(before != state(model))
        model.layers[-1].trainable = False
        model.layers[1].layers[1].trainable = False
        model.fit(*stripes, epochs=1, verbose=0)
        model.compile("sgd", "mse")
        model.set_weights([weight + 1 for weight in model.get_weights()])
        keras.utils.set_random_seed(3)
        random.random(), np.random.random()  # noqa: NPY002 - what Keras' seeds set

    ask(judgement, monkeypatch)
    before, optimizer, loss = state(trained), trained.optimizer, trained.loss
    drawn = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    assert judge("zz.model", packed(trained)).right
    assert moved == [True]
    assert trained.optimizer is optimizer
    assert trained.loss == loss
    assert state(trained) == before
    assert all(layer.trainable for layer in (trained.layers[-1], trained.layers[1].layers[1]))
    assert all(variable.trainable for variable in trained.trainable_variables)
    assert len(trained.trainable_variables) == 4
    assert (random.getstate(), np.random.get_state()[1].tolist()) == drawn  # noqa: NPY002
    trained.fit(*stripes, epochs=1, verbose=0)  # goes on as if nothing had happened
    assert set(trained.history.history) == {"loss", "accuracy"}


def test_a_check_that_fails_leaves_a_model_as_it_was_too(trained, stripes, monkeypatch):
    def judgement(model):
        model(stripes[0], training=True)
        raise Wrong("other", "No.")

    ask(judgement, monkeypatch)
    before = state(trained)
    assert judge("zz.model", trained).mistake == "other"
    assert state(trained) == before


def test_a_model_of_keras_2_is_told_what_it_is_and_what_to_do():
    old = type("Functional", (), {"__module__": "tf_keras.src.engine.functional", "__call__": lambda self, x: x})
    for judgement in (networks.is_model, networks.built):
        for answer in (old(), old, type("Mine", (old,), {"__module__": "__main__"})()):
            name, hint = mistake(judgement, answer)
            assert name == "Keras 2"
            assert "`import keras`" in hint
    networks.not_keras_2(network())


def test_a_model_that_cannot_learn_is_found(stripes):
    deaf = keras.Sequential([keras.Input((6, 6, 1)), layers.Rescaling(0.0), *network(units=2).layers])
    assert mistake(networks.trains, deaf, *stripes)[0] == "does not train"
    exploding = keras.Sequential([keras.Input((6, 6, 1)), layers.Rescaling(np.inf), *network(units=2).layers])
    assert mistake(networks.trains, exploding, *stripes)[0] == "does not train"


def test_the_accuracy_asked_for_is_the_profiles(stripes, monkeypatch):
    images, labels = stripes
    model = network(units=2)
    left = np.tile([1, 1, 1, -1, -1, -1], 6)  # for each pixel, which half it lies in
    model.set_weights([np.stack([left, -left], axis=1), np.zeros(2)])
    bounds = {"full": 0.9, "laptop": 0.7, "smoke": 0.2}
    half_wrong = np.where(np.arange(64) < 32, labels, 1 - labels)
    assert networks.scores(model, images, labels, **bounds) == 1.0
    monkeypatch.setenv("COURSE_PROFILE", "smoke")
    assert networks.scores(model, images, half_wrong, **bounds) == 0.5
    monkeypatch.setenv("COURSE_PROFILE", "laptop")
    name, hint = mistake(networks.scores, model, images, half_wrong, **bounds)
    assert name == "accuracy"
    assert "0.500" in hint
    assert "0.70" in hint
    assert "Guessing" in hint
    monkeypatch.setenv("COURSE_PROFILE", "full")
    mostly = np.where(np.arange(64) < 50, labels, 1 - labels)
    assert "still learning" in mistake(networks.scores, model, images, mostly, **bounds)[1]
