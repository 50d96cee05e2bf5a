"""Return a symbol's ticks from the database.

Reads market.ticks; the database makes the JSON.
"""

from collections.abc import Mapping
from typing import Any

from api.state import SharedState
from thor import database
from thor.errors import NotFound


async def ticks_page(
    shared: SharedState, name: str, asked: Mapping[str, Any], limit: int
) -> tuple[bytes, str | None]:
    """Return the newest ticks of a span as a JSON array, oldest first, and their cursor.

    `asked` is what `params.ticks` read. The cursor is the first tick's, before which the page
    before goes on; None for an empty page.
    """
    (symbol,) = await shared.reference.symbols_of([name])
    instrument = (await shared.reference.current()).listing.instrument(symbol)
    if instrument is None:
        raise NotFound(f"symbol: {symbol} is no longer listed")
    values = {"symbol": symbol, "limit": limit, "decimals": instrument.display_precision, **asked}
    (row,) = await database.fetch(shared.pool, "ticks_page", values)
    page: str = row["page"]
    return page.encode(), row["cursor"]
