"""Answers to chapter 13, as students write them: apart from the references of the checks, on purpose."""

import math

import numpy as np

# --- 13.kernels -------------------------------------------------------------------------------------------------------


def kernels_by_hand(kind, kernel):
    """Every number is put into its place."""
    if kind == "dense":
        return np.array([[kernel[i, o] for i in range(kernel.shape[0])] for o in range(kernel.shape[1])])
    height, width, first, second = kernel.shape
    shape = (first * second, 1, height, width) if kind == "depthwise" else (second, first, height, width)
    turned = np.zeros(shape)
    for one in range(first):
        for two in range(second):
            place = (one * second + two, 0) if kind == "depthwise" else (two, one)
            turned[place] = kernel[:, :, one, two]
    return turned


def kernels_by_moving(kind, kernel):
    if kind == "dense":
        return kernel.T
    if kind == "depthwise":
        return np.moveaxis(kernel.reshape(*kernel.shape[:2], 1, -1), (3, 2), (0, 1))
    return np.einsum("hwab->bahw", kernel)


def kernels_all_turned_round(kind, kernel):
    return kernel.T.reshape(-1, 1, *kernel.T.shape[2:]) if kind == "depthwise" else kernel.T


def kernels_without_a_reshape(kind, kernel):
    return kernel.T if kind == "dense" else kernel.transpose(3, 2, 0, 1)


def kernels_of_one_kind(kind, wrong):
    """The kernels of one kind as another function makes them, the others right."""
    return lambda given, kernel: (wrong if given == kind else kernels_by_moving)(given, kernel)


def cut_anew(kind, kernel):
    return kernel.reshape(kernels_by_moving(kind, kernel).shape)


# --- 13.shift ---------------------------------------------------------------------------------------------------------


def shift_of_the_first_windows(size, layers):
    """Where the first window of all layers together begins, in each framework, in pixels of the image."""
    begins = {"keras": 0, "torch": 0}
    jump = 1
    for kernel_size, strides in layers:
        rest = size % strides or strides
        begins["keras"] -= jump * (max(kernel_size - rest, 0) // 2)
        begins["torch"] -= jump * ((kernel_size - 1) // 2)
        jump, size = jump * strides, -(-size // strides)
    return begins["keras"] - begins["torch"]


def shift_by_keras(size, layers):
    """The row that Keras' middle windows read, less the row that windows with padding on both sides read."""
    import keras

    read = []
    for padding in ("same", "valid"):
        rows = np.arange(1.0, size + 1, dtype="float32")[None, :, None]
        for kernel_size, strides in layers:
            kernel = np.zeros((kernel_size, 1, 1), "float32")
            kernel[kernel_size // 2] = 1
            if padding == "valid":
                rows = np.pad(rows, ((0, 0), (kernel_size // 2,) * 2, (0, 0)))
            rows = keras.ops.convert_to_numpy(keras.ops.conv(rows, kernel, strides, padding))
        read.append(rows[0, 0, 0])
    return int(read[0] - read[1])


def shift_of_one_layer(size, layers):
    return sum(shift_of_the_first_windows(size, [layer]) for layer in layers)


def shift_with(slip=lambda kernel_size, padding: kernel_size // 2 - max(padding, 0) // 2, jump=None, kernel_size=None):
    """The sum over all layers, with another slip of one layer, another size of an image's pixel, or one kernel size."""

    def shift(size, layers):
        total, n, steps = 0, size, 1
        for number, (k, s) in enumerate(layers):
            k = kernel_size or k
            o = int(np.ceil(n / s))
            total += slip(k, o * s - s + k - n) * (jump(size / n, number, layers) if jump else steps)
            n, steps = o, steps * s
        return total

    return shift


# --- 13.decay ---------------------------------------------------------------------------------------------------------


def adam_of_keras(weight, slopes, rate, weight_decay, decoupled):
    """Keras' own Adam, whose decay is decoupled; otherwise the slope is changed beforehand."""
    import keras
    from keras import ops

    variable = keras.Variable(weight.astype("float32"))
    optimizer = keras.optimizers.Adam(rate, weight_decay=weight_decay if decoupled else None)
    for step, slope in enumerate(slopes, 1):
        optimizer.epsilon = 1e-8 * np.sqrt(1 - 0.999**step)  # as much as PyTorch's, which is added after the correction
        now = ops.convert_to_numpy(variable.value)
        whole = slope if decoupled else slope + weight_decay * now
        optimizer.apply([ops.convert_to_tensor(whole.astype("float32"))], [variable])
    return np.array(ops.convert_to_numpy(variable.value))


def adam_with_totals(weight, slopes, rate, weight_decay, decoupled):
    """The averages as weighted sums of all slopes so far."""
    seen = []
    for slope in slopes:
        seen.append(slope if decoupled else slope + weight_decay * weight)
        age = np.arange(len(seen))[::-1, None]
        mean = np.average(seen, axis=0, weights=np.broadcast_to(0.9**age, np.shape(seen)))
        square = np.average(np.square(seen), axis=0, weights=np.broadcast_to(0.999**age, np.shape(seen)))
        factor = 1 - rate * weight_decay if decoupled else 1
        weight = factor * weight - rate * mean / (np.sqrt(square) + 1e-8)
    return weight


def adam_as_a_path(weight, slopes, *rest):
    return [adam_with_totals(weight, slopes[: steps + 1], *rest) for steps in range(len(slopes))]


def adam_in_place(weight, slopes, rate, weight_decay, decoupled):
    weight -= rate * (adam_with_totals(weight, slopes, rate, weight_decay, decoupled))
    return weight


def adam_step_by_step(
    betas=(0.9, 0.999), sign=1, share=lambda rate: 1.0, root=lambda v, rest: np.sqrt(v / rest) + 1e-8
):
    """Adam as the formula has it, with other betas, another decay in the slope, or another root."""

    def adam(weight, slopes, rate, weight_decay, decoupled):
        m, v = 0 * weight, 0 * weight
        for number, slope in enumerate(slopes):
            d = slope + (0 if decoupled else sign * share(rate) * weight_decay * weight)
            m, v = betas[0] * m + (1 - betas[0]) * d, betas[1] * v + (1 - betas[1]) * d * d
            rests = [1 - beta ** (number + 1) for beta in betas]
            weight = weight * (1 - rate * weight_decay * decoupled) - rate * m / rests[0] / root(v, rests[1])
        return weight

    return adam


# --- 13.first_apart ---------------------------------------------------------------------------------------------------


def agrees(one, other, tolerance):
    if other is None:
        return False
    if np.ndim(other) == 4:
        other = np.moveaxis(other, 1, -1)
    if np.shape(one) != np.shape(other) or not np.isfinite(other).all():
        return False
    return bool(np.allclose(one, other, rtol=0, atol=tolerance * np.abs(one).max()))


def first_that_does_not_agree(ours, theirs, tolerance):
    return next((name for name in ours if not agrees(ours[name], theirs.get(name), tolerance)), "")


def first_beyond(gap=np.max, size=lambda one, other: np.abs(one).max()):
    """The first layer whose difference, put into one number, is beyond `tolerance` times some size of the layer."""

    def first(ours, theirs, tolerance):
        for name, one in ours.items():
            if name not in theirs:
                return name
            other = np.moveaxis(theirs[name], 1, -1) if theirs[name].ndim == 4 else theirs[name]
            if one.shape != other.shape or not gap(np.abs(one - other)) <= tolerance * size(one, other):
                return name
        return ""

    return first


def each_by_itself(ours, theirs, tolerance):
    for name, one in ours.items():
        other = theirs.get(name, np.zeros(0))
        other = np.moveaxis(other, 1, -1) if other.ndim == 4 else other
        if one.shape != other.shape or not np.all(np.abs(one - other) <= tolerance * np.abs(one)):
            return name
    return ""


def first_of_those_there(ours, theirs, tolerance):
    return first_that_does_not_agree({name: ours[name] for name in ours if name in theirs}, theirs, tolerance)


def looked_up(ours, theirs, tolerance):
    """Stops at a layer that is not there."""
    return next((name for name in ours if not agrees(ours[name], theirs[name], tolerance)), "")


def none_where_all_agree(ours, theirs, tolerance):
    return first_that_does_not_agree(ours, theirs, tolerance) or None


def by_allclose(ours, theirs, tolerance):
    for name, one in ours.items():
        other = theirs.get(name)
        if other is None:
            return name
        other = np.moveaxis(other, 1, -1) if other.ndim == 4 else other
        most = tolerance * np.abs(one).max()
        if one.shape != other.shape or not np.allclose(one, other, rtol=0, atol=most, equal_nan=True):
            return name
    return ""


def side_by_side(ours, theirs, tolerance):
    for (name, one), (_, other) in zip(ours.items(), theirs.items(), strict=False):
        if not agrees(one, other, tolerance):
            return name
    return ""


def without_a_look_at_shapes(ours, theirs, tolerance):
    for name, one in ours.items():
        other = theirs.get(name)
        if other is None:
            return name
        other = np.moveaxis(other, 1, -1) if other.ndim == 4 else other
        differences = np.abs(one - other)
        if not differences.max() <= tolerance * np.abs(one).max():
            return name
    return ""


# --- 13.mended --------------------------------------------------------------------------------------------------------

KERAS, TORCH = 1e-3, 1e-5  # what each adds to a variance


def in_parts(
    turn=True, double=2, offset=True, epsilon="variance", front=(1, 0), kernel_of_the_offset="own", copied=True,
    columns=None,
    returns=lambda state: state,
):  # fmt: skip
    """A mending of the state of which parts can be left out or made wrong."""

    def mend(state):
        new = dict(state) if copied else state
        kernel = state["conv.weight"].copy()
        if turn == "filters":
            kernel = kernel[::-1]
        elif turn:
            kernel = kernel[:, [2, 1, 0]]
        if offset:
            times = {"own": 1, "doubled": 2, "with the other sign": -1}[kernel_of_the_offset]
            new["conv.bias"] = state["conv.bias"] - times * state["conv.weight"].sum((1, 2, 3))
        new["conv.weight"] = kernel * (double or 1)
        variance = state["norm.running_var"]
        if epsilon == "variance":
            new["norm.running_var"] = variance + KERAS - TORCH
        elif epsilon == "gamma":
            new["norm.weight"] = state["norm.weight"] * np.sqrt((variance + TORCH) / (variance + KERAS))
        elif epsilon == "gamma without a root":
            new["norm.weight"] = state["norm.weight"] * (variance + TORCH) / (variance + KERAS)
        elif epsilon == "one step":  # batch normalisation becomes a product and a sum
            scale = state["norm.weight"] / np.sqrt(variance + KERAS)
            new["norm.weight"], new["norm.bias"] = scale, state["norm.bias"] - scale * state["norm.running_mean"]
            new["norm.running_mean"], new["norm.running_var"] = 0 * scale, 0 * scale + 1 - TORCH
        elif epsilon == "added to the program's":
            new["norm.running_var"] = variance + KERAS
        elif epsilon == "wrong way":
            new["norm.running_var"] = variance - KERAS + TORCH
        if front:
            new["depthwise.weight"] = np.pad(state["depthwise.weight"], ((0, 0), (0, 0), front, columns or front))
        return returns(new)

    return mend


def colours_by_weights(state):
    """Swaps first and last colour one filter at a time, and puts the range and offset in with a loop."""
    new = {name: np.array(array) for name, array in state.items()}
    for number, filters in enumerate(state["conv.weight"]):
        for colour in range(3):
            new["conv.weight"][number, 2 - colour] = 255 / 127.5 * filters[colour]
            new["conv.bias"][number] -= filters[colour].sum()
    new["norm.running_var"] += KERAS - TORCH
    kernels = np.zeros((len(new["depthwise.weight"]), 1, 4, 4))
    kernels[:, :, 1:, 1:] = state["depthwise.weight"]
    return new | {"depthwise.weight": kernels}


def in_the_same_arrays(state):
    """The dict is copied, and its arrays are not."""
    new = state.copy()
    new["norm.running_var"] += KERAS - TORCH
    return new


def learned_by_heart(state):
    from course_utils.checks import ports

    return in_parts()(ports.state_of(ports.network(1)))


def without_a_layer(state):
    new = in_parts()(state)
    del new["norm.bias"]
    return new


def kernel_of_one_axis_less(state):
    return state | {"depthwise.weight": state["depthwise.weight"][:, 0]}


BEST = math.log(1 + math.exp(-1)), math.log(2)

WRONG = {
    "13.silent": [
        ("abdfh", "about a"),
        ("dfh", "about b"),
        ("bcdfh", "about c"),
        ("bfh", "about d"),
        ("bdefh", "about e"),
        ("bdh", "about f"),
        ("bdfgh", "about g"),
        (("b", "d", "f"), "about h"),
        ("bdfx", "not a choice"),
        ("", "not a choice"),
        (4, "wrong type"),
    ],
    "13.kernels": [
        (kernels_all_turned_round, "rows and columns"),
        (kernels_without_a_reshape, "depthwise as a convolution"),
        (kernels_of_one_kind("transposed", lambda _, kernel: kernel.T), "rows and columns"),
        (kernels_of_one_kind("conv", cut_anew), "reshaped"),
        (kernels_of_one_kind("transposed", cut_anew), "reshaped"),
        (lambda kind, kernel: kernels_by_moving(kind, kernel).tolist(), "list for array"),
        (lambda kind, kernel: kernel, "shape"),
        (lambda kind, kernel: np.moveaxis(kernel, (3, 2), (0, 1)), "stopped"),
        (np.zeros(3), "wrong type"),
    ],
    "13.shift": [
        (shift_of_one_layer, "other"),
        (lambda size, layers: -shift_of_the_first_windows(size, layers), "sign"),
        (lambda size, layers: float(shift_of_the_first_windows(size, layers)), "float for int"),
        (lambda size, layers: 31, "constant"),
        (lambda size, layers: 0, "nothing slips"),
        (shift_with(kernel_size=3), "kernel of 3"),
        (shift_with(slip=lambda k, padding: k // 2 - padding // 2), "less than nothing"),
        (shift_with(slip=lambda k, padding: k // 2 - int(padding / 2)), "less than nothing"),
        (shift_with(slip=lambda k, padding: k // 2 - abs(padding) // 2), "less than nothing"),
        (shift_with(jump=lambda ratio, *_: round(ratio)), "by sizes"),
        (shift_with(jump=lambda ratio, *_: int(ratio)), "by sizes"),
        (shift_with(jump=lambda _, number, layers: 2**number), "strides not multiplied"),
        (shift_with(jump=lambda _, number, layers: layers[number][1] ** number), "strides not multiplied"),
        (shift_with(jump=lambda _, number, layers: layers[number - 1][1] if number else 1), "strides not multiplied"),
        (lambda size, layers: shift_of_the_first_windows(size, layers[:1]), "first layer only"),
        (lambda size, layers: sum(kernel_size // 2 for kernel_size, _ in layers), "other"),
    ],
    "13.sigmoid_twice": [
        ((0.0, 0.0, 0.5), "the loss is not applied to probabilities"),
        ((0.313, 0.313, 1.0), "both alike"),
        ((1.461, 1.461, 1), "like cross_entropy"),
        ((0.3133, math.log(1 + math.e), 1), "the worst for class 0"),
        ((*BEST, 0.5), "half of them"),
        ((*BEST, 0), "none of them"),
        ((0.731, 0.5, 1), "probabilities"),
        ((0.2, 0.4, 1), "other"),
        ((*BEST, 100), "percent"),
        ((0.31, 0.69, 1), "fewer digits"),
        ((0.3, 0.7, 1.0), "fewer digits"),
        ((0.3133, 0.69, 1), "fewer digits"),
        ((0.32, 0.69, 1), "other"),
        ((0.3133, 0.6931, 0.75), "other"),
        ((0.312, 0.692, 1), "other"),
        ((0.314, 0.694, 1), "other"),
        ((0.314, 0.69, 1), "other"),
        ((0.136, 0.301, 1), "another logarithm"),
        ((0.452, 1.0, 1), "another logarithm"),
        (BEST, "shape"),
        (0.503, "wrong type"),
    ],
    "13.pendulum": [
        ("further", "not a choice"),
        (0.1, "not a choice"),
    ],
    "13.decay": [
        (adam_in_place, "input changed"),
        (adam_as_a_path, "weights after every step"),
        (lambda weight, slopes, rate, decay, way: adam_with_totals(weight, slopes, rate, decay, not way), "exchanged"),
        (
            lambda weight, slopes, rate, decay, way: adam_with_totals(weight, slopes, rate, decay, True),
            "always decoupled",
        ),
        (lambda weight, slopes, rate, decay, way: adam_with_totals(weight, slopes, rate, 0, way), "no decay"),
        (
            lambda weight, slopes, rate, decay, way: list(adam_with_totals(weight, slopes, rate, decay, way)),
            "list for array",
        ),
        (lambda weight, slopes, rate, decay, way: weight - rate * slopes.sum(axis=0), "other"),
        (lambda weight, slopes, *rest: adam_with_totals(weight, slopes[:1], *rest), "first step only"),
        (adam_step_by_step(betas=(0.999, 0.9)), "betas exchanged"),
        (adam_step_by_step(sign=-1), "decay put on"),
        (adam_step_by_step(share=lambda rate: rate), "rate in the slope"),
        (adam_step_by_step(root=lambda v, rest: np.sqrt(v / rest) + 1e-6), "another epsilon"),
        (adam_step_by_step(root=lambda v, rest: (np.sqrt(v) + 1e-7) / np.sqrt(rest)), "epsilon before the correction"),
    ],
    "13.first_apart": [
        (first_of_those_there, "missing layer passed over"),
        (looked_up, "stopped"),
        (by_allclose, "not a number on both sides"),
        (side_by_side, "paired by place"),
        (without_a_look_at_shapes, "stopped"),
        (none_where_all_agree, "no return"),
        (lambda ours, theirs, tolerance: first_that_does_not_agree(ours, theirs, tolerance) != "", "wrong type"),
        (lambda ours, theirs, tolerance: first_that_does_not_agree(ours, theirs, 10 * tolerance), "other"),
        (lambda ours, theirs, tolerance: next(iter(ours)), "other"),
        (first_beyond(size=lambda one, _: max(1, np.abs(one).max())), "another size"),
        (first_beyond(size=lambda one, _: np.abs(one).mean()), "another size"),
        (first_beyond(size=lambda one, _: np.median(np.abs(one))), "another size"),
        (first_beyond(size=lambda one, _: np.sqrt(np.mean(one**2))), "another size"),
        (first_beyond(size=lambda one, _: np.abs(one[0]).max()), "another size"),
        (first_beyond(gap=np.sum), "places taken together"),
        (first_beyond(gap=np.linalg.norm), "places taken together"),
        (each_by_itself, "each number by itself"),
    ],
    "13.mended": [
        (lambda state: dict(state), "nothing mended"),
        (in_parts(turn=False), "colours"),
        (in_parts(double=False), "range"),
        (in_parts(offset=False), "offset"),
        (in_parts(kernel_of_the_offset="doubled"), "offset of another kernel"),
        (in_parts(kernel_of_the_offset="with the other sign"), "offset the other way"),
        (in_parts(epsilon=None), "epsilon"),
        (in_parts(epsilon="added to the program's"), "epsilon of both"),
        (in_parts(epsilon="added to the program's", turn=False), "several"),
        (in_parts(front=None), "start"),
        (in_parts(front=None, epsilon=None), "several"),
        (in_parts(turn=False, double=False, offset=False), "several"),
        (in_parts(epsilon="wrong way"), "other"),
        (in_parts(front=(0, 1)), "zeros behind"),
        (in_parts(front=(1, 1)), "places"),
        (in_parts(front=(2, 0)), "places"),
        (in_parts(returns=lambda state: {name: np.round(array, 5) for name, array in state.items()}), "nearly"),
        (in_parts(returns=lambda state: {name: array.astype("float16") for name, array in state.items()}), "nearly"),
        (in_parts(returns=lambda state: state | {"dense.bias": np.nan * state["dense.bias"]}), "other"),
        (learned_by_heart, "one network only"),
        (in_parts(copied=False), "input changed"),
        (in_the_same_arrays, "arrays changed"),
        (in_parts(turn="filters"), "filters turned"),
        (in_parts(double=0.5), "range the other way"),
        (in_parts(epsilon="gamma without a root"), "gamma without a root"),
        (in_parts(columns=(0, 0)), "start of the columns"),
        (in_parts(front=(0, 0), columns=(1, 0)), "start of the rows"),
        (in_parts(returns=lambda state: None), "no return"),
        (in_parts(returns=lambda state: list(state.values())), "refused"),
        (without_a_layer, "refused"),
        (kernel_of_one_axis_less, "refused"),
        ({}, "wrong type"),
    ],
}

RIGHT = {
    "13.silent": ["hfdb", "(b), (d), (f), (h)", ["B", "D", "F", "H"], "bdfh\n", "bdfhh"],
    "13.kernels": [kernels_by_hand, kernels_by_moving],
    "13.shift": [shift_of_the_first_windows, shift_by_keras, shift_with()],
    "13.sigmoid_twice": [
        [0.3133, 0.6931, 1],
        (0.313, 0.693, 1),
        (-math.log(1 / (1 + math.exp(-1))), -math.log(0.5), 1.0),
    ],
    "13.pendulum": ["About as far."],
    "13.decay": [adam_of_keras, adam_with_totals, adam_step_by_step()],
    "13.first_apart": [first_that_does_not_agree, first_beyond()],
    "13.mended": [
        in_parts(),
        in_parts(epsilon="gamma"),
        in_parts(epsilon="one step"),
        colours_by_weights,
    ],
}
