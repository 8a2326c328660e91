"""Figures of maps of what matters: laid over their pictures, and judged by what their pixels are worth."""

import numpy as np

from .images import image_grid
from .overlays import _as_rgb, _outline, _regions
from .style import BLUE, MARKERS, PALETTE, SKY, VERMILION, YELLOW, course_figure

# From little to much. Brightness rises along both, so that they are told from one another by hue and in themselves by
# brightness, whatever colours a reader sees.
FOR, AGAINST = (VERMILION, YELLOW), (BLUE, SKY)
_OPAQUE = 0.85  # of the largest value: the picture can still be guessed below it


@course_figure
def saliency_overlay(images, heatmaps, masks=None, titles=None, columns=5, label=None, shared=False):
    """Images in grey with a map over each: clear where it is 0, from orange-red to yellow where it is high.

    A map that has negative values anywhere is drawn with them from blue to sky, and zero stays clear.

    Parameters
    ----------
    images : array, shape (images, height, width, 3 or 1) or (images, height, width)
        uint8 from 0 to 255, or float from 0 to 1.
    heatmaps : array of float, shape (images, height, width)
        Or the result of an explanation, whose ``heatmap`` is taken.
    masks : array of bool or int, shape (images, height, width) or (images, height, width, 1), optional
        True masks, 1 on the object, drawn as outlines.
    titles : sequence of str, optional
        One an image.
    columns : int
        Images a row.
    label : str, optional
        What the map shows and its unit. With it, a colour bar is drawn.
    shared : bool
        One scale for all maps, so that they can be compared. False gives each one its own, from 0 to its largest value,
        up or down: for maps whose unit has no meaning between images.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        Images, maps, masks and titles do not fit together, or the maps are not finite.

    Notes
    -----
    Taught in chapter 12, Input masking.

    Examples
    --------
    >>> from course_utils.datasets.drawn import draw
    >>> drawing = draw(3, 32)
    >>> figure = saliency_overlay(drawing.images, drawing.masks[..., 0], drawing.masks, label="the truth")
    >>> len(figure.axes)  # and the colour bar
    4
    """
    images = np.asarray(images)
    heatmaps = np.asarray(getattr(heatmaps, "heatmap", heatmaps), dtype=float)
    if heatmaps.ndim == 4 and heatmaps.shape[-1] == 1:
        heatmaps = heatmaps[..., 0]
    if heatmaps.shape != images.shape[:3]:
        raise ValueError(
            f"heatmaps has shape {heatmaps.shape} for images of shape {images.shape}; expected {images.shape[:3]}, a "
            "map for each image, in its height and width."
        )
    if not np.isfinite(heatmaps).all():
        raise ValueError("heatmaps holds NaN or infinity; expected numbers everywhere.")
    if images.dtype.kind == "f" and images.max() > 2:
        raise ValueError(
            f"images is of {images.dtype} and goes up to {images.max():.3g}; expected 0 to 1 from floats. Give "
            'images.astype("uint8").'
        )
    reach = np.abs(heatmaps).max(axis=(1, 2), keepdims=True)
    if shared:
        reach = np.broadcast_to(reach.max(), reach.shape)
    values = heatmaps / np.where(reach > 0, reach, 1)
    grey = 0.08 + 0.72 * _as_rgb(images).mean(axis=-1, keepdims=True)  # yellow has to stand out from white
    figure = image_grid(_over(grey, values), titles, columns)
    if masks is not None:
        for axes, region in zip(figure.axes, _regions("masks", masks, images), strict=True):
            _outline(axes, region)
    if label is not None:
        _bar(figure, label, signed=bool((heatmaps < 0).any()), reach=float(reach.max()) if shared else None)
    return figure


@course_figure
def removal_curves(panels, ylabel="probability of the class"):
    """The mean score while pixels go or come, the highest of a map first: a line a map, a panel a way.

    Parameters
    ----------
    panels : dict of str to dict of str to course_utils.explain.Curve
        For each way, such as ``"deletion"``, the curve of each map; all with the same steps.
    ylabel : str

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        There are no panels, or one is empty.

    Notes
    -----
    Taught in chapter 12, Input masking.

    Examples
    --------
    >>> from course_utils.explain import Curve
    >>> curve = Curve(np.array([0, 0.5, 1]), np.array([[0.9, 0.2, 0.1], [0.7, 0.6, 0.1]]), np.array([0.35, 0.5]))
    >>> figure = removal_curves({"deletion": {"Grad-CAM": curve}})
    >>> figure.axes[0].lines[0].get_ydata().tolist()
    [0.8, 0.4, 0.1]
    """
    import matplotlib.pyplot as plt

    if not panels or not all(panels.values()):
        raise ValueError(f"panels is {panels!r}; expected {{'deletion': {{name of a map: its curve}}}}.")
    figure, grid = plt.subplots(1, len(panels), figsize=(3.6 * len(panels), 3.3), sharey=True, squeeze=False)
    for axes, (way, curves) in zip(grid[0], panels.items(), strict=True):
        for index, (name, curve) in enumerate(curves.items()):
            color, marker = PALETTE[index % len(PALETTE)], MARKERS[index % len(MARKERS)]
            axes.plot(curve.share, curve.scores.mean(axis=0), color=color, marker=marker, markersize=4, label=name)
        axes.set(title=way, xlabel="share of the pixels", xlim=(0, 1), ylim=(0, None))
        axes.grid(axis="y")
    grid[0, 0].set_ylabel(ylabel)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(4, len(labels)), fontsize=9)
    return figure


def _over(grey, values):
    """Grey pictures, shape (..., 1), with values from -1 to 1 over them, as RGB from 0 to 1."""
    opacity = _OPAQUE * np.abs(values)[..., None] ** 0.75  # a linear one hides how far a map reaches
    return (1 - opacity) * grey + opacity * _colors(values)


def _colors(values):
    from matplotlib.colors import to_rgb

    (low, high), (below, far_below) = ([np.array(to_rgb(color)) for color in ends] for ends in (FOR, AGAINST))
    size = np.abs(values)[..., None]
    return np.where(values[..., None] < 0, below + size * (far_below - below), low + size * (high - low))


def _bar(figure, label, signed, reach):
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize

    low = -1 if signed else 0
    values = np.linspace(low, 1, 256)
    colors = ListedColormap(_over(np.full((256, 1), 0.44), values))  # over the middle of the greys
    scale = Normalize(low, 1) if reach is None else Normalize(low * reach, reach or 1)
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + 0.55)
    bar = figure.colorbar(
        ScalarMappable(scale, colors), ax=list(figure.axes), location="bottom", fraction=0.05, aspect=40, label=label
    )
    bar.outline.set_visible(False)
    if reach is None:
        bar.set_ticks([-1, 0, 1] if signed else [0, 1])
        bar.set_ticklabels(["-largest", "0", "largest of each map"] if signed else ["0", "highest of each map"])
