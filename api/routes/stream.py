"""The stream of ticks and quotes, as server-sent events.

Door. Reads the bus through the shared reader.
"""

from typing import Annotated, Literal

from litestar import get
from litestar.di import NamedDependency
from litestar.params import HeaderParameter, QueryParameter

from api import params
from api.errors import BAD_INPUT, ProblemOperation
from api.routes.quotes import Symbols
from api.streaming import EVENT_STREAM, EventStream
from api.wiring import Wiring
from thor.flow.screen_audience import Viewer

From = Annotated[
    str | None,
    QueryParameter(name="from", description="Id of the last event seen: goes on after it."),
]
LastEventId = Annotated[
    str | None, HeaderParameter(name="Last-Event-ID", description="As `from`; comes before it.")
]
Mode = Annotated[
    Literal["ticks", "conflated"],
    QueryParameter(description="Every event, or each window the newest quote of what changed."),
]
Events = Annotated[
    str | None, QueryParameter(description="`tick`, `quote`, or both if left out; for mode ticks.")
]


@get(
    "/api/quotes/stream",
    responses=BAD_INPUT,
    operation_class=ProblemOperation,
    media_type=EVENT_STREAM,
    tags=["quotes"],
)
async def stream(
    wiring: NamedDependency[Wiring],
    symbols: Symbols = None,
    begin: From = None,
    last_event_id: LastEventId = None,
    mode: Mode = "ticks",
    events: Events = None,
) -> EventStream:
    """Stream hello, tick, quote, ping, gap and error events until either side ends it.

    `tick` is what one record said; `quote` the merged latest after it. After
    hello, and after a resume has caught up, the latest quote of each symbol is
    sent. `gap` says that ticks after `from` up to `to` may be missing.
    """
    after, asked = params.place(begin, last_event_id), params.names("symbols", symbols)
    found = None if asked is None else await wiring.reference.symbols_of(asked)
    wish = params.wish(found, events, mode)
    return EventStream(wiring.screen, Viewer(wish, is_conflated=mode == "conflated", after=after))
