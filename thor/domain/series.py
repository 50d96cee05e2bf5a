"""The key of a series: a root, or one month of one year of a root.

Stage 10, reference. Pure: the names that feeds, vendors and people use arrive with the date of what
they name; gives the one key under which ticks and bars are stored, `ES` or `ESH24`.

A code with one digit of the year repeats after ten years, so it needs a date: `ESH4` was March 2014
and March 2024.
"""

import re
from collections.abc import Collection
from datetime import date
from typing import NamedTuple

from thor.errors import Rejected

MONTH_LETTERS = "FGHJKMNQUVXZ"
_CODE = re.compile(
    r"(?P<root>[A-Z0-9]{1,4})(?P<month>[FGHJKMNQUVXZ])(?P<year>(?:19|20)[0-9]{2}|[0-9]{1,2})"
)
# Months after the named one in which a contract may still trade. A three-month rate is named by
# the month in which its quarter begins and ends with the quarter; of all others the named month
# is the last.
_MONTHS_AFTER = {"SR3": 3}


class MonthCode(NamedTuple):
    """A month code in its parts; `year` holds the digits as they were written: 1, 2 or 4."""

    root: str
    letter: str
    year: str

    @property
    def month(self) -> int:
        """The delivery month, 1 to 12."""
        return MONTH_LETTERS.index(self.letter) + 1


class Series(NamedTuple):
    """The series that a name means: its root, and the key of its month where it names one."""

    root: str
    contract: str | None

    @property
    def key(self) -> str:
        """The symbol under which its ticks and bars are stored."""
        return self.contract or self.root


def bare(name: str) -> str:
    """Return a name without a platform's slash and exchange: `/ESH24:XCME` is ESH24."""
    return name.strip().removeprefix("/").partition(":")[0]


def parse_month_code(code: str) -> MonthCode | None:
    """Split `ESH4`, `ESH24` or `ESH2024` into root, month letter and the year's digits, or None."""
    match = _CODE.fullmatch(code)
    return None if match is None else MonthCode(match["root"], match["month"], match["year"])


def delivery_month(code: MonthCode, on: date, expiry: date | None = None) -> date:
    """Return the first day of the month that a code names in a record of the day `on`.

    One digit of a year means the first such month that had not ended on that day, at most ten years
    on; two digits the nearest year. Where the vendor gives the contract's `expiry`, the month
    nearest to it is taken.
    """
    century = 10 ** len(code.year)
    written = int(code.year)
    if len(code.year) == 4:
        return date(written, code.month, 1)
    if expiry is not None or len(code.year) == 2:
        near = on if expiry is None else expiry
        start = near.year - near.year % century + written
        years = [year for year in (start - century, start, start + century) if 0 < year < 10_000]
        return min((date(year, code.month, 1) for year in years), key=lambda one: abs(one - near))
    ends_after = _MONTHS_AFTER.get(code.root, 0)
    # Counted in months since year 0: the first month with this digit, from the day's own month on.
    first = on.year * 12 + on.month - 1 - ends_after
    year = on.year - 10 - on.year % 10 + written
    while year * 12 + code.month - 1 < first and year < 9_990:
        year += 10
    return date(max(year, 1), code.month, 1)


def key_of(root: str, month: date) -> str:
    """Return the key of a delivery month, given by any of its days: ESH24."""
    return f"{root}{MONTH_LETTERS[month.month - 1]}{month.year % 100:02}"


class SeriesNames:
    """Maps names of feeds and files to series; a listed root is never read as a month."""

    def __init__(self, roots: Collection[str] = ()) -> None:
        """Take the listed roots, of which some may look like month codes."""
        self._roots = frozenset(roots)
        self._known: dict[tuple[str, date], Series] = {}
        self._months: dict[tuple[str, str, date], Series] = {}

    def series(self, name: str, on: date) -> Series:
        """Return the series of a name in a record of a day; an unknown name is its own root."""
        known = self._known.get((name, on))
        if known is None:
            known = self._known[name, on] = self._found(bare(name), on)
        return known

    def month(self, symbol: str, contract: str, on: date) -> Series:
        """Return the series of a record that names a symbol and its contract.

        A contract that is no month code is kept as written; the listing accepts or refuses it.
        Raises `ValueError` with the reason where the contract is no month of the symbol.
        """
        # Rows of a file repeat their few names and days.
        known = self._months.get((symbol, contract, on))
        if known is None:
            known = self._months[symbol, contract, on] = self._month(symbol, contract, on)
        return known

    def _month(self, symbol: str, contract: str, on: date) -> Series:
        named = self.series(symbol, on)
        code = parse_month_code(bare(contract))
        if code is None:
            return Series(named.root, contract)
        key = key_of(code.root, delivery_month(code, on))
        if code.root != named.root or named.contract not in (None, key):
            raise ValueError(f"{contract!r} is no month of {symbol!r}")
        return Series(code.root, key)

    def _found(self, name: str, on: date) -> Series:
        code = None if name in self._roots else parse_month_code(name)
        if code is None:
            return Series(name, None)
        return Series(code.root, key_of(code.root, delivery_month(code, on)))


def month_of(code: str, near: date) -> tuple[str, date]:
    """Return root and delivery month of a code, in the year nearest to a day that it can mean.

    Raises `Rejected` where it is no month code.
    """
    parts = parse_month_code(bare(code))
    if parts is None:
        raise Rejected(f"symbol: {code!r} is no month code, as ESH27 is")
    return parts.root, delivery_month(parts, near, expiry=near)
