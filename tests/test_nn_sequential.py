"""The model of the NumPy library: it learns, repeats itself, is saved and loaded, and names what is wrong."""

import json

import numpy as np
import pytest
from sklearn.datasets import load_digits

from course_utils import nn


def small(seed=0, last=4):
    layers = [nn.Conv2D(3, 3, padding="same"), nn.BatchNorm(), nn.ReLU(), nn.MaxPool2D(), nn.Flatten(), nn.Dropout(0.2)]
    return nn.Sequential([*layers, nn.Linear(last)], input_shape=(6, 7, 2), seed=seed)


def compiled(**options):
    model = small(**options)
    model.compile(nn.Adam(), nn.SoftmaxCrossEntropy())
    return model


RNG = np.random.default_rng(0)
IMAGES, LABELS = RNG.normal(size=(30, 6, 7, 2)), RNG.integers(4, size=30)


# --------------------------------------------------------------------------------------------------------- learning


def test_a_small_convnet_learns_handwritten_digits_in_seconds():
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))  # else other people wrote the last ones
    images, labels = digits.images[order, ..., np.newaxis] / 16, digits.target[order]
    model = nn.Sequential(
        [nn.Conv2D(16, 3, padding="same"), nn.ReLU(), nn.MaxPool2D(2), nn.Conv2D(32, 3), nn.ReLU(), nn.Flatten(),
         nn.Linear(10)],
        input_shape=(8, 8, 1),
    )  # fmt: skip
    model.compile(nn.Adam(3e-3), nn.SoftmaxCrossEntropy())
    history = model.fit(images[:1400], labels[:1400], epochs=15, validation_data=(images[1400:], labels[1400:]))
    assert history["val_accuracy"][-1] > 0.95
    assert model.evaluate(images[:1400], labels[:1400])["accuracy"] > 0.98


def test_labels_that_say_nothing_about_the_images_are_learned_by_heart_but_not_predicted():
    model = nn.Sequential([nn.Flatten(), nn.Linear(64), nn.ReLU(), nn.Linear(4)], input_shape=(6, 7, 2))
    model.compile(nn.Adam(1e-2), nn.SoftmaxCrossEntropy())
    assert model.fit(IMAGES, LABELS, epochs=40)["accuracy"][-1] == 1
    others = np.random.default_rng(1).normal(size=(400, 6, 7, 2))
    assert model.evaluate(others, np.arange(400) % 4)["accuracy"] < 0.4


def test_the_same_seeds_give_the_same_training_and_others_another():
    losses = [
        compiled(seed=seed).fit(IMAGES, LABELS, epochs=2, batch_size=8, seed=order)["loss"]
        for seed, order in ((0, 0), (0, 0), (1, 0), (0, 1))
    ]
    assert losses[0] == losses[1]
    assert losses[0] != losses[2]
    assert losses[0] != losses[3]


def test_the_history_holds_a_value_an_epoch_and_the_callback_sees_it():
    seen = []
    history = compiled().fit(
        IMAGES, LABELS, epochs=3, validation_data=(IMAGES, LABELS), callback=lambda *arguments: seen.append(arguments)
    )
    assert list(history) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    assert [epoch for epoch, _ in seen] == [0, 1, 2]
    assert all(history[name] == [logs[name] for _, logs in seen] for name in history)
    assert all(type(value) is float for values in history.values() for value in values)


def test_figures_do_not_depend_on_how_the_examples_are_cut_into_batches():
    model = compiled()
    whole = model.evaluate(IMAGES, LABELS, batch_size=30)
    assert model.evaluate(IMAGES, LABELS, batch_size=7) == pytest.approx(whole)
    np.testing.assert_allclose(model.predict(IMAGES, batch_size=7), model.predict(IMAGES), atol=1e-6)
    still = nn.Sequential([nn.Flatten(), nn.Linear(4)], input_shape=(6, 7, 2))
    still.compile(nn.SGD(0), nn.SoftmaxCrossEntropy())
    expected = still.evaluate(IMAGES, LABELS)
    history = still.fit(IMAGES, LABELS, batch_size=7)  # nothing changes: training figures are those of evaluate
    assert {name: values[0] for name, values in history.items()} == pytest.approx(expected)


def test_a_regression_has_a_loss_and_no_accuracy():
    model = nn.Sequential([nn.Linear(1)], input_shape=(3,))
    model.compile(nn.SGD(0.1), nn.MSE())
    x = np.random.default_rng(0).normal(size=(50, 3))
    history = model.fit(x, x @ [[1.0], [2.0], [3.0]] + 4, epochs=100)
    assert list(history) == ["loss"]
    np.testing.assert_allclose(model.layers[0].kernel.value.ravel(), [1, 2, 3], atol=1e-3)
    np.testing.assert_allclose(model.layers[0].bias.value, [4], atol=1e-3)


def test_everything_stays_float32_whatever_is_given():
    model = compiled()
    for images in (IMAGES, (255 * IMAGES).astype("uint8")):
        model.fit(images, LABELS)
        assert model.predict(images).dtype == "float32"
    gradients = [parameter.gradient for parameter in model.parameters()]
    arrays = [array for layer in model.layers for array in layer.arrays().values()]
    memory = [array for one in model.optimizer.memory.values() for array in one.values() if np.ndim(array)]
    assert {array.dtype.name for array in (*gradients, *arrays, *memory)} == {"float32"}


def test_training_leaves_its_arguments_alone_and_skips_the_gradient_by_the_images():
    images, labels = IMAGES.astype("float32"), LABELS.copy()
    model = compiled()
    model.fit(images, labels)
    assert np.array_equal(images, IMAGES.astype("float32"))
    assert np.array_equal(labels, LABELS)
    gradient = np.ones_like(model.forward(images))
    assert model.backward(gradient).shape == images.shape
    assert model.backward(gradient, input_needed=False) is None
    assert model.layers[0].backward(np.ones((30, 6, 7, 3), "float32")).shape == images.shape


def test_a_training_that_diverges_shows_it_without_a_warning(recwarn):
    model = nn.Sequential([nn.Linear(8), nn.ReLU(), nn.Linear(1)], input_shape=(3,))
    model.compile(nn.SGD(1e6), nn.MSE())
    history = model.fit(np.ones((8, 3)), np.ones((8, 1)), epochs=30)
    assert not np.isfinite(history["loss"][-1]) or history["loss"][-1] > 1e3
    assert not recwarn.list


def test_fit_trains_in_training_mode_and_evaluates_in_the_other():
    model = compiled()
    model.evaluate(IMAGES, LABELS)
    model.predict(IMAGES)
    assert not model.layers[1].moving_mean.any()
    model.fit(IMAGES, LABELS)
    assert model.layers[1].moving_mean.all()


def test_the_summary_counts_as_keras_does(capsys):
    small().summary()
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split() == ["Conv2D", "(None,", "6,", "7,", "3)", "57"]
    assert lines[3].split() == ["BatchNorm", "(None,", "6,", "7,", "3)", "12"]
    assert lines[-1] == "Total: 181 parameters, 175 of them trained"


# ---------------------------------------------------------------------------------------------------- saving, loading


def test_a_loaded_model_predicts_the_same_and_can_be_trained_on(tmp_path):
    model = compiled()
    model.fit(IMAGES, LABELS, epochs=2)
    model.save(tmp_path / "net.npz")
    loaded = nn.Sequential.load(tmp_path / "net.npz")
    assert np.array_equal(loaded.predict(IMAGES), model.predict(IMAGES))
    assert repr(loaded) == repr(model)
    loaded.compile(nn.Adam(), nn.SoftmaxCrossEntropy())
    assert np.isfinite(loaded.fit(IMAGES, LABELS)["loss"][0])


def test_every_layer_comes_back_with_its_arguments(tmp_path):
    layers = [
        nn.Conv2D(2, (3, 2), (2, 1), "same", 0.5), nn.Tanh(), nn.MaxPool2D((2, 1), 1, "same"), nn.BatchNorm(0.5, 0.1),
        nn.Dropout(0.1), nn.Flatten(), nn.ReLU(), nn.Linear(3, lambda shape, rng: rng.normal(size=shape)),
    ]  # fmt: skip
    model = nn.Sequential(layers, input_shape=(6, 7, 2))
    model.save(tmp_path / "any name")
    loaded = nn.Sequential.load(str(tmp_path / "any name"))
    assert list(map(repr, loaded.layers[:-1])) == list(map(repr, layers[:-1]))
    assert np.array_equal(loaded.predict(IMAGES), model.predict(IMAGES))


def rewritten(path, **changes):
    """A saved model's file with some of its entries changed, or left out where the change is None."""
    small().save(path)
    with np.load(path) as file:
        entries = {name: value for name, value in {**file, **changes}.items() if value is not None}
    np.savez(path, **entries)
    return path


def test_files_that_are_not_models_are_refused(tmp_path):
    path = tmp_path / "net.npz"
    for content in (b"", b"not a model", b"PK\x03\x04broken"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="net.npz is not a model that Sequential.save wrote"):
            nn.Sequential.load(path)
    np.savez(path, images=np.zeros(3))
    with pytest.raises(ValueError, match="not a model that Sequential.save wrote"):
        nn.Sequential.load(path)
    np.save(path.with_suffix(".npy"), np.zeros(3))
    with pytest.raises(ValueError, match="not a model that Sequential.save wrote"):
        nn.Sequential.load(path.with_suffix(".npy"))
    with pytest.raises(FileNotFoundError):
        nn.Sequential.load(tmp_path / "missing.npz")


def test_a_file_whose_arrays_do_not_fit_is_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match="other arrays than its layers need: see 0.kernel"):
        nn.Sequential.load(rewritten(tmp_path / "net.npz", **{"0.kernel": np.zeros((3, 3, 2, 4))}))
    with pytest.raises(ValueError, match="see 1.moving_mean"):
        nn.Sequential.load(rewritten(tmp_path / "net.npz", **{"1.moving_mean": None}))
    with pytest.raises(ValueError, match="see 9.bias"):
        nn.Sequential.load(rewritten(tmp_path / "net.npz", **{"9.bias": np.zeros(3)}))


def test_a_file_is_data_and_never_code(tmp_path):
    config = json.dumps({"input_shape": [3], "layers": [["Sequential", {}]]})
    with pytest.raises(ValueError, match="not a model"):
        nn.Sequential.load(rewritten(tmp_path / "net.npz", config=np.array(config)))
    with pytest.raises(ValueError, match="not a model"):
        nn.Sequential.load(rewritten(tmp_path / "net.npz", config=np.array([print], dtype=object)))


def test_a_layer_of_ones_own_is_not_saved(tmp_path):
    class ReLU(nn.ReLU):
        pass

    with pytest.raises(TypeError, match="layer 0, ReLU, is not one of the library's"):
        nn.Sequential([ReLU()], input_shape=(3,)).save(tmp_path / "net.npz")
    assert not (tmp_path / "net.npz").exists()


# ------------------------------------------------------------------------------------------------------------- errors


def dense():
    model = nn.Sequential([nn.Flatten(), nn.Linear(4)], input_shape=(6, 7, 2))
    model.compile(nn.SGD(), nn.SoftmaxCrossEntropy())
    return model


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: small().fit(IMAGES, LABELS), RuntimeError, "compile.* before fit"),
        (lambda: small().evaluate(IMAGES, LABELS), RuntimeError, "compile.* before evaluate"),
        (lambda: small().compile(nn.Adam, nn.MSE()), TypeError, "optimizer is .*Adam.*; it must be an object"),
        (lambda: small().compile(nn.Adam(), "mse"), TypeError, "loss is 'mse'"),
        (lambda: dense().fit(IMAGES[..., :1], LABELS), ValueError, r"\(30, 6, 7, 1\); .*\('examples', 6, 7, 2\)"),
        (lambda: dense().fit(IMAGES[:0], LABELS[:0]), ValueError, "at least one"),
        (lambda: dense().fit(IMAGES, LABELS[1:]), ValueError, "30 images and 29 labels"),
        (lambda: dense().fit(IMAGES, LABELS / 1), TypeError, "the labels are float64.*astype"),
        (lambda: dense().fit(IMAGES, LABELS + 1), ValueError, "from 1 to 4; with 4 outputs they must be from 0 to 3"),
        (lambda: dense().fit(IMAGES, LABELS - 1), ValueError, "from -1 to 2"),
        (lambda: dense().fit(IMAGES, np.eye(4, dtype=int)[LABELS]), ValueError, r"\(30, 4\).*argmax"),
        (lambda: dense().fit(IMAGES, LABELS[:, None]), ValueError, r"\(30, 1\).*reshape\(-1\)"),
        (lambda: dense().fit(IMAGES, LABELS, epochs=1.5), TypeError, "epochs is 1.5"),
        (lambda: dense().fit(IMAGES, LABELS, batch_size=0), ValueError, "batch_size is 0; it must be at least 1"),
        (lambda: dense().predict(IMAGES[0]), ValueError, r"\(6, 7, 2\).*x\[np.newaxis\]"),
        (lambda: nn.MSE().forward(np.zeros((3, 1)), np.zeros(3)), ValueError, r"\(3,\).*\(3, 1\).*reshape\(-1, 1\)"),
        (lambda: nn.SoftmaxCrossEntropy().forward(np.zeros((3, 2, 2)), [0, 1, 0]), ValueError, "scores are"),
        (lambda: nn.Conv2D(0, 3), ValueError, "filters is 0; it must be at least 1"),
        (lambda: nn.Conv2D(3, 3.0), TypeError, "kernel_size is 3.0"),
        (lambda: nn.Conv2D(3, (3, 3, 3)), ValueError, r"kernel_size is \(3, 3, 3\)"),
        (lambda: nn.MaxPool2D(2, 0), ValueError, "strides is 0"),
        (lambda: nn.Sequential([nn.Conv2D(3, 9)], (8, 8, 1)), ValueError, "layer 0, Conv2D.*window of 9.*axis of 8"),
        (lambda: nn.Sequential([nn.Conv2D(3, 3, padding="full")], (8, 8, 1)), ValueError, "padding is 'full'"),
        (lambda: nn.Sequential([nn.Conv2D(3, 3)], (64,)), ValueError, r"needs images, \(height, width, channels\)"),
        (lambda: nn.Sequential([nn.Linear(3)], (8, 8, 1)), ValueError, r"Flatten\(\) first"),
        (lambda: nn.Sequential([nn.Linear(3, "he")], (8,)), ValueError, "kernel_initializer is 'he'"),
        (lambda: nn.Sequential([nn.Linear(3, lambda s, r: np.ones(3))], (8,)), ValueError, r"asked for \(8, 3\)"),
        (lambda: nn.Sequential([nn.ReLU], (8,)), TypeError, "layer 0 is .*ReLU.*; it must be a layer"),
        (lambda: nn.Sequential([nn.ReLU()] * 2, (8,)), ValueError, "different layers"),
        (lambda: nn.Sequential([], (8,)), ValueError, "at least one"),
        (lambda: nn.Dropout(1), ValueError, "rate is 1; it must be at least 0 and below 1"),
        (lambda: nn.BatchNorm(momentum=99), ValueError, "momentum is 99"),
        (lambda: nn.Adam(-1), ValueError, "learning_rate is -1"),
        (lambda: nn.SGD().step([nn.Parameter("bias", np.zeros(3))]), RuntimeError, "bias has no gradient"),
        (lambda: nn.Linear(3).forward(np.zeros((1, 3))), AttributeError, "Linear has no .* once the layer is built"),
        (lambda: nn.ReLU().backward(np.zeros(3)), AttributeError, "ReLU has no 'output'.* after forward"),
        (lambda: dense().layers[1].forward(np.zeros((2, 3))), ValueError, r"given .*\(2, 3\); .*\('batch', 84\)"),
        (lambda: nn.conv2d_forward(np.zeros((1, 8, 8, 3)), np.zeros((3, 3, 2, 4))), ValueError, "same number"),
        (lambda: nn.conv2d_forward(np.zeros((8, 8, 3)), np.zeros((3, 3, 3, 4))), ValueError, "do not fit"),
        (lambda: nn.conv2d_forward(np.ones((1, 8, 8, 2), "uint8"), np.ones((3, 3, 2, 4))), TypeError, "uint8.*float32"),
        (lambda: nn.numerical_gradient(sum, np.arange(3)), TypeError, "x is int64; use"),
        (lambda: nn.Layer().forward(np.zeros(3)), NotImplementedError, "Layer has no forward"),
    ],
)  # fmt: skip
def test_errors_say_what_was_given_and_what_is_expected(call, error, message):
    with pytest.raises(error, match=message):
        call()
