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
from thor.domain.sessions import Session, Sessions
from thor.domain.tick import Tick
from thor.errors import NotFound, Refused, Unavailable
from thor.flow.flatten import flatten
from thor.flow.reconcile import order_of, reconcile
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
        # What the market did not take: the account, the series, the symbol and the sign of it.
        self._unflattened: dict[tuple[str, str], tuple[str, int]] = {}
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
            self._entry_id = entries[-1].entry_id
        if reason := self._stillness():
            for broker in self._brokers.values():
                broker.refuse_waiting(reason)
        self._write()
        return len(entries)

    def _stillness(self) -> str | None:
        if clock.monotonic_s() - self._moved_s <= _STILL_S:
            return None
        return f"quote: the market stands still, without a tick and a clock for {_STILL_S:g} s"

    def reconcile(self) -> list[Row]:
        """Compare positions and open orders with the brokers', and write a row for each break."""
        found: list[Row] = []
        for broker in self._brokers.values():
            found += reconcile(self._connection, broker)
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
        order = order_of(row)
        if order.group_kind is not None:
            self._restore_group(broker, order.account_id)
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
        try:
            with database.transaction(self._connection):
                if not row["is_flattening"]:
                    database.rows(self._connection, "trade_refuse_opening", row)
                reason = broker.modify(row["order_id"], change, broker.now or row["updated_at"])
                # With the events of the change, in their order.
                self._write()
                self._end_modification(row, reason)
        except Refused as error:
            self._end_modification(row, str(error))

    def _end_modification(self, row: Row, reason: str | None) -> None:
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
        # What the market did not take is not placed anew before the market would take it.
        without = {key for key in self._unflattened if self._fault(key)}
        try:
            placed = flatten(
                self._connection, who, reason=reason, at=self._market_at(), without=without, **what
            )
        except Refused as error:
            self._report("not flattened", reason=str(error))
            return
        for row in placed:
            self._unflattened.pop((row["account_id"], row["series"]), None)
            self._report("flattening", order=row["client_order_id"], reason=reason)
        self._take_requests()

    def _fault(self, key: tuple[str, str]) -> str | None:
        return self._stillness() or self._brokers[key[0]].fault(*self._unflattened[key])

    def _market_at(self) -> datetime | None:
        times = [broker.now for broker in self._brokers.values() if broker.now is not None]
        return max(times, default=None)

    # What the market does.

    def _read(self, entry: Entry) -> None:
        found = validate(entry, self._listing, self._skew_max, clock.now())
        if found.clock is not None or found.ticks:
            self._moved_s = clock.monotonic_s()
        for broker in self._brokers.values():
            if found.clock is not None:
                broker.on_clock(*found.clock, found.seen)
            for tick in found.ticks:
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
                values = {
                    **{"entry_id": self._entry_id, "at": self._market_at()},
                    "accounts": sorted(self._brokers),
                }
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
            if event.kind == "REJECTED" and order.is_flattening:
                key = (order.account_id, order.contract or order.symbol)
                self._unflattened[key] = order.symbol, order.sign
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
        as_of = self._market_at() or account["market_at"] or self._now()
        for row in database.rows(self._connection, "trade_quotes", {"as_of": as_of}):
            heard_at = row.pop("heard_at")
            broker.show(Tick(**row, is_trade=False), heard_at)
        self._restore_group(broker, account_id)
        for row in database.rows(self._connection, "trade_open_orders", {"account": account_id}):
            if row["status"] not in ("PENDING", "SUBMITTED"):
                broker.restore(order_of(row))
        self._brokers[account_id] = broker
        self._epochs[account_id] = account["epoch"]

    def _restore_group(self, broker: PaperTradingBroker, account_id: str) -> None:
        """Give the broker what ended of the groups that still have an open order."""
        for row in database.rows(
            self._connection, "trade_ended_of_groups", {"account": account_id}
        ):
            broker.restore_filled(order_of(row))

    def _now(self) -> datetime | None:
        moment: datetime | None = database.one(self._connection, "trade_market_now")["moment"]
        return moment

    def _renew_reference(self) -> None:
        self._listing = instruments.listing(self._connection)
        self._load_sessions(self._now())
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


def _key(entry_id: str) -> tuple[int, int]:
    ms, _, seq = entry_id.partition("-")
    return int(ms), int(seq or 0)
