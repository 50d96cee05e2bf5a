"""Write the bars of a vendor's file into the database, all of them or none.

Stage 40, bars. Takes `ImportedBar`; gives market.bars_imported and market.bar_files. The same file
may be imported any number of times.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from thor import database
from thor.database import Connection
from thor.domain.bar import ImportedBar
from thor.errors import Refused

_COLUMN_TYPES = [
    "int8", "text", "text", "timestamptz", "numeric", "numeric", "numeric", "numeric",
    "int8", "int8", "int8", "int8", "int8", "timestamptz", "timestamptz",
]  # fmt: skip
# Of which width each is made where no file has it, the finest first.
_NARROWER = {"1m": "1s", "5m": "1m", "1h": "5m", "1d": "1h"}
_WIDTHS = ("1s", *_NARROWER)


class BarFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of bars as market.bar_files knows it; `records` counts all of its records."""

    file: str
    sha256: str
    file_name: str
    format: str
    vendor: str | None
    records: int


class KnownFile(msgspec.Struct, frozen=True):
    """A file that was imported before: its symbols, and how many of its bars are still stored."""

    file_name: str
    symbols: tuple[str, ...]
    bars: int


class Doubled(msgspec.Struct, frozen=True):
    """A bar whose key an earlier row of the same file has; rows count from 1."""

    row: int
    first_row: int
    symbol: str
    width: str
    bar_start: datetime


class BarImport:
    """The import of one file: staged piece by piece, then written as a whole.

    It runs within one transaction, which the caller opens and which a failure rolls back.
    """

    def __init__(self, connection: Connection[Any], file: BarFile) -> None:
        """Take a connection inside a transaction; other imports wait until it ends."""
        self._connection = connection
        self._file = file
        database.rows(connection, "lock_bars_imported")

    def known(self) -> KnownFile | None:
        """Return the earlier import of this file, or None where there was none.

        Raises `Refused` where another file has the same 8 hex of its SHA-256.
        """
        found = database.row(self._connection, "bar_file", {"file": self._file.file})
        if found is None:
            return None
        if found["sha256"] != self._file.sha256:
            raise Refused(
                f"file: {self._file.file} already stands for {found['file_name']}, another file"
            )
        return KnownFile(found["file_name"], tuple(found["symbols"]), found["bars"])

    def open_stage(self) -> None:
        """Create the table in which bars are staged until the whole file is known to be good."""
        database.rows(self._connection, "create_bar_stage")
        database.rows(self._connection, "create_bars_touched")

    def stage(self, bars: Iterable[tuple[int, ImportedBar]]) -> None:
        """Add checked bars, each with its row in the file, counted from 1."""
        with database.copy_into(self._connection, "copy_bar_stage", _COLUMN_TYPES) as copy:
            for row, bar in bars:
                copy.write_row(
                    (
                        row, bar.symbol, bar.width, bar.bar_start, bar.open, bar.high, bar.low,
                        bar.close, bar.volume, bar.volume_buy, bar.volume_sell, bar.trades,
                        bar.open_interest, bar.ends_at, bar.imported_at,
                    )
                )  # fmt: skip

    def remove_doubled(self) -> list[Doubled]:
        """Remove staged bars whose key an earlier row has, and return them."""
        found = database.rows(self._connection, "remove_doubled_bars")
        doubled = [
            Doubled(row["place"], row["first_place"], row["symbol"], row["width"], row["bar_start"])
            for row in found
        ]
        return sorted(doubled, key=lambda bar: bar.row)

    def remove_standing(self) -> int:
        """Take bars out of the stage that stand already, of whichever file; returns how many stay.

        Bars of this very file stay in the stage too: what is not in it is removed.
        """
        database.rows(self._connection, "remove_standing_bars", {"file": self._file.file})
        found = database.row(self._connection, "bars_staged") or {}
        return int(found["bars"])

    def take(self, *, replace: bool, makes_wider: bool = True) -> int:
        """Write the staged bars; returns how many were new or different.

        Wider bars are made of them where no file has them. Raises `Refused` where another file
        has bars of the same keys, unless these are to be replaced.
        """
        if not replace:
            self._refuse_overlap()
        database.rows(self._connection, "put_bar_file", msgspec.structs.asdict(self._file))
        values = {"file": self._file.file}
        database.rows(self._connection, "remove_left_bars", values)
        written = database.execute(self._connection, "merge_bar_stage", values).rowcount
        if makes_wider:
            self._make_wider()
        return written

    def _make_wider(self) -> None:
        found = {row["width"] for row in database.rows(self._connection, "touched_widths")}
        for width, narrower in _NARROWER.items():
            touched = [one for one in _WIDTHS[: _WIDTHS.index(width) + 1] if one in found]
            if touched:
                values = {"width": width, "narrower": narrower, "touched": touched}
                database.rows(self._connection, "make_wider_bars", values)

    def _refuse_overlap(self) -> None:
        found = database.row(self._connection, "overlapping_bars", {"file": self._file.file})
        if found is not None:
            raise Refused(
                f"{self._file.file_name}: {found['bars']} of its bars overlap those of "
                f"{found['file_name']} ({found['file']}), the first is {found['symbol']} "
                f"{found['width']} at {found['bar_start'].isoformat()}; --replace replaces "
                "them"
            )


def remake_days(connection: Connection[Any], symbols: list[str]) -> None:
    """Make the daily bars of series anew that were made of narrower ones, within a transaction.

    For series whose trade date begins at another hour than when the bars were imported.
    """
    database.rows(connection, "lock_bars_imported")
    database.rows(connection, "create_bars_touched")
    database.rows(connection, "touch_days", {"symbols": symbols})
    values = {"width": "1d", "narrower": _NARROWER["1d"], "touched": ["1h", "1d"]}
    database.rows(connection, "make_wider_bars", values)
