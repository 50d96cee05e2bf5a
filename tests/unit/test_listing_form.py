"""What follows from what a person says of an instrument, and what is asked for."""

from decimal import Decimal
from typing import Any

import pytest

from thor.domain.instrument import Instrument, precision_of
from thor.domain.listing_form import fields_of, instrument_of
from thor.errors import Rejected

SHARE = {"tick_size": "0.01", "asset_class": "equity"}
YEN = {"tick_size": "0.0000005", "asset_class": "currency", "multiplier": "12500000"}


def made(symbol: str, **texts: str) -> Instrument:
    return instrument_of(symbol, None, fields_of(texts))


@pytest.mark.parametrize(
    ("increment", "decimals"),
    [("1", 0), ("5", 0), ("10", 0), ("0.25", 2), ("0.1", 1), ("0.10", 1), ("0.015625", 6),
     ("0.0000005", 7), ("5E-7", 7), ("1E+2", 0)],
)  # fmt: skip
def test_the_decimals_shown_are_those_of_the_grid(increment: str, decimals: int) -> None:
    assert precision_of(Decimal(increment)) == decimals


def test_a_share_needs_its_tick_and_its_class() -> None:
    bac = made("BAC", **SHARE)
    assert (bac.multiplier, bac.display_precision, bac.calendar) == (1, 2, "US_EQUITY")
    assert (bac.quote_increment, bac.name, bac.currency) == (Decimal("0.01"), "BAC", "USD")


def test_a_future_says_what_a_point_is_worth() -> None:
    yen = made("6J", **YEN)
    assert (yen.multiplier, yen.display_precision, yen.calendar) == (12_500_000, 7, "CME_FX")
    finer = made("ZB", tick_size="0.03125", quote_increment="0.015625", asset_class="rates",
                 multiplier="1000")  # fmt: skip
    assert (finer.display_precision, finer.calendar) == (6, "CME_RATES")


@pytest.mark.parametrize(
    ("texts", "reported"),
    [
        ({}, "tick_size: is missing"),
        ({"tick_size": "0.01"}, "asset_class: is missing; say which with --asset-class: equity, "),
        ({**YEN, "multiplier": ""}, "multiplier: is missing; say what a full point of one "),
        (
            {**YEN, "asset_class": "weather"},
            "calendar: none follows from asset class 'weather', as from equity, equity_index",
        ),
        ({**SHARE, "tick_size": "cheap"}, "tick_size: 'cheap' is not a number"),
        ({**SHARE, "display_precision": "2.5"}, "display_precision: '2.5' is not a whole number"),
        ({**SHARE, "is_negative_legal": "perhaps"}, "is_negative_legal: 'perhaps' is neither "),
        ({**SHARE, "colour": "red"}, "colour: is no field of an instrument; name, exchange, "),
    ],
)
def test_what_is_missing_or_cannot_be_is_named(texts: dict[str, str], reported: str) -> None:
    with pytest.raises(Rejected) as raised:
        made("NEW", **texts)
    assert str(raised.value).startswith(reported)


def test_another_class_with_a_calendar_of_its_own_is_taken() -> None:
    power = made("PW", tick_size="0.05", asset_class="weather", calendar="EUREX", multiplier="20")
    assert (power.asset_class, power.calendar) == ("weather", "EUREX")


@pytest.mark.parametrize(
    ("given", "changed"),
    [
        ({"margin": "15000"}, {"margin": Decimal(15000), "display_precision": 2}),
        ({"quote_increment": "0.0001"}, {"display_precision": 4, "tick_size": Decimal("0.01")}),
        (
            {"tick_size": "0.0001"},
            {"quote_increment": Decimal("0.0001"), "display_precision": 4},
        ),
        ({"quote_increment": "0.0001", "display_precision": "2"}, {"display_precision": 2}),
        ({"aliases": "BAC.N $BAC"}, {"aliases": ("BAC.N", "$BAC")}),
    ],
)
def test_a_change_leaves_the_rest_and_shows_a_new_grid_whole(
    given: dict[str, str], changed: dict[str, Any]
) -> None:
    bac = made("BAC", **SHARE)
    after = instrument_of("BAC", bac, fields_of(given))
    assert {field: getattr(after, field) for field in changed} == changed
    assert (after.multiplier, after.calendar) == (1, "US_EQUITY")
