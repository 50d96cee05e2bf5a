"""Publish a feed's ticks to the bus, each checked once.

Stages: 20 collect → 25 bus. Marks ticks that must not be loaded, so that they never look live, and
publishes them all the same, to be counted and kept. Publishes the source's clock once a second of
its own time.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

import msgspec

from thor.domain.instrument import Listing
from thor.domain.mark import Mark
from thor.domain.tick import SKEW_MAX, Tick, check
from thor.market.bus.client import Bus, SourceClock
from thor.market.bus.messages import Claim, Published
from thor.runtime import Stop, persist

T = TypeVar("T")


class Publisher:
    """Publishes the ticks of one run of one collector."""

    def __init__(
        self,
        bus: Bus,
        listing: Listing,
        stop: Stop,
        claims: Mapping[str, Claim] | None = None,
        on_wait: Callable[[str, int], None] = lambda *_: None,
        skew_max: timedelta = SKEW_MAX,
        *,
        waits: bool = True,
    ) -> None:
        """Take the listing for the checks, and the claims of an arbitrated source.

        `on_wait` is called with the reason for a wait for the bus, and the attempt's number.
        Without waiting, a publish that fails raises `Unavailable` at once.
        """
        self._bus = bus
        self._listing = listing
        self._stop = stop
        self._claims = claims
        self._on_wait = on_wait
        self._skew_max = skew_max
        self._waits = waits
        self._newest_seq: dict[str, int] = {}
        # Each source's clock, and the clock that was last published.
        self._reached: dict[str, datetime] = {}
        self._published: dict[str, datetime] = {}
        self._seen: dict[str, Sequence[str]] = {}

    def publish(self, ticks: list[Tick]) -> Published:
        """Publish ticks that were emitted together; waits while the bus is full or away.

        Where the first tick opens a second, the source's clock is published before it. Raises
        `Stopped` where the process is to stop meanwhile.
        """
        return self.publish_checked(self.checked(ticks))

    def checked(self, ticks: list[Tick]) -> list[Tick]:
        """Return ticks with the reason on each that must not be loaded; pass each tick once."""
        return [self._checked(tick) for tick in ticks]

    def publish_checked(self, ticks: list[Tick], seen: Sequence[str] | None = None) -> Published:
        """Publish ticks that `checked` has returned, now or earlier; raises as `publish`.

        `seen` are the symbols that the source looked at when it emitted them.
        """
        if seen is not None and ticks:
            self._seen[ticks[0].source] = seen
        clock = self._reach(ticks)
        published = self._do(lambda: self._bus.publish(ticks, self._claims, clock))
        if clock is not None:
            self._published[clock.source] = clock.ts
        return published

    def publish_marks(self, source: str, marks: Sequence[Mark]) -> None:
        """Publish a source's marks of the day; raises as `publish`."""
        self._do(lambda: self._bus.publish_marks(source, marks))

    def publish_clock(self, source: str, ts: datetime, seen: Sequence[str] | None = None) -> None:
        """Publish the source's clock, at most once a whole second.

        Call it whenever time passed without a tick. `seen` are the symbols that the source has
        looked at, whether or not they changed; they apply until others are given. Waits and raises
        as `publish`.
        """
        if seen is not None:
            self._seen[source] = seen
        self._reached[source] = max(self._reached.get(source, ts), ts)
        second = ts.replace(microsecond=0)
        if source not in self._published or self._published[source] < second:
            self._publish_clock(source, second)

    def end(self, source: str) -> None:
        """Publish the source's last clock when it ends."""
        reached = self._reached.get(source)
        if reached is not None and reached != self._published.get(source):
            self._publish_clock(source, reached)

    def _reach(self, ticks: list[Tick]) -> SourceClock | None:
        # Gives the clock to go before the ticks where the first opens a second.
        first = next((tick for tick in ticks if tick.refused is None), None)
        if first is None:
            return None
        source, ts = first.source, _moment(first)
        reached = max(self._reached.get(source, ts), ts)
        last = next(tick for tick in reversed(ticks) if tick.refused is None)
        self._reached[source] = max(reached, _moment(last))
        second = ts.replace(microsecond=0)
        if source in self._published and self._published[source] >= second:
            return None
        return SourceClock(source, second, self._seen.get(source, ()))

    def _publish_clock(self, source: str, ts: datetime) -> None:
        seen = self._seen.get(source, ())
        self._do(lambda: self._bus.publish_clock(source, ts, seen))
        self._published[source] = ts

    def _do(self, do: Callable[[], T]) -> T:
        return persist(do, self._stop, self._on_wait) if self._waits else do()

    def _checked(self, tick: Tick) -> Tick:
        if tick.refused is not None:
            return tick
        newest = self._newest_seq.get(tick.source, -1)
        if tick.seq <= newest:
            return msgspec.structs.replace(tick, refused=f"seq: {tick.seq} comes after {newest}")
        if _has_zero(tick):
            tick = self._without_zero(tick)
        refusal = check(tick, self._listing, self._skew_max)
        # A number that cannot be a seq is not compared with later ones.
        if refusal is None or refusal.field != "seq":
            self._newest_seq[tick.source] = tick.seq
        return tick if refusal is None else msgspec.structs.replace(tick, refused=str(refusal))

    def _without_zero(self, tick: Tick) -> Tick:
        """Return a tick without the prices of 0 by which a feed says that it has none.

        A trade at 0, and a quote that says nothing else, are kept as they came: to be refused.
        """
        instrument = self._listing.instrument(tick.symbol)
        if instrument is None or instrument.is_negative_legal:
            return tick
        gone: dict[str, None] = {}
        if tick.bid is not None and not tick.bid:
            gone |= {"bid": None, "bid_size": None}
        if tick.ask is not None and not tick.ask:
            gone |= {"ask": None, "ask_size": None}
        if tick.last is not None and not tick.last and not tick.is_trade:
            gone |= {"last": None, "last_size": None}
        without = msgspec.structs.replace(tick, **gone)
        says = (without.last, without.bid, without.ask, without.volume)
        return tick if says == (None, None, None, None) else without


def _has_zero(tick: Tick) -> bool:
    return (
        (tick.bid is not None and not tick.bid)
        or (tick.ask is not None and not tick.ask)
        or (tick.last is not None and not tick.last)
    )


def _moment(tick: Tick) -> datetime:
    # A source's clock cannot be later than when it had the record.
    return min(tick.ts, tick.received_at)
