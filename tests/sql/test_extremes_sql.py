"""52 weeks and all known time: what counts, what expires, and which trade is an event."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import psycopg
from ticks_made import rows, tick, value

from thor.domain.sessions import trade_date
from thor.domain.tick import Tick
from thor.market.studies.extremes import Extremes, Kept
from thor.market.ticks.batch import EntryTicks
from thor.market.ticks.writer import TickWriter

Link = psycopg.Connection[Any]

# Monday, 1 July 2024, in regular hours.
TS = datetime(2024, 7, 1, 14, 30, tzinfo=UTC)
DAY = trade_date(TS)
SECOND = timedelta(seconds=1)
DAILY = (
    Path(__file__).resolve().parents[3]
    / "shared/data/bars/daily_2010_2020_es_nq_6e_gc_zc_cl.parquet"
)
_FILE = """insert into market.bar_files
    (file, sha256, file_name, format, records, symbols, widths, first_bar, last_bar, imported_at)
    values (%s, %s, 'days', 'csv', 1, '{ES}', '{1d}', '2000-01-01Z', '2000-01-01Z', now())"""


def days(connection: Link, bars: list[tuple[str, date, str, str]]) -> None:
    """Import daily bars: symbol, trade date, high, low."""
    number = value(connection, "select count(*) from market.bar_files")
    name = f"BARS:{number:08x}"
    connection.execute(_FILE, (name, f"{number:064x}"))
    copying = (
        "copy market.bars_imported (symbol, width, bar_start, open, high, low, close, file)"
        " from stdin"
    )
    with connection.cursor() as cursor, cursor.copy(copying) as copy:
        for symbol, day, high, low in bars:
            start = datetime.combine(day, datetime.min.time(), UTC) - timedelta(hours=1)
            copy.write_row((symbol, "1d", start, low, high, low, high, name))


def traded(connection: Link, *ticks: Tick) -> None:
    """Ingest ticks, each under its own ordinal."""
    for one in ticks:
        first = int(one.ts.timestamp() * 10) * 10_000 + one.seq
        entry = EntryTicks(f"{first}-0", first, 1, [one], [])
        TickWriter(connection, "ingest-1").write([entry])


def at(seconds: int, last: str, **given: Any) -> Tick:
    """A trade of ES so many seconds after the moment."""
    ts = TS + seconds * SECOND
    return tick(seq=given.pop("seq", seconds), ts=ts, last=Decimal(last), **given)


def events(connection: Link) -> list[tuple[Any, ...]]:
    return connection.execute(
        "select trade_date, kind, price, previous, previous_on, at, source, since"
        " from extreme_events order by at, kind"
    ).fetchall()


def test_52_weeks_and_all_time_of_every_real_day_are_those_of_another_engine(
    connection: Link,
) -> None:
    found = duckdb.sql(
        f"select symbol, (ts at time zone 'UTC')::date as day,"
        f" high::decimal(18, 8) as high, low::decimal(18, 8) as low from '{DAILY}'"
    )
    bars = found.fetchall()
    assert len(bars) == 15_124
    for symbol in ("6E", "ZC"):
        connection.execute(
            "insert into reference.instruments (symbol, name, exchange, asset_class, calendar,"
            " tick_size, quote_increment, multiplier, display_precision)"
            " values (%s, %s, 'CME', 'currency', 'CME_FX', 0.00005, 0.00005, 1, 5)",
            (symbol, symbol),
        )
        connection.execute("insert into reference.series values (%s, %s, 'root')", (symbol, symbol))
    days(connection, bars)
    window = {"52w": "and o.day > b.day - interval 1 year", "all": ""}
    for kind, bound in window.items():
        # All time of some days: it only grows.
        some = "" if kind == "52w" else "and epoch(b.day) / 86400 % 60 = 3"
        wanted = duckdb.sql(
            f"select b.symbol, b.day, max(o.high), max_by(o.day, (o.high, o.day)), min(o.low),"
            f" max_by(o.day, (-o.low, o.day)), min(o.day)"
            f" from found b join found o on o.symbol = b.symbol and o.day < b.day {bound}"
            f" where true {some} group by all order by all"
        ).fetchall()
        answers = connection.execute(
            "select b.symbol, b.day, x.high, x.high_on, x.low, x.low_on, x.since"
            " from unnest(%s::text[], %s::date[]) as b (symbol, day)"
            " cross join lateral extremes_before(b.symbol, %s, b.day, 'infinity') as x"
            " order by b.symbol, b.day",
            ([row[0] for row in wanted], [row[1] for row in wanted], kind),
        ).fetchall()
        assert answers == wanted


def test_a_high_of_a_year_ago_no_longer_counts_and_one_of_the_day_after_does(
    connection: Link,
) -> None:
    year_ago = date(2023, 7, 1)
    bars = [("ES", year_ago, "5300", "4900"), ("ES", date(2023, 7, 3), "5200", "4950")]
    days(connection, [*bars, ("ES", date(2024, 6, 28), "5100", "5000")])
    traded(connection, at(1, "5050"))
    (week, whole) = rows(connection, "select * from extremes(%s) order by kind", TS + 2 * SECOND)
    assert (week["kind"], week["high"], week["high_on"], week["low"], week["low_on"]) == (
        "52w", 5200, date(2023, 7, 3), 4950, date(2023, 7, 3),
    )  # fmt: skip
    assert (week["basis"], week["since"], week["as_of"]) == (
        "daily_bars",
        date(2023, 7, 3),
        TS + 2 * SECOND,
    )
    assert (whole["kind"], whole["high"], whole["high_on"], whole["low"], whole["since"]) == (
        "all", 5300, year_ago, 4900, year_ago,
    )  # fmt: skip
    # As of two trade dates later the July of the year before has gone too.
    later = at(2 * 86_400, "5050")
    traded(connection, later)
    found = rows(connection, "select * from extremes(%s) where kind = '52w'", later.ts)
    assert (found[0]["high"], found[0]["low"]) == (5100, 5000)


def test_a_first_tick_has_no_extreme_and_is_no_event(connection: Link) -> None:
    traded(connection, at(1, "5000"), at(2, "6000"), at(3, "4000"))
    assert Extremes().keep(connection, is_all=True) == Kept()
    assert rows(connection, "select * from extremes(%s)", TS + 5 * SECOND) == []
    # On the next date this one is history.
    traded(connection, at(86_400, "6000.25"))
    assert Extremes().keep(connection, is_all=True) == Kept(written=2)
    assert [event[1:5] for event in events(connection)] == [
        ("ALL_TIME_HIGH", Decimal("6000.25"), 6000, DAY),
        ("HIGH_52W", Decimal("6000.25"), 6000, DAY),
    ]


def test_an_event_is_the_first_trade_beyond_and_equal_is_not_beyond(connection: Link) -> None:
    days(
        connection,
        [("ES", date(2022, 1, 4), "5400", "4000"), ("ES", date(2024, 3, 1), "5100", "4900")],
    )
    traded(
        connection, at(1, "5000"), at(2, "5100"), at(3, "5100.25"), at(4, "5200"),
        at(5, "4899.75", source="EXCEL", is_trade=False), at(6, "5400"),
    )  # fmt: skip
    keeper = Extremes()
    assert keeper.keep(connection, is_all=True) == Kept(written=2)
    wanted = [
        (
            DAY,
            "HIGH_52W",
            Decimal("5100.25"),
            5100,
            date(2024, 3, 1),
            TS + 3 * SECOND,
            "SIM",
            date(2024, 3, 1),
        ),
        (
            DAY,
            "LOW_52W",
            Decimal("4899.75"),
            4900,
            date(2024, 3, 1),
            TS + 5 * SECOND,
            "EXCEL",
            date(2024, 3, 1),
        ),
    ]
    assert events(connection) == wanted
    assert keeper.keep(connection, is_all=False) == Kept()


def test_events_are_the_same_after_a_restart_and_follow_what_is_stored(connection: Link) -> None:
    days(connection, [("ES", date(2024, 3, 1), "5100", "4900")])
    traded(connection, at(3, "5100.25"), at(4, "5200"), at(86_400, "5300"))
    keeper = Extremes()
    keeper.keep(connection, is_all=True)
    live = events(connection)
    assert len(live) == 4
    connection.execute("delete from studies.extreme_events")
    Extremes().keep(connection, is_all=True)
    assert events(connection) == live
    # A late tick was the first beyond: the event is its.
    traded(connection, at(2, "5150"))
    assert keeper.keep(connection, is_all=True) == Kept(written=2)
    assert (events(connection)[0][2], events(connection)[0][5]) == (5150, TS + 2 * SECOND)
    # A day that is imported later was higher than all of these.
    days(connection, [("ES", date(2024, 3, 4), "5250", "5000")])
    assert keeper.keep(connection, is_all=False) == Kept(written=2, removed=2)
    assert {(event[0], event[3]) for event in events(connection)} == {
        (DAY + timedelta(days=1), Decimal(5250))
    }
    # The events of a date whose ticks were dropped stand.
    connection.execute(
        "insert into market.dropped_ranges values (%s, %s, %s, 3, 'the lake', now())",
        (DAY + timedelta(days=1), TS + 7 * 3600 * SECOND, TS + 31 * 3600 * SECOND),
    )
    connection.execute("delete from market.ticks")
    assert Extremes().keep(connection, is_all=True) == Kept()
    assert len(events(connection)) == 2
