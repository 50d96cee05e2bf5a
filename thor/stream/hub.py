"""Walk ticks from the bus to whoever watches: one reader, every event framed once.

Stages: 25 bus → API. Reads the unified stream while anybody watches; gives a
ring of framed events and the merged latest of every symbol.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Any

from thor import clock
from thor.errors import ThorError
from thor.market.bus.client import Listener
from thor.market.bus.messages import Entry
from thor.observe import redacted
from thor.reference.cache import Reference
from thor.runtime import FIRST_S, LONGEST_S
from thor.stream.buffer import Batch, Ring
from thor.stream.closed_bar_batch import Closing
from thor.stream.closed_bars import Closings
from thor.stream.entries import Entries
from thor.stream.events import (
    WHOLE,
    EntryKey,
    Placed,
    TickKey,
    before,
    entry_key,
    entry_text,
    fault,
    gap,
    heard,
    ping,
    quote_frame,
    tick_frames,
)
from thor.stream.last_values import Board
from thor.stream.seed import lead, seed
from thor.stream.subscribers import Audience, Viewer

_RING_BYTES_MAX = 32_000_000
_ENTRIES_MAX = 100
_BATCH_TICKS = 500
_BLOCK_MS = 1_000
_PACE_S = 0.003


class Screen:
    """The shared reader of one process, and what it holds for those who watch."""

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
        """Take the ledger, the bus, the reference data, and the beats of the stream."""
        self.listener, self.reference = listener, reference
        self.conflate_ms, self.ping_s = conflate_ms, ping_s
        self.entries = Entries(reference, skew_max)
        self.ring, self.board = Ring(_RING_BYTES_MAX), Board()
        self.closings = Closings(pool, listener, reference, self.board)
        self.audience = Audience()
        self.fault: str | None = None
        self.is_seeded = self.is_ended = False
        self.events_sent = 0
        # The newest entry whose events are all in the ring.
        self.position: EntryKey = (0, 0)
        self._next_ordinal: int | None = None
        self._watched = asyncio.Event()

    def join(self, viewer: Viewer) -> None:
        """Let somebody watch; the reader begins where nobody did."""
        if self.audience.is_first(viewer):  # what nobody wanted was not framed
            self.ring.restart(self.position)
        self.audience.join(viewer)
        if self.fault is not None:
            viewer.news["error"] = fault(self.fault, clock.now())
        self._watched.set()

    def end(self) -> None:
        """End every stream, now and from now on."""
        self.is_ended = True
        self.audience.wake()

    async def run(self) -> None:
        """Read while anybody watches, until cancelled; waits for a bus that is away."""
        delay_s = FIRST_S
        while True:
            await self._watched.wait()
            try:
                await self._begin()
                delay_s = FIRST_S
                while self.audience:
                    await self._read()
            except ThorError as error:
                self._say_fault(str(error))
                await asyncio.sleep(delay_s)
                delay_s = min(delay_s * 2, LONGEST_S)
            if not self.audience:
                self._watched.clear()
                self.is_seeded, self.fault = False, None

    async def beat(self) -> None:
        """Give every stream its heartbeat, until cancelled."""
        while True:
            await asyncio.sleep(self.ping_s)
            self._ping()

    async def conflate(self) -> None:
        """Give changed quotes once a window to those who want no more, until cancelled.

        Where only they watch, the reader does it, right after it has read.
        """
        while True:
            await asyncio.sleep(self.conflate_ms / 1000)
            if self.is_seeded and self.audience.followers and self.audience.conflated():
                self._flush()

    async def close_bars(self) -> None:
        """Give closed bars to those who want them, until cancelled."""
        await self.closings.run(lambda: self.audience.holds_ticks, self._tell_bars)

    async def _begin(self) -> None:
        await self.reference.current()
        if self.is_seeded:
            await self._look_back()
        else:
            self.position, self._next_ordinal = await lead(
                self.board, self.listener, self.reference, self.entries
            )
            self.ring.restart(self.position)
            self.is_seeded = True
        if self.fault is not None:
            self.fault = None
            self._ping()
        self.audience.wake()

    async def _read(self) -> None:
        entries = await self.listener.after(entry_text(self.position), _ENTRIES_MAX, _BLOCK_MS)
        if not entries:
            await self._look_back()
            return
        now, begun_s = clock.now(), clock.monotonic_s()
        batch, ordinal = self.audience.batch(self.position), self._next_ordinal
        for entry in entries:
            if entry.first is not None and ordinal not in (None, entry.first):
                self._publish(batch, ordinal)
                await seed(self.board, self.listener, self.reference)
                self._tell_gap((*self.position, WHOLE), before(entry_key(entry.entry_id)))
                batch = self.audience.batch(self.position)
            if entry.first is not None:
                ordinal = entry.first + entry.n
            if entry.seen:
                self._hear(entry)
            closing = entry.clock and self.closings.begin(entry, self.audience.widths)
            if closing:
                self._publish(batch, ordinal)
                self._hold(closing)
                batch = self.audience.batch(self.position)
                continue
            self._frame(entry, await self.entries.good(entry), batch, now)
            if len(batch.keys) >= _BATCH_TICKS:
                self._publish(batch, ordinal)
                await asyncio.sleep(0)
                batch = self.audience.batch(self.position)
        self._publish(batch, ordinal)
        await self._rest(begun_s, len(entries))

    def _hear(self, entry: Entry) -> None:
        assert entry.source is not None
        assert entry.clock is not None
        self.board.hear(entry.source, entry.seen, entry.clock)
        self.audience.tell(f"heard {entry.source}", heard(entry.source, entry.clock, entry.seen))

    async def _rest(self, begun_s: float, entries: int) -> None:
        # What comes meanwhile is read in one go: a read costs more than a tick.
        pace_s = _PACE_S
        if not self.audience.followers:
            if entries == _ENTRIES_MAX:
                return
            self._flush()
            pace_s = self.conflate_ms / 1000
        await asyncio.sleep(max(begun_s + pace_s - clock.monotonic_s(), 0))

    def _flush(self) -> None:
        if self.board.flush(self.reference.catalogue, self.position, clock.now()):
            self.events_sent += self.board.deliver(self.audience.conflated())

    def _frame(self, entry: Entry, good: Placed, batch: Batch, now: datetime) -> None:
        batch.last = key = entry_key(entry.entry_id)
        catalogue = self.reference.catalogue
        if not batch.is_framed:
            for _, tick in good:
                self.board.apply(tick, catalogue)
            return
        for (at, tick), frame in zip(good, tick_frames(entry.entry_id, good), strict=True):
            latest, quote = self.board.apply(tick, catalogue), b""
            if batch.has_quotes and latest is not None:
                quote = quote_frame(entry.entry_id, at, latest.shown(catalogue, now))
            batch.add((*key, at), tick.symbol, frame, quote)

    def _publish(self, batch: Batch, ordinal: int | None) -> None:
        self.position, self._next_ordinal = batch.last, ordinal
        if self.audience.misses(batch):
            self.ring.restart(batch.last)
            self.audience.wake_followers()
        elif batch.keys:
            self.ring.append(batch)
            self.events_sent += self.audience.deliver(self.ring, (*batch.last, WHOLE))
        else:
            self.ring.pass_by(batch.last)

    def _hold(self, closing: Closing) -> None:
        # Whoever wants its bars has what comes after them once they are read.
        self.position = closing.last
        if self.audience.followers:
            self.ring.append(closing)
            self.audience.deliver(self.ring, (*closing.last, WHOLE))
        else:
            self.ring.restart(closing.last)

    def _tell_bars(self, closing: Closing) -> None:
        self.events_sent += self.audience.tell_bars(closing)

    async def _look_back(self) -> None:
        # A bus that was wiped or set back has only ids before ours, and would
        # never answer what comes after ours.
        newest = entry_key(await self.listener.last_id())
        if newest < self.position:
            await seed(self.board, self.listener, self.reference)
            self._tell_gap((*self.position, WHOLE), newest)
            # Followers are behind now, and find out by their own ids.
            self.ring.restart(newest)

    def _tell_gap(self, after: TickKey, until: EntryKey) -> None:
        self.position, self._next_ordinal = until, None
        frame = gap(after, until)
        self.ring.append(Batch(until, frame))
        for viewer in self.audience.viewers:
            viewer.is_shown = False
            if viewer.is_conflated:
                viewer.news["gap"] = frame
            viewer.wake()

    def _say_fault(self, reason: str) -> None:
        if self.fault is None:
            self.fault = redacted(reason)
            self.audience.tell("error", fault(self.fault, clock.now()))

    def _ping(self) -> None:
        position = self.position if self.is_seeded else None
        self.audience.tell("ping", ping(clock.now(), position))
