"""Ticks in the database.

Reads market.ticks.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from litestar import Request, Response, get
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from api import params
from api.errors import BAD_INPUT, ProblemOperation
from api.schemas import TickRow
from api.state import SharedState
from api.tabular import answer
from thor import database
from thor.errors import NotFound

From = Annotated[
    str | None,
    QueryParameter(name="from", description="First instant, with its zone: `…T14:30:00Z`."),
]
To = Annotated[
    str | None,
    QueryParameter(name="to", description="First instant after the span, with its zone."),
]
Before = Annotated[
    str | None,
    QueryParameter(
        description="Go on before this tick: the `Thor-Cursor` of the page after, which is "
        "`ts,seq,source` of its first tick. No tick of an instant is lost or comes twice."
    ),
]
Limit = Annotated[int, QueryParameter(ge=1, le=10_000, description="At most so many, the newest.")]


@get(
    "/api/ticks/{symbol:str}",
    responses=BAD_INPUT,
    operation_class=ProblemOperation,
    response_headers=[
        ResponseHeader(
            name="Thor-Cursor",
            description="`ts,seq,source` of the page's first tick, which `before` takes; absent "
            "where the page is empty.",
            documentation_only=True,
        )
    ],
    tags=["ticks"],
)
async def ticks(
    request: Request[Any, Any, Any],
    shared: NamedDependency[SharedState],
    symbol: FromPath[str],
    ts_from: From = None,
    ts_to: To = None,
    limit: Limit = 500,
    before: Before = None,
) -> Response[list[TickRow]]:
    """Return the newest ticks of a symbol with from <= ts < to, oldest first.

    Pages of older ticks go on at the cursor of the page that was read last. With
    `Accept: text/csv` the rows come as CSV.
    """
    asked = params.ticks(ts_from, ts_to, before)
    page, cursor = await ticks_page(shared, symbol, asked, limit)
    headers = {} if cursor is None else {"Thor-Cursor": cursor}
    return answer(request, page, TickRow, headers)  # type: ignore[no-any-return]


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
