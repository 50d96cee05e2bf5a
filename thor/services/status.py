"""run/status.json: the processes that the supervisor runs and their states, for any reader.

The supervisor writes it whole on every change; `read_status` compares it with the actual processes.
"""

from datetime import datetime
from typing import Literal

import msgspec

from thor.domain.nature import Nature
from thor.errors import Rejected
from thor.services.home import Home, write_beside
from thor.services.identity import Identity, is_alive

# `failing`: it ended with an error that a person has to remove; it is tried again all the same.
State = Literal["starting", "running", "waiting", "failing", "stopped", "failed"]


class ProcessStatus(msgspec.Struct, kw_only=True):
    """One server or job. Times are UTC; `last_exit` is minus the signal that killed it."""

    name: str
    kind: Literal["server", "job"]
    state: State
    log: str
    process: Identity | None = None
    started_at: datetime | None = None
    restarts: int = 0
    last_exit: int | None = None
    next_start_at: datetime | None = None
    reason: str | None = None


class HomeStatus(msgspec.Struct, kw_only=True):
    """The supervisor and all that it runs; the reader sets `is_alive`."""

    home: str
    nature: Nature = "simulated"
    supervisor: Identity | None = None
    started_at: datetime | None = None
    stopped_at: datetime | None = None
    is_alive: bool = False
    processes: dict[str, ProcessStatus] = {}


def write_status(home: Home, status: HomeStatus) -> None:
    """Replace the status file in one step."""
    write_beside(home.status_file, msgspec.json.format(msgspec.json.encode(status)))


def read_status(home: Home) -> HomeStatus:
    """Return what runs in the home now; empty where nothing ever ran.

    Where the supervisor is gone, a process that it listed is `stopped` unless it still runs.
    """
    try:
        status = msgspec.json.decode(home.status_file.read_bytes(), type=HomeStatus)
    except (FileNotFoundError, NotADirectoryError):
        return HomeStatus(home=str(home.path))
    except PermissionError as error:
        raise Rejected(
            f"{home.status_file} belongs to another user: ask as the user that started Thor"
        ) from error
    except msgspec.MsgspecError:
        # Written by another version: ignored.
        return HomeStatus(home=str(home.path))
    status.is_alive = status.stopped_at is None and is_alive(status.supervisor)
    if not status.is_alive:
        for process in status.processes.values():
            if process.state in ("starting", "running", "waiting", "failing"):
                process.state = "running" if is_alive(process.process) else "stopped"
                process.next_start_at = None
    return status
