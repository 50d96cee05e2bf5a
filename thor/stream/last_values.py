"""Keep the merged latest of every symbol, as the bus's hashes do.

Stages: 25 bus → API. Pure. Seeded from the hashes and led on by the stream, so
that a `quote` equals what `quotes:latest:<symbol>` says at that entry.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from thor.domain.tick import Tick
from thor.reference.cache import Catalogue
from thor.stream.events import EntryKey, entry_text, event
from thor.stream.quote import Latest, Quote
from thor.stream.subscribers import Viewer


class Board:
    """The latest of every symbol, and what changed since each flush."""

    def __init__(self) -> None:
        """Begin empty."""
        self._latest: dict[str, Latest] = {}
        self._touched: set[str] = set()
        self._changed_at: dict[str, int] = {}
        self._frames: dict[str, bytes] = {}
        self._joined: dict[tuple[int, frozenset[str] | None], tuple[bytes, int]] = {}
        self.version = 0

    def seed(
        self,
        hashes: Mapping[str, Mapping[str, str]],
        catalogue: Catalogue,
        heard: Mapping[tuple[str, str], datetime] | None = None,
    ) -> None:
        """Begin anew from the bus's latest hashes, and when sources last looked."""
        self._latest = {}
        for symbol, fields in hashes.items():
            instrument = catalogue.listing.instrument(symbol)
            if instrument is not None:
                latest = Latest(symbol, instrument)
                if latest.read(dict(fields)):
                    self._latest[symbol] = latest
        self._touched = set(self._latest)
        for (source, symbol), ts in (heard or {}).items():
            self.hear(source, [symbol], ts)

    def hear(self, source: str, symbols: Iterable[str], ts: datetime) -> None:
        """Note which symbols a source has looked at, with or without a tick."""
        for symbol in symbols:
            latest = self._latest.get(symbol)
            if latest is not None:
                latest.hear(source, ts)

    def apply(self, tick: Tick, catalogue: Catalogue) -> Latest | None:
        """Merge a tick; returns the symbol's latest, or None where it is newer than the tick."""
        latest = self._latest.get(tick.symbol)
        if latest is None:
            instrument = catalogue.listing.instrument(tick.symbol)
            if instrument is None:
                return None
            latest = self._latest[tick.symbol] = Latest(tick.symbol, instrument)
        if tick.ts < latest.ts:
            return None
        latest.merge(tick)
        self._touched.add(tick.symbol)
        return latest

    def spoken_by(self, source: str) -> list[str]:
        """Return the symbols that a source was the last to speak of."""
        return [symbol for symbol, one in self._latest.items() if one.quote.source == source]

    def quote(self, symbol: str, catalogue: Catalogue, now: datetime) -> Quote | None:
        """Return a symbol's quote as it stands, or None where nobody has spoken of it."""
        latest = self._latest.get(symbol)
        return None if latest is None else latest.shown(catalogue, now)

    def flush(self, catalogue: Catalogue, position: EntryKey, now: datetime) -> bool:
        """Frame the quotes that changed since the last flush; returns whether any did."""
        if not self._touched:
            return False
        self.version += 1
        self._joined.clear()
        event_id = entry_text(position)
        for symbol in self._touched:
            quote = self._latest[symbol].shown(catalogue, now)
            self._frames[symbol] = event("quote", quote, event_id)
            self._changed_at[symbol] = self.version
        self._touched.clear()
        return True

    def since(self, version: int, symbols: frozenset[str] | None) -> tuple[bytes, int]:
        """Return the quotes flushed after a version, joined once for all who ask, and how many."""
        found = self._joined.get((version, symbols))
        if found is None:
            parts = [
                self._frames[symbol]
                for symbol, changed_at in self._changed_at.items()
                if changed_at > version and (symbols is None or symbol in symbols)
            ]
            found = self._joined[(version, symbols)] = b"".join(parts), len(parts)
        return found

    def deliver(self, viewers: Iterable[Viewer]) -> int:
        """Give a flush to all who had the one before; returns events written, wakes the others."""
        written = 0
        for viewer in viewers:
            if viewer.version != self.version - 1:
                viewer.wake()
                continue
            frames, events = self.since(viewer.version, viewer.wish.symbols)
            if not frames or viewer.offer(frames):
                viewer.version = self.version
                written += events
        return written

    def shown(
        self,
        symbols: Iterable[str] | None,
        catalogue: Catalogue,
        position: EntryKey,
        now: datetime,
    ) -> tuple[bytes, int]:
        """Return the quotes as they stand, framed, and how many."""
        wanted = self._latest if symbols is None else [s for s in symbols if s in self._latest]
        event_id = entry_text(position)
        parts = [
            event("quote", self._latest[symbol].shown(catalogue, now), event_id)
            for symbol in sorted(wanted)
        ]
        return b"".join(parts), len(parts)
