"""Build small tapes for tests: Parquet and CSV in the columnar format, and Databento files."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import databento_dbn
import pyarrow as pa
import pyarrow.parquet as pa_parquet

SHARED = Path(__file__).parents[2].parent / "shared/data"
ESU4_DBN = SHARED / "raw/esu4-glbx-mdp3-20240701T2358.mbp-1.dbn.zst"
MBO_DBN = SHARED / "raw/esh4-glbx-mdp3-20231225.mbo.dbn.zst"

NEUTRAL = pa.schema(
    [
        ("symbol", pa.string()),
        ("contract", pa.string()),
        ("ts", pa.timestamp("us", "UTC")),
        ("kind", pa.string()),
        ("last", pa.float64()),
        ("bid", pa.float64()),
        ("ask", pa.float64()),
        ("last_size", pa.int64()),
        ("bid_size", pa.int64()),
        ("ask_size", pa.int64()),
        ("source", pa.string()),
        ("seq", pa.int64()),
        ("side", pa.string()),
    ]
)

TS = datetime(2024, 7, 1, 14, 30, 0, 123456, tzinfo=UTC)
# 2024-07-01T14:30:00.123456Z in nanoseconds since 1970, and 789 ns more.
TS_NS = 1_719_844_200_123_456_789
NO_PRICE = databento_dbn.UNDEF_PRICE


def shared_tape(name: str) -> Path:
    """Return the path of a tape of real data."""
    return SHARED / f"ticks/{name}.parquet"


def row(**given: Any) -> dict[str, Any]:
    """Return a trade of ESU4 in the columnar format, changed as given."""
    whole = dict.fromkeys(NEUTRAL.names) | {
        "symbol": "ES", "contract": "ESU4", "ts": TS, "kind": "trade",
        "last": 5528.75, "last_size": 2, "side": "B",
    }  # fmt: skip
    return whole | given


def write_parquet(
    path: Path,
    rows: Sequence[Mapping[str, Any]],
    types: Mapping[str, pa.DataType] | None = None,
) -> Path:
    """Write rows as Parquet; `types` replaces the type of a column, or adds one."""
    fields = {field.name: field.type for field in NEUTRAL} | dict(types or {})
    fields = {name: kind for name, kind in fields.items() if name in rows[0]}
    columns = {
        name: pa.array([each.get(name) for each in rows], kind) for name, kind in fields.items()
    }
    pa_parquet.write_table(pa.table(columns), path)
    return path


def write_csv(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Write rows as CSV with a header; None is an empty cell, a time is ISO 8601."""
    listed = list(rows)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(listed[0]))
        writer.writeheader()
        for each in listed:
            writer.writerow(
                {k: v.isoformat() if isinstance(v, datetime) else v for k, v in each.items()}
            )
    return path


@dataclass
class Interval:
    """From a day to the day before another, a number means a name."""

    start_date: date
    end_date: date
    symbol: str


@dataclass
class Mapped:
    """All intervals of a name."""

    raw_symbol: str
    intervals: Sequence[Any]


JULY = Interval(date(2024, 7, 1), date(2024, 8, 1), "118")


def metadata(schema: str, mappings: Sequence[Mapped] | None = None, **given: Any) -> bytes:
    """Return the head of a Databento file that maps instrument 118 to ESU4."""
    known = {"stype_in": databento_dbn.SType.RAW_SYMBOL} | given
    return bytes(
        databento_dbn.Metadata(
            dataset="GLBX.MDP3",
            start=TS_NS,
            stype_out=known.pop("stype_out", databento_dbn.SType.INSTRUMENT_ID),
            schema=databento_dbn.Schema.from_str(schema),
            symbols=["ESU4"],
            mappings=[Mapped("ESU4", [JULY])] if mappings is None else mappings,
            **known,
        )
    )


def trade(**given: Any) -> bytes:
    """Return a record of the schema trades: a buyer lifts two at 5528.75."""
    return bytes(databento_dbn.TradeMsg(**(_record() | given)))


def mbp1(bid: int = 5_528_500_000_000, ask: int = 5_528_750_000_000, **given: Any) -> bytes:
    """Return a record of mbp-1 and tbbo: the same trade, 29 bid and 6 offered before it."""
    book = databento_dbn.BidAskPair(
        bid_px=bid, ask_px=ask, bid_sz=29, ask_sz=6, bid_ct=22, ask_ct=3
    )
    return bytes(databento_dbn.MBP1Msg(**(_record() | {"levels": book} | given)))


def _record() -> dict[str, Any]:
    return {
        "publisher_id": 1,
        "instrument_id": 118,
        "ts_event": TS_NS,
        "price": 5_528_750_000_000,
        "size": 2,
        "action": databento_dbn.Action.TRADE,
        "side": databento_dbn.Side.BID,
        "depth": 0,
        "ts_recv": TS_NS + 250_000,
    }


def write_dbn(path: Path, content: bytes) -> Path:
    """Write a Databento file, packed where its name ends in .zst."""
    packed = pa.compress(content, "zstd", asbytes=True) if path.suffix == ".zst" else content
    path.write_bytes(packed)
    return path
