"""Whether anything is lost, doubled or miscounted when a process is killed at a random moment.

kill -9 of the ingestor, then of Valkey, then of PostgreSQL, each many times while a collector
publishes a few thousand known ticks a second, some of them published twice and some of them bad.
Then each is frozen (SIGSTOP) instead of killed, and the bus has no memory for a while; all along
others put lying entries on the stream and a source's clock runs a day ahead. Last, on a disk of
their own, the servers find it full; this takes root's right to mount one.
The servers are the product's, with its own settings, in a temporary home; the ingestor is `python
-m jobs.ingest` and is started again as a supervisor would. When all is over, and what was published
is ingested, the database is compared with what was published:

lost      ticks that were published and are no row doubled   rows beyond one for a published tick,
and rows that nobody published balanced  received = inserted + duplicate + rejected, by the
database's batches, by its rows, by the bus's counter and by a count of the stream's own entries

The same judgement, with fewer rounds, is a test: tests/integration/test_crash.py.
"""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import psutil
import psycopg
import redis
from msgspec.structs import replace

from thor.config import Settings
from thor.database import schema
from thor.domain.tick import Tick
from thor.errors import Unavailable
from thor.market.bus import wire
from thor.market.bus.client import Bus
from thor.market.bus.messages import COUNTER, STREAM
from thor.runtime import Stop, Stopped, persist
from thor.services.home import Home
from thor.services.process import KILL
from thor.services.running import Endpoints, start_servers
from thor.services.server import Server, stop_all

T = TypeVar("T")
REPO = Path(__file__).resolve().parents[1]
ROUNDS = {"ingestor": 50, "valkey": 10, "postgres": 10}
MARKET_START = datetime(2025, 10, 27, 14, 0, tzinfo=UTC)
SYMBOLS = ("ES", "NQ")
# Of a hundred ticks: published twice, and off the grid.
TWICE, BAD = 10, 3
_AWAY = (psycopg.Error, redis.RedisError, OSError, Unavailable)
_PATIENCE_S = 300.0
_FROZEN_S = 2.0
# Of a disk to be filled: the servers' own files, and what a load of a minute writes.
_DISK_MB = 700


@dataclass(frozen=True)
class Outcome:
    """What became of the ticks of a load, and of all that this bus ever received."""

    kills: int
    published: int
    lost: int
    doubled: int
    account: dict[str, int]
    faults: list[str]
    recoveries_s: list[float]

    @property
    def is_balanced(self) -> bool:
        """Whether every way of counting gives the same account."""
        return not self.faults


def known(seq: int) -> Tick:
    """Return the tick of that number, always the same: every hundredth few are off the grid."""
    ts = MARKET_START + timedelta(microseconds=200 * seq)
    price = Decimal(6000) + Decimal(seq % 400) / 4
    is_bad = seq % 100 < BAD
    return Tick(
        symbol=SYMBOLS[seq % 2],
        ts=ts,
        seq=seq,
        source="SIM",
        received_at=ts,
        last=price + Decimal("0.01") if is_bad else price,
        last_size=seq % 9,
        is_trade=True,
    )


def is_good(seq: int) -> bool:
    """Return whether the tick of that number is loaded."""
    return seq % 100 >= BAD


class Load:
    """A collector that publishes known ticks, from a number on, until it is stopped."""

    def __init__(self, redis_url: str, first: int, ticks_per_s: float) -> None:
        """Take the bus, the first number, and how many ticks a second to aim at."""
        self.first = self.next = first
        self._bus = Bus(redis_url)
        self._rate = ticks_per_s
        self._stop = Stop()
        self._raised: list[BaseException] = []
        self._thread = threading.Thread(target=self._guarded, name="load")

    def __enter__(self) -> "Load":
        """Begin to publish."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop; what was begun is published first, however long the bus is away."""
        self._stop.set()
        self._thread.join()
        self._bus.close()
        if self._raised:
            raise self._raised[0]

    def _guarded(self) -> None:
        try:
            self._publish()
        except BaseException as error:
            self._raised.append(error)

    def _publish(self) -> None:
        dice = random.Random(self.first)
        never = Stop()
        while not self._stop:
            count = dice.randint(1, 100)
            ticks = [known(seq) for seq in range(self.next, self.next + count)]
            again = [one for one in ticks if one.seq % 100 >= 100 - TWICE]
            persist(lambda sent=[*ticks, *again]: self._bus.publish(sent), never)  # type: ignore[misc]
            self.next += count
            self._stop.wait(count / self._rate)


class Ingestor:
    """The ingest job as a process of its own."""

    def __init__(self, folder: Path, urls: Endpoints) -> None:
        """Take where it logs and what it works on."""
        self._log = folder / "ingest-1.log"
        self.env = {
            **os.environ,
            "THOR_HOME": str(folder / "home"),
            "THOR_DATABASE_URL": urls.database_url,
            "THOR_REDIS_URL": urls.redis_url,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it under the name that it always has."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "jobs.ingest", "ingest-1"],
                cwd=REPO, env=self.env, stdout=log, stderr=log,
            )  # fmt: skip

    def kill(self) -> None:
        """Kill it, mid-sentence; fails where it ended by itself."""
        assert self._process is not None
        code = self._process.poll()
        assert code is None, f"the ingestor ended with {code}:\n{self.said()}"
        self._process.kill()
        self._process.wait()

    def signal(self, number: int) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> None:
        """Ask it to stop and wait for that."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(30)

    def said(self) -> str:
        """Return the end of what it logged."""
        return self._log.read_text(errors="replace")[-4000:]


class CrashSystem:
    """Servers, an ingestor and a load, in a temporary home, to be killed one after the other."""

    def __init__(self, folder: Path, urls: Endpoints, servers: dict[str, Server]) -> None:
        """Take running servers on a migrated database."""
        self.urls = urls
        self.folder = folder
        self.ingestor = Ingestor(folder, urls)
        self._servers = servers
        self._next = 0

    def query(self, text: str, *values: Any) -> Any:
        """Return the first row of a query, on a connection of its own."""
        with psycopg.connect(self.urls.database_url, connect_timeout=5) as connection:
            return connection.execute(text.encode(), values).fetchone()

    def kill(self, name: str) -> None:
        """Kill a server, mid-sentence."""
        child = self._servers[name].child
        assert child is not None
        child.send(KILL)
        while child.exit_code() is None:
            time.sleep(0.005)

    def signal(self, name: str, number: int) -> None:
        """Send a signal to the ingestor, or to all processes of a server."""
        if name == "ingestor":
            self.ingestor.signal(number)
            return
        child = self._servers[name].child
        assert child is not None
        leader = psutil.Process(child.pid)
        for process in [leader, *leader.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def fill(self) -> None:
        """Leave the bus no memory to write with."""
        with redis.Redis.from_url(self.urls.redis_url) as client:
            client.config_set("maxmemory", "1mb")

    def drain(self) -> None:
        """Give the bus its memory back."""
        with redis.Redis.from_url(self.urls.redis_url) as client:
            client.config_set("maxmemory", 0)

    def fill_disk(self) -> None:
        """Leave no byte free on the disk of the home."""
        with (self.folder / "filler").open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(1 << 20))
        with (self.folder / "filler").open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"\0")

    def free_disk(self) -> None:
        """Free the disk, and start the servers that ended meanwhile, as a supervisor would."""
        (self.folder / "filler").unlink()
        for name, server in self._servers.items():
            if server.child is not None and server.child.exit_code() is not None:
                self.start(name)

    def start(self, name: str) -> None:
        """Start a server that was killed, where it was."""
        server = self._servers[name]
        port = server.port
        server.start()
        assert server.port == port, f"{name} came back on port {server.port}, not {port}"

    @contextlib.contextmanager
    def away(self, name: str) -> Iterator[None]:
        """Have a server killed, and back at the end."""
        self.kill(name)
        try:
            yield
        finally:
            self.start(name)

    def load(self, ticks_per_s: float = 3000) -> Load:
        """Return a load whose ticks are new."""
        return Load(self.urls.redis_url, self._next, ticks_per_s)

    def received(self) -> int:
        """Return how many ticks were ingested."""
        return int(self.query("select received from market.ingest_totals")[0])

    def wait_for(self, done: Callable[[], T], what: str) -> T:
        """Wait until a value is true, though servers are away meanwhile, and return it."""
        until = time.monotonic() + _PATIENCE_S
        while True:
            with contextlib.suppress(*_AWAY):
                if found := done():
                    return found
            assert time.monotonic() < until, (
                f"{what} did not come about; the ingestor said\n{self.ingestor.said()}"
            )
            time.sleep(0.01)

    def see_work(self) -> None:
        """Wait until more ticks are ingested."""
        taken = self.wait_for(lambda: self.received() + 1, "the ingest") - 1
        self.wait_for(lambda: self.received() > taken, "work")

    def settle(self) -> None:
        """Wait until all that lies on the bus is taken in and acknowledged."""
        bus = Bus(self.urls.redis_url)

        def is_taken() -> bool:
            state = bus.state()
            values = state.base, state.next
            sums = self.query("select pending from market.accounting(%s, %s)", *values)
            return (sums[0], state.pending_entries, state.lag_entries) == (0, 0, 0)

        self.wait_for(is_taken, "the end of the stream")
        bus.close()

    def outcome(self, load: Load, kills: int, recoveries_s: list[float]) -> Outcome:
        """Compare the database with what the load published and the bus received."""
        self._next = load.next
        expected = {seq for seq in range(load.first, load.next) if is_good(seq)}
        with psycopg.connect(self.urls.database_url) as connection:
            found = connection.execute(
                "select seq, symbol, ts, last from market.ticks where seq >= %s and seq < %s",
                (load.first, load.next),
            ).fetchall()
        right = [row for row in found if row[1:] == _values(known(row[0])) and row[0] in expected]
        there = {row[0] for row in right}
        account, faults = self._account()
        return Outcome(
            kills=kills,
            published=load.next - load.first,
            lost=len(expected - there),
            doubled=len(found) - len(there),
            account=account,
            faults=faults,
            recoveries_s=recoveries_s,
        )

    def _account(self) -> tuple[dict[str, int], list[str]]:
        bus = Bus(self.urls.redis_url)
        state = bus.state()
        bus.close()
        names = ("received", "inserted", "duplicate", "rejected", "lost", "pending")
        values = self.query(
            "select received, inserted, duplicate, rejected, lost, pending"
            " from market.accounting(%s, %s)",
            state.base, state.next,
        )  # fmt: skip
        account = dict(zip(names, map(int, values), strict=True))
        with redis.Redis.from_url(self.urls.redis_url) as client:
            entries: Any = client.xrange(STREAM)
            count: Any = client.hgetall(COUNTER)
        # Others' entries carry no signature of the bus.
        on_stream = sum(int(fields[b"n"]) for _, fields in entries if b"sig" in fields)
        covered = self.query(
            "select coalesce(sum(upper(part) - lower(part)), 0)::bigint"
            " from market.ingest_batches cross join unnest(ordinals) as part"
        )[0]
        rows = self.query("select count(*) from market.ticks")[0]
        kept = self.query("select coalesce(sum(ticks), 0)::bigint from market.rejected_ticks")[0]
        claims = {
            "the stream's entries": (on_stream, account["received"]),
            "the bus's counter": (int(count[b"next"]) - int(count[b"base"]), account["received"]),
            "the ordinals covered": (covered, account["received"]),
            "the parts": (sum(account[name] for name in names[1:]), account["received"]),
            "the rows": (rows, account["inserted"]),
            "the quarantine": (kept, account["rejected"]),
            "what is pending": (account["pending"], 0),
        }
        faults = [f"{what}: {a}, not {b}" for what, (a, b) in claims.items() if a != b]
        return account, faults


def _values(tick: Tick) -> tuple[Any, ...]:
    return tick.symbol, tick.ts, tick.last


@contextlib.contextmanager
def small_disk() -> Iterator[Path | None]:
    """Give a folder on a disk of `_DISK_MB` MB in memory; None where none may be mounted."""
    folder = Path(tempfile.mkdtemp(prefix="thor-disk-")).resolve()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_DISK_MB}m,mode=711", "tmpfs", str(folder)]
    is_mounted = sys.platform == "linux" and os.geteuid() == 0
    is_mounted = is_mounted and subprocess.run(mount, capture_output=True).returncode == 0
    try:
        yield folder if is_mounted else None
    finally:
        if is_mounted:
            subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()


@contextlib.contextmanager
def crash_system(folder: Path | None = None) -> Iterator[CrashSystem]:
    """Start servers in a temporary home, or in a folder; all of it is gone at the end."""
    # Root's servers run as another user, who has to reach the folder.
    folder = Path(tempfile.mkdtemp(prefix="thor-crash-", dir=folder)).resolve()
    folder.chmod(0o711)
    settings = Settings(  # type: ignore[call-arg]
        home=folder / "home", database_url=None, redis_url=None, _env_file=None
    )
    home = Home(settings.home)
    with home.lock():
        urls, servers = start_servers(home, settings, lambda *_: None)
        urls = replace(urls, database_url=urls.admin_url)
        system = CrashSystem(folder, urls, {server.name: server for server in servers})
        try:
            schema.up(urls.database_url)
            yield system
        finally:
            system.ingestor.stop()
            stop_all(servers)
    shutil.rmtree(folder, ignore_errors=True)


def kill_ingestor(system: CrashSystem, rounds: int, tell: Callable[[str], None]) -> Outcome:
    """Kill the ingestor at a random moment of its work and start it again, so many times."""
    return _kill(system, rounds, system.ingestor.kill, system.ingestor.start, tell)


def kill_server(
    system: CrashSystem, name: str, rounds: int, tell: Callable[[str], None]
) -> Outcome:
    """Kill valkey or postgres at a random moment under load and start it again."""
    return _kill(system, rounds, lambda: system.kill(name), lambda: system.start(name), tell)


def freeze(system: CrashSystem, name: str, rounds: int, tell: Callable[[str], None]) -> Outcome:
    """Stop the ingestor or a server for up to 2 s at a random moment, and let it go on."""
    return _kill(
        system, rounds,
        lambda: system.signal(name, signal.SIGSTOP),
        lambda: system.signal(name, signal.SIGCONT),
        tell, _FROZEN_S, Liar(system.urls.redis_url),
    )  # fmt: skip


def fill_bus(system: CrashSystem, rounds: int, tell: Callable[[str], None]) -> Outcome:
    """Leave the bus without memory for up to 2 s, so many times."""
    lying = Liar(system.urls.redis_url)
    return _kill(system, rounds, system.fill, system.drain, tell, _FROZEN_S, lying)


def fill_disk(system: CrashSystem, rounds: int, tell: Callable[[str], None]) -> Outcome:
    """Leave the servers without disk for up to 2 s, so many times."""
    lying = Liar(system.urls.redis_url)
    return _kill(system, rounds, system.fill_disk, system.free_disk, tell, _FROZEN_S, lying)


class Liar:
    """Somebody with the bus's password: lying entries, and a clock that is a day ahead."""

    def __init__(self, redis_url: str) -> None:
        """Take the bus."""
        self._bus, self._client = Bus(redis_url), redis.Redis.from_url(redis_url)
        self._stop = Stop()
        self._thread = threading.Thread(target=self._run, name="liar")
        self.lies = 0

    def __enter__(self) -> "Liar":
        """Begin to lie."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop lying."""
        self._stop.set()
        self._thread.join()
        self._bus.close()
        self._client.close()

    def _run(self) -> None:
        dice = random.Random(7)
        while not self._stop.wait(0.02):
            with contextlib.suppress(*_AWAY):
                self._lie(dice)
                self.lies += 1

    def _lie(self, dice: random.Random) -> None:
        following: Any = self._client.hget(COUNTER, "next")
        first = int(following or 0) + dice.randint(-500, 500)
        ticks = wire.encode([known(10**12 + self.lies)])
        fields: Any = {"first": first, "n": dice.randint(0, 1000), "source": "SIM", "ticks": ticks}
        self._client.xadd(STREAM, fields)
        if self.lies % 10 == 0:
            ahead = datetime.now(UTC) + timedelta(days=1)
            self._bus.publish_clock("SIM", ahead)
            one = replace(known(10**13 + self.lies), ts=ahead, received_at=ahead)
            self._bus.publish([one])


def _kill(
    system: CrashSystem,
    rounds: int,
    kill: Callable[[], None],
    start: Callable[[], None],
    tell: Callable[[str], None],
    away_s: float = 0.0,
    lying: contextlib.AbstractContextManager[object] | None = None,
) -> Outcome:
    dice = random.Random(rounds)
    recoveries_s: list[float] = []
    system.ingestor.start()
    with system.load() as load, lying or contextlib.nullcontext():
        system.see_work()
        for number in range(rounds):
            time.sleep(dice.random() / 2)
            kill()
            killed = time.monotonic()
            time.sleep(dice.random() * away_s)
            start()
            system.see_work()
            recoveries_s.append(time.monotonic() - killed)
            tell(f"round {number + 1} of {rounds}: at work again {recoveries_s[-1]:.2f} s later")
    system.settle()
    system.ingestor.stop()
    return system.outcome(load, rounds, recoveries_s)


def main() -> int:
    """Kill each in turn and print what it cost; the exit code is 0 where nothing was lost."""
    from workbench import arguments, goal, machine, percentile, reported, table

    given = arguments(__doc__ or "")
    rounds = {name: (count // 5 if given.quick else count) for name, count in ROUNDS.items()}
    outcomes: dict[str, Outcome] = {}
    with crash_system() as system:
        machine()
        outcomes["ingestor"] = kill_ingestor(system, rounds["ingestor"], reported)
        for name in ("valkey", "postgres"):
            outcomes[name] = kill_server(system, name, rounds[name], reported)
        for name in ("ingestor", "valkey", "postgres"):
            outcomes[f"{name} frozen"] = freeze(system, name, rounds["valkey"], reported)
        outcomes["bus full"] = fill_bus(system, rounds["valkey"], reported)
    with small_disk() as folder:
        if folder is None:
            print("disk full: left out, since this user may mount no disk of its own")
        else:
            with crash_system(folder) as system:
                outcomes["disk full"] = fill_disk(system, rounds["valkey"], reported)
    head = [
        "kill -9 of, or",
        "times",
        "published",
        "lost",
        "doubled",
        "balanced",
        "back s",
        "worst s",
    ]
    rows = [
        [name, one.kills, one.published, one.lost, one.doubled, "yes" if one.is_balanced else "NO"]
        + [f"{figure:.2f}" for figure in (percentile(one.recoveries_s, 0.5), max(one.recoveries_s))]
        for name, one in outcomes.items()
    ]
    table(head, rows)
    account = outcomes["bus full"].account
    print(" · ".join(f"{name} {count:,}" for name, count in account.items()))
    for name, one in outcomes.items():
        for fault in one.faults:
            print(f"{name}: {fault}")
    total = sum(one.lost + one.doubled for one in outcomes.values())
    balanced = all(one.is_balanced for one in outcomes.values())
    goal("lost 0, doubled 0, balanced", f"{total} wrong", total == 0 and balanced)
    return 0 if total == 0 and balanced else 1


if __name__ == "__main__":
    with contextlib.suppress(Stopped):
        sys.exit(main())
