"""Instruments.

Reads reference data.
"""

from litestar import get
from litestar.di import NamedDependency

from api.errors import AWAY, ProblemOperation
from api.schemas import InstrumentRow, instrument_row
from api.state import SharedState


@get("/api/instruments", responses=AWAY, operation_class=ProblemOperation, tags=["reference"])
async def instruments(shared: NamedDependency[SharedState]) -> list[InstrumentRow]:
    """List the instruments in the order of lists, each with its series."""
    listing = (await shared.reference.current()).listing
    months: dict[str, tuple[str, ...]] = dict.fromkeys(listing.instruments, ())
    for symbol, root in listing.series.items():
        months[root] = (*months[root], symbol)
    return [instrument_row(one, months[root]) for root, one in listing.instruments.items()]
