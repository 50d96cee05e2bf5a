"""Orders, ticks and a paper market for tests: ES on trade date 2 July 2024, one fee, no servers."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from thor.domain.hours import session_on
from thor.domain.instrument import Instrument
from thor.domain.orders import Order
from thor.domain.tick import Tick
from thor.trading.brokers.paper import Market, PaperRules, PaperTradingBroker

ES = Instrument(
    symbol="ES",
    name="E-mini S&P 500",
    exchange="CME",
    asset_class="equity_index",
    calendar="CME_EQUITY",
    tick_size=Decimal("0.25"),
    quote_increment=Decimal("0.25"),
    multiplier=Decimal(50),
    display_precision=2,
)
SESSION = session_on("CME_EQUITY", date(2024, 7, 2))
BEGIN = datetime(2024, 7, 1, 23, 58, tzinfo=UTC)
# No chance in the latency, so that each figure can be worked out by hand.
EXACT = PaperRules(jitter_ms=0)


def market(fee: Decimal | None = Decimal("2.50")) -> Market:
    """Return a market of ES alone, closed outside its session."""
    return Market(
        instrument=lambda symbol: ES if symbol == "ES" else None,
        session=lambda _, at: SESSION if SESSION.open_at <= at < SESSION.close_at else None,
        fee=lambda *_: fee,
    )


def broker(rules: PaperRules = EXACT) -> PaperTradingBroker:
    """Return a paper broker of the account PAPER."""
    return PaperTradingBroker("PAPER", market(), rules)


def at(ms: float) -> datetime:
    """Return the moment so many milliseconds after the beginning."""
    return BEGIN + timedelta(milliseconds=ms)


def tick(ms: float, bid: str | None = None, ask: str | None = None, **fields: Any) -> Tick:
    """Return a tick of ES, its seq the milliseconds."""
    prices = {"bid": bid, "ask": ask, "last": fields.pop("last", None)}
    return Tick(
        symbol="ES",
        ts=at(ms),
        seq=round(ms * 10),
        source="TAPE:00000000",
        received_at=at(ms),
        is_trade=prices["last"] is not None,
        **{name: None if price is None else Decimal(price) for name, price in prices.items()},
        **fields,
    )


def order(name: str, side: Any, kind: Any, quantity: int, **fields: Any) -> Order:
    """Return an order of ES that is placed at the beginning; its id follows from its name."""
    for field in ("limit_price", "stop_price", "trail_by"):
        if field in fields:
            fields[field] = Decimal(fields[field])
    return Order(
        order_id=uuid5(NAMESPACE_URL, name),
        account_id="PAPER",
        client_order_id=name,
        symbol="ES",
        side=side,
        type=kind,
        quantity=quantity,
        **{"placed_at": BEGIN, **fields},
    )
