"""Orders, positions, accounts and risk over REST and the stream, on a market that is moved."""

from typing import Any

import psycopg
import pytest
from served import problem, serving
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

        latched = api.http.post("/api/risk/kill", json={"reason": "enough"}).json()
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
        lines = api.get(
            "/api/accounts/PAPER/statement", **{"from": "2024-07-01", "to": "2024-07-01"}
        )
        assert lines
        api.problem(
            "/api/accounts/PAPER/statement", 422, **{"from": "2023-01-01", "to": "2024-07-01"}
        )
        limit = {"rule": "max_contracts", "symbol": "ES", "value": "3"}
        assert api.http.patch("/api/risk/limits", json=limit).json()["version"] == 1
        assert any(row["symbol"] == "ES" for row in api.get("/api/risk/limits"))
        view = {"symbol": "ES", "side": "BUY", "confidence": "0.6", "horizon": "15m"}
        assert api.http.post("/api/signals", json=view).json()["origin"] == "PERSON"
        assert len(api.get("/api/signals")) == 1
        funded = api.http.post("/api/accounts/PAPER/fund", json={"amount": "85", "note": "more"})
        assert funded.json()["cash"] == "100000"
        reset = api.http.post("/api/accounts/PAPER/reset", json={"amount": "50000"})
        assert reset.json()["cash"] == "50000"
