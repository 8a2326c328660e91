"""A classifier on a trained base: what learns is what should, and each usual mistake has its message."""

import subprocess
import sys
import warnings

import keras
import numpy as np
import pytest
from keras import layers

from course_utils import models
from tests.backends import BACKENDS, INSTALLED, output_on

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (24, 16, 16, 3), dtype="uint8")
LABELS = np.arange(24) % 3


def base(trained=True, rescaling=True, pooling=True):
    """A network with everything that a base has, small enough to train in a blink."""
    inputs = keras.Input((16, 16, 3))
    x = layers.Rescaling(1 / 255, name="rescaling")(inputs) if rescaling else inputs
    x = layers.Conv2D(4, 3, activation="relu", name="conv1")(x)
    x = layers.BatchNormalization(name="bn1", momentum=0.5)(x)
    x = layers.Conv2D(6, 3, activation="relu", name="conv2")(x)
    if pooling:
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    model = keras.Model(inputs, x, name="small_base")
    if trained:
        for name in ("conv1", "conv2"):
            kernel, bias = model.get_layer(name).get_weights()
            model.get_layer(name).set_weights([kernel, bias + 0.1])
    return model


def compiled(model, rate=0.05):
    model.compile(keras.optimizers.SGD(rate), "sparse_categorical_crossentropy")
    return model


def fitted(model, **options):
    model.fit(IMAGES, LABELS, epochs=1, verbose=0, **options)
    return model


def values(layer):
    return [np.array(value) for value in layer.get_weights()]


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


# ---------------------------------------------------------------------------------------------------- what is built


def test_only_the_classifier_learns_and_the_base_keeps_even_its_averages():
    below = base()
    before = values(below)
    model = fitted(compiled(models.with_classifier(below, 3, head=layers.Dense(5, activation="relu"))))
    assert len(model.trainable_variables) == 4
    assert same(values(below), before)
    assert model.get_layer("small_base") is below


@pytest.mark.parametrize(("classes", "units", "activation"), [(2, 1, "sigmoid"), (3, 3, "softmax")])
def test_two_classes_have_one_probability_and_more_one_each(classes, units, activation):
    last = models.with_classifier(base(), classes).layers[-1]
    assert (last.units, last.activation.__name__) == (units, activation)


@pytest.mark.parametrize("classes", [1, 0, -3, 2.0, True, "2", None])
def test_a_number_of_classes_that_cannot_be_is_refused(classes):
    with pytest.raises(ValueError, match="it must be a whole number from 2"):
        models.with_classifier(base(), classes)


def test_a_classifier_trained_on_features_is_used_as_it_is():
    below = base()
    own = keras.Sequential([keras.Input((6,)), layers.Dense(3, activation="softmax")])
    found = models.features(below, IMAGES)
    fitted_on_features = compiled(own)
    fitted_on_features.fit(found, LABELS, verbose=0)
    model = models.with_classifier(below, own)
    np.testing.assert_allclose(model.predict(IMAGES, verbose=0), own.predict(found, verbose=0), rtol=1e-5)


def test_features_are_what_the_base_gives():
    below = base(pooling=False)
    expected = keras.ops.convert_to_numpy(below(IMAGES, training=False))
    np.testing.assert_allclose(models.features(below, IMAGES, batch_size=7), expected, rtol=1e-5, atol=1e-6)


def test_maps_are_averaged_unless_the_head_takes_them():
    averaged, flattened = (models.with_classifier(base(pooling=False), 3, head=h) for h in ((), [layers.Flatten()]))
    assert averaged.layers[-1].kernel.shape[0] == 6
    assert flattened.layers[-1].kernel.shape[0] == 6 * 12 * 12


def test_images_of_another_size_are_resized_inside():
    below = base()
    model = models.with_classifier(below, 3, input_shape=(8, 8, 3))
    outside = models.with_classifier(below, 3)
    outside.layers[-1].set_weights(model.layers[-1].get_weights())
    small = IMAGES[:, ::2, ::2]
    resized = keras.ops.convert_to_numpy(keras.ops.image.resize(small.astype("float32"), (16, 16)))
    np.testing.assert_allclose(model.predict(small, verbose=0), outside.predict(resized, verbose=0), rtol=1e-4)


def test_augmentation_changes_images_in_training_only():
    model = models.with_classifier(base(), 3, augmentation=[layers.RandomFlip("horizontal"), layers.RandomZoom(0.5)])
    plain = models.with_classifier(model.get_layer("small_base"), 3)
    plain.layers[-1].set_weights(model.layers[-1].get_weights())
    np.testing.assert_allclose(model.predict(IMAGES, verbose=0), plain.predict(IMAGES, verbose=0), rtol=1e-5)
    drawn = [keras.ops.convert_to_numpy(model(IMAGES, training=True)) for _ in range(2)]
    assert not np.allclose(*drawn)


def test_a_bases_own_preprocessing_stands_before_it():
    below = base(rescaling=False)
    own = keras.applications.vgg16.preprocess_input
    model = models.with_classifier(below, 3, preprocessing=own)
    features = keras.ops.convert_to_numpy(below(own(IMAGES.astype("float32")), training=False))
    kernel, bias = model.layers[-1].get_weights()
    scores = features @ kernel + bias
    expected = np.exp(scores - scores.max(1, keepdims=True))
    np.testing.assert_allclose(model.predict(IMAGES, verbose=0), expected / expected.sum(1, keepdims=True), rtol=1e-3)


# --------------------------------------------------------------------------------------------- preprocessing that fits


@pytest.mark.parametrize(
    ("rescaling", "options", "message"),
    [
        (False, {}, "no layer that brings pixels from 0 to 255 into the range.*preprocessing=keras.applications"),
        (
            True,
            {"preprocessing": lambda x: x / 255},
            "preprocessing is given, but .* once only, and .* does that itself",
        ),
        (True, {"augmentation": layers.Rescaling(1 / 255, name="mine")}, "the augmentation has 'mine', but"),
        (
            True,
            {"augmentation": keras.Sequential([layers.RandomFlip(), layers.Rescaling(1 / 255)], name="both")},
            "the augmentation has 'both', but",
        ),
    ],
)
def test_preprocessing_that_is_missing_or_there_twice_is_refused(rescaling, options, message):
    with pytest.raises(ValueError, match=message):
        models.with_classifier(base(rescaling=rescaling), 3, **options)


class Batches(keras.utils.PyDataset):
    def __init__(self, images):
        super().__init__()
        self.images = images

    def __len__(self):
        return 2

    def __getitem__(self, index):
        part = slice(12 * index, 12 * index + 12)
        return self.images[part], LABELS[part]


@pytest.mark.parametrize("method", ["fit", "evaluate", "predict"])
@pytest.mark.parametrize("mistake", ["0 to 1", "-1 to 1", "mean subtracted"])
@pytest.mark.parametrize("way", ["array", "tensor", "PyDataset"])
def test_rescaled_images_are_refused_wherever_the_model_takes_them(method, mistake, way):
    model = compiled(models.with_classifier(base(), 3))
    pixels = IMAGES.astype("float32")
    wrong = {"0 to 1": pixels / 255, "-1 to 1": pixels / 127.5 - 1, "mean subtracted": pixels - 120}[mistake]
    given = {"array": wrong, "tensor": keras.ops.convert_to_tensor(wrong), "PyDataset": Batches(wrong)}[way]
    labels = () if way == "PyDataset" or method == "predict" else (LABELS,)
    with pytest.raises(ValueError, match=rf"^{method}: the images are between .* takes pixels as they are stored"):
        getattr(model, method)(given, *labels, verbose=0)


def test_a_base_that_others_preprocess_for_is_guarded_too():
    model = models.with_classifier(base(rescaling=False), 3, preprocessing=keras.applications.xception.preprocess_input)
    with pytest.raises(ValueError, match=r"^predict: the images are between"):
        model.predict(IMAGES / 255, verbose=0)


def test_stored_images_pass_the_black_ones_too():
    model = compiled(models.with_classifier(base(), 3))
    fitted(model)
    model.fit(Batches(IMAGES), verbose=0)
    assert model.predict(np.zeros((2, 16, 16, 3), "uint8"), verbose=0).shape == (2, 3)
    assert model.evaluate(IMAGES.astype("float32"), LABELS, verbose=0) > 0


@pytest.mark.parametrize("images", [IMAGES / 255, IMAGES[0], IMAGES[:, :8]])
def test_features_refuse_images_that_do_not_fit(images):
    with pytest.raises(ValueError, match="^features: "):
        models.features(base(), images)


# ------------------------------------------------------------------------------------------------ random, not trained


def test_a_network_that_was_never_trained_is_not_frozen_or_asked_for_features():
    with pytest.raises(ValueError, match="'small_base' was never trained.*random features for ever.*trainable=True"):
        models.with_classifier(base(trained=False), 3)
    with pytest.raises(ValueError, match="'small_base' was never trained"):
        models.features(base(trained=False), IMAGES)


@pytest.mark.parametrize("name", ["beta", "moving_mean"])
def test_a_base_without_biases_is_known_by_its_normalisation(name):
    inputs = keras.Input((16, 16, 3))
    x = layers.Conv2D(4, 3, use_bias=False)(layers.Rescaling(1 / 255)(inputs))
    normalisation = layers.BatchNormalization()
    below = keras.Model(inputs, normalisation(x))
    with pytest.raises(ValueError, match="was never trained"):
        models.with_classifier(below, 3)
    getattr(normalisation, name).assign([0.1, 0, 0, 0])
    models.with_classifier(below, 3)


def test_one_step_of_training_is_seen():
    below = base(trained=False)
    fitted(compiled(models.with_classifier(below, 3, trainable=True)), batch_size=24)
    models.with_classifier(below, 3)


def test_from_scratch_everything_learns_and_nothing_is_warned_of():
    below = base(trained=False)
    before = values(below)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model = fitted(compiled(models.with_classifier(below, 3, trainable=True)))
    assert len(model.trainable_variables) == 8
    assert not any(same([one], [other]) for one, other in zip(values(below), before, strict=True))


@pytest.mark.parametrize("way", ["unfreeze", "by hand", "from the start"])
def test_a_trained_base_that_learns_with_a_random_classifier_is_warned_of(way):
    below = base()
    model = models.with_classifier(below, 3, trainable=way == "from the start")
    if way == "unfreeze":
        models.unfreeze(model)
    elif way == "by hand":
        below.trainable = True
    with pytest.warns(UserWarning, match="'small_base' is trained, the classifier behind it still random") as warned:
        fitted(compiled(model, 1e-3))
    assert warned[0].filename == __file__


def test_nothing_is_warned_of_once_the_classifier_is_trained():
    model = fitted(compiled(models.with_classifier(base(), 3)))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        fitted(compiled(models.unfreeze(model), 1e-3))


# ----------------------------------------------------------------------------------------------------------- unfreeze


@pytest.mark.parametrize(
    ("from_layer", "learns"),
    [
        (None, ["conv1/kernel", "conv1/bias", "conv2/kernel", "conv2/bias"]),
        ("conv1", ["conv1/kernel", "conv1/bias", "conv2/kernel", "conv2/bias"]),
        ("bn1", ["conv2/kernel", "conv2/bias"]),
        ("conv2", ["conv2/kernel", "conv2/bias"]),
    ],
)
def test_what_learns_begins_at_the_layer_and_leaves_batch_normalisation_out(from_layer, learns):
    model = fitted(compiled(models.with_classifier(base(), 3)))
    models.unfreeze(model, from_layer)
    below = model.get_layer("small_base")
    assert [f"{v.path.split('/')[-2]}/{v.name}" for v in below.trainable_variables] == learns
    before = {layer.name: values(layer) for layer in below.layers}
    fitted(compiled(model, 0.1))
    changed = {layer.name for layer in below.layers if layer.weights and not same(values(layer), before[layer.name])}
    assert changed == {name.split("/")[0] for name in learns}


def test_batch_normalisation_that_is_unfrozen_by_hand_is_warned_of():
    below = base()
    model = fitted(compiled(models.with_classifier(below, 3)))
    below.trainable = True
    with pytest.warns(UserWarning, match="batch normalisation that was frozen learns.*unfreeze") as warned:
        fitted(compiled(model))
    assert warned[0].filename == __file__


def test_training_false_does_not_keep_the_averages_of_a_base_that_learns():
    """What the docstring of `unfreeze` says of Keras, in a model without anything of ours."""
    below = base()
    model = keras.Model(below.input, layers.Dense(3, activation="softmax")(below(below.input, training=False)))
    before = values(below.get_layer("bn1"))
    fitted(compiled(model))
    assert not any(same([one], [other]) for one, other in zip(values(below.get_layer("bn1")), before, strict=True))


def test_less_can_be_unfrozen_after_more():
    model = fitted(compiled(models.with_classifier(base(), 3)))
    models.unfreeze(model)
    models.unfreeze(model, "conv2")
    assert len(model.get_layer("small_base").trainable_variables) == 2


def test_an_unfrozen_model_does_not_train_before_it_is_compiled_again():
    model = fitted(compiled(models.with_classifier(base(), 3)))
    models.unfreeze(model, "conv2")
    with pytest.raises(ValueError, match=r"`trainable` has changed since.*Call compile\(\) now.*small rate"):
        fitted(model)
    fitted(compiled(model))


def test_an_unfrozen_model_does_not_train_as_it_was_compiled_even_if_it_has_not_trained_yet():
    model = models.unfreeze(compiled(models.with_classifier(base(), 3)), "conv2")
    with pytest.raises(ValueError, match=r"it is not compiled.*Call compile\(\) now"):
        fitted(model)


def test_a_change_by_hand_after_training_asks_for_compile():
    model = fitted(compiled(models.with_classifier(base(), 3)))
    model.get_layer("small_base").trainable = True
    with pytest.raises(ValueError, match=r"`trainable` has changed since it was compiled.*Call compile\(\) now"):
        fitted(model)
    fitted(compiled(model))
    fitted(model)  # and again, with nothing changed


def test_a_layer_that_is_not_there_is_answered_with_those_that_are_alike():
    model = models.with_classifier(base(), 3)
    with pytest.raises(ValueError, match="has no layer 'conv3'. Do you mean conv2 or conv1.* can learn: conv1, conv2"):
        models.unfreeze(model, "conv3")


def test_what_leaves_nothing_to_learn_is_refused():
    with pytest.raises(ValueError, match="from 'avg_pool' on, 'small_base' has nothing that can learn"):
        models.unfreeze(models.with_classifier(base(), 3), "avg_pool")


@pytest.mark.parametrize("nested", [True, False])
def test_a_model_that_was_built_by_hand_is_unfrozen_and_guarded_too(nested):
    below = base()
    below.trainable = False
    if nested:
        inputs = keras.Input((16, 16, 3))
        x = below(inputs, training=False)
    else:
        inputs, x = below.input, below.output
    model = keras.Model(inputs, layers.Dense(3, activation="softmax", name="top")(x))
    fitted(compiled(model))
    models.unfreeze(model, "conv2")
    assert {v.path.split("/")[-2] for v in model.trainable_variables} == {"conv2", "top"}
    with pytest.raises(ValueError, match="`trainable` has changed since it was compiled"):
        fitted(model)
    with pytest.raises(ValueError, match="^predict: the images are between"):
        model.predict(IMAGES / 255, verbose=0)


# -------------------------------------------------------------------------------------------------- an ordinary model


def test_a_saved_model_opens_where_nobody_has_imported_the_course(tmp_path):
    model = compiled(models.with_classifier(base(), 3, augmentation=layers.RandomFlip(), input_shape=(8, 8, 3)))
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "images.npy", IMAGES[:, ::2, ::2])
    code = (
        "import sys, keras, numpy; sys.modules['course_utils'] = None\n"
        "model = keras.models.load_model('model.keras')\n"
        "numpy.save('outputs.npy', model.predict(numpy.load('images.npy'), verbose=0))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)
    expected = model.predict(IMAGES[:, ::2, ::2], verbose=0)
    np.testing.assert_allclose(np.load(tmp_path / "outputs.npy"), expected, rtol=1e-4, atol=1e-6)


def test_an_opened_model_can_be_unfrozen(tmp_path):
    fitted(compiled(models.with_classifier(base(), 3))).save(tmp_path / "model.keras")
    opened = models.unfreeze(keras.models.load_model(tmp_path / "model.keras"), "conv2")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # its classifier is trained
        fitted(compiled(opened))


@pytest.mark.parametrize(
    "given", [None, "vgg16", layers.Dense(3), keras.Sequential([keras.Input((4,)), layers.Dense(2)])]
)
def test_a_base_that_takes_no_images_is_refused(given):
    with pytest.raises(ValueError, match=r"with_classifier: base is .* such as pretrained_base\(name\) gives"):
        models.with_classifier(given)


@pytest.mark.parametrize(
    ("classes", "options", "message"),
    [
        (keras.Sequential([keras.Input((5,)), layers.Dense(3)]), {}, r"shape \(5,\), and the base gives \(6,\)"),
        (keras.Sequential([keras.Input((6,)), layers.Dense(3)]), {"head": layers.Dropout(0.5)}, "Leave head out"),
    ],
)
def test_a_classifier_that_does_not_fit_is_refused(classes, options, message):
    with pytest.raises(ValueError, match=message):
        models.with_classifier(base(), classes, **options)


def test_what_is_no_layer_is_refused():
    with pytest.raises(TypeError, match="augmentation has 'flip' in it"):
        models.with_classifier(base(), 3, augmentation=["flip"])


PROGRAM = """
import tests.test_models_transfer as here
here.test_a_change_by_hand_after_training_asks_for_compile()
here.test_what_learns_begins_at_the_layer_and_leaves_batch_normalisation_out("conv2", ["conv2/kernel", "conv2/bias"])
here.test_images_of_another_size_are_resized_inside()
here.test_rescaled_images_are_refused_wherever_the_model_takes_them("fit", "0 to 1", "tensor")
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", [name for name in BACKENDS if name != keras.config.backend()])
def test_it_is_the_same_on_every_backend(backend):
    if backend not in INSTALLED:
        pytest.skip(f"{backend} is not installed")
    assert output_on(backend, PROGRAM) == []
