"""Copy ticks from one database to another, one transaction a trade date, and compare them.

Used by `run.py`; takes a source within a snapshot.
"""

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Any

import msgspec

from thor import database
from thor.database import Connection, tables
from thor.database.tables import NOTHING, Measure
from thor.errors import Broken, Refused
from thor.flow.copy_database.target import TICKS, record

# Ticks a statement: a plain target makes the bars of so many at a time.
_SLICE_TICKS = 200_000
_HOUR = timedelta(hours=1)


class Day(msgspec.Struct, frozen=True):
    """The ticks of a trade date: its name, their number and their checksum."""

    trade_date: date
    symbols: tuple[str, ...]
    measure: Measure

    @property
    def part(self) -> str:
        """Its name in ops.copied_parts."""
        return f"{TICKS}/{self.trade_date}"


class Slice(msgspec.Struct, frozen=True):
    """Some hours of a trade date that have to be copied."""

    ts_from: datetime
    ts_to: datetime
    is_there: bool


def survey(connection: Connection[Any]) -> dict[str, Day]:
    """Return every trade date that has ticks, by the name of its part, in order."""
    statements = database.one(connection, "tick_statements")
    found: dict[str, Day] = {}
    for row in database.answers(connection, statements["survey"]):
        day = Day(row["trade_date"], (row["symbol"],), tables.measure(row))
        if earlier := found.get(day.part):
            day = Day(
                day.trade_date,
                (*earlier.symbols, *day.symbols),
                Measure(
                    earlier.measure.records + day.measure.records,
                    earlier.measure.checksum + day.measure.checksum,
                ),
            )
        found[day.part] = day
    return found


def refuse_lost(days: dict[str, Day], done: dict[str, Measure | None]) -> None:
    """Raise `Refused` where ticks that were copied have since gone from the source."""
    for part, written in done.items():
        if not part.startswith(f"{TICKS}/") or written is None:
            continue
        left = days[part].measure.records if part in days else 0
        if left < written.records:
            raise Refused(
                f"The source has {left} ticks of {part.partition('/')[2]} left, and "
                f"{written.records} were copied: they were dropped or deleted meanwhile. Copy "
                "again into an empty database"
            )


def copy_day(
    source: Connection[Any],
    target: Connection[Any],
    day: Day,
    *,
    is_known: bool,
    marks_stale: bool,
    on_records: Callable[[int], None],
) -> int:
    """Copy what the target lacks of a trade date, compare all of it, and commit.

    Returns how many ticks were copied; `on_records` is called with the number of each slice. Raises
    `Broken` where both differ afterwards: nothing of it is written then.
    """
    statements = database.one(source, "tick_statements")
    span = database.one(source, "trade_date_span", {"trade_date": day.trade_date})
    asked = {"symbols": list(day.symbols), **span}
    wanted = _by_hour(source, statements, asked)
    copied = 0
    with database.transaction(target):
        has = _by_hour(target, statements, asked) if is_known else {}
        for piece in _slices(wanted, has):
            values = {**asked, "ts_from": piece.ts_from, "ts_to": piece.ts_to}
            records = _pour(source, target, statements, values, merge=piece.is_there)
            copied += records
            on_records(records)
            if marks_stale:
                stale = {"ts_from": piece.ts_from, "ts_to": piece.ts_to}
                database.rows(target, "mark_stale", stale)
        _compare(day, wanted, _by_hour(target, statements, asked))
        record(target, day.part, day.measure.records, day.measure)
    return copied


def compare(days: dict[str, Day], target: Connection[Any]) -> None:
    """Raise `Broken` where the target's ticks are not those of the source, date for date."""
    there = survey(target)
    for part in sorted(days.keys() | there.keys()):
        wanted = days[part].measure if part in days else NOTHING
        found = there[part].measure if part in there else NOTHING
        if wanted != found:
            raise _differs(part.partition("/")[2], wanted, found)


def _by_hour(
    connection: Connection[Any], statements: dict[str, Any], asked: dict[str, Any]
) -> dict[datetime, Measure]:
    rows = database.answers(connection, statements["by_hour"], **asked)
    return {row["hour"]: tables.measure(row) for row in rows}


def _slices(wanted: dict[datetime, Measure], has: dict[datetime, Measure]) -> Iterator[Slice]:
    """Yield the hours that differ, adjacent ones together while they have few ticks."""
    pending: Slice | None = None
    ticks = 0
    for hour, measure in wanted.items():
        is_there = hour in has
        is_due = has.get(hour) != measure
        is_more = pending is not None and is_due and pending.is_there == is_there
        if is_more and pending is not None and ticks + measure.records <= _SLICE_TICKS:
            pending = Slice(pending.ts_from, hour + _HOUR, is_there)
            ticks += measure.records
            continue
        if pending is not None:
            yield pending
        pending = Slice(hour, hour + _HOUR, is_there) if is_due else None
        ticks = measure.records
    if pending is not None:
        yield pending


def _pour(
    source: Connection[Any],
    target: Connection[Any],
    statements: dict[str, Any],
    values: dict[str, Any],
    *,
    merge: bool,
) -> int:
    copy_out: str = statements["copy_out"]
    if not merge:
        return database.stream(source, copy_out, target, statements["copy_in"], **values)
    database.answers(target, statements["stage"])
    database.stream(source, copy_out, target, statements["copy_to_stage"], **values)
    with target.cursor() as cursor:
        cursor.execute(statements["merge"].encode())
        merged = cursor.rowcount
    database.answers(target, statements["unstage"])
    return merged


def _compare(day: Day, wanted: dict[datetime, Measure], found: dict[datetime, Measure]) -> None:
    for hour in sorted(wanted.keys() | found.keys()):
        if wanted.get(hour) != found.get(hour):
            raise _differs(
                f"{day.trade_date}, hour {hour:%Y-%m-%d %H}:00 UTC,",
                wanted.get(hour, NOTHING),
                found.get(hour, NOTHING),
            )


def _differs(where: str, wanted: Measure, found: Measure) -> Broken:
    return Broken(
        f"{TICKS} of {where} differ: {wanted.records} rows with checksum {wanted.checksum} in the "
        f"source, {found.records} with {found.checksum} in the copy"
    )
