"""Read and change the world's markets, and compute the days on which they are open.

Reads and writes reference.markets, market_overrides and market_days; gives the pure types of
`thor.domain.markets`.
"""

from datetime import date
from typing import Any

import msgspec

from thor import database
from thor.database import Connection
from thor.domain import calendar
from thor.domain.markets import Market, MarketDay, MarketOverride, market_days

YEARS_BACK = 4
YEARS_AHEAD = 2
_REACH_DAYS = 365
_DAY_FIELDS = tuple(name for name in MarketDay.__struct_fields__ if name != "market")


def markets(connection: Connection[Any]) -> dict[str, Market]:
    """Return every market by name, from east to west."""
    found = database.rows(connection, "markets")
    return {row["market"]: msgspec.convert(row, Market) for row in found}


def renew_days(
    connection: Connection[Any],
    today: date,
    *,
    force: bool = False,
    years_back: int = YEARS_BACK,
    years_ahead: int = YEARS_AHEAD,
) -> int:
    """Compute the days of every market from some years back to some ahead; returns how many.

    Does nothing where they reach a year ahead already, unless forced. Overrides are applied; days
    before a market's `hours_since` keep the hours that they had.
    """
    ends = database.rows(connection, "market_days_end")
    is_current = all(
        row["last_day"] is not None and (row["last_day"] - today).days > _REACH_DAYS for row in ends
    )
    if is_current and not force:
        return 0
    span = date(today.year - years_back, 1, 1), date(today.year + years_ahead, 12, 31)
    with database.transaction(connection):
        known = markets(connection).values()
        overrides = _overrides(connection)
        return sum(_keep(connection, one, overrides, *span) for one in known)


def _overrides(connection: Connection[Any]) -> list[MarketOverride]:
    found = database.rows(connection, "market_overrides")
    return [msgspec.convert(row, MarketOverride) for row in found]


def _keep(
    connection: Connection[Any],
    market: Market,
    overrides: list[MarketOverride],
    first: date,
    last: date,
) -> int:
    library = calendar.library_days(market.calendar, first, last)
    days = market_days(market, library, first, last, overrides)
    columns = {name: [getattr(day, name) for day in days] for name in _DAY_FIELDS}
    span = {"first": first, "last": last, "hours_since": market.hours_since}
    database.execute(connection, "keep_market_days", {"market": market.market, **span, **columns})
    return len(days)
