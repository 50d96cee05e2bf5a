"""Play recorded days for `thor up --tape`: open the tapes, then publish them one after another.

Stages: 20 collect → 25 bus. A tape that was played before is shown again: its quotes start afresh,
and the database stores none of its ticks twice.
"""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import msgspec

from thor import clock, database
from thor.config import Settings
from thor.flow.replay import admit, replay
from thor.market.bus.client import Bus
from thor.market.collect.files.tape import Tape
from thor.ops.collectors import TapeStatus
from thor.runtime import Stop

_REPORT_S = 1.0


class TapePlayer:
    """The tapes of one run, and how far they have been played."""

    def __init__(self, settings: Settings, database_url: str, redis_url: str, stop: Stop) -> None:
        """Take the settings, both servers' URLs and the event that ends the run."""
        self._settings = settings
        self._url = database_url
        self._bus = Bus(redis_url, settings.bus_ticks_max, settings.bus_keep_s)
        self._stop = stop
        self._tapes: list[Tape] = []
        self._playing: Tape | None = None
        self._published = 0
        self._waits_for = ""
        self._speed: float | None = None
        self._reported_s = 0.0

    @property
    def symbols(self) -> list[str]:
        """The series of the tapes, in order."""
        return sorted({symbol for tape in self._tapes for symbol in tape.spans})

    def open(self, files: Sequence[Path]) -> None:
        """Survey and register the tapes, and clear the quotes of their series.

        Raises what `admit` raises, before a tick is published.
        """
        with database.connect(self._url, "tapes") as connection:
            for file in files:
                tape, _ = admit(connection, file, as_root=None, overlap=False)
                self._tapes.append(tape)
        self._bus.forget_latest(self.symbols)

    def play(self, speed: float | None) -> None:
        """Publish every tape at so many times the market's speed; None is as fast as possible.

        Raises `Stopped` where the run ends meanwhile.
        """
        skew_max = timedelta(seconds=self._settings.skew_max_s)
        self._speed = speed
        with database.connect(self._url, "tapes") as connection:
            for tape in self._tapes:
                self._playing, self._published = tape, 0
                self._report()
                replay(
                    tape,
                    self._bus,
                    connection,
                    speed,
                    self._stop,
                    self._on_progress,
                    self._on_wait,
                    skew_max,
                )
        self._report(is_over=True)

    def progress(self) -> str:
        """Return how far it is, as one line for people."""
        tape = self._playing
        if tape is None:
            return "no tape has begun"
        text = f"{tape.path.name}: {self._published:,} of {tape.records:,} ticks"
        return f"{text}, waiting: {self._waits_for}" if self._waits_for else text

    def _on_progress(self, published: int) -> None:
        self._published, self._waits_for = published, ""
        if clock.monotonic_s() - self._reported_s >= _REPORT_S:
            self._report()

    def _report(self, *, is_over: bool = False) -> None:
        """Report which tape is played and how fast, for the pages."""
        if self._playing is None:
            return
        self._reported_s = clock.monotonic_s()
        status = TapeStatus(
            file=self._playing.path.name,
            speed="max" if self._speed is None else f"{self._speed:g}x",
            played=self._published,
            ticks=self._playing.records,
            is_over=is_over,
        )
        self._bus.report_tape(msgspec.json.encode(status))

    def _on_wait(self, reason: str, _attempt: int) -> None:
        self._waits_for = reason
