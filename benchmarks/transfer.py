"""How good and how fast is transfer here? Run as ``python benchmarks/transfer.py``.

It measures the two bars of the course, each from raw images to the accuracy on images that were never trained on, and
prints the seconds of every part:

- ``cats``: cats vs. dogs, 0.985 within two minutes: a logistic regression on the frozen features of EfficientNet-Lite0;
- ``cifar10``: CIFAR-10, 0.93 within eighteen minutes: EfficientNet-Lite0 fine-tuned at 96 pixels for two epochs.

``python benchmarks/transfer.py cats --network lite2`` takes another network; ``cifar10 --examples 2000 --test 1000
--epochs 1`` is a trial. ``networks`` makes a table of trained networks: does each, as it comes, call cats some cat and
dogs some dog; how well does a logistic regression on its features tell them apart; how many images go through it in a
second. Exits with 1 where data or weights are missing.
"""

import argparse
import sys
import time

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from course_utils import DatasetUnavailable, load, models

CATS, DOGS = range(281, 286), range(151, 269)
HEADER = (
    "network",
    "cats called cat",
    "dogs called dog",
    "500 images",
    "1,600 images",
    "tested on",
    "images/s",
)
BARS = {"cats": (0.985, 120), "cifar10": (0.93, 1080)}


class Clock:
    """Seconds since the last part, by name."""

    def __init__(self):
        self.parts, self._started = {}, time.perf_counter()

    def part(self, name):
        self.parts[name] = time.perf_counter() - self._started - self.seconds

    @property
    def seconds(self):
        return sum(self.parts.values())


def report(name, what, accuracy, tested, clock):
    """Print a bar: what was reached, on how many images, in how many seconds, and whether that is enough."""
    wanted, seconds = BARS[name]
    reached = "reached" if accuracy >= wanted and clock.seconds <= seconds else "not reached"
    parts = ", ".join(f"{part} {value:.0f}" for part, value in clock.parts.items())
    print(
        f"{name}: {what}: {accuracy:.4f} of {tested:,} in {clock.seconds:.0f} s ({parts})\n"
        f"  bar {wanted} in {seconds} s: {reached}",
        flush=True,
    )


def base_of(network, **options):
    return models.pretrained_base(network if network in models.BASES else f"efficientnet_{network}", **options)


def classifier_on_features():
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))


# -------------------------------------------------------------------------------------------------------------- bars


def cats(arguments):
    """Features of all photographs, once; a classifier on those of the training set, scored on those of the test set."""
    clock = Clock()
    base = base_of(arguments.network)
    size = base.input_shape[1:3]
    clock.part("network")
    train = load("cats_vs_dogs", examples=arguments.examples, size=size)
    test = load("cats_vs_dogs", "test", examples=arguments.test, size=size)
    clock.part("images")
    found = [models.features(base, data.images) for data in (train, test)]
    clock.part("features")
    accuracy = classifier_on_features().fit(found[0], train.labels).score(found[1], test.labels)
    clock.part("classifier")
    what = f"{base.name} at {size[0]} px, frozen, {len(train):,} images"
    report("cats", what, accuracy, len(test), clock)


def cifar10(arguments):
    """A classifier on the features of some images, so that its first gradients do no harm; then everything at once."""
    import keras  # after course_utils, which says how TensorFlow is to start
    from keras import layers

    clock = Clock()
    keras.utils.set_random_seed(arguments.seed)
    base = base_of(arguments.network, input_shape=(arguments.size, arguments.size, 3))
    clock.part("network")
    train = load("cifar10", examples=arguments.examples, seed=arguments.seed)
    test = load("cifar10", "test", examples=arguments.test)
    clock.part("images")

    some = slice(min(arguments.head, len(train)))
    enlarged = keras.ops.image.resize(train.images[some].astype("float32"), (arguments.size, arguments.size))
    found = models.features(base, keras.ops.convert_to_numpy(enlarged))
    classifier = keras.Sequential(
        [keras.Input(found.shape[1:]), layers.Dropout(0.2), layers.Dense(10, activation="softmax")], name="classifier"
    )
    classifier.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
    classifier.fit(found, train.labels[some], batch_size=64, epochs=5, verbose=0)
    clock.part("classifier")

    model = models.with_classifier(
        base,
        classifier,
        augmentation=layers.RandomFlip("horizontal"),
        input_shape=train.images.shape[1:],
        trainable=True,
    )
    steps = arguments.epochs * -(-len(train) // arguments.batch)
    warm = max(1, steps // 10)
    rate = keras.optimizers.schedules.CosineDecay(0.0, steps - warm, warmup_target=arguments.rate, warmup_steps=warm)
    model.compile(
        keras.optimizers.AdamW(rate, weight_decay=1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    model.fit(train.images, train.labels, batch_size=arguments.batch, epochs=arguments.epochs, verbose=2)
    clock.part("training")
    accuracy = model.evaluate(test.images, test.labels, batch_size=128, verbose=0)[1]
    clock.part("test")
    what = f"{base.name} at {arguments.size} px, fine-tuned, {arguments.epochs} epochs of {len(train):,} images"
    report("cifar10", what, accuracy, len(test), clock)


# ---------------------------------------------------------------------------------------------------------- networks


def are_cats(data):
    """Whether each image of the pets shows a cat: the authors begin the names of cats' breeds with a capital."""
    return np.array([name[0].isupper() for name in data.class_names])[data.labels]


def as_they_come(model, size):
    """Share of the pets' cats and dogs whose likeliest class is some cat and some dog."""
    hits = {True: [], False: []}
    for split in ("train", "test"):
        data = load("oxford_pets", split, size=size)
        for is_cat, seen in zip(are_cats(data), models.classify(model, data.images, top=1), strict=True):
            hits[is_cat].append(seen.indices[0] in (CATS if is_cat else DOGS))
    return np.mean(hits[True]), np.mean(hits[False])


def timed_features(base, size, test):
    """Features of 1,600 training and at most ``test`` other images, their labels, and images a second.

    Half of the others are from the test split, half from the rest of the training split: a mirror of 4,000 images has
    no more than 1,000 in the one.
    """
    half = test // 2
    train = load("cats_vs_dogs", "train", examples=1600 + half, size=size)
    rest = load("cats_vs_dogs", "test", size=size)
    images = [train.images, rest.images[: test - half]]
    labels = [train.labels, rest.labels[: test - half]]
    models.features(base, images[0][:32])  # compiled before the clock runs
    start = time.perf_counter()
    found = np.concatenate([models.features(base, part) for part in images])
    return found, np.concatenate(labels), len(found) / (time.perf_counter() - start)


def accuracy(found, labels, examples):
    """Of a logistic regression that has seen the first ``examples``, on everything after the first 1,600."""
    return classifier_on_features().fit(found[:examples], labels[:examples]).score(found[1600:], labels[1600:])


def measure(name, test):
    """One row of the table."""
    lite = name.startswith("lite")
    base = base_of(name, **({} if lite else {"input_shape": (180, 180, 3)}))
    size = base.input_shape[1]
    cats_right, dogs_right = as_they_come(models.efficientnet_lite(name), size) if lite else (None, None)
    found, labels, speed = timed_features(base, size, test)
    return (
        f"{name}, {size} px",
        "-" if cats_right is None else f"{cats_right:.3f}",
        "-" if dogs_right is None else f"{dogs_right:.3f}",
        f"{accuracy(found, labels, 500):.4f}",
        f"{accuracy(found, labels, 1600):.4f}",
        f"{len(labels) - 1600:,}",
        f"{speed:.0f}",
    )


def networks(arguments):
    print("  ".join(HEADER), flush=True)
    for name in arguments.networks:
        row = measure(name, arguments.test)
        print("  ".join(cell.ljust(len(title)) for cell, title in zip(row, HEADER, strict=True)), flush=True)


def parsed(given=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = parser.add_subparsers(dest="part", metavar="cats | cifar10 | networks")
    one = parts.add_parser("cats")
    one.add_argument("--network", default="lite0", help="lite0, lite1, lite2 or any base of models.BASES")
    one.add_argument("--examples", type=int, help="photographs to train on; by default all")
    one.add_argument("--test", type=int, help="photographs to test on; by default all")
    one = parts.add_parser("cifar10")
    one.add_argument("--network", default="lite0", help="lite0, lite1, lite2 or any base of models.BASES")
    one.add_argument("--examples", type=int, default=50_000)
    one.add_argument("--test", type=int, default=10_000)
    one.add_argument("--head", type=int, default=2_000, help="images that the classifier is trained on first")
    one.add_argument("--epochs", type=int, default=2)
    one.add_argument("--batch", type=int, default=64)
    one.add_argument("--rate", type=float, default=1e-3)
    one.add_argument("--size", type=int, default=96)
    one.add_argument("--seed", type=int, default=0)
    one = parts.add_parser("networks")
    one.add_argument("--networks", nargs="+", default=["lite0", "lite2", "vgg16"], metavar="NAME")
    one.add_argument("--test", type=int, default=2000, metavar="N")
    arguments = parser.parse_args(given)
    return [arguments] if arguments.part else [parser.parse_args([name]) for name in BARS]


def main():
    try:
        for arguments in parsed():
            {"cats": cats, "cifar10": cifar10, "networks": networks}[arguments.part](arguments)
    except (DatasetUnavailable, models.WeightsUnavailable) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
