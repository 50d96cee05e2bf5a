"""Instruments, quotes and ticks over HTTP, with values worked out by hand."""

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from bars_written import write_tape
from served import NO_BUS, NOBODY, Api, problem, publish, serving
from ticks_made import TS, many, rows, take_in, tick

from thor import clock, database
from thor.errors import Unavailable
from thor.market.collect.files.tape import open_tape
from thor.reference import instruments

# TS is 2024-07-01 14:30:00.123456 UTC.
TS_TEXT = "2024-07-01T14:30:00.123456Z"


@pytest.fixture
def five_seconds_later(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """The clock stands 5 s after TS."""
    moment = TS + timedelta(seconds=5)
    monkeypatch.setattr(clock, "now", lambda: moment)
    return moment


def add_months(database_url: str, *codes: tuple[str, str]) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        instruments.add_months(connection, codes)


def test_instruments_come_in_the_order_of_lists_with_exact_money(asked_api: Api) -> None:
    found = asked_api.get("/api/instruments")
    symbols = [row["symbol"] for row in found]
    assert symbols == ["YM", "ES", "NQ", "RTY", "CL", "SI", "HG", "GC", "VX", "DX", "ZB"]
    by_symbol = {row["symbol"]: row for row in found}
    assert by_symbol["ES"] == {
        "symbol": "ES",
        "name": "E-mini S&P 500",
        "exchange": "CME",
        "asset_class": "equity_index",
        "calendar": "CME_EQUITY",
        "currency": "USD",
        "tick_size": "0.25",
        "quote_increment": "0.25",
        "multiplier": "50",
        "tick_value": "12.5",
        "display_precision": 2,
        "margin": "13000.00",
        "is_negative_legal": False,
        "sort_order": 20,
        "aliases": [],
        "symbols": ["ES"],
        "version": 1,
    }
    bond = by_symbol["ZB"]
    assert (bond["tick_size"], bond["quote_increment"]) == ("0.03125", "0.015625")
    assert bond["tick_value"] == "31.25"
    assert by_symbol["DX"]["aliases"] == ["$DXY", "DXY", "USDX"]


def test_an_instrument_names_its_month_codes(database_url: str, redis_url: str) -> None:
    add_months(database_url, ("ESU24", "ES"))
    with serving(database_url, redis_url) as api:
        (found,) = [row for row in api.get("/api/instruments") if row["symbol"] == "ES"]
    assert sorted(found["symbols"]) == ["ES", "ESU24"]


def test_a_quote_is_the_last_values_with_their_age_and_source(
    api: Api, redis_url: str, five_seconds_later: datetime
) -> None:
    publish(
        redis_url,
        [tick(seq=1, last=Decimal("5000.5"), bid=Decimal("5000.25"), volume=10)],
        [
            tick(
                seq=2, last=None, is_trade=False, ask=Decimal("5000.75"), ask_size=0, last_size=None
            )
        ],
    )
    assert api.get("/api/quotes/es") == {
        "symbol": "ES",
        "contract": None,
        "last": "5000.50",
        "bid": "5000.25",
        "ask": "5000.75",
        "last_size": 1,
        "bid_size": None,
        "ask_size": 0,
        "volume": 10,
        "ts": TS_TEXT,
        "received_at": TS_TEXT,
        "seq": 2,
        "source": "SIM",
        "source_kind": "simulator",
        "source_priority": 90,
        "heard_at": TS_TEXT,
        "age_ms": 5000,
        "heard_age_ms": 5000,
        "state": "STALE",
        "stale_after_ms": 5000,
        "is_stale": False,
        "basis": None,
        "basis_kind": None,
        "basis_source": None,
        "nature": "simulated",
    }


def test_a_quote_is_stale_when_older_than_its_source_allows(
    api: Api, redis_url: str, five_seconds_later: datetime
) -> None:
    received_at = TS - timedelta(milliseconds=1)
    publish(redis_url, [tick(received_at=received_at)])
    quote = api.get("/api/quotes/ES")
    assert (quote["age_ms"], quote["is_stale"]) == (5001, True)


def test_a_source_that_names_no_staleness_gets_five_seconds(
    api: Api, redis_url: str, connection: "psycopg.Connection[Any]", five_seconds_later: datetime
) -> None:
    connection.execute(
        "insert into reference.sources (source, kind, description) "
        "values ('TAPE:00c0ffee', 'tape', 'a tape')"
    )
    publish(redis_url, [tick(source="TAPE:00c0ffee", received_at=TS - timedelta(days=365))])
    assert api.get("/api/quotes/ES")["stale_after_ms"] == 5000
    assert api.get("/api/quotes/ES")["is_stale"] is True


def test_a_source_that_a_symbol_prefers_is_named_with_that_priority(
    database_url: str, redis_url: str, connection: "psycopg.Connection[Any]"
) -> None:
    connection.execute(
        "insert into reference.source_preferences (symbol, source, priority) "
        "values ('ES', 'SIM', 3)"
    )
    publish(redis_url, [tick(seq=1), tick(seq=2, symbol="CL", last=Decimal("-37.63"))])
    with serving(database_url, redis_url) as api:
        priorities = {q["symbol"]: q["source_priority"] for q in api.get("/api/quotes")}
    assert priorities == {"ES": 3, "CL": 90}


def test_quotes_without_names_are_all_that_were_quoted_in_the_order_of_lists(
    api: Api, redis_url: str
) -> None:
    publish(
        redis_url,
        [
            tick(seq=1, symbol="ZB", last=Decimal("118.015625")),
            tick(seq=2, symbol="CL", last=Decimal("-37.6")),
        ],
        [tick(seq=3, symbol="YM", last=Decimal("39000.0"))],
    )
    found = [(quote["symbol"], quote["last"]) for quote in api.get("/api/quotes")]
    assert found == [("YM", "39000"), ("CL", "-37.60"), ("ZB", "118.015625")]


def test_quotes_are_asked_for_by_alias_and_in_any_case_and_come_once(
    api: Api, redis_url: str
) -> None:
    publish(redis_url, [tick(seq=1), tick(seq=2, symbol="DX", last=Decimal("105.1"))])
    found = api.get("/api/quotes", symbols=" $dxy, es,DXY,NQ")
    assert [(quote["symbol"], quote["last"]) for quote in found] == [
        ("DX", "105.100"),
        ("ES", "5000.25"),
    ]


def test_what_is_not_listed_is_never_quoted_whatever_the_bus_holds(
    api: Api, redis_url: str
) -> None:
    publish(redis_url, [tick(symbol="ZZ"), tick(seq=2)])
    assert [quote["symbol"] for quote in api.get("/api/quotes")] == ["ES"]


def test_an_instrument_that_was_just_listed_is_found(
    api: Api, redis_url: str, database_url: str
) -> None:
    publish(redis_url, [tick(symbol="ESU24")])
    assert api.get("/api/quotes") == []
    add_months(database_url, ("ESU24", "ES"))
    assert api.get("/api/quotes/ESU24")["last"] == "5000.25"


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/api/quotes", {"symbols": "ES,BOGUS"}),
        ("/api/quotes/BOGUS", {}),
        ("/api/ticks/bogus", {}),
        ("/api/quotes/stream", {"symbols": "BOGUS"}),
    ],
)
def test_an_unknown_symbol_is_a_404_that_names_it(
    asked_api: Api, path: str, params: dict[str, str]
) -> None:
    found = asked_api.problem(path, 404, **params)
    assert found["title"] == "Not Found"
    assert found["detail"].upper().startswith("SYMBOL: 'BOGUS' IS NOT LISTED")


def test_a_listed_symbol_without_a_quote_is_a_404_of_its_own(api: Api) -> None:
    assert "it has no quote yet" in api.problem("/api/quotes/ES", 404)["detail"]


@pytest.mark.parametrize("symbols", ["ES,,NQ", ","])
def test_an_empty_name_among_symbols_is_refused(asked_api: Api, symbols: str) -> None:
    assert asked_api.problem("/api/quotes", 422, symbols=symbols)["detail"].startswith("symbols: ")


def test_every_answer_names_the_nature_of_its_data(api: Api) -> None:
    assert api.http.get("/api/quotes").headers["Thor-Nature"] == "simulated"
    with api.http.stream("GET", "/api/quotes/stream") as answer:
        assert answer.headers["Thor-Nature"] == "simulated"


def test_ticks_are_the_rows_of_the_database_at_the_instruments_precision(
    api: Api, redis_url: str, database_url: str, connection: "psycopg.Connection[Any]"
) -> None:
    publish(
        redis_url,
        [
            tick(
                symbol="ZB", contract="ZBU24", last=Decimal("118.015625"), bid=Decimal("118"),
                ask=Decimal("118.03125"), bid_size=0, ask_size=7, side="S", volume=12,
                volume_delta=0, is_sampled=True, received_at=TS + timedelta(microseconds=1),
            )
        ],
    )  # fmt: skip
    take_in(redis_url, database_url)
    (row,) = rows(connection, "select created_at from market.ticks")
    created_at = row["created_at"].astimezone(TS.tzinfo).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert api.get("/api/ticks/zb") == [
        {
            "ts": TS_TEXT,
            "symbol": "ZB",
            "seq": 1,
            "source": "SIM",
            "contract": "ZBU24",
            "last": "118.015625",
            "bid": "118.000000",
            "ask": "118.031250",
            "last_size": 1,
            "bid_size": 0,
            "ask_size": 7,
            "side": "S",
            "volume": 12,
            "volume_delta": 0,
            "is_trade": True,
            "is_sampled": True,
            "received_at": "2024-07-01T14:30:00.123457Z",
            "created_at": created_at,
            "trade_date": "2024-07-01",
        }
    ]


@pytest.fixture
def ten(api: Api, redis_url: str, database_url: str) -> Api:
    """An API whose database has ticks 0 … 9 of ES, a millisecond apart from TS on."""
    publish(redis_url, many(10), [tick(seq=99, symbol="CL", last=Decimal("-37.63"))])
    take_in(redis_url, database_url)
    return api


def at(milliseconds: int) -> str:
    return (TS + timedelta(milliseconds=milliseconds)).isoformat()


@pytest.mark.parametrize(
    ("params", "seqs"),
    [
        ({}, range(10)),
        ({"limit": "3"}, [7, 8, 9]),
        ({"from": at(4)}, range(4, 10)),
        ({"to": at(4)}, range(4)),
        ({"from": at(2), "to": at(5)}, [2, 3, 4]),
        ({"from": at(2), "to": at(8), "limit": "2"}, [6, 7]),
        ({"from": at(10)}, []),
        # 09:30:00.128456 in Chicago's summer is 14:30:00.128456 UTC: tick 5.
        ({"from": "2024-07-01T09:30:00.128456-05:00"}, range(5, 10)),
        ({"from": "2024-07-01T16:30:00.128456 02:00"}, range(5, 10)),
    ],
)
def test_a_page_is_the_newest_of_a_half_open_span_oldest_first(
    ten: Api, params: dict[str, str], seqs: Any
) -> None:
    assert [row["seq"] for row in ten.get("/api/ticks/ES", **params)] == list(seqs)


def test_pages_go_back_by_a_cursor_and_lose_no_tick_of_an_instant(
    database_url: str, redis_url: str, data: Path
) -> None:
    # Four ticks of one microsecond, then two.
    with psycopg.connect(database_url, autocommit=True) as connection:
        write_tape(connection, open_tape(data / "faults" / "12_equal_ts.csv"))
    seen: list[int] = []
    params: dict[str, Any] = {"limit": 3}
    with serving(database_url, redis_url) as api:
        for _ in range(3):
            answer = api.http.get("/api/ticks/NQ", params=params)
            seen[:0] = [row["seq"] for row in answer.json()]
            if "thor-cursor" not in answer.headers:
                break
            params["before"] = answer.headers["thor-cursor"]
        first = seen[0]
        assert seen == list(range(first, first + 6))
        # The cursor is the first tick's ts, seq and source, and none where no tick is.
        row = api.get("/api/ticks/NQ")[0]
        assert params["before"] == f"{row['ts']},{row['seq']},{row['source']}"
        answer = api.http.get("/api/ticks/NQ", params=params)
        assert (answer.json(), "thor-cursor" in answer.headers) == ([], False)


def test_a_negative_price_keeps_its_sign_and_its_decimals(ten: Api) -> None:
    assert [row["last"] for row in ten.get("/api/ticks/CL")] == ["-37.63"]


@pytest.mark.parametrize(
    ("params", "begins"),
    [
        ({"from": "2024-07-01T14:30:00"}, "from: '2024-07-01T14:30:00' has no time zone"),
        ({"to": "2024-07-01"}, "to: '2024-07-01' has no time zone"),
        ({"from": "yesterday"}, "from: 'yesterday' is no time"),
        ({"from": "0001-01-01T00:00:00+14:00"}, "from: "),
        ({"from": at(5), "to": at(5)}, "to: "),
        ({"from": at(5), "to": at(4)}, "to: "),
        ({"before": "42"}, "before: '42' is no cursor"),
        ({"before": f"{at(5)},x,SIM"}, "before: "),
        ({"before": "yesterday,1,SIM"}, "before: 'yesterday' is no time"),
        ({"limit": "0"}, "limit: "),
        ({"limit": "10001"}, "limit: "),
        ({"limit": "many"}, "limit: "),
    ],
)
def test_bad_input_is_a_422_that_names_the_field(
    asked_api: Api, params: dict[str, str], begins: str
) -> None:
    found = asked_api.problem("/api/ticks/ES", 422, **params)
    assert found["title"] == "Rejected"
    assert found["detail"].startswith(begins)


def test_ten_thousand_ticks_fit_a_page(api: Api, redis_url: str, database_url: str) -> None:
    publish(redis_url, many(10_001))
    take_in(redis_url, database_url)
    page = api.get("/api/ticks/ES", limit=10_000)
    assert (page[0]["seq"], page[-1]["seq"], len(page)) == (1, 10_000, 10_000)


def test_an_unknown_route_is_a_problem(asked_api: Api) -> None:
    assert asked_api.problem("/api/nothing", 404)["detail"].startswith("/api/nothing is no route")


def test_a_method_that_a_route_does_not_have_is_a_problem_that_names_those_it_has(
    asked_api: Api,
) -> None:
    answer = asked_api.http.post("/api/quotes")
    assert problem(answer, 405)["title"] == "Method Not Allowed"
    assert "GET" in answer.headers["allow"]


def test_an_unforeseen_error_is_a_problem_without_secrets(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail() -> None:
        raise ZeroDivisionError("hidden")

    monkeypatch.setattr(api.hub.reference, "current", fail)
    found = api.problem("/api/instruments", 500)
    assert found["detail"] == "Unforeseen ZeroDivisionError; the log has the rest"


def test_a_database_that_is_away_is_a_503_without_its_password(redis_url: str) -> None:
    with serving(NOBODY, redis_url) as api:
        for path in ("/api/instruments", "/api/ticks/ES"):
            found = api.problem(path, 503)
            assert found["title"] == "Unavailable"
            assert found["detail"].startswith("PostgreSQL: ")


def test_quotes_go_on_while_the_database_is_away(
    api: Api, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(redis_url, [tick()])
    api.get("/api/quotes/ES")

    async def away(*_: Any) -> Any:
        raise Unavailable("PostgreSQL: away")

    monkeypatch.setattr(database, "fetch", away)
    assert api.problem("/api/ticks/ES", 503)["detail"] == "PostgreSQL: away"
    assert api.get("/api/quotes/ES")["last"] == "5000.25"
    assert api.problem("/api/quotes/BOGUS", 404)["title"] == "Not Found"


def test_a_bus_that_is_away_is_a_503_and_the_database_still_answers(database_url: str) -> None:
    with serving(database_url, NO_BUS) as api:
        assert api.problem("/api/quotes", 503)["detail"].startswith("Redis: ")
        assert api.get("/api/ticks/ES") == []
        assert len(api.get("/api/instruments")) == 11
