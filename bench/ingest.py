"""Measure how fast one ingestor writes ticks from the stream, and whether its memory stays small.

Compared, round robin, each in a process of its own on a fresh database and a stream that was filled
before the clock starts:

thor     `Ingestor` as the job runs it, with the settings' defaults: entries as collectors publish
them, every check, deduplication, the account, acknowledged after commit; entries of a tape (1,000
ticks), of a burst (100) and of a quiet live feed (20). naive    what one writes first: an entry a
tick with a field a column, XREADGROUP of 1,000, `executemany("insert … on conflict do nothing")`
into the same indexed table, commit, XACK. No check and no account. limit    COPY BINARY of the same
rows, prepared beforehand as tuples in memory, by the same Python and driver, into the same columns
without index or check, 5,000 a transaction. The generated trade_date and the default created_at are
columns like the others, so the limit computes them too. Nothing that is kept row by row in this
table by this language can be faster; reading, validating and deduplicating are what Thor adds.

Then, beside them: a tape replayed (every tick a duplicate), two ingestors on one group, and the
memory of an ingestor through five million ticks.
"""

import gc
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

import psutil
import psycopg
import redis
from workbench import (
    COLUMNS,
    MARKET_START,
    Workbench,
    arguments,
    goal,
    machine,
    reported,
    simulator,
    spawned,
    spread,
    table,
    thousands,
    ticks,
    workbench,
)

from thor import database
from thor.config import Settings
from thor.domain.tick import Tick
from thor.flow.ingest import Ingestor
from thor.market.bus.client import Bus
from thor.market.ticks.batch import COLUMN_TYPES, columns
from thor.runtime import Stop, persist

ENTRY_TICKS = (1000, 100, 20)
BATCH_ROWS = 5000
FLAT_STREAM, FLAT_GROUP = "bench:flat", "naive"
_PRICES = frozenset({"last", "bid", "ask"})
_TEXTS = frozenset({"symbol", "source", "contract", "side"})
_FLAGS = frozenset({"is_trade", "is_sampled"})
_INSTANTS = frozenset({"ts", "received_at"})
FLAT_MB = 2.0

Taken = tuple[float, float]  # seconds on the wall, seconds of this process's CPU


class CountedBus(Bus):
    """The bus, ending the intake once so many ticks are acknowledged."""

    def __init__(self, url: str, settings: Settings, wanted: int, stop: Stop) -> None:
        super().__init__(url, settings.bus_ticks_max, settings.bus_keep_s)
        self._ticks_of: dict[str, int] = {}
        self._left = wanted
        self._stop = stop
        self.done_at = 0.0

    def read(self, consumer: str, entries_max: int, block_ms: int) -> list[Any]:
        found = super().read(consumer, entries_max, block_ms)
        for entry in found:
            self._ticks_of[entry.entry_id] = entry.n
        return found

    def acknowledge(self, entry_ids: list[str]) -> None:
        super().acknowledge(entry_ids)
        self._left -= sum(self._ticks_of.pop(entry_id, 0) for entry_id in entry_ids)
        if self._left <= 0:
            self.done_at = time.perf_counter()
            self._stop.set()


def take_in(redis_url: str, database_url: str, settings: Settings, wanted: int) -> Taken:
    """Run one ingestor until so many ticks are acknowledged."""
    stop = Stop()
    bus = CountedBus(redis_url, settings, wanted, stop)
    began: list[tuple[float, float]] = []

    def say(*_: object, **__: object) -> None:
        began.append((time.perf_counter(), time.process_time()))

    Ingestor(settings, bus, database_url, "bench-1").run(stop, say)
    return bus.done_at - began[0][0], time.process_time() - began[0][1]


def take_in_flat(redis_url: str, database_url: str, wanted: int) -> Taken:
    """Do the naive thing until so many ticks are acknowledged."""
    bus = redis.Redis.from_url(redis_url)
    names, marks = ", ".join(COLUMNS), ", ".join(["%s"] * len(COLUMNS))
    insert = f"insert into market.ticks ({names}) values ({marks}) on conflict do nothing"
    with psycopg.connect(database_url) as connection, connection.cursor() as cursor:
        begin, begin_cpu = time.perf_counter(), time.process_time()
        while wanted > 0:
            found: Any = bus.xreadgroup(FLAT_GROUP, "naive-1", {FLAT_STREAM: ">"}, count=1000)
            batches = found.values() if isinstance(found, dict) else [one[1] for one in found]
            entries = [entry for batch in batches for entry in _flattened(batch)]
            cursor.executemany(insert, [_parsed(fields) for _, fields in entries])
            connection.commit()
            bus.xack(FLAT_STREAM, FLAT_GROUP, *[entry_id for entry_id, _ in entries])
            wanted -= len(entries)
        return time.perf_counter() - begin, time.process_time() - begin_cpu


def _flattened(batch: Any) -> Any:
    # The client answers a list in a list or a plain one, as the protocol's version has it.
    return batch[0] if batch and isinstance(batch[0], list) else batch


def _parsed(fields: dict[bytes, bytes]) -> list[Any]:
    row: list[Any] = []
    for name in COLUMNS:
        value = fields.get(name.encode())
        if value is None:
            row.append(None)
        elif name in _TEXTS:
            row.append(value.decode())
        elif name in _PRICES:
            row.append(Decimal(value.decode()))
        elif name in _INSTANTS:
            row.append(datetime.fromisoformat(value.decode()))
        else:
            row.append(value == b"1" if name in _FLAGS else int(value))
    return row


def copy_prepared(database_url: str, wanted: int) -> Taken:
    """Copy rows that are ready into the table without an index, on a connection as Thor's are."""
    rows = [columns(tick) for tick in ticks(database_url, wanted)]
    copy_ticks = f"copy bench_unindexed ({', '.join(COLUMNS)}) from stdin (format binary)"
    with database.connect(database_url, "bench") as connection, connection.cursor() as cursor:
        cursor.execute(
            "create table bench_unindexed (like market.ticks including defaults"
            " including generated)"
        )
        gc.collect()
        begin, begin_cpu = time.perf_counter(), time.process_time()
        for start in range(0, wanted, BATCH_ROWS):
            with cursor.copy(copy_ticks.encode()) as copy:
                copy.set_types(COLUMN_TYPES)
                for row in rows[start : start + BATCH_ROWS]:
                    copy.write_row(row)
        return time.perf_counter() - begin, time.process_time() - begin_cpu


def publish(bus: Bus, batch: Sequence[Tick], entry_ticks: int) -> None:
    """Publish ticks in entries of so many."""
    for start in range(0, len(batch), entry_ticks):
        bus.publish(list(batch[start : start + entry_ticks]))


def publish_flat(redis_url: str, batch: Sequence[Tick]) -> None:
    """Publish an entry a tick, a field a column."""
    bus = redis.Redis.from_url(redis_url)
    bus.xgroup_create(FLAT_STREAM, FLAT_GROUP, id="0", mkstream=True)
    pipe = bus.pipeline(transaction=False)
    for number, tick in enumerate(batch, 1):
        pairs = zip(COLUMNS, columns(tick), strict=True)
        pipe.xadd(FLAT_STREAM, {k: _text(v) for k, v in pairs if v is not None})
        if number % 1000 == 0:
            pipe.execute()
    pipe.execute()


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds")
    return str(int(value)) if isinstance(value, bool) else str(value)


def in_child(function: Callable[..., Taken], *values: Any) -> Taken:
    """Run in a process that has done nothing else."""
    with ProcessPoolExecutor(1, mp_context=spawned) as pool:
        return pool.submit(function, *values).result()


def validated(database_url: str, table_name: str, rows: int) -> None:
    """Hold the measured run to what it had to do."""
    with psycopg.connect(database_url) as connection:
        found = connection.execute(f"select count(*) from {table_name}").fetchone()
        assert found == (rows,), f"{table_name} holds {found}, {rows} were to come"


def round_of(at: Workbench, wanted: int, order: list[str]) -> dict[str, Taken]:
    """Measure every way once, and the replay after the tape."""
    done: dict[str, Taken] = {}
    for name in order:
        with at.database() as url:
            bus_url = at.empty_bus()
            if name == "limit":
                done[name] = in_child(copy_prepared, url, wanted)
                validated(url, "bench_unindexed", wanted)
                continue
            batch = ticks(url, wanted)
            if name == "naive":
                publish_flat(bus_url, batch)
                done[name] = in_child(take_in_flat, bus_url, url, wanted)
            else:
                bus = Bus(bus_url, at.settings.bus_ticks_max, at.settings.bus_keep_s)
                publish(bus, batch, int(name.split()[1]))
                done[name] = in_child(take_in, bus_url, url, at.settings, wanted)
                if name == f"thor {ENTRY_TICKS[0]}":
                    publish(bus, batch, ENTRY_TICKS[0])
                    done["replay"] = in_child(take_in, bus_url, url, at.settings, wanted)
            validated(url, "market.ticks", wanted)
    return done


def one_process(at: Workbench, wanted: int, rounds: int) -> None:
    """Print the ways of one process beside each other, and the two goals."""
    ways = ["limit", *(f"thor {n}" for n in ENTRY_TICKS), "naive"]
    done: list[dict[str, Taken]] = []
    for number in range(rounds):
        reported(f"round {number + 1} of {rounds}")
        shift = number % len(ways)
        done.append(round_of(at, wanted, ways[shift:] + ways[:shift]))

    def against(way: str, other: str) -> float:
        return statistics.median(one[other][0] / one[way][0] for one in done)

    rows = []
    for way, shown in [
        ("limit", "limit: COPY of prepared rows, no index"),
        *((f"thor {n}", f"thor, {n} ticks an entry") for n in ENTRY_TICKS),
        ("replay", f"thor, the same {ENTRY_TICKS[0]}-tick entries again"),
        ("naive", "naive: an entry a tick, executemany"),
    ]:
        walls = [one[way][0] for one in done]
        cpu = statistics.median(one[way][1] for one in done) / wanted * 1e6
        rate = wanted / statistics.median(walls)
        rows.append(
            [
                shown,
                thousands(rate),
                spread(walls),
                f"{cpu:.1f}",
                f"{against(way, 'limit'):.2f}",
                f"{against(way, 'naive'):.2f}",
            ]
        )
    head = ["stream → committed", "ticks/s", "spread", "CPU µs/tick", "× limit", "× naive"]
    print(f"{wanted:,} ticks, medians of {rounds} rounds, one process\n")
    table(head, rows)
    first, live = f"thor {ENTRY_TICKS[0]}", f"thor {ENTRY_TICKS[-1]}"
    for way in (first, live):
        naive, limit = against(way, "naive"), against(way, "limit")
        goal(f"{way} ticks an entry ≥ 3 × naive", f"{naive:.2f} ×", naive >= 3)
        goal(f"{way} ticks an entry ≥ 0.25 × limit", f"{limit:.2f} ×", limit >= 0.25)
    print(flush=True)


def take_in_until(
    redis_url: str, database_url: str, settings: Settings, consumer: str, ready: Any, over: Any
) -> None:
    """Run an ingestor from when all are ready until the parent says that it is over."""
    bus = Bus(redis_url, settings.bus_ticks_max, settings.bus_keep_s)
    stop = Stop()

    def watch() -> None:
        over.wait()
        stop.set()

    threading.Thread(target=watch, daemon=True).start()
    ready.wait()
    Ingestor(settings, bus, database_url, consumer).run(stop)


def side_by_side(at: Workbench, wanted: int, rounds: int) -> None:
    """Print what a second ingestor on the same group adds."""
    walls: dict[int, list[float]] = {1: [], 2: []}
    for number in range(rounds):
        for ingestors in (1, 2) if number % 2 == 0 else (2, 1):
            reported(f"{ingestors} side by side, round {number + 1} of {rounds}")
            with at.database() as url:
                bus_url = at.empty_bus()
                bus = Bus(bus_url, at.settings.bus_ticks_max, at.settings.bus_keep_s)
                bus.open_group()
                publish(bus, ticks(url, wanted), ENTRY_TICKS[0])
                walls[ingestors].append(_side_by_side(at, bus_url, url, ingestors, wanted))
                validated(url, "market.ticks", wanted)
    one, two = statistics.median(walls[1]), statistics.median(walls[2])
    table(
        ["ingestors", "ticks/s", "× one"],
        [[1, thousands(wanted / one), "1.00"], [2, thousands(wanted / two), f"{one / two:.2f}"]],
    )


def _side_by_side(at: Workbench, bus_url: str, url: str, ingestors: int, wanted: int) -> float:
    ready, over = spawned.Barrier(ingestors + 1), spawned.Event()
    children = [
        spawned.Process(
            target=take_in_until, args=(bus_url, url, at.settings, f"bench-{i}", ready, over)
        )
        for i in range(ingestors)
    ]
    for child in children:
        child.start()
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            ready.wait(60)
            begin = time.perf_counter()
            while _received(connection) < wanted:
                time.sleep(0.01)
            return time.perf_counter() - begin
    finally:
        over.set()
        for child in children:
            child.join(30)


def _received(connection: psycopg.Connection[Any]) -> int:
    found = connection.execute("select received from market.ingest_totals").fetchone()
    return int(found[0]) if found else 0


def publish_market(redis_url: str, database_url: str, settings: Settings, wanted: int) -> None:
    """Publish a simulated market as fast as the bus takes it."""
    bus = Bus(redis_url, settings.bus_ticks_max, settings.bus_keep_s)
    stop = Stop()
    for step in simulator(database_url, MARKET_START, 5000).steps():
        part = step.ticks[:wanted]
        if part:
            persist(partial(bus.publish, part), stop)
        wanted -= len(part)
        if not wanted:
            return


def memory(at: Workbench, wanted: int) -> None:
    """Print what an ingestor holds from its first tick to its last."""
    reported(f"memory over {wanted:,} ticks")
    settings = at.settings.model_copy(update={"bus_ticks_max": 500_000})
    with at.database() as url:
        bus_url = at.empty_bus()
        ready, over = spawned.Barrier(2), spawned.Event()
        ingestor = spawned.Process(
            target=take_in_until, args=(bus_url, url, settings, "bench-1", ready, over)
        )
        publisher = spawned.Process(target=publish_market, args=(bus_url, url, settings, wanted))
        ingestor.start()
        publisher.start()
        try:
            ready.wait(60)
            samples = _sampled(url, ingestor.pid or 0, wanted)
        finally:
            over.set()
            ingestor.join(30)
            publisher.join(30)
        validated(url, "market.ticks", wanted)
    last = samples[len(samples) * 2 // 3 :]
    mean_ticks = statistics.mean(t for t, _ in last)
    mean_mb = statistics.mean(mb for _, mb in last)
    around = sum((t - mean_ticks) ** 2 for t, _ in last)
    slope = sum((t - mean_ticks) * (mb - mean_mb) for t, mb in last) / around
    grown = slope * (last[-1][0] - last[0][0])
    megabytes = [mb for _, mb in samples]
    table(
        ["memory of an ingestor", "first", "last", "max", "last third grew"],
        [
            [
                f"{wanted:,} ticks, MB resident",
                f"{megabytes[0]:.1f}",
                f"{megabytes[-1]:.1f}",
                f"{max(megabytes):.1f}",
                f"{grown:+.2f}",
            ]
        ],
    )
    text = f"memory flat: the last third grows by less than {FLAT_MB:g} MB"
    goal(text, f"{grown:+.2f} MB", grown < FLAT_MB)


def _sampled(database_url: str, pid: int, wanted: int) -> list[tuple[int, float]]:
    process = psutil.Process(pid)
    samples: list[tuple[int, float]] = []
    with psycopg.connect(database_url, autocommit=True) as connection:
        while (done := _received(connection)) < wanted:
            if done:
                samples.append((done, process.memory_info().rss / 1e6))
            time.sleep(0.2)
    with suppress(psutil.NoSuchProcess):
        samples.append((wanted, process.memory_info().rss / 1e6))
    return samples


def main() -> None:
    """Measure and print."""
    args = arguments(__doc__ or "")
    with workbench() as at:
        machine(at.versions())
        one_process(at, 20_000 if args.quick else 200_000, 3 if args.quick else 5)
        side_by_side(at, 50_000 if args.quick else 500_000, 1 if args.quick else 3)
        memory(at, 500_000 if args.quick else 5_000_000)


if __name__ == "__main__":
    main()
