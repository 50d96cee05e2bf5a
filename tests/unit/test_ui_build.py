"""The pages are built once for each state of their sources, by one builder, or explain why not."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from ticks_made import wait_for

BUILDER = Path(__file__).parents[2] / "ui/build.py"


@pytest.fixture
def builder() -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("ui_build", BUILDER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def ui(tmp_path: Path, builder: ModuleType) -> Path:
    """A folder with the sources of very small pages, and an npm that only notes its calls."""
    for name in builder._FILES:
        (tmp_path / name).write_text(name)
    (tmp_path / "src").mkdir()
    (tmp_path / "public").mkdir()
    (tmp_path / "src/main.tsx").write_text("main")
    return tmp_path


def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, npm: str) -> Path:
    """Put a Node of a version, and an npm that runs a script, first on the path."""
    folder = tmp_path / "machine/bin"
    folder.mkdir(parents=True)
    for name, text in (("node", f"echo {version}"), ("npm", npm)):
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


NPM = """echo "$1" >> calls
case "$1" in
  ci) mkdir -p node_modules ;;
  run) mkdir -p dist.new && echo page > dist.new/index.html ;;
esac"""


def test_the_second_build_of_the_same_sources_builds_nothing(
    ui: Path, builder: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(tmp_path, monkeypatch, "v20.19.0", NPM)
    assert builder.build(ui) is True
    assert (ui / "dist/index.html").read_text() == "page\n"
    assert builder.build(ui) is False
    assert (ui / "calls").read_text().split() == ["ci", "run"]

    (ui / "src/main.test.tsx").write_text("a test is no part of the pages")
    assert builder.build(ui) is False
    (ui / "src/main.tsx").write_text("changed")
    assert builder.build(ui) is True
    # The packages are those of the lock already.
    assert (ui / "calls").read_text().split() == ["ci", "run", "run"]


def test_a_failure_names_its_cause_and_leaves_what_was_built(
    ui: Path, builder: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(tmp_path, monkeypatch, "v22.1.0", f'[ "$1" = ci ] && [ -e broken ] && exit 1\n{NPM}')
    builder.build(ui)
    (ui / "package-lock.json").write_text("another")
    (ui / "broken").write_text("")
    with pytest.raises(builder.Failed, match="npm could not install"):
        builder.build(ui)
    assert (ui / "dist/index.html").exists()
    assert json.loads((ui / "dist.state/build.json").read_text())["state"] == "building"


@pytest.mark.parametrize(
    ("version", "is_taken"),
    [("v20.19.0", True), ("v24.1.0", True), ("v20.18.9", False), ("v18.20.0", False)],
)
def test_a_node_of_the_machine_is_taken_where_it_is_new_enough(
    builder: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    version: str,
    is_taken: bool,
) -> None:
    folder = machine(tmp_path, monkeypatch, version, "true")
    assert builder.node_of_machine() == (folder if is_taken else None)


def test_one_builder_at_a_time(ui: Path, builder: ModuleType) -> None:
    with builder.Lock(ui) as is_first:
        assert is_first
        with builder.Lock(ui) as is_second:
            assert not is_second
    with builder.Lock(ui) as is_third:
        assert is_third


def test_an_npm_that_outlives_its_builder_is_waited_for(
    ui: Path, builder: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # npm that is signalled to end takes back what it did, and a second one beside it would fail.
    slow = """if [ ! -e began ]; then
  echo $$ > began.new && mv began.new began && read line < go
  exit 1
fi
"""
    machine(tmp_path, monkeypatch, "v20.19.0", slow + NPM)
    os.mkfifo(ui / "go")
    script = shutil.copy(BUILDER, ui / "build.py")
    first = subprocess.Popen([sys.executable, script])
    wait_for(lambda: (ui / "began").exists(), "npm that began")
    first.kill()
    first.wait()
    with builder.Lock(ui) as is_free:
        assert not is_free
    second = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
    (ui / "go").write_text("on\n")
    assert second.communicate()[0] == "the pages are built\n"
    assert (ui / "calls").read_text().split() == ["ci", "run"]


def test_a_build_waits_for_another_builder_except_in_the_background(
    ui: Path, builder: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(tmp_path, monkeypatch, "v20.19.0", NPM)
    script = shutil.copy(BUILDER, ui / "build.py")
    with builder.Lock(ui):
        waiting = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
        subprocess.run([sys.executable, script, "--background"], check=True)
        assert not (ui / "calls").exists()
        assert waiting.poll() is None
    assert waiting.communicate()[0] == "the pages are built\n"
    assert waiting.returncode == 0


def test_the_script_needs_nothing_but_python(builder: ModuleType) -> None:
    text = BUILDER.read_text()
    modules = {
        line.split()[1].split(".")[0]
        for line in text.splitlines()
        if line[:5] in ("impor", "from ")
    }
    assert modules <= sys.stdlib_module_names


def test_the_lock_of_the_pages_names_no_host() -> None:
    lock = json.loads((BUILDER.parent / "package-lock.json").read_text())
    assert [name for name, one in lock["packages"].items() if "resolved" in one] == []
