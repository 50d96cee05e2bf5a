"""Hours, holidays and early closes, by hand from the exchanges' rules and against ES bars.

Times in the tests are UTC; Chicago is UTC-6 in winter (CST) and UTC-5 in summer (CDT).
"""

import subprocess
import sys
from datetime import UTC, date, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow.parquet as pq
import pytest

from thor.domain.calendar import compute, compute_own
from thor.domain.hours import HOURS, Hours, Override, overridden
from thor.domain.sessions import CHICAGO, Sessions
from thor.errors import Rejected

ES_BARS = Path(__file__).parents[2].parent / "shared/data/bars/es_5m_2015_2023.parquet"
SESSIONS = Sessions(
    row for calendar in HOURS for row in compute(calendar, date(2013, 1, 1), date(2027, 12, 31))
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("calendar", "day", "opens", "closes"),
    [
        # Clocks go forward on 8 March 2026: the Friday before is CST, Sunday's opening CDT.
        ("CME_EQUITY", "2026-03-06", "2026-03-05 23:00", "2026-03-06 22:00"),
        ("CME_EQUITY", "2026-03-09", "2026-03-08 22:00", "2026-03-09 21:00"),
        # New York changes the same night: 20:00-17:00 EST, Sunday 18:00 EDT.
        ("ICE", "2026-03-06", "2026-03-06 01:00", "2026-03-06 22:00"),
        ("ICE", "2026-03-09", "2026-03-08 22:00", "2026-03-09 21:00"),
        ("ICE", "2026-03-10", "2026-03-10 00:00", "2026-03-10 21:00"),
        # Of other years: 9 March and 2 November 2025, 14 March and 7 November 2027.
        ("CME_EQUITY", "2025-03-07", "2025-03-06 23:00", "2025-03-07 22:00"),
        ("CME_EQUITY", "2025-03-10", "2025-03-09 22:00", "2025-03-10 21:00"),
        ("CME_EQUITY", "2025-11-03", "2025-11-02 23:00", "2025-11-03 22:00"),
        ("CME_EQUITY", "2027-03-15", "2027-03-14 22:00", "2027-03-15 21:00"),
        ("CME_EQUITY", "2027-11-08", "2027-11-07 23:00", "2027-11-08 22:00"),
        # Juneteenth of 2026, a Friday: 12:00 CDT.
        ("CME_EQUITY", "2026-06-19", "2026-06-18 22:00", "2026-06-19 17:00"),
        ("CME_ENERGY", "2026-06-19", "2026-06-18 22:00", "2026-06-19 17:00"),
        # Clocks go back on 1 November 2026.
        ("CME_RATES", "2026-10-30", "2026-10-29 22:00", "2026-10-30 21:00"),
        ("CME_RATES", "2026-11-02", "2026-11-01 23:00", "2026-11-02 22:00"),
        ("CFE", "2026-11-02", "2026-11-01 23:00", "2026-11-02 22:00"),
        # Thanksgiving, 26 November 2026: equity halts at 12:00 CST, energy and metals at 13:30,
        # VX at 10:30, the dollar index at 13:00 New York; all but the last reopen at 17:00 CST.
        ("CME_EQUITY", "2026-11-26", "2026-11-25 23:00", "2026-11-26 18:00"),
        ("CME_RATES", "2026-11-26", "2026-11-25 23:00", "2026-11-26 18:00"),
        ("CME_ENERGY", "2026-11-26", "2026-11-25 23:00", "2026-11-26 19:30"),
        ("CFE", "2026-11-26", "2026-11-25 23:00", "2026-11-26 16:30"),
        ("ICE", "2026-11-26", "2026-11-26 01:00", "2026-11-26 18:00"),
        # The Friday after: 12:15 CST; energy and metals 13:45 since 2025; DX 13:15 New York.
        ("CME_EQUITY", "2026-11-27", "2026-11-26 23:00", "2026-11-27 18:15"),
        ("CME_RATES", "2026-11-27", "2026-11-26 23:00", "2026-11-27 18:15"),
        ("CME_METALS", "2026-11-27", "2026-11-26 23:00", "2026-11-27 19:45"),
        ("CME_METALS", "2023-11-24", "2023-11-23 23:00", "2023-11-24 18:45"),
        ("CFE", "2026-11-27", "2026-11-26 23:00", "2026-11-27 18:15"),
        ("ICE", "2026-11-27", "2026-11-27 01:00", "2026-11-27 18:15"),
        # Good Friday 2026 has an employment report: equity 08:15 CDT, rates 10:15 CDT.
        ("CME_EQUITY", "2026-04-03", "2026-04-02 22:00", "2026-04-03 13:15"),
        ("CME_RATES", "2026-04-03", "2026-04-02 22:00", "2026-04-03 15:15"),
        # Christmas Eve 2026: 12:15 CST, energy and metals 12:45; Monday the 28th opens on Sunday.
        ("CME_EQUITY", "2026-12-24", "2026-12-23 23:00", "2026-12-24 18:15"),
        ("CME_ENERGY", "2026-12-24", "2026-12-23 23:00", "2026-12-24 18:45"),
        ("CFE", "2026-12-24", "2026-12-23 23:00", "2026-12-24 18:15"),
        ("CME_EQUITY", "2026-12-28", "2026-12-27 23:00", "2026-12-28 22:00"),
        # Christmas on a Monday: the 26th opens on Christmas Day at 17:00 CST.
        ("CME_EQUITY", "2023-12-26", "2023-12-25 23:00", "2023-12-26 22:00"),
        # New Year's Eve is whole, and trading begins again at 17:00 CST on the 1st.
        ("CME_EQUITY", "2025-12-31", "2025-12-30 23:00", "2025-12-31 22:00"),
        ("CME_EQUITY", "2026-01-02", "2026-01-01 23:00", "2026-01-02 22:00"),
        # 4 July 2026 is a Saturday, kept on Friday the 3rd: noon. In 2025 the 3rd was its eve:
        # equity 12:15 CDT, the others whole; the 4th, a Friday, noon for energy too.
        ("CME_EQUITY", "2026-07-03", "2026-07-02 22:00", "2026-07-03 17:00"),
        ("CME_EQUITY", "2025-07-03", "2025-07-02 22:00", "2025-07-03 17:15"),
        ("CME_RATES", "2025-07-03", "2025-07-02 22:00", "2025-07-03 21:00"),
        ("CME_ENERGY", "2025-07-04", "2025-07-03 22:00", "2025-07-04 17:00"),
        # Labor Day: energy and metals 13:30 CDT since 2022, noon before.
        ("CME_METALS", "2024-09-02", "2024-09-01 22:00", "2024-09-02 18:30"),
        ("CME_METALS", "2021-09-06", "2021-09-05 22:00", "2021-09-06 17:00"),
        # The day of mourning, 9 January 2025: equity and VX 08:30 CST, rates 12:15, DX whole.
        ("CME_EQUITY", "2025-01-09", "2025-01-08 23:00", "2025-01-09 14:30"),
        ("CME_RATES", "2025-01-09", "2025-01-08 23:00", "2025-01-09 18:15"),
        ("ICE", "2025-01-09", "2025-01-09 01:00", "2025-01-09 22:00"),
        # Until 18 September 2015 equity, energy and metals closed at 16:15 CDT.
        ("CME_EQUITY", "2015-09-18", "2015-09-17 22:00", "2015-09-18 21:15"),
        ("CME_EQUITY", "2015-09-21", "2015-09-20 22:00", "2015-09-21 21:00"),
        ("CME_METALS", "2013-10-07", "2013-10-06 22:00", "2013-10-07 21:15"),
        # Presidents' Day 2023 and 4 July 2024, as the exchange announced them: metals 13:30,
        # currencies and crypto whole, grains again from 19:00 on the Monday, livestock closed.
        ("CME_METALS", "2023-02-20", "2023-02-19 23:00", "2023-02-20 19:30"),
        ("CME_FX", "2023-02-20", "2023-02-19 23:00", "2023-02-20 22:00"),
        ("CME_CRYPTO", "2023-02-20", "2023-02-19 23:00", "2023-02-20 22:00"),
        ("CME_GRAINS", "2023-02-21", "2023-02-21 01:00", "2023-02-21 19:20"),
        ("CME_METALS", "2024-07-04", "2024-07-03 22:00", "2024-07-04 18:30"),
        ("CME_ENERGY", "2024-07-04", "2024-07-03 22:00", "2024-07-04 18:30"),
        ("CME_FX", "2024-07-04", "2024-07-03 22:00", "2024-07-04 21:00"),
        # After a holiday within the week, and after Christmas, grains have no night.
        ("CME_GRAINS", "2024-07-05", "2024-07-05 13:30", "2024-07-05 18:20"),
        ("CME_GRAINS", "2023-12-26", "2023-12-26 14:30", "2023-12-26 19:20"),
        ("CME_GRAINS", "2024-03-11", "2024-03-11 00:00", "2024-03-11 18:20"),
        # The Friday after Thanksgiving: 12:05; the days of before 2015 ended at 13:15 and 14:00.
        ("CME_GRAINS", "2023-11-24", "2023-11-24 14:30", "2023-11-24 18:05"),
        ("CME_GRAINS", "2014-03-04", "2014-03-04 01:00", "2014-03-04 19:15"),
        ("CME_GRAINS", "2013-03-05", "2013-03-04 23:00", "2013-03-05 20:00"),
        ("CME_LIVESTOCK", "2024-03-11", "2024-03-11 13:30", "2024-03-11 18:05"),
        ("CME_LIVESTOCK", "2023-11-24", "2023-11-24 14:30", "2023-11-24 18:05"),
        # Good Friday with an employment report: currencies 10:15 CDT.
        ("CME_FX", "2026-04-03", "2026-04-02 22:00", "2026-04-03 15:15"),
        # Stocks from 4:00 to 20:00 in New York, until 17:00 where the exchanges close at 13:00.
        ("US_EQUITY", "2024-03-08", "2024-03-08 09:00", "2024-03-09 01:00"),
        ("US_EQUITY", "2024-03-11", "2024-03-11 08:00", "2024-03-12 00:00"),
        ("US_EQUITY", "2024-11-29", "2024-11-29 09:00", "2024-11-29 22:00"),
    ],
)
def test_a_session_has_the_exchanges_hours(
    calendar: str, day: str, opens: str, closes: str
) -> None:
    session = SESSIONS.session(calendar, date.fromisoformat(day))
    assert session is not None
    assert (session.open_at, session.close_at) == (at(opens), at(closes))


@pytest.mark.parametrize("calendar", HOURS)
@pytest.mark.parametrize(
    "day",
    [
        "2025-12-25",
        "2026-01-01",
        "2025-04-18",  # Good Friday, and no employment report that day
        "2024-03-29",
        "2027-03-26",
        "2021-12-24",  # Christmas on a Saturday, kept on Friday
        "2026-07-04",  # a Saturday
        "2026-07-05",  # a Sunday
    ],
)
def test_there_is_no_session_on_a_full_holiday_or_at_the_weekend(calendar: str, day: str) -> None:
    assert SESSIONS.session(calendar, date.fromisoformat(day)) is None


def test_the_storm_of_2012_closed_as_the_exchange_announced() -> None:
    def closes(calendar: str) -> dict[int, datetime]:
        rows = compute(calendar, date(2012, 10, 26), date(2012, 10, 31))
        return {row.trade_date.day: row.close_at for row in rows}

    # Equity futures until 8:15 CDT on both days, rates until 11:00 on the first, VX on neither.
    equity, rates = closes("CME_EQUITY"), closes("CME_RATES")
    assert (equity[29], equity[30]) == (at("2012-10-29 13:15"), at("2012-10-30 13:15"))
    assert (rates[29], rates[30]) == (at("2012-10-29 16:00"), at("2012-10-30 21:00"))
    assert sorted(closes("CFE")) == [26, 31]
    assert sorted(closes("US_EQUITY")) == [26, 31]
    assert closes("CME_FX")[29] == at("2012-10-29 21:00")


@pytest.mark.parametrize("day", ["2022-06-20", "2023-06-19", "2024-06-19", "2024-07-04"])
@pytest.mark.parametrize("calendar", ["CME_GRAINS", "CME_LIVESTOCK", "US_EQUITY"])
def test_grains_livestock_and_stocks_are_closed_on_the_holidays_of_the_country(
    calendar: str, day: str
) -> None:
    assert SESSIONS.session(calendar, date.fromisoformat(day)) is None


def test_the_regular_hours_of_stocks_end_where_the_exchanges_close() -> None:
    session = SESSIONS.session("US_EQUITY", date(2024, 11, 29))
    assert session is not None
    assert session.regular_open_at == at("2024-11-29 14:30")
    assert session.regular_close_at == at("2024-11-29 18:00")
    assert session.is_early_close


def test_a_stocks_trade_date_is_its_own_in_new_york() -> None:
    late_on_friday = at("2024-03-09 00:30")
    assert HOURS["US_EQUITY"].trade_date(late_on_friday) == date(2024, 3, 8)
    assert HOURS["CME_EQUITY"].trade_date(late_on_friday) == date(2024, 3, 9)


def test_a_calendar_of_ones_own_keeps_its_hours_and_the_holidays_that_it_shares() -> None:
    hours = Hours(
        zone=ZoneInfo("Europe/Berlin"),
        open=time(1, 10),
        close=time(22),
        regular_open=time(8),
        regular_close=time(22),
        opens_on_day=True,
    )
    span = date(2024, 12, 23), date(2024, 12, 27)
    shared = compute("CME_EQUITY", *span)
    closed = Override(calendar="EUREX", trade_date=date(2024, 12, 24), is_closed=True)
    rows = compute_own("EUREX", hours, shared, *span, [closed])
    assert [(row.open_at, row.close_at) for row in rows] == [
        (at(f"2024-12-{day} 00:10"), at(f"2024-12-{day} 21:00")) for day in (23, 26, 27)
    ]
    assert [row.trade_date.day for row in compute_own("EUREX", hours, None, *span)] == [
        23, 24, 25, 26, 27,
    ]  # fmt: skip


def test_an_override_removes_adds_and_changes_a_session() -> None:
    monday, tuesday = date(2026, 7, 6), date(2026, 7, 7)
    rows = compute(
        "CME_EQUITY",
        date(2026, 7, 3),
        date(2026, 7, 8),
        [
            Override(calendar="CME_EQUITY", trade_date=monday, is_closed=True, note="storm"),
            Override(
                calendar="CME_EQUITY",
                trade_date=tuesday,
                close_at=datetime(2026, 7, 7, 11, 0, tzinfo=CHICAGO),
                note="halt",
            ),
            Override(calendar="CFE", trade_date=date(2026, 7, 8), is_closed=True),
        ],
    )
    assert [row.trade_date.day for row in rows] == [3, 7, 8]
    changed = rows[1]
    assert (changed.open_at, changed.close_at) == (at("2026-07-06 22:00"), at("2026-07-07 16:00"))
    assert changed.regular_close_at == changed.close_at
    assert changed.is_early_close
    assert changed.note == "halt"
    added = overridden([], [Override(calendar="ICE", trade_date=date(2026, 12, 25), note="test")])
    assert [(row.open_at, row.close_at) for row in added] == [
        (at("2026-12-25 01:00"), at("2026-12-25 22:00"))
    ]


@pytest.mark.parametrize(
    ("opens", "closes", "complaint"),
    [
        (None, "2026-07-07T23:00:00+00:00", "trade date 2026-07-08"),
        ("2026-07-06T21:00:00+00:00", None, "trade date 2026-07-06"),
        ("2026-07-07T16:00:00+00:00", "2026-07-07T15:00:00+00:00", "is not after"),
        (None, "2026-07-07T15:00:00", "no time zone"),
    ],
)
def test_an_override_that_makes_no_sense_is_refused(
    opens: str | None, closes: str | None, complaint: str
) -> None:
    row = Override(
        calendar="CME_EQUITY",
        trade_date=date(2026, 7, 7),
        open_at=datetime.fromisoformat(opens) if opens else None,
        close_at=datetime.fromisoformat(closes) if closes else None,
    )
    with pytest.raises(Rejected, match=complaint):
        overridden([], [row])


def test_the_calendar_library_is_imported_only_when_sessions_are_computed() -> None:
    program = "import sys, thor.domain.calendar; print('pandas' in sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    )
    assert ran.stdout == "False\n"


@pytest.mark.skipif(not ES_BARS.exists(), reason="the shared market data is not on this machine")
def test_eight_years_of_real_es_bars_fill_exactly_the_computed_sessions() -> None:
    stamps = pq.read_table(ES_BARS, columns=["ts"])["ts"].to_numpy().astype("datetime64[s]")
    start, end = at("2015-09-20 22:00"), at("2023-12-14 22:00")
    bars = np.sort(stamps.astype("int64"))
    bars = bars[(bars >= start.timestamp()) & (bars < end.timestamp())]
    sessions = [
        row
        for row in compute("CME_EQUITY", start.date(), end.date())
        if start < row.close_at and row.open_at < end
    ]
    is_outside = np.ones(len(bars), dtype=bool)
    for row in sessions:
        first, last = np.searchsorted(bars, [row.open_at.timestamp(), row.close_at.timestamp()])
        assert last > first, f"no bar on {row.trade_date}"
        is_outside[first:last] = False
        # The file changes contract at 08:30 on the third Friday of a quarter's last month.
        day = row.trade_date
        is_expiry = day.month % 3 == 0 and day.weekday() == 4 and 15 <= day.day <= 21
        if not is_expiry:
            assert bars[last - 1] + 300 == row.close_at.timestamp(), day
    # Prints of the closing second make a bar of their own on a few days, outside by an instant.
    closes = {row.close_at.timestamp() for row in sessions}
    assert is_outside.sum() < 20
    assert closes.issuperset(bars[is_outside].tolist())
