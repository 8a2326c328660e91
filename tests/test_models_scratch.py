"""The ladder of chapter 06: the package's models are the chapter's, and each is what its description says."""

import json
import math
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import layers

from course_utils import experiments, load, models
from tests.by_heart import learned_by_heart
from tests.page_functions import define_functions

NAMES = ("dense_network", "model_1", "model_2", "model_3", "model_4", "model_5")


def architecture(build):
    """Everything that a model consists of, layer by layer, but for names and seeds, which count up."""
    config = json.loads(build().to_json())["config"]["layers"]

    def stripped(entry):
        if isinstance(entry, dict):
            return {key: stripped(value) for key, value in entry.items() if key not in ("name", "seed")}
        return [stripped(value) for value in entry] if isinstance(entry, list) else entry

    return stripped(config)


@pytest.fixture(scope="module")
def chapter():
    """The chapter's own functions that build and train a model, taken out of its cells."""
    images = load("cifar10", "train", examples=40, source="stand-in")
    scope = {
        "keras": keras, "layers": layers, "math": math, "np": np, "small": images, "validation": images,
        "run": SimpleNamespace(epochs=1),
    }  # fmt: skip
    define_functions("06_scratch_cnns", (*NAMES, "fit", "one_cycle", "fit_5"), scope)
    return scope


@pytest.mark.parametrize("name", NAMES)
def test_the_package_has_the_model_that_the_chapter_shows(name, chapter):
    assert architecture(chapter[name]) == architecture(getattr(models, name))


@pytest.mark.parametrize(
    ("experiment", "name"), list(zip(("dense", *(f"Model {n}" for n in range(1, 6))), NAMES, strict=True))
)
def test_the_page_shows_the_network_whose_trainings_were_kept(experiment, name):
    kept = experiments.declared("06_scratch_cnns").EXPERIMENTS[experiment]
    assert architecture(kept.build) == architecture(getattr(models, name))


def test_the_page_trains_as_the_kept_trainings_did(chapter):
    declared = experiments.declared("06_scratch_cnns").EXPERIMENTS
    progress = keras.callbacks.Callback()

    def training(model):
        optimizer = keras.optimizers.serialize(model.optimizer)
        optimizer["config"].pop("name")
        loss = model.loss if isinstance(model.loss, str) else keras.losses.serialize(model.loss)
        return optimizer, loss

    page, _ = chapter["fit"](chapter["model_1"](), progress)
    assert training(page) == training(declared["Model 1"].model())
    page, history = chapter["fit_5"](chapter["model_5"](), progress, chapter["small"], epochs=3)
    kept = declared["Model 5"]
    model = kept.build()
    kept.compile(model, 3 * -(-40 // kept.batch_size))
    assert training(page) == training(model)
    assert history.params["steps"] == -(-40 // kept.batch_size)


@pytest.mark.parametrize("name", NAMES)
def test_a_model_takes_images_as_they_are_stored_and_gives_probabilities(name):
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype="uint8")
    probabilities = getattr(models, name)().predict(images, verbose=0)
    assert probabilities.shape == (3, 10)
    assert probabilities.dtype == "float32"
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_model_can_have_another_size_and_number_of_classes(name):
    model = getattr(models, name)(input_shape=(48, 40, 1), classes=3)
    assert model.input_shape == (None, 48, 40, 1)
    assert model.output_shape == (None, 3)


def test_parameters_are_those_of_the_formulas():
    def conv(depth, filters):
        return 9 * depth * filters + filters

    dense = 1_024 * 128 + 128 + 128 * 10 + 10
    one = conv(3, 16) + conv(16, 32) + conv(32, 64)
    assert models.model_1().count_params() == one + dense
    two = one + conv(16, 16) + conv(32, 32) + conv(64, 64)
    assert models.model_2().count_params() == models.model_3().count_params() == two + dense
    # Batch normalisation brings four numbers a channel.
    assert models.model_4().count_params() == two + dense + 4 * 2 * (16 + 32 + 64)
    pairs = [(3, 16), (16, 32), (32, 32), (32, 64), (64, 64), (64, 128), (128, 128)]
    five = sum(conv(depth, filters) + 4 * filters for depth, filters in pairs)
    assert models.model_5().count_params() == five + 128 * 10 + 10


def test_model_5_changes_images_only_while_it_trains():
    keras.utils.set_random_seed(0)
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype="uint8")
    flips = keras.Sequential([layer for layer in models.model_5().layers if layer.name.startswith("random")])
    moved = keras.ops.convert_to_numpy(flips(images.astype("float32"), training=True))
    assert not np.array_equal(moved, images)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(flips(images.astype("float32"), training=False)), images)


@pytest.mark.parametrize("name", ["model_1", "model_5"])
def test_a_few_images_can_be_learned_by_heart(name):
    keras.utils.set_random_seed(0)
    images = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3), dtype="uint8")
    labels = np.arange(20) % 10
    model = getattr(models, name)()
    model.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    first = model.evaluate(images, labels, verbose=0)[0]
    # noise: the penalty of model 5 comes on top of log 10
    assert first == pytest.approx(np.log(10) + float(sum(map(float, model.losses), 0.0)), abs=0.6)
    assert learned_by_heart(model, images, labels, accuracy=0.8, epochs=80)
