"""Predict with a fitted model that is served: values, probabilities and intervals.

Stage 70, models. Rows are predicted in blocks of one size, so that a row gives the same figures to
the last digit whatever rows it comes with: live, in a replay, or alone.
"""

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from thor.learning.profiles import Ranges

# scikit-learn takes seconds to import: not before there is a model to predict with.
if TYPE_CHECKING:
    from thor.learning.fit import Fitted

Array = np.ndarray[Any, Any]

BLOCK_ROWS = 16
_NORMAL = NormalDist()
# Of an interval with 80%.
_REACH = _NORMAL.inv_cdf(0.9)


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model says of a row, or why it says nothing: see model.predictions."""

    value: float | None = None
    probability: float | None = None
    confidence: float | None = None
    low: float | None = None
    high: float | None = None
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class Served:
    """A fitted model with what it takes to use it."""

    fitted: "Fitted"
    target: str
    classes: Array
    order: tuple[int, ...]
    deviation: float
    ranges: Ranges


def served(fitted: "Fitted", row: dict[str, Any], profiles: list[dict[str, Any]]) -> Served:
    """Return a model to be served, of its row in model.versions and its profiles."""
    from thor.learning import fit

    metrics = row["metrics"]
    is_regime = row["target"] == "regime"
    loss = metrics.get("losses", {}).get(row["model"], 0.0)
    return Served(
        fitted=fitted,
        target=row["target"],
        classes=np.array(sorted(float(one) for one in metrics.get("classes", {}))),
        order=tuple(fit.regime_order(fitted)) if is_regime else (),
        deviation=0.0 if is_regime else max(loss, 0.0) ** 0.5,
        ranges=Ranges(profiles),
    )


def predict(model: Served, x: Array) -> list[Prediction]:
    """Return what a model says of each row of its set, float32 with NaN where there is none."""
    from thor.learning import fit

    refusals = [model.ranges.refusal(row) for row in x]
    good = [at for at, why in enumerate(refusals) if why is None]
    found = [Prediction(refused=why) for why in refusals]
    for first in range(0, len(good), BLOCK_ROWS):
        part = good[first : first + BLOCK_ROWS]
        block = np.repeat(x[part[:1]], BLOCK_ROWS, axis=0)
        block[: len(part)] = x[part]
        with fit.one_thread():
            given = _block(model, block)
        for at, one in zip(part, given, strict=False):
            found[at] = one
    return found


def _block(model: Served, x: Array) -> list[Prediction]:
    from thor.learning import fit

    if model.target == "regime":
        numbers, probabilities = fit.regimes(model.fitted, x, model.order)
        return [
            Prediction(float(one), *(2 * (min(1.0, float(p)),)))
            for one, p in zip(numbers, probabilities, strict=True)
        ]
    values = fit.values_of(model.fitted, model.target, x, model.classes)
    if model.target == "direction":
        at = values.argmax(axis=1)
        return [
            Prediction(float(model.classes[one]), *(2 * (min(1.0, float(row[one])),)))
            for one, row in zip(at, values, strict=True)
        ]
    reach = _REACH * model.deviation
    found = []
    for one in values:
        value, low, high = float(one), float(one) - reach, float(one) + reach
        if model.target == "volatility":
            # Its model and its error are of logs.
            value, low, high = (float(np.exp(end)) for end in (value, low, high))
            found.append(Prediction(value, low=low, high=high))
            continue
        sure = _NORMAL.cdf(abs(value) / model.deviation) if model.deviation > 0 else None
        found.append(Prediction(value, confidence=sure, low=low, high=high))
    return found
