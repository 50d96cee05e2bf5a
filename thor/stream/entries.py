"""Decode an entry of the stream for subscribers: only ticks that may be shown come out.

Stages: 25 bus → API. Ticks that the database would refuse are not shown either.
"""

from datetime import timedelta
from typing import NamedTuple

from thor.domain.tick import Refusal, Tick, check
from thor.market.bus import wire
from thor.market.bus.messages import Entry
from thor.reference.cache import Reference
from thor.stream.buffer import Batch
from thor.stream.events import Indexed, entry_key, tick_frames

_KEPT_BYTES_MAX = 8_000_000


class Opened(NamedTuple):
    """The ticks of an entry that may be shown; its JSON and first tick where all could be read."""

    good: Indexed
    payload: bytes | None = None
    first: Tick | None = None


class Entries:
    """Decodes entries; caches encoded ones for many subscribers that reconnect at once."""

    def __init__(self, reference: Reference, skew_max: timedelta) -> None:
        """Take the reference data for the checks, and how far ahead `ts` may be."""
        self._reference = reference
        self._skew_max = skew_max
        self._kept: dict[str, Batch] = {}
        self._kept_bytes = 0

    async def good(self, entry: Entry) -> Opened:
        """Return the ticks that may be shown, with their indexes among the readable ones."""
        if entry.first is None or not entry.n:
            return Opened([])
        ticks, rejected = wire.decode(entry.payload, entry.n, entry.entry_id)
        refusals = await self._refusals(ticks)
        good = [(at, tick) for at, tick in enumerate(ticks) if refusals[at] is None]
        return Opened(good) if rejected else Opened(good, entry.payload, ticks[0])

    async def framed(self, entry: Entry) -> Batch:
        """Return the ticks of an entry as events, without quotes."""
        batch = self._kept.get(entry.entry_id)
        if batch is not None:
            return batch
        opened = await self.good(entry)
        batch = Batch(entry_key(entry.entry_id))
        if not opened.good:
            return batch
        frames = tick_frames(entry.entry_id, *opened)
        for (at, tick), frame in zip(opened.good, frames, strict=True):
            batch.add((*batch.last, at), tick.symbol, frame, b"")
        if self._kept_bytes > _KEPT_BYTES_MAX:
            self._kept.clear()
            self._kept_bytes = 0
        self._kept[entry.entry_id] = batch
        self._kept_bytes += batch.size()
        return batch

    async def _refusals(self, ticks: list[Tick]) -> list[Refusal | None]:
        known = self._reference.catalogue
        refusals = [check(tick, known.listing, self._skew_max) for tick in ticks]
        for tick, refusal in zip(ticks, refusals, strict=True):
            if refusal and refusal.is_relistable and tick.refused is None:
                # It may have been listed since.
                renewed = await self._reference.renewed_for(refusal.value)
                if renewed is not None and renewed is not known:
                    listing = renewed.listing
                    return [check(tick, listing, self._skew_max) for tick in ticks]
        return refusals
