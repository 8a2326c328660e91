"""A network made ready for occlusion, by whole passes or by windows, and kept for its next images."""

import time
import weakref
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from ...arithmetic.changes import positions
from ..compiled import compiled, compiled_model, predictor
from ..state import Keeper
from .plan import make_plan
from .windows import Network

# Nothing measured yet, windows are taken where they save this factor of multiply-adds: below it, cutting them out takes
# what they save.
_PAYS = {"tensorflow": 1.3, "jax": 1.3, "torch": 1.3}
# ... and where that is more time than it takes to compile them: 0.02 seconds a layer, in which two cores of today do
# half a milliard multiply-adds. PyTorch compiles nothing here; what its calls take is a hundredth of that.
_COST = {"tensorflow": 5e8, "jax": 5e8, "torch": 5e6}
_SPEED = 2.5e10  # multiply-adds a second, by which the two can be compared
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

    method, seconds = "plain", np.inf  # an image, as measured

    def __init__(self, run, starts, patch, whole_from, batch_size):
        self.whole_from = whole_from

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

    method, seconds = "windows", np.inf

    def __init__(self, network, plan, all_columns, batch_size):
        self.whole_from, self.clean = _whole_from(plan), network.clean
        most = batch_size * int(np.clip(plan.shrinks, 1, _MOST))
        self.batches = [
            _batches(outputs, part.rows, part.columns, all_columns, most)
            for outputs, part in zip(network.outputs, plan.parts, strict=True)
        ]


class _Kept:
    """What is known of a model for one size of image, patch and stride: its plan, and the networks made from it."""

    def __init__(self, model, state, shape, patch, stride, batch_size, logits):
        self.state, self.images, self.distrusted = state, 0, False
        self._owner = weakref.ref(model)  # what is kept must not keep the model
        self._starts = [positions(*sides) for sides in zip(shape, patch, stride, strict=False)]
        self._sides, self._batch_size, self._logits = (patch, stride, shape), batch_size, logits
        self._plan, self._why, self._made = None, "", {}

    def network(self, method, images):
        """The network for some more images, by windows or plain."""
        self.images += images
        if method == "auto" and len(self._made) == 2:
            method = min(self._made.values(), key=lambda made: made.seconds).method
        if method == "auto" and (self.distrusted or "windows" in self._made):
            method = "plain" if self.distrusted else "windows"
        if method in self._made:
            return self._made[method]
        if not self._plan and not self._why and (method != "plain" or self._logits):
            try:
                self._plan = make_plan(self._owner(), *self._sides, cost=_cost(self.images))
            except (TypeError, ValueError, RuntimeError) as error:  # a layer with two outputs, a call of its own
                if self._logits:
                    raise
                self._why = f"the network cannot be taken apart ({error})"
        if self._plan and (method == "windows" or (method == "auto" and self._pays())):
            method, made = "windows", self._windows
        else:
            method, made = "plain", self._plain
        if method not in self._made:
            self._made[method] = made(self._owner())
        return self._made[method]

    def _pays(self):
        """Whether windows would save as much as it takes to compile them, in all images that were seen until now."""
        plan, work = self._plan, self._plan.count * self._plan.multiply_adds
        if "plain" in self._made and np.isfinite(self._made["plain"].seconds):
            work = self._made["plain"].seconds * _SPEED
        elif plan.gain < _PAYS.get(keras.backend.backend(), np.inf):
            return False
        return work * (1 - 1 / plan.gain) > _cost(self.images) * len(plan.calls) * len(plan.parts)

    def _windows(self, model):
        return _Windows(Network(self._plan, model, self._logits), self._plan, len(self._starts[1]), self._batch_size)

    def _plain(self, model):
        if self._logits:
            run = Network(self._plan, model, True).whole
        else:
            run = compiled_model(model)
        why = self._why
        if self.distrusted:
            why = "windows do not give what the network gives"
        elif not why and self._plan:
            why = f"windows would save too little (multiply-adds: {self._plan.gain:.1f}x)"
        why = f"the image: {why or 'plain computation'}"
        return _Plain(run, self._starts, self._sides[0], why, self._batch_size)

    def as_it_is(self, model, why):
        """The model itself, which is not compiled."""
        return _Plain(lambda images: model(images, training=False), self._starts, self._sides[0], why, self._batch_size)


_kept = Keeper()


def _look_up(model, *sides):
    """What is known of a model, and whether it was known before."""
    return _kept.get(model, sides, lambda state: _Kept(model, state, *sides))


def _cost(images):
    """Multiply-adds an image that a layer must save to be worth compiling."""
    return _COST.get(keras.backend.backend(), np.inf) / images


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


# --------------------------------------------------------------------------------------------------------- computing


class Occluded(NamedTuple):
    """The outputs of whole images, shape (images, classes), those of all positions, and how they were computed."""

    clean: np.ndarray
    covered: np.ndarray
    method: str
    whole_from: str


def occluded(model, images, filled, patch, stride, batch_size, end, method, progress=False):
    """What a model puts out for images, and for each image with the patch at each position.

    What was compiled is compared with the model itself, on each image, the position that changes it the most and the
    first: layers of one's own may depend on things that nobody sees from outside. Where the two differ, what was kept
    is made anew; where they still do, the model computes everything itself.

    Parameters
    ----------
    model : keras.Model
    images, filled : ndarray of float32, shape (images, height, width, channels)
    patch, stride : (int, int)
    batch_size : int
    end : {"softmax", "sigmoid"} or None
        What to leave out at the end.
    method : {"auto", "windows", "plain"}
    progress : bool

    Returns
    -------
    Occluded

    Raises
    ------
    ValueError
        Windows that were asked for, or the logits, do not give what the model gives.
    """
    sides = (images.shape[1:], patch, stride, batch_size, bool(end))
    squashed = {"softmax": ops.softmax, "sigmoid": ops.sigmoid, None: lambda outputs: outputs}[end]
    kept, known = _look_up(model, *sides)
    while True:
        network = kept.network(method, len(images))
        runs = _runs(network, images, filled, progress)
        found = list(_checked(runs, squashed, model, kept.state, images, filled, patch, stride))
        if len(found) == len(images):
            break
        _kept.forget(model, sides)
        if known:  # it was made before, of a model that has changed since
            kept, known = _look_up(model, *sides)
        elif method == "windows":
            raise ValueError(
                f"windows do not give what {model.name!r} gives: one of its layers computes something else than it "
                'seems to. Give method="plain".'
            )
        elif network.method == "windows":
            kept, _ = _look_up(model, *sides)
            kept.distrusted = True
        elif end:
            raise ValueError(
                f"the layers of {model.name!r}, one after the other, do not give what the model gives, so that it is "
                'not known what comes before its last activation. Give score="probability".'
            )
        else:
            network = kept.as_it_is(model, "the image: the network gives something else when it is compiled")
            found = list(_runs(network, images, filled, progress))
            break
    clean, covered = map(np.stack, zip(*found, strict=True))
    return Occluded(clean, covered, network.method, network.whole_from)


def _checked(runs, squashed, model, state, images, filled, patch, stride):
    """The runs of images up to the first that differs from what the model itself gives."""
    run, columns = predictor(model), len(positions(images.shape[2], patch[1], stride[1]))
    for (clean, covered), image, cover in zip(runs, images, filled, strict=True):
        most = int(np.abs(np.nan_to_num(covered.astype("float64") - clean)).max(axis=1).argmax())
        asked = np.stack([image] * 3)
        for own, place in zip(asked[1:], (most, 0), strict=True):
            top, left = (index * step for index, step in zip(divmod(place, columns), stride, strict=True))
            inside = slice(top, top + patch[0]), slice(left, left + patch[1])
            own[inside] = cover[inside]
        own = run(ops.convert_to_tensor(asked))
        found = squashed(np.stack([clean, covered[most], covered[0]]).astype("float32"))
        if not _agree(ops.convert_to_numpy(own), ops.convert_to_numpy(found), _rounding(state.dtypes, own)):
            return
        yield clean, covered


def _agree(own, found, rounding):
    """Whether outputs, the first of a clean image, are the model's but for rounding and 1 % of what covering does."""
    own, found = own.astype("float64"), found.astype("float64")
    if not np.isfinite(own).all():
        return not np.isfinite(found).all()
    return np.abs(own - found).max() <= 0.01 * np.abs(own[1:] - own[0]).max() + 100 * rounding * np.abs(own).max()


def _rounding(dtypes, output):
    """The relative precision of the least precise of some dtypes; accelerators may round float32 as they multiply."""
    if "bfloat16" in dtypes:
        return 2.0**-8
    if "float16" in dtypes or "cpu" not in str(getattr(output, "device", "cpu")).lower():
        return 2.0**-11
    return 2.0**-24


def _runs(network, images, filled, progress):
    """For each image, the outputs (classes,) of the whole image, and those (positions, classes) of all positions."""
    from tqdm import tqdm

    count = sum(len(batches.places) for batches in network.batches)
    seconds, timed, warm = 0.0, 0, np.isfinite(network.seconds)
    with tqdm(total=len(images) * count, disable=not progress, unit=" positions", delay=1) as bar:
        for image, cover in zip(images, filled, strict=True):
            state, clean = network.clean(ops.convert_to_tensor(image[None]), ops.convert_to_tensor(cover[None]))
            clean = ops.convert_to_numpy(clean)[0]
            covered = np.empty((count, len(clean)), clean.dtype)
            for number, (outputs, size, places, rows, columns) in enumerate(network.batches, 1):
                for start in range(0, len(places), size):
                    begun = time.perf_counter()
                    chunk = slice(start, start + size)
                    # One size of batch, so that the last one is not compiled anew.
                    missing = start + size - min(start + size, len(places))
                    index = (np.pad(axis[chunk], (0, missing), "edge") for axis in (rows, columns))
                    found = outputs(state, *map(ops.convert_to_tensor, index))
                    covered[places[chunk]] = ops.convert_to_numpy(found)[: size - missing]
                    bar.update(size - missing)
                    if warm:
                        seconds, timed = seconds + time.perf_counter() - begun, timed + size - missing
                    warm = warm or number == len(network.batches)  # all have been compiled by now
            if timed:
                network.seconds = min(network.seconds, seconds / timed * count)
            yield clean, covered
