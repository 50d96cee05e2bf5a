"""Trade dates, session numbers and what is open when, on the computed sessions.

Times in the tests are UTC; Chicago is UTC-6 in winter (CST) and UTC-5 in summer (CDT).
"""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thor.domain.calendar import compute
from thor.domain.hours import HOURS
from thor.domain.sessions import Session, Sessions, session_number, trade_date
from thor.errors import NotFound, Rejected

FIRST, LAST = date(2010, 1, 1), date(2030, 12, 31)
MICROSECOND = timedelta(microseconds=1)
ROWS = [row for calendar in HOURS for row in compute(calendar, FIRST, LAST)]
SESSIONS = Sessions(ROWS)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def on(calendar: str, day: str) -> Session:
    session = SESSIONS.session(calendar, date.fromisoformat(day))
    assert session is not None, f"{calendar} has no session on {day}"
    return session


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        ("2026-07-14 21:59:59.999999", "2026-07-14"),  # 16:59:59.999999 CDT, in the daily break
        ("2026-07-14 22:00:00", "2026-07-15"),  # 17:00 CDT
        ("2026-01-14 22:59:59.999999", "2026-01-14"),  # 16:59:59.999999 CST
        ("2026-01-14 23:00:00", "2026-01-15"),  # 17:00 CST
        ("2026-03-08 21:59:59", "2026-03-08"),  # clocks went forward that morning: 16:59:59 CDT
        ("2026-03-08 22:00:00", "2026-03-09"),
        ("2026-11-01 22:59:59", "2026-11-01"),  # clocks went back that morning: 16:59:59 CST
        ("2026-11-01 23:00:00", "2026-11-02"),
    ],
)
def test_the_trade_date_turns_at_17_00_in_chicago(instant: str, day: str) -> None:
    assert trade_date(at(instant)) == date.fromisoformat(day)


def test_a_trade_date_is_the_same_whatever_zone_the_instant_is_given_in() -> None:
    tokyo = datetime(2026, 7, 15, 7, 0, tzinfo=timezone(timedelta(hours=9)))
    assert trade_date(tokyo) == date(2026, 7, 15)  # 22:00 UTC the day before: 17:00 CDT


def test_a_naive_instant_is_refused() -> None:
    with pytest.raises(Rejected, match="no time zone"):
        trade_date(datetime(2026, 7, 14, 12, 0))
    with pytest.raises(Rejected, match="no time zone"):
        SESSIONS.session_at("CFE", datetime(2026, 7, 14, 12, 0))


def test_open_at_the_opening_and_shut_at_the_close_in_the_break_and_at_the_weekend() -> None:
    # Friday 10 July 2026 closes at 21:00 UTC (16:00 CDT), Sunday opens at 22:00 UTC.
    for instant, is_open in (
        ("2026-07-09 20:59:59.999999", True),
        ("2026-07-09 21:00", False),  # the daily break
        ("2026-07-09 21:59:59.999999", False),
        ("2026-07-09 22:00", True),
        ("2026-07-10 21:00", False),
        ("2026-07-11 15:00", False),  # Saturday
        ("2026-07-12 21:59:59.999999", False),
        ("2026-07-12 22:00", True),  # Sunday's opening, for Monday
    ):
        for calendar in ("CME_EQUITY", "CME_RATES", "CME_ENERGY", "CME_METALS", "CFE"):
            assert SESSIONS.is_open(calendar, at(instant)) is is_open, (calendar, instant)
    # The dollar index is shut from 17:00 to 20:00 in New York, 21:00 to 00:00 UTC in summer.
    assert not SESSIONS.is_open("ICE", at("2026-07-09 23:59:59"))
    assert SESSIONS.is_open("ICE", at("2026-07-10 00:00"))
    assert SESSIONS.is_open("ICE", at("2026-07-12 22:00"))
    friday = at("2026-07-10 21:00")
    assert SESSIONS.next_open("CME_EQUITY", friday) == at("2026-07-12 22:00")
    assert SESSIONS.next_open("CME_EQUITY", at("2026-07-12 22:00")) == at("2026-07-13 22:00")
    assert SESSIONS.next_open("CME_EQUITY", at("2031-06-01 00:00")) is None


def test_regular_hours_are_the_pits_cut_by_an_early_close_and_none_on_a_holiday() -> None:
    equity = on("CME_EQUITY", "2026-07-08")  # 08:30 to 15:00 CDT
    assert not equity.is_regular(at("2026-07-08 13:29:59"))
    assert equity.is_regular(at("2026-07-08 13:30"))
    assert not equity.is_regular(at("2026-07-08 20:00"))
    dollar = on("ICE", "2026-07-08")  # 08:00 to 17:00 EDT
    assert (dollar.regular_open_at, dollar.regular_close_at) == (
        at("2026-07-08 12:00"),
        at("2026-07-08 21:00"),
    )
    eve = on("CME_METALS", "2026-12-24")  # closes at 12:45 CST, after gold's 12:30
    assert eve.is_early_close
    assert eve.regular_close_at == at("2026-12-24 18:30")
    friday = on("CME_EQUITY", "2026-11-27")
    assert friday.is_early_close
    assert friday.regular_close_at == friday.close_at
    for day in ("2026-11-26", "2026-01-19", "2026-04-03"):  # the last shuts before 08:30
        assert on("CME_EQUITY", day).regular_open_at is None
    assert on("CME_EQUITY", "2026-11-26").note == "Thanksgiving Day"
    assert not equity.is_early_close
    assert equity.note is None


def test_the_session_number_counts_weekdays_whatever_is_computed_or_overridden() -> None:
    assert session_number(date(1970, 1, 5)) == 1
    assert session_number(date(1970, 1, 9)) == 5
    assert session_number(date(1970, 1, 12)) == 6
    # 20,454 days after that Monday: 2,922 weeks, so Monday the first of 5 * 2922.
    assert session_number(date(2026, 1, 5)) == 14_611
    assert on("CFE", "2026-01-05").session_number == 14_611
    alone = compute("CFE", date(2026, 1, 5), date(2026, 1, 5))
    assert [row.session_number for row in alone] == [14_611]
    with pytest.raises(Rejected, match="Saturday"):
        session_number(date(2026, 7, 4))


def test_every_instant_of_a_session_has_the_trade_date_of_its_calendar() -> None:
    for row in ROWS:
        middle = row.open_at + (row.close_at - row.open_at) / 2
        for instant in (row.open_at, middle, row.close_at - MICROSECOND):
            assert HOURS[row.calendar].trade_date(instant) == row.trade_date, row


@given(
    st.sampled_from(sorted(HOURS)),
    st.datetimes(datetime(2010, 1, 5), datetime(2030, 12, 30), timezones=st.just(UTC)),
)
def test_an_open_instant_belongs_to_its_session_and_a_shut_one_waits_for_the_next(
    calendar: str, instant: datetime
) -> None:
    session = SESSIONS.session_at(calendar, instant)
    if session is not None:
        assert session.open_at <= instant < session.close_at
        assert session == SESSIONS.session(calendar, HOURS[calendar].trade_date(instant))
    following = SESSIONS.next_open(calendar, instant)
    assert following is not None
    assert following > instant
    shut_from = session.close_at if session else instant
    # Nothing opens before what opens next.
    assert SESSIONS.next_open(calendar, shut_from) == following


def test_unknown_calendars_reversed_spans_and_overlaps_are_refused() -> None:
    with pytest.raises(NotFound, match="CME_EQUITY"):
        compute("NYSE", FIRST, LAST)
    with pytest.raises(NotFound, match="NYSE"):
        SESSIONS.is_open("NYSE", at("2026-07-07 15:00"))
    with pytest.raises(Rejected, match="after last"):
        compute("CFE", LAST, FIRST)
    with pytest.raises(Rejected, match="before 2026-07-07 is over"):
        Sessions([on("CFE", "2026-07-07"), on("CFE", "2026-07-07")])
