"""A place to measure in: servers of its own, fresh databases, real ticks, one form of report.

The benchmarks beside this file import it. Each compares ways of doing one thing, round robin
in one run, and is read by its ratios: absolute figures drift with whatever else the machine
does. The servers are those of the product, started as the product starts them, in a temporary
home that is gone afterwards; every measurement gets a freshly migrated database and an empty
bus. Only loopback is used.

A place is of one edition: `plain` on the PostgreSQL that comes with Thor, `timescale` on one of
this machine that has TimescaleDB Community (THOR_TEST_PG_BIN names its programs), where every
database has its background jobs, as in production.
"""

import argparse
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit, urlunsplit

import psutil
import psycopg
import redis
from psycopg import sql

from thor import database
from thor.config import Settings
from thor.database import schema
from thor.database.edition import Edition, RequestedEdition
from thor.domain.sessions import Sessions
from thor.domain.tick import Tick
from thor.market.collect.simulator.market import Simulator
from thor.reference import instruments
from thor.services.home import Home
from thor.services.running import start_servers
from thor.services.server import stop_all
from thor.services.valkey import AppendFsync

REPO = Path(__file__).resolve().parents[1]
# A Monday in regular hours; every benchmark's ticks begin here unless they are live.
MARKET_START = datetime(2025, 10, 27, 14, 0, tzinfo=UTC)
# The seventeen columns of a tick, in the order of `thor.market.ticks.batch.columns`.
COLUMNS = [
    *("ts", "symbol", "seq", "source", "contract", "last", "bid", "ask"),
    *("last_size", "bid_size", "ask_size", "side", "volume", "volume_delta"),
    *("is_trade", "is_sampled", "received_at"),
]
QUIET_LOAD = 1.5
REST_PERCENT = 10
SETTLE_S = 20
_TEMPLATE = "bench_template"
# Where PostgreSQL's own build, and Debian's packages, put their programs.
_PG_BINS = ("/usr/local/pgsql/bin", *(f"/usr/lib/postgresql/{major}/bin" for major in (18, 17, 16)))

# Children begin from nothing, so that they carry none of the parent's memory or connections.
spawned = get_context("spawn")


class Workbench:
    """One PostgreSQL and one Valkey, both empty of what was measured before."""

    def __init__(
        self, database_url: str, redis_url: str, settings: Settings, edition: Edition = "plain"
    ) -> None:
        """Take the URLs of running servers, and the settings that jobs are given."""
        self.redis_url = redis_url
        self.settings = settings
        self.edition: Edition = edition
        self._server_url = database_url
        self._made = 0
        self.bus = redis.Redis.from_url(redis_url)

    @contextmanager
    def database(self) -> Iterator[str]:
        """Give the URL of a migrated database without a tick, dropped at the end."""
        self._made += 1
        name = f"bench_{self._made}"
        url = self._create(name, _TEMPLATE)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"alter database {name} set search_path = {_search_path()}")
            if self.edition == "timescale":
                # A database that was copied waits up to a minute for its scheduler otherwise.
                connection.execute("select _timescaledb_functions.start_background_workers()")
            # No way of writing may pay for what the one before it left to be written.
            connection.execute("checkpoint")
        try:
            yield url
        finally:
            with psycopg.connect(self._server_url, autocommit=True) as connection:
                connection.execute(f"drop database {name} with (force)")

    def empty_bus(self) -> str:
        """Forget all that is on the bus and return its URL."""
        self.bus.flushall()
        return self.redis_url

    def make_template(self, requested: RequestedEdition | None = None) -> None:
        """Migrate the database that the others are copied from, with its sessions."""
        url = self._create(_TEMPLATE, "template0")
        schema.up(url, requested=requested or self.edition)
        with database.connect(url, "bench") as connection:
            instruments.renew_sessions(connection, MARKET_START.date())
            if self.edition == "timescale":
                connection.execute("select _timescaledb_functions.stop_background_workers()")
        with psycopg.connect(self._server_url, autocommit=True) as connection:
            # No scheduler may look into it while it is being copied.
            connection.execute(f"alter database {_TEMPLATE} allow_connections false")
            connection.execute(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = %s",
                (_TEMPLATE,),
            )

    def versions(self) -> str:
        """Return what the servers are."""
        with psycopg.connect(self._server_url) as connection:
            found = connection.execute(
                "select current_setting('server_version'), (select default_version"
                " from pg_available_extensions where name = 'timescaledb')"
            ).fetchone()
        postgres, timescaledb = found or ("?", "?")
        info: Any = self.bus.info("server")
        parts = [f"PostgreSQL {postgres}"]
        if self.edition == "timescale":
            parts.append(f"TimescaleDB {timescaledb} Community")
        return ", ".join([*parts, f"Valkey {info['valkey_version']}"])

    def _create(self, name: str, template: str) -> str:
        with psycopg.connect(self._server_url, autocommit=True) as connection:
            text = sql.SQL("create database {} template {}")
            connection.execute(text.format(sql.Identifier(name), sql.Identifier(template)))
        return urlunsplit(urlsplit(self._server_url)._replace(path=f"/{name}"))


def editions(wanted: Edition | None = None) -> list[Edition]:
    """Return the editions to measure, all or the one wanted; say so where one is not here."""
    found: list[Edition] = [wanted] if wanted else list(get_args(Edition))
    if "timescale" in found and _timescale_bin() is None:
        found.remove("timescale")
        print("timescale edition left out: no PostgreSQL here has TimescaleDB Community; name the")
        print("bin/ of one in THOR_TEST_PG_BIN\n", flush=True)
    return found


def add_edition(parser: argparse.ArgumentParser) -> None:
    """Add `--edition` to what a benchmark takes: `arguments(__doc__, add_edition)`."""
    what = "measure this one only"
    parser.add_argument("--edition", choices=get_args(Edition), default=None, help=what)


@contextmanager
def workbench(
    appendfsync: AppendFsync | None = None, edition: Edition = "plain"
) -> Iterator[Workbench]:
    """Start the servers in a temporary home, and stop and remove all of it at the end.

    The bus syncs its file by the settings' default, unless given otherwise.
    """
    # A run that is ended from outside takes its servers and its folder with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    # Root's servers run as another user, who has to reach the folder.
    folder = Path(tempfile.mkdtemp(prefix="thor-bench-"))
    folder.chmod(0o711)
    pg_bin = _timescale_bin() if edition == "timescale" else None
    settings = Settings(  # type: ignore[call-arg]
        home=folder / "home", database_url=None, redis_url=None, pg_bin=pg_bin, _env_file=None
    )
    own = Home(settings.home)
    try:
        with own.lock():
            fsync = appendfsync or settings.bus_fsync
            urls, servers = start_servers(own, settings, lambda *_: None, fsync)
            try:
                found = Workbench(urls.admin_url, urls.redis_url, settings, edition)
                found.make_template()
                yield found
            finally:
                stop_all(servers)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def ticks(database_url: str, count: int, ticks_per_s: float = 5000, seed: int = 7) -> list[Tick]:
    """Return so many ticks of the simulated market, eleven symbols, from `MARKET_START` on."""
    found: list[Tick] = []
    for step in simulator(database_url, MARKET_START, ticks_per_s, seed).steps():
        found += step.ticks
        if len(found) >= count:
            return found[:count]
    raise AssertionError("the simulated market is endless")


def simulator(
    database_url: str,
    start: datetime,
    ticks_per_s: float,
    seed: int = 7,
    *,
    always_open: bool = True,
) -> Simulator:
    """Return the simulated market on the reference data of a database, open all day or not."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        week = timedelta(days=7)
        sessions = Sessions(instruments.sessions(connection, start - week, start + 4 * week))
        listed = instruments.instruments(connection)
    return Simulator(listed, sessions, seed, start, ticks_per_s, always_open=always_open)


def arguments(what: str, add: Callable[[argparse.ArgumentParser], None] = lambda _: None) -> Any:
    """Read the command line; every benchmark takes `--quick`."""
    parser = argparse.ArgumentParser(description=what.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a short run: right, not exact")
    add(parser)
    return parser.parse_args()


def machine(servers: str = "") -> None:
    """Print what is measured on, and whether it is quiet enough for absolute figures."""
    load = os.getloadavg()[0]
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    parts = [f"{os.cpu_count()} cores, {memory_gb:.0f} GiB", f"Python {platform.python_version()}"]
    print(", ".join([*parts, *([servers] if servers else []), f"load {load:.2f}"]))
    if load > QUIET_LOAD:
        print(f"load above {QUIET_LOAD}: read the ratios, not the absolute figures")
    print(flush=True)


def settle(within_s: float) -> None:
    """Wait until the machine is at rest, at most so long: latencies are nothing beside others."""
    end_s = time.monotonic() + within_s
    while time.monotonic() < end_s and psutil.cpu_percent(0.5) > REST_PERCENT:
        pass


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under their heads: the first column to the left, figures to the right."""
    cells = [list(map(str, row)) for row in rows]
    widths = [max(len(row[i]) for row in [list(head), *cells]) for i in range(len(head))]
    for row in [list(head), ["-" * width for width in widths], *cells]:
        first, *others = [
            cell.ljust(w) if i == 0 else cell.rjust(w)
            for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join([first, *others]).rstrip())
    print(flush=True)


def goal(text: str, measured: str, is_met: bool) -> None:
    """Print whether a goal is met."""
    print(f"goal {text} · measured {measured} · {'ok' if is_met else 'MISSED'}", flush=True)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the nearest-rank percentile of values, e.g. share 0.99."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def spread(values: Sequence[float]) -> str:
    """Return how far the values of several rounds lie apart, against their median."""
    return f"±{(max(values) - min(values)) / 2 / statistics.median(values):.0%}"


def thousands(value: float) -> str:
    """Return a rate as people read it, e.g. 123k."""
    return f"{value / 1e6:.2f}M" if value >= 1e6 else f"{value / 1000:.1f}k"


def reported(what: str) -> None:
    """Say on stderr what is being measured now."""
    print(f"  {time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def _timescale_bin() -> Path | None:
    return next((folder for folder in _pg_bins() if _has_timescaledb(folder)), None)


def _pg_bins() -> Iterator[Path]:
    if named := os.environ.get("THOR_TEST_PG_BIN"):
        yield Path(named)
    if config := shutil.which("pg_config"):
        said = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False)
        yield Path(said.stdout.strip())
    yield from map(Path, _PG_BINS)


def _has_timescaledb(folder: Path) -> bool:
    # The library of the Community edition; packages of the Apache edition lack it.
    libraries = (folder.parent / "lib", folder.parent / "lib" / "postgresql")
    is_server = (folder / "postgres").is_file()
    return is_server and any(any(found.glob("timescaledb-tsl-*")) for found in libraries)


def _search_path() -> str:
    return ", ".join(database.SEARCH_PATH)
