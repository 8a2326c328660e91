"""Answers to chapter 02, as students write them: apart from the references of the checks, on purpose."""

import functools
import math

import numpy as np
from scipy.special import log_softmax, logsumexp, softmax

from course_utils.datasets.drawn import draw

# --- 02.several_names -------------------------------------------------------------------------------------------------


def picked(table, labels):
    return np.array([row[label] for row, label in zip(table, labels, strict=True)])


def nll_by_library(scores, labels):
    return -float(np.mean(picked(log_softmax(scores, axis=1), labels)))


def several_overflowing(scores, accepted):
    with np.errstate(all="ignore"):
        powers = np.exp(scores)
        p = powers / powers.sum(1)[:, None]
        total = (p * accepted).sum(1)
        return float(np.mean(-np.log(total))), (p - p * accepted / total[:, None]) / len(p)


def several_overflowing_by_indexing(scores, accepted):
    with np.errstate(all="ignore"):
        p = np.exp(scores) / np.exp(scores).sum(1)[:, None]
        losses, gradient = [], p.copy()
        for row, names, back in zip(p, accepted, gradient, strict=True):
            losses.append(-np.log(row[names].sum()))
            back[names] -= row[names] / row[names].sum()
        return float(np.mean(losses)), gradient / len(p)


def several_with_floor(scores, accepted):
    p = softmax(scores, 1)
    total = np.clip((p * accepted).sum(1), 1e-9, None)
    return float(np.mean(-np.log(total))), (p - p * accepted / total[:, None]) / len(p)


def several_with_epsilon(scores, accepted):
    p = softmax(scores, 1)
    total = (p * accepted).sum(1)
    with np.errstate(invalid="ignore"):
        return float(-np.log(total + 1e-12).sum() / len(p)), (p - p * accepted / total[:, None]) / len(p)


def several_after_softmax(scores, accepted):
    p = softmax(scores, 1)
    total = (p * accepted).sum(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(-np.mean(np.log(total))), (p - p * accepted / total[:, None]) / len(p)


def several_with_unsafe_shares(scores, accepted):
    p = softmax(scores, 1)
    with np.errstate(invalid="ignore"):
        shares = p * accepted / (p * accepted).sum(1)[:, None]
    return several_by_library(scores, accepted)[0], (p - shares) / len(p)


def several_by_library(scores, accepted):
    among = logsumexp(scores, axis=1, b=accepted)
    shares = np.exp(np.minimum(scores - among[:, None], 0)) * accepted
    return float((logsumexp(scores, axis=1) - among).mean()), (softmax(scores, axis=1) - shares) / len(scores)


def several_by_loop(scores, accepted):
    total, gradient = 0.0, []
    for row, names in zip(scores.astype(float), accepted, strict=True):
        largest, among = max(row), max(row[names])
        powers, chosen = np.exp(row - largest), np.exp(np.minimum(row - among, 0)) * names
        total += largest + math.log(powers.sum()) - among - math.log(chosen.sum())
        gradient.append((powers / powers.sum() - chosen / chosen.sum()) / len(scores))
    return np.float64(total / len(scores)), np.array(gradient)


def several_as_one_hot(scores, accepted):
    """The chapter's own gradient, with the accepted names in the place of the one label."""
    return several_by_library(scores, accepted)[0], (softmax(scores, 1) - accepted) / len(scores)


def several_shared_equally(scores, accepted):
    targets = accepted / accepted.sum(axis=1, keepdims=True)
    return several_by_library(scores, accepted)[0], (softmax(scores, 1) - targets) / len(scores)


def several_as_smoothed_labels(scores, accepted):
    targets = accepted / accepted.sum(axis=1, keepdims=True)
    loss = -(targets * log_softmax(scores, 1)).sum(1).mean()
    return float(loss), (softmax(scores, 1) - targets) / len(scores)


def several_of_the_first_name(scores, accepted):
    labels = accepted.argmax(axis=1)
    return nll_by_library(scores, labels), (softmax(scores, 1) - np.eye(scores.shape[1])[labels]) / len(scores)


def several_into_an_array_like_the_scores(scores, accepted):
    gradient = np.zeros_like(scores)
    gradient[:] = several_by_library(scores, accepted)[1]
    return several_by_library(scores, accepted)[0], gradient


def several_filled(filler):
    def answer(scores, accepted):
        chosen = np.where(accepted, scores, filler)
        loss = np.mean(logsumexp(scores, axis=1) - logsumexp(chosen, axis=1))
        return loss, (softmax(scores, axis=1) - softmax(chosen, axis=1)) / len(scores)

    return answer


def several_with_one_maximum(scores, accepted):
    with np.errstate(all="ignore"):
        powers = np.exp(scores - np.max(scores))
        among, all_of_them = (powers * accepted).sum(1, keepdims=True), powers.sum(1, keepdims=True)
        return np.mean(np.log(all_of_them) - np.log(among)), (powers / all_of_them - powers * accepted / among) / len(
            scores
        )


# --- 02.staged --------------------------------------------------------------------------------------------------------


def staged(w, x, b, y):
    a = w * x + b
    return 2 * (math.tanh(a) - y) / math.cosh(a) ** 2  # by a


def staged_squaring_the_sum(w, x, b, y):
    a = w * x + b
    d = 2 * (math.tanh(a) - y) * (1 - a * a)
    return d * x + 0.2 * w, d * w, d


def staged_with_error_turned(w, x, b, y):
    h = math.tanh(w * x + b)
    d = 2 * (y - h) * (1 - h) * (1 + h)
    return d * x + 0.2 * w, d * w, d


def staged_right(w, x, b, y):
    d = staged(w, x, b, y)
    return d * x + 0.2 * w, d * w, d


def staged_by_differences(w, x, b, y):
    def loss(w, x, b):
        return (math.tanh(w * x + b) - y) ** 2 + 0.1 * w**2

    h = 1e-6
    return (
        (loss(w + h, x, b) - loss(w - h, x, b)) / (2 * h),
        (loss(w, x + h, b) - loss(w, x - h, b)) / (2 * h),
        (loss(w, x, b + h) - loss(w, x, b - h)) / (2 * h),
    )


# --- 02.linear_backward -----------------------------------------------------------------------------------------------


def linear_by_tensordot(x, w, d):
    places = tuple(range(x.ndim - 1))
    return np.tensordot(x, d, (places, places)), d.sum(axis=places), np.tensordot(d, w, (-1, 1))


def linear_by_loop(x, w, d):
    by_w, by_b, by_x = np.zeros_like(w), np.zeros(w.shape[1]), np.zeros(x.shape)
    for place in np.ndindex(x.shape[:-1]):
        by_w += np.outer(x[place], d[place])
        by_b += d[place]
        by_x[place] = w @ d[place]
    return [by_w, by_b, by_x]


def linear_into_an_array_like_x(x, w, d):
    by_x = np.zeros_like(x)
    for place in np.ndindex(x.shape[:-1]):
        by_x[place] = w @ d[place]
    return *linear_by_tensordot(x, w, d)[:2], by_x


def linear_reshaped(x, w, d):
    inputs, units = w.shape
    turned = x.reshape(inputs, x.size // inputs)
    return turned @ d.reshape(-1, units), d.reshape(-1, units).sum(0), d @ w.T


def linear_with_places_added_up(x, w, d):
    by_x = d @ w.T
    while x.ndim > 2:
        x, d = x.sum(1), d.sum(1)
    return x.T @ d, d.sum(0), by_x


def linear_for_places_in_a_line(x, w, d):
    by_w = np.einsum("npi,npu->iu", x, d) if x.ndim > 2 else x.T @ d
    return by_w, d.reshape(-1, d.shape[-1]).sum(0), d @ w.T


# --- 02.relu_backward -------------------------------------------------------------------------------------------------


def relu_in_place(d, a, negative_slope):
    d[a < 0] *= negative_slope
    return d


def relu_by_where(d, a, negative_slope):
    return np.where(a >= 0, d, negative_slope * d)


def relu_into_an_array_like_a(d, a, negative_slope):
    back = np.zeros_like(a)
    back[a > 0] = d[a > 0]
    back[a <= 0] = negative_slope * d[a <= 0]
    return back


def relu_with_a_mask_of_ints(d, a, negative_slope):
    mask = np.ones_like(a)
    mask[a <= 0] = negative_slope
    return mask * d


def relu_by_division(d, a, negative_slope):
    with np.errstate(invalid="ignore"):
        return d * np.where(a > 0, a, negative_slope * a) / a


# --- 02.train_step ----------------------------------------------------------------------------------------------------


def softmax_overflowing(scores, axis):
    with np.errstate(all="ignore"):
        return np.exp(scores) / np.exp(scores).sum(axis, keepdims=True)


def slopes(p, x, labels, *, softmax=softmax):
    a = np.add(x @ p["w1"], p["b1"])
    h = np.clip(a, 0, None)
    scores = h @ p["w2"] + p["b2"]
    d = (softmax(scores, 1) - np.eye(scores.shape[1])[labels]) / len(labels)
    back = np.where(a > 0, d @ p["w2"].T, 0)
    found = {"w2": h.T @ d, "b2": d.sum(0), "w1": x.T @ back, "b1": back.sum(0)}
    return nll_by_library(scores, labels), found


def stepped(**options):
    def train_step(p, x, labels, rate):
        loss, found = slopes(p, x, labels, **options)
        return loss, {name: p[name] - rate * found[name] for name in p}

    return train_step


def step_with_scores_turned(p, x, labels, rate):
    """What should have been said minus what was said, all the way back."""
    loss, found = slopes(p, x, labels)
    return loss, {name: p[name] - rate * -found[name] for name in p}


def step_too_early(p, x, labels, rate):
    loss, found = slopes(p, x, labels)
    new = {name: p[name] - rate * found[name] for name in ("w2", "b2")}
    # what comes back goes through the new weights, with the gradient of the old scores
    h = np.maximum(x @ p["w1"] + p["b1"], 0)
    d = (softmax(h @ p["w2"] + p["b2"], 1) - np.eye(len(p["b2"]))[labels]) / len(labels)
    back = (d @ new["w2"].T) * (h > 0)
    return loss, {**new, "w1": p["w1"] - rate * x.T @ back, "b1": p["b1"] - rate * back.sum(0)}


def step_with_turned_mask(p, x, labels, rate):
    loss, new = stepped()(p, x, labels, rate)
    a = x @ p["w1"] + p["b1"]
    d = (softmax(np.maximum(a, 0) @ p["w2"] + p["b2"], 1) - np.eye(len(p["b2"]))[labels]) / len(labels)
    back = (d @ p["w2"].T) * (a < 0)
    return loss, {**new, "w1": p["w1"] - rate * x.T @ back, "b1": p["b1"] - rate * back.sum(0)}


def step_in_place(p, x, labels, rate):
    loss, found = slopes(p, x, labels)
    for name in p:
        p[name] -= rate * found[name]
    return loss, p


def step_as_list(p, x, labels, rate):
    loss, new = stepped()(p, x, labels, rate)
    return [np.float64(loss), dict(sorted(new.items()))]


def step_with_a_loss(loss_of):
    def train_step(p, x, labels, rate):
        h = np.clip(x @ p["w1"] + p["b1"], 0, None)
        probabilities = picked(softmax(h @ p["w2"] + p["b2"], 1), labels)
        with np.errstate(divide="ignore"):
            return loss_of(probabilities), stepped()(p, x, labels, rate)[1]

    return train_step


def step_counting_classes_in_the_labels(p, x, labels, rate):
    t = np.eye(labels.max() + 1)[labels]
    scores = np.maximum(x @ p["w1"] + p["b1"], 0) @ p["w2"] + p["b2"]
    assert np.shape(softmax(scores, 1) - t) == scores.shape
    return stepped()(p, x, labels, rate)


# --- 02.is_broken -----------------------------------------------------------------------------------------------------


def checking(
    *,
    first=True,
    guess=None,
    names=None,
    close=1e-4,
    restore=True,
    sign=False,
    near=0.3,
    low=True,
    counted=False,
    relative=None,
):
    """An answer with switches for what students leave out."""

    def is_broken(network, x, labels):
        loss, found = network.loss_and_gradients(x, labels)
        guess_among = labels.max() + 1 if counted else guess or len(network.p["b2"])
        off = loss - math.log(guess_among)
        if first and (abs(off) if low else off) > near:
            return True
        for name in names or network.p:
            flat, wanted = network.p[name].reshape(-1), found[name].reshape(-1)
            for i in range(flat.size):
                kept = flat[i]
                flat[i] = kept + 1e-4
                above = network.loss_and_gradients(x, labels)[0]
                flat[i] = kept - 1e-4
                below = network.loss_and_gradients(x, labels)[0]
                if restore:
                    flat[i] = kept
                slope = (above - below) / 2e-4
                if sign and slope * wanted[i] < -1e-9:
                    return True
                if relative and abs(slope - wanted[i]) > relative * (abs(slope) + abs(wanted[i])) + 1e-7:
                    return True
                if not sign and not relative and abs(slope - wanted[i]) > close:
                    return True
        return False

    return is_broken


def measured(network, x, labels, name, h, sides):
    """The slope of the loss by each number of one array."""
    values, slopes = network.p[name], np.zeros(network.p[name].shape)
    for place in np.ndindex(values.shape):
        kept, found = values[place], []
        for side in sides:
            values[place] = kept + side * h
            found.append(network.loss_and_gradients(x, labels)[0])
        values[place] = kept
        slopes[place] = (found[0] - found[1]) / ((sides[0] - sides[1]) * h)
    return slopes


def comparing(differ=lambda n, g: np.abs(n - g).max() > 1e-5, *, h=1e-5, sides=(1, -1), off=None):
    """An answer that compares whole arrays, in its own way."""

    def is_broken(network, x, labels):
        loss, found = network.loss_and_gradients(x, labels)
        if abs(loss - math.log(len(network.p["b2"]))) > 0.5 if off is None else off(loss, len(network.p["b2"]), labels):
            return True
        return any(bool(differ(measured(network, x, labels, name, h, sides), found[name])) for name in network.p)

    return is_broken


def relatively(most, floor):
    return lambda n, g: (np.abs(n - g) > most * (np.abs(n) + np.abs(g)) + floor).any()


def relatively_unsafe(n, g):
    with np.errstate(invalid="ignore"):  # a unit that is off for all examples: 0 divided by 0
        return not (np.abs(n - g) / (np.abs(n) + np.abs(g)) < 1e-3).all()


def among(places):
    """Only some places of each array are compared."""
    return lambda n, g: np.abs(places(n.ravel()) - places(g.ravel())).max() > 1e-5


def ten_by_lot(flat):
    return flat[np.random.default_rng(len(flat)).permutation(len(flat))[:10]]


def broken_by_moving_whole_arrays(network, x, labels):
    loss, found = network.loss_and_gradients(x, labels)
    if abs(loss - math.log(len(network.p["b2"]))) > 0.5:
        return True
    for name, values in network.p.items():
        kept, sides = values.copy(), []
        for moved in (kept + 1e-6, kept - 1e-6):
            values[:] = moved
            sides.append(network.loss_and_gradients(x, labels)[0])
        values[:] = kept
        if abs((sides[0] - sides[1]) / 2e-6 - found[name].sum()) > 1e-4:
            return True
    return False


def broken_with_scaled_inputs(network, x, labels):
    x *= 2
    return checking()(network, x / 2, labels)


def broken_at_the_moved_place(network, x, labels):
    """The gradient is asked for after a number was moved, and so is another network's."""
    loss = network.loss_and_gradients(x, labels)[0]
    for name, values in network.p.items():
        for place in np.ndindex(values.shape):
            kept = values[place]
            values[place] = kept - 1e-4
            below = network.loss_and_gradients(x, labels)[0]
            values[place] = kept + 1e-4
            above, found = network.loss_and_gradients(x, labels)
            values[place] = kept
            if abs((above - below) / 2e-4 - found[name][place]) > 1e-6:
                return True
    return bool(abs(loss - math.log(len(network.p["b2"]))) > 0.5)


def chapters_own(network, x, labels):
    """The chapter's `first_loss` and `differences`, as they stand there."""
    loss, gradients = network.loss_and_gradients(x, labels)
    worst = 0.0
    for name, gradient in gradients.items():
        place = np.unravel_index(np.abs(gradient).argmax(), gradient.shape)
        kept, sides = network.p[name][place], []
        for moved in (kept + 1e-5, kept - 1e-5):
            network.p[name][place] = moved
            sides.append(network.loss_and_gradients(x, labels)[0])
        network.p[name][place] = kept
        measured = (sides[0] - sides[1]) / 2e-5
        worst = max(worst, abs(measured - gradient[place]) / (abs(measured) + abs(gradient[place]) + 1e-12))
    return bool(abs(loss - math.log(len(network.p["b2"]))) >= 0.2 or worst >= 1e-3)


def broken_by_correlation(network, x, labels):
    loss, found = network.loss_and_gradients(x, labels)
    if abs(loss - math.log(len(network.p["b2"]))) > 0.3:
        return True
    for name, values in network.p.items():
        measured = np.zeros_like(values)
        for place in np.ndindex(values.shape):
            kept = values[place]
            values[place] = kept + 1e-5
            above = network.loss_and_gradients(x, labels)[0]
            values[place] = kept - 1e-5
            measured[place] = (above - network.loss_and_gradients(x, labels)[0]) / 2e-5
            values[place] = kept
        size = np.linalg.norm(measured) * np.linalg.norm(found[name])
        if size == 0 or (measured * found[name]).sum() / size < 0.999:
            return True
    return False


# --- 02.your_own ------------------------------------------------------------------------------------------------------


@functools.cache
def training_set(count=2000):
    drawing = draw(count, 16, classes=["disk", "square", "triangle", "star"], seed=1, rotation=10, clutter=0.3)
    rows = drawing.images.reshape(count, -1) / 255.0
    return rows, drawing.labels


@functools.cache
def trained(hidden=64, count=2000, epochs=40):
    from sklearn.neural_network import MLPClassifier

    rows, labels = training_set(count)
    network = MLPClassifier((hidden,), learning_rate_init=3e-3, max_iter=epochs, random_state=0, alpha=1e-2)
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return network.fit(rows - 0.5, labels)


def classify_well(images):
    return trained().predict(images.reshape(len(images), -1) / 255.0 - 0.5)


def classify_before_it_is_trained_enough(images):
    return trained(epochs=2).predict(images.reshape(len(images), -1) / 255.0 - 0.5)


def classify_by_heart(images):
    rows, labels = training_set()
    new = images.reshape(len(images), -1) / 255.0
    return labels[((rows**2).sum(1) - 2 * new @ rows.T).argmin(1)]


def classify_at_random(images):
    return np.random.default_rng(0).integers(0, 4, len(images))


@functools.cache
def templates():
    from sklearn.linear_model import LogisticRegression

    rows, labels = training_set()
    return LogisticRegression(C=1e-3, max_iter=300).fit(rows - 0.5, labels)


def classify_by_templates(images):
    return templates().predict(images.reshape(len(images), -1) / 255.0 - 0.5)


def scores_of(images):
    return trained().predict_proba(images.reshape(len(images), -1) / 255.0 - 0.5)


def classify_by_their_own_mean(images):
    rows = images.reshape(len(images), -1) / 255.0
    return trained().predict(rows - rows.mean(axis=0))


def classify_into_zeros(images):
    labels = classify_well(images)
    images[:] = 0
    return labels


def classify_channels_first(images):
    return classify_well(np.moveaxis(images, -1, 1))


_ANOTHER = "guessing costs something else"


WRONG = {
    "02.random_labels": [
        ("all", "not a choice"),
    ],
    "02.several_names": [
        (several_overflowing, "overflow"),
        (several_overflowing_by_indexing, "overflow"),
        (several_with_floor, "loss cut off"),
        (several_with_epsilon, "loss cut off"),
        (several_after_softmax, "logarithm of zero"),
        (several_with_unsafe_shares, "zero divided by zero"),
        (several_as_one_hot, "each in full"),
        (several_shared_equally, "shared equally"),
        (several_as_smoothed_labels, "mean of the logarithms"),
        (several_of_the_first_name, "other"),
        (several_into_an_array_like_the_scores, "written into ints"),
        (several_filled(-1000.0), "not left out of the sum"),
        (several_with_one_maximum, "one maximum for all rows"),
        (lambda scores, accepted: several_by_library(scores.clip(-500, 500), accepted), "scores clipped"),
        (lambda scores, accepted: several_by_library(scores, accepted)[1], "gradient only"),
        (lambda scores, accepted: 2.303, "wrong type"),
        (lambda scores, accepted: (2.303, np.zeros(3)), "constant"),
        (lambda scores, accepted: None, "no return"),
    ],
    "02.staged": [
        (staged_squaring_the_sum, "derivative of tanh at the wrong place"),
        (staged_with_error_turned, "sign of the error"),
        (lambda w, x, b, y: staged_right(w, x, b, y)[::-1], "order"),
        (lambda w, x, b, y: staged_right(w, x, b, y)[0], "wrong type"),
    ],
    "02.linear_backward": [
        (linear_into_an_array_like_x, "written into ints"),
        (lambda x, w, d: (x @ d.T, d.sum(0), w @ d.T), "stopped"),
        (lambda x, w, d: (x.T @ d, d.sum(0), d @ w.T), "stopped"),
        (linear_reshaped, "reshaped instead of transposed"),
        (linear_with_places_added_up, "summed before the product"),
    ],
    "02.relu_backward": [
        (relu_into_an_array_like_a, "written into ints"),
        (relu_by_division, "divided by zero"),
        (lambda d, a, negative_slope: np.where(a > 0, d, 0.01 * d), "slope written in"),
        (relu_with_a_mask_of_ints, "written into ints"),
        (lambda d, a, negative_slope: relu_by_where(a, d, negative_slope), "arguments exchanged"),
        (lambda d, a, negative_slope: relu_by_where(d, a, negative_slope).sum(0), "shape"),
        (relu_in_place, "input changed"),
    ],
    "02.train_step": [
        (step_with_scores_turned, "uphill"),
        (stepped(softmax=softmax_overflowing), "overflow"),
        (step_with_turned_mask, "mask turned round"),
        (step_too_early, "changed before it was used"),
        (step_with_a_loss(lambda p: -np.log(p).mean()), "logarithm of zero"),
        (step_with_a_loss(lambda p: -np.log(p + 1e-9).mean()), "loss cut off"),
        (step_with_a_loss(lambda p: -np.log(p.clip(1e-12, 1)).mean()), "loss cut off"),
        (step_counting_classes_in_the_labels, "stopped"),
        (lambda p, x, labels, rate: (slopes(p, x, labels)[0], p), "no step"),
        (lambda p, x, labels, rate: slopes(p, x, labels), "step instead of parameters"),
        (step_in_place, "input changed"),
    ],
    "02.is_broken": [
        (checking(close=1e-15), "sound network accused"),
        (comparing(relatively(0.01, 1e-7), h=1e-3), "sound network accused"),
        (comparing(relatively(0.01, 1e-7), h=1e-2), "sound network accused"),
        (comparing(sides=(1, 0), h=1e-4), "sound network accused"),
        (comparing(lambda n, g: np.abs(n - g).max() > 1e-6, sides=(1, 0), h=1e-5), "sound network accused"),
        (comparing(lambda n, g: np.abs(n / 2 - g).max() > 1e-5), "sound network accused"),
        (broken_at_the_moved_place, "sound network accused"),
        (comparing(off=lambda loss, classes, labels: abs(loss - math.log10(classes)) > 0.5), _ANOTHER),
        (comparing(off=lambda loss, classes, labels: abs(loss - math.log2(classes)) > 1), _ANOTHER),
        (comparing(off=lambda loss, classes, labels: abs(loss - 1 / classes) > 0.5), _ANOTHER),
        (comparing(off=lambda loss, classes, labels: abs(loss + math.log(classes)) > 0.5), _ANOTHER),
        (comparing(off=lambda loss, classes, labels: abs(loss - math.log(classes)) < 0.5), "comparison turned round"),
        (comparing(lambda n, g: np.allclose(n, g)), "every network accused"),
        (comparing(relatively_unsafe), "sound network accused"),
        (
            comparing(off=lambda *given: abs(given[0] - math.log(len(set(given[2])))) > 0.5),
            "classes counted in the labels",
        ),
        (checking(guess=10), "ten classes only"),
        (checking(near=0.01), "first loss too strict"),
        (checking(counted=True), "classes counted in the labels"),
        (checking(near=100), "first loss barely missed"),
        (checking(names=("b1", "b2")), "weights missed"),
        (checking(relative=0.3), "weights missed"),
        (checking(near=2.0), "first loss barely missed"),
        (checking(low=False), "low first loss missed"),
        (checking(first=False), "first loss missed"),
        (lambda network, x, labels: checking(close=9e9)(network, x, labels), "gradients missed"),
        (broken_by_correlation, "scale missed"),
        (comparing(lambda n, g: abs((n - g).mean()) > 1e-5), "places missed"),
        (comparing(lambda n, g: abs(n.sum() - g.sum()) > 1e-5), "places missed"),
        (comparing(lambda n, g: abs(np.linalg.norm(n) - np.linalg.norm(g)) > 1e-5), "gradients missed"),
        (broken_by_moving_whole_arrays, "places missed"),
        (comparing(lambda n, g: (n - g > 1e-5).any()), "one direction missed"),
        (comparing(lambda n, g: (g - n > 1e-5).any()), "one direction missed"),
        (comparing(among(lambda flat: flat[-10:])), "numbers missed"),
        (comparing(among(lambda flat: flat[::2])), "numbers missed"),
        (comparing(among(ten_by_lot)), "numbers missed"),
        (broken_with_scaled_inputs, "input changed"),
        (checking(sign=True), "scale missed"),
        (checking(names=("w2", "b2")), "mask missed"),
        (checking(names=("w1", "w2")), "bias missed"),
        (checking(restore=False), "network changed"),
        (lambda network, x, labels: "yes", "not True or False"),
        (lambda network, x, labels: False, "first loss missed"),
        (lambda network, x, labels: True, "every network accused"),
    ],
    "02.your_own": [
        (lambda images: np.zeros(len(images), dtype=int), "one class only"),
        (classify_at_random, "at chance"),
        (classify_before_it_is_trained_enough, "accuracy"),
        (classify_by_templates, "one template"),
        (classify_by_heart, "learned by heart"),
        (scores_of, "one label an image"),
        (lambda images: classify_well(images)[:300], "one label an image"),
        (lambda images: np.zeros(len(images)), "not labels"),
        (lambda images: classify_well(images) + 1, "not labels"),
        (lambda images: np.array(["disk", "square", "triangle", "star"])[classify_well(images)], "names for labels"),
        (lambda images: scores_of(images).max(axis=1), "largest score for its place"),
        (lambda images: scores_of(images).argmin(axis=1), "below chance"),
        (classify_channels_first, "at chance"),
        (classify_by_their_own_mean, "not alone"),
        (classify_into_zeros, "input changed"),
        (lambda images: None, "no return"),
        (0.9, "wrong type"),
    ],
}

RIGHT = {
    "02.random_labels": ["Nearly all of them"],
    "02.several_names": [several_by_library, several_by_loop, several_filled(-1e9)],
    "02.staged": [staged_right, staged_by_differences, lambda *given: np.array(staged_right(*given))],
    "02.linear_backward": [linear_by_tensordot, linear_by_loop],
    "02.relu_backward": [
        relu_by_where,
        lambda d, a, negative_slope: d * (negative_slope + (1 - negative_slope) * np.heaviside(a, 0)),
    ],
    "02.train_step": [stepped(), step_as_list],
    "02.is_broken": [
        checking(),
        checking(close=1e-6),
        checking(near=0.2),
        checking(near=1),
        chapters_own,
        comparing(relatively(1e-3, 1e-7)),
    ],
    "02.your_own": [classify_well],
}
