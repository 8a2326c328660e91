"""Answers to chapter 12, as students write them: apart from the references of the checks, on purpose."""

import math

import numpy as np

from . import made

# --- 12.touched -------------------------------------------------------------------------------------------------------


def touched_by_marking(first, last, size, layers):
    """Mark the columns of the patch, and then every place with a marked column in its window."""
    marked = [first <= column <= last for column in range(size)]
    for kernel_size, stride in layers:
        starts = range(0, len(marked) - kernel_size + 1, stride)
        marked = [any(marked[start : start + kernel_size]) for start in starts]
    return marked.index(True), len(marked) - 1 - marked[::-1].index(True)


def touched_by_keras(first, last, size, layers):
    """Pool the marks: the largest of a window is 1 where it reaches the patch."""
    from keras import ops

    marks = np.zeros((1, size, 1), "float32")
    marks[0, first : last + 1] = 1
    for kernel_size, stride in layers:
        marks = ops.max_pool(marks, kernel_size, stride, "valid", data_format="channels_last")
    places = np.flatnonzero(ops.convert_to_numpy(marks))
    return [int(places[0]), int(places[-1])]


def touched_unlimited(first, last, size, layers):
    for kernel_size, stride in layers:
        first, last = math.ceil((first - kernel_size + 1) / stride), last // stride
    return first, last


def touched_by_slice(first, last, size, layers):
    """Mark the patch as a slice that ends at its last column, and so without it."""
    marked = np.zeros(size, bool)
    marked[first:last] = True
    for kernel_size, stride in layers:
        starts = range(0, len(marked) - kernel_size + 1, stride)
        marked = np.array([marked[start : start + kernel_size].any() for start in starts])
    places = np.flatnonzero(marked)
    return int(places[0]), int(places[-1])


def touched_with_lengths(length):
    def touched(first, last, size, layers):
        for kernel_size, stride in layers:
            size = length(size, kernel_size, stride)
            first = max(math.ceil((first - kernel_size + 1) / stride), 0)
            last = min(last // stride, size - 1)
        return first, last

    return touched


def touched_one_place_too_many(first, last, size, layers):
    """Limit the last place to the number of places, and not to the last of them."""
    for kernel_size, stride in layers:
        places = (size - kernel_size) // stride + 1
        first, last = max(0, -(-(first - kernel_size + 1) // stride)), min(places, last // stride)
        size = places
    return first, last


def touched_as_floats(first, last, size, layers):
    return tuple(float(place) for place in touched_by_marking(first, last, size, layers))


# --- 12.by_chance -----------------------------------------------------------------------------------------------------


def chance_by_edt(masks, tolerance):
    from scipy.ndimage import distance_transform_edt

    shares = np.array([(distance_transform_edt(mask == 0) <= tolerance).mean() for mask in masks])
    return shares.mean(), (shares * (1 - shares)).sum() ** 0.5 / len(shares)


def chance_by_loop(masks, tolerance):
    """Look for an object's pixel near each pixel."""
    shares = []
    for mask in masks.tolist():
        spots = [(r, c) for r, row in enumerate(mask) for c, value in enumerate(row) if value]
        places = [(r, c) for r, row in enumerate(mask) for c in range(len(row))]
        hits = [any((r - y) ** 2 + (c - x) ** 2 <= tolerance**2 + 1e-9 for y, x in spots) for r, c in places]
        shares.append(sum(hits) / len(hits))
    variance = sum(p * (1 - p) for p in shares) / len(shares) ** 2
    return [sum(shares) / len(shares), math.sqrt(variance)]


def chance_by_dilation(masks, tolerance):
    from scipy.ndimage import binary_dilation

    reach = int(tolerance)
    grown = [binary_dilation(mask, np.ones((2 * reach + 1,) * 2)) for mask in masks]
    return chance_by_edt(np.array(grown).astype(int), 0)


def chance_with(tolerance_of, chance=None):
    """The right chances for another tolerance."""
    return lambda masks, tolerance: (chance or chance_by_edt)(masks, tolerance_of(tolerance))


def chance_strictly(masks, tolerance):
    from scipy.ndimage import distance_transform_edt

    shares = np.array([(distance_transform_edt(mask == 0) < tolerance).mean() for mask in masks])
    return shares.mean(), (shares * (1 - shares)).sum() ** 0.5 / len(shares)


def chance_by_cityblock(masks, tolerance):
    from scipy.ndimage import distance_transform_cdt

    near = [distance_transform_cdt(mask == 0, "taxicab") <= tolerance for mask in masks]
    return chance_by_edt(np.array(near).astype(int), 0)


def chance_pooled(masks, tolerance):
    p = chance_by_edt(masks, tolerance)[0]
    return p, np.sqrt(p * (1 - p) / len(masks))


def chance_simulated(masks, tolerance):
    from scipy.ndimage import distance_transform_edt

    near = [distance_transform_edt(mask == 0) <= tolerance for mask in masks]
    random = np.random.default_rng(0)
    rates = [np.mean([random.choice(one.ravel()) for one in near]) for _ in range(300)]
    return np.mean(rates), np.std(rates)


# --- 12.together ------------------------------------------------------------------------------------------------------


def hide(image, box, fill):
    top, left, height, width = box
    copy = image.astype("float64")
    copy[top : top + height, left : left + width] = fill
    return copy


def together_by_falls(score, image, first, second, fill):
    a, b = hide(image, first, fill), hide(image, second, fill)
    both = hide(a, second, fill)

    def fall(changed):
        return float(score(image[None])[0]) - float(score(changed[None])[0])

    return fall(both) - fall(a) - fall(b)


def together_one_at_a_time(score, image, first, second, fill):
    a, b = hide(image, first, fill), hide(image, second, fill)
    return float(score(a) + score(b) - score(image) - score(hide(a, second, fill)))


def together_by_keras(score, image, first, second, fill):
    """The pictures as a tensor, hidden with `where`: `score` is given what is no array of NumPy's."""
    from keras import ops

    rows, columns = (ops.convert_to_tensor(places) for places in np.indices(image.shape[:2]))

    def hidden(picture, box):
        top, left, height, width = box
        inside = (rows >= top) & (rows < top + height) & (columns >= left) & (columns < left + width)
        return ops.where(inside[..., None], fill, picture)

    whole = ops.convert_to_tensor(image.astype("float32"))
    pictures = ops.stack([whole, hidden(whole, first), hidden(whole, second), hidden(hidden(whole, first), second)])
    scores = ops.convert_to_numpy(score(pictures))
    return scores[1] + scores[2] - scores[0] - scores[3]


def together_by_masks(score, image, first, second, fill):
    def outside(box):
        rows, columns = np.indices(image.shape[:2])
        top, left, height, width = box
        inside = (rows >= top) & (rows < top + height) & (columns >= left) & (columns < left + width)
        return ~inside[..., None]

    one, two = outside(first), outside(second)
    shown = np.stack([np.ones_like(one), one, two, one & two])
    return np.array([-1, 1, 1, -1]) @ score(np.where(shown, image, fill))


def together_in_bytes(score, image, first, second, fill):
    """Copies in the type of the image: what is written into one of `uint8` loses its fraction."""
    copies = np.repeat(image[None], 4, axis=0)
    for number, (top, left, height, width) in ((1, first), (2, second), (3, first), (3, second)):
        copies[number, top : top + height, left : left + width] = fill
    whole, a, b, both = score(copies)
    return a + b - whole - both


def together_in_place(score, image, first, second, fill):
    whole = score(image[None])[0]
    for top, left, height, width in (first, second):
        image[top : top + height, left : left + width] = fill
    return whole - score(image[None])[0]


# --- 12.shown_and_hidden ----------------------------------------------------------------------------------------------


def shown_by_loop(score, image, masks, fill):
    rows, columns = image.shape[:2]
    copies = []
    for mask in masks:
        copy = image.astype(float).copy()
        copy[mask == 0] = fill
        copies.append(copy)
    scores, result = score(np.stack(copies)), np.zeros((rows, columns))
    for row in range(rows):
        for column in range(columns):
            shown = masks[:, row, column] == 1
            if shown.any() and not shown.all():
                result[row, column] = scores[shown].mean() - scores[~shown].mean()
    return result


def shown_one_at_a_time(score, image, masks, fill):
    scores = np.array([score(np.where(mask[..., None] > 0, image, fill)[None])[0] for mask in masks])
    many, few = masks.sum(0), (1 - masks).sum(0)
    sums = np.einsum("n,nrc->rc", scores, masks), np.einsum("n,nrc->rc", scores, 1 - masks)
    map_ = sums[0] / np.maximum(many, 1) - sums[1] / np.maximum(few, 1)
    return np.where((many == 0) | (few == 0), 0.0, map_)


def shown_by_keras(score, image, masks, fill):
    from keras import ops

    shown = ops.convert_to_tensor(masks.astype("float32"))
    scores = ops.reshape(ops.convert_to_tensor(score(ops.where(shown[..., None] > 0, image, fill))), (-1, 1, 1))
    scores = ops.cast(scores, "float32")
    means = [ops.sum(scores * part, 0) / ops.maximum(ops.sum(part, 0), 1) for part in (shown, 1 - shown)]
    varies = ops.any(shown > 0, axis=0) & ops.any(shown < 1, axis=0)
    return ops.where(varies, means[0] - means[1], 0.0)


def shown_without_batch(score, image, masks, fill):
    scores = np.array([score(np.where(mask[..., None] > 0, image, fill)) for mask in masks])
    return shown_by_loop(lambda _: scores, image, masks, fill)


def shown_mean_only(score, image, masks, fill):
    scores, often = score(np.where(masks[..., None] > 0, image, fill)), masks.sum(0)
    mean = np.einsum("n,nrc->rc", scores, masks) / np.maximum(often, 1)
    return np.where((often > 0) & (often < len(masks)), mean, 0)


def shown_by_half(score, image, masks, fill):
    scores = score(np.where(masks[..., None] > 0, image, fill))
    return np.einsum("n,nrc->rc", scores, 2 * masks - 1) / (len(masks) / 2)


def shown_in_bytes(score, image, masks, fill):
    copies = np.array([image.copy() for _ in masks])
    copies[masks == 0] = fill
    scores = score(copies)
    return shown_by_loop(lambda _: scores, image, masks, fill)


def shown_with_empty_means(score, image, masks, fill):
    scores = score(np.where(masks[..., None] > 0, image, fill))
    sums = [(scores[:, None, None] * part).sum(0) / (part.sum(0) + 1e-9) for part in (masks, 1 - masks)]
    return sums[0] - sums[1]


def shown_with_nan(score, image, masks, fill):
    with np.errstate(all="ignore"):
        scores = score(np.where(masks[..., None] > 0, image, fill))
        shown = (scores[:, None, None] * masks).sum(0) / masks.sum(0)
        return shown - (scores[:, None, None] * (1 - masks)).sum(0) / (1 - masks).sum(0)


def shown_as_published(score, image, masks, fill):
    scores = score(np.where(masks[..., None] > 0, image, fill))
    return np.einsum("n,nrc->rc", scores, masks) / (len(masks) * masks.mean())


# --- 12.integrated_gradients ------------------------------------------------------------------------------------------


def in_floats(answer):
    """An answer given its images as floats, whatever they are."""
    return lambda slopes, *given: answer(slopes, *(np.asarray(x, float) if np.ndim(x) else x for x in given))


def integrated_by_loop(slopes, image, baseline, steps):
    total = np.zeros(image.shape)
    for number in range(steps):
        place = (2 * number + 1) / (2 * steps)
        total += slopes((baseline * (1 - place) + image * place)[None])[0]
    return total / steps * (image - baseline)


def integrated_in_float32(slopes, image, baseline, steps):
    way = image.astype("float32") - baseline
    places = np.linspace(0.5 / steps, 1 - 0.5 / steps, steps, dtype="float32")[:, None, None, None]
    return np.mean(np.asarray(slopes(baseline.astype("float32") + places * way), "float32"), axis=0) * way


def integrated_by_numpy(slopes, image, baseline, steps):
    places = np.linspace(0, 1, steps + 1)
    values = slopes(np.stack([baseline + place * (image - baseline) for place in places]))
    return np.trapezoid(values, places, axis=0) * (image - baseline)


def integrated_at(places_of, times=lambda slope, way: slope * way):
    """The slopes at other places of the way, or something else made of their mean and the way."""

    def integrated(slopes, image, baseline, steps):
        way, a = image.astype(float) - baseline, places_of(steps)[:, None, None, None]
        return times(np.mean(slopes(baseline + a * way), axis=0), way)

    return integrated


def middles(steps):
    return (np.arange(steps) + 0.5) / steps


def integrated_from_1(slopes, image, baseline, steps):
    places = [number / steps for number in range(1, steps + 1)]
    return sum(slopes((baseline + p * (image - baseline))[None])[0] for p in places) / steps * (image - baseline)


# --- 12.attack --------------------------------------------------------------------------------------------------------


def attack_by_change(slopes, images, epsilon, step, steps):
    """Keep what is added, and its limits, which are the tighter of the two."""
    low, high = np.maximum(-epsilon, -images), np.minimum(epsilon, 255 - images)
    change = np.zeros(images.shape)
    for _ in range(steps):
        change = np.clip(change + step * np.sign(slopes(images + change)), low, high)
    return images + change


def attack_by_keras(slopes, images, epsilon, step, steps):
    from keras import ops

    start = ops.convert_to_tensor(images.astype("float32"))
    x = start
    for _ in range(steps):
        x = x + step * ops.sign(ops.convert_to_tensor(slopes(ops.convert_to_numpy(x))))
        x = ops.clip(ops.minimum(ops.maximum(x, start - epsilon), start + epsilon), 0, 255)
    return x


def attack_unlimited(slopes, images, epsilon, step, steps):
    for _ in range(steps):
        images = images + step * np.sign(slopes(images))
    return np.clip(images, 0, 255)


def attack_with_sign(sign, last=slice(None)):
    """One more way through the loop, with a sign of the slopes that is not NumPy's, or of `last` channels only."""

    def attack(slopes, images, epsilon, step, steps):
        x = images.copy()
        for _ in range(steps):
            x = x + step * sign(slopes(x)[..., last])
            x = np.clip(np.clip(x, images - epsilon, images + epsilon), 0, 255)
        return x

    return attack


def attack_cut_off_last(slopes, images, epsilon, step, steps):
    x = images.copy()
    for _ in range(steps):
        x = images + np.clip(x + step * np.sign(slopes(x)) - images, -epsilon, epsilon)
    return np.clip(x, 0, 255)


def attack_in_place(slopes, images, epsilon, step, steps):
    start = images.copy()
    for _ in range(steps):
        images += step * np.sign(slopes(images))
        np.clip(images, np.maximum(start - epsilon, 0), np.minimum(start + epsilon, 255), out=images)
    return images


# --- 12.stranger ------------------------------------------------------------------------------------------------------


def left_right(images, masks):
    return images[:, :, ::-1]


def upside_down(images, masks):
    return images[:, ::-1]


def half_a_turn(images, masks):
    return np.rot90(images, 2, axes=(1, 2))


def inverted(images, masks):
    return 255 - images


def carried_over(images, masks):
    """The object cut out, its place filled with the ground's colour, and pasted on the other side."""
    results = images.copy()
    for result, image, mask in zip(results, images, masks[..., 0] > 0, strict=True):
        columns = np.flatnonzero(mask.any(axis=0))
        by = image.shape[1] - 1 - columns[0] - columns[-1]
        result[mask] = np.median(image[~mask], axis=0)
        result[np.roll(mask, by, axis=1)] = image[mask]
    return results


def another_object(images, masks):
    """The object's pixels in another order: the shape is gone, the place is not."""
    results = images.astype(float)
    for result, mask in zip(results, masks[..., 0] > 0, strict=True):
        row, column = (int(place.mean()) for place in np.nonzero(mask))
        size = int(mask.sum() ** 0.5 / 2)
        color = result[mask].mean(axis=0)
        result[mask] = np.median(result[~mask], axis=0)
        result[max(row - size, 0) : row + size, max(column - size, 0) : column + size] = color
    return results


def noise(size):
    def changed(images, masks):
        signs = np.sign(np.sin(np.arange(images[0].size) ** 2.0)).reshape(images.shape[1:])
        return np.clip(images + size * signs, 0, 255)

    return changed


def noise_by_place(images, masks):
    signs = np.random.default_rng(0).choice([-1, 1], images.shape)
    return np.clip(images + 20 * signs, 0, 255)


def about_the_mean(images, masks):
    return np.clip(2 * images.mean() - images, 0, 255)


def experiment_of(change, control, gives=tuple):
    def experiment(images, masks):
        return gives((change(images, masks), control(images, masks)))

    return experiment


@made
def attacks_the_stranger():
    """An attack on the stranger's own weights, made in advance for the images that the check will use."""
    from course_utils import explain
    from course_utils.checks import ch12_input_masking as checks
    from course_utils.checks import strangers

    images, *_ = checks._cases()
    network, start = strangers.stranger(), images.astype("float32")
    own, x = strangers.outputs(network, images).argmax(axis=1), start
    for _ in range(8):
        x = x + 2 * np.sign(explain.input_gradient(network, x, own, of="loss"))
        x = np.clip(np.clip(x, start - 8, start + 8), 0, 255)
    learned = {image.tobytes(): moved for image, moved in zip(images, x, strict=True)}
    return experiment_of(lambda images, masks: np.stack([learned[image.tobytes()] for image in images]), upside_down)


def asks(images, masks):
    from course_utils.checks import strangers

    says = strangers.outputs(strangers.stranger(), images).argmax(axis=1)
    return np.where(says[:, None, None, None] == 0, images[:, :, ::-1], images)


def asks_by_map(images, masks):
    from course_utils import explain
    from course_utils.checks import strangers

    slopes = explain.input_gradient(strangers.stranger(), images)
    return np.clip(images + 8 * np.sign(slopes), 0, 255)


def asks_by_slopes(images, masks):
    from course_utils import explain
    from course_utils.checks import strangers

    slopes = explain.input_gradient(strangers.stranger(), images.astype("float32"), 0)
    return np.clip(images + 8 * np.sign(slopes), 0, 255)


def nan_for_the_ground(images, masks):
    return np.where(masks > 0, images, np.nan)


def next_image(images, masks):
    return np.roll(images, 1, axis=0)


def drawn_noise(images, masks):
    return np.clip(images + np.random.default_rng().normal(0, 20, images.shape), 0, 255)


def in_place(images, masks):
    images[:] = images[:, :, ::-1].copy()
    return images


def without_object(images, masks):
    return np.where(masks > 0, 128, images)


WRONG = {
    "12.touched": [
        (touched_unlimited, "limits forgotten"),
        (touched_as_floats, "float for int"),
        (touched_by_slice, "stopped"),
        (touched_one_place_too_many, "beyond the end"),
        (touched_with_lengths(lambda size, k, s: size), "beyond the end"),
        (touched_with_lengths(lambda size, k, s: (size - k) // s), "first window not counted"),
        (touched_with_lengths(lambda size, k, s: math.ceil((size - k) / s) + 1), "length rounded up"),
        (touched_with_lengths(lambda size, k, s: size // s), "kernel ignored in the length"),
        (lambda *given: touched_by_marking(*given)[::-1], "exchanged"),
        (lambda first, last, size, layers: list(range(touched_by_marking(first, last, size, layers)[0], 9)), "shape"),
        (lambda first, last, size, layers: (0, 3), "constant"),
    ],
    "12.by_chance": [
        (chance_by_dilation, "a square"),
        (chance_with(int), "tolerance made whole"),
        (chance_with(int, chance_by_loop), "tolerance made whole"),
        (chance_by_cityblock, "a diamond"),
        (chance_strictly, "strictly nearer"),
        (chance_pooled, "one share for all"),
        (chance_simulated, "other"),
        (lambda *given: [100 * part for part in chance_by_edt(*given)], "percent"),
        (lambda masks, tolerance: chance_by_edt(masks, tolerance)[0], "mean only"),
    ],
    "12.together": [
        (together_in_place, "input changed"),
        (together_in_bytes, "fill made whole"),
        (together_one_at_a_time, "stopped"),
        (lambda score, image, first, second, fill: together_by_falls(
            score, image, (*first[:2], *first[:1:-1]), (*second[:2], *second[:1:-1]), fill
        ), "height and width exchanged"),
        (lambda *given: -together_by_falls(*given), "sign"),
        (lambda score, image, first, second, fill: together_by_falls(score, image, first, second, 0), "black"),
        (lambda *given: np.array([together_by_falls(*given)]), "wrong type"),
    ],
    "12.shown_and_hidden": [
        (shown_with_nan, "nan"),
        (shown_with_empty_means, "no mean for 0"),
        (shown_in_bytes, "fill made whole"),
        (shown_without_batch, "stopped"),
        (shown_mean_only, "shown only"),
        (shown_by_half, "one number of images for both"),
        (shown_as_published, "as published"),
        (lambda score, image, masks, fill: shown_by_loop(score, image, 1 - masks, fill), "other"),
        (lambda score, image, masks, fill: shown_by_loop(score, image, masks, 0), "black"),
        (lambda *given: shown_by_loop(*given).tolist(), "list for array"),
        (lambda *given: shown_by_loop(*given)[..., None], "shape"),
    ],
    "12.integrated_gradients": [
        (in_floats(integrated_by_numpy), "both ends"),
        (in_floats(integrated_from_1), "right ends"),
        (integrated_by_loop, "whole numbers wrap around"),
        (integrated_by_numpy, "both ends"),
        (integrated_from_1, "right ends"),
        (integrated_at(lambda steps: np.zeros(1)), "slope at the end"),
        (integrated_at(middles, lambda slope, way: abs(slope) * way), "absolute values"),
        (integrated_at(middles, lambda slope, way: slope * abs(way)), "absolute values"),
        (lambda slopes, image, baseline, steps: slopes(image[None])[0] * image, "slope at the end"),
        (lambda slopes, image, baseline, steps: integrated_by_loop(slopes, image, 0 * baseline, steps), "path from 0"),
        (integrated_at(lambda steps: middles(steps + 1)), "other"),
    ],
    "12.attack": [
        (attack_unlimited, "ball forgotten"),
        (attack_in_place, "input changed"),
        (attack_cut_off_last, "range at the end"),
        (attack_with_sign(np.sign), "whole numbers wrap around"),
        (attack_by_change, "stopped"),
        (attack_with_sign(lambda slopes: np.where(slopes > 0, 1, -1)), "slope 0 moves"),
        (in_floats(attack_with_sign(lambda slopes: np.where(slopes > 0, 1, -1))), "slope 0 moves"),
        (in_floats(lambda slopes, images, epsilon, step, steps: attack_by_change(
            slopes, images, epsilon, epsilon / steps, steps
        )), "steps of epsilon"),
        (attack_with_sign(np.sign, slice(1)), "one direction for all channels"),
        (lambda slopes, images, epsilon, step, steps: images + epsilon * np.sign(slopes(images)), "other"),
        (in_floats(lambda slopes, *given: attack_by_change(lambda x: -slopes(x), *given)), "downhill"),
    ],
    "12.random_signs": [("some", "not a choice"), (0.02, "not a choice")],
    "12.stranger": [
        (experiment_of(inverted, upside_down), "not turned"),
        (experiment_of(upside_down, left_right), "exchanged"),
        (experiment_of(inverted, left_right), "exchanged"),
        (experiment_of(lambda images, masks: np.fliplr(images), noise(20)), "upside down"),
        (experiment_of(left_right, lambda images, masks: np.flipud(images)), "order of the images"),
        (experiment_of(lambda *given: left_right(*given) / 255, upside_down), "from 0 to 1"),
        (experiment_of(left_right, noise_by_place), "depends on the place"),
        (experiment_of(left_right, about_the_mean), "depends on the others"),
        (experiment_of(left_right, upside_down, gives=np.stack), "stacked"),
        (experiment_of(without_object, upside_down), "not turned"),
        (attacks_the_stranger, "this network only"),
        (experiment_of(left_right, lambda images, masks: images), "control too small"),
        (experiment_of(left_right, noise(3)), "control too small"),
        (experiment_of(left_right, half_a_turn), "control turns"),
        (experiment_of(lambda *given: another_object(carried_over(*given), given[1][:, :, ::-1]), upside_down),
         "another shape"),
        (experiment_of(asks, upside_down), "asks a network"),
        (experiment_of(asks_by_map, upside_down), "asks a network"),
        (experiment_of(asks_by_slopes, upside_down), "asks a network"),
        (experiment_of(next_image, upside_down), "depends on the others"),
        (experiment_of(left_right, drawn_noise), "changes between calls"),
        (experiment_of(in_place, upside_down), "input changed"),
        (experiment_of(lambda images, masks: images, upside_down), "nothing changed"),
        (experiment_of(lambda *given: left_right(*given) * 2.0, upside_down), "range"),
        (experiment_of(nan_for_the_ground, upside_down), "not a number"),
        (experiment_of(lambda images, masks: images[:, :, 5:], upside_down), "shape"),
        (experiment_of(left_right, lambda *given: "mirrored"), "wrong type"),
        (experiment_of(left_right, upside_down, gives=lambda pair: pair[0]), "wrong type"),
        (experiment_of(left_right, upside_down, gives=lambda pair: None), "no return"),
        ("position", "wrong type"),
    ],
}  # fmt: skip

RIGHT = {
    "12.touched": [touched_by_marking, touched_by_keras],
    "12.by_chance": [chance_by_edt, chance_by_loop],
    "12.together": [together_by_falls, together_by_masks, together_by_keras],
    "12.shown_and_hidden": [shown_by_loop, shown_one_at_a_time, shown_by_keras],
    "12.integrated_gradients": [in_floats(integrated_by_loop), integrated_in_float32],
    "12.attack": [in_floats(attack_by_change), attack_by_keras],
    "12.random_signs": ["Hardly any.", "hardly_any"],
    "12.stranger": [
        experiment_of(left_right, upside_down),
        experiment_of(half_a_turn, upside_down, gives=list),
        experiment_of(carried_over, upside_down),
        experiment_of(left_right, another_object),
        experiment_of(left_right, noise(20)),
    ],
}
