"""What an experiment is: a network, how it is trained, on how much, and how to tell that one of these has changed."""

import datetime
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import keras
import numpy as np

from .. import evaluation
from ..budget import processor
from .records import Record


@dataclass(frozen=True)
class Experiment:
    """A training that can be repeated, with any seed.

    Attributes
    ----------
    build : callable
        ``build()`` returns a new model, not compiled.
    compile : callable
        ``compile(model, steps)`` compiles it for a training of so many steps.
    images, epochs, batch_size : int
    one_hot : bool
        Whether the loss wants labels as rows of probabilities.
    callbacks : callable
        ``callbacks()`` returns new callbacks of Keras.
    """

    build: Callable
    compile: Callable
    images: int
    epochs: int
    batch_size: int = 64
    one_hot: bool = False
    callbacks: Callable = tuple

    def model(self):
        """A new model, compiled."""
        model = self.build()
        self.compile(model, self.epochs * -(-self.images // self.batch_size))
        return model

    @cached_property
    def _described(self):
        """Fingerprint and number of parameters. A chapter's records are compared with them, several of each."""
        model = self.model()
        described = {
            "layers": _without_names(json.loads(model.to_json())["config"]["layers"]),
            "optimizer": _without_names(keras.optimizers.serialize(model.optimizer)),
            "loss": _plain(keras.losses.serialize(model.loss)),
            "callbacks": [_plain(vars(callback)) for callback in self.callbacks()],
            "numbers": [self.images, self.epochs, self.batch_size, self.one_hot],
        }
        text = json.dumps(described, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16], model.count_params()

    def fingerprint(self):
        """Eight bytes that change when the network, its training or its data do; as text."""
        return self._described[0]

    def fits(self, record):
        """Whether a record is of this experiment. Another version of Keras may describe the same layers otherwise."""
        fingerprint, parameters = self._described
        same = record.keras != keras.__version__ or record.fingerprint == fingerprint
        return same and len(record.history["loss"]) == self.epochs and record.parameters == parameters

    def train(self, name, seed, data):
        """Train with a seed and score the result.

        Parameters
        ----------
        name : str
        seed : int
        data : tuple of Dataset
            Training images, of which a fixed random choice of ``images`` is used, validation and test images.

        Returns
        -------
        Record
        """
        train, validation, test = data
        train = train.subset(np.random.default_rng(0).permutation(len(train))[: self.images])
        labels, validation_labels = train.labels, validation.labels
        if self.one_hot:
            classes = len(train.class_names)
            labels, validation_labels = (
                keras.utils.to_categorical(each, classes) for each in (labels, validation_labels)
            )
        keras.utils.set_random_seed(seed)
        model = self.model()
        started = time.process_time()
        history = model.fit(
            train.images,
            labels,
            epochs=self.epochs,
            batch_size=self.batch_size,
            validation_data=(validation.images, validation_labels),
            verbose=0,
            callbacks=list(self.callbacks()),
        ).history
        seconds = time.process_time() - started
        guess = model.predict(test.images, batch_size=500, verbose=0).argmax(axis=1)
        return Record(
            experiment=name,
            seed=seed,
            scores={
                "accuracy": round(float(evaluation.accuracy(test.labels, guess)), 4),
                "macro_f1": round(float(evaluation.macro_f1(test.labels, guess)), 4),
            },
            history={key: [float(f"{value:.4g}") for value in values] for key, values in history.items()},
            parameters=model.count_params(),
            seconds=round(seconds, 1),
            machine=f"{processor()}, one thread",
            keras=keras.__version__,
            backend=keras.backend.backend(),
            day=datetime.date.today().isoformat(),
            fingerprint=self.fingerprint(),
        )


def _without_names(entry):
    """A configuration without names and seeds, which count up in a process."""
    if isinstance(entry, dict):
        return {key: _without_names(value) for key, value in entry.items() if key not in ("name", "seed")}
    return [_without_names(each) for each in entry] if isinstance(entry, list) else entry


def _plain(entry):
    """What of a callback or a loss is a setting: numbers, words, and lists of them."""
    if isinstance(entry, dict):
        return {key: _plain(value) for key, value in entry.items() if _plain(value) is not None and key != "name"}
    return entry if isinstance(entry, str | int | float | bool) else None
