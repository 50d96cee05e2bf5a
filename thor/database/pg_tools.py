"""The programs that dump and restore: find the one that fits a server, and run it.

Passwords are passed by the environment; an interrupted run ends its program.
"""

import os
import re
import shutil
import signal
import tempfile
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

import msgspec
import psutil

from thor import clock
from thor.config import Settings
from thor.errors import NotFound, ThorError, Unavailable
from thor.services.home import Home
from thor.services.install import find_postgres
from thor.services.privileges import run_as
from thor.services.process import KILL, spawn, tail, wait_until

# Called with the current table, and the pid of the process that works on it.
OnStep = Callable[[str, int], None]

_LOOK_EVERY_S = 0.1
_ENDS_WITHIN_S = 10.0
_STEP = re.compile(r'(?:contents of|data for) table "([^"]+)"')
_ERROR = re.compile(r"^\w+: error: (.*)$", re.MULTILINE)
_SERVER_AWAY = re.compile(
    r"connection to server|server closed|terminating connection|shutting down|lock timeout"
)


class Failed(Unavailable):
    """A program ended with an error; says whether the server failed."""

    def __init__(self, output: str) -> None:
        """Take the program's last output."""
        super().__init__(output)
        self.is_servers = bool(_SERVER_AWAY.search(output))


class Tool(msgspec.Struct, frozen=True):
    """A program and the major version of PostgreSQL it came with."""

    path: Path
    major: int


def find(name: str, major: int, settings: Settings) -> Tool:
    """Return the program for a server of that major version: of the same one, else a newer.

    It is looked for beside the PostgreSQL that Thor would run and on the PATH. Raises NotFound.
    """
    found = [tool for path in _candidates(name, settings) if (tool := _tool(path)) is not None]
    good = sorted((tool for tool in found if tool.major >= major), key=lambda tool: tool.major)
    if good:
        return good[0]
    others = ", ".join(f"{tool.path} of PostgreSQL {tool.major}" for tool in found)
    raise NotFound(
        f"{name}: none of PostgreSQL {major} or newer, which the server asks for"
        f"{'; there is ' + others if others else ''}. Put one on the PATH, or name its folder "
        "with THOR_PG_BIN"
    )


def output_of(tool: Tool, *arguments: str | Path) -> str:
    """Run a short command that needs no server and return what it printed; raises Failed."""
    done = run_as(None, [tool.path, *arguments], env=_environment(), timeout_s=300.0)
    if done.returncode != 0:
        raise Failed(_reason(done.stderr))
    return done.stdout


def run(
    tool: Tool,
    arguments: Sequence[str | Path],
    url: str,
    on_step: OnStep,
    forgiven: str | None = None,
) -> None:
    """Run a program on the database of the URL to its end; raises Failed with its reason.

    Errors that contain a text of `forgiven` are ignored, unless the program ends at the first.
    """
    where, password = without_password(url)
    env = _environment()
    if password is not None:
        env["PGPASSWORD"] = password
    argv = [tool.path, "--verbose", "--no-password", f"--dbname={where}", *arguments]
    with tempfile.TemporaryDirectory(prefix="thor-") as folder:
        log = Path(folder) / "said"
        child = spawn(argv, log=log, env=env)
        try:
            while (code := child.exit_code()) is None:
                steps = _STEP.findall(tail(log, 40))
                on_step(steps[-1] if steps else "", child.pid)
                clock.sleep_s(_LOOK_EVERY_S)
        finally:
            if child.exit_code() is None:
                child.send(signal.SIGTERM)
                if not wait_until(lambda: child.exit_code() is not None, _ENDS_WITHIN_S):
                    child.send(KILL)
        output = log.read_text(errors="replace")
        # It ends with 1 after errors that it skipped; another number means that it stopped.
        if code != 0 and not (code == 1 and _is_forgiven(output, forgiven)):
            raise Failed(_reason(output, forgiven))


def without_password(url: str) -> tuple[str, str | None]:
    """Return the URL as a command line may show it, and the password that was in it."""
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    password = unquote(parts.password) if parts.password is not None else None
    for name, value in query:
        password = value if name == "password" else password
    user, _, host = parts.netloc.rpartition("@")
    netloc = f"{user.partition(':')[0]}@{host}" if user else host
    kept = urlencode([(name, value) for name, value in query if name != "password"])
    return urlunsplit(parts._replace(netloc=netloc, query=kept)), password


def bytes_read(pid: int, file: Path) -> int:
    """Return how far a process has read in a file; 0 where the system does not report it."""
    with suppress(psutil.Error):
        for opened in psutil.Process(pid).open_files():
            if Path(opened.path) == file.resolve():
                return int(getattr(opened, "position", 0))
    return 0


def _candidates(name: str, settings: Settings) -> list[Path]:
    paths = []
    # Without a server of Thor's own the PATH is searched; a folder that was named must fit.
    with suppress(ThorError) if settings.pg_bin is None else nullcontext():
        paths.append(find_postgres(Home(settings.home), None, settings.pg_bin).program(name))
    if on_path := shutil.which(name):
        paths.append(Path(on_path))
    return [path for path in paths if path.is_file()]


def _tool(path: Path) -> Tool | None:
    output = run_as(None, [path, "--version"])
    found = re.search(r"\(PostgreSQL\) (\d+)", output.stdout)
    return Tool(path, int(found[1])) if found else None


def _environment() -> dict[str, str]:
    # The whole environment: certificates and a password file are found by it.
    return {**os.environ, "LC_ALL": "C"}


def _is_forgiven(output: str, forgiven: str | None) -> bool:
    errors = _ERROR.findall(output)
    return forgiven is not None and bool(errors) and all(forgiven in error for error in errors)


def _reason(output: str, forgiven: str | None = None) -> str:
    errors = [
        error for error in _ERROR.findall(output) if forgiven is None or forgiven not in error
    ]
    lines = errors or output.strip().splitlines()[-1:] or ["it printed nothing"]
    return "; ".join(dict.fromkeys(line.strip() for line in lines[:3]))
