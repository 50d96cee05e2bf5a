"""One home, a database of each nature: what one runs the others neither see nor disturb."""

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import redis
from command import Command
from ticks_made import wait_for

from thor.config import Settings
from thor.database import schema
from thor.services.home import Home
from thor.services.nature import chosen
from thor.services.running import endpoints, running

COUNT = "select count(*) from ticks"
DAY = """symbol,ts,kind,last,last_size
ES,2024-03-08T15:00:00Z,trade,5150.25,3
ES,2024-03-08T15:00:01Z,trade,5150.50,2
ES,2024-03-08T15:00:02Z,trade,5150.75,1
"""


@pytest.fixture
def path() -> Iterator[Path]:
    """A THOR_HOME to be made, which any user may enter."""
    with tempfile.TemporaryDirectory(prefix="thor-natures-") as name:
        Path(name).chmod(0o755)
        yield Path(name).resolve() / "home"


def settings(path: Path, **given: Any) -> Settings:
    return Settings(home=path, edition="plain", _env_file=None, **given)  # type: ignore[call-arg]


def one(url: str, query: str) -> Any:
    with psycopg.connect(url) as link:
        row = link.execute(query.encode()).fetchone()
    return row and row[0]


def test_a_live_database_of_before_keeps_its_data_under_its_own_name(path: Path) -> None:
    with running(settings(path)) as home:
        schema.up(home.endpoints.admin_url, "live", requested="plain")
        redis.Redis.from_url(home.endpoints.redis_url).set("pending", "7")
    with running(settings(path, nature="live")) as home:
        assert urlsplit(home.endpoints.admin_url).path == "/thor_live"
        assert one(home.endpoints.admin_url, "select nature from ops.edition") == "live"
        live = redis.Redis.from_url(home.endpoints.redis_url)
        assert live.get("pending") == b"7"
    with running(settings(path)) as home:
        schema.up(home.endpoints.admin_url, "simulated", requested="plain")
        assert redis.Redis.from_url(home.endpoints.redis_url).get("pending") is None


def test_what_runs_is_what_every_command_works_on(path: Path) -> None:
    with running(settings(path, nature="recorded")) as home:
        uncommented = settings(path)
        assert chosen(Home(path), uncommented) == "recorded"
        assert endpoints(Home(path), uncommented) == home.endpoints
        named = endpoints(Home(path), settings(path, nature="simulated"))
        assert urlsplit(named.database_url).path == "/thor"
        assert urlsplit(named.redis_url).path == "/0"
    assert chosen(Home(path), settings(path)) == "simulated"


def test_a_recorded_day_is_shown_beside_the_simulated_market_and_again(
    path: Path, tmp_path: Path
) -> None:
    tape = tmp_path / "day.csv"
    tape.write_text(DAY)
    with running(settings(path)) as home:
        schema.up(home.endpoints.admin_url, requested="plain")
    for _ in range(2):
        with up(path, "--tape", str(tape), "--speed", "max") as thor:
            wait_for(lambda: "day.csv: 3 of 3 ticks, ended" in thor.said(), "the tape's end")
            urls = endpoints(Home(path), settings(path))
            assert urlsplit(urls.database_url).path == "/thor_recorded"
            wait_for(lambda url=urls.database_url: one(url, COUNT) == 3, "the tape's ticks")
            assert one(urls.database_url, "select nature from ops.edition") == "recorded"
            names = json.loads(thor.ask("status", "--json"))
            assert "simulate" not in [row["name"] for row in names]
            latest = redis.Redis.from_url(urls.redis_url).hgetall("quotes:latest:ES")
            assert latest[b"last"] == b"5150.75"
    with running(settings(path)) as home:
        assert one(home.endpoints.admin_url, COUNT) == 0


@pytest.mark.parametrize(
    ("words", "code", "reported"),
    [
        (("--speed", "10x"), 2, "--speed: is the speed of tapes"),
        (("--tape", "none.csv"), 3, "none.csv: No such file"),
    ],
)
def test_a_tape_that_cannot_be_played_ends_the_start_in_one_line(
    path: Path, words: tuple[str, ...], code: int, reported: str
) -> None:
    with up(path, *words) as thor:
        assert thor.process.wait(timeout=60) == code
        assert reported in thor.said()
        assert "Traceback" not in thor.said()


class up:
    """`thor up` in a process of its own, which a signal stops."""

    def __init__(
        self, path: Path, *words: str, env: Mapping[str, str] | None = None, stdout: Any = None
    ) -> None:
        given = {"THOR_EDITION": "plain", "THOR_API_PORT": "0", **(env or {})}
        self._command = Command(path.parent, **given)
        self._log = path.parent / "up.log"
        self._words = words
        self._stdout = stdout

    def __enter__(self) -> "up":
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "thor", "up", *self._words],
                cwd=self._command.folder,
                env=self._command.env,
                stdout=log if self._stdout is None else self._stdout,
                stderr=log,
            )
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=240)

    def said(self) -> str:
        return self._log.read_text()

    def ask(self, *words: str) -> str:
        """Return what a command prints; it runs in this process, since some are asked often."""
        done = self._command.run(*words)
        assert done.code == 0, done.err
        return done.out
