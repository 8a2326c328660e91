"""Figures of training: how it went, what came of it, and how far to believe it."""

import numpy as np

from .style import BLUE, GREY, INK, ORANGE, PALETTE, VERMILION, course_figure


@course_figure
def learning_curves(histories, metric="accuracy", ylim=None):
    """A metric by epoch on training and validation data, a panel for each model, all on one scale.

    Parameters
    ----------
    histories : dict of str to dict, or to list of dict
        Name of a model to its history, what ``fit(...).history`` holds; a list has one for each seed, which are drawn
        as thin lines with their mean on top.
    metric : str
        A key of the histories that also exists with ``val_`` before it.
    ylim : tuple of float, optional
        Limits of the vertical axis.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> history = {"accuracy": [0.3, 0.5], "val_accuracy": [0.3, 0.4]}
    >>> figure = learning_curves({"Model 1": history, "Model 2": [history, history]})
    >>> [axes.get_title() for axes in figure.axes]
    ['Model 1', 'Model 2']
    """
    import matplotlib.pyplot as plt
    from matplotlib.ticker import MaxNLocator

    columns = 2 if len(histories) == 4 else min(3, len(histories))
    rows = -(-len(histories) // columns)
    width = {1: 5.0, 2: 3.6, 3: 2.7}[columns]
    figure, axes = plt.subplots(
        rows, columns, figsize=(width * columns, 2.5 * rows + 0.3), sharex=False, sharey=True, squeeze=False
    )
    for axis in axes.flat[len(histories) :]:
        axis.remove()
    for axis, (name, runs) in zip(axes.flat, histories.items(), strict=False):
        runs = [runs] if isinstance(runs, dict) else runs
        for key, color, style, label in (
            (metric, BLUE, "-", "training"),
            (f"val_{metric}", VERMILION, "--", "validation"),
        ):
            if any(key not in run for run in runs):
                raise KeyError(f"the history of {name} has no {key!r}; it has {', '.join(runs[0])}.")
            values = np.array([run[key] for run in runs], dtype=float)
            epochs = np.arange(1, values.shape[1] + 1)
            if len(runs) > 1:
                axis.plot(epochs, values.T, color=color, linestyle=style, linewidth=0.7, alpha=0.45)
            axis.plot(epochs, values.mean(axis=0), color=color, linestyle=style, linewidth=2, label=label)
        axis.set(title=name, xlabel="epoch")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.grid(axis="y")
        if ylim:
            axis.set_ylim(*ylim)
    for row in axes:
        row[0].set_ylabel(metric)
    axes[0, 0].legend(loc="best", fontsize=9)
    return figure


@course_figure
def model_comparison(names, scores, costs, cost_label, score_label="test accuracy"):
    """Score against cost of several models: every seed a dot, the mean of each model a bar across.

    Parameters
    ----------
    names : sequence of str
    scores : sequence of sequence of float
        For each model the score of each seed, 0 to 1.
    costs : sequence of float
        For each model what it costs, above 0; drawn on a logarithmic axis.
    cost_label, score_label : str
        Names of the axes, with units.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> figure = model_comparison(["a", "b"], [[0.5, 0.6], [0.7]], [10, 100], "seconds of training")
    >>> figure.axes[0].get_xlabel()
    'seconds of training'
    """
    import matplotlib.pyplot as plt

    if not len(names) == len(scores) == len(costs):
        raise ValueError(f"{len(names)} names, {len(scores)} scores and {len(costs)} costs; expected as many of each.")
    figure, axis = plt.subplots(figsize=(7.0, 4.0))
    means = [float(np.mean(values)) for values in scores]
    for index, (values, cost) in enumerate(zip(scores, costs, strict=True)):
        axis.plot([cost] * len(values), values, "o", color=PALETTE[index % len(PALETTE)], markersize=5, alpha=0.75)
        axis.plot([cost], [means[index]], "_", color=INK, markersize=16, markeredgewidth=1.5)
    axis.set_xscale("log")
    axis.set(xlabel=cost_label, ylabel=score_label)
    axis.grid(axis="y")
    # Names stand in a column on the right, in the order of the scores, each with a line to its mean.
    bottom, top = axis.get_ylim()
    step = max((top - bottom) * 0.075, 1e-9)
    place = bottom - step
    for index in np.argsort(means):
        place = max(means[index], place + step)
        axis.annotate(
            f"{names[index]}  {means[index]:.3f}",
            xy=(costs[index], means[index]),
            xytext=(1.02, place),
            textcoords=axis.get_yaxis_transform(),
            fontsize=9,
            va="center",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": GREY, "linewidth": 0.6, "alpha": 0.7, "shrinkA": 1, "shrinkB": 6},
        )
    axis.set_ylim(bottom, max(top, place + step / 2))
    return figure


@course_figure
def confusion_matrix(matrix, class_names):
    """Confusion matrix in per cent of each true class, the numbers in the cells.

    Parameters
    ----------
    matrix : array of int, shape (classes, classes)
        Rows are true classes, columns predicted ones: `course_utils.evaluation.confusion`.
    class_names : sequence of str

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> figure = confusion_matrix([[9, 1], [2, 8]], ["cat", "dog"])
    >>> figure.axes[0].get_ylabel()
    'true class'
    """
    import matplotlib.pyplot as plt
    import seaborn

    matrix = np.asarray(matrix, dtype=float)
    if matrix.shape != (len(class_names), len(class_names)):
        raise ValueError(f"matrix has shape {matrix.shape}; expected {len(class_names)} rows and columns.")
    share = 100 * matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    side = 1.6 + 0.46 * len(class_names)
    figure, axis = plt.subplots(figsize=(side, side * 0.92))
    seaborn.heatmap(
        share, annot=np.round(share).astype(int), fmt="d", cmap="cividis", cbar=False, square=True, linewidths=0.5,
        xticklabels=class_names, yticklabels=class_names, vmin=0, vmax=100, annot_kws={"fontsize": 9}, ax=axis,
    )  # fmt: skip
    axis.set(xlabel="predicted class", ylabel="true class", title="per cent of each true class")
    axis.tick_params(axis="x", rotation=45, length=0)
    axis.tick_params(axis="y", rotation=0, length=0)
    plt.setp(axis.get_xticklabels(), ha="right", rotation_mode="anchor")
    return figure


@course_figure
def reliability_diagram(calibrations):
    """Share of right answers against confidence, and how many images have each confidence.

    Parameters
    ----------
    calibrations : dict of str to course_utils.evaluation.Calibration
        A panel for each.

    Returns
    -------
    matplotlib.figure.Figure

    Notes
    -----
    Guo et al. (2017), figure 1. Taught in chapter 06, CNNs from scratch.

    Examples
    --------
    >>> from course_utils.evaluation import calibration
    >>> figure = reliability_diagram({"sure": calibration([0, 1], [[0.9, 0.1], [0.9, 0.1]])})
    >>> len(figure.axes)
    2
    """
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        2, len(calibrations), figsize=(3.5 * len(calibrations), 4.2), sharex=True, sharey="row", squeeze=False,
        height_ratios=(3, 1),
    )  # fmt: skip
    for (top, bottom), (name, result) in zip(axes.T, calibrations.items(), strict=True):
        bins = len(result.count)
        centres = (np.arange(bins) + 0.5) / bins
        filled = result.count > 0
        top.plot([0, 1], [0, 1], "--", color=GREY, label="as sure as right")
        top.bar(centres[filled], result.accuracy[filled], 0.9 / bins, color=BLUE, label="share of right answers")
        top.plot(result.confidence[filled], result.accuracy[filled], "o", color=ORANGE, markersize=4)
        top.set(title=f"{name}\nmean gap {result.error:.3f}", xlim=(0, 1), ylim=(0, 1))
        bottom.bar(centres, 100 * result.count / result.count.sum(), 0.9 / bins, color=GREY)
        bottom.set(xlabel="confidence")
    axes[0, 0].set_ylabel("share of right answers")
    axes[1, 0].set_ylabel("% of images")
    axes[0, 0].legend(loc="upper left", fontsize=8)
    return figure
