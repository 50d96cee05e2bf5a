"""Sessions: begun by a login, renewed by tokens that are used once, ended for all of them at once.

Stage 85, people. Reads and writes people.sessions and people.refresh_tokens.
"""

from datetime import timedelta
from typing import Any

import msgspec

from thor import clock, database
from thor.database import Connection
from thor.errors import Unidentified
from thor.people import tokens

UNUSED_FOR = timedelta(days=7)
LASTS_FOR = timedelta(days=30)
# Two pages of one browser renew at the same moment: the second is no thief.
TOGETHER = timedelta(seconds=10)


class Renewed(msgspec.Struct, frozen=True):
    """A session that was renewed; `refresh` is null where another page has the new token."""

    user_id: int
    session_id: str
    refresh: str | None


def begin(
    connection: Connection[Any], user_id: int, address: str | None, agent: str | None
) -> Renewed:
    """Begin a session of an account, always a new one."""
    refresh = tokens.new()
    values = {
        "user_id": user_id,
        "expires_at": clock.now() + UNUSED_FOR,
        "address": address,
        "agent": agent,
    }
    with database.transaction(connection):
        database.execute(connection, "forget_sessions")
        session_id = str(database.one(connection, "begin_session", values)["session_id"])
        given = {"token_sha256": tokens.sha256(refresh), "session_id": session_id}
        database.execute(connection, "add_refresh_token", given)
    return Renewed(user_id, session_id, refresh)


def renew(connection: Connection[Any], refresh: str) -> Renewed:
    """Use a token and give the next one.

    A token that was used before ends its session. Raises `Unidentified`.
    """
    token_sha256, made = tokens.sha256(refresh), tokens.new()
    with database.transaction(connection):
        found = database.row(connection, "refresh_token", {"token_sha256": token_sha256})
        if found is None:
            raise Unidentified("The session is not known: log in")
        as_of = found["as_of"]
        if found["ended_at"] is not None or found["expires_at"] <= as_of:
            raise Unidentified("The session has ended: log in")
        if not found["is_welcome"]:
            raise Unidentified("The account is not approved, or is disabled: ask an ADMIN")
        is_used = found["used_at"] is not None
        is_together = (
            is_used and as_of - found["used_at"] <= TOGETHER and not found["is_replacement_used"]
        )
        if is_together:
            return Renewed(found["user_id"], found["session_id"], None)
        if not is_used:
            given = {"token_sha256": tokens.sha256(made), "session_id": found["session_id"]}
            used = {"token_sha256": token_sha256, "replaced_by": given["token_sha256"]}
            database.execute(connection, "use_refresh_token", used)
            database.execute(connection, "add_refresh_token", given)
            until = min(as_of + UNUSED_FOR, found["created_at"] + LASTS_FOR)
            values = {"session_id": found["session_id"], "expires_at": until}
            database.execute(connection, "renew_session", values)
            return Renewed(found["user_id"], found["session_id"], made)
        end(connection, found["user_id"], "a token was used twice", session_id=found["session_id"])
    raise Unidentified("The session's token was used twice, so the session has ended: log in")


def end(
    connection: Connection[Any],
    user_id: int,
    reason: str,
    *,
    session_id: str | None = None,
    but: str | None = None,
) -> list[str]:
    """End one session of an account, all, or all but one; returns those that were open."""
    values = {"user_id": user_id, "reason": reason, "session_id": session_id, "but": but}
    found = database.rows(connection, "end_sessions", values)
    return [row["session_id"] for row in found]
