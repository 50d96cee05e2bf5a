"""Dates of contract months, worked out by hand from the exchanges' rules and against ES bars."""

from datetime import UTC, date, datetime
from functools import cache
from itertools import pairwise
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from thor.domain.business_days import BusinessDays
from thor.domain.calendar import compute
from thor.domain.contracts import (
    RULES,
    Contract,
    called,
    contract,
    contracts,
    of_series,
    rule_of,
)
from thor.errors import NotFound, Rejected

ES_BARS = Path(__file__).parents[2].parent / "shared/data/bars/es_5m_2015_2023.parquet"
CALENDARS = {
    "ES": "CME_EQUITY", "NQ": "CME_EQUITY", "YM": "CME_EQUITY", "RTY": "CME_EQUITY",
    "CL": "CME_ENERGY", "GC": "CME_METALS", "SI": "CME_METALS", "HG": "CME_METALS",
    "ZB": "CME_RATES", "VX": "CFE", "DX": "ICE",
}  # fmt: skip


@cache
def days(calendar: str) -> BusinessDays:
    return BusinessDays(compute(calendar, date(2012, 1, 1), date(2028, 12, 31)))


@cache
def all_of(root: str) -> list[Contract]:
    return contracts(root, date(2012, 1, 1), date(2028, 12, 31), days(CALENDARS[root]))


def found(root: str, month: str) -> Contract:
    return contract(root, date.fromisoformat(f"{month}-01"), days(CALENDARS[root]))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("root", "month", "last_trade"),
    [
        # March 2024 begins on a Friday: the third is the 15th.
        ("ES", "2024-03", "2024-03-15"),
        ("NQ", "2024-03", "2024-03-15"),
        ("YM", "2024-03", "2024-03-15"),
        ("RTY", "2024-03", "2024-03-15"),
        ("ES", "2013-12", "2013-12-20"),
        ("ES", "2023-12", "2023-12-15"),
        # 19 June was no holiday of the exchange in 2020; in 2026 it is, so Thursday.
        ("ES", "2020-06", "2020-06-19"),
        ("ES", "2026-06", "2026-06-18"),
        # 25 April 2020 is a Saturday; before Friday the 24th: 23, 22, 21. The day after -37.63.
        ("CL", "2020-05", "2020-04-21"),
        # 25 May 2020 is Memorial Day; before Friday the 22nd: 21, 20, 19.
        ("CL", "2020-06", "2020-05-19"),
        # Christmas; before Friday 22 December 2023: 21, 20, 19.
        ("CL", "2024-01", "2023-12-19"),
        # 25 November 2023 is a Saturday; the Friday counts, Thanksgiving (23rd) does not:
        # before Friday the 24th: 22, 21, 20.
        ("CL", "2023-12", "2023-11-20"),
        # Tuesday 25 June 2024: 24, 21, 20; Juneteenth (19th) is not reached.
        ("CL", "2024-07", "2024-06-20"),
        # Sunday 25 February 2024; before Friday the 23rd: 22, 21, 20; Presidents' Day was the 19th.
        ("CL", "2024-03", "2024-02-20"),
        # The third Friday of February 2024 is the 16th: 30 days before is 17 January.
        ("VX", "2024-01", "2024-01-17"),
        ("VX", "2024-02", "2024-02-14"),
        # 18 April 2014 is Good Friday, 30 days before it 19 March: so Tuesday the 18th.
        ("VX", "2014-03", "2014-03-18"),
        ("VX", "2025-03", "2025-03-18"),
        # 30 days before 19 July 2024 is Juneteenth itself, a Wednesday: so Tuesday.
        ("VX", "2024-06", "2024-06-18"),
        # The third Wednesday of March 2024 is the 20th, of December 2023 too.
        ("DX", "2024-03", "2024-03-18"),
        ("DX", "2023-12", "2023-12-18"),
        # That of June 2024 is Juneteenth: Tuesday, Monday.
        ("DX", "2024-06", "2024-06-17"),
    ],
)
def test_a_contract_settled_in_cash_or_without_early_notice_ends_by_its_rule(
    root: str, month: str, last_trade: str
) -> None:
    one = found(root, month)
    assert one.last_trade == date.fromisoformat(last_trade)
    assert one.first_notice is None
    assert one.leave_by == one.last_trade


@pytest.mark.parametrize(
    ("root", "month", "first_notice", "last_trade"),
    [
        # December 2023 ends with 27, 28, 29; November with Thursday the 30th.
        ("GC", "2023-12", "2023-11-30", "2023-12-27"),
        ("HG", "2023-12", "2023-11-30", "2023-12-27"),
        # February 2024: 27, 28, 29.
        ("GC", "2024-02", "2024-01-31", "2024-02-27"),
        # 29 March 2024 is Good Friday: March ends with 26, 27, 28.
        ("SI", "2024-03", "2024-02-29", "2024-03-26"),
        ("GC", "2024-04", "2024-03-28", "2024-04-26"),
        # Thanksgiving, 28 November 2024, trades until half past one and is no business day:
        # 26, 27, 29.
        ("GC", "2024-11", "2024-10-31", "2024-11-26"),
        # Seven before the 28th: 27, 26, 25, 22, 21, 20, 19.
        ("ZB", "2024-03", "2024-02-29", "2024-03-19"),
        # Seven before 29 December 2023: 28, 27, 26, 22, 21, 20, 19; Christmas is a Monday.
        ("ZB", "2023-12", "2023-11-30", "2023-12-19"),
        # Seven before 28 June 2024: 27, 26, 25, 24, 21, 20, 18; Juneteenth is a Wednesday.
        ("ZB", "2024-06", "2024-05-31", "2024-06-18"),
    ],
)
def test_a_contract_with_early_notice_ends_by_its_rule_and_is_left_before_it(
    root: str, month: str, first_notice: str, last_trade: str
) -> None:
    one = found(root, month)
    assert one.first_notice == one.leave_by == date.fromisoformat(first_notice)
    assert one.last_trade == date.fromisoformat(last_trade)


@pytest.mark.parametrize(
    ("root", "month", "expiry"),
    [
        # Chicago is UTC-6 in winter and UTC-5 in summer, New York an hour nearer.
        ("ES", "2023-12", "2023-12-15 14:30"),
        ("ES", "2024-06", "2024-06-21 13:30"),
        ("CL", "2020-05", "2020-04-21 18:30"),
        ("GC", "2023-12", "2023-12-27 18:30"),
        ("SI", "2024-03", "2024-03-26 17:25"),
        ("HG", "2023-12", "2023-12-27 18:00"),
        ("ZB", "2024-03", "2024-03-19 17:01"),
        ("VX", "2024-01", "2024-01-17 14:00"),
        ("DX", "2024-03", "2024-03-18 14:16"),
    ],
)
def test_trading_ends_at_the_exchanges_hour_of_the_last_day(
    root: str, month: str, expiry: str
) -> None:
    assert found(root, month).expiry == at(expiry)


@pytest.mark.skipif(not ES_BARS.exists(), reason="the shared market data is not on this machine")
def test_the_last_bar_of_each_of_36_real_contracts_ends_when_the_contract_does() -> None:
    table = pq.read_table(ES_BARS, columns=["contract", "ts"])
    last = table.group_by("contract").aggregate([("ts", "max")]).to_pylist()
    assert len(last) == 36
    for row in last:
        ends = row["ts_max"].timestamp() + 300
        one = of_series(called(row["contract"], all_of("ES")), row["ts_max"].date())
        assert one is not None
        assert one.expiry.timestamp() == ends, row["contract"]


@pytest.mark.parametrize(
    ("root", "codes"),
    [
        ("ES", ["ESH24", "ESM24", "ESU24", "ESZ24"]),
        ("ZB", ["ZBH24", "ZBM24", "ZBU24", "ZBZ24"]),
        ("DX", ["DXH24", "DXM24", "DXU24", "DXZ24"]),
        ("VX", [f"VX{letter}24" for letter in "FGHJKMNQUVXZ"]),
        ("CL", [f"CL{letter}24" for letter in "FGHJKMNQUVXZ"]),
        # Gold trades in every month, thinly outside its cycle.
        ("GC", [f"GC{letter}24" for letter in "FGHJKMNQUVXZ"]),
    ],
)
def test_the_months_of_a_year_are_those_the_exchange_lists(root: str, codes: list[str]) -> None:
    year = contracts(root, date(2024, 1, 31), date(2024, 12, 1), days(CALENDARS[root]))
    assert [one.symbol for one in year] == codes


def test_the_front_month_moves_among_the_active_months_of_a_root() -> None:
    assert {root: rule.months for root, rule in RULES.items()} == {
        **dict.fromkeys(["ES", "NQ", "YM", "RTY", "ZB", "DX"], "HMUZ"),
        **dict.fromkeys(["CL", "VX"], "FGHJKMNQUVXZ"),
        "GC": "GJMQVZ",
        **dict.fromkeys(["SI", "HG"], "HKNUZ"),
    }


def test_small_caps_begin_when_they_came_to_the_exchange() -> None:
    assert all_of("RTY")[0].month == date(2017, 9, 1)


@pytest.mark.parametrize("root", RULES)
def test_a_later_month_ends_later_and_every_date_is_a_business_day(root: str) -> None:
    months = all_of(root)
    assert len(months) >= 4 * 11
    known = days(CALENDARS[root])
    for earlier, later in pairwise(months):
        assert earlier.last_trade < later.last_trade
        assert earlier.leave_by < later.leave_by
    for one in months:
        assert known.has(one.last_trade)
        assert known.has(one.leave_by)
        assert one.expiry.date() == one.last_trade
        assert abs((one.last_trade - one.month).days) <= 42


def test_months_whose_days_are_not_known_yet_are_left_out() -> None:
    short = BusinessDays(compute("CFE", date(2024, 1, 1), date(2024, 6, 28)))
    # June needs a Friday of July; January's third Friday of February is known.
    months = contracts("VX", date(2023, 1, 1), date(2030, 1, 1), short)
    assert [one.symbol for one in months] == ["VXG24", "VXH24", "VXJ24", "VXK24"]
    with pytest.raises(NotFound, match="2024-07-19 is outside what is known, 2024-01-02 to"):
        contract("VX", date(2024, 6, 1), short)


def test_a_root_without_a_rule_gets_the_command_to_add_its_months() -> None:
    with pytest.raises(NotFound, match="thor contracts add 6EH27 --last-trade"):
        rule_of("6E")


def test_a_reversed_span_is_refused() -> None:
    with pytest.raises(Rejected, match="from: 2024-05-01 is after to, 2024-01-01"):
        contracts("ES", date(2024, 5, 1), date(2024, 1, 1), days("CME_EQUITY"))


def test_a_series_is_of_the_first_month_of_its_name_that_has_not_ended() -> None:
    months = called("ESZ3", all_of("ES"))
    assert [one.month.year for one in months] == [2013, 2023]

    def of(day: str) -> int | None:
        one = of_series(months, date.fromisoformat(day))
        return one.month.year if one else None

    assert [of("2013-10-07"), of("2013-12-20"), of("2013-12-23"), of("2023-12-15")] == [
        2013, 2013, 2023, 2023,
    ]  # fmt: skip
    assert of("2023-12-18") is None
    assert [one.month.year for one in called("ESZ23", all_of("ES"))] == [2023]


def test_business_days_are_not_the_holidays_on_which_globex_trades_until_noon() -> None:
    equity = days("CME_EQUITY")
    # Martin Luther King Day 2024, Good Friday 2026 with an employment report.
    assert equity.close_at(date(2024, 1, 15)) is not None
    assert not equity.has(date(2024, 1, 15))
    assert not equity.has(date(2026, 4, 3))
    assert equity.before(date(2024, 1, 16)) == date(2024, 1, 12)
    assert equity.on_or_before(date(2024, 1, 15)) == date(2024, 1, 12)
    assert equity.last_of(date(2024, 3, 1)) == date(2024, 3, 28)
    assert equity.last_of(date(2024, 3, 1), 3) == date(2024, 3, 26)


def test_the_next_session_may_be_a_holidays() -> None:
    assert days("CME_EQUITY").following(date(2024, 1, 12)) == date(2024, 1, 15)
    assert days("CME_EQUITY").following(date(2024, 3, 28)) == date(2024, 4, 1)
    with pytest.raises(NotFound, match="outside what is known"):
        days("CME_EQUITY").following(date(2028, 12, 29))


def test_without_sessions_there_are_no_business_days() -> None:
    with pytest.raises(NotFound, match="thor db up"):
        BusinessDays([])
