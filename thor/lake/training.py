"""Read a training set out of DuckDB: features beside labels, as one matrix.

Stage 55, lake. Reads store.features_<width> and feat.labels of a connection that `connect` or
`query.handed` made; gives NumPy arrays, and the same rows for pandas and Polars.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, overload

import duckdb
import numpy as np
import pyarrow as pa

from thor.domain.bar import FEATURE_WIDTHS
from thor.errors import NotFound, Rejected, Unavailable
from thor.lake.query.connect import Connection, connect

TARGETS = ("direction", "magnitude", "volatility")
HORIZONS = ("1m", "5m", "15m", "60m", "close")
FORMS = ("numpy", "pandas", "polars", "arrow")
Array = np.ndarray[Any, Any]

_BESIDE = ("label", "magnitude_ticks", "cost_ticks", "last_return", "vol_forecast")


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Rows with a label, in the order of known_at and symbol.

    `x` is column-major float32, a column a feature of `names`, NaN where there is none. `y` is the
    label; `known_us`, `label_end_us`, `bar_start_us` and `changed_us` are microseconds since 1970,
    UTC. `symbol` indexes `symbols`. `magnitude_ticks` and `cost_ticks` are what a trade would have
    made and cost, ticks; `last_return` the bar's log return, `vol_forecast` the forecast deviation
    of the next bar's.
    """

    target: str
    horizon: str
    width: str
    names: tuple[str, ...]
    symbols: tuple[str, ...]
    x: Array
    y: Array
    known_us: Array
    label_end_us: Array
    bar_start_us: Array
    changed_us: Array
    symbol: Array
    magnitude_ticks: Array
    cost_ticks: Array
    last_return: Array
    vol_forecast: Array

    @property
    def checksum(self) -> str:
        """The SHA-256 of features, labels, times and symbols, in hex."""
        found = hashlib.sha256()
        for name in (self.target, self.horizon, self.width, *self.names, *self.symbols):
            found.update(name.encode() + b"\0")
        for column in range(self.x.shape[1]):
            found.update(np.ascontiguousarray(self.x[:, column]).data)
        for part in (self.y, self.known_us, self.label_end_us, self.symbol):
            found.update(np.ascontiguousarray(part).data)
        return found.hexdigest()

    def numpy(self) -> tuple[Array, Array]:
        """Return features and labels."""
        return self.x, self.y

    def arrow(self) -> pa.Table:
        """Return the rows as an Arrow table: keys, label, features."""
        instant = pa.timestamp("us", "UTC")
        keys = {
            "symbol": pa.DictionaryArray.from_arrays(self.symbol, list(self.symbols)).cast(
                pa.string()
            ),
            "bar_start": pa.array(self.bar_start_us).cast(instant),
            "known_at": pa.array(self.known_us).cast(instant),
            "label_end": pa.array(self.label_end_us).cast(instant),
            self.target: pa.array(self.y),
        }
        features = {name: pa.array(self.x[:, at]) for at, name in enumerate(self.names)}
        return pa.table(keys | features)

    def pandas(self) -> Any:
        """Return the rows as a pandas DataFrame."""
        return self.arrow().to_pandas()

    def polars(self) -> Any:
        """Return the rows as a Polars DataFrame, where the research extra is installed."""
        import polars

        return polars.from_arrow(self.arrow())


@overload
def training_set(
    lake: Connection | str | None = None,
    *,
    target: str = ...,
    horizon: str = ...,
    symbols: Sequence[str] | None = ...,
    names: Sequence[str] | None = ...,
    width: str = ...,
    first: datetime | None = ...,
    last: datetime | None = ...,
    as_: None = None,
) -> TrainingSet: ...
@overload
def training_set(
    lake: Connection | str | None = None,
    *,
    target: str = ...,
    horizon: str = ...,
    symbols: Sequence[str] | None = ...,
    names: Sequence[str] | None = ...,
    width: str = ...,
    first: datetime | None = ...,
    last: datetime | None = ...,
    as_: Literal["numpy", "pandas", "polars", "arrow"],
) -> Any: ...
def training_set(
    lake: Connection | str | None = None,
    *,
    target: str = "direction",
    horizon: str = "15m",
    symbols: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    width: str = "1m",
    first: datetime | None = None,
    last: datetime | None = None,
    as_: str | None = None,
) -> Any:
    """Return features and labels of the bars with first <= bar_start < last.

    `lake` is a connection, a lake's URL, or by default THOR_LAKE_URL. `names` are features of
    feat.catalogue, all by default; `symbols` all of the lake by default. `as_` gives the rows as
    `numpy` (features, labels), `pandas`, `polars` or `arrow` instead. Raises `Rejected` for an
    unknown name, target, horizon, width or form, `NotFound` where the lake has no features of the
    width, or no row has a label.
    """
    _check(target, TARGETS, "target")
    _check(horizon, HORIZONS, "horizon")
    _check(width, FEATURE_WIDTHS, "width")
    if as_ is not None:
        _check(as_, FORMS, "as_")
    asked = (target, horizon, symbols, names, width, (first, last))
    if lake is None or isinstance(lake, str):
        with connect(lake) as connection:
            found = _read(connection, *asked)
    else:
        found = _read(lake, *asked)
    return found if as_ is None else getattr(found, as_)()


def computed_rows(
    connection: Connection,
    width: str,
    symbol: str,
    names: Sequence[str],
    first: datetime,
    last: datetime,
) -> dict[int, tuple[float | None, ...]]:
    """Return features of a symbol's bars with first <= bar_start < last, computed from its bars.

    Keys are starts, microseconds since 1970, UTC; stored features are not read.
    """
    chosen = ", ".join(f'"{name}"' for name in names)
    found = connection.execute(
        f"select epoch_us(bar_start), {chosen} from feat.matrix(?, ?, ?, ?)",
        [width, [symbol], first, last],
    ).fetchall()
    return {row[0]: row[1:] for row in found}


def dates_with_features(connection: Connection, width: str, symbols: Sequence[str]) -> set[date]:
    """Return the trade dates on which the lake has features of a width, of all these symbols."""
    if not _stored(connection, width):
        return set()
    found = connection.execute(
        "select trade_date from (select symbol, (((bar_start at time zone 'America/Chicago') "
        f"+ interval '7 hours')::date) as trade_date from store.features_{width}) "
        "where list_contains(?::varchar[], symbol) group by trade_date "
        "having count(distinct symbol) = ?",
        [[*symbols], len(set(symbols))],
    ).fetchall()
    return {day for (day,) in found}


def _check(value: str, known: Any, name: str) -> None:
    if value not in known:
        raise Rejected(f"{name}: {value!r} is none of {', '.join(known)}")


def _read(
    connection: Connection,
    target: str,
    horizon: str,
    symbols: Sequence[str] | None,
    names: Sequence[str] | None,
    width: str,
    span: tuple[datetime | None, datetime | None],
) -> TrainingSet:
    stored = f"store.features_{width}"
    known = _features(connection, width)
    chosen = tuple(known if names is None else dict.fromkeys(names))
    if unknown := [name for name in chosen if name not in known]:
        raise Rejected(
            f"features: {', '.join(unknown)}: {stored} has no such column; feat.catalogue lists "
            "them"
        )
    listed = None if symbols is None else [*symbols]
    shown = ", ".join(f'f."{name}"::real' for name in chosen)
    query = (
        f"select f.symbol, epoch_us(f.bar_start), epoch_us(l.known_at), epoch_us(l.label_end), "
        f"epoch_us(f.changed_at), l.{target}, l.magnitude_ticks, l.cost_ticks, f.log_return_1, "
        f"f.vol_forecast_ewma_94, {shown} from {stored} as f "
        "inner join feat.labels(?, ?, ?, ?) as l "
        "on l.symbol = f.symbol and l.bar_start = f.bar_start "
        f"where l.horizon = ? and l.{target} is not null "
        "and (?::varchar[] is null or list_contains(?::varchar[], f.symbol)) "
        "order by l.known_at, f.symbol"
    )
    values = [width, listed, *span, horizon, listed, listed]
    try:
        rows = connection.sql(query, params=values).to_arrow_table()
    except duckdb.OutOfMemoryException as error:
        raise Unavailable(f"training set: {str(error).splitlines()[0]}") from error
    except duckdb.InvalidInputException as error:
        raise Rejected(str(error).removeprefix("Invalid Input Error: ").splitlines()[0]) from error
    if not rows.num_rows:
        raise NotFound(_why_none(connection, width, horizon, listed, span))
    return _packed(rows, target, horizon, width, chosen)


def _packed(
    rows: pa.Table, target: str, horizon: str, width: str, names: tuple[str, ...]
) -> TrainingSet:
    encoded = rows.column(0).combine_chunks().dictionary_encode()
    # The codes are of the sorted names, whatever symbol comes first.
    order = np.argsort(encoded.dictionary.to_pylist())
    codes = np.empty(len(order), np.int32)
    codes[order] = np.arange(len(order), dtype=np.int32)
    parts = [rows.column(at).to_numpy() for at in range(1, 10)]
    # A null is NaN, as a missing value is fitted.
    x = np.empty((rows.num_rows, len(names)), np.float32, order="F")
    for at in range(len(names)):
        x[:, at] = rows.column(10 + at).to_numpy()
    return TrainingSet(
        target=target,
        horizon=horizon,
        width=width,
        names=names,
        symbols=tuple(encoded.dictionary.to_pylist()[at] for at in order),
        x=x,
        y=parts[4].astype(np.float64),
        known_us=parts[1].astype(np.int64),
        label_end_us=parts[2].astype(np.int64),
        bar_start_us=parts[0].astype(np.int64),
        changed_us=parts[3].astype(np.int64),
        symbol=codes[encoded.indices.to_numpy()],
        magnitude_ticks=parts[5].astype(np.float64),
        cost_ticks=parts[6].astype(np.float64),
        last_return=parts[7].astype(np.float64),
        vol_forecast=parts[8].astype(np.float64),
    )


def _stored(connection: Connection, width: str) -> list[str]:
    columns = connection.execute(
        "select column_name from duckdb_columns() where schema_name = 'store' "
        "and table_name = ? order by column_index",
        [f"features_{width}"],
    ).fetchall()
    # The lake has the trade date beside the rows, as the folder that they are in.
    return [name for (name,) in columns if name != "trade_date"][5:]


def _features(connection: Connection, width: str) -> list[str]:
    found = _stored(connection, width)
    if not found:
        raise NotFound(
            f"lake: it has no features of {width}: `thor export-to-parquet --what "
            "bars,features,reference` writes them"
        )
    return found


def _why_none(
    connection: Connection,
    width: str,
    horizon: str,
    symbols: list[str] | None,
    span: tuple[datetime | None, datetime | None],
) -> str:
    """Return why no row has a label: no bar, or no label of the bars that are there."""
    found = connection.execute(
        f"select count(*) from store.features_{width} as f "
        "where f.bar_start >= coalesce(?::timestamptz, timestamptz '-infinity') "
        "and f.bar_start < coalesce(?::timestamptz, timestamptz 'infinity') "
        "and (?::varchar[] is null or list_contains(?::varchar[], f.symbol))",
        [*span, symbols, symbols],
    ).fetchone()
    of = ", ".join(symbols) if symbols else "any symbol"
    when = f"from {_shown(span[0], 'the first')} to {_shown(span[1], 'the last')}"
    if found is None or not found[0]:
        return f"from: there are no features of {of} at {width} {when}"
    return (
        f"horizon: none of the {found[0]} bars of {of} {when} has a label of {horizon}: the "
        "sessions are shorter, or bars are missing"
    )


def _shown(moment: datetime | None, otherwise: str) -> str:
    return otherwise if moment is None else moment.isoformat(" ")
