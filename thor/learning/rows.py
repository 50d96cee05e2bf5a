"""What a training set gives a training: arrays of rows in order of known_at.

Stage 60, store. Pure; `thor.lake.training.TrainingSet` is one.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

import numpy as np

Array = np.ndarray[Any, Any]


class Rows(Protocol):
    """Features `x` (float32, NaN where there is none), labels `y`, and each row's own facts.

    Times are microseconds since 1970, UTC; moves and costs are ticks; returns are logs.
    """

    @property
    def target(self) -> str:
        """The label: direction, magnitude, volatility or regime."""
        ...

    @property
    def horizon(self) -> str:
        """How far ahead it is."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """The features, in the order of the columns of `x`."""
        ...

    @property
    def symbols(self) -> tuple[str, ...]:
        """The series that `symbol` indexes."""
        ...

    @property
    def x(self) -> Array:
        """Features, a row a bar."""
        ...

    @property
    def y(self) -> Array:
        """Labels."""
        ...

    @property
    def known_us(self) -> Array:
        """First moment at which a row may be used."""
        ...

    @property
    def label_end_us(self) -> Array:
        """First moment at which its label is known."""
        ...

    @property
    def symbol(self) -> Array:
        """Index of its series."""
        ...

    @property
    def magnitude_ticks(self) -> Array:
        """What a long position would have made before costs."""
        ...

    @property
    def cost_ticks(self) -> Array:
        """What a round trip costs."""
        ...

    @property
    def last_return(self) -> Array:
        """The bar's own log return."""
        ...

    @property
    def vol_forecast(self) -> Array:
        """Forecast deviation of the next bar's log return."""
        ...

    @property
    def checksum(self) -> str:
        """SHA-256 of what is fitted, in hex."""
        ...


@dataclass(frozen=True, slots=True)
class Days:
    """Rows of trade dates for the regime: a Rows whose labels are not used."""

    names: tuple[str, ...]
    symbols: tuple[str, ...]
    x: Array
    y: Array
    trade_date: tuple[date, ...]
    bar_start_us: Array
    known_us: Array
    label_end_us: Array
    symbol: Array
    checksum: str
    target: str = "regime"
    horizon: str = "1d"

    @property
    def magnitude_ticks(self) -> Array:
        """Nothing is traded by it."""
        return np.zeros(len(self.y))

    @property
    def cost_ticks(self) -> Array:
        """Nothing is traded by it."""
        return np.zeros(len(self.y))

    @property
    def last_return(self) -> Array:
        """No baseline needs it."""
        return np.zeros(len(self.y))

    @property
    def vol_forecast(self) -> Array:
        """No baseline needs it."""
        return np.ones(len(self.y))
