"""Keep the day's marks of the sheet, and give those that changed.

Stage 20, collect. Pure but for its memory of this run.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from thor.domain.mark import Mark
from thor.domain.sessions import trade_date
from thor.market.collect.excel.sheet import Row


class Marks:
    """Compares each reading's marks with the last ones of this run."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[object, ...]] = {}

    def changed(self, rows: Iterable[Row], at: datetime) -> list[Mark]:
        """Return the marks of each listed row whose marks or trade date changed.

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
                Mark(
                    symbol=row.symbol,
                    trade_date=day,
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
