"""The interface of a broker, what each can do, and the events it answers with.

Stage 80, trading. Pure. A call only says that a broker was asked; what became of it arrives as an
event, and an order without one is reconciled by `orders()`, never assumed.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal, Protocol
from uuid import UUID

import msgspec

from thor.domain.orders import Fill, Order, OrderType, TimeInForce

EventKind = Literal[
    "ACCEPTED", "REJECTED", "FILLED", "CANCELLED", "EXPIRED", "MODIFIED", "TRIGGERED", "TRAILED"
]


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a broker can do; an order outside it is refused before it is sent, by name."""

    asset_classes: frozenset[str] | None
    types: frozenset[OrderType]
    times_in_force: frozenset[TimeInForce]
    groups: frozenset[str]
    can_modify: bool

    def fault(self, order: Order, asset_class: str) -> str | None:
        """Return why the broker cannot take an order, or None."""
        if self.asset_classes is not None and asset_class not in self.asset_classes:
            return f"asset_class: this broker routes no {asset_class} orders"
        if order.type not in self.types:
            return f"type: this broker has no {order.type} orders"
        if order.time_in_force not in self.times_in_force:
            return f"time_in_force: this broker has no {order.time_in_force} orders"
        if order.group_kind is not None and order.group_kind not in self.groups:
            return f"group_kind: this broker has no {order.group_kind} groups"
        return None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What an order is to hold from now on; null stays as it is."""

    quantity: int | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_by: Decimal | None = None


class BrokerEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to an order at the broker, at a market time, UTC, in the order it happened.

    `order` is the order after it.
    """

    kind: EventKind
    order: Order
    at: datetime
    reason: str | None = None
    fill: Fill | None = None


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """What the broker holds of a contract: signed contracts."""

    symbol: str
    contract: str | None
    quantity: int


class Broker(Protocol):
    """Sends orders to a market. Raises `Unavailable` where the market cannot be reached."""

    @property
    def capabilities(self) -> Capabilities:
        """What the broker can do."""

    def submit(self, order: Order) -> None:
        """Send an order; one that the broker already has is not taken twice."""

    def cancel(self, order_id: UUID, at: datetime, reason: str | None = None) -> None:
        """Ask for an order to be cancelled; what was filled stays."""

    def modify(self, order_id: UUID, change: Change, at: datetime) -> str | None:
        """Ask for an order to be changed; returns why it cannot be, or None."""

    def orders(self) -> Sequence[Order]:
        """Return the orders that the broker holds open."""

    def positions(self) -> Sequence[Holding]:
        """Return what the broker holds, flat contracts omitted."""

    def account(self) -> str:
        """Return the account that the broker trades for."""

    def events(self) -> Sequence[BrokerEvent]:
        """Return what happened since the last call, each once."""
