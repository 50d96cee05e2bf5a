"""The pages in a real browser, over a real Thor: `ui/e2e`, run by Playwright."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from browser import CHROMIUM, UI, build, drive, missing
from psycopg.rows import dict_row
from ticks_made import wait_for

START_S = 90

pytestmark = pytest.mark.skipif(missing() is not None, reason=missing() or "")


def free_port() -> int:
    """Return a free port."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def open_home() -> Iterator[Path]:
    """A THOR_HOME that the user of the servers may enter, in memory where there is space."""
    memory = Path("/dev/shm")
    place = memory if memory.is_dir() else None
    with tempfile.TemporaryDirectory(
        prefix="thor-test-", dir=place, ignore_cleanup_errors=True
    ) as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "home").mkdir()
        yield folder / "home"


@pytest.fixture(scope="module")
def pages() -> None:
    """The built pages."""
    build()


@pytest.fixture(scope="module")
def thor(pages: None, open_home: Path) -> Iterator[dict[str, str]]:
    """A simulated market as `thor up` starts it, with its pages; gives what the specs need."""
    home, port = open_home, free_port()
    environment = {
        **os.environ,
        "THOR_HOME": str(home),
        "THOR_API_PORT": str(port),
        # Quotes die sooner than a desk would let them, so that the test need not wait.
        "THOR_STALE_S": "3",
        "THOR_DEAD_S": "6",
    }
    command = [sys.executable, "-m", "thor", "up", "--no-open"]
    url = f"http://127.0.0.1:{port}"
    with (home / "up.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=home)
        try:
            wait_for(lambda: is_quoted(url), "eleven quotes", START_S)
            yield {
                "THOR_URL": url,
                "THOR_CHROMIUM": CHROMIUM,
                "THOR_PROCESSES": json.dumps(processes(environment)),
                "THOR_RENDERED": str(home / "rendered.json"),
                "THOR_DATABASE": ask(environment, "db", "url").strip(),
            }
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


def is_quoted(url: str) -> bool:
    """Return whether each of the eleven has a quote."""
    try:
        return len(httpx.get(f"{url}/api/quotes", timeout=2).json()) == 11
    except (httpx.HTTPError, ValueError):
        return False


def ask(environment: dict[str, str], *words: str) -> str:
    """Return what a command of Thor prints."""
    command = [sys.executable, "-m", "thor", *words]
    return subprocess.run(
        command, env=environment, check=True, capture_output=True, text=True
    ).stdout


def processes(environment: dict[str, str]) -> dict[str, int]:
    """Return the ids of what `thor status` names."""
    rows: list[dict[str, Any]] = json.loads(ask(environment, "status", "--json"))
    return {row["name"]: row["pid"] for row in rows}


# What these show is compared by a test of their own.
APART = {"rendered.spec.ts", "workbook.spec.ts"}
SPECS = sorted({path.name for path in (UI / "e2e").glob("*.spec.ts")} - APART)


@pytest.mark.parametrize("spec", SPECS)
def test_the_pages_pass_their_specs(thor: dict[str, str], spec: str) -> None:
    drive(thor, spec)


def test_the_table_shows_what_its_select_gives(thor: dict[str, str]) -> None:
    simulate = json.loads(thor["THOR_PROCESSES"])["simulate"]
    try:
        drive(thor, "rendered.spec.ts")
        shown = json.loads(Path(thor["THOR_RENDERED"]).read_text())
        compare(shown, thor["THOR_DATABASE"])
    finally:
        os.kill(simulate, signal.SIGCONT)


def compare(shown: dict[str, Any], url: str) -> None:
    """Compare the rendered cells with the panel's select; run those of all views."""
    with psycopg.connect(url, row_factory=dict_row) as connection:
        selected = connection.execute(shown["table"]).fetchall()
        ticks = {
            row["symbol"]: row["tick_size"]
            for row in connection.execute("select symbol, tick_size from reference.instruments")
        }
        for view in ("heatmap", "cards", "detail"):
            assert connection.execute(shown[view]).fetchall(), view
    assert [row["symbol"] for row in shown["rows"]] == [row["symbol"] for row in selected]
    assert len(selected) == 11
    for cells, row in zip(shown["rows"], selected, strict=True):
        assert cells == cells | written(row, ticks[row["symbol"]]), row["symbol"]


MINUS = "\u2212"
ARROWS = {1: "▲", 0: "■", -1: "▼"}


def written(row: dict[str, Any], tick: Decimal) -> dict[str, str]:
    """Return the cells of a row as a trader writes them, worked out apart from the page's code."""
    in_32nds = tick == Decimal(1) / 32
    places = -int(tick.normalize().as_tuple().exponent) if tick != tick.to_integral() else 0

    def price(value: Decimal | None) -> str:
        if value is None:
            return "–"
        sign = MINUS if value < 0 else ""
        if not in_32nds:
            return f"{sign}{abs(value):.{places}f}"
        halves = int(abs(value) * 64)
        return f"{sign}{halves // 64}'{halves % 64 // 2:02d}{'+' if halves % 2 else ''}"

    def change(value: Decimal | None) -> str:
        if value is None:
            return "–"
        way = (value > 0) - (value < 0)
        return f"{ARROWS[way]}{'+' if way > 0 else ''}{price(value)}"

    def percent(value: Decimal | None) -> str:
        if value is None:
            return "–"
        return f"{'+' if value > 0 else MINUS if value < 0 else ''}{abs(value):.2f}%"

    def size(value: int | None) -> str:
        return "–" if value is None else f"{value:,}"

    prices = {
        name: price(row[name]) for name in ("last", "bid", "ask", "vwap", "open", "high", "low")
    }
    return {
        **prices,
        "net_change": change(row["net_change"]),
        "net_change_percent": percent(row["net_change_percent"]),
        "bid_size": size(row["bid_size"]),
        "ask_size": size(row["ask_size"]),
        "spread_ticks": f"{row['spread_ticks'].normalize():f}",
        "volume": size(row["volume"]),
        "source": row["source"],
    }


def test_the_first_page_is_light_and_the_chart_comes_apart(pages: None) -> None:
    ran = subprocess.run(["node", "scripts/size.mjs"], cwd=UI, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
