"""Run a collector: publish its steps when they are due, nothing lost while the bus is away.

Stages: 20 collect → 25 bus. Files and the simulator wait for the bus; what a live feed cannot
publish is spilled to a file and drained in order, and its state goes to the bus and to a file
of the home.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress

import msgspec

from thor import clock
from thor.errors import Unavailable
from thor.flow.lease import Lease
from thor.flow.publish import Publisher
from thor.flow.spill import Emission, Spill
from thor.market.bus.client import Bus
from thor.market.collect.collector import Collector, FeedState, Step
from thor.ops.collectors import CollectorStatus, status_file
from thor.runtime import Stop, Stopped
from thor.services.home import Home, write_beside

_ASK_LEASE_EVERY_S = 1.0
# Spilled ticks are drained between two steps for no longer than this, so that the feed is read.
_DRAIN_AT_ONCE_S = 1.0
_REPORT_EVERY_S = 2.0
# A step with nothing but a time, and so late, is left out.
_LATE_S = 1.0


class Outlet:
    """Publishes a collector's steps to the bus, or spills those of a live feed to a file."""

    def __init__(self, source: str, publisher: Publisher, spill: Spill | None = None) -> None:
        """Take the publisher, and the spill of a feed that cannot be read later.

        With a spill the publisher must not wait; without one it waits while the bus is full or
        away.
        """
        self._source = source
        self._publisher = publisher
        self._spill = spill
        self.reason = ""
        self.published = 0

    @property
    def held(self) -> int:
        """Ticks that are spilled and not yet published."""
        return self._spill.ticks if self._spill else 0

    def emit(self, step: Step) -> None:
        """Publish a step, after the spilled ones, or spill it; `reason` then says why.

        Raises `Stopped` where the process is to stop while the publisher waits.
        """
        self.reason = ""
        # Ticks and marks separately, so that published ticks are not spilled as well.
        parts = [Emission(self._publisher.checked(step.ticks), []), Emission([], step.marks)]
        left = [part for part in parts if part.ticks or part.marks]
        try:
            if self.drain():
                while left:
                    self._publish(left[0], step.seen)
                    del left[0]
                if step.seen is not None or not step.ticks:
                    self._publisher.publish_clock(self._source, step.at, step.seen)
        except Unavailable as error:
            if self._spill is None:
                raise
            self.reason = str(error)
        if self._spill is not None:
            self._hold(self._spill, left)

    def drain(self) -> bool:
        """Publish spilled steps, for a second at most; returns whether none is left.

        Raises `Unavailable`.
        """
        if not self._spill:
            return True
        until_s = clock.monotonic_s() + _DRAIN_AT_ONCE_S
        return self._spill.drain(self._publish, lambda: clock.monotonic_s() > until_s)

    def end(self) -> None:
        """Say that the source has ended, with the time to which it came."""
        self._publisher.end(self._source)

    def _publish(self, emission: Emission, seen: Sequence[str] | None = ()) -> None:
        if emission.ticks:
            done = self._publisher.publish_checked(emission.ticks, seen)
            self.published += done.ticks
        if emission.marks:
            self._publisher.publish_marks(self._source, emission.marks)

    def _hold(self, spill: Spill, left: Sequence[Emission]) -> None:
        for part in left:
            try:
                spill.add(part)
            except Unavailable as error:
                self.reason = f"{self.reason}; {error}"


def collect(
    collector: Collector,
    outlet: Outlet,
    stop: Stop,
    on_step: Callable[[Step], None] = lambda _: None,
    lease: Lease | None = None,
) -> bool:
    """Publish a collector's steps when they are due, until it ends or loses its lease.

    Returns whether it ended; `on_step` takes each step once it is published or spilled. Raises
    `Stopped` where the process is to stop meanwhile.
    """
    start_s = clock.monotonic_s()
    for step in collector.steps():
        left_s = _left_s(step, start_s)
        if left_s < -_LATE_S and not (step.ticks or step.marks) and step.state is None:
            # The steps that follow give a later time.
            continue
        if stop.wait(left_s):
            raise Stopped
        # While Redis is away no other process can take the lease either.
        if lease is not None and is_lost(lease):
            return False
        outlet.emit(step)
        on_step(step)
    return True


def _left_s(step: Step, start_s: float) -> float:
    if step.due_s is None:
        return (step.at - clock.now()).total_seconds()
    return start_s + step.due_s - clock.monotonic_s()


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


def status_of(source: str, step: Step, state: FeedState, outlet: Outlet) -> CollectorStatus:
    """Return the status after a step that left the feed in a state."""
    reasons = [state.reason]
    if outlet.held or outlet.reason:
        why = outlet.reason or "the bus is caught up with"
        reasons.append(f"{outlet.held} ticks spilled to a file: {why}")
    return CollectorStatus(
        source=source,
        state=state.name,
        reason="; ".join(filter(None, reasons)),
        since=state.since,
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
