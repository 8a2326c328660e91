"""Classes as colours over their pictures: read back from the figure."""

import matplotlib

matplotlib.use("agg")

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from course_utils import plots
from course_utils.plots.segmentation import CLASS_COLORS

NAMES = ["pet", "background", "outline"]


def test_each_class_pulls_its_pixels_towards_its_colour_and_background_stays_grey():
    labels = np.array([[[0, 1, 2, 1]]])
    images = np.full((1, 1, 4, 3), 128, np.uint8)
    (axes,) = plots.regions(images, labels, NAMES).axes
    (shown,) = axes.images
    pet, ground, outline, other = np.asarray(shown.get_array())[0][:, :3]
    grey = np.full(3, 0.3 + 0.65 * 128 / 255)
    np.testing.assert_allclose(ground, grey, atol=0.01)
    np.testing.assert_array_equal(ground, other)
    for found, color in ((pet, CLASS_COLORS[0]), (outline, CLASS_COLORS[1])):
        np.testing.assert_allclose(found, 0.45 * grey + 0.55 * np.array(to_rgb(color)), atol=0.01)


def test_what_is_no_map_of_classes_is_named():
    images = np.zeros((1, 2, 2, 3))
    with pytest.raises(ValueError, match=r"take \[..., 0\]"):
        plots.regions(images, np.zeros((1, 2, 2, 1), int), NAMES)
    with pytest.raises(ValueError, match="go from 1 to 3; expected 0 to 2"):
        plots.regions(images, np.array([[[1, 2], [3, 1]]]), NAMES)
