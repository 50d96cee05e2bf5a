"""Record the changes of the world's markets' states, those of a downtime too.

Reads reference.market_days; writes studies.market_transitions.
"""

from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from thor import database
from thor.database import Connection

MarketStateName = Literal["OPEN", "PREOPEN", "PRECLOSE", "LUNCH", "CLOSED", "HOLIDAY"]

# A change that is written later than this is recovered: nobody was shown it in time.
IN_TIME = timedelta(seconds=5)
# No market keeps one state for so long; where none is recorded, the present one begins within it.
_LOOK_BACK = timedelta(days=40)


class MarketTransition(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `studies.market_transitions`."""

    market: str
    at: datetime
    from_state: MarketStateName
    to_state: MarketStateName
    is_recovered: bool


def record(connection: Connection[Any], as_of: datetime) -> list[MarketTransition]:
    """Write every change since the last one that is recorded, until `as_of`, and return them.

    Of a market without a recorded one, only the change into its present state is written. Where its
    hours were corrected since, it changes into its present state at `as_of`. A second writer or a
    restart changes nothing.
    """
    values = {"as_of": as_of, "first_at": as_of - _LOOK_BACK, "in_time": IN_TIME}
    with database.transaction(connection):
        database.one(connection, "lock_market_transitions")
        found = database.rows(connection, "record_market_transitions", values)
        found += database.rows(connection, "record_market_corrections", {"as_of": as_of})
    written = [msgspec.convert(row, MarketTransition) for row in found]
    return sorted(written, key=lambda one: (one.at, one.market))


def next_change(connection: Connection[Any], as_of: datetime) -> datetime | None:
    """Return when the next change is due within a minute, or None."""
    at: datetime | None = database.one(connection, "next_market_change", {"as_of": as_of})["at"]
    return at
