"""Return a symbol's bars.

Reads the bars and their sources' clocks; the database makes the JSON.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from api.state import SharedState
from thor import clock, database
from thor.errors import NotFound, Rejected

# A source that was silent for so long does not keep a bar open.
_HEARD_WITHIN = timedelta(seconds=10)


async def bars_page(shared: SharedState, name: str, asked: Mapping[str, Any], limit: int) -> bytes:
    """Return the newest bars of a span as a JSON array, oldest first.

    `asked` comes from `params.bars`. Raises `Rejected` for a continuous series of a month,
    `NotFound` where its rule has no rolls.
    """
    (symbol,) = await shared.reference.symbols_of([name])
    listing = (await shared.reference.current()).listing
    instrument = listing.instrument(symbol)
    if instrument is None:
        raise NotFound(f"symbol: {symbol} is no longer listed")
    is_adjusted = asked["adjusted"] != "none"
    if is_adjusted and symbol != instrument.symbol:
        raise Rejected(
            f"adjusted: {symbol} is a month; series of months are of roots, ask for "
            f"{instrument.symbol}"
        )
    months = [month for month, root in listing.series.items() if root == symbol]
    values = {
        **asked,
        "symbol": symbol,
        "limit": limit,
        "decimals": instrument.display_precision,
        **await as_of(shared, [symbol, *months] if is_adjusted else [symbol]),
    }
    (row,) = await database.fetch(
        shared.pool, "continuous_page" if is_adjusted else "bars_page", values
    )
    if not row.get("is_known", True):
        raise NotFound(
            f"rule: {symbol} has no rolls by {asked['rule']}; `thor rolls find {symbol}` looks "
            "for them"
        )
    page: str = row["page"]
    return page.encode()


async def as_of(shared: SharedState, symbols: list[str]) -> dict[str, datetime]:
    """Return the market clock of some symbols, and since when sources have been heard."""
    now = clock.now()
    heard = {"now": now, "heard_after": now - _HEARD_WITHIN, "symbols": symbols}
    (row,) = await database.fetch(shared.pool, "bars_as_of", heard)
    return {"as_of": row["as_of"], "heard_after": now - _HEARD_WITHIN}
