"""Which windows of a network's maps are computed again for each position of a patch, and where their inputs lie.

`course_utils.arithmetic.changes` says which cells can differ. Here every map gets windows of one size, the largest
that any position needs, so that many positions go through a layer together; at a border a window moves inward. A window
may therefore hold cells that did not change, which does no harm, and never lacks one that did. What is planned here,
`windows` computes.
"""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import keras
import numpy as np

from ...arithmetic.changes import EVERYWHERE, IN_PLACE_ONLY, Call, Moved, Span, Taps, trace

# Windows that cover this share of their map are widened to the whole of it: to cut them out and to fill them up would
# cost more than the few cells that are saved.
NEARLY_ALL = 0.8
_OUTSIDE = -(2**29)  # twice this is still an int32
_THEMSELVES = (Taps(1), Taps(1))  # each cell reads the one at its place


class Placement(NamedTuple):
    """Windows along one axis: ``size`` cells from ``origins`` on, one for each position, of a map of ``cells``."""

    origins: np.ndarray
    size: int
    cells: int

    @property
    def complete(self):
        return self.size == self.cells

    def same(self, other):
        """Whether they are the same windows."""
        return self.size == other.size and np.array_equal(self.origins, other.origins)


class Reading(NamedTuple):
    """Along one axis, where the cells that a layer reads lie, a row for each position.

    ``clean`` counts in the table of the clean map, its cells ``spacing`` apart with ``before`` and ``after`` cells of
    padding at the ends, ``table`` in all; ``window`` counts in the windows, and is far below 0 for a cell outside.
    """

    clean: np.ndarray
    window: np.ndarray
    before: int
    after: int
    spacing: int
    table: int


class Cut(NamedTuple):
    """How the input of a layer is put together from the windows of a call and its clean map, padded with ``value``."""

    call: int
    rows: Reading
    columns: Reading
    value: float

    @property
    def table(self):
        """What tells one clean table from another."""
        return self.call, self.value, *self.rows[2:], *self.columns[2:]


@dataclass(frozen=True, eq=False)
class Step:
    """One call of a layer for all positions.

    Attributes
    ----------
    call : Call
    placement : (Placement, Placement) or None
        Windows of its output along rows and columns; None where the output is not a map.
    cuts : tuple of (Cut or None)
        One for each input; None where it is taken as it is.
    folded_into : int or None
        The call of the convolution that does the work of this normalisation.
    """

    call: Call
    placement: tuple | None
    cuts: tuple
    folded_into: int | None = None

    @property
    def complete(self):
        """Whether the output is computed in whole."""
        return self.placement is None or _complete(self.placement)

    @property
    def share(self):
        """Cells that are computed for a position, as a share of all."""
        return 1.0 if self.placement is None else _share(self.placement)


@dataclass(frozen=True, eq=False)
class Part:
    """Positions whose windows have one size: the steps for them, and which they are, counted along rows and columns."""

    steps: tuple = field(repr=False)
    rows: np.ndarray
    columns: np.ndarray

    @property
    def count(self):
        return len(self.rows) * len(self.columns)


@dataclass(frozen=True, eq=False)
class Plan:
    """The parts of an occlusion map for one size of image, patch and stride; ``calls`` are those of the network."""

    calls: list = field(repr=False)
    parts: tuple

    @property
    def count(self):
        """Positions of the patch."""
        return sum(part.count for part in self.parts)

    @property
    def multiply_adds(self):
        """Of one whole pass."""
        return sum(call.multiply_adds for call in self.calls)

    @property
    def gain(self):
        """Multiply-adds of a whole pass for each position, divided by those of this plan, its clean pass included."""
        whole = self.multiply_adds
        windows = sum(part.count * step.call.multiply_adds * step.share for part in self.parts for step in part.steps)
        return self.count * whole / (whole + windows) if whole else 1.0

    @property
    def shrinks(self):
        """How many times fewer numbers the windows of a position hold than its whole maps, where both hold the most."""
        whole = max(np.prod(call.shape) for call in self.calls)
        return whole / max(np.prod(step.call.shape) * step.share for part in self.parts for step in part.steps)


def make_plan(model, patch, stride, input_shape=None, cost=np.inf):
    """The plan for a model; arguments and errors as for `course_utils.arithmetic.changes.trace`.

    Windows of positions near a border are smaller, since they end there. If it saves enough, those positions become
    parts of their own, with windows of their own size.

    Parameters
    ----------
    cost : float
        Multiply-adds that a layer of a further part must save to be worth its making.
    """
    calls = trace(model, patch, stride, input_shape)
    counts = tuple(len(span.first) for span in (calls[0].rows, calls[0].columns))
    groups = min(
        _groupings(counts), key=lambda groups: _multiply_adds(calls, *groups) + _parts(groups) * cost * len(calls)
    )
    return Plan(calls, tuple(_part(calls, patch, rows, columns) for rows in groups[0] for columns in groups[1]))


def _groupings(counts):
    """Ways to tell positions near a border from the others, along each axis: ([rows, ...], [columns, ...])."""
    yield [np.arange(counts[0])], [np.arange(counts[1])]
    for depth in range(1, (min(counts) + 1) // 2):
        yield tuple([np.r_[:depth, count - depth : count], np.arange(depth, count - depth)] for count in counts)


def _parts(groups):
    return len(groups[0]) * len(groups[1])


def _multiply_adds(calls, rows, columns):
    """About as many as the windows of all positions take if each group of positions has windows of one size."""
    count = sum(map(len, rows)) * sum(map(len, columns))
    total = 0
    for call in calls:
        if call.multiply_adds:
            cells = count * call.cells if call.everywhere else _cells(call.rows, rows) * _cells(call.columns, columns)
            total += call.multiply_adds / call.cells * cells
    return total


def _cells(span, groups):
    return sum(len(group) * span.sizes[group].max() for group in groups)


def _part(calls, patch, rows, columns):
    """The steps for the positions in these rows and columns."""
    calls = [
        call if call.everywhere else replace(call, rows=_at(call.rows, rows), columns=_at(call.columns, columns))
        for call in calls
    ]
    counts = len(rows), len(columns)
    image = tuple(
        Placement(span.first, size, cells)
        for span, size, cells in zip((calls[0].rows, calls[0].columns), patch, calls[0].shape[:2], strict=True)
    )
    folds, steps = _folds(calls), [Step(calls[0], image, ())]
    for number, call in enumerate(calls[1:], 1):
        steps.append(_step(call, [steps[index] for index in call.inputs], counts, folds.get(number)))
    return Part(tuple(steps), rows, columns)


def _at(span, group):
    return Span(span.first[group], span.stop[group])


def _step(call, sources, counts, folded_into):
    as_they_are = (None,) * len(sources)
    maps = all(source.placement for source in sources) and not call.everywhere
    if not maps:
        whole = None if len(call.shape) != 3 else _whole(counts, call.shape)
        if (
            call.kind == "GlobalAveragePooling2D"
            and call.layer.data_format == "channels_last"
            and not sources[0].complete
        ):
            return Step(call, whole, (_cut(call.inputs[0], sources[0].placement, sources[0].placement),))
        cuts = [
            None if source.complete else _cut(index, source.placement, _whole(counts, source.call.shape))
            for index, source in zip(call.inputs, sources, strict=True)
        ]
        return Step(call, whole, tuple(cuts))
    before = sources[0].placement
    if call.how == IN_PLACE_ONLY and not all(_same(source.placement, before) for source in sources):
        placement = _windows(call, counts)
        cuts = [
            None if _same(source.placement, placement) else _cut(index, source.placement, placement)
            for index, source in zip(call.inputs, sources, strict=True)
        ]
        return Step(call, placement, tuple(cuts))
    if call.how == IN_PLACE_ONLY or (call.how == _THEMSELVES and call.shape[:2] == sources[0].call.shape[:2]):
        return Step(call, before, as_they_are, folded_into)
    if isinstance(call.how[0], Moved):
        placement = [
            Placement(axis.origins * how.factor + how.cells, axis.size * how.factor, cells)
            for axis, how, cells in zip(before, call.how, call.shape[:2], strict=True)
        ]
        return Step(call, _whole(counts, call.shape) if sources[0].complete else tuple(placement), as_they_are)
    placement = _windows(call, counts)
    if sources[0].complete and _complete(placement):
        return Step(call, placement, as_they_are)
    value = -np.inf if call.kind == "MaxPooling2D" else 0.0
    return Step(call, placement, (_cut(call.inputs[0], before, placement, call.how, value),))


def _whole(counts, shape):
    return tuple(Placement(np.zeros(count, int), cells, cells) for count, cells in zip(counts, shape[:2], strict=True))


def _windows(call, counts):
    """Windows of one size for what can differ, moved inward at the borders; the whole map where that is nearly all."""
    placement = []
    for span, cells in zip((call.rows, call.columns), call.shape[:2], strict=True):
        size = max(int(span.sizes.max()), 1)
        placement.append(Placement(np.minimum(span.first, cells - size), size, cells))
    return tuple(placement) if _share(placement) < NEARLY_ALL else _whole(counts, call.shape)


def _share(placement):
    return placement[0].size * placement[1].size / (placement[0].cells * placement[1].cells)


def _complete(placement):
    return all(axis.complete for axis in placement)


def _same(one, other):
    return all(axis.same(with_axis) for axis, with_axis in zip(one, other, strict=True))


def _cut(number, source, target, taps=_THEMSELVES, value=0.0):
    """What a layer with these taps reads of call ``number``, whose windows lie at ``source``, to compute ``target``."""
    sparse = all(axis.size == 1 for axis in taps)  # nothing between the strides of a kernel of 1x1 need be read
    return Cut(number, *(_reading(*axis, sparse) for axis in zip(source, target, taps, strict=True)), value)


def _reading(source, target, taps, sparse):
    first = target.origins[:, None] * taps.strides - taps.before
    count, step = (target.size, taps.strides) if sparse else ((target.size - 1) * taps.strides + taps.span, 1)
    cells = first + np.arange(count) * step
    spread = (source.cells - 1) * taps.spacing + 1
    before = max(taps.before, 0)
    after = max((target.cells - 1) * taps.strides + taps.span - taps.before - spread, 0)
    there = cells // taps.spacing - source.origins[:, None]
    inside = (cells % taps.spacing == 0) & (there >= 0) & (there < source.size)
    return Reading(
        cells + before, np.where(inside, there, _OUTSIDE), before, after, taps.spacing, before + spread + after
    )


def _folds(calls):
    """{normalisation: convolution} where a batch normalisation can be multiplied into the kernel before it."""
    readers = np.bincount([index for call in calls for index in call.inputs], minlength=len(calls))
    folds = {}
    for number, call in enumerate(calls):
        if call.kind == "BatchNormalization" and call.how == IN_PLACE_ONLY:
            before = calls[call.inputs[0]]
            if (
                readers[call.inputs[0]] == 1
                and before.kind in ("Conv2D", "DepthwiseConv2D", "SeparableConv2D")
                and before.how != EVERYWHERE
                and before.layer.activation is keras.activations.linear
                and before.layer.compute_dtype == call.layer.compute_dtype == "float32"
            ):
                folds[number] = call.inputs[0]
    return folds
