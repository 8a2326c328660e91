"""What a model is at a moment, so that one that was compiled can be told from one that has been changed since."""

import functools
import weakref
from collections import OrderedDict

import keras
import numpy as np

from ..arithmetic.exact import exact_kind

# What Keras itself changes while a model computes, is trained or is called elsewhere.
_PASSING = {
    *("_called", "_inbound_nodes", "_outbound_nodes", "_losses", "_loss_ids", "_metrics", "_tracker", "_tracked"),
    *("_saved_model_inputs_spec", "_saved_model_arg_spec", "_build_shapes_dict", "_parent_path", "_lock"),
    *("trainable", "_trainable", "built", "build", "quantize"),
}
_LARGE = 100_000  # numbers of a constant, above which it is told by which array it is


class State:
    """Everything that the layers of a model hold but the values of their variables, and the methods of their classes.

    Two states are equal only where nothing was exchanged: no layer, activation, setting, dtype policy or method.
    What is kept of functions, arrays and layers are these themselves, so that no other can take their place in memory.
    Of the model itself nothing is kept. ``dtypes`` are those in which the layers compute.
    """

    def __init__(self, model):
        self._held, self._seen, self._facts, self.dtypes = [], set(), [], set()
        self._kinds(model)
        own = {} if type(model).__module__.startswith("keras.") else vars(model)  # settings that its own call may read
        settings = {name: value for name, value in own.items() if isinstance(value, (bool, int, float, str))}
        self._facts.append((str(model.dtype_policy), self._fact({**settings, "call": vars(model).get("call")})))
        for layer in model.layers if isinstance(model, keras.Sequential) else [*model.operations, *model.layers]:
            self._facts.append(self._fact(layer))

    def __eq__(self, other):
        return isinstance(other, State) and self._facts == other._facts

    __hash__ = None

    def is_exact(self, model):
        """Whether the model, of which it is the state, and all layers are exactly Keras' own, which only compute."""
        return all(map(exact_kind, [model, *(one for one in self._held if isinstance(one, keras.Operation))]))

    def _fact(self, value):
        """Something that differs wherever the value does."""
        if value is None or isinstance(value, (bool, int, float, complex, str, bytes)):
            return repr(value)
        if isinstance(value, (np.ndarray, np.generic)) and value.size <= _LARGE:
            return value.shape, str(value.dtype), value.tobytes()
        if isinstance(value, (list, tuple, set, frozenset)):
            return tuple(map(self._fact, value))
        if isinstance(value, dict):
            return tuple((str(key), self._fact(entry)) for key, entry in value.items())
        if isinstance(value, functools.partial):
            return self._fact((value.func, value.args, value.keywords))
        if isinstance(value, keras.DTypePolicy):
            return type(value).__name__, value.name
        self._held.append(value)
        if isinstance(value, keras.Operation) and id(value) not in self._seen:
            self._seen.add(id(value))
            self._kinds(value)
            self.dtypes.add(getattr(value, "compute_dtype", None))
            own = {name: entry for name, entry in vars(value).items() if name not in _PASSING}
            self._facts.append((id(value), self._fact(own)))
        return id(value)

    def _kinds(self, value):
        """The methods of an object's class."""
        for kind in type(value).__mro__:
            if kind not in self._seen:
                self._seen.add(kind)
                functions = [entry for entry in vars(kind).values() if callable(entry) or isinstance(entry, property)]
                self._held.extend(functions)
                self._facts.append((kind.__qualname__, *map(id, functions)))


class Keeper:
    """What was made of models, as long as nothing in them is changed but weights: that of the last few calls.

    It is gone with its model, if it does not keep the model itself.

    Parameters
    ----------
    most : int
        How many are kept.

    Examples
    --------
    >>> model, keeper = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]), Keeper()
    >>> [keeper.get(model, ("a sum",), lambda state: "made") for _ in range(2)]
    [('made', False), ('made', True)]
    """

    def __init__(self, most=8):
        self._most, self._entries = most, OrderedDict()  # by model and options: state, what was made, finalizer

    def __len__(self):
        return len(self._entries)

    def get(self, model, options, make, worth_keeping=lambda made: True):
        """What ``make(state)`` gave for a model with some options, and whether that was in an earlier call."""
        key, state = (id(model), *options), State(model)
        before, made, _ = self._entries.get(key, (None, None, None))
        if before == state:
            self._entries.move_to_end(key)
            return made, True
        self.forget(model, options)
        made = make(state)
        if worth_keeping(made):
            self._entries[key] = state, made, weakref.finalize(model, self._entries.pop, key, None)
        while len(self) > self._most:
            self._drop(next(iter(self._entries)))
        return made, False

    def forget(self, model, options):
        """Make it anew when it is next asked for."""
        self._drop((id(model), *options))

    def clear(self):
        """Forget all."""
        for key in list(self._entries):
            self._drop(key)

    def _drop(self, key):
        if key in self._entries:
            *_, finalizer = self._entries.pop(key)
            finalizer.detach()
