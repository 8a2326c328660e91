"""Judgements that tasks about Keras models share: each looks at what a model does, and raises `Wrong`.

Only Keras' public interface is used, and Keras is imported when one of them is called. The student's model is left as
it was: training is done on a copy.
"""

import numpy as np

from ..budget import profile
from .comparing import describe
from .engine import Wrong, run


def built(answer):
    """The model that the student's function builds, or the answer where it is one already. Mistake: ``no return``.

    A gap in the function is then "not answered yet"; ``check(..., build())`` would stop before the check sees it.
    """
    import keras

    if not callable(answer) or isinstance(answer, (keras.Layer, type)):  # a model is a layer too
        return answer
    model = run(answer)
    if model is None:
        raise Wrong("no return", "Your function returns nothing. It ends with `return keras.Model(...)`.")
    return model


def is_model(answer):
    """The answer is a Keras model. Mistake: ``wrong type``."""
    import keras

    if isinstance(answer, keras.Model):
        return
    if isinstance(answer, keras.Layer) or (isinstance(answer, type) and issubclass(answer, keras.Layer)):
        raise Wrong("wrong type", f"This is a layer, {type(answer).__name__}; the task asks for a whole model.")
    if isinstance(answer, keras.KerasTensor):
        raise Wrong("wrong type", "This is the output of a layer; `keras.Model(inputs, outputs)` makes a model of it.")
    if callable(answer):
        raise Wrong(
            "wrong type",
            f"This is {describe(answer)}; the task asks for the model that it builds. Call it first.",
        )
    raise Wrong("wrong type", f"The task asks for a Keras model, and got {describe(answer)}.")


def outputs(model, images):
    """What the model gives for a few images, as arrays. `predict` would compile, which takes longer."""
    import keras

    return keras.tree.map_structure(keras.ops.convert_to_numpy, model(images, training=False))


def gives(model, *, input_shape, output_shape, batch=2):
    """The model turns images of `input_shape` into outputs of `output_shape`, both without the batch.

    Mistakes: ``input shape``, ``output shape``. `batch` images are tried.
    """
    images = np.zeros((batch, *input_shape), "float32")
    try:
        result = outputs(model, images)
    except Exception as error:
        expected = getattr(model, "input_shape", None)
        if expected and tuple(expected[1:]) != tuple(input_shape):
            raise Wrong(
                "input shape",
                f"The model takes images of shape {tuple(expected[1:])}; the task's are {tuple(input_shape)} "
                "(height, width, channels).",
            ) from error
        raise
    if isinstance(result, (list, tuple, dict)):
        raise Wrong("output shape", f"The model has {len(result)} outputs; the task asks for one.")
    if tuple(result.shape) != (batch, *output_shape):
        raise Wrong(
            "output shape",
            f"For {batch} images it gives shape {tuple(result.shape)}; the task asks for {(batch, *output_shape)}.",
        )


def probabilities(model, *, input_shape, batch=4, seed=0):
    """The output is a probability for each class. Mistake: ``no probabilities``."""
    images = np.random.default_rng(seed).normal(size=(batch, *input_shape)).astype("float32")
    result = outputs(model, images)
    if result.min() < -1e-6 or not np.allclose(result.sum(axis=-1), 1, atol=0.02):  # outputs may be rounded to bfloat16
        raise Wrong(
            "no probabilities",
            f"For one image the outputs add up to {float(result[0].sum()):.3g}; probabilities add up to 1. "
            "Which activation does the last layer have?",
        )


def parameters(model, exactly=None, *, at_most=None, mistakes=None):
    """The model has so many parameters. Mistakes: ``parameters``, or the name found for the number.

    Parameters
    ----------
    model : keras.Model
        The student's.
    exactly, at_most : int, optional
        What the task asks for.
    mistakes : dict, optional
        By a wrong count, (name of the mistake, hint), or only the hint: the name is then ``parameters``.
    """
    count = model.count_params()
    found = (mistakes or {}).get(count)
    if found and count != exactly:
        raise Wrong(*(("parameters", found) if isinstance(found, str) else found))
    if exactly is not None and count != exactly:
        raise Wrong(
            "parameters",
            f"The model has {count:,} parameters, {abs(count - exactly):,} {'more' if count > exactly else 'fewer'} "
            "than the task's. `model.summary()` shows them layer by layer.",
        )
    if at_most is not None and count > at_most:
        raise Wrong("parameters", f"The model has {count:,} parameters; the task allows {at_most:,}.")


def trains(model, images, labels, *, epochs=5, batch_size=32, learning_rate=1e-3, fall=0.9, seed=0):
    """A copy of the model, freshly initialised, lowers its loss. Mistake: ``does not train``.

    Parameters
    ----------
    model : keras.Model
        The student's; not changed.
    images : ndarray
        Float32, a few hundred at most.
    labels : ndarray
        Integers.
    fall : float
        The last epoch's loss must be below this fraction of the first one's.
    """
    import keras

    keras.utils.set_random_seed(seed)
    copy = run(keras.models.clone_model, model, doing="Copying the model")
    copy.compile(keras.optimizers.Adam(learning_rate), "sparse_categorical_crossentropy")
    losses = copy.fit(images, labels, epochs=epochs, batch_size=batch_size, verbose=0).history["loss"]
    if not np.isfinite(losses).all():
        raise Wrong("does not train", "In a trial training of a few steps, the loss became infinite or not a number.")
    if losses[-1] > fall * losses[0]:
        raise Wrong(
            "does not train",
            f"In a trial training of {epochs} epochs on {len(images)} images, the loss went from {losses[0]:.3g} to "
            f"{losses[-1]:.3g}: hardly at all. Can every layer pass a gradient on?",
        )


def scores(model, images, labels, *, full, laptop, smoke, what="accuracy on images that it has not seen"):
    """The trained model's accuracy reaches the profile's bound. Mistake: ``accuracy``. Returns the accuracy."""
    accuracy = float((model.predict(images, verbose=0).argmax(axis=-1) == np.ravel(labels)).mean())
    chosen = profile()
    bound = {"full": full, "laptop": laptop, "smoke": smoke}[chosen]
    if accuracy < bound:
        raise Wrong(
            "accuracy", f"The model's {what} is {accuracy:.3f}; at profile {chosen} the task asks for {bound:.2f}."
        )
    return accuracy
