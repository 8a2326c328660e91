"""Figures that lay an answer over its picture: boxes and masks, true ones and predicted ones."""

import numpy as np

from .images import image_grid
from .style import BLUE, INK, PAPER, VERMILION, YELLOW, course_figure

TRUE, PREDICTED = YELLOW, VERMILION
HIT, MISSED, FALSE_ALARM = BLUE, YELLOW, VERMILION


@course_figure
def boxes(images, boxes, predicted=None, titles=None, columns=5):
    """Images with true boxes drawn on them, and predicted ones dashed and in another colour.

    Parameters
    ----------
    images : array, shape (images, height, width, 3 or 1) or (images, height, width)
        uint8 from 0 to 255, or float from 0 to 1.
    boxes : array, shape (images, 4) or (images, n, 4), or a list with an array (n, 4) for each image
        x0, y0, x1, y1 in pixels from the image's upper left corner, as in `course_utils.datasets.drawn.Drawing.boxes`.
        A box with NaN is not drawn, so that images with fewer boxes can be filled up.
    predicted : like boxes, optional
        May have another number of boxes for each image.
    titles : sequence of str, optional
        One an image.
    columns : int
        Images a row.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        The boxes are not boxes, or not for as many images.

    Notes
    -----
    Taught in chapter 01, Tasks.

    Examples
    --------
    >>> from course_utils.datasets.drawn import draw
    >>> drawing = draw(3, 32)
    >>> figure = boxes(drawing.images, drawing.boxes, predicted=drawing.boxes + 2)
    >>> [len(axes.patches) for axes in figure.axes]
    [2, 2, 2]
    """
    from matplotlib.lines import Line2D
    from matplotlib.patches import Rectangle
    from matplotlib.patheffects import Normal, Stroke

    figure = image_grid(images, titles, columns)
    kinds = [("true", TRUE, "-", _boxes_by_image("boxes", boxes, len(images)))]
    if predicted is not None:
        kinds.append(("predicted", PREDICTED, (0, (3, 1.5)), _boxes_by_image("predicted", predicted, len(images))))
    for _, color, dashes, by_image in kinds:
        under = Stroke(linewidth=3, foreground=INK if color == TRUE else PAPER)
        for axes, rows in zip(figure.axes, by_image, strict=True):
            for x0, y0, x1, y1 in rows[np.isfinite(rows).all(axis=1)]:
                corner = (x0 - 0.5, y0 - 0.5)  # the image's first pixel reaches from -0.5 to 0.5 on the axes
                axes.add_patch(
                    Rectangle(
                        corner, x1 - x0, y1 - y0, fill=False, edgecolor=color, linewidth=1.6, linestyle=dashes,
                        path_effects=[under, Normal()],
                    )
                )  # fmt: skip
    if predicted is not None:
        _legend(
            figure,
            [
                Line2D([], [], color=color, linestyle=dashes, linewidth=1.6, label=label,
                       path_effects=[Stroke(linewidth=3, foreground=INK if color == TRUE else PAPER), Normal()])
                for label, color, dashes, _ in kinds
            ],
        )  # fmt: skip
    return figure


@course_figure
def masks(images, masks, predicted=None, titles=None, columns=5):
    """Images with the outline of true masks and, below each, where a predicted mask is right and where it is wrong.

    The upper picture is the image, the true mask outlined. In the lower one, the image is grey, pixels of the object
    that were found are blue, missed ones yellow, and pixels wrongly taken for the object orange-red.

    Parameters
    ----------
    images : array, shape (images, height, width, 3 or 1) or (images, height, width)
        uint8 from 0 to 255, or float from 0 to 1.
    masks : array of bool or int, shape (images, height, width) or (images, height, width, 1)
        1 on the object, else 0.
    predicted : like masks, optional
        Without it, only the upper pictures are drawn.
    titles : sequence of str, optional
        One an image.
    columns : int
        Images a row.

    Returns
    -------
    matplotlib.figure.Figure
        A row of images, then the row of their predictions, and so on.

    Raises
    ------
    ValueError
        The masks have other shapes than the images, or other values than 0 and 1.

    Notes
    -----
    Taught in chapter 01, Tasks.

    Examples
    --------
    >>> from course_utils.datasets.drawn import draw
    >>> drawing = draw(3, 32)
    >>> figure = masks(drawing.images, drawing.masks, predicted=drawing.masks[::-1])
    >>> len(figure.axes)
    6
    """
    import matplotlib.pyplot as plt
    from matplotlib.patches import Patch

    images = np.asarray(images)
    if titles is not None and len(titles) != len(images):
        raise ValueError(f"{len(titles)} titles for {len(images)} images; expected as many of each.")
    truth = _regions("masks", masks, images)
    if predicted is None:
        figure = image_grid(images, titles, columns)
        for axes, region in zip(figure.axes, truth, strict=True):
            _outline(axes, region)
        return figure

    found = _regions("predicted", predicted, images)
    plain = _as_rgb(images)
    columns = min(columns, len(images))
    blocks = -(-len(images) // columns)
    lines = max((title.count("\n") + 1 for title in titles), default=0) if titles is not None else 0
    side = 6.5 / max(columns, 4)
    picture = side * images.shape[1] / images.shape[2]
    figure, grid = plt.subplots(
        2 * blocks, columns, figsize=(columns * side, blocks * (2 * picture + 0.17 * lines + 0.14)), squeeze=False
    )
    for row in (0, 1):
        for index, axes in enumerate(grid[row::2].flat):
            if index >= len(images):
                axes.remove()
                continue
            axes.set(xticks=[], yticks=[])
            if row == 0:
                axes.imshow(plain[index])
                _outline(axes, truth[index])
                if titles is not None:
                    axes.set_title(titles[index], fontsize=8, pad=3)
            else:
                axes.imshow(_judged(plain[index], truth[index], found[index]))
                _outline(axes, truth[index], strokes=((INK, 0.8),))
    named = (("found", HIT), ("missed", MISSED), ("false alarm", FALSE_ALARM))
    _legend(figure, [Patch(facecolor=color, edgecolor=INK, linewidth=0.5, label=label) for label, color in named])
    return figure


def _boxes_by_image(name, boxes, count):
    """A list with an array (n, 4) for each image."""
    if not isinstance(boxes, (list, tuple)):
        boxes = np.asarray(boxes, dtype=float)
    by_image = [np.asarray(rows, dtype=float) for rows in boxes]
    by_image = [
        rows[None] if rows.shape == (4,) else rows.reshape(-1, 4) if not rows.size else rows for rows in by_image
    ]
    shapes = sorted({rows.shape for rows in by_image if rows.ndim != 2 or rows.shape[1] != 4})
    if shapes or len(by_image) != count:
        given = f"{len(by_image)} entries" + (f", one of shape {shapes[0]}" if shapes else "")
        raise ValueError(
            f"{name} has {given} for {count} images; expected (images, 4), (images, n, 4), or a list with an array "
            "(n, 4) for each image: x0, y0, x1, y1."
        )
    return by_image


def _regions(name, masks, images):
    masks = np.asarray(masks)
    if masks.ndim == 4 and masks.shape[-1] == 1:
        masks = masks[..., 0]
    if masks.shape != images.shape[:3]:
        raise ValueError(
            f"{name} has shape {masks.shape} for images of shape {images.shape}; expected {images.shape[:3]}, with or "
            "without one channel at the end."
        )
    if not np.isin(masks, (0, 1)).all():
        raise ValueError(
            f"{name} holds other values than 0 and 1; for probabilities give {name} > 0.5, for numbers of classes "
            f"{name} == the class."
        )
    return masks.astype(bool)


def _as_rgb(images):
    """Images as floats from 0 to 1, shape (images, height, width, 3)."""
    images = images / 255 if images.dtype.kind in "iu" else images.astype(float).clip(0, 1)
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise ValueError(f"images has shape {images.shape}; expected (images, height, width), or 1 or 3 channels more.")
    return np.broadcast_to(images, (*images.shape[:3], 3))


def _judged(image, truth, found):
    """A grey and pale copy of the image, tinted by what became of each pixel."""
    from matplotlib.colors import to_rgb

    grey = 0.35 + 0.6 * np.repeat(image.mean(axis=-1, keepdims=True), 3, axis=-1)
    for region, color in ((truth & found, HIT), (truth & ~found, MISSED), (~truth & found, FALSE_ALARM)):
        grey[region] = 0.3 * grey[region] + 0.7 * np.array(to_rgb(color))
    return grey


def _outline(axes, region, strokes=((INK, 2.6), (TRUE, 1.3))):
    """Draw the edges between the pixels of a region and those around it."""
    from matplotlib.collections import LineCollection

    padded = np.pad(region, 1)
    row, column = np.nonzero(padded[1:-1, 1:] != padded[1:-1, :-1])  # left and right neighbours differ
    upright = np.stack([[column - 0.5, row - 0.5], [column - 0.5, row + 0.5]])
    row, column = np.nonzero(padded[1:, 1:-1] != padded[:-1, 1:-1])  # upper and lower ones do
    level = np.stack([[column - 0.5, row - 0.5], [column + 0.5, row - 0.5]])
    segments = np.concatenate([upright, level], axis=2).transpose(2, 0, 1)
    for color, width in strokes:
        axes.add_collection(LineCollection(segments, colors=color, linewidths=width, capstyle="projecting"))


def _legend(figure, handles):
    """A row above the images, for which the figure grows."""
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + 0.3)
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), fontsize=9)
