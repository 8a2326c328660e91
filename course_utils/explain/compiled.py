"""Compiling a function of tensors with the backend in use, without Keras' `predict` around it."""

import weakref

import keras

from .state import Keeper


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


def compiled_model(model):
    """A whole model, compiled, as it predicts; it does not keep the model."""
    owner = weakref.ref(model)
    return compiled(lambda images: owner()(images, training=False), model.variables)


_predictors = Keeper()


def predictor(model):
    """A function of images (images, height, width, channels) that gives what the model itself gives where it predicts.

    Its layers are called as they are now: what `predict` has compiled would not see an activation that was exchanged.
    On JAX each operation is compiled by itself then, which takes several times as long; so there, a model that consists
    of Keras' own layers is compiled whole, and that is kept while nothing changes but weights.
    """
    run = None
    if keras.config.backend() == "jax":
        run, _ = _predictors.get(model, (), lambda state: compiled_model(model) if state.is_exact(model) else None)
    return run or (lambda images: model(images, training=False))
