"""Run the experiments of a chapter that are still missing, in pieces that fit the time at hand."""

import multiprocessing
import os
import time
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait

from . import declared
from .records import keep, path_of, read

# A network of this size keeps one core busy. Two trainings of one thread each are done sooner than one after the other
# with two threads, and whatever the neighbour does, a training's results are the same.
_ONE_THREAD = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "OMP_NUM_THREADS": "1"}


def missing(chapter, seeds=None, only=()):
    """The trainings that are not kept yet, or no longer fit what is declared.

    Parameters
    ----------
    chapter : str
    seeds : int, optional
        Trainings of each experiment, by default as many as it declares.
    only : sequence of str
        Experiments; all of them if there is none.

    Returns
    -------
    list of tuple
        ``(experiment, seed)``, one seed after the other, so that every experiment has one soon.
    """
    experiments = declared(chapter).EXPERIMENTS
    unknown = sorted(set(only) - set(experiments))
    if unknown:
        raise ValueError(f"no experiment {', '.join(unknown)} in {chapter}; there are {', '.join(experiments)}.")
    kept = read(chapter) if path_of(chapter).is_file() else {}
    valid = {
        (name, record.seed)
        for name, records in kept.items()
        if name in experiments
        for record in records
        if experiments[name].fits(record)
    }
    wanted = {name: seeds or experiments[name].seeds for name in only or experiments}
    every = [(name, seed) for seed in range(max(wanted.values())) for name in wanted if seed < wanted[name]]
    return [each for each in every if each not in valid]


def run(chapter, seeds=None, only=(), minutes=None, workers=2, say=print):
    """Train what is missing and keep each result at once.

    Parameters
    ----------
    chapter : str
    seeds : int, optional
        Trainings of each experiment, by default as many as it declares.
    only : sequence of str
        Experiments; all of them if there is none.
    minutes : float, optional
        After so many no other training is begun.
    workers : int
        Trainings at a time, each in a process with one thread.
    say : callable
        Is given a line about each training.

    Returns
    -------
    int
        How many are still missing.
    """
    left, running = missing(chapter, seeds, only), {}
    started = time.monotonic()
    os.environ.update(_ONE_THREAD)  # the processes inherit it, and TensorFlow reads it when it is imported
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        while left or running:
            in_time = minutes is None or time.monotonic() - started < 60 * minutes
            while in_time and left and len(running) < workers:
                name, seed = left.pop(0)
                running[pool.submit(_train, chapter, name, seed)] = (name, seed)
            if not running:
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                name, seed = running.pop(future)
                record = future.result()
                keep(chapter, record)
                say(f"{name}, seed {seed}: {record.scores['accuracy']:.3f} after {record.seconds:.0f} s")
    return len(left)


_DATA = {}


def _train(chapter, name, seed):
    """In a process of its own, which reads the images once."""
    module = declared(chapter)
    experiment = module.EXPERIMENTS[name]
    data = experiment.data or module.data
    if data not in _DATA:
        _DATA[data] = data()
    return experiment.train(name, seed, _DATA[data])
