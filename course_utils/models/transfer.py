"""A new classifier on a trained base, and the base unfrozen: with the usual mistakes caught as they are made.

What `with_classifier` and `unfreeze` return is an ordinary Keras model. Its ``fit``, ``evaluate`` and ``predict`` look
first at what they are given (`_watch`); the file that it is saved to is that of any model, and opens anywhere.
"""

import difflib
import functools
import warnings

import keras
import numpy as np
from keras import layers

from .ends import as_layers, output_layer
from .pixels import check_images, check_range, rescales

_LOOKED_AT = 32  # images of which the range is looked at, of each call


def with_classifier(
    base, classes=2, *, head=(), augmentation=(), input_shape=None, preprocessing=None, trainable=False, name=None
):
    """Put a new classifier on a trained base, which is frozen: what is trained first in every transfer.

    Parameters
    ----------
    base : keras.Model
        Without its top, such as `pretrained_base` gives. It is frozen in place, unless ``trainable``.
    classes : int or keras.Model
        How many: the last layer is a new one, a sigmoid for two classes (loss ``"binary_crossentropy"``), a softmax for
        more (``"sparse_categorical_crossentropy"``). Or a classifier that was trained on the base's features: with it
        the model goes from images to classes at once.
    head : keras layer or sequence of them
        Hidden layers between the features and the last layer, such as ``keras.layers.Dropout(0.5)``.
    augmentation : keras layer or sequence of them
        Changes images while the model trains. They see pixels from 0 to 255.
    input_shape : (int, int, 3), optional
        Of the images, where they have another size than the base takes: they are resized inside the model.
    preprocessing : callable, optional
        Only for a base that does not rescale pixels itself, as those of `keras.applications`: its own
        ``preprocess_input``.
    trainable : bool
        Leave the base unfrozen. That is for a base that is to be trained from scratch, or all at once.
    name : str, optional

    Returns
    -------
    keras.Model
        Uncompiled: images as they are stored in, probabilities out. The base is one layer of it, with its own name. The
        batch normalisation of a frozen base uses the averages that it came with, also after `unfreeze`. Feature maps of
        a base without pooling are averaged, unless ``head`` begins with a layer that flattens or pools them.

    Raises
    ------
    ValueError
        A base that is frozen but was never trained; that has no preprocessing, or would have it twice; an argument that
        cannot be.

    Notes
    -----
    ``fit``, ``evaluate`` and ``predict`` of the model refuse an array of images, or a ``PyDataset`` of them, whose
    pixels are not from 0 to 255. ``fit`` also refuses to go on after ``trainable`` has changed and ``compile`` was not
    called again, and warns where a trained base learns below a classifier that is still random, or where batch
    normalisation that was frozen learns. Taught in chapters 08, Feature extraction, and 09, Fine-tuning.

    Examples
    --------
    >>> from course_utils import models
    >>> base = models.pretrained_base("small_vgg")
    >>> model = with_classifier(base, 10, head=keras.layers.Dropout(0.2), augmentation=keras.layers.RandomFlip())
    >>> model.output_shape, len(model.trainable_variables)
    ((None, 10), 2)
    """
    _check_base(base)
    augmentation = as_layers(augmentation, "with_classifier: augmentation")
    head = as_layers(head, "with_classifier: head")
    _check_preprocessing(base, augmentation, preprocessing)
    if not trainable and _never_trained(base):
        raise ValueError(
            f"with_classifier: the base {base.name!r} was never trained: all of its biases are still zero. Frozen, it "
            "would give random features for ever. Load trained weights (pretrained_base(name) does), or train it from "
            "scratch: trainable=True."
        )
    base.trainable = bool(trainable)

    takes = tuple(base.input_shape[1:])
    inputs = keras.Input(input_shape or takes, name="images")
    x = inputs
    for layer in augmentation:
        x = layer(x)
    if None not in takes[:2] and tuple(x.shape[1:3]) != takes[:2]:
        x = layers.Resizing(*takes[:2], name="resizing")(x)
    if preprocessing:
        x = preprocessing(x)
    x = base(x)
    own = _checked_classifier(classes, head) if isinstance(classes, keras.Model) else None
    if len(x.shape) == 4 and not _takes_maps(own or next(iter(head), None)):
        x = layers.GlobalAveragePooling2D(name="average_of_maps")(x)
    for layer in head:
        x = layer(x)
    if own is None:
        x = output_layer(classes)(x)
    else:
        _check_features(own, x)
        x = own(x)
    return _watch(keras.Model(inputs, x, name=name or f"classifier_on_{base.name}"), stored=True)


def unfreeze(model, from_layer=None):
    """Let the last layers of a model's base learn, but for its batch normalisation; compile the model before `fit`.

    Parameters
    ----------
    model : keras.Model
        From `with_classifier`, or one that you built yourself, with the base as one of its layers or its layers in one
        row.
    from_layer : str, optional
        Name of the first layer of the base that learns; those before it stay, or are made, frozen. By default the whole
        base learns.

    Returns
    -------
    keras.Model
        The same model, no longer compiled: once trained, a model goes on with what learned then until it is compiled
        again. Give it a rate a hundred times smaller than the classifier was trained with.

    Raises
    ------
    ValueError
        The base has no layer of that name (the message has those that are alike), or nothing from there on can learn.

    Notes
    -----
    Layers of batch normalisation stay frozen, since a few small batches would replace the averages that they bring with
    worse ones. To call the base with ``training=False`` does not prevent that: ``fit`` passes its own ``training=True``
    on to every layer. Taught in chapter 09, Fine-tuning.

    Examples
    --------
    >>> from course_utils import models
    >>> model = with_classifier(models.pretrained_base("small_vgg"), 10)
    >>> len(unfreeze(model, from_layer="block5_conv1").trainable_variables)  # three convolutions and the classifier
    8
    """
    base = _base_of(model) or model
    names = [layer.name for layer in base.layers]
    if from_layer is not None and from_layer not in names:
        able = [
            layer.name for layer in base.layers if layer.weights and not isinstance(layer, layers.BatchNormalization)
        ]
        alike = difflib.get_close_matches(str(from_layer), able, n=3) or able[-3:]
        raise ValueError(
            f"unfreeze: {base.name!r} has no layer {from_layer!r}. Do you mean {' or '.join(alike)}? From first "
            f"to last, these can learn: {', '.join(able)}."
        )
    start = 0 if from_layer is None else names.index(from_layer)
    if not any(layer.weights and not isinstance(layer, layers.BatchNormalization) for layer in base.layers[start:]):
        raise ValueError(
            f"unfreeze: from {from_layer!r} on, {base.name!r} has nothing that can learn: no weights, or batch "
            "normalisation only, which stays frozen. Begin at a convolution before it."
        )
    base.trainable = True
    for position, layer in enumerate(base.layers):
        layer.trainable = position >= start
        for part in _with_parts(layer):
            if isinstance(part, layers.BatchNormalization):
                part.trainable = False
    model.compiled = False
    return _watch(model)


def features(base, images, batch_size=32):
    """What a base makes of images: computed once, so that a small classifier can be trained on it in seconds.

    Parameters
    ----------
    base : keras.Model
        Without its top, such as `pretrained_base` gives.
    images : array (N, height, width, 3)
        As they are stored, uint8 or float from 0 to 255, of the size that the base takes.
    batch_size : int

    Returns
    -------
    ndarray
        float32, (N, features); of a base without pooling, its maps (N, height, width, filters).

    Raises
    ------
    ValueError
        Images of another size or range, or a base that was never trained.

    Notes
    -----
    Taught in chapter 08, Feature extraction.

    Examples
    --------
    >>> from course_utils import load, models
    >>> images = load("cats_vs_dogs", examples=4, size=64, source="stand-in").images
    >>> features(models.pretrained_base("small_vgg"), images).shape
    (4, 64)
    >>> features(models.pretrained_base("small_vgg"), images / 255)
    Traceback (most recent call last):
    ...
    ValueError: features: the images are between 0... and ... (image 0), but the model takes pixels as they are ...
    """
    _check_base(base, "features")
    images = np.asarray(images)
    check_images("features", base, images)
    if _never_trained(base):
        raise ValueError(
            f"features: the base {base.name!r} was never trained: all of its biases are still zero. Its features would "
            "be random. Load trained weights; pretrained_base(name) does."
        )
    return np.asarray(base.predict(images, batch_size=batch_size, verbose=0), "float32")


# ---------------------------------------------------------------------------------------------------- what it stands on


def _check_base(base, who="with_classifier"):
    shape = getattr(base, "input_shape", None)
    if not isinstance(base, keras.Model) or not isinstance(shape, tuple) or len(shape) != 4:
        raise ValueError(
            f"{who}: base is {base!r}; it must be a built Keras model for images, such as pretrained_base(name) gives."
        )


def _check_preprocessing(base, augmentation, preprocessing):
    if preprocessing is None and not rescales(base):
        raise ValueError(
            f"with_classifier: the base {base.name!r} has no layer that brings pixels from 0 to 255 into the range "
            "that it was trained on. Every network has a range of its own. Take pretrained_base(name), which has it "
            "inside, or give the base's own, such as preprocessing=keras.applications.vgg16.preprocess_input."
        )
    twice = next((layer.name for layer in augmentation if rescales(layer)), None)
    if twice or (preprocessing is not None and rescales(base)):
        what = f"the augmentation has {twice!r}" if twice else "preprocessing is given"
        raise ValueError(
            f"with_classifier: {what}, but pixels are brought into range once only, and {base.name!r} "
            f"{'does that itself' if rescales(base) else 'has preprocessing for it'}. Leave yours out: images go in as "
            "they are stored, from 0 to 255."
        )


def _takes_maps(layer):
    if isinstance(layer, keras.Model):
        return len(layer.input_shape) == 4
    return isinstance(layer, (layers.Flatten, layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D))


def _checked_classifier(classifier, head):
    if head:
        raise ValueError(
            f"with_classifier: head has {len(head)} layers, but classes is a whole classifier, {classifier.name!r}. "
            "Leave head out, or give the number of classes."
        )
    return classifier


def _check_features(classifier, x):
    if tuple(classifier.input_shape[1:]) != tuple(x.shape[1:]):
        raise ValueError(
            f"with_classifier: the classifier {classifier.name!r} takes features of shape "
            f"{classifier.input_shape[1:]}, and the base gives {tuple(x.shape[1:])}. It must have been trained on "
            "features of this base."
        )


def _with_parts(layer):
    yield layer
    for part in getattr(layer, "layers", []):
        yield from _with_parts(part)


def _base_of(model):
    """The nested model that holds the base: of those that take images, the one with most weights. None: no such."""
    nested = [
        layer
        for layer in model.layers
        if isinstance(layer, keras.Model) and layer.weights and len(layer.inputs[0].shape) == 4
    ]
    return max(nested, key=lambda layer: len(layer.weights), default=None)


def _never_trained(layer):
    """Whether everything that begins at zero still is zero. One step of training ends that.

    False of what has nothing that begins at zero: nobody can tell.
    """
    begin = [variable for variable in layer.weights if variable.name in ("bias", "beta", "moving_mean")]
    return bool(begin) and not any(np.any(variable.numpy()) for variable in begin)


# ----------------------------------------------------------------------------------------------------- while it trains


def _watch(model, stored=None):
    """Let a model look at what its ``fit``, ``evaluate`` and ``predict`` are given.

    ``stored`` says whether it takes pixels from 0 to 255; by default, if a layer of it rescales them.

    The methods of this one model are replaced, and not those of a class: a model of another class could only be opened
    again where that class has been imported.
    """
    if hasattr(model.fit, "watches"):
        return model
    stored = rescales(model) if stored is None else stored
    learned = set()
    normalising = [
        part for part in _with_parts(model) if isinstance(part, layers.BatchNormalization) and not part.trainable
    ]

    def before_fit():
        learning = {id(variable) for variable in model.trainable_variables}
        changed = model.train_function is not None and learning != learned
        if changed or not model.compiled:
            reason = "`trainable` has changed since it was compiled" if changed else "it is not compiled"
            raise ValueError(
                f"fit: {model.name!r} cannot train: {reason}. What learns is settled when `fit` runs for the first "
                "time after `compile`; later changes of `trainable` do nothing. Call compile() now; after unfreezing, "
                "with a small rate, such as keras.optimizers.Adam(1e-5)."
            )
        learned.clear()
        learned.update(learning)
        base = _base_of(model)
        if base is not None and base.trainable_variables and not _never_trained(base):
            behind = model.layers[model.layers.index(base) + 1 :]
            if any(map(_never_trained, behind)):
                warnings.warn(
                    f"fit: {base.name!r} is trained, the classifier behind it still random, and both learn. The large "
                    "gradients of a random classifier destroy what the base knows. Train the classifier first, with "
                    "the base frozen; then unfreeze.",
                    stacklevel=3,
                )
        if any(part.trainable for part in normalising):
            warnings.warn(
                f"fit: batch normalisation that was frozen learns in {model.name!r}. Small batches replace the "
                "averages that it came with by worse ones: good in training, chance in use. models.unfreeze(model) "
                "leaves it frozen.",
                stacklevel=3,
            )

    def watched(method, before=lambda: None):
        @functools.wraps(method)
        def call(x=None, *arguments, **options):
            before()
            if stored:
                _check_first(method.__name__, x)
            return method(x, *arguments, **options)

        call.watches = model.name
        return call

    model.fit = watched(model.fit, before_fit)
    model.evaluate, model.predict = watched(model.evaluate), watched(model.predict)
    return model


def _check_first(who, x):
    """ValueError where the first images have been rescaled, which the model does itself."""
    if isinstance(x, keras.utils.PyDataset):
        first = x[0]
        images = first[0] if isinstance(first, (tuple, list)) else first
    elif hasattr(x, "shape") and hasattr(x, "__getitem__"):
        images = x[:_LOOKED_AT]
    else:
        return  # a stream: looking at it would take images out of it
    images = keras.ops.convert_to_numpy(images)
    if images.ndim == 4:  # else Keras says what is wrong
        check_range(who, images)
