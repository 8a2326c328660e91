"""Read a folder of images, one folder a class, and say in a sentence what is wrong with it."""

import collections
import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..datasets import pictures

#: Endings of files that are taken for images. Whether they are, is seen when they are read.
ENDINGS = (".bmp", ".gif", ".jfif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
FEWEST = 5  # different images of a class: three to train on, one to validate, one to test
MOST_CLASSES = 1000
SMALLEST = 32  # pixels of the shorter side: less is enlarged sevenfold for a network that takes 224

_SPLITS = {"test", "train", "training", "val", "valid", "validation"}


class FolderError(ValueError):
    """A folder of images cannot be used as it is. The text says what was found and what to do."""


@dataclass(frozen=True, repr=False)
class Folder:
    """Files of images with their classes. Made by `read_folder`.

    Attributes
    ----------
    path : Path
    class_names : tuple of str
        Names of the folders, sorted.
    files : tuple of Path
    labels : ndarray of int32, shape (files,)
        Indices into ``class_names``.
    digests : tuple of str
        Of each file's bytes: two files with the same one are one photograph.
    left_out : tuple of (Path, str)
        Files that are not used, and why.
    """

    path: Path
    class_names: tuple
    files: tuple
    labels: np.ndarray
    digests: tuple
    left_out: tuple = ()

    def __len__(self):
        return len(self.files)

    def __repr__(self):
        return f"Folder of {len(self):,} images, {len(self.class_names)} classes, {len(self.left_out)} files left out"

    def subset(self, indices):
        """The images at these places, in that order; the classes stay as they are."""
        return replace(
            self,
            files=tuple(self.files[index] for index in indices),
            labels=self.labels[np.asarray(indices, int)],
            digests=tuple(self.digests[index] for index in indices),
        )

    def split(self, validation=0.15, test=0.25):
        """Deal the images out: to train on, to choose by, to be scored on once.

        Parameters
        ----------
        validation, test : float
            The share of each class, at least one image.

        Returns
        -------
        train, validation, test : Folder
            Disjoint, together this folder. Copies of one file are in the same part. A file's bytes decide where it
            goes: the same folder gives the same parts on every machine, whatever its files are called.

        Raises
        ------
        ValueError
            The shares are negative, or leave nothing to train on.
        """
        if min(validation, test) < 0 or validation + test > 0.8:
            raise ValueError(
                f"Folder.split: validation is {validation!r} and test {test!r}; they must not be negative, and leave a "
                "fifth or more to train on."
            )
        parts = ([], [], [])
        for label in range(len(self.class_names)):
            copies = collections.defaultdict(list)
            for index in np.flatnonzero(self.labels == label):
                copies[self.digests[index]].append(int(index))
            tested = max(1, round(test * len(copies)))
            chosen = tested + max(1, round(validation * len(copies)))
            for place, digest in enumerate(sorted(copies)):
                parts[2 if place < tested else 1 if place < chosen else 0].extend(copies[digest])
        return tuple(self.subset(sorted(part)) for part in parts)


def read_folder(path):
    """Read the names of a folder's images and look into each file: one folder a class.

    Parameters
    ----------
    path : path-like
        A folder with one folder a class, the images in those or below them. Hidden files and folders do not count.

    Returns
    -------
    Folder
        Files that cannot be read, are smaller than 32 pixels, or stand in two classes are left out, and listed with the
        reason.

    Raises
    ------
    FolderError
        There is no such folder; it has no images, or no folders of them; fewer than two classes, or more than 1,000; a
        class has fewer than five different images that can be used; its folders are called train and test.

    Notes
    -----
    Each file is decoded once, in a small size: a file that is cut short is noticed here and not in the middle of a
    training. Taught in chapter 13, The same networks in three frameworks.

    Examples
    --------
    >>> import tempfile
    >>> from course_utils import feeding, load
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = feeding.write_jpegs(load("cats_vs_dogs", examples=20, size=48, source="stand-in"), folder)
    ...     read_folder(folder)
    Folder of 20 images, 2 classes, 0 files left out
    >>> read_folder("/no/such/folder")
    Traceback (most recent call last):
    ...
    course_utils.projects.folder.FolderError: There is no folder /no/such/folder. Give the folder that holds one ...
    """
    path = Path(path).expanduser()
    folders = _class_folders(path)
    names = tuple(folder.name for folder in folders)
    by_class = [_images_below(folder) for folder in folders]
    if not any(by_class):
        raise FolderError(
            f"The folders in {path} ({_few(names)}) hold no images: no file below them ends in {', '.join(ENDINGS)}."
        )
    found, left_out = _looked_into(by_class)
    found, twice = _in_one_class(found, names)
    left_out += twice
    _check_enough(path, names, found, left_out)
    return Folder(
        path,
        names,
        tuple(file for file, _, _ in found),
        np.array([label for _, label, _ in found], "int32"),
        tuple(digest for _, _, digest in found),
        tuple(left_out),
    )


def _class_folders(path):
    """The folders of the classes, sorted, or a sentence why there are none that can be used."""
    wanted = "Give the folder that holds one folder a class, such as images/cat/1.jpg and images/dog/1.jpg."
    try:
        entries = sorted(entry for entry in path.iterdir() if not _hidden(entry))
    except FileNotFoundError:
        raise FolderError(f"There is no folder {path}. {wanted}") from None
    except NotADirectoryError:
        raise FolderError(f"{path} is a file. {wanted} An archive has to be unpacked first.") from None
    except OSError as error:
        raise FolderError(f"The folder {path} cannot be read: {error.strerror}.") from None
    folders = [entry for entry in entries if entry.is_dir()]
    if not entries:
        raise FolderError(f"The folder {path} is empty. {wanted}")
    if not folders:
        images = sum(entry.suffix.lower() in ENDINGS for entry in entries)
        what = f"{images:,} images and no folders" if images else "no folders and no images"
        raise FolderError(f"{path} has {what}, so nothing says which class an image is of. {wanted}")
    names = [folder.name for folder in folders]
    if len(names) == 1:
        raise FolderError(
            f"{path} has one class, {names[0]}: with nothing to tell it from, every answer would be right. Add a "
            "folder with images of something else, or go one folder down if the classes are inside it."
        )
    if {name.lower() for name in names} <= _SPLITS:
        raise FolderError(
            f"The folders in {path} are called {_few(names)}: those are parts of a split, not classes. Give one of "
            f"them, such as {path / names[-1]}; the project makes its own split."
        )
    if len(names) > MOST_CLASSES:
        raise FolderError(
            f"{path} has {len(names):,} folders ({_few(names)}), and each would be a class; at most {MOST_CLASSES:,} "
            "are admitted. Is there one folder for each image, or is this one level too low? Give the folder whose "
            "folders are the classes."
        )
    return folders


def _hidden(entry):
    return entry.name.startswith(".") or entry.name == "__MACOSX"


def _images_below(folder):
    """Files that look like images, sorted; hidden folders are not entered, links to folders not followed."""
    found = []
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not _hidden(Path(name)))
        found += [Path(here, name) for name in sorted(files) if Path(name).suffix.lower() in ENDINGS]
    return [file for file in found if not _hidden(file)]


def _looked_into(by_class):
    """(file, label, digest) of each image that can be used, and (file, reason) of the others."""
    found, left_out = [], []
    for label, files in enumerate(by_class):
        for file in files:
            try:
                content = file.read_bytes()
                _, size = pictures.decode(content, (SMALLEST, SMALLEST))
            except pictures.Broken as error:
                left_out.append((file, f"cannot be read as an image{_detail(error)}"))
            except OSError as error:
                left_out.append((file, f"cannot be opened: {error.strerror}"))
            else:
                if min(size) < SMALLEST:
                    left_out.append((file, f"has {size[0]} by {size[1]} pixels, fewer than {SMALLEST}"))
                else:
                    found.append((file, label, hashlib.sha256(content).hexdigest()))
    return found, left_out


def _in_one_class(found, names):
    """What is in one class only, and the others, each with the names of its classes."""
    classes = collections.defaultdict(set)
    for _, label, digest in found:
        classes[digest].add(label)
    kept = [each for each in found if len(classes[each[2]]) == 1]
    twice = [
        (file, f"stands in several classes: {_few([names[one] for one in sorted(classes[digest])])}")
        for file, _, digest in found
        if len(classes[digest]) > 1
    ]
    return kept, twice


def _check_enough(path, names, found, left_out):
    counts = [len({digest for _, label, digest in found if label == wanted}) for wanted in range(len(names))]
    short = [f"{name} ({count})" for name, count in zip(names, counts, strict=True) if count < FEWEST]
    if not short:
        return
    reasons = f" {len(left_out):,} files were left out: {left_out[0][0].name} {left_out[0][1]}." if left_out else ""
    raise FolderError(
        f"In {path}, {len(short):,} of {len(names):,} classes have fewer than {FEWEST} different images that can be "
        f"used: {_few(short)}.{reasons} Add images to these folders, or take the folders away."
    )


def _few(names, most=4):
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def _detail(error):
    """What is wrong with an image, in words. What Pillow raised is not: it names objects in memory."""
    text = " ".join(str(error).split())
    return "" if "Error(" in text or not text else f": {text}"
