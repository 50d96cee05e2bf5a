"""Decide the edition of a database from what its server offers and what was recorded.

Creates the extension where the database is to be of the timescale edition; raises `Refused` with
the fix where the server cannot do that.
"""

from datetime import datetime
from typing import Any, Literal

import msgspec

from thor import database
from thor.database import Connection
from thor.database.versions import TIMESCALEDB_MIN, version
from thor.domain.nature import Nature
from thor.errors import NotFound, Refused

Edition = Literal["plain", "timescale"]
RequestedEdition = Literal["auto", "plain", "timescale"]

# Up to this revision nothing in a database depended on its edition.
_GROUND_FLOOR = ("0001", "0002")
_PRELOAD = "add timescaledb to shared_preload_libraries in postgresql.conf and restart the server"
_OR_PLAIN = "or set THOR_EDITION=plain to keep bars without it"


class Recorded(msgspec.Struct, frozen=True):
    """What a database was made as, which stays so: edition and nature, and when, UTC."""

    edition: Edition
    nature: Nature
    made_at: datetime

    @property
    def is_timescale(self) -> bool:
        """Whether it is of the timescale edition."""
        return self.edition == "timescale"


def found(connection: Connection[Any]) -> Recorded | None:
    """Return what a migrated database was made as, or None where its edition is not recorded."""
    row = database.row(connection, "edition")
    return None if row is None else msgspec.convert(row, Recorded)


def read(connection: Connection[Any]) -> Recorded:
    """Return what the database was made as; `NotFound` where it was never migrated."""
    made = found(connection)
    if made is None:
        raise NotFound("The database has no edition yet: run `thor db up`")
    return made


async def fetch(pool: Any) -> Recorded | None:
    """Return what the database of a pool was made as, or None where it is not recorded."""
    rows = await database.fetch(pool, "edition")
    return msgspec.convert(rows[0], Recorded) if rows else None


class Server(msgspec.Struct, frozen=True):
    """TimescaleDB on a server, as one of its databases sees it."""

    available: str | None
    installed: str | None
    schema: str | None
    license: str | None
    is_preloaded: bool


def offered(driver: Connection[Any]) -> Server:
    """Return the server's TimescaleDB, and whether this database uses it."""
    # shared_preload_libraries is hidden from most users; a setting of the library itself is not.
    row = driver.execute(
        "select (select default_version from pg_available_extensions where name = 'timescaledb'),"
        " (select extversion from pg_extension where extname = 'timescaledb'),"
        " (select extnamespace::regnamespace::text from pg_extension"
        " where extname = 'timescaledb'),"
        " nullif(current_setting('timescaledb.license', true), ''),"
        " exists (select from pg_settings where name = 'timescaledb.disable_load')"
    ).fetchone()
    available, installed, schema, license_, is_preloaded = row or (None, None, None, None, False)
    return Server(available, installed, schema, license_ if installed else None, is_preloaded)


def settled(driver: Connection[Any], requested: RequestedEdition, revision: str | None) -> Edition:
    """Return the edition this database is, or is to be, of; creates the extension it needs.

    A database without bars yet takes what the server offers; any other keeps its edition. Raises
    `Refused` where that is impossible.
    """
    if revision is None or revision in _GROUND_FLOOR:
        return _chosen(driver, requested)
    row = driver.execute("select edition from ops.edition").fetchone()
    recorded: Edition = row[0] if row else "plain"
    _refuse_another(offered(driver), recorded, requested)
    return recorded


def _refuse_another(server: Server, recorded: Edition, requested: RequestedEdition) -> None:
    if recorded == "timescale":
        _refuse_less(server)
    has_changed = requested == "auto" and recorded == "plain" and server.license == "timescale"
    if has_changed or requested not in ("auto", recorded):
        other = "plain" if recorded == "timescale" else "timescale"
        raise Refused(
            f"The database was made as {recorded} and meets the {other} edition: that is fixed "
            "when a database is made. `thor db copy --to URL` moves everything into a new one; "
            f"THOR_EDITION={recorded} keeps this one as it is"
        )


def _refuse_less(server: Server) -> None:
    if server.installed is None:
        is_there = server.available is not None
        found = "TimescaleDB, but not in this database" if is_there else "no TimescaleDB"
        fix = "Restore a dump with `thor db restore` where there is one"
    elif not server.is_preloaded:
        found, fix = "TimescaleDB not preloaded", f"To go on, {_PRELOAD}"
    elif server.license != "timescale":
        found = f"timescaledb.license = {server.license}"
        fix = "Set timescaledb.license = timescale and restart the server"
    elif is_too_old(server.installed):
        raise Refused(_too_old(server.installed))
    else:
        return
    raise Refused(
        f"The database is of the timescale edition and its server has {found}: what is in "
        f"columns cannot be read there. {fix}, or go back to a server with TimescaleDB Community"
    )


def _chosen(driver: Connection[Any], requested: RequestedEdition) -> Edition:
    if requested == "plain":
        return "plain"
    server = offered(driver)
    if server.available is None and server.installed is None:
        if requested == "timescale":
            raise Refused(
                "THOR_EDITION=timescale: the server has no TimescaleDB. Install the vendor's "
                f"package timescaledb-2-postgresql-NN, {_OR_PLAIN}"
            )
        return "plain"
    if not server.is_preloaded:
        # Creating the extension anyway would end the connection.
        raise Refused(
            f"{_unusable(driver, server)}: it is not preloaded. To go on, {_PRELOAD}, {_OR_PLAIN}"
        )
    try:
        with driver.transaction():
            if server.installed is None:
                driver.execute("create extension timescaledb schema public")
            server = offered(driver)
            if server.license != "timescale":
                raise _Apache
            if is_too_old(server.installed or ""):
                raise Refused(f"{_too_old(server.installed or '')}, {_OR_PLAIN}")
            if server.schema != "public":
                raise Refused(
                    f"{_unusable(driver, server)}: it is in schema {server.schema}, where Thor's "
                    "names do not lead. To go on, drop it and run `create extension timescaledb "
                    f"schema public`, {_OR_PLAIN}"
                )
    except _Apache:
        if requested == "timescale":
            raise Refused(
                f"THOR_EDITION=timescale: the server's TimescaleDB {server.installed} is under "
                f"the {server.license} licence, without continuous aggregates. Install the "
                f"Community edition and set timescaledb.license = timescale, {_OR_PLAIN}"
            ) from None
        return "plain"
    except database.DriverError as error:
        raise Refused(
            f"{_unusable(driver, server)}: {_why_not(driver, error)}, {_OR_PLAIN}"
        ) from error
    return "timescale"


class _Apache(Exception):
    """The extension is there and its licence lacks what the timescale edition needs."""


def is_too_old(timescaledb: str) -> bool:
    """Return whether Thor needs a newer TimescaleDB than this version."""
    return version(timescaledb) < TIMESCALEDB_MIN


def _too_old(timescaledb: str) -> str:
    least = ".".join(map(str, TIMESCALEDB_MIN))
    return (
        f"TimescaleDB {timescaledb} is too old: Thor needs {least}. Upgrade its package, then run "
        "`alter extension timescaledb update` first thing in a new session"
    )


def _unusable(driver: Connection[Any], server: Server) -> str:
    here = server.installed or server.available
    return f"TimescaleDB {here} cannot be used in database {driver.info.dbname}"


def _why_not(driver: Connection[Any], error: database.DriverError) -> str:
    fix = "see what it says"
    if isinstance(error, database.InsufficientPrivilege):
        fix = (
            "have a superuser run `create extension timescaledb schema public` in it, "
            f"or make {driver.info.user} its owner"
        )
    return f"{str(error).splitlines()[0]}. To go on, {fix}"
