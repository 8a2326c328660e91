"""What an experiment is: a network, how it is trained, on how much, and how to tell that one of these has changed."""

import datetime
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import keras
import numpy as np

from .. import evaluation
from ..budget import processor
from ..models import pretrained_base
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
    choose : callable, optional
        ``choose(train, seed)`` returns the ``images`` to train on, with the labels that are to be believed. By default
        a random choice, the same for each seed.
    batches : callable, optional
        ``batches(images, labels, batch_size)`` returns what ``fit`` is given in place of the two arrays.
    weights : str
        Name of a trained base, for `course_utils.models.pretrained_base`: the layer of that name begins with its
        weights. `build` leaves it untrained, so that an experiment can be described where no weights are at hand.
    first : callable, optional
        ``first(model, images, labels)`` is called before ``fit``, once the weights are in place: it may train a part of
        the model before the rest. Its time counts.
    data : callable, optional
        ``data()`` returns training, validation and test images, where they are not those of the chapter.
    scores : callable, optional
        ``scores(labels, probabilities, trained_labels)`` returns more scores, a dict of float.
    ask_twice : bool
        Whether to score the mean of two answers as well, to the image and to its mirror image, as ``asked_twice``; of
        pixels also all of ``scores``, as ``asked_twice`` and their name.
    pixels : bool
        Whether the answer is a class for each pixel: the labels are then the data's masks, counted from 0,
        ``(images, height, width)``, and accuracy and F1 those of all pixels together.
    seeds : int
        How many trainings the page needs: three where it rests on the difference, fewer where that is large.
    """

    build: Callable
    compile: Callable
    images: int
    epochs: int
    batch_size: int = 64
    one_hot: bool = False
    callbacks: Callable = tuple
    choose: Callable | None = None
    batches: Callable | None = None
    weights: str = ""
    first: Callable | None = None
    data: Callable | None = None
    scores: Callable | None = None
    ask_twice: bool = False
    pixels: bool = False
    seeds: int = 3

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
        own = {key: getattr(self, key) for key in ("choose", "batches", "weights", "first", "data", "pixels")}
        described |= {key: _called(value) for key, value in own.items() if value}
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

    def _labels(self, part):
        return part.masks[..., 0] - 1 if self.pixels else part.labels

    def train(self, name, seed, data):
        """Train with a seed and score the result.

        Parameters
        ----------
        name : str
        seed : int
        data : tuple of Dataset
            Training images, of which ``images`` are chosen, validation and test images.

        Returns
        -------
        Record
        """
        train, validation, test = data
        if self.choose:
            train = self.choose(train, seed)
        else:
            train = train.subset(np.random.default_rng(0).permutation(len(train))[: self.images])
        if len(train) != self.images:
            raise ValueError(f"{name}: {len(train):,} images were chosen; declared are {self.images:,}.")
        trained, validation_labels, test_labels = (self._labels(part) for part in (train, validation, test))
        labels = trained
        if self.one_hot:
            classes = len(train.class_names)
            labels, validation_labels = (
                keras.utils.to_categorical(each, classes) for each in (labels, validation_labels)
            )
        keras.utils.set_random_seed(seed)
        model = self.model()
        if self.weights:
            base = model.get_layer(self.weights)
            trained_base = pretrained_base(self.weights, base.input_shape[1:])
            for layer in base.layers:  # by name: the base may have been cut off behind its last maps
                if layer.weights:
                    layer.set_weights(trained_base.get_layer(layer.name).get_weights())
        if self.batches:
            fed = dict(x=self.batches(train.images, labels, self.batch_size))
        else:
            fed = dict(x=train.images, y=labels, batch_size=self.batch_size)
        started = time.process_time()
        if self.first:
            self.first(model, train.images, labels)
        history = model.fit(
            **fed,
            epochs=self.epochs,
            validation_data=(validation.images, validation_labels),
            verbose=0,
            callbacks=list(self.callbacks()),
        ).history
        seconds = time.process_time() - started
        probabilities = _probabilities(model, test.images)
        right, guess = test_labels.ravel(), probabilities.argmax(axis=-1).ravel()
        scores = {
            "accuracy": evaluation.accuracy(right, guess),
            "macro_f1": evaluation.macro_f1(right, guess),
            **(self.scores(test_labels, probabilities, trained) if self.scores else {}),
        }
        if self.ask_twice:
            other = _probabilities(model, test.images[:, :, ::-1])
            both = (probabilities + (other[:, :, ::-1] if self.pixels else other)) / 2
            scores["asked_twice"] = evaluation.accuracy(right, both.argmax(axis=-1).ravel())
            if self.pixels and self.scores:
                more = self.scores(test_labels, both, trained)
                scores |= {f"asked_twice {key}": value for key, value in more.items()}
        return Record(
            experiment=name,
            seed=seed,
            scores={key: round(float(value), 4) for key, value in scores.items()},
            history={key: [float(f"{value:.4g}") for value in values] for key, values in history.items()},
            parameters=model.count_params(),
            seconds=round(seconds, 1),
            machine=f"{processor()}, one thread",
            keras=keras.__version__,
            backend=keras.backend.backend(),
            day=datetime.date.today().isoformat(),
            fingerprint=self.fingerprint(),
        )


def _probabilities(model, images):
    """One row an image and one column a class, also of a model that gives the probability of class 1 only; or an answer
    for each pixel, as it is."""
    probabilities = model.predict(images, batch_size=100, verbose=0)
    return np.hstack([1 - probabilities, probabilities]) if probabilities.shape[1] == 1 else probabilities


def _called(function):
    """A function by its name and what it is given; a name as it is."""
    if isinstance(function, partial):
        return [function.func.__name__, list(function.args), function.keywords]
    return getattr(function, "__name__", function)


def _without_names(entry, places=None):
    """A configuration without names and seeds, which count up in a process.

    Where a list says which layer it means, by a name that has been met, the place of that layer stands instead.
    """
    places = {} if places is None else places
    if isinstance(entry, dict):
        if isinstance(entry.get("name"), str):
            places.setdefault(entry["name"], len(places))
        return {key: _without_names(value, places) for key, value in entry.items() if key not in ("name", "seed")}
    if isinstance(entry, list):
        return [_without_names(each, places) for each in entry]
    return places.get(entry, entry) if isinstance(entry, str) else entry


def _plain(entry):
    """What of a callback or a loss is a setting: numbers, words, and lists of them."""
    if isinstance(entry, dict):
        return {key: _plain(value) for key, value in entry.items() if _plain(value) is not None and key != "name"}
    return entry if isinstance(entry, str | int | float | bool) else None
