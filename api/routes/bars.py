"""Bars: the ticks of a second, minute, hour or day, aggregated.

Reads market.bars_1s … bars_1d and the continuous series.
"""

from typing import Annotated, Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from api import params
from api.bars import bars_page
from api.errors import BAD_INPUT, ProblemOperation
from api.schemas import BarRow
from api.state import SharedState
from api.tabular import answer

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
