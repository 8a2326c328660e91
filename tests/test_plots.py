"""Figures: what is drawn is what was given, axes have names, pyplot keeps nothing."""

import itertools

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
    yield plots.loss_curves({"a": [3.0, 2.0]}, reference=("log 10", 2.3))
    yield plots.rate_sweep({"a": {0.1: [0.5, float("nan")], 1.0: 0.6}})
    yield plots.two_scores({"a": {"0.1": (0.5, 0.9), "1": (0.4, 0.8)}, "b": {"0.1": (0.5, 0.7)}}, "kept", "gained")
    yield plots.reliability_diagram({"x": evaluation.calibration([0, 1], [[0.9, 0.1], [0.8, 0.2]])})


@pytest.mark.parametrize(
    "figure", list(figures()), ids=["curves", "comparison", "confusion", "losses", "sweep", "two scores", "reliability"]
)
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
    assert plt.get_fignums() == [], "a notebook would show the figure, half drawn, below the error"


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


@pytest.mark.parametrize("costs", [[0.02, 0.5], [10, 100], [3, 2000], [513, 14_715_201]])
def test_numbers_on_the_axis_of_costs_do_not_lie_over_each_other(costs):
    figure = plots.model_comparison(["a", "b"], [[0.5], [0.7]], costs, "weights that learn")
    figure.draw_without_rendering()
    low, high = figure.axes[0].get_xlim()
    shown = [tick.label1 for tick in figure.axes[0].xaxis.get_major_ticks() if low <= tick.get_loc() <= high]
    boxes = [label.get_window_extent() for label in shown]
    assert len(boxes) > 1
    assert all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))


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


def lines_of(axes):
    return [line.get_xydata() for line in axes.lines if len(line.get_xdata()) > 1]


def test_losses_are_drawn_as_given_and_named_at_their_ends():
    figure = plots.loss_curves({"all": [3.0, 2.0, 1.5], "some": ([1, 10], [2.5, 1.0])}, reference=("log 10", 2.3))
    (axes,) = figure.axes
    every, some, reference = lines_of(axes)
    np.testing.assert_array_equal(every, [[1, 3.0], [2, 2.0], [3, 1.5]])
    np.testing.assert_array_equal(some, [[1, 2.5], [10, 1.0]])
    assert set(reference[:, 1]) == {2.3}
    ends = {text.get_text(): text.xy for text in axes.texts}
    assert ends["all"] == (3, 1.5)
    assert ends["some"] == (10, 1.0)
    assert ends["log 10"][1] == 2.3


def test_names_of_many_lines_stand_apart_in_the_order_of_their_ends():
    values = {f"run {i}": [3.0, 1.0 + 0.01 * i] for i in range(12)}
    (axes,) = plots.loss_curves(values, log_y=True).axes
    heights = [text.xyann[1] for text in axes.texts]
    assert min(np.diff(heights)) > 0.06
    assert min(heights) >= 0
    assert max(heights) <= 1


def test_a_loss_that_is_no_number_ends_in_a_cross_and_says_so():
    figure = plots.loss_curves({"fast": [3.0, 9.0, np.nan, np.nan], "gap": [3.0, np.nan, 1.0]})
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == ["fast (not finite in the end)", "gap"]
    crosses = [line.get_xydata().tolist() for line in axes.lines if line.get_marker() == "x"]
    assert crosses == [[[2, 9.0]]]
    figure.canvas.draw()


def circles(axes):
    """Where the best means are ringed."""
    return [line.get_xydata()[0].tolist() for line in axes.lines if line.get_markerfacecolor() == "none"]


def test_the_best_rate_is_the_best_mean_over_all_seeds_of_a_rate_at_which_none_failed():
    sweep = {"SGD": {1.0: [0.9, np.nan], 0.1: [0.5, 0.7], 0.01: [0.65, 0.45]}}
    figure = plots.rate_sweep(sweep)
    (axes,) = figure.axes
    assert circles(axes) == [[0.1, pytest.approx(0.6)]]
    (means,) = (line.get_ydata() for line in axes.lines if len(line.get_xdata()) == 3)
    np.testing.assert_allclose(means, [0.55, 0.6, np.nan])  # from the smallest rate on
    assert figure.legends[0].get_texts()[0].get_text() == "SGD: 0.6 at 0.1"
    assert circles(plots.rate_sweep(sweep, lower_is_better=True).axes[0]) == [[0.01, pytest.approx(0.55)]]


@pytest.mark.parametrize("log_y", [False, True])
def test_failed_runs_are_crosses_below_every_score(log_y):
    nan = float("nan")
    figure = plots.rate_sweep(
        {"a": {0.1: [0.4, 0.1, nan], 1.0: [nan, nan, nan]}, "b": {0.1: 0.2}}, failed=0.1, log_y=log_y
    )
    figure.canvas.draw()
    (axes,) = figure.axes
    to_pixels = axes.transData.transform
    crosses = [line for line in axes.lines if line.get_marker() == "x"]
    assert [line.get_xdata()[0] for line in crosses] == [0.1, 1.0]
    assert [text.get_text() for text in axes.texts[:2]] == ["2 of 3", "3 of 3"]
    lowest_score = to_pixels((0.1, 0.2))[1]
    for line in crosses:
        x, y = line.get_transform().transform(line.get_xydata())[0]
        assert y < lowest_score - 5
        assert axes.bbox.contains(x, y)
    heights = [*axes.get_yticks(), *axes.get_yticks(minor=True)]
    assert 0.1 < min(heights) < 0.4, "heights in the strip of the failed mean nothing"


def test_a_sweep_in_which_everything_failed_is_drawn():
    plots.rate_sweep({"a": {0.1: float("nan")}}).canvas.draw()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.loss_curves({}), "no series"),
        (lambda: plots.loss_curves({"a": ([1, 2], [1.0])}), r"'a' has x of shape \(2,\) and y of shape \(1,\)"),
        (lambda: plots.loss_curves({"a": [[1.0], [2.0]]}), r"expected values of shape \(values,\)"),
        (lambda: plots.rate_sweep({"a": {}}), "no results"),
        (lambda: plots.rate_sweep({"a": {0.0: 1.0}}), "above 0"),
        (lambda: plots.rate_sweep({"a": {0.1: []}}), "a has no score at the rate 0.1; give NaN"),
    ],
)
def test_bad_series_and_sweeps_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
    assert plt.get_fignums() == []
