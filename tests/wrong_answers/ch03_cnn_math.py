"""Answers to chapter 03, as students write them: apart from the references of the checks, on purpose."""

import math
from functools import partial

import numpy as np
from scipy import signal

from course_utils import arithmetic

# --- 03.unread --------------------------------------------------------------------------------------------------------


def unread_by_marking(size, kernel_size, strides=1, padding=0, dilation_rate=1):
    read = np.zeros(size + 2 * padding, dtype=bool)
    start = 0
    while start + dilation_rate * (kernel_size - 1) < len(read):
        read[start : start + dilation_rate * (kernel_size - 1) + 1 : dilation_rate] = True
        start += strides
    return int((~read[padding : padding + size]).sum())


def unread_from_numpy(size, kernel_size, strides=1, padding=0, dilation_rate=1):
    last = size + padding - dilation_rate * (kernel_size - 1)
    starts = np.arange(-padding, last, strides)
    read = starts[:, None] + dilation_rate * np.arange(kernel_size)
    return len(np.setdiff1d(np.arange(size), read))


def unread_with_help(size, kernel_size, strides=1, padding=0, dilation_rate=1):
    if dilation_rate * (kernel_size - 1) >= size + 2 * padding:
        return size
    places = arithmetic.conv_output_size(size, kernel_size, strides, padding, dilation_rate)
    pixels = {i * strides + j * dilation_rate - padding for i in range(places) for j in range(kernel_size)}
    return np.int64(sum(1 for pixel in range(size) if pixel not in pixels))


def unread_that_asks_the_package(size, kernel_size, strides=1, padding=0, dilation_rate=1):
    """The package refuses a kernel that is longer than the row."""
    places = arithmetic.conv_output_size(size, kernel_size, strides, padding, dilation_rate)
    pixels = {i * strides + j * dilation_rate - padding for i in range(places) for j in range(kernel_size)}
    return len(set(range(size)) - pixels)


def unread_behind_the_last_window(size, kernel_size, strides=1, padding=0, dilation_rate=1):
    row = size + 2 * padding
    span = dilation_rate * (kernel_size - 1) + 1
    if span > row:
        return size
    return max((row - span) % strides - padding, 0)


def unread_of_negative_places(size, kernel_size, strides=1, padding=0, dilation_rate=1):
    if kernel_size > size + 2 * padding:
        return 0
    return unread_by_marking(size, kernel_size, strides, padding, dilation_rate)


def unread_unfinished(size, kernel_size, strides=1, padding=0, dilation_rate=1):
    if padding or dilation_rate > 1:
        raise NotImplementedError
    return unread_by_marking(size, kernel_size, strides)


def unread_as_a_set(size, kernel_size, strides=1, padding=0, dilation_rate=1):
    read = {i + j * dilation_rate for i in range(-padding, size, strides) for j in range(kernel_size)}
    return set(range(size)) - read


def unread_with_one_window_more(size, kernel_size, strides=1, padding=0, dilation_rate=1):
    places = math.ceil((size + 2 * padding - dilation_rate * (kernel_size - 1) - 1) / strides) + 1
    read = {i * strides + j * dilation_rate - padding for i in range(places) for j in range(kernel_size)}
    return len([pixel for pixel in range(size) if pixel not in read])


def unread_of(places):
    """An answer that marks what is read; `places` gives their number from the row and the span."""

    def unread(size, kernel_size, strides=1, padding=0, dilation_rate=1):
        number = places(size + 2 * padding, kernel_size, strides, dilation_rate)
        read = {i * strides + j * dilation_rate - padding for i in range(number) for j in range(kernel_size)}
        return size - len(read & set(range(size)))

    return unread


def unread_summed(size, kernel_size, strides=1, padding=0, dilation_rate=1):
    places = (size + 2 * padding - dilation_rate * (kernel_size - 1) - 1) // strides + 1
    return size - max(places, 0) * kernel_size


def unread_behind_the_kernels(size, kernel_size, strides=1, padding=0, dilation_rate=1):
    return (size - kernel_size) % strides


def unread_as_share(size, kernel_size, strides=1, padding=0, dilation_rate=1):
    return unread_by_marking(size, kernel_size, strides, padding, dilation_rate) / size


# --- 03.same_padding --------------------------------------------------------------------------------------------------


def zeros_in_all(size, kernel_size, strides=1):
    places = math.ceil(size / strides)
    return max(0, (places - 1) * strides + kernel_size - size)


def same_half_lost(size, kernel_size, strides=1):
    total = zeros_in_all(size, kernel_size, strides)
    return [total // 2, total // 2]


def same_int_of_half(size, kernel_size, strides=1):
    total = zeros_in_all(size, kernel_size, strides)
    return total // 2, math.ceil(total / 2) * 1.0


def same_by_remainder(size, kernel_size, strides=1):
    rest = size % strides
    total = max(kernel_size - (strides if rest == 0 else rest), 0)
    return np.array([total // 2, total - total // 2])


def same_by_search(size, kernel_size, strides=1):
    places, total = (size + strides - 1) // strides, 0
    while (size + total - kernel_size) // strides + 1 < places:
        total += 1
    return [total // 2, (total + 1) // 2]


def same_all_after(size, kernel_size, strides=1):
    return 0, zeros_in_all(size, kernel_size, strides)


def same_of_kernel_and_stride(size, kernel_size, strides=1):
    total = max(kernel_size - strides, 0)
    return total // 2, (total + 1) // 2


def same_of_the_package(size, kernel_size, strides=1):
    return arithmetic.same_padding(size, kernel_size, strides)


def same_of_the_package_kept(size, kernel_size, strides=1):
    """Imported inside, kept in variables and made ints: still no more than the call."""
    from course_utils.arithmetic import same_padding

    before, after = same_padding(size, kernel_size, strides=strides)
    return int(before), int(after)


# --- 03.cost ----------------------------------------------------------------------------------------------------------


def cost_of(parameters):
    """An answer whose multiply-adds are right; `parameters` is given what a filter reads and how many there are."""

    def conv_cost(output_size, kernel_size, in_channels, filters, groups=1):
        reads = math.prod(kernel_size) * (in_channels // groups)
        return parameters(reads, filters), math.prod(output_size) * reads * filters

    return conv_cost


def cost_in_millions(output_size, kernel_size, in_channels, filters, groups=1):
    weights = kernel_size[0] * kernel_size[1] * in_channels // groups * filters
    return round((weights + filters) / 1e6, 2), round(weights * output_size[0] * output_size[1] / 1e6, 2)


def cost_with_a_comma(output_size, kernel_size, in_channels, filters, groups=1):
    parameters = kernel_size[0] * kernel_size[1] * in_channels // groups * filters + filters
    return (parameters,)  # as `return parameters,`


def cost_by_the_package(output_size, kernel_size, in_channels, filters, groups=1):
    parameters = arithmetic.conv_parameters(kernel_size, in_channels, filters, groups=groups)
    return parameters, arithmetic.conv_multiply_adds(output_size, kernel_size, in_channels, filters, groups)


def cost_divided(output_size, kernel_size, in_channels, filters, groups=1):
    weights = kernel_size[0] * kernel_size[1] * in_channels / groups * filters  # `/` makes a float
    return weights + filters, weights * math.prod(output_size)


def cost_of_one_group(output_size, kernel_size, in_channels, filters, groups=1):
    weights = math.prod(kernel_size) * (in_channels // groups) * (filters // groups)
    return weights + filters // groups, weights * math.prod(output_size)


def cost_without_groups(output_size, kernel_size, in_channels, filters, groups=1):
    weights = math.prod(kernel_size) * in_channels * filters
    return weights + filters, weights * math.prod(output_size)


def cost_of_one_filter_at_all_places(output_size, kernel_size, in_channels, filters, groups=1):
    reads = math.prod(kernel_size) * in_channels // groups
    return reads * filters + filters, math.prod(output_size) * reads


def cost_parameters_only(output_size, kernel_size, in_channels, filters, groups=1):
    return kernel_size[0] * kernel_size[1] * in_channels // groups * filters + filters


def cost_without_a_name(output_size, kernel_size, in_channels, filters, groups=1):
    return kernel_size[0] + kernel_size[1] + in_channels + filters, output_size[0] * output_size[1]


def cost_by_arrays(output_size, kernel_size, in_channels, filters, groups=1):
    kernel = np.zeros((*kernel_size, in_channels // groups, filters))
    return [kernel.size + len(np.zeros(filters)), np.prod(output_size) * kernel.size]


def cost_group_by_group(output_size, kernel_size, in_channels, filters, groups=1):
    parameters = work = 0
    for _ in range(groups):
        weights = math.prod(kernel_size) * (in_channels // groups) * (filters // groups)
        parameters += weights + filters // groups
        work += weights * math.prod(output_size)
    return parameters, work


# --- 03.convolve ------------------------------------------------------------------------------------------------------


def convolving(place=lambda window, kernels: np.tensordot(window, kernels, 3), dtype=float, begin=None):
    """An answer that loops over the places; `place` gives the values of all filters at one of them."""

    def convolve(image, kernels, strides=1):
        begin_at = begin or (lambda i: i * strides)
        height, width = kernels.shape[:2]
        rows = (image.shape[0] - height) // strides + 1
        columns = (image.shape[1] - width) // strides + 1
        output = np.zeros((rows, columns, kernels.shape[3]), dtype=dtype)
        for i in range(rows):
            for j in range(columns):
                y, x = begin_at(i), begin_at(j)
                output[i, j] = place(image[y : y + height, x : x + width], kernels)
        return output

    return convolve


def convolve_mathematically(image, kernels, strides=1):
    maps = [
        sum(signal.convolve2d(image[..., c], kernels[..., c, f], mode="valid") for c in range(image.shape[2]))
        for f in range(kernels.shape[3])
    ]
    return np.stack(maps, axis=-1)[::strides, ::strides]


def convolve_in_three_dimensions(image, kernels, strides=1):
    maps = [signal.convolve(image, kernels[..., f], mode="valid")[..., 0] for f in range(kernels.shape[3])]
    return np.stack(maps, axis=-1)[::strides, ::strides]


def convolve_to_a_list(image, kernels, strides=1):
    return convolving()(image, kernels, strides).tolist()


def convolve_in_place(image, kernels, strides=1):
    output = convolving()(image, kernels, strides)
    image[: output.shape[0], : output.shape[1], 0] = output[..., 0]
    return output


def convolve_too_far(rounding, cut):
    """An answer with a place too many where the stride does not fit: cut windows, or an error."""

    def convolve(image, kernels, strides=1):
        h, w, _, filters = kernels.shape
        rows = rounding((image.shape[0] - h) / strides) + 1
        columns = rounding((image.shape[1] - w) / strides) + 1
        output = np.zeros((rows, columns, filters))
        for i in range(rows):
            for j in range(columns):
                window = image[i * strides : i * strides + h, j * strides : j * strides + w]
                used = kernels[: window.shape[0], : window.shape[1]] if cut else kernels
                output[i, j] = (window[..., np.newaxis] * used).sum(axis=(0, 1, 2))
        return output

    return convolve


def convolve_like_the_image(image, kernels, strides=1):
    rows = (image.shape[0] - kernels.shape[0]) // strides + 1
    columns = (image.shape[1] - kernels.shape[1]) // strides + 1
    output = np.zeros_like(image, shape=(rows, columns, kernels.shape[3]))
    output[:] = convolving()(image, kernels, strides)
    return output


def convolve_across(image, kernels, strides=1):
    h, w, _, filters = kernels.shape
    rows, columns = (image.shape[0] - h) // strides + 1, (image.shape[1] - w) // strides + 1
    output = np.zeros((rows, columns, filters))
    for i in range(rows):
        for j in range(columns):
            window = image[j * strides : j * strides + h, i * strides : i * strides + w]
            output[i, j] = np.sum(window[..., None] * kernels, axis=(0, 1, 2))
    return output


def convolve_with_help(image, kernels, strides=1):
    h, w, _, filters = kernels.shape
    rows = arithmetic.conv_output_size(image.shape[0], h, strides)
    columns = arithmetic.conv_output_size(image.shape[1], w, strides)
    print(end="")
    output = np.zeros((rows, columns, filters))
    for i, j, f in np.ndindex(rows, columns, filters):
        output[i, j, f] = np.sum(image[i * strides :, j * strides :][:h, :w] * kernels[..., f])
    return output


def convolve_twice_wrong(image, kernels, strides=1):
    return -2 * convolving()(image, kernels, strides)


def convolve_by_shifts(image, kernels, strides=1):
    height, width, _, filters = kernels.shape
    rows, columns = image.shape[0] - height + 1, image.shape[1] - width + 1
    output = np.zeros((rows, columns, filters))
    for y in range(height):
        for x in range(width):
            output += image[y : y + rows, x : x + columns] @ kernels[y, x]
    return output[::strides, ::strides]


def convolve_with_scipy(image, kernels, strides=1):
    maps = [signal.correlate(image, kernels[..., f], mode="valid") for f in range(kernels.shape[3])]
    return np.concatenate(maps, axis=2)[::strides, ::strides].astype("float32")


# --- 03.receptive_field -----------------------------------------------------------------------------------------------


_seen = []


def field_that_remembers(layers):
    _seen.extend(layers)
    return field_backwards(_seen)


def field_that_empties(layers):
    size = 1
    while layers:
        kernel_size, strides = layers.pop()
        size = (size - 1) * strides + kernel_size
    return size


def field_backwards(layers):
    size = 1
    for kernel_size, strides in reversed(layers):
        size = (size - 1) * strides + kernel_size
    return size


def field_with_a_step_for_each_neighbour(layers):
    size = 1
    for kernel_size, strides in layers[::-1]:
        size = size * strides + kernel_size
    return size


def field_by_recursion(layers):
    if not layers:
        return 1
    (kernel_size, strides), *rest = layers
    return kernel_size + strides * (field_by_recursion(rest) - 1)


def field_by_marking(layers):
    pixels = {0}
    for kernel_size, strides in reversed(layers):
        pixels = {place * strides + offset for place in pixels for offset in range(kernel_size)}
    return len(range(min(pixels), max(pixels) + 1))


# --- 03.vgg16 ---------------------------------------------------------------------------------------------------------


def counting(conv=lambda depth, n: 9 * depth * n, pool=lambda side: side // 2, norm=4, normed=0, bias=1, dense_bias=1):
    """An answer that walks through the list; the arguments are what can be got wrong."""

    def network_parameters(layers, input_shape):
        shape, units, total = tuple(input_shape), None, 0
        for index, (kind, *rest) in enumerate(layers):
            if kind == "conv":
                before_norm = index + 1 < len(layers) and layers[index + 1][0] == "norm"
                total += conv(shape[2], rest[0]) + rest[0] * (normed if before_norm else bias)
                shape = (*shape[:2], rest[0])
            elif kind == "norm":
                total += norm * shape[2]
            elif kind == "average":
                shape = (1, 1, shape[2])
            elif kind == "pool":
                shape = (pool(shape[0]), pool(shape[1]), shape[2])
            else:
                total += ((math.prod(shape) if units is None else units) + dense_bias) * rest[0]
                units = rest[0]
        return total

    return network_parameters


def vgg16_from_the_first_layer(layers, input_shape):
    first = layers[0][0]  # there is none where there is no layer, as in Keras
    assert first in ("conv", "pool", "dense")
    return counting()(layers, input_shape)


def vgg16_after_dense(after):
    """An answer that keeps the wrong thing of the map after a dense layer; `after(height, width)` is what it keeps."""

    def network_parameters(layers, input_shape):
        height, width, depth = input_shape
        total = 0
        for (kind, *size), following in zip(layers, [*layers[1:], ("end",)], strict=False):
            if kind == "conv":
                total += 9 * depth * size[0] + (0 if following[0] == "norm" else size[0])
                depth = size[0]
            elif kind == "norm":
                total += 4 * depth
            elif kind == "average":
                height = width = 1
            elif kind == "pool":
                height, width = height // 2, width // 2
            else:
                total += (height * width * depth + 1) * size[0]
                height, width, depth = after(height, width, depth, size[0])
        return total

    return network_parameters


def vgg16_with_help(layers, input_shape):
    """An own walk that asks the package for a pooled size and a layer's price."""
    rows, columns, depth = input_shape
    total = 0
    for index, (kind, *size) in enumerate(layers):
        if kind == "pool":
            rows, columns = arithmetic.pool_output_size(rows, 2), arithmetic.pool_output_size(columns, 2)
        elif kind == "average":
            rows = columns = 1
        elif kind == "norm":
            total += 4 * depth
        elif kind == "conv":
            use_bias = layers[index + 1 : index + 2] != [("norm",)]
            total += arithmetic.conv_parameters(3, depth, size[0], use_bias=use_bias)
            depth = size[0]
        else:
            total += arithmetic.conv_parameters((rows, columns), depth, size[0])
            rows, columns, depth = 1, 1, size[0]
    return total


def vgg16_in_millions(layers, input_shape):
    return round(counting()(layers, input_shape) / 1e6, 1)


def vgg16_off_by_heart(layers, input_shape):
    return 138_357_544


def vgg16_with_backslashes(layers, input_shape):
    return counting()(layers, input_shape) / 1


def vgg16_by_shapes(layers, input_shape):
    def count(layers, shape):
        if not layers:
            return 0
        (kind, *size), *rest = layers
        if kind == "pool":
            return count(rest, (shape[0] // 2, shape[1] // 2, shape[2]))
        if kind == "average":
            return count(rest, shape[2:])
        if kind == "norm":
            return 3 * shape[2] + count(rest, shape)  # beside the bias of the convolution before, which it replaces
        (n,) = size
        if kind == "conv":
            return (9 * shape[2] + 1) * n + count(rest, (*shape[:2], n))
        return (math.prod(shape) + 1) * n + count(rest, (n,))

    return count(layers, input_shape)


# --- 03.design --------------------------------------------------------------------------------------------------------

STEPPING = [("conv", 3, 16, 2), ("conv", 3, 16, 2), ("conv", 3, 16, 2), ("conv", 3, 16, 2), ("conv", 3, 64, 1)]
POOLING = [layer for _ in range(4) for layer in (("conv", 3, 16, 1), ("pool", 2, 2))] + [("conv", 3, 64, 1)]
PATCHES = [("conv", 16, 16, 16), *[("conv", 3, 16, 1)] * 3, ("conv", 3, 64, 1)]
SHALLOW = [("conv", 3, 16, 3), ("pool", 6, 6), *[("conv", 3, 16, 1)] * 2, ("conv", 3, 64, 1)]
WIDE = [*STEPPING[:-2], ("conv", 3, 64, 2), ("conv", 3, 64, 1)]
NEAR_SIGHTED = [*[("conv", 3, 16, 1)] * 4, ("conv", 3, 64, 1), *[("pool", 2, 2)] * 4]


WRONG = {
    "03.most_weights": [("Third Convolution", "third convolution"), ("dense", "not a choice"), (4, "not a choice")],
    "03.unread": [
        (unread_that_asks_the_package, "stopped"),
        (unread_behind_the_last_window, "only the end"),
        (unread_of_negative_places, "other"),
        (unread_with_one_window_more, "a window too many"),
        (unread_of(lambda row, k, s, d: int((row - d * (k - 1) - 1) / s) + 1), "rounded towards 0"),
        (unread_of(lambda row, k, s, d: (row - d * (k - 1) - 1) // s), "a window missing"),
        (unread_of(lambda row, k, s, d: (row - d * k) // s + 1), "span too long"),
        (unread_of(lambda row, k, s, d: (row - d * (k - 1)) // s + 1), "span too short"),
        (unread_summed, "counted twice"),
        (unread_behind_the_kernels, "only the end"),
        (unread_unfinished, "blank"),
        (unread_as_a_set, "wrong type"),
        (unread_as_share, "float for int"),
        (arithmetic.conv_output_size, "package's own"),
        (partial(arithmetic.conv_output_size, padding=0), "package's own"),
        (lambda size, kernel_size, strides=1, padding=0, dilation_rate=1: 0, "constant"),
        (lambda size, kernel_size: 0, "signature"),
        (lambda size, kernel_size, strides=1, padding=0, dilation_rate=1: print(end=""), "no return"),
        (5, "wrong type"),
    ],
    "03.same_padding": [
        (same_half_lost, "one too few"),
        (same_int_of_half, "float for int"),
        (same_all_after, "all after"),
        (same_of_kernel_and_stride, "stride divides the size"),
        (same_of_the_package, "package's own"),
        (same_of_the_package_kept, "package's own"),
        (lambda size, kernel_size, strides=1: (1, 1), "constant"),
        (lambda size, kernel_size, strides=1: (kernel_size, size), "other"),
    ],
    "03.cost": [
        (cost_in_millions, "in millions"),
        (cost_with_a_comma, "shape"),
        (cost_by_the_package, "package's own"),
        (cost_divided, "float for int"),
        (cost_of_one_group, "one group"),
        (cost_without_groups, "groups ignored"),
        (cost_of_one_filter_at_all_places, "filters forgotten in the multiply-adds"),
        (cost_parameters_only, "wrong type"),
        (lambda output_size, kernel_size, in_channels, filters, groups=1: {"parameters": 1}, "wrong type"),
        (lambda output_size, kernel_size, in_channels, filters: (1, 1), "signature"),
        (cost_without_a_name, "other"),
    ],
    "03.convolve": [
        (convolving(lambda window, kernels: np.tensordot(window[::-1, ::-1], kernels, 3)), "kernel flipped"),
        (convolve_mathematically, "kernel flipped"),
        (convolving(lambda window, kernels: np.tensordot(window[::-1], kernels, 3)), "one direction flipped"),
        (convolving(lambda window, kernels: (window[..., None] * kernels).max((0, 1, 2))), "largest product"),
        (convolve_in_three_dimensions, "kernel flipped"),
        (convolving(begin=lambda i: i), "stride only in the shape"),
        (convolving(lambda window, kernels: np.tensordot(window[..., 0], kernels[:, :, 0], 2)), "first channel only"),
        (
            convolving(lambda window, kernels: (window[..., None] * kernels).sum((0, 1)).mean(0)),
            "channels averaged",
        ),
        (convolving(lambda window, kernels: (window[..., None] * kernels).mean((0, 1, 2))), "window averaged"),
        (convolving(dtype=int), "fractions lost"),
        (convolve_to_a_list, "list for array"),
        (convolving(lambda window, kernels: np.sum(window[..., None] * kernels)), "one filter in every map"),
        (convolving(lambda window, kernels: np.sum(window * kernels[..., 0])), "one filter in every map"),
        (convolving(lambda window, kernels: np.sum(window * kernels[..., -1])), "one filter in every map"),
        (convolve_too_far(math.ceil, cut=True), "a step that does not fit"),
        (convolve_too_far(round, cut=True), "a step that does not fit"),
        (convolve_too_far(math.ceil, cut=False), "stopped"),
        (convolve_across, "stopped"),
        (convolve_like_the_image, "fractions lost"),
        (convolve_in_place, "input changed"),
        (convolve_twice_wrong, "other"),
        (lambda image, kernels, strides=1: image @ kernels, "stopped"),
    ],
    "03.receptive_field": [
        (field_that_remembers, "changes between calls"),
        (field_that_empties, "input changed"),
        (field_with_a_step_for_each_neighbour, "a gap too many"),
        (lambda layers: layers[0][0], "stopped"),
        (lambda layers: 17, "constant"),
        (lambda layers: str(field_backwards(layers)), "wrong type"),
        (lambda layers: field_backwards(layers) + 1, "other"),
    ],
    "03.vgg16": [
        (vgg16_after_dense(lambda height, width, depth, units: (height, width, units)), "map kept after a dense layer"),
        (vgg16_after_dense(lambda height, width, depth, units: (1, 1, depth)), "depth kept after a dense layer"),
        (counting(norm=2), "averages not counted"),
        (counting(norm=0), "normalisation ignored"),
        (counting(normed=1), "bias before normalisation"),
        (vgg16_in_millions, "in millions"),
        (vgg16_off_by_heart, "constant"),
        (vgg16_with_backslashes, "float for int"),
        (counting(pool=lambda side: side / 2), "float for int"),
        (counting(bias=0), "biases of the convolutions forgotten"),
        (counting(dense_bias=0), "biases of the dense layers forgotten"),
        (counting(lambda depth, n: 9 * 3 * n), "depth of 3 everywhere"),
        (lambda layers, input_shape: layers[6], "stopped"),
        (138_357_544, "wrong type"),
        (counting(lambda depth, n: depth * n), "other"),
    ],
    "03.design": [
        ("conv 16, pool", "not a stack"),
        ([], "not a stack"),
        ([("conv", 3, 16)], "not a stack"),
        ([("convolution", 3, 16, 1)], "not a stack"),
        ([("conv", 3.0, 16, 1)], "not a stack"),
        ([("pool", 2, 2), *POOLING], "first layer"),
        ([("conv", 3, 16, 4), *STEPPING[1:]], "pixels skipped"),
        ([("conv", 1, 16, 1), *POOLING], "small convolution"),
        ([("conv", 3, 8, 2), *STEPPING[1:]], "small convolution"),
        (SHALLOW, "too few convolutions"),
        ([("conv", 3, 16, 1), *STEPPING, ("pool", 2, 2)], "output size"),
        ([*STEPPING[:-1], ("conv", 3, 32, 1)], "output depth"),
        (NEAR_SIGHTED, "receptive field"),
        ([*STEPPING[:-1], ("conv", 7, 64, 1)], "window too large"),
        ([("conv", 3, 16, 3), ("pool", 96, 6), *STEPPING[-1:]], "window too large"),
        ([*PATCHES, ("pool", 3, 1)], "pooling without a step"),
        (WIDE, "parameters"),
        ([("conv", 3, 16, 1), *POOLING], "multiply-adds"),
    ],
}

RIGHT = {
    "03.most_weights": ["First Dense", " first  dense ", "first dense layer", "the first dense layer", "first_dense"],
    "03.unread": [unread_by_marking, unread_from_numpy, unread_with_help],
    "03.same_padding": [same_by_remainder, same_by_search],
    "03.cost": [cost_by_arrays, cost_group_by_group, cost_of(lambda reads, n: n * (1 + reads))],
    "03.convolve": [convolve_by_shifts, convolve_with_scipy, convolving(), convolve_with_help],
    "03.receptive_field": [field_backwards, field_by_recursion, field_by_marking],
    "03.vgg16": [vgg16_by_shapes, counting(), vgg16_with_help, vgg16_from_the_first_layer],
    "03.design": [STEPPING, POOLING, PATCHES, tuple(map(list, STEPPING))],
}
