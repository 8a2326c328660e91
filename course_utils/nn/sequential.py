"""A network as a list of layers: training, testing, saving."""

import json
import zipfile
from dataclasses import fields
from pathlib import Path

import numpy as np

from .convolution import Conv2D, MaxPool2D
from .layers import BatchNorm, Dropout, Flatten, Linear, ReLU, Tanh, whole_number
from .losses import SoftmaxCrossEntropy

LAYERS = {layer.__name__: layer for layer in (BatchNorm, Conv2D, Dropout, Flatten, Linear, MaxPool2D, ReLU, Tanh)}


class Sequential:
    """Layers, one after the other.

    Parameters
    ----------
    layers : sequence of Layer
    input_shape : tuple of int
        Of one example, such as (32, 32, 3).
    seed : int
        Of the initial kernels, and of dropout.

    Raises
    ------
    TypeError
        Something in the list is no layer.
    ValueError
        Shapes do not fit together; the message names the layer. Or a layer stands in the list twice.

    Notes
    -----
    Taught in chapter 04, A CNN library.

    Examples
    --------
    >>> from course_utils import nn
    >>> model = nn.Sequential([nn.Linear(16), nn.Tanh(), nn.Linear(1)], input_shape=(1,), seed=0)
    >>> model.compile(optimizer=nn.Adam(0.01), loss=nn.MSE())
    >>> x = np.linspace(-3, 3, 100).reshape(-1, 1)
    >>> history = model.fit(x, np.sin(x), epochs=200)
    >>> history["loss"][-1] < 0.01
    True
    """

    def __init__(self, layers, input_shape, seed=0):
        self.layers, self.input_shape = list(layers), _as_shape(input_shape)
        self.optimizer = self.loss = None
        if not self.layers or len(set(map(id, self.layers))) < len(self.layers):
            raise ValueError("layers must be a list of different layers, at least one; make a new one for each place.")
        rng, shape = np.random.default_rng(seed), self.input_shape
        for number, layer in enumerate(self.layers):
            if not hasattr(layer, "forward") or isinstance(layer, type):
                raise TypeError(f"layer {number} is {layer!r}; it must be a layer, such as ReLU().")
            try:
                layer.build(shape, rng)
            except ValueError as error:
                raise ValueError(f"layer {number}, {layer}: {error}") from None
            shape = layer.output_shape
        self.output_shape = shape

    def parameters(self):
        """The parameters of all layers, as a list of `Parameter`."""
        return [parameter for layer in self.layers for parameter in layer.parameters()]

    def forward(self, x, training=False):
        """Outputs for a batch of shape ``(batch, *input_shape)``. Keeps what `backward` needs."""
        if x.shape[1:] != self.input_shape:
            hint = " A single example is x[np.newaxis]." if x.shape == self.input_shape else ""
            raise ValueError(f"the input has the shape {x.shape}; expected {('batch', *self.input_shape)}.{hint}")
        for layer in self.layers:
            x = layer.forward(x, training)
        return x

    def backward(self, gradient, input_needed=True):
        """From the gradient of the loss by the outputs, that by the inputs; fills the gradients of the parameters."""
        first, *others = self.layers
        for layer in reversed(others):
            gradient = layer.backward(gradient)
        first.input_needed = input_needed
        gradient = first.backward(gradient)
        first.input_needed = True
        return gradient if input_needed else None

    def compile(self, optimizer, loss):
        """Choose how to train: an optimiser such as ``Adam(1e-3)``, and a loss such as ``SoftmaxCrossEntropy()``."""
        for name, value, method in (("optimizer", optimizer, "step"), ("loss", loss, "backward")):
            if not hasattr(value, method) or isinstance(value, type):
                raise TypeError(f"{name} is {value!r}; it must be an object of nn, such as Adam() or MSE().")
        self.optimizer, self.loss = optimizer, loss

    def fit(self, images, labels, epochs=1, batch_size=64, validation_data=None, callback=None, seed=0):
        """Train.

        Parameters
        ----------
        images : ndarray
            ``(examples, *input_shape)``, of any number type; a batch at a time becomes float32. Scale them before.
        labels : ndarray
            What the loss compares with: (examples,) of int for `SoftmaxCrossEntropy`.
        epochs, batch_size : int
        validation_data : (ndarray, ndarray) or None
            Images and labels to evaluate after each epoch.
        callback : callable or None
            ``callback(epoch, logs)`` after each epoch, with the epoch's number from 0 and a dict of its figures.
        seed : int
            Of the order of the examples, which is another one in each epoch.

        Returns
        -------
        dict of list of float
            A value an epoch: loss, accuracy (of classifiers), and the same with ``val_`` before. Those of the training
            data are means over the epoch, while the model was changing.

        Raises
        ------
        RuntimeError
            The model was not compiled.
        ValueError, TypeError
            Images or labels do not fit the model; the message says how.
        """
        self._need_compiled("fit")
        images, labels = self._examples(images, labels)
        rng, history = np.random.default_rng(seed), {}
        batch_size = whole_number("batch_size", batch_size)
        for epoch in range(whole_number("epochs", epochs)):
            order, batches = rng.permutation(len(images)), []
            # A run that diverges shows it in its loss; NumPy need not warn of it as well.
            with np.errstate(over="ignore", invalid="ignore"):
                for start in range(0, len(order), batch_size):
                    batch = order[start : start + batch_size]
                    outputs = self.forward(self._cast(images[batch]), training=True)
                    batches.append(self._figures(outputs, labels[batch]))
                    self.backward(self.loss.backward(), input_needed=False)
                    self.optimizer.step(self.parameters())
            logs = _mean(batches)
            if validation_data is not None:
                logs |= {f"val_{name}": value for name, value in self.evaluate(*validation_data).items()}
            for name, value in logs.items():
                history.setdefault(name, []).append(value)
            if callback is not None:
                callback(epoch, logs)
        return history

    def evaluate(self, images, labels, batch_size=256):
        """Loss, and accuracy for classifiers, on examples that are not trained on: a dict of float."""
        self._need_compiled("evaluate")
        images, labels = self._examples(images, labels)
        outputs = self.predict(images, batch_size)
        parts = range(0, len(outputs), batch_size)
        return _mean([self._figures(outputs[start:][:batch_size], labels[start:][:batch_size]) for start in parts])

    def predict(self, images, batch_size=256):
        """Outputs for any number of examples, as one float32 array; for classifiers scores, (examples, classes)."""
        images, batch_size = np.asarray(images), whole_number("batch_size", batch_size)
        starts = range(0, max(len(images), 1), batch_size)
        return np.concatenate([self.forward(self._cast(images[start:][:batch_size])) for start in starts])

    def summary(self):
        """Print the layers, their output shapes and their numbers of parameters."""
        rows = [("Layer", "Output shape", "Parameters")]
        for layer in self.layers:
            count = sum(array.size for array in layer.arrays().values())
            rows.append((type(layer).__name__, str((None, *layer.output_shape)), f"{count:,}"))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for number, (name, shape, count) in enumerate(rows):
            print(f"{name:{widths[0]}}  {shape:{widths[1]}}  {count:>{widths[2]}}")
            if number == 0:
                print("  ".join("-" * width for width in widths))
        trained = sum(parameter.value.size for parameter in self.parameters())
        kept = sum(array.size for layer in self.layers for array in layer.arrays().values())
        print(f"Total: {kept:,} parameters, {trained:,} of them trained")

    def save(self, path):
        """Write the model to a file: its layers as JSON and its arrays, in NumPy's npz format. Nothing is pickled.

        Optimiser and loss are not saved; compile again to train on. Of a kernel_initializer that is a function, only
        what it made is saved. A layer of your own is a TypeError.
        """
        config = {"format": "course_utils.nn 1", "input_shape": self.input_shape, "layers": []}
        arrays = {}
        for number, layer in enumerate(self.layers):
            name = type(layer).__name__
            if LAYERS.get(name) is not type(layer):
                raise TypeError(
                    f"layer {number}, {name}, is not one of the library's; {', '.join(LAYERS)} can be saved."
                )
            values = {one.name: getattr(layer, one.name) for one in fields(layer)}
            values = {key: "zeros" if callable(value) else value for key, value in values.items()}
            config["layers"].append([name, values])
            arrays |= {f"{number}.{key}": array for key, array in layer.arrays().items()}
        with Path(path).open("wb") as file:  # a path would get ".npz" appended
            np.savez(file, config=json.dumps(config), **arrays)

    @classmethod
    def load(cls, path):
        """The model that `save` wrote. ValueError where the file is no model, or its arrays do not fit its layers."""
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = dict(file)
            config = json.loads(str(arrays.pop("config")))
            layers = [LAYERS[name](**values) for name, values in config["layers"]]
            model = cls(layers, config["input_shape"])
        except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(f"{path} is not a model that Sequential.save wrote ({error}).") from error
        expected = {
            f"{number}.{key}": array for number, layer in enumerate(layers) for key, array in layer.arrays().items()
        }
        shapes = {name: array.shape for name, array in arrays.items()}
        if shapes != {name: array.shape for name, array in expected.items()}:
            wrong = sorted(name for name in {*shapes, *expected} if shapes.get(name) != np.shape(expected.get(name)))
            raise ValueError(
                f"{path} has other arrays than its layers need: see {', '.join(wrong)}. Save the model again."
            )
        for name, array in expected.items():
            array[...] = arrays[name]
        return model

    def __repr__(self):
        return f"Sequential({self.layers}, input_shape={self.input_shape})"

    def _figures(self, outputs, labels):
        """What is said about a batch: the number of examples, the loss, and the accuracy of a classifier."""
        figures = {"examples": len(outputs), "loss": self.loss.forward(outputs, labels)}
        if isinstance(self.loss, SoftmaxCrossEntropy):
            figures["accuracy"] = float((outputs.argmax(axis=1) == labels).mean())
        return figures

    def _cast(self, batch):
        parameters = self.parameters()
        return batch.astype(parameters[0].value.dtype if parameters else "float32", copy=False)

    def _examples(self, images, labels):
        images, labels = np.asarray(images), np.asarray(labels)
        if images.shape[1:] != self.input_shape or len(images) == 0:
            raise ValueError(
                f"the images have the shape {images.shape}; expected {('examples', *self.input_shape)}, at least one."
            )
        if len(images) != len(labels):
            raise ValueError(f"{len(images)} images and {len(labels)} labels were given; each image needs its label.")
        return images, labels

    def _need_compiled(self, what):
        if self.optimizer is None:
            raise RuntimeError(f"call compile(optimizer=Adam(), loss=SoftmaxCrossEntropy()) before {what}.")


def _as_shape(input_shape):
    if not isinstance(input_shape, (tuple, list)) or not input_shape:
        raise ValueError(f"input_shape is {input_shape!r}; it must be that of one example, such as (32, 32, 3).")
    return tuple(whole_number("a number of input_shape", size) for size in input_shape)


def _mean(batches):
    """Means over batches, each counted by its number of examples."""
    counts = [figures.pop("examples") for figures in batches]
    return {name: float(np.average([figures[name] for figures in batches], weights=counts)) for name in batches[0]}
