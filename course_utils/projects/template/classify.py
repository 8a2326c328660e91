"""Tell apart what is in a folder of images, one folder a class, and write report.html about how well that went.

Run it with ``python classify.py``. Everything in capital letters is yours to change.
"""

import os
from pathlib import Path

import keras

from course_utils import models, projects

HERE = Path(__file__).parent
IMAGES = "images"  # one folder a class; a path that is not absolute begins beside this file
BASE = "efficientnet_lite0"  # "efficientnetb0" where its weights can be downloaded: slower, more accurate on ImageNet
SIDE = 224  # pixels; the network was trained at this size
EPOCHS = 6
RATE = 1e-3
SEED = 0


def changes():
    """How a photograph may change without becoming another class. Letters and arrows must not be flipped."""
    return [keras.layers.RandomFlip("horizontal"), keras.layers.RandomRotation(0.05), keras.layers.RandomZoom(0.1)]


def network(classes, base=BASE, side=SIDE):
    """A trained network, frozen, and a new classifier on it. Images go in as they are, probabilities come out."""
    trained = models.pretrained_base(base, input_shape=(side, side, 3))
    classifier = keras.Sequential(
        [
            keras.Input(trained.output_shape[1:]),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(classes, activation="softmax"),
        ],
        name="classifier",
    )
    return models.with_classifier(trained, classifier, augmentation=changes())


def main(images=HERE / IMAGES, base=BASE, side=SIDE, epochs=EPOCHS, report=HERE / "report.html"):
    """Read, split, train, score, explain."""
    keras.utils.set_random_seed(SEED)
    folder = projects.read_folder(images)
    print(folder)
    train, validation, test = folder.split(validation=0.15, test=0.25)
    print(f"{len(train):,} to train on, {len(validation):,} to choose the best epoch by, {len(test):,} to be scored on")

    model = network(len(folder.class_names), base, side)
    model.compile(keras.optimizers.Adam(RATE), "sparse_categorical_crossentropy", metrics=["accuracy"])
    best = keras.callbacks.EarlyStopping("val_loss", patience=epochs, restore_best_weights=True)
    history = model.fit(
        projects.Batches(train, side, shuffle=True, seed=SEED),
        validation_data=projects.Batches(validation, side),
        epochs=epochs,
        callbacks=[best],
        verbose=2,
    )
    model.save(report.with_name("model.keras"))
    result = projects.write_report(report, model, train, validation, test, history.history, base)
    print(f"{result}. The rest is in {os.path.relpath(report)}")
    return result


if __name__ == "__main__":
    try:
        main()
    except (projects.FolderError, models.WeightsUnavailable) as error:
        raise SystemExit(str(error)) from None
