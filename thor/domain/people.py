"""Who acts: the roles of people, the scopes of keys, and the identity of a request.

Foundation. Pure.
"""

from enum import IntEnum, StrEnum

import msgspec


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
    key. `user_id` is null for `local`; one of `session` and `key` is given for an account.
    """

    name: str
    role: Role
    scopes: frozenset[Scope] = frozenset()
    user_id: int | None = None
    session: str | None = None
    key: str | None = None

    def may(self, role: Role) -> bool:
        """Return whether the identity may do what a role may."""
        return self.role >= role


# Everybody on this machine, where nobody has to log in.
LOCAL = Identity(name="local", role=Role.OWNER)


def lowered(role: Role, scopes: frozenset[Scope]) -> Role:
    """Return the role of a key: its owner's, at most what its widest scope covers."""
    return min(role, max((scope.role for scope in scopes), default=Role.VIEWER))
