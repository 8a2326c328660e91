"""Figures that compare one network in two frameworks."""

import numpy as np

from .style import INK, MARKERS, PALETTE, course_figure


@course_figure
def layer_differences(series, layers):
    """How far two networks that should be equal are apart behind each layer, on a logarithmic axis.

    Parameters
    ----------
    series : dict of str to sequence of float
        By what was done to one of them: a difference for each layer, as a share of the layer's largest number.
    layers : sequence of str
        Their names, in the order of the network.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        A series has not one number for each layer, or there is none.

    Notes
    -----
    Used in chapter 13, The same networks in three frameworks.

    Examples
    --------
    >>> figure = layer_differences({"as copied": [1e-6, 0.5], "sorted": [1e-6, 2e-6]}, ["conv", "dense"])
    >>> [line.get_label() for line in figure.axes[0].lines]
    ['as copied', 'sorted']
    """
    import matplotlib.pyplot as plt

    wrong = [name for name, values in series.items() if len(values) != len(layers)]
    if wrong or not series:
        raise ValueError(
            f"layer_differences: {', '.join(wrong) or 'series'} must have {len(layers)} numbers, one for each of the "
            f"layers {', '.join(layers)}."
        )
    figure, axes = plt.subplots(figsize=(6.2, 3.2))
    places = np.arange(len(layers))
    for number, (name, values) in enumerate(series.items()):
        color, marker = PALETTE[number % len(PALETTE)], MARKERS[number % len(MARKERS)]
        axes.plot(places, np.maximum(values, 1e-9), marker=marker, color=color, label=name, linewidth=1)
    axes.set(yscale="log", ylabel="largest difference, as a share")
    axes.set_xticks(places, layers, color=INK)
    axes.legend(loc="upper left")
    return figure
