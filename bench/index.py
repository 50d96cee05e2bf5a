"""Measure which indexes market.ticks should have: one or two.

Compared on the same rows (11 symbols, ten exchange days), in tables that differ in nothing else:

A   one unique index `(symbol, ts, seq, source)`; what asks by time alone relies on PostgreSQL 18 to
skip from symbol to symbol B   unique `(ts, symbol, seq, source)`, and `(symbol, ts)` beside it C
A and a BRIN index on `ts` D   A and a plain index on `ts`, for who asks for the newest of all
symbols

Rows go in as an ingestor sends them: 5,000 a transaction, COPY BINARY, each batch sorted by the
table's own unique index. They are encoded beforehand, so what is timed is the server's work; in the
ingestor Python's share comes on top and makes the ratios milder (`ingest.py`). The tables take
turns at every tenth of the rows.

Queries are timed warm, medians, round robin, rows fetched in binary form. Some ask for all symbols
by time alone; `… named` is the same question where the asker lists the symbols, which is all that
PostgreSQL 16 and 17 can do well on A: they do not skip.
"""

import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import psycopg
from workbench import (
    COLUMNS,
    Workbench,
    arguments,
    machine,
    reported,
    simulator,
    spread,
    table,
    thousands,
    workbench,
)

from thor.market.ticks.batch import COLUMN_TYPES, columns

BATCH_ROWS = 5000
TURNS = 10
DAYS = 10
FIRST_DAY = datetime(2025, 10, 6, tzinfo=UTC)
NAMES = ", ".join(COLUMNS)
# The order an ingestor sorts a batch by, and the indexes.
VARIANTS = {
    "A": ("symbol, ts, seq, source", ["unique index on {0} (symbol, ts, seq, source)"]),
    "B": (
        "ts, symbol, seq, source",
        ["unique index on {0} (ts, symbol, seq, source)", "index on {0} (symbol, ts)"],
    ),
    "C": (
        "symbol, ts, seq, source",
        ["unique index on {0} (symbol, ts, seq, source)", "index on {0} using brin (ts)"],
    ),
    "D": (
        "symbol, ts, seq, source",
        ["unique index on {0} (symbol, ts, seq, source)", "index on {0} (ts)"],
    ),
}
_SYMBOLS = "array(select symbol from reference.instruments)"
QUERIES = {
    "a symbol's day": (
        "select * from {0} where symbol = 'ES' and ts >= '{day}' and ts < '{next_day}'"
        " order by ts, seq, source"
    ),
    "newest 500 of a symbol": (
        "select * from {0} where symbol = 'ES' order by ts desc, seq desc, source desc limit 500"
    ),
    "newest 500 of all": ("select * from {0} order by ts desc, seq desc, source desc limit 500"),
    "newest of each symbol": (
        "select t.* from reference.series as s cross join lateral (select * from {0} as t where"
        " t.symbol = s.symbol order by ts desc, seq desc, source desc limit 1) as t"
    ),
    "last minute, all": ("select * from {0} where ts >= '{minute}' order by ts, seq, source"),
    "last minute, named": (
        "select * from {0} where symbol = any (" + _SYMBOLS + ") and ts >= '{minute}'"
        " order by ts, seq, source"
    ),
    "a day's export, by ts": (
        "select * from {0} where ts >= '{day}' and ts < '{next_day}' order by ts, seq, source"
    ),
    "a day's export, by symbol": (
        "select * from {0} where ts >= '{day}' and ts < '{next_day}'"
        " order by symbol, ts, seq, source"
    ),
    "ticks by trade_date": "select trade_date, count(*) from {0} group by trade_date",
}


def rows(database_url: str, count: int) -> Iterator[tuple[Any, ...]]:
    """Yield so many rows, ten busy stretches of the simulated market drawn out to days."""
    # A stretch of 500 s at 1,000 ticks/s has the ticks of a day, 23 hours take 165.6 times as
    # long: the distribution over symbols stays, the time it takes to simulate does not.
    a_day = -(-count // DAYS)
    number = 0
    for day in range(DAYS):
        # Two weeks of Sunday to Thursday evening, when the exchange's day begins.
        start = FIRST_DAY + timedelta(days=day + day // 5 * 2, hours=-1)
        stretch = timedelta(hours=22, minutes=59) / timedelta(seconds=a_day / 1000)
        made = 0
        for step in simulator(database_url, start, 1000, seed=day).steps():
            for tick in step.ticks[: a_day - made]:
                number += 1
                ts = start + (tick.ts - start) * stretch
                row = columns(tick)
                yield (ts, row[1], number, *row[3:-1], ts)
            made += len(step.ticks)
            if made >= a_day:
                break


def load(connection: psycopg.Connection[Any], database_url: str, count: int) -> None:
    """Put the rows where every table's batches are cut from."""
    connection.execute(
        f"create unlogged table bench_rows as select {NAMES}, 0 as batch from market.ticks"
    )
    source = rows(database_url, count)
    for batch in range(-(-count // BATCH_ROWS)):
        with (
            connection.cursor() as cursor,
            cursor.copy(f"copy bench_rows ({NAMES}, batch) from stdin (format binary)") as copy,
        ):
            copy.set_types([*COLUMN_TYPES, "int4"])
            for row in islice(source, BATCH_ROWS):
                copy.write_row((*row, batch))
    connection.execute("create index on bench_rows (batch)")
    connection.execute("analyze bench_rows")


def make(connection: psycopg.Connection[Any]) -> None:
    """Make the tables, empty and with their indexes."""
    for name, (_, indexes) in VARIANTS.items():
        connection.execute(
            f"create table bench_{name} (like market.ticks including defaults including generated"
            " including constraints) with (autovacuum_enabled = off)"
        )
        for index in indexes:
            connection.execute(f"create {index.format(f'bench_{name}')}")


def ingest(connection: psycopg.Connection[Any], batches: int) -> dict[str, list[float]]:
    """Fill the tables in turns; return each table's seconds a turn."""
    seconds: dict[str, list[float]] = {name: [] for name in VARIANTS}
    names = list(VARIANTS)
    turn_batches = -(-batches // TURNS)
    for turn, start in enumerate(range(0, batches, turn_batches)):
        shift = turn % len(names)
        for name in names[shift:] + names[:shift]:
            part = range(start, min(start + turn_batches, batches))
            blocks = [_block(connection, batch, VARIANTS[name][0]) for batch in part]
            connection.execute("checkpoint")
            copy_in = f"copy bench_{name} ({NAMES}) from stdin (format binary)"
            begin = time.perf_counter()
            for block in blocks:
                with connection.cursor() as cursor, cursor.copy(copy_in) as copy:
                    copy.write(block)
            seconds[name].append(time.perf_counter() - begin)
    return seconds


def _block(connection: psycopg.Connection[Any], batch: int, order: str) -> bytes:
    text = (
        f"copy (select {NAMES} from bench_rows where batch = {batch} order by {order})"
        " to stdout (format binary)"
    )
    with connection.cursor() as cursor, cursor.copy(text) as copy:
        return b"".join(map(bytes, copy))


def time_queries(
    connection: psycopg.Connection[Any], times: int
) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, str]]]:
    """Return the median milliseconds and the plan's nodes of each query on each table."""
    newest = connection.execute("select max(ts) from bench_A").fetchone()
    assert newest is not None
    day = FIRST_DAY + timedelta(days=7, hours=-1)
    values = {
        "minute": (newest[0] - timedelta(minutes=1)).isoformat(),
        "day": day.isoformat(),
        "next_day": (day + timedelta(days=1)).isoformat(),
    }
    taken: dict[str, dict[str, list[float]]] = {}
    plans: dict[str, dict[str, str]] = {}
    for query, text in QUERIES.items():
        reported(query)
        taken[query] = {name: [] for name in VARIANTS}
        texts = {name: text.format(f"bench_{name}", **values) for name in VARIANTS}
        plans[query] = {name: _plan(connection, texts[name]) for name in VARIANTS}
        found: set[int] = set()
        for number in range(times + 1):
            for name in VARIANTS:
                begin = time.perf_counter()
                cursor = connection.execute(texts[name], binary=True)
                # The first only warms.
                if number:
                    taken[query][name].append((time.perf_counter() - begin) * 1000)
                found.add(cursor.rowcount)
        assert len(found) == 1, f"{query}: the tables answer {found} rows"
    medians = {
        query: {name: statistics.median(ms) for name, ms in by_name.items()}
        for query, by_name in taken.items()
    }
    return medians, plans


def _plan(connection: psycopg.Connection[Any], text: str) -> str:
    found = connection.execute(f"explain (analyze, buffers, format json) {text}").fetchone()
    assert found is not None
    nodes: list[str] = []
    tree: list[Any] = [found[0][0]["Plan"]]
    while tree:
        node = tree.pop()
        tree += node.get("Plans", [])
        kind = node["Node Type"]
        if "Index Searches" in node:
            index = node.get("Index Name", "").removeprefix("bench_")
            kind += f" {index} ({node['Index Searches']} searches)"
        if kind not in {"Limit", "Seq Scan on instruments"}:
            nodes.append(kind)
    buffers = found[0][0]["Plan"]
    touched = buffers["Shared Hit Blocks"] + buffers["Shared Read Blocks"]
    return f"{' < '.join(nodes)}; {touched:,} pages"


def report_sizes(connection: psycopg.Connection[Any], count: int) -> dict[str, float]:
    """Print the tables' and indexes' sizes; return the indexes' bytes a row."""
    found = []
    bytes_a_row: dict[str, float] = {}
    for name in VARIANTS:
        sizes = connection.execute(
            "select pg_table_size(%(t)s::regclass), pg_indexes_size(%(t)s::regclass)",
            {"t": f"bench_{name}"},
        ).fetchone()
        assert sizes is not None
        bytes_a_row[name] = sizes[1] / count
        found.append([name, *(f"{size / 1e6:,.0f} MB" for size in sizes)])
        found[-1] += [f"{size / count:.0f}" for size in sizes]
    table(["sizes", "table", "indexes", "table B/row", "indexes B/row"], found)
    return bytes_a_row


def measure(at: Workbench, count: int, times: int) -> None:
    """Fill the tables, ask them, and print the verdict."""
    with at.database() as url, psycopg.connect(url, autocommit=True) as connection:
        reported(f"making {count:,} rows")
        load(connection, url, count)
        make(connection)
        reported("ingest")
        seconds = ingest(connection, -(-count // BATCH_ROWS))
        for name in VARIANTS:
            connection.execute(f"vacuum (analyze) bench_{name}")
        ratio = {
            name: statistics.median(a / b for a, b in zip(seconds["A"], taken, strict=True))
            for name, taken in seconds.items()
        }
        print(f"{count:,} rows, {DAYS} days, the newest turn last\n")
        table(
            ["ingest, server's work alone", "rows/s", "last turn", "spread", "× A"],
            [
                [
                    name,
                    thousands(count / sum(taken)),
                    thousands(count / len(taken) / taken[-1]),
                    spread(taken),
                    f"{ratio[name]:.2f}",
                ]
                for name, taken in seconds.items()
            ],
        )
        bytes_a_row = report_sizes(connection, count)
        medians, plans = time_queries(connection, times)
        table(
            [f"ms, warm, median of {times}", *VARIANTS, "B ÷ A"],
            [
                [query, *(f"{ms:.2f}" for ms in by.values()), f"{by['B'] / by['A']:.2f}"]
                for query, by in medians.items()
            ],
        )
        for query, by_name in plans.items():
            for name, plan in by_name.items():
                print(f"{query} · {name} · {plan}")
        print()
        verdict(ratio, bytes_a_row, medians)


def verdict(
    ratio: dict[str, float], bytes_a_row: dict[str, float], medians: dict[str, dict[str, float]]
) -> None:
    """Print who is best at what; below 15 % apart is equal on a shared machine."""
    rows_of = [
        ["ingest", *_validated({n: 1 / r for n, r in ratio.items()})],
        ["index bytes a row", *_validated(bytes_a_row)],
        *([query, *_validated(by)] for query, by in medians.items()),
    ]
    heads = [f"{name} costs" for name in VARIANTS]
    table(["verdict (within 15 % is equal)", "best", *heads], rows_of)


def _validated(costs: dict[str, float]) -> list[str]:
    least = min(costs.values())
    best = [name for name, cost in costs.items() if cost <= least * 1.15]
    return [
        "equal" if len(best) == len(costs) else " ".join(best),
        *(f"{cost / least:.2f} ×" for cost in costs.values()),
    ]


def main() -> None:
    """Measure and print."""
    args = arguments(__doc__ or "")
    with workbench() as at:
        machine(at.versions())
        measure(at, 500_000 if args.quick else 5_000_000, 7 if args.quick else 9)


if __name__ == "__main__":
    main()
