"""Bars to compute features of, in PostgreSQL and the very same in DuckDB."""

import random
import re
import tempfile
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import msgspec
import psycopg

from thor import database
from thor.database import schema
from thor.domain.calendar import compute
from thor.lake.query import sql
from thor.learning import feature_store

Link = psycopg.Connection[Any]
WIDTHS = {"1m": timedelta(minutes=1), "5m": timedelta(minutes=5), "1h": timedelta(hours=1)}
# A family is a function 510–559, and views fifty numbers on.
FAMILIES = sorted(
    file.path.split("_", 2)[-1].removesuffix(".sql")
    for file in schema.files("plain")
    if re.match(r"50_features/5[1-5]\d_", file.path)
)
# Monday 4 March 2024 on, over Sunday the 10th, when the clocks of Chicago change; where the
# bars are of minutes, what is left of them lies around the other such Sunday, 3 November.
MADE_FROM = datetime(2024, 3, 4, 23, tzinfo=UTC)
TOLERANCE = 1e-9
PRICE = 1000
KEYS = ("symbol", "bar_start", "known_at")
AUTUMN = datetime(2024, 11, 1, 10, tzinfo=UTC)
# A morning with ticks, Monday after the first change.
TICKS_FROM, TICKS_TO = datetime(2024, 3, 11, 9, tzinfo=UTC), datetime(2024, 3, 11, 15, tzinfo=UTC)
_TICK = Decimal("0.25")
_CHICAGO = ZoneInfo("America/Chicago")


def made_bars(seed: int, symbol: str, width: str, bars: int) -> Iterator[tuple[Any, ...]]:
    """Yield bars of a walk: gaps, equal prices, no volume, closed weekends, a roll's jump.

    The symbols of a seed have most of their gaps in common, and a part of their moves.
    """
    rng, shared = random.Random(f"{seed} {symbol} {width}"), random.Random(f"{seed} {width}")
    ts, close = MADE_FROM, Decimal(4000 + rng.randrange(1000))
    number = 0
    while number < bars:
        ts += WIDTHS[width] * (1 if shared.random() < 0.97 else shared.randrange(2, 90))
        if number >= bars * 5 // 6 and ts < AUTUMN and width != "1h":
            ts = AUTUMN
        if ts.weekday() == 5:
            ts += timedelta(days=1, hours=23)
        drift = shared.gauss(0, 3)
        if rng.random() < 0.03:
            continue
        number += 1
        opened = close + _TICK * rng.choice((-1, 0, 0, 0, 1))
        if number == bars // 2:
            opened += 60
        close = opened + _TICK * round(drift + rng.gauss(0, 3))
        high = max(opened, close) + _TICK * rng.choice((0, 0, 1, 3))
        low = min(opened, close) - _TICK * rng.choice((0, 0, 1, 3))
        volume = rng.choice((0, None, *range(1, 40)))
        yield symbol, width, ts, opened, high, low, close, volume


def made_sessions(seed: int, symbol: str, width: str) -> Iterator[tuple[Any, ...]]:
    """Yield bars of the same hour in Chicago, of eight weeks around each change of clocks."""
    rng, close = random.Random(f"{seed} {symbol} {width}"), Decimal(1200)
    for first in (date(2024, 2, 5), date(2024, 9, 23)):
        for day in (first + timedelta(days=n) for n in range(56)):
            at = datetime.combine(day, time(8, 30), _CHICAGO).astimezone(UTC)
            for step in range(timedelta(hours=1) // WIDTHS[width] if day.weekday() < 5 else 0):
                opened, close = close, close + _TICK * round(rng.gauss(0, 3))
                if rng.random() < 0.95:
                    ts, volume = at + step * WIDTHS[width], rng.choice((None, *range(20, 90)))
                    high, low = max(opened, close), min(opened, close)
                    yield symbol, width, ts, opened, high, low, close, volume


def made_ticks(seed: int, symbol: str, price: int) -> Iterator[tuple[Any, ...]]:
    """Yield trades and quotes of `TICKS_FROM` to `TICKS_TO`: ties, and missing sides and sizes."""
    rng, ts, number = random.Random(f"{seed} {symbol}"), TICKS_FROM, 0
    last = Decimal(price)
    while ts < TICKS_TO:
        ts += timedelta(milliseconds=rng.choice((0, 0, 40, 700, 5000, 20000)))
        number += 1
        last += _TICK * rng.choice((-1, 0, 0, 0, 1))
        is_trade = rng.random() < 0.5
        has_sizes = rng.random() < 0.7
        yield (
            *(ts, symbol, number, "SIM", last if is_trade else None),
            *(last - _TICK * rng.choice((0, 1)), last + _TICK * rng.choice((1, 1, 2))),
            *((rng.randrange(0, 9), rng.randrange(0, 9)) if has_sizes else (None, None)),
            *((rng.choice(("B", "S", None)), rng.randrange(1, 9)) if is_trade else (None, None)),
            *(is_trade, False, ts),
        )


def put_ticks(link: Link, rows: Iterable[tuple[Any, ...]]) -> None:
    """Write ticks where a feed's are; their bars are made as they always are."""
    names = (
        "ts, symbol, seq, source, last, bid, ask, bid_size, ask_size, side, volume_delta,"
        " is_trade, is_sampled, received_at"
    )
    with link.cursor().copy(f"copy market.ticks ({names}) from stdin".encode()) as copy:
        for row in rows:
            copy.write_row(row)


def put_market(link: Link, bars: int) -> None:
    """Write all that the tests of every family read: five walks, sessions, a roll and ticks."""
    put_sessions(link, ("CME_EQUITY", "CME_METALS"))
    for width in WIDTHS:
        for symbol in ("ES", "NQ", "YM", "RTY", "GC"):
            put_bars(link, made_bars(5, symbol, width, bars))
        if width != "1h":
            put_bars(link, made_sessions(5, "ZB", width))
    for symbol, price in (("ES", 4500), ("NQ", 4600)):
        put_ticks(link, made_ticks(5, symbol, price))
    link.execute(
        "insert into reference.series (symbol, root, kind) values ('ESM24', 'ES', 'month')"
    )
    link.execute(
        "insert into reference.rolls (root, rule, rolled_at, to_contract)"
        " values ('ES', 'made', '2024-03-08 23:00Z', 'ESM24')"
    )
    put_bars(link, (("ESM24", *row[1:]) for row in made_bars(5, "ES", "1m", 300)))


def put_bars(link: Link, rows: Iterable[tuple[Any, ...]]) -> None:
    """Write bars where a vendor's are."""
    link.execute(
        "insert into market.bar_files (file, sha256, file_name, format, records, symbols, widths,"
        " first_bar, last_bar) values ('BARS:00000000', repeat('0', 64), 'made', 'csv', 1, '{}',"
        " '{}', '2024-01-01Z', '2024-01-01Z') on conflict do nothing"
    )
    names = "symbol, width, bar_start, open, high, low, close, volume, trades, file"
    with link.cursor().copy(f"copy market.bars_imported ({names}) from stdin") as copy:
        for row in rows:
            # Some files have trades, of some bars.
            trades = row[-1] if row[2].minute % 2 else None
            copy.write_row((*row, trades, "BARS:00000000"))


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
    "instruments": "symbol, calendar, tick_size, quote_increment",
    "sessions": "calendar, trade_date, session_number, open_at, close_at, regular_open_at, "
    "regular_close_at, is_early_close",
}
MARKET = {
    **{f"bars_{width}": "*" for width in ("1s", *WIDTHS, "1d")},
    "ticks": "ts, symbol, seq, source, bid_size, ask_size",
}
_TYPES = {
    16: "boolean", 20: "bigint", 21: "smallint", 23: "integer", 25: "varchar", 701: "double",
    1082: "date", 1184: "timestamptz", 1700: "decimal(18, 8)",
}  # fmt: skip


def engine(link: Link) -> duckdb.DuckDBPyConnection:
    """Return a DuckDB that holds the bars of a database, with every feature made over them."""
    lake = duckdb.connect()
    lake.execute(SCHEMAS)
    for table, names in REFERENCE.items():
        into_duckdb(link, lake, f"select {names} from reference.{table}", f"reference.{table}")
    for table, names in MARKET.items():
        into_duckdb(link, lake, f"select {names} from market.{table}", f"market.{table}")
    for statement in sql.features():
        lake.execute(statement)
    return lake


def differences(
    lake: duckdb.DuckDBPyConnection,
    one: str,
    other: str,
    tolerance: float = TOLERANCE,
    points: frozenset[str] = frozenset(),
) -> list[tuple[Any, ...]]:
    """Return where two relations of a family differ by more than the tolerance, by name.

    The tolerance is of the value, or of the feature's usual size where that is more: what
    passes through 0 is a difference of such sizes. Those of what is in points are prices.
    """
    for made, asked in (("left_rows", one), ("right_rows", other)):
        lake.execute(f"create or replace temp table {made} as select * from {asked}")
    names = [row[0] for row in lake.execute("describe left_rows").fetchall()]
    found = []
    for name in [name for name in names if name not in KEYS]:
        found += lake.execute(
            f"""
            with usual as (
                select greatest(avg(abs({name})), {PRICE * (name in points)}) as size
                from left_rows
            )
            select '{name}', symbol, bar_start::varchar, a.{name}, b.{name}
            from left_rows as a full join right_rows as b using (symbol, bar_start)
            cross join usual
            where
                a.known_at is distinct from b.known_at
                or (a.{name} is null) <> (b.{name} is null)
                or abs(a.{name} - b.{name})
                > {tolerance} * greatest(abs(a.{name}), abs(b.{name}), usual.size)
            limit 3
            """
        ).fetchall()
    return found


def altered(
    lake: duckdb.DuckDBPyConnection, when: str, how: str = "changed"
) -> duckdb.DuckDBPyConnection:
    """Return the same lake with other values in the rows of the market that fit, or without them.

    `when` is a condition on `ts`, `bar_start` and `bar_end`; a tick is its own start and end.
    """
    made = duckdb.connect()
    made.execute(SCHEMAS)
    for table in (*(f"reference.{name}" for name in REFERENCE), *(f"market.{n}" for n in MARKET)):
        rows = lake.sql(f"select * from {table}").to_arrow_table()  # noqa: F841
        made.execute(f"create table {table} as from rows")
        if table.startswith("market."):
            fits = when
            if table == "market.ticks":
                fits = when.replace("bar_start", "ts").replace("bar_end", "ts")
            made.execute(
                f"delete from {table} where {fits}"
                if how == "deleted"
                else f"update {table} set {_OTHERS[table != 'market.ticks']} where {fits}"
            )
    for statement in sql.features():
        made.execute(statement)
    return made


_OTHERS = {
    False: "bid_size = coalesce(bid_size, 0) + 3, ask_size = 2 * coalesce(ask_size, 1)",
    True: "open = open * 2, high = high * 3, low = low / 3,"
    " close = close * (1 + (epoch(bar_start) // 60) % 7 / 10),"
    " volume = coalesce(volume, 0) * 3 + 1, volume_buy = coalesce(volume_buy, 1) * 5,"
    " volume_sell = coalesce(volume_sell, 2) * 3, trades = coalesce(trades, 3) + 1,"
    " bid_close = bid_close - 3, ask_close = ask_close + 4, spread_mean = spread_mean + 7,"
    " vwap = vwap + 5",
}


def fill_store(link: Link) -> None:
    """Make the stored rows of every bar, as the keeper of the features does."""
    feature_store.catch_up(link, rows_max=10**12)


def out_of_step(link: Link, first: datetime, last: datetime) -> dict[str, Any]:
    """Return what a whole recomputation would add, change and remove, by width: nothing."""
    found = {}
    for width in WIDTHS:
        with link.transaction(force_rollback=True):
            query = "select * from store.keep_features(%s, null, null, %s, %s, clock_timestamp())"
            done = link.execute(query.encode(), (width, first, last)).fetchone()
        if done != (0, 0, 0):
            found[width] = done
    return found
