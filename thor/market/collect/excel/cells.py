"""Read one cell: a price, a count, or nothing, from what Excel or a saved workbook gives.

Stage 20, collect. Pure. A cell that holds no value (blank, `N/A`, `loading`, an error) is None. A
cell that holds something else than a number is unreadable, with the reason: it never becomes a
wrong number.
"""

import math
import re
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from thor.domain.instrument import Instrument

# Excel itself keeps and compares 15 significant digits; what a double holds beyond
# them, and beyond the 8 decimals of a stored price, is the noise of its formulas.
_EXCEL_DIGITS = ".15g"
_DECIMALS_MAX = 8
_FINEST = Decimal("0.00000001")
_LONGEST_TEXT = 64
_COUNT_LIMIT = 2**63
# VT_ERROR values as COM hands them out: 0x800A0000 + 2000 (#NULL!) and the next hundred.
_COM_ERROR_FIRST = -2146826288
_COM_ERROR_LAST = _COM_ERROR_FIRST + 100

# What thinkorswim writes where an instrument has no such value.
_BLANKS = frozenset({"", "n/a", "na", "nan", "-", "--", "—"})
# What a cell shows while RTD is not connected.
_WAITING = frozenset({"loading", "loading...", "loading…", "#getting_data", "getting data"})

_SPACES = re.compile(r"[\s\u00a0\u2007\u202f]+")
_DASHES = str.maketrans({"\u2212": "-", "\u2013": "-", "\u2019": "'", "\u2032": "'", "\u02b9": "'"})
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?")
_THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?")
_FRACTION = re.compile(
    r"(?P<sign>[+-]?)(?P<whole>[0-9]{1,7})['\-:](?P<n32>[0-9]{2})(?P<part>[0-9])?(?P<half>\+?)"
)
# The third digit of a fraction: halves, quarters and eighths of a 32nd, as they are cut off.
_PART_OF_32ND = {
    "0": Decimal(0), "1": Decimal("0.125"), "2": Decimal("0.25"), "3": Decimal("0.375"),
    "5": Decimal("0.5"), "6": Decimal("0.625"), "7": Decimal("0.75"), "8": Decimal("0.875"),
}  # fmt: skip


class Unreadable(ValueError):
    """The cell has a value that is no number; the message names the value and the cure."""


def is_waiting(value: Any) -> bool:
    """Return whether a cell shows that its RTD formula has no answer: an error or `loading`."""
    if isinstance(value, str):
        text = value.strip().lower()
        return text in _WAITING or (text.startswith("#") and text.endswith(("!", "?", "#n/a")))
    return _is_com_error(value)


def price(value: Any, instrument: Instrument | None = None) -> Decimal | None:
    """Return a price, in the instrument's quotation; None where the cell holds no value.

    Takes numbers, and texts with thousands commas, a percent sign (`12.5%` is 0.125, as
    Excel means it) or 32nds (`118'19`, `118-16+`, `110'165` = 110 and 16.5/32). 32nds are
    read only where the instrument's increment is a fraction of a 32nd: a date such as
    `10-16` is no price of anything else. Raises `Unreadable`.
    """
    if isinstance(value, str):
        return _price_of_text(value, instrument)
    return _number(value)


def count(value: Any) -> int | None:
    """Return a count of contracts; None where the cell holds no value. Raises `Unreadable`."""
    number = price(value)
    if number is None:
        return None
    if number.adjusted() > 18 or number != number.to_integral_value():
        raise Unreadable(f"{shown(value)} is no whole number of contracts")
    return int(number)


def shown(value: Any) -> str:
    """Return a cell's value as a message shows it, at most 40 characters."""
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 40 else f"{text[:40]}…"


def _price_of_text(value: str, instrument: Instrument | None) -> Decimal | None:
    if is_waiting(value):
        return None
    text = _SPACES.sub("", value.translate(_DASHES))
    if text.lower() in _BLANKS or text.lower().startswith("#n/a"):
        return None
    if len(text) > _LONGEST_TEXT:
        raise Unreadable(f"{shown(value)} is no number")
    is_percent = text.endswith("%")
    plain = text.removesuffix("%")
    if _THOUSANDS.fullmatch(plain):
        plain = plain.replace(",", "")
    if _NUMBER.fullmatch(plain):
        number = Decimal(plain)
        return _exact(value, number.scaleb(-2) if is_percent else number)
    if fraction := _FRACTION.fullmatch(text):
        return _price_of_fraction(value, fraction, instrument)
    raise Unreadable(f"{shown(value)} is no number")


def _price_of_fraction(
    value: str, fraction: "re.Match[str]", instrument: Instrument | None
) -> Decimal:
    if instrument is not None and not instrument.is_quoted_in_32nds:
        raise Unreadable(f"{shown(value)} is in 32nds, and {instrument.symbol} is not")
    part, half = fraction["part"], fraction["half"]
    if int(fraction["n32"]) > 31 or (part and (half or part not in _PART_OF_32ND)):
        raise Unreadable(f"{shown(value)} is no price in 32nds")
    parts = int(fraction["n32"]) + (_PART_OF_32ND[part] if part else Decimal(0))
    if half:
        parts += Decimal("0.5")
    exact = int(fraction["whole"]) + parts / 32
    return -exact if fraction["sign"] == "-" else exact


def _number(value: Any) -> Decimal | None:
    if value is None or _is_com_error(value):
        return None
    if isinstance(value, bool):
        raise Unreadable(f"{str(value).upper()} is no number")
    if isinstance(value, datetime | date | time | timedelta):
        raise Unreadable(f"{value} is a date: give the cell the number format General")
    if isinstance(value, float):
        if not math.isfinite(value):
            raise Unreadable(f"{value} is no finite number")
        number = Decimal(format(value, _EXCEL_DIGITS))
        if _decimals(number) > _DECIMALS_MAX:
            number = number.quantize(_FINEST) if abs(number) < 10**18 else number
        return number
    if isinstance(value, int):
        return Decimal(value)
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise Unreadable(f"{value} is no finite number")
        return _exact(value, value)
    raise Unreadable(f"{shown(value)} is no number")


def _exact(value: Any, number: Decimal) -> Decimal:
    if _decimals(number) > _DECIMALS_MAX:
        raise Unreadable(f"{shown(value)} has more than {_DECIMALS_MAX} decimals")
    return number


def _decimals(number: Decimal) -> int:
    exponent = number.normalize().as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


def _is_com_error(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and _COM_ERROR_FIRST <= value <= _COM_ERROR_LAST and value == int(value)
