"""How every figure of the course looks: one palette, one background, one set of sizes.

The colours are those of Okabe and Ito (2008), which people with any common colour blindness can tell apart. The
background is opaque and nearly white, so that a figure reads the same on a light page and on a dark one.
"""

import functools

BLUE = "#0072B2"
ORANGE = "#E69F00"
GREEN = "#009E73"
VERMILION = "#D55E00"
PURPLE = "#CC79A7"
SKY = "#56B4E9"
YELLOW = "#F0E442"
GREY = "#7F7F7F"
INK = "#1F2328"
PAPER = "#FCFCFB"
TINT = "#CFE3F1"  # BLUE on paper, light enough for figures in ink to stand on it

PALETTE = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, GREY)
"""Colours of series, in the order in which a figure takes them."""

MARKERS = "os^Dv*"
"""Marks of series, in the same order: who does not see the colours tells the series apart by them."""

_SETTINGS = {
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "figure.dpi": 110,
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "grid.color": "#DDDDDD",
    "legend.frameon": False,
    "image.interpolation": "nearest",
    "figure.constrained_layout.use": True,
}


def course_figure(function):
    """Decorate a function that draws and returns a Figure: it draws in the style of the course.

    The Figure is also taken out of pyplot's list, because a notebook shows whatever stands in that list at the end of
    a cell, and would show a returned Figure a second time, or below an error one that is half drawn.

    Examples
    --------
    >>> @course_figure
    ... def line(values):
    ...     import matplotlib.pyplot as plt
    ...     figure, axes = plt.subplots()
    ...     axes.plot(values)
    ...     return figure
    >>> line([1, 2, 3]).axes[0].get_facecolor()[:3] == line([3, 2, 1]).get_facecolor()[:3]
    True
    """

    @functools.wraps(function)
    def drawn(*args, **kwargs):
        import matplotlib.pyplot as plt
        from cycler import cycler

        with plt.rc_context({**_SETTINGS, "axes.prop_cycle": cycler(color=PALETTE)}):
            before = set(plt.get_fignums())
            try:
                return function(*args, **kwargs)
            finally:
                for number in set(plt.get_fignums()) - before:
                    plt.close(number)

    return drawn
