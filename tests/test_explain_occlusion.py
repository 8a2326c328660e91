"""Occlusion maps: windows give what whole passes give, and both what a loop over single images gives."""

import gc
import json
import weakref
from unittest import mock

import keras
import numpy as np
import pytest
from keras import layers
from occlusion_truth import BOUND, compiled_as, heatmap_one_by_one, lively, scores_one_by_one, uncompiled

from course_utils import models
from course_utils.datasets.drawn import draw
from course_utils.explain import occlusion_map
from course_utils.explain.occlusion import cover, networks, plan
from tests.backends import INSTALLED, output_on

SIDE = 48


def pictures(count=16, size=(SIDE, SIDE + 4)):
    """Drawn images in 0 to 255."""
    return draw(count, max(size), seed=5).images.astype("float32")[:, : size[0], : size[1]]


def every_kind():
    """A small network with every kind of layer that windows pass through."""
    keras.utils.set_random_seed(3)
    inputs = keras.Input((SIDE, SIDE + 4, 3))
    x = layers.Rescaling(1 / 255)(inputs)
    x = layers.ZeroPadding2D(((1, 2), (2, 1)))(x)
    x = layers.Conv2D(6, (3, 5), strides=2, padding="same")(x)
    a = layers.Add()([layers.ReLU()(layers.BatchNormalization()(x)), x])
    b = layers.Conv2D(6, 3, dilation_rate=2, padding="same", activation="tanh")(a)
    a = layers.Add()([a, b])
    b = layers.SeparableConv2D(6, 3, padding="same")(a)
    a = layers.Concatenate()([a, b, layers.DepthwiseConv2D(3, padding="same")(a)])
    a = layers.MaxPooling2D(3, strides=1, padding="same")(a)
    a = layers.Conv2D(8, 1, strides=2)(a)
    a = layers.Conv2DTranspose(5, 3, strides=2, padding="same")(a)
    a = layers.Cropping2D(((1, 0), (0, 1)))(a)
    a = layers.UpSampling2D(2)(a)
    a = layers.Cropping2D(((0, 3), (0, 2)))(a)
    a = layers.AveragePooling2D(3, strides=2, padding="same")(a)
    outputs = layers.Dense(4, activation="softmax")(layers.GlobalAveragePooling2D()(a))
    return lively(keras.Model(inputs, outputs), pictures())


def nested():
    """Models inside a model: preparation, a backbone with squeeze-and-excite, and a head."""
    keras.utils.set_random_seed(4)
    prepare = keras.Sequential([layers.Rescaling(1 / 127.5, -1), layers.RandomFlip()], name="prepare")
    start = keras.Input((SIDE, SIDE + 4, 3))
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(start)
    x = layers.BatchNormalization()(x)
    x = layers.Activation("silu")(x)
    x = layers.DepthwiseConv2D(5, padding="same")(x)
    squeezed = layers.Reshape((1, 1, 8))(layers.GlobalAveragePooling2D()(x))
    excited = layers.Conv2D(8, 1, activation="sigmoid")(layers.Conv2D(2, 1, activation="relu")(squeezed))
    backbone = keras.Model(start, layers.Conv2D(6, 3, strides=2)(layers.Multiply()([x, excited])), name="backbone")
    head = keras.Sequential([layers.MaxPooling2D(), layers.Flatten(), layers.Dense(5)], name="head")
    inputs = keras.Input((SIDE, SIDE + 4, 3))
    return lively(keras.Model(inputs, head(backbone(prepare(inputs)))), pictures())


def plain_convolutions(size=SIDE):
    keras.utils.set_random_seed(6)
    return keras.Sequential(
        [keras.Input((size, size, 3)), layers.Rescaling(1 / 255), layers.Conv2D(6, 3, activation="relu"),
         layers.MaxPooling2D(), layers.Conv2D(8, 3, activation="relu"), layers.MaxPooling2D(), layers.Flatten(),
         layers.Dense(3)]
    )  # fmt: skip


@pytest.fixture(scope="module")
def images():
    return pictures()


@pytest.fixture(scope="module")
def small():
    return every_kind()


@pytest.fixture(scope="module")
def both(small):
    """The two networks that are explained with patches of several sizes, built once."""
    return {every_kind: small, nested: nested()}


def whole(image, value):
    return np.broadcast_to(np.asarray(value, "float32"), image.shape)


def softmax(logits):
    return np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()


# ------------------------------------------------------------------------------------------------- scores, heatmaps


@pytest.mark.parametrize(("patch", "stride"), [(8, 8), ((7, 12), (5, 9)), (1, 23), (SIDE, 4), (5, 11)])
@pytest.mark.parametrize("build", [every_kind, nested])
def test_scores_and_heatmap_are_those_of_single_covered_images(both, build, images, patch, stride):
    model, image = both[build], images[0]
    patch, stride = (side if isinstance(side, tuple) else (side, side) for side in (patch, stride))
    score = softmax if build is nested else (lambda outputs: outputs)  # the model gives logits, of which it is taken
    truth = scores_one_by_one(model, image, whole(image, 90.0), patch, stride, score)[..., 2]
    baseline = score(keras.ops.convert_to_numpy(model(image[None], training=False))[0].astype("float64"))[2]
    spread = max(np.ptp(np.append(truth, baseline)), 1e-3)
    for method in ("windows", "plain"):
        found = occlusion_map(model, images[:1], 2, patch, stride, fill=90.0, method=method, batch_size=7)
        assert found.method == method
        assert np.abs(found.scores[0] - truth).max() < BOUND * spread
        assert abs(found.baseline[0] - baseline) < BOUND * spread
        heatmap = heatmap_one_by_one(baseline - truth, image.shape[:2], patch, stride)
        assert np.abs(found.heatmap[0] - heatmap).max() < 2 * BOUND * spread


def test_each_image_has_its_own_class_and_the_result_does_not_depend_on_the_others(small, images):
    classes = keras.ops.convert_to_numpy(small(images[:3], training=False)).argmax(axis=-1)
    together = occlusion_map(small, images[:3], None, 16, 12)
    assert np.array_equal(together.class_index, classes)
    for number in range(3):
        alone = occlusion_map(small, images[number : number + 1], int(classes[number]), 16, 12)
        for name in ("scores", "heatmap", "baseline"):
            assert np.allclose(getattr(together, name)[number], getattr(alone, name)[0], atol=1e-6)
    given = occlusion_map(small, images[:3], [3, 0, 1], 16, 12)
    assert np.array_equal(given.class_index, [3, 0, 1])
    third = occlusion_map(small, images[2:3], 1, 16, 12)
    assert np.allclose(given.scores[2], third.scores[0], atol=1e-6)


def test_a_result_cannot_be_changed_and_shows_neither_heatmap_nor_scores(small, images):
    found = occlusion_map(small, images[:1], 0, 16, 16)
    with pytest.raises(AttributeError):
        found.scores = None
    assert "array([[" not in repr(found)
    assert {found.heatmap.dtype.name, found.scores.dtype.name, found.baseline.dtype.name} == {"float32"}


@pytest.mark.parametrize("end", ["softmax", "sigmoid", "layer", "one"])
def test_scores_are_of_the_logit_the_probability_or_the_odds(images, end):
    keras.utils.set_random_seed(8)
    inputs = keras.Input((SIDE, SIDE + 4, 3))
    x = layers.Conv2D(6, 5, strides=3, activation="relu")(layers.Rescaling(1 / 255)(inputs))
    logits = layers.Dense(1 if end == "one" else 3)(layers.Flatten()(x))
    activation = {"layer": "softmax", "one": "sigmoid"}.get(end, end)
    dense = layers.Dense(1 if end == "one" else 3, activation=activation)
    outputs = layers.Softmax()(logits) if end == "layer" else dense(layers.Flatten()(x))
    model, inner = keras.Model(inputs, outputs), keras.Model(inputs, logits)
    if end != "layer":
        dense.set_weights(inner.layers[-1].get_weights())
    own = 0 if end == "one" else 1
    of_logits = scores_one_by_one(inner, images[0], whole(images[0], 0), (16, 16), (12, 12))
    probability = scores_one_by_one(model, images[0], whole(images[0], 0), (16, 16), (12, 12))[..., own]
    wanted = {"logit": of_logits[..., own], "probability": probability}
    if end in ("softmax", "layer"):
        wanted["log_odds"] = np.log(probability / (1 - probability))
    for score, truth in wanted.items():
        for method in ("windows", "plain"):
            found = occlusion_map(model, images[:1], own, 16, 12, score=score, method=method)
            np.testing.assert_allclose(found.scores[0], truth, rtol=1e-4, atol=2e-6 * max(1, np.abs(truth).max()))


# ------------------------------------------------------------------------------------------------------------- fills


def _blurred(image, patch):
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(image, (*(side / 2 for side in patch), 0), mode="nearest", truncate=3)


@pytest.mark.parametrize(
    ("fill", "shows"),
    [
        (0.0, lambda image, others: whole(image, 0)),
        ((10, 20, 30), lambda image, others: whole(image, (10, 20, 30))),
        ("mean", lambda image, others: whole(image, image.mean(axis=(0, 1)))),
        ("blur", lambda image, others: _blurred(image, (16, 16))),
        ("image", lambda image, others: others[5]),
        ("images", lambda image, others: others[7]),
    ],
    ids=["number", "colour", "mean", "blur", "image", "images"],
)
def test_a_patch_shows_what_fill_says(small, images, fill, shows):
    given = {"image": images[5], "images": images[6:8]}.get(fill, fill) if isinstance(fill, str) else fill
    truth = scores_one_by_one(small, images[1], shows(images[1], images), (16, 16), (16, 16))[..., 0]
    for method in ("windows", "plain"):
        found = occlusion_map(small, images[:2], 0, 16, 16, fill=given, method=method)
        assert np.abs(found.scores[1] - truth).max() < BOUND * max(np.ptp(truth), 1e-3)


def test_noise_has_the_mean_and_the_deviation_of_the_image_and_a_seed(images):
    first, again, other = (cover._filled(images[:2], "noise", (16, 16), seed) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert np.abs(first - other).max() > 1
    assert np.abs(first[0] - first[1]).max() > 1
    for noise, image in zip(first, images, strict=False):
        deviation = image.std(axis=(0, 1))
        assert np.abs(noise.mean(axis=(0, 1)) - image.mean(axis=(0, 1))).max() < 5 * deviation.max() / SIDE
        assert np.allclose(noise.std(axis=(0, 1)), deviation, rtol=0.1)


# ---------------------------------------------------------------------------------------------------- known networks

NETWORKS = {
    "VGG16": lambda: keras.applications.VGG16(weights=None, input_shape=(64, 64, 3), classes=10),
    "ResNet50": lambda: keras.applications.ResNet50(weights=None, input_shape=(96, 96, 3), classes=10),
    "DenseNet121": lambda: keras.applications.DenseNet121(weights=None, input_shape=(64, 64, 3), classes=10),
    "MobileNetV2": lambda: keras.applications.MobileNetV2(weights=None, input_shape=(96, 96, 3), classes=10),
    "EfficientNetB0": lambda: keras.applications.EfficientNetB0(weights=None, input_shape=(64, 64, 3), classes=10),
    "EfficientNet-Lite0": lambda: models.efficientnet_lite("lite0", weights=None, input_shape=(64, 64, 3), classes=10),
    "Xception": lambda: keras.applications.Xception(weights=None, input_shape=(96, 96, 3), classes=10),
    "model_5": lambda: models.model_5((64, 64, 3)),
}


NIGHTLY = ("ResNet50", "DenseNet121", "Xception")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.nightly] if name in NIGHTLY else []) for name in NETWORKS]
)
def test_windows_equal_whole_passes_in_known_networks(name):
    keras.utils.set_random_seed(1)
    model = NETWORKS[name]()
    drawn = pictures(32, model.input_shape[1:3])
    lively(model, drawn)
    with compiled_as(uncompiled):  # what is computed is the same, and to compile all of them would take minutes
        windows, plain = (
            occlusion_map(model, drawn[:1], 0, 16, 16, score="logit", method=method) for method in ("windows", "plain")
        )
    spread = np.ptp(plain.scores)
    assert spread > 0.01 * np.abs(plain.scores).max()
    assert np.abs(windows.scores - plain.scores).max() < BOUND * spread


def test_a_layer_that_is_not_known_is_named():
    class Mixes(layers.Layer):
        def call(self, x):
            return x + keras.ops.roll(x, 3, axis=1)

    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((24, 24, 3)), layers.Conv2D(4, 3), Mixes(name="mixes"), layers.Conv2D(4, 3), layers.Flatten(),
         layers.Dense(2)]
    )  # fmt: skip
    image = np.random.default_rng(0).uniform(0, 1, (24, 24, 3)).astype("float32")
    windows = occlusion_map(model, image[None], 1, 6, 6, score="logit", method="windows")
    assert "mixes" in windows.whole_from
    truth = scores_one_by_one(model, image, whole(image, 0), (6, 6), (6, 6))[..., 1]
    assert np.abs(windows.scores[0] - truth).max() < BOUND * np.ptp(truth)


def test_a_network_that_cannot_be_taken_apart_is_explained_the_plain_way():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((12, 12, 4))
    one, two = keras.ops.split(inputs, 2, axis=-1)  # a layer with two outputs
    model = keras.Model(inputs, layers.Dense(2, "softmax")(layers.Flatten()(layers.Multiply()([one, two]))))
    image = np.random.default_rng(0).uniform(0, 1, (12, 12, 4)).astype("float32")
    for method in ("auto", "windows"):
        found = occlusion_map(model, image[None], 1, 6, 6, method=method)
        assert found.method == "plain"
        assert "cannot be taken apart" in found.whole_from
        truth = scores_one_by_one(model, image, whole(image, 0), (6, 6), (6, 6))[..., 1]
        assert np.allclose(found.scores[0], truth, atol=1e-6)
    with pytest.raises((TypeError, ValueError), match="output"):
        occlusion_map(model, image[None], 1, 6, 6, score="logit")


# ------------------------------------------------------------------------------------------ parts, batches, the cache


def test_positions_near_a_border_are_a_part_of_their_own_where_that_saves_enough():
    model = keras.applications.VGG16(weights=None)
    one = plan.make_plan(model, (32, 32), (16, 16))
    parts = plan.make_plan(model, (32, 32), (16, 16), cost=0)
    assert len(one.parts) == 1
    assert len(parts.parts) == 4
    assert parts.gain > 1.1 * one.gain
    for found in (one, parts):
        places = [(row, column) for part in found.parts for row in part.rows for column in part.columns]
        assert sorted(places) == [(row, column) for row in range(13) for column in range(13)]


@pytest.mark.parametrize("batch_size", [1, 5, 32])
def test_no_more_goes_through_together_than_batch_size_allows(batch_size):
    model, counts = plain_convolutions(), {"windows": [], "plain": []}
    images = pictures(1, (SIDE, SIDE))

    def spied(function, variables):
        def run(*args):
            for tensor in keras.tree.flatten(args):
                if len(tensor.shape) == 4:
                    counts["plain"].append(tensor.shape[0])
            if len(args) == 3:
                counts["windows"].append(args[1].shape[0])
            return function(*args)

        return run

    with compiled_as(spied):
        for method, most in (("windows", networks._MOST * batch_size), ("plain", batch_size)):
            for numbers in counts.values():
                numbers.clear()
            found = occlusion_map(model, images, 0, 8, 8, method=method, batch_size=batch_size)
            assert found.scores.shape == (1, 6, 6)
            assert counts[method]
            assert max(counts[method]) <= most
            # even batches: less than one position a batch is filled up
            assert sum(counts[method]) < 36 + len(counts[method]) + 1


@pytest.mark.parametrize("patch", [8, 16, 40])
def test_however_many_windows_go_together_they_hold_no_more_numbers_than_whole_maps(patch):
    for build in (every_kind, nested, plain_convolutions):
        made = plan.make_plan(build(), (patch, patch), (8, 8), cost=0)
        kept = networks._Windows(mock.Mock(outputs=[None] * len(made.parts)), made, 99, 4)
        largest = max(np.prod(call.shape) for call in made.calls)
        for part, batches in zip(made.parts, kept.batches, strict=True):
            windows = max(np.prod(step.call.shape) * step.share for step in part.steps)
            assert batches.size * windows <= 4 * largest


def test_changed_weights_are_noticed_by_a_network_that_was_kept(small, images):
    before = occlusion_map(small, images[:1], 1, 16, 16, method="windows")
    weights = small.get_weights()
    small.set_weights([value * 0.5 for value in weights])
    after = occlusion_map(small, images[:1], 1, 16, 16, method="windows")
    plain = occlusion_map(small, images[:1], 1, 16, 16, method="plain")
    small.set_weights(weights)
    assert not np.allclose(before.scores, after.scores, atol=1e-5)
    assert np.allclose(plain.scores, after.scores, atol=1e-6)


def test_a_network_is_compiled_once_and_the_eight_last_used_are_kept(images):
    made = [plain_convolutions() for _ in range(9)]
    first_eight = [(1, 0), *((number + 1, number) for number in range(8))]
    square = images[:, :, :SIDE]
    with mock.patch.object(networks, "make_plan", wraps=plan.make_plan) as planned:
        for expected, model in [*first_eight, (8, 0), (9, 8), (9, 0), (10, 1)]:
            occlusion_map(made[model], square[:1], 0, 16, 16, method="windows")
            assert planned.call_count == expected
    assert len(networks._kept) == 8


@pytest.mark.parametrize("method", ["windows", "plain"])
def test_a_network_that_is_kept_does_not_keep_the_model(images, method):
    model = plain_convolutions()
    occlusion_map(model, images[:1, :, :SIDE], 0, 16, 16, method=method)
    reference = weakref.ref(model)
    del model
    gc.collect()
    assert reference() is None


def test_the_model_is_left_as_it_is(small, images):
    before = [value.copy() for value in small.get_weights()]
    config = small.get_config()
    occlusion_map(small, images[:1], 1, 16, 16, method="windows", score="logit")
    assert all(np.array_equal(one, two) for one, two in zip(before, small.get_weights(), strict=True))
    assert small.get_config() == config


def test_windows_are_chosen_where_they_pay_and_the_reason_is_given_where_not(images):
    gaining, square = plain_convolutions(), images[:, :, :SIDE]
    with mock.patch.dict(networks._COST, {keras.backend.backend(): 0}):
        assert occlusion_map(gaining, square[:1], 0, 4, 8).method == "windows"
        without = occlusion_map(gaining, square[:1], 0, SIDE - 4, 4)
    assert without.method == "plain"
    assert "windows would save too little" in without.whole_from
    small_work = plain_convolutions()
    assert occlusion_map(small_work, square[:1], 0, 4, 8).method == "plain"  # compiling would take longer


# ---------------------------------------------------------------------------------------------------------- backends

PROGRAM = """
import json, sys
sys.path.insert(0, "tests")
from test_explain_occlusion import scores_of_both

print(json.dumps(scores_of_both(sys.argv[1])))
"""


def scores_of_both(folder):
    """Scores by network and method, on the backend of this process; the networks' weights are in the folder."""
    result = {}
    for build in (every_kind, nested):
        model = build()
        model.load_weights(f"{folder}/{build.__name__}.weights.h5")
        for method in ("windows", "plain"):
            found = occlusion_map(model, pictures(2), 1, (12, 9), (7, 8), fill="blur", score="logit", method=method)
            assert found.method == method
            result[f"{build.__name__} {method}"] = found.scores.tolist()
    return result


@pytest.mark.slow
@pytest.mark.parametrize("backend", INSTALLED)
def test_windows_and_whole_passes_agree_on_every_backend(backend, images, tmp_path):
    truth = {}
    for build in (every_kind, nested):
        model = build()
        model.save_weights(tmp_path / f"{build.__name__}.weights.h5")
        logits = _to_logits(model)
        truth[build.__name__] = np.array(
            [scores_one_by_one(logits, one, _blurred(one, (12, 9)), (12, 9), (7, 8))[..., 1] for one in images[:2]]
        )
    own = backend == keras.backend.backend()
    found = scores_of_both(tmp_path) if own else json.loads(output_on(backend, PROGRAM, tmp_path)[-1])
    for name, scores in found.items():
        wanted = truth[name.split()[0]]
        assert np.abs(scores - wanted).max() < BOUND * np.ptp(wanted), name


def _to_logits(model):
    """The model without the softmax at its end, if there is one."""
    last = model.layers[-1]
    if not isinstance(last, layers.Dense) or last.activation is keras.activations.linear:
        return model
    dense = layers.Dense(last.units)
    inner = keras.Model(model.inputs, dense(last.input))
    dense.set_weights(last.get_weights())
    return inner


# --------------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (dict(patch=49), "larger than the images"),
        (dict(patch=0), "at least 1"),
        (dict(stride=0), "at least 1"),
        (dict(class_index=4), "expected 0 to 3"),
        (dict(fill="black"), "fill is 'black'"),
        (dict(fill=[1.0, 2.0]), "a colour of 3 channels"),
        (dict(fill=np.nan), "NaN"),
        (dict(score="odds"), "score is 'odds'"),
        (dict(method="fast"), "method is 'fast'"),
        (dict(batch_size=0), "batch_size is 0"),
    ],
)
def test_an_argument_that_cannot_be_is_answered_with_what_can(small, images, arguments, words):
    with pytest.raises(ValueError, match=words):
        occlusion_map(small, images[:1], **arguments)


def test_fill_must_be_numbers(small, images):
    with pytest.raises(TypeError, match="expected numbers in the units of the images"):
        occlusion_map(small, images[:1], fill=np.array(["a"]))
