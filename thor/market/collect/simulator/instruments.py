"""The profile of each simulated root, and the correlation of their returns.

Stage 20, collect. Constants for the simulator: prices of October 2025, in the root's points.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Profile(NamedTuple):
    """How a root trades; `activity` is relative, sizes are means in contracts."""

    price: float
    annual_volatility: float
    activity: float
    spread_ticks: int
    quote_size: float
    trade_size: float


PROFILES = {
    "ES": Profile(6873.5, 0.16, 24, 1, 13, 2.5),
    "NQ": Profile(25728.25, 0.21, 22, 2, 3, 1.5),
    "YM": Profile(47670, 0.15, 8, 2, 3, 1.2),
    "RTY": Profile(2547.8, 0.22, 8, 2, 6, 1.5),
    "VX": Profile(17.9, 0.90, 3, 1, 60, 4),
    "CL": Profile(61.87, 0.35, 10, 1, 12, 2),
    "SI": Profile(48.16, 0.40, 4, 2, 4, 1.5),
    "HG": Profile(5.2195, 0.30, 4, 1, 8, 1.5),
    "GC": Profile(4090.2, 0.22, 10, 2, 5, 1.5),
    "DX": Profile(98.94, 0.07, 2, 1, 15, 2),
    "ZB": Profile(118.3125, 0.12, 5, 1, 380, 8),
}
# Correlation of returns in the order of the table above; another root stands alone.
_CORRELATION = (
    (1.00, 0.93, 0.92, 0.85, -0.80, 0.25, 0.20, 0.35, 0.05, -0.20, -0.10),
    (0.93, 1.00, 0.82, 0.80, -0.75, 0.20, 0.18, 0.32, 0.05, -0.20, -0.10),
    (0.92, 0.82, 1.00, 0.85, -0.75, 0.25, 0.18, 0.35, 0.05, -0.18, -0.12),
    (0.85, 0.80, 0.85, 1.00, -0.70, 0.30, 0.20, 0.38, 0.05, -0.20, -0.15),
    (-0.80, -0.75, -0.75, -0.70, 1.00, -0.20, -0.15, -0.30, -0.05, 0.15, 0.10),
    (0.25, 0.20, 0.25, 0.30, -0.20, 1.00, 0.25, 0.35, 0.15, -0.10, -0.15),
    (0.20, 0.18, 0.18, 0.20, -0.15, 0.25, 1.00, 0.45, 0.78, -0.45, 0.10),
    (0.35, 0.32, 0.35, 0.38, -0.30, 0.35, 0.45, 1.00, 0.30, -0.35, -0.15),
    (0.05, 0.05, 0.05, 0.05, -0.05, 0.15, 0.78, 0.30, 1.00, -0.45, 0.25),
    (-0.20, -0.20, -0.18, -0.20, 0.15, -0.10, -0.45, -0.35, -0.45, 1.00, -0.20),
    (-0.10, -0.10, -0.12, -0.15, 0.10, -0.15, 0.10, -0.15, 0.25, -0.20, 1.00),
)


def correlation(symbols: list[str]) -> npt.NDArray[np.float64]:
    """Return the correlation matrix of the symbols' returns, in their order."""
    indexes = {root: index for index, root in enumerate(PROFILES)}
    matrix = np.eye(len(symbols))
    for row, one in enumerate(symbols):
        for column, other in enumerate(symbols):
            if one in indexes and other in indexes:
                matrix[row, column] = _CORRELATION[indexes[one]][indexes[other]]
    return matrix
