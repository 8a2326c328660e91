"""Which images: balanced choices, stratified holdouts, and a split that every copy of an archive agrees on."""

import hashlib

import numpy as np

TEST_SHARE = 0.25


def in_test(name):
    """Whether an image belongs to the test split: 64 of the 256 values of the first byte of its name's SHA-256 do.

    It depends on nothing but the name, so a part of an archive and the whole of it agree on every image.
    """
    return hashlib.sha256(name.encode()).digest()[0] < round(256 * TEST_SHARE)


def balanced_order(labels, seed=0):
    """All indices in a seeded order in which every beginning is as balanced over the classes as the labels allow.

    Parameters
    ----------
    labels : array of int, shape (N,)
    seed : int

    Returns
    -------
    ndarray of int64, shape (N,)
        Round after round, one image of each class that has any left, the classes in random order in each round.

    Examples
    --------
    >>> order = balanced_order([0, 0, 0, 0, 1, 1])
    >>> [int(n) for n in np.bincount(np.array([0, 0, 0, 0, 1, 1])[order][:4])]
    [2, 2]
    """
    labels = np.asarray(labels)
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    rounds = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        mine = labels[shuffled] == label
        rounds[mine] = np.arange(np.count_nonzero(mine))
    return shuffled[np.argsort(rounds, kind="stable")]


def stratified_holdout(labels, fraction, seed=0):
    """Indices to train on and indices held out, both ascending, with the same shares of the classes in both.

    The number held out is ``fraction * N`` rounded, and that of a class within one of ``fraction`` times its number.
    """
    labels = np.asarray(labels)
    classes, counts = np.unique(labels, return_counts=True)
    exact = counts * fraction
    taken = np.floor(exact).astype(np.int64)
    missing = round(fraction * len(labels)) - taken.sum()
    random = np.random.default_rng(seed)
    # Where the remainders are equal, chance decides and not the number of the class.
    by_remainder = np.lexsort((random.random(len(classes)), taken - exact))
    taken[by_remainder[:missing]] += 1
    held = np.zeros(len(labels), bool)
    for label, count in zip(classes, taken, strict=True):
        held[random.permutation(np.flatnonzero(labels == label))[:count]] = True
    return np.flatnonzero(~held), np.flatnonzero(held)
