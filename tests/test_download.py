"""Downloads go wrong in many ways: each ends in a clear error or a recovery, never in a part taken for the whole."""

import errno
import importlib.util
import json
import os
import pickle
import signal
import stat
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import small_data

from course_utils import datasets
from course_utils.datasets import archives, cache, files, manifest, originals, places, registry, sources
from course_utils.models import weights

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def cache_folder(monkeypatch, tmp_path):
    """An empty cache, no mirror, no profile, and no waiting between attempts."""
    monkeypatch.setenv("COURSE_UTILS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("COURSE_UTILS_MIRROR", raising=False)
    monkeypatch.delenv("COURSE_PROFILE", raising=False)
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)
    return tmp_path / "cache"


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / "published"
    folder.mkdir()
    server = small_data.Server(folder)
    yield server
    server.close()


@pytest.fixture
def mnist(server, monkeypatch):
    """MNIST in small, published on the server; its arrays."""
    arrays = small_data.mnist(server.folder / "mnist.npz")
    small_data.publish(monkeypatch, "mnist", server.url, server.folder)
    return arrays


def publish_cats(monkeypatch, server, members, extra=()):
    small_data.write_zip(server.folder / "kagglecatsanddogs_5340.zip", members, extra)
    small_data.publish(monkeypatch, "cats_vs_dogs", server.url, server.folder)


def load(name, split="train", **options):
    return datasets.load(name, split, progress=False, **options)


def kept(folder):
    """The files that a cache holds, apart from empty locks."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.stat().st_size)


# ---------------------------------------------------------------- what goes right


def test_mnist_is_downloaded_once(mnist, server):
    first, second = load("mnist"), load("mnist", "test")
    np.testing.assert_array_equal(first.images[..., 0], mnist["x_train"])
    np.testing.assert_array_equal(second.labels, mnist["y_test"])
    assert first.source == "host"
    assert second.source == "cache (from the host)"
    assert server.requests == ["/mnist.npz"]


def test_cifar10_is_read_from_the_pickles_of_python_2(server, monkeypatch):
    arrays = small_data.cifar10(server.folder / "cifar-10-python.tar.gz")
    small_data.publish(monkeypatch, "cifar10", server.url, server.folder)
    for split in ("train", "test"):
        data = load("cifar10", split)
        np.testing.assert_array_equal(data.images, arrays[f"x_{split}"])
        np.testing.assert_array_equal(data.labels, arrays[f"y_{split}"])


def test_the_cache_keeps_one_file_and_its_record(server, cache_folder, monkeypatch):
    small_data.cifar10(server.folder / "cifar-10-python.tar.gz")
    small_data.publish(monkeypatch, "cifar10", server.url, server.folder)
    path = datasets.fetch("cifar10", progress=False)
    assert kept(cache_folder) == sorted([path.name, "cifar10.json"])


def test_cats_and_dogs_are_read_without_what_else_is_in_the_archive(server, monkeypatch):
    publish_cats(monkeypatch, server, small_data.cats_and_dogs_files())
    train, test = load("cats_vs_dogs", size=16), load("cats_vs_dogs", "test", size=16)
    assert len(train) + len(test) == 40
    assert train.class_names == ("cat", "dog")
    assert train.images.shape[1:] == (16, 16, 3)


def test_pets_from_two_archives_have_masks_and_boxes_that_fit_their_images(server, monkeypatch):
    small_data.pets(server.folder / "images.tar.gz", server.folder / "annotations.tar.gz")
    small_data.publish(monkeypatch, "oxford_pets", server.url, server.folder)
    boxes = 0
    for split in ("train", "test"):
        data = load("oxford_pets", split, size=48)
        assert data.class_names == small_data.BREEDS
        for image, mask, box in zip(data.images, data.masks, data.boxes, strict=True):
            inside = mask[..., 0] == 1
            assert set(np.unique(mask)) <= {1, 2}
            # The rectangle is bright in the image: mask and image must agree but for the smoothed edge.
            assert np.mean((image[..., 0] > 125) == inside) > 0.93
            if not np.isnan(box).any():
                boxes += 1
                rows, columns = np.nonzero(inside)
                truth = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
                np.testing.assert_allclose(box, truth, atol=1.0)
    assert boxes >= 10


def test_the_pinned_checksums_are_those_of_keras():
    folder = Path(importlib.util.find_spec("keras").submodule_search_locations[0]) / "src" / "datasets"
    for name in ("mnist", "cifar10"):
        text = (folder / f"{name}.py").read_text()
        (original,) = registry.DATASETS[name].originals
        assert original.sha256 in text
        assert original.file in text


# ---------------------------------------------------------------- transfers


def test_an_interrupted_transfer_is_tried_again(mnist, server):
    server.faults = ["cut", "cut"]
    assert len(load("mnist")) == len(mnist["y_train"])
    assert len(server.requests) == 3


def test_a_transfer_that_is_always_interrupted_leaves_nothing_that_passes_for_whole(mnist, server, cache_folder):
    server.faults = ["cut"] * originals.ATTEMPTS
    with pytest.raises(datasets.DatasetUnavailable, match="mnist.npz did not come from 127.0.0.1"):
        load("mnist")
    assert kept(cache_folder) == []
    with pytest.raises(datasets.DatasetUnavailable):
        load("mnist", source="cache")
    assert len(load("mnist")) == len(mnist["y_train"])


def test_a_wrong_checksum_is_refused(mnist, server, cache_folder):
    server.faults = ["changed"] * originals.ATTEMPTS
    with (
        pytest.warns(UserWarning, match="sent another mnist.npz than was published"),
        pytest.raises(datasets.DatasetUnavailable, match="sent another mnist.npz than was published"),
    ):
        load("mnist")
    assert kept(cache_folder) == []


def test_a_host_that_never_stops_is_stopped_at_the_published_size(mnist, server, cache_folder):
    server.faults = ["endless"]
    most = (server.folder / "mnist.npz").stat().st_size
    said = f"sends more than the {most:,} bytes of mnist.npz; it was stopped"
    with pytest.warns(UserWarning, match=said), pytest.raises(datasets.DatasetUnavailable, match=said):
        load("mnist")
    assert len(server.requests) == 1
    assert server.sent < 1 << 25  # what the system had sent before the connection was closed
    assert kept(cache_folder) == []
    assert len(load("mnist")) == len(mnist["y_train"])


def test_the_first_of_two_downloads_is_not_lost_with_the_second(server, monkeypatch):
    small_data.pets(server.folder / "images.tar.gz", server.folder / "annotations.tar.gz")
    small_data.publish(monkeypatch, "oxford_pets", server.url, server.folder)
    server.faults = [None, *["missing"] * originals.ATTEMPTS]
    with pytest.raises(datasets.DatasetUnavailable, match="annotations.tar.gz"):
        load("oxford_pets")
    server.requests.clear()
    load("oxford_pets", size=16)
    assert server.requests == ["/annotations.tar.gz"]


def test_without_a_network_the_error_names_the_remedies_in_order(mnist, server):
    server.close()
    with pytest.raises(datasets.DatasetUnavailable) as failure:
        load("mnist")
    text = str(failure.value)
    looked = [text.index(place) for place in ("cache:", "mirror: COURSE_UTILS_MIRROR is not set", "host:")]
    remedies = [
        text.index(remedy)
        for remedy in (
            "Set COURSE_UTILS_MIRROR",
            "course data fetch mnist",
            'source="stand-in"',
            "COURSE_PROFILE=smoke",
        )
    ]
    assert looked + remedies == sorted(looked + remedies)
    assert "Connection refused" in text


def test_the_error_survives_a_process_pool():
    error = datasets.DatasetUnavailable("mnist", [("cache", "no")])
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


# ---------------------------------------------------------------- archives


def test_a_truncated_zip_is_refused(server, monkeypatch, cache_folder):
    publish_cats(monkeypatch, server, small_data.cats_and_dogs_files())
    path = server.folder / "kagglecatsanddogs_5340.zip"
    path.write_bytes(path.read_bytes()[:-200])
    small_data.publish(monkeypatch, "cats_vs_dogs", server.url, server.folder)  # published like that
    with pytest.warns(UserWarning, match="not a whole zip"), pytest.raises(datasets.DatasetUnavailable):
        load("cats_vs_dogs")
    with pytest.raises(datasets.DatasetUnavailable):
        load("cats_vs_dogs", source="cache")
    assert not (cache_folder / "cats_vs_dogs.json").exists()


@pytest.mark.parametrize("keep", [0.3, 0.9])
def test_a_truncated_tar_is_refused(server, monkeypatch, keep):
    path = server.folder / "cifar-10-python.tar.gz"
    small_data.cifar10(path)
    path.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size)])
    small_data.publish(monkeypatch, "cifar10", server.url, server.folder)
    with pytest.warns(UserWarning, match="not a whole tar"), pytest.raises(datasets.DatasetUnavailable):
        load("cifar10")


def symbolic_link(name):
    member = zipfile.ZipInfo(name)
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    return member


UNSAFE_IN_ZIP = {
    "../": (zipfile.ZipInfo("../escaped.txt"), "points out of the archive"),
    "inner ../": (zipfile.ZipInfo("PetImages/../../escaped.txt"), "points out of the archive"),
    "backslashes": (zipfile.ZipInfo("PetImages\\..\\..\\escaped.txt"), "points out of the archive"),
    "absolute": (zipfile.ZipInfo("/tmp/escaped.txt"), "has an absolute name"),
    "drive": (zipfile.ZipInfo("C:/escaped.txt"), "has an absolute name"),
    "link": (symbolic_link("PetImages/Cat/999.jpg"), "is a link"),
}


@pytest.mark.parametrize("case", UNSAFE_IN_ZIP)
def test_a_zip_that_points_out_of_itself_is_refused(server, monkeypatch, case):
    member, fault = UNSAFE_IN_ZIP[case]
    publish_cats(monkeypatch, server, small_data.cats_and_dogs_files(), extra=[(member, b"/etc/passwd")])
    with pytest.warns(UserWarning, match=fault), pytest.raises(datasets.DatasetUnavailable, match="not safe to read"):
        load("cats_vs_dogs", size=16)


def tar_link(name, kind):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, "/etc/passwd"
    return member


UNSAFE_IN_TAR = {
    "../": (tarfile.TarInfo("../escaped.txt"), "points out of the archive"),
    "absolute": (tarfile.TarInfo("/tmp/escaped.txt"), "has an absolute name"),
    "symbolic link": (tar_link("annotations/trimaps/x.png", tarfile.SYMTYPE), "is a link"),
    "hard link": (tar_link("annotations/trimaps/x.png", tarfile.LNKTYPE), "is a link"),
}


@pytest.mark.parametrize("case", UNSAFE_IN_TAR)
@pytest.mark.parametrize("name", ["cifar10", "oxford_pets"])
def test_a_tar_that_points_out_of_itself_is_refused(server, monkeypatch, name, case):
    member, fault = UNSAFE_IN_TAR[case]
    if name == "cifar10":
        small_data.cifar10(server.folder / "cifar-10-python.tar.gz", extra=[member])
    else:
        small_data.pets(server.folder / "images.tar.gz", server.folder / "annotations.tar.gz", 2, extra=[member])
    small_data.publish(monkeypatch, name, server.url, server.folder)
    with pytest.warns(UserWarning, match=fault), pytest.raises(datasets.DatasetUnavailable, match="not safe to read"):
        load(name)


class Runs:
    """A pickle of this calls a function when it is read."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def test_a_pickle_that_calls_something_is_refused_and_does_not_call_it(tmp_path):
    target = tmp_path / "called"
    for harm in (Runs(os.mkdir, str(target)), {b"data": Runs(eval, "1 + 1")}, Runs(np.load, "x")):
        path = tmp_path / "batch"
        path.write_bytes(pickle.dumps(harm, protocol=2))
        with path.open("rb") as file, pytest.raises(archives.Damaged, match="is no part of an array"):
            archives.unpickle_arrays(file)
    assert not target.exists()


def test_a_corrupt_photograph_is_left_out_and_named(server, monkeypatch):
    broken = ["Cat/3.jpg", "Dog/7.jpg"]
    whole = small_data.cats_and_dogs_files()
    publish_cats(monkeypatch, server, small_data.cats_and_dogs_files(broken=broken) | {"PetImages/Dog/8.jpg": b""})
    with pytest.warns(UserWarning, match="photographs cannot be read and are left out") as warned:
        loaded = [load("cats_vs_dogs", split, size=16) for split in ("train", "test")]
    named = " ".join(str(warning.message) for warning in warned)
    assert all(key in named for key in [*broken, "Dog/8.jpg"])
    assert "Cat/4.jpg" not in named
    assert sum(map(len, loaded)) == sum(name.endswith(".jpg") for name in whole) - 3
    assert all("test_download.py" in warning.filename for warning in warned)


def test_a_corrupt_photograph_among_those_chosen_is_replaced_by_the_next_of_its_class(server, monkeypatch):
    broken = [f"{kind}/{n}.jpg" for kind in ("Cat", "Dog") for n in range(20)]
    publish_cats(monkeypatch, server, small_data.cats_and_dogs_files(each=30, broken=broken))
    with pytest.warns(UserWarning, match="left out"):
        everything = load("cats_vs_dogs", size=16)
    count = int(np.bincount(everything.labels).min())
    with pytest.warns(UserWarning, match="left out"):
        chosen = load("cats_vs_dogs", size=16, examples=2 * count)
    assert np.bincount(chosen.labels).tolist() == [count, count]


def test_an_archive_of_nothing_but_corrupt_photographs_is_refused(server, monkeypatch):
    files = dict.fromkeys(small_data.cats_and_dogs_files(), b"no image")
    publish_cats(monkeypatch, server, files)
    with (
        pytest.warns(UserWarning, match="no photograph of the train split can be read"),
        pytest.warns(UserWarning, match="left out"),
        pytest.raises(datasets.DatasetUnavailable),
    ):
        load("cats_vs_dogs")


# ---------------------------------------------------------------- the cache


@pytest.fixture(params=["tmpfs", "simulated"])
def full_cache(request, cache_folder, monkeypatch):
    """A cache on a disk that is full: a real one of 32 KiB where we may mount it, and one that only says so."""
    cache_folder.mkdir()
    if request.param == "tmpfs":
        mount = ["mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", str(cache_folder)]
        if sys.platform != "linux" or subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("no right to mount a small file system here; the simulated one is tested")
        yield cache_folder
        subprocess.run(["umount", str(cache_folder)], check=True)
    else:
        real = Path.mkdir

        def no_room(path, *args, **options):
            if cache_folder in path.parents:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
            real(path, *args, **options)

        monkeypatch.setattr(Path, "mkdir", no_room)
        yield cache_folder


@pytest.fixture(params=["no folder can be made", "read-only"])
def read_only_cache(request, tmp_path, cache_folder, monkeypatch):
    """A cache that cannot be written, even by root, whom permissions do not stop."""
    if request.param == "read-only":
        cache_folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(cache_folder)]
        if sys.platform != "linux" or subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("no right to mount a read-only file system here; the other way is tested")
        yield cache_folder
        subprocess.run(["umount", str(cache_folder)], check=True)
    else:
        (tmp_path / "file").write_text("not a folder")
        monkeypatch.setenv("COURSE_UTILS_CACHE", str(tmp_path / "file" / "cache"))
        yield tmp_path / "file" / "cache"


def test_with_a_full_cache_the_download_serves_once_and_says_so(mnist, server, full_cache):
    with pytest.warns(UserWarning, match="cannot be written.*[Nn]o space left.*COURSE_UTILS_CACHE") as warned:
        data = load("mnist", source="host")
    np.testing.assert_array_equal(data.images[..., 0], mnist["x_train"])
    assert "test_download.py" in warned[0].filename
    with pytest.raises(datasets.DatasetUnavailable):
        load("mnist", source="cache")


def test_with_a_cache_that_cannot_be_written_the_download_serves_once_and_says_so(mnist, server, read_only_cache):
    with pytest.warns(UserWarning, match="cannot be written"):
        data = load("mnist")
    np.testing.assert_array_equal(data.images[..., 0], mnist["x_train"])


def test_fetch_says_that_the_cache_cannot_be_written(mnist, server, read_only_cache):
    with pytest.raises(OSError, match="cache cannot be written.*COURSE_UTILS_CACHE") as failure:
        datasets.fetch("mnist", progress=False)
    assert not isinstance(failure.value, datasets.DatasetUnavailable)


@pytest.mark.parametrize("harm", ["changed", "shortened", "emptied", "removed"])
def test_a_damaged_file_in_the_cache_is_fetched_again(mnist, server, harm):
    path = datasets.fetch("mnist", progress=False)
    content = path.read_bytes()
    if harm == "removed":
        path.unlink()
    else:
        middle = len(content) // 2
        changed = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        path.write_bytes({"changed": changed, "shortened": content[:-1], "emptied": b""}[harm])
    if harm == "removed":
        data = load("mnist")
    else:
        with pytest.warns(UserWarning, match="It is not used"):
            data = load("mnist")
    np.testing.assert_array_equal(data.images[..., 0], mnist["x_train"])
    assert len(server.requests) == 2
    load("mnist", source="cache")


@pytest.mark.parametrize("record", ["", "{", "[]", '{"file": "../../x"}', "null"])
def test_a_damaged_record_counts_as_no_record(mnist, server, cache_folder, record):
    datasets.fetch("mnist", progress=False)
    (cache_folder / "mnist.json").write_text(record)
    assert len(load("mnist")) == len(mnist["y_train"])


def test_a_record_cannot_point_out_of_the_cache(mnist, server, cache_folder):
    path = datasets.fetch("mnist", progress=False)
    outside = cache_folder.parent / path.name
    path.rename(outside)
    record = json.loads((cache_folder / "mnist.json").read_text())
    (cache_folder / "mnist.json").write_text(json.dumps(record | {"file": f"../{path.name}"}))
    with pytest.raises(datasets.DatasetUnavailable):
        load("mnist", source="cache")
    assert outside.exists()


FETCH = """
import dataclasses, sys
sys.path.insert(0, sys.argv[1])
from course_utils.datasets import cache, registry, fetch
if sys.argv[4] == "no locks":
    import fcntl
    def refuse(*_): raise OSError("no locks here")
    fcntl.flock = refuse
entry = registry.DATASETS["mnist"]
original = registry.Original(sys.argv[2], int(sys.argv[5]), sys.argv[3])
registry.DATASETS["mnist"] = dataclasses.replace(entry, originals=(original,))
print(fetch("mnist", progress=False))
"""


def start_fetch(locks="locks"):
    (original,) = registry.DATASETS["mnist"].originals
    command = [sys.executable, "-c", FETCH, str(ROOT), original.url, original.sha256, locks, str(original.bytes)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize(("locks", "downloads"), [("locks", 1), ("no locks", 2)])
def test_two_processes_that_fetch_at_once_both_succeed(mnist, server, locks, downloads):
    server.faults = ["stall", "slow"]  # the first goes on only when the second has had its chance
    processes = [start_fetch(locks)]
    assert server.stalled.wait(30)
    processes.append(start_fetch(locks))
    if locks == "no locks":
        while len(server.requests) < 2:
            server.stalled.wait(0.05)
    else:
        with pytest.raises(subprocess.TimeoutExpired):
            processes[1].wait(1)  # it waits for the first
    server.release.set()
    answers = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], answers
    assert answers[0][0] == answers[1][0]
    assert len(server.requests) == downloads
    np.testing.assert_array_equal(load("mnist", source="cache").images[..., 0], mnist["x_train"])


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_a_process_killed_while_it_downloads_leaves_nothing_that_counts(mnist, server, cache_folder):
    server.faults = ["stall"]
    process = start_fetch()
    assert server.stalled.wait(30)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    with pytest.raises(datasets.DatasetUnavailable):
        load("mnist", source="cache")
    server.release.set()
    left = list((cache_folder / "mnist.partial").iterdir())
    assert left
    server.faults = ["missing"] * originals.ATTEMPTS
    with pytest.raises(datasets.DatasetUnavailable):
        datasets.fetch("mnist", progress=False)
    assert not any(path.exists() for path in left)  # gone with the next attempt, even one that fails
    path = datasets.fetch("mnist", progress=False)
    assert kept(cache_folder) == sorted([path.name, "mnist.json"])


def test_nothing_is_in_place_before_it_is_whole(tmp_path):
    target = tmp_path / "file"
    target.write_bytes(b"old")

    def write_half():
        with files.written_aside(target) as file:
            file.write(b"half of the n")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_half()
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_the_cache_is_where_the_environment_says_or_where_the_system_keeps_caches(monkeypatch, tmp_path):
    import pooch

    assert places.cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("COURSE_UTILS_CACHE")
    assert places.cache_folder() == Path(pooch.os_cache("course_utils"))


@pytest.fixture
def no_home(monkeypatch):
    """A container whose user the system does not know, and nothing in the environment."""
    import pwd

    def unknown(uid):
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for name in ("HOME", "COURSE_UTILS_CACHE", "XDG_CACHE_HOME", "KERAS_HOME"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.skipif(os.name != "posix", reason="needs users as POSIX has them")
@pytest.mark.parametrize("name", ["mnist", "cats_vs_dogs"])
def test_no_home_folder_is_needed_where_a_mirror_has_the_data(no_home, tmp_path, monkeypatch, name, recwarn):
    folder = tmp_path / "mirror"
    folder.mkdir()
    small_data.mnist(folder / "mnist.npz")
    small_data.write_zip(folder / "cats_vs_dogs.zip", small_data.cats_and_dogs_files())
    manifest.write(folder, {file.name: files.sha256(file) for file in folder.iterdir()})
    monkeypatch.setenv("COURSE_UTILS_MIRROR", str(folder))
    assert load(name, size=None if name == "mnist" else 8).source == "mirror"
    said = [str(warning.message) for warning in recwarn]
    if name == "mnist":  # which is decompressed each time, and says why
        [text] = said
        assert "no home folder to keep data in; set COURSE_UTILS_CACHE" in text
    else:
        assert said == []
    row = next(row for row in datasets.status() if row.name == name)
    assert (row.cache, row.at_hand) == (None, True)
    assert [row.place for row in weights.status() if row.name == "vgg16"] == [None]


@pytest.mark.skipif(os.name != "posix", reason="needs users as POSIX has them")
def test_without_a_home_folder_and_a_cache_a_sentence_says_what_to_set(mnist, server, no_home):
    with pytest.warns(UserWarning, match="no home folder .* downloaded for this time only"):
        assert len(load("mnist")) == len(mnist["y_train"])
    for attempt in (lambda: datasets.fetch("mnist"), lambda: load("mnist", source="cache")):
        with pytest.raises(OSError, match="no home folder to keep data in; set COURSE_UTILS_CACHE to a folder"):
            attempt()


@pytest.mark.parametrize("variable", ["COURSE_UTILS_CACHE", "COURSE_UTILS_MIRROR"])
@pytest.mark.parametrize("folder", ["~nobody-of-this-name/x", "~nobody-of-this-name"])
def test_a_folder_of_a_user_whom_nobody_knows_is_named(monkeypatch, variable, folder):
    monkeypatch.setenv(variable, folder)
    said = f"{variable} is '{folder}', but ~nobody-of-this-name is no folder here. Give a whole path, such as /data"
    for attempt in (lambda: load("mnist"), datasets.status, lambda: datasets.fetch("mnist")):
        with pytest.raises(ValueError, match=said):
            attempt()


def test_a_home_folder_is_expanded(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COURSE_UTILS_CACHE", "~/some/cache")
    assert places.cache_folder() == tmp_path / "some" / "cache"
    monkeypatch.setenv("HOME", str(tmp_path / "missing"))
    with pytest.raises(ValueError, match="~ is no folder here"):
        places.cache_folder()


def test_status_says_what_is_at_hand(mnist, server):
    def row():
        return next(row for row in sources.status() if row.name == "mnist")

    assert (row().at_hand, row().cache) == (False, None)
    path = datasets.fetch("mnist", progress=False)
    assert (row().at_hand, row().cache, row().cache_origin) == (True, path.stat().st_size, "host")
    path.write_bytes(path.read_bytes()[:-1])
    assert not row().at_hand
    assert row().download == (server.folder / "mnist.npz").stat().st_size


def test_a_new_file_replaces_the_old_one_in_the_cache(mnist, server, cache_folder):
    datasets.fetch("mnist", progress=False)
    entry = registry.DATASETS["mnist"]

    def make(folder):
        small_data.mnist(folder / "other.npz", train=10)
        return folder / "other.npz"

    path = cache.store(entry, make, "mirror", "0" * 64)
    assert kept(cache_folder) == sorted([path.name, "mnist.json"])
