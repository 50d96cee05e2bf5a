"""The stream of ticks, quotes and closed bars, as server-sent events.

Reads the bus, and the database's bars, through the shared reader.
"""

from typing import Annotated, Literal

from litestar import get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, QueryParameter

from api import params
from api.errors import BAD_INPUT, ProblemOperation
from api.events import StreamEvent
from api.routes.quotes import Symbols
from api.state import SharedState
from api.streaming import EVENT_STREAM, EventStream
from thor.domain.people import Identity
from thor.stream.subscribers import Subscriber

From = Annotated[
    str | None,
    QueryParameter(
        name="from", description="Id of the last event seen: the stream continues after it."
    ),
]
LastEventId = Annotated[
    str | None,
    HeaderParameter(name="Last-Event-ID", description="As `from`; takes precedence over it."),
]
Mode = Annotated[
    Literal["ticks", "conflated"],
    QueryParameter(description="Every event, or each window the newest quote of what changed."),
]
Events = Annotated[
    str | None,
    QueryParameter(
        description="`tick`, `quote`, `bar`, all three if left out, for mode ticks; and "
        "`signal`, `total`, `extreme`, the desk's, `session`, `market`, `grade`, "
        "`prediction`, `order`, `fill`, `position`, `account` and `kill` "
        "only where asked for."
    ),
]
EVENTS = ResponseSpec(
    data_container=StreamEvent,
    media_type=EVENT_STREAM,
    generate_examples=False,
    description="Events, each with its kind, its id where it has one, and its data as JSON.",
)
Bars = Annotated[
    str | None,
    QueryParameter(
        description="Widths whose bars are sent when they close: `1m`, or `1m,5m`, of 1s, 1m, 5m, "
        "1h and 1d. None if left out."
    ),
]


@get(
    "/api/quotes/stream",
    responses={**BAD_INPUT, 200: EVENTS},
    operation_class=ProblemOperation,
    media_type=EVENT_STREAM,
    tags=["quotes"],
)
async def stream(
    shared: NamedDependency[SharedState],
    identity: NamedDependency[Identity],
    symbols: Symbols = None,
    begin: From = None,
    last_event_id: LastEventId = None,
    mode: Mode = "ticks",
    events: Events = None,
    bars: Bars = None,
) -> EventStream:
    """Stream hello, tick, quote, bar, heard, ping, gap, error, and what is asked for besides.

    `tick` is one record; `quote` the symbol's last values after it. After hello, and after a resume
    has caught up, the latest quote of each symbol is sent. `gap` says that events after `from` up
    to `to` may be missing. `heard` lists once a second the symbols that a source has looked at,
    also where nothing changed.
    `signal` and `total` of the set desk, and `extreme`, the events of the trade date, are sent once
    to a stream that asks for one of them, then when they change, at most once a second. `session`
    is sent once for each calendar of the symbols, then when its state or its trade date changes;
    `market` only when a market's state changes, `grade` when a row of a market's opening is
    captured or graded, `prediction` as a served model predicts at a closed bar. `position`
    and `account` are sent once, then as they change, `order` and `fill` as they are written.

    `bar` is a bar as /api/bars has it, with its `width`, once its source's clock has passed
    `known_at` and the database has all its ticks; a later tick does not send it again. Events come
    in the order of their ids: events published after the clock wait for the bars that it closed, 2
    s at most, usually some hundredths. After 2 s the bar is sent with `is_complete` false: some of
    its ticks were not in the database yet. A stream with events=bar delays no other event and waits
    up to 30 s. With mode=conflated bars are sent as they are read.
    """
    after, asked = params.cursor(begin, last_event_id), params.names("symbols", symbols)
    found = None if asked is None else await shared.reference.symbols_of(asked)
    event_filter = params.event_filter(found, events, mode, bars)
    return EventStream(
        shared.hub,
        Subscriber(event_filter, is_conflated=mode == "conflated", after=after),
        lambda: shared.gate.is_still(identity),
    )
