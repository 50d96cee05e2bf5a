"""Serve ticks from the bus to subscribers: one reader, every event encoded once.

Stages: 25 bus → API. Reads the unified stream while there are subscribers; gives a buffer of
encoded events and the last values of every symbol.
"""

import asyncio
from collections.abc import AsyncGenerator
from datetime import datetime, timedelta
from typing import Any

from thor import clock
from thor.domain import timestamps
from thor.domain.bar import WIDTHS
from thor.errors import ThorError, Unavailable
from thor.market.bus.client import Listener
from thor.market.bus.messages import Entry
from thor.observe import redacted
from thor.reference.cache import Reference
from thor.runtime import FIRST_S, LONGEST_S
from thor.stream.buffer import Batch, ReplayBuffer
from thor.stream.closed_bar_batch import BarClose
from thor.stream.closed_bars import ClosedBars
from thor.stream.desk import DeskWatch
from thor.stream.entries import Entries, Opened
from thor.stream.events import (
    WHOLE,
    EntryKey,
    TickKey,
    before,
    entry_key,
    entry_text,
    event,
    fault,
    gap,
    heard,
    ping,
    quote_frame,
    tick_frames,
    tick_text,
)
from thor.stream.last_values import LastValues
from thor.stream.predictions import PredictionWatch
from thor.stream.subscribers import Subscriber, Subscribers
from thor.stream.trades import TradeWatch
from thor.stream.world import WorldWatch

_BUFFER_BYTES_MAX = 32_000_000
_ENTRIES_MAX = 100
_BATCH_TICKS = 500
_BLOCK_MS = 1_000
_PACE_S = 0.003
# Of one subscriber: the bytes sent at a time, and the entries read from the bus at a time.
_CHUNK_BYTES = 256_000
_CATCH_UP_ENTRIES = 20
_RETRY_S = 0.5
_RECONNECT_MS = 1_000


class StreamHub:
    """The shared reader of one process, and its state for subscribers."""

    def __init__(
        self,
        pool: Any,
        listener: Listener,
        reference: Reference,
        *,
        skew_max: timedelta,
        conflate_ms: int,
        ping_s: float,
    ) -> None:
        """Take the database, the bus, the reference data, and the intervals of the stream."""
        self.listener, self.reference = listener, reference
        self.conflate_ms, self.ping_s = conflate_ms, ping_s
        self.entries = Entries(reference, skew_max)
        self.buffer, self.last_values = ReplayBuffer(_BUFFER_BYTES_MAX), LastValues()
        self.closed_bars = ClosedBars(pool, listener, reference, self.last_values)
        self.subscribers = Subscribers()
        self._desk = DeskWatch(pool, self.subscribers, self.market_now)
        self._world = WorldWatch(pool, reference, self.subscribers)
        self._predictions = PredictionWatch(pool, self.subscribers)
        self._trades = TradeWatch(pool, self.subscribers, self.market_now)
        self.fault: str | None = None
        self.has_snapshot = self.is_ended = False
        self.events_sent = 0
        # The newest entry whose events are all in the buffer.
        self.offset: EntryKey = (0, 0)
        self._next_ordinal: int | None = None
        self._has_subscribers = asyncio.Event()

    def join(self, subscriber: Subscriber) -> None:
        """Add a subscriber; the reader starts with the first one."""
        if self.subscribers.is_first(subscriber):  # unwanted events were not encoded
            self.buffer.restart(self.offset)
        self.subscribers.join(subscriber)
        if self.fault is not None:
            subscriber.notices["error"] = fault(self.fault, clock.now())
        self._has_subscribers.set()

    def end(self) -> None:
        """End every stream, now and from now on."""
        self.is_ended = True
        self.subscribers.wake()

    async def subscribe(self, subscriber: Subscriber) -> AsyncGenerator[bytes, None]:
        """Yield the stream of one client, whole events joined, until it leaves or the hub ends."""
        self.join(subscriber)
        try:
            while not (self.has_snapshot or self.fault or self._is_over(subscriber)):
                await subscriber.wait()
            yield self._hello(subscriber)
            while not self._is_over(subscriber):
                if self._is_behind(subscriber):
                    async for chunk in self._catch_up(subscriber):
                        yield chunk
                    continue
                chunk = self._next(subscriber)
                if chunk:
                    yield chunk
                else:
                    await subscriber.wait()
        finally:
            self.subscribers.leave(subscriber)

    async def run(self) -> None:
        """Read while there are subscribers, until cancelled; waits for a bus that is away."""
        delay_s = FIRST_S
        while True:
            await self._has_subscribers.wait()
            try:
                await self._begin()
                delay_s = FIRST_S
                while self.subscribers:
                    await self._read()
            except ThorError as error:
                self._notify_fault(str(error))
                await asyncio.sleep(delay_s)
                delay_s = min(delay_s * 2, LONGEST_S)
            if not self.subscribers:
                self._has_subscribers.clear()
                self.has_snapshot, self.fault = False, None

    async def beat(self) -> None:
        """Send every stream its heartbeat, until cancelled."""
        while True:
            await asyncio.sleep(self.ping_s)
            self._ping()

    async def conflate(self) -> None:
        """Send changed quotes once a window to conflated subscribers, until cancelled.

        Where all are conflated, the reader does it, right after it has read.
        """
        while True:
            await asyncio.sleep(self.conflate_ms / 1000)
            if self.has_snapshot and self.subscribers.followers and self.subscribers.conflated():
                self._flush()

    async def close_bars(self) -> None:
        """Send closed bars to their subscribers, until cancelled."""
        await self.closed_bars.run(lambda: self.subscribers.holds_ticks, self._notify_bars)

    def market_now(self) -> datetime:
        """Return now; in a recorded market, the newest moment that was replayed."""
        known, now = self.reference.known, clock.now()
        return now if known is None else known.market_now(self.last_values.newest, now)

    async def watch_desk(self) -> None:
        """Give the desk's signals, TOTAL and extremes to those who want them, until cancelled."""
        await self._desk.run()

    async def watch_world(self) -> None:
        """Give changes of sessions, markets and grades to those who want them, until cancelled."""
        await self._world.run()

    async def watch_trades(self) -> None:
        """Give changes of orders, positions and accounts to those who want them."""
        await self._trades.run()

    async def watch_predictions(self) -> None:
        """Give live predictions to those who want them, until cancelled."""
        await self._predictions.run()

    async def _begin(self) -> None:
        await self.reference.current()
        if self.has_snapshot:
            await self._look_back()
        else:
            self.offset, self._next_ordinal = await self.last_values.catch_up(
                self.listener, self.reference, self.entries
            )
            self.buffer.restart(self.offset)
            self.has_snapshot = True
        if self.fault is not None:
            self.fault = None
            self._ping()
        self.subscribers.wake()

    async def _read(self) -> None:
        entries = await self.listener.after(entry_text(self.offset), _ENTRIES_MAX, _BLOCK_MS)
        if not entries:
            await self._look_back()
            return
        now, begun_s = clock.now(), clock.monotonic_s()
        batch, ordinal = self.subscribers.batch(self.offset), self._next_ordinal
        for entry in entries:
            if entry.first is not None and ordinal not in (None, entry.first):
                self._publish(batch, ordinal)
                await self.last_values.refresh(self.listener, self.reference)
                self._notify_gap((*self.offset, WHOLE), before(entry_key(entry.entry_id)))
                batch = self.subscribers.batch(self.offset)
            if entry.first is not None:
                ordinal = entry.first + entry.n
            if entry.seen:
                self._hear(entry)
            bar_close = entry.clock and self.closed_bars.begin(entry, self.subscribers.widths)
            if bar_close:
                self._publish(batch, ordinal)
                self._hold(bar_close)
                batch = self.subscribers.batch(self.offset)
                continue
            self._frame(entry, await self.entries.good(entry), batch, now)
            if len(batch.keys) >= _BATCH_TICKS:
                self._publish(batch, ordinal)
                await asyncio.sleep(0)
                batch = self.subscribers.batch(self.offset)
        self._publish(batch, ordinal)
        await self._rest(begun_s, len(entries))

    def _hear(self, entry: Entry) -> None:
        assert entry.source is not None
        assert entry.clock is not None
        self.last_values.hear(entry.source, entry.seen, entry.clock)
        frame = heard(entry.source, entry.clock, entry.seen)
        self.subscribers.notify(f"heard {entry.source}", frame)

    async def _rest(self, begun_s: float, entries: int) -> None:
        # Entries that arrive meanwhile are read at once: a read costs more than a tick.
        pace_s = _PACE_S
        if not self.subscribers.followers:
            if entries == _ENTRIES_MAX:
                return
            self._flush()
            pace_s = self.conflate_ms / 1000
        await asyncio.sleep(max(begun_s + pace_s - clock.monotonic_s(), 0))

    def _flush(self) -> None:
        if self.last_values.flush(self.reference.catalogue, self.offset, self.market_now()):
            self.events_sent += self.last_values.deliver(self.subscribers.conflated())

    def _frame(self, entry: Entry, opened: Opened, batch: Batch, now: datetime) -> None:
        batch.last = key = entry_key(entry.entry_id)
        catalogue = self.reference.catalogue
        if not batch.is_framed:
            for _, tick in opened.good:
                self.last_values.apply(tick, catalogue, key)
            return
        frames = tick_frames(entry.entry_id, *opened)
        for (at, tick), frame in zip(opened.good, frames, strict=True):
            latest, quote = self.last_values.apply(tick, catalogue, key), b""
            if batch.has_quotes and latest is not None:
                moment = catalogue.market_now(self.last_values.newest, now)
                quote = quote_frame(entry.entry_id, at, latest.shown(catalogue, moment))
            batch.add((*key, at), tick.symbol, frame, quote)

    def _publish(self, batch: Batch, ordinal: int | None) -> None:
        self.offset, self._next_ordinal = batch.last, ordinal
        if self.subscribers.misses(batch):
            self.buffer.restart(batch.last)
            self.subscribers.wake_followers()
        elif batch.keys:
            self.buffer.append(batch)
            self.events_sent += self.subscribers.deliver(self.buffer, (*batch.last, WHOLE))
        else:
            self.buffer.pass_by(batch.last)

    def _hold(self, bar_close: BarClose) -> None:
        # A subscriber to its bars gets later events once they are read.
        self.offset = bar_close.last
        if self.subscribers.followers:
            self.buffer.append(bar_close)
            self.subscribers.deliver(self.buffer, (*bar_close.last, WHOLE))
        else:
            self.buffer.restart(bar_close.last)

    def _notify_bars(self, bar_close: BarClose) -> None:
        self.events_sent += self.subscribers.notify_bars(bar_close)

    async def _look_back(self) -> None:
        # A bus that was wiped or set back has only earlier ids, and would never return later ones.
        newest = entry_key(await self.listener.last_id())
        if newest < self.offset:
            await self.last_values.refresh(self.listener, self.reference)
            self._notify_gap((*self.offset, WHOLE), newest)
            # Followers are behind now, and notice it by their own ids.
            self.buffer.restart(newest)

    def _notify_gap(self, after: TickKey, until: EntryKey) -> None:
        self.offset, self._next_ordinal = until, None
        frame = gap(after, until)
        self.buffer.append(Batch(until, frame))
        for subscriber in self.subscribers.members:
            subscriber.is_shown = False
            if subscriber.is_conflated:
                subscriber.notices["gap"] = frame
            subscriber.wake()

    def _notify_fault(self, reason: str) -> None:
        if self.fault is None:
            self.fault = redacted(reason)
            self.subscribers.notify("error", fault(self.fault, clock.now()))

    def _ping(self) -> None:
        offset = self.offset if self.has_snapshot else None
        self.subscribers.notify("ping", ping(clock.now(), offset))

    def _is_over(self, subscriber: Subscriber) -> bool:
        return self.is_ended or subscriber.is_gone

    def _is_behind(self, subscriber: Subscriber) -> bool:
        follows = self.has_snapshot and not subscriber.is_conflated
        return follows and subscriber.ordinal < self.buffer.oldest

    def _hello(self, subscriber: Subscriber) -> bytes:
        known, symbols = self.reference.known, subscriber.event_filter.symbols
        offset = entry_text(self.offset) if self.has_snapshot else None
        data = {
            "ts": timestamps.format_utc(clock.now()),
            "nature": known.nature if known else None,
            "symbols": None if symbols is None else sorted(symbols),
            "bars": [width for width in WIDTHS if width in subscriber.event_filter.bars],
            "mode": "conflated" if subscriber.is_conflated else "ticks",
            "position": offset,
            "from": None if subscriber.key is None else tick_text(subscriber.key),
            "conflate_ms": self.conflate_ms,
            "ping_s": self.ping_s,
            "stale_ms": known.stale_ms if known else None,
            "dead_ms": known.dead_ms if known else None,
        }
        frame = event("hello", data, offset if subscriber.key is None else None)
        self.events_sent += 1
        if subscriber.key is None and self.has_snapshot and not subscriber.is_conflated:
            subscriber.key = (*self.offset, WHOLE)
        return b"retry: %d\n" % _RECONNECT_MS + frame

    def _next(self, subscriber: Subscriber) -> bytes:
        """Return what is new for a client, or nothing."""
        if not self.has_snapshot:
            return self._notices(subscriber)
        if subscriber.is_conflated:
            return self._changed(subscriber) + self._notices(subscriber)
        buffer = self.buffer
        found = buffer.take(subscriber.ordinal, subscriber.event_filter, _CHUNK_BYTES)
        if found is None:
            return b""
        subscriber.ordinal = found.ordinal
        self.events_sent += found.events
        if subscriber.ordinal < buffer.end:
            subscriber.key = (*buffer.last(subscriber.ordinal), WHOLE)
            return found.frames
        subscriber.key = (*self.offset, WHOLE)
        if subscriber.is_shown and not subscriber.notices:
            return found.frames
        return found.frames + self._shown(subscriber) + self._notices(subscriber)

    def _changed(self, subscriber: Subscriber) -> bytes:
        last_values = self.last_values
        if not subscriber.is_shown:
            subscriber.version = last_values.version
            return self._shown(subscriber)
        if subscriber.version == last_values.version:
            return b""
        frames, events = last_values.since(subscriber.version, subscriber.event_filter.symbols)
        subscriber.version = last_values.version
        self.events_sent += events
        return frames

    def _shown(self, subscriber: Subscriber) -> bytes:
        """Return the latest quotes, once the client has caught up."""
        if subscriber.is_shown:
            return b""
        subscriber.is_shown = True
        if not subscriber.event_filter.quotes:
            return b""
        frames, events = self.last_values.shown(
            subscriber.event_filter.symbols,
            self.reference.catalogue,
            self.offset,
            self.market_now(),
        )
        self.events_sent += events
        return frames

    def _notices(self, subscriber: Subscriber) -> bytes:
        if not subscriber.notices:
            return b""
        frames = b"".join(subscriber.notices.values())
        self.events_sent += len(subscriber.notices)
        subscriber.notices.clear()
        return frames

    async def _catch_up(self, subscriber: Subscriber) -> AsyncGenerator[bytes, None]:
        """Yield the ticks that a client missed, from the bus, until the buffer has the rest."""
        buffer = self.buffer
        next_ordinal: int | None = None
        subscriber.is_shown = False
        while not self._is_over(subscriber) and self.has_snapshot:
            key = subscriber.key
            if key is None:
                subscriber.key, subscriber.ordinal = (*self.offset, WHOLE), buffer.end
                return
            if key > (*self.offset, WHOLE):
                yield gap(key, self.offset)
                subscriber.key = (*self.offset, WHOLE)
                continue
            ordinal = buffer.ordinal_after(key)
            if ordinal is not None:
                found = buffer.first(ordinal, key, subscriber.event_filter)
                subscriber.ordinal = found.ordinal
                subscriber.key = (*buffer.last(found.ordinal), WHOLE)
                self.events_sent += found.events
                yield found.frames
                return
            try:
                chunk, next_ordinal = await self._missed(subscriber, key, next_ordinal)
                yield chunk
            except Unavailable:
                # The reader reports it to every subscriber.
                yield self._notices(subscriber)
                await asyncio.sleep(_RETRY_S)

    async def _missed(
        self, subscriber: Subscriber, key: TickKey, next_ordinal: int | None
    ) -> tuple[bytes, int | None]:
        listener, until = self.listener, self.buffer.start
        # At first the tick's own entry is read: if it still exists, so do all later ones.
        first = before(key[:2]) if next_ordinal is None else key[:2]
        entries = await listener.between(entry_text(first), entry_text(until), _CATCH_UP_ENTRIES)
        parts: list[bytes] = []
        oldest = entry_key(entries[0].entry_id) if entries else None
        if next_ordinal is None and oldest != key[:2]:
            state = await listener.state()
            if state.held != state.received:
                parts.append(gap(key, before(oldest) if oldest else until))
        elif not entries:
            parts.append(gap(key, until))
        for entry in entries:
            if entry.first is not None and next_ordinal not in (None, entry.first):
                parts.append(gap(key, before(entry_key(entry.entry_id))))
            if entry.first is not None:
                next_ordinal = entry.first + entry.n
            batch = await self._opened(subscriber, entry)
            frames, events = batch.after(key, subscriber.event_filter)
            self.events_sent += events
            parts.append(frames)
            key = (*batch.last, WHOLE)
        subscriber.key = key if entries else (*until, WHOLE)
        return b"".join(parts), next_ordinal

    async def _opened(self, subscriber: Subscriber, entry: Entry) -> Batch:
        """Return an entry's events: its ticks, or the bars that it closed, once they are read."""
        event_filter = subscriber.event_filter
        if entry.clock is None or not event_filter.bars:
            return await self.entries.framed(entry)
        is_hasty = event_filter.ticks or event_filter.quotes
        asked = asyncio.ensure_future(
            self.closed_bars.closed(entry, event_filter.bars, is_hasty=is_hasty)
        )
        try:
            while not (asked.done() or self._is_over(subscriber)):
                await asyncio.wait({asked}, timeout=_RETRY_S)
            bar_close = asked.result() if asked.done() else None
        finally:
            asked.cancel()
        return Batch(entry_key(entry.entry_id)) if bar_close is None else bar_close
