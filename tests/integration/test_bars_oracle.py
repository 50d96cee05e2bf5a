"""Bars of real days, bar for bar and value for value: against DuckDB, and against the vendors'."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import bars_oracle
import duckdb
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import redis
from bars_written import write_tape
from ticks_made import MONTHS, rejected, rows, take_in, value

from thor.domain.instrument import Instrument
from thor.flow.replay import admit, replay
from thor.market.bars import refresh
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
# Each file with the grid of its prices, in parts of a point.
FILES = {
    "es_esh4_20231225_l1": 4,
    "es_esu4_20240701_mbp1": 4,
    "es_esm8_20180507_trade_prices": 4,
    "es_esh2_20220124_tbt": 4,
    "es_esz3_201310_minute_quotes": 4,
    "gc_20131007_08": 10,
    "bac_20131008_nbbo_equity": 100,
}
# It goes over the bus; the others are written as an ingestor writes them.
WHOLE_ROAD = "es_esh2_20220124_tbt"
PRICES = ("open", "high", "low", "close")


@dataclass
class Market:
    """A database that holds the ticks of every file."""

    link: Link
    folder: Path

    def ticks(self, name: str) -> pa.Table:
        """Return a file's ticks as the oracle takes them."""
        return bars_oracle.of_file(self.folder / "ticks" / f"{name}.parquet", FILES[name])

    def computed(self, symbols: list[str], width: str) -> dict[tuple[str, datetime], Any]:
        """Return Thor's bars that have a trade, as dictionaries, by symbol and start."""
        names = bars_oracle.COLUMNS
        found = (
            dict(zip(names, bar, strict=True))
            for bar in bars_oracle.shown(self.link, width, symbols)
        )
        return {(bar["symbol"], bar["bar_start"]): bar for bar in found if bar["trades"]}

    def vendors(self, name: str, where: str) -> dict[tuple[str, datetime], Any]:
        """Return a vendor's bars by month's key and start, prices to the eighth decimal."""
        query = (
            "select contract, epoch_us(ts) as us, open, high, low, close, volume"
            f" from '{self.folder / 'bars' / name}.parquet' where {where}"
        )
        with duckdb.connect() as engine:
            found = engine.sql(query).to_arrow_table().to_pylist()
        made = {}
        for row in found:
            start = datetime.fromtimestamp(row.pop("us") / 10**6, UTC)
            exact = {price: Decimal(str(row[price])) for price in PRICES}
            code = row.pop("contract")
            made[MONTHS.get(code, code), start] = {**exact, "volume": row["volume"]}
        return made


@pytest.fixture(scope="module")
def market(data: Path, endpoints: Endpoints, kept_url: str) -> Iterator[Market]:
    """Every file of ticks, taken in once, and the bars brought up to them."""
    with redis.Redis.from_url(endpoints.redis_url) as client:
        client.flushdb()
        bus = Bus(endpoints.redis_url, keep_s=0)
        with psycopg.connect(kept_url, autocommit=True) as link:
            instruments.add_instrument(link, BAC)
            for file in FILES:
                tape, _ = admit(
                    link, data / "ticks" / f"{file}.parquet", as_root=None, overlap=False
                )
                if file == WHOLE_ROAD:
                    replay(tape, bus, link, None, Stop())
                    take_in(endpoints.redis_url, kept_url)
                else:
                    write_tape(link, tape)
            refresh.catch_up(link)
            yield Market(link, data)
        bus.close()
        client.flushdb()


@pytest.mark.parametrize("name", FILES)
def test_every_bar_of_every_width_is_the_oracles(market: Market, name: str) -> None:
    ticks = market.ticks(name)
    assert bars_oracle.differences(market.link, ticks, pc.unique(ticks["symbol"]).to_pylist()) == []


def test_all_ticks_of_all_files_are_in_the_bars_of_every_width(market: Market) -> None:
    counts = {name: market.ticks(name).num_rows for name in FILES}
    # As the folder's own README counts them.
    assert sum(counts.values()) == 613_520
    for width in bars_oracle.WIDTHS:
        assert value(market.link, f"select sum(ticks) from bars_{width}") == 613_520
    assert rejected(market.link) == []
    assert value(market.link, "select count(*) from bars_to_refresh") == 0


def test_gold_of_two_days_is_the_vendors_but_for_the_volume_of_last_records(
    market: Market,
) -> None:
    vendors = market.vendors("es_gc_1m_201310_lean", "symbol = 'GC'")
    ours = market.computed(sorted({month for month, _ in vendors}), "1m")
    assert ours.keys() == vendors.keys()
    assert len(ours) == 3_037
    for price in PRICES:
        assert {key: bar[price] for key, bar in ours.items()} == {
            key: bar[price] for key, bar in vendors.items()
        }
    different = {
        key: ours[key]["volume"] - vendors[key]["volume"]
        for key in ours
        if ours[key]["volume"] != vendors[key]["volume"]
    }
    # The vendor's ticks have the last record of a month's UTC day twice, time, price and size
    # alike; the vendor's bars count it once.
    assert different == {
        (month, datetime.fromisoformat(f"2013-10-{minute}:00Z")): size
        for month, minute, size in (
            ("GCG14", "08 18:19", 1), ("GCJ14", "08 17:33", 6), ("GCM14", "07 17:50", 1),
            ("GCM14", "08 17:33", 6), ("GCM15", "08 17:25", 5), ("GCQ14", "07 15:46", 8),
            ("GCV13", "07 21:14", 1), ("GCV13", "08 18:46", 1), ("GCX13", "08 20:51", 1),
            ("GCZ13", "07 23:59", 2), ("GCZ13", "08 23:59", 1), ("GCZ14", "08 17:28", 10),
            ("GCZ15", "07 19:12", 10),
        )
    }  # fmt: skip
    for (month, minute), size in different.items():
        day = minute.replace(hour=0, minute=0)
        last = rows(
            market.link,
            "select ts, last, last_size from ticks where symbol = %s and is_trade"
            " and ts < %s::timestamptz + interval '1 day' order by ts desc, seq desc limit 2",
            month,
            day,
        )
        assert last[0] == last[1]
        assert last[0]["last_size"] == size
        assert last[0]["ts"].replace(second=0, microsecond=0) == minute


def test_a_morning_of_the_e_mini_is_the_vendors_but_for_three_opens(market: Market) -> None:
    vendors = market.vendors("es_5m_2015_2023", "contract = 'ESM8'")
    ours = market.computed(["ESM18"], "5m")
    assert len(ours) == 42
    assert ours.keys() <= vendors.keys()
    for price in PRICES[1:]:
        assert {key: bar[price] for key, bar in ours.items()} == {
            key: vendors[key][price] for key in ours
        }
    different = {
        f"{key[1]:%H:%M}": (bar["open"], vendors[key]["open"])
        for key, bar in ours.items()
        if bar["open"] != vendors[key]["open"]
    }
    assert different == {
        "13:30": (Decimal("2670.50"), Decimal("2670.00")),
        "13:50": (Decimal("2676.50"), Decimal("2676.75")),
        "14:00": (Decimal("2678.75"), Decimal("2679.00")),
    }
    # The vendor's clock is some milliseconds behind: without what traded in the first ten of
    # each bar all its opens are ours.
    later = rows(
        market.link,
        "select distinct on (b.bar_start) b.bar_start, t.last from ticks as t"
        " join bars_5m as b on b.symbol = t.symbol and t.ts < b.bar_end"
        " and t.ts >= b.bar_start + interval '10 ms'"
        " where t.symbol = 'ESM18' and t.is_trade order by b.bar_start, t.ts, t.seq",
    )
    assert {("ESM18", row["bar_start"]): row["last"] for row in later} == {
        key: vendors[key]["open"] for key in ours
    }
    # These ticks have no sizes, and lack some trades that the vendor counted.
    assert {bar["volume"] for bar in ours.values()} == {None}


def test_a_minute_of_the_e_mini_is_the_beginning_of_the_vendors_bar(market: Market) -> None:
    vendors = market.vendors("es_5m_2015_2023", "contract = 'ESH2'")
    ((key, bar),) = market.computed(["ESH22"], "5m").items()
    # 07:30 in Chicago: the ticks are those of its first 61 seconds.
    assert key == ("ESH22", datetime(2022, 1, 24, 13, 30, tzinfo=UTC))
    assert [bar[name] for name in ("open", "high")] == [Decimal("4347.75")] * 2
    assert [vendors[key][name] for name in ("open", "high")] == [Decimal("4347.75")] * 2
    # What came in the other four minutes made it longer, and is not ours to have.
    assert vendors[key]["low"] < bar["low"]
    assert vendors[key]["volume"] > bar["volume"]
    last = value(market.link, "select max(ts) from ticks where symbol = 'ESH22'")
    assert last < datetime(2022, 1, 24, 13, 31, 2, tzinfo=UTC)
