"""What stands at the two ends of a classifier: augmentation before it, probabilities behind it."""

from keras import layers


def output_layer(classes, **options):
    """The last layer: one probability, of class 1, where there are two classes; else one a class.

    Examples
    --------
    >>> output_layer(2).units, output_layer(10).units
    (1, 10)
    """
    if not isinstance(classes, int) or isinstance(classes, bool) or classes < 2:
        raise ValueError(f"classes is {classes!r}; it must be a whole number from 2.")
    two = classes == 2
    return layers.Dense(
        1 if two else classes,
        activation="sigmoid" if two else "softmax",
        dtype="float32",
        name="predictions",
        **options,
    )


def as_layers(given, argument):
    """A layer, or a sequence of layers, as a list.

    Examples
    --------
    >>> as_layers(layers.RandomFlip("horizontal"), "augmentation")
    [<RandomFlip name=random_flip...>]
    """
    found = [given] if callable(given) else list(given or ())  # a function is no sequence, and named below
    for each in found:
        if not isinstance(each, layers.Layer):
            raise TypeError(
                f"{argument} has {each!r} in it; it must be a Keras layer or a sequence of layers, such as "
                '[keras.layers.RandomFlip("horizontal")].'
            )
    return found
