"""Plan the export of a trade date: its files, each with its key.

Stage 55, lake. Its queries are cheap; it reads no rows.
"""

from datetime import date, datetime
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from thor import database
from thor.database import Connection
from thor.domain.bar import CLOSE_DELAY
from thor.lake import manifest
from thor.lake.manifest import Kind, Manifest, Part


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A file that should be in the lake; without a `key` its rows decide whether it changed."""

    path: str
    what: Kind
    symbol: str | None
    width: str | None
    key: str | None
    records: int
    day_ticks: int | None = None


class Bounds(msgspec.Struct, frozen=True):
    """A trade date: its bounds, its symbols, and whether its ticks were dropped.

    It is stale while late ticks are missing from its bars, refreshing while features are missing.
    """

    nature: str
    edition: str
    ts_from: datetime
    ts_to: datetime
    is_dropped: bool
    is_stale: bool
    is_refreshing: bool

    def is_closed(self, now: datetime) -> bool:
        """Return whether the date is over: 17:00 in Chicago, and a second more."""
        return now >= self.ts_to + CLOSE_DELAY


def bounds(connection: Connection[Any], day: date) -> Bounds:
    """Return the bounds of a trade date, instants in UTC."""
    row = database.row(connection, "lake_bounds", {"trade_date": day})
    return msgspec.convert(row, Bounds)


def ticks(
    connection: Connection[Any],
    day: date,
    span: Bounds,
    symbols: list[str] | None,
    previous: dict[str, Part],
) -> list[Wanted]:
    """Return the files of ticks: with their keys where there are any to compare with."""
    values = {"symbols": symbols, "ts_from": span.ts_from, "ts_to": span.ts_to}
    if not previous:
        return [
            _ticks(day, row["symbol"], None, row["ticks"])
            for row in database.rows(connection, "lake_symbols", values)
        ]
    return [
        _ticks(day, row["symbol"], row["key"], row["records"])
        for row in database.rows(connection, "lake_ticks", values)
    ]


def about(connection: Connection[Any], span: Bounds, wanted: list[Wanted]) -> int:
    """Return about how many ticks a trade date has, counted from bars or guessed."""
    text = database.one(connection, "lake_estimate_statement")["guess"]
    [found] = database.answers(connection, text, ts_from=span.ts_from, ts_to=span.ts_to)
    guessed = int(found["QUERY PLAN"][0]["Plan"]["Plan Rows"])
    # Without bars their number is unknown before they are read.
    return max(sum(one.records for one in wanted), guessed)


def key_of_ticks(rows: int, seq_sum: int, min_us: int, max_us: int) -> str:
    """Return the key of exported ticks in the form of `lake_ticks`; instants in µs since 1970."""
    return f"{rows},{seq_sum},{_epoch(min_us)},{_epoch(max_us)}"


class Key:
    """The key of ticks, computed as they pass."""

    def __init__(self) -> None:
        """Begin without ticks."""
        self._rows = self._seq_sum = 0
        self._ends_us: list[int] = []

    def note(self, table: pa.Table) -> None:
        """Add the ticks of a table."""
        self._rows += table.num_rows
        seq = table.column("seq").to_numpy()
        # In halves: the sum of millions of ordinals is beyond 64 bits.
        self._seq_sum += int((seq & 0xFFFFFFFF).sum()) + (int((seq >> 32).sum()) << 32)
        ends = pc.min_max(table.column("ts").cast(pa.int64())).as_py()
        self._ends_us += [ends["min"], ends["max"]]

    def text(self) -> str:
        """Return the key of the ticks so far."""
        return key_of_ticks(self._rows, self._seq_sum, min(self._ends_us), max(self._ends_us))


def bars(
    connection: Connection[Any],
    day: date,
    span: Bounds,
    symbols: list[str] | None,
    as_of: datetime | None,
) -> list[Wanted]:
    """Return the files of bars, a symbol and width each; without daily bars that go on `as_of`."""
    values = {
        "symbols": symbols,
        "ts_from": span.ts_from,
        "ts_to": span.ts_to,
        "as_of": as_of and as_of - CLOSE_DELAY,
    }
    return [
        Wanted(
            path=manifest.bars_path(day, row["symbol"], row["width"]),
            what="bars",
            symbol=row["symbol"],
            width=row["width"],
            key=row["key"],
            records=row["records"],
            day_ticks=row["day_ticks"],
        )
        for row in database.rows(connection, "lake_bars", values)
    ]


def features(
    connection: Connection[Any], day: date, span: Bounds, symbols: list[str] | None
) -> list[Wanted]:
    """Return the files of stored features, a symbol and width each, and of rows shown to models."""
    values = {"symbols": symbols, "ts_from": span.ts_from, "ts_to": span.ts_to}
    stored = [
        Wanted(
            path=manifest.features_path(day, row["symbol"], row["width"]),
            what="features",
            symbol=row["symbol"],
            width=row["width"],
            key=row["key"],
            records=row["records"],
        )
        for row in database.rows(connection, "lake_features", values)
    ]
    return stored + [
        Wanted(
            path=manifest.shown_path(day, row["symbol"]),
            what="features",
            symbol=row["symbol"],
            width=None,
            key=row["key"],
            records=row["records"],
        )
        for row in database.rows(connection, "lake_feature_rows", values)
    ]


def reference(connection: Connection[Any]) -> list[Wanted]:
    """Return the files of the reference data, a table each."""
    return [
        Wanted(
            path=manifest.reference_path(row["relation"]),
            what="reference",
            symbol=None,
            width=None,
            key=None,
            records=0,
        )
        for row in database.rows(connection, "lake_reference")
    ]


def relation(wanted: Wanted) -> str:
    """Return the relation whose rows a file has."""
    if wanted.what == "ticks":
        return "market.ticks"
    if wanted.what == "bars":
        return f"market.bars_{wanted.width}"
    if wanted.what == "features":
        return "store.feature_rows" if wanted.width is None else f"store.features_{wanted.width}"
    name = wanted.path.removeprefix("reference/").removesuffix(".parquet")
    return name if "." in name else f"reference.{name}"


def values(wanted: Wanted, span: Bounds | None) -> dict[str, Any]:
    """Return the values for the braces of the statement that reads a file's rows."""
    if span is None:
        return {}
    return {"symbol": wanted.symbol, "ts_from": span.ts_from, "ts_to": span.ts_to}


def before(store: Any, day: date | None) -> tuple[Manifest | None, dict[str, Part]]:
    """Return the previous manifest, and its parts with those of an interrupted export."""
    found = manifest.read(store, day)
    parts = {part.path: part for part in found.parts} if found else {}
    if cut := manifest.unfinished(store, day):
        parts |= {part.path: part for part in cut.parts}
    return found, parts


def _ticks(day: date, symbol: str, key: str | None, records: int) -> Wanted:
    return Wanted(
        path=manifest.ticks_path(day, symbol),
        what="ticks",
        symbol=symbol,
        width=None,
        key=key,
        records=records,
    )


def _epoch(us: int) -> str:
    seconds, rest = divmod(abs(us), 1_000_000)
    return f"{'-' if us < 0 else ''}{seconds}.{rest:06d}"
