"""market.gaps: holes worked out by hand, and compared with a search through every tick."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from thor import database
from thor.errors import Rejected
from thor.market.ticks import gaps
from thor.market.ticks.gaps import Scan

ROOT = Path(__file__).parents[2]
Connection = psycopg.Connection[Any]
WEDNESDAY, THANKSGIVING, FRIDAY = (date(2025, 11, day) for day in (26, 27, 28))
MINUTE = timedelta(minutes=1)
SYMBOL, SOURCE = "symbol silent", "source silent"


def at(text: str) -> datetime:
    """Return an instant of the trade date 26 November 2025, or of the day that is given."""
    if " " in text:
        day, text = text.split()
        return datetime.fromisoformat(f"2025-11-{day}T{text}+00:00")
    return datetime.fromisoformat(f"2025-11-{25 if text >= '23' else 26}T{text}+00:00")


@pytest.fixture
def store(connection: Connection) -> Connection:
    """A database whose calendar has the sessions around Thanksgiving 2025, as they were."""
    connection.execute("set timezone = 'UTC'")
    connection.execute("truncate reference.sessions")
    for day, opened, closed in (
        (WEDNESDAY, "25 23:00:00", "26 22:00:00"),
        (THANKSGIVING, "26 23:00:00", "27 18:00:00"),
        (FRIDAY, "27 23:00:00", "28 18:15:00"),
    ):
        open_for(connection, "CME_EQUITY", day, at(opened), at(closed))
    return connection


def open_for(
    connection: Connection, calendar: str, day: date, opened: datetime, closed: datetime
) -> None:
    connection.execute(
        "insert into reference.sessions (calendar, trade_date, session_number, open_at, close_at)"
        " values (%s, %s, %s, %s, %s)",
        (calendar, day, day.toordinal(), opened, closed),
    )


def add_ticks(connection: Connection, symbol: str, source: str, *times: str | datetime) -> None:
    """Insert a tick at each time; `seq` goes on, so that late ones come after."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into market.ticks"
            " (ts, symbol, seq, source, is_trade, is_sampled, received_at)"
            " select %(ts)s, %(symbol)s, coalesce(max(seq), 0) + 1, %(source)s, true, false,"
            " %(ts)s from market.ticks",
            [
                {"ts": at(t) if isinstance(t, str) else t, "symbol": symbol, "source": source}
                for t in times
            ],
        )


def every(seconds: int, first: str, last: str) -> list[datetime]:
    """Return the instants from first to last, both included, so many seconds apart."""
    steps = (at(last) - at(first)) // timedelta(seconds=seconds)
    return [at(first) + timedelta(seconds=seconds * step) for step in range(steps + 1)]


def written(connection: Connection, symbol: str | None = None) -> list[tuple[str, ...]]:
    """Return the gaps as short rows: symbol, source, from, to, cause, filled by."""
    return [
        (g.symbol, g.source, f"{g.gap_start:%H:%M:%S}", f"{g.gap_end:%H:%M:%S}", g.cause)
        + ((g.filled_by,) if g.filled_by else ())
        for g in gaps.listed(connection, symbol)
    ]


def test_a_silence_longer_than_the_cadence_is_a_gap_and_one_as_long_is_not(
    store: Connection,
) -> None:
    add_ticks(store, "ES", "EXCEL", "23:00:30", "23:01:30", "23:02:30.000001", "23:03:00")
    assert gaps.scan(store, at("23:03:30")) == Scan(found=1, closed=0)
    (gap,) = gaps.listed(store)
    assert (gap.symbol, gap.source, gap.trade_date) == ("ES", "EXCEL", WEDNESDAY)
    assert (gap.gap_start, gap.gap_end) == (at("23:01:30"), at("23:02:30.000001"))
    assert (gap.cause, gap.filled_by) == (SOURCE, None)


def test_what_was_missed_at_the_open_begins_with_the_session(store: Connection) -> None:
    add_ticks(store, "ES", "EXCEL", "23:05:00")
    gaps.scan(store, at("23:05:10"))
    assert written(store) == [("ES", "EXCEL", "23:00:00", "23:05:00", SOURCE)]


def test_what_was_before_the_first_tick_of_the_database_is_no_gap(store: Connection) -> None:
    add_ticks(store, "ES", "EXCEL", "23:05:00")
    add_ticks(store, "NQ", "EXCEL", "23:07:00")
    store.execute(
        "insert into market.last_values (symbol, trade_date, first_ts, ts, seq, source,"
        " received_at) select symbol, %s, min(ts), max(ts), max(seq), 'EXCEL', max(ts)"
        " from market.ticks group by symbol",
        (WEDNESDAY,),
    )
    gaps.scan(store, at("23:05:10"))
    assert written(store) == []
    # A symbol that comes later was missed from then on.
    gaps.scan(store, at("23:07:10"))
    assert [one[:4] for one in written(store, "NQ")] == [("NQ", "EXCEL", "23:05:00", "23:07:00")]
    # On later days the session counts from its open.
    add_ticks(store, "ES", "EXCEL", "26 23:05:00")
    gaps.scan(store, at("26 23:05:10"), THANKSGIVING)
    assert [one[:4] for one in written(store, "ES")][-1:] == [
        ("ES", "EXCEL", "23:00:00", "23:05:00")
    ]


def test_an_open_gap_grows_under_its_key_and_closes_with_the_next_tick(
    store: Connection,
) -> None:
    add_ticks(store, "ES", "EXCEL", "23:00:30")
    assert gaps.scan(store, at("23:01:30")) == Scan(0, 0)
    assert gaps.scan(store, at("23:02:00")) == Scan(found=1, closed=0)
    assert written(store) == [("ES", "EXCEL", "23:00:30", "23:02:00", SOURCE)]
    assert gaps.scan(store, at("23:03:00")) == Scan(0, 0)
    assert written(store) == [("ES", "EXCEL", "23:00:30", "23:03:00", SOURCE)]
    add_ticks(store, "ES", "EXCEL", "23:03:10")
    assert gaps.scan(store, at("23:03:20")) == Scan(found=0, closed=1)
    assert written(store) == [("ES", "EXCEL", "23:00:30", "23:03:10", SOURCE)]


def test_an_open_gap_that_ends_before_it_was_looked_at_last_is_cut_to_its_tick(
    store: Connection,
) -> None:
    add_ticks(store, "ES", "EXCEL", "23:00:30")
    gaps.scan(store, at("23:05:00"))
    add_ticks(store, "ES", "EXCEL", "23:04:58")
    assert gaps.scan(store, at("23:05:30")) == Scan(found=0, closed=1)
    assert written(store) == [("ES", "EXCEL", "23:00:30", "23:04:58", SOURCE)]


def test_the_end_of_the_session_closes_a_gap(store: Connection) -> None:
    add_ticks(store, "ES", "EXCEL", *every(60, "23:00:00", "21:50:00"))
    gaps.scan(store, at("21:55:00"))
    assert gaps.scan(store, at("22:30:00")) == Scan(found=0, closed=1)
    assert written(store) == [("ES", "EXCEL", "21:50:00", "22:00:00", SOURCE)]


def test_the_cause_is_whether_the_source_had_a_tick_of_any_symbol(
    store: Connection,
) -> None:
    add_ticks(store, "ES", "EXCEL", "23:00:30", "23:03:00", "23:06:00")
    add_ticks(store, "NQ", "EXCEL", *every(30, "23:00:30", "23:02:00"), "23:06:00")
    add_ticks(store, "ES", "SCHWAB", "23:00:10", *every(60, "23:01:00", "23:06:00"))
    gaps.scan(store, at("23:06:10"))
    assert written(store) == [
        ("ES", "EXCEL", "23:00:30", "23:03:00", SYMBOL, "SCHWAB"),
        ("NQ", "EXCEL", "23:02:00", "23:06:00", SYMBOL),
        ("ES", "EXCEL", "23:03:00", "23:06:00", SOURCE, "SCHWAB"),
    ]


def test_a_cause_changes_when_another_symbol_is_heard_in_a_gap_that_grows(
    store: Connection,
) -> None:
    add_ticks(store, "ES", "EXCEL", "23:00:30")
    gaps.scan(store, at("23:02:00"))
    add_ticks(store, "NQ", "EXCEL", "23:02:10")
    gaps.scan(store, at("23:02:20"))
    assert written(store, "ES") == [("ES", "EXCEL", "23:00:30", "23:02:20", SYMBOL)]


def test_a_gap_is_filled_by_the_source_of_its_first_tick(store: Connection) -> None:
    store.execute(
        "insert into reference.sources (source, kind, description)"
        " values ('TAPE:0123abcd', 'tape', 'a vendor''s day')"
    )
    add_ticks(store, "ES", "EXCEL", "23:00:30", "23:05:00")
    # At its ends is not within it.
    add_ticks(store, "ES", "SCHWAB", "23:00:30", "23:05:00")
    gaps.scan(store, at("23:05:10"))
    assert {gap.filled_by for gap in gaps.listed(store)} == {None}
    add_ticks(store, "ES", "TAPE:0123abcd", "23:03:00")
    assert gaps.scan(store, at("23:05:10")) == Scan(found=0, closed=2)
    add_ticks(store, "ES", "SIM", "23:02:00")
    gaps.scan(store, at("23:05:10"))
    assert written(store) == [
        ("ES", "SIM", "23:00:00", "23:02:00", SOURCE, "EXCEL"),
        ("ES", "EXCEL", "23:00:30", "23:05:00", SOURCE, "SIM"),
        ("ES", "SCHWAB", "23:00:30", "23:05:00", SOURCE, "SIM"),
        ("ES", "SIM", "23:02:00", "23:05:10", SOURCE, "TAPE:0123abcd"),
    ]


def test_a_gap_that_late_ticks_fill_stays_recorded(store: Connection) -> None:
    add_ticks(store, "ES", "EXCEL", "23:00:30", "23:02:30")
    gaps.scan(store, at("23:02:40"))
    add_ticks(store, "ES", "EXCEL", "23:01:30")
    assert gaps.scan(store, at("23:02:40")) == Scan(found=0, closed=1)
    filled = [("ES", "EXCEL", "23:00:30", "23:02:30", SOURCE, "EXCEL")]
    assert written(store) == filled
    assert gaps.scan(store, at("23:02:40")) == Scan(0, 0)
    assert written(store) == filled


def test_what_late_ticks_leave_silent_is_a_row_of_its_own(store: Connection) -> None:
    add_ticks(store, "ES", "EXCEL", "23:00:30", "23:30:00")
    add_ticks(store, "NQ", "EXCEL", *every(60, "23:00:00", "23:30:00"))
    gaps.scan(store, at("23:30:10"))
    # One tick only parts it.
    add_ticks(store, "ES", "EXCEL", "23:25:00")
    assert gaps.scan(store, at("23:30:10")) == Scan(found=1, closed=1)
    assert written(store) == [
        ("ES", "EXCEL", "23:00:30", "23:25:00", SYMBOL),
        ("ES", "EXCEL", "23:25:00", "23:30:00", SYMBOL),
    ]
    # Ten minutes of them fill the time between.
    add_ticks(store, "ES", "EXCEL", *every(20, "23:05:00", "23:15:00"))
    assert gaps.scan(store, at("23:30:10")) == Scan(found=1, closed=1)
    assert written(store) == [
        ("ES", "EXCEL", "23:00:30", "23:05:00", SYMBOL),
        ("ES", "EXCEL", "23:05:00", "23:15:00", SYMBOL, "EXCEL"),
        ("ES", "EXCEL", "23:15:00", "23:25:00", SYMBOL),
        ("ES", "EXCEL", "23:25:00", "23:30:00", SYMBOL),
    ]


def test_a_filled_part_as_short_as_the_cadence_is_not_kept(store: Connection) -> None:
    add_ticks(store, "ES", "EXCEL", "23:00:30", "23:10:00")
    gaps.scan(store, at("23:10:10"))
    add_ticks(store, "ES", "EXCEL", "23:01:30")
    assert gaps.scan(store, at("23:10:10")) == Scan(found=1, closed=1)
    assert written(store) == [("ES", "EXCEL", "23:01:30", "23:10:00", SOURCE)]


def test_the_daily_break_is_no_gap(store: Connection) -> None:
    add_ticks(store, "ES", "EXCEL", *every(60, "23:00:00", "21:59:00"), "26 23:00:50")
    assert gaps.scan(store, at("26 23:01:00")) == Scan(0, 0)


def test_an_early_close_ends_the_day(store: Connection) -> None:
    add_ticks(store, "ES", "EXCEL", *every(60, "26 23:00:00", "27 17:50:00"))
    # Thanksgiving: closed at noon in Chicago until 17:00.
    gaps.scan(store, at("27 22:00:00"))
    (gap,) = gaps.listed(store)
    assert gap.trade_date == THANKSGIVING
    assert (gap.gap_start, gap.gap_end) == (at("27 17:50:00"), at("27 18:00:00"))
    add_ticks(store, "ES", "EXCEL", "27 23:00:10")
    assert gaps.scan(store, at("27 23:00:20")) == Scan(0, 0)


def test_ticks_outside_the_sessions_neither_open_nor_close_a_gap(store: Connection) -> None:
    add_ticks(store, "ES", "EXCEL", "22:00:00", "22:30:00")
    assert gaps.scan(store, at("22:50:00")) == Scan(0, 0)
    add_ticks(store, "ES", "EXCEL", *every(60, "23:00:00", "21:50:00"))
    add_ticks(store, "NQ", "EXCEL", *every(60, "23:00:00", "21:50:00"), "22:00:00")
    gaps.scan(store, at("22:50:00"))
    assert written(store) == [
        ("ES", "EXCEL", "21:50:00", "22:00:00", SOURCE),
        ("NQ", "EXCEL", "21:50:00", "22:00:00", SOURCE),
    ]


def test_each_symbol_keeps_the_hours_of_its_own_calendar(store: Connection) -> None:
    open_for(store, "ICE", WEDNESDAY, at("26 01:00:00"), at("22:00:00"))
    add_ticks(store, "ES", "EXCEL", "23:00:10", *every(60, "26 00:58:00", "26 01:02:00"))
    add_ticks(store, "DX", "EXCEL", "26 00:30:00", "26 01:02:00")
    gaps.scan(store, at("26 01:02:30"))
    assert written(store) == [
        ("ES", "EXCEL", "23:00:10", "00:58:00", SOURCE),
        ("DX", "EXCEL", "01:00:00", "01:02:00", SYMBOL),
    ]


def test_a_month_code_keeps_the_hours_of_its_root(store: Connection) -> None:
    store.execute("insert into reference.series values ('ESZ25', 'ES', 'month')")
    add_ticks(store, "ESZ25", "SCHWAB", "23:00:30", "23:02:00")
    gaps.scan(store, at("23:02:10"))
    assert written(store) == [("ESZ25", "SCHWAB", "23:00:30", "23:02:00", SOURCE)]


def test_scanning_twice_changes_nothing(store: Connection) -> None:
    add_ticks(store, "ES", "EXCEL", "23:00:30", "23:05:00", "23:30:00")
    add_ticks(store, "NQ", "EXCEL", "23:03:00")
    add_ticks(store, "ES", "SCHWAB", "23:02:00")
    gaps.scan(store, at("23:40:00"))
    add_ticks(store, "ES", "EXCEL", *every(30, "23:10:00", "23:20:00"))
    gaps.scan(store, at("23:40:00"))
    before = gaps.listed(store)
    assert len(before) > 5
    assert gaps.scan(store, at("23:40:00")) == Scan(0, 0)
    assert gaps.listed(store) == before


def test_an_earlier_moment_takes_nothing_back(store: Connection) -> None:
    add_ticks(store, "ES", "EXCEL", "23:00:30", "23:05:00")
    gaps.scan(store, at("23:10:00"))
    before = gaps.listed(store)
    assert gaps.scan(store, at("23:03:00")) == Scan(0, 0)
    assert gaps.listed(store) == before


def test_ticks_after_the_moment_are_not_known_yet(store: Connection) -> None:
    add_ticks(store, "ES", "EXCEL", "23:00:30", "23:09:00")
    gaps.scan(store, at("23:03:00"))
    assert written(store) == [("ES", "EXCEL", "23:00:30", "23:03:00", SOURCE)]


def test_a_source_without_a_cadence_has_gaps_only_by_the_one_that_is_given(
    store: Connection,
) -> None:
    store.execute(
        "insert into reference.sources (source, kind, description)"
        " values ('TAPE:0123abcd', 'tape', 'a vendor''s day')"
    )
    store.execute(
        "insert into reference.tapes"
        " (source, sha256, file_name, format, records, symbols, first_ts, last_ts)"
        " values ('TAPE:0123abcd', repeat('0', 64), 'es.csv', 'csv', 3, '{ES}', %s, %s)",
        (at("23:00:30"), at("23:04:30")),
    )
    add_ticks(store, "ES", "TAPE:0123abcd", "23:00:30", "23:03:00", "23:04:30")
    add_ticks(store, "ES", "EXCEL", "23:00:30", "23:01:30", "23:02:30", "23:03:30", "23:04:20")
    assert gaps.scan(store, at("23:04:40")) == Scan(0, 0)
    assert gaps.scan(store, at("23:04:40"), cadence=2 * MINUTE) == Scan(found=1, closed=0)
    by_two_minutes = [("ES", "TAPE:0123abcd", "23:00:30", "23:03:00", SOURCE, "EXCEL")]
    assert written(store) == by_two_minutes
    assert gaps.scan(store, at("23:04:40")) == Scan(0, 0)
    assert written(store) == by_two_minutes
    assert gaps.scan(store, at("23:04:40"), cadence=MINUTE) == Scan(found=1, closed=0)
    assert written(store)[1:] == [
        ("ES", "TAPE:0123abcd", "23:03:00", "23:04:30", SOURCE, "EXCEL"),
    ]
    assert gaps.scan(store, at("23:04:40"), cadence=5 * MINUTE) == Scan(found=0, closed=2)
    assert written(store) == []


def test_an_instrument_of_an_unknown_calendar_has_no_gaps(store: Connection) -> None:
    add_ticks(store, "ES", "EXCEL", "23:00:30", "23:03:00")
    store.execute("update reference.instruments set calendar = 'MOON' where symbol = 'ES'")
    assert gaps.scan(store, at("23:10:00")) == Scan(0, 0)


def test_a_source_without_a_tick_of_a_symbol_all_session_has_no_gap_there(
    store: Connection,
) -> None:
    add_ticks(store, "ES", "EXCEL", *every(60, "23:00:00", "23:05:00"))
    assert gaps.scan(store, at("23:05:00")) == Scan(0, 0)


def test_only_the_trade_dates_that_are_asked_for_are_looked_at(store: Connection) -> None:
    add_ticks(store, "ES", "EXCEL", "23:05:00", "26 23:05:00", "27 23:05:00")
    late = at("29 00:00:00")
    days = []
    for first, last in ((FRIDAY, None), (THANKSGIVING, THANKSGIVING), (None, None)):
        gaps.scan(store, late, first, trade_date_to=last)
        days.append({g.trade_date for g in gaps.listed(store)})
    assert days == [{FRIDAY}, {THANKSGIVING, FRIDAY}, {WEDNESDAY, THANKSGIVING, FRIDAY}]


def test_hours_that_are_corrected_correct_the_gaps(store: Connection) -> None:
    add_ticks(store, "ES", "EXCEL", *every(60, "23:00:00", "20:00:00"))
    gaps.scan(store, at("22:00:00"))
    assert written(store) == [("ES", "EXCEL", "20:00:00", "22:00:00", SOURCE)]
    shorten = "update reference.sessions set close_at = %s where trade_date = %s"
    store.execute(shorten, (at("21:00:00"), WEDNESDAY))
    gaps.scan(store, at("22:00:00"))
    assert written(store) == [("ES", "EXCEL", "20:00:00", "21:00:00", SOURCE)]
    store.execute(shorten, (at("20:00:30"), WEDNESDAY))
    assert gaps.scan(store, at("22:00:00")) == Scan(found=0, closed=1)
    assert written(store) == []


def test_a_trade_date_whose_ticks_were_dropped_keeps_its_gaps(store: Connection) -> None:
    add_ticks(store, "ES", "EXCEL", "23:05:00", "26 23:05:00")
    gaps.scan(store, at("26 23:05:10"))
    before = gaps.listed(store)
    store.execute("delete from market.ticks where trade_date = %s", (WEDNESDAY,))
    assert gaps.scan(store, at("26 23:05:10")) == Scan(0, 0)
    assert gaps.listed(store) == before


def test_gaps_are_listed_by_symbol_and_trade_date_in_order_of_time(
    store: Connection,
) -> None:
    add_ticks(store, "NQ", "EXCEL", "23:02:00", "26 23:02:00")
    add_ticks(store, "ES", "EXCEL", "23:03:00", "26 23:03:00")
    gaps.scan(store, at("26 23:03:10"), trade_date_to=WEDNESDAY)
    assert [(g.symbol, g.gap_start) for g in gaps.listed(store)] == [
        ("ES", at("23:00:00")),
        ("NQ", at("23:00:00")),
        ("NQ", at("23:02:00")),
        ("ES", at("23:03:00")),
    ]
    assert [g.gap_start for g in gaps.listed(store, "ES")] == [at("23:00:00"), at("23:03:00")]
    assert len(gaps.listed(store, "NQ", WEDNESDAY)) == 2
    assert gaps.listed(store, trade_date=FRIDAY) == []


def test_a_moment_without_a_zone_and_a_cadence_of_nothing_are_refused(
    store: Connection,
) -> None:
    with pytest.raises(Rejected, match="as_of: 2025-11-26T10:00:00 has no time zone"):
        gaps.scan(store, datetime.fromisoformat("2025-11-26T10:00:00"))
    with pytest.raises(Rejected, match="cadence: 0:00:00 is not above 0"):
        gaps.scan(store, at("10:00:00"), cadence=timedelta(0))


def test_catching_up_resumes_at_the_newest_gap_and_waits_for_ticks_on_their_way(
    store: Connection,
) -> None:
    add_ticks(store, "ES", "EXCEL", *every(60, "23:00:00", "21:59:00"))
    add_ticks(store, "ES", "EXCEL", *every(60, "26 23:00:00", "26 23:05:00"))
    # 61 s after the last tick, of which the last 5 are not scanned yet.
    assert gaps.catch_up(store, at("26 23:06:01"), None) == Scan(0, 0)
    assert gaps.catch_up(store, at("26 23:06:06"), None) == Scan(found=1, closed=0)
    store.execute("delete from market.ticks where ts = %s", (at("10:00:00"),))
    # An hour back only Thanksgiving's session is not over, two hours back Wednesday's is.
    assert gaps.catch_up(store, at("27 00:30:00"), timedelta(hours=1)) == Scan(0, 0)
    assert gaps.catch_up(store, at("27 00:30:00"), timedelta(hours=2)) == Scan(found=1, closed=0)
    assert written(store)[0] == ("ES", "EXCEL", "09:59:00", "10:01:00", SOURCE)


def test_the_database_finds_the_holes_without_writing_them(store: Connection) -> None:
    add_ticks(store, "ES", "EXCEL", "23:00:30", "23:03:00")
    found = store.execute(
        "select symbol, gap_start, gap_end, is_open from market.gaps_found(%s, %s, null)"
        " order by gap_start",
        (WEDNESDAY, at("23:05:00")),
    ).fetchall()
    assert found == [
        ("ES", at("23:00:30"), at("23:03:00"), False),
        ("ES", at("23:03:00"), at("23:05:00"), True),
    ]
    assert gaps.listed(store) == []


class Reported(NamedTuple):
    """A tick that Hypothesis makes, in the order of the table: ts, seq, source."""

    ts: datetime
    seq: int
    source: str
    symbol: str


Hole = tuple[str, str, datetime, datetime, str, str | None]
OPEN, CLOSE = at("23:00:00"), at("23:30:00")
TICKS = st.lists(
    st.tuples(
        # Ten-second steps, from before the session to after it, so that equal times happen.
        st.integers(-30, 210),
        st.sampled_from(["ES", "NQ"]),
        st.sampled_from(["EXCEL", "SCHWAB"]),
    ),
    max_size=25,
)
ROUNDS = st.lists(st.tuples(st.integers(1, 90), TICKS), min_size=1, max_size=4)


def searched(reported: list[Reported], as_of: datetime) -> set[Hole]:
    """Find the holes by looking at every pair of neighbours."""
    end = min(CLOSE, as_of)
    heard = sorted(t for t in reported if OPEN <= t.ts < end)
    holes: set[Hole] = set()
    for symbol, source in {(t.symbol, t.source) for t in heard}:
        own = [t.ts for t in heard if (t.symbol, t.source) == (symbol, source)]
        for start, stop in pairwise([OPEN, *own, end]):
            if stop - start > MINUTE:
                within = [t for t in heard if start < t.ts < stop]
                reported_of_any = any(t.source == source for t in within)
                fillers = [t.source for t in within if t.symbol == symbol]
                cause = SYMBOL if reported_of_any else SOURCE
                holes.add((symbol, source, start, stop, cause, next(iter(fillers), None)))
    return holes


def without(span: tuple[datetime, datetime], taken: Iterable[gaps.Gap]) -> list[timedelta]:
    """Return how long the pieces of a span are that none of the rows covers."""
    pieces, start = [], span[0]
    for gap in sorted(taken, key=lambda g: g.gap_start):
        if gap.gap_end > start and gap.gap_start < span[1]:
            pieces.append(max(gap.gap_start, start) - start)
            start = gap.gap_end
    return [*pieces, max(span[1], start) - start]


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rounds=ROUNDS)
def test_whatever_comes_in_whatever_order_the_gaps_are_those_of_a_search_through_every_tick(
    store: Connection, rounds: list[tuple[int, list[tuple[int, str, str]]]]
) -> None:
    store.execute("truncate market.ticks, market.gaps, reference.sessions")
    open_for(store, "CME_EQUITY", WEDNESDAY, OPEN, CLOSE)
    reported: list[Reported] = []
    as_of = OPEN
    former: list[gaps.Gap] = []
    for step, ticks in rounds:
        as_of += timedelta(seconds=step * 10)
        for place, symbol, source in ticks:
            ts = OPEN + timedelta(seconds=place * 10)
            reported.append(Reported(ts, len(reported) + 1, source, symbol))
            add_ticks(store, symbol, source, ts)
        gaps.scan(store, as_of)
        now = gaps.listed(store)
        holes = {
            (g.symbol, g.source, g.gap_start, g.gap_end, g.cause, g.filled_by)
            for g in now
            if g.filled_by != g.source
        }
        assert holes == searched(reported, as_of)
        for pair in {(g.symbol, g.source) for g in [*former, *now]}:
            rows = [g for g in now if (g.symbol, g.source) == pair]
            assert all(g.gap_end - g.gap_start > MINUTE for g in rows)
            assert all(a.gap_end <= b.gap_start for a, b in pairwise(rows))
            # What was silent once is not forgotten, but for pieces no longer than the cadence.
            for gap in former:
                if (gap.symbol, gap.source) == pair:
                    assert max(without((gap.gap_start, gap.gap_end), rows)) <= MINUTE
        former = now
        assert gaps.scan(store, as_of) == Scan(0, 0)
        assert gaps.listed(store) == former


def test_the_job_waits_for_its_database_records_gaps_and_ends_when_stopped(
    database_url: str, tmp_path: Path
) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    name = database.name_of(database_url)
    away = f"{name}_away"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("truncate reference.sessions")
        hours = timedelta(hours=1)
        open_for(connection, "CME_EQUITY", now.date(), now - hours, now + hours)
        add_ticks(connection, "ES", "EXCEL", now - 10 * MINUTE)
    server_url = database_url.replace(f"/{name}", "/postgres")
    log = tmp_path / "log"
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "THOR_HOME": str(tmp_path),
        "THOR_DATABASE_URL": database_url.replace(name, away),
        "THOR_REDIS_URL": "redis://127.0.0.1:1/0",
    }
    with log.open("wb") as stderr:
        job = subprocess.Popen(
            [sys.executable, "-m", "jobs.gaps"], cwd=tmp_path, env=environment, stderr=stderr
        )
    try:
        wait_for(lambda: b"waiting" in log.read_bytes())
        with psycopg.connect(server_url, autocommit=True) as server:
            names = sql.Identifier(name), sql.Identifier(away)
            server.execute(sql.SQL("alter database {} rename to {}").format(*names))
        wait_for(lambda: b"scanned" in log.read_bytes())
        job.send_signal(signal.SIGTERM)
        assert job.wait(20) == 0
    finally:
        job.kill()
        job.wait()
        with psycopg.connect(server_url, autocommit=True) as server:
            names = sql.Identifier(away), sql.Identifier(name)
            server.execute(sql.SQL("alter database {} rename to {}").format(*names))
    with database.connect(database_url, "test") as connection:
        grown = gaps.listed(connection)
    assert [(g.symbol, g.cause) for g in grown] == [("ES", SOURCE), ("ES", SOURCE)]
    assert grown[1].gap_start == now - 10 * MINUTE


def wait_for(is_so: Any) -> None:
    """Wait until it is so, a minute at most."""
    until = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < until, "it did not come about in a minute"
        time.sleep(0.05)
