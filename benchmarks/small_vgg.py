"""Does the small VGG transfer? Run as ``python benchmarks/small_vgg.py``.

Two hundred stand-in images of cats and dogs, none of whose shapes the network was trained on: a logistic regression on
its frozen features against the same network trained from scratch on the same images, over five draws. Both are tested
on the same 500 others. Prints one line a draw, and the margin.
"""

import argparse
import time

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from course_utils import load, models, training


def stand_ins(seed, size=64, examples=200, test=500):
    """Training and test images of one draw."""
    options = dict(size=size, source="stand-in", seed=seed)
    return load("cats_vs_dogs", examples=examples, **options), load("cats_vs_dogs", "test", examples=test, **options)


def frozen(train, test):
    """Accuracy of a logistic regression on the frozen features."""
    base = models.pretrained_base("small_vgg", train.images.shape[1:])
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
    classifier.fit(models.features(base, train.images), train.labels)
    return classifier.score(models.features(base, test.images), test.labels)


def from_scratch(train, test, seed, epochs, rate=1e-3):
    """Accuracy of the same network, trained from random weights; and its accuracy on the images it was trained on."""
    import keras  # after course_utils, which says how TensorFlow is to start

    keras.utils.set_random_seed(seed)
    base = models.small_vgg(weights=None, input_shape=train.images.shape[1:], pooling="avg")
    model = models.with_classifier(base, 2, trainable=True)
    model.compile(keras.optimizers.Adam(rate), "binary_crossentropy", metrics=["accuracy"])
    training.build(model, train.labels)
    history = model.fit(train.images, train.labels, batch_size=16, epochs=epochs, verbose=0).history
    return model.evaluate(test.images, test.labels, verbose=0)[1], history["accuracy"][-1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=40, help="of the training from scratch")
    arguments = parser.parse_args()
    margins = []
    for seed in range(arguments.seeds):
        train, test = stand_ins(seed)
        started = time.perf_counter()
        one = frozen(train, test)
        between = time.perf_counter()
        other, learned = from_scratch(train, test, seed, arguments.epochs)
        margins.append(one - other)
        print(
            f"seed {seed}: frozen {one:.3f} ({between - started:.0f} s), from scratch {other:.3f} "
            f"({time.perf_counter() - between:.0f} s; {learned:.3f} of what it was trained on)",
            flush=True,
        )
    print(f"margin {np.mean(margins):.3f} ({min(margins):.3f} to {max(margins):.3f})")


if __name__ == "__main__":
    main()
