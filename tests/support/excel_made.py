"""Build blocks and workbooks for tests: the sample of the desk, and what is made like it."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl

from thor.domain.instrument import Instrument, Listing
from thor.market.collect.excel.sheet import Block

_NAMES = ("symbol", "tick_size", "quote_increment", "multiplier", "is_negative_legal", "aliases")
_ELEVEN = (
    ("YM", "1", "1", 5, False, ()),
    ("ES", "0.25", "0.25", 50, False, ()),
    ("NQ", "0.25", "0.25", 20, False, ()),
    ("RTY", "0.10", "0.10", 50, False, ("RT",)),
    ("CL", "0.01", "0.01", 1000, True, ()),
    ("SI", "0.005", "0.005", 5000, False, ()),
    ("HG", "0.0005", "0.0005", 25000, False, ()),
    ("GC", "0.10", "0.10", 100, False, ()),
    ("VX", "0.05", "0.05", 1000, False, ("VIX",)),
    ("DX", "0.005", "0.001", 1000, False, ("$DXY", "DXY", "USDX")),
    ("ZB", "0.03125", "0.015625", 1000, False, ("T-BOND",)),
)


def _instrument(values: tuple[Any, ...]) -> Instrument:
    given = dict(zip(_NAMES, values, strict=True))
    for name in ("tick_size", "quote_increment", "multiplier"):
        given[name] = Decimal(given[name])
    return Instrument(
        name=given["symbol"], exchange="X", asset_class="future", calendar="CME_EQUITY",
        display_precision=2, **given,
    )  # fmt: skip


INSTRUMENTS = {values[0]: _instrument(values) for values in _ELEVEN}
LISTING = Listing(
    INSTRUMENTS,
    {**{symbol: symbol for symbol in INSTRUMENTS}, "ESZ25": "ES"},
    frozenset({"EXCEL"}),
)

HEADER = [
    "Type", "Symbol", "Description", "Close", "Open", "NetChange", "High", "Low", "Volume",
    "Bid", "Last", "Ask", "BidSize", "AskSize",
]  # fmt: skip
N_A = "N/A"
# The desk's sheet on the evening of 26 October 2025. What the notes do not say is blank.
SAMPLE: list[list[Any]] = [
    HEADER,
    ["Future", "/YM:XCBT", "E-mini Dow", 47396, None, 274, None, None, 3185,
     47667, 47670, 47669, 4, 2],
    ["Future", "/ES:XCME", "E-mini S&P", 6827, 6881, 46.75, 6890, 6865.75, 44276,
     6873.5, 6873.75, 6873.75, 12, 13],
    ["Future", "/NQ:XCME", "E-mini Nasdaq", 25509.25, None, 219, None, None, None,
     None, 25728.25, None, None, None],
    ["Future", "/RTY:XCME", "Russle", 2523.7, None, 24.1, None, None, None,
     None, 2547.8, None, None, None],
    ["Future", "/CL:XNYM", "Crude", 61.5, None, 0.37, None, None, None,
     None, 61.87, None, None, None],
    ["Future", "/SI:XCEC", "Silver", 48.586, None, -0.426, None, None, None,
     None, 48.16, None, None, None],
    ["Future", "/HG:XCEC", "Copper", 5.1225, None, 0.097, None, None, None,
     None, 5.2195, None, None, None],
    ["Future", "/GC:XCEC", "Gold", 4137.8, None, -47.6, None, None, None,
     None, 4090.2, None, None, None],
    ["Future", "/VX:XCBF", "VIX", 18.6373, None, -0.7, None, None, None,
     None, 17.90, None, 45, 83],
    ["Index", "$DXY", "Dollar", 98.952, 0, -0.014, 0, 0, N_A, N_A, 98.938, N_A, N_A, N_A],
    ["Future", "/ZB:XCBT", "Unknown Symbol", "118'19", "118'05", "-0'09", "118'10", "118'00",
     12520, "118'09", "118'10", "118'10", 374, 417],
    [None] * 14,
]  # fmt: skip


def block(values: Sequence[Sequence[Any]] = SAMPLE) -> Block:
    """Return cells as a block that begins in A1."""
    return Block([list(row) for row in values])


def table(*rows: Sequence[Any], header: Sequence[Any] = ("Symbol", "Last", "Bid", "Ask")) -> Block:
    """Return a small block: a header and rows."""
    return block([list(header), *(list(row) for row in rows)])


def save(path: Path, values: Sequence[Sequence[Any]] = SAMPLE, sheet: str = "LiveData") -> Path:
    """Save cells as a workbook."""
    book = openpyxl.Workbook()
    made = book.active
    made.title = sheet
    for row in values:
        made.append(list(row))
    book.save(path)
    return path
