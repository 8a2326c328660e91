"""Training runs that can be compared: seeded, timed, quiet, and repeated.

The chapters call ``model.compile`` and ``model.fit`` themselves, since that is what they teach; what they would
otherwise repeat for every model stands here.
"""

import contextlib
import sys
import time
from dataclasses import dataclass, field

import keras
import numpy as np


def _learn_pixels_on_torch():
    """Let Keras learn a class for each pixel on PyTorch.

    There Keras 3.15 makes the classes the second axis but leaves them last in memory, and the gradient of PyTorch's
    loss stops with "grad_input must be contiguous".
    """
    from keras.src.backend.torch import nn

    as_it_came = nn.sparse_categorical_crossentropy

    def with_classes_moved(target, output, from_logits=False, axis=-1):
        output = keras.ops.convert_to_tensor(output)
        if output.ndim > 2:
            output = output.movedim(axis, 1).contiguous().movedim(1, axis)
        return as_it_came(target, output, from_logits=from_logits, axis=axis)

    nn.sparse_categorical_crossentropy = with_classes_moved


def _compile_augmentation_on_jax():
    """Let Keras compile the layers that move images on JAX.

    Keras 3.15 says of them that they cannot be compiled. That is true of TensorFlow, whose compiler lacks the operation
    that moves images (ImageProjectiveTransformV3). But on JAX too, a network that holds one is then run operation by
    operation, which takes longer (benchmarks/compiling_on_jax.py).
    """
    for name in ("Perspective", "Rotation", "Shear", "Translation", "Zoom"):
        layer = getattr(keras.layers, f"Random{name}")
        layer.supports_jit = property(lambda self: True, lambda self, said: None)


if keras.config.backend() == "torch":
    _learn_pixels_on_torch()
if keras.config.backend() == "jax":
    _compile_augmentation_on_jax()


class OneLineProgress(keras.callbacks.Callback):
    """Show training as one line that is rewritten after each epoch, in notebooks and in terminals.

    Parameters
    ----------
    name : str
        What is being trained.

    Attributes
    ----------
    epoch_seconds : list of float
        How long each epoch of the last training took, its validation included.

    Notes
    -----
    Used from chapter 06, CNNs from scratch, on: pass it in ``callbacks`` and set ``verbose=0``.

    Examples
    --------
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> model.compile(loss="mse")
    >>> progress = OneLineProgress("a line")
    >>> _ = model.fit(np.ones((4, 2)), np.ones(4), verbose=0, callbacks=[progress])  # doctest: +SKIP
    a line: epoch 1 of 1, 0 s, loss 0.112
    """

    def __init__(self, name):
        super().__init__()
        self.name = name
        self.epoch_seconds = []
        self._handle = None

    def on_train_begin(self, logs=None):
        if (targets := _targets(self.model)) is None:
            _build_optimizer(self.model)
        else:
            build(self.model, targets)
        self._started = time.perf_counter()
        self.epoch_seconds = []
        self._handle = None

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch_started = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        now = time.perf_counter()
        self.epoch_seconds.append(now - self._epoch_started)
        seconds = now - self._started
        figures = ", ".join(
            f"{key.replace('val_', 'validation ')} {value:.3f}"
            for key, value in (logs or {}).items()
            if key.endswith(("accuracy", "loss"))
        )
        self._show(f"{self.name}: epoch {epoch + 1} of {self.params['epochs']}, {seconds:.0f} s, {figures}")

    def on_train_end(self, logs=None):
        if self._handle is None:
            sys.stdout.write("\n")

    def _show(self, line):
        shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
        if getattr(shell, "kernel", None) is not None:  # a notebook; IPython in a terminal rewrites no display
            from IPython.display import display

            if self._handle is None:
                self._handle = display({"text/plain": line}, raw=True, display_id=True)
            else:
                self._handle.update({"text/plain": line}, raw=True)
        else:
            sys.stdout.write("\r" + line)
            sys.stdout.flush()


# The losses that say what their targets look like.
_OF_NUMBERS = {"sparse_categorical_crossentropy", "SparseCategoricalCrossentropy"}
_OF_PROBABILITIES = {
    name
    for kind in ("binary", "binary_focal", "categorical", "categorical_focal")
    for name in (f"{kind}_crossentropy", f"{kind.title().replace('_', '')}Crossentropy")
}


def _targets(model):
    """A target of the kind that the loss of a compiled model asks for; None if that is not certain."""
    loss = model.loss if isinstance(model.loss, str) else type(model.loss).__name__
    if len(getattr(model, "outputs", None) or ()) != 1:
        return None
    shape = (1, *model.outputs[0].shape[1:])
    if loss in _OF_NUMBERS:
        return np.zeros(shape[:-1], "int32")
    return np.zeros(shape, "float32") if loss in _OF_PROBABILITIES else None


def _build_optimizer(model):
    if model.optimizer is not None and not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)


def build(model, targets):
    """Create the variables of a compiled model's optimizer, losses and metrics before its first step.

    TensorFlow traces a step a second time where the first trace created variables. A short training of a small network
    takes half as long without it; its results are the same.

    Parameters
    ----------
    model : keras.Model
        Compiled. One whose shapes are not known yet, or that was trained already, is left as it is.
    targets : array or dict of arrays
        What ``fit`` will be given for ``y``. Only the first of them is looked at.

    Notes
    -----
    Used in chapter 01, What vision is asked to do, and appendix A1, It does not learn.

    Examples
    --------
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> model.compile(loss="mse", metrics=["mae"])
    >>> build(model, np.ones(4))
    >>> model.optimizer.built
    True
    """
    if not getattr(model, "outputs", None) or getattr(model.optimizer, "built", False):
        return
    _build_optimizer(model)
    first = keras.tree.map_structure(lambda each: each[:1], targets)
    outputs = [keras.ops.zeros((1, *each.shape[1:]), each.dtype) for each in model.outputs]
    outputs = outputs[0] if isinstance(model, keras.Sequential) else keras.tree.pack_sequence_as(model.output, outputs)
    model.compute_loss(x=None, y=first, y_pred=outputs)
    model.compute_metrics(x=None, y=first, y_pred=outputs)
    model.reset_metrics()


@dataclass(frozen=True)
class Run:
    """One training of one model. Made by `train`.

    Attributes
    ----------
    name : str
        What was trained.
    seed : int
    model : keras.Model
        As it was after the last epoch.
    history : dict of list of float
        What ``fit`` recorded, a value an epoch.
    seconds : float
        Time that ``fit`` took, from building the model on.
    epoch_seconds : tuple of float
        Time of each epoch; empty if ``fit`` did not pass ``progress`` on.
    """

    name: str
    seed: int
    model: keras.Model = field(repr=False)
    history: dict = field(repr=False)
    seconds: float
    epoch_seconds: tuple = field(repr=False, default=())

    @property
    def undisturbed_seconds(self):
        """Time of the fastest epoch times their number: what compiling and other programs took does not count."""
        return min(self.epoch_seconds) * len(self.epoch_seconds) if self.epoch_seconds else self.seconds


def train(name, fit, seeds=(0,)):
    """Train the same thing once a seed, and time it.

    Parameters
    ----------
    name : str
        What is trained, for progress lines and figures.
    fit : callable
        ``fit(progress)`` builds a model, trains it with the callback ``progress``, and returns the model and what
        ``model.fit`` returned. It is called anew for each seed, after Keras, NumPy and Python have been seeded.
    seeds : sequence of int

    Returns
    -------
    list of Run
        One a seed, in the order of the seeds.

    Raises
    ------
    TypeError
        ``fit`` returned something else.

    Notes
    -----
    Taught in chapter 06, CNNs from scratch.

    Examples
    --------
    >>> def fit(progress):
    ...     model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    ...     model.compile(loss="mse")
    ...     return model, model.fit(np.ones((4, 2)), np.ones(4), epochs=2, verbose=0)
    >>> runs = train("a line", fit, seeds=[0, 1])
    >>> [run.seed for run in runs], len(runs[0].history["loss"])
    ([0, 1], 2)
    """
    runs = []
    for seed in seeds:
        keras.utils.set_random_seed(seed)
        label = f"{name}, seed {seed}" if len(seeds) > 1 else name
        started = time.perf_counter()
        progress = OneLineProgress(label)
        result = fit(progress)
        seconds = time.perf_counter() - started
        if not (isinstance(result, tuple) and len(result) == 2 and hasattr(result[1], "history")):
            raise TypeError(f"fit returned {type(result).__name__}; expected (model, what model.fit returned).")
        runs.append(Run(name, seed, result[0], dict(result[1].history), seconds, tuple(progress.epoch_seconds)))
    return runs


@dataclass(frozen=True)
class Spread:
    """A result over several seeds: ``str()`` gives mean and range. Made by `spread`."""

    mean: float
    low: float
    high: float
    count: int

    def __str__(self):
        if self.count == 1:
            return f"{self.mean:.3f}"
        return f"{self.mean:.3f} ({self.low:.3f} to {self.high:.3f})"


def spread(values):
    """Mean and range of one result over several seeds.

    Parameters
    ----------
    values : sequence of float

    Returns
    -------
    Spread

    Examples
    --------
    >>> str(spread([0.71, 0.73, 0.72]))
    '0.720 (0.710 to 0.730)'
    """
    values = np.asarray(list(values), dtype="float64")
    if not values.size:
        raise ValueError("spread of no values; train with at least one seed.")
    return Spread(float(values.mean()), float(values.min()), float(values.max()), int(values.size))


@contextlib.contextmanager
def dtype_policy(name):
    """Build models in another dtype policy inside this block, such as ``"mixed_bfloat16"``.

    Layers keep the policy that they were built in; the policy of everything else is as before after the block.

    Examples
    --------
    >>> with dtype_policy("mixed_bfloat16"):
    ...     layer = keras.layers.Dense(1)
    >>> layer.compute_dtype, keras.config.dtype_policy().name
    ('bfloat16', 'float32')
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def jit_for_short_training():
    """What to give ``model.compile`` as ``jit_compile`` for a training that takes seconds.

    Elsewhere than on JAX, compiling a network takes longer than such a training. JAX without it compiles each operation
    by itself, which takes longer still.

    Returns
    -------
    bool
        True on JAX.

    Notes
    -----
    Used in appendix A1, It does not learn.

    Examples
    --------
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> model.compile(loss="mse", jit_compile=jit_for_short_training())
    >>> model.jit_compile == (keras.config.backend() == "jax")
    True
    """
    return keras.config.backend() == "jax"


def fastest_policy(input_shape=(32, 32, 3), filters=64, batch=64, repeats=3):
    """The dtype policy in which this machine trains a small convolutional network fastest.

    Times a step of two convolutions in float32 and in mixed_bfloat16, in turn, so that another program's load slows
    both. Processors and accelerators with instructions for bfloat16 gain two times and more from it; others lose.

    Parameters
    ----------
    input_shape : tuple of int
        (height, width, channels) of the images of the trial.
    filters, batch, repeats : int
        Filters of the convolutions, images a step, timed steps.

    Returns
    -------
    str
        ``"mixed_bfloat16"`` or ``"float32"``. Float32 unless the other is faster by a tenth at least.

    Notes
    -----
    Used in chapter 06, CNNs from scratch.

    Examples
    --------
    >>> fastest_policy(repeats=1) in ("float32", "mixed_bfloat16")
    True
    """
    images = np.zeros((batch, *input_shape), dtype="float32")
    labels = np.zeros(batch, dtype="int32")
    models = {}
    for policy in ("float32", "mixed_bfloat16"):
        with dtype_policy(policy):
            models[policy] = keras.Sequential(
                [
                    keras.Input(input_shape),
                    keras.layers.Conv2D(filters, 3, activation="relu"),
                    keras.layers.Conv2D(filters, 3, activation="relu"),
                    keras.layers.GlobalAveragePooling2D(),
                    keras.layers.Dense(10, activation="softmax", dtype="float32"),
                ]
            )
        models[policy].compile(optimizer="sgd", loss="sparse_categorical_crossentropy")
        models[policy].train_on_batch(images, labels)  # the first step compiles
    seconds = dict.fromkeys(models, float("inf"))
    for _ in range(repeats):
        for policy, model in models.items():
            started = time.perf_counter()
            model.train_on_batch(images, labels)
            seconds[policy] = min(seconds[policy], time.perf_counter() - started)
    return "mixed_bfloat16" if seconds["mixed_bfloat16"] < 0.9 * seconds["float32"] else "float32"
