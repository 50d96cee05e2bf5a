"""Scores of predictions: worked by hand, and by the paper's own example."""

import math

import numpy as np
import pytest

from thor.learning.report import round_steps
from thor.learning.scores import (
    calibration,
    calibration_error,
    deflated_sharpe,
    expected_maximum,
    log_loss,
    sharpe,
    skill,
    trades,
)


def test_a_log_loss_is_of_the_class_that_came() -> None:
    classes = np.array([-1.0, 0.0, 1.0])
    given = np.array([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]])
    found = log_loss(given, classes, np.array([-1.0, 0.0]))
    assert found == pytest.approx([math.log(2), math.log(10)])


def test_skill_is_the_share_of_the_baseline_s_loss_that_is_saved() -> None:
    baseline = np.ones(600)
    found = skill(baseline * 0.75, baseline, 60, 7)
    assert (found.value, found.low, found.high) == pytest.approx((0.25, 0.25, 0.25))
    loss = np.random.default_rng(1).normal(1, 0.1, 6000)
    none = skill(loss, np.random.default_rng(2).normal(1, 0.1, 6000), 60, 7)
    assert none.low < 0 < none.high
    assert skill(loss, np.ones(6000), 60, 7) == skill(loss, np.ones(6000), 60, 7)


def test_calibration_counts_what_happened_by_what_was_predicted() -> None:
    predicted = np.array([0.1] * 10 + [0.9] * 10)
    happened = np.array([True] + [False] * 9 + [True] * 7 + [False] * 3)
    found = calibration(predicted, happened, bins=2)
    assert [(one["predicted"], one["happened"]) for one in found] == [
        (pytest.approx(0.1), 0.1),
        (pytest.approx(0.9), 0.7),
    ]
    assert calibration_error(found) == pytest.approx(0.1)


def test_the_rule_holds_one_position_of_a_symbol_at_a_time() -> None:
    known = np.array([0, 0, 60, 120, 180])
    ends = known + 120
    symbol = np.array([0, 1, 0, 0, 1])
    side = np.array([1, -1, 1, -1, 0])
    at, profit = trades(side, known, ends, symbol, np.array([5.0, 5, 5, 5, 5]), np.ones(5))
    # The third is of a symbol that is held until 120; the fourth begins then.
    assert at.tolist() == [0, 1, 3]
    assert profit.tolist() == [4.0, -6.0, -6.0]


def test_a_sharpe_ratio_needs_trades_that_differ() -> None:
    assert sharpe(np.array([1.0, 1.0, 1.0])) is None
    assert sharpe(np.array([1.0, 2.0])) is None
    assert sharpe(np.array([1.0, 2.0, 3.0])) == pytest.approx(2.0)


def test_the_deflated_ratio_is_that_of_the_paper() -> None:
    # Bailey and López de Prado 2014: 100 trials, a variance of the yearly ratios of 1/2, five
    # years of 250 days. Their expected maximum is 0.1132 a day.
    assert expected_maximum(100, 0.5 / 250) == pytest.approx(0.1132, abs=2e-4)


def test_more_trials_make_a_ratio_less_likely() -> None:
    profits = np.random.default_rng(3).normal(0.1, 1.0, 1000)
    ratio = sharpe(profits)
    assert ratio is not None
    alone = deflated_sharpe(profits, [ratio])
    # One trial, normal profits: how likely a normal is above minus the ratio's own error.
    assert alone == pytest.approx(0.5 * math.erfc(-ratio * math.sqrt(999 / 2)), abs=0.01)
    among = deflated_sharpe(profits, [ratio, *np.random.default_rng(4).normal(0, 0.03, 99)])
    assert among is not None
    assert alone is not None
    assert among < alone


def test_an_axis_has_round_figures() -> None:
    assert round_steps(-0.0097, 0.034) == pytest.approx([0.0, 0.01, 0.02, 0.03])
    assert round_steps(-8700, 614) == pytest.approx([-8000, -6000, -4000, -2000, 0])
    assert round_steps(0.26, 0.54) == pytest.approx([0.3, 0.4, 0.5])
    assert round_steps(3, 3) == pytest.approx([3])
