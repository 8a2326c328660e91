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

        return tf.function(function, autograph=False)
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
