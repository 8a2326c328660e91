"""What one layer costs: sizes of outputs, numbers of parameters, numbers of multiply-adds.

Argument names and meanings are those of Keras' layers. A size, kernel, stride, padding or dilation is an int, or a
tuple with one int for each axis; where any of them is a tuple, the result is a tuple too.
"""

import math
import operator


def whole_number(name, value, at_least):
    """``value`` as a Python int, or an error that says what is wrong with the argument called ``name``."""
    try:
        number = operator.index(value)  # also takes NumPy's integers; refuses 2.0, "2" and None
    except TypeError:
        number = None
    if number is None or isinstance(value, bool):
        raise TypeError(
            f"{name} is {value!r} ({type(value).__name__}); it must be an int. Use int(...) or // to make one."
        )
    if number < at_least:
        raise ValueError(f"{name} is {number}; it must be at least {at_least}.")
    return number


def _is_sequence(value):
    return isinstance(value, (tuple, list))


def _one_by_axis(function, **arguments):
    """Call ``function`` with ints, once for each axis; give a tuple where any argument is one, else a plain result."""
    lengths = {name: len(value) for name, value in arguments.items() if _is_sequence(value)}
    if not lengths:
        return function(**arguments)
    if len(set(lengths.values())) != 1:
        given = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise ValueError(f"the tuples must all have one entry for each axis, but {given}. Make them of one length.")
    axes = range(next(iter(lengths.values())))
    return tuple(
        function(**{name: value[axis] if _is_sequence(value) else value for name, value in arguments.items()})
        for axis in axes
    )


def _as_axes(name, value, at_least):
    """A tuple of ints from a tuple, or from an int that stands for both axes of an image."""
    values = tuple(value) if _is_sequence(value) else (value, value)
    return tuple(whole_number(name, entry, at_least) for entry in values)


def _check_groups(in_channels, filters, groups):
    groups = whole_number("groups", groups, 1)
    for name, channels in (("in_channels", in_channels), ("filters", filters)):
        if channels % groups:
            raise ValueError(
                f"groups is {groups} and {name} is {channels}; each group takes an equal share of the channels, "
                f"so {name} must be a multiple of groups."
            )
    return groups


def _conv_output_size(size, kernel_size, strides, padding, dilation_rate, kernel_name="kernel_size"):
    size = whole_number("size", size, 1)
    kernel_size = whole_number(kernel_name, kernel_size, 1)
    strides = whole_number("strides", strides, 1)
    dilation_rate = whole_number("dilation_rate", dilation_rate, 1)
    if padding == "same":
        return math.ceil(size / strides)
    if isinstance(padding, str) and padding != "valid":
        raise ValueError(
            f"padding is {padding!r}; it must be 'valid' (none), 'same' (Keras chooses it so that stride 1 keeps the "
            "size) or the number of cells to add on each side."
        )
    cells = 0 if padding == "valid" else whole_number("padding", padding, 0)
    span = dilation_rate * (kernel_size - 1) + 1
    room = size + 2 * cells
    if span > room:
        spread = f" at dilation_rate {dilation_rate} spans {span} cells" if dilation_rate > 1 else ""
        around = f" ({size} and {cells} cells of padding on each side)" if cells else ""
        raise ValueError(
            f"{kernel_name} {kernel_size}{spread} does not fit: it needs {span} cells and the input has {room}{around}."
            " Make it smaller, use a larger input or more padding."
        )
    return (room - span) // strides + 1


def conv_output_size(size, kernel_size, strides=1, padding="valid", dilation_rate=1):
    """Number of positions at which a kernel fits on its input: floor((size + 2P - span) / strides) + 1.

    The span of a kernel is what it covers with its gaps, ``dilation_rate * (kernel_size - 1) + 1``.

    Parameters
    ----------
    size : int or tuple of int
        Cells of the input along an axis, such as ``32`` or ``(height, width)``.
    kernel_size, strides, dilation_rate : int or tuple of int
        As in ``keras.layers.Conv2D``. Unlike there, stride and dilation may both be larger than one.
    padding : {"valid", "same"}, int or tuple
        ``"valid"`` adds nothing; ``"same"`` gives ceil(size / strides), as Keras does; an int P adds P cells at both
        ends, as PyTorch does.

    Returns
    -------
    int or tuple of int
        An int where all arguments are, else a tuple.

    Raises
    ------
    TypeError
        A number is not an int.
    ValueError
        The kernel does not fit on the padded input, a stride is zero, the padding is unknown, or tuples have different
        lengths.

    Notes
    -----
    Source: Dumoulin and Visin (2016), A guide to convolution arithmetic for deep learning, relationship 6 (with
    dilation: 15). Taught in chapter 03, CNN mathematics.

    Examples
    --------
    >>> conv_output_size(32, 5)
    28
    >>> conv_output_size((7, 9), 3, strides=2, padding=1)
    (4, 5)
    >>> conv_output_size(224, 7, strides=2, padding="same")
    112
    """
    return _one_by_axis(
        _conv_output_size,
        size=size,
        kernel_size=kernel_size,
        strides=strides,
        padding=padding,
        dilation_rate=dilation_rate,
    )


def pool_output_size(size, pool_size, strides=None, padding="valid"):
    """Number of positions of a pooling window. The same count as for a kernel; by default windows do not overlap.

    Parameters
    ----------
    size, pool_size : int or tuple of int
        Cells of the input and of the window along an axis.
    strides : int, tuple of int or None
        None, as in Keras, stands for ``pool_size``.
    padding : {"valid", "same"}, int or tuple
        As in `conv_output_size`. Cells of padding never win a maximum and are not counted in a mean.

    Returns
    -------
    int or tuple of int
        An int where all arguments are, else a tuple.

    Raises
    ------
    TypeError, ValueError
        As for `conv_output_size`.

    Notes
    -----
    Source: Dumoulin and Visin (2016), section 3. Taught in chapter 03, CNN mathematics.

    Examples
    --------
    >>> pool_output_size(28, 2)
    14
    >>> pool_output_size(55, 3, strides=2)
    27
    """

    def along_axis(size, pool_size, strides, padding):
        strides = pool_size if strides is None else strides
        return _conv_output_size(size, pool_size, strides, padding, 1, kernel_name="pool_size")

    return _one_by_axis(along_axis, size=size, pool_size=pool_size, strides=strides, padding=padding)


def same_padding(size, kernel_size, strides=1, dilation_rate=1):
    """Cells that padding "same" adds before and after: as few as the output size ceil(size / strides) needs.

    Parameters
    ----------
    size, kernel_size, strides, dilation_rate : int
        Along one axis, as in `conv_output_size`.

    Returns
    -------
    tuple of int
        ``(before, after)``. An odd cell goes after, so at stride 2 a kernel of 3 has one on one side only. (A padding
        of 1 at both ends, as in PyTorch, gives the same size there, from windows that lie one pixel earlier.)

    Notes
    -----
    Keras and TensorFlow do this. Taught in chapter 03, CNN mathematics.

    Examples
    --------
    >>> same_padding(32, 3)
    (1, 1)
    >>> same_padding(32, 3, strides=2)
    (0, 1)
    """
    positions = _conv_output_size(size, kernel_size, strides, "same", dilation_rate)
    missing = max((positions - 1) * strides + dilation_rate * (kernel_size - 1) + 1 - size, 0)
    return missing // 2, missing - missing // 2


def conv_parameters(kernel_size, in_channels, filters, use_bias=True, groups=1):
    """Weights of a convolution: F*F*D weights for each of K filters, and a bias for each: F*F*D*K + K.

    Parameters
    ----------
    kernel_size : int or tuple of int
        An int F stands for F x F, as in ``Conv2D``; a tuple has one entry for each axis, ``(3,)`` for ``Conv1D``.
    in_channels, filters : int
        Channels of the input (the depth D, easily forgotten) and of the output (K).
    use_bias : bool
        Whether each filter has a bias.
    groups : int
        Each filter sees only ``in_channels / groups`` channels; ``groups=in_channels`` is a depthwise convolution.

    Returns
    -------
    int

    Raises
    ------
    TypeError
        A number is not an int.
    ValueError
        A number is not positive, or the channels cannot be shared out equally among the groups.

    Notes
    -----
    The size of the image plays no part. Transposed convolutions have as many. Taught in chapter 03, CNN mathematics.

    Examples
    --------
    >>> conv_parameters(3, 3, 64)  # the first layer of VGG16
    1792
    >>> conv_parameters(3, 64, 64, groups=64)  # depthwise
    640
    """
    kernel_size = _as_axes("kernel_size", kernel_size, 1)
    in_channels = whole_number("in_channels", in_channels, 1)
    filters = whole_number("filters", filters, 1)
    groups = _check_groups(in_channels, filters, groups)
    return math.prod(kernel_size) * (in_channels // groups) * filters + (filters if use_bias else 0)


def conv_multiply_adds(output_size, kernel_size, in_channels, filters, groups=1):
    """Multiplications of a convolution, each with the addition that takes up its product, for one image.

    Parameters
    ----------
    output_size : int or tuple of int
        Cells of the output, such as ``(height, width)``; an int stands for a square.
    kernel_size, in_channels, filters, groups
        As in `conv_parameters`.

    Returns
    -------
    int
        Positions times weights. Products with cells of padding count (libraries compute them); biases do not.

    Raises
    ------
    TypeError, ValueError
        As for `conv_parameters`; also where ``output_size`` and ``kernel_size`` have different numbers of axes.

    Notes
    -----
    What is called FLOPs is often this number and often twice this number. Taught in chapter 03, CNN mathematics.

    Examples
    --------
    >>> conv_multiply_adds(224, 3, 3, 64)  # the first layer of VGG16
    86704128
    """
    output_size = _as_axes("output_size", output_size, 1)
    if _is_sequence(kernel_size) and len(kernel_size) != len(output_size):
        raise ValueError(
            f"kernel_size {tuple(kernel_size)} has {len(kernel_size)} axes and output_size {output_size} has "
            f"{len(output_size)}; give one entry for each axis in both."
        )
    kernel_size = kernel_size if _is_sequence(kernel_size) else (kernel_size,) * len(output_size)
    return math.prod(output_size) * conv_parameters(kernel_size, in_channels, filters, use_bias=False, groups=groups)


def dense_parameters(inputs, units, use_bias=True):
    """Weights of a dense layer: one for each pair of an input and a unit, and a bias for each unit.

    Without the biases, this is also its number of multiply-adds.

    Parameters
    ----------
    inputs, units : int
        Values going in and coming out.
    use_bias : bool
        Whether each unit has a bias.

    Returns
    -------
    int

    Raises
    ------
    TypeError, ValueError
        A number is not a positive int.

    Notes
    -----
    Taught in chapter 03, CNN mathematics.

    Examples
    --------
    >>> dense_parameters(7 * 7 * 512, 4096)  # the first dense layer of VGG16: 74 % of all its weights
    102764544
    """
    inputs = whole_number("inputs", inputs, 1)
    units = whole_number("units", units, 1)
    return inputs * units + (units if use_bias else 0)
