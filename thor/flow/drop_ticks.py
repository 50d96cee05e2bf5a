"""Drop old ticks from the database, whole trade dates, once the lake is proven to have them.

Stages: 30 ticks and 40 bars, compared with 55 lake. Nothing is dropped by age alone: the files are
verified row for row, and market.dropped_ranges records each drop. Bars stay.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import msgspec

from thor import database
from thor.database import Connection, edition
from thor.errors import Broken, NotFound
from thor.lake import manifest
from thor.lake.export import plan
from thor.lake.export.verify import verify
from thor.lake.manifest import Manifest
from thor.lake.store import Store

# The kinds that the lake must hold, row for row.
_PROVEN = ("ticks", "bars")


class Dropped(msgspec.Struct, frozen=True, kw_only=True):
    """A trade date that is old enough: its ticks were dropped, or `why` not."""

    trade_date: date
    ticks: int
    why: str = ""


def drop_old(
    connection: Connection[Any], store: Store, keep: timedelta, now: datetime
) -> Iterator[Dropped]:
    """Drop the ticks of each trade date that was received longer than `keep` ago.

    Yields the result of each; a date that the lake lacks in part, or that differs, stays. Takes a
    connection in autocommit.
    """
    for row in database.rows(connection, "old_dates", {"before": now - keep}):
        day, ticks = row["trade_date"], int(row["ticks"])
        try:
            exported = manifest.known(store, day)
            why = _why_not_proven(connection, store, exported, day, ticks)
            if not why:
                _drop(connection, store, exported, day)
        except (NotFound, Broken) as error:
            why = str(error)
        yield Dropped(trade_date=day, ticks=0 if why else ticks, why=why)


def _why_not_proven(
    connection: Connection[Any], store: Store, exported: Manifest, day: date, ticks: int
) -> str:
    """Return why the lake does not prove a trade date; None where it does."""
    held = sum(part.rows for part in exported.of("ticks").values())
    if not exported.is_closed or not set(exported.what) >= set(_PROVEN) or held != ticks:
        return f"the lake's manifest is not whole: {held} of {ticks} ticks; export the date again"
    wrong = [one for one in verify(connection, store, day, kinds=_PROVEN) if not one.is_good]
    if wrong:
        return "; ".join(f"{one.path} {one.state} {one.why}".rstrip() for one in wrong)
    return ""


def _drop(connection: Connection[Any], store: Store, exported: Manifest, day: date) -> None:
    proven = {part.symbol: part.key for part in exported.of("ticks").values()}
    ticks = sum(part.rows for part in exported.of("ticks").values())
    span = plan.bounds(connection, day)
    hours = {"ts_from": span.ts_from, "ts_to": span.ts_to}
    made = edition.read(connection)
    with database.transaction(connection):
        database.rows(connection, "lock_ranges_exclusively")
        found = {
            row["symbol"]: row["key"]
            for row in database.rows(connection, "lake_ticks", {"symbols": None, **hours})
        }
        if found != proven:
            raise Broken(f"Ticks of {day} came while they were verified: export the date again")
        before = plan.bars(connection, day, span, None, None)
        if made.is_timescale:
            database.rows(connection, "allow_large_delete")
            for chunk in database.rows(connection, "whole_chunks", hours):
                database.rows(connection, "drop_chunk", chunk)
        database.rows(connection, "delete_ticks", hours)
        evidence = f"{store.locate(manifest.path_of(day))}, verified row for row"
        values = {"trade_date": day, **hours, "ticks": ticks, "evidence": evidence}
        database.rows(connection, "remember_dropped", values)
        if plan.bars(connection, day, span, None, None) != before:
            raise Broken(f"The bars of {day} would change with their ticks gone: nothing was")
