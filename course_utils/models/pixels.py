"""Whether images are what a network takes: stored pixels from 0 to 255, of its size."""

import numpy as np


def rescales(layer):
    """Whether a model, a layer of it, or this layer does what brings stored pixels into the network's range."""
    from keras import layers

    rescaling = isinstance(layer, (layers.Rescaling, layers.Normalization))
    return rescaling or any(rescales(part) for part in getattr(layer, "layers", []))


def check_images(who, model, images):
    """ValueError unless ``images`` are a batch that fits the model's input, in numbers that it takes."""
    wanted = model.input_shape[1:]
    if images.dtype.kind not in "uif":
        raise ValueError(f"{who}: images are of type {images.dtype}; they must be numbers from 0 to 255.")
    if images.ndim != 4:
        hint = " Of one image, make a batch: images[None]." if images.ndim == 3 else ""
        raise ValueError(f"{who}: images have shape {images.shape}; it must be (N, height, width, 3).{hint}")
    if any(side not in (None, found) for side, found in zip(wanted, images.shape[1:], strict=True)):
        height, width, channels = wanted
        raise ValueError(
            f"{who}: images have shape {images.shape}, and {model.name!r} takes "
            f"({height}, {width}, {channels}). "
            + (
                f"Resize them: keras.ops.image.resize(images, ({height}, {width})); of a data set, load(name, "
                f"size=({height}, {width}))."
                if images.shape[3] == channels
                else "Of grey images, repeat the channel: numpy.repeat(images, 3, axis=-1)."
            )
        )
    if images.dtype.kind == "f" and not np.isfinite(images).all():
        raise ValueError(f"{who}: images contain NaN or infinity; they must be numbers from 0 to 255.")
    if rescales(model):
        check_range(who, images)


def check_range(who, images):
    """ValueError where one of the images, whatever others are, has been rescaled for a model that does so itself."""
    low, high = images.min(axis=(1, 2, 3)), images.max(axis=(1, 2, 3))
    scaled = (low < 0) | (high > 255) | ((high > 0) & (high <= 1))
    if scaled.any():
        image = int(scaled.argmax())
        raise ValueError(
            f"{who}: the images are between {low[image]:.3g} and {high[image]:.3g} (image {image}), but the model "
            "takes pixels as they are stored, from 0 to 255, and rescales them itself. Undo your own rescaling first; "
            "after a division by 255, that is images * 255."
        )
