"""The subscribers of the stream: how far each has got, and how to wake them.

Stages: 25 bus → API. Pure but for the event loop's futures.
"""

import asyncio
from typing import Protocol

from thor.stream.buffer import Batch, EventFilter, ReplayBuffer
from thor.stream.closed_bar_batch import BarClose
from thor.stream.events import EntryKey, TickKey

# Closed bars that a conflated client may be behind with, in clock entries.
_NOTICES_MAX = 100


class Transport(Protocol):
    """Writes one stream's bytes directly to its connection, without a turn of its task."""

    def write(self, frames: bytes) -> bool:
        """Write and return True; return False, nothing written, for a client that lags or left."""


class Subscriber:
    """One client of the stream."""

    __slots__ = (
        "_wakeup",
        "event_filter",
        "is_conflated",
        "is_gone",
        "is_shown",
        "key",
        "notices",
        "ordinal",
        "transport",
        "version",
    )

    def __init__(
        self, event_filter: EventFilter, *, is_conflated: bool = False, after: TickKey | None = None
    ):
        """Take its filter, and the last tick it has seen where it resumes."""
        self.event_filter = event_filter
        self.is_conflated = is_conflated
        # Everything up to this tick was sent; None where it begins now.
        self.key = None if is_conflated else after
        self.ordinal = -1
        self.version = -1
        # Whether it got the latest quotes since it caught up.
        self.is_shown = False
        self.is_gone = False
        # The newest heartbeat, fault and gap that it has not got yet.
        self.notices: dict[str, bytes] = {}
        # Where the server lets the reader write to the client itself.
        self.transport: Transport | None = None
        self._wakeup: asyncio.Future[None] | None = None

    @property
    def is_idle(self) -> bool:
        """Whether everything was sent, so that the next event may be written at once."""
        wakeup = self._wakeup
        return wakeup is not None and not wakeup.done() and self.is_shown and not self.notices

    def offer(self, frames: bytes) -> bool:
        """Write to an idle client at once and return True; else False, and it is woken."""
        if self.transport is not None and self.is_idle and self.transport.write(frames):
            return True
        self.wake()
        return False

    def wake(self) -> None:
        """Wake it to look for new events."""
        wakeup = self._wakeup
        if wakeup is not None and not wakeup.done():
            wakeup.set_result(None)

    async def wait(self) -> None:
        """Wait until woken."""
        self._wakeup = asyncio.get_running_loop().create_future()
        await self._wakeup

    def leave(self) -> None:
        """Record that the client has left."""
        self.is_gone = True
        self.wake()


class Subscribers:
    """All subscribers: followers want every event, conflated ones the newest once a window."""

    def __init__(self) -> None:
        """Begin without subscribers."""
        self.members: set[Subscriber] = set()
        self.followers: dict[EventFilter, set[Subscriber]] = {}
        # The widths that any subscriber wants.
        self.widths: frozenset[str] = frozenset()

    def __len__(self) -> int:
        """Return the number of subscribers."""
        return len(self.members)

    @property
    def wants_quotes(self) -> bool:
        """Whether any follower wants the quote after each tick."""
        return any(event_filter.quotes for event_filter in self.followers)

    @property
    def holds_ticks(self) -> bool:
        """Whether any follower waits for bars with ticks or quotes behind them."""
        return any(
            event_filter.bars and (event_filter.ticks or event_filter.quotes)
            for event_filter in self.followers
        )

    def batch(self, offset: EntryKey) -> Batch:
        """Return an empty batch after an entry, for the event kinds wanted now.

        A subscriber that joins while a batch is built without its event kinds reads that batch from
        the bus.
        """
        return Batch(
            offset,
            is_framed=bool(self.followers),
            has_quotes=self.wants_quotes,
            widths=self.widths,
        )

    def misses(self, batch: Batch) -> bool:
        """Whether a batch was built without an event kind that is wanted now, or for nobody."""
        lacks_quotes = self.wants_quotes and not batch.has_quotes
        return not batch.is_framed or lacks_quotes or not self.widths <= batch.widths

    def is_first(self, subscriber: Subscriber) -> bool:
        """Whether a new subscriber wants events that none wanted till now."""
        if subscriber.is_conflated:
            return False
        event_filter = subscriber.event_filter
        if not self.followers or (event_filter.quotes and not self.wants_quotes):
            return True
        return not event_filter.bars <= frozenset().union(*(one.bars for one in self.followers))

    def join(self, subscriber: Subscriber) -> None:
        """Add a subscriber."""
        self.members.add(subscriber)
        self.widths |= subscriber.event_filter.bars
        if not subscriber.is_conflated:
            self.followers.setdefault(subscriber.event_filter, set()).add(subscriber)

    def leave(self, subscriber: Subscriber) -> None:
        """Remove a subscriber."""
        self.members.discard(subscriber)
        if subscriber.event_filter.bars:
            self.widths = frozenset().union(*(one.event_filter.bars for one in self.members))
        same = self.followers.get(subscriber.event_filter)
        if same is not None:
            same.discard(subscriber)
            if not same:
                del self.followers[subscriber.event_filter]

    def conflated(self) -> list[Subscriber]:
        """Return the conflated subscribers."""
        return [subscriber for subscriber in self.members if subscriber.is_conflated]

    def deliver(self, buffer: ReplayBuffer, key: TickKey) -> int:
        """Send the buffer's newest batch to all that have had the rest; returns events written.

        A subscriber that is behind, or cannot be written to, is woken.
        """
        written, ordinal = 0, buffer.end - 1
        for event_filter, members in self.followers.items():
            found = buffer.take(ordinal, event_filter, 1)
            if found is None or found.ordinal == ordinal:
                continue
            for subscriber in members:
                if subscriber.ordinal != ordinal:
                    subscriber.wake()
                elif not found.frames or subscriber.offer(found.frames):
                    subscriber.ordinal, subscriber.key = found.ordinal, key
                    written += found.events
        return written

    def notify_bars(self, bar_close: BarClose) -> int:
        """Send closed bars to their subscribers; returns events written.

        Followers find them in the buffer, where they were pending; the others are written to.
        """
        written = 0
        for subscriber in self.members:
            if not subscriber.event_filter.bars:
                continue
            if not subscriber.is_conflated:
                subscriber.wake()
                continue
            frames, events, _ = bar_close.frames(subscriber.event_filter, keep=True)
            if not frames:
                continue
            if subscriber.offer(frames):
                written += events
            elif len(subscriber.notices) < _NOTICES_MAX:
                subscriber.notices[bar_close.entry.entry_id] = frames
            else:
                subscriber.notices["gap"] = bar_close.gap_event()
        return written

    def notify(self, kind: str, frame: bytes) -> None:
        """Queue an event for every subscriber, in place of the last of its kind."""
        for subscriber in self.members:
            subscriber.notices[kind] = frame
        self.wake()

    def wake(self) -> None:
        """Wake all subscribers."""
        for subscriber in self.members:
            subscriber.wake()

    def wake_followers(self) -> None:
        """Wake the followers."""
        for members in self.followers.values():
            for subscriber in members:
                subscriber.wake()
