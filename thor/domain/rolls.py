"""Front months by rule: from which instant on a contract is the front month of its root.

Stage 10, reference. Pure: what traded and the business days arrive as arguments; gives
`reference.rolls` its rows, but for the prices.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from thor.domain.business_days import BusinessDays
from thor.domain.contracts import RULES, Contract
from thor.domain.series import MONTH_LETTERS
from thor.domain.sessions import CHICAGO
from thor.errors import Rejected

DAYS_BEFORE = 5


class Traded(msgspec.Struct, frozen=True, kw_only=True):
    """The volume of a contract on a trade date, in contracts; None where it is not known."""

    trade_date: date
    contract: Contract
    series: str
    volume: int | None


class Roll(msgspec.Struct, frozen=True, kw_only=True):
    """From `rolled_at` on, aware, `to_contract` is the front month by a rule.

    Contracts are named as their series are. `from_contract` is None in the first row
    of a rule, where its series begins. `gap` is to minus from, in points, and `ratio`
    to over from; None where unknown. `evidence` holds what JSON can.
    """

    root: str
    rule: str
    rolled_at: datetime
    from_contract: str | None
    to_contract: str
    gap: Decimal | None = None
    ratio: Decimal | None = None
    evidence: dict[str, Any] = {}


def rule_name(days_before: int | None) -> str:
    """Return what `reference.rolls.rule` calls a rule: `volume`, or `expiry-5`.

    Raises `Rejected` for days below 0.
    """
    if days_before is None:
        return "volume"
    if days_before < 0:
        raise Rejected(f"days: {days_before} has to be 0 or more business days before expiry")
    return f"expiry-{days_before}"


def day_start(trade_date: date) -> datetime:
    """Return the instant at which a trade date begins: 17:00 in Chicago on the eve.

    Every session of that date opens then or later, and daily bars begin then.
    """
    eve = datetime.combine(trade_date - timedelta(days=1), time(17), tzinfo=CHICAGO)
    return eve.astimezone(UTC)


def by_volume(root: str, traded: Iterable[Traded], days: BusinessDays) -> list[Roll]:
    """Return the rolls of the volume rule, in order, the beginning of the series first.

    The front rolls at the session after the first trade date on which a later month traded more
    than the front, to the month that traded most; it never rolls back. A front whose volume is not
    known is not compared. Whatever the volumes, a month is not the front on its first notice day
    where a later month trades, nor after its last trade date. Raises `NotFound` where the sessions
    do not reach.
    """
    rolls: list[Roll] = []
    front: Traded | None = None
    for day, rows in _by_date(traded):
        if front is None:
            front = _busiest(rows)
            rolls.append(_roll(root, "volume", day, None, front, why="the first bars"))
        later = _later(rows, front)
        if later and day > front.contract.last_trade:
            after, to = days.following(front.contract.last_trade), _busiest(later)
            rolls.append(_roll(root, "volume", after, front, to, why="expiry"))
            front = to
            later = _later(rows, front)
        if not later:
            continue
        to = _busiest(later)
        held = next((row.volume for row in rows if row.contract == front.contract), None)
        notice = front.contract.first_notice
        if held is not None and (to.volume or 0) > held:
            why = "volume"
        elif notice is not None and to.volume and days.following(day) >= notice:
            why = "first notice"
        else:
            continue
        seen = {"on": day.isoformat(), "from_volume": held, "to_volume": to.volume}
        after = days.following(day)
        rolls.append(_roll(root, "volume", after, front, to, why=why, **seen))
        front = to
    return rolls


def by_expiry(
    root: str, traded: Iterable[Traded], days: BusinessDays, days_before: int = DAYS_BEFORE
) -> list[Roll]:
    """Return the rolls of the expiry rule, in order, the beginning of the series first.

    The front rolls to the next listed month at the session that many business days before the
    earlier of last trade and first notice; a month without a bar is skipped. No roll is after the
    last trade date that has bars. Raises as `by_volume`.
    """
    rule = rule_name(days_before)
    letters = RULES[root].months if root in RULES else MONTH_LETTERS
    rows = [row for row in traded if MONTH_LETTERS[row.contract.month.month - 1] in letters]
    if not rows:
        return []
    first, last = min(row.trade_date for row in rows), max(row.trade_date for row in rows)
    rolls: list[Roll] = []
    front: Traded | None = None
    begins, leave = first, first
    for to in sorted({row.contract.month: row for row in rows}.values(), key=_month):
        if begins > last:
            break
        leave = _leave(to.contract, days, days_before)
        if leave <= begins:
            continue
        why = "the first bars" if front is None else f"{days_before} business days before"
        seen = {} if front is None else {"leave_by": front.contract.leave_by.isoformat()}
        rolls.append(_roll(root, rule, begins, front, to, why=why, **seen))
        front, begins = to, leave
    return rolls


def _leave(one: Contract, days: BusinessDays, days_before: int) -> date:
    if days_before == 0:
        return days.on_or_before(one.leave_by)
    return days.before(one.leave_by, days_before)


def _by_date(traded: Iterable[Traded]) -> list[tuple[date, list[Traded]]]:
    found: dict[date, list[Traded]] = {}
    for row in sorted(traded, key=lambda row: (row.trade_date, row.contract.month)):
        found.setdefault(row.trade_date, []).append(row)
    return list(found.items())


def _busiest(rows: Sequence[Traded]) -> Traded:
    # Of equal volumes the first wins: the nearest month.
    return max(rows, key=lambda row: row.volume or 0)


def _later(rows: Iterable[Traded], front: Traded) -> list[Traded]:
    return [row for row in rows if row.contract.month > front.contract.month]


def _month(row: Traded) -> date:
    return row.contract.month


def _roll(
    root: str, rule: str, day: date, front: Traded | None, to: Traded, **evidence: Any
) -> Roll:
    return Roll(
        root=root,
        rule=rule,
        rolled_at=day_start(day),
        from_contract=front.series if front else None,
        to_contract=to.series,
        evidence=evidence,
    )
