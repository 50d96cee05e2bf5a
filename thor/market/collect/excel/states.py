"""The states of the Excel collector, each with its reason and since when.

Stage 20, collect. Pure.
"""

from datetime import datetime
from typing import Literal

from thor.market.collect.collector import FeedState

StateName = Literal[
    "not running",
    "workbook not open",
    "sheet or range not found",
    "busy",
    "RTD not connected",
    "quiet",
    "live",
]
STATES: tuple[StateName, ...] = (
    "not running",
    "workbook not open",
    "sheet or range not found",
    "busy",
    "RTD not connected",
    "quiet",
    "live",
)


class State(FeedState, frozen=True):
    """The collector's state: one of `STATES`, its reason, and since when (UTC)."""

    name: StateName

    def followed_by(self, name: StateName, reason: str, at: datetime) -> "State":
        """Return the state from now on; the same name keeps its `since`."""
        return State(name, reason, self.since if name == self.name else at)

    def __str__(self) -> str:
        return f"{self.name} ({self.reason})" if self.reason else self.name


class NotRead(Exception):
    """The block could not be read now; carries the state with the reason."""

    def __init__(self, state: StateName, reason: str) -> None:
        """Take the state and, for people, what was looked for and the cure."""
        super().__init__(reason)
        self.state: StateName = state
        self.reason = reason
