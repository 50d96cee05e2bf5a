"""Features that no library has: worked out by hand, and correlations by numpy."""

import itertools
import math
import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import numpy as np
import pytest
from features_made import SCHEMAS

from thor.lake.query import sql

# A Wednesday, 09:00 in Chicago.
START = datetime(2024, 5, 15, 14, tzinfo=UTC)
MINUTE, SECOND, DAY = timedelta(minutes=1), timedelta(seconds=1), timedelta(days=1)
FOUR = ("ES", "NQ", "YM", "RTY")
NAMES = (
    "symbol, bar_start, bar_end, known_at, trade_date, open, high, low, close, volume, volume_buy,"
    " volume_sell, trades, ticks, bid_close, ask_close, spread_mean, vwap"
)
Lake = duckdb.DuckDBPyConnection
Row = dict[str, Any]


@pytest.fixture
def lake() -> Lake:
    """A DuckDB without a bar, with every feature; a tick of ES is 0.25, one of ZB a 32nd."""
    made = duckdb.connect()
    made.execute(SCHEMAS)
    prices = ", ".join(f"{name} double" for name in ("open", "high", "low", "close"))
    counts = ", ".join(
        f"{name} bigint" for name in ("volume", "volume_buy", "volume_sell", "trades", "ticks")
    )
    made.execute(
        "create table reference.series (symbol text, root text);"
        "create table reference.instruments (symbol text, calendar text, tick_size double);"
        "create table reference.sessions (calendar text, trade_date date, session_number integer,"
        " open_at timestamptz, close_at timestamptz, regular_open_at timestamptz,"
        " regular_close_at timestamptz, is_early_close boolean);"
        "create table market.ticks (ts timestamptz, symbol text, seq bigint, source text,"
        " bid_size integer, ask_size integer);"
        "insert into reference.series values ('ES', 'ES'), ('ZBM24', 'ZB'),"
        " ('NQ', 'NQ'), ('YM', 'YM'), ('RTY', 'RTY'), ('GC', 'GC');"
        "insert into reference.instruments values ('ES', 'X', 0.25), ('ZB', 'X', 0.03125)"
    )
    for width in ("1s", "1m", "5m", "1h", "1d"):
        made.execute(
            f"create table market.bars_{width} (symbol text, bar_start timestamptz,"
            " bar_end timestamptz, known_at timestamptz, trade_date date,"
            f" {prices}, {counts}, bid_close double, ask_close double, spread_mean double,"
            " vwap double)"
        )
    for statement in sql.features():
        made.execute(statement)
    return made


def put(lake: Lake, symbol: str, bars: Iterable[Row], length: timedelta = MINUTE) -> None:
    """Insert bars: each has its start, its close, and optional values."""
    width = {SECOND: "1s", MINUTE: "1m", 5 * MINUTE: "5m"}[length]
    rows = []
    for bar in bars:
        start, close = bar["bar_start"], bar["close"]
        full = {
            "symbol": symbol, "bar_end": start + length, "known_at": start + length + SECOND,
            "trade_date": start.date(), "open": close, "high": close, "low": close, **bar,
        }  # fmt: skip
        rows.append([full.get(name) for name in NAMES.split(", ")])
    marks = ", ".join("?" * len(NAMES.split(", ")))
    lake.executemany(f"insert into market.bars_{width} ({NAMES}) values ({marks})", rows)


def walk(closes: Iterable[float], start: datetime = START) -> list[Row]:
    """Return bars of a minute, one after the other."""
    return [{"bar_start": start + n * MINUTE, "close": close} for n, close in enumerate(closes)]


def asked(lake: Lake, family: str, symbol: str, at: datetime, width: str = "1m") -> Row:
    """Return one row of a family."""
    found = lake.execute(
        f"select * exclude (bar_start, known_at) from feat.{family}(?, [?], ?, ?)",
        [width, symbol, at, at + SECOND],
    )
    names = [column[0] for column in found.description or ()]
    (row,) = found.fetchall()
    return dict(zip(names, row, strict=True))


def test_strength_is_against_the_mean_of_the_four_and_the_place_among_them(lake: Lake) -> None:
    for symbol, last in zip((*FOUR, "GC"), (110.0, 121.0, 100.0, 90.0, 105.0), strict=True):
        bars = walk([100.0, last], START)
        bars[0]["open"] = 80.0
        put(lake, symbol, bars)
    mean = math.log(1.1 * 1.21 * 1.0 * 0.9) / 4
    for symbol, last, place in (("ES", 1.1, 2), ("NQ", 1.21, 1), ("RTY", 0.9, 4), ("GC", 1.05, 3)):
        row = asked(lake, "cross_asset", symbol, START + MINUTE)
        assert row["rel_strength_60min"] == pytest.approx(math.log(last) - mean)
        assert row["rank_60min"] == place
        # All four opened at 80: each is ln 1.25 above that before the minute.
        assert row["rel_strength_session"] == pytest.approx(math.log(last) - mean)


def test_a_strength_is_unknown_where_one_of_the_four_has_no_bar(lake: Lake) -> None:
    for symbol in FOUR[:3]:
        put(lake, symbol, walk([100.0, 101.0]))
    put(lake, "RTY", walk([100.0]))
    row = asked(lake, "cross_asset", "ES", START + MINUTE)
    names = ("rel_strength_60min", "rel_strength_session", "rank_60min")
    assert [row[name] for name in names] == [None] * 3


def test_what_es_did_a_minute_ago_and_gold_did_not_follow(lake: Lake) -> None:
    put(lake, "ES", walk([100.0, 102.0, 102.0]))
    put(lake, "GC", walk([50.0, 50.0, 50.5]))
    row = asked(lake, "cross_asset", "GC", START + 2 * MINUTE)
    assert row["lead_es_1width"] == pytest.approx(math.log(1.02) - math.log(1.01))
    assert row["lead_nq_1width"] is None


@pytest.mark.parametrize("first", [0, 40])
def test_correlation_and_slope_are_numpys(lake: Lake, first: int) -> None:
    rng = np.random.default_rng(3)
    moves = rng.normal(0, 1e-3, (2, 100))
    moves[1] += 0.5 * moves[0]
    closes = 100 * np.exp(np.cumsum(moves, axis=1))
    # Of the last sixty minutes with a return, those from `first` on that gold has too.
    put(lake, "ES", walk(closes[0]))
    put(lake, "GC", [bar for n, bar in enumerate(walk(closes[1])) if n >= first])
    since = max(40, first + 1)
    es, gold = moves[0, since:], moves[1, since:]
    row = asked(lake, "cross_asset", "GC", START + 99 * MINUTE)
    assert row["corr_es_60widths"] == pytest.approx(np.corrcoef(es, gold)[0, 1])
    assert row["beta_es_60widths"] == pytest.approx(np.polyfit(es, gold, 1)[0])
    assert asked(lake, "cross_asset", "ES", START + 99 * MINUTE)["beta_es_60widths"] == (
        pytest.approx(1)
    )


@pytest.mark.parametrize(("common", "is_reported"), [(20, True), (19, False)])
def test_fewer_than_twenty_common_returns_correlate_with_nothing(
    lake: Lake, common: int, is_reported: bool
) -> None:
    rng = random.Random(1)
    for symbol in ("NQ", "GC"):
        put(lake, symbol, walk(100 + rng.random() for _ in range(common + 1)))
    row = asked(lake, "cross_asset", "GC", START + common * MINUTE)
    assert (row["corr_nq_60widths"] is not None) == is_reported
    assert (row["beta_nq_60widths"] is not None) == is_reported


def test_a_price_that_stands_still_correlates_with_nothing(lake: Lake) -> None:
    rng = random.Random(1)
    put(lake, "ES", walk([100.0] * 30))
    put(lake, "GC", walk(100 + rng.random() for _ in range(30)))
    row = asked(lake, "cross_asset", "GC", START + 29 * MINUTE)
    assert row["corr_es_60widths"] is None
    assert row["beta_es_60widths"] is None


def test_spreads_are_in_ticks_of_the_instrument_behind_the_series(lake: Lake) -> None:
    quotes = {"bid_close": 100.0, "ask_close": 100.0625, "spread_mean": 0.046875}
    put(lake, "ZBM24", [{"bar_start": START, "close": 100.0, **quotes}])
    put(lake, "ES", [{"bar_start": START, "close": 100.0, **quotes}])
    month = asked(lake, "microstructure", "ZBM24", START)
    assert (month["spread_last_ticks"], month["spread_mean_ticks"]) == (2.0, 1.5)
    root = asked(lake, "microstructure", "ES", START)
    assert (root["spread_last_ticks"], root["spread_mean_ticks"]) == (0.25, 0.1875)


def test_aggressors_and_trades_are_weighed(lake: Lake) -> None:
    reported = {"volume": 30, "volume_buy": 20, "volume_sell": 5, "trades": 12}
    put(lake, "ES", [{"bar_start": START, "close": 100.0, **reported}])
    row = asked(lake, "microstructure", "ES", START)
    # Five contracts have no side.
    assert row["aggressor_balance"] == pytest.approx(15 / 25)
    assert row["trade_intensity"] == pytest.approx(12 / 60)
    assert row["trade_size_mean"] == pytest.approx(30 / 12)


def test_an_imported_bar_has_no_feature_of_ticks(lake: Lake) -> None:
    put(lake, "ES", [{"bar_start": START, "close": 100.0, "volume": 7}])
    row = asked(lake, "microstructure", "ES", START)
    assert [value for name, value in row.items() if name != "symbol"] == [None] * 7


def test_the_imbalance_is_of_the_bars_last_quote_with_sizes(lake: Lake) -> None:
    put(lake, "ES", [{"bar_start": START, "close": 100.0, "ticks": 5, "bid_close": 99.75}])
    last = START + 59 * SECOND
    lake.executemany(
        "insert into market.ticks values (?, 'ES', ?, ?, ?, ?)",
        [
            (START, 1, "SIM", 1, 9),
            (last, 3, "SIM", 6, 2),
            # An earlier tick of the same instant; then one without a size; then one in the next
            # bar.
            (last, 2, "SIM", 5, 5),
            (last, 4, "SIM", 5, None),
            (START + MINUTE, 5, "SIM", 1, 1),
        ],
    )
    assert asked(lake, "microstructure", "ES", START)["quote_imbalance"] == pytest.approx(4 / 8)


@pytest.mark.parametrize(("width", "start"), [("1m", START + 4 * MINUTE), ("5m", START)])
def test_directions_are_those_between_the_seconds_of_the_last_minute(
    lake: Lake, width: str, start: datetime
) -> None:
    put(lake, "ES", [{"bar_start": start, "close": 9.0}], MINUTE if width == "1m" else 5 * MINUTE)
    last = START + 4 * MINUTE
    # Down from the minute before does not count; up, still, up, down.
    seconds = {-1: 9.0, 0: 1.0, 5: 2.0, 6: 2.0, 30: 3.0, 59: 2.0, 60: 1.0}
    put(
        lake, "ES",
        [{"bar_start": last + n * SECOND, "close": close} for n, close in seconds.items()],
        SECOND,
    )  # fmt: skip
    row = asked(lake, "microstructure", "ES", start, width)
    assert row["tick_direction_1min"] == pytest.approx((2 - 1) / 3)


def sessions(volumes: list[int | None], start: datetime = START) -> list[Row]:
    """Return three bars a day, a minute apart, of weekdays up to a start; the last has a volume."""
    bars, at = [], start
    for n, volume in enumerate(reversed(volumes)):
        while at.weekday() > 4:
            at -= DAY
        # Closes of 100, 100 and 100 exp(x): realised volatility is x.
        x = 0.01 * (1 + n % 2)
        for step, close in enumerate((100.0, 100.0, 100 * math.exp(x))):
            bars.append({"bar_start": at + (step - 2) * MINUTE, "close": close, "volume": volume})
        at -= DAY
    return bars


def test_a_volume_is_compared_with_the_last_twenty_sessions_at_its_minute(lake: Lake) -> None:
    volumes = [10_000, *range(100, 120), 500]
    put(lake, "ES", sessions(volumes))
    row = asked(lake, "season", "ES", START)
    # 100 … 119: mean 109.5, sample variance 20 · 21 / 12; the session before them is forgotten.
    assert row["volume_z_20sessions"] == pytest.approx((500 - 109.5) / math.sqrt(35))
    # Realised 0.01 now, of the twenty before it 0.02 and 0.01 in turn.
    assert row["vol_regime_60min_20sessions"] == pytest.approx(0.01 / 0.015)


@pytest.mark.parametrize(("before", "is_reported"), [(10, True), (9, False)])
def test_ten_sessions_are_the_least(lake: Lake, before: int, is_reported: bool) -> None:
    put(lake, "ES", sessions(list(range(1, before + 2))))
    row = asked(lake, "season", "ES", START)
    assert (row["volume_z_20sessions"] is not None) == is_reported
    assert (row["vol_regime_60min_20sessions"] is not None) == is_reported


def test_a_minute_of_the_session_is_one_of_chicago_over_a_change_of_clocks(lake: Lake) -> None:
    # 09:00 in Chicago is 15:00 UTC before 10 March and 14:00 UTC after it.
    after = datetime(2024, 3, 12, 14, tzinfo=UTC)
    put(lake, "ES", sessions([40, 50], after))
    put(lake, "ES", sessions(list(range(1, 11)), datetime(2024, 3, 8, 15, tzinfo=UTC)))
    row = asked(lake, "season", "ES", after)
    volumes = [*range(1, 11), 40]
    z = (50 - np.mean(volumes)) / np.std(volumes, ddof=1)
    assert row["volume_z_20sessions"] == pytest.approx(z)


def test_sessions_older_than_thirty_days_are_forgotten(lake: Lake) -> None:
    put(lake, "ES", sessions([7, 7, *range(1, 12)], START - 20 * DAY))
    put(lake, "ES", sessions([50]))
    # Of those from 25 April back nine are no older than 15 April.
    assert asked(lake, "season", "ES", START)["volume_z_20sessions"] is None


def test_the_forecast_is_the_recursion_of_riskmetrics(lake: Lake) -> None:
    rng = random.Random(4)
    closes = [100.0]
    for _ in range(700):
        closes.append(closes[-1] * math.exp(rng.gauss(0, 1e-3)))
    # Two prices that have no logarithm: three returns fewer, and the others follow each other.
    closes[30], closes[400] = 0.0, -1.0
    put(lake, "ES", walk(closes))
    squares = [
        math.log(now / before) ** 2 if now > 0 and before > 0 else None
        for before, now in itertools.pairwise(closes)
    ]
    reported = [square for square in squares if square is not None]
    variance = sum(reported[:20]) / 20
    expected = {}
    for number, square in enumerate(reported):
        if number >= 20:
            variance = 0.94 * variance + 0.06 * square
        expected[number] = math.sqrt(variance)
    found = lake.execute(
        "select vol_forecast_ewma_94 from feat.volatility('1m', ['ES'], null, null)"
        " order by bar_start"
    ).fetchall()
    assert len(found) == len(closes)
    number = -1
    for square, (value,) in zip(squares, found[1:], strict=True):
        number += square is not None
        if square is None or number < 19:
            assert value is None
        else:
            assert value == pytest.approx(expected[number], rel=1e-9)
    assert found[0] == (None,)


def test_the_mean_price_of_a_session_is_exact_where_bars_know_theirs(lake: Lake) -> None:
    bars = walk([100.0, 102.0, 101.0])
    bars[0] |= {"volume": 10, "vwap": 99.0}
    bars[1] |= {"volume": 30, "vwap": 101.5}
    # This one does not know: its typical price is (103 + 100 + 101) / 3.
    bars[2] |= {"volume": 60, "high": 103.0, "low": 100.0}
    put(lake, "ES", bars)
    row = asked(lake, "session", "ES", START + 2 * MINUTE)
    mean = (10 * 99.0 + 30 * 101.5 + 60 * 304 / 3) / 100
    assert row["vwap_session"] == pytest.approx(mean)
    assert row["vwap_distance"] == pytest.approx(101 / mean - 1)
