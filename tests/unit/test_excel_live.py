"""The open workbook is attached to, read whole, let alone, and found again after a loss."""

import datetime as dt
import threading
from decimal import Decimal
from typing import Any

import pytest
from excel_fake import FakeApp, FakeBook, FakeExcel, FakeSheet, Refusing
from excel_made import LISTING, SAMPLE

from thor.market.collect.excel import sheet
from thor.market.collect.excel.com import ComThread, Unanswered
from thor.market.collect.excel.live import LiveWorkbook
from thor.market.collect.excel.states import NotRead

REJECTED, IGNORED, UNAVAILABLE, DENIED = -2147418111, -2146777998, -2147023174, -2147024891


class Desk:
    """An Excel with the desk's workbook open, and the reader that attaches to it."""

    def __init__(self, file: str = "RTD_TOS.xlsm", **given: Any) -> None:
        self.sheet = FakeSheet("LiveData", SAMPLE)
        self.book = FakeBook("RTD_TOS.xlsm", FakeSheet("helper fields", [[1]]), self.sheet)
        self.excel = FakeExcel(FakeApp(self.book))
        self.reader = LiveWorkbook(
            file, given.pop("sheet", "LiveData"), given.pop("cells", "A1:N13"), self.excel, **given
        )

    def refusal(self) -> tuple[str, str]:
        with pytest.raises(NotRead) as raised:
            self.reader.read()
        return raised.value.state, raised.value.reason


@pytest.fixture
def desk() -> Any:
    found = Desk()
    yield found
    found.reader.close()


def test_the_open_workbook_is_read_through_xlwings_in_one_call(desk: Desk) -> None:
    reading = sheet.read(desk.reader.read(), LISTING)
    assert len(reading.rows) == 11
    assert reading.rows[10].last == Decimal("118.3125")
    assert desk.sheet.reads == 1


def test_errors_dates_and_blanks_come_through_the_librarys_own_conversion(desk: Desk) -> None:
    desk.sheet.values = [
        ["Symbol", "Last", "Bid", "Ask"],
        ["ES", -2146826246, "", dt.datetime(2025, 10, 26)],
        ["YM", 47670.0, None, -2146826245],
    ]
    reading = sheet.read(desk.reader.read(), LISTING)
    es, ym = reading.rows
    assert (es.last, es.bid, es.ask) == (None, None, None)
    assert (ym.last, ym.bid, ym.ask) == (47670, None, None)
    assert reading.waiting == 2
    assert [str(fault) for fault in reading.faults] == [
        "D2: ask: 2025-10-26 00:00:00 is a date: give the cell the number format General"
    ]


def test_without_an_excel_the_state_is_workbook_not_open(desk: Desk) -> None:
    desk.excel.running = []
    state, reason = desk.refusal()
    assert state == "not running"
    assert "desktop session" in reason


def test_a_workbook_that_is_not_open_is_named_beside_those_that_are() -> None:
    desk = Desk("CleanData.xlsm")
    assert desk.refusal() == (
        "workbook not open",
        "CleanData.xlsm is not open; open are RTD_TOS.xlsm",
    )


def test_a_sheet_that_is_not_there_is_named_beside_those_that_are() -> None:
    desk = Desk(sheet="Futures")
    assert desk.refusal() == (
        "sheet or range not found",
        "no sheet 'Futures' in RTD_TOS.xlsm; it has 'helper fields', 'LiveData'",
    )


def test_a_range_that_is_not_there_is_named() -> None:
    desk = Desk(cells="NoSuchName")
    assert desk.refusal() == (
        "sheet or range not found",
        "no range or table 'NoSuchName' in 'LiveData'",
    )


def test_a_sheets_name_is_found_whatever_its_case() -> None:
    assert Desk(sheet="livedata").reader.read().values[0][1] == "Symbol"


@pytest.mark.parametrize(
    "file", ["RTD_TOS.xlsm", "rtd_tos.XLSM", "C:\\desk\\RTD_TOS.xlsm", "c:/desk/rtd_tos.xlsm"]
)
def test_a_workbook_is_found_by_name_or_by_path(file: str) -> None:
    assert Desk(file).reader.read().values[0][1] == "Symbol"


def test_of_two_workbooks_of_one_name_none_is_guessed() -> None:
    desk = Desk()
    desk.excel.running.append(FakeApp(FakeBook("RTD_TOS.xlsm", folder="D:\\old")))
    state, reason = desk.refusal()
    assert state == "workbook not open"
    assert reason == (
        "2 workbooks of this name are open, C:\\desk\\RTD_TOS.xlsm and D:\\old\\RTD_TOS.xlsm: "
        "give the full path"
    )


def test_the_full_path_distinguishes_two_workbooks_of_one_name() -> None:
    desk = Desk("C:\\desk\\RTD_TOS.xlsm")
    desk.excel.running.insert(0, FakeApp(FakeBook("RTD_TOS.xlsm", folder="D:\\old")))
    assert desk.reader.read().values[0][1] == "Symbol"


def test_another_workbook_of_that_name_is_not_taken_for_the_one_asked_for() -> None:
    state, reason = Desk("E:\\new\\RTD_TOS.xlsm").refusal()
    assert state == "workbook not open"
    assert reason == "C:\\desk\\RTD_TOS.xlsm is open, and E:\\new\\RTD_TOS.xlsm is named"


def test_a_workbook_on_a_cloud_drive_is_found_by_its_name() -> None:
    desk = Desk("C:\\Users\\me\\OneDrive\\RTD_TOS.xlsm")
    desk.book._folder = "https://d.docs.live.net/1a2b"
    assert desk.reader.read().values[0][1] == "Symbol"


@pytest.mark.parametrize(
    ("error", "state", "reason"),
    [
        (Refusing(REJECTED), "busy", "a cell is being edited or a dialogue is open"),
        (Refusing(-2147352567, IGNORED), "busy", "a cell is being edited or a dialogue is open"),
        (type("ExcelBusyError", (Exception,), {})(), "busy", "a cell is being edited"),
        (Refusing(UNAVAILABLE), "not running", "Excel was closed"),
        (Refusing(DENIED), "not running", "the same elevation"),
        (Refusing(-2147221080), "workbook not open", "refused"),
        (AttributeError("Value"), "workbook not open", "Value"),
    ],
)
def test_what_excel_refuses_is_a_state_and_the_next_poll_reads_again(
    desk: Desk, error: Exception, state: str, reason: str
) -> None:
    desk.reader.read()
    desk.sheet.raises = error
    found, why = desk.refusal()
    assert found == state
    assert reason in why
    desk.sheet.raises = None
    for _ in range(3):
        try:
            block = desk.reader.read()
        except NotRead as refused:
            # Looked for again with a pause, and in the same state meanwhile.
            assert refused.state == state
        else:
            break
    assert block.values[0][1] == "Symbol"


def test_a_workbook_that_is_away_for_long_is_looked_for_less_often(desk: Desk) -> None:
    looked = 0
    running, desk.excel.running = desk.excel.running, []
    ask = desk.excel.__class__.apps

    class Counting(FakeExcel):
        @property
        def apps(self) -> Any:
            nonlocal looked
            looked += 1
            return ask.fget(self)

    desk.excel.__class__ = Counting
    for _ in range(60):
        assert desk.refusal()[0] == "not running"
    # After 1, 2, 4 and then every 8 polls: 1 + 1 + 1 + 1 + 45 / 9.
    assert looked == 9
    desk.excel.running = running
    for _ in range(9):
        try:
            assert desk.reader.read().values
            return
        except NotRead:
            continue
    raise AssertionError("the workbook was not found again")


def test_an_excel_that_does_not_answer_is_busy_and_is_never_asked_twice_at_once() -> None:
    answer = threading.Event()
    desk = Desk(answer_within_s=0.05)
    desk.reader.read()
    read = desk.sheet.raw

    def frozen() -> Any:
        answer.wait(30)
        return read()

    desk.sheet.raw = frozen  # type: ignore[method-assign]
    before = desk.sheet.reads
    assert desk.refusal()[0] == "busy"
    assert desk.refusal() == ("busy", "Excel has not answered within 0.05 s")
    assert desk.sheet.reads == before
    answer.set()
    desk.reader._answer_within_s = 30
    desk.reader._thread._pending.exception(30)  # type: ignore[union-attr]
    assert desk.reader.read().values[0][1] == "Symbol"
    desk.reader.close()


def test_every_call_runs_in_one_thread_that_is_not_the_callers() -> None:
    thread = ComThread()
    names = {thread.call(lambda: threading.current_thread().name, 30) for _ in range(3)}
    assert names == {"excel-com"}
    with pytest.raises(ZeroDivisionError):
        thread.call(lambda: 1 // 0, 30)
    assert thread.call(lambda: 7, 30) == 7
    thread.close()
    thread._thread.join(30)
    assert not thread._thread.is_alive()


def test_a_call_within_excel_that_times_out_itself_is_no_missing_answer() -> None:
    thread = ComThread()

    def timed_out() -> None:
        raise TimeoutError("of its own")

    with pytest.raises(TimeoutError, match="of its own") as raised:
        thread.call(timed_out, 30)
    assert not isinstance(raised.value, Unanswered)
    thread.close()
