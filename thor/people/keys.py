"""Keys of programs: shown once, kept as a hash, taken back alone.

Stage 85, people. Reads and writes people.keys.
"""

import secrets
from datetime import datetime, timedelta
from typing import Any

import msgspec

from thor import clock, database
from thor.database import Connection
from thor.domain.people import Identity, Role, Scope, checked_name
from thor.errors import Forbidden, NotFound, Rejected
from thor.people import tokens

PREFIX = "thor_"
DAYS_MAX = 3660


class MadeKey(msgspec.Struct, frozen=True):
    """A new key: its number, how it begins, and the key itself."""

    key_id: int
    prefix: str
    key: str


def add(
    connection: Connection[Any],
    user_id: int,
    name: str,
    scopes: frozenset[Scope],
    expires_days: int | None,
) -> MadeKey:
    """Make a key of an account; raises `Rejected` naming the field."""
    known = checked_name("name", name)
    if not known:
        raise Rejected("name: say what the key is for")
    if expires_days is not None and not 1 <= expires_days <= DAYS_MAX:
        raise Rejected(f"expires_days: from 1 to {DAYS_MAX}")
    prefix = f"{PREFIX}{secrets.token_hex(4)}"
    key = tokens.new(f"{prefix}_")
    ends: datetime | None = None
    if expires_days is not None:
        ends = clock.now() + timedelta(days=expires_days)
    values = {
        "user_id": user_id,
        "name": known,
        "prefix": prefix,
        "key_sha256": tokens.sha256(key),
        "scopes": sorted(scopes),
        "expires_at": ends,
    }
    return MadeKey(int(database.one(connection, "add_key", values)["key_id"]), prefix, key)


def listed(
    connection: Connection[Any], user_id: int | None, key_id: int | None = None
) -> list[dict[str, Any]]:
    """Return the keys of an account, or of all."""
    return database.rows(connection, "keys", {"user_id": user_id, "key_id": key_id})


def revoke(connection: Connection[Any], key_id: int, by: Identity) -> dict[str, Any]:
    """Take a key back, and return its row; it counts at once.

    Raises `NotFound`, `Forbidden` for the key of somebody else, which asks for ADMIN, or for OWNER
    where it is an owner's.
    """
    found = listed(connection, None, key_id)
    if not found:
        raise NotFound(f"key_id: there is no key {key_id}; GET /api/keys lists them")
    needed = Role.OWNER if found[0]["owner_role"] == Role.OWNER.name else Role.ADMIN
    if found[0]["owner"] != by.name and not by.may(needed):
        raise Forbidden(f"The key is somebody else's: ask an {needed.name}")
    database.execute(connection, "revoke_key", {"key_id": key_id, "by": by.name})
    return listed(connection, None, key_id)[0]
