"""Leave a mark of life each time a job's loop comes round.

Hallway. Writes `run/<job>.pulse` of the home; the healthchecks of docker compose look at its age.
"""

from contextlib import suppress
from pathlib import Path

from thor import clock
from thor.flow.backoff import Stop

_EVERY_S = 5.0


class Pulse(Stop):
    """A wish to stop that also tells, by a file's age, when it was last asked for."""

    def __init__(self, file: Path) -> None:
        """Name the file; it is written when a loop first asks."""
        super().__init__()
        self._file = file
        self._due_s = 0.0

    def __bool__(self) -> bool:
        """Tell whether the wish was made."""
        self._beat()
        return super().__bool__()

    def wait(self, seconds: float) -> bool:
        """Wait so long, or until the wish is made; returns whether it was."""
        self._beat()
        return super().wait(seconds)

    def _beat(self) -> None:
        now_s = clock.monotonic_s()
        if now_s < self._due_s:
            return
        self._due_s = now_s + _EVERY_S
        # A job goes on where its mark cannot be left: a full disk is told elsewhere.
        with suppress(OSError):
            self._file.parent.mkdir(exist_ok=True)
            self._file.touch()
