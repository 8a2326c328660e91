"""Experiments in plain PyTorch: declared, run and kept as those of Keras are (`declaring`), without Keras.

PyTorch is imported when a training begins, so that an experiment can be declared, and its record compared with it,
where PyTorch is not installed.
"""

import ast
import datetime
import hashlib
import inspect
import json
import math
import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .. import evaluation
from ..budget import processor
from .records import Record


@dataclass(frozen=True)
class TorchExperiment:
    """A training in plain PyTorch that can be repeated, with any seed.

    Attributes
    ----------
    build : callable
        ``build()`` returns a new module: float images (batch, 3, height, width) in, logits out.
    images, epochs, batch_size : int
    rate : float
        The largest learning rate: it rises for a fifth of the steps and falls to zero (`OneCycleLR`).
    weight_decay, smoothing : float
    shift : int
        Each image is moved by up to so many pixels, and mirrored half of the time.
    bfloat16 : bool
        Whether convolutions and products are computed in bfloat16, as PyTorch's autocast chooses.
    seeds : int
    """

    build: Callable
    images: int
    epochs: int
    batch_size: int = 128
    rate: float = 0.1
    weight_decay: float = 5e-4
    smoothing: float = 0.1
    shift: int = 3
    bfloat16: bool = True
    seeds: int = 1
    data: Callable | None = None

    def fingerprint(self):
        """Eight bytes that change when the network, its training or its data do; as text."""
        numbers = {key: value for key, value in vars(self).items() if not callable(value)}
        code = [_without_comments(each) for each in (self.build, train, _changed, _as_floats)]
        return hashlib.sha256(json.dumps([numbers, code], sort_keys=True).encode()).hexdigest()[:16]

    def fits(self, record):
        """Whether a record is of this experiment."""
        return record.fingerprint == self.fingerprint() and len(record.history["loss"]) == self.epochs

    def train(self, name, seed, data):
        """Train with a seed and score the result, as `Experiment.train` does.

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
        import torch

        train_images, validation, test = data
        chosen = train_images.subset(np.random.default_rng(0).permutation(len(train_images))[: self.images])
        torch.set_num_threads(1)
        torch.manual_seed(seed)
        module = self.build()
        started = time.process_time()
        history = train(self, module, chosen, validation, seed)
        seconds = time.process_time() - started
        guess = predict(module, test.images).argmax(axis=1)
        return Record(
            experiment=name,
            seed=seed,
            scores={
                "accuracy": round(evaluation.accuracy(test.labels, guess), 4),
                "macro_f1": round(evaluation.macro_f1(test.labels, guess), 4),
            },
            history={key: [float(f"{value:.4g}") for value in values] for key, values in history.items()},
            parameters=sum(weight.numel() for weight in module.parameters()),
            seconds=round(seconds, 1),
            machine=f"{processor()}, one thread",
            keras="none",
            backend=f"PyTorch {torch.__version__.partition('+')[0]} without Keras",
            day=datetime.date.today().isoformat(),
            fingerprint=self.fingerprint(),
        )


def train(experiment, module, images, validation, seed):
    """Train a module; its history, as Keras would record it."""
    import torch
    from torch import nn

    random = torch.Generator().manual_seed(seed)
    module.to(memory_format=torch.channels_last)
    steps = math.ceil(len(images) / experiment.batch_size)
    optimizer = torch.optim.SGD(
        module.parameters(), experiment.rate, momentum=0.9, nesterov=True, weight_decay=experiment.weight_decay
    )
    rates = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, experiment.rate, epochs=experiment.epochs, steps_per_epoch=steps, pct_start=0.2
    )
    loss_of = nn.CrossEntropyLoss(label_smoothing=experiment.smoothing)
    pixels, labels = _as_floats(images.images), torch.from_numpy(images.labels.astype("int64"))
    history = {"loss": [], "accuracy": [], "val_accuracy": []}
    for _ in range(experiment.epochs):
        module.train()
        total, right = 0.0, 0
        for chosen in torch.randperm(len(pixels), generator=random).split(experiment.batch_size):
            batch = _changed(pixels[chosen], experiment.shift, random)
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=experiment.bfloat16):
                logits = module(batch)
            loss = loss_of(logits.float(), labels[chosen])
            loss.backward()
            optimizer.step()
            rates.step()
            total += loss.item() * len(chosen)
            right += (logits.argmax(dim=1) == labels[chosen]).sum().item()
        history["loss"].append(total / len(pixels))
        history["accuracy"].append(right / len(pixels))
        guess = predict(module, validation.images).argmax(axis=1)
        history["val_accuracy"].append(evaluation.accuracy(validation.labels, guess))
    return history


def predict(module, images):
    """The logits of uint8 images (N, height, width, 3), as an array (N, classes)."""
    import torch

    module.eval()
    with torch.no_grad():
        return np.concatenate([module(batch).numpy() for batch in _as_floats(images).split(250)])


def _as_floats(images):
    """Channels first, about mean 0 and standard deviation 1."""
    import torch

    pixels = torch.from_numpy(np.asarray(images).transpose(0, 3, 1, 2).astype("float32"))
    return ((pixels - 120) / 64).contiguous(memory_format=torch.channels_last)


def _changed(batch, shift, random):
    """Each image moved by up to ``shift`` pixels, what is uncovered reflected, and mirrored half of the time."""
    import torch

    size = batch.shape[-1]
    padded = torch.nn.functional.pad(batch, (shift,) * 4, mode="reflect")
    places = torch.randint(2 * shift + 1, (len(batch), 2), generator=random).tolist()
    mirrored = (torch.rand(len(batch), generator=random) < 0.5).tolist()
    moved = [image[:, y : y + size, x : x + size] for image, (y, x) in zip(padded, places, strict=True)]
    moved = [image.flip(-1) if flip else image for image, flip in zip(moved, mirrored, strict=True)]
    return torch.stack(moved).contiguous(memory_format=torch.channels_last)


def _without_comments(function):
    """A function's code as Python reads it: comments, layout and its docstring do not count."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    body = tree.body[0].body
    if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        del body[0]
    return ast.unparse(tree)
