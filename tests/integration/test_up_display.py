"""The terminal of `thor up` is an observer: whatever happens to it, the system goes on."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import redis
from rich.console import Console
from test_natures import COUNT, one, settings, up
from ticks_made import LISTING, wait_for

from thor.cli import up_quotes
from thor.cli.up_quotes import cells_of
from thor.market.bus.messages import LATEST
from thor.runtime import Stop
from thor.services.home import Home
from thor.services.running import Endpoints, RunningSystem, endpoints
from thor.services.supervised import JobSpec

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
GOOD = {
    "last": "5000.25",
    "bid": "5000",
    "ask": "5000.25",
    "bid_size": "3",
    "ask_size": "4",
    "volume": "17",
    "ts": "2026-11-23T14:59:59.000000Z",
    "received_at": "2026-11-23T14:59:59.000000Z",
    "source": "SIM",
}
SHOWN = ["5000.25", "5000.00", "5000.25", "3×4", "17", "1.0 s", "SIM"]


def cells(**odd: str) -> tuple[list[str], bool]:
    instrument = LISTING.instrument("ES")
    assert instrument is not None
    return cells_of(GOOD | odd, instrument, NOW, in_market_time=False)


@pytest.mark.parametrize(
    ("odd", "at", "shown"),
    [
        ({"last": "5000.25"}, 0, "5000.25"),
        ({"bid": "abc"}, 1, "?"),
        ({"ask": "1e999999"}, 2, "?"),
        ({"ask": "NaN"}, 2, "?"),
        ({"bid_size": "many"}, 3, "?×4"),
        ({"volume": "9" * 5000}, 4, "?"),
        ({"received_at": "soon"}, 5, "?"),
        ({"received_at": "9999-12-31T23:59:59-12:00"}, 5, "?"),
        ({"received_at": "2026-11-24T15:00:00Z"}, 5, "ahead 86400.0 s"),
        ({"ts": "9999-12-31T23:59:59Z"}, 5, "1.0 s"),
        ({"source": "[/red]" * 9}, 6, "[/red][/red][/red][/"),
    ],
)
def test_what_cannot_be_read_is_shown_as_such_and_the_rest_as_it_is(
    odd: dict[str, str], at: int, shown: str
) -> None:
    found, is_stale = cells(**odd)
    assert found == [*SHOWN[:at], shown, *SHOWN[at + 1 :]]
    assert is_stale == shown.startswith("ahead")


@pytest.fixture
def path() -> Iterator[Path]:
    """A THOR_HOME to be made, which any user may enter."""
    with tempfile.TemporaryDirectory(prefix="thor-display-") as name:
        Path(name).chmod(0o755)
        yield Path(name).resolve() / "home"


@pytest.mark.skipif(sys.platform == "win32", reason="no /dev/full")
def test_a_terminal_that_takes_nothing_and_odd_values_stop_nothing(path: Path) -> None:
    # `| head -0`: the reader ends before the first line.
    reader = subprocess.Popen(["true"], stdin=subprocess.PIPE)
    reader.wait()
    with up(path, "--no-open", stdout=reader.stdin) as thor:
        wait_for(lambda: Home(path).status_file.exists(), "the servers", 60)
        urls = endpoints(Home(path), settings(path))
        wait_for(lambda: ticks_of(urls.database_url) > 0, "ticks", 60)
        client: Any = redis.Redis.from_url(urls.redis_url, decode_responses=True)
        client.hset(LATEST + "ES", mapping={"bid": "abc", "ts": "9999-12-31T23:59:59.000000Z"})
        client.set(LATEST + "NQ", "a text")
        wait_for(lambda: client.type(LATEST + "NQ") == "hash", "the repair of NQ")
        wait_for(lambda: client.hget(LATEST + "ES", "ts") < "3", "the repair of ES")
        assert Decimal(client.hget(LATEST + "ES", "bid")) > 0
        before = ticks_of(urls.database_url)
        wait_for(lambda: ticks_of(urls.database_url) > before, "more ticks")
        assert thor.process.poll() is None
    assert thor.process.returncode == 0
    assert reader.stdin is not None


def ticks_of(url: str) -> int:
    try:
        return int(one(url, COUNT))
    except Exception:
        return 0


class Full:
    """An output on a disk that is full."""

    def write(self, _: str) -> int:
        raise OSError(28, "No space left on device")

    def flush(self) -> None:
        raise OSError(28, "No space left on device")

    def isatty(self) -> bool:
        return False


def test_a_full_output_ends_the_display_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full: Any = Full()
    monkeypatch.setattr(up_quotes, "console", Console(file=full))
    stdout = (tmp_path / "stdout").open("w")
    monkeypatch.setattr(sys, "stdout", stdout)
    system = RunningSystem(
        Home(tmp_path), Endpoints("", "", "", owns_postgres=True, owns_redis=True), None
    )  # type: ignore[arg-type]
    job = JobSpec("api", (), {"THOR_API_PORT": "1"})
    display = up_quotes.Display(settings(tmp_path), system, [job], Stop(), 0)
    display.start()
    wait_for(lambda: not display.is_alive, "the display's end")
    # What else is printed goes nowhere and raises nothing.
    print("more", file=stdout, flush=True)
    assert (tmp_path / "stdout").read_text() == ""
