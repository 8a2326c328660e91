"""A network taken apart into its steps, which can be run as far as a layer, and on from there.

Models inside the model are opened too, so that a layer of a frozen base can be looked at as any other. The network
itself is left as it is: its layers are called with numbers, which leaves no trace in them.
"""

import difflib
from functools import cached_property, partial
from typing import NamedTuple

import keras

from ..arithmetic.exact import exact_kind
from ..arithmetic.graph import walk
from ..arithmetic.views import is_a
from .compiled import compiled
from .scores import ending, squashing, twin, without_activation
from .state import Keeper

# They hand on, drop or summarise what a layer before them found.
_FINDS_NOTHING = (
    *("MaxPooling2D", "AveragePooling2D", "AdaptiveMaxPooling2D", "AdaptiveAveragePooling2D"),
    *("GlobalMaxPooling2D", "GlobalAveragePooling2D", "ZeroPadding2D", "Cropping2D", "UpSampling2D", "Resizing"),
    *("Dropout", "SpatialDropout2D", "GaussianNoise", "GaussianDropout", "Identity", "ActivityRegularization"),
    *("Cast", "GetItem", "Permute", "Reshape"),
)
_SHOWN = 6  # names in an error
_HALF = ("float16", "bfloat16")


class Slot(NamedTuple):
    """The place of a tensor among the arguments of a step."""

    number: int


class Step(NamedTuple):
    """One call of one layer.

    Attributes
    ----------
    name : str
        Name of the layer; in a model within the model, ``model/layer``.
    layer : keras.Layer or keras.Operation
    call : callable
        What is called: the layer, or what stands in for it.
    args, kwargs : tuple, dict
        With a `Slot` for every tensor.
    outputs : tuple of Slot
    shapes : tuple of tuple
        Of the outputs, (batch, ...), as far as the layer knows them.
    """

    name: str
    layer: object
    call: object
    args: tuple
    kwargs: dict
    outputs: tuple
    shapes: tuple

    @property
    def is_map(self):
        """Whether it puts out one feature map with more than one place: (batch, height, width, channels)."""
        return len(self.shapes) == 1 and len(self.shapes[0]) == 4 and self.shapes[0][1:3] != (1, 1)


class Opened:
    """The steps of a network, from its images to its scores.

    Parameters
    ----------
    model : keras.Model
        One that `course_utils.explain.inputs.checked_model` lets through.
    logits : bool
        Leave out the softmax or the sigmoid that the model ends in, so that the scores are what it is computed from.
        Found are a last layer Softmax or Activation, and one whose ``activation`` is one of them, such as Dense, also
        where only layers follow that hand the scores on, such as Dropout. Of such a layer a copy without the activation
        is run, with the same weights. Any other end is left as it is; ``ending`` says which it is.
    in_float32 : bool
        Compute in float32 what the model computes in half precision: of that, gradients keep fewer digits than scores.
        Layers inside a layer of one's own compute as they always do.

    Attributes
    ----------
    steps : list of Step
        In an order in which they can be run.
    ending : course_utils.explain.scores.Ending
        What the outputs of the model are.

    Examples
    --------
    >>> import keras
    >>> model = keras.Sequential(
    ...     [keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3, name="conv"), keras.layers.Flatten(name="row"),
    ...      keras.layers.Dense(2, activation="softmax", name="dense")]
    ... )
    >>> [step.name for step in Opened(model).steps]
    ['conv', 'row', 'dense']
    """

    def __init__(self, model, logits=True, in_float32=False):
        self.name, self.variables = model.name, model.variables
        self.steps = []
        self._functions = {}  # by name: what runs the steps
        self._count = 1  # slot 0 holds the images
        calls = {}

        def visit(name, layer, signals, args, kwargs):
            calls[name] = calls.get(name, 0) + 1
            if calls[name] > 1:
                name = f"{name} (call {calls[name]})"
            specs = keras.tree.flatten(layer.output)
            outputs = tuple(Slot(self._count + index) for index in range(len(specs)))
            self._count += len(specs)
            kwargs = dict(kwargs)
            if isinstance(layer, keras.Layer):
                # As predict has it, whatever the layer was called with. Keras hands it to the layers inside, too.
                kwargs["training"] = False
            shapes = tuple(tuple(spec.shape) for spec in specs)
            call = _in_float32(layer) if in_float32 else layer
            self.steps.append(Step(name, layer, call, tuple(args), kwargs, outputs, shapes))
            return list(outputs)

        (self._scores,) = walk(model, [Slot(0)], visit)
        self.ending = ending(model)
        if logits and self.ending.squashed:
            self._leave_out_the_squashing()
        self._last_use = {self._scores: len(self.steps)}
        for index, step in reversed(list(enumerate(self.steps))):
            for slot in _slots((step.args, step.kwargs)):
                self._last_use.setdefault(slot, index)

    def run(self, images, keep=()):
        """Scores of images, and the outputs of some steps.

        Parameters
        ----------
        images : tensor or array, shape (images, height, width, channels)
        keep : sequence of Step

        Returns
        -------
        tensor, shape (images, classes)
        dict
            The output of each step in ``keep``, by name.
        """
        names = frozenset(step.name for step in keep)
        return self._runner(self._run, names)(keras.ops.convert_to_tensor(images))

    def _run(self, names, images):
        values, kept = {Slot(0): images}, {}
        for index, step in enumerate(self.steps):
            self._take(index, values)
            if step.name in names:
                kept[step.name] = values[step.outputs[0]]
            self._forget(index, values)
        return values[self._scores], kept

    def run_to(self, step, images):
        """Run as far as a step: its output, and whatever else leads past it, such as a shortcut, for `run_from`."""
        values = self._runner(self._run_to, self._index(step))(keras.ops.convert_to_tensor(images))
        (slot,) = step.outputs
        if slot not in values:  # nothing computes with it
            raise ValueError(f"the scores of {self.name!r} do not depend on its layer {step.name!r}. Choose another.")
        return values.pop(slot), values

    def _run_to(self, last, images):
        values = {Slot(0): images}
        for index in range(last + 1):
            self._take(index, values)
            self._forget(index, values)
        return values

    def run_from(self, step, output, others):
        """The scores that follow from an output of a step, and from the ``others`` of `run_to`."""
        values = {**others, step.outputs[0]: output}
        for index in range(self._index(step) + 1, len(self.steps)):
            self._take(index, values)
            self._forget(index, values)
        return values[self._scores]

    def compile_on_jax(self, function):
        """A function that takes and returns tensors and runs steps, as the backend should run it.

        JAX compiles each operation by itself where it is not told to compile all of them at once, which takes several
        times as long. It is told so if every layer is exactly one of Keras': those only compute where they predict. A
        layer of one's own may count its calls or draw numbers, which compiled code does not do.
        """
        return compiled(function, self.variables) if self.is_exact and keras.config.backend() == "jax" else function

    def made_once(self, name, make):
        """What ``make()`` gave when it was first asked for by that name, such as a compiled function."""
        if name not in self._functions:
            self._functions[name] = make()
        return self._functions[name]

    def _runner(self, method, what):
        """One of the methods above for one of its tasks."""
        return self.made_once((method.__name__, what), lambda: self.compile_on_jax(partial(method, what)))

    @cached_property
    def is_exact(self):
        """Whether every layer is exactly one of Keras'."""
        return all(exact_kind(step.layer) for step in self.steps)

    @property
    def can_be_kept(self):
        """Whether it goes on to be right when only weights change: copies in float32 have old ones."""
        return self.is_exact and not any(one.dtype in _HALF for one in self.variables)

    def maps(self):
        """The steps that put out a feature map."""
        return [step for step in self.steps if step.is_map]

    def find(self, layer=None, a_map=True):
        """The step of a layer.

        Parameters
        ----------
        layer : str, keras.Layer or None
            A name, ``model/name`` or the name of a model inside; None for the last map that a layer found before
            pooling and dense layers sum it up.
        a_map : bool
            Only layers that put out a feature map will do.

        Raises
        ------
        ValueError
            There is no such layer, or it puts out no map, several outputs if any will do; the message lists maps.
        """
        if layer is None:
            return self._last_map(self.steps)
        named = [step for step in self.steps if layer in (step.name, step.layer)]
        if not named and isinstance(layer, str):
            named = [step for step in self.steps if step.name.rpartition("/")[2] == layer]
        if not named:
            name = layer if isinstance(layer, str) else getattr(layer, "name", None)
            inside = [step for step in self.steps if f"/{name}/" in f"/{step.name}"]
            if not inside:
                raise ValueError(f"{self.name!r} has no layer {name or layer!r}. {self._candidates(name)}")
            return self._last_map(inside)
        if len(named) > 1:
            raise ValueError(
                f"{self.name!r} has {len(named)} steps that are called {getattr(layer, 'name', layer)!r}; say which: "
                f"{', '.join(step.name for step in named)}."
            )
        (step,) = named
        if not (step.is_map if a_map else len(step.outputs) == 1):
            shape = ", ".join(map(str, step.shapes))
            raise ValueError(
                f"the layer {step.name!r} puts out shape {shape}: no feature map, (batch, height, width, channels). "
                f"{self._candidates(None)}"
            )
        return step

    def check_channels_last(self, step):
        """Nothing, or an error where a layer up to a step has its channels first, so that its maps may have, too."""
        before = self.steps[: self._index(step) + 1]
        first = [one.name for one in before if getattr(one.layer, "data_format", None) == "channels_first"]
        if first:
            raise ValueError(
                f"the layer {first[0]!r} of {self.name!r} has its channels first, so that it cannot be told how the "
                f"map of {step.name!r} lies; expected (batch, height, width, channels). Build the network with "
                'data_format="channels_last", or name a layer before it.'
            )

    def _last_map(self, steps):
        found = [step for step in steps if step.is_map and not is_a(step.layer, *_FINDS_NOTHING)]
        if not found:
            raise ValueError(
                f"no layer of {self.name!r} puts out a feature map, (batch, height, width, channels); expected a "
                "network with convolutions."
            )
        last = self._not_before_another(found)
        if len(last) > 1:
            names = ", ".join(sorted(step.name for step in last[-_SHOWN:]))
            raise ValueError(
                f"{self.name!r} has {len(last)} layers with a feature map after which no other comes, since its paths "
                f"join later: {names}. Say which: layer={last[-1].name!r}."
            )
        return last[-1]

    def _index(self, step):
        return next(index for index, one in enumerate(self.steps) if one is step)

    def _not_before_another(self, found):
        """Those of some steps whose output reaches the end of the network without passing another of them."""
        last, wanted, names = [], {self._scores}, {step.name for step in found}
        for step in reversed(self.steps):
            if wanted.isdisjoint(step.outputs):
                continue
            if step.name in names:
                last.insert(0, step)
            else:
                wanted.update(_slots((step.args, step.kwargs)))
        return last or found[-1:]

    def _candidates(self, name):
        names = [step.name for step in self.maps()]
        close = difflib.get_close_matches(name, names, n=3) if name else []
        last = [one for one in reversed(names) if one not in close][: _SHOWN - len(close)]
        more = len(names) - len(close) - len(last)
        return (
            (f"Did you mean {' or '.join(close)}? " if close else "")
            + f"Layers with a feature map, from the last: {', '.join(last)}"
            + (f" and {more} more." if more else ".")
        )

    def _take(self, index, values):
        step = self.steps[index]
        outputs = keras.tree.flatten(step.call(*_filled(step.args, values), **_filled(step.kwargs, values)))
        values.update(zip(step.outputs, outputs, strict=True))

    def _forget(self, index, values):
        """What no later step needs: the activations of a whole network are many times its images."""
        for slot in [slot for slot in values if self._last_use.get(slot, -1) <= index]:
            del values[slot]

    def _leave_out_the_squashing(self):
        wanted = self._scores
        for index in reversed(range(len(self.steps))):
            step = self.steps[index]
            if wanted not in step.outputs:
                continue
            end = squashing(step.layer)
            if end == "itself":
                self.steps[index] = step._replace(call=lambda x, **_: x)
            elif end == "within":
                self.steps[index] = step._replace(call=without_activation(step.call))
            elif end == "passes on":
                (wanted,) = _slots((step.args, step.kwargs))
                continue
            return


_kept = Keeper()


def opened(model, **options):
    """A network taken apart, as `Opened` does; that of an earlier call, with what was compiled for it, where it can be.

    It is taken apart anew where anything in the model has been changed since but its weights, which go into what was
    compiled with each call.
    """
    make = lambda state: Opened(model, **options)  # noqa: E731
    network, _ = _kept.get(model, sorted(options.items()), make, lambda network: network.can_be_kept)
    return network


def _in_float32(layer):
    """A layer, or where it computes in half precision, a copy in float32.

    It shares its variables, or where they are in half precision, too, has them as float32. What a layer of one's own
    does with those is not known, so that it stays as it is.
    """
    policy = getattr(getattr(layer, "dtype_policy", None), "name", "")
    own = type(layer).__module__.partition(".")[0] != "keras"
    if policy not in ("mixed_float16", "mixed_bfloat16", *(() if own else _HALF)):
        return layer
    weights = {name: value for name, value in vars(layer).items() if isinstance(value, keras.Variable)}
    lifted = twin(layer, **{key: keras.ops.cast(one, "float32") for key, one in weights.items() if one.dtype in _HALF})
    lifted.dtype_policy = "float32"
    return lifted


def _slots(arguments):
    if isinstance(arguments, Slot):
        yield arguments
    elif isinstance(arguments, dict):
        for value in arguments.values():
            yield from _slots(value)
    elif isinstance(arguments, (list, tuple)):
        for value in arguments:
            yield from _slots(value)


def _filled(arguments, values):
    if isinstance(arguments, Slot):
        return values[arguments]
    if isinstance(arguments, dict):
        return {key: _filled(value, values) for key, value in arguments.items()}
    if isinstance(arguments, (list, tuple)):
        return type(arguments)(_filled(value, values) for value in arguments)
    return arguments
