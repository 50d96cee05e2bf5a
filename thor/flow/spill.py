"""Store on disk, in order, the emissions that a live collector cannot publish, until it can.

Stages: 20 collect → 25 bus. One file, a line an emission. A line truncated by a crash is ignored;
an emission published before a crash may be published again, and is then counted as duplicate.
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
    """One emission of a collector: checked ticks and marks of one source."""

    ticks: list[Tick] = []
    marks: list[Mark] = []


class Spill:
    """The file of one collector. Only the process that has the collector's lease uses it."""

    def __init__(self, file: Path) -> None:
        """Take the file; it exists only while something is spilled."""
        self.file = file
        self._offset_file = file.with_name(f"{file.name}.at")
        self._offset = self._read_offset()
        # Emissions that the disk did not take either; written with the next one that it takes.
        self._unwritten: list[bytes] = []
        self.ticks = 0
        self._mend()

    def __bool__(self) -> bool:
        """Return whether anything is spilled."""
        return bool(self._unwritten) or self._size() > self._offset

    def add(self, emission: Emission) -> None:
        """Spill an emission after the earlier ones.

        Raises `Unavailable` where the disk does not take it; it is kept in memory then.
        """
        self._unwritten.append(msgspec.json.encode(emission) + b"\n")
        self.ticks += len(emission.ticks)
        self._write()

    def drain(self, publish: Callable[[Emission], Any], until: Callable[[], bool]) -> bool:
        """Publish spilled emissions, oldest first, until `until`; returns whether none is left.

        Raises what `publish` raises; what it did not take stays spilled.
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
                    # Remove an incomplete line before the next one.
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
        # Count the ticks that an earlier run left, and remove its unfinished line.
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
