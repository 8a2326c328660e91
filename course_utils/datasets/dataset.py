"""The frozen `Dataset` that `load` returns."""

from dataclasses import dataclass, replace

import numpy as np

from .arguments import number, whole
from .selection import stratified_holdout


def _read_only(array, dtype, name, shape):
    """A view of ``array`` that cannot be written to, of the given type; ``None`` in ``shape`` is any length."""
    array = np.asarray(array)
    right = array.ndim == len(shape) and all(
        want in (None, have) for want, have in zip(shape, array.shape, strict=True)
    )
    if not right:
        wanted = ", ".join("any" if length is None else str(length) for length in shape)
        raise ValueError(f"Dataset: {name} has shape {array.shape}; it must be ({wanted}).")
    # A type that holds less would cut numbers off silently: pixels from 0 to 1 would all become 0.
    if array.size and not np.can_cast(array.dtype, dtype, "same_kind" if dtype is not np.uint8 else "safe"):
        raise ValueError(f"Dataset: {name} has numbers of type {array.dtype}; they must be {np.dtype(dtype)}.")
    view = array.astype(dtype, copy=False).view()
    view.flags.writeable = False
    return view


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Images with their labels. Nothing in it can be changed; `subset` and `holdout` give new ones.

    Parameters
    ----------
    name : str
        Such as ``"cifar10"``.
    split : str
        ``"train"``, ``"test"``, or ``"validation"`` for what `holdout` has held out.
    images : ndarray of uint8, shape (N, height, width, channels)
        Values 0 to 255.
    labels : ndarray of int32, shape (N,)
        Indices into ``class_names``.
    class_names : tuple of str
    source : str
        Where the images come from, such as ``"mirror"`` or ``"stand-in (drawn images)"``.
    masks : ndarray of uint8, shape (N, height, width, 1), optional
        1 is pet, 2 background, 3 the outline between them.
    boxes : ndarray of float32, shape (N, 4), optional
        Left, top, right, bottom in pixels; NaN where an image has no box.

    Notes
    -----
    First used in chapter 01, Tasks.

    Examples
    --------
    >>> import numpy as np
    >>> data = Dataset("pairs", "train", np.zeros((4, 8, 8, 3), np.uint8), [0, 1, 0, 1], ("a", "b"), "example")
    >>> data
    Dataset pairs, train: 4 images 8x8x3, 2 classes, from: example
    >>> len(data.subset(data.labels == 1))
    2
    """

    name: str
    split: str
    images: np.ndarray
    labels: np.ndarray
    class_names: tuple
    source: str
    masks: np.ndarray | None = None
    boxes: np.ndarray | None = None

    def __post_init__(self):
        def freeze(field, dtype, shape):
            object.__setattr__(self, field, _read_only(getattr(self, field), dtype, field, shape))

        freeze("images", np.uint8, (None, None, None, None))
        count, height, width, _ = self.images.shape
        freeze("labels", np.int32, (count,))
        if self.masks is not None:
            freeze("masks", np.uint8, (count, height, width, 1))
        if self.boxes is not None:
            freeze("boxes", np.float32, (count, 4))
        object.__setattr__(self, "class_names", tuple(self.class_names))
        if count and not 0 <= self.labels.min() <= self.labels.max() < len(self.class_names):
            raise ValueError(
                f"Dataset: labels go from {self.labels.min()} to {self.labels.max()}; "
                f"with {len(self.class_names)} classes they must go from 0 to {len(self.class_names) - 1}."
            )

    def __len__(self):
        return len(self.images)

    def __repr__(self):
        shape = "x".join(str(length) for length in self.images.shape[1:])
        extras = " and ".join(field for field in ("masks", "boxes") if getattr(self, field) is not None)
        return (
            f"Dataset {self.name}, {self.split}: {len(self):,} images {shape}, {len(self.class_names)} classes"
            f"{', with ' + extras if extras else ''}, from: {self.source}"
        )

    def subset(self, indices):
        """The images at ``indices``, in that order.

        Parameters
        ----------
        indices : slice, sequence of int, or ndarray of bool of shape (N,)

        Returns
        -------
        Dataset
            With copies of the arrays; the class names stay as they are, even where a class has no image left.

        Raises
        ------
        IndexError
            An index is out of range.
        """
        if not isinstance(indices, slice):
            indices = np.asarray(indices)
            if indices.size == 0:
                indices = indices.astype(np.int64)  # NumPy takes an empty list for floats
            if indices.ndim != 1:
                raise IndexError(f"Dataset.subset: indices must be a slice or a sequence, not {indices!r}.")
        fields = ("images", "labels", "masks", "boxes")
        return replace(self, **{f: getattr(self, f)[indices] for f in fields if getattr(self, f) is not None})

    def holdout(self, fraction=0.1, seed=0):
        """Split off a part to validate on, with the same shares of the classes in both parts.

        Parameters
        ----------
        fraction : float
            The share held out, between 0 and 1.
        seed : int
            The same seed holds out the same images.

        Returns
        -------
        train, validation : Dataset
            Disjoint; together they are this data set. Both keep its order.

        Raises
        ------
        TypeError
            ``fraction`` is no number, or ``seed`` no whole one.
        ValueError
            ``seed`` is negative, ``fraction`` is not between 0 and 1, or so small or large that a part would be empty.

        Notes
        -----
        Taught in chapter 06, CNNs from scratch.

        Examples
        --------
        >>> import numpy as np
        >>> data = Dataset("ten", "train", np.zeros((20, 2, 2, 1), np.uint8), np.arange(20) % 2, ("a", "b"), "example")
        >>> train, validation = data.holdout(0.2)
        >>> len(train), validation.split, sorted(validation.labels.tolist())
        (16, 'validation', [0, 0, 1, 1])
        """
        if number("Dataset.holdout", "fraction", fraction, 0, 1) in (0, 1):
            raise ValueError(f"Dataset.holdout: fraction is {fraction!r}; it must lie between 0 and 1, such as 0.1.")
        seed = whole("Dataset.holdout", "seed", seed)
        kept, held = stratified_holdout(self.labels, fraction, seed)
        if not len(kept) or not len(held):
            raise ValueError(f"Dataset.holdout: {fraction!r} of {len(self)} images leaves one part without any.")
        return self.subset(kept), replace(self.subset(held), split="validation")
