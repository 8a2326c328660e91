"""Answers to appendix a1, as students write them: scripts that train, rightly or not."""

import numpy as np

from . import made

# The scripts of the exercise take 15 epochs. A third of them decides most verdicts as surely, in half the time; where
# it does not, or a script is judged right with little to spare, the number is given.
EPOCHS = 5


def trained(model, images, labels, optimizer, epochs=EPOCHS, batch_size=32, **more):
    model.compile(optimizer, "sparse_categorical_crossentropy", jit_compile=False)
    model.fit(images, labels, epochs=epochs, batch_size=batch_size, verbose=0, **more)
    return model


def by_batches(model, images, labels, optimizer, epochs=EPOCHS, batch_size=32):
    """A training loop of the student's own: nothing reaches `fit`."""
    model.compile(optimizer, "sparse_categorical_crossentropy", jit_compile=False)
    for _ in range(epochs):
        order = np.random.default_rng(0).permutation(len(labels))
        for batch in np.array_split(order, len(labels) // batch_size):
            model.train_on_batch(images[batch], labels[batch])
    return model


def dense(
    optimizer, kernel="glorot_uniform", scale=1 / 255, activation="relu", units=(64,), epochs=EPOCHS, change=None,
    answer=None, outputs=10, train=trained,
):  # fmt: skip
    """A script that trains a dense network; `change` is done to images and labels first."""

    def script(images, labels):
        from keras import Input, Sequential, layers

        if change:
            images, labels = change(images, labels)
        model = Sequential([Input((28, 28, 1)), layers.Rescaling(scale), layers.Flatten()])
        for width in units:
            model.add(layers.Dense(width, activation=activation, kernel_initializer=kernel))
        model.add(layers.Dense(outputs, activation="softmax", kernel_initializer=answer or kernel))
        return train(model, images, labels, optimizer(), epochs)

    return script


def sgd(rate, **more):
    def optimizer():
        import keras

        return keras.optimizers.SGD(rate, **more)

    return optimizer


def adam(rate=3e-3):
    def optimizer():
        import keras

        return keras.optimizers.Adam(rate)

    return optimizer


def without_return(images, labels):
    dense(sgd(0.1), epochs=1)(images, labels)


def without_training(classes):
    def script(images, labels):
        from keras import Input, Sequential, layers

        parts = [Input((28, 28, 1)), layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(classes, "softmax")]
        return Sequential(parts)

    return script


def history(images, labels):
    model = dense(sgd(0.1), epochs=1)(images, labels)
    return model.fit(images, labels, verbose=0)


@made
def a_model():
    """What a script gives, in place of the script."""
    from keras import Input, Sequential, layers

    return Sequential([Input((28, 28, 1)), layers.Flatten(), layers.Dense(10, activation="softmax")])


# --- scaling ----------------------------------------------------------------------------------------------------------


def ink_turned(images, labels):
    return 1 - images / 255, labels


def divided(images, labels):
    return images / 255, labels


def standardised(images, labels):
    return (images - images.mean()) / images.std(), labels


def standardised_inside(images, labels):
    from keras import Input, Sequential, layers

    normalization = layers.Normalization(axis=None)
    normalization.adapt(images)
    model = Sequential([Input((28, 28, 1)), normalization, layers.Flatten()])
    for units in (64, 64):
        model.add(layers.Dense(units, activation="leaky_relu"))
    model.add(layers.Dense(10, activation="softmax"))
    return trained(model, images, labels, sgd(0.1)())


def normalised_inside(images, labels):
    from keras import Input, Sequential, layers

    model = Sequential([Input((28, 28, 1)), layers.Flatten(), layers.BatchNormalization(momentum=0.8)])
    for units in (64, 64):
        model.add(layers.Dense(units, activation="leaky_relu"))
    model.add(layers.Dense(10, activation="softmax"))
    return trained(model, images, labels, sgd(0.1)())


# --- softmax ----------------------------------------------------------------------------------------------------------


def two_heads(first, second, loss_on="outputs", change=None, pooling="Flatten", times=1):
    """A convolution, then a dense layer with one activation, then another one of so many times its numbers."""

    def script(images, labels):
        import keras
        from keras import layers

        if change:
            images, labels = change(images, labels)
        inputs = keras.Input((28, 28, 1))
        x = layers.Conv2D(8, 3, strides=2, activation="relu")(layers.Rescaling(1 if change else 1 / 255)(inputs))
        x = layers.Activation(first)(layers.Dense(10)(getattr(layers, pooling)()(x)))
        model = keras.Model(inputs, layers.Activation(second)(layers.Rescaling(times)(x)))
        if loss_on == "scores":
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            model.compile(keras.optimizers.Adam(3e-3), loss, jit_compile=False)
            model.fit(images, labels, epochs=EPOCHS, verbose=0)
            return model
        return trained(model, images, labels, adam()())

    return script


def softmax_afterwards(images, labels):
    """Scores and a loss for scores; the softmax is put on the trained model."""
    import keras
    from keras import layers

    model = two_heads("linear", "linear", loss_on="scores")(images, labels)
    return keras.Model(model.input, layers.Softmax()(model.output))


# --- shuffling --------------------------------------------------------------------------------------------------------


def apart(images, labels):
    random = np.random.default_rng(1)
    return random.permutation(images), random.permutation(labels)


def labels_only(images, labels):
    return images, np.random.default_rng(0).permutation(labels)


def same_seed_twice(images, labels):
    return np.random.default_rng(0).permutation(images), np.random.default_rng(0).permutation(labels)


def untouched(images, labels):
    return images, labels


def with_replacement(images, labels):
    drawn = np.random.default_rng(0).integers(0, len(labels), len(labels))
    return images[drawn], labels[drawn]


def one_short(images, labels):
    order = np.random.default_rng(0).permutation(len(labels) - 1)
    return images[order], labels[order]


def ten_only(images, labels):
    order = np.random.default_rng(0).permutation(10)
    return images[order], labels[order]


def rows_shuffled(images, labels):
    return np.random.default_rng(0).permutation(images, axis=1), labels


def images_reversed(images, labels):
    return images[::-1], labels


def halves_exchanged(images, labels):
    middle = len(labels) // 2
    return np.concatenate([images[middle:], images[:middle]]), np.concatenate([labels[middle:], labels[:middle]])


# --- a rare class -----------------------------------------------------------------------------------------------------


def rare(optimizer, epochs=EPOCHS, weights=None, repeat=1, inside=True, outputs=2, by_image=False):
    def script(images, labels):
        from keras import Input, Sequential, layers

        images = images if inside else images / 255
        model = Sequential([Input((28, 28, 1)), layers.Rescaling(1 / 255 if inside else 1)])
        model.add(layers.Conv2D(8, 3, strides=2, activation="relu"))
        model.add(layers.Flatten())
        model.add(layers.Dense(outputs, activation="softmax"))
        again = np.repeat(np.arange(len(labels)), np.where(labels == 1, repeat, 1))
        if by_image:
            more = {"sample_weight": np.array(weights)[labels[again]]}
        else:
            more = {"class_weight": dict(enumerate(weights)) if weights else None}
        return trained(model, images[again], labels[again], optimizer(), epochs, **more)

    return script


# --- two bugs ---------------------------------------------------------------------------------------------------------


def convolutional(inside=True, momentum=0.99, epochs=10, batch_size=64, normalise="batch", rate=3e-3, turned=True):
    """A script with the network of broken_6; `inside`: in the model pixels are scaled, and the ink is `turned`.

    With `turned` of None the pixels stay as they are.
    """

    def script(images, labels):
        from keras import Input, Sequential, layers

        model = Sequential([Input((28, 28, 1))])
        if inside and turned is not None:
            model.add(layers.Rescaling(-1 / 255, offset=1) if turned else layers.Rescaling(1 / 255))
        for filters in (8, 16):
            model.add(layers.Conv2D(filters, 3, strides=2))
            if normalise == "batch":
                model.add(layers.BatchNormalization(momentum=momentum))
            elif normalise == "layer":
                model.add(layers.LayerNormalization())
            model.add(layers.ReLU())
        model.add(layers.Flatten())
        model.add(layers.Dense(10, activation="softmax"))
        pixels = images if inside else 1 - images / 255
        return trained(model, pixels, labels, adam(rate)(), epochs, batch_size)

    return script


def scaled_when_returned(images, labels):
    """Trained on dark ink; the model that is returned turns the ink first."""
    import keras
    from keras import layers

    trained_model = convolutional(inside=False, momentum=0.8, epochs=10, batch_size=64)(images, labels)
    inputs = keras.Input((28, 28, 1))
    return keras.Model(inputs, trained_model(layers.Rescaling(-1 / 255, offset=1)(inputs)))


# --- steps by layer ---------------------------------------------------------------------------------------------------


def kernel_steps(before, after, axes=2):
    shares = []
    for i in range(len(before)):
        if len(before[i].shape) >= axes:
            step = np.sqrt(((after[i] - before[i]) ** 2).sum())
            shares.append(step / np.sqrt((before[i] ** 2).sum()))
    return shares


def moved_in_place(before, after):
    shares = []
    for old, new in zip(before, after, strict=True):
        new -= old
        if old.ndim > 1:
            shares.append(float(np.linalg.norm(new) / np.linalg.norm(old)))
    return shares


def large_weights(shape, dtype=None):
    import keras

    return 10 * keras.random.normal(shape, dtype=dtype)


# Repairs of a1.nan that leave the input as large as it is: the network learns, and is sure of its mistakes.
SURE_WHEN_WRONG = [
    dense(adam(1e-3), scale=1.0, activation="leaky_relu", units=(64, 64)),
    dense(sgd(0.1, clipnorm=1.0), scale=1.0, activation="leaky_relu", units=(64, 64), epochs=15),
    dense(sgd(1e-5, momentum=0.9), scale=1.0, activation="leaky_relu", units=(64, 64), epochs=30),
]

# One of a1.stuck that is as sure, for another reason: the weights.
LARGE_WEIGHTS = dense(sgd(0.1), kernel=large_weights, epochs=15)

WRONG = {
    "a1.colleague": [
        ("batch size", "not a choice"),
    ],
    "a1.stuck": [
        (dense(sgd(0.1), kernel="zeros"), "units alike"),
        (dense(sgd(0.1), kernel="zeros", answer="glorot_uniform"), "units alike"),
        (dense(sgd(0.1), kernel="ones"), "units alike"),
        (dense(sgd(0.1), kernel="ones", answer="glorot_uniform"), "units alike"),
        (dense(sgd(1e-7), epochs=3), "steps too small"),
        (dense(sgd(1e-3), epochs=15), "steps too small"),
        (dense(adam(), epochs=0), "steps too small"),
        (dense(sgd(3.0)), "steps too large"),
        (dense(sgd(0.1), scale=1 / 255**2), "tiny inputs"),
        (dense(sgd(0.1), change=divided), "tiny inputs"),
        (dense(sgd(0.1), scale=1.0, change=divided, epochs=15), "another range"),
        (dense(adam(0.1)), "accuracy"),
        (dense(sgd(100.0), train=by_batches), "one class only"),
        (dense(sgd(0.1), outputs=5), "output shape"),
        (dense(sgd(0.1), outputs=11), "output shape"),
        (without_return, "no return"),
        (without_training(10), "not trained"),
        (history, "wrong type"),
        (a_model, "wrong type"),
    ],
    "a1.nan": [
        (dense(sgd(0.1), scale=1.0, activation="leaky_relu", units=(64, 64)), "not a number"),
        (dense(sgd(0.1), scale=255.0, activation="leaky_relu", units=(64, 64)), "not a number"),
        (dense(sgd(1e-4), activation="leaky_relu", units=(64, 64), epochs=3), "steps too small"),
        (dense(adam(), scale=1.0, activation="tanh", units=(64, 64), change=ink_turned), "another range"),
        (dense(sgd(0.1), scale=1.0, activation="leaky_relu", units=(64, 64), change=divided), "another range"),
        (dense(sgd(0.1), scale=1.0, activation="leaky_relu", units=(64, 64), change=standardised), "another range"),
        (dense(sgd(0.1), scale=1.0, change=divided, train=by_batches), "another range"),
        (0.1, "wrong type"),
    ],
    "a1.kernel_steps": [
        (lambda before, after: kernel_steps(before, after, axes=1), "biases counted"),
        (lambda before, after: kernel_steps(before, after)[0], "wrong type"),
        (lambda before, after: [100 * share for share in kernel_steps(before, after)], "percent"),
        (moved_in_place, "input changed"),
        ([0.1, 0.2], "wrong type"),
    ],
    "a1.deep": [
        (dense(sgd(0.1), activation="sigmoid", units=7 * (32,)), "fading"),
        (dense(sgd(0.1), activation="sigmoid", units=7 * (32,), epochs=15), "fading"),
        (dense(adam(0.01), activation="sigmoid", units=7 * (32,)), "fading"),
        (dense(sgd(1e-4), kernel="he_normal", units=7 * (32,), epochs=3), "steps too small"),
        (two_heads("softmax", "softmax"), "floor"),
        (two_heads("linear", "linear", loss_on="scores"), "no probabilities"),
        (two_heads("linear", "sigmoid"), "no probabilities"),
        (two_heads("tanh", "softmax"), "floor"),
        (two_heads("sigmoid", "softmax"), "floor"),
        (two_heads("softmax", "softmax", times=5), "floor"),
        (two_heads("linear", "softmax", pooling="GlobalAveragePooling2D"), "places lost"),
        (two_heads("linear", "softmax", change=divided), "another range"),
        (dense(sgd(0.1), kernel="zeros"), "units alike"),
        ("one softmax", "wrong type"),
    ],
    "a1.shuffled": [
        (dense(adam(1e-3), change=apart, epochs=3), "other labels"),
        (dense(adam(3e-3), change=apart, epochs=15), "other labels"),
        (dense(adam(1e-3), change=labels_only, epochs=3), "other labels"),
        (dense(adam(1e-3), change=images_reversed), "other labels"),
        (dense(adam(), change=with_replacement), "images lost"),
        (dense(adam(), change=one_short), "images lost"),
        (dense(adam(), change=ten_only), "images lost"),
        (dense(adam(), change=rows_shuffled), "pixels moved"),
        (dense(adam(1e-3), change=apart, epochs=3, train=by_batches), "stuck at log 10"),
        (dense(adam(3e-3), change=apart, epochs=30, train=by_batches), "sure and wrong"),
        (np.random.default_rng(0).permutation(5), "wrong type"),
    ],
    "a1.rare": [
        (rare(sgd(0.005), epochs=5), "one class only"),
        (rare(sgd(1e-5)), "steps too small"),
        (rare(sgd(0.02), epochs=20), "too few found"),
        (rare(sgd(0.001), epochs=5, weights=(1.0, 100.0)), "too many alarms"),
        (rare(adam(1e-3), epochs=8), "one class only"),
        (rare(adam(), epochs=15, weights=(1.0, 19.0), inside=False), "another range"),
        (rare(adam(), weights=(1.0, 19.0), outputs=1), "output shape"),
        (rare(sgd(0.02), epochs=20, weights=(19.0, 1.0)), "weights exchanged"),
        (rare(adam(1e-3), weights=(1.0, 1 / 19)), "weights exchanged"),
        (rare(sgd(0.02), weights=(19.0, 1.0), by_image=True), "weights exchanged"),
        (without_training(2), "not trained"),
        ({0: 1.0, 1: 20.0}, "wrong type"),
    ],
    "a1.two_bugs": [
        (convolutional(inside=False, momentum=0.999, epochs=6, batch_size=128), "another range"),
        (convolutional(inside=False, momentum=0.999), "another range"),
        (convolutional(inside=False, momentum=0.9), "another range"),
        (convolutional(inside=False, normalise="layer"), "another range"),
        (convolutional(momentum=0.999, turned=None), "averages begun"),
        (convolutional(momentum=0.999), "two modes"),
        (convolutional(momentum=0.999, turned=False), "two modes"),
        (convolutional(momentum=0.99, turned=False), "two modes"),
        (convolutional(normalise=None, epochs=1), "accuracy"),
        (dense(sgd(0.1), scale=1.0, activation="leaky_relu", units=(64, 64)), "not a number"),
        (history, "wrong type"),
    ],
}

RIGHT = {
    "a1.colleague": ["The learning rate is too small."],
    "a1.stuck": [
        dense(sgd(0.1), kernel="he_normal"),
        dense(adam(), kernel="glorot_uniform", answer="zeros"),
        LARGE_WEIGHTS,
        dense(sgd(0.01), epochs=15),
        dense(sgd(0.1), train=by_batches),
    ],
    "a1.nan": [
        dense(sgd(0.01, momentum=0.9), activation="leaky_relu", units=(64, 64)),
        standardised_inside,
        normalised_inside,
        *SURE_WHEN_WRONG,
    ],
    "a1.kernel_steps": [kernel_steps],
    "a1.deep": [
        dense(adam(), kernel="he_normal", units=7 * (32,), epochs=15),
        dense(sgd(0.1), activation="tanh", units=7 * (32,), epochs=15),
        dense(sgd(0.1)),
        two_heads("linear", "softmax"),
        softmax_afterwards,
    ],
    "a1.which_test": ["A batch drawn with its labels"],
    "a1.shuffled": [
        dense(adam(), change=same_seed_twice),
        dense(adam(), change=untouched),
        dense(adam(), change=halves_exchanged),
    ],
    "a1.rare": [
        rare(adam(), epochs=40),
        rare(adam(), epochs=25, repeat=19),
        rare(sgd(0.02), epochs=20, weights=(1.0, 19.0)),
    ],
    "a1.two_bugs": [
        scaled_when_returned,
        convolutional(momentum=0.9),
        convolutional(momentum=0.9, turned=None),
        convolutional(momentum=0.9, turned=False),
        convolutional(normalise=None, epochs=6, batch_size=32),
        convolutional(normalise="layer", epochs=6, batch_size=32),
        convolutional(momentum=0.99, epochs=30, batch_size=32),
    ],
}
