"""Child processes that do not outlive Thor: started, watched, stopped, logged.

Takes a command line and a log file, gives a `Child`.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO

import psutil

from thor import clock
from thor.services.identity import Identity, identity
from thor.services.privileges import ServerUser, as_user

LOG_BYTES_MAX = 5_000_000
LOGS_KEPT = 3
_BLOCK_BYTES = 1 << 16
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
# Linux takes the *thread* that forked as the parent whose death is signalled, so this thread forks
# every child; it lives as long as the process.
_FORKS = ThreadPoolExecutor(max_workers=1, thread_name_prefix="thor-forks")

# Where Windows lacks a signal its nearest one is sent.
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)


class Child:
    """A running child, the leader of a process group of its own."""

    def __init__(self, popen: "subprocess.Popen[bytes]", *, sweeps: bool) -> None:
        """Take a process just started; `sweeps` ends its whole group when it ends."""
        self._popen = popen
        self._sweeps = sweeps
        self.pid = popen.pid
        self.identity: Identity | None = identity(popen.pid)

    def exit_code(self) -> int | None:
        """Return how it ended (minus the signal that killed it), None while it runs."""
        if self._popen.returncode is None and self._sweeps and sys.platform == "linux":
            # Checked before it is reaped: until then no other group can have its number.
            with suppress(ChildProcessError):
                if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                    return None
                self._signal_group(KILL)
        return self._popen.poll()

    def send(self, number: int) -> None:
        """Send a signal, to the whole group where the child leads one."""
        if self._popen.returncode is not None:
            return
        if self._sweeps:
            self._signal_group(number)
        elif sys.platform == "win32":
            self._popen.terminate()
        else:
            self._popen.send_signal(number)

    def _signal_group(self, number: int) -> None:
        if sys.platform == "win32":
            self._popen.terminate()
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)


def spawn(
    argv: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str],
    user: ServerUser | None = None,
    on_parent_death: int = KILL,
    sweeps: bool = False,
    cwd: str | None = None,
) -> Child:
    """Start a child in a session of its own, its output appended to the log.

    On Linux it gets the signal `on_parent_death` the moment this process ends, however it ends.
    Raises OSError where the program cannot be run.
    """
    rotate(log)

    def start() -> "subprocess.Popen[bytes]":
        with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as output:
            return _popen(argv, output, env, user, on_parent_death, cwd)

    return Child(_FORKS.submit(start).result(), sweeps=sweeps)


def spawn_read(
    argv: Sequence[str | Path], on_output: Callable[[bytes], None]
) -> tuple[Child, threading.Thread]:
    """Start a child as `spawn` does, in this process's environment, and read what it writes.

    `on_output` gets its output, block by block, in the thread that is returned: it ends when
    nobody can write any more. Raises OSError where the program cannot be run.
    """
    env = {**os.environ.copy(), "PYTHONUNBUFFERED": "1"}
    start = partial(_popen, argv, subprocess.PIPE, env, None, KILL, None)
    popen = _FORKS.submit(start).result()

    def read() -> None:
        assert popen.stdout is not None
        with popen.stdout as output:
            while block := os.read(output.fileno(), _BLOCK_BYTES):
                on_output(block)

    reader = threading.Thread(target=read, name=f"output-{popen.pid}", daemon=True)
    reader.start()
    return Child(popen, sweeps=True), reader


def _popen(
    argv: Sequence[str | Path],
    output: IO[bytes] | int,
    env: Mapping[str, str],
    user: ServerUser | None,
    on_parent_death: int,
    cwd: str | None,
) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [str(part) for part in argv],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=dict(env),
        cwd=cwd,
        # Ctrl-C in the terminal is for the supervisor alone.
        start_new_session=True,
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        # Safe with threads: it calls one function that was looked up before the fork.
        preexec_fn=_bound_to_parent(on_parent_death),
        **as_user(user),
    )


def _bound_to_parent(number: int) -> Callable[[], None] | None:
    if _LIBC is None:
        return None
    prctl, parent = _LIBC.prctl, os.getpid()

    # Runs after the change of user, which would clear the setting again.
    def bind() -> None:
        prctl(_PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:
            os._exit(1)

    return bind


def rotate(log: Path) -> None:
    """Rotate a log that has grown too long, keeping the last few."""
    if not log.exists() or log.stat().st_size < LOG_BYTES_MAX:
        return
    for age in range(LOGS_KEPT, 1, -1):
        with suppress(FileNotFoundError):
            log.with_name(f"{log.name}.{age - 1}").replace(log.with_name(f"{log.name}.{age}"))
    log.replace(log.with_name(f"{log.name}.1"))


def rotate_open(log: Path) -> None:
    """Rotate a log that a running process appends to: copied, then emptied in place."""
    with suppress(OSError):
        if log.stat().st_size < LOG_BYTES_MAX:
            return
        for age in range(LOGS_KEPT, 1, -1):
            with suppress(FileNotFoundError):
                log.with_name(f"{log.name}.{age - 1}").replace(log.with_name(f"{log.name}.{age}"))
        shutil.copyfile(log, log.with_name(f"{log.name}.1"))
        log.with_name(f"{log.name}.1").chmod(0o600)
        os.truncate(log, 0)


def tail(log: Path, lines: int = 5) -> str:
    """Return the last lines of a log, for a message."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 4096))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""


def wait_until(done: Callable[[], bool], within_s: float, every_s: float = 0.02) -> bool:
    """Return whether the condition came true within that many seconds."""
    deadline = clock.monotonic_s() + within_s
    while not done():
        if clock.monotonic_s() >= deadline:
            return False
        clock.sleep_s(every_s)
    return True


def stop_left_over(
    find: Callable[[], list[psutil.Process]],
    ask: Callable[[list[psutil.Process]], None],
    within_s: float,
) -> int:
    """Stop processes that an earlier Thor left running, wait for them, and return how many.

    `find` returns those that are left, `ask` requests a clean end; processes left after `within_s`
    seconds are killed.
    """
    left = find()
    if not left:
        return 0
    ask(left)
    if not wait_until(lambda: not find(), within_s, 0.05):
        kill_all(find())
        wait_until(lambda: not find(), 5.0, 0.05)
    return len(left)


def kill_all(processes: list[psutil.Process]) -> None:
    """Kill these processes, ignoring those that have ended."""
    for process in processes:
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            process.kill()
