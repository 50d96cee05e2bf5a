"""The pages in a real browser, over a real Thor: `ui/e2e`, run by Playwright."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from ticks_made import wait_for

ROOT = Path(__file__).parents[2]
UI = ROOT / "ui"
CHROMIUM = os.environ.get("THOR_CHROMIUM", "/usr/bin/chromium")
START_S = 90

pytestmark = [
    pytest.mark.skipif(
        shutil.which("npm") is None, reason="no Node on this machine: the pages are not driven"
    ),
    pytest.mark.skipif(
        not Path(CHROMIUM).exists(), reason=f"no {CHROMIUM}: `.ci/run` installs Debian's chromium"
    ),
]


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def thor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A simulated market as `thor up` starts it, with its pages; gives what the specs ask for."""
    subprocess.run([sys.executable, UI / "build.py"], check=True, capture_output=True)
    home, port = tmp_path_factory.mktemp("home"), free_port()
    environment = {**os.environ, "THOR_HOME": str(home), "THOR_API_PORT": str(port)}
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
            }
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


def is_quoted(url: str) -> bool:
    """Tell whether each of the eleven has a quote."""
    try:
        return len(httpx.get(f"{url}/api/quotes", timeout=2).json()) == 11
    except (httpx.HTTPError, ValueError):
        return False


def processes(environment: dict[str, str]) -> dict[str, int]:
    """Return the ids of what `thor status` names."""
    command = [sys.executable, "-m", "thor", "status", "--json"]
    said = subprocess.run(command, env=environment, check=True, capture_output=True).stdout
    rows: list[dict[str, Any]] = json.loads(said)
    return {row["name"]: row["pid"] for row in rows}


@pytest.mark.parametrize("spec", sorted(path.name for path in (UI / "e2e").glob("*.spec.ts")))
def test_the_pages_do_what_their_spec_says(thor: dict[str, str], spec: str) -> None:
    node = Path("node_modules/@playwright/test/cli.js")
    ran = subprocess.run(
        ["node", str(node), "test", f"e2e/{spec}"],
        cwd=UI,
        env={**os.environ, **thor, "CI": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]


def test_the_first_page_is_light_and_the_chart_comes_apart() -> None:
    subprocess.run([sys.executable, UI / "build.py"], check=True, capture_output=True)
    ran = subprocess.run(["node", "scripts/size.mjs"], cwd=UI, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
