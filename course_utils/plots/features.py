"""Figures of what a network has learned and of what it makes of an image: filters, templates, feature maps."""

import math

import numpy as np

from .style import course_figure


@course_figure
def filter_grid(kernels, columns=8):
    """Filters of a convolution as small pictures.

    Each filter has a scale of its own, symmetric about zero: its largest weight, up or down, becomes white or black (in
    its channel), and zero is mid-grey. So sizes can be compared within a picture and not between two of them.

    Parameters
    ----------
    kernels : array, shape (height, width, depth, filters)
        As Keras keeps them: ``layer.kernel``. Depth 3 is drawn in colour, depth 1 in grey.
    columns : int
        Filters a row.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        The array has another number of axes, or another depth than 1 or 3.

    Notes
    -----
    Taught in chapter 04, A CNN library.

    Examples
    --------
    >>> figure = filter_grid(np.random.default_rng(0).normal(size=(5, 5, 3, 16)))
    >>> len(figure.axes), figure.axes[0].images[0].get_array().shape
    (16, (5, 5, 3))
    """
    kernels = np.asarray(kernels, dtype=float)
    if kernels.ndim != 4 or not kernels.shape[-1]:
        raise ValueError(f"kernels has shape {kernels.shape}; expected (height, width, depth, filters), as in Keras.")
    if kernels.shape[2] not in (1, 3):
        raise ValueError(
            f"kernels has depth {kernels.shape[2]}; only depth 3 (colour) and 1 (grey) are pictures. Draw one channel "
            "of each filter, kernels[:, :, :1], or the layer's feature maps with feature_map_grid."
        )
    pictures = [_about_mid_grey(kernels[..., index]) for index in range(kernels.shape[-1])]
    return _grid(pictures, columns, 6.5 / max(columns, 4))


@course_figure
def templates(weights, shape, titles=None, columns=5):
    """The weights of a linear classifier as one picture a class: what it looks for.

    Each picture has a scale of its own, symmetric about zero: a weight of zero is mid-grey, and the largest weight, up
    or down, white or black (in its channel).

    Parameters
    ----------
    weights : array, shape (features, classes)
        Without the biases.
    shape : tuple of int
        Of the images: (height, width, 3), (height, width, 1) or (height, width). Its product is the number of features.
    titles : sequence of str, optional
        One a class.
    columns : int
        Templates a row.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        The weights do not fill images of this shape, or there are not as many titles as classes.

    Notes
    -----
    Taught in chapter 02, From lines to networks.

    Examples
    --------
    >>> figure = templates(np.random.default_rng(0).normal(size=(192, 2)), (8, 8, 3), titles=["cat", "dog"])
    >>> [axes.get_title() for axes in figure.axes]
    ['cat', 'dog']
    """
    weights = np.asarray(weights, dtype=float)
    shape = tuple(shape)
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] not in (1, 3)):
        raise ValueError(
            f"shape is {shape}; expected that of an image: (height, width), with 1 or 3 channels or without."
        )
    if weights.ndim != 2 or len(weights) != math.prod(shape):
        turned = weights.ndim == 2 and weights.shape[1] == math.prod(shape)
        raise ValueError(
            f"weights has shape {weights.shape}; expected ({math.prod(shape)}, classes) for images of shape {shape}."
            + (" Give weights.T." if turned else "")
        )
    if titles is not None and len(titles) != weights.shape[1]:
        raise ValueError(f"{len(titles)} titles for {weights.shape[1]} classes; expected as many of each.")
    pictures = [_about_mid_grey(column.reshape(shape)) for column in weights.T]
    return _grid(pictures, columns, 6.5 / max(columns, 4), titles)


@course_figure
def feature_map_grid(maps, columns=8, titles=None, image=None, shared=True):
    """The feature maps that a layer made of one image, a picture for each channel.

    Parameters
    ----------
    maps : array, shape (height, width, channels)
        What a layer gives for one image.
    columns : int
        Pictures a row.
    titles : sequence of str, optional
        One a channel; more than that or less is an error.
    image : array, shape (height, width, 3 or 1) or (height, width), optional
        The image that the maps come from, drawn first: uint8 from 0 to 255, or float from 0 to 1.
    shared : bool
        One grey scale for all maps, so that a channel that hardly answers is dark; the values that are black and white
        stand below. False gives each map a scale of its own, from its smallest value to its largest.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        The maps are those of several images, or there are not as many titles as channels.

    Notes
    -----
    Taught in chapter 04, A CNN library.

    Examples
    --------
    >>> figure = feature_map_grid(np.random.default_rng(0).normal(size=(6, 6, 4)), image=np.zeros((8, 8, 3)))
    >>> [axes.get_title() for axes in figure.axes]
    ['image', '', '', '', '']
    """
    maps = np.asarray(maps, dtype=float)
    if maps.ndim != 3 or not maps.size:
        raise ValueError(
            f"maps has shape {maps.shape}; expected (height, width, channels), the maps of one image. For the first of "
            "several images give maps[0]."
        )
    channels = maps.shape[-1]
    if titles is not None and len(titles) != channels:
        raise ValueError(f"{len(titles)} titles for {channels} channels; expected as many of each.")
    low, high = maps.min(), maps.max()
    pictures = []
    for index in range(channels):
        one = maps[..., index]
        bottom, top = (low, high) if shared else (one.min(), one.max())
        pictures.append((one - bottom) / (top - bottom) if top > bottom else np.zeros_like(one))
    if image is not None:
        image = np.asarray(image)
        image = image / 255 if image.dtype.kind in "iu" else image.astype(float).clip(0, 1)
        if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[-1] not in (1, 3)):
            raise ValueError(f"image has shape {image.shape}; expected (height, width), or 1 or 3 channels more.")
        pictures.insert(0, image[..., 0] if image.shape[2:] == (1,) else image)
        titles = ["image", *([""] * channels if titles is None else titles)]
    note = f"black {low:.3g}, white {high:.3g}" if shared else "each map from its smallest value (black) to its largest"
    return _grid(pictures, columns, 6.5 / max(columns, 4), titles, note)


def _about_mid_grey(weights):
    """Weights, shape (height, width) or with 1 or 3 channels, as a picture from 0 to 1 in which 0 is 0.5."""
    reach = np.abs(weights).max()
    picture = 0.5 + weights / (2 * reach) if reach > 0 else np.full(weights.shape, 0.5)
    return picture[..., 0] if picture.shape[2:] == (1,) else picture


def _grid(pictures, columns, side, titles=None, note=None):
    """Pictures of values from 0 to 1, on one scale."""
    import matplotlib.pyplot as plt

    columns = min(columns, len(pictures))
    rows = math.ceil(len(pictures) / columns)
    tallest = max(picture.shape[0] / picture.shape[1] for picture in pictures)
    above = [title.count("\n") + 1 if title else 0 for title in ([] if titles is None else titles)]
    lines = sum(max(above[start : start + columns]) for start in range(0, len(above), columns))
    height = rows * (side * tallest + 0.05) + 0.17 * lines + (0.3 if note else 0)
    figure, grid = plt.subplots(rows, columns, figsize=(columns * side, height), squeeze=False)
    for index, axes in enumerate(grid.flat):
        if index >= len(pictures):
            axes.remove()
            continue
        axes.imshow(pictures[index], cmap="gray", vmin=0, vmax=1)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        if titles is not None:
            axes.set_title(titles[index], fontsize=8, pad=3)
    if note:
        figure.supxlabel(note, fontsize=8)
    return figure
