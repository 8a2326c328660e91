"""Answers to chapter 09, as students write them: apart from the references of the checks, on purpose."""

import functools
import math

import numpy as np

from . import made

# --- 09.moving_mean ---------------------------------------------------------------------------------------------------


def moved_in_place(start, batches, momentum):
    for batch in batches:
        start *= momentum
        start += (1 - momentum) * batch.mean((0, 1, 2))
    return start


def mean_by_pulls(start, batches, momentum):
    """Each batch pulls the average towards its own mean."""
    average = list(start)
    for batch in batches:
        flat = batch.reshape(-1, batch.shape[-1])
        average = [old + (1 - momentum) * (new - old) for old, new in zip(average, flat.mean(axis=0), strict=True)]
    return np.array(average)


def mean_of_keras(start, batches, momentum):
    """What Keras' own layer keeps."""
    import keras

    layer = keras.layers.BatchNormalization(momentum=momentum)
    layer.build((None, None, None, len(start)))
    layer.moving_mean.assign(start)
    for batch in batches:
        layer(batch.astype("float32"), training=True)
    return np.array(keras.ops.convert_to_numpy(layer.moving_mean))


# --- 09.freeze_first --------------------------------------------------------------------------------------------------


def is_norm(layer):
    import keras

    return isinstance(layer, keras.layers.BatchNormalization)


def by_lists(base, count):
    """The layers that count in a list of their own, and then two loops."""
    base.trainable = True
    for layer in base.layers:
        layer.trainable = not is_norm(layer)
    counted = [layer for layer in base.layers if layer.weights and not is_norm(layer)]
    for layer in counted[:count]:
        layer.trainable = False
    return base


def new_model_same_layers(base, count):
    import keras

    by_lists(base, count)
    return keras.Model(base.inputs, base.outputs)


def counts_one(layer):
    return bool(layer.weights) and not is_norm(layer)


def freezing(counts=counts_one, norm=True, first=True, last=None, before=None):
    """By one loop, with mistakes: which layers count, whether normalisation stays, what is said of the whole base."""

    def freeze_first(base, count):
        if before is not None:
            base.trainable = before
        place = 0
        for layer in base.layers:
            layer.trainable = place >= count if first else place < count
            if norm and is_norm(layer):
                layer.trainable = False
            place += int(counts(layer))
        if last is not None:
            base.trainable = last
        return base

    return freeze_first


def by_slice(base, count):
    """All layers are counted, in a slice."""
    base.trainable = True
    for layer in base.layers[count if isinstance(count, slice) else slice(count)]:
        layer.trainable = False
    return base


def a_copy(base, count):
    import keras

    return by_lists(keras.models.clone_model(base), count)


def without_return(base, count):
    by_lists(base, count)


def in_inference(base, count):
    """Who mistakes `trainable` for something to be set on weights."""
    by_lists(base, count)
    base.set_weights([np.zeros_like(weight) for weight in base.get_weights()])
    return base


def backwards(base, count, negative=False):
    """The last ones stay."""
    by_lists(base, 0)
    counted = [layer for layer in base.layers if layer.weights and not is_norm(layer)]
    for layer in counted[-count if negative else len(counted) - count :]:
        layer.trainable = False
    return base


def only_freezing(base, count):
    """Nothing is told that it learns, unless the whole base was frozen."""
    if not base.trainable:
        base.trainable = True
    counted = [layer for layer in base.layers if layer.weights and not is_norm(layer)]
    for layer in [*counted[:count], *filter(is_norm, base.layers)]:
        layer.trainable = False
    return base


def misspelt(base, count):
    base.trainable = True
    for layer in base.layers[:count]:
        layer.trainabel = False
    return base


# --- 09.rate_at -------------------------------------------------------------------------------------------------------


def rate_by_pieces(step, steps, warmup, peak):
    if step < warmup:
        return float(np.interp(step, [0, warmup], [0, peak]))
    return peak * lowered(step - warmup, steps - warmup)


def lowered(step, steps):
    return math.cos(math.pi / 2 * step / steps) ** 2


def rate_of_keras(step, steps, warmup, peak):
    import keras

    schedule = keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else peak, steps - warmup, warmup_target=peak if warmup else None, warmup_steps=warmup
    )
    return float(schedule(step))


def rate_with_division_first(step, steps, warmup, peak):
    rising = step / warmup
    falling = (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))) / 2
    return peak * min(rising, falling)


def smaller_of_two(step, steps, warmup, peak):
    rising = step / warmup if warmup else 1
    falling = (1 + math.cos(math.pi * step / steps)) / 2
    return peak * min(rising, falling)


# --- 09.early_stop ----------------------------------------------------------------------------------------------------


def stop_by_prefix(val_losses, patience):
    """Look back from each epoch."""
    for epoch in range(len(val_losses)):
        best = int(np.argmin(val_losses[: epoch + 1]))
        if epoch - best >= patience:
            return epoch, best
    return len(val_losses) - 1, int(np.argmin(val_losses))


def stop_of_keras(val_losses, patience):
    """What Keras' callback does, driven by hand."""
    import keras

    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    callback = keras.callbacks.EarlyStopping("val_loss", patience=patience, restore_best_weights=True)
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, loss in enumerate(val_losses):
        callback.on_epoch_end(epoch, {"val_loss": loss})
        if model.stop_training:
            break
    return epoch, callback.best_epoch


# --- 09.top_k ---------------------------------------------------------------------------------------------------------


def top_k_by_sorting(probabilities, k):
    return np.array([sorted(range(len(row)), key=lambda i: (-row[i], i))[:k] for row in probabilities])


def top_k_one_by_one(probabilities, k):
    left, found = np.array(probabilities, dtype=float), []
    for _ in range(k):
        found.append(left.argmax(axis=1))
        left[np.arange(len(left)), found[-1]] = -1
    return np.stack(found, axis=1)


# --- 09.repaired ------------------------------------------------------------------------------------------------------


def script(*stages, norm_learns=False, base_of=lambda base: base, outputs=4, returns=lambda model: model):
    """Stages of (whether the base learns, rate, epochs, images in a batch), as in the exercise."""

    def repaired(base, images, labels, fit):
        import keras

        base = base_of(base)
        model = keras.Sequential([base, keras.layers.Dense(outputs, activation="softmax")])
        for learns, rate, epochs, batch_size in stages:
            base.trainable = learns
            for layer in base.layers:
                layer.trainable = learns and (norm_learns or not is_norm(layer))
            fit(model, images, labels, rate, epochs, batch_size)
        return returns(model)

    return repaired


def new_weights(base):
    import keras

    return keras.models.clone_model(base)


def with_a_loop(base, images, labels, fit):
    """`fit` for the classifier; for the base a loop of the student's own, with plain gradient descent."""
    import keras

    model = script(HEAD)(base, images, labels, fit)
    base.trainable = True
    for layer in base.layers:
        layer.trainable = not is_norm(layer)
    model.compile(keras.optimizers.SGD(0.003), "sparse_categorical_crossentropy", jit_compile=False)
    for _ in range(10):
        for start in range(len(images)):
            model.train_on_batch(images[start : start + 1], labels[start : start + 1])
    return model


def with_unfreeze(base, images, labels, fit):
    import keras

    from course_utils import models

    model = script(HEAD)(base, images, labels, fit)
    assert isinstance(model, keras.Model)
    models.unfreeze(model)
    fit(model, images, labels, 1e-3, 10, 1)
    return model


def protected(by):
    """Averages that stay, by a momentum near 1 or put back afterwards, of layers that learn."""

    def repaired(base, images, labels, fit):
        import keras

        base.trainable = False
        model = keras.Sequential([base, keras.layers.Dense(4, activation="softmax")])
        fit(model, images, labels, rate=1e-2, epochs=20)
        base.trainable = True
        norms = [layer for layer in base.layers if is_norm(layer)]
        kept = [norm.get_weights() for norm in norms]
        if by == "momentum":
            for norm in norms:
                norm.momentum = 0.999999
        fit(model, images, labels, rate=1e-3, epochs=10, batch_size=1)
        if by == "weights":
            for norm, weights in zip(norms, kept, strict=True):
                norm.set_weights(weights)
        return model

    return repaired


def only_normalisation(base, images, labels, fit):
    """The condition the wrong way round."""
    model = script(HEAD)(base, images, labels, fit)
    base.trainable = True
    for layer in base.layers:
        layer.trainable = is_norm(layer)
    fit(model, images, labels, 1e-3, 10, 1)
    return model


HEAD = (False, 1e-2, 20, 8)
GENTLE = (True, 1e-3, 10, 1)

# --- 09.your_own ------------------------------------------------------------------------------------------------------


@functools.cache
def _shapes():
    from course_utils.datasets.drawn import draw

    return draw(400, 32, seed=1)


def on_small_vgg(
    rate=None, epochs=8, from_layer=None, first=None, falling=False, outputs=10, activation="softmax", scale=1
):  # fmt: skip
    """A model on the small VGG: the classifier trained for `first` epochs, then the layers from one on."""

    @made
    def make():
        import keras

        from course_utils import models

        keras.utils.set_random_seed(1)
        images, labels = _shapes().images.astype("float32") * scale, _shapes().labels
        base = models.pretrained_base("small_vgg", input_shape=(32, 32, 3))
        base.trainable = False
        model = keras.Sequential([base, keras.layers.Dense(outputs, activation=activation)])
        loss = "sparse_categorical_crossentropy"
        if first:
            model.compile(keras.optimizers.Adam(1e-2), loss, jit_compile=False)
            model.fit(images, labels, epochs=first, verbose=0)
        if rate:
            if scale == 1:
                models.unfreeze(model, from_layer)
            else:  # by hand: the `fit` that `unfreeze` leaves refuses divided pixels
                base.trainable = True
            steps = keras.optimizers.schedules.CosineDecay(rate, epochs * 13) if falling else rate
            model.compile(keras.optimizers.Adam(steps), loss, jit_compile=False)
            model.fit(images, labels, epochs=epochs, verbose=0)
        return model

    return make


@made
def without_a_base():
    import keras

    parts = [keras.Input((32, 32, 3)), keras.layers.Flatten(), keras.layers.Dense(10, activation="softmax")]
    return keras.Sequential(parts)


WRONG = {
    "09.frozen": [
        ("dropout", "not a choice"),
        (True, "not a choice"),
    ],
    "09.one_image": [
        ((4.0, 0.0, 4.0), "beta forgotten"),
        ((2.5, 0.5, 2.5), "gamma forgotten"),
        ((2 * 6 / 9 + 0.5, 0.5, 2 * 6 / 9 + 0.5), "no root"),
        ((4.5, float("nan"), 4.5), "not a number"),
        ((4.5, 0.5, 16.0), "other"),
        ((4.5, 0.5), "shape"),
        (4.5, "wrong type"),
    ],
    "09.moving_mean": [
        (moved_in_place, "input changed"),
        (lambda start, batches, momentum: mean_by_pulls(start, batches, 1 - momentum), "momentum exchanged"),
        (lambda start, batches, momentum: mean_by_pulls(start, batches, momentum).tolist(), "list for array"),
        (lambda start, batches, momentum: mean_by_pulls(start, batches[::-1], momentum), "other"),
        (lambda start, batches, momentum: start, "start itself"),
        (0.5, "wrong type"),
    ],
    "09.half_gone": [
        (math.log(0.5) / math.log(0.99), "no whole batches"),
        (0.99**50, "what is left"),
        (7, "other"),
        ("69 batches", "wrong type"),
    ],
    "09.freeze_first": [
        (by_slice, "all layers counted"),
        (lambda base, count: by_lists(base, max(count - 2, 0)), "other"),
        (freezing(before=True, norm=False), "batch normalisation learns"),
        (freezing(before=True, norm=False, counts=lambda layer: bool(layer.weights)), "batch normalisation counted"),
        (freezing(before=True, counts=lambda layer: True), "all layers counted"),
        (freezing(before=True, first=False), "the first learn"),
        (lambda base, count: by_lists(base, count + 1), "one too many"),
        (lambda base, count: by_lists(base, max(count - 1, 0)), "one too few"),
        (backwards, "the last stay"),
        (lambda base, count: backwards(base, count, negative=True), "the last stay"),
        (freezing(before=False, last=False), "nothing learns"),
        (freezing(last=True), "everything learns"),
        (misspelt, "everything learns"),
        (freezing(), "frozen before"),
        (freezing(before=True, counts=lambda layer: not is_norm(layer)), "all layers counted"),
        (freezing(before=True, counts=lambda layer: len(layer.weights) * (not is_norm(layer))), "arrays counted"),
        (lambda base, count: by_slice(base, slice(count, None)), "the first learn"),
        (lambda base, count: by_slice(base, slice(-count, None)), "the last stay"),
        (only_freezing, "called again"),
        (a_copy, "another base"),
        (in_inference, "weights changed"),
        (without_return, "no return"),
        (lambda base, count: base.layers[:count], "wrong type"),
        (3, "wrong type"),
    ],
    "09.rate_at": [
        (rate_with_division_first, "stopped"),
        (smaller_of_two, "cosine from the first step"),
        (lambda step, steps, warmup, peak: peak, "other"),
        (lambda step, steps, warmup, peak: rate_by_pieces(step, steps, warmup, 1.0), "a share"),
        (lambda step, steps, warmup, peak: round(rate_by_pieces(step, steps, warmup, peak), 3), "other"),
    ],
    "09.early_stop": [
        (lambda val_losses, patience: stop_by_prefix(val_losses, patience)[0], "wrong type"),
        (lambda val_losses, patience: stop_by_prefix(val_losses, patience)[::-1], "exchanged"),
        (lambda val_losses, patience: stop_by_prefix(val_losses, patience + 1), "one epoch too late"),
        (lambda val_losses, patience: (len(val_losses) - 1, int(np.argmin(val_losses))), "never"),
        (lambda val_losses, patience: (stop_by_prefix(val_losses, patience)[0], min(val_losses)), "float for int"),
    ],
    "09.top_k": [
        (lambda probabilities, k: [tuple(row) for row in top_k_by_sorting(probabilities, k)], "list for array"),
        (lambda probabilities, k: top_k_by_sorting(probabilities, k).astype(float), "float for int"),
        (lambda probabilities, k: top_k_by_sorting(probabilities, k) + 1, "counted from 1"),
        (lambda probabilities, k: np.sort(top_k_by_sorting(probabilities, k), axis=1), "by number"),
        (lambda probabilities, k: probabilities.argmax(axis=1), "shape"),
        (lambda probabilities, k: np.argsort(-probabilities)[:, :k], "ties in any order"),
        (lambda probabilities, k: np.argsort(probabilities)[:, : -k - 1 : -1], "ties from the end"),
        (lambda probabilities, k: np.argsort(probabilities)[:, :-k:-1], "one too few"),
        (lambda probabilities, k: np.argsort(probabilities)[::-1, :k], "images turned"),
    ],
    "09.runs": [
        (4 * ["nothing is wrong"], "one for all"),
        (["A", "B", "C", "D"], "not a choice"),
        (
            [
                "the classifier was still random",
                "nothing is wrong",
                "the rate stayed too high",
                "batch normalisation learned",
            ],
            "A and C exchanged",
        ),
        (
            [
                "batch normalisation learned",
                "nothing is wrong",
                "the classifier was still random",
                "the rate stayed too high",
            ],
            "normalisation elsewhere",
        ),
        (
            [
                "nothing is wrong",
                "the rate stayed too high",
                "the classifier was still random",
                "batch normalisation learned",
            ],
            "ill health",
        ),
        ("nothing is wrong", "wrong type"),
        (["the rate stayed too high"], "shape"),
        (dict.fromkeys("ABCD", "nothing is wrong"), "one for all"),
        ({"A": "nothing is wrong"}, "wrong type"),
    ],
    "09.repaired": [
        (script(HEAD, GENTLE, norm_learns=True), "averages moved"),
        (script(HEAD, (True, 1e-2, 10, 8)), "forgotten"),
        (script((True, 1e-2, 10, 8)), "forgotten"),
        (script(HEAD), "only the classifier"),
        (only_normalisation, "only batch normalisation"),
        (script(HEAD, (True, 1e-7, 10, 1)), "tiny steps"),
        (protected("momentum"), "batches in fit"),
        (protected("weights"), "batches in fit"),
        (script(HEAD, (True, 1e-3, 40, 40)), "memory"),
        (script(HEAD, GENTLE, base_of=new_weights), "another base"),
        (script((True, 1e-5, 1, 8)), "accuracy"),
        (script((False, 1e-2, 1, 8), returns=lambda model: None), "no return"),
        (script((False, 1e-2, 1, 8), returns=lambda model: model.layers), "wrong type"),
        (script((False, 1e-2, 1, 8), outputs=10), "output shape"),
        (np.zeros(3), "wrong type"),
    ],
    "09.your_own": [
        (on_small_vgg(), "guessing"),
        (on_small_vgg(first=10, rate=1e-4, epochs=1, from_layer="block5_conv1"), "accuracy"),
        (on_small_vgg(first=10), "base at rest"),
        (on_small_vgg(first=10, rate=1e-3, scale=1 / 255), "guessing"),
        (on_small_vgg(rate=1e-3, first=10, falling=True), "forgotten"),
        (without_a_base, "another base"),
        (on_small_vgg(outputs=4), "output shape"),
        (on_small_vgg(activation=None), "no probabilities"),
        (on_small_vgg, "wrong type"),
    ],
}

RIGHT = {
    "09.frozen": ["Batch normalisation only.", "batch_normalisation only"],
    "09.one_image": [[4.5, 0.5, 4.5], np.array([4.4993, 0.5, 4.4993])],
    "09.moving_mean": [mean_by_pulls, mean_of_keras],
    "09.half_gone": [math.ceil(math.log(0.5, 0.99)), 69.0],
    "09.freeze_first": [by_lists, new_model_same_layers, freezing(before=True)],
    "09.rate_at": [rate_by_pieces, rate_of_keras],
    "09.early_stop": [stop_by_prefix, stop_of_keras],
    "09.top_k": [top_k_by_sorting, top_k_one_by_one],
    "09.runs": [
        (
            "The rate stayed too high",
            "Nothing is wrong.",
            "The classifier was still random",
            "Batch normalization learned",
        ),
        {
            "D": "batch normalisation learned",
            "A": "the rate stayed too high",
            "B": "nothing is wrong",
            "C": "the classifier was still random",
        },
    ],
    "09.repaired": [script(HEAD, GENTLE), with_a_loop, with_unfreeze],
    "09.your_own": [
        on_small_vgg(rate=1e-3, from_layer="block5_conv1", first=10, falling=True),
        on_small_vgg(rate=3e-4, first=10, falling=True),
    ],
}
