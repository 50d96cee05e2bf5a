"""Captures of market openings and their targets, over REST."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest
from served import Api, problem, streaming
from ticks_made import take_in, tick, wait_for

from thor.domain.mark import Mark
from thor.domain.sessions import trade_date
from thor.market.bus.client import Bus
from thor.market.studies import market_opens

pytestmark = pytest.mark.editions("plain")


def given(redis_url: str, database_url: str) -> datetime:
    """Ingest a quote of ES that is 10.75 above the previous close; returns when it was."""
    ts = datetime.now(UTC) - timedelta(seconds=13)
    bus = Bus(redis_url)
    bus.publish(
        [tick(ts=ts, last=Decimal("5000.75"), bid=Decimal("5000.50"), ask=Decimal("5000.75"))]
    )
    close = Mark(symbol="ES", trade_date=trade_date(ts), received_at=ts, prev_close=Decimal(4990))
    bus.publish_marks("SIM", [close])
    bus.close()
    take_in(redis_url, database_url)
    return ts


def test_a_capture_that_is_asked_for_can_be_read_in_every_way(
    api: Api, redis_url: str, database_url: str
) -> None:
    given(redis_url, database_url)
    empty = api.get("/api/market-opens/today")
    assert empty == []
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "insert into reference.market_days (market, day, open_at, close_at, is_holiday)"
            " values ('Japan', '2030-01-07', '2030-01-07 00:00+00', '2030-01-07 06:30+00', false)"
            " on conflict do nothing"
        )
    following = api.get("/api/market-opens/next", as_of="2030-01-06T12:00:00Z")[0]
    assert (following["market"], following["display"], following["open_at"]) == (
        "Japan", "Tokyo", "2030-01-07T00:00:00.000000Z",
    )  # fmt: skip
    made = api.http.post("/api/market-opens/capture", params={"market": "USA"})
    assert made.status_code == 201, made.text
    rows = {row["symbol"]: row for row in made.json()}
    assert next(iter(rows)) == "TOTAL"
    assert len(rows) == 12
    es = rows["ES"]
    assert (es["bhs"], es["entry_price"], es["target_high"], es["target_low"]) == (
        "STRONG_BUY", "5000.75", "5002.75", "4998.75",
    )  # fmt: skip
    assert (es["wndw"], es["capture_kind"], es["tick_size"]) == ("PENDING", "MANUAL", "0.25")
    assert (rows["NQ"]["wndw"], rows["NQ"]["reason"]) == ("NEUTRAL", "no quote")
    again = api.http.post("/api/market-opens/capture", params={"market": "USA"})
    assert "USA has a manual capture" in problem(again, 409)["detail"]
    unknown = api.http.post("/api/market-opens/capture", params={"market": "Atlantis"})
    assert "market: 'Atlantis' is none of Japan, China" in problem(unknown, 404)["detail"]

    assert {row["symbol"] for row in api.get("/api/market-opens/pending")} == {"ES"}
    assert len(api.get("/api/market-opens/today")) == 12
    assert len(api.get("/api/market-opens/latest")) == 12
    listed = api.get("/api/market-opens", market="USA", status="PENDING", date=es["session_date"])
    assert [row["id"] for row in listed] == [es["id"]]
    assert api.get("/api/market-opens", market="Japan") == []

    # The target is touched; the grader's job would see it.
    with (
        psycopg.connect(database_url, autocommit=True) as connection,
        streaming(api, events="grade") as stream,
    ):
        stream.next("hello")
        wait_for(lambda: api.hub._world._grades is not None, "the first look at the grades")
        ts = datetime.now(UTC)
        bus = Bus(redis_url)
        quote = {"last": None, "last_size": None, "is_trade": False}
        sides = {"bid": Decimal("5002.75"), "ask": Decimal("5003.00")}
        bus.publish([tick(seq=2, ts=ts, **quote, **sides)])
        bus.close()
        take_in(redis_url, database_url)
        market_opens.grade(connection, ts)
        graded = stream.next("grade").data
        assert (graded["id"], graded["symbol"], graded["wndw"]) == (es["id"], "ES", "WORKED")
    one = api.get(f"/api/market-opens/{es['id']}")
    assert (one["wndw"], one["target_hit_type"], one["target_hit_price"]) == (
        "WORKED", "TARGET", "5002.75",
    )  # fmt: skip
    assert (one["market_symbol"], one["market_symbol_wndw_total"]) == (1, 0)
    stats = api.get("/api/market-opens/stats", kind="MANUAL")
    assert (stats["captures"], stats["worked"]) == (1, 1)
    rate = next(row for row in stats["rates"] if row["by"] == "market")
    # One of one: Wilson's lower end is 1 / (1 + 3.8415).
    assert (rate["value"], rate["n"], rate["hit_rate"], rate["hit_rate_low"]) == (
        "USA", 1, "1", "0.206549",
    )  # fmt: skip
    assert api.get("/api/market-opens/stats")["rates"] == []
    (line,) = api.get("/api/market-opens/captures", market="USA")
    assert (line["worked"], line["neutral"], line["count"]) == (1, 11, 12)


def test_what_cannot_be_read_is_a_problem_that_names_the_field(api: Api) -> None:
    for params, text in (
        ({"status": "GOOD"}, "status: 'GOOD' is none of WORKED"),
        ({"date": "tomorrow"}, "date: 'tomorrow' is no date"),
        ({"kind": "open"}, "kind: 'open' is none of OPEN, MANUAL"),
    ):
        found = problem(api.http.get("/api/market-opens", params=params), 422)
        assert text in found["detail"]
    assert "there is no row 99" in problem(api.http.get("/api/market-opens/99"), 404)["detail"]


def test_targets_are_changed_with_a_reason_and_restored(api: Api) -> None:
    bands = {row["symbol"]: row["offset_high"] for row in api.get("/api/targets")}
    assert bands == {
        "YM": "20", "ES": "2", "NQ": "5", "RTY": "2", "CL": "0.1", "SI": "0.02", "HG": "0.004",
        "GC": "1", "VX": "0.1", "DX": "0.1", "ZB": "0.09375",
    }  # fmt: skip
    below = api.http.patch("/api/targets/ES", json={"offset_low": "0.1", "reason": "x"})
    assert "offset_low: 0.1 is less than a tick of ES" in problem(below, 422)["detail"]
    changed = api.http.patch("/api/targets/ES", json={"offset_low": "3", "reason": "wider stop"})
    assert (changed.json()["offset_low"], changed.json()["version"]) == ("3", 2)
    (before,) = api.get("/api/targets/ES/versions")
    assert (before["version"], before["numbers"]["offset_low"]) == (1, "2")
    undone = api.http.post("/api/targets/ES/undo", json={"version": 1})
    assert (undone.json()["offset_low"], undone.json()["version"]) == ("2", 3)
