"""Parse the bus server's answers into values, and build its publish requests.

Stage 25, bus. Pure: names no server; `client.py` does the calls.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from thor.domain import timestamps
from thor.domain.tick import Tick, check_ahead, is_of_file
from thor.errors import Unavailable
from thor.market.bus import wire

STREAM = "quotes:stream:unified"
COUNTER = "quotes:stream:unified:counter"
SHADOWED = "quotes:shadowed"
CLOCKS = "quotes:clocks"
AHEAD = "quotes:ahead"
HEARD = "quotes:heard:"
GROUP = "ingest"
# The first word of an error where the server cannot write now: full, without replicas, a replica.
FOR_NOW = ("OOM", "NOREPLICAS", "MISCONF", "READONLY", "MASTERDOWN", "TRYAGAIN")
LATEST = "quotes:latest:"
CLAIM = "quotes:source:"
_ORDINAL_DIGITS_MAX = 16
_MICROSECOND = timedelta(microseconds=1)
_MB = 1 << 20
_FULL = 0.95
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MERGED = ("last", "bid", "ask", "last_size", "bid_size", "ask_size", "volume", "contract")


class BusFull(Unavailable):
    """The stream holds as many unacknowledged ticks as it may: wait and publish again."""


class Claim(msgspec.Struct, frozen=True):
    """A source's claim on a symbol: priority (the lowest is active) and its staleness in ms."""

    priority: int
    stale_ms: int


class Published(msgspec.Struct, frozen=True):
    """The result of a publish: ticks on the stream, ticks shadowed, and the last entry's id."""

    ticks: int
    shadowed: int
    entry_id: str | None = None

    def __add__(self, other: "Published") -> "Published":
        """Return the sum of two results, of which the other is the later one."""
        return Published(
            self.ticks + other.ticks,
            self.shadowed + other.shadowed,
            other.entry_id or self.entry_id,
        )


class Seal(msgspec.Struct, frozen=True):
    """The key by which the bus signs its entries; those up to `after` are from before it.

    Without a key none was ever signed.
    """

    key: bytes | None = None
    after: tuple[int, int] = (0, 0)

    def is_on(self, entry_id: str, fields: dict[bytes, bytes]) -> bool:
        """Return whether an entry is what one of the bus's own scripts wrote."""
        if self.key is None or entry_order(entry_id) <= self.after:
            return True
        parts = [part for pair in fields.items() if pair[0] != b"sig" for part in pair]
        return fields.get(b"sig") == signature(self.key, parts)


def signature(key: bytes, parts: Sequence[bytes]) -> bytes:
    """Return the signature of an entry's names and values, as `signed.lua` makes it."""
    return hashlib.sha1(b"\n".join([key, *parts]), usedforsecurity=False).hexdigest().encode()


def entry_order(entry_id: str) -> tuple[int, int]:
    """Return an entry's id as two numbers, which sort as entries do."""
    ms, _, seq = entry_id.partition("-")
    return int(ms), int(seq or 0)


def seal(answer: list[bytes | None]) -> Seal:
    """Return the seal from the counter's key, signed_after and next."""
    key, after, following = answer
    if key is None and following is None:
        # Nothing was ever published: whatever lies there is not Thor's.
        return Seal(b"")
    is_id = after is not None and re.fullmatch(rb"[0-9]{1,20}-[0-9]{1,20}", after)
    return Seal(key, entry_order(after.decode()) if after is not None and is_id else (0, 0))


class Entry(msgspec.Struct, frozen=True):
    """An entry of the stream as stored; `first` is None where the entry is not Thor's.

    A clock entry has no tick: it carries its source's clock, and in `since` the clock before, None
    where that run began with it; `seen` are the symbols that the source has looked at, with or
    without a tick. A marks entry has no tick either: `marks` is its JSON array, see
    `wire.decode_marks`.
    """

    entry_id: str
    first: int | None
    n: int
    payload: bytes
    source: str | None = None
    clock: datetime | None = None
    since: datetime | None = None
    seen: tuple[str, ...] = ()
    marks: bytes | None = None


class BusState(msgspec.Struct, frozen=True, kw_only=True):
    """The bus in numbers: ordinals, ticks held, and the ingest group's entries.

    `fault` says what keeps the server from writing: its memory, or its disk.
    `ahead_s` are the seconds by which each source's clock was last ahead of the bus's own,
    by more than may be, of sources that have not published a better time since.
    """

    base: int
    next: int
    held: int
    entries: int
    pending_entries: int
    lag_entries: int | None
    shadowed: dict[str, int]
    ahead_s: dict[str, int] = {}
    fault: str | None = None

    @property
    def received(self) -> int:
        """Ticks published in this life of the bus."""
        return self.next - self.base


class PublishRequest:
    """One entry's publish request, which is sent again without the shadowed ticks."""

    def __init__(
        self,
        ticks: list[Tick],
        payload: bytes,
        claims: Mapping[str, Claim] | None,
        ticks_max: int,
        skew_max: timedelta,
    ) -> None:
        """Take ticks of one source with their wire form, and how far ahead of the bus they may be.

        Files keep their own time.
        """
        self._ticks, self._claims, self._ticks_max = ticks, claims, ticks_max
        self._skew_max = skew_max
        self._skew_us = skew_us(ticks[0].source, skew_max)
        self._prepare(ticks, payload)

    def _prepare(self, accepted: list[Tick], payload: bytes) -> None:
        self._accepted, self._shadowed = accepted, len(self._ticks) - len(accepted)
        self._symbols, keys, values = _of_symbols(accepted, self._claims or {})
        newest = max((_newest(tick) for tick in accepted if tick.refused is None), default=None)
        head = [payload, len(accepted), self._ticks[0].source, self._ticks_max]
        is_arbitrated = int(self._claims is not None)
        self.keys = [STREAM, COUNTER, SHADOWED, AHEAD, *keys]
        self.arguments = [
            *head,
            is_arbitrated,
            self._shadowed,
            len(self._symbols),
            self._skew_us,
            "" if newest is None else timestamps.format_utc(newest),
            *values,
        ]

    def outcome(self, answer: list[Any]) -> Published | None:
        """Return the result, or None where the request must be sent again.

        What is ahead of the bus's clock is published as refused. Raises `BusFull`.
        """
        refuse_full(answer)
        if answer[0] == b"ok":
            entry_id = answer[1].decode() if answer[1] else None
            return Published(len(self._accepted), self._shadowed, entry_id)
        if answer[0] == b"ahead":
            now = _EPOCH + int(answer[1]) * _MICROSECOND
            marked = [
                one
                if one.refused is not None
                or (refusal := check_ahead(one, now, self._skew_max, "the bus's")) is None
                else msgspec.structs.replace(one, refused=str(refusal))
                for one in self._ticks
            ]
            accepted_ids = {id(one) for one in self._accepted}
            accepted = [
                mark
                for one, mark in zip(self._ticks, marked, strict=True)
                if id(one) in accepted_ids
            ]
            self._ticks = marked
            self._prepare(accepted, wire.encode(accepted))
            return None
        shadowed = {self._symbols[index - 1] for index in answer[1:]}
        accepted = [tick for tick in self._accepted if tick.symbol not in shadowed]
        self._prepare(accepted, wire.encode(accepted))
        return None


def skew_us(source: str, skew_max: timedelta) -> int:
    """Return how far a source may be ahead of the bus's clock, in us; -1 for a file."""
    return -1 if is_of_file(source) else skew_max // _MICROSECOND


def _newest(tick: Tick) -> datetime:
    return max(tick.ts, tick.received_at)


def refuse_full(answer: list[Any]) -> None:
    """Raise `BusFull` where the script answered that the bus is full."""
    if answer[0] == b"full":
        raise BusFull(f"the bus holds {answer[1]} ticks that are not yet read")


def _of_symbols(
    ticks: list[Tick], claims: Mapping[str, Claim]
) -> tuple[list[str], list[str], list[Any]]:
    fields: dict[str, dict[str, tuple[Any, str]]] = {}
    newest: dict[str, Tick] = {}
    for tick in ticks:
        merged = fields.setdefault(tick.symbol, {})
        before = newest.get(tick.symbol)
        if tick.refused is not None or (before is not None and tick.ts < before.ts):
            continue
        newest[tick.symbol] = tick
        ts = timestamps.format_utc(tick.ts)
        for name in _MERGED:
            value = getattr(tick, name)
            if value is not None:
                merged[name] = (value, ts)
        merged["ts"], merged["received_at"] = (
            (ts, ts),
            (timestamps.format_utc(tick.received_at), ts),
        )
        merged["source"], merged["seq"] = (tick.source, ts), (tick.seq, ts)
    keys: list[str] = []
    values: list[Any] = []
    for symbol, merged in fields.items():
        keys += [LATEST + symbol, CLAIM + symbol]
        claim = claims.get(symbol, Claim(100, 0))
        triples = [
            part for name, (value, ts) in merged.items() for part in (name, _plain(value), ts)
        ]
        ts = merged["ts"][1] if merged else ""
        values += [claim.priority, claim.stale_ms, ts, len(merged), *triples]
    return list(fields), keys, values


def _plain(value: Any) -> str | int:
    if isinstance(value, Decimal):
        return format(value, "f")
    return value if isinstance(value, int) else str(value)


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")


def _instant(raw: bytes) -> datetime | None:
    return timestamps.parse(_text(raw))


def streams(found: Any) -> list[Any]:
    """Return what XREAD and XREADGROUP answer as (stream, entries) pairs."""
    if not found:
        return []
    return list(found.items()) if isinstance(found, dict) else found


def entry(raw: Any, seal: Seal) -> Entry:
    """Return an entry as it lies on the stream; one that the bus did not sign is not Thor's."""
    entry_id, fields = raw
    fields = fields or {}
    first, n = fields.get(b"first", b""), fields.get(b"n", b"")
    payload = fields.get(b"ticks")
    source = _text(fields.get(b"source", b""))
    is_ours = seal.is_on(entry_id.decode(), fields)
    is_counted = is_ours and first.isdigit() and len(first) < 17 and n.isdigit() and len(n) <= 4
    if is_counted and payload is not None and 0 < int(n) <= wire.ENTRY_TICKS_MAX:
        return Entry(entry_id.decode(), int(first), int(n), payload, source)
    shown = b" ".join(key + b"=" + value for key, value in fields.items())
    clock = _instant(fields.get(b"clock", b"")) if payload is None else None
    if is_counted and clock is not None and not int(n):
        since = _instant(fields.get(b"since", b""))
        seen = wire.decode_seen(fields.get(b"seen"))
        return Entry(entry_id.decode(), int(first), 0, shown, source, clock, since, seen)
    marks = fields.get(b"marks") if payload is None else None
    if is_counted and marks is not None and not int(n):
        return Entry(entry_id.decode(), int(first), 0, shown, source, marks=marks)
    return Entry(entry_id.decode(), None, 0, shown)


def state(answers: list[Any]) -> BusState:
    """Return the bus in numbers from the answers to `ask_state`."""
    counter, entries, groups, shadowed, ahead, memory, persistence = answers
    for answer in (counter, entries):
        if isinstance(answer, Exception):
            raise answer
    group: dict[str, Any] = {}
    if not isinstance(groups, Exception):
        group = next((g for g in groups if g["name"] == GROUP.encode()), {})
    following = _ordinal(counter, b"next", b"0")
    return BusState(
        base=_ordinal(counter, b"base", b"0"),
        next=following,
        held=following - _ordinal(counter, b"oldest", b"%d" % following),
        entries=int(entries),
        pending_entries=int(group.get("pending", 0)),
        lag_entries=group.get("lag"),
        shadowed=_counts(shadowed),
        ahead_s={source: ms // 1000 for source, ms in _counts(ahead).items()},
        fault=_fault(memory, persistence),
    )


def _fault(memory: Any, persistence: Any) -> str | None:
    if isinstance(memory, dict):
        used, most = memory.get("used_memory", 0), memory.get("maxmemory", 0)
        if most and used > _FULL * most:
            return f"is out of memory: {used // _MB} of {most // _MB} MB are used"
    if isinstance(persistence, dict):
        for name in (
            "aof_last_write_status",
            "aof_last_bgrewrite_status",
            "rdb_last_bgsave_status",
        ):
            if persistence.get(name, "ok") != "ok":
                return f"cannot write to its disk ({name} is {persistence[name]}): is it full?"
    return None


def _ordinal(counter: dict[bytes, bytes], name: bytes, otherwise: bytes) -> int:
    raw = counter.get(name, otherwise)
    if not raw.isdigit() or len(raw) > _ORDINAL_DIGITS_MAX:
        raise Unavailable(
            f"Redis: {name.decode()} of {COUNTER} is {_text(raw)[:40]!r}, which is no ordinal; "
            "the next publish restarts it"
        )
    return int(raw)


def _counts(found: Any) -> dict[str, int]:
    # Foreign values there count as nothing.
    if not isinstance(found, dict):
        return {}
    return {_text(name): int(n) for name, n in found.items() if n.isdigit() and len(n) < 19}


def hashes(names: list[str], answers: list[Any]) -> dict[str, dict[str, str]]:
    """Return the hashes that exist, by name, as text; a key of another kind is none."""
    found = {}
    for name, answer in zip(names, answers, strict=True):
        if isinstance(answer, dict) and answer:
            found[name] = {_text(key): _text(value) for key, value in answer.items()}
        elif isinstance(answer, Exception) and not str(answer).startswith("WRONGTYPE"):
            raise answer
    return found


def ask_latest(pipe: Any, symbols: list[str]) -> None:
    """Queue on a pipeline the commands whose answers `hashes` reads."""
    for symbol in symbols:
        pipe.hgetall(LATEST + symbol)


def ask_state(pipe: Any) -> None:
    """Queue on a pipeline the commands whose answers `state` reads."""
    pipe.hgetall(COUNTER)
    pipe.xlen(STREAM)
    pipe.xinfo_groups(STREAM)
    pipe.hgetall(SHADOWED)
    pipe.hgetall(AHEAD)
    pipe.info("memory")
    pipe.info("persistence")
