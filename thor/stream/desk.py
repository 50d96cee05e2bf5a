"""Watch the desk's signals, the TOTAL and extremes; give what changes to those who asked for it.

Stages: 45 studies → API. One reader a process asks once a second, while anybody wants it.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from thor import database
from thor.errors import ThorError
from thor.stream.events import event
from thor.stream.quote import Instant, State
from thor.stream.rows import converted
from thor.stream.subscribers import Subscriber, Subscribers

Signal = Literal["STRONG_BUY", "BUY", "HOLD", "SELL", "STRONG_SELL"]
ExtremeKind = Literal["HIGH_52W", "LOW_52W", "ALL_TIME_HIGH", "ALL_TIME_LOW"]
Number = Annotated[str, msgspec.Meta(description="Exact decimal.", examples=["-3051.026544"])]
EVERY_S = 1.0
# The set whose signals the pages show.
SET = "desk"


class DeskSignal(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `studies.signals_at(as_of, set)`; without a signal, `reason` says why."""

    symbol: str
    ts: Instant | None
    state: State | None
    last: Number | None
    basis: Number | None
    basis_kind: str | None
    basis_source: str | None
    basis_date: str | None
    change: Number | None
    signal: Signal | None
    stat_value: Number | None
    contract_weight: Number | None
    is_inverted: bool
    signal_weight: Number | None
    score: Number | None
    reason: str | None


class DeskTotal(msgspec.Struct, frozen=True, kw_only=True):
    """The row of `studies.total_at(as_of, set)`; `missing` are the symbols without a signal."""

    as_of: Instant | None
    count: int
    missing: list[str]
    sum_weighted: Number | None
    denominator: Number | None
    avg_weighted: Number | None
    signal_weight_sum: Number | None
    composite_signal: Signal | None
    composite_signal_weight: int | None
    score: Number | None


class DeskExtreme(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `studies.extreme_events`: a trade date's first price beyond all dates before.

    `previous` is the extreme of the trade dates before, from `since` on, last reached on
    `previous_on`.
    """

    symbol: str
    trade_date: str
    kind: ExtremeKind
    price: Number
    previous: Number
    previous_on: str
    at: Instant
    source: str
    since: str


# What makes a signal another one: its price moves with every tick, and is the quote's to say.
_SIGNAL = ("signal", "stat_value", "contract_weight", "signal_weight", "is_inverted", "reason")


class DeskWatch:
    """The signals, the TOTAL and the extremes of one process, as they were last sent."""

    def __init__(
        self, pool: Any, subscribers: Subscribers, market_now: Callable[[], datetime]
    ) -> None:
        """Take the database, the subscribers, and the moment that quotes are aged by, UTC."""
        self._pool, self._subscribers = pool, subscribers
        self._market_now = market_now
        self._sent: dict[str, Any] = {}
        self._frames: dict[str, bytes] = {}
        self._informed: set[Subscriber] = set()

    async def run(self) -> None:
        """Look once a second, until cancelled; a database that is away is waited for."""
        while True:
            wanting = {one for one in self._subscribers.members if one.event_filter.desk}
            self._informed &= wanting
            if wanting:
                await self._look(wanting)
            await asyncio.sleep(EVERY_S)

    async def _look(self, wanting: set[Subscriber]) -> None:
        values = {"as_of": self._market_now(), "set": SET}
        try:
            rows = await database.fetch(self._pool, "desk_signals", values)
            (total,) = await database.fetch(self._pool, "desk_total", values)
            events = await database.fetch(self._pool, "extreme_events_now")
        except ThorError:
            return
        found: dict[str, tuple[Any, Any]] = {}
        for row in rows:
            signal = converted(row, DeskSignal)
            key = tuple(getattr(signal, field) for field in _SIGNAL)
            found[f"signal {signal.symbol}"] = (key, signal)
        figures = converted(total, DeskTotal)
        found["total"] = (figures, figures)
        for row in events:
            extreme = converted(row, DeskExtreme)
            found[f"extreme {extreme.symbol} {extreme.kind}"] = (extreme, extreme)
        changed = {
            name: event(name.partition(" ")[0], data)
            for name, (key, data) in found.items()
            if self._sent.get(name) != key
        }
        self._sent = {name: key for name, (key, _) in found.items()}
        # Those who come later get none that has gone with its trade date.
        self._frames = {name: (self._frames | changed)[name] for name in found}
        for subscriber in wanting:
            self._tell(subscriber, changed if subscriber in self._informed else self._frames)
        self._informed |= wanting

    @staticmethod
    def _tell(subscriber: Subscriber, frames: dict[str, bytes]) -> None:
        symbols = subscriber.event_filter.symbols
        for name, frame in frames.items():
            _, symbol, *_ = (*name.split(" "), "")
            if not symbol or symbols is None or symbol in symbols:
                subscriber.notices[name] = frame
        subscriber.wake()
