"""The checks of chapter 04, a CNN library.

Gradients are judged against loops or against differences of the student's own function, never against how they were
computed; the references are written here once more, apart from `course_utils.nn`.
"""

import copy
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


def _drawn(shape, seed, levels=None):
    """Random numbers as a student can make them again; of a few levels, so that some are equal."""
    drawn = f"np.random.default_rng({seed})"
    return typed(f"{drawn}.integers(0, {levels}, {shape}) / 2" if levels else f"{drawn}.normal(size={shape})")


def _places(shape, sizes, strides):
    return [(length - size) // strides + 1 for length, size in zip(shape[1:3], sizes, strict=True)]


def _pool_case(shape, size, strides, levels=None):
    outputs = (shape[0], *_places(shape, (size, size), strides), shape[3])
    return call(_drawn(outputs, 1), _drawn(shape, 2, levels), size, strides)


function(
    "04.max_pool",
    "max_pool_backward(gradient, x, size, strides)",
    cases=[
        _pool_case((2, 4, 6, 3), 2, 2),
        _pool_case((2, 6, 4, 2), 2, 2, levels=3),
        _pool_case((2, 7, 9, 2), 3, 2).told(
            stopping="Windows of 3 begin every 2 pixels here: do yours stay inside the image?",
            right_for=_pool_case((2, 7, 9, 2), 3, 3),
        ),
        _pool_case((1, 7, 5, 2), 2, 1, levels=4),
        _pool_case((1, 8, 5, 1), 2, 3),
        _pool_case((3, 11, 7, 5), 3, 4, levels=5),
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
    flip=False, add=(True, True), start=None, images=slice(None), mean=False, swap=False, mixed=False,
):  # fmt: skip
    """By loops over images and places, with switches for the mistakes."""
    by_x, by_kernel, start = np.zeros(x.shape), np.zeros(kernel.shape), start or strides
    height, width = kernel.shape[:2]
    weights = kernel[::-1, ::-1] if flip else kernel
    for n in range(len(x))[images]:
        for i, j in np.ndindex(gradient.shape[1:3]):
            place = n, slice(i * start, i * start + height), slice(j * start, j * start + width)
            given = np.full(x.shape[3], gradient[n, i, j].sum()) if mixed else gradient[n, i, j]
            by_x[place] = add[0] * by_x[place] + weights * given
            by_kernel = add[1] * by_kernel + x[place] * given
    by_kernel = by_kernel / len(x) if mean else by_kernel
    return (by_kernel, by_x) if swap else (by_x, by_kernel)


def _depthwise_case(shape, kernel_size, strides):
    outputs = (shape[0], *_places(shape, kernel_size, strides), shape[3])
    return call(_drawn(outputs, 1), _drawn(shape, 2), _drawn((*kernel_size, shape[3]), 3), strides)


function(
    "04.depthwise",
    "depthwise_backward(gradient, x, kernel, strides)",
    cases=[
        _depthwise_case((2, 5, 7, 3), (3, 2), 1),
        _depthwise_case((3, 7, 6, 2), (2, 3), 2),
        _depthwise_case((2, 6, 6, 1), (3, 3), 1),
        _depthwise_case((1, 8, 9, 2), (2, 2), 3),
        _depthwise_case((2, 11, 6, 5), (3, 2), 4),
    ],
    right=_depthwise,
    mistakes=[
        Mistake(
            "channels mixed",
            {"mixed": True},
            "You add the gradient up over all channels, as an ordinary convolution does with its filters. Here channel "
            "`d` of the output was made from channel `d` of the input alone: its gradient goes back there.",
        ),
        Mistake(
            "stride ignored",
            {"start": 1},
            "That is right at a stride of 1. The window of place `(i, j)` begins at `(i * strides, j * strides)`.",
        ),
        Mistake(
            "overwritten",
            [{"add": add} for add in ((False, False), (False, True), (True, False))],
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
        if np.shape(parameter.gradient) != np.shape(parameter.value):
            raise Wrong(
                "parameter without gradient",
                f"After `backward`, the gradient of `{parameter.name}` must have its shape, "
                f"{np.shape(parameter.value)}; it has {np.shape(parameter.gradient)}.",
            )
    return run(nn.check_gradients, layer, x, samples=60, training=training, doing="The gradient check")


@task(
    "04.mended",
    "the mended layer, a class or an instance",
    mistakes=("another layer", "square images only", "gradient", "gradient changed", "wrong type", "shape"),
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
            f"On images of 5x5 the error is {errors[0]:.0e}, on 4x7 it is {errors[2]:.0e}: something takes height and "
            "width for equal.",
        )
    if max(errors) > 1e-5:
        raise Wrong("gradient", f"The gradient check gives an error of {max(errors):.0e}; about 1e-10 is right.")
    return f"The largest error is {max(errors):.0e}."


def _lion(
    gradients, starts, *, rate=0.01, betas=(0.7, 0.95), sign=-1, direction=None, first=False, memory=None, shared=False
):
    """Values after some steps of Lion, with switches for the mistakes. `gradients`: a list of arrays for each step."""
    direction = direction or (lambda mixed, gradient: np.sign(mixed))
    values = [start.copy() for start in starts]
    means = [np.zeros_like(start) for start in starts]
    for step in gradients:
        for index, gradient in enumerate(step):
            at = 0 if shared else index
            mixed = betas[0] * means[at] + (1 - betas[0]) * gradient
            kept = mixed if memory == "mixed" else betas[1] * means[at] + (1 - betas[1]) * gradient
            if first:
                mixed = kept if first == "alone" else betas[0] * kept + (1 - betas[0]) * gradient
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
        [dict(first=True), dict(first="alone")],
        "Your memory takes in the new gradient before the step is made. The step is made first, with the memory as "
        "it was.",
    ),
    (
        "memory keeps the mix",
        [dict(memory="mixed")],
        "What you remember is the average of the step, made with `beta_1`. The memory has a share of its own, "
        "`beta_2`, and forgets more slowly.",
    ),
    ("betas swapped", [dict(betas=(0.95, 0.7))], "`beta_1` makes the average of a step, `beta_2` is the memory's."),
    (
        "memory shared",
        [dict(shared=True)],
        "All parameters share one memory. Each needs its own: a dict with the parameter as key keeps them.",
    ),
    ("uphill", [dict(sign=1)], "The values move along the gradient, so the loss grows. Go the other way."),
]


def _steps(answer, gradients, starts, **settings):
    """What the student's class makes of parameters, step by step."""
    parameters = [nn.Parameter("kernel", start.copy()) for start in starts]
    shown = ", ".join(f"{name}={value}" for name, value in settings.items())
    optimizer = run(answer, **settings, doing=f"`Lion({shown})`")
    for step in gradients:
        for parameter, gradient in zip(parameters, step, strict=True):
            parameter.gradient = gradient.copy()
        run(optimizer.step, parameters, doing="`step(parameters)`")
    return [np.asarray(parameter.value) for parameter in parameters]


@task(
    "04.lion",
    "the class `Lion`",
    mistakes=(*(name for name, _, _ in _LION_MISTAKES), "nothing moves", "wrong type", "other"),
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
    starts = [rng.normal(size=shape) for shape in shapes]
    gradients = [[rng.normal(size=shape) * size for shape, size in zip(shapes, (1, 5), strict=True)] for _ in range(12)]
    for step in gradients:
        step[0][0, 0] = 0  # as of a weight from a pixel that is always black: it has no sign and must not move
    values = _steps(answer, gradients, starts, learning_rate=0.01, beta_1=0.7, beta_2=0.95)

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
    got, wanted = (np.concatenate([np.ravel(one) for one in some]) for some in (values, _lion(gradients, starts)))
    if got.shape != wanted.shape:
        raise Wrong("other", "A value has another shape than before.")
    worst = np.argmax(np.nan_to_num(np.abs(got - wanted), nan=np.inf))
    raise Wrong("other", f"After twelve steps a weight is {got[worst]:.8g}, and should be {wanted[worst]:.8g}.")


_SLOPE = 0.3  # of the leaky ReLU in the exercise, for negative numbers


def _growth(answer, layers=20, width=300, networks=5):
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
        "mean not zero",
        "He's own",
        "fades",
        "explodes",
        "outputs counted",
        "shape ignored",
        "shape",
        "wrong type",
    ),
    nudges=(
        "For ReLU half of the mean square is left, hence He's 2. Which share does this activation leave?",
        "Half of the sums keep their square, the others keep 0.09 of it. With n inputs: what must n times the variance "
        "be, so that the mean square comes out as it went in?",
    ),
    why="The rule was never about ReLU: measure which share of the mean square an activation keeps, and divide by it. "
    "That works for activations that nobody has named yet.",
)
def _initial(answer):
    is_callable(answer, "initial_kernel")
    kernel = _kernel(answer, (300, 300), np.random.default_rng(0))
    if kernel.std(axis=1).min() < 1e-9:
        raise Wrong(
            "not random",
            "Within a row all weights are equal, so all units compute the same, get the same gradient and stay the "
            "same. `rng` has random numbers.",
        )
    rng = np.random.default_rng(0)
    if np.array_equal(_kernel(answer, (300, 300), rng), _kernel(answer, (300, 300), rng)):
        raise Wrong(
            "not random",
            "Asked twice, it gives the same weights: every layer would begin alike. Draw them from the "
            "`rng` that you are given.",
        )
    if abs(kernel.mean()) > 0.1 * kernel.std():
        raise Wrong("mean not zero", "The weights have a mean other than zero: the derivation needs a mean of zero.")
    scale, narrow = kernel.var() * 300, _kernel(answer, (100, 400), np.random.default_rng(1)).var() * 100
    if abs(scale - 2) < 0.05:
        raise Wrong(
            "He's own",
            "That is He's rule for ReLU. This activation lets a part of the negative numbers through, so each layer "
            f"makes the signal a little larger: after 20 layers {np.exp(_growth(answer)):.1f} times.",
        )
    growth = _growth(answer)
    if growth < -0.4:
        raise Wrong("fades", f"After 20 layers the signal is {np.exp(growth):.1g} of what it was: it fades.")
    if growth > 0.4:
        raise Wrong("explodes", f"After 20 layers the signal is {np.exp(growth):.1g} times what it was: it explodes.")
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
    mistakes=("wrong type", "input", "no convolution", "parameters", "accuracy"),
    nudges=(
        "The network of the chapter is a good beginning; MNIST's images are smaller, have one channel, and are easier.",
        "Convolution, ReLU and pooling, twice, with few filters; then flatten, and a linear layer of 10 units.",
    ),
    why="Every number in it was computed by code that you can read; with your Lion, the optimiser is your own too.",
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
        raise Wrong(
            "accuracy",
            f"It is right on {accuracy:.1%} of 500 test images; {least:.0%} is within reach. Does the training loss "
            "fall? If not, look at the optimiser and its rate; if it falls and stops early, at the number of filters, "
            "and whether an activation stands behind the last layer.",
        )
    return f"It is right on {accuracy:.1%} of 500 test images, with {count:,} parameters."


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
    if type(layer).__module__.startswith("course_utils."):
        raise Wrong("package's own", "That layer is the library's. Write one that it does not have.")
    for shape in ((2, 6, 8, 3), (3, 4, 10, 5)):
        error = _own_error(layer, shape)
    _trains_in_a_network(layer, shape)
    count = len(_parameters(layer))
    return f"Relative error {error:.0e}; {count} arrays of parameters."


def _parameters(layer):
    return layer.parameters() if hasattr(layer, "parameters") else []


def _held(layer):
    """Parameters that are attributes of the layer, or belong to layers that are."""
    for value in vars(layer).values():
        for one in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(one, nn.Parameter):
                yield one
            elif isinstance(one, (nn.Layer, nn.Sequential)):
                yield from one.parameters()


def _own_error(layer, shape):
    rng = np.random.default_rng([7, shape[0]])
    x, another = rng.normal(size=(2, *shape))
    _build(layer, x)
    forgotten = {id(one): one.name for one in _held(layer)}
    for parameter in _parameters(layer):
        forgotten.pop(id(parameter), None)
        # A scale may begin at 1, a branch at 0: what counts is the layer that it can become.
        parameter.value = parameter.value + 0.1 + 0.3 * rng.random(np.shape(parameter.value))
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
                f"{error:.1g}; a right gradient has 1e-7 or less. Check `backward` against `forward`, and the "
                "gradients of the parameters, if there are any.",
            )
    declared, made = getattr(layer, "output_shape", None), outputs[True].shape[1:]
    if declared is None:
        raise Wrong(
            "not built",
            "The gradient is right. But nobody can ask the layer which shape it makes, and the network that this "
            "notebook builds next stops at it. `nn.Layer` has a `build` that notes the shapes: begin your own with "
            "`super().build(input_shape, rng)`.",
        )
    if tuple(declared) != made:
        raise Wrong(
            "output shape",
            f"The gradient is right. But the layer makes {made} of {x.shape[1:]}, and its `output_shape` "
            f"says {tuple(declared)}, so the next layer would be built for the wrong shape. Set "
            "`self.output_shape` in `build`.",
        )
    return error


def _trains_in_a_network(layer, shape):
    """The notebook's last line asks for that."""
    layers = [nn.Conv2D(shape[-1], 3, padding="same"), copy.deepcopy(layer), nn.Flatten(), nn.Linear(10)]
    next_use = "with your layer in it, which this notebook asks for next,"
    model = run(nn.Sequential, layers, shape[1:], doing=f"A network {next_use}")
    model.compile(nn.Adam(), nn.SoftmaxCrossEntropy())
    images = np.random.default_rng(0).random(shape, dtype="float32")
    run(model.fit, images, np.arange(len(images)), doing=f"Training a network {next_use}")
