"""Is drawing an image as fast as decoding one? Run as ``python benchmarks/drawn.py``.

Draws 10,000 images of 32x32 with `course_utils.datasets.drawn.draw`, labels, masks and boxes included, and decodes as
many PNGs of the same images with Pillow; both end in one array of pixels. The two are measured in turn, several times,
in one process, so that whatever else the machine does slows both; the first drawing, which also tabulates the shapes,
is reported by itself. Exits with 1 where drawing takes longer than decoding.
"""

import io
import statistics
import sys
import time

import numpy as np
from PIL import Image

from course_utils.datasets.drawn import draw

COUNT, SIZE, REPEATS = 10_000, 32, 7


def encode(image):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def decode(files):
    images = np.empty((len(files), SIZE, SIZE, 3), np.uint8)
    for image, file in zip(images, files, strict=True):
        image[:] = np.asarray(Image.open(io.BytesIO(file)))
    return images


def timed(function, *arguments):
    start = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - start, result


def measure(count=COUNT, repeats=REPEATS):
    """Seconds of every drawing and of every decoding, of the first drawing, and the mean size of a file in bytes."""
    first, drawing = timed(draw, count, SIZE)
    files = [encode(image) for image in drawing.images]
    drawings, decodings = [], []
    for _ in range(repeats):
        drawings.append(timed(draw, count, SIZE)[0])
        seconds, decoded = timed(decode, files)
        decodings.append(seconds)
    if not np.array_equal(decoded, drawing.images):
        raise AssertionError("The decoded images are not the drawn ones: the comparison would mean nothing.")
    return drawings, decodings, first, sum(map(len, files)) / count


def main():
    drawings, decodings, first, size = measure()
    ratio = statistics.median(a / b for a, b in zip(drawings, decodings, strict=True))
    print(f"{COUNT:,} images of {SIZE}x{SIZE}, {REPEATS} times; a PNG has {size:,.0f} bytes")
    print(f"drawing   {min(drawings):.3f} s at best, {statistics.median(drawings):.3f} s at the median")
    print(f"          {first:.3f} s the first time")
    print(f"decoding  {min(decodings):.3f} s at best, {statistics.median(decodings):.3f} s at the median")
    print(f"drawing / decoding  {min(drawings) / min(decodings):.2f} at best, {ratio:.2f} at the median")
    return ratio > 1


if __name__ == "__main__":
    sys.exit(main())
