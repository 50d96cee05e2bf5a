"""Orders, fills, positions, accounts, signals and risk: read, and changed by who may.

Reads and writes the schema trade; only the job `trade` talks to brokers.
"""

import asyncio
from collections.abc import Callable
from datetime import date, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Request, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, HeaderParameter, JSONBody, QueryParameter

from api import params
from api.errors import BAD_INPUT, ProblemOperation, declared
from api.routes.quotes import Symbols
from api.state import SharedState
from api.tabular import answer
from thor import database
from thor.database import Connection
from thor.domain.orders import OrderRequest, OrderType, Side, TimeInForce
from thor.domain.people import Identity
from thor.errors import NotFound, Refused, Rejected, Unavailable
from thor.flow import accounts
from thor.flow import flatten as flattening
from thor.flow import place_orders as orders
from thor.flow.place_orders import Decision
from thor.flow.read_order import read_change, read_order
from thor.stream.desk import Number
from thor.stream.quote import Instant
from thor.stream.rows import converted
from thor.stream.trades import (
    KillSwitch,
    TradeAccount,
    TradeFill,
    TradeOrder,
    TradePosition,
    fill_of,
    order_of,
)

CHANGED = declared(Rejected, NotFound, Refused, Unavailable)
_STATEMENT_DAYS_MAX = 370
_JSON = msgspec.json.Encoder()
Row = dict[str, Any]
Orders = tuple[OrderRequest, ...]

OfAccount = Annotated[
    str | None, QueryParameter(name="account_id", description="One account; all if left out.")
]
OfSymbol = Annotated[
    str | None,
    QueryParameter(name="symbol", description="A series or a contract; all if left out."),
]
DayFrom = Annotated[str, QueryParameter(name="from", description="First trade date.")]
DayTo = Annotated[str, QueryParameter(name="to", description="Last trade date.")]
Limit = Annotated[int, QueryParameter(ge=1, le=10_000, description="Most rows.")]
Key = Annotated[
    str | None,
    HeaderParameter(name="Idempotency-Key", description="As client_order_id in the body."),
]
From = Annotated[str | None, QueryParameter(name="from", description="The first moment, ISO 8601.")]
To = Annotated[
    str | None, QueryParameter(name="to", description="The moment after the last, ISO 8601.")
]


class OcoBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The other order of an OCO pair, of the same account and symbol.

    What it leaves out is as in the first one; prices are its own.
    """

    type: OrderType
    side: Side | None = None
    quantity: int | None = None
    limit_price: str | None = None
    stop_price: str | None = None
    trail_by: str | None = None


class OrderBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked for; prices in points, in strings: `6873.75`, and in 32nds `118'10+`.

    `take_profit` (a limit) and `stop_loss` (a stop) make it a bracket: they work for what the
    order has filled, and what fills of one is taken off the other. `oco` makes it a pair, of which
    what fills of one is taken off the other. All of a group is placed, or nothing.
    """

    symbol: str
    side: Side
    type: OrderType
    quantity: int
    account_id: str = "PAPER"
    client_order_id: str | None = None
    limit_price: str | None = None
    stop_price: str | None = None
    trail_by: str | None = None
    take_profit: str | None = None
    stop_loss: str | None = None
    oco: OcoBody | None = None
    time_in_force: TimeInForce = "DAY"
    signal_id: UUID | None = None
    is_flattening: bool = False
    contract: str | None = None


class OrderChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an order is to hold; what is left out stays."""

    quantity: int | None = None
    limit_price: str | None = None
    stop_price: str | None = None
    trail_by: str | None = None


class CheckRow(msgspec.Struct, frozen=True, kw_only=True):
    """One rule: its limit and its figure in the rule's unit, and why it refuses."""

    rule: str
    is_passed: bool
    limit: Number | None
    figure: Number | None
    reason: str | None


class VerdictRow(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict that an order would get now, by which quote, and what it would cost.

    Refused, by the first rule of `checks` that did not pass.
    """

    is_allowed: bool
    rule: str | None
    limit: Number | None
    figure: Number | None
    reason: str | None
    checks: list[CheckRow]
    symbol: str
    contract: str | None
    at: Instant
    bid: Number | None
    ask: Number | None
    last: Number | None
    margin: Number | None
    commission: Number | None


class StoryRow(msgspec.Struct, frozen=True, kw_only=True):
    """A step of an order's story."""

    step: int
    kind: str
    at: Instant | None
    what: str | None


class StatementLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a statement, in account currency; `balance` is the cash after it."""

    line: int
    section: str
    at: Instant | None
    trade_date: str | None
    symbol: str | None
    side: str | None
    quantity: int | None
    price: Number | None
    realised: Number | None
    commission: Number | None
    amount: Number | None
    balance: Number | None
    detail: str | None
    order_id: str | None
    fill_id: int | None


class ActivityRow(msgspec.Struct, frozen=True, kw_only=True):
    """An order that is open or of today; `section` is WORKING, FILLED or CANCELLED."""

    account_id: str
    section: str
    trade_date: str
    order_id: str
    client_order_id: str
    series: str
    side: Side
    type: OrderType
    quantity: int
    filled_quantity: int
    price: Number | None
    status: str
    reason: str | None
    realised: Number | None
    commission: Number | None
    who: str
    placed_at: Instant
    updated_at: Instant


class Reason(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why."""

    reason: str


class LimitRow(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a limit; null holds for all accounts, or for all symbols."""

    limit_id: int
    account_id: str | None
    rule: str
    symbol: str | None
    value: Number
    version: int
    valid_from: Instant
    who: str


class LimitUsed(LimitRow, frozen=True, kw_only=True):
    """A limit with what an account uses of it, in its unit, working orders counted as filled.

    `used` is null where no account was asked for, or the rule looks at one order alone; `subject`
    is the root or group that uses the most.
    """

    used: Number | None = None
    subject: str | None = None


class ExposureRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `trade.exposure_at(as_of)`: what is held of a root, and what orders may add.

    Contracts, and money in the root's currency.
    """

    account_id: str
    root: str
    correlation_group: str
    quantity: int
    working_buy: int
    working_sell: int
    long_most: int
    short_most: int
    price: Number | None
    multiplier: Number
    net: Number | None
    gross: Number | None
    gross_most: Number | None
    margin_initial: Number | None
    currency: str


class PnlOfSymbol(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `trade.pnl_by_symbol(…)`: `pnl` counts what is open, less commission."""

    series: str
    root: str
    bought: int
    sold: int
    quantity: int
    realised: Number
    realised_fifo: Number
    commission: Number
    pnl: Number | None
    currency: str


class ValueDay(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `trade.value_days(…)`: what an account was worth at the end of a trade date."""

    trade_date: str
    epoch: int
    moved: Number
    pnl: Number | None
    commission: Number
    net_liquidation: Number | None


class AccountPnl(msgspec.Struct, frozen=True, kw_only=True):
    """The profit of an account over trade dates, by symbol and by day, in account currency."""

    account_id: str
    symbols: list[PnlOfSymbol]
    days: list[ValueDay]


class NoteRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `trade.notes`, the journal: about an order, a series, or neither."""

    note_id: int
    order_id: str | None
    symbol: str | None
    at: Instant
    who: str
    text: str


class NoteBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be written in the journal, and of which order or symbol."""

    text: str
    order_id: UUID | None = None
    symbol: str | None = None


class LimitChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another value of a limit, for an account and a root, or for all."""

    rule: str
    value: str
    account_id: str | None = None
    symbol: str | None = None


class CashBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Cash in account currency, a decimal in a string, and why."""

    amount: str = "100000"
    note: str = ""


class FlattenBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to flatten: an account or all, a series or contract or all."""

    account_id: str | None = None
    symbol: str | None = None


class TradeSignal(msgspec.Struct, frozen=True, kw_only=True):
    """A view of a symbol that orders may follow: the desk's, a prediction's or a person's."""

    signal_id: str
    at: Instant
    known_at: Instant
    symbol: str
    side: str
    horizon: str | None
    confidence: Number | None
    target: Number | None
    stop: Number | None
    origin: str
    origin_ref: str | None
    who: str
    note: str | None


class SignalBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A view of a symbol; prices are written as in an order, the confidence is from 0 to 1.

    `origin` is whose it is: a person's own, or the desk's signal or the prediction that a person
    follows, which `origin_ref` names.
    """

    symbol: str
    side: Literal["BUY", "SELL", "HOLD"]
    horizon: str | None = None
    confidence: str | None = None
    target: str | None = None
    stop: str | None = None
    origin: Literal["PERSON", "DESK", "PREDICTION"] = "PERSON"
    origin_ref: str | None = None
    note: str | None = None


async def _call(shared: SharedState, do: Callable[[Connection[Any]], Any]) -> Any:
    def run() -> Any:
        with database.connect(shared.database_url, "api trade") as connection:
            return do(connection)

    return await asyncio.to_thread(run)


async def _asked(shared: SharedState, body: OrderBody, client_order_id: str) -> Orders:
    listing = (await shared.reference.current()).listing
    given = {**msgspec.structs.asdict(body), "client_order_id": client_order_id}
    given["oco"] = None if body.oco is None else msgspec.structs.asdict(body.oco)
    return read_order(listing, given)


def _verdict(found: Decision) -> VerdictRow:
    checks = [_row_of(check, CheckRow) for check in found.verdict.checks]
    shown = {name: getattr(found, name) for name in _SHOWN}
    fields = msgspec.structs.asdict(found.verdict)
    return converted({**fields, **shown, "checks": checks}, VerdictRow)


_SHOWN = ("symbol", "contract", "at", "bid", "ask", "last", "margin", "commission")


def _row_of(found: Any, kind: type[Any]) -> Any:
    return converted(msgspec.structs.asdict(found), kind)


def _texts(row: Row) -> Row:
    return {name: str(value) if isinstance(value, UUID) else value for name, value in row.items()}


@get("/api/orders", responses=BAD_INPUT, operation_class=ProblemOperation, tags=["trading"])
async def list_orders(
    shared: NamedDependency[SharedState],
    account_id: OfAccount = None,
    symbol: OfSymbol = None,
    is_open: Annotated[
        bool | None, QueryParameter(description="Open ones, or those that have ended.")
    ] = None,
    limit: Limit = 100,
) -> list[TradeOrder]:
    """List orders, newest first; in SQL `select * from trade.orders`."""
    values = {"account": account_id, "symbol": symbol, "is_open": is_open, "limit": limit}
    return [order_of(row) for row in await database.fetch(shared.pool, "trade_orders", values)]


@post("/api/orders", responses=CHANGED, operation_class=ProblemOperation, tags=["trading"])
async def place_order(
    shared: NamedDependency[SharedState],
    identity: NamedDependency[Identity],
    data: JSONBody[OrderBody],
    idempotency_key: Key = None,
) -> TradeOrder:
    """Place an order and return its row; its status is REFUSED where a rule refused it.

    The same id with the same content is the same order, with other content it is refused (409).
    Give the id in the header or in the body. The exits of a bracket and the other of an OCO pair
    have ids made from it, and its `group_id`.
    """
    name = idempotency_key or data.client_order_id
    if name is None or data.client_order_id not in (None, name):
        raise Rejected("Idempotency-Key: give each order an id of its own, in one of both fields")
    first, *others = await _asked(shared, data, name)

    def do(link: Connection[Any]) -> Row:
        return orders.place(link, first, identity.name, others=others)

    return order_of(await _call(shared, do))


@post(
    "/api/orders/preview",
    status_code=200,
    responses=BAD_INPUT,
    operation_class=ProblemOperation,
    tags=["trading"],
)
async def preview_order(
    shared: NamedDependency[SharedState], data: JSONBody[OrderBody]
) -> VerdictRow:
    """Return the verdict that an order would get now; nothing is written."""
    first, *others = await _asked(shared, data, data.client_order_id or "preview")
    return _verdict(await _call(shared, lambda link: orders.preview(link, first, others)))


@get(
    "/api/orders/{order_id:uuid}",
    responses=BAD_INPUT,
    operation_class=ProblemOperation,
    tags=["trading"],
)
async def show_order(shared: NamedDependency[SharedState], order_id: FromPath[UUID]) -> TradeOrder:
    """Return an order."""
    return order_of(await _call(shared, lambda link: orders.order_row(link, order_id)))


@get(
    "/api/orders/{order_id:uuid}/story",
    responses=BAD_INPUT,
    operation_class=ProblemOperation,
    tags=["trading"],
)
async def order_story(
    shared: NamedDependency[SharedState], order_id: FromPath[UUID]
) -> list[StoryRow]:
    """Return all that led to an order and came of it; in SQL `select * from trade_story`."""
    found = await database.fetch(shared.pool, "trade_story_of", {"order_id": order_id})
    if not found:
        raise NotFound(f"order: {order_id} is none; GET /api/orders lists them")
    return [converted(row, StoryRow) for row in found]


@patch(
    "/api/orders/{order_id:uuid}",
    responses=CHANGED,
    operation_class=ProblemOperation,
    tags=["trading"],
)
async def change_order(
    shared: NamedDependency[SharedState],
    identity: NamedDependency[Identity],
    order_id: FromPath[UUID],
    data: JSONBody[OrderChange],
) -> TradeOrder:
    """Ask for an order to be changed; the event `order` comes with the broker's answer."""
    listing = (await shared.reference.current()).listing

    def do(link: Connection[Any]) -> Row:
        symbol = orders.order_row(link, order_id)["symbol"]
        change = read_change(listing, symbol, msgspec.structs.asdict(data))
        return orders.modify(link, order_id, change, identity.name)

    return order_of(await _call(shared, do))


@delete(
    "/api/orders/{order_id:uuid}",
    status_code=200,
    responses=CHANGED,
    operation_class=ProblemOperation,
    tags=["trading"],
)
async def cancel_order(
    shared: NamedDependency[SharedState],
    identity: NamedDependency[Identity],
    order_id: FromPath[UUID],
) -> TradeOrder:
    """Ask for an order to be cancelled; what was filled stays."""
    return order_of(await _call(shared, lambda link: orders.cancel(link, order_id, identity.name)))


async def _fills(
    shared: SharedState, values: Row, *, is_closing: bool | None = None
) -> list[TradeFill]:
    asked = {"after": 0, "is_closing": is_closing, **values}
    found = await database.fetch(shared.pool, "trade_fills", asked)
    return [fill_of(row) for row in found]


@get("/api/fills", responses=BAD_INPUT, operation_class=ProblemOperation, tags=["trading"])
async def list_fills(
    shared: NamedDependency[SharedState],
    account_id: OfAccount = None,
    symbol: OfSymbol = None,
    ts_from: From = None,
    ts_to: To = None,
    limit: Limit = 100,
) -> list[TradeFill]:
    """List fills, newest first, each with what it takes for granted."""
    values = {"account": account_id, "symbol": symbol, "limit": limit}
    return await _fills(shared, {**values, **params.span(ts_from, ts_to)})


@get("/api/trades", responses=BAD_INPUT, operation_class=ProblemOperation, tags=["trading"])
async def list_trades(
    shared: NamedDependency[SharedState],
    account_id: OfAccount = None,
    symbol: OfSymbol = None,
    ts_from: From = None,
    ts_to: To = None,
    limit: Limit = 100,
) -> list[TradeFill]:
    """List the fills that closed contracts, newest first, with the profit that they realised."""
    values = {"account": account_id, "symbol": symbol, "limit": limit}
    return await _fills(shared, {**values, **params.span(ts_from, ts_to)}, is_closing=True)


@get("/api/positions", responses=BAD_INPUT, operation_class=ProblemOperation, tags=["trading"])
async def list_positions(
    shared: NamedDependency[SharedState], account_id: OfAccount = None
) -> list[TradePosition]:
    """List what is held or was traded today; in SQL `select * from positions_at(as_of)`."""
    values = {"as_of": await shared.market_now(), "account": account_id}
    found = await database.fetch(shared.pool, "trade_positions", values)
    return [converted(row, TradePosition) for row in found]


@post(
    "/api/positions/flatten",
    status_code=200,
    responses=CHANGED,
    operation_class=ProblemOperation,
    tags=["trading"],
)
async def flatten_positions(
    shared: NamedDependency[SharedState],
    identity: NamedDependency[Identity],
    data: JSONBody[FlattenBody],
) -> list[TradeOrder]:
    """Cancel the orders and close the positions; returns the orders that close them."""

    def do(link: Connection[Any]) -> list[Row]:
        return flattening.flatten(link, identity.name, account=data.account_id, symbol=data.symbol)

    return [order_of(row) for row in await _call(shared, do)]


@get("/api/accounts", responses=BAD_INPUT, operation_class=ProblemOperation, tags=["trading"])
async def list_accounts(shared: NamedDependency[SharedState]) -> list[TradeAccount]:
    """List the accounts; in SQL `select * from account_at(as_of)`."""
    values = {"as_of": await shared.market_now(), "account": None}
    found = await database.fetch(shared.pool, "trade_accounts_at", values)
    return [converted(row, TradeAccount) for row in found]


@get(
    "/api/accounts/{account_id:str}/statement",
    responses=BAD_INPUT,
    operation_class=ProblemOperation,
    tags=["trading"],
)
async def account_statement(
    request: Request[Any, Any, Any],
    shared: NamedDependency[SharedState],
    account_id: FromPath[str],
    day_from: DayFrom,
    day_to: DayTo,
) -> Response[list[StatementLine]]:
    """Return the lines of a statement, at most 370 days; in SQL `trade.statement(…)`.

    With `Accept: text/csv` the lines come as CSV.
    """
    values = await _days(shared, account_id, day_from, day_to)
    found = await database.fetch(shared.pool, "trade_statement", values)
    page = [converted(_texts(row), StatementLine) for row in found]
    return answer(request, _JSON.encode(page), StatementLine)  # type: ignore[no-any-return]


@get(
    "/api/accounts/{account_id:str}/pnl",
    responses=BAD_INPUT,
    operation_class=ProblemOperation,
    tags=["trading"],
)
async def account_pnl(
    shared: NamedDependency[SharedState],
    account_id: FromPath[str],
    day_from: DayFrom,
    day_to: DayTo,
) -> AccountPnl:
    """Return an account's profit by symbol and by day, at most 370 days.

    In SQL `trade.pnl_by_symbol(…)` and `trade.value_days(…)`; of the account's epoch, from what
    was held before counted from the settlement.
    """
    values = await _days(shared, account_id, day_from, day_to)
    values["as_of"] = await shared.market_now()
    symbols = await database.fetch(shared.pool, "trade_pnl_by_symbol", values)
    days = await database.fetch(shared.pool, "trade_value_days", values)
    return AccountPnl(
        account_id=account_id,
        symbols=[converted(row, PnlOfSymbol) for row in symbols],
        days=[converted(row, ValueDay) for row in days],
    )


async def _days(shared: SharedState, account_id: str, day_from: str, day_to: str) -> Row:
    first, last = _day("from", day_from), _day("to", day_to)
    if not timedelta(0) <= last - first < timedelta(days=_STATEMENT_DAYS_MAX):
        raise Rejected(f"to: {day_to} has to be 0 to {_STATEMENT_DAYS_MAX - 1} days after from")
    await _call(shared, lambda link: accounts.account_at(link, account_id))
    return {"account": account_id, "date_from": first, "date_to": last}


def _day(field: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Rejected(f"{field}: {text[:40]!r} is no day as 2026-11-20 is") from error


@post(
    "/api/accounts/{account_id:str}/fund",
    status_code=200,
    responses=CHANGED,
    operation_class=ProblemOperation,
    tags=["trading"],
)
async def fund_account(
    shared: NamedDependency[SharedState],
    identity: NamedDependency[Identity],
    account_id: FromPath[str],
    data: JSONBody[CashBody],
) -> TradeAccount:
    """Put cash into an account, below 0 take it out."""
    amount, who = params.decimal("amount", data.amount), identity.name
    found = await _call(
        shared, lambda link: accounts.fund(link, account_id, amount, who, data.note)
    )
    return converted(found, TradeAccount)


@post(
    "/api/accounts/{account_id:str}/reset",
    status_code=200,
    responses=CHANGED,
    operation_class=ProblemOperation,
    tags=["trading"],
)
async def reset_account(
    shared: NamedDependency[SharedState],
    identity: NamedDependency[Identity],
    account_id: FromPath[str],
    data: JSONBody[CashBody],
) -> TradeAccount:
    """Begin a paper account anew; refused while an order of it is open."""
    amount, who = params.decimal("amount", data.amount), identity.name
    found = await _call(
        shared, lambda link: accounts.reset(link, account_id, amount, who, data.note)
    )
    return converted(found, TradeAccount)


@get("/api/activity/today", responses=BAD_INPUT, operation_class=ProblemOperation, tags=["trading"])
async def activity_today(
    shared: NamedDependency[SharedState], account_id: OfAccount = None
) -> list[ActivityRow]:
    """List the orders that are open, and those of the trade date by what became of them."""
    values = {"as_of": await shared.market_now(), "account": account_id}
    found = await database.fetch(shared.pool, "trade_activity", values)
    return [converted(_texts(row), ActivityRow) for row in found]


@get("/api/signals", responses=BAD_INPUT, operation_class=ProblemOperation, tags=["trading"])
async def list_signals(
    shared: NamedDependency[SharedState], symbols: Symbols = None, limit: Limit = 100
) -> list[TradeSignal]:
    """List signals that orders may follow, newest first."""
    asked = params.names("symbols", symbols)
    known = None if asked is None else await shared.reference.symbols_of(asked)
    found = await database.fetch(shared.pool, "trade_signals", {"symbols": known, "limit": limit})
    return [converted(_texts(row), TradeSignal) for row in found]


@post("/api/signals", responses=CHANGED, operation_class=ProblemOperation, tags=["trading"])
async def add_signal(
    shared: NamedDependency[SharedState],
    identity: NamedDependency[Identity],
    data: JSONBody[SignalBody],
) -> TradeSignal:
    """Record a view of a symbol that orders may follow, by its `signal_id`."""
    given: Row = msgspec.structs.asdict(data)
    found = await _call(shared, lambda link: accounts.add_signal(link, given, identity.name))
    return converted(_texts(found), TradeSignal)


@get("/api/risk/limits", responses=BAD_INPUT, operation_class=ProblemOperation, tags=["trading"])
async def risk_limits(
    shared: NamedDependency[SharedState], account_id: OfAccount = None
) -> list[LimitUsed]:
    """List the limits that hold now, and with an account how much of each it uses."""
    if account_id is None:
        found = await database.fetch(shared.pool, "trade_limits", {"account": None})
    else:
        await _call(shared, lambda link: accounts.account_at(link, account_id))
        values = {"account": account_id, "as_of": await shared.market_now()}
        found = await database.fetch(shared.pool, "trade_limits_used", values)
    return [converted(row, LimitUsed) for row in found]


@get(
    "/api/risk/limits/versions",
    responses=BAD_INPUT,
    operation_class=ProblemOperation,
    tags=["trading"],
)
async def limit_versions(
    shared: NamedDependency[SharedState],
    account_id: OfAccount = None,
    rule: Annotated[str | None, QueryParameter(description="One rule; all if left out.")] = None,
    limit: Limit = 100,
) -> list[LimitRow]:
    """List the versions of limits, newest first; in SQL `select * from trade.limits`."""
    values = {"account": account_id, "rule": rule, "limit": limit}
    found = await database.fetch(shared.pool, "trade_limit_versions", values)
    return [converted(row, LimitRow) for row in found]


@get("/api/risk/exposure", responses=BAD_INPUT, operation_class=ProblemOperation, tags=["trading"])
async def risk_exposure(
    shared: NamedDependency[SharedState], account_id: OfAccount = None
) -> list[ExposureRow]:
    """List what is held and may be, a root a row; in SQL `trade.exposure_at(as_of)`."""
    values = {"account": account_id, "as_of": await shared.market_now()}
    found = await database.fetch(shared.pool, "trade_exposure", values)
    return [converted(row, ExposureRow) for row in found]


@get("/api/notes", responses=BAD_INPUT, operation_class=ProblemOperation, tags=["trading"])
async def list_notes(
    shared: NamedDependency[SharedState],
    order_id: Annotated[UUID | None, QueryParameter(description="Those of an order.")] = None,
    symbol: OfSymbol = None,
    limit: Limit = 100,
) -> list[NoteRow]:
    """List notes of the journal, newest first; in SQL `select * from trade.notes`."""
    values = {"order_id": order_id, "symbol": symbol, "limit": limit}
    found = await database.fetch(shared.pool, "trade_notes", values)
    return [converted(_texts(row), NoteRow) for row in found]


@post("/api/notes", responses=CHANGED, operation_class=ProblemOperation, tags=["trading"])
async def add_note(
    shared: NamedDependency[SharedState],
    identity: NamedDependency[Identity],
    data: JSONBody[NoteBody],
) -> NoteRow:
    """Write a note in the journal, about an order, a symbol, or neither; none is changed."""

    def do(link: Connection[Any]) -> Row:
        of = data.order_id, data.symbol
        return accounts.add_note(link, data.text, identity.name, *of)

    return converted(_texts(await _call(shared, do)), NoteRow)


@patch("/api/risk/limits", responses=CHANGED, operation_class=ProblemOperation, tags=["trading"])
async def change_limit(
    shared: NamedDependency[SharedState],
    identity: NamedDependency[Identity],
    data: JSONBody[LimitChange],
) -> LimitRow:
    """Change a limit, as a new version."""
    value = params.decimal("value", data.value)

    def do(link: Connection[Any]) -> Row:
        of = {"account": data.account_id, "symbol": data.symbol}
        return accounts.set_limit(link, data.rule, value, identity.name, **of)

    return converted(await _call(shared, do), LimitRow)


@get("/api/risk/kill", responses=BAD_INPUT, operation_class=ProblemOperation, tags=["trading"])
async def kill_switch(shared: NamedDependency[SharedState]) -> KillSwitch:
    """Return the kill switch."""
    (found,) = await database.fetch(shared.pool, "trade_kill_switch")
    return converted(found, KillSwitch)


@post(
    "/api/risk/kill",
    status_code=200,
    responses=CHANGED,
    operation_class=ProblemOperation,
    tags=["trading"],
)
async def latch_kill(
    shared: NamedDependency[SharedState],
    identity: NamedDependency[Identity],
    data: JSONBody[Reason],
) -> KillSwitch:
    """Stop trading: no order passes but those that flatten, until an ADMIN resets it."""
    found = await _call(shared, lambda link: accounts.kill(link, identity.name, data.reason))
    return converted(found, KillSwitch)


@delete(
    "/api/risk/kill",
    status_code=200,
    responses=CHANGED,
    operation_class=ProblemOperation,
    tags=["trading"],
)
async def reset_kill(
    shared: NamedDependency[SharedState],
    identity: NamedDependency[Identity],
    data: JSONBody[Reason],
) -> KillSwitch:
    """Let orders pass again, once it is flat."""
    found = await _call(shared, lambda link: accounts.reset_kill(link, identity.name, data.reason))
    return converted(found, KillSwitch)


ROUTES = (
    list_orders,
    place_order,
    preview_order,
    show_order,
    order_story,
    change_order,
    cancel_order,
    list_fills,
    list_trades,
    list_positions,
    flatten_positions,
    list_accounts,
    account_statement,
    account_pnl,
    fund_account,
    reset_account,
    activity_today,
    list_signals,
    add_signal,
    risk_limits,
    limit_versions,
    risk_exposure,
    list_notes,
    add_note,
    change_limit,
    kill_switch,
    latch_kill,
    reset_kill,
)
