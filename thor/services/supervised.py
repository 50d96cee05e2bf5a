"""One supervised process: started, watched, restarted with back-off.

The state of one server or job; `supervisor.py` calls it in its loop.
"""

import os
import signal
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Literal

import msgspec

from thor import clock
from thor.errors import Broken, Refused, ThorError
from thor.services.home import Home
from thor.services.process import KILL, Child, spawn, tail
from thor.services.server import Server
from thor.services.status import ProcessStatus

BACKOFF_FIRST_S = 0.5
BACKOFF_MAX_S = 30.0
GOOD_RUN_S = 60.0
# A job that ends with one of these will not get better by itself: it is named as failing.
FAILING_CODES = frozenset({Refused.exit_code, Broken.exit_code})
_STOP_WITHIN_S = 2.5
_SAID_MAX = 300
_READY_EVERY_S = 0.25
_CANNOT_RUN = 127


class JobSpec(msgspec.Struct, frozen=True):
    """A job to run: its name, its command line, and additions to the environment."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = {}


class Supervised:
    """A server or job and its state."""

    def __init__(
        self,
        kind: Literal["server", "job"],
        name: str,
        log: Path,
        launch: Callable[[], Child],
        is_ready: Callable[[], bool] | None = None,
    ) -> None:
        """Take its launch function; without `is_ready` it counts as running once launched."""
        self.status = ProcessStatus(name=name, kind=kind, state="waiting", log=str(log))
        self.child: Child | None = None
        self._launch = launch
        self._is_ready = is_ready
        self._backoff_s = BACKOFF_FIRST_S
        self._due_s = 0.0
        self._since_s = 0.0
        self._asked_s = 0.0
        self._kill_at_s: float | None = None

    def adopt(self, child: Child) -> None:
        """Adopt a child that was started elsewhere and is ready."""
        self._took(child)
        self.status.state = "running"

    def turn(self) -> bool:
        """Check it once, without waiting; return whether its status changed."""
        now = clock.monotonic_s()
        if self.child is None:
            is_due = self.status.state in ("waiting", "failing") and now >= self._due_s
            return is_due and self._start()
        code = self.child.exit_code()
        if code is not None:
            return self._died(code, now)
        if self._kill_at_s is not None and now >= self._kill_at_s:
            self.child.send(KILL)
        if self.status.state == "starting" and now - self._asked_s >= _READY_EVERY_S:
            self._asked_s = now
            return self._became_ready()
        return False

    def restart(self) -> None:
        """Stop it, where it runs, and start it at the next turn; it has a few seconds to end."""
        self._backoff_s = BACKOFF_FIRST_S
        if self.child is None:
            self._due_s = 0.0
        elif self._kill_at_s is None:
            self._kill_at_s = clock.monotonic_s() + _STOP_WITHIN_S
            self.child.send(signal.SIGTERM)

    def stopped(self) -> None:
        """Record that it was stopped on purpose."""
        if self.child is not None:
            self.status.last_exit = self.child.exit_code()
        self.child = None
        self.status.process = None
        self.status.next_start_at = None
        if self.status.state != "failed":
            self.status.state = "stopped"

    def _start(self) -> bool:
        again = self.status.started_at is not None
        self.status.next_start_at = None
        try:
            self._took(self._launch())
        except OSError as error:
            self.status.reason = f"cannot be run: {error}"
            self.status.started_at = clock.now()
            self.status.restarts += again
            return self._wait(_CANNOT_RUN)
        self.status.restarts += again
        self.status.reason = None
        self.status.state = "running" if self._is_ready is None else "starting"
        return True

    def _took(self, child: Child) -> None:
        self.child = child
        self.status.process = child.identity
        self.status.started_at = clock.now()
        self._since_s = clock.monotonic_s()

    def _became_ready(self) -> bool:
        try:
            if self._is_ready is None or not self._is_ready():
                return False
        except ThorError as error:
            changed = self.status.reason != str(error)
            self.status.reason = str(error)
            return changed
        self.status.state = "running"
        self.status.reason = None
        return True

    def _died(self, code: int, now: float) -> bool:
        self.child = None
        self.status.process = None
        if now - self._since_s >= GOOD_RUN_S:
            self._backoff_s = BACKOFF_FIRST_S
        if self._kill_at_s is not None:
            # Stopped to be started again.
            self._kill_at_s = None
            self._backoff_s = 0.0
        self._wait(code)
        if self.status.kind == "job" and code in FAILING_CODES:
            self.status.state = "failing"
            self.status.reason = f"ended with {code}: {tail(Path(self.status.log), 1)[-_SAID_MAX:]}"
        return True

    def _wait(self, code: int) -> bool:
        self.status.last_exit = code
        self.status.state = "waiting"
        self.status.next_start_at = clock.now() + timedelta(seconds=self._backoff_s)
        self._due_s = clock.monotonic_s() + self._backoff_s
        self._backoff_s = min(BACKOFF_MAX_S, max(self._backoff_s * 2, BACKOFF_FIRST_S))
        return True


def supervised_server(server: Server) -> Supervised:
    """Return a started server as a supervised process."""
    kept = Supervised("server", server.name, server.log, server.launch, server.is_ready)
    if server.child is not None:
        kept.adopt(server.child)
    return kept


def supervised_job(home: Home, job: JobSpec) -> Supervised:
    """Return a job as a supervised process; it starts at the next turn."""

    def launch() -> Child:
        env = {**os.environ.copy(), "PYTHONUNBUFFERED": "1", **job.env}
        return spawn(job.argv, log=home.log(job.name), env=env, sweeps=True)

    return Supervised("job", job.name, home.log(job.name), launch)
