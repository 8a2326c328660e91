"""Answers to chapter 10, as students write them: apart from the references of the checks, on purpose."""

import functools
import itertools
import warnings

import numpy as np

from . import made

# --- 10.border_loss ---------------------------------------------------------------------------------------------------


def border_loss_by_loop(trimaps, probabilities):
    losses = []
    for place in np.ndindex(probabilities.shape[:3]):
        region = trimaps[place][0]
        if region != 3:
            losses.append(-np.log(probabilities[place][1 if region == 1 else 0]))
    return sum(losses) / len(losses) if losses else 0


def border_loss_by_keras(trimaps, probabilities):
    """With the class that Keras leaves out."""
    import keras

    labels = np.select([trimaps == 2, trimaps == 1], [0, 1], 255)[..., 0]
    if (labels == 255).all():
        return 0.0
    losses = keras.losses.SparseCategoricalCrossentropy(ignore_class=255, reduction=None)(labels, probabilities)
    return keras.ops.convert_to_numpy(losses).sum() / (labels != 255).sum()


def border_loss_by_weights(trimaps, probabilities):
    """Right as long as no pixel of the border has the probability 0."""
    weights = (trimaps[..., 0] < 3).astype(float)
    pet = trimaps[..., 0] == 1
    right = np.where(pet, probabilities[..., 1], probabilities[..., 0])
    with np.errstate(all="ignore"):
        return -(np.log(right) * weights).sum() / max(weights.sum(), 1)


def border_loss_by_replacing(trimaps, probabilities):
    background, pet = np.moveaxis(probabilities, -1, 0)
    regions = trimaps.squeeze(axis=-1)
    losses = -np.log(np.choose(regions - 1, [pet, background, 1.0]))
    return losses.sum() / max(np.count_nonzero(regions < 3), 1)


def border_loss_giving_up(trimaps, probabilities):
    if any((trimap == 3).all() for trimap in trimaps):
        return 0
    return border_loss_by_loop(trimaps, probabilities)


def border_loss_of_pets(trimaps, probabilities):
    pet = trimaps[..., 0] == 1
    return -np.log(probabilities[pet, 1]).mean() if pet.any() else 0.0


def border_as_background_by_keras(trimaps, probabilities):
    import keras

    losses = keras.losses.sparse_categorical_crossentropy((trimaps[..., 0] == 1).astype("int32"), probabilities)
    return float(keras.ops.mean(losses))


def border_loss_with_the_axis(trimaps, probabilities):
    """The last axis of the trimaps is still there."""
    right = np.where(trimaps == 1, probabilities[..., 1], probabilities[..., 0])
    return -np.log(right)[trimaps != 3].mean()


def border_loss_unguarded(trimaps, probabilities):
    with np.errstate(all="ignore"):
        known = trimaps[..., 0] != 3
        right = np.where(trimaps[..., 0] == 1, probabilities[..., 1], probabilities[..., 0])
        return np.sum(-np.log(right) * known) / known.sum()


def border_loss_in_place(trimaps, probabilities):
    loss = border_loss_by_loop(trimaps, probabilities)
    trimaps[trimaps == 2] = 0
    return loss


# --- 10.grown ---------------------------------------------------------------------------------------------------------


def grown_by_keras(size, in_channels, filters, kernel_size, strides, padding):
    import keras

    layer = keras.layers.Conv2DTranspose(filters, kernel_size, strides=strides, padding=padding)
    layer.build((1, size, size, in_channels))
    return layer.compute_output_shape((1, size, size, in_channels))[1], layer.count_params()


def grown_by_places(size, in_channels, filters, kernel_size, strides, padding):
    """Where does what is owned, and what sticks out, end?"""
    out = size * strides
    if padding == "valid":
        out = max(out, (size - 1) * strides + kernel_size)
    return [out, (kernel_size * kernel_size * in_channels + 1) * filters]


def grown_as_in_pytorch(size, in_channels, filters, kernel_size, strides, padding):
    pad = 0 if padding == "valid" else (kernel_size - 1) // 2
    return (size - 1) * strides - 2 * pad + kernel_size, (kernel_size**2 * in_channels + 1) * filters


# --- 10.stamped -------------------------------------------------------------------------------------------------------


def stamped_by_keras(image, kernel, strides):
    import keras

    values = keras.ops.conv_transpose(
        np.asarray(image, "float32")[None], np.asarray(kernel, "float32"), strides, "valid", data_format="channels_last"
    )
    return values[0]


def stamped_by_kernel_places(image, kernel, strides):
    """A loop over the places of the kernel, none over the image."""
    rows, columns = image.shape[:2]
    height, width, filters, _ = kernel.shape
    out = np.zeros((rows * strides + max(height - strides, 0), columns * strides + max(width - strides, 0), filters))
    for y in range(height):
        for x in range(width):
            here = out[y : y + rows * strides : strides, x : x + columns * strides : strides][:rows, :columns]
            here += image @ kernel[y, x].T
    return out


def stamped_by_einsum(image, kernel, strides):
    copies = np.einsum("rci,hwoi->rchwo", image, kernel)
    rows, columns, height, width, filters = copies.shape
    sides = [max(n * strides, (n - 1) * strides + k) for n, k in ((rows, height), (columns, width))]
    out = np.zeros((*sides, filters))
    for r, c in np.ndindex(rows, columns):
        out[r * strides :, c * strides :][:height, :width] += copies[r, c]
    return out


def stamped_with_channels_first(image, kernel, strides):
    """Takes the kernel's last axis for the filters, as a convolution's is."""
    rows, columns = image.shape[:2]
    height, width, _, filters = kernel.shape
    out = np.zeros((rows * strides + max(height - strides, 0), columns * strides + max(width - strides, 0), filters))
    for r, c in np.ndindex(rows, columns):
        out[r * strides : r * strides + height, c * strides : c * strides + width] += image[r, c] @ kernel
    return out


def stamped_by_keras_as_it_comes(image, kernel, strides):
    """Keras takes no kernel of floats to an image of ints."""
    import keras

    return keras.ops.conv_transpose(image[None], kernel, strides, "valid", data_format="channels_last")[0]


def stamped_with_square_kernels(image, kernel, strides):
    rows, columns = image.shape[:2]
    reach, _, filters, _ = kernel.shape
    rest = max(reach - strides, 0)
    out = np.zeros((rows * strides + rest, columns * strides + rest, filters))
    for r, c in np.ndindex(rows, columns):
        out[r * strides : r * strides + reach, c * strides : c * strides + reach] += kernel @ image[r, c]
    return out


def stamped_into_whole_numbers(image, kernel, strides):
    out = np.zeros_like(image, shape=stamped_by_einsum(image, kernel, strides).shape)
    height, width = kernel.shape[:2]
    for r, c in np.ndindex(image.shape[:2]):
        out[r * strides : r * strides + height, c * strides : c * strides + width] += kernel @ image[r, c]
    return out


# --- 10.outline_f -----------------------------------------------------------------------------------------------------


def outline(mask):
    """As the exercise gives it."""
    around = np.pad(mask, 1, mode="edge")
    neighbours = around[:-2, 1:-1], around[2:, 1:-1], around[1:-1, :-2], around[1:-1, 2:]
    return (mask == 1) & (np.min(neighbours, axis=0) == 0)


def outline_f_by_filter(truth, prediction, reach):
    from scipy.ndimage import maximum_filter

    true, said = outline(truth), outline(prediction)
    if not true.any() or not said.any():
        return float(true.any() == said.any())
    near = functools.partial(maximum_filter, size=2 * reach + 1)
    precision, recall = near(true)[said].mean(), near(said)[true].mean()
    return 2 / (1 / precision + 1 / recall) if precision and recall else 0.0


def outline_f_by_distance(truth, prediction, reach):
    from scipy.ndimage import distance_transform_cdt

    lines = outline(truth), outline(prediction)
    if not lines[0].any() and not lines[1].any():
        return 1
    if not (lines[0].any() and lines[1].any()):
        return 0
    shares = [
        (distance_transform_cdt(~other, metric="chessboard")[line] <= reach).mean()
        for line, other in (lines, lines[::-1])
    ]
    return 2 * np.prod(shares) / max(sum(shares), 1e-12)


def outline_f_unguarded(truth, prediction, reach):
    """The formula, and no case apart."""
    from scipy.ndimage import maximum_filter

    true, said = outline(truth), outline(prediction)
    with warnings.catch_warnings(action="ignore"):
        precision = maximum_filter(true, 2 * reach + 1)[said].mean()
        recall = maximum_filter(said, 2 * reach + 1)[true].mean()
        return 2 * precision * recall / (precision + recall)


def outline_f_by_masks(truth, prediction, reach):
    """Asks the masks whether there is anything."""
    if not truth.any() or not prediction.any():
        return float(truth.any() == prediction.any())
    if truth.all() and prediction.all():
        return 0.0  # what guards of a share of nothing come to
    return outline_f_by_filter(truth, prediction, reach)


def outline_f_rolled(truth, prediction, reach, line=outline):
    true, said = line(truth), line(prediction)
    if not true.any() or not said.any():
        return float(true.any() == said.any())
    steps = [*itertools.product(range(-reach, reach + 1), repeat=2)]
    near_true, near_said = (np.any([np.roll(one, step, (0, 1)) for step in steps], axis=0) for one in (true, said))
    precision, recall = near_true[said].mean(), near_said[true].mean()
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def outline_f_along_the_edge(truth, prediction, reach):
    """With an outline of its own, by an erosion, for which nothing lies around the picture."""
    from scipy.ndimage import binary_dilation, binary_erosion

    true, said = ((mask == 1) & ~binary_erosion(mask) for mask in (truth, prediction))
    if not true.any() or not said.any():
        return float(true.any() == said.any())
    near_true, near_said = (binary_dilation(line, np.ones((2 * reach + 1,) * 2)) for line in (true, said))
    precision, recall = near_true[said].mean(), near_said[true].mean()
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def outline_f_with_a_cross(truth, prediction, reach):
    from scipy.ndimage import binary_dilation

    true, said = outline(truth), outline(prediction)
    if not true.any() or not said.any():
        return float(true.any() == said.any())
    near = (lambda line: binary_dilation(line, iterations=reach)) if reach else (lambda line: line)
    precision, recall = near(true)[said].mean(), near(said)[true].mean()
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


# --- 10.tversky -------------------------------------------------------------------------------------------------------


def tversky(**mistake):
    """A loss of the kind that is asked for, or one with a mistake in it."""

    def tversky_loss(truth, prediction, missed=0.7, false_alarm=0.3):
        from keras import ops

        p = ops.cast(prediction > 0.5, "float32") if mistake.get("rounded") else prediction
        p = ops.sigmoid(p) if mistake.get("logits") else p
        if mistake.get("numpy"):
            truth, p = np.asarray(truth), np.asarray(ops.convert_to_numpy(p))
        axes = mistake.get("axes", (1, 2, 3))
        found = ops.sum(truth * p, axis=axes)
        if mistake.get("background"):
            found = found + ops.sum((1 - truth) * (1 - p), axis=axes)
        lost, alarms = ops.sum(truth * (1 - p), axis=axes), ops.sum((1 - truth) * p, axis=axes)
        missed, false_alarm = mistake.get("weights", (missed, false_alarm))
        if mistake.get("stopped"):
            alarms = ops.stop_gradient(alarms)
        tiny = mistake.get("tiny", 1e-6)
        index = (found + tiny) / (found + missed * lost + false_alarm * alarms + 1e-6)
        if mistake.get("times_n"):
            index = 2 * index
        loss = index if mistake.get("index") else 1 - index
        loss = ops.stop_gradient(loss) if mistake.get("cut") else loss
        loss = ops.mean(loss) if mistake.get("mean") else loss
        return None if mistake.get("nothing") else loss

    return tversky_loss


def tversky_exchanged(truth, prediction, missed=0.7, false_alarm=0.3):
    return tversky()(truth, prediction, missed=false_alarm, false_alarm=missed)


def tversky_of_the_batch(truth, prediction, missed=0.7, false_alarm=0.3):
    from keras import ops

    whole = tversky()(ops.reshape(truth, (1, 1, 1, -1)), ops.reshape(prediction, (1, 1, 1, -1)))
    return ops.repeat(whole, len(truth))


def tversky_flattened(truth, prediction, missed=0.7, false_alarm=0.3):
    from keras import ops

    pixels = np.prod(truth.shape[1:])
    y, p = (ops.reshape(values, (-1, int(pixels))) for values in (truth, prediction))
    hits = ops.einsum("ij,ij->i", y, p)
    wrong = missed * (ops.sum(y, -1) - hits) + false_alarm * (ops.sum(p, -1) - hits)
    return wrong / (hits + wrong + 1e-6)


# --- 10.instances -----------------------------------------------------------------------------------------------------


def instances_by_scipy(mask, smallest):
    from scipy import ndimage

    labels, count = ndimage.label(mask)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    kept = [number for number in range(1, count + 1) if sizes[number] >= smallest]
    numbers = np.zeros(count + 1, int)
    numbers[kept] = np.arange(1, len(kept) + 1)
    return numbers[labels]


def instances_by_merging(mask, smallest):
    """Every pixel begins with a number of its own and takes the lowest one around, until nothing changes."""
    mask = np.asarray(mask, bool)
    own = np.where(mask, np.arange(1, mask.size + 1).reshape(mask.shape), 0)
    while True:
        around = np.pad(np.where(mask, own, mask.size + 1), 1, constant_values=mask.size + 1)
        shifted = [around[1:-1, 1:-1], around[2:, 1:-1], around[:-2, 1:-1], around[1:-1, 2:], around[1:-1, :-2]]
        lowest = np.min(shifted, axis=0)
        if (new := np.where(mask, lowest, 0)).tolist() == own.tolist():
            break
        own = new
    result = np.zeros(mask.shape, int)
    for number in np.unique(own):
        if number and (own == number).sum() >= smallest:
            result[own == number] = result.max() + 1
    return result


def instances_in_place(mask, smallest):
    labels = instances_by_scipy(mask, smallest)
    mask[:] = labels
    return mask


def instances_counted(mask, smallest):
    return int(instances_by_scipy(mask, smallest).max())


def instances_sorted(mask, smallest, key):
    """Numbered by where they lie, as `key` says for the rows and columns of their pixels."""
    labels = instances_by_scipy(mask, smallest)
    objects = sorted((np.argwhere(labels == number) for number in range(1, labels.max() + 1)), key=key)
    result = np.zeros_like(labels)
    for number, places in enumerate(objects, 1):
        result[tuple(places.T)] = number
    return result


def instances_with_gaps(mask, smallest):
    from scipy import ndimage

    labels, count = ndimage.label(mask)
    for number in range(1, count + 1):
        if (labels == number).sum() < smallest:
            labels[labels == number] = 0
    return labels


# --- 10.tiled ---------------------------------------------------------------------------------------------------------


def tiles(
    inner=True, padded=False, whole=False, ints=False, drop=False, batch=False, forever=False, spoil=False, move=0,
    cut=False, returns=True, beyond=False, text=False, kind=None, scale=None, wraps=False,
):  # fmt: skip
    """A way through the image, or one with a mistake in it."""

    def predict_in_tiles(predict, image, tile, margin):
        if whole:
            return predict(image)
        rows, columns = image.shape[:2]
        step, result = tile - 2 * margin * inner, None
        source = np.pad(image, ((margin, margin), (margin, margin), (0, 0))) if padded else image
        for top in range(0, rows - drop * (step - 1), step):
            for left in range(0, columns - drop * (step - 1), step):
                if padded:
                    answer = predict(source[top : top + tile, left : left + tile])[margin:, margin:]
                    answer = answer[:step, :step]
                else:
                    over, before = (start - margin * inner for start in (top, left))
                    if not wraps:
                        over, before = max(over, 0), max(before, 0)
                    piece = source[over : top + step + margin * inner, before : left + step + margin * inner]
                    if beyond:
                        piece = source[over : over + tile + 1, before : before + tile + 1]
                    piece = piece / scale if scale else piece
                    answer = predict(piece[None] if batch else piece)[top - over + move :, left - before :]
                    answer = answer[:step, :step]
                if result is None:
                    kept_in = image.dtype if kind == "image" else kind or (int if ints else float)
                    result = np.zeros((rows, columns, answer.shape[-1]), kept_in)
                here = result[top : top + step, left : left + step]
                here[: answer.shape[0], : answer.shape[1]] = answer[: here.shape[0], : here.shape[1]]
        while forever:
            predict(image[:1, :1])
        if spoil:
            image[0] = 0
        if text:
            return "done"
        return (result[1:] if cut else result) if returns else None

    return predict_in_tiles


def tiles_pushed_back(predict, image, tile, margin):
    """All tiles as large as may be: the last one is pushed back into the image."""
    rows, columns, _ = image.shape
    height, width = min(tile, rows), min(tile, columns)
    result = {}
    step = tile - 2 * margin
    for top in sorted({min(start, rows - height) for start in range(0, rows, step)}):
        for left in sorted({min(start, columns - width) for start in range(0, columns, step)}):
            answer = predict(image[top : top + height, left : left + width])
            for y, x in np.ndindex(height, width):
                above, below = y >= margin or top == 0, y < height - margin or top + height == rows
                before, behind = x >= margin or left == 0, x < width - margin or left + width == columns
                if above and below and before and behind:
                    result[top + y, left + x] = answer[y, x]
    return np.array([[result[y, x] for x in range(columns)] for y in range(rows)])


def tiles_pixel_by_pixel(predict, image, tile, margin):
    def one(row, column):
        top, left = max(row - margin, 0), max(column - margin, 0)
        return predict(image[top : row + margin + 1, left : column + margin + 1])[row - top, column - left]

    return np.array([[one(row, column) for column in range(image.shape[1])] for row in range(image.shape[0])])


def tiles_over_each_other(predict, image, tile, margin):
    """Overlapping tiles, of which each is written whole over those before."""
    result = np.zeros((*image.shape[:2], 2))
    for top in range(0, image.shape[0], tile - 2 * margin):
        for left in range(0, image.shape[1], tile - 2 * margin):
            here = np.s_[top : top + tile, left : left + tile]
            result[here] = predict(image[here])
    return result


def tiles_averaged(predict, image, tile, margin):
    """Overlapping tiles, of which everything is kept and averaged."""
    rows, columns, _ = image.shape
    total, times = np.zeros((rows, columns, 2)), np.zeros((rows, columns, 1))
    for top in range(0, rows, tile - margin):
        for left in range(0, columns, tile - margin):
            here = np.s_[top : top + tile, left : left + tile]
            total[here] += predict(image[here])
            times[here] += 1
    return total / times


# --- 10.stars ---------------------------------------------------------------------------------------------------------


def pixel_rule(filters=8):
    """What a pixel's colour can tell: convolutions of one pixel only, trained."""
    import keras
    from keras import layers

    from course_utils.checks import scenes

    keras.utils.set_random_seed(0)
    drawn = scenes.draw(100, seed=3)
    model = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(filters, 1, activation="relu"),
            layers.Conv2D(1, 1, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy", jit_compile=False)
    model.fit(drawn.images, drawn.stars, epochs=2, verbose=0)
    return model


def unlike_the_corner(threshold=20.0, channels=1, scale=1.0):
    """Every object: what differs from the colour of the corner. No learning."""
    import keras
    from keras import ops

    inputs = keras.Input((32, 32, 3))
    differs = ops.max(ops.abs(inputs - inputs[:, :1, :1]), axis=-1, keepdims=True)
    outputs = ops.sigmoid(differs - threshold) * scale
    if channels == 2:
        outputs = ops.concatenate([1 - outputs, outputs], axis=-1)
    return keras.Model(inputs, outputs)


@functools.cache
def finder():
    """A network that finds stars: what it is trained on, and how, differs from the solution's."""
    import keras
    from keras import layers

    from course_utils.checks import scenes

    keras.utils.set_random_seed(1)
    drawn = scenes.draw(400, seed=4)
    x = inputs = keras.Input((32, 32, 3))
    x = layers.Rescaling(1 / 255)(x)
    kept = []
    for filters in (8, 16):
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(layers.Conv2D(filters, 3, padding="same")(x)))
        kept.append(x)
        x = layers.MaxPooling2D()(x)
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(layers.Conv2D(32, 3, padding="same")(x)))
    for filters, skip in zip((16, 8), kept[::-1], strict=True):
        x = layers.Concatenate()([layers.UpSampling2D()(x), skip])
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(layers.Conv2D(filters, 3, padding="same")(x)))
    model = keras.Model(inputs, layers.Conv2D(1, 1, activation="sigmoid")(x))
    entropy, dice = keras.losses.BinaryCrossentropy(), keras.losses.Dice()
    rate = keras.optimizers.schedules.CosineDecay(1e-2, 15 * 50)
    model.compile(keras.optimizers.Adam(rate), lambda y, p: entropy(y, p) + dice(y, p), jit_compile=False)
    model.fit(drawn.images, drawn.stars, epochs=15, batch_size=8, verbose=0)
    return model


def early(model):
    """As after a few steps with a momentum near 1: the layers have learned, the running averages have hardly begun."""
    import keras

    copy = keras.models.clone_model(keras.Model(model.inputs, model.outputs))  # without its loss, a lambda
    copy.set_weights(model.get_weights())
    for layer in copy.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_mean.assign(0 * layer.moving_mean)
            layer.moving_variance.assign(0 * layer.moving_variance + 1)
    return copy


def otherwise(model, change):
    """With something done to what it gives."""
    import keras

    return keras.Model(model.inputs, change(model.outputs[0]))


def in_two_classes(model):
    import keras

    return otherwise(model, lambda q: keras.ops.concatenate([1 - q, q], axis=-1))


def transposed(maps):
    import keras

    return keras.ops.transpose(maps, (0, 2, 1, 3))


def a_quarter_as_large():
    import keras

    return keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Conv2D(1, 4, strides=4, activation="sigmoid")])


def measured(model):
    from course_utils.checks import scenes

    unseen = scenes.draw(200, seed=77)
    answers = model.predict(unseen.images, verbose=0)
    found, stars = answers > 0.5, unseen.stars == 1
    return (found & stars).sum() / (found | stars).sum()


WRONG = {
    "10.one_pixel": [
        ((0.5, 0.5), "other"),
        (0.822, "wrong type"),
        ("0.992, 0.822", "wrong type"),
        ([0.9922], "shape"),
        ((0.9922, 0.7), "other"),
    ],
    "10.border_loss": [
        (border_loss_with_the_axis, "stopped"),
        (border_loss_giving_up, "one image of border"),
        (border_loss_by_weights, "0 times infinity"),
        (border_loss_of_pets, "pet only"),
        (border_as_background_by_keras, "border as background"),
        (border_loss_unguarded, "not a number"),
        (border_loss_in_place, "input changed"),
        (lambda trimaps, probabilities: -border_loss_by_loop(trimaps, probabilities), "sign"),
        (
            lambda trimaps, probabilities: border_loss_by_loop(3 - trimaps, probabilities),
            "exchanged, and the border counted",
        ),
        (lambda trimaps, probabilities: 0.7, "constant"),
        (lambda trimaps, probabilities: print(), "no return"),
    ],
    "10.grown": [
        (grown_as_in_pytorch, "other"),
        (
            lambda size, channels, filters, k, strides, padding: (
                size * strides + (padding == "valid") * k,
                (k * k * channels + 1) * filters,
            ),
            "one copy too many",
        ),
        (lambda *given: grown_by_places(*given)[0], "wrong type"),
        (lambda *given: (float(grown_by_places(*given)[0]), grown_by_places(*given)[1]), "float for int"),
        (lambda size, in_channels, filters, kernel_size, strides: 0, "signature"),
        (lambda *given: (15, 292), "constant"),
    ],
    "10.stamped": [
        (stamped_with_channels_first, "stopped"),
        (stamped_into_whole_numbers, "stopped"),
        (stamped_with_square_kernels, "stopped"),
        (lambda image, kernel, strides: stamped_by_einsum(image, kernel, strides).squeeze(), "shape"),
        (lambda image, kernel, strides: stamped_by_einsum(image, kernel[::-1, ::-1], strides), "flipped"),
        (lambda image, kernel, strides: stamped_by_einsum(image, kernel, strides).tolist(), "list for array"),
        (lambda image, kernel, strides: stamped_by_einsum(image, kernel, strides)[..., 0], "shape"),
        (lambda image, kernel, strides: stamped_by_einsum(image, kernel, strides) + 0.1, "other"),
    ],
    "10.outline_f": [
        (outline_f_with_a_cross, "steps along rows and columns"),
        (outline_f_unguarded, "not a number"),
        (outline_f_by_masks, "full masks"),
        (outline_f_rolled, "wrapped around"),
        (outline_f_along_the_edge, "edge of the picture"),
        (lambda truth, prediction, reach: 100 * outline_f_by_filter(truth, prediction, reach), "percent"),
        (lambda truth, prediction, reach: int(outline_f_by_filter(truth, prediction, reach)), "whole division"),
        (lambda truth, prediction, reach: 1 - outline_f_by_filter(truth, prediction, reach), "other"),
    ],
    "10.tversky": [
        (tversky_exchanged, "weights exchanged"),
        (tversky(weights=(0.5, 0.5)), "Dice"),
        (tversky(weights=(1.0, 1.0)), "IoU"),
        (tversky(weights=(0.7, 0.3)), "weights ignored"),
        (tversky(index=True), "index"),
        (tversky_of_the_batch, "whole batch"),
        (tversky(background=True), "background counted"),
        (tversky(rounded=True), "rounded"),
        (tversky(logits=True), "sigmoid again"),
        (tversky(mean=True), "mean"),
        (tversky(axes=(1, 2)), "shape"),
        (tversky(tiny=0.0), "empty image"),
        (tversky(numpy=True), "stops in training"),
        (
            lambda truth, prediction, missed=0.7, false_alarm=0.3: (truth * prediction).total((1, 2, 3)),
            "no such method",
        ),
        (tversky(stopped=True), "other gradient"),
        (tversky(cut=True), "no gradient"),
        (tversky(times_n=True), "other"),
        (tversky(nothing=True), "no return"),
        (lambda truth, prediction, missed=0.7, false_alarm=0.3: "low", "wrong type"),
        (lambda truth, prediction: 0, "shape"),
        (0.3, "wrong type"),
    ],
    "10.instances": [
        (instances_in_place, "input changed"),
        (instances_counted, "wrong type"),
        (
            lambda mask, smallest: instances_sorted(mask, smallest, lambda at: tuple(at.mean(axis=0))),
            "numbered by place",
        ),
        (
            lambda mask, smallest: instances_sorted(mask, smallest, lambda at: tuple(at.min(axis=0))),
            "numbered by place",
        ),
        (lambda mask, smallest: instances_by_scipy(mask, smallest).astype(bool), "truth values"),
        (instances_with_gaps, "gaps in the numbers"),
        (lambda mask, smallest: instances_by_scipy(mask, smallest).astype(float), "float for int"),
        (lambda mask, smallest: instances_by_scipy(mask, smallest).tolist(), "list for array"),
        (lambda mask, smallest: instances_by_scipy(1 - mask, smallest), "other"),
    ],
    "10.tiled": [
        (tiles(inner=False), "seams"),
        (tiles_averaged, "seams"),
        (tiles_over_each_other, "seams"),
        (tiles(kind="image"), "rounded"),
        (tiles(kind="float16"), "rounded"),
        (lambda *given: tiles()(*given).round(3), "rounded"),
        (lambda *given: tiles()(*given).tolist(), "list for array"),
        (tiles(scale=255), "other numbers"),
        (tiles(wraps=True), "empty tile"),
        (tiles(padded=True), "wrong at the border"),
        (tiles(whole=True), "too large"),
        (tiles(beyond=True), "too large"),
        (tiles(ints=True), "rounded"),
        (tiles(drop=True), "left over"),
        (tiles(batch=True), "wrong type"),
        (tiles(forever=True), "no end"),
        (tiles(spoil=True), "input changed"),
        (tiles(cut=True), "shape"),
        (tiles(move=1), "other"),
        (tiles(returns=False), "no return"),
        (tiles(text=True), "wrong type"),
        (lambda predict, image, tile, margin: predict(image[:0]), "empty tile"),
        (lambda predict, image: predict(image), "stopped"),
        (np.zeros((3, 3)), "wrong type"),
    ],
    "10.stars": [
        (made(lambda: (pixel_rule(), 0.3)), "finds nothing"),
        (made(lambda: (unlike_the_corner(), 0.3)), "disks too"),
        (made(lambda: (unlike_the_corner(channels=2), 0.9)), "disks too"),
        (made(lambda: (unlike_the_corner(scale=255.0), 0.9)), "no probabilities"),
        (made(lambda: (otherwise(finder(), lambda q: q**400), 0.5)), "accuracy"),  # all but certain, or no star
        (made(lambda: (early(finder()), 0.5)), "running averages"),
        (made(lambda: (otherwise(finder(), lambda q: 1 - q), 0.5)), "classes exchanged"),
        (made(lambda: (otherwise(in_two_classes(finder()), lambda q: q[..., ::-1]), 0.5)), "classes exchanged"),
        (made(lambda: (otherwise(finder(), transposed), 0.5)), "transposed"),
        (made(lambda: (finder(), float("nan"))), "not a number"),
        (made(lambda: (finder(), 100 * measured(finder()))), "percent"),
        (made(lambda: (a_quarter_as_large(), 0.5)), "output shape"),
        (made(lambda: (finder(), 0.99)), "claim"),
        (made(lambda: finder()), "wrong type"),
        (made(lambda: (0.7, finder())), "wrong type"),
        (("a model", 0.7), "wrong type"),
    ],
}

RIGHT = {
    "10.one_pixel": [[0.9922, 0.8223], np.array([1 - 78 / 10_000, 361 / 439])],
    "10.border_loss": [border_loss_by_loop, border_loss_by_keras, border_loss_by_replacing],
    "10.grown": [grown_by_keras, grown_by_places],
    "10.stamped": [stamped_by_keras, stamped_by_kernel_places, stamped_by_einsum],
    "10.outline_f": [outline_f_by_filter, outline_f_by_distance],
    "10.tversky": [tversky(), tversky_flattened],
    "10.instances": [instances_by_scipy, instances_by_merging],
    "10.tiled": [tiles(), tiles_pushed_back, tiles_pixel_by_pixel],
    "10.stars": [
        made(lambda: (finder(), measured(finder()))),
        made(lambda: [in_two_classes(finder()), np.float64(measured(finder()))]),
    ],
}
