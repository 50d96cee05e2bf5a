"""Dump a database into one file, and restore it into an empty one.

Runs pg_dump and pg_restore; on the timescale edition it prepares the restore as the vendor
requires. A restored database gets its name when it is complete: an interrupted restore leaves the
target unchanged.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import msgspec

from thor import clock, database
from thor.config import Settings
from thor.database import Connection, admin, edition, pg_tools, roles
from thor.database.archive import Archive, read
from thor.database.pg_tools import Tool
from thor.database.versions import version
from thor.errors import NotFound, Refused, Rejected, Unavailable

# Called with the current table, and the bytes of the file written or read.
Progress = Callable[[str, int], None]

# The longest wait for a lock of a table.
_LOCK_WAITS = "60s"
# What is left free beside a dump that rotates.
_FREE_MIN_BYTES = 500 << 20
_BESIDE = "_restoring"
_NAME_MAX = 63
_LEAVES_OUT_EXTENSIONS = 17
# Programs from 17 on set this first; a server of 16 does not know it.
_UNKNOWN_TO_16 = '"transaction_timeout"'
# The comment of an incomplete database, which may be dropped.
_UNDER_WAY = "thor db restore is under way, or was interrupted"
_WAYS = {
    "timescale": "`thor db copy --to URL` moves a plain database here; THOR_EDITION=plain keeps "
    "it plain",
    "plain": "Restore it on a server with TimescaleDB Community",
}


def dump(url: str, file: Path, settings: Settings, on_progress: Progress) -> Archive:
    """Dump the database into a new file that only this user can read; returns its description.

    Raises Refused where the file exists, Unavailable where the dump fails: no file is left.
    """
    if file.exists():
        raise Refused(f"{file} is there already: name another, or remove it first")
    if not file.absolute().parent.is_dir():
        raise NotFound(f"{file}: there is no folder {file.absolute().parent}")
    with database.connect(url, "dump") as connection:
        major = connection.info.server_version // 10000
        if edition.found(connection) is None:
            raise NotFound(f"Database {database.name_of(url)} is not Thor's yet: run `thor db up`")
    tool = pg_tools.find("pg_dump", major, settings)
    number, name = tempfile.mkstemp(prefix=f".{file.name}.", suffix=".part", dir=file.parent)
    os.close(number)
    part = Path(name)
    try:
        options = [
            "--format=custom",
            "--compress=1",
            f"--lock-wait-timeout={_LOCK_WAITS}",
            f"--file={part}",
            # MLflow's tables are its own, and are filled again from model.*.
            "--exclude-table=mlflow.*",
        ]
        if tool.major >= _LEAVES_OUT_EXTENSIONS:
            # Statistics of this server: another may lack them, and is whole without.
            options.append("--exclude-extension=pg_stat_statements")
        with database.connect(url, "dump") as connection, database.unconverted(connection):
            pg_tools.run(
                tool, options, url, lambda table, _: on_progress(table, part.stat().st_size)
            )
        archive = read(part, settings)
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.rename(file)
    except pg_tools.Failed as error:
        message = str(error)
        if "statement timeout" in message:
            message = f"a table was locked for {_LOCK_WAITS}, by a change of it say: try again"
        raise Unavailable(f"{file} was not written: {message}") from error
    finally:
        part.unlink(missing_ok=True)
    return msgspec.structs.replace(archive, file=file)


def rotate(
    url: str, folder: Path, keep: int, settings: Settings, on_progress: Progress
) -> tuple[Archive, list[Path]]:
    """Dump into a new file of a folder, and remove the oldest but for the newest `keep`.

    Only files of this database that this function named are removed, and only once the new one is
    whole. Returns the new dump and what was removed. Raises Unavailable where the folder's disk has
    less than one and a half times the newest dump free: a full disk would stop the server.
    """
    if keep < 1:
        raise Rejected(f"--keep: {keep} would keep none; give 1 or more")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = database.name_of(url)
    there = _dumps(folder, name)
    needed = _FREE_MIN_BYTES + (int(1.5 * there[-1].stat().st_size) if there else 0)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise Unavailable(
            f"{folder}: {free >> 20} MB are free, and a dump needs {needed >> 20}: free some, or "
            "keep fewer with --keep"
        )
    stamp = clock.now().strftime("%Y%m%dT%H%M%SZ")
    archive = dump(url, folder / f"{name}-{stamp}.dump", settings, on_progress)
    old = _dumps(folder, name)[:-keep]
    for file in old:
        file.unlink(missing_ok=True)
    return archive, old


def _dumps(folder: Path, name: str) -> list[Path]:
    """Return the rotated dumps of a database, the oldest first."""
    named = re.compile(re.escape(name) + r"-\d{8}T\d{6}Z\.dump")
    return sorted(file for file in folder.iterdir() if named.fullmatch(file.name))


def restore(file: Path, url: str, settings: Settings, on_progress: Progress) -> Archive:
    """Restore a dump into the database of the URL, which is empty or not there yet.

    An existing one keeps its name and its owner. Raises Refused where it is not empty, or the
    server is of another edition or version; Rejected where the dump is damaged. The target is then
    unchanged.
    """
    archive = read(file, settings)
    name = database.name_of(url)
    beside = name.encode()[: _NAME_MAX - len(_BESIDE)].decode(errors="ignore") + _BESIDE
    # Closed before the restore: a connection idle for hours may be gone.
    with closing(database.connect(admin.maintenance_url(url), "restore")) as guard:
        tool = _begin(guard, archive, url, beside, settings)
        is_whole = False
        try:
            _fill(admin.beside_url(url, beside), archive, tool, settings, on_progress)
            is_whole = True
        finally:
            if not is_whole:
                _take_back(url, beside)
        with database.connect(admin.maintenance_url(url), "restore") as server:
            _give_name(server, url, beside)
    if archive.edition == "timescale":
        with database.connect(url, "restore") as connection:
            database.rows(connection, "start_policies")
    return archive


def _begin(
    server: Connection[Any], archive: Archive, url: str, beside: str, settings: Settings
) -> Tool:
    major = server.info.server_version // 10000
    if major < version(archive.postgres)[0]:
        raise Refused(
            f"{archive.file} was made by PostgreSQL {archive.postgres} and the server is "
            f"PostgreSQL {major}: restore into {version(archive.postgres)[0]} or newer"
        )
    tool = pg_tools.find("pg_restore", major, settings)
    there = _empty(server, url)
    # The programs of a killed restore may outlive its lock, so check for clients.
    is_locked = database.one(server, "lock_restore", {"name": beside})["is_locked"]
    left = database.row(server, "database_named", {"name": beside})
    if is_locked and left is not None and left["comment"] != _UNDER_WAY:
        raise Refused(f"Database {beside} is in the way: rename it, or drop it if it is of no use")
    if not is_locked or (left is not None and left["clients"]):
        raise Refused(f"Database {beside} is in use: another restore is under way")
    admin.drop(server, beside)
    admin.make(server, beside, there["owner"] if there else None)
    admin.comment(server, beside, _UNDER_WAY)
    return tool


def _empty(server: Connection[Any], url: str) -> dict[str, Any] | None:
    name = database.name_of(url)
    if name == database.name_of(admin.maintenance_url(url)):
        raise Refused(f"--to: {name} is the server's own database: name one for Thor in the URL")
    there = database.row(server, "database_named", {"name": name})
    if there is None:
        return None
    with database.connect(url, "restore") as connection:
        held = database.rows(connection, "holdings")
    if held:
        names = ", ".join(row["name"] for row in held)
        raise Refused(
            f"Database {name} is not empty, it holds {names}: restore into an empty one, or name "
            "one that is not there yet"
        )
    return there


def _fill(
    url: str, archive: Archive, tool: Tool, settings: Settings, on_progress: Progress
) -> None:
    is_community = archive.edition == "timescale"
    with database.connect(url, "restore") as connection:
        is_16 = connection.info.server_version < 170_000
        _settle(connection, archive, settings.edition)
        if is_community:
            database.rows(connection, "before_restore")
    options = ["--no-owner", "--no-privileges", str(archive.file)]
    forgiven = _UNKNOWN_TO_16 if is_16 and tool.major >= 17 else None
    if forgiven is None:
        options.insert(0, "--exit-on-error")

    def on_step(table: str, pid: int) -> None:
        on_progress(table, pg_tools.bytes_read(pid, archive.file))

    try:
        pg_tools.run(tool, options, url, on_step, forgiven)
    except pg_tools.Failed as error:
        if error.is_servers:
            raise Unavailable(f"{archive.file} was not restored: {error}") from error
        raise Rejected(f"{archive.file} was not restored: {error}") from error
    with database.connect(url, "restore") as connection:
        if is_community:
            database.rows(connection, "after_restore")
        path = ", ".join(database.SEARCH_PATH)
        database.rows(connection, "set_search_path", {"path": path})
        database.rows(connection, "keep_search_path")
        # A dump has neither owners nor rights.
        with database.transaction(connection):
            roles.settle(connection)
        database.rows(connection, "analyse")
        if is_community:
            database.rows(connection, "stop_policies")


def _settle(
    connection: Connection[Any], archive: Archive, requested: edition.RequestedEdition
) -> None:
    if archive.edition == "timescale":
        _create_extension(connection, archive)
        requested = "auto"
    of = edition.settled(connection, requested, None)
    if of != archive.edition:
        raise Refused(
            f"{archive.file} is of the {archive.edition} edition and the server keeps {of} "
            f"databases: a dump fits its own edition only. {_WAYS[of]}"
        )


def _create_extension(connection: Connection[Any], archive: Archive) -> None:
    offered = [row["version"] for row in database.rows(connection, "timescaledb_versions")]
    wanted = archive.timescaledb
    if wanted is None or wanted not in offered:
        newest = max(offered, key=version) if offered else "none"
        raise Refused(
            f"{archive.file} is of TimescaleDB {wanted} and the server offers {newest}: a dump "
            f"needs the version it was made with. Install {wanted} here, or update the database "
            "it was made of and dump again"
        )
    text = "create extension timescaledb schema public version {}"
    try:
        connection.execute(database.sql.SQL(text).format(database.sql.Literal(wanted)))
    except database.DriverError as error:
        message = str(error).splitlines()[0]
        raise Refused(
            f"TimescaleDB {wanted} cannot be used on this server: {message}. Add timescaledb to "
            "shared_preload_libraries and restart it, or name a user who may create extensions"
        ) from error


def _take_back(url: str, beside: str) -> None:
    # Where even this fails the next restore drops it, by its comment.
    with (
        suppress(Unavailable, database.DriverError),
        database.connect(admin.maintenance_url(url), "restore") as server,
    ):
        admin.drop(server, beside)


def _give_name(server: Connection[Any], url: str, beside: str) -> None:
    name = database.name_of(url)
    try:
        admin.comment(server, beside, None)
        _empty(server, url)
        admin.drop(server, name)
        admin.rename(server, beside, name)
    except (Refused, Unavailable, database.DriverError) as error:
        raise Unavailable(
            f"The dump is restored, whole, as database {beside}, which could not be renamed to "
            f"{name}: {str(error).splitlines()[0]}. Rename it once {name} is out of the way"
        ) from error
