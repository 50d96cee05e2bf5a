"""Build stored features by the month: bars out of the database, features by DuckDB, rows back.

Flow: 40 bars → 55 lake → 60 store. For ranges that are too long to be made bar by bar: a new
history, a new feature, a store that was never filled. What is done is cut off its range,
newest first, so a build that goes on after a cut begins where that was.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from thor import clock, database
from thor.database import Connection, copy
from thor.domain.bar import FEATURE_PEERS, FEATURE_WIDTHS
from thor.domain.spans import Span
from thor.errors import NotFound, Rejected, Unavailable
from thor.lake.query.compute import Engine, framed, packed
from thor.learning import feature_store
from thor.learning.feature_store import SMALL_ROWS, Bars, Kept

# As many rows in memory at once, of some series each time.
_GROUP_ROWS = 200_000
# What a swap waits for readers of the partition, and how often it tries.
_LOCK_TIMEOUT = "55P03"
_LOCK_TRIES, _LOCK_PAUSE_S = 60, 1.0
_TICK = timedelta(microseconds=1)


class Slice(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a range that is done: its bars, rows and what was written of them.

    `ts_left` is where the range begins: nothing of it is left where it is not before `ts_from`.
    """

    width: str
    family: str | None
    ts_from: datetime
    ts_to: datetime
    ts_left: datetime
    rows: int
    kept: Kept


def ask(connection: Connection[Any], widths: list[str], ts_from: datetime, ts_to: datetime) -> None:
    """Record that the features of bars with ts_from <= bar_start < ts_to are to be made anew.

    One that was asked for and cut goes on where it was. Raises `Rejected` for a range that is
    none, `NotFound` where it holds no bar.
    """
    if not ts_from < ts_to:
        raise Rejected(f"--from: {ts_from.isoformat()} is not before --to {ts_to.isoformat()}")
    found = [_bounds(connection, width, None, (ts_from, ts_to)) for width in widths]
    if not any(found):
        raise NotFound(
            f"--from: there are no bars of {', '.join(widths)} from {ts_from.isoformat()} to "
            f"{ts_to.isoformat()}; `thor bars import` and `thor replay` bring some"
        )
    there = [width for width, span in zip(widths, found, strict=True) if span]
    values = {"widths": there, "ts_from": ts_from, "ts_to": ts_to}
    database.rows(connection, "ask_for_features", values)


def build(
    connection: Connection[Any],
    *,
    threads: int = 1,
    rows_max: int = SMALL_ROWS,
    width: str | None = None,
    stop: Callable[[], object] = lambda: False,
) -> Iterator[Slice]:
    """Build every range of more than so many rows, newest first, and yield each slice.

    Takes a connection in autocommit that nobody else uses, whose builder's lock the caller
    holds. Ends where none is left, or `stop` is true. Raises `Unavailable` where the server
    or its disk, or a reader of the rows, is in the way; what is done then stays done.
    """
    values = {"rows_max": rows_max, "width": width}
    while not stop():
        rows = database.rows(connection, "large_feature_ranges", values)
        if not rows:
            return
        if _join(connection, rows):
            continue
        done = _build_newest(connection, rows[0], threads)
        if done is not None:
            yield done


def _join(connection: Connection[Any], rows: list[dict[str, Any]]) -> bool:
    """Make one of the ranges that overlap the newest, of its width and family: files of series."""
    newest, span = rows[0], (rows[0]["ts_from"], rows[0]["ts_to"])
    found = []
    for row in rows:
        is_alike = (row["width"], row["family"]) == (newest["width"], newest["family"])
        if is_alike and row["ts_to"] > span[0]:
            found.append(row["range_id"])
            span = (min(span[0], row["ts_from"]), span[1])
    if len(found) > 1:
        database.rows(connection, "join_feature_ranges", {"range_ids": found})
    return len(found) > 1


def _build_newest(connection: Connection[Any], row: dict[str, Any], threads: int) -> Slice | None:
    width, length = row["width"], FEATURE_WIDTHS[row["width"]]
    symbols = None if row["symbol"] is None else [row["symbol"]]
    bounds = _bounds(connection, width, symbols, (row["ts_from"], row["ts_to"]))
    if bounds is None:
        _cut(connection, row, row["ts_from"])
        return None
    first, last = bounds
    if row["reason"] in feature_store.CHANGED and row["family"] is None:
        _reach(connection, row, Bars(symbols, first, last))
    span = (max(_start_of(width, last), first), last + length)
    families = None if row["family"] is None else [row["family"]]
    rows, kept = _made(connection, width, symbols, families, span, threads, row)
    return Slice(
        width=width,
        family=row["family"],
        ts_from=span[0],
        ts_to=span[1],
        ts_left=first,
        rows=rows,
        kept=kept,
    )


def _made(
    connection: Connection[Any],
    width: str,
    symbols: list[str] | None,
    families: list[str] | None,
    span: Span,
    threads: int,
    row: dict[str, Any],
) -> tuple[int, Kept]:
    named = symbols and [*dict.fromkeys([*symbols, *FEATURE_PEERS])]
    asked = {"width": width, "symbols": named, "ts_from": span[0], "ts_to": span[1]}
    spans = database.rows(connection, "feature_build_spans", asked)
    built_at = spans[0]["built_at"]
    # A bar that is open has no row yet; where all are open the span is empty.
    span = (span[0], max(span[0], min(span[1], spans[0]["closed_until"] + _TICK)))
    own = symbols or sorted(row["symbol"] for row in database.rows(connection, "series"))
    build = {
        "width": width,
        "symbols": own,
        "families": families,
        "ts_from": span[0],
        "ts_to": span[1],
        "built_at": built_at,
    }
    total = 0
    with Engine(threads) as engine:
        load(connection, engine, width, spans, span)
        begun = {"width": width, "families": families, "built_at": built_at}
        copy_in = database.one(connection, "begin_feature_build", begun)["copy_in"]
        for group in _groups(own, engine.counted(width, span)):
            rows = engine.rows(width, group, span, families, spans[0]["open_bars"])
            total += rows.num_rows
            copy.pour(connection, copy_in, framed(packed(rows)))
    database.rows(connection, "merge_feature_build", build)
    return total, _swapped(connection, build, row)


def load(
    connection: Connection[Any],
    engine: Engine,
    width: str,
    spans: list[dict[str, Any]],
    span: Span,
    of_ticks_to: datetime | None = None,
) -> None:
    """Give an engine what the features of a span are made of, as `feature_build_spans` has it.

    The family that is computed from ticks goes to `of_ticks_to`; else to the end of the span.
    """
    for table in database.rows(connection, "feature_reference_texts", {}):
        engine.load(f"reference.{table['name']}", copy.blocks(connection, table["copy_out"]))
    every = [symbol for part in spans for symbol in part["symbols"]]
    text = database.one(connection, "feature_bars_text", {"width": width})["copy_out"]
    engine.load(f"market.bars_{width}", _bars(connection, text, spans, span[1]))
    values: dict[str, Any] = {"symbols": every, "ts_from": span[0], "ts_to": span[1]}
    text = database.one(connection, "feature_prior_sessions_text")["copy_out"]
    engine.load_prior_sessions(copy.blocks(connection, text, **values))
    text = database.one(connection, "feature_microstructure_text")["copy_out"]
    values["ts_to"] = of_ticks_to or span[1]
    engine.load_of_ticks(copy.blocks(connection, text, width=width, **values))


def _bars(
    connection: Connection[Any], text: str, parts: list[dict[str, Any]], last: datetime
) -> Iterator[bytearray]:
    for part in parts:
        values = {"symbols": part["symbols"], "ts_from": part["start_at"], "ts_to": last}
        yield from copy.blocks(connection, text, **values)


def _groups(symbols: list[str], rows: dict[str, int]) -> Iterator[list[str]]:
    group: list[str] = []
    held = 0
    for symbol in symbols:
        if symbol not in rows:
            continue
        if group and held + rows[symbol] > _GROUP_ROWS:
            yield group
            group, held = [], 0
        group.append(symbol)
        held += rows[symbol]
    if group:
        yield group


def _swapped(connection: Connection[Any], build: dict[str, Any], row: dict[str, Any]) -> Kept:
    """Put the rows in their place and cut the range, in one transaction that waits for nobody."""
    left = _LOCK_TRIES
    while True:
        try:
            with database.transaction(connection):
                database.rows(connection, "wait_for_readers")
                database.rows(connection, "lock_features")
                done = database.one(connection, "end_feature_build", build)
                _cut(connection, row, build["ts_from"])
            return Kept(1, done["added"], done["changed"], done["removed"])
        except Unavailable as error:
            if getattr(error.__cause__, "sqlstate", None) != _LOCK_TIMEOUT:
                raise
            left -= 1
            if not left:
                raise Unavailable(
                    f"store.features_{build['width']}: somebody has been reading it for a minute, "
                    "so its new rows cannot take their place; end that query"
                ) from error
            clock.sleep_s(_LOCK_PAUSE_S)


def _reach(connection: Connection[Any], row: dict[str, Any], bars: Bars) -> None:
    """Record what looks back on bars that were written anew, a range a family."""
    width, end = row["width"], bars.last + FEATURE_WIDTHS[row["width"]]
    with database.transaction(connection):
        for felt in feature_store.reached(connection, width, bars):
            is_own = felt["width"] == width and bars.symbols in (None, felt["symbols"])
            first = max(felt["ts_from"], end) if is_own else felt["ts_from"]
            if first < felt["ts_to"]:
                values = {
                    "width": felt["width"],
                    "family": felt["family"],
                    "symbols": felt["symbols"],
                    "ts_from": first,
                    "ts_to": felt["ts_to"],
                }
                database.rows(connection, "add_feature_range", values)
        database.rows(connection, "feature_range_reached", {"range_id": row["range_id"]})


def _cut(connection: Connection[Any], row: dict[str, Any], ts_to: datetime) -> None:
    values = {"range_id": row["range_id"], "ts_to": ts_to}
    database.rows(connection, "cut_feature_range", values)


def _bounds(
    connection: Connection[Any], width: str, symbols: list[str] | None, span: Span
) -> Span | None:
    values = {"width": width, "symbols": symbols, "ts_from": span[0], "ts_to": span[1]}
    found = database.one(connection, "feature_bar_bounds", values)
    return None if found["first"] is None else (found["first"], found["last"])


def _start_of(width: str, ts: datetime) -> datetime:
    """Return where the partition of an instant begins: a month of 1m, a year of the others."""
    utc = ts.astimezone(UTC)
    first = utc.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return first if width == "1m" else first.replace(month=1)
