"""A recorded market that moves when asked, its orders, and the job that trades them.

It is Monday, 1 July 2024, so that nothing depends on today.
"""

from datetime import date, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from msgspec.structs import asdict
from roles_made import as_role
from ticks_made import TS, rows, settings, take_in, tick, value

from thor import database
from thor.database import Connection
from thor.domain.hours import session_on
from thor.domain.orders import OrderRequest
from thor.flow.place_orders import place
from thor.flow.trade import Trader
from thor.market.bus.client import Bus
from thor.trading.brokers.paper import PaperRules

SOURCE = "TAPE:0123abcd"
_ID = count(1)
D = Decimal


class Desk:
    """A market that moves when asked, the orders of one account, and the job that trades them."""

    def __init__(self, url: str, redis_url: str, bus: Bus, link: Connection[Any]) -> None:
        """Take the servers."""
        self.url, self.redis_url, self.bus, self.link = url, redis_url, bus, link
        self.ms, self.seq = 0, 0
        self.trader = self.started()

    def started(self) -> Trader:
        """Return a job that has just started."""
        trader = Trader(settings(), self.bus, as_role(self.url), PaperRules(jitter_ms=0))
        trader.use(database.connect(as_role(self.url), "trade"))
        trader.open()
        return trader

    def move(self, bid: str, ask: str, ms: int = 100, **fields: Any) -> None:
        """Publish a quote so many milliseconds later, ingest it, and let the job read it."""
        self.publish(bid, ask, ms, **fields)
        self.trader._due.pop("look", None)
        self.trader.turn(1)

    def publish(self, bid: str, ask: str, ms: int = 100, **fields: Any) -> None:
        """Publish a quote and ingest it."""
        self.ms += ms
        self.seq += 1
        at = TS + timedelta(milliseconds=self.ms)
        given = {"bid": D(bid), "ask": D(ask), "bid_size": 20, "ask_size": 20, "last": None}
        given |= {"last_size": None, "is_trade": "last" in fields, **fields}
        self.bus.publish([tick(ts=at, seq=self.seq, source=SOURCE, symbol="ES", **given)])
        take_in(self.redis_url, self.url)

    def place(
        self, side: Any, quantity: int, kind: Any = "MARKET", **fields: Any
    ) -> dict[str, Any]:
        """Place an order of ES as ann."""
        return place(self.link, self.request(side, quantity, kind, **fields), "ann")

    def request(
        self, side: Any, quantity: int, kind: Any = "MARKET", **fields: Any
    ) -> OrderRequest:
        """Return what is asked for."""
        values = {"account_id": "PAPER", "client_order_id": f"o{next(_ID)}", "symbol": "ES"}
        return OrderRequest(
            **{**values, "side": side, "type": kind, "quantity": quantity, **fields}
        )

    def orders(self) -> dict[str, str]:
        """Return the status of each order."""
        found = rows(self.link, "select client_order_id, status from trade.orders")
        return {row["client_order_id"]: row["status"] for row in found}

    def held(self) -> int:
        """Return the contracts of ES that are held."""
        sql = "select coalesce(sum(case side when 'BUY' then quantity else -quantity end), 0)"
        return int(value(self.link, f"{sql} from trade.fills"))


def made_desk(url: str, redis_url: str, bus: Bus, connection: Connection[Any]) -> Desk:
    """Return the market of a migrated database, which has one quote: 5000.00 to 5000.25."""
    connection.execute("update ops.edition set nature = 'recorded'")
    connection.execute(
        "insert into reference.sources (source, kind, priority, description) "
        "values (%s, 'tape', 10, 'a recorded morning')",
        (SOURCE,),
    )
    for day in (date(2024, 7, 1) + timedelta(days=step) for step in range(20)):
        if day.weekday() < 5:
            session = session_on("CME_EQUITY", day)
            database.rows(connection, "upsert_session", asdict(session))
    connection.execute(
        "insert into reference.contracts (root, month, last_trade, expiry, rule) "
        "values ('ES', '2024-09-01', '2024-09-20', '2024-09-20 13:30Z', 'third Friday')"
    )
    desk = Desk(url, redis_url, bus, connection)
    desk.move("5000.00", "5000.25")
    return desk
