"""How fast is a convolution in NumPy? Run as ``python benchmarks/nn.py``; needs TensorFlow.

Forward and both gradients of 64 filters of 3x3 on 64 images of 32x32x32 in float32, "same" padding, in ways of which
chapter 04 shows the best known, and in TensorFlow, whose time is the measure. All are run in turn, several times, in
one process, so that whatever else the machine does slows all of them; the best time counts. The plain loops would
take minutes: they compute a few places of one image, and are multiplied up. Exits with 1 where the library takes more
than twice TensorFlow's time, or is less than 400 times faster than the loops.

Most of the time goes into products of matrices, which NumPy leaves to OpenBLAS. Its settings in the environment are
printed: ``OPENBLAS_CORETYPE=Haswell``, for example, keeps it, and not TensorFlow, from using AVX-512. Where other
programs compute at the same time, NumPy suffers most, since OpenBLAS' threads wait for each other in every product.
"""

import argparse
import os
import platform
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # else its log of starting stands above the table

import numpy as np
import tensorflow as tf

from course_utils import nn
from course_utils.budget import processor

BATCH, SIZE, CHANNELS, FILTERS, KERNEL = 64, 32, 32, 64, 3
LOOP_ROWS = 1  # rows of places of one image that the loops compute: 32 of 65,536 places
MOST, LEAST = 2.0, 400.0


def padded(x):
    return np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))


# ---------------------------------------------------------------------------------------------- rungs of the ladder


def loops(x, kernel, gradient, rows=LOOP_ROWS):
    """One multiplication at a time. Only the first rows of places of the first image."""
    image = padded(x[:1])[0].tolist()  # lists: an array takes longer to give out a number
    weights, by_output = kernel.tolist(), gradient[0].tolist()
    output = [[[0.0] * FILTERS for _ in range(SIZE)] for _ in range(rows)]
    by_image = [[[0.0] * CHANNELS for _ in range(SIZE + 2)] for _ in range(SIZE + 2)]
    by_kernel = np.zeros_like(kernel).tolist()
    for y in range(rows):
        for x in range(SIZE):
            for i in range(KERNEL):
                for j in range(KERNEL):
                    for c in range(CHANNELS):
                        for f in range(FILTERS):
                            output[y][x][f] += image[y + i][x + j][c] * weights[i][j][c][f]
                            by_kernel[i][j][c][f] += image[y + i][x + j][c] * by_output[y][x][f]
                            by_image[y + i][x + j][c] += weights[i][j][c][f] * by_output[y][x][f]
    return np.array(output), np.array(by_image)[1:-1, 1:-1], np.array(by_kernel)


def einsum(x, kernel, gradient):
    """Windows as a view, and sums over named axes."""
    windows = np.lib.stride_tricks.sliding_window_view(padded(x), (KERNEL, KERNEL), axis=(1, 2))
    around = np.lib.stride_tricks.sliding_window_view(padded(gradient), (KERNEL, KERNEL), axis=(1, 2))
    output = np.einsum("nyxcij,ijcf->nyxf", windows, kernel, optimize=True)
    by_kernel = np.einsum("nyxcij,nyxf->ijcf", windows, gradient, optimize=True)
    by_input = np.einsum("nyxfij,ijcf->nyxc", around, kernel[::-1, ::-1], optimize=True)
    return output, by_input, by_kernel


def fancy_indexing(x, kernel, gradient):
    """Columns of the whole batch by arrays of indices, given back with np.add.at."""
    offsets = np.arange(KERNEL)
    rows = (np.arange(SIZE)[:, None, None, None] + offsets[:, None]) + 0 * offsets
    columns = (np.arange(SIZE)[:, None, None] + 0 * offsets[:, None]) + offsets
    seen = padded(x)[:, rows, columns].reshape(-1, KERNEL * KERNEL * CHANNELS)
    output = seen @ kernel.reshape(-1, FILTERS)
    by_kernel = seen.T @ gradient.reshape(-1, FILTERS)
    back = (gradient.reshape(-1, FILTERS) @ kernel.reshape(-1, FILTERS).T).reshape(
        BATCH, SIZE, SIZE, KERNEL, KERNEL, -1
    )
    by_padded = np.zeros_like(padded(x))
    np.add.at(by_padded, (slice(None), rows, columns), back)
    return output.reshape(gradient.shape), by_padded[:, 1:-1, 1:-1], by_kernel.reshape(kernel.shape)


def columns_of_batch(x, kernel, gradient):
    """Columns of the whole batch by slices; three products of matrices."""
    offsets = [(i, j) for i in range(KERNEL) for j in range(KERNEL)]
    source, by_padded = padded(x), np.zeros_like(padded(x))
    seen = np.stack([source[:, i : i + SIZE, j : j + SIZE] for i, j in offsets], axis=3)
    seen = seen.reshape(-1, KERNEL * KERNEL * CHANNELS)
    output = seen @ kernel.reshape(-1, FILTERS)
    by_kernel = seen.T @ gradient.reshape(-1, FILTERS)
    back = (gradient.reshape(-1, FILTERS) @ kernel.reshape(-1, FILTERS).T).reshape(BATCH, SIZE, SIZE, -1, CHANNELS)
    for number, (i, j) in enumerate(offsets):
        by_padded[:, i : i + SIZE, j : j + SIZE] += back[..., number, :]
    return output.reshape(gradient.shape), by_padded[:, 1:-1, 1:-1], by_kernel.reshape(kernel.shape)


def columns_of_image(x, kernel, gradient):
    """The same, one image at a time in the same small arrays, which stay in the processor's cache."""
    source, by_padded = padded(x), np.zeros_like(padded(x))
    windows = np.lib.stride_tricks.sliding_window_view(source, (KERNEL, KERNEL), axis=(1, 2)).transpose(
        0, 1, 2, 4, 5, 3
    )
    matrix, by_matrix = kernel.reshape(-1, FILTERS), np.zeros((kernel[..., 0].size, FILTERS), kernel.dtype)
    columns, output = np.empty(windows.shape[1:], x.dtype), np.empty_like(gradient)
    rows = columns.reshape(-1, len(matrix))
    for view, out in zip(windows, output, strict=True):
        columns[:] = view
        np.matmul(rows, matrix, out=out.reshape(-1, FILTERS))
    for view, out, image in zip(windows, gradient.reshape(BATCH, -1, FILTERS), by_padded, strict=True):
        columns[:] = view
        by_matrix += rows.T @ out
        np.matmul(out, matrix.T, out=rows)
        for i in range(KERNEL):
            for j in range(KERNEL):
                image[i : i + SIZE, j : j + SIZE] += columns[:, :, i, j]
    return output, by_padded[:, 1:-1, 1:-1], by_matrix.reshape(kernel.shape)


def library(x, kernel, gradient):
    """What one row of the kernel sees is gathered once for all of its rows."""
    return nn.conv2d_forward(x, kernel, padding="same"), *nn.conv2d_backward(gradient, x, kernel, padding="same")[:2]


@tf.function
def _tensorflow(x, kernel, gradient):
    with tf.GradientTape() as tape:
        tape.watch((x, kernel))
        output = tf.nn.conv2d(x, kernel, strides=1, padding="SAME")
    return output, *tape.gradient(output, (x, kernel), output_gradients=gradient)


def tensorflow(x, kernel, gradient):
    """tf.nn.conv2d and its gradients, compiled as a graph."""
    return [result.numpy() for result in _tensorflow(*map(tf.constant, (x, kernel, gradient)))]


RUNGS = {
    "einsum on windows": einsum,
    "fancy indexing, np.add.at": fancy_indexing,
    "columns of the whole batch": columns_of_batch,
    "columns of one image": columns_of_image,
    "strips of one image (course_utils.nn)": library,
    "TensorFlow": tensorflow,
}

# ---------------------------------------------------------------------------------------------------------- measurement


def arguments():
    rng = np.random.default_rng(0)
    shapes = (BATCH, SIZE, SIZE, CHANNELS), (KERNEL, KERNEL, CHANNELS, FILTERS), (BATCH, SIZE, SIZE, FILTERS)
    return [rng.standard_normal(shape, dtype="float32") for shape in shapes]


def check(given):
    """Every way must compute the same, or the comparison would mean nothing."""
    expected = tensorflow(*given)
    for name, rung in RUNGS.items():
        for ours, theirs in zip(rung(*given), expected, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3 * theirs.std(), err_msg=name)
    x, kernel, gradient = given
    gradient = np.zeros_like(gradient)
    gradient[:1, :LOOP_ROWS] = given[2][:1, :LOOP_ROWS]
    output, by_input, by_kernel = loops(x, kernel, gradient)
    expected = tensorflow(x, kernel, gradient)
    for ours, theirs in zip(
        (output, by_input, by_kernel), (expected[0][0, :LOOP_ROWS], expected[1][0], expected[2]), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3 * theirs.std(), err_msg="loops")


def timed(function, *given):
    start = time.perf_counter()
    function(*given)
    return time.perf_counter() - start


def measure(repeats=20, slow_repeats=3):
    """The best seconds of each way. The slow ones are repeated less often."""
    given = arguments()
    check(given)
    best = {"loops in Python": min(timed(loops, *given) for _ in range(2)) * BATCH * SIZE / LOOP_ROWS}
    best |= dict.fromkeys(RUNGS, np.inf)
    for repeat in range(repeats):
        for name, rung in RUNGS.items():
            if repeat < slow_repeats or rung in (columns_of_image, library, tensorflow):
                best[name] = min(best[name], timed(rung, *given))
    return best


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=20, help="how often the fast ways are timed (20)")
    best = measure(parser.parse_args().repeats)
    unit = best["TensorFlow"]
    print(f"forward and both gradients of {FILTERS} filters of {KERNEL}x{KERNEL} on {BATCH}x{SIZE}x{SIZE}x{CHANNELS}")
    print(
        f"{processor()}, {os.cpu_count()} cores; Python {platform.python_version()}, NumPy {np.__version__}, ", end=""
    )
    settings = [f"{name}={value}" for name, value in os.environ.items() if name.startswith("OPENBLAS")]
    print(", ".join([f"TensorFlow {tf.__version__}", *settings]), end="\n\n")
    print(f"{'':40} {'seconds':>9} {'/ TensorFlow':>14}")
    for name, seconds in best.items():
        print(f"{name:40} {seconds:9.3f} {seconds / unit:14.2f}")
    ours = best["strips of one image (course_utils.nn)"]
    gain = best["loops in Python"] / ours
    print(f"\nthe loops computed {LOOP_ROWS * SIZE} of {BATCH * SIZE * SIZE:,} places, and were multiplied up")
    print(
        f"the library takes {ours / unit:.2f} times TensorFlow's time, and is {gain:,.0f} times faster than the loops"
    )
    return ours / unit > MOST or gain < LEAST


if __name__ == "__main__":
    sys.exit(main())
