"""What explanations refuse, and in which words: models, images and classes that do not fit one another."""

import keras
import numpy as np
import pytest
from keras import layers

from course_utils.datasets.drawn import draw
from course_utils.explain.inputs import checked_class_index, checked_images, checked_model, scores_of


def classifier(*first, size=(8, 6, 3), classes=4):
    return keras.Sequential([keras.Input(size), *first, layers.Flatten(), layers.Dense(classes)], name="net")


def pictures(count=2, size=(8, 6, 3), high=255, dtype="float32"):
    return np.random.default_rng(0).uniform(0, high, (count, *size)).astype(dtype)


class Own(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(2)

    def call(self, x):
        return self.dense(keras.ops.mean(x, axis=(1, 2)))


# Models


def several_inputs():
    a, b = keras.Input((8, 8, 3)), keras.Input((2,))
    return keras.Model([a, b], layers.Concatenate()([layers.Flatten()(a), b]))


def named_outputs():
    x = keras.Input((8, 8, 3))
    return keras.Model(x, {"scores": layers.Dense(2)(layers.Flatten()(x)), "rest": x})


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        (np.zeros(3), TypeError, r"model is a ndarray; expected a Keras model"),
        (keras.Model, TypeError, r"model is a class; call it first"),
        (Own(), TypeError, r"an Own that computes in its own call method.* Wrap it: .*keras.Model\(inputs, model"),
        (keras.Sequential([layers.Dense(2)]), ValueError, r"has not been built.* Begin it with keras.Input"),
        (several_inputs(), ValueError, r"has 2 inputs; expected one, the images"),
        (keras.Sequential([keras.Input((9,)), layers.Dense(2)]), ValueError, r"takes arrays of shape \(None, 9\)"),
        (named_outputs(), ValueError, r"has 2 outputs in a dict; .*keras.Model\(model.inputs, model.outputs\[0\]\)"),
        (
            keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(2, 3)]),
            ValueError,
            r"shape \(None, 6, 6, 2\); expected one score a class.* top been left out",
        ),
    ],
    ids=["array", "class", "subclass", "unbuilt", "two inputs", "no images", "two outputs", "no scores"],
)
def test_a_model_that_cannot_be_explained_says_why(model, error, message):
    with pytest.raises(error, match=message):
        checked_model(model)


def test_the_wrapped_model_that_the_message_advises_can_be_explained():
    inputs = keras.Input((8, 6, 3))
    model = keras.Model(inputs, Own()(inputs))
    assert checked_model(model) is model
    assert checked_images(model, pictures()).shape == (2, 8, 6, 3)


@pytest.mark.parametrize("module", ["tf_keras.src.engine.sequential", "tensorflow.python.keras.engine.training"])
def test_a_model_of_keras_2_is_called_so(module):
    old = type("Sequential", (), {"__module__": module})
    library = module.partition(".")[0]
    with pytest.raises(TypeError, match=rf"Sequential is of Keras 2 \(from {library}\); .*TF_USE_LEGACY_KERAS"):
        checked_model(old())


def test_a_model_that_takes_channels_first_is_told_how_to_be_wrapped():
    model = keras.Sequential(
        [
            keras.Input((3, 8, 6)),
            layers.ZeroPadding2D(1, data_format="channels_first"),
            layers.Flatten(),
            layers.Dense(2),
        ]
    )
    with pytest.raises(ValueError, match=r"channels first; .* model\(keras.layers.Permute\(\(3, 1, 2\)\)\(inputs\)\)"):
        checked_model(model)
    inputs = keras.Input((8, 6, 3))
    wrapped = keras.Model(inputs, model(layers.Permute((3, 1, 2))(inputs)))
    images = pictures()
    np.testing.assert_allclose(
        scores_of(wrapped, images), scores_of(model, images.transpose(0, 3, 1, 2)), rtol=1e-4, atol=1e-3
    )


# Images


@pytest.mark.parametrize("dtype", ["uint8", "float64", "float32", "int16"])
def test_images_become_contiguous_float32_and_keep_their_values(dtype):
    images = pictures(dtype=dtype)
    checked = checked_images(classifier(), images[:, ::-1])
    assert checked.dtype == "float32"
    assert checked.flags.c_contiguous
    np.testing.assert_array_equal(checked, images[:, ::-1].astype("float32"))


def test_a_tensor_of_the_backend_is_taken_too():
    images = pictures()
    np.testing.assert_array_equal(checked_images(classifier(), keras.ops.convert_to_tensor(images)), images)


def test_a_model_without_a_fixed_size_takes_images_of_any_size():
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling2D()(inputs)))
    assert checked_images(model, pictures(size=(5, 7, 3))).shape == (2, 5, 7, 3)


def with_a_hole():
    images = pictures(3)
    images[1, 2, 3, 0] = np.nan
    return images


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (
            pictures()[0],
            ValueError,
            r"shape \(8, 6, 3\), three axes; 'net' expects \(images, 8, 6, 3\).* images\[None\]",
        ),
        (pictures()[0, 0], ValueError, r"shape \(6, 3\); 'net' expects"),
        (pictures(0), ValueError, r"there is no image in it"),
        (pictures(size=(9, 6, 3)), ValueError, r"\(2, 9, 6, 3\); 'net' expects \(images, 8, 6, 3\). Resize them"),
        (pictures(size=(3, 8, 6)), ValueError, r"channels first\? Give images.transpose\(0, 2, 3, 1\)"),
        (pictures(size=(8, 6, 1)), ValueError, r"np.repeat\(images, 3, axis=-1\)"),
        (pictures(size=(8, 6, 4)), ValueError, r"images\[..., :3\]"),
        (pictures(size=(8, 6, 5)), ValueError, r"Give images with 3 channels"),
        (with_a_hole(), ValueError, r"image 1 holds NaN or infinity"),
        (np.array([["a"]]), TypeError, r"array of <U1; expected numbers"),
        ([np.zeros((8, 6, 3)), np.zeros((9, 6, 3))], ValueError, r"no regular array; .* all of one size"),
        (draw(2, 32), TypeError, r"images is a Drawing; .* Give its .images"),
    ],
)
def test_images_that_do_not_fit_are_told_apart(images, error, message):
    with pytest.raises(error, match=message):
        checked_images(classifier(), images)


@pytest.mark.parametrize(
    ("size", "images", "message"),
    [
        ((8, 6, 1), pictures(size=(8, 6))[..., :], r"images\[..., None\]"),
        ((8, 6, 1), pictures(size=(8, 6, 3)), r"images.mean\(axis=-1, keepdims=True\)"),
    ],
)
def test_grey_images_for_a_grey_model_are_advised_on(size, images, message):
    with pytest.raises(ValueError, match=message):
        checked_images(classifier(size=size), images)


# The range of the pixels


def normalization(mean, variance):
    return layers.Normalization(mean=mean, variance=variance)


def trained_batch_normalization():
    layer = layers.BatchNormalization()
    layer.build((None, 8, 6, 3))
    layer.moving_mean.assign([120.0, 110.0, 100.0])
    layer.moving_variance.assign([3600.0] * 3)
    return layer


def nested(*inside):
    return keras.Sequential([keras.Input((8, 6, 3)), *inside], name="inside")


def computing(operation):
    inputs = keras.Input((8, 6, 3))
    return keras.Model(inputs, operation(inputs))


EXPECT_LARGE = {
    "rescaling": lambda: [layers.Rescaling(1 / 255)],
    "rescaling to -1": lambda: [layers.Rescaling(1 / 127.5, offset=-1)],
    "offset of tens": lambda: [layers.Rescaling(1.0, offset=-117.0)],
    "normalization": lambda: [normalization([123.0, 117.0, 104.0], [3400.0] * 3)],
    "batch normalisation": lambda: [trained_batch_normalization()],
    "after augmentation": lambda: [layers.RandomFlip(), layers.ZeroPadding2D(1), layers.Rescaling(1 / 255)],
    "nested twice": lambda: [nested(nested(layers.RandomFlip(), layers.Rescaling(1 / 255)))],
    "a division": lambda: [computing(lambda x: x / 255.0)],
    "a mean colour": lambda: [computing(lambda x: x - np.array([104.0, 117.0, 123.0], "float32"))],
}


@pytest.mark.parametrize("first", EXPECT_LARGE)
def test_images_from_0_to_1_for_a_network_that_scales_itself_are_an_error(first):
    model = classifier(*EXPECT_LARGE[first]())
    with pytest.raises(ValueError, match=r"from 0\S* to 0\S*, but 'net' scales pixels itself, .* Give images \* 255"):
        checked_images(model, pictures(high=1))
    with pytest.raises(ValueError, match="as they are stored, before any scaling"):
        checked_images(model, 2 * pictures(high=1) - 1)
    checked_images(model, pictures())


class Rescaling(layers.Layer):
    """Named as a layer of Keras', and another."""

    def call(self, x):
        return x / 255.0


class Normalization(layers.Layer):
    def call(self, x):
        return x - keras.ops.mean(x, axis=(1, 2, 3), keepdims=True)


class Derived(layers.Rescaling):
    """Derived from one, and it does something else."""

    def call(self, x):
        return x


class Resizing(layers.Layer):
    """Named as a layer that hands pixels on; it scales them."""

    def call(self, x):
        return x * 255.0


@pytest.mark.parametrize("first", [Rescaling, Normalization, lambda: Derived(1 / 255)])
def test_of_a_layer_of_ones_own_nothing_is_supposed_whatever_its_name(first):
    model = classifier(first())
    checked_images(model, pictures(high=1))
    checked_images(model, pictures(high=255))


def test_what_a_layer_of_ones_own_hands_on_is_not_taken_for_pixels():
    checked_images(classifier(Resizing(), layers.Rescaling(1 / 255)), pictures(high=1))


def test_the_range_of_an_image_is_its_own_whatever_is_beside_it():
    images = np.concatenate([pictures(1), pictures(1, high=1)])
    with pytest.raises(ValueError, match="image 1 holds values from 0"):
        checked_images(classifier(layers.Rescaling(1 / 255)), images)


def test_dark_images_of_whole_numbers_and_black_ones_are_not_taken_for_scaled_ones():
    model = classifier(layers.Rescaling(1 / 255))
    checked_images(model, pictures(high=1.9, dtype="uint8"))
    checked_images(model, np.zeros((1, 8, 6, 3), "float32"))


def test_images_up_to_255_for_a_network_made_for_1_are_an_error():
    for layer in (normalization([0.49, 0.48, 0.45], [0.06] * 3), layers.Rescaling(2.0, offset=-1)):
        model = classifier(layer)
        with pytest.raises(ValueError, match=r"up to 25\d, but the layer .* pixels from 0 to 1. Give images / 255"):
            checked_images(model, pictures())
        checked_images(model, pictures(high=1))


def two_ways():
    """One way scales its pixels, the other takes them as they are."""
    inputs = keras.Input((8, 6, 3))
    scaled = layers.Flatten()(layers.Rescaling(1 / 255)(inputs))
    return keras.Model(inputs, layers.Dense(2)(layers.Concatenate()([scaled, layers.Flatten()(inputs)])))


@pytest.mark.parametrize(
    "model",
    [
        classifier(),
        classifier(layers.Conv2D(2, 3)),
        classifier(layers.Rescaling(1.0)),
        classifier(layers.BatchNormalization()),
        classifier(layers.Conv2D(2, 3), layers.Rescaling(1 / 255)),
        two_ways(),
    ],
    ids=["nothing", "convolution", "scale 1", "untrained", "later", "two ways"],
)
def test_nothing_is_supposed_about_the_range_where_the_network_does_not_say_it(model):
    checked_images(model, pictures(high=1))
    checked_images(model, pictures(high=255))


# Classes


def test_a_class_is_given_once_for_all_images_or_for_each_or_is_the_predicted_one():
    model, images = classifier(), pictures(5)
    np.testing.assert_array_equal(checked_class_index(model, images, 3), [3] * 5)
    np.testing.assert_array_equal(checked_class_index(model, images, np.uint8(3)), [3] * 5)
    np.testing.assert_array_equal(checked_class_index(model, images, [0, 1, 2, 3, 0]), [0, 1, 2, 3, 0])
    predicted = checked_class_index(model, images, None)
    assert predicted.dtype.kind == "i"
    np.testing.assert_array_equal(predicted, keras.ops.convert_to_numpy(model(images)).argmax(axis=1))


@pytest.mark.parametrize(
    ("class_index", "error", "message"),
    [
        (4, ValueError, r"class_index holds 4, but 'net' has 4 scores: expected 0 to 3"),
        (-1, ValueError, r"class_index holds -1"),
        ([0, 7], ValueError, r"class_index holds 7"),
        ([0, 1, 2], ValueError, r"shape \(3,\); expected one integer for all, or one for each of the 2 images"),
        (True, TypeError, r"class_index is True; expected an integer from 0 to 3"),
        (1.0, TypeError, r"class_index is 1.0"),
        ("cat", TypeError, r"class_index is 'cat'; .* class_names.index\(name\)"),
        (np.eye(4)[:2], TypeError, r"array of float64; .* \.argmax\(axis=1\)"),
        (np.eye(4, dtype=int)[:2], ValueError, r"shape \(2, 4\); expected one integer"),
    ],
)
def test_a_class_that_the_model_does_not_have_is_named(class_index, error, message):
    with pytest.raises(error, match=message):
        checked_class_index(classifier(), pictures(), class_index)


def test_a_network_with_one_score_explains_what_it_speaks_for():
    model = classifier(classes=1)
    np.testing.assert_array_equal(checked_class_index(model, pictures(), None), [0, 0])
    with pytest.raises(ValueError, match="has 1 score: expected 0 to 0. Its one score speaks for class 1"):
        checked_class_index(model, pictures(), 1)


def test_scores_are_those_of_the_layers_and_weights_as_they_are_now():
    model, images = classifier(layers.Conv2D(3, 3, activation="relu")), pictures(high=1)
    seen = [scores_of(model, images)]
    model.layers[0].activation = keras.activations.tanh
    seen.append(scores_of(model, images))
    model.set_weights([weight + 0.1 for weight in model.get_weights()])
    seen.append(scores_of(model, images))
    np.testing.assert_allclose(seen[-1], keras.ops.convert_to_numpy(model(images, training=False)), rtol=1e-5)
    assert not np.allclose(seen[0], seen[1])
    assert not np.allclose(seen[1], seen[2])


def test_a_network_whose_training_went_astray_has_nothing_to_explain():
    model = classifier()
    model.layers[-1].kernel.assign(np.full(model.layers[-1].kernel.shape, np.nan))
    with pytest.raises(ValueError, match="scores of image 0 from 'net' are NaN"):
        scores_of(model, pictures())


@pytest.mark.parametrize("batch_size", [0, 2.5, True])
def test_a_batch_has_at_least_one_image(batch_size):
    with pytest.raises(ValueError, match=f"batch_size is {batch_size}"):
        scores_of(classifier(), pictures(), batch_size)
