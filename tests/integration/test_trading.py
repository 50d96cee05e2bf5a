"""Orders from the row to the fill: verdicts, the paper broker's job, crashes, and the switch.

The market is a recorded one, on Monday, 1 July 2024, so that nothing depends on today.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from command import Command
from msgspec.structs import replace
from roles_made import as_role
from ticks_made import rows, value
from trading_made import Desk, made_desk

from thor import database
from thor.domain.orders import LEGAL
from thor.errors import NotFound, Refused, Rejected
from thor.flow.flatten import flatten
from thor.flow.place_orders import cancel, modify, place, preview
from thor.market.bus.client import Bus
from thor.trading.brokers.broker import Change

D = Decimal
SOURCE = "TAPE:0123abcd"
_ID = count(1)


@pytest.fixture
def desk(database_url: str, redis_url: str, bus: Bus, connection: psycopg.Connection[Any]) -> Desk:
    return made_desk(database_url, redis_url, bus, connection)


def test_an_order_goes_from_its_verdict_to_its_fill_and_position(desk: Desk) -> None:
    row = desk.place("BUY", 2)
    assert (row["status"], row["contract"], row["reason"]) == ("PENDING", "ESU24", None)
    desk.move("5001.00", "5001.25")
    (fill,) = rows(desk.link, "select * from trade.fills")
    # The quote that stands after 50 ms is the one before; 1 bp of 5000.25 is over two quarters.
    assert (fill["price"], fill["commission"]) == (D("5001.00"), D("5.00"))
    assert desk.orders() == {row["client_order_id"]: "FILLED"}
    assert desk.held() == 2
    legal = {(before, after) for before, afters in LEGAL.items() for after in afters}
    found = rows(desk.link, "select from_status, to_status from trade.order_transitions")
    assert {tuple(one.values()) for one in found} == legal


def test_one_id_is_one_order_and_other_content_is_refused(desk: Desk) -> None:
    request = desk.request("BUY", 2)
    first = place(desk.link, request, "ann")
    assert place(desk.link, request, "bob")["order_id"] == first["order_id"]
    with pytest.raises(Refused, match="client_order_id: .* is another order's, of BUY 2 ES"):
        place(desk.link, replace(request, quantity=3), "ann")
    assert len(desk.orders()) == 1


def test_what_is_refused_is_a_row_with_its_rule_limit_and_figure(desk: Desk) -> None:
    row = desk.place("BUY", 11, "LIMIT", limit_price=D("4990.00"))
    assert row["status"] == "REFUSED"
    (verdict,) = rows(desk.link, "select * from trade.verdicts")
    shown = (verdict["rule"], verdict["limit_value"], verdict["figure"])
    assert shown == ("max_contracts", 10, 11)
    assert preview(desk.link, desk.request("BUY", 5)).verdict.is_allowed
    for request, message in (
        (desk.request("BUY", 0), "quantity: 0"),
        (desk.request("BUY", -1), "quantity: -1"),
        (desk.request("BUY", 1, "LIMIT", limit_price=D("5000.10")), "is not on ES's grid"),
        (desk.request("BUY", 1, "STOP", stop_price=D("4990.00")), "stop_price: .* the ask 5000.25"),
        (desk.request("SELL", 1, "STOP", stop_price=D("5010.00")), "stop_price: .* the bid"),
    ):
        with pytest.raises(Rejected, match=message):
            place(desk.link, request, "ann")
    with pytest.raises(NotFound, match="symbol: 'XX' is not listed"):
        place(desk.link, replace(desk.request("BUY", 1), symbol="XX"), "ann")
    dollar = place(desk.link, replace(desk.request("BUY", 1), symbol="DX"), "ann")
    assert dollar["reason"].startswith("tradable: DX is not tradable")


def test_an_order_is_changed_by_the_broker_s_answer_and_cancelled(desk: Desk) -> None:
    row = desk.place("BUY", 2, "LIMIT", limit_price=D("4990.00"))
    desk.move("5000.00", "5000.25")
    before = modify(desk.link, row["order_id"], Change(limit_price=D("4995.00"), quantity=3), "ann")
    assert (before["limit_price"], before["quantity"]) == (D("4990.00"), 2)
    desk.move("5000.00", "5000.50")
    (now,) = rows(desk.link, "select * from trade.orders")
    assert (now["limit_price"], now["quantity"], now["status"]) == (D("4995.00"), 3, "WORKING")
    with pytest.raises(Refused, match="max_contracts"):
        modify(desk.link, row["order_id"], Change(quantity=11), "ann")
    cancel(desk.link, row["order_id"], "ann")
    desk.move("5000.00", "5000.25")
    assert set(desk.orders().values()) == {"CANCELLED"}
    with pytest.raises(Refused, match="is CANCELLED already"):
        cancel(desk.link, row["order_id"], "ann")


def test_two_traders_at_once_share_one_limit(desk: Desk) -> None:
    def buy(name: str) -> str:
        with database.connect(as_role(desk.url), "cli") as link:
            status: str = place(link, desk.request("BUY", 6), name)["status"]
            return status

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(buy, ("ann", "bob"))) == ["PENDING", "REFUSED"]


def test_a_job_that_dies_between_any_two_steps_repeats_and_loses_nothing(desk: Desk) -> None:
    # Written, not sent.
    desk.place("BUY", 1)
    desk.trader = desk.started()
    desk.move("5000.00", "5000.25", 10)
    assert set(desk.orders().values()) == {"SUBMITTED"}
    # Sent, and no answer was written: its broker's memory is gone.
    desk.trader = desk.started()
    desk.move("5000.00", "5000.25", 100)
    assert (set(desk.orders().values()), desk.held()) == ({"FILLED"}, 1)
    # Filled in memory, and the transaction failed.
    desk.place("SELL", 1, "LIMIT", limit_price=D("5002.00"))
    desk.move("5000.00", "5000.25", 100)
    desk.publish("5002.00", "5002.25", 100)
    desk.trader._write = lambda: None  # type: ignore[method-assign]
    desk.trader.turn(1)
    assert desk.held() == 1
    desk.trader = desk.started()
    desk.move("5002.00", "5002.50", 100)
    assert desk.held() == 0
    # Written, and the same ticks read once more.
    desk.trader = desk.started()
    desk.move("5002.00", "5002.25", 100)
    assert (desk.held(), value(desk.link, "select count(*) from trade.fills")) == (0, 2)
    assert not desk.trader.reconcile()


def test_a_difference_from_the_broker_locks_the_symbol(desk: Desk) -> None:
    desk.place("BUY", 1)
    desk.move("5000.00", "5000.25")
    broker = desk.trader._brokers["PAPER"]
    broker._held[("ES", "ESU24")] = 4
    (found,) = desk.trader.reconcile()
    assert (found["expected"], found["actual"]) == ("1", "4")
    assert desk.trader.reconcile() == []
    refused = desk.place("BUY", 2)
    assert refused["reason"].startswith("break: ES is locked")


def test_the_switch_cancels_flattens_and_is_verified_flat(desk: Desk) -> None:
    desk.place("BUY", 3)
    desk.place("BUY", 1, "LIMIT", limit_price=D("4990.00"))
    desk.move("5000.00", "5000.25")
    desk.link.execute("select trade.kill('ann', 'enough')")
    # A strategy that orders at every tick gets nothing through, and flattening goes on.
    for step in range(4):
        assert desk.place("BUY", 1, client_order_id=f"s{step}")["status"] == "REFUSED"
        desk.trader._due.pop("look", None)
        desk.trader._due.pop("flatten", None)
        desk.move("5000.00", f"5000.{25 + 25 * (step % 2)}")
    assert desk.held() == 0
    switch = database.one(desk.link, "trade_kill_switch")
    assert (switch["is_latched"], switch["is_flat"]) == (True, True)
    assert desk.place("BUY", 1, client_order_id="later")["status"] == "REFUSED"
    sent = rows(desk.link, "select quantity, is_flattening from trade.orders where side = 'SELL'")
    assert sent == [{"quantity": 3, "is_flattening": True}]


def test_a_feed_that_dies_with_a_position_open_refuses_and_keeps_the_position(desk: Desk) -> None:
    desk.place("BUY", 1)
    desk.move("5000.00", "5000.25")
    desk.place("SELL", 1)
    desk.trader._due.pop("look", None)
    desk.trader.turn(1)
    desk.trader._moved_s -= 60
    desk.trader.turn(1)
    (row,) = rows(desk.link, "select status, reason from trade.orders where side = 'SELL'")
    assert row["status"] == "REJECTED"
    assert row["reason"].startswith("quote: the market stands still")
    assert desk.held() == 1
    # It comes back, and what is held is sold.
    flatten(desk.link, "ann")
    desk.move("5000.00", "5000.25")
    desk.move("5000.00", "5000.25")
    assert desk.held() == 0


def test_the_commands_place_refuse_stop_and_tell_the_story(desk: Desk, tmp_path: Path) -> None:
    urls = {"THOR_DATABASE_URL": as_role(desk.url), "THOR_REDIS_URL": desk.redis_url}
    command = Command(tmp_path, **urls)

    def run(*words: str) -> tuple[int, str]:
        result = command.run(*words)
        return result.code, result.out

    place_one = ["orders", "place", "--symbol", "ES", "--side", "BUY", "--json", "--quantity"]
    code, text = run(*place_one, "2")
    assert code == 0
    (row,) = json.loads(text)
    assert row["status"] == "PENDING"
    assert run(*place_one, "11")[0] == 4
    assert run(*place_one, "0")[0] == 2
    desk.move("5000.00", "5000.25")
    (held,) = json.loads(run("positions", "--json")[1])
    assert (held["series"], held["quantity"]) == ("ESU24", 2)
    assert len(json.loads(run("story", row["order_id"], "--json")[1])) > 2
    assert run("reconcile")[0] == 0
    bracket = [*place_one, "1", "--take-profit", "5020", "--stop-loss", "4980"]
    assert run(*bracket, "--preview")[0] == 0
    assert run(*bracket)[0] == 0
    desk.move("5000.00", "5000.25")
    exits = {x["type"]: x for x in json.loads(run("orders", "list", "--open", "--json")[1])}
    assert set(exits) == {"LIMIT", "STOP"}
    stop = exits["STOP"]["order_id"]
    assert run("orders", "change", stop, "--stop", "4980.10")[0] == 2
    assert run("orders", "change", stop, "--stop", "4981")[0] == 0
    desk.move("5000.00", "5000.25")
    assert json.loads(run("orders", "show", stop, "--json")[1])[0]["stop_price"] == "4981.00000000"
    assert run("notes", "add", "Moved up.", "--order", stop)[0] == 0
    assert json.loads(run("notes", "list", "--json")[1])[0]["text"] == "Moved up."
    assert run("kill", "on", "--reason", "enough")[0] == 0
    assert run(*place_one, "1")[0] == 4
    assert run("kill", "reset")[0] == 4
    assert run("flatten")[0] == 0
    desk.move("5000.00", "5000.25")
    desk.move("5000.00", "5000.50")
    assert run("kill", "reset")[0] == 0
    assert json.loads(run("account", "list", "--json")[1])[0]["account_id"] == "PAPER"


def test_an_order_that_the_switch_overtakes_is_rejected_and_trading_goes_on(desk: Desk) -> None:
    desk.place("BUY", 1)
    desk.link.execute("select trade.kill('ann', 'enough')")
    # Placed before the switch latched, and not yet sent.
    desk.trader._take_requests()
    (row,) = rows(desk.link, "select status, reason from trade.orders")
    assert row["status"] == "REJECTED"
    assert row["reason"].startswith("the kill switch is latched")
