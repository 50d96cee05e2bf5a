"""Imported bars make the wider ones, and a vendor's day is known when it has ended."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from ticks_made import rows, value

from thor import database
from thor.domain.calendar import compute
from thor.errors import Refused
from thor.flow.import_bars import Imported, import_bars
from thor.market.collect.files.bar_tape import open_bars

Link = psycopg.Connection[Any]

HEAD = "symbol,ts,interval,open,high,low,close,volume,n_trades,ask_volume,bid_volume,open_interest"
# The last minutes of Tuesday, 9 July 2024, to 16:00 in Chicago, and the first of Wednesday's.
MINUTES = (
    "ES,2024-07-09T20:03:00Z,1m,5000,5002,4999,5001,10,4,6,4,100",
    "ES,2024-07-09T20:04:00Z,1m,5001,5009,5000,5003,20,6,15,5,110",
    "ES,2024-07-09T20:05:00Z,1m,5003,5004,4990,4991,30,7,10,20,",
    "ES,2024-07-09T20:59:00Z,1m,4991,4995,4991,4994,40,8,20,20,120",
    "ES,2024-07-09T22:00:00Z,1m,4996,4998,4995,4997,5,2,2,3,130",
)


@pytest.fixture
def faults(data: Path) -> Path:
    """Small files that a fault was shown with."""
    return data / "faults"


def take(link: Link, folder: Path, *lines: str, head: str = HEAD, **options: Any) -> Imported:
    path = folder / f"{len(list(folder.iterdir()))}.csv"
    path.write_text("\n".join([head, *lines]) + "\n")
    return import_bars(link, open_bars(path, as_root=options.pop("as_root", None)), **options)


def bars(link: Link, width: str, symbol: str = "ES") -> list[tuple[Any, ...]]:
    found = rows(
        link,
        "select to_char(bar_start at time zone 'UTC', 'DD HH24:MI') as at, open::int, high::int,"
        " low::int, close::int, volume, trades, volume_buy, volume_sell, is_imported"
        f" from bars_{width} where symbol = %s order by bar_start",
        symbol,
    )
    return [tuple(row.values()) for row in found]


def test_minutes_make_five_minutes_hours_and_days_that_end_with_the_session(
    connection: Link, tmp_path: Path
) -> None:
    take(connection, tmp_path, *MINUTES)
    assert bars(connection, "5m") == [
        ("09 20:00", 5000, 5009, 4999, 5003, 30, 10, 21, 9, True),
        ("09 20:05", 5003, 5004, 4990, 4991, 30, 7, 10, 20, True),
        ("09 20:55", 4991, 4995, 4991, 4994, 40, 8, 20, 20, True),
        ("09 22:00", 4996, 4998, 4995, 4997, 5, 2, 2, 3, True),
    ]
    assert bars(connection, "1h") == [
        ("09 20:00", 5000, 5009, 4990, 4994, 100, 25, 51, 49, True),
        ("09 22:00", 4996, 4998, 4995, 4997, 5, 2, 2, 3, True),
    ]
    assert bars(connection, "1d") == [
        ("08 22:00", 5000, 5009, 4990, 4994, 100, 25, 51, 49, True),
        ("09 22:00", 4996, 4998, 4995, 4997, 5, 2, 2, 3, True),
    ]
    interest = "select open_interest from bars_imported where width = '1d' order by bar_start"
    assert [row["open_interest"] for row in rows(connection, interest)] == [120, 130]


def test_made_bars_are_distinguished_from_those_of_a_file(connection: Link, tmp_path: Path) -> None:
    done = take(connection, tmp_path, *MINUTES)
    assert (done.records, done.bars, done.written) == (5, 5, 5)
    query = "select width, made_of, count(*) from bars_imported group by 1, 2 order by 1"
    assert [tuple(row.values()) for row in rows(connection, query)] == [
        ("1d", "1h", 2), ("1h", "5m", 2), ("1m", None, 5), ("5m", "1m", 4)
    ]  # fmt: skip
    # A width that no file brought is not compared with the ticks'.
    again = import_bars(connection, open_bars(tmp_path / "0.csv"))
    assert (again.is_new, again.bars, again.written) == (False, 5, 0)


def test_seconds_make_every_wider_bar(connection: Link, tmp_path: Path) -> None:
    take(
        connection, tmp_path,
        "ES,2024-07-09T14:00:01Z,1s,10,11,9,10,1,1,1,0,",
        "ES,2024-07-09T14:00:59Z,1s,12,12,12,12,2,1,2,0,",
    )  # fmt: skip
    for width in ("1m", "5m", "1h"):
        assert bars(connection, width) == [("09 14:00", 10, 12, 9, 12, 3, 2, 3, 0, True)]


def test_a_file_s_own_wider_bar_stands_before_and_after_the_narrower(
    connection: Link, tmp_path: Path
) -> None:
    hour = "ES,2024-07-09T20:00:00Z,1h,5000,5010,4980,4995,111,30,60,51,"
    take(connection, tmp_path, hour)
    take(connection, tmp_path, *MINUTES)
    assert bars(connection, "1h")[0] == ("09 20:00", 5000, 5010, 4980, 4995, 111, 30, 60, 51, True)
    assert bars(connection, "1d")[0] == ("08 22:00", 5000, 5010, 4980, 4995, 111, 30, 60, 51, True)
    day = "ES,2024-07-09T00:00:00Z,1d,4900,5020,4890,4996,900,,,,"
    done = take(connection, tmp_path, day)
    assert done.written == 1
    assert bars(connection, "1d")[0][1:6] == (4900, 5020, 4890, 4996, 900)
    with pytest.raises(Refused, match="overlap"):
        take(connection, tmp_path, day.replace("900,", "901,"))


def test_a_later_file_of_an_hour_makes_its_day_anew(connection: Link, tmp_path: Path) -> None:
    take(connection, tmp_path, *MINUTES)
    take(connection, tmp_path, "ES,2024-07-09T20:00:00Z,1h,5000,5010,4980,4995,111,30,60,51,")
    assert bars(connection, "1h")[0][1:6] == (5000, 5010, 4980, 4995, 111)
    assert bars(connection, "1d")[0][1:6] == (5000, 5010, 4980, 4995, 111)
    # More minutes of the same day, of another file.
    take(connection, tmp_path, "ES,2024-07-09T15:30:00Z,1m,4800,4801,4800,4801,9,1,9,0,")
    assert bars(connection, "1d")[0] == ("08 22:00", 4800, 5010, 4800, 4995, 120, 31, 69, 51, True)


def test_bars_that_leave_a_symbol_take_what_was_made_of_them_along(
    connection: Link, tmp_path: Path
) -> None:
    take(connection, tmp_path, *(line.replace("ES,", "ESU24,", 1) for line in MINUTES))
    import_bars(connection, open_bars(tmp_path / "0.csv", as_root="ES"), replace=True)
    widths = ("1m", "5m", "1h", "1d")
    assert [bars(connection, width, "ESU24") for width in widths] == [[], [], [], []]
    assert [len(bars(connection, width)) for width in widths] == [5, 4, 2, 2]


def test_what_one_bar_does_not_know_the_wider_one_does_not_either(
    connection: Link, tmp_path: Path
) -> None:
    take(
        connection, tmp_path,
        "ES,2024-07-09T14:00:00Z,1m,10,11,9,10,5,3,,,",
        "ES,2024-07-09T14:01:00Z,1m,10,11,9,10,5,,,,",
    )  # fmt: skip
    assert bars(connection, "5m") == [("09 14:00", 10, 11, 9, 10, 10, None, None, None, True)]


def test_what_stands_on_wider_bars_follows_from_imported_minutes(
    connection: Link, faults: Path
) -> None:
    for session in compute("CME_METALS", date(2023, 5, 1), date(2023, 5, 12)):
        database.rows(connection, "upsert_session", msgspec.structs.asdict(session))
    import_bars(connection, open_bars(faults / "62b_two_days_1m.csv"))
    # Five minutes of each day: the closes are 2030 to 2034 and 2020 to 2024.
    days = "select trade_date, open::int, close::int, volume from bars_1d order by trade_date"
    assert [tuple(row.values()) for row in rows(connection, days)] == [
        (date(2023, 5, 9), 2030, 2034, 50),
        (date(2023, 5, 10), 2020, 2024, 50),
    ]
    close = "select * from last_close('GC', '2023-05-10', '2023-05-10 15:00Z')"
    assert tuple(rows(connection, close)[0].values()) == (date(2023, 5, 9), 2034)
    feature = (
        "select prior_close_distance"
        " from feat.context('1h', array['GC'], '2023-05-10', '2023-05-11')"
    )
    # Of the hour at 15:00, whose last close is 2024: 2024 / 2034 - 1.
    assert value(connection, feature) == pytest.approx(2024 / 2034 - 1)


def test_a_vendor_s_day_is_known_when_it_has_ended_and_a_sunday_refuses_no_file(
    connection: Link, faults: Path
) -> None:
    done = import_bars(connection, open_bars(faults / "28_ohlcv_1d_weekend.dbn"))
    assert (done.records, done.bars, done.written, done.left_out, done.refused) == (3, 2, 2, 1, 0)
    found = rows(
        connection, "select trade_date, bar_end, known_at from bars_1d order by trade_date"
    )
    # 22 March 2024 is a Friday; 24:00 UTC is 19:00 in Chicago.
    assert [(row["trade_date"], row["bar_end"], row["known_at"]) for row in found] == [
        (
            date(2024, 3, 22), datetime(2024, 3, 22, 22, tzinfo=UTC),
            datetime(2024, 3, 23, 0, 0, 1, tzinfo=UTC),
        ),
        (
            date(2024, 3, 25), datetime(2024, 3, 25, 22, tzinfo=UTC),
            datetime(2024, 3, 26, 0, 0, 1, tzinfo=UTC),
        ),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("as_of", "known"),
    [("2024-03-25 23:59:59Z", date(2024, 3, 22)), ("2024-03-26 00:00:01Z", date(2024, 3, 25))],
)
def test_what_stands_on_a_vendor_s_day_waits_for_its_end(
    connection: Link, faults: Path, as_of: str, known: date
) -> None:
    import_bars(connection, open_bars(faults / "28_ohlcv_1d_weekend.dbn"))
    closed = "select trade_date from last_close('ESM24', '2024-03-26', %s)"
    assert value(connection, closed, as_of) == known
    highest = "select high_on from extremes_before('ESM24', '52w', '2024-03-26', %s)"
    assert value(connection, highest, as_of) == known


def test_a_day_that_ends_at_the_exchange_s_is_known_then(connection: Link, tmp_path: Path) -> None:
    take(connection, tmp_path, "ES,2024-07-09T00:00:00Z,1d,4900,5020,4890,4996,900,,,,")
    assert value(connection, "select known_at - bar_end from bars_1d").total_seconds() == 1
