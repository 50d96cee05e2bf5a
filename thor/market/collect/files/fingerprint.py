"""Identify a file by its content: its format by its first bytes, its id by its SHA-256.

Stage 20, collect. A path → its `Fingerprint`, which also knows whether the file has changed.
"""

import hashlib
from pathlib import Path

import msgspec

from thor.errors import NotFound, Rejected
from thor.market.collect.files.dbn import ZSTD_MAGIC

# An id is a prefix and so many hex digits of the content's SHA-256.
_ID_HEX = 8


class Fingerprint(msgspec.Struct, frozen=True, kw_only=True):
    """A file's identity, independent of its name; `format` is parquet, csv or dbn."""

    path: Path
    format: str
    sha256: str
    # Size and time of change: the file that is read must be the one that was surveyed.
    signature: tuple[int, int]

    @property
    def hex8(self) -> str:
        """The digits used in ids."""
        return self.sha256[:_ID_HEX]

    def check_unchanged(self) -> None:
        """Raise `Rejected` where the file has changed since."""
        if _signature(self.path) != self.signature:
            raise Rejected(f"{self.path}: the file changed after it was opened; open it again")


def look(path: Path) -> Fingerprint:
    """Read a file once from end to end and return its identity.

    Raises `NotFound` where there is no file, `Rejected` where it is empty, cannot be read or does
    not begin as its name says.
    """
    signature = _signature(path)
    try:
        form = _format(path)
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as fault:
        raise Rejected(f"{path}: cannot be read: {fault.strerror}") from fault
    return Fingerprint(path=path, format=form, sha256=sha256, signature=signature)


def _signature(path: Path) -> tuple[int, int]:
    try:
        state = path.stat()
    except OSError as fault:
        raise NotFound(f"{path}: {fault.strerror}") from fault
    return state.st_size, state.st_mtime_ns


def _format(path: Path) -> str:
    # By the first bytes; a suffix that contradicts them means a damaged file.
    if not path.is_file():
        raise Rejected(f"{path}: is no file; give one Parquet, CSV, .dbn or .dbn.zst file")
    with path.open("rb") as file:
        start = file.read(4)
    if not start:
        raise Rejected(f"{path}: is empty")
    if start == b"PAR1":
        return "parquet"
    if start[:3] == b"DBN" or start == ZSTD_MAGIC:
        return "dbn"
    if start[:2] == b"\x1f\x8b":
        raise Rejected(f"{path}: is packed with gzip; unpack it first: `gunzip --keep {path.name}`")
    for suffix, name in ((".parquet", "Parquet"), (".dbn", "DBN"), (".zst", "zstd")):
        if path.name.lower().endswith(suffix):
            raise Rejected(
                f"{path}: does not begin as a {name} file does, it is truncated or damaged"
            )
    return "csv"
