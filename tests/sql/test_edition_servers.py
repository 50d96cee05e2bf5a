"""thor.database.schema.up on servers that offer less than TimescaleDB Community."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import timescale

from thor.config import Settings
from thor.database import edition as editions
from thor.database import schema
from thor.database.edition import Edition
from thor.errors import Refused
from thor.services.install import PostgresInstall
from thor.services.running import running

pytestmark = pytest.mark.editions("plain", "timescale")

EDITION = "select edition from ops.edition"
SCHEMAS = "select nspname from pg_namespace order by 1"
HAS_EXTENSION = "select exists (select from pg_extension where extname = 'timescaledb')"
TICK = (
    "insert into market.ticks "
    "(ts, symbol, seq, source, last, volume_delta, is_trade, is_sampled, received_at) values "
    "('2024-01-02 15:00:00Z', 'ES', 1, 'SIM', 4800.25, 3, true, false, '2024-01-02 15:00:00Z')"
)


def _rows(url: str, query: str) -> list[Any]:
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()


def _do(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


def _new(url: str, name: str) -> str:
    _do(url, f"create database {name} template template0")
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


@contextmanager
def _folder() -> Iterator[Path]:
    # Not under pytest's own folder, which is closed to the user that runs the servers.
    folder = Path(tempfile.mkdtemp(prefix="thor-test-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def folder(edition: Edition) -> Iterator[Path]:
    """The home of a server that has a Community database `community`, not running."""
    if timescale.found().pg_bin is None:
        pytest.skip("no TimescaleDB of this machine that can be run under another licence")
    with _folder() as folder:
        with timescale.running(folder) as urls:
            schema.up(_new(urls.database_url, "community"))
        yield folder


@pytest.fixture(scope="module")
def apache_url(folder: Path) -> Iterator[str]:
    """The same server, started under the Apache licence."""
    with timescale.running(folder, "apache") as urls:
        yield urls.database_url


@pytest.fixture
def new_url(apache_url: str) -> Iterator[str]:
    """An empty database under the Apache licence."""
    yield _new(apache_url, "empty")
    _do(apache_url, "drop database empty with (force)")


@pytest.mark.editions("timescale")
def test_the_apache_licence_is_run_as_plain(new_url: str) -> None:
    schema.up(new_url)
    assert _rows(new_url, EDITION) == [("plain",)]
    assert _rows(new_url, HAS_EXTENSION) == [(False,)]
    _do(new_url, TICK)
    bars = "select close, volume from bars_1m where bar_start = '2024-01-02 15:00Z'"
    assert [tuple(map(float, row)) for row in _rows(new_url, bars)] == [(4800.25, 3.0)]
    said: list[str] = []
    schema.up(new_url, report=said.append)
    assert said == []


@pytest.mark.editions("timescale")
def test_a_database_that_has_the_apache_extension_is_run_as_plain(new_url: str) -> None:
    _do(new_url, "create extension timescaledb schema public")
    for _ in range(2):
        schema.up(new_url)
        assert _rows(new_url, EDITION) == [("plain",)]
        assert _rows(new_url, HAS_EXTENSION) == [(True,)]


@pytest.mark.editions("timescale")
def test_timescale_is_refused_under_the_apache_licence_with_the_fix(new_url: str) -> None:
    before = _rows(new_url, SCHEMAS)
    with pytest.raises(Refused) as refused:
        schema.up(new_url, requested="timescale")
    said = str(refused.value)
    assert "THOR_EDITION=timescale" in said
    assert "under the apache licence" in said
    assert "timescaledb.license = timescale" in said
    assert _rows(new_url, SCHEMAS) == before


@pytest.mark.editions("timescale")
@pytest.mark.parametrize("requested", ["auto", "timescale", "plain"])
def test_a_community_database_is_refused_under_the_apache_licence(
    apache_url: str, requested: Any
) -> None:
    url = urlunsplit(urlsplit(apache_url)._replace(path="/community"))
    before = _rows(url, SCHEMAS)
    with pytest.raises(Refused, match=r"timescaledb\.license = apache.*license = timescale"):
        schema.up(url, requested=requested)
    assert _rows(url, SCHEMAS) == before
    assert _rows(url, EDITION) == [("timescale",)]


@pytest.fixture(scope="module")
def not_preloaded_url(edition: Edition) -> Iterator[str]:
    """A server that has TimescaleDB and was started without it."""
    if timescale.found().pg_bin is None:
        pytest.skip("no TimescaleDB of this machine that can be left out of a server")
    with _folder() as folder, ExitStack() as stack:
        settings = Settings(home=folder / "home", pg_bin=timescale.found().pg_bin, _env_file=None)  # type: ignore[call-arg]
        with running(settings) as system:
            schema.up(_new(system.endpoints.admin_url, "community"))
        # For its start alone: what the next test starts is to have it.
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(PostgresInstall, "has_extension", lambda *_: False)
            system = stack.enter_context(running(settings))
        yield system.endpoints.admin_url


@pytest.mark.editions("timescale")
@pytest.mark.parametrize("requested", ["auto", "timescale"])
def test_a_server_without_the_preload_gets_the_setting_to_add(
    not_preloaded_url: str, requested: Any
) -> None:
    url = _new(not_preloaded_url, f"new_{requested}")
    before = _rows(url, SCHEMAS)
    with pytest.raises(Refused) as refused:
        schema.up(url, requested=requested)
    said = str(refused.value)
    assert f"cannot be used in database new_{requested}" in said
    assert "add timescaledb to shared_preload_libraries" in said
    assert "THOR_EDITION=plain" in said
    assert _rows(url, SCHEMAS) == before


@pytest.mark.editions("timescale")
def test_plain_needs_no_preloading(not_preloaded_url: str) -> None:
    url = _new(not_preloaded_url, "plain")
    schema.up(url, requested="plain")
    schema.up(url)
    assert _rows(url, EDITION) == [("plain",)]


@pytest.mark.editions("timescale")
def test_a_community_database_on_a_server_that_does_not_preload_it_is_refused(
    not_preloaded_url: str,
) -> None:
    url = urlunsplit(urlsplit(not_preloaded_url)._replace(path="/community"))
    with pytest.raises(Refused, match="shared_preload_libraries"):
        schema.up(url)
    assert _rows(url, EDITION) == [("timescale",)]


@pytest.mark.editions("timescale")
def test_a_version_too_old_is_refused_before_and_after_a_database_is_made(
    bare_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _rows(bare_database_url, SCHEMAS)
    with monkeypatch.context() as patch:
        patch.setattr(editions, "TIMESCALEDB_MIN", (99, 1, 2))
        with pytest.raises(Refused, match=r"too old: Thor needs 99\.1\.2.*THOR_EDITION=plain"):
            schema.up(bare_database_url)
    assert _rows(bare_database_url, SCHEMAS) == before
    schema.up(bare_database_url)
    monkeypatch.setattr(editions, "TIMESCALEDB_MIN", (99, 1, 2))
    with pytest.raises(
        Refused, match=r"too old: .* `alter extension timescaledb update`"
    ) as refused:
        schema.up(bare_database_url)
    assert "THOR_EDITION=plain" not in str(refused.value), "it is no way out of a made database"


@pytest.mark.editions("plain")
def test_timescale_is_refused_by_a_server_without_it_with_the_package_to_install(
    bare_database_url: str,
) -> None:
    before = _rows(bare_database_url, SCHEMAS)
    with pytest.raises(Refused, match=r"THOR_EDITION=timescale.*timescaledb-2-postgresql-"):
        schema.up(bare_database_url, requested="timescale")
    assert _rows(bare_database_url, SCHEMAS) == before


@pytest.mark.editions("plain")
def test_a_community_database_on_a_server_without_timescaledb_is_refused(database_url: str) -> None:
    _do(database_url, "update ops.edition set edition = 'timescale'")
    with pytest.raises(Refused, match="its server has no TimescaleDB: "):
        schema.up(database_url)


@pytest.mark.editions("timescale")
def test_a_community_database_that_lost_the_extension_is_refused(database_url: str) -> None:
    _do(database_url, "drop extension timescaledb cascade")
    with pytest.raises(Refused, match="but not in this database"):
        schema.up(database_url)
