"""One notebook at three scales: what a run may cost and what it must reach.

A training notebook states its real numbers once, with `budget`; the *profile* chooses the scale:

========  =====================================  ==========================
profile   data and training                      for
========  =====================================  ==========================
full      the numbers as written                 a machine with a GPU
laptop    real data, minutes on two cores        everybody else
smoke     stand-in data, seconds                 continuous integration
========  =====================================  ==========================

``COURSE_PROFILE`` sets it. Unset, it is full where Keras sees an accelerator and laptop elsewhere, and `budget` prints
which and why. This is the only module that reads the variable.
"""

import os
import platform
from pathlib import Path

PROFILES = ("smoke", "laptop", "full")


class ExpectationFailed(AssertionError):
    """A run did not reach the result that its profile must reach."""


class Budget:
    """The numbers of one run, as attributes: ``run.epochs``. Made by `budget`; cannot be changed."""

    def __init__(self, profile, numbers):
        object.__setattr__(self, "profile", profile)
        for name, value in numbers.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name, value):
        raise AttributeError(
            f"a budget does not change while it runs: cannot set {name!r}. "
            f"State the number in budget(...), for profile {self.profile!r}."
        )

    def __getattr__(self, name):  # only called where the attribute is missing
        raise AttributeError(f"this budget has no {name!r}; it has {', '.join(self.__dict__)}")

    def __repr__(self):
        return "Budget(" + ", ".join(f"{name}={value!r}" for name, value in self.__dict__.items()) + ")"


def devices():
    """Names of the devices that Keras' backend computes on, such as ``['gpu:0']`` or ``['cpu:0']``; imports Keras."""
    import keras

    try:
        return keras.distribution.list_devices()
    except (AttributeError, NotImplementedError):
        # Only TensorFlow and JAX can be asked for all of them. Elsewhere an array is asked where Keras has put it.
        return [str(getattr(keras.ops.zeros(1), "device", "cpu"))]


def processor():
    """Name of this machine's processor, as the system gives it."""
    about = Path("/proc/cpuinfo")
    lines = about.read_text(encoding="utf-8").splitlines() if about.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()


def _accelerator():
    """Name of the accelerator that Keras' backend sees, such as ``'gpu:0'``; None where there is only a CPU."""
    return next((name for name in devices() if not name.lower().startswith("cpu")), None)


def requested_profile():
    """The profile that ``COURSE_PROFILE`` names; None where it is not set. Needs no backend, unlike `profile`."""
    name = os.environ.get("COURSE_PROFILE", "").strip().lower()
    if name and name not in PROFILES:
        raise ValueError(f"COURSE_PROFILE is {name!r}; it must be one of {', '.join(PROFILES)}, or not set at all.")
    return name or None


def _choose():
    """The profile and, where nobody asked for it, the reason it was chosen."""
    name = requested_profile()
    if name:
        return name, None
    accelerator = _accelerator()
    if accelerator:
        return "full", f"Keras sees an accelerator, {accelerator}"
    return "laptop", "Keras sees no accelerator"


def profile():
    """Name of the profile in force: ``'smoke'``, ``'laptop'`` or ``'full'``.

    Returns
    -------
    str
        What ``COURSE_PROFILE`` says; if it is not set, ``'full'`` where Keras sees an accelerator, else ``'laptop'``.

    Raises
    ------
    ValueError
        ``COURSE_PROFILE`` is set to something else.

    Examples
    --------
    >>> import os
    >>> os.environ["COURSE_PROFILE"] = "smoke"
    >>> profile()
    'smoke'
    """
    return _choose()[0]


def budget(*, laptop=None, smoke=None, **full):
    """Choose the numbers of a run for the profile in force.

    Parameters
    ----------
    **full
        The real numbers: what a machine with a GPU runs, such as ``epochs=30, examples=50_000``.
    laptop, smoke : dict, optional
        Only the numbers that are different there. What ``smoke`` does not name is taken from ``laptop``, and what
        ``laptop`` does not name from the real numbers.

    Returns
    -------
    Budget
        The numbers as attributes, and ``profile``.

    Raises
    ------
    TypeError
        A scale names a number that the full run does not have.

    Notes
    -----
    Prints the profile, and why, where it was chosen automatically. Explained on the home page of the book.

    Examples
    --------
    >>> import os
    >>> os.environ["COURSE_PROFILE"] = "smoke"
    >>> run = budget(epochs=30, examples=50_000, smoke=dict(epochs=2, examples=512))
    >>> run.epochs, run.examples
    (2, 512)
    """
    for scale, numbers in (("laptop", laptop), ("smoke", smoke)):
        unknown = sorted(set(numbers or ()) - set(full))
        if unknown:
            raise TypeError(
                f"budget: {scale}=dict(...) names {', '.join(unknown)}, which the full run does not have "
                f"(it has {', '.join(full) or 'nothing'}). State the full number too."
            )
    chosen, reason = _choose()
    if reason:
        print(f"Profile {chosen}: {reason}. Set COURSE_PROFILE to smoke, laptop or full to choose another.")
    numbers = dict(full)
    if chosen in ("laptop", "smoke"):
        numbers.update(laptop or {})
    if chosen == "smoke":
        numbers.update(smoke or {})
    return Budget(chosen, numbers)


def expect(name, value, *, full, laptop, smoke, at_most=False):
    """State the result that a run must reach, and fail where it does not. This is what validation proves.

    Parameters
    ----------
    name : str
        What was measured, such as ``"test accuracy"``.
    value : float
        The result.
    full, laptop, smoke : float
        The bound at each profile, set from measured runs: tight enough that a broken model fails it.
    at_most : bool
        The value must not be larger than the bound, as for a loss. By default it must not be smaller.

    Raises
    ------
    ExpectationFailed
        The result is on the wrong side of the bound, or is not a number.

    Examples
    --------
    >>> import os
    >>> os.environ["COURSE_PROFILE"] = "smoke"
    >>> expect("test accuracy", 0.41, full=0.88, laptop=0.70, smoke=0.30)
    test accuracy: 0.41, expected at least 0.3 at profile smoke
    """
    chosen = profile()
    bound = {"full": full, "laptop": laptop, "smoke": smoke}[chosen]
    value = float(value)
    reached = value <= bound if at_most else value >= bound  # False for NaN, whichever way it is asked
    side = "at most" if at_most else "at least"
    statement = f"{name}: {value:.4g}, expected {side} {bound:.4g} at profile {chosen}"
    if not reached:
        raise ExpectationFailed(statement + ". Either the run is broken or the bound was never measured.")
    print(statement)
