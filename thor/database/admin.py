"""Create, rename and drop whole databases of a server.

Works from the server's maintenance database; raises Thor's errors.
"""

from typing import Any
from urllib.parse import urlsplit, urlunsplit

from thor import clock, database
from thor.database import Connection
from thor.errors import Refused, Unavailable

_IN_USE = "55006"
_RENAME_WITHIN_S = 15.0


def maintenance_url(url: str) -> str:
    """Return the URL of the same server's maintenance database."""
    return urlunsplit(urlsplit(url)._replace(path="/postgres"))


def beside_url(url: str, name: str) -> str:
    """Return the URL of another database of the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def make(server: Connection[Any], name: str, owner: str | None = None) -> None:
    """Create an empty database, UTF-8; raises Refused where this user may not."""
    text = "create database {} template template0 encoding 'UTF8'"
    parts = [database.sql.Identifier(name)]
    if owner is not None:
        text += " owner {}"
        parts.append(database.sql.Identifier(owner))
    with database.translated():
        try:
            server.execute(database.sql.SQL(text).format(*parts))
        except database.InsufficientPrivilege as error:
            raise Refused(
                f"{server.info.user} may not create database {name}: give it CREATEDB, or name a "
                "user in the URL who may"
            ) from error


def comment(server: Connection[Any], name: str, text: str | None) -> None:
    """Set or remove the comment on a database."""
    statement = database.sql.SQL("comment on database {} is {}")
    parts = (database.sql.Identifier(name), database.sql.Literal(text))
    with database.translated():
        server.execute(statement.format(*parts))


def drop(server: Connection[Any], name: str) -> None:
    """Drop a database where it exists, and disconnect its clients."""
    text = "drop database if exists {} with (force)"
    with database.translated():
        server.execute(database.sql.SQL(text).format(database.sql.Identifier(name)))


def rename(server: Connection[Any], name: str, to: str) -> None:
    """Rename a database, once it has no clients; raises Unavailable after 15 s."""
    text = "alter database {} rename to {}"
    statement = database.sql.SQL(text).format(*map(database.sql.Identifier, (name, to)))
    until_s = clock.monotonic_s() + _RENAME_WITHIN_S
    while True:
        try:
            with database.translated():
                server.execute(statement)
            return
        except (Unavailable, database.DriverError) as error:
            cause = error.__cause__ if isinstance(error, Unavailable) else error
            if getattr(cause, "sqlstate", None) != _IN_USE or clock.monotonic_s() > until_s:
                raise
        clock.sleep_s(0.1)
