"""Occlusion maps: windows give what whole passes give, and both what a loop over single images gives."""

import keras
import numpy as np
import pytest
from keras import layers

from course_utils import models
from course_utils.datasets.drawn import draw
from course_utils.explain import occlusion_map

SIDE = 48


def calibrated(model, images):
    """Batch normalisation with the statistics of a batch, or the scores of a new deep network hardly differ."""
    found = [layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)]
    for layer in found:
        layer.momentum = 0.0
    if found:
        model(images, training=True)
    return model


def every_kind():
    """A small network with every kind of layer that windows pass through."""
    keras.utils.set_random_seed(3)
    inputs = keras.Input((SIDE, SIDE + 4, 3))
    x = layers.Rescaling(1 / 255)(inputs)
    x = layers.ZeroPadding2D(((1, 2), (2, 1)))(x)
    x = layers.Conv2D(6, (3, 5), strides=2, padding="same")(x)
    x = layers.BatchNormalization()(x)
    a = layers.ReLU()(x)
    b = layers.Conv2D(6, 3, dilation_rate=2, padding="same", activation="tanh")(a)
    a = layers.Add()([a, b])
    b = layers.SeparableConv2D(6, 3, padding="same")(a)
    a = layers.Concatenate()([a, b, layers.DepthwiseConv2D(3, padding="same")(a)])
    a = layers.MaxPooling2D(3, strides=1, padding="same")(a)
    a = layers.Conv2D(8, 1, strides=2)(a)
    a = layers.Conv2DTranspose(5, 3, strides=2, padding="same")(a)
    a = layers.Cropping2D(((1, 0), (0, 1)))(a)
    a = layers.UpSampling2D(2)(a)
    a = layers.AveragePooling2D(3, strides=2, padding="same")(a)
    return keras.Model(inputs, layers.Dense(4, activation="softmax")(layers.GlobalAveragePooling2D()(a)))


def one_by_one(model, image, class_index, patch, stride, fill):
    """Scores by covering the image and asking the model, one position at a time."""
    rows = []
    for top in range(0, image.shape[0] - patch[0] + 1, stride[0]):
        rows.append([])
        for left in range(0, image.shape[1] - patch[1] + 1, stride[1]):
            covered = image.copy()
            covered[top : top + patch[0], left : left + patch[1]] = fill
            rows[-1].append(float(keras.ops.convert_to_numpy(model(covered[None], training=False))[0, class_index]))
    return np.array(rows)


@pytest.fixture(scope="module")
def images():
    drawn = draw(16, SIDE + 4, seed=5).images.astype("float32")
    return drawn[:, :SIDE]


@pytest.fixture(scope="module")
def small(images):
    return calibrated(every_kind(), images)


@pytest.mark.parametrize(("patch", "stride"), [(8, 8), ((7, 12), (5, 9)), (1, 23), (SIDE, 4)])
def test_windows_and_whole_passes_give_what_single_images_give(small, images, patch, stride):
    shape = [side if isinstance(side, tuple) else (side, side) for side in (patch, stride)]
    truth = one_by_one(small, images[0], 2, *shape, fill=90.0)
    spread = max(np.ptp(truth), 1e-3)
    for method in ("windows", "plain"):
        found = occlusion_map(small, images[:1], 2, patch, stride, fill=90.0, method=method, batch_size=7)
        assert found.method == method
        assert np.abs(found.scores[0] - truth).max() < 1e-4 * spread


@pytest.mark.slow
@pytest.mark.parametrize(
    "build",
    [
        lambda: keras.applications.VGG16(weights=None, input_shape=(64, 64, 3), classes=10),
        lambda: keras.applications.MobileNetV2(weights=None, input_shape=(96, 96, 3), classes=10),
        lambda: keras.applications.EfficientNetB0(weights=None, input_shape=(64, 64, 3), classes=10),
        lambda: keras.applications.ResNet50(weights=None, input_shape=(96, 96, 3), classes=10),
        lambda: models.model_5((64, 64, 3)),
    ],
    ids=["VGG16", "MobileNetV2", "EfficientNetB0", "ResNet50", "model_5"],
)
def test_windows_equal_whole_passes_in_known_networks(build):
    keras.utils.set_random_seed(1)
    model = build()
    drawn = draw(32, model.input_shape[1], seed=2).images.astype("float32")
    calibrated(model, drawn)
    windows, plain = (
        occlusion_map(model, drawn[:1], 0, 16, 16, score="logit", method=method) for method in ("windows", "plain")
    )
    spread = np.ptp(plain.scores)
    assert spread > 1e-4 * np.abs(plain.scores).max()
    assert np.abs(windows.scores - plain.scores).max() < 1e-4 * spread


def test_the_heatmap_is_the_mean_over_the_positions_that_cover_a_pixel(small, images):
    found = occlusion_map(small, images[:1], 0, 16, 8)
    total, count = np.zeros((SIDE, SIDE + 4)), np.zeros((SIDE, SIDE + 4))
    for row, line in enumerate(found.scores[0]):
        for column, score in enumerate(line):
            total[row * 8 : row * 8 + 16, column * 8 : column * 8 + 16] += found.baseline[0] - score
            count[row * 8 : row * 8 + 16, column * 8 : column * 8 + 16] += 1
    covered = count > 0
    assert np.allclose(found.heatmap[0][covered], (total[covered] / count[covered]), atol=1e-6)
    assert np.allclose(found.heatmap[0][:, -1], found.heatmap[0][:, -5])  # not covered: as the nearest that is


def test_changed_weights_are_noticed_by_a_network_that_was_kept(small, images):
    before = occlusion_map(small, images[:1], 1, 16, 16, method="windows")
    weights = small.get_weights()
    small.set_weights([value * 0.5 for value in weights])
    after = occlusion_map(small, images[:1], 1, 16, 16, method="windows")
    plain = occlusion_map(small, images[:1], 1, 16, 16, method="plain")
    small.set_weights(weights)
    assert not np.allclose(before.scores, after.scores, atol=1e-5)
    assert np.allclose(plain.scores, after.scores, atol=1e-6)


def test_log_odds_are_those_of_the_probability(small, images):
    probability = occlusion_map(small, images[:2], 3, 16, 16).scores.astype("float64")
    found = occlusion_map(small, images[:2], 3, 16, 16, score="log_odds").scores
    assert np.allclose(found, np.log(probability / (1 - probability)), atol=1e-4)


@pytest.mark.parametrize("fill", [0.0, (10, 20, 30), "mean", "blur", "noise"])
def test_every_fill_gives_the_same_by_both_methods(small, images, fill):
    first, second = (
        occlusion_map(small, images[:1], 0, 16, 16, fill=fill, method=method) for method in ("windows", "plain")
    )
    assert np.allclose(first.scores, second.scores, atol=1e-6)


def test_a_layer_that_is_not_known_is_named():
    class Mixes(layers.Layer):
        def call(self, x):
            return x + keras.ops.roll(x, 3, axis=1)

    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((24, 24, 3)), layers.Conv2D(4, 3), Mixes(name="mixes"), layers.Conv2D(4, 3), layers.Flatten(),
         layers.Dense(2)]
    )  # fmt: skip
    image = np.random.default_rng(0).uniform(0, 1, (1, 24, 24, 3)).astype("float32")
    windows = occlusion_map(model, image, 1, 6, 6, score="logit", method="windows")
    assert "mixes" in windows.whole_from
    assert np.allclose(windows.scores[0], one_by_one(model, image[0], 1, (6, 6), (6, 6), 0.0), atol=1e-5)


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
