"""Every small file that once showed a fault, with what is right of it, in one database."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
import redis
from ticks_made import account, rejected, rows, take_in, value

from thor import database
from thor.domain.calendar import compute
from thor.errors import NotFound, Rejected
from thor.flow.import_bars import import_bars
from thor.flow.replay import admit, replay
from thor.market.bus.client import Bus
from thor.market.collect.files.bar_tape import open_bars
from thor.reference import instruments
from thor.runtime import Stop
from thor.services.running import Endpoints

Link = psycopg.Connection[Any]
UNUSABLE = "no record has both a symbol and a usable ts; "
# In the order in which they go in: records, and how many of them are refused, or left out of a
# file of bars; or why the whole file is refused.
FILES: dict[str, tuple[int, int] | str] = {
    "51_daily_then_one_tick.csv": (3, 0),
    "40_dst_days.csv": (11, 0),
    "62b_two_days_1m.csv": (10, 0),
    "62_old_tick.csv": (1, 0),
    "50_same_month_two_names_1d.csv": (21, 0),
    "30_cl_through_zero_1m.csv": (297, 0),
    "28_ohlcv_1d_weekend.dbn": (3, 1),
    "53_daily_date_only.csv": "ts: '2024-07-02' is a date without a time; write 2024-07-02T00:00",
    "03b_decimal_comma_quoted.csv": (4, 3),
    "06b_naive.csv": f"{UNUSABLE}row 1: ts: '2024-02-06 15:00:00.1' has no time zone; write Z or",
    "07_epoch_ns.parquet": "column 'ts' is of type int64, bare numbers; write it as timestamps",
    "07e_epoch_mixed.csv": f"{UNUSABLE}row 1: ts: '1707318000' is a bare number; write ISO 8601",
    "10b_float_noise.parquet": (3, 3),
    "11b_leap_24h.csv": (6, 2),
    "12_equal_ts.csv": (6, 0),
    "16_gzipped.csv.gz": "is packed with gzip; unpack it first: `gunzip --keep 16_gzipped.csv.gz`",
    "21_parent_with_spread.dbn": "symbol: ESH4-ESM4 in 21_parent_with_spread.dbn is not listed",
    "26_no_mappings.dbn": f"{UNUSABLE}the file maps no instrument number to a symbol; have the",
    "41_zero_bid_quotes.csv": (4, 2),
    "42_crossed_locked.csv": (3, 0),
    "44_two_names_one_month.csv": (2, 0),
    "45_month_as_symbol.csv": (1, 0),
    "45b_month_as_symbol_unknown.csv": (1, 0),
    "46_esu4.dbn": (1, 0),
}
OF_BARS = {name for name in FILES if name[:2] in {"28", "30", "50", "51", "53"} or "62b" in name}


class Market:
    """A database that has taken in every file, and what each of them gave."""

    def __init__(self, folder: Path, bus: Bus, link: Link, urls: tuple[str, str]) -> None:
        self.folder, self.bus, self.link, self.urls = folder, bus, link, urls
        self.found: dict[str, tuple[int, int] | str] = {}

    def take(self, name: str, **given: Any) -> None:
        path = self.folder / name
        try:
            if name in OF_BARS:
                listed = instruments.instruments(self.link)
                done = import_bars(self.link, open_bars(path, roots=listed))
                self.found[name] = done.records, done.refused + done.left_out
                return
            before = account(self.link)
            tape, _ = admit(self.link, path, **{"as_root": None, "overlap": False, **given})
            replay(tape, self.bus, self.link, None, Stop())
            take_in(*self.urls)
            after = account(self.link)
            self.found[name] = after[0] - before[0], after[3] - before[3]
        except (NotFound, Rejected) as error:
            self.found[name] = str(error)

    def of(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return [tuple(row.values()) for row in rows(self.link, query, *values)]


@pytest.fixture(scope="module")
def market(data: Path, kept_url: str, endpoints: Endpoints) -> Iterator[Market]:
    """That database."""
    with (
        redis.Redis.from_url(endpoints.redis_url) as client,
        psycopg.connect(kept_url, autocommit=True) as link,
    ):
        client.flushdb()
        for session in compute("CME_METALS", date(2023, 5, 1), date(2023, 5, 12)):
            database.rows(link, "upsert_session", msgspec.structs.asdict(session))
        bus = Bus(endpoints.redis_url, keep_s=0)
        found = Market(data / "faults", bus, link, (endpoints.redis_url, kept_url))
        for name in FILES:
            found.take(name)
        yield found
        bus.close()
        client.flushdb()


def test_every_file_is_taken_or_refused_as_is_right(market: Market) -> None:
    assert set(FILES) == {path.name for path in market.folder.iterdir()} - {"README.md"}
    for name, expected in FILES.items():
        if isinstance(expected, str):
            assert expected in str(market.found[name]), name
        else:
            assert market.found[name] == expected, name


def test_the_quarantine_has_each_refused_value_once(market: Market) -> None:
    market.take("10b_float_noise.parquet")
    assert [(row["field"], row["value"]) for row in rejected(market.link)] == [
        ("last", "4900,25"), ("last", "4,900.25"), ("last_size", "1,000"),
        ("last", "2030.1000000000001"), ("last", "2029.4999999999998"),
        ("last", "0.30000000000000004"),
        ("ts", "2016-12-31T23:59:60Z"), ("ts", "2024-02-15T24:00:00Z"),
        ("bid", "0"), ("last", "0"),
    ]  # fmt: skip


def test_one_tick_of_a_day_leaves_the_vendor_s_day(market: Market) -> None:
    days = "select trade_date, volume from bars_1d where symbol = 'RTY' and is_imported order by 1"
    assert market.of(days) == [
        (date(2024, 3, 7), 150_000), (date(2024, 3, 8), 200_000), (date(2024, 3, 11), 180_000),
    ]  # fmt: skip
    # 17:00 in Chicago: 23:00 UTC until 9 March and from 3 November on, 22:00 between.
    dates = "select to_char(trade_date, 'MMDD') from ticks where symbol = 'RTY' order by seq"
    assert " ".join(row[0] for row in market.of(dates)) == (
        "0308 0309 0310 0311 0311 0312 1101 1103 1104 1104 1105"
    )


def test_the_session_before_is_no_tick_of_a_year_before(market: Market) -> None:
    distances = "select prior_close_distance from feat.context('1m', array['GC'], %s, %s)"
    (first, *_) = market.of(distances, "2023-05-10", "2023-05-11")
    # 2020 after 2034.
    assert first == pytest.approx((2020 / 2034 - 1,))
    # Of the day before that there are no bars, only that tick of 2022.
    assert market.of(distances, "2023-05-09", "2023-05-10") == [(None,)] * 5


def test_every_name_of_a_month_is_its_one_series(market: Market) -> None:
    market.take("21_parent_with_spread.dbn", skip_unlisted=True)
    assert market.found["21_parent_with_spread.dbn"] == (2, 0)
    counts = "select symbol, count(*) from ticks where contract is not null group by 1 order by 1"
    assert market.of(counts) == [("ESH24", 4), ("ESM24", 1), ("ESU24", 2)]
    months = "select symbol, count(*) from bars_1d where symbol like 'NQ_%%' group by 1 order by 1"
    assert market.of(months) == [("NQH25", 9), ("NQM25", 12)]
    assert (
        value(market.link, "select count(*) from reference.instruments where symbol ~ 'ES.'") == 0
    )


def test_zero_is_no_price_and_crossed_quotes_count(market: Market) -> None:
    bars = "select low, spread_mean from bars_1m where symbol = 'YM' order by bar_start"
    assert market.of(bars) == [(None, 1), (None, Decimal("-0.33333333"))]
    latest = market.bus.latest(["YM"])["YM"]
    assert (latest["bid"], latest["ask"], latest.get("last")) == ("39000", "39001", None)


def test_what_divides_by_a_price_below_zero_is_null(market: Market) -> None:
    names = "return_1, natr_14, drawdown_60, roc_10, bollinger_width_20, vwap_distance"
    asked = "feat.matrix('1m', array['CL'], '2020-04-20', '2020-04-21')"
    fell = value(
        market.link, "select min(bar_start) from bars_1m where symbol = 'CL' and close <= 0"
    )
    below = market.of(
        f"select {names} from {asked} join bars_1m as b using (symbol, bar_start)"
        " where b.close <= 0"
    )
    assert fell is not None
    assert len(below) > 10
    for row in below:
        assert row[:4] == (None,) * 4
    above = f"select return_1, natr_14, roc_10 from {asked} where bar_start < %s offset 20"
    assert all(None not in row for row in market.of(above, fell))
