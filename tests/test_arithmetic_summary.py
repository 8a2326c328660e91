"""The table of a network: against Keras' own shapes and counts, published figures, and perturbed pixels."""

import itertools
import re
import xml.etree.ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.arithmetic import summarize
from course_utils.arithmetic.views import Axis, Signal, view_after


@pytest.fixture(scope="module")
def keras():
    return pytest.importorskip("keras")


@pytest.fixture(scope="module")
def vgg16(keras):
    return keras.applications.VGG16(weights=None)


def single_calls(model):
    """The layers and operations of a functional model, with models inside it opened."""
    for operation in model.operations:
        inner = getattr(operation, "operations", None) or getattr(operation, "layers", None)
        if inner is not None:
            yield from inner
        elif type(operation).__name__ != "InputLayer":
            yield operation


def assert_agrees_with_keras(model, summary):
    assert summary.parameters == model.count_params()
    for operation in single_calls(model):
        rows = [row for row in summary.rows if row.name.split("/")[-1] == operation.name]
        assert len(rows) == 1, operation.name
        assert rows[0].output_shape == tuple(operation.output.shape[1:]), operation.name
        assert rows[0].kind == type(operation).__name__
        assert rows[0].parameters == (operation.count_params() if hasattr(operation, "count_params") else 0)


# The smallest member of each family, with the multiply-adds that its authors state, and the receptive field of the
# last layer before the global pooling where Araujo, Norris and Sim (2019), Computing receptive fields of convolutional
# neural networks, list it.
FAMILIES = {
    "ConvNeXtTiny": (4.5e9, None),  # Liu et al. (2022)
    "DenseNet121": (None, None),
    "EfficientNetB0": (0.39e9, None),  # Tan and Le (2019)
    "EfficientNetV2B0": (None, None),
    "InceptionResNetV2": (None, 3039),
    "InceptionV3": (None, 1311),
    "MobileNet": (569e6, 315),  # Howard et al. (2017)
    "MobileNetV2": (300e6, None),  # Sandler et al. (2018)
    "MobileNetV3Small": (56e6, None),  # Howard et al. (2019)
    "NASNetMobile": (564e6, None),  # Zoph et al. (2018)
    "ResNet50": (3.8e9, 483),  # He et al. (2016)
    "ResNet50V2": (None, 483),
    "VGG19": (19.6e9, None),  # He et al. (2016), who compare with it
    "Xception": (None, None),
}
LARGE = ("DenseNet121", "EfficientNetV2B0", "InceptionResNetV2", "NASNetMobile")


@pytest.mark.parametrize(
    "family", [pytest.param(name, marks=[pytest.mark.slow] if name in LARGE else []) for name in FAMILIES]
)
def test_every_family_agrees_with_keras_and_with_its_authors(keras, family):
    multiply_adds, field = FAMILIES[family]
    model = getattr(keras.applications, family)(weights=None)
    size = None if None not in model.input_shape[1:] else (224, 224, 3)
    if size:
        model = getattr(keras.applications, family)(weights=None, input_shape=size)
    summary = summarize(model)
    assert_agrees_with_keras(model, summary)
    assert summary.not_counted == ()
    assert all(row.receptive_field is not None for row in summary.rows)
    assert summary.rows[-1].sees_all
    if multiply_adds:
        assert summary.multiply_adds == pytest.approx(multiply_adds, rel=0.04)
    if field:
        local = [row for row in summary.rows if not row.sees_all]
        assert local[-1].receptive_field == (field, field)


def test_vgg16_has_its_138_357_544_weights_and_keeps_58_mib(vgg16):
    summary = summarize(vgg16)
    assert_agrees_with_keras(vgg16, summary)
    assert summary.parameters == 138_357_544
    assert summary.activations == 15_237_608
    assert summary.activations_mib == pytest.approx(58.13, abs=0.005)
    assert summary.multiply_adds == pytest.approx(15.5e9, rel=0.01)
    assert summary["block5_pool"].receptive_field == (212, 212)
    assert summary["flatten"].activations == 0
    assert summary["fc1"].parameters == 102_764_544
    assert not summary["flatten"].sees_all
    assert summary["fc1"].sees_all


def test_nested_models_are_opened_and_take_the_size_of_the_outer_model(keras):
    base = keras.applications.VGG16(weights=None, include_top=False)  # takes any size
    outer = keras.Sequential(
        [
            keras.Input((64, 48, 3)),
            keras.Sequential([keras.layers.RandomFlip(name="random_flip")], name="augment"),
            base,
            keras.layers.GlobalAveragePooling2D(name="gap"),
            keras.layers.Dense(2, name="dense"),
        ]
    )
    summary = summarize(outer)
    assert summary.parameters == outer.count_params()
    assert summary["vgg16/block5_pool"].output_shape == (2, 1, 512)
    assert summary["vgg16/block1_conv1"].multiply_adds == 64 * 48 * 9 * 3 * 64
    assert [row.name for row in summary.rows][:3] == ["input", "augment/random_flip", "vgg16/block1_conv1"]


def test_nested_model_as_the_output_of_a_model(keras):
    inner = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3, name="conv")], name="inner")
    image = keras.Input((8, 8, 3))
    functional = keras.Model(inner.inputs, inner.outputs, name="functional")
    for nested in (inner, functional):
        model = keras.Model(image, nested(image))
        assert summarize(model).parameters == model.count_params()
        assert summarize(model).rows[-1].output_shape == (6, 6, 4)


def test_a_shared_layer_has_a_row_for_each_call_and_is_counted_once(keras):
    layers = keras.layers
    image = keras.Input((16, 16, 3))
    shared = layers.Conv2D(3, 3, padding="same", name="shared")
    once = shared(image)
    deeper = layers.Conv2D(3, 5, padding="same", name="between")(once)
    model = keras.Model(image, layers.Add(name="sum")([shared(deeper), once]))
    summary = summarize(model)
    first, second = (row for row in summary.rows if row.name == "shared")
    assert (first.kind, second.kind) == ("Conv2D", "Conv2D (again)")
    assert (first.parameters, second.parameters) == (84, 0)
    assert first.multiply_adds == second.multiply_adds > 0
    assert (first.receptive_field, second.receptive_field) == ((3, 3), (9, 9))
    assert summary["sum"].receptive_field == (9, 9)
    assert summary.parameters == model.count_params()


def test_several_inputs_outputs_and_operations(keras):
    layers = keras.layers
    left, right = keras.Input((16, 16, 3), name="left"), keras.Input((16, 16, 3), name="right")
    x = layers.Conv2D(4, 3, name="conv")(left) * 2.0 + layers.Conv2D(4, 3, name="other")(right)
    y = keras.ops.mean(x, axis=(1, 2))
    model = keras.Model({"left": left, "right": right}, {"map": x, "mean": y})
    summary = summarize(model)
    assert summary.parameters == model.count_params()
    assert [row.name for row in summary.rows[:2]] == ["left", "right"]
    assert summary.rows[-1].sees_all
    assert summary.rows[-1].output_shape == (4,)


def test_kinds_of_convolutions_are_counted_by_hand(keras):
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((20, 10, 6)),
            layers.Conv2D(8, (3, 2), groups=2, name="grouped"),
            layers.DepthwiseConv2D(3, depth_multiplier=2, strides=2, padding="same", name="depthwise"),
            layers.SeparableConv2D(5, 3, depth_multiplier=2, name="separable"),
            layers.Conv2D(4, 2, dilation_rate=2, padding="same", name="dilated"),
            layers.Conv2DTranspose(3, 3, strides=2, padding="same", name="transposed"),
            layers.Dense(7, name="everywhere"),
        ]
    )
    summary = summarize(model)
    assert summary["grouped"].multiply_adds == (18 * 9) * (3 * 2) * 3 * 8
    assert summary["depthwise"].multiply_adds == (9 * 5) * 9 * 16
    assert summary["separable"].multiply_adds == (7 * 3) * (9 * 32 + 32 * 5)
    assert summary["dilated"].multiply_adds == (7 * 3) * 4 * 5 * 4
    assert summary["transposed"].multiply_adds == (7 * 3) * 9 * 4 * 3
    assert summary["everywhere"].multiply_adds == (14 * 6) * 3 * 7
    assert summary.parameters == model.count_params()
    assert not summary["everywhere"].sees_all


def test_what_sees_the_whole_image(keras):
    layers = keras.layers
    image = keras.Input((8, 8, 4))
    x = layers.Conv2D(4, 3, padding="same", name="conv")(image)
    x = layers.LayerNormalization(name="over_channels")(x)
    squeezed = layers.GlobalAveragePooling2D(keepdims=True, name="squeeze")(x)
    excited = layers.Multiply(name="excite")([x, layers.Conv2D(4, 1, name="gate")(squeezed)])
    grouped = layers.GroupNormalization(groups=2, name="group")(x)
    whole = layers.LayerNormalization(axis=(1, 2, 3), name="over_all")(x)
    summary = summarize(keras.Model(image, [excited, grouped, whole]))
    assert {row.name for row in summary.rows if row.sees_all} == {"squeeze", "gate", "excite", "group", "over_all"}
    assert summary["over_channels"].receptive_field == (3, 3)
    assert summary["excite"].receptive_field == (8, 8)


def test_exchanging_channels_moves_no_pixel_and_mirroring_moves_all(keras):
    image = keras.Input((8, 8, 3))
    exchanged = keras.ops.flip(keras.layers.Conv2D(3, 3, name="conv")(image), axis=-1)
    seen = [keras.layers.Conv2D(1, 3, name="after")(exchanged)]
    seen += [keras.layers.Conv2D(1, 3, name=f"mirrored_{axis}")(keras.ops.flip(image, axis)) for axis in (1, -2)]
    seen.append(keras.layers.Conv2D(1, 3, name="mirrored_all")(keras.ops.flip(image, (1, 2))))
    summary = summarize(keras.Model(image, seen))
    assert summary["after"].receptive_field == (5, 5)
    assert [summary[f"mirrored_{axis}"].receptive_field for axis in (1, -2, "all")] == [None, None, None]


def test_what_is_not_known_is_not_guessed(keras):
    layers = keras.layers

    class Mixer(layers.Layer):
        def build(self, shape):
            self.kernel = self.add_weight(shape=(shape[-1], shape[-1]), name="kernel")

        def call(self, x):
            return keras.ops.matmul(x, self.kernel)

    model = keras.Sequential([keras.Input((8, 8, 3)), Mixer(name="mixer"), layers.Conv2D(2, 3, name="conv")])
    summary = summarize(model)
    assert summary["mixer"].multiply_adds is None
    assert summary["mixer"].parameters == 9
    assert summary["mixer"].receptive_field is None
    assert summary["conv"].receptive_field is None
    assert summary.not_counted == ("mixer",)
    assert summary.multiply_adds == summary["conv"].multiply_adds
    assert ">= 1,944" in str(summary)
    assert "not known for: mixer" in str(summary)


# Layers of one axis that only add up, with positive weights: an input that is seen cannot cancel out.
steps = st.one_of(
    st.tuples(st.just("conv"), st.integers(1, 4), st.integers(1, 2), st.sampled_from(["same", "valid", "causal"])),
    st.tuples(st.just("dilated"), st.integers(1, 3), st.integers(1, 3), st.sampled_from(["same", "valid", "causal"])),
    st.tuples(st.just("pool"), st.integers(1, 3), st.integers(1, 2), st.sampled_from(["same", "valid"])),
    st.tuples(st.just("transposed"), st.integers(1, 4), st.integers(1, 3), st.sampled_from(["same", "valid"])),
    st.tuples(st.just("up"), st.integers(1, 3), st.just(0), st.just("")),
    st.tuples(st.just("pad"), st.integers(0, 3), st.integers(0, 3), st.just("")),
    st.tuples(st.just("branch"), st.integers(1, 5), st.integers(1, 4), st.just("")),
    st.tuples(st.just("u"), st.integers(1, 4), st.integers(1, 3), st.just("")),
)


def built(keras, chain, size):
    layers = keras.layers
    ones = {"kernel_initializer": "ones", "use_bias": False}
    x = image = keras.Input((size, 1))
    for kind, a, b, padding in chain:
        if kind == "conv":
            x = layers.Conv1D(1, a, strides=b, padding=padding, **ones)(x)
        elif kind == "dilated":
            x = layers.Conv1D(1, a, dilation_rate=b, padding=padding, **ones)(x)
        elif kind == "pool":
            x = layers.AveragePooling1D(a, strides=b, padding=padding)(x)
        elif kind == "transposed":
            x = layers.Conv1DTranspose(1, a, strides=b, padding=padding, **ones)(x)
        elif kind == "up":
            x = layers.UpSampling1D(a)(x)
        elif kind == "pad":
            x = layers.ZeroPadding1D((a, b))(x)
        elif kind == "u":  # down, up again, and added to what was there before
            deep = layers.Conv1D(1, a, strides=b, padding="same", **ones)(x)
            deep = layers.Conv1DTranspose(1, a, strides=b, padding="same", **ones)(deep)
            x = layers.Add()([x, layers.Cropping1D((0, deep.shape[1] - x.shape[1]))(deep)])
        else:
            x = layers.Add()([layers.Conv1D(1, size, padding="same", **ones)(x) for size in (a, b)])
    return keras.Model(image, x)


@settings(max_examples=40, deadline=None)
@given(st.lists(steps, min_size=1, max_size=5))
def test_receptive_field_is_the_largest_that_perturbation_finds(chain):
    import keras

    size = 240  # far more than any of these fields, so that some units see nothing of the borders
    model = built(keras, chain, size)
    row = summarize(model).rows[-1]
    changed = keras.ops.convert_to_numpy(model(np.eye(size, dtype="float32")[:, :, None]))[:, :, 0] > 0
    assert row.output_shape == (changed.shape[1], 1)
    seen = [(column.nonzero()[0][[0, -1]] if column.any() else (1, 0)) for column in changed.T]
    # Near a border padding hides some pixels, so that a unit there sees less.
    assert max(last - first + 1 for first, last in seen) == row.receptive_field[0], row


def test_each_unit_sees_exactly_the_pixels_that_change_it(keras):
    layers, ones = keras.layers, {"kernel_initializer": "ones"}
    size = 17
    for kernel, stride, padding in itertools.product(range(1, 5), range(1, 4), ("same", "valid")):
        for layer in (
            layers.Conv1D(1, kernel, strides=stride, padding=padding, **ones),
            layers.Conv1DTranspose(1, kernel, strides=stride, padding=padding, **ones),
            layers.AveragePooling1D(kernel, strides=stride, padding=padding),
            layers.UpSampling1D(stride),
            layers.ZeroPadding1D((kernel, stride)),
            layers.Cropping1D((kernel, stride)),
        ):
            changed = keras.ops.convert_to_numpy(layer(np.eye(size, dtype="float32")[:, :, None]))[:, :, 0] > 0
            (axis,) = view_after(layer, [Signal((size, 1), (Axis(),))], (changed.shape[1], 1))
            for unit, column in enumerate(changed.T):
                first, last = axis.at(unit)
                expected = np.zeros(size, bool)
                if first <= last:  # else nothing: a transposed convolution whose stride exceeds its kernel leaves gaps
                    expected[max(first, 0) : max(last + 1, 0)] = True
                np.testing.assert_array_equal(column, expected, err_msg=f"{layer} {kernel} {stride} {padding} {unit}")


def test_receptive_field_of_a_u_net_is_what_its_gradient_shows(keras):
    layers = keras.layers
    ones = {"padding": "same", "kernel_initializer": "ones"}
    image = keras.Input((96, 80, 1))
    skip = layers.Conv2D(1, 3, **ones)(image)
    x = layers.Conv2D(1, 3, strides=2, **ones)(skip)
    x = layers.Conv2D(1, (3, 5), dilation_rate=2, **ones)(x)
    x = layers.UpSampling2D(interpolation="bilinear")(x)
    x = layers.Concatenate()([x, skip])
    x = layers.Conv2D(1, 2, **ones)(x)
    model = keras.Model(image, x)
    largest = np.zeros(2, int)
    baseline = np.zeros((1, 96, 80, 1), "float32")
    # Perturb the pixels of one row and of one column, each for itself; watch all units.
    for axis, (length, middle) in enumerate([(96, 40), (80, 48)]):
        signals = np.repeat(baseline, length, axis=0)
        for pixel in range(length):
            signals[(pixel, pixel, middle) if axis == 0 else (pixel, middle, pixel)] = 1
        changed = np.asarray(keras.ops.convert_to_numpy(model(signals)))[..., 0] > 0
        for row in range(30, 60):
            for column in range(25, 55):
                pixels = changed[:, row, column].nonzero()[0]
                if len(pixels):
                    largest[axis] = max(largest[axis], pixels[-1] - pixels[0] + 1)
    assert summarize(model).rows[-1].receptive_field == tuple(largest)


def test_prints_as_an_aligned_table(vgg16):
    lines = str(summarize(vgg16)).splitlines()
    table = [line for line in lines[1:-1] if not line.startswith("-")]
    ends = {re.search(r"(138,357,544|1,792|parameters)", line).end() for line in (table[0], table[2], table[-1])}
    assert len(ends) == 1
    assert "15,237,608" in table[-1]
    assert "58.1 MiB" in lines[-1]


def test_html_is_an_accessible_table(keras):
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(2, 3, name="a<b")], name="one & two")
    text = summarize(model)._repr_html_()
    root = xml.etree.ElementTree.fromstring(text.replace("&nbsp;", "&#160;"))  # well-formed, so names are escaped
    box, notes = root
    table = box.find("table")
    assert table[0].tag == "caption"
    assert "one & two" in table[0].text
    assert [cell.get("scope") for cell in table.find("thead/tr")] == ["col"] * 7
    for row in [*table.find("tbody"), *table.find("tfoot")]:
        assert (row[0].tag, row[0].get("scope")) == ("th", "row")
        assert len(row) == 7
    assert table.find("tbody")[1][0].text == "a<b"
    assert (box.get("role"), box.get("tabindex")) == ("region", "0")  # it scrolls, so the keyboard must get there
    assert "one & two" in box.get("aria-label")
    assert "the weights take" in notes.text


def test_errors_say_what_was_given_and_what_to_do(keras):
    layers = keras.layers

    class Subclassed(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(TypeError, match=r"was given Conv2D; it needs a Keras model.*keras.Sequential\("):
        summarize(layers.Conv2D(2, 3))
    with pytest.raises(TypeError, match="was given str"):
        summarize("vgg16")
    with pytest.raises(TypeError, match=r"Subclassed that computes in its own call method.*keras.Model\("):
        summarize(Subclassed())
    with pytest.raises(ValueError, match="not built.*keras.Input"):
        summarize(keras.Sequential([layers.Conv2D(2, 3)]))
    any_size = keras.Sequential([keras.Input((None, None, 3)), layers.Conv2D(2, 3)])
    with pytest.raises(ValueError, match="any size.*input_shape="):
        summarize(any_size)
    assert summarize(any_size, input_shape=(9, 7, 3)).rows[-1].output_shape == (7, 5, 2)
    with pytest.raises(KeyError, match="no layer 'conv'; it has input, "):
        summarize(any_size, input_shape=(9, 7, 3))["conv"]


def test_the_model_is_left_as_it_was(vgg16):
    names = [layer.name for layer in vgg16.layers]
    summarize(vgg16)
    assert [layer.name for layer in vgg16.layers] == names
    assert all(layer.output.shape for layer in vgg16.layers)  # ambiguous, and an error, had a layer been called again
