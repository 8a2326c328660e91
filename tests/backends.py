"""Run a program on another of Keras' backends, in a process of its own: a process keeps the one it began with."""

import importlib.util
import os
import subprocess
import sys

BACKENDS = ("tensorflow", "jax", "torch")
INSTALLED = [name for name in BACKENDS if importlib.util.find_spec(name)]


def output_on(backend, program, *arguments):
    """The lines that a program prints on a backend. It must end well, and have run on that one."""
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport keras\nprint(keras.config.backend())", *map(str, arguments)],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    *lines, ran = done.stdout.splitlines()
    assert ran == backend
    return lines
