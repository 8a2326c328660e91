"""Walking through a Keras model, layer by layer, in the order in which it computes, by Keras' public interface alone.

A functional model is read from its configuration, the form in which Keras itself saves it: there is no other public
list of which layer is called on what.
"""

from .exact import as_written
from .views import is_a


def _tensors(arguments):
    """All symbolic tensors in the saved arguments of a call, in order, each as (layer, call, output)."""
    if isinstance(arguments, dict):
        if arguments.get("class_name") == "__keras_tensor__":
            yield tuple(arguments["config"]["keras_history"])
        else:
            for key in sorted(arguments):
                yield from _tensors(arguments[key])
    elif isinstance(arguments, (list, tuple)):
        for entry in arguments:
            yield from _tensors(entry)


def _ports(structure):
    """All [layer, call, output] triples in the inputs or outputs of a configuration, in order."""
    if isinstance(structure, dict):
        for key in sorted(structure):
            yield from _ports(structure[key])
    elif len(structure) == 3 and isinstance(structure[0], str):
        yield tuple(structure)
    else:
        for entry in structure:
            yield from _ports(entry)


def _filled_in(arguments, signals, as_tensor):
    """The saved arguments of a call with tensors of the present shapes in their places."""
    if isinstance(arguments, dict):
        if arguments.get("class_name") == "__keras_tensor__":
            config = arguments["config"]
            return as_tensor(signals[tuple(config["keras_history"])], config["dtype"])
        return {key: _filled_in(value, signals, as_tensor) for key, value in arguments.items()}
    if isinstance(arguments, (list, tuple)):
        return type(arguments)(_filled_in(entry, signals, as_tensor) for entry in arguments)
    return arguments


def as_called(arguments):
    """Arguments in the form in which Keras saves them, such as a slice or an array, as what they are.

    Named tuples, which stand for tensors, are left as they are.
    """
    if isinstance(arguments, dict):
        if "class_name" in arguments and "config" in arguments:
            import keras

            return keras.saving.deserialize_keras_object(arguments)
        return {key: as_called(value) for key, value in arguments.items()}
    if isinstance(arguments, (list, tuple)) and not hasattr(arguments, "_fields"):
        return type(arguments)(as_called(value) for value in arguments)
    return arguments


def is_nested(layer):
    """Whether a layer is itself a model that can be opened."""
    return is_a(layer, "Sequential", "Functional")


def computes_as_listed(model):
    """Whether a model calls its layers as Keras does, and does nothing else in a call method of its own."""
    return is_nested(model) and as_written(model, "call", "__call__")


def walk(model, inputs, visit, as_tensor, prefix=""):
    """Send signals through a model.

    Parameters
    ----------
    model : keras.Sequential or functional keras.Model
        Models inside it are opened, those with a call method of their own excepted: they are a layer like others.
    inputs : list
        The signals that go in.
    visit : callable
        ``visit(name, layer, signals, args, kwargs)`` gives the list of signals that come out of one call of one layer.
        ``args`` and ``kwargs`` are what the layer is called with, tensors made by ``as_tensor``.
    as_tensor : callable
        ``as_tensor(signal, dtype)`` makes the symbolic tensor of a signal.
    prefix : str
        Names of the models around this one.

    Returns
    -------
    list
        The signals that come out.
    """

    def call(layer, signals, args, kwargs):
        if computes_as_listed(layer):
            return walk(layer, signals, visit, as_tensor, f"{prefix}{layer.name}/")
        return visit(prefix + layer.name, layer, signals, args, kwargs)

    if is_nested(model) and not computes_as_listed(model):
        raise TypeError(
            f"{model.name!r} is a {type(model).__name__} that computes in its own call method, so that its layers do "
            "not say what it does. Look at the models inside it."
        )
    if is_a(model, "Sequential"):
        signals = inputs
        for layer in model.layers:
            signals = call(layer, signals, [as_tensor(signal, model.input_dtype) for signal in signals], {})
        return signals

    config = _configuration(model)
    operations = {operation.name: operation for operation in model.operations}
    known = dict(zip(_ports(config["input_layers"]), inputs, strict=True))
    # A layer that is shared stands in the list once, at its first call; a later call may have to wait for its inputs.
    waiting = [
        (entry["name"], number, node)
        for entry in config["layers"]
        for number, node in enumerate(entry["inbound_nodes"])
    ]
    while waiting:
        blocked = []
        for name, number, node in waiting:
            sources = [*_tensors(node["args"]), *_tensors(node["kwargs"])]
            if not all(source in known for source in sources):
                blocked.append((name, number, node))
                continue
            args = _filled_in(node["args"], known, as_tensor)
            kwargs = _filled_in(node["kwargs"], known, as_tensor)
            outputs = call(operations[name], [known[source] for source in sources], args, kwargs)
            known.update({(name, number, index): signal for index, signal in enumerate(outputs)})
        if len(blocked) == len(waiting):
            raise RuntimeError(
                f"the graph of {model.name!r} does not close: no input reaches {blocked[0][0]!r}. Please report this "
                "model to the course."
            )
        waiting = blocked
    outputs = []
    for name, number, index in _ports(config["output_layers"]):
        if (name, number, index) not in known and is_a(operations[name], "Functional"):
            number -= 1  # saved outputs count the calls of a functional model from one, calls themselves from zero
        outputs.append(known[name, number, index])
    return outputs


def _configuration(model):
    try:
        config = model.get_config()
    except NotImplementedError as error:
        raise ValueError(
            f"Keras cannot describe a layer of {model.name!r}: {error} Give that layer a get_config method."
        ) from error
    if "input_layers" not in config:
        raise TypeError(
            f"{model.name!r} is a {type(model).__name__} that computes in its own call method, so its layers cannot be "
            "listed. Build it as keras.Model(inputs, outputs) or keras.Sequential, or summarize the models inside it."
        )
    return config
