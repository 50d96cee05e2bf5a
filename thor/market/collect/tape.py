"""Open a tape: a file of recorded ticks, told by its content and read in its own order.

Room 20, collect. A path → source id, series and spans, then ticks; nothing is held in whole.
"""

import hashlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from thor.domain.tick import Tick
from thor.errors import NotFound, Rejected
from thor.market.collect import columns, dbn
from thor.market.collect.spans import Span, under_root

# A source id is `TAPE:` and so many hex digits of the content's SHA-256.
_SOURCE_HEX = 8


class Tape(msgspec.Struct, frozen=True, kw_only=True):
    """A file of ticks, surveyed from end to end; `open_tape` makes one.

    `format` is parquet, csv or dbn; `schema` is neutral, mbp-1, tbbo or trades. `records`
    counts every record, also those that the collector refuses; `spans` tells the series by
    symbol, without the records that have no usable symbol or `ts`.
    """

    path: Path
    source: str
    sha256: str
    format: str
    schema: str
    vendor: str | None
    records: int
    spans: dict[str, Span]
    as_root: str | None
    first_ts: datetime
    # Size and time of change: what is read has to be what was surveyed.
    signature: tuple[int, int]

    def batches(self, rows_max: int = 1000) -> Iterator[list[Tick]]:
        """Yield the ticks in the file's order, at most `rows_max` in a list.

        A record that cannot be vouched for comes too, with `refused` naming field and
        value. Raises `Rejected` where the file changed after it was opened.
        """
        if self.format == "dbn":
            pieces = dbn.ticks(self.path, self.source, self.as_root, self.first_ts)
        else:
            pieces = columns.ticks(self.path, self.format, self.source, self.as_root, self.first_ts)
        self._check_unchanged()
        for piece in pieces:
            for start in range(0, len(piece), rows_max):
                yield piece[start : start + rows_max]
        self._check_unchanged()

    def _check_unchanged(self) -> None:
        if _signature(self.path) != self.signature:
            raise Rejected(f"{self.path}: the file changed after it was opened; open it again")


def open_tape(path: Path, *, as_root: str | None = None) -> Tape:
    """Survey a Parquet, CSV or Databento file, told by its content and not by its name.

    `as_root` files a single-month tape under its root. Raises `NotFound` where there is no
    file, `Rejected` where it is empty, cut short, damaged or not of a form that is taken.
    """
    signature = _signature(path)
    try:
        form = _format(path)
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as fault:
        raise Rejected(f"{path}: cannot be read: {fault.strerror}") from fault
    found = dbn.survey(path) if form == "dbn" else columns.survey(path, form)
    if not found.records:
        raise Rejected(f"{path}: holds no records")
    if found.first_ts is None:
        raise Rejected(f"{path}: no record has both a symbol and a usable ts")
    return Tape(
        path=path,
        source=f"TAPE:{sha256[:_SOURCE_HEX]}",
        sha256=sha256,
        format=form,
        schema=found.schema,
        vendor=found.vendor,
        records=found.records,
        spans=found.spans if as_root is None else under_root(found.spans, as_root),
        as_root=as_root,
        first_ts=found.first_ts,
        signature=signature,
    )


def _signature(path: Path) -> tuple[int, int]:
    try:
        state = path.stat()
    except OSError as fault:
        raise NotFound(f"{path}: {fault.strerror}") from fault
    return state.st_size, state.st_mtime_ns


def _format(path: Path) -> str:
    # By the first bytes; a name that says otherwise means a damaged file.
    if not path.is_file():
        raise Rejected(f"{path}: is no file; a tape is one Parquet, CSV, .dbn or .dbn.zst file")
    with path.open("rb") as file:
        start = file.read(4)
    if not start:
        raise Rejected(f"{path}: is empty")
    if start == b"PAR1":
        return "parquet"
    if start[:3] == b"DBN" or start == dbn.ZSTD_MAGIC:
        return "dbn"
    for suffix, name in ((".parquet", "Parquet"), (".dbn", "DBN"), (".zst", "zstd")):
        if path.name.lower().endswith(suffix):
            raise Rejected(
                f"{path}: does not begin as a {name} file does, it is truncated or damaged"
            )
    return "csv"
