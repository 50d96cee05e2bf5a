"""THOR_HOME: the folder of everything that a running Thor owns.

Gives the lock, the credentials, the ports, and the paths of data, logs and status.
"""

import os
import secrets
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import filelock
import msgspec

from thor import clock
from thor.errors import Broken, NotFound, Refused, Rejected, Unavailable
from thor.services.identity import Identity, identity
from thor.services.privileges import ServerUser, check_reach, is_root, server_user

_PORT_TRIES = 20
# initdb hands paths to a shell between double quotes.
_UNSAFE_IN_PATH = frozenset('"`$\n')


class Credentials(msgspec.Struct, frozen=True):
    """The generated passwords of the embedded servers, and of the roles of the database.

    A home of an earlier Thor has none for the roles until it is started.
    """

    postgres: str
    redis: str
    owner: str = ""
    app: str = ""
    reader: str = ""
    grafana: str = ""

    def __repr__(self) -> str:
        """Return a text without passwords."""
        return "Credentials(***)"


class LockOwner(msgspec.Struct, frozen=True):
    """The process that has locked the home, and since when, UTC."""

    process: Identity
    since: datetime


def write_beside(path: Path, data: bytes, *, owner: ServerUser | None = None) -> None:
    """Replace a file atomically, readable by its owner only; for the owner of the home's lock."""
    beside = path.with_name(f"{path.name}.new")
    with suppress(FileNotFoundError):
        beside.unlink()
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        if owner is not None and sys.platform != "win32":
            os.fchown(file.fileno(), owner.uid, owner.gid)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def is_there(path: Path) -> bool:
    """Return whether a path exists; one in a folder that is closed to the caller does not."""
    try:
        return path.exists()
    except PermissionError:
        return False


def is_free(port: int) -> bool:
    """Return whether this port of 127.0.0.1 is free."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the servers do: lingering connections of a killed server do not count.
        if sys.platform != "win32":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


class Home:
    """One THOR_HOME. Several processes may read it; only the owner of its lock writes in it."""

    def __init__(self, path: Path) -> None:
        """Take the folder; nothing is created before `lock`."""
        # Resolved once: the servers' command lines name it, and orphans are known by that.
        self.path = path.expanduser().resolve()
        self.pg = self.path / "pg"
        self.bus = self.path / "bus"
        self.logs = self.path / "logs"
        self.run = self.path / "run"
        self.servers = self.path / "servers"
        self.status_file = self.run / "status.json"
        self._credentials_file = self.path / "credentials.json"
        self._ports_file = self.path / "ports.json"
        self._owner_file = self.run / "holder.json"

    def fault(self) -> str | None:
        """Return why the folder cannot be made or written, or None; makes nothing."""
        folder = self.path
        while not is_there(folder):
            folder = folder.parent
        if not folder.is_dir():
            return f"{folder} is no folder"
        return None if os.access(folder, os.W_OK | os.X_OK) else f"{folder} cannot be written"

    def user(self) -> ServerUser | None:
        """Return the user that runs the servers of this home; None means the caller."""
        return server_user(self.pg, self.bus)

    def log(self, name: str) -> Path:
        """Return the log file of the process of that name."""
        return self.logs / f"{name}.log"

    @property
    def restarts(self) -> Path:
        """The folder of files that each name a job to be started anew."""
        return self.run / "restart"

    def heartbeat(self, job: str) -> Path:
        """Return the heartbeat file of the job of that name."""
        return self.run / f"{job}.heartbeat"

    @contextmanager
    def lock(self) -> Iterator["Home"]:
        """Create the folder where needed and lock it; a killed process releases the lock.

        Raises Refused where another process has it, Rejected where the user that runs the servers
        cannot enter the folder or where it belongs to another user.
        """
        self._make()
        lock = filelock.FileLock(self.path / "lock", timeout=0, mode=0o600, thread_local=False)
        try:
            lock.acquire()
        except filelock.Timeout as error:
            raise Refused(self._refusal()) from error
        try:
            me = identity(os.getpid())
            if me is not None:
                write_beside(self._owner_file, msgspec.json.encode(LockOwner(me, clock.now())))
            yield self
        finally:
            lock.release()

    def credentials(self) -> Credentials:
        """Return the passwords; raises NotFound in a home that has none yet."""
        try:
            return msgspec.json.decode(self._credentials_file.read_bytes(), type=Credentials)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFound(f"{self.path} has no credentials yet: start thor up first") from error
        except PermissionError as error:
            raise Rejected(
                f"{self._credentials_file} belongs to another user: run as the user that"
                " started Thor, or set THOR_HOME to a folder of your own"
            ) from error
        except msgspec.MsgspecError as error:
            raise Broken(f"{self._credentials_file} cannot be read: {error}") from error

    def ensure_credentials(self) -> Credentials:
        """Return the passwords, generated on the first call; for the owner of the lock."""
        try:
            made = self.credentials()
        except NotFound:
            if self.pg.exists():
                raise Broken(
                    f"{self._credentials_file} is gone, but the database in {self.pg} knows its"
                    " password: put the file back, or set THOR_HOME to another folder"
                ) from None
            made = Credentials(postgres="", redis="")
        lacks = [name for name in made.__struct_fields__ if not getattr(made, name)]
        if lacks:
            new = {name: secrets.token_urlsafe(24) for name in lacks}
            made = msgspec.structs.replace(made, **new)
            write_beside(self._credentials_file, msgspec.json.encode(made))
        return made

    def ports(self) -> dict[str, int]:
        """Return the ports that were chosen last, by name; empty in a new home."""
        try:
            return msgspec.json.decode(self._ports_file.read_bytes(), type=dict[str, int])
        except (FileNotFoundError, NotADirectoryError, msgspec.MsgspecError):
            return {}
        except PermissionError as error:
            raise Rejected(
                f"{self._ports_file} belongs to another user: run as the user that"
                " started Thor, or set THOR_HOME to a folder of your own"
            ) from error

    def choose_port(self, name: str, requested: int | None = None) -> int:
        """Return a free port of 127.0.0.1 and store it: the preferred one, else the last one."""
        ports = self.ports()
        others = {port for other, port in ports.items() if other != name}
        for port in (requested, ports.get(name)):
            if port and port not in others and is_free(port):
                break
        else:
            port = _unused_port(others)
        if ports.get(name) != port:
            write_beside(self._ports_file, msgspec.json.encode({**ports, name: port}))
        return port

    def _make(self) -> None:
        unsafe = _UNSAFE_IN_PATH.intersection(str(self.path))
        if unsafe:
            raise Rejected(
                f"THOR_HOME: {self.path} contains {', '.join(map(repr, sorted(unsafe)))}, which"
                " PostgreSQL's initdb cannot bear: name another folder"
            )
        root = is_root()
        way = [*reversed(self.path.parents), self.path]
        try:
            there = [folder for folder in way if folder.is_dir()][-1]
            check_reach(there, self.user())
            for folder in way:
                _make_folder(folder, 0o711 if root else 0o700)
            self._check_owner()
            _make_folder(self.run, 0o711 if root else 0o700)
            _make_folder(self.logs, 0o700)
        except OSError as error:
            raise Rejected(
                f"THOR_HOME: {error.filename} cannot be made or used ({error.strerror}):"
                " set THOR_HOME to a folder of your own"
            ) from error

    def _check_owner(self) -> None:
        if sys.platform == "win32":
            return
        # Root must not write where a user may swap a file for a link, nor lock a user out of the
        # home.
        uid = self.path.stat().st_uid
        if uid != os.geteuid():
            raise Rejected(
                f"THOR_HOME: {self.path} belongs to uid {uid}, and you are uid {os.geteuid()}:"
                " run as its owner, or set THOR_HOME to a folder of your own"
            )

    def _refusal(self) -> str:
        fix = "stop it, or set THOR_HOME to another folder"
        try:
            owner = msgspec.json.decode(self._owner_file.read_bytes(), type=LockOwner)
        except (OSError, msgspec.MsgspecError):
            return f"another Thor runs in {self.path}: {fix}"
        since = owner.since.isoformat(timespec="seconds")
        return f"another Thor runs in {self.path}: pid {owner.process.pid} since {since}: {fix}"


def _make_folder(folder: Path, mode: int) -> None:
    if folder.is_dir():
        return
    folder.mkdir(mode=mode)
    # Override the umask, which may lock the server user out.
    folder.chmod(mode)


def _unused_port(taken: set[int]) -> int:
    for _ in range(_PORT_TRIES):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port not in taken:
            return port
    raise Unavailable("127.0.0.1 has no free port left: stop something that listens there")
