"""Trainings that are kept: what is kept is what is declared, and a piece of work that is ended loses nothing."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import layers

from course_utils import experiments, load, models
from course_utils.experiments import records, running
from course_utils.experiments.declaring import Experiment


def network(units=4, rate=0.0):
    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Rescaling(1 / 255),
            layers.Flatten(),
            layers.Dense(units, activation="relu"),
            layers.Dropout(rate),
            layers.Dense(10, activation="softmax"),
        ]
    )


def compiled(model, steps, rate=1e-3):
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])


def first_of_class(train, seed, label, count):
    return train.subset(np.flatnonzero(train.labels == label)[:count])


def residual(skips_from=1):
    """A network whose layers name one another; the sum takes in what stands so many places before the last layer."""
    inputs = keras.Input((32, 32, 3))
    steps = [layers.Flatten()(inputs)]
    for _ in range(3):
        steps.append(layers.Dense(4)(steps[-1]))
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(steps[-1] + steps[-1 - skips_from]))


class Pairs(keras.utils.PyDataset):
    """Batches of two, of the first images only."""

    def __init__(self, images, labels, batch_size):
        super().__init__()
        self.images, self.labels = images, labels

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return self.images[:2], self.labels[:2]


def patient(epochs=1):
    return [keras.callbacks.ReduceLROnPlateau(patience=epochs)]


def no_bias(model, images, labels):
    """Something that is done to a model before `fit`, and seen afterwards where nothing is learned."""
    model.layers[-1].bias.assign(np.full(10, len(images)))


SMALL = Experiment(network, compiled, images=40, epochs=2, batch_size=16)


@pytest.fixture(scope="module")
def data():
    train, validation = load("cifar10", "train", examples=100, source="stand-in").holdout(fraction=0.2, seed=0)
    return train, validation, load("cifar10", "test", examples=50, source="stand-in")


@pytest.fixture
def chapter(monkeypatch, tmp_path, data):
    """A chapter with two experiments, whose records go to an empty folder."""
    module = SimpleNamespace(EXPERIMENTS={"one": SMALL, "two": replace(SMALL, epochs=1)}, data=lambda: data)
    monkeypatch.setattr(records, "FOLDER", tmp_path)
    monkeypatch.setattr(running, "declared", lambda chapter: module)
    monkeypatch.setattr(running, "_DATA", {})
    monkeypatch.setattr(running, "ProcessPoolExecutor", lambda workers, mp_context: ThreadPoolExecutor(1))
    return module


def test_a_fingerprint_is_the_same_twice_and_in_no_two_experiments():
    others = [
        replace(SMALL, build=partial(network, units=5)),
        replace(SMALL, build=partial(network, rate=0.1)),
        replace(SMALL, compile=partial(compiled, rate=2e-3)),
        replace(SMALL, images=41),
        replace(SMALL, epochs=3),
        replace(SMALL, batch_size=8),
        replace(SMALL, callbacks=patient),
        replace(SMALL, callbacks=partial(patient, epochs=2)),
        replace(SMALL, choose=partial(first_of_class, label=0, count=4)),
        replace(SMALL, choose=partial(first_of_class, label=1, count=4)),
        replace(SMALL, batches=Pairs),
        replace(SMALL, weights="small_vgg"),
        replace(SMALL, first=no_bias),
        replace(SMALL, data=no_bias),
    ]
    assert SMALL.fingerprint() == replace(SMALL).fingerprint()
    assert len({each.fingerprint() for each in [SMALL, *others]}) == len(others) + 1


def test_a_fingerprint_knows_what_is_joined_to_what_and_not_how_it_is_called():
    first, again, other = (replace(SMALL, build=partial(residual, skips_from=places)) for places in (1, 1, 2))
    assert first.fingerprint() == again.fingerprint() != other.fingerprint()


def test_a_record_is_what_the_same_training_by_hand_gives(data):
    train, validation, test = data
    chosen = np.random.default_rng(0).permutation(len(train))[:40]
    record = SMALL.train("one", 3, data)
    keras.utils.set_random_seed(3)
    model = network()
    compiled(model, steps=None)
    history = model.fit(
        train.images[chosen], train.labels[chosen], batch_size=16, epochs=2, verbose=0,
        validation_data=(validation.images, validation.labels),
    ).history  # fmt: skip
    right = (model.predict(test.images, verbose=0).argmax(axis=1) == test.labels).mean()
    assert record.scores["accuracy"] == pytest.approx(right, abs=1e-4)
    assert record.parameters == model.count_params()
    assert record.history.keys() == history.keys()
    for key, values in history.items():
        assert record.history[key] == pytest.approx(values, rel=2e-3)


def test_an_experiment_chooses_its_images_and_scores_what_it_wants(data):
    def ones(labels, probabilities, trained_labels):
        return {"classes": len(set(trained_labels)), "rows": len(probabilities) / len(labels)}

    chosen = replace(SMALL, images=4, choose=partial(first_of_class, label=1, count=4), scores=ones)
    record = chosen.train("chosen", 0, data)
    assert (record.scores["classes"], record.scores["rows"]) == (1, 1)
    with pytest.raises(ValueError, match="one: 4 images were chosen; declared are 5"):
        replace(chosen, images=5).train("one", 0, data)


def test_an_experiment_can_make_its_batches_itself(data):
    given = []

    def batches(images, labels, batch_size):
        given.append((images.shape, labels.shape, batch_size))
        return Pairs(images, labels, batch_size)

    replace(SMALL, batches=batches).train("pairs", 0, data)
    assert given == [((40, 32, 32, 3), (40,), 16)]


def test_what_comes_first_is_done_before_the_training_and_with_its_images(data):
    made = []

    def kept():
        made.append(network())
        return made[-1]

    replace(SMALL, build=kept, compile=partial(compiled, rate=0.0), first=no_bias).train("first", 0, data)
    np.testing.assert_array_equal(made[0].layers[-1].bias, 40)  # the fingerprint builds a second one, later


def test_an_experiment_can_have_data_of_its_own(chapter, data):
    train, validation, test = data
    chapter.EXPERIMENTS["one"] = replace(SMALL, images=20, data=lambda: (train.subset(range(20)), validation, test))
    chapter.EXPERIMENTS["two"] = replace(SMALL, images=21, data=lambda: (train.subset(range(21)), validation, test))
    assert running.run("any", seeds=1, say=lambda line: None) == 0


def test_asked_twice_is_the_mean_of_the_answers_to_an_image_and_its_mirror_image(data):
    record = replace(SMALL, compile=partial(compiled, rate=0.0), ask_twice=True).train("twice", 3, data)
    keras.utils.set_random_seed(3)
    model, test = network(), data[2]
    answers = [model.predict(images, verbose=0) for images in (test.images, np.flip(test.images, axis=2))]
    right = (np.mean(answers, axis=0).argmax(axis=1) == test.labels).mean()
    assert record.scores["asked_twice"] == pytest.approx(right, abs=1e-4)
    assert record.scores["accuracy"] != pytest.approx(right, abs=1e-4)  # or the mirror images would not show


def test_one_probability_is_that_of_class_1(data):
    def one_output():
        model = keras.Sequential([keras.Input((32, 32, 3)), layers.Flatten()])
        model.add(layers.Dense(1, activation="sigmoid", kernel_initializer="zeros", bias_initializer="ones"))
        return model

    def frozen(model, steps):
        model.compile(keras.optimizers.SGD(0.0), "binary_crossentropy", metrics=["accuracy"])

    def rows(labels, probabilities, trained_labels):
        return {"of 0": probabilities[0, 0], "of 1": probabilities[0, 1]}

    two = tuple(part.subset(part.labels < 2) for part in data)
    record = Experiment(one_output, frozen, images=len(two[0]), epochs=1, scores=rows).train("one", 0, two)
    assert record.scores["of 1"] == pytest.approx(1 / (1 + np.exp(-1)), abs=1e-3)
    assert record.scores["of 0"] + record.scores["of 1"] == pytest.approx(1, abs=1e-3)
    assert record.scores["accuracy"] == pytest.approx(np.mean(two[2].labels == 1), abs=1e-4)


def first_row_is_class_1():
    """Says class 1 in the left half of every picture and class 0 in the right, whatever it sees."""
    ramp = np.where(np.arange(32) < 16, 1.0, -1.0)[None, :, None] * np.array([-5.0, 5.0, 0.0])
    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(3, 1, kernel_initializer="zeros")(inputs)
    return keras.Model(inputs, layers.Softmax()(x + np.broadcast_to(ramp, (32, 32, 3)).astype("float32")))


def test_of_pixels_the_labels_are_masks_from_0_and_mirrored_answers_are_mirrored_back():
    pets = tuple(
        load("oxford_pets", split, examples=8, size=32, source="stand-in") for split in ("train", "train", "test")
    )

    def still(model, steps):
        model.compile(keras.optimizers.SGD(0.0), "sparse_categorical_crossentropy")

    def seen(labels, probabilities, trained_labels):
        return {"lowest": labels.min(), "highest": trained_labels.max(), "left": probabilities[0, 0, 0, 1]}

    plain = Experiment(
        first_row_is_class_1, still, images=8, epochs=1, batch_size=4, pixels=True, scores=seen, ask_twice=True
    )
    scores = plain.train("pixels", 0, pets).scores
    labels = pets[2].masks[..., 0] - 1
    guess = np.where(np.arange(32) < 16, 1, 0)[None, None]
    assert scores["accuracy"] == pytest.approx((labels == guess).mean(), abs=1e-4)
    assert (scores["lowest"], scores["highest"]) == (0, 2)
    # The answer does not depend on the picture. Mirrored back it contradicts itself: the mean is half of it.
    assert scores["left"] > 0.9
    assert scores["asked_twice left"] == pytest.approx(scores["left"] / 2, abs=1e-3)
    assert replace(plain, pixels=False).fingerprint() != plain.fingerprint()


def test_what_is_missing_is_trained_once_and_kept_at_once(chapter):
    said = []
    assert running.run("any", seeds=2, say=said.append) == 0
    assert len(said) == 4
    kept = experiments.read("any")
    assert {name: [record.seed for record in each] for name, each in kept.items()} == {"one": [0, 1], "two": [0, 1]}
    assert running.run("any", seeds=2, say=said.append) == 0
    assert len(said) == 4


def test_what_has_changed_since_is_trained_again_in_place_of_the_old_record(chapter):
    running.run("any", seeds=1, say=lambda line: None)
    before = experiments.read("any")
    chapter.EXPERIMENTS["two"] = replace(SMALL, epochs=3)
    assert running.missing("any", 1) == [("two", 0)]
    running.run("any", seeds=1, say=lambda line: None)
    after = experiments.read("any")
    assert after["one"] == before["one"]
    assert [len(record.history["loss"]) for record in after["two"]] == [3]


def test_each_experiment_is_trained_as_often_as_it_declares_unless_told_otherwise(chapter):
    chapter.EXPERIMENTS["two"] = replace(SMALL, seeds=1)
    assert running.missing("any") == [("one", 0), ("two", 0), ("one", 1), ("one", 2)]
    assert running.missing("any", seeds=2) == [("one", 0), ("two", 0), ("one", 1), ("two", 1)]
    assert replace(SMALL, seeds=1).fingerprint() == SMALL.fingerprint()


def test_when_the_time_is_over_no_training_begins(chapter):
    assert running.run("any", seeds=1, minutes=0) == 2
    assert not records.path_of("any").exists()


def test_an_unknown_experiment_is_answered_with_the_known_ones(chapter):
    with pytest.raises(ValueError, match="no experiment three in any; there are one, two"):
        running.run("any", only=["three"])


def test_a_chapter_without_experiments_is_answered_with_those_that_have_some():
    with pytest.raises(ValueError, match="no experiments of '99_none'; there are some of 06_scratch_cnns"):
        experiments.declared("99_none")
    with pytest.raises(FileNotFoundError, match="course train 99_none"):
        experiments.read("99_none")


@pytest.mark.parametrize("chapter", experiments.CHAPTERS)
def test_every_record_is_of_what_is_declared_today(chapter):
    declared = experiments.declared(chapter).EXPERIMENTS
    for name, each in experiments.read(chapter).items():
        assert name in declared, f"{chapter}: nothing declares {name!r} any more; remove its records"
        for record in each:
            assert declared[name].fits(record), f"{chapter}: {name!r} has changed; run `course train {chapter}`"


def binary(made):
    """A frozen small VGG, untrained as it is built, and one unit on it; what was built is kept in ``made``."""
    base = models.small_vgg(weights=None, input_shape=(32, 32, 3), pooling="avg")
    base.trainable = False
    inputs = keras.Input((32, 32, 3))
    made.append(keras.Model(inputs, layers.Dense(1, activation="sigmoid")(base(inputs))))
    return made[-1]


def half(model, steps):
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])


def test_a_trained_base_is_given_its_weights_when_it_is_trained(data):
    made = []
    two = [each.subset(each.labels < 2) for each in data]
    Experiment(partial(binary, made), half, images=8, epochs=1, weights="small_vgg").train("frozen", 0, two)
    trained = made[0]
    wanted = models.pretrained_base("small_vgg", input_shape=(32, 32, 3)).get_weights()
    for found, weights in zip(trained.get_layer("small_vgg").get_weights(), wanted, strict=True):
        np.testing.assert_array_equal(found, weights)
