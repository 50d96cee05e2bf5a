"""Compare the rows of an account with what its broker holds, and lock what differs.

Stage 80, trading. A difference is a row of `trade.breaks`: the database then refuses orders in its
symbol. A comparison that cannot be made locks the whole account until one succeeds.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from thor import database
from thor.database import Connection
from thor.domain.orders import Order
from thor.errors import ThorError
from thor.trading.brokers.broker import Broker

Row = dict[str, Any]

_EVERYTHING = "*"
# What rows and broker have to agree on; the status may be one message apart.
_COMPARED = ("side", "quantity", "filled_quantity", "limit_price", "stop_price", "trail_by")


def reconcile(connection: Connection[Any], broker: Broker) -> list[Row]:
    """Compare positions and open orders, write a break for each difference, and return new ones.

    An order that was sent and is not known to the broker is sent again: the same id makes one order
    of it. The caller has written all that the broker reported before.
    """
    account = {"account": broker.account()}
    try:
        differences = [*_positions(connection, broker), *_orders(connection, broker)]
    except ThorError as error:
        reason = (
            f"reconciliation: it is not complete ({error}); the next complete one clears this, by "
            "itself, every half minute"
        )
        differences = [(_EVERYTHING, "a comparison", "none", reason)]
    else:
        database.rows(connection, "trade_clear_incomplete", account)
    found = []
    for symbol, expected, actual, reason in differences:
        values = {"symbol": symbol, "expected": expected, "actual": actual, "reason": reason}
        made = database.row(connection, "trade_insert_break", {**account, **values})
        if made is not None:
            found.append({**values, "account_id": broker.account(), **made})
    return found


def _positions(connection: Connection[Any], broker: Broker) -> Iterator[tuple[str, str, str, str]]:
    rows = database.rows(connection, "trade_holdings", {"account": broker.account()})
    expected = {(row["symbol"], row["contract"]): row["quantity"] for row in rows}
    actual = {(one.symbol, one.contract): one.quantity for one in broker.positions()}
    for symbol, contract in sorted(expected.keys() | actual.keys(), key=str):
        ours, theirs = expected.get((symbol, contract), 0), actual.get((symbol, contract), 0)
        if ours != theirs:
            reason = (
                f"position: {ours} contracts by the fills, {theirs} at the broker; compare the "
                "fills with the broker's, then `thor reconcile --clear` this break's number"
            )
            yield contract or symbol, str(ours), str(theirs), reason


def _orders(connection: Connection[Any], broker: Broker) -> Iterator[tuple[str, str, str, str]]:
    rows = database.rows(connection, "trade_open_orders", {"account": broker.account()})
    ours = {row["order_id"]: order_of(row) for row in rows if row["status"] != "PENDING"}
    theirs = {order.order_id: order for order in broker.orders()}
    for order_id, order in ours.items():
        if order_id not in theirs and order.status == "SUBMITTED":
            broker.submit(order)
        elif order_id not in theirs:
            yield _difference(order, _shown(order), "unknown")
        elif _values(order) != _values(theirs[order_id]):
            yield _difference(order, _shown(order), _shown(theirs[order_id]))
    for order_id, order in theirs.items():
        if order_id not in ours:
            yield _difference(order, "not open", _shown(order))


def _difference(order: Order, expected: str, actual: str) -> tuple[str, str, str, str]:
    reason = (
        f"order {order.client_order_id}: {expected} by the rows, {actual} at the broker; cancel it "
        "at both, then `thor reconcile --clear` this break's number"
    )
    return order.contract or order.symbol, expected, actual, reason


def _values(order: Order) -> tuple[Any, ...]:
    return tuple(getattr(order, name) for name in _COMPARED)


def _shown(order: Order) -> str:
    prices = (order.limit_price, order.stop_price, order.trail_by)
    at = " ".join(f"{price.normalize():f}" for price in prices if price is not None)
    return f"{order.side} {order.filled_quantity} of {order.quantity} {at}".rstrip()


def order_of(row: Row) -> Order:
    """Return a row of `trade.orders` as a broker takes it."""
    return msgspec.convert({name: row[name] for name in Order.__struct_fields__}, Order)
