"""Whether a layer computes what its class says: Keras' own class, not one derived from it, and as Keras wrote it.

A layer that derives from a Keras layer is one for Keras, but what it computes is its own affair. So is that of a layer
whose methods were replaced, on its class or on the layer alone. Where we compute in a layer's place, or say which cells
its output depends on, only the exact class will do.
"""

import os
import sys
from functools import cache
from pathlib import Path

_BACKENDS = ("tensorflow", "torch", "jax", "flax")  # what a layer derives from beside Keras


def exact_kind(layer):
    """The name of Keras' class of a layer or an operation; empty where it is any other, or was changed.

    Parameters
    ----------
    layer : keras.Layer, keras.Operation or None

    Returns
    -------
    str

    Examples
    --------
    >>> import keras
    >>> class Half(keras.layers.Conv2D):
    ...     def call(self, x):
    ...         return super().call(x) / 2
    >>> exact_kind(keras.layers.Conv2D(4, 3)), exact_kind(Half(4, 3))
    ('Conv2D', '')
    """
    kind = type(layer)
    own = _of_keras(kind) and not getattr(layer, "quantization_mode", None)  # int8 computes with other weights
    return kind.__name__ if own and as_written(layer) else ""


def is_exactly(layer, *names):
    """Whether a layer has one of these classes of Keras, as `exact_kind` has it."""
    return exact_kind(layer) in names


def as_written(layer, *methods):
    """Whether all methods of an object that Keras defines, or those that are named, are Keras' own.

    Parameters
    ----------
    layer : object
    *methods : str
        All methods that its classes of Keras have, if none is given; of those that are named, also ones that a class
        derived from Keras' has overridden count as changed.
    """
    bases = type(layer).__mro__
    if methods:
        found = [next((vars(base)[name] for base in bases if name in vars(base)), None) for name in methods]
    else:
        found = [value for base in bases if _of_keras(base) for value in vars(base).values()]
    own = vars(layer)
    found += [own[name] for name in methods or own if name in own and any(name in vars(base) for base in bases)]
    return all(map(_is_written_by_keras, found))


def written_by_keras(function):
    """Whether a function is Keras' own, and so are those that it wraps."""
    return hasattr(function, "__code__") and _is_written_by_keras(function)


def _of_keras(kind):
    return kind.__module__.partition(".")[0] == "keras"


def _is_written_by_keras(value):
    """Whether what stands in the place of a method is a function of Keras or its backend, or no function at all."""
    if isinstance(value, property):
        return all(_is_written_by_keras(part) for part in (value.fget, value.fset) if part)
    value = getattr(value, "__func__", value)  # of static, class and bound methods
    if isinstance(value, type) or not callable(value):
        return True
    while value is not None:  # wrappers lie about the module of what they wrap, but not about their own file
        code = getattr(value, "__code__", None)
        if code is None or not _is_in_keras(code.co_filename):
            return False
        value = getattr(value, "__wrapped__", None)
    return True


@cache
def _is_in_keras(file):
    modules = (sys.modules.get(name) for name in ("keras", *_BACKENDS))
    folders = tuple(
        str(Path(module.__file__).parent) + os.sep for module in modules if getattr(module, "__file__", None)
    )
    return file.startswith(folders)
