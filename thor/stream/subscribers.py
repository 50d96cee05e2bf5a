"""Know who watches the screen, how far each has got, and wake them.

Stages: 25 bus → API. Pure but for the event loop's futures.
"""

import asyncio
from typing import Protocol

from thor.stream.buffer import Batch, Ring, Wish
from thor.stream.closed_bar_batch import Closing
from thor.stream.events import EntryKey, TickKey

# Closed bars that a conflated client may be behind with, in clock entries.
_NEWS_MAX = 100


class Sink(Protocol):
    """Where the bytes of one stream go without its task taking a turn."""

    def write(self, frames: bytes) -> bool:
        """Write and return True; False, nothing written, to a client that lags or left."""


class Viewer:
    """One client of the stream."""

    __slots__ = (
        "_bell",
        "is_conflated",
        "is_gone",
        "is_shown",
        "key",
        "news",
        "ordinal",
        "sink",
        "version",
        "wish",
    )

    def __init__(self, wish: Wish, *, is_conflated: bool = False, after: TickKey | None = None):
        """Take what it wants, and the last tick it has seen where it comes back."""
        self.wish = wish
        self.is_conflated = is_conflated
        # All up to this tick has been sent; None where it begins now.
        self.key = None if is_conflated else after
        self.ordinal = -1
        self.version = -1
        # Whether it was shown the latest quotes since it caught up.
        self.is_shown = False
        self.is_gone = False
        # The newest heartbeat, fault and gap that it has not been told.
        self.news: dict[str, bytes] = {}
        # Where the server lets the reader write to the client itself.
        self.sink: Sink | None = None
        self._bell: asyncio.Future[None] | None = None

    @property
    def is_idle(self) -> bool:
        """Whether it waits with all sent, so that what comes may be written at once."""
        bell = self._bell
        return bell is not None and not bell.done() and self.is_shown and not self.news

    def offer(self, frames: bytes) -> bool:
        """Write to an idle client at once and return True; else False, and it is woken."""
        if self.sink is not None and self.is_idle and self.sink.write(frames):
            return True
        self.wake()
        return False

    def wake(self) -> None:
        """Let it look for something new."""
        bell = self._bell
        if bell is not None and not bell.done():
            bell.set_result(None)

    async def wait(self) -> None:
        """Wait until woken."""
        self._bell = asyncio.get_running_loop().create_future()
        await self._bell

    def leave(self) -> None:
        """Note that the client has gone."""
        self.is_gone = True
        self.wake()


class Audience:
    """All who watch: followers want every event, the others the newest now and then."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self.viewers: set[Viewer] = set()
        self.followers: dict[Wish, set[Viewer]] = {}
        # The widths whose bars somebody wants.
        self.widths: frozenset[str] = frozenset()

    def __len__(self) -> int:
        """Return how many watch."""
        return len(self.viewers)

    @property
    def wants_quotes(self) -> bool:
        """Whether any follower wants the quote that each tick makes."""
        return any(wish.quotes for wish in self.followers)

    @property
    def holds_ticks(self) -> bool:
        """Whether any follower waits for bars with ticks or quotes behind them."""
        return any(wish.bars and (wish.ticks or wish.quotes) for wish in self.followers)

    def batch(self, position: EntryKey) -> Batch:
        """Return an empty batch after an entry, which is to hold what is wanted now.

        Whoever comes while a batch is made that lacks what he wants reads it from the bus.
        """
        return Batch(
            position,
            is_framed=bool(self.followers),
            has_quotes=self.wants_quotes,
            widths=self.widths,
        )

    def misses(self, batch: Batch) -> bool:
        """Whether a batch was made without something that is wanted now, or for nobody."""
        lacks_quotes = self.wants_quotes and not batch.has_quotes
        return not batch.is_framed or lacks_quotes or not self.widths <= batch.widths

    def is_first(self, viewer: Viewer) -> bool:
        """Whether a viewer who comes wants events that nobody wanted till now."""
        if viewer.is_conflated:
            return False
        wish = viewer.wish
        if not self.followers or (wish.quotes and not self.wants_quotes):
            return True
        return not wish.bars <= frozenset().union(*(one.bars for one in self.followers))

    def join(self, viewer: Viewer) -> None:
        """Count somebody in."""
        self.viewers.add(viewer)
        self.widths |= viewer.wish.bars
        if not viewer.is_conflated:
            self.followers.setdefault(viewer.wish, set()).add(viewer)

    def leave(self, viewer: Viewer) -> None:
        """Count somebody out."""
        self.viewers.discard(viewer)
        if viewer.wish.bars:
            self.widths = frozenset().union(*(one.wish.bars for one in self.viewers))
        same = self.followers.get(viewer.wish)
        if same is not None:
            same.discard(viewer)
            if not same:
                del self.followers[viewer.wish]

    def conflated(self) -> list[Viewer]:
        """Return those who want the newest now and then."""
        return [viewer for viewer in self.viewers if viewer.is_conflated]

    def deliver(self, ring: Ring, key: TickKey) -> int:
        """Give the ring's newest batch to all who have had the rest; returns events written.

        Who has more to come, or cannot be written to, is woken.
        """
        written, ordinal = 0, ring.end - 1
        for wish, viewers in self.followers.items():
            found = ring.take(ordinal, wish, 1)
            if found is None or found.ordinal == ordinal:
                continue
            for viewer in viewers:
                if viewer.ordinal != ordinal:
                    viewer.wake()
                elif not found.frames or viewer.offer(found.frames):
                    viewer.ordinal, viewer.key = found.ordinal, key
                    written += found.events
        return written

    def tell_bars(self, closing: Closing) -> int:
        """Give closed bars to those who want them; returns events written.

        Followers find them in the ring, which held them up; the others are told.
        """
        written = 0
        for viewer in self.viewers:
            if not viewer.wish.bars:
                continue
            if not viewer.is_conflated:
                viewer.wake()
                continue
            frames, events, _ = closing.frames(viewer.wish, keep=True)
            if not frames:
                continue
            if viewer.offer(frames):
                written += events
            elif len(viewer.news) < _NEWS_MAX:
                viewer.news[closing.entry.entry_id] = frames
            else:
                viewer.news["gap"] = closing.gap_told()
        return written

    def tell(self, kind: str, frame: bytes) -> None:
        """Tell everybody a piece of news, in place of the last of its kind."""
        for viewer in self.viewers:
            viewer.news[kind] = frame
        self.wake()

    def wake(self) -> None:
        """Let everybody look for something new."""
        for viewer in self.viewers:
            viewer.wake()

    def wake_followers(self) -> None:
        """Let those who want every event look for something new."""
        for viewers in self.followers.values():
            for viewer in viewers:
                viewer.wake()
