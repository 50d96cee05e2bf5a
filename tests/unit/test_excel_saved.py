"""A saved workbook is read without Excel: its sheet, its range or table, while it is saved."""

import datetime as dt
import os
import random
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from excel_made import HEADER, INSTRUMENTS, LISTING, SAMPLE, save
from openpyxl.worksheet.table import Table

from thor.errors import Refused, Rejected
from thor.market.collect.excel import saved, sheet, template
from thor.market.collect.excel.saved import SavedWorkbook
from thor.market.collect.excel.sheet import Block, Reading
from thor.market.collect.excel.states import NotRead


def read(file: Path, sheet_name: str = "LiveData", cells: str = "A1:N13") -> Block:
    found = SavedWorkbook(file, sheet_name, cells).read()
    assert found is not None
    return found


def reading_of(file: Path, cells: str = "A1:N13") -> Reading:
    return sheet.read(read(file, cells=cells), LISTING)


def refusal(book: SavedWorkbook) -> tuple[str, str]:
    with pytest.raises(NotRead) as raised:
        book.read()
    return raised.value.state, raised.value.reason


def saved_again(file: Path, values: Any) -> None:
    """Save it in one step, as Excel does, with another time of change."""
    beside = save(file.with_name("~beside.xlsx"), values)
    stat = file.stat()
    os.utime(beside, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000))
    beside.replace(file)


def test_the_desks_sheet_is_read_from_its_file_as_from_the_open_workbook(tmp_path: Path) -> None:
    reading = reading_of(save(tmp_path / "RTD_TOS.xlsx"))
    assert [row.symbol for row in reading.rows] == [
        "YM", "ES", "NQ", "RTY", "CL", "SI", "HG", "GC", "VX", "DX", "ZB",
    ]  # fmt: skip
    assert reading.faults == []
    assert reading.rows[10].bid == Decimal("118.28125")
    assert reading.rows[9].open is None


def test_only_the_range_is_read_and_cells_are_named_as_in_the_sheet(tmp_path: Path) -> None:
    values = [[None] * 5, [None, "Symbol", "Last", "Bid"], [None, "ES", "soon", 6873.5, "x"]]
    values += [[None, "YM", 47670, 47667]]
    file = save(tmp_path / "a.xlsx", values)
    reading = reading_of(file, "B2:D3")
    assert [row.symbol for row in reading.rows] == ["ES"]
    assert [str(fault) for fault in reading.faults] == ["C3: last: 'soon' is no number"]
    assert reading_of(file, "$b$2:$d$4").rows[1].last == 47670


def test_a_table_is_read_by_its_name(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    made = book.active
    made.title = "LiveData"
    for row in [[], [None, "Symbol", "Last"], [None, "ES", "soon"], [None, "YM", 47670]]:
        made.append(row)
    made.add_table(Table(displayName="tblLiveData", ref="B2:C4"))
    book.save(tmp_path / "a.xlsx")
    reading = reading_of(tmp_path / "a.xlsx", "tblLiveData")
    assert [row.symbol for row in reading.rows] == ["ES", "YM"]
    assert [str(fault) for fault in reading.faults] == ["C3: last: 'soon' is no number"]


def test_a_date_where_a_price_belongs_is_no_price(tmp_path: Path) -> None:
    file = save(
        tmp_path / "a.xlsx", [["Symbol", "Last", "Bid"], ["ES", dt.datetime(2025, 1, 2), 1]]
    )
    reading = reading_of(file)
    assert reading.rows[0].last is None
    assert "is a date: give the cell the number format General" in str(reading.faults[0])


@pytest.mark.parametrize(
    ("sheet_name", "cells", "reason"),
    [
        ("Futures", "A1:N13", "no sheet 'Futures' in a.xlsx; it has 'LiveData'"),
        ("LiveData", "tblNone", "'tblNone' is neither a range as A1:N13 nor a table"),
    ],
)
def test_a_sheet_or_range_that_is_not_there_is_named(
    tmp_path: Path, sheet_name: str, cells: str, reason: str
) -> None:
    file = save(tmp_path / "a.xlsx")
    state, why = refusal(SavedWorkbook(file, sheet_name, cells))
    assert state == "sheet or range not found"
    assert reason in why


def test_a_file_that_is_not_there_is_no_open_workbook(tmp_path: Path) -> None:
    state, why = refusal(SavedWorkbook(tmp_path / "none.xlsx", "LiveData", "A1:N13"))
    assert (state, why) == ("workbook not open", f"{tmp_path / 'none.xlsx'} is not there")
    (tmp_path / "folder.xlsx").mkdir()
    assert refusal(SavedWorkbook(tmp_path / "folder.xlsx", "LiveData", "A1:N13"))[0] == "busy"


def test_a_file_is_read_again_only_once_it_was_saved_again(tmp_path: Path) -> None:
    file = save(tmp_path / "a.xlsx")
    book = SavedWorkbook(file, "LiveData", "A1:N13")
    assert book.read() is not None
    assert book.read() is None
    changed = [list(row) for row in SAMPLE]
    changed[2][10] = 6874.25
    saved_again(file, changed)
    found = book.read()
    assert found is not None
    assert found.values[2][10] == 6874.25
    assert book.read() is None


def test_a_file_that_is_half_saved_is_busy_and_is_read_once_it_is_whole(tmp_path: Path) -> None:
    file = save(tmp_path / "a.xlsx")
    whole = file.read_bytes()
    book = SavedWorkbook(file, "LiveData", "A1:N13")
    for length in (0, 10, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:length])
        assert refusal(book) == ("busy", "a.xlsx is being saved")
    file.write_bytes(whole)
    assert book.read() is not None


def test_a_file_that_stays_broken_is_no_workbook(tmp_path: Path) -> None:
    file = tmp_path / "a.xlsx"
    file.write_bytes(b"PK no workbook at all")
    book = SavedWorkbook(file, "LiveData", "A1:N13")
    assert [refusal(book)[0] for _ in range(6)] == ["busy"] * 5 + ["workbook not open"]
    assert "a.xlsx is no workbook, or damaged" in refusal(book)[1]
    saved_again(file, SAMPLE)
    assert book.read() is not None


def test_a_file_that_another_program_has_locked_is_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = save(tmp_path / "a.xlsx")

    def locked(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", locked)
        book = SavedWorkbook(file, "LiveData", "A1:N13")
        assert refusal(book) == ("busy", "a.xlsx: Permission denied")
    assert book.read() is not None


def test_a_file_that_is_saved_while_it_is_read_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = save(tmp_path / "a.xlsx")
    changed = [list(row) for row in SAMPLE]
    changed[2][10] = 6874.25
    read_bytes = Path.read_bytes
    book = SavedWorkbook(file, "LiveData", "A1:N13")

    def saved_meanwhile(path: Path) -> bytes:
        content = read_bytes(path)
        saved_again(file, changed)
        return content

    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", saved_meanwhile)
        assert refusal(book) == ("busy", "a.xlsx is being saved")
    found = book.read()
    assert found is not None
    assert found.values[2][10] == 6874.25


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ("A1:N13", None), ("$A$1:$N$13", None), ("tblLiveData", None), ("N13:A1", None),
        ("A1", "no range"), ("", "no range"), ("A1:", "no range"), ("A 1:B2", "no range"),
        ("A0:B2", "outside"), ("A1:XFE2", "outside"), ("A1:B1048577", "outside"),
        ("A1:Z10000", "more than 100000 cells"),
    ],
)  # fmt: skip
def test_a_range_is_looked_at_before_the_collector_starts(cells: str, reason: str | None) -> None:
    found = saved.check_range(cells)
    assert found is None if reason is None else reason in str(found)


def test_the_template_reads_back_as_eleven_rows_that_wait_for_rtd(tmp_path: Path) -> None:
    file = tmp_path / "desk.xlsx"
    assert template.write(file) == 11
    block = read(file, template.SHEET, template.RANGE)
    assert list(block.values[0]) == HEADER
    reading = sheet.read(block, LISTING)
    assert [row.symbol for row in reading.rows] == [
        "YM", "ES", "NQ", "RTY", "CL", "SI", "HG", "GC", "VX", "DX", "ZB",
    ]  # fmt: skip
    assert reading.faults == []
    assert not reading.is_connected

    made = openpyxl.load_workbook(file)["LiveData"]
    assert made.max_row == 12
    assert made["K3"].value == '=RTD("tos.rtd",,"LAST","/ES:XCME")'
    assert made["M11"].value == '=RTD("tos.rtd",,"BID_SIZE","$DXY")'
    topics = [str(cell.value).split('"')[3] for cell in made[12][3:]]
    assert topics == [
        "CLOSE", "OPEN", "NET_CHANGE", "HIGH", "LOW", "VOLUME", "BID", "LAST", "ASK", "BID_SIZE",
        "ASK_SIZE",
    ]  # fmt: skip


def test_the_template_overwrites_nothing_and_has_the_name_of_a_workbook(tmp_path: Path) -> None:
    template.write(tmp_path / "desk.xlsx")
    with pytest.raises(Refused, match="is there already; give another name"):
        template.write(tmp_path / "desk.xlsx")
    with pytest.raises(Rejected, match=r"desk.csv has to end in \.xlsx"):
        template.write(tmp_path / "desk.csv")
    with pytest.raises(Rejected, match="cannot be written"):
        template.write(tmp_path / "none" / "desk.xlsx")


def _workbook(draw: random.Random, file: Path) -> dict[str, dict[str, Decimal]]:
    """Write a workbook of one of the kinds that people keep; return what it means."""
    fields = {"Last": "last", "Bid": "bid", "Ask": "ask", "Close": "prev_close"}
    titles = [*fields, "Symbol", *draw.sample(["Type", "Description", "Weight", "Notes"], 2)]
    draw.shuffle(titles)
    book = openpyxl.Workbook()
    made = book.active
    made.title = "LiveData"
    if draw.random() < 0.3:
        book.create_sheet("helper fields", 0).append(["Symbol", "Last"])
    top = draw.randint(0, 3)
    for row in range(1, top + 1):
        made.cell(row, 1, "LiveRTDvba" if row == 1 else None)
    for column, title in enumerate(titles, 1):
        made.cell(top + 1, column, title)
    expected: dict[str, dict[str, Decimal]] = {}
    at = top + 2
    for root in draw.sample(sorted(INSTRUMENTS), draw.randint(1, 11)):
        at += draw.random() < 0.2
        expected[root] = {}
        for column, title in enumerate(titles, 1):
            if title == "Symbol":
                made.cell(at, column, "$DXY" if root == "DX" else f"/{root}:XCME")
            elif title in fields:
                value = INSTRUMENTS[root].quote_increment * draw.randint(1, 60_000)
                cell = made.cell(at, column, draw.choice((float(value), f"{value:,f}", value)))
                cell.number_format = draw.choice(("General", "0.00", "#,##0.000", "0.00%"))
                expected[root][fields[title]] = value
        at += 1
    if draw.random() < 0.3:
        made.merge_cells(start_row=at + 1, start_column=1, end_row=at + 2, end_column=3)
        made.cell(at + 1, 1, "AAPL 100 @ 252, look again on Friday")
    if len(book.sheetnames) > 1 and draw.random() < 0.3:
        made.sheet_state = "hidden"
    if draw.random() < 0.3:
        made.freeze_panes = "B2"
    book.save(file)
    if draw.random() < 0.3:
        _pack_again(file, draw.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))
    return expected


def _pack_again(file: Path, how: int) -> None:
    with zipfile.ZipFile(file) as packed:
        parts = {name: packed.read(name) for name in packed.namelist()}
    with zipfile.ZipFile(file, "w", how) as packed:
        for name in reversed(list(parts)):
            packed.writestr(name, parts[name])


def test_in_two_hundred_workbooks_no_number_is_wrong(tmp_path: Path) -> None:
    draw = random.Random(200)
    for number in range(200):
        file = tmp_path / f"{number}.xlsx"
        expected = _workbook(draw, file)
        found = {row.symbol: row for row in reading_of(file, "A1:N40").rows if row.symbol}
        assert set(found) == set(expected), number
        for symbol, fields in expected.items():
            for field, meant in fields.items():
                assert getattr(found[symbol], field) == meant, (number, symbol, field)
