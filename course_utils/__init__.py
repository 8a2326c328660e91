"""The companion package of the course: everything that its notebooks import.

Importing it loads no framework. A public name is looked up in its module on first use (PEP 562), so
``import course_utils`` costs a few milliseconds.
"""

import contextlib
import importlib
import logging
import os

# Imported here, not on first use: the function has the name of its module, and whichever is bound last wins.
from .budget import Budget, ExpectationFailed, budget, expect, profile

__version__ = "0.1.0.dev0"  # without .dev0, notebooks install the tag v0.1.0

# TensorFlow reads these when it is first imported. Most of its start-up log would otherwise stand on every page; and
# oneDNN's convolutions, which it leaves off on processors without AVX-512, train a third faster there.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

# At smoke much is compiled and little computed. XLA, which compiles for JAX, is told not to optimise then: pages of
# many networks take a fifth less time. What somebody has asked of XLA themselves stays.
if os.environ.get("KERAS_BACKEND") == "jax" and os.environ.get("COURSE_PROFILE") == "smoke":
    os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")

# TensorFlow warns when several models predict in turn ("triggered tf.function retracing"): here that is the purpose. A
# filter, since in a notebook TensorFlow sets the level of its log anew when it first writes to it.
logging.getLogger("tensorflow").addFilter(lambda record: record.levelno >= logging.ERROR)

# At the end of each epoch TensorFlow wakes a thread of tf.data to tell it to stop, and only then notes that it should
# stop (CancellationManager::StartCancel). Where Linux lets the woken thread run at once, it sees no reason to stop and
# sleeps on: 10 ms after the start of the epoch, then 20, 40 and so on up to a minute, while everybody waits for it. On
# two cores that doubled many an epoch. A thread of the class for batch work does not push aside the one that wakes it.
if hasattr(os, "SCHED_BATCH") and os.sched_getscheduler(0) == os.SCHED_OTHER:
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))

_MODULES = (
    "arithmetic",
    "authoring",
    "backends",
    "checks",
    "datasets",
    "evaluation",
    "experiments",
    "explain",
    "feeding",
    "models",
    "nn",
    "plots",
    "projects",
    "training",
)
_HOMES = {
    "Dataset": "datasets",
    "DatasetUnavailable": "datasets",
    "check": "checks",
    "claim": "authoring",
    "glue": "authoring",
    "hint": "checks",
    "load": "datasets",
    "needs": "authoring",
    "optional": "authoring",
}

__all__ = [
    "Budget", "Dataset", "DatasetUnavailable", "ExpectationFailed", "__version__", "arithmetic", "authoring",
    "backends", "budget", "check", "checks", "claim", "datasets", "evaluation", "expect", "experiments", "explain",
    "feeding", "glue", "hint", "load", "models", "needs", "nn", "optional", "plots", "profile", "projects",
]  # fmt: skip


def __getattr__(name):
    if name in _HOMES:
        value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    elif name in _MODULES:
        value = importlib.import_module(f"{__name__}.{name}")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
    globals()[name] = value  # the next look-up does not come here
    return value


def __dir__():
    return sorted({*globals(), *__all__})
