"""Write a job's heartbeat: its process lives, and its loop turns.

Stage 95, ops. A thread of the job writes `run/<job>.heartbeat` of the home every few seconds and
reports the same to the bus, so that a frozen process falls silent, whatever froze it.
"""

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import msgspec

from thor import clock
from thor.errors import ThorError
from thor.runtime import Stop

EVERY_S = 5.0
BeatState = Literal["running", "waiting", "failed", "stopped"]


class Beat(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a job; times are UTC.

    `at` is the time of its process's last beat, `turned_at` that of its loop's last turn, which is
    due every `turn_within_s` seconds.
    """

    job: str
    state: BeatState
    at: datetime
    turned_at: datetime
    turn_within_s: float
    reason: str = ""
    attempt: int = 0


class Heartbeat(Stop):
    """The stop event of a job that also reports the job's state, until it ends.

    Each check whether to stop counts as a turn of the loop; `persist` reports its waits.
    """

    def __init__(
        self,
        job: str,
        file: Path,
        turn_within_s: float,
        publish: Callable[[Beat], None] = lambda _: None,
    ) -> None:
        """Take the job's name, the file of its beats, and a function that publishes them.

        `publish` may raise `ThorError`; the file alone has the beat then.
        """
        super().__init__()
        self._job = job
        self._file = file
        self._turn_within_s = turn_within_s
        self._publish = publish
        self._state: BeatState = "running"
        self._reason, self._attempt = "", 0
        self._turned_at = clock.now()
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def __enter__(self) -> "Heartbeat":
        """Begin to beat."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Beat once more, with the reason of the end."""
        self._ended.set()
        self._thread.join()
        if self._state != "failed":
            self._state, self._reason, self._attempt = "stopped", "", 0
        self._beat()

    def __bool__(self) -> bool:
        """Return whether the process is to stop; counts as a turn of the loop."""
        self._turned_at = clock.now()
        return super().__bool__()

    def wait(self, seconds: float) -> bool:
        """Wait so long, or until the process is to stop; return whether it is."""
        self._turned_at = clock.now()
        return super().wait(seconds)

    def report_wait(self, reason: str, attempt: int) -> None:
        """Report what the job waits for; beats at once when the wait begins."""
        begins = self._state != "waiting"
        self._state, self._reason, self._attempt = "waiting", reason, attempt
        if begins:
            self._beat()

    def report_running(self) -> None:
        """Report that the wait is over."""
        self._state, self._reason, self._attempt = "running", "", 0
        self._beat()

    def report_failed(self, reason: str) -> None:
        """Report why the job ends; the last beat carries it."""
        self._state, self._reason = "failed", reason

    def _run(self) -> None:
        self._beat()
        while not self._ended.wait(EVERY_S):
            self._beat()

    def _beat(self) -> None:
        with self._lock:
            beat = Beat(
                job=self._job,
                state=self._state,
                at=clock.now(),
                turned_at=self._turned_at,
                turn_within_s=self._turn_within_s,
                reason=self._reason,
                attempt=self._attempt,
            )
            # A job continues where its beat cannot be written: a full disk is reported elsewhere.
            with suppress(OSError):
                _write(self._file, msgspec.json.encode(beat))
            with suppress(ThorError):
                self._publish(beat)


def read(file: Path) -> Beat | None:
    """Return a job's last beat, None where there is none that can be read."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Beat)
    except (OSError, msgspec.MsgspecError):
        return None


def fields(beat: Beat) -> dict[str, Any]:
    """Return a beat as the flat fields that the bus stores."""
    return {name: value for name, value in msgspec.to_builtins(beat).items() if name != "job"}


def of_fields(job: str, found: dict[str, str]) -> Beat | None:
    """Return the beat in the bus's fields, None where there is none."""
    with suppress(msgspec.MsgspecError):
        return msgspec.convert({**found, "job": job}, Beat, strict=False)
    return None


def _write(file: Path, data: bytes) -> None:
    # Not synced: after a power cut it is worth nothing anyway.
    beside = file.with_name(f"{file.name}.{os.getpid()}")
    file.parent.mkdir(exist_ok=True)
    beside.write_bytes(data)
    beside.replace(file)
