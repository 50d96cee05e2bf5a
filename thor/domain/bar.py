"""A vendor's bar: the values of one row of its file, and the rules that it must keep.

Stage 10, reference. Pure; bars that Thor computes from ticks exist in the database only.
"""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache

import msgspec

from thor.domain.instrument import Listing
from thor.domain.sessions import CHICAGO, trade_date
from thor.domain.tick import Aware, Refusal

# How long a bar of each width lasts; a day's length changes with the clocks of Chicago.
WIDTHS: dict[str, timedelta] = {
    "1s": timedelta(seconds=1),
    "1m": timedelta(minutes=1),
    "5m": timedelta(minutes=5),
    "1h": timedelta(hours=1),
    "1d": timedelta(days=1),
}
# Those that are stored, from the finest: the bars of each are made of those of the one before.
STORED_WIDTHS = {width: length for width, length in WIDTHS.items() if width != "1d"}
# Those that features have, the finest first: it is what decisions are made on.
FEATURE_WIDTHS = {width: WIDTHS[width] for width in ("1m", "5m", "1h")}
# The indices whose bars the features of every other symbol read too.
FEATURE_PEERS = ("ES", "NQ", "YM", "RTY")
# A bar is known so long after its end, as `known_at` of the views of bars says.
CLOSE_DELAY = timedelta(seconds=1)
_DAY_TURNS = time(17)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_START_MIN = datetime(1980, 1, 1, tzinfo=UTC)
_START_MAX = datetime(2200, 1, 1, tzinfo=UTC)
_COUNT_LIMIT = 2**63
_SHOWN_MAX = 200


class ImportedBar(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One bar of a vendor's file; null means that the file has no value.

    `bar_start` is aware and UTC; a day begins at 17:00 in Chicago, the day before its trade date.
    Prices are exact decimals in the instrument's quotation, the rest counts contracts or trades.
    `ends_at` is when the vendor's own day ended, where that is not the exchange's end of it.
    Identity is `(symbol, width, bar_start)`.
    """

    symbol: str
    width: str
    bar_start: Aware
    open: Decimal | None = None
    high: Decimal | None = None
    low: Decimal | None = None
    close: Decimal | None = None
    volume: int | None = None
    volume_buy: int | None = None
    volume_sell: int | None = None
    trades: int | None = None
    open_interest: int | None = None
    ends_at: Aware | None = None
    # When a restored bar was imported; None for one that is imported now.
    imported_at: Aware | None = None
    # A vendor's day on a weekend, which no trade date is named after.
    is_of_weekend: bool = False
    # Why the collector refused this record.
    refused: str | None = None


@lru_cache(maxsize=16_384)
def day_start(day: date) -> datetime:
    """Return when a trade date begins, UTC: 17:00 in Chicago on the day before."""
    eve = day - timedelta(days=1)
    return datetime.combine(eve, _DAY_TURNS, CHICAGO).astimezone(UTC)


def stamped(width: str, ts: datetime) -> datetime:
    """Return the start of a bar from its stamp: of a day, that is its trade date at 00:00 UTC.

    `ts` is aware and UTC. Raises `ValueError` with the reason where a day is stamped with
    anything else.
    """
    if width != "1d" or not _START_MIN <= ts < _START_MAX:
        return ts
    if ts.time() != time.min:
        raise ValueError(
            f"{ts.isoformat()} is not 00:00 UTC; a bar of 1d is stamped with its trade date"
        )
    return day_start(ts.date())


def check(bar: ImportedBar, listing: Listing) -> Refusal | None:
    """Return why the bar is refused, or None where it may be loaded.

    Needs no memory: width, listing, boundary, prices and their order, signs of the counts.
    """
    if bar.refused is not None:
        field, _, why = bar.refused.partition(": ")
        value = getattr(bar, field) if field in ImportedBar.__struct_fields__ else None
        return Refusal(field, _shown(value), why or bar.refused)
    if bar.width not in WIDTHS:
        return _refuse("width", repr(bar.width), f"is none of {', '.join(WIDTHS)}")
    instrument = listing.instrument(bar.symbol)
    if instrument is None:
        return _refuse("symbol", bar.symbol, "is not listed; `thor instruments add` lists one")
    if (reason := _start_fault(bar.width, bar.bar_start)) is not None:
        return _refuse("bar_start", bar.bar_start.isoformat(), reason)
    for field in ("open", "high", "low", "close"):
        price: Decimal | None = getattr(bar, field)
        if price is None:
            return _refuse(field, None, "is missing; a bar needs open, high, low and close")
        if (reason := instrument.price_fault(price)) is not None:
            return _refuse(field, price, reason)
    return _check_order(bar) or _check_counts(bar)


def _start_fault(width: str, bar_start: datetime) -> str | None:
    if bar_start < _START_MIN:
        return "is before 1980"
    if bar_start >= _START_MAX:
        return "is after 2199"
    if width != "1d":
        if (bar_start - _EPOCH) % WIDTHS[width]:
            return f"is on no boundary of {width}; a bar is stamped with its start"
        return None
    day = trade_date(bar_start)
    if bar_start != day_start(day):
        return "is not 17:00 in Chicago, where a trade date begins"
    if day.weekday() > 4:
        return f"begins trade date {day}, a {day:%A}; a trade date is Monday to Friday"
    return None


def _check_order(bar: ImportedBar) -> Refusal | None:
    opening, high, low, close = bar.open, bar.high, bar.low, bar.close
    assert opening is not None
    assert high is not None
    assert low is not None
    assert close is not None
    if low <= opening <= high and low <= close <= high:
        return None
    if high < low:
        return _refuse("high", high, f"is below the low of {low}")
    for field, price in (("open", opening), ("close", close)):
        if price > high:
            return _refuse(field, price, f"is above the high of {high}")
        if price < low:
            return _refuse(field, price, f"is below the low of {low}")
    return None


def _check_counts(bar: ImportedBar) -> Refusal | None:
    for field in ("volume", "volume_buy", "volume_sell", "trades", "open_interest"):
        count: int | None = getattr(bar, field)
        if count is not None and not 0 <= count < _COUNT_LIMIT:
            return _refuse(field, count, "is outside 0 … 2^63-1")
    return None


def _refuse(field: str, value: object, reason: str) -> Refusal:
    shown = _shown(value)
    return Refusal(field, shown, f"{shown} {reason}" if value is not None else reason)


def _shown(value: object) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}…"
