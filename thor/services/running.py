"""A running Thor: its servers started, its URLs known, its jobs supervised.

`thor up`, the jobs and the tests call it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

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

# Who connects: `owner` migrates and refreshes bars, `app` are the jobs and the API, `reader` are
# people and their tools, `grafana` is Grafana.
Role = Literal["owner", "app", "reader", "grafana"]
ROLES: tuple[Role, ...] = ("owner", "app", "reader", "grafana")


class Endpoints(msgspec.Struct, frozen=True):
    """The URLs of the database and the bus. They contain passwords: never log them.

    `database_url` is the jobs' and the API's; `admin_url` is for making, migrating and dumping it.
    """

    database_url: str
    admin_url: str
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
        admin_url(home, settings),
        _redis_url(home, settings),
        settings.database_url is None,
        settings.redis_url is None,
    )


def role_name(role: Role) -> str:
    """Return the name of a role on a server."""
    return f"thor_{role}"


def database_url(home: Home, settings: Settings, role: Role = "app") -> str:
    """Return the database's URL alone, for a role.

    On a server of the user's own a role without a password in the settings is the URL's user.
    Raises `Unavailable` where the server is the home's own, never started.
    """
    if settings.database_url is not None:
        password = settings.role_passwords().get(role)
        if password is None:
            return settings.database_url
        return as_user(settings.database_url, role_name(role), password)
    admin = admin_url(home, settings)
    password = getattr(home.credentials(), role)
    if not password:
        raise Unavailable(
            f"{home.path} has no password for {role_name(role)} yet: start it with `thor up`"
        )
    return as_user(admin, role_name(role), password)


def admin_url(home: Home, settings: Settings) -> str:
    """Return the database's URL for the user that makes, migrates and dumps it.

    Of the home's own server that is its superuser. Raises `Unavailable` as `database_url` does.
    """
    if settings.database_url is not None:
        return settings.database_url
    port, password = _port(home, Postgres.name), home.credentials().postgres
    name = database_name(chosen(home, settings))
    return f"postgresql://{USER}:{password}@127.0.0.1:{port}/{name}"


def passwords(home: Home, settings: Settings) -> dict[Role, str]:
    """Return the passwords that the database's roles are to have; of some roles none."""
    if settings.database_url is not None:
        return {role: text for role in ROLES if (text := settings.role_passwords().get(role))}
    made = home.credentials()
    return {role: text for role in ROLES if (text := getattr(made, role))}


def as_user(url: str, name: str, password: str | None) -> str:
    """Return the URL for another user of the same database."""
    parts = urlsplit(url)
    user = quote(name, safe="")
    if password is not None:
        user += f":{quote(password, safe='')}"
    host = parts.netloc.rpartition("@")[2]
    query = parse_qsl(parts.query, keep_blank_values=True)
    kept = urlencode([(key, text) for key, text in query if key not in ("user", "password")])
    return urlunsplit(parts._replace(netloc=f"{user}@{host}", query=kept))


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
