"""The checks of chapter 08, feature extraction."""

import functools
import math

import numpy as np

from . import networks
from .comparing import describe
from .engine import Wrong, run
from .kinds import Mistake, call, function, prediction, task, typed, value

value(
    "08.learns",
    "how many numbers learn, an int",
    right=512 * 256 + 256 + 256 + 1,
    mistakes=[
        Mistake(
            "whole model",
            14_714_688 + 131_585,
            "Those are all parameters of the model. The base is frozen: which of them does `fit` not touch?",
        ),
        Mistake("the base", 14_714_688, "Those are the parameters of the base, and the base is the frozen part."),
        Mistake(
            "biases forgotten",
            512 * 256 + 256,
            "Two ways lead there: the kernels of both dense layers without a bias for each unit, or the layer of 256 "
            "units without the last one. Both layers learn, and both have biases.",
        ),
        Mistake(
            "flattened",
            7 * 7 * 512 * 256 + 256 + 256 + 1,
            "That dense layer reads 7 x 7 places of 512 maps. The base averages each map to one number first.",
        ),
        Mistake(
            "a unit for each class",
            512 * 256 + 256 + 256 * 2 + 2,
            "You count two units in the last layer. Here one sigmoid says how probable class 1 is.",
        ),
        Mistake(
            "last layer only",
            256 + 1,
            "That is the last layer. The layer of 256 units is new as well, and not frozen.",
        ),
        Mistake(
            "dropout",
            lambda n: n in (128 * 512 + 128 + 128 + 1, 512 * 256 + 256 + 128 + 1),
            "Dropout silences units for one step, others in the next. All of them keep their weights and learn.",
        ),
    ],
    nudges=(
        "Frozen layers learn nothing, dropout has no parameters. Which layers are left?",
        "A dense layer has a weight for each pair of input and unit, and a bias for each unit. The first one has 512 "
        "inputs.",
    ),
    why="`model.summary()` gives it as trainable parameters. Read that line before every training of a frozen network: "
    "a forgotten freeze shows there and hardly anywhere else.",
)


prediction(
    "08.faint",
    right="about 255 times smaller",
    choices={
        "as large as before": "For that, something would have to undo the division. The base is frozen and was trained "
        "on other numbers; nothing in it knows that the images were divided.",
        "about 16 times smaller": "That would be the root of 255. The differences between images are divided by 255 "
        "itself, and a layer of convolutions and ReLUs passes on a small difference in proportion.",
        "about 255 times smaller": "After the mean is subtracted, every image is nearly the same dark one. What tells "
        "images apart is divided by 255, and passes through the layers about in proportion. Not exactly so, presumably "
        "because other ReLUs are open near that dark image. What is left is small and not zero: a classifier that "
        "brings features to a common scale can still find something in it.",
        "exactly zero": "The images still differ, by less than 1 instead of by up to 255, and so do their features.",
    },
    nudges=(
        "Two pixels that differ by 100 differ by how much after the division? And after 104 is subtracted from both?",
        "Near one image, a network of convolutions and ReLUs is almost linear: what happens to a difference that is "
        "made smaller by a factor?",
    ),
)


# --- VGG16 ------------------------------------------------------------------------------------------------------------

_SHAPE, _CLASSES, _WIDTH = (64, 96, 3), 7, 4  # not square, and small enough to be built in a moment
_CONVOLUTIONS = (2, 2, 3, 3, 3)  # in each block
_CLOSE = 5e-3  # of probabilities: room for products that a GPU rounds, less than any mistake makes


def _kernels(shape, classes, width):
    """Shapes of the sixteen kernels of VGG16, in order."""
    found, channels = [], shape[2]
    for block, number in enumerate(_CONVOLUTIONS):
        filters = width * min(2**block, 8)
        for _ in range(number):
            found.append((3, 3, channels, filters))
            channels = filters
    inputs = shape[0] // 32 * (shape[1] // 32) * channels
    for units in (64 * width, 64 * width, classes):
        found.append((inputs, units))
        inputs = units
    return found


def _with_biases(kernels):
    return [shape for kernel in kernels for shape in (kernel, kernel[-1:])]


def _vgg16(x, weights, *, relus=(1,) * 15, pools=("max",) * 5, change=None, last=("softmax",)):
    """What VGG16 with these weights makes of images, or one with a mistake in it."""
    from keras import ops

    weights, relus = iter(weights), iter(relus)
    x = ops.convert_to_tensor((change(x) if change else x).astype("float32"))
    for number, way in zip(_CONVOLUTIONS, pools, strict=True):
        for _ in range(number):
            x = ops.conv(x, next(weights), 1, "same", data_format="channels_last") + next(weights)
            x = ops.relu(x) if next(relus) else x
        if way in ("max", "average"):
            x = (ops.max_pool if way == "max" else ops.average_pool)(x, 2, 2, "valid", data_format="channels_last")
        else:
            x = x[:, ::2, ::2]
    x = ops.reshape(x, (len(x), -1))
    for dense in range(3):
        x = ops.matmul(x, next(weights)) + next(weights)
        x = ops.relu(x) if dense < 2 and next(relus) else x
    for each in last:
        x = getattr(ops, each)(x)
    return ops.convert_to_numpy(x)


def _one_missing(number):
    return [1 - row for row in np.eye(number, dtype=int)]


def _pools(way):
    return [dict(pools=(way,) * 5)] + [dict(pools=("max",) * n + (way,) + ("max",) * (4 - n)) for n in range(5)]


_MEANS = np.array([123.68, 116.779, 103.939])  # red, green, blue

_VGG16_MISTAKES = [
    (
        "no activation",
        [dict(relus=(0,) * 13 + (1, 1)), dict(relus=(1,) * 13 + (0, 0)), dict(relus=(0,) * 15)]
        + [dict(relus=row) for row in _one_missing(15)],
        "The weights are right, but a ReLU is missing: every convolution has one, and so have the first two dense "
        "layers.",
    ),
    ("average pooling", _pools("average"), "A pooling of yours takes means. VGG16 takes the largest of 2 by 2."),
    (
        "stride for pooling",
        _pools("skip"),
        "The sizes are right, but one of the poolings keeps every second place and does not look for the largest.",
    ),
    (
        "softmax twice",
        [dict(last=("softmax", "softmax"))],
        "The outputs go through a softmax twice, which makes them nearly equal. Once is enough.",
    ),
    (
        "relu before softmax",
        [dict(last=("relu", "softmax"))],
        "The outputs go through a ReLU before the softmax, so that none can be below 0.",
    ),
    (
        "preprocessed inside",
        [
            dict(change=change)
            for change in (
                lambda x: x / 255,
                lambda x: x / 127.5 - 1,
                lambda x: x[..., ::-1],
                lambda x: x[..., ::-1] - _MEANS[::-1],
                lambda x: x - _MEANS,
            )
        ],
        "Something is done to the images before the first convolution. This network takes them as they come: "
        "preprocessing is the next task.",
    ),
]


def _wants_function(answer, what):
    import keras

    networks.not_keras_2(answer)
    if isinstance(answer, keras.Layer):
        raise Wrong(
            "wrong type",
            f"This is a {'model' if isinstance(answer, keras.Model) else 'layer'}; the check wants the function "
            f"`{what}` itself, without parentheses, and calls it with arguments of its own.",
        )
    if not callable(answer):
        raise Wrong("wrong type", f"This check wants the function `{what}`, and got {describe(answer)}.")


def _drawn(shape, rng):
    """Values with which nothing vanishes and nothing explodes, biases that are not 0 among them."""
    scale = np.sqrt(2 / np.prod(shape[:-1])) if len(shape) > 1 else 0.2
    return (scale * rng.normal(size=shape)).astype("float32")


def _built(answer, shape):
    model = run(answer, shape, _CLASSES, _WIDTH, doing=f"`vgg16({shape}, {_CLASSES}, {_WIDTH})`")
    if model is None:
        raise Wrong("no return", "Your function returns nothing. It ends with `return model`, or what yours is called.")
    return model


def _first_dense_reads(model):
    return next((weight.shape[0] for weight in model.weights if len(weight.shape) == 2), None)


_VALID = "The maps shrink with every convolution. Which padding keeps their size, so that only pooling halves it?"


def _small_vgg16(answer):
    try:
        return _built(answer, _SHAPE)
    except Wrong as wrong:
        if wrong.outcome != "stopped":
            raise
        try:  # without padding, nothing is left of small images, and one place of large ones
            large = _first_dense_reads(_built(answer, (224, 224, 3)))
        except Exception:
            raise wrong from None
        if large == 8 * _WIDTH:
            raise Wrong("no padding", _VALID) from None
        raise


def _same_weights(model):
    shapes, wanted = [tuple(weight.shape) for weight in model.weights], _kernels(_SHAPE, _CLASSES, _WIDTH)
    if shapes == _with_biases(wanted):
        return
    if not any(len(shape) == 1 for shape in shapes):
        raise Wrong("biases", "No layer of yours has biases. Every layer of VGG16 has.")
    if any(shape[:2] != (3, 3) for shape in shapes if len(shape) == 4):
        raise Wrong("kernel size", "Not all your kernels are 3 by 3. Those of VGG16 are.")
    filters = [shape[-1] for shape in shapes if len(shape) == 4]
    right = [shape[-1] for shape in wanted if len(shape) == 4]
    if 64 in filters[:1] or [n for n in filters if n in (256, 512)]:
        raise Wrong(
            "width ignored",
            f"Built with a width of {_WIDTH}, your first convolution has {filters[0]} filters and the widest "
            f"{max(filters)}. All sizes follow from `width`.",
        )
    if len(filters) != 13:
        raise Wrong(
            "convolutions",
            f"You have {len(filters)} convolutions, and VGG16 has 13: 2, 2, 3, 3 and 3 in its five blocks.",
        )
    if filters != right:
        place = next(n for n in range(13) if filters[n] != right[n])
        raise Wrong(
            "filters",
            f"With a width of {_WIDTH}, convolution {place + 1} of 13 should have {right[place]} filters, and has "
            f"{filters[place]}. Each block has twice as many as the one before, up to eight times the width.",
        )
    units = [shape[-1] for shape in shapes if len(shape) == 2]
    if units != [64 * _WIDTH, 64 * _WIDTH, _CLASSES]:
        text = f"With a width of {_WIDTH} and {_CLASSES} classes, your dense layers have "
        text += f"{', '.join(map(str, units)) or 'no'} units."
        if 4096 in units:
            raise Wrong("width ignored", f"{text} 4,096 is 64 times the width of 64.")
        raise Wrong("dense layers", f"{text} There are three: twice 64 times the width, then the classes.")
    reads = _first_dense_reads(model)
    if reads == 8 * _WIDTH:
        raise Wrong(
            "not flattened",
            "Your first dense layer reads one number of each map. VGG16 flattens the maps: it reads every place.",
        )
    if reads == 4 * wanted[13][0]:
        raise Wrong(
            "a pooling is missing",
            "Your first dense layer reads four times too many values: one of the five poolings is missing.",
        )
    raise Wrong(
        "other weights",
        f"The model has {len(shapes)} arrays of weights; VGG16 has 32, a kernel and biases for each of its 16 layers, "
        "and nothing else. `model.summary()` shows yours.",
    )


@task(
    "08.vgg16",
    "a function `vgg16(input_shape, classes, width)`",
    mistakes=(
        "no padding",
        "biases",
        "kernel size",
        "width ignored",
        "convolutions",
        "filters",
        "dense layers",
        "not flattened",
        "a pooling is missing",
        "other weights",
        *(name for name, _, _ in _VGG16_MISTAKES),
        "other outputs",
        "no probabilities",
        "output shape",
        "input shape",
        "no return",
        "wrong type",
    ),
    nudges=(
        "Five blocks differ only in two numbers, how many convolutions and how many filters: a loop over pairs.",
        "Every convolution is 3x3 with same padding and a ReLU, a pooling ends each block. Then flatten, two dense "
        "layers with a ReLU, and one with a softmax.",
    ),
    why="Nine in ten of its parameters are in the three dense layers, which transfer leaves behind.",
)
def _vgg16_task(answer):
    _wants_function(answer, "vgg16")
    model = _small_vgg16(answer)
    networks.is_model(model)
    networks.gives(model, input_shape=_SHAPE, output_shape=(_CLASSES,))
    _same_weights(model)
    networks.probabilities(model, input_shape=_SHAPE)
    rng = np.random.default_rng(8)
    weights = [_drawn(tuple(weight.shape), rng) for weight in model.weights]
    for weight, drawn in zip(model.weights, weights, strict=True):
        weight.assign(drawn)
    # Stronger and stronger images: a ReLU that is cut off shows on some of them only.
    images = rng.normal(size=(4, *_SHAPE)) * np.geomspace(0.5, 4, 4)[:, None, None, None]
    images = images.astype("float32")
    given = networks.outputs(model, images)

    def fits(**changes):
        return float(np.abs(given - _vgg16(images, weights, **changes)).max()) <= _CLOSE

    if not fits():
        for name, changed, text in _VGG16_MISTAKES:
            if any(fits(**changes) for changes in changed):
                raise Wrong(name, text)
        raise Wrong(
            "other outputs",
            "The weights have the right shapes, but with the same weights the model gives other outputs than VGG16. "
            "Go through it layer by layer: what is computed, and in which order?",
        )
    full = sum(math.prod(shape) for shape in _with_biases(_kernels((224, 224, 3), 1000, 64)))
    nested = any(hasattr(layer, "layers") for layer in model.layers)
    return (
        f"Built with a width of {_WIDTH}, it has the weights of VGG16, array by array, and gives its outputs. With a "
        f"width of 64 that makes {full:,} parameters."
        + nested
        * " Yours has models in it: in task 4, look for convolutions in them as well."
    )


# --- preprocessing ----------------------------------------------------------------------------------------------------


def _preprocess(images, *, exchange=True, means=_MEANS[::-1], before=1.0, after=1.0, sign=-1):
    images = np.asarray(images).astype("float64") * before
    images = images[..., ::-1] if exchange else images
    return (images + sign * np.asarray(means)) * after


def _in_their_own_type(means):
    """Subtracted in the type of the images: pixels of uint8 that would be below 0 begin again at 255."""

    def wrong(images):
        return images[..., ::-1] - means.astype(images.dtype)

    return wrong


def _bytes_again(images, floats=""):
    return _preprocess(images) if images.dtype.kind == floats else _preprocess(images).astype("int64").astype("uint8")


function(
    "08.preprocess",
    "vgg_preprocess(images)",
    cases=[
        call(typed('np.random.default_rng(8).integers(0, 256, (2, 4, 5, 3), dtype="uint8")')),
        call(typed('(255 * np.random.default_rng(9).random((3, 4, 2, 3))).astype("float32")')),
        call(typed('np.full((1, 2, 3, 3), 255, "uint8")')),
        call(typed('np.zeros((2, 3, 2, 3), "uint8")')),
    ],
    right=_preprocess,
    tolerance=1e-4,
    mistakes=[
        Mistake(
            "colours not exchanged",
            {"exchange": False, "means": _MEANS},
            "Each colour loses its own mean, but red still comes first. The network wants blue first.",
        ),
        Mistake(
            "means of the other colours",
            [{"means": _MEANS}, {"exchange": False}],
            "Red loses the mean of blue, and blue that of red. Which colour is the first at the moment when you "
            "subtract?",
        ),
        Mistake(
            "not exchanged, and mirrored",
            [
                lambda images: images[:, :, ::-1].astype(float) - _MEANS,
                lambda images: images[:, ::-1].astype(float) - _MEANS,
                lambda images: images[::-1].astype(float) - _MEANS,
                lambda images: images[:, :, ::-1].astype(float) - _MEANS[::-1],
                lambda images: images[:, ::-1].astype(float) - _MEANS[::-1],
                lambda images: images[::-1].astype(float) - _MEANS[::-1],
            ],
            "You turn another axis round than the one of the colours. The axes are image, row, column, channel.",
        ),
        Mistake(
            "scaled first",
            [{"before": 1 / 255}, {"before": 1 / 255, "exchange": False, "means": _MEANS}],
            "You divide by 255 before the means are subtracted. They are means of pixels from 0 to 255: every image "
            "becomes almost the same.",
        ),
        Mistake(
            "scaled afterwards",
            [{"after": 1 / 255}, {"after": 1 / 127.5}, {"after": 1 / np.array([57.375, 57.12, 58.395])}],
            "Exchanged and centred, then divided once more. This network was trained on numbers from about -124 to "
            "151: nothing is divided.",
        ),
        Mistake(
            "another network's",
            [
                lambda images: images / 127.5 - 1,
                lambda images: images / 255,
                lambda images: images[..., ::-1] / 127.5 - 1,
                lambda images: (images / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225],
            ],
            "That is the preprocessing of other networks. Each has its own, and VGG16 has the one described here.",
        ),
        Mistake(
            "no means",
            [{"means": 0.0}, {"means": 0.0, "exchange": False}],
            "No mean is subtracted: a black pixel should not stay 0.",
        ),
        Mistake("means added", {"sign": 1}, "You add the means. A black pixel should become negative."),
        Mistake(
            "means of these images",
            [
                lambda images: images[..., ::-1] - images[..., ::-1].mean(axis=(0, 1, 2)),
                lambda images: images[..., ::-1] - images[..., ::-1].mean(axis=(1, 2), keepdims=True),
                lambda images: images[..., ::-1] - images.mean(),
            ],
            "You subtract means of the images that were given. The network was trained with three fixed numbers.",
        ),
        Mistake(
            "wrapped around",
            [_in_their_own_type(_MEANS[::-1]), _in_their_own_type(np.round(_MEANS[::-1]))],
            "With images of the type `uint8`, yours subtracts whole numbers in that type, which has nothing below 0: "
            "10 - 104 becomes 162. Make floats of the images first.",
        ),
        Mistake(
            "bytes again",
            [_bytes_again, lambda images: _bytes_again(images, "f")],
            "Computed rightly, and then put into the type `uint8` again, which has nothing below 0: -51.9 becomes 205. "
            "Return the floats, in an array of their own.",
        ),
        Mistake(
            "float16",
            [
                lambda images: _preprocess(images).astype("float16"),
                lambda images: images[..., ::-1].astype("float16") - _MEANS[::-1].astype("float16"),
            ],
            "Almost: these are numbers of 16 bits, which keep about three digits. Use `float32`, as networks do.",
        ),
        Mistake(
            "whole numbers",
            [
                lambda images: _preprocess(images).astype("int64"),
                lambda images: _preprocess(images, means=np.round(_MEANS[::-1])),
                lambda images: _preprocess(images, means=np.floor(_MEANS[::-1])),
            ],
            "Almost: somewhere you round, the means or the result.",
        ),
    ],
    nudges=(
        "Three things happen: floats, another order of the last axis, one mean less for each colour.",
        "`images[..., ::-1]` turns the last axis round. After that, which colour's mean comes first?",
    ),
    why="Nothing complains about a wrong preprocessing: the shapes fit, the network answers, and it answers worse. It "
    "belongs into the model, where nobody can forget it.",
)


# --- weights carried over ---------------------------------------------------------------------------------------------


def _tower(*, before=(), top=(), row=False):
    """Thirteen convolutions like VGG16's, two filters wide; in the Functional API, or as layers in a row."""
    import keras
    from keras import layers

    parts = [make() for make in before]
    for block, number in enumerate(_CONVOLUTIONS):
        parts += [layers.Conv2D(2 * min(2**block, 8), 3, padding="same", activation="relu") for _ in range(number)]
        parts.append(layers.MaxPooling2D())
    if top:
        parts += [layers.Flatten(), *(layers.Dense(units) for units in top)]
    if row:
        return keras.Sequential([keras.Input((32, 32, 3)), *parts])
    x = inputs = keras.Input((32, 32, 3))
    for part in parts:
        x = part(x)
    return keras.Model(inputs, x)


def _pairs():
    from keras import layers

    yield (
        _tower(before=[lambda: layers.Rescaling(1 / 64), lambda: layers.Permute((1, 2, 3))]),
        _tower(top=(5, 3)),
    )
    yield _tower(top=(4, 2)), _tower(top=(4, 2), row=True)


def _equal(one, other):
    return len(one) == len(other) and all(map(np.array_equal, one, other))


def _carried_over(source, target, sources, targets):
    """Judge what became of the weights of both, given what they were before."""
    now, given = source.get_weights(), target.get_weights()
    wanted = sources[:26]
    if not _equal(now, sources):
        if _equal(given, targets):
            raise Wrong(
                "wrong way",
                "`source` has other weights now, and `target` the same as before. They go the other way.",
            )
        raise Wrong("source changed", "`source` has other weights afterwards. It is only to be read.")
    if _equal(given[:26], wanted):
        if _equal(given[26:], targets[26:]):
            return
        raise Wrong(
            "top changed",
            "The thirteen convolutions are right, but dense layers of `target` have changed too. They keep theirs.",
        )
    if _equal(given, targets):
        raise Wrong(
            "nothing carried",
            "`target` has the same weights as before. Were they written into copies, or into another model? Or were "
            "layers looked for by name? No name is in both models, and an error that is passed over carries nothing.",
        )
    if all(np.allclose(one, other, rtol=1e-2, atol=1e-2) for one, other in zip(given, wanted, strict=False)):
        raise Wrong(
            "not exact",
            "The weights are nearly those of `source`, and should be the same to the last bit. Something rounds them "
            "on the way.",
        )
    if _equal(given[:26:2], wanted[::2]):
        raise Wrong("biases", "All kernels are right, but not the biases. A layer has both.")
    kernels = [any(np.array_equal(one, other) for other in wanted[::2]) for one in given[:26:2]]
    good = sum(map(np.array_equal, given[:26:2], wanted[::2]))
    if all(kernels):
        raise Wrong(
            "other layers",
            f"Every kernel comes from `source`, but only {good} of 13 from the convolution in the same place. Several "
            "have the same shape: go by their order.",
        )
    first = next(n for n in range(13) if not np.array_equal(given[2 * n], wanted[2 * n]))
    advice = "Does yours go through all of them?"
    if first != good:
        advice = "Count the layers with weights only: preprocessing and pooling have none."
    raise Wrong(
        "not all",
        f"{good} of the 13 kernels are right; the first that is not is that of convolution {first + 1}. {advice}",
    )


_UNLIKE = "zip() argument", "weight list of length", "weight shape"  # as Python and Keras say that layers do not fit


@task(
    "08.carried",
    "a function `carry_over(source, target)`",
    mistakes=(
        "wrong way",
        "source changed",
        "top changed",
        "nothing carried",
        "not exact",
        "biases",
        "other layers",
        "not all",
        "layers by number",
        "stopped",
        "wrong type",
    ),
    nudges=(
        "Which layers of the two belong together? Not those of the same number: one model has layers that the other "
        "has not.",
        "Make a list of the convolutions of each model, in order, and go through both lists together. A layer has "
        "`get_weights` and `set_weights`.",
    ),
    why="Weights are numbers in an order. Whoever agrees on the order can carry them between programs and frameworks, "
    "and equal outputs are the proof that it was right.",
)
def _carried_task(answer):
    _wants_function(answer, "carry_over")
    rng = np.random.default_rng(8)
    for source, target in _pairs():
        for model in (source, target):
            model.set_weights([_drawn(tuple(weight.shape), rng) for weight in model.weights])
        sources, targets = source.get_weights(), target.get_weights()
        try:
            run(answer, source, target, doing="`carry_over(source, target)`")
        except Wrong as wrong:
            if not any(words in wrong.hint for words in _UNLIKE):
                raise
            text = "Among `layers` are some without weights, such as pooling, and not the same ones in both models."
            raise Wrong("layers by number", f"{wrong.hint} {text}", wrong.outcome) from wrong
        _carried_over(source, target, sources, targets)


# --- neighbours -------------------------------------------------------------------------------------------------------


def _cosine(features, query):
    features = np.asarray(features, float)
    features = features / np.linalg.norm(features, axis=1, keepdims=True)
    return features @ features[query]


def _distance(features, query):
    return -np.linalg.norm(np.asarray(features, float) - features[query], axis=1)


def _by_columns(features, query):
    features = features / np.linalg.norm(features, axis=0)
    return features @ features[query]


def _neighbours(features, query, k, *, similar=_cosine, without=True, order=lambda found: found):
    similarity = similar(features, query)
    found = [int(n) for n in np.argsort(-similarity, kind="stable") if n != query or not without]
    return order(found)[:k]


def _among_the_rest(features, query, k):
    """Counted in an array that has lost the query: every image behind it has a number too few."""
    return [int(n) for n in np.argsort(-np.delete(_cosine(features, query), query), kind="stable")[:k]]


function(
    "08.neighbours",
    "neighbours(features, query, k)",
    cases=[
        call(np.array([[1.0, 0.0], [2.0, 0.5], [0.0, 1.0], [9.0, 8.0]]), 0, 1),
        call(typed("np.random.default_rng(1).random((6, 4))"), 2, 3),
        call(typed("np.random.default_rng(3).normal(size=(9, 4)) * np.arange(1, 10)[:, None]"), 3, 4),
        call(np.array([[3.0, 1.0, 0.0], [0.0, 2.0, 1.0], [3.0, 1.0, 0.0], [1.0, 1.0, 1.0]]), 2, 2),
        call(typed("np.random.default_rng(5).normal(size=(7, 3)) + [4, 0, 1]"), 6, 6),
    ],
    right=_neighbours,
    mistakes=[
        Mistake(
            "itself",
            {"without": False},
            "The image that was asked about is among its own neighbours. It is as similar to itself as can be, and "
            "nobody learns anything from it.",
        ),
        Mistake(
            "zero for itself",
            {"similar": lambda features, n: _cosine(features, n) * (np.arange(len(features)) != n), "without": False},
            "You give the image itself a similarity of 0. Images that point the other way have less, and so it is "
            "among its own neighbours. What is less than every cosine?",
        ),
        Mistake(
            "first of all left out",
            lambda features, query, k: _neighbours(features, query, k + 1, without=False)[1:],
            "You leave out the first of all, which is the image itself nearly always. In one case another image has "
            "the same features and comes first: leave out the number `query`.",
        ),
        Mistake(
            "distance",
            [{"similar": _distance}, {"similar": _distance, "without": False}],
            "You go by the distance between feature vectors. The cosine looks at their direction only, whatever their "
            "length.",
        ),
        Mistake(
            "lengths not divided out",
            [
                {"similar": lambda features, query: features @ features[query]},
                {"similar": lambda features, query: features @ features[query], "without": False},
            ],
            "You multiply and sum, and long vectors win. Divide by the lengths of both vectors, or make all of them "
            "1 long before.",
        ),
        Mistake(
            "least similar",
            [
                {"order": lambda found: found[::-1]},
                {"order": lambda found: found[::-1], "without": False},
            ],
            "Those are the least similar ones. `np.argsort` begins with the smallest number.",
        ),
        Mistake(
            "least similar of them first",
            lambda features, query, k: _neighbours(features, query, k)[::-1],
            "The right neighbours, but the least similar of them comes first.",
        ),
        Mistake(
            "similarities",
            lambda features, query, k: np.sort(np.delete(_cosine(features, query), query))[::-1][:k],
            "Those are the similarities. The task asks for the numbers of the images, with which one finds them.",
        ),
        Mistake(
            "counted without the query",
            _among_the_rest,
            "You take the query out first and count what is left: every image behind it has a number that is too small "
            "by one.",
        ),
        Mistake(
            "lengths of columns",
            {"similar": _by_columns},
            "You divide by the lengths of columns, one for each feature. An image is a row.",
        ),
        Mistake(
            "means subtracted",
            {"similar": lambda features, query: np.corrcoef(features)[query]},
            "You subtract the mean of each vector first: that is the correlation. The cosine takes vectors as they "
            "are.",
        ),
        Mistake(
            "in order of number",
            lambda features, query, k: sorted(_neighbours(features, query, k)),
            "The right images, in the order of their numbers. The most similar one comes first.",
        ),
    ],
    nudges=(
        "The cosine of two vectors: multiply them entry by entry, sum, divide by both lengths.",
        "Make every row 1 long, and one product of a matrix with a row gives all similarities. Then sort, largest "
        "first, and drop the number of the query, wherever it stands.",
    ),
    why="No label was needed for this. Search by image works so, with an index in place of the sorting.",
)


# --- find the mistake -------------------------------------------------------------------------------------------------

#: What may be wrong with a set of features, and how that would show.
_CAUSES = {
    "scaled to 0..1": "Images divided by 255 have features that hardly differ from image to image. These do.",
    "red and blue exchanged": "Exchange red and blue in all images and compute the features: they are others.",
    "rows and columns exchanged": "Exchange rows and columns of all images (`images.transpose(0, 2, 1, 3)`) and "
    "compute the features: they are others.",
    "mirrored": "Mirror the images, left and right (`images[:, :, ::-1]`), and compute the features: they are others.",
    "another order of the images": "With another order only, each row would still be found among the right features, "
    "to the last bit or nearly so.",
    "maximum in place of mean": "The maximum of a map is never below its mean. Compare each with the right one.",
    "untrained base": "An untrained base gives features in which other entries are large. Compare the mean of each "
    "feature over the images with the right one.",
}
_PLANTED = (
    "another order of the images",
    "red and blue exchanged",
    "maximum in place of mean",
    "rows and columns exchanged",
)
_PLACES = ("first", "second", "third", "fourth")


def four_sets(base, images):
    """Four arrays of features of the same images, shape (images, features); in each, something went wrong."""
    from ..models import pretrained_base

    def features(images, base=base):
        return np.asarray(base.predict(np.ascontiguousarray(images), verbose=0), "float32")

    return [
        np.roll(features(images), len(images) // 3, axis=0),
        features(images[..., ::-1]),
        features(images, pretrained_base("small_vgg", base.input_shape[1:], pooling="max")),
        features(images.transpose(0, 2, 1, 3)),
    ]


def _as_choice(answer):
    words = " ".join(str(answer).casefold().replace("_", " ").split()).rstrip(".")
    return next((choice for choice in _CAUSES if choice.rstrip(".") == words), None)


@task(
    "08.four_sets",
    "a list of four texts, one for each set",
    mistakes=(*_CAUSES, "not a choice", "shape", "wrong type"),
    nudges=(
        "Each suspicion can be tested: make the mistake on purpose, compute the features, and see whether the numbers "
        "are the same as in the set.",
        "Look at three things first: are all numbers of a set at least as large as the right ones? Is its first row "
        "found anywhere among the right rows? What do the features of a mirrored or recoloured image give?",
    ),
    why="Making a mistake on purpose, and seeing the same numbers, is the only proof that it was this one. None of the "
    "four has a wrong shape, and none raises an error.",
)
def _four_sets_task(answer):
    if isinstance(answer, (str, dict, set)) or not hasattr(answer, "__len__"):
        raise Wrong("wrong type", f"This check wants a list of four texts, and got {describe(answer)}.")
    if len(answer) != 4:
        raise Wrong("shape", f"There are four sets, and your list has {len(answer)} texts.")
    chosen = [_as_choice(each) for each in answer]
    for given, choice in zip(answer, chosen, strict=True):
        if choice is None:
            listed = ", ".join(f'`"{cause}"`' for cause in _CAUSES)
            raise Wrong("not a choice", f"The choices are {listed}; got {describe(given)}.")
    good = sum(one == other for one, other in zip(chosen, _PLANTED, strict=True))
    for place, choice, planted in zip(_PLACES, chosen, _PLANTED, strict=True):
        if choice != planted:
            score = f" ({good} of 4 {'is' if good == 1 else 'are'} right.)" if good else ""
            raise Wrong(choice, f"The {place} set has another fault. {_CAUSES[choice]}{score}")


# --- what has learned -------------------------------------------------------------------------------------------------


def _nested():
    """A classifier on a base that has a block in it, a model itself; with batch normalisation."""
    import keras
    from keras import layers

    block = keras.Sequential(
        [keras.Input((4, 4, 3)), layers.Conv2D(4, 3, name="deep_conv"), layers.ReLU(name="deep_relu")], name="block"
    )
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(3, 3, padding="same", name="first_conv")(inputs)
    x = layers.BatchNormalization(name="normalised")(x)
    x = layers.MaxPooling2D(name="pool")(x)
    base = keras.Model(inputs, layers.GlobalAveragePooling2D(name="mean")(block(x)), name="base")
    outer = keras.Input((8, 8, 3))
    x = layers.Dense(5, activation="relu", name="hidden")(base(outer))
    return keras.Model(outer, layers.Dense(1, activation="sigmoid", name="predictions")(x), name="classifier")


_CONTAINERS = {"block", "base", "classifier"}
_MAY_LEARN = {"first_conv", "normalised", "deep_conv", "hidden", "predictions"}
# What each training changes, (layer, name of the weight), and by how much, or how; the mistake of whoever misses that,
# and what to say.
_TRAININGS = [
    (
        [("hidden", "kernel"), ("hidden", "bias"), ("predictions", "kernel"), ("predictions", "bias")],
        0.1,
        ("classifier missed", "In a model whose new layers learned, yours does not name all of them."),
    ),
    (
        [("first_conv", "kernel"), ("first_conv", "bias"), ("predictions", "kernel"), ("predictions", "bias")],
        0.1,
        ("base missed", "In a model whose base learned, yours misses a layer of the base: it is a model in the model."),
    ),
    (
        [("deep_conv", "kernel"), ("deep_conv", "bias")],
        0.1,
        (
            "models within models",
            "Yours misses a layer that is in a model in the base. However deep they are: a model has `layers`, and "
            "each of them may have some as well.",
        ),
    ),
    (
        [("first_conv", "bias")],
        0.1,
        ("kernels only", "A layer of which only the biases have changed is missed."),
    ),
    (
        [("first_conv", "kernel"), ("hidden", "kernel")],
        1e-6,
        (
            "small steps",
            "A layer whose weights have changed by a millionth is missed: after one step at a small rate that is all. "
            "A frozen layer keeps its weights to the last bit.",
        ),
    ),
    (
        [("normalised", "moving_mean"), ("normalised", "moving_variance")],
        0.1,
        (
            "averages missed",
            "Batch normalisation is missed where only its averages have changed. They are weights that no gradient "
            "touches, and so not among the trainable ones; the output changes all the same.",
        ),
    ),
    (
        [("hidden", "kernel")],
        lambda array: array + 0.1 * (np.arange(array.size).reshape(array.shape) == 3),
        ("one entry", "A layer is missed in which a single number of a kernel has changed. One other entry is enough."),
    ),
    (
        [("hidden", "kernel"), ("first_conv", "bias")],
        lambda array: np.roll(array, 1),
        (
            "sums",
            "A layer is missed whose weights have changed places: only their sum is as before. Compare entry by entry.",
        ),
    ),
    ([], 0.0, ("", "")),
]


def _layers_of(model):
    for layer in model.layers:
        if getattr(layer, "layers", None):
            yield from _layers_of(layer)
        else:
            yield layer


def _names(result):
    if isinstance(result, str) or not isinstance(result, (list, tuple, set, frozenset)):
        raise Wrong("wrong type", f"`changed_layers` returns {describe(result)}; a list of names was asked for.")
    strange = [each for each in result if not isinstance(each, str)]
    if strange:
        raise Wrong(
            "wrong type",
            f"The list has {describe(strange[0])} in it; the task asks for the names of the layers, which are texts.",
        )
    twice = [each for each in set(result) if list(result).count(each) > 1]
    if twice:
        text = (
            f"The list has `{min(twice)}` in it more than once. However many of its arrays have changed: name it once."
        )
        raise Wrong("duplicates", text)
    return set(result)


def _changed(answer, weights, step):
    """What the student's function says of a training that takes this `step` with these weights: a set of names."""
    model, calls = _nested(), []
    rng = np.random.default_rng(8)
    # multiples of 1/256, whose sums are exact in any order
    drawn = [np.ceil(256 * np.abs(_drawn(tuple(weight.shape), rng)) + 2) / 256 for weight in model.weights]
    model.set_weights(drawn)
    by_name = {layer.name: layer for layer in _layers_of(model)}

    def train(given):
        calls.append(given)
        for layer, name in weights:
            for weight in by_name[layer].weights:
                if weight.name == name:
                    weight.assign(step(np.array(weight)) if callable(step) else weight + step)
        return model

    train.__qualname__ = "train"  # as an error's message calls it
    result = run(answer, model, train, doing="`changed_layers(model, train)`")
    if result is None:
        raise Wrong(
            "no return", "`changed_layers` returns nothing. A model in which nothing changed has an empty list."
        )
    names = _names(result)
    if not calls:
        raise Wrong("not trained", "Your function never calls `train(model)`: there is no afterwards to compare with.")
    if len(calls) > 1 or calls[0] is not model:
        raise Wrong(
            "trained otherwise",
            "Your function calls `train` twice, or with a copy or a part of the model. Call it once, with `model`.",
        )
    return names


@task(
    "08.changed",
    "a function `changed_layers(model, train)`",
    mistakes=(
        "no copy",
        "no such layer",
        "name of the model",
        "may learn",
        "other layers",
        "duplicates",
        "trained otherwise",
        *(told[0] for *_, told in _TRAININGS if told[0] not in ("", "classifier missed")),
        "not trained",
        "no return",
        "wrong type",
        "stopped",
    ),
    nudges=(
        "What must be kept before `train(model)` is called, so that there is something to compare with afterwards?",
        "A function that calls itself collects all layers: for a layer that has `layers`, theirs; for others, the "
        "layer. `get_weights` gives copies of all its arrays.",
    ),
    why="That is how one finds out whether a base was frozen: by its weights, whatever the code says.",
)
def _changed_task(answer):
    _wants_function(answer, "changed_layers")
    found = [(_changed(answer, weights, step), {layer for layer, _ in weights}, told)
             for weights, step, told in _TRAININGS]  # fmt: skip
    if not any(names for names, _, _ in found):
        raise Wrong(
            "no copy",
            "According to yours, nothing ever changes. Are the weights kept before `train` is called, and are they "
            "copies? A variable of the model changes with the model, wherever a list keeps it.",
        )
    known = _CONTAINERS | {layer.name for layer in _layers_of(_nested())}
    unknown = set().union(*(names for names, _, _ in found)) - known
    if unknown:
        raise Wrong(
            "no such layer",
            f"Yours names `{min(unknown)}`, and no layer has that name. Paths and names of weights are something else.",
        )
    if any(names & _CONTAINERS for names, _, _ in found):
        raise Wrong(
            "name of the model",
            "Yours gives the name of a whole model that is in the model. Which of its layers have changed?",
        )
    if all(names == _MAY_LEARN for names, _, _ in found):
        raise Wrong(
            "may learn",
            "Yours names every layer that may learn, in each of the trainings that were tried. To be allowed to learn "
            "is not to have learned: in one of them nothing changes at all.",
        )
    for names, wanted, _ in found:
        if names - wanted:
            raise Wrong(
                "other layers",
                f"Yours names `{min(names - wanted)}`, and that layer has the same weights as before. Compare each "
                "layer with itself.",
            )
    for names, wanted, told in found:
        if names != wanted:
            raise Wrong(*told)


# --- twenty of each ---------------------------------------------------------------------------------------------------


@functools.cache
def _drawn_tasks(chosen):
    """Three draws of 20 images a class, each with other images to be named: (images, labels, unseen, their labels)."""
    from ..datasets import load

    smoke = chosen == "smoke"
    options = dict(size=64 if smoke else 160, **(dict(source="stand-in") if smoke else {}))
    train = load("cats_vs_dogs", "train", examples=400, **options)
    unseen = 100 if smoke else 200
    test = load("cats_vs_dogs", "test", examples=3 * unseen, **options)
    found = []
    for draw in range(3):
        rng = np.random.default_rng(draw)
        few = np.concatenate([rng.choice(np.flatnonzero(train.labels == n), 20, replace=False) for n in (0, 1)])
        rng.shuffle(few)
        part = slice(draw * unseen, (draw + 1) * unseen)
        found.append((train.images[few], train.labels[few], test.images[part], test.labels[part]))
    return found


def _answers(given, images, unseen):
    """The classes that the student's function gives, as an array of 0 and 1."""
    if given is None:
        raise Wrong("no return", "`from_twenty` returns nothing. The last line returns the classes of `unseen`.")
    array = given
    if hasattr(array, "detach"):
        array = array.detach().cpu()
    array = np.asarray(array)
    if array.dtype.kind == "U" and array.ndim:
        raise Wrong("names", f"The answers are texts, such as `{array.flat[0]}`. As in `labels`, a class is 0 or 1.")
    if array.dtype.kind not in "biuf":
        raise Wrong("wrong type", f"`from_twenty` returns {describe(given)}; an array of 0 and 1 was asked for.")
    if array.shape == (len(unseen), 2):
        raise Wrong("two columns", "Two numbers for each image: which of the two classes does each row speak for?")
    if array.shape == (len(unseen), 1):
        array = array[:, 0]
    if array.shape == (len(images),):
        raise Wrong("the few", f"There is an answer for each of the {len(images)} labelled images. `unseen` is asked.")
    if array.shape != (len(unseen),):
        raise Wrong("shape", f"For {len(unseen)} images, the answers have shape {array.shape}. One for each is wanted.")
    if not np.isin(array, (0, 1)).all():
        raise Wrong(
            "no classes",
            "The answers are not all 0 or 1. If they are probabilities of class 1, decide: from which on is it 1?",
        )
    return array.astype(int)


@task(
    "08.twenty",
    "a function `from_twenty(images, labels, unseen)`",
    mistakes=(
        *("accuracy", "exchanged", "other labels", "input changed", "the few", "two columns", "names", "no classes"),
        *("shape", "no return", "wrong type"),
    ),
    nudges=(
        "The base was made for this: features of the few images and of the unseen ones, then anything that classifies "
        "40 vectors.",
        "A logistic regression wants features of about the same spread; the nearest neighbours want none of that. "
        "Whatever you take, what is learned comes from the 40 only.",
    ),
    why="Forty labels do not teach a network what an animal looks like. They are enough to say which of a trained "
    "base's features to listen to.",
)
def _twenty_task(answer):
    from ..budget import profile

    def right(images, labels, unseen, truth):
        """The share of the answers that are right, given copies."""
        copies = images.copy(), labels.copy(), unseen.copy()
        given = run(answer, *copies, doing="`from_twenty(images, labels, unseen)`")
        if not all(map(np.array_equal, copies, (images, labels, unseen))):
            raise Wrong("input changed", "`from_twenty` changed the arrays that it was given. Work on a copy.")
        return float((_answers(given, images, unseen) == truth).mean())

    _wants_function(answer, "from_twenty")
    chosen = profile()
    bound = 0.85
    draws = _drawn_tasks(chosen)
    reached = [right(*draw) for draw in draws]
    mean, each = float(np.mean(reached)), ", ".join(f"{share:.3f}" for share in reached)
    if mean < 1 - bound:
        raise Wrong("exchanged", f"Only {mean:.3f} of the answers are right, which takes skill: 0 and 1 are exchanged.")
    if mean < bound:
        advice = "Guessing reaches as much." if mean < 0.6 else "That is better than guessing."
        raise Wrong(
            "accuracy",
            f"In three draws of 20 images a class, {each} of the unseen ones are named rightly, {mean:.3f} on average; "
            f"the task asks for {bound}. {advice} What does the classifier see of an image, and has it learned its own "
            "40?",
        )
    images, labels, unseen, truth = draws[0]
    again = right(images, 1 - labels, unseen[:60], 1 - truth[:60])
    if again < 0.5:
        raise Wrong(
            "other labels",
            "The check called yours once more with the 40 labels exchanged, 0 for 1, and most answers stayed as they "
            "were. What does it learn from, if not from `labels`?",
        )
    return f"Three draws of 20 images a class: {each} of the unseen images are right, {mean:.3f} on average."
