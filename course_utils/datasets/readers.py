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
    """One image of an archive by the names of its members; ``mask`` and ``box`` where the archive has them."""

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
        return _read_photographs(entry, archive, split, examples, size, seed, progress)


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
    if images.ndim == 3:
        images = images[..., None]
    if images.dtype != np.uint8 or images.shape[1:] != entry.shape or len(images) != len(labels):
        raise Damaged(
            f"{path} has images of {images.dtype} {images.shape} and {len(labels)} labels; "
            f"{entry.name} has images of uint8 (N, {', '.join(map(str, entry.shape))}) and a label for each"
        )
    classes = len(entry.class_names)
    if len(labels) and (labels.dtype.kind not in "iu" or not 0 <= labels.min() <= labels.max() < classes):
        raise Damaged(
            f"{path} has labels of {labels.dtype} from {labels.min()} to {labels.max()}; {entry.name} has whole ones "
            f"from 0 to {classes - 1}"
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


# What photographs are called. What else is a picture is not used, which is said; of macOS' notes nobody wants to hear.
_PHOTOGRAPHS = {
    "cats_vs_dogs": re.compile(r"PetImages/(?P<key>(?P<class>Cat|Dog)/\d+)\.(jpe?g|png)", re.IGNORECASE),
    "oxford_pets": re.compile(r"images/(?P<key>(?P<class>\w+)_\d+)\.(jpe?g|png)", re.IGNORECASE),
}
_PICTURE = re.compile(
    r"(?!annotations/|__MACOSX/)(.*[/\\])?(?!\._)[^/\\]*\.(jpe?g|jfif|png|gif|bmp|tiff?|webp)", re.IGNORECASE
)


def _list_photographs(entry, archive):
    """Every photograph of an archive, sorted by name, and names of other pictures; Damaged where there is none.

    Keys are those of the published archives, which decide on the split, whatever the ending of a file's name.
    """
    members = {name.casefold(): name for name in archive.names}
    found, others = [], []
    for name in sorted(set(archive.names)):
        match = _PHOTOGRAPHS[entry.name].fullmatch(name)
        if not match:
            others += [name] if _PICTURE.fullmatch(name) else []
        elif entry.masks:
            mask, box = (
                members.get(f"annotations/{kind}/{match['key']}.{ending}".casefold())
                for kind, ending in (("trimaps", "png"), ("xmls", "xml"))
            )
            found.append(Photograph(match["key"], match["class"], name, mask, box))
        else:
            key, kind = match["key"].title(), match["class"].lower()
            found.append(Photograph(f"{key}.jpg", kind, name))
    if not found:
        raise Damaged(f"{archive.path} holds no photograph where {entry.name} has them")
    if entry.masks and not any(photograph.mask for photograph in found):
        raise Damaged(f"{archive.path} holds no mask in annotations/trimaps, where {entry.name} has them")
    return found, others


def _first_of(names):
    return f"{', '.join(names[:20])}{' and more' if len(names) > 20 else ''}"


def _with_masks(entry, photographs, split):
    """Those that have a mask; says which have none."""
    lacking = [photograph.key for photograph in photographs if photograph.mask is None]
    if lacking:
        warn(
            f"{entry.name}: {len(lacking)} of {len(photographs)} photographs of the {split} split have no mask in "
            f"annotations/trimaps and are left out: {_first_of(lacking)}."
        )
    return [photograph for photograph in photographs if photograph.mask is not None]


def _read_photographs(entry, archive, split, examples, size, seed, progress):
    target = size or entry.shape[:2]
    photographs, others = _list_photographs(entry, archive)
    if others:
        warn(
            f"{entry.name}: {len(others)} pictures are not named as those of this data set are, and are left out: "
            f"{_first_of(others)}."
        )
    # Of both splits, so that the two agree; in a part of the pets, of the breeds that are in it.
    class_names = tuple(sorted({p.class_name for p in photographs})) if entry.masks else entry.class_names
    numbers = {name: number for number, name in enumerate(class_names)}
    photographs = [p for p in photographs if in_test(p.key) == (split == "test")]
    if entry.masks:
        photographs = _with_masks(entry, photographs, split)
    labels = np.array([numbers[p.class_name] for p in photographs])
    if examples is not None:
        _demand(entry, split, examples, len(photographs))
    queue = [photographs[i] for i in balanced_order(labels, seed)]
    decoded, broken = _decode_first(archive, queue, len(queue) if examples is None else examples, target, progress)
    if broken:
        warn(
            f"{entry.name}: {len(broken)} of {len(broken) + len(decoded)} photographs cannot be read and are left out: "
            f"{_first_of(broken)}."
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
    bar = tqdm(total=count, desc="decoding", unit="image", delay=15, leave=False, disable=not progress)
    broken, done, slots = [], {}, list(range(len(chosen)))

    def attempt(slot):
        try:
            return _decode(archive, chosen[slot], target)
        except pictures.Broken:
            return None

    with bar, ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool, _strict():
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


@contextlib.contextmanager
def _strict():
    """Let Pillow refuse what is cut short or far too large, whatever it was told elsewhere, and be silent on the rest.

    What it warns of otherwise is about metadata, of photographs that are fine.
    """
    from PIL import Image, ImageFile

    lenient, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, False
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="PIL")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = lenient


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
