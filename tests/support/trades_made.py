"""Orders and fills as the paper broker writes them, for tests of what is selected."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import psycopg

AT = datetime(2024, 7, 1, 15, tzinfo=UTC)
FEE = Decimal("2.50")
_SEQ = count(1)

Link = psycopg.Connection[Any]


def place(link: Link, side: str, quantity: int, symbol: str = "ES", **given: Any) -> UUID:
    """Insert an order, sent unless its status is given, and return its id."""
    status = given.pop("status", "SUBMITTED")
    row = {
        "order_id": uuid4(), "account_id": "PAPER", "client_order_id": f"c{next(_SEQ)}",
        "symbol": symbol, "side": side, "type": "MARKET", "quantity": quantity, "who": "ann",
        "content_sha256": "0" * 64, "placed_at": AT,
        "status": "PENDING" if status == "SUBMITTED" else status, **given,
    }  # fmt: skip
    link.execute(
        f"insert into trade.orders ({', '.join(row)}) "
        f"values ({', '.join(f'%({name})s' for name in row)})".encode(),
        row,
    )
    if status == "SUBMITTED":
        sent_at = row["placed_at"] + timedelta(milliseconds=1)
        move(link, row["order_id"], status, updated_at=sent_at)
    return UUID(str(row["order_id"]))


def move(link: Link, order: UUID, status: str, **given: Any) -> None:
    """Change the status of an order, and whatever else is given."""
    row = {"status": status, **given}
    link.execute(
        f"update trade.orders set {', '.join(f'{name} = %({name})s' for name in row)} "
        "where order_id = %(order)s".encode(),
        {**row, "order": order},
    )


def fill(link: Link, order: UUID, quantity: int, price: Any, **given: Any) -> None:
    """Insert a fill of an order; the commission is 2.50 a contract unless given."""
    row = {
        "order_id": order, "quantity": quantity, "price": Decimal(str(price)),
        "commission": FEE * quantity, "at": AT, "tick_ts": AT, "tick_seq": next(_SEQ),
        "tick_source": "SIM", "part": 1, **given,
    }  # fmt: skip
    link.execute(
        f"insert into trade.fills (account_id, symbol, contract, side, {', '.join(row)}) "
        "select o.account_id, o.symbol, o.contract, o.side, "
        f"{', '.join(f'%({name})s' for name in row)} "
        "from trade.orders as o where o.order_id = %(order_id)s".encode(),
        row,
    )


def trade(
    link: Link, side: str, quantity: int, price: Any, symbol: str = "ES", **of_fill: Any
) -> UUID:
    """Place a market order and fill it whole at a price."""
    at = of_fill.get("at", AT)
    account = of_fill.pop("account_id", "PAPER")
    contract = of_fill.pop("contract", None)
    order = place(link, side, quantity, symbol, placed_at=at, account_id=account, contract=contract)
    fill(link, order, quantity, price, **of_fill)
    return order
