"""The results of trainings, as files: a line a training, so that a change can be read."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Record:
    """One training of one experiment. Read by `read`, written by ``course train``.

    Attributes
    ----------
    experiment : str
        Name of the experiment.
    seed : int
    scores : dict of float
        ``accuracy`` and ``macro_f1`` on the test images.
    history : dict of list of float
        What ``fit`` recorded, a value an epoch, to four digits.
    parameters : int
    seconds : float
        Processor time that ``fit`` took, on one thread: what else the machine was doing does not count.
    machine : str
        What computed: processor and threads.
    keras, backend : str
        Version of Keras, name of its backend.
    day : str
        When, such as ``"2026-11-29"``.
    fingerprint : str
        Of what was trained: architecture, optimiser, loss, data, length.
    """

    experiment: str
    seed: int
    scores: dict
    history: dict = field(repr=False)
    parameters: int
    seconds: float
    machine: str
    keras: str
    backend: str
    day: str
    fingerprint: str = field(repr=False)


def path_of(chapter):
    """The file of a chapter's records."""
    return FOLDER / f"ch{chapter}.jsonl"


def read(chapter):
    """Every training of a chapter that was kept, by experiment.

    Parameters
    ----------
    chapter : str
        Such as ``"06_scratch_cnns"``.

    Returns
    -------
    dict of list of Record
        The records of each experiment, by seed.

    Raises
    ------
    FileNotFoundError
        No training of this chapter was kept.

    Notes
    -----
    Used from chapter 06, CNNs from scratch, on.

    Examples
    --------
    >>> kept = read("06_scratch_cnns")
    >>> kept["Model 1"][0].seed
    0
    """
    path = path_of(chapter)
    if not path.is_file():
        raise FileNotFoundError(
            f"no trainings of {chapter!r} are kept. `course train {chapter}` makes them; it takes hours."
        )
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        record = Record(**json.loads(line))
        found.setdefault(record.experiment, []).append(record)
    return {name: sorted(records, key=lambda record: record.seed) for name, records in found.items()}


def keep(chapter, record):
    """Add a record to the chapter's file, in place of an older one of the same experiment and seed.

    The file is written anew beside itself and moved into place: a run that is ended loses only what it was at.
    """
    path = path_of(chapter)
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    new = asdict(record)
    others = [old for old in map(json.loads, lines) if any(old[key] != new[key] for key in ("experiment", "seed"))]
    aside = path.with_suffix(".part")
    aside.write_text("".join(json.dumps(each) + "\n" for each in [*others, new]), encoding="utf-8")
    aside.replace(path)
