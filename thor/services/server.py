"""The common part of the two embedded servers: start, wait until ready, stop.

`postgres.py` and `valkey.py` have the rest.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from thor import clock
from thor.errors import Broken, Unavailable
from thor.services.damage import damage
from thor.services.home import Home
from thor.services.privileges import ServerUser, spare_environment
from thor.services.process import KILL, Child, spawn, tail, wait_until

Report = Callable[[str], None]

READY_WITHIN_S = 300.0
STOP_WITHIN_S = 1.8
_STARTS_MAX = 3
_REPORT_EVERY_S = 5.0


class Server(ABC):
    """A server that runs as a direct child on a port of 127.0.0.1."""

    name: str
    # Requests a clean end; the next signals are for a server that is too slow.
    stop_signal: int
    hurry_signal: int = KILL

    def __init__(self, home: Home, user: ServerUser | None, password: str, report: Report) -> None:
        """Take its home, the user that runs it and its password."""
        self.home = home
        self.user = user
        self.report = report
        self.port = 0
        self.child: Child | None = None
        self._password = password

    @property
    def log(self) -> Path:
        """Return its log file."""
        return self.home.log(self.name)

    @abstractmethod
    def prepare(self) -> None:
        """Stop a server that an earlier Thor left on this data, and create the data folder."""

    @abstractmethod
    def command(self) -> list[str | Path]:
        """Return the command line, without a password."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Return whether it answers a client that knows the password.

        Raises Broken where it answers that the password is wrong.
        """

    def launch(self) -> Child:
        """Start the child; it is ready when `is_ready` returns True."""
        self.child = spawn(
            self.command(),
            log=self.log,
            env=spare_environment(),
            user=self.user,
            on_parent_death=self.stop_signal,
            cwd="/" if self.user else None,
        )
        return self.child

    def start(self) -> None:
        """Prepare, launch and wait until ready; raises Unavailable where it cannot be.

        Raises Broken where its data are damaged.
        """
        self.prepare()
        for _ in range(_STARTS_MAX):
            self.port = self.home.choose_port(self.name)
            if self._became_ready(self.launch()):
                return
            if (what := damage(self.home, self.name)) is not None:
                raise Broken(what)
            # Another process took the port meanwhile, or a killed server's children are still
            # ending.
            clock.sleep_s(0.5)
        raise Unavailable(f"{self.name} does not start; {self.log} ends with:\n{tail(self.log)}")

    def _became_ready(self, child: Child) -> bool:
        started = reported_s = clock.monotonic_s()
        while child.exit_code() is None:
            try:
                if self.is_ready():
                    return True
            except Broken:
                # Where another server took the port and answers, our own child ends at once.
                if not wait_until(lambda: child.exit_code() is not None, 1.0):
                    raise
            now = clock.monotonic_s()
            if now - started > READY_WITHIN_S:
                raise Unavailable(
                    f"{self.name} is not ready after {READY_WITHIN_S:.0f} s;"
                    f" {self.log} ends with:\n{tail(self.log)}"
                )
            if now - reported_s > _REPORT_EVERY_S:
                reported_s = now
                self.report(f"{self.name}: waiting for {now - started:.0f} s; {tail(self.log, 1)}")
            # A recovery may take minutes: check less and less often.
            clock.sleep_s(min(0.5, max(0.02, (now - started) / 10)))
        return False


def start_all(servers: Sequence[Server]) -> None:
    """Start the servers in order; where one does not start, none is left running."""
    with ExitStack() as undo:
        undo.callback(stop_all, servers)
        for server in servers:
            server.start()
        undo.pop_all()


def stop_all(servers: Sequence[Server]) -> None:
    """Stop the servers in parallel: cleanly within 1.8 s, else at once."""
    running = [server for server in servers if server.child is not None]
    children = [server.child for server in running if server.child is not None]

    def gone() -> bool:
        return all(child.exit_code() is not None for child in children)

    for server in running:
        _send(server, server.stop_signal)
    if wait_until(gone, STOP_WITHIN_S):
        return
    for server in running:
        _send(server, server.hurry_signal)
    if wait_until(gone, 0.3):
        return
    for server in running:
        _send(server, KILL)
    wait_until(gone, 1.0)


def _send(server: Server, number: int) -> None:
    if server.child is not None:
        server.child.send(number)
