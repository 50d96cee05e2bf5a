"""Bars to compute features of, in PostgreSQL and the very same in DuckDB."""

import random
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import psycopg

from thor import database, schema
from thor.domain.calendar import compute
from thor.lake import texts

Link = psycopg.Connection[Any]
WIDTHS = {"1m": timedelta(minutes=1), "5m": timedelta(minutes=5), "1h": timedelta(hours=1)}
FAMILIES = sorted(
    file.path.split("_", 2)[-1].removesuffix(".sql")
    for file in schema.files("plain")
    if "51" <= file.path.removeprefix("50_features/")[:2] < "56"
)
# Monday 4 March to Wednesday 13 March 2024: the clocks of Chicago change on Sunday the 10th.
MADE_FROM = datetime(2024, 3, 4, 23, tzinfo=UTC)
TOLERANCE = 1e-9
_TICK = Decimal("0.25")


def made_bars(seed: int, symbol: str, width: str, bars: int) -> Iterator[tuple[Any, ...]]:
    """Yield bars of a walk: with gaps, equal prices, bars without volume, and closed weekends."""
    rng = random.Random(f"{seed} {symbol} {width}")
    ts, close = MADE_FROM, Decimal(4000 + rng.randrange(1000))
    for _ in range(bars):
        ts += WIDTHS[width] * (1 if rng.random() < 0.97 else rng.randrange(2, 90))
        if ts.weekday() == 5:
            ts += timedelta(days=1, hours=23)
        opened = close + _TICK * rng.choice((-1, 0, 0, 0, 1))
        close = opened + _TICK * round(rng.gauss(0, 4))
        high = max(opened, close) + _TICK * rng.choice((0, 0, 1, 3))
        low = min(opened, close) - _TICK * rng.choice((0, 0, 1, 3))
        volume = rng.choice((0, None, *range(1, 40)))
        yield symbol, width, ts, opened, high, low, close, volume


def put_bars(link: Link, rows: Iterator[tuple[Any, ...]]) -> None:
    """Write bars where a vendor's are."""
    link.execute(
        "insert into market.bar_files (file, sha256, file_name, format, records, symbols, widths,"
        " first_bar, last_bar) values ('BARS:00000000', repeat('0', 64), 'made', 'csv', 1, '{}',"
        " '{}', '2024-01-01Z', '2024-01-01Z') on conflict do nothing"
    )
    names = "symbol, width, bar_start, open, high, low, close, volume, file"
    with link.cursor().copy(f"copy market.bars_imported ({names}) from stdin") as copy:
        for row in rows:
            copy.write_row((*row, "BARS:00000000"))


def put_sessions(link: Link, calendars: tuple[str, ...]) -> None:
    """Write the sessions of the year that the bars are made in."""
    with link.cursor() as cursor:
        for calendar in calendars:
            rows = compute(calendar, date(2024, 1, 1), date(2024, 12, 31))
            statement = database.statement("upsert_session").encode()
            cursor.executemany(statement, [msgspec.structs.asdict(row) for row in rows])


def into_duckdb(link: Link, to: duckdb.DuckDBPyConnection, query: str, table: str) -> None:
    """Make a table of what a query of PostgreSQL gives, value for value."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.csv"
        with link.cursor() as cursor, file.open("wb") as written:
            cursor.execute(f"select * from ({query}) as q limit 0".encode())
            types = {c.name: _TYPES[c.type_code] for c in cursor.description or ()}
            with cursor.copy(f"copy ({query}) to stdout (format csv, header)".encode()) as copy:
                for part in copy:
                    written.write(part)
        to.execute(
            f"create or replace table {table} as select * from read_csv(?, header = true, "
            "columns = ?, nullstr = '', allow_quoted_nulls = false)",
            [str(file), types],
        )


SCHEMAS = "set timezone = 'UTC'; create schema reference; create schema market; create schema feat"
REFERENCE = {
    "series": "symbol, root",
    "instruments": "symbol, calendar, quote_increment",
    "sessions": "calendar, trade_date, session_number, open_at, close_at, regular_open_at, "
    "regular_close_at, is_early_close",
}
_TYPES = {
    16: "boolean", 20: "bigint", 21: "smallint", 23: "integer", 25: "varchar", 701: "double",
    1082: "date", 1184: "timestamptz", 1700: "decimal(18, 8)",
}  # fmt: skip


def engine(link: Link, where: str = "true") -> duckdb.DuckDBPyConnection:
    """Return a DuckDB that holds the bars of a database, with every feature made over them."""
    lake = duckdb.connect()
    lake.execute(SCHEMAS)
    for table, names in REFERENCE.items():
        into_duckdb(link, lake, f"select {names} from reference.{table}", f"reference.{table}")
    for width in WIDTHS:
        into_duckdb(
            link, lake, f"select * from market.bars_{width} where {where}", f"market.bars_{width}"
        )
    for statement in texts.features():
        lake.execute(statement)
    return lake


def differences(lake: duckdb.DuckDBPyConnection, one: str, other: str) -> list[tuple[Any, ...]]:
    """Return where two relations of a family differ by more than the tolerance, by name.

    The tolerance is of the value, or of the feature's usual size where that is more: what
    passes through 0 is a difference of such sizes.
    """
    for made, asked in (("left_rows", one), ("right_rows", other)):
        lake.execute(f"create or replace temp table {made} as select * from {asked}")
    names = [row[0] for row in lake.execute("describe left_rows").fetchall()]
    keys, found = ("symbol", "bar_start", "known_at"), []
    for name in [name for name in names if name not in keys]:
        found += lake.execute(
            f"""
            with usual as (select avg(abs({name})) as size from left_rows)
            select '{name}', symbol, bar_start::varchar, a.{name}, b.{name}
            from left_rows as a full join right_rows as b using (symbol, bar_start)
            cross join usual
            where
                a.known_at is distinct from b.known_at
                or (a.{name} is null) <> (b.{name} is null)
                or abs(a.{name} - b.{name})
                > {TOLERANCE} * greatest(abs(a.{name}), abs(b.{name}), usual.size)
            limit 3
            """
        ).fetchall()
    return found
