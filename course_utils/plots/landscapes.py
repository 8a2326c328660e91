"""Figures of a loss as a landscape over one weight or two, and of the steps of an optimiser on it."""

import numpy as np

from .style import BLUE, GREY, INK, MARKERS, ORANGE, PALETTE, PAPER, VERMILION, course_figure

_PATHS = (VERMILION, BLUE, *(color for color in PALETTE if color not in (VERMILION, BLUE, GREY)))


@course_figure
def landscape(
    loss, xlim, ylim, paths=None, levels=30, log=False, labels=("w1", "w2"), minimum=None, separate=False
):  # fmt: skip
    """Contours of a loss of two weights, with the paths that optimisers took on it.

    Parameters
    ----------
    loss : callable
        ``loss(w1, w2)``, called once with two arrays of one shape, gives an array of that shape.
    xlim, ylim : tuple of float
        Smallest and largest w1 and w2 of the figure.
    paths : dict of str to array, shape (steps + 1, 2), optional
        For each optimiser the weights that it went through, the start first. A ring is the start, a disk the end. If
        a path leaves the figure, its name says so; if it does not come back, it is drawn up to there.
    levels : int
        Number of contours.
    log : bool
        Contours at equal ratios instead of equal differences, for a loss whose valley is flat beside its slopes. They
        reach down to a millionth of the highest loss in the figure.
    labels : tuple of str
        Names of the axes.
    minimum : tuple of float, optional
        Where to draw a star.
    separate : bool
        A panel for each path instead of one for all.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        The loss or a path has another shape, or there is no loss above 0 to take the logarithm of.

    Notes
    -----
    Taught in chapter 04, A CNN library.

    Examples
    --------
    >>> def ravine(w1, w2):
    ...     return w1**2 + 20 * w2**2
    >>> steps = np.array([[0.9**step, 0.5**step] for step in range(20)])
    >>> figure = landscape(ravine, (-1, 1), (-1, 1), {"descent": steps}, minimum=(0, 0))
    >>> figure.axes[0].get_xlabel()
    'w1'
    """
    paths = {name: _path(name, path) for name, path in (paths or {}).items()}
    w1, w2 = np.meshgrid(np.linspace(*xlim, 201), np.linspace(*ylim, 201))
    heights = np.asarray(loss(w1, w2), dtype=float)
    if heights.shape != w1.shape:
        raise ValueError(
            f"loss gave an array of shape {heights.shape} for two of shape {w1.shape}; write it with operations that "
            "work element by element, such as w1**2 + w2**2."
        )
    at = _levels(heights, levels, log)
    groups = [{name: path} for name, path in paths.items()] if separate and paths else [paths]
    columns = 2 if len(groups) == 4 else min(len(groups), 3)
    figure, panels = _panels(len(groups), columns, 0.95 if columns == 3 else 0.85, labels)
    shown = np.clip(heights, at[0], at[-1])
    for axes, group in zip(panels, groups, strict=True):
        axes.contourf(
            w1, w2, np.log(shown) if log else shown, levels=np.log(at) if log else at, cmap="Greys", alpha=0.25
        )
        axes.contour(w1, w2, shown, levels=at, colors=GREY, linewidths=0.5)
        for name, path in group.items():
            number = list(paths).index(name)
            color, marker = _PATHS[number % len(_PATHS)], MARKERS[number % len(MARKERS)]
            inside = (path >= (xlim[0], ylim[0])).all(axis=1) & (path <= (xlim[1], ylim[1])).all(axis=1)
            label = name if inside.all() else f"{name} (leaves the figure)"
            drawn = path[: len(path) - int(np.argmax(inside[::-1])) + 1] if inside.any() else path[:1]
            small = {"markersize": 3.2, "markevery": max(1, len(path) // 40)}
            axes.plot(*drawn.T, color=color, marker=marker, linewidth=1.4, label=label, **small)
            axes.plot(*path[0], marker="o", color=color, markerfacecolor=PAPER, markersize=8, markeredgewidth=1.6)
            if inside[-1]:
                axes.plot(*path[-1], marker="o", color=color, markersize=8)
            if separate:
                axes.set_title(label if inside.all() else f"{name}\n(leaves the figure)")
        if minimum is not None:
            axes.plot(*minimum, marker="*", color=INK, markersize=13, markeredgecolor=PAPER, zorder=4)
        axes.set(xlim=xlim, ylim=ylim)
        if np.ptp(xlim) == np.ptp(ylim):
            axes.set_aspect("equal")  # a turn by 45 degrees looks like one
    if paths and not separate:
        width, height = figure.get_size_inches()
        figure.set_size_inches(width, height + 0.22 * -(-len(paths) // 2))
        figure.legend(loc="outside lower center", ncols=min(2, len(paths)), fontsize=9)
    return figure


@course_figure
def curve(
    loss, xlim, steps=None, xlabel="weight w", ylabel="loss", ylim=None, tangents=True, columns=3
):  # fmt: skip
    """A loss of one weight as a curve, with the steps of gradient descent on it.

    Parameters
    ----------
    loss : callable
        ``loss(w)``, called with an array, gives an array of its shape. Its slopes are central differences.
    xlim : tuple of float
        Smallest and largest weight of the figure.
    steps : array, shape (steps + 1,), or dict of str to such arrays, optional
        The weights that gradient descent went through, the start first; a dict, such as one from learning rates to
        weights, has a panel for each. The start and the first steps are numbered.
    xlabel, ylabel : str
        Names of the axes.
    ylim : tuple of float, optional
        Limits of the vertical axis; without them, from the lowest to the highest loss in the figure.
    tangents : bool
        Draw a piece of the tangent at each of the first steps.
    columns : int
        Panels a row.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        The loss or the steps have another shape.

    Notes
    -----
    Taught in chapter 02, From lines to networks.

    Examples
    --------
    >>> slow, fast = (np.array([1 * factor**step for step in range(8)]) for factor in (0.8, -0.8))
    >>> figure = curve(np.square, (-1.2, 1.2), {"rate 0.1": slow, "rate 0.9": fast})
    >>> [axes.get_title() for axes in figure.axes]
    ['rate 0.1', 'rate 0.9']
    """
    weights_by_name = {"": steps} if not isinstance(steps, dict) else steps
    weights_by_name = {
        name: None if weights is None else _weights(name, weights) for name, weights in weights_by_name.items()
    }
    w = np.linspace(*xlim, 401)
    heights = _heights(loss, w)
    columns = min(columns, len(weights_by_name))
    figure, panels = _panels(len(weights_by_name), columns, 0.95 if columns > 2 else 0.8, (xlabel, ylabel))
    low, high = (np.nanmin(heights), np.nanmax(heights)) if ylim is None else ylim
    if ylim is None:
        low, high = low - 0.06 * (high - low), high + 0.06 * (high - low)
    for axes, (name, weights) in zip(panels, weights_by_name.items(), strict=True):
        axes.plot(w, heights, color=INK, linewidth=1.6)
        if weights is not None:
            _descent(axes, loss, weights, name, xlim, (low, high), tangents)
        elif name:
            axes.set_title(name)
        axes.set(xlim=xlim, ylim=(low, high))
    return figure


def _panels(count, columns, height, labels):
    """A figure and so many axes on one scale, the lowest of each column and the first of each row with their labels.

    `height` is that of a panel in widths of a panel.
    """
    import matplotlib.pyplot as plt

    rows = -(-count // columns)
    side = {1: 5.2, 2: 3.5}.get(columns, 7.2 / columns)
    size = (side * columns, height * side * rows + 0.2)
    figure, grid = plt.subplots(rows, columns, figsize=size, sharex=True, sharey=True, squeeze=False)
    for axes in grid.flat[count:]:
        axes.remove()
    panels = list(grid.flat[:count])
    for index, axes in enumerate(panels):
        if index + columns >= count:
            axes.set_xlabel(labels[0])
            axes.tick_params(labelbottom=True)
        if index % columns == 0:
            axes.set_ylabel(labels[1])
    return figure, panels


def _descent(axes, loss, weights, name, xlim, ylim, tangents):
    """Draw steps on a curve; what lies outside of the figure is left out, and said in the title."""
    heights = _heights(loss, weights)
    width = xlim[1] - xlim[0]
    inside = (weights >= xlim[0]) & (weights <= xlim[1]) & (heights >= ylim[0]) & (heights <= ylim[1])
    reach = len(weights) if inside.all() else int(np.argmin(inside))  # the first step outside
    drawn = slice(0, reach + 1)  # its line leads out of the figure
    axes.plot(weights[drawn], heights[drawn], color=BLUE, linewidth=1, alpha=0.7)
    axes.plot(weights[:reach], heights[:reach], "o", color=BLUE, markersize=5)
    if tangents:
        for at in range(min(reach, 4)):
            gap = 1e-4 * width
            slope = float(np.diff(_heights(loss, weights[at] + np.array([-gap, gap])))[0]) / (2 * gap)
            # As long on the page wherever it is steep: the panel's sides are the unit.
            steep = slope * width / (ylim[1] - ylim[0])
            half = 0.17 * width / np.hypot(1, steep)
            ends = np.array([-half, half])
            axes.plot(weights[at] + ends, heights[at] + slope * ends, color=ORANGE, linewidth=1.8, zorder=2.2)
    for at in range(min(reach, 4)):
        if at and abs(weights[at] - weights[at - 1]) < 0.04 * width:
            break  # numbers would lie on each other
        axes.annotate(
            str(at), (weights[at], heights[at]), xytext=(0, 7), textcoords="offset points", fontsize=9,
            color=BLUE, fontweight="bold", ha="center",
        )  # fmt: skip
    title = name if inside.all() else f"{name}\nleaves the figure at step {reach}".strip()
    axes.set_title(title)


def _weights(name, weights):
    weights = np.asarray(weights, dtype=float)
    if weights.ndim != 1 or not weights.size:
        raise ValueError(
            f"the steps{f' of {name!r}' if name else ''} have shape {weights.shape}; expected (steps + 1,), the weight "
            "after each step, the start first."
        )
    return weights


def _heights(loss, w):
    heights = np.asarray(loss(w), dtype=float)
    if heights.shape != w.shape:
        raise ValueError(
            f"loss gave an array of shape {heights.shape} for weights of shape {w.shape}; write it with operations "
            "that work element by element, such as (w - 1)**2."
        )
    return heights


def _path(name, path):
    path = np.asarray(path, dtype=float)
    if path.ndim != 2 or path.shape[1] != 2 or not len(path):
        raise ValueError(
            f"path {name!r} has shape {path.shape}; expected (steps + 1, 2), both weights after each step, the start "
            "first."
        )
    return path


def _levels(heights, count, log):
    finite = heights[np.isfinite(heights)]
    low, high = finite.min(), finite.max()
    if low == high:
        raise ValueError(f"loss is {low:g} everywhere in the figure; there is nothing to draw contours of.")
    if not log:
        return np.linspace(low, high, count + 1)
    if high <= 0 or low < 0:
        raise ValueError(f"loss goes from {low:g} to {high:g}; log=True needs one that is not negative.")
    return np.geomspace(max(low, high * 1e-6), high, count + 1)
