"""The checks of chapter 04, a CNN library.

Gradients are judged against loops or against differences of the student's own function, never against how they were
computed; the references are written here once more, apart from `course_utils.nn`.
"""

import copy
from collections.abc import Iterable
from itertools import product

import numpy as np

from .. import nn
from ..budget import profile
from ..datasets import load
from .comparing import describe
from .engine import Wrong, run
from .kinds import Mistake, call, function, is_callable, prediction, task, typed

prediction(
    "04.steps",
    right="10 times",
    choices={
        "as long": "That would be so if each step forgot all earlier ones. The velocity of the second step already "
        "holds 0.9 of the first one's beside its own push.",
        "1.9 times": "So long is the second step: 0.9 of the first, and a new push. The third one keeps 0.9 of that "
        "again, and adds another.",
        "10 times": "The velocity grows until the tenth that a step forgets is as much as it is pushed. So Momentum "
        "goes as fast as SGD does at ten times its rate, and wants a smaller rate than SGD.",
        "ever longer": "Each step adds a push, true, but it also forgets a tenth of the velocity, and a tenth of a "
        "large velocity is much. There is a length at which the two are equal.",
    },
    nudges=(
        "Write down the first three steps: 1, then 0.9 of that and 1 more, then 0.9 of that and 1 more.",
        "In the end the velocity stays as it is. Which v is equal to 0.9 v + 1?",
    ),
)


def _first(window):
    return np.arange(window.size).reshape(window.shape) == window.argmax()


def _max_pool(gradient, x, size, strides, *, share=_first, add=True, start=None):
    """By loops, with switches for the mistakes; `share` gives each number of a window its part of the gradient."""
    by_x, start = np.zeros(x.shape), start or strides
    for n, i, j, channel in np.ndindex(gradient.shape):
        place = n, slice(i * start, i * start + size), slice(j * start, j * start + size), channel
        if x[place].size:  # where windows begin at wrong places, some lie outside
            part = share(x[place])
            by_x[place] = np.where(part == 0, by_x[place], add * by_x[place] + part * gradient[n, i, j, channel])
    return by_x


def _pool_channels_together(gradient, x, size, strides):
    by_x = np.zeros(x.shape)
    for n, i, j, channel in np.ndindex(gradient.shape):
        place = n, slice(i * strides, i * strides + size), slice(j * strides, j * strides + size)
        by_x[place] += _first(x[place]) * gradient[n, i, j, channel]
    return by_x


def _drawn(shape, seed, levels=None, low=0):
    """Random numbers as a student can make them again; of a few levels from `low`, so that some are equal."""
    drawn = f"np.random.default_rng({seed})"
    return typed(f"{drawn}.integers({low}, {levels}, {shape}) / 2" if levels else f"{drawn}.normal(size={shape})")


def _places(shape, sizes, strides):
    return [(length - size) // strides + 1 for length, size in zip(shape[1:3], sizes, strict=True)]


def _pool_case(shape, size, strides, *levels):
    outputs = (shape[0], *_places(shape, (size, size), strides), shape[3])
    return call(_drawn(outputs, 1), _drawn(shape, 2, *levels), size, strides)


function(
    "04.max_pool",
    "max_pool_backward(gradient, x, size, strides)",
    cases=[
        _pool_case((2, 4, 6, 3), 2, 2),
        _pool_case((2, 6, 4, 2), 2, 2, 3),
        _pool_case((2, 7, 9, 2), 3, 2).told(
            stopping="Windows of 3 begin every 2 pixels here: do yours stay inside the image?",
            right_for=_pool_case((2, 7, 9, 2), 3, 3),
        ),
        _pool_case((1, 7, 5, 2), 2, 1, 4),
        _pool_case((1, 8, 5, 1), 2, 3),
        _pool_case((3, 11, 7, 5), 3, 4, 5),
        _pool_case((1, 4, 6, 2), 2, 2, -2, -9),  # all negative, as nothing is behind a ReLU
    ],
    right=_max_pool,
    mistakes=[
        Mistake(
            "ties twice",
            {"share": lambda window: window == window.max()},
            "Where several numbers of a window are equally large, each of yours gets the whole gradient, so that more "
            "is delivered than came in. Only the first of them, row by row, gets it.",
        ),
        Mistake(
            "ties shared",
            {"share": lambda window: (window == window.max()) / (window == window.max()).sum()},
            "You share the gradient between equally large numbers. That is a convention too, but here the first of "
            "them, row by row, gets all of it, as in the library.",
        ),
        Mistake(
            "last of the ties",
            {"share": lambda window: _first(window[::-1, ::-1])[::-1, ::-1]},
            "Of several equally large numbers yours gives the gradient to the last. The task asks for the first.",
        ),
        Mistake(
            "ties column by column",
            {"share": lambda window: _first(window.T).T},
            "Of several equally large numbers yours takes the first column by column. The task asks for the first row "
            "by row.",
        ),
        Mistake(
            "search begins too high",
            [{"share": lambda window, least=least: _first(np.maximum(window, least))} for least in (0, -1)],
            "A window may hold negative numbers alone. Yours searches for what is larger than a number that you chose, "
            "and finds nothing there. Begin with one of the window's own.",
        ),
        Mistake(
            "overlap overwritten",
            [{"add": False}, {"add": False, "share": lambda window: window == window.max()}],
            "Right while windows lie side by side. With a stride smaller than the window, one number can be the "
            "largest of several windows: it collects the gradients of all of them. Yours keeps the last one.",
        ),
        Mistake(
            "spread over the window",
            {"share": lambda window: np.full(window.shape, 1 / window.size)},
            "You spread the gradient evenly over the window: that is the way back of average pooling. Of a maximum, "
            "a small change of the smaller numbers changes nothing.",
        ),
        Mistake(
            "all get the gradient",
            {"share": np.ones_like},
            "Each number of a window gets the window's gradient. Only the largest decided the output.",
        ),
        Mistake(
            "size fixed",
            [{"size": 2}, {"size": 2, "strides": 2}],
            "Right for windows of 2 by 2. What says how large they are is `size`.",
        ),
        Mistake(
            "stride ignored",
            [lambda gradient, x, size, strides: _max_pool(gradient, x, size, size), {"start": 1}],
            "Your windows begin at the wrong places where the stride is not what you took it for. Window `i` begins "
            "at `i * strides`, whatever its size.",
        ),
        Mistake(
            "channels together",
            _pool_channels_together,
            "You look for the largest number of a window in all channels at once. Each channel is pooled by itself.",
        ),
        Mistake(
            "rows and columns exchanged",
            {"share": lambda window: _first(window).T},
            "`argmax` of a window counts along its rows: the quotient by the width is the row, the remainder the "
            "column. Yours are exchanged.",
        ),
        Mistake(
            "gradient ignored",
            lambda gradient, *rest: _max_pool(np.ones_like(gradient), *rest),
            "You mark the largest numbers, and that is half of it. What arrives at such a place is the window's "
            "gradient, not 1.",
        ),
    ],
    nudges=(
        "For one window: which number decided the output, and what does it get? Do that for all windows in four loops.",
        "`np.argmax` of a window counts row by row and takes the first; `divmod` with the width makes a row and a "
        "column of it. Windows may overlap: add.",
    ),
    why="On random numbers the ties never show. On photographs, and after every ReLU, they are everywhere: a check is "
    "as good as its cases.",
)


def _depthwise(
    gradient, x, kernel, strides, *,
    flip=False, add=(True, True), steps=((1, 1), (1, 1)), images=slice(None), mean=False, swap=False, mixed=False,
    summed=(False, False), signs=(1, 1),
):  # fmt: skip
    """By loops over places and images, with switches for the mistakes; pairs are for the input and for the kernel.

    `steps` says in which directions the stride counts. `add` is True, False, or "images", where these alone are added.
    """
    by_x, by_kernel = np.zeros(x.shape), np.zeros(kernel.shape)
    weights = kernel[::-1, ::-1] if flip else kernel
    for at in np.ndindex(gradient.shape[1:3]):
        starts = [[i * (strides if counts else 1) for i, counts in zip(at, step, strict=True)] for step in steps]
        to_x, of_x = (
            tuple(slice(first, first + size) for first, size in zip(start, kernel.shape[:2], strict=True))
            for start in starts
        )
        for n in range(len(x))[images]:
            given = np.full(x.shape[3], gradient[n, *at].sum()) if mixed else gradient[n, *at]
            products = [signs[0] * weights * given, signs[1] * x[n, *of_x] * given]
            products = [one.sum(axis=2, keepdims=True) if s else one for one, s in zip(products, summed, strict=True)]
            by_x[n, *to_x] = (add[0] is True) * by_x[n, *to_x] + products[0]
            by_kernel = (n > 0 if add[1] == "images" else add[1]) * by_kernel + products[1]
    by_kernel = by_kernel / len(x) if mean else by_kernel
    return (by_kernel, by_x) if swap else (by_x, by_kernel)


_BOTH, _DOWN, _ACROSS, _NEITHER = (1, 1), (1, 0), (0, 1), (0, 0)


def _depthwise_case(shape, kernel_size, strides):
    outputs = (shape[0], *_places(shape, kernel_size, strides), shape[3])
    return call(_drawn(outputs, 1), _drawn(shape, 2), _drawn((*kernel_size, shape[3]), 3), strides)


function(
    "04.depthwise",
    "depthwise_backward(gradient, x, kernel, strides)",
    cases=[
        _depthwise_case((2, 5, 7, 3), (3, 2), 1).told(
            stopping="The kernel is 3 high and 2 wide here: does yours take one for the other?",
            right_for=_depthwise_case((2, 5, 7, 3), (3, 3), 1),
        ),
        _depthwise_case((3, 7, 6, 2), (2, 3), 2),
        _depthwise_case((2, 6, 6, 1), (3, 3), 1),
        _depthwise_case((1, 8, 9, 2), (2, 2), 3),
        _depthwise_case((2, 11, 6, 5), (3, 2), 4),
    ],
    right=_depthwise,
    mistakes=[
        Mistake(
            "channels mixed",
            [{"mixed": True}, *({"summed": summed} for summed in ((True, True), (True, False), (False, True)))],
            "You add up over all channels, as an ordinary convolution does with its filters. Here channel `d` of the "
            "output was made from channel `d` of the input alone: its gradient goes back there, and to that channel's "
            "kernel.",
        ),
        Mistake(
            "stride ignored",
            [{"steps": (_NEITHER, _NEITHER)}, {"steps": (_BOTH, _NEITHER)}, {"steps": (_NEITHER, _BOTH)}],
            "That is right at a stride of 1. The window of place `(i, j)` begins at `(i * strides, j * strides)`, for "
            "both gradients.",
        ),
        Mistake(
            "stride in one direction",
            [{"steps": (_DOWN, _DOWN)}, {"steps": (_ACROSS, _ACROSS)}],
            "Your windows go on by `strides` in one direction, and by 1 in the other. The stride counts in both.",
        ),
        Mistake(
            "minus",
            [{"signs": signs} for signs in ((-1, -1), (1, -1), (-1, 1))],
            "A sign is turned around. A gradient says how the loss grows; it is the optimiser that goes against it.",
        ),
        Mistake(
            "overwritten",
            [{"add": add} for add in product((False, True), (False, True, "images")) if add != (True, True)],
            "Somewhere `=` stands for `+=`: an input that several windows see collects a gradient from each, and a "
            "weight collects one from every place of every image. Yours keep the last.",
        ),
        Mistake(
            "kernel turned",
            {"flip": True},
            "Your kernel is turned around. That belongs to the formula in which the way back is itself a convolution; "
            "in the loops, weight `[a, b]` that read a pixel returns its gradient to the same pixel.",
        ),
        Mistake(
            "one image",
            [{"images": slice(1)}, {"images": slice(-1, None)}],
            "Only one image of the batch contributes. The kernel is shared by all images.",
        ),
        Mistake(
            "mean over the batch",
            {"mean": True},
            "The kernel's gradient is divided by the number of images. The loss has taken its mean already, and that "
            "is in the gradient which you are given: sum.",
        ),
        Mistake(
            "swapped",
            {"swap": True},
            "Both are right, in the other order: first by `x`, then by `kernel`.",
        ),
    ],
    nudges=(
        "Write the forward loops first: which product is added to which output? What does the gradient of that output "
        "say about the two factors?",
        "In the same loops: the input collects gradient times weight, the weight collects gradient times input, both "
        "with `+=`. No sum runs over the channels.",
    ),
    why="Nobody derives such gradients by a new idea. Write the forward pass as sums of products, and each product "
    "says by itself what it returns to its two factors.",
)


def _layer(answer, names="layer"):
    """An instance of the student's layer; a class is made an instance where it needs no arguments."""
    if isinstance(answer, type):
        answer = run(answer, doing=f"`{answer.__name__}()`")
    if not (hasattr(answer, "forward") and hasattr(answer, "backward")):
        raise Wrong(
            "wrong type",
            f"This check wants a {names} with `forward` and `backward`, and got {describe(answer)}.",
        )
    return answer


def _parameters(layer):
    """What an optimiser will be given."""
    if not hasattr(layer, "parameters"):
        raise Wrong(
            "no layer",
            f"`{type(layer).__name__}` has no `parameters`, and every layer answers to that. Derive it from "
            "`nn.Layer`, which brings `build` and `parameters` with it.",
        )
    parameters = run(layer.parameters, doing="`parameters()`")
    listed = list(parameters) if isinstance(parameters, Iterable) else None
    if listed is None or not all(isinstance(one, nn.Parameter) for one in listed):
        raise Wrong(
            "no list of parameters",
            f"`parameters()` returns {describe(parameters)}. It must be a list of `nn.Parameter` objects, even if "
            "there is one alone.",
        )
    for parameter in listed:
        if not isinstance(parameter.value, np.ndarray):
            raise Wrong(
                "number for array",
                f"The value of `{parameter.name}` is a {type(parameter.value).__name__}. An optimiser changes a value "
                "in place, which a number does not allow, so it would never learn. `np.array(...)` of a number is an "
                "array too.",
            )
    return listed


def _build(layer, x):
    if hasattr(layer, "build"):
        run(layer.build, x.shape[1:], np.random.default_rng(0), doing="`build`")


def _forward(layer, x, training):
    before = x.copy()
    output = run(layer.forward, x, training, doing=f"`forward` on an array of shape {x.shape}{_mode(training)}")
    if not isinstance(output, np.ndarray):
        raise Wrong("no return", f"`forward` returns {describe(output)}; an array was expected.")
    if not np.array_equal(x, before):
        raise Wrong("input changed", "`forward` changed the array that it was given. Write the results to a new one.")
    return output


def _mode(training):
    return " with `training=True`" if training else ""


def _error(layer, x, training):
    """The relative error of a layer's gradients, by input and by parameters, in float64."""
    output = _forward(layer, x, training)
    given = np.ones(output.shape)
    gradient = run(layer.backward, given, doing="`backward`")
    if not (given == 1).all():
        raise Wrong(
            "gradient changed",
            "`backward` changed the gradient that it was given, as `gradient *= ...` does. The derivative may be "
            "right; write it to a new array: `gradient * ...`.",
        )
    if gradient is None or np.shape(gradient) != x.shape:
        got = "`None`" if gradient is None else f"the shape {np.shape(gradient)}"
        raise Wrong(
            "shape", f"`backward` gives {got} for an input of shape {x.shape}: there is a gradient for each input."
        )
    for parameter in _parameters(layer):
        if parameter.gradient is None:
            raise Wrong(
                "parameter without gradient",
                f"`backward` did not fill the gradient of `{parameter.name}`: it is still `None`.",
            )
        if np.shape(parameter.gradient) != np.shape(parameter.value):
            raise Wrong(
                "parameter without gradient",
                f"After `backward`, the gradient of `{parameter.name}` must have its shape, "
                f"{np.shape(parameter.value)}; it has {np.shape(parameter.gradient)}.",
            )
    error = _checked(layer, x, training)
    if not error < 1e-4 and output.dtype != x.dtype:
        raise Wrong(
            "float32",
            f"`forward` gives {output.dtype} for an input of {x.dtype}, so the differences of the gradient check drown "
            "in rounding. An array that you make has the input's type if it is made like it: `np.zeros_like(x)`.",
        )
    return error


def _checked(layer, x, training):
    return run(nn.check_gradients, layer, x, samples=60, training=training, doing="The gradient check")


@task(
    "04.mended",
    "the mended layer, a class or an instance",
    mistakes=("another layer", "square images only", "gradient", "gradient changed", "no layer", "wrong type", "shape"),
    nudges=(
        "All three pass on images of 6x6. What is special about these images?",
        "Call `nn.check_gradients` with an array of shape (2, 4, 7, 3) for each. Then look for the line in which "
        "height and width could be confused.",
    ),
    why="Square images hide every confusion of height and width, square batches every confusion of axes. Check on "
    "shapes of which no two numbers are equal.",
)
def _mended(answer):
    layer = _layer(answer)
    errors = []
    for shape, training in product(((2, 5, 5, 3), (2, 4, 7, 5), (3, 6, 2, 2)), (False, True)):
        x = np.random.default_rng(sum(shape)).normal(size=shape)
        _build(layer, x)
        output = _forward(layer, x, training)
        if output.shape != (shape[0], shape[3]) or not np.allclose(output, x.mean(axis=(1, 2)), atol=1e-6):
            raise Wrong(
                "another layer",
                "That is not the layer with the mistake, or its `forward` was changed: the other two pass on images of "
                "every shape. Leave `forward` as it is and mend `backward` of the one that does not.",
            )
        errors.append(_error(layer, x, training))
    if max(errors[:2]) < 1e-5 < max(errors):
        raise Wrong(
            "square images only",
            f"On images of 5x5 the error is {errors[0]:.1g}, on 4x7 it is {errors[2]:.1g}: right for square images "
            "alone.",
        )
    if max(errors) > 1e-5:
        raise Wrong("gradient", f"The gradient check gives an error of {max(errors):.0e}; about 1e-10 is right.")
    return f"The largest error is {max(errors):.0e}."


_GIVEN = dict(learning_rate=0.01, beta_1=0.7, beta_2=0.95)


def _lion(
    gradients, starts, *, rate=0.01, betas=(0.7, 0.95), rests=None, sign=-1, direction=None, first=False, memory=None,
    shared=False, seen=None,
):  # fmt: skip
    """Values after some steps of Lion, with switches for the mistakes. `gradients`: a list of arrays for each step."""
    direction, rests = direction or (lambda mixed, gradient: np.sign(mixed)), rests or [1 - beta for beta in betas]
    values = [start.copy() for start in starts]
    means = [np.zeros_like(start) for start in starts]
    for step in gradients:
        for index, gradient in enumerate(step[:seen]):
            at = 0 if shared else index
            mixed = betas[0] * means[at] + rests[0] * gradient
            kept = mixed if memory == "mixed" else betas[1] * means[at] + rests[1] * gradient
            if first:
                mixed = kept if first == "alone" else betas[0] * kept + rests[0] * gradient
            means[at] = kept
            values[index] = values[index] + sign * rate * direction(mixed, gradient)
    return values


_LION_MISTAKES = [
    (
        "no sign",
        [dict(direction=lambda mixed, gradient: mixed)],
        "Your steps are as long as the average is large. Of the average only the sign counts: each weight moves by "
        "the learning rate.",
    ),
    (
        "sign of the gradient",
        [dict(direction=lambda mixed, gradient: np.sign(gradient))],
        "You take the sign of the new gradient alone, so nothing is remembered. Take that of its average with the "
        "memory.",
    ),
    (
        "memory before the step",
        [dict(first=True)],
        "Your memory takes in the new gradient before the step is made. The step is made first, with the memory as "
        "it was.",
    ),
    (
        "step by the memory",
        [dict(first="alone")],
        "Your step follows what the memory becomes. Either the memory takes in the new gradient too early, or the "
        "average of the step has the memory's share, `beta_2`. It has a share of its own, `beta_1`.",
    ),
    (
        "old memory alone",
        [dict(betas=(1, 0.95))],
        "You take the sign of the memory alone, so that each gradient counts one step too late. Take that of its "
        "average with the new gradient.",
    ),
    (
        "memory keeps the mix",
        [dict(memory="mixed")],
        "What you remember is the average of the step, made with `beta_1`. The memory has a share of its own, "
        "`beta_2`, and forgets more slowly.",
    ),
    ("betas swapped", [dict(betas=(0.95, 0.7))], "`beta_1` makes the average of a step, `beta_2` is the memory's."),
    (
        "shares exchanged",
        [dict(betas=(0.3, 0.05)), dict(betas=(0.3, 0.95)), dict(betas=(0.7, 0.05))],
        "In one of the averages, or in both, the shares are exchanged: `beta` belongs to the memory, the rest to the "
        "new gradient.",
    ),
    (
        "share missing",
        [dict(rests=(1, 1)), dict(rests=(1, 1 - 0.95)), dict(rests=(1 - 0.7, 1))],
        "The new gradient comes with its full size into one of the averages, or into both. The shares of an average "
        "add up to 1.",
    ),
    (
        "moves at 0",
        [
            dict(direction=lambda mixed, gradient: np.where(mixed >= 0, 1, -1)),
            dict(direction=lambda mixed, gradient: np.where(mixed > 0, 1, -1)),
        ],
        "Where the average is exactly 0, your weight moves. It has no sign there, and the weight stays.",
    ),
    (
        "numbers of its own",
        [
            dict(rate=rate, betas=betas)
            for rate, betas in product((0.01, 1e-4), ((0.7, 0.95), (0.9, 0.99), (0.9, 0.95), (0.7, 0.99)))
            if (rate, betas) != (0.01, (0.7, 0.95))
        ],
        "Your `step` computes with a default, be it the learning rate's or a beta's. `__init__` has kept what was "
        "given, which may be something else: use that.",
    ),
    (
        "one parameter",
        [dict(seen=1)],
        "Only the first parameter is changed. Does your loop reach the others, or does a `return` end it?",
    ),
    (
        "memory shared",
        [dict(shared=True)],
        "All parameters share one memory. Each needs its own: a dict with the parameter as key keeps them.",
    ),
    ("uphill", [dict(sign=1)], "The values move along the gradient, so the loss grows. Go the other way."),
]


def _steps(answer, gradients, starts):
    """What the student's class makes of parameters, step by step."""
    parameters = [nn.Parameter("kernel", start.copy()) for start in starts]
    shown = ", ".join(f"{name}={value}" for name, value in _GIVEN.items())
    optimizer = run(answer, **_GIVEN, doing=f"`Lion({shown})`")
    for step in gradients:
        for parameter, gradient in zip(parameters, step, strict=True):
            parameter.gradient = gradient.copy()
        try:
            run(optimizer.step, parameters, doing="`step(parameters)`")
        except Wrong as wrong:
            if "KeyError" in wrong.hint:
                wrong.hint += " At its first step a parameter has no memory yet: it begins at zero."
            raise
        if not all(np.array_equal(one.gradient, given) for one, given in zip(parameters, step, strict=True)):
            raise Wrong(
                "gradient changed",
                "`step` changed a gradient, as `gradient *= ...` does. Write the product to a new array.",
            )
    return [np.asarray(parameter.value) for parameter in parameters]


def _one_weight(answer, gradients, start):
    """The shortest run of one weight that goes wrong, to be pasted; None where it goes wrong only beside others."""
    for count in range(1, len(gradients) + 1):
        given = gradients[:count]
        got, wanted = (
            steps([[np.array([one])] for one in given], [np.array([start])])[0]
            for steps in (lambda *args: _steps(answer, *args), _lion)
        )
        if not np.allclose(got, wanted, atol=2e-6):
            return (
                f"With `Lion({', '.join(f'{name}={value}' for name, value in _GIVEN.items())})`, a weight that begins "
                f"at {start} and has the gradients `{given}`, one at each step, must be {wanted[0]:.6g} in the end; "
                f"yours is {got[0]:.6g}."
            )
    return None


@task(
    "04.lion",
    "the class `Lion`",
    mistakes=(*(name for name, _, _ in _LION_MISTAKES), "nothing moves", "gradient changed", "wrong type", "other"),
    nudges=(
        "For each parameter keep one array, its memory, which begins at zero. What does a step need before it may "
        "change the memory?",
        "Three lines for a parameter: the average of memory and gradient with `beta_1`, a step of `learning_rate` "
        "against its sign (`np.sign`), and the memory's own average with `beta_2`.",
    ),
    why="Half of the memory of Adam, no root, no correction of a start at zero. A program that searched among programs "
    "found it, and you have built it from a description: most new optimisers are a few such lines.",
)
def _check_lion(answer):
    if not isinstance(answer, type):
        raise Wrong("wrong type", f"This check wants the class itself, `Lion`, and got {describe(answer)}.")
    if answer.__module__.startswith("course_utils."):
        raise Wrong("wrong type", "That is a class of the library. Write your own.")
    rng = np.random.default_rng(0)
    shapes = [(4, 3), (4, 3)]  # of one shape, so that a memory which is shared shows as a wrong value
    starts = [rng.normal(size=shape).round(2) for shape in shapes]
    gradients = [
        [(rng.normal(size=shape) * size).round(2) for shape, size in zip(shapes, (1, 5), strict=True)]
        for _ in range(12)
    ]
    for step in gradients:
        step[0][0, 0] = 0  # as of a weight from a pixel that is always black: it has no sign and must not move
    values = _steps(answer, gradients, starts)

    def agree(wanted):
        return all(
            one.shape == two.shape and np.allclose(one, two, atol=2e-6) for one, two in zip(values, wanted, strict=True)
        )

    if agree(_lion(gradients, starts)):
        return
    if agree(starts):
        raise Wrong(
            "nothing moves",
            "The values are what they were. Change `parameter.value`, in place (`-=`) or by a new array that is put "
            "there; a name of your own for it is not enough.",
        )
    for name, changes, text in _LION_MISTAKES:
        if any(agree(_lion(gradients, starts, **change)) for change in changes):
            raise Wrong(name, text)
    wanted = _lion(gradients, starts)
    if [one.shape for one in values] != shapes:
        raise Wrong("other", "A value has another shape than before.")
    off = [np.nan_to_num(np.abs(one - two), nan=np.inf) for one, two in zip(values, wanted, strict=True)]
    which = int(off[1].max() > off[0].max())
    at = np.unravel_index(off[which].argmax(), off[which].shape)
    told = _one_weight(answer, [step[which][at].item() for step in gradients], starts[which][at].item())
    raise Wrong(
        "other",
        told
        or f"Of two parameters that are trained together, a weight of the {('first', 'second')[which]} is "
        f"{values[which][at]:.6g} after twelve steps, and should be {wanted[which][at]:.6g}. Alone, it comes out "
        "right.",
    )


_SLOPE = 0.5  # of the leaky ReLU in the exercise, for negative numbers
_KEPT = (1 + _SLOPE**2) / 2
_WIDTH = 300
_FORMULAS = [  # n times the variance that a wrong formula gives
    (
        "He's own",
        2,
        "That is He's rule for ReLU. This activation lets a part of the negative numbers through, so each layer "
        "makes the signal a little larger: after 20 layers {} times.",
    ),
    (
        "Glorot's",
        1,
        "One divided by the number of inputs is right before an activation that lets everything through. This one "
        "makes the negative numbers smaller: after 20 layers {} of the signal is left.",
    ),
    (
        "multiplied",
        2 * (1 + _SLOPE**2),
        "Your variance is larger than He's. But this activation keeps more of the mean square than ReLU, so that less "
        "is needed: after 20 layers the signal is {} times as large.",
    ),
    (
        "not squared",
        2 / (1 + _SLOPE),
        "Numbers that become half as large have a quarter of their square. After 20 layers {} of your signal is left.",
    ),
    (
        "subtracted",
        2 * (1 - _SLOPE**2),
        "Smaller than 2, and close. But the share that is kept divides; you take it away. After 20 layers {} of "
        "the signal is left.",
    ),
    (
        "limits of the uniform",
        1 / _KEPT / 3,
        "`rng.uniform(-limit, limit)` has the variance limit**2 / 3: your limit is what the standard deviation should "
        "be. After 20 layers {} of the signal is left.",
    ),
    (
        "variance for deviation",
        _KEPT**-2 / _WIDTH,
        "You scale by the variance. A normal distribution is scaled by the standard deviation, its root. After 20 "
        "layers {} of the signal is left.",
    ),
]


def _growth(answer, layers=20, width=_WIDTH, networks=5):
    """Mean factor, as a logarithm, by which the signal grows through a network; 0 is none."""
    logarithms = []
    for seed in range(networks):
        rng = np.random.default_rng(seed)
        signal = rng.normal(size=(100, width))
        before = np.sqrt(np.mean(signal**2))
        for _ in range(layers):
            signal = signal @ _kernel(answer, (width, width), rng)
            signal = np.where(signal > 0, signal, _SLOPE * signal)
        with np.errstate(divide="ignore"):
            logarithms.append(np.log(np.sqrt(np.mean(signal**2)) / before))
    return float(np.mean(logarithms))


def _factor(growth):
    factor = np.exp(growth)
    return f"{factor:,.0f}" if 10 <= factor < 1e6 else f"{factor:.2g}"


def _kernel(answer, shape, rng):
    kernel = run(answer, shape, rng, doing=f"`initial_kernel({shape}, rng)`")
    if not isinstance(kernel, np.ndarray) or kernel.shape != shape:
        raise Wrong(
            "shape", f"`initial_kernel({shape}, rng)` gives {describe(kernel)}; an array of shape {shape} was expected."
        )
    return kernel.astype(float)


@task(
    "04.initial",
    "a function `initial_kernel(shape, rng)`",
    mistakes=(
        "not random",
        "not from rng",
        "mean not zero",
        *(name for name, _, _ in _FORMULAS),
        "fades",
        "explodes",
        "outputs counted",
        "shape ignored",
        "shape",
        "wrong type",
    ),
    nudges=(
        "For ReLU half of the mean square is left, hence He's 2. Which share does this activation leave?",
        "Half of the sums keep their square, the others keep 0.25 of it. With n inputs: what must n times the variance "
        "be, so that the mean square comes out as it went in?",
    ),
    why="The rule was never about ReLU: measure which share of the mean square an activation keeps, and divide by it. "
    "That works for activations that nobody has named yet.",
)
def _initial(answer):
    is_callable(answer, "initial_kernel")
    square, rng = (_WIDTH, _WIDTH), np.random.default_rng(0)
    kernel, second = _kernel(answer, square, rng), _kernel(answer, square, rng)
    if not kernel.any():
        raise Wrong("not random", "All weights are 0. If they were drawn, does a `//` make 0 of what multiplies them?")
    if kernel.std(axis=1).min() < 1e-9:
        raise Wrong(
            "not random",
            "Within a row all weights are equal, so all units compute the same, get the same gradient and stay the "
            "same. `rng` has random numbers.",
        )
    if np.array_equal(kernel, second):
        raise Wrong(
            "not random",
            "Asked twice, it gives the same weights: every layer would begin alike. Draw them from the "
            "`rng` that you are given.",
        )
    if not np.array_equal(kernel, _kernel(answer, square, np.random.default_rng(0))):
        raise Wrong(
            "not from rng",
            "Two generators of the same seed give different weights: they come from elsewhere. Draw them from the "
            "`rng` that you are given, or nobody can repeat a run.",
        )
    if abs(kernel.mean()) > 0.1 * kernel.std():
        raise Wrong("mean not zero", "The weights have a mean other than zero: the derivation needs a mean of zero.")
    scale, narrow = kernel.var() * _WIDTH, _kernel(answer, (100, 400), np.random.default_rng(1)).var() * 100
    growth = _growth(answer)
    for name, formula, text in _FORMULAS:
        if abs(scale / formula - 1) < 0.025:
            raise Wrong(name, text.format(_factor(growth)))
    if growth < -0.4:
        raise Wrong("fades", f"After 20 layers the signal is {_factor(growth)} of what it was: it fades.")
    if growth > 0.4:
        raise Wrong("explodes", f"After 20 layers the signal is {_factor(growth)} times what it was: it explodes.")
    if abs(narrow / scale - 1 / 3) < 0.015:
        raise Wrong(
            "shape ignored",
            "Right for a kernel of shape (300, 300), and the same variance for one of shape (100, 400), where a unit "
            "sums only 100 products. Take the number from `shape`.",
        )
    if narrow < 0.32 * scale or narrow > 2.5 * scale:
        raise Wrong(
            "outputs counted",
            "Right where a layer has as many outputs as inputs. For a kernel of shape (100, 400) a unit sums 100 "
            "products, not 400.",
        )
    return f"After 20 layers the signal is {np.exp(growth):.2f} of what it was."


@task(
    "04.network",
    "your trained network, an `nn.Sequential`",
    mistakes=(
        "wrong type",
        "input",
        "no convolution",
        "parameters",
        "not trained",
        "not finite",
        "activation at the end",
        "accuracy",
    ),
    nudges=(
        "The network of the chapter is a good beginning; MNIST's images are smaller, have one channel, and are easier.",
        "Convolution, ReLU and pooling, twice, with few filters; then flatten, and a linear layer of 10 units.",
    ),
    why="Every number in it was computed by code that you can read.",
)
def _network(model):
    if not isinstance(model, nn.Sequential):
        raise Wrong("wrong type", f"This check wants an `nn.Sequential`, and got {describe(model)}.")
    if model.input_shape != (28, 28, 1) or model.output_shape != (10,):
        raise Wrong(
            "input",
            f"Your network makes {model.output_shape} of {model.input_shape}; MNIST needs (10,) of (28, 28, 1).",
        )
    if not any(isinstance(layer, nn.Conv2D) for layer in model.layers):
        raise Wrong("no convolution", "There is no `Conv2D` among its layers.")
    count = sum(parameter.value.size for parameter in model.parameters())
    if count > 20_000:
        raise Wrong(
            "parameters", f"It has {count:,} parameters; at most 20,000 are allowed. Pool, or use fewer filters."
        )
    test = load("mnist", "test", examples=500, progress=False)
    scores = model.predict(test.images.reshape(-1, 28, 28, 1) / np.float32(255))
    accuracy = float((scores.argmax(axis=1) == test.labels).mean())
    least = {"smoke": 0.6, "laptop": 0.9, "full": 0.9}[profile()]
    if not accuracy >= least:
        reached = f"It is right on {accuracy:.1%} of 500 test images; {least:.0%} is within reach."
        if not any(parameter.value.any() for parameter in model.parameters() if parameter.name == "bias"):
            raise Wrong("not trained", f"{reached} All its biases are 0, as at the start: was it trained?")
        if not np.isfinite(scores).all():
            raise Wrong("not finite", "Its scores are nan or infinite. Were the steps too long? Try a smaller rate.")
        if isinstance(model.layers[-1], (nn.ReLU, nn.Tanh)):
            raise Wrong(
                "activation at the end",
                f"{reached} An activation stands behind its last layer and limits the scores. The loss wants them as "
                "the linear layer makes them.",
            )
        raise Wrong(
            "accuracy",
            f"{reached} Does the training loss fall? If not, look at the optimiser and its rate; if it falls and stops "
            "early, at the number of filters.",
        )
    own = not type(model.optimizer).__module__.startswith("course_utils.")
    return f"It is right on {accuracy:.1%} of 500 test images, with {count:,} parameters." + (
        " The optimiser that trained it is your own too." if own and model.optimizer is not None else ""
    )


@task(
    "04.own_layer",
    "a layer of your own, an instance",
    mistakes=(
        "package's own",
        "does nothing",
        "constant",
        "not finite",
        "gradient",
        "gradient changed",
        "no gradient",
        "float32",
        "no layer",
        "no list of parameters",
        "number for array",
        "inner layer not built",
        "parameter forgotten",
        "parameter without gradient",
        "output shape",
        "not built",
        "wrong type",
        "shape",
    ),
    nudges=(
        "Begin with a function of one number whose derivative you know, and let it work on every entry.",
        "Average pooling, a leaky ReLU, a learned scale for each channel, or a layer that adds its input to what "
        "another layer makes of it.",
    ),
    why="Whatever has a forward and a backward that agree can stand in a network. This is all that a framework asks.",
)
def _own_layer(answer):
    layer = _layer(answer)
    if all(_is_librarys(layer, method) for method in ("forward", "backward")):
        raise Wrong("package's own", "That layer is the library's. Write one that it does not have.")
    for shape in ((2, 6, 8, 3), (3, 4, 10, 5)):
        error = _own_error(layer, shape)
    _trains_in_a_network(layer, shape)
    count = len(_parameters(layer))
    return f"Relative error {error:.0e}; {count} array{'s' * (count != 1)} of parameters."


def _is_librarys(layer, method):
    """Whether a method is one of a layer of the library; what all layers have from `nn.Layer` does not count."""
    maker = next((kind for kind in type(layer).__mro__ if method in vars(kind)), nn.Layer)
    return maker is not nn.Layer and maker.__module__.startswith("course_utils.")


def _held(layer):
    """Parameters that are attributes of the layer, or belong to layers that are."""
    for value in vars(layer).values():
        for one in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(one, nn.Parameter):
                yield one
            elif isinstance(one, (nn.Layer, nn.Sequential)):
                try:
                    yield from one.parameters()
                except AttributeError as error:
                    kind = type(one).__name__
                    raise Wrong(
                        "inner layer not built",
                        f"The layer holds a `{kind}` that was never built, so it has no parameters yet. Call its "
                        "`build(input_shape, rng)` in your own `build`.",
                    ) from error


def _own_error(layer, shape):
    rng = np.random.default_rng([7, shape[0]])
    x, another = rng.normal(size=(2, *shape))
    _build(layer, x)
    forgotten = {id(one): one.name for one in _held(layer)}
    for parameter in _parameters(layer):
        forgotten.pop(id(parameter), None)
        # A scale may begin at 1, a branch at 0: what counts is the layer that it can become.
        parameter.value = np.array(parameter.value + 0.1 + 0.3 * rng.random(np.shape(parameter.value)))
    if forgotten:
        raise Wrong(
            "parameter forgotten",
            f"The layer has a parameter `{next(iter(forgotten.values()))}` that `parameters` does not return: no "
            "optimiser will ever change it.",
        )
    outputs = {training: _forward(layer, x, training) for training in (False, True)}
    if not all(np.isfinite(output).all() for output in outputs.values()):
        raise Wrong("not finite", "`forward` gives nan or infinity. Its input may be negative, or zero.")
    acts = [t for t, output in outputs.items() if output.shape != x.shape or not np.allclose(output, x)]
    if not acts:
        raise Wrong("does nothing", "The output is the input. Its gradient is right, and it is no use.")
    if any(np.allclose(outputs[training], _forward(layer, another, training)) for training in acts):
        raise Wrong("constant", "Two different inputs give the same output: the layer ignores its input.")
    for training in sorted({*acts, True}):  # as of dropout, which acts in training only
        error = _error(layer, x, training)
        if not error < 1e-4:
            raise Wrong(
                "gradient",
                f"The gradient check on images of shape {x.shape}{_mode(training)} gives a relative error of "
                f"{error:.1g}; a right gradient has 1e-7 or less. {_located(layer, x, training)}",
            )
        if not np.any(layer.backward(rng.normal(size=outputs[training].shape))):
            raise Wrong(
                "no gradient",
                "The gradient is right, and it is 0 everywhere: no layer before this one would learn anything. Take a "
                "function that has a slope.",
            )
    declared, made = getattr(layer, "output_shape", None), outputs[True].shape[1:]
    if declared is None:
        raise Wrong(
            "not built",
            "The gradient is right. But nobody can ask the layer which shape it makes, and a network with it, which "
            "this notebook asks for next, stops at it. `nn.Layer` has a `build` that notes the shapes: begin your "
            "own with `super().build(input_shape, rng)`.",
        )
    if tuple(declared) != made:
        raise Wrong(
            "output shape",
            f"The gradient is right. But the layer makes {made} of {x.shape[1:]}, and its `output_shape` "
            f"says {tuple(declared)}, so the next layer would be built for the wrong shape. Set "
            "`self.output_shape` in `build`.",
        )
    return error


class _Part(nn.Layer):
    """A layer of which only some parameters are looked at."""

    def __init__(self, layer, some):
        self.layer, self.some = layer, some

    def forward(self, x, training=False):
        return self.layer.forward(x, training)

    def backward(self, gradient):
        return self.layer.backward(gradient)

    def parameters(self):
        return _parameters(self.layer)[self.some]


def _located(layer, x, training):
    """Which of the gradients is wrong, in a sentence."""
    parameters = _parameters(layer)
    if not _checked(_Part(layer, slice(0)), x, training) < 1e-4:
        return "The gradient by the input is wrong: check what `backward` returns against `forward`."
    for index, parameter in enumerate(parameters):
        if not _checked(_Part(layer, slice(index, index + 1)), x, training) < 1e-4:
            return f"The gradient by the input is right, that by the parameter `{parameter.name}` is not."
    return "The gradient by the input is right; check those by the parameters."


def _trains_in_a_network(layer, shape):
    """The notebook's last line asks for that."""
    layers = [nn.Conv2D(shape[-1], 3, padding="same"), copy.deepcopy(layer), nn.Flatten(), nn.Linear(10)]
    next_use = "with your layer in it, which this notebook asks for next,"
    model = run(nn.Sequential, layers, shape[1:], doing=f"A network {next_use}")
    model.compile(nn.Adam(), nn.SoftmaxCrossEntropy())
    images = np.random.default_rng(0).random(shape, dtype="float32")
    run(model.fit, images, np.arange(len(images)), doing=f"Training a network {next_use}")
