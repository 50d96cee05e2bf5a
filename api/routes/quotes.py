"""Quotes: the last values of each symbol, with their age and source.

Reads the bus's latest hashes.
"""

from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from api import params
from api.errors import BAD_INPUT, ProblemOperation
from api.quotes import quote_named, quotes_of
from api.state import SharedState
from thor.stream.quote import Quote

Symbols = Annotated[
    str | None,
    QueryParameter(
        description="Roots, month codes or aliases, in any case: `ES,NQ,$DXY`. All if left out."
    ),
]


@get("/api/quotes", responses=BAD_INPUT, operation_class=ProblemOperation, tags=["quotes"])
async def quotes(shared: NamedDependency[SharedState], symbols: Symbols = None) -> list[Quote]:
    """List the quotes of the given symbols; a symbol without a quote is omitted."""
    return await quotes_of(shared, params.names("symbols", symbols))


@get(
    "/api/quotes/{symbol:str}",
    responses=BAD_INPUT,
    operation_class=ProblemOperation,
    tags=["quotes"],
)
async def quote(shared: NamedDependency[SharedState], symbol: FromPath[str]) -> Quote:
    """Return the quote of one symbol."""
    return await quote_named(shared, symbol)
