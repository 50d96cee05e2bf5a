"""Captures of market openings and their grades, from stored ticks, on one database."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import psycopg
import pytest
from ticks_made import rows, tick

from thor.domain.tick import Tick
from thor.errors import NotFound, Refused, Rejected
from thor.flow.grade_market_opens import grade_market_opens
from thor.market.bars import refresh
from thor.market.studies import market_opens, targets
from thor.market.studies.market_opens import Grader, Turn
from thor.market.ticks.batch import EntryTicks
from thor.market.ticks.writer import TickWriter
from thor.runtime import Stop

pytestmark = pytest.mark.editions("plain")

Link = psycopg.Connection[Any]
Row = dict[str, Any]
# The desk's records of Tokyo's opening of 29 October 2025: previous closes and net changes.
CLOSES = {
    "YM": "47396", "ES": "6827", "NQ": "25509.25", "RTY": "2523.7", "CL": "61.50",
    "SI": "48.585", "HG": "5.1225", "GC": "4137.8", "VX": "18.65", "DX": "98.950",
    "ZB": "118.59375",
}  # fmt: skip
JAPAN = {
    "YM": "-74", "ES": "10.75", "NQ": "78.75", "RTY": "-2.1", "CL": "-0.05", "SI": "0.13",
    "HG": "-0.0125", "GC": "-4.8", "VX": "-0.13", "DX": "0.11", "ZB": "0",
}  # fmt: skip
TICKS = {
    "YM": "1", "ES": "0.25", "NQ": "0.25", "RTY": "0.1", "CL": "0.01", "SI": "0.005",
    "HG": "0.0005", "GC": "0.1", "VX": "0.05", "ZB": "0.03125",
}  # fmt: skip
_ordinals = count(1)
_seqs = count(1)
# What differs between two runs that are equal.
OWN = ("id", "created_at", "graded_to")


@pytest.fixture(scope="module")
def link(kept_url: str) -> Iterator[Link]:
    """The module's database, whose markets' days are those that a test gives."""
    with psycopg.connect(kept_url, autocommit=True) as connection:
        connection.execute("delete from reference.market_days")
        yield connection


@pytest.fixture
def empty(link: Link) -> Link:
    """The database without ticks, captures and days."""
    link.execute(
        "truncate market.ticks, market.last_values, market.mark_versions, market.source_clocks,"
        " market.heard, studies.market_sessions, studies.late_ticks"
    )
    link.execute("delete from reference.market_days")
    return link


def written(connection: Link, ticks: list[Tick], clock: datetime | None = None) -> None:
    """Ingest ticks, and the clock of their source."""
    first = next(_ordinals) * 10_000
    entries = [EntryTicks(f"{first}-0", first, len(ticks), ticks, [])] if ticks else []
    if entries:
        TickWriter(connection, "ingest-1").write(entries)
    if clock is not None:
        connection.execute(
            "insert into market.source_clocks (source, ts) values ('EXCEL', %s)"
            " on conflict (source) do update set ts = excluded.ts, changed_at = clock_timestamp()",
            (clock,),
        )


def quote(symbol: str, ts: datetime, last: Decimal, **given: Any) -> Tick:
    """Return a quote of one tick's spread under and at its last price; DX has neither side."""
    step = Decimal(TICKS[symbol]) if symbol in TICKS else None
    sides = {} if step is None else {"bid": last - step, "ask": last, "bid_size": 3, "ask_size": 4}
    return tick(
        symbol=symbol, seq=next(_seqs), ts=ts, source="EXCEL", last=last, last_size=None,
        is_trade=True, volume_delta=1, **{**sides, **given},
    )  # fmt: skip


def priced(symbol: str, change: str = "0") -> Decimal:
    return Decimal(CLOSES[symbol]) + Decimal(change)


def marked(connection: Link, trade_date: date, ts: datetime) -> None:
    """Give each symbol its previous close."""
    for symbol, close in CLOSES.items():
        connection.execute(
            "insert into market.mark_versions (symbol, trade_date, source, prev_close, received_at)"
            " values (%s, %s, 'EXCEL', %s, %s)",
            (symbol, trade_date, close, ts),
        )


def opened(connection: Link, market: str, day: date, at: datetime, until: datetime) -> None:
    """Let a market open on a day."""
    connection.execute(
        "insert into reference.market_days (market, day, open_at, close_at, is_holiday)"
        " values (%s, %s, %s, %s, false)",
        (market, day, at, until),
    )


def captured(connection: Link, market: str = "Japan") -> dict[str, Row]:
    found = rows(
        connection, "select * from studies.market_sessions where market = %s order by id", market
    )
    return {row["symbol"]: row for row in found}


def everything(connection: Link) -> list[Row]:
    found = rows(
        connection,
        "select * from studies.market_sessions order by captured_at, market, capture_kind, symbol",
    )
    return [{name: value for name, value in row.items() if name not in OWN} for row in found]


def refreshed(connection: Link) -> None:
    """Find late ticks as the job of the timescale edition does; plain needs none."""
    while refresh.refresh_next(connection):
        pass


AT = datetime(2025, 10, 29, 0, 0, tzinfo=UTC)
UNTIL = AT + timedelta(hours=6, minutes=30)
DAY = date(2025, 10, 29)


def japan(connection: Link, changes: dict[str, str] = JAPAN) -> None:
    """Let Tokyo open two seconds after a quote of each symbol, and capture it."""
    ts = AT - timedelta(seconds=2)
    marked(connection, DAY, ts)
    opened(connection, "Japan", DAY, AT, UNTIL)
    quotes = [quote(symbol, ts, priced(symbol, change)) for symbol, change in changes.items()]
    written(connection, quotes, AT + timedelta(seconds=2))
    turn = Grader().turn(connection)
    assert [(one.market, one.day, one.rows) for one in turn.captured] == [("Japan", DAY, 12)]


def test_an_opening_has_eleven_rows_and_the_total_by_the_names_of_the_desk(empty: Link) -> None:
    japan(empty)
    found = captured(empty)
    assert list(found) == ["YM", "ES", "NQ", "RTY", "CL", "SI", "HG", "GC", "VX", "DX", "ZB",
                           "TOTAL"]  # fmt: skip
    assert {symbol: row["bhs"] for symbol, row in found.items()} == {
        "YM": "STRONG_SELL", "ES": "STRONG_BUY", "NQ": "STRONG_BUY", "RTY": "HOLD", "CL": "HOLD",
        "SI": "STRONG_BUY", "HG": "STRONG_SELL", "GC": "STRONG_SELL", "VX": "STRONG_SELL",
        "DX": "HOLD", "ZB": "HOLD", "TOTAL": "BUY",
    }  # fmt: skip
    es = found["ES"]
    # A long entry at the ask, 2 points either way.
    assert (es["entry_price"], es["target_high"], es["target_low"]) == (
        Decimal("6837.75"), Decimal("6839.75"), Decimal("6835.75"),
    )  # fmt: skip
    assert (es["wndw"], es["is_complete"], es["reason"]) == ("PENDING", True, None)
    assert (es["bid_price"], es["ask_price"], es["last_price"], es["spread"]) == (
        Decimal("6837.50"), Decimal("6837.75"), Decimal("6837.75"), Decimal("0.25"),
    )  # fmt: skip
    assert (es["change"], es["prev_close_24h"], es["market_open"], es["weight"]) == (
        Decimal("10.75"), 6827, Decimal("6837.75"), 6,
    )  # fmt: skip
    assert (es["session_number"], es["capture_group"]) == (20251029, "Japan/2025-10-29/OPEN")
    # A short entry at the bid.
    ym = found["YM"]
    assert (ym["entry_price"], ym["target_high"], ym["target_low"]) == (47321, 47341, 47301)
    # TOTAL is bought, through YM, although YM itself is sold.
    total = found["TOTAL"]
    assert (total["graded_symbol"], total["entry_price"], total["target_high"]) == (
        "YM", 47322, 47342,
    )  # fmt: skip
    assert (total["instrument_count"], round(total["weighted_average"], 3)) == (
        11, Decimal("-18.416"),
    )  # fmt: skip
    assert (found["RTY"]["wndw"], found["RTY"]["reason"]) == ("NEUTRAL", "hold, no entry")
    assert found["RTY"]["entry_price"] is None


def test_a_late_start_gives_the_same_rows(empty: Link) -> None:
    japan(empty)
    first = everything(empty)
    later = AT + timedelta(hours=2)
    moved = [quote(symbol, later, priced(symbol, "1")) for symbol in CLOSES]
    written(empty, moved, later + timedelta(minutes=1))
    empty.execute("truncate studies.market_sessions")
    made = market_opens.capture_due(empty, later)
    assert [one.market for one in made] == ["Japan"]
    assert everything(empty) == first


@pytest.mark.parametrize(
    ("symbol", "prices", "outcome", "kind"),
    [
        # Long from 6837.75: the bid decides, at the target exactly.
        ("ES", [("6839.50", "6839.75"), ("6839.75", "6840.00")], "WORKED", "TARGET"),
        ("ES", [("6836.00", "6836.25"), ("6835.75", "6836.00")], "DIDNT_WORK", "STOP"),
        ("ES", [("6835.50", "6836.00"), ("6840.00", "6840.25")], "DIDNT_WORK", "STOP"),
        ("ES", [("6839.50", "6841.00")], "PENDING", None),
        # Short from 47321: the ask decides.
        ("YM", [("47300", "47302"), ("47299", "47301")], "WORKED", "TARGET"),
        ("YM", [("47341", "47342")], "DIDNT_WORK", "STOP"),
        ("YM", [("47300", "47302"), ("47345", None)], "PENDING", None),
    ],
)
def test_the_first_touch_of_the_exit_side_decides(
    empty: Link, symbol: str, prices: list[tuple[str, str | None]], outcome: str, kind: str | None
) -> None:
    japan(empty)
    first = AT + timedelta(minutes=5)
    ticks = [
        quote(
            symbol, first + timedelta(seconds=n), Decimal(bid), bid=Decimal(bid),
            ask=None if ask is None else Decimal(ask),
        )
        for n, (bid, ask) in enumerate(prices)
    ]  # fmt: skip
    written(empty, ticks, first + timedelta(minutes=1))
    Grader().turn(empty)
    row = captured(empty)[symbol]
    assert (row["wndw"], row["target_hit_type"]) == (outcome, kind)
    if kind is not None:
        touch = next(
            one for one in ticks
            if (one.bid if symbol == "ES" else one.ask) == row["target_hit_price"]
        )  # fmt: skip
        assert row["target_hit_at"] == touch.ts


def test_dx_has_no_sides_and_goes_by_last(empty: Link) -> None:
    # Above the 5 points that the desk asks of DX.
    japan(empty, JAPAN | {"DX": "5.5"})
    row = captured(empty)["DX"]
    assert (row["bhs"], row["entry_price"], row["target_high"]) == (
        "BUY", Decimal("104.45"), Decimal("104.55"),
    )  # fmt: skip
    ts = AT + timedelta(minutes=1)
    written(empty, [quote("DX", ts, Decimal("104.56"))], ts + timedelta(minutes=1))
    Grader().turn(empty)
    row = captured(empty)["DX"]
    assert (row["wndw"], row["target_hit_price"]) == ("WORKED", Decimal("104.56"))


def test_what_is_pending_at_the_close_is_neutral_and_the_session_is_filled_in(
    empty: Link,
) -> None:
    japan(empty)
    path = ["6838.75", "6839.25", "6836.75", "6838.25"]
    ticks = [quote("ES", AT + timedelta(hours=1 + n), Decimal(last)) for n, last in enumerate(path)]
    # A tick after the close touches the target.
    after = quote("ES", UNTIL + timedelta(seconds=1), Decimal(6900))
    written(empty, [*ticks, after], UNTIL + timedelta(seconds=1))
    assert Grader().turn(empty).graded == []
    assert captured(empty)["ES"]["wndw"] == "PENDING"
    written(empty, [], UNTIL + timedelta(seconds=2))
    graded = Grader().turn(empty).graded
    assert {one.symbol: one.wndw for one in graded}["ES"] == "NEUTRAL"
    row = captured(empty)["ES"]
    assert (row["wndw"], row["is_closed"], row["target_hit_at"]) == ("NEUTRAL", True, None)
    assert (row["market_high_open"], row["market_low_open"], row["market_close"]) == (
        Decimal("6839.25"), Decimal("6836.75"), Decimal("6838.25"),
    )  # fmt: skip
    assert (row["market_range"], row["session_volume"]) == (Decimal("2.5"), 4)
    # 0.5 of 6837.75.
    assert round(row["market_close_vs_open_pct"], 4) == Decimal("0.0073")
    assert Grader().turn(empty).graded == []


def test_an_outage_over_an_opening_leaves_rows_without_an_entry(empty: Link) -> None:
    before = AT - timedelta(minutes=10)
    marked(empty, DAY, before)
    opened(empty, "Japan", DAY, AT, UNTIL)
    written(empty, [quote(symbol, before, priced(symbol, JAPAN[symbol])) for symbol in CLOSES])
    later = AT + timedelta(minutes=10)
    back = [quote(symbol, later, priced(symbol, "-60")) for symbol in ("ES", "YM")]
    written(empty, back, later + timedelta(seconds=5))
    (made,) = Grader().turn(empty).captured
    assert (made.rows, made.complete) == (12, 0)
    for row in captured(empty).values():
        assert (row["is_complete"], row["bhs"], row["wndw"]) == (False, None, "NEUTRAL")
        assert (row["entry_price"], row["target_high"]) == (None, None)
    assert captured(empty)["ES"]["reason"] == "the quote is DEAD"


def test_a_market_is_captured_on_a_holiday_of_the_united_states_and_not_on_its_own(
    empty: Link,
) -> None:
    # Thanksgiving 2025: Tokyo opens in the evening of Chicago's 26 November.
    at = datetime(2025, 11, 27, 0, 0, tzinfo=UTC)
    day = date(2025, 11, 27)
    opened(empty, "Japan", day, at, at + timedelta(hours=6, minutes=30))
    empty.execute(
        "insert into reference.market_days (market, day, is_holiday, note)"
        " values ('USA', %s, true, 'Thanksgiving')",
        (day,),
    )
    ts = at - timedelta(seconds=1)
    marked(empty, day, ts)
    quotes = [quote(symbol, ts, priced(symbol, JAPAN[symbol])) for symbol in CLOSES]
    written(empty, quotes, at + timedelta(days=1))
    assert [one.market for one in Grader().turn(empty).captured] == ["Japan"]
    assert captured(empty)["ES"]["is_complete"]


def test_an_opening_before_the_first_tick_was_never_watched(empty: Link) -> None:
    opened(empty, "Japan", DAY, AT, UNTIL)
    opened(empty, "China", DAY, AT + timedelta(hours=1), UNTIL)
    opened(
        empty,
        "China",
        DAY + timedelta(days=1),
        AT + timedelta(hours=25),
        UNTIL + 2 * (UNTIL - AT) + timedelta(hours=12),
    )
    written(empty, [quote("ES", AT + timedelta(minutes=1), priced("ES"))], AT + timedelta(days=3))
    # Not Tokyo's, which was before; not the next day's, of which there is no tick.
    made = Grader().turn(empty).captured
    assert [(one.market, one.day) for one in made] == [("China", DAY)]


@pytest.mark.editions("plain", "timescale")
def test_a_late_tick_changes_the_grade_and_the_capture_that_it_belongs_to(empty: Link) -> None:
    japan(empty)
    touch = quote("ES", AT + timedelta(minutes=10), Decimal(6900))
    written(empty, [touch], AT + timedelta(minutes=20))
    Grader().turn(empty)
    assert captured(empty)["ES"]["wndw"] == "WORKED"
    # A stop, five minutes earlier, that comes now.
    written(empty, [quote("ES", AT + timedelta(minutes=5), Decimal(6830))])
    refreshed(empty)
    grader = Grader()
    grader.turn(empty)
    row = captured(empty)["ES"]
    assert (row["wndw"], row["target_hit_at"]) == ("DIDNT_WORK", AT + timedelta(minutes=5))
    # A quote from before the opening, with another price.
    written(empty, [quote("ES", AT - timedelta(seconds=1), Decimal("6840.75"))])
    refreshed(empty)
    assert market_opens.renew(empty) > 0
    market_opens.grade(empty, AT + timedelta(minutes=18))
    row = captured(empty)["ES"]
    assert (row["entry_price"], row["target_low"], row["wndw"]) == (
        Decimal("6840.75"), Decimal("6838.75"), "DIDNT_WORK",
    )  # fmt: skip
    whole = everything(empty)
    empty.execute("truncate studies.market_sessions")
    market_opens.capture_due(empty, AT + timedelta(minutes=18))
    market_opens.grade(empty, AT + timedelta(minutes=18))
    assert everything(empty) == whole


def _reference(row: Row, ticks: list[Tick]) -> tuple[str, datetime | None]:
    """Grade a row the slow and obvious way: tick by tick, in order."""
    for one in sorted(ticks, key=lambda t: (t.ts, t.seq, t.source)):
        if not row["captured_at"] < one.ts <= row["closes_at"]:
            continue
        is_long = row["bhs"] in ("BUY", "STRONG_BUY")
        price = one.last if row["is_by_last"] else one.bid if is_long else one.ask
        if price is None:
            continue
        at_high, at_low = price >= row["target_high"], price <= row["target_low"]
        if at_low if is_long else at_high:
            return "DIDNT_WORK", one.ts
        if at_high if is_long else at_low:
            return "WORKED", one.ts
    return "NEUTRAL", None


def _path(rng: random.Random, at: datetime, symbol: str) -> list[Tick]:
    """Return a random walk around 100 on a grid of 0.25, with missing sides and equal times."""
    price, ts, ticks = Decimal(100), at - timedelta(seconds=5), []
    for _ in range(rng.randint(0, 40)):
        price += Decimal(rng.choice((-2, -1, 0, 0, 1, 2))) / 4
        ts += timedelta(seconds=rng.choice((0, 0, 1, 3)))
        spread = Decimal(rng.choice((1, 1, 2, 8))) / 4
        ticks.append(
            tick(
                symbol=symbol, seq=next(_seqs), ts=ts, source=rng.choice(("EXCEL", "SIM")),
                last=rng.choice((price, None)), bid=rng.choice((price, price, None)),
                ask=rng.choice((price + spread, price + spread, None)),
                last_size=None, is_trade=False,
            )
        )  # fmt: skip
    rng.shuffle(ticks)
    return ticks


def test_grades_of_random_paths_equal_those_of_a_slow_reference(empty: Link) -> None:
    rng = random.Random(20251029)
    paths: dict[str, list[Tick]] = {}
    at = datetime(2025, 3, 3, tzinfo=UTC)
    ticks: list[Tick] = []
    with empty.transaction():
        for number in range(300):
            opening = at + timedelta(minutes=3 * number)
            symbol = rng.choice(("ES", "NQ", "CL"))
            high, low = (Decimal(rng.randint(1, 8)) / 4 for _ in range(2))
            empty.execute(
                "insert into studies.market_sessions (session_number, capture_group, capture_kind,"
                " market, session_date, symbol, captured_at, closes_at, is_complete, bhs, wndw,"
                " graded_symbol, is_by_last, entry_price, target_high, target_low, graded_to,"
                " is_closed, market_open) values (1, %(name)s, 'OPEN', %(name)s, '2025-03-03',"
                " %(symbol)s, %(at)s, %(until)s, true, %(bhs)s, 'PENDING', %(symbol)s,"
                " %(is_by_last)s, 100, %(high)s, %(low)s, %(at)s, false, 100)",
                {
                    "name": f"market {number}", "symbol": symbol, "at": opening,
                    "until": opening + timedelta(seconds=rng.randint(1, 60)),
                    "bhs": rng.choice(("BUY", "STRONG_BUY", "SELL", "STRONG_SELL")),
                    "is_by_last": rng.random() < 0.2, "high": 100 + high, "low": 100 - low,
                },
            )  # fmt: skip
            paths[f"market {number}"] = _path(rng, opening, symbol)
            ticks += paths[f"market {number}"]
    written(empty, ticks)
    # The grades come in steps of any length, as a grader's turns do.
    settled = at
    while settled < at + timedelta(minutes=905):
        market_opens.grade(empty, settled)
        settled += timedelta(seconds=rng.choice((7, 61, 300, 2000)))
    market_opens.grade(empty, settled)
    found = rows(empty, "select * from studies.market_sessions order by id")
    for row in found:
        expected = _reference(row, paths[row["market"]])
        assert (row["wndw"], row["target_hit_at"]) == expected, row["market"]
        assert row["is_closed"]
    outcomes = {row["wndw"] for row in found}
    assert outcomes == {"WORKED", "DIDNT_WORK", "NEUTRAL"}


def test_a_month_graded_live_by_two_graders_at_once_equals_a_grade_of_it_all(
    empty: Link, kept_url: str
) -> None:
    rng = random.Random(7)
    days = [date(2025, 9, 1) + timedelta(days=n) for n in range(30)]
    days = [day for day in days if day.isoweekday() <= 5]
    for day in days:
        at = datetime(day.year, day.month, day.day, tzinfo=UTC)
        opened(empty, "Japan", day, at, at + timedelta(hours=6, minutes=30))
        opened(empty, "USA", day, at + timedelta(hours=13, minutes=30), at + timedelta(hours=20))
        marked(empty, day, at - timedelta(hours=1))
    graders = [Grader(), Grader()]
    with (
        ThreadPoolExecutor(2) as pool,
        psycopg.connect(kept_url, autocommit=True) as one,
        psycopg.connect(kept_url, autocommit=True) as another,
    ):
        for day in days:
            at = datetime(day.year, day.month, day.day, tzinfo=UTC)
            # Quotes at each opening but those of an outage, then a walk.
            for opening in (at, at + timedelta(hours=13, minutes=30)):
                ticks, prices = [], {}
                for symbol, change in JAPAN.items():
                    prices[symbol] = priced(symbol, str(Decimal(change) * rng.choice((1, -1))))
                    ticks.append(quote(symbol, opening - timedelta(seconds=3), prices[symbol]))
                for n in range(6):
                    for symbol, step in TICKS.items():
                        prices[symbol] += Decimal(step) * rng.randint(-6, 6)
                        ts = opening + timedelta(minutes=20 * (n + 1))
                        ticks.append(quote(symbol, ts, prices[symbol]))
                if rng.random() < 0.1:
                    ticks = [t for t in ticks if t.ts > opening]
                for part in (ticks[:25], ticks[25:]):
                    if part:
                        written(empty, part, max(t.ts for t in part) + timedelta(seconds=2))
                        list(
                            pool.map(lambda pair: pair[0].turn(pair[1]),
                                     zip(graders, (one, another), strict=True))
                        )  # fmt: skip
        written(empty, [], datetime(2025, 10, 2, tzinfo=UTC))
        list(pool.map(lambda pair: pair[0].turn(pair[1]),
                      zip(graders, (one, another), strict=True)))  # fmt: skip
    market_opens.renew(empty)
    market_opens.grade(empty, datetime(2025, 10, 2, tzinfo=UTC))
    live = everything(empty)
    empty.execute("truncate studies.market_sessions")
    grader = Grader()
    # The newest first, so many a turn.
    while grader.turn(empty).captured:
        pass
    again = everything(empty)
    assert len(live) == len(again) == 12 * 2 * len(days)
    assert {row["wndw"] for row in live} == {"WORKED", "DIDNT_WORK", "NEUTRAL"}
    assert live == again


def test_a_manual_capture_is_one_a_market_and_day(empty: Link) -> None:
    now = datetime.now(UTC)
    day = rows(empty, "select reference.trade_date(%s) as day", now)[0]["day"]
    marked(empty, day, now - timedelta(seconds=9))
    quotes = [
        quote(symbol, now - timedelta(seconds=8), priced(symbol, JAPAN[symbol]))
        for symbol in CLOSES
    ]
    written(empty, quotes, now)
    made = market_opens.capture_now(empty, "Japan")
    assert (made.kind, made.rows, made.complete) == ("MANUAL", 12, 12)
    row = captured(empty)["ES"]
    assert (row["capture_kind"], row["wndw"]) == ("MANUAL", "PENDING")
    assert row["session_date"] == (row["captured_at"] + timedelta(hours=9)).astimezone(UTC).date()
    with pytest.raises(Refused, match="Japan has a manual capture"):
        market_opens.capture_now(empty, "Japan")
    with pytest.raises(NotFound, match="market: 'Atlantis' is none of Japan, China"):
        market_opens.capture_now(empty, "Atlantis")


def test_a_manual_capture_of_a_recording_is_of_the_moment_that_was_replayed(empty: Link) -> None:
    ts = AT - timedelta(seconds=2)
    marked(empty, DAY, ts)
    written(empty, [quote(symbol, ts, priced(symbol, JAPAN[symbol])) for symbol in CLOSES])
    empty.execute("update ops.edition set nature = 'recorded'")
    try:
        made = market_opens.capture_now(empty, "USA")
    finally:
        empty.execute("update ops.edition set nature = 'simulated'")
    # The evening before in New York; outside its hours until the trade date ends, in Chicago.
    assert (made.at, made.day, made.complete) == (ts, date(2025, 10, 28), 12)
    row = captured(empty, "USA")["ES"]
    assert row["closes_at"] == datetime(2025, 10, 29, 22, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("symbol", "given", "text"),
    [
        ("ES", {"offset_high": Decimal("0.1")}, "offset_high: 0.1 is less than a tick of ES, 0.25"),
        ("ES", {"offset_low": Decimal(0)}, "offset_low: 0 is less than a tick"),
        ("ES", {"mode": "PERCENT"}, "percent_high: is missing; the mode PERCENT needs it"),
        ("ES", {"percent_low": Decimal(100)}, "percent_low: 100 is not between 0 and 100"),
        ("ES", {"mode": "TICKS"}, "mode: 'TICKS' is none of POINTS, PERCENT, DISABLED"),
        ("ES", {"offset": Decimal(1)}, "offset: is none of mode, offset_high"),
    ],
)
def test_targets_that_cannot_be_are_refused_by_their_field(
    link: Link, symbol: str, given: dict[str, Any], text: str
) -> None:
    with pytest.raises(Rejected, match=text):
        targets.change(link, symbol, given, changed_by="me", reason="to see")


def test_targets_are_versions_and_a_symbol_without_any_is_not_graded(empty: Link) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="less than a tick of ES"):
        empty.execute("update studies.targets set offset_low = 0.1 where symbol = 'ES'")
    changed = targets.change(
        empty, "ES", {"mode": "PERCENT", "percent_high": Decimal("0.05"),
                      "percent_low": Decimal("0.0001")}, changed_by="me", reason="wider",
    )  # fmt: skip
    assert (changed["mode"], changed["version"], changed["offset_high"]) == ("PERCENT", 2, 2)
    targets.change(empty, "YM", {"is_active": False}, changed_by="me", reason="rest")
    empty.execute("delete from studies.targets where symbol = 'NQ'")
    try:
        japan(empty)
        found = captured(empty)
        # 0.05 % of 6837.75 is 3.42, 13.7 ticks: 14; 0.0001 % is less than a tick: one.
        assert (found["ES"]["target_high"], found["ES"]["target_low"]) == (
            Decimal("6841.25"), Decimal("6837.50"),
        )  # fmt: skip
        for symbol in ("NQ", "YM", "TOTAL"):
            assert (found[symbol]["wndw"], found[symbol]["reason"]) == ("NEUTRAL", "no targets")
    finally:
        band = {"offset_high": Decimal(5), "offset_low": Decimal(5)}
        targets.change(empty, "NQ", band, changed_by="me", reason="as before")
        targets.change(empty, "YM", {"is_active": True}, changed_by="me", reason="as before")
        restored = targets.undo(empty, "ES", 1, changed_by="me")
    assert (restored["mode"], restored["version"]) == ("POINTS", 3)


def test_a_rate_has_its_count_and_wilson_s_interval(empty: Link) -> None:
    (found,) = rows(empty, "select * from studies.wilson(7, 10)")
    assert (round(found["low"], 3), round(found["high"], 3)) == (
        Decimal("0.397"), Decimal("0.892"),
    )  # fmt: skip
    (found,) = rows(empty, "select * from studies.wilson(0, 10)")
    # 3.8415 of 13.8415.
    assert (found["low"], round(found["high"], 3)) == (0, Decimal("0.278"))
    assert rows(empty, "select * from studies.wilson(0, 0)") == [{"low": None, "high": None}]
    japan(empty)
    written(
        empty,
        [
            quote("ES", AT + timedelta(minutes=1), Decimal(6900)),
            quote("NQ", AT + timedelta(minutes=1), Decimal(25000)),
            quote("YM", AT + timedelta(minutes=1), Decimal(47000)),
        ],
        UNTIL + timedelta(seconds=3),
    )
    Grader().turn(empty)
    found = {
        (row["by"], row["value"]): row
        for row in rows(empty, "select * from studies.hit_rates where capture_kind = 'OPEN'")
    }
    japanese = found["market", "Japan"]
    # ES and YM worked, NQ did not; five more have an entry and were not touched, four hold.
    assert (japanese["n"], japanese["worked"], japanese["didnt_work"]) == (3, 2, 1)
    assert (japanese["hit_rate"], japanese["ev"]) == (Decimal("0.666667"), Decimal("33.33"))
    assert japanese["neutral"] == 8
    # TOTAL, long through YM, did not work: it is a symbol and no second YM.
    assert found["symbol", "TOTAL"]["didnt_work"] == 1
    assert found["weekday", "Wed"]["n"] == 3
    assert found["signal", "STRONG_BUY"]["n"] == 2
    counted = rows(empty, "select * from studies.market_captures")
    assert [(row["worked"], row["didnt_work"], row["neutral"]) for row in counted] == [(2, 2, 8)]
    history = rows(
        empty,
        "select c.* from studies.market_session_counts as c where c.symbol = 'ES'",
    )
    assert [(row["day"], row["market_symbol"], row["market_symbol_wndw_total"])
            for row in history] == [("Wed", 1, 0)]  # fmt: skip


def test_the_loop_grades_until_it_is_stopped_and_refuses_an_interval_that_is_none(
    empty: Link, kept_url: str
) -> None:
    japan(empty)
    ts = AT + timedelta(minutes=1)
    written(empty, [quote("ES", ts, Decimal(6900))], ts + timedelta(seconds=3))
    stop = Stop()
    graded: list[tuple[str, str]] = []

    def on_turn(turn: Turn) -> None:
        graded.extend((one.symbol, one.wndw) for one in turn.graded)
        stop.set()

    grade_market_opens(kept_url, stop, on_turn, interval_s=3600)
    assert graded == [("ES", "WORKED")]
    for interval_s in (0, -1, 3601, float("nan")):
        with pytest.raises(Rejected, match="interval: .* is not between 0 and 3600 s"):
            grade_market_opens(kept_url, Stop(), on_turn, interval_s=interval_s)
