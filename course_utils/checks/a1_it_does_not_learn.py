"""The checks of appendix a1, "It does not learn": repaired scripts are run on other images, and their models judged."""

import contextlib
import functools
import io
import math

import numpy as np

from . import networks
from .comparing import describe
from .engine import Wrong, run
from .kinds import Mistake, prediction, task, value

_BOUND = 0.8  # accuracy on unseen digits; the repaired scripts reach 0.9 and more, guessing 0.1


@functools.cache
def _digits():
    """Images and labels to train on, unseen ones, and their labels. Classes are renamed: labels must be learned."""
    from ..datasets import load

    digits = load("mnist", "train", examples=1_400, source="stand-in")
    labels = (3 * digits.labels + 1) % 10
    return digits.images[600:1_100], labels[600:1_100], digits.images[1_100:], labels[1_100:]


@functools.cache
def _few_threes():
    """The same with two classes: 1 is a three, and one image in twenty."""
    from ..datasets import load

    digits = load("mnist", "train", examples=1_400, source="stand-in")

    def chosen(part):
        images, threes = digits.images[part], (digits.labels[part] == 3).astype("int64")
        some = np.flatnonzero(threes)[: int((threes == 0).sum() / 19)]
        keep = np.sort(np.concatenate([np.flatnonzero(threes == 0), some]))
        return images[keep], threes[keep]

    unseen = digits.images[900:], (digits.labels[900:] == 3).astype("int64")
    return *chosen(slice(300, 900)), *unseen


def _model_of(script, images, labels, classes):
    """Train the student's script, quietly, and look at what it returns."""
    import keras

    if isinstance(script, keras.Model) or not callable(script):
        raise Wrong(
            "wrong type",
            f"This check wants the function itself, without parentheses after it, and got {describe(script)}.",
        )
    keras.utils.set_random_seed(0)
    with contextlib.redirect_stdout(io.StringIO()):
        model = run(script, images.copy(), labels.copy())
    if model is None:
        raise Wrong("no return", "Your function trains and returns nothing. It ends with `return fit(...)`.")
    networks.is_model(model)
    networks.gives(model, input_shape=(28, 28, 1), output_shape=(classes,))
    return model


def _answers(model, images, labels):
    """Scores, accuracy and loss of the model on images with pixels from 0 to 255."""
    from keras import ops

    outputs = model(images.astype("float32"), training=False)  # `predict` would compile, which takes longer
    scores = np.asarray(ops.convert_to_numpy(outputs), dtype="float64")
    if not np.isfinite(scores).all() or not all(np.isfinite(weights).all() for weights in model.get_weights()):
        raise Wrong(
            "not a number",
            "After training, the model's outputs or weights are not numbers. Which numbers go in, and how far does the "
            "first step move the weights?",
        )
    right = scores[np.arange(len(labels)), labels]
    return scores, float((scores.argmax(axis=-1) == labels).mean()), float(-np.log(np.maximum(right, 1e-7)).mean())


def _accuracy_in_training_mode(model, images, labels):
    from keras import ops

    weights = model.get_weights()
    scores = ops.convert_to_numpy(model(images.astype("float32"), training=True))
    model.set_weights(weights)
    return float((scores.argmax(axis=-1) == labels).mean())


def _learns(script):
    """Judge a script for ten classes; returns a sentence with what it reached."""
    images, labels, unseen, unseen_labels = _digits()
    model = _model_of(script, images, labels, 10)
    scores, reached, loss = _answers(model, unseen, unseen_labels)
    known = _answers(model, images, labels)[1]
    if reached >= _BOUND and scores.sum(axis=-1).max() < 1.02 and scores.max() < 0.3:
        raise Wrong(
            "floor",
            f"{reached:.0%} of unseen images are named rightly, and no class ever gets a probability above "
            f"{scores.max():.2f}: the loss stays above {-math.log(scores.max()):.2f}. What squeezes the outputs?",
        )
    networks.probabilities(model, input_shape=(28, 28, 1))
    if reached >= _BOUND:
        return f"{reached:.1%} of images that it has not seen are named rightly, with a loss of {loss:.2f}."
    in_training = _accuracy_in_training_mode(model, images, labels)
    if in_training > known + 0.15:
        raise Wrong(
            "two modes",
            f"On its own training images the model reaches {known:.2f}, and in the mode of training {in_training:.2f}. "
            "Which layer does something else in training than later?",
        )
    unit = images / np.float32(255)
    elsewhere = max(
        score
        for pixels in (unit, 2 * unit - 1, 1 - unit)
        for score in (_answers(model, pixels, labels)[1], _accuracy_in_training_mode(model, pixels, labels))
    )
    if elsewhere > known + 0.15:
        raise Wrong(
            "another range",
            f"Given pixels from 0 to 255 the model reaches {known:.2f} on its own training images, given changed ones "
            f"{elsewhere:.2f}. The agreement says which it is given.",
        )
    guessing = max(known, reached) < 0.25
    if guessing and abs(loss - math.log(10)) < 0.15:
        raise Wrong(
            "stuck at log 10",
            f"Trained on other digits, its loss on unseen ones is {loss:.2f}, about log 10: it answers every image "
            "alike, or nearly so. What do the gradients look like, and what the images beside their labels?",
        )
    if len(set(scores.argmax(axis=-1).tolist())) == 1:
        raise Wrong(
            "one class only",
            f"It calls every unseen image a {scores[0].argmax()}, with a loss of {loss:.3g}. Do the units of a layer "
            "differ from each other, or are they all saturated?",
        )
    if guessing:
        raise Wrong(
            "sure and wrong",
            f"Its loss of {loss:.2f} is above log 10: it is sure of what it says, and right on {known:.2f} of the very "
            "images that it was given. It has learned something else than their names.",
        )
    raise Wrong(
        "accuracy",
        f"It learns something: {reached:.2f} of unseen images are right. The task asks for {_BOUND}; do the steps go "
        "far enough, or too far?",
    )


prediction(
    "a1.colleague",
    right="the learning rate is too small",
    choices={
        "all weights are zero": "Then the gradients would be 0 as well, those of the last biases excepted.",
        "the ReLUs are dead": "A dead ReLU has a derivative of 0, and so have all weights before it. These gradients "
        "are as large as in a healthy network.",
        "the learning rate is too small": "The gradient is there and the step is not: what lies between them is the "
        "rate. Steps of about a thousandth of the weights are usual.",
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
    mistakes=("stuck at log 10", "accuracy", "wrong type", "no return"),
    nudges=(
        "Write down the outputs of the hidden layer for any image, and with them the gradient of the last kernel.",
        "Products of zeros stay zero. Which initial values are neither all the same nor far too large? Keras has a "
        "default.",
    ),
    why="Units that begin alike get the same gradient and stay alike. Random initial values are there to make them "
    "different; biases may begin at zero.",
)
def _stuck(script):
    return _learns(script)


@task(
    "a1.nan",
    "a function of images and labels that returns a trained model",
    mistakes=("not a number", "stuck at log 10", "another range", "wrong type"),
    nudges=(
        "How large are the numbers that the first layer gets, and how large is its gradient therefore?",
        "A gradient of the first layer is proportional to its input. Make the input smaller inside the model, or the "
        "rate.",
    ),
    why="Inputs near 1 in size are what the default initial values and rates are made for. Scaling inside the model "
    "also means that nobody can forget it later.",
)
def _nan(script):
    return _learns(script)


value(
    "a1.floor",
    "the smallest possible loss of two softmaxes with 100 classes, a number",
    right=-math.log(math.e / (math.e + 99)),
    tolerance=1e-3,
    mistakes=[
        Mistake(
            "ten classes",
            -math.log(math.e / (math.e + 9)),
            "That is the floor for ten classes. How many zeros does the second softmax see now?",
        ),
        Mistake(
            "log of the classes",
            math.log(100),
            "That is the loss of knowing nothing. The answer here is as sure and as right as it can be.",
        ),
        Mistake(
            "no floor",
            0.0,
            "The first softmax can give 1 to the right class. What does the second make of a 1 and 99 zeros?",
        ),
        Mistake(
            "probability",
            math.e / (math.e + 99),
            "That is the largest probability. The loss is its negative logarithm.",
        ),
        Mistake(
            "100 zeros",
            -math.log(math.e / (math.e + 100)),
            "One of the 100 numbers is the 1 itself. How many zeros are left?",
        ),
    ],
    nudges=(
        "What is the surest thing that the first softmax can say? Put it into the second.",
        "The second gets one 1 and 99 zeros; the exponential of 0 is 1.",
    ),
    why="A loss that stops at a value which a formula explains is a bug, and the formula says which.",
)


@task(
    "a1.two_softmaxes",
    "a function of images and labels that returns a trained model",
    mistakes=("floor", "no probabilities", "stuck at log 10", "wrong type"),
    nudges=(
        "How often are the scores of the last layer turned into probabilities?",
        "The agreement asks for probabilities at the end: one softmax stays.",
    ),
    why="On JAX and PyTorch the same happens when a loss is told to expect scores and is given probabilities; the "
    "TensorFlow backend finds the scores by itself and warns. Accuracy hardly shows it: the order of the classes "
    "stays.",
)
def _two_softmaxes(script):
    return _learns(script)


prediction(
    "a1.which_test",
    right="a batch drawn with its labels",
    choices={
        "the first loss": "It is log 10 for any labels: the network knows none of them yet.",
        "the size of the gradients": "There is something to learn, if only by heart, and the gradients are as large as "
        "ever.",
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
    mistakes=("stuck at log 10", "sure and wrong", "wrong type"),
    nudges=(
        "Are the two calls of `shuffle` given the same order?",
        "Make one array of positions, and use it for both. Or ask who shuffles anyway: what does `model.fit` do?",
    ),
    why="Draw a batch with its labels, at the end of everything that was done to it. It takes a minute and finds what "
    "no curve shows.",
)
def _shuffled(script):
    return _learns(script)


@task(
    "a1.rare",
    "a function of images and labels that returns a trained model",
    mistakes=("one class only", "too many alarms", "too few found", "wrong type"),
    nudges=(
        "What does the loss lose when an eight is missed, and how often does that happen?",
        "`fit` takes `class_weight`, a dict. More training, or rare images shown more often, can do it too.",
    ),
    why="State the accuracy of the constant answer beside every accuracy. Here it is 0.95, and worth nothing.",
)
def _rare(script):
    images, labels, unseen, unseen_labels = _few_threes()
    model = _model_of(script, images, labels, 2)
    scores, _, _ = _answers(model, unseen, unseen_labels)
    answers = scores.argmax(axis=-1)
    found, kept = float(answers[unseen_labels == 1].mean()), float(1 - answers[unseen_labels == 0].mean())
    if len(set(answers.tolist())) == 1:
        raise Wrong(
            "one class only",
            f"Trained with another rare digit, it calls every image {answers[0]}. Which scores do rare images get, "
            "compared with the others?",
        )
    if found < 0.6:
        raise Wrong(
            "too few found",
            f"Of the rare digits {found:.0%} are found, of the others {kept:.0%} are left alone. Errors on rare images "
            "must cost more, or be met more often.",
        )
    if kept < 0.85:
        raise Wrong(
            "too many alarms",
            f"Of the rare digits {found:.0%} are found, but of the others only {kept:.0%} are left alone. Has the "
            "training come far enough to tell them apart?",
        )
    return f"It finds {found:.0%} of the rare digits and leaves {kept:.0%} of the others alone."


@task(
    "a1.two_bugs",
    "a function of images and labels that returns a trained model",
    mistakes=("two modes", "another range", "not a number", "accuracy", "wrong type"),
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
    return _learns(script)
