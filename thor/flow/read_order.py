"""Read the order that a person asks for by fields, prices as they are typed, with its group.

Stages: 20 collect → 80 trading. Pure. A ticket and a cell of Excel write prices alike, and so the
API and the command line read them.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from thor.domain.instrument import Instrument, Listing
from thor.domain.orders import OrderRequest, bracket, one_cancels_other
from thor.errors import Rejected
from thor.market.collect.excel import cells
from thor.trading.brokers.broker import Change

Row = dict[str, Any]
PRICES = ("limit_price", "stop_price", "trail_by")
# Tenths of a 32nd after a point are no form of a feed, and people write them.
_TENTHS = re.compile(r"(?P<sign>-?)(?P<whole>[0-9]{1,7})'(?P<n32>[0-9]{2})\.(?P<tenth>[0-9])")


def read_order(listing: Listing, given: Mapping[str, Any]) -> tuple[OrderRequest, ...]:
    """Return the order that fields ask for, first, and those of its group.

    `take_profit` and `stop_loss` are the exits of a bracket; `oco` holds the fields of the order
    that this one cancels, and is cancelled by, where they differ from its own. Raises `Rejected`
    naming the field, `NotFound` for a symbol that is not listed.
    """
    fields = dict(given)
    exits = [_given(fields.pop(name, None)) for name in ("take_profit", "stop_loss")]
    oco = fields.pop("oco", None)
    _, instrument = listing.listed(fields["symbol"])
    first = _order(fields, instrument)
    if any(exits) and oco:
        raise Rejected("oco: a bracket has none; give take_profit and stop_loss, or oco")
    if any(exits):
        take_profit, stop_loss = (
            None if text is None else read_price(field, text, instrument)
            for field, text in zip(("take_profit", "stop_loss"), exits, strict=True)
        )
        return bracket(first, take_profit, stop_loss)
    if oco:
        # What it leaves out is as of the first; prices are its own.
        own = {**fields, **dict.fromkeys(PRICES), **{k: v for k, v in oco.items() if v is not None}}
        return one_cancels_other(first, _order(own, instrument))
    return (first,)


def read_change(listing: Listing, symbol: str, given: Mapping[str, Any]) -> Change:
    """Return what an order of a symbol is to hold, from its fields; raises as `read_order`."""
    _, instrument = listing.listed(symbol)
    return Change(quantity=given.get("quantity"), **_prices(given, instrument))


def read_price(field: str, text: str, instrument: Instrument) -> Decimal:
    """Read a price as a trader writes it, `6873.75`, `118'10`, `118'10+`; raises `Rejected`."""
    such_as = "118'10, 118'10+ or 118.3125" if instrument.is_quoted_in_32nds else "6873.75"
    wrong = f"{field}: {text[:40]!r} is no price; write it as {such_as}"
    if instrument.is_quoted_in_32nds and (tenths := _TENTHS.fullmatch(text.strip())):
        parts = Decimal(f"{tenths['n32']}.{tenths['tenth']}")
        if parts >= 32:
            raise Rejected(wrong)
        exact = int(tenths["whole"]) + parts / 32
        return -exact if tenths["sign"] else exact
    try:
        found = None if "%" in text else cells.price(text, instrument)
    except cells.Unreadable as error:
        raise Rejected(wrong) from error
    if found is None:
        raise Rejected(wrong)
    return found


def _given(text: str | None) -> str | None:
    return text or None


def _prices(given: Mapping[str, Any], instrument: Instrument) -> dict[str, Decimal | None]:
    texts = {name: _given(given.get(name)) for name in PRICES}
    return {
        name: None if text is None else read_price(name, text, instrument)
        for name, text in texts.items()
    }


def _order(fields: Mapping[str, Any], instrument: Instrument) -> OrderRequest:
    names = set(OrderRequest.__struct_fields__)
    plain = {name: value for name, value in fields.items() if name in names}
    order = {**plain, **_prices(fields, instrument)}
    return OrderRequest(**order)
