"""Orders, fills, cancellations and the switch in any order: what the database keeps true."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import psycopg
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from trades_made import AT, fill, move, place

from thor.domain.orders import FINAL, LEGAL

D = Decimal
ASK = """
select
    (select count(*) from trade.orders where filled_quantity > quantity) as overfilled,
    (
        select count(*)
        from trade.orders as o
        where o.filled_quantity <> coalesce((
            select sum(f.quantity) from trade.fills as f where f.order_id = o.order_id
        ), 0)
    ) as miscounted,
    (select count(*) from trade.not_flat() where kind = 'POSITION') as held,
    (select coalesce(sum(quantity), 0) from trade.not_flat() where kind = 'ORDER') as working,
    a.cash,
    a.commission,
    a.positions,
    p.quantity,
    p.average_price,
    p.cost
from trade.account_at(%(at)s) as a
left join trade.positions_at(%(at)s) as p on p.account_id = a.account_id
"""


class Machine(RuleBasedStateMachine):
    """A model in Python beside the rows; what the model calls illegal the database refuses."""

    def __init__(self, link: psycopg.Connection[Any]) -> None:
        """Begin with an account of 100,000."""
        super().__init__()
        self.link = link
        self.undone = link.transaction(force_rollback=True)
        self.undone.__enter__()
        # The status, the side, the quantity and what is filled of each order.
        self.orders: dict[Any, list[Any]] = {}
        self.position, self.bought, self.commission = 0, D(0), D(0)
        self.is_latched = False
        self.seconds = 0

    def teardown(self) -> None:
        """Undo all of it."""
        self.undone.__exit__(None, None, None)

    def tried(self, is_legal: bool, act: Any) -> bool:
        """Do what is legal, and check that the rest is refused."""
        try:
            with self.link.transaction():
                act()
        except psycopg.Error as error:
            assert not is_legal, error
            return False
        assert is_legal, "it was not refused"
        return True

    def pick(self, number: int) -> Any:
        return list(self.orders)[number % len(self.orders)]

    @rule(side=st.sampled_from(["BUY", "SELL"]), quantity=st.integers(1, 4), sent=st.booleans())
    def place(self, side: str, quantity: int, sent: bool) -> None:
        made: list[Any] = []

        def act() -> None:
            made.append(place(self.link, side, quantity, status="PENDING"))

        if self.tried(not self.is_latched, act):
            self.orders[made[0]] = ["PENDING", side, quantity, 0]
            if sent:
                move(self.link, made[0], "SUBMITTED")
                self.orders[made[0]][0] = "SUBMITTED"

    @precondition(lambda self: self.orders)
    @rule(number=st.integers(0, 99), status=st.sampled_from([*LEGAL]))
    def move(self, number: int, status: Any) -> None:
        order = self.pick(number)
        now, _, quantity, filled = self.orders[order]
        legal = (status in LEGAL[now] or status == now) and (
            {"FILLED": filled == quantity, "PARTIALLY_FILLED": filled > 0, "SUBMITTED": not filled}
            .get(status, True)
        )  # fmt: skip
        if status == "SUBMITTED" and now != status and self.is_latched:
            legal = False
        if self.tried(legal, lambda: move(self.link, order, status)):
            self.orders[order][0] = status

    @precondition(lambda self: self.orders)
    @rule(number=st.integers(0, 99), quantity=st.integers(1, 4), step=st.integers(-40, 40))
    def fill(self, number: int, quantity: int, step: int) -> None:
        order = self.pick(number)
        now, side, asked, filled = self.orders[order]
        price = D(5000) + D("0.25") * step
        legal = now not in FINAL and now != "PENDING" and filled + quantity <= asked
        self.seconds += 1
        at = AT + timedelta(seconds=self.seconds)
        if self.tried(legal, lambda: fill(self.link, order, quantity, price, at=at)):
            filled += quantity
            if filled == asked:
                now = "FILLED"
            elif now != "CANCEL_PENDING":
                now = "PARTIALLY_FILLED"
            self.orders[order] = [now, side, asked, filled]
            signed = quantity if side == "BUY" else -quantity
            self.position += signed
            self.bought += signed * price * 50
            self.commission += D("2.50") * quantity

    @rule()
    def latch(self) -> None:
        self.link.execute("select trade.kill('ann', 'enough')")
        self.is_latched = True

    @rule()
    def reset(self) -> None:
        is_open = any(now not in FINAL for now, *_ in self.orders.values())
        legal = self.is_latched and not self.position and not is_open
        if self.tried(legal, lambda: self.link.execute("select trade.reset_kill('eve', 'go')")):
            self.is_latched = False

    @invariant()
    def holds(self) -> None:
        with self.link.cursor(row_factory=psycopg.rows.dict_row) as cursor:
            at = AT + timedelta(seconds=self.seconds + 1)
            found: Any = cursor.execute(ASK.encode(), {"at": at}).fetchone()
        assert (found["overfilled"], found["miscounted"]) == (0, 0)
        working = [
            asked - filled for now, _, asked, filled in self.orders.values() if now not in FINAL
        ]
        assert min(working, default=0) >= 0
        assert found["working"] == sum(working)
        # Flat means flat, wherever it is asked.
        held = 1 if self.position else 0
        assert (found["held"], found["positions"], found["quantity"] or 0) == (
            held, held, self.position,
        )  # fmt: skip
        assert (found["average_price"] is None) is (not self.position)
        # What was paid is in what is held, or in the cash: nothing comes from nowhere.
        assert found["commission"] == self.commission
        cost = found["cost"] or 0
        assert abs(100_000 + cost - self.bought - self.commission - found["cash"]) <= D("0.01")


def test_whatever_happens_to_orders_none_overfills_and_cash_is_conserved(
    undone: psycopg.Connection[Any],
) -> None:
    run_state_machine_as_test(
        lambda: Machine(undone),
        settings=settings(max_examples=15, stateful_step_count=20, deadline=None),
    )
