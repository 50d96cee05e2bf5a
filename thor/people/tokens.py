"""Make and read tokens: random ones of which the database has a hash, and signed ones.

Stage 85, people. Signed tokens are JWTs of one fixed algorithm; nothing in their head is believed.
"""

import hashlib
import hmac
import secrets
import uuid
from datetime import datetime, timedelta
from typing import Any

import jwt
import msgspec

from thor import database
from thor.database import Connection
from thor.errors import Unidentified

ACCESS_FOR = timedelta(minutes=15)
_ALGORITHM = "HS256"
_ISSUER = "thor"
_REQUIRED = ["exp", "iat", "iss", "sub", "sid"]


class SigningKey(msgspec.Struct, frozen=True):
    """What signs access tokens: its name, and the secret."""

    key_id: str
    secret: str


class Access(msgspec.Struct, frozen=True):
    """What a signed token claims: the account and the session."""

    user_id: int
    session_id: str


def new(prefix: str = "") -> str:
    """Return a random token of 256 bits."""
    return f"{prefix}{secrets.token_urlsafe(32)}"


def sha256(token: str) -> str:
    """Return the hash of a token, in hex; a random token needs no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


def signing_key(connection: Connection[Any]) -> SigningKey:
    """Return the key of a database; the first who asks makes it."""
    with database.transaction(connection):
        database.execute(connection, "lock_people", {"what": "signing key"})
        values = {"key_id": secrets.token_hex(4), "secret": new()}
        database.execute(connection, "make_signing_key", values)
        return msgspec.convert(database.one(connection, "signing_key"), SigningKey)


def signed(key: SigningKey, access: Access, now: datetime) -> str:
    """Return an access token, good for `ACCESS_FOR`."""
    claims = {
        "iss": _ISSUER,
        "sub": str(access.user_id),
        "sid": access.session_id,
        "iat": now,
        "exp": now + ACCESS_FOR,
    }
    return jwt.encode(claims, key.secret, algorithm=_ALGORITHM)


def read(key: SigningKey, token: str) -> Access:
    """Return what an access token claims; raises `Unidentified` for one that is not good."""
    try:
        claims = jwt.decode(
            token,
            key.secret,
            algorithms=[_ALGORITHM],
            issuer=_ISSUER,
            options={"require": _REQUIRED},
        )
        return Access(int(claims["sub"]), str(uuid.UUID(str(claims["sid"]))))
    except (jwt.InvalidTokenError, ValueError) as error:
        raise Unidentified("The session's token is not good, or has expired: refresh it") from error


def csrf(key: SigningKey, session_id: str) -> str:
    """Return what a page of the session sends back with what it changes."""
    made = hmac.new(key.secret.encode(), f"csrf:{session_id}".encode(), hashlib.sha256)
    return made.hexdigest()


def is_equal(one: str, other: str) -> bool:
    """Compare two secrets in a time that tells nothing."""
    return hmac.compare_digest(one.encode(), other.encode())
