"""Quotes: the last values of each symbol, with their age and source.

Reads the bus's latest hashes.
"""

from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from api import params
from api.errors import BAD_INPUT, ProblemOperation
from api.state import SharedState
from thor.errors import NotFound
from thor.stream.quote import Quote, quote_of

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


async def quotes_of(shared: SharedState, names: list[str] | None) -> list[Quote]:
    """Return quotes of the given names, or of all listed symbols; without a quote omitted."""
    catalogue = await shared.reference.current()
    if names is None:
        listing = catalogue.listing
        symbols = list(dict.fromkeys([*listing.instruments, *sorted(listing.series)]))
    else:
        symbols = await shared.reference.symbols_of(names)
        catalogue = await shared.reference.current()
    found = await shared.listener.latest(symbols)
    sources = {fields["source"] for fields in found.values() if "source" in fields}
    heard = await shared.listener.heard(sources)
    now = await shared.market_now()
    quotes = (quote_of(symbol, fields, catalogue, now, heard) for symbol, fields in found.items())
    return [quote for quote in quotes if quote is not None]


async def quote_named(shared: SharedState, name: str) -> Quote:
    """Return one symbol's quote; raises `NotFound` where it has none yet."""
    for quote in await quotes_of(shared, [name]):
        return quote
    raise NotFound(f"symbol: {name} is listed, but it has no quote yet")
