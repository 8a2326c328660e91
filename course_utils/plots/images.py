"""Figures that show pictures."""

import math

import numpy as np

from .style import INK, course_figure


@course_figure
def image_grid(images, titles=None, columns=5, image_size=1.3, suptitle=None, title_colors=None):
    """Images side by side in a grid, each with an optional title.

    Parameters
    ----------
    images : array, shape (images, height, width, 3 or 1) or (images, height, width)
        uint8 from 0 to 255, or float from 0 to 1.
    titles : sequence of str, optional
        One an image; a title may have several lines.
    columns : int
        Images a row.
    image_size : float
        Width of one image in inches.
    suptitle : str, optional
        Title of the figure.
    title_colors : sequence of str, optional
        Colour of each title.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        The images are not images, or there are not as many titles.

    Examples
    --------
    >>> import numpy as np
    >>> figure = image_grid(np.zeros((3, 8, 8, 3), dtype="uint8"), titles=["a", "b", "c"], columns=3)
    >>> len(figure.axes)
    3
    """
    import matplotlib.pyplot as plt

    images = np.asarray(images)
    if images.ndim == 4 and images.shape[-1] == 1:
        images = images[..., 0]
    if images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[-1] != 3) or not len(images):
        raise ValueError(
            f"images has shape {images.shape}; expected (images, height, width), or that with 1 or 3 channels at the "
            "end, and at least one image."
        )
    if titles is not None and len(titles) != len(images):
        raise ValueError(f"{len(titles)} titles for {len(images)} images; expected as many of each.")
    if images.dtype.kind == "f":
        images = images.clip(0, 1)
    columns = min(columns, len(images))
    rows = math.ceil(len(images) / columns)
    lines = max((title.count("\n") + 1 for title in titles), default=0) if titles is not None else 0
    height = image_size * images.shape[1] / images.shape[2] + 0.17 * lines + 0.08
    figure, axes = plt.subplots(
        rows, columns, figsize=(columns * image_size, rows * height + (0.3 if suptitle else 0)), squeeze=False
    )
    for index, axis in enumerate(axes.flat):
        if index >= len(images):
            axis.remove()
            continue
        axis.imshow(images[index], cmap="gray", vmin=None if images.ndim == 4 else images.min(), vmax=None)
        axis.set(xticks=[], yticks=[])
        if titles is not None:
            axis.set_title(titles[index], fontsize=8, pad=3, color=title_colors[index] if title_colors else INK)
    if suptitle:
        figure.suptitle(suptitle, fontsize=10)
    return figure
