"""A class for each pixel, laid over its picture as a colour."""

import numpy as np

from .images import image_grid
from .style import BLUE, GREEN, INK, ORANGE, PURPLE, VERMILION, YELLOW, course_figure

#: Colours of classes, in the order of their numbers; background has none.
CLASS_COLORS = (BLUE, YELLOW, VERMILION, GREEN, PURPLE, ORANGE)


@course_figure
def regions(images, labels, class_names, titles=None, columns=5, background="background", image_size=1.3):
    """Images in grey, each pixel tinted with the colour of its class; background stays grey.

    Parameters
    ----------
    images : array, shape (images, height, width, 3 or 1)
        uint8 from 0 to 255, or float from 0 to 1.
    labels : array of int, shape (images, height, width)
        Number of each pixel's class, an index into ``class_names``.
    class_names : sequence of str
        For the legend.
    titles : sequence of str, optional
        One an image.
    columns : int
        Images a row.
    background : str
        Name of the class without a colour.
    image_size : float
        Width of one image in inches.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        Labels of another shape than the images, or numbers that have no name.

    Notes
    -----
    Taught in chapter 10, Segmentation.

    Examples
    --------
    >>> import numpy as np
    >>> figure = regions(np.zeros((2, 4, 4, 3)), np.zeros((2, 4, 4), int), ["pet", "background"])
    >>> [text.get_text() for text in figure.legends[0].get_texts()]
    ['pet', 'background']
    """
    from matplotlib.colors import to_rgb
    from matplotlib.patches import Patch

    images, labels = np.asarray(images), np.asarray(labels)
    if labels.shape != images.shape[:3]:
        raise ValueError(
            f"labels have shape {labels.shape} for images of shape {images.shape}; expected {images.shape[:3]}. "
            "Of masks (images, height, width, 1) take [..., 0]."
        )
    if labels.size and not 0 <= labels.min() <= labels.max() < len(class_names):
        raise ValueError(
            f"labels go from {labels.min()} to {labels.max()}; expected 0 to {len(class_names) - 1}, as class_names "
            "has a name for each."
        )
    pictures = images / 255 if images.dtype.kind in "iu" else images.astype(float)
    grey = 0.3 + 0.65 * pictures.mean(axis=-1, keepdims=True)
    tinted = np.repeat(grey, 3, axis=-1)
    colors = iter(CLASS_COLORS)
    handles = []
    for number, name in enumerate(class_names):
        color = "#B0B0B0" if name == background else next(colors)
        if name != background:
            there = labels == number
            tinted[there] = 0.45 * tinted[there] + 0.55 * np.array(to_rgb(color))
        handles.append(Patch(facecolor=color, edgecolor=INK, linewidth=0.5, label=name))
    figure = image_grid(tinted.clip(0, 1), titles, columns, image_size)
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + 0.3)
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), fontsize=9)
    return figure
