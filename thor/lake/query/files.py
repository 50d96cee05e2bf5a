"""Find the files of a lake.

Stage 55, lake. Reads the lake's own description and lists its folders, here or on S3; gives the
files of complete dates by their contents.
"""

import re
from datetime import date
from pathlib import Path

import msgspec

from thor.errors import Broken, Unavailable
from thor.lake import manifest
from thor.lake.store import Store

_PART = re.compile(r"/date=(?P<date>\d{4}-\d{2}-\d{2})/symbol=[^/]+/(?P<what>[a-z0-9_]+)\.parquet$")
# DuckDB would read such a name as a pattern.
_PATTERN = re.compile(r"[*?\[]")


class Files(msgspec.Struct, frozen=True):
    """The files of a lake: paths by contents, `ticks`, `bars_1m` or a table's name."""

    store: Store
    parts: dict[str, list[str]]
    reference: dict[str, str]
    # Dates whose export is under way or was interrupted: none of their files is read.
    under_way: list[date]

    @property
    def is_plain(self) -> bool:
        """Whether DuckDB can open the paths by itself."""
        return self.store.is_here and not _PATTERN.search(self.store.root)


def found(url: str, first: date | None = None, last: date | None = None) -> Files:
    """Return the files of the trade dates from `first` to `last`, both ends included.

    Only dates with a manifest count, which is written last. Raises `NotFound` where there is no
    lake, `Refused` where a newer Thor wrote it, `Unavailable` where it cannot be reached, `Broken`
    where a date's manifest cannot be read, or is missing though no export is under way.
    """
    store = Store(url, named_in="lake")

    def is_asked(day: date) -> bool:
        return (first is None or first <= day) and (last is None or day <= last)

    try:
        manifest.entered(store)
        states = manifest.states(store)
        dates = {day for day, is_whole in states.items() if is_whole and is_asked(day)}
        manifest.check(store, dates)
        whole = {day.isoformat() for day in dates}
        others: set[date] = set()
        parts: dict[str, list[str]] = {}
        for folder in ("ticks", "bars", "features"):
            for path in store.list(folder):
                part = _PART.search(path)
                if part and part["date"] in whole:
                    parts.setdefault(part["what"], []).append(f"{store.root}/{path}")
                elif part:
                    others.add(date.fromisoformat(part["date"]))
        # An export may have begun meanwhile.
        states |= manifest.states(store) if others - states.keys() else {}
        reference = {
            Path(path).stem: f"{store.root}/{path}"
            for path in store.list("reference")
            if path.endswith(".parquet")
        }
    except Unavailable as error:
        raise Unavailable(f"lake: {error}") from error
    if unknown := sorted(day for day in others - states.keys() if is_asked(day)):
        more = f" (and {len(unknown) - 1} more)" if len(unknown) > 1 else ""
        raise Broken(
            f"lake: {unknown[0]}{more} has files but no manifest, so some may be missing: "
            f"`thor export-to-parquet --date {unknown[0]}` writes it; a first and a last date "
            "leave the date out"
        )
    under_way = sorted(day for day in states.keys() - dates if is_asked(day))
    return Files(store, parts, reference, under_way)
