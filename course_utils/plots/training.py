"""Figures of training: how it went, what came of it, and how far to believe it."""

import numpy as np

from .style import BLUE, GREY, INK, MARKERS, ORANGE, PALETTE, VERMILION, course_figure


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
def loss_curves(series, xlabel="step", ylabel="loss", log_y=False, log_x=False, reference=None):
    """Several named series over each other, each with its name at its end.

    Parameters
    ----------
    series : dict of str to array, shape (values,), or to tuple of two such arrays
        The values of each series, counted from 1, or a pair ``(x, y)``. Values that are not finite are left out; if the
        last one is not, a cross stands where the line ends, and the name says so.
    xlabel, ylabel : str
        Names of the axes.
    log_y, log_x : bool
        Logarithmic axes.
    reference : dict of str to float, or tuple of str and float, optional
        A dashed line at a value, with its name: ``("log 10", np.log(10))``.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        A series has another shape, or there is none.

    Notes
    -----
    Taught in chapter 02, From lines to networks.

    Examples
    --------
    >>> falling, late = [2.3, 1.5, 1.2], ([10, 30], [1.9, 1.4])
    >>> figure = loss_curves({"every step": falling, "now and then": late}, reference=("log 10", 2.303))
    >>> sorted(text.get_text() for text in figure.axes[0].texts)
    ['every step', 'log 10', 'now and then']
    """
    import matplotlib.pyplot as plt
    from matplotlib.ticker import MaxNLocator

    series = {name: _x_and_y(name, values) for name, values in series.items()}
    if not series:
        raise ValueError("no series was given; expected {name: values} or {name: (x, y)}.")
    figure, axes = plt.subplots(figsize=(6.6, 3.6))
    if log_x:
        axes.set_xscale("log")
    elif all((x == x.round()).all() for x, _ in series.values()):  # steps or epochs: no ticks between them
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if log_y:
        axes.set_yscale("log")
    ends = []
    for index, (name, (x, y)) in enumerate(series.items()):
        color, style = PALETTE[index % len(PALETTE)], ("-", "--", ":", "-.")[index // len(PALETTE) % 4]
        known = np.isfinite(y) & (y > 0 if log_y else True)
        axes.plot(x[known], y[known], style, color=color, linewidth=1.6 if len(x) < 200 else 1.1)
        label = name if not len(y) or np.isfinite(y[-1]) else f"{name} (not finite in the end)"
        if known.any():
            if label != name:
                axes.plot(x[known][-1], y[known][-1], "x", color=color, markersize=7, markeredgewidth=2)
            ends.append((label, x[known][-1], y[known][-1], color))
    if reference is not None:
        lines = reference if isinstance(reference, dict) else dict([reference])
        right = axes.get_xlim()[1]
        for name, value in lines.items():
            axes.axhline(value, color=INK, linestyle=(0, (4, 3)), linewidth=1)
            ends.append((name, right, value, INK))
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.grid(axis="y")
    axes.set_xlim(axes.get_xlim())
    axes.set_ylim(axes.get_ylim())
    _names_at_the_right(axes, ends)
    return figure


@course_figure
def rate_sweep(
    results, xlabel="learning rate", ylabel="validation accuracy", failed=None, lower_is_better=False, log_y=False
):
    """Scores of optimisers over learning rates: a dot a run, a line through the means, the best mean ringed.

    Runs that failed are crosses at the bottom. The line has a gap at a rate where any seed failed, and such a rate is
    never the best: the mean of the seeds that survived would say too much.

    Parameters
    ----------
    results : dict of str to dict of float to float, or to sequence of float
        For each optimiser its learning rates, above 0, and for each the score, or the scores of several seeds. NaN is a
        run that diverged.
    xlabel, ylabel : str
        Names of the axes.
    failed : float, optional
        Runs with this score, or a worse one, count as failed too, such as 0.1 for guessing one of ten classes.
    lower_is_better : bool
        The scores are losses.
    log_y : bool
        Logarithmic vertical axis.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        There are no results, or a rate is not above 0.

    Notes
    -----
    Taught in chapter 04, A CNN library.

    Examples
    --------
    >>> nan = float("nan")
    >>> figure = rate_sweep({"SGD": {0.01: [0.4, 0.42], 0.1: [0.5, 0.52], 1.0: [0.1, nan]}, "Adam": {0.001: 0.55}})
    >>> figure.axes[0].get_xscale()
    'log'
    """
    import matplotlib.pyplot as plt

    rates = [rate for by_rate in results.values() for rate in by_rate]
    if not rates:
        raise ValueError("no results were given; expected {optimiser: {learning rate: score or scores}}.")
    if min(rates) <= 0:
        raise ValueError(f"learning rate {min(rates)}: it must be above 0, since the axis is logarithmic.")
    for name, by_rate in results.items():
        for rate, scores in by_rate.items():
            if not np.size(scores):
                raise ValueError(f"{name} has no score at the rate {rate}; give NaN for a run that diverged.")
    figure, axes = plt.subplots(figsize=(6.6, 3.8))
    axes.set_xscale("log")
    if log_y:
        axes.set_yscale("log")
    crosses = []
    for index, (name, by_rate) in enumerate(results.items()):
        color, marker = PALETTE[index % len(PALETTE)], "os^Dv<>"[index % 7]
        by_rate = {rate: np.atleast_1d(np.asarray(by_rate[rate], dtype=float)) for rate in sorted(by_rate)}
        means = {}
        for rate, scores in by_rate.items():
            lost = ~np.isfinite(scores)
            if failed is not None:
                lost |= scores >= failed if lower_is_better else scores <= failed
            axes.plot([rate] * (~lost).sum(), scores[~lost], marker, color=color, markersize=4, alpha=0.6)
            crosses += [(rate, index, color, int(lost.sum()), len(scores))] if lost.any() else []
            means[rate] = np.nan if lost.any() else scores.mean()
        values = np.array(list(means.values()))
        label = name
        if np.isfinite(values).any():
            best = int(np.nanargmin(values) if lower_is_better else np.nanargmax(values))
            rate = list(means)[best]
            axes.plot(rate, values[best], "o", markersize=12, markerfacecolor="none", markeredgecolor=color, mew=2)
            label = f"{name}: {values[best]:.3g} at {rate:g}"
        axes.plot(list(means), values, color=color, marker=marker, markersize=4, linewidth=1.6, label=label)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.grid(axis="y")
    margin = (max(rates) / min(rates)) ** 0.05 if len(set(rates)) > 1 else 2.0
    axes.set_xlim(min(rates) / margin, max(rates) * margin ** (2 if crosses else 1))  # room beside the last crosses
    if crosses:
        _failures(axes, crosses, len(results))
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + 0.22 * -(-len(results) // 2))
    figure.legend(loc="outside upper center", ncols=min(2, len(results)), fontsize=9)
    return figure


def _failures(axes, crosses, optimizers):
    """Crosses in a strip below the scores, a row for each optimiser."""
    strip = 0.07 + 0.05 * optimizers  # of the panel's height
    low, high = axes.get_ylim()
    ticks = {minor: [t for t in axes.get_yticks(minor=minor) if low <= t <= high] for minor in (False, True)}
    to_axes = axes.transScale + axes.transLimits
    bottom = to_axes.inverted().transform((0, -strip / (1 - strip)))[1]
    axes.set_ylim(bottom, high)
    axes.axhspan(bottom, low, color=GREY, alpha=0.12, linewidth=0)
    for minor, places in ticks.items():  # none in the strip, whose heights mean nothing
        axes.set_yticks(places, minor=minor)
    across = axes.get_xaxis_transform()
    for rate, row, color, lost, runs in crosses:
        y = strip * (1 - (row + 0.75) / (optimizers + 0.5))
        axes.plot(rate, y, "x", color=color, markersize=7, markeredgewidth=2, transform=across)
        if runs > 1:
            axes.annotate(
                f"{lost} of {runs}", (rate, y), xycoords=across, xytext=(6, 0), textcoords="offset points",
                va="center", fontsize=8, color=INK,
            )  # fmt: skip
    axes.text(-0.012, strip / 2, "failed", transform=axes.transAxes, ha="right", va="center", color=INK)


def _x_and_y(name, values):
    pair = isinstance(values, tuple) and len(values) == 2 and np.ndim(values[0]) == 1
    x, y = values if pair else (np.arange(1, np.size(values) + 1), values)
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if y.ndim != 1 or x.shape != y.shape:
        raise ValueError(
            f"series {name!r} has x of shape {x.shape} and y of shape {y.shape}; expected values of shape (values,), "
            "or a pair (x, y) of two such arrays."
        )
    return x, y


def _names_at_the_right(axes, ends):
    """Write the name of each line beside the axes, near the height of its end, none over another."""
    to_axes = axes.transScale + axes.transLimits
    places = [float(np.clip(to_axes.transform((x, y))[1], 0, 1)) for _, x, y, _ in ends]
    order = np.argsort(places, kind="stable")
    step = min(0.067, 1 / max(len(ends) - 1, 1))
    sorted_places = np.array(places)[order]
    for _ in range(300):  # neighbours that are too close give way, half each
        short = np.clip(step - np.diff(sorted_places), 0, None) / 2
        sorted_places[:-1] -= short
        sorted_places[1:] += short
        sorted_places = sorted_places.clip(0, 1)
    heights = dict(zip(order.tolist(), sorted_places.tolist(), strict=True))
    for index, (name, x, y, color) in enumerate(ends):
        axes.annotate(
            name, xy=(x, y), xytext=(1.03, heights[index]), textcoords="axes fraction", fontsize=9, va="center",
            color=INK, annotation_clip=False,
            arrowprops={
                "arrowstyle": "-", "color": color, "linewidth": 0.7, "linestyle": ":", "shrinkA": 1, "shrinkB": 2,
                "relpos": (0, 0.5),
            },
        )  # fmt: skip


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
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    if not len(names) == len(scores) == len(costs):
        raise ValueError(f"{len(names)} names, {len(scores)} scores and {len(costs)} costs; expected as many of each.")
    figure, axis = plt.subplots(figsize=(7.0, 4.0))
    means = [float(np.mean(values)) for values in scores]
    for index, (values, cost) in enumerate(zip(scores, costs, strict=True)):
        axis.plot([cost] * len(values), values, "o", color=PALETTE[index % len(PALETTE)], markersize=5, alpha=0.75)
        axis.plot([cost], [means[index]], "_", color=INK, markersize=16, markeredgewidth=1.5)
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if max(costs) < 300 * min(costs) else (1,)))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}"))
    axis.xaxis.set_minor_formatter(NullFormatter())
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
def two_scores(series, xlabel, ylabel):
    """One score against another, both better further up and to the right: a line for each series, a name at each point.

    Parameters
    ----------
    series : dict of str to dict of str to pair of float
        Name of a series to its points, by name, in the order in which the line goes through them.
    xlabel, ylabel : str
        Names of the axes.

    Returns
    -------
    matplotlib.figure.Figure

    Notes
    -----
    Used in chapter 09, Fine-tuning.

    Examples
    --------
    >>> figure = two_scores({"all": {"0.01": (0.5, 0.9), "0.1": (0.4, 0.95)}}, "kept", "gained")
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['0.01', '0.1']
    """
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(6.6, 4.2))
    for index, (name, points) in enumerate(series.items()):
        color, marker = PALETTE[index % len(PALETTE)], MARKERS[index % len(MARKERS)]
        axis.plot(*zip(*points.values(), strict=True), color=color, marker=marker, linewidth=1.2, label=name)
        for label, place in points.items():
            axis.annotate(label, place, xytext=(5, 5), textcoords="offset points", fontsize=8, color=color)
    axis.set(xlabel=xlabel, ylabel=ylabel)
    axis.margins(0.1)
    axis.grid()
    figure.legend(loc="outside upper center", ncols=min(3, len(series)), fontsize=9)
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
