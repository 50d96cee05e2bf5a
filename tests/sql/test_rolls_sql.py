"""Rolls and continuous series on a real database: gaps, adjusted prices, no hole at a roll.

Three months of ES around two rolls, a bar an hour, each volume and close stated here:

    trade date   ESH24            ESM24            ESU24
    Thu 7 March  100 at 5100.00   40 at 5150.00
    Fri 8 March   90 at 5120.25   95 at 5172.50
    Mon 11       20 at 5130.00  170 at 5180.75
    …
    Thu 13 June                  300 at 5480.00   10 at 5541.25
    Fri 14                       100 at 5490.00  120 at 5551.50
    Mon 17                        50 at 5500.00  400 at 5560.25

So the volume rule leaves March for June with the session of Monday 11 March, gap 5172.50 -
5120.25 = 52.25, and June for September with that of Monday 17 June, gap 5551.50 - 5490 = 61.50.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from ticks_made import rows, tick, value

from thor import database
from thor.domain.calendar import compute
from thor.domain.series import SeriesNames
from thor.errors import NotFound, Rejected
from thor.flow.find_rolls import find_rolls
from thor.market.bars import rolls
from thor.market.ticks.batch import EntryTicks
from thor.market.ticks.writer import TickWriter
from thor.reference import contracts, instruments

Link = psycopg.Connection[Any]

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)
MARCH, JUNE = datetime(2024, 3, 10, 22, tzinfo=UTC), datetime(2024, 6, 16, 22, tzinfo=UTC)
TRADED = {
    "2024-03-07": {"ESH24": (100, "5100.00"), "ESM24": (40, "5150.00")},
    "2024-03-08": {"ESH24": (90, "5120.25"), "ESM24": (95, "5172.50")},
    "2024-03-11": {"ESH24": (20, "5130.00"), "ESM24": (170, "5180.75")},
    "2024-06-13": {"ESM24": (300, "5480.00"), "ESU24": (10, "5541.25")},
    "2024-06-14": {"ESM24": (100, "5490.00"), "ESU24": (120, "5551.50")},
    "2024-06-17": {"ESM24": (50, "5500.00"), "ESU24": (400, "5560.25")},
}
COLUMNS = ("symbol", "width", "bar_start", "open", "high", "low", "close", "volume", "file")


def keep_sessions(connection: Link, calendar: str, first: date, last: date) -> None:
    """Compute the sessions of one calendar only: the whole takes seconds."""
    with connection.cursor() as cursor:
        statement = database.statement("upsert_session").encode()
        found = compute(calendar, first, last)
        cursor.executemany(statement, [msgspec.structs.asdict(row) for row in found])


def import_bars(connection: Link, reported: Iterable[tuple[Any, ...]]) -> None:
    """Write bars as a vendor's file leaves them: symbol, width, start, four prices, volume."""
    text = io.StringIO()
    csv.writer(text).writerows((*row, "BARS:00000000") for row in reported)
    copy_bars(connection, text.getvalue().encode())


def copy_bars(connection: Link, text: bytes) -> None:
    connection.execute(
        "insert into bar_files (file, sha256, file_name, format, records, symbols, widths, "
        "first_bar, last_bar) values ('BARS:00000000', repeat('0', 64), 'made', 'csv', 1, "
        "'{}', '{}', '2024-01-01Z', '2024-01-01Z') on conflict do nothing"
    )
    with connection.cursor() as cursor:
        statement = f"copy bars_imported ({', '.join(COLUMNS)}) from stdin (format csv)"
        with cursor.copy(statement.encode()) as copy:
            copy.write(text)


def list_months(connection: Link, *series: str) -> None:
    instruments.add_months(connection, [(name, name[:2]) for name in series])


def bar(series: str, day: str, hour: int, close: str, volume: int | None, width: str = "1m") -> Any:
    start = datetime.fromisoformat(day).replace(hour=hour, tzinfo=UTC)
    return (series, width, start.isoformat(), close, close, close, close, volume)


def made() -> Iterator[Any]:
    """Three bars a day: two that trade one contract each, then one with the day's close."""
    for day, of in TRADED.items():
        for series, (volume, close) in of.items():
            for hour in (15, 16, 18):
                yield bar(series, day, hour, close, volume - 2 if hour == 18 else 1)


@pytest.fixture
def bare(connection: Link) -> Link:
    """Sessions and contracts of 2024, and three listed months without a bar."""
    keep_sessions(connection, "CME_EQUITY", date(2024, 1, 1), date(2025, 6, 30))
    contracts.compute(connection, "ES")
    list_months(connection, "ESH24", "ESM24", "ESU24")
    return connection


@pytest.fixture
def market(bare: Link) -> Link:
    """The three months of ES above, as one-minute bars."""
    import_bars(bare, made())
    return bare


def stored(connection: Link) -> list[tuple[Any, ...]]:
    return connection.execute(
        "select from_contract, to_contract, rolled_at, trade_date, gap, evidence ->> 'why' "
        "from rolls where rule = 'volume' order by rolled_at"
    ).fetchall()


def versions(connection: Link) -> int:
    found = value(connection, "select count(*) from reference.versions where relation = 'rolls'")
    assert isinstance(found, int)
    return found


def continuous(
    connection: Link, adjustment: str, columns: str = "close", width: str = "1m"
) -> list[tuple[Any, ...]]:
    return connection.execute(
        f"select bar_start, contract, {columns} from continuous_{width} where symbol = 'ES' "
        "and rule = 'volume' and adjustment = %s order by bar_start".encode(),
        (adjustment,),
    ).fetchall()


def test_rolls_are_found_with_their_gap_and_the_bar_it_was_read_from(market: Link) -> None:
    find_rolls(market, "ES", AS_OF)
    assert stored(market) == [
        (
            None, "ESH24", datetime(2024, 3, 6, 23, tzinfo=UTC), date(2024, 3, 7),
            None, "the first bars",
        ),
        ("ESH24", "ESM24", MARCH, date(2024, 3, 11), Decimal("52.25"), "volume"),
        ("ESM24", "ESU24", JUNE, date(2024, 6, 17), Decimal("61.50"), "volume"),
    ]  # fmt: skip
    evidence = value(market, "select evidence from rolls where to_contract = 'ESM24'")
    assert evidence == {
        "why": "volume", "on": "2024-03-08", "from_volume": 90, "to_volume": 95,
        "width": "1m", "bar_start": "2024-03-08T18:00:00+00:00",
        "from_close": "5120.25", "to_close": "5172.5",
    }  # fmt: skip
    ratio = value(market, "select ratio from rolls where to_contract = 'ESM24'")
    assert abs(Fraction(ratio) - Fraction("5172.50") / Fraction("5120.25")) < Fraction(1, 10**15)


def test_the_gap_is_of_the_last_bar_that_both_traded_before_the_roll(market: Link) -> None:
    import_bars(
        market,
        [
            bar("ESH24", "2024-03-08", 19, "5555.00", 0),
            bar("ESM24", "2024-03-08", 20, "5777.00", 0),
            # Common to both, but the roll's own day.
            bar("ESH24", "2024-03-11", 1, "5888.00", 0),
            bar("ESM24", "2024-03-11", 1, "5999.00", 0),
        ],
    )
    find_rolls(market, "ES", AS_OF)
    assert stored(market)[1][4] == Decimal("52.25")


def test_a_bar_without_a_trade_gives_no_gap(bare: Link) -> None:
    quotes = {"symbol": "ESH24", "last": None, "last_size": None, "is_trade": False}
    at = datetime(2024, 3, 8, 20, tzinfo=UTC)
    import_bars(bare, made())
    import_bars(bare, [bar("ESM24", "2024-03-08", 20, "5777.00", 0)])
    quoted = tick(ts=at, bid=Decimal("5000"), ask=Decimal("5000.25"), **quotes)
    TickWriter(bare, "test").write([EntryTicks("1-1", 0, 1, [quoted], [])])
    assert value(bare, "select close is null from bars_1m where symbol = 'ESH24' and ticks > 0")
    find_rolls(bare, "ES", AS_OF)
    assert stored(bare)[1][4] == Decimal("52.25")


def test_difference_adds_the_gaps_of_all_later_rolls(market: Link) -> None:
    find_rolls(market, "ES", AS_OF)
    closes = [(contract, close) for _, contract, close in continuous(market, "difference")]
    # Before both rolls 52.25 + 61.50 = 113.75, between them 61.50, after them nothing.
    assert closes == [
        *[("ESH24", Decimal("5213.75"))] * 3,
        *[("ESH24", Decimal("5234.00"))] * 3,
        *[("ESM24", Decimal("5242.25"))] * 3,
        *[("ESM24", Decimal("5541.50"))] * 3,
        *[("ESM24", Decimal("5551.50"))] * 3,
        *[("ESU24", Decimal("5560.25"))] * 3,
    ]


def test_ratio_multiplies_by_the_ratios_of_all_later_rolls(market: Link) -> None:
    find_rolls(market, "ES", AS_OF)
    june = Fraction("5551.50") / Fraction("5490")
    both = june * Fraction("5172.50") / Fraction("5120.25")
    exact = [
        *[Fraction("5100") * both] * 3,
        *[Fraction("5120.25") * both] * 3,
        *[Fraction("5180.75") * june] * 3,
        *[Fraction("5480") * june] * 3,
        *[Fraction("5490") * june] * 3,
        *[Fraction("5560.25")] * 3,
    ]
    expected = [Decimal(round(one * 10**8)).scaleb(-8) for one in exact]
    assert [close for _, _, close in continuous(market, "ratio")] == expected
    # The last close of June is at September's level.
    assert expected[14] == Decimal("5551.50")


def test_the_raw_series_has_no_hole_and_no_double_bar_at_a_roll(market: Link) -> None:
    find_rolls(market, "ES", AS_OF)
    front = {
        **dict.fromkeys(["2024-03-07", "2024-03-08"], "ESH24"),
        **dict.fromkeys(["2024-03-11", "2024-06-13", "2024-06-14"], "ESM24"),
        "2024-06-17": "ESU24",
    }
    expected = [
        (datetime.fromisoformat(day).replace(hour=hour, tzinfo=UTC), series, Decimal(close), traded)
        for day, series in front.items()
        for volume, close in [TRADED[day][series]]
        for hour, traded in [(15, 1), (16, 1), (18, volume - 2)]
    ]
    assert continuous(market, "raw", "close, volume") == expected


def test_volume_is_never_adjusted_and_every_price_is(market: Link) -> None:
    find_rolls(market, "ES", AS_OF)
    reported = "open, high, low, close, volume, trade_date, bar_end, known_at, is_imported"
    first = continuous(market, "difference", reported)[0]
    price = Decimal("5213.75")
    start = first[0]
    assert first[2:] == (
        price, price, price, price, 1, date(2024, 3, 7), start + timedelta(minutes=1),
        start + timedelta(seconds=61), True,
    )  # fmt: skip


def test_quotes_and_vwap_are_adjusted_and_a_spread_only_by_the_ratio(bare: Link) -> None:
    import_bars(bare, made())
    ticks = [
        tick(
            ts=datetime(2024, 3, 7, 14, 0, n, tzinfo=UTC), seq=n, symbol="ESH24",
            last=Decimal(last), last_size=n, bid=Decimal("5099.75"), ask=Decimal("5100.25"),
            volume_delta=n,
        )
        for n, last in [(1, "5100"), (3, "5101")]
    ]  # fmt: skip
    TickWriter(bare, "test").write([EntryTicks("1-1", 0, 2, ticks, [])])
    find_rolls(bare, "ES", AS_OF)
    reported = "open, vwap, bid_close, ask_close, spread_mean, volume, ticks"
    raw, difference, ratio = (
        continuous(bare, name, reported)[0][2:] for name in ("raw", "difference", "ratio")
    )
    # (5100 + 3 x 5101) / 4 = 5100.75.
    prices = [Decimal(text) for text in ("5100", "5100.75", "5099.75", "5100.25")]
    assert raw == (*prices, Decimal("0.5"), 4, 2)
    assert difference == (*(price + Decimal("113.75") for price in prices), Decimal("0.5"), 4, 2)
    both = Fraction("5551.50") / Fraction("5490") * Fraction("5172.50") / Fraction("5120.25")
    adjusted = [
        Decimal(round(Fraction(x) * both * 10**8)).scaleb(-8) for x in (*prices, Decimal("0.5"))
    ]
    assert ratio == (*adjusted, 4, 2)


@pytest.mark.parametrize("width", ["5m", "1h", "1d"])
def test_every_width_changes_the_contract_with_the_same_trade_date(bare: Link, width: str) -> None:
    ticks = [
        tick(
            ts=datetime.fromisoformat(day).replace(hour=hour, tzinfo=UTC), seq=10 * n + hour,
            symbol=series, contract=series, last=Decimal(close), last_size=volume,
            volume_delta=volume,
        )
        for n, (day, of) in enumerate(TRADED.items())
        for series, (volume, close) in of.items()
        for hour in (1, 18)
    ]  # fmt: skip
    TickWriter(bare, "test").write([EntryTicks("1-1", 0, len(ticks), ticks, [])])
    find_rolls(bare, "ES", AS_OF)
    assert [row[4] for row in stored(bare)] == [None, Decimal("52.25"), Decimal("61.50")]
    fronts = {row[2]: row[1] for row in continuous(bare, "difference", "trade_date", width)}
    assert {day.isoformat(): front for day, front in fronts.items()} == {
        **dict.fromkeys(["2024-03-07", "2024-03-08"], "ESH24"),
        **dict.fromkeys(["2024-03-11", "2024-06-13", "2024-06-14"], "ESM24"),
        "2024-06-17": "ESU24",
    }
    bars = len(TRADED) * (1 if width == "1d" else 2)
    assert len(continuous(bare, "raw", width=width)) == bars


def test_a_days_volume_is_of_its_ticks_and_of_the_bars_beside_them(bare: Link) -> None:
    """Ticks that cover a day hide a vendor's bar of it, and the hours and minutes they cover."""
    reported = [("1h", 14, 300), ("1h", 15, 350), ("1m", 14, 250), ("1m", 15, 90)]
    friday = [bar("ESH24", "2024-03-08", hour, "5100", n, width) for width, hour, n in reported]
    import_bars(bare, [*friday, bar("ESH24", "2024-03-07", 23, "5100", 700, "1d")])
    values = {"series": ["ESH24"], "before": date(2024, 3, 9)}

    def volumes() -> list[int | None]:
        return [row["volume"] for row in database.rows(bare, "volumes_of_months", values)]

    assert volumes() == [700]
    writer = TickWriter(bare, "test")
    at = datetime(2024, 3, 8, 14, tzinfo=UTC)
    # 7 of 700 are no day; 637 with them are nine tenths of it and more, in the hour of 300.
    for number, (size, volume) in enumerate([(7, 700), (630, 637 + 350)]):
        one = tick(
            ts=at, symbol="ESH24", seq=number, last=Decimal(5100), last_size=size,
            volume_delta=size,
        )  # fmt: skip
        writer.write([EntryTicks(f"{number}-1", number, 1, [one], [])])
        # The vendor's hour of 350 from 15:00, in which no tick is, is counted beside the ticks.
        assert volumes() == [volume]


def test_a_missing_volume_is_unknown_not_zero(bare: Link) -> None:
    import_bars(bare, [bar("ESH24", "2024-03-08", 14, "5100", None)])
    values = {"series": ["ESH24", "ESM24"], "before": date(2024, 3, 9)}
    assert database.rows(bare, "volumes_of_months", values) == [
        {"symbol": "ESH24", "trade_date": date(2024, 3, 8), "volume": None}
    ]


def test_finding_again_changes_nothing(market: Link) -> None:
    first = find_rolls(market, "ES", AS_OF)
    before = rows(market, "select * from rolls order by rolled_at")
    assert find_rolls(market, "ES", AS_OF) == first
    assert rows(market, "select * from rolls order by rolled_at") == before
    assert versions(market) == 0


def test_a_roll_found_otherwise_takes_the_place_of_the_old_one_whose_version_is_kept(
    market: Link,
) -> None:
    find_rolls(market, "ES", AS_OF)
    # More of Friday's trades come in: March was ahead until Monday, so June follows on Tuesday.
    import_bars(market, [bar("ESH24", "2024-03-08", 19, "5121.00", 500)])
    find_rolls(market, "ES", AS_OF)
    tuesday = datetime(2024, 3, 11, 22, tzinfo=UTC)
    # On Monday at 18:00 June was at 5180.75, March at 5130.
    assert [(row[2], row[4]) for row in stored(market)][1:] == [
        (tuesday, Decimal("50.75")), (JUNE, Decimal("61.50")),
    ]  # fmt: skip
    kept = rows(
        market,
        "select key, version, content ->> 'gap' as gap from reference.versions "
        "where relation = 'rolls' and content ->> 'to_contract' = 'ESM24'",
    )
    assert [(row["version"], row["gap"]) for row in kept] == [(1, "52.25000000")]
    assert kept[0]["key"].startswith("ES/volume/2024-03-10T22:00:00")


def test_a_corrected_price_changes_the_gap_under_a_new_version(market: Link) -> None:
    find_rolls(market, "ES", AS_OF)
    market.execute(
        "update bars_imported set open = 5172, high = 5172, low = 5172, close = 5172 "
        "where symbol = 'ESM24' and bar_start = '2024-03-08 18:00Z'"
    )
    find_rolls(market, "ES", AS_OF)
    now = rows(market, "select gap, version from rolls where to_contract = 'ESM24'")
    assert now == [{"gap": Decimal("51.75"), "version": 2}]
    assert versions(market) == 1


def test_each_rule_keeps_its_own_rolls(market: Link) -> None:
    find_rolls(market, "ES", AS_OF)
    find_rolls(market, "ES", AS_OF, days_before=4)
    # Four business days before 15 March and 21 June 2024: 14, 13, 12, 11 and 20, 18, 17, 14.
    assert [row["trade_date"] for row in rolls.listed(market, "ES", "expiry-4")] == [
        date(2024, 3, 7), date(2024, 3, 11), date(2024, 6, 14),
    ]  # fmt: skip
    assert len(rolls.listed(market, "ES", "volume")) == 3
    assert len(rolls.listed(market, "ES")) == len(rolls.listed(market)) == 6
    assert rolls.listed(market, "NQ") == []


def test_a_day_that_is_not_over_is_not_looked_at(market: Link) -> None:
    # At 21:59 UTC of 8 March its trade date lasts another hour.
    find_rolls(market, "ES", datetime(2024, 3, 8, 21, 59, tzinfo=UTC))
    assert len(stored(market)) == 1
    find_rolls(market, "ES", datetime(2024, 3, 8, 23, 0, tzinfo=UTC))
    assert [row[1] for row in stored(market)] == ["ESH24", "ESM24"]


def test_front_months_follow_one_another_without_an_end(market: Link) -> None:
    find_rolls(market, "ES", AS_OF)
    found = market.execute(
        "select contract, starts_at, nullif(ends_at, 'infinity'), gap_after, round(ratio_after, 6) "
        "from front_months where root = 'ES' and rule = 'volume' order by starts_at"
    ).fetchall()
    # 5551.5 / 5490 = 1.011202; times 5172.5 / 5120.25 = 1.021521.
    assert found == [
        (
            "ESH24", datetime(2024, 3, 6, 23, tzinfo=UTC), MARCH,
            Decimal("113.75"), Decimal("1.021521"),
        ),
        ("ESM24", MARCH, JUNE, Decimal("61.50"), Decimal("1.011202")),
        ("ESU24", JUNE, None, Decimal(0), Decimal(1)),
    ]  # fmt: skip


def apart() -> Iterator[Any]:
    """Three months one after the other, never two on one day, as some vendors have them."""
    reported = [("ESH24", "2024-03-15", "5175.00"), ("ESM24", "2024-03-18", "5232.25")]
    reported += [("ESM24", "2024-06-21", "5480.00"), ("ESU24", "2024-06-24", "5530.00")]
    for series, day, close in reported:
        yield bar(series, day, 13, close, 10, "5m")


def test_without_a_common_bar_a_gap_is_not_known_and_older_prices_are_null(bare: Link) -> None:
    import_bars(bare, apart())
    find_rolls(bare, "ES", AS_OF)
    assert [(row[2], row[4]) for row in stored(bare)][1:] == [
        (datetime(2024, 3, 17, 22, tzinfo=UTC), None),
        (datetime(2024, 6, 23, 22, tzinfo=UTC), None),
    ]
    raw = [row[2] for row in continuous(bare, "raw", width="5m")]
    assert raw == [Decimal("5175"), Decimal("5232.25"), Decimal("5480"), Decimal("5530")]
    for adjustment in ("difference", "ratio"):
        closes = [row[2] for row in continuous(bare, adjustment, width="5m")]
        assert closes == [None, None, None, Decimal("5530")]


def test_splicing_reads_the_gap_from_the_last_and_the_first_price(bare: Link) -> None:
    import_bars(bare, apart())
    find_rolls(bare, "ES", AS_OF, splice=True)
    # 5232.25 - 5175 = 57.25 and 5530 - 5480 = 50.
    assert [row[4] for row in stored(bare)] == [None, Decimal("57.25"), Decimal("50")]
    closes = [row[2] for row in continuous(bare, "difference", width="5m")]
    assert closes == [Decimal("5282.25"), Decimal("5282.25"), Decimal("5530"), Decimal("5530")]
    evidence = value(bare, "select evidence from rolls where to_contract = 'ESM24'")
    assert (evidence["bar_start"], evidence["to_bar_start"]) == (
        "2024-03-15T13:00:00+00:00", "2024-03-18T13:00:00+00:00",
    )  # fmt: skip


def test_a_price_that_is_not_above_zero_has_a_gap_and_no_ratio(connection: Link) -> None:
    # Crude of May 2020 fell below zero the day before it ended.
    keep_sessions(connection, "CME_ENERGY", date(2020, 1, 1), date(2021, 1, 1))
    contracts.compute(connection, "CL")
    list_months(connection, "CLK20", "CLM20")
    import_bars(
        connection,
        [
            bar("CLK20", "2020-04-17", 18, "20.00", 9),
            bar("CLM20", "2020-04-17", 18, "25.00", 1),
            bar("CLK20", "2020-04-20", 18, "-37.63", 5),
            bar("CLM20", "2020-04-20", 18, "20.43", 9),
        ],
    )
    find_rolls(connection, "CL", AS_OF)
    (roll,) = rows(connection, "select * from rolls where from_contract is not null")
    assert (roll["gap"], roll["ratio"]) == (Decimal("58.06"), None)
    lowest = "select min(low) from continuous_1m where symbol = 'CL' and adjustment = %s"
    # 20 + 58.06 and -37.63 + 58.06.
    assert value(connection, lowest, "difference") == Decimal("20.43")
    assert value(connection, lowest, "raw") == Decimal("-37.63")
    assert value(connection, lowest, "ratio") is None


def test_a_series_that_was_left_under_one_digit_is_two_contracts_of_two_decades(
    bare: Link,
) -> None:
    keep_sessions(bare, "CME_EQUITY", date(2013, 9, 1), date(2014, 6, 30))
    contracts.compute(bare, "ES")
    bare.execute("insert into reference.series values ('ESH4', 'ES', 'month')")
    import_bars(bare, [bar("ESH4", "2014-03-20", 15, "1860.00", 5)])
    import_bars(bare, [bar("ESH4", "2024-03-07", 15, "5100.00", 5)])
    find_rolls(bare, "ES", AS_OF)
    assert [row[:3] for row in stored(bare)] == [
        (None, "ESH4", datetime(2014, 3, 19, 22, tzinfo=UTC)),
        # March 2014 ended on the 21st; from the Monday after it is that of 2024.
        ("ESH4", "ESH4", datetime(2014, 3, 23, 22, tzinfo=UTC)),
    ]
    assert len(continuous(bare, "raw")) == 2


def test_what_is_missing_is_named_with_the_command_that_brings_it(connection: Link) -> None:
    with pytest.raises(NotFound, match="thor db up"):
        find_rolls(connection, "ES", AS_OF)
    keep_sessions(connection, "CME_EQUITY", date(2024, 1, 1), date(2024, 12, 31))
    with pytest.raises(NotFound, match="contracts: there are none of ES; run `thor contracts"):
        find_rolls(connection, "ES", AS_OF)
    contracts.compute(connection, "ES")
    with pytest.raises(NotFound, match="bars: there are none of ES's months"):
        find_rolls(connection, "ES", AS_OF)
    list_months(connection, "ESZ19")
    import_bars(connection, [bar("ESZ19", "2024-03-07", 15, "5100.00", 5)])
    with pytest.raises(NotFound, match="none of ES is what ESZ19 was on 2024-03-07"):
        find_rolls(connection, "ES", AS_OF)
    with pytest.raises(NotFound, match="root: 'BAC' is not listed"):
        find_rolls(connection, "BAC", AS_OF)
    with pytest.raises(Rejected, match="days: -1"):
        find_rolls(connection, "ES", AS_OF, days_before=-1)


def test_contracts_are_computed_once_and_what_a_person_stated_stays(bare: Link) -> None:
    before = rows(bare, "select * from contracts order by month")
    assert [row["symbol"] for row in before] == ["ESH24", "ESM24", "ESU24", "ESZ24", "ESH25"]
    contracts.compute(bare, "ES")
    assert rows(bare, "select * from contracts where root = 'ES' order by month") == before
    stated = contracts.add(bare, "ESM24", date(2024, 6, 20))
    assert stated.expiry == datetime(2024, 6, 20, 21, tzinfo=UTC)
    contracts.compute(bare, "ES")
    (june,) = rows(bare, "select * from contracts where symbol = 'ESM24' and root = 'ES'")
    assert (june["last_trade"], june["rule"], june["is_by_hand"], june["version"]) == (
        date(2024, 6, 20), "by hand", True, 2,
    )  # fmt: skip
    kept = "select key, content ->> 'last_trade' as day from reference.versions"
    assert rows(bare, kept) == [{"key": "ES/2024-06-01", "day": "2024-06-21"}]


@pytest.mark.parametrize(
    ("symbol", "last_trade", "more", "complaint"),
    [
        ("ESM24", "2024-12-20", {}, "last_trade: 2024-12-20 is more than three months from June"),
        ("ESM24", "2024-06-22", {}, "last_trade: ESM24 cannot end on 2024-06-22, there is no sess"),
        ("ES", "2024-06-21", {}, "symbol: 'ES' is no month code"),
        ("ESM24", "2024-06-21", {"first_notice": date(2023, 6, 1)}, "first_notice: 2023-06-01"),
        ("ESM24", "2024-06-21", {"expiry": MARCH}, "expiry: 2024-03-10T22:00:00"),
    ],
)
def test_dates_that_make_no_sense_are_refused_and_nothing_is_kept(
    bare: Link, symbol: str, last_trade: str, more: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(Rejected, match=complaint):
        contracts.add(bare, symbol, date.fromisoformat(last_trade), **more)
    assert value(bare, "select count(*) from contracts where is_by_hand") == 0


def test_a_root_that_is_not_listed_has_no_contracts(bare: Link) -> None:
    with pytest.raises(NotFound, match="root: '6E' is not listed"):
        contracts.add(bare, "6EH24", date(2024, 3, 18))
    with pytest.raises(NotFound, match="root: '6E' has no rule"):
        contracts.compute(bare, "6E")


def read_rows(plan: dict[str, Any]) -> Iterator[tuple[str, int]]:
    """Yield each relation that a plan read, and how many of its rows, those thrown away too."""
    if "Relation Name" in plan:
        thrown = plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Join Filter", 0)
        yield plan["Relation Name"], round((plan["Actual Rows"] + thrown) * plan["Actual Loops"])
    for child in plan.get("Plans", []):
        yield from read_rows(child)


def test_a_symbol_and_a_range_of_time_read_the_bars_of_that_range_only(bare: Link) -> None:
    """Imported bars of three months, and ticks of one, a minute each; one hour is read."""
    first = datetime(2024, 3, 7, 0, tzinfo=UTC)
    minutes = [first + timedelta(minutes=n) for n in range(15 * 60)]
    import_bars(bare, made())
    find_rolls(bare, "ES", AS_OF)
    import_bars(
        bare,
        (
            (series, "1m", at.isoformat(), 5100, 5100, 5100, 5100, 1)
            for series in ("ESM24", "ESU24")
            for at in minutes
        ),
    )
    ticks = [
        tick(ts=at, seq=n, symbol="ESH24", last=Decimal(5100), volume_delta=1)
        for n, at in enumerate(minutes)
    ]
    TickWriter(bare, "test").write([EntryTicks("1-1", 0, len(ticks), ticks, [])])
    bare.execute("analyze")
    found = bare.execute(
        "explain (analyze, format json) select * from continuous_1m where symbol = 'ES' "
        "and rule = 'volume' and adjustment = 'ratio' "
        "and bar_start >= '2024-03-07 09:00Z' and bar_start < '2024-03-07 10:00Z'"
    ).fetchone()
    assert found is not None
    read = list(read_rows(found[0][0]["Plan"]))
    assert sum(count for name, count in read if name == "rolls") == 3
    bars = {name: count for name, count in read if name != "rolls" and count}
    # The sixty of the hour; the views look once more for each imported bar, of which none is.
    assert bars
    assert sum(bars.values()) <= 120, bars


BETWEEN = "select * from continuous_between('{}', 'ES', 'volume', '{}', %s, %s, %s)"
IN_VIEW = """
select * from continuous_1m where symbol = 'ES' and rule = 'volume' and adjustment = '{}'
and bar_start >= coalesce(%s::timestamptz, '-infinity')
and bar_start < coalesce(%s::timestamptz, 'infinity')
order by bar_start desc limit %s
"""


def test_the_newest_bars_of_a_series_are_those_of_the_view_oldest_first(market: Link) -> None:
    find_rolls(market, "ES", AS_OF)
    inside = (datetime(2024, 3, 8, 16, tzinfo=UTC), datetime(2024, 6, 17, 16, tzinfo=UTC))
    for span, count in [
        ((None, None, 100), 18), ((None, None, 4), 4), ((None, MARCH, 100), 6),
        ((MARCH, None, 5), 5), ((MARCH, JUNE, 100), 9), ((*inside, 100), 12),
    ]:  # fmt: skip
        for adjustment in ("raw", "difference", "ratio"):
            newest = market.execute(IN_VIEW.format(adjustment).encode(), span).fetchall()
            bars = market.execute(BETWEEN.format("1m", adjustment).encode(), span).fetchall()
            assert bars == newest[::-1]
            assert len(bars) == count


def test_the_newest_bars_are_of_the_width_that_is_asked_for(market: Link) -> None:
    import_bars(market, [bar("ESU24", "2024-06-17", 18, "5560.25", 400, "1h")])
    find_rolls(market, "ES", AS_OF)
    counts = {
        width: len(
            market.execute(BETWEEN.format(width, "raw").encode(), (None, None, 9)).fetchall()
        )
        for width in ("1m", "5m", "1h", "1d")
    }
    assert counts == {"1m": 9, "5m": 0, "1h": 1, "1d": 0}


def test_real_months_of_es_that_trade_at_once_roll_where_both_trade(
    connection: Link, data: Path
) -> None:
    """Five days of 2013 in which five months of ES trade at once.

    51 business days before 20 December 2013 lies 9 October: 17 of October from the 9th, 20 of
    November without Thanksgiving, 14 of December up to the 19th.
    """
    keep_sessions(connection, "CME_EQUITY", date(2013, 9, 1), date(2015, 3, 31))
    contracts.compute(connection, "ES")
    table = pq.read_table(data / "bars/es_gc_1m_201310_lean.parquet")
    table = table.filter(pc.equal(table["symbol"], "ES"))
    load(connection, table, "1m")
    (_, roll) = find_rolls(connection, "ES", AS_OF, days_before=51)
    rolled_at = datetime(2013, 10, 8, 22, tzinfo=UTC)
    assert (roll.from_contract, roll.to_contract, roll.rolled_at) == ("ESZ13", "ESH14", rolled_at)

    closes: dict[str, dict[datetime, Decimal]] = {"ESZ13": {}, "ESH14": {}}
    for row in table.to_pylist():
        if (key := keyed(row["contract"], row["ts"])) in closes:
            closes[key][row["ts"]] = Decimal(str(row["close"]))
    common = max(at for at in closes["ESZ13"].keys() & closes["ESH14"].keys() if at < rolled_at)
    gap = closes["ESH14"][common] - closes["ESZ13"][common]
    assert roll.gap == gap
    assert gap < 0, "dividends are paid before March"
    expected = sorted(
        [(at, close + gap) for at, close in closes["ESZ13"].items() if at < rolled_at]
        + [(at, close) for at, close in closes["ESH14"].items() if at >= rolled_at]
    )
    found = connection.execute(
        "select bar_start, close from continuous_1m where symbol = 'ES' and rule = 'expiry-51' "
        "and adjustment = 'difference' order by bar_start"
    ).fetchall()
    assert found == expected


def test_two_years_of_real_contracts_one_after_the_other_make_one_series(
    connection: Link, data: Path
) -> None:
    keep_sessions(connection, "CME_EQUITY", date(2017, 12, 1), date(2020, 6, 30))
    contracts.compute(connection, "ES")
    table = pq.read_table(data / "bars/es_5m_2015_2023.parquet")
    span = [datetime(2018, 3, 19, tzinfo=UTC), datetime(2019, 12, 20, 23, tzinfo=UTC)]
    table = table.filter(pc.and_(pc.greater_equal(table["ts"], span[0]),
                                 pc.less(table["ts"], span[1])))  # fmt: skip
    load(connection, table, "5m")
    found = find_rolls(connection, "ES", AS_OF)
    assert [roll.to_contract for roll in found] == [
        "ESM18", "ESU18", "ESZ18", "ESH19", "ESM19", "ESU19", "ESZ19",
    ]  # fmt: skip
    assert {roll.evidence["why"] for roll in found[1:]} == {"expiry"}
    reported = connection.execute(
        "select bar_start, contract, volume from continuous_5m where symbol = 'ES' "
        "and rule = 'volume' and adjustment = 'raw' order by bar_start"
    ).fetchall()
    columns = (table[name].to_pylist() for name in ("ts", "contract", "volume"))
    assert reported == sorted(
        (ts, keyed(contract, ts), volume) for ts, contract, volume in zip(*columns, strict=True)
    )


def keyed(contract: str, ts: datetime) -> str:
    """Return the key of a vendor's contract in a record of this instant."""
    return SeriesNames().series(contract, ts.date()).key


def load(connection: Link, table: pa.Table, width: str) -> None:
    """Copy bars of the columnar format into the database, prices on the grid of a quarter."""
    pairs = zip(table["contract"].to_pylist(), table["ts"].to_pylist(), strict=True)
    keys = pa.array([keyed(*pair) for pair in pairs])
    list_months(connection, *pc.unique(keys).to_pylist())
    count = len(table)
    columns = {"symbol": keys, "width": pa.repeat(width, count)}
    columns["bar_start"] = pc.strftime(table["ts"], "%Y-%m-%d %H:%M:%SZ")
    for name in ("open", "high", "low", "close", "volume"):
        columns[name] = table[name]
    columns["file"] = pa.repeat("BARS:00000000", count)
    text = io.BytesIO()
    options = pa_csv.WriteOptions(include_header=False)
    pa_csv.write_csv(pa.table({name: columns[name] for name in COLUMNS}), text, options)
    copy_bars(connection, text.getvalue())


def test_evidence_reads_as_json_in_psql(market: Link) -> None:
    find_rolls(market, "ES", AS_OF)
    text = value(market, "select evidence::text from rolls where to_contract = 'ESU24'")
    assert json.loads(text)["to_volume"] == 120
