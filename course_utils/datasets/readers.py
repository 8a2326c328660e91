"""From the one file of a data set to the arrays of a split."""

import contextlib
import lzma
import os
import re
import warnings
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from . import archives, pictures
from .errors import Damaged, warn
from .selection import balanced_order, in_test

_BROKEN_NPZ = (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error, lzma.LZMAError)


@dataclass(frozen=True)
class Photograph:
    """One image of an archive by the names of its members; ``mask`` and ``box`` where the data set has them."""

    key: str
    class_name: str
    image: str
    mask: str | None = None
    box: str | None = None


def read_split(entry, path, split, examples=None, size=None, seed=0, progress=True):
    """The fields of a `Dataset` that are in a file: images, labels, class_names and perhaps masks and boxes.

    Raises
    ------
    Damaged
        The file cannot be read, or is not safe to.
    ValueError
        It has fewer than ``examples`` images in this split.
    """
    if not entry.photographs:
        return _read_arrays(entry, path, split, examples, seed)
    with archives.ZipMembers(path) as archive:
        photographs = _list_photographs(entry, archive)
        return _read_photographs(entry, archive, photographs, split, examples, size, seed, progress)


def check_layout(entry, path):
    """Damaged where a file is not what `read_split` expects; does not decode the images."""
    if entry.photographs:
        with archives.ZipMembers(path) as archive:
            _list_photographs(entry, archive)
    else:
        with open_arrays(path) as arrays:
            missing = {"x_train", "y_train", "x_test", "y_test"} - set(arrays)
        if missing:
            raise Damaged(f"{path} has no {', '.join(sorted(missing))}")


@contextlib.contextmanager
def open_arrays(path):
    """The arrays of an npz by name, read when asked for. Never unpickles."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            yield arrays
    except _BROKEN_NPZ as error:
        raise Damaged(f"{path} cannot be read: {error!r}") from error


def _read_arrays(entry, path, split, examples, seed):
    with open_arrays(path) as arrays:
        images, labels = arrays[f"x_{split}"], arrays[f"y_{split}"].reshape(-1)
    images = images.reshape((*images.shape[:3], -1))
    if images.dtype != np.uint8 or images.shape[1:] != entry.shape or len(images) != len(labels):
        raise Damaged(
            f"{path} has images of {images.dtype} {images.shape} and {len(labels)} labels; "
            f"{entry.name} has images of uint8 (N, {', '.join(map(str, entry.shape))}) and a label for each"
        )
    if examples is not None:
        _demand(entry, split, examples, len(labels))
        chosen = balanced_order(labels, seed)[:examples]
        images, labels = images[chosen], labels[chosen]
    return {"images": images, "labels": labels, "class_names": entry.class_names}


def _demand(entry, split, examples, there):
    if examples > there:
        raise ValueError(
            f"{entry.name} has {there:,} images in its {split} split here, {examples:,} were asked for. "
            "Ask for at most as many, or for all with examples=None."
        )


def _list_photographs(entry, archive):
    """Every photograph of an archive, sorted by key; Damaged where there is none."""
    members = set(archive.names)
    found = []
    for name in sorted(members):
        if entry.name == "cats_vs_dogs":
            match = re.fullmatch(r"PetImages/(Cat|Dog)/(\d+)\.jpg", name)
            if match:
                found.append(Photograph(f"{match[1]}/{match[2]}.jpg", match[1].lower(), name))
        else:
            match = re.fullmatch(r"images/((\w+)_\d+)\.jpg", name)
            mask = match and f"annotations/trimaps/{match[1]}.png"
            if mask in members:
                box = f"annotations/xmls/{match[1]}.xml"
                found.append(Photograph(match[1], match[2], name, mask, box if box in members else None))
    if not found:
        raise Damaged(f"{archive.path} holds no photograph where {entry.name} has them")
    return found


def _read_photographs(entry, archive, photographs, split, examples, size, seed, progress):
    target = size or entry.shape[:2]
    # Of both splits, so that the two agree; in a part of the archive, of the breeds that are in it.
    class_names = tuple(sorted({photograph.class_name for photograph in photographs}))
    numbers = {name: number for number, name in enumerate(class_names)}
    photographs = [p for p in photographs if in_test(p.key) == (split == "test")]
    labels = np.array([numbers[p.class_name] for p in photographs])
    if examples is not None:
        _demand(entry, split, examples, len(photographs))
    queue = [photographs[i] for i in balanced_order(labels, seed)]
    decoded, broken = _decode_first(archive, queue, len(queue) if examples is None else examples, target, progress)
    if broken:
        warn(
            f"{entry.name}: {len(broken)} of {len(broken) + len(decoded)} photographs cannot be read and are left out: "
            f"{', '.join(broken[:20])}{' and more' if len(broken) > 20 else ''}."
        )
    if not decoded:
        raise Damaged(f"{archive.path}: no photograph of the {split} split can be read")
    kept, images, masks, boxes = zip(*decoded, strict=True)
    fields = {
        "images": np.stack(images),
        "labels": np.array([numbers[p.class_name] for p in kept]),
        "class_names": class_names,
    }
    if entry.masks:
        fields |= {"masks": np.stack(masks), "boxes": np.array(boxes, np.float32)}
    return fields


def _decode_first(archive, queue, count, target, progress):
    """The first ``count`` photographs, each that cannot be read replaced by the next of its class; names of those."""
    from tqdm.auto import tqdm

    chosen, reserve = list(queue[:count]), {}
    for photograph in queue[count:]:
        reserve.setdefault(photograph.class_name, []).append(photograph)
    bar = tqdm(total=count, desc="decoding", unit="image", delay=3, leave=False, disable=not progress)
    broken, done, slots = [], {}, list(range(len(chosen)))

    def attempt(slot):
        try:
            return _decode(archive, chosen[slot], target)
        except pictures.Broken:
            return None

    with bar, ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool, warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")  # about metadata, of photographs that are fine
        while slots:
            again = []
            for slot, result in zip(slots, pool.map(attempt, slots), strict=True):
                if result is not None:
                    done[slot] = result
                    bar.update()
                    continue
                broken.append(chosen[slot].key)
                spare = reserve.get(chosen[slot].class_name)
                if spare:
                    chosen[slot] = spare.pop(0)
                    again.append(slot)
            slots = again
    return [(chosen[slot], *done[slot]) for slot in sorted(done)], broken


def _decode(archive, photograph, target):
    def read(member):
        try:
            return archive.read(member)
        except archives.BROKEN as error:
            raise pictures.Broken(str(error)) from error

    image, size = pictures.decode(read(photograph.image), target)
    if photograph.mask is None:
        return image, None, None
    mask, mask_size = pictures.decode(read(photograph.mask), target, channels=1)
    if mask_size != size:
        raise pictures.Broken(f"a mask of {mask_size} on an image of {size}")
    box = (np.nan,) * 4
    if photograph.box is not None:
        box = pictures.move_box(pictures.read_box(read(photograph.box)), size, target)
    return image, mask, box
