"""Find TimescaleDB Community for the tests, and run it: named, installed, or in a container.

The order: THOR_TEST_TIMESCALE_URL; a PostgreSQL of this machine that has TimescaleDB, run by Thor's
own supervisor; Docker. Where there is none, the reason is printed once.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

import psycopg
from msgspec.structs import replace

from thor.config import Settings
from thor.services.home import Home
from thor.services.running import Endpoints, start_servers
from thor.services.server import stop_all

IMAGE = "timescale/timescaledb:2.31.2-pg18"
_PLACES = ("/usr/local/pgsql/bin", "/usr/lib/postgresql/18/bin")
_OLDER = ("/usr/lib/postgresql/17/bin", "/usr/lib/postgresql/16/bin")


class Found(NamedTuple):
    """Where TimescaleDB is: a server's URL, a folder of programs, or an image."""

    url: str | None = None
    pg_bin: Path | None = None
    image: str | None = None
    reason: str = ""

    @property
    def is_there(self) -> bool:
        """Whether there is anything to test on."""
        return bool(self.url or self.pg_bin or self.image)


@cache
def found() -> Found:
    """Search everywhere, in order."""
    if url := os.environ.get("THOR_TEST_TIMESCALE_URL"):
        return Found(url=url)
    for folder in _folders():
        if _has_timescaledb(folder):
            return Found(pg_bin=folder)
    if _has_docker():
        return Found(image=IMAGE)
    return Found(
        reason="no TimescaleDB: set THOR_TEST_TIMESCALE_URL or THOR_TEST_PG_BIN, install the "
        "vendor's timescaledb-2-postgresql-18, or start Docker"
    )


def _folders() -> Iterator[Path]:
    if named := os.environ.get("THOR_TEST_PG_BIN"):
        yield Path(named)
    if config := shutil.which("pg_config"):
        said = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False)
        yield Path(said.stdout.strip())
    yield from map(Path, (*_PLACES, *_OLDER))


def _has_timescaledb(folder: Path) -> bool:
    # The Apache edition's packages lack this library of the Community one. It lies in
    # lib/ beside bin/, or below it where a distribution keeps several servers.
    libraries = (folder.parent / "lib", folder.parent / "lib" / "postgresql")
    is_server = (folder / "postgres").is_file()
    return is_server and any(any(found.glob("timescaledb-tsl-*")) for found in libraries)


def _has_docker() -> bool:
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0


@contextmanager
def running(folder: Path, license_: str = "timescale") -> Iterator[Endpoints]:
    """Run what was found, without its background jobs: a test runs the one it means."""
    place = found()
    settings = Settings(
        home=folder / "home",
        database_url=place.url,
        redis_url=os.environ.get("THOR_TEST_REDIS_URL"),
        pg_bin=place.pg_bin,
        _env_file=None,
    )
    if place.image:
        with _container(place.image) as url, _started(settings, url) as urls:
            yield urls
        return
    with _started(settings, place.url) as urls:
        if place.pg_bin is None:
            yield urls
            return
        with psycopg.connect(urls.database_url, autocommit=True) as connection:
            connection.execute("alter system set timescaledb.max_background_workers = 0")
            connection.execute(f"alter system set timescaledb.license = '{license_}'")
    # Both settings are read when the server starts.
    with _started(settings, place.url) as urls:
        yield urls


@contextmanager
def _started(settings: Settings, url: str | None) -> Iterator[Endpoints]:
    settings = settings.model_copy(update={"database_url": url})
    home = Home(settings.home)
    with home.lock():
        urls, servers = start_servers(home, settings, report=lambda *_, **__: None)
        try:
            yield replace(urls, database_url=urls.admin_url)
        finally:
            stop_all(servers)


@contextmanager
def _container(image: str) -> Iterator[str]:
    from testcontainers.community.postgres import PostgresContainer

    with PostgresContainer(image, username="thor", dbname="thor", driver=None) as container:
        yield container.get_connection_url()
