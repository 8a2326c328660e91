"""Trained bases by name: the right network, its preprocessing inside, and an error with remedies where it is not."""

import keras
import numpy as np
import pytest

from course_utils import models
from course_utils.models import bases, weights

IMAGES = np.random.default_rng(0).integers(0, 256, (2, 75, 80, 3), dtype="uint8")
OF_KERAS = {
    "efficientnetb0": "EfficientNetB0",
    "efficientnetb2": "EfficientNetB2",
    "efficientnetb4": "EfficientNetB4",
    "inception_resnet_v2": "InceptionResNetV2",
    "xception": "Xception",
}
FAST = ("efficientnetb0", "xception")


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """No mirror, no package, no host, and nothing that Keras has downloaded."""
    monkeypatch.delenv("COURSE_UTILS_MIRROR", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(weights, "_packaged", lambda file: tmp_path / "gone" if file.package == weights.OURS else None)

    def unreachable(*_, **__):
        raise Exception("URL fetch failure: Name or service not known")

    monkeypatch.setattr(keras.utils, "get_file", unreachable)


def test_all_bases_of_the_course_are_there():
    assert set(models.BASES) == {
        "vgg16", "small_vgg", "efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2", *OF_KERAS,
    }  # fmt: skip


@pytest.mark.filterwarnings("ignore:small_vgg")  # the file that should be part of the package
@pytest.mark.parametrize("name", models.BASES)
def test_without_its_weights_there_is_an_error_with_remedies_and_never_a_network(name, nowhere):
    with pytest.raises(models.WeightsUnavailable) as caught:
        models.pretrained_base(name)
    text = str(caught.value)
    assert name in text
    assert "What helps, in this order:\n  1. " in text
    assert "  2. Set COURSE_UTILS_MIRROR to a mirror" in text
    assert ("weights=None" in text) == (name not in OF_KERAS)  # of those there is no function of ours to give it to


@pytest.mark.parametrize("name", ["alexnet", "", None, 3, "VGG16", "vgg16_notop"])
def test_an_unknown_name_is_answered_with_the_known_ones(name):
    with pytest.raises(ValueError, match="There is no base .*; there are vgg16, small_vgg, .*xception"):
        models.pretrained_base(name)


@pytest.mark.parametrize("name", ["efficientnet_lite0", "small_vgg"])
def test_our_own_are_the_networks_of_their_functions(name):
    own = {"efficientnet_lite0": lambda **o: models.efficientnet_lite("lite0", include_top=False, **o)}
    expected = own.get(name, models.small_vgg)(input_shape=(64, 64, 3), pooling="avg")
    found = models.pretrained_base(name, (64, 64, 3))
    for one, other in zip(found.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert found.output_shape == expected.output_shape


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in FAST else pytest.mark.nightly) for n in OF_KERAS])
def test_those_of_keras_have_their_preprocessing_inside(name, monkeypatch, tmp_path):
    """A mirror has the file, as far as that can be tried without it: Keras' own function takes no weights from it."""
    [file] = weights.network(f"{name}_notop").files
    (tmp_path / file.name).write_bytes(b"weights")
    monkeypatch.setattr(
        weights, "find", lambda asked: weights.Found(weights.network(asked), file, tmp_path / file.name, "mirror")
    )
    asked, put = [], []
    build = getattr(keras.applications, OF_KERAS[name])

    def untrained(weights, **options):
        asked.append(weights)
        return build(weights=None, **options)

    monkeypatch.setattr(keras.applications, OF_KERAS[name], untrained)
    monkeypatch.setattr(keras.utils, "get_file", lambda *place, **options: put.append((place, options)))
    found = models.pretrained_base(name, IMAGES.shape[1:])
    assert asked == ["imagenet"]  # Keras loads them itself: from a path, it would leave a layer of EfficientNet out
    digest = file.checksum.removeprefix("md5:")
    assert put == [((file.name, (tmp_path / file.name).as_uri()), {"cache_subdir": "models", "file_hash": digest})]

    theirs = build(include_top=False, weights=None, input_shape=IMAGES.shape[1:], pooling="avg")
    theirs.set_weights(found.get_weights())
    module = {"Xception": "xception", "InceptionResNetV2": "inception_resnet_v2"}.get(OF_KERAS[name], "efficientnet")
    preprocessed = getattr(keras.applications, module).preprocess_input(IMAGES.astype("float32"))
    expected = theirs.predict(preprocessed, verbose=0)
    np.testing.assert_allclose(found.predict(IMAGES, verbose=0), expected, rtol=1e-3, atol=1e-5)
    assert found.name == name
    assert found.input_shape == (None, *IMAGES.shape[1:])


def test_keras_finds_what_a_mirror_has(monkeypatch, tmp_path):
    """Keras looks among its downloads only: the file is there, under its name, once it has been asked for."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    source = tmp_path / "some file.h5"
    source.write_bytes(b"weights")
    path = keras.utils.get_file("some.h5", source.as_uri(), cache_subdir="models", cache_dir=str(tmp_path / "keras"))
    assert open(path, "rb").read() == b"weights"  # noqa: PTH123, SIM115


def test_every_base_has_a_record_of_its_weights():
    recorded = {name.removesuffix("_notop") for name in weights.NETWORKS}
    assert set(bases.BASES) <= recorded
