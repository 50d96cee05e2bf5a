"""`thor markets`, `thor session` and what `thor doctor` says of calendars."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from command import Command, Result

from thor import database
from thor.cli import doctor
from thor.errors import NotFound, Rejected
from thor.reference import markets

Link = psycopg.Connection[Any]


@pytest.fixture(scope="module")
def link(kept_url: str) -> Any:
    """A database whose markets have their days of 2026 to 2028."""
    with database.connect(kept_url, "test") as connection:
        markets.renew_days(connection, date(2026, 11, 23), years_back=0)
        yield connection


@pytest.fixture
def thor(link: Link, kept_url: str, tmp_path: Path) -> Callable[..., Result]:
    return Command(tmp_path, THOR_DATABASE_URL=kept_url).run


def shown(link: Link, market: str, day: str) -> tuple[Any, ...] | None:
    row: tuple[Any, ...] | None = link.execute(
        "select to_char(open_at at time zone 'UTC', 'HH24:MI'), "
        "to_char(close_at at time zone 'UTC', 'HH24:MI'), note, confidence "
        "from market_days where market = %s and day = %s",
        (market, day),
    ).fetchone()
    return row


def refused(result: Result, text: str, error: type[Exception] = Rejected) -> None:
    assert result.code == error.exit_code, result  # type: ignore[attr-defined]
    assert text in result.err
    assert result.err.count("\n") == 1


def test_a_day_is_closed_by_one_command_and_stays_so_until_it_is_opened(
    thor: Callable[..., Result], link: Link
) -> None:
    assert shown(link, "India", "2027-01-14") == ("03:45", "10:00", None, "unconfirmed")
    done = thor("markets", "close", "india", "2027-01-14", "--note", "election in Mumbai")
    assert (done.code, "India is closed on 2027-01-14" in done.out) == (0, True)
    closed = (None, None, "election in Mumbai", "override")
    assert shown(link, "India", "2027-01-14") == closed
    markets.renew_days(link, date(2026, 11, 23), force=True, years_back=0)
    assert shown(link, "India", "2027-01-14") == closed

    # Hours of one day, then as the library has it again.
    thor("markets", "open", "India", "2027-01-14", "--hours", "10:00-12:00", "--note", "half")
    assert shown(link, "India", "2027-01-14") == ("04:30", "06:30", "half", "override")
    undone = thor("markets", "open", "India", "2027-01-14")
    assert "from 03:45 to 10:00 UTC" in undone.out
    assert shown(link, "India", "2027-01-14") == ("03:45", "10:00", None, "unconfirmed")
    refused(thor("markets", "open", "India", "2027-01-14"), "day: nothing was entered", NotFound)

    # A Saturday, which has no row otherwise.
    refused(
        thor("markets", "close", "India", "2027-01-16", "--note", "x"),
        "day: 2027-01-16 is a Saturday; India is closed then anyway",
    )
    thor("markets", "open", "India", "2027-01-16", "--hours", "09:15-15:30", "--note", "Budget")
    assert shown(link, "India", "2027-01-16") == ("03:45", "10:00", "Budget", "override")
    assert "a day without trading" in thor("markets", "open", "India", "2027-01-16").out
    assert shown(link, "India", "2027-01-16") is None


def test_a_list_of_holidays_confirms_the_other_days(
    thor: Callable[..., Result], link: Link, tmp_path: Path
) -> None:
    file = tmp_path / "china.csv"
    file.write_text("day,note\n2027-02-05,Spring Festival\n2027-02-12,Spring Festival\n")
    done = thor("markets", "close", "China", "--file", str(file), "--confirmed-until", "2027-12-31")
    assert done.code == 0, done.err
    assert shown(link, "China", "2027-02-12") == (None, None, "Spring Festival", "override")
    assert shown(link, "China", "2027-03-01") == ("01:30", "07:00", None, "override")
    assert shown(link, "China", "2028-03-01") == ("01:30", "07:00", None, "unconfirmed")
    found = markets.unconfirmed_from(link, date(2026, 11, 23))
    assert found == {"China": date(2028, 1, 3), "India": date(2027, 1, 1)}
    link.execute("delete from reference.market_overrides")
    link.execute("update reference.markets set confirmed_until = null")
    markets.renew_days(link, date(2026, 11, 23), force=True, years_back=0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2027-02-05,x\n", "file: {file} has no header day,note in its first line"),
        ("day,note\n", "file: {file} has no line under its header"),
        ("day,note\n2027-02-05,a\n2027-02-30,b\n", "day: '2027-02-30' in bad.csv line 3 is no day"),
        ("day,note\n,a\n", "day: '' in bad.csv line 2 is no day"),
        ("day,note\n2027-02-05,a\n2027-02-05,b\n", "day: 2027-02-05 in bad.csv line 3 is there tw"),
        ("day,note\n2027-02-06,a\n", "day: 2027-02-06 in bad.csv line 2 is a Saturday"),
        ("day,note\n2027-02-05, \n", "note: is missing in bad.csv line 2"),
        ("day,note\n2027-02-05\n", "note: is missing in bad.csv line 2"),
        ("\x00\x01", "file: {file} has no header day,note"),
    ],
)
def test_a_bad_list_of_holidays_is_refused_whole(
    thor: Callable[..., Result], link: Link, tmp_path: Path, text: str, message: str
) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(text)
    refused(thor("markets", "close", "China", "--file", str(file)), message.format(file=file))
    assert link.execute("select count(*) from reference.market_overrides").fetchone() == (0,)


@pytest.mark.parametrize(
    ("words", "message", "error"),
    [
        (("close", "Mars", "2027-01-14", "--note", "x"), "market: 'Mars' is none of", NotFound),
        (("close", "India", "2027-13-01", "--note", "x"), "day: '2027-13-01' is no day", Rejected),
        (("close", "India", "2027-01-14"), "note: is missing", Rejected),
        (("close", "India"), "day: name one day or more", Rejected),
        (("close", "India", "--file", "none.csv"), "file: none.csv is not there", NotFound),
        (
            ("open", "India", "2027-01-14", "--hours", "15:00-09:00", "--note", "x"),
            "close: 09:00 is not after open, 15:00",
            Rejected,
        ),
        (("open", "India", "2027-01-14", "--hours", "9", "--note", "x"), "open: '9' is", Rejected),
        (
            ("open", "India", "2027-01-14", "--hours", "09:00-15:00", "--lunch", "08:00-10:00",
             "--note", "x"),
            "lunch_start: 08:00 is not after open, 09:00",
            Rejected,
        ),
        (
            ("edit", "Japan", "--reason", "x", "--close", "08:00"),
            "close: 08:00 is not after open, 09:00",
            Rejected,
        ),
        (
            ("edit", "Japan", "--reason", "x", "--lunch", "15:00-16:00"),
            "lunch_end: 16:00 is not before close, 15:30",
            Rejected,
        ),
        (("edit", "Japan", "--reason", "x", "--weight", "2"), "weight: 2 is no share", Rejected),
        (("edit", "Japan", "--reason", "x"), "name something to change", Rejected),
        (("edit", "Japan", "--reason", " ", "--weight", "0.1"), "reason: is missing", Rejected),
        (
            ("edit", "Japan", "--reason", "x", "--time-zone", "Asia/Moon"),
            "time_zone: 'Asia/Moon' is no time zone",
            NotFound,
        ),
        (
            ("add", "Japan", "--calendar", "JPX", "--time-zone", "Asia/Tokyo", "--open", "09:00",
             "--close", "15:30"),
            "market: Japan is there already",
            Rejected,
        ),
        (
            ("add", "Korea", "--calendar", "MOON", "--time-zone", "Asia/Seoul", "--open", "09:00",
             "--close", "15:30"),
            "calendar: 'MOON' is none of",
            NotFound,
        ),
        (
            ("add", "K/rea", "--calendar", "XKRX", "--time-zone", "Asia/Seoul", "--open", "09:00",
             "--close", "15:30"),
            "market: 'K/rea' is no name",
            Rejected,
        ),
    ],
)  # fmt: skip
def test_bad_input_is_refused_by_field(
    thor: Callable[..., Result], words: tuple[str, ...], message: str, error: type[Exception]
) -> None:
    refused(thor("markets", *words), message, error)


def test_the_doctor_warns_sixty_days_before_days_that_no_exchange_has_published(
    link: Link,
) -> None:
    # 1 January 2027 is 60 days after 2 November 2026.
    (quiet,) = doctor.calendar_findings(link, date(2026, 11, 1))
    assert quiet["verdict"] == "good"
    found = list(doctor.calendar_findings(link, date(2026, 11, 2)))
    assert [(one["found"], one["verdict"]) for one in found] == [
        ("China: unconfirmed from 2027-01-01", "note"),
        ("India: unconfirmed from 2027-01-01", "note"),
    ]
    assert "thor markets close China --file" in found[0]["fix"]


def test_other_hours_hold_from_their_day_on(thor: Callable[..., Result], link: Link) -> None:
    done = thor(
        "markets", "edit", "united kingdom", "--close", "16:00", "--since", "2027-06-01",
        "--weight", "0.06", "--reason", "a shorter day",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert shown(link, "United Kingdom", "2027-05-28") == ("07:00", "15:30", None, "library")
    assert shown(link, "United Kingdom", "2027-06-01") == ("07:00", "15:00", None, "library")
    assert link.execute(
        "select version, reason from reference.markets where market = 'United Kingdom'"
    ).fetchone() == (2, "a shorter day")


def test_another_market_is_added_and_listed_where_it_belongs(
    thor: Callable[..., Result], link: Link
) -> None:
    done = thor(
        "markets", "add", "New South Wales", "--calendar", "ASX", "--time-zone", "Australia/Sydney",
        "--open", "10:00", "--close", "16:00", "--sort-order", "5",
    )  # fmt: skip
    assert done.code == 0, done.err
    listed = json.loads(thor("markets", "list", "--json").out)
    assert [row["market"] for row in listed][:2] == ["New South Wales", "Japan"]
    assert (listed[0]["hours"], listed[0]["is_control"], listed[1]["lunch"]) == (
        "10:00-16:00", False, "11:30-12:30",
    )  # fmt: skip
    # Sydney is UTC+11 in its summer.
    assert shown(link, "New South Wales", "2027-03-02") == ("23:00", "05:00", None, "library")
    assert shown(link, "New South Wales", "2027-07-01") == ("00:00", "06:00", None, "library")
    assert "11:30-12:30" in thor("markets", "list").out


def test_the_session_of_a_symbol_is_shown(thor: Callable[..., Result], link: Link) -> None:
    refused(thor("session", "ES"), "at: CME_EQUITY has no sessions yet", NotFound)
    link.execute(
        "insert into reference.sessions (calendar, trade_date, session_number, open_at, close_at) "
        "values ('CME_EQUITY', '2026-12-22', 1, '2026-12-21 23:00Z', '2026-12-22 22:00Z'), "
        "('CME_EQUITY', '2026-12-23', 2, '2026-12-22 23:00Z', '2026-12-23 22:00Z')"
    )
    (found,) = json.loads(thor("session", "--at", "2026-12-22T14:00:30Z", "--json").out)
    assert (found["state"], found["minutes_since_open"], found["minutes_to_close"]) == (
        "OPEN", 900, 480,
    )  # fmt: skip
    refused(
        thor("session", "NQ", "--at", "2031-01-01T00:00Z"),
        "is outside the sessions of CME_EQUITY, which are known from 2026-12-21 to 2026-12-23",
        NotFound,
    )
    refused(thor("session", "ES", "--at", "noon"), "--at: 'noon' is no ISO 8601 time")
    refused(thor("session", "ZZ"), "symbol: 'ZZ' is not listed", NotFound)
