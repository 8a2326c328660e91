"""State dicts that PyTorch saved in its old stream format, read without PyTorch.

Such a file is five pickles (magic number, protocol, system information, state dict, keys of storages) and then, for
each key, the count of its numbers in 8 bytes and the numbers themselves. A pickle is a program: what loads it calls
whatever the program names. Here no pickle is loaded. Its operations are read by `pickletools`, which runs nothing, and
the few that a state dict consists of are followed by a small machine that knows three kinds of names, `OrderedDict`,
`_rebuild_tensor_v2` and the storage types, and has nothing that it could call.
"""

import hashlib
import io
import math
import os
import pickletools
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..datasets.files import open_regular

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
# Networks of this course have at most 560 MB of weights. Nobody waits until a disk image has been read into memory.
LARGEST = 1 << 30
# A tensor takes about 50 operations and 300 bytes of the pickles; the largest networks have some 2,000 tensors.
MOST_OPERATIONS = 250_000
LONGEST_PICKLES = 1 << 23

_ORDERED_DICT = "collections OrderedDict"
_REBUILD = "torch._utils _rebuild_tensor_v2"
_DTYPES = {
    "torch FloatStorage": "<f4",
    "torch DoubleStorage": "<f8",
    "torch HalfStorage": "<f2",
    "torch LongStorage": "<i8",
    "torch IntStorage": "<i4",
    "torch ShortStorage": "<i2",
    "torch CharStorage": "i1",
    "torch ByteStorage": "u1",
}
_MOST_AXES = 8


class TorchFileError(ValueError):
    """A file is not a state dict that can be read: damaged, of another format, or with more in it than numbers."""


def read(path, sha256=None):
    """Read a state dict from a file in PyTorch's old stream format.

    Parameters
    ----------
    path : path-like
        Such as ``efficientnet-lite0-57934424.pth``.
    sha256 : str, optional
        Hexadecimal checksum that the file must have. Without it, a number may have changed and nobody would notice:
        the format has no checksum of its own.

    Returns
    -------
    dict of str to numpy.ndarray
        In the order of the file, read-only, in PyTorch's order of axes: a convolution has (filters, channels, height,
        width).

    Raises
    ------
    TorchFileError
        The checksum is another, the file is cut short, is in another format, its pickles hold anything but tensors or
        are longer than those of any state dict, or a tensor has numbers that are infinite or NaN. Nothing in it has
        been executed.
    OSError
        The file cannot be read, or is a folder, a pipe or a device.

    Notes
    -----
    The format is what ``torch.save(..., _use_new_zipfile_serialization=False)`` writes, PyTorch's default before 1.6.
    Used in chapter 09, Fine-tuning.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "weights.pth"
    ...     _ = path.write_bytes(b"some bytes")
    ...     read(path)
    Traceback (most recent call last):
    ...
    course_utils.models.torch_files.TorchFileError: .../weights.pth is not in PyTorch's old stream format: ...
    """
    path = Path(path)
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > LARGEST:
            raise TorchFileError(f"{path} has {size:,} bytes; a file of weights has at most {LARGEST:,} here.")
        content = file.read(size)
    if sha256 is not None:
        found = hashlib.sha256(content).hexdigest()
        if found != sha256.lower():
            raise TorchFileError(f"{path} is not the file that is expected: its SHA-256 is {found}, not {sha256}.")
    try:
        return _read(content)
    except TorchFileError as error:
        raise TorchFileError(f"{path} {error}") from error.__cause__


def _read(content):
    if content.startswith(b"PK"):
        raise TorchFileError(
            "is in PyTorch's newer zip format, which is not read here. With PyTorch, save it again by "
            "torch.save(state, path, _use_new_zipfile_serialization=False)."
        )
    file, storages = io.BytesIO(content[:LONGEST_PICKLES]), {}
    try:
        magic = _unpickle(file, storages, "magic number")
    except TorchFileError as error:
        raise TorchFileError(f"is not in PyTorch's old stream format: {error}") from error.__cause__
    if magic != MAGIC:
        raise TorchFileError("is not in PyTorch's old stream format: it begins with another magic number")
    protocol = _unpickle(file, storages, "protocol")
    if protocol != PROTOCOL or isinstance(protocol, bool):
        raise TorchFileError(f"is not in PyTorch's old stream format: its protocol is not {PROTOCOL}")
    system = _unpickle(file, storages, "system information")
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise TorchFileError("does not say that its numbers are little-endian, which is how they are read here")
    state = _unpickle(file, storages, "state dict")
    keys = _unpickle(file, storages, "list of storages")
    numbers = _numbers(content, file.tell(), keys, storages)
    if not isinstance(state, dict):
        raise TorchFileError(f"holds a {type(state).__name__}, not a state dict")
    for name, tensor in state.items():
        if not isinstance(tensor, _Tensor):
            raise TorchFileError(f"holds a {type(tensor).__name__} under the name {name[:60]!r}, not a tensor")
    arrays = {name: tensor.array(numbers[tensor.storage.key]) for name, tensor in state.items()}
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise TorchFileError(f"holds {name[:60]!r} with numbers that are infinite or not numbers (NaN)")
    return arrays


# ------------------------------------------------------------------------------------------------- what a pickle names


@dataclass(frozen=True)
class _Name:
    """A name that a pickle gives, such as ``torch FloatStorage``: text, never looked up."""

    text: str


@dataclass(frozen=True)
class _Storage:
    """Numbers in a row, to be found behind the pickles."""

    key: str
    dtype: str
    count: int


@dataclass(frozen=True)
class _Tensor:
    """A view of a storage: offset and strides in numbers, not in bytes."""

    storage: _Storage
    offset: int
    shape: tuple
    strides: tuple

    def array(self, numbers):
        dtype = np.dtype(self.storage.dtype)
        if 0 in self.shape:
            return np.frombuffer(b"", dtype).reshape(self.shape)
        strides = [stride * dtype.itemsize for stride in self.strides]
        return np.ndarray(self.shape, dtype, numbers, self.offset * dtype.itemsize, strides)


def _whole(value, most):
    return type(value) is int and 0 <= value <= most


def _storage(persistent, storages):
    """The storage that a pickle refers to, entered into ``storages``."""
    match persistent:
        case ("storage", _Name(text), str(key), str(), count, None) if text in _DTYPES and _whole(count, LARGEST):
            found = _Storage(key, _DTYPES[text], count)
        case _:
            raise TorchFileError("refers to something that is no storage of numbers")
    if storages.setdefault(key, found) != found:
        raise TorchFileError(f"describes its storage {key[:60]!r} in two ways")
    return found


def _tensor(arguments):
    """The tensor that `_rebuild_tensor_v2` would make, checked against the bounds of its storage."""
    match arguments:
        case (_Storage() as storage, offset, tuple(shape), tuple(strides), bool(), dict(), *_) if len(arguments) < 8:
            pass
        case _:
            raise TorchFileError("builds a tensor from something else than a storage, an offset, a shape and strides")
    if len(shape) > _MOST_AXES or len(shape) != len(strides):
        raise TorchFileError(f"has a tensor with {len(shape)} axes and {len(strides)} strides")
    if not all(_whole(number, LARGEST) for number in (offset, *shape, *strides)):
        raise TorchFileError("has a tensor whose offset, shape or strides are no numbers of this size")
    places = math.prod(shape)
    last = offset + sum((side - 1) * stride for side, stride in zip(shape, strides, strict=True))
    # More places than numbers would be one number shown many times, which no weights are.
    if places > storage.count or (places and last >= storage.count) or math.prod(filter(None, shape)) > LARGEST:
        raise TorchFileError(f"has a tensor of {places} numbers that reaches beyond its storage of {storage.count}")
    return _Tensor(storage, offset, shape, strides)


# --------------------------------------------------------------------------------------------------------- the machine


def _unpickle(file, storages, part):
    """Follow the pickle at the place where ``file`` stands, and leave it behind that pickle's end."""
    try:
        return _follow(file, storages)
    except (ValueError, LookupError, struct.error, OverflowError) as error:
        if isinstance(error, TorchFileError):
            raise
        if file.seek(0, io.SEEK_END) == LONGEST_PICKLES:
            raise TorchFileError(f"has pickles of more than {LONGEST_PICKLES:,} bytes, or is damaged") from error
        raise TorchFileError(f"is damaged: its {part} cannot be read ({str(error)[:120]})") from error


def _follow(file, storages):
    stack, marks, memo = [], [], {}

    def pop():
        if len(stack) <= (marks[-1] if marks else 0):
            raise IndexError("nothing is left to take")
        return stack.pop()

    def pop_to_mark():
        mark = marks.pop()
        taken = stack[mark:]
        del stack[mark:]
        return taken

    def top(kind):
        if len(stack) <= (marks[-1] if marks else 0) or type(stack[-1]) is not kind:
            raise ValueError(f"a {kind.__name__} was to be filled, and there is none")
        return stack[-1]

    def fill(pairs):
        if len(pairs) % 2 or not all(type(key) is str for key in pairs[::2]):
            raise ValueError("a dict has a key that is no text")
        top(dict).update(zip(pairs[::2], pairs[1::2], strict=True))

    for number, (operation, argument, _) in enumerate(pickletools.genops(file)):
        if number >= MOST_OPERATIONS:
            raise TorchFileError(f"has a pickle of more than {MOST_OPERATIONS:,} operations, which no state dict needs")
        match operation.name:
            case "PROTO":
                pass
            case "NONE":
                stack.append(None)
            case "NEWTRUE" | "NEWFALSE":
                stack.append(operation.name == "NEWTRUE")
            case "BININT" | "BININT1" | "BININT2" | "LONG1" | "BINUNICODE":
                stack.append(argument)
            case "EMPTY_DICT" | "EMPTY_LIST" | "EMPTY_TUPLE":
                stack.append({"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}[operation.name]())
            case "MARK":
                marks.append(len(stack))
            case "TUPLE":
                stack.append(tuple(pop_to_mark()))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                taken = [pop() for _ in range(int(operation.name[-1]))]
                stack.append(tuple(reversed(taken)))
            case "APPEND":
                item = pop()
                top(list).append(item)
            case "APPENDS":
                items = pop_to_mark()
                top(list).extend(items)
            case "SETITEM":
                value, key = pop(), pop()
                fill([key, value])
            case "SETITEMS":
                fill(pop_to_mark())
            case "BINPUT" | "LONG_BINPUT":
                memo[argument] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(memo[argument])
            case "GLOBAL":
                if argument not in (_ORDERED_DICT, _REBUILD, *_DTYPES):
                    raise TorchFileError(
                        f"names {'.'.join(argument.split(' '))[:120]}, which is no part of weights. "
                        "Nothing of it was executed; do not load this file by other means"
                    )
                stack.append(_Name(argument))
            case "BINPERSID":
                stack.append(_storage(pop(), storages))
            case "REDUCE":
                arguments, name = pop(), pop()
                if name == _Name(_REBUILD):
                    stack.append(_tensor(arguments))
                elif name == _Name(_ORDERED_DICT) and arguments in ((), ([],)):
                    stack.append({})
                else:
                    raise ValueError("something is called that makes no tensor")
            case "BUILD":  # the versions of PyTorch's modules, beside the state dict
                pop()
                top(dict)
            case "STOP":
                if len(stack) != 1 or marks:
                    raise ValueError("it ends in the middle")
                return stack.pop()
            case other:
                raise TorchFileError(f"has a pickle with the operation {other}, which no state dict needs")
    raise ValueError("it has no end")


def _numbers(content, position, keys, storages):
    """The bytes of every storage, from what follows the pickles."""
    if type(keys) is not list or not all(type(key) is str for key in keys) or sorted(keys) != sorted(storages):
        raise TorchFileError("is damaged: its list of storages is not that of its state dict")
    view, found = memoryview(content), {}
    for number, key in enumerate(keys, 1):
        storage = storages[key]
        start = position + 8
        end = start + storage.count * np.dtype(storage.dtype).itemsize
        if end > len(content):
            raise TorchFileError(
                f"is cut short: it has {len(content):,} bytes, and its storage {number} of {len(keys)} ends at {end:,}"
            )
        (count,) = struct.unpack_from("<q", content, position)
        if count != storage.count:
            raise TorchFileError(
                f"is damaged: storage {number} of {len(keys)} has {count} numbers, not {storage.count}"
            )
        found[key], position = view[start:end], end
    if position != len(content):
        raise TorchFileError(f"is damaged: {len(content) - position:,} bytes follow its last storage")
    return found
