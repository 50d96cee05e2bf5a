"""Walk a feed's ticks onto the bus: the edge, where each is looked at once.

Hallway: 20 collect → 25 bus. Marks what must not be loaded, so that nothing
that looks live is not; publishes it all the same, to be counted and kept.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta

import msgspec

from thor.domain.instrument import Listing
from thor.domain.tick import SKEW_MAX, Tick, check
from thor.flow.backoff import Stop, persist
from thor.market.bus import Bus
from thor.market.reply import Published, Seat


class Edge:
    """The place where one run of one collector meets the bus."""

    def __init__(
        self,
        bus: Bus,
        listing: Listing,
        stop: Stop,
        seats: Mapping[str, Seat] | None = None,
        say: Callable[[str, int], None] = lambda *_: None,
        skew_max: timedelta = SKEW_MAX,
    ) -> None:
        """Take the listing to judge by, and the seats of an arbitrated source.

        `say` hears why the bus is being waited for, and the attempt's number.
        """
        self._bus = bus
        self._listing = listing
        self._stop = stop
        self._seats = seats
        self._say = say
        self._skew_max = skew_max
        self._newest_seq: dict[str, int] = {}

    def publish(self, ticks: list[Tick]) -> Published:
        """Publish what was emitted together; waits while the bus is full or away.

        Raises `Stopped` where the process is to stop meanwhile.
        """
        judged = [self._judged(tick) for tick in ticks]
        return persist(lambda: self._bus.publish(judged, self._seats), self._stop, self._say)

    def _judged(self, tick: Tick) -> Tick:
        if tick.refused is not None:
            return tick
        newest = self._newest_seq.get(tick.source, -1)
        if tick.seq <= newest:
            return msgspec.structs.replace(tick, refused=f"seq: {tick.seq} comes after {newest}")
        refusal = check(tick, self._listing, self._skew_max)
        # A number that is no seq at all says nothing about those that follow.
        if refusal is None or refusal.field != "seq":
            self._newest_seq[tick.source] = tick.seq
        return tick if refusal is None else msgspec.structs.replace(tick, refused=str(refusal))
