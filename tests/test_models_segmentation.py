"""Segmenters: the answer is as large as the image, skips carry what they should, and losses are those of Keras."""

import keras
import numpy as np
import pytest

from course_utils import models


@pytest.mark.parametrize("upsampling", ["transposed", "bilinear"])
@pytest.mark.parametrize("skips", [False, True])
def test_the_answer_has_a_class_for_each_pixel_of_images_that_are_not_square(skips, upsampling):
    model = models.segmenter((32, 48, 3), classes=4, filters=(4, 6, 8), skips=skips, upsampling=upsampling)
    answer = model.predict(np.zeros((2, 32, 48, 3), np.uint8), verbose=0)
    assert answer.shape == (2, 32, 48, 4)
    np.testing.assert_allclose(answer.sum(axis=-1), 1, rtol=1e-5)


def test_only_with_skips_does_anything_but_the_smallest_maps_reach_the_decoder():
    """With the maps behind the last halving cut to zero, an answer depends on the image only through the skips."""
    image = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3)).astype("uint8")
    for skips in (False, True):
        model = models.segmenter((32, 32, 3), filters=(4, 6, 8), skips=skips)
        narrow = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
        lowest = next(layer for layer in narrow if layer.filters == 8)
        lowest.set_weights([np.zeros_like(each) for each in lowest.get_weights()])
        answers = model.predict(np.concatenate([image, 255 - image]), verbose=0)
        assert np.allclose(*answers) == (not skips)


def test_the_unet_is_the_segmenter_with_skips():
    one, other = models.unet((32, 32, 3), filters=(4, 8)), models.segmenter((32, 32, 3), filters=(4, 8), skips=True)
    assert [each.shape for each in one.weights] == [each.shape for each in other.weights]


def test_taps_of_a_trained_base_are_its_own_maps():
    base = models.pretrained_base("small_vgg", (64, 64, 3), pooling=None)
    image = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3)).astype("uint8")
    maps = models.tapped(base).predict(image, verbose=0)
    assert [each.shape[1] for each in maps] == [64, 32, 16, 8, 4]
    pooled = keras.ops.max_pool(maps[-1], 2)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(pooled), base.predict(image, verbose=0), atol=1e-5)


def test_a_segmenter_on_a_base_has_the_base_as_a_layer_that_can_be_frozen():
    base = models.pretrained_base("small_vgg", (64, 64, 3), pooling=None)
    model = models.segmenter((64, 64, 3), filters=(8, 8, 8, 8), base=base)
    assert model.output_shape == (None, 64, 64, 3)
    every = len(model.trainable_variables)
    model.get_layer("small_vgg").trainable = False
    assert every - len(model.trainable_variables) == 26  # thirteen convolutions


@pytest.mark.parametrize("name", ["efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"])
def test_the_taps_of_lite_halve_five_times(name):
    base = models.efficientnet_lite(name.rpartition("_")[2], include_top=False, weights=None, input_shape=(64, 64, 3))
    assert [each.shape[1] for each in models.tapped(base).outputs] == [32, 16, 8, 4, 2]


def test_losses_are_those_of_keras():
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, (2, 4, 5))
    answer = random.dirichlet(np.ones(3), (2, 4, 5)).astype("float32")
    one_hot = keras.utils.to_categorical(labels, 3)
    dice = np.mean([float(keras.losses.Dice()(one_hot[..., k], answer[..., k])) for k in range(3)])
    entropy = float(keras.losses.SparseCategoricalCrossentropy()(labels, answer))
    assert float(models.PixelLoss()(labels, answer)) == pytest.approx(dice, abs=1e-5)
    both = models.PixelLoss(dice=2.0, crossentropy=0.5)
    assert float(both(labels, answer)) == pytest.approx(2 * dice + 0.5 * entropy, abs=1e-5)
    again = keras.losses.deserialize(keras.losses.serialize(both))
    assert (again.dice, again.crossentropy) == (2.0, 0.5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: models.segmenter((50, 64, 3)), "cannot be halved 4 times"),
        (lambda: models.segmenter((64, 64, 3), classes=1), "background is a class too"),
        (lambda: models.segmenter((64, 64)), "height, width, channels"),
        (lambda: models.segmenter((64, 64, 3), filters=()), "filters is empty"),
        (lambda: models.segmenter((64, 64, 3), upsampling="nearest"), "'transposed' or 'bilinear'"),
        (lambda: models.tapped(models.small_vgg(weights=None), ["block9"]), "no layer block9"),
        (lambda: models.tapped(models.small_vgg(weights=None), ["block3_conv1", "block1_conv1"]), "half as large"),
        (lambda: models.tapped(keras.Sequential([keras.Input((8, 8, 3))], name="own")), "no taps of 'own'"),
        (
            lambda: models.segmenter((64, 64, 3), filters=(8,), base=models.small_vgg(weights=None)),
            "filters has 1 numbers",
        ),
        (
            lambda: models.segmenter((96, 96, 3), base=models.small_vgg(weights=None)),
            r"takes images of \(64, 64, 3\)",
        ),
    ],
)
def test_what_cannot_be_built_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
