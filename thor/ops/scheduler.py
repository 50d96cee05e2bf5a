"""Run the scheduler's jobs: each due moment once, as a process without a shell.

Stage 95, ops. Takes leases of `job_runs`; starts processes, reports and ends them. Any number of
schedulers may run on one database.
"""

import os
import platform
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

from thor import clock, database, observe
from thor.database import Connection
from thor.errors import ThorError, Unavailable
from thor.ops import job_runs
from thor.ops.job_runs import Lease, Outcome
from thor.ops.output import KEPT_BYTES, KeptOutput
from thor.runtime import Stop
from thor.services.process import KILL, spawn_read, wait_until

# Runs of different jobs at one time; one job never runs twice at once.
PARALLEL_MAX = 4
_LOOK_EVERY_S = 1.0
_BEAT_EVERY_S = 5.0
_SILENT_EVERY_S = 10.0
# What a process has between being asked to end and being killed.
_END_WITHIN_S = 5.0
_STOP_WITHIN_S = 1.2
_READ_WITHIN_S = 1.0
_ERROR_MAX = 300

Clock = Callable[[Connection[Any]], datetime]


def database_clock(connection: Connection[Any]) -> datetime:
    """Return the database's time, which all schedulers share."""
    moment: datetime = database.one(connection, "database_clock")["moment"]
    return moment


def own_host() -> str:
    """Return this machine and process, as a run names who runs it."""
    return f"{platform.node()} pid {os.getpid()}"


def argv(command: tuple[str, ...]) -> tuple[str, ...]:
    """Return the arguments of a process: `thor` and `python` are those of this install."""
    if command[0] == "thor":
        return (sys.executable, "-m", "thor", *command[1:])
    return (sys.executable, *command[1:]) if command[0] == "python" else command


class Attempt:
    """One attempt of a run: its process, its output, and how it ended."""

    def __init__(
        self, lease: Lease, kept: int = KEPT_BYTES, on_output: Callable[[bytes], None] | None = None
    ) -> None:
        """Start the process of a lease; where that fails the attempt has ended."""
        before = lease.log
        if lease.attempt > 1:
            before = f"{before}\n[attempt {lease.attempt}]\n"
        self.lease = lease
        self.output = KeptOutput(before, lease.log_bytes, kept)
        self.outcome: Outcome | None = None
        self._reported = -1
        self._timeout_s = lease.job.timeout.total_seconds()
        self._deadline_s = clock.monotonic_s() + self._timeout_s
        self._kill_at_s: float | None = None

        def read(block: bytes) -> None:
            self.output.add(block)
            if on_output is not None:
                on_output(block)

        try:
            self._child, self._reader = spawn_read(argv(lease.job.command), read)
        except OSError as error:
            self.outcome = Outcome(status="failed", error=f"command: cannot be run, {error}")

    @property
    def is_over(self) -> bool:
        """Whether it has ended; a process that takes too long is ended with its whole group."""
        if self.outcome is not None:
            return True
        now_s = clock.monotonic_s()
        code = self._child.exit_code()
        if code is not None:
            self._reader.join(_READ_WITHIN_S)
            self.outcome = self._ended(code)
            return True
        if self._kill_at_s is not None:
            if now_s >= self._kill_at_s:
                self._child.send(KILL)
        elif now_s >= self._deadline_s:
            self._child.send(signal.SIGTERM)
            self._kill_at_s = now_s + _END_WITHIN_S
        return False

    def news(self) -> str | None:
        """Return the log where it grew since the last call."""
        total = self.output.total
        if total == self._reported:
            return None
        self._reported = total
        return observe.redacted(self.output.text())

    def log(self) -> str:
        """Return the whole log."""
        return observe.redacted(self.output.text())

    def send(self, number: int) -> None:
        """Send a signal to its processes, where they run."""
        if self.outcome is None:
            self._child.send(number)

    def has_process(self) -> bool:
        """Return whether its process still runs."""
        return self.outcome is None and self._child.exit_code() is None

    def _ended(self, code: int) -> Outcome:
        if self._kill_at_s is not None:
            why = f"it was killed after {self.lease.job.timeout}, its timeout"
            return Outcome(status="timed_out", exit_code=code, error=why)
        if code == 0:
            return Outcome(status="succeeded", exit_code=0)
        how = f"was killed by signal {-code}" if code < 0 else f"ended with {code}"
        last = observe.redacted(self.output.last_line())[:_ERROR_MAX]
        return Outcome(status="failed", exit_code=code, error=f"{how}: {last}" if last else how)


class Scheduler:
    """Takes what is due and runs it; one connection, and a process a run."""

    def __init__(
        self,
        url: str,
        stop: Stop,
        log: Any,
        *,
        now: Clock = database_clock,
        host: str | None = None,
        kept: int = KEPT_BYTES,
        every_s: float = _LOOK_EVERY_S,
    ) -> None:
        """Take the database and the clock that moments are due by; it looks every few seconds."""
        self._url, self._stop, self._log = url, stop, log
        self._now, self._host, self._kept = now, host or own_host(), kept
        self._connection: Connection[Any] | None = None
        self._attempts: list[Attempt] = []
        self._every_s = every_s
        self._look_s = self._beat_s = self._silent_s = 0.0

    @property
    def running(self) -> int:
        """How many runs go on."""
        return len(self._attempts)

    def turn(self) -> None:
        """Look once: end, report and start runs. Raises `Unavailable`; runs go on meanwhile."""
        now_s = clock.monotonic_s()
        over = [attempt for attempt in self._attempts if attempt.is_over]
        is_due = now_s >= self._look_s
        if not (over or is_due):
            return
        try:
            connection = self._connected()
            as_of = self._now(connection)
            for attempt in over:
                self._end(connection, attempt, as_of)
            if now_s >= self._beat_s:
                self._beat_s = now_s + _BEAT_EVERY_S
                self._report(connection, as_of)
            if now_s >= self._silent_s:
                self._silent_s = now_s + _SILENT_EVERY_S
                for job in job_runs.abandon_silent(connection, as_of):
                    self._log.warning("abandoned", job=job)
            self._start(connection, as_of)
            self._look_s = now_s + self._every_s
        except Unavailable:
            self._disconnect()
            raise

    def close(self) -> None:
        """End all runs and give them up, so that they are tried again; then disconnect."""
        for attempt in self._attempts:
            attempt.send(signal.SIGTERM)
        for number in (KILL, None):
            if wait_until(lambda: not any(a.has_process() for a in self._attempts), _STOP_WITHIN_S):
                break
            for attempt in self._attempts:
                if number is not None:
                    attempt.send(number)
        with suppress(ThorError, database.DriverError):
            connection = self._connected()
            as_of = self._now(connection)
            for attempt in self._attempts:
                log = attempt.log()
                job_runs.beat(connection, attempt.lease, as_of, log, attempt.output.total)
                job_runs.abandon(connection, attempt.lease, as_of, "its scheduler was stopped")
        self._attempts.clear()
        self._disconnect()

    def _start(self, connection: Connection[Any], as_of: datetime) -> None:
        for run, name in job_runs.to_take(connection, as_of):
            if self._is_full:
                return
            self._launch(job_runs.take_asked(connection, run, name, self._host, as_of))
        for name in job_runs.to_see(connection, as_of):
            if self._is_full:
                return
            self._launch(job_runs.take_due(connection, name, self._host, as_of))

    @property
    def _is_full(self) -> bool:
        return len(self._attempts) >= PARALLEL_MAX or bool(self._stop)

    def _launch(self, lease: Lease | None) -> None:
        if lease is not None:
            self._log.info("started", job=lease.job.name, run=lease.id, number=lease.attempt)
            self._attempts.append(Attempt(lease, self._kept))

    def _end(self, connection: Connection[Any], attempt: Attempt, as_of: datetime) -> None:
        lease, outcome = attempt.lease, attempt.outcome
        assert outcome is not None
        log, total = attempt.log(), attempt.output.total
        is_ours = job_runs.end(connection, lease, outcome, as_of, log, total)
        self._attempts.remove(attempt)
        state = outcome.status if is_ours else "ended, and another scheduler had taken it over"
        report = self._log.info if outcome.status == "succeeded" else self._log.error
        report("ended", job=lease.job.name, run=lease.id, status=state, reason=outcome.error)

    def _report(self, connection: Connection[Any], as_of: datetime) -> None:
        for attempt in self._attempts:
            news = attempt.news()
            if not job_runs.beat(connection, attempt.lease, as_of, news, attempt.output.total):
                # Another scheduler found it silent and runs it: two must not.
                self._log.error("taken over by another", job=attempt.lease.job.name)
                attempt.send(KILL)

    def _connected(self) -> Connection[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = database.connect(self._url, "scheduler")
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def run_now(
    connection: Connection[Any], name: str, by: str, stop: Stop, on_output: Callable[[bytes], None]
) -> Outcome:
    """Run a job here and now, by its row in ops.job_runs, and return how it ended.

    A failure is not tried again. Raises `NotFound`, and `Refused` while the job runs elsewhere.
    """
    lease = job_runs.take_now(connection, name, by, own_host(), database_clock(connection))
    attempt = Attempt(lease, on_output=on_output)
    beat_s = 0.0
    while not attempt.is_over:
        if stop.wait(0.1):
            attempt.send(signal.SIGTERM)
            if not wait_until(lambda: attempt.is_over, _END_WITHIN_S):
                attempt.send(KILL)
                wait_until(lambda: attempt.is_over, _END_WITHIN_S)
            break
        if clock.monotonic_s() >= beat_s:
            beat_s = clock.monotonic_s() + _BEAT_EVERY_S
            now = database_clock(connection)
            job_runs.beat(connection, lease, now, attempt.news(), attempt.output.total)
    outcome = attempt.outcome or Outcome(status="failed")
    if stop:
        outcome = Outcome(status="failed", exit_code=outcome.exit_code, error="stopped by a person")
    now = database_clock(connection)
    job_runs.end(connection, lease, outcome, now, attempt.log(), attempt.output.total, retries=0)
    return outcome
