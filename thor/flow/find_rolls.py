"""Find the rolls between front months.

Stages: 10 reference → 40 bars.
"""

from datetime import datetime
from typing import Any

from thor import database
from thor.database import Connection
from thor.domain.rolls import Roll, rule_name
from thor.market.bars import rolls
from thor.reference import contracts


def find_rolls(
    connection: Connection[Any],
    root: str,
    as_of: datetime,
    *,
    days_before: int | None = None,
    splice: bool = False,
) -> list[Roll]:
    """Find a root's rolls in the trade dates that are over at `as_of`, and store them.

    By volume, or that many business days before expiry. Rolls that were found otherwise before are
    replaced, their versions kept; a second run changes nothing. `splice` takes the last price of
    one and the first of the other where no bar is common. Raises `NotFound` where root, contracts,
    sessions or bars are missing, `Rejected` for days below 0.
    """
    rule_name(days_before)
    with database.transaction(connection):
        rolls.lock(connection)
        days = contracts.business_days(connection, root)
        months = contracts.listed(connection, root)
        return rolls.find(
            connection, root, as_of, months, days, days_before=days_before, splice=splice
        )
