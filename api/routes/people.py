"""Accounts, keys of programs, and the audit.

Reads and changes schema people.
"""

from typing import Annotated, Any

import msgspec
from litestar import delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from api import params
from api.audit import note_of
from api.errors import AWAY, BAD_INPUT, ProblemOperation, declared
from api.routes.auth import Asked, using
from api.state import SharedState
from thor import clock, database
from thor.database import Connection
from thor.domain.people import Identity, Role, scopes_of
from thor.errors import Forbidden, Refused
from thor.people import accounts, keys, sessions
from thor.stream.quote import Instant
from thor.stream.rows import converted

_ASKED: Any = {
    "responses": {**BAD_INPUT, **declared(Refused)},
    "operation_class": ProblemOperation,
    "tags": ["people"],
}
_CHANGED = ("role", "is_approved", "is_enabled")


class UserRow(msgspec.Struct, frozen=True, kw_only=True):
    """An account; `sessions` counts those that are open."""

    user_id: int
    email: str
    display_name: str
    role: str
    is_approved: bool
    is_enabled: bool
    has_totp: bool
    created_at: Instant
    approved_at: Instant | None
    approved_by: str | None
    last_login_at: Instant | None
    sessions: int


class UserChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an account may do from now on; what is left out stays."""

    role: str | None = None
    is_approved: bool | None = None
    is_enabled: bool | None = None


class KeyRow(msgspec.Struct, frozen=True, kw_only=True):
    """A key of a program, of which only the `prefix` is known."""

    key_id: int
    owner: str
    name: str
    prefix: str
    scopes: list[str]
    created_at: Instant
    expires_at: Instant | None
    last_used_at: Instant | None
    revoked_at: Instant | None


class NewKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a key is for, what it may be used for, and when it ends; null: never."""

    name: str
    scopes: list[str]
    expires_days: int | None = 365


class MadeKeyRow(KeyRow, frozen=True, kw_only=True):
    """A new key, with the key itself: it is shown this once."""

    key: str


class AuditRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the audit."""

    audit_id: int
    at: Instant
    who: str
    role: str | None
    method: str
    route: str
    status: int
    object: str | None
    before: Any
    after: Any
    request_id: str | None
    address: str | None
    key: str | None


@get("/api/users", responses=AWAY, operation_class=ProblemOperation, tags=["people"])
async def users(shared: NamedDependency[SharedState]) -> list[UserRow]:
    """List the accounts."""
    values = {"user_id": None, "as_of": clock.now()}
    found = await database.fetch(shared.pool, "users", values)
    return [converted(row, UserRow) for row in found]


@patch("/api/users/{user_id:int}", **_ASKED)
async def change_user(
    shared: NamedDependency[SharedState],
    identity: NamedDependency[Identity],
    request: Asked,
    user_id: FromPath[int],
    data: JSONBody[UserChange],
) -> UserRow:
    """Approve an account, change its role, disable it; counts at once, for open sessions too."""

    def change(connection: Connection[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        return accounts.change(
            connection,
            user_id,
            identity,
            role=data.role,
            is_approved=data.is_approved,
            is_enabled=data.is_enabled,
        )

    before, after = await using(shared, change)
    note = note_of(request)
    note.object = after["email"]
    note.before = {name: before[name] for name in _CHANGED}
    note.after = {name: after[name] for name in _CHANGED}
    await shared.gate.renew()
    return converted(after, UserRow)


@post("/api/users/{user_id:int}/logout", status_code=204, **_ASKED)
async def end_sessions(
    shared: NamedDependency[SharedState],
    identity: NamedDependency[Identity],
    request: Asked,
    user_id: FromPath[int],
) -> None:
    """End all sessions of an account."""

    def end(connection: Connection[Any]) -> None:
        row = accounts.listed(connection, user_id)[0]
        note_of(request).object = row["email"]
        if row["role"] == Role.OWNER.name and not identity.may(Role.OWNER):
            raise Forbidden("Only an OWNER may end an owner's sessions")
        sessions.end(connection, user_id, "ended by an ADMIN")

    await using(shared, end)


@get("/api/keys", **_ASKED)
async def key_list(
    shared: NamedDependency[SharedState],
    identity: NamedDependency[Identity],
    every: Annotated[
        bool, QueryParameter(name="all", description="Those of all accounts, for an ADMIN.")
    ] = False,
) -> list[KeyRow]:
    """List one's keys, revoked ones too."""
    if every and not identity.may(Role.ADMIN):
        raise Forbidden("all: the keys of others are for an ADMIN to see")
    if not every and identity.user_id is None:
        return []
    values = {"user_id": None if every else identity.user_id, "key_id": None}
    found = await database.fetch(shared.pool, "keys", values)
    return [converted(row, KeyRow) for row in found]


@post("/api/keys", **_ASKED)
async def add_key(
    shared: NamedDependency[SharedState],
    identity: NamedDependency[Identity],
    request: Asked,
    data: JSONBody[NewKey],
) -> MadeKeyRow:
    """Make a key for a program, shown this once; it may do what its owner may, within its scopes.

    The program sends it as Authorization: Bearer thor_….
    """

    def add(connection: Connection[Any]) -> dict[str, Any]:
        user_id = accounts.of(connection, identity)["user_id"]
        scopes = scopes_of(data.scopes)
        made = keys.add(connection, user_id, data.name, scopes, data.expires_days)
        return {**keys.listed(connection, user_id, made.key_id)[0], "key": made.key}

    row = await using(shared, add)
    note_of(request).object = row["prefix"]
    return converted(row, MadeKeyRow)


@delete("/api/keys/{key_id:int}", status_code=204, **_ASKED)
async def revoke_key(
    shared: NamedDependency[SharedState],
    identity: NamedDependency[Identity],
    request: Asked,
    key_id: FromPath[int],
) -> None:
    """Take a key back: it is worth nothing from now on."""
    row = await using(shared, lambda connection: keys.revoke(connection, key_id, identity))
    note_of(request).object = row["prefix"]


@get("/api/audit", responses=BAD_INPUT, operation_class=ProblemOperation, tags=["people"])
async def audit(
    shared: NamedDependency[SharedState],
    who: Annotated[str | None, QueryParameter(description="Whose calls.")] = None,
    route: Annotated[str | None, QueryParameter(description="A part of method and route.")] = None,
    ts_from: Annotated[
        str | None, QueryParameter(name="from", description="First moment, ISO 8601.")
    ] = None,
    ts_to: Annotated[
        str | None, QueryParameter(name="to", description="The moment after the last, ISO 8601.")
    ] = None,
    before: Annotated[
        int | None, QueryParameter(ge=0, description="Rows before this audit_id: the next page.")
    ] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=1_000, description="Most rows.")] = 100,
) -> list[AuditRow]:
    """List who did what and who tried, newest first."""
    values = {
        **params.span(ts_from, ts_to),
        "who": who,
        "route": route,
        "before": before,
        "limit": limit,
    }
    found = await database.fetch(shared.pool, "audit", values)
    return [converted(row, AuditRow) for row in found]
