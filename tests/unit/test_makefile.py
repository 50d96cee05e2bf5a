"""`make`, for who has another Python than Thor needs, and for who opens the notebooks."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")

# Answers a question about its version as an old Python would, and makes no venv.
_OLD = """#!/usr/bin/env python3
import sys
if sys.argv[1] != "-c":
    sys.exit(3)
version, code = (3, 9, 18), sys.argv[2]
sys.argv = ["-c", *sys.argv[3:]]
sys.version_info = version
exec(code)
"""


def make(folder: Path, python: str) -> tuple[int, str]:
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    env = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["make", "setup", f"PYTHON={python}"], cwd=folder, env=env, capture_output=True, text=True
    )
    return done.returncode, done.stderr


def test_an_old_python_is_refused_with_the_needed_one_and_leaves_nothing(tmp_path: Path) -> None:
    old = tmp_path / "python3.9"
    old.write_text(_OLD)
    old.chmod(0o755)
    code, said = make(tmp_path, "python3.9")
    assert code != 0
    assert said.splitlines()[0] == (
        "thor: needs Python 3.11 to 3.14, and python3.9 is 3.9.18: "
        "name another with make PYTHON=python3.12 run"
    )
    assert not (tmp_path / ".venv").exists()


def test_a_missing_python_is_reported(tmp_path: Path) -> None:
    code, said = make(tmp_path, "python3.99")
    assert code != 0
    assert said.startswith("thor: python3.99 is not there")
    assert not (tmp_path / ".venv").exists()


def test_the_notebooks_are_opened_by_make_and_no_package_of_somebody_else_is_named() -> None:
    plan = subprocess.run(
        ["make", "-n", "-B", "notebook"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert "requirements-notebook.lock" in plan
    assert "docs/notebooks" in plan
    # `thor` on the package index is another project.
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["name"] != "thor"
    for path in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *ROOT.glob("docs/**/*.ipynb")):
        assert not re.search(r"pip3? install [^\n`]*\bthor\b(?!-)", path.read_text()), path
