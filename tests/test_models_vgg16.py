"""VGG16: Keras' layers, Keras' weights, Keras' outputs, its preprocessing inside."""

import functools
import json
import math
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from course_utils import models
from course_utils.arithmetic import summarize
from course_utils.models import weights
from tests.backends import BACKENDS, INSTALLED, output_on

# Keras' own, of every weight that it reads out of a variable
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

MIRROR = Path(__file__).parents[2] / "shared" / "mirror"
FILTERS = (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)


@functools.cache
def ours(include_top=False):
    return models.vgg16(include_top=include_top, weights=None, input_shape=(32, 48, 3))


@functools.cache
def theirs(include_top=False):
    return keras.applications.VGG16(include_top=include_top, weights=None, input_shape=(32, 48, 3))


def with_weights(model):
    return {layer.name: [tuple(one.shape) for one in layer.weights] for layer in model.layers if layer.weights}


def outputs(model, x):
    return keras.ops.convert_to_numpy(model(x, training=False))


def images(count, height=32, width=48, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), dtype="uint8")


# ------------------------------------------------------------------------------------------------------- architecture


def test_it_has_138_357_544_weights():
    convolutions = [9 * depth * filters + filters for depth, filters in zip((3, *FILTERS[:-1]), FILTERS, strict=True)]
    dense = [7 * 7 * 512 * 4096 + 4096, 4096 * 4096 + 4096, 4096 * 1000 + 1000]
    assert sum(convolutions) + sum(dense) == 138_357_544
    assert [
        row.parameters for row in summarize(models.vgg16(weights=None)).rows if row.kind == "Conv2D"
    ] == convolutions
    at_32_pixels = [512 * 4096 + 4096, *dense[1:]]
    small = models.vgg16(include_top=True, weights=None, input_shape=(32, 32, 3))
    assert small.count_params() == sum(convolutions) + sum(at_32_pixels)


@pytest.mark.slow
def test_the_whole_network_is_built_with_all_of_them():
    assert models.vgg16(include_top=True, weights=None).count_params() == 138_357_544


@pytest.mark.parametrize("include_top", [False, True])
def test_layers_are_named_and_shaped_as_in_keras(include_top):
    assert with_weights(ours(include_top)) == with_weights(theirs(include_top))
    names = [layer.name for layer in theirs(include_top).layers if "input" not in layer.name]
    assert [layer.name for layer in ours(include_top).layers if layer.name in names] == names


@pytest.mark.parametrize("include_top", [False, True])
def test_outputs_are_those_of_keras_with_its_preprocessing(include_top):
    theirs(include_top).set_weights(ours(include_top).get_weights())
    x = images(3)
    preprocessed = keras.applications.vgg16.preprocess_input(x.astype("float32"))
    expected = outputs(theirs(include_top), preprocessed)
    np.testing.assert_allclose(outputs(ours(include_top), x), expected, rtol=1e-5, atol=1e-5)
    raw = outputs(theirs(include_top), x.astype("float32"))
    assert np.abs(expected - raw).max() > 0.01 * expected.max()  # it does make a difference


def test_red_and_blue_change_places_and_the_means_go():
    before = keras.Model(ours().input, ours().get_layer("minus_means").output)
    x = np.zeros((1, 32, 48, 3), "uint8")
    x[..., 0] = 255  # red
    expected = np.broadcast_to(np.array([-103.939, -116.779, 255 - 123.68], "float32"), x.shape)
    np.testing.assert_allclose(outputs(before, x), expected, atol=1e-4)


def test_the_walker_of_layers_sees_through_the_exchange_of_channels():
    summary = summarize(ours())
    assert summary["block1_conv1"].receptive_field == (3, 3)
    assert summary["block5_pool"].receptive_field == (212, 212)


def test_pooling_gives_the_mean_or_the_maximum_of_the_maps():
    x = images(2)
    maps = outputs(ours(), x)
    for pooling, expected in (("avg", maps.mean((1, 2))), ("max", maps.max((1, 2)))):
        pooled = models.vgg16(weights=None, input_shape=(32, 48, 3), pooling=pooling)
        pooled.set_weights(ours().get_weights())
        np.testing.assert_allclose(outputs(pooled, x), expected, rtol=1e-4, atol=1e-6)


def test_it_takes_images_of_any_size():
    model = models.vgg16(weights=None, input_shape=(None, None, 3))
    assert outputs(model, images(1, 64, 37)).shape == (1, 2, 1, 512)


@pytest.mark.parametrize("way", ["json", "file"])
def test_it_can_be_described_and_saved_whole(way, tmp_path):
    if way == "json":
        again = keras.models.model_from_json(json.dumps(json.loads(ours().to_json())))
        again.set_weights(ours().get_weights())
    else:
        ours().save(tmp_path / "vgg16.keras")
        again = keras.models.load_model(tmp_path / "vgg16.keras")
    np.testing.assert_allclose(outputs(again, images(2)), outputs(ours(), images(2)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pooling": "mean"}, "pooling is 'mean'; it must be None, 'avg' or 'max'"),
        ({"include_top": True, "classes": 2}, "classes is 2, but the trained top has 1,000.*include_top=False"),
        ({"input_shape": (180, 180)}, "it must be \\(height, width, 3\\)"),
        ({"input_shape": (180, 180, 1)}, "it must be \\(height, width, 3\\).*numpy.repeat"),
        ({"input_shape": (16, 180, 3)}, "at least 32 by 32"),
        ({"include_top": True, "input_shape": (180, 180, 3)}, "224 by 224 pixels with trained weights"),
        ({"include_top": True, "weights": None, "input_shape": (None, None, 3)}, "height and width must be numbers"),
        ({"weights": "imagenette"}, "it must be 'imagenet', None or the path of a file"),
    ],
)
def test_an_argument_that_cannot_be_is_named_with_what_may_be(arguments, message):
    with pytest.raises(ValueError, match=message):
        models.vgg16(**arguments)


# ------------------------------------------------------------------------------------------------------------ weights


def write_as_keras_did(path, model):
    """An HDF5 file of weights in the layout of those that Keras' authors publish."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        for layer in model.layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}_{kind}_1:0" for kind in "Wb"[: len(layer.weights)]]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, values in zip(names, layer.get_weights(), strict=True):
                group.create_dataset(name, data=values)


@pytest.mark.parametrize("include_top", [False, True])
def test_files_of_keras_fit_layer_for_layer(include_top, tmp_path, monkeypatch):
    """Keras' own download, as far as it can be had without its host."""
    file = next(file for file in weights.network("vgg16" if include_top else "vgg16_notop").files if file.url)
    write_as_keras_did(tmp_path / file.name, theirs(include_top))
    asked = []

    def get_file(name, url, **options):
        asked.append((name, url, options["file_hash"]))
        return str(tmp_path / name)

    monkeypatch.setattr(keras.utils, "get_file", get_file)
    monkeypatch.delenv("COURSE_UTILS_MIRROR", raising=False)
    if include_top:  # 224 by 224 is what the trained top is for; the small one shows as much
        model = models.vgg16(True, tmp_path / file.name, input_shape=(32, 48, 3))
    else:
        model = models.vgg16(input_shape=(32, 48, 3))
        assert asked == [(file.name, file.url, file.checksum.removeprefix("md5:"))]
    for one, other in zip(model.get_weights(), theirs(include_top).get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    # It began with zeros, which a copy that is to be trained from scratch must not.
    described, new = (json.loads(one.to_json())["config"]["layers"][3:] for one in (model, ours(include_top)))
    assert described == new


@pytest.mark.filterwarnings("ignore:Skipping nested container")  # Keras', before it raises
def test_weights_of_another_network_are_refused(tmp_path):
    write_as_keras_did(tmp_path / "top.h5", theirs(include_top=True))
    narrow = keras.Sequential([keras.Input((32, 48, 3)), keras.layers.Conv2D(8, 3)])
    narrow.save_weights(tmp_path / "narrow.weights.h5")
    for path in (tmp_path / "top.h5", tmp_path / "narrow.weights.h5"):
        with pytest.raises(ValueError, match=f"{path.name} does not hold the weights of 'vgg16'"):
            models.vgg16(weights=path)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_refused_with_the_name_of_their_place(tmp_path, value):
    broken = ours()
    kernel, bias = broken.get_layer("block3_conv2").get_weights()
    kernel[1, 1, 5, 7] = value
    broken.get_layer("block3_conv2").set_weights([kernel, bias])
    broken.save_weights(tmp_path / "broken.weights.h5")
    with pytest.raises(ValueError, match="has numbers in 'block3_conv2/kernel' that are infinite or not"):
        models.vgg16(weights=tmp_path / "broken.weights.h5", input_shape=(32, 48, 3))


@pytest.fixture
def mirror(monkeypatch):
    if not (MIRROR / "vgg16_notop.weights.h5").is_file():
        pytest.skip("no weights here: ../shared/mirror is not there")
    monkeypatch.setenv("COURSE_UTILS_MIRROR", str(MIRROR))


def test_the_weights_of_the_mirror_fill_every_layer_and_say_what_they_are(mirror):
    found = weights.find("vgg16_notop")
    assert found.place == "mirror"
    assert 'say "these weights"' in found.source
    model = models.vgg16(input_shape=(32, 48, 3))
    with h5py.File(found.path) as file:
        for number, layer in enumerate(layer for layer in model.layers if layer.weights):
            stored = file[f"layers/conv2d{f'_{number}' if number else ''}/vars"]
            np.testing.assert_array_equal(layer.get_weights()[0], stored["0"][()].astype("float32"))
            np.testing.assert_array_equal(layer.get_weights()[1], stored["1"][()].astype("float32"))
    assert number == 12


def test_its_features_tell_cats_from_dogs(mirror, tmp_path, monkeypatch):
    """Nearest mean of 40 images: chance is 0.5, and weights in the wrong places give chance."""
    from course_utils import load

    monkeypatch.setenv("COURSE_UTILS_CACHE", str(tmp_path))
    data = load("cats_vs_dogs", examples=80, size=96, source="mirror", progress=False)
    features = outputs(models.vgg16(input_shape=(96, 96, 3), pooling="avg"), data.images)
    known, asked = slice(0, 40), slice(40, 80)
    means = [features[known][data.labels[known] == label].mean(axis=0) for label in (0, 1)]
    distances = [np.linalg.norm(features[asked] - mean, axis=1) for mean in means]
    assert np.mean((distances[1] < distances[0]) == data.labels[asked]) >= 0.7


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_every_backend_gives_the_same(backend, tmp_path):
    if backend not in INSTALLED:
        pytest.skip(f"{backend} is not installed")
    if backend == keras.backend.backend():
        pytest.skip(f"{backend} is what this process runs on")
    np.save(tmp_path / "images.npy", images(2))
    ours().save_weights(tmp_path / "vgg16.weights.h5")
    code = (
        "import sys, numpy; from course_utils import models\n"
        "model = models.vgg16(weights=sys.argv[2], input_shape=(32, 48, 3))\n"
        "numpy.save(sys.argv[3], model.predict(numpy.load(sys.argv[1]), verbose=0))"
    )
    output_on(backend, code, *(tmp_path / name for name in ("images.npy", "vgg16.weights.h5", "maps.npy")))
    here = outputs(ours(), images(2))
    np.testing.assert_allclose(np.load(tmp_path / "maps.npy"), here, atol=1e-4)
    assert math.isfinite(here.sum())
    assert here.max() > 0
