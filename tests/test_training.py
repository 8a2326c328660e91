"""Training runs: seeded, timed, reported in one line."""

import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from course_utils import training
from tests.backends import INSTALLED, output_on


def fit_line(progress, epochs=3):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    rng = np.random.default_rng(0)
    history = model.fit(
        rng.normal(size=(8, 2)), np.ones(8), epochs=epochs, verbose=0, callbacks=[progress],
        validation_data=(np.ones((2, 2)), np.ones(2)),
    )  # fmt: skip
    return model, history


def test_a_seed_gives_the_same_training_again_and_another_seed_another():
    first, again, other = (training.train("line", fit_line, seeds=[seed])[0] for seed in (0, 0, 1))
    assert first.history == again.history
    assert first.history["loss"] != other.history["loss"]


def test_runs_come_in_the_order_of_their_seeds_with_all_that_fit_recorded():
    runs = training.train("line", fit_line, seeds=[5, 3])
    assert [run.seed for run in runs] == [5, 3]
    assert set(runs[0].history) == {"loss", "val_loss"}
    assert all(len(run.epoch_seconds) == 3 for run in runs)
    assert all(run.undisturbed_seconds <= sum(run.epoch_seconds) + 1e-9 <= run.seconds + 1e-9 for run in runs)


TARGETS = {"number": np.arange(8) % 3, "place": np.ones((8, 2), "float32")}
COMPILED = {
    "number": {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]},
    "both": {"loss": {"number": "sparse_categorical_crossentropy", "place": "mse"}},
}


def compiled(outputs, steps):
    """A small network that keeps a list of how often its training step is run by Python."""

    class Counted(keras.Model):
        def train_step(self, *args, **kwargs):
            steps.append(1)
            return super().train_step(*args, **kwargs)

    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    found = {
        "number": keras.layers.Dense(3, activation="softmax", name="number")(inputs),
        "place": keras.layers.Dense(2, name="place")(inputs),
    }
    model = Counted(inputs, found if outputs == "both" else found[outputs])
    model.compile(keras.optimizers.Adam(0.1), **COMPILED[outputs])
    return model


@pytest.mark.parametrize("outputs", COMPILED)
def test_a_built_model_is_traced_once_and_trains_as_it_would_have(outputs):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("only TensorFlow traces again where variables were created")
    targets = TARGETS if outputs == "both" else TARGETS[outputs]
    x = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
    found = {}
    for built in (False, True):
        steps = []
        model = compiled(outputs, steps)
        if built:
            training.build(model, targets)
        found[built] = model.fit(x, targets, epochs=2, batch_size=4, verbose=0).history, len(steps)
    assert found[True][0] == found[False][0]
    assert (found[False][1], found[True][1]) == (2, 1)


def test_a_model_without_shapes_is_left_to_its_first_step():
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("adam", "mse")
    training.build(model, np.ones(4))
    assert not model.built


def test_a_model_that_was_trained_already_is_left_as_it_is(monkeypatch):
    model = compiled("number", [])
    model.fit(np.ones((8, 4), "float32"), TARGETS["number"], verbose=0)
    monkeypatch.setattr(model, "compute_loss", lambda **_: pytest.fail("built once more"))
    training.build(model, TARGETS["number"])


def test_progress_builds_the_optimizer_before_the_first_step():
    built = []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            built.append(self.model.optimizer.built)

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    model.fit(np.ones((4, 2)), np.ones(4), verbose=0, callbacks=[training.OneLineProgress("line"), Watch()])
    assert built == [True]


@pytest.mark.parametrize(
    ("loss", "outputs", "activation", "places"),
    [
        ("sparse_categorical_crossentropy", 3, "softmax", ()),
        (keras.losses.SparseCategoricalCrossentropy(), 3, "softmax", (2, 2)),
        (keras.losses.CategoricalCrossentropy(label_smoothing=0.1), 3, "softmax", ()),
        ("binary_crossentropy", 1, "sigmoid", ()),
        (keras.losses.BinaryFocalCrossentropy(), 1, "sigmoid", ()),
        ("mse", 1, None, ()),
    ],
)
def test_progress_builds_the_metrics_of_a_known_loss_and_changes_no_result(loss, outputs, activation, places):
    random = np.random.default_rng(0)
    x = random.normal(size=(8, *places, 4)).astype("float32")
    y = random.integers(0, max(outputs, 2), (8, *places))
    if "sparse" not in str(loss).lower():
        y = keras.utils.to_categorical(y, 3) if outputs == 3 else y.astype("float32")
    results = []
    for callbacks in ([], [training.OneLineProgress("line")]):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((*places, 4)), keras.layers.Dense(outputs, activation=activation)])
        model.compile(keras.optimizers.Adam(0.1), loss, metrics=["accuracy"])
        history = model.fit(x, y, epochs=3, batch_size=4, verbose=0, validation_data=(x, y), callbacks=callbacks)
        results.append(history.history)
    assert results[0] == results[1]


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="only TensorFlow traces again")
def test_with_progress_a_classifier_is_traced_once():
    steps = []
    model = compiled("number", steps)
    model.fit(np.ones((8, 4), "float32"), TARGETS["number"], verbose=0, callbacks=[training.OneLineProgress("line")])
    assert len(steps) == 1


def test_a_slow_epoch_does_not_count_for_undisturbed_seconds():
    run = training.Run("line", 0, None, {}, 10.0, (1.0, 7.0, 1.5))
    assert run.undisturbed_seconds == 3.0
    assert training.Run("line", 0, None, {}, 10.0).undisturbed_seconds == 10.0


@pytest.mark.parametrize("shell", [None, object()], ids=["python", "ipython in a terminal"])
def test_progress_is_one_line_with_what_matters(shell, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    training.train("line", fit_line)
    shown = capsys.readouterr().out
    assert shown.count("\n") == 1
    last = shown.rstrip("\n").split("\r")[-1]
    assert last.startswith("line: epoch 3 of 3, ")
    assert "loss" in last
    assert "validation loss" in last


def test_a_fit_that_forgets_to_return_is_told_what_is_missing():
    with pytest.raises(TypeError, match=r"fit returned NoneType; expected \(model, what model.fit returned\)"):
        training.train("line", lambda progress: None)


def test_a_spread_shows_its_range_only_where_there_is_one():
    assert str(training.spread([0.5])) == "0.500"
    assert str(training.spread([0.4, 0.6])) == "0.500 (0.400 to 0.600)"
    with pytest.raises(ValueError, match="at least one seed"):
        training.spread([])


def test_a_policy_ends_with_its_block_even_after_an_error():
    before = keras.config.dtype_policy().name

    def fail():
        with training.dtype_policy("mixed_bfloat16"):
            raise RuntimeError(keras.layers.Dense(1).compute_dtype)

    with pytest.raises(RuntimeError, match="bfloat16"):
        fail()
    assert keras.config.dtype_policy().name == before


@pytest.mark.parametrize(("seconds", "policy"), [((1.0, 0.5), "mixed_bfloat16"), ((1.0, 0.95), "float32")])
def test_the_fastest_policy_is_taken_only_where_it_clearly_is(seconds, policy, monkeypatch):
    now = [0.0]
    seconds = iter(seconds)

    def step(self, images, labels):
        if not hasattr(self, "compiled_once"):
            self.compiled_once, self.step_seconds = True, next(seconds)
        now[0] += self.step_seconds

    monkeypatch.setattr(keras.Sequential, "train_on_batch", step)
    monkeypatch.setattr(training.time, "perf_counter", lambda: now[0])
    assert training.fastest_policy() == policy


def test_both_policies_are_timed_in_turn_so_that_a_load_which_comes_later_hits_both(monkeypatch):
    now, steps = [0.0], []

    def step(self, images, labels):
        steps.append(self.layers[0].compute_dtype)
        now[0] += 1.0 if self.layers[0].compute_dtype == "float32" else 0.8
        now[0] += 5.0 if len(steps) > 4 else 0.0  # after the first round, another program starts

    monkeypatch.setattr(keras.Sequential, "train_on_batch", step)
    monkeypatch.setattr(training.time, "perf_counter", lambda: now[0])
    assert training.fastest_policy(repeats=3) == "mixed_bfloat16"
    assert steps[2:] == ["float32", "bfloat16"] * 3  # after one step of each, which compiles


PIXELS = """
import keras, numpy as np
from course_utils import training
images, labels = np.random.default_rng(0).random((4, 8, 8, 3), "float32"), np.arange(256).reshape(4, 8, 8) % 5 % 3
model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(3, 3, padding="same", activation="softmax")])
model.compile(keras.optimizers.SGD(0.0), "sparse_categorical_crossentropy")
loss = model.fit(images, labels, verbose=0).history["loss"][0]
answers = model.predict(images, verbose=0)
wanted = -np.log(np.take_along_axis(answers, labels[..., None], -1)[..., 0])
from_arrays = keras.ops.convert_to_numpy(keras.losses.sparse_categorical_crossentropy(labels, answers))
print(abs(loss - wanted.mean()) < 1e-5, np.abs(from_arrays - wanted).max() < 1e-4)
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", INSTALLED)
def test_a_class_for_each_pixel_is_learned_on_every_backend(backend):
    assert output_on(backend, PIXELS) == ["True True"]


AUGMENTED = """
import keras, numpy as np
from keras import layers
from course_utils import training

images = np.random.default_rng(0).uniform(size=(8, 16, 16, 3)).astype("float32")
for make in (
    lambda: layers.RandomPerspective(1.0), lambda: layers.RandomRotation(0.2), lambda: layers.RandomShear(0.2, 0.2),
    lambda: layers.RandomTranslation(0.2, 0.2), lambda: layers.RandomZoom(0.2),
):
    found = []
    for eagerly in (False, True):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((16, 16, 3)), make(), layers.Flatten(), layers.Dense(1)])
        model.compile("sgd", "mse", run_eagerly=eagerly)
        model.fit(images, np.ones(8), epochs=2, batch_size=4, verbose=0)
        found.append((model.jit_compile, model.get_weights()[0]))
    (compiled, weights), (_, wanted) = found
    print(compiled, np.allclose(weights, wanted, atol=1e-5))
"""


@pytest.mark.slow
@pytest.mark.skipif("jax" not in INSTALLED, reason="JAX is not installed")
def test_networks_with_augmentation_layers_are_compiled_on_jax_and_learn_the_same():
    assert output_on("jax", AUGMENTED) == ["True True"] * 5
