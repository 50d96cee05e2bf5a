"""A running Thor: its servers started, its URLs known, its jobs supervised.

`thor up`, the jobs and the tests call it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from thor.config import Settings
from thor.errors import Unavailable
from thor.observe import logger, redacted
from thor.services.home import Home
from thor.services.install import find_postgres, find_valkey
from thor.services.nature import USUAL, bus_number, chosen, database_name
from thor.services.postgres import USER, Postgres
from thor.services.server import Report, Server, start_all
from thor.services.supervisor import Supervisor, stop_left_jobs
from thor.services.valkey import AppendFsync, Valkey


class Endpoints(msgspec.Struct, frozen=True):
    """The URLs of the database and the bus. They contain passwords: never log them."""

    database_url: str
    redis_url: str
    owns_postgres: bool
    owns_redis: bool

    def __repr__(self) -> str:
        """Return a text without passwords."""
        return f"Endpoints({redacted(self.database_url)}, {redacted(self.redis_url)})"


class RunningSystem(msgspec.Struct, frozen=True):
    """A Thor that this process runs."""

    home: Home
    endpoints: Endpoints
    supervisor: Supervisor


def endpoints(home: Home, settings: Settings) -> Endpoints:
    """Return the URLs of a home: those of the settings, else those of its own servers.

    Raises Unavailable where its own servers were never started.
    """
    return Endpoints(
        database_url(home, settings),
        _redis_url(home, settings),
        settings.database_url is None,
        settings.redis_url is None,
    )


def database_url(home: Home, settings: Settings) -> str:
    """Return the database's URL alone; `Unavailable` where it is the home's own, never started."""
    if settings.database_url is not None:
        return settings.database_url
    port, password = _port(home, Postgres.name), home.credentials().postgres
    name = database_name(chosen(home, settings))
    return f"postgresql://{USER}:{password}@127.0.0.1:{port}/{name}"


def start_servers(
    home: Home,
    settings: Settings,
    report: Report | None = None,
    appendfsync: AppendFsync = "always",
) -> tuple[Endpoints, list[Server]]:
    """Start the servers that the settings do not name and return the URLs of both.

    The caller has the home's lock. Where one does not start, none is left running. `report` is
    called with the progress of slow steps.
    """
    report = report or logger("servers").info
    user = home.user()
    nature = chosen(home, settings)
    postgres: Postgres | None = None
    valkey: Valkey | None = None
    if settings.database_url is None:
        install = find_postgres(home, user, settings.pg_bin)
        password = home.ensure_credentials().postgres
        postgres = Postgres(home, user, password, report, install, nature)
    if settings.redis_url is None:
        program = find_valkey(home, user)
        password = home.ensure_credentials().redis
        valkey = Valkey(home, user, password, report, program, appendfsync)
    servers: list[Server] = [server for server in (postgres, valkey) if server is not None]
    start_all(servers)
    if postgres is not None and postgres.was_renamed and valkey is not None:
        valkey.swap(bus_number(USUAL), bus_number(nature))
    return endpoints(home, settings), servers


@contextmanager
def running(
    settings: Settings, *, report: Report | None = None, appendfsync: AppendFsync = "always"
) -> Iterator[RunningSystem]:
    """Lock the home, start and supervise its servers, and stop all of it at the end.

    Its database and bus are of the nature that the settings name, else simulated. Jobs are added
    with `supervisor.add`. Raises Refused where another process has locked the home.
    """
    home = Home(settings.home)
    with home.lock():
        stop_left_jobs(home)
        urls, servers = start_servers(home, settings, report, appendfsync)
        supervisor = Supervisor(home, servers, chosen(home, settings))
        supervisor.start()
        try:
            yield RunningSystem(home, urls, supervisor)
        finally:
            supervisor.stop()


def _redis_url(home: Home, settings: Settings) -> str:
    if settings.redis_url is not None:
        return settings.redis_url
    port, password = _port(home, Valkey.name), home.credentials().redis
    return f"redis://:{password}@127.0.0.1:{port}/{bus_number(chosen(home, settings))}"


def _port(home: Home, name: str) -> int:
    ports = home.ports()
    if name not in ports:
        raise Unavailable(f"{name} was never started in {home.path}: start it with `thor up`")
    return ports[name]
