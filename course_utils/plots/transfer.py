"""Figures of features that one network learned and another job uses: where images lie, and what labels are worth."""

import numpy as np

from .style import MARKERS, PALETTE, course_figure


@course_figure
def class_scatter(panels, labels, class_names, xlabel="", ylabel=""):
    """Images as points in two dimensions, a panel for each way to describe them, coloured by class.

    Parameters
    ----------
    panels : dict of str to array (N, 2)
        For each panel its title, and where each image lies. The axes have no units, and no numbers are drawn.
    labels : array of int, shape (N,)
        Indices into ``class_names``.
    class_names : sequence of str
    xlabel, ylabel : str
        Names of the axes, the same in each panel.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        There is no panel, or one has not two numbers for each label.

    Notes
    -----
    Taught in chapter 08, Feature extraction.

    Examples
    --------
    >>> figure = class_scatter({"pixels": np.zeros((4, 2)), "features": np.eye(4)[:, :2]}, [0, 0, 1, 1], ["cat", "dog"])
    >>> [axes.get_title() for axes in figure.axes]
    ['pixels', 'features']
    """
    import matplotlib.pyplot as plt

    labels = np.asarray(labels)
    if not panels:
        raise ValueError("no panels were given; expected {title: points}.")
    for title, points in panels.items():
        if np.shape(points) != (len(labels), 2):
            raise ValueError(f"{title!r} has points of shape {np.shape(points)}; expected ({len(labels)}, 2).")
    figure, grid = plt.subplots(1, len(panels), figsize=(2.7 * len(panels), 3.0), squeeze=False)
    for axes, (title, points) in zip(grid.flat, panels.items(), strict=True):
        points = np.asarray(points)
        for label, name in enumerate(class_names):
            own = points[labels == label]
            axes.plot(
                own[:, 0], own[:, 1], MARKERS[label % len(MARKERS)], color=PALETTE[label % len(PALETTE)],
                markersize=3, alpha=0.5, markeredgewidth=0, label=name,
            )  # fmt: skip
        axes.set(xticks=[], yticks=[], title=title, xlabel=xlabel)
    grid.flat[0].set_ylabel(ylabel)
    handles, names = grid.flat[0].get_legend_handles_labels()
    legend = figure.legend(handles, names, loc="outside lower center", ncols=len(class_names), fontsize=9)
    for handle in legend.legend_handles:
        handle.set(alpha=1, markersize=6)
    return figure


@course_figure
def scores_by_count(results, xlabel, ylabel="test accuracy"):
    """Scores against a number of examples, logarithmic: a dot a draw, a line through the means.

    Parameters
    ----------
    results : dict of str to dict of int to sequence of float
        For each series its counts, above 0, and for each count the score of every draw.
    xlabel, ylabel : str
        Names of the axes.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        There are no results, a count is not above 0, or one has no scores.

    Notes
    -----
    Taught in chapter 08, Feature extraction.

    Examples
    --------
    >>> figure = scores_by_count({"frozen": {10: [0.8, 0.9], 100: [0.95]}}, "labels of each class")
    >>> figure.axes[0].get_xscale()
    'log'
    """
    import matplotlib.pyplot as plt
    from matplotlib.ticker import NullFormatter

    counts = sorted({count for scores in results.values() for count in scores})
    if not counts or counts[0] <= 0:
        raise ValueError(f"the counts are {counts}; expected {{series: {{count above 0: scores}}}}.")
    for name, scores in results.items():
        for count, values in scores.items():
            if not np.size(values):
                raise ValueError(f"{name!r} has no score at {count}; expected one or more.")
    figure, axes = plt.subplots(figsize=(6.6, 3.8))
    for index, (name, scores) in enumerate(results.items()):
        color, marker = PALETTE[index % len(PALETTE)], MARKERS[index % len(MARKERS)]
        for count, values in scores.items():
            axes.plot([count] * len(values), values, marker, color=color, markersize=4, alpha=0.5, markeredgewidth=0)
        own = sorted(scores)
        axes.plot(own, [np.mean(scores[count]) for count in own], marker=marker, color=color, linewidth=1.6, label=name)
    axes.set_xscale("log")
    axes.set_xticks(counts, [f"{count:,}" for count in counts])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.grid(axis="y")
    figure.legend(loc="outside upper center", ncols=min(3, len(results)), fontsize=9)
    return figure
