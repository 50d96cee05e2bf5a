"""Encode events for a stream of server-sent events, and parse the ids that they carry.

Stages: 25 bus → API. Pure. An id is `<entry id>.<index>`, the place of a tick among the readable
ones of its entry, or of a bar among those that a clock entry closed; without an index it means
after them all.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from thor.domain import timestamps
from thor.domain.tick import Tick
from thor.errors import Rejected
from thor.market.bus import wire

# An entry's id, (ms, seq), and a tick's offset, (ms, seq, index).
EntryKey = tuple[int, int]
TickKey = tuple[int, int, int]
# Ticks with their indexes among the readable ones of their entry.
Indexed = list[tuple[int, Tick]]

WHOLE = 1_000_000
_SEQ_MAX = 2**64 - 1
_ID = re.compile(r"(?P<ms>[0-9]{1,20})-(?P<seq>[0-9]{1,20})(?:\.(?P<index>[0-9]{1,6}))?")
_encoder = msgspec.json.Encoder()
_raws = msgspec.json.Decoder(list[msgspec.Raw])


def entry_key(entry_id: str) -> EntryKey:
    """Return an entry's id as numbers that sort as the stream does."""
    ms, _, seq = entry_id.partition("-")
    return int(ms), int(seq)


def entry_text(key: EntryKey) -> str:
    """Return an entry's id in the bus's form."""
    return f"{key[0]}-{key[1]}"


def before(key: EntryKey) -> EntryKey:
    """Return the id that comes just before an entry's."""
    if key[1]:
        return key[0], key[1] - 1
    return (key[0] - 1, _SEQ_MAX) if key[0] else (0, 0)


def tick_key(field: str, text: str) -> TickKey:
    """Parse an event's id; raises `Rejected` naming its field."""
    match = _ID.fullmatch(text)
    key = (int(match["ms"]), int(match["seq"])) if match else (0, 0)
    if match is None or max(key) > _SEQ_MAX:
        raise Rejected(
            f"{field}: {text[:60]!r} is no event id; they look like 1763649000000-0.3, "
            "the id of the last event that was seen"
        )
    return (*key, WHOLE if match["index"] is None else int(match["index"]))


def tick_text(key: TickKey) -> str:
    """Return an event's id as it is sent."""
    entry = entry_text(key[:2])
    return entry if key[2] == WHOLE else f"{entry}.{key[2]}"


def event(kind: str, data: Any, event_id: str | None = None) -> bytes:
    """Return an event of a kind, its data as JSON."""
    head = f"event: {kind}\n" if event_id is None else f"event: {kind}\nid: {event_id}\n"
    return head.encode() + b"data: " + _encoder.encode(data) + b"\n\n"


def tick_frames(
    entry_id: str, good: Indexed, payload: bytes | None = None, first: Tick | None = None
) -> list[bytes]:
    """Return the events of ticks in the wire form, given with their indexes in their entry.

    `payload` and `first` are the entry's own JSON and its first tick, where all of its ticks
    could be read: then the JSON is sliced instead of written anew.
    """
    own = None
    if payload is not None and first is not None and len(good) > 1:
        own = wire.written(payload, first)
    if own is None:
        raws = _raws.decode(wire.encode([tick for _, tick in good]))
    else:
        raws = [own[at] for at, _ in good]
    head = f"event: tick\nid: {entry_id}.".encode()
    return [
        b"%b%d\ndata: %b\n\n" % (head, at, raw) for (at, _), raw in zip(good, raws, strict=True)
    ]


def quote_frame(entry_id: str, at: int, quote: Any) -> bytes:
    """Return the event of the quote after a tick."""
    head = f"event: quote\nid: {entry_id}.{at}\ndata: ".encode()
    return head + _encoder.encode(quote) + b"\n\n"


def bar_frame(entry_id: str, at: int, width: str, bar: str, is_complete: bool) -> bytes:
    """Return the event of a bar that a clock entry closed, given as its JSON object."""
    head = f"event: bar\nid: {entry_id}.{at}\ndata: "
    fields = f'{{"width" : "{width}", "is_complete" : {"true" if is_complete else "false"}, '
    return (head + fields + bar.removeprefix("{") + "\n\n").encode()


def ping(now: datetime, offset: EntryKey | None) -> bytes:
    """Return a heartbeat; its id says that all before that entry's end has been sent."""
    event_id = None if offset is None else entry_text(offset)
    return event("ping", {"ts": timestamps.format_utc(now), "position": event_id}, event_id)


def heard(source: str, ts: datetime, symbols: Sequence[str]) -> bytes:
    """Return the event that a source has looked at symbols, with or without ticks."""
    return event("heard", {"source": source, "ts": timestamps.format_utc(ts), "symbols": symbols})


def gap(after: TickKey, until: EntryKey) -> bytes:
    """Return the event that ticks after one id, up to the end of an entry, may be missing."""
    end = entry_text(until)
    return event("gap", {"from": tick_text(after), "to": end}, end)


def fault(reason: str, now: datetime) -> bytes:
    """Return the event that the bus is away."""
    data = {
        "status": 503,
        "title": "Unavailable",
        "detail": reason,
        "ts": timestamps.format_utc(now),
    }
    return event("error", data)
