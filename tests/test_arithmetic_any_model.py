"""Summaries of whatever Keras can build: against Keras' own counts and shapes, twins of models, and changed pixels."""

import ast
import inspect
from pathlib import Path

import numpy as np
import pytest

import course_utils
from course_utils.arithmetic import summarize

keras = pytest.importorskip("keras")
layers, ops = keras.layers, keras.ops
SIZE = (9, 8, 3)


def model_of(build, shape=SIZE):
    image = keras.Input(shape)
    return keras.Model(image, build(image))


def last(build, shape=SIZE):
    return summarize(model_of(build, shape)).rows[-1]


class Doubled(layers.Layer):
    """Has no get_config, and takes what Keras cannot describe."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def call(self, x):
        return 2 * self.inner(x)


class Shifted(keras.Operation):
    def call(self, x):
        return x + 1

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, x.dtype)


class Own(keras.Model):
    """A functional model as people write it: a class with a constructor of its own, and a training step."""

    def __init__(self, filters):
        image = keras.Input(SIZE)
        super().__init__(image, layers.Conv2D(filters, 3, name="conv")(image))
        self.unused = layers.Dense(2)
        self.unused.build((None, 4))

    def train_step(self, data):
        return {}


class Within(keras.Model):
    def __init__(self):
        super().__init__(name="within")
        self.conv = layers.Conv2D(4, 3)

    def call(self, x):
        return self.conv(x)


ALL_KINDS = {
    "slice of channels": lambda x: x[..., ::-1],
    "slice of places": lambda x: x[:, 1:-1, ::2],
    "a channel": lambda x: x[..., 0],
    "an image of the batch": lambda x: x[0],
    "array": lambda x: x - np.array([1, 2, 3]),
    "array first": lambda x: ops.multiply(np.array([1.0, 2.0, 3.0], "float32"), x),
    "tensor": lambda x: x * ops.ones((3,)),
    "concatenate": lambda x: ops.concatenate([x, x], axis=1),
    "stack": lambda x: ops.stack([x, x], axis=1),
    "split": lambda x: ops.split(x, 3, axis=-1)[1],
    "unstack": lambda x: ops.unstack(x, axis=1)[2],
    "einsum": lambda x: ops.einsum("bhwc,cd->bhwd", x, np.ones((3, 2), "float32")),
    "where": lambda x: ops.where(x > 0, x, -x),
    "weighted average": lambda x: ops.average(x, axis=1, weights=np.ones(9, "float32")),
    "reshape the batch": lambda x: ops.reshape(x, (-1, 3)),
    "mean of everything": lambda x: ops.mean(x),
    "unknown size": lambda x: ops.nonzero(x[..., 0])[0],
    "padding": lambda x: ops.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))),
    "own operation": lambda x: Shifted()(x),
    "Lambda": lambda x: layers.Lambda(lambda x: x * 2)(x),
    "no get_config": lambda x: Doubled(layers.Conv2D(2, 3))(x),
    "function": lambda x: keras.Function(inner := keras.Input(SIZE), ops.flip(inner, 1))(x),
    "subclassed model": lambda x: Within()(x),
    "own functional model": lambda x: Own(2)(x),
    "sequential": lambda x: keras.Sequential([layers.Conv2D(2, 3), layers.ReLU()])(x),
    "several outputs": lambda x: layers.LSTM(3, return_state=True)(layers.Reshape((9, 24))(x)),
    "dict of outputs": lambda x: {"b": layers.Conv2D(2, 3)(x), "a": x},
    "nothing": lambda x: x,
    "training": lambda x: layers.Dropout(0.5)(layers.BatchNormalization()(x, training=True), training=True),
    **{
        f"preprocessing of {mode}": lambda x, mode=mode: keras.applications.imagenet_utils.preprocess_input(
            x, mode=mode
        )
        for mode in ("caffe", "tf", "torch")
    },
}


# Whose last row is not the output of the model, or whose output has no batch in front.
NOT_THE_LAST_ROW = (
    *("own functional model", "split", "unstack", "unknown size", "an image of the batch", "mean of everything"),
)


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_any_functional_model_is_summarised(kind):
    model = model_of(ALL_KINDS[kind])
    summary = summarize(model)
    assert summary.parameters == model.count_params()
    if len(model.outputs) == 1 and kind not in NOT_THE_LAST_ROW:
        assert summary.rows[-1].output_shape == tuple(model.outputs[0].shape[1:])
    assert str(summary).isascii()  # so that it can be printed wherever
    assert "?" not in str(summary.multiply_adds)
    if kind in ("einsum", "own operation", "Lambda", "no get_config", "function", "subclassed model"):
        assert len(summary.not_counted) == 1


def public_layers():
    for name, kind in vars(layers).items():
        if inspect.isclass(kind) and issubclass(kind, layers.Layer):
            yield name, kind


@pytest.mark.slow
def test_every_layer_of_keras_is_summarised_or_refused_in_a_sentence():
    tried = set()
    for name, kind in public_layers():
        for shape in ((8, 4), (6, 6, 4), (4, 4, 4, 4), (4,)):
            for args in ((), (2,), (2, 2), ("relu",), (shape,), (1, 1, 1)):
                try:
                    model = model_of(lambda x, kind=kind, args=args: kind(*args)(x), shape)
                    model.count_params()
                except Exception:  # no such layer on such an input
                    continue
                if len(model.layers) < 2 and len(model.operations) < 2:
                    continue
                tried.add(name)
                summary = summarize(model)
                assert summary.parameters == model.count_params(), name
                assert summary.rows[-1].kind == kind.__name__, name
                break
    assert len(tried) > 90, tried


def test_an_own_functional_model_and_weights_that_no_call_uses():
    model = Own(2)
    summary = summarize(model)
    assert summary.parameters == model.count_params()
    assert summary["conv"].parameters == 2 * 27 + 2
    assert summary["(not called)"].parameters == 4 * 2 + 2


def test_inputs_with_names_are_not_exchanged():
    large, small = keras.Input((8, 8, 3), name="z"), keras.Input((4, 4, 3), name="a")
    deep = layers.Conv2D(2, 3, name="conv")(small)
    inner = keras.Model({"z": large, "a": small}, [layers.Conv2D(2, 5, name="wide")(large), deep], name="inner")
    first, second = keras.Input((8, 8, 3)), keras.Input((4, 4, 3))
    summary = summarize(keras.Model([first, second], inner({"z": first, "a": second})))
    assert summary["inner/wide"].output_shape == (4, 4, 2)
    assert summary["inner/conv"].output_shape == (2, 2, 2)


def test_the_names_of_later_models_are_those_they_would_have_had():
    model = model_of(lambda x: layers.Conv2D(2, 3)(x))

    def numbers():
        things = layers.Dense(2), keras.Sequential(), keras.Model(model.inputs, model.outputs)
        return [int(thing.name.rpartition("_")[2]) for thing in things]

    numbers()  # the first may have no number yet
    before = numbers()
    summarize(model)
    assert numbers() == [number + 1 for number in before]


class Twice(layers.Wrapper):
    def call(self, x):
        return self.layer(self.layer(x))


def test_what_wrappers_cost_is_what_their_layers_cost_or_not_counted():
    conv = {"filters": 8, "kernel_size": 3}
    plain = last(lambda x: layers.Conv2D(**conv)(x))
    normed = last(lambda x: layers.SpectralNormalization(layers.Conv2D(**conv))(x))
    assert normed.multiply_adds == plain.multiply_adds == 7 * 6 * 9 * 3 * 8
    assert normed.receptive_field == plain.receptive_field == (3, 3)
    video = last(lambda x: layers.TimeDistributed(layers.Conv2D(**conv))(x), (5, *SIZE))
    assert video.multiply_adds == 5 * plain.multiply_adds
    both = last(lambda x: layers.TimeDistributed(layers.SpectralNormalization(layers.Conv2D(**conv)))(x), (5, *SIZE))
    assert both.multiply_adds == video.multiply_adds
    assert last(lambda x: layers.TimeDistributed(layers.MaxPooling2D())(x), (5, *SIZE)).multiply_adds == 0
    for wrapped in (
        lambda x: Twice(layers.Conv2D(3, 3, padding="same"))(x),
        lambda x: layers.TimeDistributed(layers.Lambda(lambda x: x))(x),
        lambda x: layers.TimeDistributed(keras.Sequential([layers.Dense(3)]))(x),
        lambda x: layers.Bidirectional(layers.LSTM(2))(layers.Reshape((9, 24))(x)),
        lambda x: layers.RNN(layers.LSTMCell(2))(layers.Reshape((9, 24))(x)),
    ):
        assert last(wrapped).multiply_adds is None


def test_weights_are_counted_once_however_they_are_shared():
    shared = layers.Conv2D(3, 3, padding="same")
    image = keras.Input((8, 8, 3))
    again = layers.TimeDistributed(shared)(layers.Reshape((1, 8, 8, 3))(shared(image)))
    tied = layers.SpectralNormalization(shared)(layers.Reshape((8, 8, 3))(again))
    nested = keras.Sequential([keras.Input((8, 8, 3)), shared], name="nested")
    model = keras.Model(image, nested(tied))
    assert summarize(model).parameters == model.count_params()


FORMATS = {
    "conv": lambda data: [layers.Conv2D(4, 3, **data)],
    "strides": lambda data: [layers.Conv2D(4, (3, 5), strides=(2, 1), **data), layers.Conv2D(2, 3, **data)],
    "depthwise": lambda data: [layers.DepthwiseConv2D(3, depth_multiplier=2, **data)],
    "separable": lambda data: [layers.SeparableConv2D(5, (3, 2), **data)],
    "transposed": lambda data: [layers.Conv2DTranspose(5, (3, 2), strides=2, padding="same", **data)],
    "pooling": lambda data: [layers.MaxPooling2D((2, 3), **data), layers.AveragePooling2D(2, **data)],
    "global pooling": lambda data: [
        layers.Conv2D(4, 3, **data),
        layers.GlobalAveragePooling2D(**data),
        layers.Dense(2),
    ],
    "upsampling": lambda data: [layers.UpSampling2D((2, 3), **data), layers.Conv2D(2, 3, **data)],
    "margins": lambda data: [layers.ZeroPadding2D((1, 2), **data), layers.Cropping2D((2, 1), **data)],
    "flatten": lambda data: [layers.Conv2D(4, 3, **data), layers.Flatten(), layers.Dense(3)],
}


@pytest.mark.parametrize("kind", FORMATS)
def test_channels_first_costs_and_sees_what_its_twin_does(kind):
    twins = []
    for shape, order in (((3, 16, 20), "channels_first"), ((16, 20, 3), "channels_last")):
        model = keras.Sequential([keras.Input(shape), *FORMATS[kind]({"data_format": order})])
        twins.append(summarize(model))
        assert twins[-1].parameters == model.count_params()
    for first, second in zip(*(twin.rows for twin in twins), strict=True):
        assert first.receptive_field == second.receptive_field
        assert first.sees_all == second.sees_all
        assert first.multiply_adds == second.multiply_adds
        assert sorted(first.output_shape) == sorted(second.output_shape)


@pytest.mark.parametrize(
    ("layer", "field", "everything"),
    [
        (lambda: layers.BatchNormalization(axis=1), (3, 3), False),
        (lambda: layers.Concatenate(axis=1), (3, 3), False),
        (lambda: layers.Softmax(axis=1), (3, 3), False),
        (lambda: layers.Softmax(), None, False),  # along a row of places
        (lambda: layers.Activation("softmax"), None, False),
        (lambda: layers.LayerNormalization(axis=1), (3, 3), False),
        (lambda: layers.LayerNormalization(axis=(2, 3)), (16, 20), True),
        (lambda: layers.LayerNormalization(axis=(1, 2)), None, False),
        (lambda: layers.GroupNormalization(2, axis=1), (16, 20), True),
        (lambda: layers.Dense(4), None, False),
        (lambda: layers.GlobalAveragePooling2D(data_format="channels_last"), None, False),
    ],
)
def test_the_axis_of_the_channels_is_that_of_the_convolutions(layer, field, everything):
    image = keras.Input((3, 16, 20))
    x = layers.Conv2D(4, 3, data_format="channels_first")(image)
    layer = layer()
    model = keras.Model(image, layer([x, x] if isinstance(layer, layers.Concatenate) else x))
    row = summarize(model).rows[-1]
    assert (row.receptive_field, row.sees_all) == (field, everything)


def pixels_that_change(model):
    """Along each axis, the most pixels from the first to the last that change any unit of the output."""
    rng = np.random.default_rng(0)
    height, width, channels = model.input_shape[1:]
    images = np.repeat(rng.normal(size=(1, height, width, channels)), height * width + 1, axis=0).astype("float32")
    places = np.array(list(np.ndindex(height, width)))
    for number, (row, column) in enumerate(places, 1):
        images[number, row, column] += 5 + rng.normal(size=channels)
    outputs = keras.ops.convert_to_numpy(model(images)).reshape(len(images), -1)
    extent = np.zeros(2, int)
    for changed in (np.abs(outputs[1:] - outputs[0]) > 1e-5).T:
        if changed.any():
            extent = np.maximum(extent, np.ptp(places[changed], axis=0) + 1)
    return tuple(int(pixels) for pixels in extent)


def flat(x):
    return layers.Flatten()(x)


MIX = {
    "layer normalisation over places": (lambda x: layers.LayerNormalization(axis=(1, 2))(x), "all"),
    "layer normalisation over channels": (lambda x: layers.LayerNormalization()(x), (3, 3)),
    "layer normalisation over rows": (lambda x: layers.LayerNormalization(axis=1)(x), "?"),
    "layer normalisation when flat": (lambda x: layers.LayerNormalization()(flat(x)), "all"),
    "unit normalisation over places": (lambda x: layers.UnitNormalization(axis=(1, 2))(x), "all"),
    "unit normalisation over channels": (lambda x: layers.UnitNormalization(axis=-1)(x), (3, 3)),
    "group normalisation": (lambda x: layers.GroupNormalization(2)(x), "all"),
    "instance normalisation": (lambda x: layers.GroupNormalization(-1)(x), "all"),
    "group normalisation of columns": (lambda x: layers.GroupNormalization(2, axis=2)(x), "?"),
    "instance normalisation by hand": (lambda x: x - ops.mean(x, axis=(1, 2), keepdims=True), "all"),
    "softmax over channels": (lambda x: layers.Softmax()(x), (3, 3)),
    "softmax over rows": (lambda x: layers.Softmax(axis=1)(x), "?"),
    "softmax when flat": (lambda x: layers.Softmax()(flat(x)), "all"),
    "activation softmax when flat": (lambda x: layers.Activation("softmax")(flat(x)), "?"),
    "relu when flat": (lambda x: layers.ReLU()(flat(x)), (3, 3)),
    "turned when flat": (lambda x: ops.flip(flat(x), 1), "?"),
    "average of rows": (lambda x: ops.average(x, axis=1), "?"),
    "average of the image": (lambda x: ops.mean(x, axis=(1, 2)), "all"),
    "mean of channels": (lambda x: ops.mean(x, axis=-1, keepdims=True), (3, 3)),
    "own activation": (lambda x: layers.Conv2D(4, 1, activation=lambda x: x - ops.mean(x, 1, keepdims=True))(x), "?"),
    "own activation layer": (lambda x: layers.Activation(lambda x: ops.flip(x, 1))(x), "?"),
    "activation": (lambda x: layers.Conv2D(4, 1, activation="softmax")(x), (3, 3)),
    "cut": (lambda x: layers.Conv2D(2, 2)(x[:, 1:, ::2]), (4, 5)),
    "turned channels": (lambda x: x[..., ::-1], (3, 3)),
    "turned columns": (lambda x: x[:, :, ::-1], "?"),
    "attention": (lambda x: layers.MultiHeadAttention(2, 3)(x, x), "all"),
    "attention of rows": (lambda x: layers.MultiHeadAttention(2, 3, attention_axes=(1,))(x, x), "?"),
    "spread over places": (
        lambda x: ops.ones((1, 6, 6, 1)) * layers.Conv2D(4, 2, strides=9)(x),
        "?",
    ),
}


@pytest.mark.parametrize("kind", MIX)
def test_what_is_said_to_be_seen_is_what_changed_pixels_show(kind):
    build, expected = MIX[kind]
    keras.utils.set_random_seed(0)
    model = model_of(lambda x: build(layers.Conv2D(4, 3, kernel_initializer="he_normal")(x)))
    row = summarize(model).rows[-1]
    said = "all" if row.sees_all else row.receptive_field or "?"
    assert said == expected
    if said != "?":
        assert pixels_that_change(model) == row.receptive_field


def test_attention_that_looks_back_only_does_not_see_everything():
    row = last(lambda x: layers.MultiHeadAttention(1, 2)(x, x, use_causal_mask=True), (6, 4))
    assert not row.sees_all


DERIVED = {
    "Conv2D": (layers.Conv2D, (2, 3)),
    "DepthwiseConv2D": (layers.DepthwiseConv2D, (3,)),
    "Dense": (layers.Dense, (2,)),
    "MaxPooling2D": (layers.MaxPooling2D, (2,)),
    "BatchNormalization": (layers.BatchNormalization, ()),
    "ReLU": (layers.ReLU, ()),
    "Rescaling": (layers.Rescaling, (2.0,)),
    "Flatten": (layers.Flatten, ()),
    "GlobalAveragePooling2D": (layers.GlobalAveragePooling2D, ()),
}


@pytest.mark.parametrize("name", DERIVED)
def test_layers_that_compute_in_their_own_way_are_not_taken_for_those_they_derive_from(name):
    base, args = DERIVED[name]
    plain = last(lambda x: base(*args)(x))

    class Named(base):
        """The same, with a constructor and a description of its own."""

        def __init__(self, *args, note="", **kwargs):
            super().__init__(*args, **kwargs)
            self.note = note

        def get_config(self):
            return {**super().get_config(), "note": self.note}

    class Changed(base):
        def call(self, x):
            return base.call(self, ops.flip(x, 1))

    same = last(lambda x: Named(*args, note="mine")(x))
    assert same[2:] == plain[2:]
    replaced = base(*args)
    replaced.call = lambda x: base.call(replaced, ops.flip(x, 1))
    for layer in (Changed(*args), replaced):
        row = last(lambda x, layer=layer: layer(x))
        assert row.multiply_adds is None
        assert row.receptive_field is None
        assert row.parameters == plain.parameters


def test_a_convolution_with_its_own_operation_is_not_counted():
    class Reflected(layers.Conv2D):
        def convolution_op(self, inputs, kernel):
            padded = ops.pad(inputs, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
            return super().convolution_op(padded, kernel)

    row = last(lambda x: Reflected(2, 3)(x))
    assert (row.multiply_adds, row.receptive_field, row.parameters) == (None, None, 56)


@pytest.mark.parametrize("name", ["Rescaling", "Normalization", "Conv2D", "LayerScale", "Flatten", "Sequential", "Add"])
def test_own_layers_are_not_known_by_their_name(name):
    own = type(name, (layers.Layer,), {"call": lambda self, x: x - ops.mean(x, axis=(1, 2, 3), keepdims=True)})
    row = last(lambda x: own()(x))
    assert (row.kind, row.multiply_adds, row.receptive_field) == (name, None, None)


def test_models_of_keras_2_are_named():
    old = type("Sequential", (), {"__module__": "tf_keras.src.engine.sequential"})
    with pytest.raises(TypeError, match="Keras 2"):
        summarize(old())


@pytest.mark.parametrize("shape", [(9, 9), (9, 9, 1), (9, 9, 3, 1), 9, (9.5, 9, 3), (0, 9, 3), "abc"])
def test_an_input_shape_that_does_not_fit_is_named(shape):
    with pytest.raises((TypeError, ValueError), match="input_shape is"):
        summarize(model_of(lambda x: layers.Conv2D(2, 3)(x), (None, None, 3)), input_shape=shape)


def test_a_layer_that_cannot_take_the_size_is_named():
    model = model_of(lambda x: layers.Conv2D(2, 3, name="conv")(x), (None, None, 3))
    with pytest.raises(ValueError, match=r"^'conv' \(Conv2D\) cannot be computed from 2 x 9 x 3"):
        summarize(model, input_shape=(2, 9, 3))


@pytest.mark.parametrize("empty", [[], [keras.Input((3,))]])
def test_a_model_without_layers_is_named(empty):
    with pytest.raises(ValueError, match="has no layers"):
        summarize(keras.Sequential(empty))


# Figures and HTML pages take any character; the characters that the rules look for are not printed.
NOT_PRINTED = {"plots", "rules.py"}


def test_what_the_package_prints_is_ascii():
    """Pipes and files of Windows take few other characters, and which ones differs. Docstrings are not printed."""
    found = []
    for path in Path(course_utils.__file__).parent.rglob("*.py"):
        if NOT_PRINTED & {*path.parts}:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        docstrings = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(tree):
            text = node.value if isinstance(node, ast.Constant) and id(node) not in docstrings else None
            if isinstance(text, str) and not text.isascii():
                found.append(f"{path.name}:{node.lineno} {text!r}")
    assert not found
