"""Follow the screen for one client: from its last id, through the bus, to the ring.

Stages: 25 bus → API. Takes the shared ring and board; gives the bytes of one
stream, and fetches from the bus what a client missed and the ring has no more.
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from thor import clock
from thor.domain.bar import WIDTHS
from thor.errors import Unavailable
from thor.market.bus import wire
from thor.market.bus.messages import Entry
from thor.stream.buffer import Batch
from thor.stream.events import WHOLE, TickKey, before, entry_key, entry_text, event, gap, tick_text
from thor.stream.subscribers import Viewer

if TYPE_CHECKING:
    from thor.stream.hub import Screen

_CHUNK_BYTES = 256_000
_ENTRIES_MAX = 20
_RETRY_S = 0.5
_RECONNECT_MS = 1_000


async def watch(screen: "Screen", viewer: Viewer) -> AsyncGenerator[bytes, None]:
    """Yield the stream of one client, whole events joined, until it goes or the screen ends."""
    screen.join(viewer)
    try:
        while not (screen.is_seeded or screen.fault or _is_over(screen, viewer)):
            await viewer.wait()
        yield _hello(screen, viewer)
        while not _is_over(screen, viewer):
            if _is_behind(screen, viewer):
                async for chunk in _catch_up(screen, viewer):
                    yield chunk
                continue
            chunk = _next(screen, viewer)
            if chunk:
                yield chunk
            else:
                await viewer.wait()
    finally:
        screen.audience.leave(viewer)


def _is_over(screen: "Screen", viewer: Viewer) -> bool:
    return screen.is_ended or viewer.is_gone


def _is_behind(screen: "Screen", viewer: Viewer) -> bool:
    follows = screen.is_seeded and not viewer.is_conflated
    return follows and viewer.ordinal < screen.ring.oldest


def _hello(screen: "Screen", viewer: Viewer) -> bytes:
    known, symbols = screen.reference.known, viewer.wish.symbols
    position = entry_text(screen.position) if screen.is_seeded else None
    data = {
        "ts": wire.instant(clock.now()),
        "nature": known.nature if known else None,
        "symbols": None if symbols is None else sorted(symbols),
        "bars": [width for width in WIDTHS if width in viewer.wish.bars],
        "mode": "conflated" if viewer.is_conflated else "ticks",
        "position": position,
        "from": None if viewer.key is None else tick_text(viewer.key),
        "conflate_ms": screen.conflate_ms,
        "ping_s": screen.ping_s,
    }
    frame = event("hello", data, position if viewer.key is None else None)
    screen.events_sent += 1
    if viewer.key is None and screen.is_seeded and not viewer.is_conflated:
        viewer.key = (*screen.position, WHOLE)
    return b"retry: %d\n" % _RECONNECT_MS + frame


def _next(screen: "Screen", viewer: Viewer) -> bytes:
    """Return what is new for a client, or nothing."""
    if not screen.is_seeded:
        return _told(screen, viewer)
    if viewer.is_conflated:
        return _changed(screen, viewer) + _told(screen, viewer)
    ring = screen.ring
    found = ring.take(viewer.ordinal, viewer.wish, _CHUNK_BYTES)
    if found is None:
        return b""
    viewer.ordinal = found.ordinal
    screen.events_sent += found.events
    if viewer.ordinal < ring.end:
        viewer.key = (*ring.last(viewer.ordinal), WHOLE)
        return found.frames
    viewer.key = (*screen.position, WHOLE)
    if viewer.is_shown and not viewer.news:
        return found.frames
    return found.frames + _shown(screen, viewer) + _told(screen, viewer)


def _changed(screen: "Screen", viewer: Viewer) -> bytes:
    board = screen.board
    if not viewer.is_shown:
        viewer.version = board.version
        return _shown(screen, viewer)
    if viewer.version == board.version:
        return b""
    frames, events = board.since(viewer.version, viewer.wish.symbols)
    viewer.version = board.version
    screen.events_sent += events
    return frames


def _shown(screen: "Screen", viewer: Viewer) -> bytes:
    """Return the latest quotes, once it has caught up."""
    if viewer.is_shown:
        return b""
    viewer.is_shown = True
    if not viewer.wish.quotes:
        return b""
    frames, events = screen.board.shown(
        viewer.wish.symbols, screen.reference.catalogue, screen.position, clock.now()
    )
    screen.events_sent += events
    return frames


def _told(screen: "Screen", viewer: Viewer) -> bytes:
    if not viewer.news:
        return b""
    frames = b"".join(viewer.news.values())
    screen.events_sent += len(viewer.news)
    viewer.news.clear()
    return frames


async def _catch_up(screen: "Screen", viewer: Viewer) -> AsyncGenerator[bytes, None]:
    """Yield the ticks a client missed, from the bus, until the ring has the rest."""
    ring = screen.ring
    next_ordinal: int | None = None
    viewer.is_shown = False
    while not _is_over(screen, viewer) and screen.is_seeded:
        key = viewer.key
        if key is None:
            viewer.key, viewer.ordinal = (*screen.position, WHOLE), ring.end
            return
        if key > (*screen.position, WHOLE):
            yield gap(key, screen.position)
            viewer.key = (*screen.position, WHOLE)
            continue
        ordinal = ring.place(key)
        if ordinal is not None:
            found = ring.first(ordinal, key, viewer.wish)
            viewer.ordinal = found.ordinal
            viewer.key = (*ring.last(found.ordinal), WHOLE)
            screen.events_sent += found.events
            yield found.frames
            return
        try:
            chunk, next_ordinal = await _missed(screen, viewer, key, next_ordinal)
            yield chunk
        except Unavailable:
            # The reader says so to everybody.
            yield _told(screen, viewer)
            await asyncio.sleep(_RETRY_S)


async def _missed(
    screen: "Screen", viewer: Viewer, key: TickKey, next_ordinal: int | None
) -> tuple[bytes, int | None]:
    listener, until = screen.listener, screen.ring.start
    # The first time the entry of the tick itself is read: if it is still there,
    # so is all that came after it.
    first = before(key[:2]) if next_ordinal is None else key[:2]
    entries = await listener.between(entry_text(first), entry_text(until), _ENTRIES_MAX)
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
        batch = await _opened(screen, viewer, entry)
        frames, events = batch.after(key, viewer.wish)
        screen.events_sent += events
        parts.append(frames)
        key = (*batch.last, WHOLE)
    viewer.key = key if entries else (*until, WHOLE)
    return b"".join(parts), next_ordinal


async def _opened(screen: "Screen", viewer: Viewer, entry: Entry) -> Batch:
    """Return an entry's events: its ticks, or the bars that it closed, which may take a while."""
    wish = viewer.wish
    if entry.clock is None or not wish.bars:
        return await screen.entries.framed(entry)
    is_hasty = wish.ticks or wish.quotes
    asked = asyncio.ensure_future(screen.closings.closed(entry, wish.bars, is_hasty=is_hasty))
    try:
        while not (asked.done() or _is_over(screen, viewer)):
            await asyncio.wait({asked}, timeout=_RETRY_S)
        closing = asked.result() if asked.done() else None
    finally:
        asked.cancel()
    return Batch(entry_key(entry.entry_id)) if closing is None else closing
