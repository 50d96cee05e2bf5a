"""Compute every feature: how long, beside TA-Lib, and what a day and the newest row cost.

Bars of one minute of eleven symbols are generated, two years of them in PostgreSQL, on each
edition, as imported bars; the newest million is computed whole by DuckDB and by PostgreSQL, and by
TA-Lib what it has. Then one day of one symbol is asked of each family, at random, and last the
newest rows of all symbols over a database of many ticks.

python bench/features.py [--quick] [--edition plain|timescale] [--ticks 20000000]
"""

import json
import random
import re
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import bars_history
import duckdb
import psycopg
import pyarrow as pa
import talib
from workbench import (
    Workbench,
    add_edition,
    arguments,
    editions,
    goal,
    machine,
    percentile,
    reported,
    table,
    workbench,
)

from thor.database import schema
from thor.lake.query import sql

FAMILIES = sorted(
    file.path.split("_", 2)[-1].removesuffix(".sql")
    for file in schema.files("plain")
    if file.path[:14] in {f"50_features/5{tens}" for tens in range(1, 6)}
)
SYMBOLS = ("ES", "NQ", "YM", "RTY", "CL", "SI", "HG", "GC", "VX", "DX", "ZB")
# Sunday 17:00 in Chicago, two years before the last bar.
FIRST = datetime(2023, 10, 29, 22, 0, tzinfo=UTC)
END = datetime(2025, 10, 31, 21, 0, tzinfo=UTC)
BARS = 1_000_000
CLOSES = b"select sum(close) from feat.closes('1m', null, %s, %s, 2900, interval '0 hours')"
# What adds up a frame; lags and numbers are had for next to nothing.
FRAMED = "sum|avg|min|max|count|stddev_pop|stddev_samp|corr|regr_slope|first_value"
Arrays = dict[str, Any]
Link = psycopg.Connection[Any]

TALIB: dict[str, dict[str, Callable[[Arrays], Any]]] = {
    "returns": {
        **{
            f"return_{n}": lambda b, n=n: talib.ROCP(b["close"], n)  # type: ignore[misc]
            for n in (1, 5, 20)
        },
        "slope_20": lambda b: talib.LINEARREG_SLOPE(b["close"], 20),
    },
    "trend": {
        f"ema_{n}": lambda b, n=n: talib.EMA(b["close"], n)  # type: ignore[misc]
        for n in (9, 12, 20, 26, 50, 200)
    },
    "oscillators": {
        "rsi_14": lambda b: talib.RSI(b["close"], 14),
        "macd_12_26, macd_signal_9, macd_histogram": lambda b: talib.MACD(b["close"]),
        "roc_10": lambda b: talib.ROC(b["close"], 10),
    },
    "bands": {
        **{
            f"sma_{n}": lambda b, n=n: talib.SMA(b["close"], n)  # type: ignore[misc]
            for n in (20, 50, 200)
        },
        "bollinger_upper_20, bollinger_lower_20": lambda b: talib.BBANDS(b["close"], 20),
        "stochastic_k_14, stochastic_d_3": lambda b: talib.STOCH(
            b["high"], b["low"], b["close"], 14, 3, 0, 3, 0
        ),
        "cci_20": lambda b: talib.CCI(b["high"], b["low"], b["close"], 20),
    },
    "range": {
        "true_range": lambda b: talib.TRANGE(b["high"], b["low"], b["close"]),
        "atr_14": lambda b: talib.ATR(b["high"], b["low"], b["close"], 14),
        "natr_14": lambda b: talib.NATR(b["high"], b["low"], b["close"], 14),
        "di_plus_14": lambda b: talib.PLUS_DI(b["high"], b["low"], b["close"], 14),
        "di_minus_14": lambda b: talib.MINUS_DI(b["high"], b["low"], b["close"], 14),
        "adx_14": lambda b: talib.ADX(b["high"], b["low"], b["close"], 14),
    },
}


class Sizes(NamedTuple):
    """How much is measured."""

    first: datetime
    bars: int
    questions: int
    ticks: int


def make(duck: duckdb.DuckDBPyConnection, first: datetime) -> None:
    """Make the table `made`: a walk of each symbol, the four index futures walking alike."""
    reported("making bars")
    duck.execute("set timezone = 'UTC'")
    duck.execute(
        f"""
        create or replace table made as
        with minutes as (
            select ts, ts at time zone 'America/Chicago' as local
            from generate_series('{first}'::timestamptz, '{END}'::timestamptz, interval 1 minute)
                as t (ts)
        ),
        steps as (
            select s.symbol, s.place, m.ts,
                (hash(s.symbol, m.ts, 1) % 9)::bigint - 4 as own,
                case when s.place <= 4 then (hash(m.ts, 2) % 9)::bigint - 4 else 0 end as shared,
                (hash(s.symbol, m.ts, 3) % 4)::bigint as above,
                (hash(s.symbol, m.ts, 4) % 4)::bigint as below,
                (1 + hash(s.symbol, m.ts, 5) % 500)::bigint as volume
            from minutes as m
            cross join (
                select unnest({list(SYMBOLS)}) as symbol,
                    unnest(range(1, {len(SYMBOLS) + 1})) as place
            ) as s
            where hour(m.local) <> 16 and isodow(m.local) <> 6
                and not (isodow(m.local) = 5 and hour(m.local) > 16)
                and not (isodow(m.local) = 7 and hour(m.local) < 17)
                -- One bar in fifty is not there.
                and hash(s.symbol, m.ts, 6) % 50 > 0
        ),
        walks as (
            select *, sum(own + shared) over (partition by symbol order by ts) as place_close
            from steps
        )
        select symbol, ts as bar_start,
            (100000 + place_close - own)::decimal(18, 8) / 4 as open,
            (100000 + place_close + greatest(0, -own) + above)::decimal(18, 8) / 4 as high,
            (100000 + place_close - greatest(0, own) - below)::decimal(18, 8) / 4 as low,
            (100000 + place_close)::decimal(18, 8) / 4 as close,
            volume
        from walks
        order by symbol, ts
        """
    )


def into_postgresql(duck: duckdb.DuckDBPyConnection, link: Link, folder: Path) -> int:
    """Copy the bars where imported ones are; return how many."""
    reported("copying the bars")
    file = folder / "bars.csv"
    duck.execute(
        "copy (select symbol, '1m', strftime(bar_start, '%Y-%m-%d %H:%M:%S+00'), open, high, low,"
        f" close, volume, 'BARS:00000000' from made) to '{file}' (format csv, header false)"
    )
    link.execute(
        "insert into market.bar_files (file, sha256, file_name, format, records, symbols, widths,"
        " first_bar, last_bar) values ('BARS:00000000', repeat('0', 64), 'made', 'csv', 1, '{}',"
        " '{}', '2024-01-01Z', '2024-01-01Z')"
    )
    names = "symbol, width, bar_start, open, high, low, close, volume, file"
    with link.cursor() as cursor:
        with (
            cursor.copy(f"copy market.bars_imported ({names}) from stdin (format csv)") as copy,
            file.open("rb") as read,
        ):
            while block := read.read(1 << 20):
                copy.write(block)
        copied = cursor.rowcount
    file.unlink()
    link.execute("vacuum analyze market.bars_imported")
    link.execute("checkpoint")
    return copied


def make_lake_views(duck: duckdb.DuckDBPyConnection, link: Link, bars: int) -> None:
    """Make the newest bars those of the lake, with reference data, and every feature."""
    duck.execute("create schema reference; create schema market; create schema feat")
    for name, columns in (
        ("series", "symbol varchar, root varchar"),
        ("instruments", "symbol varchar, calendar varchar, tick_size decimal(18, 8)"),
        (
            "sessions",
            "calendar varchar, trade_date date, session_number integer, open_at timestamptz,"
            " close_at timestamptz, regular_open_at timestamptz, regular_close_at timestamptz,"
            " is_early_close boolean",
        ),
    ):
        duck.execute(f"create table reference.{name} ({columns})")
        names = ", ".join(part.split()[0] for part in columns.replace("18, 8", "").split(", "))
        rows = link.execute(f"select {names} from reference.{name}".encode()).fetchall()
        values = map(list, zip(*rows, strict=True))
        duck.register("reported_of", pa.table(dict(zip(names.split(", "), values, strict=True))))
        duck.execute(f"insert into reference.{name} from reported_of")
    extra = (
        " null::bigint as volume_buy, null::bigint as volume_sell, null::bigint as trades,"
        " 0::bigint as ticks, null::decimal(18, 8) as bid_close,"
        " null::decimal(18, 8) as ask_close, null::decimal(18, 8) as spread_mean"
    )
    for width, minutes in (("1m", 1), ("5m", 5), ("1h", 60)):
        duck.execute(
            f"create table market.bars_{width} as select symbol, bar_start,"
            f" bar_start + interval {minutes} minute as bar_end,"
            f" bar_start + interval {minutes * 60 + 1} second as known_at,"
            " ((bar_start at time zone 'America/Chicago') + interval 7 hour)::date as trade_date,"
            f" open, high, low, close, volume, {extra} from made order by bar_start desc"
            f" limit {bars if width == '1m' else 0}"
        )
    duck.execute(
        "insert into market.bars_1h select symbol, time_bucket(interval 1 hour, bar_start) as s,"
        " s + interval 1 hour, s + interval 3601 second, any_value(trade_date),"
        " arg_min(open, bar_start), max(high), min(low), arg_max(close, bar_start), sum(volume),"
        " null, null, null, 0, null, null, null from market.bars_1m group by symbol, s"
    )
    duck.execute(
        "create table market.bars_1s as from market.bars_1m limit 0;"
        "create table market.ticks (ts timestamptz, symbol varchar, seq bigint, source varchar,"
        " bid_size integer, ask_size integer)"
    )
    for statement in sql.features():
        duck.execute(statement)


def whole(ask: Callable[[str], Any], rounds: int) -> float:
    """Return the least seconds of some rounds of a question."""
    took_s = []
    for _ in range(rounds):
        begin = time.perf_counter()
        ask("")
        took_s.append(time.perf_counter() - begin)
    return min(took_s)


def in_duckdb(duck: duckdb.DuckDBPyConnection, columns: dict[str, str]) -> dict[str, float]:
    """Return the seconds that columns of each family take over all bars, by family."""
    found = {}
    for family, names in columns.items():
        text = f"create or replace temp table made_of as select {names} from feat.{family}_1m"
        found[family] = whole(lambda _, text=text: duck.execute(text), 2)  # type: ignore[misc]
    return found


def windows_alone(duck: duckdb.DuckDBPyConnection) -> tuple[int, int, float]:
    """Return the windows and frames of all families, and the seconds of as many bare ones.

    A bare one numbers the bars, or averages twenty closes: what no arithmetic can do without.
    """
    over = "over (partition by symbol order by bar_start rows 19 preceding)"
    frames = ", ".join(f"avg(close::double + {n}) {over} as a{n}" for n in range(4))
    sums = ", ".join(f"max(a{n})" for n in range(4))
    bare_s, framed_s = (
        whole(lambda _, text=text: duck.execute(text).fetchall(), 3)  # type: ignore[misc]
        for text in (
            f"select max(n) from (select row_number() {over} as n from market.bars_1m)",
            f"select {sums} from (select {frames} from market.bars_1m)",
        )
    )
    windows = [
        window
        for family in FAMILIES
        for (_, plan) in duck.execute(
            f"explain (format json) select * from feat.{family}_1m"
        ).fetchall()
        for window in windows_of(json.loads(plan))
    ]
    framed = sum(len(re.findall(rf"\b(?:{FRAMED})\(", window)) for window in windows)
    seconds = len(windows) * bare_s + framed * (framed_s - bare_s) / 4
    return len(windows), framed, seconds


def windows_of(plan: list[dict[str, Any]]) -> Iterator[str]:
    """Yield what each window operator of a plan computes."""
    for operator in plan:
        if operator["name"] == "WINDOW":
            yield str(operator["extra_info"]["Projections"])
        yield from windows_of(operator["children"])


def by_talib(duck: duckdb.DuckDBPyConnection) -> dict[str, float]:
    """Return the seconds that TA-Lib takes for what it has, by family."""
    symbols = [
        duck.execute(
            "select high::double as high, low::double as low, close::double as close"
            " from market.bars_1m where symbol = ? order by bar_start",
            [symbol],
        ).fetchnumpy()
        for symbol in SYMBOLS
    ]

    def all_of(family: str) -> None:
        for bars in symbols:
            for indicator in TALIB[family].values():
                indicator(bars)

    return {
        family: whole(lambda _, family=family: all_of(family), 3)  # type: ignore[misc]
        for family in TALIB
    }


def in_postgresql(link: Link, since: str) -> dict[str, float]:
    """Return the seconds that each family takes over the same bars."""
    found = {}
    for family in FAMILIES:
        reported(f"all of {family}")
        begin = time.perf_counter()
        text = f"select count(f.known_at) from feat.{family}('1m', null, %s, 'infinity') as f"
        link.execute(text.encode(), [since])
        found[family] = time.perf_counter() - begin
    return found


def a_day(link: Link, sizes: Sizes) -> dict[str, list[float]]:
    """Ask each family for days of symbols at random; return ms of each question."""
    reported("days of one symbol")
    times: dict[str, list[float]] = {family: [] for family in FAMILIES}
    chance = random.Random(7)
    days = (END - sizes.first).days - 60
    for number in range(sizes.questions + 8):
        first = sizes.first + timedelta(days=60 + chance.randrange(days))
        first += timedelta(days=max(0, first.weekday() - 3) if first.weekday() in (4, 5) else 0)
        symbol = chance.choice(SYMBOLS)
        for family in FAMILIES:
            begin = time.perf_counter()
            link.execute(
                f"select * from feat.{family}('1m', array[%s], %s, %s)".encode(),
                (symbol, first, first + timedelta(days=1)),
            ).fetchall()
            # The first ones load what every connection loads once.
            if number >= 8:
                times[family].append((time.perf_counter() - begin) * 1000)
    return times


def newest(link: Link, sizes: Sizes) -> dict[str, list[float]]:
    """Ask for the newest rows of all symbols at moments of the last day; return ms of each.

    And for what they cannot do without: the closes that the longest mean looks back on.
    """
    reported("newest rows")
    chance = random.Random(7)
    times: dict[str, list[float]] = {"latest": [], "its closes alone": []}
    end = bars_history.FIRST_DAY + bars_history.DAYS * bars_history.DAY
    for number in range(sizes.questions + 8):
        as_of = end - timedelta(seconds=3600 + chance.randrange(20 * 3600))
        begin = time.perf_counter()
        rows = link.execute("select * from feat.latest('1m', %s)", [as_of]).fetchall()
        took_s = time.perf_counter() - begin
        assert len(rows) >= len(SYMBOLS), f"{len(rows)} rows at {as_of}"
        begin = time.perf_counter()
        link.execute(CLOSES, [as_of, as_of]).fetchone()
        if number >= 8:
            times["latest"].append(took_s * 1000)
            times["its closes alone"].append((time.perf_counter() - begin) * 1000)
    return times


def report_whole(found: dict[str, dict[str, float]], bars: int) -> None:
    """Print the seconds of each family by each engine, and the goals."""
    rows: list[list[object]] = [
        [family, *(f"{found[how][family]:.2f}" if family in found[how] else "" for how in found)]
        for family in FAMILIES
    ]
    sums = {how: sum(times.values()) for how, times in found.items()}
    table([f"{bars:,} bars, s", *found], [*rows, ["all", *(f"{s:.2f}" for s in sums.values())]])
    goal("DuckDB: all families ≤ 5 s", f"{sums['DuckDB']:.2f} s", sums["DuckDB"] <= 5)
    ratio = sums["DuckDB, of those"] / sums["TA-Lib"]
    goal("DuckDB: what TA-Lib has ≤ 40×, aim 10×", f"{ratio:.1f}×", ratio <= 40)
    print(flush=True)


def report_times(edition: str, times: dict[str, list[float]], limits: dict[str, int]) -> None:
    """Print percentiles and the goals."""
    shares = (0.5, 0.95)
    table(
        [f"{edition}, ms", "times", "P50", "P95"],
        [
            [name, len(ms), *(f"{percentile(ms, share):.1f}" for share in shares)]
            for name, ms in times.items()
        ],
    )
    for name, limit in limits.items():
        p95 = percentile(times[name], 0.95)
        goal(f"{edition}: {name} P95 ≤ {limit} ms", f"{p95:.1f} ms", p95 <= limit)
    print(flush=True)


def options(parser: ArgumentParser) -> None:
    """Add what only this benchmark takes."""
    add_edition(parser)
    parser.add_argument("--ticks", type=int, default=None, help="ticks below the newest rows")


def measure(at: Workbench, duck: duckdb.DuckDBPyConnection, folder: Path, sizes: Sizes) -> None:
    """Measure one edition, and DuckDB and TA-Lib beside it."""
    with at.database() as url, psycopg.connect(url, autocommit=True) as link:
        print(f"{at.edition}: {into_postgresql(duck, link, folder):,} bars imported\n")
        report_times(at.edition, a_day(link, sizes), dict.fromkeys(FAMILIES, 150))
        if not duck.execute("from duckdb_schemas() where schema_name = 'feat'").fetchall():
            make_lake_views(duck, link, sizes.bars)
        first = "select min(bar_start)::varchar from market.bars_1m"
        (since,) = duck.execute(first).fetchone() or ("",)
        have = {family: ", ".join(names) for family, names in TALIB.items()}
        found = {
            "DuckDB": in_duckdb(duck, dict.fromkeys(FAMILIES, "*")),
            "DuckDB, of those": in_duckdb(duck, have),
            "TA-Lib": by_talib(duck),
            "PostgreSQL": in_postgresql(link, since),
        }
        report_whole(found, sizes.bars)
        windows, framed, seconds = windows_alone(duck)
        print(f"DuckDB: {windows} windows and {framed} frames alone {seconds:.2f} s\n", flush=True)


def measure_newest(at: Workbench, folder: Path, sizes: Sizes, drawn_out: int) -> None:
    """Measure the newest rows over a week of ticks."""
    with at.database() as url:
        day = bars_history.Sizes(sizes.ticks // bars_history.DAYS, drawn_out)
        loaded = bars_history.load(at, url, folder / "day.copy", day)
        bars_history.rebuild(url, f"{at.edition}: making the bars")
        with psycopg.connect(url, autocommit=True) as link:
            link.execute("vacuum analyze")
            print(f"{at.edition}: {loaded:,} ticks\n")
            report_times(at.edition, newest(link, sizes), {"latest": 100})


def main() -> None:
    """Measure and print."""
    args = arguments(__doc__ or "", options)
    sizes = Sizes(FIRST, BARS, 100, 20_000_000)
    if args.quick:
        sizes = Sizes(END - timedelta(days=145), 100_000, 10, 200_000)
    if args.ticks is not None:
        sizes = sizes._replace(ticks=args.ticks)
    drawn_out = bars_history.QUICK_DRAWN_OUT if args.quick else 1
    with tempfile.TemporaryDirectory(prefix="thor-bench-features-") as name:
        duck = duckdb.connect()
        make(duck, sizes.first)
        for edition in editions(args.edition):
            with workbench(edition=edition) as at:
                machine(at.versions())
                measure(at, duck, Path(name), sizes)
                if sizes.ticks:
                    measure_newest(at, Path(name), sizes, drawn_out)


if __name__ == "__main__":
    main()
