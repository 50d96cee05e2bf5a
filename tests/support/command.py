"""The `thor` command: in this process where its words matter, in its own where the process does."""

import io
import os
import signal
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

from thor.cli import main

ROOT = Path(__file__).parents[2]
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Result(NamedTuple):
    """How a command ended: its exit code, what it printed, and its notes and errors."""

    code: int
    out: str
    err: str


class Command:
    """The command in a folder of its own, on the servers of a test."""

    def __init__(self, folder: Path, **env: str) -> None:
        """Take the folder and settings; those of the machine are left out."""
        self.folder = folder
        own = {name: item for name, item in os.environ.items() if not name.startswith("THOR_")}
        self.env = {
            **own,
            "THOR_HOME": str(folder / "home"),
            "PYTHONPATH": str(ROOT),
            "COLUMNS": "200",
            **env,
        }

    def run(self, *words: str, **env: str) -> Result:
        """Run it to its end in this process."""
        out, err = _text(), _text()
        handlers = {number: signal.getsignal(number) for number in _SIGNALS}
        try:
            with (
                patch.dict(os.environ, {**self.env, **env}, clear=True),
                patch.object(sys, "argv", ["thor", *words]),
                chdir(self.folder),
                redirect_stdout(out),
                redirect_stderr(err),
            ):
                code = _code_of_main()
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        return Result(code, _written(out), _written(err))

    def start(self, *words: str, **env: str) -> "subprocess.Popen[str]":
        """Start it in a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "thor", *words],
            cwd=self.folder, env={**self.env, **env}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run_apart(self, *words: str, **env: str) -> Result:
        """Run it to its end in a process of its own."""
        process = self.start(*words, **env)
        out, err = process.communicate(timeout=120)
        return Result(process.returncode, out, err)


def _code_of_main() -> int:
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _text() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)


def _written(text: io.TextIOWrapper) -> str:
    text.seek(0)
    return text.read()
