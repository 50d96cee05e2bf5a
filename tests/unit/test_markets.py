"""Days and hours of the world's markets, worked by hand from the exchanges' notices.

Times in the tables are UTC. Tokyo is UTC+9, Shanghai +8, Kolkata +5:30 and Mexico City -6 (-5 in
its summers until 2022) all year; New York and Toronto -5, in summer -4; London 0, in summer +1;
Berlin +1, in summer +2.
"""

from datetime import date, time
from functools import lru_cache
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from thor.domain.calendar import library_days
from thor.domain.markets import (
    DayHours,
    LibraryDay,
    LibraryDays,
    Market,
    MarketDay,
    MarketOverride,
    checked_hours,
    market_days,
)
from thor.errors import NotFound, Rejected

FIRST, LAST = date(2020, 1, 1), date(2028, 12, 31)


def market(name: str, calendar: str, zone: str, opens: str, closes: str, **more: object) -> Market:
    return Market(
        market=name,
        display=name,
        calendar=calendar,
        time_zone=zone,
        open=time.fromisoformat(opens),
        close=time.fromisoformat(closes),
        **more,  # type: ignore[arg-type]
    )


TOKYO_LUNCH = {"lunch_start": time(11, 30), "lunch_end": time(12, 30)}
SHANGHAI_LUNCH = {"lunch_start": time(11, 30), "lunch_end": time(13)}
MARKETS = {
    one.market: one
    for one in (
        market("Japan", "JPX", "Asia/Tokyo", "09:00", "15:30", **TOKYO_LUNCH),
        market("China", "SSE", "Asia/Shanghai", "09:30", "15:00", **SHANGHAI_LUNCH),
        market("India", "BSE", "Asia/Kolkata", "09:15", "15:30"),
        market("Germany", "XETR", "Europe/Berlin", "09:00", "17:30"),
        market("United Kingdom", "LSE", "Europe/London", "08:00", "16:30"),
        market("Pre_USA", "NYSE", "America/New_York", "08:30", "09:30"),
        market("USA", "NYSE", "America/New_York", "09:30", "16:00"),
        market("Canada", "TSX", "America/Toronto", "09:30", "16:00"),
        market(
            "Mexico", "XMEX", "America/Mexico_City", "08:30", "15:00",
            hours_zone="America/New_York",
        ),
    )
}  # fmt: skip


@lru_cache
def days_of(name: str) -> dict[date, MarketDay]:
    one = MARKETS[name]
    found = market_days(one, library_days(one.calendar, FIRST, LAST), FIRST, LAST)
    return {day.day: day for day in found}


def shown(day: MarketDay | None) -> str:
    """Write a day as the tables below: 00:00-06:30, with the lunch break where it has one."""
    if day is None:
        return "no row"
    if day.open_at is None or day.close_at is None:
        return "closed"
    parts = [day.open_at, day.close_at]
    if day.lunch_start_at and day.lunch_end_at:
        parts = [day.open_at, day.lunch_start_at, day.lunch_end_at, day.close_at]
    texts = [f"{part:%H:%M}" for part in parts]
    return " ".join(f"{a}-{b}" for a, b in zip(texts[::2], texts[1::2], strict=True))


@pytest.mark.parametrize(
    ("name", "day", "expected"),
    [
        # Tokyo has no summer time; it closes at 15:30 since 5 November 2024, at 15:00 before.
        ("Japan", "2024-11-01", "00:00-02:30 03:30-06:00"),
        ("Japan", "2024-11-05", "00:00-02:30 03:30-06:30"),
        ("Japan", "2026-03-09", "00:00-02:30 03:30-06:30"),
        ("Japan", "2026-11-02", "00:00-02:30 03:30-06:30"),
        ("Japan", "2026-11-03", "closed"),
        ("Japan", "2026-11-23", "closed"),
        ("Japan", "2026-12-31", "closed"),
        ("Japan", "2027-01-01", "closed"),
        ("Japan", "2027-01-04", "00:00-02:30 03:30-06:30"),
        # Thanksgiving, Christmas Eve, Independence Day are days like others there.
        ("Japan", "2026-11-26", "00:00-02:30 03:30-06:30"),
        ("Japan", "2026-12-24", "00:00-02:30 03:30-06:30"),
        ("Japan", "2026-07-03", "00:00-02:30 03:30-06:30"),
        # Shanghai: the Spring Festival of 2026 is from 15 to 23 February.
        ("China", "2026-02-13", "01:30-03:30 05:00-07:00"),
        ("China", "2026-02-16", "closed"),
        ("China", "2026-02-23", "closed"),
        ("China", "2026-02-24", "01:30-03:30 05:00-07:00"),
        ("China", "2026-10-07", "closed"),
        ("China", "2026-10-08", "01:30-03:30 05:00-07:00"),
        # India: closures by decree, and sessions on weekends for the Budget.
        ("India", "2024-01-20", "03:45-10:00"),
        ("India", "2024-01-22", "closed"),
        ("India", "2024-05-20", "closed"),
        ("India", "2024-11-20", "closed"),
        ("India", "2026-01-14", "03:45-10:00"),
        ("India", "2026-01-15", "closed"),
        ("India", "2026-01-26", "closed"),
        ("India", "2026-01-31", "no row"),
        ("India", "2026-02-01", "03:45-10:00"),
        ("India", "2025-02-01", "03:45-10:00"),
        # Frankfurt's clocks change on 29 March and 25 October 2026; its last day ends at 14:00.
        ("Germany", "2026-03-27", "08:00-16:30"),
        ("Germany", "2026-03-30", "07:00-15:30"),
        ("Germany", "2026-10-23", "07:00-15:30"),
        ("Germany", "2026-10-26", "08:00-16:30"),
        ("Germany", "2026-04-03", "closed"),
        ("Germany", "2026-04-06", "closed"),
        ("Germany", "2026-12-24", "closed"),
        ("Germany", "2026-12-30", "08:00-13:00"),
        ("Germany", "2026-12-31", "closed"),
        # London's clocks change on the same days, in 2027 on 28 March and 31 October.
        ("United Kingdom", "2026-03-27", "08:00-16:30"),
        ("United Kingdom", "2026-03-30", "07:00-15:30"),
        ("United Kingdom", "2026-10-23", "07:00-15:30"),
        ("United Kingdom", "2026-10-26", "08:00-16:30"),
        ("United Kingdom", "2027-03-26", "closed"),
        ("United Kingdom", "2027-03-30", "07:00-15:30"),
        ("United Kingdom", "2027-10-29", "07:00-15:30"),
        ("United Kingdom", "2027-11-01", "08:00-16:30"),
        ("United Kingdom", "2025-03-28", "08:00-16:30"),
        ("United Kingdom", "2025-03-31", "07:00-15:30"),
        ("United Kingdom", "2026-04-03", "closed"),
        ("United Kingdom", "2026-12-24", "08:00-12:30"),
        ("United Kingdom", "2026-12-25", "closed"),
        ("United Kingdom", "2026-12-28", "closed"),
        ("United Kingdom", "2026-12-31", "08:00-12:30"),
        ("United Kingdom", "2027-01-01", "closed"),
        # New York's clocks change on 8 March and 1 November 2026.
        ("USA", "2026-03-06", "14:30-21:00"),
        ("USA", "2026-03-09", "13:30-20:00"),
        ("USA", "2026-10-30", "13:30-20:00"),
        ("USA", "2026-11-02", "14:30-21:00"),
        ("USA", "2027-03-12", "14:30-21:00"),
        ("USA", "2027-03-15", "13:30-20:00"),
        ("USA", "2025-01-09", "closed"),
        ("USA", "2026-01-01", "closed"),
        ("USA", "2026-04-03", "closed"),
        ("USA", "2026-06-19", "closed"),
        ("USA", "2027-06-18", "closed"),
        ("USA", "2021-06-18", "13:30-20:00"),
        ("USA", "2022-06-20", "closed"),
        ("USA", "2026-07-02", "13:30-20:00"),
        ("USA", "2026-07-03", "closed"),
        ("USA", "2025-07-03", "13:30-17:00"),
        ("USA", "2025-07-04", "closed"),
        ("USA", "2026-11-26", "closed"),
        ("USA", "2026-11-27", "14:30-18:00"),
        ("USA", "2026-12-24", "14:30-18:00"),
        ("USA", "2026-12-25", "closed"),
        ("USA", "2027-12-24", "closed"),
        # Before the open of New York, on its days; no early close reaches it.
        ("Pre_USA", "2026-03-06", "13:30-14:30"),
        ("Pre_USA", "2026-03-09", "12:30-13:30"),
        ("Pre_USA", "2026-11-26", "closed"),
        ("Pre_USA", "2026-11-27", "13:30-14:30"),
        # Toronto: its own holidays, on New York's clock.
        ("Canada", "2026-03-09", "13:30-20:00"),
        ("Canada", "2026-05-18", "closed"),
        ("Canada", "2026-05-25", "13:30-20:00"),
        ("Canada", "2026-07-01", "closed"),
        ("Canada", "2026-10-12", "closed"),
        ("Canada", "2026-11-26", "14:30-21:00"),
        ("Canada", "2026-12-24", "14:30-18:00"),
        ("Canada", "2026-12-28", "closed"),
        ("Canada", "2022-12-23", "14:30-21:00"),
        # Mexico keeps New York's hours. It had a summer time of its own until 30 October 2022,
        # from the first Sunday of April: between the two changes it opened at 07:30 too.
        ("Mexico", "2022-03-11", "14:30-21:00"),
        ("Mexico", "2022-03-14", "13:30-20:00"),
        ("Mexico", "2022-04-04", "13:30-20:00"),
        ("Mexico", "2022-10-28", "13:30-20:00"),
        ("Mexico", "2022-10-31", "13:30-20:00"),
        ("Mexico", "2022-11-04", "13:30-20:00"),
        ("Mexico", "2022-11-07", "14:30-21:00"),
        ("Mexico", "2023-03-10", "14:30-21:00"),
        ("Mexico", "2023-03-13", "13:30-20:00"),
        ("Mexico", "2025-10-31", "13:30-20:00"),
        ("Mexico", "2025-11-03", "14:30-21:00"),
        ("Mexico", "2026-03-06", "14:30-21:00"),
        ("Mexico", "2026-03-09", "13:30-20:00"),
        ("Mexico", "2024-10-01", "closed"),
        ("Mexico", "2026-04-02", "closed"),
        ("Mexico", "2026-04-03", "closed"),
        ("Mexico", "2026-09-16", "closed"),
        ("Mexico", "2026-11-26", "14:30-21:00"),
        # Weekends have no row.
        ("USA", "2026-11-28", "no row"),
        ("China", "2026-02-14", "no row"),
    ],
)
def test_a_market_is_open_when_its_exchange_says(name: str, day: str, expected: str) -> None:
    assert shown(days_of(name).get(date.fromisoformat(day))) == expected


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2022-07-15", "08:30"),
        ("2022-10-28", "08:30"),
        ("2022-10-31", "07:30"),
        ("2022-11-07", "08:30"),
        ("2024-07-15", "07:30"),
        ("2026-07-15", "07:30"),
        ("2026-12-01", "08:30"),
    ],
)
def test_mexico_opens_an_hour_earlier_by_its_clock_in_new_yorks_summer(
    day: str, expected: str
) -> None:
    opens = days_of("Mexico")[date.fromisoformat(day)].open_at
    assert opens is not None
    assert f"{opens.astimezone(ZoneInfo('America/Mexico_City')):%H:%M}" == expected


def test_a_day_that_its_exchange_has_not_published_is_unconfirmed() -> None:
    # The State Council and the Indian exchanges have published 2026: the library knows no Chinese
    # New Year of 2027 by decree, and has India open on Republic Day.
    for name in ("China", "India"):
        days = days_of(name)
        assert days[date(2026, 12, 31)].confidence == "library"
        assert {
            day.confidence for day in days.values() if day.day.year > 2026
        } == {"unconfirmed"}  # fmt: skip
    assert shown(days_of("India")[date(2027, 1, 26)]) == "03:45-10:00"
    assert days_of("Japan")[date(2027, 1, 4)].confidence == "library"


def test_a_holiday_has_its_name_where_it_is_known() -> None:
    named = [
        ("USA", "2027-01-01", "New Year's Day"),
        ("USA", "2026-06-19", "Juneteenth"),
        ("USA", "2026-04-03", "Good Friday"),
        ("USA", "2026-11-27", "early close"),
        ("India", "2026-01-26", "Republic Day"),
        ("India", "2026-02-01", "Union Budget, a Sunday"),
        ("India", "2026-11-10", "holiday"),
        ("Germany", "2026-12-24", "Christmas Eve"),
        ("Mexico", "2024-10-01", "inauguration of the President"),
    ]
    found = [(name, day, days_of(name)[date.fromisoformat(day)].note) for name, day, _ in named]
    assert found == named


def test_days_that_a_person_has_confirmed_are_no_guess() -> None:
    one = replace(MARKETS["India"], confirmed_until=date(2027, 1, 29))
    found = market_days(one, library_days("BSE", FIRST, LAST), date(2027, 1, 28), date(2027, 2, 1))
    assert [(day.day.day, day.confidence) for day in found] == [
        (28, "override"), (29, "override"), (1, "unconfirmed"),
    ]  # fmt: skip


def test_a_persons_correction_replaces_the_day() -> None:
    one = MARKETS["United Kingdom"]
    overrides = [
        MarketOverride(market=one.market, day=date(2026, 6, 1), is_closed=True, note="a king"),
        MarketOverride(
            market=one.market, day=date(2026, 6, 6), is_closed=False, open=time(9),
            close=time(14), lunch_start=time(11), lunch_end=time(12), note="a Saturday",
        ),
        MarketOverride(market="USA", day=date(2026, 6, 2), is_closed=True, note="another's"),
    ]  # fmt: skip
    library = library_days("LSE", FIRST, LAST)
    found = market_days(one, library, date(2026, 6, 1), date(2026, 6, 7), overrides)
    assert [(f"{day.day:%a}", shown(day), day.note, day.confidence) for day in found] == [
        ("Mon", "closed", "a king", "override"),
        ("Tue", "07:00-15:30", None, "library"),
        ("Wed", "07:00-15:30", None, "library"),
        ("Thu", "07:00-15:30", None, "library"),
        ("Fri", "07:00-15:30", None, "library"),
        ("Sat", "08:00-10:00 11:00-13:00", "a Saturday", "override"),
    ]


def test_a_correction_of_mexico_is_by_its_own_clock() -> None:
    override = MarketOverride(
        market="Mexico", day=date(2026, 7, 15), is_closed=False, open=time(9), close=time(12),
        note="x",
    )  # fmt: skip
    day = date(2026, 7, 15)
    found = market_days(MARKETS["Mexico"], library_days("XMEX", FIRST, LAST), day, day, [override])
    assert shown(found[0]) == "15:00-18:00"


def test_hours_that_a_person_changed_hold_against_the_librarys() -> None:
    later = replace(MARKETS["USA"], close=time(17))
    library = library_days("NYSE", FIRST, LAST)
    found = market_days(later, library, date(2026, 11, 25), date(2026, 11, 27))
    # An early close cuts them all the same.
    assert [shown(day) for day in found] == ["14:30-22:00", "closed", "14:30-18:00"]


NOON = DayHours(open=time(9), close=time(15), lunch_start=time(11, 30), lunch_end=time(13))


@pytest.mark.parametrize(
    ("close", "expected"),
    [
        # Until noon, within the break, after it.
        (time(11), "09:00-11:00"),
        (time(12), "09:00-11:30"),
        (time(14), "09:00-11:30 13:00-14:00"),
    ],
)
def test_a_short_day_has_no_lunch_break_that_it_does_not_reach(close: time, expected: str) -> None:
    day = date(2026, 6, 1)
    short = LibraryDay(hours=replace(NOON, close=close), usual=NOON)
    library = LibraryDays(days={day: short}, holidays={}, latest=NOON)
    one = market("X", "X", "UTC", "09:00", "15:00", lunch_start=time(11, 30), lunch_end=time(13))
    (found,) = market_days(one, library, day, day)
    assert (shown(found), found.note) == (expected, "early close")


@pytest.mark.parametrize(
    ("hours", "message"),
    [
        (DayHours(open=time(9), close=time(9)), "close: 09:00 is not after open, 09:00"),
        (DayHours(open=time(22), close=time(6)), "close: 06:00 is not after open, 22:00"),
        (replace(NOON, lunch_end=None), "lunch_end: missing"),
        (replace(NOON, lunch_start=None), "lunch_start: missing"),
        (replace(NOON, lunch_end=time(11)), "lunch_end: 11:00 is not after lunch_start, 11:30"),
        (replace(NOON, lunch_start=time(9)), "lunch_start: 09:00 is not after open, 09:00"),
        (replace(NOON, lunch_end=time(15)), "lunch_end: 15:00 is not before close, 15:00"),
    ],
)
def test_hours_that_do_not_follow_one_another_are_refused_by_field(
    hours: DayHours, message: str
) -> None:
    with pytest.raises(Rejected, match=message):
        checked_hours(hours)


def test_a_calendar_that_the_library_does_not_have_is_refused() -> None:
    with pytest.raises(NotFound, match="calendar: 'MOON'"):
        library_days("MOON", FIRST, LAST)
