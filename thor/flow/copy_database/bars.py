"""Bars of a copied database: refresh them, copy those without ticks, compare all.

Stages: 40 bars of one database → 40 bars of another. Used by `run.py`.
"""

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any

from thor import clock, database
from thor.database import Connection, edition, tables
from thor.database.tables import NOTHING, Measure
from thor.domain.bar import STORED_WIDTHS
from thor.domain.spans import joined
from thor.errors import Broken, Unavailable
from thor.flow.copy_database.target import record
from thor.market.bars import refresh

STORED = "market._bars_1s"
# TimescaleDB's own policies refresh too, and two refreshes of the same bars collide.
_TRIES = 30
_WAIT_S = 1.0


def renew(target: Connection[Any]) -> None:
    """Refresh the bars of the ticks that were just copied, on the timescale edition.

    Other stale bars are left to the job bars.
    """
    stale = database.rows(target, "stale_ranges")
    for ts_from, ts_to in joined(((row["ts_from"], row["ts_to"]) for row in stale), refresh.HOUR):
        _patiently(partial(refresh.renew, target, ts_from, ts_to), target)
    if stale:
        until = max(row["ts_to"] for row in stale)
        values = {"range_ids": [row["range_id"] for row in stale], "until": until}
        database.rows(target, "forget_stale_ranges", values)


def catch_up(source: Connection[Any]) -> None:
    """Refresh the source's stale bars, as its job bars would."""
    _patiently(partial(refresh.catch_up, source), source)


def carry(
    source: Connection[Any],
    target: Connection[Any],
    carried: set[date],
    on_date: Callable[[date], None],
) -> int:
    """Copy the bars of dropped ticks, which cannot be rebuilt; returns how many.

    `on_date` is called with each trade date; dates copied before are skipped. The source is within
    a snapshot.
    """
    put = _put_timescale if edition.read(target).is_timescale else _put_plain
    copied = 0
    for row in database.rows(source, "dropped_bars", {"carried": list(carried)}):
        on_date(row["trade_date"])
        copied += put(source, target, row)
    return copied


def compare(source: Connection[Any], target: Connection[Any]) -> dict[str, int]:
    """Raise `Broken` where bars of any width differ, date for date; returns how many there are."""
    found: dict[str, int] = {}
    for row in database.rows(source, "bar_statements"):
        wanted, there = (
            {
                day["trade_date"]: tables.measure(day)
                for day in database.answers(each, row["by_date"])
            }
            for each in (source, target)
        )
        for day in sorted(wanted.keys() | there.keys()):
            _compare(row["width"], day, wanted.get(day, NOTHING), there.get(day, NOTHING))
        found[row["width"]] = sum(measure.records for measure in wanted.values())
    return found


def _patiently(do: Callable[[], object], connection: Connection[Any]) -> None:
    for _ in range(_TRIES):
        try:
            do()
            return
        except Unavailable:
            if connection.closed:
                raise
            clock.sleep_s(_WAIT_S)
    do()


def _compare(width: str, day: date, wanted: Measure, found: Measure) -> None:
    if wanted != found:
        raise Broken(
            f"market.bars_{width} of {day} differ: {wanted.records} bars with checksum "
            f"{wanted.checksum} in the source, {found.records} with {found.checksum} in the copy, "
            "whose ticks are equal. Where the source's are not those of its ticks, `thor bars "
            "rebuild` there makes them so: then copy again"
        )


def _put_plain(source: Connection[Any], target: Connection[Any], row: dict[str, Any]) -> int:
    with database.transaction(target):
        database.rows(target, "create_bars_arriving")
        into = database.statement("copy_bars_arriving")
        copied = database.stream(source, row["copy_out"], target, into)
        database.rows(target, "insert_bars_arriving")
        record(target, f"{STORED}/{row['trade_date']}", copied, None)
    return copied


def _put_timescale(source: Connection[Any], target: Connection[Any], row: dict[str, Any]) -> int:
    view = {"view_schema": "market", "view_name": "_bars_1s"}
    statements = database.one(target, "aggregate_statements", view)
    span = {"ts_from": row["ts_from"], "ts_to": row["ts_to"]}
    first = {"ts_from": row["ts_from"], "ts_to": row["ts_from"] + STORED_WIDTHS["1s"]}
    database.answers(target, statements["clear"], **span)
    # A refreshed range is not refreshed again before something is written in it.
    _refresh(target, "1s", span, force=False)
    database.answers(target, statements["mark_ends"], **span)
    _refresh(target, "1s", first, force=True)
    with database.transaction(target):
        database.answers(target, statements["clear"], **span)
        copied = database.stream(source, row["copy_out"], target, statements["copy_in"])
    for width in list(STORED_WIDTHS)[1:]:
        _refresh(target, width, span, force=True)
    record(target, f"{STORED}/{row['trade_date']}", copied, None)
    return copied


def _refresh(target: Connection[Any], width: str, span: dict[str, Any], *, force: bool) -> None:
    values = {"bars": f"market._bars_{width}", **span, "force": force}
    _patiently(partial(database.rows, target, "refresh_bars", values), target)
