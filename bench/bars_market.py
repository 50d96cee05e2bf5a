"""What the benchmarks of the bars share: a market on the wall clock, and the keeper beside.

Ticks are those of the simulated market, drawn out or pressed together until they come at an exact
rate, and moved to when they are wanted: the work of a tick depends on how old it is by the
database's clock. Batches go in through `thor.market.ticks.writer.TickWriter`, as an ingestor's do;
the bus is left out. Bars of ticks that came late are the business of `jobs.bars`, which runs beside
in a process of its own wherever such ticks are written.
"""

import gc
import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar

import msgspec
import psycopg
from workbench import Workbench, spawned, ticks

from jobs import bars as bars_job
from thor import database
from thor.config import Settings
from thor.domain.tick import Tick
from thor.market.ticks.batch import EntryTicks
from thor.market.ticks.writer import TickWriter
from thor.runtime import Stop, Stopped

BATCH_ROWS = 5000
ENTRY_TICKS = 1000
TICKS_PER_S = 5000
WIDTHS = ("1s", "1m", "5m", "1h")
LATE_BY = timedelta(minutes=1)
_CAUGHT_UP_WITHIN_S = 300
_FIRST = datetime(2000, 1, 1, tzinfo=UTC)

Result = TypeVar("Result")


class Market(NamedTuple):
    """So many ticks of the simulated market, exactly so dense, the first one at `start`."""

    ticks: int
    ticks_per_s: float
    start: datetime
    seed: int = 7


def made(database_url: str, of: Market) -> list[Tick]:
    """Return the ticks of a market, in order of time; `received_at` is `ts`."""
    found = ticks(database_url, of.ticks, of.ticks_per_s, of.seed)
    first = found[0].ts
    stretch = timedelta(seconds=(of.ticks - 1) / of.ticks_per_s) / (found[-1].ts - first)
    moved = []
    for tick in found:
        ts = of.start + (tick.ts - first) * stretch
        moved.append(msgspec.structs.replace(tick, ts=ts, received_at=ts))
    return moved


def cut(market: Sequence[Tick], rows: int = BATCH_ROWS) -> list[list[Tick]]:
    """Cut ticks into batches of so many."""
    return [list(market[at : at + rows]) for at in range(0, len(market), rows)]


def cut_by_time(market: Sequence[Tick], start: datetime, every_s: float) -> list[list[Tick]]:
    """Cut ticks into what is due at the end of each stretch of so many seconds."""
    batches: list[list[Tick]] = [[]]
    for tick in market:
        while tick.ts >= start + timedelta(seconds=every_s * len(batches)):
            batches.append([])
        batches[-1].append(tick)
    return batches


def entries(batch: Sequence[Tick], first: int) -> list[EntryTicks]:
    """Return a batch for `TickWriter`, its ordinals from `first` on."""
    return [
        EntryTicks(f"{first + at}-0", first + at, len(part), part, [])
        for at, part in ((at, list(batch[at : at + ENTRY_TICKS])) for at in _firsts(len(batch)))
    ]


def _firsts(count: int) -> range:
    return range(0, count, ENTRY_TICKS)


def some_late(batch: Sequence[Tick], share: float, chance: random.Random) -> list[Tick]:
    """Return the batch with a share of its ticks a minute late: received now, older by `ts`."""
    found = list(batch)
    for index in chance.sample(range(len(found)), round(len(found) * share)):
        tick = found[index]
        found[index] = msgspec.structs.replace(tick, ts=tick.ts - LATE_BY)
    return found


def write_all(database_url: str, market: Market, first: int = 0) -> int:
    """Write a market as fast as possible; returns the ordinal after its last tick."""
    with database.connect(database_url, "bench") as connection:
        store = TickWriter(connection, "bench-1")
        for batch in cut(made(database_url, market)):
            store.write(entries(batch, first))
            first += len(batch)
    return first


def quieten() -> None:
    """Keep the collector of garbage from walking through what was prepared."""
    gc.collect()
    gc.freeze()


def in_child(function: Callable[..., Result], *values: Any) -> Result:
    """Run in a process that has done nothing else."""
    with ProcessPoolExecutor(1, mp_context=spawned) as pool:
        return pool.submit(function, *values).result()


class Keeper(NamedTuple):
    """The keeper of the bars beside: its process, and how often a server made it wait."""

    process: Any
    waits: Any


@contextmanager
def keeper(at: Workbench, database_url: str) -> Iterator[Keeper]:
    """Run `jobs.bars` on a database in a process of its own."""
    settings = at.settings.model_copy(update={"database_url": database_url})
    waits = spawned.Value("i", 0)
    process = spawned.Process(target=_keep, args=(settings, waits), daemon=True)
    process.start()
    try:
        yield Keeper(process, waits)
        assert process.is_alive(), f"jobs.bars ended with code {process.exitcode}"
    finally:
        process.terminate()
        process.join(30)


class _Waits:
    """A log that only counts how often the job had to try again."""

    def __init__(self, waits: Any) -> None:
        self._waits = waits

    def info(self, *_: object, **__: object) -> None:
        self._waits.value += 1

    def debug(self, *_: object, **__: object) -> None:
        pass


def _keep(settings: Settings, waits: Any) -> None:
    stop = Stop()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with suppress(Stopped):
        bars_job.main(settings, stop, _Waits(waits))


def stale_s(connection: psycopg.Connection[Any]) -> float:
    """Return for how long the oldest range with a stale bar has been waiting; 0 where none is."""
    found = connection.execute(
        "select extract(epoch from clock_timestamp() - min(recorded_at))"
        " from market.bars_to_refresh"
    ).fetchone()
    return float(found[0] or 0) if found else 0.0


def caught_up(database_url: str) -> float:
    """Wait until no bar is stale; return how many seconds that took."""
    begin = time.monotonic()
    with psycopg.connect(database_url, autocommit=True) as connection:
        while stale_s(connection) > 0:
            took_s = time.monotonic() - begin
            assert took_s < _CAUGHT_UP_WITHIN_S, f"bars still stale after {took_s:.0f} s"
            time.sleep(0.05)
    return time.monotonic() - begin


def newest_materialised(database_url: str) -> datetime:
    """Return up to when one-second bars are stored: a tick older than that comes late."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        found = connection.execute(
            "select _timescaledb_functions.to_timestamp("
            "_timescaledb_functions.cagg_watermark(mat_hypertable_id))"
            " from _timescaledb_catalog.continuous_agg where user_view_name = '_bars_1s'"
        ).fetchone()
    newest: datetime = found[0] if found else _FIRST
    return newest


def compare_to_ticks(database_url: str, ticks_written: int) -> None:
    """Check a run: every tick is in the database, and in a bar of every width."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        for table in ("count(*) from market.ticks", *(_counted(width) for width in WIDTHS)):
            found = connection.execute(f"select {table}").fetchone()
            assert found == (ticks_written,), f"{table}: {found}, {ticks_written} were written"


def _counted(width: str) -> str:
    return f"sum(ticks)::bigint from market.bars_{width}"


class Runs(NamedTuple):
    """What a policy did: how often it ran, how often it failed, how long its last run took."""

    runs: int
    failures: int
    last_ms: float


def policies(database_url: str) -> dict[str, Runs]:
    """Return what the database's policies did so far, by what they do; none on plain."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        if connection.execute("select to_regnamespace('timescaledb_information')").fetchone() == (
            None,
        ):
            return {}
        rows = connection.execute(
            "select case j.proc_name when 'policy_refresh_continuous_aggregate' then 'refresh '"
            " when 'convert_chunks' then 'columnstore ' else j.proc_name end"
            " || coalesce(v.view_name, j.hypertable_name), coalesce(s.total_runs, 0),"
            " coalesce(s.total_failures, 0),"
            " coalesce(extract(epoch from s.last_run_duration) * 1000, 0)"
            " from timescaledb_information.jobs as j"
            " left join timescaledb_information.job_stats as s on s.job_id = j.job_id"
            " left join timescaledb_information.continuous_aggregates as v"
            " on j.hypertable_name in (v.materialization_hypertable_name, v.view_name)"
            " where j.job_id >= 1000 order by j.job_id"
        ).fetchall()
    return {name: Runs(int(runs), int(failures), float(ms)) for name, runs, failures, ms in rows}
