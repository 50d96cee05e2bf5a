"""Run a live collector: one process a feed, nothing lost while the bus is full or away.

Stages: 20 collect → 25 bus. What cannot be published is spilled to a file and drained in
order; the state in which the collector is goes to the bus, and to a file of the home.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Protocol

import msgspec

from thor import clock
from thor.domain.mark import Mark
from thor.domain.tick import Tick
from thor.errors import Unavailable
from thor.flow.lease import Lease
from thor.flow.publish import Publisher
from thor.flow.spill import Emission, Spill
from thor.market.bus.client import Bus
from thor.ops.collectors import CollectorStatus, status_file
from thor.runtime import Stop, Stopped
from thor.services.home import Home, write_beside

_ASK_LEASE_EVERY_S = 1.0
# Spilled ticks are drained between two steps for no longer than this, so that the feed is read.
_DRAIN_AT_ONCE_S = 1.0
_REPORT_EVERY_S = 2.0


class FeedState(Protocol):
    """The state of a feed."""

    @property
    def name(self) -> str:
        """The name of the state, one of the collector's own."""

    @property
    def reason(self) -> str:
        """The reason; empty where there is none to give."""

    @property
    def since(self) -> datetime:
        """When the state began."""


class LiveStep(Protocol):
    """One step of a live collector."""

    @property
    def at(self) -> datetime:
        """The source's clock."""

    @property
    def ticks(self) -> Sequence[Tick]:
        """The ticks, in order."""

    @property
    def marks(self) -> Sequence[Mark]:
        """The day's marks that changed."""

    @property
    def seen(self) -> Sequence[str]:
        """The symbols that the source looked at, with or without a change."""

    @property
    def state(self) -> FeedState:
        """The state of the feed."""

    @property
    def faults(self) -> Sequence[str]:
        """Faults in the feed for a person to fix, each with its position and the cure."""


class LiveCollector(Protocol):
    """A feed of the live market."""

    source: str

    def steps(self) -> Iterator[LiveStep]:
        """Yield steps in time with the clock until the process is to stop."""


class Outlet:
    """Publishes a live collector's steps to the bus, or spills them to a file."""

    def __init__(self, source: str, publisher: Publisher, spill: Spill) -> None:
        """Take the publisher, which does not wait, and the spill of this source."""
        self._source = source
        self._publisher = publisher
        self._spill = spill
        self.reason = ""
        self.published = 0

    @property
    def held(self) -> int:
        """Ticks that are spilled and not yet published."""
        return self._spill.ticks if self._spill else 0

    def emit(self, step: LiveStep) -> None:
        """Publish a step, after the spilled ones, or spill it; `reason` then says why."""
        self.reason = ""
        # Ticks and marks separately, so that published ticks are not spilled as well.
        parts = [
            Emission(self._publisher.checked(list(step.ticks)), []),
            Emission([], list(step.marks)),
        ]
        left = [part for part in parts if part.ticks or part.marks]
        try:
            if self.drain():
                while left:
                    self._publish(left[0], step.seen)
                    del left[0]
                self._publisher.publish_clock(self._source, step.at, step.seen)
        except Unavailable as error:
            self.reason = str(error)
        for part in left:
            try:
                self._spill.add(part)
            except Unavailable as error:
                self.reason = f"{self.reason}; {error}"

    def drain(self) -> bool:
        """Publish spilled steps, for a second at most; returns whether none is left.

        Raises `Unavailable`.
        """
        if not self._spill:
            return True
        until_s = clock.monotonic_s() + _DRAIN_AT_ONCE_S
        return self._spill.drain(self._publish, lambda: clock.monotonic_s() > until_s)

    def _publish(self, emission: Emission, seen: Sequence[str] = ()) -> None:
        if emission.ticks:
            self._publisher.publish_checked(emission.ticks, seen)
            self.published += len(emission.ticks)
        if emission.marks:
            self._publisher.publish_marks(self._source, emission.marks)


def collect(
    collector: LiveCollector,
    outlet: Outlet,
    lease: Lease,
    report: Callable[[CollectorStatus], None],
    on_step: Callable[[LiveStep], None] = lambda _: None,
) -> bool:
    """Publish a collector's steps until it ends; returns whether the lease was kept until then.

    `report` takes the status after each step, `on_step` the step.
    """
    for step in collector.steps():
        # While Redis is away no other process can take the lease either.
        if is_lost(lease):
            return False
        on_step(step)
        outlet.emit(step)
        report(status_of(collector.source, step, outlet))
    return True


def is_lost(lease: Lease) -> bool:
    """Return whether another process has the lease; False while Redis is away."""
    try:
        return not lease.hold()
    except Unavailable:
        return False


def wait_for(lease: Lease, stop: Stop, on_wait: Callable[[str], None]) -> None:
    """Wait for the lease; `on_wait` takes the reason for the wait. Raises `Stopped`."""
    while True:
        try:
            if lease.hold():
                return
            on_wait(f"another poller reads it: {lease.holder}")
        except Unavailable as error:
            on_wait(str(error))
        if stop.wait(_ASK_LEASE_EVERY_S):
            raise Stopped


def status_of(source: str, step: LiveStep, outlet: Outlet) -> CollectorStatus:
    """Return the status after a step."""
    reasons = [step.state.reason]
    if outlet.held or outlet.reason:
        why = outlet.reason or "the bus is caught up with"
        reasons.append(f"{outlet.held} ticks spilled to a file: {why}")
    return CollectorStatus(
        source=source,
        state=step.state.name,
        reason="; ".join(filter(None, reasons)),
        since=step.state.since,
        at=step.at,
        faults=list(step.faults[:20]),
        spilled=outlet.held,
        ticks=outlet.published,
    )


class StatusReport:
    """Writes a collector's status to the bus and to a file of the home."""

    def __init__(self, bus: Bus, home: Home) -> None:
        """Take the bus and the home."""
        self._bus = bus
        self._home = home
        self._last: tuple[object, ...] = ()
        self._due_s = 0.0

    def __call__(self, status: CollectorStatus) -> None:
        """Write the status when it changed, and every few seconds; a failed write is ignored."""
        now_s = clock.monotonic_s()
        said = (status.state, status.reason, status.faults, bool(status.spilled))
        if said == self._last and now_s < self._due_s:
            return
        self._last, self._due_s = said, now_s + _REPORT_EVERY_S
        with suppress(OSError):
            # Read by `thor status`, also while the bus is away.
            write_beside(status_file(self._home, status.source), msgspec.json.encode(status))
        with suppress(Unavailable):
            self._bus.report_collector(status.source, msgspec.json.encode(status))

    def forget(self, source: str) -> None:
        """Remove the status at the end of a run."""
        with suppress(OSError):
            status_file(self._home, source).unlink(missing_ok=True)
        with suppress(Unavailable):
            self._bus.forget_collector(source)
