"""Fits: skill in direction is of the sign, and folds give the same figures on any backend."""

from dataclasses import replace

import numpy as np
import pytest

from thor.errors import Rejected
from thor.lake.training import TrainingSet
from thor.learning import fit
from thor.learning.folds import walk_forward
from thor.learning.rows import Array

ROWS = 900
PLAN = {"seed": 7, "threads": 1, "embargo_us": 60_000_000}


def made() -> TrainingSet:
    """Return a minute a row; the second feature moves the magnitude, and the others nothing."""
    rng = np.random.default_rng(7)
    x = np.asfortranarray(rng.normal(size=(ROWS, 3)), np.float32)
    known = np.arange(ROWS) * 60_000_000
    y = 0.001 * x[:, 1] + rng.normal(scale=0.001, size=ROWS)
    flat = np.ones(ROWS)
    return TrainingSet(
        target="magnitude",
        horizon="1m",
        width="1m",
        names=("a", "b", "c"),
        symbols=("ES",),
        x=x,
        y=y,
        known_us=known,
        label_end_us=known + 60_000_000,
        bar_start_us=known,
        changed_us=known,
        symbol=np.zeros(ROWS, np.int32),
        magnitude_ticks=y * 20_000,
        cost_ticks=flat,
        last_return=flat,
        vol_forecast=flat,
    )


def losses(backend: str, jobs: int) -> list[Array]:
    """Return the loss of every model and baseline in each of two folds."""
    rows = made()
    cut = list(walk_forward(rows.known_us, rows.label_end_us, 2, 60_000_000))
    plan = fit.Plan(jobs=jobs, backend=backend, **PLAN)
    found = fit.run(rows, cut, np.ones(ROWS), plan)
    assert [one.fold.number for one in found] == [1, 2]
    return [one.loss for result in found for one in result.predicted]


def test_the_loss_of_a_sign_knows_nothing_of_whether_there_is_a_move() -> None:
    rows = replace(made(), target="direction", y=np.array([-1.0, 0.0, 1.0, 1.0]))
    # Down, none, up: of two moves in five tenths three go up.
    values = np.array([[0.2, 0.5, 0.3]] * 3 + [[0.01, 0.98, 0.01]])
    found = fit.sign_losses(rows, rows.y, values)
    assert found is not None
    # -ln(2/5), none without a move, -ln(3/5), and ln 2 of who cannot tell, however sure of a calm.
    assert found.round(6).tolist() == [0.916291, 0.0, 0.510826, 0.693147]
    assert fit.sign_losses(made(), made().y, values) is None


def test_a_local_cluster_of_dask_gives_the_figures_of_one_process() -> None:
    pytest.importorskip("distributed", reason="the extra dask is not installed")
    for one, other in zip(losses("sequential", 1), losses("dask", 2), strict=True):
        assert np.array_equal(one, other)


def test_a_cluster_that_is_not_installed_is_named() -> None:
    with pytest.raises(Rejected, match="THOR_JOBLIB_BACKEND: ray is not installed: pip install"):
        losses("ray", 2)


def test_rows_that_hold_nothing_to_learn_are_refused_with_what_they_lack() -> None:
    rows = made()
    with pytest.raises(Rejected, match="target: every one of the 900 labels is 1; take a longer"):
        fit.checked(replace(rows, target="direction", y=np.ones(ROWS)))
    with pytest.raises(Rejected, match="target: every one of the 900 labels is 0"):
        fit.checked(replace(rows, y=np.zeros(ROWS)))
    still = np.asfortranarray(np.ones((ROWS, 3)), np.float32)
    with pytest.raises(Rejected, match="features: a, b, c: constant over the span"):
        fit.checked(replace(rows, x=still))
    # One of them is said, and the others are learned from.
    still[:, 1:] = rows.x[:, 1:]
    assert fit.checked(replace(rows, x=still))["constant_features"] == ["a"]
    every = np.arange(ROWS)
    plan = fit.Plan(jobs=1, backend="sequential", **PLAN)
    assert fit.fit("ridge", replace(rows, x=still), every, np.ones(ROWS), plan).columns == (1, 2)


def test_a_sign_is_learned_with_more_restraint_than_a_size() -> None:
    of_sign, of_size = (fit.settings("boosting", one) for one in ("direction", "volatility"))
    assert of_sign.keys() == of_size.keys()
    assert of_sign["max_leaf_nodes"] < of_size["max_leaf_nodes"]
