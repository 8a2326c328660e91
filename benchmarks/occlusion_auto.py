"""Does ``method="auto"`` find the faster way for other networks too? Run as ``python benchmarks/occlusion_auto.py``.

Image after image goes through `course_utils.explain.occlusion_map` with ``method="auto"``, which begins plain where the
first image does not pay for windows, measures, and goes over to windows once they would have saved what it takes to
compile them; where it then measures windows to be slower it goes back. Beside it ``method="plain"`` and
``method="windows"`` in the same process, each after its first call. Weights are random. Exits with 1 where the last of
the calls is slower than the better of the two by more than a third.
"""

import argparse
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers

from course_utils.explain import occlusion_map
from course_utils.explain.occlusion import networks

REPEATS = 2
SLOWER = 4 / 3


def head(inputs, x):
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling2D()(x)))


def nested():
    base = keras.applications.MobileNetV2(weights=None, input_shape=(96, 96, 3), include_top=False)
    inputs = keras.Input((96, 96, 3))
    return head(inputs, base(layers.Rescaling(1 / 127.5, -1)(inputs)))


def shared():
    inputs = keras.Input((96, 96, 3))
    x = layers.Conv2D(32, 3, padding="same", activation="relu")(inputs)
    again = layers.Conv2D(32, 3, padding="same", activation="relu")
    for _ in range(6):
        x = layers.Add()([x, again(x)])
    return head(inputs, x)


def hourglass():
    inputs = keras.Input((96, 96, 3))
    fine = layers.Conv2D(16, 3, padding="same", activation="relu")(inputs)
    coarse = layers.Conv2D(32, 3, padding="same", activation="relu")(layers.MaxPooling2D()(fine))
    both = layers.Concatenate()([fine, layers.Conv2DTranspose(16, 2, strides=2)(coarse)])
    return head(inputs, layers.Conv2D(16, 3, padding="same", activation="relu")(both))


def application(name, side):
    return lambda: getattr(keras.applications, name)(weights=None, input_shape=(side, side, 3), classes=10)


NETWORKS = {
    "shared layer": shared,
    "hourglass": hourglass,
    "MobileNet": application("MobileNet", 96),
    "MobileNetV2 inside": nested,
    "ConvNeXtTiny": application("ConvNeXtTiny", 64),
    "InceptionV3": application("InceptionV3", 96),
}


def seconds(model, image, method):
    """Of one map, and the way that was taken."""
    begun = time.perf_counter()
    found = occlusion_map(model, image, 0, 16, 8, method=method)
    return time.perf_counter() - begun, found.method


def measure(name, calls):
    """(seconds of plain, of windows, of the first windows, [(seconds, way) of each call with "auto"])."""
    model = NETWORKS[name]()
    image = np.random.default_rng(0).uniform(0, 255, (1, *model.input_shape[1:])).astype("float32")
    networks._kept.clear()
    automatic = [seconds(model, image, "auto") for _ in range(calls)]
    networks._kept.clear()
    first = {method: seconds(model, image, method)[0] for method in ("plain", "windows")}
    best = {method: min(seconds(model, image, method)[0] for _ in range(REPEATS)) for method in first}
    return best["plain"], best["windows"], first["windows"], automatic


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=NETWORKS, metavar="NAME")
    parser.add_argument("--calls", type=int, default=6, metavar="N", help="images that are explained one by one")
    arguments = parser.parse_args()
    print(f"{keras.backend.backend()} on {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; one image a call")
    print(f"{'network':20}{'plain s':>9}{'windows s':>10}{'first s':>8}{'ratio':>7}  auto, call by call", flush=True)
    slow = []
    for name in arguments.networks:
        plain, windows, first, automatic = measure(name, arguments.calls)
        ways = " ".join(f"{way[0]}{took:.2f}" for took, way in automatic)
        print(f"{name:20}{plain:>9.2f}{windows:>10.2f}{first:>8.1f}{plain / windows:>7.2f}  {ways}", flush=True)
        if automatic[-1][0] > SLOWER * min(plain, windows):
            slow.append(f"{name}: {automatic[-1][0]:.2f} s, {min(plain, windows):.2f} s expected")
    print("\n".join(slow) or "auto ends on the faster way everywhere")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
