"""Real servers for the tests: one PostgreSQL and one Redis-compatible server a run.

Fixtures give a fresh database and an empty bus to each test that asks, which runs
once on each edition that is there: `--edition plain` keeps to one. Where
THOR_TEST_DATABASE_URL / THOR_TEST_REDIS_URL name servers, those are used.
"""

import atexit
import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit, urlunsplit

import hypothesis
import psycopg
import pytest
import redis
import timescale
from msgspec.structs import replace
from psycopg import sql
from roles_made import PASSWORDS

from thor import database
from thor.config import Settings
from thor.database import roles, schema
from thor.database.edition import Edition
from thor.market.bus.client import Bus
from thor.services.home import Home
from thor.services.postgres import Postgres
from thor.services.running import Endpoints, start_servers
from thor.services.server import stop_all

# A slow machine is no fault of the code.
hypothesis.settings.register_profile("thor", deadline=None)
hypothesis.settings.load_profile("thor")

REPO = Path(__file__).resolve().parents[1]
DATA = REPO.parent / "shared" / "data"
# For one worker's servers of both editions, which take a third of it.
_MARGIN = 6 * 1024**3
_TEMPLATE = f"thor_test_template_{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real market data, which is read in place and not part of the project."""
    if not DATA.is_dir():
        pytest.skip(f"the market data are not there: {DATA}")
    return DATA


EDITIONS = ("plain", "timescale")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the editions be chosen."""
    parser.addoption(
        "--edition",
        choices=[*EDITIONS, "all"],
        help="test on this edition only, or everything on all that are there; otherwise the "
        "subject decides: plain, and timescale too where a module is marked with it",
    )


# Few tests, each of a whole system or of real days: who began one of these last would end long
# after the other workers.
_FIRST = {
    "test_bars_import.py",
    "test_crash.py",
    "test_natures.py",
    "test_screen.py",
    "test_services.py",
    "test_supervisor.py",
    "test_tapes.py",
    "test_up_display.py",
    "test_up_live.py",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files first that take longest, and keep the order otherwise."""
    items.sort(key=lambda item: item.path.name not in _FIRST)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what touches a database on the editions that its subject concerns.

    A test's own mark overrides its module's. Unmarked tests are the same on every edition and run
    on plain, or on the requested editions.
    """
    if "edition" not in metafunc.fixturenames:
        return
    asked = metafunc.config.getoption("--edition")
    mark = metafunc.definition.get_closest_marker("editions")
    subject = mark.args if mark else EDITIONS if asked else ("plain",)
    wanted = EDITIONS if asked in (None, "all") else (asked,)
    editions: list[Any] = [one for one in EDITIONS if one in subject and one in wanted]
    if "timescale" in editions and not timescale.found().is_there:
        reason = pytest.mark.skip(reason=timescale.found().reason)
        there = [one for one in editions if one != "timescale"]
        # Reported once for a test that runs nowhere else; the run's last line has it for all.
        editions = there or [pytest.param("timescale", marks=reason)]
    metafunc.parametrize("edition", editions, scope="session", indirect=True)


@pytest.fixture(scope="session")
def edition(request: pytest.FixtureRequest) -> Edition:
    """The edition that a test runs on."""
    name: Edition = request.param
    return name


@pytest.fixture(scope="session")
def servers() -> Iterator[Callable[[Edition], Endpoints]]:
    """The servers of an edition, started when a test first asks and stopped at the end."""
    running: dict[Edition, Endpoints] = {}
    with ExitStack() as stack:

        def of(edition: Edition) -> Endpoints:
            if edition not in running:
                # Not under pytest's own folder, which is closed to the user that runs the servers.
                folder = Path(tempfile.mkdtemp(prefix="thor-test-", dir=_memory()))
                folder.chmod(0o711)
                stack.callback(shutil.rmtree, folder, ignore_errors=True)
                start = timescale.running if edition == "timescale" else _plain
                with patch.object(Postgres, "_settings", _hasty):
                    urls = stack.enter_context(start(folder))
                _note_version(edition, urls.admin_url)
                running[edition] = replace(
                    urls, database_url=urls.admin_url, redis_url=_own(urls.redis_url)
                )
            return running[edition]

        yield of


@pytest.fixture(scope="session")
def endpoints(edition: Edition, servers: Callable[[Edition], Endpoints]) -> Endpoints:
    """A PostgreSQL of the edition and a Redis-compatible server."""
    return servers(edition)


_settings = Postgres._settings


def _hasty(server: Postgres) -> dict[str, str]:
    # Thousands of databases are made and dropped. A killed server loses nothing by this, only
    # one whose power is cut.
    haste = {"fsync": "off", "full_page_writes": "off", "wal_compression": "off"}
    return {**_settings(server), **haste, "max_wal_size": "512MB"}


def _memory() -> Path | None:
    """Return a folder in memory, if there is enough space and programs may run.

    A disk's file system is slow to find space for the files of a database that replaces another.
    """
    place = Path("/dev/shm")
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if not place.is_dir() or shutil.disk_usage(place).free < _MARGIN * workers:
        return None
    return None if os.statvfs(place).f_flag & os.ST_NOEXEC else place


def _own(redis_url: str) -> str:
    # Where two workers are given one server, each has a database of its own in it.
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    return urlunsplit(urlsplit(redis_url)._replace(path=f"/{worker}"))


@contextmanager
def _plain(folder: Path) -> Iterator[Endpoints]:
    settings = Settings(
        home=folder / "home",
        database_url=os.environ.get("THOR_TEST_DATABASE_URL"),
        redis_url=os.environ.get("THOR_TEST_REDIS_URL"),
        _env_file=None,
    )
    home = Home(settings.home)
    with home.lock():
        urls, servers = start_servers(home, settings, report=lambda *_, **__: None)
        try:
            yield urls
        finally:
            stop_all(servers)


_TESTED: dict[str, str] = {}


def _note_version(edition: Edition, url: str) -> None:
    with psycopg.connect(url) as connection:
        server = connection.info.server_version
        row = connection.execute(
            "select default_version from pg_available_extensions where name = 'timescaledb'"
        ).fetchone()
    text = f"PostgreSQL {server // 10000}.{server % 10000}"
    if edition == "timescale" and row:
        text = f"TimescaleDB Community {row[0]} on {text}"
    _TESTED[edition] = text


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand what a worker tested on to the run that started it."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["tested"] = _TESTED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take what a worker tested on."""
    _TESTED.update(sorted(getattr(node, "workeroutput", {}).get("tested", {}).items()))


def pytest_unconfigure() -> None:
    """Keep to itself that DuckDB counts as leaked what lives until the interpreter ends.

    It writes pages of them when its library is unloaded, after everything else.
    """
    if "duckdb" in sys.modules:
        atexit.register(lambda: os.dup2(os.open(os.devnull, os.O_WRONLY), 2))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print in the last line which editions were tested, and their versions."""
    if not _TESTED:
        return
    chosen = config.getoption("--edition")
    parts = [f"{name} ({version})" for name, version in sorted(_TESTED.items())]
    if "timescale" not in _TESTED and chosen != "plain":
        parts.append(f"timescale not tested: {timescale.found().reason or 'no test asked for it'}")
    terminalreporter.write_line(f"editions tested: {', '.join(parts)}")


@pytest.fixture(scope="session")
def templates() -> set[str]:
    """The editions whose template has been made."""
    return set()


@pytest.fixture(scope="session")
def template(endpoints: Endpoints, edition: Edition, templates: set[str]) -> str:
    """The URL of a migrated database that the others are copied from."""
    name = f"{_TEMPLATE}_{edition}"
    url = _named(endpoints.database_url, name)
    if edition not in templates:
        with psycopg.connect(endpoints.database_url, autocommit=True) as connection:
            connection.execute(_create(name))
        schema.up(url, requested=edition)
        roles.set_passwords(url, PASSWORDS)
        templates.add(edition)
    return url


@pytest.fixture(scope="session")
def maker(endpoints: Endpoints) -> Iterator[psycopg.Connection[Any]]:
    """The connection that makes and drops the databases of an edition."""
    with psycopg.connect(endpoints.database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def bare_database_url(endpoints: Endpoints, maker: psycopg.Connection[Any]) -> Iterator[str]:
    """An empty database."""
    with _database(endpoints.database_url, maker, "template0") as url:
        yield url


@pytest.fixture
def database_url(
    endpoints: Endpoints, maker: psycopg.Connection[Any], template: str
) -> Iterator[str]:
    """A migrated database without a tick."""
    with _database(endpoints.database_url, maker, urlsplit(template).path[1:]) as url:
        yield url


@pytest.fixture(scope="module")
def kept_url(endpoints: Endpoints, maker: psycopg.Connection[Any], template: str) -> Iterator[str]:
    """A migrated database that all tests of a module share."""
    with _database(endpoints.database_url, maker, urlsplit(template).path[1:]) as url:
        yield url


@pytest.fixture(scope="session")
def copied(
    endpoints: Endpoints, maker: psycopg.Connection[Any]
) -> Callable[[str], AbstractContextManager[str]]:
    """Copies a database that nobody is connected to, by its URL."""
    return lambda url: _database(endpoints.database_url, maker, urlsplit(url).path[1:])


@pytest.fixture
def redis_url(endpoints: Endpoints) -> Iterator[str]:
    """An empty bus."""
    client = redis.Redis.from_url(endpoints.redis_url)
    client.flushdb()
    yield endpoints.redis_url
    client.flushdb()
    client.close()


@pytest.fixture
def client(redis_url: str) -> Iterator["redis.Redis"]:
    """The server behind the bus, asked directly."""
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def bus_settings() -> dict[str, Any]:
    """What a module's bus is made with that is not the default."""
    return {}


@pytest.fixture
def bus(redis_url: str, bus_settings: dict[str, Any]) -> Iterator[Bus]:
    """The bus as a collector uses it."""
    bus = Bus(redis_url, **bus_settings)
    yield bus
    bus.close()


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection in autocommit to the migrated database."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@contextmanager
def _database(server_url: str, maker: psycopg.Connection[Any], copied_from: str) -> Iterator[str]:
    """A database of its own for one test, dropped when it is over."""
    name = f"thor_test_{uuid.uuid4().hex[:12]}"
    maker.execute(_create(name, copied_from))
    # Settings of `alter database … set` are not copied with a template.
    path = ", ".join(database.SEARCH_PATH)
    maker.execute(f"alter database {name} set search_path = {path}")
    try:
        yield _named(server_url, name)
    finally:
        _drop(maker, name)


def _create(name: str, template: str = "template0") -> sql.Composed:
    # Files are copied as such: through the log and the shared buffers it takes twice as long.
    text = "create database {} template {} strategy file_copy"
    return sql.SQL(text).format(sql.Identifier(name), sql.Identifier(template))


def _drop(connection: psycopg.Connection[Any], name: str) -> None:
    text = "drop database if exists {} with (force)"
    connection.execute(sql.SQL(text).format(sql.Identifier(name)))


def _named(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
