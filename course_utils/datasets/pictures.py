"""One photograph as an array: decoded, cut to the wanted proportions, resized, its mask and box alike."""

import contextlib
import io
import math
import xml.etree.ElementTree

import numpy as np

from . import jpegs

MASK_VALUES = (1, 2, 3)  # pet, background, outline
# Modes whose pixels go from 0 to 255, or are black and white.
_EIGHT_BITS = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV")


class Broken(Exception):
    """An image, a mask or an annotation that cannot be read."""


def central_crop(width, height, target):
    """Left, top, right and bottom of the largest central part of an image with the proportions of ``target``.

    Parameters
    ----------
    width, height : int
    target : (int, int)
        Height and width.

    Examples
    --------
    >>> central_crop(300, 200, (100, 100))
    (50.0, 0.0, 250.0, 200.0)
    """
    scale = min(height / target[0], width / target[1])
    wide, high = target[1] * scale, target[0] * scale
    left, top = max((width - wide) / 2, 0.0), max((height - high) / 2, 0.0)  # rounding may give -1e-14
    return left, top, min(left + wide, width), min(top + high, height)


def decode(content, target, channels=3):
    """An encoded image as an array.

    Parameters
    ----------
    content : bytes
        JPEG, PNG or whatever else Pillow reads.
    target : (int, int)
        Height and width of the array.
    channels : int
        3 for a photograph in colour, resized smoothly; 1 for a mask, of which each pixel keeps its value.

    Returns
    -------
    array : ndarray of uint8, shape (height, width, channels)
    size : (int, int)
        Width and height of the encoded image.

    Raises
    ------
    Broken
        It cannot be read, is damaged so that it shows, or has numbers of which nobody knows what black and white are;
        or it is a mask with other values than 1, 2 and 3.

    Notes
    -----
    Of an animation, this is the first picture. What is transparent is shown on white. Pixels come in the order in which
    they are stored, as masks and boxes do: an orientation in the metadata is not followed.
    """
    from PIL import Image

    image, size = (_photograph if channels == 3 else _mask)(content, target)
    resample = Image.Resampling.NEAREST if channels == 1 else Image.Resampling.BILINEAR
    resized = image.resize((target[1], target[0]), resample, box=central_crop(*image.size, target))
    return np.asarray(resized).reshape(*target, channels), size


@contextlib.contextmanager
def _opened(content):
    """The image in ``content``, not decoded yet; Broken for whatever is wrong with it."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as image:
            if image.format == "PNG":  # each part of which has a checksum, compared only here
                image.verify()
                with Image.open(io.BytesIO(content)) as verified:
                    yield verified
            else:
                yield image
    except (MemoryError, Broken):
        raise
    except Exception as error:  # what Pillow raises on a broken file keeps to no list
        raise Broken(repr(error)) from error


def _photograph(content, target):
    """The image in RGB, decoded no finer than ``target`` needs, and the size that it is encoded in."""
    from PIL import Image

    with _opened(content) as image:
        size = image.size
        left, top, right, bottom = central_crop(*size, target)
        enough = size[0] * target[1] / (right - left), size[1] * target[0] / (bottom - top)
        image.draft("RGB", tuple(math.ceil(length) for length in enough))
        image.load()
        if image.format in ("JPEG", "MPO") and (fault := jpegs.fault(content)):
            raise Broken(fault)
        if image.format == "PNG" and image.mode in ("I", "I;16"):  # grey in 16 bits; older Pillows say I
            image = Image.fromarray(np.rint(np.asarray(image) / 257).astype(np.uint8))
        if image.mode not in _EIGHT_BITS:
            raise Broken(f"pixels of Pillow's mode {image.mode}, of which nobody knows what black and white are")
        if "transparency" in image.info or image.mode in ("LA", "La", "PA", "RGBA", "RGBa"):
            seen = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen)
        return image.convert("RGB"), size


def _mask(content, target):
    with _opened(content) as image:
        if image.mode not in ("L", "P"):
            raise Broken(f"a mask of mode {image.mode}")
        values = np.unique(np.asarray(image))
        if not np.isin(values, MASK_VALUES).all():
            raise Broken(f"a mask with the values {', '.join(map(str, values[:20]))}, where 1, 2 and 3 are known")
        return image.copy(), image.size


def read_box(content):
    """The first box of an annotation in PASCAL VOC's XML: left, top, right, bottom in pixels of the image."""
    try:
        box = xml.etree.ElementTree.fromstring(content).find("object/bndbox")
        left, top, right, bottom = (float(box.find(side).text) for side in ("xmin", "ymin", "xmax", "ymax"))
    except (xml.etree.ElementTree.ParseError, AttributeError, TypeError, ValueError) as error:
        raise Broken(f"an annotation without a box: {error}") from error
    if not (left < right < math.inf and top < bottom < math.inf and min(left, top) > -math.inf):
        raise Broken(f"an annotation whose box goes from {left}, {top} to {right}, {bottom}")
    return left, top, right, bottom


def move_box(box, size, target):
    """Where a box is after `decode`; four NaN where it lies outside the part of the image that is kept.

    Parameters
    ----------
    box : (float, float, float, float)
        Left, top, right, bottom in the encoded image.
    size : (int, int)
        Its width and height.
    target : (int, int)
        Height and width of the array.

    Examples
    --------
    >>> [round(side) for side in move_box((40, 20, 100, 120), (300, 200), (100, 100))]
    [0, 10, 25, 60]
    """
    left, top, right, bottom = central_crop(*size, target)
    across, down = target[1] / (right - left), target[0] / (bottom - top)
    x0, x1 = (min(max((x - left) * across, 0), target[1]) for x in (box[0], box[2]))
    y0, y1 = (min(max((y - top) * down, 0), target[0]) for y in (box[1], box[3]))
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else (math.nan,) * 4
