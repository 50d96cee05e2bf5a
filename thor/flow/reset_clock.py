"""Take back what a source said while its clock ran ahead.

Stages: 25 bus, 30 ticks. Its clock, its quotes and its claims begin anew; ticks stay as they are.
"""

from typing import Any

import msgspec

from thor import database
from thor.database import Connection
from thor.errors import NotFound
from thor.market.bus.client import Bus
from thor.reference import instruments


class Reset(msgspec.Struct, frozen=True):
    """What was taken back: whether the database's clock was, quotes, and ticks still ahead."""

    source: str
    was_ahead: bool
    quotes: int
    ticks_ahead: int


def reset_clock(connection: Connection[Any], bus: Bus, source: str) -> Reset:
    """Set a source's clocks back to the servers' own where they are ahead of them.

    Raises `NotFound` for a source that reference.sources does not list.
    """
    listing = instruments.listing(connection)
    if not listing.knows_source(source):
        raise NotFound(f"source: {source} is not in reference.sources")
    symbols = [*listing.instruments, *sorted(listing.series)]
    quotes = bus.reset_clock(source, symbols)
    (found,) = database.rows(connection, "reset_clock", {"source": source})
    return Reset(source, found["was_ahead"], quotes, found["ticks_ahead"])
