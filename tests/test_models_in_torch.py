"""Networks in plain PyTorch: their weights are counted, and what is carried over computes the same."""

import keras
import numpy as np
import pytest

from course_utils import models
from course_utils.models import in_torch

torch = pytest.importorskip("torch", reason="pip install 'course-utils[torch]'")


def keras_convnet(padding="same"):
    """Chapter 04's convnet, everything in it moved away from where it begins."""
    net = keras.Sequential([keras.Input((32, 32, 3))])
    for number, filters in ((1, 16), (2, 64)):
        net.add(keras.layers.Conv2D(filters, 5, padding="same", activation="relu", name=f"conv{number}"))
        net.add(keras.layers.MaxPooling2D())
        net.add(keras.layers.BatchNormalization(momentum=0.9, name=f"norm{number}"))
    net.add(keras.layers.Flatten())
    net.add(keras.layers.Dropout(0.5))
    net.add(keras.layers.Dense(10, name="dense"))
    random = np.random.default_rng(0)
    net.set_weights([np.abs(random.normal(0.1, 0.2, each.shape)) for each in net.get_weights()])
    return net


def logits(module, images):
    module.eval()
    with torch.no_grad():
        return module(torch.from_numpy(images.transpose(0, 3, 1, 2).copy())).numpy()


IMAGES = np.random.default_rng(1).normal(size=(4, 32, 32, 3)).astype("float32")


@pytest.mark.parametrize(
    ("make", "count"),
    [
        (in_torch.convnet, 68_010),
        (in_torch.larger_convnet, 288_746),
        (in_torch.vgg16, 138_357_544),
        (lambda: in_torch.vgg16(include_top=False), 14_714_688),
        (lambda: in_torch.vgg16(include_top=False, narrower=8), 230_568),
    ],
)
def test_the_weights_are_counted(make, count):
    with torch.device("meta"):
        assert sum(weight.numel() for weight in make().parameters()) == count


def test_what_is_carried_over_computes_the_same_and_comes_back_the_same():
    there, back, module = keras_convnet(), keras_convnet(), in_torch.convnet()
    wanted = there.predict(IMAGES, verbose=0)
    in_torch.carry_to_torch(there, module)
    np.testing.assert_allclose(logits(module, IMAGES), wanted, rtol=1e-4, atol=1e-4 * np.abs(wanted).max())
    back.set_weights([np.zeros_like(each) for each in back.get_weights()])
    in_torch.carry_to_keras(module, back)
    for one, other in zip(there.get_weights(), back.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_small_vgg_gives_the_same_maps():
    ours, module = models.small_vgg(), in_torch.vgg16(include_top=False, narrower=8)
    in_torch.carry_to_torch(ours, module)
    images = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3)).astype("float32")
    prepared = keras.Model(ours.inputs, ours.get_layer("minus_means").output).predict(images, verbose=0)
    wanted = ours.predict(images, verbose=0)
    found = logits(module, prepared).transpose(0, 2, 3, 1)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5 * wanted.max())


def test_a_layer_without_a_counterpart_or_of_another_shape_is_named():
    with pytest.raises(ValueError, match="no layer 'conv1'; it has conv1_1, norm1_1"):
        in_torch.carry_to_torch(keras_convnet(), in_torch.larger_convnet())
    with pytest.raises(ValueError, match=r"dense.weight has shape \(7, 4096\) in PyTorch; .* gives \(10, 4096\)"):
        in_torch.carry_to_torch(keras_convnet(), in_torch.convnet(classes=7))
    depthwise = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.DepthwiseConv2D(3, name="conv1")])
    with pytest.raises(ValueError, match="'conv1' is a DepthwiseConv2D; only Conv2D, Dense and"):
        in_torch.carry_to_torch(depthwise, in_torch.convnet())


def test_a_training_in_plain_torch_can_be_repeated_and_kept():
    from course_utils import load
    from course_utils.experiments.plain_torch import TorchExperiment

    train, validation = load("cifar10", examples=120, source="stand-in").holdout(0.2)
    test = load("cifar10", "test", examples=40, source="stand-in")

    def build():
        return in_torch.larger_convnet(widths=(8, 8))

    small = TorchExperiment(build, images=90, epochs=2, batch_size=32, rate=0.05, bfloat16=False)
    one, again = (small.train("small", 3, (train, validation, test)) for _ in range(2))
    assert one.history == again.history
    assert one.history != small.train("small", 4, (train, validation, test)).history
    assert small.fits(one)
    assert not TorchExperiment(build, images=90, epochs=2, batch_size=32, rate=0.1, bfloat16=False).fits(one)
    assert one.parameters == sum(weight.numel() for weight in build().parameters())
