"""How good are the course's trained networks, and how fast here? Run as ``python benchmarks/transfer.py``.

Three questions of each network, on the photographs of the mirror: does it, as it comes, call cats some cat and dogs
some dog; how well does a logistic regression on its pooled features tell cats from dogs; how many images go through it
in a second. ``--networks lite0 vgg16`` asks some of them, ``--test 200`` tests on fewer images. Prints one line a
network as soon as it is known; exits with 1 where the data or the weights are missing.
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
BATCH = 32
HEADER = (
    "network",
    "cats called cat",
    "dogs called dog",
    "500 images",
    "1,600 images",
    "tested on",
    "images/s",
)


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
    base.predict(images[0][:BATCH], batch_size=BATCH, verbose=0)  # compiled before the clock runs
    start = time.perf_counter()
    features = np.concatenate([base.predict(part, batch_size=BATCH, verbose=0) for part in images])
    speed = len(features) / (time.perf_counter() - start)
    return features.reshape(len(features), -1), np.concatenate(labels), speed


def accuracy(features, labels, examples):
    """Of a logistic regression that has seen the first ``examples``, on everything after the first 1,600."""
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    classifier.fit(features[:examples], labels[:examples])
    return classifier.score(features[1600:], labels[1600:])


def measure(name, test):
    """One row of the table."""
    if name == "vgg16":
        size, whole = 180, None
        base = models.vgg16(input_shape=(size, size, 3), pooling="avg")
    else:
        whole = models.efficientnet_lite(name)
        base = models.efficientnet_lite(name, include_top=False, pooling="avg")
        size = base.input_shape[1]
    cats, dogs = as_they_come(whole, size) if whole else (None, None)
    features, labels, speed = timed_features(base, size, test)
    return (
        f"{name}, {size} px",
        "-" if cats is None else f"{cats:.3f}",
        "-" if dogs is None else f"{dogs:.3f}",
        f"{accuracy(features, labels, 500):.4f}",
        f"{accuracy(features, labels, 1600):.4f}",
        f"{len(labels) - 1600:,}",
        f"{speed:.0f}",
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", default=["lite0", "lite2", "vgg16"], metavar="NAME")
    parser.add_argument("--test", type=int, default=2000, metavar="N")
    arguments = parser.parse_args()
    try:
        print("  ".join(HEADER), flush=True)
        for name in arguments.networks:
            row = measure(name, arguments.test)
            print("  ".join(cell.ljust(len(title)) for cell, title in zip(row, HEADER, strict=True)), flush=True)
    except (DatasetUnavailable, models.WeightsUnavailable) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
