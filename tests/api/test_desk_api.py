"""The desk's signals, the TOTAL and their numbers, over REST."""

from datetime import timedelta
from decimal import Decimal

import psycopg
import pytest
from served import Api, problem, streaming
from ticks_made import TS, take_in, tick

from thor.domain.mark import Mark
from thor.domain.sessions import trade_date
from thor.market.bus.client import Bus
from thor.market.studies.extremes import Extremes

pytestmark = pytest.mark.editions("plain")

AS_OF = (TS + timedelta(seconds=1)).isoformat()


def given(redis_url: str, database_url: str) -> None:
    """Ingest a quote of ES that is 10.75 above the simulator's previous close."""
    bus = Bus(redis_url)
    bus.publish([tick(last=Decimal("5000.75"))])
    close = Mark(symbol="ES", trade_date=trade_date(TS), received_at=TS, prev_close=Decimal(4990))
    bus.publish_marks("SIM", [close])
    bus.close()
    take_in(redis_url, database_url)


def test_a_signal_and_the_total_are_those_of_the_select(
    api: Api, redis_url: str, database_url: str
) -> None:
    given(redis_url, database_url)
    found = {row["symbol"]: row for row in api.get("/api/signals/desk", as_of=AS_OF)}
    assert (found["ES"]["signal"], found["ES"]["change"], found["ES"]["stat_value"]) == (
        "STRONG_BUY", "10.75", "6",
    )  # fmt: skip
    assert (found["NQ"]["signal"], found["NQ"]["reason"]) == (None, "no quote")
    total = api.get("/api/total", as_of=AS_OF)
    assert (total["count"], total["sum_weighted"], total["avg_weighted"]) == (1, "36", "6")
    assert (total["signal_weight_sum"], total["composite_signal"]) == ("2", "HOLD")
    assert len(total["missing"]) == 10
    history = api.get(
        "/api/total/history",
        **{"from": (TS - timedelta(seconds=9)).isoformat(), "to": AS_OF, "step_s": 10},
    )
    assert [step["count"] for step in history] == [0, 1]


def test_a_changed_number_counts_at_the_next_question(
    api: Api, redis_url: str, database_url: str
) -> None:
    given(redis_url, database_url)
    answer = api.http.patch(
        "/api/desk/desk/ES", json={"strong_buy": "11", "reason": "the market is wild"}
    )
    assert answer.status_code == 200, answer.text
    changed = answer.json()
    assert (changed["strong_buy"], changed["buy"], changed["thresholds_version"]) == ("11", "1", 2)
    assert changed["reason"] == "the market is wild"
    found = {row["symbol"]: row for row in api.get("/api/signals/desk", as_of=AS_OF)}
    assert (found["ES"]["signal"], found["ES"]["stat_value"]) == ("BUY", "1")
    numbers = {row["symbol"]: row for row in api.get("/api/desk/desk")}
    assert numbers["ES"]["strong_buy"] == "11"
    assert [row["set"] for row in api.get("/api/desk")] == ["desk", "reachable"]


@pytest.mark.parametrize(
    ("path", "body", "status", "text"),
    [
        ("/api/desk/none/ES", {"buy": "2", "reason": "x"}, 404, "none of desk, reachable"),
        ("/api/desk/desk/ZN", {"buy": "2", "reason": "x"}, 404, "symbol: 'ZN'"),
        ("/api/desk/desk/ES", {"buy": "two", "reason": "x"}, 422, "buy: 'two' is not a number"),
        ("/api/desk/desk/ES", {"buy": "7", "reason": "x"}, 422, "out of order"),
        ("/api/desk/desk/ES", {"weight": "1e30", "reason": "x"}, 422, "weight: 1E+30 needs more"),
        ("/api/desk/desk/ES", {"buy": "2", "reason": ""}, 422, "reason: is missing"),
        ("/api/desk/desk/ES", {"bye": "2", "reason": "x"}, 422, "bye"),
    ],
)
def test_a_change_that_cannot_be_is_a_problem_that_names_the_field(
    api: Api, path: str, body: dict[str, str], status: int, text: str
) -> None:
    assert text in problem(api.http.patch(path, json=body), status)["detail"]


def test_an_unknown_set_has_no_signals(api: Api) -> None:
    assert "none" in api.problem("/api/signals/desk", 404, set="none")["detail"]
    assert "none" in api.problem("/api/desk/none", 404)["detail"]


def test_a_version_is_listed_and_brought_back_as_a_new_one(api: Api) -> None:
    api.http.patch("/api/desk/desk/ES", json={"weight": "7", "reason": "too small"})
    api.http.patch("/api/desk/desk/ES", json={"strong_buy": "11", "reason": "the market is wild"})
    found = api.get("/api/desk/desk/ES/versions")
    assert [(row["relation"], row["version"], row["numbers"]) for row in found] == [
        (
            "thresholds", 1,
            {"strong_buy": "6", "buy": "1", "sell": "-1", "strong_sell": "-6"},
        ),
        ("contract_weights", 1, {"weight": "6", "is_inverted": "false"}),
    ]  # fmt: skip
    assert {row["reason"] for row in found} == {"as delivered"}
    undone = api.http.post(
        "/api/desk/desk/ES/undo", json={"relation": "contract_weights", "version": 1}
    )
    assert undone.status_code == 200, undone.text
    assert (undone.json()["weight"], undone.json()["weight_version"]) == ("6", 3)
    assert undone.json()["strong_buy"] == "11"
    missing = api.http.post("/api/desk/desk/ES/undo", json={"relation": "thresholds", "version": 9})
    assert "no version 9" in problem(missing, 404)["detail"]


def test_a_signal_s_weight_is_changed_with_its_reason_and_restored(
    api: Api, redis_url: str, database_url: str
) -> None:
    given(redis_url, database_url)
    weights = {row["signal"]: row["weight"] for row in api.get("/api/signals/weights")}
    assert weights == {
        "STRONG_BUY": "2",
        "BUY": "1",
        "HOLD": "0",
        "SELL": "-1",
        "STRONG_SELL": "-2",
    }
    path = "/api/signals/weights/STRONG_BUY"
    answer = api.http.patch(path, json={"weight": "4.5", "reason": "a strong one is more"})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["weight"], answer.json()["version"]) == ("4.5", 2)
    total = api.get("/api/total", as_of=AS_OF)
    assert (total["signal_weight_sum"], total["composite_signal"]) == ("4.5", "BUY")
    (before,) = api.get(f"{path}/versions")
    assert (before["version"], before["weight"], before["reason"]) == (1, "2", "as delivered")
    undone = api.http.post(f"{path}/undo", json={"version": 1}).json()
    assert (undone["weight"], undone["version"], undone["reason"]) == ("2", 3, "version 1 again")


@pytest.mark.parametrize(
    ("signal", "body", "status", "text"),
    [
        ("LONG", {"weight": "1", "reason": "x"}, 404, "signal: 'LONG' is none of STRONG_BUY"),
        ("BUY", {"weight": "1", "reason": " "}, 422, "reason: is missing"),
        ("BUY", {"weight": "two", "reason": "x"}, 422, "weight: 'two' is not a number"),
        ("BUY", {"weight": "3", "reason": "x"}, 422, "STRONG_BUY 2 >= BUY 3"),
        ("BUY", {"weight": "0.000000001", "reason": "x"}, 422, "8 after the point"),
        ("BUY", {"weight": "1", "why": "x", "reason": "x"}, 422, "why"),
    ],
)
def test_a_weight_of_a_signal_that_cannot_be_is_refused_by_name(
    asked_api: Api, signal: str, body: dict[str, str], status: int, text: str
) -> None:
    found = problem(asked_api.http.patch(f"/api/signals/weights/{signal}", json=body), status)
    assert text in found["detail"]


def test_a_stream_sends_signals_and_the_total_once_and_then_what_changes(
    api: Api, redis_url: str, database_url: str
) -> None:
    given(redis_url, database_url)
    with streaming(api, events="signal,total", symbols="ES,NQ") as stream:
        signals = {one.data["symbol"]: one.data for one in stream.take(2, "signal")}
        assert set(signals) == {"ES", "NQ"}
        assert (signals["NQ"]["signal"], signals["NQ"]["reason"]) == (None, "no quote")
        total = stream.next("total").data
        assert (total["count"], len(total["missing"])) == (0, 11)
        api.http.patch("/api/desk/desk/ES", json={"weight": "7", "reason": "too small"})
        changed = stream.next("signal").data
    assert (changed["symbol"], changed["contract_weight"]) == ("ES", "7")


def test_a_new_high_is_an_event_on_the_stream_once_and_over_rest(
    api: Api, redis_url: str, database_url: str
) -> None:
    given(redis_url, database_url)
    day = trade_date(TS)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "insert into market.bar_files values ('BARS:00000000', %s, 'day', 'csv', null, 1,"
            " '{ES}', '{1d}', %s, %s, now())",
            ("0" * 64, TS, TS),
        )
        connection.execute(
            "insert into market.bars_imported (symbol, width, bar_start, open, high, low, close,"
            " file) values ('ES', '1d', '2024-03-03 23:00Z', 4990, 5000, 4980, 4990,"
            " 'BARS:00000000')"
        )
        with streaming(api, events="extreme", symbols="ES") as stream:
            stream.next("total")
            Extremes().keep(connection, is_all=True)
            found = [stream.next("extreme").data for _ in range(2)]
    wanted = {
        "symbol": "ES", "trade_date": day.isoformat(), "price": "5000.75", "previous": "5000",
        "previous_on": "2024-03-04", "at": "2024-07-01T14:30:00.123456Z", "source": "SIM",
        "since": "2024-03-04",
    }  # fmt: skip
    assert found == [wanted | {"kind": kind} for kind in ("ALL_TIME_HIGH", "HIGH_52W")]
    assert api.get("/api/extremes/events", symbols="ES") == found
    assert api.get("/api/extremes/events", symbols="NQ") == []
    (whole, year) = api.get("/api/extremes", as_of=AS_OF)[::-1]
    assert (whole["kind"], year["kind"]) == ("all", "52w")
    assert (year["high"], year["high_on"], year["low"], year["low_on"]) == (
        "5000.75", day.isoformat(), "4980", "2024-03-04",
    )  # fmt: skip


def test_a_stream_that_asks_for_neither_is_sent_neither(api: Api) -> None:
    with streaming(api) as stream:
        stream.next()
        assert not any(one.event_filter.desk for one in api.hub.subscribers.members)
