"""The wire form of ticks: one JSON array an entry, exact and readable.

Stage 25, bus. Encodes ticks as bytes and decodes them again: for any bytes, every tick is either
read or refused with a reason, never an exception.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from thor.domain import timestamps
from thor.domain.mark import Mark
from thor.domain.tick import RejectedTick, Tick

ENTRY_TICKS_MAX = 1000
ENTRY_BYTES_MAX = 256_000
_MARKS_MAX = 500
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(list[Tick])
_raws = msgspec.json.Decoder(list[msgspec.Raw])
_WHOLE_SECOND = re.compile(rb'("(?:ts|received_at)":"[^"]{10}T\d\d:\d\d:\d\d)Z"')
_FIELD = re.compile(r"`\$\.?(?P<path>[\w.\[\]]*)`$")
_MISSING = re.compile(r"missing required field `(?P<field>\w+)`")
_TEXTS = ("symbol", "source", "contract", "refused", "refused_value")
_VALUE_SHOWN_MAX = 200


def encode(ticks: list[Tick]) -> bytes:
    """Return ticks as a JSON array: prices as strings, times with microseconds."""
    return _WHOLE_SECOND.sub(rb'\1.000000Z"', _encoder.encode(ticks))


def written(payload: bytes, first: Tick) -> list[msgspec.Raw] | None:
    """Return each tick's own JSON in an entry of which all ticks could be read.

    None where the first is not written as `encode` writes it, or the entry has several lines.
    One writer writes an entry, so the first stands for all; slicing costs a tenth of encoding.
    """
    if b"\n" in payload or b"\r" in payload or not payload.startswith(encode([first])[:-1]):
        return None
    return _raws.decode(payload)


def parts(ticks: list[Tick]) -> Iterator[tuple[list[Tick], bytes]]:
    """Yield ticks with their wire form in pieces that fit an entry, in order.

    One tick alone may be larger than an entry: it is published, and refused by name.
    """
    for start in range(0, len(ticks), ENTRY_TICKS_MAX):
        piece = ticks[start : start + ENTRY_TICKS_MAX]
        try:
            payload = encode(piece)
        except UnicodeEncodeError:
            piece = [_escaped(tick) for tick in piece]
            payload = encode(piece)
        if len(payload) <= ENTRY_BYTES_MAX or len(piece) == 1:
            yield piece, payload
            continue
        half = len(piece) // 2
        yield from parts(piece[:half])
        yield from parts(piece[half:])


def _escaped(tick: Tick) -> Tick:
    # A lone surrogate has no UTF-8; the check refuses what remains of it.
    texts = {
        name: text.encode("utf-8", "backslashreplace").decode()
        for name in _TEXTS
        if (text := getattr(tick, name)) is not None
    }
    return msgspec.structs.replace(tick, **texts)


def one(tick: Tick) -> str:
    """Return one tick as text that can be stored and read back, whatever its values are."""
    try:
        return text_of(encode([tick])[1:-1])
    except UnicodeEncodeError:
        # A lone surrogate has no UTF-8; as a JSON escape it does.
        return json.dumps(msgspec.to_builtins(tick))


def decode(payload: bytes, n: int, entry_id: str) -> tuple[list[Tick], list[RejectedTick]]:
    """Read an entry of `n` ticks; returns each unreadable one with its reason.

    Ticks read plus `ticks` of the rejected always add up to `n`.
    """
    if len(payload) > ENTRY_BYTES_MAX:
        reason = f"{len(payload)} bytes, at most {ENTRY_BYTES_MAX} are taken"
        return [], [_whole(payload, n, entry_id, "entry", str(len(payload)), reason)]
    try:
        ticks = _decoder.decode(payload)
    except (ValueError, OverflowError, RecursionError):
        return _decode_one_by_one(payload, n, entry_id)
    if len(ticks) != n:
        return [], [_miscounted(payload, n, entry_id, len(ticks))]
    return ticks, []


def encode_seen(symbols: Sequence[str]) -> bytes:
    """Return symbols as a JSON array."""
    return _encoder.encode(list(symbols))


def decode_seen(payload: bytes | None) -> tuple[str, ...]:
    """Return the symbols of a JSON array; none where it is no array of texts."""
    try:
        return tuple(msgspec.json.decode(payload or b"[]", type=list[str]))
    except msgspec.MsgspecError:
        return ()


def encode_marks(marks: Sequence[Mark]) -> Iterator[bytes]:
    """Yield marks as JSON arrays that fit an entry: prices as strings, as in ticks."""
    for start in range(0, len(marks), _MARKS_MAX):
        yield _WHOLE_SECOND.sub(
            rb'\1.000000Z"', _encoder.encode(list(marks[start : start + _MARKS_MAX]))
        )


def decode_marks(payload: bytes, entry_id: str) -> tuple[list[Mark], list[RejectedTick]]:
    """Read the marks of an entry; returns each unreadable one with its reason.

    A refused mark counts as no tick.
    """
    try:
        items: Any = json.loads(payload, parse_float=_Number, parse_constant=_Number)
    except (ValueError, RecursionError) as error:
        items, reason = None, f"is not JSON: {error}"
    else:
        reason = f"is {type(items).__name__}, not an array of marks"
    if not isinstance(items, list):
        return [], [_whole(payload, 0, entry_id, "marks", _shown(payload), reason)]
    marks: list[Mark] = []
    rejected: list[RejectedTick] = []
    for item in items:
        try:
            marks.append(msgspec.convert(item, Mark, strict=True))
        except (ValueError, OverflowError, RecursionError) as error:
            explained = _explained(item, str(error), entry_id)
            rejected.append(msgspec.structs.replace(explained, ticks=0))
    return marks, rejected


def _decode_one_by_one(
    payload: bytes, n: int, entry_id: str
) -> tuple[list[Tick], list[RejectedTick]]:
    # The standard library reads NaN and Infinity too, so one such number does not cost the whole
    # entry; texts keep numbers as they were written.
    try:
        items: Any = json.loads(payload, parse_float=_Number, parse_constant=_Number)
    except (ValueError, RecursionError) as error:
        reason = f"is not JSON: {error}"
        return [], [_whole(payload, n, entry_id, "entry", _shown(payload), reason)]
    if not isinstance(items, list):
        reason = f"is {type(items).__name__}, not an array of ticks"
        return [], [_whole(payload, n, entry_id, "entry", _shown(payload), reason)]
    if len(items) != n:
        return [], [_miscounted(payload, n, entry_id, len(items))]
    ticks: list[Tick] = []
    rejected: list[RejectedTick] = []
    for item in items:
        try:
            tick = msgspec.convert(item, Tick, strict=True)
        except UnicodeEncodeError as error:
            where = f" - at `$.{_unencodable(item)}`"
            rejected.append(_explained(item, f"is no text: {error.reason}{where}", entry_id))
        except (ValueError, OverflowError, RecursionError) as error:
            rejected.append(_explained(item, str(error), entry_id))
        else:
            if number := next((name for name in _TEXTS if _is_number(tick, name)), None):
                message = f"Expected `str`, got `float` - at `$.{number}`"
                rejected.append(_explained(item, message, entry_id))
            else:
                ticks.append(tick)
    return ticks, rejected


def _is_number(tick: Tick, name: str) -> bool:
    return isinstance(getattr(tick, name), _Number)


def _unencodable(item: Any) -> str:
    texts = item.items() if isinstance(item, dict) else ()
    for name, text in texts:
        if isinstance(text, str) and text != text.encode("utf-8", "replace").decode():
            return str(name)
    return "tick"


class _Number(str):
    """A number kept as it was written."""

    __slots__ = ()


def _explained(item: Any, message: str, entry_id: str) -> RejectedTick:
    fields: dict[str, Any] = item if isinstance(item, dict) else {}
    missing = _MISSING.search(message)
    path = _FIELD.search(message)
    field = missing["field"] if missing else (path["path"] if path and path["path"] else "tick")
    value = fields.get(field.split(".")[0].split("[")[0]) if fields else item
    reason = message.rsplit(" - at ", 1)[0]
    reason = "is missing" if missing else f"{_shown(value)}: {reason}"
    return RejectedTick(
        field=field,
        value=_shown(value),
        reason=reason,
        payload=text_of(json.dumps(item, default=str).encode()),
        entry_id=entry_id,
        symbol=_text_or_none(fields.get("symbol")),
        ts=timestamps.parse(fields.get("ts")),
        seq=_count_or_none(fields.get("seq")),
        source=_text_or_none(fields.get("source")),
    )


def _whole(
    payload: bytes, n: int, entry_id: str, field: str, value: str, reason: str
) -> RejectedTick:
    return RejectedTick(
        field=field,
        value=value,
        reason=reason,
        payload=text_of(payload),
        entry_id=entry_id,
        ticks=n,
    )


def _miscounted(payload: bytes, n: int, entry_id: str, found: int) -> RejectedTick:
    reason = f"says {n}, the entry holds {found} ticks"
    return _whole(payload, n, entry_id, "n", str(n), reason)


def text_of(payload: bytes) -> str:
    """Return bytes as text that PostgreSQL can store; bytes that are no text are escaped."""
    return payload.decode("utf-8", "backslashreplace").replace("\x00", "\\x00")


def _shown(value: Any) -> str:
    text = (
        text_of(value)
        if isinstance(value, bytes)
        else text_of(str(value).encode("utf-8", "backslashreplace"))
    )
    return text if len(text) <= _VALUE_SHOWN_MAX else f"{text[:_VALUE_SHOWN_MAX]}…"


def _text_or_none(value: Any) -> str | None:
    return text_of(value.encode("utf-8", "backslashreplace")) if isinstance(value, str) else None


def _count_or_none(value: Any) -> int | None:
    return value if type(value) is int and abs(value) < 2**63 else None
