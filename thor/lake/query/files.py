"""Find the files of a lake.

Stage 55, lake. Reads the lake's own description and lists its folders, here or on S3; gives the
files of complete dates by their contents.
"""

import re
from datetime import date
from pathlib import Path

import msgspec

from thor.errors import Unavailable
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

    @property
    def is_plain(self) -> bool:
        """Whether DuckDB can open the paths by itself."""
        return self.store.is_here and not _PATTERN.search(self.store.root)


def found(url: str, first: date | None = None, last: date | None = None) -> Files:
    """Return the files of the trade dates from `first` to `last`, both ends included.

    Only dates with a manifest count, which is written last. Raises `NotFound` where there is no
    lake, `Refused` where a newer Thor wrote it, `Unavailable` where it cannot be reached.
    """
    store = Store(url, named_in="lake")
    try:
        manifest.entered(store)
        whole = {
            day.isoformat()
            for day in manifest.dates(store)
            if (first is None or first <= day) and (last is None or day <= last)
        }
        parts: dict[str, list[str]] = {}
        for folder in ("ticks", "bars", "features"):
            for path in store.list(folder):
                if (part := _PART.search(path)) and part["date"] in whole:
                    parts.setdefault(part["what"], []).append(f"{store.root}/{path}")
        reference = {
            Path(path).stem: f"{store.root}/{path}"
            for path in store.list("reference")
            if path.endswith(".parquet")
        }
    except Unavailable as error:
        raise Unavailable(f"lake: {error}") from error
    return Files(store, parts, reference)
