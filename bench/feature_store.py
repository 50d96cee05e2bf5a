"""What stored features cost: to read, to keep as bars close, to build, and to hold.

Bars of one minute of eleven symbols are generated and imported, on each edition. The store is
built of them, a year of four symbols timed; then days of one symbol at random and the newest rows
of all are read. At last bars of ticks close while another source writes 5,000 ticks/s: from when a
closing is committed until the rows of all eleven are.

    python bench/feature_store.py [--quick] [--edition plain|timescale]
"""

import random
import tempfile
import threading
import time
from argparse import ArgumentParser
from collections.abc import Callable
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import psycopg
from bars_market import Market, cut, entries, made
from features import END, SYMBOLS, into_postgresql, make
from workbench import (
    Workbench,
    add_edition,
    arguments,
    editions,
    goal,
    machine,
    percentile,
    reported,
    spawned,
    table,
    workbench,
)

from jobs import features as features_job
from thor import database
from thor.flow import build_features
from thor.learning import feature_store
from thor.market.ticks.batch import EntryTicks
from thor.market.ticks.writer import TickWriter
from thor.runtime import Stop, Stopped

Link = psycopg.Connection[Any]
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
TICKS_PER_S = 5000
# A source of its own closes the bars that are timed: its time is not the writer's.
CLOSING = datetime(2025, 11, 3, 15, 0, tzinfo=UTC)
A_DAY = "select * from feat.matrix_1m where symbol = %s and bar_start >= %s and bar_start < %s"
LATEST = "select * from feat.latest('1m', %s)"


class Sizes(NamedTuple):
    """How much is measured."""

    first: datetime
    questions: int
    closings: int


def build(url: str, link: Link, sizes: Sizes) -> None:
    """Build the year before the end for four symbols, timed, then the rest."""
    reported("building")
    year = max(sizes.first, END - 365 * DAY)
    link.execute("delete from store.features_to_refresh")
    link.execute(
        "insert into store.features_to_refresh (width, symbol, ts_from, ts_to, reason)"
        " select '1m', s, %s, %s, 'missing' from unnest(%s::text[]) as s",
        (year, END, list(SYMBOLS[:4])),
    )
    # One symbol's range is joined with the others': those of the four alone are counted.
    with _only(link, SYMBOLS[:4]):
        begin = time.perf_counter()
        rows = sum(done.rows for done in build_features.build(link, threads=2, rows_max=0))
        took_s = time.perf_counter() - begin
    years = (END - year) / (365 * DAY)
    print(f"built {rows:,} rows in {took_s:.1f} s, {rows / took_s:,.0f} rows/s\n")
    goal("a year of 4 symbols ≤ 120 s", f"{took_s / years:.0f} s", took_s / years <= 120)
    build_features.ask(link, ["1m"], sizes.first, END)
    for _ in build_features.build(link, threads=2):
        pass
    link.execute("vacuum analyze")


@contextmanager
def _only(link: Link, symbols: tuple[str, ...]) -> Any:
    """Show the build no bars but those of some symbols."""
    link.execute(
        "create table public.others as select * from market.bars_imported"
        " where symbol <> all(%s)", [list(symbols)],
    )  # fmt: skip
    link.execute("alter table market.bars_imported disable trigger user")
    link.execute("delete from market.bars_imported where symbol <> all(%s)", [list(symbols)])
    try:
        yield
    finally:
        link.execute("insert into market.bars_imported select * from public.others")
        link.execute("alter table market.bars_imported enable trigger user")
        link.execute("drop table public.others")
        link.execute("vacuum analyze market.bars_imported")


def sizes_of(link: Link, edition: str) -> None:
    """Print what a row takes."""
    (rows,) = link.execute("select count(*) from store.features_1m").fetchone() or (0,)
    if edition == "timescale":
        link.execute("select compress_chunk(c) from show_chunks('store.features_1m') as c")
        found = link.execute("select hypertable_size('store.features_1m'), 0").fetchone()
    else:
        found = link.execute(
            "select sum(pg_table_size(relid)), sum(pg_indexes_size(relid))"
            " from pg_partition_tree('store.features_1m') where isleaf"
        ).fetchone()
    heap, keys = found or (0, 0)
    print(f"{rows:,} rows of 1m: {heap / rows:.0f} bytes a row, {keys / rows:.0f} of keys\n")


def timed(link: Link, ask: Callable[[], tuple[str, tuple[Any, ...]]], number: int) -> list[float]:
    """Ask so often; return ms of each question, the first ones left out."""
    found = []
    for turn in range(number + 5):
        query, values = ask()
        begin = time.perf_counter()
        link.execute(query.encode(), values).fetchall()
        if turn >= 5:
            found.append((time.perf_counter() - begin) * 1000)
    return found


def read(link: Link, sizes: Sizes, edition: str) -> None:
    """Read days at random, and the newest rows."""
    reported("reading")
    chance = random.Random(7)
    days = (END - sizes.first).days - 2

    def a_day() -> tuple[str, tuple[Any, ...]]:
        first = sizes.first + DAY * chance.randrange(days)
        return A_DAY, (chance.choice(SYMBOLS), first, first + DAY)

    def newest() -> tuple[str, tuple[Any, ...]]:
        return LATEST, (END - timedelta(seconds=3600 + chance.randrange(20 * 3600)),)

    times = {
        "a day of matrix_1m": (timed(link, a_day, sizes.questions), 30),
        "latest of 11": (timed(link, newest, sizes.questions), 20),
    }
    report(edition, {name: ms for name, (ms, _) in times.items()})
    for name, (ms, limit) in times.items():
        p95 = percentile(ms, 0.95)
        goal(f"{edition}: {name} P95 ≤ {limit} ms", f"{p95:.1f} ms", p95 <= limit)


def report(edition: str, times: dict[str, list[float]]) -> None:
    """Print times in ms."""
    table(
        [f"{edition}, ms", "times", "P50", "P95", "max"],
        [
            [
                name,
                len(ms),
                *(f"{percentile(ms, share):.1f}" for share in (0.5, 0.95)),
                f"{max(ms):.1f}",
            ]
            for name, ms in times.items()
        ],
    )


def keep(at: Workbench, url: str, sizes: Sizes) -> None:
    """Close bars beside a writer, and time until their rows are there."""
    reported("closing bars beside 5,000 ticks/s")
    settings = at.settings.model_copy(update={"database_url": url})
    keeper = spawned.Process(target=_keep, args=(settings,), daemon=True)
    keeper.start()
    is_over = threading.Event()
    writer = threading.Thread(target=_write, args=(url, is_over))
    lags = []
    with database.connect(url, "bench") as link, database.connect(url, "bench") as eyes:
        tick_writer = TickWriter(link, "bench-2")
        market = made(url, Market(11 * 60 * (sizes.closings + 3), 11, CLOSING, seed=9))
        batches = {}
        for tick in market:
            minute = tick.ts.replace(second=0, microsecond=0)
            batches.setdefault(minute, []).append(tick)
        first = 10**12
        writer.start()
        try:
            for number, (minute, batch) in enumerate(sorted(batches.items())[: sizes.closings + 2]):
                clock = EntryTicks(
                    f"c{number}", None, 0, [], [], ("EXCEL", minute + timedelta(seconds=61))
                )
                tick_writer.write(entries(batch, first))
                first += len(batch)
                tick_writer.write([clock])
                closed_at = time.perf_counter()
                wanted = len({tick.symbol for tick in batch if tick.is_trade})
                query = b"select count(*) from store.features_1m where bar_start = %s"
                while True:
                    (found,) = eyes.execute(query, [minute]).fetchone() or (0,)
                    if found >= wanted:
                        break
                    assert time.perf_counter() - closed_at < 60, f"{found} of {wanted}"
                    time.sleep(0.005)
                if number >= 2:
                    lags.append((time.perf_counter() - closed_at) * 1000)
                time.sleep(1.5)
        finally:
            is_over.set()
            writer.join()
            keeper.terminate()
            keeper.join(30)
    report(at.edition, {"closing → rows": lags})
    p95 = percentile(lags, 0.95)
    goal(f"{at.edition}: closing → rows P95 ≤ 1000 ms", f"{p95:.0f} ms", p95 <= 1000)


def _keep(settings: Any) -> None:
    class Quiet:
        def info(self, *_: object, **__: object) -> None:
            pass

        debug = info

    with suppress(Stopped):
        features_job.main(settings, Stop(), Quiet())


def _write(url: str, is_over: threading.Event) -> None:
    """Write ticks of now, 250 at a time, at the rate, until it is over."""
    with database.connect(url, "bench") as link:
        tick_writer = TickWriter(link, "bench-1")
        first = 0
        while not is_over.is_set():
            start = datetime.now(UTC)
            market = made(url, Market(TICKS_PER_S * 5, TICKS_PER_S, start, seed=first))
            begin = time.monotonic()
            for number, batch in enumerate(cut(market, 250)):
                tick_writer.write(entries(batch, first))
                first += len(batch)
                time.sleep(max(0, begin + (number + 1) * 0.05 - time.monotonic()))
                if is_over.is_set():
                    break


def measure(at: Workbench, duck: duckdb.DuckDBPyConnection, folder: Path, sizes: Sizes) -> None:
    """Measure one edition."""
    with at.database() as url:
        with psycopg.connect(url, autocommit=True) as link:
            print(f"{at.edition}: {into_postgresql(duck, link, folder):,} bars imported\n")
            build(url, link, sizes)
            read(link, sizes, at.edition)
            sizes_of(link, at.edition)
            feature_store.catch_up(link, rows_max=10**12)
        keep(at, url, sizes)


def main() -> None:
    """Measure and print."""
    args = arguments(__doc__ or "", options)
    sizes = Sizes(END - 731 * DAY, 200, 40)
    if args.quick:
        sizes = Sizes(END - 40 * DAY, 40, 8)
    with tempfile.TemporaryDirectory(prefix="thor-bench-store-") as name:
        duck = duckdb.connect()
        make(duck, sizes.first)
        for edition in editions(args.edition):
            with workbench(edition=edition) as at:
                machine(at.versions())
                measure(at, duck, Path(name), sizes)


def options(parser: ArgumentParser) -> None:
    """Add what only this benchmark takes."""
    add_edition(parser)


if __name__ == "__main__":
    main()
