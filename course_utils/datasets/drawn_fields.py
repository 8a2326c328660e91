"""Signed distances to the shapes, patterns and clutter that drawn images are made of, as tables.

Every function here maps coordinates ``x`` (to the right) and ``y`` (down), both from -1 to 1, to the distance from the
nearest edge: negative inside, positive outside. Shapes lie within `RADIUS` of the origin; patterns and clutter repeat
with period 2, so that they tile the plane. Distances need only be right near the edge, where they become coverage:
those of patterns are good to first order there, those of shapes exact but for the corners of unions.
"""

import functools

import numpy as np

RADIUS = 0.8  # so that the border of a shape's table is outside, and repeating the border shows nothing


# ---------------------------------------------------------------- how shapes are built


def _disk(radius=RADIUS, x0=0.0, y0=0.0):
    return lambda x, y: np.hypot(x - x0, y - y0) - radius


def _above(level):
    return lambda x, y: y - level


def _polygon(*corners):
    """A simple polygon with these (x, y) corners, in either direction."""

    def distance(x, y):
        nearest = np.full_like(x, np.inf)
        inside = np.zeros(x.shape, bool)
        for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True):
            px, py, ex, ey = x - ax, y - ay, bx - ax, by - ay
            along = np.clip((px * ex + py * ey) / (ex * ex + ey * ey), 0, 1)
            nearest = np.minimum(nearest, (px - along * ex) ** 2 + (py - along * ey) ** 2)
            if ey:  # a ray to the right leaves the inside where it crosses an odd number of edges
                inside ^= ((y >= ay) != (y >= by)) & (px < py * (ex / ey))
        return np.where(inside, -1, 1) * np.sqrt(nearest)

    return distance


def _regular(corners, *radii, turn=-0.25):
    """A regular polygon; a star where there are two radii. `turn` is the first corner's angle, in turns."""
    steps = corners * len(radii)
    points = [(radii[k % len(radii)], 2 * np.pi * (turn + k / steps)) for k in range(steps)]
    return _polygon(*((float(r * np.cos(angle)), float(r * np.sin(angle))) for r, angle in points))


def _union(*parts):
    return lambda x, y: functools.reduce(np.minimum, [part(x, y) for part in parts])


def _common(*parts):
    return lambda x, y: functools.reduce(np.maximum, [part(x, y) for part in parts])


def _without(whole, hole):
    return lambda x, y: np.maximum(whole(x, y), -hole(x, y))


# The first ten are the easiest to tell apart, for people too.
SHAPES = {
    "disk": _disk(),
    "square": _regular(4, RADIUS, turn=0.125),
    "triangle": _regular(3, RADIUS),
    "star": _regular(5, RADIUS, 0.34),
    "ring": _without(_disk(), _disk(0.44)),
    "cross": _polygon(
        (-0.24, -0.76), (0.24, -0.76), (0.24, -0.24), (0.76, -0.24), (0.76, 0.24), (0.24, 0.24),
        (0.24, 0.76), (-0.24, 0.76), (-0.24, 0.24), (-0.76, 0.24), (-0.76, -0.24), (-0.24, -0.24),
    ),
    "heart": _union(
        _disk(0.37, -0.34, -0.26), _disk(0.37, 0.34, -0.26),
        _polygon((0, -0.4), (0.615, -0.01), (0, 0.78), (-0.615, -0.01)),
    ),
    "crescent": _without(_disk(), _disk(0.66, 0.42)),
    "arrow": _polygon(
        (0.8, 0), (0.12, -0.62), (0.12, -0.24), (-0.76, -0.24), (-0.76, 0.24), (0.12, 0.24), (0.12, 0.62),
    ),
    "hourglass": _polygon((-0.52, -0.6), (0.52, -0.6), (0.1, 0), (0.52, 0.6), (-0.52, 0.6), (-0.1, 0)),
    "hexagon": _regular(6, RADIUS),
    "drop": _union(_disk(0.5, 0, 0.28), _polygon((0, -0.8), (0.45, 0.06), (-0.45, 0.06))),
    "dome": _common(_disk(0.76, 0, 0.24), _above(0.24)),
    "flower": _union(*[_disk(0.32, 0.45 * np.sin(a), -0.45 * np.cos(a)) for a in 2 * np.pi * np.arange(5) / 5]),
    "tee": _polygon(
        (-0.6, -0.52), (0.6, -0.52), (0.6, -0.12), (0.2, -0.12), (0.2, 0.72), (-0.2, 0.72), (-0.2, -0.12), (-0.6, -0.12)
    ),
    "leaf": _common(_disk(0.9, -0.45), _disk(0.9, 0.45)),
    "fish": _union(
        _common(_disk(0.68, 0.16, -0.32), _disk(0.68, 0.16, 0.32)),
        _polygon((-0.3, 0), (-0.7, -0.38), (-0.58, 0), (-0.7, 0.38)),
    ),
    "chevron": _polygon((-0.56, -0.56), (0, -0.56), (0.6, 0), (0, 0.56), (-0.56, 0.56), (0.04, 0)),
    "frame": _without(_regular(4, RADIUS, turn=0.125), _regular(4, 0.42, turn=0.125)),
    "cloud": _common(
        _union(_disk(0.3, -0.42, 0.12), _disk(0.42, -0.02, -0.08), _disk(0.34, 0.4, 0.1), _disk(0.4, 0, 0.2)),
        _above(0.32),
    ),
    "pie": _without(_disk(), _polygon((0, 0), (1, -0.8), (1, 0.8))),
    "bolt": _polygon((0.2, -0.76), (-0.44, 0.1), (-0.06, 0.1), (-0.22, 0.76), (0.46, -0.2), (0.06, -0.2)),
    "gear": _without(_union(_disk(0.58), _regular(8, RADIUS, 0.5)), _disk(0.24)),
}  # fmt: skip


# ---------------------------------------------------------------- patterns and clutter, which repeat


def _checked(x, y):
    a, b = (np.arcsin(np.sin(3 * np.pi * along)) / (3 * np.pi) for along in (x, y))  # from the lines between checks
    return np.copysign(np.minimum(np.abs(a), np.abs(b)), a * b)


def _mottled(x, y, seed=0, waves_across=6, share=0.5):
    """Irregular blotches over a share of the plane: plane waves in random directions, summed and cut at a level."""
    random = np.random.default_rng(seed)
    height = np.zeros_like(x)
    for across, down in random.integers(-waves_across, waves_across + 1, (24, 2)).tolist():
        height += np.cos(np.pi * (across * x + down * y) + 2 * np.pi * random.random())
    level = np.quantile(height, 1 - share)
    steepness = 2.5 * np.pi * waves_across  # typical of such a sum
    return (level - height) / np.float32(steepness)


def _scribbles(x, y, seed=0, strokes=5):
    """Straight strokes here and there."""
    random = np.random.default_rng(seed)
    nearest = np.full_like(x, np.inf)
    for _ in range(strokes):
        x0, y0, angle = random.uniform(-1, 1), random.uniform(-1, 1), random.uniform(0, np.pi)
        half, width = random.uniform(0.15, 0.4), random.uniform(0.03, 0.07)
        ex, ey = float(np.cos(angle)), float(np.sin(angle))
        px, py = (x - x0 + 1) % 2 - 1, (y - y0 + 1) % 2 - 1  # from the middle of the stroke's nearest copy
        along = np.clip(px * ex + py * ey, -half, half)
        nearest = np.minimum(nearest, np.hypot(px - along * ex, py - along * ey) - width)
    return nearest


PATTERNS = {
    "plain": lambda x, y: np.ones_like(x),
    "striped": lambda x, y: np.sin(4 * np.pi * x) / (4 * np.pi),
    "checked": _checked,
    "dotted": lambda x, y: np.hypot(x * 2 % 1 - 0.5, y * 2 % 1 - 0.5) / 2 - 0.15,
    "wavy": lambda x, y: np.sin(4 * np.pi * x + 1.2 * np.sin(3 * np.pi * y)) / (4 * np.pi),
    "mottled": _mottled,
}

CLUTTER = {
    **{f"scribbles {seed}": functools.partial(_scribbles, seed=seed) for seed in range(6)},
    **{f"blotches {seed}": functools.partial(_mottled, seed=seed, waves_across=3, share=0.15) for seed in range(6)},
}


# ---------------------------------------------------------------- tables

_FUNCTIONS = {**SHAPES, **PATTERNS, **CLUTTER}


@functools.lru_cache
def _field(name, resolution):
    middles = (np.arange(resolution, dtype=np.float32) + 0.5) * np.float32(2 / resolution) - 1
    return _FUNCTIONS[name](*np.meshgrid(middles, middles)).astype(np.float32)


def fields(names, resolution):
    """Tabulate the distance functions with these names.

    Parameters
    ----------
    names : sequence of str
        Keys of `SHAPES`, `PATTERNS` or `CLUTTER`.
    resolution : int
        Cells along each side of a table.

    Returns
    -------
    ndarray
        float32, shape ``(len(names), resolution, resolution)``: the distance at the middle of each cell.
    """
    return np.stack([_field(name, resolution) for name in names])
