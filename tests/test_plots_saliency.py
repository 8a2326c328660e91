"""Curves of deletion and insertion show the means of what was measured, a panel a way and a line a map."""

import matplotlib

matplotlib.use("agg")

import numpy as np
import pytest

from course_utils import plots
from course_utils.explain import Curve

SHARE = np.array([0, 0.25, 1])


def curve(*scores):
    return Curve(SHARE, np.array(scores), np.zeros(len(scores)))


def test_each_line_is_the_mean_over_the_images_against_the_share():
    panels = {
        "deletion": {"one": curve([0.9, 0.5, 0.1], [0.7, 0.1, 0.1]), "two": curve([0.8, 0.8, 0.0])},
        "insertion": {"one": curve([0.1, 0.2, 0.9])},
    }
    figure = plots.removal_curves(panels)
    for axes, (way, curves) in zip(figure.axes, panels.items(), strict=True):
        assert axes.get_title() == way
        lines = {line.get_label(): line.get_xydata() for line in axes.lines}
        assert set(lines) == set(curves)
        for name, one in curves.items():
            np.testing.assert_allclose(lines[name], np.stack([SHARE, one.scores.sum(axis=0) / len(one.scores)], axis=1))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["one", "two"]
    figure.canvas.draw()


@pytest.mark.parametrize("wrong", [{}, {"deletion": {}}])
def test_nothing_to_draw_is_refused(wrong):
    with pytest.raises(ValueError, match="expected"):
        plots.removal_curves(wrong)
