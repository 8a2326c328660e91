"""How the small VGG got its weights: ``python -m course_utils.models.pretraining`` trains it on drawn textures.

Each class is a shape in a pattern, such as "striped gear". The ten shapes that stand in for the classes of CIFAR-10,
two of them for cats and dogs, are left out: what the network learns here cannot be the answer there. Every epoch draws
new images. It learns with batch normalisation after each convolution, without which thirteen narrow layers hardly begin
to; at the end that is multiplied into the convolutions, and VGG16's layout is left.

The weights that come with the course are in ``small_vgg.weights.h5``; ``small_vgg.json`` says what they were made with
and how good they are.
"""

import argparse
import hashlib
import json
import time
from pathlib import Path

from ..datasets.drawn import draw
from ..datasets.drawn_fields import PATTERNS, SHAPES

CLASSES = tuple(f"{pattern} {shape}" for shape in tuple(SHAPES)[10:] for pattern in PATTERNS)
FILE = Path(__file__).with_name("small_vgg.weights.h5")

_TEST_SEED = 1_000_000  # of images that no epoch draws


def pretrain(epochs=12, images=8_000, size=64, seed=0, verbose=2):
    """Train the small VGG, from random weights, to tell drawn textures apart.

    Parameters
    ----------
    epochs : int
        From 1.
    images : int
        Drawn anew for each epoch; and a quarter as many to test.
    size : int
        Height and width in pixels.
    seed : int
        Of the weights and the images.
    verbose : {0, 2}
        Whether ``fit`` prints a line an epoch.

    Returns
    -------
    keras.Model
        `course_utils.models.small_vgg` with ``pooling="avg"``, for images of any size.
    dict
        What it was trained with and how well it does: ``test_accuracy``, ``seconds`` and the arguments.

    Notes
    -----
    Used from chapter 08, Feature extraction, on.

    Examples
    --------
    >>> base, made = pretrain(epochs=1, images=64, size=32, verbose=0)
    >>> base.name, made["images"], 0 <= made["test_accuracy"] <= 1
    ('small_vgg', 64, True)
    """
    import keras

    from .vgg import small_vgg

    keras.utils.set_random_seed(seed)
    base = small_vgg(weights=None, input_shape=(None, None, 3), pooling="avg")
    normalised = keras.models.clone_model(base, clone_function=_with_batch_normalisation)
    classifier = keras.layers.Dense(len(CLASSES), activation="softmax", name="textures")
    model = keras.Model(normalised.input, classifier(normalised.output))
    batch = 64
    steps = epochs * -(-images // batch)
    rate = keras.optimizers.schedules.CosineDecay(3e-3, steps)
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    started = time.perf_counter()
    for epoch in range(epochs):
        clutter = min(1, 2 * epoch / epochs)  # grounds have patterns, too; those of the objects are to be seen first
        drawing = draw(images, size, classes=CLASSES, seed=seed * 1000 + epoch, clutter=clutter)
        model.fit(drawing.images, drawing.labels, batch, initial_epoch=epoch, epochs=epoch + 1, verbose=verbose)
    seconds = time.perf_counter() - started
    fold(normalised, base)
    model = keras.Model(base.input, classifier(base.output))  # what is shipped is what is tested
    model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    test = draw(images // 4, size, classes=CLASSES, seed=_TEST_SEED + seed)
    accuracy = model.evaluate(test.images, test.labels, batch, verbose=0)[1]
    return base, {
        "classes": len(CLASSES),
        "epochs": epochs,
        "images": images,
        "size": size,
        "seed": seed,
        "test_accuracy": round(float(accuracy), 4),
        "seconds": round(seconds),
        "keras": keras.__version__,
        "backend": keras.backend.backend(),
    }


def _with_batch_normalisation(layer):
    """The layer that learns in the place of one of the small VGG's."""
    from keras import Sequential, layers

    if not isinstance(layer, layers.Layer):
        return layer  # an operation, which has no weights
    if not isinstance(layer, layers.Conv2D):
        return type(layer).from_config(layer.get_config())
    convolution = layers.Conv2D(
        layer.filters, 3, padding="same", use_bias=False, kernel_initializer=layer.kernel_initializer
    )
    return Sequential([convolution, layers.BatchNormalization(momentum=0.9), layers.ReLU()], name=layer.name)


def fold(normalised, plain):
    """Give the convolutions of ``plain`` what convolution and batch normalisation of the same name do together."""
    for layer in plain.layers:
        if hasattr(layer, "kernel_size"):
            convolution, normalisation, _ = normalised.get_layer(layer.name).layers
            [kernel] = convolution.get_weights()
            gamma, beta, mean, variance = normalisation.get_weights()
            scale = gamma / (variance + normalisation.epsilon) ** 0.5
            layer.set_weights([kernel * scale, beta - mean * scale])


def main(arguments=None):
    """Train, print seconds and accuracy, and write weights and record; for ``python -m``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--images", type=int, default=8_000, help="drawn for each epoch")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--file", type=Path, default=FILE, help="FILE.weights.h5; by default what the course ships")
    given = parser.parse_args(arguments)
    base, made = pretrain(given.epochs, given.images, seed=given.seed)
    base.save_weights(given.file)
    made["sha256"] = hashlib.sha256(given.file.read_bytes()).hexdigest()
    record = given.file.with_name(given.file.name.removesuffix(".weights.h5") + ".json")
    record.write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(made, indent=2))
    print(f"{given.file}: {given.file.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
