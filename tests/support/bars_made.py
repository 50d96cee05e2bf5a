"""Build files of bars for tests: Parquet and CSV in the columnar format, and Databento's ohlcv."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import databento_dbn
import pyarrow as pa
import pyarrow.parquet as pa_parquet

# Monday, 1 July 2024, 09:30 in New York.
START = datetime(2024, 7, 1, 13, 30, tzinfo=UTC)
START_NS = 1_719_840_600_000_000_000
STEPS = {"1s": 1, "1m": 60, "5m": 300, "1h": 3600, "1d": 86_400}
_RTYPES = {"1s": 32, "1m": 33, "1h": 34, "1d": 35}
TYPES = {
    "symbol": pa.string(), "contract": pa.string(), "ts": pa.timestamp("us", "UTC"),
    "interval": pa.string(), "open": pa.float64(), "high": pa.float64(), "low": pa.float64(),
    "close": pa.float64(), "volume": pa.int64(), "n_trades": pa.int64(),
    "bid_volume": pa.int64(), "ask_volume": pa.int64(), "open_interest": pa.int64(),
    "source": pa.string(),
}  # fmt: skip


def row(**given: Any) -> dict[str, Any]:
    """Return a five-minute bar of ESU4 as a row of the columnar format, changed as given."""
    whole: dict[str, Any] = {
        "symbol": "ES", "contract": "ESU4", "ts": START, "interval": "5m",
        "open": 5528.75, "high": 5530.25, "low": 5527.0, "close": 5529.5,
        "volume": 120, "n_trades": 44, "bid_volume": 50, "ask_volume": 70,
        "open_interest": None, "source": "somebody",
    }  # fmt: skip
    return whole | given


def rows(count: int, **given: Any) -> list[dict[str, Any]]:
    """Return so many bars of five minutes, one after the other."""
    first: datetime = given.pop("ts", START)
    return [row(ts=first + timedelta(minutes=5 * n), **given) for n in range(count)]


def bars_file(
    path: Path,
    reported: Sequence[Mapping[str, Any]],
    types: Mapping[str, pa.DataType] | None = None,
) -> Path:
    """Write rows in the form that the name says, Parquet or CSV; `types` changes columns'."""
    if path.suffix == ".parquet":
        fields = {name: (TYPES | dict(types or {}))[name] for name in reported[0]}
        columns = {
            name: pa.array([each.get(name) for each in reported], kind)
            for name, kind in fields.items()
        }
        pa_parquet.write_table(pa.table(columns), path)
        return path
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(reported[0]))
        writer.writeheader()
        for each in reported:
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


ALWAYS = (date(2020, 1, 1), date(2030, 1, 1))


def ohlcv_head(width: str, names: Mapping[str, str] | None = None) -> bytes:
    """Return the head of a file of bars; `names` gives the number of each name."""
    dbn: Any = databento_dbn
    numbers = {"ESU4": "118"} if names is None else names
    return bytes(
        dbn.Metadata(
            dataset="GLBX.MDP3", start=START_NS, symbols=list(numbers),
            schema=dbn.Schema.from_str(f"ohlcv-{width}"),
            stype_in=dbn.SType.RAW_SYMBOL, stype_out=dbn.SType.INSTRUMENT_ID,
            mappings=[Mapped(n, [Interval(*ALWAYS, number)]) for n, number in numbers.items()],
        )
    )  # fmt: skip


def ohlcv(width: str, **given: Any) -> bytes:
    """Return a record of a bar: the prices of `row`, 120 contracts."""
    dbn: Any = databento_dbn
    whole = {
        "rtype": _RTYPES[width], "publisher_id": 1, "instrument_id": 118, "ts_event": START_NS,
        "open": 5_528_750_000_000, "high": 5_530_250_000_000, "low": 5_527_000_000_000,
        "close": 5_529_500_000_000, "volume": 120,
    }  # fmt: skip
    return bytes(dbn.OHLCVMsg(**(whole | given)))


def write_dbn(path: Path, content: bytes) -> Path:
    """Write a Databento file, packed where its name ends in .zst."""
    packed = pa.compress(content, "zstd", asbytes=True) if path.suffix == ".zst" else content
    path.write_bytes(packed)
    return path
