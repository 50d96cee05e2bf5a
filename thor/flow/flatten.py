"""Flatten positions: cancel what works, and sell or buy back what is held.

Stages: 80 trading. Orders that flatten pass the latched kill switch, and the database lets them
only reduce.
"""

from collections.abc import Container
from datetime import datetime
from typing import Any
from uuid import uuid4

from thor import database
from thor.database import Connection
from thor.domain.orders import OrderRequest
from thor.flow.place_orders import cancel, market_now, place

Row = dict[str, Any]


def flatten(
    connection: Connection[Any],
    who: str,
    *,
    account: str | None = None,
    symbol: str | None = None,
    reason: str = "flatten",
    at: datetime | None = None,
    without: Container[tuple[str, str]] = (),
) -> list[Row]:
    """Cancel the open orders of an account or all, and place what flattens; returns those orders.

    With `symbol` of that series or contract alone; nothing is placed for `without`, accounts and
    series whose market would not take it. What works already to flatten is counted, so a second
    call places nothing twice. `at` is the market's moment, its now where left out.
    """
    placed: list[Row] = []
    working: dict[tuple[str, str], int] = {}
    for row in database.rows(connection, "trade_open_orders", {"account": account}):
        if symbol not in (None, row["symbol"], row["series"]):
            continue
        key = (row["account_id"], row["series"])
        if row["is_flattening"]:
            sign = 1 if row["side"] == "BUY" else -1
            working[key] = working.get(key, 0) + sign * (row["quantity"] - row["filled_quantity"])
        elif row["status"] != "CANCEL_PENDING":
            cancel(connection, row["order_id"], who, reason)
    held = database.rows(connection, "trade_holdings", {"account": account})
    if held:
        # By a clock that was put back, what is held would not be held yet.
        at = max(at or market_now(connection), *(row["filled_at"] for row in held))
    for row in held:
        series = row["contract"] or row["symbol"]
        if symbol not in (None, row["symbol"], series) or (row["account_id"], series) in without:
            continue
        left = row["quantity"] + working.get((row["account_id"], series), 0)
        if not left or (left > 0) != (row["quantity"] > 0):
            continue
        request = OrderRequest(
            account_id=row["account_id"],
            client_order_id=f"flatten-{series}-{uuid4().hex[:12]}",
            symbol=row["symbol"],
            side="SELL" if left > 0 else "BUY",
            type="MARKET",
            quantity=abs(left),
            is_flattening=True,
            contract=row["contract"],
        )
        placed.append(place(connection, request, who, at))
    return placed
