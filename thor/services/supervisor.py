"""The supervisor: keeps servers and jobs running, writes their status, stops them in order.

Takes started servers and `JobSpec`s; gives `run/status.json`.
"""

import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from thor import clock
from thor.domain.nature import Nature
from thor.errors import NotFound, Rejected, Unavailable
from thor.observe import logger
from thor.services.home import Home
from thor.services.identity import identity, is_alive
from thor.services.process import KILL, rotate_open, wait_until
from thor.services.server import Server, stop_all
from thor.services.status import HomeStatus, read_status, write_status
from thor.services.supervised import JobSpec, Supervised, supervised_job, supervised_server

# Jobs 2.5 s, servers 1.8 s, and the time to kill the rest: 5 s in all.
JOBS_STOP_WITHIN_S = 2.5
_TURN_S = 0.1
_LOGS_EVERY_S = 10.0


class Supervisor:
    """Supervises the servers and jobs of one home until it is stopped."""

    def __init__(
        self, home: Home, servers: Sequence[Server] = (), nature: Nature = "simulated"
    ) -> None:
        """Take servers that are started and ready; the caller has the home's lock."""
        self._home = home
        self._servers = list(servers)
        self._kept = {server.name: supervised_server(server) for server in servers}
        self._added: list[Supervised] = []
        self._guard = threading.Lock()
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._look_at_logs_s = 0.0
        self._log = logger("supervisor")
        self._status = HomeStatus(
            home=str(home.path),
            nature=nature,
            supervisor=identity(os.getpid()),
            started_at=clock.now(),
        )

    def add(self, *jobs: JobSpec) -> None:
        """Run these jobs too; from any thread. Raises Rejected where a name is taken."""
        with self._guard:
            taken = {*self._kept, *(kept.status.name for kept in self._added)}
            for job in jobs:
                if job.name in taken:
                    raise Rejected(f"job {job.name} is there already: give it another name")
                taken.add(job.name)
                self._added.append(supervised_job(self._home, job))

    def start(self) -> None:
        """Supervise in a thread of its own, until `stop`."""
        # Once this has returned the status lists the servers.
        self._write()
        self._thread = threading.Thread(target=self._look_after, name="thor-supervisor")
        self._thread.start()

    def run(self) -> None:
        """Supervise in this, the main thread, until a signal or `stop`."""
        self._thread = threading.current_thread()
        self.stop_on_signals()
        self._look_after()

    def stop_on_signals(self) -> None:
        """Let SIGINT, SIGTERM and the closing of the terminal stop it; main thread only."""
        for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), self._on_signal)

    def stop(self) -> None:
        """Stop the jobs, then the servers, within 5 s; from any thread, repeatedly if need be."""
        self._stopping.set()
        if self._thread is None:
            self._look_after()
        elif self._thread is not threading.current_thread():
            self._ended.wait()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Return whether it has ended, after at most so many seconds."""
        return self._ended.wait(timeout_s)

    def _on_signal(self, number: int, _: Any) -> None:
        self._stopping.set()

    def _look_after(self) -> None:
        try:
            self._write()
            while not self._stopping.is_set():
                if self._turn():
                    self._write()
                self._stopping.wait(_TURN_S)
        finally:
            self._shut_down()
            self._ended.set()

    def _turn(self) -> bool:
        with self._guard:
            added, self._added = self._added, []
            self._kept |= {kept.status.name: kept for kept in added}
        changed = bool(added)
        self._take_requests()
        if clock.monotonic_s() >= self._look_at_logs_s:
            self._look_at_logs_s = clock.monotonic_s() + _LOGS_EVERY_S
            for kept in self._kept.values():
                rotate_open(Path(kept.status.log))
        for kept in self._kept.values():
            if kept.turn():
                changed = True
                status = kept.status
                self._log.info(
                    "process", name=status.name, state=status.state, last_exit=status.last_exit
                )
        return changed

    def _take_requests(self) -> None:
        with suppress(OSError):
            for file in self._home.restarts.iterdir():
                file.unlink()
                kept = self._kept.get(file.name)
                if kept is not None and kept.status.kind == "job":
                    self._log.info("restarted on request", name=file.name)
                    kept.restart()

    def _write(self) -> None:
        self._status.processes = {name: kept.status for name, kept in self._kept.items()}
        try:
            write_status(self._home, self._status)
        except OSError as error:
            # A full disk does not end the supervision of jobs.
            self._log.error("status.json cannot be written", reason=str(error))

    def _shut_down(self) -> None:
        jobs = [kept for kept in self._kept.values() if kept.status.kind == "job"]
        children = [kept.child for kept in jobs if kept.child is not None]

        def gone() -> bool:
            return all(child.exit_code() is not None for child in children)

        for number, within_s in ((signal.SIGTERM, JOBS_STOP_WITHIN_S), (KILL, 0.3)):
            for child in children:
                child.send(number)
            if wait_until(gone, within_s):
                break
        stop_all(self._servers)
        for kept in self._kept.values():
            kept.stopped()
        self._status.stopped_at = clock.now()
        self._write()


def stop_left_jobs(home: Home) -> int:
    """Kill the jobs that a killed supervisor of this home left behind; return how many."""
    left = [
        status.process
        for status in read_status(home).processes.values()
        if status.kind == "job" and status.process is not None and is_alive(status.process)
    ]
    for process in left:
        # Each leads a group of its own, and that very process still runs.
        if sys.platform != "win32":
            os.killpg(process.pid, KILL)
        else:
            os.kill(process.pid, KILL)
    wait_until(lambda: not any(is_alive(process) for process in left), 5.0)
    return len(left)


def restart_job(home: Home, job: str, within_s: float = 15.0) -> None:
    """Have the supervisor of a home start a job anew; returns once it has.

    Raises `Unavailable` where none runs or it does not start, `NotFound` for no job of it.
    """
    before = read_status(home)
    if not before.is_alive:
        raise Unavailable(f"nothing runs in {home.path}: start thor up first")
    jobs = sorted(name for name, one in before.processes.items() if one.kind == "job")
    if job not in jobs:
        raise NotFound(f"job: {job} is none of {', '.join(jobs)}")
    was = before.processes[job].process
    home.restarts.mkdir(exist_ok=True)
    (home.restarts / job).touch()

    def is_new() -> bool:
        now = read_status(home).processes[job]
        return now.process is not None and now.process != was

    if not wait_until(is_new, within_s, 0.05):
        raise Unavailable(f"{job} has not started within {within_s:g} s: see `thor status`")
