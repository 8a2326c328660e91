"""Figures of chapter 04, A CNN library: what runs through a network, and what comes of it in training.

Nothing here computes what the chapter teaches: the functions draw the arrays and numbers that they are given.
"""

import numpy as np

from .style import BLUE, GREY, INK, MARKERS, PALETTE, PAPER, TINT, VERMILION, course_figure


@course_figure
def two_questions(layers, loss="loss"):
    """Draw a chain of layers: outputs run forward above it, gradients come back below it.

    Parameters
    ----------
    layers : sequence of str
        Names, in order. Below a name that ends with ``*`` an arrow leads to the gradients of its weights.
    loss : str
        Name of the last box.

    Returns
    -------
    matplotlib.figure.Figure

    Notes
    -----
    Taught in chapter 04, A CNN library.

    Examples
    --------
    >>> figure = two_questions(["Linear*", "ReLU", "Linear*"])
    >>> [text.get_text() for text in figure.axes[0].texts if text.get_text()][:2]
    ['x', 'Linear']
    """
    import matplotlib.pyplot as plt
    from matplotlib.patches import FancyBboxPatch

    figure, axes = plt.subplots(figsize=(6.8, 2.2))
    axes.text(-0.95, 0.16, "x", ha="center", va="center", color=BLUE, fontsize=11)
    for place, name in enumerate([*layers, loss]):
        last = place == len(layers)
        axes.add_patch(
            FancyBboxPatch(
                (place - 0.3, -0.3), 0.6, 0.6, boxstyle="round,pad=0,rounding_size=0.06",
                facecolor=PAPER if last else TINT, edgecolor=INK,
            )
        )  # fmt: skip
        axes.text(place, 0, name.rstrip("*"), ha="center", va="center", fontsize=10)
        start = place - 0.9 if place == 0 else place - 0.68
        _arrow(axes, (start, 0.16), (place - 0.31, 0.16), BLUE)
        if place:
            _arrow(axes, (place - 0.31, -0.16), (place - 0.68, -0.16), VERMILION)
        if name.endswith("*"):
            _arrow(axes, (place, -0.31), (place, -0.72), VERMILION)
            axes.text(place, -0.86, "∂L/∂W, ∂L/∂b", ha="center", va="center", color=VERMILION, fontsize=9)
    middle = (len(layers) - 1) / 2
    axes.text(middle, 0.52, "forward: what is your output?", ha="center", color=BLUE, fontsize=10)
    axes.text(len(layers) - 0.1, -0.62, "backward: how does L\nchange with your input?", ha="center", va="center",
              color=VERMILION, fontsize=9)  # fmt: skip
    axes.set(xlim=(-1.1, len(layers) + 0.75), ylim=(-1.0, 0.75))
    axes.set_axis_off()
    return figure


def _arrow(axes, start, end, color):
    look = {"arrowstyle": "-|>", "color": color, "linewidth": 1.4, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", xy=end, xytext=start, arrowprops=look)


@course_figure
def number_maps(maps):
    """Draw small arrays of whole numbers side by side, darker where the number is larger.

    Parameters
    ----------
    maps : dict of str to array, shape (H, W)
        Title of a panel to its numbers, from 0. All panels have one scale of colours.

    Returns
    -------
    matplotlib.figure.Figure

    Notes
    -----
    Taught in chapter 04, A CNN library.

    Examples
    --------
    >>> figure = number_maps({"ones": np.ones((2, 2)), "twos": 2 * np.ones((2, 3))})
    >>> [axes.get_title() for axes in figure.axes]
    ['ones', 'twos']
    """
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, len(maps), figsize=(2.3 * len(maps), 2.5), squeeze=False)
    top = max(np.max(numbers) for numbers in maps.values())
    for axes, (title, numbers) in zip(panels[0], maps.items(), strict=True):
        _cells(axes, title, numbers, shades=numbers, darkest=2 * top, fontsize=9)
    return figure


def _cells(axes, title, numbers, shades, darkest, fontsize=10):
    """A number in each cell, on a shade that is pale, so that ink can be read on it."""
    axes.imshow(shades, cmap="Blues", vmin=0, vmax=darkest)
    for (i, j), number in np.ndenumerate(numbers):
        axes.text(j, i, f"{number:g}", ha="center", va="center", fontsize=fontsize)
    axes.set(xticks=[], yticks=[], title=title)
    axes.spines[:].set_visible(False)


@course_figure
def image_as_rows(image, size):
    """Draw an image and, beside it, a row of numbers for each position of a window, the first one marked in both.

    Parameters
    ----------
    image : array, shape (H, W)
    size : int
        Height and width of the window, which moves by one pixel.

    Returns
    -------
    matplotlib.figure.Figure

    Notes
    -----
    Taught in chapter 04, A CNN library.

    Examples
    --------
    >>> figure = image_as_rows(np.arange(1, 10).reshape(3, 3), 2)
    >>> [text.get_text() for text in figure.axes[1].texts][:4]
    ['1', '2', '4', '5']
    """
    import matplotlib.pyplot as plt

    image = np.asarray(image)
    rows = np.lib.stride_tricks.sliding_window_view(image, (size, size)).reshape(-1, size * size)
    marked_image, marked_rows = np.zeros(image.shape), np.zeros(rows.shape)
    marked_image[:size, :size] = marked_rows[0] = 1
    figure, panels = plt.subplots(1, 2, figsize=(6.4, 2.6))
    _cells(panels[0], "image", image, shades=marked_image, darkest=3)
    _cells(panels[1], "one row for each position", rows, shades=marked_rows, darkest=3)
    return figure


@course_figure
def times_as_bars(times, xlabel):
    """Draw a bar for each program on a logarithmic axis, from the slowest to the fastest as they are given.

    Parameters
    ----------
    times : dict of str to float
        Above 0.
    xlabel : str
        What they are, with the unit.

    Returns
    -------
    matplotlib.figure.Figure

    Notes
    -----
    Taught in chapter 04, A CNN library.

    Examples
    --------
    >>> figure = times_as_bars({"loops": 2500.0, "Keras": 1.0}, "times the time of Keras")
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['2,500', '1']
    """
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6.8, 0.4 * len(times) + 0.7))
    bars = axes.barh(list(times), list(times.values()), color=BLUE)
    axes.bar_label(bars, [_plain(value) for value in times.values()], padding=3)
    axes.set(xscale="log", xlabel=xlabel, xlim=(min(times.values()) / 3, max(times.values()) * 4))
    axes.invert_yaxis()
    return figure


def _plain(value):
    """Two significant digits, no exponent."""
    return f"{float(f'{value:.2g}'):,.4g}" if value < 100 else f"{float(f'{value:.2g}'):,.0f}"


@course_figure
def lines_by_layer(panels, ylabel):
    """Draw a value by depth on one logarithmic axis, a panel for each kind of network, a line for each beginning.

    Parameters
    ----------
    panels : dict of str to dict of str to sequence of float
        Title of a panel to its lines: a name to a value for each layer, from layer 1. A name has one colour in all.
    ylabel : str

    Returns
    -------
    matplotlib.figure.Figure

    Notes
    -----
    Taught in chapter 04, A CNN library.

    Examples
    --------
    >>> figure = lines_by_layer({"tanh": {"Glorot": [0.7, 0.5]}, "ReLU": {"Glorot": [0.8, 0.6]}}, "sd of outputs")
    >>> [axes.get_title() for axes in figure.axes]
    ['tanh', 'ReLU']
    """
    import matplotlib.pyplot as plt

    figure, grid = plt.subplots(1, len(panels), figsize=(2.5 * len(panels), 3.0), sharey=True, squeeze=False)
    names = list(dict.fromkeys(name for lines in panels.values() for name in lines))
    for axes, (title, lines) in zip(grid[0], panels.items(), strict=True):
        for name, values in lines.items():
            index = names.index(name)
            look = {"color": PALETTE[index], "marker": MARKERS[index], "linestyle": ("-", "--", "-.", ":")[index % 4]}
            axes.semilogy(range(1, 1 + len(values)), values, markersize=4, label=name, **look)
        axes.set(xlabel="layer", title=title)
        axes.grid(axis="y")
    grid[0, 0].set_ylabel(ylabel)
    _legend_below(figure, grid[0])
    return figure


def _legend_below(figure, panels, handles_of=None):
    """One legend for all panels; a name that stands in several is listed once, with its handle here if it has one."""
    handles = {}
    for axes in panels:
        handles.update(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    handles.update(handles_of or {})
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=min(len(handles), 4), fontsize=9)


@course_figure
def sweep_panels(panels, ylabel, ylim, reference=None):
    """Draw final losses over learning rates, a panel for each kind of network; every run has a mark.

    A run that ends within ``ylim`` is a dot, one that ends above it a triangle at the upper edge, and one whose loss is
    no number a cross there. Lines join the means; the lowest mean of each line has a ring, unless it is the reference.
    The legend explains the signs that occur.

    Parameters
    ----------
    panels : dict of str to dict of str to dict of float to sequence of float
        Title of a panel to its lines: a name to the losses of several seeds for each rate.
    ylabel : str
    ylim : tuple of float
    reference : tuple of str and float, optional
        A dashed line at a loss, with its name.

    Returns
    -------
    matplotlib.figure.Figure

    Notes
    -----
    Taught in chapter 04, A CNN library.

    Examples
    --------
    >>> losses = {"He": {0.1: [1.8, 1.9], 1.0: [float("nan"), 7.0]}}
    >>> figure = sweep_panels({"plain": losses}, "training loss", (1.5, 3), ("log 10", 2.303))
    >>> [line.get_marker() for line in figure.axes[0].lines][-3:]
    ['x', '^', 'None']
    """
    import matplotlib.pyplot as plt

    figure, grid = plt.subplots(1, len(panels), figsize=(3.5 * len(panels), 3.4), sharey=True, squeeze=False)
    edge = ylim[1] - 0.04 * (ylim[1] - ylim[0])
    named = MARKERS.replace("^", "")  # the triangle has a meaning of its own
    seen, signs = set(), {}
    for axes, (title, lines) in zip(grid[0], panels.items(), strict=True):
        for index, (name, by_rate) in enumerate(lines.items()):
            color, marker = PALETTE[index], named[index]
            shift = 1.12 ** (index - (len(lines) - 1) / 2)  # marks at the edge stand side by side
            means = {rate: np.mean(losses) for rate, losses in by_rate.items()}
            axes.plot(list(means), list(means.values()), color=color, linewidth=1.4, label=name)
            signs[name] = plt.Line2D([], [], color=color, marker=marker, markersize=4)
            finite = {rate: mean for rate, mean in means.items() if np.isfinite(mean)}
            rate = min(finite, key=finite.get, default=None)
            if finite and not (reference and abs(finite[rate] - reference[1]) < 0.01):
                axes.plot(rate, finite[rate], "o", markersize=11, markerfacecolor="none", markeredgecolor=color, mew=2)
            for rate, losses in by_rate.items():
                for loss in losses:
                    if ylim[1] >= loss:
                        axes.plot(rate, loss, marker, color=color, markersize=4, alpha=0.7)
                        continue
                    sign, size = ("^", 6) if np.isfinite(loss) else ("x", 7)
                    axes.plot(rate * shift, edge, sign, color=color, markersize=size, markeredgewidth=size - 5)
                    seen.add(sign)
        if reference is not None:
            axes.axhline(reference[1], color=GREY, linestyle="--", linewidth=1)
            across = axes.get_yaxis_transform()
            axes.text(0.99, reference[1], reference[0], transform=across, ha="right", va="bottom", fontsize=8)
        axes.set(xscale="log", xlabel="learning rate", title=title, ylim=ylim)
        axes.grid(axis="y")
    grid[0, 0].set_ylabel(ylabel)
    look = {"color": INK, "linestyle": "none"}
    signs["lowest mean"] = plt.Line2D([], [], marker="o", markersize=11, markerfacecolor="none", **look)
    for name, sign in (("above the figure", "^"), ("no number", "x")):
        if sign in seen:
            signs[name] = plt.Line2D([], [], marker=sign, **look)
    _legend_below(figure, grid[0], signs)
    return figure
