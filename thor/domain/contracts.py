"""Contract months: which are listed, and when each gives notice and ends.

Stage 10, reference. Pure: sessions arrive as arguments; gives `reference.contracts` its rows.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from thor.domain.business_days import BusinessDays, month_after
from thor.domain.hours import NEW_YORK
from thor.domain.series import MONTH_LETTERS, key_of
from thor.domain.sessions import CHICAGO
from thor.errors import NotFound, Rejected

_FRIDAY = 4
_WEDNESDAY = 2


class Contract(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery month of a root; `month` is its first day.

    `first_notice` is None where no notice can come before the last trade: in cash
    settlement, and in crude and the dollar index. `expiry` is the aware instant at
    which its trading ends, on the day of `last_trade`.
    """

    root: str
    month: date
    first_notice: date | None = None
    last_trade: date
    expiry: datetime
    rule: str
    is_by_hand: bool = False

    @property
    def symbol(self) -> str:
        """The key of its series, such as ESH24."""
        return key_of(self.root, self.month)

    @property
    def leave_by(self) -> date:
        """The earlier of first notice and last trade."""
        return min(self.first_notice or self.last_trade, self.last_trade)


class _Dates(NamedTuple):
    first_notice: date | None
    last_trade: date


class Rule(NamedTuple):
    """An exchange's rule: the months it lists, and what a month's dates follow from.

    `months` are the letters among which the front month moves; `ends` is when trading
    ends on the last day, on the wall clock of `zone`; `since` is the first month.
    """

    months: str
    text: str
    dates: Callable[[date, BusinessDays], _Dates]
    ends: time
    zone: ZoneInfo
    since: date | None = None


def _equity(month: date, days: BusinessDays) -> _Dates:
    return _Dates(None, days.on_or_before(_nth(month, _FRIDAY, 3)))


def _crude(month: date, days: BusinessDays) -> _Dates:
    # Where the 25th is none, the exchange counts from the last business day before it.
    return _Dates(None, days.before(days.on_or_before(_month_before(month).replace(day=25)), 3))


def _metal(month: date, days: BusinessDays) -> _Dates:
    return _Dates(days.last_of(_month_before(month)), days.last_of(month, 3))


def _bond(month: date, days: BusinessDays) -> _Dates:
    return _Dates(days.last_of(_month_before(month)), days.before(days.last_of(month), 7))


def _volatility(month: date, days: BusinessDays) -> _Dates:
    # The options it settles on expire on that Friday, or on the day before a holiday.
    friday = _nth(month_after(month), _FRIDAY, 3)
    wednesday = friday - timedelta(days=30)
    is_usual = days.has(friday) and days.has(wednesday)
    return _Dates(None, wednesday if is_usual else days.before(wednesday))


def _dollar(month: date, days: BusinessDays) -> _Dates:
    return _Dates(None, days.before(_nth(month, _WEDNESDAY, 3), 2))


_THIRD_FRIDAY = Rule(
    "HMUZ", "third Friday, or the business day before", _equity, time(8, 30), CHICAGO
)
_METAL = "third last business day of the month; notice from the last of the month before"

RULES: dict[str, Rule] = {
    "ES": _THIRD_FRIDAY,
    "NQ": _THIRD_FRIDAY,
    "YM": _THIRD_FRIDAY,
    # The contract moved to this exchange in July 2017.
    "RTY": _THIRD_FRIDAY._replace(since=date(2017, 9, 1)),
    "CL": Rule(
        MONTH_LETTERS,
        "3 business days before the 25th of the month before, or before the business day "
        "before that",
        _crude,
        time(14, 30),
        NEW_YORK,
    ),
    "GC": Rule("GJMQVZ", _METAL, _metal, time(13, 30), NEW_YORK),
    "SI": Rule("HKNUZ", _METAL, _metal, time(13, 25), NEW_YORK),
    "HG": Rule("HKNUZ", _METAL, _metal, time(13), NEW_YORK),
    "ZB": Rule(
        "HMUZ",
        "7 business days before the last of the month; notice from the last of the month before",
        _bond,
        time(12, 1),
        CHICAGO,
    ),
    "VX": Rule(
        MONTH_LETTERS,
        "Wednesday 30 days before the third Friday of the next month, or the business day before",
        _volatility,
        time(8),
        CHICAGO,
    ),
    "DX": Rule(
        "HMUZ", "2 business days before the third Wednesday", _dollar, time(10, 16), NEW_YORK
    ),
}


def rule_of(root: str) -> Rule:
    """Return a root's rule; `NotFound` says how to add dates by hand where there is none."""
    if root not in RULES:
        raise NotFound(
            f"root: {root!r} has no rule for its contract months, as {', '.join(RULES)} have; "
            f"add each by hand: `thor contracts add {root}H27 --last-trade 2027-03-19`"
        )
    return RULES[root]


def contract(root: str, month: date, days: BusinessDays) -> Contract:
    """Return the dates of a delivery month, given by any of its days.

    The exchange also lists months outside `rule_of(root).months`, of gold for example: they follow
    the same rule. Raises `NotFound` without a rule, or where the dates follow from days whose
    sessions are not known.
    """
    rule = rule_of(root)
    month = month.replace(day=1)
    first_notice, last_trade = rule.dates(month, days)
    ends = datetime.combine(last_trade, rule.ends, tzinfo=rule.zone).astimezone(UTC)
    return Contract(
        root=root,
        month=month,
        first_notice=first_notice,
        last_trade=last_trade,
        expiry=min(ends, days.close_at(last_trade) or ends),
        rule=rule.text,
    )


def contracts(root: str, first: date, last: date, days: BusinessDays) -> list[Contract]:
    """Return every month from one to another whose dates the known sessions decide, in order.

    All twelve months of a year for the roots of which any may trade, else the listed
    ones. Raises `NotFound` without a rule and `Rejected` for a reversed span.
    """
    rule = rule_of(root)
    if first > last:
        raise Rejected(f"from: {first} is after to, {last}")
    found = []
    month = max(first.replace(day=1), rule.since or date.min, month_after(days.first))
    # The volatility index looks a month ahead.
    while month <= last and month_after(month_after(month)) <= days.last + timedelta(days=1):
        if _letter(month) in rule.months or rule.dates is _metal:
            found.append(contract(root, month, days))
        month = month_after(month)
    return found


def called(series: str, months: Iterable[Contract]) -> list[Contract]:
    """Return the months that a series may name, in order.

    One, unless the series has a code of one digit from before every month had a key of its own:
    `ESH4` is of 2014 and of 2024.
    """
    return [one for one in months if series in (one.symbol, one.symbol[:-2] + one.symbol[-1])]


def of_series(months: Iterable[Contract], day: date) -> Contract | None:
    """Return which of the months a series is `called` its bars of a trade date are of.

    The first that has not ended by then, or None.
    """
    return next((one for one in months if one.last_trade >= day), None)


def _letter(month: date) -> str:
    return MONTH_LETTERS[month.month - 1]


def _nth(month: date, weekday: int, nth: int) -> date:
    return month + timedelta(days=(weekday - month.weekday()) % 7 + 7 * (nth - 1))


def _month_before(month: date) -> date:
    return (month - timedelta(days=1)).replace(day=1)
