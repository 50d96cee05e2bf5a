"""The desk's signals, the TOTAL, and the numbers that they are computed by.

Reads and changes the schema studies.
"""

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from litestar import get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from api import params
from api.errors import BAD_INPUT, ProblemOperation
from api.routes.board import AsOf
from api.routes.quotes import Symbols
from api.state import SharedState
from thor import database
from thor.domain.people import Identity
from thor.errors import NotFound, Rejected
from thor.market.studies import desk
from thor.stream.desk import DeskExtreme, DeskSignal, DeskTotal, Number, Signal
from thor.stream.quote import Instant
from thor.stream.rows import converted

OfSet = Annotated[str, QueryParameter(name="set", description="The set of numbers.")]
_STEPS_MAX = 1000


class DeskTotalStep(msgspec.Struct, frozen=True, kw_only=True):
    """The TOTAL at one moment of its history."""

    moment: Instant
    count: int
    avg_weighted: Number | None
    signal_weight_sum: Number | None
    composite_signal: Signal | None
    score: Number | None


class DeskExtremes(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `studies.extremes(as_of)`: the highest and lowest price of 52 weeks, or of all.

    A date is null where the source gave its own 52 weeks (`basis` source). `since` is the oldest
    trade date that they are taken from.
    """

    symbol: str
    kind: Literal["52w", "all"]
    high: Number | None
    high_on: str | None
    low: Number | None
    low_on: str | None
    as_of: Instant
    basis: Literal["daily_bars", "source"]
    since: str | None


class DeskSet(msgspec.Struct, frozen=True, kw_only=True):
    """A set of numbers."""

    set: str
    description: str
    symbols: int


class DeskNumbers(msgspec.Struct, frozen=True, kw_only=True):
    """A symbol's thresholds, in points of net change, its weight, and who changed them last."""

    symbol: str
    strong_buy: Number
    buy: Number
    sell: Number
    strong_sell: Number
    weight: Number
    is_inverted: bool
    thresholds_version: int
    weight_version: int
    changed_at: Instant
    changed_by: str
    reason: str


class DeskChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Changes of a symbol's numbers, and why; omitted numbers stay."""

    reason: str
    strong_buy: str | None = None
    buy: str | None = None
    sell: str | None = None
    strong_sell: str | None = None
    weight: str | None = None
    is_inverted: bool | None = None


class DeskVersion(msgspec.Struct, frozen=True, kw_only=True):
    """What a symbol's thresholds, or its weight, were from one moment until another."""

    relation: Literal["thresholds", "contract_weights"]
    version: int
    valid_from: Instant
    valid_to: Instant
    numbers: dict[str, str]
    changed_by: str
    reason: str


class SignalWeight(msgspec.Struct, frozen=True, kw_only=True):
    """What a signal counts for in the composite signal, in every set, and who changed it last."""

    signal: Signal
    weight: Number
    version: int
    changed_at: Instant
    changed_by: str
    reason: str


class SignalWeightChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another weight of a signal, and why."""

    weight: str
    reason: str


class SignalWeightVersion(msgspec.Struct, frozen=True, kw_only=True):
    """What a signal's weight was from one moment until another."""

    version: int
    valid_from: Instant
    valid_to: Instant
    weight: Number
    changed_by: str
    reason: str


class SignalWeightUndo(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The version to restore, as a new version."""

    version: int


class DeskUndo(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The version to bring back, as a new version."""

    relation: Literal["thresholds", "contract_weights"]
    version: int


@get("/api/signals/desk", responses=BAD_INPUT, operation_class=ProblemOperation, tags=["desk"])
async def desk_signals(
    shared: NamedDependency[SharedState], of_set: OfSet = "desk", as_of: AsOf = None
) -> list[DeskSignal]:
    """List the signal of each symbol of a set; in SQL `select * from studies.signals_at(now())`."""
    values = {"as_of": params.instant("as_of", as_of) or await shared.market_now(), "set": of_set}
    found = await database.fetch(shared.pool, "desk_signals", values)
    if not found:
        raise NotFound(f"set: {of_set!r} is no set of numbers; GET /api/desk lists them")
    return [converted(row, DeskSignal) for row in found]


@get("/api/total", responses=BAD_INPUT, operation_class=ProblemOperation, tags=["desk"])
async def desk_total(
    shared: NamedDependency[SharedState], of_set: OfSet = "desk", as_of: AsOf = None
) -> DeskTotal:
    """Return the TOTAL of a set; in SQL `select * from studies.total_at(now())`."""
    values = {"as_of": params.instant("as_of", as_of) or await shared.market_now(), "set": of_set}
    (found,) = await database.fetch(shared.pool, "desk_total", values)
    return converted(found, DeskTotal)


@get("/api/total/history", responses=BAD_INPUT, operation_class=ProblemOperation, tags=["desk"])
async def desk_total_history(
    shared: NamedDependency[SharedState],
    ts_from: Annotated[str, QueryParameter(name="from", description="First moment, ISO 8601.")],
    ts_to: Annotated[str, QueryParameter(name="to", description="Last moment, ISO 8601.")],
    step_s: Annotated[int, QueryParameter(ge=1, description="Seconds between two steps.")] = 300,
    of_set: OfSet = "desk",
) -> list[DeskTotalStep]:
    """Return the TOTAL at each step of a span, at most 1,000."""
    span = params.span(ts_from, ts_to)
    first, last = span["ts_from"], span["ts_to"]
    if first is None or last is None or (last - first) / timedelta(seconds=step_s) > _STEPS_MAX:
        raise Rejected(f"step_s: {step_s} gives more than {_STEPS_MAX} steps; ask for fewer")
    values = {
        "from_ts": first, "to_ts": last, "step": timedelta(seconds=step_s), "set": of_set,
    }  # fmt: skip
    found = await database.fetch(shared.pool, "desk_total_history", values)
    return [converted(row, DeskTotalStep) for row in found]


@get("/api/extremes", responses=BAD_INPUT, operation_class=ProblemOperation, tags=["desk"])
async def extremes(shared: NamedDependency[SharedState], as_of: AsOf = None) -> list[DeskExtremes]:
    """List 52 weeks and all known time of each symbol; in SQL `select * from extremes(now())`."""
    moment = params.instant("as_of", as_of) or await shared.market_now()
    found = await database.fetch(shared.pool, "extremes", {"as_of": moment})
    return [converted(row, DeskExtremes) for row in found]


@get("/api/extremes/events", responses=BAD_INPUT, operation_class=ProblemOperation, tags=["desk"])
async def extreme_events(
    shared: NamedDependency[SharedState],
    ts_from: Annotated[
        str | None, QueryParameter(name="from", description="First moment, ISO 8601.")
    ] = None,
    ts_to: Annotated[
        str | None, QueryParameter(name="to", description="The moment after the last, ISO 8601.")
    ] = None,
    symbols: Symbols = None,
    limit: Annotated[int, QueryParameter(ge=1, le=10_000, description="Most rows.")] = 100,
) -> list[DeskExtreme]:
    """List new highs and lows, newest first; in SQL `select * from extreme_events`."""
    asked = params.names("symbols", symbols)
    known = None if asked is None else await shared.reference.symbols_of(asked)
    values = {**params.span(ts_from, ts_to), "symbols": known, "limit": limit}
    found = await database.fetch(shared.pool, "extreme_events", values)
    return [converted(row, DeskExtreme) for row in found]


@get("/api/signals/weights", responses=BAD_INPUT, operation_class=ProblemOperation, tags=["desk"])
async def signal_weights(shared: NamedDependency[SharedState]) -> list[SignalWeight]:
    """List what each signal counts for; in SQL `select * from studies.signal_weights`."""
    found = await database.fetch(shared.pool, "signal_weights")
    return [converted(row, SignalWeight) for row in found]


@patch(
    "/api/signals/weights/{signal:str}",
    responses=BAD_INPUT,
    operation_class=ProblemOperation,
    tags=["desk"],
)
async def change_signal_weight(
    shared: NamedDependency[SharedState],
    identity: NamedDependency[Identity],
    signal: FromPath[str],
    data: JSONBody[SignalWeightChange],
) -> SignalWeight:
    """Change the weight of a signal, in every set, as a version with who and why."""
    weight = params.decimal("weight", data.weight)

    def apply() -> dict[str, Any]:
        with database.connect(shared.database_url, "api desk") as connection:
            return desk.change_signal_weight(
                connection, signal, weight, changed_by=identity.name, reason=data.reason
            )

    return converted(await asyncio.to_thread(apply), SignalWeight)


@get(
    "/api/signals/weights/{signal:str}/versions",
    responses=BAD_INPUT,
    operation_class=ProblemOperation,
    tags=["desk"],
)
async def signal_weight_versions(
    shared: NamedDependency[SharedState], signal: FromPath[str]
) -> list[SignalWeightVersion]:
    """List what a signal's weight was before, newest first."""
    found = await database.fetch(shared.pool, "signal_weight_versions", {"signal": signal})
    return [
        converted(
            {
                **{name: row[name] for name in ("version", "valid_from", "valid_to")},
                **{name: row["content"][name] for name in ("changed_by", "reason")},
                "weight": _written(row["content"]["weight"]),
            },
            SignalWeightVersion,
        )
        for row in found
    ]


@post(
    "/api/signals/weights/{signal:str}/undo",
    status_code=200,
    responses=BAD_INPUT,
    operation_class=ProblemOperation,
    tags=["desk"],
)
async def undo_signal_weight(
    shared: NamedDependency[SharedState],
    identity: NamedDependency[Identity],
    signal: FromPath[str],
    data: JSONBody[SignalWeightUndo],
) -> SignalWeight:
    """Restore a version of a signal's weight, as a new one."""

    def apply() -> dict[str, Any]:
        with database.connect(shared.database_url, "api desk") as connection:
            return desk.undo_signal_weight(
                connection, signal, data.version, changed_by=identity.name
            )

    return converted(await asyncio.to_thread(apply), SignalWeight)


@get("/api/desk", responses=BAD_INPUT, operation_class=ProblemOperation, tags=["desk"])
async def desk_sets(shared: NamedDependency[SharedState]) -> list[DeskSet]:
    """List the sets of numbers."""
    found = await database.fetch(shared.pool, "desk_sets")
    return [converted(row, DeskSet) for row in found]


@get("/api/desk/{of_set:str}", responses=BAD_INPUT, operation_class=ProblemOperation, tags=["desk"])
async def desk_numbers(
    shared: NamedDependency[SharedState], of_set: FromPath[str]
) -> list[DeskNumbers]:
    """List the numbers of a set."""
    found = await database.fetch(shared.pool, "desk_numbers", {"set": of_set})
    if not found:
        raise NotFound(f"set: {of_set!r} is no set of numbers; GET /api/desk lists them")
    return [converted(row, DeskNumbers) for row in found]


@patch(
    "/api/desk/{of_set:str}/{symbol:str}",
    responses=BAD_INPUT,
    operation_class=ProblemOperation,
    tags=["desk"],
)
async def change_desk_numbers(
    shared: NamedDependency[SharedState],
    identity: NamedDependency[Identity],
    of_set: FromPath[str],
    symbol: FromPath[str],
    data: JSONBody[DeskChange],
) -> DeskNumbers:
    """Change some numbers of a symbol, as a version with who and why, and return all of them."""
    given = {
        field: value if isinstance(value, bool) else params.decimal(field, value)
        for field, value in msgspec.structs.asdict(data).items()
        if value is not None and field != "reason"
    }
    change = {"changed_by": identity.name, "reason": data.reason}

    def apply() -> dict[str, Any]:
        with database.connect(shared.database_url, "api desk") as connection:
            return desk.change(connection, of_set, symbol, given, **change)

    return converted(await asyncio.to_thread(apply), DeskNumbers)


@get(
    "/api/desk/{of_set:str}/{symbol:str}/versions",
    responses=BAD_INPUT,
    operation_class=ProblemOperation,
    tags=["desk"],
)
async def desk_versions(
    shared: NamedDependency[SharedState], of_set: FromPath[str], symbol: FromPath[str]
) -> list[DeskVersion]:
    """List what a symbol's numbers were before, newest first."""
    values = {"set": of_set, "symbol": symbol}
    found = await database.fetch(shared.pool, "desk_versions", values)
    return [_version(row) for row in found]


@post(
    "/api/desk/{of_set:str}/{symbol:str}/undo",
    status_code=200,
    responses=BAD_INPUT,
    operation_class=ProblemOperation,
    tags=["desk"],
)
async def undo_desk_numbers(
    shared: NamedDependency[SharedState],
    identity: NamedDependency[Identity],
    of_set: FromPath[str],
    symbol: FromPath[str],
    data: JSONBody[DeskUndo],
) -> DeskNumbers:
    """Bring a version of a symbol's numbers back, as a new one, and return all as they stand."""

    def apply() -> dict[str, Any]:
        with database.connect(shared.database_url, "api desk") as connection:
            return desk.undo(
                connection,
                of_set,
                symbol,
                data.relation,
                data.version,
                changed_by=identity.name,
            )

    return converted(await asyncio.to_thread(apply), DeskNumbers)


def _version(row: dict[str, Any]) -> DeskVersion:
    content = row["content"]
    fields = desk.THRESHOLDS if row["relation"] == "thresholds" else desk.WEIGHT
    numbers = {field: _written(content[field]) for field in fields}
    values = {name: row[name] for name in ("relation", "version", "valid_from", "valid_to")}
    who = {name: content[name] for name in ("changed_by", "reason")}
    return converted({**values, **who, "numbers": numbers}, DeskVersion)


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{Decimal(str(value)).normalize():f}"
