"""What the shape of an image may be that a network of five halvings takes."""

SMALLEST = 32  # pixels: after five halvings, one is left


def is_image_shape(shape):
    """Whether this is (height, width, channels), height and width None or from 32 pixels.

    Examples
    --------
    >>> is_image_shape((None, 64, 3)), is_image_shape((16, 64, 3)), is_image_shape((64, 64))
    (True, False, False)
    """
    if not isinstance(shape, (tuple, list)) or len(shape) != 3:
        return False
    *sides, channels = shape
    sides_fit = all(side is None or (isinstance(side, int) and side >= SMALLEST) for side in sides)
    return sides_fit and isinstance(channels, int) and channels >= 1
