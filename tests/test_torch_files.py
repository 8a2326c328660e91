"""PyTorch's old files: read like PyTorch reads them, and nothing but numbers ever comes out of one."""

import hashlib
import os
import struct
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
import small_torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_torch import Built, Call, Filled, Name, Persistent, storage, tensor

from course_utils.models import torch_files
from course_utils.models.torch_files import TorchFileError

ARRAYS = {
    "stem.weight": np.arange(24, dtype="f4").reshape(2, 3, 2, 2) / 7,
    "nothing": np.zeros((0, 3), "f4"),
    "stem.bias": np.array([0.5, -1.5], "f4"),
    "bn.num_batches_tracked": np.array(2**40, "i8"),
    "half": np.array([[1, 2, 3]], "f2"),
}
WHOLE = small_torch.state_dict(ARRAYS)
NUMBERS = sum(array.nbytes + 8 for array in ARRAYS.values())  # the last bytes of the file


@pytest.fixture
def reading(tmp_path):
    """Read a file with these bytes."""

    def read(content, **options):
        path = tmp_path / "weights.pth"
        path.write_bytes(content)
        return torch_files.read(path, **options)

    return read


def assert_equal(found, expected):
    assert list(found) == list(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype
        assert found[name].shape == array.shape


# ---------------------------------------------------------------------------------------------------- what goes right


def test_what_was_written_is_read(reading):
    assert_equal(reading(WHOLE), ARRAYS)


def test_the_arrays_cannot_be_changed(reading):
    with pytest.raises(ValueError, match="read-only"):
        reading(WHOLE)["stem.bias"][0] = 1


def test_a_file_with_the_right_checksum_is_read_and_another_is_not(reading):
    digest = hashlib.sha256(WHOLE).hexdigest()
    assert_equal(reading(WHOLE, sha256=digest.upper()), ARRAYS)
    changed = WHOLE[:-1] + bytes([WHOLE[-1] ^ 1])
    assert reading(changed)  # without a checksum nobody would notice
    with pytest.raises(TorchFileError, match=f"its SHA-256 is [0-9a-f]{{64}}, not {digest}"):
        reading(changed, sha256=digest)


def test_views_of_one_storage_are_read_with_their_strides(reading):
    numbers = np.arange(12, dtype="f4")
    shared = storage("0", 12)
    content = small_torch.file(
        {"whole": tensor(shared, 0, (3, 4), (4, 1)), "turned": tensor(shared, 0, (4, 3), (1, 4)),
         "part": tensor(shared, 5, (2, 2), (4, 2))},
        {"0": (12, numbers.tobytes())},
    )  # fmt: skip
    whole = numbers.reshape(3, 4)
    assert_equal(reading(content), {"whole": whole, "turned": whole.T, "part": whole[1:, 1::2]})


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'course-utils[torch]'")


def test_files_of_pytorch_itself_are_read(torch, tmp_path, reading):
    grid = torch.arange(60, dtype=torch.float32).reshape(3, 4, 5)
    state = {
        "grid": grid, "view": grid[1:, ::2].permute(2, 0, 1), "scalar": torch.tensor(7), "empty": torch.zeros(0, 2),
        "double": torch.rand(3, dtype=torch.float64), "half": torch.rand(2, 2).half(),
        "bytes": torch.arange(5, dtype=torch.uint8), "parameter": torch.nn.Linear(2, 3).state_dict()["weight"],
    }  # fmt: skip
    torch.save(state, tmp_path / "saved.pth", _use_new_zipfile_serialization=False)
    assert_equal(torch_files.read(tmp_path / "saved.pth"), {name: value.numpy() for name, value in state.items()})


def test_files_of_the_writer_in_these_tests_are_read_by_pytorch(torch, tmp_path):
    (tmp_path / "written.pth").write_bytes(WHOLE)
    found = torch.load(tmp_path / "written.pth", weights_only=True)
    assert_equal({name: value.numpy() for name, value in found.items()}, ARRAYS)


def test_the_newer_zip_format_is_named(torch, tmp_path):
    torch.save({"a": torch.zeros(2)}, tmp_path / "new.pth")
    with pytest.raises(TorchFileError, match="newer zip format.*_use_new_zipfile_serialization=False"):
        torch_files.read(tmp_path / "new.pth")


def test_reading_needs_no_framework():
    code = "import sys; from course_utils.models import torch_files; print(*sys.modules)"
    loaded = set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.split())
    assert "course_utils.models.torch_files" in loaded
    assert not loaded & {"torch", "keras", "tensorflow", "jax"}


# --------------------------------------------------------------------------------------------------- hostile pickles

FOUR = {"0": (4, np.zeros(4, "f4").tobytes())}


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("builtins", "eval"),
        ("collections", "Counter"),
        ("torch._utils", "_rebuild_parameter"),
        ("torch", "BoolStorage"),
        ("torch.storage", "FloatStorage"),
    ],
)
def test_a_name_that_is_no_part_of_weights_is_refused_and_not_called(reading, tmp_path, module, name):
    attack = Call(Name(module, name), (f"touch {tmp_path / 'executed'}",))
    for state in (attack, {"a": attack}, Built({"a": tensor(storage("0", 4))}, attack)):
        with pytest.raises(TorchFileError, match=f"names {module}.{name}, which is no part of weights. Nothing"):
            reading(small_torch.file(state, FOUR))
    for part in ("magic", "protocol", "system", "keys"):
        with pytest.raises(TorchFileError, match=f"names {module}.{name}"):
            reading(small_torch.file({"a": tensor(storage("0", 4))}, FOUR, **{part: attack}))
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("operations", "named"),
    [
        (b"(ios\nsystem\n", "INST"),
        (b"(cos\nsystem\no", "names os.system"),
        (b"cos\nsystem\n)\x81", "names os.system"),
        (b"ccollections\nOrderedDict\n)\x81", "NEWOBJ"),
        (b"X\x02\x00\x00\x00osX\x06\x00\x00\x00system\x93", "STACK_GLOBAL"),
        (b"\x82\x01", "EXT1"),
        (b"P1\n", "PERSID"),
        (b"I1\n", "INT"),
        (b"\x8f", "EMPTY_SET"),
        (b"]2", "DUP"),
    ],
)
def test_an_operation_that_no_state_dict_needs_is_refused(reading, operations, named):
    with pytest.raises(TorchFileError, match=named):
        reading(small_torch.file(operations, {}))


@pytest.mark.parametrize(
    "state",
    [
        Call(Name("collections", "OrderedDict"), ([("a", 1)],)),  # would hash whatever it is given
        Call(Name("torch", "FloatStorage"), (4,)),
        Call("text", ()),
        Filled([], {"a": 1}),
        Built(Name("collections", "OrderedDict"), {"__init__": 1}),
        {("a",): tensor(storage("0", 4))},
        {1: tensor(storage("0", 4))},
        b"a", b"t", b"u", b"R", b"b", b"Q", b"(((", b"h\x09", b"NN",
    ],
    ids=repr,
)  # fmt: skip
def test_a_pickle_that_makes_no_sense_is_damaged(reading, state):
    with pytest.raises(TorchFileError, match="is damaged: its state dict cannot be read"):
        reading(small_torch.file(state, FOUR))


@pytest.mark.parametrize(
    ("state", "named"),
    [
        ([1], "holds a list, not a state dict"),
        ({"a": 1}, "holds a int under the name 'a', not a tensor"),
        ({"a": {"b": tensor(storage("0", 4))}}, "holds a dict under the name 'a'"),
        ({"a": storage("0", 4)}, "not a tensor"),
    ],
)
def test_what_is_no_state_dict_is_named(reading, state, named):
    with pytest.raises(TorchFileError, match=named):
        reading(small_torch.file(state, FOUR if "0" in repr(state) else {}))


def test_a_large_memo_or_a_deep_stack_costs_no_memory(reading):
    memo, deep = b"Nr\xff\xff\xff\xff", b"(" * 100_000
    laughs = b")q\x00" + b"(h\x00h\x00tq\x00" * 2_000  # 2 to the 2,000 leaves, if anybody counted them
    tracemalloc.start()
    for operations in (memo, deep, laughs, b"}(" + laughs + b"Nu"):
        with pytest.raises(TorchFileError):
            reading(small_torch.file(operations, {}))
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("operations", "said"),
    [
        (b"Nq\x00" + b"h\x00" * 2_000_000, "has a pickle of more than 250,000 operations"),
        (b"(" * 2_000_000, "has a pickle of more than 250,000 operations"),
        (b"}" * 2_000_000, "has a pickle of more than 250,000 operations"),
        (b"X" + struct.pack("<I", 40_000_000) + b"a" * 40_000_000, "has pickles of more than 8,388,608 bytes"),
        (b"c" + b"a" * 40_000_000, "has pickles of more than 8,388,608 bytes"),
    ],
    ids=["references", "marks", "dicts", "text", "name"],
)
def test_pickles_longer_than_any_state_dicts_are_given_up(reading, operations, said):
    tracemalloc.start()
    with pytest.raises(TorchFileError, match=said):
        reading(small_torch.file(operations, {}))
    assert tracemalloc.get_traced_memory()[1] < 150_000_000  # the file itself, twice, and little more
    tracemalloc.stop()


def test_more_tensors_than_any_network_has_are_read(reading):
    arrays = {f"block_{n}.batch_normalisation.running_variance": np.ones(1, "f4") for n in range(3000)}
    assert list(reading(small_torch.state_dict(arrays))) == list(arrays)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", ["f2", "f4", "f8"])
def test_numbers_that_are_none_are_refused_with_the_tensors_name(reading, value, kind):
    harmed = np.ones((3, 4), kind)
    harmed[2, 1] = value
    with pytest.raises(TorchFileError, match="holds 'stem.harmed' with numbers that are infinite or not numbers"):
        reading(small_torch.state_dict(ARRAYS | {"stem.harmed": harmed}))


# ------------------------------------------------------------------------------------------------ beyond the storages


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [
        (0, (5,), (1,)),
        (1, (4,), (1,)),
        (0, (2, 2), (3, 1)),
        (5, (1,), (1,)),
        (-1, (2,), (1,)),
        (0, (-1,), (1,)),
        (0, (2,), (-1,)),
        (0, (2,), (2**70,)),
        (0, (2**40, 0), (1, 1)),
        (0, (2**31, 2**31), (0, 0)),  # one number, shown often: 2 ** 64 bytes if copied
        (0, (5,), (0,)),
        (0, (2, 2), (1,)),
        (0, (1,) * 40, (1,) * 40),
        (True, (1,), (1,)),
        (0, (True,), (1,)),
        (0, ("2",), (1,)),
        (None, (1,), (1,)),
        (0, [4], [1]),
    ],
)
def test_a_tensor_that_does_not_fit_its_storage_is_refused(reading, offset, shape, strides):
    content = small_torch.file({"a": tensor(storage("0", 4), offset, shape, strides)}, FOUR)
    with pytest.raises(TorchFileError, match="has a tensor|builds a tensor"):
        reading(content)


@pytest.mark.parametrize(
    "persistent",
    [
        ("module", Name("torch", "FloatStorage"), "0", "cpu", 4, None),
        ("storage", Name("collections", "OrderedDict"), "0", "cpu", 4, None),
        ("storage", "torch FloatStorage", "0", "cpu", 4, None),
        ("storage", Name("torch", "FloatStorage"), 0, "cpu", 4, None),
        ("storage", Name("torch", "FloatStorage"), "0", "cpu", -4, None),
        ("storage", Name("torch", "FloatStorage"), "0", "cpu", 2**60, None),
        ("storage", Name("torch", "FloatStorage"), "0", "cpu", 4, ("view", 0, 1)),
        ("storage",),
        "storage",
    ],
    ids=repr,
)
def test_what_is_no_storage_is_refused(reading, persistent):
    with pytest.raises(TorchFileError, match="refers to something that is no storage of numbers"):
        reading(small_torch.file({"a": tensor(Persistent(persistent))}, FOUR))


def test_a_storage_described_in_two_ways_is_refused(reading):
    state = {"a": tensor(storage("0", 4)), "b": tensor(storage("0", 2, "Double"))}
    with pytest.raises(TorchFileError, match="describes its storage '0' in two ways"):
        reading(small_torch.file(state, FOUR))


@pytest.mark.parametrize("keys", [[], ["0", "0"], ["0", "1"], ["1"], [0], "0", None.__class__])
def test_a_list_of_storages_that_is_another_than_the_state_dicts_is_refused(reading, keys):
    keys = {"b": 1} if isinstance(keys, type) else keys
    with pytest.raises(TorchFileError, match="list of storages is not that of its state dict"):
        reading(small_torch.file({"a": tensor(storage("0", 4))}, FOUR, keys=keys))


@pytest.mark.parametrize("count", [3, 5, -1, 2**62])
def test_a_count_that_is_another_than_the_pickles_is_refused(reading, count):
    content = small_torch.file({"a": tensor(storage("0", 4))}, {"0": (count, FOUR["0"][1])})
    with pytest.raises(TorchFileError, match=f"storage 1 of 1 has {count} numbers, not 4"):
        reading(content)


# ------------------------------------------------------------------------------------------------------ damaged files


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"magic": 7}, "begins with another magic number"),
        ({"protocol": 1000}, "its protocol is not 1001"),
        ({"protocol": None}, "its protocol is not 1001"),
        ({"system": {"little_endian": False}}, "little-endian"),
        ({"system": []}, "little-endian"),
    ],
)
def test_another_format_is_named(reading, change, named):
    with pytest.raises(TorchFileError, match=named):
        reading(small_torch.file({"a": tensor(storage("0", 4))}, FOUR, **change))


@pytest.mark.parametrize("content", [b"", b"\n", b"some text", b"\x89HDF\r\n\x1a\n", b"\x00" * 100])
def test_a_file_of_another_kind_is_named(reading, content):
    with pytest.raises(TorchFileError, match="weights.pth is not in PyTorch's old stream format"):
        reading(content)


def test_bytes_behind_the_last_storage_are_refused(reading):
    with pytest.raises(TorchFileError, match="3 bytes follow its last storage"):
        reading(WHOLE + b"abc")


def test_a_file_larger_than_any_network_is_not_read_into_memory(reading, monkeypatch):
    monkeypatch.setattr(torch_files, "LARGEST", 100)
    with pytest.raises(TorchFileError, match="has at most 100 here"):
        reading(WHOLE)


def test_a_folder_or_no_file_is_the_systems_error(tmp_path):
    for path in (tmp_path, tmp_path / "none.pth"):
        with pytest.raises(OSError):
            torch_files.read(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes in the file system")
def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.pth")
    code = "import sys; from course_utils.models import torch_files; torch_files.read(sys.argv[1])"
    for path, kind in ((tmp_path / "pipe.pth", "pipe"), ("/dev/zero", "device"), (tmp_path, "folder")):
        done = subprocess.run(
            [sys.executable, "-c", code, path], capture_output=True, text=True, timeout=60, check=False
        )
        assert f"it is a {kind}, not a file: '{path}'" in done.stderr


def test_a_file_cut_short_at_any_byte_says_so(reading):
    for length in range(len(WHOLE)):
        with pytest.raises(
            TorchFileError, match="is cut short" if length >= len(WHOLE) - NUMBERS else "cannot be read"
        ):
            reading(WHOLE[:length])


def outcome(path):
    """Arrays or the declared error; anything else is a failure of the test."""
    try:
        return torch_files.read(path)
    except TorchFileError as error:
        return error


def assert_well_formed(found, content):
    """A dict of arrays that have all their numbers inside the file."""
    assert type(found) is dict
    for name, array in found.items():
        assert type(name) is str
        assert type(array) is np.ndarray
        assert array.nbytes <= len(content)
        array.sum()  # every number can be reached


changes = st.lists(
    st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255), st.sampled_from(["set", "insert", "delete"])),
    min_size=1,
    max_size=4,
)


@settings(max_examples=400)
@given(changes, st.integers(0, len(WHOLE)))
def test_whatever_is_changed_the_declared_error_comes_or_arrays_do(tmp_path_factory, edits, length):
    content = bytearray(WHOLE)
    for position, value, kind in edits:
        if kind == "set":
            content[position % len(content)] = value
        elif kind == "insert":
            content.insert(position, value)
        else:
            del content[position % len(content)]
    content = bytes(content[: length or None])
    path = tmp_path_factory.getbasetemp() / "fuzzed.pth"
    path.write_bytes(content)
    found = outcome(path)
    if isinstance(found, TorchFileError):
        assert str(found).startswith(str(path))  # says which file
        assert len(str(found)) < 500
    else:
        assert_well_formed(found, content)


@settings(max_examples=200)
@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_one_changed_byte_never_gives_other_arrays_unless_it_is_in_a_number_or_a_name(tmp_path_factory, position, mask):
    content = bytearray(WHOLE)
    content[position] ^= mask
    path = tmp_path_factory.getbasetemp() / "changed.pth"
    path.write_bytes(content)
    found = outcome(path)
    if not isinstance(found, TorchFileError):
        assert_well_formed(found, content)
        if position >= len(WHOLE) - NUMBERS:
            differing = [n for n in ARRAYS if not np.array_equal(found[n], ARRAYS[n], equal_nan=True)]
            assert len(differing) <= 1
        assert sum(array.nbytes for array in found.values()) <= NUMBERS
    with pytest.raises(TorchFileError, match="is not the file that is expected"):
        torch_files.read(path, sha256=hashlib.sha256(WHOLE).hexdigest())
