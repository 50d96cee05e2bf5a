"""Find what files a lake has.

Room 55, lake. Reads the lake's own description and lists its folders, here or on S3;
gives the files of whole dates by what they hold.
"""

import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.fs

from thor.config import Settings
from thor.errors import Broken, NotFound, Refused, Rejected, Unavailable

FORMAT = 1
_PART = re.compile(r"/date=(?P<date>\d{4}-\d{2}-\d{2})/symbol=[^/]+/(?P<what>[a-z0-9_]+)\.parquet$")
_MANIFEST = re.compile(r"/date=(?P<date>\d{4}-\d{2}-\d{2})\.json$")
# DuckDB takes such a name for a pattern.
_PATTERN = re.compile(r"[*?\[]")


class Files(msgspec.Struct, frozen=True):
    """The files of a lake: paths by what they hold, `ticks`, `bars_1m` or a table's name."""

    filesystem: Any
    root: str
    parts: dict[str, list[str]]
    reference: dict[str, str]

    @property
    def is_plain(self) -> bool:
        """Whether DuckDB can open the paths by itself."""
        is_here = isinstance(self.filesystem, pyarrow.fs.LocalFileSystem)
        return is_here and not _PATTERN.search(self.root)


def lake_url(settings: Settings | None = None) -> str:
    """Return where the lake lies by the settings: THOR_LAKE_URL, else lake/ of the home."""
    settings = settings or Settings()
    return settings.lake_url or str(settings.home / "lake")


def found(url: str, first: date | None = None, last: date | None = None) -> Files:
    """Return the files of the trade dates from `first` to `last`, both ends included.

    A date counts once its manifest is there, which is written last: half a date is none.
    Raises `NotFound` where there is no lake, `Refused` where a newer Thor wrote it,
    `Unavailable` where it cannot be reached.
    """
    try:
        filesystem, root = _opened(url)
        _check(filesystem, root, url)
        whole = {
            held["date"]
            for path in _listed(filesystem, f"{root}/manifests")
            if (held := _MANIFEST.search(path))
            and (first is None or first.isoformat() <= held["date"])
            and (last is None or held["date"] <= last.isoformat())
        }
        parts: dict[str, list[str]] = {}
        for folder in ("ticks", "bars"):
            for path in _listed(filesystem, f"{root}/{folder}"):
                if (held := _PART.search(path)) and held["date"] in whole:
                    parts.setdefault(held["what"], []).append(path)
        reference = {
            Path(path).stem: path
            for path in _listed(filesystem, f"{root}/reference")
            if path.endswith(".parquet")
        }
    except OSError as error:
        raise Unavailable(f"lake: {url} cannot be read: {error}") from error
    return Files(filesystem, root, parts, reference)


def _opened(url: str) -> tuple[Any, str]:
    if "://" not in url:
        return pyarrow.fs.LocalFileSystem(), str(Path(url).expanduser().absolute())
    try:
        filesystem, root = pyarrow.fs.FileSystem.from_uri(url)
    except (pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError) as error:
        raise Rejected(
            f"lake: {url} is no place for one: write a folder, file:///… or s3://bucket/prefix"
        ) from error
    return filesystem, root.rstrip("/")


def _check(filesystem: Any, root: str, url: str) -> None:
    try:
        with filesystem.open_input_file(f"{root}/lake.json") as file:
            said = json.loads(file.read())
        written = int(said["format"])
    except FileNotFoundError as error:
        raise NotFound(
            f"lake: there is none at {url}; `thor export-to-parquet --date=YYYY-MM-DD` makes it, "
            "or name another by THOR_LAKE_URL"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise Broken(f"lake: lake.json at {url} does not say its format, {error!r}") from error
    if written > FORMAT:
        raise Refused(
            f"lake: {url} has format {written}, made by {said.get('made_by', 'a newer Thor')}; "
            f"this Thor reads formats up to {FORMAT}: update Thor"
        )


def _listed(filesystem: Any, folder: str) -> list[str]:
    asked = pyarrow.fs.FileSelector(folder, allow_not_found=True, recursive=True)
    return sorted(
        one.path for one in filesystem.get_file_info(asked) if one.type == pyarrow.fs.FileType.File
    )
