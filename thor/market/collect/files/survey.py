"""Survey a tape: its series, their first and last times, and their numbers of records.

Stage 20, collect. A reader's first pass fills a `Survey`; nothing is published before it is done.
"""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from thor.errors import Rejected


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """One series of a tape: its first and last `ts` (aware, UTC) and its count of records.

    `contract` is the month where the tape names one, `root` the instrument behind it.
    """

    symbol: str
    contract: str | None
    root: str
    first_ts: datetime
    last_ts: datetime
    records: int


class Survey(msgspec.Struct, kw_only=True):
    """The result of the first pass over a tape.

    `records` counts every record; a record without a usable symbol or `ts` is in no span.
    `first_ts` is the first usable time in the file's own order, `first_fault` why the first
    record is refused that is.
    """

    schema: str
    vendor: str | None = None
    records: int = 0
    first_ts: datetime | None = None
    first_fault: str | None = None
    spans: dict[str, Span] = {}

    def note(self, rows: Iterable[tuple[str, str | None, datetime]]) -> None:
        """Add records, each given as root, month and `ts`, to their spans."""
        found: dict[tuple[str, str | None], list[datetime]] = {}
        for root, contract, ts in rows:
            found.setdefault((root, contract), []).append(ts)
            if self.first_ts is None:
                self.first_ts = ts
        for (root, contract), times in found.items():
            span = Span(
                symbol=contract or root,
                contract=contract,
                root=root,
                first_ts=min(times),
                last_ts=max(times),
                records=len(times),
            )
            known = self.spans.get(span.symbol)
            self.spans[span.symbol] = span if known is None else _joined(known, span)


def under_root(spans: dict[str, Span], root: str) -> dict[str, Span]:
    """Return the spans of a single-month tape as one series under its root.

    Raises `Rejected` where the tape holds several months, or another root.
    """
    others = sorted({span.root for span in spans.values()} - {root})
    if others:
        raise Rejected(f"--as {root}: the tape holds {_listed(others)}, not {root} alone")
    months = sorted(span.contract for span in spans.values() if span.contract is not None)
    if len(months) > 1:
        raise Rejected(
            f"--as {root}: the tape holds {len(months)} months ({_listed(months)}); "
            "only a single-month tape can be filed under its root"
        )
    whole: Span | None = None
    for span in spans.values():
        named = msgspec.structs.replace(span, symbol=root)
        whole = named if whole is None else _joined(whole, named)
    return {} if whole is None else {root: whole}


def _joined(one: Span, other: Span) -> Span:
    return msgspec.structs.replace(
        one,
        contract=one.contract or other.contract,
        first_ts=min(one.first_ts, other.first_ts),
        last_ts=max(one.last_ts, other.last_ts),
        records=one.records + other.records,
    )


def _listed(names: list[str], most: int = 20) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
