"""The figures of chapter 04 show what they are given: every number, every run, every program."""

import matplotlib

matplotlib.use("agg")

import numpy as np
import pytest
from matplotlib.figure import Figure

from course_utils.plots import cnn_library

NAN = float("nan")
SWEEP = {"plain": {"He": {0.01: [2.0, 2.2], 0.1: [1.8, 1.9], 1.0: [NAN, 7.0]}, "sd 0.3": {0.01: [5.0, 6.0]}}}


def texts(axes):
    return [text.get_text() for text in axes.texts]


@pytest.mark.parametrize(
    "draw",
    [
        lambda: cnn_library.two_questions(["Linear*", "ReLU", "Linear*"]),
        lambda: cnn_library.number_maps({"one": np.ones((2, 3))}),
        lambda: cnn_library.image_as_rows(np.arange(1, 10).reshape(3, 3), 2),
        lambda: cnn_library.times_as_bars({"loops": 2500.0, "Keras": 1.0}, "times"),
        lambda: cnn_library.lines_by_layer({"tanh": {"Glorot": [0.7, 0.5]}}, "sd"),
        lambda: cnn_library.sweep_panels(SWEEP, "loss", (1.5, 3)),
    ],
)
def test_a_figure_is_returned_and_can_be_drawn(draw):
    figure = draw()
    assert isinstance(figure, Figure)
    figure.canvas.draw()


def test_only_layers_with_weights_lead_to_gradients_of_weights():
    axes = cnn_library.two_questions(["Linear*", "ReLU", "Conv*", "Pool"]).axes[0]
    assert sum("∂L/∂W" in text for text in texts(axes)) == 2
    assert [name for name in texts(axes) if name in ("Linear", "ReLU", "Conv", "Pool", "loss")] == [
        "Linear", "ReLU", "Conv", "Pool", "loss",
    ]  # fmt: skip


def test_each_row_is_what_the_window_sees_at_one_position():
    image = np.arange(12).reshape(3, 4)
    rows = cnn_library.image_as_rows(image, 2).axes[1]
    expected = [str(image[i + a, j + b]) for i in range(2) for j in range(3) for a in range(2) for b in range(2)]
    assert texts(rows) == expected


def test_every_number_of_every_map_is_written():
    maps = {"a": np.array([[1, 2], [3, 4]]), "b": np.array([[9]])}
    figure = cnn_library.number_maps(maps)
    assert [texts(axes) for axes in figure.axes] == [["1", "2", "3", "4"], ["9"]]


def test_bars_are_as_long_as_the_times_and_say_two_digits_of_them():
    axes = cnn_library.times_as_bars({"slow": 22_345.0, "middle": 12.34, "fast": 0.567}, "times").axes[0]
    assert [bar.get_width() for bar in axes.patches] == [22_345.0, 12.34, 0.567]
    assert texts(axes) == ["22,000", "12", "0.57"]


def test_a_name_has_one_colour_in_all_panels():
    panels = {"tanh": {"He": [1, 2], "Glorot": [1, 1]}, "ReLU": {"Glorot": [1, 3]}}
    left, right = cnn_library.lines_by_layer(panels, "sd").axes
    assert left.lines[1].get_color() == right.lines[0].get_color() != left.lines[0].get_color()


def test_every_run_of_a_sweep_has_its_mark():
    axes = cnn_library.sweep_panels(SWEEP, "loss", (1.5, 3)).axes[0]
    marks = [line.get_marker() for line in axes.lines if line.get_marker() != "None" and line.get_markersize() < 10]
    assert sorted(marks) == sorted(["o"] * 4 + ["x"] + ["^"] * 3)  # within, no number, above


def test_the_ring_of_a_sweep_stands_at_the_lowest_mean_of_rates_at_which_no_seed_failed():
    lines = (
        cnn_library.sweep_panels({"plain": {"He": {0.1: [1.8, 2.0], 1.0: [1.0, NAN]}}}, "loss", (0.5, 3)).axes[0].lines
    )
    (ring,) = [line for line in lines if line.get_markersize() > 10]
    assert (ring.get_xdata()[0], ring.get_ydata()[0]) == (0.1, pytest.approx(1.9))
