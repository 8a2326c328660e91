"""Occlusion maps of drawn networks: windows, whole passes and a loop over single covered images agree."""

from unittest import mock

import keras
import numpy as np
import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from keras import layers
from occlusion_truth import BOUND, compiled_as, scores_one_by_one, uncompiled

from course_utils.explain import occlusion_map
from course_utils.explain.occlusion import networks, plan


def _kernel(data, x, most=4):
    return tuple(data.draw(st.integers(1, min(most, cells)), label="kernel") for cells in x.shape[1:3])


def _padding(data):
    return data.draw(st.sampled_from(["same", "valid"]), label="padding")


def _strides(data, most=3):
    return tuple(data.draw(st.integers(1, most), label="strides") for _ in range(2))


def _activation(data):
    return data.draw(st.sampled_from([None, "relu", "tanh", "silu"]), label="activation")


def _convolution(data, x):
    strides = _strides(data)
    kernel = _kernel(data, x)
    dilation = (1, 1)
    if strides == (1, 1) and min(x.shape[1:3]) > 4:
        dilation = tuple(
            data.draw(st.integers(1, 2 if size < 3 else 1 + (cells > 8)), label="dilation")
            for size, cells in zip(kernel, x.shape[1:3], strict=True)
        )
    groups = data.draw(st.sampled_from([1, x.shape[-1]]), label="groups")
    return layers.Conv2D(
        groups * data.draw(st.integers(1, 2), label="filters"),
        kernel,
        strides=strides,
        padding=_padding(data),
        dilation_rate=dilation,
        groups=groups,
        use_bias=data.draw(st.booleans(), label="bias"),
        activation=_activation(data),
    )(x)


def _depthwise(data, x):
    strides = _strides(data)[0]
    return layers.DepthwiseConv2D(
        _kernel(data, x), strides, _padding(data), depth_multiplier=data.draw(st.integers(1, 2), label="multiplier")
    )(x)


def _separable(data, x):
    strides = _strides(data)[0]
    return layers.SeparableConv2D(
        3, _kernel(data, x), strides, _padding(data), depth_multiplier=2, activation=_activation(data)
    )(x)


def _transposed(data, x):
    return layers.Conv2DTranspose(3, _kernel(data, x), _strides(data, 2), _padding(data))(x)


def _pooling(data, x):
    kind = data.draw(st.sampled_from([layers.MaxPooling2D, layers.AveragePooling2D]), label="pooling")
    size = _kernel(data, x)
    return kind(size, data.draw(st.sampled_from([None, (1, 1), (2, 2), (2, 1)]), label="strides"), _padding(data))(x)


def _framed(data, x):
    return layers.ZeroPadding2D(tuple((data.draw(st.integers(0, 2)), data.draw(st.integers(0, 2))) for _ in "ab"))(x)


def _cropped(data, x):
    most = [min((cells - 1) // 2, 3) for cells in x.shape[1:3]]
    return layers.Cropping2D(tuple((data.draw(st.integers(0, m)), data.draw(st.integers(0, m))) for m in most))(x)


def _repeated(data, x):
    return layers.UpSampling2D((data.draw(st.integers(1, 2)), data.draw(st.integers(1, 2))))(x)


def _normalised(data, x):
    return layers.BatchNormalization()(x)


def _convolved_and_normalised(data, x):
    kind = data.draw(st.sampled_from(["conv", "depthwise", "separable"]))
    if kind == "conv":
        x = layers.Conv2D(3, _kernel(data, x, 3), padding="same", use_bias=data.draw(st.booleans()))(x)
    elif kind == "depthwise":
        x = layers.DepthwiseConv2D(_kernel(data, x, 3), padding="same", use_bias=data.draw(st.booleans()))(x)
    else:
        x = layers.SeparableConv2D(3, _kernel(data, x, 3), padding="same", use_bias=data.draw(st.booleans()))(x)
    scale, center = data.draw(st.booleans()), data.draw(st.booleans())
    y = layers.BatchNormalization(scale=scale, center=center)(x)
    return layers.Add()([x, y]) if data.draw(st.booleans(), label="read twice") else y


def _in_place(data, x):
    kinds = {
        "activation": lambda: layers.Activation("gelu")(x),
        "leaky": lambda: layers.LeakyReLU()(x),
        "shared slopes": lambda: layers.PReLU(shared_axes=(1, 2))(x),
        "own slopes": lambda: layers.PReLU()(x),
        "layer normalisation": lambda: layers.LayerNormalization()(layers.Conv2D(4, 1)(x)),
        "softmax": lambda: layers.Softmax()(x * 2.0),
        "dropout": lambda: layers.Dropout(0.5)(x),
        "dense": lambda: layers.Dense(3, activation="tanh")(x),
        "times": lambda: x * 2.0,
        "plus": lambda: x + 1.0,
        "minus itself": lambda: 1.5 - x,
        "by a colour": lambda: x / np.linspace(1, 2, x.shape[-1]).astype("float32"),
        "function": lambda: keras.ops.tanh(x),
        "squared": lambda: keras.ops.square(x) + x,
        "sliced": lambda: x[:, 1:, ::2] if min(x.shape[1:3]) > 2 else x,
        "channels sliced": lambda: x[..., :1],
    }
    return kinds[data.draw(st.sampled_from(sorted(kinds)), label="in place")]()


def _branches(data, x):
    count = data.draw(st.integers(2, 3), label="branches")
    ways = [x, layers.Conv2D(x.shape[-1], 3, padding="same")(x)]
    ways.append(layers.AveragePooling2D((1, 3), 1, "same")(ways[data.draw(st.integers(0, 1))]))
    if x.shape[1] > 2:  # as large as x, but by another way, so that its windows lie elsewhere
        ways.append(layers.ZeroPadding2D(((0, 2), (0, 0)))(layers.MaxPooling2D((3, 1), 1)(ways[1])))
    ways.append(layers.Conv2DTranspose(x.shape[-1], 2, padding="same")(x))
    chosen = data.draw(st.permutations(range(len(ways))), label="ways")[:count]
    chosen = [ways[number] for number in chosen]
    kinds = {"add": layers.Add(), "multiply": layers.Multiply(), "concatenate": layers.Concatenate()}
    kinds |= {"subtract": layers.Subtract(), "average": layers.Average(), "maximum": layers.Maximum()}
    kinds |= {"plus": lambda both: both[0] + both[1], "times": lambda both: both[0] * both[1]}
    kind = data.draw(st.sampled_from(sorted(kinds)), label="together")
    return kinds[kind](chosen[:2] if kind in ("subtract", "plus", "times") else chosen)


def _gate(data, x):
    keepdims = data.draw(st.booleans(), label="keepdims")
    gate = layers.GlobalAveragePooling2D(keepdims=keepdims)(x)
    if not keepdims:
        gate = layers.Reshape((1, 1, x.shape[-1]))(gate)
    return layers.Multiply()([x, layers.Conv2D(x.shape[-1], 1, activation="sigmoid")(gate)])


def _nested(data, x):
    inner = keras.Input(x.shape[1:])
    y = _convolution(data, layers.ZeroPadding2D(1)(inner))
    model = keras.Model(inner, layers.BatchNormalization()(y))
    return model(x)


def _shared(data, x):
    twice = layers.Conv2D(x.shape[-1], 3, padding="same", activation="tanh")
    return twice(layers.Activation("relu")(twice(x)))


SPATIAL = (_convolution, _depthwise, _separable, _transposed, _pooling, _framed, _cropped, _repeated)
OTHERS = (_normalised, _convolved_and_normalised, _in_place, _branches, _gate, _nested, _shared)


def _average_and_dense(data, x):
    return layers.Dense(3)(layers.GlobalAveragePooling2D()(x))


def _highest(data, x):
    return layers.Dense(3)(layers.GlobalMaxPooling2D()(x))


def _row(data, x):
    return layers.Dense(3)(layers.Flatten()(x))


def _average_with_axes(data, x):
    return layers.Flatten()(layers.Conv2D(3, 1)(layers.GlobalAveragePooling2D(keepdims=True)(x)))


ENDS = (_average_and_dense, _highest, _row, _average_with_axes)


def drawn_network(data):
    """A network of up to five layers or groups of them, for small images that are not square."""
    size = tuple(data.draw(st.integers(12, 20), label="size") for _ in range(2))
    inputs = keras.Input((*size, data.draw(st.integers(1, 3), label="channels")))
    x = inputs
    for kind in data.draw(st.lists(st.sampled_from((*SPATIAL, *SPATIAL, *OTHERS)), min_size=1, max_size=5)):
        if x.shape[1] * x.shape[2] < 900 and min(x.shape[1:3]) > 0:
            x = kind(data, x)
    model = keras.Model(inputs, data.draw(st.sampled_from(ENDS), label="end")(data, x))
    random = np.random.default_rng(data.draw(st.integers(0, 9), label="seed"))
    for weight in model.weights:
        name = weight.path.rpartition("/")[2]
        if "variance" in name:
            value = random.uniform(0.5, 2, weight.shape)
        elif "gamma" in name:
            value = random.uniform(0.5, 1.5, weight.shape)
        elif "kernel" in name:
            value = random.normal(0, 1.4, weight.shape) / np.sqrt(max(np.prod(weight.shape[:-1]), 1))
        else:
            value = random.normal(0, 0.2, weight.shape)
        weight.assign(value)
    return model, random


def agree(model, random, patch, stride, batch_size=32, nearly_all=plan.NEARLY_ALL):
    """Windows, whole passes and single images, on an image and a cover of random numbers."""
    image, fill = (random.normal(size=model.input_shape[1:]).astype("float32") for _ in range(2))
    truth = scores_one_by_one(model, image, fill, patch, stride)
    spread = np.ptp(truth, axis=(0, 1))
    relative = spread / np.abs(truth).max(axis=(0, 1)).clip(1e-9)
    best = int(relative.argmax())
    assume(relative[best] > 0.05)  # rounding shall not be a matter of the bound
    with mock.patch.object(plan, "NEARLY_ALL", nearly_all):
        found = {
            method: occlusion_map(
                model, image[None], best, patch, stride, fill, "logit", method=method, batch_size=batch_size
            )
            for method in ("windows", "plain")
        }
    for method, one in found.items():
        assert one.method == method
        difference = np.abs(one.scores[0] - truth[..., best]).max()
        assert difference < BOUND * spread[best], (method, one.whole_from, difference / spread[best])
    return found["windows"], truth[..., best]


def try_a_network(data):
    model, random = drawn_network(data)
    size = model.input_shape[1:3]
    patch = tuple(data.draw(st.sampled_from([1, 2, 3, 5, 8, cells]), label="patch") for cells in size)
    stride = tuple(data.draw(st.integers(3, 9), label="stride") for _ in size)
    batch_size = data.draw(st.sampled_from([1, 3, 32]), label="batch_size")
    nearly_all = data.draw(st.sampled_from([plan.NEARLY_ALL, 0.4, 2.0]), label="nearly all")
    cost = data.draw(st.sampled_from([0.0, np.inf]), label="cost of a part")
    with (
        compiled_as(uncompiled),  # to compile a small network takes longer than all of its windows
        mock.patch.object(networks, "_cost", return_value=cost),
    ):
        agree(model, random, patch, stride, batch_size, nearly_all)


@pytest.mark.parametrize("networks_tried", [12, pytest.param(100, marks=pytest.mark.nightly)])
def test_windows_give_what_single_images_give_in_any_network(networks_tried):
    phases = [Phase.explicit, Phase.reuse, Phase.generate]
    settings(max_examples=networks_tried, phases=phases)(given(data=st.data())(try_a_network))()
