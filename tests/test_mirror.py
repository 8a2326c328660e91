"""A mirror is enough where no host is: it is written, read, and every changed byte in it is noticed."""

import shutil
import socket
import subprocess
from pathlib import Path

import numpy as np
import pytest
import small_data

from course_utils import datasets
from course_utils.datasets import cache, files, manifest, mirror, registry, selection, sources

REAL = Path(__file__).parent.parent.parent / "shared" / "mirror"
real = pytest.mark.skipif(not REAL.is_dir(), reason="no mirror with real data at ../shared/mirror")


@pytest.fixture(autouse=True)
def cache_folder(monkeypatch, tmp_path):
    """An empty cache, no mirror and no profile."""
    monkeypatch.setenv("COURSE_UTILS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("COURSE_UTILS_MIRROR", raising=False)
    monkeypatch.delenv("COURSE_PROFILE", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A host with all four data sets in small."""
    folder = tmp_path / "published"
    folder.mkdir()
    small_data.mnist(folder / "mnist.npz")
    small_data.cifar10(folder / "cifar-10-python.tar.gz")
    small_data.write_zip(folder / "kagglecatsanddogs_5340.zip", small_data.cats_and_dogs_files())
    small_data.pets(folder / "images.tar.gz", folder / "annotations.tar.gz")
    server = small_data.Server(folder)
    for name in registry.DATASETS:
        small_data.publish(monkeypatch, name, server.url, folder)
    yield server
    server.close()


@pytest.fixture
def offline(monkeypatch):
    """Whoever opens a connection fails."""

    def refuse(*_):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A mirror of MNIST in small, in force, made by hand; its folder and arrays."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    arrays = small_data.mnist(folder / "mnist.npz")
    manifest.write(folder, {"mnist.npz": files.sha256(folder / "mnist.npz")})
    monkeypatch.setenv("COURSE_UTILS_MIRROR", str(folder))
    return folder, arrays


def load(name, split="train", **options):
    return datasets.load(name, split, progress=False, **options)


def change_a_byte(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def same(one, other):
    for field in ("images", "labels", "masks", "boxes"):
        np.testing.assert_array_equal(getattr(one, field), getattr(other, field), err_msg=field)
    assert one.class_names == other.class_names


# ---------------------------------------------------------------- writing


def test_what_is_loaded_from_a_new_mirror_without_a_network_is_what_the_host_has(
    server, tmp_path, monkeypatch, request
):
    from_host = {(name, split): load(name, split) for name in datasets.NAMES for split in ("train", "test")}
    written = mirror.write(tmp_path / "mirror", progress=False)
    assert [row.name for row in written] == list(datasets.NAMES)
    assert all(row.origin == "cache (from the host)" for row in written)

    server.close()
    request.getfixturevalue("offline")
    shutil.rmtree(tmp_path / "cache")
    monkeypatch.setenv("COURSE_UTILS_MIRROR", str(tmp_path / "mirror"))
    for (name, split), data in from_host.items():
        from_mirror = load(name, split)
        assert from_mirror.source in ("mirror", "cache (from a mirror)")
        same(from_mirror, data)


def test_a_mirror_is_checked_by_sha256sum_too(server, tmp_path):
    tool = shutil.which("sha256sum")
    if tool is None:
        pytest.skip("no sha256sum here")
    mirror.write(tmp_path / "mirror", ["mnist", "oxford_pets"], progress=False)
    check = [tool, "--check", "--strict", "SHA256SUMS"]
    answer = subprocess.run(check, cwd=tmp_path / "mirror", capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines() == ["mnist.npz: OK", "oxford_pets.zip: OK"]


def test_adding_to_a_mirror_keeps_what_it_lists(server, tmp_path):
    folder = tmp_path / "mirror"
    folder.mkdir()
    (folder / "weights.h5").write_bytes(b"weights")
    manifest.write(folder, {"weights.h5": files.sha256(folder / "weights.h5"), "mnist.npz": "0" * 64})
    mirror.write(folder, ["mnist"], progress=False)
    assert [(verdict.file, verdict.state) for verdict in mirror.verify(folder)] == [
        ("weights.h5", "ok"),
        ("mnist.npz", "ok"),
    ]


def test_a_mirror_can_be_written_onto_itself(made):
    folder, arrays = made
    for _ in range(2):
        mirror.write(folder, ["mnist"], progress=False)
        assert [verdict.state for verdict in mirror.verify()] == ["ok"]
        np.testing.assert_array_equal(np.load(folder / "mnist.npz")["x_train"], arrays["x_train"])


def test_a_mirror_of_something_unknown_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match="no data set 'imagenet'; there are mnist, cifar10"):
        mirror.write(tmp_path / "mirror", ["mnist", "imagenet"])
    assert not (tmp_path / "mirror").exists()


def test_an_interrupted_copy_is_not_listed(server, tmp_path, monkeypatch):
    folder = tmp_path / "mirror"
    mirror.write(folder, ["mnist"], progress=False)
    sources.fetch("cifar10", progress=False)

    def interrupt(original, copy, length):
        copy.write(original.read(100))
        raise KeyboardInterrupt

    monkeypatch.setattr("shutil.copyfileobj", interrupt)
    with pytest.raises(KeyboardInterrupt):
        mirror.write(folder, ["cifar10"], progress=False)
    assert sorted(path.name for path in folder.iterdir()) == ["SHA256SUMS", "mnist.npz"]
    assert [verdict.file for verdict in mirror.verify(folder)] == ["mnist.npz"]


# ---------------------------------------------------------------- checking


def test_a_changed_byte_is_noticed(made, offline):
    folder, _ = made
    change_a_byte(folder / "mnist.npz")
    assert [(verdict.file, verdict.state) for verdict in mirror.verify()] == [("mnist.npz", "changed")]
    with (
        pytest.warns(UserWarning, match="is not the file that SHA256SUMS lists"),
        pytest.raises(datasets.DatasetUnavailable, match="is not the file that SHA256SUMS lists"),
    ):
        load("mnist", source="mirror")


def test_a_changed_byte_is_noticed_in_an_archive_that_is_read_in_place(server, tmp_path, monkeypatch):
    folder = tmp_path / "mirror"
    mirror.write(folder, ["cats_vs_dogs"], progress=False)
    monkeypatch.setenv("COURSE_UTILS_MIRROR", str(folder))
    load("cats_vs_dogs", source="mirror")
    change_a_byte(folder / "cats_vs_dogs.zip")
    with pytest.warns(UserWarning, match="lists"), pytest.raises(datasets.DatasetUnavailable):
        load("cats_vs_dogs", source="mirror")


def test_a_changed_byte_is_noticed_although_the_cache_has_a_good_copy(made):
    folder, _ = made
    load("mnist")
    change_a_byte(folder / "mnist.npz")
    with pytest.warns(UserWarning, match="lists"), pytest.raises(datasets.DatasetUnavailable):
        load("mnist", source="mirror")


def test_the_host_helps_out_where_the_mirror_is_damaged(made, server):
    folder, arrays = made
    change_a_byte(folder / "mnist.npz")
    with pytest.warns(UserWarning, match="It is not used"):
        data = load("mnist")
    assert data.source == "host"
    np.testing.assert_array_equal(data.images[..., 0], arrays["x_train"])


def test_a_missing_file_is_noticed(made):
    (made[0] / "mnist.npz").unlink()
    assert [verdict.state for verdict in mirror.verify()] == ["missing"]
    with pytest.warns(UserWarning, match="although SHA256SUMS lists it"), pytest.raises(datasets.DatasetUnavailable):
        load("mnist", source="mirror")


def test_a_file_that_the_manifest_does_not_list_is_not_read(made):
    small_data.cifar10(made[0] / "cifar10.npz")
    with pytest.raises(datasets.DatasetUnavailable, match="does not list cifar10.npz"):
        load("cifar10", source="mirror")


def test_a_folder_without_manifest_is_no_mirror(tmp_path, monkeypatch):
    small_data.mnist(tmp_path / "mnist.npz")
    monkeypatch.setenv("COURSE_UTILS_MIRROR", str(tmp_path))
    with pytest.raises(datasets.DatasetUnavailable, match="has no SHA256SUMS, so it is not a mirror"):
        load("mnist", source="mirror")
    with pytest.raises(FileNotFoundError, match="has no SHA256SUMS"):
        mirror.verify()


def test_a_mirror_that_is_no_folder_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_UTILS_MIRROR", str(tmp_path / "nowhere"))
    with pytest.raises(datasets.DatasetUnavailable, match="nowhere is not a folder"):
        load("mnist", source="mirror")


@pytest.mark.parametrize(
    "line",
    ["0123  mnist.npz", "text", f"{'0' * 64}  ../mnist.npz", f"{'0' * 64}  /etc/passwd", f"{'0' * 64}  ..", "\ufffd"],
)
def test_a_manifest_that_is_none_or_points_elsewhere_is_refused(made, line):
    (made[0] / "SHA256SUMS").write_text(line + "\n", encoding="utf-8")
    with pytest.warns(UserWarning, match="SHA256SUMS"), pytest.raises(datasets.DatasetUnavailable):
        load("mnist", source="mirror")


def test_a_truncated_npz_is_refused_although_its_checksum_is_right(made):
    path = made[0] / "mnist.npz"
    path.write_bytes(path.read_bytes()[:-100])
    manifest.write(made[0], {"mnist.npz": files.sha256(path)})
    with pytest.warns(UserWarning, match="not a whole npz"), pytest.raises(datasets.DatasetUnavailable):
        load("mnist", source="mirror")


def test_arrays_of_another_shape_are_refused(made):
    path = made[0] / "mnist.npz"
    wrong = np.zeros((5, 27, 28), np.uint8)
    np.savez(path, x_train=wrong, y_train=np.zeros(5), x_test=wrong, y_test=np.zeros(5))
    manifest.write(made[0], {"mnist.npz": files.sha256(path)})
    with pytest.warns(UserWarning, match=r"\(5, 27, 28, 1\)"), pytest.raises(datasets.DatasetUnavailable):
        load("mnist", source="mirror")


def test_other_files_of_a_mirror_are_found_and_checked(made):
    folder, _ = made
    assert mirror.locate("mnist.npz") == folder / "mnist.npz"
    assert mirror.locate("weights.h5") is None
    change_a_byte(folder / "mnist.npz")
    with pytest.raises(OSError, match="lists"):
        mirror.locate("mnist.npz")


# ---------------------------------------------------------------- the quick copy


def test_compressed_arrays_are_decompressed_once(made, monkeypatch):
    entry = registry.DATASETS["mnist"]
    calls = []
    monkeypatch.setattr(sources, "_copy_to_cache", lambda *a, f=sources._copy_to_cache: calls.append(a) or f(*a))
    first, second = load("mnist"), load("mnist")
    same(first, second)
    assert (first.source, second.source) == ("mirror", "cache (from a mirror)")
    assert len(calls) == 1
    assert not sources._is_compressed(cache.whole_file(entry)[1])


def test_a_copy_of_what_the_mirror_no_longer_has_is_not_used(made):
    folder, _ = made
    assert len(load("mnist")) == 40
    small_data.mnist(folder / "mnist.npz", train=30)
    manifest.write(folder, {"mnist.npz": files.sha256(folder / "mnist.npz")})
    assert len(load("mnist")) == 30


def test_without_a_cache_the_mirror_is_read_every_time_and_says_so(made, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("COURSE_UTILS_CACHE", str(tmp_path / "file" / "cache"))
    for _ in range(2):
        with pytest.warns(UserWarning, match="cache .* cannot be written .* decompressed again next time"):
            data = load("mnist")
        np.testing.assert_array_equal(data.images[..., 0], made[1]["x_train"])


def test_a_cache_that_fills_up_while_copying_keeps_nothing(made, cache_folder, monkeypatch):
    def no_room(path, **arrays):
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", no_room)
    with pytest.warns(UserWarning, match="No space left"):
        load("mnist")
    monkeypatch.undo()
    monkeypatch.setenv("COURSE_UTILS_CACHE", str(cache_folder))
    with pytest.raises(datasets.DatasetUnavailable):
        load("mnist", source="cache")


def test_a_download_is_not_pushed_out_of_the_cache_by_the_mirror(made, server):
    datasets.fetch("mnist", source="host", progress=False)
    load("mnist", source="mirror")
    assert load("mnist", source="cache").source == "cache (from the host)"


def test_fetch_takes_from_the_mirror_before_the_host(made, server):
    datasets.fetch("mnist", progress=False)
    assert server.requests == []
    assert load("mnist", source="cache").source == "cache (from a mirror)"


# ---------------------------------------------------------------- the order, and real data


def test_the_order_is_cache_then_mirror_then_host(made, server, tmp_path, monkeypatch):
    assert load("mnist").source == "mirror"
    assert load("mnist").source == "cache (from a mirror)"
    monkeypatch.setenv("COURSE_UTILS_CACHE", str(tmp_path / "other"))
    monkeypatch.delenv("COURSE_UTILS_MIRROR")
    assert load("mnist").source == "host"


def test_a_part_of_an_archive_and_the_whole_agree_on_the_split(server, tmp_path, monkeypatch):
    whole = small_data.cats_and_dogs_files()
    part = {name: content for n, (name, content) in enumerate(whole.items()) if n % 3}
    folder = tmp_path / "mirror"
    folder.mkdir()
    small_data.write_zip(folder / "cats_vs_dogs.zip", part)
    manifest.write(folder, {"cats_vs_dogs.zip": files.sha256(folder / "cats_vs_dogs.zip")})
    monkeypatch.setenv("COURSE_UTILS_MIRROR", str(folder))

    def pictures(source, split):  # every photograph has a colour of its own
        return {image.tobytes() for image in load("cats_vs_dogs", split, size=8, source=source).images}

    for split in ("train", "test"):
        assert pictures("mirror", split) < pictures("host", split)


@real
def test_the_real_mirror_is_whole():
    verdicts = mirror.verify(REAL)
    assert {"mnist.npz", "cifar10.npz", "cats_vs_dogs.zip", "oxford_pets.zip"} <= {verdict.file for verdict in verdicts}
    assert all(verdict.ok for verdict in verdicts)


@real
def test_real_mnist(monkeypatch, offline):
    monkeypatch.setenv("COURSE_UTILS_MIRROR", str(REAL))
    train, test = load("mnist"), load("mnist", "test", examples=1000)
    assert train.images.shape == (60_000, 28, 28, 1)
    # The published counts of the classes 0 and 1 of the training set.
    assert np.bincount(train.labels)[:2].tolist() == [5923, 6742]
    assert np.bincount(test.labels).tolist() == [100] * 10


@real
@pytest.mark.filterwarnings("error")
def test_real_photographs_can_all_be_read(monkeypatch, offline):
    monkeypatch.setenv("COURSE_UTILS_MIRROR", str(REAL))
    pets = [load("oxford_pets", split, size=(40, 60)) for split in ("train", "test")]
    assert sum(map(len, pets)) == 600
    assert np.sum([np.bincount(data.labels) for data in pets], axis=0).tolist() == [200, 200, 200]
    assert sum(np.count_nonzero(~np.isnan(data.boxes[:, 0])) for data in pets) == 296
    assert {1, 2, 3} == {int(value) for data in pets for value in np.unique(data.masks)}
    cats = load("cats_vs_dogs", "test", examples=100, size=32)
    assert np.bincount(cats.labels).tolist() == [50, 50]


def test_about_a_quarter_of_the_photographs_is_for_testing():
    names = [f"{kind}/{n}.jpg" for kind in ("Cat", "Dog") for n in range(12_500)]
    assert 0.24 < np.mean([selection.in_test(name) for name in names]) < 0.26


@real
@pytest.mark.slow
def test_real_cifar10_is_read_in_under_a_second_the_second_time(monkeypatch, offline):
    import time

    monkeypatch.setenv("COURSE_UTILS_MIRROR", str(REAL))
    first = load("cifar10")
    assert first.images.shape == (50_000, 32, 32, 3)
    assert np.bincount(first.labels).tolist() == [5000] * 10
    start = time.process_time()
    second = load("cifar10")
    assert time.process_time() - start < 1
    same(first, second)
