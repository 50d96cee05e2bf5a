"""The tick: the values of one record of a feed, and the rules of one tick alone.

Stage 10, reference. A `Tick` is the bus message, the row and the API's form.
"""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Literal

import msgspec

from thor.domain.instrument import Instrument, Listing

Aware = Annotated[datetime, msgspec.Meta(tz=True)]

_CONTRACT = re.compile(r"[A-Z0-9][A-Z0-9._ -]{0,31}")
# The integer types of market.ticks.
_SIZE_LIMIT = 2**31
_COUNT_LIMIT = 2**63
_TS_MIN = datetime(1980, 1, 1, tzinfo=UTC)
_TS_MAX = datetime(2200, 1, 1, tzinfo=UTC)
SKEW_MAX = timedelta(seconds=5)


class Tick(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One record of a feed; null means that the record has no value.

    Times are aware and UTC; prices are exact decimals in the instrument's quotation; sizes and
    volumes count contracts. Identity is `(ts, symbol, seq, source)`, order is `(ts, seq, source)`.
    """

    symbol: str
    ts: Aware
    seq: int
    source: str
    received_at: Aware
    contract: str | None = None
    last: Decimal | None = None
    bid: Decimal | None = None
    ask: Decimal | None = None
    last_size: int | None = None
    bid_size: int | None = None
    ask_size: int | None = None
    side: Literal["B", "S"] | None = None
    volume: int | None = None
    volume_delta: int | None = None
    is_trade: bool = False
    is_sampled: bool = False
    # Why the collector or the publisher refused this record.
    refused: str | None = None
    # The value that was refused, as it was read, where no field of this tick can hold it.
    refused_value: str | None = None


# Fields whose value may be listed later.
_RELISTABLE = ("symbol", "source")


class Refusal(msgspec.Struct, frozen=True):
    """Why a tick is not loaded: the field, its value as text, and the reason."""

    field: str
    value: str
    reason: str

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}"

    @property
    def is_relistable(self) -> bool:
        """Whether newer reference data may admit the tick: its symbol or source is unknown."""
        return self.field in _RELISTABLE


def check(tick: Tick, listing: Listing, skew_max: timedelta = SKEW_MAX) -> Refusal | None:
    """Return why the tick is refused, or None where it may be loaded.

    Needs no memory: listing, source, signs, grid, finiteness and clock skew
    against the record's own `received_at`.
    """
    if tick.refused is not None:
        field, _, reason = tick.refused.partition(": ")
        value = getattr(tick, field) if field in Tick.__struct_fields__ else None
        value = value if tick.refused_value is None else tick.refused_value
        return Refusal(field, _shown(value), reason or tick.refused)
    instrument = listing.instrument(tick.symbol)
    if instrument is None:
        return _refuse("symbol", tick.symbol, "is not listed; `thor instruments add` lists one")
    if not listing.knows_source(tick.source):
        return _refuse("source", tick.source, "is not in reference.sources")
    if not 0 <= tick.seq < _COUNT_LIMIT:
        return _refuse("seq", tick.seq, "is outside 0 … 2^63-1")
    if tick.ts - tick.received_at > skew_max:
        ahead_s = (tick.ts - tick.received_at).total_seconds()
        return _refuse(
            "ts",
            tick.ts.isoformat(),
            f"is {ahead_s:g} s ahead of received_at {tick.received_at.isoformat()}, "
            f"at most {skew_max.total_seconds():g} s are allowed",
        )
    if tick.ts < _TS_MIN:
        return _refuse("ts", tick.ts.isoformat(), "is before 1980")
    if tick.ts >= _TS_MAX:
        return _refuse("ts", tick.ts.isoformat(), "is after 2199")
    if tick.received_at >= _TS_MAX:
        return _refuse("received_at", tick.received_at.isoformat(), "is after 2199")
    return _check_values(tick, instrument)


def is_of_file(source: str) -> bool:
    """Return whether a source is a file, whose ticks keep the time at which they were recorded."""
    return source.startswith("TAPE:")


def check_ahead(tick: Tick, now: datetime, skew_max: timedelta, whose: str) -> Refusal | None:
    """Return why a tick of a feed cannot be true yet by a server's clock, `whose` it is.

    No clock is believed alone: a tick that is ahead of it by more than `skew_max` is refused,
    a file's is not.
    """
    if is_of_file(tick.source):
        return None
    for field, ts in (("ts", tick.ts), ("received_at", tick.received_at)):
        if ts - now > skew_max:
            return _refuse(
                field,
                ts.isoformat(),
                f"is {(ts - now).total_seconds():.0f} s ahead of {whose} clock, at most "
                f"{skew_max.total_seconds():g} s are allowed: set the clock of the machine that "
                "collects",
            )
    return None


def _check_values(tick: Tick, instrument: Instrument) -> Refusal | None:
    # Unrolled: every tick of every feed passes here twice.
    fault = instrument.price_fault
    if (price := tick.last) is not None and (reason := fault(price)) is not None:
        return _refuse("last", price, reason)
    if (price := tick.bid) is not None and (reason := fault(price)) is not None:
        return _refuse("bid", price, reason)
    if (price := tick.ask) is not None and (reason := fault(price)) is not None:
        return _refuse("ask", price, reason)
    if (size := tick.last_size) is not None and not 0 <= size < _SIZE_LIMIT:
        return _refuse("last_size", size, "is outside 0 … 2^31-1")
    if (size := tick.bid_size) is not None and not 0 <= size < _SIZE_LIMIT:
        return _refuse("bid_size", size, "is outside 0 … 2^31-1")
    if (size := tick.ask_size) is not None and not 0 <= size < _SIZE_LIMIT:
        return _refuse("ask_size", size, "is outside 0 … 2^31-1")
    if (count := tick.volume) is not None and not 0 <= count < _COUNT_LIMIT:
        return _refuse("volume", count, "is outside 0 … 2^63-1")
    if (count := tick.volume_delta) is not None and not 0 <= count < _COUNT_LIMIT:
        return _refuse("volume_delta", count, "is outside 0 … 2^63-1")
    if tick.contract is not None and not _CONTRACT.fullmatch(tick.contract):
        return _refuse("contract", repr(tick.contract), "is no contract's code")
    if tick.is_trade and tick.last is None:
        return _refuse("last", None, "is missing on a trade")
    if tick.last is None and tick.bid is None and tick.ask is None and tick.volume is None:
        return _refuse("last", None, "is missing, and so are bid, ask and volume")
    return None


def _refuse(field: str, value: object, reason: str) -> Refusal:
    shown = _shown(value)
    return Refusal(field, shown, f"{shown} {reason}" if value is not None else reason)


def _shown(value: object) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= 200 else f"{text[:200]}…"


class RejectedTick(msgspec.Struct, frozen=True, kw_only=True):
    """A tick, or a whole entry of `ticks` ticks, that is kept but not loaded."""

    field: str
    value: str
    reason: str
    payload: str
    entry_id: str
    ticks: int = 1
    symbol: str | None = None
    ts: datetime | None = None
    seq: int | None = None
    source: str | None = None

    @property
    def is_relistable(self) -> bool:
        """Whether newer reference data may admit the tick: its symbol or source is unknown."""
        return self.field in _RELISTABLE
