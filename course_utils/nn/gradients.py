"""Is a gradient right? Compare it with differences of the function itself."""

import copy

import numpy as np

from .layers import check_number, whole_number


def numerical_gradient(f, x, step=1e-5, entries=None):
    """Gradient of a function by central differences: (f(x + step) - f(x - step)) / (2 step), entry by entry.

    Parameters
    ----------
    f : callable
        ``f(x)`` returns a number.
    x : ndarray
        Where to compute it. Changed while this runs, and as before afterwards, so ``f`` may also use it without asking.
        In float32 the differences drown in rounding; use float64.
    step : float
    entries : sequence of int or None
        Which entries of ``x.flat`` to compute; the others become NaN. None stands for all.

    Returns
    -------
    ndarray of float64
        In the shape of ``x``.

    Raises
    ------
    TypeError
        ``x`` is not a floating-point array.
    ValueError
        ``step`` is not above 0.

    Notes
    -----
    Taught in chapter 04, A CNN library.

    Examples
    --------
    >>> x = np.array([1.0, 2.0])
    >>> numerical_gradient(lambda x: (x**3).sum(), x).round(6)
    array([ 3., 12.])
    """
    if not isinstance(x, np.ndarray) or not np.issubdtype(x.dtype, np.floating):
        raise TypeError(f"x is {getattr(x, 'dtype', type(x).__name__)}; use np.asarray(x, dtype='float64').")
    check_number("step", step, 0, low_too=False)
    gradient = np.full(x.shape, np.nan)
    for entry in range(x.size) if entries is None else entries:
        before = x.flat[entry]
        x.flat[entry] = before + step
        above = f(x)
        x.flat[entry] = before - step
        below = f(x)
        x.flat[entry] = before
        gradient.flat[entry] = (above - below) / (2 * step)
    return gradient


def check_gradients(layer, x, step=1e-5, training=False, samples=None, seed=0, dtype="float64"):
    """Largest relative error of the gradients of a layer or a model: by its input, and by each of its parameters.

    The loss is a sum of the outputs with random weights. What is checked is a copy: the layer stays as it is, and
    every pass starts from the same state, so that dropout draws the same mask each time.

    Parameters
    ----------
    layer : Layer or Sequential
        Built.
    x : ndarray
        A batch for it. A few examples are enough: the time grows with the square of the size.
    step : float
        Of the differences. Where a kink of ReLU or pooling lies within a step, the two gradients differ rightly.
    training : bool
        Whether to check it as it behaves in training.
    samples : int or None
        Check only so many entries of each array, drawn at random with ``seed``.
    seed : int
    dtype : str
        What to compute in. Float32 shows why one checks in float64.

    Returns
    -------
    float
        The largest difference, as a share of the largest gradient of the same array (or of a thousandth of the largest
        of all, if that is more). In float64 below 1e-6 for a right gradient; a wrong one has 1e-3 and more.

    Notes
    -----
    Taught in chapter 04, A CNN library.

    Examples
    --------
    >>> from course_utils.nn import Linear
    >>> layer = Linear(3)
    >>> layer.build((4,), np.random.default_rng(0))
    >>> check_gradients(layer, np.ones((2, 4))) < 1e-7
    True
    """
    # Not default_rng(seed) alone: the caller may have drawn x from it, and the weights would be x itself. What a layer
    # that normalises x passes back for such weights is near 0, and what it does wrongly with them does not show.
    rng = np.random.default_rng([seed, 4])
    samples = None if samples is None else whole_number("samples", samples)
    x, layer = np.array(x, dtype=dtype), copy.deepcopy(layer)
    for parameter in layer.parameters():
        parameter.value = parameter.value.astype(dtype)
    once = copy.deepcopy(layer)
    output = once.forward(x, training)
    weights = rng.standard_normal(output.shape).astype(dtype)
    analytic = [once.backward(weights), *(parameter.gradient for parameter in once.parameters())]
    arrays = [x, *(parameter.value for parameter in layer.parameters())]

    def loss(_):
        return (copy.deepcopy(layer).forward(x, training) * weights).sum()

    found, expected = [], []
    for array, gradient in zip(arrays, analytic, strict=True):
        entries = np.arange(array.size)
        if samples is not None and samples < array.size:
            entries = rng.choice(array.size, samples, replace=False)
        found.append(np.reshape(gradient, -1)[entries])
        expected.append(numerical_gradient(loss, array, step, entries).flat[entries])
    sizes = [max(np.abs(one).max(), np.abs(other).max()) for one, other in zip(found, expected, strict=True)]
    scales = np.maximum(sizes, max(sizes) / 1000 or 1)  # a gradient that is zero is compared with the largest one
    errors = [np.abs(one - other).max() for one, other in zip(found, expected, strict=True)]
    return float(np.max(errors / scales))
