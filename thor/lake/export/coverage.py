"""The export's completeness check: closed trade dates that the lake lacks in part.

Stage 55, lake. Compares the daily bars, which count every tick, with the manifests.
"""

from collections import defaultdict
from datetime import date, datetime
from typing import Any

from thor import clock, database
from thor.database import Connection
from thor.domain.bar import CLOSE_DELAY
from thor.lake import manifest
from thor.lake.store import Store

_EXPORTED = {"ticks", "bars", "features"}


def missing(connection: Connection[Any], store: Store, now: datetime) -> list[date]:
    """Return the closed trade dates whose ticks the lake lacks or has differently, in order.

    Dates dropped from the database and dates still open are not among them.
    """
    return LakeCoverage().missing(connection, store, now)


class LakeCoverage:
    """The same for a process that asks often: a whole date's manifest is read once in a while."""

    def __init__(self, keep_s: float = 0.0) -> None:
        """Take for how many seconds a date is known to be whole, unless its ticks change."""
        self._keep_s = keep_s
        self._whole: dict[date, tuple[dict[str, int], float]] = {}

    def missing(self, connection: Connection[Any], store: Store, now: datetime) -> list[date]:
        """Return what `missing` does."""
        there: defaultdict[date, dict[str, int]] = defaultdict(dict)
        for row in database.rows(connection, "lake_counts"):
            if now >= row["bar_end"] + CLOSE_DELAY:
                there[row["trade_date"]][row["symbol"]] = row["ticks"]
        return [
            day for day, ticks in sorted(there.items()) if not self._is_whole(store, day, ticks)
        ]

    def _is_whole(self, store: Store, day: date, ticks: dict[str, int]) -> bool:
        known, until_s = self._whole.get(day, ({}, 0.0))
        now_s = clock.monotonic_s()
        if known == ticks and now_s < until_s:
            return True
        is_whole = _is_whole(store, day, ticks)
        if is_whole:
            self._whole[day] = ticks, now_s + self._keep_s
        return is_whole


def _is_whole(store: Store, day: date, ticks: dict[str, int]) -> bool:
    found = manifest.read(store, day)
    if found is None or not found.is_closed or not set(found.what) >= _EXPORTED:
        return False
    parts = {part.path: part.rows for part in found.parts}
    return all(
        parts.get(manifest.ticks_path(day, symbol)) == count
        and manifest.bars_path(day, symbol, "1s") in parts
        for symbol, count in ticks.items()
    )
