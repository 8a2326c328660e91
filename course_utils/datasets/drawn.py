"""Drawn images: any number of coloured, textured shapes on cluttered backgrounds, with the truth about each.

An image is painted back to front: a gradient, a pattern, two layers of clutter, then the object. Every layer is a
signed distance (`drawn_fields`) looked up in a table, which turns whatever outline into the same few array operations;
an edge is one pixel wide because the distance, in pixels, is the coverage. Images are painted in groups whose arrays
stay in the processor's cache.
"""

from dataclasses import dataclass
from operator import index

import numpy as np

from .drawn_fields import CLUTTER, PATTERNS, RADIUS, SHAPES, fields

SMALLEST = 16  # pixels; below this, shapes cannot be told apart
_GROUP_PIXELS = 32 * 1024  # of all images painted together; float32 arrays of this many fit into a level-2 cache
_DARKEST, _LIGHTEST = 22.0, 233.0  # of the painted colours, so that the noise on top of them cannot leave 0 to 255
_LOUDEST = 20.0  # largest deviation that noise makes
_RANDOM_NUMBERS = 64  # drawn for each image; more than are used, so that a new one does not change the others


@dataclass(frozen=True, eq=False)
class Drawing:
    """What `draw` made: images, and the truth about the object in each.

    Attributes
    ----------
    images : ndarray
        uint8, shape (N, height, width, 3), red, green, blue.
    labels : ndarray
        int32, shape (N,): index into ``class_names``.
    masks : ndarray
        uint8, shape (N, height, width, 1): 1 where the pixel's centre is on the object, else 0.
    boxes : ndarray
        float32, shape (N, 4): x0, y0, x1, y1 in pixels from the image's upper left corner. The tight box around the
        mask; pixel (row, column) covers x from column to column + 1, so a box as wide as one pixel has x1 - x0 = 1.
    class_names : tuple of str
    """

    images: np.ndarray
    labels: np.ndarray
    masks: np.ndarray
    boxes: np.ndarray
    class_names: tuple

    def __len__(self):
        return len(self.images)

    def __repr__(self):
        height, width = self.images.shape[1:3]
        return f"Drawing({len(self):,} images of {height}x{width}, {len(self.class_names)} classes)"


def draw(count, size=32, *, classes=10, seed=0):
    """Draw shapes on cluttered backgrounds, with label, mask and box.

    Position, size, rotation, colours, pattern, background and clutter are random and tell nothing about the class.
    The same seed gives the same scenes whatever the count and the size: the first images of a longer drawing are
    those of a shorter one, and a larger image shows the same scene in more detail.

    Parameters
    ----------
    count : int
        Number of images.
    size : int or (int, int)
        Side of the images, or (height, width), in pixels; at least 16.
    classes : int or sequence of str
        How many classes, or which. Up to ``len(SHAPES)`` they are shapes, of any pattern; above, every pattern of a
        shape is a class of its own: ``"striped disk"``. Names may mix both kinds.
    seed : int
        Not negative. Another seed gives other images.

    Returns
    -------
    Drawing
        Images, labels, masks, boxes and class names. Labels are shuffled, and balanced to within one image a class.

    Raises
    ------
    ValueError
        A negative count or seed, a side below 16 pixels, more classes than there are, or a name that is none.

    Notes
    -----
    Distance tables as in C. Green, "Improved alpha-tested magnification for vector textures and special effects",
    SIGGRAPH 2007 courses. Taught in chapter 01, Tasks.

    Examples
    --------
    >>> drawing = draw(6, 32, classes=("disk", "striped star"), seed=1)
    >>> drawing
    Drawing(6 images of 32x32, 2 classes)
    >>> drawing.images.shape, drawing.masks.shape, drawing.boxes.shape
    ((6, 32, 32, 3), (6, 32, 32, 1), (6, 4))
    >>> sorted(drawing.labels.tolist())
    [0, 0, 0, 1, 1, 1]
    """
    count, (height, width), seed = _not_negative("count", count), _sides(size), _not_negative("seed", seed)
    class_names = _class_names(classes)
    labels = _shuffled_labels(count, len(class_names), seed)
    layers = _compose(labels, class_names, height, width, seed)

    images = np.empty((count, height, width, 3), np.uint8)
    masks = np.empty((count, height, width, 1), np.uint8)
    together = max(1, _GROUP_PIXELS // (height * width))
    for start in range(0, count, together):
        group = slice(start, start + together)
        _paint({name: values[group] for name, values in layers.items()}, images[group], masks[group])
    return Drawing(images, labels, masks, _tight_boxes(masks), class_names)


def _not_negative(name, value):
    value = index(value)
    if value < 0:
        raise ValueError(f"draw: {name} is {value}; it must be 0 or more.")
    return value


def _sides(size):
    sides = (size, size) if np.ndim(size) == 0 else tuple(size)
    if len(sides) != 2:
        raise ValueError(f"draw: size is {size!r}; give one side, such as 32, or (height, width).")
    height, width = (index(side) for side in sides)
    if min(height, width) < SMALLEST:
        raise ValueError(
            f"draw: size is {size!r}; shapes cannot be told apart below {SMALLEST} pixels. Draw larger and shrink."
        )
    return height, width


def _class_names(classes):
    combined = [f"{pattern} {shape}" for pattern in PATTERNS for shape in SHAPES]
    if isinstance(classes, str):
        classes = (classes,)
    if np.ndim(classes) == 0:
        number = index(classes)
        if not 1 <= number <= len(combined):
            raise ValueError(
                f"draw: classes is {number}; there are 1 to {len(SHAPES)} shapes, or up to {len(combined)} classes "
                f"of shape and pattern. Shapes: {', '.join(SHAPES)}. Patterns: {', '.join(PATTERNS)}."
            )
        return tuple(SHAPES)[:number] if number <= len(SHAPES) else tuple(combined[:number])
    names = tuple(classes)
    unknown = [name for name in names if name not in SHAPES and name not in combined]
    if unknown or not names or len(set(names)) < len(names):
        problem = f"names {', '.join(map(repr, unknown))}" if unknown else f"is {names}, empty or with a name twice"
        raise ValueError(
            f"draw: classes {problem}. A class is a shape ({', '.join(SHAPES)}), "
            f"or a pattern and a shape, such as 'striped disk' ({', '.join(PATTERNS)})."
        )
    return names


def _shuffled_labels(count, classes, seed):
    """Every run of `classes` labels, counted from the start, is a random order of all classes."""
    runs = -(-count // classes)
    order = np.random.default_rng([seed, 0]).random((runs, classes)).argsort(axis=1)
    return order.ravel()[:count].astype(np.int32)


def _compose(labels, class_names, height, width, seed):
    """Everything random about the images: arrays whose first axis is the image, by name."""
    numbers = np.random.default_rng([seed, 1]).random((len(labels), _RANDOM_NUMBERS), dtype=np.float32)
    columns = iter(numbers.T)

    def uniform(low, high):
        return low + (high - low) * next(columns)

    def one_of(names):
        return (next(columns) * len(names)).astype(np.int32)

    side = min(height, width)

    # The object, all of it inside the frame.
    radius = side * uniform(0.26, 0.44)  # of the circle around the shape, in pixels
    x = radius + (width - 2 * radius) * next(columns)
    y = radius + (height - 2 * radius) * next(columns)
    shapes, patterns = tuple(SHAPES), tuple(PATTERNS)
    parts = [name.rpartition(" ") for name in class_names]
    shape = np.array([shapes.index(shape) for _, _, shape in parts])[labels]
    pattern = np.array([patterns.index(pattern) if pattern else -1 for pattern, _, _ in parts])[labels]
    pattern = np.where(pattern < 0, one_of(patterns), pattern)

    # Object and background differ in lightness, whichever is lighter; what varies within either varies less.
    ground = next(columns)
    body = (ground + uniform(0.38, 0.62)) % 1
    away = np.sign(body - ground)
    colours = {
        "ground_from": ground + uniform(-0.1, 0.1),
        "ground_to": ground + uniform(-0.1, 0.1),
        "ground_pattern": ground + uniform(-0.12, 0.12),
        "clutter_a": ground + uniform(-0.22, 0.22),
        "clutter_b": ground + uniform(-0.22, 0.22),
        "body": body,
        "body_pattern": body + away * uniform(-0.12, 0.3),
    }
    layers = {name: _colour(lightness, next(columns), next(columns)) for name, lightness in colours.items()}
    direction = uniform(0, 2 * np.pi)
    layers["gradient"] = np.stack([np.cos(direction) / width, np.sin(direction) / height], axis=1)
    layers["noise"] = uniform(0, 1)
    layers["noise_start"] = next(columns)

    def place(scale, turn, x, y):
        """Scale in pixels from the middle of a table to its border, middle of the table at (x, y)."""
        return np.stack([np.cos(turn) / scale, np.sin(turn) / scale, x, y, scale], axis=1).astype(np.float32)

    def anywhere(low, high):
        """A table that fills the plane, in any position."""
        scale = side * uniform(low, high)
        return place(scale, uniform(0, 2 * np.pi), -2 * scale * next(columns), -2 * scale * next(columns))

    layers["shape"], layers["shape_place"] = shape, place(radius / RADIUS, uniform(-np.pi, np.pi), x, y)
    layers["body_pattern_field"], layers["body_pattern_place"] = pattern, anywhere(0.3, 0.55)
    layers["ground_pattern_field"], layers["ground_pattern_place"] = one_of(patterns), anywhere(0.3, 0.8)
    layers["clutter_a_field"], layers["clutter_a_place"] = one_of(CLUTTER), anywhere(0.5, 0.9)
    layers["clutter_b_field"], layers["clutter_b_place"] = one_of(CLUTTER), anywhere(0.5, 0.9)
    return layers


def _colour(lightness, hue, strength):
    """Colours, (N, 3), that differ in lightness by what they are told to; all arguments from 0 to 1."""
    third = 2 * np.pi * np.arange(3, dtype=np.float32) / 3
    waves = np.cos(2 * np.pi * hue[:, None] - third) * (0.1 + 0.22 * strength[:, None])
    colour = np.clip(0.1 + 0.8 * lightness[:, None] + waves, 0, 1)
    return (_DARKEST + (_LIGHTEST - _DARKEST) * colour).astype(np.float32)


def _paint(layers, images, masks):
    """Paint a group of images and masks, in place."""
    height, width = masks.shape[1:3]
    resolution = 1 << max(7, (2 * max(height, width) - 1).bit_length())
    across, down = np.arange(width, dtype=np.float32) + 0.5, np.arange(height, dtype=np.float32) + 0.5
    shapes, patterns, clutter = (fields(tuple(names), resolution) for names in (SHAPES, PATTERNS, CLUTTER))

    def distance(tables, which, place, repeat=True):
        """Signed distance in pixels, (N, height, width)."""
        cosine, sine, x, y, scale = (place[:, k, None] for k in range(5))
        half = resolution / 2
        u = _outer(half * (cosine * (across - x) + 1), half * sine * (down - y))
        v = _outer(-half * sine * (across - x), half * (cosine * (down - y) + 1))
        if not repeat:
            np.clip(u, 0, resolution - 1, out=u)
            np.clip(v, 0, resolution - 1, out=v)
        else:
            u += 16 * resolution
            v += 16 * resolution
        cell = v.astype(np.int32)
        cell &= resolution - 1
        cell *= resolution
        column = u.astype(np.int32)
        column &= resolution - 1
        cell += column
        cell += (which * resolution**2).astype(np.int32)[:, None, None]
        found = tables.take(cell, mode="clip")
        found *= scale[:, :, None]
        return found

    def cover(distance):
        np.subtract(0.5, distance, out=distance)
        return np.clip(distance, 0, 1, out=distance)[:, None]

    def blend(canvas, colour, coverage):
        step = colour[:, :, None, None] - canvas
        step *= coverage
        canvas += step

    gradient = layers["gradient"]
    ramp = _outer(gradient[:, :1] * (across - width / 2), gradient[:, 1:] * (down - height / 2))
    ramp += 0.5
    canvas = ramp[:, None] * (layers["ground_to"] - layers["ground_from"])[:, :, None, None]
    canvas += layers["ground_from"][:, :, None, None]
    for layer, tables in (("ground_pattern", patterns), ("clutter_a", clutter), ("clutter_b", clutter)):
        edge = distance(tables, layers[f"{layer}_field"], layers[f"{layer}_place"])
        blend(canvas, layers[layer], cover(edge))
    body = layers["body"][:, :, None, None] * np.ones((1, 1, height, width), np.float32)
    edge = distance(patterns, layers["body_pattern_field"], layers["body_pattern_place"])
    blend(body, layers["body_pattern"], cover(edge))
    edge = distance(shapes, layers["shape"], layers["shape_place"], repeat=False)
    np.less(edge, 0, out=masks[..., 0].view(bool))
    body -= canvas
    body *= cover(edge)
    canvas += body
    canvas += _noise(height * width, layers).reshape(-1, 1, height, width)
    images[:] = canvas.astype(np.uint8).transpose(0, 2, 3, 1)


def _outer(along_rows, along_columns):
    return along_rows[:, None, :] + along_columns[:, :, None]


_STARTS = 1 << 14


def _noise(pixels, layers):
    noise = np.random.default_rng(0).standard_normal(pixels + _STARTS, dtype=np.float32)
    np.clip(noise * (_LOUDEST / 3), -_LOUDEST, _LOUDEST, out=noise)
    starts = (layers["noise_start"] * _STARTS).astype(np.intp)
    return np.lib.stride_tricks.sliding_window_view(noise, pixels)[starts] * layers["noise"][:, None]


def _tight_boxes(masks):
    """Boxes (N, 4) around masks, none of which is empty."""
    height, width = masks.shape[1:3]
    columns, rows = masks[..., 0].max(axis=1, initial=0), masks[..., 0].max(axis=2, initial=0)
    edges = [
        columns.argmax(axis=1), rows.argmax(axis=1),
        width - columns[:, ::-1].argmax(axis=1), height - rows[:, ::-1].argmax(axis=1),
    ]  # fmt: skip
    return np.stack(edges, axis=1).astype(np.float32)
