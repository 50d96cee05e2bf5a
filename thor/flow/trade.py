"""Trade on paper: send what was placed to the broker, and write what the market makes of it.

Stages: 25 bus → 80 trading. What a batch of the stream does to the orders is written in one
transaction with how far the stream was read, so that a restart repeats no fill and skips no tick.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from thor import clock, database
from thor.config import Settings
from thor.database import Connection
from thor.domain.orders import Order
from thor.domain.sessions import Session, Sessions
from thor.errors import NotFound, Refused, Unavailable
from thor.flow.flatten import flatten
from thor.flow.validate import validate
from thor.market.bus.client import Bus
from thor.market.bus.messages import Entry
from thor.reference import instruments
from thor.runtime import Stop, resume
from thor.trading.brokers.broker import BrokerEvent, Change, Holding
from thor.trading.brokers.paper import Market, PaperRules, PaperTradingBroker

Row = dict[str, Any]
Report = Callable[..., None]

KILLER = "kill switch"
_ENTRIES_MAX = 200
_BLOCK_MS = 50
_LOOK_EVERY_S = 0.5
_PROGRESS_EVERY_S = 1.0
_RECONCILE_EVERY_S = 30.0
_REFERENCE_EVERY_S = 60.0
_CLOSE_EVERY_S = 5.0
_FLATTEN_EVERY_S = 5.0
# A market without a tick and a clock for so long stands still: what waits for it is refused.
_STILL_S = 5.0
_SESSIONS_AROUND = timedelta(days=7)
_LONG_SESSION = timedelta(days=2)
_OPEN = ["PENDING", "SUBMITTED", "WORKING", "PARTIALLY_FILLED", "CANCEL_PENDING"]


class Trader:
    """The paper accounts of a database, each with its broker, on one stream."""

    def __init__(
        self, settings: Settings, bus: Bus, database_url: str, rules: PaperRules | None = None
    ) -> None:
        """Take the settings, the bus, the database's URL, and the paper broker's rules."""
        self._settings, self._bus, self._url = settings, bus, database_url
        self._rules = rules or PaperRules(
            latency_ms=settings.paper_latency_ms,
            jitter_ms=settings.paper_jitter_ms,
            seed=settings.paper_seed,
        )
        self._skew_max = timedelta(seconds=settings.skew_max_s)
        self._report: Report = lambda *_, **__: None
        self._due: dict[str, float] = {}
        self._brokers: dict[str, PaperTradingBroker] = {}
        self._epochs: dict[str, int] = {}
        self._fees: dict[tuple[str, date], Decimal | None] = {}
        self._entry_id, self._written_id = "0-0", ""
        self._moved_s = clock.monotonic_s()
        self._connection: Connection[Any]

    def run(self, stop: Stop, report: Report = lambda *_, **__: None) -> None:
        """Trade until `stop` is set; wait for a server that is away, then reconcile anew."""
        self._report = report

        def work(has_begun: Callable[[], None]) -> None:
            with database.connect(self._url, "trade") as self._connection:
                self.open()
                report("trading", accounts=sorted(self._brokers), after=self._entry_id)
                has_begun()
                while not stop:
                    self.turn()

        def on_wait(reason: str, attempt: int) -> None:
            report("waiting", reason=reason, attempt=attempt)

        resume(work, stop, on_wait)

    def use(self, connection: Connection[Any]) -> None:
        """Trade by a connection of the caller's, which then calls `open` and `turn`."""
        self._connection = connection

    def open(self) -> None:
        """Rebuild the brokers from the rows, and settle what a crash left without an outcome."""
        connection = self._connection
        database.listen(connection, "trade")
        self._due.clear()
        self._renew_reference()
        accounts = database.rows(connection, "trade_accounts", {"kind": "PAPER"})
        self._brokers, self._epochs = {}, {}
        for account in accounts:
            self._open_account(account)
        known = [row["entry_id"] for row in accounts if row["entry_id"] is not None]
        newest = self._bus.last_id()
        # A bus that began anew has only earlier ids.
        self._entry_id = min(known, key=_key) if known else newest
        if _key(newest) < _key(self._entry_id):
            self._entry_id = newest
        self._moved_s = clock.monotonic_s()
        self.reconcile()

    def turn(self, block_ms: int = _BLOCK_MS) -> int:
        """Take what was asked for, read what is new on the stream, and write what became of it.

        Returns the number of entries read.
        """
        if database.is_notified(self._connection) or self._is_due("look", _LOOK_EVERY_S):
            self._take_requests()
            self._watch_switch()
        if self._is_due("reference", _REFERENCE_EVERY_S):
            self._renew_reference()
        if self._is_due("reconcile", _RECONCILE_EVERY_S):
            self.reconcile()
        if self._is_due("close", _CLOSE_EVERY_S):
            self._flatten_by_close()
        entries = self._bus.after(self._entry_id, _ENTRIES_MAX, block_ms)
        for entry in entries:
            self._read(entry)
        if entries:
            self._entry_id, self._moved_s = entries[-1].entry_id, clock.monotonic_s()
        elif clock.monotonic_s() - self._moved_s > _STILL_S:
            for broker in self._brokers.values():
                if broker.is_waiting:
                    broker.refuse_waiting(
                        f"quote: the market stands still, without a tick and a clock for "
                        f"{_STILL_S:g} s"
                    )
        self._write()
        return len(entries)

    def reconcile(self) -> list[Row]:
        """Compare positions and open orders with the brokers', and write a row for each break."""
        found: list[Row] = []
        for account_id, broker in self._brokers.items():
            found += reconcile_positions(self._connection, account_id, broker.positions())
            known = {order.order_id for order in broker.orders()}
            for row in database.rows(
                self._connection, "trade_open_orders", {"account": account_id}
            ):
                if row["status"] == "SUBMITTED" and row["order_id"] not in known:
                    # It never arrived, or its answer was lost with the process: the same id again
                    # makes one order of it.
                    broker.submit(_order(row))
        for row in found:
            self._report("break", account=row["account_id"], symbol=row["symbol"])
        return found

    # What was asked for.

    def _take_requests(self) -> None:
        accounts = database.rows(self._connection, "trade_accounts", {"kind": "PAPER"})
        for account in accounts:
            if self._epochs.get(account["account_id"]) != account["epoch"]:
                self._open_account(account)
        values = {"accounts": sorted(self._brokers)}
        for row in database.rows(self._connection, "trade_requests", values):
            broker = self._brokers[row["account_id"]]
            if row["change"] is not None:
                self._modify(broker, row)
            elif row["status"] == "PENDING":
                self._submit(broker, row)
            else:
                self._cancel(broker, row)
        self._write()

    def _submit(self, broker: PaperTradingBroker, row: Row) -> None:
        instrument = self._listing.instrument(row["symbol"])
        order = _order(row)
        fault = broker.capabilities.fault(order, instrument.asset_class if instrument else "")
        if fault is None:
            try:
                sent = self._move(row, "SUBMITTED", ["PENDING"], None, order.placed_at)
            except Refused as error:
                fault = str(error)
            else:
                if sent:
                    broker.submit(msgspec.structs.replace(order, status="SUBMITTED"))
                return
        self._move(row, "REJECTED", ["PENDING"], fault, order.placed_at)

    def _cancel(self, broker: PaperTradingBroker, row: Row) -> None:
        at = broker.now or row["updated_at"]
        if row["order_id"] in {order.order_id for order in broker.orders()}:
            broker.cancel(row["order_id"], at, row["reason"])
        else:
            self._move(row, "CANCELLED", ["CANCEL_PENDING"], row["reason"], at)

    def _modify(self, broker: PaperTradingBroker, row: Row) -> None:
        change = msgspec.convert(row["change"], Change, strict=False)
        reason = broker.modify(row["order_id"], change, broker.now or row["updated_at"])
        # With the events of the change, in their order.
        self._write()
        values = {
            "modification_id": row["modification_id"],
            "outcome": "DONE" if reason is None else "REFUSED",
            "reason": reason,
        }
        database.rows(self._connection, "trade_end_modification", values)

    def _watch_switch(self) -> None:
        switch = database.one(self._connection, "trade_kill_switch")
        if not switch["is_latched"] or switch["is_flat"]:
            return
        open_rows = database.rows(self._connection, "trade_not_flat")
        if not open_rows:
            values = {"who": KILLER, "reason": "verified: nothing is held and no order is open"}
            try:
                database.rows(self._connection, "trade_flat", values)
            except (database.DriverError, Refused):
                return  # something was written meanwhile: look again
            self._report("flat", since=switch["since"].isoformat())
        elif self._is_due("flatten", _FLATTEN_EVERY_S) or any(
            row["kind"] == "ORDER" for row in open_rows
        ):
            self._flatten(reason=switch["reason"], who=KILLER)

    def _flatten_by_close(self) -> None:
        for account_id in self._brokers:
            for row in database.rows(self._connection, "trade_holdings", {"account": account_id}):
                instrument = self._listing.instrument(row["symbol"])
                now = self._brokers[account_id].now
                if instrument is None or now is None:
                    continue
                values = {"account": account_id, "root": instrument.symbol}
                limits = database.rows(self._connection, "trade_limits_for", values)
                minutes = next((x["value"] for x in limits if x["rule"] == "flat_by_close"), None)
                session = self._session(instrument.calendar, now)
                if minutes and session is not None:
                    left = (session.close_at - now).total_seconds() / 60
                    if left <= minutes:
                        self._flatten(
                            *(f"flat {minutes} minutes before the close", "trade"),
                            account=account_id,
                            symbol=row["symbol"],
                        )

    def _flatten(self, reason: str, who: str, **what: str | None) -> None:
        try:
            placed = flatten(self._connection, who, reason=reason, **what)
        except Refused as error:
            self._report("not flattened", reason=str(error))
            return
        for row in placed:
            self._report("flattening", order=row["client_order_id"], reason=reason)
        self._take_requests()

    # What the market does.

    def _read(self, entry: Entry) -> None:
        if entry.first is None or entry.marks is not None:
            return
        if entry.clock is not None:
            if entry.source is not None:
                for broker in self._brokers.values():
                    broker.on_clock(entry.source, entry.clock, entry.seen)
            return
        good = validate(entry, self._listing, self._skew_max, clock.now()).ticks
        for broker in self._brokers.values():
            for tick in good:
                broker.on_tick(tick)

    def _write(self) -> None:
        events = [event for broker in self._brokers.values() for event in broker.events()]
        is_due = self._entry_id != self._written_id and self._is_due("progress", _PROGRESS_EVERY_S)
        if not events and not is_due:
            return
        try:
            with database.transaction(self._connection):
                for event in events:
                    self._write_event(event)
                now = max(
                    (one.now for one in self._brokers.values() if one.now is not None), default=None
                )
                values = {"entry_id": self._entry_id, "at": now, "accounts": sorted(self._brokers)}
                database.rows(self._connection, "trade_keep_progress", values)
        except (database.DriverError, Refused) as error:
            # The rows are the truth: what the broker holds in memory is made of them anew.
            self._report("not written", reason=str(error).splitlines()[0])
            raise Unavailable(f"PostgreSQL: {str(error).splitlines()[0]}") from error
        self._written_id = self._entry_id

    def _write_event(self, event: BrokerEvent) -> None:
        order, at = event.order, event.at
        if event.fill is not None:
            values = msgspec.structs.asdict(event.fill)
            values["assumptions"] = list(event.fill.assumptions)
            database.rows(self._connection, "trade_insert_fill", values)
            self._report("fill", order=order.client_order_id, price=str(event.fill.price))
            return
        values = {**msgspec.structs.asdict(order), "at": at, "who": "broker"}
        row = {"order_id": order.order_id, "expires_at": order.expires_at}
        if event.kind == "ACCEPTED":
            self._move(row, "WORKING", ["SUBMITTED"], event.reason, at)
        elif event.kind in ("MODIFIED", "TRIGGERED", "TRAILED"):
            database.rows(self._connection, "trade_change", values)
        else:
            self._move(row, order.status, _OPEN, event.reason, at)

    def _move(
        self, row: Row, status: str, of: Sequence[str], reason: str | None, at: datetime
    ) -> bool:
        values = {
            "order_id": row["order_id"],
            "status": status,
            "from": [*of],
            "reason": reason,
            "expires_at": row.get("expires_at"),
            "who": "broker",
            "at": at,
        }
        try:
            with database.transaction(self._connection):
                return bool(database.rows(self._connection, "trade_move", values))
        except database.DriverError as error:
            raise Refused(str(error).splitlines()[0]) from error

    # What it starts from.

    def _open_account(self, account: Row) -> None:
        account_id = account["account_id"]
        held = database.rows(self._connection, "trade_holdings", {"account": account_id})
        broker = PaperTradingBroker(
            account_id,
            Market(instrument=self._instrument, session=self._session, fee=self._fee),
            self._rules,
            [
                Holding(symbol=row["symbol"], contract=row["contract"], quantity=row["quantity"])
                for row in held
            ],
        )
        values = {"account": account_id}
        for row in database.rows(self._connection, "trade_ended_of_groups", values):
            broker.restore_filled(_order(row))
        for row in database.rows(self._connection, "trade_open_orders", values):
            if row["status"] not in ("PENDING", "SUBMITTED"):
                broker.restore(_order(row))
        self._brokers[account_id] = broker
        self._epochs[account_id] = account["epoch"]

    def _renew_reference(self) -> None:
        self._listing = instruments.listing(self._connection)
        self._load_sessions(database.one(self._connection, "trade_market_now")["moment"])
        limits = database.one(self._connection, "quote_limits")
        self._rules = msgspec.structs.replace(self._rules, stale_after=limits["stale_after"])
        self._fees.clear()

    def _instrument(self, symbol: str) -> Any:
        return self._listing.instrument(symbol)

    def _session(self, calendar: str, at: datetime) -> Session | None:
        if not self._sessions_from <= at < self._sessions_to:
            self._load_sessions(at)
        try:
            return self._sessions.session_at(calendar, at)
        except NotFound:
            return None

    def _load_sessions(self, at: datetime | None) -> None:
        at = at or clock.now()
        self._sessions_from, self._sessions_to = at - _SESSIONS_AROUND, at + _SESSIONS_AROUND
        around = (self._sessions_from - _LONG_SESSION, self._sessions_to + _LONG_SESSION)
        self._sessions = Sessions(instruments.sessions(self._connection, *around))

    def _fee(self, root: str, day: date) -> Decimal | None:
        key = (root, day)
        if key not in self._fees:
            values = {"root": root, "date": day}
            self._fees[key] = database.one(self._connection, "trade_fee", values)["fee"]
        return self._fees[key]

    def _is_due(self, task: str, every_s: float) -> bool:
        now_s = clock.monotonic_s()
        if now_s < self._due.get(task, 0.0):
            return False
        self._due[task] = now_s + every_s
        return True


def reconcile_positions(
    connection: Connection[Any], account_id: str, holdings: Sequence[Holding]
) -> list[Row]:
    """Compare what the rows hold with what a broker holds, the union of both.

    Writes a break for each difference, which locks its symbol, and returns the new ones.
    """
    rows = database.rows(connection, "trade_holdings", {"account": account_id})
    expected = {(row["symbol"], row["contract"]): row["quantity"] for row in rows}
    actual = {(one.symbol, one.contract): one.quantity for one in holdings}
    found: list[Row] = []
    for symbol, contract in sorted(expected.keys() | actual.keys(), key=str):
        ours, theirs = expected.get((symbol, contract), 0), actual.get((symbol, contract), 0)
        if ours == theirs:
            continue
        values = {
            "account": account_id,
            "symbol": contract or symbol,
            "expected": str(ours),
            "actual": str(theirs),
            "reason": f"position: {ours} contracts by the fills, {theirs} at the broker; compare "
            "the fills with the broker's, then `thor reconcile --clear` the break",
        }
        if (made := database.row(connection, "trade_insert_break", values)) is not None:
            found.append({**values, "account_id": account_id, **made})
    return found


def _order(row: Row) -> Order:
    return msgspec.convert({name: row[name] for name in Order.__struct_fields__}, Order)


def _key(entry_id: str) -> tuple[int, int]:
    ms, _, seq = entry_id.partition("-")
    return int(ms), int(seq or 0)
