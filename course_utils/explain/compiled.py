"""Compiling a function of tensors with the backend in use, without Keras' `predict` around it."""

import keras


def compiled(function, variables):
    """A function as the backend runs it fastest, without gradients.

    Parameters
    ----------
    function : callable
        Takes and returns tensors, or lists, tuples and dicts of them. It may use the variables.
    variables : list of keras.Variable
        Their values are those at the time of each call.

    Returns
    -------
    callable
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        traced, graphs = tf.function(function, autograph=False), {}

        # Traced once for each set of shapes, and called without the question whether that was once too often: for
        # another model it is traced again, of which tf.function would warn.
        def with_shapes(*args):
            shapes = tuple(tuple(tensor.shape) for tensor in keras.tree.flatten(args) if tensor is not None)
            if shapes not in graphs:
                graphs[shapes] = traced.get_concrete_function(*args)
            return graphs[shapes](*args)

        return with_shapes
    if backend == "jax":
        import jax

        # Inside, a variable would be a constant of the compiled code. So its value goes in with each call.
        @jax.jit
        def with_values(values, *args):
            with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
                return function(*args)

        return lambda *args: with_values([variable.value for variable in variables], *args)
    if backend == "torch":
        import torch

        return torch.no_grad()(function)
    return function
