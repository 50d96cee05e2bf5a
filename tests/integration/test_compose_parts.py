"""The servers' settings in docker-compose.yml work with real servers, without an engine."""

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
import yaml
from ticks_made import wait_for

from thor.services import postgres
from thor.services.home import Home
from thor.services.install import find_valkey
from thor.services.running import Endpoints

SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parents[2] / "docker-compose.yml").read_text()
)["services"]
PASSWORD = "s3cret"


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """The port of a server that was started by the command of the service redis."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
    server = find_valkey(Home(tmp_path / "home"), None)
    shell, option, script = SERVICES["redis"]["command"]
    script = script.replace("$$", "$").replace("docker-entrypoint.sh valkey-server", str(server))
    here = f"<<END\nport {number}\nbind 127.0.0.1\n"
    script = script.replace("<<END\n", here)
    process = subprocess.Popen(
        [shell, option, script],
        cwd=tmp_path,
        env={**os.environ, **dict.fromkeys(SERVICES["redis"]["environment"], PASSWORD)},
        stdout=subprocess.DEVNULL,
    )
    try:
        yield number
    finally:
        process.terminate()
        process.wait(timeout=30)


def test_the_bus_asks_for_its_password_and_forgets_nothing(port: int, tmp_path: Path) -> None:
    client = redis.Redis(host="127.0.0.1", port=port, password=PASSWORD)

    def answers() -> bool:
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False

    wait_for(answers, "the bus")
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(host="127.0.0.1", port=port).ping()
    reported: Any = client.config_get("*")
    assert reported["appendonly"] == "yes"
    assert reported["appendfsync"] == "always"
    assert reported["maxmemory-policy"] == "noeviction"
    assert reported["save"] == ""
    client.xadd("s", {"a": 1})
    assert list(tmp_path.glob("appendonlydir/*.incr.aof"))
    client.close()


@pytest.mark.editions("plain")
def test_the_database_is_set_as_thors_own_server_is(
    endpoints: Endpoints, database_url: str
) -> None:
    if not endpoints.owns_postgres:
        pytest.skip("the server was named: it is set as its owner likes")
    words = SERVICES["postgres"]["command"]
    asked = dict(word.removeprefix("-c").split("=") for word in words[1:])
    assert asked.pop("timescaledb.telemetry_level") == "off"
    # Thor's own server takes each where its build has it.
    assert asked.pop("shared_preload_libraries") == "timescaledb,pg_stat_statements"
    assert asked.pop("wal_compression") == "lz4"
    # The tests give theirs less.
    assert asked.pop("max_wal_size") == postgres._SETTINGS["max_wal_size"]
    assert {"timezone", "jit"} <= set(asked)
    with psycopg.connect(database_url) as connection:
        found = {}
        for name in asked:
            row = connection.execute("select current_setting(%s)", [name]).fetchone()
            assert row is not None
            found[name] = row[0]
    assert found == asked
