"""The lake's manifests: one for each trade date, one for the reference data.

Stage 55, lake. Reads and writes manifests/ and lake.json of a store. A date with a manifest is
complete: the manifest is written last.
"""

from datetime import date, datetime
from typing import Literal

import msgspec

import thor
from thor.errors import Broken, NotFound, Refused
from thor.lake.store import Store

FORMAT = 1
KINDS = ("ticks", "bars", "features", "reference")
REFERENCE = "manifests/reference.json"
_LAKE = "lake.json"
_SHOWN = "feature_rows.parquet"

Kind = Literal["ticks", "bars", "features", "reference"]


class _Made(msgspec.Struct, frozen=True):
    format: int
    made_by: str


class Lake(_Made, frozen=True):
    """The lake's description: the format of its files, and the nature of their data."""

    nature: str


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A file: its rows, their checksum, and the database's key for them.

    `content` is the checksum of the rows, see `thor.lake.fingerprint`; `key` is cheap to query, to
    know whether the rows have changed since. `day_ticks` are the ticks of the whole day of a
    stock's daily bar, those too that are filed under the next date; files of before have none.
    """

    path: str
    what: Kind
    symbol: str | None
    rows: int
    min_ts: datetime | None
    max_ts: datetime | None
    bytes: int
    sha256: str
    content: str
    source_rows: int
    key: str
    day_ticks: int | None = None


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The manifest of a trade date, or of the reference data, which has no date."""

    format: int
    trade_date: date | None
    exported_at: datetime
    nature: str
    edition: str
    is_closed: bool
    what: list[Kind]
    parts: list[Part]

    def of(self, kind: Kind) -> dict[str, Part]:
        """Return the parts of a kind by path."""
        return {part.path: part for part in self.parts if part.what == kind}

    def shown(self) -> list[Part]:
        """Return the parts with rows that models were shown."""
        return [part for part in self.parts if part.path.endswith(f"/{_SHOWN}")]


def ticks_path(day: date, symbol: str) -> str:
    """Return the path of the ticks of a symbol and trade date."""
    return f"ticks/date={day}/symbol={symbol}/ticks.parquet"


def bars_path(day: date, symbol: str, width: str) -> str:
    """Return the path of the bars of a symbol, trade date and width."""
    return f"bars/date={day}/symbol={symbol}/bars_{width}.parquet"


def features_path(day: date, symbol: str, width: str) -> str:
    """Return the path of the features of a symbol, trade date and width."""
    return f"features/date={day}/symbol={symbol}/matrix_{width}.parquet"


def shown_path(day: date, symbol: str) -> str:
    """Return the path of the rows of a symbol and trade date that models were shown."""
    return f"features/date={day}/symbol={symbol}/{_SHOWN}"


def reference_path(relation: str) -> str:
    """Return the path of a table of the reference data."""
    return f"reference/{relation.removeprefix('reference.')}.parquet"


def path_of(day: date | None) -> str:
    """Return the path of the manifest of a trade date, or of the reference data."""
    return REFERENCE if day is None else f"manifests/date={day}.json"


def unfinished_path(day: date | None) -> str:
    """Return the path of the progress of an export under way."""
    return path_of(day).replace("manifests/", "manifests/.")


def enter(store: Store, nature: str | None = None) -> Lake | None:
    """Return the lake's description, None for a new lake.

    Raises `Refused` for one that a newer Thor has written, or that is of another nature.
    """
    if not store.exists(_LAKE):
        return None
    content = store.read(_LAKE)
    try:
        # A newer format may have other fields.
        made = msgspec.json.decode(content, type=_Made)
        if made.format > FORMAT:
            raise Refused(
                f"The lake {store.url} has format {made.format}, made by {made.made_by}; this is "
                f"Thor {thor.__version__}, which knows up to {FORMAT}: update Thor, or name "
                "another lake in THOR_LAKE_URL"
            )
        found = msgspec.json.decode(content, type=Lake)
    except msgspec.DecodeError as error:
        raise Broken(f"{_LAKE} at {store.url} does not say its format: {error}") from error
    if nature is not None and found.nature != nature:
        raise Refused(
            f"The lake {store.url} holds {found.nature} data and the database {nature}: name "
            "another lake in THOR_LAKE_URL"
        )
    return found


def entered(store: Store) -> Lake:
    """Return the lake's description; `NotFound` where there is none, otherwise as `enter`."""
    found = enter(store)
    if found is None:
        raise NotFound(
            f"lake: there is none at {store.url}; `thor export-to-parquet --date=YYYY-MM-DD` "
            "makes it, or name another by THOR_LAKE_URL"
        )
    return found


def found_lake(store: Store, nature: str) -> None:
    """Write the description of a new lake."""
    if enter(store, nature) is None:
        lake = Lake(FORMAT, f"thor {thor.__version__}", nature)
        store.write(_LAKE, msgspec.json.format(msgspec.json.encode(lake)))


def read(store: Store, day: date | None) -> Manifest | None:
    """Return the manifest of a trade date, None where it was never exported whole."""
    return _read(store, path_of(day))


def unfinished(store: Store, day: date | None) -> Manifest | None:
    """Return the progress of an interrupted export."""
    return _read(store, unfinished_path(day))


def write(store: Store, manifest: Manifest, *, is_whole: bool = True) -> None:
    """Write a manifest, and remove the progress file."""
    content = msgspec.json.format(msgspec.json.encode(manifest))
    if not is_whole:
        store.write(unfinished_path(manifest.trade_date), content)
        return
    store.write(path_of(manifest.trade_date), content)
    store.delete(unfinished_path(manifest.trade_date))


def dates(store: Store) -> list[date]:
    """Return the trade dates that have a manifest, in order."""
    names = [path.rpartition("/")[2] for path in store.list("manifests")]
    return sorted(
        date.fromisoformat(name.removeprefix("date=").removesuffix(".json"))
        for name in names
        if name.startswith("date=") and name.endswith(".json")
    )


def known(store: Store, day: date | None) -> Manifest:
    """Return the manifest of a trade date; `NotFound` where there is none."""
    found = read(store, day)
    if found is None:
        what = "the reference data" if day is None else str(day)
        date_option = "" if day is None else f" --date {day}"
        raise NotFound(
            f"The lake {store.url} has no manifest of {what}: run `thor export-to-parquet"
            f"{date_option}` first"
        )
    return found


def _read(store: Store, path: str) -> Manifest | None:
    if not store.exists(path):
        return None
    try:
        found = msgspec.json.decode(store.read(path), type=Manifest)
    except msgspec.DecodeError as error:
        raise Broken(
            f"{store.locate(path)} is no manifest ({error}): delete it and export the date again"
        ) from error
    if found.format > FORMAT:
        raise Refused(f"{store.locate(path)} has format {found.format}: upgrade Thor to read it")
    return found
