"""Import a vendor's bars from a file into the database: validate each, then take all or none.

Stages: 20 collect → 40 bars. The same file again changes nothing: its id is its content, and a
bar's key is its symbol, width and start.
"""

from collections.abc import Callable
from decimal import Decimal
from math import gcd
from typing import Any

import msgspec

from thor import database
from thor.database import Connection
from thor.domain.bar import ImportedBar, check
from thor.domain.instrument import Listing
from thor.errors import NotFound, Refused, Rejected
from thor.market.bars.imported import BarFile, BarImport, Doubled
from thor.market.collect.files.bar_tape import BarTape
from thor.reference import instruments

# So many refused rows are shown, each in a line of its own.
_SHOWN_MAX = 20
# From this share on it is the listed grid that is doubtful, not the prices.
_GRID_SHARE = 0.1
# Prices are compared with a grid in units of 1e-8, the finest that the database stores.
_FINEST = Decimal("0.00000001")


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a file.

    `bars` is how many of its `records` are stored now, `written` how many of them are new.
    `refusals` names refused rows where others were taken without them, `left_out` counts the
    vendor's days on a weekend, whose trade dates do not exist.
    """

    file: str
    records: int
    bars: int
    written: int
    refused: int = 0
    refusals: tuple[str, ...] = ()
    left_out: int = 0
    is_new: bool = True


def import_bars(
    connection: Connection[Any],
    tape: BarTape,
    *,
    replace: bool = False,
    skip_refused: bool = False,
    on_progress: Callable[[int], None] = lambda _: None,
) -> Imported:
    """Import a file's bars in one transaction, all of them or none.

    Raises `NotFound` for a symbol that is not listed, `Rejected` for a file with bad rows unless
    those are to be skipped, `Refused` where bars of another file are stored already, unless they
    are to be replaced. `on_progress` is called with the number of rows read so far.
    """
    name = tape.path.name
    with database.transaction(connection):
        bar_import = BarImport(connection, _bar_file(tape))
        known = bar_import.known()
        if known is not None and not replace:
            if not set(known.symbols) <= set(tape.spans):
                raise Refused(
                    f"{name}: was imported as {', '.join(known.symbols)}, not as "
                    f"{', '.join(sorted(tape.spans))}; --replace imports it again"
                )
            return Imported(
                file=tape.file, records=tape.records, bars=known.bars, written=0, is_new=False
            )
        validator = BarValidator(_listing(connection, tape, skip_unlisted=skip_refused))
        bar_import.open_stage()
        read = 0
        for bars in tape.batches():
            bar_import.stage(validator.good(bars, read + 1))
            read += len(bars)
            on_progress(read)
        validator.refuse(bar_import.remove_doubled())
        if validator.refused and (not skip_refused or validator.refused == read):
            raise Rejected(validator.summary(name, read))
        if validator.left_out == read - validator.refused:
            raise Rejected(f"{name}: ts: none of its {read} days is a trade date, Monday to Friday")
        written = bar_import.take(replace=replace)
    return Imported(
        file=tape.file,
        records=read,
        bars=read - validator.refused - validator.left_out,
        written=written,
        refused=validator.refused,
        refusals=tuple(validator.refusals()),
        left_out=validator.left_out,
        is_new=known is None,
    )


class BarValidator:
    """Separates the good bars of one file from the refused ones, with the reasons."""

    def __init__(self, listing: Listing) -> None:
        """Take the listing."""
        self._listing = listing
        self._first: list[tuple[int, str]] = []
        self.refused = 0
        self.left_out = 0
        # By root: bars checked, bars off the grid, and the grid that all their prices fit.
        self._checked: dict[str, int] = {}
        self._off: dict[str, int] = {}
        self._grids: dict[str, int] = {}

    def good(self, bars: list[ImportedBar], first_row: int) -> list[tuple[int, ImportedBar]]:
        """Return the bars that may be loaded, each with its row in the file."""
        taken = []
        for row, bar in enumerate(bars, first_row):
            if bar.is_of_weekend and bar.refused is None:
                self.left_out += 1
                continue
            refusal = check(bar, self._listing)
            if refusal is None:
                taken.append((row, bar))
            else:
                self._refuse(row, str(refusal))
            self._count(bar, is_good=refusal is None)
        return taken

    def refuse(self, doubled: list[Doubled]) -> None:
        """Refuse bars whose key an earlier row has."""
        for bar in doubled:
            self._refuse(
                bar.row,
                f"bar_start: {bar.bar_start.isoformat()} of {bar.symbol} {bar.width} overlaps "
                f"row {bar.first_row}, which has the same",
            )

    def refusals(self) -> list[str]:
        """Return the first refused rows, a line each, and how many others there are."""
        lines = [f"row {row}: {reason}" for row, reason in sorted(self._first)[:_SHOWN_MAX]]
        more = self.refused - len(lines)
        return [*lines, f"and {more} more"] if more else lines

    def summary(self, name: str, read: int) -> str:
        """Return why the file is refused, a line for each row that is shown."""
        lines = [f"{name}: {self.refused} of {read} bars refused, none imported"]
        lines += [f"  {line}" for line in self.refusals()]
        for root, off in self._off.items():
            if off > _SHOWN_MAX and off >= self._checked[root] * _GRID_SHARE:
                grid = (self._grids[root] * _FINEST).normalize()
                listed = self._listing.instruments[root].quote_increment
                lines.append(
                    f"  {off} of {self._checked[root]} bars of {root} are off its grid of "
                    f"{listed:f}; {grid:f} would take them: "
                    f"`thor instruments add {root} --quote-increment {grid:f}`"
                )
        if self.refused < read:
            lines.append("  correct the file, or take the other bars with --skip-refused")
        return "\n".join(lines)

    def _refuse(self, row: int, reason: str) -> None:
        self.refused += 1
        self._first.append((row, reason))
        if len(self._first) > 2 * _SHOWN_MAX:
            self._first = sorted(self._first)[:_SHOWN_MAX]

    def _count(self, bar: ImportedBar, *, is_good: bool) -> None:
        instrument = self._listing.instrument(bar.symbol)
        if instrument is None:
            return
        root = instrument.symbol
        self._checked[root] = self._checked.get(root, 0) + 1
        if is_good:
            return
        units = [
            int(price / _FINEST)
            for price in (bar.open, bar.high, bar.low, bar.close)
            if price is not None and price.is_finite() and price.adjusted() < 10
        ]
        listed = int(instrument.quote_increment / _FINEST)
        if any(unit % listed for unit in units):
            self._off[root] = self._off.get(root, 0) + 1
            self._grids[root] = gcd(self._grids.get(root, listed), *units)


def _listing(connection: Connection[Any], tape: BarTape, *, skip_unlisted: bool) -> Listing:
    # Months are listed automatically under their roots; roots are not.
    listing = instruments.listing(connection)
    roots = {span.root for span in tape.spans.values()}
    unlisted = sorted(roots - set(listing.instruments))
    if unlisted and not skip_unlisted:
        skip = "--skip-refused" if len(unlisted) < len(roots) else None
        raise NotFound(instruments.unlisted(tape.path.name, unlisted, skip))
    months = [
        (span.symbol, span.root)
        for span in tape.spans.values()
        if span.symbol != span.root and span.root in listing.instruments
    ]
    instruments.add_months(connection, months)
    return instruments.listing(connection)


def _bar_file(tape: BarTape) -> BarFile:
    return BarFile(
        file=tape.file,
        sha256=tape.fingerprint.sha256,
        file_name=tape.path.name,
        format=tape.fingerprint.format,
        vendor=tape.vendor,
        records=tape.records,
    )
