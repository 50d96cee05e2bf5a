"""Cut rows into what is learned from and what is predicted, so that nothing leaks between them.

Stage 60, store. Pure. Walk-forward: every fold learns from what came before it. A row is a label's
interval [known_at, label_end]; where it meets a fold's stretch, or the embargo around it, the row
is not learned from.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any

import numpy as np

from thor.errors import Rejected

Array = np.ndarray[Any, Any]
MODES = ("expanding", "rolling")

# Fewer rows than this teach nothing.
TRAIN_ROWS_MIN = 50


@dataclass(frozen=True, slots=True)
class Fold:
    """Indices of the rows to learn from and to predict; `purged` counts the rows between."""

    number: int
    train: Array
    test: Array
    purged: int


def walk_forward(
    known_us: Array,
    label_end_us: Array,
    folds: int,
    embargo_us: int,
    mode: str = "expanding",
) -> Iterator[Fold]:
    """Yield so many folds, oldest first; rows are in order of known_at, microseconds.

    The rows are cut into folds + 1 stretches of about as many rows; rows of one moment are never
    apart. The first stretch is only learned from. `rolling` learns from as much time as the first
    stretch and the fold's own number of stretches spans no more: from the newest stretch-lengths
    of the first. Raises `Rejected` where there are too few rows.
    """
    edges = _edges(known_us, folds + 1)
    window_us = int(known_us[edges[1] - 1] - known_us[0])
    for number in range(1, folds + 1):
        first, last = edges[number], edges[number + 1]
        test = np.arange(first, last)
        begin = known_us[first]
        before = np.arange(first)
        if mode == "rolling":
            before = before[known_us[before] >= begin - window_us]
        train = purged(known_us, label_end_us, before, test, embargo_us)
        if len(train) < TRAIN_ROWS_MIN:
            raise Rejected(
                f"folds: fold {number} of {folds} has {len(train)} rows to learn from after the "
                f"purge, {TRAIN_ROWS_MIN} are the least; take fewer folds or a longer span"
            )
        yield Fold(number, train, test, len(before) - len(train))


def combinatorial(
    known_us: Array, label_end_us: Array, groups: int, tests: int, embargo_us: int
) -> Iterator[Fold]:
    """Yield a fold for each choice of `tests` out of so many stretches: learned from all others.

    What meets any stretch that is predicted, or the embargo around it, is left out.
    """
    edges = _edges(known_us, groups)
    every = np.arange(len(known_us))
    for number, chosen in enumerate(combinations(range(groups), tests), 1):
        parts = [np.arange(edges[one], edges[one + 1]) for one in chosen]
        test = np.concatenate(parts)
        others = np.setdiff1d(every, test, assume_unique=True)
        train = others
        for part in parts:
            train = purged(known_us, label_end_us, train, part, embargo_us)
        yield Fold(number, train, test, len(others) - len(train))


def purged(
    known_us: Array, label_end_us: Array, train: Array, test: Array, embargo_us: int
) -> Array:
    """Return the rows of `train` whose label meets neither a stretch nor its embargo.

    The stretch is [first known_at, last label_end] of its rows; intervals that touch meet.
    """
    begin = known_us[test].min() - embargo_us
    end = label_end_us[test].max() + embargo_us
    meets = (known_us[train] <= end) & (label_end_us[train] >= begin)
    kept: Array = train[~meets]
    return kept


def uniqueness(known_us: Array, label_end_us: Array, symbol: Array) -> Array:
    """Return how much of each label is its own: the mean of 1 / labels that overlap, 0 to 1.

    Over the time of the label, among the labels of its symbol.
    """
    found = np.ones(len(known_us))
    for one in np.unique(symbol):
        rows = np.flatnonzero(symbol == one)
        starts = known_us[rows].astype(np.int64)
        ends = label_end_us[rows].astype(np.int64)
        times = np.unique(np.concatenate([starts, ends]))
        begun = np.searchsorted(np.sort(starts), times, side="right")
        over = np.searchsorted(np.sort(ends), times, side="right")
        open_labels = np.maximum(begun - over, 1)
        lengths = np.diff(times).astype(float)
        share = np.concatenate([[0.0], np.cumsum(lengths / open_labels[:-1])])
        a, b = np.searchsorted(times, starts), np.searchsorted(times, ends)
        length = np.maximum((ends - starts).astype(float), 1.0)
        found[rows] = np.where(ends > starts, (share[b] - share[a]) / length, 1.0)
    return found


def _edges(known_us: Array, parts: int) -> list[int]:
    if parts < 2:
        raise Rejected(f"folds: {parts - 1} is none; take 1 or more")
    if len(known_us) and np.any(np.diff(known_us) < 0):
        raise Rejected("known_at: rows have to be in its order")
    edges = [0]
    for number in range(1, parts):
        at = len(known_us) * number // parts
        # Rows of one moment stay together.
        edges.append(int(np.searchsorted(known_us, known_us[at], side="left")) if at else 0)
    edges.append(len(known_us))
    if any(b <= a for a, b in pairwise(edges)):
        raise Rejected(
            f"folds: {len(known_us)} rows are too few for {parts - 1} folds; take fewer, or a "
            "longer span"
        )
    return edges
