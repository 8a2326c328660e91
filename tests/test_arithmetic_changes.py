"""How far a change spreads: published architectures, a chain reckoned by hand, and pixels that are really changed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.arithmetic import occlusion_bound
from course_utils.arithmetic.changes import Moved, Span, Taps, as_axes, positions, spread, trace, union


@pytest.fixture(scope="module")
def keras():
    return pytest.importorskip("keras")


# What it is worth

# Patch 32 and stride 16, patch 16 and stride 8.
BOUNDS = {
    "VGG16": (6.5, 8.8),
    "ResNet50": (2.1, 2.4),
    "DenseNet121": (2.1, 2.3),
    "MobileNetV2": (2.0, 2.2),
    "Xception": (1.7, 1.7),
    "EfficientNet-Lite0": (1.7, 1.8),
}


@pytest.mark.parametrize(
    "family", [pytest.param(name, marks=[pytest.mark.slow] if name == "DenseNet121" else []) for name in BOUNDS]
)
def test_the_deeper_a_network_looks_at_much_of_its_image_the_less_there_is_to_gain(keras, family):
    from course_utils import models

    if family == "EfficientNet-Lite0":
        model = models.efficientnet_lite("lite0", weights=None)
    else:
        model = getattr(keras.applications, family)(weights=None)
    found = tuple(occlusion_bound(model, patch, patch // 2) for patch in (32, 16))
    assert tuple(round(bound, 1) for bound in found) == BOUNDS[family]


def test_two_convolutions_reckoned_by_hand(keras):
    model = keras.Sequential(
        [
            keras.Input((6, 5, 1)),
            keras.layers.Conv2D(2, 3, padding="same", use_bias=False),
            keras.layers.Conv2D(1, (1, 3), padding="valid", use_bias=False),
        ]
    )
    # Patches of 2x2 at rows 0, 2, 4 and columns 0, 2. After the first layer 3, 4, 3 rows and 3, 4 columns differ (the
    # image ends after the fifth column). The second one, three columns wide, leaves rows as they are.
    first = (3 + 4 + 3) * (3 + 4) * 9 * 2
    second = (3 + 4 + 3) * (3 + 3) * 3 * 2
    whole = 6 * 5 * 9 * 2 + 6 * 3 * 3 * 2
    assert occlusion_bound(model, 2, 2) == pytest.approx(6 * whole / (whole + first + second), rel=1e-12)


def test_dense_layers_gain_nothing(keras):
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(3)])
    count = 9  # the clean pass is one more
    assert occlusion_bound(model, 4, 2) == pytest.approx(count / (count + 1), rel=1e-12)


def test_a_network_that_computes_nothing_gains_nothing(keras):
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.GlobalMaxPooling2D()])
    assert occlusion_bound(model, 4, 2) == 1


def test_a_network_for_images_of_any_size_is_told_one(keras):
    inputs = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(2, 3)(inputs)
    free = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))
    inputs = keras.Input((20, 24, 3))
    x = keras.layers.Conv2D(2, 3)(inputs)
    fixed = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))
    assert occlusion_bound(free, 4, 4, input_shape=(20, 24, 3)) == occlusion_bound(fixed, 4, 4)
    assert occlusion_bound(fixed, (4, 6), 4) == occlusion_bound(fixed, (4, 6), (4, 4))


# Pixels that are really changed


def _convolution(draw, layers, x, strides=1):
    kernel = tuple(draw(st.integers(1, min(4, cells))) for cells in x.shape[1:3])
    padding = draw(st.sampled_from(["same", "valid"]))
    return layers.Conv2D(2, kernel, strides=strides, padding=padding, activation="relu", dtype="float64")(x)


def _dilated(draw, layers, x):
    return layers.Conv2D(2, 3, dilation_rate=draw(st.integers(1, 3)), padding="same", dtype="float64")(x)


def _strided(draw, layers, x):
    return _convolution(draw, layers, x, draw(st.integers(1, 3)))


def _depthwise(draw, layers, x):
    padding = draw(st.sampled_from(["same", "valid"]))
    kernel = draw(st.integers(1, min(3, *x.shape[1:3])))
    return layers.DepthwiseConv2D(kernel, padding=padding, dtype="float64")(x)


def _transposed(draw, layers, x):
    kernel, strides = draw(st.integers(1, 4)), draw(st.integers(1, 2))
    padding = draw(st.sampled_from(["same", "valid"]))
    return layers.Conv2DTranspose(2, kernel, strides=strides, padding=padding, dtype="float64")(x)


def _pooled(draw, layers, x):
    kind = draw(st.sampled_from([layers.MaxPooling2D, layers.AveragePooling2D]))
    size = draw(st.integers(1, min(3, *x.shape[1:3])))
    return kind(size, draw(st.integers(1, 3)), draw(st.sampled_from(["same", "valid"])), dtype="float64")(x)


def _framed(draw, layers, x):
    return layers.ZeroPadding2D(((draw(st.integers(0, 2)), 1), (0, draw(st.integers(0, 2)))), dtype="float64")(x)


def _cropped(draw, layers, x):
    amounts = [(draw(st.integers(0, 1)), draw(st.integers(0, 1))) if cells > 3 else (0, 0) for cells in x.shape[1:3]]
    return layers.Cropping2D(tuple(amounts), dtype="float64")(x)


def _repeated(draw, layers, x):
    return layers.UpSampling2D((draw(st.integers(1, 2)), 2), dtype="float64")(x)


def _branched(draw, layers, x):
    one = layers.Conv2D(2, draw(st.integers(1, 3)), padding="same", dtype="float64")(x)
    other = layers.Conv2D(2, (1, draw(st.integers(1, 5))), padding="same", dtype="float64")(x)
    kind = draw(st.sampled_from([layers.Add, layers.Concatenate, layers.Multiply]))
    return kind(dtype="float64")([one, other])


def _normalised(draw, layers, x):
    return layers.BatchNormalization(dtype="float64")(x)


# Here every output that reads a changed cell changes, and what changes has no gaps.
TIGHT = (_convolution, _depthwise, _branched, _normalised)
ANY = (*TIGHT, _dilated, _strided, _transposed, _pooled, _framed, _cropped, _repeated)


def drawn(draw, kinds):
    """A network, a patch and a stride."""
    import keras

    inputs = keras.Input((draw(st.integers(9, 14)), draw(st.integers(9, 14)), 1), dtype="float64")
    x = inputs
    for kind in draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=4)):
        if max(x.shape[1:3]) < 40:
            x = kind(draw, keras.layers, x)
    model = keras.Model(inputs, x)
    random = np.random.default_rng(draw(st.integers(0, 99)))
    model.set_weights([random.uniform(0.2, 1, weights.shape) for weights in model.get_weights()])
    patch = tuple(draw(st.integers(1, cells)) for cells in inputs.shape[1:3])
    stride = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    return model, patch, stride


def changed(model, patch, stride):
    """(call, axis, position along it, indices of what changes) of each layer's output, with a patch made brighter."""
    import keras

    calls = trace(model, patch, stride)[1:]
    by_name = {layer.name: layer for layer in model.layers}
    every = keras.Model(model.input, [by_name[call.name].output for call in calls])
    random = np.random.default_rng(0)
    image = random.uniform(1, 2, (1, *model.input_shape[1:]))
    rows, columns = (positions(model.input_shape[1 + axis], patch[axis], stride[axis]) for axis in (0, 1))
    covered = np.repeat(image, len(rows) * len(columns), axis=0)
    for number, (row, column) in enumerate((row, column) for row in rows for column in columns):
        part = covered[number, row : row + patch[0], column : column + patch[1]]
        part += random.uniform(1, 2, part.shape)
    outputs = (keras.tree.flatten(every(given, training=False)) for given in (image, covered))
    for call, before, after in zip(calls, *outputs, strict=True):
        before, after = (keras.ops.convert_to_numpy(output) for output in (before, after))
        # What is added comes through four layers with more than a millionth of its size; float64 rounds at 1e-16.
        differs = (np.abs(after - before) > 1e-11 * np.abs(before)).any(axis=-1)
        differs = differs.reshape(len(rows), len(columns), *differs.shape[1:])
        for row in range(len(rows)):
            for column in range(len(columns)):
                here = differs[row, column]
                yield call, call.rows, row, np.flatnonzero(here.any(axis=1))
                yield call, call.columns, column, np.flatnonzero(here.any(axis=0))


@given(data=st.data())
@settings(max_examples=40)
def test_what_changes_lies_within_the_span(data):
    for call, span, number, cells in changed(*drawn(data.draw, ANY)):
        if len(cells):
            assert span.first[number] <= cells[0], call
            assert cells[-1] < span.stop[number], call


@given(data=st.data())
@settings(max_examples=40)
def test_where_nothing_is_skipped_what_changes_is_all_of_the_span(data):
    for call, span, number, cells in changed(*drawn(data.draw, TIGHT)):
        np.testing.assert_array_equal(cells, np.arange(span.first[number], span.stop[number]), err_msg=str(call))


@given(
    size=st.integers(1, 5),
    strides=st.integers(1, 3),
    dilation_rate=st.integers(1, 3),
    spacing=st.integers(1, 3),
    cells=st.integers(1, 12),
    before=st.integers(-2, 3),
    change=st.tuples(st.integers(0, 11), st.integers(0, 12)),
)
def test_taps_reach_the_outputs_that_read_a_changed_cell(size, strides, dilation_rate, spacing, cells, before, change):
    first, stop = min(change), max(change)
    taps = Taps(size, strides, dilation_rate, before, spacing)
    found = taps.after(cells)(Span(np.array([first]), np.array([stop])))
    # Each output reads all cells from its first tap to its last here; spans leave no gaps either.
    moved = range(first * spacing, (stop - 1) * spacing + 1) if first < stop else range(0)
    reads = [set(range(i * strides - before, i * strides - before + taps.span)) for i in range(cells)]
    wanted = [i for i, read in enumerate(reads) if read.intersection(moved)]
    assert list(range(found.first[0], found.stop[0])) == wanted


def test_spans_are_joined_and_an_empty_one_adds_nothing():
    one, other = Span(np.array([2, 0, 5]), np.array([4, 0, 6])), Span(np.array([3, 7, 0]), np.array([9, 8, 0]))
    joined = union(one, other)
    np.testing.assert_array_equal(joined.first, [2, 7, 5])
    np.testing.assert_array_equal(joined.stop, [9, 8, 6])
    np.testing.assert_array_equal(joined.sizes, [7, 1, 1])


# Which layers are known


@pytest.mark.parametrize(
    ("build", "how", "known"),
    [
        (lambda layers: layers.Activation("relu"), "in place", True),
        (lambda layers: layers.BatchNormalization(), "in place", True),
        (lambda layers: layers.BatchNormalization(axis=1), "everywhere", False),
        (lambda layers: layers.LayerNormalization(), "in place", True),
        (lambda layers: layers.LayerNormalization(axis=(1, 2, 3)), "everywhere", False),
        (lambda layers: layers.Softmax(axis=2), "everywhere", False),
        (lambda layers: layers.PReLU(shared_axes=(1, 2)), "in place", True),
        (lambda layers: layers.PReLU(), "everywhere", False),
        (lambda layers: layers.Dense(2), "in place", True),
        (lambda layers: layers.GroupNormalization(groups=1), "everywhere", False),
        (lambda layers: layers.ZeroPadding2D(((1, 2), (3, 4))), (Moved(cells=1), Moved(cells=3)), True),
        (lambda layers: layers.Cropping2D(((1, 2), (3, 1))), (Taps(1, before=-1), Taps(1, before=-3)), True),
        (lambda layers: layers.UpSampling2D((2, 3)), (Moved(factor=2), Moved(factor=3)), True),
        (lambda layers: layers.UpSampling2D(2, interpolation="bilinear"), "everywhere", False),
        (lambda layers: layers.MaxPooling2D(2, padding="same"), (Taps(2, 2), Taps(2, 2, before=0)), True),
        (lambda layers: layers.Conv2D(1, (3, 5), padding="same"), (Taps(3, before=1), Taps(5, before=2)), True),
        (lambda layers: layers.Conv2DTranspose(1, 3, strides=2), (Taps(3, before=2, spacing=2),) * 2, True),
        (lambda layers: layers.Permute((2, 1, 3)), "everywhere", False),
    ],
)
def test_how_layers_pass_a_change_on(keras, build, how, known):
    layer = build(keras.layers)
    shape = layer(keras.Input((8, 9, 4))).shape[1:]
    assert spread(layer, [(8, 9, 4)], tuple(shape)) == (how, known)


def test_models_inside_are_opened_and_a_shared_layer_counts_twice(keras):
    inner = keras.Sequential([keras.Input((8, 8, 2)), keras.layers.Conv2D(2, 3, padding="same", name="c")], name="in")
    inputs = keras.Input((8, 8, 2))
    model = keras.Model(inputs, keras.layers.Flatten(name="row")(inner(inner(inputs))))
    calls = trace(model, (2, 2), (2, 2))
    assert [call.name for call in calls] == ["input", "in/c", "in/c", "row"]
    assert [call.inputs for call in calls] == [(), (0,), (1,), (2,)]
    np.testing.assert_array_equal(calls[2].rows.first, [0, 0, 2, 4])
    np.testing.assert_array_equal(calls[2].rows.stop, [4, 6, 8, 8])
    assert [call.everywhere for call in calls] == [False, False, False, True]
    assert calls[1].cells == 64
    assert calls[1].cells_changed == (3 + 4 + 4 + 3) ** 2
    assert calls[1].multiply_adds == 64 * 9 * 2 * 2


# Arguments


def test_positions_lie_wholly_inside():
    np.testing.assert_array_equal(positions(10, 4, 3), [0, 3, 6])
    np.testing.assert_array_equal(positions(9, 4, 3), [0, 3])
    np.testing.assert_array_equal(positions(4, 4, 3), [0])


def test_a_number_stands_for_both_axes():
    assert as_axes("patch", 3) == (3, 3)
    assert as_axes("patch", [3, np.int64(4)]) == (3, 4)


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        ((1, 2, 3), ValueError, r"patch is \(1, 2, 3\); it must be a number of pixels, or \(rows, columns\)"),
        (0, ValueError, "patch is 0; it must be at least 1"),
        ((4, -1), ValueError, "patch is -1"),
        (2.0, TypeError, "patch is 2.0 .*must be an int"),
        (None, TypeError, "patch is None"),
        (True, TypeError, "patch is True"),
    ],
)
def test_what_is_no_size_is_refused(value, error, message):
    with pytest.raises(error, match=message):
        as_axes("patch", value)


def test_models_that_cannot_be_followed_are_refused(keras):
    one, two = keras.Input((8, 8, 1)), keras.Input((8, 8, 1))
    flat = keras.layers.Flatten()
    with pytest.raises(ValueError, match=r"'pair' has inputs of shape \(8, 8, 1\), \(8, 8, 1\); expected one input"):
        occlusion_bound(keras.Model([one, two], flat(one + two), name="pair"), 2, 2)
    row = keras.Input((5,))
    with pytest.raises(ValueError, match=r"'row' has inputs of shape \(5,\); expected one input, images"):
        occlusion_bound(keras.Model(row, keras.layers.Dense(1)(row), name="row"), 2, 2)
    with pytest.raises(ValueError, match="'twins' has 2 outputs; expected one"):
        occlusion_bound(keras.Model(one, [flat(one), one * 2.0], name="twins"), 2, 2)
    with pytest.raises(ValueError, match=r"patch of \(9, 2\) pixels is larger than the image of \(8, 8\)"):
        occlusion_bound(keras.Model(one, flat(one)), (9, 2), 2)
    split = keras.ops.split(one, 2, axis=1)[0]
    name = split._keras_history.operation.name  # "split", or with a number where another test has split before
    with pytest.raises(ValueError, match=f"layer '{name}' has 2 outputs; expected one"):
        occlusion_bound(keras.Model(one, flat(split)), 2, 2)
    with pytest.raises(TypeError, match="model"):
        occlusion_bound("VGG16")
    with pytest.raises(ValueError, match="stride is 0"):
        occlusion_bound(keras.Model(one, flat(one)), 2, 0)
