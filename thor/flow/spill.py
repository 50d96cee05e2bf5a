"""Keep on disk, in order, what a live collector cannot publish, until it can.

Stages: 20 collect → 25 bus. One file, a line an emission. A line that a crash cut off is
left out; what was published before a crash may be published again, and is counted as
duplicate then.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from thor.domain.mark import Mark
from thor.domain.tick import Tick
from thor.errors import Unavailable


class Emission(msgspec.Struct, frozen=True):
    """What a collector gave at once: checked ticks and marks of one source."""

    ticks: list[Tick] = []
    marks: list[Mark] = []


class Spill:
    """The file of one collector. One process uses it at a time: the one that has its lease."""

    def __init__(self, file: Path) -> None:
        """Take the file; it is there only while something is held."""
        self.file = file
        self._offset_file = file.with_name(f"{file.name}.at")
        self._offset = self._read_offset()
        # What the disk has not taken either; written with the next that it takes.
        self._unwritten: list[bytes] = []
        self.ticks = 0
        self._mend()

    def __bool__(self) -> bool:
        """Tell whether anything is held."""
        return bool(self._unwritten) or self._size() > self._offset

    def add(self, emission: Emission) -> None:
        """Hold an emission after those that are held.

        Raises `Unavailable` where the disk does not take it; it is held in memory then.
        """
        self._unwritten.append(msgspec.json.encode(emission) + b"\n")
        self.ticks += len(emission.ticks)
        self._write()

    def drain(self, publish: Callable[[Emission], Any], until: Callable[[], bool]) -> bool:
        """Publish what is held, oldest first, until `until` says so; tell whether all is out.

        Raises what `publish` raises; what it did not take stays held.
        """
        if self._unwritten:
            self._write()
        size = self._size()
        if size > self._offset:
            with self.file.open("rb") as file:
                file.seek(self._offset)
                while line := file.readline():
                    if until():
                        return False
                    emission = _decoded(line)
                    if emission is not None:
                        publish(emission)
                        self.ticks = max(self.ticks - len(emission.ticks), 0)
                    self._advance(self._offset + len(line))
        self._clear()
        return True

    def _write(self) -> None:
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with self.file.open("ab") as file:
                whole = file.tell()
                try:
                    file.write(b"".join(self._unwritten))
                    file.flush()
                    os.fsync(file.fileno())
                except OSError:
                    # No half of a line before the next one.
                    file.truncate(whole)
                    raise
        except OSError as error:
            raise Unavailable(f"{self.file} cannot be written: {error.strerror}") from error
        self._unwritten.clear()

    def _advance(self, offset: int) -> None:
        self._offset = offset
        self._offset_file.write_text(str(offset))

    def _clear(self) -> None:
        self.file.unlink(missing_ok=True)
        self._offset_file.unlink(missing_ok=True)
        self._offset, self.ticks = 0, 0

    def _size(self) -> int:
        return self.file.stat().st_size if self.file.exists() else 0

    def _read_offset(self) -> int:
        try:
            return int(self._offset_file.read_text())
        except (FileNotFoundError, ValueError):
            return 0

    def _mend(self) -> None:
        # Counts what an earlier run left, and cuts off the line it did not finish.
        if not self.file.exists():
            self._offset_file.unlink(missing_ok=True)
            self._offset = 0
            return
        whole = self._offset
        with self.file.open("rb+") as file:
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                whole += len(line)
                emission = _decoded(line)
                self.ticks += 0 if emission is None else len(emission.ticks)
            file.truncate(whole)


def _decoded(line: bytes) -> Emission | None:
    try:
        return msgspec.json.decode(line, type=Emission)
    except msgspec.MsgspecError:
        return None
