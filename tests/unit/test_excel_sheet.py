"""A block is read by its headers' names and the listing's symbols, whatever its order."""

import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from excel_made import HEADER, INSTRUMENTS, LISTING, N_A, SAMPLE, block, table

from thor.market.collect.excel import cells, sheet
from thor.market.collect.excel.sheet import NoHeader, Reading, Row

_PRICES = ("last", "bid", "ask", "prev_close", "open", "net_change", "high", "low")
_COUNTS = ("volume", "bid_size", "ask_size")


def read(*rows: Any, header: Any = ("Symbol", "Last", "Bid", "Ask")) -> Reading:
    return sheet.read(table(*rows, header=header), LISTING)


def by_symbol(reading: Reading) -> dict[str | None, Row]:
    return {row.symbol: row for row in reading.rows}


def reasons(reading: Reading) -> list[str]:
    return [str(fault) for fault in reading.faults]


def test_the_desks_own_sheet_is_read_to_the_last_digit() -> None:
    reading = sheet.read(block(), LISTING)

    assert reasons(reading) == []
    assert [row.symbol for row in reading.rows] == [
        "YM", "ES", "NQ", "RTY", "CL", "SI", "HG", "GC", "VX", "DX", "ZB",
    ]  # fmt: skip
    rows = by_symbol(reading)
    es, ym, zb, dx = rows["ES"], rows["YM"], rows["ZB"], rows["DX"]
    assert (es.prev_close, es.open, es.net_change) == (6827, 6881, Decimal("46.75"))
    assert (es.high, es.low, es.volume) == (6890, Decimal("6865.75"), 44276)
    assert (es.bid, es.last, es.ask) == (
        Decimal("6873.5"), Decimal("6873.75"), Decimal("6873.75"),
    )  # fmt: skip
    assert (es.bid_size, es.ask_size) == (12, 13)
    # The last price above the ask is the sheet's value, and is kept.
    assert (ym.bid, ym.last, ym.ask) == (47667, 47670, 47669)
    assert (zb.prev_close, zb.open) == (Decimal("118.59375"), Decimal("118.15625"))
    assert (zb.high, zb.low) == (Decimal("118.3125"), 118)
    assert (zb.bid, zb.last, zb.ask) == (
        Decimal("118.28125"), Decimal("118.3125"), Decimal("118.3125"),
    )  # fmt: skip
    assert zb.net_change == Decimal("-0.28125")
    assert (zb.volume, zb.bid_size, zb.ask_size) == (12520, 374, 417)
    assert (dx.prev_close, dx.last, dx.net_change) == (
        Decimal("98.952"), Decimal("98.938"), Decimal("-0.014"),
    )  # fmt: skip
    assert (dx.open, dx.high, dx.low, dx.bid, dx.ask) == (None,) * 5
    assert (dx.volume, dx.bid_size, dx.ask_size) == (None,) * 3
    assert rows["VX"].prev_close == Decimal("18.6373")
    assert (rows["SI"].net_change, rows["GC"].net_change) == (Decimal("-0.426"), Decimal("-47.6"))
    assert reading.is_connected
    assert reading.waiting == 0


def test_columns_are_found_in_any_order_and_strange_ones_are_passed_by() -> None:
    order = list(range(14))
    random.Random(18).shuffle(order)
    assert order != sorted(order)
    shuffled = [[*(row[i] for i in order), "note"] for row in SAMPLE]
    shuffled[0][-1] = "My own notes"

    found, expected = sheet.read(block(shuffled), LISTING), sheet.read(block(), LISTING)

    assert [row.symbol for row in found.rows] == [row.symbol for row in expected.rows]
    for one, other in zip(found.rows, expected.rows, strict=True):
        assert all(getattr(one, name) == getattr(other, name) for name in (*_PRICES, *_COUNTS))


def test_the_older_layout_with_its_52_week_columns_is_read() -> None:
    reading = read(
        ["/ES:XCME", 6827, 6881, 46.75, 6890, 6865.75, 6953.75, 4832, 44276, 6873.5, 6873.75,
         6873.75, 12, 13],
        header=["Symbol", "Close", "Open", "NetChange", "24High", "24Low", "52WkHigh", "52WkLow",
                "Volume", "Bid", "Last", "Ask", "BidSize", "AskSize"],
    )  # fmt: skip
    row = reading.rows[0]
    assert (row.high, row.low) == (6890, Decimal("6865.75"))
    assert (row.high_52w, row.low_52w) == (Decimal("6953.75"), 4832)


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("High", "high"), ("24High", "high"), ("World High", "high"), ("WORLD_HIGH", "high"),
        ("24 Low", "low"), ("World Low", "low"), ("52WkHigh", "high_52w"),
        ("52 Week High", "high_52w"), ("52HIGH", "high_52w"), ("52wkLow", "low_52w"),
        ("Net Change", "net_change"), ("NET_CHANGE", "net_change"), ("Prev Close", "prev_close"),
        ("Close", "prev_close"), ("Settlement", "settlement"), ("Bid", "bid"),
    ],
)  # fmt: skip
def test_a_column_has_many_names(header: str, field: str) -> None:
    reading = read(["ES", 6873.75, 6870.25], header=["Ticker", "Last", header])
    assert getattr(reading.rows[0], field) == Decimal("6870.25")


def test_percent_change_is_no_net_change() -> None:
    reading = read(["ES", 6873.75, 0.68], header=["Symbol", "Last", "Percent Change"])
    assert reading.rows[0].net_change is None


@pytest.mark.parametrize(
    ("name", "symbol", "contract"),
    [
        ("/ES:XCME", "ES", None), ("ES", "ES", None), (" es ", "ES", None), ("/es", "ES", None),
        ("$DXY", "DX", None), ("$dxy", "DX", None), ("/RT", "RTY", None), ("T-BOND", "ZB", None),
        ("/ESZ25:XCME", "ESZ25", "ESZ25"),
    ],
)  # fmt: skip
def test_a_symbol_is_found_by_the_listing(name: str, symbol: str, contract: str | None) -> None:
    row = read([name, 118]).rows[0]
    assert (row.symbol, row.contract) == (symbol, contract)


def test_an_unlisted_symbol_is_named_with_the_cure_and_the_others_are_read() -> None:
    reading = read(["AAPL", 252.25], ["ES", 6873.75])
    assert [row.symbol for row in reading.rows] == [None, "ES"]
    assert reasons(reading) == ["A2: AAPL is not listed; `thor instruments add` lists one"]


def test_a_zero_is_missing_where_no_price_can_be_zero() -> None:
    header = [
        "Symbol",
        "Last",
        "Bid",
        "Ask",
        "Open",
        "High",
        "Low",
        "Close",
        "NetChange",
        "BidSize",
    ]
    es, cl = read(["ES", *[0] * 9], ["CL", *[0] * 9], header=header).rows
    assert (es.last, es.bid, es.ask, es.open, es.high, es.low, es.prev_close) == (None,) * 7
    assert (es.net_change, es.bid_size) == (0, 0)
    # Crude oil has traded through zero: its last price may be 0, a quote of 0 is none.
    assert (cl.last, cl.bid, cl.ask, cl.open) == (0, None, None, None)


def test_what_is_no_price_is_left_out_and_named_with_its_cell() -> None:
    reading = read(["ES", "soon", 6873.5, "1,5"], ["ZB", "118'40", "118'09", "118'10"])
    es, zb = reading.rows
    assert (es.last, es.bid, es.ask) == (None, Decimal("6873.5"), None)
    assert (zb.last, zb.bid, zb.ask) == (None, Decimal("118.28125"), Decimal("118.3125"))
    assert reasons(reading) == [
        "B2: last: 'soon' is no number",
        "D2: ask: '1,5' is no number",
        'B3: last: "118\'40" is no price in 32nds',
    ]


def test_a_net_change_in_percent_is_not_taken_for_points() -> None:
    reading = read(["ES", 6873.75, "0.68%"], header=["Symbol", "Last", "NetChange"])
    assert reading.rows[0].net_change is None
    assert "C2: net_change: '0.68%' is a percentage, not points" in reasons(reading)


def test_a_header_is_found_below_a_title_and_a_blank_row_below_it_is_passed_by() -> None:
    values = [["My desk", None, None], [None] * 3, ["Symbol", "Last", "Bid"], [None] * 3,
              ["ES", 6873.75, 6873.5]]  # fmt: skip
    reading = sheet.read(block(values), LISTING)
    assert [(row.symbol, row.cell) for row in reading.rows] == [("ES", "A5")]


def test_notes_below_the_instruments_are_no_instruments() -> None:
    reading = read(["ES", 6873.75], [None, "check the roll"], [42, 1], ["", 5], ["#N/A", 5])
    assert [row.symbol for row in reading.rows] == ["ES"]
    assert reasons(reading) == []


def test_a_column_that_is_there_twice_is_refused_with_both_cells() -> None:
    with pytest.raises(NoHeader, match=r"'Bid' and 'bid' in B1 and D1 are both bid: rename one"):
        read(["ES", 1, 2, 3], header=["Symbol", "Bid", "Last", "bid"])
    with pytest.raises(NoHeader, match=r"'High' and '24High' in B1 and D1 are both high"):
        read(["ES", 1, 2, 3], header=["Symbol", "High", "Last", "24High"])


def test_a_header_that_is_there_again_is_left_out_and_what_follows_is_read() -> None:
    reading = read(["ES", 6873.75, 6873.5, 6874], ["Symbol", "Last", "Bid", "Ask"], ["YM", 47670])
    assert [row.symbol for row in reading.rows] == ["ES", "YM"]
    assert reasons(reading) == ["A3: the header stands here again; the row is left out"]


def test_below_another_header_nothing_is_read_as_if_it_stood_below_the_first() -> None:
    reading = read(["ES", 6873.75, 6873.5, 6874], ["Symbol", "Ask", "Bid", "Last"], ["YM", 1, 2, 3])
    assert [row.symbol for row in reading.rows] == ["ES"]
    assert reasons(reading) == [
        "A3: another header stands here; this row and those below are left out"
    ]


def test_of_a_symbol_that_is_there_twice_the_first_is_read() -> None:
    reading = read(["/ES:XCME", 6873.75], ["YM", 47670], ["ES", 1])
    assert [(row.symbol, row.last) for row in reading.rows] == [
        ("ES", Decimal("6873.75")),
        ("YM", 47670),
    ]
    assert reasons(reading) == ["A4: ES stands in A2 already; this row is left out"]


def test_merged_cells_hold_their_value_in_the_first_cell_alone() -> None:
    # A header over two columns, and a symbol over two rows, as a merge leaves them.
    reading = read(
        ["ES", 6873.75, None, 6874], [None, 5, None, 6], header=["Symbol", "Last", None, "Ask"]
    )
    assert [(row.symbol, row.last, row.ask) for row in reading.rows] == [
        ("ES", Decimal("6873.75"), 6874)
    ]


@pytest.mark.parametrize(
    "values",
    [
        [],
        [[]],
        [[None] * 14] * 13,
        [["Last", "Bid"], ["ES", 1]],
        [["Symbol", "Name"], ["ES", "x"]],
        [["ES", 6873.75], ["YM", 47670]],
        [[None]] * 11 + [["Symbol", "Last"], ["ES", 1]],
    ],
)
def test_a_block_without_a_header_is_refused(values: list[list[Any]]) -> None:
    with pytest.raises(NoHeader, match="no header is there: a row with Symbol and at least one"):
        sheet.read(block(values), LISTING)


def test_rows_shorter_than_the_header_are_read_as_far_as_they_go() -> None:
    assert read(["ES", 6873.75]).rows[0].last == Decimal("6873.75")
    assert read(["ES"]).rows[0].has_quote is False


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        (-2146826246, "#N/A or loading in 6 of 6 cells"),
        ("loading", "#N/A or loading in 6 of 6 cells"),
        (None, "no value in 6 cells"),
        (N_A, "no value in 6 cells"),
    ],
)
def test_a_sheet_without_rtd_answers_is_recognised(cell: Any, reason: str) -> None:
    reading = read(["ES", cell, cell, cell], ["YM", cell, cell, cell])
    assert not reading.is_connected
    assert reading.unconnected == reason


def test_a_few_cells_that_wait_do_not_make_the_sheet_unconnected() -> None:
    reading = read(["ES", 6873.75, 6873.5, 6874], ["YM", "loading", "loading", "loading"])
    assert reading.is_connected
    assert reading.waiting == 3


def test_columns_are_lettered_as_excel_letters_them() -> None:
    letters = {1: "A", 14: "N", 26: "Z", 27: "AA", 52: "AZ", 702: "ZZ", 703: "AAA", 16384: "XFD"}
    assert {number: sheet.column_letters(number) for number in letters} == letters


# 10,000 grids: each cell is written in one of the ways a sheet may write it, beside what it
# means, worked out from the number and not by the reader.

_JUNK = (
    None, "", "N/A", "loading", "#N/A", -2146826246, -2146826281, "soon", "1,5", True,
    float("nan"), "∞", "=A1", "118'99", object(),
)  # fmt: skip
_EXTRA = ("Type", "Description", "Weight", "Signal", "Notes", None, "Percent Change", "", 42)


def _written(draw: random.Random, root: str) -> tuple[Any, Decimal | None]:
    instrument = INSTRUMENTS[root]
    if draw.random() < 0.15:
        return draw.choice(_JUNK), None
    steps = draw.randint(1, 60_000)
    value = instrument.quote_increment * steps
    if root == "ZB":
        value = Decimal(draw.randint(1, 200)) + Decimal(draw.randint(0, 127)) / 128
        whole, parts = int(value), (value % 1) * 32
        if draw.random() < 0.7:
            third = {0: "", Decimal("0.25"): "2", Decimal("0.5"): "5", Decimal("0.75"): "7"}[
                parts % 1
            ]
            mark = draw.choice("'-:")
            if third == "5" and draw.random() < 0.5:
                third = "+"
            return f"{whole}{mark}{int(parts):02d}{third}", value
    form = draw.randrange(5)
    if form == 0:
        return float(value), value
    if form == 1:
        return f"{value:f}", value
    if form == 2:
        return f" {value:,f} ", value
    if form == 3:
        return value, value
    return (int(value), value) if value == int(value) else (float(value), value)


def _grid(draw: random.Random) -> tuple[list[list[Any]], dict[str, dict[str, Any]]]:
    fields = {"Last": "last", "Bid": "bid", "Ask": "ask", "Close": "prev_close", "Open": "open",
              "High": "high", "Low": "low"}  # fmt: skip
    titles = ["Symbol", *draw.sample(sorted(fields), draw.randint(1, 7))]
    if not {"Last", "Bid", "Ask"} & set(titles):
        titles.append("Last")
    titles += draw.sample(_EXTRA, draw.randint(0, 3))
    draw.shuffle(titles)
    grid: list[list[Any]] = [[None] * len(titles) for _ in range(draw.randint(0, 2))]
    grid.append(list(titles))
    expected: dict[str, dict[str, Any]] = {}
    for root in draw.sample(sorted(INSTRUMENTS), draw.randint(1, 11)):
        if draw.random() < 0.1:
            grid.append([None] * len(titles))
        row: list[Any] = []
        expected[root] = {}
        for title in titles:
            if title == "Symbol":
                spelling = {"DX": "$DXY"}.get(root, draw.choice((root, f"/{root}:XCME")))
                row.append(spelling)
            elif title in fields:
                written, meant = _written(draw, root)
                row.append(written)
                expected[root][fields[title]] = meant
            else:
                row.append(draw.choice((None, "x", 7)))
        grid.append(row)
    return grid, expected


def _grids(count: int) -> Iterator[tuple[list[list[Any]], dict[str, dict[str, Any]]]]:
    draw = random.Random(1813)
    for _ in range(count):
        yield _grid(draw)


def test_in_ten_thousand_grids_no_number_is_wrong() -> None:
    numbers = 0
    for grid, expected in _grids(10_000):
        found = by_symbol(sheet.read(block(grid), LISTING))
        assert set(found) == set(expected)
        for symbol, fields in expected.items():
            for field, meant in fields.items():
                assert getattr(found[symbol], field) == meant, (symbol, field, grid)
                numbers += meant is not None
    assert numbers > 100_000


def test_whatever_stands_in_the_cells_the_reader_does_not_fail() -> None:
    draw = random.Random(7)
    odd = [*_JUNK, *HEADER, *SAMPLE[2], "/ES:XCME", b"x", [], {}, 10**400, -0.0, "\x00", "'" * 80]
    for _ in range(2_000):
        width = draw.randint(0, 16)
        grid = [[draw.choice(odd) for _ in range(width)] for _ in range(draw.randint(0, 15))]
        try:
            reading = sheet.read(block(grid), LISTING)
        except NoHeader:
            continue
        for row in reading.rows:
            assert row.symbol is None or row.symbol in LISTING.series
            for name in _PRICES:
                price = getattr(row, name)
                assert price is None or (price.is_finite() and price.adjusted() < 10)


def test_a_count_in_a_grid_is_the_count_that_was_written() -> None:
    header = ["Symbol", "Volume", "BidSize", "AskSize", "Last"]
    row = read(["ES", "44,276", 12.0, "13", 1], header=header).rows[0]
    assert (row.volume, row.bid_size, row.ask_size) == (44276, 12, 13)
    assert cells.count("44,276") == 44276
