"""A mark: the values that a feed gives once a day for a symbol, and the rules of one mark alone.

Stage 10, reference. Pure. A `Mark` is the bus message and the row of market.marks.
"""

from datetime import UTC, date, datetime
from decimal import Decimal

import msgspec

from thor.domain.instrument import Instrument, Listing
from thor.domain.tick import Aware, Refusal

PRICES = ("prev_close", "settlement", "open", "high", "low", "high_52w", "low_52w")
_COUNT_LIMIT = 2**63
_TS_MAX = datetime(2200, 1, 1, tzinfo=UTC)


class Mark(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The daily values of a source for a symbol and trade date; null means not given.

    Prices are exact decimals in points and need not lie on the instrument's grid: a settlement is
    finer than a tick. `settlement` is that of `trade_date` itself, `prev_close` that of the session
    before. `received_at` is aware, the source's clock.
    """

    symbol: str
    trade_date: date
    received_at: Aware
    prev_close: Decimal | None = None
    settlement: Decimal | None = None
    open: Decimal | None = None
    high: Decimal | None = None
    low: Decimal | None = None
    open_interest: int | None = None
    high_52w: Decimal | None = None
    low_52w: Decimal | None = None


def check_mark(mark: Mark, listing: Listing) -> Refusal | None:
    """Return why a mark is refused, or None where it may be kept."""
    instrument = listing.instrument(mark.symbol)
    if instrument is None:
        reason = f"{mark.symbol} is not listed; `thor instruments add` lists one"
        return Refusal("symbol", mark.symbol, reason)
    if mark.received_at >= _TS_MAX:
        shown = mark.received_at.isoformat()
        return Refusal("received_at", shown, f"{shown} is after 2199")
    for name in PRICES:
        price: Decimal | None = getattr(mark, name)
        if price is not None and (fault := _fault(price, instrument)):
            return Refusal(name, str(price), f"{price} {fault}")
    count = mark.open_interest
    if count is not None and not 0 <= count < _COUNT_LIMIT:
        return Refusal("open_interest", str(count), f"{count} is outside 0 … 2^63-1")
    if count is None and all(getattr(mark, name) is None for name in PRICES):
        return Refusal("prev_close", "", "is missing, and so is everything else a mark may say")
    return None


def _fault(price: Decimal, instrument: Instrument) -> str | None:
    if not price.is_finite():
        return "is not a finite number"
    if price and price.adjusted() >= 10:
        return "does not fit numeric(18,8)"
    if price <= 0 and not instrument.is_negative_legal:
        return f"is not above zero, as a price of {instrument.symbol} has to be"
    return None
