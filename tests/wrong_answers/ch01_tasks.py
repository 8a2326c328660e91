"""Answers to chapter 01, as students write them: apart from the references of the checks, on purpose."""

import numpy as np

from course_utils import evaluation

# --- 01.output_shape --------------------------------------------------------------------------------------------------


def shapes(task, count, height, width, classes):
    if task in ("classification", "several objects"):
        return count, classes
    if task == "box":
        return count, 4
    return count, height, width, classes if task == "segmentation" else 3


def shapes_of_labels(task, count, height, width, classes):
    return (count,) if task in ("classification", "several objects") else shapes(task, count, height, width, classes)


def shapes_without_channels(task, count, height, width, classes):
    full = shapes(task, count, height, width, classes)
    return full[:3]


# --- 01.giou ----------------------------------------------------------------------------------------------------------


def overlap(a, b):
    ax0, ay0, ax1, ay1 = a
    bx0, by0, bx1, by1 = b
    return max(0, min(ax1, bx1) - max(ax0, bx0)) * max(0, min(ay1, by1) - max(ay0, by0))


def area(box):
    return (box[2] - box[0]) * (box[3] - box[1])


def around(a, b):
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def union(a, b):
    return area(a) + area(b) - overlap(a, b)


def giou(a, b):
    return overlap(a, b) / union(a, b) - 1 + union(a, b) / area(around(a, b))


def giou_half_clipped(a, b):
    shared = max(0, min(a[2], b[2]) - max(a[0], b[0])) * (min(a[3], b[3]) - max(a[1], b[1]))
    union = area(a) + area(b) - shared
    return shared / union - (area(around(a, b)) - union) / area(around(a, b))


def giou_nothing_shared(a, b):
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return 0 if width <= 0 or height <= 0 else giou(a, b)


def giou_with_numpy(a, b):
    a, b = np.array(a, float), np.array(b, float)
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    shared = sides.prod() if (sides > 0).all() else 0.0
    union = np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared
    hull = (np.maximum(a[2:], b[2:]) - np.minimum(a[:2], b[:2])).prod()
    return shared / union - (hull - union) / hull


def giou_of_the_same(a, b):
    """Right for tuples, and stops for rows of arrays."""
    return 1.0 if a == b else giou_with_numpy(a, b)


# --- 01.dice ----------------------------------------------------------------------------------------------------------


def sums(truth, prediction):
    both = np.array([np.logical_and(t, p).sum() for t, p in zip(truth, prediction, strict=True)], float)
    total = np.array([(t > 0).sum() + (p > 0).sum() for t, p in zip(truth, prediction, strict=True)], float)
    return both, total


def dice_unguarded(truth, prediction):
    both, total = sums(truth, prediction)
    with np.errstate(invalid="ignore"):
        return 2 * both / total


def dice_with_floor(truth, prediction):
    both, total = sums(truth, prediction)
    return 2 * both / np.maximum(total, 1)


def iou_for_dice(truth, prediction):
    both, total = sums(truth, prediction)
    return np.array([1.0 if t == 0 else b / (t - b) for b, t in zip(both, total, strict=True)])


def recall(truth, prediction):
    shared = (truth & prediction).sum(axis=(1, 2), dtype=int)
    total = truth.sum(axis=(1, 2), dtype=int)
    return np.array([s / t if t else 1.0 for s, t in zip(shared, total, strict=True)])


def dice_if_both(truth, prediction):
    values = dice_by_loop(truth, prediction)
    values[[not (t.any() and p.any()) for t, p in zip(truth, prediction, strict=True)]] = 1
    return values


def dice_of_all(truth, prediction):
    return float(dice_by_loop(truth, prediction).mean())


def dice_in_einsum(truth, prediction):
    """`einsum` keeps the type of the masks."""
    shared = np.einsum("nij,nij->n", truth, prediction).astype(float)
    total = sums(truth, prediction)[1]
    return np.where(total == 0, 1.0, 2 * shared / np.maximum(total, 1))


def dice_by_loop(truth, prediction):
    values = []
    for t, p in zip(truth.astype(bool), prediction.astype(bool), strict=True):
        values.append(2 * (t & p).sum() / (t.sum() + p.sum()) if t.any() or p.any() else 1.0)
    return np.array(values)


# --- 01.smooth_l1 -----------------------------------------------------------------------------------------------------


def smooth_l1_with_masks(truth, prediction, beta=1.0, size=np.abs):
    d = size(prediction - truth)
    cost = d - beta / 2
    near = d <= beta
    cost[near] = d[near] ** 2 / beta / 2
    return cost.sum(axis=1) / 4


def smooth_l1_of_the_mean(truth, prediction, beta=1.0):
    d = np.abs(truth - prediction).mean(axis=1)
    return np.array([each**2 / (2 * beta) if each < beta else each - beta / 2 for each in d])


# --- 01.constant_box --------------------------------------------------------------------------------------------------


def mean_iou(box, boxes):
    return evaluation.box_iou(np.tile(box, (len(boxes), 1)), boxes).mean()


def best_of_the_given(boxes):
    """No edge is ever moved; enough where one of the given boxes is nearly the best."""
    return max(boxes, key=lambda box: mean_iou(box, boxes))


def random_search(boxes):
    """Many boxes near good ones, at random."""
    random = np.random.default_rng(0)
    best = best_of_the_given(boxes)
    for spread in (4.0, 2.0, 1.0, 0.5, 0.25):
        for _ in range(150):
            box = best + random.normal(0, spread, 4)
            if box[0] < box[2] and box[1] < box[3] and mean_iou(box, boxes) > mean_iou(best, boxes):
                best = box
    return best


def simplex(boxes):
    from scipy.optimize import minimize

    def loss(box):
        return 1.0 - mean_iou(box, boxes) if box[0] < box[2] and box[1] < box[3] else 1.0

    starts = [best_of_the_given(boxes), boxes.mean(axis=0)]
    found = [minimize(loss, start, method="Nelder-Mead") for start in starts]
    return min(found, key=lambda each: each.fun).x.tolist()


def around_all(boxes):
    return np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])


def box_in_place(boxes):
    boxes -= boxes.mean(axis=0)
    return np.array([0.0, 0, 1, 1])


# --- 01.slide ---------------------------------------------------------------------------------------------------------


def search(image, classify, window, strides, end=1):
    """Window by window, keeping the best."""
    best = None
    for row in range(0, image.shape[0] - window + end, strides):
        for column in range(0, image.shape[1] - window + end, strides):
            label, probability = objects(classify(image[None, row : row + window, column : column + window])[0])
            if best is None or probability > best[0]:
                best = probability, label, (column, row, column + window, row + window)
    return best[1:]


def past_the_edge(image, classify, window, strides):
    return search(image, classify, window, strides, end=window)


def search_in_shares(image, classify, window, strides):
    return search(image / 255, classify, window, strides)


def search_in_256ths(image, classify, window, strides):
    return search(image / 256, classify, window, strides)


def search_in_a_list(image, classify, window, strides):
    """Hands on a list of crops, which has no `mean`."""
    return search(image, lambda crops: classify(list(crops)), window, strides)


def objects(probabilities):
    label = 1 + int(np.argmax(probabilities[1:]))
    return label, probabilities[label]


def stops_at_first(image, classify, window, strides):
    for row in range(0, image.shape[0] - window + 1, strides):
        for column in range(0, image.shape[1] - window + 1, strides):
            label = int(classify(image[None, row : row + window, column : column + window])[0].argmax())
            if label:
                return label, (column, row, column + window, row + window)
    return 0, (0, 0, window, window)


def crops_of(image, window, strides):
    view = np.lib.stride_tricks.sliding_window_view(image, (window, window), axis=(0, 1))
    return view[::strides, ::strides]  # (rows, columns, 3, window, window)


def find_in_view(axes, pick):
    def find(image, classify, window, strides):
        view = crops_of(image, window, strides).transpose(axes)
        probabilities = classify(view.reshape(-1, window, window, 3))
        place, label = pick(probabilities)
        row, column = (strides * int(k) for k in divmod(int(place), view.shape[1]))
        return label, (column, row, column + window, row + window)

    return find


def best_entry(probabilities):
    place, label = divmod(int(probabilities[:, 1:].argmax()), probabilities.shape[1] - 1)
    return place, label + 1


def least_nothing(probabilities):
    place = probabilities[:, 0].argmin()
    return place, int(probabilities[place, 1:].argmax()) + 1


def by_votes(probabilities):
    """The class by a vote of all windows, then its best window."""
    votes = (1 + probabilities[:, 1:].argmax(axis=1)).tolist()
    label = max(sorted(set(votes)), key=votes.count)
    return probabilities[:, label].argmax(), label


def find_where_sure(image, classify, window, strides):
    """Only where an object is more probable than nothing."""
    best, found = 0, None
    for row in range(0, image.shape[0] - window + 1, strides):
        for column in range(0, image.shape[1] - window + 1, strides):
            probabilities = classify(image[None, row : row + window, column : column + window])[0]
            label = int(probabilities.argmax())
            if label and probabilities[label] > best:
                best, found = probabilities[label], (label, (column, row, column + window, row + window))
    return found


def one_crop_at_a_time(image, classify, window, strides):
    """Hands on a crop without the axis that counts crops."""
    return search(image, lambda crops: classify(crops[0])[None], window, strides)


def stacked(image, classify, window, strides, *, last=0, turned=False):
    height, width = image.shape[:2][::-1] if turned else image.shape[:2]
    places = [(r, c) for r in range(0, height - last, strides) for c in range(0, width - last, strides)]
    crops = np.stack([image[r : r + window, c : c + window] for r, c in places])
    place, label = best_entry(classify(crops))
    row, column = places[place]
    return label, (column, row, column + window, row + window)


def flush_windows(image, classify, window, strides):
    height, width = image.shape[:2]
    best = None
    for row in [*range(0, height - window, strides), height - window]:
        for column in [*range(0, width - window, strides), width - window]:
            label, probability = objects(classify(image[None, row : row + window, column : column + window])[0])
            if best is None or probability > best[0]:
                best = probability, label, (column, row, column + window, row + window)
    return best[1:]


# --- 01.features ------------------------------------------------------------------------------------------------------


def directions(images, cell=16, bins=16):
    grey = images.astype(float).sum(axis=3)
    down, right = np.gradient(grey, axis=(1, 2))
    strength = np.sqrt(right**2 + down**2)
    which = np.floor((np.arctan2(down, right) + np.pi) / (2 * np.pi) * bins).astype(int).clip(0, bins - 1)
    rows = []
    for top in range(0, 32, cell):
        for left in range(0, 32, cell):
            here = np.s_[:, top : top + cell, left : left + cell]
            rows += [(strength[here] * (which[here] == k)).sum(axis=(1, 2)) for k in range(bins)]
    return np.stack(rows, axis=1)


def normed(rows):
    return rows / (1 + np.linalg.norm(rows, axis=1, keepdims=True))


def frequencies(images):
    spectrum = np.abs(np.fft.fft2(images.astype(float).mean(axis=3)))
    return np.log1p(np.concatenate([spectrum[:, :8, :8], spectrum[:, -8:, :8]], axis=1)).reshape(len(images), -1)


def in_the_middle(images):
    """The pictures moved so that the middle of what is steep lies in their middle."""
    down, right = np.gradient(images.astype(float), axis=(1, 2))
    steep = (down**2 + right**2).sum(axis=3)
    moved = []
    for image, weights in zip(images, steep, strict=True):
        row, column = (np.average(np.arange(32), weights=weights.sum(axis=1 - axis)) for axis in (0, 1))
        moved.append(np.roll(image, (16 - round(row), 16 - round(column)), axis=(0, 1)))
    return np.stack(moved)


def at_random(images):
    return images.reshape(len(images), -1) @ np.random.default_rng().normal(size=(3072, 100))


def by_the_largest(images):
    rows = directions(images)
    return rows / rows.max()


def with_nan(images):
    rows = directions(images)
    rows[0, 0] = np.nan
    return rows


WRONG = {
    "01.which_task": [("weeds", "not a choice"), (3, "not a choice")],
    "01.output_shape": [
        ((8, 10), "wrong type"),
        (lambda task: (8, 10), "signature"),
        (shapes_of_labels, "label for probabilities"),
        (shapes_without_channels, "no classes in the mask"),
        (lambda task, *sizes: (sizes[0], 2) if task == "box" else shapes(task, *sizes), "other"),
    ],
    "01.giou": [
        (giou_half_clipped, "negative sides"),
        (giou_nothing_shared, "0 for boxes apart"),
        (giou_of_the_same, "stopped"),
        (lambda a, b: overlap(a, b) / union(a, b), "plain iou"),
        (lambda a, b: 1 - giou(a, b), "the loss"),
        (lambda a, b: 100 * giou_with_numpy(a, b), "percent"),
        (lambda a, b: evaluation.box_iou([a], [b])[0], "package's own"),
        (lambda a, b: 0.5, "constant"),
        (0.5, "wrong type"),
    ],
    "01.dice": [
        (dice_unguarded, "nan for two empty masks"),
        (dice_with_floor, "0 for two empty masks"),
        (iou_for_dice, "iou"),
        (recall, "recall"),
        (dice_if_both, "1 where one is empty"),
        (dice_of_all, "one number for all"),
        (dice_in_einsum, "counts wrap"),
        (lambda truth, prediction: dice_by_loop(truth, prediction).tolist(), "list for array"),
        (lambda truth, prediction: 100 * dice_by_loop(truth, prediction), "percent"),
        (lambda truth, prediction: dice_by_loop(truth, prediction).astype(int), "whole division"),
    ],
    "01.smooth_l1": [
        (lambda truth, prediction, beta=1.0: smooth_l1_with_masks(truth, prediction, beta, np.array), "sign"),
        (smooth_l1_of_the_mean, "mean first"),
        (lambda truth, prediction: smooth_l1_with_masks(truth, prediction), "signature"),
        (lambda truth, prediction, beta=1.0: list(smooth_l1_with_masks(truth, prediction, beta)), "list for array"),
    ],
    "01.constant_box": [
        (lambda boxes: boxes.mean(axis=0), "the mean box"),
        (lambda boxes: np.median(boxes, axis=0).round(), "the median box"),
        (best_of_the_given, "one of the given"),
        (around_all, "not the best"),
        (lambda boxes: np.array([0, 0, 32, 32]), "one box for all sets"),
        (lambda boxes: boxes, "shape"),
        (lambda boxes: None, "no return"),
        (lambda boxes: np.asarray(simplex(boxes))[[1, 0, 3, 2]], "x and y exchanged"),
        (lambda boxes: boxes.mean(axis=0)[[2, 3, 0, 1]], "not a box"),
        (box_in_place, "input changed"),
        ([0, 0, 32, 32], "wrong type"),
    ],
    "01.slide": [
        (stops_at_first, "first hit"),
        (find_in_view((0, 1, 3, 4, 2), least_nothing), "least nothing"),
        (flush_windows, "off the grid"),
        (past_the_edge, "over the edge"),
        (find_in_view((0, 1, 4, 3, 2), best_entry), "crops turned over"),
        (search_in_shares, "crops scaled"),
        (search_in_256ths, "crops scaled"),
        (find_in_view((0, 1, 3, 4, 2), by_votes), "one class for all"),
        (find_where_sure, "no return"),
        (search_in_a_list, "stopped"),
        (lambda image, classify, window, strides: None, "no return"),
    ],
    "01.features": [
        (lambda images: images.reshape(len(images), -1), "too many"),
        (lambda images: images.mean(axis=(1, 2)), "accuracy"),
        (directions, "accuracy"),
        (lambda images: normed(directions(images, cell=8, bins=8)), "accuracy"),
        (lambda images: np.fft.fft2(images.mean(axis=3))[:, :8, :8].reshape(len(images), -1), "complex"),
        (at_random, "changes between calls"),
        (lambda images: None, "no return"),
        (lambda images: images[:, ::4, ::4].mean(axis=3), "shape"),
        (by_the_largest, "depends on the other images"),
        (with_nan, "not finite"),
        (directions(np.zeros((2, 32, 32, 3))), "wrong type"),
    ],
}

RIGHT = {
    "01.which_task": ["Segmentation"],
    "01.output_shape": [shapes, lambda *args: list(shapes(*args))],
    "01.giou": [giou, giou_with_numpy],
    "01.dice": [dice_by_loop, lambda truth, prediction: np.nan_to_num(dice_unguarded(truth, prediction), nan=1.0)],
    "01.smooth_l1": [smooth_l1_with_masks],
    "01.constant_box": [random_search, simplex],
    "01.slide": [search, find_in_view((0, 1, 3, 4, 2), best_entry)],
    "01.features": [
        lambda images: normed(directions(in_the_middle(images), cell=8, bins=8)),
        frequencies,
    ],
}
