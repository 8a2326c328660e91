"""Trainings that are kept: what is kept is what is declared, and a piece of work that is ended loses nothing."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import layers

from course_utils import experiments, load
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


def patient(epochs=1):
    return [keras.callbacks.ReduceLROnPlateau(patience=epochs)]


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
    ]
    assert SMALL.fingerprint() == replace(SMALL).fingerprint()
    assert len({each.fingerprint() for each in [SMALL, *others]}) == len(others) + 1


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


def test_what_is_missing_is_trained_once_and_kept_at_once(chapter):
    said = []
    assert running.run("any", seeds=[0, 1], say=said.append) == 0
    assert len(said) == 4
    kept = experiments.read("any")
    assert {name: [record.seed for record in each] for name, each in kept.items()} == {"one": [0, 1], "two": [0, 1]}
    assert running.run("any", seeds=[0, 1], say=said.append) == 0
    assert len(said) == 4


def test_what_has_changed_since_is_trained_again_in_place_of_the_old_record(chapter):
    running.run("any", seeds=[0], say=lambda line: None)
    before = experiments.read("any")
    chapter.EXPERIMENTS["two"] = replace(SMALL, epochs=3)
    assert running.missing("any", [0]) == [("two", 0)]
    running.run("any", seeds=[0], say=lambda line: None)
    after = experiments.read("any")
    assert after["one"] == before["one"]
    assert [len(record.history["loss"]) for record in after["two"]] == [3]


def test_when_the_time_is_over_no_training_begins(chapter):
    assert running.run("any", seeds=[0], minutes=0) == 2
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
