"""What does compiling a network whole save on JAX? Run as ``python benchmarks/gradients_on_jax.py``; needs ``jax``.

`course_utils.explain.input_gradient` of EfficientNet-Lite0 for two photographs of 224 x 224, asked several times: as it
is, compiled whole and kept, and operation by operation, as JAX runs what nobody tells it to compile. Each way has a
process of its own, since JAX remembers what it compiled. Exits with 1 where operation by operation is faster, the first
time or later.
"""

import os
import statistics
import subprocess
import sys
import time

WAYS, REPEATS = ("compiled", "operation by operation"), 5


def seconds(way):
    """Of the first call, and the median of the later ones."""
    import numpy as np

    from course_utils import explain, models
    from course_utils.explain.opened import Opened

    if way == WAYS[1]:
        Opened.compiled = lambda self, function: function
    model = models.efficientnet_lite("lite0")
    images = np.random.default_rng(0).uniform(0, 255, (2, 224, 224, 3))
    taken = []
    for _ in range(1 + REPEATS):
        started = time.perf_counter()
        explain.input_gradient(model, images, [1, 2])
        taken.append(time.perf_counter() - started)
    return taken[0], statistics.median(taken[1:])


def main():
    if len(sys.argv) > 1:
        print(*seconds(sys.argv[1]))
        return
    found = {}
    for way in WAYS:
        environment = {**os.environ, "KERAS_BACKEND": "jax", "TF_CPP_MIN_LOG_LEVEL": "3"}
        done = subprocess.run([sys.executable, __file__, way], env=environment, capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr)
        found[way] = [float(each) for each in done.stdout.split()]
        print(f"{way:22}: {found[way][0]:5.2f} s the first time, {found[way][1]:5.2f} s later")
    first, later = (slow / fast for fast, slow in zip(*found.values(), strict=True))
    print(f"compiled is {first:.1f} times as fast the first time, {later:.1f} times later")
    sys.exit(first < 1 or later < 1)


if __name__ == "__main__":
    main()
