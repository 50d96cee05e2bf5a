"""Real days end to end: every file whole, exact to the last digit, and only once."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pa_parquet
import pytest
import redis
from ticks_made import MONTHS, account, rejected, rows, take_in, value

from thor.domain.instrument import Instrument
from thor.errors import NotFound, Refused, Rejected
from thor.flow.replay import admit, replay
from thor.market.bus.client import Bus
from thor.reference import instruments
from thor.runtime import Stop
from thor.services.running import Endpoints

pytestmark = pytest.mark.editions("plain", "timescale")

Link = psycopg.Connection[Any]

BAC = Instrument(
    symbol="BAC", name="Bank of America", exchange="NYSE", asset_class="equity",
    calendar="CME_EQUITY", tick_size=Decimal("0.01"), quote_increment=Decimal("0.01"),
    multiplier=Decimal(1), display_precision=2,
)  # fmt: skip
# Rows as the folder's own README counts them.
TICKS = {
    "es_esh4_20231225_l1": 28_397,
    "es_esu4_20240701_mbp1": 2_288,
    "es_esm8_20180507_trade_prices": 74_907,
    "es_esh2_20220124_tbt": 2_026,
    "es_esz3_201310_minute_quotes": 6_949,
    "gc_20131007_08": 95_159,
    "bac_20131008_nbbo_equity": 403_794,
}
DBN, MBO = "esu4-glbx-mdp3-20240701T2358.mbp-1", "esh4-glbx-mdp3-20231225.mbo"
ALL = sum(TICKS.values())
GRID = {"ES": 4, "GC": 10, "BAC": 100}


@dataclass
class Market:
    """A database into which every file was replayed, and the source that each became."""

    database_url: str
    redis_url: str
    data: Path
    link: Link
    bus: Bus
    sources: dict[str, str]

    def play(self, path: Path, **given: Any) -> tuple[str, bool, int]:
        """Replay a file as fast as it goes and take it in; its source, whether new, how many."""
        tape, is_new = admit(self.link, path, **{"as_root": None, "overlap": False, **given})
        published = replay(tape, self.bus, self.link, None, Stop())
        take_in(self.redis_url, self.database_url)
        self.bus.trim()
        return tape.source, is_new, published

    def file(self, name: str) -> Path:
        """Return the path of one of the files of ticks."""
        return self.data / "ticks" / f"{name}.parquet"


@pytest.fixture(scope="module")
def market(data: Path, endpoints: Endpoints, kept_url: str) -> Iterator[Market]:
    """Every file of ticks, replayed once."""
    with redis.Redis.from_url(endpoints.redis_url) as client:
        client.flushdb()
        bus = Bus(endpoints.redis_url, keep_s=0)
        with psycopg.connect(kept_url, autocommit=True) as link:
            instruments.add_instrument(link, BAC)
            made = Market(kept_url, endpoints.redis_url, data, link, bus, {})
            for file, count in TICKS.items():
                source, is_new, published = made.play(made.file(file))
                assert (is_new, published) == (True, count)
                made.sources[file] = source
            yield made
        bus.close()
        client.flushdb()


def test_every_record_of_every_file_is_a_row_and_none_is_refused(market: Market) -> None:
    found = rows(market.link, "select source, count(*) as n from market.ticks group by source")
    assert {row["source"]: row["n"] for row in found} == {
        market.sources[name]: count for name, count in TICKS.items()
    }
    assert account(market.link)[:2] == (ALL, ALL)
    assert rejected(market.link) == []


def test_each_row_stands_under_its_series_with_its_month(market: Market) -> None:
    found = rows(market.link, "select distinct symbol, contract from market.ticks")
    gold = {
        "GCZ13",
        "GCG14",
        "GCV13",
        "GCX13",
        "GCM14",
        "GCZ14",
        "GCJ14",
        "GCV14",
        "GCQ14",
        "GCZ15",
        "GCM15",
    }
    months = {"ESH24", "ESU24", "ESM18", "ESH22", "ESZ13"} | gold
    assert {(row["symbol"], row["contract"]) for row in found} == {
        ("BAC", None), *((month, month) for month in months),
    }  # fmt: skip
    zero = "select count(*) from market.ticks where symbol like 'GC%%' and last_size = 0"
    assert value(market.link, zero) == 247


_QUOTED = ("contract", "last", "bid", "ask", "last_size", "bid_size", "ask_size", "volume")


def test_every_quote_equals_the_bus_own_field_by_field(market: Market) -> None:
    found = {row["symbol"]: row for row in rows(market.link, "select * from quotes")}
    latest = market.bus.latest(list(found))
    assert len(found) == 17
    assert latest.keys() == found.keys()
    for symbol, fields in latest.items():
        quote = found[symbol]
        for name in (*_QUOTED, "source", "seq"):
            reported = quote[name]
            assert (None if reported is None else type(reported)(fields[name])) == reported, (
                symbol,
                name,
            )
            assert (reported is None) == (name not in fields), (symbol, name)
        for name in ("ts", "received_at"):
            assert datetime.fromisoformat(fields[name]) == quote[name], (symbol, name)


_BY_A_WHOLE_SCAN = """
select t.symbol, max(t.ts) as ts,
    (array_agg(t.last order by t.ts desc, t.seq desc) filter (where t.last is not null))[1] as last,
    (array_agg(t.bid order by t.ts desc, t.seq desc) filter (where t.bid is not null))[1] as bid,
    (array_agg(t.ask_size order by t.ts desc, t.seq desc)
        filter (where t.ask_size is not null))[1] as ask_size,
    (array_agg(t.last_size order by t.ts desc, t.seq desc)
        filter (where t.last_size is not null))[1] as last_size,
    (array_agg(t.contract order by t.ts desc, t.seq desc)
        filter (where t.contract is not null))[1] as contract
from market.ticks as t where t.ts <= %s group by t.symbol order by t.symbol
"""


@pytest.mark.parametrize(
    "as_of",
    [
        # Before the first tick; within each file; on a tick that shares its time with others;
        # between two days of gold; after all.
        "2013-10-06 00:00:00Z", "2013-10-07 00:00:10Z", "2013-10-07 22:30:00Z",
        "2013-10-08 14:00:00Z", "2013-10-08 19:59:59.5Z", "2018-05-07 13:31:07Z",
        "2022-01-24 13:30:30Z", "2023-12-25 23:00:00Z", "2024-07-02 00:00:00Z",
        "2024-07-03 00:00:00Z",
    ],
)  # fmt: skip
def test_a_quote_as_of_a_moment_is_what_a_scan_of_all_ticks_gives(
    market: Market, as_of: str
) -> None:
    wanted = rows(market.link, _BY_A_WHOLE_SCAN, as_of)
    found = rows(
        market.link,
        "select symbol, ts, last, bid, ask_size, last_size, contract"
        " from market.quotes_at(%s) order by symbol",
        as_of,
    )
    assert found == wanted


def exact_sum(table: pa.Table, price: str, size: str, grid: int) -> Decimal | None:
    """Return the sum of price × size in integers of the grid, without a float in it."""
    lines = pc.cast(pc.round(pc.multiply(table[price], grid)), pa.int64())
    both = pc.multiply(lines, table[size]) if size else lines
    total = pc.sum(both).as_py()
    return None if total is None else Decimal(total) / grid


@pytest.mark.parametrize("name", TICKS)
def test_the_databases_sums_are_the_files_to_the_last_digit(market: Market, name: str) -> None:
    table = pa_parquet.read_table(market.file(name))
    grid = GRID[table["symbol"][0].as_py()]
    found = rows(
        market.link,
        "select sum(last) as last, sum(bid) as bid, sum(ask) as ask,"
        " sum(last * last_size) as last_size, sum(bid * bid_size) as bid_size,"
        " sum(ask * ask_size) as ask_size, count(last) as trades, count(*) filter"
        " (where is_trade) as is_trade, count(side) as sides, min(ts) as first, max(ts) as last_ts,"
        " sum((extract(epoch from ts) * 1000000)::bigint) as times, min(seq) as seq_first,"
        " max(seq) as seq_last, count(volume) as volumes, count(*) filter"
        " (where received_at <> ts) as received from market.ticks where source = %s",
        market.sources[name],
    )[0]
    for price in ("last", "bid", "ask"):
        assert found[price] == exact_sum(table, price, "", grid)
        assert found[f"{price}_size"] == exact_sum(table, price, f"{price}_size", grid)
    prints = pc.sum(pc.equal(table["kind"], "trade")).as_py()
    assert found["trades"] == found["is_trade"] == prints
    assert found["sides"] == table.num_rows - table["side"].null_count
    ts = pc.cast(table["ts"], pa.int64()).to_pylist()
    assert found["times"] == sum(ts)
    assert [found["first"], found["last_ts"]] == [
        datetime.fromtimestamp(us // 10**6, UTC).replace(microsecond=us % 10**6)
        for us in (min(ts), max(ts))
    ]
    assert (found["seq_first"], found["seq_last"]) == (0, table.num_rows - 1)
    # A recording has no clock of its own, and missing values are not made up.
    assert (found["received"], found["volumes"]) == (0, 0)


@pytest.mark.parametrize("name", TICKS)
def test_rows_are_the_files_rows_one_by_one(market: Market, name: str) -> None:
    table = pa_parquet.read_table(market.file(name))
    places = sorted({0, 1, table.num_rows - 1, *range(0, table.num_rows, table.num_rows // 150)})
    grid = GRID[table["symbol"][0].as_py()]
    expected = {}
    for place, row in zip(places, table.take(places).to_pylist(), strict=True):
        prices = [
            None if row[name] is None else Decimal(round(row[name] * grid)) / grid
            for name in ("last", "bid", "ask")
        ]
        sizes = [row[name] for name in ("last_size", "bid_size", "ask_size")]
        contract = MONTHS.get(row["contract"], row["contract"])
        symbol = contract or row["symbol"]
        is_trade = row["kind"] == "trade"
        expected[place] = (
            symbol, row["ts"], contract, *prices, *sizes, row["side"], is_trade, False,
        )  # fmt: skip
    found = market.link.execute(
        "select seq, symbol, ts, contract, last, bid, ask, last_size, bid_size, ask_size, side,"
        " is_trade, is_sampled from market.ticks where source = %s and seq = any (%s)",
        (market.sources[name], places),
    ).fetchall()
    assert {row[0]: row[1:] for row in found} == expected


def test_the_quote_shown_is_the_files_last_word(market: Market) -> None:
    for symbol in ("ESH24", "ESU24", "BAC", "GCZ13"):
        merged = rows(
            market.link,
            "select (array_agg(last order by ts desc, seq desc)"
            " filter (where last is not null))[1] as last,"
            " (array_agg(bid order by ts desc, seq desc) filter (where bid is not null))[1] as bid,"
            " (array_agg(ask order by ts desc, seq desc) filter (where ask is not null))[1] as ask,"
            " max(ts) as ts from market.ticks where symbol = %s",
            symbol,
        )[0]
        shown = market.bus.latest([symbol])[symbol]
        assert {name: Decimal(shown[name]) for name in ("last", "bid", "ask")} == {
            name: merged[name] for name in ("last", "bid", "ask")
        }
        assert datetime.fromisoformat(shown["ts"]) == merged["ts"]


def test_a_second_replay_under_another_name_adds_no_row(market: Market, tmp_path: Path) -> None:
    received, inserted, duplicate, _ = account(market.link)
    # All but the stock's, which is twice as long as the others together.
    again = {name: count for name, count in TICKS.items() if not name.startswith("bac")}
    for name, count in again.items():
        copy = tmp_path / f"another name of {count}.parquet"
        shutil.copy(market.file(name), copy)
        assert market.play(copy) == (market.sources[name], False, count)
    repeated = sum(again.values())
    assert account(market.link) == (received + repeated, inserted, duplicate + repeated, 0)
    assert value(market.link, "select count(*) from market.ticks") == ALL
    names = rows(market.link, "select file_name from reference.tapes")
    assert {row["file_name"] for row in names} == {f"{name}.parquet" for name in TICKS}


def test_a_recording_of_the_same_minutes_is_refused_unless_overlap_is_allowed(
    market: Market,
) -> None:
    path = market.data / "raw" / f"{DBN}.dbn.zst"
    with pytest.raises(Refused) as refused:
        admit(market.link, path, as_root=None, overlap=False)
    parquet = market.sources["es_esu4_20240701_mbp1"]
    assert f"{path.name}: ESU24 has ticks of {parquet}" in str(refused.value)
    source, is_new, published = market.play(path, overlap=True)
    assert (is_new, published) == (True, 2_288)
    # Both have the same minutes: their prints are the same, one by one, and of the quotes all but
    # one, which each of them has for itself.
    prints = (
        "select ts, last, last_size, side from market.ticks"
        " where symbol = 'ESU24' and is_trade and source = %s order by seq"
    )
    recorded, made = (rows(market.link, prints, name) for name in (source, parquet))
    assert recorded == made
    assert len(made) == 120
    quotes = (
        "select ts, bid, ask, bid_size, ask_size from market.ticks"
        " where symbol = 'ESU24' and not is_trade and source = %s"
    )
    both = f"select count(*) from ({quotes} intersect all {quotes}) as q"
    assert value(market.link, both, source, parquet) == 2_167
    assert market.play(path, overlap=True) == (source, False, 2_288)
    count = "select count(*) from market.ticks where source = %s"
    assert value(market.link, count, source) == 2_288
    assert rejected(market.link) == []


def test_an_order_book_is_refused_by_the_name_of_its_schema(market: Market) -> None:
    path = market.data / "raw" / f"{MBO}.dbn.zst"
    with pytest.raises(Rejected, match="mbo") as refused:
        admit(market.link, path, as_root=None, overlap=False)
    assert all(schema in str(refused.value) for schema in ("mbp-1", "tbbo", "trades"))
    assert len(rows(market.link, "select source from reference.tapes")) <= len(TICKS) + 1


@pytest.mark.parametrize(
    "name", ["lean_gc_tick_20131007_trade.zip", "es_sierra_tbt_dom_20220124.txt"]
)
def test_a_file_of_no_known_form_is_refused(market: Market, name: str) -> None:
    with pytest.raises(Rejected, match=name.replace(".", r"\.")):
        admit(market.link, market.data / "raw" / name, as_root=None, overlap=False)


def test_a_stock_is_taken_only_once_it_is_listed(data: Path, connection: Link) -> None:
    path = data / "ticks" / "bac_20131008_nbbo_equity.parquet"
    with pytest.raises(NotFound, match="thor instruments add BAC"):
        admit(connection, path, as_root=None, overlap=False)
    stocks = msgspec.structs.replace(BAC, is_negative_legal=True)
    instruments.add_instrument(connection, stocks)
    tape, _ = admit(connection, path, as_root=None, overlap=False)
    assert (tape.records, sorted(tape.spans)) == (403_794, ["BAC"])


def test_a_single_month_may_be_filed_under_its_root(
    data: Path, connection: Link, database_url: str, redis_url: str
) -> None:
    bus = Bus(redis_url)
    market = Market(database_url, redis_url, data, connection, bus, {})
    # A minute of trading at six hundred times its speed, and once more all out.
    path = market.file("es_esh2_20220124_tbt")
    tape, _ = admit(connection, path, as_root="ES", overlap=False)
    assert replay(tape, bus, connection, 600.0, Stop()) == 2_026
    take_in(redis_url, database_url)
    assert market.play(path, as_root="ES") == (tape.source, False, 2_026)
    bus.close()
    assert account(connection) == (4_052, 2_026, 2_026, 0)
    found = rows(connection, "select distinct symbol, contract from market.ticks")
    assert found == [{"symbol": "ES", "contract": "ESH22"}]
    with pytest.raises(Rejected, match="GC"):
        admit(connection, market.file("gc_20131007_08"), as_root="GC", overlap=False)
