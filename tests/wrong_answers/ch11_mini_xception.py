"""Answers to chapter 11, as students write them: apart from the references of the checks, on purpose."""

import math
import random

import numpy as np

from . import made

# --- 11.path_shares ---------------------------------------------------------------------------------------------------


def shares_by_steps(blocks, gain):
    """Block by block: each way of a length goes on past the next branch or through it."""
    carried = np.array([1.0])
    for _ in range(blocks):
        carried = np.append(carried, 0) + gain * np.append(0, carried)
    return carried / carried.sum()


def shares_as_binomial(blocks, gain):
    p = gain / (1 + gain)
    return np.array([math.comb(blocks, k) * p**k * (1 - p) ** (blocks - k) for k in range(blocks + 1)])


def shares_of_numbers(blocks, gain):
    return np.array([math.comb(blocks, k) / 2**blocks for k in range(blocks + 1)])


def shares_with_gain_as_probability(blocks, gain):
    return np.array([math.comb(blocks, k) * gain**k * (1 - gain) ** (blocks - k) for k in range(blocks + 1)])


# --- 11.bottleneck_cost -----------------------------------------------------------------------------------------------


def cost_by_list(size, channels, width, out_channels, strides=1):
    """Every convolution as (places along a side, kernel, channels read, channels given)."""
    out = (size - 1) // strides + 1
    convolutions = [(size, 1, channels, width), (out, 3, width, width), (out, 1, width, out_channels)]
    if (out, out_channels) != (size, channels):
        convolutions.append((out, 1, channels, out_channels))
    return sum(side**2 * kernel**2 * read * given for side, kernel, read, given in convolutions)


def cost_by_package(size, channels, width, out_channels, strides=1):
    """With the counting of the package, which has no convolution in the middle of its own."""
    from course_utils.arithmetic import conv_multiply_adds

    out = -(-size // strides)
    cost = conv_multiply_adds((size, size), 1, channels, width) + conv_multiply_adds((out, out), 3, width, width)
    cost += conv_multiply_adds((out, out), 1, width, out_channels)
    plain = strides == 1 and channels == out_channels
    return cost if plain else cost + conv_multiply_adds((out, out), 1, channels, out_channels)


def cost_of_first_form(size, channels, width, out_channels, strides=1):
    """As the paper has it: the first convolution takes the stride."""
    out = math.ceil(size / strides)
    cost = out * out * (channels * width + 9 * width * width + width * out_channels)
    return cost + (out * out * channels * out_channels if strides > 1 or channels != out_channels else 0)


def cost_divided(size, channels, width, out_channels, strides=1):
    """With / for //, floats come out, and odd sizes are not whole."""
    out = size / strides
    cost = size**2 * channels * width + out**2 * (9 * width**2 + width * out_channels)
    return cost + (out**2 * channels * out_channels if strides > 1 or channels != out_channels else 0)


def cost_with_biases(size, channels, width, out_channels, strides=1):
    """As `model.count_params` counts, at every place."""
    out = math.ceil(size / strides)
    cost = size**2 * (channels + 1) * width + out**2 * ((9 * width + 1) * width + (width + 1) * out_channels)
    return cost + (out**2 * (channels + 1) * out_channels if strides > 1 or channels != out_channels else 0)


def cost_at_half_the_places(size, channels, width, out_channels, strides=1):
    fewer = size * size // strides
    cost = size**2 * channels * width + fewer * (9 * width**2 + width * out_channels)
    return cost + (fewer * channels * out_channels if strides > 1 or channels != out_channels else 0)


def cost_without_shortcut(size, channels, width, out_channels, strides=1):
    out = math.ceil(size / strides)
    return size**2 * channels * width + out**2 * (9 * width**2 + width * out_channels)


# --- 11.group_norm ----------------------------------------------------------------------------------------------------


def norm_by_loops(x, groups, gamma, beta, epsilon=1e-3):
    result, width = np.empty(x.shape), x.shape[-1] // groups
    for n in range(len(x)):
        for group in range(groups):
            part = slice(group * width, (group + 1) * width)
            values = x[n, :, :, part]
            result[n, :, :, part] = (values - values.mean()) / np.sqrt(values.var() + epsilon)
    return result * gamma + beta


def norm_by_keras(x, groups, gamma, beta, epsilon=1e-3):
    import keras

    layer = keras.layers.GroupNormalization(groups, epsilon=epsilon)
    layer.build(x.shape)
    layer.set_weights([gamma, beta])
    return keras.ops.convert_to_numpy(layer(x.astype("float32")))


def norm_interleaved(x, groups, gamma, beta, epsilon=1e-3):
    g = x.reshape(*x.shape[:3], -1, groups)
    g = (g - g.mean((1, 2, 3), keepdims=True)) / np.sqrt(g.var((1, 2, 3), keepdims=True) + epsilon)
    return g.reshape(x.shape) * gamma + beta


def norm_in_place(x, groups, gamma, beta, epsilon=1e-3):
    x[...] = norm_by_loops(x, groups, gamma, beta, epsilon)
    return x


def norm_of_layer(x, groups, gamma, beta, epsilon=1e-3):
    axes = (1, 2, 3)
    normal = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + epsilon)
    return normal * gamma + beta


def norm_over_groups(x, groups, gamma, beta, epsilon=1e-3):
    g = x.reshape(*x.shape[:3], groups, -1)
    normal = (g - g.mean((1, 2, 3), keepdims=True)) / np.sqrt(g.var((1, 2, 3), keepdims=True) + epsilon)
    return normal.reshape(x.shape) * gamma + beta


def norm_without_epsilon(x, groups, gamma, beta, epsilon=1e-3):
    with np.errstate(invalid="ignore"):
        return norm_by_loops(x, groups, gamma, beta, 0.0 * epsilon)


def norm_still_grouped(x, groups, gamma, beta, epsilon=1e-3):
    g = x.reshape(*x.shape[:3], groups, -1)
    return (g - g.mean((1, 2, 4), keepdims=True)) / np.sqrt(g.var((1, 2, 4), keepdims=True) + epsilon)


# --- 11.fold ----------------------------------------------------------------------------------------------------------


def fold_by_filter(kernel, bias, gamma, beta, mean, variance, epsilon=1e-3):
    folded, shifted = np.array(kernel), np.array(bias)
    for n in range(len(bias)):
        factor = gamma[n] / math.sqrt(variance[n] + epsilon)
        folded[..., n] = kernel[..., n] * factor
        shifted[n] = factor * (bias[n] - mean[n]) + beta[n]
    return folded, shifted


def fold_by_keras(kernel, bias, gamma, beta, mean, variance, epsilon=1e-3):
    from keras import ops

    factor = ops.multiply(gamma, ops.rsqrt(ops.add(variance, epsilon)))
    return [ops.multiply(kernel, factor), ops.add(beta, ops.multiply(ops.subtract(bias, mean), factor))]


def fold_along_inputs(kernel, bias, gamma, beta, mean, variance, epsilon=1e-3):
    factor = gamma / np.sqrt(variance + epsilon)
    return kernel * factor[:, None], (bias - mean) * factor + beta


def fold_without_bias(kernel, bias, gamma, beta, mean, variance, epsilon=1e-3):
    factor = gamma / np.sqrt(variance + epsilon)
    return kernel * factor, beta - mean * factor


def fold_by_multiplying(kernel, bias, gamma, beta, mean, variance, epsilon=1e-3):
    root = np.sqrt(variance + epsilon)
    return kernel * gamma * root, (bias - mean) * gamma * root + beta


def fold_kernel_only(kernel, bias, gamma, beta, mean, variance, epsilon=1e-3):
    return kernel * (gamma / np.sqrt(variance + epsilon))


# --- 11.inverted_residual ---------------------------------------------------------------------------------------------


def inverted(
    *, activations=(True, True, False), early=(), bias=False, depthwise="layer", skip="add", norms=(True,) * 3,
    stride_at=1, padding="same", wide=lambda channels, expansion, filters: channels * expansion, after=False,
    relu6=False, nested=False, other=None,
):  # fmt: skip
    """A student's function, with whatever is to be wrong in it."""

    def inverted_residual(x, expansion, filters, strides=1):
        import keras
        from keras import layers

        channels = x.shape[-1]
        width = wide(channels, expansion, filters)
        step = [strides if place == stride_at else 1 for place in range(3)]

        def middle():
            if depthwise == "layer":
                return layers.DepthwiseConv2D(3, strides=step[1], padding=padding, use_bias=bias)
            groups = width if depthwise == "groups" else 1
            return layers.Conv2D(width, 3, strides=step[1], padding=padding, groups=groups, use_bias=bias)

        convolutions = [
            layers.Conv2D(width, 1, strides=step[0], use_bias=bias),
            middle(),
            layers.Conv2D(filters, 1, strides=step[2], use_bias=bias),
        ]
        stack = []
        for place in range(3):
            parts = [layers.BatchNormalization()] if norms[place] else []
            if activations[place]:
                activation = layers.Activation(other) if other else layers.ReLU(6.0 if relu6 else None)
                parts.insert(0 if place in early else len(parts), activation)
            stack += [convolutions[place], *parts]
        y = x
        if nested:
            y = keras.Sequential(stack)(x)
        else:
            for layer in stack:
                y = layer(y)
        fits = strides == 1 and channels == filters
        if skip == "add" and fits:
            y = x + y
        if skip == "layer" and fits:
            y = layers.Add()([x, y])
        if skip == "always":
            y = layers.add([x, y])
        if skip == "projected":
            y = layers.add([x if fits else layers.Conv2D(filters, 1, strides=strides, use_bias=False)(x), y])
        if skip == "projected and normalised":
            shortcut = layers.BatchNormalization()(layers.Conv2D(filters, 1, strides=strides, use_bias=False)(x))
            y = layers.add([x if fits else shortcut, y])
        if skip == "concatenated" and fits:
            y = layers.concatenate([x, y])
        return layers.ReLU()(y) if after else y

    return inverted_residual


def without_return(x, expansion, filters, strides=1):
    inverted()(x, expansion, filters, strides)


def without_strides(x, expansion, filters):
    return inverted()(x, expansion, filters)


def as_model(x, expansion, filters, strides=1):
    import keras

    return keras.Model(x, inverted()(x, expansion, filters, strides))


def as_separable(x, expansion, filters, strides=1):
    """A separable convolution is the depthwise one and the last in one, and leaves no place between them."""
    from keras import layers

    y = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(x.shape[-1] * expansion, 1, use_bias=False)(x)))
    y = layers.SeparableConv2D(filters, 3, strides=strides, padding="same", use_bias=False)(y)
    y = layers.BatchNormalization()(y)
    return x + y if x.shape == y.shape else y


def norm_of_the_input(x, expansion, filters, strides=1):
    """Normalised first, as in a block with pre-activation: the first normalisation has the channels of x."""
    from keras import layers

    y = layers.BatchNormalization()(x)
    y = layers.Conv2D(x.shape[-1] * expansion, 1, use_bias=False)(y)
    y = layers.ReLU()(layers.BatchNormalization()(y))
    y = layers.DepthwiseConv2D(3, strides=strides, padding="same", use_bias=False)(y)
    y = layers.ReLU()(layers.BatchNormalization()(y))
    y = layers.Conv2D(filters, 1, use_bias=False)(y)
    return x + y if x.shape == y.shape else y


def depthwise_last(x, expansion, filters, strides=1):
    """The right layers; the depthwise one twice as wide as it should be, after another 1x1."""
    return inverted(wide=lambda channels, expansion, filters: expansion * filters)(x, expansion, filters, strides)


# --- 11.starting_block ------------------------------------------------------------------------------------------------


def starting(
    first="glorot_uniform", last="zeros", *, between="relu", norm=False, convolutions=2, before=False, after=False,
    tail=None, bias=0.0, size=3, filters=None, middle=None, trainable=True, joined=lambda x, y: x + y,
):  # fmt: skip
    """A student's function, with whatever is to be wrong in it."""

    def starting_block(x):
        import keras
        from keras import layers

        y = layers.ReLU()(x) if before else x
        for number in range(convolutions):
            final = number == convolutions - 1
            many = (filters or x.shape[-1]) if final else middle or filters or x.shape[-1]
            begins = {"kernel_initializer": last if final else first}
            if not final:
                begins |= {"bias_initializer": keras.initializers.Constant(bias), "trainable": trainable}
            y = layers.Conv2D(many, size, padding="same", **begins)(y)
            y = layers.BatchNormalization()(y) if norm else y
            y = layers.Activation((tail if final else between) or "linear")(y)
        y = joined(x, y)
        return layers.ReLU()(y) if after else y

    return starting_block


def without_gradient(minus):
    """A branch that hands nothing back, or one that is subtracted again in the forward pass alone."""

    def joined(x, y):
        from keras import ops

        return x + y - ops.stop_gradient(y) if minus else x + ops.stop_gradient(y)

    return starting(last="glorot_uniform" if minus else "zeros", joined=joined)


def times_a_factor(y):
    """A number that begins at zero."""
    import keras

    class Scale(keras.Layer):
        def build(self, shape):
            self.factor = self.add_weight(shape=(), initializer="zeros")

        def call(self, inputs):
            return self.factor * inputs

    return Scale()(y)


def scaled_block(x):
    """A branch that begins like any other, times a number that begins at zero."""
    from keras import layers

    y = layers.Activation("gelu")(layers.Conv2D(x.shape[-1], 3, padding="same")(x))
    return layers.Add()([times_a_factor(layers.Conv2D(x.shape[-1], 3, padding="same")(y)), x])


def block_with_prelu(x):
    """An activation with weights of its own; a second convolution without bias."""
    from keras import layers

    y = layers.PReLU()(layers.Conv2D(x.shape[-1], 3, padding="same")(x))
    return x + layers.Conv2D(x.shape[-1], 3, padding="same", kernel_initializer="zeros", use_bias=False)(y)


def block_activated_first(x):
    """ReLU before each convolution, in a nested model."""
    import keras
    from keras import layers

    filters = x.shape[-1]
    branch = keras.Sequential(
        [
            layers.ReLU(),
            layers.Conv2D(filters, 3, padding="same"),
            layers.ReLU(),
            layers.Conv2D(filters, 3, padding="same", kernel_initializer=keras.initializers.Zeros()),
        ]
    )
    return branch(x) + x


def block_of_valid(x):
    from keras import layers

    return layers.Conv2D(16, 3, kernel_initializer="zeros")(layers.Conv2D(16, 3, activation="relu")(x))


def block_of_numbers(x):
    return np.zeros((1, 7, 7, 16))


def block_without_return(x):
    starting()(x)


# --- 11.evidence ------------------------------------------------------------------------------------------------------


def digit_network(
    *, norm=None, filters=(16, 32, 32), blocks=0, skip=False, shape=(28, 28, 1), classes=10, activation="softmax",
    returns=True, momentum=0.8, dies_with=None,
):  # fmt: skip
    """`dies_with` is a seed with which the network begins with zeros, and learns nothing."""

    def build():
        import keras
        from keras import layers

        dies = random.getstate() == random.Random(dies_with).getstate()  # before the layers draw
        images = keras.Input(shape)
        x = layers.AveragePooling2D(2)(layers.Rescaling(1 / 127.5, offset=-1)(images))
        for width in filters:
            x = layers.Conv2D(width, 3, padding="same", use_bias=not norm)(x)
            x = layers.BatchNormalization(momentum=momentum)(x) if norm == "batch" else x
            x = layers.GroupNormalization(8)(x) if norm == "group" else x
            x = layers.MaxPooling2D()(layers.ReLU()(x))
        for _ in range(blocks):
            y = layers.Conv2D(filters[-1], 3, padding="same", activation="relu")(x)
            y = layers.Conv2D(filters[-1], 3, padding="same")(y)
            x = layers.ReLU()(x + y if skip else y)
        x = layers.GlobalAveragePooling2D()(x)
        model = keras.Model(images, layers.Dense(classes, activation=activation)(x))
        if dies:
            model.set_weights([0 * weight for weight in model.get_weights()])
        return model if returns else None

    return build


def network_without_return():
    digit_network()()


def a_model():
    return digit_network()(), digit_network(norm="batch")()


WRONG = {
    "11.paths": [("about 20", "not a choice"), (4, "not a choice"), ("about 10", "about 10")],
    "11.path_shares": [
        (shares_of_numbers, "how many"),
        (shares_with_gain_as_probability, "a probability"),
        (lambda blocks, gain: np.array([math.comb(blocks, k) * gain**k for k in range(blocks + 1)]), "not shared"),
        (lambda blocks, gain: shares_by_steps(blocks, gain) * 100, "percent"),
        (lambda blocks, gain: list(shares_by_steps(blocks, gain)), "list for array"),
        (lambda blocks, gain: shares_by_steps(blocks, gain).max(), "shape"),
        (lambda blocks, gain: shares_by_steps(blocks, gain) ** 2, "other"),
    ],
    "11.bottleneck_cost": [
        (cost_of_first_form, "stride in the first"),
        (cost_without_shortcut, "no shortcut"),
        (cost_with_biases, "biases"),
        (cost_at_half_the_places, "stride once"),
        (cost_divided, "float for int"),
        (lambda size, channels, width, out_channels, strides=1: 69_009_408, "constant"),
        (lambda *given: cost_by_list(*given) / 1e6, "signature"),
    ],
    "11.group_norm": [
        (norm_interleaved, "channels far apart"),
        (norm_of_layer, "all channels together"),
        (norm_over_groups, "over the groups"),
        (norm_without_epsilon, "epsilon forgotten"),
        (norm_in_place, "input changed"),
        (norm_still_grouped, "shape"),
        (lambda *given, **more: norm_by_loops(*given, **more) * 2, "other"),
    ],
    "11.foldable": [
        ("abceh", "about a"),
        ("ceh", "about b"),
        ("beh", "about c"),
        ("bcdeh", "about d"),
        (["b", "c", "h"], "about e"),
        ("b, c, e, f, h", "about f"),
        ({"b", "c", "e", "g", "h"}, "about g"),
        ("bce", "about h"),
        ("xyz", "not a choice"),
        ("", "not a choice"),
        (3, "wrong type"),
    ],
    "11.fold": [
        (fold_along_inputs, "stopped"),
        (fold_without_bias, "old bias dropped"),
        (fold_by_multiplying, "multiplied"),
        (fold_kernel_only, "shape"),
        (lambda kernel, bias, *given, **more: (kernel, bias), "other"),
    ],
    "11.inverted_residual": [
        (without_return, "no return"),
        (as_model, "wrong type"),
        (without_strides, "signature"),
        (3, "wrong type"),
        (inverted(padding="valid", skip="never"), "output shape"),
        (inverted(padding="valid"), "stopped"),
        (inverted(skip="concatenated"), "output shape"),
        (inverted(norms=(True, True, False)), "normalisations"),
        (as_separable, "normalisations"),
        (norm_of_the_input, "other"),
        (inverted(depthwise="full"), "not depthwise"),
        (inverted(skip="projected"), "projected shortcut"),
        (inverted(skip="projected and normalised"), "projected shortcut"),
        (depthwise_last, "other kernels"),
        (inverted(wide=lambda channels, expansion, filters: expansion), "other kernels"),
        (inverted(bias=True), "biases"),
        (inverted(skip="never"), "no shortcut"),
        (inverted(skip="always"), "stopped"),
        (inverted(activations=(True, True, True)), "activation after the projection"),
        (inverted(after=True), "activation after the sum"),
        (inverted(early=(0, 1)), "activation before normalisation"),
        (inverted(early=(1,)), "activation before normalisation"),
        (inverted(early=(0, 1), after=True), "activation before normalisation"),
        (inverted(other="gelu"), "another activation"),
        (inverted(activations=(False, False, False)), "no activation"),
        (inverted(activations=(True, False, False)), "no activation"),
        (inverted(activations=(False, True, False)), "no activation"),
        (inverted(stride_at=0), "stride elsewhere"),
        (inverted(stride_at=2), "stride elsewhere"),
    ],
    "11.starting_block": [
        (block_without_return, "no return"),
        (block_of_numbers, "wrong type"),
        (3, "wrong type"),
        (block_of_valid, "output shape"),
        (starting(norm=True), "normalisation"),
        (starting(convolutions=1), "too few convolutions"),
        (lambda x: x, "too few convolutions"),
        (starting(convolutions=3), "other kernels"),
        (starting(middle=32), "other kernels"),
        (starting(size=5), "other kernels"),
        (starting(filters=16), "filters fixed"),
        (starting(middle=16), "filters fixed"),
        (starting(trainable=False), "frozen"),
        (starting(after=True), "activation after the sum"),
        (starting(last="he_normal"), "not the identity"),
        (without_gradient(minus=True), "never leaves"),
        (starting(between=None), "linear"),
        (starting(between=None, before=True), "nothing between"),
        (starting(between=None, tail="tanh"), "nothing between"),
        (starting(first="zeros"), "both at zero"),
        (starting(joined=lambda x, y: x + times_a_factor(y)), "both at zero"),
        (starting(first="zeros", last="glorot_uniform"), "slope at zero"),
        (starting(tail="relu"), "slope at zero"),
        (starting(bias=-100.0), "always negative"),
        (starting(last="glorot_uniform", joined=lambda x, y: x + 0.0 * y), "stuck"),
        (starting(last="glorot_uniform", joined=lambda x, y: x + y - y), "stuck"),
        (without_gradient(minus=False), "stuck"),
    ],
    "11.evidence": [
        (digit_network(), "wrong type"),
        (made(a_model), "wrong type"),
        ((network_without_return, digit_network()), "no return"),
        ((digit_network(shape=(32, 32, 1)), digit_network()), "input shape"),
        ((digit_network(classes=2), digit_network()), "output shape"),
        ((digit_network(activation=None), digit_network()), "no probabilities"),
        ((digit_network(filters=(32, 64, 64)), digit_network()), "parameters"),
        ((digit_network(), digit_network(filters=(16, 32, 40))), "not comparable"),
        ((digit_network(filters=(8,)), digit_network(filters=(8,))), "the same network"),
        (
            (digit_network(filters=(16, 16), blocks=4), digit_network(filters=(16, 16), blocks=4, skip=True)),
            "learned nothing",
        ),
        ((digit_network(), digit_network(norm="batch", momentum=0.99)), "averages behind"),
        ((digit_network(norm="batch"), digit_network()), "worse"),
        ((digit_network(norm="batch"), digit_network(norm="batch", filters=(16, 32, 31))), "noise"),
    ],
}

RIGHT = {
    "11.paths": ["About 4."],
    "11.path_shares": [shares_by_steps, shares_as_binomial],
    "11.bottleneck_cost": [cost_by_list, cost_by_package],
    "11.group_norm": [norm_by_loops, norm_by_keras],
    "11.foldable": ["h, e, c, b", ["(b)", "(c)", "(e)", "(h)"]],
    "11.fold": [fold_by_filter, fold_by_keras],
    "11.inverted_residual": [
        inverted(skip="layer", depthwise="groups"),
        inverted(relu6=True),
        inverted(nested=True),
    ],
    "11.starting_block": [
        starting(),
        starting(first="he_normal", between="tanh"),
        scaled_block,
        block_with_prelu,
        block_activated_first,
    ],
    "11.evidence": [
        (digit_network(), digit_network(norm="batch")),
        [digit_network(), digit_network(norm="group")],
        (digit_network(dies_with=4), digit_network(norm="batch")),
    ],
}
