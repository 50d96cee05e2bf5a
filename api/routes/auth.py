"""Log in and out, register, and set up the first owner.

Reads and changes schema people. The tokens of a session are in cookies that no page can read.
"""

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import msgspec
from litestar import Request, Response, get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, QueryParameter

from api.audit import note_of
from api.errors import BAD_INPUT, OpenOperation, ProblemOperation, declared
from api.gate import CookieNames, is_secure
from api.state import SharedState
from thor import clock, database
from thor.database import Connection
from thor.domain.people import Identity, Role
from thor.errors import (
    Forbidden,
    NotFound,
    Refused,
    Rejected,
    ThorError,
    Throttled,
    Unavailable,
    Unidentified,
)
from thor.people import accounts, sessions, tokens
from thor.people.accounts import ZONE, NewAccount
from thor.people.sessions import Renewed
from thor.stream.quote import Instant
from thor.stream.rows import converted

REFRESH_PATH = "/api/auth"
Asked = Request[Any, Any, Any]
_T = TypeVar("_T")
_OPEN = declared(Unidentified, Forbidden, NotFound, Refused, Rejected, Throttled, Unavailable)


class AuthState(msgspec.Struct, frozen=True, kw_only=True):
    """Whether people log in here, whether an owner is set up, and whether others may register."""

    is_required: bool
    is_set_up: bool
    may_register: bool


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks.

    Without an account, where nobody logs in, `name` is `local`. `csrf` goes back in the header
    X-CSRF-Token with everything that changes something; it is null for keys and for `local`.
    """

    user_id: int | None
    name: str
    email: str | None
    role: str
    display_name: str
    time_zone: str
    has_totp: bool
    last_login_at: Instant | None
    session_id: str | None
    settings: dict[str, Any]
    csrf: str | None
    is_required: bool


class Login(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who logs in; `code` is that of the second factor."""

    email: str
    password: str
    code: str | None = None


class Registration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who registers."""

    email: str
    password: str
    display_name: str = ""
    time_zone: str = ZONE


class SetUp(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first owner, and the token of the one-time link."""

    token: str
    email: str
    password: str
    display_name: str = ""
    time_zone: str = ZONE


class PasswordChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The password as it is, and as it is to be."""

    current: str
    new: str


class Registered(msgspec.Struct, frozen=True):
    """What happens next."""

    detail: str


@get(
    "/api/auth",
    responses=declared(Refused, Unavailable),
    operation_class=OpenOperation,
    tags=["people"],
)
async def auth_state(shared: NamedDependency[SharedState]) -> AuthState:
    """Return whether people log in here."""
    is_required = await shared.gate.is_required()
    if is_required is None or (shared.gate.state is None):
        raise Unavailable("PostgreSQL: it is away, and it knows who may log in")
    has_owner = shared.gate.has_owner()
    return AuthState(is_required=is_required, is_set_up=has_owner, may_register=has_owner)


@post(
    "/api/auth/login",
    status_code=200,
    responses=_OPEN,
    operation_class=OpenOperation,
    tags=["people"],
)
async def log_in(
    shared: NamedDependency[SharedState], request: Asked, data: JSONBody[Login]
) -> Response[Me]:
    """Begin a session: the answer sets its cookies."""
    _bounded(data.email, data.password, data.code or "")
    address, agent = shared.gate.address(request.scope), request.headers.get("user-agent")

    def begin(connection: Connection[Any]) -> Renewed:
        note = note_of(request)
        found = database.row(connection, "user_by_email", {"email": data.email.strip().lower()})
        # What nobody is known by may be a password in the wrong field.
        note.object = found["email"] if found else "an unknown account"
        made = accounts.log_in(connection, data.email, data.password, data.code, address, agent)
        if found is not None:
            note.who, note.role = str(found["email"]), str(found["role"])
        return made

    return await _entered(shared, request, await using(shared, begin))


@post("/api/auth/setup", responses=_OPEN, operation_class=OpenOperation, tags=["people"])
async def set_up(
    shared: NamedDependency[SharedState], request: Asked, data: JSONBody[SetUp]
) -> Response[Me]:
    """Make the first owner by the one-time link, and begin a session: people log in from now on."""
    _bounded(data.email, data.password, data.token)
    address, agent = shared.gate.address(request.scope), request.headers.get("user-agent")

    def begin(connection: Connection[Any]) -> Renewed:
        given = NewAccount(
            email=data.email,
            password=data.password,
            display_name=data.display_name,
            time_zone=data.time_zone,
        )
        user_id = accounts.set_up(connection, data.token, given, address)
        return sessions.begin(connection, user_id, address, agent)

    made = await using(shared, begin)
    await shared.gate.renew()
    note = note_of(request)
    note.who, note.role = data.email.strip().lower(), Role.OWNER.name
    return await _entered(shared, request, made)


@post(
    "/api/auth/register",
    status_code=202,
    responses=_OPEN,
    operation_class=OpenOperation,
    tags=["people"],
)
async def register(
    shared: NamedDependency[SharedState], request: Asked, data: JSONBody[Registration]
) -> Registered:
    """Ask for an account, a TRADER's: it does nothing until an ADMIN approves it.

    The answer is the same where the address has an account already.
    """
    _bounded(data.email, data.password)
    address = shared.gate.address(request.scope)

    def add(connection: Connection[Any]) -> int | None:
        given = NewAccount(
            email=data.email,
            password=data.password,
            display_name=data.display_name,
            time_zone=data.time_zone,
        )
        return accounts.register(connection, given, address)

    made = await using(shared, add)
    note = note_of(request)
    note.object = data.email.strip().lower()
    note.after = {"is_new": made is not None}
    return Registered("An ADMIN has to approve the account; then log in")


@post(
    "/api/auth/refresh",
    status_code=200,
    responses=_OPEN,
    operation_class=OpenOperation,
    tags=["people"],
)
async def refresh(shared: NamedDependency[SharedState], request: Asked) -> Response[Me]:
    """Renew the session by its cookie; a token that was used before ends the session."""
    given = request.cookies.get((await shared.gate.cookies()).refresh)
    if given is None:
        raise Unidentified("Log in first, by POST /api/auth/login")
    _bounded(given)
    renewed = await using(shared, lambda connection: sessions.renew(connection, given))
    return await _entered(shared, request, renewed)


@post(
    "/api/auth/logout",
    status_code=204,
    responses={**_OPEN, 204: ResponseSpec(None, description="The session is over.")},
    operation_class=OpenOperation,
    tags=["people"],
)
async def log_out(
    shared: NamedDependency[SharedState],
    request: Asked,
    everywhere: Annotated[bool, QueryParameter(description="All sessions of the account.")] = False,
) -> Response[None]:
    """End the session, or all of the account; without a session nothing happens."""
    names = await shared.gate.cookies()
    key = await shared.gate.signing_key()

    def end(connection: Connection[Any]) -> None:
        found = _session_of(connection, key, request, names)
        if found is None:
            return
        user_id, session_id = found
        one = None if everywhere else session_id
        sessions.end(connection, user_id, "logged out", session_id=one)
        note_of(request).who = database.one(connection, "user_by_id", {"user_id": user_id})["email"]

    await using(shared, end)
    return Response(None, status_code=204, cookies=_cleared(request, names))


@post(
    "/api/auth/password",
    status_code=204,
    responses={**BAD_INPUT, **declared(Refused, Throttled)},
    operation_class=ProblemOperation,
    tags=["people"],
)
async def change_password(
    shared: NamedDependency[SharedState],
    identity: NamedDependency[Identity],
    request: Asked,
    data: JSONBody[PasswordChange],
) -> None:
    """Set another password; all other sessions of the account end."""
    _bounded(data.current, data.new)
    address = shared.gate.address(request.scope)
    await using(
        shared,
        lambda connection: accounts.change_password(
            connection, identity, data.current, data.new, address
        ),
    )


async def using(shared: SharedState, work: Callable[[Connection[Any]], _T]) -> _T:
    """Run what reads and changes accounts on a connection of its own, in a thread."""

    def run() -> _T:
        with database.connect(shared.database_url, "api people") as connection:
            return work(connection)

    return await asyncio.to_thread(run)


async def me_of(shared: SharedState, identity: Identity) -> Me:
    """Return who asks, with their settings."""
    is_required = bool(await shared.gate.is_required())
    if identity.user_id is None:
        return Me(
            user_id=None,
            name=identity.name,
            email=None,
            role=identity.role.name,
            display_name="",
            time_zone=ZONE,
            has_totp=False,
            last_login_at=None,
            session_id=None,
            settings={},
            csrf=None,
            is_required=is_required,
        )
    of = {"user_id": identity.user_id}
    (row,) = await database.fetch(shared.pool, "user_by_id", of)
    settings = await database.fetch(shared.pool, "settings_of", of)
    csrf = None
    if identity.session is not None:
        csrf = tokens.csrf(await shared.gate.signing_key(), identity.session)
    known = ("user_id", "email", "display_name", "time_zone", "last_login_at")
    return converted(
        {
            **{name: row[name] for name in known},
            "name": row["email"],
            "role": identity.role.name,
            "has_totp": row["totp_secret"] is not None,
            "session_id": identity.session,
            "settings": {one["key"]: one["value"] for one in settings},
            "csrf": csrf,
            "is_required": is_required,
        },
        Me,
    )


async def _entered(shared: SharedState, request: Asked, made: Renewed) -> Response[Me]:
    """Answer a login or a renewal: who it is of, and the cookies."""
    identity = await shared.gate.session(made.session_id)
    if identity is None:
        raise Unidentified("The session has ended: log in")
    request.scope["user"] = identity
    names, key = await shared.gate.cookies(), await shared.gate.signing_key()
    access = tokens.signed(key, tokens.Access(made.user_id, made.session_id), clock.now())
    cookies = [_cookie(request, names.access, access, "/", int(tokens.ACCESS_FOR.total_seconds()))]
    if made.refresh is not None:
        seconds = int(sessions.UNUSED_FOR.total_seconds())
        cookies.append(_cookie(request, names.refresh, made.refresh, REFRESH_PATH, seconds))
    return Response(await me_of(shared, identity), cookies=cookies)


def _cookie(request: Asked, name: str, value: str, path: str, max_age: int) -> Cookie:
    return Cookie(
        key=name,
        value=value,
        path=path,
        max_age=max_age,
        httponly=True,
        secure=is_secure(request),
        samesite="strict",
    )


def _cleared(request: Asked, names: CookieNames) -> list[Cookie]:
    return [
        _cookie(request, names.access, "", "/", 0),
        _cookie(request, names.refresh, "", REFRESH_PATH, 0),
    ]


def _session_of(
    connection: Connection[Any], key: tokens.SigningKey, request: Asked, names: CookieNames
) -> tuple[int, str] | None:
    """Return the account and the session of a request's cookies, also of one that has expired."""
    given = request.cookies.get(names.refresh)
    if given is not None:
        values = {"token_sha256": tokens.sha256(given)}
        found = database.row(connection, "refresh_token", values)
        if found is not None:
            return int(found["user_id"]), str(found["session_id"])
    access = request.cookies.get(names.access)
    if access is None:
        return None
    try:
        claimed = tokens.read(key, access)
    except ThorError:
        return None
    return claimed.user_id, claimed.session_id


def _bounded(*texts: str) -> None:
    """Refuse texts that no person writes: to hash them would cost more than they are worth."""
    for text in texts:
        if len(text) > 1_000 or "\0" in text:
            raise Rejected("The body: a text is longer than 1,000 characters, or has a NUL")
