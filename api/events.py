"""The schemas of the events of /api/quotes/stream for the OpenAPI document.

`thor/stream/events.py` encodes the events; a test compares the two.
"""

from typing import Any, Literal

import msgspec

from api.schemas import BarRow
from thor.domain.nature import Nature
from thor.stream.desk import DeskExtreme, DeskSignal, DeskTotal
from thor.stream.predictions import LivePrediction
from thor.stream.quote import Instant, Price, Quote
from thor.stream.trades import KillSwitch, TradeAccount, TradeFill, TradeOrder, TradePosition
from thor.stream.world import MarketTransition, OpenGrade, SessionState

Width = Literal["1s", "1m", "5m", "1h", "1d"]


class StreamTick(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One record of a feed as received; fields that the record lacks are omitted.

    Identity is (ts, symbol, seq, source); `received_at` is the source's own clock.
    """

    symbol: str
    ts: Instant
    seq: int
    source: str
    received_at: Instant
    contract: str | None = None
    last: Price | None = None
    bid: Price | None = None
    ask: Price | None = None
    last_size: int | None = None
    bid_size: int | None = None
    ask_size: int | None = None
    side: Literal["B", "S"] | None = None
    volume: int | None = None
    volume_delta: int | None = None
    is_trade: bool = False
    is_sampled: bool = False


class ClosedBar(BarRow, frozen=True, kw_only=True):
    """A bar that its source's clock has closed.

    `is_complete` false means that some of its ticks were not in the database yet.
    """

    width: Width
    is_complete: bool


class Hello(msgspec.Struct, kw_only=True):
    """The first event of a stream: the request, and the stream's position.

    `position` is the id of the newest entry, null before the first; `from` the id after which a
    resumed stream continues. A quote that was heard less than `stale_ms` ago is FRESH, more than
    `dead_ms` ago DEAD; null while the database is away.
    """

    ts: Instant
    nature: Nature | None
    symbols: list[str] | None
    bars: list[Width]
    mode: Literal["ticks", "conflated"]
    position: str | None
    from_: str | None = msgspec.field(name="from")
    conflate_ms: int
    ping_s: float
    stale_ms: int | None
    dead_ms: int | None


class Ping(msgspec.Struct, kw_only=True):
    """A heartbeat: everything before the end of the entry `position` was sent."""

    ts: Instant
    position: str | None


class Heard(msgspec.Struct, kw_only=True):
    """A source has looked at symbols, with or without a tick: their quotes are fresh."""

    source: str
    ts: Instant
    symbols: list[str]


class Gap(msgspec.Struct, kw_only=True):
    """Events after one id, up to and with another, may be missing."""

    from_: str = msgspec.field(name="from")
    to: str


class Fault(msgspec.Struct, kw_only=True):
    """The bus is away: quotes on display may be old until new ones arrive."""

    status: int
    title: str
    detail: str
    ts: Instant


class HelloEvent(msgspec.Struct, kw_only=True, tag_field="event", tag="hello"):
    """The first event of a stream."""

    id: str | None
    data: Hello


class TickEvent(msgspec.Struct, kw_only=True, tag_field="event", tag="tick"):
    """One record of a feed."""

    id: str
    data: StreamTick


class QuoteEvent(msgspec.Struct, kw_only=True, tag_field="event", tag="quote"):
    """The last values of a symbol."""

    id: str
    data: Quote


class BarEvent(msgspec.Struct, kw_only=True, tag_field="event", tag="bar"):
    """A bar that has closed."""

    id: str
    data: ClosedBar


class PingEvent(msgspec.Struct, kw_only=True, tag_field="event", tag="ping"):
    """A heartbeat."""

    id: str | None
    data: Ping


class HeardEvent(msgspec.Struct, kw_only=True, tag_field="event", tag="heard"):
    """A sign of life of a source; has no id."""

    data: Heard


class GapEvent(msgspec.Struct, kw_only=True, tag_field="event", tag="gap"):
    """Events may be missing."""

    id: str
    data: Gap


class SignalEvent(msgspec.Struct, kw_only=True, tag_field="event", tag="signal"):
    """The desk's signal of a symbol that has changed; has no id."""

    data: DeskSignal


class TotalEvent(msgspec.Struct, kw_only=True, tag_field="event", tag="total"):
    """The desk's TOTAL that has changed; has no id."""

    data: DeskTotal


class ExtremeEvent(msgspec.Struct, kw_only=True, tag_field="event", tag="extreme"):
    """A new high or low of 52 weeks or of all known time; has no id."""

    data: DeskExtreme


class SessionEvent(msgspec.Struct, kw_only=True, tag_field="event", tag="session"):
    """The session of a calendar whose state has changed; has no id."""

    data: SessionState


class MarketEvent(msgspec.Struct, kw_only=True, tag_field="event", tag="market"):
    """A change of the state of one of the world's markets; has no id."""

    data: MarketTransition


class GradeEvent(msgspec.Struct, kw_only=True, tag_field="event", tag="grade"):
    """A row of a market's opening that was captured or graded; has no id."""

    data: OpenGrade


class PredictionEvent(msgspec.Struct, kw_only=True, tag_field="event", tag="prediction"):
    """What a served model predicted as a bar closed; has no id."""

    data: LivePrediction


class OrderEvent(msgspec.Struct, kw_only=True, tag_field="event", tag="order"):
    """An order as it stands after a change; has no id."""

    data: TradeOrder


class FillEvent(msgspec.Struct, kw_only=True, tag_field="event", tag="fill"):
    """A trade of an order; has no id."""

    data: TradeFill


class PositionEvent(msgspec.Struct, kw_only=True, tag_field="event", tag="position"):
    """What is held, as its mark or its contracts change; has no id."""

    data: TradePosition


class AccountEvent(msgspec.Struct, kw_only=True, tag_field="event", tag="account"):
    """An account, as its cash or value changes; has no id."""

    data: TradeAccount


class KillEvent(msgspec.Struct, kw_only=True, tag_field="event", tag="kill"):
    """The kill switch, once at the start and as it latches, is flat and is reset; has no id."""

    data: KillSwitch


class ErrorEvent(msgspec.Struct, kw_only=True, tag_field="event", tag="error"):
    """The bus is away; has no id."""

    data: Fault


StreamEvent: Any = (
    HelloEvent
    | TickEvent
    | QuoteEvent
    | BarEvent
    | PingEvent
    | HeardEvent
    | GapEvent
    | SignalEvent
    | TotalEvent
    | ExtremeEvent
    | SessionEvent
    | MarketEvent
    | GradeEvent
    | PredictionEvent
    | OrderEvent
    | FillEvent
    | PositionEvent
    | AccountEvent
    | KillEvent
    | ErrorEvent
)
