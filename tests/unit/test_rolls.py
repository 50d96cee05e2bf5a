"""When the front month changes: by volume and before expiry, worked out by hand."""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thor.domain.business_days import BusinessDays
from thor.domain.calendar import compute
from thor.domain.contracts import Contract, contract
from thor.domain.rolls import Roll, Traded, by_expiry, by_volume, day_start, rule_name
from thor.errors import NotFound, Rejected

LETTERS = "FGHJKMNQUVXZ"


@cache
def days(root: str) -> BusinessDays:
    calendar = {"ES": "CME_EQUITY", "GC": "CME_METALS"}[root]
    return BusinessDays(compute(calendar, date(2023, 12, 1), date(2025, 3, 31)))


@cache
def one(series: str) -> Contract:
    """The contract of 2024 that a code names."""
    root = series[:2]
    return contract(root, date(2024, LETTERS.index(series[2]) + 1, 1), days(root))


def traded(day: str, **volumes: int | None) -> list[Traded]:
    """What each contract traded on a day."""
    return [
        Traded(
            trade_date=date.fromisoformat(day), contract=one(series), series=series, volume=volume
        )
        for series, volume in volumes.items()
    ]


def reported(rolls: list[Roll]) -> list[tuple[str | None, str, str, str]]:
    """From, to, since when, and why."""
    return [
        (
            roll.from_contract,
            roll.to_contract,
            roll.rolled_at.astimezone(UTC).strftime("%m-%d %H:%M"),
            roll.evidence["why"],
        )
        for roll in rolls
    ]


CROSSED = [
    *traded("2024-03-07", ESH24=100, ESM24=40),
    *traded("2024-03-08", ESH24=90, ESM24=95),
    *traded("2024-03-11", ESH24=20, ESM24=170),
]


def test_the_session_after_the_volumes_crossed_is_the_next_months() -> None:
    # Friday 8 March: the next session is Monday's, which opens on Sunday at 17:00 in Chicago,
    # since that morning UTC-5; Wednesday evening before the first bars still UTC-6.
    rolls = by_volume("ES", CROSSED, days("ES"))
    assert reported(rolls) == [
        (None, "ESH24", "03-06 23:00", "the first bars"),
        ("ESH24", "ESM24", "03-10 22:00", "volume"),
    ]
    assert rolls[1].evidence == {
        "why": "volume", "on": "2024-03-08", "from_volume": 90, "to_volume": 95,
    }  # fmt: skip
    assert [(roll.root, roll.rule, roll.gap) for roll in rolls] == [("ES", "volume", None)] * 2


def test_it_never_rolls_back() -> None:
    again = traded("2024-03-12", ESH24=500, ESM24=1)
    assert by_volume("ES", CROSSED + again, days("ES")) == by_volume("ES", CROSSED, days("ES"))


@pytest.mark.parametrize(
    ("front", "later"), [(90, 90), (90, None), (None, 90), (None, None), (90, 0), (0, 0)]
)
def test_equal_or_unknown_volumes_are_no_crossing(front: int | None, later: int | None) -> None:
    rows = traded("2024-03-07", ESH24=100) + traded("2024-03-08", ESH24=front, ESM24=later)
    assert len(by_volume("ES", rows, days("ES"))) == 1


def test_a_front_month_without_a_bar_is_not_taken_for_one_that_traded_nothing() -> None:
    rows = traded("2024-03-07", ESH24=100) + traded("2024-03-08", ESM24=3)
    assert len(by_volume("ES", rows, days("ES"))) == 1


def test_a_front_month_with_zero_volume_is_left() -> None:
    rows = traded("2024-03-07", ESH24=100) + traded("2024-03-08", ESH24=0, ESM24=3)
    assert reported(by_volume("ES", rows, days("ES")))[1:] == [
        ("ESH24", "ESM24", "03-10 22:00", "volume")
    ]


def test_the_series_begins_with_the_month_that_traded_most_on_the_first_day() -> None:
    rows = traded("2024-03-13", ESH24=5, ESM24=80, ESU24=7)
    assert reported(by_volume("ES", rows, days("ES"))) == [
        (None, "ESM24", "03-12 22:00", "the first bars")
    ]
    even = traded("2024-03-13", ESM24=5, ESH24=5)
    assert by_volume("ES", even, days("ES"))[0].to_contract == "ESH24"


def test_a_month_in_between_that_hardly_trades_is_passed_over() -> None:
    # Gold leaves August for December: October never trades more.
    rows = traded("2024-07-24", GCQ24=100, GCV24=4, GCZ24=60)
    rows += traded("2024-07-25", GCQ24=50, GCV24=6, GCZ24=80)
    assert reported(by_volume("GC", rows, days("GC")))[1:] == [
        ("GCQ24", "GCZ24", "07-25 22:00", "volume")
    ]


def test_months_that_never_overlap_follow_one_another_without_a_hole() -> None:
    # The last trade of March is on Friday the 15th; June's bars begin with Monday's session.
    rows = traded("2024-03-14", ESH24=9) + traded("2024-03-15", ESH24=8)
    rows += traded("2024-03-18", ESM24=1) + traded("2024-03-19", ESM24=2)
    assert reported(by_volume("ES", rows, days("ES")))[1:] == [
        ("ESH24", "ESM24", "03-17 22:00", "expiry")
    ]


def test_a_month_that_ended_while_nothing_was_recorded_gives_way_at_its_end() -> None:
    rows = traded("2024-03-08", ESH24=9) + traded("2024-07-01", ESU24=5, ESZ24=2)
    assert reported(by_volume("ES", rows, days("ES")))[1:] == [
        ("ESH24", "ESU24", "03-17 22:00", "expiry")
    ]


def test_two_changes_may_lie_on_two_sessions_running() -> None:
    # June is the front month after March's end on the 15th, and is overtaken the day it begins.
    rows = traded("2024-03-15", ESH24=9)
    rows += traded("2024-03-18", ESM24=7, ESU24=5) + traded("2024-03-19", ESM24=4, ESU24=5)
    assert reported(by_volume("ES", rows, days("ES")))[1:] == [
        ("ESH24", "ESM24", "03-17 22:00", "expiry"),
        ("ESM24", "ESU24", "03-19 22:00", "volume"),
    ]


def test_no_delivered_month_is_the_front_on_its_first_notice_day() -> None:
    # Gold of April: first notice on Thursday 28 March, whose session opens on the 27th.
    rows = traded("2024-03-26", GCJ24=100, GCM24=60) + traded("2024-03-27", GCJ24=100, GCM24=70)
    assert reported(by_volume("GC", rows, days("GC")))[1:] == [
        ("GCJ24", "GCM24", "03-27 22:00", "first notice")
    ]
    alone = traded("2024-03-26", GCJ24=100) + traded("2024-03-27", GCJ24=100)
    alone += traded("2024-04-01", GCJ24=10)
    assert len(by_volume("GC", alone, days("GC"))) == 1


def test_the_session_of_a_holiday_is_a_session() -> None:
    # Friday 24 May 2024; Memorial Day's session opens on Sunday.
    rows = traded("2024-05-23", ESM24=9) + traded("2024-05-24", ESM24=1, ESU24=2)
    assert reported(by_volume("ES", rows, days("ES")))[1:] == [
        ("ESM24", "ESU24", "05-26 22:00", "volume")
    ]


def test_a_change_before_the_first_known_session_is_reported() -> None:
    rows = traded("2023-11-01", ESH24=9, ESM24=1) + traded("2023-11-02", ESH24=1, ESM24=9)
    with pytest.raises(NotFound, match="2023-11-02 is outside what is known, 2023-12-01 to"):
        by_volume("ES", rows, days("ES"))


QUARTERS = ("ESH24", "ESM24", "ESU24", "ESZ24")
SESSIONS = [
    day
    for day in (date(2024, 1, 2) + timedelta(days=n) for n in range(330))
    if days("ES").close_at(day) is not None
]


@st.composite
def markets(draw: st.DrawFn) -> list[Traded]:
    """Any volumes of any months on any days on which they trade."""
    volumes = st.dictionaries(
        st.sampled_from(QUARTERS), st.one_of(st.none(), st.integers(0, 3)), min_size=1
    )
    reported_of = draw(st.dictionaries(st.sampled_from(SESSIONS), volumes, min_size=1, max_size=25))
    return [
        row
        for day, of in reported_of.items()
        for row in traded(day.isoformat(), **of)
        if row.contract.last_trade >= day
    ]


@given(markets())
def test_whatever_trades_the_front_only_moves_on_and_no_roll_looks_ahead(
    rows: list[Traded],
) -> None:
    rolls = by_volume("ES", rows, days("ES"))
    assert [roll.from_contract for roll in rolls[1:]] == [roll.to_contract for roll in rolls[:-1]]
    for earlier, later in pairwise(rolls):
        assert earlier.rolled_at < later.rolled_at
        assert one(earlier.to_contract).month < one(later.to_contract).month
        # It is the front month until its end at the latest.
        assert later.rolled_at <= day_start(
            days("ES").following(one(earlier.to_contract).last_trade)
        )
    for end in sorted({row.trade_date for row in rows}):
        known = by_volume("ES", [row for row in rows if row.trade_date <= end], days("ES"))
        assert rolls[: len(known)] == known


YEAR = [
    row
    for day in SESSIONS
    for row in traded(day.isoformat(), **dict.fromkeys(QUARTERS, 1))
    if row.contract.last_trade >= day
]


@pytest.mark.parametrize(
    ("before", "march", "june"),
    [
        # 15 March and 21 June 2024 are the last trades; on the evening before.
        (0, "03-14 22:00", "06-20 22:00"),
        # 14, 13, 12, 11, 8 March: the 7th is still in winter time. 20, 18, 17, 14, 13 June:
        # Juneteenth has a session and is no business day.
        (5, "03-07 23:00", "06-12 22:00"),
    ],
)
def test_the_expiry_rule_counts_business_days_before_the_last_trade(
    before: int, march: str, june: str
) -> None:
    rolls = by_expiry("ES", YEAR, days("ES"), before)
    why = f"{before} business days before"
    assert reported(rolls)[:3] == [
        (None, "ESH24", "01-01 23:00", "the first bars"),
        ("ESH24", "ESM24", march, why),
        ("ESM24", "ESU24", june, why),
    ]
    assert {roll.rule for roll in rolls} == {f"expiry-{before}"}
    assert rolls[1].evidence["leave_by"] == "2024-03-15"


def test_the_expiry_rule_leaves_before_first_notice_and_keeps_to_the_active_months() -> None:
    # Gold of April: notice on 28 March; 27, 26, 25 are the three business days before.
    # May gives no price to the front month, August's turn has not come.
    rows = traded("2024-03-01", GCJ24=9, GCK24=9, GCM24=9) + traded("2024-04-05", GCK24=9, GCM24=9)
    rows += traded("2024-04-05", GCQ24=9)
    assert reported(by_expiry("GC", rows, days("GC"), 3)) == [
        (None, "GCJ24", "02-29 23:00", "the first bars"),
        ("GCJ24", "GCM24", "03-24 22:00", "3 business days before"),
    ]


def test_the_expiry_rule_passes_over_months_without_bars_or_left_already() -> None:
    # On 11 March 2024 March is within its five days already.
    rows = traded("2024-03-11", ESH24=9, ESM24=9) + traded("2024-12-02", ESZ24=9)
    assert reported(by_expiry("ES", rows, days("ES"), 5)) == [
        (None, "ESM24", "03-10 22:00", "the first bars"),
        ("ESM24", "ESZ24", "06-12 22:00", "5 business days before"),
    ]


def test_the_expiry_rule_gives_no_roll_ahead_of_the_bars() -> None:
    rows = [row for row in YEAR if row.trade_date <= date(2024, 3, 7)]
    assert len(by_expiry("ES", rows, days("ES"), 5)) == 1
    rows = [row for row in YEAR if row.trade_date <= date(2024, 3, 8)]
    assert len(by_expiry("ES", rows, days("ES"), 5)) == 2


def test_where_only_other_months_trade_the_expiry_rule_has_no_front() -> None:
    assert by_expiry("GC", traded("2024-03-01", GCK24=9), days("GC"), 3) == []


def test_days_below_zero_are_refused() -> None:
    with pytest.raises(Rejected, match="days: -1 has to be 0 or more"):
        rule_name(-1)


def test_a_trade_date_begins_at_five_in_the_afternoon_in_chicago() -> None:
    assert day_start(date(2024, 3, 11)) == datetime(2024, 3, 10, 22, tzinfo=UTC)
    assert day_start(date(2024, 1, 2)) == datetime(2024, 1, 1, 23, tzinfo=UTC)
