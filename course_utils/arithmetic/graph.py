"""Walking through a Keras model, layer by layer, in the order in which it computes, by Keras' public interface alone.

Keras has no public list of which layer is called on what, but it copies models: `keras.models.clone_model` calls a copy
of each layer as the layer is called. Here these copies are stand-ins that compute nothing and report the call.
"""

import functools

from .exact import as_written
from .views import is_a


def is_nested(layer):
    """Whether a layer is itself a model that can be opened."""
    return is_a(layer, "Sequential", "Functional")


def computes_as_listed(model):
    """Whether a model calls its layers as Keras does, and does nothing else in a call method of its own."""
    return is_nested(model) and as_written(model, "call", "__call__")


def walk(model, inputs, visit, as_tensor=lambda signal: signal, prefix=""):
    """Send signals through a model.

    Parameters
    ----------
    model : keras.Sequential or functional keras.Model
        Built. Models inside it are opened, those with a call method of their own excepted: they are a layer like
        others.
    inputs : list
        The signals that go in.
    visit : callable
        ``visit(name, layer, signals, args, kwargs)`` gives the list of signals that come out of one call of one layer.
        ``args`` and ``kwargs`` are what the layer is called with, ``as_tensor(signal)`` in the place of each tensor.
    as_tensor : callable
        What stands for a signal there; the signal itself by default.
    prefix : str
        Names of the models around this one.

    Returns
    -------
    list
        The signals that come out.

    Raises
    ------
    TypeError
        The model computes in a call method of its own.
    """
    import keras

    if not computes_as_listed(model):
        raise TypeError(
            f"{model.name!r} is a {type(model).__name__} that computes in its own call method, so that its layers do "
            "not say what it does. Look at the models inside it."
        )

    def call(layer, args, kwargs):
        if computes_as_listed(layer):
            signals = _signals(args[0] if args else kwargs["inputs"])
            return walk(layer, signals, visit, as_tensor, f"{prefix}{layer.name}/")
        signals = _signals((args, kwargs))
        args, kwargs = keras.tree.map_structure(
            lambda value: as_tensor(value.signal) if isinstance(value, keras.KerasTensor) else value, (args, kwargs)
        )
        return visit(prefix + layer.name, layer, signals, args, kwargs)

    def reported(layer, args, kwargs):
        try:
            return call(layer, args, kwargs)
        except Exception as error:
            failures.append(error)
            raise

    stand_ins, failures = {}, []

    def stand_in(layer):
        if id(layer) not in stand_ins:
            stand_ins[id(layer)] = _stand_in()(layer.name)
            stand_ins[id(layer)].report = functools.partial(reported, layer)
        return stand_ins[id(layer)]

    # A model of the same graph leaves out what else the class of this one does, and how it is trained. Names of their
    # own keep Keras' counters, from which the user's next models are named, where they are.
    graph = keras.Model(model.inputs, model.outputs, name="graph")
    tensors = [keras.Input(batch_shape=one.shape, dtype=one.dtype, name=one.name) for one in graph.inputs]
    for tensor, signal in zip(tensors, inputs, strict=True):
        tensor.signal = signal
    try:
        copy = keras.models.clone_model(graph, input_tensors=tensors, clone_function=stand_in)
    except Exception as error:
        failures.append(error)
    if failures:
        raise failures[0]  # Keras adds to its text what stand-ins have to do with it
    return [tensor.signal for tensor in copy.outputs]


@functools.cache
def _stand_in():
    """The class of the stand-ins, made on first use: this module does not import Keras."""
    import keras

    class StandIn(keras.Operation):
        def compute_output_spec(self, *args, **kwargs):
            outputs = []
            for signal in self.report(args, kwargs):
                outputs.append(keras.KerasTensor((None,), name="signal"))
                outputs[-1].signal = signal
            return outputs

    return lambda name: StandIn(name=name)


def _signals(arguments):
    import keras

    return [value.signal for value in keras.tree.flatten(arguments) if isinstance(value, keras.KerasTensor)]
