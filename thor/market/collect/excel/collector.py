"""The Excel collector: poll a block of cells and give the changes.

Stage 20, collect. A `Reader` of blocks → steps with ticks, marks and the symbols that were looked
at; and the state of the workbook.
"""

import math
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Protocol

from thor.domain.instrument import Listing
from thor.domain.mark import Mark
from thor.domain.tick import Tick
from thor.errors import Rejected
from thor.market.collect.collector import Step
from thor.market.collect.excel import sheet
from thor.market.collect.excel.changes import SOURCE, Changes
from thor.market.collect.excel.marks import Marks
from thor.market.collect.excel.sheet import Block, NoHeader, Reading
from thor.market.collect.excel.states import NotRead, State, StateName

INTERVAL_S = 2.0
INTERVAL_MIN_S = 0.2
QUIET_AFTER = timedelta(seconds=10)
# A time server's correction sets the clock back by less; quotes keep their order then.
_SMALL_STEP = timedelta(seconds=5)
_US = timedelta(microseconds=1)


class Reader(Protocol):
    """Reads the block, from an open workbook or from a saved one."""

    def read(self) -> Block | None:
        """Return the block, None where it is known not to have changed. Raises `NotRead`."""

    def close(self) -> None:
        """Release the workbook; it stays as it is."""


class ExcelCollector:
    """Polls one block of one workbook until `wait` ends it."""

    source = SOURCE

    def __init__(
        self,
        reader: Reader,
        listing: Listing,
        *,
        now: Callable[[], datetime],
        monotonic_s: Callable[[], float],
        wait: Callable[[float], bool],
        interval_s: float = INTERVAL_S,
        last_seq: int = -1,
        last_ts: datetime | None = None,
    ) -> None:
        """Take how blocks are read, and the machine's clocks.

        `wait` sleeps so many seconds and returns whether to stop. `last_seq` and `last_ts`
        are the highest that are stored for EXCEL. Raises `Rejected` for an interval below
        0.2 s.
        """
        check_interval(interval_s)
        self._reader = reader
        self._listing = listing
        self._now = now
        self._monotonic_s = monotonic_s
        self._wait = wait
        self._interval_s = interval_s
        self._changes = Changes(last_seq)
        self._marks = Marks()
        self._last_ts = last_ts
        # The clock's time before it was set back.
        self._ahead: datetime | None = None
        self._reading: Reading | None = None
        self._changed_at: datetime | None = None
        self.state = State("not running", "not looked at yet", now())

    def relist(self, listing: Listing) -> None:
        """Take the current listing."""
        self._listing = listing

    def steps(self) -> Iterator[Step]:
        """Yield a step a poll, every interval, until `wait` says to stop; then end."""
        due_s = self._monotonic_s()
        while True:
            yield self.poll()
            now_s = self._monotonic_s()
            due_s += self._interval_s
            if due_s < now_s:
                # A read that took longer than the interval is not caught up.
                due_s = now_s
            if self._wait(due_s - now_s):
                return

    def poll(self) -> Step:
        """Read the block once and return the changes."""
        try:
            block = self._reader.read()
        except NotRead as fault:
            return self._not_read(fault.state, fault.reason, self._moment())
        at = self._moment()
        if block is None:
            return self._unchanged(at)
        try:
            reading = sheet.read(block, self._listing)
        except NoHeader as fault:
            return self._not_read("sheet or range not found", str(fault), at)
        self._reading = reading
        return self._read(reading, at)

    def _read(self, reading: Reading, at: datetime) -> Step:
        if not reading.rows:
            reason = "the range has a header and no row with a symbol"
            return self._not_read("sheet or range not found", reason, at)
        faults = [str(fault) for fault in reading.faults]
        if not reading.is_connected:
            self._enter("RTD not connected", reading.unconnected, at)
            return self._step(at, faults=faults)
        ticks = self._changes.ticks(reading.rows, at)
        marks = self._marks.changed(reading.rows, at)
        if ticks or marks:
            self._changed_at = at
        seen = [row.symbol for row in reading.rows if row.symbol is not None and row.has_quote]
        self._enter_read(at)
        return self._step(at, ticks, marks, seen, faults)

    def _unchanged(self, at: datetime) -> Step:
        # A workbook that was not saved again gives no news of its symbols.
        if self._reading is not None and self._reading.is_connected:
            self._enter_read(at)
        return self._step(at)

    def _enter_read(self, at: datetime) -> None:
        changed_at = self._changed_at
        if changed_at is not None and at - changed_at <= QUIET_AFTER:
            self._enter("live", "", at)
            return
        reason = "read, and nothing has changed"
        if self.state.name != "quiet" and changed_at is not None:
            self.state = State("quiet", reason, changed_at)
        else:
            self._enter("quiet", reason, at)

    def _not_read(self, name: StateName, reason: str, at: datetime) -> Step:
        self._enter(name, reason, at)
        return self._step(at)

    def _enter(self, name: StateName, reason: str, at: datetime) -> None:
        self.state = self.state.followed_by(name, reason, at)

    def _step(
        self,
        at: datetime,
        ticks: list[Tick] | None = None,
        marks: list[Mark] | None = None,
        seen: list[str] | None = None,
        faults: list[str] | None = None,
    ) -> Step:
        faults = faults or []
        if self._ahead is not None:
            faults = [
                f"clock: it was set back from {self._ahead.isoformat(timespec='seconds')}; quotes "
                "of that time stay newest until it has passed again",
                *faults,
            ]
        return Step(
            at=at,
            ticks=ticks or [],
            marks=marks or [],
            seen=seen or [],
            state=self.state,
            faults=faults,
        )

    def _moment(self) -> datetime:
        # A step back by a time server keeps the order; a clock that goes back by more was wrong
        # before, and is trusted now.
        now, last = self._now(), self._last_ts
        if last is not None and now <= last:
            if last - now <= _SMALL_STEP:
                now = last + _US
            else:
                self._ahead = max(last, self._ahead or last)
        if self._ahead is not None and now > self._ahead:
            self._ahead = None
        self._last_ts = now
        return now


def check_interval(interval_s: float) -> None:
    """Raise `Rejected` for an interval below 0.2 s, which is too fast for Excel."""
    if not INTERVAL_MIN_S <= interval_s < math.inf:
        raise Rejected(
            f"interval: {interval_s:g} s is too short; Excel renews RTD every 2 s, and "
            f"{INTERVAL_MIN_S:g} s is the least"
            if interval_s < INTERVAL_MIN_S
            else f"interval: {interval_s:g} s is no time to wait"
        )
