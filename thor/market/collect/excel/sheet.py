"""Read a block of cells as quotes: columns by their header's name, symbols by the listing.

Stage 20, collect. Pure. An unreadable cell is left out and reported with its address; a block
without a usable header is refused as a whole.
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from thor.domain.instrument import Instrument, Listing
from thor.market.collect.excel import cells

# Rows at the top of the block among which the header is looked for.
_HEADER_WITHIN = 10
_PRICE_DIGITS = 10
_NOT_LETTERS = re.compile(r"[^a-z0-9]+")

# Each field's headers, without case, blanks and punctuation; the first found is taken.
_ALIASES: dict[str, tuple[str, ...]] = {
    "symbol": ("symbol", "ticker", "tickersymbol", "contract", "underlying", "root"),
    "prev_close": ("close", "prevclose", "previousclose", "priorclose", "yclose"),
    "settlement": ("settlement", "settle", "settlementprice"),
    "open": ("open", "todayopen"),
    "net_change": ("netchange", "netchg", "change", "chg"),
    "high": ("high", "24high", "worldhigh", "dayhigh", "high24hour"),
    "low": ("low", "24low", "worldlow", "daylow", "low24hour"),
    "high_52w": ("52wkhigh", "52weekhigh", "52whigh", "52high", "high52w"),
    "low_52w": ("52wklow", "52weeklow", "52wlow", "52low", "low52w"),
    "volume": ("volume", "vol"),
    "open_interest": ("openinterest", "openint", "oi"),
    "bid": ("bid", "bidprice"),
    "last": ("last", "lastprice"),
    "ask": ("ask", "askprice"),
    "bid_size": ("bidsize", "bidsz"),
    "ask_size": ("asksize", "asksz"),
    "last_size": ("lastsize", "lastsz"),
}
_FIELD_OF = {alias: field for field, aliases in _ALIASES.items() for alias in aliases}
_QUOTED = ("last", "bid", "ask")
_COUNTS = ("volume", "open_interest", "bid_size", "ask_size", "last_size")
# A feed writes 0 for a missing price; a change of 0 is a change of 0.
_NEVER_ZERO = frozenset(
    {"prev_close", "settlement", "open", "high", "low", "high_52w", "low_52w", "bid", "ask"}
)


class Block(msgspec.Struct, frozen=True):
    """Cells read in one call, row by row, and the position of the first (from 1)."""

    values: Sequence[Sequence[Any]]
    first_row: int = 1
    first_column: int = 1

    def cell(self, row: int, column: int) -> str:
        """Return a cell's address, as `D5`, from its index in the block, from 0."""
        return f"{column_letters(self.first_column + column)}{self.first_row + row}"


class Fault(msgspec.Struct, frozen=True):
    """A cell or row that was left out: its address, the reason and the cure."""

    cell: str
    reason: str

    def __str__(self) -> str:
        return f"{self.cell}: {self.reason}"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """The values of one row of the sheet; null is missing, never 0.

    `name` is the symbol as written. `symbol` is the listed series, None where the listing does not
    know the name.
    """

    name: str
    symbol: str | None
    contract: str | None = None
    cell: str
    last: Decimal | None = None
    bid: Decimal | None = None
    ask: Decimal | None = None
    last_size: int | None = None
    bid_size: int | None = None
    ask_size: int | None = None
    volume: int | None = None
    prev_close: Decimal | None = None
    settlement: Decimal | None = None
    open: Decimal | None = None
    high: Decimal | None = None
    low: Decimal | None = None
    net_change: Decimal | None = None
    high_52w: Decimal | None = None
    low_52w: Decimal | None = None
    open_interest: int | None = None

    @property
    def has_quote(self) -> bool:
        """Whether the row has any quote value."""
        return not (self.last is None and self.bid is None and self.ask is None) or (
            self.volume is not None
        )


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """A block read: its rows, what was left out, and how many cells wait for RTD."""

    rows: list[Row]
    faults: list[Fault]
    cells: int
    waiting: int
    waiting_quotes: int
    quotes: int

    @property
    def is_connected(self) -> bool:
        """Whether RTD answers: for half of the cells of last, bid and ask, and for one row."""
        return self.waiting_quotes * 2 <= self.quotes and any(row.has_quote for row in self.rows)

    @property
    def unconnected(self) -> str:
        """Why RTD is taken not to be connected."""
        if self.waiting:
            return f"#N/A or loading in {self.waiting} of {self.cells} cells"
        return f"no value in {self.cells} cells"


class NoHeader(ValueError):
    """The block has no header that names the columns of symbols and prices."""


def read(block: Block, listing: Listing) -> Reading:
    """Return the rows of a block. Raises `NoHeader` naming the cell and the cure."""
    header, columns = _header(block)
    rows: list[Row] = []
    faults: list[Fault] = []
    seen: dict[str, str] = {}
    total = waiting = waiting_quotes = quotes = 0
    for at in range(header + 1, len(block.values)):
        values = block.values[at]
        name = _name(_value(values, columns["symbol"]))
        if name is None:
            continue
        where = block.cell(at, columns["symbol"])
        if _is_header(values, columns):
            faults.append(Fault(where, "the header stands here again; the row is left out"))
            continue
        if _FIELD_OF.get(_plain(name)) == "symbol":
            faults.append(
                Fault(where, "another header stands here; this row and those below are left out")
            )
            break
        for field, column in columns.items():
            if field == "symbol":
                continue
            is_waiting = cells.is_waiting(_value(values, column))
            total += 1
            waiting += is_waiting
            if field in _QUOTED:
                quotes += 1
                waiting_quotes += is_waiting
        row, more = _row(block, at, columns, name, listing)
        faults += more
        key = row.symbol or name.upper()
        if key in seen:
            faults.append(
                Fault(where, f"{key} stands in {seen[key]} already; this row is left out")
            )
            continue
        seen[key] = where
        rows.append(row)
    return Reading(
        rows=rows,
        faults=faults,
        cells=total,
        waiting=waiting,
        waiting_quotes=waiting_quotes,
        quotes=quotes,
    )


def column_letters(number: int) -> str:
    """Return a column's letters by its number from 1, as `N` for 14."""
    letters = ""
    while number > 0:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def _header(block: Block) -> tuple[int, dict[str, int]]:
    for at, values in enumerate(block.values[:_HEADER_WITHIN]):
        found: dict[str, list[tuple[int, int]]] = {}
        for column, value in enumerate(values):
            field = _FIELD_OF.get(_plain(value)) if isinstance(value, str) else None
            if field is not None:
                rank = _ALIASES[field].index(_plain(value))
                found.setdefault(field, []).append((rank, column))
        if "symbol" in found and any(field in found for field in (*_QUOTED, "volume")):
            return at, _columns(block, at, found)
    raise NoHeader(
        "no header is there: a row with Symbol and at least one of Last, Bid, Ask and Volume "
        f"is looked for in the first {_HEADER_WITHIN} rows"
    )


def _columns(block: Block, at: int, found: dict[str, list[tuple[int, int]]]) -> dict[str, int]:
    columns = {}
    for field, places in found.items():
        ranks = [rank for rank, _ in places]
        # A sheet may name its rows by Symbol and Contract; two prices of one field cannot
        # both be right.
        is_twice = len(places) > 1 if field != "symbol" else ranks.count(min(ranks)) > 1
        if is_twice:
            where = " and ".join(block.cell(at, column) for _, column in places)
            names = " and ".join(repr(block.values[at][column]) for _, column in places)
            raise NoHeader(f"the columns {names} in {where} are both {field}: rename one of them")
        columns[field] = min(places)[1]
    return columns


def _row(
    block: Block, at: int, columns: dict[str, int], name: str, listing: Listing
) -> tuple[Row, list[Fault]]:
    values = block.values[at]
    where = block.cell(at, columns["symbol"])
    symbol = listing.symbol_of(name)
    instrument = None if symbol is None else listing.instrument(symbol)
    faults: list[Fault] = []
    if symbol is None:
        reason = f"{name} is not listed; `thor instruments add` lists one"
        faults.append(Fault(where, reason))
    fields: dict[str, Any] = {}
    for field, column in columns.items():
        if field == "symbol":
            continue
        value = _value(values, column)
        try:
            fields[field] = _read(field, value, instrument)
        except cells.Unreadable as fault:
            faults.append(Fault(block.cell(at, column), f"{field}: {fault}"))
    is_month = instrument is not None and symbol != instrument.symbol
    return (
        Row(
            name=name,
            symbol=symbol,
            contract=symbol if is_month else None,
            cell=where,
            **fields,
        ),
        faults,
    )


def _read(field: str, value: Any, instrument: Instrument | None) -> Decimal | int | None:
    if field in _COUNTS:
        return cells.count(value)
    if field == "net_change" and isinstance(value, str) and value.rstrip().endswith("%"):
        raise cells.Unreadable(f"{cells.shown(value)} is a percentage, not points")
    price = cells.price(value, instrument)
    if price is None:
        return None
    if not price:
        is_zero_legal = field == "net_change" or (
            field == "last" and instrument is not None and instrument.is_negative_legal
        )
        return price if is_zero_legal else None
    if price.adjusted() >= _PRICE_DIGITS:
        raise cells.Unreadable(f"{cells.shown(value)} is too large for a price")
    return price


def _is_header(values: Sequence[Any], columns: dict[str, int]) -> bool:
    return all(
        isinstance(value := _value(values, column), str) and _FIELD_OF.get(_plain(value)) == field
        for field, column in columns.items()
    )


def _name(value: Any) -> str | None:
    # A number or an error in the symbol's column names no row.
    if not isinstance(value, str) or cells.is_waiting(value):
        return None
    return " ".join(value.split()) or None


def _value(values: Sequence[Any], column: int) -> Any:
    return values[column] if column < len(values) else None


def _plain(value: str) -> str:
    return _NOT_LETTERS.sub("", value.lower())
