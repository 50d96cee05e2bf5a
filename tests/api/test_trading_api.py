"""Orders, positions, accounts and risk over REST and the stream, on a market that is moved."""

from typing import Any
from uuid import UUID

import psycopg
import pytest
from served import problem, serving, streaming
from trading_made import made_desk

from thor.market.bus.client import Bus


@pytest.mark.editions("plain")
def test_a_trader_s_day_over_the_api(
    database_url: str, redis_url: str, bus: Bus, connection: psycopg.Connection[Any]
) -> None:
    desk = made_desk(database_url, redis_url, bus, connection)
    with serving(database_url, redis_url) as api:
        body = {"symbol": "ES", "side": "BUY", "type": "MARKET", "quantity": 2}
        seen = api.http.post("/api/orders/preview", json=body).json()
        assert (seen["is_allowed"], seen["contract"], seen["ask"]) == (True, "ESU24", "5000.25")
        assert {check["rule"] for check in seen["checks"]} > {"max_contracts", "margin_pct"}

        problem(api.http.post("/api/orders", json=body), 422)
        key = {"Idempotency-Key": "one"}
        made = api.http.post("/api/orders", json=body, headers=key)
        assert (made.status_code, made.json()["status"]) == (201, "PENDING")
        again = api.http.post("/api/orders", json=body, headers=key)
        assert again.json()["order_id"] == made.json()["order_id"]
        other = api.http.post("/api/orders", json={**body, "quantity": 3}, headers=key)
        assert "another order's" in problem(other, 409)["detail"]
        for wrong, status in (
            ({"quantity": 0}, 422),
            ({"quantity": 1.5}, 422),
            ({"symbol": "XX"}, 404),
            ({"account_id": "NONE"}, 404),
            ({"type": "LIMIT", "limit_price": "5000.10"}, 422),
            ({"type": "LIMIT", "limit_price": "NaN"}, 422),
            ({"group_id": "g", "group_kind": "OCO"}, 422),
            ({"take_profit": "5000.00"}, 422),
            ({"signal_id": str(UUID(int=1))}, 404),
        ):
            given = {**body, "client_order_id": "wrong", **wrong}
            problem(api.http.post("/api/orders", json=given), status)
        big = {**body, "quantity": 9, "client_order_id": "big"}
        refused = api.http.post("/api/orders", json=big).json()
        assert (refused["status"], refused["reason"][:14]) == ("REFUSED", "max_contracts:")

        desk.move("5001.00", "5001.25")
        order = api.get(f"/api/orders/{made.json()['order_id']}")
        assert (order["status"], order["average_price"]) == ("FILLED", "5001")
        (fill,) = api.get("/api/fills")
        assert (fill["price"], fill["commission"], fill["position"]) == ("5001", "5", 2)
        assert "crosses the spread" in fill["assumptions"]
        (position,) = api.get("/api/positions")
        assert (position["series"], position["quantity"]) == ("ESU24", 2)
        (account,) = api.get("/api/accounts")
        assert (account["funded"], account["commission"]) == ("100000", "5")
        assert {row["kind"] for row in api.get(f"/api/orders/{order['order_id']}/story")}
        assert {row["section"] for row in api.get("/api/activity/today")} == {"FILLED", "CANCELLED"}

        stop = {**body, "side": "SELL", "type": "STOP", "stop_price": "4990.00"}
        resting = api.http.post("/api/orders", json={**stop, "client_order_id": "s"}).json()
        desk.move("5001.00", "5001.50")
        path = f"/api/orders/{resting['order_id']}"
        assert api.http.patch(path, json={"stop_price": "4991.00"}).status_code == 200
        desk.move("5001.00", "5001.25")
        (working,) = api.get("/api/orders", is_open=True)
        assert working["stop_price"] == "4991"
        assert api.http.delete(path).json()["status"] == "CANCEL_PENDING"

        with streaming(api, events="kill") as stream:
            assert stream.next("kill").data["is_latched"] is False
            latched = api.http.post("/api/risk/kill", json={"reason": "enough"}).json()
            assert stream.next("kill").data == latched
        assert (latched["is_latched"], latched["is_flat"]) == (True, False)
        late = {**body, "client_order_id": "late"}
        assert api.http.post("/api/orders", json=late).json()["status"] == "REFUSED"
        problem(api.http.request("DELETE", "/api/risk/kill", json={"reason": "go"}), 409)
        for step in range(3):
            desk.trader._due.clear()
            desk.move("5001.00", f"5001.{25 + 25 * (step % 2)}")
        assert api.get("/api/risk/kill")["is_flat"]
        freed = api.http.request("DELETE", "/api/risk/kill", json={"reason": "go"}).json()
        assert not freed["is_latched"]

        # 2 × (5000.25 − 5001.00) × 50 less four commissions of 2.50.
        (trade,) = api.get("/api/trades")
        (account,) = api.get("/api/accounts")
        assert (trade["realised"], account["cash"]) == ("-75", "99915")
        day = {"from": "2024-07-01", "to": "2024-07-01"}
        lines = api.get("/api/accounts/PAPER/statement", **day)
        text = api.http.get(
            "/api/accounts/PAPER/statement", params=day, headers={"Accept": "text/csv"}
        ).text
        assert len(text.splitlines()) == len(lines) + 1
        assert text.splitlines()[0].startswith("line,section,at,trade_date,symbol,side")
        # 370 days are taken, 371 are not.
        year = {"from": "2023-06-28", "to": "2024-07-01"}
        assert api.get("/api/accounts/PAPER/statement", **year)[-1]["balance"] == "99915"
        for path in ("statement", "pnl"):
            given = {**year, "from": "2023-06-27"}
            api.problem(f"/api/accounts/PAPER/{path}", 422, **given)
        made = api.get("/api/accounts/PAPER/pnl", **day)
        (of_symbol,) = made["symbols"]
        assert (of_symbol["series"], of_symbol["pnl"], of_symbol["commission"]) == (
            *("ESU24", "-85"),
            "10",
        )
        assert [one["net_liquidation"] for one in made["days"]] == ["99915"]
        for wrong, status in (
            *(({"rule": "luck"}, 422), ({"value": "-1"}, 422), ({"value": "NaN"}, 422)),
            *(({"symbol": "XX"}, 404), ({"account_id": "NONE"}, 404)),
        ):
            given = {"rule": "max_contracts", "value": "3", **wrong}
            problem(api.http.patch("/api/risk/limits", json=given), status)
        limit = {"rule": "max_contracts", "symbol": "ES", "value": "3"}
        assert api.http.patch("/api/risk/limits", json=limit).json()["version"] == 1
        assert any(row["symbol"] == "ES" for row in api.get("/api/risk/limits"))
        versions = api.get("/api/risk/limits/versions", rule="max_contracts")
        assert [(row["symbol"], row["value"]) for row in versions] == [("ES", "3"), (None, "10")]
        view = {"symbol": "ES", "side": "BUY", "confidence": "0.6", "horizon": "15m"}
        assert api.http.post("/api/signals", json=view).json()["origin"] == "PERSON"
        for wrong in ({"confidence": "62"}, {"confidence": "high"}, {"target": "soon"}):
            problem(api.http.post("/api/signals", json={**view, **wrong}), 422)
        problem(api.http.post("/api/signals", json={**view, "origin": "DESK"}), 422)
        theirs = {"origin": "PREDICTION", "origin_ref": "7", "symbol": "ES", "side": "SELL"}
        theirs |= {"target": "4990.00", "stop": "5010"}
        followed = api.http.post("/api/signals", json=theirs).json()
        assert (followed["origin"], followed["target"], followed["stop"]) == (
            *("PREDICTION", "4990"),
            "5010",
        )
        assert len(api.get("/api/signals")) == 2
        funded = api.http.post("/api/accounts/PAPER/fund", json={"amount": "85", "note": "more"})
        assert funded.json()["cash"] == "100000"
        much = api.http.post("/api/accounts/PAPER/fund", json={"amount": "-99999999"})
        assert "100000.00 is free of PAPER" in problem(much, 409)["detail"]
        reset = api.http.post("/api/accounts/PAPER/reset", json={"amount": "50000"})
        assert reset.json()["cash"] == "50000"


@pytest.mark.editions("plain")
def test_a_bracket_and_a_pair_are_one_request_each(
    database_url: str, redis_url: str, bus: Bus, connection: psycopg.Connection[Any]
) -> None:
    desk = made_desk(database_url, redis_url, bus, connection)
    with serving(database_url, redis_url) as api:

        def send(name: str, **fields: Any) -> Any:
            body = {"symbol": "ES", "side": "BUY", "type": "MARKET", "quantity": 2, **fields}
            return api.http.post("/api/orders", json=body, headers={"Idempotency-Key": name})

        def statuses() -> dict[str, str]:
            return {row["client_order_id"]: row["status"] for row in api.get("/api/orders")}

        exits = {"take_profit": "5010.00", "stop_loss": "4990"}
        made = send("in", **exits).json()
        assert (made["status"], made["group_kind"]) == ("PENDING", "BRACKET")
        again = send("in", **{**exits, "take_profit": "5010"}).json()
        assert again["order_id"] == made["order_id"]
        assert "another order's" in problem(send("in", take_profit="5010"), 409)["detail"]
        assert set(statuses()) == {"in", "in:take_profit", "in:stop_loss"}
        (exposed,) = api.get("/api/risk/exposure", account_id="PAPER")
        assert (exposed["root"], exposed["long_most"], exposed["short_most"]) == ("ES", 2, 0)

        # A part that a rule refuses refuses the whole, and leaves one row with its story.
        desk.move("5000.00", "5000.25")
        wild = send("wild", quantity=1, stop_loss="4990", take_profit="5600").json()
        assert wild["status"] == "REFUSED"
        assert wild["reason"].startswith("price_band_pct: of its take_profit: 5600")
        assert "wild:stop_loss" not in statuses()
        story = api.get(f"/api/orders/{wild['order_id']}/story")
        assert "price_band_pct" in next(row["what"] for row in story if row["kind"] == "verdict")
        seen = {"symbol": "ES", "side": "BUY", "type": "MARKET", "quantity": 1}
        seen = api.http.post("/api/orders/preview", json={**seen, "take_profit": "5600"}).json()
        assert (seen["is_allowed"], seen["rule"]) == (False, "price_band_pct")
        assert len({row["rule"] for row in seen["checks"]}) == len(seen["checks"])

        note = {"text": "Too wide a target.", "order_id": wild["order_id"]}
        assert api.http.post("/api/notes", json=note).json()["symbol"] == "ESU24"
        problem(api.http.post("/api/notes", json={"text": " "}), 422)
        problem(api.http.post("/api/notes", json={**note, "order_id": str(UUID(int=1))}), 404)
        assert [row["text"] for row in api.get("/api/notes", order_id=wild["order_id"])] == [
            "Too wide a target."
        ]
        assert api.get(f"/api/orders/{wild['order_id']}/story")[-1]["kind"] == "note"

        # The profit is taken, and the stop goes.
        desk.move("5000.00", "5000.25")
        desk.move("5010.25", "5010.50")
        desk.move("5010.25", "5010.50")
        assert statuses()["in:take_profit"] == "FILLED"
        assert statuses()["in:stop_loss"] == "CANCELLED"
        (closed,) = api.get("/api/trades", limit=1)
        assert (closed["side"], closed["quantity"], closed["position"]) == ("SELL", 2, 0)

        pair = {"side": "SELL", "type": "LIMIT", "limit_price": "5020", "quantity": 3}
        other = {"type": "STOP", "stop_price": "4995"}
        first = send("pair", **pair, oco=other).json()
        assert first["group_kind"] == "OCO"
        desk.move("5010.25", "5010.50")
        used = {row["rule"]: row for row in api.get("/api/risk/limits", account_id="PAPER")}
        # Of a pair one fills: 3 contracts, not 6.
        assert (used["max_contracts"]["used"], used["max_contracts"]["subject"]) == ("3", "ES")
        assert used["stale_quote_s"]["used"] is None
        api.http.delete(f"/api/orders/{first['order_id']}")
        desk.move("5010.25", "5010.50")
        api.problem("/api/risk/limits", 404, account_id="NONE")
