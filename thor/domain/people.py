"""Who acts: the roles of people, the scopes of keys, and the identity of a request.

Foundation. Pure.
"""

import re
import zoneinfo
from enum import IntEnum, StrEnum

import msgspec

from thor.errors import Rejected

EMAIL_MAX = 254
NAME_MAX = 80
_EMAIL = re.compile(r"[!-?A-~]+@[!-?A-~]+")


class Role(IntEnum):
    """What a person may do; a higher role may do all that a lower one may."""

    VIEWER = 1
    TRADER = 2
    ADMIN = 3
    OWNER = 4


class Scope(StrEnum):
    """What a key may do of what its owner may; a wider scope covers a narrower one."""

    READ = "read"
    TRADE = "trade"
    ADMIN = "admin"

    @property
    def role(self) -> Role:
        """The highest role that the scope lets its owner act in."""
        return {Scope.READ: Role.VIEWER, Scope.TRADE: Role.TRADER, Scope.ADMIN: Role.ADMIN}[self]


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who sends a request, and what they may do.

    `name` goes into versions, orders and the audit: the e-mail address of an account, or `local`
    where nobody logs in. `role` is that of the account, lowered to the widest of `scopes` for a
    key. `user_id` is null for `local`; an account has either its `session`, or of its key how it
    begins (`key`) and its hash.
    """

    name: str
    role: Role
    scopes: frozenset[Scope] = frozenset()
    user_id: int | None = None
    session: str | None = None
    key: str | None = None
    key_sha256: str | None = None

    def may(self, role: Role) -> bool:
        """Return whether the identity may do what a role may."""
        return self.role >= role


# Everybody on this machine, where nobody has to log in.
LOCAL = Identity(name="local", role=Role.OWNER)


def lowered(role: Role, scopes: frozenset[Scope]) -> Role:
    """Return the role of a key: its owner's, at most what its widest scope covers."""
    return min(role, max((scope.role for scope in scopes), default=Role.VIEWER))


def email_of(text: str) -> str:
    """Return an e-mail address as accounts are known by, in lower case; raises `Rejected`."""
    found = text.strip().lower()
    if len(found) > EMAIL_MAX or _EMAIL.fullmatch(found) is None:
        raise Rejected("email: this is no e-mail address; write it as ann@example.com")
    return found


def role_of(text: str) -> Role:
    """Return a role by its name, in any case; raises `Rejected`."""
    try:
        return Role[text.strip().upper()]
    except KeyError:
        names = ", ".join(role.name for role in Role)
        raise Rejected(f"role: {text[:40]!r} is none of {names}") from None


def scopes_of(texts: list[str]) -> frozenset[Scope]:
    """Return scopes by their names; raises `Rejected` for an unknown one, or none at all."""
    try:
        found = frozenset(Scope(text.strip().lower()) for text in texts)
    except ValueError:
        names = ", ".join(Scope)
        raise Rejected(f"scopes: {', '.join(texts)[:80]!r} are not all of {names}") from None
    if not found:
        raise Rejected(f"scopes: name one at least, of {', '.join(Scope)}")
    return found


def checked_name(field: str, text: str) -> str:
    """Return a name without blanks around it; raises `Rejected` for a long or unprintable one."""
    found = text.strip()
    if len(found) > NAME_MAX or not found.isprintable():
        raise Rejected(f"{field}: at most {NAME_MAX} printable characters")
    return found


def checked_zone(text: str) -> str:
    """Return the name of a time zone; raises `Rejected` for one that there is not."""
    if text not in zoneinfo.available_timezones():
        raise Rejected(f"time_zone: {text[:60]!r} is no zone; write it as America/Chicago")
    return text
