"""Let one process at a time do a task: a lease in Redis that its owner renews.

Stage 25, bus. The lease expires where its owner dies; only its owner releases it.
"""

import os
import socket
import uuid

from thor import clock
from thor.market.bus.client import Bus


def own_name() -> str:
    """Return a name for this process that no other has: machine, pid and a random part."""
    return f"{socket.gethostname()} pid {os.getpid()} {uuid.uuid4().hex[:8]}"


class Lease:
    """One owner's lease of one name."""

    def __init__(self, bus: Bus, name: str, ttl_s: float, owner: str | None = None) -> None:
        """Take the lease's name and for how long it lasts unless renewed."""
        self._bus = bus
        self._name = name
        self._ttl_s = ttl_s
        self._renewed_s: float | None = None
        self.owner = owner or own_name()
        self.holder: str | None = None

    def hold(self) -> bool:
        """Take the lease where it is free, renew it where it is ours; returns whether it is ours.

        Calls the bus once in a quarter of the lease's time; a process that was suspended for longer
        calls it before it does anything else. `holder` names who has it. Raises `Unavailable`.
        """
        now_s = clock.monotonic_s()
        if self._renewed_s is not None and now_s - self._renewed_s < self._ttl_s / 4:
            return True
        self.holder = self._bus.hold_lease(self._name, self.owner, int(self._ttl_s * 1000))
        is_ours = self.holder == self.owner
        # Measured from before the request: the lease lasts at least so long after it.
        self._renewed_s = now_s if is_ours else None
        return is_ours

    def release(self) -> None:
        """Release the lease where it is ours. Raises `Unavailable`."""
        self._renewed_s = None
        self._bus.release_lease(self._name, self.owner)
