"""Quotes as of a moment, their ages and states, and a feed's marks of a day."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
import redis
from ticks_made import TS, add, inject, rejected, rows, take_in, tick, value

from thor.domain.mark import Mark
from thor.domain.tick import Tick
from thor.market.bus.client import Bus
from thor.market.bus.messages import CLAIM, COUNTER, STREAM, Claim
from thor.market.ticks.batch import EntryTicks
from thor.market.ticks.writer import TickWriter

Link = psycopg.Connection[Any]
pytestmark = pytest.mark.editions("plain")

SECOND = timedelta(seconds=1)
# Monday, 1 July 2024.
DAY = date(2024, 7, 1)


_ordinal = 0


def write(connection: Link, *ticks: Tick) -> None:
    """Write ticks in a batch of their own."""
    global _ordinal
    entry = EntryTicks(f"{_ordinal + 1}-0", _ordinal, len(ticks), list(ticks), [])
    _ordinal += len(ticks)
    TickWriter(connection, "ingest-1").write([entry])


def quote(connection: Link, as_of: datetime, symbol: str = "ES") -> dict[str, Any]:
    """Return a symbol's quote as of a moment."""
    (found,) = rows(
        connection, "select * from market.quotes_at(%s) where symbol = %s", as_of, symbol
    )
    return found


def bid(seconds: int, price: str, **given: Any) -> Tick:
    """Return an ES quote of one side, so many seconds after TS."""
    ts = TS + seconds * SECOND
    whole: dict[str, Any] = {
        "ts": ts, "seq": seconds + 1000, "last": None, "last_size": None, "is_trade": False,
        "bid": Decimal(price), "bid_size": 3,
    }  # fmt: skip
    return tick(**(whole | given))


def test_a_field_keeps_its_newest_value_while_others_go_on(connection: Link) -> None:
    write(connection, tick(seq=1, last=Decimal("5000.25"), volume=10), bid(1, "5000.00"))
    write(connection, bid(2, "5000.50"))
    found = quote(connection, TS + 3 * SECOND)
    assert (found["last"], found["bid"], found["ask"], found["volume"]) == (
        Decimal("5000.25"), Decimal("5000.50"), None, 10,
    )  # fmt: skip
    assert (found["ts"], found["seq"]) == (TS + 2 * SECOND, 1002)


def test_a_quote_of_the_past_knows_nothing_of_what_came_later(connection: Link) -> None:
    write(connection, tick(seq=1), bid(1, "5000.00"), bid(5, "5001.00"))
    found = quote(connection, TS + 4 * SECOND)
    assert (found["last"], found["bid"], found["ts"]) == (
        Decimal("5000.25"), Decimal("5000.00"), TS + SECOND,
    )  # fmt: skip
    before = rows(connection, "select * from market.quotes_at(%s)", TS - SECOND)
    assert before == []


def test_a_late_tick_changes_only_fields_without_a_later_value(connection: Link) -> None:
    write(connection, bid(5, "5001.00"))
    write(connection, bid(2, "5000.00", ask=Decimal("5000.50"), ask_size=7))
    found = quote(connection, TS + 10 * SECOND)
    assert (found["bid"], found["ask"], found["ask_size"]) == (
        Decimal("5001.00"), Decimal("5000.50"), 7,
    )  # fmt: skip
    assert found["ts"] == TS + 5 * SECOND
    assert quote(connection, TS + 3 * SECOND)["bid"] == Decimal("5000.00")


def test_equal_times_go_by_the_number_whichever_batch_came_first(connection: Link) -> None:
    write(connection, bid(1, "5000.50", seq=9))
    write(connection, bid(1, "5000.00", seq=8))
    assert quote(connection, TS + SECOND)["bid"] == Decimal("5000.50")


def test_a_tick_that_comes_again_with_other_values_changes_no_quote(connection: Link) -> None:
    write(connection, bid(1, "5000.00"))
    write(connection, bid(1, "5999.00"))
    assert quote(connection, TS + SECOND)["bid"] == Decimal("5000.00")
    assert [row["field"] for row in rejected(connection)] == ["seq"]


def test_a_new_trade_date_keeps_the_last_ones_values_until_it_has_its_own(
    connection: Link,
) -> None:
    # 22:00 UTC on 1 July is 17:00 in Chicago: the next exchange day begins.
    opening = datetime(2024, 7, 1, 22, 0, 1, tzinfo=UTC)
    write(connection, tick(seq=1, last=Decimal("5000.25"), volume=900))
    write(connection, bid(0, "5003.00", ts=opening, received_at=opening, seq=5000))
    found = quote(connection, opening)
    assert (found["trade_date"], found["last"], found["bid"]) == (
        date(2024, 7, 2), Decimal("5000.25"), Decimal("5003.00"),
    )  # fmt: skip
    # The volume is the last session's, by its date.
    assert (found["volume"], found["volume_date"]) == (900, DAY)
    assert quote(connection, TS + SECOND)["volume_date"] == DAY


@pytest.mark.parametrize(
    ("age_ms", "state"),
    [
        (0, "FRESH"), (4_999, "FRESH"), (5_000, "STALE"), (30_000, "STALE"), (30_001, "DEAD"),
        # A record from the future is not fresher than an old one.
        (-6_000, "STALE"), (-86_387_943, "DEAD"),
    ],
)  # fmt: skip
def test_a_state_follows_from_the_age_by_the_limits(
    connection: Link, age_ms: int, state: str
) -> None:
    as_of = TS + timedelta(days=2)
    heard = as_of - timedelta(milliseconds=age_ms)
    write(connection, tick(received_at=heard))
    found = quote(connection, as_of)
    assert (found["age_ms"], found["heard_age_ms"], found["state"]) == (age_ms, age_ms, state)


def test_the_limits_are_a_row_that_anybody_can_read_and_change(connection: Link) -> None:
    write(connection, tick())
    connection.execute(
        "update reference.quote_limits set stale_after = '1 minute', dead_after = '2 minutes'"
    )
    assert quote(connection, TS + 59 * SECOND)["state"] == "FRESH"
    assert quote(connection, TS + 120 * SECOND)["state"] == "STALE"
    assert quote(connection, TS + 121 * SECOND)["state"] == "DEAD"


def test_a_source_that_looks_keeps_a_quiet_quote_fresh(
    connection: Link, bus: Bus, redis_url: str, database_url: str
) -> None:
    bus.publish([tick(symbol="DX", last=Decimal("98.94"), source="EXCEL")], {"DX": Claim(20, 100)})
    for second in range(1, 61):
        bus.publish_clock("EXCEL", TS + second * SECOND, ["DX", "ES", "NOBODY"])
    take_in(redis_url, database_url)
    found = quote(connection, TS + 61 * SECOND, "DX")
    assert (found["age_ms"], found["heard_age_ms"], found["state"]) == (61_000, 1_000, "FRESH")
    assert found["heard_at"] == TS + 60 * SECOND
    # In between it was heard too, although the row has only the newest second.
    middle = quote(connection, TS + 20 * SECOND + SECOND / 2, "DX")
    assert (middle["state"], middle["age_ms"]) == ("FRESH", 20_500)
    # Unlisted symbols have no row.
    assert value(connection, "select array_agg(symbol order by symbol) from market.heard") == [
        "DX", "ES",
    ]  # fmt: skip


def test_a_pause_of_looking_is_no_looking(
    connection: Link, bus: Bus, redis_url: str, database_url: str
) -> None:
    bus.publish([tick(source="EXCEL")], {"ES": Claim(20, 100)})
    bus.publish_clock("EXCEL", TS + SECOND, ["ES"])
    bus.publish_clock("EXCEL", TS + 60 * SECOND, ["ES"])
    take_in(redis_url, database_url)
    assert quote(connection, TS + 50 * SECOND)["state"] == "DEAD"
    assert quote(connection, TS + 60 * SECOND)["state"] == "FRESH"


def test_looking_renews_a_claim_and_takes_none(bus: Bus, client: "redis.Redis") -> None:
    bus.publish([tick(source="EXCEL")], {"ES": Claim(20, 100)})
    client.hset(CLAIM + "ES", "heard_ms", "1")
    bus.publish_clock("SIM", TS + SECOND, ["ES", "NQ"])
    assert client.hget(CLAIM + "ES", "heard_ms") == b"1"
    assert not client.exists(CLAIM + "NQ")
    bus.publish_clock("EXCEL", TS + SECOND, ["ES", "NQ"])
    heard_ms: Any = client.hget(CLAIM + "ES", "heard_ms")
    assert int(heard_ms) > 1
    assert client.hget("quotes:heard:EXCEL", "NQ") == b"2024-07-01T14:30:01.123456Z"


def mark(**given: Any) -> Mark:
    """Return the values of ES in Excel's sheet."""
    whole: dict[str, Any] = {
        "symbol": "ES", "trade_date": DAY, "received_at": TS, "prev_close": Decimal("6827"),
    }  # fmt: skip
    return Mark(**(whole | given))


def test_marks_are_merged_by_their_newest_values_and_every_version_is_kept(
    connection: Link, bus: Bus, redis_url: str, database_url: str
) -> None:
    bus.publish_marks("EXCEL", [mark(high=Decimal("6890"))])
    bus.publish_marks("EXCEL", [mark(received_at=TS + 2 * SECOND, high=Decimal("6891.25"))])
    # Repeated without a change: no new version. Late: fills only missing values.
    bus.publish_marks("EXCEL", [mark(received_at=TS + 3 * SECOND)])
    take_in(redis_url, database_url)
    late = mark(received_at=TS + SECOND, high=Decimal("1"), low=Decimal("6865.75"))
    bus.publish_marks("EXCEL", [late])
    take_in(redis_url, database_url)
    (found,) = rows(connection, "select * from market.marks")
    assert (found["prev_close"], found["high"], found["low"], found["received_at"]) == (
        Decimal("6827"), Decimal("6891.25"), Decimal("6865.75"), TS + 2 * SECOND,
    )  # fmt: skip
    states = rows(connection, "select * from market.mark_versions order by received_at")
    assert [(row["received_at"], row["high"]) for row in states] == [
        (TS, Decimal("6890")), (TS + 2 * SECOND, Decimal("6891.25")),
    ]  # fmt: skip


def test_a_mark_accounts_for_no_tick_and_comes_twice_without_a_change(
    connection: Link, bus: Bus, client: "redis.Redis", redis_url: str, database_url: str
) -> None:
    bus.publish([tick()])
    before = client.hgetall(COUNTER)
    (entry_id,) = bus.publish_marks("EXCEL", [mark()])
    assert client.hgetall(COUNTER) == before
    fields: Any = dict(client.xrange(STREAM))[entry_id.encode()]
    client.xadd(STREAM, fields)
    take_in(redis_url, database_url)
    assert value(connection, "select count(*) from market.mark_versions") == 1
    assert value(connection, "select received from market.ingest_totals") == 1


@pytest.mark.parametrize(
    ("given", "field", "reason"),
    [
        ({"symbol": "XX"}, "symbol", "not listed"),
        ({"prev_close": Decimal("0")}, "prev_close", "0 is not above zero"),
        ({"high": Decimal("NaN")}, "high", "not a finite number"),
        ({"low": Decimal("1e12")}, "low", "does not fit"),
        ({"open_interest": -1}, "open_interest", "outside 0"),
        ({"prev_close": None}, "prev_close", "is missing"),
    ],
)
def test_a_mark_that_cannot_be_is_kept_aside_by_its_field(
    connection: Link, bus: Bus, redis_url: str, database_url: str,
    given: dict[str, Any], field: str, reason: str,
) -> None:  # fmt: skip
    bus.publish_marks("EXCEL", [mark(**given), mark(symbol="NQ", prev_close=Decimal("18.6373"))])
    take_in(redis_url, database_url)
    (found,) = rejected(connection)
    assert (found["field"], found["ticks"], found["source"]) == (field, 0, "EXCEL")
    assert reason in found["reason"]
    # A previous close need not lie on the grid.
    assert value(connection, "select prev_close from market.marks") == Decimal("18.6373")


@pytest.mark.parametrize(
    ("payload", "field", "reason"),
    [
        (b"nonsense", "marks", "is not JSON"),
        (b'{"symbol": "ES"}', "marks", "is dict, not an array of marks"),
        (b'[{"symbol": "ES"}]', "trade_date", "is missing"),
        (b'[{"symbol": "ES", "trade_date": "2024-07-01", "received_at": "x"}]', "received_at", "x"),
    ],
)
def test_marks_that_cannot_be_read_are_kept_aside_and_stop_nothing(
    connection: Link, bus: Bus, client: "redis.Redis", redis_url: str, database_url: str,
    payload: bytes, field: str, reason: str,
) -> None:  # fmt: skip
    inject(client, b"[]", 0)
    client.delete(STREAM)
    first: Any = client.hget(COUNTER, "next")
    add(client, first=first, n=0, source="EXCEL", marks=payload)
    bus.publish([tick()])
    take_in(redis_url, database_url)
    (found,) = rejected(connection)
    assert found["field"] == field
    assert reason in found["reason"]
    assert value(connection, "select count(*) from market.ticks") == 1


def import_days(connection: Link, *days: tuple[date, str, str, str]) -> None:
    """Write daily bars of ES as a vendor's file would: (trade date, high, low, close)."""
    connection.execute(
        "insert into market.bar_files (file, sha256, file_name, format, records, symbols, widths,"
        " first_bar, last_bar) values ('BARS:00000000', repeat('0', 64), 'f', 'csv', 1, '{ES}',"
        " '{1d}', now(), now())"
    )
    for day, high, low, close in days:
        connection.execute(
            "insert into market.bars_imported (symbol, width, bar_start, open, high, low, close,"
            " volume, trades, file) values ('ES', '1d', (%(day)s::date - 1 + time '17:00')"
            " at time zone 'America/Chicago', %(close)s, %(high)s, %(low)s, %(close)s, 10, 5,"
            " 'BARS:00000000')",
            {"day": day, "high": high, "low": low, "close": close},
        )


def metrics(connection: Link, as_of: datetime, symbol: str = "ES") -> dict[str, Any]:
    """Return a symbol's row of the board as of a moment."""
    (found,) = rows(
        connection, "select * from market.quote_metrics(%s) where symbol = %s", as_of, symbol
    )
    return found


def test_the_metrics_are_those_of_the_sheet_worked_out_by_hand(
    connection: Link, bus: Bus, redis_url: str, database_url: str
) -> None:
    # The desk's sheet of 26 October 2025, ES and ZB and the cash index, as domain facts have it.
    day, ts = date(2025, 10, 27), datetime(2025, 10, 27, 1, 0, tzinfo=UTC)
    connection.execute(
        "insert into reference.sessions (calendar, trade_date, session_number, open_at, close_at)"
        " values ('CME_EQUITY', '2025-10-24', 14560, '2025-10-23 22:00Z', '2025-10-24 21:00Z')"
    )
    said: dict[str, Any] = {"trade_date": day, "received_at": ts}
    bus.publish_marks(
        "EXCEL",
        [
            mark(
                **said, open=Decimal("6881"), high=Decimal("6890"), low=Decimal("6865.75"),
                high_52w=Decimal("6900"), low_52w=Decimal("4832"),
            ),
            mark(**said, symbol="ZB", prev_close=Decimal("118.59375"), high=Decimal("118.3125")),
            mark(**said, symbol="DX", prev_close=Decimal("98.952")),
        ],
    )  # fmt: skip
    of_sheet: dict[str, Any] = {
        "ts": ts, "source": "EXCEL", "is_trade": False, "last_size": None, "is_sampled": True,
    }  # fmt: skip
    bus.publish(
        [
            tick(
                **of_sheet, last=Decimal("6873.75"), bid=Decimal("6873.5"), ask=Decimal("6873.75"),
                bid_size=12, ask_size=13, volume=44_276,
            ),
            tick(
                **of_sheet, symbol="ZB", seq=2, last=Decimal("118.3125"), bid=Decimal("118.28125"),
                ask=Decimal("118.3125"), volume=12_520,
            ),
            tick(**of_sheet, symbol="DX", seq=3, last=Decimal("98.938")),
        ]
    )  # fmt: skip
    take_in(redis_url, database_url)
    found = metrics(connection, ts + SECOND)
    wanted = {
        "basis": "6827", "basis_kind": "prev_close", "basis_source": "EXCEL",
        "basis_date": date(2025, 10, 24), "net_change": "46.75",
        # 46.75 / 6827 = 0.684780 %
        "net_change_percent": "0.68478102", "open_prev_diff": "54",
        "open_prev_percent": "0.79097700", "high_prev_diff": "63",
        "high_prev_percent": "0.92280650", "low_prev_diff": "38.75",
        "low_prev_percent": "0.56759924", "range_diff": "24.25", "range_percent": "0.35520727",
        "spread": "0.25", "spread_ticks": "1", "volume": 44_276, "vwap": None,
        "above_low_52w_diff": "2041.75", "above_low_52w_percent": "42.25475993",
        "below_high_52w_diff": "26.25", "below_high_52w_percent": "0.38043478",
        "high_52w_on": None, "state": "FRESH", "age_ms": 1000, "margin": "13000",
        "tick_value": "12.5",
    }  # fmt: skip
    shown = {
        name: Decimal(value) if isinstance(value, str) and value[0].isdigit() else value
        for name, value in wanted.items()
    }
    assert {name: found[name] for name in wanted} == shown
    bond = metrics(connection, ts + SECOND, "ZB")
    # 118'10 on 118'19 is -0'09; 0'01 of spread is one tick.
    assert (bond["net_change"], bond["spread_ticks"]) == (Decimal("-0.28125"), Decimal(1))
    # What the sheet leaves out is what its own prices reached since they came.
    assert (bond["high"], bond["low"], bond["range_diff"]) == (
        Decimal("118.3125"), Decimal("118.3125"), Decimal(0),
    )  # fmt: skip
    dollar = metrics(connection, ts + SECOND, "DX")
    assert (dollar["net_change"], dollar["spread"], dollar["volume"]) == (
        Decimal("-0.014"), None, None,
    )  # fmt: skip
    # An instrument without a quote has its row all the same.
    quiet = metrics(connection, ts + SECOND, "GC")
    assert (quiet["last"], quiet["state"], quiet["tick_size"]) == (None, None, Decimal("0.1"))
    assert (quiet["range_diff"], quiet["spread_ticks"], quiet["vwap"]) == (None, None, None)


def test_without_marks_the_day_and_its_basis_come_from_bars(connection: Link) -> None:
    # A year before 1 July 2024: 30 June 2023 counts no more, 3 July 2023 does.
    import_days(
        connection,
        (date(2023, 6, 30), "9000", "1000", "4400"), (date(2023, 7, 3), "4500", "4300", "4450"),
        (date(2024, 3, 28), "5300", "5250", "5290"), (date(2024, 6, 28), "5000", "4900", "4990"),
    )  # fmt: skip
    write(
        connection,
        tick(seq=1, last=Decimal("5000.25"), volume_delta=1),
        tick(seq=2, ts=TS + 70 * SECOND, last=Decimal("5010.25"), volume_delta=3),
        tick(seq=3, ts=TS + 7200 * SECOND, last=Decimal("4995"), volume_delta=1),
    )
    found = metrics(connection, TS + 7201 * SECOND)
    assert (found["basis"], found["basis_kind"], found["basis_source"], found["basis_date"]) == (
        Decimal("4990"), "daily_bar", None, date(2024, 6, 28),
    )  # fmt: skip
    assert (found["open"], found["high"], found["low"], found["net_change"]) == (
        Decimal("5000.25"), Decimal("5010.25"), Decimal("4995"), Decimal("5"),
    )  # fmt: skip
    # (5000.25 + 3 × 5010.25 + 4995) / 5
    assert (found["vwap"], found["volume"]) == (Decimal("5005.2"), 5)
    assert (found["high_52w"], found["high_52w_on"], found["low_52w"], found["low_52w_on"]) == (
        Decimal("5300"), date(2024, 3, 28), Decimal("4300"), date(2023, 7, 3),
    )  # fmt: skip
    # As of a minute earlier in the day the rest had not been.
    early = metrics(connection, TS + 60 * SECOND)
    assert (early["high"], early["volume"], early["last"]) == (
        Decimal("5000.25"), 1, Decimal("5000.25"),
    )  # fmt: skip


def test_the_board_has_no_change_where_there_is_no_previous_close(connection: Link) -> None:
    write(connection, tick())
    found = metrics(connection, TS + SECOND)
    assert (found["basis"], found["net_change"], found["net_change_percent"]) == (None, None, None)
    # Nor 52 weeks of one day's prices.
    assert (found["high_52w"], found["high_52w_on"], found["low_52w"]) == (None, None, None)


@pytest.mark.parametrize(
    ("settled_on", "wanted"),
    [
        # The Friday before, as the bar: the settlement is what counts.
        (date(2024, 6, 28), ("4991", "settlement", "SCHWAB", date(2024, 6, 28))),
        # Of a month ago, with a bar of last Friday: it is no previous close.
        (date(2024, 5, 31), ("4990", "daily_bar", None, date(2024, 6, 28))),
    ],
)
def test_the_last_settlement_stands_before_the_daily_bar_of_its_date(
    connection: Link, bus: Bus, redis_url: str, database_url: str,
    settled_on: date, wanted: tuple[Any, ...],
) -> None:  # fmt: skip
    import_days(connection, (date(2024, 6, 28), "5000", "4900", "4990"))
    write(connection, tick())
    settled = mark(trade_date=settled_on, prev_close=None, settlement=Decimal("4991"))
    bus.publish_marks("SCHWAB", [settled])
    take_in(redis_url, database_url)
    (found,) = rows(connection, "select * from market.basis(%s) where symbol = 'ES'", TS + SECOND)
    assert (
        found["basis"], found["basis_kind"], found["basis_source"], found["basis_date"],
    ) == (Decimal(wanted[0]), *wanted[1:])  # fmt: skip
    # Before it was given it was not used.
    (before,) = rows(connection, "select * from market.basis(%s) where symbol = 'ES'", TS - SECOND)
    assert before["basis_kind"] == "daily_bar"


def test_the_quotes_own_source_precedes_another(
    connection: Link, bus: Bus, redis_url: str, database_url: str
) -> None:
    bus.publish_marks("SCHWAB", [mark(prev_close=Decimal("1111"))])
    write(connection, tick(source="EXCEL"))
    take_in(redis_url, database_url)
    assert metrics(connection, TS)["basis"] == Decimal("1111")
    bus.publish_marks("EXCEL", [mark(prev_close=Decimal("2222"))])
    take_in(redis_url, database_url)
    found = metrics(connection, TS)
    assert (found["basis"], found["basis_source"]) == (Decimal("2222"), "EXCEL")


def test_a_vendors_minutes_and_ticks_of_one_hour_both_count_in_the_day(connection: Link) -> None:
    connection.execute(
        "insert into market.bar_files (file, sha256, file_name, format, records, symbols, widths,"
        " first_bar, last_bar) values ('BARS:00000001', repeat('1', 64), 'f', 'csv', 1, '{ES}',"
        " '{1m}', now(), now())"
    )
    # 14:20 and 14:21 UTC; the ticks are of 14:30 and after.
    for minute, high in ((20, "5100"), (21, "5050")):
        connection.execute(
            "insert into market.bars_imported (symbol, width, bar_start, open, high, low, close,"
            " volume, trades, file) values ('ES', '1m', %s, 5000, %s, 4990, 5000, 100, 9,"
            " 'BARS:00000001')",
            (datetime(2024, 7, 1, 14, minute, tzinfo=UTC), high),
        )
    write(connection, tick(volume_delta=1), tick(seq=2, ts=TS + 7200 * SECOND, volume_delta=2))
    found = metrics(connection, TS + 7300 * SECOND)
    assert (found["open"], found["high"], found["low"], found["volume"]) == (
        Decimal("5000"), Decimal("5100"), Decimal("4990"), 203,
    )  # fmt: skip
