"""Grad-CAM: which places of a layer's feature maps speak for a class."""

from dataclasses import dataclass

import numpy as np

from .gradients import check_repeatable, check_slopes, of_class, with_gradient
from .inputs import as_float, checked_batch_size, checked_class_index, checked_images, checked_model, untracked
from .maps import resized
from .opened import opened


@dataclass(frozen=True)
class GradCam:
    """Where a layer speaks for a class, image by image. Made by `grad_cam`.

    Attributes
    ----------
    heatmap : ndarray of float32, shape (images, height, width)
        The raw map in the size of the images, by bilinear interpolation.
    raw : ndarray of float32, shape (images, rows, columns)
        The map in the size of the layer's feature maps. Its unit is that of the score, so that it can be compared
        between classes of one image; the maps of two layers or of two networks have no common scale.
    layer : str
        Name of the layer whose feature maps were weighted.
    class_index : ndarray of int64, shape (images,)
        The class that was explained.
    """

    heatmap: np.ndarray
    raw: np.ndarray
    layer: str
    class_index: np.ndarray


def grad_cam(model, images, class_index=None, layer=None, signed=False, batch_size=32):
    """Sum the feature maps of a layer, each weighted by how much the score of a class rises with it.

    The weight of a feature map is the mean over its places of the gradient of the score; of the weighted sum, what is
    negative becomes 0. The map is as coarse as the layer: a pixel of it stands for a whole receptive field.

    Parameters
    ----------
    model : keras.Model
        One input of images, one output of scores, made of layers (Sequential or functional), models inside it
        included. It is not changed.
    images : array, shape (images, height, width, channels)
        In the range that the model expects.
    class_index : int, array of int of shape (images,), or None
        The class to explain; None for the one that the model predicts.
    layer : str, keras.Layer or None
        Any layer that puts out (batch, height, width, channels). In a model within the model it is called
        ``model/layer``, where the last part alone will do if it is unique; the name of that model stands for its last
        map. None: the output of the last layer that computes feature maps; pooling, padding and dropout after it
        do not count.
    signed : bool
        Keep what is negative: it speaks against the class.
    batch_size : int
        Images at a time. The feature maps and gradients of one batch are in memory.

    Returns
    -------
    GradCam

    Raises
    ------
    TypeError, ValueError
        The model, the images or the class do not fit together; there is no such layer, it has no feature map, or one
        with its channels first; several layers have the last map, and none is named; a probability so near to 1 that
        its gradient has no digits left; NaN on the way; a network that is random where it predicts, or mixes the images
        of a batch.

    Warns
    -----
    UserWarning
        The score of an image does not depend on the layer, so that its map is 0 everywhere.

    Notes
    -----
    Selvaraju et al. (2017), "Grad-CAM: Visual explanations from deep networks via gradient-based localization",
    equations 1 and 2. The score is taken before the softmax or the sigmoid in which the model ends
    (`course_utils.explain.scores.ending` says which are recognised): a probability of 1 has no gradient left. After any
    other end, such as a layer of one's own or the mean of two softmaxes, it is the output. Where
    global average pooling and one dense layer follow, the map is that of Zhou et al. (2016) divided by the number of
    places, without its negative part. Layers act as they do in prediction. Taught in chapter 12, Input masking.

    Examples
    --------
    >>> import keras
    >>> import numpy as np
    >>> model = keras.Sequential([
    ...     keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3, activation="relu", name="conv"),
    ...     keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2, activation="softmax"),
    ... ])
    >>> cam = grad_cam(model, np.ones((5, 8, 8, 3)), class_index=1)
    >>> cam.layer, cam.raw.shape, cam.heatmap.shape
    ('conv', (5, 6, 6), (5, 8, 8))
    """
    model = checked_model(model)
    images = checked_images(model, images)
    batch_size = checked_batch_size(batch_size)
    network = opened(model, in_float32=True)
    step = network.find(layer)
    network.check_channels_last(step)
    class_index = checked_class_index(model, images, class_index)
    check_repeatable(network, images)

    def score(maps, others, classes):
        return of_class(network.run_from(step, maps, others), classes)

    scores_and_gradient = network.made_once(("from", step.name), lambda: with_gradient(score, network.compile_on_jax))
    raw = []
    for start in range(0, len(images), batch_size):
        part = slice(start, start + batch_size)
        with untracked():
            maps, others = network.run_to(step, images[part])
        scores, slopes = scores_and_gradient(maps, others, class_index[part])
        check_slopes(scores, slopes, network, start, f"its layer {step.name!r}")
        maps = as_float(maps).astype("float32")
        raw.append(np.einsum("nhwc,nc->nhw", maps, slopes.mean(axis=(1, 2))))
    raw = np.concatenate(raw)
    if not signed:
        raw = raw.clip(0, None)
    return GradCam(resized(raw, images.shape[1:3]), raw, step.name, class_index)
