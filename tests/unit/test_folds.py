"""Folds: what is learned from never meets what is predicted, on any grid of time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thor.errors import Rejected
from thor.learning import folds
from thor.learning.folds import combinatorial, purged, uniqueness, walk_forward

# Rows of a minute each; a label ends three minutes after its row is known.
KNOWN = np.arange(600) * 60
ENDS = KNOWN + 180


def test_a_fold_learns_from_what_came_before_it_but_for_what_its_labels_meet() -> None:
    found = list(walk_forward(KNOWN, ENDS, 5, 180))
    assert [(fold.test[0], fold.test[-1]) for fold in found] == [
        (100 * n, 100 * n + 99) for n in range(1, 6)
    ]
    # The stretch begins at row 100, its embargo three rows before; a label of row 94 ends at row
    # 97, which touches; so row 93 is the last.
    assert [fold.train[-1] for fold in found] == [93, 193, 293, 393, 493]
    assert [fold.train[0] for fold in found] == [0] * 5
    assert [fold.purged for fold in found] == [6] * 5


def test_a_rolling_fold_forgets_what_is_older_than_its_window() -> None:
    found = list(walk_forward(KNOWN, ENDS, 5, 180, "rolling"))
    # As much time as the first stretch: 99 minutes.
    assert [(fold.train[0], fold.train[-1]) for fold in found] == [
        (100 * n - 99, 100 * n - 7) for n in range(1, 6)
    ]


def test_rows_of_one_moment_are_not_apart() -> None:
    known = np.repeat(np.arange(100) * 60, 7)
    for fold in walk_forward(known, known + 60, 4, 60):
        assert known[fold.test[0]] > known[fold.test[0] - 1]


def test_a_choice_of_two_of_four_stretches_learns_from_the_other_two() -> None:
    found = list(combinatorial(KNOWN, ENDS, 4, 2, 180))
    assert len(found) == 6
    # Stretches 0 and 2: rows 0–149 and 300–449. After one, its last label and the embargo end
    # six rows on, where a row touches; before one, six rows are in the way.
    fold = found[1]
    assert fold.test.tolist() == [*range(150), *range(300, 450)]
    assert fold.train.tolist() == [*range(156, 294), *range(456, 600)]


def test_an_outside_library_cuts_a_regular_grid_alike() -> None:
    model_selection = pytest.importorskip("skfolio.model_selection")
    grid = KNOWN.reshape(-1, 1)
    # A label is three rows and touches what begins where it ends; the embargo is three more.
    for mode, first in (("expanding", 94), ("rolling", 93)):
        theirs = model_selection.WalkForward(
            test_size=100, train_size=first, purged_size=6, expand_train=mode == "expanding"
        ).split(grid[100 - 6 - first :])
        for fold, (train, test) in zip(
            walk_forward(KNOWN, ENDS, 5, 180, mode), theirs, strict=True
        ):
            assert fold.train.tolist() == (train + 100 - 6 - first).tolist()
            assert fold.test.tolist() == (test + 100 - 6 - first).tolist()
    for embargo, purged_rows in ((0, 3), (180, 6)):
        splits = model_selection.CombinatorialPurgedCV(
            n_folds=6, n_test_folds=2, purged_size=purged_rows, embargo_size=0
        ).split(grid)
        ours = {tuple(f.test): f.train.tolist() for f in combinatorial(KNOWN, ENDS, 6, 2, embargo)}
        other = {tuple(np.sort(np.concatenate(test))): train.tolist() for train, test in splits}
        assert ours == other
        assert len(ours) == 15


moments = st.lists(st.integers(0, 5000), min_size=260, max_size=260).map(sorted)


@settings(max_examples=40)
@given(moments, st.integers(0, 300), st.integers(0, 120), st.sampled_from(folds.MODES))
def test_no_label_that_is_learned_from_meets_a_stretch(
    known: list[int], length: int, embargo: int, mode: str
) -> None:
    at = np.array(known)
    ends = at + 1 + (at * 7919) % (length + 1)
    try:
        found = [*walk_forward(at, ends, 2, embargo, mode), *combinatorial(at, ends, 5, 2, embargo)]
    except Rejected:
        return
    for fold in found:
        stretches = np.split(fold.test, np.flatnonzero(np.diff(fold.test) > 1) + 1)
        assert not set(fold.train) & set(fold.test)
        for stretch in stretches:
            first, last = at[stretch].min() - embargo, ends[stretch].max() + embargo
            assert not np.any((at[fold.train] <= last) & (ends[fold.train] >= first))


def test_no_row_of_a_fold_moves_with_what_comes_after_it() -> None:
    whole = purged(KNOWN, ENDS, np.arange(200), np.arange(200, 300), 180)
    other = np.where(np.arange(600) < 300, ENDS, ENDS + 5000)
    assert purged(KNOWN, other, np.arange(200), np.arange(200, 300), 180).tolist() == whole.tolist()


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(Rejected, match="folds: 3 rows are too few for 5 folds"):
        list(walk_forward(KNOWN[:3], ENDS[:3], 5, 0))
    with pytest.raises(Rejected, match="rows to learn from after the purge"):
        list(walk_forward(KNOWN[:60], ENDS[:60], 5, 0))


def test_a_label_is_its_own_where_no_other_overlaps() -> None:
    # Two labels of four minutes, the second two minutes later: each alone for two of its four.
    alone = uniqueness(np.array([0, 120, 600]), np.array([240, 360, 660]), np.zeros(3, int))
    assert alone.tolist() == [0.75, 0.75, 1.0]
    # Another series does not overlap.
    both = uniqueness(np.array([0, 0]), np.array([60, 60]), np.array([0, 1]))
    assert both.tolist() == [1.0, 1.0]
