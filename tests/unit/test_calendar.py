"""Hours, holidays and early closes, by hand from the exchanges' rules and against ES bars.

Times in the tests are UTC; Chicago is UTC-6 in winter (CST) and UTC-5 in summer (CDT).
"""

import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from thor.domain.calendar import compute
from thor.domain.hours import HOURS, Override, overridden
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
    sessions = SESSIONS.sessions_between("CME_EQUITY", start, end)
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
