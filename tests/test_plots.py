"""Figures: what is drawn is what was given, axes have names, pyplot keeps nothing."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from course_utils import evaluation, plots
from course_utils.plots import style

matplotlib.use("Agg")

HISTORY = {"accuracy": [0.2, 0.4, 0.6], "val_accuracy": [0.3, 0.35, 0.4]}


def figures():
    yield plots.learning_curves({"a": HISTORY, "b": [HISTORY, HISTORY]})
    yield plots.model_comparison(["a", "b"], [[0.5, 0.6], [0.7]], [10, 100], "seconds")
    yield plots.confusion_matrix([[9, 1], [2, 8]], ["cat", "dog"])
    yield plots.reliability_diagram({"x": evaluation.calibration([0, 1], [[0.9, 0.1], [0.8, 0.2]])})


@pytest.mark.parametrize("figure", list(figures()), ids=["curves", "comparison", "confusion", "reliability"])
def test_axes_have_names_and_the_paper_is_opaque(figure):
    assert any(axis.get_xlabel() for axis in figure.axes)
    assert any(axis.get_ylabel() for axis in figure.axes)
    assert figure.get_facecolor() == matplotlib.colors.to_rgba(style.PAPER)
    assert plt.get_fignums() == []


def test_curves_show_each_seed_and_their_mean():
    other = {"accuracy": [0.4, 0.4, 0.8], "val_accuracy": [0.1, 0.25, 0.2]}
    (axis,) = plots.learning_curves({"a": [HISTORY, other]}).axes
    drawn = {line.get_label(): line.get_ydata() for line in axis.lines}
    assert len(axis.lines) == 6  # two seeds and a mean, for training and for validation
    np.testing.assert_allclose(drawn["training"], [0.3, 0.4, 0.7])
    np.testing.assert_allclose(drawn["validation"], [0.2, 0.3, 0.3])


def test_curves_of_a_missing_metric_say_what_there_is():
    with pytest.raises(KeyError, match="has no 'loss'; it has accuracy"):
        plots.learning_curves({"a": HISTORY}, metric="loss")


def test_a_comparison_names_every_model_once_and_apart():
    scores = [[0.70], [0.701], [0.702], [0.9]]
    figure = plots.model_comparison(list("abcd"), scores, [1, 2, 3, 4], "seconds")
    (axis,) = figure.axes
    texts = axis.texts
    assert [text.get_text() for text in texts] == ["a  0.700", "b  0.701", "c  0.702", "d  0.900"]
    heights = [text.xyann[1] for text in texts]
    low, high = axis.get_ylim()
    assert min(np.diff(heights)) > 0.05 * (high - low)
    assert max(heights) < high
    with pytest.raises(ValueError, match="as many of each"):
        plots.model_comparison(["a"], scores, [1], "seconds")


def test_a_confusion_matrix_is_in_per_cent_of_the_true_class():
    (axis,) = plots.confusion_matrix([[30, 10], [0, 5]], ["cat", "dog"]).axes
    assert [text.get_text() for text in axis.texts] == ["75", "25", "0", "100"]
    with pytest.raises(ValueError, match="2 rows and columns"):
        plots.confusion_matrix([[1]], ["cat", "dog"])


def test_a_reliability_diagram_draws_the_filled_bins_at_their_accuracy():
    result = evaluation.calibration([0, 0, 0, 0], [[0.95, 0.05]] * 3 + [[0.35, 0.65]], bins=10)
    top = plots.reliability_diagram({"x": result}).axes[0]
    assert sorted((round(bar.get_x() + bar.get_width() / 2, 2), bar.get_height()) for bar in top.patches) == [
        (0.65, 0.0),
        (0.95, 1.0),
    ]


@pytest.mark.parametrize("shape", [(4, 8, 6), (4, 8, 6, 1), (4, 8, 6, 3)])
def test_a_grid_shows_every_image_with_its_title(shape):
    figure = plots.image_grid(np.zeros(shape, "uint8"), titles=list("abcd"), columns=3)
    assert [axis.get_title() for axis in figure.axes] == list("abcd")


def test_a_grid_shows_the_pixels_that_it_was_given():
    images = np.random.default_rng(0).integers(0, 256, (2, 5, 5, 3), dtype="uint8")
    figure = plots.image_grid(images)
    np.testing.assert_array_equal(figure.axes[1].images[0].get_array(), images[1])


@pytest.mark.parametrize(
    ("images", "titles", "message"),
    [
        (np.zeros((5, 5)), None, r"expected \(images, height, width\)"),
        (np.zeros((0, 5, 5, 3)), None, "at least one image"),
        (np.zeros((2, 5, 5, 4)), None, "1 or 3 channels"),
        (np.zeros((2, 5, 5)), ["a"], "1 titles for 2 images"),
    ],
)
def test_bad_images_are_named(images, titles, message):
    with pytest.raises(ValueError, match=message):
        plots.image_grid(images, titles=titles)
