"""Captures of market openings: their rows, their grades, how often they worked, their targets.

Reads the database; captures a market and changes targets where asked to.
"""

import asyncio
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from litestar import get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from api import params
from api.errors import BAD_INPUT, ProblemOperation, declared
from api.routes.board import AsOf
from api.state import SharedState
from thor import database
from thor.domain.people import Identity
from thor.errors import NotFound, Refused, Rejected, Unavailable
from thor.market.studies import market_opens, targets
from thor.stream.desk import Number, Signal
from thor.stream.quote import Instant, shown_price
from thor.stream.rows import converted, exact

Outcome = Literal["WORKED", "DIDNT_WORK", "NEUTRAL", "PENDING"]
Kind = Literal["OPEN", "MANUAL"]
_KINDS = ("OPEN", "MANUAL")
_OUTCOMES = ("WORKED", "DIDNT_WORK", "NEUTRAL", "PENDING")
_ROWS_MAX = 5000

OfKind = Annotated[
    str, QueryParameter(name="kind", description="OPEN, or MANUAL for those that were asked for.")
]
OfMarket = Annotated[str | None, QueryParameter(name="market", description="A market, Japan say.")]
OfDate = Annotated[
    str | None, QueryParameter(name="date", description="A day by the market's wall clock.")
]
Limit = Annotated[int, QueryParameter(ge=1, le=_ROWS_MAX, description="Rows at most.")]
_PRICES = frozenset((
    "bid_price", "ask_price", "last_price", "change", "entry_price", "target_high", "target_low",
    "target_hit_price", "prev_close_24h", "open_price_24h", "open_prev_diff_24h", "low_24h",
    "high_24h", "range_diff_24h", "close_24h", "low_52w", "high_52w", "range_52w", "market_open",
    "market_high_open", "market_low_open", "market_close", "market_range",
))  # fmt: skip


class MarketOpen(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `studies.market_sessions`, with the grid of the symbol that grades it."""

    id: int
    session_number: int
    capture_group: str
    capture_kind: Kind
    market: str
    session_date: str
    symbol: str
    captured_at: Instant
    closes_at: Instant
    is_complete: bool
    reason: str | None
    bhs: Signal | None
    wndw: Outcome
    weight: Number | None
    bid_price: Number | None
    bid_size: int | None
    ask_price: Number | None
    ask_size: int | None
    last_price: Number | None
    spread: Number | None
    volume: int | None
    change: Number | None
    change_percent: Number | None
    graded_symbol: str
    is_by_last: bool
    entry_price: Number | None
    target_high: Number | None
    target_low: Number | None
    target_hit_price: Number | None
    target_hit_type: Literal["TARGET", "STOP"] | None
    target_hit_at: Instant | None
    prev_close_24h: Number | None
    open_price_24h: Number | None
    open_prev_diff_24h: Number | None
    open_prev_pct_24h: Number | None
    low_24h: Number | None
    high_24h: Number | None
    range_diff_24h: Number | None
    range_pct_24h: Number | None
    close_24h: Number | None
    low_52w: Number | None
    high_52w: Number | None
    low_pct_52w: Number | None
    high_pct_52w: Number | None
    range_52w: Number | None
    range_pct_52w: Number | None
    market_open: Number | None
    market_high_open: Number | None
    market_high_pct_open: Number | None
    market_low_open: Number | None
    market_low_pct_open: Number | None
    market_close: Number | None
    market_high_pct_close: Number | None
    market_low_pct_close: Number | None
    market_close_vs_open_pct: Number | None
    market_range: Number | None
    market_range_pct: Number | None
    session_volume: int | None
    weighted_average: Number | None
    instrument_count: int | None
    graded_to: Instant
    is_closed: bool
    tick_size: Number | None


class MarketOpenCounts(MarketOpen, frozen=True, kw_only=True):
    """A row with its date in parts, and what its market and symbol had done before it."""

    year: int
    month: int
    date: int
    day: str
    market_symbol: int
    market_symbol_wndw_total: int
    strong_buy_worked: int
    strong_buy_didnt_work: int
    buy_worked: int
    buy_didnt_work: int
    hold: int
    sell_worked: int
    sell_didnt_work: int
    strong_sell_worked: int
    strong_sell_didnt_work: int
    worked_percentage: Number | None
    didnt_work_percentage: Number | None


class MarketCapture(msgspec.Struct, frozen=True, kw_only=True):
    """A capture in one line: how its rows ended."""

    capture_group: str
    capture_kind: Kind
    market: str
    session_date: str
    captured_at: Instant
    closes_at: Instant
    count: int
    complete: int
    worked: int
    didnt_work: int
    neutral: int
    pending: int
    total_bhs: Signal | None
    total_wndw: Outcome | None
    is_closed: bool


class NextOpening(msgspec.Struct, frozen=True, kw_only=True):
    """The next opening of a market that is captured."""

    market: str
    display: str
    time_zone: str
    day: str
    open_at: Instant
    close_at: Instant


class HitRate(msgspec.Struct, frozen=True, kw_only=True):
    """How often captures worked: shares of 1 of `n`, with Wilson's 95 % interval."""

    by: Literal["all", "market", "weekday", "symbol", "signal"]
    value: str
    n: int
    worked: int
    didnt_work: int
    neutral: int
    pending: int
    hit_rate: Number | None
    hit_rate_low: Number | None
    hit_rate_high: Number | None
    ev: Number | None


class MarketOpenStats(msgspec.Struct, frozen=True, kw_only=True):
    """All captures of a kind, and their hit rates."""

    captures: int
    worked: int
    didnt_work: int
    neutral: int
    pending: int
    rates: list[HitRate]


class Targets(msgspec.Struct, frozen=True, kw_only=True):
    """How far the targets of a symbol's captures are from their entry."""

    symbol: str
    mode: Literal["POINTS", "PERCENT", "DISABLED"]
    offset_high: Number | None
    offset_low: Number | None
    percent_high: Number | None
    percent_low: Number | None
    is_by_last: bool
    is_active: bool
    version: int
    changed_at: Instant
    changed_by: str
    reason: str


class TargetsChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Changes of a symbol's targets, and why; omitted fields stay."""

    reason: str
    mode: str | None = None
    offset_high: str | None = None
    offset_low: str | None = None
    percent_high: str | None = None
    percent_low: str | None = None
    is_by_last: bool | None = None
    is_active: bool | None = None


class TargetsVersion(msgspec.Struct, frozen=True, kw_only=True):
    """What a symbol's targets were from one moment until another."""

    version: int
    valid_from: Instant
    valid_to: Instant
    numbers: dict[str, str | bool | None]
    changed_by: str
    reason: str


class TargetsUndo(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The version to bring back, as a new version."""

    version: int


_ROUTE: dict[str, Any] = {
    "responses": BAD_INPUT,
    "operation_class": ProblemOperation,
    "tags": ["market opens"],
}
_CAPTURE: dict[str, Any] = _ROUTE | {
    "responses": declared(Rejected, NotFound, Refused, Unavailable)
}


@get("/api/market-opens", **_ROUTE)
async def list_market_opens(
    shared: NamedDependency[SharedState],
    market: OfMarket = None,
    status: Annotated[
        str | None, QueryParameter(description="WORKED, DIDNT_WORK, NEUTRAL or PENDING.")
    ] = None,
    date_text: OfDate = None,
    kind: Annotated[str | None, QueryParameter(name="kind", description="OPEN or MANUAL.")] = None,
    symbol: Annotated[str | None, QueryParameter(description="A root, or TOTAL.")] = None,
    limit: Limit = 1200,
) -> list[MarketOpen]:
    """List rows of captures, newest first; in SQL `select * from studies.market_sessions`."""
    values = {
        "market": market,
        "status": _one_of("status", status, _OUTCOMES),
        "date": _day(date_text),
        "kind": _one_of("kind", kind, _KINDS),
        "symbol": symbol,
        "limit": limit,
    }
    found = await database.fetch(shared.pool, "market_opens", values)
    return [_row(row, MarketOpen) for row in found]


@get("/api/market-opens/today", **_ROUTE)
async def market_opens_today(
    shared: NamedDependency[SharedState], as_of: AsOf = None
) -> list[MarketOpen]:
    """List the rows whose session date is today by their market's own clock, newest first."""
    moment = params.instant("as_of", as_of) or shared.hub.market_now()
    found = await database.fetch(shared.pool, "market_opens_today", {"as_of": moment})
    return [_row(row, MarketOpen) for row in found]


@get("/api/market-opens/latest", **_ROUTE)
async def market_opens_latest(shared: NamedDependency[SharedState]) -> list[MarketOpen]:
    """List the rows of each market's latest capture."""
    found = await database.fetch(shared.pool, "market_opens_latest")
    return [_row(row, MarketOpen) for row in found]


@get("/api/market-opens/pending", **_ROUTE)
async def market_opens_pending(shared: NamedDependency[SharedState]) -> list[MarketOpen]:
    """List the rows that are still watched."""
    values = {
        **dict.fromkeys(("market", "date", "kind", "symbol")), "status": "PENDING",
        "limit": _ROWS_MAX,
    }  # fmt: skip
    found = await database.fetch(shared.pool, "market_opens", values)
    return [_row(row, MarketOpen) for row in found]


@get("/api/market-opens/next", **_ROUTE)
async def market_opens_next(
    shared: NamedDependency[SharedState], as_of: AsOf = None
) -> list[NextOpening]:
    """List the next opening of each market that is captured, the soonest first."""
    moment = params.instant("as_of", as_of) or shared.hub.market_now()
    found = await database.fetch(shared.pool, "next_openings", {"as_of": moment})
    return [converted(row, NextOpening) for row in found]


@get("/api/market-opens/captures", **_ROUTE)
async def market_captures(
    shared: NamedDependency[SharedState],
    market: OfMarket = None,
    date_text: OfDate = None,
    kind: Annotated[str | None, QueryParameter(name="kind", description="OPEN or MANUAL.")] = None,
    limit: Limit = 200,
) -> list[MarketCapture]:
    """List captures, a line each, newest first; in SQL `select * from studies.market_captures`."""
    values = {
        "market": market,
        "date": _day(date_text),
        "kind": _one_of("kind", kind, _KINDS),
        "limit": limit,
    }
    found = await database.fetch(shared.pool, "market_captures", values)
    return [converted(row, MarketCapture) for row in found]


@get("/api/market-opens/stats", **_ROUTE)
async def market_open_stats(
    shared: NamedDependency[SharedState], kind: OfKind = "OPEN"
) -> MarketOpenStats:
    """Return how often captures worked; in SQL `select * from studies.hit_rates`."""
    values = {"kind": _one_of("kind", kind, _KINDS)}
    rates = await database.fetch(shared.pool, "hit_rates", values)
    (counts,) = await database.fetch(shared.pool, "open_outcomes", values)
    names = HitRate.__struct_fields__
    return converted(
        {
            **counts,
            "rates": [converted({name: row[name] for name in names}, HitRate) for row in rates],
        },
        MarketOpenStats,
    )


@get("/api/market-opens/{row_id:int}", **_ROUTE)
async def market_open(
    shared: NamedDependency[SharedState], row_id: FromPath[int]
) -> MarketOpenCounts:
    """Return a row, with what its market and symbol had done before it."""
    found = await database.fetch(shared.pool, "market_open", {"id": row_id})
    if not found:
        raise NotFound(f"id: there is no row {row_id}; GET /api/market-opens lists them")
    row: MarketOpenCounts = _row(found[0], MarketOpenCounts)
    return row


@post("/api/market-opens/capture", status_code=201, **_CAPTURE)
async def capture_market_open(
    shared: NamedDependency[SharedState],
    market: Annotated[str, QueryParameter(description="The market, Japan say.")],
) -> list[MarketOpen]:
    """Capture a market now, as a MANUAL capture, and return its rows."""

    def apply() -> dict[str, Any]:
        with database.connect(shared.database_url, "api capture") as connection:
            made = market_opens.capture_now(connection, market)
            return {"market": made.market, "date": made.day, "kind": made.kind}

    made = await asyncio.to_thread(apply)
    values = {**made, **dict.fromkeys(("status", "symbol")), "limit": _ROWS_MAX}
    found = await database.fetch(shared.pool, "market_opens", values)
    return [_row(row, MarketOpen) for row in found]


@get("/api/targets", **_ROUTE)
async def list_targets(shared: NamedDependency[SharedState]) -> list[Targets]:
    """List the targets of captures; in SQL `select * from studies.targets`."""
    found = await database.fetch(shared.pool, "targets")
    return [converted(row, Targets) for row in found]


@patch("/api/targets/{symbol:str}", **_ROUTE)
async def change_targets(
    shared: NamedDependency[SharedState],
    identity: NamedDependency[Identity],
    symbol: FromPath[str],
    data: JSONBody[TargetsChange],
) -> Targets:
    """Change some of a symbol's targets, as a version with who and why, and return all of them."""
    given = {
        field: params.decimal(field, value) if field in targets.NUMBERS else value
        for field, value in msgspec.structs.asdict(data).items()
        if value is not None and field != "reason"
    }
    change = {"changed_by": identity.name, "reason": data.reason}

    def apply() -> dict[str, Any]:
        with database.connect(shared.database_url, "api targets") as connection:
            return targets.change(connection, symbol, given, **change)

    return converted(await asyncio.to_thread(apply), Targets)


@get("/api/targets/{symbol:str}/versions", **_ROUTE)
async def targets_versions(
    shared: NamedDependency[SharedState], symbol: FromPath[str]
) -> list[TargetsVersion]:
    """List what a symbol's targets were before, newest first."""
    found = await database.fetch(shared.pool, "target_versions", {"symbol": symbol})
    return [_version(row) for row in found]


@post("/api/targets/{symbol:str}/undo", status_code=200, **_ROUTE)
async def undo_targets(
    shared: NamedDependency[SharedState],
    identity: NamedDependency[Identity],
    symbol: FromPath[str],
    data: JSONBody[TargetsUndo],
) -> Targets:
    """Bring a version of a symbol's targets back, as a new one, and return all as they stand."""

    def apply() -> dict[str, Any]:
        with database.connect(shared.database_url, "api targets") as connection:
            return targets.undo(connection, symbol, data.version, changed_by=identity.name)

    return converted(await asyncio.to_thread(apply), Targets)


def _row(row: dict[str, Any], kind: type[Any]) -> Any:
    decimals = row["display_precision"]

    def shown(name: str, value: Decimal) -> str:
        # The change of TOTAL is no price.
        is_price = name in _PRICES and not (name == "change" and row["symbol"] == "TOTAL")
        return shown_price(value, decimals or 0) if is_price else exact(name, value)

    return converted({name: row[name] for name in kind.__struct_fields__}, kind, shown)


def _version(row: dict[str, Any]) -> TargetsVersion:
    content = row["content"]
    numbers = {
        field: f"{Decimal(str(content[field])).normalize():f}"
        if field in targets.NUMBERS and content[field] is not None
        else content[field]
        for field in targets.FIELDS
    }
    values = {name: row[name] for name in ("version", "valid_from", "valid_to")}
    who = {name: content[name] for name in ("changed_by", "reason")}
    return converted({**values, **who, "numbers": numbers}, TargetsVersion)


def _one_of(field: str, text: str | None, known: tuple[str, ...]) -> str | None:
    if text is not None and text not in known:
        raise Rejected(f"{field}: {text[:40]!r} is none of {', '.join(known)}")
    return text


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Rejected(f"date: {text[:60]!r} is no date; write it as 2026-11-20") from error
