"""Drive the built pages in a real browser: specs of `ui/e2e`, run by Playwright."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

UI = Path(__file__).parents[2] / "ui"
CHROMIUM = os.environ.get("THOR_CHROMIUM", "/usr/bin/chromium")


def missing() -> str | None:
    """Return why no page can be driven here, or None."""
    if shutil.which("npm") is None:
        return "no Node on this machine: the pages are not driven"
    if not Path(CHROMIUM).exists():
        return f"no {CHROMIUM}: `.ci/run` installs Debian's chromium"
    return None


def build() -> None:
    """Build the pages, once for all that ask; a build that fails shows its log."""
    built = subprocess.run(
        [sys.executable, UI / "build.py"], capture_output=True, text=True, check=False
    )
    if built.returncode:
        log = UI / "dist.state/build.log"
        said = log.read_text(errors="replace")[-4000:] if log.is_file() else ""
        pytest.fail(f"{built.stdout}{built.stderr}{said}", pytrace=False)


def drive(given: Mapping[str, str], *specs: str) -> None:
    """Run specs with these in their environment; fails with what they printed."""
    node = Path("node_modules/@playwright/test/cli.js")
    ran = subprocess.run(
        ["node", str(node), "test", *(f"e2e/{spec}" for spec in specs)],
        cwd=UI,
        env={**os.environ, **given, "CI": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
