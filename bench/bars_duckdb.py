"""What the wider bars cost in DuckDB, beside the one-second bars that they are made of.

A trade date of 10 million ticks (eleven symbols, a third of them trades; as busy as real ones
are to one another, dense in regular hours and thin by night) lies as Parquet in the layout of
the lake. `thor.lake` opens it, and the bars are made of its ticks as `connect(bars="ticks")`
makes them, by the texts that TimescaleDB runs:

1s alone   the one-second bars, from the files
cascade    all four widths: a tick is read once, each width is made of the one below

Both ways take turns, several rounds in one run; the medians are compared. With `--quick` one
million ticks: fewer ticks a bar, and so more of the time for the wider ones.
"""

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
from workbench import arguments, goal, machine, reported, spread, table, thousands

from thor import lake
from thor.lake.query import sql
from thor.lake.query.connect import WIDTHS, make_bars

DAY = "2025-10-28"
# 17:00 in Chicago on the day before, where the trade date begins.
BEGIN = "2025-10-27 22:00:00Z"
SHARES = {
    "ES": 0.3, "NQ": 0.22, "CL": 0.12, "RTY": 0.08, "GC": 0.08, "YM": 0.06, "ZB": 0.05,
    "SI": 0.04, "HG": 0.03, "DX": 0.01, "VX": 0.01,
}  # fmt: skip
RATIO_MAX = 1.15
ROUNDS = 3

# Of the ticks nine in thirteen lie in the six and a half regular hours from 15.5 h on.
TICKS = """
with instants as materialized (
    select
        i,
        {begin}::timestamptz + to_microseconds(
            case when random() < 0.7
                then (15.5 * 3.6e9 + random() * 6.5 * 3.6e9)::bigint
                else (random() * 23 * 3.6e9)::bigint
            end
        ) as ts
    from range({count}) as t (i)
)
select
    ts,
    '{symbol}' as symbol,
    i::bigint as seq,
    'SIM' as source,
    null::varchar as contract,
    case when i % 3 = 0 then (5000 + (i % 401) * 0.25)::decimal(18, 8) end as last,
    (5000 + (i % 399) * 0.25)::decimal(18, 8) as bid,
    (5000.25 + (i % 399) * 0.25)::decimal(18, 8) as ask,
    case when i % 3 = 0 then 1 + (i % 11)::integer end as last_size,
    (random() * 50)::integer as bid_size,
    (random() * 50)::integer as ask_size,
    case when i % 3 = 0 then (case when random() < 0.5 then 'B' else 'S' end) end as side,
    null::bigint as volume,
    last_size::bigint as volume_delta,
    i % 3 = 0 as is_trade,
    false as is_sampled,
    ts + to_microseconds((random() * 40000)::bigint) as received_at,
    ts + to_microseconds(60000) as created_at,
    date '{day}' as trade_date
from instants
order by ts, seq
"""


def write(folder: Path, count: int) -> None:
    """Write a lake of one date with so many ticks."""
    with duckdb.connect() as made:
        made.execute("set timezone = 'UTC'; select setseed(0.7)")
        for symbol, share in SHARES.items():
            part = folder / "ticks" / f"date={DAY}" / f"symbol={symbol}"
            part.mkdir(parents=True)
            rows = TICKS.format(
                begin=f"'{BEGIN}'", symbol=symbol, day=DAY, count=round(count * share)
            )
            file = part / "ticks.parquet"
            made.execute(f"copy ({rows}) to '{file}' (format parquet, compression zstd)")
    (folder / "manifests").mkdir()
    (folder / "manifests" / f"date={DAY}.json").write_text("{}")
    (folder / "lake.json").write_text(json.dumps({"format": 1, "made_by": "bench"}))


def timed(work: Callable[[], object]) -> float:
    """Return how long a work takes, in s."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def main() -> None:
    """Measure and print."""
    args = arguments(__doc__ or "")
    machine(f"DuckDB {duckdb.__version__}")
    count = 1_000_000 if args.quick else 10_000_000
    with tempfile.TemporaryDirectory(prefix="thor-bench-") as name:
        reported(f"writing {count:,} ticks")
        write(Path(name), count)
        with lake.connect(name) as duck:
            finest, body = next(iter(sql.aggregates().items()))
            ways: dict[str, Callable[[], object]] = {
                "1s alone": lambda: duck.execute(f"create or replace table {finest} as {body}"),
                "cascade": lambda: make_bars(duck),
            }
            times: dict[str, list[float]] = {way: [] for way in ways}
            # The first round reads the files into memory, and does not count.
            for number in range(ROUNDS + 1):
                reported(f"round {number} of {ROUNDS}")
                for way, work in ways.items():
                    took_s = timed(work)
                    if number:
                        times[way].append(took_s)
            ((ticks,),) = duck.sql("select count(*) from ticks").fetchall()
            counts = [
                f"{rows:,} of {width}"
                for width in WIDTHS[:-1]
                for ((rows,),) in [
                    duck.sql(f"select count(*) from market._bars_{width}").fetchall()
                ]
            ]
    medians = {way: statistics.median(found) for way, found in times.items()}
    print(f"{ticks:,} ticks; bars: {', '.join(counts)}\n")
    table(
        ["bars of ticks", "s", "spread", "ticks/s", "× 1s alone"],
        [
            [way, f"{medians[way]:.2f}", spread(times[way]), thousands(ticks / medians[way]),
             f"{medians[way] / medians['1s alone']:.3f}"]
            for way in ways
        ],
    )  # fmt: skip
    ratio = medians["cascade"] / medians["1s alone"]
    text = f"all four widths ≤ {RATIO_MAX} × the 1s pass alone"
    goal(text, f"{ratio:.3f} ×", ratio <= RATIO_MAX)


if __name__ == "__main__":
    main()
