"""Features at every size of price: very small, very large, and below zero."""

import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from features_made import differences, engine, into_duckdb, put_bars, put_sessions

Link = psycopg.Connection[Any]
Row = tuple[Any, ...]
START = datetime(2024, 3, 4, 23, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
# From the least to the greatest that a stored price can be: one walk, five sizes.
SIZES = {"GC": "0.00000001", "SI": "0.01", "CL": "1", "DX": "0.00390625", "HG": "100000000"}
# They compare one difference of prices with another: in floats, two that are equal at one size
# differ in their last digit at another, unless the size is one that floats hold exactly.
OF_TIES = {"di_plus_14", "di_minus_14", "adx_14", "rank_60min"}
INEXACT = {"GC", "SI"}
OTHERS = ("ES", "NQ", "YM", "RTY")
# 14 blocks of 256 bars, and a part of one: the carries of the first reach as far as any.
BARS = 3700


@pytest.fixture(scope="module")
def link(kept_url: str) -> Iterator[Link]:
    """A database without a bar."""
    with psycopg.connect(kept_url, autocommit=True) as found:
        yield found


def walk(bars: int, first: int, least: int, seed: str = "") -> list[Row]:
    """Return whole prices of bars, open to close, of a walk that stays at or above the least."""
    rng, close, found = random.Random(f"11 {seed}"), first, []
    for _ in range(bars):
        opened, close = close, max(least, min(90, close + rng.randrange(-3, 4)))
        high, low = max(opened, close) + rng.randrange(2), min(opened, close) - rng.randrange(2)
        found.append((opened, high, max(least, low), close, rng.randrange(1, 50)))
    return found


def bars_of(symbol: str, rows: Iterable[Row], size: str) -> Iterator[Row]:
    """Yield bars of one minute, their prices times the size."""
    for number, (*prices, volume) in enumerate(rows):
        scaled = (Decimal(size) * price for price in prices)
        yield symbol, "1m", START + number * MINUTE, *scaled, volume


def test_features_do_not_depend_on_the_size_of_the_prices(link: Link) -> None:
    for symbol, size in SIZES.items():
        put_bars(link, bars_of(symbol, walk(BARS, 30, 3), size))
    for symbol in OTHERS:
        put_bars(link, bars_of(symbol, walk(BARS, 60, 30, symbol), "1"))
    names = [name for (name,) in link.execute("select name from feat.catalogue where width = '1m'")]
    points = "select name from feat.catalogue where width = '1m' and unit like 'points%'"
    sized = {name for (name,) in link.execute(points)}
    with engine(link) as lake:
        whole = "select * from feat.matrix('1m', null, '-infinity', 'infinity')"
        into_duckdb(link, lake, whole, "theirs")
        assert lake.sql("select count(ema_9) from theirs").fetchall() == [(9 * (BARS - 8),)]
        assert differences(lake, "theirs", "feat.matrix_1m", 1e-9) == []
        for symbol, size in SIZES.items():
            scaled = ", ".join(f"{n} / {size} as {n}" if n in sized else n for n in names)
            keys = "'CL' as symbol, bar_start, known_at"
            lake.execute(
                f"create or replace temp table scaled as"
                f" select {keys}, {scaled} from theirs where symbol = '{symbol}'"
            )
            whole = "(select * from theirs where symbol = 'CL')"
            found = differences(lake, whole, "scaled", 1e-9)
            ties = OF_TIES if symbol in INEXACT else set()
            assert [row for row in found if row[0] not in ties] == [], symbol


# Each divides a price by a price, or a part of a session's range by that range.
RATIOS = (
    "return_1", "return_5", "return_20", "return_15min", "return_60min", "drawdown_60", "roc_10",
    "bollinger_width_20", "natr_14", "prior_close_distance", "prior_high_distance",
    "prior_low_distance", "prior_range_position", "return_session", "drawdown_session",
    "vwap_distance", "vwap_distance_20",
)  # fmt: skip
# Over the returns that there are of the last 60 widths; what is compared with is not the price.
OF_PAIRS = {"corr_es_60widths", "beta_es_60widths", "corr_nq_60widths", "beta_nq_60widths"}


def test_ratios_of_prices_at_or_below_zero_are_null(link: Link) -> None:
    put_sessions(link, ("CME_RATES",))
    link.execute("insert into reference.series values ('ZBM24', 'ZB', 'month')")
    # A walk that falls through zero on its second day, and the same a thousand points higher.
    rows = walk(3100, 60, -90, "37")
    higher = [(*(price + 4000 for price in row[:4]), row[4]) for row in rows]
    put_bars(link, bars_of("ZB", rows, "0.25"))
    put_bars(link, bars_of("ZBM24", higher, "0.25"))
    named = link.execute("select name, unit from feat.catalogue where width = '1m'")
    units = dict(named.fetchall())
    with engine(link) as lake:
        into_duckdb(
            link, lake, "select * from feat.matrix('1m', '{ZB, ZBM24}', null, null)", "theirs"
        )
        ours = "feat.matrix('1m', ['ZB', 'ZBM24'], null, null)"
        assert differences(lake, "theirs", ours, 1e-9) == []
        lake.execute(
            "create temp table closes as select bar_start, close <= 0 as is_below"
            " from market.bars_1m where symbol = 'ZB'"
        )
        for name, unit in units.items():
            moved, below, above, wrong = lake.sql(
                f"""
                select
                    count(*) filter (abs(a.{name} - b.{name}) > 1e-6 * abs(b.{name}) + 1e-9),
                    count(a.{name}) filter (c.is_below),
                    count(a.{name}) filter (not c.is_below),
                    count(*) filter (isnan(a.{name}) or isinf(a.{name}))
                from theirs as a
                inner join theirs as b on b.symbol = 'ZBM24' and b.bar_start = a.bar_start
                inner join closes as c on c.bar_start = a.bar_start
                where a.symbol = 'ZB'
                """
            ).fetchall()[0]
            assert wrong == 0, name
            # What a thousand points more change is a price, or is made of ratios of prices.
            is_ratio = moved and not unit.startswith("points") and name not in OF_PAIRS
            if is_ratio or name in RATIOS:
                assert below == 0, name
            assert above or name not in RATIOS, name
        for name in RATIOS:
            share = f"{name} / 100" if name == "roc_10" else name
            least = f"select min({share}) > -1 from theirs where symbol = 'ZB'"
            assert lake.sql(least).fetchall() == [(True,)], name
