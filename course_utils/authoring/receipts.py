"""The receipt of a run: what the outputs that stand in a notebook were made with.

It stands in the notebook's metadata under ``course.receipt``::

    {"profile": "laptop", "backend": "tensorflow", "device": "CPU, 2 cores", "seconds": 512,
     "versions": {"python": "3.11.9", "numpy": "2.4.6", "keras": "3.15.1", "tensorflow": "2.21.0"},
     "claims": 14, "code": "a 16-digit hash of the code cells", "run": "a 16-digit hash of all that the run left"}

There is no ``backend``, and no Keras among the versions, where the notebook does not use Keras, and no ``claims`` where
the text makes none. There is no date: the history of the file has it.

What the hashes prove: that nothing was changed by accident or by hand since the run, neither code, nor outputs, nor
alternative texts with values of the run, nor the receipt itself, and that all four come from one run. What they do not
prove: that there was a run. Who computes both anew can claim anything, and a secret key would have to be in every
author's hands. That is what `course validate` is for, which runs the code again.
"""

import ast
import hashlib
import json
import os
import platform
import sys
from importlib import metadata

from ..budget import PROFILES
from .formatting import format_notebook
from .records import alt_template, alternative_text, claims_in

_DISTRIBUTIONS = {
    "tensorflow": ("tensorflow", "tensorflow-cpu", "tensorflow-intel"),
    "jax": ("jax",),
    "torch": ("torch",),
}


def code_hash(notebook):
    """Return a hash of what was run: the code cells in their order, the generated setup cell left out.

    It is taken of what Python understands: layout and comments do not change it, and neither do text, tags, outputs
    and the repository's address. A cell that is not Python, magic lines aside, counts as it stands. Of a call of
    `budget`, what it says about other profiles than the receipt's does not count, since the run never saw it: a smaller
    smoke run needs no new run at laptop.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        With its receipt, where it has one.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    profile = (receipt_of(notebook) or {}).get("profile")
    sources = [
        _meaning(cell.source, profile)
        for cell in notebook.cells
        if cell.cell_type == "code" and "setup" not in cell.metadata.get("tags", ()) and cell.source.strip()
    ]
    return hashlib.sha256(json.dumps(sources).encode()).hexdigest()[:16]


def _meaning(source, profile):
    """The source without layout, comments and the numbers of other profiles; lines for IPython stay as they are."""
    text = "\n".join(line.rstrip() for line in source.strip().splitlines())
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return text
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "budget":
            call.keywords = [each for each in call.keywords if each.arg not in PROFILES or each.arg == profile]
    return ast.dump(tree)


def receipt_of(notebook):
    """Return the receipt that stands in a notebook, or None."""
    return notebook.metadata.get("course", {}).get("receipt")


def run_hash(notebook):
    """Return a hash of what a run left: the outputs, the alternative texts that it filled, and the rest of its receipt.

    It is taken of the canonical form. The receipt holds the hash of the code, so that outputs belong to their code.

    Parameters
    ----------
    notebook : nbformat.NotebookNode

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    left = [
        [cell.outputs, alternative_text(cell) if alt_template(cell) else ""]
        for cell in format_notebook(notebook).cells
        if cell.cell_type == "code" and (cell.outputs or "setup" not in cell.metadata.get("tags", ()))
    ]
    receipt = {name: value for name, value in (receipt_of(notebook) or {}).items() if name != "run"}
    return hashlib.sha256(json.dumps([left, receipt], sort_keys=True).encode()).hexdigest()[:16]


def receipt_is_fresh(notebook):
    """Say whether the stored outputs were made by the code that stands in the notebook now."""
    receipt = receipt_of(notebook)
    return receipt is not None and receipt.get("code") == code_hash(notebook)


def run_is_untouched(notebook):
    """Say whether outputs, filled alternative texts and receipt are those of one run, as it left them."""
    receipt = receipt_of(notebook)
    return receipt is not None and receipt.get("run") == run_hash(notebook)


def write_receipt(notebook, facts, seconds):
    """Put a receipt into a notebook's metadata.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        Just executed, its alternative texts filled. Is changed.
    facts : dict
        What `run_facts` returned in the kernel.
    seconds : float
        Wall time of all cells.
    """
    receipt = {**facts, "seconds": round(seconds, 1) if seconds < 10 else round(seconds)}
    if claims := sum(len(claims_in(cell.get("outputs", ()))) for cell in notebook.cells):
        receipt["claims"] = claims
    notebook.metadata["course"] = {**notebook.metadata.get("course", {}), "receipt": receipt}
    receipt_of(notebook)["code"] = code_hash(notebook)
    receipt_of(notebook)["run"] = run_hash(notebook)


def run_facts():
    """Return the profile, the backend, the device and the versions of this process. Called in the notebook's kernel.

    Returns
    -------
    dict
        As in the module's description, without ``seconds``, ``claims`` and the hashes.
    """
    uses_keras = "keras" in sys.modules  # asked first: finding the profile may import Keras
    from ..budget import profile

    versions = {"python": platform.python_version(), "numpy": metadata.version("numpy")}
    facts = {"profile": profile(), "versions": versions}
    if uses_keras:
        facts["backend"] = backend = sys.modules["keras"].backend.backend()
        versions["keras"] = metadata.version("keras")
        versions[backend] = _backend_version(backend)
    return {**facts, "device": _device(facts.get("backend"))}


def _backend_version(backend):
    for name in _DISTRIBUTIONS.get(backend, (backend,)):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return getattr(sys.modules.get(backend), "__version__", "unknown")


def _device(backend):
    """Name the device that the backend computes on, such as 'NVIDIA H200' or 'CPU, 2 cores'."""
    accelerator = None
    if backend == "tensorflow":
        import tensorflow as tf

        if gpus := tf.config.list_physical_devices("GPU"):
            accelerator = tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU")
    elif backend == "jax":
        import jax

        if jax.devices()[0].platform != "cpu":
            accelerator = jax.devices()[0].device_kind
    elif backend == "torch":
        import torch

        if torch.cuda.is_available():
            accelerator = torch.cuda.get_device_name(0)
    return accelerator or f"CPU, {_cores()} cores"


def _cores():
    if hasattr(os, "sched_getaffinity"):  # what this process may use, where the system can tell
        return len(os.sched_getaffinity(0))
    return os.cpu_count()
