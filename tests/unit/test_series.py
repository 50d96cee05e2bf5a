"""The key of a series: every spelling of a month ends in one, by the date of its record."""

from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thor.domain.series import (
    MONTH_LETTERS,
    MonthCode,
    Series,
    SeriesNames,
    delivery_month,
    key_of,
    month_of,
    parse_month_code,
)
from thor.errors import Rejected

NAMES = SeriesNames(("ES", "CL", "ZN0"))
MARCH = date(2024, 3, 8)


@pytest.mark.parametrize(
    ("code", "parts"),
    [
        ("ESH4", ("ES", "H", "4")),
        ("ESH24", ("ES", "H", "24")),
        ("ESH2024", ("ES", "H", "2024")),
        ("ESH1999", ("ES", "H", "1999")),
        ("6EH4", ("6E", "H", "4")),
        ("SR3Z24", ("SR3", "Z", "24")),
        ("CLZ09", ("CL", "Z", "09")),
        ("RTYU4", ("RTY", "U", "4")),
        ("ZN0H4", ("ZN0", "H", "4")),
        ("HH4", ("H", "H", "4")),
        ("ES", None),
        ("H4", None),
        ("ESA4", None),
        ("ESH", None),
        ("ESH224", None),
        ("ESH1824", None),
        ("esh4", None),
        ("ESH4 ", None),
        ("ESH4\n", None),
        ("ESH٤", None),
        ("ABCDEH4", None),
        ("", None),
    ],
)
def test_a_month_code_is_root_letter_and_year(
    code: str, parts: tuple[str, str, str] | None
) -> None:
    assert parse_month_code(code) == parts


@given(st.text())
def test_any_text_is_a_month_code_or_none(code: str) -> None:
    parts = parse_month_code(code)
    if parts is not None:
        assert code == "".join(parts)
        assert parts.letter in "FGHJKMNQUVXZ"


@pytest.mark.parametrize(
    "spelling", ["ESH4", "ESH24", "ESH2024", "/ESH24:XCME", "/ESH4", "ESH4:XCME", " ESH24 "]
)
def test_every_spelling_of_a_month_ends_in_one_key(spelling: str) -> None:
    assert NAMES.series(spelling, MARCH) == Series("ES", "ESH24")
    assert NAMES.month("ES", spelling, MARCH) == Series("ES", "ESH24")
    assert NAMES.month("ESH4", spelling, MARCH) == Series("ES", "ESH24")


@pytest.mark.parametrize(
    ("code", "on", "key"),
    [
        # March 2014 and March 2024 are two contracts of one code.
        ("ESH4", "2014-03-20", "ESH14"),
        ("ESH4", "2014-03-31", "ESH14"),
        ("ESH4", "2014-04-01", "ESH24"),
        ("ESH4", "2024-03-08", "ESH24"),
        ("ESH4", "2023-12-25", "ESH24"),
        ("ESZ3", "2013-10-07", "ESZ13"),
        ("ESZ9", "2020-01-02", "ESZ29"),
        ("CLF0", "2019-12-19", "CLF20"),
        ("6EH4", "2024-01-01", "6EH24"),
        # Ten years ahead is the most that any exchange lists.
        ("CLF4", "2024-02-01", "CLF34"),
        # A three-month rate is traded until its quarter is over, in June.
        ("SR3H4", "2024-06-17", "SR3H24"),
        ("SR3H4", "2024-07-01", "SR3H34"),
        # Two digits mean the nearest century.
        ("ESH98", "1998-01-02", "ESH98"),
        ("ESH04", "2003-12-01", "ESH04"),
    ],
)
def test_one_digit_means_the_first_such_month_that_has_not_ended(
    code: str, on: str, key: str
) -> None:
    assert NAMES.series(code, date.fromisoformat(on)).key == key


def test_a_vendors_expiry_decides_where_it_is_given() -> None:
    code = MonthCode("CL", "F", "4")
    assert delivery_month(code, MARCH, expiry=date(2023, 12, 19)) == date(2024, 1, 1)
    assert delivery_month(code, MARCH) == date(2034, 1, 1)


@given(
    st.dates(date(1990, 1, 1), date(2080, 1, 1)),
    st.sampled_from(MONTH_LETTERS),
    st.integers(0, 9),
)
def test_a_key_is_itself_and_what_one_digit_names_lies_within_ten_years(
    on: date, letter: str, digit: int
) -> None:
    key = NAMES.series(f"CL{letter}{digit}", on).key
    assert NAMES.series(key, on).key == key
    _, month = month_of(key, on)
    assert on.replace(day=1) <= month
    assert month.year - on.year <= 10
    assert key_of("CL", month) == key


def test_a_listed_root_is_never_taken_for_a_month() -> None:
    assert SeriesNames(("ESH4",)).series("ESH4", MARCH) == Series("ESH4", None)
    assert NAMES.series("ES", MARCH) == Series("ES", None)
    assert NAMES.series("ESH4-ESM4", MARCH) == Series("ESH4-ESM4", None)


@pytest.mark.parametrize(
    ("symbol", "contract"), [("ES", "NQH4"), ("ESH4", "ESM4"), ("ESH14", "ESH4"), ("CLH4", "ESH4")]
)
def test_a_contract_of_another_root_or_month_is_refused(symbol: str, contract: str) -> None:
    with pytest.raises(ValueError, match=f"{contract!r} is no month of {symbol!r}"):
        NAMES.month(symbol, contract, MARCH)


def test_a_contract_that_is_no_month_code_is_kept_for_the_listing_to_check() -> None:
    assert NAMES.month("ES", "ES 03-24", MARCH) == Series("ES", "ES 03-24")


@pytest.mark.parametrize(
    ("code", "near", "root", "month"),
    [
        ("ESH4", "2024-03-15", "ES", "2024-03-01"),
        ("ESH4", "2014-03-21", "ES", "2014-03-01"),
        ("ESZ9", "2020-01-02", "ES", "2019-12-01"),
        ("CLF0", "2019-12-19", "CL", "2020-01-01"),
        ("ESH14", "2024-03-15", "ES", "2014-03-01"),
        ("6EH24", "2024-03-18", "6E", "2024-03-01"),
        ("ESH04", "2024-03-15", "ES", "2004-03-01"),
        ("ESH2014", "2024-03-15", "ES", "2014-03-01"),
    ],
)
def test_beside_a_last_trade_a_code_means_the_nearest_year_that_its_digits_allow(
    code: str, near: str, root: str, month: str
) -> None:
    assert month_of(code, date.fromisoformat(near)) == (root, date.fromisoformat(month))


@given(
    st.dates(date(1990, 1, 1), date(2090, 1, 1)),
    st.sampled_from(MONTH_LETTERS),
    st.integers(-4, 4),
    st.sampled_from([lambda year: f"{year % 10}", lambda year: f"{year % 100:02}"]),
)
def test_a_code_of_a_near_year_names_its_month_again(
    near: date, letter: str, years: int, digits: Callable[[int], str]
) -> None:
    year = near.year + years
    month = date(year, MONTH_LETTERS.index(letter) + 1, 1)
    assert month_of(f"CL{letter}{digits(year)}", near) == ("CL", month)


def test_what_is_no_month_code_is_refused() -> None:
    with pytest.raises(Rejected, match="symbol: 'ES' is no month code"):
        month_of("ES", date(2024, 1, 1))
