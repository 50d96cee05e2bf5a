"""The export's completeness check: closed trade dates that the lake lacks in part.

Stage 55, lake. Compares the daily bars, which count every tick, with the manifests.
"""

from collections import defaultdict
from datetime import date, datetime
from typing import Any, Literal

import msgspec

from thor import clock, database
from thor.database import Connection
from thor.domain.bar import CLOSE_DELAY
from thor.lake import manifest
from thor.lake.store import Store

_EXPORTED = {"ticks", "bars", "features"}


class _Closed(msgspec.Struct):
    """What the lake must have of a closed date: ticks by symbol, and those of stocks' own days."""

    ticks: dict[str, int] = msgspec.field(default_factory=dict)
    day_ticks: dict[str, int] = msgspec.field(default_factory=dict)


class LakeDay(msgspec.Struct, frozen=True, kw_only=True):
    """A trade date that the database has: its ticks, and what the lake has of it.

    `whole` where the lake has all of a closed date, `missing` where it has not, `open` while
    the date goes on; `exported` counts the lake's ticks.
    """

    trade_date: date
    symbols: int
    ticks: int
    exported: int
    state: Literal["whole", "missing", "open"]


def missing(connection: Connection[Any], store: Store, now: datetime) -> list[date]:
    """Return the closed trade dates whose ticks the lake lacks or has differently, in order.

    Dates dropped from the database and dates still open are not among them.
    """
    return LakeCoverage().missing(connection, store, now)


def shown_since(connection: Connection[Any], store: Store) -> list[date]:
    """Return the trade dates of the lake of which models were shown rows that it lacks, in order.

    A training reads dates that were exported long ago. Reads every row's key, which takes seconds.
    """
    found = []
    for row in database.rows(connection, "lake_feature_row_counts"):
        day, rows = row["trade_date"], row["records"]
        exported = manifest.read(store, day)
        if exported is None or "features" not in exported.what:
            continue
        if rows != sum(part.rows for part in exported.shown()):
            found.append(day)
    return found


class LakeCoverage:
    """The same for a process that asks often: a whole date's manifest is read once in a while."""

    def __init__(self, keep_s: float = 0.0) -> None:
        """Take for how many seconds a date is known to be whole, unless its ticks change."""
        self._keep_s = keep_s
        self._whole: dict[date, tuple[_Closed, float]] = {}

    def missing(self, connection: Connection[Any], store: Store, now: datetime) -> list[date]:
        """Return what `missing` does."""
        found = self.days(connection, store, now)
        return [day.trade_date for day in found if day.state == "missing"]

    def days(self, connection: Connection[Any], store: Store, now: datetime) -> list[LakeDay]:
        """Return every trade date that the database has ticks of, oldest first."""
        there: defaultdict[date, dict[str, int]] = defaultdict(dict)
        closed: defaultdict[date, _Closed] = defaultdict(_Closed)
        for row in database.rows(connection, "lake_counts"):
            there[row["trade_date"]][row["symbol"]] = row["ticks"]
            if now >= row["bar_end"] + CLOSE_DELAY:
                closed[row["trade_date"]].ticks[row["symbol"]] = row["ticks"]
            if row["day_end"] is not None and now >= row["day_end"] + CLOSE_DELAY:
                closed[row["trade_date"]].day_ticks[row["symbol"]] = row["day_ticks"]
        return [self._day(store, day, there[day], closed.get(day)) for day in sorted(there)]

    def _day(
        self, store: Store, day: date, ticks: dict[str, int], closed: _Closed | None
    ) -> LakeDay:
        is_whole, exported = self._look(store, day, closed)
        state: Literal["whole", "missing"] = "whole" if is_whole else "missing"
        return LakeDay(
            trade_date=day,
            symbols=len(ticks),
            ticks=sum(ticks.values()),
            exported=exported,
            state="open" if closed is None else state,
        )

    def _look(self, store: Store, day: date, closed: _Closed | None) -> tuple[bool, int]:
        """Return whether the lake has all of a closed date, and how many ticks it has of it."""
        known, until_s = self._whole.get(day, (None, 0.0))
        now_s = clock.monotonic_s()
        if closed is not None and known == closed and now_s < until_s:
            return True, sum(closed.ticks.values())
        found = manifest.read(store, day)
        if found is None:
            return False, 0
        is_whole = closed is not None and _is_whole(found, day, closed)
        if closed is not None and is_whole:
            self._whole[day] = closed, now_s + self._keep_s
        return is_whole, sum(part.rows for part in found.of("ticks").values())


def _is_whole(found: manifest.Manifest, day: date, closed: _Closed) -> bool:
    if not found.is_closed or not set(found.what) >= _EXPORTED:
        return False
    parts = {part.path: part for part in found.parts}

    def has(path: str, ticks: int) -> bool:
        part = parts.get(path)
        # A file of before the ticks of its day were counted is taken as it is.
        return part is not None and part.day_ticks in {ticks, None}

    return all(
        (part := parts.get(manifest.ticks_path(day, symbol))) is not None
        and part.rows == count
        and manifest.bars_path(day, symbol, "1s") in parts
        for symbol, count in closed.ticks.items()
    ) and all(
        has(manifest.bars_path(day, symbol, "1d"), count)
        for symbol, count in closed.day_ticks.items()
    )
