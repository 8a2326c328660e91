"""The checks of appendix a1, "It does not learn": repaired scripts are run on other images, and their models judged.

A repair is right if its network learns and keeps the agreement of the page: pixels from 0 to 255 go in, probabilities
come out. What else is wrong is found by a measurement, and the hint says what was measured.
"""

import contextlib
import functools
import math

import numpy as np

from . import networks, scripts
from .engine import Wrong
from .kinds import Mistake, call, function, prediction, task

_BOUND = 0.8  # accuracy on unseen digits; the repaired scripts reach 0.95 and more, guessing 0.1


@functools.cache
def _digits():
    """Images and labels to train on, unseen ones, and their labels. Classes are renamed: labels must be learned."""
    from ..datasets import load

    digits = load("mnist", "train", examples=1_400, source="stand-in")
    labels = (3 * digits.labels + 1) % 10
    return digits.images[600:1_200], labels[600:1_200], digits.images[1_200:], labels[1_200:]


@functools.cache
def _few_nines():
    """The same with two classes: 1 is a nine, and one image in twenty."""
    from ..datasets import load

    digits = load("mnist", "train", examples=1_400, source="stand-in")
    images, nines = digits.images[300:900], (digits.labels[300:900] == 9).astype("int64")
    others = np.flatnonzero(nines == 0)
    keep = np.sort(np.concatenate([others, np.flatnonzero(nines)[: len(others) // 19]]))
    return images[keep], nines[keep], digits.images[900:], (digits.labels[900:] == 9).astype("int64")


# --- measurements -----------------------------------------------------------------------------------------------------


def _scores(model, images, training=False):
    """The model's outputs, an array of float64; nothing of it is changed."""
    from keras import ops

    with networks.restored(model):  # in the mode of training, batch normalisation moves its averages
        return ops.convert_to_numpy(model(np.asarray(images, "float32"), training=training)).astype("float64")


def _accuracy(scores, labels):
    return float((scores.argmax(axis=-1) == labels).mean())


def _loss(scores, labels):
    return float(-np.log(np.maximum(scores[np.arange(len(labels)), labels], 1e-7)).mean())


def _spread(scores):
    """How much the outputs differ from image to image."""
    return float(scores.std(axis=0).max())


def _surest(model, images):
    """The largest probability that the model gives to a class, also if its weights were ten times as large."""
    from keras import ops

    surest = _scores(model, images).max()
    with networks.restored(model):
        for weight in model.trainable_variables:
            weight.assign(10 * ops.convert_to_numpy(weight))
        return float(max(surest, _scores(model, images).max()))


def _alike(arrays):
    """How many units of a layer have the same weights, and whether these are zeros; None if units differ everywhere."""
    for kernel in map(np.asarray, arrays):
        if kernel.ndim > 1 and kernel.shape[-1] > 1:
            units = kernel.reshape(-1, kernel.shape[-1])
            if np.ptp(units, axis=1).max() <= 1e-6 * np.abs(units).max():
                return units.shape[1], not units.any()
    return None


def _first_input(model, images):
    """The largest number, without its sign, that the first layer with a kernel is given."""
    import keras

    layer = next(layer for layer in model.layers if any(len(weights.shape) > 1 for weights in layer.weights))
    reached = networks.outputs(keras.Model(model.inputs, layer.input), images)
    return _first_input(layer, reached) if hasattr(layer, "layers") else float(np.abs(reached).max())


def _far(training):
    """A sentence about the kernels that moved most and least."""
    steps = training.steps
    if len(steps) < 2:
        return f" Its kernel has moved by {training.moved:.2g} of its length." if steps else ""
    (most, far), (least, near) = (choose(steps.items(), key=lambda step: step[1]) for choose in (max, min))
    return (
        f" Of its {len(training.kernels)} kernels number {most} has moved most, by {far:.2g} of its length, and number "
        f"{least} least, by {near:.2g}."
    )


def _momentum(model):
    """The largest momentum of the model's batch normalisation, in models within it too; None if it has none."""
    from keras import layers

    parts = [_momentum(part) if hasattr(part, "layers") else part for part in model.layers]
    momenta = [part.momentum if isinstance(part, layers.BatchNormalization) else part for part in parts]
    return max((momentum for momentum in momenta if isinstance(momentum, float)), default=None)


# --- judgements: each raises `Wrong` or returns -----------------------------------------------------------------------


def _pairs(training, images, labels, whole=False):
    """What reached `fit` are pairs that were given; where `whole`, all of them. Returns whether they can be known."""
    share, reached, rearranged = scripts.reach_fit(training, images, labels)
    if rearranged:
        raise Wrong(
            "pixels moved",
            "The images that reach `fit` have the pixels of those that your function is given, in other places. Along "
            "which axis of the array does one image follow another?",
        )
    if share is not None and share < 0.99:
        raise Wrong(
            "other labels",
            f"Of the images that reach `fit`, {share:.0%} come with the label that belongs to them. Up to where do "
            "images and labels go together?",
        )
    if whole and 0 < reached < len(images):
        raise Wrong(
            "images lost",
            f"Your function is given {len(images)} images, and {reached} of them reach `fit`. What becomes of the "
            "others?",
        )
    return share is not None


def _probabilities(model, scores):
    if not np.isfinite(scores).all() or not all(np.isfinite(weights).all() for weights in model.get_weights()):
        raise Wrong(
            "not a number",
            "After training, the model's outputs or weights are not numbers. Which numbers go in, and how far does the "
            "first step move the weights?",
        )
    if scores.min() < -1e-6 or not np.allclose(scores.sum(axis=-1), 1, atol=0.02):  # may be rounded to bfloat16
        raise Wrong(
            "no probabilities",
            f"For one image the outputs go from {scores[0].min():.3g} to {scores[0].max():.3g} and add up to "
            f"{scores[0].sum():.3g}. The agreement asks for a probability for each class, and probabilities add up to "
            "1. If you have trained on scores, with a loss that is told so, the model that you return still lacks a "
            "softmax.",
        )


def _range(model, images, labels):
    """The model does as well with pixels from 0 to 255 as with any others."""
    unit = images / np.float32(255)
    others = {
        "from 0 to 1": unit,
        "from -1 to 1": 2 * unit - 1,
        "from 0 to 1 with ink and paper exchanged": 1 - unit,
        "from 0 to 255 with ink and paper exchanged": np.float32(255) - images,
        "of mean 0 and standard deviation 1": (unit - unit.mean()) / unit.std(),
    }

    def tried(pixels, training):
        scores = _scores(model, pixels, training)
        return _loss(scores, labels), _accuracy(scores, labels)

    loss, accuracy = tried(images, False)
    best = max(accuracy, tried(images, True)[1])
    for training in (False, True):  # the mode of training is spoken of only where nothing else explains it
        (other_loss, other_accuracy), name = min((tried(pixels, training), name) for name, pixels in others.items())
        better = other_accuracy > best - 0.01 and other_loss < min(loss / 2, loss - 0.1)
        if other_accuracy >= 0.5 and (better or other_accuracy > best + 0.15):
            raise Wrong(
                "another range",
                f"Given pixels from 0 to 255, the model's loss on unseen images is {loss:.2f} and its accuracy "
                f"{accuracy:.2f}; given pixels {name}{', and in the mode of training' * training}, {other_loss:.2f} "
                f"and {other_accuracy:.2f}. The agreement says which pixels the returned model is given.",
            )


def _training_was_seen(training):
    """Some model was compiled or fitted. One that was not, and knows nothing, lacks its training."""
    if training.compiled is None and not training.kernels:
        raise Wrong(
            "not trained",
            "As far as this check can see, no model was compiled or fitted in your function, and the one that it "
            "returns knows nothing. The scripts end with `return fit(...)`.",
        )


def _two_modes(model, images, labels):
    """The model does as well as in the mode of training. Returns a sentence with the two losses."""
    now, then = _scores(model, images), _scores(model, images, training=True)
    if _loss(now, labels) > _loss(then, labels) + 0.3:
        momentum = _momentum(model)
        remedy = "Averages that have not caught up need more steps, or a momentum smaller than"
        raise Wrong(
            "two modes",
            f"On the images that it was trained on, the model's loss is {_loss(now, labels):.2f} and its accuracy "
            f"{_accuracy(now, labels):.2f}; in the mode of training they are {_loss(then, labels):.2f} and "
            f"{_accuracy(then, labels):.2f}. Which layer does something else in training than later?"
            + (f" {remedy} {momentum:g}." if momentum else ""),
        )
    return (
        f" On the images that it was trained on its loss is {_loss(now, labels):.2f}, in the mode of training "
        f"{_loss(then, labels):.2f}."
    )


def _averages(training):
    """The averages of batch normalisation are mostly those of the training. Returns a sentence about them, or ""."""
    momentum = _momentum(training.model)
    if momentum and training.compiled:
        steps = int(training.compiled.optimizer.iterations)
        if momentum**steps > 0.5:
            raise Wrong(
                "averages begun",
                f"The two modes agree, but of the averages of batch normalisation {momentum**steps:.0%} is still the 0 "
                f"and 1 that they began with: at a momentum of {momentum:g} each of {steps} steps replaces "
                f"{1 - momentum:.1%}. It shows little where numbers far larger than 1 are normalised, and would show "
                "with others.",
            )
        return f" Of the averages of batch normalisation {1 - momentum**steps:.0%} come from the training."
    return ""


def _learns(script, whole=False, averages=False, deep=False):
    """Judge a script for ten classes; returns a sentence with what it reached."""
    images, labels, unseen, unseen_labels = _digits()
    training = scripts.trained(script, images, labels, 10)
    model = training.model
    same_pixels = _pairs(training, images, labels, whole)
    scores = _scores(model, unseen)
    _probabilities(model, scores)
    reached, loss = _accuracy(scores, unseen_labels), _loss(scores, unseen_labels)
    if reached < _BOUND:
        _training_was_seen(training)
    if not same_pixels:
        _range(model, unseen, unseen_labels)
    both_modes = _two_modes(model, images, labels)
    if reached < _BOUND:
        _pairs(training, images, labels, whole=True)
        if deep:
            _fades(training)
        _cause(training, images, labels)
        if deep:
            _sigmoids(training, reached)
        _symptom(scores, reached, loss, _accuracy(_scores(model, images), labels), _far(training))
    surest = _surest(model, images)
    if surest < 0.99:
        raise Wrong(
            "floor",
            f"{reached:.0%} of unseen images are named rightly, and no class gets a probability above {surest:.2f}, "
            f"however large the weights become: the loss stays above {-math.log(surest):.2f}. What squeezes the "
            "outputs?",
        )
    said = f"{reached:.1%} of images that it has not seen are named rightly, with a loss of {loss:.2f}."
    if averages:
        said += both_modes + _averages(training)
    wrong = scores.argmax(axis=-1) != unseen_labels
    if loss > 0.5 and np.median(scores[wrong].max(axis=-1)) > 0.9:
        said += (
            " So it has learned, and yet the loss is large: in most of its mistakes the network gives the wrong name a "
            "probability of more than 0.9. Outputs are so sure where the numbers on the way to them are large."
        )
        with contextlib.suppress(Exception):  # of a model without `layers` it cannot be told
            largest = _first_input(model, np.asarray(unseen, "float32"))
            said += f" Those that the first layer gets go up to {largest:.3g}"
            said += ": your repair lives with them." if largest > 10 else ". How large are its weights?"
    return said


def _cause(training, images, labels):
    """Why a network has not learned, where a measurement says so."""
    model, moved, before = training.model, training.moved, [before for _, before in training.kernels]
    shown = training.fits[-1][0] if training.fits else images  # what the network saw, wherever it was scaled
    spread = _spread(_scores(model, shown))
    if alike := _alike(model.get_weights()):
        raise Wrong(
            "units alike",
            f"After training, the {alike[0]} units of a layer still have the same weights{', all 0' * alike[1]}. What "
            "would have made them different?",
        )
    if alike := _alike(before[:-1]):  # the last layer may begin so
        raise Wrong(
            "units alike",
            f"Before the first step the {alike[0]} units of a layer had the same weights{', all 0' * alike[1]}, so all "
            "of them gave the next layer the same number. What would have made them different from the beginning?",
        )
    if moved is not None and moved > 1 and spread < 1e-5:
        raise Wrong(
            "steps too large",
            f"A kernel has moved by {moved:.3g} times its size, and the network now gives every image the same answer: "
            "its units are dead or saturated. How long are the steps?",
        )
    up, down = (_scores(model, np.roll(shown, way, axis=(1, 2))) for way in (-2, 2))  # digits have a margin of four
    if spread > 1e-5 and np.abs(up - down).mean() < 0.02 * spread:
        raise Wrong(
            "places lost",
            "With every digit shifted by a few pixels, the network's answers stay the same. Which layer takes a mean "
            "or a maximum over all places? A network as small as this one needs to know where a stroke is.",
        )
    if spread < 0.01 and _spread(_scores(model, 255 * np.asarray(shown, "float32"))) > 20 * spread:
        raise Wrong(
            "tiny inputs",
            f"From image to image its probabilities differ by {spread:.1g}, and if pixels were 255 times as large, by "
            "much more. The numbers that reach the first layer are tiny: how often are they scaled?",
        )
    if moved is not None and moved < 0.05:
        far = f"has moved by more than {moved:.1g} of its size" if moved else "has moved at all"
        raise Wrong(
            "steps too small",
            f"In the whole training no kernel {far}. How many steps are taken, how long is each, and is there a "
            "gradient?",
        )


def _symptom(scores, reached, loss, known, far):
    """What a network that has not learned looks like from outside; `far` is what is said of its steps."""
    guessing = max(known, reached) < 0.25
    if guessing and abs(loss - math.log(10)) < 0.15:
        raise Wrong(
            "stuck at log 10",
            f"Trained on other digits, its loss on unseen ones is {loss:.2f}, about log 10, which is 2.30: it answers "
            f"every image alike, or nearly so.{far} What do the gradients look like, and what the images beside their "
            "labels?",
        )
    if len(set(scores.argmax(axis=-1).tolist())) == 1:
        raise Wrong(
            "one class only",
            f"It calls every unseen image a {scores[0].argmax()}, with a loss of {loss:.3g}.{far} Do the units of a "
            "layer differ from each other, or are they all saturated?",
        )
    if guessing and loss > math.log(10):
        raise Wrong(
            "sure and wrong",
            f"Its loss of {loss:.2f} is above log 10, which is 2.30: it is sure of what it says, and right on "
            f"{known:.2f} of the very images that it was given. It has learned something else than their names.",
        )
    raise Wrong(
        "accuracy",
        f"It learns something: {reached:.3f} of unseen images are right, and {known:.3f} of those that it was trained "
        f"on. The task asks for {_BOUND} of the unseen ones.{far} Do the steps go far enough, or too far?",
    )


# --- tasks ------------------------------------------------------------------------------------------------------------

prediction(
    "a1.colleague",
    right="the learning rate is too small",
    choices={
        "all weights are zero": "Then the gradients would be 0 as well, those of the last biases excepted.",
        "the ReLUs are dead": "A dead ReLU has a derivative of 0, and so have all weights before it. These gradients "
        "are as large as in a healthy network.",
        "the learning rate is too small": "The gradient is there and the step is not: what lies between them is the "
        "rate. A rule of thumb asks for steps of about a thousandth of the weights; a healthy network of yours is a "
        "better yardstick.",
        "the labels belong to other images": "With such labels a network still learns twenty images by heart.",
    },
    nudges=(
        "What lies between a gradient and the step that is taken?",
        "Go through the four: in which of them is the gradient 0, and in which are twenty images learned by heart?",
    ),
)


@task(
    "a1.stuck",
    "a function of images and labels that returns a trained model",
    mistakes=(
        "units alike",
        "not trained",
        "steps too small",
        "steps too large",
        "tiny inputs",
        "another range",
        "accuracy",
        "one class only",
        "wrong type",
        "no return",
        "output shape",
    ),
    nudges=(
        "Write down the outputs of the hidden layer for any image, and with them the gradient of the last kernel.",
        "Products of zeros stay zero. Which initial values are neither all the same nor far too large? Keras has a "
        "default.",
    ),
    why="Units of a layer with the same weights, those behind them included, get the same gradient and stay alike. "
    "Random initial values are there to make them different; biases may begin at zero.",
)
def _stuck(script):
    return _learns(script)


@task(
    "a1.nan",
    "a function of images and labels that returns a trained model",
    mistakes=("not a number", "steps too small", "another range", "wrong type"),
    nudges=(
        "How large are the numbers that the first layer gets, and how large is its gradient therefore?",
        "A gradient of the first layer is proportional to its input. With another optimizer or a lower rate the "
        "weights stay finite, and the input is as large as before. Make it smaller, inside the model.",
    ),
    why="Inputs near 1 in size are what the default initial values and rates are made for, and a layer that scales "
    "them inside the model cannot be forgotten later.",
)
def _nan(script):
    return _learns(script)


def _kernel_steps(before, after, *, counted=lambda place, axes: axes > 1, of="step", by="before", power=1):
    """Which arrays are `counted`, `of` what the length is taken, what it is divided `by`: the usual slips."""
    shares = []
    for place, (old, new) in enumerate(zip(before, after, strict=True)):
        if counted(place, old.ndim):
            lengths = {"before": np.linalg.norm(old), "after": np.linalg.norm(new), "nothing": 1.0}
            lengths |= {"step": np.linalg.norm(new - old), "gain": lengths["after"] - lengths["before"]}
            lengths |= {"loss": -lengths["gain"], "difference": abs(lengths["gain"])}
            with np.errstate(divide="ignore"):  # upside down, a kernel at rest gives infinity
                shares.append(float((lengths[of] / lengths[by]) ** power))
    return shares


function(
    "a1.kernel_steps",
    "kernel_steps(before, after)",
    cases=[
        call(
            [np.array([[3.0, 0.0], [0.0, 4.0]]), np.array([1.0, 2.0])],
            [np.array([[0.0, 3.0], [4.0, 0.0]]), np.array([1.0, 4.0])],
        ),
        call(
            [np.full((1, 2, 1, 4), 2.0), np.array([[1.0], [2.0], [2.0]]), np.array([2.0])],  # the first has no bias
            [np.full((1, 2, 1, 4), 2.5), np.array([[1.0], [2.0], [2.0]]), np.array([3.0])],
        ),
    ],
    right=_kernel_steps,
    mistakes=[
        Mistake(
            "biases counted",
            {"counted": lambda place, axes: True},
            "There are more numbers in your list than there are kernels. How many axes has a bias?",
        ),
        Mistake(
            "two axes only",
            {"counted": lambda place, axes: axes == 2},
            "Your list has a number too few: the kernel of a convolution has four axes.",
        ),
        Mistake(
            "every second array",
            {"counted": lambda place, axes: place % 2 == 0},
            "Not every kernel has a bias behind it: in front of batch normalisation it may have none. A kernel is "
            "known by its axes, not by its place.",
        ),
        Mistake(
            "last layer first",
            lambda before, after: _kernel_steps(before, after)[::-1],
            "The numbers are right, and begin with the last kernel. `before` and `after` begin with the first.",
        ),
        Mistake(
            "ratio of lengths",
            {"of": "after"},
            "A kernel that stays as it is has moved by 0, and you give it a 1. How long is the difference of the two "
            "arrays?",
        ),
        Mistake(
            "lengths compared",
            [{"of": "difference"}, {"of": "gain"}, {"of": "loss"}],
            "A kernel can turn without getting longer. How long is the difference of the two arrays?",
        ),
        Mistake("not compared", {"by": "nothing"}, "That is the length of the step. What share of the kernel's is it?"),
        Mistake("compared with the end", {"by": "after"}, "The share is that of the length *before*."),
        Mistake("no root", {"power": 2}, "That is the square of the share: the length has a root."),
        Mistake(
            "upside down",
            {"power": -1},
            "A kernel that does not move has moved by 0 of its length. What is divided by what?",
        ),
        Mistake(
            "mean of shares",
            lambda before, after: [
                float(np.mean(np.abs(new - old)) / np.mean(np.abs(old)))
                for old, new in zip(before, after, strict=True)
                if old.ndim > 1
            ],
            "That compares mean sizes. The length of an array is the root of the sum of its squares.",
        ),
    ],
    nudges=(
        "Go through both lists at once, and leave out what has one axis.",
        "`np.linalg.norm` of an array with any number of axes is the root of the sum of its squares.",
    ),
    why="A step of the first kernel says little about the others. With one number a layer you see where the learning "
    "ends, and which layers were frozen by mistake.",
)


def _fades(training):
    """The first kernel hardly moved, compared with the one that moved most: its gradient got lost on the way."""
    shares = list(training.steps.values())
    if len(shares) > 2 and shares[0] < 0.01 * max(shares):
        raise Wrong(
            "fading",
            f"In the whole training the first kernel has moved by {shares[0]:.1g} of its length, and another one by "
            f"{max(shares):.1g}. On its way back through {len(shares)} layers the gradient gets smaller and smaller. "
            "How large is the derivative of the activation, at most?",
        )


def _sigmoids(training, reached):
    """They have stayed. An optimiser that divides by the size of the gradient hides it from the steps."""
    from keras import activations

    squeezing = sum(getattr(layer, "activation", None) is activations.sigmoid for layer in training.model.layers)
    if squeezing > 2:
        raise Wrong(
            "fading",
            f"{reached:.0%} of unseen images are named rightly.{_far(training)} Longer steps are no repair where "
            f"{squeezing} layers have a sigmoid: how large is its derivative, at most, and what is left of a gradient "
            "that goes through all of them?",
        )


@task(
    "a1.deep",
    "a function of images and labels that returns a trained model",
    mistakes=(
        "fading",
        "units alike",
        "steps too small",
        "floor",
        "no probabilities",
        "places lost",
        "another range",
        "wrong type",
    ),
    nudges=(
        "The slope of a sigmoid is a quarter where it is steepest. What becomes of a gradient that goes through seven?",
        "Which activation has a slope of 1 over half of its range, and which initial values go with it? Fewer layers "
        "would do as well.",
    ),
    why="Each layer multiplies the gradient by its own slopes. Where these are below 1, the first layers of a deep "
    "network hear nothing. ReLUs, initial values made for them, normalisation and shortcuts are all answers to this.",
)
def _deep(script):
    return _learns(script, deep=True)


prediction(
    "a1.which_test",
    right="a batch drawn with its labels",
    choices={
        "the first loss": "It is that of guessing for any labels, log 10 or a little more: the network knows none of "
        "them yet.",
        "the size of the gradients": "They are not 0, since there is something to learn, if only by heart. As the "
        "training goes on they may be smaller than in a healthy network, as patient A's are in the appendix; but that "
        "has many causes, and says nothing of labels.",
        "twenty images by heart": "Wrong names can be learned by heart as well as right ones.",
        "a batch drawn with its labels": "Whoever looks sees a 3 that is called a 7. No number made from images alone "
        "or labels alone could say so.",
    },
    nudges=(
        "Which tests would give the same result if the labels had been right?",
        "Is there any number, made from the images alone or from the labels alone, that changes?",
    ),
)


@task(
    "a1.shuffled",
    "a function of images and labels that returns a trained model",
    mistakes=("other labels", "images lost", "pixels moved", "stuck at log 10", "sure and wrong", "wrong type"),
    nudges=(
        "Are the two calls of `shuffle` given the same order?",
        "Make one array of positions, and use it for both. Or ask who shuffles anyway: what does `model.fit` do?",
    ),
    why="Draw a batch with its labels, at the end of everything that was done to it. It takes a minute and finds what "
    "no curve shows.",
)
def _shuffled(script):
    return _learns(script, whole=True)


@task(
    "a1.rare",
    "a function of images and labels that returns a trained model",
    mistakes=(
        "one class only",
        "too many alarms",
        "too few found",
        "weights exchanged",
        "not trained",
        "steps too small",
        "another range",
        "wrong type",
        "output shape",
    ),
    nudges=(
        "What does the loss lose when an eight is missed, and how often does that happen?",
        "Let an error on a rare image count more, for which the given `fit` has an argument, or show rare images more "
        "often. More training can do it too.",
    ),
    why="State the accuracy of the constant answer beside every accuracy. Here it is 0.95, and worth nothing.",
)
def _rare(script):
    images, labels, unseen, unseen_labels = _few_nines()
    training = scripts.trained(script, images, labels, 2)
    same_pixels = _pairs(training, images, labels)
    scores = _scores(training.model, unseen)
    _probabilities(training.model, scores)
    answers = scores.argmax(axis=-1)
    found, kept = float(answers[unseen_labels == 1].mean()), float(1 - answers[unseen_labels == 0].mean())
    if found < 0.6 or kept < 0.85:
        _training_was_seen(training)
    if not same_pixels:
        _range(training.model, unseen, unseen_labels)
    if found >= 0.6 and kept >= 0.85:
        return f"It finds {found:.0%} of the rare digits and leaves {kept:.0%} of the others alone."
    counted = [sum(counts[y == label].sum() for _, y, counts in training.fits) for label in (0, 1)]
    if counted[1] < 0.9 * labels.mean() * sum(counted):
        raise Wrong(
            "weights exchanged",
            f"The rare digit, class 1, is {labels.mean():.1%} of the images that your function is given, and counts "
            f"{counted[1] / sum(counted):.2%} in the loss. Which of the two classes is to count more?",
        )
    _cause(training, images, labels)
    if len(set(answers.tolist())) == 1:
        raise Wrong(
            "one class only",
            f"Trained with another rare digit, it calls every image {answers[0]}; the rare digit is class 1, all "
            "others are class 0. Which scores do rare images get, compared with the others?",
        )
    if found < 0.6:
        raise Wrong(
            "too few found",
            f"Of the rare digits {found:.0%} are found, of the others {kept:.1%} are left alone. Errors on rare images "
            "must cost more, or be met more often; to `fit`, the rare digit is class 1 and all others are class 0.",
        )
    raise Wrong(
        "too many alarms",
        f"Of the rare digits {found:.0%} are found, but of the others only {kept:.1%} are left alone. Has the training "
        "come far enough to tell them apart?",
    )


@task(
    "a1.two_bugs",
    "a function of images and labels that returns a trained model",
    mistakes=("two modes", "averages begun", "another range", "not a number", "accuracy", "wrong type"),
    nudges=(
        "Which pixels does the model get in training, and which does the returned model get? And which layer behaves "
        "differently after training?",
        "Put the scaling into the model. Then count the steps of this training, and what share of the averages of "
        "batch normalisation each of them replaces.",
    ),
    why="Two bugs at once are found by repairing what a test convicts and then running all tests again. A repair that "
    "changes nothing may still be right.",
)
def _two_bugs(script):
    return _learns(script, averages=True)
