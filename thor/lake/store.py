"""The store of the lake's files: a folder, or a bucket through pyarrow's filesystem.

Stage 55, lake. Takes THOR_LAKE_URL; gives bytes by path. A file is written under a temporary name
and renamed: a reader finds the old one or the new one.
"""

import errno
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pyarrow as pa
from pyarrow import fs

from thor.config import Settings
from thor.errors import NotFound, Rejected, Unavailable
from thor.services.home import Home
from thor.services.nature import chosen, lake_folder

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS)
_BESIDE = ".part"
_CHUNK_BYTES = 1 << 22


def url_of(settings: Settings) -> str:
    """Return the lake's location: THOR_LAKE_URL, or a folder in Thor's home for each nature."""
    if settings.lake_url is not None:
        return settings.lake_url
    folder = lake_folder(chosen(Home(settings.home), settings))
    return str(settings.home.expanduser() / folder)


class Store:
    """The files of a lake by their paths below its root, parts joined by slashes."""

    def __init__(self, url: str, named_in: str = "THOR_LAKE_URL") -> None:
        """Take the URL; nothing is created or read yet.

        Raises `Rejected` for an invalid URL, and names the setting that gave it.
        """
        scheme = urlsplit(url).scheme
        if scheme in ("", "file") or "://" not in url:
            path = urlsplit(url).path if scheme == "file" else url
            self._folder: Path | None = Path(path).expanduser().absolute()
            self.filesystem: Any = fs.LocalFileSystem()
            root = self._folder.as_posix()
        else:
            self._folder = None
            try:
                self.filesystem, root = fs.FileSystem.from_uri(url)
            except (pa.ArrowException, OSError, ValueError) as error:
                raise Rejected(
                    f"{named_in}: {redacted(url)} is no place for one, {_message(error)}: write a "
                    "folder, file:///… or s3://bucket/prefix"
                ) from error
        # The path within the filesystem.
        self.root = root.rstrip("/")
        self.url = redacted(url) if self._folder is None else str(self._folder)

    @property
    def is_here(self) -> bool:
        """Whether the lake is a folder of this machine."""
        return self._folder is not None

    def locate(self, path: str) -> str:
        """Return a path with the lake's location."""
        return f"{self.url.partition('?')[0].rstrip('/')}/{path}"

    def exists(self, path: str) -> bool:
        """Return whether the file exists."""
        return self.size(path) is not None

    def size(self, path: str) -> int | None:
        """Return a file's bytes, or None where there is none."""
        with self._translated(path):
            info = self.filesystem.get_file_info(self._at(path))
        return int(info.size) if info.type == fs.FileType.File else None

    def read(self, path: str) -> bytes:
        """Return a file's content; `NotFound` where there is none."""
        with self.open(path) as file:
            return bytes(file.read())

    @contextmanager
    def open(self, path: str) -> Iterator[Any]:
        """Open a file for random access; `NotFound` where there is none."""
        with self._translated(path), self.filesystem.open_input_file(self._at(path)) as file:
            yield file

    def list(self, folder: str) -> list[str]:
        """Return the paths of all files below a folder, in order; none where there is no folder."""
        selector = fs.FileSelector(self._at(folder), recursive=True, allow_not_found=True)
        with self._translated(folder):
            found = self.filesystem.get_file_info(selector)
        start = len(self.root) + 1
        return sorted(info.path[start:] for info in found if info.type == fs.FileType.File)

    def delete(self, path: str) -> None:
        """Delete a file; a missing one is no error."""
        with self._translated(path), suppress(FileNotFoundError):
            self.filesystem.delete_file(self._at(path))

    def write(self, path: str, content: bytes) -> None:
        """Write a file, completely or not at all."""
        with self.new(path) as beside:
            beside.write_bytes(content)

    @contextmanager
    def new(self, path: str) -> Iterator[Path]:
        """Give a local file to fill, and store it when the block ends.

        A failed block leaves nothing. Raises `Unavailable` where the lake is full or may not be
        written.
        """
        with self._translated(path, is_new=True):
            if self._folder is None:
                with tempfile.TemporaryDirectory(prefix="thor-lake-") as folder:
                    file = Path(folder) / PurePosixPath(path).name
                    yield file
                    self._upload(file, path)
            else:
                yield from self._beside(self._folder / path)

    def sweep(self, folder: str) -> None:
        """Remove half-written files of a killed writer below a folder."""
        for path in self.list(folder):
            name = PurePosixPath(path).name
            if name.startswith(".") and name.endswith(_BESIDE):
                self.delete(path)

    def _beside(self, target: Path) -> Iterator[Path]:
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}{_BESIDE}")
        try:
            yield beside
            with beside.open("rb+") as file:
                os.fsync(file.fileno())
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)

    def _upload(self, file: Path, path: str) -> None:
        with file.open("rb") as read, self.filesystem.open_output_stream(self._at(path)) as written:
            while chunk := read.read(_CHUNK_BYTES):
                written.write(chunk)

    def _at(self, path: str) -> str:
        return f"{self.root}/{path}" if path else self.root

    @contextmanager
    def _translated(self, path: str, *, is_new: bool = False) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if isinstance(error, FileNotFoundError) and not is_new:
                raise NotFound(f"The lake has no {self.locate(path)}") from error
            raise Unavailable(f"{self.locate(path)}: {self._why(error)}") from error

    def _why(self, error: OSError) -> str:
        if error.errno in _FULL:
            return f"the disk is full ({_message(error)}): free some of it, then run this again"
        if error.errno in _CLOSED:
            return (
                f"may not be written ({_message(error)}): make it writable for this user, or name "
                "another location in THOR_LAKE_URL"
            )
        return _message(error)


def redacted(url: str) -> str:
    """Return a lake's URL without the key and secret that it may hold."""
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url
    return urlunsplit(parts._replace(netloc=f"***@{parts.netloc.rpartition('@')[2]}"))


def _message(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
