"""Answers to chapter 07, as students write them: apart from the references of the checks, on purpose."""

import functools
import math
from pathlib import Path

import numpy as np

from . import made

# --- 07.overfits_from -------------------------------------------------------------------------------------------------


def overfits_by_argmin(val_losses, patience):
    best = int(np.argmin(val_losses))
    return best + 1 if len(val_losses) - (best + 1) >= patience else 0


def overfits_by_loop(val_losses, patience):
    best, number, waited = math.inf, 0, 0
    for epoch, loss in enumerate(val_losses, start=1):
        if loss < best:
            best, number, waited = loss, epoch, 0
        else:
            waited += 1
    return number if waited >= patience else 0


def stops_early(val_losses, patience):
    """As `EarlyStopping` does: it stops at the first wait that is long enough."""
    best, number, waited = math.inf, 0, 0
    for epoch, loss in enumerate(val_losses, start=1):
        waited = 0 if loss < best else waited + 1
        if loss < best:
            best, number = loss, epoch
        if waited == patience:
            return number
    return 0


def none_if_unknown(val_losses, patience):
    return overfits_by_argmin(val_losses, patience) or None


# --- 07.crops ---------------------------------------------------------------------------------------------------------


def crops_rounded_up(images, size, uniform):
    """Each place from the other end of its share."""
    corners = np.maximum(np.ceil(uniform * (np.array(images.shape[1:3]) - size + 1)) - 1, 0).astype(int)
    return np.stack([image[y : y + size, x : x + size] for image, (y, x) in zip(images, corners, strict=True)])


def crops_by_list(images, size, uniform):
    rows, columns = images.shape[1] - size + 1, images.shape[2] - size + 1
    return np.array(
        [
            image[int(u * rows) : int(u * rows) + size, int(v * columns) : int(v * columns) + size]
            for image, (u, v) in zip(images, uniform, strict=True)
        ]
    )


def crops_by_indices(images, size, uniform):
    """Without a loop."""
    free = np.array(images.shape[1:3]) - size + 1
    corners = np.floor(np.asarray(uniform) * free).astype(int)
    rows = corners[:, :1] + np.arange(size)
    columns = corners[:, 1:] + np.arange(size)
    return images[np.arange(len(images))[:, None, None], rows[:, :, None], columns[:, None, :]]


def crops_by_keras(images, size, uniform):
    from keras import ops

    tensor, (_, height, width, channels) = ops.convert_to_tensor(images), images.shape
    corners = [(int(u * (height - size + 1)), int(v * (width - size + 1)), 0) for u, v in uniform.tolist()]
    return ops.stack([ops.slice(tensor[n], corner, (size, size, channels)) for n, corner in enumerate(corners)])


def crops_beyond_the_border(images, size, uniform):
    tops = (uniform[:, 0] * images.shape[1]).astype(int)
    lefts = (uniform[:, 1] * images.shape[2]).astype(int)
    return np.stack(
        [image[t : t + size, left : left + size] for image, t, left in zip(images, tops, lefts, strict=True)]
    )


def crops_as_list(images, size, uniform):
    return list(crops_by_list(images, size, uniform))


def crops_of_rows_only(images, size, uniform):
    tops = (uniform[:, 0] * (images.shape[1] - size + 1)).astype(int)
    return np.stack([image[top : top + size] for image, top in zip(images, tops, strict=True)])


def crops_drawn_anew(images, size, uniform):
    return crops_by_indices(images, size, np.random.default_rng().random(uniform.shape))


# --- 07.mixup ---------------------------------------------------------------------------------------------------------


def mixup_by_loop(images, labels, classes, order, shares):
    mixed, rows = [], np.zeros((len(images), classes))
    for i, (partner, share) in enumerate(zip(order, shares, strict=True)):
        mixed.append(share * images[i] + (1 - share) * images[partner])
        rows[i, labels[i]] += share
        rows[i, labels[partner]] += 1 - share
    return [np.array(mixed), rows]


def mixup_by_keras(images, labels, classes, order, shares):
    import keras
    from keras import ops

    def mixed(values, shape):
        share = ops.reshape(ops.cast(shares, "float32"), shape)
        values = ops.cast(values, "float32")
        return share * values + (1 - share) * ops.take(values, order, axis=0)

    return mixed(images, (-1, 1, 1, 1)), mixed(keras.utils.to_categorical(labels, classes), (-1, 1))


def mixup_along_channels(images, labels, classes, order, shares):
    rows = np.eye(classes)[labels]
    return shares * images + (1 - shares) * images[order], rows


def mixup_into_bytes(images, labels, classes, order, shares):
    mixed = np.empty_like(images)
    for i in range(len(images)):
        mixed[i] = shares[i] * images[i] + (1 - shares[i]) * images[order[i]]
    return mixed, mixup_by_loop(images, labels, classes, order, shares)[1]


def mixup_without_labels(images, labels, classes, order, shares):
    return mixup_by_loop(images, labels, classes, order, shares)[0], np.eye(classes)[labels]


def mixup_with_integers(images, labels, classes, order, shares):
    return mixup_by_loop(images, labels, classes, order, shares)[0], labels


def mixup_in_place(images, labels, classes, order, shares):
    rows = mixup_by_loop(images, labels, classes, order, shares)[1]
    mixed = mixup_by_loop(images, labels, classes, order, shares)[0]
    images[...] = mixed
    return images, rows


# --- 07.focal_loss ----------------------------------------------------------------------------------------------------


def focal_by_loop(labels, probabilities, gamma):
    losses = []
    for label, probability in zip(labels, probabilities, strict=True):
        right = probability if label == 1 else 1 - probability
        right = min(max(right, 1e-7), 1 - 1e-7)
        losses.append((1 - right) ** gamma * -math.log(right))
    return sum(losses) / len(losses)


def focal_of_keras(labels, probabilities, gamma):
    import keras

    loss = keras.losses.BinaryFocalCrossentropy(gamma=gamma)
    return float(loss(labels.astype("float32"), probabilities.astype("float32")))


def focal_in_two_parts(labels, probabilities, gamma):
    p = np.clip(probabilities, 1e-7, 1 - 1e-7)
    ones, zeros = labels * (1 - p) ** gamma * np.log(p), (1 - labels) * p**gamma * np.log(1 - p)
    return -(ones + zeros).mean()


def focal_unclipped(labels, probabilities, gamma):
    with np.errstate(all="ignore"):
        right = np.where(labels == 1, probabilities, 1 - probabilities)
        return float(np.mean(-((1 - right) ** gamma) * np.log(right)))


def focal_clipped_hard(labels, probabilities, gamma):
    return focal_in_two_parts(labels, np.clip(probabilities, 0.01, 0.99), gamma)


def alpha_balanced(labels, probabilities, gamma):
    """With the factor alpha that Keras leaves out unless it is told."""
    alpha = np.where(labels == 1, 0.25, 0.75)
    right = np.clip(np.where(labels == 1, probabilities, 1 - probabilities), 1e-7, 1 - 1e-7)
    return float(np.mean(-alpha * (1 - right) ** gamma * np.log(right)))


# --- 07.gain ----------------------------------------------------------------------------------------------------------


def gain_by_hand(before, after, t):
    differences = [b - a for a, b in zip(before, after, strict=True)]
    n = len(differences)
    mean = sum(differences) / n
    variance = sum((d - mean) ** 2 for d in differences) / (n - 1)
    return [mean, t * (variance / n) ** 0.5]


def gain_by_scipy(before, after, t):
    from scipy import stats

    return np.array([np.mean(after - before), t * stats.sem(after - before)])


def gain_with_numpys_std(before, after, t):
    differences = after - before
    return differences.mean(), t * np.std(differences) / np.sqrt(len(differences))


def gain_of_lists_apart(before, after, t):
    noise = np.sqrt((before.var(ddof=1) + after.var(ddof=1)) / len(before))
    return after.mean() - before.mean(), t * noise


# --- 07.stream --------------------------------------------------------------------------------------------------------


def photographs(
    mixed_from_the_start=True, seeded=True, anew=False, shuffles=True, at_init=False, cached=False, listed=sorted,
    lists=False, labels_follow=True, drawn_in_getitem=False, batches=lambda n, size: -(-n // size), scale=1.0,
    size=None, one_hot=False, as_text=False, drop=False, short=False, mirrored=False, base=True, alone=False,
    length=int, with_replacement=False, mixed_at_batch_0=False, returns=True, always=None,
):  # fmt: skip
    """A class of the kind that is asked for, or one with a mistake in it."""
    import keras

    def read(path):
        return keras.utils.img_to_array(keras.utils.load_img(path, target_size=size))

    class Photographs(keras.utils.PyDataset if base else object):
        def __init__(self, folder, batch_size, seed=0, **kwargs):
            if base:
                super().__init__(**kwargs)
            self.batch_size, self.seed = batch_size, seed
            names = listed(Path(folder).iterdir())
            self.pairs = [(path, number) for number, name in enumerate(names) for path in sorted(name.glob("*.png"))]
            self.random = np.random.default_rng((seed if always is None else always) if seeded else None)
            self.order = np.arange(len(self.pairs))
            self.held = [read(path) for path, _ in self.pairs] if at_init else None
            self.read = functools.cache(read) if cached else read
            if mixed_from_the_start:
                self.mix()

        def __len__(self):
            return length(batches(len(self.pairs), self.batch_size))

        def on_epoch_end(self):
            if shuffles:
                self.mix()

        def mix(self):
            random = np.random.default_rng(self.seed) if anew else self.random
            count = len(self.pairs)
            self.order = random.integers(0, count, count) if with_replacement else random.permutation(count)

        def __getitem__(self, number):
            if number == 0 and mixed_at_batch_0:
                self.mix()
            order = self.random.permutation(len(self.pairs)) if drawn_in_getitem else self.order
            start = number * self.batch_size
            chosen = order[start : start + self.batch_size - short]
            images = [self.held[i] if at_init else self.read(self.pairs[i][0]) for i in chosen]
            images = [image[:, ::-1] if mirrored else image for image in images]
            labels = [self.pairs[i][1] for i in (chosen if labels_follow else range(start, start + len(chosen)))]
            labels = np.eye(5)[labels] if one_hot else labels
            labels = [self.pairs[i][0].parent.name for i in chosen] if as_text else labels
            if not returns:
                return None
            if lists:
                return images, labels
            return np.array(images) * scale if alone else (np.array(images) * scale, np.array(labels))

    return Photographs


def streams(**mistake):
    return made(lambda: photographs(**mistake))


@made
def streams_of_four():
    """The size of a batch is written into the class."""

    class Fours(photographs()):
        def __init__(self, folder, batch_size, seed=0, **kwargs):
            super().__init__(folder, 4, seed, **kwargs)

    return Fours


def streams_by_random_shuffle():
    """With Python's generator, one list of pairs that is shuffled where it is, Pillow, and images as bytes."""
    import random

    import keras
    from PIL import Image

    class Photographs(keras.utils.PyDataset):
        def __init__(self, folder, batch_size, seed=0, **kwargs):
            super().__init__(**kwargs)
            self.files = sorted(Path(folder).glob("*/*.png"))
            names = sorted({path.parent.name for path in self.files})
            self.number = {name: number for number, name in enumerate(names)}
            self.size, self.random = batch_size, random.Random(seed)
            self.random.shuffle(self.files)

        def __len__(self):
            return math.ceil(len(self.files) / self.size)

        def on_epoch_end(self):
            self.random.shuffle(self.files)

        def __getitem__(self, number):
            files = self.files[number * self.size : (number + 1) * self.size]
            images = np.stack([np.asarray(Image.open(file)) for file in files])
            return images, np.array([[self.number[file.parent.name]] for file in files])

    return Photographs


def backwards(folders):
    return sorted(folders, reverse=True)


# --- 07.own_augmentation ----------------------------------------------------------------------------------------------


def layers_of(*described):
    """A function that makes Keras layers from (name, arguments, keywords)."""

    def augmentation():
        from keras import layers

        return [getattr(layers, name)(*args, **kwargs) for name, args, kwargs in described]

    return augmentation


ANY_HUE = ("RandomHue", (1.0,), {})
BRIGHT = ("RandomBrightness", (0.2,), {})


def one_layer():
    from keras import layers

    return layers.RandomFlip()


def classes_of_layers():
    from keras import layers

    return [layers.RandomFlip, layers.RandomContrast]


WRONG = {
    "07.keeps_label": [
        ("abdf", "about a"),
        ("df", "about b"),
        ("bcdf", "about c"),
        (["b", "f"], "about d"),
        ("b, d, e, f", "about e"),
        ({"b", "d"}, "about f"),
        ("bdfg", "about g"),
        ("bdfh", "about h"),
        ("abcdefgh", "about a"),
        ("digits", "not a choice"),
        ("", "not a choice"),
        (3, "wrong type"),
    ],
    "07.overfits_from": [
        (stops_early, "while watching"),
        (lambda val_losses, patience: int(np.argmin(val_losses)) + 1, "patience ignored"),
        (lambda val_losses, patience: int(np.argmin(val_losses)), "patience ignored, counted from 0"),
        (lambda val_losses, patience: overfits_by_argmin(val_losses, patience + 1), "one epoch too many"),
        (none_if_unknown, "no return"),
        (lambda val_losses, patience: 5, "constant"),
        (lambda val_losses, patience: len(val_losses) - patience, "other"),
    ],
    "07.crops": [
        (crops_beyond_the_border, "stopped"),
        (lambda images, size, uniform: crops_by_list(images, size, uniform * 0 + uniform[0]), "one place for all"),
        (lambda images, size, uniform: crops_by_list(images, size, uniform[:, ::-1]), "rows and columns exchanged"),
        (crops_of_rows_only, "shape"),
        (crops_as_list, "list for array"),
        (crops_drawn_anew, "changes between calls"),
        (lambda images, size, uniform: np.zeros((len(images), size, size, images.shape[3])), "other"),
        (lambda images, size, uniform: crops_by_list(images / 255, size, uniform), "other"),
    ],
    "07.mixup": [
        (mixup_without_labels, "labels not mixed"),
        (mixup_along_channels, "stopped"),
        (mixup_into_bytes, "rounded"),
        (mixup_with_integers, "shape"),
        (lambda *given: mixup_by_loop(*given)[0], "shape"),
        (mixup_in_place, "input changed"),
        (lambda *given: mixup_by_loop(*given)[::-1], "shape"),
    ],
    "07.focal_loss": [
        (focal_unclipped, "not clipped"),
        (focal_clipped_hard, "other"),
        (alpha_balanced, "other"),
        (lambda labels, probabilities, gamma: focal_by_loop(labels, probabilities, 0), "gamma ignored"),
        (lambda labels, probabilities, gamma: focal_by_loop(1 - labels, probabilities, gamma), "other"),
        (lambda *given: 100 * focal_by_loop(*given), "percent"),
    ],
    "07.gain": [
        (gain_with_numpys_std, "divided by n"),
        (gain_of_lists_apart, "not paired"),
        (lambda before, after, t: gain_by_hand(after, before, t), "sign"),
        (lambda *given: gain_by_hand(*given)[0], "wrong type"),
        (lambda *given: bool(gain_by_hand(*given)[0] > gain_by_hand(*given)[1]), "wrong type"),
        (lambda *given: [100 * part for part in gain_by_hand(*given)], "percent"),
        (lambda before, after, t: (np.median(after - before), gain_by_hand(before, after, t)[1]), "median"),
        (lambda before, after, t: gain_by_hand(before, before + abs(after - before), t), "absolute"),
    ],
    "07.stream": [
        (streams(at_init=True), "held in memory"),
        (streams(cached=True), "held in memory"),
        (streams(batches=lambda n, size: n // size), "last batch dropped"),
        (streams(batches=lambda n, size: n // size + 1), "empty batch"),
        (streams(batches=lambda n, size: n), "one batch for each image"),
        (streams(batches=lambda n, size: n + 2), "number of batches"),
        (streams(batches=lambda n, size: n / size, length=float), "wrong type"),
        (streams(listed=backwards), "other numbers"),
        (streams(labels_follow=False), "labels out of step"),
        (streams(shuffles=False), "same order"),
        (streams(anew=True), "same order"),
        (streams(mixed_from_the_start=False), "folder by folder"),
        (streams(seeded=False), "not repeatable"),
        (streams(always=0), "seed ignored"),
        (streams_of_four, "number of batches"),
        (streams(drawn_in_getitem=True), "not each once"),
        (streams(mixed_at_batch_0=True), "changes between calls"),
        (streams(with_replacement=True), "not each once"),
        (streams(scale=1 / 255), "rescaled"),
        (streams(size=(8, 8)), "shape"),
        (streams(mirrored=True), "other pixels"),
        (streams(short=True), "batch size"),
        (streams(one_hot=True), "shape"),
        (streams(as_text=True), "wrong type"),
        (streams(lists=True), "wrong type"),
        (streams(alone=True), "wrong type"),
        (streams(base=False), "wrong type"),
        (streams(returns=False), "no return"),
        (photographs, "wrong type"),
        (3, "wrong type"),
    ],
    "07.own_augmentation": [
        (layers_of(("RandomHue", (0.3,), {})), "in another's light"),
        (layers_of(("RandomFlip", (), {}), ("RandomRotation", (0.1,), {})), "in another's light"),
        (layers_of(ANY_HUE, ("RandomZoom", ((-0.95, -0.9),), {})), "in its own light"),
        (layers_of(ANY_HUE, ("RandomBrightness", (0.4,), {"value_range": (0, 1)})), "value range"),
        (layers_of(ANY_HUE, ("LayerNormalization", (), {})), "changes in use"),
        (layers_of(("Identity", (), {})), "nothing changed"),
        (layers_of(ANY_HUE, ("RandomCrop", (24, 24), {})), "shape"),
        (lambda: None, "no return"),
        (classes_of_layers, "wrong type"),
        (["RandomFlip"], "wrong type"),
        (lambda: ["RandomFlip"], "wrong type"),
        (list, "nothing changed"),
        (one_layer, "wrong type"),
    ],
}

RIGHT = {
    "07.keeps_label": ["b, d, f", ["B", "D", "F"], {"b", "d", "f"}, "(b)(d)(f)"],
    "07.overfits_from": [overfits_by_argmin, overfits_by_loop],
    "07.crops": [crops_rounded_up, crops_by_list, crops_by_indices, crops_by_keras],
    "07.mixup": [mixup_by_loop, mixup_by_keras],
    "07.focal_loss": [focal_by_loop, focal_of_keras, focal_in_two_parts],
    "07.gain": [gain_by_hand, gain_by_scipy],
    "07.stream": [streams(), streams(batches=lambda n, size: math.ceil(n / size)), made(streams_by_random_shuffle)],
    "07.own_augmentation": [
        layers_of(ANY_HUE, BRIGHT, ("RandomContrast", (0.5,), {})),
        layers_of(("RandomFlip", ("horizontal",), {}), ("RandomHue", (0.8,), {})),
    ],
}
