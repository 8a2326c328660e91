"""How fast is an exact occlusion map? Run as ``python benchmarks/occlusion.py``, on any of Keras' backends.

For each network and each patch and stride: the windows of `course_utils.explain.occlusion_map` beside our own plain
computation (covered images in compiled batches) at its best batch size, and for VGG16 beside Captum's Occlusion where
PyTorch and Captum are installed (extras ``torch`` and ``peers``), on the same architecture with the same weights.
Weights are random, since the time does not depend on them; batch normalisation has the statistics of a batch of drawn
images, so that scores differ enough for the two results to be compared.

All are run in turn in one process, so that whatever else the machine does slows all of them; the best time counts.
Windows are timed on all positions of an image whose network was compiled before. The plain ways do the same work at
every position: they are timed on some of them, and multiplied up. Exits with 1 where a ratio lies below its bar, which
is set for TensorFlow on two cores; elsewhere where windows are chosen and slower than plain.
"""

import argparse
import os
import sys
import time
from importlib import metadata
from types import SimpleNamespace

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from course_utils import models
from course_utils.arithmetic import occlusion_bound
from course_utils.budget import processor
from course_utils.datasets.drawn import draw
from course_utils.explain import occlusion_map
from course_utils.explain.occlusion import networks

_AXES = ("places", "rows", "columns")
SIZES = (8, 16, 32, 64)  # of batches that the plain way may choose from
REPEATS = 3
CAPTUM_BAR = 7.0
# (network, patch, stride) -> the least that windows must gain over plain, in TensorFlow
BARS = {
    ("VGG16", 32, 16): 5.0,
    ("VGG16", 16, 8): 5.0,
    ("MobileNetV2", 16, 8): 3.0,
    ("EfficientNet-Lite0", 16, 8): 2.0,
    ("DenseNet121", 16, 8): 1.8,
    ("ResNet50", 16, 8): 1.6,
    ("Xception", 16, 8): 1.0,
    ("EfficientNetB0", 16, 8): 1.0,
}
NETWORKS = {
    "VGG16": lambda: models.vgg16(include_top=True, weights=None),
    "MobileNetV2": lambda: keras.applications.MobileNetV2(weights=None),
    "EfficientNet-Lite0": lambda: models.efficientnet_lite("lite0", weights=None),
    "DenseNet121": lambda: keras.applications.DenseNet121(weights=None),
    "ResNet50": lambda: keras.applications.ResNet50(weights=None),
    "Xception": lambda: keras.applications.Xception(weights=None),
    "EfficientNetB0": lambda: keras.applications.EfficientNetB0(weights=None),
}


def build(name):
    """A network with random weights whose scores differ from image to image, and a drawn image for it."""
    keras.utils.set_random_seed(1)
    model = NETWORKS[name]()
    images = draw(16, model.input_shape[1], seed=2).images.astype("float32")
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    before = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 0.0
    if layers:
        model(images, training=True)
    for layer, momentum in zip(layers, before, strict=True):
        layer.momentum = momentum
    return model, images[:1]


def timed(function):
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


def plain(model, image, patch, stride, batch_size, few):
    """Seconds a position of the plain way, and the logits of the first ``few`` positions."""
    # The same network as occlusion_map(method="plain") runs, on some of its positions.
    sides = model.input_shape[1:], (patch, patch), (stride, stride), batch_size, True
    network = networks._look_up(model, *sides)[0].network("plain", 1)
    (batches,) = network.batches
    few = min(len(batches.places), -(-few // batches.size) * batches.size)  # whole batches

    def first(count):
        some = (axis[:count] for axis in (batches.places, batches.rows, batches.columns))
        some = batches._replace(**dict(zip(_AXES, some, strict=True)))
        return SimpleNamespace(clean=network.clean, batches=[some], seconds=np.inf)

    def run(count):
        return next(networks._runs(first(count), image, np.zeros_like(image), False))[1]

    run(batches.size)  # compiles
    seconds, outputs = timed(lambda: run(few))
    return seconds / (few + 1), outputs


def captum_seconds(model, image, patch, stride):
    """Seconds of Captum's Occlusion on VGG16 in PyTorch, the better of two batch sizes; None without it."""
    try:
        import torch
        from captum.attr import Occlusion
    except ImportError:
        return None
    network = torch.nn.Sequential()
    for layer in model.layers:
        kind = type(layer).__name__
        if kind in ("Conv2D", "Dense"):
            kernel, bias = (torch.from_numpy(np.asarray(weight)) for weight in layer.get_weights())
            if kind == "Conv2D":
                made, kernel = torch.nn.Conv2d(*kernel.shape[2:], 3, padding=1), kernel.permute(3, 2, 0, 1)
            else:
                made, kernel = torch.nn.Linear(*kernel.shape), kernel.T
            made.weight.data, made.bias.data = kernel.contiguous(), bias
            network.append(made)
            if layer.name != "predictions":
                network.append(torch.nn.ReLU(inplace=True))
        elif kind == "MaxPooling2D":
            network.append(torch.nn.MaxPool2d(2))
        elif kind == "Flatten":
            network.append(torch.nn.Flatten())
    network.eval()
    pixels, best = torch.from_numpy(image.transpose(0, 3, 1, 2).copy()), np.inf
    with torch.no_grad():
        for batch_size in (16, 32):
            seconds, _ = timed(
                lambda batch_size=batch_size: Occlusion(network).attribute(
                    pixels, (3, patch, patch), strides=(3, stride, stride), target=0, perturbations_per_eval=batch_size
                )
            )
            best = min(best, seconds)
    return best


def measure(name, patch, stride, few):
    """One row of the table as numbers."""
    model, image = build(name)
    side = (image.shape[1] - patch) // stride + 1
    count = side * side
    networks._kept.clear()

    def windows():
        return occlusion_map(model, image, 0, patch, stride, score="logit", method="windows").scores

    first, _ = timed(windows)
    by_size = {size: plain(model, image, patch, stride, size, few)[0] for size in SIZES}
    best_size = min(by_size, key=by_size.get)
    a_position, a_map = by_size[best_size], np.inf
    for _ in range(REPEATS):
        seconds, scores = timed(windows)
        a_map = min(a_map, seconds)
        seconds, outputs = plain(model, image, patch, stride, best_size, few)
        a_position = min(a_position, seconds)
    spread = np.ptp(scores)
    difference = np.abs(scores.reshape(-1)[: len(outputs)] - outputs[:, 0]).max() / spread
    bound = occlusion_bound(model, patch, stride)
    captum = captum_seconds(model, image, patch, stride) if name == "VGG16" and stride == 16 else None
    kept = networks._Kept(model, None, image.shape[1:], (patch, patch), (stride, stride), 32, True)
    return dict(
        name=name, patch=patch, stride=stride, count=count, plain=a_position * (count + 1), size=best_size, first=first,
        windows=a_map, bound=bound, difference=difference, captum=captum,
        chosen=kept.network("auto", 100).method == "windows",
    )  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=NETWORKS, metavar="NAME")
    parser.add_argument("--patches", nargs="+", default=["32/16", "16/8"], metavar="PATCH/STRIDE")
    parser.add_argument("--few", type=int, default=128, metavar="N", help="positions that the plain ways are timed on")
    arguments = parser.parse_args()
    backend = keras.backend.backend()
    versions = {name: metadata.version(name) for name in ("keras", "numpy")}
    for name in ("tensorflow", "tensorflow-cpu", "jax", "torch", "captum"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    print(f"{backend} on {os.cpu_count()} cores ({processor()}); " + ", ".join(map(" ".join, versions.items())))
    print(
        f"{'network':20}{'patch':>7}{'positions':>10}{'plain s':>9}{'batch':>6}{'windows s':>10}{'first s':>8}"
        f"{'ratio':>7}{'bound':>7}{'share':>7}{'difference':>11}",
        flush=True,
    )
    missed = []
    for name in arguments.networks:
        for pair in arguments.patches:
            patch, stride = map(int, pair.split("/"))
            row = measure(name, patch, stride, arguments.few)
            ratio = row["plain"] / row["windows"]
            print(
                f"{name:20}{pair:>7}{row['count']:>10}{row['plain']:>9.2f}{row['size']:>6}{row['windows']:>10.2f}"
                f"{row['first']:>8.1f}{ratio:>7.2f}{row['bound']:>7.2f}{ratio / row['bound']:>7.0%}"
                f"{row['difference']:>11.1e}" + ("" if row["chosen"] else "  (plain is chosen)"),
                flush=True,
            )
            bar = BARS.get((name, patch, stride), 1.0) if backend == "tensorflow" else 1.0
            if ratio < bar and row["chosen"]:
                missed.append(f"{name} {pair}: {ratio:.2f}, expected {bar}")
            if row["captum"]:
                over = row["captum"] / row["windows"]
                print(f"{'':20}Captum {row['captum']:.2f} s, {over:.2f} times the windows", flush=True)
                if backend == "tensorflow" and (patch, stride) == (32, 16) and over < CAPTUM_BAR:
                    missed.append(f"Captum {pair}: {over:.2f}, expected {CAPTUM_BAR}")
    print("\n".join(missed) or "every ratio reaches its bar")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
