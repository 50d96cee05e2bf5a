"""Compare what models were shown on a trade date with the lake's own figures, to the last digit.

Flow: 60 store, 55 lake → 90 feedback. DuckDB computes the features anew from the lake's bars, by
the same SQL; the rows that inference wrote are compared bit for bit in single precision.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import numpy as np

from thor import database
from thor.database import Connection
from thor.domain.bar import FEATURE_WIDTHS
from thor.domain.sessions import trade_date
from thor.lake.query.connect import Connection as Lake
from thor.lake.training import computed_rows

Array = np.ndarray[Any, Any]


class Parity(msgspec.Struct, frozen=True, kw_only=True):
    """How rows of a set and symbol compare on a trade date: see feedback.parity."""

    trade_date: date
    set_hash: str
    symbol: str
    rows: int
    equal: int
    different: int
    missing: int
    worst_feature: str | None = None
    worst_bar: datetime | None = None
    worst_shown: float | None = None
    worst_computed: float | None = None


def yesterday(now: datetime) -> date:
    """Return the trade date before that of a moment, UTC."""
    return trade_date(now) - timedelta(days=1)


def check_parity(connection: Connection[Any], lake: Lake, day: date) -> list[Parity]:
    """Compare a trade date's rows, keep the result and return it, a row a set and symbol.

    Raises `Unavailable` where the server is away.
    """
    found = []
    for asked in database.rows(connection, "parity_sets", {"trade_date": day}):
        values = {"trade_date": day, "set_hash": asked["set_hash"], "symbol": asked["symbol"]}
        shown = database.rows(connection, "parity_rows", values)
        found.append(_compared(lake, day, asked, shown))
    with database.transaction(connection):
        for one in found:
            database.rows(connection, "keep_parity", msgspec.structs.asdict(one))
    return found


def _compared(lake: Lake, day: date, asked: dict[str, Any], shown: list[dict[str, Any]]) -> Parity:
    names, width = tuple(asked["names"]), asked["width"]
    starts = [row["bar_start"] for row in shown]
    given = np.array([row["values"] for row in shown], np.float32).reshape(-1, len(names))
    end = max(starts) + FEATURE_WIDTHS[width]
    by_start = computed_rows(lake, width, asked["symbol"], names, min(starts), end)
    nothing = (None,) * len(names)
    us = [round(start.timestamp() * 1e6) for start in starts]
    is_there = np.array([one in by_start for one in us], bool)
    own = [[np.nan if v is None else v for v in by_start.get(one, nothing)] for one in us]
    with np.errstate(over="ignore", under="ignore"):
        theirs = np.array(own, np.float64).reshape(-1, len(names)).astype(np.float32)
    is_same = (given == theirs) | (np.isnan(given) & np.isnan(theirs))
    is_equal = is_same.all(axis=1) & is_there
    different = int((is_there & ~is_equal).sum())
    worst: dict[str, Any] = {}
    if different:
        worst = _worst(names, starts, given, theirs, is_same | ~is_there[:, None])
    return Parity(
        trade_date=day,
        set_hash=asked["set_hash"],
        symbol=asked["symbol"],
        rows=len(shown),
        equal=int(is_equal.sum()),
        different=different,
        missing=int((~is_there).sum()),
        **worst,
    )


def _worst(
    names: tuple[str, ...], starts: list[datetime], given: Array, theirs: Array, is_same: Array
) -> dict[str, Any]:
    one, other = given.astype(np.float64), theirs.astype(np.float64)
    distance = np.abs(one - other) / np.maximum(1.0, np.abs(one))
    # A value that only one of the two has is the worst that can be.
    distance = np.where(np.isnan(distance), np.inf, distance)
    distance[is_same] = -1.0
    row, column = np.unravel_index(int(distance.argmax()), distance.shape)
    return {
        "worst_feature": names[column],
        "worst_bar": starts[row].astimezone(UTC),
        "worst_shown": _number(one[row, column]),
        "worst_computed": _number(other[row, column]),
    }


def _number(value: Any) -> float | None:
    return None if np.isnan(value) else float(value)
