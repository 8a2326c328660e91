"""Figures of how numbers are distributed from layer to layer: activations and gradients by depth."""

import numpy as np

from .style import BLUE, GREY, INK, VERMILION, course_figure

_NEAR = 0.03  # from 1, what a saturated tanh gives


@course_figure
def histogram_rows(rows, xlabel="value", bins=50, limits=None, notes=None):
    """Rows of histograms: a row for each kind of network, say, and in it a panel for each layer, by depth.

    Each panel says the standard deviation of its values, and, where there are such values, which share of them is
    exactly 0 (a red bar, cut off at the top), saturated at -1 or 1 (red bars; where none is beyond and one in twenty or
    more is within 0.03 of either), not finite, or outside of the figure.

    Parameters
    ----------
    rows : dict of str to dict of str or int to array
        For each row its panels, by the name or the number of a layer, and their values in any shape. A value that is
        not a dict but a sequence of arrays has its panels numbered from 1. More than ten a row are too narrow to read.
    xlabel : str
        What the values are.
    bins : int
        Bars a panel.
    limits : (float, float) or "row", optional
        Range of the horizontal axis of all panels; by default, from the smallest to the largest of all values. "row":
        each row has a range of its own.
    notes : dict of str to str, optional
        For some rows, what to say after their names.

    Returns
    -------
    matplotlib.figure.Figure
        Heights are shares of the values, scaled in each panel to its highest bar, that of the zeros excepted.

    Raises
    ------
    ValueError
        There are no values, no finite ones, or notes on rows that there are not.

    Notes
    -----
    After Glorot and Bengio (2010), "Understanding the difficulty of training deep feedforward neural networks",
    figure 6. Taught in chapter 04, A CNN library.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> layers = {depth: random.normal(scale=0.5**depth, size=1000).clip(0, None) for depth in (1, 2, 3)}
    >>> figure = histogram_rows({"halved by each layer": layers}, xlabel="activation")
    >>> figure.axes[0].texts[0].get_text()
    'sd 0.28\\n53% at 0'
    """
    import matplotlib.pyplot as plt

    rows = {name: _panels(name, panels) for name, panels in rows.items()}
    notes = notes or {}
    if not rows:
        raise ValueError("no rows were given; expected {name of a row: {name of a layer: values}}.")
    if set(notes) - set(rows):
        raise ValueError(f"notes on {', '.join(sorted(set(notes) - set(rows)))}; there are rows {', '.join(rows)}.")
    everything = [values for panels in rows.values() for values in panels.values()]
    if isinstance(limits, str):
        ranges = [_range(panels.values()) for panels in rows.values()]
    else:
        ranges = [_range(everything) if limits is None else limits] * len(rows)
    columns = max(len(panels) for panels in rows.values())
    figure = plt.figure(figsize=(7.2 if columns > 3 else 1 + 2.1 * columns, 1.5 * len(rows) + 0.35))
    parts = figure.subfigures(len(rows), 1, squeeze=False)[:, 0]
    size = 8 if columns <= 6 else 7
    for index, (part, (name, panels)) in enumerate(zip(parts, rows.items(), strict=True)):
        part.suptitle(f"{name}: {notes[name]}" if name in notes else name, x=0.01, ha="left", fontsize=10)
        grid = part.subplots(1, columns, sharex=True, squeeze=False)[0]
        for axes, (column, values) in zip(grid, panels.items(), strict=False):
            _histogram(axes, values, bins, ranges[index], size)
            axes.set_title(f"layer {column}" if isinstance(column, (int, np.integer)) else column, fontsize=size, pad=3)
        for axes in grid[len(panels) :]:
            axes.remove()
        if index == len(rows) - 1:
            part.supxlabel(xlabel, fontsize=10)
    return figure


def _panels(name, panels):
    if not isinstance(panels, dict):
        panels = dict(enumerate(panels, 1))
    panels = {column: np.asarray(values, dtype=float).ravel() for column, values in panels.items()}
    empty = [str(column) for column, values in panels.items() if not values.size]
    if empty or not panels:
        raise ValueError(f"row {name!r} has no values{' for ' + ', '.join(empty) if empty else ''}.")
    return panels


def _range(arrays):
    """From the smallest to the largest finite value."""
    finite = [values[np.isfinite(values)] for values in arrays]
    finite = [values for values in finite if values.size]
    if not finite:
        raise ValueError("none of the values is finite; give limits=(low, high) to draw the panels nevertheless.")
    low, high = min(values.min() for values in finite), max(values.max() for values in finite)
    margin = 0.04 * (high - low) or 0.5  # so that bars at the ends are seen whole
    return low - margin, high + margin


def _histogram(axes, values, bins, limits, size):
    finite = values[np.isfinite(values)]
    zeros = np.count_nonzero(finite == 0) / values.size
    inside = finite[(finite >= limits[0]) & (finite <= limits[1])]
    count, edges = np.histogram(inside[inside != 0], bins=bins, range=limits)
    share = count / values.size
    width = edges[1] - edges[0]
    top = 1.75 * share.max() if share.any() else 1.0  # room for what is written above the bars
    saturated = 0.0
    if finite.size and np.abs(finite).max() <= 1:
        saturated = np.count_nonzero(np.abs(finite) >= 1 - _NEAR) / values.size
    ends = (saturated >= 0.05) & (np.maximum(np.abs(edges[:-1]), np.abs(edges[1:])) > 1 - _NEAR)
    axes.bar(edges[:-1] + width / 2, share, width, color=np.where(ends, VERMILION, BLUE))
    if zeros and limits[0] <= 0 <= limits[1]:
        axes.bar(0, min(zeros, top), max(width, (limits[1] - limits[0]) / 40), color=VERMILION, zorder=3)
    axes.set(xlim=limits, ylim=(0, top), yticks=[])
    axes.spines["left"].set_visible(False)
    axes.tick_params(labelsize=size - 1)
    axes.locator_params(axis="x", nbins=3)
    lines = []
    if finite.size:
        deviation = finite.std()
        lines.append(f"sd {_short(deviation if deviation > 1e-12 * np.abs(finite).max() else 0.0)}")
    if zeros:
        lines.append(f"{_percent(zeros)} at 0")
    if saturated >= 0.05:
        lines.append(f"{_percent(saturated)} at ±1")
    if finite.size < values.size:
        lines.append(f"{_percent(1 - finite.size / values.size)} not finite")
    if inside.size < finite.size:
        lines.append(f"{_percent((finite.size - inside.size) / values.size)} outside")
    axes.text(
        0.98, 0.98, "\n".join(lines), transform=axes.transAxes, ha="right", va="top", fontsize=size - 0.5,
        linespacing=1.1, color=INK, zorder=4,
    )  # fmt: skip
    axes.axvline(0, 0, 1 / 1.75, color=GREY, linewidth=0.5, zorder=0)


def _short(number):
    """Two significant digits, without an exponent where that is short."""
    return f"{number:.2f}" if 0.095 <= number < 100 or number == 0 else f"{number:.2g}"


def _percent(share):
    return f"{100 * share:.0f}%" if share >= 0.005 else "<1%"
