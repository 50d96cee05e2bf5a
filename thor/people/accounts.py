"""Accounts: registered, approved, logged in to, changed.

Stage 85, people. Reads and writes people.users, and what logs in to them.
"""

from typing import Any

import msgspec

from thor import clock, database
from thor.database import Connection
from thor.domain.people import (
    Identity,
    Role,
    checked_name,
    checked_zone,
    email_of,
    role_of,
)
from thor.errors import CodeNeeded, Forbidden, NotFound, Refused, Rejected, Unidentified
from thor.people import attempts, passwords, sessions, tokens, totp
from thor.people.sessions import Renewed

ZONE = "America/Chicago"
_WRONG = "email or password: one of them is wrong"


class NewAccount(msgspec.Struct, frozen=True, kw_only=True):
    """Who registers."""

    email: str
    password: str
    display_name: str = ""
    time_zone: str = ZONE


def add(
    connection: Connection[Any], given: NewAccount, role: Role, approved_by: str | None
) -> int | None:
    """Add an account; returns its number, or None where the address has one already.

    It does nothing until an ADMIN approves it, unless `approved_by` names who has. Raises
    `Rejected` naming the field.
    """
    return _insert(connection, _checked(given), role, approved_by)


def register(connection: Connection[Any], given: NewAccount, address: str) -> int | None:
    """Add an account that waits for approval; None where the address has one already.

    Raises `Refused` while there is no owner who could approve it, `Throttled`, `Rejected`.
    """
    if not has_owner(connection):
        raise Refused("No owner is set up yet, who could approve you: `thor user setup-link`")
    checked = _checked(given)
    attempts.begin(connection, "register", checked.email, address)
    return _insert(connection, checked, Role.TRADER, None)


def set_up(connection: Connection[Any], token: str, given: NewAccount, address: str) -> int:
    """Make the first owner by a link of `make_link`; returns the account's number.

    The link stays good where the account cannot be made. Raises `NotFound` for a link that is not
    good, `Refused` where there is an owner, `Throttled`, `Rejected`.
    """
    checked = _checked(given)
    attempt = attempts.begin(connection, "setup", "setup", address)
    with database.transaction(connection):
        database.execute(connection, "lock_people", {"what": "owner"})
        if has_owner(connection):
            raise Refused("An owner is set up already: log in, or register")
        used = database.row(connection, "use_setup_link", {"link_sha256": tokens.sha256(token)})
        if used is None:
            raise NotFound(
                "token: the link was used, has expired or never was; `thor user setup-link` makes "
                "another"
            )
        user_id = _insert(connection, checked, Role.OWNER, used["made_by"])
        if user_id is None:
            raise Refused(
                "email: it has an account; `thor user role EMAIL owner` makes that one the owner"
            )
        attempts.was_right(connection, attempt)
    return user_id


def make_link(connection: Connection[Any], by: str) -> str:
    """Return the token of a link that sets up the first owner, once, within a day.

    Raises `Refused` where there is an owner.
    """
    if has_owner(connection):
        raise Refused("An owner is set up already: `thor user list` names the accounts")
    token = tokens.new()
    values = {
        "link_sha256": tokens.sha256(token),
        "by": by,
        "expires_at": clock.now() + sessions.UNUSED_FOR / 7,
    }
    database.execute(connection, "add_setup_link", values)
    return token


def has_owner(connection: Connection[Any]) -> bool:
    """Return whether an owner can log in."""
    found = database.row(connection, "people_state")
    return bool(found and found["has_owner"])


def log_in(
    connection: Connection[Any],
    email: str,
    password: str,
    code: str | None,
    address: str,
    agent: str | None,
) -> Renewed:
    """Begin a session by password, and by code where the account has a second factor.

    Takes as long for an unknown account as for a wrong password. Raises `Unidentified`,
    `CodeNeeded`, `Forbidden` for an account that may not log in, `Throttled`.
    """
    attempt = attempts.begin(connection, "login", email, address)
    found = database.row(connection, "user_by_email", {"email": email.strip().lower()})
    is_right = passwords.is_right(None if found is None else found["password_hash"], password)
    if found is None or not is_right:
        raise Unidentified(_WRONG)
    if found["totp_secret"] is not None:
        if not code:
            attempts.was_right(connection, attempt)
            raise CodeNeeded("code: the account has a second factor; send its code of six digits")
        if not _takes_code(connection, found, found["totp_secret"], code):
            raise Unidentified("code: it is wrong, or was used before")
    attempts.was_right(connection, attempt)
    if not found["is_enabled"]:
        raise Forbidden("The account is disabled: ask an ADMIN")
    if not found["is_approved"]:
        raise Forbidden("The account waits for approval by an ADMIN")
    user_id = int(found["user_id"])
    if passwords.is_outdated(found["password_hash"]):
        values = {"user_id": user_id, "password_hash": passwords.hashed(password)}
        database.execute(connection, "rehash_password", values)
    database.execute(connection, "logged_in", {"user_id": user_id})
    return sessions.begin(connection, user_id, address, agent)


def change_password(
    connection: Connection[Any], me: Identity, current: str, new: str, address: str
) -> None:
    """Set another password, and end all other sessions of the account.

    Raises `Forbidden` for a wrong one, `Rejected` for a weak one, `Throttled`.
    """
    found = _proven(connection, me, "current", current, address)
    passwords.checked("new", new, found["email"], found["display_name"])
    set_password(connection, found["user_id"], new, but=me.session)


def set_password(
    connection: Connection[Any], user_id: int, password: str, *, but: str | None = None
) -> None:
    """Set a checked password, and end all sessions of the account but one."""
    values = {"user_id": user_id, "password_hash": passwords.hashed(password)}
    with database.transaction(connection):
        database.execute(connection, "set_password", values)
        sessions.end(connection, user_id, "the password changed", but=but)


def offer_totp(
    connection: Connection[Any], me: Identity, password: str, address: str
) -> tuple[str, str]:
    """Return the secret of a second factor and its otpauth:// address; a code makes it count."""
    found = _proven(connection, me, "password", password, address)
    secret = totp.new_secret()
    values = {"user_id": found["user_id"], "secret": found["totp_secret"], "pending": secret}
    database.execute(connection, "set_totp", values)
    return secret, totp.uri(secret, found["email"])


def confirm_totp(connection: Connection[Any], me: Identity, code: str) -> None:
    """Let the second factor count that was offered last; raises `Rejected` for a wrong code."""
    found = of(connection, me)
    pending = found["totp_pending"]
    if pending is None:
        raise Refused("No second factor was offered: POST /api/me/totp offers one")
    step = totp.step_of(pending, code, clock.now())
    if step is None:
        raise Rejected(
            "code: it is not of this secret; look whether the telephone's clock is right"
        )
    values = {"user_id": found["user_id"], "secret": pending, "pending": None}
    with database.transaction(connection):
        database.execute(connection, "set_totp", values)
        database.execute(connection, "use_totp_step", {"user_id": found["user_id"], "step": step})


def drop_totp(connection: Connection[Any], me: Identity, password: str, address: str) -> None:
    """Take the second factor away; raises `Forbidden` for a wrong password, `Throttled`."""
    found = _proven(connection, me, "password", password, address)
    clear_totp(connection, found["user_id"])


def clear_totp(connection: Connection[Any], user_id: int) -> None:
    """Take the second factor of an account away."""
    values = {"user_id": user_id, "secret": None, "pending": None}
    database.execute(connection, "set_totp", values)


def change(
    connection: Connection[Any],
    user_id: int,
    by: Identity,
    *,
    role: str | None = None,
    is_approved: bool | None = None,
    is_enabled: bool | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Change what an account may do; returns its row before and after.

    Counts at once, for open sessions too. Raises `NotFound`, `Rejected`, `Forbidden` where an
    ADMIN touches an OWNER, `Refused` where no owner would be left.
    """
    wanted = None if role is None else role_of(role)
    with database.transaction(connection):
        database.execute(connection, "lock_people", {"what": "owner"})
        before = listed(connection, user_id)[0]
        old = Role[before["role"]]
        is_owners = Role.OWNER in (old, wanted)
        if is_owners and not by.may(Role.OWNER):
            raise Forbidden("Only an OWNER may change an owner, or make one")
        is_owner = old is Role.OWNER and before["is_approved"] and before["is_enabled"]
        stays = (wanted or old) is Role.OWNER and is_approved is not False
        if is_owner and not (stays and is_enabled is not False):
            others = database.one(connection, "other_owners", {"user_id": user_id})
            if others["owners"] == 0:
                raise Refused(
                    f"{before['email']} is the last owner: make another one first, so that "
                    "somebody may approve and help"
                )
        values = {
            "user_id": user_id,
            "role": wanted and wanted.name,
            "is_approved": is_approved,
            "is_enabled": is_enabled,
            "by": by.name,
        }
        database.execute(connection, "change_user", values)
        if is_approved is False or is_enabled is False:
            sessions.end(connection, user_id, "the account was disabled")
        return before, listed(connection, user_id)[0]


def change_me(
    connection: Connection[Any], me: Identity, display_name: str | None, time_zone: str | None
) -> None:
    """Change an account's own name and zone; raises `Rejected` naming the field."""
    values = {
        "user_id": of(connection, me)["user_id"],
        "display_name": (
            None if display_name is None else checked_name("display_name", display_name)
        ),
        "time_zone": None if time_zone is None else checked_zone(time_zone),
    }
    database.execute(connection, "change_me", values)


def listed(connection: Connection[Any], user_id: int | None = None) -> list[dict[str, Any]]:
    """Return the accounts without their secrets, or one; raises `NotFound`."""
    found = database.rows(connection, "users", {"user_id": user_id, "as_of": clock.now()})
    if user_id is not None and not found:
        raise NotFound(f"user_id: there is no account {user_id}; GET /api/users lists them")
    return found


def by_email(connection: Connection[Any], email: str) -> dict[str, Any]:
    """Return the row of an account by its address, with its secrets; raises `NotFound`."""
    found = database.row(connection, "user_by_email", {"email": email_of(email)})
    if found is None:
        raise NotFound(f"email: {email_of(email)} has no account; `thor user list` lists them")
    return found


def of(connection: Connection[Any], me: Identity) -> dict[str, Any]:
    """Return the row of who asks, with its secrets; raises `Refused` where nobody logs in."""
    if me.user_id is None:
        raise Refused(
            "Nobody logs in here, so there is no account to change: `thor user setup-link` begins"
        )
    found = database.row(connection, "user_by_id", {"user_id": me.user_id})
    if found is None:
        raise Unidentified("The account is gone: log in")
    return found


def _checked(given: NewAccount) -> NewAccount:
    """Return a new account as it is kept; raises `Rejected` naming the field."""
    email = email_of(given.email)
    name = checked_name("display_name", given.display_name)
    return NewAccount(
        email=email,
        password=passwords.checked("password", given.password, email, name),
        display_name=name,
        time_zone=checked_zone(given.time_zone),
    )


def _insert(
    connection: Connection[Any], given: NewAccount, role: Role, approved_by: str | None
) -> int | None:
    values = {
        "email": given.email,
        "display_name": given.display_name,
        "time_zone": given.time_zone,
        "password_hash": passwords.hashed(given.password),
        "role": role.name,
        "approved_by": approved_by,
    }
    found = database.row(connection, "add_user", values)
    return None if found is None else int(found["user_id"])


def _takes_code(connection: Connection[Any], found: dict[str, Any], secret: str, code: str) -> bool:
    step = totp.step_of(secret, code, clock.now())
    values = {"user_id": found["user_id"], "step": step}
    return step is not None and database.row(connection, "use_totp_step", values) is not None


def _proven(
    connection: Connection[Any], me: Identity, field: str, password: str, address: str
) -> dict[str, Any]:
    """Return the row of who asks once the password was right."""
    found = of(connection, me)
    attempt = attempts.begin(connection, "password", found["email"], address)
    if not passwords.is_right(found["password_hash"], password):
        raise Forbidden(f"{field}: the password is wrong")
    attempts.was_right(connection, attempt)
    return found
