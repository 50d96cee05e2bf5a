"""Identify a process: a pid alone is not enough, since pids are reused.

Asks the operating system; changes nothing.
"""

from collections.abc import Collection
from pathlib import Path

import msgspec
import psutil


class Identity(msgspec.Struct, frozen=True):
    """A process: its pid, and when it was born in seconds since the machine's start."""

    pid: int
    born_s: float


def identity(pid: int) -> Identity | None:
    """Return the process that has this pid now; None where there is none, or a zombie."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        # Since the machine's start: a clock correction shifts both alike.
        return Identity(pid, round(process.create_time() - psutil.boot_time(), 2))
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None


def is_alive(process: Identity | None) -> bool:
    """Return whether that very process still runs."""
    if process is None:
        return False
    now = identity(process.pid)
    return now is not None and abs(now.born_s - process.born_s) < 0.05


def working_on(
    programs: Collection[str], folder: Path, argument: str | None = None
) -> list[psutil.Process]:
    """Return the processes of these programs that work on this folder.

    A process counts where its executable has one of the names and the folder is its working
    directory or an argument; a shell in that folder does not.
    """
    found = []
    for process in psutil.process_iter():
        try:
            with process.oneshot():
                if process.name() not in programs or process.status() == psutil.STATUS_ZOMBIE:
                    continue
                named = argument is not None and argument in process.cmdline()
                if named or process.cwd() == str(folder):
                    found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found
