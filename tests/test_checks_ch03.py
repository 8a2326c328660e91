"""The references of chapter 03's checks against Keras: a check that is wrong itself would teach the mistake."""

import itertools
import math

import numpy as np
import pytest

from course_utils.checks import ch03_cnn_math as ch03
from course_utils.checks import judge

keras = pytest.importorskip("keras")


@pytest.mark.parametrize("dilation_rate", [1, 2, 3])
@pytest.mark.parametrize("padding", [0, 1, 2])
def test_unread_pixels_are_those_that_change_nothing_in_kerass_padded_convolution(padding, dilation_rate):
    for size, kernel_size, strides in itertools.product((10, 13), (1, 3, 4), (1, 2, 3, 5)):
        if strides > 1 and dilation_rate > 1:
            continue  # Keras' layer refuses both at once
        layer = keras.layers.Conv1D(1, kernel_size, strides, dilation_rate=dilation_rate, kernel_initializer="ones")
        rows = np.pad(np.eye(size), ((0, 0), (padding, padding)))[..., None]  # each pixel alone
        answers = np.asarray(layer(rows))[..., 0]
        unread = np.count_nonzero(~answers.any(axis=1))
        assert unread == ch03._unread(size, kernel_size, strides, padding, dilation_rate), (size, kernel_size, strides)


@pytest.mark.parametrize(("size", "kernel_size", "padding", "dilation_rate"), [(3, 5, 0, 1), (7, 4, 1, 3)])
def test_a_kernel_longer_than_the_padded_row_reads_nothing(size, kernel_size, padding, dilation_rate):
    assert ch03._unread(size, kernel_size, 1, padding, dilation_rate) == size


def test_same_padding_by_hand_gives_kerass_values():
    draw = np.random.default_rng(0)
    for size, kernel_size, strides in itertools.product((6, 7, 10), (1, 2, 3, 4, 5), (1, 2, 3, 5)):
        row, kernel = draw.normal(size=(1, size, 1)), draw.normal(size=(kernel_size, 1, 1))
        padded = np.pad(row, ((0, 0), ch03._same_padding(size, kernel_size, strides), (0, 0)))
        by_hand = keras.ops.conv(padded.astype("float32"), kernel.astype("float32"), strides, "valid")
        keras_own = keras.ops.conv(row.astype("float32"), kernel.astype("float32"), strides, "same")
        places = math.ceil(size / strides)  # a valid convolution may find room for windows behind the last one
        np.testing.assert_allclose(np.asarray(by_hand)[:, :places], np.asarray(keras_own), atol=1e-5)


@pytest.mark.parametrize("groups", [1, 2, 6])
def test_cost_counts_what_a_layer_has_and_what_its_output_takes(groups):
    for (height, width), depth, filters in [((3, 5), 12, 18), ((1, 2), 6, 6), ((5, 5), 6, 12)]:
        layer = keras.layers.Conv2D(filters, (height, width), groups=groups)
        layer.build((1, 12, 10, depth))
        shape = layer.compute_output_shape((1, 12, 10, depth))
        parameters, multiply_adds = ch03._cost(shape[1:3], (height, width), depth, filters, groups)
        assert parameters == layer.count_params()
        # With weights and inputs of 1, each output value is the number of products in it. Not every backend can compute
        # groups on a processor, so each is computed as a layer of its own.
        part = keras.layers.Conv2D(filters // groups, (height, width), kernel_initializer="ones")
        outputs = [part(keras.ops.ones((1, 12, 10, depth // groups))) for _ in range(groups)]
        assert multiply_adds == sum(int(np.asarray(output).sum()) for output in outputs)


@pytest.mark.parametrize("case", ch03._CONVOLVE)
def test_convolve_gives_kerass_values(case):
    image, kernels = (values.astype("float32") for values in case.args)
    strides = case.kwargs.get("strides", 1)
    keras_own = np.asarray(keras.ops.conv(image[None], kernels, strides, "valid"))[0]
    np.testing.assert_allclose(ch03._convolve(image, kernels, strides), keras_own, atol=1e-4)


def test_a_stop_where_a_step_does_not_fit_says_that_it_is_not_taken():
    from tests.wrong_answers.ch03_cnn_math import convolve_across, convolve_too_far

    assert (
        "A step that does not fit is not taken" in judge("03.convolve", convolve_too_far(math.ceil, cut=False)).message
    )
    assert "changed places" in judge("03.convolve", convolve_across).message


@pytest.mark.parametrize("layers", [[(3, 1), (2, 2), (5, 1), (2, 2)], [(7, 2), (3, 2), (3, 1), (1, 2), (3, 1)]])
def test_receptive_field_is_as_wide_as_what_changes_the_middle_value(layers):
    size = 150
    model = keras.Sequential([keras.Input((size, 1))])
    for kernel_size, strides in layers:
        model.add(keras.layers.Conv1D(1, kernel_size, strides, kernel_initializer="ones"))
    rows = np.eye(size, dtype="float32")[..., None]  # each pixel alone
    answers = model.predict(rows, verbose=0)[:, model.output_shape[1] // 2, 0]
    assert np.ptp(np.flatnonzero(answers)) + 1 == ch03._receptive_field(layers)


@pytest.mark.parametrize(
    "layers",
    [
        [("conv", 8), ("pool",), ("conv", 6), ("pool",), ("dense", 10)],
        [
            ("conv", 8),
            ("norm",),
            ("conv", 6),
            ("pool",),
            ("conv", 5),
            ("norm",),
            ("average",),
            ("dense", 7),
            ("dense", 3),
        ],
    ],
)
def test_network_counts_what_keras_counts(layers):
    model = keras.Sequential([keras.Input((14, 22, 1))])
    for (kind, *size), following in zip(layers, [*layers[1:], ("end",)], strict=True):
        if kind == "conv":
            model.add(keras.layers.Conv2D(*size, 3, padding="same", use_bias=following[0] != "norm"))
        elif kind == "norm":
            model.add(keras.layers.BatchNormalization())
        elif kind == "pool":
            model.add(keras.layers.MaxPooling2D())
        elif kind == "average":
            model.add(keras.layers.GlobalAveragePooling2D())
        else:
            if len(model.output_shape) > 2:
                model.add(keras.layers.Flatten())
            model.add(keras.layers.Dense(*size))
    assert ch03._network(layers, (14, 22, 1)) == model.count_params()


def test_vgg16_has_the_published_count():
    assert ch03._network(ch03._VGG16, (224, 224, 3)) == 138_357_544


@pytest.mark.parametrize("number", range(3))
def test_the_design_is_judged_by_what_keras_builds(number):
    from tests.wrong_answers.ch03_cnn_math import RIGHT

    model = keras.Sequential([keras.Input((96, 96, 3))])
    for kind, *sizes in RIGHT["03.design"][number]:
        if kind == "conv":
            model.add(keras.layers.Conv2D(sizes[1], sizes[0], sizes[2], padding="same"))
        else:
            model.add(keras.layers.MaxPooling2D(*sizes, padding="same"))
    message = judge("03.design", RIGHT["03.design"][number]).message
    assert model.output_shape == (None, 6, 6, 64)
    assert f"{model.count_params():,} parameters" in message


def test_no_stack_is_cheaper_than_the_least_that_the_check_knows():
    costs = []
    for kernel_size in range(3, 20):
        for strides in range(1, kernel_size + 1):
            places = math.ceil(96 / strides)
            if places >= 6:  # the rest at its cheapest: pooled to 6x6 at once, then four 3x3 convolutions
                first = places**2 * kernel_size**2 * 3 * 16
                costs.append(first + 36 * 9 * 16 * (16 * 3 + 64))
    assert min(costs) == ch03._LEAST
    assert (
        "no stack is cheaper"
        in judge("03.design", [("conv", 16, 16, 16), *[("conv", 3, 16, 1)] * 3, ("conv", 3, 64, 1)]).message
    )
