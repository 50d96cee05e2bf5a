"""`thor orders`, `positions`, `account`, `flatten`, `story`, `reconcile`, `kill`: trading by hand.

Reads and writes the schema trade; the job `trade` talks to the broker. A refusal exits 4.
"""

import getpass
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any
from uuid import UUID, uuid4

import typer

from thor.cli.common import AsJson, open_database, show
from thor.errors import NotFound, Refused, Rejected

orders = typer.Typer(no_args_is_help=True, help="Place, list, show and cancel orders.")
account = typer.Typer(no_args_is_help=True, help="List, fund and reset accounts.")
kill = typer.Typer(no_args_is_help=True, help="Stop all trading, and let it go on.")

Symbol = Annotated[str, typer.Option(help="A root, ES, or a month of it, ESH27.")]
_COLUMNS = (
    *("order_id", "client_order_id", "symbol", "contract", "side", "type", "quantity"),
    *("limit_price", "stop_price", "filled_quantity", "average_price", "status", "reason"),
)


@orders.command("place")
def place(
    symbol: Symbol,
    side: Annotated[str, typer.Option(help="BUY or SELL.")],
    quantity: Annotated[int, typer.Option(help="Contracts.")],
    kind: Annotated[
        str, typer.Option("--type", help="MARKET, LIMIT, STOP, STOP_LIMIT or TRAILING_STOP.")
    ] = "MARKET",
    limit: Annotated[str | None, typer.Option(help="Limit price, in points.")] = None,
    stop: Annotated[str | None, typer.Option(help="Stop price, in points.")] = None,
    trail: Annotated[str | None, typer.Option(help="Distance to trail by, in points.")] = None,
    time_in_force: Annotated[str, typer.Option(help="DAY or GTC.")] = "DAY",
    account_id: Annotated[str, typer.Option("--account", help="The account.")] = "PAPER",
    client_order_id: Annotated[
        str | None, typer.Option(help="The order's own id: a second time it is the same order.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Place an order and print it; a rule that refuses it is named, and the exit code is 4."""
    from thor.domain.orders import OrderRequest
    from thor.flow import place_orders

    given: dict[str, Any] = {
        **{"account_id": account_id, "client_order_id": client_order_id or f"cli-{uuid4().hex}"},
        **{"symbol": symbol, "side": side.upper(), "type": kind.upper(), "quantity": quantity},
        **{"limit_price": _price("limit", limit), "stop_price": _price("stop", stop)},
        **{"trail_by": _price("trail", trail), "time_in_force": time_in_force.upper()},
    }
    with open_database() as connection:
        row = place_orders.place(connection, OrderRequest(**given), getpass.getuser())
    _show([row], "order", as_json=as_json)
    if row["status"] == "REFUSED":
        raise Refused(row["reason"])


@orders.command("list")
def list_orders(
    account_id: Annotated[str | None, typer.Option("--account", help="One account.")] = None,
    symbol: Annotated[str | None, typer.Option(help="A series or a contract.")] = None,
    is_open: Annotated[bool, typer.Option("--open", help="Open ones only.")] = False,
    limit: Annotated[int, typer.Option(help="Most rows.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List orders, newest first."""
    from thor import database

    values = {"account": account_id, "symbol": symbol, "is_open": is_open or None, "limit": limit}
    with open_database() as connection:
        _show(database.rows(connection, "trade_orders", values), "orders", as_json=as_json)


@orders.command("show")
def show_order(order: str, as_json: AsJson = False) -> None:
    """Show an order."""
    from thor.flow import place_orders

    with open_database() as connection:
        show([place_orders.order_row(connection, _id(order))], "order", as_json=as_json)


@orders.command("cancel")
def cancel(order: str, as_json: AsJson = False) -> None:
    """Ask for an order to be cancelled; what was filled stays."""
    from thor.flow import place_orders

    with open_database() as connection:
        row = place_orders.cancel(connection, _id(order), getpass.getuser())
        _show([row], "order", as_json=as_json)


def positions(
    account_id: Annotated[str | None, typer.Option("--account", help="One account.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what is held, marked now, with its profit."""
    from thor import database
    from thor.flow import place_orders

    with open_database() as connection:
        values = {"as_of": place_orders.market_now(connection), "account": account_id}
        rows = database.rows(connection, "trade_positions", values)
    names = ("account_id", "series", "quantity", "average_price", "mark", "unrealised", "pnl_day")
    show([{name: row[name] for name in names} for row in rows], "positions", as_json=as_json)


@account.command("list")
def list_accounts(as_json: AsJson = False) -> None:
    """List accounts with their cash and value."""
    from thor import database
    from thor.flow import place_orders

    with open_database() as connection:
        values = {"as_of": place_orders.market_now(connection), "account": None}
        rows = database.rows(connection, "trade_accounts_at", values)
    names = ("account_id", "kind", "cash", "unrealised", "net_liquidation", "pnl_day", "positions")
    show([{name: row[name] for name in names} for row in rows], "accounts", as_json=as_json)


@account.command("fund")
def fund(
    amount: Annotated[str, typer.Argument(help="Cash; below 0 to take it out.")],
    account_id: Annotated[str, typer.Option("--account", help="The account.")] = "PAPER",
    note: Annotated[str, typer.Option(help="Why.")] = "",
    as_json: AsJson = False,
) -> None:
    """Put cash into an account."""
    from thor.flow import accounts

    cash = _price("amount", amount)
    assert cash is not None
    with open_database() as connection:
        row = accounts.fund(connection, account_id, cash, getpass.getuser(), note)
        show([row], "account", as_json=as_json)


@account.command("reset")
def reset(
    amount: Annotated[str, typer.Argument(help="Cash to begin with.")] = "100000",
    account_id: Annotated[str, typer.Option("--account", help="The account.")] = "PAPER",
    note: Annotated[str, typer.Option(help="Why.")] = "",
    as_json: AsJson = False,
) -> None:
    """Begin a paper account anew; nothing is deleted, and it is refused with orders open."""
    from thor.flow import accounts

    cash = _price("amount", amount)
    assert cash is not None
    with open_database() as connection:
        row = accounts.reset(connection, account_id, cash, getpass.getuser(), note)
        show([row], "account", as_json=as_json)


def flatten(
    account_id: Annotated[str | None, typer.Option("--account", help="One account.")] = None,
    symbol: Annotated[str | None, typer.Option(help="A series or a contract.")] = None,
    as_json: AsJson = False,
) -> None:
    """Cancel the open orders and close the positions at the market."""
    from thor.flow import flatten as flattening

    with open_database() as connection:
        placed = flattening.flatten(
            connection, getpass.getuser(), account=account_id, symbol=symbol
        )
        _show(placed, "orders that flatten", as_json=as_json)


def story(order: str, as_json: AsJson = False) -> None:
    """Tell all that led to an order, refused ones too, and what came of it."""
    from thor import database

    with open_database() as connection:
        rows = database.rows(connection, "trade_story_of", {"order_id": _id(order)})
    if not rows:
        raise NotFound(f"order: {order} is none; `thor orders list` shows them")
    show(rows, f"order {order}", as_json=as_json)


def reconcile(
    clear: Annotated[
        int | None, typer.Option(help="The number of a break that has been looked into.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the differences from brokers that lock a symbol, or clear one; exits 4 while any is.

    The job compares at its start, after each reconnect, and every half minute.
    """
    from thor import database

    with open_database() as connection:
        if clear is not None:
            values = {"break_id": clear, "who": getpass.getuser()}
            if database.row(connection, "trade_clear_break", values) is None:
                raise NotFound(f"break: {clear} is none that is open")
        found = database.rows(connection, "trade_open_breaks", {"account": None})
        show(found, "breaks", as_json=as_json)
    if found:
        raise Refused(f"{len(found)} breaks lock their symbols")


@kill.command("on")
def latch(
    reason: Annotated[str, typer.Option(help="Why.")] = "by hand", as_json: AsJson = False
) -> None:
    """Stop trading, while the API is down as well; the job cancels, flattens and verifies."""
    from thor.flow import accounts

    with open_database() as connection:
        row = accounts.kill(connection, getpass.getuser(), reason)
        show([row], "kill switch", as_json=as_json)


@kill.command("reset")
def reset_kill(
    reason: Annotated[str, typer.Option(help="Why.")] = "by hand", as_json: AsJson = False
) -> None:
    """Let orders pass again; refused while anything is held or an order is open."""
    from thor.flow import accounts

    with open_database() as connection:
        row = accounts.reset_kill(connection, getpass.getuser(), reason)
        show([row], "kill switch", as_json=as_json)


def _show(rows: list[dict[str, Any]], title: str, *, as_json: bool) -> None:
    shown = rows if as_json else [{name: row[name] for name in _COLUMNS} for row in rows]
    show(shown, title, as_json=as_json)


def _price(field: str, text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise Rejected(f"{field}: {text[:40]!r} is not a number") from error


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise Rejected(
            f"order: {text[:60]!r} is no order's id; `thor orders list` shows"
        ) from error
