"""The checks of chapter 09, fine-tuning."""

import functools
import itertools
import math

import numpy as np

from . import memory, networks, patients, scripts
from .comparing import describe, same
from .engine import Wrong, run
from .kinds import Mistake, call, function, is_callable, prediction, task, typed, value

# --- what is frozen ---------------------------------------------------------------------------------------------------

prediction(
    "09.frozen",
    right="batch normalisation only",
    choices={
        "both": "Half of it. `trainable = False` is about weights, and dropout has none: `fit` runs the layer in "
        "training, frozen or not, and it drops.",
        "batch normalisation only": "Frozen batch normalisation uses the averages that it keeps, in `fit` too: Keras "
        "makes an exception for this one layer. Dropout has nothing to freeze, and goes on dropping.",
        "dropout only": "The other way round. Which of the two has weights that `trainable` could be about?",
        "neither": "Half of it. Dropout goes on dropping, but one layer is an exception in Keras: frozen, it behaves "
        "in `fit` as it does in use.",
    },
    nudges=(
        "`trainable` says which weights may change. Which of the two layers has weights?",
        "A layer without weights cannot be frozen. For the other one, think of what the chapter said of averages in a "
        "frozen base.",
    ),
)


value(
    "09.one_image",
    "a tuple of three numbers",
    right=(4.5, 0.5, 4.5),
    tolerance=2e-3,
    parts=("In use", "In training", "Frozen and in training"),
    mistakes=[
        Mistake(
            "averages in training",
            (4.5, 4.5, 4.5),
            "In training, batch normalisation does not use the averages that it keeps: it takes mean and variance of "
            "the batch. What is the mean of this batch?",
        ),
        Mistake(
            "trainable ignored",
            (4.5, 0.5, 0.5),
            "The first two are right. A layer of batch normalisation that may not learn does not look at the batch, "
            "not even in training.",
        ),
        Mistake(
            "modes exchanged",
            (0.5, 4.5, 0.5),
            "That is the wrong way round: in use there may be one image only, so the layer takes the averages that it "
            "keeps.",
        ),
        Mistake(
            "beta forgotten",
            lambda given: np.allclose(given, (4.0, 0.0, 4.0), atol=0.02),
            "You normalise and multiply by gamma. What is added at the end?",
        ),
        Mistake(
            "gamma forgotten",
            lambda given: np.allclose(given, (2.5, 0.5, 2.5), atol=0.02),
            "You normalise and add beta. What is multiplied before?",
        ),
        Mistake(
            "no root",
            lambda given: np.allclose(given, (11 / 6, 0.5, 11 / 6), atol=0.02),
            "You divide by the variance. Batch normalisation divides by its root.",
        ),
        Mistake(
            "nothing by nothing is one",
            (4.5, 2.5, 4.5),
            "The value less the mean of the batch is 0. Divided by something tiny, it is still 0, and not 1.",
        ),
        Mistake(
            "not a number",
            lambda given: len(given) == 3 and math.isnan(given[1]),
            "The variance of this batch is 0, but the layer adds a small number to it before it takes the root. So 0 "
            "is divided by something, and that is a number.",
        ),
    ],
    nudges=(
        "Subtract a mean, divide by the root of a variance, times gamma, plus beta. Only: whose mean and variance?",
        "In use and when frozen: those that are kept. In training: those of the batch, and the batch is one value.",
    ),
    why="A map of one place and a batch of one image leave nothing of the image: in training, whatever is shown, beta "
    "comes out. The larger the maps and the batch, the more is left.",
)


# --- averages that are kept -------------------------------------------------------------------------------------------


def _moving_mean(
    start, batches, momentum, *, axes=(0, 1, 2), shares=lambda m: (m, 1 - m), first=None, each=False,
    which=slice(None), of=np.mean,
):  # fmt: skip
    mean = np.array(start, dtype=float)
    kept, added = shares(momentum)
    parts = [image[None] for batch in batches for image in batch] if each else list(batches)
    if first == "batch":
        mean, parts = np.array(of(parts[0], axis=axes)), parts[1:]
    elif first == "zero":
        mean = np.zeros_like(mean)
    for batch in parts[which]:
        mean = kept * mean + added * of(batch, axis=axes)
    return mean


def _channels_mixed(start, batches, momentum):
    mean = np.array(start, dtype=float)
    for batch in batches:
        mean = momentum * mean + (1 - momentum) * batch.mean()
    return mean


def _all_at_once(start, batches, left):
    """The start and the mean of all batches, weighed as if they were two."""
    return left * np.array(start) + (1 - left) * np.mean([batch.mean(axis=(0, 1, 2)) for batch in batches], axis=0)


function(
    "09.moving_mean",
    "moving_mean(start, batches, momentum)",
    cases=[
        call(np.array([4.0, 0.0]), typed("[np.arange(24.0).reshape(2, 3, 2, 2), np.ones((3, 3, 2, 2))]"), 0.9),
        call(np.array([1.0]), typed("[np.full((1, 1, 1, 1), 5.0)]"), 0.99),
        call(
            np.array([0.0, 10.0, -1.0]),
            typed("[np.random.default_rng(batch).normal(size=(4, 2, 3, 3)) for batch in range(5)]"),
            0.75,
        ),
    ],
    right=_moving_mean,
    mistakes=[
        Mistake(
            "momentum exchanged",
            {"shares": lambda m: (1 - m, m)},
            "Your average nearly forgets what it was with every batch. `momentum` is the share of the old one that "
            "stays.",
        ),
        Mistake(
            "shares",
            [{"shares": lambda m: (m, 1)}, {"shares": lambda m: (1, 1 - m)}, {"shares": lambda m: (m, m)}],
            "Your two shares do not add up to 1: what the old average keeps and what the batch brings make a whole.",
        ),
        Mistake(
            "places kept",
            [{"axes": (0,)}, {"axes": (0, 1)}],
            "You keep a number for each place, or for each column. Batch normalisation has one for each channel.",
        ),
        Mistake("channels mixed", _channels_mixed, "You take one mean of the whole batch. Every channel has its own."),
        Mistake(
            "start forgotten",
            [{"first": "batch"}, {"first": "zero"}],
            "Your average does not begin with `start`: a trained network brings averages, and they go slowly.",
        ),
        Mistake(
            "last batch only",
            {"which": slice(-1, None)},
            "Only the last batch reaches your average. Each batch moves it from where the one before left it.",
        ),
        Mistake("first batch only", {"which": slice(1)}, "Only the first batch counts. Is your `return` in the loop?"),
        Mistake(
            "one batch left out",
            [{"which": slice(1, None)}, {"which": slice(-1)}],
            "You leave out the first batch or the last one: there are as many moves as batches.",
        ),
        Mistake("start itself", {"which": slice(0)}, "That is `start` itself. No batch has moved it."),
        Mistake("one step for all", _all_at_once, "You move the average once for all batches, not once for each."),
        Mistake("image by image", {"each": True}, "You move the average once for every image, not for every batch."),
        Mistake(
            "mean of the batches",
            lambda start, batches, momentum: np.mean([batch.mean(axis=(0, 1, 2)) for batch in batches], axis=0),
            "That is the plain mean of the batches. Where do `start` and `momentum` come in?",
        ),
        Mistake(
            "all batches alike",
            lambda start, batches, momentum: _all_at_once(start, batches, momentum ** len(batches)),
            "The share of `start` that is left is right. But the batches do not all count the same: what the first one "
            "brought has faded when the last one comes.",
        ),
        Mistake("variances", {"of": np.var}, "Those are variances. The moving mean is moved by means of batches."),
    ],
    nudges=(
        "Which axes of a batch are averaged, so that one number is left for each channel?",
        "After each batch: a share `momentum` of what the average was, and the rest from the batch's own mean.",
    ),
    why="What a trained base brings in its averages was gathered over all the images that it was trained on. Your "
    "batches replace it; how fast, the next task asks.",
)


value(
    "09.half_gone",
    "a number of batches, an int",
    right=69,
    mistakes=[
        Mistake(
            "in equal steps",
            50,
            "You take a hundredth of the beginning away with each batch. It is a hundredth of what is left: the steps "
            "get smaller.",
        ),
        Mistake(
            "one by one hundredth",
            100,
            "After so many batches about 0.37 is left, a common yardstick. When was it a half?",
        ),
        Mistake("one too few", 68, "Very near: after 68 batches a little more than half is left."),
        Mistake(
            "no whole batches",
            lambda given: 68 < given < 69,
            "That is where the curve crosses a half. Batches are whole: after which one is at most half left?",
        ),
        Mistake(
            "what is left",
            lambda given: 0 < given < 1,
            "That is a share. The question is after how many batches.",
        ),
    ],
    nudges=(
        "After one batch 0.99 of it is left. And after two, and after n?",
        "You look for the first whole n with 0.99 to the power of n at most a half. A logarithm finds it, and so does "
        "a loop.",
    ),
    why="With batches of two that is 138 images, less than an epoch on most small data sets. With a momentum of 0.9 it "
    "takes seven batches.",
)


# --- the first layers stay --------------------------------------------------------------------------------------------


def _small_base():
    """Convolutions, two of them without a bias, with and without batch normalisation; none of its values is 0."""
    import keras
    from keras import layers

    base = keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3, use_bias=False, name="first"),
            layers.BatchNormalization(name="first_bn"),
            layers.ReLU(),
            layers.Conv2D(5, 3, name="second"),
            layers.MaxPooling2D(),
            layers.SeparableConv2D(6, 1, name="third"),
            layers.BatchNormalization(name="third_bn"),
            layers.ReLU(),
            layers.Conv2D(7, 3, use_bias=False, name="fourth"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, name="fifth"),
        ],
        name="small_base",
    )
    rng = np.random.default_rng(0)
    base.set_weights([rng.uniform(0.1, 1, weight.shape).astype("float32") for weight in base.get_weights()])
    return base


_CONVOLUTIONS = ("first", "second", "third", "fourth", "fifth")
_COUNTS = (2, 0, 3, 1, 4, 5)  # how many stay, in the order in which they are tried on one base: up and down


def _learning(
    base, count, *, counted=lambda layer, norm: bool(layer.weights) and not norm,
    stays=lambda place, count: place < count, norm_learns=lambda frozen: False,
):  # fmt: skip
    """The names of the layers that learn: counted are layers with weights but batch normalisation, or by mistake."""
    from keras import layers

    place, names = 0, set()
    for layer in base.layers:
        norm = isinstance(layer, layers.BatchNormalization)
        frozen = stays(place, count)
        if (norm_learns(frozen) if norm else not frozen) and layer.weights:
            names.add(layer.name)
        place += counted(layer, norm)
    return frozenset(names)


_FREEZING = [  # each with batch normalisation that never learns, always, or where the layers around it do
    ("batch normalisation learns", [{}], "The right convolutions stay."),
    (
        "the first learn",
        [dict(stays=lambda place, count: place >= count, **more) for more in ({}, dict(counted=lambda *layer: True))],
        "The other way round: the first `count` layers learn and the rest stays.",
    ),
    (
        "all layers counted",
        [dict(counted=lambda layer, norm: True), dict(counted=lambda layer, norm: not norm)],
        "You count layers that have no weights, such as ReLU and pooling. They have nothing to freeze.",
    ),
    (
        "batch normalisation counted",
        [dict(counted=lambda layer, norm: bool(layer.weights))],
        "You count batch normalisation among the `count` layers. It stays anyway, and is left out of the counting.",
    ),
    (
        "arrays counted",
        [dict(counted=lambda layer, norm: 0 if norm else len(layer.weights))],
        "You count arrays of weights. A layer with a kernel and a bias has two of them, and counts once.",
    ),
    (
        "one too many",
        [dict(stays=lambda place, count: place <= count)],
        "One layer too many stays: with a `count` of 0 all of them are to learn.",
    ),
    (
        "one too few",
        [dict(stays=lambda place, count: place < count - 1)],
        "One layer too few stays: with a `count` of 1 it is the first.",
    ),
    (
        "the last stay",
        [
            dict(stays=lambda place, count: place >= len(_CONVOLUTIONS) - count),
            dict(stays=lambda place, count: place >= len(_CONVOLUTIONS) - count or not count),  # counted[-count:]
            dict(stays=lambda place, count: place >= 12 - count or not count, counted=lambda *layer: True),
        ],
        "You freeze the last `count` layers. The first ones are to stay, those next to the image.",
    ),
]
_NORM_LEARNS = (lambda frozen: False, lambda frozen: True, lambda frozen: not frozen)


@task(
    "09.freeze_first",
    "a function `freeze_first(base, count)`",
    mistakes=(
        *(name for name, _, _ in _FREEZING),
        "nothing learns",
        "everything learns",
        "frozen before",
        "called again",
        "another base",
        "weights changed",
        "no return",
        "wrong type",
        "other",
    ),
    nudges=(
        "Go through `base.layers` and count as you go. Which layers count, and which stay whatever the count?",
        "What is said of a whole base reaches every layer within, so say it before you choose layer by layer, not "
        "after. And say of each layer whether it learns: it may have been told otherwise before.",
    ),
    why="How many layers stay is a setting to be tried like the rate. A trap: with TensorFlow, the `trainable` of a "
    "base that is True already can be set to True as often as you like; it reaches no layer within. So every layer is "
    "told, as here and in `models.unfreeze`.",
)
def _freeze_first(answer):
    is_callable(answer, "freeze_first")
    base = _small_base()
    before = base.get_weights()
    found = []
    for count in _COUNTS:
        base.trainable = False  # and not True at once: what is True already would not be said again to its layers
        base.trainable = True
        found.append(_learning_after(answer, base, count))
    if not all(np.array_equal(*pair) for pair in zip(before, base.get_weights(), strict=True)):
        raise Wrong("weights changed", "`freeze_first` changes weights of the base. It is only to say which may learn.")
    wanted = [_learning(base, count) for count in _COUNTS]
    if found != wanted:
        _why_not_frozen(base, found, wanted)
    base.trainable = False  # as it is after the classifier was trained
    frozen = _learning_after(answer, base, 2)
    if frozen > _learning(base, 2):
        raise Wrong(
            "everything learns",
            "Right for a base of which everything may learn. Of one that was frozen, as it is when its classifier has "
            "been trained, more learns than should: what is said of the whole base at the end overrides what was said "
            "of its layers.",
        )
    if frozen != _learning(base, 2):
        raise Wrong(
            "frozen before",
            "Right for a base of which everything may learn. Given one that is frozen, as it is when its classifier "
            "has been trained, yours leaves too much frozen: what learns must be said as well as what stays.",
        )
    _learning_after(answer, base, 3)
    if _learning_after(answer, base, 1) != _learning(base, 1):
        raise Wrong(
            "called again",
            "Right the first time. After `freeze_first(base, 3)`, `freeze_first(base, 1)` does not let the second "
            "layer learn again. A base that is True already may pass on nothing when it is set to True once more. Say "
            "of every layer whether it learns.",
        )


def _learning_after(answer, base, count):
    """The names of the layers that learn once the student's function has had the base."""
    import keras

    result = run(answer, base, count, doing=f"`freeze_first(base, {count})`")
    if result is None:
        raise Wrong("no return", "`freeze_first` returns `None`. It changes the base, and returns it.")
    networks.not_keras_2(result)
    if not isinstance(result, keras.Model):
        raise Wrong("wrong type", f"`freeze_first` returns {describe(result)}; it is to return the base, a model.")
    if {id(weight) for weight in result.weights} != {id(weight) for weight in base.weights}:
        raise Wrong(
            "another base",
            "What `freeze_first` returns has not the weights of the base that it was given: it is another model. "
            "Change the one that is given.",
        )
    learns = {id(weight) for weight in result.trainable_weights}
    return frozenset(layer.name for layer in base.layers if any(id(weight) in learns for weight in layer.weights))


def _why_not_frozen(base, found, wanted):
    for name, several, text in _FREEZING:
        for changes, norm_learns in itertools.product(several, _NORM_LEARNS):
            if found == [_learning(base, count, norm_learns=norm_learns, **changes) for count in _COUNTS]:
                also = " Batch normalisation learns as well, and small batches would spoil its averages."
                raise Wrong(name, text + also * (norm_learns is not _NORM_LEARNS[0]))
    if not any(found):
        raise Wrong(
            "nothing learns",
            "Whatever the count, nothing of the base learns. If `base.trainable` is False, no layer within it does: "
            "that of the base, too, has to be True.",
        )
    if len(set(found)) == 1:
        raise Wrong(
            "everything learns",
            "Whatever the count, the same layers learn. What is said of the whole base afterwards overrides what was "
            "said of its layers, and a layer that has no `trainable` of that spelling keeps its own.",
        )
    wrong = next(n for n, pair in enumerate(zip(found, wanted, strict=True)) if pair[0] != pair[1])
    listed = ", ".join(f"`{layer.name}`" for layer in base.layers if layer.name in found[wrong]) or "nothing"
    raise Wrong(
        "other",
        f"A base has convolutions {', '.join(f'`{name}`' for name in _CONVOLUTIONS[:4])}, batch normalisation after "
        f"the first and the third, and a dense layer `fifth`. After `freeze_first(base, {_COUNTS[wrong]})`, {listed} "
        "can learn.",
    )


# --- a rate for each step ---------------------------------------------------------------------------------------------


def _half_a_wave(share):
    return (1 + math.cos(math.pi * share)) / 2


def _rate_at(step, steps, warmup, peak, *, begun=0, late=True, over="rest", wave=_half_a_wave, warms=True):
    if step < warmup:
        return peak * (step + begun) / warmup if warms else peak
    gone = step - warmup if late else step
    return peak * wave(gone / (steps - warmup if over == "rest" else steps))


function(
    "09.rate_at",
    "rate_at(step, steps, warmup, peak)",
    cases=[
        call(0, 100, 20, 0.01),
        call(5, 100, 20, 0.01),
        call(20, 100, 20, 0.01),
        call(40, 100, 20, 0.01),
        call(60, 100, 20, 0.01),
        call(70, 100, 20, 0.01).in_next_cell(),
        call(100, 100, 20, 0.01),
        call(10, 40, 0, 2.0).told(
            stopping="Here is no warm-up: what do you divide by?",
            right_for=call(15, 100, 20, 0.01),
        ),
        call(0, 40, 0, 2.0).told(
            stopping="Here is no warm-up: what do you divide by?",
            right_for=call(15, 100, 20, 0.01),
        ),
    ],
    right=_rate_at,
    tolerance=1e-7,
    mistakes=[
        Mistake(
            "cosine from the first step",
            {"late": False, "over": "all"},
            "Your cosine begins at step 0 and has fallen already when the warm-up ends: the rate jumps there. Let it "
            "begin where the warm-up ends.",
        ),
        Mistake(
            "not at zero",
            {"over": "all"},
            "At the last step your rate is not 0: the cosine has `steps` less the warm-up to come down.",
        ),
        Mistake("past zero", {"late": False}, "Your cosine counts the steps of the warm-up as well."),
        Mistake(
            "a straight line",
            {"wave": lambda share: 1 - share},
            "The warm-up is right. After it your rate falls along a straight line, and not along a cosine.",
        ),
        Mistake(
            "a whole wave",
            {"wave": lambda share: (1 + math.cos(2 * math.pi * share)) / 2},
            "Your rate falls to 0 halfway and rises again: that is a whole wave. Half of one is asked for.",
        ),
        Mistake(
            "a quarter wave",
            {"wave": lambda share: math.cos(math.pi * share / 2)},
            "Your ends are right. But that is a quarter of a wave: half of one falls slowly at first and slowly at the "
            "end, and is at half of the peak halfway.",
        ),
        Mistake(
            "below zero",
            {"wave": lambda share: math.cos(math.pi * share)},
            "A cosine goes from 1 to -1, and your rate below 0 with it. From 1 to 0 is asked for.",
        ),
        Mistake(
            "not halved",
            {"wave": lambda share: 1 + math.cos(math.pi * share)},
            "Your rate is twice the peak when the warm-up ends: 1 and a cosine go from 2 to 0.",
        ),
        Mistake(
            "upside down",
            {"wave": lambda share: (1 - math.cos(math.pi * share)) / 2},
            "After the warm-up your rate begins at 0 and rises.",
        ),
        Mistake(
            "in degrees",
            {"wave": lambda share: (1 + math.cos(180 * share)) / 2},
            "The cosine of Python and NumPy takes radians: half a wave is pi, not 180.",
        ),
        Mistake(
            "no warm-up", {"warms": False}, "Your rate is at the peak from the first step on: there is no warm-up."
        ),
        Mistake(
            "begun one step early",
            {"begun": 1},
            "At step 0 your rate is above 0 already, and one step before the warm-up ends it is at the peak.",
        ),
        Mistake(
            "a share",
            lambda step, steps, warmup, peak: _rate_at(step, steps, warmup, 1.0),
            "That goes from 0 to 1 and back. It is to reach `peak`.",
        ),
    ],
    nudges=(
        "Two pieces: one for steps before `warmup`, one for the rest. How much of its piece has a step done, from 0 to "
        "1?",
        "Over half a wave the cosine goes from 1 to -1. Add 1, and halve.",
    ),
    why="It is exact at its ends: no step is taken at more than the peak, and the last ones are tiny. In Keras "
    "it is `keras.optimizers.schedules.CosineDecay` with a `warmup_target`.",
)


# --- early stopping ---------------------------------------------------------------------------------------------------


def _early_stop(
    val_losses, patience, *, late=0, ties=False, against="best", in_a_row=True, kept=None, first=0, exchanged=False
):  # fmt: skip
    best, at, waited, stopped = math.inf, 0, 0, len(val_losses) - 1
    for epoch, loss in enumerate(val_losses):
        if loss < best or (ties and loss == best):
            best, at, waited = loss, epoch, 0 if in_a_row else waited
        else:
            waited += 1
            if waited >= max(patience + late, 1):
                stopped = epoch
                break
        best = loss if against == "previous" else best
    if against == "previous":
        at = int(np.argmin(val_losses[: stopped + 1]))
    at = {None: at, "last": stopped, "before": max(stopped - patience, 0), "of all": int(np.argmin(val_losses))}[kept]
    pair = (stopped + first, at + first)
    return pair[::-1] if exchanged else pair


function(
    "09.early_stop",
    "early_stop(val_losses, patience)",
    cases=[
        call([1.0, 0.8, 0.9, 0.85, 0.86, 0.7, 0.6], 2),
        call([1.0, 0.9, 0.8], 3),
        call([0.5, 0.5, 0.5, 0.4], 2),
        call([1.0, 0.7, 0.8, 0.6, 0.65, 0.7, 0.8, 0.5], 3),
        call([0.9, 0.5, 0.8, 0.7, 0.6, 0.55, 0.4], 4),
        call([2.0, 1.0, 1.5, 1.4], 5),
        call([1.0, 1.1, 0.9], 1),
    ],
    right=_early_stop,
    mistakes=[
        Mistake(
            "never",
            lambda val_losses, patience: _early_stop(val_losses, len(val_losses) + 1),
            "You go through the whole list, whatever the patience. When is it at an end?",
        ),
        Mistake(
            "seen ahead",
            {"kept": "of all"},
            "You keep the epoch with the lowest loss of the whole list. After the stop nothing is trained: those "
            "epochs never come to be.",
        ),
        Mistake(
            "last weights", {"kept": "last"}, "You keep the last epoch. The best one that was trained is asked for."
        ),
        Mistake(
            "counted back from the stop",
            {"kept": "before"},
            "You take the stop less the patience. That is the best epoch only where patience ran out, and not where "
            "the list ended first.",
        ),
        Mistake(
            "compared with the previous epoch",
            {"against": "previous"},
            "You compare each loss with the one before it. It can fall for epochs and still be worse than the best.",
        ),
        Mistake("an equal loss", {"ties": True}, "A loss that equals the best one is no new best."),
        Mistake(
            "not in a row",
            {"in_a_row": False},
            "A new best must set the waiting back: `patience` epochs *in a row* without one lead to the stop.",
        ),
        Mistake("one epoch too late", {"late": 1}, "You stop one epoch late: patience ran out an epoch before."),
        Mistake("one epoch too early", {"late": -1}, "You stop one epoch early, with less patience than is given."),
        Mistake("counted from 1", {"first": 1}, "You count epochs from 1. Here they are places in the list, from 0."),
        Mistake("exchanged", {"exchanged": True}, "The right two epochs, exchanged: first where it stops."),
    ],
    nudges=(
        "Keep two things from epoch to epoch: the best loss with its place, and how many epochs it is old.",
        "Leave the loop at the end of the epoch in which the waiting reaches `patience`; where it never does, the last "
        "epoch of the list is the last one trained.",
    ),
    why="`keras.callbacks.EarlyStopping` gives back the weights of the best epoch only if you ask for it, with "
    "`restore_best_weights=True`.",
)


# --- the most probable classes ----------------------------------------------------------------------------------------


def _falling(probabilities, kind="stable", axis=-1):
    return np.argsort(-np.asarray(probabilities), axis=axis, kind=kind)


def _turned(probabilities, kind="stable"):
    return np.argsort(probabilities, axis=-1, kind=kind)[:, ::-1]


def _after(change, sorts=(_falling, _turned), kinds=("stable", None)):
    """Mistakes in what follows each way to sort; the usual `kind`, None, leaves ties in any order."""
    return [
        lambda probabilities, k, sort=sort, kind=kind: change(sort(probabilities, kind), k)
        for sort, kind in itertools.product(sorts, kinds)
    ]


function(
    "09.top_k",
    "top_k(probabilities, k)",
    cases=[
        call(np.array([[0.1, 0.6, 0.3], [0.5, 0.2, 0.3]]), 2),
        call(np.array([[0.25, 0.25, 0.3, 0.2], [0.2, 0.4, 0.2, 0.2]]), 3),
        call(np.array([[0.4, 0.4, 0.1, 0.1]]), 1),
        call(np.array([[0.2, 0.5, 0.3]]), 3),
        call(typed("np.random.default_rng(9).dirichlet(np.ones(8), size=3)"), 5),
        call(typed("np.tile([0.05, 0.01, 0.04], (2, 10))"), 12),
    ],
    right=lambda probabilities, k: _falling(probabilities)[:, :k],
    ints=True,
    mistakes=[
        Mistake(
            "least probable",
            _after(lambda order, k: order[:, ::-1][:, :k]),
            "Those are the least probable classes: sorting begins with the smallest.",
        ),
        Mistake(
            "ties in any order",
            _after(lambda order, k: order[:, :k], [_falling], [None]),
            "Right but for ties, which NumPy's usual sort leaves in any order. Which `kind` leaves them as they were?",
        ),
        Mistake(
            "ties from the end",
            _after(lambda order, k: order[:, :k], [_turned]),
            "Right but for ties: of two classes that are as probable, yours has the one with the higher number first. "
            "Turning a sorted list round turns its ties round as well.",
        ),
        Mistake(
            "rising",
            _after(lambda order, k: order[:, :k][:, ::-1]),
            "The right classes, with the most probable one last. It is to come first.",
        ),
        Mistake(
            "by number",
            _after(lambda order, k: np.sort(order[:, :k], axis=-1)),
            "The right classes, in the order of their numbers. The most probable one is to come first.",
        ),
        Mistake(
            "probabilities",
            lambda probabilities, k: np.sort(probabilities, axis=-1)[:, ::-1][:, :k],
            "Those are the probabilities themselves. Which classes have them?",
        ),
        Mistake(
            "along the images",
            [lambda probabilities, k, kind=kind: _falling(probabilities, kind, 0)[:, :k] for kind in ("stable", None)],
            "You sort along the first axis, and so compare images with each other. Classes are along the second.",
        ),
        Mistake("counted from 1", _after(lambda order, k: order[:, :k] + 1), "You count from 1; the first class is 0."),
        Mistake("all classes", _after(lambda order, k: order), "Those are all classes, not `k`."),
        Mistake("one too few", _after(lambda order, k: order[:, : k - 1]), "That is one class too few."),
        Mistake("first left out", _after(lambda order, k: order[:, 1 : k + 1]), "The most probable class is missing."),
        Mistake(
            "images turned",
            _after(lambda order, k: order[::-1, ::-1][:, :k]),
            "You turn the order of the images round, and not that of the classes, which is along the second axis.",
        ),
        Mistake(
            "first image only",
            _after(lambda order, k: order[0, :k]),
            "That is the answer for the first image. Every image has a row.",
        ),
    ],
    nudges=(
        "`np.argsort` gives the order of numbers along an axis, the smallest first. How does the largest come first?",
        "Sort the negative probabilities. Only a stable sort, `kind='stable'`, leaves ties in the order in which they "
        "were.",
    ),
    why="A right class that is second or third is not lost. Among a thousand classes, many of them alike, the share of "
    "images whose class is among the first five tells one from the other.",
)


# --- four runs --------------------------------------------------------------------------------------------------------

_CAUSES = (
    "the classifier was still random",
    "the rate stayed too high",
    "batch normalisation learned",
    "nothing is wrong",
)
_RUNS = (_CAUSES[1], _CAUSES[3], _CAUSES[0], _CAUSES[2])


def _names(**causes):
    """Whether an answer has these causes at these runs."""
    return lambda given: all(same(given["ABCD".index(run)], _CAUSES[cause]) for run, cause in causes.items())


value(
    "09.runs",
    "a list of four texts, one for each run",
    right=_RUNS,
    parts=("Run A", "Run B", "Run C", "Run D"),
    keys="ABCD",
    mistakes=[
        Mistake(
            "not a choice",
            lambda given: len(given) == 4 and not all(any(same(one, cause) for cause in _CAUSES) for one in given),
            f"The choices are {', '.join(f'`{chr(34)}{cause}{chr(34)}`' for cause in _CAUSES)}.",
        ),
        Mistake(
            "one for all",
            lambda given: len(given) == 4 and len({str(one).casefold() for one in given}) < 4,
            "You name a cause twice. Each of the four belongs to one run.",
        ),
        Mistake(
            "A and C exchanged",
            _names(A=0, C=1),
            "In both the old digits are lost; the question is when. As long as only the classifier learns, the old "
            "digits are named as well as before. In which of the two was there such a time?",
        ),
        Mistake(
            "normalisation elsewhere",
            lambda given: not same(given[3], _CAUSES[2]),
            "Batch normalisation is the layer that does something else in use than in `fit`. In which run do these two "
            "differ most on the very same images?",
        ),
        Mistake(
            "ill health",
            lambda given: not same(given[1], _CAUSES[3]),
            "One run learns the new digits and keeps the old ones. Nothing is wrong with that one.",
        ),
    ],
    nudges=(
        "Two columns to compare in each row: in fit and in use. And one to follow downwards: the old digits.",
        "Old digits that are lost with the first row: the base learned from the beginning. Lost with the second: it "
        "did from then on. Where fit and use differ on the same images, ask which layer has two ways to work.",
    ),
    why="The accuracy that `fit` reports is high at the end of all four. What tells them apart stands beside it: in "
    "use, on the same images, and on what the network knew before. Whoever needs the new digits only may be content "
    "with A or C.",
)


# --- a script repaired ------------------------------------------------------------------------------------------------

_UNSEEN = 0.78  # of new digits: with a base that learns 0.85 and more were measured, frozen up to 0.76
_IN_USE = 0.95  # of the images that it was trained on: 1.00, and 0.85 where batch normalisation learns from one image
_KEPT = 0.9  # of the old digits: 0.99 and more, against 0.86 and less where the base moves too far
_AT_REST = 1e-4  # of a kernel's length


def _moved(base, before, averages=False):
    """How far what moved most has gone, as a share of its length before: of the kernels, or of the averages."""
    lengths = [
        (np.linalg.norm(new - old), np.linalg.norm(old))
        for weight, old, new in zip(base.weights, before, base.get_weights(), strict=True)
        if (weight.name == "moving_mean" if averages else old.ndim > 1)
    ]
    return max(float(step / length) for step, length in lengths)


def _takes_batches(model, base, image):
    """Whether, in `fit`, batch normalisation of the base takes mean and variance of the batch, kept or not."""
    from keras import layers

    norms = [layer for layer in base.layers if isinstance(layer, layers.BatchNormalization)]
    before, momenta = base.get_weights(), [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0  # so that what it takes shows in what it keeps
    model(image, training=True)
    taken = not all(np.array_equal(*pair) for pair in zip(before, base.get_weights(), strict=True))
    base.set_weights(before)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    return taken


def _observed(base, stages):
    """The `fit` of the exercise; notes, of each call in which kernels of the base may learn, how they do."""

    def fit(model, images, labels, rate, epochs, batch_size=8):
        learning = {id(weight) for weight in model.trainable_weights}
        batches = _takes_batches(model, base, images[:1])
        kernels = any(id(weight) in learning and len(weight.shape) > 1 for weight in base.weights)
        stages.append({"kernels": kernels, "batches": batches, "rate": rate, "batch_size": batch_size})
        return patients.fit(model, images, labels, rate, epochs, batch_size)

    return fit


@task(
    "09.repaired",
    "a function of base, images, labels and `fit` that returns a trained model",
    mistakes=(
        "averages moved",
        "forgotten",
        "only the classifier",
        "only batch normalisation",
        "tiny steps",
        "batches in fit",
        "memory",
        "another base",
        "accuracy",
        "no return",
        "wrong type",
        "output shape",
    ),
    nudges=(
        "The second call of `fit` spoils what is used, and not what is measured in `fit`. Which variables of the base "
        "does nothing but the mode of use read?",
        "Which layers of the base must not learn, although the base does? Say so after the base was unfrozen, and "
        "before `fit`.",
    ),
    why="What unfreezes a base reaches every layer, also those that you wanted to stay. `models.unfreeze` leaves batch "
    "normalisation frozen, and the `fit` of its model warns where that is not so.",
)
def _repaired(script):
    import keras

    scripts.is_script(script)
    base, classifier = patients.old_network()
    before, (images, labels) = base.get_weights(), patients.new_digits(first=60)
    keras.utils.set_random_seed(0)
    stages = []  # one for each call of `fit`
    model = run(script, base, images.copy(), labels.copy(), _observed(base, stages))
    if model is None:
        raise Wrong("no return", "Your function trains and returns nothing. It ends with `return model`.")
    networks.not_keras_2(model)
    if not isinstance(model, keras.Model):
        raise Wrong("wrong type", f"Your function returns {describe(model)}; a trained Keras model is expected.")
    networks.gives(model, input_shape=(28, 28, 1), output_shape=(len(patients.NEW),))
    if not {id(weight) for weight in base.weights} <= {id(weight) for weight in model.weights}:
        raise Wrong(
            "another base",
            "The model that you return does not stand on the base that your function is given, but on another one, "
            "which knows nothing or cannot be asked about the old digits.",
        )
    moved = _moved(base, before)
    in_use = patients.accuracy(model, images, labels)
    unseen = patients.accuracy(model, *patients.new_digits("test"))
    known = patients.accuracy(keras.Sequential([base, classifier]), *patients.old_digits())
    averages = _moved(base, before, averages=True)
    learned = [stage for stage in stages if stage["kernels"]]
    if moved < _AT_REST and not learned:
        if any(not np.array_equal(*pair) for pair in zip(before, base.get_weights(), strict=True)):
            raise Wrong(
                "only batch normalisation",
                f"{unseen:.2f} of unseen digits are right. No kernel of the base has moved, but its batch "
                "normalisation has: the one layer that must not learn. Is a condition the wrong way round?",
            )
        raise Wrong(
            "only the classifier",
            f"Only the classifier has learned, with which {unseen:.2f} of unseen digits are right: no kernel of the "
            "base has moved. May it learn when `fit` is called for the second time?",
        )
    if moved < _AT_REST and averages < 1e-3:
        raise Wrong(
            "tiny steps",
            f"The base may learn, but with a rate of {max(stage['rate'] for stage in learned):g} its kernels have "
            f"moved by {moved:.1g} of their length at most, and {unseen:.2f} of unseen digits are right. How large "
            "must a step be to change anything?",
        )
    if in_use >= _IN_USE and unseen >= _UNSEEN and known >= _KEPT:
        many = max((stage["batch_size"] for stage in learned), default=1)
        if many > 1:
            raise Wrong(
                "memory",
                f"{unseen:.2f} of unseen digits are right, and {known:.2f} of the old ones, but the base has learned "
                f"from batches of {many} images, and the memory has room for one at a time. What else can be changed?",
            )
        return f"{unseen:.0%} of unseen digits are right, and {known:.0%} of the old ones still are."
    if averages < 1e-3 and any(stage["batches"] for stage in learned):
        many = max(stage["batch_size"] for stage in learned if stage["batches"])
        raise Wrong(
            "batches in fit",
            f"In use, {in_use:.2f} of the images that it was trained on are right, {unseen:.2f} of unseen ones and "
            f"{known:.2f} of the old digits. The averages stay, but in `fit` batch normalisation still takes mean and "
            f"variance of {'one image' if many == 1 else f'a batch of {many}'}, so the base learns for another network "
            "than the one in use. Only a frozen layer does in `fit` what it does in use.",
        )
    if known < _KEPT and (averages < 1e-3 or in_use >= _IN_USE):
        raise Wrong(
            "forgotten",
            f"{unseen:.2f} of unseen new digits are right, but of the old ones only {known:.2f}: the base has moved by "
            f"up to {moved:.2g} of a kernel's length, and the classifier of the old digits does not understand it any "
            f"more. The task asks for {_KEPT}.",
        )
    if averages > 1e-3:
        raise Wrong(
            "averages moved",
            f"In use, {in_use:.2f} of the images that it was trained on are right, and {unseen:.2f} of unseen ones. "
            f"The averages that the base's batch normalisation keeps have moved by up to {averages:.2g} of their "
            "length. How many images did each step take them from, and may they move at all?",
        )
    raise Wrong(
        "accuracy",
        f"In use, {in_use:.2f} of the images that it was trained on are right, and {unseen:.2f} of unseen new digits; "
        f"the task asks for {_IN_USE} and {_UNSEEN}. Were the classifier, and then the base, trained long enough?",
    )


# --- better, and nothing forgotten ------------------------------------------------------------------------------------

_BETTER = 0.70  # of shapes; a classifier on the frozen base reached 0.64, fine-tuned networks 0.71 to 0.80
_LOST = 0.2  # of shapes: a model below has not learned them, or not from such pixels
_REMEMBERED = 0.54  # of textures; 0.68 before, 0.56 to 0.61 after small steps, 0.51 and less after large ones


@functools.cache
def _shapes():
    """Images that the student has not seen, with their labels."""
    from ..datasets.drawn import draw

    drawn = draw(400, memory.SIZE, seed=909)
    return drawn.images.astype("float32"), drawn.labels


@functools.cache
def _remembered_at_first():
    from ..models import pretrained_base

    return memory.remembers(pretrained_base("small_vgg", input_shape=(memory.SIZE, memory.SIZE, 3)))


def _right(scores, labels):
    return float((scores.argmax(axis=-1) == labels).mean())


@task(
    "09.your_own",
    "your fine-tuned model",
    mistakes=(
        "accuracy",
        "base at rest",
        "guessing",
        "forgotten",
        "another base",
        "no probabilities",
        "output shape",
        "wrong type",
    ),
    nudges=(
        "Train the classifier until it learns no more, then let the last block learn with a rate a tenth as large or "
        "smaller. What does `memory.remembers` say after each epoch?",
        "Which layers learn, how fast and how long: each of the three trades what is learned against what is "
        "forgotten. A rate that falls to 0 ends where it has come to, and not one large step beside it.",
    ),
    why="What a network has lost is not seen by chance. Whoever needs the old knowledge has to measure it, as here.",
)
def _your_own(model):
    networks.is_model(model)
    networks.gives(model, input_shape=(memory.SIZE, memory.SIZE, 3), output_shape=(10,))
    images, labels = _shapes()
    scores = networks.outputs(model, images)
    if scores.min() < -1e-6 or not np.allclose(scores.sum(axis=-1), 1, atol=0.02):
        raise Wrong(
            "no probabilities", "The outputs for an image do not add up to 1. Does the last layer have a softmax?"
        )
    try:
        remembered = memory.remembers(model)
    except ValueError as error:
        raise Wrong("another base", f"{error} Put the classifier on the base that this task loads.") from None
    reached = _right(scores, labels)
    if reached < _LOST:
        raise Wrong(
            "guessing",
            f"{reached:.3f} of 400 unseen shapes are right, where guessing gets 0.1. The model gets pixels from 0 to "
            "255: was it trained, and on such pixels, not on images divided by 255?",
        )
    if _LOST <= reached < _BETTER and abs(remembered - _remembered_at_first()) < 1e-3:
        raise Wrong(
            "base at rest",
            f"{reached:.3f} of 400 unseen shapes are right; the task asks for {_BETTER}. Of the textures "
            f"{remembered:.3f} are, exactly as many as at the beginning: the base has hardly learned. Which of its "
            "layers may learn, and how large are their steps?",
        )
    if reached < _BETTER:
        raise Wrong(
            "accuracy",
            f"{reached:.3f} of 400 unseen shapes are right, and {remembered:.3f} of the textures; the task asks for "
            f"{_BETTER} of the shapes. How much of that does the classifier reach on the frozen base?",
        )
    if remembered < _REMEMBERED:
        raise Wrong(
            "forgotten",
            f"{reached:.3f} of 400 unseen shapes are right, but only {remembered:.3f} of the textures; the task asks "
            f"for {_REMEMBERED}. Fewer layers, smaller steps or fewer of them keep more.",
        )
    return f"{reached:.1%} of unseen shapes are right, and {remembered:.1%} of the textures still are."
