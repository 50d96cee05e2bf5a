"""What the collector gives of each reading: ticks that changed, marks, states, clocks."""

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from excel_made import LISTING, SAMPLE, block, table

from thor.domain.mark import check_mark
from thor.domain.tick import Tick, check
from thor.errors import Rejected
from thor.market.collect.excel.changes import Changes
from thor.market.collect.excel.collector import ExcelCollector, Step
from thor.market.collect.excel.sheet import Block
from thor.market.collect.excel.states import NotRead

# Sunday evening, 26 October 2025, an hour after the opening: the trade date is Monday's.
AT = datetime(2025, 10, 26, 23, 0, 0, 250_000, tzinfo=UTC)
MONDAY = date(2025, 10, 27)
MS = 1_761_519_600_250
HEADER = ("Symbol", "Last", "Bid", "Ask", "Volume", "Close", "NetChange")


class Desk:
    """A workbook, a clock and a collector over them; each poll is two seconds later."""

    def __init__(self, *readings: Block | NotRead | None, **given: Any) -> None:
        self.readings = list(readings)
        self.now = AT - timedelta(seconds=2)
        self.waited: list[float] = []
        self.collector = ExcelCollector(
            self, LISTING, now=lambda: self.now, monotonic_s=lambda: 0.0, wait=self.wait, **given
        )

    def read(self) -> Block | None:
        found = self.readings.pop(0) if len(self.readings) > 1 else self.readings[0]
        if isinstance(found, NotRead):
            raise found
        return found

    def close(self) -> None:
        pass

    def wait(self, seconds: float) -> bool:
        self.waited.append(seconds)
        return len(self.waited) >= 3

    def poll(self, after_s: float = 2.0) -> Step:
        self.now += timedelta(seconds=after_s)
        return self.collector.poll()


def es(last: Any, volume: Any = 44276, *, bid: Any = 6873.5, ask: Any = 6874) -> Block:
    return table(["ES", last, bid, ask, volume, 6827, 46.75], header=HEADER)


def the_tick(step: Step) -> Tick:
    (tick,) = step.ticks
    return tick


def test_the_first_reading_gives_a_tick_a_row_at_the_moment_it_was_read() -> None:
    step = Desk(block()).poll()

    assert [tick.symbol for tick in step.ticks] == [
        "YM", "ES", "NQ", "RTY", "CL", "SI", "HG", "GC", "VX", "DX", "ZB",
    ]  # fmt: skip
    assert {(tick.ts, tick.received_at) for tick in step.ticks} == {(AT, AT)}
    assert all(tick.is_sampled and tick.source == "EXCEL" for tick in step.ticks)
    # Nothing is known of what traded before.
    assert {(tick.volume_delta, tick.is_trade) for tick in step.ticks} == {(None, False)}
    assert [tick.seq for tick in step.ticks] == [MS * 64 + row for row in range(11)]
    assert [check(tick, LISTING) for tick in step.ticks] == [None] * 11
    assert step.seen == [tick.symbol for tick in step.ticks]


def test_a_row_that_does_not_change_gives_no_tick_and_is_seen() -> None:
    desk = Desk(block())
    desk.poll()
    step = desk.poll()
    assert (step.ticks, step.marks) == ([], [])
    assert len(step.seen) == 11


def test_only_the_row_that_changed_gives_a_tick() -> None:
    changed = [list(row) for row in SAMPLE]
    changed[2][10] = 6874
    desk = Desk(block(), block(changed))
    desk.poll()
    tick = the_tick(desk.poll())
    assert (tick.symbol, tick.last, tick.ts) == ("ES", 6874, AT + timedelta(seconds=2))
    assert tick.seq == (MS + 2000) * 64 + 1


def test_the_sheets_day_goes_beside_the_ticks_once_and_again_when_it_changes() -> None:
    desk = Desk(es(6873.75), es(6874), table(["ES", 6874, 1, 2, 3, 6828, 46], header=HEADER))
    (mark,) = desk.poll().marks
    assert (mark.symbol, mark.trade_date) == ("ES", MONDAY)
    assert (mark.prev_close, mark.received_at) == (6827, AT)
    assert check_mark(mark, LISTING) is None
    assert desk.poll().marks == []
    assert [mark.prev_close for mark in desk.poll().marks] == [6828]


def test_without_a_close_the_previous_close_is_the_last_less_the_change() -> None:
    row = ["ZB", "118'10", None, None, None, None, "-0'09"]
    (mark,) = Desk(table(row, header=HEADER)).poll().marks
    assert mark.prev_close == Decimal("118.59375")


def test_volume_counts_what_traded_since_the_previous_tick_of_the_run() -> None:
    desk = Desk(es(6873.75, 100), es(6873.75, 130), es(6874, 130), es(6874, None), es(6874, 150))
    assert the_tick(desk.poll()).volume_delta is None
    more = the_tick(desk.poll())
    assert (more.volume, more.volume_delta, more.is_trade) == (130, 30, True)
    moved = the_tick(desk.poll())
    assert (moved.volume_delta, moved.is_trade) == (0, True)
    blank = the_tick(desk.poll())
    assert (blank.volume, blank.volume_delta, blank.is_trade) == (None, None, False)
    assert the_tick(desk.poll()).volume_delta == 20


def test_a_quote_alone_is_no_trade() -> None:
    desk = Desk(es(6873.75), es(6873.75, bid=6873.25))
    desk.poll()
    tick = the_tick(desk.poll())
    assert (tick.is_trade, tick.volume_delta, tick.bid) == (False, 0, Decimal("6873.25"))


def test_volume_that_falls_is_no_volume_traded() -> None:
    desk = Desk(es(6873.75, 100), es(6873.75, 7), es(6873.75, 9))
    desk.poll()
    assert the_tick(desk.poll()).volume_delta is None
    assert the_tick(desk.poll()).volume_delta == 2


def test_the_first_volume_of_a_trade_date_is_not_what_traded() -> None:
    # 16:59:59 in Chicago, and two seconds later: the next trade date.
    desk = Desk(es(6873.75, 100), es(6873.75, 120), es(6873.75, 125))
    desk.now = datetime(2025, 10, 27, 21, 59, 57, tzinfo=UTC)
    desk.poll()
    first = desk.poll()
    assert the_tick(first).volume_delta is None
    assert [mark.trade_date for mark in first.marks] == [date(2025, 10, 28)]
    assert the_tick(desk.poll()).volume_delta == 5


def test_a_new_run_begins_above_the_last_number_that_is_stored() -> None:
    stored = MS * 64 + 5000
    step = Desk(block(), last_seq=stored).poll()
    assert [tick.seq for tick in step.ticks] == [stored + 1 + row for row in range(11)]


def test_more_rows_than_64_keep_the_numbers_apart_at_the_shortest_interval() -> None:
    changes = Changes()
    names = [f"X{number}" for number in range(200)]
    from thor.market.collect.excel import sheet

    rows = sheet.read(table(*([name, 1] for name in names)), LISTING).rows
    first = [tick.seq for tick in changes.ticks(rows, AT)]
    rows = sheet.read(table(*([f"{name}A", 2] for name in names)), LISTING).rows
    second = [tick.seq for tick in changes.ticks(rows, AT + timedelta(milliseconds=1))]
    assert first + second == sorted({*first, *second})
    assert len(first) == len(second) == 200


def test_a_clock_set_back_a_little_keeps_the_order_of_ticks() -> None:
    desk = Desk(es(6873.75), es(6874), es(6875))
    first = the_tick(desk.poll())
    second = the_tick(desk.poll(after_s=-1.5))
    assert second.ts == first.ts + timedelta(microseconds=1)
    assert second.seq == first.seq + 1
    assert the_tick(desk.poll()).ts == AT + timedelta(seconds=0.5)


def test_a_clock_set_back_by_an_hour_is_believed_and_named() -> None:
    desk = Desk(es(6873.75), es(6874), es(6875))
    first = the_tick(desk.poll())
    step = desk.poll(after_s=-3600)
    second = the_tick(step)
    assert second.ts == AT - timedelta(hours=1)
    assert second.seq == first.seq + 1
    assert step.faults[0].startswith("clock: it was set back from 2025-10-26T23:00:00+00:00")
    step = desk.poll()
    assert the_tick(step).ts == AT - timedelta(seconds=3598)
    assert step.faults
    assert desk.poll(after_s=3600).faults == []


def test_a_clock_that_stands_behind_the_last_stored_tick_is_named() -> None:
    step = Desk(es(6873.75), last_ts=AT + timedelta(days=1)).poll()
    assert step.faults
    assert the_tick(step).ts == AT


def test_an_unlisted_symbol_is_published_once_to_be_refused_and_kept() -> None:
    desk = Desk(table(["AAPL", 252.25], ["ES", 1]), table(["AAPL", 253], ["ES", 2]))
    step = desk.poll()
    assert [tick.symbol for tick in step.ticks] == ["AAPL", "ES"]
    refusal = check(step.ticks[0], LISTING)
    assert refusal is not None
    assert "`thor instruments add`" in refusal.reason
    assert step.seen == ["ES"]
    assert step.faults == ["A2: AAPL is not listed; `thor instruments add` lists one"]
    assert [tick.symbol for tick in desk.poll().ticks] == ["ES"]


def test_a_row_without_a_quote_gives_no_tick_and_is_not_seen() -> None:
    step = Desk(table(["ES", None, None, None], ["YM", 47670, 47667, 47669])).poll()
    assert [tick.symbol for tick in step.ticks] == ["YM"]
    assert step.seen == ["YM"]


NOT_CONNECTED = table(["ES", "#N/A", "#N/A", -2146826246])


@pytest.mark.parametrize(
    ("reading", "state", "reason"),
    [
        (NotRead("not running", "no Excel"), "not running", "no Excel"),
        (NotRead("workbook not open", "X"), "workbook not open", "X"),
        (NotRead("busy", "a cell is being edited"), "busy", "a cell is being edited"),
        (block([[]]), "sheet or range not found", "no header is there"),
        (table(), "sheet or range not found", "a header and no row with a symbol"),
        (NOT_CONNECTED, "RTD not connected", "#N/A or loading in 3 of 3 cells"),
        (es(6873.75), "live", ""),
    ],
)
def test_each_state_is_named_with_its_reason_and_since_when(
    reading: Any, state: str, reason: str
) -> None:
    desk = Desk(reading)
    found = desk.poll().state
    # A collector that has not looked yet is not running.
    since = AT - timedelta(seconds=2) if state == "not running" else AT
    assert (found.name, found.since) == (state, since)
    assert reason in found.reason
    # It goes on: the state keeps its beginning.
    assert desk.poll().state.since == since


def test_what_is_not_connected_gives_no_tick_and_is_not_seen() -> None:
    step = Desk(NOT_CONNECTED).poll()
    assert (step.ticks, step.marks, step.seen) == ([], [], [])


def test_a_sheet_that_does_not_change_is_quiet_since_it_last_did() -> None:
    desk = Desk(es(6873.75), es(6874), es(6874))
    desk.poll()
    desk.poll()
    changed = AT + timedelta(seconds=2)
    for _ in range(5):
        assert desk.poll().state.name == "live"
    quiet = desk.poll()
    assert (quiet.state.name, quiet.state.since) == ("quiet", changed)
    # Quiet is not dead: what does not change is seen all the same.
    assert quiet.seen == ["ES"]
    desk.readings = [es(6875)]
    again = desk.poll()
    assert (again.state.name, again.state.since) == ("live", again.at)


def test_a_saved_workbook_that_was_not_saved_again_is_not_heard_again() -> None:
    desk = Desk(es(6873.75), None)
    assert desk.poll().seen == ["ES"]
    for _ in range(6):
        step = desk.poll()
        assert (step.ticks, step.seen) == ([], [])
    assert step.state.name == "quiet"


def test_after_a_pause_only_what_changed_meanwhile_gives_a_tick() -> None:
    desk = Desk(block(), NotRead("busy", "a cell is being edited"), block())
    desk.poll()
    assert desk.poll().state.name == "busy"
    step = desk.poll()
    assert (step.state.name, step.ticks) == ("live", [])


def test_the_collector_polls_every_interval_and_ends_when_it_is_to_stop() -> None:
    desk = Desk(es(6873.75), interval_s=0.5)
    steps: Sequence[Step] = list(desk.collector.steps())
    assert len(steps) == 3
    assert desk.waited[0] == 0.5


@pytest.mark.parametrize("interval_s", [0.19, 0, -1, math.nan, math.inf])
def test_an_interval_that_cannot_be_is_refused(interval_s: float) -> None:
    with pytest.raises(Rejected, match="interval: "):
        Desk(block(), interval_s=interval_s)
