"""Place, preview, change and cancel orders: the verdict and the order in one transaction.

Stages: 10 reference, 30 ticks → 80 trading. Writes rows only: the job `trade` alone talks to
brokers, and is notified. An account's row is locked while an order of it is decided on, so that
two traders cannot both have what is left of one limit.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from thor import database
from thor.database import Connection
from thor.domain.instrument import Listing
from thor.domain.orders import (
    FINAL,
    OrderRequest,
    check,
    check_exits,
    check_prices,
    check_stop_side,
    digest_of,
    field_of,
)
from thor.errors import NotFound, Refused, Rejected
from thor.reference import instruments
from thor.trading.brokers.broker import Change
from thor.trading.risk import Held, RiskContext, Verdict, is_reducing, verdict

Row = dict[str, Any]
_NO_ID = UUID(int=0)


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict, with what the order was resolved to and the quote that it was given at."""

    verdict: Verdict
    symbol: str
    contract: str | None
    at: datetime
    bid: Decimal | None
    ask: Decimal | None
    last: Decimal | None
    quote_age_s: float | None
    margin: Decimal | None
    commission: Decimal | None


def market_now(connection: Connection[Any]) -> datetime:
    """Return the market's moment: now, or a recording's own, UTC."""
    moment: datetime | None = database.one(connection, "trade_market_now")["moment"]
    if moment is None:
        raise Refused("quote: nothing was recorded yet, so the market has no time; replay a tape")
    return moment


def preview(
    connection: Connection[Any], request: OrderRequest, others: Sequence[OrderRequest] = ()
) -> Decision:
    """Return the verdict that an order would be given now; writes nothing.

    `others` are those of its group, which it is placed with. Raises `Rejected` for an order that
    is malformed, `NotFound` for an unknown symbol or account.
    """
    listing = instruments.listing(connection)
    orders = [_listed(one, listing) for one in (request, *others)]
    _account(connection, request.account_id)
    return _decide_all(connection, listing, orders, market_now(connection))


def place(
    connection: Connection[Any],
    request: OrderRequest,
    who: str,
    at: datetime | None = None,
    others: Sequence[OrderRequest] = (),
) -> Row:
    """Place an order and return its row, `REFUSED` where a rule refused it.

    `at` is the market's moment, its now where left out. `others` are those of its group: all are
    placed, or none is, and the verdict is of all. The same id with the same content returns the
    order that is there. Raises `Rejected` and `NotFound` as `preview`, and `Refused` for an id that
    an order of other content has, or a kill switch that was latched meanwhile.
    """
    listing = instruments.listing(connection)
    orders = [_listed(one, listing) for one in (request, *others)]
    digest = digest_of(orders)
    try:
        with database.transaction(connection):
            _account(connection, request.account_id)
            for order in orders:
                known = _known(connection, order, digest)
                if known is not None:
                    return known
            decision = _decide_all(connection, listing, orders, at or market_now(connection))
            row = _write(connection, orders[0], decision, who, digest)
            if row["status"] != "REFUSED":
                for order in orders[1:]:
                    order = _of_entry(order, row["order_id"])
                    _write(connection, order, decision, who, digest, row["verdict_id"])
            return row
    except database.DriverError as error:
        raise database.refusal(error) from error


def modify(connection: Connection[Any], order_id: UUID, change: Change, who: str) -> Row:
    """Ask for an order to be changed; the broker's answer comes with its next event.

    Returns the order as it stands. Raises `NotFound`, `Rejected` for values that it cannot hold,
    and `Refused` where it no longer works or the risk engine refuses what it would become.
    """
    listing = instruments.listing(connection)
    given = {name: value for name, value in _fields(change).items() if value is not None}
    if not given:
        raise Rejected("quantity: nothing is to change; give a quantity or a price")
    with database.transaction(connection):
        row = order_row(connection, order_id)
        _account(connection, row["account_id"])
        row = order_row(connection, order_id)
        if row["status"] in FINAL or row["status"] == "CANCEL_PENDING":
            raise Refused(f"status: {row['client_order_id']} is {row['status']}, not to be changed")
        request = _changed(row, given)
        instrument = listing.instrument(request.symbol)
        assert instrument is not None
        if request.quantity <= row["filled_quantity"]:
            raise Rejected(
                f"quantity: {request.quantity} is not above the {row['filled_quantity']} that are "
                "filled"
            )
        stop = None if request.type == "TRAILING_STOP" else request.stop_price
        check_prices(request.type, request.limit_price, stop, request.trail_by, instrument)
        decision = _decide(connection, listing, request, market_now(connection), row)
        verdict_id = _write_verdict(connection, request, decision)
        if decision.verdict.is_allowed:
            values = {**_fields(change), "order_id": order_id, "verdict_id": verdict_id}
            database.one(
                connection,
                "trade_insert_modification",
                {**values, "who": who, "at": decision.at},
            )
            database.rows(connection, "trade_wake")
    if not decision.verdict.is_allowed:
        raise Refused(f"{decision.verdict.rule}: {decision.verdict.reason}")
    return order_row(connection, order_id)


def cancel(connection: Connection[Any], order_id: UUID, who: str, reason: str = "") -> Row:
    """Ask for an order to be cancelled, and return it; one that has ended is returned as it is.

    Raises `NotFound`, and `Refused` for an order that has ended.
    """
    with database.transaction(connection):
        row = order_row(connection, order_id)
        if row["status"] in FINAL:
            raise Refused(f"status: {row['client_order_id']} is {row['status']} already")
        values = {
            "order_id": order_id,
            "who": who,
            "reason": reason or f"cancelled by {who}",
            "at": market_now(connection),
        }
        found = database.row(connection, "trade_cancel", values)
        database.rows(connection, "trade_wake")
    return found or order_row(connection, order_id)


def order_row(connection: Connection[Any], order_id: UUID) -> Row:
    """Return an order's row; raises `NotFound`."""
    found = database.row(connection, "trade_order", {"order_id": order_id})
    if found is None:
        raise NotFound(f"order: {order_id} is none; `thor orders list` shows them")
    return found


def _fields(change: Change) -> Row:
    return msgspec.structs.asdict(change)


def _account(connection: Connection[Any], account_id: str) -> Row:
    found = database.row(connection, "trade_lock_account", {"account": account_id})
    if found is None:
        raise NotFound(f"account: {account_id!r} is none; `thor account list` shows them")
    return found


def _listed(request: OrderRequest, listing: Listing) -> OrderRequest:
    symbol, instrument = listing.listed(request.symbol)
    request = msgspec.structs.replace(request, symbol=symbol)
    check(request, instrument)
    return request


def _known(connection: Connection[Any], request: OrderRequest, digest: str) -> Row | None:
    values = {"account": request.account_id, "client_order_id": request.client_order_id}
    row = database.row(connection, "trade_order_of_client", values)
    if row is not None and row["content_sha256"] != digest:
        raise Refused(
            f"client_order_id: {request.client_order_id!r} is another order's, of "
            f"{row['side']} {row['quantity']} {row['symbol']}; give this one an id of its own"
        )
    return row


def _decide_all(
    connection: Connection[Any], listing: Listing, orders: Sequence[OrderRequest], at: datetime
) -> Decision:
    """Return the verdict on the first order; refused where one of its group is."""
    request = orders[0]
    for order in orders:
        _check_signal(connection, order.signal_id)
    decision = _decide(connection, listing, request, at)
    if request.group_kind == "BRACKET" and request.parent_order_id is None:
        instrument = listing.instrument(request.symbol)
        assert instrument is not None
        check_exits(orders, decision.bid, decision.ask, instrument)
    for order in orders[1:]:
        other = _decide(connection, listing, order, at, entry=request)
        if decision.verdict.is_allowed and not other.verdict.is_allowed:
            refused = _of_other(decision.verdict, other.verdict, field_of(order))
            decision = msgspec.structs.replace(decision, verdict=refused)
    return decision


def _check_signal(connection: Connection[Any], signal_id: UUID | None) -> None:
    if signal_id is None or database.row(connection, "trade_signal", {"signal_id": signal_id}):
        return
    raise NotFound(f"signal_id: {signal_id} is no signal; `GET /api/signals` lists them")


def _of_other(verdict: Verdict, refused: Verdict, field: str) -> Verdict:
    """Return the verdict on an order that another of its group is refused with."""
    failed = {check.rule: check for check in refused.checks if not check.is_passed}
    checks = [failed.pop(check.rule, check) for check in verdict.checks]
    return msgspec.structs.replace(
        refused,
        checks=(*checks, *failed.values()),
        reason=f"of its {field}: {refused.reason}",
    )


def _decide(
    connection: Connection[Any],
    listing: Listing,
    request: OrderRequest,
    at: datetime,
    before: Row | None = None,
    entry: OrderRequest | None = None,
) -> Decision:
    """Return the verdict on an order at a moment; `before` is the row of the one it replaces.

    `entry` is the first order of its group, where both are placed together.
    """
    is_waiting = entry is not None and entry.group_kind == "BRACKET"
    if is_waiting:
        # Its id is not known yet, and the rules only ask whether there is an entry.
        request = _of_entry(request, _NO_ID)
    elif request.parent_order_id is not None:
        is_waiting = not _checked_parent(connection, request)["filled_quantity"]
    if before is not None:
        # What it has filled is held already.
        left = request.quantity - before["filled_quantity"]
        request = msgspec.structs.replace(request, quantity=left)
    values = {"symbol": request.symbol, "as_of": at, "contract": request.contract}
    subject = database.row(connection, "trade_subject", values)
    if subject is None:
        raise NotFound(
            f"symbol: {request.symbol} has no series; `thor instruments list` shows them"
        )
    contract, root = subject["contract"], subject["root"]
    instrument = listing.instrument(request.symbol)
    assert instrument is not None
    account = {
        "account": request.account_id,
        "as_of": at,
        "is_regular": subject["is_regular"],
        "root": root,
        "is_flattening": request.is_flattening,
        "without": None if before is None else before["order_id"],
        "series": contract or request.symbol,
        **{name: getattr(request, name) for name in ("symbol", "side", "type", "quantity")},
        **{name: getattr(request, name) for name in ("limit_price", "stop_price")},
    }
    quotes, held, (facts,), limits = database.together(
        connection,
        account,
        *("trade_quote", "trade_held", "trade_account_facts", "trade_limits_for"),
    )
    quote = quotes[0] if quotes else {}
    # An exit stands on the right side once its entry has filled; a trailing stop is placed so.
    is_triggered = before is not None and before["is_triggered"]
    if request.type in ("STOP", "STOP_LIMIT") and not is_waiting and not is_triggered:
        stop, bid, ask = request.stop_price, quote.get("bid"), quote.get("ask")
        check_stop_side(request.side, stop, bid, ask, instrument)
    days = None
    if subject["needs_month"] and contract is not None:
        asked = {"contract": contract, "trade_date": subject["trade_date"]}
        found = database.row(connection, "trade_days_to_leave", asked)
        days = None if found is None else found["days"]
    context = RiskContext(
        instrument=instrument,
        series=contract or request.symbol,
        is_tradable=subject["is_tradable"],
        is_enabled=facts["is_enabled"],
        is_latched=facts["is_latched"],
        is_locked=facts["is_locked"],
        bid=quote.get("bid"),
        ask=quote.get("ask"),
        last=quote.get("last"),
        quote_age_s=quote.get("age_s"),
        session_minutes=subject["minutes_to_close"],
        needs_month=subject["needs_month"],
        days_to_leave=days,
        held=tuple(_held(row) for row in held),
        equity=facts["equity"],
        peak_equity=facts["peak_equity"],
        day_pnl=facts["pnl_day"],
        margin=facts["margin"],
        margin_used=_margin_used(held),
        orders_last_minute=facts["orders_last_minute"],
        duplicate_age_s=facts["duplicate_age_s"],
        limits={row["rule"]: row["value"] for row in limits},
        limits_version=max((row["limit_id"] for row in limits), default=None),
    )
    front = subject["front"]
    is_other = before is None and request.contract not in (None, front)
    if is_other and not request.is_flattening and not is_reducing(request, context):
        # It would be filled at the prices of the month that the symbol stands for.
        raise Rejected(
            f"contract: {request.symbol} stands for {front or 'no month here'}, and of another "
            "month only what is held can be sold or bought back: leave it out"
        )
    return Decision(
        verdict=verdict(request, context),
        symbol=request.symbol,
        contract=contract,
        at=at,
        bid=context.bid,
        ask=context.ask,
        last=context.last,
        quote_age_s=context.quote_age_s,
        margin=None
        if context.margin is None
        else context.margin * request.quantity * (not is_reducing(request, context)),
        commission=None if subject["fee"] is None else subject["fee"] * request.quantity,
    )


def _checked_parent(connection: Connection[Any], request: OrderRequest) -> Row:
    """Return the entry of an exit; raises for an exit that it cannot have."""
    assert request.parent_order_id is not None
    parent = order_row(connection, request.parent_order_id)
    for name in ("account_id", "symbol", "group_id"):
        if parent[name] != getattr(request, name):
            raise Rejected(f"{name}: an exit has that of its entry, {parent[name]}")
    if parent["side"] == request.side:
        raise Rejected(f"side: an exit of a {parent['side']} entry is on the other side")
    if request.quantity > parent["quantity"]:
        raise Rejected(f"quantity: an exit has at most its entry's {parent['quantity']}")
    return parent


def _of_entry(request: OrderRequest, order_id: UUID) -> OrderRequest:
    if request.group_kind != "BRACKET":
        return request
    return msgspec.structs.replace(request, parent_order_id=order_id)


def _held(row: Row) -> Held:
    return msgspec.convert({name: row[name] for name in Held.__struct_fields__}, Held)


def _margin_used(held: list[Row]) -> Decimal | None:
    used = Decimal(0)
    for row in held:
        if row["margin"] is None:
            return None
        quantity = row["quantity"]
        worst = max(abs(quantity + row["buying"]), abs(quantity - row["selling"]), abs(quantity))
        used += row["margin"] * worst
    return used


def _write(
    connection: Connection[Any],
    request: OrderRequest,
    decision: Decision,
    who: str,
    digest: str,
    verdict_id: UUID | None = None,
) -> Row:
    """Write an order, and its verdict where that is not another's of its group; return its row."""
    found = decision.verdict
    values = {
        **msgspec.structs.asdict(request),
        "account": request.account_id,
        "contract": decision.contract,
        "status": "PENDING" if found.is_allowed else "REFUSED",
        "reason": None if found.is_allowed else f"{found.rule}: {found.reason}",
        "verdict_id": verdict_id or _write_verdict(connection, request, decision),
        "who": who,
        "content_sha256": digest,
        "placed_at": decision.at,
    }
    row = database.one(connection, "trade_insert_order", values)
    del row["is_notified"]
    return row


def _write_verdict(connection: Connection[Any], request: OrderRequest, decision: Decision) -> UUID:
    found = decision.verdict
    values = {
        "at": decision.at,
        "account": request.account_id,
        "symbol": request.symbol,
        "side": request.side,
        "quantity": request.quantity,
        "is_allowed": found.is_allowed,
        "rule": found.rule,
        "limit": found.limit,
        "figure": found.figure,
        "reason": found.reason,
        "checks": _ENCODER.encode(found.checks).decode(),
        "limits_version": found.limits_version,
    }
    made: UUID = database.one(connection, "trade_insert_verdict", values)["verdict_id"]
    return made


_ENCODER = msgspec.json.Encoder(decimal_format="string")


def _changed(row: Row, given: Mapping[str, Any]) -> OrderRequest:
    names = set(OrderRequest.__struct_fields__) & set(row)
    return msgspec.convert({name: row[name] for name in names} | dict(given), OrderRequest)
