"""The two folders that the environment may name. The only module that reads these variables."""

import os
from pathlib import Path


def cache_folder():
    """Where fetched data are kept: ``COURSE_UTILS_CACHE``, else the folder that the system has for caches.

    Raises
    ------
    OSError
        Nothing is set and the user has no home folder, as in some containers.
    ValueError
        ``COURSE_UTILS_CACHE`` is no folder that could be.
    """
    chosen = _named("COURSE_UTILS_CACHE")
    if chosen is not None:
        return chosen
    import pooch

    try:
        return Path(pooch.os_cache("course_utils"))
    except RuntimeError as error:
        raise OSError("This user has no home folder to keep data in; set COURSE_UTILS_CACHE to a folder") from error


def mirror_folder():
    """The mirror that ``COURSE_UTILS_MIRROR`` names; None where it is not set, ValueError where it cannot be."""
    return _named("COURSE_UTILS_MIRROR")


def _named(variable):
    """The folder that a variable of the environment names, ``~`` and ``~user`` replaced; None where it is not set."""
    chosen = os.environ.get(variable, "").strip()
    if not chosen.startswith("~"):
        return Path(chosen) if chosen else None
    home, *inside = Path(chosen).parts
    try:
        folder = Path(home).expanduser()
        missing = not folder.is_dir()
    except RuntimeError:  # no such user, or one that the system does not know
        missing = True
    if missing:
        raise ValueError(
            f"{variable} is {chosen!r}, but {home} is no folder here. Give a whole path, such as /data/course_utils."
        )
    return folder.joinpath(*inside)
