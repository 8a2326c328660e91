"""Files in PyTorch's old stream format, well formed or not, written without PyTorch."""

import pickle
import struct
from dataclasses import dataclass

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C
SYSTEM = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
STORAGES = {
    "f4": "Float", "f8": "Double", "f2": "Half",
    "i8": "Long", "i4": "Int", "i2": "Short", "i1": "Char", "u1": "Byte",
}  # fmt: skip


@dataclass(frozen=True)
class Name:
    """What a pickle looks up: ``Name("os", "system")``."""

    module: str
    name: str


@dataclass(frozen=True)
class Call:
    """What a pickle calls, and with what."""

    name: object
    arguments: object


@dataclass(frozen=True)
class Persistent:
    """What a pickle leaves to its reader, such as a storage."""

    value: object


@dataclass(frozen=True)
class Filled:
    """A dict that something else made, and the items put into it."""

    value: object
    items: dict


@dataclass(frozen=True)
class Built:
    """An object whose state a pickle sets."""

    value: object
    state: object


def pickled(value):
    """A pickle of protocol 2, strings memoised as `pickle` does."""
    memo = {}

    def write(value):
        match value:
            case None:
                return b"N"
            case bool():
                return b"\x88" if value else b"\x89"
            case int():
                digits = pickle.encode_long(value)
                return b"\x8a" + bytes([len(digits)]) + digits
            case str() if value in memo:
                return b"j" + struct.pack("<I", memo[value])
            case str():
                memo[value] = len(memo)
                text = value.encode()
                return b"X" + struct.pack("<I", len(text)) + text + b"r" + struct.pack("<I", memo[value])
            case tuple():
                return b"(" + b"".join(map(write, value)) + b"t"
            case list():
                return b"](" + b"".join(map(write, value)) + b"e"
            case dict():
                return b"}(" + b"".join(write(part) for item in value.items() for part in item) + b"u"
            case Name(module, name):
                return f"c{module}\n{name}\n".encode()
            case Call(name, arguments):
                return write(name) + write(arguments) + b"R"
            case Persistent(inner):
                return write(inner) + b"Q"
            case Filled(inner, items):
                return write(inner) + b"(" + b"".join(write(part) for item in items.items() for part in item) + b"u"
            case Built(inner, state):
                return write(inner) + write(state) + b"b"
            case bytes():
                return value  # operations as they are
        raise TypeError(value)

    return b"\x80\x02" + write(value) + b"."


def storage(key, count, kind="Float", location="cpu"):
    return Persistent(("storage", Name("torch", f"{kind}Storage"), key, location, count, None))


def tensor(storage, offset=0, shape=(1,), strides=(1,)):
    hooks = Call(Name("collections", "OrderedDict"), ())
    return Call(Name("torch._utils", "_rebuild_tensor_v2"), (storage, offset, shape, strides, False, hooks))


def file(state, numbers, keys=None, magic=MAGIC, protocol=1001, system=SYSTEM):
    """A whole file. ``numbers`` are the bytes behind the pickles, by storage: (count, content)."""
    pickles = [magic, protocol, system, state, sorted(numbers) if keys is None else keys]
    rows = [struct.pack("<q", count) + content for _, (count, content) in sorted(numbers.items())]
    return b"".join([*map(pickled, pickles), *rows])


def state_dict(arrays):
    """The file that ``torch.save`` would write of these arrays, each in a storage of its own."""
    tensors, numbers = {}, {}
    for position, (name, array) in enumerate(arrays.items()):
        array = np.ascontiguousarray(array).reshape(np.shape(array))
        key = f"{position:04}"
        strides = tuple(stride // array.itemsize for stride in array.strides)
        kind = STORAGES[array.dtype.str[1:]]
        tensors[name] = tensor(storage(key, array.size, kind), 0, array.shape, strides)
        numbers[key] = array.size, array.astype(array.dtype.newbyteorder("<")).tobytes()
    metadata = {"_metadata": {"": {"version": 1}}}
    ordered = Filled(Call(Name("collections", "OrderedDict"), ()), tensors)
    return file(Built(ordered, metadata), numbers)
