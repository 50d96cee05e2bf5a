"""Find out who asks: by a session's cookie, by a program's key, or everybody alike.

Reads schema people. Whether anybody has to log in depends on the database: on its nature, and on
whether an owner is set up, which is read again every few seconds.
"""

import asyncio
import contextlib
from typing import Any
from urllib.parse import urlsplit

import msgspec
from litestar.connection import ASGIConnection
from litestar.types import Scope

from api.hosts import client_of
from thor import database
from thor.config import Settings
from thor.domain.nature import Nature
from thor.domain.people import LOCAL, Identity, Role, lowered, scopes_of
from thor.errors import Forbidden, Refused, Unavailable, Unidentified
from thor.people import tokens
from thor.people.reach import checked_origins, checked_proxies, checked_public, is_loopback
from thor.people.tokens import SigningKey

RENEW_EVERY_S = 5.0
_LOAD_MAX_S = 2.0
CSRF_HEADER = "X-CSRF-Token"
READS = frozenset({"GET", "HEAD", "OPTIONS"})
_BEARER = "bearer "
Asked = ASGIConnection[Any, Any, Any, Any]


class State(msgspec.Struct, frozen=True):
    """What decides whether people log in."""

    nature: Nature
    has_owner: bool


class Gate:
    """Knows who asks."""

    def __init__(self, settings: Settings, pool: Any, database_url: str) -> None:
        """Take the pool; nothing is read yet."""
        self._auth = settings.auth
        self._pool = pool
        self._database_url = database_url
        self._asked = asyncio.Event()
        self._key: SigningKey | None = None
        self.state: State | None = None
        self.public = checked_public(settings)
        self._origins = checked_origins(settings) | self.public
        self.proxies = checked_proxies(settings)

    async def keep(self) -> None:
        """Read the state again every few seconds, until cancelled."""
        while True:
            with contextlib.suppress(Unavailable):
                await self.renew()
            self._asked.set()
            await asyncio.sleep(RENEW_EVERY_S if self.state is not None else 1.0)

    async def renew(self) -> None:
        """Read the state again; raises `Unavailable`. A state that was read once stays."""
        try:
            async with asyncio.timeout(_LOAD_MAX_S):
                found = await database.fetch(self._pool, "people_state")
        except TimeoutError as error:
            raise Unavailable(f"PostgreSQL: no answer within {_LOAD_MAX_S:g} s") from error
        if found:
            self.state = msgspec.convert(found[0], State)

    def has_owner(self) -> bool:
        """Return whether an owner is known to be set up."""
        return self.state is not None and self.state.has_owner

    async def is_required(self) -> bool | None:
        """Return whether people log in; None where the database has never answered yet.

        Raises `Refused` where login is off for a live database.
        """
        await self._asked.wait()
        if self._auth == "on":
            return True
        if self.state is None:
            return None
        is_live = self.state.nature == "live"
        if self._auth == "off":
            if is_live:
                raise Refused(
                    "THOR_AUTH: off is never for a live database; leave it at auto, and set up "
                    "an owner with `thor user setup-link`"
                )
            return False
        return is_live or self.state.has_owner

    async def identity(self, connection: Asked) -> Identity:
        """Return who asks.

        Raises `Unidentified`, `Unavailable`, `Forbidden` for a change without the page's csrf.
        """
        is_read = connection.scope.get("method") in READS
        is_required = await self.is_required()
        if is_required is False:
            return LOCAL
        if is_required is None:
            if is_read and not self.public:
                # There is nothing to read yet but how Thor is.
                return Identity(name=LOCAL.name, role=Role.VIEWER)
            raise Unavailable("PostgreSQL: it is away, and it knows who may do this")
        given = connection.headers.get("authorization")
        if given is not None:
            return await self._of_key(given)
        access = connection.cookies.get((await self.cookies()).access)
        if access is None:
            raise Unidentified(
                "Log in first, by POST /api/auth/login, or send a key: Authorization: Bearer thor_…"
            )
        claimed = tokens.read(await self.signing_key(), access)
        try:
            found = await self.session(claimed.session_id)
        except Unavailable:
            if not is_read:
                raise
            # The token is signed, and good for minutes: its bearer may see what is wrong.
            found = Identity(
                name=f"account {claimed.user_id}", role=Role.VIEWER, session=claimed.session_id
            )
        if found is None:
            raise Unidentified("The session has ended: log in")
        if not is_read:
            await self._check_csrf(connection, claimed.session_id)
        return found

    async def session(self, session_id: str) -> Identity | None:
        """Return who a session is of, as the account is now; None: it has ended."""
        found = await database.fetch(self._pool, "session_now", {"session_id": session_id})
        if not found:
            return None
        row = found[0]
        return Identity(
            name=row["email"],
            role=Role[row["role"]],
            user_id=row["user_id"],
            session=session_id,
        )

    async def is_still(self, identity: Identity) -> bool:
        """Return whether a stream of an identity may go on; while PostgreSQL is away it may."""
        try:
            if identity.session is not None:
                return await self.session(identity.session) is not None
            if identity.key_sha256 is not None:
                values = {"key_sha256": identity.key_sha256}
                return bool(await database.fetch(self._pool, "key_now", values))
            return not await self.is_required()
        except Unavailable:
            return True

    async def signing_key(self) -> SigningKey:
        """Return what signs the tokens of this database."""
        if self._key is None:

            def ask() -> SigningKey:
                with database.connect(self._database_url, "api people") as connection:
                    return tokens.signing_key(connection)

            self._key = await asyncio.to_thread(ask)
        return self._key

    async def cookies(self) -> "CookieNames":
        """Return the names of the cookies: two Thors on one machine share its cookies."""
        key_id = (await self.signing_key()).key_id
        return CookieNames(f"thor_access_{key_id}", f"thor_refresh_{key_id}")

    def address(self, scope: Scope) -> str:
        """Return the address that asks."""
        return client_of(scope, self.proxies)

    async def _of_key(self, header: str) -> Identity:
        if not header.lower().startswith(_BEARER):
            raise Unidentified("Authorization: send a key as Bearer thor_…")
        key_sha256 = tokens.sha256(header[len(_BEARER) :].strip())
        found = await database.fetch(self._pool, "key_now", {"key_sha256": key_sha256})
        if not found:
            raise Unidentified(
                "Authorization: the key is not known, was revoked, or has expired; "
                "`thor key list` lists them"
            )
        row = found[0]
        if row["is_stale"]:
            await database.fetch(self._pool, "key_used", {"key_id": row["key_id"]})
        scopes = scopes_of(row["scopes"])
        return Identity(
            name=row["email"],
            role=lowered(Role[row["role"]], scopes),
            scopes=scopes,
            user_id=row["user_id"],
            key=row["prefix"],
            key_sha256=key_sha256,
        )

    def check_origin(self, connection: Asked) -> None:
        """Refuse a change that a page of another site, or of another program, asks for."""
        origin = connection.headers.get("origin")
        if connection.scope.get("method") in READS or origin is None or origin in self._origins:
            return
        host = connection.headers.get("host", "").lower()
        if urlsplit(origin).netloc.lower() != host:
            raise Forbidden(f"Origin: {origin[:80]!r} is not the page of {host[:80]!r}")

    async def _check_csrf(self, connection: Asked, session_id: str) -> None:
        expected = tokens.csrf(await self.signing_key(), session_id)
        if not tokens.is_equal(connection.headers.get(CSRF_HEADER, ""), expected):
            raise Forbidden(
                f"{CSRF_HEADER}: a page sends back what GET /api/me gives it as csrf; it was "
                "missing or wrong"
            )


class CookieNames(msgspec.Struct, frozen=True):
    """The names of a database's cookies."""

    access: str
    refresh: str


def is_secure(connection: Asked) -> bool:
    """Return whether the cookies are for https only: those of every name but this machine's."""
    host = connection.headers.get("host", "")
    return not is_loopback(urlsplit(f"//{host}").hostname or "")
