"""Features: their catalogue, and the features of a range of bars.

Reads feat.catalogue and the families of the requested features.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from api import params
from api.errors import AWAY, BAD_INPUT, ProblemOperation
from api.routes.bars import From, Limit, To, as_of
from api.schemas import FeatureRow, FeaturesRow
from api.state import SharedState
from api.tabular import answer
from thor import database
from thor.errors import NotFound

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


async def catalogue(shared: SharedState) -> list[FeatureRow]:
    """Return every feature, by family and name."""
    rows = await database.fetch(shared.pool, "feature_catalogue", {})
    return [msgspec.convert(row, FeatureRow) for row in rows]


async def features_page(
    shared: SharedState, name: str, asked: Mapping[str, Any], limit: int
) -> bytes:
    """Return features of the newest bars of a span as a JSON array, oldest first.

    `asked` comes from `params.features`. Raises `NotFound` for an unknown symbol or feature.
    """
    (symbol,) = await shared.reference.symbols_of([name])
    known = {row.name: row for row in await catalogue(shared)}
    names = list(dict.fromkeys(asked["names"] or known))
    for requested in names:
        if requested not in known:
            raise NotFound(f"names: {requested[:40]!r} is no feature; GET /api/features lists")
    values = {
        **asked,
        "symbol": symbol,
        "names": names,
        "limit": limit,
        "as_of": (await as_of(shared, [symbol]))["as_of"],
    }
    (row,) = await database.fetch(shared.pool, "features_page", values)
    page: str = row["page"]
    return page.encode()
