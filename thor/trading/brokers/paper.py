"""A broker on paper: fills orders from the ticks of the stream, by rules that each fill names.

Stage 80, trading. Pure: ticks, clocks and orders arrive as arguments, in the order of the stream;
the same ones with the same seed give the same fills. Time is the market's: it moves with ticks and
the clocks of sources, and stands still without them.
"""

import random
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from heapq import heappop, heappush
from typing import Any
from uuid import UUID

import msgspec

from thor.domain.instrument import Instrument
from thor.domain.orders import FINAL, Fill, Order, Status
from thor.domain.sessions import Session, trade_date
from thor.domain.tick import Tick
from thor.trading.brokers.broker import BrokerEvent, Capabilities, Change, EventKind, Holding

_BP = Decimal("0.0001")
_MS = timedelta(milliseconds=1)


class PaperRules(msgspec.Struct, frozen=True, kw_only=True):
    """What a paper fill assumes: latency in ms, slippage in bp, ages, and the seed.

    An order whose time is further from the market's than `late_after` is refused: its verdict is
    of another market.
    """

    latency_ms: int = 50
    jitter_ms: int = 20
    slippage_bp: Decimal = Decimal(1)
    stale_after: timedelta = timedelta(seconds=5)
    late_after: timedelta = timedelta(seconds=60)
    seed: int = 0


class Market(msgspec.Struct, frozen=True, kw_only=True):
    """What the broker looks up: instruments, sessions and fees.

    `fee` gives the commission a contract and side in account currency by root and trade date, None
    where the table of fees has none.
    """

    instrument: Callable[[str], Instrument | None]
    session: Callable[[str, datetime], Session | None]
    fee: Callable[[str, date], Decimal | None]


class _Level:
    """One side of the best quote: its price, what is displayed, and what our orders took of it."""

    __slots__ = ("left", "price", "size")

    def __init__(self) -> None:
        self.price: Decimal | None = None
        self.size: int | None = None
        self.left: int | None = None

    def update(self, price: Decimal | None, size: int | None) -> None:
        if price is None and size is None:
            return
        # Shown again unchanged, it has nothing new for our orders.
        if (price is None or price == self.price) and size == self.size:
            return
        # A new price without a size has an unknown one; a size alone is of the standing price.
        self.size = size
        if price is not None:
            self.price = price
        self.left = self.size


class _Book:
    """What is known of one symbol, and its working orders by the price that makes them act."""

    def __init__(self) -> None:
        self.bid, self.ask = _Level(), _Level()
        self.last: Decimal | None = None
        self.tick: Tick | None = None
        self.heard_at: datetime | None = None
        # Its quote is of a database, and the stream may repeat what led to it.
        self.is_shown = False
        # Orders at the market that wait for displayed size.
        self.resting: list[_Live] = []
        self.trailing: list[_Live] = []
        self.limits = {1: _Ladder(), -1: _Ladder()}
        self.stops = {1: _Ladder(), -1: _Ladder()}
        # Of the present trade: what our own orders have had of it.
        self.had_of_trade = 0


class _Live:
    """An order at the broker."""

    __slots__ = (
        "ahead",
        "is_entered",
        "is_restored",
        "is_sent",
        "key",
        "latency",
        "limit",
        "number",
        "order",
        "parts",
        "queued",
        "stop",
        "triggered_by",
        "was_filled_at",
    )

    def __init__(self, order: Order, number: int, latency: timedelta) -> None:
        self.order, self.number, self.latency = order, number, latency
        self.key: Decimal | None = None
        self.limit, self.stop = order.limit_price, order.stop_price
        # Contracts before it at its price: None until the market displays that price.
        self.ahead: int | None = None
        self.queued: int | None = None
        # An exit that its broker holds until its entry fills was not sent to the market.
        self.is_entered = self.is_restored = self.is_sent = False
        self.triggered_by: Decimal | None = None
        self.parts = 0
        self.was_filled_at: tuple[datetime, int, str] | None = None


class _Ladder:
    """Working orders sorted by a key: those that act first come first, then by time."""

    def __init__(self) -> None:
        self._rows: list[tuple[Decimal, int, _Live]] = []

    def add(self, key: Decimal, live: _Live) -> None:
        live.key = key
        insort(self._rows, (key, live.number, live), key=_order_of)

    def remove(self, live: _Live) -> None:
        if live.key is None:
            return
        at = bisect_left(self._rows, (live.key, live.number), key=_order_of)
        if at < len(self._rows) and self._rows[at][2] is live:
            del self._rows[at]
            live.key = None

    def until(self, key: Decimal) -> list[_Live]:
        if not self._rows or self._rows[0][0] > key:
            return []
        end = bisect_right(self._rows, key, key=lambda row: row[0])
        return [row[2] for row in self._rows[:end]]


def _order_of(row: tuple[Any, ...]) -> tuple[Decimal, int]:
    return row[0], row[1]


class PaperTradingBroker:
    """Paper trading for one account on the ticks of the stream.

    A market order crosses the spread and slips by 1 bp or 1 tick, whichever is more, on the grid,
    against the trader; it takes what is displayed and waits for more. A limit waits behind what is
    displayed at its price, and fills where that many traded there, or the market went through. A
    stop fills at the quote that it meets, however far beyond. Orders arrive after their latency,
    changes and cancels at once.
    """

    capabilities = Capabilities(
        asset_classes=None,
        types=frozenset(("MARKET", "LIMIT", "STOP", "STOP_LIMIT", "TRAILING_STOP")),
        times_in_force=frozenset(("DAY", "GTC")),
        groups=frozenset(("OCO", "BRACKET")),
        can_modify=True,
    )

    def __init__(
        self,
        account_id: str,
        market: Market,
        rules: PaperRules = PaperRules(),  # noqa: B008 - frozen
        holdings: Iterable[Holding] = (),
    ) -> None:
        """Take the account, what it looks up, its rules, and what the account holds already."""
        self.now: datetime | None = None
        self._account_id, self._market, self._rules = account_id, market, rules
        self._held = {(one.symbol, one.contract): one.quantity for one in holdings}
        self._books: dict[str, _Book] = {}
        self._live: dict[UUID, _Live] = {}
        self._arriving: list[tuple[datetime, int, UUID]] = []
        self._expiring: list[tuple[datetime, int, UUID]] = []
        self._groups: dict[str, set[UUID]] = {}
        # What each order of a group or bracket has filled, also after it has gone.
        self._filled_in_group: dict[str, dict[UUID, int]] = {}
        self._parents: dict[UUID, Order] = {}
        self._children: dict[UUID, list[UUID]] = {}
        self._number = 0
        self._events: list[BrokerEvent] = []

    # What the broker is asked.

    def submit(self, order: Order) -> None:
        """Take an order, which arrives after its latency; one that is known is left alone."""
        if order.order_id in self._live or order.status in FINAL:
            return
        live = self._known(order)
        if order.parent_order_id is not None and not self._is_awaited(live):
            self._end(live, "CANCELLED", order.placed_at, "its entry is no longer working")
            return
        if order.parent_order_id is not None and not self._filled_of(order.parent_order_id):
            self._emit("ACCEPTED", live, order.placed_at, "works for what its entry has filled")
            return
        sent_at, live.is_sent = order.placed_at, True
        if order.is_flattening and self.now is not None:
            # A clock that is ahead keeps no position open.
            sent_at = min(sent_at, self.now)
        heappush(self._arriving, (sent_at + live.latency, live.number, order.order_id))

    def restore(self, order: Order) -> None:
        """Take an order that was accepted before a restart; its place in a queue is not known."""
        if order.order_id in self._live or order.status in FINAL:
            return
        live = self._known(order)
        live.is_restored = True
        self._expire_later(live)
        if order.parent_order_id is None or self._filled_of(order.parent_order_id):
            self._enter(live)

    def restore_filled(self, order: Order) -> None:
        """Take what an order had filled that is now final, for the others of its group."""
        self._remember(order)

    def cancel(self, order_id: UUID, at: datetime, reason: str | None = None) -> None:
        """Cancel what still works of an order; one that is not here is left alone."""
        live = self._live.get(order_id)
        if live is not None:
            self._end(live, "CANCELLED", at, reason)

    def modify(self, order_id: UUID, change: Change, at: datetime) -> str | None:
        """Change an order at once; returns why it cannot be, or None.

        Another price or more contracts lose the place in the queue.
        """
        live = self._live.get(order_id)
        if live is None:
            return "the order does not work any more"
        order = live.order
        given = {
            name: value
            for name, value in msgspec.structs.asdict(change).items()
            if value is not None and value != getattr(order, name)
        }
        if (quantity := given.get("quantity")) is not None and quantity <= order.filled_quantity:
            return f"quantity: {quantity} is not above the {order.filled_quantity} that are filled"
        is_less = set(given) == {"quantity"} and given["quantity"] < order.quantity
        live.order = msgspec.structs.replace(order, **given)
        if not is_less:
            was_active = self._leave(live)
            live.limit, live.stop = live.order.limit_price, live.order.stop_price
            live.ahead = live.queued = None
            if was_active:
                self._enter(live)
        self._emit("MODIFIED", live, at, None)
        if order.group_kind == "OCO" and self._available(live) <= 0:
            self._end(live, "CANCELLED", at, "the other order of its group has filled")
        return None

    def orders(self) -> Sequence[Order]:
        """Return the open orders, in the order in which they came."""
        return [live.order for live in sorted(self._live.values(), key=lambda one: one.number)]

    def positions(self) -> Sequence[Holding]:
        """Return signed contracts by symbol and month, flat ones omitted."""
        return [
            Holding(symbol=symbol, contract=contract, quantity=quantity)
            for (symbol, contract), quantity in sorted(
                self._held.items(), key=lambda item: (item[0][0], item[0][1] or "")
            )
            if quantity
        ]

    def account(self) -> str:
        """Return the account's id."""
        return self._account_id

    def events(self) -> Sequence[BrokerEvent]:
        """Return what happened since the last call."""
        found, self._events = self._events, []
        return found

    @property
    def is_waiting(self) -> bool:
        """Whether an order has not arrived yet, since market time stands still."""
        return bool(self._arriving)

    # What the market does.

    def show(self, tick: Tick, heard_at: datetime) -> None:
        """Take the quote that stood when the broker was made; no order meets it before it moves."""
        self.now = heard_at if self.now is None else max(self.now, heard_at)
        book = self._books[tick.symbol] = _Book()
        book.tick, book.heard_at, book.last = tick, heard_at, tick.last
        book.is_shown = True
        book.bid.update(tick.bid, tick.bid_size)
        book.ask.update(tick.ask, tick.ask_size)

    def on_tick(self, tick: Tick) -> None:
        """Take a tick that was checked: time, quote, trade, and what they do to the orders."""
        self._advance(tick.ts, is_after=False)
        book = self._books.get(tick.symbol)
        if book is None:
            book = self._books[tick.symbol] = _Book()
        if (
            book.tick is not None
            and not book.is_shown
            and (tick.ts, tick.seq) < (book.tick.ts, book.tick.seq)
        ):
            return
        book.tick, book.had_of_trade, book.is_shown = tick, 0, False
        book.heard_at = tick.ts if book.heard_at is None else max(book.heard_at, tick.ts)
        book.bid.update(tick.bid, tick.bid_size)
        book.ask.update(tick.ask, tick.ask_size)
        if tick.last is not None:
            book.last = tick.last
        if self._live and self._is_open(tick.symbol, tick.ts):
            self._match(book, tick)

    def on_clock(self, source: str, at: datetime, seen: Iterable[str]) -> None:
        """Take a source's clock, with the symbols that it has looked at and found unchanged."""
        for symbol in seen:
            book = self._books.get(symbol)
            if book is not None and book.tick is not None and book.tick.source == source:
                book.heard_at = at if book.heard_at is None else max(book.heard_at, at)
        self._advance(at, is_after=True)

    def refuse_waiting(self, reason: str) -> None:
        """Reject the orders that have not arrived: the market stands still."""
        while self._arriving:
            due, _, order_id = heappop(self._arriving)
            if (live := self._live.get(order_id)) is not None:
                self._end(live, "REJECTED", due, reason)

    # Arrival and expiry.

    def _advance(self, at: datetime, *, is_after: bool) -> None:
        if self.now is None or at > self.now:
            self.now = at
        while self._arriving and (self._arriving[0][0] < at or is_after):
            due, _, order_id = self._arriving[0]
            if due > at:
                break
            heappop(self._arriving)
            if (live := self._live.get(order_id)) is not None:
                self._arrive(live, due)
        while self._expiring and self._expiring[0][0] <= at:
            due, _, order_id = heappop(self._expiring)
            if (live := self._live.get(order_id)) is not None:
                self._end(live, "EXPIRED", due, "the session has closed")

    def fault(self, symbol: str, sign: int) -> str | None:
        """Return why the market would not take a purchase (1) or a sale (-1) now, or None."""
        if self.now is None:
            return f"quote: {symbol} has none yet"
        return self._refusal(symbol, sign, self._books.get(symbol), self.now)

    def _arrive(self, live: _Live, due: datetime) -> None:
        # Taken up late, it cannot meet what the market showed before: the latency was longer.
        at = due
        order, book = live.order, self._books.get(live.order.symbol)
        if book is not None and book.tick is not None and book.tick.ts > at:
            at = book.tick.ts
            live.latency = at - order.placed_at
        if self._available(live) <= 0:
            self._end(live, "CANCELLED", at, "the others of its group have filled")
            return
        reason = self._refusal(order.symbol, order.sign, book, at) or self._lateness(order, at)
        if reason is not None:
            self._end(live, "REJECTED", at, reason)
            return
        assert book is not None
        instrument = self._market.instrument(order.symbol)
        assert instrument is not None
        session = self._market.session(instrument.calendar, at)
        if order.time_in_force == "DAY" and session is not None:
            live.order = msgspec.structs.replace(order, expires_at=session.close_at)
        self._expire_later(live)
        self._emit("ACCEPTED", live, at, None)
        self._enter(live, at)

    def _refusal(self, symbol: str, sign: int, book: _Book | None, at: datetime) -> str | None:
        instrument = self._market.instrument(symbol)
        if instrument is None:
            return f"symbol: {symbol} is not listed"
        if self._market.session(instrument.calendar, at) is None:
            return f"session: {instrument.calendar} is closed at {at.isoformat()}"
        if self._market.fee(instrument.symbol, trade_date(at)) is None:
            return f"commission: the table of fees has none for {instrument.symbol}"
        if book is None or book.tick is None or book.heard_at is None:
            return f"quote: {symbol} has none yet"
        if at - book.heard_at > self._rules.stale_after:
            age_s = (at - book.heard_at).total_seconds()
            return (
                f"quote: {symbol}'s is {age_s:.1f} s old, at most "
                f"{self._rules.stale_after.total_seconds():g} s are allowed"
            )
        level = book.ask if sign > 0 else book.bid
        if level.price is None:
            return f"quote: {symbol} has no {'ask' if sign > 0 else 'bid'}"
        return None

    def _lateness(self, order: Order, at: datetime) -> str | None:
        late = at - order.placed_at
        if order.is_flattening or late <= self._rules.late_after:
            return None
        return (
            f"clock: it arrived {late.total_seconds():.0f} s after it was placed, at most "
            f"{self._rules.late_after.total_seconds():g} s are allowed; place it anew"
        )

    def _expire_later(self, live: _Live) -> None:
        if live.order.expires_at is not None:
            heappush(self._expiring, (live.order.expires_at, live.number, live.order.order_id))

    def _known(self, order: Order) -> _Live:
        self._number += 1
        live = _Live(order, self._number, self._latency(order))
        self._live[order.order_id] = live
        self._remember(order)
        if order.parent_order_id is not None:
            self._children.setdefault(order.parent_order_id, []).append(order.order_id)
        elif order.group_id is not None and order.group_kind == "OCO":
            self._groups.setdefault(order.group_id, set()).add(order.order_id)
        return live

    def _latency(self, order: Order) -> timedelta:
        # By the order's own id: another order before it changes nothing, and neither does a
        # restart.
        chance = random.Random(f"{self._rules.seed}:{order.account_id}:{order.client_order_id}")
        jitter = self._rules.jitter_ms
        ms = self._rules.latency_ms + chance.uniform(-jitter, jitter)
        return timedelta(microseconds=round(ms * 1000))

    # Where an order waits.

    def _enter(self, live: _Live, at: datetime | None = None) -> None:
        """Put an order where it waits; at a moment, it also meets the quote that stands there."""
        order, live.is_entered = live.order, True
        book = self._books.setdefault(order.symbol, _Book())
        tick = book.tick
        meets = at is not None and tick is not None
        if order.type == "TRAILING_STOP":
            book.trailing.append(live)
            if live.stop is None and meets and (price := self._touch(book, order.sign)) is not None:
                self._trail(live, price, at)
        elif order.type in ("STOP", "STOP_LIMIT") and not order.is_triggered:
            assert live.stop is not None
            book.stops[order.sign].add(live.stop * order.sign, live)
        elif order.type == "MARKET" or (order.type == "STOP" and order.is_triggered):
            book.resting.append(live)
            if meets and at is not None and tick is not None:
                self._take(live, book, tick, at)
        else:
            assert live.limit is not None
            book.limits[order.sign].add(-live.limit * order.sign, live)
            if meets and at is not None and tick is not None:
                self._meet_limit(live, book, tick, at, is_new=True)

    def _leave(self, live: _Live) -> bool:
        """Take an order from where it waits; returns whether it waited anywhere."""
        book = self._books.get(live.order.symbol)
        if book is None:
            return False
        found = live.key is not None
        sign = live.order.sign
        if found:
            book.stops[sign].remove(live)
            if live.key is not None:
                book.limits[sign].remove(live)
        for waiting in (book.resting, book.trailing):
            if live in waiting:
                waiting.remove(live)
                found = True
        return found

    @staticmethod
    def _touch(book: _Book, sign: int) -> Decimal | None:
        """Return the price by which stops act: the last trade, else the quote beyond."""
        if book.last is not None:
            return book.last
        return book.bid.price if sign > 0 else book.ask.price

    # Matching.

    def _match(self, book: _Book, tick: Tick) -> None:
        for live in list(book.resting):
            if live.order.order_id in self._live:
                self._take(live, book, tick, tick.ts)
        for sign in (1, -1):
            touch = tick.last
            if touch is None and book.last is None:
                touch = self._touch(book, sign)
            if touch is not None:
                self._trigger(book, tick, sign, touch)
            self._match_limits(book, tick, sign)

    def _trigger(self, book: _Book, tick: Tick, sign: int, touch: Decimal) -> None:
        for live in [one for one in book.trailing if one.order.sign == sign]:
            if live.order.order_id not in self._live:
                continue
            assert live.order.trail_by is not None
            if live.stop is not None and touch * sign >= live.stop * sign:
                book.trailing.remove(live)
                self._fire(live, book, tick, touch)
            else:
                self._trail(live, touch, tick.ts)
        for live in book.stops[sign].until(touch * sign):
            if live.order.order_id not in self._live:
                continue
            book.stops[sign].remove(live)
            self._fire(live, book, tick, touch)

    def _trail(self, live: _Live, touch: Decimal, at: datetime | None) -> None:
        order = live.order
        assert order.trail_by is not None
        assert at is not None
        # A stop to sell follows the highest price from below, one to buy the lowest from above.
        stop = touch + order.trail_by * order.sign
        if live.stop is None or stop * order.sign < live.stop * order.sign:
            live.stop = stop
            live.order = msgspec.structs.replace(order, stop_price=stop)
            self._emit("TRAILED", live, at, None)

    def _fire(self, live: _Live, book: _Book, tick: Tick, touch: Decimal) -> None:
        live.triggered_by = touch
        live.order = msgspec.structs.replace(live.order, is_triggered=True)
        self._emit("TRIGGERED", live, tick.ts, f"the market was at {touch}")
        if live.order.type == "STOP_LIMIT":
            assert live.limit is not None
            book.limits[live.order.sign].add(-live.limit * live.order.sign, live)
            self._meet_limit(live, book, tick, tick.ts, is_new=True)
        else:
            book.resting.append(live)
            self._take(live, book, tick, tick.ts)

    def _take(self, live: _Live, book: _Book, tick: Tick, at: datetime) -> None:
        """Fill an order at the market by the displayed size; the rest waits for another quote."""
        order = live.order
        level = book.ask if order.sign > 0 else book.bid
        instrument = self._market.instrument(order.symbol)
        if level.price is None or instrument is None:
            return
        quantity, about_size = self._displayed(live, level, "ask" if order.sign > 0 else "bid")
        if quantity <= 0:
            return
        slip = slippage(level.price, instrument.tick_size, self._rules.slippage_bp)
        price = level.price + slip * order.sign
        if price <= 0 and not instrument.is_negative_legal:
            price, slip = instrument.tick_size, level.price - instrument.tick_size
        assumed = [
            "crosses the spread",
            f"slips {slip:f} points: {self._rules.slippage_bp} bp or one tick, the larger, "
            "on the grid",
            about_size,
        ]
        if live.triggered_by is not None and live.stop is not None:
            gap = (level.price - live.stop) * order.sign
            if gap > 0:
                assumed.append(f"the market was {gap:f} points beyond the stop {live.stop:f}")
        self._fill(live, quantity, price, tick, at, slip, assumed)

    def _match_limits(self, book: _Book, tick: Tick, sign: int) -> None:
        near = book.bid.price if sign > 0 else book.ask.price
        far = book.ask.price if sign > 0 else book.bid.price
        prices = [price for price in (near, far, tick.last) if price is not None]
        if not prices:
            return
        reach = min(prices) if sign > 0 else max(prices)
        for live in book.limits[sign].until(-reach * sign):
            if live.order.order_id in self._live:
                self._meet_limit(live, book, tick, tick.ts, is_new=False)

    def _meet_limit(
        self, live: _Live, book: _Book, tick: Tick, at: datetime, *, is_new: bool
    ) -> None:
        limit, sign = live.limit, live.order.sign
        assert limit is not None
        far, near = (book.ask, book.bid) if sign > 0 else (book.bid, book.ask)
        if far.price is not None and (limit - far.price) * sign >= 0:
            # A newcomer takes the better price; one that waited is met at its own.
            price = far.price if is_new else limit
            quantity, about_size = self._displayed(live, far, "ask" if sign > 0 else "bid")
            how = "crosses the spread" if is_new else "the quote came to the limit"
            self._fill(live, quantity, price, tick, at, Decimal(0), [how, about_size])
            return
        if not is_new and tick.is_trade and tick.last is not None:
            beyond = (limit - tick.last) * sign
            if beyond > 0:
                quantity = self._available(live)
                self._fill(
                    *(live, quantity, limit, tick, at, Decimal(0)),
                    ["the market traded through the limit"],
                )
                return
            if beyond == 0 and live.ahead is not None and tick.last_size is not None:
                self._work_queue(live, book, tick, at)
                return
        if near.price is not None and near.price == limit and near.size is not None:
            if live.ahead is None:
                live.ahead = live.queued = near.size
            else:
                live.ahead = min(live.ahead, near.size)
        elif live.ahead is None and near.price is not None and (limit - near.price) * sign > 0:
            # Better than the best price: nobody is before it.
            live.ahead = live.queued = 0

    def _work_queue(self, live: _Live, book: _Book, tick: Tick, at: datetime) -> None:
        assert live.ahead is not None
        assert live.limit is not None
        assert tick.last_size is not None
        reached = tick.last_size - live.ahead - book.had_of_trade
        live.ahead = max(live.ahead - tick.last_size, 0)
        if reached > 0:
            reached = min(reached, self._available(live))
            book.had_of_trade += reached
            known = "; its place after a restart is the last" if live.is_restored else ""
            self._fill(
                *(live, reached, live.limit, tick, at, Decimal(0)),
                [f"queue: {live.queued} contracts were before it at the price{known}"],
            )

    def _displayed(self, live: _Live, level: _Level, name: str) -> tuple[int, str]:
        wanted = self._available(live)
        if level.left is None:
            return wanted, f"no size is displayed at the {name}: filled whole"
        quantity = min(wanted, level.left)
        return quantity, f"{level.size} displayed at the {name}, of which {level.left} are free"

    def _fill(
        self,
        live: _Live,
        quantity: int,
        price: Decimal,
        tick: Tick,
        at: datetime,
        slip: Decimal,
        assumed: Sequence[str],
    ) -> None:
        if quantity <= 0:
            return
        order, book = live.order, self._books[live.order.symbol]
        instrument = self._market.instrument(order.symbol)
        assert instrument is not None
        day = trade_date(at)
        fee = self._market.fee(instrument.symbol, day)
        if fee is None:
            return
        bid, ask = book.bid.price, book.ask.price
        level = book.ask if order.sign > 0 else book.bid
        is_taking = assumed[0] in ("crosses the spread", "the quote came to the limit")
        if is_taking and level.left is not None:
            level.left -= quantity
        identity = (tick.ts, tick.seq, tick.source)
        live.parts = live.parts + 1 if live.was_filled_at == identity else 1
        live.was_filled_at = identity
        live.order = order.with_fill(quantity, price)
        fill = Fill(
            order_id=order.order_id,
            account_id=order.account_id,
            symbol=order.symbol,
            contract=order.contract,
            side=order.side,
            quantity=quantity,
            price=price,
            commission=fee * quantity,
            at=at,
            trade_date=day,
            tick_ts=tick.ts,
            tick_seq=tick.seq,
            tick_source=tick.source,
            part=live.parts,
            bid=bid,
            ask=ask,
            latency_ms=Decimal(live.latency // timedelta(microseconds=1)) / 1000,
            slippage=slip,
            assumptions=(*self._about_arrival(live), *assumed, f"commission {fee:f} a contract"),
        )
        key = (order.symbol, order.contract)
        self._held[key] = self._held.get(key, 0) + quantity * order.sign
        self._remember(live.order)
        self._events.append(BrokerEvent(kind="FILLED", order=live.order, at=at, fill=fill))
        if live.order.status == "FILLED":
            self._leave(live)
            del self._live[order.order_id]
        self._after_fill(live.order, at)

    def _about_arrival(self, live: _Live) -> tuple[str, ...]:
        ms = live.latency / _MS
        if live.order.parent_order_id is not None and not live.is_sent:
            return ("held at the broker until its entry filled",)
        return (f"latency {ms:.3f} ms",)

    # Groups.

    def _remember(self, order: Order) -> None:
        """Keep an order of a group as it stands, also after it has gone."""
        if order.group_kind is not None:
            self._parents[order.order_id] = order
        key = _group_key(order)
        if key is not None:
            self._filled_in_group.setdefault(key, {})[order.order_id] = order.filled_quantity

    def _filled_of(self, order_id: UUID) -> int:
        parent = self._parents.get(order_id)
        return 0 if parent is None else parent.filled_quantity

    def _is_awaited(self, child: _Live) -> bool:
        """Return whether an exit has, or may yet have, something of its entry to close."""
        parent = self._parents.get(child.order.parent_order_id)  # type: ignore[arg-type]
        return parent is not None and (parent.status not in FINAL or self._available(child) > 0)

    def _available(self, live: _Live) -> int:
        """Return the contracts that an order may fill now, by its group."""
        order = live.order
        own = order.quantity - order.filled_quantity
        key = _group_key(order)
        if key is None:
            return own
        others = sum(
            count
            for order_id, count in self._filled_in_group.get(key, {}).items()
            if order_id != order.order_id
        )
        if order.parent_order_id is not None:
            filled = self._filled_of(order.parent_order_id)
            return min(own, filled - others - order.filled_quantity)
        return own - others

    def _after_fill(self, order: Order, at: datetime) -> None:
        for live in self._awaiting(order.order_id):
            if not (live.is_entered or live.is_sent):
                self._begin_exit(live, at)
        self._settle_group(order, at)

    def _begin_exit(self, live: _Live, at: datetime) -> None:
        parent = self._parents[live.order.parent_order_id]  # type: ignore[index]
        if live.order.time_in_force == "DAY" and live.order.expires_at is None:
            live.order = msgspec.structs.replace(live.order, expires_at=parent.expires_at)
            if parent.expires_at is None:
                self._expire_with_session(live, at)
            # A restart reads it from the row.
            self._emit("MODIFIED", live, at, None)
        self._expire_later(live)
        self._enter(live)

    def _expire_with_session(self, live: _Live, at: datetime) -> None:
        instrument = self._market.instrument(live.order.symbol)
        session = instrument and self._market.session(instrument.calendar, at)
        if session:
            live.order = msgspec.structs.replace(live.order, expires_at=session.close_at)

    def _awaiting(self, parent_id: UUID) -> Iterator[_Live]:
        for child_id in list(self._children.get(parent_id, ())):
            if (live := self._live.get(child_id)) is not None:
                yield live

    def _settle_group(self, order: Order, at: datetime) -> None:
        """Cancel what a fill, or the end of an entry, has left nothing to do for."""
        if order.parent_order_id is not None:
            parent = self._parents.get(order.parent_order_id)
            if parent is not None and parent.status in FINAL:
                for live in list(self._awaiting(order.parent_order_id)):
                    if self._available(live) <= 0:
                        self._end(live, "CANCELLED", at, "the other exit of its bracket has filled")
        elif order.group_kind == "OCO" and order.group_id is not None:
            for order_id in sorted(self._groups.get(order.group_id, ()), key=str):
                other = self._live.get(order_id)
                if other is not None and self._available(other) <= 0:
                    self._end(other, "CANCELLED", at, "the other order of its group has filled")

    def _end(self, live: _Live, status: Status, at: datetime, reason: str | None) -> None:
        self._leave(live)
        self._live.pop(live.order.order_id, None)
        live.order = live.order.moved(status)
        self._remember(live.order)
        kinds: dict[Status, EventKind] = {
            "CANCELLED": "CANCELLED",
            "REJECTED": "REJECTED",
            "EXPIRED": "EXPIRED",
        }
        self._emit(kinds[status], live, at, reason)
        for child in list(self._awaiting(live.order.order_id)):
            if self._available(child) <= 0:
                self._end(child, "CANCELLED", at, f"its entry is {status}")

    def _emit(self, kind: EventKind, live: _Live, at: datetime, reason: str | None) -> None:
        if kind == "ACCEPTED" and live.order.status in ("PENDING", "SUBMITTED"):
            live.order = msgspec.structs.replace(live.order, status="WORKING")
            self._remember(live.order)
        self._events.append(BrokerEvent(kind=kind, order=live.order, at=at, reason=reason))

    def _is_open(self, symbol: str, at: datetime) -> bool:
        instrument = self._market.instrument(symbol)
        return instrument is not None and self._market.session(instrument.calendar, at) is not None


def slippage(price: Decimal, tick_size: Decimal, bp: Decimal) -> Decimal:
    """Return the slippage at a price, in points: so many bp, at least one tick, up to the grid."""
    ticks = (abs(price) * bp * _BP / tick_size).to_integral_value(ROUND_CEILING)
    return max(ticks, Decimal(1)) * tick_size


def _group_key(order: Order) -> str | None:
    if order.parent_order_id is not None:
        return f"bracket {order.parent_order_id}"
    if order.group_kind == "OCO" and order.group_id is not None:
        return f"oco {order.group_id}"
    return None
