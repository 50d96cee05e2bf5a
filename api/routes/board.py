"""The futures board: quotes with their changes, the day so far and 52 weeks.

Reads the database.
"""

from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from api import params
from api.board import board_of
from api.errors import BAD_INPUT, ProblemOperation
from api.schemas import BoardRow
from api.state import SharedState

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
