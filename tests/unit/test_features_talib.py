"""What TA-Lib has too is TA-Lib's, from its first value on."""

from typing import Any

import duckdb
import numpy as np
import pytest
import talib
from features_made import SCHEMAS, made_bars

from thor.lake.query import sql

BARS = 4000
Arrays = dict[str, Any]
ORACLES = {
    ("returns", "return_1"): lambda b: talib.ROCP(b["close"], 1),
    ("returns", "return_5"): lambda b: talib.ROCP(b["close"], 5),
    ("returns", "return_20"): lambda b: talib.ROCP(b["close"], 20),
    ("returns", "slope_20"): lambda b: talib.LINEARREG_SLOPE(b["close"], 20),
    **{
        ("trend", f"ema_{span}"): lambda b, span=span: talib.EMA(b["close"], span)
        for span in (9, 12, 20, 26, 50, 200)
    },
    ("oscillators", "rsi_14"): lambda b: talib.RSI(b["close"], 14),
    ("oscillators", "macd_12_26"): lambda b: talib.MACD(b["close"])[0],
    ("oscillators", "macd_signal_9"): lambda b: talib.MACD(b["close"])[1],
    ("oscillators", "macd_histogram"): lambda b: talib.MACD(b["close"])[2],
    ("oscillators", "roc_10"): lambda b: talib.ROC(b["close"], 10),
    **{
        ("bands", f"sma_{span}"): lambda b, span=span: talib.SMA(b["close"], span)
        for span in (20, 50, 200)
    },
    ("bands", "bollinger_upper_20"): lambda b: talib.BBANDS(b["close"], 20)[0],
    ("bands", "bollinger_lower_20"): lambda b: talib.BBANDS(b["close"], 20)[2],
    ("bands", "stochastic_k_14"): lambda b: _stochastic(b)[0],
    ("bands", "stochastic_d_3"): lambda b: _stochastic(b)[1],
    ("bands", "cci_20"): lambda b: talib.CCI(b["high"], b["low"], b["close"], 20),
    ("range", "true_range"): lambda b: talib.TRANGE(b["high"], b["low"], b["close"]),
    ("range", "atr_14"): lambda b: talib.ATR(b["high"], b["low"], b["close"], 14),
    ("range", "natr_14"): lambda b: talib.NATR(b["high"], b["low"], b["close"], 14),
    ("range", "di_plus_14"): lambda b: talib.PLUS_DI(b["high"], b["low"], b["close"], 14),
    ("range", "di_minus_14"): lambda b: talib.MINUS_DI(b["high"], b["low"], b["close"], 14),
    ("range", "adx_14"): lambda b: talib.ADX(b["high"], b["low"], b["close"], 14),
}


def _stochastic(bars: Arrays) -> Any:
    return talib.STOCH(bars["high"], bars["low"], bars["close"], 14, 3, 0, 3, 0)


@pytest.fixture(scope="module")
def lake() -> duckdb.DuckDBPyConnection:
    """A DuckDB with the bars of one symbol, and every feature."""
    lake = duckdb.connect()
    lake.execute(SCHEMAS)
    lake.execute(
        "create table reference.series (symbol text, root text);"
        "create table reference.instruments"
        " (symbol text, calendar text, tick_size decimal(18, 8));"
        "create table reference.sessions (calendar text, trade_date date, session_number integer,"
        " open_at timestamptz, close_at timestamptz, regular_open_at timestamptz,"
        " regular_close_at timestamptz, is_early_close boolean)"
    )
    names = "symbol, width, bar_start, open, high, low, close, volume"
    lake.execute(
        "create table made (symbol text, width text, bar_start timestamptz, open decimal(18, 8),"
        " high decimal(18, 8), low decimal(18, 8), close decimal(18, 8), volume bigint)"
    )
    lake.executemany(
        f"insert into made ({names}) values (?, ?, ?, ?, ?, ?, ?, ?)",
        list(made_bars(9, "ES", "1m", BARS)),
    )
    for width in ("1m", "5m", "1h", "1d"):
        lake.execute(
            f"create view market.bars_{width} as select symbol, bar_start,"
            " bar_start + interval '1 minute' as bar_end,"
            " bar_start + interval '61 seconds' as known_at,"
            " ((bar_start at time zone 'America/Chicago') + interval '7 hours')::date"
            " as trade_date, open, high, low, close, volume,"
            " null::bigint as volume_buy, null::bigint as volume_sell, null::bigint as trades,"
            " 0 as ticks,"
            " null::double as bid_close, null::double as ask_close, null::double as spread_mean,"
            " null::double as vwap"
            f" from made where width = '{width}'"
        )
    lake.execute("create view market.bars_1s as from market.bars_1m limit 0")
    lake.execute(
        "create table market.ticks (ts timestamptz, symbol text, seq bigint, source text,"
        " bid_size integer, ask_size integer)"
    )
    for statement in sql.features():
        lake.execute(statement)
    return lake


@pytest.mark.parametrize(("family", "name"), ORACLES, ids=lambda part: part)
def test_a_feature_equals_talibs(lake: duckdb.DuckDBPyConnection, family: str, name: str) -> None:
    # The walk has one hole of months, after which every look-back restarts.
    for when, least in (("<", BARS * 5 // 6 - 250), (">", BARS // 6 - 250)):
        bars = lake.execute(
            "select open::double as open, high::double as high, low::double as low,"
            " close::double as close from market.bars_1m"
            f" where bar_start {when} '2024-10-01' order by bar_start"
        ).fetchnumpy()
        theirs = ORACLES[family, name](bars)
        mine = lake.execute(
            f"select {name} from feat.{family}_1m where bar_start {when} '2024-10-01'"
            " order by bar_start"
        ).fetchnumpy()
        found = np.ma.filled(mine[name].astype(float), np.nan)
        there = ~np.isnan(theirs)
        assert there.sum() > least
        np.testing.assert_allclose(found[there], theirs[there], rtol=1e-9, atol=1e-9)
