"""Maps over images as arrays: brought to the size of the images, and checked before they are judged."""

import numpy as np
from scipy.ndimage import gaussian_filter


def resized(maps, size):
    """Maps in another size, by bilinear interpolation.

    Parameters
    ----------
    maps : array of float, shape (images, rows, columns)
    size : tuple of int
        (height, width) of the result.

    Returns
    -------
    ndarray of float32, shape (images, height, width)

    Notes
    -----
    Every value stands for a square of the image and counts at its centre; beyond the outermost centres the map stays as
    it is there. This is what ``keras.ops.image.resize`` does with ``"bilinear"``, written with NumPy so that a map is
    the same to the last digit on every backend. Taught in chapter 12, Input masking.

    Examples
    --------
    >>> resized([[[0.0, 1.0]]], (1, 4)).tolist()
    [[[0.0, 0.25, 0.75, 1.0]]]
    """
    maps = np.asarray(maps, "float64")
    if maps.ndim != 3 or 0 in maps.shape:
        raise ValueError(f"maps has shape {maps.shape}; expected (images, rows, columns), none of them 0.")
    return (_weights(maps.shape[1], size[0]) @ maps @ _weights(maps.shape[2], size[1]).T).astype("float32")


def _weights(few, many):
    """How much each of a few values in a row counts for each of many, shape (many, few)."""
    place = ((np.arange(many) + 0.5) * few / many - 0.5).clip(0, few - 1)
    return (1 - np.abs(place[:, None] - np.arange(few))).clip(0, None)


def checked_maps(name, maps, like=None):
    """Maps as float64, or an error that says what does not fit.

    Parameters
    ----------
    name : str
        What the caller calls them.
    maps : array of float, shape (images, height, width)
        Or the result of an explanation, whose ``heatmap`` is taken.
    like : tuple of int, optional
        The shape (images, height, width) that they must have.

    Returns
    -------
    ndarray of float64, shape (images, height, width)
    """
    maps = np.asarray(getattr(maps, "heatmap", maps))
    if maps.dtype.kind not in "biuf":
        raise TypeError(f"{name} is an array of {maps.dtype}; expected numbers, shape (images, height, width).")
    if maps.ndim == 4 and maps.shape[-1] == 1:
        maps = maps[..., 0]
    if maps.ndim != 3 or 0 in maps.shape:
        advice = " For one map give it as [map]." if maps.ndim == 2 else ""
        raise ValueError(f"{name} has shape {maps.shape}; expected (images, height, width), none of them 0.{advice}")
    if like is not None and maps.shape != tuple(like):
        raise ValueError(
            f"{name} has shape {maps.shape}; expected {tuple(like)}, a map for each image, in its height and width."
        )
    finite = np.isfinite(maps).all(axis=(1, 2))
    if not finite.all():
        raise ValueError(f"map {int(finite.argmin())} of {name} holds NaN or infinity; expected numbers everywhere.")
    return maps.astype("float64")


def checked_masks(name, masks, like):
    """Masks as bool in the shape of the maps, or an error that says what does not fit."""
    masks = np.asarray(masks)
    if masks.ndim == 4 and masks.shape[-1] == 1:
        masks = masks[..., 0]
    if masks.shape != tuple(like):
        raise ValueError(f"{name} has shape {masks.shape}; expected {tuple(like)}, the shape of the maps.")
    if not np.isin(masks, (0, 1)).all():
        raise ValueError(
            f"{name} holds other values than 0 and 1; for numbers of classes give {name} == the class of the object."
        )
    return masks.astype(bool)


def blurred(images, sigma):
    """Images blurred by a Gaussian; at the edges, what lies outside has no weight.

    Parameters
    ----------
    images : array of float, shape (images, height, width, channels)
    sigma : float
        Standard deviation in pixels, above 0.

    Returns
    -------
    ndarray of float32, shape (images, height, width, channels)

    Examples
    --------
    >>> import numpy as np
    >>> blurred(np.full((1, 4, 4, 1), 7.0), 2.0).round(4).min()
    np.float32(7.0)
    """

    def blur(array):
        reach = max(array.shape[1:3]) / sigma  # all of the image: the tails are not cut off
        return gaussian_filter(array, (0, sigma, sigma, 0), mode="constant", truncate=reach)

    images = np.asarray(images, "float64")
    return (blur(images) / blur(np.ones_like(images[:1, :, :, :1]))).astype("float32")
