"""Computational graphs show every node, edge, value and gradient, each where it belongs, in sizes that can be read."""

import matplotlib

matplotlib.use("agg")

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse, FancyBboxPatch

from course_utils import plots
from course_utils.plots.graphs import computational_graph
from course_utils.plots.style import BLUE, PAPER, VERMILION

# (w x + b - y) squared, at x = 2, w = -1, b = 3, y = 1.5
NODES = {
    "x": (0, 0), "w": (0, 1.2), "times": (1, 0.6), "b": (1, 1.8), "plus": (2, 1.2), "y": (2, 2.4),
    "minus": (3, 1.8), "square": (4, 1.8),
}  # fmt: skip
EDGES = [
    ("x", "times"), ("w", "times"), ("times", "plus"), ("b", "plus"), ("plus", "minus"), ("y", "minus"),
    ("minus", "square"),
]  # fmt: skip
FORWARD = {"x": 2, "w": -1, "times": -2, "b": 3, "plus": 1, "y": 1.5, "minus": -0.504, "square": 0.25}
BACKWARD = {"x": 1, "w": -2, "times": -1, "b": -1, "plus": -1, "y": 1, "minus": -1, "square": 1}
LABELS = {"times": "×", "plus": "+", "minus": "−", "square": "( )²"}

FORKED = {"x": (0, 0.5), "square": (1, 0), "double": (1, 1), "sum": (2, 0.5)}
FORK = [("x", "square"), ("x", "double"), ("square", "sum"), ("double", "sum")]


def line():
    return computational_graph(NODES, EDGES, FORWARD, BACKWARD, LABELS)


def fork():
    forward = {"x": 3, "square": 9, "double": 6, "sum": 15}
    backward = {("x", "square"): 6, ("x", "double"): 2, "square": 1, "double": 1, "sum": 1}
    return computational_graph(FORKED, FORK, forward, backward)


def numbers(figure, color):
    """Texts of one colour, with their places: (text, x, y)."""
    (axes,) = figure.axes
    return [
        (t.get_text(), *t.get_position()) for t in axes.texts if t.get_text() and to_hex(t.get_color()) == color.lower()
    ]


def test_the_figure_is_one_of_the_course_and_left_to_the_caller():
    before = plt.get_fignums()
    figure = line()
    assert isinstance(figure, Figure)
    assert plt.get_fignums() == before
    assert to_hex(figure.get_facecolor()) == PAPER.lower()
    assert plots.computational_graph is computational_graph


def test_what_is_given_is_boxed_and_what_is_computed_is_circled():
    (axes,) = line().axes
    assert sum(isinstance(patch, FancyBboxPatch) for patch in axes.patches) == 4  # x, w, b, y
    assert sum(isinstance(patch, Ellipse) for patch in axes.patches) == 4


def test_every_edge_and_the_way_out_has_an_arrow():
    (axes,) = line().axes
    assert len(axes.lines) == len(EDGES) + 1
    assert sum(text.arrow_patch is not None for text in axes.texts if hasattr(text, "arrow_patch")) == len(EDGES) + 1


def test_an_edge_begins_at_its_source_and_its_arrow_ends_at_its_target():
    (axes,) = line().axes
    arrows = [text for text in axes.texts if getattr(text, "arrow_patch", None) is not None]
    for (source, target), level, arrow in zip(EDGES, axes.lines, arrows, strict=False):
        assert level.get_xydata()[0] == pytest.approx(NODES[source])
        assert np.hypot(*np.subtract(arrow.xy, NODES[target])) < 0.3


def test_values_stand_above_their_edge_and_gradients_below_it():
    figure = line()
    values, gradients = numbers(figure, BLUE), numbers(figure, VERMILION)
    assert len(values) == len(gradients) == len(NODES)
    for name, (column, row) in NODES.items():
        shown = [text for text, x, y in values if column < x < column + 1 and -0.2 < y - row < 0]
        assert shown == [f"{FORWARD[name]:g}".replace("-", "−")], name
        shown = [text for text, x, y in gradients if column < x < column + 1 and 0 < y - row < 0.2]
        assert shown == [f"{BACKWARD[name]:g}".replace("-", "−")], name
    (axes,) = figure.axes
    assert axes.get_ylim()[0] > axes.get_ylim()[1], "rows grow downwards, so that a smaller y is above"


def test_each_use_of_a_value_shows_its_own_gradient_at_its_own_edge():
    gradients = numbers(fork(), VERMILION)
    assert [text for text, x, y in gradients if x < 1 and y < 0.5] == ["6"]
    assert [text for text, x, y in gradients if x < 1 and y > 0.5] == ["2"]


def test_a_graph_without_numbers_has_none():
    figure = computational_graph(NODES, EDGES)
    assert numbers(figure, BLUE) == numbers(figure, VERMILION) == []
    assert {t.get_text() for t in figure.axes[0].texts} >= set(NODES)


def test_numbers_are_short_and_texts_stay():
    forward = {"x": 0.123456, "square": np.float32(-2.0), "double": "200×10", "sum": 1e-7}
    shown = {text for text, *_ in numbers(computational_graph(FORKED, FORK, forward), BLUE)}
    assert shown == {"0.123", "−2", "200×10", "1e−07"}


@pytest.mark.parametrize("draw", [line, fork])
def test_numbers_cover_neither_nodes_nor_each_other(draw):
    figure = draw()
    figure.canvas.draw()
    (axes,) = figure.axes
    texts = [t for t in axes.texts if t.get_text() and to_hex(t.get_color()) in (BLUE.lower(), VERMILION.lower())]
    boxes = [text.get_window_extent() for text in texts]
    boxes += [patch.get_window_extent() for patch in axes.patches if isinstance(patch, (Ellipse, FancyBboxPatch))]
    for one, other in itertools.combinations(boxes, 2):
        assert not one.overlaps(other)
    inside = figure.bbox
    assert all(
        inside.x0 <= box.x0 and box.x1 <= inside.x1 and inside.y0 <= box.y0 and box.y1 <= inside.y1 for box in boxes
    )


@pytest.mark.parametrize("draw", [line, fork])
def test_numbers_can_be_read_on_a_phone(draw):
    """A page of 360 pixels shrinks a wider figure; nine pixels are the smallest letters that phones show by default."""
    figure = draw()
    pixels_per_inch = min(360 / figure.get_size_inches()[0], 96)
    sizes = [t.get_fontsize() for t in figure.axes[0].texts if t.get_text() and t.get_color() in (BLUE, VERMILION)]
    assert min(sizes) / 72 * pixels_per_inch >= 9


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"edges": [*FORK, ("sum", "more")]}, "no node is called more"),
        ({"forward": {"z": 1}}, "no node is called z"),
        ({"backward": {("x", "z"): 1}}, "no node is called z"),
        ({"labels": {"z": "1"}}, "no node is called z"),
        ({"backward": {("x", "sum"): 1}}, "not an edge"),
        ({"edges": [*FORK, ("sum", "x")]}, "does not lead to the right"),
        ({"edges": FORK[:3]}, "one node must be the last.*double, sum"),
        ({"forward": {"x": [1, 2]}}, "neither a number nor a text"),
    ],
)
def test_what_fits_no_graph_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        computational_graph(**{"nodes": FORKED, "edges": FORK, **change})
