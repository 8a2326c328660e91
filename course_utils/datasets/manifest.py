"""SHA256SUMS: which files a mirror holds and what they must be."""

import re
from pathlib import Path

from .errors import Damaged, NotAtHand
from .files import sha256, written_aside

NAME = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-fA-F]{64}) [ *](.+)")


def read(folder):
    """Checksums by file name, in the order of the manifest; NotAtHand where there is none, Damaged if unreadable."""
    folder = Path(folder)
    try:
        text = (folder / NAME).read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        what = f"has no {NAME}, so it is not a mirror" if folder.is_dir() else "is not a folder"
        raise NotAtHand(f"{folder} {what}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise Damaged(f"{folder / NAME} cannot be read: {error}") from error
    sums = {}
    for number, line in enumerate(filter(str.strip, text.splitlines()), 1):
        match = _LINE.fullmatch(line.rstrip())
        if not match:
            raise Damaged(f"line {number} of {folder / NAME} is {line!r}, not a checksum and a file name")
        digest, file = match.groups()
        if Path(file).name != file or "\\" in file or file == "..":
            raise Damaged(f"{folder / NAME} names {file!r}; it may only name files in its own folder")
        sums[file] = digest.lower()
    return sums


def write(folder, sums):
    """Write a manifest; the old one stays until the new one is whole."""
    with written_aside(Path(folder) / NAME) as file:
        file.write("".join(f"{digest}  {name}\n" for name, digest in sums.items()).encode())


def check(folder, file):
    """Path of a file in a mirror, after comparing it with the manifest.

    Raises
    ------
    NotAtHand
        The mirror does not list the file.
    Damaged
        It does, but the file is missing, unreadable or another.
    """
    path, listed = Path(folder) / file, read(folder)
    if file not in listed:
        raise NotAtHand(f"{path.parent / NAME} does not list {file}")
    try:
        found = sha256(path)
    except FileNotFoundError:
        raise Damaged(f"{path} is missing, although {NAME} lists it") from None
    except OSError as error:
        raise Damaged(f"{path} cannot be read: {error}") from error
    if found != listed[file]:
        raise Damaged(f"{path} is not the file that {NAME} lists: its SHA-256 is {found}, not {listed[file]}")
    return path
