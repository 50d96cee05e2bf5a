"""Keep what the sheet says of the day, and give it where it changed.

Stage 20, collect. Pure but for what it remembers of this run.
"""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal

import msgspec

from thor.domain.sessions import trade_date
from thor.market.collect.excel.changes import SOURCE
from thor.market.collect.excel.sheet import Row


class DayMarks(msgspec.Struct, frozen=True, kw_only=True):
    """What the feed says once a day of one symbol; null is not said. Prices in points."""

    symbol: str
    trade_date: date
    source: str
    received_at: datetime
    prev_close: Decimal | None = None
    settlement: Decimal | None = None
    open: Decimal | None = None
    high: Decimal | None = None
    low: Decimal | None = None
    open_interest: int | None = None
    high_52w: Decimal | None = None
    low_52w: Decimal | None = None


class Marks:
    """Compares each reading's marks with the last ones of this run."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[object, ...]] = {}

    def changed(self, rows: Iterable[Row], at: datetime) -> list[DayMarks]:
        """Return the marks of each listed row that says others than before, or a new day.

        The previous close is the sheet's Close, or Last less NetChange where it has none.
        """
        day = trade_date(at)
        found = []
        for row in rows:
            if row.symbol is None:
                continue
            values = (
                _prev_close(row), row.settlement, row.open, row.high, row.low,
                row.open_interest, row.high_52w, row.low_52w,
            )  # fmt: skip
            if all(value is None for value in values):
                continue
            if self._known.get(row.symbol) == (day, *values):
                continue
            self._known[row.symbol] = (day, *values)
            prev_close, settlement, open_, high, low, open_interest, high_52w, low_52w = values
            found.append(
                DayMarks(
                    symbol=row.symbol,
                    trade_date=day,
                    source=SOURCE,
                    received_at=at,
                    prev_close=prev_close,
                    settlement=settlement,
                    open=open_,
                    high=high,
                    low=low,
                    open_interest=open_interest,
                    high_52w=high_52w,
                    low_52w=low_52w,
                )
            )
        return found


def _prev_close(row: Row) -> Decimal | None:
    if row.prev_close is not None:
        return row.prev_close
    if row.last is None or row.net_change is None:
        return None
    return row.last - row.net_change
