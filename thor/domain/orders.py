"""Orders, fills and accounts: what they may hold, and which changes of status are legal.

Stage 10, reference. Pure. `trade.order_transitions` holds the same table, and a trigger enforces
it; a test compares the two.
"""

import hashlib
from collections.abc import Sequence
from datetime import date, datetime
from decimal import ROUND_FLOOR, Decimal
from typing import Any, Literal, get_args
from uuid import UUID

import msgspec

from thor.domain.instrument import Instrument
from thor.errors import Refused, Rejected

Side = Literal["BUY", "SELL"]
OrderType = Literal["MARKET", "LIMIT", "STOP", "STOP_LIMIT", "TRAILING_STOP"]
TimeInForce = Literal["DAY", "GTC"]
GroupKind = Literal["OCO", "BRACKET"]
AccountKind = Literal["PAPER", "LIVE"]
Status = Literal[
    "PENDING",
    "SUBMITTED",
    "WORKING",
    "PARTIALLY_FILLED",
    "FILLED",
    "CANCEL_PENDING",
    "CANCELLED",
    "REFUSED",
    "REJECTED",
    "EXPIRED",
]

# PENDING: written, the broker was not asked. SUBMITTED: sent, the outcome is not known.
LEGAL: dict[Status, tuple[Status, ...]] = {
    "PENDING": ("SUBMITTED", "CANCELLED", "REJECTED", "EXPIRED"),
    "SUBMITTED": (
        *("WORKING", "PARTIALLY_FILLED", "FILLED", "CANCEL_PENDING"),
        *("CANCELLED", "REJECTED", "EXPIRED"),
    ),
    "WORKING": (
        *("PARTIALLY_FILLED", "FILLED", "CANCEL_PENDING"),
        *("CANCELLED", "REJECTED", "EXPIRED"),
    ),
    "PARTIALLY_FILLED": ("FILLED", "CANCEL_PENDING", "CANCELLED", "REJECTED", "EXPIRED"),
    "CANCEL_PENDING": ("WORKING", "PARTIALLY_FILLED", "FILLED", "CANCELLED", "REJECTED", "EXPIRED"),
    "FILLED": (),
    "CANCELLED": (),
    "REFUSED": (),
    "REJECTED": (),
    "EXPIRED": (),
}
FINAL = frozenset(status for status, following in LEGAL.items() if not following)
OPEN = frozenset(LEGAL) - FINAL

_LIMITED = ("LIMIT", "STOP_LIMIT")
_STOPPED = ("STOP", "STOP_LIMIT")
_QUANTITY_MAX = 1_000_000
_ID_MAX = 100
# Of a price before its point: more than any stored price has.
_DIGITS_MAX = 12
# A stop that trails by less still is a price that can be stored, wherever the market is.
_TRAIL_END = 10**9


class OrderRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a person or a strategy asks for. Prices are in points, the quantity in contracts."""

    account_id: str
    client_order_id: str
    symbol: str
    side: Side
    type: OrderType
    quantity: int
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_by: Decimal | None = None
    time_in_force: TimeInForce = "DAY"
    group_id: str | None = None
    group_kind: GroupKind | None = None
    parent_order_id: UUID | None = None
    is_flattening: bool = False
    signal_id: UUID | None = None
    # The month to trade, where it is not the front month: to leave an older one.
    contract: str | None = None

    @property
    def sign(self) -> int:
        """1 for a purchase, -1 for a sale."""
        return 1 if self.side == "BUY" else -1

    @property
    def content_sha256(self) -> str:
        """Return the digest of what was asked for: one id with another digest is refused."""
        fields = msgspec.to_builtins(self, str_keys=True)
        for name in ("limit_price", "stop_price", "trail_by"):
            price: Decimal | None = getattr(self, name)
            # 5550.0 and 5550.00 ask for the same.
            fields[name] = None if price is None else f"{price.normalize():f}"
        return hashlib.sha256(msgspec.json.encode(fields, order="deterministic")).hexdigest()


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An order as a broker holds it; times are aware and UTC, prices in points.

    `contract` is the month that `symbol` was resolved to, null where the feed names none.
    `expires_at` is the end of a DAY order's session. A child of a bracket works for what its parent
    has filled.
    """

    order_id: UUID
    account_id: str
    client_order_id: str
    symbol: str
    side: Side
    type: OrderType
    quantity: int
    placed_at: datetime
    contract: str | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_by: Decimal | None = None
    time_in_force: TimeInForce = "DAY"
    status: Status = "PENDING"
    filled_quantity: int = 0
    average_price: Decimal | None = None
    group_id: str | None = None
    group_kind: GroupKind | None = None
    parent_order_id: UUID | None = None
    is_flattening: bool = False
    is_triggered: bool = False
    expires_at: datetime | None = None

    @property
    def sign(self) -> int:
        """1 for a purchase, -1 for a sale."""
        return 1 if self.side == "BUY" else -1

    @property
    def working_quantity(self) -> int:
        """Return the contracts that may still be filled: 0 in a final status."""
        return 0 if self.status in FINAL else self.quantity - self.filled_quantity

    def moved(self, status: Status) -> "Order":
        """Return the order in another status; raises `Refused` where the change is not legal."""
        if status not in LEGAL[self.status]:
            raise Refused(f"status: {self.client_order_id} is {self.status}, not to be {status}")
        return msgspec.structs.replace(self, status=status)

    def with_fill(self, quantity: int, price: Decimal) -> "Order":
        """Return the order after a fill of so many contracts at a price.

        Raises `Refused` for more than works, or in a status that takes no fill.
        """
        if not 0 < quantity <= self.working_quantity:
            raise Refused(
                f"quantity: {quantity} of {self.client_order_id} cannot be filled, "
                f"{self.working_quantity} of {self.quantity} work"
            )
        filled = self.filled_quantity + quantity
        status: Status = "FILLED" if filled == self.quantity else "PARTIALLY_FILLED"
        if self.status == "CANCEL_PENDING" and status != "FILLED":
            status = "CANCEL_PENDING"
        elif status != self.status and status not in LEGAL[self.status]:
            raise Refused(f"status: {self.client_order_id} is {self.status}, and takes no fill")
        before = (self.average_price or Decimal(0)) * self.filled_quantity
        average = (before + price * quantity) / filled
        return msgspec.structs.replace(
            self, status=status, filled_quantity=filled, average_price=average
        )


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """A trade of an order: contracts, price in points, commission in account currency.

    `tick_ts`, `tick_seq` and `tick_source` name the tick on whose quote or trade it rests, `part`
    the fill of that order by that tick. `slippage` is in points, against the trader. `assumptions`
    are what a paper fill takes for granted.
    """

    order_id: UUID
    account_id: str
    symbol: str
    contract: str | None
    side: Side
    quantity: int
    price: Decimal
    commission: Decimal
    at: datetime
    trade_date: date
    tick_ts: datetime
    tick_seq: int
    tick_source: str
    part: int
    bid: Decimal | None
    ask: Decimal | None
    latency_ms: Decimal
    slippage: Decimal
    assumptions: tuple[str, ...]


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An account; paper and live accounts are apart."""

    account_id: str
    kind: AccountKind
    currency: str
    is_enabled: bool


def check(request: OrderRequest, instrument: Instrument) -> None:
    """Raise `Rejected` naming the field that no order may hold, and what it has to be."""
    for field, kinds in (("side", Side), ("type", OrderType), ("time_in_force", TimeInForce)):
        value = getattr(request, field)
        if value not in get_args(kinds):
            raise Rejected(f"{field}: {value!r} is none of {', '.join(get_args(kinds))}")
    if not 0 < len(request.client_order_id) <= _ID_MAX or not request.client_order_id.isprintable():
        raise Rejected(
            f"client_order_id: has to be 1 to {_ID_MAX} printable characters, and new for each "
            "order"
        )
    quantity = request.quantity
    if isinstance(quantity, bool) or not isinstance(quantity, int):
        raise Rejected(f"quantity: {quantity} is no whole number of contracts")
    if not 0 < quantity <= _QUANTITY_MAX:
        raise Rejected(f"quantity: {quantity} has to be 1 to {_QUANTITY_MAX} contracts")
    if (request.group_id is None) != (request.group_kind is None):
        raise Rejected("group_kind: a group has an id and a kind, OCO or BRACKET")
    if request.parent_order_id is not None and request.group_kind != "BRACKET":
        raise Rejected("parent_order_id: only the exits of a bracket have a parent")
    check_prices(
        request.type, request.limit_price, request.stop_price, request.trail_by, instrument
    )


def check_prices(
    kind: OrderType,
    limit_price: Decimal | None,
    stop_price: Decimal | None,
    trail_by: Decimal | None,
    instrument: Instrument,
) -> None:
    """Raise `Rejected` where a type lacks a price, has one too many, or one off the grid."""
    needs = {
        "limit_price": kind in _LIMITED,
        "stop_price": kind in _STOPPED,
        "trail_by": kind == "TRAILING_STOP",
    }
    given = {"limit_price": limit_price, "stop_price": stop_price, "trail_by": trail_by}
    for field, price in given.items():
        if price is None:
            if needs[field]:
                raise Rejected(f"{field}: is missing; an order of type {kind} needs it")
            continue
        if not needs[field]:
            raise Rejected(f"{field}: an order of type {kind} has none; leave it out")
        fault = _price_fault(price, instrument)
        if field == "trail_by" and price.is_finite() and price <= 0:
            fault = f"has to be above 0; {instrument.price_text(instrument.tick_size)} is"
        if field == "trail_by" and fault is None and price >= _TRAIL_END:
            fault = f"is no distance to trail by; give one below {_TRAIL_END:,} points"
        if fault is not None:
            raise Rejected(f"{field}: {instrument.price_text(price)} {fault}")


def _price_fault(price: Decimal, instrument: Instrument) -> str | None:
    """Return why an order cannot have a price, with the nearest that it can, or None."""
    tick, text = instrument.tick_size, instrument.price_text
    fault = instrument.price_fault(price)
    if not price.is_finite() or price.adjusted() > _DIGITS_MAX:
        return fault
    if price <= 0 and not instrument.is_negative_legal:
        return f"{fault}; {text(tick)} is its lowest"
    if price % tick:
        below = (price / tick).to_integral_value(ROUND_FLOOR) * tick
        near = f"{text(below)} and {text(below + tick)} are"
        return f"is not on {instrument.symbol}'s grid of {tick:f}; {near}"
    return fault


def check_stop_side(
    side: Side,
    stop_price: Decimal | None,
    bid: Decimal | None,
    ask: Decimal | None,
    instrument: Instrument,
) -> None:
    """Raise `Rejected` for a stop that the market has already passed.

    A stop to buy stands above the ask, one to sell below the bid.
    """
    if stop_price is None:
        return
    tick, text = instrument.tick_size, instrument.price_text
    if side == "BUY" and ask is not None and stop_price <= ask:
        raise Rejected(
            f"stop_price: {text(stop_price)} is not above the ask {text(ask)}; a stop to buy is, "
            f"from {text(ask + tick)} on, a limit order buys below"
        )
    if side == "SELL" and bid is not None and stop_price >= bid:
        raise Rejected(
            f"stop_price: {text(stop_price)} is not below the bid {text(bid)}; a stop to sell is, "
            f"from {text(bid - tick)} down, a limit order sells above"
        )


def bracket(
    entry: OrderRequest, take_profit: Decimal | None, stop_loss: Decimal | None
) -> tuple[OrderRequest, ...]:
    """Return an entry with the exits that wait for it: a limit, a stop, or both.

    What fills of one exit is taken off the other. Their ids are the entry's with a suffix.
    """
    group: dict[str, Any] = {"group_id": entry.client_order_id, "group_kind": "BRACKET"}
    entry = msgspec.structs.replace(entry, **group)
    exits = []
    for field, kind, price in (
        ("take_profit", "LIMIT", take_profit),
        ("stop_loss", "STOP", stop_loss),
    ):
        if price is not None:
            one: dict[str, Decimal | None] = dict.fromkeys(
                ("limit_price", "stop_price", "trail_by")
            )
            one["limit_price" if kind == "LIMIT" else "stop_price"] = price
            exits.append(
                msgspec.structs.replace(
                    entry,
                    client_order_id=f"{entry.client_order_id}:{field}",
                    side="SELL" if entry.side == "BUY" else "BUY",
                    type=kind,
                    signal_id=None,
                    **one,
                )
            )
    return entry, *exits


def one_cancels_other(first: OrderRequest, other: OrderRequest) -> tuple[OrderRequest, ...]:
    """Return two orders of one group: what fills of one is taken off the other."""
    group: dict[str, Any] = {"group_id": first.client_order_id, "group_kind": "OCO"}
    name = f"{first.client_order_id}:oco"
    return (
        msgspec.structs.replace(first, **group),
        msgspec.structs.replace(other, client_order_id=name, **group),
    )


def digest_of(orders: Sequence[OrderRequest]) -> str:
    """Return the digest of what was asked for as a whole: one id with another is refused."""
    digests = [order.content_sha256 for order in orders]
    if len(digests) == 1:
        return digests[0]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def check_exits(
    orders: Sequence[OrderRequest],
    bid: Decimal | None,
    ask: Decimal | None,
    instrument: Instrument,
) -> None:
    """Raise `Rejected` for an exit of a bracket on the wrong side of its entry's price.

    A purchase takes its profit above that price and stops its loss below. The entry's price is its
    limit or stop, else the market's.
    """
    entry, *exits = orders
    market = ask if entry.side == "BUY" else bid
    given = (entry.limit_price, entry.stop_price, market)
    base = next((price for price in given if price is not None), None)
    if base is None:
        return
    tick, text = instrument.tick_size, instrument.price_text
    for one in exits:
        is_profit = one.type == "LIMIT"
        price = one.limit_price if is_profit else one.stop_price
        is_above = is_profit == (entry.side == "BUY")
        if price is None or (price > base if is_above else price < base):
            continue
        side, near = ("above", base + tick) if is_above else ("below", base - tick)
        raise Rejected(
            f"{field_of(one)}: {text(price)} is not {side} the entry at {text(base)}; "
            f"{text(near)} is"
        )


def field_of(order: OrderRequest) -> str:
    """Return the field by which an order of a group was asked for beside the first one."""
    return order.client_order_id.rpartition(":")[2]
