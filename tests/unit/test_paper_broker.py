"""The paper broker's fills, worked out by hand, and what holds whatever happens."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from orders_made import SESSION, at, broker, market, order, tick

from thor.domain.orders import FINAL, Order
from thor.trading.brokers.broker import BrokerEvent, Change
from thor.trading.brokers.paper import PaperRules, PaperTradingBroker, slippage

D = Decimal


def opened(*orders: Order, **sizes: Any) -> PaperTradingBroker:
    """Return a broker with a quote of 5550.00 to 5550.25 at 0 ms, and orders placed then."""
    one = broker()
    one.on_tick(tick(0, "5550.00", "5550.25", **{"bid_size": 8, "ask_size": 6, **sizes}))
    for each in orders:
        one.submit(each)
    return one


def fills(one: PaperTradingBroker) -> list[tuple[str, int, Decimal]]:
    """Return the fills since the last call: the order, its contracts, its price."""
    return [
        (event.order.client_order_id, event.fill.quantity, event.fill.price)
        for event in one.events()
        if event.fill is not None
    ]


def kinds(one: PaperTradingBroker) -> list[tuple[str, str]]:
    """Return the events since the last call."""
    return [(event.order.client_order_id, event.kind) for event in one.events()]


def reasons(one: PaperTradingBroker) -> str:
    """Return the reasons of the events since the last call."""
    return "; ".join(event.reason or "" for event in one.events())


@pytest.mark.parametrize(
    ("price", "tick_size", "expected"),
    [
        # 1 bp of 5550.25 is 0.555025: three quarters on the grid.
        ("5550.25", "0.25", "0.75"),
        # 1 bp of 118.3125 is 0.0118, less than a thirty-second.
        ("118.3125", "0.03125", "0.03125"),
        # A price below zero slips as far as the same above.
        ("-37.00", "0.01", "0.01"),
        ("2500.00", "0.25", "0.25"),
    ],
)
def test_slippage_is_a_basis_point_or_a_tick_whichever_is_more(
    price: str, tick_size: str, expected: str
) -> None:
    assert slippage(D(price), D(tick_size), D(1)) == D(expected)


def test_a_market_order_meets_the_quote_that_stands_when_it_arrives() -> None:
    one = opened(order("a", "BUY", "MARKET", 2))
    one.on_tick(tick(49, "5551.00", "5551.25", bid_size=8, ask_size=6))
    assert fills(one) == []
    one.on_tick(tick(51, "5560.00", "5560.25", bid_size=8, ask_size=6))
    # At 50 ms the ask is 5551.25; 1 bp of it is 0.555, 0.75 on the grid.
    fill = one.events()[-1].fill
    assert fill is not None
    assert (fill.quantity, fill.price, fill.at) == (2, D("5552.00"), at(50))
    assert (fill.latency_ms, fill.slippage, fill.commission) == (D(50), D("0.75"), D("5.00"))
    assert (fill.bid, fill.ask, fill.tick_ts) == (D("5551.00"), D("5551.25"), at(49))
    assert fill.assumptions == (
        "latency 50.000 ms",
        "crosses the spread",
        "slips 0.75 points: 1 bp or one tick, the larger, on the grid",
        "6 displayed at the ask, of which 6 are free",
        "commission 2.50 a contract",
    )


def test_a_market_order_takes_what_is_displayed_and_waits_for_more() -> None:
    one = opened(order("a", "SELL", "MARKET", 10), order("b", "SELL", "MARKET", 1))
    one.on_tick(tick(60, "5550.00", "5550.25", bid_size=8, ask_size=6))
    assert fills(one) == [("a", 8, D("5549.25"))]
    # Unchanged, the quote has nothing new.
    one.on_tick(tick(70, "5550.00", "5550.25", bid_size=8, ask_size=6))
    assert fills(one) == []
    one.on_tick(tick(80, "5549.75", "5550.25", bid_size=3, ask_size=6))
    assert fills(one) == [("a", 2, D("5549.00")), ("b", 1, D("5549.00"))]


def test_a_market_order_without_a_displayed_size_is_filled_whole_and_names_that() -> None:
    one = opened(order("a", "BUY", "MARKET", 50), ask_size=None)
    one.on_clock("TAPE:00000000", at(100), ["ES"])
    (event,) = [event for event in one.events() if event.fill]
    assert event.fill is not None
    assert event.fill.quantity == 50
    assert "no size is displayed at the ask: filled whole" in event.fill.assumptions


def test_a_limit_waits_behind_what_is_displayed_at_its_price() -> None:
    one = opened(order("a", "BUY", "LIMIT", 3, limit_price="5550.00"))
    one.on_tick(tick(60, "5550.00", "5550.25", bid_size=8, ask_size=6))
    # 8 were before it: 5 trade, then 5 more, of which 3 were still before it.
    one.on_tick(tick(70, "5550.00", "5550.25", bid_size=8, last="5550.00", last_size=5))
    assert fills(one) == []
    one.on_tick(tick(80, "5550.00", "5550.25", bid_size=4, last="5550.00", last_size=5))
    (event,) = [event for event in one.events() if event.fill]
    assert event.fill is not None
    assert (event.fill.quantity, event.fill.price) == (2, D("5550.00"))
    assert "queue: 8 contracts were before it at the price" in event.fill.assumptions
    one.on_tick(tick(90, last="5549.75", last_size=1))
    assert fills(one) == [("a", 1, D("5550.00"))]


def test_a_limit_that_crosses_takes_the_better_price() -> None:
    one = opened(order("a", "BUY", "LIMIT", 9, limit_price="5550.50"))
    one.on_tick(tick(60, "5550.25", "5550.50", bid_size=1, ask_size=2))
    # It met the standing 5550.25; what is left takes 2 of the next ask, at its own price.
    assert fills(one) == [("a", 6, D("5550.25")), ("a", 2, D("5550.50"))]


def test_a_stop_fills_at_the_quote_that_it_meets_however_far_beyond() -> None:
    one = opened(order("a", "SELL", "STOP", 1, stop_price="5549.00"))
    one.on_tick(tick(60, last="5550.00", last_size=1))
    one.on_tick(tick(90, "5540.00", "5541.00", bid_size=5, ask_size=5, last="5540.00", last_size=1))
    found = one.events()
    assert [event.kind for event in found] == ["ACCEPTED", "TRIGGERED", "FILLED"]
    fill = found[-1].fill
    assert fill is not None
    assert fill.price == D("5539.25")
    assert "the market was 9.00 points beyond the stop 5549.00" in fill.assumptions


def test_a_stop_limit_waits_at_its_limit_once_its_stop_was_met() -> None:
    one = opened(order("a", "BUY", "STOP_LIMIT", 1, stop_price="5551.00", limit_price="5551.25"))
    one.on_tick(tick(60, "5552.00", "5552.25", bid_size=2, ask_size=2, last="5552.00", last_size=1))
    assert kinds(one) == [("a", "ACCEPTED"), ("a", "TRIGGERED")]
    one.on_tick(tick(70, "5551.00", "5551.25", bid_size=2, ask_size=2))
    assert fills(one) == [("a", 1, D("5551.25"))]


def test_a_trailing_stop_follows_the_best_price_and_never_back() -> None:
    one = opened(order("a", "SELL", "TRAILING_STOP", 1, trail_by="2.00"))
    stops = []
    for ms, last in ((60, "5550.00"), (70, "5553.00"), (80, "5551.50"), (90, "5551.00")):
        one.on_tick(tick(ms, last, None, bid_size=5, last=last, last_size=1))
        stops += [event.order.stop_price for event in one.events() if event.kind == "TRAILED"]
        if ms < 90:
            assert one.orders()
    # From the ask of 5550.25 where nothing has traded yet; 5553 less 2 is 5551, which is met.
    assert stops == [D("5548.25"), D("5551.00")]
    assert one.positions()[0].quantity == -1


def test_of_two_orders_of_a_group_one_cancels_the_other() -> None:
    group = {"group_id": "g", "group_kind": "OCO"}
    one = opened(
        order("up", "SELL", "LIMIT", 4, limit_price="5551.00", **group),
        order("down", "SELL", "STOP", 4, stop_price="5549.00", **group),
    )
    one.on_tick(tick(60, "5551.00", "5551.25", bid_size=3, ask_size=2))
    one.on_tick(tick(70, "5548.00", "5548.25", bid_size=9, ask_size=2, last="5548.00", last_size=1))
    # What the limit filled, 3, the stop gives up: it sells 1.
    assert fills(one) == [("up", 3, D("5551.00")), ("down", 1, D("5547.25"))]
    assert one.orders() == []


def test_the_exits_of_a_bracket_work_for_what_the_entry_has_filled() -> None:
    entry = order("in", "BUY", "MARKET", 8, group_id="g", group_kind="BRACKET")
    exits = {"group_id": "g", "group_kind": "BRACKET", "parent_order_id": entry.order_id}
    one = opened(
        entry,
        order("win", "SELL", "LIMIT", 8, limit_price="5552.00", **exits),
        order("lose", "SELL", "STOP", 8, stop_price="5549.00", **exits),
    )
    one.on_tick(tick(60, "5550.00", "5550.25", bid_size=8, ask_size=6))
    assert fills(one) == [("in", 6, D("5551.00"))]
    one.on_tick(tick(70, "5552.00", "5552.25", bid_size=20, ask_size=0))
    # Of the exit's 8 the 6 that are held.
    assert fills(one) == [("win", 6, D("5552.00"))]
    one.cancel(entry.order_id, at(80))
    assert kinds(one) == [("in", "CANCELLED"), ("win", "CANCELLED"), ("lose", "CANCELLED")]
    assert one.positions() == []


def test_an_entry_that_ends_unfilled_takes_its_exits_with_it() -> None:
    group = {"group_id": "g", "group_kind": "BRACKET"}
    entry = order("in", "BUY", "LIMIT", 1, limit_price="5540.00", **group)
    one = opened(
        entry,
        order(
            *("out", "SELL", "STOP", 1),
            stop_price="5530.00",
            **group,
            parent_order_id=entry.order_id,
        ),
    )
    one.cancel(entry.order_id, at(1))
    assert kinds(one) == [("out", "ACCEPTED"), ("in", "CANCELLED"), ("out", "CANCELLED")]


def bracket(entry: int) -> tuple[Order, dict[str, Any]]:
    """Return a bracket's entry of so many contracts, and what its exits are given."""
    group: dict[str, Any] = {"group_id": "g", "group_kind": "BRACKET"}
    parent = order("in", "BUY", "MARKET", entry, **group)
    return parent, {**group, "parent_order_id": parent.order_id}


def test_an_exit_that_comes_after_its_entry_has_filled_works_at_once() -> None:
    entry, exits = bracket(4)
    one = opened(entry)
    one.on_tick(tick(60, "5550.00", "5550.25", bid_size=8, ask_size=6))
    assert fills(one) == [("in", 4, D("5551.00"))]
    one.submit(order("lose", "SELL", "STOP", 4, stop_price="5549.00", placed_at=at(100), **exits))
    one.on_tick(tick(149, "5548.00", "5548.25", bid_size=9, last="5548.00", last_size=1))
    assert fills(one) == []
    # It arrives at 150 ms like any order, and the market has passed it: it sells at the next trade.
    one.on_tick(tick(160, "5547.00", "5547.25", bid_size=9, last="5547.00", last_size=1))
    found = one.events()
    assert [event.kind for event in found] == ["ACCEPTED", "TRIGGERED", "FILLED"]
    fill = found[-1].fill
    assert fill is not None
    assert (fill.quantity, fill.price, fill.assumptions[0]) == (
        4,
        D("5546.25"),
        "latency 50.000 ms",
    )
    # Nothing is left of the entry: another exit is not taken.
    one.submit(order("win", "SELL", "LIMIT", 4, limit_price="5560.00", placed_at=at(170), **exits))
    assert reasons(one) == "its entry is no longer working"


def test_the_stop_of_a_bracket_that_the_market_jumps_over_sells_what_the_entry_had_filled() -> None:
    entry, exits = bracket(8)
    one = opened(
        entry,
        order("win", "SELL", "LIMIT", 8, limit_price="5552.00", **exits),
        order("lose", "SELL", "STOP", 8, stop_price="5549.00", **exits),
    )
    one.on_tick(tick(60, "5550.00", "5550.25", bid_size=8, ask_size=6))
    one.events()
    # 6 are held; the market falls to 5540, where 4 are displayed, then 9 at 5539.
    one.on_tick(tick(70, "5540.00", "5541.00", bid_size=4, ask_size=0, last="5540.00", last_size=1))
    found = one.events()
    assert [(e.order.client_order_id, e.kind) for e in found] == [
        ("lose", "TRIGGERED"), ("lose", "FILLED"),
    ]  # fmt: skip
    assert found[-1].fill is not None
    # 1 bp of 5540 is 0.554: three quarters.
    assert (found[-1].fill.quantity, found[-1].fill.price) == (4, D("5539.25"))
    assert "the market was 9.00 points beyond the stop 5549.00" in found[-1].fill.assumptions
    one.on_tick(tick(80, "5539.00", "5541.00", bid_size=9, ask_size=0, last="5539.00", last_size=1))
    assert fills(one) == [("lose", 2, D("5538.25"))]
    assert one.positions() == []
    # The entry still waits for 2, and its exits with it.
    assert [each.client_order_id for each in one.orders()] == ["in", "win", "lose"]


def test_one_leg_that_is_cancelled_leaves_the_other_to_work() -> None:
    entry, exits = bracket(2)
    win = order("win", "SELL", "LIMIT", 2, limit_price="5552.00", **exits)
    one = opened(entry, win, order("lose", "SELL", "STOP", 2, stop_price="5549.00", **exits))
    one.on_tick(tick(60, "5550.00", "5550.25", bid_size=8, ask_size=6))
    one.cancel(win.order_id, at(65))
    one.events()
    one.on_tick(tick(70, "5552.00", "5552.25", bid_size=9, ask_size=6))
    assert fills(one) == []
    one.on_tick(tick(80, "5549.00", "5549.25", bid_size=9, last="5549.00", last_size=1))
    assert fills(one) == [("lose", 2, D("5548.25"))]
    group = {"group_id": "h", "group_kind": "OCO", "placed_at": at(100)}
    up = order("up", "SELL", "LIMIT", 1, limit_price="5551.00", **group)
    one.submit(up)
    one.submit(order("down", "SELL", "STOP", 1, stop_price="5548.00", **group))
    one.on_tick(tick(200, "5549.00", "5549.25", bid_size=9, ask_size=9))
    one.cancel(up.order_id, at(210))
    one.on_tick(tick(220, "5548.00", "5548.25", bid_size=9, last="5548.00", last_size=1))
    assert fills(one) == [("down", 1, D("5547.25"))]


def test_of_a_bracket_that_one_tick_touches_at_both_ends_the_stop_fills() -> None:
    entry, exits = bracket(1)
    one = opened(
        entry,
        order("win", "SELL", "LIMIT", 1, limit_price="5550.50", **exits),
        order("lose", "SELL", "STOP", 1, stop_price="5549.75", **exits),
    )
    one.on_tick(tick(60, "5550.00", "5550.25", bid_size=8, ask_size=6))
    one.events()
    one.on_tick(tick(70, "5550.50", "5550.75", bid_size=9, last="5549.75", last_size=1))
    assert kinds(one) == [("lose", "TRIGGERED"), ("lose", "FILLED"), ("win", "CANCELLED")]


def test_an_order_of_a_group_that_comes_when_another_has_filled_is_cancelled() -> None:
    group = {"group_id": "g", "group_kind": "OCO"}
    one = opened(order("up", "SELL", "MARKET", 2, **group))
    one.on_tick(tick(60, "5550.00", "5550.25", bid_size=8, ask_size=6))
    one.events()
    one.submit(order("down", "SELL", "STOP", 2, stop_price="5549.00", placed_at=at(70), **group))
    one.on_tick(tick(200, "5540.00", "5540.25", bid_size=8, last="5540.00", last_size=1))
    assert kinds(one) == [("down", "CANCELLED")]


def test_a_trailing_stop_that_the_market_jumps_over_sells_at_the_quote_that_is_there() -> None:
    one = opened(order("a", "SELL", "TRAILING_STOP", 3, trail_by="2.00"))
    one.on_tick(tick(60, "5555.00", "5555.25", bid_size=9, last="5555.00", last_size=1))
    one.on_tick(tick(70, "5545.00", "5545.25", bid_size=2, last="5545.00", last_size=1))
    fill = one.events()[-1].fill
    assert fill is not None
    # It followed to 5553, eight points above the bid of 5545.
    assert (fill.quantity, fill.price) == (2, D("5544.25"))
    assert "the market was 8.00 points beyond the stop 5553.00" in fill.assumptions


def test_an_order_that_comes_late_is_refused_and_one_that_flattens_is_not() -> None:
    one = broker()
    one.on_tick(tick(0, "5550.00", "5550.25", bid_size=9, ask_size=9))
    hour = at(3_600_000)
    one.on_tick(tick(3_600_000, "5550.00", "5550.25", bid_size=9, ask_size=9))
    one.submit(order("a", "SELL", "MARKET", 1))
    one.submit(order("b", "SELL", "MARKET", 1, is_flattening=True))
    # By a clock that is a day ahead.
    ahead = at(90_000_000)
    one.submit(order("c", "SELL", "MARKET", 1, is_flattening=True, placed_at=ahead))
    one.on_tick(tick(3_600_100, "5550.00", "5550.50", bid_size=9, ask_size=9))
    found = one.events()
    assert [(e.order.client_order_id, e.kind) for e in found] == [
        ("a", "REJECTED"), ("b", "ACCEPTED"), ("b", "FILLED"), ("c", "ACCEPTED"), ("c", "FILLED"),
    ]  # fmt: skip
    assert found[0].reason == (
        "clock: it arrived 3600 s after it was placed, at most 60 s are allowed; place it anew"
    )
    assert found[-1].at == hour + (at(50) - at(0))


def test_a_quote_that_a_database_shows_is_met_and_the_stream_may_repeat_what_led_to_it() -> None:
    one = broker()
    one.show(tick(100, "5550.00", "5550.25", bid_size=9, ask_size=9), at(2000))
    one.restore(
        order("low", "BUY", "LIMIT", 1, limit_price="5549.00", status="WORKING",
              time_in_force="GTC")
    )  # fmt: skip
    one.submit(order("a", "BUY", "MARKET", 1, placed_at=at(2100)))
    one.on_tick(tick(90, last="5548.75", last_size=3))
    assert fills(one) == [("low", 1, D("5549.00"))]
    one.on_clock("TAPE:00000000", at(2200), ["ES"])
    assert fills(one) == [("a", 1, D("5551.00"))]


def test_a_day_order_expires_when_its_session_closes_and_gtc_does_not() -> None:
    day = order("day", "BUY", "LIMIT", 1, limit_price="5500.00")
    gtc = order("gtc", "BUY", "LIMIT", 1, limit_price="5500.00", time_in_force="GTC")
    one = opened(day, gtc)
    one.on_clock("TAPE:00000000", at(100), ["ES"])
    one.events()
    one.on_clock("TAPE:00000000", SESSION.close_at, [])
    assert kinds(one) == [("day", "EXPIRED")]


def test_a_closed_session_an_old_quote_and_a_standing_market_refuse() -> None:
    closed = broker()
    closed.submit(order("a", "BUY", "MARKET", 1, placed_at=SESSION.close_at))
    closed.on_clock("X", SESSION.close_at.replace(hour=23), [])
    assert "session: CME_EQUITY is closed" in reasons(closed)
    old = opened(order("a", "BUY", "MARKET", 1, placed_at=at(6000)))
    old.on_clock("TAPE:00000000", at(7000), [])
    assert "quote: ES's is 6.0 s old, at most 5 s are allowed" in reasons(old)
    heard = opened(order("a", "BUY", "MARKET", 1, placed_at=at(6000)))
    heard.on_clock("TAPE:00000000", at(5900), ["ES"])
    heard.on_clock("TAPE:00000000", at(7000), [])
    assert len(fills(heard)) == 1
    still = opened(order("a", "BUY", "MARKET", 1))
    assert still.is_waiting
    still.refuse_waiting("quote: the market stands still")
    assert reasons(still) == "quote: the market stands still"
    free = PaperTradingBroker("PAPER", market(fee=None))
    free.submit(order("a", "BUY", "MARKET", 1))
    free.on_tick(tick(100, "5550.00", "5550.25"))
    assert "commission: the table of fees has none for ES" in reasons(free)


def test_one_order_that_comes_twice_is_one_order() -> None:
    same = order("a", "BUY", "MARKET", 1)
    one = opened(same, same)
    one.on_tick(tick(100, "5550.00", "5550.25", ask_size=9))
    one.submit(one.events()[-1].order)
    one.on_tick(tick(200, "5550.00", "5550.25", ask_size=9))
    assert fills(one) == []
    assert one.positions()[0].quantity == 1


def test_a_change_of_price_loses_the_place_in_the_queue_and_less_keeps_it() -> None:
    one = opened(order("a", "BUY", "LIMIT", 5, limit_price="5550.00"))
    one.on_tick(tick(60, "5550.00", "5550.25", bid_size=8, last="5550.00", last_size=6))
    key = one.orders()[0].order_id
    assert one.modify(key, Change(quantity=4), at(61)) is None
    one.on_tick(tick(70, bid_size=8, bid="5550.00", last="5550.00", last_size=3))
    assert fills(one) == [("a", 1, D("5550.00"))]
    assert "is not above the 1 that are filled" in (
        one.modify(key, Change(quantity=1), at(71)) or ""
    )
    assert one.modify(key, Change(limit_price=D("5549.75")), at(72)) is None
    one.on_tick(tick(80, last="5550.00", last_size=50))
    assert fills(one) == []
    one.on_tick(tick(90, last="5549.50", last_size=1))
    assert fills(one) == [("a", 3, D("5549.75"))]


def test_the_same_ticks_and_seed_give_the_same_fills_and_another_seed_another_latency() -> None:
    def run(seed: int) -> list[BrokerEvent]:
        one = broker(PaperRules(seed=seed))
        for ms in range(0, 400, 7):
            if ms == 14:
                one.submit(order("a", "BUY", "MARKET", 9, placed_at=at(14)))
                one.submit(order("b", "SELL", "LIMIT", 3, limit_price="5551.25", placed_at=at(14)))
            price = D("5550.00") + D("0.25") * (ms % 5)
            one.on_tick(tick(ms, str(price), str(price + D("0.25")), bid_size=4, ask_size=2))
        return list(one.events())

    assert run(1) == run(1)
    first = [event.fill.latency_ms for event in run(1) if event.fill]
    assert first != [event.fill.latency_ms for event in run(2) if event.fill]
    assert all(30 <= latency <= 70 for latency in first)


def test_a_restored_order_fills_once_more_only_what_was_left() -> None:
    one = broker()
    one.restore(
        order("a", "BUY", "LIMIT", 5, limit_price="5550.00", status="PARTIALLY_FILLED",
              filled_quantity=3, average_price=D("5550.00"), time_in_force="GTC")
    )  # fmt: skip
    one.on_tick(tick(10, "5551.00", "5551.25", bid_size=1, ask_size=1))
    one.on_tick(tick(20, last="5549.00", last_size=100))
    assert fills(one) == [("a", 2, D("5550.00"))]


class Machine(RuleBasedStateMachine):
    """Orders, ticks, changes and cancels in any order."""

    @initialize()
    def begin(self) -> None:
        self.broker = broker(PaperRules(seed=3))
        self.ms, self.count = 0, 0
        self.asked: dict[str, Order] = {}
        self.seen: list[BrokerEvent] = []
        self.cash = D(0)
        self.cancelled_at: dict[str, int] = {}
        self.move(0, 5, 5, None)

    def look(self) -> None:
        self.seen += self.broker.events()

    @rule(
        step=st.integers(-8, 8),
        bid_size=st.none() | st.integers(0, 6),
        ask_size=st.none() | st.integers(0, 6),
        traded=st.none() | st.integers(0, 9),
    )
    def move(
        self, step: int, bid_size: int | None, ask_size: int | None, traded: int | None
    ) -> None:
        self.ms += 40
        bid = D(5550) + D("0.25") * step
        fields: dict[str, Any] = {"bid_size": bid_size, "ask_size": ask_size}
        if traded is not None:
            fields |= {"last": str(bid), "last_size": traded}
        self.broker.on_tick(tick(self.ms, str(bid), str(bid + D("0.25")), **fields))
        self.look()

    @rule(
        side=st.sampled_from(["BUY", "SELL"]),
        kind=st.sampled_from(["MARKET", "LIMIT", "STOP", "STOP_LIMIT", "TRAILING_STOP"]),
        quantity=st.integers(1, 9),
        step=st.integers(-8, 8),
        group=st.sampled_from([None, None, "g", "h"]),
    )
    def place(self, side: Any, kind: Any, quantity: int, step: int, group: str | None) -> None:
        price = str(D(5550) + D("0.25") * step)
        fields: dict[str, Any] = {"placed_at": at(self.ms)}
        if "LIMIT" in kind:
            fields["limit_price"] = price
        if kind in ("STOP", "STOP_LIMIT"):
            fields["stop_price"] = price
        if kind == "TRAILING_STOP":
            fields["trail_by"] = "0.50"
        if group:
            fields |= {"group_id": group + side, "group_kind": "OCO"}
        self.count += 1
        one = order(f"o{self.count}", side, kind, quantity, **fields)
        self.asked[one.client_order_id] = one
        self.broker.submit(one)
        self.look()

    @rule(pick=st.integers(0, 50), quantity=st.integers(1, 9), step=st.integers(-8, 8))
    def change(self, pick: int, quantity: int, step: int) -> None:
        live = self.broker.orders()
        if live:
            one = live[pick % len(live)]
            price = D(5550) + D("0.25") * step if one.type == "LIMIT" else None
            change = Change(quantity=quantity, limit_price=price)
            if self.broker.modify(one.order_id, change, at(self.ms)) is None:
                self.asked[one.client_order_id] = order(
                    one.client_order_id, one.side, one.type, quantity
                )
        self.look()

    @rule(pick=st.integers(0, 50))
    def cancel(self, pick: int) -> None:
        live = self.broker.orders()
        if live:
            one = live[pick % len(live)]
            self.broker.cancel(one.order_id, at(self.ms))
            self.look()
            assert one.order_id not in {left.order_id for left in self.broker.orders()}

    @invariant()
    def holds(self) -> None:
        if not hasattr(self, "broker"):
            return
        filled: dict[str, int] = {}
        position, last, cash = 0, {}, D(0)
        for event in self.seen:
            name = event.order.client_order_id
            # Nothing happens to an order that has ended.
            assert last.get(name) not in FINAL
            last[name] = event.order.status
            assert event.order.working_quantity >= 0
            if event.fill is not None:
                filled[name] = filled.get(name, 0) + event.fill.quantity
                sign = event.order.sign
                position += sign * event.fill.quantity
                cash -= sign * event.fill.quantity * event.fill.price
                assert event.order.filled_quantity == filled[name]
                if event.order.limit_price is not None:
                    assert (event.order.limit_price - event.fill.price) * sign >= 0
        for name, count in filled.items():
            assert count <= self.asked[name].quantity
        held = sum(one.quantity for one in self.broker.positions())
        assert held == position
        # Flat means flat: what was bought was sold, and the cash is the difference of their prices.
        if not position:
            assert self.broker.positions() == []
        bought = sum(
            e.fill.price * e.fill.quantity for e in self.seen if e.fill and e.fill.side == "BUY"
        )
        sold = sum(
            e.fill.price * e.fill.quantity for e in self.seen if e.fill and e.fill.side == "SELL"
        )
        assert cash == sold - bought


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
