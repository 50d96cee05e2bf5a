"""The schemas of the API's answers for the OpenAPI document.

Prices and money are exact decimals in JSON strings; times are UTC, ISO 8601, with microseconds;
null means not known.
"""

from datetime import date
from typing import Annotated, Literal

import msgspec

from thor.domain.instrument import Instrument
from thor.reference.cache import BasisKind
from thor.stream.quote import Instant, Price, State, shown_price

Money = Annotated[
    str,
    msgspec.Meta(description="Exact decimal, in the currency.", examples=["12.5", "13000.00"]),
]
Percent = Annotated[
    str, msgspec.Meta(description="Decimal, in percent.", examples=["0.68478102", "-1.5"])
]
Number = Annotated[str, msgspec.Meta(description="Decimal.", examples=["1", "2.5"])]


class InstrumentRow(msgspec.Struct, frozen=True, kw_only=True):
    """An instrument. `multiplier` and `tick_value` are money of `currency` per contract.

    `tick_size` is the contract's smallest move, `quote_increment` the feed's grid; `symbols` are
    the series of its ticks.
    """

    symbol: str
    name: str
    exchange: str
    asset_class: str
    calendar: str
    currency: str
    tick_size: Price
    quote_increment: Price
    multiplier: str
    tick_value: str
    display_precision: int
    margin: str | None
    is_negative_legal: bool
    sort_order: int
    aliases: tuple[str, ...]
    symbols: tuple[str, ...]
    version: int


class BoardRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `market.quote_metrics(as_of)`: a root, or a month that has a quote.

    Null where an input is missing or a percentage's base is zero. `basis` is the previous close
    that changes are counted from, under the name `prev_close` too; percentages are of it, those of
    52 weeks of the extreme itself. `below_high_52w_diff` is positive where last lies below the
    high. `closes` are those of the minutes of the last hour that had a trade, oldest first.
    """

    symbol: str
    name: str
    root: str
    kind: Literal["root", "month"]
    sort_order: int
    exchange: str
    asset_class: str
    currency: str
    display_precision: int
    tick_size: Price
    tick_value: Money
    multiplier: Money
    margin: Money | None
    trade_date: date
    contract: str | None
    source: str | None
    last: Price | None
    bid: Price | None
    ask: Price | None
    last_size: int | None
    bid_size: int | None
    ask_size: int | None
    volume: int | None
    ts: Instant | None
    received_at: Instant | None
    heard_at: Instant | None
    age_ms: int | None
    heard_age_ms: int | None
    state: State | None
    basis: Price | None
    basis_kind: BasisKind | None
    basis_source: str | None
    basis_date: date | None
    net_change: Price | None
    net_change_percent: Percent | None
    open: Price | None
    high: Price | None
    low: Price | None
    prev_close: Price | None
    open_prev_diff: Price | None
    open_prev_percent: Percent | None
    high_prev_diff: Price | None
    high_prev_percent: Percent | None
    low_prev_diff: Price | None
    low_prev_percent: Percent | None
    range_diff: Price | None
    range_percent: Percent | None
    spread: Price | None
    spread_ticks: Number | None
    vwap: Price | None
    high_52w: Price | None
    high_52w_on: date | None
    low_52w: Price | None
    low_52w_on: date | None
    above_low_52w_diff: Price | None
    above_low_52w_percent: Percent | None
    below_high_52w_diff: Price | None
    below_high_52w_percent: Percent | None
    closes: tuple[Price, ...]


class TickRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `market.ticks`; identity is (ts, symbol, seq, source)."""

    ts: Instant
    symbol: str
    seq: int
    source: str
    contract: str | None
    last: Price | None
    bid: Price | None
    ask: Price | None
    last_size: int | None
    bid_size: int | None
    ask_size: int | None
    side: Literal["B", "S"] | None
    volume: int | None
    volume_delta: int | None
    is_trade: bool
    is_sampled: bool
    received_at: Instant
    created_at: Instant
    trade_date: date


class BarRow(msgspec.Struct, frozen=True, kw_only=True):
    """A bar; identity is (symbol, width, bar_start).

    It is known from `known_at` on, `bar_end` + 1 s; `is_open` while its source's clock is earlier.
    OHLC and `vwap` are of trades, null without any. `contract`, `rule` and `adjustment` belong to
    continuous series.
    """

    symbol: str
    bar_start: Instant
    bar_end: Instant
    known_at: Instant
    trade_date: date
    open: Price | None
    high: Price | None
    low: Price | None
    close: Price | None
    volume: int | None
    volume_buy: int | None
    volume_sell: int | None
    trades: int | None
    ticks: int
    vwap: Price | None
    bid_close: Price | None
    ask_close: Price | None
    spread_mean: Price | None
    late_ticks: int
    is_sampled: bool
    is_imported: bool
    changed_at: Instant
    is_open: bool
    contract: str | None
    rule: str | None
    adjustment: Literal["raw", "difference", "ratio"] | None


class FeatureRow(msgspec.Struct, frozen=True, kw_only=True):
    """A feature. `look_back` is how far back it looks: a longer past changes nothing.

    In SQL it is a column of `feat.<family>_<width>` and of `feat.matrix_<width>`.
    """

    name: str
    family: str
    widths: tuple[str, ...]
    unit: str
    definition: str
    look_back: str
    source: str


class FeaturesRow(msgspec.Struct, frozen=True, kw_only=True):
    """Features of a bar with a trade, by name; null where the past is too short for one.

    They may be used from `known_at` on; while `is_open` they still change.
    """

    symbol: str
    bar_start: Instant
    known_at: Instant
    is_open: bool
    features: dict[str, float | None]


def instrument_row(instrument: Instrument, symbols: tuple[str, ...]) -> InstrumentRow:
    """Return an instrument with its series."""
    margin = instrument.margin
    return InstrumentRow(
        symbol=instrument.symbol,
        name=instrument.name,
        exchange=instrument.exchange,
        asset_class=instrument.asset_class,
        calendar=instrument.calendar,
        currency=instrument.currency,
        tick_size=format(instrument.tick_size.normalize(), "f"),
        quote_increment=format(instrument.quote_increment.normalize(), "f"),
        multiplier=format(instrument.multiplier.normalize(), "f"),
        tick_value=format((instrument.tick_size * instrument.multiplier).normalize(), "f"),
        display_precision=instrument.display_precision,
        margin=None if margin is None else shown_price(margin, 2),
        is_negative_legal=instrument.is_negative_legal,
        sort_order=instrument.sort_order,
        aliases=instrument.aliases,
        symbols=symbols,
        version=instrument.version,
    )
