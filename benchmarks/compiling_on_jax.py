"""What does compiling a network whole save on JAX? Run as ``python benchmarks/compiling_on_jax.py``; needs ``jax``.

Two things are done several times, compiled whole, as the course has it, and operation by operation, as JAX runs what
nobody tells it to compile:

- `course_utils.explain.input_gradient` of EfficientNet-Lite0 for two photographs of 224 x 224;
- an epoch of `course_utils.models.small_convnet` behind a flip, a rotation and a zoom, 256 images of 96 x 96.

Each way has a process of its own, since JAX remembers what it compiled. Exits with 1 where operation by operation is
faster, the first time or later.
"""

import os
import statistics
import subprocess
import sys
import time

WAYS, REPEATS = ("compiled", "operation by operation"), 5


def a_gradient(whole):
    """What is timed, as a function without arguments."""
    import numpy as np

    from course_utils import explain, models
    from course_utils.explain.opened import Opened

    if not whole:
        Opened.compile_on_jax = lambda self, function: function
    model = models.efficientnet_lite("lite0")
    images = np.random.default_rng(0).uniform(0, 255, (2, 224, 224, 3))
    return lambda: explain.input_gradient(model, images, [1, 2])


def an_augmented_epoch(whole):
    """What is timed, as a function without arguments."""
    import keras
    import numpy as np
    from keras import layers

    from course_utils import models, training  # noqa: F401, which lets Keras compile the layers that move images

    random, shape = np.random.default_rng(0), (96, 96, 3)
    images, labels = random.uniform(0, 255, (256, *shape)).astype("float32"), random.integers(0, 2, 256)
    augmentation = [layers.RandomFlip("horizontal"), layers.RandomRotation(0.1), layers.RandomZoom(0.2)]
    model = keras.Sequential([keras.Input(shape), *augmentation, models.small_convnet(shape)])
    model.compile("adam", "binary_crossentropy", jit_compile="auto" if whole else False)
    return lambda: model.fit(images, labels, batch_size=32, verbose=0)


SUBJECTS = (a_gradient, an_augmented_epoch)


def seconds(subject, way):
    """Of the first call, and the median of the later ones."""
    (make,) = [each for each in SUBJECTS if each.__name__ == subject]
    call, taken = make(way == WAYS[0]), []
    for _ in range(1 + REPEATS):
        started = time.perf_counter()
        call()
        taken.append(time.perf_counter() - started)
    return taken[0], statistics.median(taken[1:])


def main():
    if len(sys.argv) > 1:
        print(*seconds(*sys.argv[1:]))
        return
    slower = False
    for subject in SUBJECTS:
        found = []
        for way in WAYS:
            environment = {**os.environ, "KERAS_BACKEND": "jax", "TF_CPP_MIN_LOG_LEVEL": "3"}
            command = [sys.executable, __file__, subject.__name__, way]
            done = subprocess.run(command, env=environment, capture_output=True, text=True)
            if done.returncode:
                sys.exit(done.stderr)
            found.append([float(each) for each in done.stdout.split()])
            print(f"{subject.__name__}, {way:22}: {found[-1][0]:5.2f} s the first time, {found[-1][1]:5.2f} s later")
        first, later = (slow / fast for fast, slow in zip(*found, strict=True))
        print(f"compiled is {first:.1f} times as fast the first time, {later:.1f} times later")
        slower |= first < 1 or later < 1
    sys.exit(slower)


if __name__ == "__main__":
    main()
