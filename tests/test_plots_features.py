"""Filters, templates and feature maps: a pixel of the figure is the number that it stands for."""

import matplotlib

matplotlib.use("agg")

import keras
import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils import plots

RANDOM = np.random.default_rng(0)


def pictures(figure):
    return [np.asarray(axes.images[0].get_array()) for axes in figure.axes]


@given(st.integers(1, 3), st.integers(1, 4), st.sampled_from([1, 3]), st.integers(1, 5), st.floats(1e-6, 1e6))
@settings(max_examples=15)
def test_each_filter_is_scaled_about_mid_grey_by_its_largest_weight(height, width, depth, filters, size):
    kernels = RANDOM.normal(scale=size, size=(height, width, depth, filters))
    drawn = pictures(plots.filter_grid(kernels))
    assert len(drawn) == filters
    for index, picture in enumerate(drawn):
        one = kernels[..., index]
        np.testing.assert_allclose(
            (picture.reshape(one.shape) - 0.5) * 2 * np.abs(one).max(), one, rtol=1e-6, atol=1e-6 * size
        )


def test_the_kernels_of_a_keras_layer_are_drawn_as_they_are():
    layer = keras.layers.Conv2D(4, (3, 5))
    layer.build((None, 8, 8, 3))
    figure = plots.filter_grid(layer.kernel)
    assert [picture.shape for picture in pictures(figure)] == [(3, 5, 3)] * 4
    figure.canvas.draw()
    assert plt.get_fignums() == []


def test_a_filter_of_zeros_is_mid_grey_and_pictures_share_one_grey_scale():
    figure = plots.filter_grid(np.zeros((2, 2, 1, 2)))
    assert all((picture == 0.5).all() for picture in pictures(figure))
    assert all(axes.images[0].get_clim() == (0, 1) for axes in figure.axes)


def test_a_template_is_the_column_of_its_class_in_the_shape_of_the_images():
    weights = np.zeros((12, 2))
    weights[:, 1] = np.arange(12) - 4  # pixel (row, column, channel) is number 6 row + 3 column + channel
    figure = plots.templates(weights, (2, 2, 3), titles=["none", "ramp"])
    nothing, ramp = pictures(figure)
    assert (nothing == 0.5).all()
    assert ramp[1, 1, 2] == 1.0
    assert ramp[0, 1, 1] == 0.5
    assert [axes.get_title() for axes in figure.axes] == ["none", "ramp"]


def test_shared_maps_can_be_compared_and_others_fill_their_range():
    maps = np.stack([np.eye(3), 4 * np.eye(3), np.zeros((3, 3))], axis=-1)
    shared = [picture.max() for picture in pictures(plots.feature_map_grid(maps))]
    own = [picture.max() for picture in pictures(plots.feature_map_grid(maps, shared=False))]
    assert shared == [0.25, 1.0, 0.0]
    assert own == [1.0, 1.0, 0.0]
    assert plots.feature_map_grid(maps).get_supxlabel() == "black 0, white 4"


@pytest.mark.parametrize("shape", [(8, 6), (8, 6, 1), (8, 6, 3)])
def test_the_image_comes_before_its_maps(shape):
    image = RANDOM.integers(0, 256, shape, dtype="uint8")
    figure = plots.feature_map_grid(np.zeros((4, 3, 2)), image=image, titles=["a", "b"])
    assert [axes.get_title() for axes in figure.axes] == ["image", "a", "b"]
    np.testing.assert_allclose(pictures(figure)[0] * 255, np.squeeze(image))
    figure.canvas.draw()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.filter_grid(np.zeros((3, 3, 16, 4))), r"depth 16; .* kernels\[:, :, :1\]"),
        (lambda: plots.filter_grid(np.zeros((3, 3, 3))), r"expected \(height, width, depth, filters\)"),
        (lambda: plots.templates(np.zeros((10, 12)), (2, 2, 3)), r"expected \(12, classes\) .* Give weights.T"),
        (lambda: plots.templates(np.zeros((13, 10)), (2, 2, 3)), r"shape \(13, 10\)"),
        (lambda: plots.templates(np.zeros((8, 1)), (2, 2, 2)), "1 or 3 channels"),
        (lambda: plots.templates(np.zeros((4, 2)), (2, 2), titles=["a"]), "1 titles for 2 classes"),
        (lambda: plots.feature_map_grid(np.zeros((1, 4, 4, 8))), r"give maps\[0\]"),
        (lambda: plots.feature_map_grid(np.zeros((4, 4, 8)), titles=["a"]), "1 titles for 8 channels"),
        (lambda: plots.feature_map_grid(np.zeros((4, 4, 8)), image=np.zeros((4, 4, 2))), "1 or 3 channels"),
    ],
)
def test_what_cannot_be_a_picture_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
