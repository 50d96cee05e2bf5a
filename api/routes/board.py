"""The futures board: quotes with their changes, the day so far and 52 weeks.

Reads the database.
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from api import params
from api.errors import BAD_INPUT, ProblemOperation
from api.schemas import BoardRow
from api.state import SharedState
from thor import database
from thor.stream.quote import shown_price
from thor.stream.rows import converted

# Not prices of the instrument: shown with as many decimals as they need.
_PLAIN = ("tick_size", "tick_value", "multiplier", "spread_ticks")
_CENTS = 2

AsOf = Annotated[
    str | None,
    QueryParameter(
        description="The moment to answer for, ISO 8601 with its zone; now if left out.",
    ),
]


@get("/api/board", responses=BAD_INPUT, operation_class=ProblemOperation, tags=["quotes"])
async def board(shared: NamedDependency[SharedState], as_of: AsOf = None) -> list[BoardRow]:
    """List the rows of the futures board; in SQL `select * from market.quote_metrics(now())`."""
    return await board_of(shared, params.instant("as_of", as_of))


async def board_of(shared: SharedState, as_of: datetime | None) -> list[BoardRow]:
    """Return the board as of a moment, now where none is given, in the order of lists."""
    moment = as_of or await shared.market_now()
    rows = await database.fetch(shared.pool, "board", {"as_of": moment})
    asked = {"as_of": moment, "symbols": [row["symbol"] for row in rows]}
    found = await database.fetch(shared.pool, "last_hours", asked)
    closes = {row["symbol"]: row["closes"] for row in found}
    return [_row(row, closes.get(row["symbol"], [])) for row in rows]


def _row(row: dict[str, Any], closes: list[Decimal]) -> BoardRow:
    decimals = row["display_precision"]

    def shown(name: str, value: Decimal) -> str:
        if name == "margin":
            return shown_price(value, _CENTS)
        return shown_price(value, 0 if name in _PLAIN or name.endswith("_percent") else decimals)

    shown_closes = [shown_price(close, decimals) for close in closes]
    return converted({**row, "closes": shown_closes}, BoardRow, shown)
