"""What chapter 10's exercise stands on: its references beside Keras and SciPy, and scenes in which no colour helps."""

import itertools

import keras
import numpy as np
import pytest
from scipy import ndimage

from course_utils.checks import ch10_segmentation as ch10
from course_utils.checks import scenes
from tests.wrong_answers.ch10_segmentation import instances_by_merging


@pytest.fixture(scope="module", autouse=True)
def _nothing_is_left():
    yield
    keras.backend.clear_session()


@pytest.mark.parametrize(("size", "kernel_size", "strides", "padding"), [
    *itertools.product((1, 4, 7), (1, 2, 3, 5), (1, 2, 3), ("valid", "same")),
])  # fmt: skip
def test_sizes_and_weights_are_those_of_keras(size, kernel_size, strides, padding):
    layer = keras.layers.Conv2DTranspose(4, kernel_size, strides=strides, padding=padding)
    output = layer(np.zeros((1, size, size, 3), "float32"))
    assert ch10._grown(size, 3, 4, kernel_size, strides, padding) == (output.shape[1], layer.count_params())


@pytest.mark.parametrize("strides", [1, 2, 4])
def test_a_transposed_convolution_is_that_of_keras(strides):
    random = np.random.default_rng(0)
    image, kernel = random.normal(size=(4, 6, 3)), random.normal(size=(3, 2, 5, 3))
    layer = keras.layers.Conv2DTranspose(5, (3, 2), strides=strides, use_bias=False)
    layer.build((1, 4, 6, 3))
    layer.set_weights([kernel])
    theirs = keras.ops.convert_to_numpy(layer(image[None].astype("float32")))[0]
    ours = ch10._stamped(image, kernel, strides)
    assert ours.shape == theirs.shape
    assert np.allclose(ours, theirs, atol=1e-5)


def test_the_border_is_the_class_that_keras_ignores():
    random = np.random.default_rng(1)
    trimaps, pet = random.integers(1, 4, (2, 5, 6, 1)), random.uniform(0.1, 0.9, (2, 5, 6))
    probabilities = np.stack([1 - pet, pet], axis=-1)
    labels = np.choose(trimaps[..., 0] - 1, [1, 0, 255])
    loss = keras.losses.SparseCategoricalCrossentropy(ignore_class=255, reduction="sum")(labels, probabilities)
    assert ch10._border_loss(trimaps, probabilities) == pytest.approx(float(loss) / (labels < 2).sum(), rel=1e-5)


def test_objects_are_what_merging_neighbours_ends_in_numbered_in_the_order_of_reading():
    for seed in range(5):
        mask = (np.random.default_rng(seed).random((9, 12)) < 0.5).astype(int)
        assert np.array_equal(ch10._instances(mask, seed), instances_by_merging(mask, seed))


def test_with_equal_weights_tverskys_loss_is_dice():
    y, p = ch10._tv_batch()
    dice = keras.losses.Dice(axis=(1, 2, 3), reduction=None)(y, p)
    assert np.allclose(ch10._tversky(y, p, 0.5, 0.5), keras.ops.convert_to_numpy(dice), atol=1e-5)


def test_an_outline_reaches_its_own_pixels_only_with_reach_0():
    square = np.pad(np.ones((4, 5), int), 3)
    assert ch10._outline_f(square, square, 0) == 1
    assert ch10._outline(square).sum() == 14
    assert ch10._outline_f(square, np.roll(square, 1, axis=1), 1) == 1
    assert 0 < ch10._outline_f(square, np.roll(square, 1, axis=1), 0) < 1


@pytest.fixture(scope="module")
def drawing():
    return scenes.draw(300, seed=3)


def test_scenes_are_the_same_each_time_and_others_with_another_seed(drawing):
    again, other = scenes.draw(300, seed=3), scenes.draw(300, seed=4)
    assert all(np.array_equal(*pair) for pair in zip(drawing, again, strict=True))
    assert not np.array_equal(drawing.images, other.images)


def test_stars_are_objects_and_about_as_many_as_disks(drawing):
    assert (drawing.stars <= drawing.objects).all()
    corners = np.ones((3, 3))  # the tips of a small star may hang on by a corner
    counts = [ndimage.label(mask[..., 0], corners)[1] for mask in drawing.objects]
    assert min(counts) >= 1
    assert max(counts) <= 5
    stars = sum(ndimage.label(mask[..., 0], corners)[1] for mask in drawing.stars)
    assert 0.45 < stars / sum(counts) < 0.55


def test_no_rule_about_a_pixels_colour_finds_stars(drawing):
    """The best of all rules: for each of 4,096 colours, on the very scenes it is scored on, what is most frequent."""
    colours = (drawing.images // 16).astype(int) @ [256, 16, 1]
    star = drawing.stars[..., 0] == 1
    all_of, stars_of = (np.bincount(colours[mask], minlength=4096) for mask in (star | True, star))
    best = 0.0
    for share in (0.1, 0.2, 0.3, 0.5):
        found = (stars_of > share * all_of)[colours]
        best = max(best, (found & star).sum() / (found | star).sum())
    assert best < 0.35 < ch10._STARS
    every_object = drawing.objects[..., 0] == 1
    assert star.sum() / every_object.sum() < 0.4
