"""Return a symbol's ticks from the database.

Reads market.ticks; the database makes the JSON.
"""

from collections.abc import Mapping
from datetime import datetime

from api.state import SharedState
from thor import database
from thor.errors import NotFound


async def ticks_page(
    shared: SharedState, name: str, span: Mapping[str, datetime | None], limit: int
) -> bytes:
    """Return the newest ticks of a span as a JSON array, oldest first."""
    (symbol,) = await shared.reference.symbols_of([name])
    instrument = (await shared.reference.current()).listing.instrument(symbol)
    if instrument is None:
        raise NotFound(f"symbol: {symbol} is no longer listed")
    asked = {"symbol": symbol, "limit": limit, "decimals": instrument.display_precision, **span}
    (row,) = await database.fetch(shared.pool, "ticks_page", asked)
    page: str = row["page"]
    return page.encode()
