"""Validate entries from the bus: separate ticks to load from ticks to reject.

Stages: 25 bus → 30 ticks. Gives `EntryTicks` for entries; never raises for bad input.
"""

from datetime import UTC, datetime, timedelta

import msgspec

from thor.domain import timestamps
from thor.domain.instrument import Listing
from thor.domain.mark import Mark, check_mark
from thor.domain.tick import Refusal, RejectedTick, Tick, check, check_ahead, is_of_file
from thor.market.bus import wire
from thor.market.bus.messages import Entry
from thor.market.ticks.batch import EntryTicks

_LAST = datetime(9000, 1, 1, tzinfo=UTC)
_FOREIGN = (
    "is none of Thor's: the bus did not sign it, or `first`, `n` (1 to 1000) and `ticks` are not "
    "all there; it takes no ordinals"
)


def validate(
    entry: Entry, listing: Listing, skew_max: timedelta, now: datetime = _LAST
) -> EntryTicks:
    """Return the entry's ticks that may be loaded and the others with their reasons.

    `now` is the database's clock: what is ahead of it by more than `skew_max` is refused.
    """
    if entry.first is None:
        return EntryTicks(entry.entry_id, None, 0, [], [_unread(entry, "entry", _FOREIGN)])
    if entry.clock is not None and entry.source is not None:
        return _clock_of(entry, entry.source, entry.clock, listing, now + skew_max)
    if entry.marks is not None and entry.source is not None:
        return _marks(entry, entry.source, entry.marks, listing)
    ticks, rejected = wire.decode(entry.payload, entry.n, entry.entry_id)
    good: list[Tick] = []
    latest = now + skew_max
    for tick in ticks:
        refusal = check(tick, listing, skew_max)
        # Compared here first: almost no tick is ahead, and a call a tick is felt.
        if refusal is None and (tick.ts > latest or tick.received_at > latest):
            refusal = check_ahead(tick, now, skew_max, "the database's")
        if refusal is None:
            good.append(tick)
        else:
            rejected.append(rejection(tick, refusal, entry.entry_id))
    return EntryTicks(entry.entry_id, entry.first, entry.n, good, rejected)


def rejection(tick: Tick, refusal: Refusal, entry_id: str) -> RejectedTick:
    """Return a refused tick as a row of rejected_ticks."""
    return RejectedTick(
        field=_safe(refusal.field),
        value=_safe(refusal.value),
        reason=_safe(refusal.reason),
        payload=wire.one(tick),
        entry_id=entry_id,
        symbol=_safe(tick.symbol),
        ts=timestamps.utc_or_none(tick.ts),
        seq=tick.seq if -(2**63) <= tick.seq < 2**63 else None,
        source=_safe(tick.source),
    )


def _clock_of(
    entry: Entry, source: str, clock: datetime, listing: Listing, latest: datetime
) -> EntryTicks:
    if not listing.knows_source(source):
        return _unknown(entry, source)
    if clock > latest and not is_of_file(source):
        refused = _unread(entry, "clock", f"{source}'s clock is ahead of the database's")
        return EntryTicks(entry.entry_id, entry.first, 0, [], [refused])
    seen = tuple(symbol for symbol in entry.seen if listing.instrument(symbol) is not None)
    reading = source, clock
    return EntryTicks(entry.entry_id, entry.first, 0, [], [], clock=reading, seen=seen)


def _marks(entry: Entry, source: str, payload: bytes, listing: Listing) -> EntryTicks:
    if not listing.knows_source(source):
        return _unknown(entry, source)
    marks, rejected = wire.decode_marks(payload, entry.entry_id)
    good: list[Mark] = []
    for mark in marks:
        refusal = check_mark(mark, listing)
        if refusal is None:
            good.append(mark)
        else:
            rejected.append(
                RejectedTick(
                    field=refusal.field,
                    value=_safe(refusal.value),
                    reason=_safe(refusal.reason),
                    payload=_safe(str(msgspec.to_builtins(mark))),
                    entry_id=entry.entry_id,
                    ticks=0,
                    symbol=_safe(mark.symbol),
                    ts=timestamps.utc_or_none(mark.received_at),
                    source=source,
                )
            )
    return EntryTicks(
        entry.entry_id, entry.first, 0, [], rejected, marks=tuple(good), marks_source=source
    )


def _unknown(entry: Entry, source: str) -> EntryTicks:
    refused = _unread(entry, "source", f"{source} is not in reference.sources")
    return EntryTicks(entry.entry_id, entry.first, 0, [], [refused])


def _unread(entry: Entry, field: str, reason: str) -> RejectedTick:
    return RejectedTick(
        field=field,
        value=entry.entry_id if field == "entry" else _safe(entry.source or ""),
        reason=_safe(reason),
        payload=wire.text_of(entry.payload),
        entry_id=entry.entry_id,
        ticks=0,
    )


def _safe(text: str) -> str:
    return wire.text_of(text.encode("utf-8", "backslashreplace"))
