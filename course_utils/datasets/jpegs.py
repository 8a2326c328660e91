"""Whether the data of a JPEG end where its picture ends, which decoders do not say.

A JPEG has no checksum, and its codes mean something wherever one begins to read them. Of a file with garbled bytes in
the middle, decoders show the upper half, something else below, and no error. But they then need more bytes for the
picture than there are, or fewer. To see that, the file is given a taller picture and other data behind its own: these
must show in the first block below the picture, and nowhere in it.

What this cannot find: bytes that were changed into others that stand for as many blocks, which one bit in a number
does; damage between two restart markers; damage in one of the many scans of a progressive JPEG. Archives have
checksums, which find all that; this looks for what was damaged before it came into the archive.
"""

import io
import re
from dataclasses import dataclass

import numpy as np

_EOI, _SOS, _DRI = 0xD9, 0xDA, 0xDD
_SEQUENTIAL = (0xC0, 0xC1)
_FRAMES = (*_SEQUENTIAL, 0xC2)
_BETWEEN_SCANS = (0xC4, 0xDB, 0xDC, _DRI, 0xFE, _SOS, _EOI)
_MARKER = re.compile(rb"\xff+([^\x00\xff])")
# In a scan, 0xFF is followed by 0, by itself, or by the number of a restart; else it ends the scan.
_END_OF_SCAN = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")
_RESTART = re.compile(rb"\xff([\xd0-\xd7])")
# Bits that no two codes begin with alike, whatever the tables of codes are and however many bits a picture leaves over.
_BEHIND = [bytes(n * step % 251 for n in range(1, 65)) for step in (1, 85, 170, 219, 37, 146, 99, 200)]


@dataclass(frozen=True)
class _Layout:
    """Where the parts of a JPEG are: the frame's header, and begin and end of each scan's data."""

    frame: int
    kind: int
    scans: list
    restarts: bool


def _layout(content):
    """The parts of a JPEG; ValueError where what must follow each other does not."""
    place, frame, kind, scans, restarts = 2, 0, 0, [], False
    while True:
        found = _MARKER.match(content, place)
        if not found:
            raise ValueError(f"there is no marker at byte {place}, where one must be")
        marker, place = found[1][0], found.end()
        if scans and marker not in _BETWEEN_SCANS:
            raise ValueError(f"at byte {place} a marker interrupts its data")
        if marker == _EOI:
            return _Layout(frame, kind, scans, restarts)
        if marker in _FRAMES:
            frame, kind = place, marker
        length = int.from_bytes(content[place : place + 2], "big")
        if marker == _DRI:
            restarts = any(content[place + 2 : place + 4])
        place += length
        if marker == _SOS:
            end = _END_OF_SCAN.search(content, place)
            if not end:
                raise ValueError("its data have no end")
            numbers = [match[1][0] for match in _RESTART.finditer(content, place, end.start())]
            if numbers != [0xD0 + n % 8 for n in range(len(numbers))]:
                raise ValueError("its restart markers are not in order")
            scans.append((place, end.start()))
            place = end.start()


def fault(content):
    """What is wrong with a JPEG that can be decoded, in words; None where nothing is found.

    Parameters
    ----------
    content : bytes

    Examples
    --------
    >>> from PIL import Image
    >>> file = io.BytesIO()
    >>> noise = np.random.default_rng(0).integers(0, 256, (32, 32), dtype="uint8")
    >>> Image.fromarray(noise).save(file, "JPEG")
    >>> whole = file.getvalue()
    >>> fault(whole)
    >>> fault(whole[:-40] + whole[-2:])
    'its data end before its picture does'
    """
    try:
        layout = _layout(content)
        return _fault_at_the_end(content, layout)
    except (ValueError, OSError) as error:  # what no decoder reads behind damaged data is a fault too
        return str(error)


def _fault_at_the_end(content, layout):
    if layout.kind not in _SEQUENTIAL or len(layout.scans) != 1 or layout.restarts:
        return None
    header, end = layout.frame, layout.scans[0][1]
    height, components = int.from_bytes(content[header + 3 : header + 5], "big"), content[header + 7]
    unit = 8 * max(content[header + 9 + 3 * n] & 15 for n in range(components)) if components > 1 else 8
    taller = -(-height // unit) * unit + unit
    if taller > 0xFFFF:
        return None
    head, rest = content[: header + 3] + taller.to_bytes(2, "big") + content[header + 5 : end], content[end:]
    inside = taller - unit
    one, other = (_brightness(head + behind + rest, 8) for behind in _BEHIND[:2])
    if not np.array_equal(one[: inside // 8], other[: inside // 8]):
        return "its data end before its picture does"
    if one[inside // 8, 0] != other[inside // 8, 0]:
        return None
    # The last byte is filled up with ones, which may be no code, and then the first block is the same whatever follows.
    # So they are replaced too; should they be part of the picture after all, that shows there. If nothing shows at all,
    # not even in the blocks behind the first, or in one that is black or white, there is too little to tell.
    ones = next((n for n in range(8) if not head[-1] >> n & 1), 8)
    shown = [
        _brightness(head[:-1] + bytes([(head[-1] >> ones << ones) | (behind[0] >> (8 - ones))]) + behind + rest, 1)
        for behind in _BEHIND
    ]
    block = shown[0][inside : inside + 8, :8]
    same = [np.array_equal(pixels[:inside], shown[0][:inside]) for pixels in shown]
    same += [np.array_equal(pixels[inside : inside + 8, :8], block) for pixels in shown]
    telling = not all(np.array_equal(pixels, shown[0]) for pixels in shown)
    if all(same) and telling and not (np.all(block == 0) or np.all(block == 255)):
        return "its picture ends before its data do"
    return None


def _brightness(content, scale):
    """The brightness of each block of ``scale`` by ``scale`` pixels; for 8, decoders do not compute the pixels."""
    from PIL import Image

    with Image.open(io.BytesIO(content)) as image:
        image.draft("L", tuple(max(1, side // scale) for side in image.size))
        return np.asarray(image.convert("L"))
