"""Features: their catalogue, and the features of a range of bars.

Reads feat.catalogue and the families of the requested features.
"""

from typing import Annotated, Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from api import params
from api.errors import AWAY, BAD_INPUT, ProblemOperation
from api.features import catalogue, features_page
from api.routes.bars import From, Limit, To
from api.schemas import FeatureRow, FeaturesRow
from api.state import SharedState
from api.tabular import answer

Width = Annotated[str, QueryParameter(description="`1m`, `5m` or `1h`.")]
Names = Annotated[
    str | None,
    QueryParameter(description="Features by name, `rsi_14,ema_20`; all of them if not given."),
]


@get("/api/features", responses=AWAY, operation_class=ProblemOperation, tags=["features"])
async def features(shared: NamedDependency[SharedState]) -> list[FeatureRow]:
    """List the features by family, each with its definition, its unit and its look-back."""
    return await catalogue(shared)


@get(
    "/api/features/{symbol:str}",
    responses=BAD_INPUT,
    operation_class=ProblemOperation,
    tags=["features"],
)
async def features_of(
    request: Request[Any, Any, Any],
    shared: NamedDependency[SharedState],
    symbol: FromPath[str],
    width: Width = "1m",
    ts_from: From = None,
    ts_to: To = None,
    names: Names = None,
    limit: Limit = 500,
) -> Response[list[FeaturesRow]]:
    """Return features of the newest bars with a trade and from <= bar_start < to, oldest first.

    A decision may use a row from `known_at` on. Few names cost less than all. With
    `Accept: text/csv` the rows come as CSV, a feature a column.
    """
    asked = params.features(width, ts_from, ts_to, names)
    page = await features_page(shared, symbol, asked, limit)
    return answer(request, page, FeaturesRow)  # type: ignore[no-any-return]
