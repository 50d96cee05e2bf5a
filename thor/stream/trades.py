"""Send orders, fills, positions, accounts and the kill switch, as they change, on request.

Stages: 80 trading → API. One reader a process asks four times a second, while anybody wants it.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from thor import database
from thor.domain.orders import AccountKind, GroupKind, OrderType, Side, Status, TimeInForce
from thor.errors import ThorError
from thor.stream.desk import Number
from thor.stream.events import event
from thor.stream.quote import Instant
from thor.stream.rows import converted
from thor.stream.subscribers import Subscriber, Subscribers

EVERY_S = 0.25
KINDS = ("order", "fill", "position", "account", "kill")
# Events of transactions that end in another order than they were numbered in are found again.
_AGAIN = 200


class TradeOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `trade.orders`. Prices are in points, quantities in contracts.

    `symbol` is what was asked for, `contract` the month that it stands for, `series` what is held
    once it is filled. `reason` says why it was refused, rejected or cancelled.
    """

    order_id: str
    account_id: str
    client_order_id: str
    symbol: str
    contract: str | None
    series: str
    side: Side
    type: OrderType
    quantity: int
    limit_price: Number | None
    stop_price: Number | None
    trail_by: Number | None
    time_in_force: TimeInForce
    status: Status
    filled_quantity: int
    average_price: Number | None
    group_id: str | None
    group_kind: GroupKind | None
    parent_order_id: str | None
    is_flattening: bool
    is_triggered: bool
    expires_at: Instant | None
    signal_id: str | None
    verdict_id: str | None
    who: str
    reason: str | None
    placed_at: Instant
    updated_at: Instant
    version: int


class TradeFill(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `trade.fills`: a trade, the quote that it met, and what it takes for granted.

    `slippage` is in points, against the trader; `realised` in account currency by average price,
    before commission; `position` the signed contracts after it.
    """

    fill_id: int
    order_id: str
    account_id: str
    symbol: str
    contract: str | None
    series: str
    side: Side
    quantity: int
    price: Number
    commission: Number
    at: Instant
    trade_date: str
    bid: Number | None
    ask: Number | None
    latency_ms: Number | None
    slippage: Number | None
    assumptions: list[str]
    position: int
    realised: Number


class TradePosition(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `trade.positions_at(as_of)`: what is held or was traded today.

    Money is in account currency, prices in points. `basis` is what the day's profit of a position
    held overnight begins from.
    """

    account_id: str
    series: str
    symbol: str
    root: str
    contract: str | None
    quantity: int
    side: str
    opened_at: Instant | None
    days: int | None
    average_price: Number | None
    average_price_fifo: Number | None
    mark: Number | None
    mark_kind: str | None
    mark_at: Instant | None
    mark_state: str | None
    multiplier: Number
    market_value: Number | None
    cost: Number | None
    unrealised: Number | None
    unrealised_percent: Number | None
    trade_date: str
    basis: Number | None
    basis_kind: str | None
    bought_today: int | None
    sold_today: int | None
    realised_today: Number | None
    realised_fifo_today: Number | None
    commission_today: Number | None
    pnl_day: Number | None
    realised: Number | None
    realised_fifo: Number | None
    margin_initial: Number | None
    margin_maintenance: Number | None
    margin_intraday: Number | None
    currency: str


class TradeAccount(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `trade.account_at(as_of)`, in account currency; null is not known, never 0."""

    account_id: str
    kind: AccountKind
    currency: str
    is_enabled: bool
    epoch: int
    as_of: Instant
    trade_date: str
    funded: Number | None
    realised: Number | None
    commission: Number | None
    cash: Number | None
    unrealised: Number | None
    net_liquidation: Number | None
    pnl_day: Number | None
    realised_today: Number | None
    commission_today: Number | None
    margin_initial: Number | None
    margin_maintenance: Number | None
    margin_intraday: Number | None
    available_funds: Number | None
    day_trading_funds: Number | None
    market_value: Number | None
    peak: Number | None
    drawdown: Number | None
    positions: int | None
    open_orders: int | None
    fills_today: int | None


class KillSwitch(msgspec.Struct, frozen=True, kw_only=True):
    """The row of `trade.kill_switch`: flat is what the job, or a reset, has verified."""

    is_latched: bool
    is_flat: bool
    since: Instant | None
    who: str | None
    reason: str | None


def order_of(row: dict[str, Any]) -> TradeOrder:
    """Return an order's row in the form of the API."""
    return converted(_plain(row), TradeOrder)


def fill_of(row: dict[str, Any]) -> TradeFill:
    """Return a fill's row in the form of the API."""
    return converted(_plain(row), TradeFill)


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    ids = {name: str(row[name]) for name in row if name.endswith("_id") and row[name] is not None}
    return {**row, **{name: ids[name] for name in ids if not isinstance(row[name], int)}}


class TradeWatch:
    """The orders, fills, positions and accounts of one process, as they were last sent."""

    def __init__(
        self, pool: Any, subscribers: Subscribers, market_now: Callable[[], datetime]
    ) -> None:
        """Take the database, the subscribers, and the moment that positions are marked at, UTC."""
        self._pool, self._subscribers, self._market_now = pool, subscribers, market_now
        self._newest: tuple[int, int] | None = None
        self._versions: dict[str, int] = {}
        self._fills: set[int] = set()
        self._sent: dict[str, Any] = {}
        self._informed: set[Subscriber] = set()

    async def run(self) -> None:
        """Look four times a second, until cancelled; a database that is away is waited for."""
        while True:
            members = self._subscribers.members
            wanting = {one for one in members if one.event_filter.world & frozenset(KINDS)}
            self._informed &= wanting
            if wanting:
                try:
                    await self._look(wanting)
                except ThorError:
                    self._newest = None
            else:
                self._newest, self._sent = None, {}
            await asyncio.sleep(EVERY_S)

    async def _look(self, wanting: set[Subscriber]) -> None:
        if self._newest is None:
            (row,) = await database.fetch(self._pool, "trade_newest_events")
            self._newest = row["event_id"] or 0, row["fill_id"] or 0
            self._versions, self._fills = {}, set()
        frames = [*await self._orders(), *await self._trades()]
        values = {"as_of": self._market_now(), "account": None}
        present: dict[str, tuple[Any, bytes]] = {}
        for row in await database.fetch(self._pool, "trade_positions", values):
            one = converted(row, TradePosition)
            present[f"position {one.account_id} {one.series}"] = one, event("position", one)
        for row in await database.fetch(self._pool, "trade_accounts_at", values):
            account = converted(row, TradeAccount)
            # Its moment is another at each look.
            key = msgspec.structs.replace(account, as_of="")
            present[f"account {account.account_id}"] = key, event("account", account)
        for row in await database.fetch(self._pool, "trade_kill_switch"):
            switch = converted(row, KillSwitch)
            present["kill"] = switch, event("kill", switch)
        # A new subscriber is sent what is held now, the others what changed.
        changed = {
            name: frame for name, (key, frame) in present.items() if self._sent.get(name) != key
        }
        self._sent = {name: key for name, (key, _) in present.items()}
        everything = {name: frame for name, (_, frame) in present.items()}
        for subscriber in wanting:
            self._notify(subscriber, changed if subscriber in self._informed else everything)
            self._notify(subscriber, dict(frames))
            subscriber.wake()
        self._informed |= wanting

    async def _orders(self) -> list[tuple[str, bytes]]:
        assert self._newest is not None
        values = {"after": self._newest[0] - _AGAIN}
        found = []
        for row in await database.fetch(self._pool, "trade_orders_since", values):
            one = order_of(row)
            is_new = row["newest_event_id"] > self._newest[0] or one.order_id in self._versions
            if is_new and self._versions.get(one.order_id, 0) < one.version:
                found.append((f"order {one.order_id} {one.version}", event("order", one)))
            self._versions[one.order_id] = one.version
        newest = await database.fetch(self._pool, "trade_newest_events")
        self._newest = max(self._newest[0], newest[0]["event_id"] or 0), self._newest[1]
        return found

    async def _trades(self) -> list[tuple[str, bytes]]:
        assert self._newest is not None
        found = []
        values = {
            **{"after": self._newest[1] - _AGAIN, "account": None, "symbol": None},
            **{"ts_from": None, "ts_to": None, "is_closing": None, "limit": 1000},
        }
        for row in await database.fetch(self._pool, "trade_fills", values):
            one = fill_of(row)
            if one.fill_id > self._newest[1] and one.fill_id not in self._fills:
                found.append((f"fill {one.fill_id}", event("fill", one)))
                self._fills.add(one.fill_id)
        if self._fills and max(self._fills) > self._newest[1] + _AGAIN:
            self._newest = self._newest[0], max(self._fills) - _AGAIN
        return found[::-1]

    @staticmethod
    def _notify(subscriber: Subscriber, frames: dict[str, bytes]) -> None:
        wanted = subscriber.event_filter.world
        for name, frame in frames.items():
            if name.partition(" ")[0] in wanted:
                subscriber.notices[name] = frame
