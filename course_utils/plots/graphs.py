"""Computational graphs, drawn by code: nodes, edges, values forward above the edges and gradients backward below."""

import numbers

import numpy as np

from .style import BLUE, GREY, INK, PAPER, VERMILION, course_figure

_FONT = 12  # points: graphs of up to six columns stay readable on a phone
_RADIUS = 0.18  # of a node, in columns
_BOX = "#D5EAF6"  # of what is given: SKY, paled, and opaque, so that no edge shows through
_BEND = 0.66  # how far an edge runs level before, or after, it bends: room for its numbers


@course_figure
def computational_graph(nodes, edges, forward=None, backward=None, labels=None, row_height=0.75, column_width=1.08):
    """A calculation as a graph: what is given in boxes, what is computed in circles, left to right.

    Above an edge stands, in blue, the value that runs along it; below it, in red, the gradient that comes back: the
    derivative of the last node's value by the value above. The last node has an edge that leads out of the figure.

    Parameters
    ----------
    nodes : dict of str to tuple of float
        Name of a node to its place (column, row). Columns count from 0 at the left; rows grow downwards.
    edges : sequence of tuple of str
        Pairs (source, target).
    forward : dict, optional
        Values: a number or a short text by the name of a node.
    backward : dict, optional
        Gradients: by the name of a node, or by edge (source, target), where a value is used in several places and each
        sends back its own. What it has for an edge comes before what it has for its source.
    labels : dict, optional
        What is written in a node, where that is not its name.
    row_height, column_width : float
        Inches from row to row and from column to column. Numbers of three digits fit the width as it is, texts of more
        than six letters need more.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        An edge, a value or a label belongs to no node; an edge does not lead to the right; or not exactly one node is
        the last.

    Notes
    -----
    Taught in chapter 02, From lines to networks.

    Examples
    --------
    >>> nodes = {"x": (0, 0), "w": (0, 1), "times": (1, 0.5)}
    >>> edges = [("x", "times"), ("w", "times")]
    >>> figure = computational_graph(
    ...     nodes, edges, forward={"x": 3, "w": -2, "times": -6}, backward={"x": -2, "w": 3, "times": 1},
    ...     labels={"times": "×"},
    ... )
    >>> [text.get_text() for text in figure.axes[0].texts][-2:]
    ['−6', '1']
    """
    import matplotlib.pyplot as plt

    forward, backward, labels = dict(forward or {}), dict(backward or {}), dict(labels or {})
    last = _checked(nodes, edges, forward, backward, labels)
    places = np.array(list(nodes.values()), dtype=float)
    (left, top), (right, bottom) = places.min(axis=0), places.max(axis=0)
    margin = 0.6 if forward or backward else 0.35  # rows above and below, for the numbers
    width, height = right - left + 1.3, bottom - top + 2 * margin  # in columns and rows
    figure = plt.figure(figsize=(width * column_width, height * row_height))
    figure.set_layout_engine("none")  # the axes fill the figure, so that an inch is an inch
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set(xlim=(left - 0.3, left - 0.3 + width), ylim=(bottom + margin, top - margin))
    axis.set_axis_off()

    computed = {target for _, target in edges}
    uses = {name: sum(source == name for source, _ in edges) for name in nodes}
    for source, target in edges:
        late = uses[source] > 1  # edges that part bend first, so that each has room for its own numbers
        _edge(axis, nodes[source], nodes[target], late)
        _numbers(
            axis, nodes[target if late else source], late, forward.get(source), _gradient(backward, source, target)
        )
    for name, place in nodes.items():
        _node(axis, place, str(labels.get(name, name)), name in computed, column_width / row_height)
    column, row = nodes[last]
    _edge(axis, (column, row), (column + 1, row), False)
    _numbers(axis, (column, row), False, forward.get(last), backward.get(last))
    return figure


def _checked(nodes, edges, forward, backward, labels):
    """The name of the last node, having made sure that everything is about a node."""
    ends = {name for edge in edges for name in edge}
    named = {name for key in backward for name in (key if isinstance(key, tuple) else (key,))}
    unknown = sorted((ends | named | set(forward) | set(labels)) - set(nodes))
    if unknown:
        raise ValueError(f"computational_graph: no node is called {', '.join(unknown)}; there are {', '.join(nodes)}.")
    strange = [key for key in backward if isinstance(key, tuple) and key not in map(tuple, edges)]
    if strange:
        raise ValueError(f"computational_graph: a gradient for {strange[0]}, which is not an edge.")
    for source, target in edges:
        if nodes[source][0] >= nodes[target][0]:
            raise ValueError(f"computational_graph: the edge from {source} to {target} does not lead to the right.")
    last = [name for name in nodes if name not in {source for source, _ in edges}]
    if len(last) != 1:
        raise ValueError(f"computational_graph: one node must be the last; these have no edge out: {', '.join(last)}.")
    return last[0]


def _gradient(backward, source, target):
    return backward.get((source, target), backward.get(source))


def _edge(axis, start, end, late):
    """A line from node to node, level where its numbers stand, with an arrow at its end."""
    (x0, y0), (x1, y1) = start, end
    bend = (x1 - _BEND, y1) if late else (x0 + _BEND, y0)
    axis.plot([x0, bend[0]], [y0, bend[1]], color=GREY, linewidth=1.3, zorder=1, solid_capstyle="round")
    length = np.hypot(x1 - bend[0], y1 - bend[1])
    tip = (x1 - (x1 - bend[0]) * _RADIUS * 1.1 / length, y1 - (y1 - bend[1]) * _RADIUS * 1.1 / length)
    arrow = {"arrowstyle": "-|>", "color": GREY, "linewidth": 1.3, "shrinkA": 0, "shrinkB": 0}
    axis.annotate("", xy=tip, xytext=bend, arrowprops=arrow, zorder=1)


def _numbers(axis, node, before, value, gradient):
    """Value above and gradient below the level part of an edge, which lies after the node or before it."""
    middle = node[0] + (-1 if before else 1) * (_RADIUS + _BEND) / 2 + (-0.07 if before else 0.06)
    for content, gap, anchor, color in ((value, -0.07, "bottom", BLUE), (gradient, 0.07, "top", VERMILION)):
        if content is not None:
            axis.text(middle, node[1] + gap, _short(content), color=color, ha="center", va=anchor, fontsize=_FONT)


def _node(axis, place, label, computed, stretch):
    from matplotlib.patches import Ellipse, FancyBboxPatch

    x, y, width, height = *place, 2 * _RADIUS, 2 * _RADIUS * stretch  # round on the page
    look = {"edgecolor": INK, "linewidth": 1.2, "zorder": 2}
    if computed:
        shape = Ellipse(place, width, height, facecolor=PAPER, **look)
    else:
        corner = (x - width / 2, y - height / 2)
        shape = FancyBboxPatch(corner, width, height, boxstyle="round,pad=0,rounding_size=0.06", facecolor=_BOX, **look)
    axis.add_patch(shape)
    size = _FONT if len(label) <= 3 else _FONT - 2
    axis.text(x, y, label, ha="center", va="center", fontsize=size, zorder=3)


def _short(value):
    """A number in three digits, with a real minus sign; a text as it is."""
    if isinstance(value, str):
        return value
    value = value.item() if hasattr(value, "item") else value
    if not isinstance(value, numbers.Real):
        raise ValueError(f"computational_graph: {value!r} is neither a number nor a text.")
    return f"{value:.3g}".replace("-", "−")
