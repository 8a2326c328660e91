"""Every architecture of the course, one file a family."""

import importlib

# name -> module: looked up on first use, so that `course_utils.models` itself does not load Keras
_HOMES = dict.fromkeys(("dense_network", "model_1", "model_2", "model_3", "model_4", "model_5"), "scratch")

__all__ = [*_HOMES, "scratch"]


def __getattr__(name):
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    if name == "scratch":
        return importlib.import_module(f"{__name__}.scratch")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__():
    return sorted({*globals(), *__all__})
