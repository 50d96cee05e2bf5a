"""How late 200 screens hear of a tick, and what serving them costs.

200 clients each stream every tick of a market of 1,000 and of 5,000 ticks/s (a million events a
second go out) through `/api/quotes/stream` of the API as the job runs it. The publisher emits an
entry of what is due every 8 ms; a tick carries the instant of its publication in `received_at`, and
a client subtracts it from the instant it has read the event. All share this machine.

bare         the limit: an asyncio server that reads the bus as Thor does, from a stream whose
entries hold the very bytes that Thor would send, and only writes them to every client. No HTTP
framing, no checks, no filters, no resume, no quotes. thor         `?events=tick`: the same events,
decoded, validated and encoded by Thor thor + quote what a client gets without asking for less: with
every tick the merged quote conflated    `?mode=conflated`: the newest quote of every symbol that
changed, once a window

The publisher writes both streams in every run, the measured one first, so that all else is equal.
Twenty clients in a process of their own stamp every event; the others, in another, count bytes,
which takes nothing from the two cores that the server could miss.
"""

import asyncio
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
import psutil
import redis
import redis.asyncio
from workbench import (
    REPO,
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

from thor.market.bus.client import Bus
from thor.stream.events import tick_frames

CLIENTS, STAMPERS = 200, 20
RATES = (1000, 5000)
EVERY_S = 0.008
WARM_S = 1.0
FRAMES = "bench:frames"
MARK = b'"received_at":"'
STAMP_BYTES = len("2025-10-27T14:00:00.000000Z")
P99_OVER_BARE = 1.5
CONFLATED_CPU = 1 / 5
PATHS = {
    "thor": "/api/quotes/stream?events=tick",
    "thor + quote": "/api/quotes/stream",
    "conflated": "/api/quotes/stream?mode=conflated",
    "bare": "/",
}


class Heard(NamedTuple):
    """What the clients of one process heard."""

    late_ms: list[tuple[float, int]]  # of so many events read at once, from one entry
    events: int
    bytes_each: list[int]
    cpu_s: float


class Cell(NamedTuple):
    """One server at one rate."""

    p50: float
    p95: float
    p99: float
    delivered: float
    cpu: float
    clients_cpu: float


def publish_live(
    redis_url: str,
    database_url: str,
    ticks_per_s: float,
    seconds: float,
    is_bare: bool,
    ready: Any,
    go: Any,
) -> None:
    """Publish what is due when it is due, as ticks and as frames."""
    bus, frames = Bus(redis_url), redis.Redis.from_url(redis_url)
    made = ticks(database_url, int(ticks_per_s * seconds), ticks_per_s)
    ready.set()
    go.wait()
    begin = time.monotonic()
    done = number = 0
    while done < len(made):
        number += 1
        time.sleep(max(begin + number * EVERY_S - time.monotonic(), 0))
        due = min(round(number * EVERY_S * ticks_per_s), len(made))
        now = datetime.now(UTC)
        part = [
            msgspec.structs.replace(tick, ts=now, received_at=now, seq=seq)
            for seq, tick in enumerate(made[done:due], done)
        ]
        done = due
        if is_bare:
            framed = tick_frames("1763649000000-0", list(enumerate(part)))
            frames.xadd(FRAMES, {"frames": b"".join(framed)}, maxlen=1000)
            bus.publish(part)
        else:
            bus.publish(part)
            framed = tick_frames("1763649000000-0", list(enumerate(part)))
            frames.xadd(FRAMES, {"frames": b"".join(framed)}, maxlen=1000)


class BareClient(asyncio.Protocol):
    """A client of the bare server: heard once, written to for ever."""

    def __init__(self, everybody: set[asyncio.Transport]) -> None:
        self._everybody = everybody
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
        self._everybody.add(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._everybody.discard(self._transport)


def serve_bare(redis_url: str, port: int) -> None:
    """Write every entry's bytes to every client, and do nothing else."""

    async def serve() -> None:
        everybody: set[asyncio.Transport] = set()
        loop = asyncio.get_running_loop()
        await loop.create_server(lambda: BareClient(everybody), "127.0.0.1", port)
        bus = redis.asyncio.Redis.from_url(redis_url)
        last: bytes | str = "0-0"
        while True:
            found: Any = await bus.xread({FRAMES: last}, count=100, block=1000)
            for _, entries in found.items() if isinstance(found, dict) else found:
                if entries and isinstance(entries[0], list):
                    entries = entries[0]
                data = b"".join(fields[b"frames"] for _, fields in entries)
                last = entries[-1][0]
                for transport in everybody:
                    transport.write(data)

    asyncio.run(serve())


class Counter(asyncio.BufferedProtocol):
    """A client that only counts bytes; all share a buffer that nobody reads."""

    _waste = memoryview(bytearray(1 << 20))

    def __init__(self) -> None:
        self.bytes = 0

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._waste

    def buffer_updated(self, nbytes: int) -> None:
        self.bytes += nbytes


class Stamper(asyncio.Protocol):
    """A client that measures how late every event is."""

    def __init__(self, late_ms: list[tuple[float, int]], from_s: list[float]) -> None:
        self.bytes = self.events = 0
        self._late_ms = late_ms
        self._from_s = from_s
        self._rest = b""
        self._stamp, self._at_s = b"", 0.0

    def data_received(self, data: bytes) -> None:
        now_s = time.time()
        self.bytes += len(data)
        text = self._rest + data if self._rest else data
        at, end, count = text.find(MARK), 0, 0
        while at >= 0 and at + len(MARK) + STAMP_BYTES <= len(text):
            end = at + len(MARK) + STAMP_BYTES
            stamp = text[end - STAMP_BYTES : end]
            if stamp != self._stamp:
                self._say(now_s, count)
                count = 0
                self._stamp = stamp
                self._at_s = datetime.fromisoformat(stamp.decode()).timestamp()
            count += 1
            at = text.find(MARK, end)
        self._say(now_s, count)
        self._rest = text[max(end, len(text) - len(MARK) - STAMP_BYTES) :]

    def _say(self, now_s: float, count: int) -> None:
        self.events += count
        if count and self._at_s >= self._from_s[0]:
            self._late_ms.append(((now_s - self._at_s) * 1000, count))


def watch(
    port: int, path: str, clients: int, stamps: bool, ready: Any, over: Any, answer: Any
) -> None:
    """Be so many clients of a server until it is over, and send back what was heard."""

    async def be() -> None:
        late_ms: list[tuple[float, int]] = []
        from_s = [float("inf")]
        watchers: list[Stamper | Counter] = []
        loop = asyncio.get_running_loop()
        request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
        for _ in range(clients):
            transport, watcher = await loop.create_connection(
                lambda: Stamper(late_ms, from_s) if stamps else Counter(), "127.0.0.1", port
            )
            transport.write(request)
            watchers.append(watcher)
        while not all(watcher.bytes for watcher in watchers):
            await asyncio.sleep(0.05)
        # What comes at once is the greeting, which is no tick.
        await asyncio.sleep(0.5)
        greeting = [watcher.bytes for watcher in watchers]
        for watcher in watchers:
            if isinstance(watcher, Stamper):
                watcher.events = 0
        from_s[0] = time.time() + WARM_S
        cpu_s = time.process_time()
        ready.set()
        await loop.run_in_executor(None, over.wait)
        answer.send(
            Heard(
                late_ms,
                sum(one.events for one in watchers if isinstance(one, Stamper)),
                [one.bytes - before for one, before in zip(watchers, greeting, strict=True)],
                time.process_time() - cpu_s,
            )
        )

    asyncio.run(be())


@contextmanager
def server(
    at: Workbench, name: str, database_url: str, redis_url: str
) -> Iterator[tuple[int, int]]:
    """Run the server to measure; gives its port and pid."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    if name == "bare":
        own = spawned.Process(target=serve_bare, args=(redis_url, port))
        own.start()
        try:
            yield _answering(port), own.pid or 0
        finally:
            own.terminate()
            own.join()
        return
    env = {
        **os.environ.copy(),
        **at.settings.environment(),
        "THOR_DATABASE_URL": database_url,
        "THOR_REDIS_URL": redis_url,
        "THOR_API_PORT": str(port),
        "THOR_LOG_LEVEL": "warning",
    }
    job = subprocess.Popen([sys.executable, "-m", "jobs.api"], cwd=REPO, env=env)
    try:
        yield _answering(port), job.pid
    finally:
        job.terminate()
        job.wait()


def _answering(port: int) -> int:
    for _ in range(600):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return port
        time.sleep(0.05)
    raise SystemExit(f"no server answers on port {port}")


def measure(at: Workbench, name: str, ticks_per_s: int, seconds: float) -> Cell:
    """Run a server, its clients and the publisher once."""
    reported(f"{name}, {ticks_per_s:,} ticks/s")
    with at.database() as url:
        bus_url = at.empty_bus()
        with server(at, name, url, bus_url) as (port, pid):
            return _heard(port, pid, name, ticks_per_s, seconds, (bus_url, url))


def _heard(
    port: int, pid: int, name: str, ticks_per_s: int, seconds: float, urls: tuple[str, str]
) -> Cell:
    go, over = spawned.Event(), spawned.Event()
    readies = [spawned.Event() for _ in range(3)]
    pipes = [spawned.Pipe(duplex=False) for _ in range(2)]
    stampers = (port, PATHS[name], STAMPERS, True, readies[0], over, pipes[0][1])
    counters = (port, PATHS[name], CLIENTS - STAMPERS, False, readies[1], over, pipes[1][1])
    live = (*urls, ticks_per_s, seconds, name == "bare", readies[2], go)
    clients = [spawned.Process(target=watch, args=args) for args in (stampers, counters)]
    publisher = spawned.Process(target=publish_live, args=live)
    for child in (*clients, publisher):
        child.start()
    # A process that dies closes its end of the pipe.
    for _, theirs in pipes:
        theirs.close()
    try:
        if not all(ready.wait(60) for ready in readies):
            raise SystemExit(f"the publisher or the clients of {name} are not ready")
        settle(SETTLE_S)
        process = psutil.Process(pid)
        before, begin = sum(process.cpu_times()[:2]), time.monotonic()
        go.set()
        publisher.join()
        cpu = (sum(process.cpu_times()[:2]) - before) / (time.monotonic() - begin)
        time.sleep(1)
        over.set()
        stamped, counted = (pipe[0].recv() for pipe in pipes)
    finally:
        over.set()
        go.set()
        for child in (*clients, publisher):
            child.join(10)
    return _cell(stamped, counted, ticks_per_s * seconds, seconds, cpu)


def _cell(stamped: Heard, counted: Heard, published: float, seconds: float, cpu: float) -> Cell:
    late = [ms for ms, count in stamped.late_ms for _ in range(count)]
    # All clients are sent the same, so bytes show of the others what events show of the first.
    share = statistics.mean(counted.bytes_each) / statistics.mean(stamped.bytes_each)
    return Cell(
        percentile(late, 0.5),
        percentile(late, 0.95),
        percentile(late, 0.99),
        stamped.events / STAMPERS / published * min(share, 1),
        cpu,
        (stamped.cpu_s + counted.cpu_s) / (seconds + 1),
    )


def main() -> None:
    """Measure and print."""
    args = arguments(__doc__ or "")
    seconds, rounds = (4, 1) if args.quick else (8, 5)
    cells: dict[tuple[str, int], list[Cell]] = {}
    with workbench() as at:
        machine(at.versions())
        window_ms = at.settings.sse_conflate_ms
        keys = [(name, rate) for rate in RATES for name in ("bare", "thor", "conflated")]
        keys.append(("thor + quote", RATES[-1]))
        for number in range(rounds):
            reported(f"round {number + 1} of {rounds}")
            for name, rate in keys[number:] + keys[:number]:
                cells.setdefault((name, rate), []).append(measure(at, name, rate, seconds))
    found = {key: Cell(*map(statistics.median, zip(*cells[key], strict=True))) for key in keys}
    print(f"{CLIENTS} clients, medians of {rounds} rounds of {seconds} s\n")
    table(
        ["publish → read, ms", "P50", "P95", "P99", "delivered", "server CPU", "clients' CPU"],
        [
            [
                f"{name}, {rate:,} ticks/s",
                *(f"{ms:.1f}" for ms in cell[:3]),
                "–" if name == "conflated" else f"{min(cell.delivered, 9):.1%}",
                f"{cell.cpu:.2f}",
                f"{cell.clients_cpu:.2f}",
            ]
            for (name, rate), cell in found.items()
        ],
    )
    print(f"conflated: the age of a quote as it is read, window {window_ms} ms; CPU in cores\n")
    for rate in RATES:
        ratios = _ratios(cells, "thor", "bare", rate, "p99")
        text = f"P99 ≤ {P99_OVER_BARE} × bare at {CLIENTS} × {rate:,}/s"
        goal(text, f"{ratios:.2f} ×", ratios <= P99_OVER_BARE)
    for rate in RATES:
        ratios = _ratios(cells, "conflated", "thor", rate, "cpu")
        text = f"conflated CPU ≤ 1/5 of per event at {CLIENTS} × {rate:,}/s"
        goal(text, f"{ratios:.2f} ×", ratios <= CONFLATED_CPU)


def _ratios(
    cells: dict[tuple[str, int], list[Cell]], one: str, other: str, rate: int, what: str
) -> float:
    pairs = zip(cells[one, rate], cells[other, rate], strict=True)
    return float(statistics.median(getattr(a, what) / getattr(b, what) for a, b in pairs))


if __name__ == "__main__":
    main()
