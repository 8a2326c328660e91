"""The network of chapter 07: its weights are those of the formulas, and it learns."""

from itertools import pairwise
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import layers

from course_utils import models
from tests.by_heart import learned_by_heart
from tests.page_functions import define_functions


def test_it_has_the_weights_of_the_formulas():
    depths = (3, 32, 64, 128, 256, 256)
    convolutions = sum(9 * depth * width + width for depth, width in pairwise(depths))
    plain = convolutions + 7 * 7 * 256 + 1
    assert models.small_convnet(normalized=False).count_params() == plain
    assert models.small_convnet().count_params() == plain + 4 * sum(depths[1:])


def test_it_is_the_network_that_the_page_writes_out():
    shape, filters = (80, 80, 3), (4, 5, 6, 7, 8)
    scope = {"keras": keras, "layers": layers, "shape": shape, "run": SimpleNamespace(filters=filters)}
    define_functions("07_augmentation", ["convnet"], scope)
    moved = [layers.RandomFlip("horizontal")]
    written_out, ours = scope["convnet"](moved, 0.5), models.small_convnet(shape, 2, filters, moved, 0.5)
    assert [type(layer) for layer in written_out.layers] == [type(layer) for layer in ours.layers]
    written_out.set_weights(ours.get_weights())
    images = np.random.default_rng(0).integers(0, 256, (3, *shape)).astype("float32")
    np.testing.assert_allclose(written_out.predict(images, verbose=0), ours.predict(images, verbose=0), rtol=1e-5)


@pytest.mark.parametrize(("classes", "shape"), [(2, (None, 1)), (10, (None, 10))])
def test_two_classes_have_one_probability_and_more_one_each(classes, shape):
    model = models.small_convnet((78, 80, 3), classes, filters=(4, 4, 4, 4, 4))
    images = np.random.default_rng(0).integers(0, 256, (3, 78, 80, 3), dtype="uint8")
    outputs = model.predict(images, verbose=0)
    assert model.output_shape == shape
    assert outputs.dtype == "float32"
    assert ((outputs >= 0) & (outputs <= 1)).all()
    if classes > 2:
        np.testing.assert_allclose(outputs.sum(1), 1, rtol=1e-5)


def test_augmentation_comes_first_and_dropout_after_flattening():
    model = models.small_convnet(augmentation=layers.RandomFlip("horizontal"), dropout=0.5)
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds[:2] == ["RandomFlip", "Rescaling"]
    assert kinds[-3:] == ["Flatten", "Dropout", "Dense"]
    assert kinds.count("Conv2D") == 5
    assert kinds.count("MaxPooling2D") == 4


def test_normalisation_stands_behind_the_pooling_and_what_goes_between_behind_each_relu_but_the_last():
    model = models.small_convnet((78, 78, 3), filters=(4,) * 5, between=lambda: layers.SpatialDropout2D(0.2))
    block = ["Conv2D", "MaxPooling2D", "BatchNormalization", "ReLU", "SpatialDropout2D"]
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds == ["Rescaling", *4 * block, "Conv2D", "BatchNormalization", "ReLU", "Flatten", "Dense"]


@pytest.mark.parametrize("shape", [(77, 180, 3), (180, 77, 3), (180, 180), (None, None, 3)])
def test_images_that_are_too_small_are_refused_with_the_smallest(shape):
    with pytest.raises(ValueError, match="at least 78 by 78 with 5 convolutions"):
        models.small_convnet(shape)


def test_the_smallest_images_leave_one_number_a_filter():
    for filters, side in (((4,), 3), ((4, 4), 8), ((4,) * 5, 78)):
        model = models.small_convnet((side, side, 3), filters=filters)
        assert model.get_layer(index=-2).output.shape == (None, 4)


def test_a_few_images_can_be_learned_by_heart():
    keras.utils.set_random_seed(0)
    images = np.random.default_rng(0).integers(0, 256, (8, 78, 78, 3), dtype="uint8")
    labels = np.arange(8) % 2
    model = models.small_convnet((78, 78, 3), filters=(16, 16, 16, 16, 16))
    model.compile(keras.optimizers.Adam(3e-3), "binary_crossentropy", metrics=["accuracy"])
    first, _ = model.evaluate(images, labels, verbose=0)
    assert first == pytest.approx(np.log(2), abs=0.1)
    assert learned_by_heart(model, images, labels, accuracy=1, epochs=60)
