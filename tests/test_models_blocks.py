"""The blocks of chapter 11 compute what their formulas say, and the networks built of them are what they are called."""

from itertools import pairwise

import keras
import numpy as np
import pytest
from keras import layers
from scipy.signal import correlate2d

from course_utils import experiments, models
from tests.by_heart import learned_by_heart

RANDOM = np.random.default_rng(0)


def randomised(model):
    """A model whose weights, running averages included, are random numbers in place of zeros and ones."""
    model.set_weights([RANDOM.uniform(0.2, 1.2, each.shape).astype("float32") for each in model.get_weights()])
    return model


def convolution(maps, kernel):
    """A 3x3 convolution with padding "same", one SciPy correlation for each pair of channels."""
    pairs = [[correlate2d(maps[..., d], kernel[..., d, k], "same") for d in range(kernel.shape[2])]
             for k in range(kernel.shape[3])]  # fmt: skip
    return np.stack([np.sum(each, axis=0) for each in pairs], axis=-1)


def normalised(maps, scale, shift, mean, variance):
    return scale * (maps - mean) / np.sqrt(variance + 1e-3) + shift


def of_kind(model, kind):
    return [[np.asarray(each) for each in layer.get_weights()] for layer in model.layers if type(layer) is kind]


@pytest.mark.parametrize("filters", [3, 5])
def test_a_residual_block_is_the_activated_sum_of_two_convolutions_and_its_input(filters):
    x = keras.Input((5, 6, 3))
    model = randomised(keras.Model(x, models.residual_block(x, filters)))
    image = RANDOM.normal(size=(5, 6, 3)).astype("float32")
    kernels = {each[0].shape: each[0] for each in of_kind(model, layers.Conv2D)}
    assert len(kernels) == (1 if filters == 3 else 3)  # where nothing is projected, both have one shape
    named = {layer.name: layer for layer in model.layers}
    first, second, *projection = [named[name] for name in sorted(named, key=creation) if name.startswith("conv2d")]
    norms = [named[name] for name in sorted(named, key=creation) if name.startswith("batch_normalization")]
    y = convolution(image, np.asarray(first.kernel))
    y = np.maximum(normalised(y, *norms[0].get_weights()), 0)
    y = normalised(convolution(y, np.asarray(second.kernel)), *norms[1].get_weights())
    way = image
    if projection:
        way = normalised(image @ np.asarray(projection[0].kernel)[0, 0], *norms[2].get_weights())
    np.testing.assert_allclose(model.predict(image[None], verbose=0)[0], np.maximum(y + way, 0), rtol=1e-4)


def creation(name):
    """Layers of one kind, in the order in which they were made: conv2d, conv2d_1, conv2d_2."""
    last = name.rsplit("_", 1)[-1]
    return int(last) if last.isdigit() else 0


def test_a_separable_block_is_two_filtered_and_mixed_activations_and_a_projection():
    x = keras.Input((4, 6, 3))
    model = randomised(keras.Model(x, models.separable_block(x, 5)))
    image = RANDOM.normal(size=(4, 6, 3)).astype("float32")
    norms, pairs = of_kind(model, layers.BatchNormalization), of_kind(model, layers.SeparableConv2D)
    (projection,) = of_kind(model, layers.Conv2D)
    y = image
    for norm, (depthwise, pointwise) in zip(norms, pairs, strict=True):
        y = np.maximum(normalised(y, *norm), 0)
        alone = [correlate2d(y[..., d], depthwise[..., d, 0], "same") for d in range(y.shape[-1])]
        y = np.stack(alone, axis=-1) @ pointwise[0, 0]
    padded = np.pad(y, ((0, 1), (0, 1), (0, 0)), constant_values=-np.inf)  # "same" for 3 by 3 at stride 2
    y = np.array([[padded[i : i + 3, j : j + 3].max(axis=(0, 1)) for j in (0, 2, 4)] for i in (0, 2)])
    expected = y + image[::2, ::2] @ projection[0][0, 0]
    np.testing.assert_allclose(model.predict(image[None], verbose=0)[0], expected, rtol=1e-4)


@pytest.mark.parametrize("block", [models.residual_block, models.separable_block])
def test_a_shortcut_has_weights_only_where_shapes_differ(block):
    def projections(strides, filters):
        x = keras.Input((8, 8, 16))
        counts = [keras.Model(x, block(x, filters, strides, residual=each)).count_params() for each in (False, True)]
        return counts[1] - counts[0]

    norm = 4 if block is models.residual_block else 0
    assert projections(1, 16) == 0
    assert projections(2, 16) == 16 * (16 + norm)
    assert projections(1, 8) == 8 * (16 + norm)


def test_a_block_without_normalisation_has_biases():
    x = keras.Input((8, 8, 4))
    model = keras.Model(x, models.residual_block(x, 4, normalized=False))
    assert model.count_params() == 2 * (9 * 4 * 4 + 4)


def test_blocks_refuse_what_is_no_stack_of_maps_and_numbers_that_cannot_be():
    x = keras.Input((8, 8, 4))
    with pytest.raises(ValueError, match=r"separable_block: x has the shape \(None, 8\)"):
        models.separable_block(keras.Input((8,)), 4)
    for block in (models.residual_block, models.separable_block):
        with pytest.raises(ValueError, match="filters is 0; it must be a whole number from 1"):
            block(x, 0)
        with pytest.raises(ValueError, match=r"strides is 1\.5"):
            block(x, 4, strides=1.5)


@pytest.mark.parametrize(("classes", "shape"), [(2, (None, 1)), (10, (None, 10))])
def test_a_small_xception_gives_probabilities_and_takes_uint8(classes, shape):
    model = models.mini_xception((33, 40, 3), classes, filters=(4, 4, 8))
    outputs = model.predict(RANDOM.integers(0, 256, (3, 33, 40, 3), dtype="uint8"), verbose=0)
    assert model.output_shape == shape
    assert ((outputs >= 0) & (outputs <= 1)).all()


def test_a_small_xception_has_the_weights_of_the_formulas():
    widths = (32, 32, 64, 128, 256, 512)
    count = 27 * widths[0] + 4 * widths[-1] + widths[-1] + 1
    for before, width in pairwise(widths):
        count += 4 * before + 9 * before + before * width  # normalise, filter, mix
        count += 4 * width + 9 * width + width * width
        count += before * width if (before, 2) != (width, 1) else 0
    assert models.mini_xception().count_params() == count


@pytest.mark.parametrize("depth", [8, 20, 44])
@pytest.mark.parametrize("residual", [False, True])
def test_a_network_has_as_many_layers_with_weights_as_its_name_says(depth, residual):
    model = models.residual_network(depth=depth, residual=residual)
    convolutions = [layer for layer in model.layers if type(layer) is layers.Conv2D and layer.kernel_size == (3, 3)]
    assert len(convolutions) + 1 == depth
    assert sum(type(layer) is layers.Add for layer in model.layers) == (depth - 2) // 2 * residual
    assert model.layers[-3].output.shape[1:] == (8, 8, 64)


@pytest.mark.parametrize("depth", [2, 9, 7])
def test_a_depth_that_no_number_of_blocks_gives_is_refused_with_those_that_can_be(depth):
    with pytest.raises(ValueError, match="with 3 widths it can be 8, 14, 20"):
        models.residual_network(depth=depth)


def test_images_that_are_too_small_are_refused_with_the_smallest():
    with pytest.raises(ValueError, match="at least 64 by 64"):
        models.mini_xception((63, 64, 3))


def test_a_few_images_can_be_learned_by_heart():
    keras.utils.set_random_seed(0)
    images = RANDOM.integers(0, 256, (8, 32, 32, 3), dtype="uint8")
    model = models.mini_xception((32, 32, 3), filters=(8, 16, 32), dropout=0)
    model.compile(keras.optimizers.Adam(1e-2), "binary_crossentropy", metrics=["accuracy"])
    assert learned_by_heart(model, images, np.arange(8) % 2, accuracy=1, epochs=60)


def test_the_network_that_is_changed_in_the_experiments_is_that_of_chapter_07():
    one = experiments.declared("11_mini_xception").convnet()
    other = experiments.declared("07_augmentation").EXPERIMENTS["without colours"].build()
    assert [type(each) for each in one.layers[1:]] == [type(each) for each in other.layers]
    other.build((None, 96, 96, 3))
    other.set_weights(randomised(one).get_weights())
    images = RANDOM.integers(0, 256, (2, 96, 96, 3), dtype="uint8")
    np.testing.assert_allclose(one.predict(images, verbose=0), other.predict(images, verbose=0), rtol=1e-5)
