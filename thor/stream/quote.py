"""A quote: the last values of a symbol, its age, and its source.

Stages: 25 bus → API. Pure: takes ticks or the bus's latest hash, and gives the same `Quote` from
either.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Annotated, Literal

import msgspec

from thor.domain import timestamps
from thor.domain.instrument import Instrument
from thor.domain.nature import Nature
from thor.domain.tick import Tick
from thor.reference.cache import Basis, BasisKind, Catalogue

Price = Annotated[
    str, msgspec.Meta(description="Exact decimal, in points.", examples=["6873.50", "-0.25"])
]
Instant = Annotated[
    str,
    msgspec.Meta(
        description="UTC, ISO 8601 with microseconds.", examples=["2026-11-20T14:30:00.000000Z"]
    ),
]

State = Annotated[
    Literal["FRESH", "STALE", "DEAD"],
    msgspec.Meta(
        description="FRESH where its source looked less than 5 s ago, DEAD after 30 s, "
        "STALE between; the limits are THOR_STALE_S and THOR_DEAD_S."
    ),
]
_PRICES = ("last", "bid", "ask")
_DIGITS = re.compile(r"[0-9]{1,18}")
_NO_BASIS = Basis(None, None, None)
_COUNTS = ("last_size", "bid_size", "ask_size", "volume")


class Quote(msgspec.Struct, kw_only=True):
    """The newest value of each field in a symbol's records; null where there is none yet.

    `ts` is the newest record's market time, `received_at` when its source had it, `heard_at` when
    the source last looked at the symbol, with or without a record. `age_ms` is now minus
    `received_at`, `heard_age_ms` now minus `heard_at`; `state` follows from the latter. `is_stale`
    says that `age_ms`, without its sign, is more than `stale_after_ms`, after which another source
    may take over. `basis` is the previous close that changes are counted from, with its source.
    """

    symbol: str
    contract: str | None
    last: Price | None
    bid: Price | None
    ask: Price | None
    last_size: int | None
    bid_size: int | None
    ask_size: int | None
    volume: int | None
    ts: Instant
    received_at: Instant
    seq: int
    source: str
    source_kind: Literal["feed", "simulator", "tape"] | None
    source_priority: int | None
    heard_at: Instant
    age_ms: int
    heard_age_ms: int
    state: State
    stale_after_ms: int
    is_stale: bool
    basis: Price | None
    basis_kind: BasisKind | None
    basis_source: str | None
    nature: Nature


@lru_cache(maxsize=65_536)
def shown_price(price: Decimal, decimals: int) -> str:
    """Return a price with as many decimals as it needs and at least its instrument's."""
    # Adding 0 takes the sign off a zero, as numeric does.
    exact = price.normalize() + 0
    exponent = exact.as_tuple().exponent
    if isinstance(exponent, int) and -exponent < decimals:
        exact = exact.quantize(Decimal(1).scaleb(-decimals))
    return format(exact, "f")


class Latest:
    """The last values of one symbol, by the rule of the bus: never back in `ts`."""

    __slots__ = ("_decimals", "heard_at", "instrument", "quote", "received_at", "ts")

    def __init__(self, symbol: str, instrument: Instrument) -> None:
        """Begin without values."""
        self.instrument = instrument
        self._decimals = instrument.display_precision
        self.ts = datetime.min.replace(tzinfo=UTC)
        self.received_at = self.heard_at = self.ts
        self.quote = Quote(
            symbol=symbol,
            contract=None,
            last=None,
            bid=None,
            ask=None,
            last_size=None,
            bid_size=None,
            ask_size=None,
            volume=None,
            ts="",
            received_at="",
            seq=-1,
            source="",
            source_kind=None,
            source_priority=None,
            heard_at="",
            age_ms=0,
            heard_age_ms=0,
            state="DEAD",
            stale_after_ms=0,
            is_stale=True,
            basis=None,
            basis_kind=None,
            basis_source=None,
            nature="simulated",
        )

    def merge(self, tick: Tick) -> None:
        """Take the tick's values and keep the rest; the caller keeps the order."""
        quote, decimals = self.quote, self._decimals
        if tick.last is not None:
            quote.last = shown_price(tick.last, decimals)
        if tick.bid is not None:
            quote.bid = shown_price(tick.bid, decimals)
        if tick.ask is not None:
            quote.ask = shown_price(tick.ask, decimals)
        if tick.last_size is not None:
            quote.last_size = tick.last_size
        if tick.bid_size is not None:
            quote.bid_size = tick.bid_size
        if tick.ask_size is not None:
            quote.ask_size = tick.ask_size
        if tick.volume is not None:
            quote.volume = tick.volume
        if tick.contract is not None:
            quote.contract = tick.contract
        if quote.source != tick.source:
            # Another source has taken over: the looks of the previous one do not count for it.
            self.heard_at = tick.received_at
        quote.source, quote.seq = tick.source, tick.seq
        self.ts, self.received_at = tick.ts, tick.received_at

    def hear(self, source: str, ts: datetime) -> None:
        """Record that a source has looked at the symbol, where it is the quote's own."""
        if source == self.quote.source and ts > self.heard_at:
            self.heard_at = ts

    def read(self, fields: dict[str, str]) -> bool:
        """Take the bus's latest hash; returns whether it was one."""
        try:
            ts, received_at = (timestamps.parse(fields[n]) for n in ("ts", "received_at"))
            if ts is None or received_at is None:
                return False
            quote = self.quote
            for name in _PRICES:
                setattr(quote, name, self.price(fields.get(name)))
            for name in _COUNTS:
                setattr(quote, name, _count(fields.get(name)))
            quote.contract = fields.get("contract")
            seq = _count(fields["seq"])
            if seq is None:
                return False
            quote.source, quote.seq = fields["source"], seq
        except KeyError:
            return False
        self.ts = ts
        self.received_at = self.heard_at = received_at
        return True

    def shown(self, catalogue: Catalogue, now: datetime) -> Quote:
        """Return the current quote; it changes with the next merge."""
        quote = self.quote
        source = catalogue.source_of(self.instrument.symbol, quote.source)
        quote.ts = timestamps.format_utc(self.ts)
        quote.received_at = timestamps.format_utc(self.received_at)
        quote.source_kind, quote.source_priority = source.kind, source.priority
        quote.age_ms = quote.heard_age_ms = _ms(now - self.received_at)
        quote.heard_at = quote.received_at
        if self.heard_at > self.received_at:
            quote.heard_age_ms = _ms(now - self.heard_at)
            quote.heard_at = timestamps.format_utc(self.heard_at)
        # A record from the future is not fresher than an old one.
        age_ms = abs(quote.heard_age_ms)
        if age_ms < catalogue.stale_ms:
            quote.state = "FRESH"
        else:
            quote.state = "STALE" if age_ms <= catalogue.dead_ms else "DEAD"
        basis = catalogue.basis.get(quote.symbol, _NO_BASIS)
        quote.basis = None if basis.price is None else shown_price(basis.price, self._decimals)
        quote.basis_kind, quote.basis_source = basis.kind, basis.source
        quote.stale_after_ms = source.stale_after_ms
        quote.is_stale = abs(quote.age_ms) > source.stale_after_ms
        quote.nature = catalogue.nature
        return quote

    def price(self, text: str | None) -> str | None:
        """Return a price as shown; None where the text can be none of this instrument."""
        if text is None:
            return None
        try:
            price = Decimal(text)
        except InvalidOperation:
            return None
        return None if self.instrument.price_fault(price) else shown_price(price, self._decimals)


def unreadable(fields: Mapping[str, str], instrument: Instrument) -> list[str]:
    """Return the names of a latest hash's fields that hold no value of their kind."""
    latest = Latest(instrument.symbol, instrument)
    bad = [name for name in ("ts", "received_at") if timestamps.parse(fields.get(name)) is None]
    bad += [name for name in _PRICES if name in fields and latest.price(fields[name]) is None]
    return bad + [
        name for name in (*_COUNTS, "seq") if name in fields and _count(fields[name]) is None
    ]


def _count(text: str | None) -> int | None:
    # A value that is no count is not shown.
    return int(text) if text is not None and _DIGITS.fullmatch(text) else None


def _ms(age: timedelta) -> int:
    return (age.days * 86_400 + age.seconds) * 1000 + age.microseconds // 1000


def quote_of(
    symbol: str,
    fields: dict[str, str],
    catalogue: Catalogue,
    now: datetime,
    heard: Mapping[tuple[str, str], datetime] | None = None,
) -> Quote | None:
    """Return the quote that a latest hash holds, or None where it is none.

    `heard` is when each source last looked at each symbol, by (source, symbol).
    """
    instrument = catalogue.listing.instrument(symbol)
    if instrument is None:
        return None
    latest = Latest(symbol, instrument)
    if not latest.read(fields):
        return None
    source = latest.quote.source
    if heard and (ts := heard.get((source, symbol))):
        latest.hear(source, ts)
    return latest.shown(catalogue, now)
