"""The interface of a collector: a source, and steps, each one emission.

Stage 20, collect. Pure. Files, the simulator and Excel are collectors; one loop,
`thor.flow.collect`, publishes the steps of each.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from thor.domain.mark import Mark
from thor.domain.tick import Tick


class FeedState(msgspec.Struct, frozen=True):
    """The state of a feed: its name, its reason (empty where there is none), since when (UTC)."""

    name: str
    reason: str
    since: datetime


class Step(msgspec.Struct, frozen=True, gc=False):
    """One emission of a collector, and when it is due.

    `at` is the source's clock (UTC). `seen` are the symbols that the source looked at, with or
    without a change; None where it does not look: then the ticks that pass the check give the
    clock. `due_s` is when to publish, in seconds after the run's start; None means when the
    machine's clock reaches `at`. `faults` are for a person to fix, each with its position and the
    cure.
    """

    at: datetime
    ticks: list[Tick] = []
    marks: list[Mark] = []
    seen: Sequence[str] | None = None
    due_s: float | None = 0.0
    state: FeedState | None = None
    faults: Sequence[str] = ()


class Collector(Protocol):
    """A feed of quotes and trades, live, recorded or simulated."""

    @property
    def source(self) -> str:
        """The id in `reference.sources` that its ticks carry."""

    def steps(self) -> Iterator[Step]:
        """Yield steps in the order of the source's clock; end where the feed ends."""
