"""The embedded Valkey: its append-only data, its configuration file, its readiness.

Sends the few commands that a start needs; the bus's client sends the rest.
"""

import shutil
import signal
import socket
from contextlib import suppress
from pathlib import Path
from typing import Literal

import psutil

from thor.errors import Broken
from thor.services.home import Home, write_beside
from thor.services.identity import working_on
from thor.services.privileges import ServerUser, make_data_folder
from thor.services.process import stop_left_over
from thor.services.server import Report, Server

AppendFsync = Literal["always", "everysec"]

_PROGRAMS = ("valkey-server",)
_ORPHAN_STOPS_WITHIN_S = 5.0
_SETTINGS = {
    "bind": "127.0.0.1",
    "protected-mode": "yes",
    "daemonize": "no",
    # Its command line names the configuration file, so that an orphan can be known by it.
    "set-proc-title": "no",
    "appendonly": "yes",
    "save": "",
    # A full bus is an error for the writer, never a silently evicted key.
    "maxmemory-policy": "noeviction",
    "aof-load-truncated": "yes",
    "auto-aof-rewrite-percentage": "100",
    "auto-aof-rewrite-min-size": "64mb",
}


class Valkey(Server):
    """One Valkey with its append-only file in `bus/` of a home."""

    name = "valkey"
    stop_signal = signal.SIGTERM

    def __init__(
        self,
        home: Home,
        user: ServerUser | None,
        password: str,
        report: Report,
        program: Path,
        appendfsync: AppendFsync = "always",
    ) -> None:
        """Take the program and when it syncs its file, besides a server's arguments."""
        super().__init__(home, user, password, report)
        self._program = program
        self._appendfsync = appendfsync
        self._file = home.run / "valkey.conf"

    def prepare(self) -> None:
        """Stop a Valkey that an earlier Thor left on this data; create the folder where needed."""
        folder = self.home.bus
        stop_left_over(
            lambda: working_on(_PROGRAMS, folder, str(self._file)), _ask, _ORPHAN_STOPS_WITHIN_S
        )
        if not folder.exists():
            # Renamed once it has its owner, which shows the server user at the next start.
            beside = folder.with_name("bus.new")
            shutil.rmtree(beside, ignore_errors=True)
            make_data_folder(beside, self.user)
            beside.rename(folder)

    def command(self) -> list[str | Path]:
        """Write the configuration, password and all, for the server alone; return its command."""
        settings = {
            **_SETTINGS,
            "port": str(self.port),
            "dir": str(self.home.bus),
            "appendfsync": self._appendfsync,
            "requirepass": self._password,
        }
        lines = [f"{name} {_quoted(value)}\n" for name, value in settings.items()]
        write_beside(self._file, "".join(lines).encode(), owner=self.user)
        return [self._program, self._file]

    def swap(self, one: int, other: int) -> None:
        """Swap two of its numbered databases, while no client uses them."""
        with socket.create_connection(("127.0.0.1", self.port), 2.0) as link:
            link.sendall(_command("AUTH", self._password))
            link.recv(4096)
            link.sendall(_command("SWAPDB", str(one), str(other)))
            answer = link.recv(4096)
        if answer != b"+OK\r\n":
            raise Broken(f"valkey on port {self.port} cannot swap databases: {answer!r}")

    def is_ready(self) -> bool:
        """Return whether it answers PING with PONG; raises Broken on a wrong password."""
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 2.0) as link:
            link.sendall(_command("AUTH", self._password) + _command("PING"))
            answers = b""
            while answers.count(b"\r\n") < 2:
                part = link.recv(4096)
                if not part:
                    return False
                answers += part
            if answers.startswith(b"-WRONGPASS"):
                raise Broken(
                    f"valkey on port {self.port} does not take the password in"
                    f" {self.home.path / 'credentials.json'}: stop it and start thor up again"
                )
            # While it loads its file it answers -LOADING.
            return answers == b"+OK\r\n+PONG\r\n"
        return False


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _command(*words: str) -> bytes:
    parts = [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
    return f"*{len(words)}\r\n{''.join(parts)}".encode()


def _ask(left: list[psutil.Process]) -> None:
    for process in left:
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            process.terminate()
