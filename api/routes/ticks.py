"""Ticks in the database.

Reads market.ticks.
"""

from typing import Annotated

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from api import params
from api.errors import BAD_INPUT, ProblemOperation
from api.schemas import TickRow
from api.state import SharedState
from api.ticks import ticks_page

From = Annotated[
    str | None,
    QueryParameter(name="from", description="First instant, with its zone: `…T14:30:00Z`."),
]
To = Annotated[
    str | None,
    QueryParameter(name="to", description="First instant after the span, with its zone."),
]
Limit = Annotated[int, QueryParameter(ge=1, le=10_000, description="At most so many, the newest.")]


@get(
    "/api/ticks/{symbol:str}", responses=BAD_INPUT, operation_class=ProblemOperation, tags=["ticks"]
)
async def ticks(
    shared: NamedDependency[SharedState],
    symbol: FromPath[str],
    ts_from: From = None,
    ts_to: To = None,
    limit: Limit = 500,
) -> Response[list[TickRow]]:
    """Return the newest ticks of a symbol with from <= ts < to, oldest first."""
    page = await ticks_page(shared, symbol, params.span(ts_from, ts_to), limit)
    return Response(page)  # type: ignore[arg-type]
