"""Measure a history of 20 million ticks: on disk, to read a day, to rebuild all bars.

A trade date of the simulated market with its real hours (eleven symbols, sparse by night, dense in
regular hours; closed where the exchange is), 4 million ticks, stands five times from Monday to
Friday: the ticks of a day repeat, the bars, chunks and files do not. With `--quick` 400,000 ticks a
day, of which an eighth of every hour is simulated and drawn out to the whole. A feed's latency, a
log-normal one of some 20 ms, lies between `ts` and `received_at`, and `created_at` is what batches
of 50 ms leave, since either takes its bytes. Ticks are loaded without making bars.

rebuild    `thor.market.bars.refresh.rebuild` over all of it: the first time, where there are no
bars yet, again, as `thor bars rebuild` is used, and on Community from the columnstore DuckDB
the same four widths, each made of the one below as Thor makes them, over the same ticks in Parquet
(exported outside the timing), in its own threads and in memory, with no key, transaction or disk;
held to Thor's bars by sums over every column a day      `bars_1m` of one symbol and trade date, 200
at random, warm, from `execute` to the last row as Python objects

Sizes are those of the table and its indexes together, bytes over ticks; in columns once every chunk
was converted. A tick's space there is mostly its instants, which are given to the microsecond and
hold nothing to compress but their order: so beside the live week stands a day as a tape leaves it,
numbered 1, 2, 3, `received_at` as `ts`, `created_at` that of its load. The thinner the market, the
longer the instants: hold the goal against the full run only. The columnstore policies are held
meanwhile: they would convert at will.
"""

import random
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
import psycopg
from bars_market import WIDTHS
from workbench import (
    COLUMNS,
    Workbench,
    add_edition,
    arguments,
    editions,
    goal,
    machine,
    percentile,
    reported,
    simulator,
    table,
    thousands,
    workbench,
)

from thor import database
from thor.market.bars import refresh
from thor.market.ticks.batch import COLUMN_TYPES, columns

DAYS = 5
# Sunday 17:00 in Chicago, where Monday's trade date begins; no clock changes in that week.
FIRST_DAY = datetime(2025, 10, 26, 22, 0, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MICROSECOND = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
END = FIRST_DAY + DAYS * DAY
# What the simulated market makes of a rate in 23 hours with their ups and downs.
TICKS_A_DAY_PER_RATE = 31_450
QUICK_DRAWN_OUT = 8
QUESTIONS = 200
NAMES = ", ".join([*COLUMNS, "created_at"])

A_DAY = {
    "bars_1m of a symbol and day": (
        "select * from market.bars_1m where symbol = %(symbol)s and bar_start >= %(first)s"
        " and bar_start < %(end)s order by bar_start"
    ),
    "… by bars_between": (
        "select * from market.bars_between('1m', %(symbol)s, %(first)s, %(end)s, 2000)"
    ),
    "… by trade_date": (
        "select * from market.bars_1m where symbol = %(symbol)s and trade_date = %(trade_date)s"
        " order by bar_start"
    ),
}

# The stored bars, as sums that every value and its place go into.
SUMS = (
    "select count(*), sum(ticks), sum(trades), sum(volume), sum(volume_buy), sum(volume_sell),"
    " sum(high), sum(low), sum(notional), sum(spread_sum), sum(quotes),"
    " sum(open * {0}), sum(close * {0}), sum(bid_close * {0}), sum(ask_close * {0})"
    " from {1}"
)
PLACE = "(cast(extract(epoch from bar_start) as bigint) % 1009)"


class Sizes(NamedTuple):
    """How much is measured."""

    day_ticks: int
    drawn_out: int


Row = tuple[Any, ...]


def day_rows(database_url: str, sizes: Sizes) -> Iterator[Row]:
    """Yield the rows of the first trade date, in order of time."""
    rate = sizes.day_ticks * sizes.drawn_out / TICKS_A_DAY_PER_RATE
    chance = np.random.default_rng(7)
    seq = 0
    for hour in range(23):
        start = FIRST_DAY + hour * HOUR
        made = simulator(database_url, start, rate, hour, always_open=False)
        latencies: Iterator[float] = chain.from_iterable(
            iter(lambda: chance.lognormal(np.log(0.02), 0.5, 10_000).tolist(), None)
        )
        for step in made.steps():
            if step.at > start + HOUR / sizes.drawn_out:
                break
            for tick in step.ticks:
                ts = start + (tick.ts - start) * sizes.drawn_out
                received_at = ts + timedelta(seconds=next(latencies))
                waited_us = 50_000 - received_at.microsecond % 50_000
                created_at = received_at + timedelta(microseconds=waited_us)
                # As the simulator numbers: microseconds, or one more where two are the same.
                seq = max(seq + 1, (ts - EPOCH) // MICROSECOND)
                _, symbol, _, *others, _ = columns(tick)
                yield (ts, symbol, seq, *others, received_at, created_at)


def load(at: Workbench, database_url: str, day_file: Path, sizes: Sizes) -> int:
    """Load the week; the first edition's day is kept for the others. Returns the ticks."""
    with database.connect(database_url, "bench") as connection, connection.cursor() as cursor:
        cursor.execute("set synchronize_seqscans = off")
        cursor.execute(
            f"create unlogged table bench_day as select {NAMES} from market.ticks".encode()
        )
        copy_in = f"copy bench_day ({NAMES}) from stdin (format binary)".encode()
        if day_file.exists():
            with cursor.copy(copy_in) as copy, day_file.open("rb") as file:
                while block := file.read(1 << 20):
                    copy.write(block)
        else:
            reported("simulating a day")
            with cursor.copy(copy_in) as copy:
                copy.set_types([*COLUMN_TYPES, "timestamptz"])
                for row in day_rows(database_url, sizes):
                    copy.write_row(row)
            copy_out = f"copy bench_day ({NAMES}) to stdout (format binary)".encode()
            with cursor.copy(copy_out) as copy, day_file.open("wb") as file:
                for part in copy:
                    file.write(part)
        reported(f"{at.edition}: loading {DAYS} days")
        if at.edition == "plain":
            cursor.execute("alter table market.ticks disable trigger keep_bars")
        else:
            cursor.execute(
                "select public.alter_job(job_id, scheduled => false)"
                " from timescaledb_information.jobs where proc_name = 'convert_chunks'"
            )
        later = "{0} + %(days)s * interval '1 day'"
        moved = {name: later.format(name) for name in ("ts", "received_at", "created_at")}
        moved["seq"] = "seq + %(days)s * 86400000000::bigint"
        chosen = ", ".join(moved.get(name, name) for name in [*COLUMNS, "created_at"])
        text = f"insert into market.ticks ({NAMES}) select {chosen} from bench_day"
        loaded = 0
        for days in range(DAYS):
            loaded += cursor.execute(text.encode(), {"days": days}).rowcount
        if at.edition == "plain":
            cursor.execute("alter table market.ticks enable trigger keep_bars")
        cursor.execute("vacuum analyze market.ticks")
        cursor.execute("checkpoint")
    return loaded


def export(database_url: str, folder: Path) -> None:
    """Write the same week as Parquet, a file a day."""
    reported("exporting to Parquet")
    names = "symbol, ts, seq, source, last, bid, ask, side, volume_delta, is_trade, is_sampled"
    types = {
        **{"symbol": "varchar", "ts": "timestamp", "seq": "bigint", "source": "varchar"},
        **dict.fromkeys(("last", "bid", "ask"), "decimal(18, 8)"),
        **{"side": "varchar", "volume_delta": "bigint", "is_trade": "boolean"},
        **{"is_sampled": "boolean", "received_at": "timestamp", "created_at": "timestamp"},
        "trade_date": "date",
    }
    csv = folder / "day.csv"
    with psycopg.connect(database_url) as connection, connection.cursor() as cursor:
        copy_out = (
            f"copy (select {names.replace(' ts,', ' ts at time zone $$UTC$$,')},"
            " received_at at time zone $$UTC$$, created_at at time zone $$UTC$$, trade_date"
            " from market.ticks where ts < %s) to stdout (format csv)"
        )
        with cursor.copy(copy_out.encode(), [FIRST_DAY + DAY]) as copy, csv.open("wb") as file:
            for block in copy:
                file.write(block)
    with duckdb.connect() as duck:
        duck.execute(
            "create table day as select * from read_csv(?, header = false, columns = ?)",
            [str(csv), types],
        )
        csv.unlink()
        for days in range(DAYS):
            duck.execute(
                "copy (select * replace ("
                + ", ".join(
                    f"{name} + interval {days} day as {name}"
                    for name in ("ts", "received_at", "created_at")
                )
                + f", seq + {days} * 86400000000 as seq, trade_date + {days} as trade_date)"
                f" from day) to '{folder}/day-{days}.parquet' (format parquet)"
            )


_LATE = (
    "count(*) filter (where received_at - ts > interval 1 second"
    " and received_at - {0} > interval {1} second) as late_{2}"
)
_SECONDS = {"1s": 1, "1m": 60, "5m": 300, "1h": 3600}
_DAY_END = "(((trade_date + time '17:00') at time zone 'America/Chicago') at time zone 'UTC')"
_ORDER = "ts, seq, source"


def _bars_of_ticks(files: str) -> str:
    late = [
        _LATE.format(f"time_bucket(interval {seconds} second, ts)", seconds + 1, width)
        for width, seconds in _SECONDS.items()
    ]
    late.append(_LATE.format(_DAY_END, 1, "1d"))
    buy, sell = (f"is_trade and side = '{side}'" for side in "BS")
    return f"""
    create or replace table bars_1s as
    select symbol, time_bucket(interval 1 second, ts) as bar_start,
        (array_agg(last order by {_ORDER}) filter (where is_trade))[1] as open,
        max(last) filter (where is_trade) as high,
        min(last) filter (where is_trade) as low,
        (array_agg(last order by {_ORDER}) filter (where is_trade))[-1] as close,
        cast(sum(volume_delta) filter (where is_trade) as bigint) as volume,
        cast(sum(volume_delta) filter (where {buy}) as bigint) as volume_buy,
        cast(sum(volume_delta) filter (where {sell}) as bigint) as volume_sell,
        count(*) filter (where is_trade) as trades,
        count(*) as ticks,
        sum(last * volume_delta) filter (where is_trade) as notional,
        (array_agg(bid order by {_ORDER}) filter (where bid is not null))[-1] as bid_close,
        (array_agg(ask order by {_ORDER}) filter (where ask is not null))[-1] as ask_close,
        sum(ask - bid) as spread_sum,
        count(ask - bid) as quotes,
        {", ".join(late)},
        bool_or(is_sampled) as is_sampled,
        max(created_at) as changed_at
    from read_parquet('{files}')
    group by all
    """


def _bars_of_bars(width: str, below: str) -> str:
    sums = ("volume", "volume_buy", "volume_sell", "trades", "ticks", "quotes")
    late = tuple(f"late_{one}" for one in (*WIDTHS[WIDTHS.index(width) :], "1d"))
    first, last = "[1]", "[-1]"
    ends = [("open", first), ("close", last), ("bid_close", last), ("ask_close", last)]
    return f"""
    create or replace table bars_{width} as
    select symbol, time_bucket(interval {_SECONDS[width]} second, b.bar_start) as bar_start,
        {
        ", ".join(
            f"(array_agg({name} order by b.bar_start) filter (where {name} is not null)){which}"
            f" as {name}"
            for name, which in ends
        )
    },
        max(high) as high, min(low) as low,
        {", ".join(f"cast(sum({name}) as bigint) as {name}" for name in (*sums, *late))},
        sum(notional) as notional, sum(spread_sum) as spread_sum,
        bool_or(is_sampled) as is_sampled, max(changed_at) as changed_at
    from bars_{below} as b
    group by all
    """


def in_duckdb(folder: Path) -> tuple[float, dict[str, Row]]:
    """Make the four widths in DuckDB; return the seconds of the second time, and the sums."""
    reported("the same in DuckDB")
    settings: dict[str, Any] = {"memory_limit": "8GB", "temp_directory": str(folder / "duckdb")}
    took_s = 0.0
    with duckdb.connect(config=settings) as duck:
        for _ in range(2):
            begin = time.perf_counter()
            duck.execute(_bars_of_ticks(f"{folder}/day-*.parquet"))
            for below, width in pairwise(WIDTHS):
                duck.execute(_bars_of_bars(width, below))
            took_s = time.perf_counter() - begin
        found = {
            width: duck.execute(SUMS.format(PLACE, f"bars_{width}")).fetchone() for width in WIDTHS
        }
    return took_s, {width: sums for width, sums in found.items() if sums}


def rebuild(database_url: str, what: str) -> float:
    """Rebuild all bars as `thor bars rebuild` does; return the seconds."""
    reported(what)
    with database.connect(database_url, "bench") as connection:
        begin = time.perf_counter()
        for _ in refresh.rebuild(connection, FIRST_DAY, END):
            pass
        return time.perf_counter() - begin


def sums_of(database_url: str) -> dict[str, Row]:
    """Return the sums over the stored bars of every width."""
    with psycopg.connect(database_url) as connection:
        found = {
            width: connection.execute(
                SUMS.format(PLACE, f"market._bars_{width}").encode()
            ).fetchone()
            for width in WIDTHS
        }
    return {width: sums for width, sums in found.items() if sums}


def ask(database_url: str) -> dict[str, list[float]]:
    """Ask for symbols and days at random; return ms of each question."""
    times: dict[str, list[float]] = {name: [] for name in A_DAY}
    chance = random.Random(7)
    with database.connect(database_url, "bench") as connection:
        found = connection.execute("select distinct symbol from market._bars_1h").fetchall()
        symbols = sorted(symbol for (symbol,) in found)
        for number in range(QUESTIONS + 20):
            symbol, days = chance.choice(symbols), chance.randrange(DAYS)
            first = FIRST_DAY + days * DAY
            values = {
                **{"symbol": symbol, "first": first, "end": first + DAY},
                "trade_date": (first + DAY).date(),
            }
            for name, text in A_DAY.items():
                begin = time.perf_counter()
                rows = connection.execute(text.encode(), values).fetchall()
                took_ms = (time.perf_counter() - begin) * 1000
                assert len(rows) > 500, f"{name}: {len(rows)} bars of {symbol} on {first}"
                # The first ones load what every connection loads once.
                if number >= 20:
                    times[name].append(took_ms)
    return times


def convert(database_url: str, hypertables: str) -> float:
    """Convert every chunk of some hypertables to columns; return the seconds."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        chunks = connection.execute(
            "select format('%I.%I', chunk_schema, chunk_name) from timescaledb_information.chunks"
            f" where not is_compressed and hypertable_name in ({hypertables}) order by 1".encode()
        ).fetchall()
        begin = time.perf_counter()
        for (chunk,) in chunks:
            connection.execute("call public.convert_to_columnstore(%s::regclass)", [chunk])
        took_s = time.perf_counter() - begin
        connection.execute("checkpoint")
    return took_s


BARS_STORED = (
    "select materialization_hypertable_name from timescaledb_information.continuous_aggregates"
)


def tape_bytes(at: Workbench, database_url: str) -> float:
    """Load the day once more as a tape would, into columns; return its bytes a tick."""
    fixed = {
        **{"ts": "ts + interval '14 days'", "received_at": "ts + interval '14 days'"},
        **{"seq": "row_number() over (order by ts, seq)", "source": "'TAPE:00000000'"},
    }
    before, _ = sizes_of(at, database_url)["ticks"]
    with psycopg.connect(database_url, autocommit=True) as connection:
        chosen = ", ".join(fixed.get(name, name) for name in COLUMNS)
        text = f"insert into market.ticks ({', '.join(COLUMNS)}) select {chosen} from bench_day"
        loaded = connection.execute(text.encode()).rowcount
    convert(database_url, "'ticks'")
    return (sizes_of(at, database_url)["ticks"][0] - before) / loaded


def sizes_of(at: Workbench, database_url: str) -> dict[str, tuple[int, int]]:
    """Return bytes of the ticks and of all bars: everything, and the indexes of it."""
    if at.edition == "plain":
        ticks = "select pg_total_relation_size('market.ticks'), pg_indexes_size('market.ticks')"
        stored = (
            "select sum(pg_total_relation_size(t))::bigint, sum(pg_indexes_size(t))::bigint"
            " from unnest(array['market._bars_1s', 'market._bars_1m', 'market._bars_5m',"
            " 'market._bars_1h']::regclass[]) as t"
        )
    else:
        ticks = (
            "select sum(total_bytes)::bigint, sum(index_bytes)::bigint"
            " from public.hypertable_detailed_size('market.ticks')"
        )
        stored = (
            "select sum(s.total_bytes)::bigint, sum(s.index_bytes)::bigint"
            " from timescaledb_information.continuous_aggregates as c cross join lateral"
            " public.hypertable_detailed_size(format('%I.%I', c.materialization_hypertable_schema,"
            " c.materialization_hypertable_name)::regclass) as s"
        )
    with psycopg.connect(database_url) as connection:
        found = {
            what: connection.execute(text.encode()).fetchone()
            for what, text in (("ticks", ticks), ("bars", stored))
        }
    return {what: (row[0], row[1]) for what, row in found.items() if row}


class Week:
    """What was measured on one edition."""

    def __init__(self, edition: str, ticks: int) -> None:
        """Take what it was measured on."""
        self.edition = edition
        self.ticks = ticks
        self.sizes: dict[str, dict[str, tuple[int, int]]] = {}
        self.rebuilds: dict[str, float] = {}
        self.times: dict[str, dict[str, list[float]]] = {}
        self.sums: dict[str, Row] = {}
        self.converted_s = 0.0
        self.tape_bytes = 0.0


def measure(at: Workbench, folder: Path, sizes: Sizes) -> Week:
    """Load the week into a fresh database and measure all but DuckDB."""
    with at.database() as url:
        week = Week(at.edition, load(at, url, folder / "day.copy", sizes))
        week.rebuilds["the first time"] = rebuild(url, f"{at.edition}: making the bars")
        week.sums = sums_of(url)
        # Before anything is rebuilt: dead rows of a rebuild go with the next vacuum.
        week.sizes["rows"] = sizes_of(at, url)
        week.rebuilds["again"] = rebuild(url, f"{at.edition}: making them again")
        assert sums_of(url) == week.sums, "bars made again are others"
        reported(f"{at.edition}: questions")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("vacuum analyze")
        week.times["in rows"] = ask(url)
        if not (folder / "day-0.parquet").exists():
            export(url, folder)
        if at.edition == "timescale":
            reported("converting to columns")
            week.converted_s = convert(url, "'ticks'")
            week.rebuilds["from columns"] = rebuild(url, "making the bars from columns")
            assert sums_of(url) == week.sums, "bars made from columns are others"
            convert(url, BARS_STORED)
            week.sizes["columns"] = sizes_of(at, url)
            week.times["in columns"] = ask(url)
            assert sums_of(url) == week.sums, "bars in columns are others"
            week.tape_bytes = tape_bytes(at, url)
        return week


def report(week: Week) -> None:
    """Print what was measured on one edition, and the goals."""
    print(f"{week.edition}: {week.ticks:,} ticks, {', '.join(_bars_counted(week))}\n")
    rows: list[list[object]] = []
    for how, found in week.sizes.items():
        for what, (total, index) in found.items():
            a_tick = f"{total / week.ticks:.1f}"
            rows.append([f"{what} in {how}", _mb(total), _mb(index), a_tick])
    if week.tape_bytes:
        rows.append(["a tape's ticks in columns", "", "", f"{week.tape_bytes:.1f}"])
    table(["on disk", "MB", "of it indexes", "bytes a tick"], rows)
    if week.converted_s:
        rate = thousands(week.ticks / week.converted_s)
        print(f"ticks to columns: {week.converted_s:.1f} s, {rate} ticks/s\n")
    rows = [
        [f"{name}, {how}", len(ms), *(f"{percentile(ms, share):.1f}" for share in SHARES)]
        for how, times in week.times.items()
        for name, ms in times.items()
    ]
    table(["ms", "times", "P50", "P95", "P99"], rows)
    if "columns" in week.sizes:
        a_tick_in_columns = week.sizes["columns"]["ticks"][0] / week.ticks
        for text, found_bytes in (
            ("live ticks in columns", a_tick_in_columns),
            ("a tape's ticks in columns", week.tape_bytes),
        ):
            text = f"{week.edition}: {text} ≤ 16 bytes a tick"
            goal(text, f"{found_bytes:.1f} bytes", found_bytes <= 16)
    for how, times in week.times.items():
        name, ms = next(iter(times.items()))
        p95 = percentile(ms, 0.95)
        goal(f"{week.edition}: {name}, {how}, P95 ≤ 20 ms", f"{p95:.1f} ms", p95 <= 20)
    print(flush=True)


SHARES = (0.5, 0.95, 0.99)


def _bars_counted(week: Week) -> list[str]:
    return [f"{sums[0]:,} bars of {width}" for width, sums in week.sums.items()]


def _mb(size: int) -> str:
    return f"{size / 1e6:,.1f}"


def compare(weeks: list[Week], folder: Path) -> None:
    """Print the rebuilds beside DuckDB's, once its bars are found to be the same."""
    duck_s, sums = in_duckdb(folder)
    for week in weeks:
        for width in WIDTHS:
            of_duck, of_thor = sums[width], week.sums[width]
            assert of_duck == of_thor, f"{week.edition}, {width}:\n{of_thor}\nDuckDB:\n{of_duck}"
    ticks = weeks[0].ticks
    duck = ["DuckDB, from Parquet", f"{duck_s:.1f}", thousands(ticks / duck_s), "1.00"]
    rows: list[list[object]] = [[*duck]]
    for week in weeks:
        for how, took_s in week.rebuilds.items():
            against = f"{duck_s / took_s:.3f}"
            shown = f"{week.edition}, {how}"
            rows.append([shown, f"{took_s:.1f}", thousands(week.ticks / took_s), against])
    print("The bars of DuckDB and of each edition are the same at every width.\n")
    table(["all four widths made anew", "s", "ticks/s", "× DuckDB"], rows)


def main() -> None:
    """Measure and print."""
    args = arguments(__doc__ or "", add_edition)
    sizes = Sizes(400_000, QUICK_DRAWN_OUT) if args.quick else Sizes(4_000_000, 1)
    weeks: list[Week] = []
    with tempfile.TemporaryDirectory(prefix="thor-bench-week-") as name:
        folder = Path(name)
        for edition in editions(args.edition):
            with workbench(edition=edition) as at:
                machine(at.versions())
                weeks.append(measure(at, folder, sizes))
                report(weeks[-1])
        if weeks:
            compare(weeks, folder)


if __name__ == "__main__":
    main()
