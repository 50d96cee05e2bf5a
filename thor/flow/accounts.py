"""Fund and reset accounts, change limits, use the kill switch, and record signals and notes.

Stages: 80 trading. What the database refuses is raised as `Refused`, in its own words.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from thor import database
from thor.database import Connection
from thor.errors import NotFound, Rejected
from thor.flow.place_orders import market_now, order_row
from thor.flow.read_order import read_price
from thor.reference import instruments
from thor.trading.risk import LIMITS

Row = dict[str, Any]
# Of an amount or a limit before its point; of a note.
_DIGITS_MAX = 14
_TEXT_MAX = 10_000


@contextmanager
def _refused(connection: Connection[Any]) -> Iterator[None]:
    try:
        with database.transaction(connection):
            yield
    except database.DriverError as error:
        raise database.refusal(error) from error


def fund(connection: Connection[Any], account: str, amount: Decimal, who: str, note: str) -> Row:
    """Put cash into an account, below 0 take it out; returns the account.

    Raises `Refused` where more is taken out than is free.
    """
    values = _cash(connection, account, amount, who, note)
    with _refused(connection):
        database.one(connection, "trade_fund", values)
    return account_at(connection, account)


def reset(connection: Connection[Any], account: str, amount: Decimal, who: str, note: str) -> Row:
    """Begin an account anew with so much cash; nothing is deleted. Returns the account.

    Raises `Refused` while an order is open.
    """
    values = _cash(connection, account, amount, who, note)
    with _refused(connection):
        database.one(connection, "trade_reset_account", values)
        database.rows(connection, "trade_wake")
    return account_at(connection, account)


def _cash(connection: Connection[Any], account: str, amount: Decimal, who: str, note: str) -> Row:
    if not amount.is_finite() or amount.adjusted() > _DIGITS_MAX or amount != round(amount, 2):
        raise Rejected(
            f"amount: {str(amount)[:40]} is no amount of whole cents below 10^{_DIGITS_MAX + 1}"
        )
    moment = market_now(connection)
    return {"account": account, "amount": amount, "who": who, "note": note, "at": moment}


def account_at(connection: Connection[Any], account: str) -> Row:
    """Return an account as of now; raises `NotFound`."""
    values = {"as_of": market_now(connection), "account": account}
    found = database.row(connection, "trade_accounts_at", values)
    if found is None:
        raise NotFound(f"account: {account!r} is none; `thor account list` shows them")
    return found


def set_limit(
    connection: Connection[Any],
    rule: str,
    value: Decimal,
    who: str,
    account: str | None = None,
    symbol: str | None = None,
) -> Row:
    """Write a new version of a limit, for an account and a root or for all, and return it.

    Raises `Rejected` for an unknown rule or a value that is none, `NotFound` for an unknown account
    or root.
    """
    if rule not in LIMITS:
        raise Rejected(f"rule: {rule!r} is none of {', '.join(LIMITS)}")
    if not value.is_finite() or value < 0 or value.adjusted() > _DIGITS_MAX:
        raise Rejected(
            f"value: {str(value)[:40]} has to be a number from 0, below 10^{_DIGITS_MAX + 1} "
            f"({LIMITS[rule]})"
        )
    if account is not None:
        account_at(connection, account)
    if symbol is not None:
        listed = instruments.listing(connection).instrument(symbol)
        if listed is None:
            raise NotFound(
                f"symbol: {symbol[:40]!r} is no root; `thor instruments list` shows them"
            )
        symbol = listed.symbol
    with _refused(connection):
        values = {"account": account, "rule": rule, "symbol": symbol, "value": value, "who": who}
        return database.one(connection, "trade_set_limit", values)


def kill(connection: Connection[Any], who: str, reason: str) -> Row:
    """Latch the kill switch; the job cancels, flattens and verifies. Returns the switch."""
    if not reason.strip():
        raise Rejected("reason: is missing; say why trading stops")
    with _refused(connection):
        database.rows(connection, "trade_kill", {"who": who, "reason": reason})
        database.rows(connection, "trade_wake")
    return database.one(connection, "trade_kill_switch")


def reset_kill(connection: Connection[Any], who: str, reason: str) -> Row:
    """Let orders pass again; raises `Refused` where anything is held or an order is open."""
    if not reason.strip():
        raise Rejected("reason: is missing; say why trading may go on")
    with _refused(connection):
        database.rows(connection, "trade_reset_kill", {"who": who, "reason": reason})
    return database.one(connection, "trade_kill_switch")


def add_signal(connection: Connection[Any], given: Row, who: str) -> Row:
    """Record a view of a symbol, its own or one that a person follows, and return it.

    Raises `Rejected` by field for prices and a confidence that are none, and `NotFound` for a
    symbol that is not listed.
    """
    listing = instruments.listing(connection)
    symbol = instruments.symbol_of(connection, given["symbol"])
    instrument = listing.instrument(symbol)
    assert instrument is not None
    values = {**given, "symbol": symbol, "who": who, "at": market_now(connection)}
    if given["origin"] != "PERSON" and not given["origin_ref"]:
        raise Rejected("origin_ref: is missing; name the signal or the prediction that is followed")
    for name in ("target", "stop"):
        text = given[name]
        values[name] = None if text is None else read_price(name, text, instrument)
    if given["confidence"] is not None:
        values["confidence"] = _share("confidence", given["confidence"])
    with _refused(connection):
        return database.one(connection, "trade_insert_signal", values)


def _share(field: str, text: str) -> Decimal:
    try:
        found = Decimal(text)
    except InvalidOperation:
        found = Decimal("NaN")
    if not (found.is_finite() and 0 <= found <= 1):
        raise Rejected(f"{field}: {text[:40]!r} is no number from 0 to 1; write it as 0.62")
    return found


def add_note(
    connection: Connection[Any],
    text: str,
    who: str,
    order_id: UUID | None = None,
    symbol: str | None = None,
) -> Row:
    """Write a note in the journal and return it; raises `NotFound` for an unknown order or symbol.

    A note of an order has that order's series where no symbol is given.
    """
    if not text.strip():
        raise Rejected("text: is missing; write what is to be kept")
    if len(text) > _TEXT_MAX:
        raise Rejected(f"text: has {len(text)} characters, at most {_TEXT_MAX} are kept")
    if symbol is not None:
        symbol = instruments.symbol_of(connection, symbol)
    if order_id is not None:
        order = order_row(connection, order_id)
        symbol = symbol or order["series"]
    values = {"order_id": order_id, "symbol": symbol, "who": who, "text": text.strip()}
    return database.one(connection, "trade_insert_note", values)
