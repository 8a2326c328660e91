"""Judgements that tasks about Keras models share: each looks at what a model does, and raises `Wrong`.

Only Keras' public interface is used, and Keras is imported when one of them is called. The student's model is left as
it was: training is done on a copy, and the engine calls every judge within `restored`.
"""

import contextlib
import random
import re

import numpy as np

from ..budget import profile
from .comparing import describe
from .engine import Wrong, run


@contextlib.contextmanager
def restored(answer):
    """Leave the Keras models, layers and optimisers of an answer as they were, whatever is done with them within.

    That is every variable (weights, averages of batch normalisation, states of seed generators, metrics, optimisers),
    what may be trained, how the model is compiled, and the random numbers that Python and NumPy draw next.
    """
    drawn, drawn_by_numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - the global one is what Keras' seeds set
    parts = [part for thing in _keras_things(answer) for part in with_layers(thing)]
    compiled = [(part, _compiled(part)) for part in parts]
    variables = {id(variable): variable for part in parts for variable in _variables(part)}.values()
    values = [(variable, np.array(_numpy(variable))) for variable in variables]
    trainable = [(part, part.trainable) for part in parts if hasattr(part, "trainable")]
    trainable += [(variable, variable.trainable) for variable in variables]
    try:
        yield
    finally:
        for part, settings in compiled:  # past Keras, which would take what is set for something new in the model
            for name in _compiled(part).keys() - settings.keys():
                del vars(part)[name]
            vars(part).update(settings)
        for thing, flag in trainable:
            if thing.trainable != flag:
                thing.trainable = flag
        for variable, value in values:
            if not np.array_equal(_numpy(variable), value, equal_nan=value.dtype.kind == "f"):
                variable.assign(value)
        random.setstate(drawn)
        np.random.set_state(drawn_by_numpy)  # noqa: NPY002


def _numpy(variable):
    import keras

    return keras.ops.convert_to_numpy(variable)


def _parts(value):
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _keras_things(answer):
    import keras

    if isinstance(answer, (keras.Layer, keras.optimizers.Optimizer)):
        yield answer
    elif isinstance(answer, (list, tuple, dict)):
        for part in _parts(answer):
            yield from _keras_things(part)


def with_layers(thing, known=None):
    """A layer and all layers in it, wherever they are kept; each once."""
    import keras

    known = {} if known is None else known
    if id(thing) not in known:
        known[id(thing)] = thing
        if isinstance(thing, keras.Layer):
            kept = [*vars(thing).values(), getattr(thing, "layers", [])]
            for part in [part for value in kept for part in _parts(value)]:
                if isinstance(part, keras.Layer):
                    with_layers(part, known)
    return list(known.values())


def _variables(part):
    optimizer = getattr(part, "optimizer", None)
    return [*part.variables, *getattr(part, "metrics_variables", ()), *getattr(optimizer, "variables", ())]


_SET_BY_COMPILE = {
    "compiled",
    "optimizer",
    "loss",
    "stop_training",
    "steps_per_execution",
    "_run_eagerly",
    "_jit_compile",
}
_SET_BY_COMPILE |= {"_compile_config", "_compile_loss", "_compile_metrics", "_loss_tracker"}
_SET_BY_COMPILE |= {"train_function", "test_function", "predict_function"}


def _compiled(part):
    """What `compile`, and the first `fit` after it, keep in a model."""
    return {name: value for name, value in vars(part).items() if name in _SET_BY_COMPILE}


def not_keras_2(answer):
    """The answer is not a model or a layer of Keras 2, of which Keras 3 knows nothing. Mistake: ``Keras 2``."""
    modules = [kind.__module__ for kind in (answer if isinstance(answer, type) else type(answer)).__mro__]
    if any(re.match(r"tf_keras\b|keras\.(src\.)?engine\b|tensorflow\.python\.keras\b", module) for module in modules):
        raise Wrong(
            "Keras 2",
            "This is a model of Keras 2 (`tf_keras`), the course uses Keras 3. Build it with `import keras`, not with "
            "`tf.keras`, and start Python without `TF_USE_LEGACY_KERAS`.",
        )


def built(answer):
    """The model that the student's function builds, or the answer where it is one already. Mistake: ``no return``.

    A gap in the function is then "not answered yet"; ``check(..., build())`` would stop before the check sees it.
    """
    import keras

    not_keras_2(answer)
    if not callable(answer) or isinstance(answer, (keras.Layer, type)):  # a model is a layer too
        return answer
    model = run(answer)
    if model is None:
        raise Wrong("no return", "Your function returns nothing. It ends with `return keras.Model(...)`.")
    return model


def is_model(answer):
    """The answer is a Keras model. Mistake: ``wrong type``."""
    import keras

    not_keras_2(answer)
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


def outputs(model, images, training=False):
    """What the model gives for a few images, as arrays. `predict` would compile, which takes longer."""
    import keras

    return keras.tree.map_structure(keras.ops.convert_to_numpy, model(images, training=training))


def gives(model, *, input_shape, output_shape, batch=2):
    """The model turns images of `input_shape` into outputs of `output_shape`, both without the batch.

    Mistakes: ``input shape``, ``output shape``. `batch` images are tried.
    """
    images = np.zeros((batch, *input_shape), "float32")
    if (count := len(getattr(model, "inputs", None) or ())) > 1:
        raise Wrong(
            "input shape",
            f"The model has {count} inputs; the task asks for one. Call every layer that reads the images on the same "
            "`keras.Input`.",
        )
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
    print(f"The check trains a copy of this network on {len(images)} images of its own ...", flush=True)
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
    given = model.predict(images, verbose=0)
    accuracy = float((given.argmax(axis=-1) == np.ravel(labels)).mean())
    chosen = profile()
    bound = {"full": full, "laptop": laptop, "smoke": smoke}[chosen]
    if accuracy < bound:
        advice = (
            "Guessing reaches as much. Did the loss fall in training? If not, look at the learning rate and the scale "
            "of the images."
            if accuracy < 1.5 / given.shape[-1]
            else "Did the accuracy in training still rise at the end? Then the model is still learning, and needs more "
            "or larger steps."
        )
        raise Wrong(
            "accuracy",
            f"The model's {what} is {accuracy:.3f}; at profile {chosen} the task asks for {bound:.2f}. {advice}",
        )
    return accuracy
