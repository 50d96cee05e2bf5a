"""The world's markets: their states, the composite, their days and their changes.

Reads the database.
"""

from datetime import date, timedelta
from typing import Annotated, Any, Literal

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from api import params
from api.errors import BAD_INPUT, ProblemOperation
from api.routes.board import AsOf
from api.state import SharedState
from thor import clock, database
from thor.domain.markets import Confidence
from thor.errors import Rejected
from thor.reference import markets
from thor.stream.quote import Instant
from thor.stream.rows import converted
from thor.stream.world import MarketStateName

Phase = Literal["ASIAN", "EUROPEAN", "AMERICAN", "OVERLAP"]
_DAYS = 31
_DAYS_MAX = 800
_ROWS_MAX = 1000


class MarketState(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `studies.market_states(as_of)`, with the moment it is of.

    `state` is null where the market's days are not known; `day` and `local_time` are by its own
    clock; `confidence` is how sure today's hours are, `next_confidence` those of the next event.
    """

    as_of: Instant
    market: str
    display: str
    sort_order: int
    time_zone: str
    state: MarketStateName | None
    day: str
    local_time: str
    open_at: Instant | None
    close_at: Instant | None
    lunch_start_at: Instant | None
    lunch_end_at: Instant | None
    next_event: Literal["OPEN", "LUNCH", "REOPEN", "CLOSE"] | None
    next_event_at: Instant | None
    seconds_to_next_event: int | None
    confidence: Confidence | None
    next_confidence: Confidence | None
    note: str | None
    weight: float
    is_control: bool
    is_captured: bool
    contribution: float


class MarketContribution(msgspec.Struct, frozen=True, kw_only=True):
    """What a control market adds to the composite."""

    market: str
    weight: float
    is_active: bool
    contribution: float


class MarketComposite(msgspec.Struct, frozen=True, kw_only=True):
    """The row of `studies.market_composite(as_of)`, with each control market's share."""

    as_of: Instant
    composite: float
    composite_max: float
    active_markets: int
    control_markets: int
    phase: Phase
    contributions: list[MarketContribution]


class MarketDayRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `reference.market_days`."""

    market: str
    day: str
    open_at: Instant | None
    close_at: Instant | None
    lunch_start_at: Instant | None
    lunch_end_at: Instant | None
    is_holiday: bool
    note: str | None
    confidence: Confidence


class MarketTransitionRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `studies.market_transitions`."""

    market: str
    at: Instant
    from_state: MarketStateName
    to_state: MarketStateName
    is_recovered: bool
    created_at: Instant


@get("/api/global-markets", responses=BAD_INPUT, operation_class=ProblemOperation, tags=["world"])
async def global_markets(
    shared: NamedDependency[SharedState], as_of: AsOf = None
) -> list[MarketState]:
    """List the world's markets; in SQL `select * from studies.market_states(now())`."""
    moment = params.instant("as_of", as_of) or clock.now()
    rows = await database.fetch(shared.pool, "market_states", {"as_of": moment})
    return [_state(row, moment) for row in rows]


@get(
    "/api/global-markets/composite",
    responses=BAD_INPUT,
    operation_class=ProblemOperation,
    tags=["world"],
)
async def global_composite(
    shared: NamedDependency[SharedState], as_of: AsOf = None
) -> MarketComposite:
    """Return how much of the world trades; in SQL `select * from studies.market_composite(now())`.

    The composite is the sum of weight times 100 of the control markets that are OPEN or PRECLOSE.
    """
    moment = params.instant("as_of", as_of) or clock.now()
    (row,) = await database.fetch(shared.pool, "market_composite", {"as_of": moment})
    states = await database.fetch(shared.pool, "market_states", {"as_of": moment})
    contributions = [
        {
            "market": one["market"],
            "weight": float(one["weight"]),
            "is_active": one["contribution"] > 0,
            "contribution": float(one["contribution"]),
        }
        for one in states
        if one["is_control"]
    ]
    figures = {name: float(row[name]) for name in ("composite", "composite_max")}
    values = {**row, **figures, "as_of": moment, "contributions": contributions}
    return converted(values, MarketComposite)


@get(
    "/api/global-markets/holidays",
    responses=BAD_INPUT,
    operation_class=ProblemOperation,
    tags=["world"],
)
async def global_holidays(
    shared: NamedDependency[SharedState],
    days: Annotated[int, QueryParameter(ge=0, le=_DAYS_MAX, description="How far ahead.")] = _DAYS,
    as_of: AsOf = None,
) -> list[MarketDayRow]:
    """List the coming days on which a market is closed, or does not keep its usual hours.

    With the first day that a market's exchange has not published: `confidence` is unconfirmed there
    and from then on.
    """
    values = {"as_of": params.instant("as_of", as_of) or clock.now(), "days": days}
    rows = await database.fetch(shared.pool, "market_holidays", values)
    return [converted(row, MarketDayRow) for row in rows]


@get(
    "/api/global-markets/days",
    responses=BAD_INPUT,
    operation_class=ProblemOperation,
    tags=["world"],
)
async def global_days_of_all(
    shared: NamedDependency[SharedState],
    day_from: Annotated[str, QueryParameter(name="from", description="First day.")],
    day_to: Annotated[str, QueryParameter(name="to", description="Last day.")],
) -> list[MarketDayRow]:
    """List the days of every market from east to west, of at most 31 days."""
    first, last = _day("from", day_from), _day("to", day_to)
    assert first is not None
    assert last is not None
    values = _span(first, last, _DAYS)
    rows = await database.fetch(shared.pool, "market_days_of_all", values)
    return [converted(row, MarketDayRow) for row in rows]


@get(
    "/api/global-markets/{market:str}/days",
    responses=BAD_INPUT,
    operation_class=ProblemOperation,
    tags=["world"],
)
async def global_days(
    shared: NamedDependency[SharedState],
    market: FromPath[str],
    day_from: Annotated[
        str | None, QueryParameter(name="from", description="First day; today by its clock.")
    ] = None,
    day_to: Annotated[
        str | None, QueryParameter(name="to", description="Last day; 31 days later.")
    ] = None,
) -> list[MarketDayRow]:
    """List a market's days, at most 800; weekends without trading have no row."""
    known = await _market(shared, market)
    first = _day("from", day_from) or date.fromisoformat(str(known["day"]))
    last = _day("to", day_to) or first + timedelta(days=_DAYS)
    values = {"market": known["market"], **_span(first, last, _DAYS_MAX)}
    rows = await database.fetch(shared.pool, "market_days", values)
    return [converted(row, MarketDayRow) for row in rows]


@get(
    "/api/global-markets/{market:str}/history",
    responses=BAD_INPUT,
    operation_class=ProblemOperation,
    tags=["world"],
)
async def global_history(
    shared: NamedDependency[SharedState],
    market: FromPath[str],
    ts_from: Annotated[
        str | None, QueryParameter(name="from", description="First moment, ISO 8601.")
    ] = None,
    ts_to: Annotated[
        str | None, QueryParameter(name="to", description="Before this moment, ISO 8601.")
    ] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=_ROWS_MAX, description="At most.")] = 100,
) -> list[MarketTransitionRow]:
    """List the changes of a market's state, newest first."""
    known = await _market(shared, market)
    values = {"market": known["market"], "limit": limit, **params.span(ts_from, ts_to)}
    rows = await database.fetch(shared.pool, "market_history", values)
    return [converted(row, MarketTransitionRow) for row in rows]


async def _market(shared: SharedState, text: str) -> dict[str, Any]:
    rows = await database.fetch(shared.pool, "market_states", {"as_of": clock.now()})
    by_name = {row["market"]: row for row in rows}
    return by_name[markets.named(by_name, text)]


def _state(row: dict[str, Any], moment: Any) -> MarketState:
    local = row["local_time"].isoformat(timespec="seconds")
    figures = {name: float(row[name]) for name in ("weight", "contribution")}
    return converted({**row, **figures, "local_time": local, "as_of": moment}, MarketState)


def _span(first: date, last: date, days_max: int) -> dict[str, date]:
    if last < first:
        raise Rejected(f"to: {last} is before from, {first}")
    if (last - first).days > days_max:
        raise Rejected(f"to: {last} is more than {days_max} days after from, {first}")
    return {"first": first, "last": last}


def _day(field: str, text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise Rejected(f"{field}: {text[:40]!r} is no day; write it as 2026-11-22") from error
