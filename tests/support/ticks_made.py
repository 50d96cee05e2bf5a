"""Build ticks, entries, tapes and ingestors for tests, and read their results."""

import contextlib
import csv
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import databento_dbn
import msgspec
import psycopg
import pyarrow as pa
import pyarrow.parquet as pa_parquet
import redis
from psycopg.rows import dict_row
from roles_made import as_role

from thor.config import Settings
from thor.domain.instrument import Instrument, Listing
from thor.domain.tick import Tick
from thor.flow.ingest import Ingestor
from thor.market.bus import wire
from thor.market.bus.client import Bus
from thor.market.bus.messages import COUNTER, GROUP, STREAM, Entry, seal, signature
from thor.market.bus.messages import entry as read_entry
from thor.ops import heartbeat
from thor.ops.heartbeat import Beat, Heartbeat
from thor.runtime import Stop

# The months that the recorded files name with one digit, by the dates of their records.
MONTHS = {
    "ESH2": "ESH22", "ESH4": "ESH24", "ESM8": "ESM18", "ESU4": "ESU24", "ESZ3": "ESZ13",
    "GCV3": "GCV13", "GCX3": "GCX13", "GCZ3": "GCZ13", "GCG4": "GCG14", "GCJ4": "GCJ14",
    "GCM4": "GCM14", "GCQ4": "GCQ14", "GCV4": "GCV14", "GCZ4": "GCZ14", "GCM5": "GCM15",
    "GCZ5": "GCZ15",
}  # fmt: skip
# Monday, 1 July 2024, in regular hours.
TS = datetime(2024, 7, 1, 14, 30, 0, 123456, tzinfo=UTC)

ES = Instrument(
    symbol="ES", name="E-mini S&P 500", exchange="CME", asset_class="equity_index",
    calendar="CME_EQUITY", tick_size=Decimal("0.25"), quote_increment=Decimal("0.25"),
    multiplier=Decimal(50), display_precision=2,
)  # fmt: skip
CL = Instrument(
    symbol="CL", name="Crude oil", exchange="NYMEX", asset_class="energy",
    calendar="CME_ENERGY", tick_size=Decimal("0.01"), quote_increment=Decimal("0.01"),
    multiplier=Decimal(1000), display_precision=2, is_negative_legal=True,
)  # fmt: skip
DX = Instrument(
    symbol="DX", name="US Dollar Index", exchange="ICE", asset_class="currency",
    calendar="ICE", tick_size=Decimal("0.005"), quote_increment=Decimal("0.001"),
    multiplier=Decimal(1000), display_precision=3, aliases=("$DXY", "DXY"),
)  # fmt: skip
LISTING = Listing(
    {"ES": ES, "CL": CL, "DX": DX},
    {"ES": "ES", "CL": "CL", "DX": "DX", "ESU24": "ES"},
    frozenset({"SIM", "EXCEL"}),
)


def tick(**given: Any) -> Tick:
    """Return a trade of one ES at 5000.25, of the simulator, changed as given."""
    whole: dict[str, Any] = {
        "symbol": "ES", "ts": TS, "seq": 1, "source": "SIM", "last": Decimal("5000.25"),
        "last_size": 1, "is_trade": True,
    }  # fmt: skip
    whole |= given
    whole.setdefault("received_at", whole["ts"])
    return Tick(**whole)


def many(count: int, first_seq: int = 0, **given: Any) -> list[Tick]:
    """Return ticks a millisecond apart, numbered from `first_seq`, on a grid of 0.25."""
    return [
        tick(
            **{
                "seq": seq,
                "ts": TS + timedelta(milliseconds=seq),
                "last": Decimal(5000) + Decimal(seq % 8) / 4,
                **given,
            }
        )
        for seq in range(first_seq, first_seq + count)
    ]


def written(one: Tick, **changed: Any) -> dict[str, Any]:
    """Return a tick as its JSON object, with fields changed to anything; None takes one out."""
    item = json.loads(wire.encode([one]))[0] | changed
    return {name: value for name, value in item.items() if value is not None}


def inject(client: "redis.Redis", payload: bytes | list[Any], n: int, entry_id: str = "*") -> str:
    """Put any bytes on the stream as an entry of `n` ticks, counted as a publish counts them."""
    content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    _begin(client)
    following: Any = client.hincrby(COUNTER, "next", n)
    return add(client, entry_id, first=int(following) - n, n=n, source="SIM", ticks=content)


def _begin(client: "redis.Redis") -> None:
    if not client.exists(COUNTER):
        base = time.time_ns() // 1000
        born: Any = {"base": base, "next": base, "oldest": base, "key": "k", "signed_after": "0-0"}
        client.hset(COUNTER, mapping=born)


def add(client: "redis.Redis", entry_id: str = "*", **fields: Any) -> str:
    """Put an entry on the stream as one of the bus's scripts does, signed; returns its id."""
    _begin(client)
    key: Any = client.hget(COUNTER, "key") or b""
    parts = [
        part if isinstance(part, bytes) else str(part).encode()
        for pair in fields.items()
        for part in pair
    ]
    found: Any = client.xadd(STREAM, {**fields, "sig": signature(key, parts)}, id=entry_id)
    return str(found.decode())


class OnceBus(Bus):
    """A bus that stops the ingestor as soon as nothing new is on the stream."""

    def __init__(self, url: str, stop: Stop, keep_s: int = 600) -> None:
        super().__init__(url, keep_s=keep_s)
        self._stop = stop

    def read(self, consumer: str, entries_max: int, block_ms: int) -> list[Entry]:
        found = super().read(consumer, entries_max, 1)
        if not found:
            self._stop.set()
        return found


def settings(**given: Any) -> Settings:
    """Return settings that no file and no environment of the machine has changed."""
    return Settings(**{"_env_file": None, "claim_idle_ms": 100, "mlflow_url": "none", **given})


def take_in(
    redis_url: str, database_url: str, consumer: str = "ingest-1", **given: Any
) -> list[tuple[str, dict[str, Any]]]:
    """Run an ingestor until nothing new is on the stream; returns its log."""
    stop = Stop()
    bus = OnceBus(redis_url, stop)
    said: list[tuple[str, dict[str, Any]]] = []
    try:
        intake = Ingestor(settings(**given), bus, as_role(database_url), consumer)
        intake.run(stop, lambda what, **more: said.append((what, more)))
    finally:
        bus.close()
    return said


@contextlib.contextmanager
def taking_in(
    redis_url: str,
    database_url: str,
    consumer: str = "ingest-1",
    heartbeat_file: Path | None = None,
    **given: Any,
) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """Run an ingestor in a thread meanwhile; gives its log, raises what it raised.

    With a file the ingestor has a heartbeat, there and on the bus.
    """
    bus = Bus(redis_url)
    stop, beating = Stop(), ExitStack()
    if heartbeat_file is not None:

        def report(beat: Beat) -> None:
            bus.report(beat.job, heartbeat.fields(beat))

        stop = beating.enter_context(Heartbeat(consumer, heartbeat_file, 60.0, report))
    said: list[tuple[str, dict[str, Any]]] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            intake = Ingestor(settings(**given), bus, as_role(database_url), consumer)
            intake.run(stop, lambda what, **more: said.append((what, more)))
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, name=consumer)
    thread.start()
    try:
        yield said
    finally:
        stop.set()
        thread.join()
        beating.close()
        bus.close()
    if raised:
        raise raised[0]


def wait_for(done: Callable[[], Any], what: str, within_s: float = 240.0) -> Any:
    """Wait until a condition gives something true, and return it; fails after a long while."""
    until = time.monotonic() + within_s
    while not (found := done()):
        assert time.monotonic() < until, f"{what} did not come about in {within_s:g} s"
        time.sleep(0.02)
    return found


def rows(connection: "psycopg.Connection[Any]", query: str, *values: Any) -> list[dict[str, Any]]:
    """Return the rows of a query as dictionaries."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query.encode(), values).fetchall()


def value(connection: "psycopg.Connection[Any]", query: str, *values: Any) -> Any:
    """Return the one value of a query."""
    found = connection.execute(query.encode(), values).fetchone()
    assert found is not None
    return found[0]


def account(connection: "psycopg.Connection[Any]") -> tuple[int, int, int, int]:
    """Return received, inserted, duplicate and rejected, over all batches."""
    query = "select received, inserted, duplicate, rejected from market.ingest_totals"
    found = connection.execute(query.encode()).fetchone()
    assert found is not None
    received, inserted, duplicate, refused = found
    return received, inserted, duplicate, refused


def rejected(connection: "psycopg.Connection[Any]") -> list[dict[str, Any]]:
    """Return the quarantine in the order in which it was written."""
    return rows(connection, "select * from market.rejected_ticks order by rejected_id")


def stored(connection: "psycopg.Connection[Any]") -> list[Tick]:
    """Return the stored ticks in their order, as `Tick`s."""
    names = [name for name in Tick.__struct_fields__ if name not in ("refused", "refused_value")]
    query = f"select {', '.join(names)} from market.ticks order by symbol, ts, seq, source"
    return [Tick(**row) for row in rows(connection, query)]


def plain(one: Tick) -> tuple[Any, ...]:
    """Return a tick's values with times in UTC, to compare what a database gave back."""
    values = msgspec.structs.asdict(one)
    return tuple(
        item.astimezone(UTC) if isinstance(item, datetime) else item for item in values.values()
    )


def entries(client: "redis.Redis") -> list[Entry]:
    """Return all entries of the stream."""
    found: Any = client.xrange(STREAM)
    answer: Any = client.hmget(COUNTER, "key", "signed_after", "next")
    return [read_entry(raw, seal(answer)) for raw in found]


def unacknowledged(client: "redis.Redis") -> set[str]:
    """Return the ids that were delivered to a consumer and not acknowledged."""
    found: Any = client.xpending_range(STREAM, GROUP, "-", "+", 1_000_000)
    return {one["message_id"].decode() for one in found}


def record(**given: Any) -> dict[str, Any]:
    """Return a trade of ESU4 as a row of the columnar format, changed as given."""
    whole: dict[str, Any] = {
        "symbol": "ES", "contract": "ESU4", "ts": TS.replace(microsecond=0), "kind": "trade",
        "last": 5528.75, "bid": None, "ask": None, "last_size": 2, "side": "B",
    }  # fmt: skip
    return whole | given


def records(count: int, **given: Any) -> list[dict[str, Any]]:
    """Return such rows, a second apart."""
    first = TS.replace(microsecond=0)
    return [record(**{"ts": first + timedelta(seconds=n), **given}) for n in range(count)]


def tape_file(path: Path, reported: list[dict[str, Any]]) -> Path:
    """Write rows of the columnar format to Parquet, CSV or DBN, by the name's suffix."""
    if path.suffix == ".parquet":
        pa_parquet.write_table(pa.Table.from_pylist(reported), path)
    elif path.suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(reported[0]))
            writer.writeheader()
            for row in reported:
                ts = row["ts"]
                writer.writerow({**row, "ts": ts.isoformat() if isinstance(ts, datetime) else ts})
    else:
        content = _dbn(reported)
        packed = path.suffix == ".zst"
        path.write_bytes(pa.compress(content, "zstd", asbytes=True) if packed else content)
    return path


class _Interval:
    start_date, end_date, symbol = date(2024, 7, 1), date(2024, 8, 1), "118"


class _Mapped:
    raw_symbol, intervals = "ESU4", (_Interval(),)


def _dbn(reported: list[dict[str, Any]]) -> bytes:
    # The package's stubs are narrower than what it takes.
    dbn: Any = databento_dbn
    head = dbn.Metadata(
        dataset="GLBX.MDP3", start=0, schema=dbn.Schema.TRADES, symbols=["ESU4"],
        stype_in=dbn.SType.RAW_SYMBOL, stype_out=dbn.SType.INSTRUMENT_ID, mappings=[_Mapped()],
    )  # fmt: skip
    body = [
        dbn.TradeMsg(
            publisher_id=1, instrument_id=118, ts_event=int(row["ts"].timestamp()) * 10**9,
            price=int(row["last"] * 10**9), size=row["last_size"], depth=0,
            action=dbn.Action.TRADE, side=dbn.Side.BID,
            ts_recv=int(row["ts"].timestamp()) * 10**9,
        )
        for row in reported
    ]  # fmt: skip
    return b"".join(bytes(part) for part in (head, *body))
