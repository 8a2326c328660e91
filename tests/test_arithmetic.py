"""Sizes, counts and receptive fields of layers and of chains: against Keras, against loops, and by perturbation."""

import itertools
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from course_utils.arithmetic import (
    conv_multiply_adds,
    conv_output_size,
    conv_parameters,
    dense_parameters,
    pool_output_size,
    receptive_field,
    receptive_fields,
    same_padding,
)

CASES = json.loads((Path(__file__).parent / "cases" / "conv_output_size.json").read_text(encoding="utf-8"))["cases"]

small = st.integers(1, 7)
sizes = st.integers(1, 40)


def positions(size, kernel, stride, padding, dilation):
    """Offsets at which all cells of a kernel lie on the padded input, tried out one by one."""
    return [
        offset
        for offset in range(0, size + 2 * padding, stride)
        if all(offset + tap * dilation < size + 2 * padding for tap in range(kernel))
    ]


def test_shared_table_is_what_trying_all_positions_gives():
    for case in CASES:
        arguments = [case[name] for name in ("size", "kernel", "stride", "padding", "dilation")]
        assert (len(positions(*arguments)) or None) == case["output"], case


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(str(value) for value in case.values()))
def test_output_size_agrees_with_the_shared_table(case):
    def answer():
        return conv_output_size(
            case["size"], case["kernel"], case["stride"], padding=case["padding"], dilation_rate=case["dilation"]
        )

    if case["output"] is None:
        with pytest.raises(ValueError, match="does not fit"):
            answer()
    else:
        assert answer() == case["output"]


@given(sizes, small, small, st.integers(0, 5), small)
def test_output_size_counts_the_positions_of_the_kernel(size, kernel, stride, padding, dilation):
    found = positions(size, kernel, stride, padding, dilation)
    assume(found)
    assert conv_output_size(size, kernel, stride, padding, dilation) == len(found)


@settings(max_examples=50, deadline=None)
@given(
    st.tuples(sizes, sizes),
    st.tuples(small, small),
    st.tuples(small, small),
    st.tuples(small, small),
    st.sampled_from(["valid", "same"]),
    st.booleans(),
)
def test_output_size_is_that_of_keras(size, kernel, strides, dilation, padding, dilated):
    from keras import layers

    if dilated:  # Keras has strides or dilation, not both
        strides = (1, 1)
    else:
        dilation = (1, 1)
    layer = layers.Conv2D(5, kernel, strides=strides, padding=padding, dilation_rate=dilation)
    try:
        expected = layer.compute_output_shape((None, *size, 3))[1:3]
    except ValueError:
        with pytest.raises(ValueError, match="does not fit"):
            conv_output_size(size, kernel, strides, padding, dilation)
    else:
        assert conv_output_size(size, kernel, strides, padding, dilation) == expected


@settings(deadline=None)
@given(st.tuples(sizes, sizes), st.tuples(small, small), st.none() | small, st.sampled_from(["valid", "same"]))
def test_pool_size_is_that_of_keras(size, pool, strides, padding):
    from keras import layers

    layer = layers.MaxPooling2D(pool, strides=strides, padding=padding)
    try:
        expected = layer.compute_output_shape((None, *size, 3))[1:3]
    except ValueError:
        with pytest.raises(ValueError, match="pool_size .* does not fit"):
            pool_output_size(size, pool, strides, padding)
    else:
        assert pool_output_size(size, pool, strides, padding) == expected


@given(sizes, small, small, small)
def test_same_padding_is_the_least_that_gives_the_size(size, kernel, strides, dilation):
    before, after = same_padding(size, kernel, strides, dilation)
    span = (kernel - 1) * dilation + 1
    outputs = math.ceil(size / strides)
    assert 0 <= after - before <= 1
    assert (size + before + after - span) // strides + 1 == outputs or (before, after) == (0, 0)
    if after:  # with one cell less, there is one position less
        assert (size + before + after - 1 - span) // strides + 1 < outputs


def test_same_padding_lies_where_keras_puts_it():
    from keras import ops

    for size, kernel, stride in itertools.product(range(4, 9), range(1, 5), range(1, 4)):
        signal = np.arange(1.0, size + 1, dtype="float32")
        padded = np.pad(signal, same_padding(size, kernel, stride))
        expected = [padded[i * stride : i * stride + kernel].sum() for i in range(math.ceil(size / stride))]
        ones = np.ones((kernel, 1, 1), "float32")
        found = ops.convert_to_numpy(ops.conv(signal[None, :, None], ones, strides=stride, padding="same"))
        np.testing.assert_allclose(found[0, :, 0], expected, err_msg=f"{size=} {kernel=} {stride=}")


def test_tuples_give_tuples_and_ints_give_ints():
    assert conv_output_size(32, 3) == 30
    assert conv_output_size((32, 48), 3) == (30, 46)
    assert conv_output_size(32, (3, 5), padding=(1, 2)) == (32, 32)
    assert conv_output_size([32, 48, 16], [3, 3, 1], strides=2) == (15, 23, 8)
    assert type(conv_output_size(np.int64(32), 3)) is int
    assert pool_output_size((7, 8), (2, 3), strides=(2, 1)) == (3, 6)


@settings(max_examples=30, deadline=None)
@given(small, small, st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.booleans())
def test_parameters_are_those_of_keras(height, width, depth, share, groups, use_bias):
    from keras import layers

    depth, filters = depth * groups, share * groups
    layer = layers.Conv2D(filters, (height, width), groups=groups, use_bias=use_bias)
    layer.build((None, 9, 9, depth))
    assert conv_parameters((height, width), depth, filters, use_bias, groups) == layer.count_params()
    layer = layers.Dense(filters, use_bias=use_bias)
    layer.build((None, depth))
    assert dense_parameters(depth, filters, use_bias) == layer.count_params()


@given(st.tuples(small, small), st.tuples(st.integers(1, 3), st.integers(1, 3)), small, small, st.integers(1, 3))
def test_multiply_adds_are_those_that_a_loop_makes(output, kernel, depth, share, groups):
    counted = 0
    for _position in itertools.product(range(output[0]), range(output[1])):
        for group in range(groups):
            for _filter in range(share):
                for _channel in range(group * depth, (group + 1) * depth):
                    for _tap in itertools.product(range(kernel[0]), range(kernel[1])):
                        counted += 1
    assert conv_multiply_adds(output, kernel, depth * groups, share * groups, groups) == counted


def test_an_int_kernel_is_square_and_a_tuple_has_its_own_axes():
    assert conv_parameters(3, 8, 16) == conv_parameters((3, 3), 8, 16) == 3 * 3 * 8 * 16 + 16
    assert conv_parameters((3,), 8, 16) == 3 * 8 * 16 + 16
    assert conv_multiply_adds((10,), 3, 8, 16) == 10 * 3 * 8 * 16


def seen_by_perturbation(layers, size):
    """For each output of a chain, the first and last input that changes it, found by changing one input at a time."""
    signals = np.eye(size)  # one input is 1, in each of as many signals
    for kernel, stride, dilation, padding in layers:
        signals = np.pad(signals, ((0, 0), (padding, padding)))
        starts = range(0, signals.shape[1] - (kernel - 1) * dilation, stride)
        signals = np.stack([signals[:, start::dilation][:, :kernel].sum(1) for start in starts], axis=1)
    return [(int(column.nonzero()[0].min()), int(column.nonzero()[0].max())) for column in signals.T]


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 2)), max_size=4), st.data())
def test_receptive_field_is_what_perturbation_finds(chain, data):
    layers = [(*layer, data.draw(st.integers(0, layer[0] - 1), "padding")) for layer in chain]
    field = receptive_fields(layers)[-1]
    size = 3 * (field.size + field.jump)  # so that some units see nothing of the borders
    seen = seen_by_perturbation(layers, size)
    inside = 0
    for unit, (first, last) in enumerate(seen):
        start = field.start + unit * field.jump
        if start >= 0 and start + field.size <= size:
            inside += 1
            assert (first, last) == (start, start + field.size - 1)
    assert inside > 0
    assert receptive_field(layers) == field.size


def test_receptive_field_starts_with_the_input_itself():
    assert receptive_fields([]) == [(1, 1, 0)]
    assert receptive_field([]) == 1


def test_same_padding_centres_the_field_of_an_odd_kernel():
    assert receptive_fields([(5, 1, 1, "same"), (3, 1, 2, "same")])[-1] == (9, 1, -4)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: conv_output_size(4, 5),
            ValueError,
            "kernel_size 5 does not fit: it needs 5 cells and the input has 4",
        ),
        (
            lambda: conv_output_size(4, 3, padding=1, dilation_rate=3),
            ValueError,
            "spans 7 cells .* has 6 .4 and 1 cells",
        ),
        (lambda: conv_output_size(4, 3, strides=0), ValueError, "strides is 0; it must be at least 1"),
        (lambda: conv_output_size(0, 3), ValueError, "size is 0; it must be at least 1"),
        (lambda: conv_output_size(8, 3, padding=-1), ValueError, "padding is -1; it must be at least 0"),
        (lambda: conv_output_size(8, 3, padding="full"), ValueError, "padding is 'full'; it must be 'valid'"),
        (lambda: conv_output_size(8, 3, dilation_rate=0), ValueError, "dilation_rate is 0"),
        (lambda: conv_output_size(8 / 2, 3), TypeError, r"size is 4.0 \(float\); it must be an int"),
        (lambda: conv_output_size(None, 3), TypeError, "size is None"),
        (lambda: conv_output_size(8, True), TypeError, "kernel_size is True"),
        (lambda: conv_output_size((8, 8), (3, 3, 3)), ValueError, "size has 2, kernel_size has 3"),
        (lambda: pool_output_size(2, 3), ValueError, "pool_size 3 does not fit"),
        (lambda: conv_parameters(3, 6, 8, groups=4), ValueError, "groups is 4 and in_channels is 6"),
        (lambda: conv_parameters(3, 8, 6, groups=4), ValueError, "groups is 4 and filters is 6"),
        (lambda: conv_parameters(3, 0, 6), ValueError, "in_channels is 0"),
        (lambda: conv_multiply_adds((8, 8), (3,), 3, 8), ValueError, "kernel_size .3,. has 1 axes and output_size"),
        (lambda: dense_parameters(10.0, 3), TypeError, "inputs is 10.0"),
        (lambda: receptive_field([3]), TypeError, "layer 1 is 3; it must be .kernel_size, strides."),
        (lambda: receptive_field([(3, 1), (3, 0)]), ValueError, "strides of layer 2 is 0"),
        (lambda: receptive_field([(3, 2, 1, "same")]), ValueError, "layer 1 has padding 'same' at stride 2"),
    ],
)
def test_errors_say_what_was_given_and_what_to_do(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_importing_the_arithmetic_imports_no_framework():
    code = "import sys, course_utils.arithmetic; print({'keras', 'numpy', 'tensorflow'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"
