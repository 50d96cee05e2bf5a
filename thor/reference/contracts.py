"""The contract months: computed by the exchange's rule, or entered by a person.

Reads reference.sessions and instruments; reads and writes reference.contracts.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from thor import database
from thor.database import Connection
from thor.domain import contracts
from thor.domain.business_days import BusinessDays
from thor.domain.contracts import Contract
from thor.domain.series import month_of
from thor.domain.sessions import Session
from thor.errors import NotFound, Rejected
from thor.reference import instruments

BY_HAND = "by hand"


def listed(
    connection: Connection[Any], root: str | None = None, since: date | None = None
) -> list[Contract]:
    """Return the contract months by root and month, those of one root where it is given.

    With `since` without those whose last trade was before that day.
    """
    found = database.rows(connection, "contracts", {"root": root, "since": since})
    return [msgspec.convert(row, Contract) for row in found]


def business_days(connection: Connection[Any], root: str) -> BusinessDays:
    """Return the business days of a root's exchange, as far as sessions are known.

    Raises `NotFound` where the root is not listed or no session was computed.
    """
    instrument = instruments.instruments(connection).get(root)
    if instrument is None:
        raise NotFound(f"root: {root!r} is not listed; see `thor instruments list`")
    return _days(_sessions(connection), instrument.calendar)


def compute(
    connection: Connection[Any],
    root: str | None = None,
    first: date | None = None,
    last: date | None = None,
) -> dict[str, list[Contract]]:
    """Compute and store the contract months of all roots that have a rule, or of one.

    From the month of `first` to that of `last`, or as far as sessions are known; months entered by
    a person stay. A second run changes nothing. Raises `NotFound` for a root without a rule and
    `Rejected` for a reversed span.
    """
    if root is not None:
        contracts.rule_of(root)
    found: dict[str, list[Contract]] = {}
    with database.transaction(connection):
        sessions = _sessions(connection)
        for name, instrument in instruments.instruments(connection).items():
            if name in contracts.RULES and root in (None, name):
                days = _days(sessions, instrument.calendar)
                found[name] = contracts.contracts(
                    name, first or days.first, last or days.last, days
                )
        if root is not None and root not in found:
            raise NotFound(f"root: {root!r} is not listed; see `thor instruments list`")
        _keep(connection, [one for of_root in found.values() for one in of_root])
    return found


def add(
    connection: Connection[Any],
    symbol: str,
    last_trade: date,
    first_notice: date | None = None,
    expiry: datetime | None = None,
) -> Contract:
    """Store a month with dates entered by a person; no rule changes it from then on.

    The year of `symbol` is the one nearest to the last trade. Without an `expiry` trading ends with
    the session of that day. Raises `Rejected` where symbol or dates make no sense, `NotFound` where
    the root is not listed.
    """
    root, month = month_of(symbol, last_trade)
    with database.transaction(connection):
        closes = business_days(connection, root).close_at(last_trade)
        if closes is None and expiry is None:
            raise Rejected(f"last_trade: {symbol} cannot end on {last_trade}, there is no session")
        stated = Contract(
            root=root,
            month=month,
            first_notice=first_notice,
            last_trade=last_trade,
            expiry=expiry or closes or datetime.max.replace(tzinfo=UTC),
            rule=BY_HAND,
            is_by_hand=True,
        )
        _check(stated)
        _keep(connection, [stated])
    return stated


def _check(stated: Contract) -> None:
    away = timedelta(days=92)
    if not stated.month - away <= stated.last_trade <= stated.month + away:
        raise Rejected(
            f"last_trade: {stated.last_trade} is more than three months from {stated.month:%B %Y}, "
            f"the month that {stated.symbol} names"
        )
    if stated.first_notice is not None and abs(stated.last_trade - stated.first_notice) > away:
        raise Rejected(
            f"first_notice: {stated.first_notice} is more than three months from the last trade, "
            f"{stated.last_trade}"
        )
    if abs(stated.expiry.date() - stated.last_trade) > timedelta(days=1):
        raise Rejected(
            f"expiry: {stated.expiry.isoformat()} is not on the day of the last trade, "
            f"{stated.last_trade}"
        )


def _sessions(connection: Connection[Any]) -> list[Session]:
    first, last = (datetime(year, 1, 1, tzinfo=UTC) for year in (1900, 2900))
    found = instruments.sessions(connection, first, last)
    # A simulated market that never closes has sessions on weekends; no contract ends there.
    return [session for session in found if session.trade_date.weekday() < 5]


def _days(sessions: list[Session], calendar: str) -> BusinessDays:
    return BusinessDays(session for session in sessions if session.calendar == calendar)


def _keep(connection: Connection[Any], rows: list[Contract]) -> None:
    values = [msgspec.structs.asdict(row) for row in rows]
    database.execute_many(connection, "keep_contract", values)
