"""Hold features of a person's own data against three rules: no peeking, no hidden past, stored.

Flow: 40 bars → 50 features, by both engines, → 60 store. At bars chosen at random: a row is
the same whether later bars are there or not, whether it is computed alone or in a longer range,
and it is what the store has.
"""

import math
import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from thor import database
from thor.database import Connection
from thor.domain.bar import FEATURE_WIDTHS
from thor.errors import NotFound
from thor.flow.build_features import load
from thor.lake.query.compute import Engine

How = Literal["peeks", "looks further back than declared", "stored otherwise"]

# Relative above 1, absolute below: as the store is kept.
TOLERANCE = 1e-9
# So many bars after the one that is looked at are what must not be seen, and before it.
_AROUND_BARS = 180

Row = dict[str, float | None]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A feature that breaks a rule: how often, by how much at most, and where the first time."""

    width: str
    feature: str
    how: How
    different: int
    worst: float
    symbol: str
    bar_start: datetime


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What was compared: bars, values, and what is wrong."""

    bars: int
    values: int
    findings: list[Finding]


class Check:
    """Compares rows at bars that are chosen at random, by a seed."""

    def __init__(self, connection: Connection[Any], seed: int = 7) -> None:
        """Take a connection in autocommit."""
        self._connection = connection
        self._chance = random.Random(seed)
        self._found: dict[tuple[str, str, How], Finding] = {}
        self._bars = 0
        self._values = 0

    def run(
        self,
        widths: Sequence[str],
        ts_from: datetime,
        ts_to: datetime,
        samples: int,
        progress: Callable[[int, int], None] = lambda *_: None,
    ) -> Checked:
        """Compare so many bars of each width. Raises `NotFound` where there are none."""
        total = samples * len(widths)
        for number, width in enumerate(widths):
            chosen = self._chosen(width, ts_from, ts_to, samples)
            for done, (symbol, bar_start) in enumerate(chosen, 1):
                self._bar(width, symbol, bar_start)
                progress(number * samples + done, total)
        if not self._bars:
            raise NotFound(
                f"--from: there are no bars of {', '.join(widths)} from {ts_from.isoformat()} to "
                f"{ts_to.isoformat()}"
            )
        found = sorted(self._found.values(), key=lambda one: (one.how, one.width, one.feature))
        return Checked(bars=self._bars, values=self._values, findings=found)

    def _chosen(
        self, width: str, ts_from: datetime, ts_to: datetime, samples: int
    ) -> list[tuple[str, datetime]]:
        values = {"width": width, "symbols": None, "ts_from": ts_from, "ts_to": ts_to}
        bounds = database.row(self._connection, "feature_bar_bounds", values) or {}
        if bounds["first"] is None:
            return []
        length = bounds["last"] - bounds["first"] + FEATURE_WIDTHS[width]
        moments = [bounds["first"] + self._chance.random() * length for _ in range(samples)]
        rows = database.rows(
            self._connection, "feature_bars_near", {"width": width, "moments": moments}
        )
        by_moment: dict[datetime, list[tuple[str, datetime]]] = {}
        for row in rows:
            by_moment.setdefault(row["moment"], []).append((row["symbol"], row["bar_start"]))
        return [self._chance.choice(found) for found in by_moment.values()]

    def _bar(self, width: str, symbol: str, bar_start: datetime) -> None:
        length = FEATURE_WIDTHS[width]
        around = _AROUND_BARS * length
        self._bars += 1
        alone = self._computed(width, symbol, bar_start, (bar_start, bar_start + length))
        if alone is None:
            return
        later = self._computed(width, symbol, bar_start, (bar_start, bar_start + around))
        self._compare(width, symbol, bar_start, "peeks", alone, later)
        earlier = (bar_start - around, bar_start + length)
        longer = self._computed(width, symbol, bar_start, earlier)
        self._compare(width, symbol, bar_start, "looks further back than declared", alone, longer)
        stored = self._stored(width, symbol, bar_start)
        if stored is not None:
            self._compare(width, symbol, bar_start, "stored otherwise", alone, stored)
        self._blind(width, symbol, bar_start)

    def _blind(self, width: str, symbol: str, bar_start: datetime) -> None:
        """Compare what is known at the bar's end with what is computed without later bars."""
        length = FEATURE_WIDTHS[width]
        last = bar_start + _AROUND_BARS * length
        span = (bar_start, last)
        with Engine(threads=1) as engine:
            asked = {"width": width, "symbols": None, "ts_from": bar_start, "ts_to": last}
            spans = database.rows(self._connection, "feature_build_spans", asked)
            load(self._connection, engine, width, spans, span, bar_start + length)
            seen = _first(engine.rows(width, [symbol], span).to_pylist())
            engine.forget_after(bar_start + length + timedelta(seconds=1))
            blind = _first(engine.rows(width, [symbol], span).to_pylist())
        if seen is not None and blind is not None:
            self._compare(width, symbol, bar_start, "peeks", blind, seen)

    def _computed(
        self, width: str, symbol: str, bar_start: datetime, span: tuple[datetime, datetime]
    ) -> Row | None:
        values = {
            "width": width,
            "symbol": symbol,
            "bar_start": bar_start,
            "ts_from": span[0],
            "ts_to": span[1],
        }
        return _features(database.row(self._connection, "features_computed", values))

    def _stored(self, width: str, symbol: str, bar_start: datetime) -> Row | None:
        values = {"width": width, "symbol": symbol, "bar_start": bar_start}
        return _features(database.row(self._connection, "features_stored", values))

    def _compare(
        self,
        width: str,
        symbol: str,
        bar_start: datetime,
        how: How,
        one: Row,
        other: Row | None,
    ) -> None:
        if other is None:
            return
        for name in one.keys() & other.keys():
            self._values += 1
            gap = _gap(one[name], other[name])
            if gap <= TOLERANCE:
                continue
            before = self._found.get((width, name, how))
            self._found[width, name, how] = Finding(
                width=width,
                feature=name,
                how=how,
                different=(before.different if before else 0) + 1,
                worst=max(gap, before.worst if before else 0.0),
                symbol=before.symbol if before else symbol,
                bar_start=before.bar_start if before else bar_start,
            )


def _features(row: dict[str, Any] | None) -> Row | None:
    if row is None:
        return None
    return {name: value for name, value in row["features"].items() if name not in _KEYS}


_KEYS = frozenset(("symbol", "bar_start", "known_at", "ticks"))


def _first(rows: list[dict[str, Any]]) -> Row | None:
    return {name: rows[0][name] for name in rows[0] if name not in _KEYS} if rows else None


def _gap(one: float | None, other: float | None) -> float:
    if one is None or other is None:
        return 0.0 if one is other else math.inf
    return abs(one - other) / max(1.0, abs(other))
