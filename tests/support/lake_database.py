"""Fill databases for tests of the lake, and read both."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

from thor import database
from thor.database import edition, schema
from thor.database.edition import Edition
from thor.flow.copy_database import bars
from thor.lake.export.export import export
from thor.lake.export.trade_date import Ask, Exported
from thor.lake.store import Store
from thor.learning import feature_store
from thor.market.bars import refresh

# Monday to Wednesday; long over when the tests export them.
MONDAY, TUESDAY, WEDNESDAY = date(2024, 7, 1), date(2024, 7, 2), date(2024, 7, 3)
AFTER = datetime(2024, 7, 20, tzinfo=UTC)
_AFTER = timedelta(microseconds=1)
WIDTHS = ("1s", "1m", "5m", "1h", "1d")

# Each hour of a trade date: ties, quotes without a trade, two sources, a contract or none,
# trades without size or side, and a symbol below zero.
_TICKS = """
insert into market.ticks (
    ts, symbol, seq, source, contract, last, bid, ask, last_size, bid_size, ask_size, side,
    volume, volume_delta, is_trade, is_sampled, received_at, created_at
)
select
    m.ts, s.symbol, k.seq + extract(hour from h.hour)::int * 1000,
    case when k.seq % 5 = 0 then 'EXCEL' else 'SIM' end,
    case when k.seq % 2 = 0 then 'ESU24' end,
    case when k.seq % 4 > 0 then s.price + k.seq * 0.25 end,
    s.price - 0.25, case when k.seq % 3 > 0 then s.price + 0.25 end, k.seq, 3, null,
    (array['B', 'S', null])[1 + k.seq % 3],
    k.seq * 10, case when k.seq % 7 > 0 then k.seq end, k.seq % 4 > 0, k.seq % 5 = 0,
    m.ts + case when k.seq % 6 = 0 then interval '70 seconds' else '5 milliseconds' end,
    timestamptz '2024-07-05 00:00+00' + k.seq * interval '1 microsecond'
from generate_series(
    ($1::date - 1 + time '17:00') at time zone 'America/Chicago',
    ($1::date + time '16:00') at time zone 'America/Chicago', '1 hour'
) as h (hour)
cross join (values ('ES', 5000.0), ('CL', -37.5)) as s (symbol, price)
cross join generate_series(1, $2::int) as k (seq)
cross join lateral (select h.hour + k.seq / 4 * interval '700 milliseconds') as m (ts)
where s.symbol = any($3::text[])
"""


def fill(url: str, *days: date, an_hour: int = 20, symbols: Sequence[str] = ("ES", "CL")) -> None:
    """Write so many ticks an hour of each symbol into trade dates, and make their bars."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = psycopg.RawCursor(connection)
        for day in days:
            cursor.execute(_TICKS.encode(), (day, an_hour, list(symbols)))
            # As the ingestor keeps them.
            connection.execute("delete from market.last_values where trade_date = %s", (day,))
            connection.execute(
                "insert into market.last_values select v.* from unnest(%s::text[]) as s (symbol)"
                " cross join lateral market.last_values_of(s.symbol, %s) as v",
                (list(symbols), day),
            )
            if edition.read(connection).is_timescale:
                span = database.row(connection, "trade_date_span", {"trade_date": day})
                database.rows(connection, "mark_stale", span)
                bars.renew(connection)
        feature_store.catch_up(connection, rows_max=10**12)


def out(url: str, store: Store, *days: date, now: datetime = AFTER, **given: Any) -> list[Exported]:
    """Export trade dates and return what became of each, without the reference data."""
    ask = Ask(**{"days": days, "what": ("ticks", "bars", "features"), **given})
    return list(export(url, store, ask, now))


def one_tick(url: str, ts: datetime, seq: int = 999_999) -> None:
    """Write a late tick of ES."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "insert into market.ticks (ts, symbol, seq, source, last, last_size, is_trade,"
            " is_sampled, received_at) values (%s, 'ES', %s, 'SIM', 5000.25, 1, true, false, %s)",
            (ts, seq, ts),
        )
        if edition.read(connection).is_timescale:
            database.rows(connection, "mark_stale", {"ts_from": ts, "ts_to": ts + _AFTER})
            refresh.catch_up(connection)
        feature_store.catch_up(connection, rows_max=10**12)


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    """Return every file of a folder with its inode and time: equal where none was touched."""
    return {
        str(file.relative_to(folder)): (file.stat().st_ino, file.stat().st_mtime_ns)
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


@contextmanager
def made_databases(server_url: str, edition: Edition) -> Iterator[Callable[[], str]]:
    """Give what makes migrated databases, which are dropped when the block is through."""
    names: list[str] = []

    def made() -> str:
        names.append(f"thor_test_{uuid.uuid4().hex[:12]}")
        with psycopg.connect(server_url, autocommit=True) as server:
            server.execute(f"create database {names[-1]} template template0".encode())
        url = urlunsplit(urlsplit(server_url)._replace(path=f"/{names[-1]}"))
        schema.up(url, requested=edition)
        return url

    try:
        yield made
    finally:
        with psycopg.connect(server_url, autocommit=True) as server:
            for name in names:
                server.execute(f"drop database if exists {name} with (force)".encode())


def everything(url: str, relation: str, order: str) -> list[tuple[Any, ...]]:
    """Return all rows of a relation."""
    with psycopg.connect(url) as connection:
        return connection.execute(f"select * from {relation} order by {order}".encode()).fetchall()
