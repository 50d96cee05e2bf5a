"""One export at a time: a lock in the database, and a lock file in the lake.

Stage 55, lake. Takes a connection and a store; the file is renewed while the export runs, so that
the file of a dead machine is known by its age.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import msgspec

from thor import clock, database
from thor.database import Connection, edition
from thor.errors import Refused
from thor.lake.store import Store

LOCK = "exports.lock"
# Longer without renewal than any part takes: its owner is gone.
STALE = timedelta(minutes=15)
_RENEWED = timedelta(minutes=1)
# The server takes a moment to notice that an interrupted export's connection has closed.
_HANG_UP_S = 3.0
_LOOK_S = 0.1


class LockOwner(msgspec.Struct, frozen=True):
    """The database that exports into a lake, by its name and birth, and when last seen."""

    database: str
    token: str
    seen_at: datetime


class LakeLock:
    """The lock of a lake."""

    def __init__(self, store: Store, name: str) -> None:
        """Take the lake and the database; nothing is locked yet."""
        self._store = store
        self._name = name
        self._token = secrets.token_hex(8)
        self._seen_at: datetime | None = None

    def renew(self) -> None:
        """Renew the lock, once a minute at most; `Refused` where another export took the lake."""
        now = clock.now()
        if self._seen_at is not None and now - self._seen_at < _RENEWED:
            return
        found = self._owner()
        if found is not None and found.token != self._token and self._seen_at is not None:
            raise Refused(f"{self._store.locate(LOCK)}: database {found.database} took the lake")
        owner = LockOwner(self._name, self._token, now)
        self._store.write(LOCK, msgspec.json.encode(owner))
        self._seen_at = now

    def take(self) -> None:
        """Lock the lake; `Refused` where another database is being exported into it."""
        found = self._owner()
        # This database's own lock file is of an export that was killed: the lock in the database is
        # free.
        is_another = found is not None and found.database != self._name
        if found is not None and is_another and clock.now() - found.seen_at < STALE:
            raise Refused(
                f"Database {found.database} is being exported into {self._store.url}: wait until "
                f"it is through, or delete {LOCK} there if it never will be"
            )
        self.renew()
        now = self._owner()
        if now is None or now.token != self._token:
            raise Refused(f"{self._store.locate(LOCK)}: another export took the lake just now")

    def release(self) -> None:
        """Release the lake."""
        found = self._owner()
        if found is not None and found.token == self._token:
            self._store.delete(LOCK)

    def _owner(self) -> LockOwner | None:
        if not self._store.exists(LOCK):
            return None
        try:
            return msgspec.json.decode(self._store.read(LOCK), type=LockOwner)
        except msgspec.DecodeError:
            return None


@contextmanager
def locked(connection: Connection[Any], store: Store) -> Iterator[LakeLock]:
    """Lock the database and the lake against other exports; `Refused` where one is under way."""
    name = connection.info.dbname
    if not _lock_database(connection):
        raise Refused(f"Another export of database {name} is under way: wait until it is through")
    try:
        made = edition.found(connection)
        made_at = None if made is None else made.made_at
        lock = LakeLock(store, f"{name} ({connection.info.host}:{connection.info.port}, {made_at})")
        lock.take()
        try:
            yield lock
        finally:
            lock.release()
    finally:
        if not connection.closed:
            database.rows(connection, "unlock_export")


def _lock_database(connection: Connection[Any]) -> bool:
    until = clock.monotonic_s() + _HANG_UP_S
    while not database.one(connection, "lock_export")["is_locked"]:
        if clock.monotonic_s() >= until:
            return False
        clock.sleep_s(_LOOK_S)
    return True
