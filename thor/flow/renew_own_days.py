"""Compute the days of a root anew, whose trade date begins at another hour than before.

Stages: 10 reference, 30 ticks, 40 bars. A stock's trade date is New York's; what was stored while
it had another calendar, or by a Thor that knew no such date, is by the day of futures.
"""

from typing import Any

from thor import database
from thor.database import Connection
from thor.market.bars.imported import remake_days
from thor.reference import instruments


def renew_own_days(connection: Connection[Any], root: str) -> int:
    """Compute last values and made daily bars of the root's series; returns how many days.

    Days of which ticks were dropped stay as they are.
    """
    series = instruments.listing(connection).series
    values = {"symbols": sorted(symbol for symbol, of in series.items() if of == root)}
    with database.transaction(connection):
        days = database.rows(connection, "days_of_ticks", values)
        for day in days:
            database.execute(connection, "remove_last_values", day)
            found = database.one(connection, "last_values_of", day)["found"]
            if found is not None:
                database.rows(connection, "merge_last_values", {"values": found})
        remake_days(connection, values["symbols"])
    return len(days)
