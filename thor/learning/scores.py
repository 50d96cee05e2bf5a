"""Score predictions: skill over a baseline with its interval, calibration, trades, Sharpe ratios.

Stage 70, models. Pure; takes arrays of out-of-sample rows in order of time.
"""

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

_DRAWS = 1000
_LEVEL = (2.5, 97.5)
_LEAST = 1e-6
_NORMAL = NormalDist()
_EULER = 0.5772156649015329


@dataclass(frozen=True, slots=True)
class Skill:
    """Skill and its 95% interval."""

    value: float
    low: float
    high: float


def log_loss(probabilities: Array, classes: Array, y: Array) -> Array:
    """Return minus the log of what each row's class was given; columns are those of `classes`."""
    at = np.searchsorted(classes, y)
    given = probabilities[np.arange(len(y)), at]
    found: Array = -np.log(np.clip(given, _LEAST, 1.0))
    return found


def skill(loss: Array, baseline: Array, block: int, seed: int) -> Skill:
    """Return 1 - loss / baseline's loss, with the interval of a bootstrap of blocks of rows.

    Labels overlap, so rows that follow one another are drawn together, `block` at a time.
    """
    whole = _ratio(loss.sum(), baseline.sum())
    blocks = max(1, len(loss) // max(1, block))
    ends = np.linspace(0, len(loss), blocks + 1).astype(int)[:-1]
    ours, theirs = np.add.reduceat(loss, ends), np.add.reduceat(baseline, ends)
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, blocks, (_DRAWS, blocks))
    found = 1 - ours[drawn].sum(axis=1) / np.maximum(theirs[drawn].sum(axis=1), 1e-300)
    low, high = np.percentile(found, _LEVEL)
    return Skill(whole, float(low), float(high))


def gain(loss: Array, baseline: Array, block: int, seed: int) -> Skill:
    """Return the baseline's mean loss minus the mean loss, with its interval: of log likelihoods.

    Those pass through 0, so their ratio means nothing.
    """
    better = baseline - loss
    blocks = max(1, len(better) // max(1, block))
    ends = np.linspace(0, len(better), blocks + 1).astype(int)
    sums = np.add.reduceat(better, ends[:-1])
    rows = np.diff(ends)
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, blocks, (_DRAWS, blocks))
    found = sums[drawn].sum(axis=1) / rows[drawn].sum(axis=1)
    low, high = np.percentile(found, _LEVEL)
    return Skill(float(better.mean()), float(low), float(high))


def _ratio(loss: float, baseline: float) -> float:
    return float(1 - loss / baseline) if baseline > 0 else 0.0


def calibration(probability: Array, happened: Array, bins: int = 10) -> list[dict[str, float]]:
    """Return, by tenths of the rows, what was predicted and how often it happened."""
    order = np.argsort(probability, kind="stable")
    found = []
    for part in np.array_split(order, min(bins, len(order))):
        found.append(
            {
                "predicted": float(probability[part].mean()),
                "happened": float(happened[part].mean()),
                "rows": len(part),
            }
        )
    return found


def calibration_error(bins: list[dict[str, float]]) -> float:
    """Return the mean distance between predicted and happened, weighted by rows."""
    rows = sum(one["rows"] for one in bins)
    return sum(abs(one["predicted"] - one["happened"]) * one["rows"] for one in bins) / max(rows, 1)


def trades(
    side: Array, known_us: Array, label_end_us: Array, symbol: Array, move: Array, cost: Array
) -> tuple[Array, Array]:
    """Return the rows at which the simplest rule trades, and each trade's profit, ticks.

    It takes the side that is predicted (0: none) and holds until the label's end; one position of
    a symbol at a time.
    """
    free_at: dict[int, int] = {}
    taken = []
    for row in np.flatnonzero(side):
        one = int(symbol[row])
        if known_us[row] >= free_at.get(one, 0):
            taken.append(row)
            free_at[one] = int(label_end_us[row])
    rows = np.array(taken, np.int64)
    return rows, side[rows] * move[rows] - cost[rows]


def sharpe(profits: Array) -> float | None:
    """Return mean over deviation of trades' profits; None of fewer than 3, or of equal ones."""
    if len(profits) < 3:
        return None
    deviation = float(profits.std(ddof=1))
    return float(profits.mean()) / deviation if deviation > 0 else None


def deflated_sharpe(profits: Array, trial_sharpes: list[float]) -> float | None:
    """Return the probability that a Sharpe ratio is above the best of as many without skill.

    After Bailey and López de Prado, The Deflated Sharpe Ratio, 2014: the benchmark is the expected
    maximum of so many independent trials with the trials' variance; skewness and kurtosis widen
    the error of the ratio. `trial_sharpes` holds that of every trial, this one included.
    """
    ratio = sharpe(profits)
    if ratio is None:
        return None
    count = max(1, len(trial_sharpes))
    variance = float(np.var(trial_sharpes, ddof=1)) if count > 1 else 0.0
    best = expected_maximum(count, variance)
    centred = (profits - profits.mean()) / profits.std()
    skewness, kurtosis = float((centred**3).mean()), float((centred**4).mean())
    spread = 1 - skewness * ratio + (kurtosis - 1) / 4 * ratio**2
    if spread <= 0:
        return None
    return _NORMAL.cdf((ratio - best) * (len(profits) - 1) ** 0.5 / spread**0.5)


def expected_maximum(count: int, variance: float) -> float:
    """Return the expected best Sharpe ratio of so many trials without skill."""
    if count < 2 or variance <= 0:
        return 0.0
    first = _NORMAL.inv_cdf(1 - 1 / count)
    second = _NORMAL.inv_cdf(1 - 1 / (count * 2.718281828459045))
    return float(variance**0.5 * ((1 - _EULER) * first + _EULER * second))
