"""Scripts that train: what is kept of a run, and what is said of those that are none."""

from unittest import mock

import numpy as np
import pytest

from course_utils.checks import Wrong, engine, scripts
from course_utils.checks import a1_it_does_not_learn as checks_a1
from tests.wrong_answers import a1_it_does_not_learn as a1

keras = pytest.importorskip("keras")
layers = keras.layers

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 6, 6, 1)).astype("uint8")
LABELS = np.arange(40) % 3


def script(change=lambda images, labels: (images, labels), *, units=3, epochs=1, rate=0.01):
    def trains(images, labels):
        model = keras.Sequential(
            [keras.Input((6, 6, 1)), layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(units, "softmax")]
        )
        model.compile(keras.optimizers.SGD(rate), "sparse_categorical_crossentropy", jit_compile=False)
        model.fit(*change(images, labels), epochs=epochs, batch_size=20, verbose=0)
        return model

    return trains


def mistake(answer):
    with pytest.raises(Wrong) as caught:
        scripts.trained(answer, IMAGES, LABELS, 3)
    return caught.value.mistake, caught.value.hint


def reach(change):
    return scripts.reach_fit(scripts.trained(script(change), IMAGES, LABELS, 3), IMAGES, LABELS)


def test_images_are_known_by_their_pixels_in_any_order_and_type():
    order = np.random.default_rng(1).permutation(40)
    assert reach(lambda images, labels: (images[order], labels[order])) == (1.0, 40, False)
    assert reach(lambda images, labels: (images.astype("float32"), labels[:, None])) == (1.0, 40, False)
    assert reach(lambda images, labels: (images[:10], labels[:10])) == (1.0, 10, False)
    assert reach(lambda images, labels: (images, (labels + (np.arange(40) < 10)) % 3)) == (0.75, 40, False)


def test_images_that_were_changed_on_the_way_are_not_known():
    assert reach(lambda images, labels: (images / 255, labels)) == (None, 0, False)
    assert reach(lambda images, labels: (images[:, ::-1], labels)) == (None, 0, True)


def test_a_training_loop_of_ones_own_is_not_watched():
    def by_hand(images, labels):
        model = keras.Sequential([keras.Input((6, 6, 1)), layers.Flatten(), layers.Dense(3, "softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy", jit_compile=False)
        model.train_on_batch(images, labels)
        return model

    training = scripts.trained(by_hand, IMAGES, LABELS, 3)
    assert training.moved is None
    assert scripts.reach_fit(training, IMAGES, LABELS) == (None, 0, False)


def test_how_far_the_weights_moved_grows_with_the_rate():
    slow, fast = (scripts.trained(script(rate=rate), IMAGES, LABELS, 3).moved for rate in (1e-3, 1e-2))
    assert 5 * slow < fast < 15 * slow
    assert scripts.trained(script(epochs=0), IMAGES, LABELS, 3).moved == 0


def test_a_step_is_known_by_the_number_of_its_kernel_and_zeros_are_no_measure():
    training = scripts.Training()
    training.kernels = [(np.ones(4), np.zeros(4)), (np.full(4, 3.0), np.full(4, 2.0))]
    assert training.steps == {2: 0.5}
    assert "moved by 0.5 of its length" in checks_a1._far(training)
    training.kernels.append((np.zeros(4), np.ones(4)))
    assert "number 3 has moved most, by 1 of its length, and number 2 least, by 0.5" in checks_a1._far(training)


def test_a_training_is_announced_and_what_the_script_prints_is_not_shown(capsys):
    def talks(images, labels):
        print("epoch 1")
        return script()(images, labels)

    scripts.trained(talks, IMAGES, LABELS, 3)
    assert capsys.readouterr().out == "The check trains this network on 40 images of its own ...\n"


def test_keras_is_as_it_was_after_a_script_that_ends_and_one_that_stops():
    before = keras.Model.compile, keras.Model.fit
    scripts.trained(script(), IMAGES, LABELS, 3)
    assert mistake(script(lambda images, labels: 1 / 0))[0] == "stopped"
    assert (keras.Model.compile, keras.Model.fit) == before
    assert "fit" not in vars(keras.Model)


def test_what_is_no_script_is_told_what_it_is():
    assert "a model already" in mistake(keras.Sequential([keras.Input((6, 6, 1))]))[1]
    assert "got `3`" in mistake(3)[1]
    assert mistake(lambda images, labels: None)[0] == "no return"
    assert "`History`" in mistake(lambda images, labels: keras.callbacks.History())[1]


@pytest.mark.parametrize("units", [1, 2, 4])
def test_another_number_of_units_than_classes_is_said_so(units):
    name, hint = mistake(script(units=units))
    assert name == "output shape"
    assert f"{units}" in hint


def test_a_network_that_is_sure_of_its_mistakes_is_right_and_told_what_is_large():
    verdict = engine.judge("a1.nan", a1.SURE_WHEN_WRONG[0])
    assert verdict.right
    assert "the wrong name a probability of more than 0.9" in verdict.message
    assert "the first layer gets go up to 255: your repair lives with them." in verdict.message
    large_weights = engine.judge("a1.stuck", a1.LARGE_WEIGHTS)
    assert large_weights.right
    assert "the first layer gets go up to 1. How large are its weights?" in large_weights.message
    assert "wrong name" not in engine.judge("a1.nan", a1.RIGHT["a1.nan"][0]).message


@pytest.mark.parametrize(
    ("more", "counts"),
    [
        ({}, [1, 1, 1]),
        ({"class_weight": {0: 2, 1: 3, 2: 4}}, [2, 3, 4]),
        ({"class_weight": {1: 5}}, [1, 5, 1]),
        ({"sample_weight": np.arange(40) % 3 + 7}, [7, 8, 9]),
    ],
)
def test_it_is_kept_what_each_image_counts_in_the_loss(more, counts):
    def weighted(images, labels):
        model = keras.Sequential([keras.Input((6, 6, 1)), layers.Flatten(), layers.Dense(3, "softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy", jit_compile=False)
        model.fit(images, labels, verbose=0, **more)
        return model

    (_, y, kept), *_ = scripts.trained(weighted, IMAGES, LABELS, 3).fits
    np.testing.assert_array_equal(kept, np.array(counts)[y])


def test_a_momentum_is_called_too_large_by_its_value_and_only_where_there_is_one():
    normalised, without = (
        keras.Sequential([keras.Input((28, 28, 1)), *parts, layers.Flatten(), layers.Dense(10, "softmax")])
        for parts in ([layers.BatchNormalization(momentum=0.875)], [layers.Dropout(0.5)])
    )
    images, labels = np.zeros((4, 28, 28, 1)), np.zeros(4, int)
    said = []
    for model in (normalised, without):
        with mock.patch.object(checks_a1, "_loss", side_effect=[2.0, 1.0, *4 * [1.5]]), pytest.raises(Wrong) as caught:
            checks_a1._two_modes(model, images, labels)
        said.append(caught.value.hint)
    assert "a momentum smaller than 0.875" in said[0]
    assert "momentum" not in said[1]
    nested = keras.Sequential([keras.Input((28, 28, 1)), normalised])
    assert checks_a1._momentum(nested) == 0.875
