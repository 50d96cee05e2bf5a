"""`thor orders`, `positions`, `account`, `flatten`, `story`, `limits`, `kill` …: trading by hand.

Reads and writes the schema trade; the job `trade` talks to the broker. A refusal exits 4.
"""

import getpass
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any
from uuid import UUID, uuid4

import typer

from thor.cli.common import AsJson, open_database, show
from thor.errors import NotFound, Refused, Rejected

orders = typer.Typer(no_args_is_help=True, help="Place, list, show and cancel orders.")
account = typer.Typer(no_args_is_help=True, help="List, fund and reset accounts.")
limits = typer.Typer(no_args_is_help=True, help="Show and set the limits of risk.")
notes = typer.Typer(no_args_is_help=True, help="Write and read the journal of trading.")
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
    limit: Annotated[str | None, typer.Option(help="Limit price.")] = None,
    stop: Annotated[str | None, typer.Option(help="Stop price.")] = None,
    trail: Annotated[str | None, typer.Option(help="Distance to trail by, in points.")] = None,
    take_profit: Annotated[
        str | None, typer.Option(help="Bracket: exit by a limit at this price.")
    ] = None,
    stop_loss: Annotated[
        str | None, typer.Option(help="Bracket: exit by a stop at this price.")
    ] = None,
    oco: Annotated[
        str | None, typer.Option(help="Type of another order; what fills of one ends the other.")
    ] = None,
    oco_limit: Annotated[str | None, typer.Option(help="Its limit price.")] = None,
    oco_stop: Annotated[str | None, typer.Option(help="Its stop price.")] = None,
    oco_trail: Annotated[str | None, typer.Option(help="Its distance to trail by.")] = None,
    time_in_force: Annotated[str, typer.Option(help="DAY or GTC.")] = "DAY",
    account_id: Annotated[str, typer.Option("--account", help="The account.")] = "PAPER",
    client_order_id: Annotated[
        str | None, typer.Option(help="The order's own id: a second time it is the same order.")
    ] = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="Show the verdict, and place nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Place an order and print it; a rule that refuses it is named, and the exit code is 4.

    Prices are 6873.75, or 118'10 and 118'10+ in 32nds.
    """
    from thor.flow import place_orders
    from thor.flow.read_order import read_order
    from thor.reference import instruments

    if oco is None and (oco_limit or oco_stop or oco_trail):
        raise Rejected("oco: is missing; give the type of the other order, STOP say")
    other = {"type": (oco or "").upper(), "limit_price": oco_limit, "stop_price": oco_stop}
    given: dict[str, Any] = {
        **{"account_id": account_id, "client_order_id": client_order_id or f"cli-{uuid4().hex}"},
        **{"symbol": symbol, "side": side.upper(), "type": kind.upper(), "quantity": quantity},
        **{"limit_price": limit, "stop_price": stop, "trail_by": trail},
        **{"take_profit": take_profit, "stop_loss": stop_loss},
        "oco": {**other, "trail_by": oco_trail} if oco else None,
        "time_in_force": time_in_force.upper(),
    }
    with open_database() as connection:
        first, *others = read_order(instruments.listing(connection), given)
        if preview:
            _show_verdict(place_orders.preview(connection, first, others), as_json=as_json)
            return
        row = place_orders.place(connection, first, getpass.getuser(), others=others)
    _show([row], "order", as_json=as_json)
    if row["status"] == "REFUSED":
        raise Refused(row["reason"])


def _show_verdict(found: Any, *, as_json: bool) -> None:
    """Print every rule with its figure and limit; raises `Refused` for a refusal."""
    verdict = found.verdict
    show([_check(one) for one in verdict.checks], "verdict", as_json=as_json)
    if not verdict.is_allowed:
        raise Refused(f"{verdict.rule}: {verdict.reason}")


def _check(one: Any) -> dict[str, Any]:
    figure = None if one.figure is None else round(one.figure, 2)
    row = {"rule": one.rule, "is_passed": one.is_passed, "figure": figure, "limit": one.limit}
    return _plain({**row, "reason": one.reason})


@orders.command("change")
def change(
    order: str,
    quantity: Annotated[int | None, typer.Option(help="Contracts.")] = None,
    limit: Annotated[str | None, typer.Option(help="Limit price.")] = None,
    stop: Annotated[str | None, typer.Option(help="Stop price.")] = None,
    trail: Annotated[str | None, typer.Option(help="Distance to trail by, in points.")] = None,
    as_json: AsJson = False,
) -> None:
    """Ask for a working order to be changed; `thor orders show` has the broker's answer."""
    from thor.flow import place_orders
    from thor.flow.read_order import read_change
    from thor.reference import instruments

    prices = {"limit_price": limit, "stop_price": stop, "trail_by": trail}
    with open_database() as connection:
        symbol = place_orders.order_row(connection, _id(order))["symbol"]
        listing = instruments.listing(connection)
        asked = read_change(listing, symbol, {"quantity": quantity, **prices})
        row = place_orders.modify(connection, _id(order), asked, getpass.getuser())
    _show([row], "order", as_json=as_json)


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
        show([_plain(place_orders.order_row(connection, _id(order)))], "order", as_json=as_json)


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

    cash = _number("amount", amount)
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

    cash = _number("amount", amount)
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


@notes.command("add")
def add_note(
    text: Annotated[str, typer.Argument(help="What is to be kept.")],
    order: Annotated[str | None, typer.Option(help="The order that it is about.")] = None,
    symbol: Annotated[str | None, typer.Option(help="The series that it is about.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write a note in the journal."""
    from thor.flow import accounts

    order_id = None if order is None else _id(order)
    with open_database() as connection:
        row = accounts.add_note(connection, text, getpass.getuser(), order_id, symbol)
    show([row], "note", as_json=as_json)


@notes.command("list")
def list_notes(
    order: Annotated[str | None, typer.Option(help="Those of an order.")] = None,
    symbol: Annotated[str | None, typer.Option(help="Those of a series.")] = None,
    limit: Annotated[int, typer.Option(help="Most rows.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List notes of the journal, newest first."""
    from thor import database

    order_id = None if order is None else _id(order)
    values = {"order_id": order_id, "symbol": symbol, "limit": limit}
    with open_database() as connection:
        show(database.rows(connection, "trade_notes", values), "notes", as_json=as_json)


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


@limits.command("list")
def list_limits(
    account_id: Annotated[str, typer.Option("--account", help="The account.")] = "PAPER",
    as_json: AsJson = False,
) -> None:
    """Show the limits that hold for an account, and how much of each it uses."""
    from thor import database
    from thor.flow import accounts, place_orders

    with open_database() as connection:
        accounts.account_at(connection, account_id)
        values = {"account": account_id, "as_of": place_orders.market_now(connection)}
        rows = database.rows(connection, "trade_limits_used", values)
    names = ("rule", "account_id", "symbol", "used", "value", "subject", "version", "who")
    show([{name: row[name] for name in names} for row in rows], "limits", as_json=as_json)


@limits.command("set")
def set_limit(
    rule: Annotated[str, typer.Argument(help="max_contracts, daily_loss, …")],
    value: Annotated[str, typer.Argument(help="The limit, in the rule's unit.")],
    account_id: Annotated[str | None, typer.Option("--account", help="All if left out.")] = None,
    symbol: Annotated[str | None, typer.Option(help="A root; all if left out.")] = None,
    as_json: AsJson = False,
) -> None:
    """Set a limit, as a new version."""
    from thor.flow import accounts

    limit = _number("value", value)
    with open_database() as connection:
        row = accounts.set_limit(
            connection, rule, limit, getpass.getuser(), account=account_id, symbol=symbol
        )
    show([row], "limit", as_json=as_json)


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
    show([_plain(row) for row in shown], title, as_json=as_json)


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with its exact numbers in the digits that they need, 8 decimals at most."""
    return {
        name: f"{round(value, 8).normalize():f}" if isinstance(value, Decimal) else value
        for name, value in row.items()
    }


def _number(field: str, text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise Rejected(f"{field}: {text[:40]!r} is not a number; write it as 25000.00") from error


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise Rejected(
            f"order: {text[:60]!r} is no order's id; `thor orders list` shows"
        ) from error
