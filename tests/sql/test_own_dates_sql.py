"""A stock's trade date is New York's own, until its last trade at 20:00 on a Friday."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from command import Command
from lake_database import AFTER, out
from roles_made import as_role
from ticks_made import rows, tick, value

from thor import lake
from thor.domain.calendar import compute
from thor.flow.import_bars import import_bars
from thor.lake import manifest
from thor.lake.export import coverage
from thor.lake.export.verify import verify
from thor.lake.store import Store
from thor.learning import feature_store
from thor.market.bars import refresh
from thor.market.collect.files.bar_tape import open_bars
from thor.market.ticks.batch import EntryTicks
from thor.market.ticks.writer import TickWriter

pytestmark = pytest.mark.editions("plain", "timescale")

Link = psycopg.Connection[Any]

FRIDAY, MONDAY = date(2024, 3, 8), date(2024, 3, 11)
# In New York 15:59, 17:30, 18:30 and 19:59 of Friday, 04:00 of Monday (in summer time): the
# exchange's day of futures turns at 18:00 there.
TIMES = [
    datetime(2024, 3, 8, 20, 59, tzinfo=UTC), datetime(2024, 3, 8, 22, 30, tzinfo=UTC),
    datetime(2024, 3, 8, 23, 30, tzinfo=UTC), datetime(2024, 3, 9, 0, 59, tzinfo=UTC),
    datetime(2024, 3, 11, 8, 0, tzinfo=UTC),
]  # fmt: skip
PRICES = ["100", "101", "103", "102", "110"]


@pytest.fixture
def tape(connection: Link) -> Link:
    """Five trades of a stock of ten shares each, and of ES at the same times."""
    connection.execute(
        "insert into reference.instruments (symbol, name, exchange, asset_class, calendar,"
        " tick_size, quote_increment, multiplier, display_precision)"
        " values ('AAPL', 'Apple', 'NASDAQ', 'equity', 'US_EQUITY', 0.01, 0.01, 1, 2)"
    )
    connection.execute("insert into reference.series values ('AAPL', 'AAPL', 'root')")
    for one in compute("US_EQUITY", date(2024, 3, 7), MONDAY):
        connection.execute(
            "insert into reference.sessions (calendar, trade_date, session_number, open_at,"
            " close_at) values (%s, %s, %s, %s, %s) on conflict do nothing",
            (one.calendar, one.trade_date, one.session_number, one.open_at, one.close_at),
        )
    ticks = [
        tick(
            symbol=symbol, ts=ts, received_at=ts, seq=number, last=Decimal(last), last_size=10,
            volume_delta=10,
        )
        for symbol in ("AAPL", "ES")
        for number, (ts, last) in enumerate(zip(TIMES, PRICES, strict=True), 1)
    ]  # fmt: skip
    TickWriter(connection, "ingest-1").write([EntryTicks("1-0", 1, len(ticks), ticks, [])])
    return connection


def dates(connection: Link, symbol: str) -> list[date]:
    found = rows(
        connection, "select trade_date from bars_1m where symbol = %s order by bar_start", symbol
    )
    return [row["trade_date"] for row in found]


def test_bars_of_friday_evening_are_friday_s_and_no_bar_is_saturday_s(tape: Link) -> None:
    assert dates(tape, "AAPL") == [FRIDAY] * 4 + [MONDAY]
    # Friday's evening is no session of futures: its day turns at 17:00 in Chicago.
    assert dates(tape, "ES") == [FRIDAY] * 2 + [date(2024, 3, 9)] * 2 + [MONDAY]
    for width in ("1s", "5m", "1h"):
        query = f"select distinct trade_date from bars_{width} where symbol = 'AAPL' order by 1"
        assert [row["trade_date"] for row in rows(tape, query)] == [FRIDAY, MONDAY]
    friday, monday = rows(tape, "select * from bars_1d where symbol = 'AAPL' order by bar_start")
    assert (friday["trade_date"], friday["bar_start"]) == (
        FRIDAY, datetime(2024, 3, 7, 23, tzinfo=UTC),
    )  # fmt: skip
    # Midnight in New York: the day's bar is known when no trade can change it.
    assert friday["bar_end"] == datetime(2024, 3, 9, 5, tzinfo=UTC)
    assert friday["known_at"] - friday["bar_end"] == timedelta(seconds=1)
    assert [friday[name] for name in ("open", "high", "low", "close", "volume", "trades")] == [
        100, 103, 100, 102, 40, 4,
    ]  # fmt: skip
    assert (monday["trade_date"], monday["close"], monday["volume"]) == (MONDAY, 110, 10)


def test_a_quote_of_friday_evening_is_of_friday_and_its_day_goes_on(tape: Link) -> None:
    as_of = TIMES[3] + timedelta(seconds=1)
    found = {row["symbol"]: row for row in rows(tape, "select * from quote_metrics(%s)", as_of)}
    stock = found["AAPL"]
    assert (stock["trade_date"], stock["open"], stock["high"], stock["volume"]) == (
        FRIDAY, 100, 103, 40,
    )  # fmt: skip
    assert (found["ES"]["trade_date"], found["ES"]["open"]) == (date(2024, 3, 9), 103)
    # Monday's change is counted from Friday's last trade, at 19:59.
    as_of = TIMES[4] + timedelta(seconds=1)
    found = {row["symbol"]: row for row in rows(tape, "select * from quote_metrics(%s)", as_of)}
    assert (found["AAPL"]["basis"], found["AAPL"]["basis_date"]) == (102, FRIDAY)
    assert found["AAPL"]["volume"] == 10
    for day in (FRIDAY, MONDAY):
        kept = "select * from last_values where symbol = 'AAPL' and trade_date = %s"
        assert rows(tape, kept, day) == rows(tape, "select * from last_values_of('aapl', %s)", day)


def test_a_session_s_features_go_on_through_the_evening(tape: Link) -> None:
    whole = (
        "select bar_start, volume_session, return_session from feat.session('1m', '{AAPL}', %s, %s)"
    )
    found = rows(tape, f"{whole} order by bar_start", None, None)
    assert [row["volume_session"] for row in found] == [10, 20, 30, 40, 10]
    assert found[3]["return_session"] == pytest.approx(102 / 100 - 1)
    # The same where the evening alone is asked for.
    evening = rows(tape, f"{whole} order by bar_start", TIMES[2], TIMES[4])
    assert evening == found[2:4]
    prior = "select trade_date, high, low, close from feat._prior_sessions('{AAPL}', %s, %s)"
    assert rows(tape, prior, TIMES[2], TIMES[4] + timedelta(hours=1)) == [
        {"trade_date": MONDAY, "high": 103, "low": 100, "close": 102}
    ]


def test_imported_minutes_of_friday_evening_make_friday_s_day(tape: Link, tmp_path: Path) -> None:
    path = tmp_path / "minutes.csv"
    # 09:30 and 19:59 of Friday in New York, and 04:00 of Monday.
    path.write_text(
        "symbol,ts,interval,open,high,low,close,volume\n"
        "MSFT,2024-03-08T14:30:00Z,1m,400,402,399,401,10\n"
        "MSFT,2024-03-09T00:59:00Z,1m,401,405,401,404,20\n"
        "MSFT,2024-03-11T08:00:00Z,1m,406,407,406,407,30\n"
    )
    tape.execute(
        "insert into reference.instruments (symbol, name, exchange, asset_class, calendar,"
        " tick_size, quote_increment, multiplier, display_precision)"
        " values ('MSFT', 'Microsoft', 'NASDAQ', 'equity', 'US_EQUITY', 0.01, 0.01, 1, 2)"
    )
    tape.execute("insert into reference.series values ('MSFT', 'MSFT', 'root')")
    import_bars(tape, open_bars(path))
    days = "select trade_date, open, high, close, volume, is_imported from bars_1d"
    assert [
        tuple(row.values()) for row in rows(tape, f"{days} where symbol = 'MSFT' order by 1")
    ] == [(FRIDAY, 400, 405, 404, 30, True), (MONDAY, 406, 407, 407, 30, True)]


def test_the_lake_has_a_stock_s_ticks_by_their_folder_and_its_day_when_it_has_ended(
    tape: Link, tmp_path: Path, database_url: str
) -> None:
    refresh.catch_up(tape)
    feature_store.catch_up(tape, rows_max=10**12)
    store = Store(str(tmp_path / "lake"))
    saturday = date(2024, 3, 9)
    # 17:01 in Chicago: the stock's Friday goes on.
    evening = datetime(2024, 3, 8, 23, 1, tzinfo=UTC)
    assert out(database_url, store, FRIDAY, now=evening)[0].failed == []
    path = manifest.bars_path(FRIDAY, "AAPL", "1d")
    found = manifest.read(store, FRIDAY)
    assert found is not None
    assert path not in {part.path for part in found.parts}
    assert coverage.missing(tape, store, evening) == []
    # 23:02 in Chicago: its day has ended, and with it Saturday's folder has yet to close.
    night = datetime(2024, 3, 9, 5, 2, tzinfo=UTC)
    assert coverage.missing(tape, store, night) == [FRIDAY]
    assert out(database_url, store, FRIDAY, now=night)[0].failed == []
    assert coverage.missing(tape, store, night) == []
    assert [
        one.ticks for one in out(database_url, store, saturday, MONDAY, what=manifest.KINDS)
    ] == [4, 2, 0]
    assert coverage.missing(tape, store, AFTER) == []
    for day in (FRIDAY, saturday, MONDAY):
        assert [one for one in verify(tape, store, day) if not one.is_good] == []
    columns = "symbol, trade_date, bar_start, bar_end, known_at, high, ticks"
    for of in ("stored", "ticks"):
        with lake.connect(store.url, bars=of) as duck:
            for width in ("1s", "1m", "5m", "1h", "1d"):
                asked = f"select {columns} from bars_{width} order by symbol, bar_start"
                assert duck.execute(asked).fetchall() == tape.execute(asked.encode()).fetchall()

    # A tick of the evening that comes after the export is filed under Saturday, and changes Friday.
    late = tick(symbol="AAPL", ts=TIMES[2] + timedelta(minutes=1), seq=9, last=Decimal(200))
    TickWriter(tape, "ingest-1").write([EntryTicks("100-0", 100, 1, [late], [])])
    refresh.catch_up(tape)
    feature_store.catch_up(tape, rows_max=10**12)
    assert coverage.missing(tape, store, AFTER) == [FRIDAY, saturday]
    assert [one.failed for one in out(database_url, store, FRIDAY, saturday)] == [[], []]
    assert coverage.missing(tape, store, AFTER) == []
    assert [one for one in verify(tape, store, FRIDAY) if not one.is_good] == []


def test_a_stock_that_had_the_calendar_of_futures_gets_its_own_days_by_one_command(
    tape: Link, tmp_path: Path, database_url: str
) -> None:
    everything = (
        "select * from last_values where symbol = 'AAPL' order by trade_date",
        "select symbol, width, bar_start, open, high, low, close, volume, made_of"
        " from bars_imported order by width, bar_start",
    )
    path = tmp_path / "minutes.csv"
    # 17:30 and 19:59 of Friday in New York, of a week before.
    path.write_text(
        "symbol,ts,interval,open,high,low,close,volume\n"
        "AAPL,2024-03-01T22:30:00Z,1m,90,92,89,91,10\n"
        "AAPL,2024-03-02T00:59:00Z,1m,91,95,91,94,20\n"
    )
    import_bars(tape, open_bars(path))
    expected = [rows(tape, one) for one in everything]
    refresh.catch_up(tape)
    feature_store.catch_up(tape, rows_max=10**12)
    # As they were while it had the hours of ES: Friday's evening is Saturday's.
    tape.execute("update reference.instruments set calendar = 'CME_EQUITY' where symbol = 'AAPL'")
    tape.execute("delete from last_values where symbol = 'AAPL'")
    for day in (FRIDAY, date(2024, 3, 9), MONDAY):
        tape.execute("insert into last_values select * from last_values_of('AAPL', %s)", (day,))
    tape.execute("delete from bars_imported where width = '1d'")
    tape.execute(
        "insert into bars_imported (symbol, width, bar_start, open, high, low, close, volume,"
        " file, made_of) select 'AAPL', '1d', d, 90, 95, 89, 94, 10, f.file, '1h' from bar_files"
        " as f, unnest('{2024-02-29 23:00Z, 2024-03-01 23:00Z}'::timestamptz[]) as d"
    )
    assert [rows(tape, one) for one in everything] != expected
    thor = Command(tmp_path, THOR_DATABASE_URL=as_role(database_url))
    done = thor.run("instruments", "add", "AAPL", "--calendar", "US_EQUITY")
    assert (done.code, done.err) == (0, "")
    assert [rows(tape, one) for one in everything] == expected
    # The families that count by the trade date.
    stale = "select distinct family from store.features_to_refresh where symbol = 'AAPL'"
    noted = {row["family"] for row in rows(tape, f"{stale} and reason = 'calendar'")}
    assert noted == {"context", "session", "cross_asset"}
    assert expected[1][0]["bar_start"] == datetime(2024, 2, 29, 23, tzinfo=UTC)
    # And once more, of what is right already.
    assert thor.run("instruments", "add", "AAPL", "--calendar", "US_EQUITY").code == 0
    assert [rows(tape, one) for one in everything] == expected


def test_a_vendor_s_day_of_a_stock_meets_the_computed_one(tape: Link) -> None:
    tape.execute(
        "insert into market.bar_files values ('BARS:00000000', %s, 'day', 'csv', null, 1,"
        " '{AAPL}', '{1d}', now(), now(), now())",
        ("0" * 64,),
    )
    tape.execute(
        "insert into market.bars_imported (symbol, width, bar_start, open, high, low, close,"
        " volume, trades, file) values ('AAPL', '1d', '2024-03-07 23:00Z', 99, 104, 98, 102, 90000,"
        " 900, 'BARS:00000000')"
    )
    found = rows(tape, "select * from bars_1d where symbol = 'AAPL' order by bar_start")
    assert [(row["trade_date"], row["is_imported"], row["high"]) for row in found] == [
        (FRIDAY, True, 104), (MONDAY, False, 110),
    ]  # fmt: skip
    assert found[0]["bar_end"] == datetime(2024, 3, 9, 5, tzinfo=UTC)
    assert value(tape, "select count(*) from bars_compared('1d', 'AAPL', null, null)") == 6
