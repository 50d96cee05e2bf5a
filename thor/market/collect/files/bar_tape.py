"""Open a vendor's file of bars, identified by its content and not by its name.

Stage 20, collect. A path → file id and series, then `ImportedBar`; no file is held in memory whole.
"""

from collections.abc import Collection, Iterator
from pathlib import Path

import msgspec

from thor.domain.bar import ImportedBar
from thor.domain.series import SeriesNames
from thor.errors import Rejected
from thor.market.collect.files import bar_columns, bar_dbn, columnar, dbn
from thor.market.collect.files.fingerprint import Fingerprint, look
from thor.market.collect.files.survey import Span, under_root


class BarTape(msgspec.Struct, frozen=True, kw_only=True):
    """A file of bars, surveyed from end to end; `open_bars` makes one.

    `file` is its id, `BARS:` and 8 hex of the content's SHA-256; `format` is parquet, csv or dbn;
    `schema` is neutral or one of ohlcv. `records` counts every record, refused ones included;
    `spans` has the series by symbol, without records that have no usable symbol or `ts`.
    """

    path: Path
    file: str
    schema: str
    vendor: str | None
    records: int
    spans: dict[str, Span]
    as_root: str | None
    fingerprint: Fingerprint
    names: SeriesNames

    @property
    def format(self) -> str:
        """Its format, with the schema where the format has several."""
        form = self.fingerprint.format
        return form if self.schema == "neutral" else f"{form} {self.schema}"

    def batches(self) -> Iterator[list[ImportedBar]]:
        """Yield the bars in the file's order, some thousands in a list.

        An unreadable record is yielded too, with `refused` naming field and value. Raises
        `Rejected` where the file changed after it was opened.
        """
        self.fingerprint.check_unchanged()
        if self.fingerprint.format == "dbn":
            yield from bar_dbn.bars(self.path, self.as_root, self.names)
        else:
            yield from bar_columns.bars(
                self.path, self.fingerprint.format, self.as_root, self.names
            )
        self.fingerprint.check_unchanged()


def open_bars(path: Path, *, as_root: str | None = None, roots: Collection[str] = ()) -> BarTape:
    """Survey a Parquet, CSV or Databento file of bars.

    `as_root` files a single-month file under its root; none of the listed `roots` is read as a
    month. Raises `NotFound` where there is no file, `Rejected` where it is empty, cut short,
    damaged or of an unknown format.
    """
    fingerprint, names = look(path), SeriesNames(roots)
    if fingerprint.format == "dbn":
        found = dbn.survey(path, bar_dbn.SCHEMAS, names)
    else:
        found = columnar.survey(path, fingerprint.format, bar_columns.LAYOUT, names)
    if not found.records:
        raise Rejected(f"{path}: holds no records")
    return BarTape(
        path=path,
        file=f"BARS:{fingerprint.hex8}",
        schema=found.schema,
        vendor=found.vendor,
        records=found.records,
        spans=found.spans if as_root is None else under_root(found.spans, as_root),
        as_root=as_root,
        fingerprint=fingerprint,
        names=names,
    )
