"""The user that runs the servers, and whether that user can enter the folder.

PostgreSQL refuses to run as root, so root runs its servers as an unprivileged user. Nothing here
changes a folder that is not Thor's own, or creates a user.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from thor.errors import Rejected, Unavailable

if sys.platform != "win32":
    import pwd

# The first of these that exists runs the servers when Thor itself is root.
_SERVER_USERS = ("postgres", "nobody")
# Environment variables that a server may need; the rest (passwords, PG* variables) is not passed
# on.
_SPARE_NAMES = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR")
_FIRST_CLOSED = 'for f in "$@"; do [ -x "$f" ] || { printf %s "$f"; exit 1; }; done'


class ServerUser(msgspec.Struct, frozen=True):
    """The unprivileged account that runs the servers when Thor is root."""

    name: str
    uid: int
    gid: int


def is_root() -> bool:
    """Return whether this process is root; never so on Windows."""
    return sys.platform != "win32" and os.geteuid() == 0


def server_user(*data_folders: Path) -> ServerUser | None:
    """Return the user that runs the servers: the owner of the data, else postgres, else nobody.

    None means that they run as the caller, who is an ordinary user. Raises Rejected where the data
    belongs to root or to a user that is gone, or where no such user exists.
    """
    if not is_root():
        return None
    # A package that adds the user postgres later must not orphan data of the user nobody.
    for folder in data_folders:
        if folder.exists():
            return _owner(folder)
    for name in _SERVER_USERS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return ServerUser(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise Rejected(
        f"this machine has none of the users {', '.join(_SERVER_USERS)}, and PostgreSQL"
        " does not run as root: run Thor as an ordinary user, or set THOR_DATABASE_URL"
        " and THOR_REDIS_URL"
    )


def _owner(folder: Path) -> ServerUser:
    uid = folder.stat().st_uid
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        entry = None
    if entry is None or uid == 0:
        raise Rejected(
            f"{folder} belongs to uid {uid}, which cannot run a server: chown it to the user"
            " that ran the servers before (postgres or nobody), with all that is in it"
        )
    return ServerUser(entry.pw_name, entry.pw_uid, entry.pw_gid)


def as_user(user: ServerUser | None) -> dict[str, Any]:
    """Return the arguments of `subprocess.Popen` that run a child as that user."""
    if user is None:
        return {}
    return {"user": user.uid, "group": user.gid, "extra_groups": []}


def make_data_folder(folder: Path, user: ServerUser | None) -> None:
    """Make a folder that only the server user can enter."""
    folder.mkdir(mode=0o700)
    if user is not None and sys.platform != "win32":
        os.chown(folder, user.uid, user.gid)


def spare_environment(**extra: str) -> dict[str, str]:
    """Return the variables of this environment that a server may see, and the extra ones."""
    environment = os.environ.copy()
    spare = {name: environment[name] for name in _SPARE_NAMES if name in environment}
    return {"PATH": os.defpath, "LC_ALL": "C", **spare, **extra}


def run_as(
    user: ServerUser | None,
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    timeout_s: float = 60.0,
) -> subprocess.CompletedProcess[str]:
    """Run a short command as that user and return its output.

    Raises Rejected where this process may not become that user or may not run the program,
    Unavailable where it does not end in time.
    """
    # The user may be unable to enter the current folder, but never the root folder.
    try:
        return subprocess.run(
            [str(part) for part in argv],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            cwd="/" if user else None,
            env=dict(env) if env is not None else spare_environment(),
            timeout=timeout_s,
            check=False,
            **as_user(user),
        )
    except (PermissionError, FileNotFoundError) as error:
        who = f"user {user.name}" if user else "this user"
        raise Rejected(f"{argv[0]} cannot be run as {who}: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"{argv[0]} did not end within {timeout_s:.0f} s") from error


def check_reach(folder: Path, user: ServerUser | None) -> None:
    """Raise Rejected, naming the folder, where the user cannot reach this one."""
    if user is None:
        return
    # This asks the kernel, since access lists and mounts count besides the mode bits.
    down = [*reversed(folder.parents), folder]
    closed = run_as(user, ["/bin/sh", "-c", _FIRST_CLOSED, "sh", *down])
    if closed.returncode != 0:
        name = closed.stdout or str(folder)
        raise Rejected(
            f"THOR_HOME: user {user.name}, who runs the servers, cannot enter {name} on the way"
            f" to {folder}: set THOR_HOME to an open place such as /var/lib/thor, or open"
            f" that folder yourself with chmod o+x {name}"
        )
