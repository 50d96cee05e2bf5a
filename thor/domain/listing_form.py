"""What a person says of an instrument, and what follows from it.

Stage 10, reference. Pure: gives the `Instrument` that a form of fields names, new or changed.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from thor.domain.hours import CALENDAR_OF_CLASS
from thor.domain.instrument import Instrument, precision_of
from thor.errors import Rejected

NUMBERS = ("tick_size", "quote_increment", "multiplier", "margin")
TEXTS = ("name", "exchange", "asset_class", "calendar", "currency")
FIELDS = (*TEXTS, *NUMBERS, "display_precision", "is_negative_legal", "aliases")
_YES_NO = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def fields_of(texts: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields that texts give, empty ones left out; aliases are parted by spaces.

    Raises `Rejected` naming the field that is not known or cannot be read.
    """
    found: dict[str, Any] = {}
    for field, given in texts.items():
        text = given.strip()
        if field not in FIELDS:
            raise Rejected(f"{field}: is no field of an instrument; {', '.join(FIELDS)} are")
        if not text:
            continue
        if field in NUMBERS:
            found[field] = _number(field, text)
        elif field == "display_precision":
            found[field] = int(_whole(field, text))
        elif field == "is_negative_legal":
            if text.lower() not in _YES_NO:
                raise Rejected(f"{field}: {text!r} is neither true nor false")
            found[field] = _YES_NO[text.lower()]
        elif field == "aliases":
            found[field] = tuple(text.split())
        else:
            found[field] = text
    return found


def instrument_of(symbol: str, listed: Instrument | None, given: Mapping[str, Any]) -> Instrument:
    """Return the instrument that the given fields make of a symbol, or change of a listed one.

    Of a new one the tick size and the asset class have to be given, and the multiplier unless
    a share is traded; the calendar follows from the asset class and the decimals from the grid,
    whenever that changes. Raises `Rejected` naming the field that is missing.
    """
    if listed is not None:
        changed = dict(given)
        if "tick_size" in given and listed.quote_increment == listed.tick_size:
            changed.setdefault("quote_increment", given["tick_size"])
        grid = changed.get("quote_increment", listed.quote_increment)
        if grid != listed.quote_increment:
            changed.setdefault("display_precision", precision_of(grid))
        return msgspec.structs.replace(listed, **changed)
    if "tick_size" not in given:
        raise Rejected(
            "tick_size: is missing; a new instrument needs --tick-size, its smallest move"
        )
    if "asset_class" not in given:
        raise Rejected(
            f"asset_class: is missing; say which with --asset-class: {', '.join(CALENDAR_OF_CLASS)}"
        )
    asset_class = given["asset_class"]
    if "calendar" not in given and asset_class not in CALENDAR_OF_CLASS:
        raise Rejected(
            f"calendar: none follows from asset class {asset_class!r}, as from "
            f"{', '.join(CALENDAR_OF_CLASS)}; say whose hours it keeps with --calendar"
        )
    if "multiplier" not in given and asset_class != "equity":
        raise Rejected(
            "multiplier: is missing; say what a full point of one contract is worth with "
            "--multiplier"
        )
    grid = given.get("quote_increment", given["tick_size"])
    usual = {
        "name": symbol,
        "exchange": "",
        "calendar": CALENDAR_OF_CLASS.get(asset_class),
        "multiplier": Decimal(1),
        "quote_increment": grid,
        "display_precision": precision_of(grid),
    }
    return Instrument(symbol=symbol, **{**usual, **given})


def _number(field: str, text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise Rejected(f"{field}: {text!r} is not a number") from error


def _whole(field: str, text: str) -> Decimal:
    number = _number(field, text)
    if not number.is_finite() or number != number.to_integral_value() or number.adjusted() > 3:
        raise Rejected(f"{field}: {text!r} is not a whole number")
    return number
