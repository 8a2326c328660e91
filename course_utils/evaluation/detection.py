"""How good found boxes are that overlap and are more or less sure: non-maximum suppression and average precision."""

import numpy as np

from .given import finite
from .regions import box_iou, checked_boxes


def nms(boxes, scores, threshold=0.5):
    """Non-maximum suppression: of boxes that overlap much, keep only the surest.

    The surest box is kept, all that overlap it with an IoU above the threshold are dropped, and so on with the others.

    Parameters
    ----------
    boxes : array of float, shape (boxes, 4)
        x0, y0, x1, y1 in pixels; of one image and one class.
    scores : array of float, shape (boxes,)
        How sure each is.
    threshold : float
        IoU from 0 to 1 up to which two boxes may overlap and both stay.

    Returns
    -------
    ndarray of int64, shape (kept,)
        Indices of the boxes that are kept, the surest first; of equal scores, the first.

    Raises
    ------
    ValueError
        The boxes are not (boxes, 4) with x0 <= x1 and y0 <= y1, there is not a score for each, or the threshold is not
        from 0 to 1.

    Notes
    -----
    Felzenszwalb et al. (2010), section 3.3 of "Object detection with discriminatively trained part based models",
    which measures overlap by another share. Taught in chapter 10, Segmentation.

    Examples
    --------
    >>> nms([[0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10]], [0.8, 0.9, 0.7])
    array([1, 2])
    """
    boxes, scores = _boxes_or_none("boxes", boxes), finite("scores", scores)
    threshold = _share("threshold", threshold)
    _as_many("boxes", boxes, scores)
    left, kept = np.argsort(-scores, kind="stable"), []
    while len(left):
        best, left = left[0], left[1:]
        kept.append(best)
        overlap = box_iou(np.broadcast_to(boxes[best], (len(left), 4)), boxes[left])
        left = left[overlap <= threshold]
    return np.array(kept, "int64")


def average_precision(truth, boxes, scores, threshold=0.5):
    """Area under precision against recall, boxes taken from the surest to the least sure.

    A box is right if its IoU with a true box of its image is at least the threshold and no surer box has found the same
    one: a second box on an object is a mistake. Precision at a recall is the best that is reached there or further on.

    Parameters
    ----------
    truth : list of array of float, shape (objects, 4)
        For each image the true boxes of one class, x0, y0, x1, y1 in pixels; an empty list where there are none.
    boxes : list of array of float, shape (boxes, 4)
        For each image the boxes that were found.
    scores : list of array of float, shape (boxes,)
        How sure each is; compared across images.
    threshold : float
        IoU, above 0 and up to 1.

    Returns
    -------
    float
        Between 0 and 1. NaN where there are no objects.

    Raises
    ------
    ValueError
        Not as many images of each, not a score for each box, boxes that are none, or a threshold that cannot be.

    Notes
    -----
    Everingham et al. (2010), section 4.2, with the area under all points, as PASCAL VOC has it since 2010, and without
    its "difficult" objects. A box is compared with the object that it overlaps most, also if that one has been found.
    Taught in chapter 10, Segmentation.

    Examples
    --------
    >>> there = [[[0, 0, 10, 10], [20, 0, 30, 10]]]
    >>> average_precision(there, [[[0, 0, 10, 10], [50, 0, 60, 10], [20, 0, 30, 10]]], [[0.9, 0.8, 0.7]])  # 1/2 + 1/3
    0.8333333333333333
    """
    if not len(truth) == len(boxes) == len(scores):
        raise ValueError(
            f"{len(truth)} images in truth, {len(boxes)} in boxes, {len(scores)} in scores; expected as many of each: "
            "a list with an entry for each image."
        )
    threshold = _share("threshold", threshold)
    if threshold == 0:
        raise ValueError("threshold is 0; it must be above 0, or every box would find something.")
    sure, right, objects = [], [], 0
    for number, (there, found, own) in enumerate(zip(truth, boxes, scores, strict=True)):
        there, found = (
            _boxes_or_none(f"truth of image {number}", there),
            _boxes_or_none(f"boxes of image {number}", found),
        )
        own = finite(f"scores of image {number}", own)
        _as_many(f"boxes of image {number}", found, own)
        objects += len(there)
        sure.extend(own)
        right.extend(_found(there, found, own, threshold))
    if not objects:
        return float("nan")
    order = np.argsort(-np.array(sure), kind="stable")
    hits = np.array(right, bool)[order].cumsum()
    precision = hits / np.arange(1, len(hits) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(hits, prepend=0) * best).sum() / objects)


def _found(there, found, scores, threshold):
    """Whether each box finds an object that no surer one has."""
    right, taken = np.zeros(len(found), bool), np.zeros(len(there), bool)
    for index in np.argsort(-scores, kind="stable"):
        overlap = box_iou(np.broadcast_to(found[index], there.shape), there)
        if len(overlap) and overlap.max() >= threshold and not taken[overlap.argmax()]:
            right[index] = taken[overlap.argmax()] = True
    return right


def _boxes_or_none(name, boxes):
    """Boxes (n, 4), also where an empty list stands for no boxes."""
    return checked_boxes(name, boxes) if np.size(boxes) else np.zeros((0, 4))


def _as_many(name, boxes, scores):
    if scores.ndim != 1 or len(boxes) != len(scores):
        raise ValueError(
            f"{name} are {len(boxes)}, but scores have shape {scores.shape}; expected a score for each box."
        )


def _share(name, value):
    number = float(finite(name, value))
    if not 0 <= number <= 1:
        raise ValueError(f"{name} is {number:g}; it must be from 0 to 1, as an IoU is.")
    return number
