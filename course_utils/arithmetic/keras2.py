"""Models of Keras 2, which look like those of Keras 3 and are none: what they are, and what to do about it.

They come from the package tf_keras, from `tf.keras` where ``TF_USE_LEGACY_KERAS=1`` is set, or from the copy of Keras
inside TensorFlow. Told by the module of their class, so that no framework is imported.
"""

_OLD = ("tf_keras", "tensorflow.python.keras", "keras.engine", "keras.src.engine")


def of_keras_2(thing):
    """Whether an object, or the class of one, comes from Keras 2.

    Examples
    --------
    >>> of_keras_2("a text")
    False
    """
    kind = thing if isinstance(thing, type) else type(thing)
    modules = (getattr(base, "__module__", None) or "" for base in kind.__mro__)
    return any(f"{module}.".startswith(f"{old}.") for module in modules for old in _OLD)


def keras_2_sentence(thing):
    """What is said of an object of Keras 2: a sentence that says what it is and what to do.

    Examples
    --------
    >>> keras_2_sentence("a text")[:43]
    'this str is of Keras 2 (from builtins); the'
    """
    kind = thing if isinstance(thing, type) else type(thing)
    return (
        f"this {kind.__name__} is of Keras 2 (from {kind.__module__.partition('.')[0]}); the course works with Keras "
        "3. Take TF_USE_LEGACY_KERAS out of the environment, restart Python, and build it with `import keras` in "
        "place of `tf_keras` or `tf.keras`. Trained weights come along: new.set_weights(old.get_weights())."
    )


def refuse_keras_2(thing):
    """Nothing, or a TypeError with `keras_2_sentence` where an object comes from Keras 2.

    Examples
    --------
    >>> refuse_keras_2("a text")
    """
    if of_keras_2(thing):
        raise TypeError(keras_2_sentence(thing))
