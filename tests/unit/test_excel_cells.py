"""A cell gives the right number, nothing, or a reason: never a wrong number."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from excel_made import INSTRUMENTS

from thor.market.collect.excel import cells

ZB, ES = INSTRUMENTS["ZB"], INSTRUMENTS["ES"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (6873.75, "6873.75"),
        (47396, "47396"),
        ("6873.75", "6873.75"),
        ("  6,873.75 ", "6873.75"),
        ("1,234,567", "1234567"),
        ("+46.75", "46.75"),
        ("\u22120.28", "-0.28"),
        ("6\u00a0873.75", "6873.75"),
        (".5", "0.5"),
        ("5.", "5"),
        ("1.5e3", "1500"),
        ("12.5%", "0.125"),
        ("-0.68 %", "-0.0068"),
        ("1,250%", "12.5"),
        (Decimal("4.10"), "4.10"),
        (0, "0"),
        ("0", "0"),
    ],
)
def test_a_number_is_read_in_each_of_its_forms(value: Any, expected: str) -> None:
    assert cells.price(value) == Decimal(expected)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.1 + 0.2, "0.3"),
        (61.870000000000005, "61.87"),
        (61.87 - 61.5, "0.37"),
        (1 / 3, "0.33333333"),
    ],
)
def test_the_noise_of_a_formula_is_no_part_of_its_number(value: float, expected: str) -> None:
    assert cells.price(value) == Decimal(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("118'19", Decimal(118) + Decimal(19) / 32),
        ("118'19", Decimal("118.59375")),
        ("118'10", Decimal("118.3125")),
        ("-0'09", Decimal("-0.28125")),
        ("-0'06", Decimal("-0.1875")),
        ("111-16", Decimal("111.5")),
        ("111:16", Decimal("111.5")),
        ("118-16+", Decimal("118.515625")),
        ("110'165", Decimal(110) + Decimal("16.5") / 32),
        ("110'162", Decimal(110) + Decimal("16.25") / 32),
        ("110'167", Decimal(110) + Decimal("16.75") / 32),
        ("110'160", Decimal("110.5")),
        ("103'001", Decimal(103) + Decimal("0.125") / 32),
        ("103'008", Decimal(103) + Decimal("0.875") / 32),
        ("118\u201919", Decimal("118.59375")),
        ("\u22121'16", Decimal("-1.5")),
        ("0'00", Decimal(0)),
    ],
)
def test_32nds_are_read_with_their_halves_quarters_and_sign(text: str, expected: Decimal) -> None:
    assert cells.price(text, ZB) == expected


@pytest.mark.parametrize("text", ["118'32", "118'194", "118'199", "118'5", "118'165+", "118'1900"])
def test_what_is_no_price_in_32nds_is_refused(text: str) -> None:
    with pytest.raises(cells.Unreadable):
        cells.price(text, ZB)


@pytest.mark.parametrize("text", ["10-26", "10-16", "6873'16"])
def test_a_date_is_no_price_in_32nds_of_what_is_not_quoted_so(text: str) -> None:
    with pytest.raises(cells.Unreadable, match="is in 32nds, and ES is not"):
        cells.price(text, ES)


@pytest.mark.parametrize(
    "value",
    [
        None, "", "  ", "N/A", "n/a", "#N/A", "#N/A N/A", "loading", "Loading...", "#DIV/0!",
        "#NAME?", "#REF!", "#GETTING_DATA", "-", "--", "NaN", -2146826246, -2146826281,
        -2146826245, -2146826246.0,
    ],
)  # fmt: skip
def test_what_holds_no_value_is_missing_and_never_zero(value: Any) -> None:
    assert cells.price(value) is None
    assert cells.count(value) is None


@pytest.mark.parametrize(
    "value",
    [
        "1,5", "47,3960", "12,34,567", "abc", "6873.75 x", "$6873", "Infinity", "1e400", "0x10",
        "2025-10-26", "26/10/2025", "１２", "1.123456789", "1_000", True, float("inf"),
        float("nan"), dt.datetime(2025, 10, 26), dt.date(2025, 10, 26), dt.time(9, 30), [1],
        "9" * 100,
    ],
)  # fmt: skip
def test_what_is_no_number_is_refused_with_its_value(value: Any) -> None:
    with pytest.raises(cells.Unreadable) as raised:
        cells.price(value)
    assert str(value)[:10].upper() in str(raised.value).upper()


def test_a_date_in_a_price_cell_names_the_cure() -> None:
    with pytest.raises(cells.Unreadable, match="is a date: give the cell the number format"):
        cells.price(dt.datetime(2025, 10, 26))


@pytest.mark.parametrize(
    ("value", "expected"), [(44276.0, 44276), ("44,276", 44276), (0, 0), ("0", 0), (-3, -3)]
)
def test_a_count_is_whole(value: Any, expected: int) -> None:
    assert cells.count(value) == expected


@pytest.mark.parametrize("value", [1.5, "1.5", 1e19, "12K", True, dt.date(2025, 10, 26)])
def test_what_is_no_count_is_refused(value: Any) -> None:
    with pytest.raises(cells.Unreadable):
        cells.count(value)


def test_only_fractions_of_a_32nd_are_quoted_in_32nds() -> None:
    bonds = {root for root, one in INSTRUMENTS.items() if one.is_quoted_in_32nds}
    assert bonds == {"ZB"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [("loading", True), ("#N/A", True), (-2146826246, True), ("N/A", False), (None, False)],
)
def test_an_error_waits_for_rtd_and_not_available_is_an_answer(value: Any, expected: bool) -> None:
    assert cells.is_waiting(value) is expected
