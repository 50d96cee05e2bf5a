"""Keep how features were distributed where a model learned, and compare rows with it.

Stage 70, models. Writes and reads model.profiles; a row that is out of the range that a model
learned, or lacks what it never lacked there, is not shown to it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from thor import database
from thor.database import Connection

Array = np.ndarray[Any, Any]

# As many rows on end are compared with the training: feedback.drift takes as many.
WINDOW_ROWS = 500
_BINS = 10
_LEAST_SHARE = 1e-4
# A feature that was null in fewer rows than this share was so while its look-back filled.
_RARELY = 0.02
# A row with fewer values than this share of the features is none.
_LEAST_VALUES = 0.5


@dataclass(frozen=True, slots=True)
class Profile:
    """How a feature was distributed: see model.profiles."""

    feature: str
    place: int
    is_used: bool
    rows: int
    nulls: int
    low: float | None
    high: float | None
    edges: tuple[float, ...]
    shares: tuple[float, ...]
    usual_psi: float


def psi(actual: Array, expected: Array) -> float:
    """Return the population stability index of shares: the sum of (a - e) ln(a / e)."""
    a, e = np.maximum(actual, _LEAST_SHARE), np.maximum(expected, _LEAST_SHARE)
    return float(((a - e) * np.log(a / e)).sum())


def profile(feature: str, place: int, values: Array, *, is_used: bool) -> Profile:
    """Return how a feature's values, float32 in the order of known_at, are distributed."""
    there = values[~np.isnan(values)]
    if not len(there):
        return Profile(feature, place, is_used, len(values), len(values), None, None, (), (), 0.0)
    # Deciles that are values themselves: a bin begins with its edge in SQL and here alike.
    edges = _edges(there)
    shares = _shares(there, edges)
    windows = [
        there[first : first + WINDOW_ROWS]
        for first in range(0, max(1, len(there) - WINDOW_ROWS + 1), WINDOW_ROWS)
    ]
    return Profile(
        feature,
        place,
        is_used,
        len(values),
        len(values) - len(there),
        float(there.min()),
        float(there.max()),
        tuple(float(one) for one in edges),
        tuple(float(one) for one in shares),
        max(psi(_shares(part, edges), shares) for part in windows),
    )


def _edges(values: Array) -> Array:
    """Return the deciles; where several are one value, the values that follow it instead."""
    edges = np.quantile(values, np.arange(1, _BINS) / _BINS, method="lower")
    unique = np.unique(values)
    for at in range(1, len(edges)):
        if edges[at] <= edges[at - 1]:
            following = np.searchsorted(unique, edges[at - 1], side="right")
            edges[at] = unique[min(int(following), len(unique) - 1)]
    return edges


def _shares(values: Array, edges: Array) -> Array:
    counts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=_BINS)
    found: Array = counts / len(values)
    return found


def keep(
    connection: Connection[Any],
    model_id: int,
    names: Sequence[str],
    x: Array,
    columns: Sequence[int],
) -> None:
    """Keep the profile of every feature of a fitted model, within the caller's transaction."""
    used = set(columns)
    found = [profile(name, at + 1, x[:, at], is_used=at in used) for at, name in enumerate(names)]
    database.execute_many(
        connection,
        "add_profile",
        [
            {
                "model_id": model_id,
                "feature": one.feature,
                "place": one.place,
                "is_used": one.is_used,
                "rows": one.rows,
                "nulls": one.nulls,
                "low": one.low,
                "high": one.high,
                "edges": list(one.edges),
                "shares": list(one.shares),
                "usual_psi": one.usual_psi,
            }
            for one in found
        ],
    )


class Ranges:
    """The ranges that a model learned, by the place of each feature that it is shown."""

    def __init__(self, profiles: Sequence[Mapping[str, Any]]) -> None:
        """Take the rows of model.profiles of one model."""
        used = [row for row in profiles if row["is_used"] and row["low"] is not None]
        self._names = [row["feature"] for row in used]
        self._places = [row["place"] - 1 for row in used]
        low = np.array([row["low"] for row in used], np.float64)
        high = np.array([row["high"] for row in used], np.float64)
        self._low, self._high = low, high
        # As far beyond as the range is wide: what is further was never like it.
        self._least, self._most = low - (high - low), high + (high - low)
        self._has_always = np.array([row["nulls"] <= _RARELY * row["rows"] for row in used], bool)
        self._facts = [f"{row['nulls']:,} of {row['rows']:,} rows" for row in used]

    def refusal(self, row: Array) -> str | None:
        """Return why a row of the set cannot be shown to the model; None where it can."""
        if not self._names:
            return None
        values = row[self._places].astype(np.float64)
        is_null = np.isnan(values)
        missing = np.flatnonzero(is_null & self._has_always)
        if len(missing):
            one = int(missing[0])
            return (
                f"incomplete: {self._names[one]} is null, and was so in {self._facts[one]} that "
                "the model learned"
            )
        if is_null.mean() > 1 - _LEAST_VALUES:
            return f"incomplete: {int(is_null.sum())} of {len(values)} features are null"
        with np.errstate(invalid="ignore"):
            outside = np.flatnonzero((values < self._least) | (values > self._most))
        if not len(outside):
            return None
        at = int(outside[0])
        return (
            f"out of range: {self._names[at]} is {values[at]:.6g}; the model learned "
            f"{self._low[at]:.6g} to {self._high[at]:.6g}"
        )
