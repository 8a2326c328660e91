"""Receptive fields: which pixels of the input can reach a unit, and how far apart those of two neighbours lie."""

from typing import NamedTuple

from .sizes import same_padding, whole_number


class ReceptiveField(NamedTuple):
    """What the units of a layer see along one axis: unit i sees ``size`` pixels from ``start + i * jump`` on.

    Attributes
    ----------
    size : int
        Pixels from the first to the last that a unit sees; the gaps of dilated kernels are included.
    jump : int
        Pixels between the fields of two neighbouring units: the product of all strides so far.
    start : int
        First pixel that the unit at position 0 sees; negative where it lies in the padding.
    """

    size: int
    jump: int
    start: int


def receptive_fields(layers):
    """Receptive field after each of a chain of layers, along one axis.

    Parameters
    ----------
    layers : sequence of tuples
        ``(kernel_size, strides)``, ``(kernel_size, strides, dilation_rate)`` or ``(kernel_size, strides, dilation_rate,
        padding)`` for each convolution or pooling, first layer first. The padding is an int, ``"valid"`` (the default)
        or, at stride 1, ``"same"``; it moves the field and does not change its size.

    Returns
    -------
    list of ReceptiveField
        The input itself first (size 1, jump 1, start 0), so one more than there are layers.

    Raises
    ------
    TypeError
        A layer is not such a tuple, or a number is not an int.
    ValueError
        A number is out of range.

    Notes
    -----
    Source: Araujo, Norris and Sim (2019), Computing receptive fields of convolutional neural networks, Distill,
    section 2. Taught in chapter 03, CNN mathematics.

    Examples
    --------
    >>> for field in receptive_fields([(3, 1), (2, 2), (3, 1)]):
    ...     print(field)
    ReceptiveField(size=1, jump=1, start=0)
    ReceptiveField(size=3, jump=1, start=0)
    ReceptiveField(size=4, jump=2, start=0)
    ReceptiveField(size=8, jump=2, start=0)
    """
    fields = [ReceptiveField(size=1, jump=1, start=0)]
    for number, layer in enumerate(layers, 1):
        if not isinstance(layer, (tuple, list)) or not 2 <= len(layer) <= 4:
            raise TypeError(
                f"layer {number} is {layer!r}; it must be (kernel_size, strides), and may go on with dilation_rate and "
                "padding. Write a pooling of 2 as (2, 2)."
            )
        kernel_size, strides, dilation_rate, padding = (*layer, *(1, "valid")[len(layer) - 2 :])
        kernel_size = whole_number(f"kernel_size of layer {number}", kernel_size, 1)
        strides = whole_number(f"strides of layer {number}", strides, 1)
        dilation_rate = whole_number(f"dilation_rate of layer {number}", dilation_rate, 1)
        if padding == "same":
            if strides > 1:
                raise ValueError(
                    f"layer {number} has padding 'same' at stride {strides}; how much that is depends on the size of"
                    " its input. Give the cells before the input as an int: same_padding(...) counts them."
                )
            before, _ = same_padding(1, kernel_size, 1, dilation_rate)
        elif padding == "valid":
            before = 0
        else:
            before = whole_number(f"padding of layer {number}", padding, 0)
        size, jump, start = fields[-1]
        fields.append(
            ReceptiveField(
                size=size + (kernel_size - 1) * dilation_rate * jump,
                jump=jump * strides,
                start=start - before * jump,
            )
        )
    return fields


def receptive_field(layers):
    """Pixels along one axis that a unit after a chain of layers can see.

    Parameters
    ----------
    layers : sequence of tuples
        ``(kernel_size, strides)`` or ``(kernel_size, strides, dilation_rate)`` for each, as in `receptive_fields`.

    Returns
    -------
    int
        Its size where no border is in the way; it can be larger than the image.

    Raises
    ------
    TypeError, ValueError
        As for `receptive_fields`, which gives the steps in between.

    Notes
    -----
    Taught in chapter 03, CNN mathematics.

    Examples
    --------
    >>> receptive_field([(3, 1), (3, 1)])  # two 3x3 kernels see as much as one of 5x5
    5
    """
    return receptive_fields(layers)[-1].size
