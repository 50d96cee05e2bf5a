"""One's own account: name, zone, settings, sessions, the second factor.

Reads and changes schema people.
"""

import json
import uuid
from typing import Any

import msgspec
from litestar import delete, get, patch, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from api.audit import note_of
from api.errors import AWAY, BAD_INPUT, ProblemOperation, declared
from api.routes.auth import Asked, Me, me_of, using
from api.state import SharedState
from thor import database
from thor.database import Connection
from thor.domain.people import Identity
from thor.errors import NotFound, Refused, Rejected, Throttled
from thor.people import accounts, sessions, settings
from thor.stream.quote import Instant
from thor.stream.rows import converted

_ASKED: Any = {
    "responses": {**BAD_INPUT, **declared(Refused)},
    "operation_class": ProblemOperation,
    "tags": ["people"],
}
_PROVEN: Any = {**_ASKED, "responses": {**BAD_INPUT, **declared(Refused, Throttled)}}


class MeChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another name or zone; what is left out stays."""

    display_name: str | None = None
    time_zone: str | None = None


class SettingValue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A setting's value, any JSON."""

    value: Any


class SessionRow(msgspec.Struct, frozen=True, kw_only=True):
    """A session that is open; `agent` is what its browser calls itself."""

    session_id: str
    created_at: Instant
    last_used_at: Instant
    expires_at: Instant
    address: str | None
    agent: str | None
    is_current: bool


class Password(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The account's password, asked for again."""

    password: str


class Code(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A code of the second factor."""

    code: str


class TotpOffer(msgspec.Struct, frozen=True):
    """A second factor that counts once a code of it was sent: its secret and its otpauth:// URI."""

    secret: str
    uri: str


@get("/api/me", responses=AWAY, operation_class=ProblemOperation, tags=["people"])
async def me(shared: NamedDependency[SharedState], identity: NamedDependency[Identity]) -> Me:
    """Return who asks."""
    return await me_of(shared, identity)


@patch("/api/me", **_ASKED)
async def change_me(
    shared: NamedDependency[SharedState],
    identity: NamedDependency[Identity],
    data: JSONBody[MeChange],
) -> Me:
    """Change one's name or zone."""

    def change(connection: Connection[Any]) -> None:
        accounts.change_me(connection, identity, data.display_name, data.time_zone)

    await using(shared, change)
    return await me_of(shared, identity)


@put("/api/me/settings/{key:str}", status_code=204, **_ASKED)
async def set_setting(
    shared: NamedDependency[SharedState],
    identity: NamedDependency[Identity],
    key: FromPath[str],
    data: JSONBody[SettingValue],
) -> None:
    """Keep a setting of one's pages."""
    text = json.dumps(data.value)
    await using(shared, lambda connection: settings.put(connection, identity, key, text))


@delete("/api/me/settings/{key:str}", status_code=204, **_ASKED)
async def drop_setting(
    shared: NamedDependency[SharedState],
    identity: NamedDependency[Identity],
    key: FromPath[str],
) -> None:
    """Forget a setting."""
    await using(shared, lambda connection: settings.drop(connection, identity, key))


@get("/api/me/sessions", **_ASKED)
async def my_sessions(
    shared: NamedDependency[SharedState], identity: NamedDependency[Identity]
) -> list[SessionRow]:
    """List one's open sessions, the one used last first."""
    if identity.user_id is None:
        return []
    found = await database.fetch(shared.pool, "sessions_of", {"user_id": identity.user_id})
    return [
        converted({**row, "is_current": row["session_id"] == identity.session}, SessionRow)
        for row in found
    ]


@delete("/api/me/sessions/{session_id:str}", status_code=204, **_ASKED)
async def end_session(
    shared: NamedDependency[SharedState],
    identity: NamedDependency[Identity],
    session_id: FromPath[str],
) -> None:
    """End one of one's sessions."""
    try:
        wanted = str(uuid.UUID(session_id))
    except ValueError:
        raise Rejected("session_id: GET /api/me/sessions lists them") from None

    def end(connection: Connection[Any]) -> None:
        user_id = accounts.of(connection, identity)["user_id"]
        if not sessions.end(connection, user_id, "ended by its owner", session_id=wanted):
            raise NotFound("session_id: no open session; GET /api/me/sessions lists them")

    await using(shared, end)


@post("/api/me/totp", status_code=200, **_PROVEN)
async def offer_totp(
    shared: NamedDependency[SharedState],
    identity: NamedDependency[Identity],
    request: Asked,
    data: JSONBody[Password],
) -> TotpOffer:
    """Offer a second factor, shown this once; it counts once a code of it was sent."""
    address = shared.gate.address(request.scope)
    found = await using(shared, lambda c: accounts.offer_totp(c, identity, _given(data), address))
    return TotpOffer(*found)


@post("/api/me/totp/confirm", status_code=200, **_ASKED)
async def confirm_totp(
    shared: NamedDependency[SharedState],
    identity: NamedDependency[Identity],
    request: Asked,
    data: JSONBody[Code],
) -> Me:
    """Let the second factor count: every login asks for its code from now on."""
    await using(shared, lambda c: accounts.confirm_totp(c, identity, data.code[:20]))
    note_of(request).after = {"has_totp": True}
    return await me_of(shared, identity)


@post("/api/me/totp/off", status_code=200, **_PROVEN)
async def drop_totp(
    shared: NamedDependency[SharedState],
    identity: NamedDependency[Identity],
    request: Asked,
    data: JSONBody[Password],
) -> Me:
    """Take the second factor away."""
    address = shared.gate.address(request.scope)
    await using(shared, lambda c: accounts.drop_totp(c, identity, _given(data), address))
    note_of(request).after = {"has_totp": False}
    return await me_of(shared, identity)


def _given(data: Password) -> str:
    if len(data.password) > 1_000:
        raise Rejected("password: at most 1,000 characters")
    return data.password
