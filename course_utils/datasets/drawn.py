"""Drawn images: any number of coloured, textured shapes on cluttered backgrounds, with the truth about each.

An image is a stack of layers: the object's pattern, the object, two layers of clutter, a pattern on the ground, and the
two ends of a gradient. Every outline is a signed distance (`drawn_fields`), looked up in a table, so that a star costs
as little as a disk. From the distance follows how much of a pixel a layer covers; from the covers of all layers, the
weight of each layer in each pixel; and the image is the product of these weights with the colours of the layers.
Images are painted in groups, small enough for their arrays to stay in the processor's cache.
"""

import functools
from dataclasses import dataclass

import numpy as np

from .arguments import height_and_width, number, whole
from .drawn_fields import CLUTTER, PATTERNS, RADIUS, SHAPES, fields

SMALLEST = 16  # pixels; in smaller images the shapes cannot be told apart

_FIELDS = (*SHAPES, *PATTERNS, *CLUTTER)
_LAYERS = ("object pattern", "object", "clutter", "more clutter", "ground pattern", "ground", "other ground", "noise")
_GROUP_PIXELS = 32 * 1024  # of the images painted together; the weights of their layers, in float32, take a megabyte
_RANDOM_NUMBERS = 64  # of each image; some are spare, so that using one more leaves the others as they are
_DARKEST, _LIGHTEST, _LOUDEST = 20.0, 235.0, 20.0  # of colours, and of noise: together they stay within 0 to 255
_NOISES = 1 << 14


@dataclass(frozen=True, eq=False, repr=False)
class Drawing:
    """What `draw` made: images, and the truth about the object in each.

    Attributes
    ----------
    images : ndarray
        uint8, shape (N, height, width, 3): red, green, blue.
    labels : ndarray
        int32, shape (N,): index into ``class_names``.
    masks : ndarray
        uint8, shape (N, height, width, 1): 1 where the object covers more than half of the pixel, else 0.
    boxes : ndarray
        float32, shape (N, 4): x0, y0, x1, y1 in pixels from the image's upper left corner, tight around the mask. Pixel
        (row, column) reaches from x = column to column + 1, so that x1 - x0 is the number of columns in the box.
    class_names : tuple of str
    """

    images: np.ndarray
    labels: np.ndarray
    masks: np.ndarray
    boxes: np.ndarray
    class_names: tuple[str, ...]

    def __len__(self):
        return len(self.images)

    def __repr__(self):
        height, width = self.images.shape[1:3]
        return f"Drawing({len(self):,} images of {height}x{width}, {len(self.class_names)} classes)"


def draw(count, size=32, *, classes=10, seed=0, rotation=30, clutter=1.0):
    """Draw shapes on cluttered backgrounds, with label, mask and box.

    Position, size, rotation, colours, pattern, background and clutter are random and say nothing about the class; each
    object lies within its image and in front of everything else. The same seed gives the same images whatever the
    count: the first images of a longer drawing are those of a shorter one. At another size they are the same scenes,
    seen more or less sharply.

    Parameters
    ----------
    count : int
        Number of images.
    size : int or (int, int)
        Side of the images, or (height, width), in pixels; at least 16.
    classes : int or sequence of str
        How many classes, or which. As many as there are `SHAPES`, or fewer: the classes are shapes, and patterns vary
        within a class. More: every shape with every one of the `PATTERNS` is a class, such as ``"striped disk"``.
        Classes given by name are of either kind.
    seed : int
        Not negative. Another seed gives other images.
    rotation : float
        How far objects are turned at most, to either side, in degrees; 180 lets them lie in any direction.
    clutter : float
        How much the ground varies: from 0, a ground of one colour without noise, to 1.

    Returns
    -------
    Drawing
        Images, labels, masks, boxes and class names. Labels are in random order; counted from the start, the classes
        are balanced to within one image at any count.

    Raises
    ------
    ValueError
        A negative count, seed or rotation, a side below 16 pixels, clutter that is not from 0 to 1, more classes than
        there are, or a class that there is not.
    TypeError
        A count, size, number of classes or seed that is not a whole number; rotation or clutter that is no number.

    Notes
    -----
    Outlines are tables of distances as in C. Green, "Improved alpha-tested magnification for vector textures and
    special effects", ACM SIGGRAPH 2007 courses. Taught in chapter 01, Tasks.

    Examples
    --------
    >>> drawing = draw(6, 32, classes=["disk", "striped star"], seed=1)
    >>> drawing
    Drawing(6 images of 32x32, 2 classes)
    >>> drawing.images.shape, drawing.masks.shape, drawing.boxes.shape
    ((6, 32, 32, 3), (6, 32, 32, 1), (6, 4))
    >>> sorted(drawing.labels.tolist())
    [0, 0, 0, 1, 1, 1]
    """
    count, seed = whole("draw", "count", count), whole("draw", "seed", seed)
    height, width = height_and_width("draw", size, SMALLEST)
    class_names = _class_names(classes)
    rotation = number("draw", "rotation", rotation, 0, 180)
    clutter = number("draw", "clutter", clutter, 0, 1)
    labels = _shuffled_labels(count, len(class_names), seed)
    scenes = _compose(labels, class_names, height, width, seed, np.deg2rad(rotation), clutter)
    # Cells no larger than half a pixel look no different from smaller ones. Beyond 1024, tables would fill the memory.
    resolution = 1 << (2 * min(height, width) - 1).bit_length()
    tables = fields(_FIELDS, min(max(resolution, 128), 1024))

    images = np.empty((count, height, width, 3), np.uint8)
    masks = np.empty((count, height, width, 1), np.uint8)
    together = max(1, _GROUP_PIXELS // (height * width))
    for start in range(0, count, together):
        group = slice(start, start + together)
        _paint({name: rows[group] for name, rows in scenes.items()}, tables, images[group], masks[group])
    return Drawing(images, labels, masks, _tight_boxes(masks), class_names)


def trimaps(masks, border=1):
    """Turn masks into maps of three regions, numbered as in the Oxford-IIIT Pet data set.

    Parameters
    ----------
    masks : ndarray
        uint8, shape (N, height, width, 1): 1 on the object, else 0.
    border : int
        How far the border reaches to either side of the object's edge, in pixels: steps up, down, left or right. The
        image's own edge is none.

    Returns
    -------
    ndarray
        uint8, of the same shape: 1 object, 2 background, 3 border.

    Raises
    ------
    TypeError, ValueError
        ``border`` is no whole number or negative, or ``masks`` are no such masks.

    Notes
    -----
    The numbering is from O. Parkhi, A. Vedaldi, A. Zisserman and C. V. Jawahar, "Cats and dogs", CVPR 2012. Taught in
    chapter 10, Segmentation.

    Examples
    --------
    >>> mask = np.zeros((1, 1, 6, 1), np.uint8)
    >>> mask[..., 3:, :] = 1
    >>> trimaps(mask).ravel()
    array([2, 2, 3, 3, 1, 1], dtype=uint8)
    """
    from scipy.ndimage import binary_erosion

    masks = np.asarray(masks)
    if masks.ndim != 4 or masks.shape[-1] != 1 or not np.isin(masks, (0, 1)).all():
        raise ValueError(f"trimaps: masks has shape {masks.shape}; they must be (N, height, width, 1), of 0 and 1.")
    inside, outside = masks == 1, masks == 0
    if whole("trimaps", "border", border):  # of SciPy, no iterations are endless ones
        cross = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]]).reshape(1, 3, 3, 1)
        inside, outside = (
            binary_erosion(region, cross, iterations=border, border_value=1) for region in (inside, outside)
        )
    return np.where(inside, 1, np.where(outside, 2, 3)).astype(np.uint8)


def _class_names(classes):
    combined = [f"{pattern} {shape}" for pattern in PATTERNS for shape in SHAPES]
    there_are = (
        f"There are {len(SHAPES)} shapes ({', '.join(SHAPES)}) in {len(PATTERNS)} patterns ({', '.join(PATTERNS)})."
    )
    if np.ndim(classes) == 0 and not isinstance(classes, str):
        wanted = whole("draw", "classes", classes)
        if not 1 <= wanted <= len(combined):
            raise ValueError(f"draw: classes is {wanted}; give 1 to {len(combined)}. {there_are}")
        return tuple(SHAPES if wanted <= len(SHAPES) else combined)[:wanted]
    names = (classes,) if isinstance(classes, str) else tuple(classes)
    unknown = [name for name in names if name not in SHAPES and name not in combined]
    if unknown:
        raise ValueError(
            f"draw: there is no class {', '.join(map(repr, unknown))}; give shapes, or pattern and shape, such as "
            f"'striped disk'. {there_are}"
        )
    if len(set(names)) < max(len(names), 1):
        raise ValueError(f"draw: classes is {names}; give at least one, and none twice. {there_are}")
    return names


def _shuffled_labels(count, classes, seed):
    """Counted from the start, every run of as many labels as there are classes has each of them once."""
    runs = -(-count // classes)
    order = np.random.default_rng([seed, 0]).random((runs, classes)).argsort(axis=1)
    return order.ravel()[:count].astype(np.int32)


def _compose(labels, class_names, height, width, seed, rotation, clutter):
    """Everything random about the images: arrays with one row an image, by name."""
    numbers = np.random.default_rng([seed, 1]).random((len(labels), _RANDOM_NUMBERS), dtype=np.float32)
    columns = iter(numbers.T)

    def uniform(low, high):
        return low + (high - low) * next(columns)

    def one_of(names):
        first = _FIELDS.index(next(iter(names)))
        return first + (next(columns) * len(names)).astype(np.int32)

    side = min(height, width)
    radius = side * uniform(0.26, 0.44)  # of the circle around the object
    x, y = (radius + (length - 2 * radius) * next(columns) for length in (width, height))
    patterns, shapes = zip(*(name.rpartition(" ")[::2] for name in class_names), strict=True)
    shape = np.array([_FIELDS.index(name) for name in shapes])[labels]
    pattern = np.array([_FIELDS.index(name) if name else -1 for name in patterns])[labels]
    pattern = np.where(pattern < 0, one_of(PATTERNS), pattern)

    def placed(field, x, y, scale, most=np.pi):
        """A table with its middle at (x, y) and its sides `scale` away from there, turned by `most` or less."""
        turn = uniform(-most, most)
        return np.stack([field, x, y, scale, np.cos(turn), np.sin(turn)], axis=1, dtype=np.float32)

    def anywhere(field, low, high):
        """A table that repeats all over the image."""
        scale = side * uniform(low, high)
        return placed(field, 2 * scale * next(columns), 2 * scale * next(columns), scale)

    # The object is clearly lighter or darker than the ground; what varies within either varies less than that.
    ground = next(columns)
    body = (ground + uniform(0.42, 0.58)) % 1
    lightness = [
        body + np.sign(body - ground) * uniform(-0.1, 0.3),  # the object's pattern
        body,
        *(ground + uniform(-each, each) for each in (0.22, 0.22, 0.12, 0.1, 0.1)),
    ]
    colours = np.stack([_colours(each, next(columns), next(columns)) for each in lightness], axis=1)
    plain_ground = colours[:, -1:]
    colours[:, 2:] = plain_ground + clutter * (colours[:, 2:] - plain_ground)
    loudness = clutter * uniform(0, _LOUDEST)
    noise = np.stack([loudness] * 3, axis=1)[:, None]
    direction = uniform(0, 2 * np.pi)
    slopes = np.stack([np.cos(direction), np.sin(direction)], axis=1)
    return {
        "object": placed(shape, x, y, radius / RADIUS, rotation),
        "object pattern": anywhere(pattern, 0.3, 0.55),
        "clutter": anywhere(one_of(CLUTTER), 0.5, 0.9),
        "more clutter": anywhere(one_of(CLUTTER), 0.5, 0.9),
        "ground pattern": anywhere(one_of(PATTERNS), 0.3, 0.8),
        "slopes": slopes / np.abs(slopes).sum(axis=1, keepdims=True),
        "noise": (next(columns) * _NOISES).astype(np.intp),
        "colours": np.concatenate([colours, noise], axis=1, dtype=np.float32),
    }


def _colours(lightness, hue, strength):
    """Colours (N, 3) from three numbers each, mostly between 0 and 1; the lightness is that of the three together."""
    thirds = 2 * np.pi * np.arange(3) / 3
    waves = np.cos(2 * np.pi * hue[:, None] - thirds) * (0.1 + 0.22 * strength[:, None])
    return _DARKEST + (_LIGHTEST - _DARKEST) * np.clip(0.1 + 0.8 * lightness[:, None] + waves, 0, 1)


def _paint(scenes, tables, images, masks):
    """Paint a group of images and their masks, in place."""
    count, height, width = masks.shape[:3]
    x, y = np.arange(width, dtype=np.float32) + 0.5, np.arange(height, dtype=np.float32) + 0.5
    weights = np.empty((count, len(_LAYERS), height, width), np.float32)

    # From front to back: what a layer covers of what the layers before it have left over.
    cover = _cover(tables, scenes["object"], x, y, repeat=False)
    np.greater(cover, 0.5, out=masks[..., 0].view(bool))
    np.multiply(cover, _cover(tables, scenes["object pattern"], x, y), out=weights[:, 0])
    np.subtract(cover, weights[:, 0], out=weights[:, 1])
    left = np.subtract(1, cover, out=cover)
    for position, layer in enumerate(_LAYERS[2:5], 2):
        np.multiply(left, _cover(tables, scenes[layer], x, y), out=weights[:, position])
        left -= weights[:, position]
    along_x, along_y = scenes["slopes"].T[:, :, None]
    np.multiply(left, _outer_sum(along_x * (x / width - 0.5) + 0.5, along_y * (y / height - 0.5)), out=weights[:, 5])
    np.subtract(left, weights[:, 5], out=weights[:, 6])
    weights[:, 7] = _noise(height, width)[scenes["noise"]]

    pixels = weights.reshape(count, len(_LAYERS), height * width).transpose(0, 2, 1)
    images[:] = np.matmul(pixels, scenes["colours"]).reshape(images.shape)


def _cover(tables, placed, x, y, repeat=True):
    """How much of each pixel a layer covers, from 0 to 1, in an array (N, height, width)."""
    resolution = tables.shape[1]  # a power of two, so that `&` below takes the remainder
    field, x0, y0, scale, cosine, sine = placed.T[:, :, None]
    cells = resolution / (2 * scale)  # in a pixel
    dx, dy = (x - x0) * cells, (y - y0) * cells
    column = _outer_sum(cosine * dx + resolution / 2, sine * dy)
    row = _outer_sum(-sine * dx + resolution / 2, cosine * dy)
    if repeat:
        np.floor(column, out=column)
        np.floor(row, out=row)
    else:
        np.clip(column, 0, resolution - 1, out=column)
        np.clip(row, 0, resolution - 1, out=row)
    cell, column = row.astype(np.int32), column.astype(np.int32)
    cell &= resolution - 1
    cell *= resolution
    column &= resolution - 1
    cell += column
    cell += (field[:, :, None] * resolution**2).astype(np.int32)
    cover = tables.take(cell, mode="clip")  # "clip" only spares a check; the distance, in units of `scale`
    cover *= -scale[:, :, None]
    cover += 0.5
    return np.clip(cover, 0, 1, out=cover)


def _outer_sum(of_columns, of_rows):
    """(N, width) and (N, height) to (N, height, width)."""
    return of_columns[:, None, :] + of_rows[:, :, None]


@functools.lru_cache(maxsize=4)
def _noise(height, width):
    """Noise from -1 to 1 for `_NOISES` images: windows, at every position, of one row of random numbers."""
    row = np.random.default_rng(0).standard_normal(_NOISES - 1 + height * width, dtype=np.float32) / 3
    return np.lib.stride_tricks.sliding_window_view(row.clip(-1, 1), height * width).reshape(_NOISES, height, width)


def _tight_boxes(masks):
    """Boxes (N, 4) around what is 1 in masks, none of which is empty."""
    height, width = masks.shape[1:3]
    columns, rows = masks[..., 0].max(axis=1), masks[..., 0].max(axis=2)
    x0, x1 = columns.argmax(axis=1), width - columns[:, ::-1].argmax(axis=1)
    y0, y1 = rows.argmax(axis=1), height - rows[:, ::-1].argmax(axis=1)
    return np.stack([x0, y0, x1, y1], axis=1).astype(np.float32)
