"""Run a program on another of Keras' backends, in a process of its own: a process keeps the one it began with."""

import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

#: The backends that Keras trains on, in the order in which the course names them.
BACKENDS = ("tensorflow", "jax", "torch")
TITLES = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}


def installed():
    """The backends whose packages are at hand.

    Returns
    -------
    tuple of str
        Of `BACKENDS`, in that order. Nothing is imported.

    Examples
    --------
    >>> set(installed()) <= set(BACKENDS)
    True
    """
    return tuple(name for name in BACKENDS if importlib.util.find_spec(name))


def run_on(backend, program, *arguments, seconds=600):
    """Run a program with one of Keras' backends.

    Parameters
    ----------
    backend : str
        One of `BACKENDS`.
    program : str
        Python code, which imports Keras itself.
    *arguments : str or path
        The program finds them in ``sys.argv[1:]``.
    seconds : float
        How long it may take.

    Returns
    -------
    list of str
        The lines that it printed.

    Raises
    ------
    ValueError
        No backend has that name.
    ModuleNotFoundError
        Its package is not installed.
    RuntimeError
        The program failed, or did not run on that backend; the message ends with what it wrote to stderr.

    Notes
    -----
    Taught in chapter 13, The same networks in three frameworks.

    Examples
    --------
    >>> run_on("theano", "print(1)")
    Traceback (most recent call last):
    ...
    ValueError: run_on: backend is 'theano'; it must be one of tensorflow, jax, torch.
    """
    if backend not in BACKENDS:
        raise ValueError(f"run_on: backend is {backend!r}; it must be one of {', '.join(BACKENDS)}.")
    if backend not in installed():
        raise ModuleNotFoundError(f"No module named {backend!r}", name=backend)
    ending = "\nimport keras\nprint(keras.config.backend())\n"
    package = str(Path(__file__).parents[1])
    paths = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": paths, "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment.pop("MPLBACKEND", None)
    # A file and not -c, so that a traceback shows the program's lines.
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"on_{backend}.py"
        file.write_text(program + ending, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, str(file), *map(str, arguments)], env=environment, capture_output=True, text=True,
            check=False, timeout=seconds,
        )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"The program failed on {TITLES[backend]}:\n{done.stderr[-3000:]}")
    *lines, ran = done.stdout.splitlines()
    if ran != backend:
        raise RuntimeError(f"The program was to run on {backend} and ran on {ran}.")
    return lines
