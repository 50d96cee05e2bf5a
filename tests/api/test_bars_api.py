"""Bars over HTTP, with values worked out by hand."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from served import Api, publish
from ticks_made import LISTING, TS, rows, take_in, tick

from thor import clock
from thor.domain.tick import Tick
from thor.flow.publish import Publisher
from thor.market.bus.client import Bus
from thor.reference import instruments
from thor.runtime import Stop

# Where running aggregates and late ticks matter; a request is the same on both.
BOTH = pytest.mark.editions("plain", "timescale")

Link = psycopg.Connection[Any]
# Monday, 1 July 2024, 09:30 in Chicago.
MINUTE = TS.replace(second=0, microsecond=0)
WIDTHS = ["1s", "1m", "5m", "1h", "1d"]


def trades(*reported: tuple[float, str], **given: Any) -> list[Tick]:
    """Return trades of one ES, so many seconds after 14:30 at these prices."""
    return [
        tick(
            seq=int(seconds * 1000),
            ts=MINUTE + timedelta(seconds=seconds),
            last=Decimal(price),
            volume_delta=1,
            **given,
        )
        for seconds, price in reported
    ]


def starts(found: list[dict[str, Any]]) -> list[str]:
    """Return when bars begin, the last six letters of no interest left out."""
    return [bar["bar_start"].removesuffix(":00.000000Z") for bar in found]


@BOTH
def test_a_bar_is_what_its_ticks_came_to(
    api: Api, redis_url: str, database_url: str, connection: Link
) -> None:
    publish(
        redis_url,
        [
            tick(
                seq=1, ts=MINUTE, last=Decimal("5000.5"), last_size=2, volume_delta=2, side="B",
                bid=Decimal("5000.25"), ask=Decimal("5000.5"),
            ),
            tick(
                seq=2, ts=MINUTE + timedelta(seconds=5), last=Decimal(4999), last_size=1,
                volume_delta=1, side="S",
            ),
            tick(
                seq=3, ts=MINUTE + timedelta(seconds=6), is_trade=False, last=None, last_size=None,
                bid=Decimal("4998.75"), ask=Decimal("4999.5"),
            ),
        ],
    )  # fmt: skip
    take_in(redis_url, database_url)
    (found,) = api.get("/api/bars/es")
    changed_at = rows(connection, "select changed_at from market.bars_1m")[0]["changed_at"]
    assert found == {
        "symbol": "ES",
        "bar_start": "2024-07-01T14:30:00.000000Z",
        "bar_end": "2024-07-01T14:31:00.000000Z",
        "known_at": "2024-07-01T14:31:01.000000Z",
        "trade_date": "2024-07-01",
        "open": "5000.50",
        "high": "5000.50",
        "low": "4999.00",
        "close": "4999.00",
        "volume": 3,
        "volume_buy": 2,
        "volume_sell": 1,
        "trades": 2,
        "ticks": 3,
        # (2 × 5000.5 + 4999) / 3
        "vwap": "5000.00",
        "bid_close": "4998.75",
        "ask_close": "4999.50",
        # (0.25 + 0.75) / 2
        "spread_mean": "0.50",
        "late_ticks": 0,
        "is_sampled": False,
        "is_imported": False,
        "changed_at": changed_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "is_open": False,
        "contract": None,
        "rule": None,
        "adjustment": None,
    }


def test_a_bar_without_a_trade_has_no_prices_of_trades(
    api: Api, redis_url: str, database_url: str
) -> None:
    publish(redis_url, [tick(last=None, last_size=None, is_trade=False, bid=Decimal(5000))])
    take_in(redis_url, database_url)
    (found,) = api.get("/api/bars/ES")
    assert [found[name] for name in ("open", "high", "low", "close", "vwap")] == [None] * 5
    assert (found["bid_close"], found["ask_close"], found["spread_mean"]) == ("5000.00", None, None)
    assert (found["trades"], found["volume"], found["ticks"]) == (0, 0, 1)


@pytest.mark.parametrize(
    ("symbol", "price", "shown"),
    [("DX", "105.001", "105.001"), ("DX", "105", "105.000"), ("CL", "-37.63", "-37.63")],
)
def test_a_price_has_the_decimals_of_its_instrument(
    api: Api, redis_url: str, database_url: str, symbol: str, price: str, shown: str
) -> None:
    publish(redis_url, trades((0, price), symbol=symbol))
    take_in(redis_url, database_url)
    (found,) = api.get(f"/api/bars/{symbol}")
    assert [found[name] for name in ("open", "high", "low", "close", "vwap")] == [shown] * 5


@BOTH
def test_bars_are_of_the_width_that_is_asked_for(
    api: Api, redis_url: str, database_url: str
) -> None:
    publish(redis_url, trades((0, "5000"), (1, "5001"), (60, "5002"), (300, "5003")))
    take_in(redis_url, database_url)
    found = {width: api.get("/api/bars/ES", width=width) for width in WIDTHS}
    assert {width: [bar["close"] for bar in bars] for width, bars in found.items()} == {
        "1s": ["5000.00", "5001.00", "5002.00", "5003.00"],
        "1m": ["5001.00", "5002.00", "5003.00"],
        "5m": ["5002.00", "5003.00"],
        "1h": ["5003.00"],
        "1d": ["5003.00"],
    }
    (day,) = found["1d"]
    # 17:00 in Chicago, which is five hours behind UTC in summer.
    assert (day["bar_start"], day["bar_end"], day["trade_date"]) == (
        "2024-06-30T22:00:00.000000Z",
        "2024-07-01T22:00:00.000000Z",
        "2024-07-01",
    )


def test_the_newest_bars_come_last_and_no_more_than_asked_for(
    api: Api, redis_url: str, database_url: str
) -> None:
    publish(redis_url, trades(*((60 * n, "5000") for n in range(5))))
    take_in(redis_url, database_url)

    def asked(**given: Any) -> list[str]:
        return starts(api.get("/api/bars/ES", **given))

    every = [f"2024-07-01T14:{minute}" for minute in (30, 31, 32, 33, 34)]
    assert asked() == every
    assert asked(limit=2) == every[3:]
    assert asked(**{"from": "2024-07-01T14:31:00Z"}) == every[1:]
    chicago = {"from": "2024-07-01T09:31:00-05:00", "to": "2024-07-01T14:33:00Z"}
    assert asked(**chicago) == every[1:3]
    assert asked(to="2024-07-01T14:33:00.000001Z", limit=1) == every[3:4]
    assert asked(**{"from": "2024-07-01T15:00:00Z"}) == []


def test_a_date_is_the_exchanges_day_from_its_first_instant(
    api: Api, redis_url: str, database_url: str
) -> None:
    # The day turns at 22:00 UTC in summer and at 23:00 in winter.
    instants = [
        datetime(2024, 7, 1, 21, 59, tzinfo=UTC), datetime(2024, 7, 1, 22, 0, tzinfo=UTC),
        datetime(2024, 12, 2, 22, 59, tzinfo=UTC), datetime(2024, 12, 2, 23, 0, tzinfo=UTC),
    ]  # fmt: skip
    publish(redis_url, [tick(seq=n, ts=ts) for n, ts in enumerate(instants)])
    take_in(redis_url, database_url)

    def asked(**given: Any) -> list[str]:
        return starts(api.get("/api/bars/ES", **given))

    texts = [f"{ts:%Y-%m-%dT%H:%M}" for ts in instants]
    assert asked(**{"from": "2024-07-01", "to": "2024-07-02"}) == texts[:1]
    assert asked(**{"from": "2024-07-02", "to": "2024-12-02"}) == texts[1:2]
    assert asked(**{"from": "2024-12-02", "to": "2024-12-03"}) == texts[2:3]
    assert asked(**{"from": "2024-12-03"}) == texts[3:]
    days = api.get("/api/bars/ES", width="1d", **{"from": "2024-07-02", "to": "2024-12-03"})
    assert [bar["trade_date"] for bar in days] == ["2024-07-02", "2024-12-02"]


@BOTH
def test_a_bar_is_open_until_its_sources_clock_has_passed_known_at(
    api: Api, redis_url: str, database_url: str, bus: Bus
) -> None:
    edge = Publisher(bus, LISTING, Stop())
    for ticks in (trades((10, "5000")), trades((60.5, "5001")), trades((61.5, "5002"))):
        edge.publish(ticks)
        take_in(redis_url, database_url)
        found = api.get("/api/bars/ES")
        ended = [bar["bar_start"] for bar in found if not bar["is_open"]]
        # At 14:31:00 the clock has not come to 14:31:01, when the bar is known.
        expected = ["2024-07-01T14:30:00.000000Z"] if ticks[0].seq == 61_500 else []
        assert ended == expected
    assert [bar["is_open"] for bar in api.get("/api/bars/ES", width="1d")] == [True]
    seconds = api.get("/api/bars/ES", width="1s")
    assert [bar["is_open"] for bar in seconds] == [False, True, True]


@BOTH
def test_bars_ahead_of_their_sources_clock_are_open_while_they_are_written(
    api: Api, redis_url: str, database_url: str, bus: Bus
) -> None:
    # What a source emits together has one clock, that of its beginning.
    Publisher(bus, LISTING, Stop()).publish(trades((10, "5000"), (70, "5001"), (130, "5002")))
    take_in(redis_url, database_url)
    assert [bar["is_open"] for bar in api.get("/api/bars/ES")] == [True, True, True]


def test_a_source_that_is_not_heard_any_more_keeps_no_bar_open(
    api: Api, redis_url: str, database_url: str, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    Publisher(bus, LISTING, Stop()).publish(trades((10, "5000")))
    take_in(redis_url, database_url)
    assert [bar["is_open"] for bar in api.get("/api/bars/ES")] == [True]
    later = clock.now() + timedelta(seconds=11)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert [bar["is_open"] for bar in api.get("/api/bars/ES")] == [False]
    # Without a heard source the real clock decides.
    within = MINUTE + timedelta(seconds=59)
    monkeypatch.setattr(clock, "now", lambda: within)
    assert [bar["is_open"] for bar in api.get("/api/bars/ES")] == [True]


def test_what_an_earlier_run_left_is_not_open_while_a_tape_of_long_ago_is_played(
    api: Api, redis_url: str, database_url: str, connection: Link, bus: Bus,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    publish(redis_url, trades((0, "5000")))
    take_in(redis_url, database_url)
    connection.execute(
        "insert into reference.sources (source, kind, description) "
        "values ('TAPE:00c0ffee', 'tape', 'a tape')"
    )
    connection.execute(
        "insert into reference.tapes (source, sha256, file_name, format, records, symbols,"
        " first_ts, last_ts) values ('TAPE:00c0ffee', repeat('0', 64), 'x', 'csv', 1, '{ES}',"
        " '2024-06-03', '2024-06-03')"
    )
    old = MINUTE - timedelta(days=28)
    at = clock.now() + timedelta(seconds=20)
    connection.execute(
        "insert into market.source_clocks values ('TAPE:00c0ffee', %s, %s)",
        (old + timedelta(seconds=30), at),
    )
    publish(redis_url, [tick(source="TAPE:00c0ffee", ts=old)])
    take_in(redis_url, database_url)
    monkeypatch.setattr(clock, "now", lambda: at)
    found = api.get("/api/bars/ES")
    assert [(bar["bar_start"], bar["is_open"]) for bar in found] == [
        ("2024-06-03T14:30:00.000000Z", True),
        ("2024-07-01T14:30:00.000000Z", False),
    ]
    # That tape has no CL.
    publish(redis_url, trades((0, "80"), symbol="CL"))
    take_in(redis_url, database_url)
    assert [bar["is_open"] for bar in api.get("/api/bars/CL")] == [False]


@BOTH
def test_a_late_tick_changes_a_closed_bar_visibly(
    api: Api, redis_url: str, database_url: str
) -> None:
    publish(redis_url, trades((0, "5000"), (70, "5001")))
    take_in(redis_url, database_url)
    before, _ = api.get("/api/bars/ES")
    late = tick(
        seq=99, ts=MINUTE + timedelta(seconds=30), last=Decimal(4000), volume_delta=1,
        received_at=MINUTE + timedelta(seconds=90),
    )  # fmt: skip
    publish(redis_url, [late])
    take_in(redis_url, database_url)
    after, _ = api.get("/api/bars/ES")
    assert (before["low"], after["low"], after["close"]) == ("5000.00", "4000.00", "4000.00")
    assert (before["late_ticks"], after["late_ticks"]) == (0, 1)
    assert (before["ticks"], after["ticks"]) == (1, 2)
    assert before["changed_at"] < after["changed_at"]


def test_a_month_has_bars_of_its_own(
    api: Api, redis_url: str, database_url: str, connection: Link
) -> None:
    instruments.add_months(connection, [("ESU24", "ES")])
    publish(redis_url, trades((0, "5000"), symbol="ESU24"))
    take_in(redis_url, database_url)
    assert [bar["symbol"] for bar in api.get("/api/bars/ESU24")] == ["ESU24"]
    assert api.get("/api/bars/ES") == []


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"width": "2m"}, "width: '2m' is none of 1s, 1m, 5m, 1h, 1d"),
        ({"width": "1M"}, "width: '1M' is none of"),
        ({"from": "2024-02-30"}, "from: 2024-02-30 is no date; write it as 2026-11-20"),
        ({"to": "0000-01-01"}, "to: 0000-01-01 is no date"),
        ({"from": "0001-01-01"}, "from: 0001-01-01 is no date"),
        ({"from": "yesterday"}, "from: 'yesterday' is no time"),
        ({"from": "2024-07-01T14:30:00"}, "from: '2024-07-01T14:30:00' has no time zone"),
        ({"from": "2024-07-02", "to": "2024-07-02"}, "to: 2024-07-02 is not after from"),
        (
            {"from": "2024-07-02", "to": "2024-07-01T22:00:00Z"},
            "to: 2024-07-01T22:00:00Z is not after from, 2024-07-02",
        ),
        ({"adjusted": "both"}, "adjusted: 'both' is none of none, raw, difference, ratio"),
        ({"width": "1s", "adjusted": "ratio"}, "adjusted: ratio is not there for a width of 1s"),
        ({"adjusted": "raw", "rule": "Moon"}, "rule: 'Moon' is no rule's name"),
        ({"limit": 0}, "limit: "),
        ({"limit": 10_001}, "limit: "),
    ],
)
def test_what_there_is_no_bar_of_is_refused_by_field_and_fix(
    asked_api: Api, given: dict[str, Any], says: str
) -> None:
    assert asked_api.problem("/api/bars/ES", 422, **given)["detail"].startswith(says)


@pytest.fixture
def rolled(redis_url: str, database_url: str, connection: Link) -> datetime:
    """Two months of ES, 100 points and a fiftieth apart, and the instant of the roll."""
    instruments.add_months(connection, [("ESM24", "ES"), ("ESU24", "ES")])
    roll = datetime(2024, 6, 13, 22, tzinfo=UTC)
    ticks = [
        tick(seq=n, symbol=symbol, ts=roll + timedelta(seconds=seconds), last=Decimal(price))
        for n, (symbol, seconds, price) in enumerate(
            [
                ("ESM24", -120, "4999"), ("ESU24", -90, "5098"), ("ESM24", -60, "5000"),
                ("ESU24", -50, "5100"), ("ESU24", 0, "5101.5"), ("ESM24", 20, "5001"),
                ("ESU24", 60, "5102"),
            ]
        )
    ]  # fmt: skip
    publish(redis_url, ticks)
    take_in(redis_url, database_url)
    connection.execute(
        "insert into reference.rolls (root, rule, rolled_at, from_contract, to_contract, gap,"
        " ratio) values ('ES', 'volume', '2024-03-14 22:00Z', null, 'ESM24', null, null),"
        " ('ES', 'volume', %s, 'ESM24', 'ESU24', 100, 1.02)",
        (roll,),
    )
    return roll


@pytest.mark.parametrize(
    ("adjusted", "closes"),
    [
        ("raw", ["4999.00", "5000.00", "5101.50", "5102.00"]),
        ("difference", ["5099.00", "5100.00", "5101.50", "5102.00"]),
        # 4999 × 1.02 and 5000 × 1.02
        ("ratio", ["5098.98", "5100.00", "5101.50", "5102.00"]),
    ],
)
def test_a_continuous_series_is_of_front_months_and_brought_to_one_level(
    api: Api, rolled: datetime, adjusted: str, closes: list[str]
) -> None:
    found = api.get("/api/bars/ES", adjusted=adjusted)
    assert [bar["close"] for bar in found] == closes
    assert [bar["contract"] for bar in found] == ["ESM24", "ESM24", "ESU24", "ESU24"]
    assert {bar["symbol"] for bar in found} == {"ES"}
    assert {(bar["rule"], bar["adjustment"]) for bar in found} == {("volume", adjusted)}
    assert set(found[0]) == set(api.get("/api/bars/ESM24")[0])


def test_a_page_of_a_continuous_series_reaches_over_a_roll_as_far_as_asked(
    api: Api, rolled: datetime
) -> None:
    def asked(**given: Any) -> list[str]:
        return [bar["close"] for bar in api.get("/api/bars/ES", adjusted="raw", **given)]

    every = ["4999.00", "5000.00", "5101.50", "5102.00"]
    assert [asked(limit=n) for n in (1, 2, 3)] == [every[3:], every[2:], every[1:]]
    assert asked(**{"from": "2024-06-13T21:59:00Z", "to": "2024-06-13T22:01:00Z"}) == every[1:3]
    assert asked(to="2024-06-14", limit=1) == every[1:2]
    assert asked(**{"from": "2024-06-14"}) == every[2:]
    assert asked(**{"from": "2024-06-15"}) == []
    # ESM24's last hour and ESU24's first.
    assert asked(width="1h") == ["5000.00", "5102.00"]
    assert asked(width="5m") == ["5000.00", "5102.00"]
    assert asked(width="1d") == ["5000.00", "5102.00"]


def test_a_continuous_series_that_there_is_none_of_is_refused(api: Api, rolled: datetime) -> None:
    month = api.problem("/api/bars/ESM24", 422, adjusted="raw")
    assert month["detail"].startswith("adjusted: ESM24 is a month; ")
    assert month["detail"].endswith("ask for ES")
    none = api.problem("/api/bars/ES", 404, adjusted="raw", rule="expiry-5")
    assert none["detail"].startswith("rule: ES has no rolls by expiry-5")
    assert api.problem("/api/bars/CL", 404, adjusted="ratio")["detail"].startswith("rule: CL has")


def test_a_symbol_that_is_not_listed_is_not_found(asked_api: Api) -> None:
    found = asked_api.problem("/api/bars/XX", 404)
    assert found["detail"] == "symbol: 'XX' is not listed; GET /api/instruments lists"


def test_a_symbol_without_bars_has_an_empty_list(asked_api: Api) -> None:
    assert asked_api.get("/api/bars/ES") == []
