"""Answers to chapter 08, as students write them: apart from the references of the checks, on purpose."""

import contextlib
import functools

import numpy as np

from . import made


def array_of(value):
    """A tensor or a variable of Keras as a NumPy array of its own."""
    import keras

    return np.array(keras.ops.convert_to_numpy(value))


# --- 08.vgg16 ---------------------------------------------------------------------------------------------------------


def vgg16(
    input_shape=(224, 224, 3), classes=1000, width=64, *, blocks=((1, 2), (2, 2), (4, 3), (8, 3), (8, 3)),
    padding="same", kernel=3, bias=True, activation="relu", linear=(), pool="MaxPooling2D", pools=5, flat="Flatten",
    units=None, dense="relu", last="softmax", before=(), after=(), normalise=False, drop=0.0,
):  # fmt: skip
    """VGG16 in the Functional API, or with a mistake in it; `linear` numbers the convolutions without a ReLU."""
    import keras
    from keras import layers

    x = inputs = keras.Input(input_shape)
    for name, *arguments in before:
        x = getattr(layers, name)(*arguments)(x)
    count = 0
    for number, (times, convolutions) in enumerate(blocks):
        for _ in range(convolutions):
            relu = None if count in linear else activation
            x = layers.Conv2D(times * width, kernel, padding=padding, activation=relu, use_bias=bias)(x)
            x = layers.BatchNormalization()(x) if normalise else x
            count += 1
        if number < pools:
            x = getattr(layers, pool)(2)(x) if pool != "strided" else layers.MaxPooling2D(1, strides=2)(x)
    x = getattr(layers, flat)()(x)
    for _ in range(2):
        x = layers.Dense(units or 64 * width, activation=dense, use_bias=bias)(x)
        x = layers.Dropout(drop)(x) if drop else x
    x = layers.Dense(classes, activation=last, use_bias=bias)(x)
    for name, *arguments in after:
        x = getattr(layers, name)(*arguments)(x)
    return keras.Model(inputs, x)


def variant(**mistake):
    return functools.partial(vgg16, **mistake)


def vgg16_in_a_row(shape, number, w):
    """Sequential, each ReLU a layer of its own, dropout as in the paper, a softmax layer at the end."""
    import keras
    from keras import layers

    model = keras.Sequential(name="vgg")
    model.add(keras.Input(shape))
    for filters, convolutions in zip((w, 2 * w, 4 * w, 8 * w, 8 * w), (2, 2, 3, 3, 3), strict=True):
        for _ in range(convolutions):
            model.add(layers.ZeroPadding2D(1))
            model.add(layers.Conv2D(filters, (3, 3)))
            model.add(layers.ReLU())
        model.add(layers.MaxPool2D((2, 2), strides=(2, 2)))
    model.add(layers.Reshape((-1,)))
    for _ in range(2):
        model.add(layers.Dense(64 * w))
        model.add(layers.Activation("relu"))
        model.add(layers.Dropout(0.5))
    model.add(layers.Dense(number))
    model.add(layers.Softmax())
    return model


def vgg16_by_blocks(input_shape, classes, width):
    """Blocks that are models themselves."""
    import keras
    from keras import layers

    def block(filters, convolutions):
        return keras.Sequential(
            [layers.Conv2D(filters, 3, padding="same", activation="relu") for _ in range(convolutions)]
            + [layers.MaxPooling2D()]
        )

    return keras.Sequential(
        [
            keras.Input(input_shape),
            *(block(width * times, n) for times, n in ((1, 2), (2, 2), (4, 3), (8, 3), (8, 3))),
            layers.Flatten(),
            layers.Dense(64 * width, "relu"),
            layers.Dense(64 * width, "relu"),
            layers.Dense(classes, "softmax"),
        ]
    )


def compiled(*sizes):
    model = vgg16(*sizes)
    model.compile(loss="categorical_crossentropy")
    return model


# --- 08.preprocess ----------------------------------------------------------------------------------------------------


def preprocessed_by_keras(images):
    import keras

    return keras.applications.vgg16.preprocess_input(np.array(images, "float32"))


def preprocessed_in_place(images):
    images = images if images.dtype.kind == "f" else images.astype("float32")
    images -= np.array([123.68, 116.779, 103.939], "float32")
    return images[..., ::-1]


def preprocessed_by_channel(images):
    red, green, blue = (images[..., n].astype(float) for n in range(3))
    return np.stack([blue - 103.939, green - 116.779, red - 123.68], axis=-1)


def preprocessed_as_list(images):
    return preprocessed_by_channel(images).tolist()


# --- 08.carried -------------------------------------------------------------------------------------------------------


def convolutions(model):
    import keras

    return [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]


def carried_by_arrays(source, target):
    kept = target.get_weights()[26:]
    target.set_weights(source.get_weights()[:26] + kept)
    return target


def carried_by_variables(source, target):
    pairs = zip(source.weights[:26], target.weights[:26], strict=True)
    for read, written in pairs:
        written.assign(read)


def carried_back(source, target):
    carried_by_arrays(target, source)


def carried_back_in_part(source, target):
    for read, written in zip(convolutions(target), convolutions(source), strict=True):
        written.kernel.assign(read.kernel)


def carried_by_name_quietly(source, target):
    for layer in source.layers:
        with contextlib.suppress(ValueError):
            target.get_layer(layer.name).set_weights(layer.get_weights())


def carried_to_a_copy(source, target):
    import keras

    copy = keras.models.clone_model(target)
    carried_by_arrays(source, copy)
    return copy


def carried_in_halves(source, target):
    """As float16, which a file may keep."""
    for read, written in zip(source.weights[:26], target.weights[:26], strict=True):
        written.assign(array_of(read).astype("float16").astype("float32"))


def carried_kernels(source, target):
    for read, written in zip(convolutions(source), convolutions(target), strict=True):
        written.kernel.assign(read.kernel)


def carried_by_shape(source, target):
    for layer in convolutions(target):
        for other in convolutions(source):
            if other.kernel.shape == layer.kernel.shape:
                layer.set_weights(other.get_weights())
                break


def carried_backwards(source, target):
    for read, written in zip(convolutions(source)[::-1], convolutions(target)[::-1], strict=True):
        if read.kernel.shape == written.kernel.shape:
            written.set_weights(read.get_weights())
    last = convolutions(target)[-2:]
    first, second = last[0].get_weights(), last[1].get_weights()
    last[0].set_weights(second)
    last[1].set_weights(first)


def carried_twelve(source, target):
    for read, written in list(zip(convolutions(source), convolutions(target), strict=True))[:-1]:
        written.set_weights(read.get_weights())


def carried_with_top(source, target):
    for read, written in zip(source.weights, target.weights, strict=False):
        if read.shape == written.shape:
            written.assign(read)


def carried_by_number(source, target):
    for read, written in zip(source.layers, target.layers, strict=False):
        written.set_weights(read.get_weights())


def carried_by_name(source, target):
    for layer in convolutions(source):
        target.get_layer(layer.name + "copy").set_weights(layer.get_weights())


def carried_and_changed(source, target):
    carried_by_arrays(source, target)
    for layer in convolutions(source):
        layer.set_weights([0 * array for array in layer.get_weights()])


# --- 08.neighbours ----------------------------------------------------------------------------------------------------


def neighbours_from_sklearn(features, query, k):
    from sklearn.metrics.pairwise import cosine_similarity

    similar = cosine_similarity(features)[query]
    similar[query] = -2
    return np.argsort(similar)[::-1][:k]


def neighbours_by_loop(features, query, k):
    def cosine(one, other):
        return sum(a * b for a, b in zip(one, other, strict=True)) / (sum(a * a for a in one) ** 0.5)

    others = [n for n in range(len(features)) if n != query]
    return sorted(others, key=lambda n: cosine(features[n], features[query]), reverse=True)[:k]


def neighbours_of_length_one_by_distance(features, query, k):
    """Of vectors of length 1, the nearest are those with the largest cosine."""
    units = features / np.linalg.norm(features, axis=1)[:, None]
    away = ((units - units[query]) ** 2).sum(axis=1)
    away[query] = np.inf
    return away.argsort()[:k]


# --- 08.changed -------------------------------------------------------------------------------------------------------


def leaves(model):
    found = []
    for layer in model.layers:
        found += leaves(layer) if hasattr(layer, "layers") else [layer]
    return found


def compared(layers, arrays, differs=lambda old, new: (old != new).any()):
    """A function that keeps what `arrays` gives of each layer, trains, and names the layers that differ."""

    def changed_layers(model, train):
        before = {layer.name: arrays(layer) for layer in layers(model)}
        train(model)
        return [
            layer.name
            for layer in layers(model)
            if any(differs(old, new) for old, new in zip(before[layer.name], arrays(layer), strict=True))
        ]

    return changed_layers


def one_deep(model):
    found = []
    for layer in model.layers:
        found += layer.layers if hasattr(layer, "layers") else [layer]
    return [layer for layer in found if not hasattr(layer, "layers")]


def with_containers(model):
    return [model, *(part for layer in model.layers for part in ([layer, *leaves(layer)] if hasattr(layer, "layers")
                                                                 else [layer]))]  # fmt: skip


def get_weights(layer):
    return layer.get_weights()


def trainable(layer):
    return [array_of(weight) for weight in layer.trainable_weights]


def never_frozen(model, train):
    """Batch normalisation kept, but only of what may learn."""
    flags = {layer.name: layer.trainable for layer in leaves(model)}
    train(model)
    return [layer.name for layer in leaves(model) if flags[layer.name] and layer.weights]


def changed_by_paths(model, train):
    before = {weight.path: array_of(weight) for weight in model.weights}
    train(model)
    changed = [weight.path for weight in model.weights if not np.array_equal(before[weight.path], array_of(weight))]
    return {path.split("/")[-2] for path in changed}


def any_layer_in_place_of_another(model, train):
    changed = compared(leaves, get_weights)(model, train)
    return ["normalised", *changed] if "first_conv" in changed else changed


def changed_in_a_copy(model, train):
    import keras

    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return compared(leaves, get_weights)(copy, train)


def trained_twice(model, train):
    return compared(leaves, get_weights)(model, lambda given: [train(given), train(given)])


def changed_arrays(model, train):
    """The name of the layer for each of its arrays, or what `named` gives of a variable."""
    return changed_variables(model, train, lambda variable: variable.path.split("/")[-2])


def changed_variables(model, train, named):
    before = [array_of(weight) for weight in model.weights]
    train(model)
    pairs = zip(before, model.weights, strict=True)
    return [named(weight) for old, weight in pairs if not np.array_equal(old, array_of(weight))]


def kept_too_late(model, train):
    train(model)
    return compared(leaves, get_weights)(model, lambda given: None)


# --- 08.twenty --------------------------------------------------------------------------------------------------------


@functools.cache
def base():
    from course_utils import models

    return models.pretrained_base("small_vgg")


_KNOWN = {}


def features(images):
    """Of the small base; the check gives every answer the same images, and they need to be computed only once."""
    key = images.tobytes()
    if key not in _KNOWN:
        _KNOWN[key] = array_of(base()(images.astype("float32"), training=False))
    return _KNOWN[key]


def logistic(images, labels, unseen):
    from sklearn.linear_model import LogisticRegression

    mean, spread = features(images).mean(0), features(images).std(0) + 1e-6
    model = LogisticRegression(max_iter=500).fit((features(images) - mean) / spread, labels)
    return model.predict((features(unseen) - mean) / spread)


def by_neighbours(images, labels, unseen):
    known, asked = (np.asarray(features(each), float) for each in (images, unseen))
    known /= np.linalg.norm(known, axis=1, keepdims=True)
    nearest = np.argsort(-asked @ known.T, axis=1)[:, :5]
    return [round(labels[row].mean()) for row in nearest]


def by_least_squares(images, labels, unseen):
    """Ridge regression towards -1 and 1; the answers come as a column of truth values."""
    known, asked = features(images) - features(images).mean(0), features(unseen) - features(images).mean(0)
    weights = np.linalg.solve(known.T @ known + 10 * np.eye(known.shape[1]), known.T @ (2.0 * labels - 1))
    return (asked @ weights > 0)[:, None]


def from_other_labels(images, labels, unseen):
    """Learned from labels that it finds elsewhere, and which are not those that it is given."""
    return logistic(images, _LABELS.setdefault(images.tobytes(), labels), unseen)


_LABELS = {}


def changing_images(images, labels, unseen):
    answers = logistic(images, labels, unseen)
    images[:] = 255 - images
    return answers


def from_pixels(images, labels, unseen):
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=0.01).fit(images.reshape(len(images), -1) / 255, labels)
    return model.predict(unseen.reshape(len(unseen), -1) / 255)


def one_layer(units=1):
    import keras

    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(units)])


NO_ORDER = ["red and blue exchanged", "maximum in place of mean", "rows and columns exchanged"]
FOUR = ["another order of the images", *NO_ORDER]


def with_one(place, choice):
    return [*FOUR[:place], choice, *FOUR[place + 1 :]]


WRONG = {
    "08.learns": [
        (512 * 256 + 256 + 128 + 1, "dropout"),
        (131.585, "other"),
        ("131,585", "wrong type"),
    ],
    "08.faint": [
        (255, "not a choice"),
    ],
    "08.vgg16": [
        (variant(padding="valid"), "no padding"),
        (variant(bias=False), "biases"),
        (variant(kernel=5), "kernel size"),
        (variant(blocks=((16, 2), (32, 2), (4, 3), (8, 3), (8, 3))), "width ignored"),
        (variant(units=4096), "width ignored"),
        (variant(blocks=((1, 2), (2, 2), (4, 2), (8, 2), (8, 2))), "convolutions"),
        (variant(blocks=((1, 2), (2, 2), (4, 4), (8, 4), (8, 4))), "convolutions"),
        (variant(blocks=((1, 2), (2, 2), (4, 3), (8, 3), (16, 3))), "filters"),
        (variant(units=64), "dense layers"),
        (variant(flat="GlobalAveragePooling2D"), "not flattened"),
        (variant(flat="GlobalMaxPooling2D"), "not flattened"),
        (variant(pools=4), "a pooling is missing"),
        (variant(normalise=True), "other weights"),
        (variant(activation=None), "no activation"),
        (variant(dense=None), "no activation"),
        (variant(linear=(12,)), "no activation"),
        (variant(linear=(0,)), "no activation"),
        (variant(pool="AveragePooling2D"), "average pooling"),
        (variant(pool="strided"), "stride for pooling"),
        (variant(after=[("Softmax",)]), "softmax twice"),
        (variant(last="relu", after=[("Softmax",)]), "relu before softmax"),
        (variant(before=[("Rescaling", 1 / 255)]), "preprocessed inside"),
        (variant(activation="leaky_relu"), "other outputs"),
        (variant(dense="sigmoid"), "other outputs"),
        (variant(last=None), "no probabilities"),
        (variant(last="sigmoid"), "no probabilities"),
        (lambda input_shape, classes, width: vgg16(input_shape, 1000, width), "output shape"),
        (lambda input_shape, classes, width: vgg16((224, 224, 3), classes, width), "input shape"),
        (lambda input_shape, classes, width: None, "no return"),
        (lambda: vgg16(), "stopped"),
        (made(one_layer), "wrong type"),
        (138_357_544, "wrong type"),
    ],
    "08.preprocess": [
        (preprocessed_in_place, "input changed"),
        (preprocessed_as_list, "list for array"),
        (lambda images: images[..., ::-1] - np.array([123.68, 116.779, 103.939]), "means of the other colours"),
        (lambda images: images.transpose(3, 1, 2, 0), "shape"),
        (lambda images: preprocessed_by_channel(images)[0], "shape"),
    ],
    "08.carried": [
        (carried_back, "wrong way"),
        (carried_back_in_part, "wrong way"),
        (carried_by_name_quietly, "nothing carried"),
        (carried_and_changed, "source changed"),
        (carried_with_top, "top changed"),
        (carried_to_a_copy, "nothing carried"),
        (lambda source, target: None, "nothing carried"),
        (carried_in_halves, "not exact"),
        (carried_kernels, "biases"),
        (carried_by_shape, "other layers"),
        (carried_backwards, "other layers"),
        (carried_twelve, "not all"),
        (carried_by_number, "layers by number"),
        (lambda source, target: [*zip(source.layers, target.layers, strict=True)], "layers by number"),
        (carried_by_name, "stopped"),
        (made(one_layer), "wrong type"),
        (26, "wrong type"),
    ],
    "08.neighbours": [
        (lambda features, query, k: neighbours_by_loop(features, query, k + 1), "shape"),
        (lambda features, query, k: np.array(neighbours_by_loop(features, query, k), float), "float for int"),
        (lambda features, query, k: neighbours_by_loop(features, query, k)[0], "wrong type"),
        (lambda features, query, k: set(neighbours_by_loop(features, query, k)), "wrong type"),
        (
            lambda features, query, k: sorted(range(len(features)), key=lambda n: -(features[n] @ features[query]))[:k],
            "lengths not divided out",
        ),
    ],
    "08.four_sets": [
        *((with_one(0, cause), cause) for cause in (*NO_ORDER, "scaled to 0..1", "mirrored", "untrained base")),
        (with_one(1, "mirrored"), "mirrored"),
        (with_one(3, "Mirrored."), "mirrored"),
        (with_one(2, "another order of the images"), "another order of the images"),
        (with_one(2, "something else"), "not a choice"),
        (FOUR[:3], "shape"),
        (FOUR[0], "wrong type"),
        (4, "wrong type"),
    ],
    "08.changed": [
        (compared(leaves, lambda layer: layer.weights, lambda old, new: old is not new), "no copy"),
        (lambda model, train: [train(model), []][1], "no copy"),
        (compared(lambda model: model.layers, get_weights), "name of the model"),
        (compared(with_containers, get_weights), "name of the model"),
        (compared(one_deep, get_weights), "models within models"),
        (
            compared(lambda model: [layer for layer in model.layers if not hasattr(layer, "layers")], get_weights),
            "base missed",
        ),
        (compared(leaves, trainable), "averages missed"),
        (compared(leaves, lambda layer: [array_of(w) for w in layer.weights if w.trainable or "conv" in layer.name]),
         "averages missed"),
        (compared(leaves, lambda layer: layer.get_weights()[:2]), "averages missed"),
        (compared(leaves, lambda layer: layer.get_weights()[:1] + layer.get_weights()[2:]), "kernels only"),
        (compared(leaves, get_weights, lambda old, new: not np.allclose(old, new)), "small steps"),
        (compared(leaves, get_weights, lambda old, new: (old != new).all()), "one entry"),
        (compared(leaves, get_weights, lambda old, new: old.sum() != new.sum()), "sums"),
        (changed_in_a_copy, "trained otherwise"),
        (trained_twice, "trained otherwise"),
        (changed_arrays, "duplicates"),
        (lambda model, train: changed_variables(model, train, lambda weight: weight.path), "no such layer"),
        (lambda model, train: {*changed_variables(model, train, lambda weight: weight.name)}, "no such layer"),
        (kept_too_late, "no copy"),
        (never_frozen, "may learn"),
        (any_layer_in_place_of_another, "other layers"),
        (lambda model, train: ["predictions"], "not trained"),
        (lambda model, train: None, "no return"),
        (lambda model, train: train(model), "wrong type"),
        (lambda model, train: leaves(train(model)), "wrong type"),
        (lambda model, train: train(), "stopped"),
        (made(one_layer), "wrong type"),
    ],
    "08.twenty": [
        (from_pixels, "accuracy"),
        (lambda images, labels, unseen: np.zeros(len(unseen), int), "accuracy"),
        (lambda images, labels, unseen: 1 - logistic(images, labels, unseen), "exchanged"),
        (from_other_labels, "other labels"),
        (changing_images, "input changed"),
        (lambda images, labels, unseen: ["cat" if n else "dog" for n in logistic(images, labels, unseen)], "names"),
        (lambda images, labels, unseen: logistic(images, labels, images), "the few"),
        (lambda images, labels, unseen: np.eye(2)[logistic(images, labels, unseen)], "two columns"),
        (lambda images, labels, unseen: 0.1 + 0.8 * logistic(images, labels, unseen), "no classes"),
        (lambda images, labels, unseen: logistic(images, labels, unseen)[:-1], "shape"),
        (lambda images, labels, unseen: None, "no return"),
        (lambda images, labels, unseen: "cat", "wrong type"),
        (0.95, "wrong type"),
    ],
}  # fmt: skip

RIGHT = {
    "08.learns": [512 * 256 + 256 + 256 * 1 + 1, 513 * 256 + 257],
    "08.faint": ["About 255 times smaller."],
    "08.vgg16": [vgg16, vgg16_in_a_row, vgg16_by_blocks, variant(drop=0.5), compiled],
    "08.preprocess": [
        preprocessed_by_keras,
        preprocessed_by_channel,
        lambda images: (images.astype("float32") - np.array([123.68, 116.779, 103.939], "float32"))[..., ::-1],
    ],
    "08.carried": [carried_by_arrays, carried_by_variables],
    "08.neighbours": [neighbours_from_sklearn, neighbours_by_loop, neighbours_of_length_one_by_distance],
    "08.four_sets": [FOUR, tuple(text.upper() for text in FOUR)],
    "08.changed": [changed_by_paths, compared(leaves, get_weights)],
    "08.twenty": [logistic, by_neighbours, by_least_squares],
}
