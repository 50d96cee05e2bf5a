"""The trading session of a symbol at a moment.

Reads reference.sessions.
"""

from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from api import params
from api.errors import BAD_INPUT, ProblemOperation
from api.state import SharedState
from thor import clock, database
from thor.reference import sessions
from thor.stream.world import SessionState, session_state


@get("/api/session", responses=BAD_INPUT, operation_class=ProblemOperation, tags=["world"])
async def session(
    shared: NamedDependency[SharedState],
    symbol: Annotated[str, QueryParameter(description="Root, month or alias.")] = "ES",
    at: Annotated[
        str | None, QueryParameter(description="The moment, ISO 8601 with its zone; now.")
    ] = None,
) -> SessionState:
    """Return whether a symbol trades at a moment, and its session.

    In SQL `select * from reference.session_state('CME_EQUITY', now())`. OPEN within a session,
    BREAK in the daily pause, HOLIDAY on a weekday without a session, else CLOSED. A simulated
    market that never closes is noted as simulated.
    """
    moment = params.instant("at", at) or clock.now()
    (name,) = await shared.reference.symbols_of([symbol])
    listing = (await shared.reference.current()).listing
    instrument = listing.instrument(name)
    assert instrument is not None
    calendar = instrument.calendar
    rows = await database.fetch(
        shared.pool, "session_state", {"calendar": calendar, "as_of": moment}
    )
    if not rows:
        (span,) = await database.fetch(shared.pool, "sessions_span", {"calendar": calendar})
        raise sessions.missing("at", moment, calendar, span)
    return session_state(rows[0], moment)
