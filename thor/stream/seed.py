"""Bring the board to where the stream stands, so that it can be led on from there.

Stages: 25 bus → API. Reads the latest hashes, and the entries they may lack.
"""

from thor.market.bus.client import Listener
from thor.reference.cache import Reference
from thor.stream.entries import Entries
from thor.stream.events import EntryKey, entry_key, entry_text
from thor.stream.last_values import Board

_ENTRIES_MAX = 100


async def seed(board: Board, listener: Listener, reference: Reference) -> None:
    """Begin a board anew from the latest hashes."""
    listing = reference.catalogue.listing
    symbols = list(dict.fromkeys([*listing.instruments, *listing.series]))
    hashes = await listener.latest(symbols)
    heard = await listener.heard({one["source"] for one in hashes.values() if "source" in one})
    board.seed(hashes, reference.catalogue, heard)


async def lead(
    board: Board, listener: Listener, reference: Reference, entries: Entries
) -> tuple[EntryKey, int | None]:
    """Begin a board anew at the newest entry; returns its id and the ordinal that comes next.

    The ordinal is None where no entry told it.
    """
    # The hashes are at some entry between the two ids: reading on from the
    # first leaves them exactly at the second.
    first = await listener.last_id()
    await seed(board, listener, reference)
    last = entry_key(await listener.last_id())
    position, ordinal = entry_key(first), None
    while position < last:
        found = await listener.between(entry_text(position), entry_text(last), _ENTRIES_MAX)
        for entry in found:
            for _, tick in await entries.good(entry):
                board.apply(tick, reference.catalogue)
            if entry.clock is not None and entry.source is not None:
                board.hear(entry.source, entry.seen, entry.clock)
            if entry.first is not None:
                ordinal = entry.first + entry.n
        position = entry_key(found[-1].entry_id) if found else last
    return last, ordinal
