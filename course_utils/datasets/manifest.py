"""SHA256SUMS: which files a mirror holds and what they must be."""

import codecs
import re
from pathlib import Path

from .errors import Damaged, NotAtHand
from .files import open_regular, sha256, written_aside

NAME = "SHA256SUMS"
LARGEST = 1 << 24  # bytes; a hundred thousand files. Nobody waits until something else has been read.

_DIGEST = "(?P<digest>[0-9a-fA-F]{64})"
# As `sha256sum` and `shasum` write them, the * for binary; as `sha256sum --tag`, the BSDs and OpenSSL do.
_LINES = (
    re.compile(rf"{_DIGEST} [ *](?P<file>.+)"),
    re.compile(rf"SHA(?:2-)?256 ?\((?P<file>.+)\) ?= ?{_DIGEST}"),
)
# Windows' editors and shells begin a file with a mark, of which they have these.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def read(folder):
    """Checksums by file name, in the order of the manifest.

    Parameters
    ----------
    folder : path

    Returns
    -------
    dict of str to str
        Lower-case hexadecimal SHA-256 of each file.

    Raises
    ------
    NotAtHand
        The folder has no manifest.
    Damaged
        The manifest cannot be read, or has a line that says something else. The message names the line.
    """
    return {file: digest for _, file, digest in _entries(Path(folder)) if file}


def write(folder, sums):
    """Write a manifest of these checksums by file name; the old one stays until the new one is whole."""
    _write(folder, (f"{digest}  {name}" for name, digest in sums.items()))


def add(folder, file, digest):
    """List one more file, or give a listed one a new checksum; every other line stays, comments too.

    Raises
    ------
    Damaged
        The manifest there is cannot be read. It is left as it is.
    """
    try:
        lines = [line for line, listed, _ in _entries(Path(folder)) if listed != file]
    except Damaged:
        raise
    except NotAtHand:
        lines = []
    _write(folder, [*lines, f"{digest}  {file}"])


def _write(folder, lines):
    with written_aside(Path(folder) / NAME) as file:
        file.writelines(f"{line}\n".encode() for line in lines)


def _entries(folder):
    """(line, file, digest) of each line, the last two None for comments and empty lines."""
    entries, first = [], {}
    for number, line in enumerate(_text(folder).split("\n"), 1):
        line = line.rstrip(" \t")
        if not line or line.startswith("#"):
            entries.append((line, None, None))
            continue
        where = f"line {number} of {folder / NAME}"
        match = next(filter(None, (pattern.fullmatch(line) for pattern in _LINES)), None)
        if not match:
            raise Damaged(f"{where} is {line[:200]!r}, not a SHA-256 and a file name as `sha256sum` writes them")
        digest, file = match["digest"].lower(), re.sub(r"^(\.[/\\]+)+", "", match["file"])
        if not file or file in (".", "..") or re.search(r"[/\\\0]", file) or re.match("[A-Za-z]:", file):
            raise Damaged(f"{where} names {match['file'][:200]!r}; it may only name files in its own folder")
        before, at = first.setdefault(file, (digest, number))
        if before != digest:
            raise Damaged(f"{where} has another checksum for {file} than line {at}; remove the one that is wrong")
        entries.append((line, file, digest))
    if entries and entries[-1][0] == "":  # what follows the last line's end
        entries.pop()
    return entries


def _text(folder):
    try:
        with open_regular(folder / NAME) as file:
            content = file.read(LARGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        what = f"has no {NAME}, so it is not a mirror" if folder.is_dir() else "is not a folder"
        raise NotAtHand(f"{folder} {what}") from None
    except OSError as error:
        raise Damaged(f"{folder / NAME} cannot be read: {error}") from error
    if len(content) > LARGEST:
        raise Damaged(f"{folder / NAME} has more than {LARGEST:,} bytes; a list of checksums has fewer")
    mark, encoding = next(((mark, name) for mark, name in _MARKS if content.startswith(mark)), (b"", "utf-8"))
    content = content[len(mark) :]
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = len(re.split(r"\r\n|\r|\n", content[: error.start].decode(encoding, "replace")))
        raise Damaged(f"line {line} of {folder / NAME} is not text in {encoding.upper()}; save it as UTF-8") from error
    return re.sub(r"\r\n?", "\n", text)


def checked_path(folder, file):
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
