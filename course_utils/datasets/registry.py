"""The data sets of the course: files, public addresses, checksums and classes, each standing here and nowhere else."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Original:
    """A file as its authors publish it."""

    url: str
    bytes: int
    sha256: str

    @property
    def file(self):
        return self.url.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Entry:
    """One data set.

    ``file`` is its name in a mirror; ``shape`` (height, width, channels) that of its images, by default where they are
    photographs of many sizes; ``stand_in`` the number of stand-in images, by split, where nobody says how many.
    """

    name: str
    title: str
    file: str
    originals: tuple
    class_names: tuple
    shape: tuple
    stand_in: tuple
    photographs: bool = False
    masks: bool = False

    @property
    def download_bytes(self):
        return sum(original.bytes for original in self.originals)


def _words(text):
    return tuple(text.split())


_PETS = "https://thor.robots.ox.ac.uk/~vgg/data/pets/"

# The checksums of mnist.npz and cifar-10-python.tar.gz are those that keras.datasets pins; a test compares them.
DATASETS = {
    each.name: each
    for each in (
        Entry(
            name="mnist",
            title="MNIST: handwritten digits",
            file="mnist.npz",
            originals=(
                Original(
                    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz",
                    11_490_434,
                    "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
                ),
            ),
            class_names=tuple("0123456789"),
            shape=(28, 28, 1),
            stand_in=(1437, 360),
        ),
        Entry(
            name="cifar10",
            title="CIFAR-10: small photographs of ten things",
            file="cifar10.npz",
            originals=(
                Original(
                    "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
                    170_498_071,
                    "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
                ),
            ),
            class_names=_words("airplane automobile bird cat deer dog frog horse ship truck"),
            shape=(32, 32, 3),
            stand_in=(2000, 500),
        ),
        Entry(
            name="cats_vs_dogs",
            title="Dogs vs. Cats: photographs of either",
            file="cats_vs_dogs.zip",
            originals=(
                Original(
                    "https://download.microsoft.com/download/3/E/1/3E1C3F21-ECDB-4869-8368-6DEBA77B919F/"
                    "kagglecatsanddogs_5340.zip",
                    824_887_076,
                    "b7974bd00a84a99921f36ee4403f089853777b5ae8d151c76a86e64900334af9",
                ),
            ),
            class_names=("cat", "dog"),
            shape=(180, 180, 3),
            stand_in=(200, 100),
            photographs=True,
        ),
        Entry(
            name="oxford_pets",
            title="Oxford-IIIT Pet: cats and dogs of 37 breeds, with masks and boxes",
            file="oxford_pets.zip",
            originals=(
                Original(
                    _PETS + "images.tar.gz",
                    791_918_971,
                    "67195c5e1c01f1ab5f9b6a5d22b8c27a580d896ece458917e61d459337fa318d",
                ),
                Original(
                    _PETS + "annotations.tar.gz",
                    19_173_078,
                    "52425fb6de5c424942b7626b428656fcbd798db970a937df61750c0f1d358e91",
                ),
            ),
            # As the files are named, and sorted: the breeds of cats begin with a capital, those of dogs do not.
            class_names=_words(
                "Abyssinian Bengal Birman Bombay British_Shorthair Egyptian_Mau Maine_Coon Persian Ragdoll "
                "Russian_Blue Siamese Sphynx american_bulldog american_pit_bull_terrier basset_hound beagle "
                "boxer chihuahua english_cocker_spaniel english_setter german_shorthaired great_pyrenees "
                "havanese japanese_chin keeshond leonberger miniature_pinscher newfoundland pomeranian pug "
                "saint_bernard samoyed scottish_terrier shiba_inu staffordshire_bull_terrier wheaten_terrier "
                "yorkshire_terrier"
            ),
            shape=(224, 224, 3),
            stand_in=(148, 74),
            photographs=True,
            masks=True,
        ),
    )
}


def entry(name):
    """The entry of a data set; ValueError where there is none of that name."""
    if not isinstance(name, str) or name not in DATASETS:
        raise ValueError(f"There is no data set {name!r}; there are {', '.join(DATASETS)}.")
    return DATASETS[name]
