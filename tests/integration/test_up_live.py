"""`thor up --live`: the desk's workbook in a database of its own beside the simulated one."""

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from excel_made import SAMPLE, save
from people_made import account
from test_natures import COUNT, one, settings, up
from ticks_made import wait_for

from thor.domain.people import Role
from thor.services.home import Home
from thor.services.running import endpoints


@pytest.fixture
def path() -> Iterator[Path]:
    """A THOR_HOME to be made, which any user may enter."""
    with tempfile.TemporaryDirectory(prefix="thor-live-") as name:
        Path(name).chmod(0o755)
        yield Path(name).resolve() / "home"


def saved_again(file: Path, last: float) -> None:
    """Save the desk's sheet again, with another last price of ES."""
    values = [list(row) for row in SAMPLE]
    values[2][10] = last
    beside = save(file.with_name("~beside.xlsx"), values)
    stat = file.stat()
    os.utime(beside, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000))
    beside.replace(file)


def is_answering(api: str) -> bool:
    """Return whether the API takes connections yet: the feed may come before it."""
    try:
        httpx.get(f"{api}/health")
    except httpx.TransportError:
        return False
    return True


def test_the_desks_workbook_moves_the_live_board_and_the_simulator_stays_out(
    path: Path, tmp_path: Path
) -> None:
    file = save(tmp_path / "RTD_TOS.xlsx")
    given = {"EXCEL_DATA_FILE": str(file), "DATA_PROVIDER": "excel_live"}
    with up(path, "--live", env={**given, "THOR_EXCEL_INTERVAL_S": "0.2"}) as thor:

        def row_of(name: str) -> dict[str, Any]:
            rows = {row["name"]: row for row in json.loads(thor.ask("status", "--json"))}
            return rows.get(name, {})

        wait_for(lambda: Home(path).status_file.exists(), "the servers")
        wait_for(lambda: row_of("EXCEL").get("state") == "live", "the feed's state")
        urls = endpoints(Home(path), settings(path))
        assert urlsplit(urls.database_url).path == "/thor_live"
        assert one(urls.database_url, "select nature from ops.edition") == "live"
        wait_for(lambda: one(urls.database_url, COUNT) == 11, "the first reading")
        assert row_of("simulate") == {}
        assert row_of("poll_tos_excel")["state"] == "running"

        saved_again(file, 6874.25)
        wait_for(lambda: one(urls.database_url, COUNT) == 12, "the change")
        api = f"http://127.0.0.1:{Home(path).ports()['api']}"
        wait_for(lambda: is_answering(api), "the API")
        assert httpx.get(f"{api}/api/quotes").status_code == 401
        account(urls.admin_url, "own@example.com", Role.OWNER, is_home=True)
        key = json.loads(thor.ask("key", "add", "own@example.com", "--name", "test", "--json"))
        by_key = {"Authorization": f"Bearer {key[0]['key']}"}
        asked = {"symbols": "ES"}
        quote = httpx.get(f"{api}/api/quotes", params=asked, headers=by_key).json()
        assert "6874.25" in json.dumps(quote)
        assert "EXCEL" in json.dumps(quote)
        health = httpx.get(f"{api}/health").json()
        assert health["collectors"]["EXCEL"]["state"] in ("live", "quiet")
        metrics = httpx.get(f"{api}/metrics", headers=by_key).text
        assert 'thor_collector_state{source="EXCEL",state="' in metrics

        file.unlink()
        wait_for(lambda: row_of("EXCEL").get("state") == "workbook not open", "its absence")
        assert row_of("EXCEL")["reason"] == f"{file} is not there"
        health = httpx.get(f"{api}/health").json()
        assert f"EXCEL: workbook not open, {file} is not there" in health["reasons"]


def test_without_a_feed_it_prints_which_setting_starts_which(path: Path) -> None:
    with up(path, "--live") as thor:
        wait_for(lambda: "starts excel_live" in thor.said(), "the note")
        assert "THOR_EXCEL_FILE=… starts excel_live" in thor.said()


@pytest.mark.parametrize(
    ("env", "reason"),
    [
        ({"DATA_PROVIDER": "excel_live"}, "excel_live needs THOR_EXCEL_FILE; set it too"),
        ({"DATA_PROVIDER": "mock"}, "THOR_DATA_PROVIDER: 'mock' is none of excel_live"),
        (
            {"EXCEL_DATA_FILE": "a.xlsx", "THOR_EXCEL_FILE": "b.xlsx"},
            "THOR_EXCEL_FILE and EXCEL_DATA_FILE are both given and differ: 'b.xlsx' and 'a.xlsx'",
        ),
    ],
)
def test_a_feed_that_cannot_be_started_ends_the_start_in_one_line(
    path: Path, env: dict[str, str], reason: str
) -> None:
    with up(path, "--live", env=env) as thor:
        assert thor.process.wait(timeout=60) == 2
        assert reason in " ".join(thor.said().split())
        assert "Traceback" not in thor.said()
