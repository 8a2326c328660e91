"""Signed distances to the shapes, patterns and clutter that drawn images are made of, as tables.

Every function here maps coordinates ``x`` (to the right) and ``y`` (down), both from -1 to 1, to the distance from the
nearest edge: negative inside, positive outside. Shapes lie within radius 0.8 of the origin; patterns and clutter repeat
with period 2, so that they tile the plane. Distances of shapes are exact along straight edges and circles, the others
good to first order at the edge, which is what drawing an edge one pixel wide needs.
"""

import functools

import numpy as np

RADIUS = 0.8  # what is left of the tile, up to 1, is outside every shape: an image may repeat the table's border


def _disk(x, y, radius=RADIUS, at=(0.0, 0.0)):
    return np.hypot(x - at[0], y - at[1]) - radius


def _polygon(*corners):
    """Distance function of a simple polygon with these (x, y) corners, in either direction."""

    def distance(x, y):
        nearest = np.full_like(x, np.inf)
        inside = np.zeros(x.shape, bool)
        for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True):
            px, py, ex, ey = x - ax, y - ay, bx - ax, by - ay
            along = np.clip((px * ex + py * ey) / (ex * ex + ey * ey), 0, 1)
            nearest = np.minimum(nearest, (px - along * ex) ** 2 + (py - along * ey) ** 2)
            if ey:  # a ray to the right crosses this edge an odd number of times from inside
                inside ^= ((y >= ay) != (y >= by)) & (px < py * (ex / ey))
        return np.where(inside, -np.sqrt(nearest), np.sqrt(nearest))

    return distance


def _regular(points, inner=None, turn=-np.pi / 2):
    """Distance function of a regular polygon; of a star where an inner radius is given."""
    radii = [RADIUS] if inner is None else [RADIUS, inner]
    angles = turn + 2 * np.pi * np.arange(points * len(radii)) / (points * len(radii))
    corners = [(radii[k % len(radii)] * np.cos(a), radii[k % len(radii)] * np.sin(a)) for k, a in enumerate(angles)]
    return _polygon(*corners)


def _union(*parts):
    return lambda x, y: functools.reduce(np.minimum, [part(x, y) for part in parts])


def _common(*parts):
    return lambda x, y: functools.reduce(np.maximum, [part(x, y) for part in parts])


def _without(whole, hole):
    return lambda x, y: np.maximum(whole(x, y), -hole(x, y))


def _disk_at(cx, cy, radius):
    return lambda x, y: _disk(x, y, radius, (cx, cy))


def _below(level):
    return lambda x, y: level - y


# The first ten are the easiest to tell apart, for people too.
SHAPES = {
    "disk": _disk,
    "square": _regular(4, turn=np.pi / 4),
    "triangle": _regular(3),
    "star": _regular(5, inner=0.34),
    "ring": _without(_disk, _disk_at(0, 0, 0.44)),
    "cross": _polygon(
        (-0.24, -0.76), (0.24, -0.76), (0.24, -0.24), (0.76, -0.24), (0.76, 0.24), (0.24, 0.24),
        (0.24, 0.76), (-0.24, 0.76), (-0.24, 0.24), (-0.76, 0.24), (-0.76, -0.24), (-0.24, -0.24),
    ),
    "heart": _union(
        _disk_at(-0.34, -0.26, 0.37), _disk_at(0.34, -0.26, 0.37),
        _polygon((0, -0.40), (0.615, -0.01), (0, 0.78), (-0.615, -0.01)),
    ),
    "crescent": _without(_disk, _disk_at(0.42, 0, 0.66)),
    "arrow": _polygon(
        (0.8, 0), (0.12, -0.62), (0.12, -0.24), (-0.76, -0.24), (-0.76, 0.24), (0.12, 0.24), (0.12, 0.62),
    ),
    "hourglass": _polygon((-0.52, -0.6), (0.52, -0.6), (0.1, 0), (0.52, 0.6), (-0.52, 0.6), (-0.1, 0)),
    "hexagon": _regular(6),
    "drop": _union(_disk_at(0, 0.28, 0.5), _polygon((0, -0.8), (0.44, 0.05), (-0.44, 0.05))),
    "dome": _common(_disk_at(0, 0.36, 0.76), _below(10)),
    "flower": _union(*[_disk_at(0.45 * np.sin(a), -0.45 * np.cos(a), 0.32) for a in 2 * np.pi * np.arange(5) / 5]),
    "house": _polygon((0, -0.76), (0.72, -0.08), (0.5, -0.08), (0.5, 0.6), (-0.5, 0.6), (-0.5, -0.08), (-0.72, -0.08)),
    "leaf": _common(_disk_at(-0.45, 0, 0.9), _disk_at(0.45, 0, 0.9)),
    "fish": _union(
        _common(_disk_at(0.16, -0.32, 0.68), _disk_at(0.16, 0.32, 0.68)),
        _polygon((-0.3, 0), (-0.76, -0.42), (-0.62, 0), (-0.76, 0.42)),
    ),
    "chevron": _polygon((-0.56, -0.64), (0, -0.64), (0.6, 0), (0, 0.64), (-0.56, 0.64), (0.04, 0)),
    "frame": _without(_regular(4, turn=np.pi / 4), _polygon((-0.3, -0.3), (0.3, -0.3), (0.3, 0.3), (-0.3, 0.3))),
    "cloud": _union(_disk_at(-0.38, 0.12, 0.36), _disk_at(0.05, -0.12, 0.44), _disk_at(0.45, 0.16, 0.32)),
    "pie": _without(_disk, _polygon((0, 0), (1, -0.8), (1, 0.8))),
    "bolt": _polygon((0.2, -0.8), (-0.42, 0.1), (-0.06, 0.1), (-0.22, 0.78), (0.44, -0.2), (0.06, -0.2)),
}  # fmt: skip


def _wave(height, slope):
    """First-order distance to the zero line of a height: the height over how steep it is there."""
    return height / slope


def _mottled(x, y, seed=0, level=0.0, bands=6):
    """Irregular blotches: a sum of plane waves of random direction and phase, cut at a level."""
    random = np.random.default_rng(seed)
    height = np.zeros_like(x)
    for _ in range(24):
        kx, ky = random.integers(-bands, bands + 1, 2)
        height += np.cos(np.pi * (kx * x + ky * y) + random.uniform(0, 2 * np.pi))
    return (level - height / np.sqrt(12)) / (np.pi * bands * 0.8)


def _scribbles(x, y, seed=0, strokes=5):
    """Straight strokes here and there, on a plane that repeats."""
    random = np.random.default_rng(seed)
    nearest = np.full_like(x, np.inf)
    for _ in range(strokes):
        ax, ay, angle = random.uniform(-1, 1, 3) * (1, 1, np.pi)
        length, width = random.uniform(0.3, 0.8), random.uniform(0.03, 0.07)
        ex, ey = np.cos(angle), np.sin(angle)
        px, py = (x - ax + 1) % 2 - 1, (y - ay + 1) % 2 - 1  # from the nearest copy of the stroke's middle
        along = np.clip(px * ex + py * ey, -length / 2, length / 2)
        nearest = np.minimum(nearest, np.hypot(px - along * ex, py - along * ey) - width)
    return nearest


PATTERNS = {
    "plain": lambda x, y: np.ones_like(x),
    "striped": lambda x, y: np.sin(4 * np.pi * x) / (4 * np.pi),
    "checked": lambda x, y: np.sin(3 * np.pi * x) * np.sin(3 * np.pi * y) / (3 * np.pi),
    "dotted": lambda x, y: np.hypot((x * 2) % 1 - 0.5, (y * 2) % 1 - 0.5) / 2 - 0.15,
    "wavy": lambda x, y: np.sin(4 * np.pi * x + 1.2 * np.sin(3 * np.pi * y)) / (4 * np.pi),
    "mottled": _mottled,
}

CLUTTER = {
    **{f"scribbles {k}": functools.partial(_scribbles, seed=k) for k in range(6)},
    **{f"blotches {k}": functools.partial(_mottled, seed=k, level=1.1, bands=3) for k in range(6)},
}

FUNCTIONS = {**SHAPES, **PATTERNS, **CLUTTER}


@functools.lru_cache
def _field(name, resolution):
    steps = (np.arange(resolution, dtype=np.float32) + 0.5) * np.float32(2 / resolution) - 1
    x, y = np.meshgrid(steps, steps)
    return FUNCTIONS[name](x, y).astype(np.float32)


@functools.lru_cache(maxsize=8)
def fields(names, resolution):
    """Tables of the distance functions with these names, one under the other and flat.

    Parameters
    ----------
    names : tuple of str
        Keys of `SHAPES`, `PATTERNS` or `CLUTTER`.
    resolution : int
        Cells along each side of a table; cell (row, column) holds the distance at its centre.

    Returns
    -------
    ndarray
        float32, of shape ``(len(names) * resolution**2,)``; not to be written to.
    """
    tables = np.concatenate([_field(name, resolution).ravel() for name in names])
    tables.flags.writeable = False
    return tables
