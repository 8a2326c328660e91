"""Scenes of drawn stars and disks, for chapter 10's exercise: the stars are to be found.

Every object is cut out of a drawing of its own and laid on a ground of one colour, so that its colours, pattern and
size say nothing about what it is. Only the outline does.
"""

from typing import NamedTuple

import numpy as np

SIZE = 32  # pixels, of a scene
_OBJECT = 16  # of the drawing that an object is cut out of
_TRIES = 5  # at laying an object into a scene; where it would touch another one, it is left out


class Scenes(NamedTuple):
    """What `draw` made.

    Attributes
    ----------
    images : ndarray
        float32, shape (N, 32, 32, 3), pixels from 0 to 255.
    stars : ndarray
        uint8, shape (N, 32, 32, 1): 1 on stars, else 0.
    objects : ndarray
        uint8, of the same shape: 1 on stars and disks, else 0.
    """

    images: np.ndarray
    stars: np.ndarray
    objects: np.ndarray


def draw(count, seed=0):
    """Draw scenes of one to five objects, about as many stars as disks.

    Parameters
    ----------
    count : int
        How many scenes.
    seed : int
        Not negative. Another seed gives other scenes.

    Returns
    -------
    Scenes

    Notes
    -----
    Used in the exercise of chapter 10, Segmentation.

    Examples
    --------
    >>> scenes = draw(2)
    >>> scenes.images.shape, scenes.stars.shape
    ((2, 32, 32, 3), (2, 32, 32, 1))
    """
    from ..datasets import drawn

    random = np.random.default_rng([seed, 10])
    grounds = drawn.draw(count, SIZE, seed=2 * seed, clutter=0)
    cut = drawn.draw(count * _TRIES, _OBJECT, classes=("disk", "star"), seed=2 * seed + 1, clutter=0, rotation=180)
    images = random.normal(grounds.images[:, :1, :1], 5, grounds.images.shape)  # the corner's colour, and noise
    masks = np.zeros((2, count, SIZE, SIZE, 1), "uint8")
    for which, (image, mask, label, box) in enumerate(zip(cut.images, cut.masks, cut.labels, cut.boxes, strict=True)):
        number, (x0, y0, x1, y1) = which // _TRIES, box.astype(int)
        tight = np.s_[y0:y1, x0:x1]
        height, width, _ = mask[tight].shape
        top, left = random.integers(0, SIZE + 1 - np.array([height, width]))
        if masks[0, number, max(top - 1, 0) : top + height + 1, max(left - 1, 0) : left + width + 1].any():
            continue
        here = np.s_[number, top : top + height, left : left + width]
        images[here] = np.where(mask[tight], image[tight], images[here])
        masks[0][here] |= mask[tight]
        masks[1][here] |= mask[tight] * np.uint8(label)
    return Scenes(images.clip(0, 255).astype("float32"), stars=masks[1], objects=masks[0])
