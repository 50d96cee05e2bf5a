"""Return the features that exist, and a symbol's features.

Reads the catalogue; the database computes the families and makes the JSON.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from api.bars import as_of
from api.schemas import FeatureRow
from api.state import SharedState
from thor import database
from thor.errors import NotFound


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
