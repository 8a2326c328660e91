"""A network made ready for occlusion, by whole passes or by windows, and kept for its next images."""

import weakref
from collections import OrderedDict
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from ...arithmetic.changes import positions
from .compiled import compiled
from .plan import make_plan
from .windows import Network

# Windows are taken where they save this factor of multiply-adds: below it, cutting them out takes what they save.
_PAYS = {"tensorflow": 1.3, "jax": 1.3, "torch": 1.3}
# ... and where that is more time than it takes to compile them: 0.02 seconds a layer, in which two cores of today do
# half a milliard multiply-adds. PyTorch compiles nothing here; what its calls take is a hundredth of that.
_COST = {"tensorflow": 5e8, "jax": 5e8, "torch": 5e6}
_KEPT = 4  # compiled networks
_MOST = 2  # windows go through together for this many whole images


class _Batches(NamedTuple):
    """Positions that one compiled function takes: their places along the axes of the map and of its part."""

    outputs: callable  # (state, rows, columns) -> (positions, classes)
    size: int
    places: np.ndarray  # numbers of the positions, row by row
    rows: np.ndarray
    columns: np.ndarray


def _batches(outputs, rows, columns, all_columns, most):
    """Batches of one size, as even as they can be, since the last one is filled up to it."""
    places = (rows[:, None] * all_columns + columns).reshape(-1)
    index = np.indices((len(rows), len(columns)), dtype="int32").reshape(2, -1)
    size = -(-len(places) // -(-len(places) // most))
    return _Batches(outputs, size, places, *index)


class _Plain:
    """Every covered image through the whole network."""

    method = "plain"

    def __init__(self, model, variables, starts, patch, whole_from, batch_size, network=None):
        owner = weakref.ref(model)  # a compiled network that is kept must not keep its model
        self.whole_from = whole_from
        run = network.whole if network else compiled(lambda images: owner()(images, training=False), variables)

        def covered(state, rows, columns):
            image, filled = state
            inside = []
            for first, index, side, cells in zip(starts, (rows, columns), patch, image.shape[1:3], strict=True):
                first = ops.take(first.astype("int32"), index, axis=0)[:, None]
                pixel = ops.arange(cells, dtype="int32")[None]
                inside.append(ops.logical_and(pixel >= first, pixel < first + side))
            inside = ops.logical_and(inside[0][:, :, None], inside[1][:, None, :])
            return ops.where(inside[..., None], filled, image)

        cover = compiled(covered, [])
        self.clean = lambda image, filled: ((image, filled), run(image))
        rows, columns = (np.arange(len(first)) for first in starts)
        outputs = lambda state, rows, columns: run(cover(state, rows, columns))  # noqa: E731
        self.batches = [_batches(outputs, rows, columns, len(columns), batch_size)]


class _Windows:
    """Windows around the patch."""

    method = "windows"

    def __init__(self, network, plan, all_columns, batch_size):
        self.whole_from, self.clean = _whole_from(plan), network.clean
        most = batch_size * int(np.clip(plan.shrinks, 1, _MOST))
        self.batches = [
            _batches(outputs, part.rows, part.columns, all_columns, most)
            for outputs, part in zip(network.outputs, plan.parts, strict=True)
        ]


_networks = OrderedDict()


def ready(model, shape, patch, stride, batch_size, logits, method):
    """The model as one of the two above, from those that were compiled before, if it is among them."""
    count, input_shape = shape[0], shape[1:]
    sides = (input_shape, patch, stride, batch_size, logits)

    def kept(name):
        owner, network = _networks.get((id(model), name, *sides), (None, None))
        return network if owner is not None and owner() is model else None

    if method == "auto" and kept("windows"):
        return kept("windows")
    if method != "auto" and kept(method):
        return kept(method)
    try:
        plan, why = make_plan(model, patch, stride, input_shape, cost=_cost(count)), ""
    except (TypeError, ValueError, RuntimeError) as error:  # a layer with two outputs, one that cannot describe itself
        if logits:
            raise
        plan, why = None, f"the image: the network cannot be taken apart ({error})"
    windows = plan is not None and (method == "windows" or (method == "auto" and _pays(plan, count)))
    found = kept("windows" if windows else "plain")
    if found is None:
        starts = [positions(cells, side, step) for cells, side, step in zip(input_shape, patch, stride, strict=False)]
        network = Network(plan, model.variables, logits) if plan is not None and (windows or logits) else None
        if windows:
            found = _Windows(network, plan, len(starts[1]), batch_size)
        else:
            why = why or "the image: plain computation" + (
                "" if method == "plain" else f", since windows would save too little (multiply-adds: {plan.gain:.1f}x)"
            )
            found = _Plain(model, model.variables, starts, patch, why, batch_size, network)
        _networks[(id(model), found.method, *sides)] = (weakref.ref(model), found)
        while len(_networks) > _KEPT:
            _networks.popitem(last=False)
    return found


def _cost(images):
    """Multiply-adds an image that a layer must save to be worth compiling."""
    return _COST.get(keras.backend.backend(), np.inf) / images


def _pays(plan, images):
    if plan.gain < _PAYS.get(keras.backend.backend(), np.inf):
        return False
    saved = plan.count * plan.multiply_adds * (1 - 1 / plan.gain)
    return saved > _cost(images) * len(plan.calls) * len(plan.parts)


def _whole_from(plan):
    for step in plan.parts[-1].steps[1:]:  # the part inside, where windows are largest
        if step.complete and len(step.call.shape) == 3:
            if not step.call.known:
                return f"{step.call.name}: it is not known which cells it changes"
            why = "all cells can change" if step.call.everywhere else "windows would be nearly as large as the map"
            return f"{step.call.name}: {why}"
        if step.complete:
            return "" if step.call.known else f"{step.call.name}: it is not known which cells it changes"
    return ""


def runs(network, images, filled, progress):
    """For each image, the outputs (classes,) of the whole image, and those (positions, classes) of all positions."""
    from tqdm import tqdm

    count = sum(len(batches.places) for batches in network.batches)
    with tqdm(total=len(images) * count, disable=not progress, unit=" positions", delay=1) as bar:
        for image, cover in zip(images, filled, strict=True):
            state, clean = network.clean(ops.convert_to_tensor(image[None]), ops.convert_to_tensor(cover[None]))
            clean = ops.convert_to_numpy(clean)[0]
            covered = np.empty((count, len(clean)), clean.dtype)
            for outputs, size, places, rows, columns in network.batches:
                for start in range(0, len(places), size):
                    chunk = slice(start, start + size)
                    # One size of batch, so that the last one is not compiled anew.
                    missing = start + size - min(start + size, len(places))
                    index = (np.pad(axis[chunk], (0, missing), "edge") for axis in (rows, columns))
                    found = outputs(state, *map(ops.convert_to_tensor, index))
                    covered[places[chunk]] = ops.convert_to_numpy(found)[: size - missing]
                    bar.update(size - missing)
            yield clean, covered
