"""The public views of bars: each column by hand, each edge of a bucket, and bars_between."""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg.errors import InvalidParameterValue
from psycopg.rows import dict_row

pytestmark = pytest.mark.editions("plain", "timescale")

Link = psycopg.Connection[Any]
Row = dict[str, Any]

# Monday, 1 July 2024, 09:32 in Chicago.
TS = datetime(2024, 7, 1, 14, 32, 10, 200000, tzinfo=UTC)
WIDTHS = ("1s", "1m", "5m", "1h", "1d")
MS, SECOND, HOUR = timedelta(milliseconds=1), timedelta(seconds=1), timedelta(hours=1)
US = timedelta(microseconds=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


def reported(**given: Any) -> Row:
    """Return a trade of one ES at 5000.25, of the simulator, changed as given."""
    whole: Row = {
        "ts": TS, "symbol": "ES", "seq": 1, "source": "SIM", "last": "5000.25",
        "volume_delta": 1, "is_trade": True, "is_sampled": False,
    }  # fmt: skip
    whole |= given
    whole.setdefault("received_at", whole["ts"])
    return whole


def quote(**given: Any) -> Row:
    """Return a quote of ES, 5000.00 to 5000.25, changed as given."""
    sides = {"bid": "5000.00", "ask": "5000.25"}
    return reported(**{"last": None, "volume_delta": None, "is_trade": False, **sides, **given})


def numbered(*rows: Row) -> list[Row]:
    """Return the rows with numbers from 1, a millisecond apart."""
    return [
        {**row, "seq": n, "ts": row["ts"] + n * MS, "received_at": row["received_at"] + n * MS}
        for n, row in enumerate(rows, 1)
    ]


def insert(link: Link, rows: list[Row]) -> None:
    """Insert rows in one statement."""
    if not rows:
        return
    names = sorted({name for row in rows for name in row})
    marks = ", ".join(f"({', '.join(['%s'] * len(names))})" for _ in rows)
    values = [row.get(name) for row in rows for name in names]
    statement = f"insert into market.ticks ({', '.join(names)}) values {marks}"
    link.execute(statement.encode(), values)


def backwards(link: Link, rows: list[Row]) -> None:
    for row in rows[::-1]:
        insert(link, [row])


def in_two_halves(link: Link, rows: list[Row]) -> None:
    # Every other one, then those between them, both from the end.
    insert(link, rows[-2::-2])
    insert(link, rows[-1::-2])


WAYS = [insert, backwards, in_two_halves]
Way = Callable[[Link, list[Row]], None]


@pytest.fixture(params=WAYS, ids=lambda way: way.__name__.replace("_", " "))
def put(request: pytest.FixtureRequest) -> Way:
    """How the rows of a test come in: the bars are the same whatever the way."""
    way: Way = request.param
    return way


def bars(link: Link, width: str, symbol: str = "ES") -> list[Row]:
    """Return the bars that a view shows, in order."""
    query = f"select * from bars_{width} where symbol = %s order by bar_start"
    with link.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query.encode(), (symbol,)).fetchall()


def in_every_width(link: Link, symbol: str = "ES") -> Iterator[Row]:
    """Yield the one bar that each width has."""
    for width in WIDTHS:
        (bar,) = bars(link, width, symbol)
        yield bar


def part(bar: Row, *names: str) -> tuple[Any, ...]:
    return tuple(bar[name] for name in names)


OHLC = ("open", "high", "low", "close")
VOLUMES = ("volume", "volume_buy", "volume_sell")


def prices(*texts: str) -> tuple[Decimal, ...]:
    return tuple(map(Decimal, texts))


# A bar of a few ticks


def test_a_bar_is_its_ticks_column_by_column(undone: Link, put: Way) -> None:
    put(
        undone,
        numbered(
            quote(),
            reported(last="5000.25", volume_delta=3, side="B"),
            reported(last="5001.00", volume_delta=1, side="S", bid="5000.75"),
            quote(bid="5000.50", ask="5001.00"),
            reported(last="4999.75", volume_delta=4, side="B"),
            reported(last="5000.50", volume_delta=2),
            quote(bid=None, ask="5000.75"),
        ),
    )
    for bar in in_every_width(undone):
        assert part(bar, "symbol", *OHLC) == ("ES", *prices("5000.25", "5001", "4999.75", "5000.5"))
        assert part(bar, *VOLUMES, "trades", "ticks") == (10, 7, 1, 4, 7)
        # 3 × 5000.25 + 5001 + 4 × 4999.75 + 2 × 5000.5 = 50001.75
        assert bar["vwap"] == Decimal("5000.175")
        assert part(bar, "bid_close", "ask_close") == prices("5000.50", "5000.75")
        # Two of them had both sides: 0.25 and 0.5.
        assert bar["spread_mean"] == Decimal("0.375")
        assert part(bar, "late_ticks", "is_sampled", "is_imported") == (0, False, False)


def test_means_are_rounded_to_the_eighth_decimal_half_away_from_zero(
    undone: Link, put: Way
) -> None:
    put(
        undone,
        numbered(
            reported(symbol="CL", last="-0.01", volume_delta=1),
            reported(symbol="CL", last="-0.02", volume_delta=2),
            quote(symbol="CL", bid="-0.02", ask="-0.01"),
            quote(symbol="CL", bid="-0.02", ask="-0.01"),
            quote(symbol="CL", bid="-0.03", ask="-0.01"),
        ),
    )
    for bar in in_every_width(undone, "CL"):
        # -0.05 / 3 and 0.04 / 3.
        assert part(bar, "vwap", "spread_mean") == prices("-0.01666667", "0.01333333")
        assert part(bar, *OHLC) == prices("-0.01", "-0.01", "-0.02", "-0.02")


def test_a_half_in_the_ninth_decimal_goes_away_from_zero(undone: Link) -> None:
    eighth = "0.00000001"
    for sign, symbol in (("", "ES"), ("-", "CL")):
        rows = [reported(symbol=symbol, last="0"), reported(symbol=symbol, last=f"{sign}{eighth}")]
        insert(undone, numbered(*rows))
        for bar in in_every_width(undone, symbol):
            assert bar["vwap"] == Decimal(f"{sign}{eighth}")


def test_prices_below_zero_keep_their_order(undone: Link, put: Way) -> None:
    # Crude, 20 April 2020.
    rows = [reported(symbol="CL", last=last) for last in ("0.01", "-37.63", "-40.32", "-13.10")]
    put(undone, numbered(*rows))
    for bar in in_every_width(undone, "CL"):
        assert part(bar, *OHLC) == prices("0.01", "0.01", "-40.32", "-13.10")
        assert bar["vwap"] == Decimal("-22.76")


def test_a_symbol_that_only_quotes_has_bars_without_prices(undone: Link, put: Way) -> None:
    put(undone, numbered(quote(), quote(bid="5000.25", ask="5000.75"), quote(ask=None)))
    for bar in in_every_width(undone):
        assert part(bar, *OHLC, "vwap") == (None,) * 5
        assert part(bar, *VOLUMES, "trades", "ticks") == (0, 0, 0, 0, 3)
        assert part(bar, "bid_close", "ask_close") == prices("5000.00", "5000.75")
        assert bar["spread_mean"] == Decimal("0.375")


def test_a_symbol_that_only_trades_has_bars_without_quotes(undone: Link) -> None:
    insert(undone, [reported()])
    for bar in in_every_width(undone):
        assert part(bar, "bid_close", "ask_close", "spread_mean") == (None, None, None)


def test_one_side_alone_closes_the_bar_and_makes_no_spread(undone: Link, put: Way) -> None:
    put(undone, numbered(quote(ask=None), quote(bid=None, ask="5000.75"), quote(bid=None)))
    for bar in in_every_width(undone):
        assert part(bar, "bid_close", "ask_close") == prices("5000", "5000.25")
        assert bar["spread_mean"] is None


def test_crossed_quotes_count_as_they_are(undone: Link, put: Way) -> None:
    crossed = quote(bid="5000.50", ask="5000.00")
    put(undone, numbered(crossed, quote(), crossed, quote(bid="5000", ask="5000")))
    for bar in in_every_width(undone):
        # -0.5, 0.25, -0.5 and 0.
        assert bar["spread_mean"] == Decimal("-0.1875")
        assert part(bar, "bid_close", "ask_close") == prices("5000", "5000")


def test_a_price_outside_bid_and_ask_is_kept(undone: Link) -> None:
    insert(undone, [reported(last="5010", bid="5000", ask="5000.25")])
    for bar in in_every_width(undone):
        assert part(bar, "high", "bid_close", "ask_close") == prices("5010", "5000", "5000.25")


def test_a_last_that_is_no_trade_makes_no_price(undone: Link, put: Way) -> None:
    put(undone, numbered(reported(), quote(last="6000"), quote(last="1", volume_delta=9, side="B")))
    for bar in in_every_width(undone):
        assert part(bar, *OHLC) == prices(*["5000.25"] * 4)
        assert part(bar, *VOLUMES, "trades", "ticks") == (1, None, None, 1, 3)


# Volumes


def test_trades_without_sizes_have_no_volume(undone: Link, put: Way) -> None:
    put(
        undone,
        numbered(reported(volume_delta=None), reported(volume_delta=None, side="B"), quote()),
    )
    for bar in in_every_width(undone):
        assert part(bar, *VOLUMES, "vwap", "trades") == (None, None, None, None, 2)


def test_sizes_of_some_trades_alone_are_the_volume(undone: Link, put: Way) -> None:
    rows = [
        reported(volume_delta=None, last="6000"),
        reported(volume_delta=2),
        reported(last="5000.75"),
    ]
    put(undone, numbered(*rows))
    for bar in in_every_width(undone):
        assert part(bar, "volume", "trades", "high") == (3, 3, Decimal(6000))
        # (2 × 5000.25 + 5000.75) / 3
        assert bar["vwap"] == Decimal("5000.41666667")


def test_a_trade_of_size_zero_is_a_trade_of_no_contracts(undone: Link) -> None:
    insert(undone, [reported(volume_delta=0)])
    for bar in in_every_width(undone):
        assert part(bar, "volume", "trades", "vwap", "close") == (0, 1, None, Decimal("5000.25"))


@pytest.mark.parametrize(
    ("sides", "volumes"),
    [
        ((None, None), (3, None, None)),
        (("B", None), (3, 1, 0)),
        ((None, "S"), (3, 0, 2)),
        (("S", "B"), (3, 2, 1)),
        (("B", "B"), (3, 3, 0)),
    ],
)
def test_sides_known_for_some_are_summed_and_for_none_are_null(
    undone: Link, put: Way, sides: tuple[str | None, str | None], volumes: tuple[int | None, ...]
) -> None:
    put(undone, numbered(*(reported(volume_delta=n, side=s) for n, s in enumerate(sides, 1))))
    for bar in in_every_width(undone):
        assert part(bar, *VOLUMES) == volumes


def test_a_feed_that_restarts_its_count_sells_nothing_back(undone: Link, put: Way) -> None:
    put(
        undone,
        numbered(
            reported(volume=1_000_000, volume_delta=5),
            reported(volume=4, volume_delta=None),
            reported(volume=10, volume_delta=6),
        ),
    )
    for bar in in_every_width(undone):
        assert part(bar, "volume", "trades") == (11, 3)


def test_a_bar_of_a_minute_holds_seconds_with_and_without_trades(undone: Link, put: Way) -> None:
    put(
        undone,
        [
            quote(seq=1, bid="4990"),
            reported(seq=2, ts=TS + SECOND, volume_delta=None),
            quote(seq=3, ts=TS + 2 * SECOND, bid="4995", ask=None),
            reported(seq=4, ts=TS + 3 * SECOND, last="5001", volume_delta=7, side="S"),
            quote(seq=5, ts=TS + 4 * SECOND, bid=None, ask="5002"),
        ],
    )
    assert [bar["volume"] for bar in bars(undone, "1s")] == [0, None, 0, 7, 0]
    assert [bar["open"] for bar in bars(undone, "1s")] == [
        None, Decimal("5000.25"), None, Decimal(5001), None,
    ]  # fmt: skip
    for width in WIDTHS[1:]:
        (bar,) = bars(undone, width)
        assert part(bar, *OHLC) == prices("5000.25", "5001", "5000.25", "5001")
        assert part(bar, *VOLUMES, "trades", "ticks") == (7, 0, 7, 2, 5)
        assert part(bar, "bid_close", "ask_close", "spread_mean") == prices("4995", "5002", "10.25")
        assert bar["vwap"] == Decimal(5001)


# Order


@pytest.mark.parametrize("seed", [None, *range(5)])
@pytest.mark.parametrize("at_once", [True, False])
def test_seven_ticks_at_one_instant_are_ordered_by_seq(
    undone: Link, seed: int | None, at_once: bool
) -> None:
    rows = [
        reported(seq=seq, last=str(5000 + seq % 4), bid=str(4000 + seq), ask=str(6000 - seq))
        for seq in range(1, 8)
    ]
    # Forwards, backwards, and in disorder.
    rows = rows[::-1] if seed is None else random.Random(seed).sample(rows, 7) if seed else rows
    for batch in [rows] if at_once else [[row] for row in rows]:
        insert(undone, batch)
    for bar in in_every_width(undone):
        # 5001 5002 5003 5000 5001 5002 5003
        assert part(bar, *OHLC) == prices("5001", "5003", "5000", "5003")
        assert part(bar, "bid_close", "ask_close") == prices("4007", "5993")


def test_of_one_number_at_one_instant_the_sources_are_in_order(undone: Link, put: Way) -> None:
    rows = [
        reported(seq=7, source=source, last=str(5000 + n), bid=str(4000 + n), ask="6000")
        for n, source in enumerate(["EXCEL", "SCHWAB", "SIM", "TAPE:0"])
    ]
    put(undone, rows)
    for bar in in_every_width(undone):
        assert part(bar, "open", "close", "bid_close") == prices("5000", "5003", "4003")


def test_market_time_goes_before_the_number(undone: Link, put: Way) -> None:
    put(
        undone,
        [
            reported(seq=9, ts=TS, last="5000"),
            reported(seq=8, ts=TS + US, last="5001"),
            reported(seq=7, ts=TS + 2 * US, last="5002", source="EXCEL"),
        ],
    )
    for bar in in_every_width(undone):
        assert part(bar, "open", "close") == prices("5000", "5002")


def test_a_quote_that_lacks_a_side_leaves_the_close_to_the_one_before_it(
    undone: Link, put: Way
) -> None:
    rows = [quote(seq=seq, bid=str(4000 + seq) if seq < 3 else None) for seq in range(1, 8)]
    put(undone, rows)
    for bar in in_every_width(undone):
        assert part(bar, "bid_close", "ask_close") == prices("4002", "5000.25")


# When


def test_a_bar_begins_at_its_left_edge_and_ends_before_its_right(undone: Link, put: Way) -> None:
    edges = {
        "1s": utc("2024-07-01 14:32:10"),
        "1m": utc("2024-07-01 14:32:00"),
        "5m": utc("2024-07-01 14:30:00"),
        "1h": utc("2024-07-01 14:00:00"),
        "1d": utc("2024-06-30 22:00:00"),
    }
    ends = {
        "1s": utc("2024-07-01 14:32:11"),
        "1m": utc("2024-07-01 14:33:00"),
        "5m": utc("2024-07-01 14:35:00"),
        "1h": utc("2024-07-01 15:00:00"),
        "1d": utc("2024-07-01 22:00:00"),
    }
    instants = [ts - off for ts in (*edges.values(), *ends.values()) for off in (US, 0 * US)]
    instants = sorted({TS, *instants})
    put(undone, [reported(seq=seq, ts=ts) for seq, ts in enumerate(instants)])
    for width in WIDTHS:
        found = {bar["bar_start"]: bar for bar in bars(undone, width)}
        bar = found[edges[width]]
        assert bar["bar_end"] == ends[width]
        assert bar["known_at"] == ends[width] + SECOND
        inside = sum(edges[width] <= ts < ends[width] for ts in instants)
        assert bar["ticks"] == inside
        assert bar["trade_date"] == date(2024, 7, 1)
        before = found[max(start for start in found if start < edges[width])]
        assert before["bar_end"] <= edges[width]
        assert sum(one["ticks"] for one in found.values()) == len(instants)


def test_a_tick_is_late_for_each_width_by_itself(undone: Link, put: Way) -> None:
    known = [
        utc("2024-07-01 14:32:12"),
        utc("2024-07-01 14:33:01"),
        utc("2024-07-01 14:35:01"),
        utc("2024-07-01 15:00:01"),
        utc("2024-07-01 22:00:01"),
    ]
    received = [ts + off for ts in known for off in (0 * US, US)]
    put(undone, [reported(seq=seq, received_at=at) for seq, at in enumerate(received)])
    # At known_at it is in time, a microsecond later it is not.
    assert [bar["late_ticks"] for bar in in_every_width(undone)] == [9, 7, 5, 3, 1]
    assert [bar["known_at"] for bar in in_every_width(undone)] == known


@pytest.mark.parametrize("day", ["2024-03-09 23:00", "2024-03-10 22:00", "2024-11-02 22:00"])
def test_the_last_tick_of_a_day_may_be_a_second_late(undone: Link, day: str) -> None:
    turn = utc(f"{day}:00")
    insert(
        undone,
        [
            reported(seq=1, ts=turn - US, received_at=turn + SECOND),
            reported(seq=2, ts=turn - US, received_at=turn + SECOND + US),
            reported(seq=3, ts=turn, received_at=turn + SECOND),
        ],
    )
    for width in WIDTHS:
        assert [bar["late_ticks"] for bar in bars(undone, width)] == [1, 0]


def test_one_tick_of_a_feed_that_samples_marks_the_bar(undone: Link, put: Way) -> None:
    put(undone, numbered(reported(), reported(is_sampled=True), reported()))
    insert(undone, numbered(reported(symbol="NQ")))
    assert [bar["is_sampled"] for bar in in_every_width(undone)] == [True] * 5
    assert [bar["is_sampled"] for bar in in_every_width(undone, "NQ")] == [False] * 5


def test_a_bar_changed_when_its_newest_tick_was_written(undone: Link, put: Way) -> None:
    written = [TS + HOUR, TS + 3 * HOUR, TS + 2 * HOUR]
    put(undone, numbered(*(reported(created_at=at) for at in written)))
    assert {bar["changed_at"] for bar in in_every_width(undone)} == {TS + 3 * HOUR}


def test_symbols_do_not_mix(undone: Link, put: Way) -> None:
    put(
        undone,
        numbered(
            reported(), reported(symbol="NQ", last="18000"), reported(), reported(symbol="NQ")
        ),
    )
    for symbol, high in (("ES", "5000.25"), ("NQ", "18000")):
        for bar in in_every_width(undone, symbol):
            assert part(bar, "high", "ticks") == (Decimal(high), 2)


# The exchange's day


def hours(first: str, count: int) -> list[Row]:
    return [reported(seq=n, ts=utc(first) + n * HOUR) for n in range(count)]


@pytest.mark.parametrize(
    ("trade_date", "first", "count"),
    [
        # Spring: at two in the morning of Sunday it is three.
        ("2024-03-09", "2024-03-08 23:00:00", 24),
        ("2024-03-10", "2024-03-09 23:00:00", 23),
        ("2024-03-11", "2024-03-10 22:00:00", 24),
        # Autumn: at two it is one again.
        ("2024-11-02", "2024-11-01 22:00:00", 24),
        ("2024-11-03", "2024-11-02 22:00:00", 25),
        ("2024-11-04", "2024-11-03 23:00:00", 24),
    ],
)
def test_a_day_goes_from_five_to_five_in_chicago_whatever_the_clocks_do(
    undone: Link, put: Way, trade_date: str, first: str, count: int
) -> None:
    # A tick at the first instant of each hour, from the hour before to the hour after.
    start = utc(first)
    put(undone, hours(str((start - HOUR).replace(tzinfo=None)), count + 2))
    found = bars(undone, "1d")
    assert [bar["ticks"] for bar in found] == [1, count, 1]
    day = found[1]
    assert day["trade_date"] == date.fromisoformat(trade_date)
    assert part(day, "bar_start", "bar_end", "known_at") == (
        start, start + count * HOUR, start + count * HOUR + SECOND,
    )  # fmt: skip
    assert [bar["trade_date"] - day["trade_date"] for bar in found] == [
        timedelta(days=-1), timedelta(0), timedelta(days=1),
    ]  # fmt: skip
    # The bars within it are of its date.
    for width in WIDTHS[:-1]:
        dates = [bar["trade_date"] for bar in bars(undone, width)]
        assert dates.count(day["trade_date"]) == count


def test_five_oclock_itself_is_tomorrow(undone: Link, put: Way) -> None:
    turn = utc("2024-07-01 22:00:00")
    put(undone, [reported(seq=1, ts=turn - US, last="5000"), reported(seq=2, ts=turn, last="5001")])
    days = bars(undone, "1d")
    assert [part(day, "trade_date", "close") for day in days] == [
        (date(2024, 7, 1), Decimal(5000)), (date(2024, 7, 2), Decimal(5001)),
    ]  # fmt: skip
    for width in WIDTHS:
        first, second = bars(undone, width)
        assert first["bar_end"] == second["bar_start"] == turn


def test_a_day_that_closes_early_is_a_whole_day_of_what_there_was(undone: Link, put: Way) -> None:
    # The Friday after Thanksgiving: closed at 12:15 in Chicago, open again on Sunday at 17:00.
    put(
        undone,
        [
            reported(seq=1, ts=utc("2024-11-28 23:00:00"), last="6000"),
            reported(seq=2, ts=utc("2024-11-29 18:14:59.900"), last="6030"),
            reported(seq=3, ts=utc("2024-12-01 23:00:00"), last="6050"),
        ],
    )
    friday, monday = bars(undone, "1d")
    assert part(friday, "trade_date", "bar_start", "bar_end", *OHLC) == (
        date(2024, 11, 29), utc("2024-11-28 23:00:00"), utc("2024-11-29 23:00:00"),
        *prices("6000", "6030", "6000", "6030"),
    )  # fmt: skip
    assert part(monday, "trade_date", "bar_start") == (
        date(2024, 12, 2), utc("2024-12-01 23:00:00"),
    )  # fmt: skip
    # Nothing is made up for the hours between.
    for width in WIDTHS[:-1]:
        assert len(bars(undone, width)) == 3


def test_one_tick_an_hour_is_one_bar_an_hour(undone: Link, put: Way) -> None:
    put(
        undone,
        [{**row, "last": str(5000 + row["seq"])} for row in hours("2024-06-30 22:00:00", 23)],
    )
    for width in WIDTHS[:-1]:
        found = bars(undone, width)
        assert [bar["open"] for bar in found] == [Decimal(5000 + n) for n in range(23)]
        assert {part(bar, "ticks", "trades") for bar in found} == {(1, 1)}
    (day,) = bars(undone, "1d")
    assert part(day, *OHLC, "ticks") == (*prices("5000", "5022", "5000", "5022"), 23)


# Bars without ticks


IMPORTED_AT = utc("2024-08-01 00:00:00")


def imported(link: Link, width: str, bar_start: datetime, **given: Any) -> None:
    """Import one bar of ES, 4000 4002 3999 4001, changed as given."""
    link.execute(
        "insert into market.bar_files (file, sha256, file_name, format, records, symbols, widths,"
        " first_bar, last_bar) values ('BARS:00000000', repeat('0', 64), 'x.csv', 'csv', 1, '{ES}',"
        " '{1m}', %(at)s, %(at)s) on conflict do nothing",
        {"at": bar_start},
    )
    whole = {
        "symbol": "ES", "width": width, "bar_start": bar_start, "open": 4000, "high": 4002,
        "low": 3999, "close": 4001, "file": "BARS:00000000", "imported_at": IMPORTED_AT, **given,
    }  # fmt: skip
    names = ", ".join(whole)
    marks = ", ".join(["%s"] * len(whole))
    statement = f"insert into market.bars_imported ({names}) values ({marks})"
    link.execute(statement.encode(), list(whole.values()))


STARTS = {
    "1s": (utc("2024-07-01 14:32:10"), utc("2024-07-01 14:32:11"), SECOND),
    "1m": (utc("2024-07-01 14:32:00"), utc("2024-07-01 14:33:00"), 60 * SECOND),
    "5m": (utc("2024-07-01 14:30:00"), utc("2024-07-01 14:35:00"), 300 * SECOND),
    "1h": (utc("2024-07-01 14:00:00"), utc("2024-07-01 15:00:00"), HOUR),
    "1d": (utc("2024-06-30 22:00:00"), utc("2024-07-01 22:00:00"), 24 * HOUR),
}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("row", [reported(), quote()], ids=["trade", "quote"])
def test_an_imported_bar_is_shown_where_no_ticks_cover_it(
    undone: Link, width: str, row: Row
) -> None:
    start, following, length = STARTS[width]
    # What the ticks count is all that the vendor counted.
    imported(undone, width, start, volume=1 if row["is_trade"] else 0)
    imported(undone, width, following, volume=12, volume_buy=7, volume_sell=5, trades=3)
    imported(undone, width, start, symbol="NQ")
    insert(undone, [row])
    computed, other = bars(undone, width)
    assert part(computed, "bar_start", "is_imported", "ticks") == (start, False, 1)
    assert computed["open"] == (None if row["last"] is None else Decimal("5000.25"))
    assert other == {
        "symbol": "ES", "bar_start": following, "bar_end": following + length,
        "known_at": following + length + SECOND,
        "trade_date": date(2024, 7, 2 if width == "1d" else 1),
        "open": Decimal(4000), "high": Decimal(4002), "low": Decimal(3999), "close": Decimal(4001),
        "volume": 12, "volume_buy": 7, "volume_sell": 5, "trades": 3, "ticks": 0, "vwap": None,
        "bid_close": None, "ask_close": None, "spread_mean": None, "late_ticks": 0,
        "is_sampled": False, "is_imported": True, "changed_at": IMPORTED_AT,
    }  # fmt: skip
    (foreign,) = bars(undone, width, "NQ")
    assert part(foreign, "is_imported", "volume", "trades") == (True, None, None)
    # It is of its own width only.
    for wider in set(WIDTHS) - {width}:
        assert [bar["is_imported"] for bar in bars(undone, wider)] == [False]


def test_an_imported_day_ends_by_the_clocks_of_chicago(undone: Link) -> None:
    for day in ("2024-03-09 23:00:00", "2024-11-02 22:00:00"):
        imported(undone, "1d", utc(day))
    spring, autumn = bars(undone, "1d")
    assert part(spring, "trade_date", "bar_end") == (date(2024, 3, 10), utc("2024-03-10 22:00:00"))
    assert part(autumn, "trade_date", "bar_end") == (date(2024, 11, 3), utc("2024-11-03 23:00:00"))


# bars_between


def between(link: Link, *given: Any) -> list[datetime]:
    found = link.execute("select * from bars_between(%s, %s, %s, %s, %s)", given).fetchall()
    names = [one.name for one in link.execute("select * from bars_1m limit 0").description or []]
    return [row[names.index("bar_start")] for row in found]


@pytest.mark.parametrize("width", WIDTHS)
def test_bars_between_gives_the_newest_oldest_first(undone: Link, width: str) -> None:
    _, _, length = STARTS[width]
    first = STARTS[width][0]
    starts = [first + n * length for n in range(6)]
    insert(undone, [reported(seq=n, ts=start) for n, start in enumerate(starts)])
    insert(undone, [reported(symbol="NQ", ts=starts[2])])
    assert between(undone, width, "ES", None, None, 100) == starts
    assert between(undone, width, "ES", None, None, 2) == starts[-2:]
    assert between(undone, width, "ES", starts[1], starts[4], 100) == starts[1:4]
    assert between(undone, width, "ES", starts[1], starts[4], 2) == starts[2:4]
    # The first bound is in, the last is not; a bar counts by its start.
    assert between(undone, width, "ES", starts[1] + US, None, 100) == starts[2:]
    assert between(undone, width, "ES", None, starts[4] + US, 100) == starts[:5]
    assert between(undone, width, "ES", None, None, 0) == []
    assert between(undone, width, "NQ", None, None, 100) == [starts[2]]
    assert between(undone, width, "YM", None, None, 100) == []


def test_bars_between_refuses_a_width_that_there_is_not(undone: Link) -> None:
    insert(undone, [reported()])
    for width in ("2m", "", None):
        refused = pytest.raises(InvalidParameterValue, match="take 1s, 1m, 5m, 1h or 1d")
        with refused, undone.transaction():
            between(undone, width, "ES", None, None, 100)


READS = (
    "ticks_between({symbol}, {ts_from}, {ts_to}, 9)",
    "bars_between('1m', {symbol}, {ts_from}, {ts_to}, 9)",
    "continuous_between('1m', {symbol}, 'volume', 'raw', {ts_from}, {ts_to}, 9)",
    "bars_compared('1m', {symbol}, {ts_from}, {ts_to})",
)


@pytest.mark.parametrize("read", READS)
def test_a_range_that_ends_before_it_begins_is_refused(undone: Link, read: str) -> None:
    bounds = {"ts_from": "'2024-01-02Z'", "ts_to": "'2024-01-01Z'"}
    statement = f"select * from {read.format(symbol=repr('ES'), **bounds)}"
    with pytest.raises(InvalidParameterValue, match="from: 2024-01-02 .* is after to: 2024-01-01"):
        undone.execute(statement.encode())


@pytest.mark.parametrize("read", READS[:2])
@pytest.mark.parametrize("bound", ["null", "'-infinity'"])
def test_a_symbol_in_small_letters_is_the_symbol_and_null_is_open(
    undone: Link, read: str, bound: str
) -> None:
    insert(undone, [reported()])
    bounds = {"ts_from": bound, "ts_to": "null"}
    found = [
        undone.execute(
            f"select * from {read.format(symbol=repr(name), **bounds)}".encode()
        ).fetchall()
        for name in ("ES", "es")
    ]
    assert found[0] == found[1]
    assert len(found[0]) == 1


@pytest.mark.parametrize("width", WIDTHS)
def test_bars_between_gives_the_columns_of_its_view(undone: Link, width: str) -> None:
    insert(undone, numbered(reported(), quote(), reported(side="B")))
    imported(undone, width, STARTS[width][1])
    shown = undone.execute(f"select * from bars_{width} order by bar_start".encode()).fetchall()
    found = undone.execute(
        "select * from bars_between(%s, 'ES', null, null, 10)", (width,)
    ).fetchall()
    assert found == shown
    assert len(found) == 2


@pytest.mark.editions("plain")
@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("width", WIDTHS)
def test_bars_between_touches_no_width_but_its_own(undone: Link, width: str, mode: str) -> None:
    insert(undone, numbered(reported(), quote()))
    undone.execute(f"set local plan_cache_mode = {mode}".encode())
    before = scans(undone)
    found = undone.execute(
        "select * from bars_between(%s, 'ES', null, null, 10)", (width,)
    ).fetchall()
    assert found
    touched = {name for name, times in scans(undone).items() if times > before.get(name, 0)}
    # A day is its hours.
    own = "1h" if width == "1d" else width
    assert {name for name in touched if name.startswith("_bars")} == {f"_bars_{own}"}
    assert "ticks" not in touched


def scans(link: Link) -> dict[str, int]:
    """Return how often this transaction has scanned each relation."""
    rows = link.execute(
        "select relname::text, coalesce(seq_scan, 0) + coalesce(idx_scan, 0)"
        " from pg_stat_xact_user_tables"
    ).fetchall()
    return dict(rows)
