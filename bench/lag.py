"""How long a tick takes from its publication until it is committed and visible.

One process publishes 5,000 ticks/s of eleven symbols as a live collector does, an entry of what
is due every 8 ms; another is the ingestor as the job runs it, with the settings' defaults. A
tick's lag is from just before its `publish` call to just after the commit of its transaction
returned to the ingestor, on the machine's one monotonic clock, so encoding, the bus's own disk
and the database's are in it.

The limit is the flush interval: a batch is held open for that long to be worth a transaction,
so its first tick waits all of it. What comes on top is Thor's and the servers' own time. Both
of the bus's ways to sync its file are shown; `always` is what Thor starts. A quiet market
beside them, as the simulated one is by default, shows whether a batch that nobody fills is
closed in time all the same.
"""

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
from workbench import (
    SETTLE_S,
    Workbench,
    arguments,
    goal,
    machine,
    percentile,
    reported,
    settle,
    spawned,
    table,
    ticks,
    workbench,
)

from thor.config import Settings
from thor.flow.ingest import Ingestor
from thor.market.bus.client import Bus
from thor.market.ticks import writer
from thor.market.ticks.batch import EntryTicks, IngestCounts
from thor.runtime import Stop
from thor.services.valkey import AppendFsync

# Ticks a second, and seconds between entries.
RATES = {"busy": (5000, 0.008), "quiet": (50, 0.1)}
OVER_FLUSH_MS = 15
WARM_S = 2.0

# Of each entry: its first tick's seq, its ticks, and an instant of the monotonic clock.
Instants = list[tuple[int, int, float]]


def publish_live(
    redis_url: str, database_url: str, rate: tuple[float, float], seconds: float, answer: Any
) -> None:
    """Publish what is due when it is due; send back when, and how long each call took."""
    ticks_per_s, every_s = rate
    bus = Bus(redis_url)
    made = ticks(database_url, int(ticks_per_s * seconds), ticks_per_s)
    published: Instants = []
    calls_ms: list[float] = []
    begin = time.monotonic() + 0.2
    done = number = 0
    while done < len(made):
        number += 1
        time.sleep(max(begin + number * every_s - time.monotonic(), 0))
        due = min(round(number * every_s * ticks_per_s), len(made))
        if due == done:
            continue
        now = datetime.now(UTC)
        part = [
            msgspec.structs.replace(tick, ts=now, received_at=now, seq=seq)
            for seq, tick in enumerate(made[done:due], done)
        ]
        at = time.monotonic()
        bus.publish(part)
        calls_ms.append((time.monotonic() - at) * 1000)
        published.append((done, due - done, at))
        done = due
    answer.send((published, calls_ms))


def take_in(
    redis_url: str, database_url: str, settings: Settings, wanted: int, answer: Any
) -> None:
    """Ingest until so many ticks are committed; send back when, and each transaction's figures."""
    committed: Instants = []
    writes: list[tuple[int, float]] = []
    left = [wanted]
    stop = Stop()
    write: Callable[..., IngestCounts] = writer.TickWriter.write

    def timed(self: writer.TickWriter, entries: list[EntryTicks]) -> IngestCounts:
        begin = time.monotonic()
        account = write(self, entries)
        at = time.monotonic()
        committed.extend((entry.ticks[0].seq, entry.n, at) for entry in entries)
        writes.append((account.inserted, (at - begin) * 1000))
        left[0] -= account.inserted
        if left[0] <= 0:
            stop.set()
        return account

    writer.TickWriter.write = timed  # type: ignore[method-assign]
    bus = Bus(redis_url, settings.bus_ticks_max, settings.bus_keep_s)
    Ingestor(settings, bus, database_url, "bench-1").run(stop)
    answer.send((committed, writes))


def measure(at: Workbench, rate: tuple[float, float], seconds: float) -> list[float]:
    """Run both processes; return P50, P95, P99, max in ms, then what explains them."""
    ticks_per_s, _ = rate
    with at.database() as url:
        bus_url = at.empty_bus()
        own, theirs = zip(*(spawned.Pipe(duplex=False) for _ in range(2)), strict=True)
        wanted = int(ticks_per_s * seconds)
        ingestor = spawned.Process(
            target=take_in, args=(bus_url, url, at.settings, wanted, theirs[0])
        )
        publisher = spawned.Process(
            target=publish_live, args=(bus_url, url, rate, seconds, theirs[1])
        )
        ingestor.start()
        time.sleep(1.5)
        settle(SETTLE_S)
        publisher.start()
        # A process that dies closes its end of the pipe.
        for end in theirs:
            end.close()
        published, calls_ms = own[1].recv()
        committed, writes = own[0].recv()
        for child in (publisher, ingestor):
            child.join(30)
    began_at = published[0][2]
    at_of = {seq: (n, instant) for seq, n, instant in published}
    lags: list[float] = []
    for seq, n, committed_at in committed:
        same, published_at = at_of.pop(seq)
        assert same == n, f"the entry of seq {seq} was split"
        if published_at - began_at >= WARM_S:
            lags += [(committed_at - published_at) * 1000] * n
    assert not at_of, f"{len(at_of)} entries were never committed"
    return [
        *(percentile(lags, share) for share in (0.5, 0.95, 0.99)),
        max(lags),
        percentile(calls_ms, 0.99),
        statistics.median(ms for _, ms in writes),
        percentile([ms for _, ms in writes], 0.99),
        statistics.median(n for n, _ in writes),
    ]


def main() -> None:
    """Measure and print."""
    args = arguments(__doc__ or "")
    seconds, rounds = (8, 1) if args.quick else (22, 3)
    cells: dict[tuple[AppendFsync, str], list[list[float]]] = {}
    flush_ms = 0
    ways: list[AppendFsync] = ["always", "everysec"]
    for number in range(rounds):
        for appendfsync in ways:
            with workbench(appendfsync) as at:
                flush_ms = at.settings.ingest_flush_ms
                if not cells:
                    machine(at.versions())
                for name, rate in RATES.items():
                    reported(f"round {number + 1} of {rounds}: appendfsync {appendfsync}, {name}")
                    cells.setdefault((appendfsync, name), []).append(measure(at, rate, seconds))
    found = {
        key: [statistics.median(column) for column in zip(*cell, strict=True)]
        for key, cell in cells.items()
    }
    print(
        f"publish → committed, ms; flush interval {flush_ms} ms; medians of {rounds} rounds of "
        f"{seconds} s, the first {WARM_S:g} s left out\n"
    )
    table(
        [
            "appendfsync, ticks/s",
            *("P50", "P95", "P99", "max"),
            *("publish P99", "write P50", "write P99", "batch"),
        ],
        [
            [f"{way}, {RATES[name][0]:,}", *(f"{ms:.1f}" for ms in row[:-1]), f"{row[-1]:.0f}"]
            for (way, name), row in found.items()
        ],
    )
    for (way, name), row in found.items():
        text = f"P99 ≤ flush + {OVER_FLUSH_MS} ms, {RATES[name][0]:,} ticks/s, appendfsync {way}"
        goal(text, f"flush {row[2] - flush_ms:+.1f} ms", row[2] <= flush_ms + OVER_FLUSH_MS)


if __name__ == "__main__":
    main()
