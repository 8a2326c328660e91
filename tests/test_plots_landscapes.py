"""Losses as landscapes: contours lie at the height that they stand for, paths and tangents where they were."""

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.contour import QuadContourSet

from course_utils import plots


def bowl(w1, w2):
    return w1**2 + 4 * w2**2


STEPS = np.array([[0.8 * 0.7**step, 0.5 * 0.4**step] for step in range(12)])
AWAY = np.array([[0.8, 0.5 * (-1.5) ** step] for step in range(12)])


def drawn(axes):
    """The path of each name: what stands in the legend."""
    return {line.get_label(): line.get_xydata() for line in axes.lines if not line.get_label().startswith("_")}


@pytest.mark.parametrize("log", [False, True])
def test_contours_lie_at_their_heights(log):
    (axes,) = plots.landscape(bowl, (-1, 1), (-1, 1), levels=12, log=log).axes
    lines = next(c for c in axes.collections if isinstance(c, QuadContourSet) and not c.filled)
    steps = np.diff(np.log(lines.levels)) if log else np.diff(lines.levels)
    np.testing.assert_allclose(steps, steps[0])
    for height, segments in zip(lines.levels[2:-1], lines.allsegs[2:-1], strict=True):
        for segment in segments:
            np.testing.assert_allclose(bowl(*segment.T), height, atol=2e-3)


def test_a_path_is_drawn_as_it_was_and_one_that_leaves_is_cut_and_said_so():
    figure = plots.landscape(bowl, (-1, 1), (-1, 1), {"in": STEPS, "out": AWAY}, minimum=(0, 0))
    paths = drawn(figure.axes[0])
    np.testing.assert_array_equal(paths["in"], STEPS)
    # 0.5, -0.75, 1.125: the third lies outside, as do all that follow
    np.testing.assert_array_equal(paths["out (leaves the figure)"], AWAY[:3])
    assert figure.axes[0].get_xlim() == (-1, 1)
    figure.canvas.draw()
    assert plt.get_fignums() == []


def test_separate_panels_have_a_path_each_on_the_same_contours():
    figure = plots.landscape(bowl, (-1, 1), (-1, 1), {"in": STEPS, "out": AWAY}, separate=True)
    assert [axes.get_title() for axes in figure.axes] == ["in", "out\n(leaves the figure)"]
    assert [len(drawn(axes)) for axes in figure.axes] == [1, 1]


@pytest.mark.parametrize(
    "path", [[[np.nan, 0.0]], [[5.0, 5.0], [6.0, 6.0]], [[0.0, 0.0], [1e200, -1e200], [np.inf, 0]]]
)
def test_a_path_outside_or_beyond_all_numbers_is_drawn_without_harm(path):
    plots.landscape(bowl, (-1, 1), (-1, 1), {"far": path}).canvas.draw()


def test_the_numbers_of_one_weight_stand_on_the_curve_and_tangents_have_its_slope():
    weights = np.array([1.0, -0.6, 0.3, -0.1])
    (axes,) = plots.curve(lambda w: w**2, (-1.2, 1.2), weights).axes
    whole, path, points, *tangents = axes.lines
    np.testing.assert_allclose(whole.get_ydata(), whole.get_xdata() ** 2)
    for line in (path, points):
        np.testing.assert_allclose(line.get_xydata(), np.stack([weights, weights**2], axis=1))
    slopes = [np.diff(line.get_ydata())[0] / np.diff(line.get_xdata())[0] for line in tangents]
    np.testing.assert_allclose(slopes, 2 * weights, rtol=1e-6)
    assert [text.get_text() for text in axes.texts] == ["0", "1", "2", "3"]


def test_steps_that_leave_the_curve_are_counted():
    away = np.array([0.5 * (-1.5) ** step for step in range(30)])  # 0.5, -0.75, 1.125, -1.69
    figure = plots.curve(np.square, (-1.2, 1.2), {"slow": away[:2], "fast": away, "beyond": np.array([0.1, np.inf])})
    assert [axes.get_title() for axes in figure.axes] == [
        "slow", "fast\nleaves the figure at step 3", "beyond\nleaves the figure at step 1",
    ]  # fmt: skip
    assert len(figure.axes[1].lines[2].get_xdata()) == 3
    figure.canvas.draw()


def test_a_curve_without_steps_has_named_axes():
    (axes,) = plots.curve(np.square, (-1, 1), ylim=(0, 2)).axes
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_ylim()) == ("weight w", "loss", (0, 2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.landscape(lambda a, b: 1.0, (-1, 1), (-1, 1)), "element by element"),
        (lambda: plots.landscape(lambda a, b: 0 * a, (-1, 1), (-1, 1)), "0 everywhere"),
        (lambda: plots.landscape(lambda a, b: a + b, (-1, 1), (-1, 1), log=True), "not negative"),
        (lambda: plots.landscape(bowl, (-1, 1), (-1, 1), {"p": STEPS.T}), r"path 'p' has shape \(2, 12\)"),
        (lambda: plots.curve(lambda w: 1.0, (-1, 1)), "element by element"),
        (lambda: plots.curve(np.square, (-1, 1), {"p": STEPS}), r"'p' have shape \(12, 2\)"),
    ],
)
def test_what_is_no_landscape_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
