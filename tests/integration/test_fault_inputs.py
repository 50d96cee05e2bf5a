"""Files with faults that users of such systems have met: what Thor makes of each."""

import gzip
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import databento_dbn
import psycopg
import pyarrow as pa
import pyarrow.parquet as pa_parquet
import pytest
import redis
from ticks_made import (
    account,
    inject,
    many,
    rejected,
    rows,
    settings,
    take_in,
    tick,
    value,
    written,
)

from thor.domain.tick import Tick
from thor.errors import NotFound, Refused, Rejected
from thor.flow.find_rolls import find_rolls
from thor.flow.import_bars import import_bars
from thor.flow.replay import admit, replay
from thor.flow.simulate import _open as open_simulator
from thor.market.bars.rolls import listed as listed_rolls
from thor.market.bus.client import Bus
from thor.market.bus.messages import GROUP, STREAM
from thor.market.collect.files.bar_tape import open_bars
from thor.reference import contracts, instruments
from thor.runtime import Stop

Link = psycopg.Connection[Any]


class Way:
    """The way of a file into the tick store."""

    def __init__(self, folder: Path, bus: Bus, link: Link, urls: tuple[str, str]) -> None:
        self.folder, self.bus, self.link, self.urls = folder, bus, link, urls

    def file(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        return path

    def replay(self, path: Path, **given: Any) -> None:
        """Replay a file and take in all of it."""
        asked = {"as_root": None, "overlap": False, **given}
        tape, _ = admit(self.link, path, **asked)
        replay(tape, self.bus, self.link, None, Stop())
        take_in(*self.urls)

    def csv(self, text: str, **given: Any) -> None:
        self.replay(self.file("a.csv", text), **given)

    def bars(self, text: str, **given: Any) -> None:
        roots = instruments.instruments(self.link)
        import_bars(self.link, open_bars(self.file("b.csv", text), roots=roots), **given)

    def refused(self, path: Path, error: Any = Rejected) -> str:
        """Replay a file that is refused as a whole, and give the reason without its path."""
        with pytest.raises(error) as raised:
            self.replay(path)
        return str(raised.value).removeprefix(f"{path}: ")


@pytest.fixture
def way(tmp_path: Path, bus: Bus, connection: Link, redis_url: str, database_url: str) -> Way:
    """That way, on a fresh database and an empty bus."""
    return Way(tmp_path, bus, connection, (redis_url, database_url))


# Zero


def test_a_zero_price_is_no_price(way: Way) -> None:
    way.csv(
        "symbol,ts,kind,bid,ask,bid_size,ask_size,last,last_size\n"
        "YM,2024-04-02T14:00:00Z,quote,39000,39001,5,5,,\n"
        "YM,2024-04-02T14:00:01Z,quote,0,39001,0,5,,\n"
        "YM,2024-04-02T14:00:02Z,quote,0,0,0,0,,\n"
        "YM,2024-04-02T14:00:03Z,trade,39000,39001,5,5,0,0\n"
        "YM,2024-04-02T14:00:04Z,quote,39000,39001,5,5,0,0\n"
    )
    reported = "select seq, bid, ask, bid_size, ask_size, last from market.ticks order by seq"
    whole, half = Decimal(39000), Decimal(39001)
    assert [tuple(row.values()) for row in rows(way.link, reported)] == [
        (0, whole, half, 5, 5, None),
        (1, None, half, None, 5, None),
        (4, whole, half, 5, 5, None),
    ]
    assert [(row["field"], row["value"], row["reason"]) for row in rejected(way.link)] == [
        ("bid", "0", "0 is no price of YM, whose prices are above 0"),
        ("last", "0", "0 is no price of YM, whose prices are above 0"),
    ]
    (bar,) = rows(way.link, "select low, spread_mean, bid_close from bars_1m")
    assert (bar["low"], bar["spread_mean"], bar["bid_close"]) == (None, 1, whole)
    latest = way.bus.latest(["YM"])["YM"]
    assert (latest["bid"], latest["ask"], latest.get("last")) == ("39000", "39001", None)


def test_crossed_and_locked_quotes_count_as_the_feed_sent_them(way: Way) -> None:
    way.csv(
        "symbol,ts,kind,bid,ask,bid_size,ask_size\n"
        "YMM4,2024-04-03T14:00:00Z,quote,39002,39000,5,5\n"
        "YMM4,2024-04-03T14:00:01Z,quote,39001,39001,5,5\n"
        "YMM4,2024-04-03T14:00:02Z,quote,39000,39001,5,5\n"
    )
    (bar,) = rows(way.link, "select spread_mean from bars_1m")
    # -2, 0 and 1.
    assert bar["spread_mean"] == Decimal("-0.33333333")


def test_a_zero_is_a_price_where_prices_may_be_below_it(way: Way) -> None:
    way.csv("symbol,ts,last\nCL,2020-04-20T18:08:00Z,0\nCL,2020-04-20T18:08:01Z,-0.01\n")
    assert value(way.link, "select array_agg(last order by seq) from ticks") == [
        Decimal(0), Decimal("-0.01"),
    ]  # fmt: skip


def test_an_imported_bar_at_zero_is_refused_by_its_field(way: Way) -> None:
    with pytest.raises(Rejected, match=r"row 1: low: 0 is no price of ES, whose prices are above"):
        way.bars(
            "symbol,ts,interval,open,high,low,close,volume\n"
            "ES,2024-07-02T14:00:00Z,1m,5500,5501,0,5500.5,10\n"
        )


# Months


@pytest.mark.parametrize(
    "text",
    [
        # A month code may stand in symbol, in contract, in one digit, in two or in four.
        "symbol,ts,contract,kind,last,last_size\n"
        "ES,2024-03-05T15:00:00Z,ESH4,trade,5100.25,10\n"
        "ES,2024-03-05T15:00:01Z,ESH24,trade,5100.50,20\n",
        "symbol,ts,last,last_size\n"
        "ESH4,2024-03-05T15:00:00Z,5100.25,10\nESH2024,2024-03-05T15:00:01Z,5100.50,20\n",
        "symbol,ts,contract,last,last_size\n"
        "/ESH24:XCME,2024-03-05T15:00:00Z,,5100.25,10\n"
        "ESH4,2024-03-05T15:00:01Z,ESH24,5100.50,20\n",
    ],
)
def test_all_names_of_one_month_are_one_series(way: Way, text: str) -> None:
    way.csv(text)
    found = rows(way.link, "select symbol, contract, last_size from ticks order by seq")
    assert [tuple(row.values()) for row in found] == [
        ("ESH24", "ESH24", 10), ("ESH24", "ESH24", 20),
    ]  # fmt: skip
    assert value(way.link, "select root from series where symbol = 'ESH24'") == "ES"


def test_one_code_of_two_decades_is_two_series(way: Way) -> None:
    way.csv(
        "symbol,contract,ts,last,last_size\n"
        "ES,ESH4,2014-03-20T15:00:00Z,1860,1\nES,ESH4,2024-03-08T15:00:00Z,5100,1\n"
    )
    found = rows(way.link, "select symbol, last from ticks order by ts")
    assert [tuple(row.values()) for row in found] == [("ESH14", 1860), ("ESH24", 5100)]


def test_a_month_of_a_listed_root_cannot_be_listed_as_an_instrument(way: Way) -> None:
    es = instruments.instruments(way.link)["ES"]
    for code in ("ESU4", "ESU24", "ESU2024"):
        with pytest.raises(Refused, match=f"symbol: {code} is a month of ES, which is listed"):
            instruments.add_instrument(way.link, msgspec_replace(es, symbol=code))


def test_two_names_of_one_month_leave_no_day_out_of_the_continuous_series(way: Way) -> None:
    months = {
        "NQH5": range(3, 8), "NQH25": range(10, 14), "NQM5": [*range(3, 8), *range(10, 15)],
    }  # fmt: skip
    lines = ["symbol,contract,ts,interval,open,high,low,close,volume"]
    for contract, days in months.items():
        for day in days:
            base = 5800 + day + (53 if contract == "NQM5" else 0)
            volume = 1500 if (contract, day) == ("NQM5", 13) else 500 if "M" in contract else 1000
            lines.append(
                f"NQ,{contract},2025-03-{day:02}T00:00:00Z,1d,{base},{base + 10},{base - 10},"
                f"{base + 5},{volume}"
            )
    way.bars("\n".join(lines) + "\n")
    assert value(way.link, "select count(*) from bars_1d where symbol = 'NQH25'") == 9
    instruments.renew_sessions(way.link, date(2024, 1, 1))
    contracts.compute(way.link, "NQ")
    find_rolls(way.link, "NQ", datetime(2025, 4, 1, tzinfo=UTC))
    (first, second) = listed_rolls(way.link, "NQ", "volume")
    assert (first["to_contract"], second["to_contract"]) == ("NQH25", "NQM25")
    assert (second["trade_date"], second["gap"]) == (date(2025, 3, 14), 53)
    days = "select count(distinct trade_date) from continuous_1d where adjustment = 'raw'"
    assert value(way.link, f"{days} and symbol = 'NQ'") == 10


# What is not listed


def dbn(path: Path, *names: str) -> Path:
    """Write a Databento file of trades at 5400.25, one of each instrument."""

    class Interval:
        def __init__(self, number: int) -> None:
            self.start_date, self.end_date = date(2024, 6, 1), date(2024, 7, 1)
            self.symbol = str(number)

    class Mapped:
        def __init__(self, name: str, number: int) -> None:
            self.raw_symbol, self.intervals = name, (Interval(number),)

    any_dbn: Any = databento_dbn
    ns = int(datetime(2024, 6, 6, 16, tzinfo=UTC).timestamp()) * 10**9
    head = any_dbn.Metadata(
        dataset="GLBX.MDP3", start=ns, schema=any_dbn.Schema.TRADES, symbols=["ES.FUT"],
        stype_in=any_dbn.SType.PARENT, stype_out=any_dbn.SType.INSTRUMENT_ID,
        mappings=[Mapped(name, number) for number, name in enumerate(names)],
    )  # fmt: skip
    body = [
        any_dbn.TradeMsg(
            publisher_id=1, instrument_id=number, ts_event=ns, price=5_400_250_000_000, size=1,
            depth=0, action=any_dbn.Action.TRADE, side=any_dbn.Side.BID, ts_recv=ns,
        )
        for number in range(max(len(names), 1))
    ]  # fmt: skip
    path.write_bytes(b"".join(bytes(part) for part in (head, *body)))
    return path


def test_a_spread_beside_months_is_left_out_where_that_is_asked_for(way: Way) -> None:
    path = dbn(way.folder / "parent.dbn", "ESU4", "ESU4-ESZ4", "ESZ4", "ZCN4", "ZSN4")
    assert way.refused(path, NotFound) == (
        "symbol: ESU4-ESZ4, ZC, ZS in parent.dbn are not listed; list them first: `thor "
        "instruments add ESU4-ESZ4 --tick-size … --asset-class … --multiplier …`, or take the "
        "other series with --skip-unlisted"
    )
    way.replay(path, skip_unlisted=True)
    assert value(way.link, "select array_agg(symbol order by seq) from ticks") == [
        "ESU24", "ESZ24",
    ]  # fmt: skip
    assert rejected(way.link) == []
    assert account(way.link) == (2, 2, 0, 0)


# The quarantine


def test_a_second_replay_does_not_double_the_quarantine(way: Way) -> None:
    path = way.folder / "noise.parquet"
    start = datetime(2024, 2, 14, 15, tzinfo=UTC)
    prices = [2030.1000000000001, 2029.4999999999998, 0.30000000000000004]
    table = {
        "symbol": ["GC"] * 3,
        "ts": pa.array([start + timedelta(seconds=n) for n in range(3)], pa.timestamp("us", "UTC")),
        "last": prices,
        "last_size": [1] * 3,
    }
    pa_parquet.write_table(pa.table(table), path)
    way.replay(path)
    before = rejected(way.link)
    assert [row["value"] for row in before] == [
        "2030.1000000000001", "2029.4999999999998", "0.30000000000000004",
    ]  # fmt: skip
    assert account(way.link) == (3, 0, 0, 3)
    way.replay(path)
    assert rejected(way.link) == before
    assert account(way.link) == (6, 0, 3, 3)


def test_the_value_in_the_quarantine_is_the_one_that_was_refused(way: Way) -> None:
    way.csv(
        "symbol,ts,kind,last,last_size,side\n"
        'ES,2024-02-05T15:00:00Z,trade,"4900,25",2,B\n'
        'ES,2024-02-05T15:00:01Z,trade,"4,900.25",2,B\n'
        'ES,2024-02-05T15:00:02Z,trade,4900.25,"1,000",B\n'
        "ES,2024-02-05T15:00:03Z,trade,4900.50,1,B\n"
        "ES,2016-12-31T23:59:60Z,trade,2240.25,1,B\n"
    )
    assert [(row["field"], row["value"]) for row in rejected(way.link)] == [
        ("last", "4900,25"), ("last", "4,900.25"), ("last_size", "1,000"),
        ("ts", "2016-12-31T23:59:60Z"),
    ]  # fmt: skip


# Messages


@pytest.mark.parametrize(
    ("ts", "why"),
    [
        (
            "2024-02-06 15:00:00.1",
            "ts: '2024-02-06 15:00:00.1' has no time zone; write Z or an offset",
        ),
        (
            "1707318000000",
            "ts: '1707318000000' is a bare number; write ISO 8601 times with their zone, "
            "2024-02-07T15:00:00Z say",
        ),
        # A date, a letter and a time to Python, with four digits in 1612.
        ("1612011512345", "ts: '1612011512345' is a bare number; write ISO 8601 times with"),
        ("yesterday", "ts: 'yesterday' is not an ISO 8601 time"),
    ],
)
def test_a_file_without_a_usable_time_is_refused_with_its_first_row(
    way: Way, ts: str, why: str
) -> None:
    path = way.file("times.csv", f"symbol,ts,last,last_size\nES,{ts},4900.25,1\n")
    reported = way.refused(path)
    assert reported.startswith(f"no record has both a symbol and a usable ts; row 1: {why}")


def test_whole_numbers_in_a_column_of_times_are_refused_with_the_cure(way: Way) -> None:
    path = way.folder / "epoch.parquet"
    table = {"symbol": ["ES"], "ts": [1707318000000000000], "last": [4900.25]}
    pa_parquet.write_table(pa.table(table), path)
    assert way.refused(path) == (
        "column 'ts' is of type int64, bare numbers; write it as timestamps with tz UTC, in pandas "
        "pd.to_datetime(df.ts, unit='ns', utc=True) if these are nanoseconds"
    )


def test_a_databento_file_without_names_is_refused_with_the_reason(way: Way) -> None:
    path = dbn(way.folder / "nameless.dbn")
    assert way.refused(path).startswith(
        "no record has both a symbol and a usable ts; the file maps no instrument number to a "
        "symbol; have the vendor write it anew with its symbol mappings"
    )


def test_a_packed_file_is_refused_with_the_command_that_unpacks_it(way: Way) -> None:
    path = way.folder / "ticks.csv.gz"
    path.write_bytes(gzip.compress(b"symbol,ts,last\nES,2024-02-06T15:00:00Z,4900.25\n"))
    assert way.refused(path) == (
        "is packed with gzip; unpack it first: `gunzip --keep ticks.csv.gz`"
    )


def test_a_day_without_a_time_is_refused_with_the_form_of_a_trade_date(way: Way) -> None:
    with pytest.raises(Rejected, match=r"'2024-07-02' is a date without a time; write 2024-07-02T"):
        way.bars(
            "symbol,ts,interval,open,high,low,close,volume\n"
            "ES,2024-07-02,1d,5500,5501,5499,5500.5,10\n"
        )


# What the bus lost


def test_an_entry_deleted_while_pending_is_counted_as_lost_once(
    way: Way, redis_url: str, database_url: str
) -> None:
    client = redis.Redis.from_url(redis_url)
    way.bus.open_group()
    way.bus.publish(many(3, seq=1))
    way.bus.publish(many(4, seq=10))
    way.bus.publish(many(2, seq=20))
    first, *_ = way.bus.read("ingest-1", 2, 0)
    assert client.xdel(STREAM, first.entry_id) == 1
    reported = take_in(redis_url, database_url)
    assert (
        "lost",
        {"ticks": 3, "reason": "deleted from the bus before they were taken"},
    ) in reported
    totals = "select received, inserted, lost from market.ingest_totals"
    assert rows(way.link, totals) == [{"received": 9, "inserted": 6, "lost": 3}]
    assert rejected(way.link) == []
    state = way.bus.state()
    pending = "select pending from market.accounting(%s, %s)"
    assert value(way.link, pending, state.base, state.next) == 0
    take_in(redis_url, database_url)
    assert rows(way.link, totals) == [{"received": 9, "inserted": 6, "lost": 3}]
    assert client.xpending(STREAM, GROUP)["pending"] == 0


def test_what_is_still_to_be_taken_is_never_counted_as_lost(way: Way) -> None:
    way.bus.open_group()
    way.bus.publish(many(3, seq=1))
    way.bus.publish(many(4, seq=10))
    base = way.bus.state().base
    assert way.bus.settled() == (base, base)
    way.bus.read("ingest-1", 1, 0)
    assert way.bus.settled() == (base, base)
    take_in(*way.urls)
    assert way.bus.settled() == (base, base + 7)


# Recorded and simulated


def test_a_tape_does_not_go_into_a_series_that_is_simulated(way: Way) -> None:
    way.bus.publish([tick(seq=1, source="SIM")])
    take_in(*way.urls)
    path = way.file("day.csv", "symbol,ts,last\nES,2024-03-08T15:00:00Z,5150\n")
    assert way.refused(path, Refused) == (
        "day.csv: ES is simulated here, and recorded and simulated ticks never share a series; "
        f"`thor up --tape {path} --speed 10x` plays it in a database of its own"
    )
    # A month is a series of its own, which nothing simulates.
    way.csv("symbol,ts,last\nESH4,2024-03-08T15:00:00Z,5150\n")


def test_the_simulator_feeds_its_own_roots_and_none_that_a_tape_has(way: Way) -> None:
    es = instruments.instruments(way.link)["ES"]
    stock = msgspec_replace(es, symbol="BAC", aliases=(), asset_class="equity")
    instruments.add_instrument(way.link, stock)
    way.csv("symbol,ts,last\nES,2024-03-08T15:00:00Z,5150\n")
    instruments.renew_sessions(way.link, date(2026, 1, 1))
    said: list[str] = []
    market = open_simulator(
        settings(), way.bus, way.urls[1], Stop(), lambda text, _: said.append(text)
    )
    steps = zip(market.simulator.steps(), range(600), strict=False)
    symbols = {one.symbol for step, _ in steps for one in step.ticks}
    assert symbols == {"NQ", "YM", "RTY", "VX", "CL", "SI", "HG", "GC", "DX", "ZB"}
    assert said == ["ES not simulated: a tape was replayed into it; THOR_HOME names another home"]


def msgspec_replace(one: Any, **changed: Any) -> Any:
    import msgspec

    return msgspec.structs.replace(one, **changed)


def test_a_zero_that_a_foreign_publisher_sends_is_refused_at_the_tick_store(
    way: Way, redis_url: str
) -> None:
    client = redis.Redis.from_url(redis_url)
    bad: Tick = tick(seq=2)
    inject(client, f"[{json.dumps(written(bad, last='0'))}]".encode(), 1)
    take_in(*way.urls)
    (kept,) = rejected(way.link)
    assert (kept["field"], kept["value"]) == ("last", "0")
