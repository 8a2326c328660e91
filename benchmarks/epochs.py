"""What does ``import course_utils`` gain in a training? Run as ``python benchmarks/epochs.py``; needs TensorFlow.

Trains Model 2 of chapter 06 for two epochs on random images, in a process of its own for each setting: SCHED_OTHER and
oneDNN off, each of the two gains alone, and as the import leaves it. Prints the seconds of `fit` and their ratio to the
first; exits with 0. The settings take turns, so that whatever else the machine does meets all of them. TensorFlow turns
oneDNN on by itself where the processor has AVX-512. ``--images 500 --times 1`` is a short try.
"""

import argparse
import os
import statistics
import subprocess
import sys

SETTINGS = {  # the scheduler's class and oneDNN, or what the import leaves
    "neither": ("SCHED_OTHER", "0"),
    "SCHED_BATCH": ("SCHED_BATCH", "0"),
    "oneDNN": ("SCHED_OTHER", "1"),
    "import course_utils": (None, None),
}
TRAIN = """
import os, sys, time, course_utils
images, scheduler = int(sys.argv[1]), sys.argv[2]
if scheduler:  # threads that are started from now on are of that class
    os.sched_setscheduler(0, getattr(os, scheduler), os.sched_param(0))
import numpy as np
from course_utils.models import scratch
random = np.random.default_rng(0)
x, y = random.integers(0, 256, (images, 32, 32, 3), "uint8"), random.integers(0, 10, images)
model = scratch.model_2()
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
start = time.perf_counter()
model.fit(x, y, epochs=2, batch_size=64, validation_split=0.1, verbose=0)
print(time.perf_counter() - start)
"""


def seconds(images, scheduler, onednn):
    environment = {name: value for name, value in os.environ.items() if name != "TF_ENABLE_ONEDNN_OPTS"}
    environment |= {"TF_ENABLE_ONEDNN_OPTS": onednn} if onednn else {}
    command = [sys.executable, "-c", TRAIN, str(images), scheduler or ""]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)  # oneDNN announces itself on stderr
    return sys.exit(done.stderr) if done.returncode else float(done.stdout)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=4_000)
    parser.add_argument("--times", type=int, default=3)
    options = parser.parse_args()
    taken = {name: [] for name in SETTINGS}
    for name in options.times * list(SETTINGS):
        taken[name].append(seconds(options.images, *SETTINGS[name]))
    medians = {name: statistics.median(each) for name, each in taken.items()}
    for name, median in medians.items():
        print(f"{name:20} {median:7.2f} s at the median, {median / medians['neither']:.2f} times")


if __name__ == "__main__":
    main()
