"""Make a project: the script of the template, the reader's folder of images or the Oxford pets."""

import re
from importlib import resources
from pathlib import Path

from .folder import read_folder

FILES = ("classify.py", "README.md")


def new_project(path, images=None):
    """Write a project that tells apart what is in a folder of images.

    Parameters
    ----------
    path : path-like
        The project's folder, which must not exist or be empty.
    images : path-like, optional
        A folder with one folder a class. It stays where it is; the project knows its place. By default the Oxford pets
        (at the smoke profile: drawn images), written into the project as JPEGs.

    Returns
    -------
    Folder
        What was found in the folder of images.

    Raises
    ------
    FolderError
        The images cannot be used as they are; then nothing is written.
    FileExistsError
        There is something at ``path`` already.
    DatasetUnavailable
        Without ``images``: the pets are not at hand.

    Notes
    -----
    Taught in chapter 13, The same networks in three frameworks.

    Examples
    --------
    >>> import tempfile
    >>> from course_utils import feeding, load
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = feeding.write_jpegs(load("cats_vs_dogs", examples=20, size=48, source="stand-in"), f"{folder}/mine")
    ...     found = new_project(f"{folder}/my-pets", f"{folder}/mine")
    ...     written = sorted(each.name for each in Path(folder, "my-pets").iterdir())
    >>> written
    ['README.md', 'classify.py']
    """
    path = Path(path)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise FileExistsError(f"There is something at {path} already, and it stays as it is. Name another folder.")
    if images is None:
        _write_pets(path / "images")
        found, place = read_folder(path / "images"), "images"
    else:
        found = read_folder(images)
        place = str(found.path.resolve())
    path.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        text = (resources.files(__package__) / "template" / name).read_text(encoding="utf-8")
        if name == "classify.py":
            text, changed = re.subn(r"^IMAGES = .*$", lambda _: f"IMAGES = {place!r}", text, flags=re.MULTILINE)
            assert changed == 1, "the template has no line IMAGES = ..."
        (path / name).write_text(text, encoding="utf-8")
    return found


def _write_pets(path):
    """Both splits of the pets, as files."""
    from ..datasets import load
    from ..feeding import write_jpegs

    for split in ("train", "test"):
        write_jpegs(load("oxford_pets", split), path, prefix=f"{split}_")
