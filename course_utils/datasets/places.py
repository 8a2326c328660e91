"""The two folders that the environment may name. The only module that reads these variables."""

import os
from pathlib import Path


def cache_folder():
    """Where fetched data are kept: ``COURSE_UTILS_CACHE``, else the folder that the system has for caches."""
    chosen = os.environ.get("COURSE_UTILS_CACHE", "").strip()
    if chosen:
        return Path(chosen).expanduser()
    import pooch

    return Path(pooch.os_cache("course_utils"))


def mirror_folder():
    """The mirror that ``COURSE_UTILS_MIRROR`` names; None where it is not set."""
    chosen = os.environ.get("COURSE_UTILS_MIRROR", "").strip()
    return Path(chosen).expanduser() if chosen else None
