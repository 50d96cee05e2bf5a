"""When a job is due, and what its policy makes of moments that were missed."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import msgspec
import pytest

from thor.domain.hours import session_on
from thor.errors import Rejected
from thor.ops import schedules
from thor.ops.schedules import Policy, decide, moments, parse

CHICAGO = "America/Chicago"


def at(text: str) -> datetime:
    """Return an instant in UTC, written without its zone."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def due(schedule: str, first: str, last: str, zone: str = CHICAGO) -> list[str]:
    """Return the moments of a span in UTC, as MM-DD HH:MM."""
    found = moments(parse(schedule, zone), at(first), at(last))
    return [f"{moment:%m-%d %H:%M}" for moment in found]


def test_a_time_that_the_clocks_skip_is_due_right_after_the_gap() -> None:
    # On 8 March 2026 Chicago goes from 02:00 CST to 03:00 CDT, at 08:00 UTC.
    found = due("30 2 * * *", "2026-03-07T12:00", "2026-03-10T00:00")
    assert found == ["03-08 08:00", "03-09 07:30"]


def test_a_time_that_comes_twice_is_due_the_first_time_only() -> None:
    # On 1 November 2026 01:00 to 02:00 comes twice: 06:00 UTC in CDT, 07:00 UTC in CST.
    found = due("30 1 * * *", "2026-10-31T12:00", "2026-11-03T00:00")
    assert found == ["11-01 06:30", "11-02 07:30"]


@pytest.mark.parametrize("seen_until", ["2026-11-01T06:30", "2026-11-01T07:10"])
def test_a_look_within_the_hour_that_comes_twice_does_not_find_it_again(seen_until: str) -> None:
    assert due("30 1 * * *", seen_until, "2026-11-02T08:00") == ["11-02 07:30"]


@pytest.mark.parametrize(
    ("first", "last", "hours"),
    [
        ("2026-03-08T05:59", "2026-03-08T10:00", ["06:00", "07:00", "08:00", "09:00", "10:00"]),
        ("2026-11-01T04:59", "2026-11-01T09:00", ["05:00", "06:00", "07:00", "08:00", "09:00"]),
    ],
)
def test_what_is_due_every_hour_goes_by_elapsed_time(
    first: str, last: str, hours: list[str]
) -> None:
    assert [text[6:] for text in due("0 * * * *", first, last)] == hours


def test_weekdays_are_those_of_the_zone() -> None:
    # 20:00 on a Friday in Chicago is 02:00 UTC of the Saturday.
    found = due("0 20 * * FRI", "2026-01-01T00:00", "2026-01-12T00:00")
    assert found == ["01-03 02:00", "01-10 02:00"]


def test_a_span_has_its_end_and_not_its_begin() -> None:
    assert due("0 6 * * *", "2026-01-01T06:00", "2026-01-02T06:00", "UTC") == ["01-02 06:00"]


@pytest.fixture(scope="module")
def sessions() -> list[dict[str, Any]]:
    """The sessions of CME_EQUITY around Thanksgiving 2026."""
    early = {26: time(12), 27: time(12, 15)}
    found = [
        session_on("CME_EQUITY", date(2026, 11, number), close=early.get(number))
        for number in (24, 25, 26, 27, 30)
    ]
    found.append(session_on("CME_EQUITY", date(2026, 12, 1)))
    return [msgspec.structs.asdict(session) for session in found]


def of_sessions(schedule: str, first: str, last: str, sessions: list[dict[str, Any]]) -> list[str]:
    """Return the moments of a span in UTC, as MM-DD HH:MM."""
    found = moments(parse(schedule, CHICAGO), at(first), at(last), sessions)
    return [f"{moment:%m-%d %H:%M}" for moment in found]


def test_five_minutes_after_the_close_follow_an_early_close(
    sessions: list[dict[str, Any]],
) -> None:
    # The usual close is 16:00 Chicago, 22:00 UTC; on Thanksgiving 12:00, the day after 12:15.
    found = of_sessions(
        "close(CME_EQUITY) + 5 min", "2026-11-25T00:00", "2026-12-01T00:00", sessions
    )
    assert found == ["11-25 22:05", "11-26 18:05", "11-27 18:20", "11-30 22:05"]


def test_a_minute_before_the_open_is_on_the_eve(sessions: list[dict[str, Any]]) -> None:
    # 17:00 Chicago on Sunday is 23:00 UTC.
    found = of_sessions(
        "open(CME_EQUITY) - 1 min", "2026-11-28T00:00", "2026-12-01T00:00", sessions
    )
    assert found == ["11-29 22:59", "11-30 22:59"]


def test_a_session_without_regular_hours_gives_no_moment_of_them() -> None:
    session = {"regular_close_at": None}
    schedule = parse("regular_close(CME_EQUITY)", CHICAGO)
    assert list(moments(schedule, at("2026-01-01T00:00"), at("2026-02-01T00:00"), [session])) == []


@pytest.mark.parametrize(
    ("text", "zone", "why"),
    [
        ("every day", "UTC", "schedule: 'every day' is neither cron nor"),
        ("75 * * * *", "UTC", "schedule: '75 * * * *' is no cron, bad minute"),
        ("0 0 30 2 *", "UTC", "schedule: '0 0 30 2 *' is no cron, bad day-of-month"),
        ("0 0 0 1 1 *", "UTC", "is neither cron"),
        ("close(CME_EQUITY) + 5 weeks", "UTC", "has 'weeks' where one of s, min, h, d"),
        ("close(cme)", "UTC", "is neither cron"),
        ("", "UTC", "is neither cron"),
        ("0 0 * * *", "Mars/Base", "zone: 'Mars/Base' is no time zone"),
        ("close(CME_EQUITY)", "Mars/Base", "zone: 'Mars/Base' is no time zone"),
        ("0 0 * * *", "../etc", "zone: '../etc' is no time zone"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name_with_an_example(
    text: str, zone: str, why: str
) -> None:
    with pytest.raises(Rejected) as refused:
        parse(text, zone)
    assert why in str(refused.value)
    assert "America/Chicago" in str(refused.value) or schedules.CRON_EXAMPLE in str(refused.value)


SEEN = at("2026-03-06T00:00")
# Three days of downtime: three mornings were missed.
MISSED = [at(f"2026-03-0{day}T06:00") for day in (6, 7, 8)]
BACK = at("2026-03-08T20:00")


@pytest.mark.parametrize(
    ("policy", "run", "skipped", "seen_until"),
    [
        ("catch_up", MISSED[0], [], MISSED[0]),
        ("latest", MISSED[2], MISSED[:2], MISSED[2]),
        ("skip", None, MISSED, MISSED[2]),
    ],
)
def test_three_days_of_downtime_are_made_up_for_by_the_policy(
    policy: Policy, run: datetime | None, skipped: list[datetime], seen_until: datetime
) -> None:
    found = decide(policy, iter(MISSED), SEEN, BACK)
    assert (found.run, list(found.skipped), found.seen_until) == (run, skipped, seen_until)


def test_catch_up_takes_one_moment_after_the_other() -> None:
    ran, seen_until = [], SEEN
    while found := decide(
        "catch_up", (moment for moment in MISSED if moment > seen_until), seen_until, BACK
    ).run:
        ran.append(found)
        seen_until = found
    assert ran == MISSED


def test_a_moment_of_just_now_is_run_by_every_policy() -> None:
    now = MISSED[2] + timedelta(seconds=2)
    policies: list[Policy] = ["catch_up", "latest", "skip"]
    runs = [decide(policy, iter(MISSED[2:]), SEEN, now).run for policy in policies]
    assert runs == [MISSED[2]] * 3


def test_nothing_is_started_while_the_run_before_goes_on() -> None:
    policies: list[Policy] = ["catch_up", "latest", "skip"]
    found = [decide(policy, iter(MISSED), SEEN, BACK, is_busy=True) for policy in policies]
    assert [one.run for one in found] == [None] * 3
    assert [one.seen_until for one in found] == [SEEN, SEEN, MISSED[2]]
    assert list(found[2].skipped) == MISSED


def test_of_many_skipped_moments_the_newest_are_named_and_the_others_counted() -> None:
    minutes = [SEEN + timedelta(minutes=n) for n in range(1, 4321)]
    found = decide("latest", iter(minutes), SEEN, minutes[-1])
    assert (len(found.skipped), found.left_out) == (100, 4219)
    assert found.skipped[-1] == minutes[-2]


def test_catching_up_reads_no_further_than_the_first_moment() -> None:
    def endless() -> Iterator[datetime]:
        yield MISSED[0]
        raise AssertionError("a second moment was asked for")

    assert decide("catch_up", endless(), SEEN, BACK).run == MISSED[0]
