"""Keep the stored features in step with the bars.

Stage 60, store. Reads store.features_to_refresh, which lists the bars that changed; makes their
rows, and those that look back on them, by the families' own SQL, and writes what differs.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec

from thor import database
from thor.database import Connection
from thor.domain.bar import FEATURE_PEERS, FEATURE_WIDTHS
from thor.domain.spans import Span, joined

# Ranges of more rows than this are built by the month.
SMALL_ROWS = 10_000
# While no more rows than this follow a bar that changed they are made whole with it.
_FEW_ROWS = 300
# Changed bars that lie further apart are repaired apart.
_APART_BARS = 3_000
# A clock passed, or ticks came: only bars whose count of ticks differs changed.
_COUNTED = frozenset(("closed", "late"))
# The bars changed: what looks back on them changes too. Of other reasons it does not.
CHANGED = frozenset(("import", "rebuild"))
_SWEEP = timedelta(minutes=10)
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_NONE = timedelta()


class Bars(msgspec.Struct, frozen=True):
    """Bars of a width that changed: of these series (None: all), from the first to the last."""

    symbols: list[str] | None
    first: datetime
    last: datetime


class Kept(msgspec.Struct, frozen=True):
    """What was done: ranges, and rows that were added, changed and removed."""

    ranges: int = 0
    added: int = 0
    changed: int = 0
    removed: int = 0

    def __add__(self, other: "Kept") -> "Kept":
        """Return the sums."""
        return Kept(
            self.ranges + other.ranges,
            self.added + other.added,
            self.changed + other.changed,
            self.removed + other.removed,
        )


def catch_up(connection: Connection[Any], *, rows_max: int = SMALL_ROWS) -> Kept:
    """Make the rows of every recorded range of so many rows at most, a transaction a width.

    Takes a connection in autocommit. A range stays recorded until its rows are committed
    together with its removal: whatever interrupts this, it is done again. Raises `Unavailable`
    where the server is away.
    """
    done = Kept()
    for width in FEATURE_WIDTHS:
        values = {"width": width, "rows_max": rows_max}
        if database.row(connection, "small_feature_ranges", values) is not None:
            with database.transaction(connection):
                database.rows(connection, "lock_features")
                found = database.rows(connection, "small_feature_ranges", values)
                done += _make(connection, width, found)
                # What waits for rows wakes as these are committed.
                database.rows(connection, "notify_features")
    return done


def sweep(connection: Connection[Any]) -> Kept:
    """Make the rows of bars that no range covers, in the last ten minutes of each source.

    A transaction that was under way while a bar closed records nothing; that the row was made
    of fewer ticks shows it.
    """
    done = Kept()
    for width in FEATURE_WIDTHS:
        with database.transaction(connection):
            database.rows(connection, "lock_features")
            found = database.rows(connection, "feature_sweeps", {"width": width})
            spans = joined([(row["ts_from"], row["ts_to"]) for row in found], _HOUR)
            for span in spans:
                for bars in clusters(_stale(connection, width, None, span), FEATURE_WIDTHS[width]):
                    done += repair(connection, width, bars)
    return done


def fill_holes(
    connection: Connection[Any], widths: Iterable[str], ts_from: datetime, ts_to: datetime
) -> Kept:
    """Make the rows of bars with ts_from <= bar_start < ts_to that have none, or of other ticks.

    A transaction a day and width. A day of a long range that is still to be built is left to it.
    """
    done = Kept()
    for width in widths:
        values = {"width": width, "rows_max": SMALL_ROWS}
        large = [
            (row["ts_from"], row["ts_to"])
            for row in database.rows(connection, "large_feature_ranges", values)
        ]
        first = ts_from
        while first < ts_to:
            span = (first, min(first + _DAY, ts_to))
            first = span[1]
            if any(begin < span[1] and end > span[0] for begin, end in large):
                continue
            with database.transaction(connection):
                database.rows(connection, "lock_features")
                for bars in clusters(_stale(connection, width, None, span), FEATURE_WIDTHS[width]):
                    done += repair(connection, width, bars)
    return done


def repair(connection: Connection[Any], width: str, bars: Bars) -> Kept:
    """Make the rows of bars that changed, and of all in which they are felt.

    Within a transaction that holds the writers' lock.
    """
    is_peer = bars.symbols is None or not set(FEATURE_PEERS).isdisjoint(bars.symbols)
    felt_by = None if is_peer else bars.symbols
    end = bars.last + FEATURE_WIDTHS[width]
    values = {"width": width, "symbols": felt_by, "ts_after": bars.last, "rows_max": _FEW_ROWS}
    after = database.row(connection, "feature_rows_after", values) or {}
    is_near = after["last"] == after["further"]
    if is_near:
        end = max(end, (after["last"] or bars.last) + FEATURE_WIDTHS[width])
        done = _keep(connection, width, None, felt_by, (bars.first, end))
    else:
        done = _keep(connection, width, None, bars.symbols, (bars.first, end))
    felt = _reached_next(connection, bars) if is_near else reached(connection, width, bars)
    for row in felt:
        # Of the bars themselves all was made; other series have only this family of them.
        is_own = row["width"] == width and (bars.symbols is None or row["symbols"] == bars.symbols)
        first = max(row["ts_from"], end) if is_own else row["ts_from"]
        is_made = is_near and row["width"] == width
        if first < row["ts_to"] and not is_made:
            span = (first, row["ts_to"])
            done += _keep(connection, row["width"], row["family"], row["symbols"], span)
    return done


def reached(connection: Connection[Any], width: str, bars: Bars) -> list[dict[str, Any]]:
    """Return the ranges that bars are felt in, one a family: width, symbols, from, to."""
    values = {
        "width": width,
        "symbols": bars.symbols,
        "ts_first": bars.first,
        "ts_last": bars.last,
    }
    return database.rows(connection, "features_reached", values)


def _reached_next(connection: Connection[Any], bars: Bars) -> list[dict[str, Any]]:
    values = {"symbols": bars.symbols, "ts_first": bars.first, "ts_last": bars.last}
    return database.rows(connection, "features_reached_next", values)


def clusters(bars: Iterable[tuple[datetime, str]], length: timedelta) -> Iterator[Bars]:
    """Yield changed bars, starts and symbols, as stretches that are worth one repair each."""
    symbols: set[str] = set()
    first = last = None
    for bar_start, symbol in sorted(bars):
        if last is not None and first is not None and bar_start - last > _APART_BARS * length:
            yield Bars(sorted(symbols), first, last)
            symbols, first = set(), None
        first = first or bar_start
        last = bar_start
        symbols.add(symbol)
    if first is not None and last is not None:
        yield Bars(sorted(symbols), first, last)


def _make(connection: Connection[Any], width: str, ranges: list[dict[str, Any]]) -> Kept:
    length = FEATURE_WIDTHS[width]
    done = Kept(ranges=len(ranges))
    changed: set[tuple[datetime, str]] = set()
    counted = [row for row in ranges if row["reason"] in _COUNTED]
    # The ten minutes before a close too: see `sweep`.
    spans = [
        (row["ts_from"] - (_SWEEP if row["reason"] == "closed" else _NONE), row["ts_to"])
        for row in counted
    ]
    symbols = None
    if counted and all(row["symbol"] is not None for row in counted):
        symbols = sorted({row["symbol"] for row in counted})
    for span in joined(spans, _HOUR):
        changed |= set(_stale(connection, width, symbols, span))
    for bars in clusters(changed, length):
        done += repair(connection, width, bars)
    others = [row for row in ranges if row["reason"] not in _COUNTED]
    written = [row for row in others if row["reason"] in CHANGED and row["family"] is None]
    for bars in _together(written, length):
        done += repair(connection, width, bars)
    for row in others:
        if row not in written:
            named = None if row["symbol"] is None else [row["symbol"]]
            span = (row["ts_from"], row["ts_to"])
            done += _keep(connection, width, row["family"], named, span)
    forgotten = {"range_ids": [row["range_id"] for row in ranges]}
    database.rows(connection, "forget_feature_ranges", forgotten)
    return done


def _together(ranges: list[dict[str, Any]], length: timedelta) -> list[Bars]:
    # A file of several series is one repair, not one for each of them.
    found: list[Bars] = []
    for row in sorted(ranges, key=lambda row: (row["ts_from"], row["range_id"])):
        named = None if row["symbol"] is None else [row["symbol"]]
        bars = Bars(named, row["ts_from"], row["ts_to"] - length)
        if found and bars.first <= found[-1].last + length:
            before = found.pop()
            both = before.symbols is None or bars.symbols is None
            names = None if both else sorted({*(before.symbols or ()), *(bars.symbols or ())})
            bars = Bars(names, before.first, max(before.last, bars.last))
        found.append(bars)
    return found


def _stale(
    connection: Connection[Any], width: str, symbols: list[str] | None, span: Span
) -> list[tuple[datetime, str]]:
    values = {"width": width, "symbols": symbols, "ts_from": span[0], "ts_to": span[1]}
    rows = database.rows(connection, "stale_bars", values)
    return [(row["bar_start"], row["symbol"]) for row in rows]


def _keep(
    connection: Connection[Any],
    width: str,
    family: str | None,
    symbols: list[str] | None,
    span: Span,
) -> Kept:
    values = {
        "width": width,
        "family": family,
        "symbols": symbols,
        "ts_from": span[0],
        "ts_to": span[1],
    }
    row = database.one(connection, "keep_features", values)
    return Kept(0, row["added"], row["changed"], row["removed"])
