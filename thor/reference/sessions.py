"""The state of a calendar's trading session at a moment.

Reads reference.sessions.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from thor import database
from thor.database import Connection
from thor.errors import NotFound
from thor.reference import instruments


def state(connection: Connection[Any], symbol: str, at: datetime) -> dict[str, Any]:
    """Return the row of `reference.session_state` for a symbol's calendar at an aware moment.

    Raises `NotFound` where the symbol is not listed, or no session is known at that moment.
    """
    listing = instruments.listing(connection)
    instrument = listing.instrument(instruments.symbol_of(connection, symbol))
    assert instrument is not None
    values = {"calendar": instrument.calendar, "as_of": at}
    found = database.row(connection, "session_state", values)
    if found is None:
        span = database.one(connection, "sessions_span", {"calendar": instrument.calendar})
        raise missing("at", at, instrument.calendar, span)
    return found


def missing(field: str, at: datetime, calendar: str, span: Mapping[str, Any]) -> NotFound:
    """Return the error of a moment that no session of a calendar is near, with the known span."""
    if span["first_at"] is None:
        return NotFound(
            f"{field}: {calendar} has no sessions yet; `thor db sessions` computes them"
        )
    return NotFound(
        f"{field}: {at.isoformat()} is outside the sessions of {calendar}, which are known from "
        f"{span['first_at']:%Y-%m-%d} to {span['last_at']:%Y-%m-%d}"
    )
