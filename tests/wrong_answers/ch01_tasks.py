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


def shapes_wide(task, count, height, width, classes):
    return shapes(task, count, width, height, classes)


def shapes_channels_first(task, count, height, width, classes):
    shape = shapes(task, count, height, width, classes)
    return shape if len(shape) == 2 else (count, shape[3], height, width)


def shapes_with(**changed):
    def wrong(task, count, height, width, classes):
        change = changed.get(task.replace(" ", "_"))
        return change(count, height, width, classes) if change else shapes(task, count, height, width, classes)

    return wrong


# --- 01.box_iou -------------------------------------------------------------------------------------------------------


def overlap(a, b):
    ax0, ay0, ax1, ay1 = a
    bx0, by0, bx1, by1 = b
    return max(0, min(ax1, bx1) - max(ax0, bx0)) * max(0, min(ay1, by1) - max(ay0, by0))


def area(box):
    return (box[2] - box[0]) * (box[3] - box[1])


def iou_unclipped(a, b):
    shared = (min(a[2], b[2]) - max(a[0], b[0])) * (min(a[3], b[3]) - max(a[1], b[1]))
    return shared / (area(a) + area(b) - shared)


def iou_sided(a, b):
    """Sees that b lies right of a or below it, and forgets left and above."""
    if b[0] > a[2] or b[1] > a[3]:
        return 0
    return iou_unclipped(a, b)


def iou_half_clipped(a, b):
    shared = max(0, min(a[2], b[2]) - max(a[0], b[0])) * (min(a[3], b[3]) - max(a[1], b[1]))
    return shared / (area(a) + area(b) - shared)


def iou_inclusive(a, b):
    (ax0, ay0, ax1, ay1), (bx0, by0, bx1, by1) = a, b
    a, b = (ax0, ay0, ax1 + 1, ay1 + 1), (bx0, by0, bx1 + 1, by1 + 1)
    return overlap(a, b) / (area(a) + area(b) - overlap(a, b))


def iou_of_sizes(a, b):
    a, b = ([x, y, x + w, y + h] for x, y, w, h in (a, b))
    return overlap(a, b) / (area(a) + area(b) - overlap(a, b))


def iou_with_numpy(a, b):
    a, b = np.array(a, float), np.array(b, float)
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    shared = sides.prod() if (sides > 0).all() else 0.0
    return shared / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared)


def iou_of_the_hull(a, b):
    return overlap(a, b) / area((*np.minimum(a[:2], b[:2]), *np.maximum(a[2:], b[2:])))


def iou_of_the_package(a, b):
    return evaluation.box_iou([a], [b])


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


def dice_without_two(truth, prediction):
    both, total = sums(truth, prediction)
    return np.where(total == 0, 1.0, both / np.maximum(total, 1))


def dice_smoothed(truth, prediction):
    both, total = sums(truth, prediction)
    return (2 * both + 1) / (total + 1)


def dice_of_all(truth, prediction):
    return 2.0 * (truth & prediction).sum() / (truth.sum() + prediction.sum())


def dice_by_loop(truth, prediction):
    values = []
    for t, p in zip(truth.astype(bool), prediction.astype(bool), strict=True):
        values.append(2 * (t & p).sum() / (t.sum() + p.sum()) if t.any() or p.any() else 1.0)
    return np.array(values)


# --- 01.smooth_l1 -----------------------------------------------------------------------------------------------------


def loss(below, above, reduce=lambda cost: cost.mean(axis=1), size=abs):
    def wrong(truth, prediction, beta=1.0):
        d = size(prediction - truth)
        return reduce(np.where(d < beta, below(d, beta), above(d, beta)))

    return wrong


def parabola(d, beta):
    return 0.5 * d * d / beta


def line(d, beta):
    return d - 0.5 * beta


def smooth_l1_with_masks(truth, prediction, beta=1.0):
    d = np.abs(truth - prediction)
    cost = d - beta / 2
    near = d <= beta
    cost[near] = d[near] ** 2 / beta / 2
    return cost.sum(axis=1) / 4


# --- 01.corners -------------------------------------------------------------------------------------------------------


def blur(x, reach):
    from scipy import ndimage

    return ndimage.uniform_filter(x, size=(1, 2 * reach + 1, 2 * reach + 1), mode="constant")


def corner(combine, blur=blur):
    def response(right, down, reach=1, k=0.05):
        return combine(blur(right**2, reach), blur(down**2, reach), blur(right * down, reach), k)

    return response


def corner_of_means(right, down, reach=1, k=0.05):
    r, d = blur(right, reach), blur(down, reach)
    return (r**2) * (d**2) - (r * d) ** 2 - k * (r**2 + d**2) ** 2


def corner_by_eigenvalues(right, down, reach=1, k=0.05):
    xx, yy, xy = blur(right**2, reach), blur(down**2, reach), blur(right * down, reach)
    matrix = np.stack([np.stack([xx, xy], axis=-1), np.stack([xy, yy], axis=-1)], axis=-1)
    values = np.linalg.eigvalsh(matrix)
    return values.prod(axis=-1) - k * values.sum(axis=-1) ** 2


# --- 01.slide ---------------------------------------------------------------------------------------------------------


def search(score, box=lambda row, column, window: (column, row, column + window, row + window), end=1, step=None):
    """Window by window, keeping the best; `score(probabilities)` gives (label, probability)."""

    def find(image, classify, window, strides):
        best = None
        for row in range(0, image.shape[0] - window + end, step or strides):
            for column in range(0, image.shape[1] - window + end, step or strides):
                probabilities = classify(image[None, row : row + window, column : column + window])[0]
                label, probability = score(probabilities)
                if best is None or probability > best[0]:
                    best = probability, label, box(row, column, window)
        return best[1], best[2]

    return find


def objects(probabilities):
    label = 1 + int(np.argmax(probabilities[1:]))
    return label, probabilities[label]


def anything(probabilities):
    return int(np.argmax(probabilities)), max(probabilities)


def short_label(probabilities):
    return int(np.argmax(probabilities[1:])), max(probabilities[1:])


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


def by_the_largest(images):
    rows = directions(images)
    return rows / rows.max()


def with_nan(images):
    rows = directions(images)
    rows[0, 0] = np.nan
    return rows


WRONG = {
    "01.which_task": [
        ("classification", "classification"),
        ("detection", "detection"),
        ("generation", "generation"),
        ("weeds", "not a choice"),
        (3, "not a choice"),
    ],
    "01.output_shape": [
        (shapes_wide, "width first"),
        (shapes_channels_first, "channels first"),
        (shapes_with(classification=lambda n, h, w, c: (n,)), "label for probabilities"),
        (lambda *args: shapes(*args)[1:], "no batch"),
        (shapes_with(segmentation=lambda n, h, w, c: (n, h, w)), "no classes in the mask"),
        (shapes_with(segmentation=lambda n, h, w, c: (n, h, w, 1)), "no classes in the mask"),
        (shapes_with(segmentation=lambda n, h, w, c: (n, h, w, 3)), "colours in the mask"),
        (shapes_with(generation=lambda n, h, w, c: (n, h, w, c)), "classes in the picture"),
        (shapes_with(several_objects=lambda n, h, w, c: (n, 2)), "two for several"),
        (shapes_with(box=lambda n, h, w, c: (n, c + 4)), "class in the box"),
        (shapes_with(box=lambda n, h, w, c: [n, c, 4]), "a box for each class"),
        (shapes_with(generation=lambda n, h, w, c: (n, h, w)), "grey pictures"),
        (shapes_with(generation=lambda n, h, w, c: (n, h, w, 1)), "grey pictures"),
        (lambda task, count, height, width, classes: shapes(task, count, height, width, 10), "number of classes fixed"),
        ((8, 10), "wrong type"),
        (lambda task: (8, 10), "signature"),
    ],
    "01.box_iou": [
        (iou_unclipped, "negative sides"),
        (iou_sided, "negative sides"),
        (iou_half_clipped, "negative sides"),
        (lambda a, b: overlap(a, b) / (area(a) + area(b)), "shared area counted twice"),
        (lambda a, b: 2 * overlap(a, b) / (area(a) + area(b)), "dice"),
        (lambda a, b: overlap(a, b) / area(a), "over the first box"),
        (lambda a, b: overlap(a, b) / area(b), "over the first box"),
        (lambda a, b: overlap(a, b) / min(area(a), area(b)), "over the first box"),
        (iou_inclusive, "one pixel more"),
        (iou_of_sizes, "sizes for corners"),
        (lambda a, b: 100 * iou_with_numpy(a, b), "percent"),
        (lambda a, b: overlap(a, b) // (area(a) + area(b) - overlap(a, b)), "whole division"),
        (lambda a, b: overlap(a, b), "not divided"),
        (iou_of_the_hull, "the box around both"),
        (iou_of_the_package, "package's own"),
        (lambda a, b: 0.5, "constant"),
        (0.5, "wrong type"),
    ],
    "01.dice": [
        (dice_unguarded, "nan for two empty masks"),
        (dice_with_floor, "0 for two empty masks"),
        (iou_for_dice, "iou"),
        (dice_without_two, "half"),
        (dice_smoothed, "smoothed"),
        (dice_of_all, "one number for all"),
        (lambda truth, prediction: float(dice_by_loop(truth, prediction).mean()), "one number for all"),
        (lambda truth, prediction: np.mean(truth == prediction, axis=(1, 2)), "pixels right"),
        (lambda truth, prediction: dice_by_loop(truth, prediction).tolist(), "list for array"),
        (lambda truth, prediction: 100 * dice_by_loop(truth, prediction), "percent"),
        (lambda truth, prediction: dice_by_loop(truth, prediction).astype(int), "whole division"),
    ],
    "01.smooth_l1": [
        (loss(parabola, line, size=lambda d: d), "sign"),
        (loss(parabola, lambda d, beta: d), "jump at the kink"),
        (lambda truth, prediction, beta=1.0: loss(parabola, line)(truth, prediction), "beta ignored"),
        (loss(lambda d, beta: d**2 / 2, lambda d, beta: d - 1 / 2), "kink only"),
        (loss(parabola, lambda d, beta: d - 1 / 2), "kink only"),
        (loss(lambda d, beta: d**2 / 2, lambda d, beta: beta * (d - beta / 2)), "huber"),
        (loss(lambda d, beta: d**2 / beta, line), "no half"),
        (loss(parabola, line, lambda cost: cost.sum(axis=1)), "sum"),
        (loss(parabola, line, np.mean), "one number for all"),
        (loss(line, parabola), "branches exchanged"),
        (loss(lambda d, beta: d**2 / 2 * beta, line), "times beta"),
        (loss(parabola, line, lambda cost: cost.max(axis=-1)), "the largest only"),
        (loss(lambda d, beta: d, lambda d, beta: d), "l1"),
        (loss(lambda d, beta: d**2, lambda d, beta: d**2), "mse"),
    ],
    "01.corners": [
        (corner(lambda xx, yy, xy, k: xx * yy - xy**2 - k * (xx + yy) ** 2, lambda x, reach: x), "no window"),
        (corner_of_means, "mean before the product"),
        (corner(lambda xx, yy, xy, k: xx * yy - xy**2 + k * (xx + yy) ** 2), "plus"),
        (corner(lambda xx, yy, xy, k: xx * yy - xy**2 - k * (xx + yy)), "sum not squared"),
        (corner(lambda xx, yy, xy, k: xx * yy - xy**2 - k * (xx**2 + yy**2)), "sum of squares"),
        (corner(lambda xx, yy, xy, k: np.maximum(xx * yy - xy**2 - k * (xx + yy) ** 2, 0)), "edges cut off"),
        (corner(lambda xx, yy, xy, k: xx * yy - xy - k * (xx + yy) ** 2), "mixed mean not squared"),
        (corner(lambda xx, yy, xy, k: xx * yy - xy**2 - 0.05 * (xx + yy) ** 2), "k ignored"),
        (corner(lambda xx, yy, xy, k: xx * yy - xy**2), "k ignored"),
        (
            corner(lambda xx, yy, xy, k: xx * yy - xy**2 - k * (xx + yy) ** 2, lambda x, reach: blur(x, 1)),
            "reach ignored",
        ),
    ],
    "01.slide": [
        (
            search(objects, lambda row, column, window: (row, column, row + window, column + window)),
            "x and y exchanged",
        ),
        (search(objects, end=0), "last window missed"),
        (search(anything), "finds nothing"),
        (stops_at_first, "first hit"),
        (search(objects, lambda row, column, window: (column, row, window, window)), "size for corner"),
        (search(short_label), "label one too small"),
        (search(objects, step=1), "stride ignored"),
        (find_in_view((0, 1, 3, 4, 2), least_nothing), "least nothing"),
        (flush_windows, "off the grid"),
        (find_in_view((0, 1, 4, 3, 2), best_entry), "crops turned over"),
        (lambda image, classify, window, strides: None, "no return"),
    ],
    "01.features": [
        (lambda images: images.reshape(len(images), -1), "too many"),
        (lambda images: images.mean(axis=(1, 2)), "accuracy"),
        (directions, "accuracy"),
        (lambda images: images[:, ::4, ::4].mean(axis=3), "shape"),
        (by_the_largest, "depends on the other images"),
        (with_nan, "not finite"),
        (directions(np.zeros((2, 32, 32, 3))), "wrong type"),
    ],
}

RIGHT = {
    "01.which_task": ["Segmentation"],
    "01.output_shape": [shapes, lambda *args: list(shapes(*args))],
    "01.box_iou": [iou_with_numpy, lambda a, b: overlap(a, b) / (area(a) + area(b) - overlap(a, b))],
    "01.dice": [dice_by_loop, lambda truth, prediction: np.nan_to_num(dice_unguarded(truth, prediction), nan=1.0)],
    "01.smooth_l1": [smooth_l1_with_masks, loss(parabola, line)],
    "01.corners": [corner_by_eigenvalues, corner(lambda xx, yy, xy, k: xx * yy - xy * xy - k * (xx + yy) ** 2)],
    "01.slide": [search(objects), find_in_view((0, 1, 3, 4, 2), best_entry)],
    "01.features": [
        lambda images: normed(directions(images, cell=8, bins=8)),
        frequencies,
    ],
}
