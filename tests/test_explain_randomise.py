"""A network that forgets: layer by layer from the top, with weights that it has never had, and only in a copy."""

import random

import keras
import numpy as np
import pytest

from course_utils.explain import agreement, randomisation

IMAGES = np.random.default_rng(0).normal(size=(2, 6, 6, 3)).astype("float32")
LAYERS = ("dense", "second", "first")


def network(seed=0, **options):
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((6, 6, 3))
    x = keras.layers.Conv2D(4, 3, name="first", **options)(inputs)
    x = keras.layers.Conv2D(4, 3, name="second", **options)(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(2, name="dense", **options)(x))


def kernels(model):
    return {name: keras.ops.convert_to_numpy(model.get_layer(name).kernel) for name in LAYERS}


def seen(model, seed=0, layers=None):
    """The layers, and the kernels of the network each time that it was explained."""
    found = []

    def explain(model, images):
        found.append(kernels(model))
        return images[..., 0]

    return randomisation(model, explain, IMAGES, layers, seed).layers, found


def test_layers_forget_from_the_top_down_and_those_below_stay():
    model = network()
    named, found = seen(model)
    assert named == LAYERS
    for step, now in enumerate(found):
        for number, name in enumerate(LAYERS):
            assert (now[name] == kernels(model)[name]).all() == (number >= step)


@pytest.mark.parametrize("seed", [0, 7])
def test_the_new_weights_are_not_those_from_before_the_training(seed):
    for model in (network(seed), network(seed, kernel_initializer=keras.initializers.GlorotUniform(seed=seed))):
        _, found = seen(model, seed)  # the model was never trained: these are its first weights
        for name, kernel in kernels(model).items():
            assert abs(np.corrcoef(kernel.ravel(), found[-1][name].ravel())[0, 1]) < 0.99


def test_a_seed_forgets_the_same_way_again_and_another_one_otherwise():
    model = network()
    first, again, other = (seen(model, seed)[1][-1] for seed in (3, 3, 4))
    for name in LAYERS:
        np.testing.assert_array_equal(first[name], again[name])
        assert (first[name] != other[name]).any()


def test_the_model_and_the_random_numbers_stay_as_they_are():
    model = network()
    before, state = model.get_weights(), random.getstate()
    seen(model)
    assert random.getstate() == state
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_layers_between_those_that_were_named_forget_too():
    model = network()
    named, found = seen(model, layers=["first"])
    assert named == ("first",)
    assert all((found[1][name] != kernels(model)[name]).any() for name in LAYERS)


def test_a_map_of_the_picture_alone_never_changes():
    found = randomisation(network(), lambda model, images: abs(images).sum(axis=-1), IMAGES)
    np.testing.assert_allclose(found.agreement, 1)
    np.testing.assert_array_equal(agreement(found.heatmaps[0], found.heatmaps[-1]), found.agreement[-1])


@pytest.mark.parametrize(
    ("layers", "message"), [([], "layers is empty"), ("third", "has no layer 'third'. Layers with a feature map")]
)
def test_layers_that_cannot_forget_are_refused(layers, message):
    with pytest.raises(ValueError, match=message):
        seen(network(), layers=layers)
