"""Read the block from a saved workbook, on any system and without Excel.

Stage 20, collect. A file that is being saved is tried again; an unreadable file is a state, never
an exception that ends the collector.
"""

import io
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import python_calamine as calamine

from thor.market.collect.excel.sheet import Block
from thor.market.collect.excel.states import NotRead

_RANGE = re.compile(
    r"\$?(?P<c1>[A-Za-z]{1,3})\$?(?P<r1>[0-9]{1,7}):\$?(?P<c2>[A-Za-z]{1,3})\$?(?P<r2>[0-9]{1,7})"
)
_ROWS_MAX, _COLUMNS_MAX = 1_048_576, 16_384
# The largest range: a block is read whole at every poll.
_CELLS_MAX = 100_000
# A file that is still unreadable after so many polls without a change is no workbook.
_TRIES = 5


class SavedWorkbook:
    """A workbook's file: read again whenever it was saved again."""

    def __init__(self, file: Path, sheet: str, cells: str) -> None:
        """Take the file, the sheet's name, and a range as `A1:N13` or a table's name."""
        self._file = file
        self._sheet = sheet
        self._cells = cells
        self._state: tuple[int, int] | None = None
        self._failed: tuple[tuple[int, int], int] | None = None

    def read(self) -> Block | None:
        """Return the block, None where the file is the one that was read. Raises `NotRead`."""
        try:
            stat = self._file.stat()
        except FileNotFoundError:
            raise NotRead("workbook not open", f"{self._file} is not there") from None
        except OSError as fault:
            raise NotRead("workbook not open", _reason(self._file, fault)) from None
        state = (stat.st_mtime_ns, stat.st_size)
        if state == self._state:
            return None
        try:
            block = self._read()
        except PermissionError as fault:
            raise NotRead("busy", _reason(self._file, fault)) from None
        except NotRead:
            # The file was read: its sheets do not change until it is saved again.
            self._failed = None
            raise
        except (calamine.CalamineError, OSError, ValueError) as fault:
            raise self._being_saved(state, fault) from None
        # Saved again meanwhile: the reading may be half of each, so it is read once more.
        after = self._file.stat() if self._file.exists() else None
        if after is None or (after.st_mtime_ns, after.st_size) != state:
            raise NotRead("busy", f"{self._file.name} is being saved")
        self._state, self._failed = state, None
        return block

    def close(self) -> None:
        """Do nothing: the file is open only while it is read."""

    def _being_saved(self, state: tuple[int, int], fault: Exception) -> NotRead:
        tries = 1
        if self._failed is not None and self._failed[0] == state:
            tries = self._failed[1] + 1
        self._failed = (state, tries)
        if isinstance(fault, calamine.PasswordError):
            return NotRead("workbook not open", f"{self._file.name} has a password: take it off")
        if tries <= _TRIES:
            return NotRead("busy", f"{self._file.name} is being saved")
        return NotRead(
            "workbook not open", f"{self._file.name} is no workbook, or damaged: {_short(fault)}"
        )

    def _read(self) -> Block:
        # Read at once, so that calamine never sees two states of the file.
        content = io.BytesIO(self._file.read_bytes())
        with calamine.load_workbook(content) as book:
            if self._sheet not in book.sheet_names:
                names = ", ".join(map(repr, book.sheet_names[:8]))
                raise NotRead(
                    "sheet or range not found",
                    f"no sheet {self._sheet!r} in {self._file.name}; it has {names}",
                )
            if (corners := _corners(self._cells)) is not None:
                try:
                    values = book.get_sheet_by_name(self._sheet).to_python(
                        skip_empty_area=False, nrows=corners[2]
                    )
                except calamine.WorksheetNotFound:
                    raise NotRead(
                        "sheet or range not found", f"{self._sheet!r} is no sheet of cells"
                    ) from None
                return _cut(values, *corners)
        content.seek(0)
        return self._table(content)

    def _table(self, content: io.BytesIO) -> Block:
        table = None
        with suppress(calamine.TablesNotSupported, calamine.TableNotFound):
            book = calamine.load_workbook(content, load_tables=True)
            table = book.get_table_by_name(self._cells)
        if table is None or table.sheet != self._sheet:
            raise NotRead(
                "sheet or range not found",
                f"{self._cells!r} is neither a range as A1:N13 nor a table of {self._sheet!r}",
            )
        row, column = table.start or (1, 0)
        # A table's cells begin below its header.
        return Block([table.columns, *table.to_python()], row, column + 1)


def check_range(cells: str) -> str | None:
    """Return why a range cannot be read, or None; a name may be a table's."""
    match = _RANGE.fullmatch(cells.strip())
    if match is None:
        # Excel takes no name that is a cell's address.
        is_cell = re.fullmatch(r"\$?[A-Za-z]{1,3}\$?[0-9]+", cells.strip())
        is_name = not is_cell and re.fullmatch(r"[A-Za-z_\\][A-Za-z0-9_.\\]*", cells.strip())
        return None if is_name else f"{cells!r} is no range as A1:N13 and no name"
    _, (row1, column1), (row2, column2) = _parsed(match)
    if row1 < 1 or row2 > _ROWS_MAX or column2 > _COLUMNS_MAX:
        return f"{cells!r} lies outside a sheet"
    if (row2 - row1 + 1) * (column2 - column1 + 1) > _CELLS_MAX:
        return f"{cells!r} holds more than {_CELLS_MAX} cells"
    return None


def _corners(cells: str) -> tuple[int, int, int, int] | None:
    match = _RANGE.fullmatch(cells.strip())
    if match is None:
        return None
    _, (row1, column1), (row2, column2) = _parsed(match)
    return row1, column1, row2, column2


def _parsed(match: "re.Match[str]") -> tuple[str, tuple[int, int], tuple[int, int]]:
    rows = sorted((int(match["r1"]), int(match["r2"])))
    columns = sorted((_number(match["c1"]), _number(match["c2"])))
    return match[0], (rows[0], columns[0]), (rows[1], columns[1])


def _cut(values: list[list[Any]], row1: int, column1: int, row2: int, column2: int) -> Block:
    cut = [row[column1 - 1 : column2] for row in values[row1 - 1 : row2]]
    return Block(cut, row1, column1)


def _number(letters: str) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def _reason(file: Path, fault: OSError) -> str:
    return f"{file.name}: {fault.strerror or fault}"


def _short(fault: Exception) -> str:
    text = " ".join(str(fault).split())
    return text if len(text) <= 100 else f"{text[:100]}…"
