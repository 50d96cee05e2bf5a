"""What features look back on: not over a long hole, and on the session before by its number."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import psycopg
import pytest
from features_made import differences, engine, into_duckdb, made_bars, put_bars, put_sessions

Link = psycopg.Connection[Any]
Lake = duckdb.DuckDBPyConnection
MINUTE = timedelta(minutes=1)
# Tuesday; then ten trade dates later Wednesday, or eleven later Thursday.
BEFORE = datetime(2024, 3, 5, 0, tzinfo=UTC)
AFTER = {"GC": datetime(2024, 3, 20, 0, tzinfo=UTC), "SI": datetime(2024, 3, 21, 0, tzinfo=UTC)}


@pytest.fixture(scope="module")
def link(kept_url: str) -> Iterator[Link]:
    """A database with bars around a hole, and sessions with few bars; read only."""
    with psycopg.connect(kept_url, autocommit=True) as found:
        put_sessions(found, ("CME_EQUITY", "CME_METALS"))
        found.execute("insert into reference.series values ('SIM24', 'SI', 'month')")
        made = [row[3:] for row in made_bars(4, "GC", "1m", 700)]
        for symbol, after in AFTER.items():
            put_bars(found, stretch(symbol, BEFORE, made[:400]))
            put_bars(found, stretch(symbol, after, made[400:]))
        # The same series, of which the bars before the hole were never there.
        put_bars(found, stretch("SIM24", AFTER["SI"], made[400:]))
        put_bars(found, SESSIONS)
        yield found


@pytest.fixture(scope="module")
def lake(link: Link) -> Iterator[Lake]:
    """A DuckDB with the same bars, and PostgreSQL's features of them as `theirs`."""
    with engine(link) as found:
        into_duckdb(link, found, "select * from feat.matrix('1m', null, null, null)", "theirs")
        assert differences(found, "theirs", "feat.matrix_1m", 1e-9) == []
        yield found


def stretch(symbol: str, start: datetime, rows: list[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """Yield bars of one minute after the other."""
    for number, row in enumerate(rows):
        yield symbol, "1m", start + number * MINUTE, *row


def bar(symbol: str, width: str, at: str, high: int, low: int, close: int) -> tuple[Any, ...]:
    """Return one bar of March or April 2024, opened at its close."""
    start = datetime.strptime(f"2024-{at} +0000", "%Y-%m-%d %H:%M %z")
    return symbol, width, start, *(Decimal(price) for price in (close, high, low, close)), 1


# Chicago is at UTC - 6 until 10 March, then at - 5. Sessions end at 16:00 there.
SESSIONS = [
    # Minutes and an hour of Monday: the minutes count; that of 16:30 is of no session.
    bar("ES", "1m", "03-04 15:00", 101, 99, 100),
    bar("ES", "1m", "03-04 21:59", 106, 103, 104),
    bar("ES", "1m", "03-04 22:30", 999, 998, 999),
    bar("ES", "1h", "03-04 15:00", 300, 30, 50),
    bar("ES", "1m", "03-05 15:00", 110, 110, 110),
    # Nothing on Wednesday; the hours of Monday on NQ, the day on YM.
    bar("ES", "1m", "03-07 15:00", 111, 111, 111),
    bar("NQ", "1h", "03-04 15:00", 210, 190, 205),
    bar("NQ", "1m", "03-05 15:00", 220, 220, 220),
    bar("YM", "1d", "03-03 23:00", 330, 290, 300),
    bar("YM", "1m", "03-05 15:00", 310, 310, 310),
    # Good Friday, 29 March, has no session.
    bar("RTY", "1m", "03-28 15:00", 81, 79, 80),
    bar("RTY", "1m", "04-01 15:00", 90, 90, 90),
]
PRIOR = "prior_close_distance, prior_high_distance, prior_low_distance, prior_range_position"


@pytest.mark.parametrize(
    ("symbol", "at", "close", "prior"),
    [
        ("ES", "2024-03-05 15:00Z", 110, (106, 99, 104)),
        ("ES", "2024-03-07 15:00Z", 111, None),
        ("NQ", "2024-03-05 15:00Z", 220, (210, 190, 205)),
        ("YM", "2024-03-05 15:00Z", 310, (330, 290, 300)),
        ("RTY", "2024-04-01 15:00Z", 90, (81, 79, 80)),
    ],
)
def test_the_prior_session_is_the_one_before_by_its_number(
    link: Link, lake: Lake, symbol: str, at: str, close: int, prior: tuple[int, ...] | None
) -> None:
    high, low, last = prior or (1, 1, 1)
    expected = [
        pytest.approx(value) if prior else None
        for value in (
            *(close / last - 1, close / high - 1, close / low - 1),
            (close - low) / (high - low or 1),
        )
    ]
    until = f"timestamptz '{at}' + interval '1 minute'"
    whole = f"select {PRIOR} from theirs where symbol = '{symbol}' and bar_start = '{at}'"
    assert list(lake.sql(whole).fetchall()[0]) == expected
    part = f"select {PRIOR} from feat.context('1m', '{{{symbol}}}', '{at}', {until})"
    assert list(link.execute(part.encode()).fetchone() or ()) == expected


def test_look_backs_restart_after_more_than_ten_trade_dates_without_a_bar(
    link: Link, lake: Lake
) -> None:
    def rows(symbol: str) -> str:
        since = AFTER.get(symbol, AFTER["SI"])
        return (
            f"(select * replace ('SI' as symbol) from theirs where symbol = '{symbol}'"
            f" and bar_start >= '{since}')"
        )

    assert differences(lake, rows("SI"), rows("SIM24"), 1e-12) == []
    for symbol, is_known in (("GC", True), ("SI", False)):
        first = f"'{symbol}' and bar_start = '{AFTER[symbol]}'"
        names = "return_1 is not null, ema_200 is not null, sma_50 is not null, atr_14 is not null"
        found = lake.sql(f"select {names} from theirs where symbol = {first}").fetchall()
        assert found == [(is_known,) * 4]
        # A range right after the hole reads no further back than the whole.
        until = f"timestamptz '{AFTER[symbol]}' + interval '1 minute'"
        asked = f"feat.matrix('1m', '{{{symbol}}}', '{AFTER[symbol]}', {until})"
        assert link.execute(f"select {names} from {asked}".encode()).fetchall() == found


def test_the_catalogue_explains_that_look_backs_restart(link: Link) -> None:
    found = link.execute(
        "select distinct family from feat.catalogue where look_back ~ '[0-9] bars?'"
    )
    counted = {family for (family,) in found}
    assert counted == {"returns", "trend", "oscillators", "bands", "range", "volatility", "volume"}
    (words,) = link.execute(
        "select col_description('feat.catalogue'::regclass, attnum) from pg_attribute"
        " where attrelid = 'feat.catalogue'::regclass and attname = 'look_back'"
    ).fetchone() or ("",)
    assert "10 trade dates" in words
