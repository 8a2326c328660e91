"""Data: `load` gives any data set of the course, wherever its bytes come from.

It looks in the cache, in the mirror that ``COURSE_UTILS_MIRROR`` names, and at the public host, and compares
checksums in each. `fetch`, `status`, `mirror.write` and `mirror.verify` are what the ``course data`` commands do;
`drawn.draw` draws images of which the truth is known. Importing this loads NumPy and nothing larger.
"""

import warnings

from . import drawn, mirror, readers, registry, sources, standins
from .arguments import height_and_width, whole
from .dataset import Dataset
from .errors import DatasetUnavailable
from .sources import fetch, status

# tqdm, which pooch imports, warns where ipywidgets is missing that its bar will be plain text. That is no news.
warnings.filterwarnings("ignore", message="IProgress not found")

NAMES = tuple(registry.DATASETS)

__all__ = ["NAMES", "Dataset", "DatasetUnavailable", "drawn", "fetch", "load", "mirror", "status"]


def load(name, split="train", *, examples=None, size=None, source=None, seed=0, progress=True):
    """Load a data set.

    Parameters
    ----------
    name : str
        ``"mnist"``, ``"cifar10"``, ``"cats_vs_dogs"`` or ``"oxford_pets"``.
    split : {"train", "test"}
        MNIST and CIFAR-10 come split. Of the photographs a quarter is for testing: those whose name, such as
        ``Cat/12.jpg`` or ``beagle_7``, has a SHA-256 that begins with a byte below 64. So a part of an archive and the
        whole of it agree on every image.
    examples : int, optional
        This many images, as many of each class as possible, chosen by ``seed``: the same seed gives the same images,
        and the images of a smaller choice are the first ones of a larger. By default all.
    size : int or (int, int), optional
        Height and width of photographs; by default 180 for the cats and dogs, 224 for the pets. The largest central
        part with these proportions is kept and resized, masks without mixing values, boxes alike and cut at the
        border.
    source : {None, "cache", "mirror", "host", "stand-in"}
        None: the stand-in where ``COURSE_PROFILE`` is smoke, else the first of cache, mirror and host that has the
        data. Named: only that one. What comes from the host goes through the cache.
    seed : int
        Of the choice, of the order of photographs (archives have them sorted by class, and training on such an order
        fails in ways that are hard to see), and of drawn images.
    progress : bool
        Show a bar on stderr while downloading and decoding.

    Returns
    -------
    Dataset
        uint8 images ``(N, height, width, channels)``: 28x28x1 for MNIST, 32x32x3 for CIFAR-10.
        The pets have masks (1 pet, 2 background, 3 outline) and boxes around the head (in the stand-in: the shape),
        NaN where the authors drew none. Their classes are the breeds found in the data: 37 in the published archive
        and in the stand-in, 3 in a mirror that holds three. Take the number of classes from ``class_names``.

    Raises
    ------
    DatasetUnavailable
        No place has the data. The message says what was wrong with each, and what helps.
    TypeError
        ``examples``, ``size`` or ``seed`` is no whole number.
    ValueError
        An argument that cannot be, or more ``examples`` than there are.

    Warns
    -----
    UserWarning
        A file in the cache or in the mirror is damaged and not used, the cache cannot be written, or photographs
        cannot be read and are left out (Microsoft's archive of cats and dogs has some).

    Notes
    -----
    MNIST: LeCun et al. (1998). CIFAR-10: Krizhevsky (2009). Dogs vs. Cats: Elson et al. (2007). Oxford-IIIT Pet:
    Parkhi et al. (2012). First used in chapter 01, Tasks.

    Examples
    --------
    >>> data = load("cifar10", examples=100, source="stand-in")
    >>> data
    Dataset cifar10, train: 100 images 32x32x3, 10 classes, from: stand-in (drawn images)
    >>> data.class_names[3], data.images.shape, int((data.labels == 3).sum())
    ('cat', (100, 32, 32, 3), 10)
    """
    entry = registry.entry(name)
    if split not in ("train", "test"):
        raise ValueError(
            f"load: split is {split!r}; it must be 'train' or 'test'. For validation, see Dataset.holdout."
        )
    if source not in (None, "stand-in", *sources.PLACES):
        raise ValueError(f"load: source is {source!r}; it must be None, 'cache', 'mirror', 'host' or 'stand-in'.")
    if examples is not None:
        examples = whole("load", "examples", examples, 1, otherwise=", or None for all")
    seed = whole("load", "seed", seed)
    size = _height_and_width(entry, size)
    if source == "stand-in" or (source is None and _smoke()):
        return Dataset(name, split, **standins.make(entry, split, examples, size, seed))
    fields, origin = sources.read_first(
        entry, source, progress, lambda path: readers.read_split(entry, path, split, examples, size, seed, progress)
    )
    return Dataset(name, split, **fields, source=origin)


def _smoke():
    from ..budget import requested_profile

    return requested_profile() == "smoke"


def _height_and_width(entry, size):
    if size is None:
        return entry.shape[:2]
    sides = height_and_width("load", size)
    if not entry.photographs and sides != entry.shape[:2]:
        height, width, _ = entry.shape
        raise ValueError(f"load: size is {size!r}, but the images of {entry.name} are {height}x{width} as they come.")
    return sides
