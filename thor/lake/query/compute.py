"""Compute features of bars that another database holds, by the same SQL, and pack the rows.

Stage 55, lake. Takes what COPY … TO STDOUT (format csv) sends; gives blocks for COPY … FROM
STDIN (format binary), without a Python object a value.
"""

import io
import struct
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from pyarrow import csv

from thor.errors import Unavailable
from thor.lake.query import sql

_INSTANT = pa.timestamp("us", "UTC")
_BARS = pa.schema(
    [
        ("symbol", pa.string()),
        ("bar_start", _INSTANT),
        ("bar_end", _INSTANT),
        ("known_at", _INSTANT),
        ("trade_date", pa.date32()),
        *((name, pa.float64()) for name in ("open", "high", "low", "close")),
        *((name, pa.int64()) for name in ("volume", "volume_buy", "volume_sell", "trades")),
        ("ticks", pa.int64()),
        *((name, pa.float64()) for name in ("bid_close", "ask_close", "spread_mean", "vwap")),
    ]
)
_TABLES = {
    "market.bars_1m": _BARS,
    "market.bars_5m": _BARS,
    "market.bars_1h": _BARS,
    # Only sessions of the past read it, and those are computed where the bars are.
    "market.bars_1d": _BARS,
    "reference.series": pa.schema([("symbol", pa.string()), ("root", pa.string())]),
    "reference.instruments": pa.schema(
        [("symbol", pa.string()), ("calendar", pa.string()), ("tick_size", pa.float64())]
    ),
    "reference.sessions": pa.schema(
        [
            ("calendar", pa.string()),
            ("trade_date", pa.date32()),
            ("session_number", pa.int32()),
            ("open_at", _INSTANT),
            ("close_at", _INSTANT),
            ("regular_open_at", _INSTANT),
            ("regular_close_at", _INSTANT),
            ("is_early_close", pa.bool_()),
        ]
    ),
}
_PRIOR_SESSIONS = pa.schema(
    [
        ("symbol", pa.string()),
        ("trade_date", pa.date32()),
        ("known_at", _INSTANT),
        *((name, pa.float64()) for name in ("high", "low", "close")),
    ]
)
# No row of these is needed: the family that reads ticks is computed where they are.
_EMPTY = (
    "create table market.bars_1s (symbol varchar, bar_start timestamptz, close double);"
    "create table market.ticks (ts timestamptz, symbol varchar, seq bigint, source varchar,"
    " bid_size integer, ask_size integer)"
)
_OF_TICKS = "microstructure"
_KEYS = ("symbol", "bar_start", "known_at")
# PostgreSQL counts microseconds from 2000, NumPy from 1970.
_EPOCH_US = 946_684_800_000_000
_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TAIL = b"\xff\xff"
_ROWS = 20_000


class Engine:
    """A DuckDB in memory with the features' SQL, over bars that are handed to it."""

    def __init__(self, threads: int) -> None:
        """Begin without bars; use so many threads."""
        self._duck = duckdb.connect(config={"threads": threads})
        self._duck.execute("set timezone = 'UTC'")
        for schema in ("reference", "market", "feat", "store"):
            self._duck.execute(f"create schema {schema}")
        self._duck.execute(_EMPTY)
        for name, schema in _TABLES.items():
            self._fill(name, schema.empty_table())
        for statement in sql.families():
            self._duck.execute(statement)
        self._columns = sql.feature_columns()

    def __enter__(self) -> "Engine":
        """Return itself; it is closed at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of all that it holds."""
        self._duck.close()

    def load(self, name: str, blocks: Iterable[bytes | bytearray]) -> int:
        """Make a table of what a COPY as CSV sends; returns its rows.

        `name` is market.bars_<width>, or a table of reference.
        """
        return self._fill(name, _table(_TABLES[name], blocks))

    def load_of_ticks(self, blocks: Iterable[bytes | bytearray]) -> None:
        """Take the rows of the one family that reads ticks as they were computed elsewhere."""
        names = self._columns[_OF_TICKS]
        schema = pa.schema(
            [
                ("symbol", pa.string()),
                ("bar_start", _INSTANT),
                ("known_at", _INSTANT),
                *((name, pa.float64()) for name in names),
            ]
        )
        self._fill("market.of_ticks", _table(schema, blocks))
        self._duck.execute(
            f"create or replace macro feat.{_OF_TICKS}(of_width, of_symbols, ts_from, ts_to)"
            " as table select * from market.of_ticks"
        )

    def load_prior_sessions(self, blocks: Iterable[bytes | bytearray]) -> None:
        """Take what the session before each trade date came to, computed elsewhere."""
        self._fill("market.prior_sessions", _table(_PRIOR_SESSIONS, blocks))
        self._duck.execute(
            "create or replace macro feat._prior_sessions(of_symbols, ts_from, ts_to)"
            " as table select * from market.prior_sessions"
        )

    def rows(
        self,
        width: str,
        symbols: Sequence[str],
        span: tuple[datetime, datetime],
        families: Collection[str] | None = None,
        without: Sequence[datetime] = (),
    ) -> pa.Table:
        """Return features of the bars of a span: symbol, bar_start, ticks, then each feature.

        Of the families that are named, or of all; by symbol and start; none of bars that begin
        at an instant of `without`. Raises `Unavailable` where memory is not enough.
        """
        chosen = [name for name in self._columns if families is None or name in families]
        asked = "(?, ?, ?, ?)"
        joined = " inner join ".join(
            f"feat.{family}{asked} as f{number}"
            + (f" using ({', '.join(_KEYS)})" if number else "")
            for number, family in enumerate(chosen)
        )
        shown = ", ".join(f'"{name}"' for family in chosen for name in self._columns[family])
        question = (
            f"select f.symbol, f.bar_start, b.ticks, f.* exclude (symbol, bar_start) "
            f"from (select symbol, bar_start, {shown} from {joined}) as f "
            f"inner join market.bars_{width} as b using (symbol, bar_start) "
            "where not list_contains(?::timestamptz[], f.bar_start) "
            "order by f.symbol, f.bar_start"
        )
        values = [*([width, [*symbols], *span] * len(chosen)), [*without]]
        try:
            return self._duck.sql(question, params=values).to_arrow_table()
        except duckdb.OutOfMemoryException as error:
            raise Unavailable(f"features: {str(error).splitlines()[0]}") from error

    def forget_after(self, moment: datetime) -> None:
        """Let go of every bar that is not known at a moment."""
        for name in ("market.bars_1m", "market.bars_5m", "market.bars_1h"):
            self._duck.execute(f"delete from {name} where known_at > ?", [moment])

    def counted(self, width: str, span: tuple[datetime, datetime]) -> dict[str, int]:
        """Return how many bars of a width begin in a span, by symbol."""
        question = (
            f"select symbol, count(*) from market.bars_{width}"
            " where bar_start >= ? and bar_start < ? group by symbol"
        )
        return dict(self._duck.execute(question, [*span]).fetchall())

    def _fill(self, name: str, table: pa.Table) -> int:
        self._duck.register("handed_over", table)
        self._duck.execute(f"create or replace table {name} as from handed_over")
        self._duck.unregister("handed_over")
        return int(table.num_rows)


def packed(table: pa.Table) -> Iterator[bytes]:
    """Yield a table of `Engine.rows` as COPY BINARY, head and tail left to `framed`."""
    if not table.num_rows:
        return
    symbols = table.column(0).combine_chunks()
    runs = symbols.dictionary_encode() if pa.types.is_string(symbols.type) else symbols
    codes = runs.indices.to_numpy()
    ends = [*(np.flatnonzero(np.diff(codes)) + 1).tolist(), len(codes)]
    first = 0
    for last in ends:
        symbol = runs.dictionary[int(codes[first])].as_py().encode()
        for begin in range(first, last, _ROWS):
            yield _packed(table.slice(begin, min(_ROWS, last - begin)), symbol)
        first = last


def framed(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Yield packed rows as one COPY: its head, the rows, its tail."""
    yield _HEAD
    yield from parts
    yield _TAIL


def _packed(table: pa.Table, symbol: bytes) -> bytes:
    features = table.num_columns - 3
    head = struct.pack(">hi", features + 3, len(symbol)) + symbol
    size = len(head) + 24 + 12 * features
    rows = np.zeros((table.num_rows, size), np.uint8)
    rows[:, : len(head)] = np.frombuffer(head, np.uint8)
    starts = table.column(1).cast(pa.int64()).to_numpy() - _EPOCH_US
    _put(rows, len(head), starts.astype(">i8"))
    _put(rows, len(head) + 12, table.column(2).to_numpy().astype(">i8"))
    is_sent = np.ones(rows.shape, bool)
    at = len(head) + 24
    for number in range(features):
        values = table.column(3 + number).to_numpy()
        is_null = np.isnan(values)
        _put(rows, at, values.astype(">f8"))
        rows[is_null, at : at + 4] = 0xFF
        is_sent[is_null, at + 4 : at + 12] = False
        at += 12
    return rows[is_sent].tobytes()


def _put(rows: "np.ndarray[Any, Any]", at: int, values: "np.ndarray[Any, Any]") -> None:
    rows[:, at : at + 4] = (0, 0, 0, 8)
    rows[:, at + 4 : at + 12] = np.ascontiguousarray(values).view(np.uint8).reshape(-1, 8)


def _table(schema: pa.Schema, blocks: Iterable[bytes | bytearray]) -> pa.Table:
    options = csv.ConvertOptions(
        column_types=schema,
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        true_values=["t"],
        false_values=["f"],
    )
    names = csv.ReadOptions(column_names=schema.names)
    tables = [csv.read_csv(io.BytesIO(block), names, convert_options=options) for block in blocks]
    return pa.concat_tables(tables) if tables else schema.empty_table()
