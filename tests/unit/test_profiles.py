"""What a model learned of each feature, and what is far from it: by hand and by noise."""

import math

import numpy as np
import pytest

from thor.learning.profiles import Ranges, profile, psi

# Noise that remembers: a slow feature wanders through its range as a market's does.
ROWS = 13_800


def walk(seed: int, rows: int, memory: float = 0.98) -> np.ndarray:
    """Return a stationary walk of so many rows, float32."""
    rng, found = np.random.default_rng(seed), np.zeros(rows)
    noise = rng.normal(0, (1 - memory**2) ** 0.5, rows)
    for at in range(1, rows):
        found[at] = memory * found[at - 1] + noise[at]
    return found.astype(np.float32)


def test_the_index_is_worked_out_by_hand() -> None:
    # Two bins, 0.5 and 0.5, of which 0.8 and 0.2 came: 0.3 ln 1.6 + 0.3 ln 2.5.
    expected = 0.3 * math.log(1.6) + 0.3 * math.log(2.5)
    assert psi(np.array([0.8, 0.2]), np.array([0.5, 0.5])) == pytest.approx(expected)
    # An empty bin counts as 1e-4: (1e-4 - 0.5) ln 2e-4 + 0.5 ln 2.
    expected = (1e-4 - 0.5) * math.log(2e-4) + 0.5 * math.log(2)
    assert psi(np.array([0.0, 1.0]), np.array([0.5, 0.5])) == pytest.approx(expected)


def test_a_profile_has_ten_bins_of_equal_shares_where_values_are_many() -> None:
    values = np.arange(1000, dtype=np.float32)
    values[::100] = np.nan
    found = profile("rsi_14", 3, values, is_used=True)
    assert (found.rows, found.nulls, found.low, found.high) == (1000, 10, 1.0, 999.0)
    assert len(found.edges) == 9
    assert found.shares == pytest.approx([0.1] * 10, abs=0.002)
    assert set(np.float32(found.edges)) <= set(values)


def test_a_feature_of_few_values_keeps_the_shares_that_it_has() -> None:
    # Nine rows in ten are 0, so all deciles are: 1 still has a bin of its own.
    found = profile("gap", 1, np.repeat(np.float32([0, 1]), [900, 100]), is_used=True)
    assert sum(found.shares) == pytest.approx(1)
    assert sorted(found.shares)[-2:] == pytest.approx([0.1, 0.9])


@pytest.mark.parametrize("seed", range(3))
def test_drift_that_was_put_in_is_found_and_noise_is_not(seed: int) -> None:
    quick, slow = walk(seed, ROWS, 0.5), walk(seed + 10, ROWS, 0.98)
    for values, seeds in ((quick, 100), (slow, 200)):
        found = profile("made", 1, values, is_used=True)
        limit = max(0.25, 1.5 * found.usual_psi)
        edges, memory = np.array(found.edges), 0.5 if seeds == 100 else 0.98
        measured = []
        for number in range(5):
            later = walk(seeds + 7 * seed + number, 1500, memory)[-500:]
            for shift in (0, 6):
                at = np.searchsorted(edges, later + np.float32(shift), side="right")
                shares = np.bincount(at, minlength=10) / 500
                measured.append((shift, psi(shares, np.array(found.shares)) >= limit))
        assert measured == [(0, False), (6, True)] * 5


ROW = {"feature": "a", "place": 1, "is_used": True, "rows": 100, "nulls": 0, "low": 0, "high": 2}


def test_a_row_is_refused_by_the_feature_that_is_out_of_range_or_missing() -> None:
    ranges = Ranges([ROW, {**ROW, "feature": "b", "place": 2, "nulls": 50}])
    assert ranges.refusal(np.float32([1, 1])) is None
    # As far beyond as the range is wide is still taken.
    assert ranges.refusal(np.float32([4, -2])) is None
    assert ranges.refusal(np.float32([4.1, 1])) == (
        "out of range: a is 4.1; the model learned 0 to 2"
    )
    assert ranges.refusal(np.float32([1, np.nan])) is None
    assert ranges.refusal(np.float32([np.nan, 1])) == (
        "incomplete: a is null, and was so in 0 of 100 rows that the model learned"
    )


def test_a_feature_that_the_model_is_not_shown_may_be_anything() -> None:
    unused = {**ROW, "feature": "b", "place": 2, "is_used": False}
    assert Ranges([ROW, unused]).refusal(np.float32([1, 1e9])) is None
