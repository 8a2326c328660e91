"""Points lie where they were said to lie, in the colour of their class; means are means."""

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest

from course_utils import plots

POINTS = np.random.default_rng(0).normal(size=(7, 2))
LABELS = np.array([0, 1, 0, 1, 1, 0, 1])


def test_each_panel_shows_every_image_once_with_its_class():
    figure = plots.class_scatter({"one": POINTS, "two": -POINTS}, LABELS, ["cat", "dog"])
    for axes, points in zip(figure.axes, (POINTS, -POINTS), strict=True):
        for label, line in enumerate(axes.lines):
            np.testing.assert_array_equal(line.get_xydata(), points[label == LABELS])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["cat", "dog"]
    figure.canvas.draw()
    assert plt.get_fignums() == []


def test_points_that_do_not_fit_the_labels_are_named():
    with pytest.raises(ValueError, match=r"'one' has points of shape \(6, 2\); expected \(7, 2\)"):
        plots.class_scatter({"one": POINTS[:6]}, LABELS, ["cat", "dog"])
    with pytest.raises(ValueError, match="no panels"):
        plots.class_scatter({}, LABELS, ["cat", "dog"])


def test_every_draw_is_a_dot_and_the_line_goes_through_the_means():
    figure = plots.scores_by_count({"frozen": {100: [0.9], 10: [0.5, 0.7]}, "scratch": {10: [0.4]}}, "labels")
    (axes,) = figure.axes
    line = next(line for line in axes.lines if line.get_label() == "frozen")
    np.testing.assert_allclose(line.get_xydata(), [[10, 0.6], [100, 0.9]])
    dots = {tuple(point) for each in axes.lines if each.get_linestyle() == "None" for point in each.get_xydata()}
    assert dots == {(100, 0.9), (10, 0.5), (10, 0.7), (10, 0.4)}
    assert [label.get_text() for label in axes.get_xticklabels()] == ["10", "100"]
    figure.canvas.draw()


@pytest.mark.parametrize("wrong", [{}, {"frozen": {}}, {"frozen": {0: [0.5]}}])
def test_results_without_counts_are_refused(wrong):
    with pytest.raises(ValueError, match="the counts are"):
        plots.scores_by_count(wrong, "labels")


def test_a_count_without_scores_is_named():
    with pytest.raises(ValueError, match="'frozen' has no score at 10"):
        plots.scores_by_count({"frozen": {10: []}}, "labels")
