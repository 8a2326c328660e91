"""The ``course`` command: data, notebooks, exercises, validation, and what to do when something is missing.

Nothing of the course is imported before a command needs it, so ``course --help`` answers at once.
"""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="course",
    help="The computer-vision course: its data, notebooks, exercises and their validation.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
data_app = typer.Typer(
    help="Data sets: list, download, mirror, verify.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(data_app, name="data")

Notebooks = Annotated[
    list[Path] | None, typer.Argument(help="Notebooks; by default all of them.", show_default=False, metavar="NOTEBOOK")
]
Names = Annotated[
    list[str] | None,
    typer.Argument(help="Data sets; `course data list` names them.", metavar="NAME", show_default=False),
]
Profile = Annotated[
    str | None,
    typer.Option(
        help="smoke, laptop or full; by default what COURSE_PROFILE says, else what this machine can do.",
        show_default=False,
        callback=lambda given: _profile(given),
    ),
]


# ------------------------------------------------------------------------------------------------------------- data


@data_app.command("list")
def data_list():
    """Show every data set and where it is at hand."""
    from .datasets import status

    rows = [("name", "cache", "mirror", "download", "")]
    for row in status():
        rows.append((row.name, _size(row.cache), _size(row.mirror), _size(row.download), row.title))
    _print_table(rows)
    if not all(row.at_hand for row in status()):
        print("\n`course data fetch NAME` downloads into the cache. With COURSE_PROFILE=smoke, nothing is needed.")


@data_app.command("fetch")
def data_fetch(
    names: Names = None,
    everything: Annotated[bool, typer.Option("--all", help="All of them, about 1.8 GB.")] = False,
    source: Annotated[
        str | None, typer.Option(help="mirror or host: take it from there, whatever the cache has.", show_default=False)
    ] = None,
):
    """Download data sets into the cache."""
    from .datasets import NAMES, fetch

    if bool(names) == everything:
        raise typer.BadParameter(f"Name what to fetch ({', '.join(NAMES)}), or say --all.")
    for name in NAMES if everything else _known(names, NAMES):
        path = fetch(name, source=source)
        print(f"{name}: {_size(path.stat().st_size)} in {path}")


@data_app.command("mirror")
def data_mirror(
    directory: Annotated[Path, typer.Argument(help="The mirror's folder; made where it does not exist.")],
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Data sets (`course data list`), by default all of them, and trained networks (`course doctor`).",
            metavar="NAME",
            show_default=False,
        ),
    ] = None,
):
    """Make a mirror for machines without a network."""
    from .datasets import NAMES, mirror
    from .models import weights

    for name in _known(names, [*NAMES, *weights.NETWORKS]) if names else NAMES:
        of_network = name in weights.NETWORKS
        for written in [weights.write_to_mirror(directory, name)] if of_network else mirror.write(directory, [name]):
            print(f"{written.name}: {_size(written.bytes)} in {written.path}, from {written.origin}", flush=True)
    print(f"\nOn a machine without a network, set COURSE_UTILS_MIRROR to where this folder is: {directory.absolute()}")


@data_app.command("verify")
def data_verify(
    directory: Annotated[
        Path | None, typer.Argument(help="By default what COURSE_UTILS_MIRROR names.", show_default=False)
    ] = None,
):
    """Compare every file of a mirror with its checksum."""
    from .datasets import mirror

    verdicts = mirror.verify(directory)
    _print_table([(verdict.file, verdict.state) for verdict in verdicts])
    bad = [verdict.file for verdict in verdicts if not verdict.ok]
    if bad:
        raise _Failed(
            f"{len(bad)} of {len(verdicts)} files are not what SHA256SUMS says. "
            "Remove them and run `course data mirror` on a connected machine again."
        )
    print(f"All {len(verdicts)} files are what SHA256SUMS says.")


# -------------------------------------------------------------------------------------------------------- notebooks


@app.command("new")
def new_command(
    slug: Annotated[str, typer.Argument(help="Such as 07_augmentation, or a2_tensors.", metavar="NN_SLUG")],
    title: Annotated[
        str | None, typer.Option(help="Without its number; by default the words of the slug.", show_default=False)
    ] = None,
):
    """Write the skeleton of a chapter."""
    from .authoring.files import shown
    from .authoring.skeleton import CannotRun, new_chapter

    try:
        written = new_chapter(slug, title)
    except CannotRun as error:
        raise _Failed(error) from error
    for path in written:
        print(f"written: {shown(path)}")
    print(
        "Its entry stands in book/chapters.yml; _toc.yml, README.md and book/index.md have it from there.\n"
        '`make test PYTEST_ARGS="tests/test_authoring_skeleton.py -k left"` says what of it is still to be replaced.'
    )


@app.command("new-project")
def new_project_command(
    directory: Annotated[Path, typer.Argument(help="The project's folder; made where it does not exist.")],
    images: Annotated[
        Path | None,
        typer.Option(help="A folder with one folder a class; by default the Oxford pets.", show_default=False),
    ] = None,
):
    """Make a classifier of your own images."""
    from .projects import new_project

    found = new_project(directory, images)
    print(found)
    for file, reason in found.left_out[:5]:
        print(f"left out: {file.relative_to(found.path)} {reason}")
    if len(found.left_out) > 5:
        print(f"and {len(found.left_out) - 5:,} more, which report.html will list")
    print(f"Written: {directory}. Run it: {Path(sys.executable).name} {directory / 'classify.py'}")


@app.command("execute")
def execute_command(
    notebooks: Notebooks = None,
    profile: Profile = None,
    refused: Annotated[
        bool, typer.Option("--refused", help="Run nothing: store the refused run, whose false claims are gone now.")
    ] = False,
):
    """Run notebooks and store their outputs."""
    from .authoring.execution import execute
    from .authoring.refused import take_up

    if refused and not notebooks:
        raise typer.BadParameter("name the notebooks whose refused runs are to be stored.")
    runs = take_up(_existing(notebooks)) if refused else execute(_existing(notebooks), profile)
    if refused:  # nothing was said on the way
        print("".join(f"{run.failure}\n" for run in runs if run.failure), end="")
    failed = [run for run in runs if run.failure]
    print("\n".join(f"{run.seconds:8.1f} s  {run.path}{'  FAILED' if run.failure else ''}" for run in runs))
    if failed:
        raise _Failed(f"{len(failed)} of {len(runs)} notebooks failed and are as they were; the reports are above.")


@app.command("train")
def train_command(
    chapter: Annotated[str, typer.Argument(help="Whose trainings, such as 06_scratch_cnns.", metavar="CHAPTER")],
    only: Annotated[
        list[str] | None, typer.Option(help="An experiment; may be given again. By default all.", show_default=False)
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(help="Trainings of each; by default as many as it declares.", min=1, show_default=False),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="After so many, begin no other training.", show_default=False)
    ] = None,
    workers: Annotated[int, typer.Option(help="Trainings at a time, each with one thread.", min=1)] = 2,
):
    """Run a chapter's long trainings that are not kept yet."""
    from .experiments.running import run

    try:
        left = run(chapter, seeds, only or (), minutes, workers)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    print(f"{left} trainings are missing." if left else "No training is missing.")


@app.command("format")
def format_command(
    notebooks: Notebooks = None,
    check: Annotated[bool, typer.Option("--check", help="Change nothing; fail where something would change.")] = False,
):
    """Bring notebooks and lists of chapters into form."""
    from .authoring.files import shown
    from .authoring.project import format_files

    changed = format_files(_existing(notebooks), check=check)
    for path in changed:
        print(f"{'not formatted' if check else 'formatted'}: {shown(path)}")
    if check and changed:
        raise _Failed(f"{len(changed)} files are not in canonical form. Run `course format`.")
    if check:
        print("Every notebook, and every list of chapters, is in canonical form.")


@app.command("exercises")
def exercises_command(
    solutions: Notebooks = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail where an exercise is not what its solution makes.")
    ] = False,
):
    """Write exercises/ from solutions/."""
    from .authoring import exercises
    from .authoring.files import shown

    if check:
        problems = exercises.check()
        if problems:
            print("\n".join(problems))
            raise _Failed(f"{len(problems)} problems with exercises.")
        print("Every exercise is what its solution makes.")
        return
    for path in exercises.generate_all(paths=_existing(solutions)):
        print(f"written: {shown(path)}")


@app.command("validate")
def validate_command(
    notebooks: Notebooks = None,
    profile: Profile = None,
    workers: Annotated[int, typer.Option(help="Notebooks at the same time.", min=1)] = 1,
    keep: Annotated[
        Path | None, typer.Option(help="Leave the executed notebooks in this folder.", show_default=False)
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No tracebacks, only the table at the end.")] = False,
):
    """Run notebooks again and prove their results."""
    from .authoring.validation import validate

    raise typer.Exit(validate(notebooks or (), profile=profile, workers=workers, keep=keep, quiet=quiet))


@app.command("backends")
def backends_command(
    notebooks: Notebooks = None,
    at_hand: Annotated[
        bool, typer.Option("--at-hand", help="Install nothing: leave out a backend whose package is not there.")
    ] = False,
    table: Annotated[bool, typer.Option(help="Write book/backends.inc, which chapter 13 shows.")] = True,
):
    """Run notebooks at smoke on TensorFlow, JAX and PyTorch."""
    from .authoring.on_backends import run_on_backends

    try:
        rows = run_on_backends(_existing(notebooks) or (), only_at_hand=at_hand, table=table)
    except (RuntimeError, ValueError) as error:
        raise _Failed(error) from error
    failed = [f"{row.notebook} on {name}: {what}" for row in rows for name, what in row.failures.items()]
    if failed:
        raise _Failed("\n".join([f"{len(failed)} runs failed.", *failed]))


@app.command("doctor")
def doctor_command():
    """Say what is there, and what to do about the rest."""
    from .doctor import examine

    report = examine()
    print(report)
    if report.broken:
        raise typer.Exit(1)


# ----------------------------------------------------------------------------------------------------------- helpers


class _Failed(Exception):
    """A command did its work and the answer is no. The text says what was found and what to do."""


def _profile(given):
    from .budget import PROFILES

    if given is not None and given not in PROFILES:
        raise typer.BadParameter(f"{given!r} is none of {', '.join(PROFILES)}.")
    return given


def _existing(paths):
    for path in paths or ():
        if not path.exists():
            raise FileNotFoundError(f"There is no {path}. Name notebooks as in: course validate solutions/*.ipynb")
    return paths or None


def _known(names, known):
    """The names, or a sentence before anything is downloaded."""
    unknown = [name for name in names if name not in known]
    if unknown:
        raise typer.BadParameter(f"There is no data set {', '.join(unknown)}; there are {', '.join(known)}.")
    return names


def _size(count):
    return "-" if count is None else f"{count / 1e6:,.1f} MB"


def _print_table(rows):
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _missing_module(error):
    from .packages import install_command, package_of

    if not (isinstance(error, ModuleNotFoundError) and error.name):  # it is there, but something else is wrong
        return f"{error}. `course doctor` says what is installed."
    name = package_of(error.name)
    if name in ("tensorflow", "jax", "torch"):
        return f"Keras needs {name}, which is not installed. `course doctor` says what to install."
    return (
        f"This command needs {name}, which is not installed. In a clone of the repository, `make install` "
        f"makes an environment with everything in it; else: {install_command(name)}"
    )


def main(arguments=None):
    """Run the command; a known error becomes a sentence on stderr and exit code 1.

    Set COURSE_DEBUG to see its traceback.

    Parameters
    ----------
    arguments : list of str, optional
        By default those of the process.

    Examples
    --------
    >>> main(["data", "verify", "/no/such/folder"])
    Traceback (most recent call last):
    ...
    SystemExit: 1
    """
    try:
        app(arguments)
    except ImportError as error:
        message = _missing_module(error)
        if os.environ.get("COURSE_DEBUG"):
            raise
    except (_Failed, OSError, ValueError) as error:
        message = str(error)
        if os.environ.get("COURSE_DEBUG") and not isinstance(error, _Failed):
            raise
    else:
        return
    print(f"course: {message}", file=sys.stderr)
    raise SystemExit(1)


if __name__ == "__main__":
    main()
