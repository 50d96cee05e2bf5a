"""What may be traded: the grid, the rules of a listing, and the names feeds use."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from ticks_made import CL, DX, ES, LISTING

from thor.domain.instrument import Instrument, Listing, checked
from thor.errors import Rejected


def changed(**given: Any) -> Instrument:
    return msgspec.structs.replace(ES, **given)


@pytest.mark.parametrize(
    ("given", "reported"),
    [
        ({"symbol": ""}, "symbol: ''"),
        ({"symbol": "es"}, "symbol: 'es'"),
        ({"symbol": "E S"}, "symbol: 'E S'"),
        ({"symbol": "ES';--"}, 'symbol: "ES\';--"'),
        ({"symbol": "ES\n"}, r"symbol: 'ES\n'"),
        ({"symbol": "A" * 17}, "16 characters at most"),
        ({"symbol": ".ES"}, "symbol: '.ES'"),
        ({"symbol": "ÉS"}, "symbol: 'ÉS'"),
        ({"tick_size": Decimal(0)}, "tick_size: 0 has to be a number above 0"),
        ({"tick_size": Decimal("-0.25")}, "tick_size: -0.25 has to be"),
        ({"quote_increment": Decimal("NaN")}, "quote_increment: NaN has to be"),
        ({"multiplier": Decimal("Infinity")}, "multiplier: Infinity has to be"),
        ({"multiplier": Decimal("sNaN")}, "multiplier: sNaN has to be"),
        ({"quote_increment": Decimal("1E-9")}, "quote_increment: 1E-9 has more than 8 decimal"),
        ({"multiplier": Decimal("0.123456789")}, "multiplier: 0.123456789 has more than 8"),
        ({"quote_increment": Decimal("0.1")}, "quote_increment: 0.1 does not divide tick_size"),
        ({"quote_increment": Decimal("0.5")}, "quote_increment: 0.5 does not divide tick_size"),
        ({"margin": Decimal("-1")}, "margin: -1 has to be 0 or more"),
        ({"margin": Decimal("NaN")}, "margin: NaN has to be 0 or more"),
        # The table's types: numeric(18,8), numeric(18,2) and smallint.
        ({"tick_size": Decimal("1E+10")}, "tick_size"),
        ({"multiplier": Decimal("1E+10")}, "multiplier"),
        ({"tick_size": Decimal("1E+30"), "quote_increment": Decimal("1E-8")}, "tick_size"),
        ({"tick_size": Decimal("1E+1000000")}, "tick_size"),
        ({"margin": Decimal("1E+16")}, "margin"),
        ({"display_precision": -1}, "display_precision"),
        ({"display_precision": 2**15}, "display_precision"),
    ],
)
def test_an_instrument_against_a_rule_is_refused_by_field_and_value(
    given: dict[str, Any], reported: str
) -> None:
    with pytest.raises(Rejected) as refused:
        checked(changed(**given))
    assert reported in str(refused.value)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"symbol": "DXY2"},
        {"symbol": "BRK.B"},
        {"symbol": "30YR_BOND"},
        {"symbol": "A" * 16},
        {"tick_size": Decimal("0.03125"), "quote_increment": Decimal("0.015625")},
        {"tick_size": Decimal("1E-8"), "quote_increment": Decimal("0.00000001")},
        {"tick_size": Decimal("0.2500000000")},
        {"margin": Decimal(0)},
        {"margin": None},
    ],
)
def test_an_instrument_within_the_rules_is_given_back_as_it_is(given: dict[str, Any]) -> None:
    instrument = changed(**given)
    assert checked(instrument) is instrument


@pytest.mark.parametrize(
    ("instrument", "price", "fault"),
    [
        (ES, "5000.25", None),
        (ES, "5000.3", "is not on ES's grid of 0.25"),
        (ES, "-1", "is negative, which ES does not allow"),
        (CL, "-37.63", None),
        (CL, "-37.635", "is not on CL's grid of 0.01"),
        # The feed's DX is the cash index: its grid is finer than the future's tick of 0.005.
        (DX, "104.001", None),
        (DX, "104.0005", "is not on DX's grid of 0.001"),
        (ES, "NaN", "is not a finite number"),
        (ES, "10000000000", "does not fit numeric(18,8)"),
    ],
)
def test_a_price_is_validated_by_the_feeds_grid(
    instrument: Instrument, price: str, fault: str | None
) -> None:
    assert instrument.price_fault(Decimal(price)) == fault


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("ES", "ES"),
        ("/ES", "ES"),
        ("es", "ES"),
        (" /es ", "ES"),
        ("/ESU24", "ESU24"),
        ("/ES:XCME", "ES"),
        ("/ESU24:XCME", "ESU24"),
        ("ESU4", "ESU24"),
        ("esu2024", "ESU24"),
        ("/ESU4:XCME", "ESU24"),
        ("$DXY", "DX"),
        ("$dxy", "DX"),
        ("DXY", "DX"),
        ("DX", "DX"),
        ("ESH19", None),
        ("$ES", None),
        ("//ES", None),
        ("", None),
        ("/", None),
        (":ES", None),
    ],
)
def test_a_feeds_name_stands_for_a_listed_symbol_or_for_none(name: str, symbol: str | None) -> None:
    assert LISTING.symbol_of(name) == symbol


def test_one_digit_that_means_two_listed_months_is_refused_by_their_names() -> None:
    listing = Listing({"ES": ES}, {"ES": "ES", "ESU14": "ES", "ESU24": "ES"}, frozenset())
    with pytest.raises(Rejected, match="symbol: ESU4 is ESU14 and ESU24: write its year"):
        listing.symbol_of("ESU4")
    assert listing.symbol_of("ESU14") == "ESU14"


def test_a_root_and_its_months_share_one_instrument() -> None:
    assert LISTING.instrument("ES") is ES
    assert LISTING.instrument("ESU24") is ES
    assert LISTING.instrument("$DXY") is None
    assert LISTING.instrument("BAC") is None


def test_an_instrument_without_a_series_is_listed_and_a_series_without_one_is_not() -> None:
    listing = Listing({"ES": ES}, {"CLZ24": "CL"}, frozenset())
    assert listing.instrument("ES") is ES
    assert listing.instrument("CLZ24") is None
    assert not listing.knows_source("SIM")
