"""The bars of ticks by another road: DuckDB, in whole numbers, from one query for all widths.

Nothing of Thor's SQL is used: prices are integers of 1e-8, times are microseconds, a bar's
ends are found by the smallest and largest key, the exchange's days come from the zone's own
table. What Thor shows is read beside it, in the same form.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from ticks_made import MONTHS

from thor.domain.tick import Tick

WIDTHS = ("1s", "1m", "5m", "1h", "1d")
COLUMNS = (
    "symbol", "bar_start", "bar_end", "known_at", "trade_date", "open", "high", "low", "close",
    "volume", "volume_buy", "volume_sell", "trades", "ticks", "vwap", "bid_close", "ask_close",
    "spread_mean", "late_ticks", "is_sampled", "is_imported",
)  # fmt: skip

Bar = tuple[Any, ...]

_STEP_US = {"1s": 10**6, "1m": 60 * 10**6, "5m": 300 * 10**6, "1h": 3600 * 10**6, "1d": None}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)
_CHICAGO = ZoneInfo("America/Chicago")
_TIMES = {"bar_start", "bar_end", "known_at"}
_PRICES = {"open", "high", "low", "close", "vwap", "bid_close", "ask_close", "spread_mean"}
_SCHEMA = pa.schema(
    {
        "symbol": pa.string(), "ts": pa.int64(), "seq": pa.int64(), "source": pa.string(),
        "last": pa.int64(), "bid": pa.int64(), "ask": pa.int64(), "volume_delta": pa.int64(),
        "side": pa.string(), "is_trade": pa.bool_(), "is_sampled": pa.bool_(),
        "received_at": pa.int64(),
    }
)  # fmt: skip

# A price that does not come out even is rounded half away from zero, as money is.
_QUERY = """
with dated as (
    select
        t.*,
        w.width,
        d.trade_date,
        if(w.step is null, d.day_from, t.ts - t.ts % w.step) as bar_start,
        if(w.step is null, d.day_to, t.ts - t.ts % w.step + w.step) as bar_end,
        struct_pack(ts := t.ts, seq := t.seq, source := t.source) as place
    from ticks as t
    asof join days as d on t.ts >= d.day_from
    cross join widths as w
),
summed as (
    select
        width, symbol, bar_start, bar_end, min(trade_date) as trade_date,
        arg_min(last, place) filter (where is_trade) as open,
        max(last) filter (where is_trade) as high,
        min(last) filter (where is_trade) as low,
        arg_max(last, place) filter (where is_trade) as close,
        count_if(is_trade)::bigint as trades,
        count(*) as ticks,
        sum(volume_delta) filter (where is_trade) as volume,
        sum(volume_delta) filter (where is_trade and side = 'B') as bought,
        sum(volume_delta) filter (where is_trade and side = 'S') as sold,
        sum(last::hugeint * volume_delta) filter (where is_trade) as notional,
        arg_max(bid, place) filter (where bid is not null) as bid_close,
        arg_max(ask, place) filter (where ask is not null) as ask_close,
        sum((ask - bid)::hugeint) as spreads,
        count(ask - bid) as quotes,
        count_if(received_at > bar_end + 1000000)::bigint as late_ticks,
        bool_or(is_sampled) as is_sampled
    from dated
    group by width, symbol, bar_start, bar_end
)
select
    width, symbol, bar_start, bar_end, bar_end + 1000000 as known_at, trade_date,
    open, high, low, close,
    case when trades = 0 then 0 else volume end::bigint as volume,
    case when trades = 0 then 0 when bought is null and sold is null then null
        else coalesce(bought, 0) end::bigint as volume_buy,
    case when trades = 0 then 0 when bought is null and sold is null then null
        else coalesce(sold, 0) end::bigint as volume_sell,
    trades, ticks,
    case when volume > 0 then sign(notional) * ((2 * abs(notional) + volume) // (2 * volume))
        end::bigint as vwap,
    bid_close, ask_close,
    case when quotes > 0 then sign(spreads) * ((2 * abs(spreads) + quotes) // (2 * quotes))
        end::bigint as spread_mean,
    late_ticks, is_sampled, false as is_imported
from summed
order by symbol, bar_start
"""


def of_ticks(ticks: Iterable[Tick]) -> pa.Table:
    """Return ticks in the form that `bars` takes, one a row, each identity once."""
    unique = {(tick.ts, tick.symbol, tick.seq, tick.source): tick for tick in ticks}
    rows = [
        {
            "symbol": tick.symbol, "ts": _us(tick.ts), "seq": tick.seq, "source": tick.source,
            "last": _whole(tick.last), "bid": _whole(tick.bid), "ask": _whole(tick.ask),
            "volume_delta": tick.volume_delta, "side": tick.side, "is_trade": tick.is_trade,
            "is_sampled": tick.is_sampled, "received_at": _us(tick.received_at),
        }
        for tick in unique.values()
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=_SCHEMA)


def of_file(path: Path, grid: int) -> pa.Table:
    """Return a recording's rows in that form, each under its month's key, prices on 1 / `grid`."""
    months = " ".join(f"when '{code}' then '{key}'" for code, key in MONTHS.items())
    prices = ", ".join(
        f"round({name} * {grid})::bigint * {10**8 // grid} as {name}"
        for name in ("last", "bid", "ask")
    )
    return (
        _engine()
        .sql(
            f"select coalesce(case contract {months} else contract end, symbol) as symbol,"
            " epoch_us(ts) as ts, seq,"
            f" 'TAPE' as source, {prices}, last_size as volume_delta, side,"
            " kind = 'trade' as is_trade, false as is_sampled, epoch_us(ts) as received_at"
            f" from '{path}'"
        )
        .to_arrow_table()
    )


def bars(ticks: pa.Table) -> dict[str, list[Bar]]:
    """Return the bars of the ticks at every width: values of `COLUMNS`, by symbol and start."""
    made: dict[str, list[Bar]] = {width: [] for width in WIDTHS}
    if ticks.num_rows:
        engine = _engine()
        engine.register("ticks", ticks)
        engine.register("days", _days(ticks))
        found = engine.sql(_QUERY).to_arrow_table()
        values = zip(*(_values(name, found[name]) for name in COLUMNS), strict=True)
        for width, bar in zip(found["width"].to_pylist(), values, strict=True):
            made[width].append(bar)
    return made


@cache
def _engine() -> duckdb.DuckDBPyConnection:
    engine = duckdb.connect()
    steps = [{"width": width, "step": step} for width, step in _STEP_US.items()]
    engine.register("widths", pa.Table.from_pylist(steps))
    return engine


def shown(
    connection: "psycopg.Connection[Any]", width: str, symbols: Iterable[str] | None = None
) -> list[Bar]:
    """Return the bars that Thor shows, in the same form; of all symbols where none is named."""
    wanted = None if symbols is None else list(symbols)
    query = (
        f"select {', '.join(COLUMNS)} from market.bars_{width}"
        f" {'' if wanted is None else 'where symbol = any (%(wanted)s)'}"
        ' order by symbol collate "C", bar_start'
    )
    with connection.cursor(binary=True) as cursor:
        return cursor.execute(query.encode(), {"wanted": wanted}).fetchall()


def differences(
    connection: "psycopg.Connection[Any]", ticks: pa.Table, symbols: Iterable[str] | None = None
) -> list[str]:
    """Return where Thor's bars are not those of the ticks, at every width, in words."""
    said: list[str] = []
    for width, made in bars(ticks).items():
        expected = {bar[:2]: bar for bar in made}
        found = {bar[:2]: bar for bar in shown(connection, width, symbols)}
        said += [f"{width} {_at(key)}: is missing" for key in expected.keys() - found.keys()]
        said += [f"{width} {_at(key)}: is of no tick" for key in found.keys() - expected.keys()]
        said += [
            f"{width} {_at(key)}: {name} is {is_}, not {should}"
            for key in expected.keys() & found.keys()
            if found[key] != expected[key]
            for name, is_, should in zip(COLUMNS, found[key], expected[key], strict=True)
            if is_ != should
        ]
    return sorted(said)


def _at(key: Bar) -> str:
    symbol, bar_start = key
    return f"{symbol} {bar_start.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def _days(ticks: pa.Table) -> pa.Table:
    first, last = (pc.min_max(ticks["ts"])[end].as_py() for end in ("min", "max"))
    day = (_EPOCH + first * _US).date() - timedelta(days=1)
    end = (_EPOCH + last * _US).date() + timedelta(days=1)
    rows = []
    while day <= end:
        before = day - timedelta(days=1)
        rows.append({"trade_date": day, "day_from": _turn(before), "day_to": _turn(day)})
        day += timedelta(days=1)
    return pa.Table.from_pylist(rows)


def _turn(day: date) -> int:
    # The exchange's day ends at five in the afternoon in Chicago.
    return _us(datetime(day.year, day.month, day.day, 17, tzinfo=_CHICAGO))


def _us(ts: datetime) -> int:
    return (ts - _EPOCH) // _US


def _whole(price: Decimal | None) -> int | None:
    return None if price is None else int(price.scaleb(8))


def _values(name: str, column: pa.ChunkedArray) -> list[Any]:
    given: list[Any] = column.to_pylist()
    if name in _TIMES:
        return [_EPOCH + us * _US for us in given]
    if name in _PRICES:
        return [None if price is None else Decimal(price).scaleb(-8) for price in given]
    return given
