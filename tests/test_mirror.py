"""A mirror is enough where no host is: it is written, read, and every changed byte in it is noticed."""

import hashlib
import os
import re
import shutil
import signal
import socket
import string
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import small_data
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils import datasets
from course_utils.datasets import archives, cache, files, manifest, mirror, registry, selection, sources

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


KILLED = """
import os, shutil, signal, sys
from course_utils.datasets import files
def die(original, copy, length):
    copy.write(original.read(100))
    copy.flush()
    os.kill(os.getpid(), signal.SIGKILL)
shutil.copyfileobj = die
files.copy(sys.argv[1], sys.argv[2])
"""


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_what_a_killed_process_left_is_removed_by_the_next_and_what_a_living_one_writes_is_not(made, tmp_path):
    folder, _ = made
    command = [sys.executable, "-c", KILLED, str(folder / "mnist.npz"), str(folder / "cifar10.npz")]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert len(list(folder.iterdir())) == 3
    (folder / ".mine.part").write_text("a file of the user's")
    with files.written_aside(folder / "being written") as file:
        file.write(b"whole")
        mirror.write(folder, ["mnist"], progress=False)
    expected = [".mine.part", "SHA256SUMS", "being written", "mnist.npz"]
    assert sorted(path.name for path in folder.iterdir()) == expected
    assert (folder / "being written").read_bytes() == b"whole"


@pytest.mark.skipif(os.name != "posix", reason="folders can be locked only there")
def test_two_processes_that_add_to_a_mirror_at_once_both_stay_listed(tmp_path):
    add = "import sys; from course_utils.datasets import mirror; mirror.add(*sys.argv[1:6])"
    folder, names = tmp_path / "mirror", [f"file {n}" for n in range(6)]
    for name in names:
        (tmp_path / name).write_text(name)
    running = [
        subprocess.Popen([sys.executable, "-c", add, str(folder), name, name, str(tmp_path / name), "test"])
        for name in names
    ]
    assert [process.wait(120) for process in running] == [0] * 6
    assert manifest.read(folder) == {name: hashlib.sha256(name.encode()).hexdigest() for name in names}
    assert all(verdict.ok for verdict in mirror.verify(folder))


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


SAME_MANIFEST = {
    "UTF-8 with a mark": lambda text: text.encode("utf-8-sig"),
    "UTF-16": lambda text: text.encode("utf-16"),
    "UTF-16, the other way": lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
    "UTF-32": lambda text: text.encode("utf-32"),
    "Windows' lines": lambda text: text.replace("\n", "\r\n").encode(),
    "old Macs' lines": lambda text: text.replace("\n", "\r").encode(),
    "Windows in all": lambda text: ("\n# caf\u00e9\n" + text).replace("\n", "\r\n").encode("utf-16"),
    "./": lambda text: text.replace("  ", "  ./").encode(),
    ".\\": lambda text: text.replace("  ", "  .\\").encode(),
    "binary": lambda text: text.replace("  ", " *").encode(),
    "upper case": lambda text: text.upper().replace("MNIST.NPZ", "mnist.npz").encode(),
    "no last line end": lambda text: text.rstrip().encode(),
    "spaces at the end": lambda text: text.replace("\n", " \t\n").encode(),
    "comments": lambda text: ("# the data of the course\n\n" + text + "\n  \n# end").encode(),
    "BSD": lambda text: f"SHA256 (mnist.npz) = {text[:64]}\n".encode(),
    "OpenSSL": lambda text: f"SHA2-256(./mnist.npz)= {text[:64]}\n".encode(),
    "twice the same": lambda text: (text + text).encode(),
}


@pytest.mark.parametrize("change", SAME_MANIFEST)
def test_a_manifest_that_says_the_same_in_another_way_is_read_and_added_to(made, server, change, tmp_path, monkeypatch):
    folder, arrays = made
    sums = folder / "SHA256SUMS"
    sums.write_bytes(SAME_MANIFEST[change](sums.read_text()))
    np.testing.assert_array_equal(load("mnist", source="mirror").images[..., 0], arrays["x_train"])
    monkeypatch.delenv("COURSE_UTILS_MIRROR")
    mirror.write(folder, ["cats_vs_dogs"], progress=False)
    assert {verdict.file: verdict.state for verdict in mirror.verify(folder)} == {
        "mnist.npz": "ok", "cats_vs_dogs.zip": "ok"
    }  # fmt: skip
    kept = [line for line in sums.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    assert len(kept) == {"comments": 2, "Windows in all": 1}.get(change, 0)


DIGESTS = st.text("0123456789abcdefABCDEF", min_size=64, max_size=64)
FILES = st.text(string.ascii_letters + string.digits + "._- *()=#äß", min_size=1, max_size=12).filter(
    lambda name: name.strip() == name and name not in (".", "..") and name[0] != "*"
)
FORMS = ("{digest}  {file}", "{digest} *{file}", "{digest}  ./{file}", "SHA256 ({file}) = {digest}")
LINE_ENDS = ("\n", "\r\n", "\n\n# note\n")
LISTED = st.dictionaries(FILES, st.tuples(DIGESTS, st.sampled_from(FORMS)), max_size=6)


@settings(max_examples=100)
@given(
    LISTED,
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    st.sampled_from(["\n", "\r\n", "\n\n# note\n"]),
    FILES,
    DIGESTS,
)
def test_whatever_a_manifest_lists_stays_when_a_file_is_added(tmp_path_factory, listed, encoding, end, file, digest):
    folder = tmp_path_factory.mktemp("mirror")
    lines = [form.format(digest=one, file=name) for name, (one, form) in listed.items()]
    (folder / "SHA256SUMS").write_bytes("".join(line + end for line in lines).encode(encoding))
    expected = {name: one.lower() for name, (one, _) in listed.items()}
    assert manifest.read(folder) == expected
    manifest.add(folder, file, digest.lower())
    assert manifest.read(folder) == expected | {file: digest.lower()}


UNREADABLE = {
    "not UTF-8": (
        lambda text: text.encode() + b"\xff\xfe\n",
        "line 2 of .* is not text in UTF-8; save it as UTF-8",
    ),
    "half of UTF-16": (lambda text: text.encode("utf-16")[:-1], "line 1 of .* is not text in UTF-16-LE"),
    "UTF-16 without a mark": (lambda text: text.encode("utf-16-le"), "line 1 of .*, not a SHA-256 and a file name"),
    "a subfolder": (
        lambda text: text.encode() + text.replace("  ", "  sub/").encode(),
        "line 2 .*'sub/mnist.npz'",
    ),
    "a drive": (lambda text: text.replace("  ", "  C:").encode(), "line 1 .* names 'C:mnist.npz'"),
    "another checksum": (
        lambda text: (text + "0" * 64 + "  mnist.npz").encode(),
        "line 2 .* another checksum",
    ),
    "MD5": (lambda text: (text + "0" * 32 + "  a.npz").encode(), "line 2 .*, not a SHA-256"),
    "SHA-512": (lambda text: (text + "0" * 128 + "  a.npz").encode(), "line 2 .*, not a SHA-256"),
    "no name": (lambda text: text[:66].encode(), "line 1 .*, not a SHA-256"),
    "PowerShell": (
        lambda text: b"Algorithm Hash Path\n--------- ---- ----\n",
        "line 1 .* 'Algorithm Hash Path'",
    ),
    "conflict": (lambda text: ("<<<<<<< HEAD\n" + text).encode(), "line 1 .* '<<<<<<< HEAD', not a"),
}


@pytest.mark.parametrize("change", UNREADABLE)
def test_a_line_that_cannot_be_read_is_named_and_nothing_is_written(made, server, change, monkeypatch):
    folder, _ = made
    sums, (damage, complaint) = folder / "SHA256SUMS", UNREADABLE[change]
    sums.write_bytes(damage(sums.read_text()))
    before = sums.read_bytes()
    with pytest.warns(UserWarning, match=complaint), pytest.raises(datasets.DatasetUnavailable, match=complaint):
        load("mnist", source="mirror")
    monkeypatch.delenv("COURSE_UTILS_MIRROR")
    with pytest.raises(OSError, match=f"{complaint}.*Correct that first"):
        mirror.write(folder, "cats_vs_dogs", progress=False)
    assert sums.read_bytes() == before
    assert sorted(path.name for path in folder.iterdir()) == ["SHA256SUMS", "mnist.npz"]


@pytest.fixture
def in_time():
    """A test that hangs fails."""

    def ring(*_):
        raise AssertionError("it waits for something that never comes")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(30)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes in the file system")
@pytest.mark.parametrize("file", ["SHA256SUMS", "mnist.npz"])
@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_a_pipe_or_a_folder_in_the_place_of_a_file_is_named(made, in_time, file, kind):
    path = made[0] / file
    path.unlink()
    os.mkfifo(path) if kind == "pipe" else path.mkdir()
    named = pytest.warns(UserWarning, match=f"{file} cannot be read: .* it is a {kind}, not a file")
    with named, pytest.raises(datasets.DatasetUnavailable):
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


# ---------------------------------------------------------------- nothing is lost in silence


@pytest.fixture
def mirror_of(tmp_path, monkeypatch):
    """Make a mirror in force of an archive with these members."""

    def make(name, members):
        folder = tmp_path / "mirror"
        folder.mkdir(exist_ok=True)
        entry = registry.DATASETS[name]
        small_data.write_zip(folder / entry.file, members)
        manifest.write(folder, {entry.file: files.sha256(folder / entry.file)})
        monkeypatch.setenv("COURSE_UTILS_MIRROR", str(folder))

    return make


def pet_members(tmp_path, each=16):
    tars = tmp_path / "images.tar", tmp_path / "annotations.tar"
    small_data.pets(*tars, each)
    from course_utils.datasets.archives import tar_files

    return {name: content for tar in tars for name, content in tar_files(tar)}


@pytest.mark.filterwarnings("error")
def test_photographs_are_found_by_every_ending_and_keep_their_split(mirror_of):
    plain = small_data.cats_and_dogs_files()
    mirror_of("cats_vs_dogs", plain)
    expected = [load("cats_vs_dogs", split, size=8) for split in ("train", "test")]
    endings = [".JPG", ".jpeg", ".Jpg", ".JPEG", ".Png", ".jpg"]
    renamed = {
        name.removesuffix(".jpg") + endings[n % 6] if name.endswith(".jpg") else name: content
        for n, (name, content) in enumerate(plain.items())
    }
    mirror_of("cats_vs_dogs", renamed)
    for data in expected:
        found = load("cats_vs_dogs", data.split, size=8)
        assert len(found) == len(data)
        assert {image.tobytes() for image in found.images} == {image.tobytes() for image in data.images}


@pytest.mark.filterwarnings("error")
def test_masks_and_boxes_are_found_by_every_ending(mirror_of, tmp_path):
    members = pet_members(tmp_path)
    mirror_of("oxford_pets", members)
    expected = load("oxford_pets", size=16)
    upper = {name: name.replace(".png", ".PNG").replace(".xml", ".Xml").replace(".jpg", ".JPG") for name in members}
    mirror_of("oxford_pets", {upper[name]: content for name, content in members.items()})
    same(load("oxford_pets", size=16), expected)
    assert np.isfinite(expected.boxes).any()


@pytest.mark.parametrize("harm", ["no mask", "another mask", "another box", "garbled", "truncated"])
@pytest.mark.parametrize("lenient", [False, True])
def test_pets_that_are_left_out_are_counted_and_named(mirror_of, tmp_path, monkeypatch, harm, lenient):
    from PIL import ImageFile

    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", lenient)  # as students' code may set it
    members, names = pet_members(tmp_path), [f"{breed}_{n}" for breed in small_data.BREEDS for n in (3, 5, 7)]
    for name in names:
        image, mask, box = f"images/{name}.jpg", f"annotations/trimaps/{name}.png", f"annotations/xmls/{name}.xml"
        if harm == "no mask":
            del members[mask]
        elif harm == "another mask":
            members[mask] = small_data.encoded(np.full((60, 60), 255, np.uint8), "PNG")
        elif harm == "another box":
            members[box] = members[box].replace(b"<xmin>", b"<xmin>9")
        elif harm == "garbled":
            middle = len(members[image]) // 2 + 100
            members[image] = members[image][:middle] + b"\xff\xe1\x00\x02" + members[image][middle:]
        else:
            members[image] = members[image][:-60]
    mirror_of("oxford_pets", members)
    said = "no mask in annotations/trimaps and are left out" if harm == "no mask" else "cannot be read and are left out"
    with pytest.warns(UserWarning, match=said) as warned:
        loaded = [load("oxford_pets", split, size=16) for split in ("train", "test")]
    assert sum(map(len, loaded)) == 32 - len(names)
    named = re.findall(r"(?:Abyssinian|beagle)_\d+", " ".join(str(warning.message) for warning in warned))
    assert sorted(named) == sorted(names)
    assert lenient == ImageFile.LOAD_TRUNCATED_IMAGES


def test_pictures_by_other_names_are_counted_and_named_and_other_files_are_not(mirror_of):
    other = [
        "PetImages/Cat/cat.1.jpg",
        "PetImages/Bird/1.jpg",
        "cats/7.JPG",
        "PetImages\\Dog\\1.jpg",
        "PetImages/Dog/1.webp",
    ]
    unseen = ["__MACOSX/PetImages/Cat/._1.jpg", "PetImages/Cat/._2.jpg", "PetImages/Dog/notes.txt"]
    mirror_of("cats_vs_dogs", small_data.cats_and_dogs_files() | dict.fromkeys([*other, *unseen], b"x"))
    with pytest.warns(UserWarning, match="5 pictures are not named as .* are left out") as warned:
        load("cats_vs_dogs", size=8)
    text = str(warned[0].message)
    assert all(name in text for name in other)
    assert not any(name in text for name in unseen)


def test_an_archive_of_dogs_alone_still_calls_them_dogs(mirror_of):
    dogs = {name: content for name, content in small_data.cats_and_dogs_files().items() if "/Cat/" not in name}
    mirror_of("cats_vs_dogs", dogs)
    data = load("cats_vs_dogs", size=8)
    assert data.class_names == ("cat", "dog")
    assert set(data.labels.tolist()) == {1}


def test_a_member_larger_than_any_photograph_is_not_read(mirror_of, monkeypatch):
    monkeypatch.setattr(archives, "LARGEST_MEMBER", 10_000)
    mirror_of("cats_vs_dogs", small_data.cats_and_dogs_files() | {"PetImages/Cat/3.jpg": bytes(10_001)})
    split = "test" if selection.in_test("Cat/3.jpg") else "train"
    with pytest.warns(UserWarning, match="cannot be read and are left out: Cat/3.jpg"):
        load("cats_vs_dogs", split, size=8)


@pytest.mark.parametrize("labels", [np.full(5, 10), np.full(5, -1), np.full(5, 0.5), np.full(5, np.nan)])
def test_labels_that_name_no_class_are_refused(made, labels):
    path = made[0] / "mnist.npz"
    images = np.zeros((5, 28, 28), np.uint8)
    np.savez(path, x_train=images, y_train=labels, x_test=images, y_test=labels)
    manifest.write(made[0], {"mnist.npz": files.sha256(path)})
    with (
        pytest.warns(UserWarning, match="mnist has whole ones from 0 to 9"),
        pytest.raises(datasets.DatasetUnavailable),
    ):
        load("mnist", source="mirror")


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
