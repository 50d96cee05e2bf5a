"""Bars: the ticks of a second, minute, hour or day, aggregated.

Reads market.bars_1s … bars_1d and the continuous series.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from api import params
from api.errors import BAD_INPUT, ProblemOperation
from api.schemas import BarRow
from api.state import SharedState
from api.tabular import answer
from thor import clock, database
from thor.errors import NotFound, Rejected

# A source that was silent for so long does not keep a bar open.
_HEARD_WITHIN = timedelta(seconds=10)

Width = Annotated[str, QueryParameter(description="`1s`, `1m`, `5m`, `1h` or `1d`.")]
From = Annotated[
    str | None,
    QueryParameter(
        name="from",
        description="First start of a bar: an instant with its zone, `…T14:30:00Z`, or a trade "
        "date, `2026-11-20`, which begins at 17:00 in Chicago on the day before.",
    ),
]
To = Annotated[
    str | None, QueryParameter(name="to", description="First start after the span; as `from`.")
]
Limit = Annotated[int, QueryParameter(ge=1, le=10_000, description="At most so many, the newest.")]
Adjusted = Annotated[
    str,
    QueryParameter(
        description="`none`: the bars as recorded. `raw`, `difference` or `ratio`: the continuous "
        "series of a root, as it is or back-adjusted; not for 1s."
    ),
]
Rule = Annotated[
    str,
    QueryParameter(description="When a continuous series rolls: `volume`, or `expiry-5`."),
]


@get("/api/bars/{symbol:str}", responses=BAD_INPUT, operation_class=ProblemOperation, tags=["bars"])
async def bars(
    request: Request[Any, Any, Any],
    shared: NamedDependency[SharedState],
    symbol: FromPath[str],
    width: Width = "1m",
    ts_from: From = None,
    ts_to: To = None,
    limit: Limit = 500,
    adjusted: Adjusted = "none",
    rule: Rule = "volume",
) -> Response[list[BarRow]]:
    """Return the newest bars of a symbol with from <= bar_start < to, oldest first.

    A bar whose source's clock has not passed `known_at` is marked `is_open`. A late tick changes a
    closed bar, as `changed_at` and `ticks` show. With `Accept: text/csv` the rows come as CSV.
    """
    asked = params.bars(width, ts_from, ts_to, adjusted, rule)
    page = await bars_page(shared, symbol, asked, limit)
    return answer(request, page, BarRow)  # type: ignore[no-any-return]


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
