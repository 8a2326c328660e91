"""What to install: the name that the package index has for a module, and the command that installs it."""

import importlib.util
import sys

# Where the two differ. A name that is not here is the same in both places.
INDEX_NAMES = {"IPython": "ipython", "PIL": "pillow", "sklearn": "scikit-learn", "yaml": "pyyaml"}


def package_of(module):
    """Return the name that the package index has for an imported module.

    Parameters
    ----------
    module : str
        As it is imported, submodules too.

    Returns
    -------
    str

    Examples
    --------
    >>> package_of("yaml"), package_of("sklearn.svm"), package_of("keras")
    ('pyyaml', 'scikit-learn', 'keras')
    """
    name = module.partition(".")[0]
    return INDEX_NAMES.get(name, name)


def install_command(*packages):
    """Return the command that installs packages beside this Python, also where it has no pip, as uv makes environments.

    Parameters
    ----------
    *packages : str
        Names on the index, with their extras.

    Returns
    -------
    str

    Examples
    --------
    >>> install_command("pyyaml", "tensorflow[and-cuda]").endswith(" -m pip install pyyaml 'tensorflow[and-cuda]'")
    True
    """
    names = " ".join(f"'{name}'" if "[" in name else name for name in packages)
    first = "" if importlib.util.find_spec("pip") else f"{sys.executable} -m ensurepip && "
    return f"{first}{sys.executable} -m pip install {names}"
