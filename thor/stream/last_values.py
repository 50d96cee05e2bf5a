"""Keep the last values of every symbol, as the bus's hashes do.

Stages: 25 bus → API. Pure. A snapshot of the hashes, continued by the stream, so that a `quote`
equals `quotes:latest:<symbol>` at that entry.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from thor.domain.tick import SKEW_MAX, Tick, is_of_file
from thor.market.bus.client import Listener
from thor.reference.cache import Catalogue, Reference
from thor.stream.entries import Entries
from thor.stream.events import EntryKey, entry_key, entry_text, event
from thor.stream.quote import Latest, Quote
from thor.stream.subscribers import Subscriber

_ENTRIES_MAX = 100
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class LastValues:
    """The last values of every symbol, and the changes since each flush."""

    def __init__(self) -> None:
        """Begin empty."""
        self._latest: dict[str, Latest] = {}
        self._touched: set[str] = set()
        self._changed_at: dict[str, int] = {}
        self._frames: dict[str, bytes] = {}
        self._joined: dict[tuple[int, frozenset[str] | None], tuple[bytes, int]] = {}
        self.version = 0
        # When the newest record of any symbol was received, UTC.
        self.newest: datetime | None = None

    def load_snapshot(
        self,
        hashes: Mapping[str, Mapping[str, str]],
        catalogue: Catalogue,
        heard: Mapping[tuple[str, str], datetime] | None = None,
    ) -> None:
        """Restart from the bus's latest hashes, and the times when sources last looked."""
        self._latest = {}
        for symbol, fields in hashes.items():
            instrument = catalogue.listing.instrument(symbol)
            if instrument is not None:
                latest = Latest(symbol, instrument)
                if latest.read(dict(fields)):
                    self._latest[symbol] = latest
        self._touched = set(self._latest)
        self.newest = max((one.received_at for one in self._latest.values()), default=None)
        for (source, symbol), ts in (heard or {}).items():
            self.hear(source, [symbol], ts)

    def hear(self, source: str, symbols: Iterable[str], ts: datetime) -> None:
        """Record the symbols that a source has looked at, with or without a tick."""
        for symbol in symbols:
            latest = self._latest.get(symbol)
            if latest is not None:
                latest.hear(source, ts)

    def apply(self, tick: Tick, catalogue: Catalogue, entry: EntryKey) -> Latest | None:
        """Merge a tick of an entry; returns the symbol's latest, or None where it is newer.

        What is ahead of the bus's clock, which an entry's key tells, gives way as on the bus.
        """
        latest = self._latest.get(tick.symbol)
        if latest is None:
            instrument = catalogue.listing.instrument(tick.symbol)
            if instrument is None:
                return None
            latest = self._latest[tick.symbol] = Latest(tick.symbol, instrument)
        if tick.ts < latest.ts:
            is_own_time = is_of_file(tick.source) and latest.quote.source == tick.source
            if is_own_time or latest.ts <= _EPOCH + timedelta(milliseconds=entry[0]) + SKEW_MAX:
                return None
            latest = self._latest[tick.symbol] = Latest(tick.symbol, latest.instrument)
        latest.merge(tick)
        if self.newest is None or tick.received_at > self.newest:
            self.newest = tick.received_at
        self._touched.add(tick.symbol)
        return latest

    def of_source(self, source: str) -> list[str]:
        """Return the symbols whose last values are of a source."""
        return [symbol for symbol, one in self._latest.items() if one.quote.source == source]

    def quote(self, symbol: str, catalogue: Catalogue, now: datetime) -> Quote | None:
        """Return a symbol's current quote, or None where it has none."""
        latest = self._latest.get(symbol)
        return None if latest is None else latest.shown(catalogue, now)

    def flush(self, catalogue: Catalogue, offset: EntryKey, now: datetime) -> bool:
        """Encode the quotes that changed since the last flush; returns whether any did."""
        if not self._touched:
            return False
        self.version += 1
        self._joined.clear()
        event_id = entry_text(offset)
        for symbol in self._touched:
            quote = self._latest[symbol].shown(catalogue, now)
            self._frames[symbol] = event("quote", quote, event_id)
            self._changed_at[symbol] = self.version
        self._touched.clear()
        return True

    def since(self, version: int, symbols: frozenset[str] | None) -> tuple[bytes, int]:
        """Return the quotes flushed after a version, joined once for all, and how many."""
        found = self._joined.get((version, symbols))
        if found is None:
            parts = [
                self._frames[symbol]
                for symbol, changed_at in self._changed_at.items()
                if changed_at > version and (symbols is None or symbol in symbols)
            ]
            found = self._joined[(version, symbols)] = b"".join(parts), len(parts)
        return found

    def deliver(self, members: Iterable[Subscriber]) -> int:
        """Send a flush to all that had the last one, wake the others; returns events written."""
        written = 0
        for subscriber in members:
            if subscriber.version != self.version - 1:
                subscriber.wake()
                continue
            frames, events = self.since(subscriber.version, subscriber.event_filter.symbols)
            if not frames or subscriber.offer(frames):
                subscriber.version = self.version
                written += events
        return written

    def shown(
        self,
        symbols: Iterable[str] | None,
        catalogue: Catalogue,
        offset: EntryKey,
        now: datetime,
    ) -> tuple[bytes, int]:
        """Return the current quotes, encoded, and how many."""
        wanted = self._latest if symbols is None else [s for s in symbols if s in self._latest]
        event_id = entry_text(offset)
        parts = [
            event("quote", self._latest[symbol].shown(catalogue, now), event_id)
            for symbol in sorted(wanted)
        ]
        return b"".join(parts), len(parts)

    async def refresh(self, listener: Listener, reference: Reference) -> None:
        """Restart from the bus's latest hashes."""
        listing = reference.catalogue.listing
        symbols = list(dict.fromkeys([*listing.instruments, *listing.series]))
        hashes = await listener.latest(symbols)
        heard = await listener.heard({one["source"] for one in hashes.values() if "source" in one})
        self.load_snapshot(hashes, reference.catalogue, heard)

    async def catch_up(
        self, listener: Listener, reference: Reference, entries: Entries
    ) -> tuple[EntryKey, int | None]:
        """Restart at the newest entry; returns its id and the next ordinal.

        The ordinal is None where no entry gives it.
        """
        # The hashes are at some entry between the two ids: reading on from the
        # first leaves them exactly at the second.
        first = await listener.last_id()
        await self.refresh(listener, reference)
        last = entry_key(await listener.last_id())
        offset, ordinal = entry_key(first), None
        while offset < last:
            found = await listener.between(entry_text(offset), entry_text(last), _ENTRIES_MAX)
            for entry in found:
                for _, tick in (await entries.good(entry)).good:
                    self.apply(tick, reference.catalogue, entry_key(entry.entry_id))
                if entry.clock is not None and entry.source is not None:
                    self.hear(entry.source, entry.seen, entry.clock)
                if entry.first is not None:
                    ordinal = entry.first + entry.n
            offset = entry_key(found[-1].entry_id) if found else last
        return last, ordinal
