"""Read the description of a dump: the versions and the edition of its database.

Reads a file of pg_dump with pg_restore; gives an `Archive`.
"""

import re
from pathlib import Path

import msgspec

from thor.config import Settings
from thor.database import pg_tools
from thor.database.pg_tools import Tool
from thor.errors import NotFound, Rejected

_HEADER = re.compile(r"^; +Dumped from database version: (\S+)", re.MULTILINE)
_COLUMNS = re.compile(r"^COPY \S+ \(([^)]*)\) FROM stdin;$", re.MULTILINE)
_END = "\n\\.\n"
# Any installed version can read a dump of its own version or older.
_ANY_MAJOR = 16


class Archive(msgspec.Struct, frozen=True):
    """A dump: its file, the versions it was made with, and its database's edition and nature."""

    file: Path
    edition: str
    nature: str
    postgres: str
    timescaledb: str | None


def read(file: Path, settings: Settings) -> Archive:
    """Return the description of a dump; raises Rejected where it is not of a Thor database."""
    if not file.is_file():
        raise NotFound(f"{file}: there is no such file")
    tool = pg_tools.find("pg_restore", _ANY_MAJOR, settings)
    try:
        header = _HEADER.search(pg_tools.output_of(tool, "--list", file))
        made = _table(tool, file, "ops", "edition")
        catalogue = _table(tool, file, "_timescaledb_catalog", "metadata")
    except pg_tools.Failed as error:
        raise Rejected(f"{file} cannot be read as a dump: {error}") from error
    if header is None or not made:
        raise Rejected(f"{file} is no dump of a database of Thor's: it has no ops.edition")
    versions = [row["value"] for row in catalogue if row["key"] == "timescaledb_version"]
    is_community = made[0]["edition"] == "timescale"
    return Archive(
        file,
        made[0]["edition"],
        made[0]["nature"],
        header[1],
        versions[0] if versions and is_community else None,
    )


def _table(tool: Tool, file: Path, schema: str, table: str) -> list[dict[str, str]]:
    asked = ("--data-only", f"--schema={schema}", f"--table={table}", "--file=-")
    output = pg_tools.output_of(tool, *asked, file)
    found = _COLUMNS.search(output)
    if found is None:
        return []
    columns = found[1].split(", ")
    lines = output[found.end() :].partition(_END)[0].strip("\n").splitlines()
    return [dict(zip(columns, line.split("\t"), strict=True)) for line in lines]
