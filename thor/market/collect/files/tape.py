"""Open a tape: a file of recorded ticks, identified by its content, read in its own order.

Stage 20, collect. A path → source id, series and spans, then ticks; no file is held in memory
whole.
"""

from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from thor.domain.series import SeriesNames, parse_month_code
from thor.domain.tick import Tick
from thor.errors import Rejected
from thor.market.collect.files import columnar, columns, dbn, dbn_ticks
from thor.market.collect.files.fingerprint import Fingerprint, look
from thor.market.collect.files.survey import Span, under_root


class Tape(msgspec.Struct, frozen=True, kw_only=True):
    """A file of ticks, surveyed from end to end; `open_tape` makes one.

    `format` is parquet, csv or dbn; `schema` is neutral, mbp-1, tbbo or trades. `records` counts
    every record, refused ones included; `spans` has the series by symbol, without records that have
    no usable symbol or `ts`.
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
    fingerprint: Fingerprint
    names: SeriesNames
    # Roots whose records are left out.
    skipped: frozenset[str] = frozenset()

    def batches(self, rows_max: int = 1000) -> Iterator[list[Tick]]:
        """Yield the ticks in the file's order, at most `rows_max` in a list.

        An unreadable record is yielded too, with `refused` naming field and value. Raises
        `Rejected` where the file changed after it was opened.
        """
        if self.format == "dbn":
            pieces = dbn_ticks.ticks(
                self.path, self.source, self.as_root, self.first_ts, self.names
            )
        else:
            pieces = columns.ticks(
                self.path, self.format, self.source, self.as_root, self.first_ts, self.names
            )
        self.fingerprint.check_unchanged()
        for all_ in pieces:
            piece = all_ if not self.skipped else [tick for tick in all_ if not self._skips(tick)]
            for start in range(0, len(piece), rows_max):
                yield piece[start : start + rows_max]
        self.fingerprint.check_unchanged()

    def _skips(self, tick: Tick) -> bool:
        root = tick.symbol
        if tick.contract is not None and (code := parse_month_code(tick.contract)) is not None:
            root = code.root
        return root in self.skipped


def open_tape(path: Path, *, as_root: str | None = None, roots: Collection[str] = ()) -> Tape:
    """Survey a Parquet, CSV or Databento file, identified by its content and not by its name.

    `as_root` files a single-month tape under its root; none of the listed `roots` is read as a
    month. Raises `NotFound` where there is no file, `Rejected` where it is empty, cut short,
    damaged or of an unknown format.
    """
    fingerprint, names = look(path), SeriesNames(roots)
    if fingerprint.format == "dbn":
        found = dbn.survey(path, dbn_ticks.SCHEMAS, names)
    else:
        layout = columns.layout_of(path, fingerprint.format)
        found = columnar.survey(path, fingerprint.format, layout, names)
    if not found.records:
        raise Rejected(f"{path}: holds no records")
    if found.first_ts is None:
        raise Rejected(f"{path}: no record has both a symbol and a usable ts; {found.first_fault}")
    return Tape(
        path=path,
        source=f"TAPE:{fingerprint.hex8}",
        sha256=fingerprint.sha256,
        format=fingerprint.format,
        schema=found.schema,
        vendor=found.vendor,
        records=found.records,
        spans=found.spans if as_root is None else under_root(found.spans, as_root),
        as_root=as_root,
        first_ts=found.first_ts,
        fingerprint=fingerprint,
        names=names,
    )
