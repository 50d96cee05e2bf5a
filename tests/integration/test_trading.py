"""Orders from the row to the fill: verdicts, the paper broker's job, crashes, and the switch.

The market is a recorded one, on Monday, 1 July 2024, so that nothing depends on today.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
import trades_made as made
from command import Command
from msgspec.structs import replace
from roles_made import as_role
from ticks_made import TS, rows, value
from trading_made import SOURCE, Desk, made_desk

from thor import clock, database
from thor.domain.orders import LEGAL, bracket
from thor.errors import NotFound, Refused, Rejected, Unavailable
from thor.flow.flatten import flatten
from thor.flow.place_orders import cancel, modify, place, preview
from thor.market.bus.client import Bus
from thor.trading.brokers.broker import Change

D = Decimal


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


def test_a_value_that_no_row_takes_is_refused_by_its_field(desk: Desk) -> None:
    unknown = replace(desk.request("BUY", 1), signal_id=UUID(int=1))
    for ask in (lambda: place(desk.link, unknown, "ann"), lambda: preview(desk.link, unknown)):
        with pytest.raises(NotFound, match="signal_id: 00000000-.* is no signal; `GET /api/sig"):
            ask()
    fields = {"epoch": 1, "at": TS, "kind": "FUND", "who": "ann"}
    for given, words in (
        ({"account_id": "NONE", "amount": 1}, 'account_id: NONE is none of table "accounts"'),
        ({"account_id": "PAPER", "amount": 1e18}, "value that no column takes: numeric field"),
        ({"account_id": "PAPER"}, "amount: is missing; trade.cash_movements needs it"),
        ({"account_id": "PAPER", "amount": 1, "epoch": 0}, "epoch: what is given breaks this"),
    ):
        values = {**fields, **given}
        query = (
            f"insert into trade.cash_movements ({', '.join(values)}) "
            f"values ({', '.join(f'%({name})s' for name in values)})"
        )
        with pytest.raises(psycopg.Error) as caught:
            desk.link.execute(query.encode(), values)
        found = database.refusal(caught.value)
        assert isinstance(found, Rejected)
        assert words in str(found)


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


def test_a_difference_of_any_position_or_order_locks_its_symbol_until_it_is_cleared(
    desk: Desk,
) -> None:
    desk.place("BUY", 1)
    resting = {"kind": "LIMIT", "limit_price": D("4990.00"), "time_in_force": "GTC"}
    for name, quantity in (("lost", 2), ("other", 3)):
        desk.place("BUY", quantity, client_order_id=name, **resting)
    desk.move("5000.00", "5000.25")
    broker = desk.trader._brokers["PAPER"]
    assert desk.trader.reconcile() == []
    # The broker holds 4, has lost one order, works another at a price of its own, and one more.
    broker._held[("ES", "ESU24")] = 4
    live = {one.order.client_order_id: one for one in broker._live.values()}
    lost, other = live["lost"], live["other"]
    del broker._live[lost.order.order_id]
    other.order = replace(other.order, limit_price=D("4991.00"))
    broker.restore(replace(other.order, order_id=uuid4(), client_order_id="stray"))
    found = {row["reason"].split(":")[0]: row for row in desk.trader.reconcile()}
    assert {name: (row["expected"], row["actual"]) for name, row in found.items()} == {
        "position": ("1", "4"),
        "order lost": ("BUY 0 of 2 4990", "unknown"),
        "order other": ("BUY 0 of 3 4990", "BUY 0 of 3 4991"),
        "order stray": ("not open", "BUY 0 of 3 4991"),
    }
    assert {row["symbol"] for row in found.values()} == {"ESU24"}
    assert all("thor reconcile --clear" in row["reason"] for row in found.values())
    assert desk.trader.reconcile() == []
    refused = desk.place("BUY", 2)
    assert refused["reason"].startswith("break: ES is locked")
    # Once the broker agrees and each break is cleared, orders pass; a difference that stays locks
    # anew.
    broker._held[("ES", "ESU24")] = 1
    for row in found.values():
        database.rows(desk.link, "trade_clear_break", {"break_id": row["break_id"], "who": "eve"})
    assert len(desk.trader.reconcile()) == 3
    desk.trader = desk.started()
    assert desk.trader.reconcile() == []
    for row in rows(desk.link, "select break_id from trade.breaks where cleared_at is null"):
        database.rows(desk.link, "trade_clear_break", {**row, "who": "eve"})
    assert desk.place("SELL", 1, client_order_id="again")["status"] == "PENDING"


def test_a_comparison_that_is_not_complete_closes_the_account_until_one_is(desk: Desk) -> None:
    waiting = desk.place("BUY", 1)
    broker = desk.trader._brokers["PAPER"]

    def away() -> Any:
        raise Unavailable("broker: no answer")

    broker.positions = away  # type: ignore[method-assign]
    (found,) = desk.trader.reconcile()
    assert (found["symbol"], found["actual"]) == ("*", "none")
    assert "it is not complete (broker: no answer)" in found["reason"]
    assert desk.place("BUY", 1, client_order_id="b")["reason"].startswith("break: ES is locked")
    # What waited is not sent either: by the database.
    desk.trader._take_requests()
    (row,) = rows(desk.link, "select status, reason from trade.orders where status = 'REJECTED'")
    assert row["reason"].startswith("ESU24 is locked by break")
    assert desk.orders()[waiting["client_order_id"]] == "REJECTED"
    del broker.positions  # type: ignore[method-assign]
    assert desk.trader.reconcile() == []
    assert desk.place("BUY", 2, client_order_id="c")["status"] == "PENDING"


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


def test_a_change_that_the_switch_overtakes_is_refused_and_the_switch_goes_on(desk: Desk) -> None:
    desk.place("BUY", 1)
    row = desk.place("BUY", 2, "LIMIT", limit_price=D("4990.00"))
    desk.move("5000.00", "5000.25")
    modify(desk.link, row["order_id"], Change(quantity=3, limit_price=D("4995.00")), "ann")
    desk.link.execute("select trade.kill('ann', 'enough')")
    for ask in ("5000.25", "5000.50", "5000.25"):
        desk.trader._due.clear()
        desk.move("5000.00", ask)
    (change,) = rows(desk.link, "select outcome, reason from trade.modifications")
    assert change["outcome"] == "REFUSED"
    assert change["reason"].startswith("the kill switch is latched")
    assert desk.orders()[row["client_order_id"]] == "CANCELLED"
    assert database.one(desk.link, "trade_kill_switch")["is_flat"]


def test_a_switch_that_cannot_flatten_says_why_and_does_once_the_market_is_back(
    desk: Desk,
) -> None:
    desk.place("BUY", 2)
    desk.move("5000.00", "5000.25")
    desk.link.execute("select trade.kill('ann', 'enough')")

    def silent(turns: int) -> None:
        for _ in range(turns):
            desk.trader._due.clear()
            desk.trader._moved_s -= 60
            desk.trader.turn(1)

    silent(4)
    # One order was tried, and no other before the market is back: a weekend is long.
    count = "select count(*) from trade.orders where is_flattening"
    assert value(desk.link, count) == 1
    (left,) = rows(desk.link, "select kind, quantity, detail from trade.not_flat()")
    assert (left["kind"], left["quantity"]) == ("POSITION", 2)
    assert left["detail"].startswith("2 ESU24: not flattened, quote: the market stands still")
    with pytest.raises(psycopg.Error, match="not flat: PAPER ESU24 2"):
        desk.link.execute("select trade.reset_kill('eve', 'go on')")
    for ask in ("5000.25", "5000.50", "5000.25"):
        desk.trader._due.clear()
        desk.move("5000.00", ask)
    assert (desk.held(), value(desk.link, count)) == (0, 2)
    assert database.one(desk.link, "trade_kill_switch")["is_flat"]


def test_exits_that_come_after_their_entry_and_a_restart_protect_what_was_filled(
    desk: Desk,
) -> None:
    group = {"group_id": "g", "group_kind": "BRACKET"}
    entry = desk.place("BUY", 2, **group)
    desk.move("5000.00", "5000.25")
    desk.trader = desk.started()
    exits = {**group, "parent_order_id": entry["order_id"], "time_in_force": "GTC"}
    desk.place("SELL", 2, "STOP", stop_price=D("4999.00"), client_order_id="stop", **exits)
    desk.place("SELL", 2, "LIMIT", limit_price=D("5010.00"), client_order_id="win", **exits)
    desk.move("5000.00", "5000.50")
    assert desk.orders()["stop"] == desk.orders()["win"] == "WORKING"
    desk.move("4998.00", "4998.25", last=D("4998.00"), last_size=1)
    assert (desk.orders()["stop"], desk.orders()["win"], desk.held()) == ("FILLED", "CANCELLED", 0)


def test_what_is_held_is_flattened_before_the_close_where_the_limit_asks(desk: Desk) -> None:
    desk.place("BUY", 2)
    desk.place("BUY", 1, "LIMIT", limit_price=D("4990.00"), time_in_force="GTC")
    desk.move("5000.00", "5000.25")
    # The session closes at 16:00 in Chicago: 15:44:59, then 15:45:01.
    close_ms = round((datetime(2024, 7, 1, 21, tzinfo=UTC) - TS).total_seconds() * 1000)
    desk.move("5000.00", "5000.50", close_ms - 901_000 - desk.ms)
    assert desk.held() == 2
    desk.link.execute(
        "insert into trade.limits (rule, value, version, who)"
        " values ('flat_by_close', 15, 2, 'eve')"
    )
    desk.trader._due.clear()
    desk.move("5000.00", "5000.25", 0)
    assert desk.held() == 2
    for step in (2_000, 500, 500):
        desk.trader._due.clear()
        desk.move("5000.00", f"5000.{25 + step % 1000 // 20}", step)
    assert (desk.held(), set(desk.orders().values())) == (0, {"FILLED", "CANCELLED"})
    assert desk.place("BUY", 1)["reason"].startswith("flat_by_close: ES closes in 15.0 minutes")


def test_a_source_s_clock_that_is_ahead_ends_no_day_order(desk: Desk) -> None:
    desk.place("BUY", 1, "LIMIT", limit_price=D("4990.00"))
    desk.move("5000.00", "5000.25")
    desk.bus.publish_clock("SIM", clock.now() + timedelta(days=1))
    desk.trader.turn(1)
    assert set(desk.orders().values()) == {"WORKING"}
    # At the close, by the market's own clock, it ends.
    desk.bus.publish_clock(SOURCE, datetime(2024, 7, 1, 21, tzinfo=UTC))
    desk.trader.turn(1)
    assert set(desk.orders().values()) == {"EXPIRED"}


def test_an_order_that_waited_for_the_job_meets_the_market_of_its_time_or_none(
    desk: Desk,
) -> None:
    placed = desk.place("BUY", 1)
    desk.publish("5050.00", "5050.25", 61_000)
    desk.trader = desk.started()
    desk.move("5060.00", "5060.25")
    (fill,) = rows(desk.link, "select price, at from trade.fills")
    # The stream is read from where it was left: 50 ms after the order 5000.25 was asked.
    assert (fill["price"], fill["at"]) == (
        D("5001.00"), placed["placed_at"] + timedelta(milliseconds=50),
    )  # fmt: skip
    # Of one whose market the job has read already, nothing is known: it is not sent to this one.
    made.place(desk.link, "BUY", 1, contract="ESU24", status="PENDING", placed_at=TS)
    desk.move("5060.00", "5060.50")
    (row,) = rows(desk.link, "select reason from trade.orders where status = 'REJECTED'")
    assert row["reason"].startswith("clock: it arrived 61 s after it was placed")


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
    assert json.loads(run("orders", "show", stop, "--json")[1])[0]["stop_price"] == "4981"
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


def test_a_change_that_the_switch_overtakes_is_refused_and_flattening_goes_on(desk: Desk) -> None:
    desk.place("BUY", 1)
    row = desk.place("BUY", 2, "LIMIT", limit_price=D("4990.00"))
    desk.move("5000.00", "5000.25")
    modify(desk.link, row["order_id"], Change(limit_price=D("4995.00")), "ann")
    # Asked for before the switch latched, and not yet passed on.
    desk.link.execute("select trade.kill('ann', 'enough')")
    for step in range(3):
        desk.move("5000.00", f"5000.{25 + 25 * (step % 2)}")
    (asked,) = rows(desk.link, "select outcome, reason from trade.modifications")
    assert asked["outcome"] == "REFUSED"
    assert asked["reason"].startswith("the kill switch is latched")
    assert (desk.orders()[row["client_order_id"]], desk.held()) == ("CANCELLED", 0)
    assert database.one(desk.link, "trade_kill_switch")["is_flat"]


def test_what_an_order_has_filled_counts_once_when_the_rest_is_changed(desk: Desk) -> None:
    # Ten is the limit of ES.
    row = desk.place("BUY", 10, "LIMIT", limit_price=D("4990.00"))
    desk.move("5000.00", "5000.25")
    desk.move("4989.75", "4990.00", ask_size=1)
    assert desk.held() == 1
    modify(desk.link, row["order_id"], Change(limit_price=D("4980.00")), "ann")
    with pytest.raises(Refused, match="max_contracts: 11 contracts"):
        modify(desk.link, row["order_id"], Change(quantity=11), "ann")
    cancel(desk.link, row["order_id"], "ann")
    desk.move("5000.00", "5000.25")
    desk.place("BUY", 2)
    desk.move("5000.00", "5000.50")
    assert desk.held() == 3
    asked = {"limit_price": D("5010.00"), "is_flattening": True}
    row = desk.place("SELL", 3, "LIMIT", **asked)
    desk.move("5000.00", "5000.25")
    desk.move("5010.00", "5010.25", bid_size=1)
    assert desk.held() == 2
    modify(desk.link, row["order_id"], Change(limit_price=D("5020.00")), "ann")
    desk.move("5010.00", "5010.50")
    latest = "select outcome from trade.modifications order by modification_id desc limit 1"
    assert value(desk.link, latest) == "DONE"


def test_what_flattens_does_not_wait_for_the_exit_that_it_cancels(desk: Desk) -> None:
    desk.place("BUY", 3)
    desk.place("SELL", 1, "LIMIT", limit_price=D("5010.00"))
    desk.move("5000.00", "5000.25")
    (row,) = flatten(desk.link, "ann")
    assert (row["status"], row["quantity"]) == ("PENDING", 3)
    desk.move("5000.00", "5000.50")
    desk.move("5000.00", "5000.25")
    assert (desk.held(), set(desk.orders().values())) == (0, {"FILLED", "CANCELLED"})


def test_a_month_that_the_symbol_does_not_stand_for_is_only_reduced(desk: Desk) -> None:
    # It would fill at ES's prices, and count as a position of that name.
    with pytest.raises(Rejected, match="contract: ES stands for ESU24"):
        desk.place("BUY", 1, contract="ESZ24")
    with pytest.raises(Refused, match="contract: NQ is no month of ES"):
        desk.place("SELL", 1, contract="NQ", is_flattening=True)
    insert = "insert into trade.orders (account_id, client_order_id, symbol, contract, side, "
    insert += "type, quantity, who, content_sha256) values ('PAPER', %s, 'ES', %s, 'BUY', "
    insert += "'MARKET', 1, 'ann', repeat('0', 64))"
    for number, contract in enumerate(("NQ", "NQU24", "ES", "ESU2024")):
        with pytest.raises(psycopg.errors.CheckViolation, match="is no month of ES"):
            desk.link.execute(insert, (f"raw{number}", contract))
    assert desk.place("BUY", 1, contract="ESU24")["status"] == "PENDING"


def test_an_exit_cannot_be_moved_to_the_wrong_side_of_the_market(desk: Desk) -> None:
    entry, *exits = bracket(desk.request("BUY", 1), D("5020.00"), D("4980.00"))
    place(desk.link, entry, "ann", others=exits)
    desk.move("5000.00", "5000.25")
    (stop,) = rows(desk.link, "select * from trade.orders where type = 'STOP'")
    # A DAY order of that session, whatever becomes of the job.
    assert stop["expires_at"].isoformat() == "2024-07-01T21:00:00+00:00"
    with pytest.raises(Rejected, match="stop_price: 5010.00 is not below the bid"):
        modify(desk.link, stop["order_id"], Change(stop_price=D("5010.00")), "ann")
    desk.move("4979.00", "4979.25", last=D("4979.00"), last_size=1)
    (stop,) = rows(desk.link, "select status, reason from trade.orders where type = 'STOP'")
    assert stop == {"status": "FILLED", "reason": None}
