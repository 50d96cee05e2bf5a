"""Make the rows that regimes are learned from and predicted at: a row a trade date.

Stage 60, store. Reads market.bars_1d; a day's row is of the day beside the 60 before it, so it is
the same whatever span it is read in.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from thor import database
from thor.database import Connection
from thor.errors import NotFound
from thor.learning import feature_sets
from thor.learning.rows import Array, Days

# Figures of a trade date look back on so many of them.
DAYS_BACK = 60


def days(
    connection: Connection[Any], symbols: Sequence[str], span: tuple[datetime, datetime]
) -> Days:
    """Return a row a trade date: its range, volume and move beside those of the 60 before it.

    A span has the days that begin in it and are known at its end. Raises `NotFound` where there
    are too few.
    """
    values = {"symbols": list(symbols), "ts_from": span[0], "ts_to": span[1]}
    found = database.rows(connection, "daily_bars", values)
    parts = []
    for number, symbol in enumerate(symbols):
        own = [row for row in found if row["symbol"] == symbol]
        if len(own) > DAYS_BACK:
            parts.append((number, own, _figures(own)))
    if not parts:
        raise NotFound(
            f"--from: there are no more than {DAYS_BACK} daily bars of {', '.join(symbols)} "
            "in the span; a regime needs those before it"
        )
    start, known = (
        np.concatenate([_us([row[name] for row in own]) for _, own, _ in parts])
        for name in ("bar_start", "known_at")
    )
    x = np.concatenate([figures for _, _, figures in parts])
    codes = np.concatenate([np.full(len(own), number) for number, own, _ in parts])
    dates = [row["trade_date"] for _, own, _ in parts for row in own]
    whole = ~np.isnan(x).any(axis=1)
    order = np.flatnonzero(whole)[np.lexsort((codes[whole], known[whole]))]
    x = np.asfortranarray(x[order].astype(np.float32))
    checksum = hashlib.sha256(np.ascontiguousarray(x).tobytes() + known[order].tobytes())
    return Days(
        names=feature_sets.REGIME,
        symbols=tuple(symbols),
        x=x,
        y=np.zeros(len(order)),
        trade_date=tuple(dates[at] for at in order),
        bar_start_us=start[order],
        known_us=known[order],
        # A day's regime is of the day alone.
        label_end_us=known[order],
        symbol=codes[order].astype(np.int32),
        checksum=checksum.hexdigest(),
    )


def code_hash() -> str:
    """Return the hash of the code that makes the rows of `days`."""
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()


def _figures(rows: list[dict[str, Any]]) -> Array:
    low, high = _column(rows, "low"), _column(rows, "high")
    close, volume = _column(rows, "close"), _column(rows, "volume")
    reach = np.log(high / low)
    move = np.concatenate([[np.nan], np.diff(np.log(close))])
    found = np.full((len(rows), 3), np.nan)
    for at in range(DAYS_BACK, len(rows)):
        before = slice(at - DAYS_BACK, at)
        with np.errstate(divide="ignore", invalid="ignore"):
            traded = np.nanmean(volume[before]) if np.isfinite(volume[before]).any() else np.nan
            # Days without a volume are like any other in it.
            volume_share = np.log(volume[at] / traded) if traded > 0 and volume[at] > 0 else 0.0
            found[at] = (
                np.log(reach[at] / reach[before].mean()),
                volume_share,
                move[at] / np.nanstd(move[before]),
            )
    found[~np.isfinite(found)] = np.nan
    return found


def _column(rows: list[dict[str, Any]], name: str) -> Array:
    return np.array([np.nan if row[name] is None else row[name] for row in rows], np.float64)


def _us(moments: list[datetime]) -> Array:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return np.array([(one - epoch) // timedelta(microseconds=1) for one in moments], np.int64)
