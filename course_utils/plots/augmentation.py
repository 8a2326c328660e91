"""Figures of chapter 07: what each ingredient is worth, and what a network says of a picture and its mirror image."""

import numpy as np

from .style import BLUE, GREY, INK, PALETTE, VERMILION, course_figure


@course_figure
def ablation(groups, references=None, xlabel="test accuracy"):
    """Scores of many trainings, one row each: every seed a dot, their mean a bar, their range a line.

    Parameters
    ----------
    groups : dict of str to dict of str to sequence of float
        Heading of a group to its rows, name to the score of each seed. An empty heading is not drawn.
    references : dict of str to float, optional
        Dashed lines through all rows, with their names.
    xlabel : str
        Name of the axis.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        A row has no score.

    Notes
    -----
    Taught in chapter 07, Augmentation.

    Examples
    --------
    >>> rows = {"flip": [0.76, 0.78], "zoom": [0.72]}
    >>> figure = ablation({"alone": rows}, references={"plain": 0.7})
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['alone', 'flip', 'zoom']
    """
    import matplotlib.pyplot as plt

    empty = [name for rows in groups.values() for name, scores in rows.items() if not len(scores)]
    if empty:
        raise ValueError(f"no score of {', '.join(empty)}; give one or more of each.")
    lines = sum(len(rows) + bool(heading) for heading, rows in groups.items())
    figure, axis = plt.subplots(figsize=(7.0, 0.27 * lines + 1.0))
    places, texts, place = [], [], 0
    for number, (heading, rows) in enumerate(groups.items()):
        color = PALETTE[number % len(PALETTE)]
        if heading:
            places, texts, place = [*places, place], [*texts, heading], place + 1
        for name, scores in rows.items():
            scores = np.asarray(scores, dtype=float)
            axis.plot([scores.min(), scores.max()], [place, place], color=color, linewidth=1.5)
            axis.plot(scores, [place] * len(scores), "o", color=color, markersize=4.5, alpha=0.8)
            axis.plot(scores.mean(), place, "|", color=INK, markersize=11, markeredgewidth=1.6)
            axis.text(
                1.01, place, f"{scores.mean():.3f}", transform=axis.get_yaxis_transform(), va="center", fontsize=9
            )
            places, texts, place = [*places, place], [*texts, name], place + 1
    for name, value in (references or {}).items():
        axis.axvline(value, color=GREY, linestyle=(0, (4, 3)), linewidth=1)
        axis.text(value, -0.75, name, ha="center", va="bottom", fontsize=8, color=INK)
    axis.set_yticks(places, texts)
    for label in axis.get_yticklabels():
        if label.get_text() in groups:
            label.set_fontweight("bold")
    axis.tick_params(axis="y", length=0)
    axis.set(xlabel=xlabel, ylim=(place - 0.4, -0.7))
    axis.grid(axis="x")
    axis.set_axisbelow(True)
    return figure


@course_figure
def asked_twice(answers, labels, class_names):
    """What networks say of each picture, across, and of its mirror image, upwards: a panel for each network.

    A network that does not care about mirrors has all its dots on the diagonal. In the tinted quarters it contradicts
    itself.

    Parameters
    ----------
    answers : dict of str to pair of array, shape (images,)
        Name of a network to the probability of class 1 that it gives to each picture, and to each mirror image.
    labels : array of int, shape (images,)
        The true class, 0 or 1.
    class_names : sequence of str
        Of the two classes.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        There are not as many answers as labels.

    Notes
    -----
    Taught in chapter 07, Augmentation.

    Examples
    --------
    >>> figure = asked_twice({"plain": ([0.1, 0.8], [0.2, 0.3])}, [0, 1], ("cat", "dog"))
    >>> figure.axes[0].get_title()
    'plain\\ncontradicts itself on 1 of 2'
    """
    import matplotlib.pyplot as plt

    labels = np.asarray(labels)
    figure, axes = plt.subplots(1, len(answers), figsize=(3.6 * len(answers), 3.9), sharey=True, squeeze=False)
    for axis, (name, pair) in zip(axes[0], answers.items(), strict=True):
        one, other = (np.asarray(each, dtype=float) for each in pair)
        if not one.shape == other.shape == labels.shape:
            raise ValueError(f"{name}: {one.shape} and {other.shape} answers for {labels.shape} labels.")
        for left, bottom in ((0, 0.5), (0.5, 0)):
            axis.add_patch(plt.Rectangle((left, bottom), 0.5, 0.5, color=GREY, alpha=0.15, linewidth=0))
        axis.plot([0, 1], [0, 1], "--", color=GREY, linewidth=1)
        for label, color, mark in ((0, BLUE, "o"), (1, VERMILION, "^")):
            own = labels == label
            axis.plot(one[own], other[own], mark, color=color, markersize=3, alpha=0.5, label=class_names[label])
        torn = int(((one > 0.5) != (other > 0.5)).sum())
        axis.set(
            title=f"{name}\ncontradicts itself on {torn} of {len(labels)}", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02),
            aspect="equal", xlabel=f"probability of {class_names[1]}, picture",
        )  # fmt: skip
    axes[0, 0].set_ylabel("the same, mirror image")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2, markerscale=2)
    return figure
